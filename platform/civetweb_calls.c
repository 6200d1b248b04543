/* What civetweb.o calls and nothing of ours hangs on: its heap, socket calls that do nothing,
 * and what is never called in the way we use civetweb. The other half is civetweb_seam.c. */
#include "platform/civetweb_seam.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/base/compiler.h"
#include "platform/fiber.h"
#include "platform/log.h"

/* civetweb counts the requests of a connection in an int: a slot ends long before that is full. */
struct seam_options seam_options = { .heads_per_slot = 1u << 24 };

/* ---- memory: free lists of the thread, so that a request allocates nothing ---- */

#define CLASSES 8u /* 32 << class: up to 4 kB */
#define FREE_PER_CLASS 64u
#define NO_CLASS CLASSES

struct piece {
    size_t size; /* as asked for, or what the class has */
    size_t class;
    _Alignas(16) char bytes[];
};

struct free_piece {
    struct free_piece *next;
};

static _Thread_local struct { struct free_piece *first; unsigned count; } free_pieces[CLASSES];

static size_t class_for(size_t n)
{
    size_t class = 0;

    while (class < CLASSES && ((size_t)32 << class) < n)
        class++;
    return HOLDFAST_ASAN ? NO_CLASS : class; /* so that ASan sees each piece */
}

static void *new_piece(size_t n, size_t class, bool zeroed)
{
    if (class < NO_CLASS)
        n = (size_t)32 << class;
    if (n > SIZE_MAX - sizeof(struct piece))
        return NULL;
    /* A large one is zero as it comes, page by page when it is touched: the table of workers is
     * large. */
    struct piece *p = zeroed ? calloc(1, sizeof *p + n) : malloc(sizeof *p + n);
    if (!p)
        return NULL;
    p->size = n;
    p->class = class;
    return p->bytes;
}

static void *allocate(size_t n, bool zeroed)
{
    size_t class = class_for(n);

    if (class == NO_CLASS || !free_pieces[class].first)
        return new_piece(n, class, zeroed);
    void *p = free_pieces[class].first;
    free_pieces[class].first = free_pieces[class].first->next;
    free_pieces[class].count--;
    return zeroed ? memset(p, 0, n) : p;
}

void *seam_malloc(size_t n)
{
    return allocate(n, false);
}

void *seam_calloc(size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : allocate(n, true);
}

void seam_free(void *p)
{
    if (!p)
        return;
    struct piece *piece = CONTAINER_OF(p, struct piece, bytes);
    size_t class = piece->class;
    if (class == NO_CLASS || free_pieces[class].count >= FREE_PER_CLASS || !carrier_self()) {
        free(piece);
        return;
    }
    struct free_piece *f = p;
    f->next = free_pieces[class].first;
    free_pieces[class].first = f;
    free_pieces[class].count++;
}

void *seam_realloc(void *p, size_t n)
{
    size_t old = p ? CONTAINER_OF(p, struct piece, bytes)->size : 0;
    void *to = seam_malloc(n);

    if (!to)
        return NULL;
    if (old)
        memcpy(to, p, old < n ? old : n);
    seam_free(p);
    return to;
}

void seam_free_pieces(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        while (free_pieces[i].first) {
            struct free_piece *f = free_pieces[i].first;
            free_pieces[i].first = f->next;
            free(CONTAINER_OF((char *)f, struct piece, bytes));
        }
        free_pieces[i].count = 0;
    }
}

/* ---- sockets: what does nothing ---- */

int seam_bind(int fd, const struct sockaddr *addr, socklen_t n)
{
    return 0;
}

int seam_listen(int fd, int backlog)
{
    return 0;
}

int seam_shutdown(int fd, int how)
{
    return 0;
}

int seam_setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    return 0;
}

int seam_getsockopt(int fd, int level, int name, void *value, const socklen_t *n)
{
    memset(value, 0, *n);
    return 0;
}

int seam_getsockname(int fd, struct sockaddr *addr, socklen_t *n)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1) };
    size_t size = *n < sizeof a ? *n : sizeof a;

    memcpy(addr, &a, size);
    *n = sizeof a;
    return 0;
}

int seam_getnameinfo(const struct sockaddr *addr, socklen_t n, char *host, socklen_t host_n,
                     char *service, socklen_t service_n, int flags)
{
    if (host && host_n)
        snprintf(host, host_n, "0.0.0.0");
    return 0;
}

int seam_fcntl(int fd, int command, ...)
{
    return 0;
}

int seam_fcntl64(int fd, int command, ...)
{
    return 0;
}

/* ---- what is unreachable ---- */

static long unreachable(const char *name, long result)
{
    log_error("SeamUnreachable", "civetweb called %s", name);
    if (seam_options.strict)
        abort();
    errno = ENOSYS;
    return result;
}

/* civetweb passes arguments that these do not look at; integers and pointers return alike on our
 * targets. */
#define UNREACHABLE(name, result) \
    long seam_##name(void);       \
    long seam_##name(void)        \
    {                             \
        return unreachable(#name, result); \
    }

UNREACHABLE(__stat_time64, -1)
UNREACHABLE(access, -1)
UNREACHABLE(closedir, -1)
UNREACHABLE(connect, -1)
UNREACHABLE(fchmod, -1)
UNREACHABLE(fclose, -1)
UNREACHABLE(ferror, 1)
UNREACHABLE(fflush, -1)
UNREACHABLE(fgetc, -1)
UNREACHABLE(fgets, 0)
UNREACHABLE(fileno, -1)
UNREACHABLE(flockfile, 0)
UNREACHABLE(fopen, 0)
UNREACHABLE(fopen64, 0)
UNREACHABLE(fprintf, -1)
UNREACHABLE(fputc, -1)
UNREACHABLE(fputs, -1)
UNREACHABLE(fread, 0)
UNREACHABLE(freeaddrinfo, 0)
UNREACHABLE(fseeko, -1)
UNREACHABLE(fseeko64, -1)
UNREACHABLE(funlockfile, 0)
UNREACHABLE(fwrite, 0)
UNREACHABLE(getaddrinfo, -1)
UNREACHABLE(getpwnam, 0)
UNREACHABLE(mkdir, -1)
UNREACHABLE(opendir, 0)
UNREACHABLE(pclose, -1)
UNREACHABLE(popen, 0)
UNREACHABLE(puts, -1)
UNREACHABLE(readdir, 0)
UNREACHABLE(readdir64, 0)
UNREACHABLE(remove, -1)
UNREACHABLE(rename, -1)
UNREACHABLE(rmdir, -1)
UNREACHABLE(sendfile, -1)
UNREACHABLE(sendfile64, -1)
UNREACHABLE(setgid, -1)
UNREACHABLE(setgroups, -1)
UNREACHABLE(setuid, -1)
UNREACHABLE(stat, -1)
UNREACHABLE(stat64, -1)
