/* Reading generations: list, name, load with every signature and hash checked. */
#include <stdio.h>
#include <stdlib.h>

#include "store/store_int.h"

const char *store_state_name(enum store_state state)
{
    static const char *const names[] = { "staged", "trial", "confirmed", "failed" };

    return names[state];
}

/* ---- loading ---- */

static bool read_leaf(struct store *s, struct arena *a, const struct tree_entry *e,
                      struct slice *raw, bool *present, struct err *err)
{
    struct db_query *q = db_begin_query(s->db, err, "SELECT z FROM leaf WHERE hash=?1", "b",
                                        slice_of(e->hash, sizeof e->hash));
    int r = q ? db_next(q, err) : -1;

    *present = r == 1;
    bool ok = r >= 0;
    if (r == 1)
        ok = tree_leaf_open(a, e, db_blob(q, 0), raw, err);
    db_end(q);
    return ok;
}

struct load {
    struct store *store;
    struct arena *arena;
    const struct latest *latest;
    struct tree_entry *entries;
    struct slice *leaves;
};

static bool load_leaf(struct load *l, uint32_t slot, struct err *err)
{
    const struct tree_entry *e = &l->entries[slot];
    bool present = true;

    if (!e->raw)
        return true;
    if (e->raw == UINT32_MAX)
        return err_set(err, "leaf %u: missing", slot);
    if (!tree_entry_check(e, err) ||
        !read_leaf(l->store, l->arena, e, &l->leaves[slot], &present, err))
        return err_wrap(err, "leaf %u", slot);
    return present || err_set(err, "leaf %u: missing", slot);
}

static bool load_leaves(struct load *l, struct err *err)
{
    const struct manifest *m = &l->latest->manifest;
    uint8_t root[CRYPTO_SHA256_BYTES];

    for (uint32_t i = 0; i < tree_leaves(m->bits); i++)
        if (!load_leaf(l, i, err))
            return false;
    tree_root(l->entries, m->bits, NULL, root);
    return memcmp(root, m->root, sizeof root) == 0 ||
           err_set(err, "digest: its leaves are not those of its manifest");
}

static bool split_lines(struct load *l, struct store_generation *out, struct err *err)
{
    const struct manifest *m = &l->latest->manifest;
    struct slice rest, line;
    uint64_t room = m->entities;

    /* Two bytes are the least that a line can have: the count of a manifest cannot make us allocate
     * more than its leaves. */
    if (room > m->raw)
        return err_set(err, "manifest: %llu entities in %llu bytes", (unsigned long long)room,
                       (unsigned long long)m->raw);
    out->lines = arena_array(l->arena, struct slice, room + 1);
    if (!out->lines)
        return err_set(err, "out of memory");
    for (uint32_t i = 0; i < tree_leaves(m->bits); i++) {
        rest = l->leaves[i];
        out->raw += rest.n;
        if (!rest.n)
            continue;
        rest = slice_first(rest, rest.n - 1); /* the newline of the last line */
        while (slice_cut(&rest, '\n', &line)) {
            if (out->n == room)
                return err_set(err, "manifest: more entities than its %llu",
                               (unsigned long long)room);
            out->lines[out->n++] = line;
        }
    }
    return out->n == room ||
           err_set(err, "manifest: %zu entities, not %llu", out->n, (unsigned long long)room);
}

bool store_fill(struct arena *a, const struct latest *latest, struct slice *leaves,
                struct store_generation *out, struct err *err)
{
    struct load l = { .arena = a, .latest = latest, .leaves = leaves };

    memset(out, 0, sizeof *out);
    out->seq = latest->manifest.seq;
    out->issued = latest->manifest.issued;
    memcpy(out->manifest_hash, latest->hash, sizeof out->manifest_hash);
    snprintf(out->channel, sizeof out->channel, "%.*s", SLICE_ARG(latest->manifest.channel));
    return split_lines(&l, out, err);
}

