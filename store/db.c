/* The only file that includes SQLite. */
#include "store/db_int.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STATEMENTS_MAX 48u
#define READER_WAIT_MS 2000
/* Pages of 4 kB: a configuration cache of 1 GB is a mistake. */
#define PAGES_MAX "262144"

struct db {
    sqlite3 *handle;
    char *name; /* last part of the path, for messages */
    enum db_trouble trouble;
    uint64_t commits;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
        bool busy;
    } kept[STATEMENTS_MAX];
    unsigned n_kept;
};

struct db_query {
    struct db *db;
    sqlite3_stmt *statement;
    int slot; /* in kept, or -1: finalize */
};

/* ---- failures ---- */

static enum db_trouble trouble_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return DB_FINE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return DB_BUSY;
    case SQLITE_FULL: return DB_FULL;
    case SQLITE_IOERR: return DB_IO;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH: return DB_READONLY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT: return DB_CORRUPT;
    default: return DB_OTHER;
    }
}

static bool fail(struct db *db, int code, struct err *err)
{
    db->trouble = trouble_of(code);
    const char *why = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    int extended = db->handle ? sqlite3_extended_errcode(db->handle) : code;
    return err_set(err, "%s: %s (SQLite %d)", db->name, why, extended);
}

enum db_trouble db_trouble(const struct db *db)
{
    return db->trouble;
}

/* ---- opening ---- */

static const char pragmas_always[] = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA "
                                     "mmap_size=0; PRAGMA cache_size=-512;"
                                     "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;";
static const char pragmas_owner[] = "PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE; PRAGMA "
                                    "secure_delete=OFF; PRAGMA max_page_count=" PAGES_MAX ";";
static const char pragmas_wal[] = "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=65536;";

/* SQLite makes its files with the process's mask; ours are for their owner alone. Before any
 * connection to it exists. */
static void create_private(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

static bool enter_wal(struct db *db, struct err *err)
{
    struct db_query *q = db_begin_query(db, err, "PRAGMA journal_mode=WAL", "");

    if (!q)
        return false;
    int r = db_next(q, err);
    bool ok = r == 1 && slice_eq(db_text(q, 0), SLICE("wal"));
    db_end(q);
    if (r == 1 && !ok)
        return err_set(err, "%s: no write-ahead log is possible here", db->name);
    return ok;
}

static int count_commit(void *arg)
{
    ((struct db *)arg)->commits++;
    return 0;
}

static bool connect_to(struct db *db, const char *path, enum db_mode mode, struct err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;

    if (mode == DB_MEMORY)
        path = ":memory:";
    if (mode == DB_READER)
        flags |= SQLITE_OPEN_READONLY;
    else
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &db->handle, flags, NULL);
    return code == SQLITE_OK || fail(db, code, err);
}

static bool configure(struct db *db, enum db_mode mode, bool exclusive, struct err *err)
{
    sqlite3_commit_hook(db->handle, count_commit, db);
    if (!db_script(db, pragmas_always, err))
        return false;
    if (mode == DB_READER) {
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_busy_timeout(db->handle, READER_WAIT_MS);
        return db_script(db, "PRAGMA query_only=ON; SELECT count(*) FROM sqlite_schema;", err);
    }
    if (!db_script(db, pragmas_owner, err))
        return false;
    if (mode == DB_MEMORY)
        return true;
    if (exclusive && !db_script(db, "PRAGMA locking_mode=EXCLUSIVE;", err))
        return false;
    if (!enter_wal(db, err) || !db_script(db, pragmas_wal, err))
        return false;
    return db_script(db,
                     mode == DB_STATE ? "PRAGMA synchronous=NORMAL;" : "PRAGMA synchronous=FULL;",
                     err) &&
           db_script(db, "SELECT count(*) FROM sqlite_schema;", err);
}

static struct db *new_db(const char *path)
{
    struct db *db = calloc(1, sizeof *db);
    const char *slash = strrchr(path, '/');

    if (db)
        db->name = strdup(slash ? slash + 1 : path);
    if (db && !db->name) {
        free(db);
        return NULL;
    }
    return db;
}

/* Shared memory is impossible on some file systems: then the owner has the database for itself
 * (architecture.md 6). */
static bool is_missing_shared_memory(const struct db *db)
{
    int code = db->handle ? sqlite3_extended_errcode(db->handle) : 0;

    return code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMSIZE ||
           code == SQLITE_IOERR_SHMLOCK || code == SQLITE_IOERR_SHMMAP || code == SQLITE_PROTOCOL;
}

