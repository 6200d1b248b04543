/* The publisher's side of the hash tree: entities into leaves, leaves into objects and the pack. */
#include <stdlib.h>

#include "platform/gzip.h"
#include "sync/publish_int.h"

/* A mean leaf of 16 kB: small enough to fetch for one entity, large enough to compress. Kept until
 * it leaves 4-64 kB (sync.md d3). */
#define LEAF_MEAN (16u << 10)
#define LEAF_MEAN_MIN (4u << 10)
#define LEAF_MEAN_MAX (64u << 10)

struct sorted {
    const struct sync_entity *entity;
    struct slice key; /* kind "/" id */
    uint32_t hash;    /* its first 32 bits: slots of any number of bits */
};

/* ---- checking ---- */

static bool check_entity(struct arena *a, const struct sync_entity *e, struct err *err)
{
    struct arena_mark mark = arena_mark(a);
    struct slice kind, id;

    bool ok = tree_entity_read(a, e->line, &kind, &id, err);
    if (ok && (!slice_eq(kind, e->kind) || !slice_eq(id, e->id)))
        ok = err_set(err, "its line says %.*s/%.*s", SLICE_ARG(kind), SLICE_ARG(id));
    arena_reset(a, mark);
    return ok || err_wrap(err, "entity %.*s/%.*s", SLICE_ARG(e->kind), SLICE_ARG(e->id));
}

static int by_slot_and_key(const void *x, const void *y)
{
    const struct sorted *a = x, *b = y;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return slice_cmp(a->key, b->key);
}

static int by_key(const void *x, const void *y)
{
    return slice_cmp(((const struct sorted *)x)->key, ((const struct sorted *)y)->key);
}

static bool sort_entities(struct publisher *p, const struct sync_entity *entities, size_t n,
                          struct sorted **out, struct err *err)
{
    struct sorted *list = arena_array(p->arena, struct sorted, n + 1);

    *out = list;
    if (!list)
        return err_set(err, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct slice parts[] = { entities[i].kind, SLICE("/"), entities[i].id };
        if (!check_entity(p->arena, &entities[i], err))
            return false;
        list[i] = (struct sorted){ &entities[i], arena_concat(p->arena, parts, 3),
                                   tree_slot(entities[i].kind, entities[i].id, 32) };
        if (!list[i].key.p)
            return err_set(err, "out of memory");
        p->manifest.raw += entities[i].line.n + 1;
        p->manifest.apis += slice_eq(entities[i].kind, SLICE("api"));
    }
    qsort(list, n, sizeof *list, by_slot_and_key);
    for (size_t i = 1; i < n; i++)
        if (slice_eq(list[i - 1].key, list[i].key))
            return err_set(err, "entity %.*s: twice", SLICE_ARG(list[i].key));
    return true;
}

/* ---- leaves ---- */

static unsigned choose_bits(const struct publisher *p)
{
    uint64_t raw = p->manifest.raw;

    if (p->before) {
        unsigned bits = p->before->manifest.bits;
        if ((raw >> bits) <= LEAF_MEAN_MAX && (bits == 0 || (raw >> bits) >= LEAF_MEAN_MIN))
            return bits;
    }
    unsigned bits = 0;
    while (bits < TREE_BITS_MAX && (raw >> bits) > LEAF_MEAN)
        bits++;
    return bits;
}

/* The entities of one leaf are neighbours in the list; within the leaf they go by key. */
static size_t leaf_end(const struct sorted *list, size_t n, size_t from, uint32_t slot,
                       unsigned bits)
{
    size_t to = from;

    while (to < n && (bits ? list[to].hash >> (32 - bits) : 0) == slot)
        to++;
    return to;
}

static bool leaf_text(struct publisher *p, struct sorted *list, size_t n, struct slice *raw,
                      struct err *err)
{
    struct buf b;

    qsort(list, n, sizeof *list, by_key);
    buf_init(&b, p->arena);
    for (size_t i = 0; i < n; i++) {
        buf_put(&b, list[i].entity->line);
        buf_putc(&b, '\n');
    }
    *raw = n ? buf_slice(&b) : SLICE_NONE;
    return !b.failed || err_set(err, "out of memory");
}

/* false without err: a leaf is over its cap, more bits may help. */
static bool split(struct publisher *p, struct sorted *list, size_t n, unsigned bits,
                  struct slice *leaves, bool *too_large, struct err *err)
{
    size_t from = 0;

    *too_large = false;
    for (uint32_t slot = 0; slot < tree_leaves(bits); slot++) {
        size_t to = leaf_end(list, n, from, slot, bits);
        if (!leaf_text(p, list + from, to - from, &leaves[slot], err))
            return false;
        if (leaves[slot].n > TREE_LEAF_MAX) {
            *too_large = true;
            return true;
        }
        from = to;
    }
    return true;
}

