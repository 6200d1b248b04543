/* Rows of cfg.db that carry a check of their own: meta values and generations. What is signed needs
 * none; these are not signed, and a flipped bit in them must not change what is served. */
#include <stdio.h>
#include <stdlib.h>

#include "store/store_int.h"

/* ---- meta ---- */

static void sum_of(struct slice a, struct slice b, uint8_t out[STORE_SUM_BYTES])
{
    struct crypto_sha256_ctx c;
    uint8_t hash[CRYPTO_SHA256_BYTES];

    crypto_sha256_begin(&c);
    crypto_sha256_add(&c, a.p, a.n);
    crypto_sha256_add(&c, "", 1);
    crypto_sha256_add(&c, b.p, b.n);
    crypto_sha256_end(&c, hash);
    memcpy(out, hash, STORE_SUM_BYTES);
}

static bool sum_is_right(struct slice key, struct slice row)
{
    uint8_t sum[STORE_SUM_BYTES];

    if (row.n < STORE_SUM_BYTES)
        return false;
    sum_of(key, slice_skip(row, STORE_SUM_BYTES), sum);
    return memcmp(sum, row.p, STORE_SUM_BYTES) == 0;
}

struct slice store_meta(struct store *s, struct arena *a, const char *key)
{
    struct slice value = SLICE_NONE;

    if (!s->db)
        return value;
    struct db_query *q = db_begin_query(s->db, NULL, "SELECT v FROM meta WHERE k=?1", "s", key);
    if (q && db_next(q, NULL) == 1) {
        struct slice row = db_blob(q, 0);
        if (sum_is_right(slice_from(key), row))
            value = arena_copy(a, slice_skip(row, STORE_SUM_BYTES));
        else
            store_note_fault(s, "cfg.db: meta %s: digest: damaged", key);
    }
    db_end(q);
    return value;
}

bool store_meta_set(struct store *s, const char *key, struct slice value, struct err *err)
{
    uint8_t small[512];
    uint8_t *row =
        value.n + STORE_SUM_BYTES <= sizeof small ? small : malloc(value.n + STORE_SUM_BYTES);

    if (!row)
        return err_set(err, "out of memory");
    sum_of(slice_from(key), value, row);
    if (value.n)
        memcpy(row + STORE_SUM_BYTES, value.p, value.n);
    bool ok = db_run(s->db, err, "INSERT OR REPLACE INTO meta VALUES(?1,?2)", "sb", key,
                     slice_of(row, value.n + STORE_SUM_BYTES));
    if (row != small)
        free(row);
    return ok || store_write_failed(s);
}

bool store_meta_drop(struct store *s, const char *key, struct err *err)
{
    return db_run(s->db, err, "DELETE FROM meta WHERE k=?1", "s", key) || store_write_failed(s);
}

int64_t store_meta_int(struct store *s, const char *key)
{
    char memory[128];
    struct arena a;
    uint64_t n = 0;

    arena_init_fixed(&a, memory, sizeof memory);
    if (!slice_to_u64(store_meta(s, &a, key), INT64_MAX, &n))
        n = 0;
    arena_free(&a);
    return (int64_t)n;
}

bool store_meta_set_int(struct store *s, const char *key, int64_t value, struct err *err)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);

    return store_meta_set(s, key, slice_of(text, (size_t)n), err);
}

bool store_check_meta(struct store *s, const struct store_check *check, struct err *err)
{
    struct db_query *q = db_begin_query(s->db, err, "SELECT k, v FROM meta", "");
    int r = -1;

    while (q && (r = db_next(q, err)) == 1) {
        char line[160];
        if (sum_is_right(db_text(q, 0), db_blob(q, 1)))
            continue;
        snprintf(line, sizeof line, "cfg.db: meta %.*s: digest: damaged",
                 SLICE_ARG(slice_first(db_text(q, 0), 64)));
        check->fault(check->arg, line);
    }
    db_end(q);
    return r == 0;
}

/* ---- generations ---- */

static void gen_sum(const struct gen_row *row, uint8_t out[STORE_SUM_BYTES])
{
    char text[192];
    int n = snprintf(text, sizeof text, "%lld %lld %lld %lld %lld %lld", (long long)row->gen,
                     (long long)row->seq, (long long)row->trust, (long long)row->base,
                     (long long)row->state, (long long)row->time);

    sum_of(slice_of(text, (size_t)n), row->reason, out);
}

bool store_read_gen(struct store *s, struct arena *a, int64_t gen, struct gen_row *out,
                    bool *present, struct err *err)
{
    uint8_t sum[STORE_SUM_BYTES];
    struct db_query *q = db_begin_query(
        s->db, err, "SELECT gen,seq,trust,base,state,t,latest,reason,sum FROM gen WHERE gen=?1",
        "i", gen);
    int r = q ? db_next(q, err) : -1;

    *present = r == 1;
    if (r == 1) {
        *out = (struct gen_row){ .gen = db_int(q, 0),
                                 .seq = db_int(q, 1),
                                 .trust = db_int(q, 2),
                                 .base = db_int(q, 3),
                                 .state = db_int(q, 4),
                                 .time = db_int(q, 5),
                                 .latest = arena_copy(a, db_blob(q, 6)),
                                 .reason = arena_copy(a, db_text(q, 7)) };
        gen_sum(out, sum);
        if (!slice_eq(db_blob(q, 8), slice_of(sum, sizeof sum)) ||
            out->state > STORE_FAILED_GENERATION) {
            err_set(err, "generation %lld: digest: its row is damaged", (long long)gen);
            r = -1;
        }
    }
    db_end(q);
    return r >= 0;
}

