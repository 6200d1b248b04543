/* fresh and manifest: reading with suspicion, writing in one fixed form. */
#include "store/manifest.h"

#include "platform/json.h"

bool channel_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-' && c != '_' &&
            (c != '.' || i == 0))
            return false;
    }
    return name.n > 0 && name.n <= CHANNEL_MAX;
}

/* ---- reading ---- */

static bool hex_hash(struct slice text, uint8_t out[CRYPTO_SHA256_BYTES])
{
    if (text.n != 2 * CRYPTO_SHA256_BYTES)
        return false;
    for (size_t i = 0; i < CRYPTO_SHA256_BYTES; i++) {
        int high = ascii_hex_value(text.p[2 * i]), low = ascii_hex_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Members that must be there and in a range; the first that is not is remembered. */
struct reader {
    const struct json *j;
    const char *bad;
};

static int64_t number(struct reader *r, const char *name, int64_t min, int64_t max)
{
    int64_t v = json_int(json_get(r->j, name), INT64_MIN);

    if ((v < min || v > max) && !r->bad)
        r->bad = name;
    return v;
}

static int64_t number_or(struct reader *r, const char *name, int64_t otherwise, int64_t max)
{
    return json_type(json_get(r->j, name)) == JSON_ABSENT ? otherwise : number(r, name, 0, max);
}

static void hash(struct reader *r, const char *name, uint8_t out[CRYPTO_SHA256_BYTES])
{
    if (!hex_hash(json_str(json_get(r->j, name)), out) && !r->bad)
        r->bad = name;
}

static struct slice channel(struct reader *r)
{
    struct slice s = json_str(json_get(r->j, "ch"));

    if (!channel_is_valid(s) && !r->bad)
        r->bad = "ch";
    return s;
}

static bool done(const struct reader *r, const char *what, struct err *err)
{
    return !r->bad || err_set(err, "%s: %s: missing or out of range", what, r->bad);
}

bool fresh_parse(struct arena *a, struct slice payload, struct fresh *out, struct err *err)
{
    struct reader r = { .j = json_parse(a, payload, err) };

    if (!r.j)
        return err_wrap(err, "fresh");
    out->channel = channel(&r);
    out->seq = number(&r, "seq", 1, SEQ_MAX);
    hash(&r, "man", out->manifest);
    out->length = number(&r, "mlen", 1, MANIFEST_BYTES_MAX);
    out->issued = number(&r, "issued", 0, INT64_MAX);
    out->expires = number_or(&r, "expires", 0, INT64_MAX);
    out->floor = number_or(&r, "floor", 0, SEQ_MAX);
    return done(&r, "fresh", err);
}

static void nodes(struct arena *a, struct reader *r, struct manifest *m)
{
    const struct json *list = json_get(r->j, "node");
    struct json_iter it = json_iter(list);

    if (json_count(list) != tree_nodes(m->bits) && !r->bad)
        r->bad = "node";
    while (!r->bad && json_next(&it)) {
        struct tree_entry *e = &m->nodes[it.index - 1];
        struct slice bytes = crypto_base64url_decode(a, json_str(it.value));
        if (bytes.n != TREE_ENTRY_BYTES) {
            r->bad = "node";
            return;
        }
        tree_entry_get((const uint8_t *)bytes.p, e);
        if (e->raw != tree_fan(m->bits) * TREE_ENTRY_BYTES || e->z != e->raw)
            r->bad = "node";
    }
}

static bool top_node_is_root(const struct manifest *m)
{
    struct tree_entry top;

    tree_node_entry(m->nodes, tree_nodes(m->bits), &top);
    return memcmp(top.hash, m->root, sizeof top.hash) == 0;
}

static void pack(struct reader *r, struct manifest *m)
{
    struct reader p = { .j = json_get(r->j, "pack") };

    if (!p.j)
        return;
    m->pack_seq = number(&p, "seq", 1, SEQ_MAX);
    m->pack_length = (uint64_t)number(&p, "len", 1, SEQ_MAX);
    if (p.bad && !r->bad)
        r->bad = "pack";
}

bool manifest_parse(struct arena *a, struct slice payload, struct manifest *out, struct err *err)
{
    struct reader r = { .j = json_parse(a, payload, err) };

    memset(out, 0, sizeof *out);
    if (!r.j)
        return err_wrap(err, "manifest");
    out->schema = number(&r, "schema", 1, INT64_MAX);
    if (out->schema > MANIFEST_SCHEMA)
        return err_set(err, "manifest: schema %lld: this program reads up to %d: update it",
                       (long long)out->schema, MANIFEST_SCHEMA);
    out->channel = channel(&r);
    out->seq = number(&r, "seq", 1, SEQ_MAX);
    hash(&r, "prev", out->prev);
    hash(&r, "root", out->root);
    out->entities = (uint64_t)number(&r, "n", 0, SEQ_MAX);
    out->raw = (uint64_t)number(&r, "raw", 0, SEQ_MAX);
    out->z = (uint64_t)number(&r, "z", 0, SEQ_MAX);
    out->issued = number(&r, "issued", 0, INT64_MAX);
    out->bits = (unsigned)number(&r, "bits", 0, TREE_BITS_MAX);
    out->apis = (uint64_t)number_or(&r, "apis", 0, SEQ_MAX);
    out->min_gateway = json_str(json_get(r.j, "min_gw"));
    if (!r.bad && number(&r, "fan", 1, INT64_MAX) != tree_fan(out->bits))
        r.bad = "fan";
    pack(&r, out);
    if (!r.bad)
        nodes(a, &r, out);
    if (!r.bad && !top_node_is_root(out))
        r.bad = "root";
    return done(&r, "manifest", err);
}

/* ---- writing ---- */

static void put_hash(struct buf *b, const char *name, const uint8_t value[CRYPTO_SHA256_BYTES])
{
    char hex[2 * CRYPTO_SHA256_BYTES];

    crypto_hex(value, CRYPTO_SHA256_BYTES, hex);
    buf_printf(b, ",\"%s\":\"%.*s\"", name, (int)sizeof hex, hex);
}

void fresh_write(struct buf *b, const struct fresh *f)
{
    buf_printf(b, "{\"ch\":\"%.*s\",\"seq\":%lld", SLICE_ARG(f->channel), (long long)f->seq);
    put_hash(b, "man", f->manifest);
    buf_printf(b, ",\"mlen\":%lld,\"issued\":%lld", (long long)f->length, (long long)f->issued);
    if (f->expires)
        buf_printf(b, ",\"expires\":%lld", (long long)f->expires);
    buf_printf(b, ",\"floor\":%lld}", (long long)f->floor);
}

static void put_nodes(struct buf *b, const struct manifest *m)
{
    uint8_t bytes[TREE_ENTRY_BYTES];

    buf_puts(b, ",\"node\":[");
    for (uint32_t i = 0; i < tree_nodes(m->bits); i++) {
        tree_entry_put(&m->nodes[i], bytes);
        struct slice text = crypto_base64url(b->arena, slice_of(bytes, sizeof bytes));
        buf_printf(b, "%s\"%.*s\"", i ? "," : "", SLICE_ARG(text));
    }
    buf_putc(b, ']');
}

void manifest_write(struct buf *b, const struct manifest *m)
{
    buf_printf(b, "{\"ch\":\"%.*s\",\"seq\":%lld,\"schema\":%lld", SLICE_ARG(m->channel),
               (long long)m->seq, (long long)m->schema);
    put_hash(b, "prev", m->prev);
    put_hash(b, "root", m->root);
    buf_printf(b, ",\"n\":%llu,\"apis\":%llu,\"raw\":%llu,\"z\":%llu,\"bits\":%u,\"fan\":%u",
               (unsigned long long)m->entities, (unsigned long long)m->apis,
               (unsigned long long)m->raw, (unsigned long long)m->z, m->bits, tree_fan(m->bits));
    buf_printf(b, ",\"issued\":%lld", (long long)m->issued);
    if (m->min_gateway.n) {
        buf_puts(b, ",\"min_gw\":");
        buf_put_json(b, m->min_gateway);
    }
    if (m->pack_length)
        buf_printf(b, ",\"pack\":{\"seq\":%lld,\"len\":%llu}", (long long)m->pack_seq,
                   (unsigned long long)m->pack_length);
    put_nodes(b, m);
    buf_putc(b, '}');
}

/* ---- latest ---- */

static bool cut_envelope(struct arena *a, struct slice *rest, struct slice type,
                         struct envelope *out, struct err *err)
{
    if (!envelope_parse(a, rest, out, err))
        return false;
    return slice_eq(out->type, type) ||
           err_set(err, "a %.*s where the %.*s should be", SLICE_ARG(out->type), SLICE_ARG(type));
}

static bool agree(const struct latest *l, struct err *err)
{
    if (!slice_eq(l->fresh.channel, l->manifest.channel) || l->fresh.seq != l->manifest.seq)
        return err_set(err, "fresh is for %.*s/%lld, its manifest for %.*s/%lld",
                       SLICE_ARG(l->fresh.channel), (long long)l->fresh.seq,
                       SLICE_ARG(l->manifest.channel), (long long)l->manifest.seq);
    return true;
}

bool latest_parse(struct arena *a, const struct root *root, struct slice text, struct latest *out,
                  struct err *err)
{
    struct slice rest = text;

    if (!cut_envelope(a, &rest, SLICE("fresh"), &out->fresh_envelope, err))
        return err_wrap(err, "signature"); /* nothing that is signed */
    if (!root_check(root, ROLE_FRESH, &out->fresh_envelope, err))
        return false;
    if (!fresh_parse(a, out->fresh_envelope.payload, &out->fresh, err))
        return false;
    /* Hashed before anything of it is read. */
    struct slice whole = slice_first(rest, (size_t)out->fresh.length);
    crypto_sha256(whole, out->hash);
    if (whole.n != (size_t)out->fresh.length ||
        memcmp(out->hash, out->fresh.manifest, sizeof out->hash) != 0)
        return err_set(err, "digest: manifest %lld is not the one that fresh names",
                       (long long)out->fresh.seq);
    if (!cut_envelope(a, &whole, SLICE("manifest"), &out->manifest_envelope, err))
        return false;
    if (!root_check(root, ROLE_CONFIG, &out->manifest_envelope, err))
        return false;
    out->text = slice_first(text, out->fresh_envelope.whole.n + out->manifest_envelope.whole.n);
    rest = slice_skip(text, out->text.n);
    if (rest.n && !envelope_has_magic(rest))
        return err_set(err, "digest: %zu bytes behind the manifest that belong to nothing", rest.n);
    return manifest_parse(a, out->manifest_envelope.payload, &out->manifest, err) &&
           agree(out, err);
}
