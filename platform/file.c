/* Files: whole reads, durable writes, directories. Every step that can fail is checked, close included.
 * Order of a durable write: temporary file in the same directory, its bytes fsynced, rename, directory
 * fsynced. */
#include "platform/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* ---- reading ---- */

static ssize_t read_some(int fd, char *p, size_t n)
{
    ssize_t got;

    do
        got = read(fd, p, n);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Read until the end or one byte more than max; files of /proc and pipes have no size to go by. */
static bool read_all(struct arena *a, int fd, const char *path, size_t max, size_t expected,
                     struct slice *out, struct err *err)
{
    size_t room = expected + 1, n = 0;
    char *p = arena_alloc_raw(a, room + 1);

    for (;;) {
        if (!p)
            return err_set(err, "%s: no room to read it: more than %zu bytes", path, room);
        ssize_t got = read_some(fd, p + n, room - n);
        if (got < 0)
            return err_errno(err, "%s: cannot read", path);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return err_set(err, "%s: larger than %zu bytes", path, max);
        if (n == room) {
            size_t more = room < max / 2 ? room * 2 + 4096 : max + 1;
            p = arena_grow(a, p, room + 1, more + 1);
            room = more;
        }
    }
    p[n] = '\0';
    *out = slice_of(p, n);
    return true;
}

bool file_read(struct arena *a, const char *path, size_t max, struct slice *out, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, "%s: cannot open", path);
    bool ok;
    if (fstat(fd, &st) != 0)
        ok = err_errno(err, "%s: cannot stat", path);
    else if (S_ISDIR(st.st_mode))
        ok = err_set(err, "%s: is a directory, a file is wanted", path);
    else if (st.st_size > 0 && (uint64_t)st.st_size > max)
        ok = err_set(err, "%s: %lld bytes, at most %zu are taken", path, (long long)st.st_size, max);
    else
        ok = read_all(a, fd, path, max, st.st_size > 0 ? (size_t)st.st_size : 0, out, err);
    close(fd);
    return ok;
}

/* ---- writing ---- */

static bool write_all(int fd, const char *path, struct slice data, struct err *err)
{
    while (data.n > 0) {
        ssize_t wrote = write(fd, data.p, data.n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return err_errno(err, "%s: cannot write", path);
        data = slice_skip(data, (size_t)wrote);
    }
    return true;
}

/* Create path anew with exactly this mode, whatever the umask, and bring its bytes to the disk. */
static bool write_synced(const char *path, struct slice data, mode_t mode, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_errno(err, "%s: cannot create", path);
    bool ok = write_all(fd, path, data, err);
    if (ok && fchmod(fd, mode) != 0)
        ok = err_errno(err, "%s: cannot set mode %o", path, (unsigned)mode);
    if (ok && fsync(fd) != 0)
        ok = err_errno(err, "%s: cannot fsync", path);
    if (close(fd) != 0 && ok)
        ok = err_errno(err, "%s: cannot close", path);
    if (!ok)
        unlink(path);
    return ok;
}

/* The directory that path is in: "." , "/" or what stands before the last slash. False: too long. */
static bool directory_of(const char *path, char out[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);

    if (n >= PATH_BYTES)
        return false;
    memcpy(out, slash ? path : ".", n);
    out[n] = '\0';
    return true;
}

static bool sync_directory_of(const char *path, struct err *err)
{
    char dir[PATH_BYTES];

    if (!directory_of(path, dir))
        return err_set(err, "%.100s...: path longer than %d bytes", path, PATH_BYTES);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "%s: cannot open the directory", dir);
    /* EINVAL: a file system that does not know fsync of a directory (some FUSE ones). */
    bool ok = fsync(fd) == 0 || errno == EINVAL || err_errno(err, "%s: cannot fsync the directory", dir);
    close(fd);
    return ok;
}

/* Unlike any other writer's name, of this process or another; a leftover of a crash never stands in the
 * way. */
static bool temporary_beside(const char *path, char out[PATH_BYTES])
{
    static atomic_uint counter;
    unsigned n = atomic_fetch_add(&counter, 1);

    return snprintf(out, PATH_BYTES, "%s.%ld-%u.tmp", path, (long)getpid(), n) < PATH_BYTES;
}

bool file_write_atomic(const char *path, struct slice data, mode_t mode, struct err *err)
{
    char temporary[PATH_BYTES];

    if (!temporary_beside(path, temporary))
        return err_set(err, "%.100s...: path longer than %d bytes", path, PATH_BYTES);
    unlink(temporary);
    if (!write_synced(temporary, data, mode, err))
        return false;
    if (rename(temporary, path) != 0) {
        err_errno(err, "%s: cannot rename %s to it", path, temporary);
        unlink(temporary);
        return false;
    }
    return sync_directory_of(path, err);
}

bool file_write_new(const char *path, struct slice data, mode_t mode, struct err *err)
{
    return write_synced(path, data, mode, err) && sync_directory_of(path, err);
}

/* ---- directories ---- */

static bool make_dir(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) == 0)
        return sync_directory_of(path, err);
    int saved = errno;
    if (file_is_dir(path))
        return true;
    errno = saved;
    if (saved == EEXIST)
        return err_set(err, "%s: exists and is no directory", path);
    return err_errno(err, "%s: cannot make the directory", path);
}

bool file_make_dirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_BYTES];
    size_t n = strlen(path);

    if (n == 0)
        return err_set(err, "an empty path is no directory");
    if (n >= PATH_BYTES)
        return err_set(err, "%.100s...: path longer than %d bytes", path, PATH_BYTES);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (!make_dir(part, mode, err))
            return false;
        part[i] = kept;
    }
    return true;
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

bool file_is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int compare_names(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool list_open(struct arena *a, DIR *dir, const char *path, struct slice **names, size_t *n,
                      struct err *err)
{
    size_t room = 0;
    const struct dirent *entry;

    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (*n == room) {
            size_t more = room ? room * 2 : 32;
            *names = arena_grow(a, *names, room * sizeof **names, more * sizeof **names);
            room = more;
        }
        if (!*names)
            return err_set(err, "%s: no room to list it: more than %zu names", path, *n);
        struct slice copy = arena_copy(a, slice_from(entry->d_name));
        if (!copy.p)
            return err_set(err, "%s: no room to list it: more than %zu names", path, *n);
        (*names)[(*n)++] = copy;
    }
    return errno == 0 || err_errno(err, "%s: cannot list", path);
}

bool file_list(struct arena *a, const char *path, struct slice **names, size_t *n, struct err *err)
{
    DIR *dir = opendir(path);

    *names = NULL;
    *n = 0;
    if (!dir)
        return err_errno(err, "%s: cannot list", path);
    bool ok = list_open(a, dir, path, names, n, err);
    closedir(dir);
    if (ok && *n > 1)
        qsort(*names, *n, sizeof **names, compare_names);
    return ok;
}

char *file_join(struct arena *a, const char *dir, struct slice name)
{
    size_t n = strlen(dir);

    while (n > 1 && dir[n - 1] == '/')
        n--;
    while (name.n > 0 && name.p[0] == '/')
        name = slice_skip(name, 1);
    const char *slash = n == 0 || dir[n - 1] == '/' ? "" : "/";
    return (char *)arena_printf(a, "%.*s%s%.*s", (int)n, dir, slash, SLICE_ARG(name)).p;
}
