/* Reading PKCS#12 (RFC 7292): the certificate of a private key, and the key. The formats are walked here, with a reader
 * of DER that knows no more than they need; hashes and block ciphers are those of crypto.h. Nothing is kept. */
#include "platform/crypto.h"

#include <string.h>

/* A million would take a second of the caller's fiber; Windows writes 2000, OpenSSL 2048. */
#define ITERATIONS_MAX 100000u
#define KEY_MAX 32

enum tag { TAG_INTEGER = 0x02, TAG_OCTETS = 0x04, TAG_NULL = 0x05, TAG_OID = 0x06, TAG_SEQUENCE = 0x30, TAG_SET = 0x31, TAG_0 = 0xA0, TAG_RAW_0 = 0x80 };

/* ---- DER ---- */

/* Cut the next element off *rest; false when there is none. */
static bool next(struct slice *rest, int *tag, struct slice *content)
{
    const unsigned char *p = (const unsigned char *)rest->p;
    size_t head = 2, n;

    if (rest->n < 2)
        return false;
    n = p[1];
    if (n & 0x80) {
        size_t bytes = n & 0x7F;

        if (bytes == 0 || bytes > 4 || rest->n < 2 + bytes)
            return false;
        n = 0;
        for (size_t i = 0; i < bytes; i++)
            n = n << 8 | p[2 + i];
        head += bytes;
    }
    if (n > rest->n - head)
        return false;
    *tag = p[0];
    *content = slice_sub(*rest, head, head + n);
    *rest = slice_skip(*rest, head + n);
    return true;
}

/* The same for an element that must have the tag. */
static bool take(struct slice *rest, int tag, struct slice *content)
{
    struct slice at = *rest;
    int got;

    if (!next(&at, &got, content) || got != tag)
        return false;
    *rest = at;
    return true;
}

static bool take_number(struct slice *rest, uint32_t *out)
{
    struct slice s;

    if (!take(rest, TAG_INTEGER, &s) || s.n == 0 || s.n > 4 || (s.p[0] & 0x80))
        return false;
    *out = 0;
    for (size_t i = 0; i < s.n; i++)
        *out = *out << 8 | (unsigned char)s.p[i];
    return true;
}

#define OID(bytes) ((struct slice){ bytes, sizeof bytes - 1 })
#define PKCS "\x2A\x86\x48\x86\xF7\x0D\x01"
#define OID_DATA OID(PKCS "\x07\x01")
#define OID_ENCRYPTED OID(PKCS "\x07\x06")
#define OID_LOCAL_KEY OID(PKCS "\x09\x15")
#define OID_X509 OID(PKCS "\x09\x16\x01")
#define OID_KEY_BAG OID(PKCS "\x0C\x0A\x01\x01")
#define OID_SHROUDED_BAG OID(PKCS "\x0C\x0A\x01\x02")
#define OID_CERT_BAG OID(PKCS "\x0C\x0A\x01\x03")
#define OID_PBES2 OID(PKCS "\x05\x0D")
#define OID_PBKDF2 OID(PKCS "\x05\x0C")

/* ---- keys from passwords ---- */

struct password {
    struct slice utf8, utf16; /* utf16: big-endian with its zero; empty for no password */
};

static bool make_password(struct arena *a, struct slice text, bool bare, struct password *out)
{
    char *p = arena_alloc(a, 2 * text.n + 2);
    size_t n = 0;

    if (!p)
        return false;
    for (size_t i = 0; i < text.n;) {
        unsigned char c = (unsigned char)text.p[i];
        size_t size = c < 0x80 ? 1 : c < 0xE0 ? 2 : 3; /* beyond the BMP: nobody's password */
        uint32_t cp = size == 1 ? c : size == 2 ? c & 0x1Fu : c & 0x0Fu;

        for (size_t k = 1; k < size && i + k < text.n; k++)
            cp = cp << 6 | ((unsigned char)text.p[i + k] & 0x3F);
        p[n++] = (char)(cp >> 8);
        p[n++] = (char)cp;
        i += size;
    }
    *out = (struct password){ text, slice_of(p, bare ? 0 : n + 2) };
    return true;
}

