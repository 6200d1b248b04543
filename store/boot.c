/* Which generation to start with: the active one of cfg.db, repaired out of cfg.lkg if that is
 * enough; else the newest whole one of either file; else the factory pack. */
#include <stdio.h>

#include "platform/log.h"
#include "store/store_int.h"

/* ---- trial ---- */

/* A generation that kills the process while it is compiled or activated leaves its state TRIAL
 * behind. */
static bool give_up_trial(struct store *s, int64_t gen, struct err *err)
{
    int64_t back;
    int64_t starts = store_meta_int(s, "trial_starts") + 1;

    if (starts <= STORE_TRIAL_STARTS)
        return store_meta_set_int(s, "trial_starts", starts, err);
    log_error("GenerationFailed", "generation %lld: %d starts did not survive it: going back",
              (long long)gen, STORE_TRIAL_STARTS);
    return store_fail(s, gen, "the process did not survive its activation", &back, err);
}

static void judge_trial(struct store *s)
{
    struct arena a;
    struct gen_row row;
    struct err err;
    bool present = false;
    int64_t gen = store_active(s);

    if (!gen || s->mode != STORE_OWNER)
        return;
    arena_init_growing(&a, 4 * MANIFEST_BYTES_MAX);
    if (store_read_gen(s, &a, gen, &row, &present, &err) && present && row.state == STORE_TRIAL &&
        !give_up_trial(s, gen, &err))
        log_warn("StoreFault", "%s", err.text);
    arena_free(&a);
}

bool store_boot_done(struct store *s, const struct store_generation *g, struct err *err)
{
    struct arena a;
    struct gen_row row;
    bool present = false;

    if (s->mode != STORE_OWNER)
        return true;
    arena_init_growing(&a, 4 * MANIFEST_BYTES_MAX);
    bool ok = store_read_gen(s, &a, g->gen, &row, &present, err);
    arena_free(&a);
    if (ok && present && row.state == STORE_TRIAL)
        ok = store_confirm(s, g->gen, err);
    else if (ok && present && g->gen == store_meta_int(s, "boot_refused"))
        ok = store_reinstate(s, g->gen, err);
    return ok;
}

/* ---- candidates ---- */

static bool try_load(struct store *s, int64_t gen, struct arena *a, struct store_generation *out,
                     struct err *err)
{
    struct arena_mark mark = arena_mark(a);

    if (store_load(s, gen, a, out, err))
        return true;
    arena_reset(a, mark);
    return false;
}

/* The newest confirmed generation of cfg.db above `above` that is whole; not the active one, which
 * is known not to be. */
static bool load_other(struct store *s, int64_t above, struct arena *a,
                       struct store_generation *out)
{
    int64_t gen = SEQ_MAX, active = store_active(s);
    struct err err;

    for (;;) {
        if (!db_int_of(s->db, 0, &gen, &err,
                       "SELECT gen FROM gen WHERE gen<?1 AND gen>?2 AND state IN(1,2) ORDER BY gen "
                       "DESC LIMIT 1",
                       "ii", gen, above) ||
            !gen)
            return false;
        if (gen != active && try_load(s, gen, a, out, &err))
            return true;
    }
}

/* ---- repair ---- */

/* Copy a leaf out of the last known good copy if it is whole there. */
static bool mend_leaf(struct store *s, struct store *lkg, const uint8_t hash[CRYPTO_SHA256_BYTES],
                      struct err *err)
{
    struct db_query *q = db_begin_query(lkg->db, err, "SELECT raw, z FROM leaf WHERE hash=?1", "b",
                                        slice_of(hash, CRYPTO_SHA256_BYTES));
    struct tree_entry e;
    struct arena a;
    struct slice raw;
    bool ok = false;

    arena_init_growing(&a, 2 * TREE_LEAF_MAX + (1u << 20));
    if (q && db_next(q, err) == 1) {
        memcpy(e.hash, hash, sizeof e.hash);
        e.raw = (uint32_t)db_int(q, 0);
        e.z = (uint32_t)db_blob(q, 1).n;
        ok = tree_entry_check(&e, err) && tree_leaf_open(&a, &e, db_blob(q, 1), &raw, err) &&
             db_run(s->db, err, "INSERT OR REPLACE INTO leaf(hash,raw,z) VALUES(?1,?2,?3)", "bib",
                    slice_of(hash, CRYPTO_SHA256_BYTES), (int64_t)e.raw, db_blob(q, 1));
    }
    db_end(q);
    arena_free(&a);
    return ok;
}

