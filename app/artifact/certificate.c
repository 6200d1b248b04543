/* Certificates (interface.md section 4): a PFX file in base64, a PEM file by its path, or either one's text; published as the
 * certificate, the chain behind it, and its private key. */
#include "app/artifact/artifact_int.h"

#include <time.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/pfx.h"

/* Longer data is no path. */
#define PATH_LENGTH_MAX 4096u

/* What was read, before it is known which certificate is the key's. */
struct found {
    struct slice certificates[PFX_CERTIFICATES_MAX]; /* DER */
    unsigned n;
    struct slice key; /* PEM or DER */
};

struct reading {
    struct emitter *e;
    const struct resource *r;
    struct slice password;
    struct err err;
};

/* ---- PEM (RFC 7468) ---- */

static bool take_block(struct reading *x, struct slice label, struct slice base64, struct slice whole, struct found *out)
{
    struct slice der = crypto_base64_decode(x->e->arena, base64);

    if (slice_eq(label, SLICE("ENCRYPTED PRIVATE KEY")))
        return der.p ? pfx_decrypt_key(x->e->arena, der, x->password, &out->key, &x->err) : err_set(&x->err, "malformed PEM");
    if (slice_ends(label, SLICE("PRIVATE KEY"))) {
        out->key = whole;
        return true;
    }
    if (!slice_eq(label, SLICE("CERTIFICATE")) || out->n == PFX_CERTIFICATES_MAX)
        return true;
    out->certificates[out->n++] = der;
    return der.p || err_set(&x->err, "malformed PEM");
}

static bool read_pem(struct reading *x, struct slice text, struct found *out)
{
    struct slice begin = SLICE("-----BEGIN "), dashes = SLICE("-----"), end = SLICE("-----END ");
    ptrdiff_t at;

    while ((at = slice_find(text, begin)) >= 0) {
        struct slice block = slice_skip(text, (size_t)at), label = slice_skip(block, begin.n);
        ptrdiff_t close = slice_find(label, dashes), stop = slice_find(block, end);
        if (close < 0 || stop < 0)
            return err_set(&x->err, "malformed PEM");
        label = slice_first(label, (size_t)close);
        size_t inner = begin.n + label.n + dashes.n, after = (size_t)stop + end.n + label.n + dashes.n;
        if (inner > (size_t)stop || after > block.n)
            return err_set(&x->err, "malformed PEM");
        if (!take_block(x, label, slice_sub(block, inner, (size_t)stop), slice_first(block, after), out))
            return false;
        text = slice_skip(block, after);
    }
    return out->n || err_set(&x->err, "no certificate in it");
}

/* ---- PFX, DER ---- */

static bool read_binary(struct reading *x, struct slice der, struct found *out)
{
    struct pfx pfx;
    struct crypto_certificate certificate;
    struct err ignored;

    if (crypto_certificate_read(x->e->arena, der, &certificate, &ignored)) {
        out->certificates[out->n++] = der;
        return true;
    }
    if (!pfx_read(x->e->arena, der, x->password, &pfx, &x->err))
        return false;
    for (unsigned i = 0; i < pfx.n; i++)
        out->certificates[out->n++] = pfx.certificates[i];
    out->key = pfx.key;
    return out->n || err_set(&x->err, "no certificate in it");
}

/* ---- where it is ---- */

/* A path is looked up in the certificate's folder, in the artifact directory, then where the command runs. */
static char *find_file(struct reading *x, struct slice path)
{
    struct arena *a = x->e->arena;
    const char *root = x->e->tree->options->dir, *folder = x->r->made ? NULL : file_join(a, root, x->r->dir);
    const char *const places[] = { folder, root, "." };

    for (size_t i = 0; path.n < PATH_LENGTH_MAX && i < COUNT_OF(places); i++) {
        char *file = places[i] && path.p[0] != '/' ? file_join(a, places[i], path) : arena_cstr(a, path);
        if (file && file_exists(file) && !file_is_dir(file))
            return file;
    }
    return NULL;
}

static bool read_data(struct reading *x, struct slice data, struct found *out)
{
    struct arena *a = x->e->arena;
    struct slice content = data;

    if (slice_find(data, SLICE("-----BEGIN ")) < 0) {
        char *file = find_file(x, data);
        struct slice decoded = file ? SLICE_NONE : crypto_base64_decode(a, data);
        if (!file && !decoded.p)
            return err_set(&x->err, "neither base64 nor a file that is there");
        if (!file)
            return read_binary(x, decoded, out);
        if (!file_read(a, file, ARTIFACT_FILE_MAX, &content, &x->err))
            return false;
    }
    return slice_find(content, SLICE("-----BEGIN ")) >= 0 ? read_pem(x, content, out) : read_binary(x, content, out);
}

