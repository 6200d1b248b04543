/* Keys that verify tokens, and the documents that they come in: JSON Web Keys (RFC 7517, RFC 7518 6), OpenID Connect discovery.
 * Pure data, no library's object in it: a key is its bytes, so that a program or a snapshot of a provider can hold it. */
#ifndef POLICY_JWK_H
#define POLICY_JWK_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/crypto.h"
#include "platform/json.h"

/* JWT_KEY_PRIVATE: an RSA key that decrypts; the others verify. */
enum jwt_key_kind { JWT_KEY_SECRET, JWT_KEY_RSA, JWT_KEY_P256, JWT_KEY_P384, JWT_KEY_P521, JWT_KEY_PRIVATE };

struct jwt_key {
    enum jwt_key_kind kind;
    struct slice id;    /* "kid"; empty: none */
    struct slice bytes; /* the secret, DER SubjectPublicKeyInfo, or a private key as PEM or DER */
    uint8_t mark[CRYPTO_SHA256_BYTES]; /* SHA-256 of bytes: its name in jwt_cache.h */
};

struct jwt_keys {
    const struct jwt_key *v;
    unsigned n;
};

/* Text is borrowed; whoever keeps the key keeps it. */
void jwt_key_from_secret(struct jwt_key *out, struct slice id, struct slice secret);
/* The key is read once, to know its kind and that it is sound. RSA of less than JWT_RSA_BITS_MIN and other curves are refused.
 * May take milliseconds, as the next does: never on a carrier. */
#define JWT_RSA_BITS_MIN 1024u
bool jwt_key_from_spki(struct jwt_key *out, struct slice id, struct slice spki, struct err *err) WARN_UNUSED;
/* A private RSA key. */
bool jwt_key_from_private(struct jwt_key *out, struct slice id, struct slice pem_or_der, struct err *err) WARN_UNUSED;
/* n and e big-endian; the key's bytes go to the arena. */
bool jwt_key_from_rsa(struct arena *a, struct jwt_key *out, struct slice id, struct slice n, struct slice e, struct err *err) WARN_UNUSED;

/* More keys of one set are left out. */
#define JWT_KEYS_MAX 64u
/* The keys of a set {"keys":[...]} that can verify signatures; all text is in the arena. Those of kinds we do not know, for encryption
 * or malformed, are passed over (RFC 7517 5). False: it is no key set, or no memory. */
bool jwt_keys_from_set(struct arena *a, const struct json *set, struct jwt_keys *out, struct err *err) WARN_UNUSED;

/* What a discovery document and its key set say. */
struct jwt_provider {
    struct slice issuer;
    struct jwt_keys keys;
};
/* All of it anew in arena a, without what it was read from. False: no memory. */
bool jwt_provider_copy(struct arena *a, const struct jwt_provider *from, struct jwt_provider *out) WARN_UNUSED;
/* "issuer" and "jwks_uri" of a discovery document. */
bool jwt_discovery_read(const struct json *discovery, struct slice *issuer, struct slice *keys_url, struct err *err) WARN_UNUSED;

#endif
