/* state.db; see state.h. */
#include "store/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/log.h"
#include "store/db_int.h"

#define PATH_BYTES 4096

struct state {
    struct db *db;
};

static bool make_tables(struct db *db, struct err *err)
{
    return db_script(db,
                     "CREATE TABLE IF NOT EXISTS quota(id BLOB PRIMARY KEY, win INTEGER NOT NULL, "
                     "calls INTEGER NOT NULL, "
                     "bytes INTEGER NOT NULL, touched INTEGER NOT NULL) WITHOUT ROWID",
                     err);
}

static bool prune(struct db *db, struct err *err)
{
    int64_t oldest = (int64_t)(clock_wall_ns() / NS_PER_S) - (int64_t)STATE_KEEP_S;

    return db_run(db, err, "DELETE FROM quota WHERE touched < ?", "i", oldest);
}

static struct db *open_file(const char *path, struct err *err)
{
    enum db_trouble trouble;
    struct db *db;

    if (!db_open(path, DB_STATE, &db, &trouble, err))
        return NULL;
    if (make_tables(db, err) && prune(db, err))
        return db;
    db_close(db);
    return NULL;
}

bool state_open(const char *dir, struct state **out, struct err *err)
{
    char path[PATH_BYTES], bad[PATH_BYTES + 32];
    struct state *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(err, "out of memory");
    snprintf(path, sizeof path, "%s/state.db", dir);
    s->db = open_file(path, err);
    if (!s->db) {
        snprintf(bad, sizeof bad, "%s.bad-%llu", path,
                 (unsigned long long)(clock_wall_ns() / NS_PER_S));
        log_warn("StateFault", "%s: counts begin anew, the file is kept as %s", err->text, bad);
        if (rename(path, bad) == 0)
            s->db = open_file(path, err);
    }
    if (s->db) {
        *out = s;
        return true;
    }
    free(s);
    return false;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    db_checkpoint(s->db, true);
    db_close(s->db);
    free(s);
}

bool state_load(struct state *s, void (*take)(void *arg, const struct state_row *row), void *arg,
                struct err *err)
{
    struct db_query *q =
        db_begin_query(s->db, err, "SELECT id, win, calls, bytes, touched FROM quota", "");
    int more = -1;

    if (!q)
        return false;
    while ((more = db_next(q, err)) > 0) {
        struct slice id = db_blob(q, 0);
        struct state_row row = { .window = (uint64_t)db_int(q, 1),
                                 .calls = (uint64_t)db_int(q, 2),
                                 .bytes = (uint64_t)db_int(q, 3),
                                 .touched_s = (uint64_t)db_int(q, 4) };
        if (id.n != STATE_ID_BYTES)
            continue;
        memcpy(row.id, id.p, STATE_ID_BYTES);
        take(arg, &row);
    }
    db_end(q);
    return more == 0;
}

bool state_read(const char *dir, void (*take)(void *arg, const struct state_row *row), void *arg,
                struct err *err)
{
    char path[PATH_BYTES];
    enum db_trouble trouble;
    struct state s;

    snprintf(path, sizeof path, "%s/state.db", dir);
    if (!file_exists(path))
        return true;
    if (!db_open(path, DB_READER, &s.db, &trouble, err))
        return false;
    bool ok = state_load(&s, take, arg, err);
    db_close(s.db);
    return ok;
}

static bool save_row(struct state *s, const struct state_row *row, struct err *err)
{
    return db_run(s->db, err,
                  "INSERT OR REPLACE INTO quota(id, win, calls, bytes, touched) VALUES(?,?,?,?,?)",
                  "biiii", slice_of(row->id, STATE_ID_BYTES), (int64_t)row->window,
                  (int64_t)row->calls, (int64_t)row->bytes, (int64_t)row->touched_s);
}

bool state_save(struct state *s, const struct state_row *rows, size_t n, struct err *err)
{
    if (!db_begin(s->db, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!save_row(s, &rows[i], err)) {
            db_rollback(s->db);
            return false;
        }
    if (!db_commit(s->db, err))
        return false;
    db_checkpoint(s->db, false);
    return true;
}
