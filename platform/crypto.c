/* Hashes, keys, signatures and certificates on mbedTLS.
 *
 * 1. Hashes and MACs are computed by the low-level functions with the state on the stack: they
 *    allocate nothing, so the request path may use them. mbedtls_md_* would allocate its contexts.
 * 2. Random bytes come from getrandom: no state of ours, so no lock and nothing to reseed after a
 *    fork.
 * 3. No PSA: its key slots are process-wide and locked; a key here belongs to whoever holds it.
 * 4. Private key material that we copy is wiped before it is freed. */
#include "platform/crypto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include <mbedtls/aes.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/des.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md5.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <mbedtls/x509_crt.h>

#include "platform/base/utf8.h"
#include "platform/clock.h"
#include "platform/crypto_int.h"

/* ---- random bytes, comparing ---- */

void crypto_random(void *out, size_t n)
{
    char *p = out;

    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno != EINTR) {
            perror("holdfast: getrandom");
            abort();
        }
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

int crypto_random_source(void *unused, unsigned char *out, size_t n)
{
    crypto_random(out, n);
    return 0;
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
    return mbedtls_ct_memcmp(a, b, n) == 0;
}

/* ---- hashes ---- */

struct hash_state {
    union {
        mbedtls_md5_context md5;
        mbedtls_sha1_context sha1;
        mbedtls_sha256_context sha256;
        mbedtls_sha512_context sha512;
    };
};

/* The library's functions fail only where hardware does the work; we have none built in. */
#define MUST(call)      \
    do {                \
        if ((call) != 0) \
            abort();    \
    } while (0)

static void hash_begin(struct hash_state *s, enum crypto_hash h)
{
    switch (h) {
    case CRYPTO_MD5:
        mbedtls_md5_init(&s->md5);
        MUST(mbedtls_md5_starts(&s->md5));
        return;
    case CRYPTO_SHA1:
        mbedtls_sha1_init(&s->sha1);
        MUST(mbedtls_sha1_starts(&s->sha1));
        return;
    case CRYPTO_SHA256:
        mbedtls_sha256_init(&s->sha256);
        MUST(mbedtls_sha256_starts(&s->sha256, 0));
        return;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        mbedtls_sha512_init(&s->sha512);
        MUST(mbedtls_sha512_starts(&s->sha512, h == CRYPTO_SHA384));
        return;
    }
}

static void hash_add(struct hash_state *s, enum crypto_hash h, const void *p, size_t n)
{
    switch (h) {
    case CRYPTO_MD5:
        MUST(mbedtls_md5_update(&s->md5, p, n));
        return;
    case CRYPTO_SHA1:
        MUST(mbedtls_sha1_update(&s->sha1, p, n));
        return;
    case CRYPTO_SHA256:
        MUST(mbedtls_sha256_update(&s->sha256, p, n));
        return;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        MUST(mbedtls_sha512_update(&s->sha512, p, n));
        return;
    }
}

static void hash_end(struct hash_state *s, enum crypto_hash h, uint8_t *out)
{
    switch (h) {
    case CRYPTO_MD5:
        MUST(mbedtls_md5_finish(&s->md5, out));
        return;
    case CRYPTO_SHA1:
        MUST(mbedtls_sha1_finish(&s->sha1, out));
        return;
    case CRYPTO_SHA256:
        MUST(mbedtls_sha256_finish(&s->sha256, out));
        return;
    case CRYPTO_SHA384:
    case CRYPTO_SHA512:
        MUST(mbedtls_sha512_finish(&s->sha512, out));
        return;
    }
}

size_t crypto_hash_size(enum crypto_hash h)
{
    static const uint8_t sizes[] = {
        [CRYPTO_MD5] = 16,    [CRYPTO_SHA1] = 20,   [CRYPTO_SHA256] = 32,
        [CRYPTO_SHA384] = 48, [CRYPTO_SHA512] = 64,
    };
    return sizes[h];
}

void crypto_hash(enum crypto_hash h, struct slice data, uint8_t *out)
{
    struct hash_state s;

    hash_begin(&s, h);
    hash_add(&s, h, data.p, data.n);
    hash_end(&s, h, out);
}