/* s again and again, to a whole number of blocks, appended at *n. */
static void fill(char *out, size_t *n, struct slice s, size_t block)
{
    size_t end = *n + (s.n + block - 1) / block * block;

    for (size_t i = 0; *n < end; i++)
        out[(*n)++] = s.p[i % s.n];
}

/* x += y + 1, big-endian, both of n bytes. */
static void add_one_more(unsigned char *x, const unsigned char *y, size_t n)
{
    unsigned carry = 1;

    for (size_t i = n; i-- > 0;) {
        carry += x[i] + y[i];
        x[i] = (unsigned char)carry;
        carry >>= 8;
    }
}

/* RFC 7292 appendix B.2: n bytes for a purpose (1 key, 2 IV, 3 MAC). */
static bool pkcs12_bytes(struct arena *a, enum crypto_hash h, const struct password *pw, struct slice salt, uint32_t iterations, int purpose,
                         unsigned char *out, size_t n)
{
    size_t u = crypto_hash_size(h), v = h >= CRYPTO_SHA384 ? 128 : 64, size = v;
    unsigned char digest[CRYPTO_HASH_MAX], block[128];
    char *input = arena_alloc(a, v + salt.n + pw->utf16.n + 2 * v);

    if (!input || iterations == 0 || iterations > ITERATIONS_MAX)
        return false;
    memset(input, purpose, v);
    if (salt.n)
        fill(input, &size, salt, v);
    if (pw->utf16.n)
        fill(input, &size, pw->utf16, v);
    while (n) {
        size_t part = n < u ? n : u;

        crypto_hash(h, slice_of(input, size), digest);
        for (uint32_t i = 1; i < iterations; i++)
            crypto_hash(h, slice_of(digest, u), digest);
        memcpy(out, digest, part);
        out += part;
        n -= part;
        for (size_t i = 0; i < v; i++)
            block[i] = digest[i % u];
        for (size_t at = v; at < size; at += v)
            add_one_more((unsigned char *)input + at, block, v);
    }
    return true;
}

/* RFC 8018 5.2, up to KEY_MAX bytes. */
static bool pbkdf2(struct arena *a, enum crypto_hash h, struct slice password, struct slice salt, uint32_t iterations, unsigned char *out, size_t n)
{
    size_t u = crypto_hash_size(h), done = 0;
    unsigned char round[CRYPTO_HASH_MAX], sum[CRYPTO_HASH_MAX];
    char *first = arena_alloc(a, salt.n + 4);

    if (!first || iterations == 0 || iterations > ITERATIONS_MAX)
        return false;
    memcpy(first, salt.p, salt.n);
    for (unsigned char block = 1; done < n; block++) {
        size_t part = n - done < u ? n - done : u;

        first[salt.n + 3] = (char)block;
        crypto_hmac(h, password, slice_of(first, salt.n + 4), round);
        memcpy(sum, round, u);
        for (uint32_t i = 1; i < iterations; i++) {
            crypto_hmac(h, password, slice_of(round, u), round);
            for (size_t k = 0; k < u; k++)
                sum[k] ^= round[k];
        }
        memcpy(out + done, sum, part);
        done += part;
    }
    return true;
}

/* ---- RC2 (RFC 2268), which Windows put certificates under ---- */

