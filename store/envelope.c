/* Reading and writing signed envelopes; see envelope.h for the grammar. */
#include "store/envelope.h"

#define MAGIC "EC1 "
/* Longest head line: magic, type, length. */
#define HEAD_MAX 64u
/* A DER signature of RSA-4096 in base64url. */
#define SIGNATURE_TEXT_MAX 800u
/* An RSA-8192 SubjectPublicKeyInfo is about 1 kB. */
#define PUBLIC_KEY_MAX (16u << 10)

bool envelope_has_magic(struct slice text)
{
    return slice_starts(text, SLICE(MAGIC));
}

static bool is_type(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'a' || s.p[i] > 'z')
            return false;
    return s.n > 0 && s.n <= 16;
}

static bool is_keyid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'f'))
            return false;
    return s.n == ENVELOPE_KEYID_BYTES;
}

/* head = "EC1" SP type SP length LF; length has no leading zeros. */
static bool parse_head(struct slice *rest, struct slice *type, size_t *length, struct err *err)
{
    struct slice line = slice_first(*rest, HEAD_MAX), part;
    uint64_t n;

    if (!envelope_has_magic(*rest))
        return err_set(err, "not a signed envelope");
    ptrdiff_t end = slice_find_byte(line, '\n');
    if (end < 0)
        return err_set(err, "its head line does not end");
    line = slice_sub(line, sizeof MAGIC - 1, (size_t)end);
    if (!slice_cut(&line, ' ', &part) || !is_type(part))
        return err_set(err, "its head line has no type");
    *type = part;
    if (!slice_to_u64(line, UINT32_MAX, &n) || (line.n > 1 && line.p[0] == '0'))
        return err_set(err, "its head line has no length");
    *rest = slice_skip(*rest, (size_t)end + 1);
    if (n >= rest->n)
        return err_set(err, "cut: %zu bytes of %llu", rest->n, (unsigned long long)n);
    *length = (size_t)n;
    return true;
}

/* Base64url has several spellings of one value (unused bits of the last digit): only ours is taken.
 */
static bool decode_exactly(struct arena *a, struct slice text, struct slice *der)
{
    *der = crypto_base64url_decode(a, text);
    return der->p && der->n && slice_eq(crypto_base64url(a, *der), text);
}

static bool parse_signatures(struct arena *a, struct slice *rest, struct envelope *out,
                             struct err *err)
{
    while (rest->n && !envelope_has_magic(*rest)) {
        ptrdiff_t end = slice_find_byte(slice_first(*rest, SIGNATURE_TEXT_MAX), '\n');
        if (end < 0)
            return err_set(err, "a signature line does not end");
        struct slice line = slice_first(*rest, (size_t)end), keyid;
        if (!slice_cut(&line, ' ', &keyid) || !is_keyid(keyid))
            return err_set(err, "a signature line has no key id");
        if (out->n == ENVELOPE_SIGNATURES_MAX)
            return err_set(err, "more than %u signatures", ENVELOPE_SIGNATURES_MAX);
        struct envelope_signature *s = &out->signatures[out->n++];
        s->keyid = keyid;
        if (!decode_exactly(a, line, &s->der))
            return err_set(err, "signature of %.*s: not base64url", SLICE_ARG(keyid));
        *rest = slice_skip(*rest, (size_t)end + 1);
    }
    return true;
}

bool envelope_parse(struct arena *a, struct slice *rest, struct envelope *out, struct err *err)
{
    struct slice text = *rest;
    size_t length = 0;

    memset(out, 0, sizeof *out);
    if (!parse_head(&text, &out->type, &length, err))
        return false;
    out->payload = slice_first(text, length);
    out->signed_bytes = slice_of(rest->p, (size_t)(out->payload.p - rest->p) + length);
    text = slice_skip(text, length);
    if (text.p[0] != '\n')
        return err_set(err, "%.*s: its length is wrong", SLICE_ARG(out->type));
    text = slice_skip(text, 1);
    if (!parse_signatures(a, &text, out, err))
        return err_wrap(err, "%.*s", SLICE_ARG(out->type));
    out->whole = slice_first(*rest, rest->n - text.n);
    *rest = text;
    return true;
}

bool envelope_keyid(const struct crypto_key *key, char id[ENVELOPE_KEYID_BYTES + 1],
                    uint8_t hash[CRYPTO_SHA256_BYTES], struct err *err)
{
    struct arena a;
    struct slice der;

    arena_init_growing(&a, PUBLIC_KEY_MAX);
    bool ok = crypto_key_public_der(key, &a, &der, err);
    if (ok) {
        crypto_sha256(der, hash);
        crypto_hex(hash, ENVELOPE_KEYID_BYTES / 2, id);
        id[ENVELOPE_KEYID_BYTES] = 0;
    }
    arena_free(&a);
    return ok;
}

static bool put_signature(struct buf *b, struct slice data, const struct crypto_key *key,
                          struct err *err)
{
    char id[ENVELOPE_KEYID_BYTES + 1];
    uint8_t hash[CRYPTO_SHA256_BYTES];
    struct slice der;

    if (!envelope_keyid(key, id, hash, err) || !crypto_sign(key, data, b->arena, &der, err))
        return false;
    buf_puts(b, id);
    buf_putc(b, ' ');
    buf_put(b, crypto_base64url(b->arena, der));
    buf_putc(b, '\n');
    return true;
}

bool envelope_put(struct buf *b, struct slice type, struct slice payload,
                  const struct crypto_key *const *keys, size_t n, struct err *err)
{
    size_t start = b->n;

    buf_printf(b, MAGIC "%.*s %zu\n", SLICE_ARG(type), payload.n);
    buf_put(b, payload);
    if (b->failed)
        return err_set(err, "envelope: out of memory");
    /* Signing allocates beside the buffer, which may then move: the signed bytes are kept apart. */
    struct slice data = arena_copy(b->arena, slice_of(b->p + start, b->n - start));
    buf_putc(b, '\n');
    for (size_t i = 0; i < n; i++)
        if (!put_signature(b, data, keys[i], err))
            return false;
    return b->failed || !data.p ? err_set(err, "envelope: out of memory") : true;
}