/* RFC 2104. */
void crypto_hmac(enum crypto_hash h, struct slice key, struct slice data, uint8_t *out)
{
    size_t block = h == CRYPTO_SHA384 || h == CRYPTO_SHA512 ? 128 : 64;
    uint8_t pad[128] = { 0 };
    struct hash_state s;

    if (key.n > block)
        crypto_hash(h, key, pad);
    else if (key.n)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    hash_begin(&s, h);
    hash_add(&s, h, pad, block);
    hash_add(&s, h, data.p, data.n);
    hash_end(&s, h, out);

    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_begin(&s, h);
    hash_add(&s, h, pad, block);
    hash_add(&s, h, out, crypto_hash_size(h));
    hash_end(&s, h, out);
    mbedtls_platform_zeroize(pad, sizeof pad);
    mbedtls_platform_zeroize(&s, sizeof s);
}

_Static_assert(sizeof(struct hash_state) <= sizeof(struct crypto_sha256_ctx),
               "the state fits its place");

void crypto_sha256_begin(struct crypto_sha256_ctx *c)
{
    hash_begin((struct hash_state *)c->opaque, CRYPTO_SHA256);
}

void crypto_sha256_add(struct crypto_sha256_ctx *c, const void *p, size_t n)
{
    hash_add((struct hash_state *)c->opaque, CRYPTO_SHA256, p, n);
}

void crypto_sha256_end(struct crypto_sha256_ctx *c, uint8_t out[CRYPTO_SHA256_BYTES])
{
    hash_end((struct hash_state *)c->opaque, CRYPTO_SHA256, out);
}

/* ---- keys ---- */

/* The algorithms of sync.md (d2). */
enum alg { ECDSA_P256, ECDSA_P384, RSA_PSS };
static const struct {
    const char *name;
    mbedtls_md_type_t md;
    enum crypto_hash hash;
} algs[] = {
    [ECDSA_P256] = { "ecdsa-p256-sha256", MBEDTLS_MD_SHA256, CRYPTO_SHA256 },
    [ECDSA_P384] = { "ecdsa-p384-sha384", MBEDTLS_MD_SHA384, CRYPTO_SHA384 },
    [RSA_PSS] = { "rsa-pss-sha256", MBEDTLS_MD_SHA256, CRYPTO_SHA256 },
};
#define RSA_BITS_MIN 3072
/* PEM of an RSA key of 8192 bits is 6.4 kB. */
#define KEY_TEXT_MAX 8192

struct crypto_key {
    mbedtls_pk_context pk;
    enum alg alg;
    bool is_private;
};

/* The library's functions that only read a key take it without const. */
static mbedtls_pk_context *pk_of(const struct crypto_key *k)
{
    return (mbedtls_pk_context *)&k->pk;
}

bool crypto_library_error(struct err *err, const char *what, int code)
{
    char text[160];

    mbedtls_strerror(code, text, sizeof text);
    err_set(err, "%s: %s", what, text);
    return false;
}

static struct crypto_key *key_new(void)
{
    struct crypto_key *k = calloc(1, sizeof *k);

    if (k)
        mbedtls_pk_init(&k->pk);
    return k;
}

void crypto_key_free(struct crypto_key *k)
{
    if (!k)
        return;
    mbedtls_pk_free(&k->pk);
    free(k);
}

bool crypto_key_generate(struct crypto_key **out, struct err *err)
{
    struct crypto_key *k = key_new();

    *out = NULL;
    if (!k)
        return err_set(err, "key: no memory");
    k->alg = ECDSA_P256;
    k->is_private = true;
    int code = mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (!code)
        code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(k->pk),
                                   crypto_random_source, NULL);
    if (code) {
        crypto_key_free(k);
        return crypto_library_error(err, "key: generate", code);
    }
    *out = k;
    return true;
}

/* Which of our algorithms the key is for. */
static bool find_alg(struct crypto_key *k, struct err *err)
{
    if (mbedtls_pk_get_type(&k->pk) == MBEDTLS_PK_RSA) {
        size_t bits = mbedtls_pk_get_bitlen(&k->pk);
        if (bits < RSA_BITS_MIN)
            return err_set(err, "key: RSA with %zu bits: at least %d are needed", bits,
                           RSA_BITS_MIN);
        k->alg = RSA_PSS;
        return true;
    }
    if (!mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_ECDSA))
        return err_set(err, "key: neither ECDSA nor RSA");
    mbedtls_ecp_group_id curve = mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(k->pk));
    k->alg = curve == MBEDTLS_ECP_DP_SECP384R1 ? ECDSA_P384 : ECDSA_P256;
    if (curve == MBEDTLS_ECP_DP_SECP256R1 || curve == MBEDTLS_ECP_DP_SECP384R1)
        return true;
    const mbedtls_ecp_curve_info *info = mbedtls_ecp_curve_info_from_grp_id(curve);
    return err_set(err, "key: curve %s: only P-256 and P-384 are known",
                   info ? info->name : "unknown");
}