static void rc2_expand(const unsigned char *key, size_t n, unsigned bits, uint16_t out[64])
{
    static const unsigned char pi[256] = {
        217, 120, 249, 196, 25, 221, 181, 237, 40, 233, 253, 121, 74, 160, 216, 157, 198, 126, 55, 131, 43, 118, 83, 142, 98, 76, 100, 136, 68, 139,
        251, 162, 23, 154, 89, 245, 135, 179, 79, 19, 97, 69, 109, 141, 9, 129, 125, 50, 189, 143, 64, 235, 134, 183, 123, 11, 240, 149, 33, 34, 92,
        107, 78, 130, 84, 214, 101, 147, 206, 96, 178, 28, 115, 86, 192, 20, 167, 140, 241, 220, 18, 117, 202, 31, 59, 190, 228, 209, 66, 61, 212, 48,
        163, 60, 182, 38, 111, 191, 14, 218, 70, 105, 7, 87, 39, 242, 29, 155, 188, 148, 67, 3, 248, 17, 199, 246, 144, 239, 62, 231, 6, 195, 213, 47,
        200, 102, 30, 215, 8, 232, 234, 222, 128, 82, 238, 247, 132, 170, 114, 172, 53, 77, 106, 42, 150, 26, 210, 113, 90, 21, 73, 116, 75, 159, 208,
        94, 4, 24, 164, 236, 194, 224, 65, 110, 15, 81, 203, 204, 36, 145, 175, 80, 161, 244, 112, 57, 153, 124, 58, 133, 35, 184, 180, 122, 252, 2,
        54, 91, 37, 85, 151, 49, 45, 93, 250, 152, 227, 138, 146, 174, 5, 223, 41, 16, 103, 108, 186, 201, 211, 0, 230, 207, 225, 158, 168, 44, 99, 22,
        1, 63, 88, 226, 137, 169, 13, 56, 52, 27, 171, 51, 255, 176, 187, 72, 12, 95, 185, 177, 205, 46, 197, 243, 219, 71, 229, 165, 156, 119, 10,
        166, 32, 104, 254, 127, 193, 173 };
    unsigned char l[128];
    size_t t8 = (bits + 7) / 8;

    memcpy(l, key, n);
    for (size_t i = n; i < 128; i++)
        l[i] = pi[(l[i - 1] + l[i - n]) & 255];
    l[128 - t8] = pi[l[128 - t8] & (255 >> (8 * t8 - bits))];
    for (size_t i = 128 - t8; i-- > 0;)
        l[i] = pi[l[i + 1] ^ l[i + t8]];
    for (size_t i = 0; i < 64; i++)
        out[i] = (uint16_t)(l[2 * i] | l[2 * i + 1] << 8);
}

static uint16_t rotate_right(uint16_t x, unsigned n)
{
    return (uint16_t)(x >> n | x << (16 - n));
}

static void rc2_decrypt_block(const uint16_t k[64], const unsigned char *in, unsigned char *out)
{
    static const unsigned shifts[4] = { 1, 2, 3, 5 };
    uint16_t r[4];

    for (unsigned i = 0; i < 4; i++)
        r[i] = (uint16_t)(in[2 * i] | in[2 * i + 1] << 8);
    for (int round = 15; round >= 0; round--) {
        for (unsigned i = 4; i-- > 0;) {
            uint16_t x = rotate_right(r[i], shifts[i]);

            r[i] = (uint16_t)(x - k[4 * round + (int)i] - (r[(i + 3) % 4] & r[(i + 2) % 4]) - (~r[(i + 3) % 4] & r[(i + 1) % 4]));
        }
        if (round == 11 || round == 5)
            for (unsigned i = 4; i-- > 0;)
                r[i] = (uint16_t)(r[i] - k[r[(i + 3) % 4] & 63]);
    }
    for (unsigned i = 0; i < 4; i++) {
        out[2 * i] = (unsigned char)r[i];
        out[2 * i + 1] = (unsigned char)(r[i] >> 8);
    }
}

/* ---- decrypting ---- */

struct scheme {
    bool rc2;
    unsigned rc2_bits;
    enum crypto_cipher cipher;
    size_t key_size, block;
    unsigned char key[KEY_MAX], iv[CRYPTO_BLOCK_MAX];
};

/* CBC, the padding of PKCS#7 taken off. False: wrong key. */
static bool decrypt(struct arena *a, const struct scheme *s, struct slice in, struct slice *out)
{
    unsigned char *p = arena_alloc(a, in.n + 1);
    const unsigned char *previous = s->iv, *from = (const unsigned char *)in.p;
    struct crypto_cipher_ctx cipher;
    uint16_t rc2[64];
    bool ready = true;
    unsigned pad;

    if (!p || in.n == 0 || in.n % s->block)
        return false;
    if (s->rc2)
        rc2_expand(s->key, s->key_size, s->rc2_bits, rc2);
    else
        ready = crypto_cipher_begin(&cipher, s->cipher, false, slice_of(s->key, s->key_size));
    for (size_t i = 0; ready && i < in.n; i += s->block) {
        if (s->rc2)
            rc2_decrypt_block(rc2, from + i, p + i);
        else
            crypto_cipher_block(&cipher, from + i, p + i);
        for (size_t k = 0; k < s->block; k++)
            p[i + k] ^= previous[k];
        previous = from + i;
    }
    if (!s->rc2)
        crypto_cipher_end(&cipher);
    pad = ready ? p[in.n - 1] : 0;
    *out = slice_of(p, in.n - pad);
    return pad >= 1 && pad <= s->block;
}

