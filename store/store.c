/* Opening a cache: who owns it, where it is, in what it lives. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "platform/file.h"
#include "platform/log.h"
#include "store/store_int.h"

const char *const store_tables[] = { "meta", "trust", "gen", "leaf", "genleaf", "node", "partial" };
const size_t store_tables_n = COUNT_OF(store_tables);

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;"
    /* roots under which generations came here: raw signed envelopes */
    "CREATE TABLE IF NOT EXISTS trust(id INTEGER PRIMARY KEY, root BLOB NOT NULL);"
    /* latest: fresh and manifest as signed; base: the generation whose leaves count where genleaf
     * has no row of this one */
    "CREATE TABLE IF NOT EXISTS gen(gen INTEGER PRIMARY KEY, seq INTEGER NOT NULL,"
    " trust INTEGER NOT NULL, base INTEGER NOT NULL, state INTEGER NOT NULL, t INTEGER NOT NULL,"
    " latest BLOB, reason TEXT, sum BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS leaf(hash BLOB PRIMARY KEY, raw INTEGER NOT NULL, z BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS genleaf(gen INTEGER, slot INTEGER, hash BLOB NOT NULL,"
    " PRIMARY KEY(gen,slot)) WITHOUT ROWID;"
    /* pieces of a download that is not complete */
    "CREATE TABLE IF NOT EXISTS node(hash BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS partial(name TEXT PRIMARY KEY, etag TEXT, at INTEGER NOT NULL,"
    " tail BLOB) WITHOUT ROWID;"
    "PRAGMA application_id=0x45435331; PRAGMA user_version=1;" /* STORE_SCHEMA */
    "COMMIT;";

bool store_make_tables(struct db *db, struct err *err)
{
    int64_t version;

    if (!db_int_of(db, 0, &version, err, "PRAGMA user_version", ""))
        return false;
    /* A database of a newer program has at least these tables: it is read as it is. */
    if (version >= STORE_SCHEMA)
        return true;
    if (db_script(db, schema, err))
        return true;
    db_rollback(db);
    return false;
}

/* ---- status ---- */

void store_note_fault(struct store *s, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log_error("StoreFault", "%s: %s", s->dir ? s->dir : "cache", text);
    if (s->mode == STORE_READER && !s->dir)
        return;
    pthread_mutex_lock(&s->lock);
    snprintf(s->status.fault, sizeof s->status.fault, "%.*s", (int)sizeof s->status.fault - 1,
             text);
    s->status.faults++;
    pthread_mutex_unlock(&s->lock);
}

void store_note_state(struct store *s)
{
    int64_t active = store_active(s), lkg = s->db ? store_meta_int(s, "lkg") : 0,
            pinned = store_pinned(s);
    uint64_t bytes = s->db ? db_bytes(s->db) : 0, commits = s->db ? db_commits(s->db) : 0;

    pthread_mutex_lock(&s->lock);
    s->status.active = active;
    s->status.lkg = lkg;
    s->status.pinned = pinned;
    s->status.db_bytes = bytes;
    s->status.commits = commits;
    pthread_mutex_unlock(&s->lock);
}

void store_status(struct store *s, struct store_status *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->status;
    pthread_mutex_unlock(&s->lock);
}

bool store_write_failed(struct store *s)
{
    enum db_trouble t = db_trouble(s->db);

    s->medium_failed = t == DB_FULL || t == DB_IO || t == DB_READONLY || t == DB_CORRUPT;
    return false;
}

/* ---- ownership ---- */

char *store_path(const struct store *s, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", s->dir, name) < 0 ? NULL : path;
}

static void host_name(char out[65])
{
    if (gethostname(out, 65) != 0)
        snprintf(out, 65, "localhost");
    out[64] = 0;
}

/* holder = pid SP host LF */
static bool read_holder(int fd, struct store_holder *out)
{
    char text[128];
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct slice host, pid;
    uint64_t number;

    memset(out, 0, sizeof *out);
    if (n <= 0)
        return false;
    host = slice_trim(slice_of(text, (size_t)n));
    if (!slice_cut(&host, ' ', &pid) || !slice_to_u64(pid, INT32_MAX, &number) ||
        host.n >= sizeof out->host)
        return false;
    out->pid = (long)number;
    memcpy(out->host, host.n ? host.p : "", host.n);
    return host.n > 0;
}

static bool write_holder(int fd)
{
    char text[128], host[65];

    host_name(host);
    int n = snprintf(text, sizeof text, "%ld %s\n", (long)getpid(), host);
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
}

enum lock_result { LOCK_TAKEN, LOCK_HELD, LOCK_IMPOSSIBLE };

static enum lock_result take_lock(struct store *s, struct store_holder *holder, struct err *err)
{
    char *path = store_path(s, "owner");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd < 0 && path)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err_errno(err, "cache.path: %s: cannot be written by uid %u", s->dir, (unsigned)geteuid());
    free(path);
    if (fd < 0)
        return LOCK_IMPOSSIBLE;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        (void)write_holder(fd); /* a message for others; a full disk does not matter */
        s->owner_fd = fd;
        return LOCK_TAKEN;
    }
    bool held = errno == EWOULDBLOCK;
    if (!held)
        err_errno(err, "cache.path: %s: cannot be locked", s->dir);
    (void)read_holder(fd, holder);
    close(fd);
    return held ? LOCK_HELD : LOCK_IMPOSSIBLE;
}

static bool of_other_host(const struct store_holder *holder)
{
    char host[65];

    host_name(host);
    return holder->host[0] && strcmp(holder->host, host) != 0;
}