unsigned char *crypto_copy_text(struct slice text, size_t *n)
{
    unsigned char *copy = malloc(text.n + 1);

    if (!copy)
        return NULL;
    if (text.n)
        memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    *n = text.n + (slice_find(text, SLICE("-----BEGIN ")) >= 0);
    return copy;
}

static int parse_key(mbedtls_pk_context *pk, struct slice text, bool private)
{
    size_t n;
    unsigned char *copy = crypto_copy_text(text, &n);

    if (!copy)
        return MBEDTLS_ERR_PK_ALLOC_FAILED;
    int code = private ? mbedtls_pk_parse_key(pk, copy, n, NULL, 0, crypto_random_source, NULL)
                       : mbedtls_pk_parse_public_key(pk, copy, n);
    mbedtls_platform_zeroize(copy, text.n);
    free(copy);
    return code;
}

static int parse_either(struct crypto_key *k, struct slice text)
{
    int code = parse_key(&k->pk, text, true);

    k->is_private = code == 0;
    if (code == 0 || slice_find(text, SLICE("PRIVATE KEY-----")) >= 0)
        return code;
    return parse_key(&k->pk, text, false);
}

static bool explain_key(struct err *err, const char *what, int code)
{
    char context[64];

    if (code == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || code == MBEDTLS_ERR_PK_PASSWORD_MISMATCH)
        return err_set(err, "%s: encrypted with a password: store it without one", what);
    snprintf(context, sizeof context, "%s: neither PEM nor DER of a key", what);
    return crypto_library_error(err, context, code);
}

bool crypto_read_private_key(void *pk, struct slice text, const char *what, struct err *err)
{
    int code = parse_key(pk, text, true);

    return code == 0 || explain_key(err, what, code);
}

bool crypto_key_read_any(struct crypto_key **out, struct slice text, struct err *err)
{
    struct crypto_key *k = key_new();

    *out = NULL;
    if (!k)
        return err_set(err, "key: no memory");
    int code = parse_either(k, text);
    if (code) {
        crypto_key_free(k);
        return explain_key(err, "key", code);
    }
    *out = k;
    return true;
}

bool crypto_key_read(struct crypto_key **out, struct slice text, struct err *err)
{
    if (!crypto_key_read_any(out, text, err))
        return false;
    if (find_alg(*out, err))
        return true;
    crypto_key_free(*out);
    *out = NULL;
    return false;
}

bool crypto_key_is_private(const struct crypto_key *k)
{
    return k->is_private;
}

const char *crypto_key_alg(const struct crypto_key *k)
{
    return algs[k->alg].name;
}

static bool key_pem(const struct crypto_key *k,
                    int (*write)(const mbedtls_pk_context *, unsigned char *, size_t),
                    struct arena *a, struct slice *pem, struct err *err)
{
    unsigned char text[KEY_TEXT_MAX];
    int code = write(&k->pk, text, sizeof text);

    if (!code)
        *pem = arena_copy(a, slice_from((char *)text));
    mbedtls_platform_zeroize(text, sizeof text);
    if (code)
        return crypto_library_error(err, "key: write", code);
    return pem->n ? true : err_set(err, "key: no memory");
}

bool crypto_key_private_pem(const struct crypto_key *k, struct arena *a, struct slice *pem,
                            struct err *err)
{
    if (!k->is_private)
        return err_set(err, "key: has no private part");
    return key_pem(k, mbedtls_pk_write_key_pem, a, pem, err);
}

bool crypto_key_public_pem(const struct crypto_key *k, struct arena *a, struct slice *pem,
                           struct err *err)
{
    return key_pem(k, mbedtls_pk_write_pubkey_pem, a, pem, err);
}

bool crypto_key_public_der(const struct crypto_key *k, struct arena *a, struct slice *der,
                           struct err *err)
{
    unsigned char text[KEY_TEXT_MAX];
    int n = mbedtls_pk_write_pubkey_der(&k->pk, text, sizeof text); /* at the end of text */