static bool open_once(const char *path, enum db_mode mode, bool exclusive, struct db **out,
                      bool *again, struct err *err)
{
    struct db *db = new_db(path);

    *out = db;
    if (!db)
        return err_set(err, "%s: out of memory", path);
    if (connect_to(db, path, mode, err) && configure(db, mode, exclusive, err))
        return true;
    *again = !exclusive && mode != DB_READER && is_missing_shared_memory(db);
    return false;
}

bool db_open(const char *path, enum db_mode mode, struct db **out, enum db_trouble *trouble,
             struct err *err)
{
    struct db *db;
    bool again = false;

    *out = NULL;
    if (mode == DB_CONFIG || mode == DB_STATE)
        create_private(path);
    bool ok = open_once(path, mode, false, &db, &again, err);
    if (!ok && again) {
        db_close(db);
        ok = open_once(path, mode, true, &db, &again, err);
    }
    *trouble = ok ? DB_FINE : db ? db->trouble : DB_OTHER;
    if (!ok)
        db_close(db);
    else
        *out = db;
    return ok;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (unsigned i = 0; i < db->n_kept; i++)
        sqlite3_finalize(db->kept[i].statement);
    sqlite3_close_v2(db->handle);
    free(db->name);
    free(db);
}

/* ---- statements ---- */

/* A kept statement of this text that is not in use; its slot, or -1 when a new one is made that is
 * not kept. */
static bool prepare(struct db *db, const char *sql, sqlite3_stmt **out, int *slot, struct err *err)
{
    bool known = false;

    for (unsigned i = 0; i < db->n_kept; i++) {
        if (db->kept[i].sql != sql)
            continue;
        known = true;
        if (db->kept[i].busy)
            break;
        db->kept[i].busy = true;
        *out = db->kept[i].statement;
        *slot = (int)i;
        return true;
    }
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (code != SQLITE_OK)
        return fail(db, code, err);
    *slot = -1;
    if (!known && db->n_kept < STATEMENTS_MAX) {
        *slot = (int)db->n_kept++;
        db->kept[*slot].sql = sql;
        db->kept[*slot].statement = *out;
        db->kept[*slot].busy = true;
    }
    return true;
}

static void give_back(struct db *db, sqlite3_stmt *statement, int slot)
{
    if (slot < 0) {
        sqlite3_finalize(statement);
        return;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    db->kept[slot].busy = false;
}

static int bind_slice(sqlite3_stmt *s, int i, struct slice v, bool text)
{
    if (text)
        return sqlite3_bind_text(s, i, v.p ? v.p : "", (int)v.n, SQLITE_STATIC);
    if (!v.p)
        return sqlite3_bind_null(s, i);
    return sqlite3_bind_blob(s, i, v.p, (int)v.n, SQLITE_STATIC);
}

static int bind_all(sqlite3_stmt *s, const char *binds, va_list args)
{
    int code = SQLITE_OK;

    for (int i = 1; *binds && code == SQLITE_OK; binds++, i++)
        switch (*binds) {
        case 'i': code = sqlite3_bind_int64(s, i, va_arg(args, int64_t)); break;
        case 's': code = bind_slice(s, i, slice_from(va_arg(args, const char *)), true); break;
        case 't': code = bind_slice(s, i, va_arg(args, struct slice), true); break;
        case 'b': code = bind_slice(s, i, va_arg(args, struct slice), false); break;
        default: code = SQLITE_MISUSE;
        }
    return code;
}

static struct db_query *begin_query(struct db *db, struct err *err, const char *sql,
                                    const char *binds, va_list args)
{
    struct db_query *q = calloc(1, sizeof *q);

    if (!q) {
        err_set(err, "%s: out of memory", db->name);
        return NULL;
    }
    q->db = db;
    if (!prepare(db, sql, &q->statement, &q->slot, err)) {
        free(q);
        return NULL;
    }
    int code = bind_all(q->statement, binds, args);
    if (code != SQLITE_OK) {
        fail(db, code, err);
        db_end(q);
        return NULL;
    }
    return q;
}

struct db_query *db_begin_query(struct db *db, struct err *err, const char *sql, const char *binds,
                                ...)
{
    va_list args;

    va_start(args, binds);
    struct db_query *q = begin_query(db, err, sql, binds, args);
    va_end(args);
    return q;
}

int db_next(struct db_query *q, struct err *err)
{
    int code = sqlite3_step(q->statement);

    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    fail(q->db, code, err);
    return -1;
}

void db_end(struct db_query *q)
{
    if (!q)
        return;
    give_back(q->db, q->statement, q->slot);
    free(q);
}

int64_t db_int(struct db_query *q, int column)
{
    return sqlite3_column_int64(q->statement, column);
}

struct slice db_blob(struct db_query *q, int column)
{
    const void *p = sqlite3_column_blob(q->statement, column);
    int n = sqlite3_column_bytes(q->statement, column);

    if (!p && sqlite3_column_type(q->statement, column) != SQLITE_NULL)
        p = ""; /* an empty value, not a missing one */
    return slice_of(p, p ? (size_t)n : 0);
}

struct slice db_text(struct db_query *q, int column)
{
    const unsigned char *p = sqlite3_column_text(q->statement, column);

    return slice_of(p, p ? (size_t)sqlite3_column_bytes(q->statement, column) : 0);
}

bool db_run(struct db *db, struct err *err, const char *sql, const char *binds, ...)
{
    va_list args;

    va_start(args, binds);
    struct db_query *q = begin_query(db, err, sql, binds, args);
    va_end(args);
    if (!q)
        return false;
    int r;
    while ((r = db_next(q, err)) == 1)
        ;
    db_end(q);
    return r == 0;
}

bool db_int_of(struct db *db, int64_t otherwise, int64_t *out, struct err *err, const char *sql,
               const char *binds, ...)
{
    va_list args;

    va_start(args, binds);
    struct db_query *q = begin_query(db, err, sql, binds, args);
    va_end(args);
    *out = otherwise;
    if (!q)
        return false;
    int r = db_next(q, err);
    if (r == 1)
        *out = db_int(q, 0);
    db_end(q);
    return r >= 0;
}

bool db_script(struct db *db, const char *sql, struct err *err)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || fail(db, code, err);
}