/* pbeWithSHAAnd...: the last byte of the OID is 3 to 6. */
static bool pkcs12_scheme(struct arena *a, int which, struct slice parameters, const struct password *pw, struct scheme *s)
{
    struct slice salt;
    uint32_t iterations;

    if (which < 3 || which > 6 || !take(&parameters, TAG_OCTETS, &salt) || !take_number(&parameters, &iterations))
        return false;
    s->rc2 = which >= 5;
    s->cipher = CRYPTO_3DES;
    s->key_size = which == 3 ? 24 : which == 6 ? 5 : 16;
    s->rc2_bits = (unsigned)(8 * s->key_size);
    s->block = 8;
    return pkcs12_bytes(a, CRYPTO_SHA1, pw, salt, iterations, 1, s->key, s->key_size) &&
           pkcs12_bytes(a, CRYPTO_SHA1, pw, salt, iterations, 2, s->iv, s->block);
}

/* hmacWithSHA1 to SHA512 end in 7 to 11 without 8. */
static bool hmac_of(struct slice oid, enum crypto_hash *out)
{
    static const struct { char last; enum crypto_hash hash; } known[] = { { 7, CRYPTO_SHA1 }, { 9, CRYPTO_SHA256 }, { 10, CRYPTO_SHA384 }, { 11, CRYPTO_SHA512 } };

    for (size_t i = 0; oid.n == 8 && i < sizeof known / sizeof *known; i++)
        if (oid.p[7] == known[i].last) {
            *out = known[i].hash;
            return true;
        }
    return false;
}

/* The cipher of PBES2 with its IV: AES in CBC, or 3DES. */
static bool pbes2_cipher(struct slice algorithm, struct scheme *s)
{
    static const struct { struct slice oid; enum crypto_cipher cipher; size_t key, block; } known[] = {
        { OID("\x60\x86\x48\x01\x65\x03\x04\x01\x02"), CRYPTO_AES, 16, 16 },
        { OID("\x60\x86\x48\x01\x65\x03\x04\x01\x16"), CRYPTO_AES, 24, 16 },
        { OID("\x60\x86\x48\x01\x65\x03\x04\x01\x2A"), CRYPTO_AES, 32, 16 },
        { OID("\x2A\x86\x48\x86\xF7\x0D\x03\x07"), CRYPTO_3DES, 24, 8 } };
    struct slice oid, iv;

    if (!take(&algorithm, TAG_OID, &oid) || !take(&algorithm, TAG_OCTETS, &iv))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_eq(oid, known[i].oid) && iv.n == known[i].block) {
            s->cipher = known[i].cipher;
            s->key_size = known[i].key;
            s->block = known[i].block;
            memcpy(s->iv, iv.p, iv.n);
            return true;
        }
    return false;
}

/* PBES2-params := { keyDerivationFunc, encryptionScheme } */
static bool pbes2_scheme(struct arena *a, struct slice parameters, const struct password *pw, struct scheme *s)
{
    struct slice kdf, oid, kdf_parameters, salt, cipher, prf, prf_oid;
    enum crypto_hash h = CRYPTO_SHA1;
    uint32_t iterations, length;

    if (!take(&parameters, TAG_SEQUENCE, &kdf) || !take(&parameters, TAG_SEQUENCE, &cipher) || !take(&kdf, TAG_OID, &oid) ||
        !slice_eq(oid, OID_PBKDF2) || !take(&kdf, TAG_SEQUENCE, &kdf_parameters) || !take(&kdf_parameters, TAG_OCTETS, &salt) ||
        !take_number(&kdf_parameters, &iterations) || !pbes2_cipher(cipher, s))
        return false;
    take_number(&kdf_parameters, &length);
    if (take(&kdf_parameters, TAG_SEQUENCE, &prf) && (!take(&prf, TAG_OID, &prf_oid) || !hmac_of(prf_oid, &h)))
        return false;
    return pbkdf2(a, h, pw->utf8, salt, iterations, s->key, s->key_size);
}

