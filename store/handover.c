/* What a cache hands on to others: the chain of roots that it was brought by, leaves as they were
 * sent (export). */
#include "store/stage.h"
#include "store/store_int.h"

/* Roots that a chain may have, as a client walks. */
#define CHAIN_MAX 64u

/* The raw root of a row; *present false: there is none. */
static bool read_row(struct store *s, struct arena *a, int64_t id, struct slice *text,
                     bool *present, struct err *err)
{
    struct db_query *q = db_begin_query(s->db, err, "SELECT root FROM trust WHERE id=?1", "i", id);
    int r = q ? db_next(q, err) : -1;

    *present = r == 1;
    if (r == 1)
        *text = arena_copy(a, db_blob(q, 0));
    db_end(q);
    return r >= 0;
}

static bool row_before(struct store *s, int64_t id, int64_t *before, struct err *err)
{
    return db_int_of(s->db, 0, before, err, "SELECT max(id) FROM trust WHERE id<?1", "i", id);
}

/* text is the root that `next` follows: its bytes, not only its number, are asked for. */
static bool precedes(struct arena *a, struct slice text, struct slice next)
{
    struct root older = { 0 }, newer = { 0 };
    struct err err;

    bool ok = root_parse(a, text, &older, &err) && root_parse(a, next, &newer, &err) &&
              root_check_self(&older, &err) && root_check_next(&older, &newer, &err);
    root_free(&older);
    root_free(&newer);
    return ok;
}

static bool version_of(struct arena *a, struct slice text, int64_t *version, struct err *err)
{
    struct root root = { 0 };

    bool ok = root_parse(a, text, &root, err) && root_check_self(&root, err);
    *version = root.version;
    root_free(&root);
    return ok;
}

bool store_root_chain(struct store *s, struct arena *a, struct store_root_text **out, size_t *n,
                      struct err *err)
{
    struct store_root_text *chain = arena_array(a, struct store_root_text, CHAIN_MAX);
    struct gen_row row;
    bool present;
    int64_t gen = store_active(s);

    *n = 0;
    if (!chain)
        return err_set(err, "out of memory");
    if (!store_read_gen(s, a, gen, &row, &present, err))
        return false;
    for (int64_t id = present ? row.trust : 0; id && *n < CHAIN_MAX;) {
        struct slice text;
        if (!read_row(s, a, id, &text, &present, err) || !row_before(s, id, &id, err))
            return false;
        /* Rows of a root that was forgotten or replaced stand between. */
        if (!present || (*n && !precedes(a, text, chain[*n - 1].text)))
            continue;
        if (!version_of(a, text, &chain[*n].version, err))
            return err_wrap(err, "cfg.db: trust");
        chain[(*n)++].text = text;
    }
    *out = chain;
    return *n || err_set(err, "cfg.db: trust: the root of generation %lld is missing", (long long)gen);
}

bool store_leaf_stream(struct store *s, struct arena *a, const struct tree_entry *e,
                       struct slice *z, struct err *err)
{
    struct db_query *q = db_begin_query(s->db, err, "SELECT z FROM leaf WHERE hash=?1", "b",
                                        slice_of(e->hash, sizeof e->hash));
    int r = q ? db_next(q, err) : -1;

    if (r == 1)
        *z = arena_copy(a, db_blob(q, 0));
    db_end(q);
    if (r != 1)
        return r < 0 ? false : err_set(err, "digest: a leaf is missing");
    struct slice raw;
    struct arena scratch;
    arena_init_growing(&scratch, 2 * TREE_LEAF_MAX + (1u << 20));
    bool ok = z->p ? tree_entry_check(e, err) && tree_leaf_open(&scratch, e, *z, &raw, err)
                   : err_set(err, "out of memory");
    arena_free(&scratch);
    return ok;
}
