/* A disk that loses power, fills up or breaks, under the files of one folder: this program's own
 * write, fsync, rename … stand before those of the C library, and of SQLite, which is linked into
 * it.
 *
 * A power cut: the process ends at the Nth operation; what was not synced by then is, write by
 * write, kept, undone, or turned into garbage, by dice. Names (create, rename, unlink) come back to
 * the state of some moment since their folder, or the file, was synced: a file system with a
 * journal keeps their order.
 *
 * Included by one test program: as a helper in the archive it would stand before the C library in
 * every test. */
#ifndef TESTS_DISK_RIG_H
#define TESTS_DISK_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum disk_fault {
    DISK_FINE,
    DISK_CUT, /* the process ends before operation `at` */
    DISK_EIO, /* operation `at` fails */
    DISK_ENOSPC,
    DISK_EIO_ON, /* it and all after it fail */
    DISK_ENOSPC_ON,
};

/* Before fork: memory for the log of operations, shared with the child. */
static void disk_setup(const char *folder);
/* In the child: from now on operations below the folder are counted and logged. */
static void disk_arm(enum disk_fault fault, uint32_t at);
/* In the parent, after the child's end: how many operations there were; forget them. */
static uint32_t disk_operations(void);
static void disk_forget(void);
/* In the parent: the power cut. seed 0: all that was not synced is lost. */
static void disk_lose(uint64_t seed);

#define OPERATIONS_MAX 20000
#define BYTES_MAX ((size_t)256 << 20)
#define NAME_MAX_ 600
#define SECTOR 512

enum operation_kind { WRITE, TRUNCATE, CREATE, RENAME, UNLINK };

/* One thing that is not on the medium until it is synced. old: the bytes that were there before. */
struct operation {
    enum operation_kind kind;
    bool synced;
    ino_t inode;
    char name[NAME_MAX_], to[NAME_MAX_];
    uint64_t offset;
    uint32_t length, old_length; /* written; of it existed before */
    uint64_t old_size;           /* of the file */
    size_t old_at;               /* in bytes */
    bool had_target;             /* RENAME, UNLINK: old bytes are those of the file that went */
};

static struct disk {
    char folder[NAME_MAX_];
    uint32_t count, logged;
    size_t used;
    struct operation operations[OPERATIONS_MAX];
} * disk;
static unsigned char *bytes;
static bool armed;
static enum disk_fault disk_fault;
static uint32_t disk_fault_at;

static void disk_setup(const char *folder)
{
    disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bytes = mmap(NULL, BYTES_MAX, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (disk == MAP_FAILED || bytes == MAP_FAILED)
        abort();
    snprintf(disk->folder, sizeof disk->folder, "%s/", folder);
}

static void disk_arm(enum disk_fault f, uint32_t at)
{
    disk_fault = f;
    disk_fault_at = at;
    armed = true;
}

static uint32_t disk_operations(void)
{
    return disk->count;
}

static void disk_forget(void)
{
    disk->count = disk->logged = 0;
    disk->used = 0;
}

/* ---- what counts ---- */

static bool is_ours(const char *path)
{
    size_t n = strlen(path);

    if (!armed || strncmp(path, disk->folder, strlen(disk->folder)) != 0)
        return false;
    /* Shared memory is not on the disk; the owner's file is a message. */
    return !(n > 4 && strcmp(path + n - 4, "-shm") == 0) &&
           !(n > 6 && strcmp(path + n - 6, "/owner") == 0);
}

static bool path_of(int fd, char out[NAME_MAX_])
{
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, NAME_MAX_ - 2);
    if (n <= 0)
        return false;
    out[n] = 0;
    return true;
}

static bool is_folder(const char *path)
{
    return strlen(path) + 1 == strlen(disk->folder) &&
           strncmp(path, disk->folder, strlen(path)) == 0;
}

/* Count an operation: 0, or the errno it fails with. */
static int count_operation(void)
{
    uint32_t n = disk->count++;

    if (disk_fault == DISK_CUT && n == disk_fault_at)
        syscall(SYS_exit_group, 99);
    bool once = n == disk_fault_at, on = n >= disk_fault_at;
    if ((disk_fault == DISK_EIO && once) || (disk_fault == DISK_EIO_ON && on))
        return EIO;
    if ((disk_fault == DISK_ENOSPC && once) || (disk_fault == DISK_ENOSPC_ON && on))
        return ENOSPC;
    return 0;
}

