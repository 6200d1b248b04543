/* Reading PKCS#12: DER by hand, keys derived as RFC 7292 appendix B and RFC 8018 say, block ciphers from crypto.h. */
#include "platform/pfx.h"

#include <string.h>

#include "platform/base/utf8.h"
#include "platform/crypto.h"
#include "platform/rc2.h"

#define DERIVED_MAX 32  /* bytes of a key or an IV */
#define PASSWORD_MAX 256u
#define SALT_MAX 256u

/* ---- DER (X.690) ---- */

enum { INTEGER = 0x02, OCTETS = 0x04, OID = 0x06, SEQUENCE = 0x30, CONTEXT_0 = 0xa0, CONTEXT_0_PLAIN = 0x80 };

/* Take the next element: its tag and content. False at the end, or when it is malformed. */
static bool take_any(struct slice *in, unsigned *tag, struct slice *content)
{
    size_t at = 2, n;

    if (in->n < 2)
        return false;
    *tag = (unsigned char)in->p[0];
    n = (unsigned char)in->p[1];
    if (n & 0x80) {
        size_t bytes = n & 0x7f;
        if (bytes == 0 || bytes > 4 || in->n < 2 + bytes)
            return false;
        for (n = 0; at < 2 + bytes; at++)
            n = n << 8 | (unsigned char)in->p[at];
    }
    if (n > in->n - at)
        return false;
    *content = slice_sub(*in, at, at + n);
    *in = slice_skip(*in, at + n);
    return true;
}

static bool take(struct slice *in, unsigned tag, struct slice *content)
{
    unsigned got;
    struct slice rest = *in;

    if (!take_any(&rest, &got, content) || got != tag)
        return false;
    *in = rest;
    return true;
}

static bool take_number(struct slice *in, uint32_t *number)
{
    struct slice bytes;

    *number = 0;
    if (!take(in, INTEGER, &bytes) || bytes.n == 0 || bytes.n > 4)
        return false;
    for (size_t i = 0; i < bytes.n; i++)
        *number = *number << 8 | (unsigned char)bytes.p[i];
    return true;
}

/* AlgorithmIdentifier = SEQUENCE { OID, parameters } */
static bool take_algorithm(struct slice *in, struct slice *oid, struct slice *parameters)
{
    return take(in, SEQUENCE, parameters) && take(parameters, OID, oid);
}

#define OID_IS(oid, bytes) slice_eq(oid, SLICE(bytes))
#define OID_DATA "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
#define OID_ENCRYPTED "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"
#define OID_PBES2 "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"
#define OID_PBKDF2 "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"
#define OID_PBE "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"    /* and one byte */
#define OID_BAG "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01" /* and one byte */
#define OID_X509 "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"

static const struct { const char *oid; enum crypto_hash hash; } hashes[] = {
    { "\x2b\x0e\x03\x02\x1a", CRYPTO_SHA1 },
    { "\x60\x86\x48\x01\x65\x03\x04\x02\x01", CRYPTO_SHA256 },
    { "\x60\x86\x48\x01\x65\x03\x04\x02\x02", CRYPTO_SHA384 },
    { "\x60\x86\x48\x01\x65\x03\x04\x02\x03", CRYPTO_SHA512 },
    /* as pseudo-random functions of PBKDF2 */
    { "\x2a\x86\x48\x86\xf7\x0d\x02\x07", CRYPTO_SHA1 },
    { "\x2a\x86\x48\x86\xf7\x0d\x02\x09", CRYPTO_SHA256 },
    { "\x2a\x86\x48\x86\xf7\x0d\x02\x0a", CRYPTO_SHA384 },
    { "\x2a\x86\x48\x86\xf7\x0d\x02\x0b", CRYPTO_SHA512 },
};

static bool find_hash(struct slice oid, enum crypto_hash *hash)
{
    for (size_t i = 0; i < COUNT_OF(hashes); i++)
        if (slice_eq(oid, slice_from(hashes[i].oid))) {
            *hash = hashes[i].hash;
            return true;
        }
    return false;
}

enum cipher { AES, TRIPLE_DES, RC2 };

static const struct cipher_def {
    const char *oid;
    enum cipher cipher;
    unsigned key, block; /* bytes */
} ciphers[] = {
    { OID_PBE "\x03", TRIPLE_DES, 24, 8 },
    { OID_PBE "\x05", RC2, 16, 8 },
    { OID_PBE "\x06", RC2, 5, 8 },
    { "\x60\x86\x48\x01\x65\x03\x04\x01\x02", AES, 16, 16 },
    { "\x60\x86\x48\x01\x65\x03\x04\x01\x16", AES, 24, 16 },
    { "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", AES, 32, 16 },
    { "\x2a\x86\x48\x86\xf7\x0d\x03\x07", TRIPLE_DES, 24, 8 },
};

