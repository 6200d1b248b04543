/* The hash tree; see tree.h. */
#include "store/tree.h"

#include "platform/base/buf.h"
#include "platform/base/utf8.h"
#include "platform/gzip.h"
#include "platform/json.h"

uint32_t tree_slot(struct slice kind, struct slice id, unsigned bits)
{
    struct crypto_sha256_ctx c;
    uint8_t hash[CRYPTO_SHA256_BYTES];

    crypto_sha256_begin(&c);
    crypto_sha256_add(&c, kind.p, kind.n);
    crypto_sha256_add(&c, "/", 1);
    crypto_sha256_add(&c, id.p, id.n);
    crypto_sha256_end(&c, hash);
    uint32_t head =
        (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
    return bits ? head >> (32 - bits) : 0;
}

/* ---- entries and nodes ---- */

static void put_u32(uint32_t v, uint8_t *out)
{
    out[0] = (uint8_t)(v >> 24);
    out[1] = (uint8_t)(v >> 16);
    out[2] = (uint8_t)(v >> 8);
    out[3] = (uint8_t)v;
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

void tree_entry_put(const struct tree_entry *e, uint8_t out[TREE_ENTRY_BYTES])
{
    memcpy(out, e->hash, sizeof e->hash);
    put_u32(e->raw, out + 32);
    put_u32(e->z, out + 36);
}

void tree_entry_get(const uint8_t in[TREE_ENTRY_BYTES], struct tree_entry *e)
{
    memcpy(e->hash, in, sizeof e->hash);
    e->raw = get_u32(in + 32);
    e->z = get_u32(in + 36);
}

bool tree_entry_eq(const struct tree_entry *x, const struct tree_entry *y)
{
    return x->raw == y->raw && x->z == y->z && memcmp(x->hash, y->hash, sizeof x->hash) == 0;
}

void tree_node_entry(const struct tree_entry *entries, uint32_t n, struct tree_entry *out)
{
    struct crypto_sha256_ctx c;
    uint8_t bytes[TREE_ENTRY_BYTES];

    crypto_sha256_begin(&c);
    for (uint32_t i = 0; i < n; i++) {
        tree_entry_put(&entries[i], bytes);
        crypto_sha256_add(&c, bytes, sizeof bytes);
    }
    crypto_sha256_end(&c, out->hash);
    out->raw = out->z = n * TREE_ENTRY_BYTES;
}

struct slice tree_node_bytes(struct arena *a, const struct tree_entry *entries, uint32_t n)
{
    uint8_t *p = arena_alloc_raw(a, (size_t)n * TREE_ENTRY_BYTES);

    if (!p)
        return SLICE_NONE;
    for (uint32_t i = 0; i < n; i++)
        tree_entry_put(&entries[i], p + (size_t)i * TREE_ENTRY_BYTES);
    return slice_of(p, (size_t)n * TREE_ENTRY_BYTES);
}

bool tree_node_open(const struct tree_entry *e, struct slice bytes, struct tree_entry *out,
                    struct err *err)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];

    crypto_sha256(bytes, hash);
    if (bytes.n != e->raw || memcmp(hash, e->hash, sizeof hash) != 0)
        return err_set(err, "digest: its SHA-256 is not the one it should be");
    for (uint32_t i = 0; i < e->raw / TREE_ENTRY_BYTES; i++)
        tree_entry_get((const uint8_t *)bytes.p + (size_t)i * TREE_ENTRY_BYTES, &out[i]);
    return true;
}

void tree_root(const struct tree_entry *leaves, unsigned bits, struct tree_entry *nodes,
               uint8_t root[CRYPTO_SHA256_BYTES])
{
    struct tree_entry own[1u << (TREE_BITS_MAX / 2)], top;
    struct tree_entry *n = nodes ? nodes : own;

    for (uint32_t i = 0; i < tree_nodes(bits); i++)
        tree_node_entry(leaves + (size_t)i * tree_fan(bits), tree_fan(bits), &n[i]);
    tree_node_entry(n, tree_nodes(bits), &top);
    memcpy(root, top.hash, sizeof top.hash);
}

/* ---- leaves ---- */

void tree_leaf_entry(struct slice raw, struct slice z, struct tree_entry *out)
{
    crypto_sha256(raw, out->hash);
    out->raw = (uint32_t)raw.n;
    out->z = (uint32_t)z.n;
}

