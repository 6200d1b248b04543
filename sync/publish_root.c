/* The publisher's side of the trust root: the first one, and the next when keys change. */
#include <stdio.h>
#include <stdlib.h>

#include "store/envelope.h"
#include "sync/keys.h"
#include "sync/publish_int.h"

const struct root *publish_root(const struct publisher *p)
{
    return p->next_root.n ? &p->next_root : &p->root;
}

/* ---- reading ---- */

static bool read_version(struct publisher *p, int64_t version, struct root *out, bool *present,
                         struct err *err)
{
    struct slice text, path = repo_root_path(p->arena, version);

    memset(out, 0, sizeof *out);
    if (!repo_read(&p->repo, p->arena, path, ROOT_BYTES_MAX, &text, present, err) || !*present)
        return !*present;
    if (root_parse(p->arena, text, out, err) &&
        (out->version == version ||
         err_set(err, "root: it is version %lld", (long long)out->version)))
        return true;
    root_free(out);
    return err_wrap(err, "%s/root/%lld", p->repo.dir, (long long)version);
}

/* root/1, root/2 … as far as there are. */
static bool read_chain(struct publisher *p, struct err *err)
{
    struct root next;
    bool present;

    if (!read_version(p, 1, &p->root, &present, err))
        return false;
    if (!present)
        return true;
    if (!root_check_self(&p->root, err))
        return err_wrap(err, "%s", p->repo.dir);
    for (;;) {
        if (!read_version(p, p->root.version + 1, &next, &present, err))
            return false;
        if (!present)
            return true;
        if (!root_check_next(&p->root, &next, err)) {
            root_free(&next);
            return err_wrap(err, "%s", p->repo.dir);
        }
        root_free(&p->old_root);
        p->old_root = p->root;
        p->root = next;
    }
}

/* ---- what the root should say ---- */

static bool key_hash(const struct crypto_key *key, uint8_t hash[CRYPTO_SHA256_BYTES])
{
    char id[ENVELOPE_KEYID_BYTES + 1];

    return envelope_keyid(key, id, hash, NULL);
}

static bool has_role(const struct root *r, enum root_role role, const struct crypto_key *key)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];

    return key_hash(key, hash) && root_find(r, role, hash);
}

static bool root_serves(const struct publisher *p)
{
    const struct sync_publish_options *o = p->options;

    for (size_t i = 0; i < p->n_keys; i++)
        if (!has_role(&p->root, ROLE_CONFIG, p->keys[i]))
            return false;
    for (size_t i = 0; i < p->n_spares; i++)
        if (!has_role(&p->root, ROLE_ROOT, p->spares[i]))
            return false;
    return !o->threshold || o->threshold == p->root.min[ROLE_CONFIG];
}

/* The keys of a new root: ours, the spares given now, and spares of the old root that never signed.
 * Keys that signed and are not among ours are lost or given up. */
struct draft {
    const struct crypto_key *keys[ROOT_KEYS_MAX];
    bool signs[ROOT_KEYS_MAX];
    size_t n;
};

static bool draft_add(struct draft *d, const struct crypto_key *key, bool signs, struct err *err)
{
    uint8_t hash[CRYPTO_SHA256_BYTES], other[CRYPTO_SHA256_BYTES];

    for (size_t i = 0; i < d->n; i++)
        if (key_hash(key, hash) && key_hash(d->keys[i], other) &&
            memcmp(hash, other, sizeof hash) == 0)
            return true;
    if (d->n == ROOT_KEYS_MAX)
        return err_set(err, "more than %u keys", ROOT_KEYS_MAX);
    d->signs[d->n] = signs;
    d->keys[d->n++] = key;
    return true;
}

static bool draft_keys(const struct publisher *p, struct draft *d, struct err *err)
{
    for (size_t i = 0; i < p->n_keys; i++)
        if (!draft_add(d, p->keys[i], true, err))
            return false;
    for (size_t i = 0; i < p->n_spares; i++)
        if (!draft_add(d, p->spares[i], false, err))
            return false;
    for (size_t i = 0; i < p->root.n; i++) {
        const struct root_key *k = &p->root.keys[i];
        if (k->roles[ROLE_ROOT] && !k->roles[ROLE_CONFIG] && !draft_add(d, k->key, false, err))
            return false;
    }
    return true;
}