    if (n < 0)
        return crypto_library_error(err, "key: write", n);
    *der = arena_copy(a, slice_of(text + sizeof text - n, (size_t)n));
    return der->n ? true : err_set(err, "key: no memory");
}

/* ---- signatures ---- */

bool crypto_sign(const struct crypto_key *k, struct slice data, struct arena *a,
                 struct slice *signature, struct err *err)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t n;

    if (!k->is_private)
        return err_set(err, "sign: the key has no private part");
    crypto_hash(algs[k->alg].hash, data, digest);
    /* RSA: the salt is as long as the hash (mbedtls_pk_sign_ext). ECDSA: nonce of RFC 6979, by the
     * library's configuration. */
    int code =
        mbedtls_pk_sign_ext(k->alg == RSA_PSS ? MBEDTLS_PK_RSASSA_PSS : MBEDTLS_PK_ECDSA, pk_of(k),
                            algs[k->alg].md, digest, crypto_hash_size(algs[k->alg].hash), sig,
                            sizeof sig, &n, crypto_random_source, NULL);
    if (code)
        return crypto_library_error(err, "sign", code);
    *signature = arena_copy(a, slice_of(sig, n));
    return signature->n ? true : err_set(err, "sign: no memory");
}

bool crypto_verify(const struct crypto_key *k, struct slice data, struct slice signature)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    size_t size = crypto_hash_size(algs[k->alg].hash);
    const mbedtls_pk_rsassa_pss_options pss = { .mgf1_hash_id = algs[k->alg].md,
                                                .expected_salt_len = (int)size };
    bool rsa = k->alg == RSA_PSS;

    crypto_hash(algs[k->alg].hash, data, digest);
    return mbedtls_pk_verify_ext(rsa ? MBEDTLS_PK_RSASSA_PSS : MBEDTLS_PK_ECDSA, rsa ? &pss : NULL,
                                 pk_of(k), algs[k->alg].md, digest, size,
                                 (const unsigned char *)signature.p, signature.n) == 0;
}

/* ---- keys of others ---- */

#define RSA_BYTES_MAX 1024
#define EC_BYTES_MAX 66
/* A slice as the library takes bytes. */
#define BYTES(s) (const unsigned char *)(s).p, (s).n

static const mbedtls_md_type_t md_types[] = {
    [CRYPTO_MD5] = MBEDTLS_MD_MD5, [CRYPTO_SHA1] = MBEDTLS_MD_SHA1, [CRYPTO_SHA256] = MBEDTLS_MD_SHA256,
    [CRYPTO_SHA384] = MBEDTLS_MD_SHA384, [CRYPTO_SHA512] = MBEDTLS_MD_SHA512,
};

bool crypto_key_is_rsa(const struct crypto_key *k)
{
    return mbedtls_pk_get_type(&k->pk) == MBEDTLS_PK_RSA;
}

unsigned crypto_key_bits(const struct crypto_key *k)
{
    return (unsigned)mbedtls_pk_get_bitlen(&k->pk);
}

bool crypto_key_from_rsa(struct crypto_key **out, const struct crypto_rsa *r, struct err *err)
{
    struct crypto_key *k = key_new();

    *out = NULL;
    if (!k)
        return err_set(err, "key: no memory");
    int code = mbedtls_pk_setup(&k->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA));
    if (!code)
        code = mbedtls_rsa_import_raw(mbedtls_pk_rsa(k->pk), BYTES(r->n), BYTES(r->p), BYTES(r->q), BYTES(r->d),
                                      BYTES(r->e));
    if (!code)
        code = mbedtls_rsa_complete(mbedtls_pk_rsa(k->pk));
    if (!code)
        code = mbedtls_rsa_check_pubkey(mbedtls_pk_rsa(k->pk));
    if (code || crypto_key_bits(k) > 8 * RSA_BYTES_MAX) {
        crypto_key_free(k);
        return code ? crypto_library_error(err, "key: RSA", code) : err_set(err, "key: RSA: too large");
    }
    k->is_private = r->d.n > 0;
    *out = k;
    return true;
}

static bool fits_scheme(const struct crypto_key *k, enum crypto_scheme scheme)
{
    return scheme == CRYPTO_ECDSA ? mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_ECDSA) : crypto_key_is_rsa(k);
}