static bool load_row(struct store *s, const struct gen_row *row, struct arena *a,
                     struct store_generation *out, struct err *err)
{
    struct latest *latest = arena_new(a, struct latest);
    struct load l = { .store = s, .arena = a, .latest = latest };

    if (!latest)
        return err_set(err, "out of memory");
    if (!store_read_latest(s, a, row, latest, err))
        return false;
    uint32_t n = tree_leaves(latest->manifest.bits);
    l.entries = arena_array(a, struct tree_entry, n);
    l.leaves = arena_array(a, struct slice, n);
    if (!l.entries || !l.leaves)
        return err_set(err, "out of memory");
    if (!store_read_entries(s, row, latest->manifest.bits, l.entries, err) ||
        !load_leaves(&l, err) || !store_fill(a, latest, l.leaves, out, err))
        return false;
    out->gen = row->gen;
    return true;
}

bool store_load(struct store *s, int64_t gen, struct arena *a, struct store_generation *out,
                struct err *err)
{
    struct gen_row row;
    bool present;

    if (!s->db)
        return err_set(err, "cache %s: no configuration here yet", s->dir);
    if (!gen)
        gen = store_active(s);
    if (!gen)
        return err_set(err, "cache %s: no configuration here yet", s->dir);
    if (!store_read_gen(s, a, gen, &row, &present, err))
        return err_wrap(err, "cfg.db");
    if (!present)
        return err_set(err, "generation %lld: not in this cache", (long long)gen);
    if (row.state == STORE_FAILED_GENERATION && !row.latest.n)
        return err_set(err, "generation %lld: was refused: %.*s", (long long)gen,
                       SLICE_ARG(row.reason));
    return load_row(s, &row, a, out, err) ||
           err_wrap(err, "cfg.db: generation %lld", (long long)gen);
}

bool store_base(struct store *s, struct arena *a, struct store_base *out, bool *present,
                struct err *err)
{
    struct gen_row row;
    int64_t gen = store_active(s);

    *present = false;
    memset(out, 0, sizeof *out);
    if (!gen)
        return true;
    if (!store_read_gen(s, a, gen, &row, present, err) || !*present)
        return !*present;
    out->gen = gen;
    out->latest = arena_new(a, struct latest);
    *present = out->latest && store_read_latest(s, a, &row, out->latest, err);
    if (!*present)
        return true; /* damaged: as if there were none */
    out->leaves = arena_array(a, struct tree_entry, tree_leaves(out->latest->manifest.bits));
    if (!out->leaves)
        return err_set(err, "out of memory");
    return store_read_entries(s, &row, out->latest->manifest.bits, out->leaves, err);
}

bool store_has_leaf(struct store *s, const struct tree_entry *e)
{
    int64_t n;

    return db_int_of(s->db, 0, &n, NULL,
                     "SELECT 1 FROM leaf WHERE hash=?1 AND raw=?2 AND length(z)=?3", "bii",
                     slice_of(e->hash, sizeof e->hash), (int64_t)e->raw, (int64_t)e->z) &&
           n;
}

bool store_leaf(struct store *s, struct arena *a, const struct tree_entry *e, struct slice *raw,
                bool *present, struct err *err)
{
    struct err why;

    if (read_leaf(s, a, e, raw, present, &why))
        return true;
    char hex[2 * CRYPTO_SHA256_BYTES];
    crypto_hex(e->hash, sizeof e->hash, hex);
    store_note_fault(s, "cfg.db: leaf %.16s…: %s", hex, why.text);
    *present = false;
    return db_run(s->db, err, "DELETE FROM leaf WHERE hash=?1", "b",
                  slice_of(e->hash, sizeof e->hash)) ||
           store_write_failed(s);
}

/* ---- listing ---- */

