/* What sync writes: pieces, the flip, confirmation, failure, and what goes when generations are
 * old. */
#include "store/stage.h"

#include <stdio.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "store/store_int.h"

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ns() / NS_PER_S);
}

static struct slice hash_slice(const struct tree_entry *e)
{
    return slice_of(e->hash, sizeof e->hash);
}

/* End a transaction: commit if what it did went well. The commit is followed by a checkpoint, which
 * may fail. */
static bool finish(struct store *s, bool ok, struct err *err)
{
    if (ok && !db_commit(s->db, err)) {
        store_write_failed(s);
        ok = false;
    }
    if (!ok) {
        db_rollback(s->db);
        return false;
    }
    db_checkpoint(s->db, false);
    store_note_state(s);
    return true;
}

static bool begin(struct store *s, struct err *err)
{
    s->medium_failed = false;
    return db_begin(s->db, err) || store_write_failed(s);
}

/* ---- trust ---- */

static void seq_key(struct slice channel, char out[CHANNEL_MAX + 16])
{
    snprintf(out, CHANNEL_MAX + 16, "max_seq:%.*s", SLICE_ARG(slice_first(channel, CHANNEL_MAX)));
}

int64_t store_max_seq(struct store *s, struct slice channel)
{
    char key[CHANNEL_MAX + 16];

    seq_key(channel, key);
    return store_meta_int(s, key);
}

bool store_drop_etags(struct store *s, struct err *err)
{
    return db_run(s->db, err, "DELETE FROM meta WHERE k GLOB 'etag:*'", "") ||
           store_write_failed(s);
}

static bool drop_memory(struct store *s, bool seqs, struct err *err)
{
    if (seqs && !db_run(s->db, err, "DELETE FROM meta WHERE k GLOB 'max_seq:*'", ""))
        return store_write_failed(s);
    return store_drop_etags(s, err);
}

static bool write_trust(struct store *s, const struct root *r, bool reset, struct err *err)
{
    int64_t id;

    if (!db_run(s->db, err, "INSERT INTO trust(root) VALUES(?1)", "b", r->whole))
        return store_write_failed(s);
    return db_int_of(s->db, 0, &id, err, "SELECT max(id) FROM trust", "") &&
           store_meta_set_int(s, "trust", id, err) && drop_memory(s, reset, err) &&
           store_meta_drop(s, "pin", err);
}

bool store_trust(struct store *s, const struct root *r, bool reset, struct err *err)
{
    return begin(s, err) && finish(s, write_trust(s, r, reset, err), err);
}

static bool write_forget(struct store *s, struct slice pin, struct err *err)
{
    if (!store_meta_drop(s, "trust", err) || !drop_memory(s, true, err))
        return false;
    return pin.n ? store_meta_set(s, "pin", pin, err) : store_meta_drop(s, "pin", err);
}

bool store_forget_trust(struct store *s, struct slice pin, struct err *err)
{
    return begin(s, err) && finish(s, write_forget(s, pin, err), err);
}

/* ---- pieces ---- */

bool store_node(struct store *s, struct arena *a, const struct tree_entry *e, struct slice *bytes,
                bool *present, struct err *err)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    struct db_query *q =
        db_begin_query(s->db, err, "SELECT body FROM node WHERE hash=?1", "b", hash_slice(e));
    int r = q ? db_next(q, err) : -1;

    *present = false;
    if (r == 1) {
        *bytes = arena_copy(a, db_blob(q, 0));
        crypto_sha256(*bytes, hash);
        *present = bytes->n == e->raw && memcmp(hash, e->hash, sizeof hash) == 0;
    }
    db_end(q);
    return r >= 0;
}

