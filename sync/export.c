/* export: the verified cache as a repository (PROTOCOL.md), signatures as they came: for a stick, a
 * LAN peer, a web server. What is immutable first, `latest` last by rename. */
#include <stdio.h>

#include "store/stage.h"
#include "sync/export.h"
#include "sync/repo_int.h"

/* A generation compressed, with its pack. */
#define EXPORT_MEMORY_MAX ((size_t)768 << 20)

struct exporter {
    struct store *store;
    struct arena *arena;
    struct repo repo;
    struct store_base base;
    struct sync_exported *out;
};

/* ---- what is there already ---- */

/* Another repository must not be mixed with this one. */
static bool check_root(struct exporter *x, const struct store_root_text *root, struct err *err)
{
    struct slice there, path = repo_root_path(x->arena, root->version);
    bool present;

    if (!repo_read(&x->repo, x->arena, path, ROOT_BYTES_MAX, &there, &present, err))
        return false;
    return !present || slice_eq(there, root->text) ||
           err_set(err, "%s/%.*s: another repository is here: give an empty directory", x->repo.dir,
                   SLICE_ARG(path));
}

/* What a `latest` says its publish is; 0: nothing that can be read. Who signed it does not matter: it is only a reason to stop. */
static int64_t claimed_seq(struct arena *a, struct slice text)
{
    struct envelope e;
    struct fresh fresh;
    struct err err;

    return envelope_parse(a, &text, &e, &err) && slice_eq(e.type, SLICE("fresh")) &&
                   fresh_parse(a, e.payload, &fresh, &err)
               ? fresh.seq
               : 0;
}

/* A newer publish is never replaced by an older one. */
static bool check_latest(struct exporter *x, struct err *err)
{
    struct slice text;
    bool present;
    int64_t ours = x->base.latest->manifest.seq;

    if (!repo_read(&x->repo, x->arena, repo_latest_path(x->arena, x->repo.channel),
                   LATEST_BYTES_MAX, &text, &present, err))
        return false;
    x->out->unchanged = present && slice_eq(text, x->base.latest->text);
    int64_t there = present ? claimed_seq(x->arena, text) : 0;
    return there <= ours ||
           err_set(err, "%s/%s/latest: publish %lld is here, this cache has %lld: it is not replaced",
                   x->repo.dir, x->repo.channel, (long long)there, (long long)ours);
}

/* ---- writing ---- */

/* A file whose content never changes: written when it is not there, or damaged. */
static bool put_file(struct exporter *x, struct slice path, struct slice bytes, struct err *err)
{
    struct slice there;
    struct err unread;
    bool present = false;

    if (repo_read(&x->repo, x->arena, path, bytes.n, &there, &present, &unread) && present &&
        slice_eq(there, bytes))
        return true;
    return repo_write(&x->repo, path, bytes, err);
}

static bool write_object(struct exporter *x, const struct tree_entry *e, struct slice bytes,
                         struct buf *pack, struct err *err)
{
    buf_put(pack, bytes);
    return put_file(x, repo_object_path(x->arena, e), bytes, err);
}

static bool write_objects(struct exporter *x, struct buf *pack, struct err *err)
{
    const struct manifest *m = &x->base.latest->manifest;
    uint32_t fan = tree_fan(m->bits);

    for (uint32_t i = 0; i < tree_nodes(m->bits); i++) {
        struct slice bytes = tree_node_bytes(x->arena, x->base.leaves + (size_t)i * fan, fan);
        if (!bytes.p)
            return err_set(err, "out of memory");
        if (!write_object(x, &m->nodes[i], bytes, pack, err))
            return false;
    }
    for (uint32_t i = 0; i < tree_leaves(m->bits); i++) {
        const struct tree_entry *e = &x->base.leaves[i];
        struct slice z;
        if (!e->raw)
            continue;
        if (!store_leaf_stream(x->store, x->arena, e, &z, err))
            return err_wrap(err, "cfg.db: leaf %u", i);
        if (!write_object(x, e, z, pack, err))
            return false;
    }
    return !pack->failed || err_set(err, "out of memory");
}

/* The pack that the manifest names, if it is of this very publish; else the objects are enough. */
static bool write_pack(struct exporter *x, struct slice pack, struct err *err)
{
    const struct manifest *m = &x->base.latest->manifest;

    if (pack.n != m->pack_length)
        return true;
    return put_file(x, repo_pack_path(x->arena, x->repo.channel, m->pack_seq), pack, err);
}

static bool write_all(struct exporter *x, const struct store_root_text *roots, size_t n,
                      struct err *err)
{
    const struct latest *l = x->base.latest;
    struct buf pack;

    buf_init(&pack, x->arena);
    if (!write_objects(x, &pack, err) || !write_pack(x, buf_slice(&pack), err) ||
        !put_file(x, repo_manifest_path(x->arena, x->repo.channel, l->manifest.seq),
                  l->manifest_envelope.whole, err))
        return false;
    for (size_t i = n; i-- > 0;)
        if (!put_file(x, repo_root_path(x->arena, roots[i].version), roots[i].text, err))
            return false;
    if (x->out->unchanged && !x->repo.files)
        return true;
    return repo_sync(&x->repo, err) && repo_flip(&x->repo, l->text, err);
}

static bool export(struct exporter *x, const char *dir, struct err *err)
{
    struct store_root_text *roots;
    char channel[CHANNEL_MAX + 1];
    size_t n;

    if (!store_root_chain(x->store, x->arena, &roots, &n, err))
        return false;
    snprintf(channel, sizeof channel, "%.*s", SLICE_ARG(x->base.latest->manifest.channel));
    if (!repo_open(&x->repo, dir, channel, false, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!check_root(x, &roots[i], err))
            return false;
    if (!check_latest(x, err) || !write_all(x, roots, n, err))
        return false;
    x->out->seq = x->base.latest->manifest.seq;
    x->out->entities = x->base.latest->manifest.entities;
    x->out->bytes = x->repo.bytes;
    x->out->files = x->repo.files;
    x->out->unchanged &= !x->repo.files;
    return true;
}

bool sync_export(struct store *store, const char *dir, struct sync_exported *out, struct err *err)
{
    struct arena a;
    struct exporter x = { .store = store, .arena = &a, .repo = { .lock = -1 }, .out = out };
    struct store_generation g;
    bool present = false;

    memset(out, 0, sizeof *out);
    arena_init_growing(&a, EXPORT_MEMORY_MAX);
    struct arena_mark mark = arena_mark(&a);
    bool ok = store_load(store, 0, &a, &g, err); /* every signature and hash */
    arena_reset(&a, mark);
    ok = ok && store_base(store, &a, &x.base, &present, err) &&
         (present || err_set(err, "cache %s: no whole configuration here", store_dir(store))) &&
         export(&x, dir, err);
    repo_close(&x.repo);
    arena_free(&a);
    return ok;
}