static void list_row(struct store *s, struct arena *a, int64_t gen, struct store_entry *e)
{
    struct gen_row row;
    struct err err;
    bool present;
    struct latest *l = arena_new(a, struct latest);

    e->gen = gen;
    if (!l || !store_read_gen(s, a, gen, &row, &present, &err)) {
        e->state = STORE_FAILED_GENERATION;
        e->reason = arena_copy(a, slice_from(err.text));
        return;
    }
    e->seq = row.seq;
    e->state = (enum store_state)row.state;
    e->time = row.time;
    e->reason = row.reason;
    if (!row.latest.n)
        return;
    if (!store_read_latest(s, a, &row, l, &err)) {
        e->reason = arena_copy(a, slice_from(err.text));
        return;
    }
    e->issued = l->manifest.issued;
    e->entities = l->manifest.entities;
    e->raw = l->manifest.raw;
    e->z = l->manifest.z;
    crypto_hex(l->manifest.root, CRYPTO_SHA256_BYTES, e->root);
}

bool store_list(struct store *s, struct arena *a, struct store_entry **out, size_t *n,
                struct err *err)
{
    int64_t count, marks[4];

    *out = NULL;
    *n = 0;
    if (!s->db)
        return true;
    if (!db_int_of(s->db, 0, &count, err, "SELECT count(*) FROM gen", ""))
        return false;
    struct store_entry *list = arena_array(a, struct store_entry, (size_t)count + 1);
    int64_t *gens = arena_array(a, int64_t, (size_t)count + 1);
    if (!list || !gens)
        return err_set(err, "out of memory");
    struct db_query *q = db_begin_query(s->db, err, "SELECT gen FROM gen ORDER BY gen DESC", "");
    int r = -1;
    while (q && (r = db_next(q, err)) == 1 && *n < (size_t)count)
        gens[(*n)++] = db_int(q, 0);
    db_end(q);
    if (r < 0)
        return false;
    marks[0] = store_active(s);
    marks[1] = store_meta_int(s, "previous");
    marks[2] = store_meta_int(s, "lkg");
    marks[3] = store_pinned(s);
    for (size_t i = 0; i < *n; i++) {
        list_row(s, a, gens[i], &list[i]);
        list[i].active = gens[i] == marks[0];
        list[i].previous = gens[i] == marks[1];
        list[i].lkg = gens[i] == marks[2];
        list[i].pinned = gens[i] == marks[3];
    }
    *out = list;
    return true;
}

int64_t store_active(struct store *s)
{
    return s->db ? store_meta_int(s, "active") : 0;
}

int64_t store_pinned(struct store *s)
{
    return s->db ? store_meta_int(s, "pinned") : 0;
}

/* ---- names ---- */

static bool has_gen(struct store *s, int64_t gen)
{
    int64_t n = 0;

    return gen && db_int_of(s->db, 0, &n, NULL, "SELECT 1 FROM gen WHERE gen=?1", "i", gen) && n;
}

/* The nth generation before the active one that can be loaded. */
static int64_t before_active(struct store *s, int64_t n)
{
    int64_t gen = 0;

    if (!db_int_of(
            s->db, 0, &gen, NULL,
            "SELECT gen FROM gen WHERE gen<?1 AND state<>3 ORDER BY gen DESC LIMIT 1 OFFSET ?2",
            "ii", store_active(s), n - 1))
        return 0;
    return gen;
}

static void known_names(struct store *s, char *out, size_t room)
{
    size_t n = 0;
    struct db_query *q =
        db_begin_query(s->db, NULL, "SELECT gen FROM gen ORDER BY gen DESC LIMIT 10", "");

    out[0] = 0;
    while (q && db_next(q, NULL) == 1 && n + 24 < room)
        n += (size_t)snprintf(out + n, room - n, "%s%lld", n ? ", " : "", (long long)db_int(q, 0));
    db_end(q);
}