static const struct cipher_def *find_cipher(struct slice oid)
{
    for (size_t i = 0; i < COUNT_OF(ciphers); i++)
        if (slice_eq(oid, slice_from(ciphers[i].oid)))
            return &ciphers[i];
    return NULL;
}

/* ---- keys from passwords ---- */

/* UTF-16, big end first, with a zero at the end (RFC 7292 B.1). */
static size_t wide_password(struct slice password, uint8_t *out)
{
    size_t n = 0;
    uint32_t c;

    while (password.n && n < 4 * PASSWORD_MAX) {
        password = slice_skip(password, utf8_decode(password, &c));
        uint32_t units[2] = { c, 0 };
        if (c > 0xffff) {
            units[0] = 0xd800 + ((c - 0x10000) >> 10);
            units[1] = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        for (int i = 0; i < 1 + (c > 0xffff); i++) {
            out[n++] = (uint8_t)(units[i] >> 8);
            out[n++] = (uint8_t)units[i];
        }
    }
    out[n] = out[n + 1] = 0;
    return n + 2;
}

/* Fill whole blocks of v bytes with repetitions of s; the bytes filled. */
static size_t fill(uint8_t *to, struct slice s, size_t v)
{
    size_t n = s.n ? (s.n + v - 1) / v * v : 0;

    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)s.p[i % s.n];
    return n;
}