bool tree_entry_check(const struct tree_entry *e, struct err *err)
{
    if (e->raw > TREE_LEAF_MAX)
        return err_set(err, "%u bytes, at most %u are allowed", e->raw, TREE_LEAF_MAX);
    /* zlib's stored form adds 5 bytes a block and 6 around: more than that is no compression of
     * this. */
    if (e->z > e->raw + e->raw / 1000 + 64)
        return err_set(err, "%u bytes compressed, %u raw", e->z, e->raw);
    if ((uint64_t)e->z * TREE_RATIO_MAX < e->raw)
        return err_set(err, "compressed more than %u:1 (%u bytes to %u)", TREE_RATIO_MAX, e->raw,
                       e->z);
    if (!e->raw != !e->z)
        return err_set(err, "%u bytes raw, %u compressed", e->raw, e->z);
    return true;
}

bool tree_leaf_open(struct arena *a, const struct tree_entry *e, struct slice z, struct slice *raw,
                    struct err *err)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    size_t used = 0;

    *raw = SLICE_NONE;
    if (z.n != e->z)
        return err_set(err, "digest: %zu bytes where %u belong", z.n, e->z);
    if (e->raw) {
        enum gzip_result r = gzip_inflate(a, GZIP_ZLIB, z, e->raw, raw, &used);
        if (r == GZIP_MEMORY)
            return err_set(err, "out of memory");
        if (r != GZIP_DONE || used != z.n || raw->n != e->raw)
            return err_set(err, "digest: not the zlib stream it should be");
    }
    crypto_sha256(*raw, hash);
    if (memcmp(hash, e->hash, sizeof hash) != 0)
        return err_set(err, "digest: its SHA-256 is not the one it should be");
    return true;
}

static bool is_name(struct slice s, bool may_have_slash)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || (s.p[i] == '/' && !may_have_slash))
            return false;
    return s.n > 0 && s.n <= 512;
}

static unsigned depth_of(struct slice text)
{
    unsigned depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
    }
    return deepest;
}

bool tree_entity_read(struct arena *a, struct slice line, struct slice *kind, struct slice *id,
                      struct err *err)
{
    if (line.n > TREE_ENTITY_MAX)
        return err_set(err, "%zu bytes, at most %u are allowed", line.n, TREE_ENTITY_MAX);
    if (slice_find_byte(line, '\n') >= 0)
        return err_set(err, "more than one line");
    if (depth_of(line) > TREE_DEPTH_MAX)
        return err_set(err, "nested deeper than %u", TREE_DEPTH_MAX);
    const struct json *j = json_parse(a, line, err);
    if (!j)
        return false;
    *kind = json_str(json_get(j, "kind"));
    *id = json_str(json_get(j, "id"));
    if (!is_name(*kind, false) || !is_name(*id, true))
        return err_set(err, "no kind and id");
    return true;
}

static struct slice key_of(struct arena *a, struct slice kind, struct slice id)
{
    struct slice parts[] = { kind, SLICE("/"), id };

    return arena_concat(a, parts, COUNT_OF(parts));
}

bool tree_leaf_check(struct arena *scratch, struct slice raw, uint32_t slot, unsigned bits,
                     struct err *err)
{
    char previous[1100];
    size_t previous_n = 0;
    struct slice line, kind, id;

    if (raw.n && raw.p[raw.n - 1] != '\n')
        return err_set(err, "its last line does not end");
    raw = raw.n ? slice_first(raw, raw.n - 1) : SLICE_NONE;
    while (slice_cut(&raw, '\n', &line)) {
        struct arena_mark mark = arena_mark(scratch);
        if (!tree_entity_read(scratch, line, &kind, &id, err))
            return false;
        struct slice key = key_of(scratch, kind, id);
        if (!key.p)
            return err_set(err, "out of memory");
        if (tree_slot(kind, id, bits) != slot)
            return err_set(err, "%.*s does not belong here", SLICE_ARG(key));
        if (previous_n && slice_cmp(slice_of(previous, previous_n), key) >= 0)
            return err_set(err, "%.*s is out of order", SLICE_ARG(key));
        memcpy(previous, key.p, key.n); /* kind and id have at most 512 bytes each */
        previous_n = key.n;
        arena_reset(scratch, mark);
    }
    return true;
}
