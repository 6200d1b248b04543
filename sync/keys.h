/* Signing keys in files: FILE (PEM, 0600) and FILE.pub. */
#ifndef SYNC_KEYS_H
#define SYNC_KEYS_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/crypto.h"

/* "sha256:" and 64 hex digits of the SHA-256 of the SubjectPublicKeyInfo, zero-terminated. */
#define SYNC_FINGERPRINT_MAX 72
void sync_key_fingerprint(const struct crypto_key *key, char out[SYNC_FINGERPRINT_MAX]);

/* `keygen --use sign`: a new P-256 key in path (0600) and path.pub. Never overwrites either. */
bool sync_keygen(const char *path, char fingerprint[SYNC_FINGERPRINT_MAX], struct err *err)
    WARN_UNUSED;
/* Read a private key file; err names the file. crypto_key_free is the caller's. */
bool sync_key_read_private(const char *path, struct crypto_key **out, struct err *err) WARN_UNUSED;
/* Read a public key file (a private one gives its public part). */
bool sync_key_read_public(const char *path, struct crypto_key **out, struct err *err) WARN_UNUSED;

#endif
