/* Inside the store: its state, rows, and the steps that several files share. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <pthread.h>

#include "store/db_int.h"
#include "store/stage.h"
#include "store/store.h"

/* user_version of cfg.db */
#define STORE_SCHEMA 1
/* Generations that stay beside the active, previous and last known good one. */
#define STORE_KEEP 8
/* Starts that a generation on trial may kill before it is given up (fault F17). */
#define STORE_TRIAL_STARTS 3
/* Bytes of the check in front of a meta value and beside a generation's row. */
#define STORE_SUM_BYTES 8u
/* All of a large configuration, inflated. */
#define STORE_LOAD_MAX ((size_t)512 << 20)

struct store {
    char *dir, *factory;
    enum store_mode mode;
    bool memory_allowed;
    bool in_memory;
    bool is_copy;  /* for ever: STORE_SCRATCH */
    int owner_fd;  /* the lock; -1: none (reader, or a directory that cannot be locked) */
    struct db *db; /* NULL: a reader without a cache */
    bool medium_failed;
    pthread_mutex_t lock; /* of status */
    struct store_status status;
};

extern const char *const store_tables[];
extern const size_t store_tables_n;

/* dir/name, zero-terminated; free() it. NULL: no memory. */
char *store_path(const struct store *s, const char *name);
/* Remember a fault for status and log it. */
void store_note_fault(struct store *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Refresh status from the database. */
void store_note_state(struct store *s);
/* A write failed: is it the medium? Always false. */
bool store_write_failed(struct store *s);
/* Open dir/cfg.db, making its tables; a database that cannot be read is put aside first, and the
 * last known good copy taken. */
bool store_open_disk(struct store *s, struct err *err) WARN_UNUSED;
/* Tables of a new database. */
bool store_make_tables(struct db *db, struct err *err) WARN_UNUSED;
/* Close the database, rename it to .bad-<time>, keep the last two such. */
void store_put_aside(struct store *s, const char *name);
/* Copy cfg.lkg over cfg.db, which is closed. */
bool store_restore_lkg(struct store *s, struct err *err) WARN_UNUSED;
/* Write cfg.lkg anew if it is older than a day or missing. */
void store_write_lkg(struct store *s);
/* The read-only store of cfg.lkg; false: none or unreadable. Close with db_close(lkg->db). */
bool store_open_lkg(const struct store *s, struct store *lkg, struct err *err) WARN_UNUSED;
/* The lock is held, or can be taken now: the directory may have become writable. */
bool store_own_again(struct store *s);
/* Into an empty memory database: the rows of dir/cfg.db, as far as it can be read. */
void store_copy_disk(struct store *s);
bool store_sync_dir(const char *dir);

/* A generation that was refused at an earlier start compiles now: confirmed and active again. */
bool store_reinstate(struct store *s, int64_t gen, struct err *err) WARN_UNUSED;

/* Load the read-only pack that devices are shipped with, and store it as an owner does. */
bool store_load_factory(struct store *s, struct arena *a, struct store_generation *out,
                        struct err *err) WARN_UNUSED;

/* ---- rows ---- */
struct gen_row {
    int64_t gen, seq, trust, base, state, time;
    struct slice latest, reason; /* in the arena */
};
/* *present false: no such row. A row whose check is wrong is an error. */
bool store_read_gen(struct store *s, struct arena *a, int64_t gen, struct gen_row *out,
                    bool *present, struct err *err) WARN_UNUSED;
/* Insert or replace. */
bool store_write_gen(struct store *s, const struct gen_row *row, struct err *err) WARN_UNUSED;
/* Change state and reason of a row. */
bool store_set_state(struct store *s, int64_t gen, enum store_state state, const char *reason,
                     struct err *err) WARN_UNUSED;
/* `latest` of a row, verified under the root it came with. */
bool store_read_latest(struct store *s, struct arena *a, const struct gen_row *row,
                       struct latest *out, struct err *err) WARN_UNUSED;
/* Hashes and sizes of a generation's leaves, in slots; what has no row in `leaf` has raw ==
 * UINT32_MAX. */
bool store_read_entries(struct store *s, const struct gen_row *row, unsigned bits,
                        struct tree_entry *out, struct err *err) WARN_UNUSED;
/* Meta values that are numbers; 0 when missing. */
int64_t store_meta_int(struct store *s, const char *key);
bool store_meta_set_int(struct store *s, const char *key, int64_t value, struct err *err)
    WARN_UNUSED;
bool store_meta_drop(struct store *s, const char *key, struct err *err) WARN_UNUSED;
/* Forget what the sources said last: the next answers are taken whole. */
bool store_drop_etags(struct store *s, struct err *err) WARN_UNUSED;
/* fault for every damaged meta row. */
bool store_check_meta(struct store *s, const struct store_check *check, struct err *err)
    WARN_UNUSED;

#endif