/* ---- transactions ---- */

bool db_begin(struct db *db, struct err *err)
{
    return db_run(db, err, "BEGIN IMMEDIATE", "");
}

bool db_commit(struct db *db, struct err *err)
{
    return db_run(db, err, "COMMIT", "");
}

void db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(db->handle))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool db_in_transaction(const struct db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

void db_checkpoint(struct db *db, bool truncate)
{
    sqlite3_wal_checkpoint_v2(db->handle, NULL,
                              truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                              NULL, NULL);
}

/* ---- copies and checks ---- */

bool db_copy_to(struct db *db, const char *path, struct err *err)
{
    return db_run(db, err, "VACUUM INTO ?1", "s", path);
}

static bool copy_tables(struct db *db, const char *const *tables, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO main.%s SELECT * FROM other.%s", tables[i],
                 tables[i]);
        if (!db_script(db, sql, err))
            return false;
    }
    return true;
}

bool db_copy_from(struct db *db, const char *path, const char *const *tables, size_t n,
                  struct err *err)
{
    char *uri = sqlite3_mprintf("%s", path);

    if (!uri || !db_run(db, err, "ATTACH ?1 AS other", "s", uri)) {
        sqlite3_free(uri);
        return err_wrap(err, "%s", path);
    }
    bool ok = db_begin(db, err) && copy_tables(db, tables, n, err) && db_commit(db, err);
    if (!ok)
        db_rollback(db);
    (void)sqlite3_exec(db->handle, "DETACH other", NULL, NULL, NULL);
    sqlite3_free(uri);
    return ok;
}

bool db_check(struct db *db, void (*fault)(void *arg, struct slice what), void *arg,
              struct err *err)
{
    struct db_query *q = db_begin_query(db, err, "PRAGMA integrity_check(20)", "");
    int r = -1;

    while (q && (r = db_next(q, err)) == 1) {
        struct slice text = db_text(q, 0), line; /* a heading, then several lines, or one */
        while (text.n && slice_cut(&text, '\n', &line))
            if (line.n && !slice_eq(line, SLICE("ok")) && !slice_starts(line, SLICE("*** in database ")))
                fault(arg, line);
    }
    db_end(q);
    return r == 0;
}

uint64_t db_commits(const struct db *db)
{
    return db->commits;
}

uint64_t db_bytes(struct db *db)
{
    int64_t pages = 0, size = 0;

    if (!db_int_of(db, 0, &pages, NULL, "PRAGMA page_count", "") ||
        !db_int_of(db, 0, &size, NULL, "PRAGMA page_size", ""))
        return 0;
    return (uint64_t)pages * (uint64_t)size;
}

const char *db_library_version(void)
{
    return sqlite3_libversion();
}