static void put_role(struct buf *b, const struct draft *d, enum root_role role, unsigned min)
{
    char id[ENVELOPE_KEYID_BYTES + 1];
    uint8_t hash[CRYPTO_SHA256_BYTES];
    unsigned n = 0;

    buf_printf(b, "%s\"%s\":{\"ids\":[", role == ROLE_ROOT ? "" : ",", root_role_names[role]);
    for (size_t i = 0; i < d->n; i++)
        if ((role == ROLE_ROOT || d->signs[i]) && envelope_keyid(d->keys[i], id, hash, NULL))
            buf_printf(b, "%s\"%s\"", n++ ? "," : "", id);
    buf_printf(b, "],\"min\":%u}", min);
}

static bool put_payload(struct buf *b, const struct draft *d, int64_t version, unsigned threshold,
                        struct err *err)
{
    char id[ENVELOPE_KEYID_BYTES + 1];
    uint8_t hash[CRYPTO_SHA256_BYTES];
    struct slice der;

    buf_printf(b, "{\"n\":%lld,\"keys\":[", (long long)version);
    for (size_t i = 0; i < d->n; i++) {
        if (!envelope_keyid(d->keys[i], id, hash, err) ||
            !crypto_key_public_der(d->keys[i], b->arena, &der, err))
            return false;
        struct slice text = crypto_base64url(b->arena, der);
        buf_printf(b, "%s{\"id\":\"%s\",\"alg\":\"%s\",\"pub\":\"%.*s\"}", i ? "," : "", id,
                   crypto_key_alg(d->keys[i]), SLICE_ARG(text));
    }
    buf_puts(b, "],\"roles\":{");
    put_role(b, d, ROLE_ROOT, threshold);
    put_role(b, d, ROLE_CONFIG, threshold);
    put_role(b, d, ROLE_FRESH, 1);
    buf_puts(b, "}}");
    return !b->failed || err_set(err, "out of memory");
}

static bool write_next(struct publisher *p, struct err *err)
{
    struct draft d = { .n = 0 };
    struct buf payload, whole;
    unsigned threshold = p->options->threshold;

    if (!threshold)
        threshold =
            p->root.n && p->root.min[ROLE_CONFIG] <= p->n_keys ? p->root.min[ROLE_CONFIG] : 1;
    if (threshold > p->n_keys)
        return err_set(err, "threshold %u: more than the %zu keys given", threshold, p->n_keys);
    buf_init(&payload, p->arena);
    buf_init(&whole, p->arena);
    if (!draft_keys(p, &d, err) || !put_payload(&payload, &d, p->root.version + 1, threshold, err))
        return false;
    if (!envelope_put(&whole, SLICE("root"), buf_slice(&payload),
                      (const struct crypto_key *const *)p->keys, p->n_keys, err))
        return false;
    return root_parse(p->arena, buf_slice(&whole), &p->next_root, err);
}

static bool refuse_keys(const struct publisher *p, const struct err *why, struct err *err)
{
    char ours[SYNC_FINGERPRINT_MAX], theirs[72];

    sync_key_fingerprint(p->keys[0], ours);
    root_fingerprint(&p->root, theirs);
    for (size_t i = 0; i < p->n_keys; i++)
        if (has_role(&p->root, ROLE_ROOT, p->keys[i]))
            return err_set(err, "%s: these keys cannot change its root: %s", p->repo.dir,
                           why->text);
    return err_set(err,
                   "%s: key %.15s… is not one of this repository's (%.15s…): publish with its key, "
                   "a spare of it, or into a new "
                   "directory",
                   p->repo.dir, ours, theirs);
}

bool publish_read_root(struct publisher *p, struct err *err)
{
    struct err why;

    if (!read_chain(p, err))
        return false;
    if (!p->root.n) {
        if (!write_next(p, err))
            return false;
        return root_check_self(&p->next_root, err);
    }
    if (root_serves(p)) {
        if (p->n_keys >= p->root.min[ROLE_CONFIG])
            return true;
        return err_set(err, "%s: a manifest needs %u signatures: give as many keys", p->repo.dir,
                       p->root.min[ROLE_CONFIG]);
    }
    if (!write_next(p, err))
        return false;
    return root_check_next(&p->root, &p->next_root, &why) || refuse_keys(p, &why, err);
}
