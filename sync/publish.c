/* One publish, from the entities to the new `latest`. Until the last rename the repository serves
 * what it served before. */
#include "sync/publish.h"

#include <stdio.h>

#include "platform/clock.h"
#include "store/envelope.h"
#include "sync/keys.h"
#include "sync/publish_int.h"

/* ---- what is there ---- */

static bool read_keys(struct publisher *p, struct err *err)
{
    const struct sync_publish_options *o = p->options;

    if (!o->n_keys || o->n_keys > ROOT_KEYS_MAX || o->n_spares > ROOT_KEYS_MAX)
        return err_set(err, "keys: %zu given, between 1 and %u are possible", o->n_keys,
                       ROOT_KEYS_MAX);
    for (; p->n_keys < o->n_keys; p->n_keys++)
        if (!sync_key_read_private(o->keys[p->n_keys], &p->keys[p->n_keys], err))
            return false;
    for (; p->n_spares < o->n_spares; p->n_spares++)
        if (!sync_key_read_public(o->spares[p->n_spares], &p->spares[p->n_spares], err))
            return false;
    return true;
}

static bool read_before(struct publisher *p, struct err *err)
{
    struct slice path = repo_latest_path(p->arena, p->repo.channel);
    bool present;

    if (!repo_read(&p->repo, p->arena, path, LATEST_BYTES_MAX, &p->before_text, &present, err))
        return false;
    if (!present)
        return true;
    if (!p->root.n)
        return err_set(err, "%s: has %.*s but no root: restore it, or publish into a new directory",
                       p->repo.dir, SLICE_ARG(path));
    p->before = arena_new(p->arena, struct latest);
    if (!p->before)
        return err_set(err, "out of memory");
    if (latest_parse(p->arena, &p->root, p->before_text, p->before, err))
        return true;
    p->behind =
        p->old_root.n && latest_parse(p->arena, &p->old_root, p->before_text, p->before, err);
    if (p->behind)
        return true;
    return err_wrap(err, "%s/%.*s", p->repo.dir, SLICE_ARG(path));
}

/* ---- what is new ---- */

static bool same_content(const struct publisher *p)
{
    const struct manifest *old = p->before ? &p->before->manifest : NULL;

    return old && !p->next_root.n && !p->behind && old->bits == p->manifest.bits &&
           memcmp(old->root, p->manifest.root, sizeof old->root) == 0 &&
           slice_eq(old->min_gateway, p->manifest.min_gateway);
}

static bool check_shrinking(const struct publisher *p, struct err *err)
{
    uint64_t before = p->before ? p->before->manifest.apis : 0;

    if (p->options->force || p->manifest.apis * 2 >= before)
        return true;
    return err_set(
        err,
        "%llu APIs where there were %llu: less than half: publish with --force if this is meant",
        (unsigned long long)p->manifest.apis, (unsigned long long)before);
}

static bool sign(struct publisher *p, struct slice type, struct slice payload, struct slice *out,
                 struct err *err)
{
    struct buf b;

    buf_init(&b, p->arena);
    if (!envelope_put(&b, type, payload, (const struct crypto_key *const *)p->keys, p->n_keys, err))
        return false;
    *out = buf_slice(&b);
    return true;
}

static bool sign_manifest(struct publisher *p, struct slice *out, struct err *err)
{
    struct manifest *m = &p->manifest;
    struct buf b;

    m->seq = p->before ? p->before->manifest.seq + 1 : 1;
    m->schema = MANIFEST_SCHEMA;
    m->issued = p->now;
    m->pack_seq = m->seq;
    if (p->before)
        memcpy(m->prev, p->before->hash, sizeof m->prev);
    if (m->seq > SEQ_MAX)
        return err_set(err, "%s: no publish numbers are left", p->repo.dir);
    buf_init(&b, p->arena);
    manifest_write(&b, m);
    if (b.failed)
        return err_set(err, "out of memory");
    return sign(p, SLICE("manifest"), buf_slice(&b), out, err);
}

static bool sign_latest(struct publisher *p, int64_t seq, struct slice manifest, struct slice *out,
                        struct err *err)
{
    struct fresh f = { .channel = slice_from(p->repo.channel),
                       .seq = seq,
                       .length = (int64_t)manifest.n,
                       .issued = p->now };
    struct slice parts[2] = { SLICE_NONE, manifest };
    struct buf b;

