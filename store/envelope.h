/* Signed envelopes (sync.md d2): the raw bytes are signed, no canonical JSON anywhere.
 *
 *   envelope  = "EC1" SP type SP length LF payload LF *( signature LF )
 *   signature = keyid SP base64url-of-DER
 *
 * keyid: the first 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo. Signed are the bytes from "EC1" to the end of the payload. The same bytes are stored and verified
 * again at each boot. */
#ifndef STORE_ENVELOPE_H
#define STORE_ENVELOPE_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/crypto.h"

/* An m-of-n root of a large organisation has a handful of keys. */
#define ENVELOPE_SIGNATURES_MAX 16u
#define ENVELOPE_KEYID_BYTES 16u

struct envelope_signature {
    struct slice keyid;
    struct slice der; /* decoded, in the arena */
};

struct envelope {
    struct slice type, payload;
    struct slice signed_bytes; /* head and payload */
    struct slice whole;        /* all of it: what is stored and hashed */
    struct envelope_signature signatures[ENVELOPE_SIGNATURES_MAX];
    size_t n;
};

/* The text begins as an envelope does: what a captive portal sends does not. */
bool envelope_has_magic(struct slice text);
/* Cut the first envelope off *rest. Only the one spelling of lengths, key ids and signatures that
 * envelope_put writes is taken, so that no byte of it can change unseen. Nothing of the payload is
 * looked at. */
bool envelope_parse(struct arena *a, struct slice *rest, struct envelope *out, struct err *err)
    WARN_UNUSED;
/* Write an envelope signed by each of the private keys. */
bool envelope_put(struct buf *b, struct slice type, struct slice payload,
                  const struct crypto_key *const *keys, size_t n, struct err *err) WARN_UNUSED;
/* The key id of a key, zero-terminated, and all of the SHA-256 it begins. */
bool envelope_keyid(const struct crypto_key *key, char id[ENVELOPE_KEYID_BYTES + 1],
                    uint8_t hash[CRYPTO_SHA256_BYTES], struct err *err) WARN_UNUSED;

#endif
