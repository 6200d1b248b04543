/* The client's side of the trust root: the first one, its successors (sync.md d2, d4; TUF 5.3). */
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "platform/log.h"
#include "sync/cycle_int.h"
#include "sync/keys.h"
#include "sync/repo_int.h"

/* Roots that a client walks through in one cycle. */
#define ROOT_STEPS_MAX 64
#define DAY_S (24 * 60 * 60)

/* ---- pins ---- */

static bool read_fingerprint(struct slice text, uint8_t out[CRYPTO_SHA256_BYTES])
{
    text = slice_skip(text, 7);
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

static bool read_pin(struct arena *a, struct slice text, uint8_t out[CRYPTO_SHA256_BYTES],
                     struct err *err)
{
    char id[ENVELOPE_KEYID_BYTES + 1];
    struct crypto_key *key;

    if (slice_starts(text, SLICE("sha256:")))
        return read_fingerprint(text, out) ||
               err_set(err, "config.trust.root: %.*s: sha256: and 64 hex digits are a fingerprint",
                       SLICE_ARG(text));
    const char *path = arena_cstr(a, text);
    if (!path || !sync_key_read_public(path, &key, err))
        return err_wrap(err, "config.trust.root");
    bool ok = envelope_keyid(key, id, out, err);
    crypto_key_free(key);
    return ok;
}

bool roots_read_pins(const struct sync_options *o, struct arena *a,
                     uint8_t (**out)[CRYPTO_SHA256_BYTES], size_t *n, struct err *err)
{
    *n = 0;
    *out = arena_alloc(a, (o->n_roots + 1) * CRYPTO_SHA256_BYTES);
    if (!*out)
        return err_set(err, "out of memory");
    for (size_t i = 0; i < o->n_roots; i++) {
        struct slice text = slice_trim(o->roots[i]);
        if (text.n && !read_pin(a, text, (*out)[(*n)++], err))
            return false;
    }
    return true;
}

static bool has_pin(const struct root *r, uint8_t (*pins)[CRYPTO_SHA256_BYTES], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (root_find(r, ROLE_ROOT, pins[i]))
            return true;
    return false;
}

/* ---- fetching ---- */

static bool get_root(struct cycle *c, int64_t version, struct root *out, bool *present)
{
    struct slice text;

    memset(out, 0, sizeof *out);
    if (!cycle_get(c, repo_root_path(c->arena, version), ROOT_BYTES_MAX, &text, present) ||
        !*present)
        return !*present && c->reason == SYNC_OK;
    if (!envelope_has_magic(text))
        return cycle_fail(c, c->source->scheme == SOURCE_FILE ? SYNC_SIGNATURE : SYNC_PORTAL,
                          "%.*s: root/%lld: not a signed envelope: a login page or proxy is in the "
                          "way, or this is no repository",
                          SLICE_ARG(c->source->host), (long long)version);
    if (!root_parse(c->arena, text, out, &c->err)) {
        root_free(out);
        (void)err_wrap(&c->err, "root/%lld", (long long)version);
        return cycle_fail_err(c, SYNC_SIGNATURE);
    }
    if (out->version == version)
        return true;
    root_free(out);
    return cycle_fail(c, SYNC_SIGNATURE, "signature: root/%lld says it is another version",
                      (long long)version);
}

bool roots_advance(struct cycle *c, bool *moved)
{
    struct root next;
    bool present;

    *moved = false;
    for (int i = 0; i < ROOT_STEPS_MAX; i++) {
        if (!get_root(c, c->root.version + 1, &next, &present))
            return false;
        if (!present)
            return true;
        if (!root_check_next(&c->root, &next, &c->err)) {
            root_free(&next);
            return cycle_fail_err(c, SYNC_SIGNATURE);
        }
        bool reset = !root_same_role(&c->root, &next, ROLE_CONFIG) ||
                     !root_same_role(&c->root, &next, ROLE_FRESH);
        bool ok = store_trust(c->store, &next, reset, &c->err);
        root_free(&c->root);
        c->root = next;
        *moved = true;
        if (!ok)
            return cycle_fail_store(c);
        log_info("TrustChanged", "root %lld is trusted now", (long long)c->root.version);
    }
    return true;
}

/* ---- the first root ---- */

static bool take_root(struct cycle *c, bool pinned)
{
    char fingerprint[72];
    bool moved;

    if (!store_trust(c->store, &c->root, false, &c->err) ||
        !store_meta_set(c->store, "root_asked", arena_printf(c->arena, "%lld", (long long)c->now),
                        &c->err))
        return cycle_fail_store(c);
    root_fingerprint(&c->root, fingerprint);
    if (!pinned)
        log_warn("TrustPinned",
                 "%s: trusted from now on, because it is the first root seen: set "
                 "config.trust.root=%s to be sure",
                 fingerprint, fingerprint);
    return roots_advance(c, &moved);
}

static bool refuse_first(struct cycle *c, const struct root *seen,
                         const uint8_t pin[CRYPTO_SHA256_BYTES])
{
    char fingerprint[72], pinned[72];

    root_fingerprint(seen, fingerprint);
    root_put_fingerprint(pin, pinned);
    return cycle_fail(c, SYNC_SIGNATURE,
                      "signature: key %.15s…: not in the pinned root (%.15s…): if the key was "
                      "lost, `holdfast trust pin FILE.pub`",
                      fingerprint, pinned);
}

/* Where to begin: a mirror that `export` wrote may lack the first roots; a directory can be looked into. */
static int64_t lowest_root(struct cycle *c)
{
    struct slice *names;
    size_t n = 0;
    uint64_t version, lowest = ROOT_STEPS_MAX + 1;
    struct err err;

    if (c->source->scheme != SOURCE_FILE ||
        !file_list(c->arena, file_join(c->arena, c->source->base, SLICE("root")), &names, &n, &err))
        return 1;
    for (size_t i = 0; i < n; i++)
        if (slice_to_u64(names[i], INT32_MAX, &version) && version && version < lowest)
            lowest = version;
    return lowest > ROOT_STEPS_MAX ? 1 : (int64_t)lowest;
}

/* A new device may know a key that only a later root has: from root/1 on, the first one with a
 * pinned key. */
static bool first_root(struct cycle *c, uint8_t (*pins)[CRYPTO_SHA256_BYTES], size_t n)
{
    struct root seen = { 0 };
    bool present;

    for (int64_t version = lowest_root(c); version <= ROOT_STEPS_MAX; version++) {
        root_free(&c->root);
        if (!get_root(c, version, &c->root, &present)) {
            root_free(&seen);
            return false;
        }
        if (!present)
            break;
        if (!root_check_self(&c->root, &c->err)) {
            root_free(&seen);
            return cycle_fail_err(c, SYNC_SIGNATURE);
        }
        if (!n || has_pin(&c->root, pins, n)) {
            root_free(&seen);
            return take_root(c, n > 0);
        }
        root_free(&seen);
        seen = c->root;
        memset(&c->root, 0, sizeof c->root);
    }
    bool any = seen.n > 0;
    if (any)
        (void)refuse_first(c, &seen, pins[0]);
    root_free(&seen);
    return any ? false
               : cycle_fail(c, c->source->scheme == SOURCE_FILE ? SYNC_CONNECT : SYNC_HTTP,
                            "%.*s: no root/1 there: not a repository", SLICE_ARG(c->source->host));
}

/* Keys of the settings, and the one that `trust pin` gave. */
static bool all_pins(struct cycle *c, uint8_t (**pins)[CRYPTO_SHA256_BYTES], size_t *n)
{
    struct slice pin = store_meta(c->store, c->arena, "pin");

    if (!roots_read_pins(c->options, c->arena, pins, n, &c->err) || !*pins)
        return cycle_fail_err(c, SYNC_INVALID);
    if (!pin.n)
        return true;
    /* What the operator said last counts alone. */
    *n = 1;
    return read_fingerprint(pin, (*pins)[0]) ||
           cycle_fail(c, SYNC_STORE, "cfg.db: meta pin: digest: damaged");
}

bool roots_obtain(struct cycle *c)
{
    uint8_t(*pins)[CRYPTO_SHA256_BYTES];
    bool present;
    size_t n;
    char fingerprint[72];

    root_free(&c->root);
    if (!store_root(c->store, c->arena, &c->root, &present, &c->err)) {
        log_error("StoreFault", "%s", c->err.text);
        present = false;
        /* What was pinned is lost with it: only a key from the settings can take its place. */
        if (!c->options->n_roots)
            return cycle_fail(
                c, SYNC_SIGNATURE,
                "signature: the root of this cache is damaged: `holdfast trust pin FILE.pub`");
    }
    if (!all_pins(c, &pins, &n))
        return false;
    if (!present && !n && c->source->scheme == SOURCE_HTTP)
        return cycle_fail(c, SYNC_SIGNATURE, "config.trust.root: needed over plain http");
    if (!present)
        return first_root(c, pins, n);
    if (!n || has_pin(&c->root, pins, n))
        return true;
    root_fingerprint(&c->root, fingerprint);
    char wanted[72];
    root_put_fingerprint(pins[0], wanted);
    return cycle_fail(c, SYNC_SIGNATURE,
                      "config.trust.root: key %.15s…: not in the pinned root (%.15s…): `holdfast "
                      "trust pin FILE.pub` "
                      "changes to it",
                      wanted, fingerprint);
}

bool roots_are_due(const struct cycle *c)
{
    struct arena a;
    uint64_t last = 0;

    arena_init_growing(&a, 4096);
    (void)slice_to_u64(store_meta(c->store, &a, "root_asked"), INT64_MAX, &last);
    arena_free(&a);
    return (int64_t)last > c->now || c->now - (int64_t)last >= DAY_S;
}