static bool leaf_is_whole(struct store *s, const struct tree_entry *e)
{
    struct arena a;
    struct slice raw;
    struct err err;
    bool present = false;

    if (e->raw == UINT32_MAX || !tree_entry_check(e, &err))
        return false;
    arena_init_growing(&a, 2 * TREE_LEAF_MAX + (1u << 20));
    struct db_query *q = db_begin_query(s->db, &err, "SELECT z FROM leaf WHERE hash=?1", "b",
                                        slice_of(e->hash, sizeof e->hash));
    if (q && db_next(q, &err) == 1)
        present = tree_leaf_open(&a, e, db_blob(q, 0), &raw, &err);
    db_end(q);
    arena_free(&a);
    return present;
}

static unsigned mend_leaves(struct store *s, struct store *lkg, const struct tree_entry *entries,
                            uint32_t n)
{
    unsigned mended = 0;
    struct err err;

    for (uint32_t i = 0; i < n; i++)
        if (entries[i].raw && !leaf_is_whole(s, &entries[i]))
            mended += mend_leaf(s, lkg, entries[i].hash, &err);
    return mended;
}

/* Leaves of the active generation that are damaged are taken from the copy. How many were. */
static unsigned mend_active(struct store *s, struct store *lkg)
{
    struct arena a;
    struct store_base base;
    struct err err;
    bool present = false;
    unsigned mended = 0;

    if (s->mode != STORE_OWNER)
        return 0;
    arena_init_growing(&a, 64u << 20);
    if (store_base(s, &a, &base, &present, &err) && present && db_begin(s->db, &err)) {
        mended = mend_leaves(s, lkg, base.leaves, tree_leaves(base.latest->manifest.bits));
        if (!db_commit(s->db, &err)) {
            db_rollback(s->db);
            mended = 0;
        }
    }
    arena_free(&a);
    return mended;
}

/* ---- the order of boot ---- */

static bool make_active(struct store *s, int64_t gen)
{
    struct err err;

    if (s->mode != STORE_OWNER || store_meta_set_int(s, "active", gen, &err))
        return true;
    log_warn("StoreFault", "%s", err.text);
    return true; /* it is served all the same */
}

/* cfg.db as a whole is given up for its copy. */
static bool take_lkg(struct store *s, struct store *lkg, struct arena *a,
                     struct store_generation *out, struct err *err)
{
    bool can_replace = s->mode == STORE_OWNER && !s->in_memory;

    if (!can_replace) {
        bool ok = try_load(lkg, 0, a, out, err);
        db_close(lkg->db);
        return ok;
    }
    db_close(lkg->db);
    db_close(s->db);
    s->db = NULL;
    store_put_aside(s, "cfg.db");
    if (!store_restore_lkg(s, err))
        log_warn("StoreFault", "%s", err->text);
    return store_open_disk(s, err) && try_load(s, 0, a, out, err);
}

static bool boot_with_lkg(struct store *s, struct store *lkg, struct arena *a,
                          struct store_generation *out, struct err *err)
{
    struct err why;
    struct arena_mark mark = arena_mark(a);
    int64_t active = store_active(s);

    if (active && mend_active(s, lkg) && try_load(s, active, a, out, err)) {
        db_close(lkg->db);
        log_warn("StoreFault", "%s: generation %lld repaired out of cfg.lkg", s->dir,
                 (long long)active);
        return true;
    }
    bool whole = try_load(lkg, 0, a, out, &why);
    int64_t above = whole ? out->gen : 0;
    arena_reset(a, mark);
    if (load_other(s, above, a, out)) {
        db_close(lkg->db);
        return make_active(s, out->gen);
    }
    if (whole)
        return take_lkg(s, lkg, a, out, err);
    db_close(lkg->db);
    store_note_fault(s, "cfg.lkg: %s",
                     strncmp(why.text, "cfg.db: ", 8) == 0 ? why.text + 8 : why.text);
    return false;
}

/* Nothing in the directory is whole. A database whose structure is broken would also refuse what
 * sync brings: begin a new one. */
static void start_anew(struct store *s)
{
    struct err err;

    if (s->mode != STORE_OWNER || s->in_memory || db_trouble(s->db) != DB_CORRUPT)
        return;
    db_close(s->db);
    s->db = NULL;
    store_put_aside(s, "cfg.db");
    if (store_open_disk(s, &err))
        return;
    log_error("StoreFault", "%s", err.text);
    enum db_trouble trouble;
    if (db_open("cache in memory", DB_MEMORY, &s->db, &trouble, &err) &&
        store_make_tables(s->db, &err))
        s->in_memory = true;
}

static bool has_any(struct store *s)
{
    int64_t n = 0;

    return !db_int_of(s->db, 0, &n, NULL, "SELECT count(*) FROM gen WHERE state IN(1,2)", "") || n;
}

/* A generation that is not whole gives up its number, so that sync brings it again, of which only
 * the damaged leaves are missing. */
static bool write_disowned(struct store *s, int64_t gen, const char *why, struct err *err)
{
    if (store_active(s) == gen && !store_meta_drop(s, "active", err))
        return false;
    return store_drop_etags(s, err) && store_set_state(s, gen, STORE_FAILED_GENERATION, why, err);
}