/* algorithm: the content of an AlgorithmIdentifier. */
static bool open_encrypted(struct arena *a, struct slice algorithm, struct slice data, const struct password *pw, struct slice *out)
{
    struct scheme s = { 0 };
    struct slice oid, parameters;

    if (!take(&algorithm, TAG_OID, &oid) || !take(&algorithm, TAG_SEQUENCE, &parameters))
        return false;
    if (slice_eq(oid, OID_PBES2) ? !pbes2_scheme(a, parameters, pw, &s)
                                 : oid.n != 10 || !slice_starts(oid, OID(PKCS "\x0C\x01")) || !pkcs12_scheme(a, oid.p[9], parameters, pw, &s))
        return false;
    return decrypt(a, &s, data, out);
}

/* ---- bags ---- */

struct bags {
    struct arena *a;
    const struct password *pw;
    struct slice key, key_id;   /* the first key, PKCS#8 */
    struct slice certificate;   /* its certificate; until one is known, the first */
    bool matched;
};

static struct slice local_key_id(struct slice attributes)
{
    struct slice set, attribute, oid, values, value;

    if (!take(&attributes, TAG_SET, &set))
        return SLICE_NONE;
    while (take(&set, TAG_SEQUENCE, &attribute))
        if (take(&attribute, TAG_OID, &oid) && slice_eq(oid, OID_LOCAL_KEY) && take(&attribute, TAG_SET, &values) && take(&values, TAG_OCTETS, &value))
            return value;
    return SLICE_NONE;
}

static bool certificate_bag(struct bags *b, struct slice value, struct slice id)
{
    struct slice bag, oid, wrapped, der;
    bool mine;

    if (!take(&value, TAG_SEQUENCE, &bag) || !take(&bag, TAG_OID, &oid) || !slice_eq(oid, OID_X509) || !take(&bag, TAG_0, &wrapped) ||
        !take(&wrapped, TAG_OCTETS, &der))
        return false;
    mine = id.n && (!b->key_id.p || slice_eq(id, b->key_id)); /* the certificates mostly come before the key */
    if (!b->certificate.p || (mine && !b->matched))
        b->certificate = der;
    b->matched |= mine;
    return true;
}

static bool key_bag(struct bags *b, struct slice value, struct slice id, bool shrouded)
{
    struct slice bag, algorithm, data, key = value;

    if (b->key.p)
        return true;
    if (shrouded && (!take(&value, TAG_SEQUENCE, &bag) || !take(&bag, TAG_SEQUENCE, &algorithm) || !take(&bag, TAG_OCTETS, &data) ||
                     !open_encrypted(b->a, algorithm, data, b->pw, &key)))
        return false;
    b->key = key;
    b->key_id = id;
    return true;
}

static bool read_bags(struct bags *b, struct slice contents)
{
    struct slice all, bag, oid, value;

    if (!take(&contents, TAG_SEQUENCE, &all))
        return false;
    while (all.n) {
        struct slice id;

        if (!take(&all, TAG_SEQUENCE, &bag) || !take(&bag, TAG_OID, &oid) || !take(&bag, TAG_0, &value))
            return false;
        id = local_key_id(bag);
        if (slice_eq(oid, OID_CERT_BAG) && !certificate_bag(b, value, id))
            return false;
        if ((slice_eq(oid, OID_KEY_BAG) || slice_eq(oid, OID_SHROUDED_BAG)) && !key_bag(b, value, id, slice_eq(oid, OID_SHROUDED_BAG)))
            return false;
    }
    return true;
}

