/* A scripted backend on a free loopback port: a thread per connection runs the test's own function on the
 * raw socket. */
#ifndef TESTS_UNIT_PLATFORM_BACKEND_RIG_H
#define TESTS_UNIT_PLATFORM_BACKEND_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKEND_CONNS 256

struct backend;

struct backend_conn {
    struct backend *backend;
    int fd;
    unsigned index; /* 0: the first connection ever */
    pthread_t thread;
    char buf[70000]; /* read but not taken */
    size_t n;
    char head[70000]; /* of the present request, zero-terminated */
};

struct backend {
    void (*serve)(struct backend_conn *c);
    void *arg;
    int listen_fd;
    uint16_t port;
    pthread_t thread;
    struct backend_conn *conns[BACKEND_CONNS];
    atomic_uint connections, requests;
};

/* What script and test share in memory is ordered by the sockets, which ThreadSanitizer does not see: both
 * also pass here. backend_head and backend_send do it for scripts. */
static inline void backend_sync(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

/* ---- for scripts ---- */

static inline bool backend_more(struct backend_conn *c)
{
    ssize_t got = recv(c->fd, c->buf + c->n, sizeof c->buf - c->n, 0);

    if (got > 0)
        c->n += (size_t)got;
    return got > 0;
}

static inline void backend_drop(struct backend_conn *c, size_t n)
{
    memmove(c->buf, c->buf + n, c->n - n);
    c->n -= n;
}

/* The next request head into c->head; false when the peer has closed. */
static inline bool backend_head(struct backend_conn *c)
{
    char *end;

    while (!(end = memmem(c->buf, c->n, "\r\n\r\n", 4)))
        if (!backend_more(c))
            return false;
    size_t n = (size_t)(end + 4 - c->buf);
    memcpy(c->head, c->buf, n);
    c->head[n] = 0;
    backend_drop(c, n);
    atomic_fetch_add(&c->backend->requests, 1);
    backend_sync();
    return true;
}

/* n bytes of body, to out unless NULL; false when the peer has closed. */
static inline bool backend_body(struct backend_conn *c, size_t n, char *out)
{
    while (n) {
        if (!c->n && !backend_more(c))
            return false;
        size_t step = c->n < n ? c->n : n;
        if (out) {
            memcpy(out, c->buf, step);
            out += step;
        }
        backend_drop(c, step);
        n -= step;
    }
    return true;
}

/* Everything up to and with `mark`, to out (zero-terminated). */
static inline bool backend_until(struct backend_conn *c, const char *mark, char *out, size_t cap)
{
    char *at;

    while (!(at = memmem(c->buf, c->n, mark, strlen(mark))))
        if (!backend_more(c))
            return false;
    size_t n = (size_t)(at - c->buf) + strlen(mark);
    if (n >= cap)
        return false;
    memcpy(out, c->buf, n);
    out[n] = 0;
    backend_drop(c, n);
    return true;
}

static inline bool backend_send(struct backend_conn *c, const void *p, size_t n)
{
    const char *from = p;

    backend_sync();
    while (n) {
        ssize_t sent = send(c->fd, from, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        from += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool backend_say(struct backend_conn *c, const char *text)
{
    return backend_send(c, text, strlen(text));
}

/* The connection ends in RST instead of FIN. */
static inline void backend_reset(struct backend_conn *c)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static inline bool backend_head_has(const struct backend_conn *c, const char *text)
{
    return strstr(c->head, text) != NULL;
}

/* ---- for tests ---- */

static inline void *backend_conn_main(void *arg)
{
    struct backend_conn *c = arg;

    c->backend->serve(c);
    close(c->fd);
    return NULL;
}

static inline void *backend_main(void *arg)
{
    struct backend *b = arg;
    int fd, one = 1;

    while ((fd = accept(b->listen_fd, NULL, NULL)) >= 0) {
        unsigned i = atomic_load(&b->connections);
        if (i >= BACKEND_CONNS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct backend_conn *c = calloc(1, sizeof *c);
        c->backend = b;
        c->fd = fd;
        c->index = i;
        b->conns[i] = c;
        atomic_store(&b->connections, i + 1);
        pthread_create(&c->thread, NULL, backend_conn_main, c);
    }
    return NULL;
}

static inline void backend_start(struct backend *b, void (*serve)(struct backend_conn *c), void *arg)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;

    memset(b, 0, sizeof *b);
    b->serve = serve;
    b->arg = arg;
    b->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(b->listen_fd, (struct sockaddr *)&a, sizeof a) || listen(b->listen_fd, 64) ||
        getsockname(b->listen_fd, (struct sockaddr *)&a, &size))
        abort();
    b->port = ntohs(a.sin_port);
    pthread_create(&b->thread, NULL, backend_main, b);
}

/* Call it when the client's connections are closed: the scripts end by themselves then. */
static inline void backend_stop(struct backend *b)
{
    shutdown(b->listen_fd, SHUT_RDWR);
    pthread_join(b->thread, NULL);
    close(b->listen_fd);
    for (unsigned i = 0; i < atomic_load(&b->connections); i++) {
        pthread_join(b->conns[i]->thread, NULL);
        free(b->conns[i]);
    }
}

#endif