/* to = to + add + 1, as numbers of v bytes */
static void add_one_more(uint8_t *to, const uint8_t *add, size_t v)
{
    unsigned carry = 1;

    for (size_t i = v; i-- > 0;) {
        carry += to[i] + add[i];
        to[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

struct source {
    struct slice password, salt;
    uint32_t rounds;
    enum crypto_hash hash;
};

/* RFC 7292 appendix B.2; purpose 1: a key, 2: an IV, 3: a key for a MAC. */
static void derive(const struct source *s, unsigned purpose, size_t n, uint8_t *out)
{
    uint8_t wide[4 * PASSWORD_MAX + 6], text[128 + 2 * SALT_MAX + 4 * PASSWORD_MAX + 256], a[CRYPTO_HASH_MAX], b[128];
    size_t v = s->hash == CRYPTO_SHA384 || s->hash == CRYPTO_SHA512 ? 128 : 64, u = crypto_hash_size(s->hash), used = v;

    memset(text, (int)purpose, v);
    used += fill(text + used, s->salt, v);
    used += fill(text + used, slice_of(wide, wide_password(s->password, wide)), v);
    for (size_t done = 0; done < n; done += u) {
        crypto_hash(s->hash, slice_of(text, used), a);
        for (uint32_t i = 1; i < s->rounds; i++)
            crypto_hash(s->hash, slice_of(a, u), a);
        memcpy(out + done, a, n - done < u ? n - done : u);
        fill(b, slice_of(a, u), v);
        for (size_t j = v; j < used; j += v)
            add_one_more(text + j, b, v);
    }
}

/* PBKDF2, RFC 8018 5.2. */
static void derive_pbkdf2(const struct source *s, size_t n, uint8_t *out)
{
    uint8_t first[SALT_MAX + 4], u[CRYPTO_HASH_MAX], t[CRYPTO_HASH_MAX];
    size_t size = crypto_hash_size(s->hash);

    memcpy(first, s->salt.p, s->salt.n);
    for (uint32_t block = 1; n; block++) {
        for (int i = 0; i < 4; i++)
            first[s->salt.n + (size_t)i] = (uint8_t)(block >> (24 - 8 * i));
        crypto_hmac(s->hash, s->password, slice_of(first, s->salt.n + 4), u);
        memcpy(t, u, size);
        for (uint32_t i = 1; i < s->rounds; i++) {
            crypto_hmac(s->hash, s->password, slice_of(u, size), u);
            for (size_t k = 0; k < size; k++)
                t[k] ^= u[k];
        }
        size_t take_n = n < size ? n : size;
        memcpy(out, t, take_n);
        out += take_n;
        n -= take_n;
    }
}

static bool is_bounded(const struct source *s)
{
    return s->rounds > 0 && s->rounds <= PFX_ROUNDS_MAX && s->salt.n <= SALT_MAX && s->password.n <= PASSWORD_MAX;
}

/* ---- decrypting ---- */

struct lock {
    const struct cipher_def *cipher;
    uint8_t key[DERIVED_MAX], iv[DERIVED_MAX];
};

/* PBES2 parameters = SEQUENCE { kdf SEQUENCE { PBKDF2, SEQUENCE { salt, rounds, [length], [prf] } }, cipher SEQUENCE { OID, iv } } */
static bool make_pbes2(struct slice parameters, struct source *s, struct lock *lock)
{
    struct slice in, kdf, oid, prf, rest, iv;
    uint32_t length;

    s->hash = CRYPTO_SHA1;
    if (!take(&parameters, SEQUENCE, &in) || !take_algorithm(&in, &oid, &kdf) || !OID_IS(oid, OID_PBKDF2) ||
        !take(&kdf, SEQUENCE, &rest) || !take(&rest, OCTETS, &s->salt) || !take_number(&rest, &s->rounds))
        return false;
    (void)take_number(&rest, &length);
    if (take_algorithm(&rest, &prf, &kdf) && !find_hash(prf, &s->hash))
        return false;
    if (!take_algorithm(&in, &oid, &rest) || !take(&rest, OCTETS, &iv))
        return false;
    lock->cipher = find_cipher(oid);
    if (!lock->cipher || iv.n != lock->cipher->block || !is_bounded(s))
        return false;
    derive_pbkdf2(s, lock->cipher->key, lock->key);
    memcpy(lock->iv, iv.p, iv.n);
    return true;
}

/* PBE parameters = SEQUENCE { salt, rounds } */
static bool make_pbe(struct slice oid, struct slice parameters, struct source *s, struct lock *lock)
{
    struct slice in;

    s->hash = CRYPTO_SHA1;
    lock->cipher = find_cipher(oid);
    if (!lock->cipher || !take(&parameters, SEQUENCE, &in) || !take(&in, OCTETS, &s->salt) || !take_number(&in, &s->rounds) ||
        !is_bounded(s))
        return false;
    derive(s, 1, lock->cipher->key, lock->key);
    derive(s, 2, lock->cipher->block, lock->iv);
    return true;
}

static bool decrypt_block(const struct lock *lock, struct crypto_cipher_ctx *c, const struct rc2 *rc2, const uint8_t *in, uint8_t *out)
{
    if (lock->cipher->cipher == RC2)
        rc2_decrypt(rc2, in, out);
    else
        crypto_cipher_block(c, in, out);
    return true;
}

/* CBC; the padding tells whether the key was right. */
static bool decrypt_all(const struct lock *lock, struct slice data, uint8_t *out, size_t *n)
{
    size_t block = lock->cipher->block;
    const uint8_t *before = lock->iv, *in = (const uint8_t *)data.p;
    struct crypto_cipher_ctx c;
    struct rc2 rc2;

    if (!data.n || data.n % block)
        return false;
    rc2_key(&rc2, lock->key, lock->cipher->key, 8 * lock->cipher->key);
    bool ok = crypto_cipher_begin(&c, lock->cipher->cipher == AES ? CRYPTO_AES : CRYPTO_3DES, false,
                                  slice_of(lock->key, lock->cipher->cipher == RC2 ? 24 : lock->cipher->key));
    for (size_t at = 0; ok && at < data.n; at += block) {
        decrypt_block(lock, &c, &rc2, in + at, out + at);
        for (size_t i = 0; i < block; i++)
            out[at + i] ^= before[i];
        before = in + at;
    }
    crypto_cipher_end(&c);
    size_t padding = ok ? out[data.n - 1] : 0;
    ok = padding > 0 && padding <= block;
    for (size_t i = 0; ok && i < padding; i++)
        ok = out[data.n - 1 - i] == padding;
    *n = data.n - padding;
    return ok;
}

static bool decrypt(struct arena *a, struct slice oid, struct slice parameters, struct slice data, struct slice password,
                    struct slice *out, struct err *err)
{
    struct source s = { .password = password };
    struct lock lock = { 0 };
    uint8_t *plain = arena_alloc(a, data.n + 1);
    size_t n;

    if (!plain)
        return err_set(err, "out of memory");
    bool ok = OID_IS(oid, OID_PBES2) ? make_pbes2(parameters, &s, &lock) : make_pbe(oid, parameters, &s, &lock);
    if (!ok)
        return err_set(err, "encrypted in a way that is not known: write it anew with `openssl pkcs12 -export`");
    if (!decrypt_all(&lock, data, plain, &n))
        return err_set(err, "wrong password");
    *out = slice_of(plain, n);
    return true;
}

bool pfx_decrypt_key(struct arena *a, struct slice der, struct slice password, struct slice *key, struct err *err)
{
    struct slice in, oid, parameters, data;

    if (!take(&der, SEQUENCE, &in) || !take_algorithm(&in, &oid, &parameters) || !take(&in, OCTETS, &data))
        return err_set(err, "not an encrypted private key");
    return decrypt(a, oid, parameters, data, password, key, err);
}

/* ---- bags ---- */

/* CertBag = SEQUENCE { OID, [0] OCTET STRING } */
static bool take_certificate(struct slice value, struct pfx *out)
{
    struct slice in, oid, wrapped, der;

    if (!take(&value, SEQUENCE, &in) || !take(&in, OID, &oid) || !take(&in, CONTEXT_0, &wrapped) || !take(&wrapped, OCTETS, &der))
        return false;
    if (OID_IS(oid, OID_X509) && out->n < PFX_CERTIFICATES_MAX)
        out->certificates[out->n++] = der;
    return true;
}

/* SafeContents = SEQUENCE OF SEQUENCE { OID, [0] value, attributes } */
static bool take_bags(struct arena *a, struct slice contents, struct slice password, struct pfx *out, struct err *err)
{
    struct slice bags, bag, oid, value;

    if (!take(&contents, SEQUENCE, &bags))
        return err_set(err, "malformed");
    while (bags.n) {
        if (!take(&bags, SEQUENCE, &bag) || !take(&bag, OID, &oid) || !take(&bag, CONTEXT_0, &value))
            return err_set(err, "malformed");
        if (OID_IS(oid, OID_BAG "\x01"))
            out->key = value;
        else if (OID_IS(oid, OID_BAG "\x02") && !pfx_decrypt_key(a, value, password, &out->key, err))
            return false;
        else if (OID_IS(oid, OID_BAG "\x03") && !take_certificate(value, out))
            return err_set(err, "malformed");
    }
    return true;
}

/* EncryptedData = SEQUENCE { version, SEQUENCE { OID, algorithm, [0] bytes } } */
static bool take_encrypted(struct arena *a, struct slice content, struct slice password, struct pfx *out, struct err *err)
{
    struct slice in, info, type, oid, parameters, data, plain;
    uint32_t version;

    if (!take(&content, SEQUENCE, &in) || !take_number(&in, &version) || !take(&in, SEQUENCE, &info) || !take(&info, OID, &type) ||
        !take_algorithm(&info, &oid, &parameters) || !take(&info, CONTEXT_0_PLAIN, &data))
        return err_set(err, "malformed");
    return decrypt(a, oid, parameters, data, password, &plain, err) && take_bags(a, plain, password, out, err);
}

static bool take_safes(struct arena *a, struct slice safes, struct slice password, struct pfx *out, struct err *err)
{
    struct slice list, one, oid, content, data;

    if (!take(&safes, SEQUENCE, &list))
        return err_set(err, "malformed");
    while (list.n) {
        if (!take(&list, SEQUENCE, &one) || !take(&one, OID, &oid) || !take(&one, CONTEXT_0, &content))
            return err_set(err, "malformed");
        if (OID_IS(oid, OID_ENCRYPTED) && !take_encrypted(a, content, password, out, err))
            return false;
        if (OID_IS(oid, OID_DATA) && (!take(&content, OCTETS, &data) || !take_bags(a, data, password, out, err)))
            return err->text[0] ? false : err_set(err, "malformed");
    }
    return true;
}

/* MacData = SEQUENCE { SEQUENCE { algorithm, digest }, salt, rounds } over the content of the safes. */
static bool mac_is_right(struct slice in, struct slice safes, struct slice password)
{
    struct source s = { .password = password, .rounds = 1 };
    struct slice data, info, oid, parameters, digest;
    uint8_t key[CRYPTO_HASH_MAX], mac[CRYPTO_HASH_MAX];

    if (!take(&in, SEQUENCE, &data) || !take(&data, SEQUENCE, &info) || !take_algorithm(&info, &oid, &parameters) ||
        !take(&info, OCTETS, &digest) || !take(&data, OCTETS, &s.salt) || !find_hash(oid, &s.hash))
        return false;
    if ((data.n && !take_number(&data, &s.rounds)) || !is_bounded(&s) || digest.n != crypto_hash_size(s.hash))
        return false;
    derive(&s, 3, digest.n, key);
    crypto_hmac(s.hash, slice_of(key, digest.n), safes, mac);
    return crypto_equal(mac, digest.p, digest.n);
}

bool pfx_read(struct arena *a, struct slice der, struct slice password, struct pfx *out, struct err *err)
{
    struct slice in, safe, oid, content, safes;
    uint32_t version;

    memset(out, 0, sizeof *out);
    err->text[0] = 0;
    der = arena_copy(a, der);
    if (!take(&der, SEQUENCE, &in) || !take_number(&in, &version) || version != 3 || !take(&in, SEQUENCE, &safe) ||
        !take(&safe, OID, &oid) || !OID_IS(oid, OID_DATA) || !take(&safe, CONTEXT_0, &content) || !take(&content, OCTETS, &safes))
        return err_set(err, "not a PFX file (PKCS#12, version 3, DER)");
    if (in.n && !mac_is_right(in, safes, password))
        return err_set(err, "wrong password, or the file is damaged");
    return take_safes(a, safes, password, out, err);
}
