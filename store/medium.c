/* When the medium fails: files put aside, the last known good copy, life in memory and the way
 * back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/log.h"
#include "store/store_int.h"

#define DAY_S (24 * 60 * 60)
/* Files of one name that are kept when they turned out bad. */
#define BAD_FILES_KEPT 2u

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ns() / NS_PER_S);
}

bool store_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- bad files ---- */

/* Names end in a time of equal length, so that their order is that of age. */
static void drop_old_bad(const struct store *s, const char *name)
{
    struct arena a;
    struct slice *names, prefix;
    size_t n, kept = 0;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    prefix = arena_printf(&a, "%s.bad-", name);
    bool ok = file_list(&a, s->dir, &names, &n, &err);
    for (size_t i = ok ? n : 0; i-- > 0;) {
        if (!prefix.n || !slice_starts(names[i], prefix) || ++kept <= BAD_FILES_KEPT)
            continue;
        const char *path = file_join(&a, s->dir, names[i]);
        if (path)
            unlink(path);
    }
    arena_free(&a);
}

static void rename_bad(const struct store *s, const char *name, const char *suffix, int64_t time)
{
    char from[4096], to[4096];

    int f = snprintf(from, sizeof from, "%s/%s%s", s->dir, name, suffix);
    int t = snprintf(to, sizeof to, "%s/%s.bad-%011lld%s", s->dir, name, (long long)time, suffix);
    if (f < (int)sizeof from && t < (int)sizeof to && rename(from, to) == 0)
        log_warn("StoreFault", "%s: renamed to %s", from, to);
}

void store_put_aside(struct store *s, const char *name)
{
    int64_t time = now_s();

    /* The log first: a database without its log is whole, a log without its database is not taken
     * for another's. */
    char shm[4096];
    if (snprintf(shm, sizeof shm, "%s/%s-shm", s->dir, name) < (int)sizeof shm)
        unlink(shm);
    rename_bad(s, name, "-wal", time);
    rename_bad(s, name, "", time);
    /* A log left beside another database would be played into it. */
    char wal[4096];
    if (snprintf(wal, sizeof wal, "%s/%s-wal", s->dir, name) < (int)sizeof wal)
        unlink(wal);
    store_sync_dir(s->dir);
    drop_old_bad(s, name);
}

/* ---- last known good ---- */

bool store_open_lkg(const struct store *s, struct store *lkg, struct err *err)
{
    enum db_trouble trouble;
    char *path = store_path(s, "cfg.lkg");

    memset(lkg, 0, sizeof *lkg);
    lkg->mode = STORE_READER;
    lkg->owner_fd = -1;
    bool ok = path && file_exists(path) && db_open(path, DB_READER, &lkg->db, &trouble, err);
    free(path);
    return ok;
}

static bool copy_file(const char *from, const char *to, struct err *err)
{
    char block[64 << 10];
    ssize_t n = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = out >= 0;

    while (ok && (n = read(in, block, sizeof block)) > 0)
        ok = write(out, block, (size_t)n) == n;
    ok = ok && n == 0 && fsync(out) == 0;
    if (!ok)
        err_errno(err, "%s: cannot copy to %s", from, to);
    if (in >= 0)
        close(in);
    if (out >= 0 && close(out) != 0 && ok)
        ok = err_errno(err, "%s: cannot write", to);
    return ok;
}

bool store_restore_lkg(struct store *s, struct err *err)
{
    char *from = store_path(s, "cfg.lkg"), *to = store_path(s, "cfg.db"),
         *temporary = store_path(s, "cfg.db.new");
    bool ok = from && to && temporary && copy_file(from, temporary, err);

    if (ok && rename(temporary, to) != 0)
        ok = err_errno(err, "%s: cannot rename", temporary);
    if (ok)
        store_sync_dir(s->dir);
    free(from);
    free(to);
    free(temporary);
    return ok;
}

static bool sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

void store_write_lkg(struct store *s)
{
    char *path = store_path(s, "cfg.lkg"), *temporary = store_path(s, "cfg.lkg.new");
    struct stat st;
    struct err err;

    bool young =
        path && stat(path, &st) == 0 && st.st_mtime <= now_s() && now_s() - st.st_mtime < DAY_S;
    if (path && temporary && !young && !s->in_memory) {
        unlink(temporary);
        bool ok = db_copy_to(s->db, temporary, &err);
        if (ok &&
            (chmod(temporary, 0600) != 0 || !sync_file(temporary) || rename(temporary, path) != 0))
            ok = err_errno(&err, "%s: cannot write", path);
        if (ok)
            store_sync_dir(s->dir);
        else {
            unlink(temporary);
            log_warn("StoreFault", "%s: no new copy: %s", path, err.text);
        }
    }
    free(path);
    free(temporary);
}

/* ---- the database on disk ---- */