    if (p->options->expires_ms)
        f.expires = p->now + (int64_t)(p->options->expires_ms / 1000);
    crypto_sha256(manifest, f.manifest);
    buf_init(&b, p->arena);
    fresh_write(&b, &f);
    if (b.failed || !sign(p, SLICE("fresh"), buf_slice(&b), &parts[0], err))
        return b.failed ? err_set(err, "out of memory") : false;
    *out = arena_concat(p->arena, parts, 2);
    if (out->n > LATEST_BYTES_MAX)
        return err_set(err, "%s/latest: %zu bytes: too many keys for one file", p->repo.channel,
                       out->n);
    return out->p || err_set(err, "out of memory");
}

/* ---- writing ---- */

static bool write_generation(struct publisher *p, struct err *err)
{
    struct slice manifest, latest;

    if (!sign_manifest(p, &manifest, err) ||
        !sign_latest(p, p->manifest.seq, manifest, &latest, err))
        return false;
    if (!publish_write_objects(p, err))
        return false;
    if (!repo_write(&p->repo, repo_manifest_path(p->arena, p->repo.channel, p->manifest.seq),
                    manifest, err))
        return false;
    if (p->next_root.n && !repo_write(&p->repo, repo_root_path(p->arena, p->next_root.version),
                                      p->next_root.whole, err))
        return false;
    return repo_sync(&p->repo, err) && repo_flip(&p->repo, latest, err);
}

/* The same generation, dated anew. */
static bool write_date(struct publisher *p, struct err *err)
{
    struct slice latest;

    if (!p->options->expires_ms && !p->before->fresh.expires)
        return true;
    return sign_latest(p, p->before->manifest.seq, p->before->manifest_envelope.whole, &latest,
                       err) &&
           repo_flip(&p->repo, latest, err);
}

static void report(const struct publisher *p, struct sync_published *out)
{
    const struct root *root = publish_root(p);

    out->seq = out->unchanged ? p->before->manifest.seq : p->manifest.seq;
    out->entities = p->manifest.entities;
    out->raw = p->manifest.raw;
    out->z = p->manifest.z;
    out->bytes = p->repo.bytes;
    out->files = p->repo.files;
    out->root_version = root->version;
    out->new_root = p->next_root.n > 0;
    sync_key_fingerprint(p->keys[0], out->fingerprint);
}

static bool publish(struct publisher *p, const struct sync_entity *entities, size_t n,
                    struct sync_published *out, struct err *err)
{
    const struct sync_publish_options *o = p->options;

    if (!channel_is_valid(slice_from(p->repo.channel)))
        return err_set(err, "channel %s: only letters, digits, '-', '_' and '.' are possible",
                       p->repo.channel);
    if (!read_keys(p, err) || !repo_open(&p->repo, o->repo, p->repo.channel, o->dry_run, err))
        return false;
    if (!publish_read_root(p, err) || !read_before(p, err))
        return false;
    p->manifest.channel = slice_from(p->repo.channel);
    p->manifest.min_gateway = slice_from(o->min_gateway);
    if (!publish_build(p, entities, n, err))
        return false;
    out->refused = !check_shrinking(p, err);
    if (out->refused)
        return false;
    out->unchanged = same_content(p);
    if (!(out->unchanged ? write_date(p, err) : write_generation(p, err)))
        return false;
    report(p, out);
    return true;
}

bool sync_publish(const struct sync_publish_options *options, const struct sync_entity *entities,
                  size_t n, struct sync_published *out, struct err *err)
{
    struct arena a;

    memset(out, 0, sizeof *out);
    arena_init_growing(&a, PUBLISH_MEMORY_MAX);
    struct publisher *p = arena_new(&a, struct publisher);
    if (!p)
        return err_set(err, "out of memory");
    p->options = options;
    p->arena = &a;
    p->repo = (struct repo){ .lock = -1,
                             .dir = options->repo,
                             .channel = options->channel ? options->channel : "default" };
    p->now = options->now ? options->now : (int64_t)(clock_wall_ns() / NS_PER_S);
    bool ok = publish(p, entities, n, out, err);
    repo_close(&p->repo);
    root_free(&p->root);
    root_free(&p->old_root);
    root_free(&p->next_root);
    for (size_t i = 0; i < p->n_keys; i++)
        crypto_key_free(p->keys[i]);
    for (size_t i = 0; i < p->n_spares; i++)
        crypto_key_free(p->spares[i]);
    arena_free(&a);
    return ok;
}