bool crypto_verify_digest(const struct crypto_key *k, enum crypto_scheme scheme, enum crypto_hash h,
                          struct slice digest, struct slice signature)
{
    const mbedtls_pk_rsassa_pss_options pss = { .mgf1_hash_id = md_types[h], .expected_salt_len = (int)digest.n };
    bool is_pss = scheme == CRYPTO_RSA_PSS;
    unsigned char der[2 * EC_BYTES_MAX + 16];
    size_t n;

    if (digest.n != crypto_hash_size(h) || !signature.n || !fits_scheme(k, scheme))
        return false;
    if (scheme == CRYPTO_ECDSA)
        return signature.n <= 2 * EC_BYTES_MAX &&
               mbedtls_ecdsa_raw_to_der(crypto_key_bits(k), BYTES(signature), der, sizeof der, &n) == 0 &&
               mbedtls_pk_verify(pk_of(k), md_types[h], BYTES(digest), der, n) == 0;
    return mbedtls_pk_verify_ext(is_pss ? MBEDTLS_PK_RSASSA_PSS : MBEDTLS_PK_RSA, is_pss ? &pss : NULL, pk_of(k),
                                 md_types[h], BYTES(digest), BYTES(signature)) == 0;
}

bool crypto_sign_digest(const struct crypto_key *k, enum crypto_scheme scheme, enum crypto_hash h,
                        struct slice digest, struct arena *a, struct slice *signature, struct err *err)
{
    static const mbedtls_pk_type_t types[] = { MBEDTLS_PK_RSA, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_PK_ECDSA };
    unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE], raw[2 * EC_BYTES_MAX];
    size_t n;

    if (!k->is_private || digest.n != crypto_hash_size(h) || !fits_scheme(k, scheme))
        return err_set(err, "sign: not possible with this key");
    int code = mbedtls_pk_sign_ext(types[scheme], pk_of(k), md_types[h], BYTES(digest), sig, sizeof sig, &n,
                                   crypto_random_source, NULL);
    if (!code && scheme == CRYPTO_ECDSA)
        code = mbedtls_ecdsa_der_to_raw(crypto_key_bits(k), sig, n, raw, sizeof raw, &n);
    if (code)
        return crypto_library_error(err, "sign", code);
    *signature = arena_copy(a, slice_of(scheme == CRYPTO_ECDSA ? raw : sig, n));
    return signature->n ? true : err_set(err, "sign: no memory");
}

bool crypto_rsa_crypt(const struct crypto_key *k, bool encrypt, const enum crypto_hash *oaep,
                      struct slice data, struct arena *a, struct slice *out, struct err *err)
{
    mbedtls_rsa_context *rsa = crypto_key_is_rsa(k) ? mbedtls_pk_rsa(*pk_of(k)) : NULL;
    const unsigned char *in = (const unsigned char *)(data.n ? data.p : "");
    unsigned char text[RSA_BYTES_MAX];
    size_t n = rsa ? mbedtls_rsa_get_len(rsa) : 0;
    int code;

    if (!rsa || n > sizeof text || (!encrypt && (!k->is_private || data.n != n)))
        return err_set(err, "RSA: not possible with this key and length");
    code = mbedtls_rsa_set_padding(rsa, oaep ? MBEDTLS_RSA_PKCS_V21 : MBEDTLS_RSA_PKCS_V15,
                                   oaep ? md_types[*oaep] : MBEDTLS_MD_NONE);
    if (!code && encrypt)
        code = mbedtls_rsa_pkcs1_encrypt(rsa, crypto_random_source, NULL, data.n, in, text);
    else if (!code)
        code = mbedtls_rsa_pkcs1_decrypt(rsa, crypto_random_source, NULL, &n, in, text, sizeof text);
    if (code)
        return crypto_library_error(err, "RSA", code);
    *out = arena_copy(a, slice_of(text, n));
    mbedtls_platform_zeroize(text, sizeof text);
    return a->overflow ? err_set(err, "RSA: no memory") : true;
}

/* ---- block ciphers ---- */

struct cipher_state {
    enum crypto_cipher cipher;
    bool encrypt;
    union {
        mbedtls_aes_context aes;
        mbedtls_des_context des;
        mbedtls_des3_context des3;
    };
};
_Static_assert(sizeof(struct cipher_state) <= sizeof(struct crypto_cipher_ctx), "the state fits its place");

