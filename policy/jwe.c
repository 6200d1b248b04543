/* Encrypted tokens; see jwe.h. */
#include "policy/jwe.h"

#include <string.h>

#define PARTS 5
#define BLOCK 16u
#define KEY_MAX 64u /* A256CBC-HS512 */
#define WRAP_UNIT 8u

enum { HEADER, WRAPPED, IV, CONTENT, TAG };

/* key: bytes of the content key, half for the MAC, half for AES; as many as the tag are the first half of the hash. */
static const struct content {
    const char *name;
    size_t key;
    enum crypto_hash hash;
} contents[] = {
    { "A128CBC-HS256", 32, CRYPTO_SHA256 },
    { "A192CBC-HS384", 48, CRYPTO_SHA384 },
    { "A256CBC-HS512", 64, CRYPTO_SHA512 },
};

enum management { DIRECT, AES_WRAP, RSA_OAEP };

static const struct wrapping {
    const char *name;
    enum management how;
    size_t key;            /* bytes of the secret */
    enum crypto_hash hash; /* of OAEP */
} wrappings[] = {
    { "dir", DIRECT, 0, 0 },
    { "A128KW", AES_WRAP, 16, 0 },
    { "A192KW", AES_WRAP, 24, 0 },
    { "A256KW", AES_WRAP, 32, 0 },
    { "RSA-OAEP", RSA_OAEP, 0, CRYPTO_SHA1 },
    { "RSA-OAEP-256", RSA_OAEP, 0, CRYPTO_SHA256 },
};

struct jwe {
    struct arena *arena;
    struct slice header; /* as it stands: what the tag covers beside the content */
    struct slice parts[PARTS]; /* decoded */
    const struct content *content;
    const struct wrapping *wrapping;
    struct slice key_id;
};

bool jwe_is(struct slice token)
{
    unsigned dots = 0;

    for (size_t i = 0; i < token.n && dots < PARTS; i++)
        dots += token.p[i] == '.';
    return dots == PARTS - 1;
}

static bool refuse(struct jwt_fault *fault, struct slice message)
{
    *fault = (struct jwt_fault){ "JwtInvalid", message };
    return false;
}

/* ---- reading ---- */

static bool read_parts(struct jwe *e, struct slice token)
{
    struct slice rest = token, part;

    for (unsigned i = 0; i < PARTS; i++) {
        if (!slice_cut(&rest, '.', &part))
            return false;
        if (i == HEADER)
            e->header = part;
        e->parts[i] = part.n ? crypto_base64url_decode(e->arena, part) : SLICE("");
        if (!e->parts[i].p)
            return false;
    }
    return true;
}

static bool read_header(struct jwe *e)
{
    const struct json *j = json_parse(e->arena, e->parts[HEADER], NULL);
    struct slice alg = json_str(json_get(j, "alg")), enc = json_str(json_get(j, "enc"));

    for (size_t i = 0; i < COUNT_OF(contents); i++)
        if (slice_eq(enc, slice_from(contents[i].name)))
            e->content = &contents[i];
    for (size_t i = 0; i < COUNT_OF(wrappings); i++)
        if (slice_eq(alg, slice_from(wrappings[i].name)))
            e->wrapping = &wrappings[i];
    e->key_id = json_str(json_get(j, "kid"));
    return e->content && e->wrapping && !json_get(j, "crit") && !json_get(j, "zip");
}

/* ---- content keys ---- */

/* RFC 3394 2.2.2 */
static bool unwrap(struct slice secret, struct slice wrapped, uint8_t *key, size_t n)
{
    struct crypto_cipher_ctx cipher;
    uint8_t block[BLOCK];
    size_t units = n / WRAP_UNIT;

    if (wrapped.n != n + WRAP_UNIT)
        return false;
    bool ok = crypto_cipher_begin(&cipher, CRYPTO_AES, false, secret);
    memcpy(block, wrapped.p, WRAP_UNIT);
    memcpy(key, wrapped.p + WRAP_UNIT, n);
    for (size_t t = 6 * units; ok && t > 0; t--) {
        uint8_t *unit = key + (t - 1) % units * WRAP_UNIT;

        block[WRAP_UNIT - 1] ^= (uint8_t)t; /* at most 48 */
        memcpy(block + WRAP_UNIT, unit, WRAP_UNIT);
        crypto_cipher_block(&cipher, block, block);
        memcpy(unit, block + WRAP_UNIT, WRAP_UNIT);
    }
    crypto_cipher_end(&cipher);
    return ok && crypto_equal(block, "\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6", WRAP_UNIT);
}

