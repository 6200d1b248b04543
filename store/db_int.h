/* SQLite behind our own names, for this folder only: connections with the pragmas of sync.md (e),
 * statements, transactions. */
#ifndef STORE_DB_INT_H
#define STORE_DB_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"

enum db_mode {
    DB_CONFIG, /* cfg.db of its owner: WAL, synchronous=FULL */
    DB_STATE,  /* state.db: WAL, synchronous=NORMAL */
    DB_READER, /* beside an owner: read only, never a checkpoint */
    DB_MEMORY, /* path is only a name for messages */
};

/* What is wrong with a database after a failed call. */
enum db_trouble {
    DB_FINE,
    DB_BUSY,
    DB_FULL,     /* no space, also no inode */
    DB_IO,       /* the medium */
    DB_READONLY, /* cannot be written or opened */
    DB_CORRUPT,  /* not a database, or damaged */
    DB_OTHER,
};

struct db;
struct db_query;

/* Open. err names the file. *trouble says what kind of failure. */
bool db_open(const char *path, enum db_mode mode, struct db **out, enum db_trouble *trouble,
             struct err *err) WARN_UNUSED;
void db_close(struct db *db);
/* The trouble of the last failed call. */
enum db_trouble db_trouble(const struct db *db);

/* Run a statement without results. binds: one letter per argument: i int64_t, s const char *
 * (text), t struct slice (text), b struct slice (blob; p == NULL is NULL). sql must be a literal:
 * prepared statements are kept by its address. */
bool db_run(struct db *db, struct err *err, const char *sql, const char *binds, ...) WARN_UNUSED;
/* Several statements in a row, no arguments, results dropped. */
bool db_script(struct db *db, const char *sql, struct err *err) WARN_UNUSED;

/* Begin a query; end it with db_end whatever comes. NULL on failure. */
struct db_query *db_begin_query(struct db *db, struct err *err, const char *sql, const char *binds,
                                ...);
/* 1: a row, 0: no more, -1: failure. Text and blobs of a row live until the next call. */
int db_next(struct db_query *q, struct err *err);
int64_t db_int(struct db_query *q, int column);
struct slice db_blob(struct db_query *q, int column);
struct slice db_text(struct db_query *q, int column);
void db_end(struct db_query *q);
/* The first column of the first row; otherwise when there is none. */
bool db_int_of(struct db *db, int64_t otherwise, int64_t *out, struct err *err, const char *sql,
               const char *binds, ...) WARN_UNUSED;

bool db_begin(struct db *db, struct err *err) WARN_UNUSED;
bool db_commit(struct db *db, struct err *err) WARN_UNUSED;
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);
/* Move what is in the WAL into the database; truncate the WAL too. Failure is no fault: later is as
 * good. */
void db_checkpoint(struct db *db, bool truncate);
/* A compact copy into a new file, not synced. */
bool db_copy_to(struct db *db, const char *path, struct err *err) WARN_UNUSED;
/* A copy of another database's content, row by row, into this one, which has the same tables and no
 * rows. path is opened read only. */
bool db_copy_from(struct db *db, const char *path, const char *const *tables, size_t n,
                  struct err *err) WARN_UNUSED;
/* SQLite's own check of the structure: fault is called for each line it finds. */
bool db_check(struct db *db, void (*fault)(void *arg, struct slice what), void *arg,
              struct err *err) WARN_UNUSED;
/* Transactions committed, pages times page size. */
uint64_t db_commits(const struct db *db);
uint64_t db_bytes(struct db *db);
const char *db_library_version(void);

#endif