static bool open_disk_once(struct store *s, enum db_trouble *trouble, struct err *err)
{
    char *path = store_path(s, "cfg.db");
    bool ok = path && db_open(path, DB_CONFIG, &s->db, trouble, err);

    free(path);
    if (ok && !store_make_tables(s->db, err)) {
        *trouble = db_trouble(s->db);
        db_close(s->db);
        s->db = NULL;
        ok = false;
    }
    return ok;
}

bool store_open_disk(struct store *s, struct err *err)
{
    enum db_trouble trouble;
    struct store lkg;

    if (open_disk_once(s, &trouble, err))
        return true;
    if (trouble != DB_CORRUPT)
        return err_wrap(err, "cache.path: %s", s->dir);
    store_note_fault(s, "%s", err->text);
    store_put_aside(s, "cfg.db");
    if (store_open_lkg(s, &lkg, err)) {
        db_close(lkg.db);
        if (store_restore_lkg(s, err) && open_disk_once(s, &trouble, err))
            return true;
        store_put_aside(s, "cfg.db");
    }
    return open_disk_once(s, &trouble, err) || err_wrap(err, "cache.path: %s", s->dir);
}

/* ---- in memory ---- */

void store_copy_disk(struct store *s)
{
    char *path = store_path(s, "cfg.db"), *uri = NULL;
    struct err err;

    if (!path || !file_exists(path) ||
        db_copy_from(s->db, path, store_tables, store_tables_n, &err)) {
        free(path);
        return;
    }
    /* On a read-only medium the log cannot be joined: the database as of its last checkpoint is
     * whole, too. */
    if (asprintf(&uri, "file:%s?immutable=1", path) < 0)
        uri = NULL;
    struct err again;
    if (!uri || !db_copy_from(s->db, uri, store_tables, store_tables_n, &again))
        store_note_fault(s, "%s", err.text);
    free(path);
    free(uri);
}

bool store_medium_failed(struct store *s)
{
    return s->medium_failed;
}

bool store_degrade(struct store *s, const char *why)
{
    struct err err;
    enum db_trouble trouble;
    struct db *disk = s->db;

    if (!s->memory_allowed || s->in_memory)
        return false;
    s->medium_failed = false;
    if (!db_open("cache in memory", DB_MEMORY, &s->db, &trouble, &err) ||
        !store_make_tables(s->db, &err)) {
        db_close(s->db);
        s->db = disk;
        return false;
    }
    db_rollback(disk);
    s->in_memory = true;
    store_copy_disk(s);
    db_close(disk);
    pthread_mutex_lock(&s->lock);
    s->status.degraded = true;
    snprintf(s->status.why, sizeof s->status.why, "%.*s", (int)sizeof s->status.why - 1, why);
    pthread_mutex_unlock(&s->lock);
    log_warn("StoreDegraded",
             "%s: %s: the configuration is kept in memory until it can be written again", s->dir,
             why);
    return true;
}

/* What memory has and the disk lacks. Generations are small beside their leaves; leaves that are
 * there already are not written again. */
static const char *const carry_over[] = {
    "INSERT OR IGNORE INTO other.leaf SELECT * FROM main.leaf",
    "INSERT OR REPLACE INTO other.trust SELECT * FROM main.trust",
    "INSERT OR REPLACE INTO other.gen SELECT * FROM main.gen",
    "INSERT OR REPLACE INTO other.genleaf SELECT * FROM main.genleaf",
    "INSERT OR REPLACE INTO other.meta SELECT * FROM main.meta",
};

static bool carry(struct store *s, const char *path, struct err *err)
{
    if (!db_run(s->db, err, "ATTACH ?1 AS other", "s", path))
        return false;
    bool ok = db_script(s->db, "PRAGMA other.synchronous=FULL", err) && db_begin(s->db, err);
    for (size_t i = 0; ok && i < COUNT_OF(carry_over); i++)
        ok = db_script(s->db, carry_over[i], err);
    ok = ok && db_commit(s->db, err);
    db_rollback(s->db);
    return db_script(s->db, "DETACH other", NULL) && ok;
}

bool store_recover(struct store *s)
{
    struct db *memory = s->db;
    struct err err;
    char *path;

    if (!s->in_memory)
        return true;
    if (s->is_copy || !store_own_again(s) || !(path = store_path(s, "cfg.db")))
        return false;
    /* Make the file and its tables by the usual way, then write into it out of memory. */
    bool ok = store_open_disk(s, &err);
    if (ok) {
        db_close(s->db);
        s->db = memory;
        ok = carry(s, path, &err) && store_open_disk(s, &err);
    }
    free(path);
    if (!ok) {
        s->db = memory;
        return false;
    }
    db_close(memory);
    s->in_memory = false;
    s->medium_failed = false;
    pthread_mutex_lock(&s->lock);
    s->status.degraded = false;
    s->status.why[0] = 0;
    pthread_mutex_unlock(&s->lock);
    log_info("StoreRecovered", "%s: the configuration is on disk again", s->dir);
    store_note_state(s);
    return true;
}