bool crypto_cipher_begin(struct crypto_cipher_ctx *ctx, enum crypto_cipher c, bool encrypt, struct slice key)
{
    struct cipher_state *s = (struct cipher_state *)ctx->opaque;
    const unsigned char *k = (const unsigned char *)key.p;

    s->cipher = c;
    s->encrypt = encrypt;
    switch (c) {
    case CRYPTO_AES:
        mbedtls_aes_init(&s->aes);
        return key.n <= 32 && (encrypt ? mbedtls_aes_setkey_enc
                                       : mbedtls_aes_setkey_dec)(&s->aes, k, (unsigned)key.n * 8) == 0;
    case CRYPTO_DES:
        mbedtls_des_init(&s->des);
        return key.n == 8 && (encrypt ? mbedtls_des_setkey_enc : mbedtls_des_setkey_dec)(&s->des, k) == 0;
    default:
        mbedtls_des3_init(&s->des3);
        if (key.n == 16)
            return (encrypt ? mbedtls_des3_set2key_enc : mbedtls_des3_set2key_dec)(&s->des3, k) == 0;
        return key.n == 24 && (encrypt ? mbedtls_des3_set3key_enc
                                       : mbedtls_des3_set3key_dec)(&s->des3, k) == 0;
    }
}

void crypto_cipher_block(struct crypto_cipher_ctx *ctx, const uint8_t *in, uint8_t *out)
{
    struct cipher_state *s = (struct cipher_state *)ctx->opaque;

    if (s->cipher == CRYPTO_AES)
        MUST(mbedtls_aes_crypt_ecb(&s->aes, s->encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT, in, out));
    else if (s->cipher == CRYPTO_DES)
        MUST(mbedtls_des_crypt_ecb(&s->des, in, out));
    else
        MUST(mbedtls_des3_crypt_ecb(&s->des3, in, out));
}

void crypto_cipher_end(struct crypto_cipher_ctx *ctx)
{
    mbedtls_platform_zeroize(ctx, sizeof *ctx);
}

/* ---- reading certificates ---- */

#define NAME_PARTS_MAX 64
#define OID_TEXT_MAX 128

static struct slice dotted(struct arena *a, const mbedtls_asn1_buf *oid)
{
    char text[OID_TEXT_MAX];

    if (mbedtls_oid_get_numeric_string(text, sizeof text, oid) <= 0)
        return SLICE("");
    return arena_copy(a, slice_from(text));
}

/* UTF-8 of an attribute: BMPString is UTF-16, T61String as good as ISO-8859-1. */
static struct slice name_text(struct arena *a, const mbedtls_asn1_buf *v)
{
    char *out = arena_alloc_raw(a, 3 * v->len + 1);
    size_t n = 0;

    if (!out)
        return SLICE_NONE;
    for (size_t i = 0; i + (v->tag == MBEDTLS_ASN1_BMP_STRING) < v->len; i++) {
        if (v->tag == MBEDTLS_ASN1_BMP_STRING) {
            n += utf8_encode((uint32_t)v->p[i] << 8 | v->p[i + 1], out + n);
            i++;
        } else if (v->tag == MBEDTLS_ASN1_T61_STRING) {
            n += utf8_encode(v->p[i], out + n);
        } else {
            out[n++] = (char)v->p[i];
        }
    }
    return slice_of(out, n);
}

static struct crypto_name *read_name(struct arena *a, const mbedtls_x509_name *name, size_t *n)
{
    struct crypto_name *out = arena_array(a, struct crypto_name, NAME_PARTS_MAX);

    for (*n = 0; out && name && name->oid.p && *n < NAME_PARTS_MAX; name = name->next)
        out[(*n)++] = (struct crypto_name){ dotted(a, &name->oid), name_text(a, &name->val),
                                            name->private_next_merged };
    return out;
}

static int64_t seconds_of(const mbedtls_x509_time *t)
{
    struct tm tm = { .tm_year = t->year - 1900, .tm_mon = t->mon - 1, .tm_mday = t->day,
                     .tm_hour = t->hour, .tm_min = t->min, .tm_sec = t->sec };

    return timegm(&tm);
}