bool store_find(struct store *s, struct slice name, int64_t *gen, struct err *err)
{
    char known[256];
    uint64_t n;

    *gen = 0;
    if (!s->db)
        return err_set(err, "cache %s: no configuration here yet", s->dir);
    if (slice_eq(name, SLICE("active")))
        *gen = store_active(s);
    else if (slice_eq(name, SLICE("previous")))
        *gen = store_meta_int(s, "previous");
    else if (slice_eq(name, SLICE("lkg")))
        *gen = store_meta_int(s, "lkg");
    else if (name.n > 1 && name.p[0] == '-' && slice_to_u64(slice_skip(name, 1), 1000, &n) && n)
        *gen = before_active(s, (int64_t)n);
    else if (slice_to_u64(name, SEQ_MAX, &n))
        *gen = (int64_t)n;
    if (has_gen(s, *gen))
        return true;
    *gen = 0;
    known_names(s, known, sizeof known);
    return err_set(err, "generation %.*s: not in this cache: it has %s", SLICE_ARG(name),
                   known[0] ? known : "none");
}

/* ---- verifying ---- */

struct verifier {
    const struct store_check *check;
    const char *file;
    bool seen;
};

static void structure_fault(void *arg, struct slice what)
{
    struct verifier *v = arg;
    char line[512];

    snprintf(line, sizeof line, "%s: %.*s", v->file, SLICE_ARG(slice_first(what, 400)));
    v->check->fault(v->check->arg, line);
}

static bool verify_generations(struct store *s, const char *file, const struct store_check *check,
                               struct err *err)
{
    struct arena list_arena;
    struct store_entry *list;
    size_t n;

    arena_init_growing(&list_arena, STORE_LOAD_MAX);
    bool ok = store_list(s, &list_arena, &list, &n, err);
    for (size_t i = 0; ok && i < n; i++) {
        struct store_generation g;
        struct arena a;
        struct err why;
        char line[ERR_MAX + 64];
        arena_init_growing(&a, STORE_LOAD_MAX);
        bool whole = store_load(s, list[i].gen, &a, &g, &why);
        arena_free(&a);
        if (whole && check->good)
            check->good(check->arg, list[i].gen);
        if (!whole && list[i].state != STORE_FAILED_GENERATION) {
            /* The same words for a copy, but its name. */
            const char *text = strncmp(why.text, "cfg.db: ", 8) == 0 ? why.text + 8 : why.text;
            snprintf(line, sizeof line, "%s: %s", file, text);
            check->fault(check->arg, line);
        }
    }
    arena_free(&list_arena);
    return ok;
}

static bool verify_trust(struct store *s, const struct store_check *check)
{
    struct arena a;
    struct root root;
    struct err why;
    bool present;

    arena_init_growing(&a, 8 * ROOT_BYTES_MAX);
    bool ok = store_root(s, &a, &root, &present, &why);
    if (!ok)
        check->fault(check->arg, why.text);
    root_free(&root);
    arena_free(&a);
    return ok;
}

static void verify_file(struct store *s, const char *file, const struct store_check *check)
{
    struct verifier v = { check, file, false };
    struct err why;
    char line[ERR_MAX + 64];

    if (db_check(s->db, structure_fault, &v, &why) && store_check_meta(s, check, &why) &&
        verify_generations(s, file, check, &why)) {
        verify_trust(s, check);
        return;
    }
    snprintf(line, sizeof line, "%s: %s", file, why.text);
    check->fault(check->arg, line);
}

bool store_verify(struct store *s, const struct store_check *check, struct err *err)
{
    struct store lkg;
    struct store_check copy = { check->fault, NULL, check->arg };
    char line[ERR_MAX + 64];
    struct err why;

    if (!s->db)
        return err_set(err, "cache %s: no configuration here yet", s->dir);
    verify_file(s, "cfg.db", check);
    why.text[0] = 0;
    if (store_open_lkg(s, &lkg, &why)) {
        verify_file(&lkg, "cfg.lkg", &copy);
        db_close(lkg.db);
    } else if (why.text[0]) {
        snprintf(line, sizeof line, "cfg.lkg: %s", why.text);
        check->fault(check->arg, line);
    }
    return true;
}
