/* The factory pack: what a device is shipped with, one read-only file.
 *
 *   factory = root-envelope fresh-envelope manifest-envelope "EC1 pack " length LF pack LF
 *
 * The pack is as p/<seq> of a repository (sync/PROTOCOL.md); its envelope has no signature, its
 * pieces are named by the manifest. */
#include "platform/file.h"
#include "store/store_int.h"

/* A whole configuration, compressed. */
#define FACTORY_BYTES_MAX ((size_t)256 << 20)

struct factory {
    struct root root;
    struct latest latest;
    struct slice rest; /* of the pack, unread */
    struct tree_entry *leaves;
    struct slice *raw;
    struct store_piece *pieces;
    size_t n_pieces;
};

static bool read_head(struct factory *f, struct arena *a, const char *path, struct err *err)
{
    struct envelope e;
    struct slice rest;

    if (!file_read(a, path, FACTORY_BYTES_MAX, &rest, err) || !envelope_parse(a, &rest, &e, err))
        return false;
    if (!root_parse(a, e.whole, &f->root, err) || !root_check_self(&f->root, err) ||
        !latest_parse(a, &f->root, rest, &f->latest, err))
        return false;
    rest = slice_skip(rest, f->latest.text.n);
    if (!envelope_parse(a, &rest, &e, err) || !slice_eq(e.type, SLICE("pack")))
        return err_wrap(err, "its pack");
    f->rest = e.payload;
    return true;
}

static bool read_node(struct factory *f, uint32_t i, struct err *err)
{
    const struct manifest *m = &f->latest.manifest;
    struct slice bytes = slice_first(f->rest, m->nodes[i].z);

    f->rest = slice_skip(f->rest, m->nodes[i].z);
    return tree_node_open(&m->nodes[i], bytes, f->leaves + (size_t)i * tree_fan(m->bits), err) ||
           err_wrap(err, "node %u", i);
}

static bool read_leaf(struct factory *f, struct arena *a, uint32_t i, struct err *err)
{
    const struct tree_entry *e = &f->leaves[i];
    struct slice z = slice_first(f->rest, e->z);

    f->rest = slice_skip(f->rest, e->z);
    if (!tree_entry_check(e, err) || !tree_leaf_open(a, e, z, &f->raw[i], err))
        return err_wrap(err, "leaf %u", i);
    if (e->raw)
        f->pieces[f->n_pieces++] = (struct store_piece){ .entry = *e, .bytes = z };
    return true;
}

static bool read_pack(struct factory *f, struct arena *a, struct err *err)
{
    unsigned bits = f->latest.manifest.bits;
    uint32_t n = tree_leaves(bits);

    f->leaves = arena_array(a, struct tree_entry, n);
    f->raw = arena_array(a, struct slice, n);
    f->pieces = arena_array(a, struct store_piece, n);
    if (!f->leaves || !f->raw || !f->pieces)
        return err_set(err, "out of memory");
    for (uint32_t i = 0; i < tree_nodes(bits); i++)
        if (!read_node(f, i, err))
            return false;
    for (uint32_t i = 0; i < n; i++)
        if (!read_leaf(f, a, i, err))
            return false;
    return true;
}

/* An owner keeps it, so that sync only brings what is newer. Failure is no harm: it is served out
 * of RAM. */
static void keep(struct store *s, struct factory *f, struct store_generation *g)
{
    struct store_staging st = {
        .latest = &f->latest, .leaves = f->leaves, .pieces = f->pieces, .n_pieces = f->n_pieces
    };
    struct err err;

    if (s->mode != STORE_OWNER || store_meta_int(s, "trust"))
        return;
    if (!store_trust(s, &f->root, false, &err) || !store_flip(s, &st, &g->gen, &err))
        store_note_fault(s, "%s: cannot be kept: %s", s->factory, err.text);
}

bool store_load_factory(struct store *s, struct arena *a, struct store_generation *out,
                        struct err *err)
{
    struct factory *f = arena_new(a, struct factory);

    if (!f)
        return err_set(err, "out of memory");
    bool ok = read_head(f, a, s->factory, err) && read_pack(f, a, err) &&
              store_fill(a, &f->latest, f->raw, out, err);
    if (ok)
        keep(s, f, out);
    root_free(&f->root);
    return ok;
}