static void read_other_names(struct arena *a, const mbedtls_x509_crt *crt, struct crypto_certificate *out)
{
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s && s->buf.p; s = s->next) {
        unsigned kind = s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        struct slice *to = kind == MBEDTLS_X509_SAN_DNS_NAME ? &out->dns
                           : kind == MBEDTLS_X509_SAN_RFC822_NAME ? &out->email
                           : kind == MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER ? &out->url : NULL;
        if (to && !to->p)
            *to = arena_copy(a, slice_of(s->buf.p, s->buf.len));
    }
}

/* SubjectPublicKeyInfo := SEQUENCE { SEQUENCE { OID ... } BIT STRING } */
static void read_key_info(struct arena *a, const mbedtls_x509_crt *crt, struct crypto_certificate *out)
{
    unsigned char *p = crt->pk_raw.p, *end = p + crt->pk_raw.len;
    mbedtls_asn1_buf oid, params;
    size_t n;

    out->key_info = arena_copy(a, slice_of(p, crt->pk_raw.len));
    if (mbedtls_asn1_get_tag(&p, end, &n, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0 ||
        mbedtls_asn1_get_alg(&p, end, &oid, &params) != 0)
        return;
    out->key_oid = dotted(a, &oid);
    if (mbedtls_asn1_get_bitstring_null(&p, end, &n) == 0)
        out->key = arena_copy(a, slice_of(p, n));
}

bool crypto_certificate_read(struct arena *a, struct slice text, struct crypto_certificate *out,
                             struct err *err)
{
    size_t n;
    unsigned char *copy = crypto_copy_text(text, &n);
    mbedtls_x509_crt crt;

    *out = (struct crypto_certificate){ .version = 0 };
    if (!copy)
        return err_set(err, "certificate: no memory");
    mbedtls_x509_crt_init(&crt);
    int code = mbedtls_x509_crt_parse(&crt, copy, n);
    free(copy);
    if (code == 0) {
        out->der = arena_copy(a, slice_of(crt.raw.p, crt.raw.len));
        out->serial = arena_copy(a, slice_of(crt.serial.p, crt.serial.len));
        out->version = (unsigned)crt.version;
        out->not_before = seconds_of(&crt.valid_from);
        out->not_after = seconds_of(&crt.valid_to);
        out->subject = read_name(a, &crt.subject, &out->nsubject);
        out->issuer = read_name(a, &crt.issuer, &out->nissuer);
        out->signature_oid = dotted(a, &crt.sig_oid);
        read_key_info(a, &crt, out);
        read_other_names(a, &crt, out);
    }
    mbedtls_x509_crt_free(&crt);
    if (code)
        return crypto_library_error(err, "certificate: neither PEM nor DER", code);
    return a->overflow ? err_set(err, "certificate: no memory") : true;
}

/* ---- certificates ---- */

#define SERIAL_BYTES 16
/* ub-common-name of RFC 5280. */
#define COMMON_NAME_MAX 64
#define CERTIFICATE_TEXT_MAX 16384

/* The list of subject alternative names, its addresses in binary beside it. */
struct san {
    mbedtls_x509_san_list entry;
    uint8_t address[16];
};

static bool fill_san(struct san *san, struct slice name, struct err *err)
{
    char text[256];
    mbedtls_x509_subject_alternative_name *node = &san->entry.node;

    if (name.n == 0 || name.n >= sizeof text)
        return err_set(err, "certificate: name \"%.*s\": not 1 to 255 bytes",
                       SLICE_ARG(slice_first(name, 80)));
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    bool v4 = inet_pton(AF_INET, text, san->address) == 1;
    if (v4 || inet_pton(AF_INET6, text, san->address) == 1) {
        node->type = MBEDTLS_X509_SAN_IP_ADDRESS;
        node->san.unstructured_name = (mbedtls_x509_buf){ .p = san->address, .len = v4 ? 4 : 16 };
        return true;
    }
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_alpha(text[i]) && !ascii_is_digit(text[i]) && !strchr("-._*", text[i]))
            return err_set(err, "certificate: name \"%s\": neither a host name nor an address",
                           text);
    node->type = MBEDTLS_X509_SAN_DNS_NAME;
    node->san.unstructured_name = (mbedtls_x509_buf){ .p = (unsigned char *)name.p, .len = name.n };
    return true;
}