static bool decrypt_key(const struct jwe *e, const struct jwt_key *key, uint8_t *out)
{
    struct crypto_key *private_key;
    struct slice plain;
    struct err err;

    if (!crypto_key_read_any(&private_key, key->bytes, &err))
        return false;
    bool ok = crypto_rsa_crypt(private_key, false, &e->wrapping->hash, e->parts[WRAPPED], e->arena, &plain, &err) &&
              plain.n == e->content->key;
    crypto_key_free(private_key);
    if (ok)
        memcpy(out, plain.p, plain.n);
    return ok;
}

static bool find_content_key(const struct jwe *e, const struct jwt_key *key, uint8_t out[KEY_MAX])
{
    bool secret = key->kind == JWT_KEY_SECRET;

    switch (e->wrapping->how) {
    case DIRECT:
        if (!secret || e->parts[WRAPPED].n || key->bytes.n != e->content->key)
            return false;
        memcpy(out, key->bytes.p, key->bytes.n);
        return true;
    case AES_WRAP:
        return secret && key->bytes.n == e->wrapping->key && unwrap(key->bytes, e->parts[WRAPPED], out, e->content->key);
    default:
        return key->kind == JWT_KEY_PRIVATE && decrypt_key(e, key, out);
    }
}

/* ---- content: RFC 7518 5.2.2.2 ---- */

static bool is_authentic(const struct jwe *e, const uint8_t *key)
{
    size_t half = e->content->key / 2;
    uint8_t mac[CRYPTO_HASH_MAX], bits[8];
    uint64_t n = (uint64_t)e->header.n * 8;

    for (unsigned i = 0; i < sizeof bits; i++)
        bits[i] = (uint8_t)(n >> (8 * (sizeof bits - 1 - i)));
    struct slice covered[] = { e->header, e->parts[IV], e->parts[CONTENT], slice_of(bits, sizeof bits) };
    struct slice text = arena_concat(e->arena, covered, COUNT_OF(covered));
    if (!text.p)
        return false;
    crypto_hmac(e->content->hash, slice_of(key, half), text, mac);
    return e->parts[TAG].n == half && crypto_equal(mac, e->parts[TAG].p, half);
}

static bool decrypt_content(const struct jwe *e, const uint8_t *key, struct slice *out)
{
    size_t half = e->content->key / 2, n = e->parts[CONTENT].n;
    const uint8_t *in = (const uint8_t *)e->parts[CONTENT].p, *before = (const uint8_t *)e->parts[IV].p;
    uint8_t *text = arena_alloc_raw(e->arena, n);
    struct crypto_cipher_ctx cipher;

    if (!text || n == 0 || n % BLOCK || e->parts[IV].n != BLOCK)
        return false;
    bool ok = crypto_cipher_begin(&cipher, CRYPTO_AES, false, slice_of(key + half, half));
    for (size_t at = 0; ok && at < n; at += BLOCK) {
        crypto_cipher_block(&cipher, in + at, text + at);
        for (unsigned i = 0; i < BLOCK; i++)
            text[at + i] ^= before[i];
        before = in + at;
    }
    crypto_cipher_end(&cipher);
    unsigned padding = ok ? text[n - 1] : 0; /* authentic: nobody learns from it */
    *out = slice_of(text, n - padding);
    return padding >= 1 && padding <= BLOCK;
}

static bool open_with(const struct jwe *e, const struct jwt_key *key, struct slice *out)
{
    uint8_t content_key[KEY_MAX];

    return find_content_key(e, key, content_key) && is_authentic(e, content_key) && decrypt_content(e, content_key, out);
}

/* Keys that have the token's id go first; the others follow, as their ids may not be those of whoever encrypted. */
bool jwe_open(struct arena *a, struct slice token, const struct jwt_keys *keys, struct slice *inner, struct jwt_fault *fault)
{
    struct jwe e = { .arena = a };

    if (token.n > JWT_BYTES_MAX)
        return refuse(fault, SLICE("IDX10209: Token has length larger than the maximum token length."));
    if (!keys->n)
        return refuse(fault, SLICE("IDX10609: Decryption failed. No Keys tried."));
    if (!read_parts(&e, token) || !read_header(&e))
        return refuse(fault, SLICE("IDX10611: Decryption failed. The token is malformed, or its algorithms are not supported."));
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < keys->n && i < JWT_TRIES_MAX; i++) {
            bool first = e.key_id.n && slice_eq(keys->v[i].id, e.key_id);
            if (first == (pass == 0) && open_with(&e, &keys->v[i], inner))
                return true;
        }
    return refuse(fault, arena_printf(a, "IDX10603: Decryption failed. Keys tried: %u.", keys->n));
}
