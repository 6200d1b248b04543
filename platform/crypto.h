/* Hashes, MACs, signatures, keys, random bytes, base64: mbedTLS behind our own names. */
#ifndef PLATFORM_CRYPTO_H
#define PLATFORM_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

enum crypto_hash { CRYPTO_MD5, CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
#define CRYPTO_HASH_MAX 64
#define CRYPTO_SHA256_BYTES 32
/* Bytes of the digest. */
size_t crypto_hash_size(enum crypto_hash h);
/* out has room for crypto_hash_size(h) bytes. */
void crypto_hash(enum crypto_hash h, struct slice data, uint8_t *out);
void crypto_hmac(enum crypto_hash h, struct slice key, struct slice data, uint8_t *out);
static inline void crypto_sha256(struct slice data, uint8_t out[CRYPTO_SHA256_BYTES])
{
    crypto_hash(CRYPTO_SHA256, data, out);
}
/* Running SHA-256 (state in place, no allocation). */
struct crypto_sha256_ctx { _Alignas(16) unsigned char opaque[256]; };
void crypto_sha256_begin(struct crypto_sha256_ctx *c);
void crypto_sha256_add(struct crypto_sha256_ctx *c, const void *p, size_t n);
void crypto_sha256_end(struct crypto_sha256_ctx *c, uint8_t out[CRYPTO_SHA256_BYTES]);

/* Equal in time that does not depend on the content. */
bool crypto_equal(const void *a, const void *b, size_t n);
/* n random bytes of the system's generator; aborts when there is none. */
void crypto_random(void *out, size_t n);

/* Lower-case hex; out has 2*n bytes, no terminator. */
void crypto_hex(const uint8_t *p, size_t n, char *out);
/* RFC 4648 base64 (4) and base64url without padding (5). Results in the arena; decode: p == NULL on
 * bad input. base64 may hold white space, as .NET and MIME allow; base64url may not. */
struct slice crypto_base64(struct arena *a, struct slice data);
struct slice crypto_base64url(struct arena *a, struct slice data);
struct slice crypto_base64_decode(struct arena *a, struct slice text);
struct slice crypto_base64url_decode(struct arena *a, struct slice text);

/* ---- signature keys; each of these calls may take milliseconds: never on a carrier ---- */
/* Algorithms of sync.md (d2): "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha256". */
struct crypto_key; /* a public key, or a pair */
/* A new P-256 pair. */
bool crypto_key_generate(struct crypto_key **out, struct err *err);
/* PEM of the pair (PKCS#8 or SEC1) / of the public part (SubjectPublicKeyInfo). */
bool crypto_key_private_pem(const struct crypto_key *k, struct arena *a, struct slice *pem,
                            struct err *err);
bool crypto_key_public_pem(const struct crypto_key *k, struct arena *a, struct slice *pem,
                           struct err *err);
/* DER SubjectPublicKeyInfo. */
bool crypto_key_public_der(const struct crypto_key *k, struct arena *a, struct slice *der,
                           struct err *err);
/* Read a PEM or DER key, private or public. */
bool crypto_key_read(struct crypto_key **out, struct slice pem_or_der, struct err *err);
bool crypto_key_is_private(const struct crypto_key *k);
const char *crypto_key_alg(const struct crypto_key *k);
void crypto_key_free(struct crypto_key *k);
/* DER signature over the bytes by the key's algorithm (deterministic ECDSA, RFC 6979). */
bool crypto_sign(const struct crypto_key *k, struct slice data, struct arena *a,
                 struct slice *signature, struct err *err);
bool crypto_verify(const struct crypto_key *k, struct slice data, struct slice signature);

/* ---- keys of others: any RSA or elliptic curve, any size that the library takes ---- */
bool crypto_key_read_any(struct crypto_key **out, struct slice pem_or_der, struct err *err);
/* The numbers of an RSA key, big-endian; those left out have p == NULL. */
struct crypto_rsa {
    struct slice n, e, d, p, q;
};
/* From n and e, or from n, e, d and perhaps p and q. */
bool crypto_key_from_rsa(struct crypto_key **out, const struct crypto_rsa *rsa, struct err *err);
bool crypto_key_is_rsa(const struct crypto_key *k);
unsigned crypto_key_bits(const struct crypto_key *k);

enum crypto_scheme {
    CRYPTO_RSA_PKCS1,
    CRYPTO_RSA_PSS, /* salt as long as the hash */
    CRYPTO_ECDSA,   /* the signature is r and s, each as long as the curve (IEEE P1363, RFC 7518 3.4) */
};
/* Over a digest of hash h. False also when the key does not fit the scheme. */
bool crypto_verify_digest(const struct crypto_key *k, enum crypto_scheme scheme, enum crypto_hash h,
                          struct slice digest, struct slice signature);
bool crypto_sign_digest(const struct crypto_key *k, enum crypto_scheme scheme, enum crypto_hash h,
                        struct slice digest, struct arena *a, struct slice *signature, struct err *err);
/* Encrypt or decrypt by PKCS#1 1.5, or by OAEP with hash *oaep. */
bool crypto_rsa_crypt(const struct crypto_key *k, bool encrypt, const enum crypto_hash *oaep,
                      struct slice data, struct arena *a, struct slice *out, struct err *err);

/* ---- block ciphers: one block at a time, the mode is the caller's ---- */
enum crypto_cipher { CRYPTO_AES, CRYPTO_DES, CRYPTO_3DES };
#define CRYPTO_BLOCK_MAX 16
struct crypto_cipher_ctx { _Alignas(16) unsigned char opaque[512]; };
/* False: the cipher has no keys of that length. End it all the same: that wipes the key. */
bool crypto_cipher_begin(struct crypto_cipher_ctx *c, enum crypto_cipher cipher, bool encrypt, struct slice key);
/* 16 bytes (AES) or 8; in and out may be the same. */
void crypto_cipher_block(struct crypto_cipher_ctx *c, const uint8_t *in, uint8_t *out);
void crypto_cipher_end(struct crypto_cipher_ctx *c);

/* ---- certificates ---- */
/* One attribute of a distinguished name; `joined`: in one set with the next. */
struct crypto_name {
    struct slice oid, value; /* dotted decimal; UTF-8 */
    bool joined;
};
struct crypto_certificate {
    struct slice der, serial;  /* serial: big-endian */
    unsigned version;          /* 1 to 3 */
    int64_t not_before, not_after; /* seconds since 1970 */
    struct crypto_name *subject, *issuer; /* in the order of the certificate */
    size_t nsubject, nissuer;
    struct slice signature_oid, key_oid;
    struct slice key_info;     /* SubjectPublicKeyInfo, DER */
    struct slice key;          /* the bits in it */
    struct slice dns, email, url; /* first subject alternative names of these kinds */
};
/* DER or PEM (its first certificate); all in the arena. Nothing is verified. */
bool crypto_certificate_read(struct arena *a, struct slice text, struct crypto_certificate *out, struct err *err);

/* PKCS#12: the first private key (PKCS#8, DER; n == 0 when there is none) and its certificate (DER). In the arena or in
 * `der`. The password is UTF-8. */
bool crypto_pfx_read(struct arena *a, struct slice der, struct slice password, struct slice *certificate, struct slice *key,
                     struct err *err);

/* A self-signed P-256 certificate for the given names (DNS names and addresses), valid from now - 1
 * day for days. */
bool crypto_self_signed(struct arena *a, const struct slice *names, size_t n, unsigned days,
                        struct slice *certificate_pem, struct slice *key_pem, struct err *err);

#endif