/* ---- which certificate is the key's ---- */

/* The key as PEM, and its certificate first. Without a key the first one is as it is. */
static bool match_key(struct reading *x, struct found *found)
{
    struct arena *a = x->e->arena;
    struct crypto_key *key = NULL;
    struct slice public_der = SLICE_NONE;
    struct crypto_certificate certificate;
    struct err ignored;

    if (!found->key.n)
        return true;
    bool ok = crypto_key_read_any(&key, found->key, &x->err) && crypto_key_public_der(key, a, &public_der, &x->err) &&
              crypto_key_private_pem(key, a, &found->key, &x->err);
    if (key)
        crypto_key_free(key);
    if (!ok)
        return false;
    for (unsigned i = 0; i < found->n; i++) {
        if (!crypto_certificate_read(a, found->certificates[i], &certificate, &ignored) || !slice_eq(certificate.key_info, public_der))
            continue;
        struct slice own = found->certificates[i];
        for (; i > 0; i--)
            found->certificates[i] = found->certificates[i - 1];
        found->certificates[0] = own;
        return true;
    }
    return err_set(&x->err, "the private key is of none of its certificates");
}

/* ---- the entity ---- */

static void put_base64(struct emitter *e, struct buf *b, struct slice der)
{
    buf_put_json(b, crypto_base64(e->arena, der));
}

static struct slice thumbprint(struct arena *a, struct slice der)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    char hex[2 * CRYPTO_HASH_MAX];

    crypto_hash(CRYPTO_SHA1, der, hash);
    crypto_hex(hash, crypto_hash_size(CRYPTO_SHA1), hex);
    for (size_t i = 0; i < 2 * crypto_hash_size(CRYPTO_SHA1); i++)
        hex[i] = ascii_upper(hex[i]);
    return arena_copy(a, slice_of(hex, 2 * crypto_hash_size(CRYPTO_SHA1)));
}

static struct slice date(struct arena *a, int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm;
    char text[32];

    if (!gmtime_r(&when, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return SLICE("");
    return arena_copy(a, slice_from(text));
}

/* Certificate, chain and key: the public parts in base64, the key, which `inspect` masks, as PEM in `data`. */
static void put_certificate(struct emitter *e, const struct resource *r, const struct found *found, struct slice print, int64_t expires)
{
    static const char *const dropped[] = { "data", "password", "subject", "thumbprint", "expirationDate", "keyVault", NULL };
    struct buf b;
    bool first = entity_open(e, r, dropped, &b);

    entity_member(&b, &first, "thumbprint");
    buf_put_json(&b, print);
    entity_member(&b, &first, "expirationDate");
    buf_put_json(&b, date(e->arena, expires));
    entity_member(&b, &first, "certificates");
    for (unsigned i = 0; i < found->n; i++) {
        buf_putc(&b, i ? ',' : '[');
        put_base64(e, &b, found->certificates[i]);
    }
    buf_putc(&b, ']');
    if (found->key.n) {
        entity_member(&b, &first, "data");
        buf_put_json(&b, found->key);
    }
    entity_close(e, r, &b);
}

void emit_certificate(struct emitter *e, const struct resource *r)
{
    struct reading x = { .e = e, .r = r, .password = resource_text(r, "password") };
    struct slice data = slice_trim(resource_text(r, "data"));
    struct found found = { .n = 0 };

    if (!data.n) {
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "data", "data is missing: give a PFX file in base64, or the path of a PEM file");
        return;
    }
    if (artifact_has_token(data) || artifact_has_token(x.password)) {
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "data", "data or password still holds a {#token#}");
        return;
    }
    if (!read_data(&x, data, &found) || !match_key(&x, &found)) {
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "data", "data: %s", x.err.text);
        return;
    }
    struct crypto_certificate own;
    if (!crypto_certificate_read(e->arena, found.certificates[0], &own, &x.err)) {
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "data", "data: %s", x.err.text);
        return;
    }
    if (own.not_after < (int64_t)(clock_wall_ns() / NS_PER_S))
        artifact_report_property(e->out, ARTIFACT_WARNING, r, "data", "expired on %.*s", SLICE_ARG(date(e->arena, own.not_after)));
    struct slice print = thumbprint(e->arena, found.certificates[0]);
    if (e->tree->options->gateway && !artifact_is_named(e->tree, r->id) && !artifact_is_named(e->tree, print))
        return; /* of no use to the one gateway this is for */
    if (!found.key.n || emit_may_publish_secret(e, arena_printf(e->arena, "certificate %.*s: private key", SLICE_ARG(r->id))))
        put_certificate(e, r, &found, print, own.not_after);
}