/* One ContentInfo of the safe. */
static bool read_safe(struct bags *b, struct slice info)
{
    struct slice oid, wrapped, data, sequence, algorithm;
    uint32_t version;

    if (!take(&info, TAG_OID, &oid) || !take(&info, TAG_0, &wrapped))
        return false;
    if (slice_eq(oid, OID_DATA))
        return take(&wrapped, TAG_OCTETS, &data) && read_bags(b, data);
    return slice_eq(oid, OID_ENCRYPTED) && take(&wrapped, TAG_SEQUENCE, &sequence) && take_number(&sequence, &version) &&
           take(&sequence, TAG_SEQUENCE, &info) && take(&info, TAG_OID, &oid) && take(&info, TAG_SEQUENCE, &algorithm) &&
           take(&info, TAG_RAW_0, &data) && open_encrypted(b->a, algorithm, data, b->pw, &data) && read_bags(b, data);
}

static bool digest_of(struct slice oid, enum crypto_hash *out)
{
    static const struct { struct slice oid; enum crypto_hash hash; } known[] = {
        { OID("\x2B\x0E\x03\x02\x1A"), CRYPTO_SHA1 }, { OID("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), CRYPTO_SHA256 },
        { OID("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), CRYPTO_SHA384 }, { OID("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), CRYPTO_SHA512 } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_eq(oid, known[i].oid)) {
            *out = known[i].hash;
            return true;
        }
    return false;
}

/* Does the password open it? mac: MacData's content. */
static bool mac_holds(struct arena *a, struct slice mac, struct slice data, const struct password *pw)
{
    unsigned char key[CRYPTO_HASH_MAX], want[CRYPTO_HASH_MAX];
    struct slice info, algorithm, oid, digest, salt;
    enum crypto_hash h;
    uint32_t iterations = 1;

    if (!take(&mac, TAG_SEQUENCE, &info) || !take(&info, TAG_SEQUENCE, &algorithm) || !take(&algorithm, TAG_OID, &oid) || !digest_of(oid, &h) ||
        !take(&info, TAG_OCTETS, &digest) || digest.n != crypto_hash_size(h) || !take(&mac, TAG_OCTETS, &salt) ||
        (mac.n && !take_number(&mac, &iterations)))
        return false;
    if (!pkcs12_bytes(a, h, pw, salt, iterations, 3, key, digest.n))
        return false;
    crypto_hmac(h, slice_of(key, digest.n), data, want);
    return crypto_equal(want, digest.p, digest.n);
}

bool crypto_pfx_read(struct arena *a, struct slice der, struct slice password, struct slice *certificate, struct slice *key, struct err *err)
{
    struct slice pfx, info, oid, wrapped, data, safe, all, mac;
    struct password pw;
    struct bags b = { .a = a, .pw = &pw };
    uint32_t version;
    bool open = false;

    if (!take(&der, TAG_SEQUENCE, &pfx) || !take_number(&pfx, &version) || version != 3 || !take(&pfx, TAG_SEQUENCE, &info) ||
        !take(&info, TAG_OID, &oid) || !slice_eq(oid, OID_DATA) || !take(&info, TAG_0, &wrapped) || !take(&wrapped, TAG_OCTETS, &data))
        return err_set(err, "certificate: neither a certificate nor PKCS#12");
    open = !take(&pfx, TAG_SEQUENCE, &mac);
    if (!make_password(a, password, false, &pw))
        return err_set(err, "certificate: no memory");
    if (!open && !(open = mac_holds(a, mac, data, &pw)) && password.n == 0) /* an empty password is written in two ways */
        open = make_password(a, password, true, &pw) && mac_holds(a, mac, data, &pw);
    if (!open)
        return err_set(err, "The specified network password is not correct.");
    if (!take(&data, TAG_SEQUENCE, &all))
        return err_set(err, "certificate: PKCS#12: damaged");
    while (all.n)
        if (!take(&all, TAG_SEQUENCE, &safe) || !read_safe(&b, safe))
            return err_set(err, "certificate: PKCS#12: damaged, or under a cipher that is not known");
    if (!b.certificate.p)
        return err_set(err, "certificate: PKCS#12: there is no certificate in it");
    *certificate = b.certificate;
    *key = b.key;
    return true;
}