static bool fill_sans(struct san *sans, const struct slice *names, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!fill_san(&sans[i], names[i], err))
            return false;
        sans[i].entry.next = i + 1 < n ? &sans[i + 1].entry : NULL;
    }
    return true;
}

/* As x509write wants a time: YYYYMMDDhhmmss. */
static void certificate_time(int64_t seconds, char out[16])
{
    time_t t = (time_t)(seconds > 0 ? seconds : 0);
    struct tm tm;

    gmtime_r(&t, &tm);
    if (strftime(out, 16, "%Y%m%d%H%M%S", &tm) != 14)
        memcpy(out, "99991231235959", 15);
}

static int set_validity(mbedtls_x509write_cert *w, unsigned days)
{
    int64_t now = (int64_t)(clock_wall_ns() / NS_PER_S);
    char from[16], to[16];

    certificate_time(now - 86400, from);
    certificate_time(now + (int64_t)days * 86400, to);
    return mbedtls_x509write_crt_set_validity(w, from, to);
}

static int set_serial(mbedtls_x509write_cert *w)
{
    unsigned char serial[SERIAL_BYTES];

    crypto_random(serial, sizeof serial);
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always of this length */
    return mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof serial);
}

static int set_names(mbedtls_x509write_cert *w, struct slice common, const struct san *sans)
{
    char subject[COMMON_NAME_MAX + 8];
    int code;

    snprintf(subject, sizeof subject, "CN=%.*s", SLICE_ARG(slice_first(common, COMMON_NAME_MAX)));
    if ((code = mbedtls_x509write_crt_set_subject_name(w, subject)) != 0 ||
        (code = mbedtls_x509write_crt_set_issuer_name(w, subject)) != 0)
        return code;
    return mbedtls_x509write_crt_set_subject_alternative_name(w, &sans->entry);
}

/* Key identifiers, and what a server's leaf certificate is for: Apple's clients want the extended
 * usage. */
static int set_extensions(mbedtls_x509write_cert *w)
{
    mbedtls_asn1_sequence server = { .buf = { .tag = MBEDTLS_ASN1_OID,
                                              .len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
                                              .p = (unsigned char *)MBEDTLS_OID_SERVER_AUTH } };
    int code;

    if ((code = mbedtls_x509write_crt_set_basic_constraints(w, 0, -1)) != 0 ||
        (code = mbedtls_x509write_crt_set_subject_key_identifier(w)) != 0 ||
        (code = mbedtls_x509write_crt_set_authority_key_identifier(w)) != 0 ||
        (code = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)) != 0)
        return code;
    return mbedtls_x509write_crt_set_ext_key_usage(w, &server);
}

static bool write_certificate(struct crypto_key *k, struct slice common, const struct san *sans,
                              unsigned days, struct arena *a, struct slice *pem, struct err *err)
{
    mbedtls_x509write_cert w;
    unsigned char text[CERTIFICATE_TEXT_MAX];
    int code;

    mbedtls_x509write_crt_init(&w);
    mbedtls_x509write_crt_set_version(&w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&w, &k->pk);
    mbedtls_x509write_crt_set_issuer_key(&w, &k->pk);
    if ((code = set_serial(&w)) == 0 && (code = set_validity(&w, days)) == 0 &&
        (code = set_names(&w, common, sans)) == 0 && (code = set_extensions(&w)) == 0)
        code = mbedtls_x509write_crt_pem(&w, text, sizeof text, crypto_random_source, NULL);
    mbedtls_x509write_crt_free(&w);
    if (code)
        return crypto_library_error(err, "certificate", code);
    *pem = arena_copy(a, slice_from((char *)text));
    return pem->n ? true : err_set(err, "certificate: no memory");
}

bool crypto_self_signed(struct arena *a, const struct slice *names, size_t n, unsigned days,
                        struct slice *certificate_pem, struct slice *key_pem_out, struct err *err)
{
    struct san *sans = n ? arena_array(a, struct san, n) : NULL;
    struct crypto_key *k = NULL;

    if (!sans)
        return err_set(err, n ? "certificate: no memory" : "certificate: no name given");
    if (!fill_sans(sans, names, n, err) || !crypto_key_generate(&k, err) || !k)
        return false;
    bool ok = write_certificate(k, names[0], sans, days, a, certificate_pem, err) &&
              crypto_key_private_pem(k, a, key_pem_out, err);
    crypto_key_free(k);
    return ok;
}
