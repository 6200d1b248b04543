/* The repository directory. Names are safe on FAT, too; nothing is a link. */
#include "sync/repo_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform/file.h"

#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 100000000L
#define PATH_BYTES 4096

/* ---- paths ---- */

struct slice repo_latest_path(struct arena *a, const char *channel)
{
    return arena_printf(a, "%s/latest", channel);
}

struct slice repo_manifest_path(struct arena *a, const char *channel, int64_t seq)
{
    return arena_printf(a, "%s/m/%lld", channel, (long long)seq);
}

struct slice repo_pack_path(struct arena *a, const char *channel, int64_t seq)
{
    return arena_printf(a, "%s/p/%lld", channel, (long long)seq);
}

struct slice repo_object_path(struct arena *a, const struct tree_entry *e)
{
    char hex[2 * CRYPTO_SHA256_BYTES];

    crypto_hex(e->hash, CRYPTO_SHA256_BYTES, hex);
    return arena_printf(a, "o/%.2s/%.*s", hex, (int)sizeof hex, hex);
}

struct slice repo_root_path(struct arena *a, int64_t version)
{
    return arena_printf(a, "root/%lld", (long long)version);
}

static bool full_path(const struct repo *r, struct slice path, const char *suffix,
                      char out[PATH_BYTES], struct err *err)
{
    if (path.p &&
        snprintf(out, PATH_BYTES, "%s/%.*s%s", r->dir, SLICE_ARG(path), suffix) < PATH_BYTES)
        return true;
    return err_set(err, "%s: the path is too long", r->dir);
}

/* ---- the lock ---- */

static bool wait_for_lock(struct repo *r, struct err *err)
{
    const struct timespec pause = { 0, LOCK_PAUSE_NS };

    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_errno(err, "%s: cannot be locked", r->dir);
        nanosleep(&pause, NULL);
    }
    return err_set(err, "%s: another publisher is at work here", r->dir);
}

bool repo_open(struct repo *r, const char *dir, const char *channel, bool dry, struct err *err)
{
    char path[PATH_BYTES];

    *r = (struct repo){ .dir = dir, .channel = channel, .lock = -1, .dry = dry };
    if (dry)
        return true;
    if (!file_make_dirs(dir, 0755, err) || !full_path(r, SLICE("lock"), "", path, err))
        return false;
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (r->lock < 0)
        return err_errno(err, "%s: cannot be written", dir);
    return wait_for_lock(r, err);
}

void repo_close(struct repo *r)
{
    if (r->lock >= 0)
        close(r->lock);
    r->lock = -1;
}

/* ---- files ---- */

bool repo_read(const struct repo *r, struct arena *a, struct slice path, size_t max,
               struct slice *out, bool *present, struct err *err)
{
    char full[PATH_BYTES];

    *present = false;
    if (!full_path(r, path, "", full, err))
        return false;
    if (!file_exists(full))
        return true;
    *present = file_read(a, full, max, out, err);
    return *present;
}

static bool make_parent(const char *path, struct err *err)
{
    char parent[PATH_BYTES];
    const char *slash = strrchr(path, '/');

    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    return file_is_dir(parent) || file_make_dirs(parent, 0755, err);
}

static bool write_all(int fd, struct slice data)
{
    while (data.n) {
        ssize_t n = write(fd, data.p, data.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = slice_skip(data, (size_t)n);
    }
    return true;
}

static bool write_temporary(const char *path, struct slice data, bool durable, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write_all(fd, data) && (!durable || fsync(fd) == 0);

    if (!ok)
        err_errno(err, "%s: cannot write", path);
    if (fd >= 0 && close(fd) != 0 && ok)
        ok = err_errno(err, "%s: cannot write", path);
    if (!ok)
        unlink(path);
    return ok;
}

static bool write_file(struct repo *r, struct slice path, struct slice data, bool durable,
                       const struct timespec *mtime, struct err *err)
{
    char full[PATH_BYTES], temporary[PATH_BYTES];
    struct timespec times[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };

    r->files++;
    r->bytes += data.n;
    if (r->dry)
        return true;
    if (!full_path(r, path, "", full, err) || !full_path(r, path, ".tmp", temporary, err) ||
        !make_parent(full, err) || !write_temporary(temporary, data, durable, err))
        return false;
    if (mtime) {
        times[1] = *mtime;
        (void)utimensat(AT_FDCWD, temporary, times, 0); /* file systems without times */
    }
    if (rename(temporary, full) == 0)
        return true;
    err_errno(err, "%s: cannot be put in place", full);
    unlink(temporary);
    return false;
}

bool repo_write(struct repo *r, struct slice path, struct slice data, struct err *err)
{
    return write_file(r, path, data, false, NULL, err);
}

bool repo_sync(struct repo *r, struct err *err)
{
    if (r->dry)
        return true;
    /* One call for hundreds of objects; `latest` names them only after it. */
    if (syncfs(r->lock) == 0)
        return true;
    return err_errno(err, "%s: cannot be synced", r->dir);
}

bool repo_flip(struct repo *r, struct slice data, struct err *err)
{
    char path[PATH_BYTES], full[PATH_BYTES];
    struct stat st;
    struct timespec now, later;

    snprintf(path, sizeof path, "%s/latest", r->channel);
    if (!full_path(r, slice_from(path), "", full, err))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    bool same = stat(full, &st) == 0 && st.st_mtim.tv_sec >= now.tv_sec &&
                st.st_mtim.tv_sec - now.tv_sec < 3600;
    later = (struct timespec){ same ? st.st_mtim.tv_sec + 1 : 0, 0 };
    return write_file(r, slice_from(path), data, true, same ? &later : NULL, err) &&
           repo_sync(r, err);
}