bool store_write_gen(struct store *s, const struct gen_row *row, struct err *err)
{
    uint8_t sum[STORE_SUM_BYTES];

    gen_sum(row, sum);
    return db_run(s->db, err,
                  "INSERT OR REPLACE INTO gen(gen,seq,trust,base,state,t,latest,reason,sum) "
                  "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
                  "iiiiiibtb", row->gen, row->seq, row->trust, row->base, row->state, row->time,
                  row->latest, row->reason, slice_of(sum, sizeof sum)) ||
           store_write_failed(s);
}

bool store_set_state(struct store *s, int64_t gen, enum store_state state, const char *reason,
                     struct err *err)
{
    struct arena a;
    struct gen_row row;
    bool present;

    arena_init_growing(&a, 4 * MANIFEST_BYTES_MAX);
    bool ok = store_read_gen(s, &a, gen, &row, &present, err);
    if (ok && !present)
        ok = err_set(err, "generation %lld: not in this cache", (long long)gen);
    if (ok) {
        row.state = state;
        row.reason = slice_from(reason);
        ok = store_write_gen(s, &row, err);
    }
    arena_free(&a);
    return ok;
}

static bool read_trust(struct store *s, struct arena *a, int64_t id, struct slice *out,
                       struct err *err)
{
    struct db_query *q = db_begin_query(s->db, err, "SELECT root FROM trust WHERE id=?1", "i", id);
    int r = q ? db_next(q, err) : -1;

    if (r == 1)
        *out = arena_copy(a, db_blob(q, 0));
    if (r == 0)
        err_set(err, "trust %lld: missing", (long long)id);
    db_end(q);
    return r == 1;
}

bool store_read_latest(struct store *s, struct arena *a, const struct gen_row *row,
                       struct latest *out, struct err *err)
{
    struct root root = { 0 };
    struct slice text;

    if (!read_trust(s, a, row->trust, &text, err))
        return false;
    bool ok = root_parse(a, text, &root, err) && root_check_self(&root, err);
    ok = ok && latest_parse(a, &root, row->latest, out, err);
    root_free(&root);
    if (ok && out->manifest.seq != row->seq)
        ok = err_set(err, "digest: its row says publish %lld, its manifest %lld",
                     (long long)row->seq, (long long)out->manifest.seq);
    return ok;
}

/* The trusted root's row. A pointer to it that is damaged must not look like one that was never
 * set: then the last root that was trusted counts. */
static bool trusted_row(struct store *s, int64_t *id, struct err *err)
{
    int64_t set = 0;

    *id = s->db ? store_meta_int(s, "trust") : 0;
    if (*id || !s->db)
        return true;
    if (!db_int_of(s->db, 0, &set, err, "SELECT 1 FROM meta WHERE k='trust'", ""))
        return false;
    return !set || db_int_of(s->db, 0, id, err, "SELECT max(id) FROM trust", "");
}

bool store_root(struct store *s, struct arena *a, struct root *out, bool *present, struct err *err)
{
    struct slice text;
    int64_t id;

    memset(out, 0, sizeof *out);
    *present = false;
    if (!trusted_row(s, &id, err))
        return false;
    if (!id)
        return true;
    if (!read_trust(s, a, id, &text, err))
        return err_wrap(err, "cfg.db");
    if (!root_parse(a, text, out, err) || !root_check_self(out, err)) {
        root_free(out);
        return err_wrap(err, "cfg.db: trust %lld", (long long)id);
    }
    *present = true;
    return true;
}

/* ---- leaves of a generation ---- */

static bool overlay(struct store *s, int64_t gen, unsigned bits, struct tree_entry *out,
                    struct err *err)
{
    struct db_query *q =
        db_begin_query(s->db, err,
                       "SELECT g.slot, g.hash, l.raw, length(l.z) FROM genleaf g LEFT JOIN leaf l "
                       "ON l.hash=g.hash WHERE g.gen=?1",
                       "i", gen);
    int r = -1;

    while (q && (r = db_next(q, err)) == 1) {
        uint64_t slot = (uint64_t)db_int(q, 0);
        struct slice hash = db_blob(q, 1), size = db_text(q, 2);
        if (slot >= tree_leaves(bits))
            continue; /* the root will not fit */
        struct tree_entry *e = &out[slot];
        if (hash.n != sizeof e->hash) { /* an empty leaf over one of the base */
            tree_leaf_entry(SLICE_NONE, SLICE_NONE, e);
            continue;
        }
        memcpy(e->hash, hash.p, sizeof e->hash);
        e->raw = size.p ? (uint32_t)db_int(q, 2) : UINT32_MAX;
        e->z = (uint32_t)db_int(q, 3);
    }
    db_end(q);
    return r == 0;
}

bool store_read_entries(struct store *s, const struct gen_row *row, unsigned bits,
                        struct tree_entry *out, struct err *err)
{
    for (uint32_t i = 0; i < tree_leaves(bits); i++)
        tree_leaf_entry(SLICE_NONE, SLICE_NONE, &out[i]);
    if (row->base && !overlay(s, row->base, bits, out, err))
        return false;
    return overlay(s, row->gen, bits, out, err);
}