static void disown(struct store *s, int64_t gen, const char *why)
{
    struct err err;

    if (s->mode != STORE_OWNER || !gen || !s->db || !db_begin(s->db, &err))
        return;
    if (!write_disowned(s, gen, why, &err) && !db_in_transaction(s->db))
        return;
    if (!db_commit(s->db, &err)) {
        db_rollback(s->db);
        log_warn("StoreFault", "%s", err.text);
    }
}

/* What else the directory has when the active generation is not whole. */
static bool boot_from_rest(struct store *s, struct arena *a, struct store_generation *out,
                           const char *why, struct err *err)
{
    struct store lkg;
    struct err no_copy;
    struct db *db = s->db;
    int64_t active = store_active(s);

    bool ok = store_open_lkg(s, &lkg, &no_copy)
                  ? boot_with_lkg(s, &lkg, a, out, err)
                  : load_other(s, 0, a, out) && make_active(s, out->gen);
    if (!ok && s->db == db)
        start_anew(s);
    if (s->db == db && (!ok || out->gen != active))
        disown(s, active, why);
    return ok;
}

static bool boot(struct store *s, struct arena *a, struct store_generation *out, struct err *err)
{
    struct err why;
    int64_t refused = store_meta_int(s, "boot_refused");
    bool expected = refused || store_active(s) || has_any(s);

    if (refused && try_load(s, refused, a, out, &why))
        return true;
    if (expected) {
        if (try_load(s, 0, a, out, err))
            return true;
        store_note_fault(s, "%s", err->text);
    }
    if (boot_from_rest(s, a, out, err->text, &why))
        return true;
    if (s->factory && s->db && store_load_factory(s, a, out, &why))
        return true;
    if (s->factory)
        store_note_fault(s, "%s: %s", s->factory, why.text);
    return expected ? false : err_set(err, "cache %s: no configuration here yet", s->dir);
}

/* ---- a boot generation that does not compile ---- */

static bool note_refused(struct store *s, int64_t gen, const char *reason, struct err *err)
{
    int64_t back;

    if (s->mode != STORE_OWNER || store_active(s) != gen)
        return true; /* it was passed over before, or is not ours to judge */
    /* The newest one is what the next start tries again. */
    return store_fail(s, gen, reason, &back, err) &&
           (store_meta_int(s, "boot_refused") > gen ||
            store_meta_set_int(s, "boot_refused", gen, err));
}

static bool is_refused(struct store *s, int64_t gen)
{
    int64_t n = 0;

    return db_int_of(s->db, 0, &n, NULL, "SELECT 1 FROM gen WHERE gen=?1 AND state=3", "i", gen) &&
           n;
}

/* The copy may hold one that cfg.db no longer has; it is served out of RAM. */
static bool load_copy(struct store *s, struct arena *a, struct store_generation *out,
                      struct err *err)
{
    struct store lkg;

    if (!store_open_lkg(s, &lkg, err))
        return false;
    bool ok = try_load(&lkg, 0, a, out, err) && !is_refused(s, out->gen);
    db_close(lkg.db);
    return ok;
}

bool store_boot_refused(struct store *s, const char *reason, struct arena *a,
                        struct store_generation *g, struct err *err)
{
    struct err why;
    int64_t refused = g->gen;

    if (!note_refused(s, refused, reason, err))
        return false;
    while (store_active(s) && store_active(s) != refused) {
        if (try_load(s, 0, a, g, &why))
            return true;
        store_note_fault(s, "%s", why.text);
        disown(s, store_active(s), why.text);
    }
    if (load_copy(s, a, g, &why) ||
        (s->factory && store_load_factory(s, a, g, &why) && g->gen != refused))
        return true;
    return err_set(err, "%s", reason);
}

static bool loads(struct store *s, struct err *err)
{
    struct store_generation g;
    struct arena a;

    arena_init_growing(&a, STORE_LOAD_MAX);
    bool ok = store_load(s, 0, &a, &g, err);
    arena_free(&a);
    return ok;
}

bool store_scrub(struct store *s, struct err *err)
{
    struct store lkg;
    struct err why;
    int64_t active = store_active(s);

    if (!active || loads(s, err))
        return true;
    store_note_fault(s, "%s", err->text);
    if (store_open_lkg(s, &lkg, &why)) {
        bool mended = mend_active(s, &lkg) > 0;
        db_close(lkg.db);
        if (mended && loads(s, &why))
            return true;
    }
    disown(s, active, err->text);
    store_note_state(s);
    return false;
}

bool store_boot(struct store *s, struct arena *a, struct store_generation *out, struct err *err)
{
    if (!s->db)
        return err_set(err, "cache %s: no configuration here yet", s->dir);
    judge_trial(s);
    bool ok = boot(s, a, out, err);
    store_note_state(s);
    return ok;
}
