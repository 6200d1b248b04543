/* PKCS#12 files (PFX, RFC 7292): certificates and one private key under a password. Made by `openssl pkcs12`, Windows, Azure, Java. */
#ifndef PLATFORM_PFX_H
#define PLATFORM_PFX_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

#define PFX_CERTIFICATES_MAX 16
/* Rounds of key derivation: Windows takes 2,000, Azure and browsers up to 600,000. */
#define PFX_ROUNDS_MAX 2000000u

struct pfx {
    struct slice certificates[PFX_CERTIFICATES_MAX]; /* DER, in the order of the file */
    unsigned n;
    struct slice key; /* PKCS#8 DER; empty: the file has none */
};

/* Read der (it is checked by its MAC); results in the arena. Takes as long as the file asks for: seconds at worst. */
bool pfx_read(struct arena *a, struct slice der, struct slice password, struct pfx *out, struct err *err);
/* The key inside an EncryptedPrivateKeyInfo (PKCS#8, "BEGIN ENCRYPTED PRIVATE KEY"). */
bool pfx_decrypt_key(struct arena *a, struct slice der, struct slice password, struct slice *key, struct err *err);

#endif