static bool put_piece(struct store *s, const struct store_piece *p, struct err *err)
{
    bool ok = p->node
                  ? db_run(s->db, err, "INSERT OR REPLACE INTO node(hash,body) VALUES(?1,?2)", "bb",
                           hash_slice(&p->entry), p->bytes)
                  : db_run(s->db, err, "INSERT OR REPLACE INTO leaf(hash,raw,z) VALUES(?1,?2,?3)",
                           "bib", hash_slice(&p->entry), (int64_t)p->entry.raw, p->bytes);
    return ok || store_write_failed(s);
}

static bool put_all(struct store *s, const struct store_piece *pieces, size_t n, bool nodes,
                    struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if ((nodes || !pieces[i].node) && !put_piece(s, &pieces[i], err))
            return false;
    return true;
}

static bool put_partial(struct store *s, const struct store_partial *p, struct err *err)
{
    /* One download at a time: what another left is of no use. */
    return (db_run(s->db, err, "DELETE FROM partial", "") &&
            db_run(s->db, err, "INSERT INTO partial(name,etag,at,tail) VALUES(?1,?2,?3,?4)", "ttib",
                   p->name, p->etag, (int64_t)p->at, p->tail)) ||
           store_write_failed(s);
}

bool store_put_pieces(struct store *s, const struct store_piece *pieces, size_t n,
                      const struct store_partial *partial, struct err *err)
{
    return begin(s, err) &&
           finish(s, put_all(s, pieces, n, true, err) && (!partial || put_partial(s, partial, err)),
                  err);
}

bool store_partial(struct store *s, struct arena *a, struct slice name, struct store_partial *out,
                   bool *present, struct err *err)
{
    struct db_query *q =
        db_begin_query(s->db, err, "SELECT etag,at,tail FROM partial WHERE name=?1", "t", name);
    int r = q ? db_next(q, err) : -1;

    *present = r == 1;
    if (r == 1)
        *out = (struct store_partial){ .name = name,
                                       .etag = arena_copy(a, db_text(q, 0)),
                                       .at = (uint64_t)db_int(q, 1),
                                       .tail = arena_copy(a, db_blob(q, 2)) };
    db_end(q);
    return r >= 0;
}

bool store_drop_partial(struct store *s, struct slice name, struct err *err)
{
    return db_run(s->db, err, "DELETE FROM partial WHERE name=?1", "t", name) ||
           store_write_failed(s);
}

bool store_has_leaves(struct store *s)
{
    int64_t n = 0;

    return db_int_of(s->db, 0, &n, NULL, "SELECT 1 FROM leaf LIMIT 1", "") && n;
}

bool store_has_progress(struct store *s)
{
    int64_t n = 0;

    return db_int_of(s->db, 0, &n, NULL, "SELECT 1 FROM partial LIMIT 1", "") && n;
}

/* ---- the flip ---- */

static bool set_meta(struct store *s, const struct store_meta_pair *meta, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!store_meta_set(s, meta[i].key, meta[i].value, err))
            return false;
    return true;
}

/* Is this very manifest here under its publish's number (it was rolled back from)? */
static bool is_here(struct store *s, const struct latest *l)
{
    struct arena a;
    struct gen_row row;
    struct err err;
    bool present = false;

    arena_init_growing(&a, 4 * MANIFEST_BYTES_MAX);
    bool here = store_read_gen(s, &a, l->manifest.seq, &row, &present, &err) && present &&
                slice_find(row.latest, l->manifest_envelope.whole) >= 0;
    arena_free(&a);
    return here;
}

/* The number of its publish, unless this cache has (or had, and may still be asked for) another one
 * of that number. */
static bool choose_number(struct store *s, const struct latest *l, int64_t *gen, struct err *err)
{
    int64_t taken, highest, seq = l->manifest.seq;

    if (!db_int_of(s->db, 0, &taken, err, "SELECT 1 FROM gen WHERE gen=?1 AND state<>3", "i",
                   seq) ||
        !db_int_of(s->db, 0, &highest, err, "SELECT max(gen) FROM gen WHERE state<>3", ""))
        return false;
    *gen = taken && !is_here(s, l) ? highest + 1 : seq;
    return true;
}