static struct operation *log_operation(enum operation_kind kind, const char *name)
{
    if (disk->logged == OPERATIONS_MAX)
        abort();
    struct operation *o = &disk->operations[disk->logged++];
    memset(o, 0, sizeof *o);
    o->kind = kind;
    snprintf(o->name, sizeof o->name, "%s", name);
    return o;
}

static void keep_old(struct operation *o, int fd, uint64_t offset, size_t n)
{
    if (disk->used + n > BYTES_MAX)
        abort();
    ssize_t got = n ? syscall(SYS_pread64, fd, bytes + disk->used, n, offset) : 0;
    o->old_at = disk->used;
    o->old_length = got > 0 ? (uint32_t)got : 0;
    disk->used += o->old_length;
}

static bool note_file(struct operation *o, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    o->inode = st.st_ino;
    o->old_size = (uint64_t)st.st_size;
    return true;
}

/* ---- the calls ---- */

static int64_t do_write(int fd, const void *p, size_t n, off_t offset)
{
    char path[NAME_MAX_];

    if (armed && path_of(fd, path) && is_ours(path)) {
        int failed = count_operation();
        /* A full disk takes what fits: half of it. */
        if (failed == ENOSPC && n > 1)
            n /= 2;
        else if (failed) {
            errno = failed;
            return -1;
        }
        int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        struct operation *o = log_operation(WRITE, path);
        o->offset = (uint64_t)offset;
        o->length = (uint32_t)n;
        if (reader >= 0 && note_file(o, reader))
            keep_old(o, reader, (uint64_t)offset, n);
        if (reader >= 0)
            syscall(SYS_close, reader);
    }
    return syscall(SYS_pwrite64, fd, p, n, offset);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    return (ssize_t)do_write(fd, p, n, offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t offset)
{
    return (ssize_t)do_write(fd, p, n, offset);
}

ssize_t write(int fd, const void *p, size_t n)
{
    char path[NAME_MAX_];

    if (armed && path_of(fd, path) && is_ours(path)) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        int64_t done = do_write(fd, p, n, at);
        if (done > 0)
            lseek(fd, at + done, SEEK_SET);
        return (ssize_t)done;
    }
    return syscall(SYS_write, fd, p, n);
}