/* Replicas on one volume: each host has a directory of its own below. */
static bool move_below(struct store *s)
{
    char host[65];

    host_name(host);
    char *below = store_path(s, host);
    if (!below)
        return false;
    free(s->dir);
    s->dir = below;
    return true;
}

static enum lock_result own(struct store *s, struct store_holder *holder, struct err *err)
{
    enum lock_result r =
        file_make_dirs(s->dir, 0700, err) ? take_lock(s, holder, err) : LOCK_IMPOSSIBLE;

    if (r != LOCK_HELD || !of_other_host(holder))
        return r;
    if (!move_below(s) || !file_make_dirs(s->dir, 0700, err))
        return LOCK_IMPOSSIBLE;
    memset(holder, 0, sizeof *holder);
    return take_lock(s, holder, err);
}

bool store_own_again(struct store *s)
{
    struct store_holder holder;
    struct err err;

    return s->owner_fd >= 0 || own(s, &holder, &err) == LOCK_TAKEN;
}

const char *store_locate(struct arena *a, const char *dir)
{
    struct store_holder holder;
    char host[65];
    struct slice path = arena_printf(a, "%s/owner", dir);
    int fd = path.p ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return dir;
    bool other = read_holder(fd, &holder) && of_other_host(&holder);
    close(fd);
    host_name(host);
    const char *below = other ? file_join(a, dir, slice_from(host)) : NULL;
    const char *db = below ? file_join(a, below, SLICE("cfg.db")) : NULL;
    return db && file_exists(db) ? below : dir;
}

/* ---- opening ---- */

/* In RAM, with what the directory holds as far as it can be read. */
static bool open_memory(struct store *s, const char *why, struct err *err)
{
    enum db_trouble trouble;

    if (!db_open("cache in memory", DB_MEMORY, &s->db, &trouble, err) ||
        !store_make_tables(s->db, err))
        return false;
    s->in_memory = true;
    store_copy_disk(s);
    pthread_mutex_lock(&s->lock);
    s->status.degraded = true;
    snprintf(s->status.why, sizeof s->status.why, "%.*s", (int)sizeof s->status.why - 1, why);
    pthread_mutex_unlock(&s->lock);
    log_warn("StoreDegraded",
             "%s: the configuration is kept in memory only: make the directory writable for uid %u, "
             "or set cache.path",
             why, (unsigned)geteuid());
    return true;
}

static enum store_opened open_owner(struct store *s, struct store_holder *busy, struct err *err)
{
    struct err why;
    enum lock_result r = own(s, busy, &why);

    if (r == LOCK_HELD) {
        err_set(err, "cache.path: %s: held by process %ld", s->dir, busy->pid);
        return STORE_BUSY;
    }
    if (r == LOCK_TAKEN && store_open_disk(s, &why))
        return STORE_OPENED;
    if (s->memory_allowed && open_memory(s, why.text, err))
        return STORE_OPENED;
    *err = why;
    return STORE_FAILED;
}

static enum store_opened open_copy(struct store *s, struct err *err)
{
    enum db_trouble trouble;

    if (!db_open("cache in memory", DB_MEMORY, &s->db, &trouble, err) ||
        !store_make_tables(s->db, err))
        return STORE_FAILED;
    s->mode = STORE_OWNER;
    s->in_memory = s->is_copy = true;
    store_copy_disk(s);
    return STORE_OPENED;
}

static enum store_opened open_reader(struct store *s, struct err *err)
{
    struct arena a;
    enum db_trouble trouble;

    arena_init_growing(&a, 16 << 10);
    const char *found = store_locate(&a, s->dir);
    char *dir = strdup(found);
    arena_free(&a);
    if (!dir) {
        err_set(err, "out of memory");
        return STORE_FAILED;
    }
    free(s->dir);
    s->dir = dir;
    char *path = store_path(s, "cfg.db");
    bool ok = path && file_exists(path) && db_open(path, DB_READER, &s->db, &trouble, err);
    if (!ok && path && !file_exists(path))
        err_set(err, "cache %s: no configuration here yet", s->dir);
    else if (!ok)
        err_wrap(err, "cache %s", s->dir);
    free(path);
    return ok ? STORE_OPENED : STORE_FAILED;
}

enum store_opened store_open(const struct store_options *options, struct store **out,
                             struct store_holder *busy, struct err *err)
{
    struct store *s = calloc(1, sizeof *s);
    struct store_holder unasked;

    *out = NULL;
    if (!busy)
        busy = &unasked;
    memset(busy, 0, sizeof *busy);
    if (!s) {
        err_set(err, "out of memory");
        return STORE_FAILED;
    }
    pthread_mutex_init(&s->lock, NULL);
    s->owner_fd = -1;
    s->mode = options->mode;
    s->memory_allowed = options->memory;
    s->dir = strdup(options->dir);
    s->factory = options->factory ? strdup(options->factory) : NULL;
    enum store_opened r = STORE_FAILED;
    if (!s->dir || (options->factory && !s->factory))
        err_set(err, "out of memory");
    else
        r = s->mode == STORE_OWNER    ? open_owner(s, busy, err)
            : s->mode == STORE_READER ? open_reader(s, err)
                                      : open_copy(s, err);
    if (r != STORE_OPENED) {
        store_close(s);
        return r;
    }
    store_note_state(s);
    *out = s;
    return r;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->db && s->mode == STORE_OWNER && !s->in_memory)
        db_checkpoint(s->db, true);
    db_close(s->db);
    if (s->owner_fd >= 0)
        close(s->owner_fd); /* gives up the lock; the file stays, so that two starters meet at one
                               inode */
    pthread_mutex_destroy(&s->lock);
    free(s->dir);
    free(s->factory);
    free(s);
}

const char *store_dir(const struct store *s)
{
    return s->dir;
}