int64_t store_next_number(struct store *s, const struct latest *l)
{
    int64_t gen;
    struct err err;

    return choose_number(s, l, &gen, &err) ? gen : l->manifest.seq;
}

/* The generation whose leaves ours are compared with: the active one, or the one that is compared
 * with itself. 0: none fits. */
static bool choose_base(struct store *s, struct arena *a, unsigned bits, int64_t *base,
                        struct tree_entry **entries, struct err *err)
{
    struct store_base active;
    struct gen_row row;
    bool present;

    *base = 0;
    if (!store_base(s, a, &active, &present, err))
        return false;
    if (!present || active.latest->manifest.bits != bits)
        return true;
    if (!store_read_gen(s, a, active.gen, &row, &present, err))
        return false;
    *base = row.base ? row.base : row.gen;
    row.gen = *base;
    row.base = 0;
    *entries = arena_array(a, struct tree_entry, tree_leaves(bits));
    if (!*entries)
        return err_set(err, "out of memory");
    return store_read_entries(s, &row, bits, *entries, err);
}

static bool put_genleaf(struct store *s, int64_t gen, uint32_t slot, const struct tree_entry *e,
                        struct err *err)
{
    struct slice hash =
        e->raw ? hash_slice(e) : slice_of("", 0); /* an empty leaf over one of the base */

    return db_run(s->db, err, "INSERT INTO genleaf(gen,slot,hash) VALUES(?1,?2,?3)", "iib", gen,
                  (int64_t)slot, hash) ||
           store_write_failed(s);
}

/* Only what differs from the base is written: one changed entity is one row, not 256. */
static bool put_leaf_list(struct store *s, int64_t gen, unsigned bits,
                          const struct tree_entry *leaves, int64_t *base, struct err *err)
{
    struct arena a;
    struct tree_entry *before = NULL;
    uint32_t differ = 0, n = tree_leaves(bits);
    int64_t is_base = 0;

    arena_init_growing(&a, 64u << 20);
    bool ok = choose_base(s, &a, bits, base, &before, err) &&
              db_int_of(s->db, 0, &is_base, err, "SELECT 1 FROM gen WHERE base=?1", "i", gen);
    for (uint32_t i = 0; ok && *base && i < n; i++)
        differ += !tree_entry_eq(&before[i], &leaves[i]);
    /* What others are compared with is whole. */
    if (*base && (differ > n / 4 + 1 || *base == gen || is_base))
        *base = 0;
    for (uint32_t i = 0; ok && i < n; i++)
        if (*base ? !tree_entry_eq(&before[i], &leaves[i]) : leaves[i].raw != 0)
            ok = put_genleaf(s, gen, i, &leaves[i], err);
    arena_free(&a);
    return ok;
}

static bool write_generation(struct store *s, const struct store_staging *st, int64_t gen,
                             struct err *err)
{
    const struct manifest *m = &st->latest->manifest;
    struct gen_row row = { .gen = gen,
                           .seq = m->seq,
                           .trust = store_meta_int(s, "trust"),
                           .state = STORE_TRIAL,
                           .time = now_s(),
                           .latest = st->latest->text };

    if (!db_run(s->db, err, "DELETE FROM genleaf WHERE gen=?1", "i", gen))
        return store_write_failed(s);
    return put_leaf_list(s, gen, m->bits, st->leaves, &row.base, err) &&
           store_write_gen(s, &row, err);
}

static bool point_to(struct store *s, int64_t gen, struct err *err)
{
    int64_t active = store_active(s);

    if (active && active != gen && !store_meta_set_int(s, "previous", active, err))
        return false;
    return store_meta_set_int(s, "active", gen, err) && store_meta_drop(s, "trial_starts", err) &&
           store_meta_drop(s, "boot_refused", err);
}