static int do_truncate(int fd, off_t size)
{
    char path[NAME_MAX_];

    if (armed && path_of(fd, path) && is_ours(path)) {
        int failed = count_operation();
        if (failed == EIO) {
            errno = failed;
            return -1;
        }
        struct operation *o = log_operation(TRUNCATE, path);
        o->offset = (uint64_t)size;
        if (note_file(o, fd) && o->old_size > (uint64_t)size)
            keep_old(o, fd, (uint64_t)size, (size_t)(o->old_size - (uint64_t)size));
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size)
{
    return do_truncate(fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return do_truncate(fd, size);
}

static void mark_synced(const char *path, ino_t inode)
{
    bool folder = is_folder(path);

    for (uint32_t i = 0; i < disk->logged; i++) {
        struct operation *o = &disk->operations[i];
        bool names = o->kind == RENAME || o->kind == UNLINK || o->kind == CREATE;
        if (folder ? names : o->inode == inode && !(o->kind == RENAME || o->kind == UNLINK))
            o->synced = true;
    }
}

static int do_sync(int fd, long call)
{
    char path[NAME_MAX_];
    struct stat st;

    if (armed && path_of(fd, path) && (is_ours(path) || is_folder(path))) {
        int failed = count_operation();
        if (failed == EIO) {
            errno = failed;
            return -1;
        }
        if (fstat(fd, &st) == 0)
            mark_synced(path, st.st_ino);
    }
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

static void keep_file(struct operation *o, const char *path)
{
    struct stat st;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    o->had_target = fd >= 0 && fstat(fd, &st) == 0;
    if (o->had_target)
        keep_old(o, fd, 0, (size_t)st.st_size);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

int rename(const char *from, const char *to)
{
    if (is_ours(to)) {
        int failed = count_operation();
        if (failed) {
            errno = failed;
            return -1;
        }
        struct operation *o = log_operation(RENAME, from);
        snprintf(o->to, sizeof o->to, "%s", to);
        keep_file(o, to);
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    if (is_ours(path) && access(path, F_OK) == 0) {
        int failed = count_operation();
        if (failed == EIO) {
            errno = failed;
            return -1;
        }
        keep_file(log_operation(UNLINK, path), path);
    }
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

static int do_open(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && is_ours(path) && access(path, F_OK) != 0) {
        int failed = count_operation();
        if (failed) {
            errno = failed;
            return -1;
        }
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
        struct stat st;
        if (fd >= 0 && fstat(fd, &st) == 0)
            log_operation(CREATE, path)->inode = st.st_ino;
        return fd;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return do_open(path, flags, mode);
}

/* ---- the cut ---- */

static uint64_t dice;

static uint64_t roll(uint64_t n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % n;
}

static void put_back(const char *path, uint64_t offset, const unsigned char *p, size_t n)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (syscall(SYS_pwrite64, fd, p, n, offset) < 0)
        abort();
    syscall(SYS_close, fd);
}

static void resize(const char *path, uint64_t size)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (syscall(SYS_ftruncate, fd, size) < 0)
            abort();
        syscall(SYS_close, fd);
    }
}

static void put_file(const char *path, const unsigned char *p, size_t n)
{
    int fd =
        (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0)
        abort();
    if (n && syscall(SYS_pwrite64, fd, p, n, 0) < 0)
        abort();
    syscall(SYS_close, fd);
}

/* Sectors of an unsynced write that were being written when the power went. */
static void garble(const struct operation *o)
{
    unsigned char junk[SECTOR];

    for (uint32_t at = 0; at < o->length; at += SECTOR) {
        if (roll(2))
            continue;
        for (size_t i = 0; i < sizeof junk; i++)
            junk[i] = (unsigned char)roll(256);
        size_t n = o->length - at < SECTOR ? o->length - at : SECTOR;
        put_back(o->name, o->offset + at, junk, n);
    }
}

static void undo_data(const struct operation *o)
{
    if (o->kind == WRITE) {
        put_back(o->name, o->offset, bytes + o->old_at, o->old_length);
        if (o->offset + o->length > o->old_size)
            resize(o->name, o->old_size > o->offset + o->old_length ? o->old_size
                                                                    : o->offset + o->old_length);
        return;
    }
    resize(o->name, o->old_size);
    put_back(o->name, o->offset, bytes + o->old_at, o->old_length);
}

static void undo_name(const struct operation *o)
{
    if (o->kind == CREATE)
        syscall(SYS_unlinkat, AT_FDCWD, o->name, 0);
    else if (o->kind == UNLINK && o->had_target)
        put_file(o->name, bytes + o->old_at, o->old_length);
    else if (o->kind == RENAME) {
        syscall(SYS_renameat2, AT_FDCWD, o->to, AT_FDCWD, o->name, 0);
        if (o->had_target)
            put_file(o->to, bytes + o->old_at, o->old_length);
    }
}

static bool is_name(const struct operation *o)
{
    return o->kind == CREATE || o->kind == RENAME || o->kind == UNLINK;
}

/* Newest first, so that what is put back is what was there. Names: all unsynced ones from some
 * point on are undone. */
static void disk_lose(uint64_t seed)
{
    uint32_t names = 0, undone = 0;

    armed = false;
    dice = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (uint32_t i = 0; i < disk->logged; i++)
        names += is_name(&disk->operations[i]) && !disk->operations[i].synced;
    uint32_t wanted = seed ? (uint32_t)roll(names + 1) : names;
    for (uint32_t i = disk->logged; i-- > 0;) {
        const struct operation *o = &disk->operations[i];
        if (o->synced)
            continue;
        if (is_name(o)) {
            if (undone++ < wanted)
                undo_name(o);
            continue;
        }
        uint64_t fate = seed ? roll(3) : 0;
        if (fate == 0)
            undo_data(o);
        else if (fate == 1 && o->kind == WRITE)
            garble(o);
    }
}

#endif
