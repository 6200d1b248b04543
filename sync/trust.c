/* What a cache trusts: shown, replaced, forgotten. */
#include "sync/trust.h"

#include <stdio.h>

#include "store/stage.h"
#include "sync/keys.h"

static void fill_key(const struct root_key *k, struct sync_trust_key *out)
{
    root_put_fingerprint(k->hash, out->fingerprint);
    out->alg = crypto_key_alg(k->key);
    out->root = k->roles[ROLE_ROOT];
    out->config = k->roles[ROLE_CONFIG];
    out->fresh = k->roles[ROLE_FRESH];
}

static bool fill(struct arena *a, const struct root *r, struct sync_trust *out, struct err *err)
{
    out->version = r->version;
    out->min_root = r->min[ROLE_ROOT];
    out->min_config = r->min[ROLE_CONFIG];
    out->min_fresh = r->min[ROLE_FRESH];
    out->keys = arena_array(a, struct sync_trust_key, r->n);
    if (!out->keys)
        return err_set(err, "out of memory");
    for (size_t i = 0; i < r->n; i++)
        fill_key(&r->keys[i], &out->keys[i]);
    out->n_keys = r->n;
    return true;
}

bool sync_trust_show(struct store *s, struct arena *a, struct sync_trust *out, struct err *err)
{
    struct root root;
    bool present;

    memset(out, 0, sizeof *out);
    if (!store_root(s, a, &root, &present, err))
        return false;
    bool ok = !present || fill(a, &root, out, err);
    root_free(&root);
    snprintf(out->pinned, sizeof out->pinned, "%.*s",
             SLICE_ARG(slice_first(store_meta(s, a, "pin"), 71)));
    out->max_seq = store_max_seq(s, SLICE("default"));
    return ok;
}

bool sync_trust_pin(struct store *s, const char *path, char fingerprint[72], struct err *err)
{
    struct crypto_key *key;

    if (!sync_key_read_public(path, &key, err))
        return false;
    sync_key_fingerprint(key, fingerprint);
    crypto_key_free(key);
    return store_forget_trust(s, slice_from(fingerprint), err);
}

bool sync_trust_forget(struct store *s, struct err *err)
{
    return store_forget_trust(s, SLICE_NONE, err);
}