static bool remember_seq(struct store *s, const struct latest *l, struct err *err)
{
    char key[CHANNEL_MAX + 16];
    int64_t seq = l->fresh.seq > l->fresh.floor ? l->fresh.seq : l->fresh.floor;

    seq_key(l->fresh.channel, key);
    return seq <= store_meta_int(s, key) || store_meta_set_int(s, key, seq, err);
}

static bool write_flip(struct store *s, const struct store_staging *st, int64_t *gen,
                       struct err *err)
{
    if (!choose_number(s, st->latest, gen, err) ||
        !put_all(s, st->pieces, st->n_pieces, false, err) || !write_generation(s, st, *gen, err) ||
        !point_to(s, *gen, err) || !remember_seq(s, st->latest, err) ||
        !set_meta(s, st->meta, st->n_meta, err))
        return false;
    return db_script(s->db, "DELETE FROM node; DELETE FROM partial", err) || store_write_failed(s);
}

bool store_flip(struct store *s, const struct store_staging *staging, int64_t *gen, struct err *err)
{
    return begin(s, err) && finish(s, write_flip(s, staging, gen, err), err);
}

/* ---- what became of it ---- */

/* Generations beyond the newest few, but never one in use or one that a kept one is compared with;
 * then leaves of none. */
static bool prune(struct store *s, struct err *err)
{
    /* A temporary table would be shorter; it would also be written to the card. */
    static const char old[] = "WITH kept AS (SELECT gen, base FROM gen WHERE gen IN (?2,?3,?4,?5) "
                              "OR gen IN (SELECT gen FROM gen ORDER BY gen DESC LIMIT ?1))"
                              " DELETE FROM gen WHERE gen NOT IN (SELECT gen FROM kept) AND gen "
                              "NOT IN (SELECT base FROM kept)";

    return (db_run(s->db, err, old, "iiiii", (int64_t)STORE_KEEP, store_active(s),
                   store_meta_int(s, "previous"), store_meta_int(s, "lkg"), store_pinned(s)) &&
            db_script(s->db,
                      "DELETE FROM genleaf WHERE gen NOT IN (SELECT gen FROM gen);"
                      "DELETE FROM leaf WHERE hash NOT IN (SELECT hash FROM genleaf);"
                      /* a chain of roots is kept for others (export) */
                      "DELETE FROM trust WHERE id NOT IN (SELECT trust FROM gen) AND id <= (SELECT "
                      "max(id) FROM trust) - 64",
                      err)) ||
           store_write_failed(s);
}

bool store_confirm(struct store *s, int64_t gen, struct err *err)
{
    if (!begin(s, err))
        return false;
    bool ok = store_set_state(s, gen, STORE_CONFIRMED, NULL, err) &&
              store_meta_set_int(s, "lkg", gen, err) && store_meta_drop(s, "trial_starts", err) &&
              prune(s, err);
    if (!finish(s, ok, err))
        return false;
    if (!s->in_memory)
        store_write_lkg(s);
    return true;
}

/* The generation to go back to: the one before, the last known good one, else the newest that
 * worked. */
static bool choose_back(struct store *s, int64_t *back, struct err *err)
{
    static const char good[] = "SELECT gen FROM gen WHERE gen=?1 AND state IN(1,2)";
    static const char newest[] = "SELECT gen FROM gen WHERE state=2 ORDER BY gen DESC LIMIT 1";

    if (!db_int_of(s->db, 0, back, err, good, "i", store_meta_int(s, "previous")))
        return false;
    if (!*back && !db_int_of(s->db, 0, back, err, good, "i", store_meta_int(s, "lkg")))
        return false;
    return *back || db_int_of(s->db, 0, back, err, newest, "");
}