static bool split_leaves(struct publisher *p, struct sorted *list, size_t n, struct slice **leaves,
                         struct err *err)
{
    bool too_large = true;

    for (unsigned bits = choose_bits(p); too_large; bits++) {
        if (bits > TREE_BITS_MAX)
            return err_set(err, "more than %u bytes of entities fall into one of %u leaves",
                           TREE_LEAF_MAX, tree_leaves(TREE_BITS_MAX));
        *leaves = arena_array(p->arena, struct slice, tree_leaves(bits));
        if (!*leaves)
            return err_set(err, "out of memory");
        p->manifest.bits = bits;
        qsort(list, n, sizeof *list, by_slot_and_key);
        if (!split(p, list, n, bits, *leaves, &too_large, err))
            return false;
    }
    return true;
}

/* An object that is there keeps its bytes: another version of zlib would make others of the same
 * name. */
static bool reuse_object(struct publisher *p, struct tree_entry *e, struct slice *z)
{
    struct slice found, again;
    struct err err;
    bool present;

    if (!repo_read(&p->repo, p->arena, repo_object_path(p->arena, e), TREE_LEAF_MAX + (64u << 10),
                   &found, &present, &err) ||
        !present)
        return false;
    e->z = (uint32_t)found.n;
    struct arena_mark mark = arena_mark(p->arena);
    bool ok = tree_entry_check(e, &err) && tree_leaf_open(p->arena, e, found, &again, &err);
    arena_reset(p->arena, mark);
    *z = found;
    return ok;
}

static bool compress(struct publisher *p, struct slice raw, struct tree_entry *e, struct slice *z,
                     struct err *err)
{
    tree_leaf_entry(raw, SLICE_NONE, e);
    *z = SLICE_NONE;
    if (!raw.n || reuse_object(p, e, z))
        return true;
    *z = gzip_deflate(p->arena, GZIP_ZLIB, raw, 9);
    if (z->n && (uint64_t)z->n * TREE_RATIO_MAX < raw.n)
        *z =
            gzip_deflate(p->arena, GZIP_ZLIB, raw, 0); /* what looks like a bomb is sent as it is */
    e->z = (uint32_t)z->n;
    return z->n > 0 || err_set(err, "out of memory");
}

bool publish_build(struct publisher *p, const struct sync_entity *entities, size_t n,
                   struct err *err)
{
    struct sorted *list;
    struct slice *leaves = NULL;

    if (!sort_entities(p, entities, n, &list, err) || !split_leaves(p, list, n, &leaves, err))
        return false;
    uint32_t count = tree_leaves(p->manifest.bits);
    p->entries = arena_array(p->arena, struct tree_entry, count);
    p->z = arena_array(p->arena, struct slice, count);
    if (!p->entries || !p->z || !leaves)
        return err_set(err, "out of memory");
    p->manifest.pack_length = (uint64_t)count * TREE_ENTRY_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        if (!compress(p, leaves[i], &p->entries[i], &p->z[i], err))
            return false;
        p->manifest.z += p->z[i].n;
    }
    p->manifest.pack_length += p->manifest.z;
    p->manifest.entities = n;
    tree_root(p->entries, p->manifest.bits, p->manifest.nodes, p->manifest.root);
    return true;
}

/* ---- objects ---- */

static bool write_object(struct publisher *p, const struct tree_entry *e, struct slice bytes,
                         struct err *err)
{
    struct slice path = repo_object_path(p->arena, e), found;
    bool present = false;

    if (!repo_read(&p->repo, p->arena, path, TREE_LEAF_MAX + (64u << 10), &found, &present, NULL))
        present = false;
    if (present && slice_eq(found, bytes))
        return true;
    return repo_write(&p->repo, path, bytes, err);
}

bool publish_write_objects(struct publisher *p, struct err *err)
{
    unsigned bits = p->manifest.bits;
    struct buf pack;

    buf_init(&pack, p->arena);
    for (uint32_t i = 0; i < tree_nodes(bits); i++) {
        struct slice bytes =
            tree_node_bytes(p->arena, p->entries + (size_t)i * tree_fan(bits), tree_fan(bits));
        if (!bytes.p)
            return err_set(err, "out of memory");
        if (!write_object(p, &p->manifest.nodes[i], bytes, err))
            return false;
        buf_put(&pack, bytes);
    }
    for (uint32_t i = 0; i < tree_leaves(bits); i++) {
        if (p->z[i].n && !write_object(p, &p->entries[i], p->z[i], err))
            return false;
        buf_put(&pack, p->z[i]);
    }
    if (pack.failed)
        return err_set(err, "out of memory");
    return repo_write(&p->repo, repo_pack_path(p->arena, p->repo.channel, p->manifest.seq),
                      buf_slice(&pack), err);
}