static bool write_fail(struct store *s, int64_t gen, const char *reason, int64_t *back,
                       struct err *err)
{
    if (!store_set_state(s, gen, STORE_FAILED_GENERATION, reason, err))
        return false;
    *back = store_active(s);
    if (*back != gen)
        return true;
    return choose_back(s, back, err) && store_meta_set_int(s, "active", *back, err) &&
           store_meta_drop(s, "trial_starts", err);
}

bool store_fail(struct store *s, int64_t gen, const char *reason, int64_t *back, struct err *err)
{
    *back = 0;
    return begin(s, err) && finish(s, write_fail(s, gen, reason, back, err), err);
}

static bool write_refusal(struct store *s, const struct latest *l, const char *reason,
                          struct err *err)
{
    struct gen_row row = { .seq = l->manifest.seq,
                           .trust = store_meta_int(s, "trust"),
                           .state = STORE_FAILED_GENERATION,
                           .time = now_s(),
                           .latest = l->text,
                           .reason = slice_from(reason) };
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = { 0 };

    crypto_hex(l->hash, CRYPTO_SHA256_BYTES, hex);
    if (!store_meta_set(s, "refused", slice_from(hex), err) ||
        !store_meta_set(s, "refused_why", slice_from(reason), err))
        return false;
    if (is_here(s, l)) /* its leaves stay: others may be compared with it */
        return store_set_state(s, l->manifest.seq, STORE_FAILED_GENERATION, reason, err);
    if (!choose_number(s, l, &row.gen, err) || !store_write_gen(s, &row, err))
        return false;
    return db_run(s->db, err, "DELETE FROM genleaf WHERE gen=?1", "i", row.gen) ||
           store_write_failed(s);
}

bool store_refuse(struct store *s, const struct latest *latest, const char *reason, struct err *err)
{
    return begin(s, err) && finish(s, write_refusal(s, latest, reason, err), err);
}

struct slice store_refused(struct store *s, struct arena *a,
                           const uint8_t manifest_hash[CRYPTO_SHA256_BYTES])
{
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = { 0 };

    crypto_hex(manifest_hash, CRYPTO_SHA256_BYTES, hex);
    if (!slice_eq(store_meta(s, a, "refused"), slice_from(hex)))
        return SLICE_NONE;
    return store_meta(s, a, "refused_why");
}

static bool write_redate(struct store *s, struct slice text, const struct store_meta_pair *meta,
                         size_t n, struct err *err)
{
    struct arena a;
    struct gen_row row;
    bool present = false, ok = true;

    if (text.n) {
        arena_init_growing(&a, 4 * MANIFEST_BYTES_MAX);
        ok = store_read_gen(s, &a, store_active(s), &row, &present, err);
        if (ok && present) {
            row.latest = text;
            row.trust = store_meta_int(s, "trust");
            ok = store_write_gen(s, &row, err);
        }
        arena_free(&a);
    }
    return ok && set_meta(s, meta, n, err);
}

bool store_redate(struct store *s, struct slice text, const struct store_meta_pair *meta, size_t n,
                  struct err *err)
{
    return begin(s, err) && finish(s, write_redate(s, text, meta, n, err), err);
}

/* ---- pins ---- */

bool store_rollback(struct store *s, int64_t gen, struct err *err)
{
    if (!begin(s, err))
        return false;
    bool ok = store_set_state(s, gen, STORE_CONFIRMED, NULL, err) && point_to(s, gen, err) &&
              store_meta_set_int(s, "pinned", gen, err) && drop_memory(s, false, err);
    return finish(s, ok, err);
}

bool store_reinstate(struct store *s, int64_t gen, struct err *err)
{
    if (!begin(s, err))
        return false;
    bool ok = store_set_state(s, gen, STORE_CONFIRMED, NULL, err) && point_to(s, gen, err) &&
              store_drop_etags(s, err);
    return finish(s, ok, err);
}

bool store_unpin(struct store *s, struct err *err)
{
    return begin(s, err) &&
           finish(s, store_meta_drop(s, "pinned", err) && drop_memory(s, false, err), err);
}
