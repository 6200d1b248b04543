/* What the tests of the HTTP server share: a server on carriers of their own threads, and
 * clients that are plain blocking sockets in the test's thread. */
#ifndef TESTS_UNIT_PLATFORM_SERVER_RIG_H
#define TESTS_UNIT_PLATFORM_SERVER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "platform/civetweb_seam.h"
#include "platform/fiber.h"
#include "platform/helper.h"
#include "platform/http_server.h"

/* A test that waits longer than this has failed. */
#define RIG_SECONDS 20

static struct rig {
    struct http_server_options options;
    unsigned carriers;
    uint64_t drain_ms;
    pthread_t thread;
    sem_t started;
    unsigned port;
    struct inbox_item stop;
    bool running;
} rig;

static inline void rig_start_carrier(unsigned index, void *arg)
{
    struct err err;

    (void)arg;
    if (!http_server_start(&rig.options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    sem_post(&rig.started);
}

static inline void *rig_thread(void *arg)
{
    struct carriers_options o = { .count = rig.carriers, .on_start = rig_start_carrier };

    (void)arg;
    if (!carriers_run(&o))
        abort();
    return NULL;
}

/* Options that tests then change. */
static inline void rig_defaults(void)
{
    rig = (struct rig){ .carriers = 1, .drain_ms = 2000 };
    rig.options = (struct http_server_options){
        .limits = { .head_bytes = 32 * 1024, .target_bytes = 8 * 1024, .fields = 200 },
        .arena_bytes = 1 << 20,
        .max_connections = 1000,
        .max_tls_connections = 100,
        .max_requests = 64,
        .head_ms = 10000,
        .body_ms = 10000,
        .send_ms = 10000,
        .idle_ms = 10000,
        .handshake_ms = 10000,
    };
}

static inline void rig_run(void)
{
    pthread_attr_t attr;

    seam_options.strict = true;
    assert_true(helpers_start(2));
    sem_init(&rig.started, 0, 0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 8u << 20);
    assert_int_equal(pthread_create(&rig.thread, &attr, rig_thread, NULL), 0);
    pthread_attr_destroy(&attr);
    for (unsigned i = 0; i < rig.carriers; i++)
        sem_wait(&rig.started);
    rig.running = true;
}

static inline unsigned rig_listen(http_handler *handler)
{
    struct http_port p = { .setting = "test.port", .address = "127.0.0.1", .handler = handler };
    struct err err;

    assert_true(http_server_listen(&p, &err));
    rig.port = http_server_port(0);
    return rig.port;
}

/* One plain port on 127.0.0.1. */
static inline void rig_serve(http_handler *handler)
{
    rig_listen(handler);
    rig_run();
}

static inline void rig_drain(void *arg)
{
    (void)arg;
    http_server_drain(rig.drain_ms);
    carriers_stop();
}

static inline void rig_on_stop(struct inbox_item *item)
{
    (void)item;
    fiber_spawn("drain", rig_drain, NULL);
}

static inline void rig_begin_stop(void)
{
    rig.stop.run = rig_on_stop;
    carrier_post(carrier_at(0), &rig.stop);
}

static inline void rig_end_stop(void)
{
    pthread_join(rig.thread, NULL);
    helpers_stop();
    rig.running = false;
}

static inline void rig_stop(void)
{
    rig_begin_stop();
    rig_end_stop();
}

static inline int rig_teardown(void **state)
{
    (void)state;
    if (rig.running)
        rig_stop();
    return 0;
}

static inline int rig_setup(void **state)
{
    (void)state;
    rig_defaults();
    return 0;
}

/* Run fn(arg) on carrier 0, on its loop or as a fiber, and wait for its end. */
struct rig_call {
    struct inbox_item item;
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static inline void rig_call_now(void *arg)
{
    struct rig_call *call = arg;

    call->fn(call->arg);
    sem_post(&call->done);
}

static inline void rig_call_arrives(struct inbox_item *item)
{
    rig_call_now(CONTAINER_OF(item, struct rig_call, item));
}

static inline void rig_call_spawns(struct inbox_item *item)
{
    fiber_spawn("test", rig_call_now, CONTAINER_OF(item, struct rig_call, item));
}

static inline void rig_call(bool as_fiber, void (*fn)(void *arg), void *arg)
{
    struct rig_call call = { .item.run = as_fiber ? rig_call_spawns : rig_call_arrives,
                             .fn = fn,
                             .arg = arg };

    sem_init(&call.done, 0, 0);
    carrier_post(carrier_at(0), &call.item);
    sem_wait(&call.done);
}

/* ---- clients ---- */

static inline int dial(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port) };
    struct timeval limit = { .tv_sec = RIG_SECONDS };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    assert_true(fd >= 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static inline void put_n(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        assert_true(sent > 0);
        p += sent;
        n -= (size_t)sent;
    }
}

static inline void put_text(int fd, const char *text)
{
    put_n(fd, text, strlen(text));
}

struct reply {
    int status; /* 0: closed before an answer */
    char head[4096];
    char body[70000];
    size_t body_n;
    bool closes; /* Connection: close */
    bool ended;  /* the connection was closed behind it */
};

static inline ssize_t get_byte(int fd, char *c)
{
    ssize_t n = recv(fd, c, 1, 0);

    if (n < 0 && errno != ECONNRESET && errno != EPIPE)
        fail_msg("recv: %s", strerror(errno));
    return n;
}

static inline bool get_head(int fd, struct reply *r)
{
    size_t n = 0;

    memset(r, 0, sizeof *r);
    while (n < 4 || memcmp(r->head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n + 1 < sizeof r->head);
        if (get_byte(fd, r->head + n) <= 0) {
            r->ended = true;
            if (n > 0)
                fail_msg("cut head: %s", r->head);
            return false;
        }
        n++;
    }
    assert_int_equal(sscanf(r->head, "HTTP/1.1 %d", &r->status), 1);
    r->closes = strstr(r->head, "Connection: close\r\n") != NULL;
    return true;
}

static inline void get_n(int fd, struct reply *r, size_t n)
{
    assert_true(r->body_n + n < sizeof r->body);
    while (n-- > 0) {
        if (get_byte(fd, r->body + r->body_n) <= 0) {
            r->ended = true;
            return;
        }
        r->body_n++;
    }
}

static inline void get_chunks(int fd, struct reply *r)
{
    for (;;) {
        struct reply line = { 0 };
        while (line.body_n < 2 || line.body[line.body_n - 1] != '\n') {
            get_n(fd, &line, 1);
            if (line.ended) {
                r->ended = true;
                return;
            }
        }
        size_t n = strtoul(line.body, NULL, 16);
        get_n(fd, r, n);
        get_n(fd, &line, 2);
        if (n == 0)
            return;
    }
}

/* The next answer; method decides whether it has a body. */
static inline void get_reply_to(int fd, const char *method, struct reply *r)
{
    const char *length;

    if (!get_head(fd, r) || strcmp(method, "HEAD") == 0 || r->status == 204 || r->status == 304
        || r->status < 200)
        return;
    length = strstr(r->head, "Content-Length: ");
    if (strstr(r->head, "Transfer-Encoding: chunked\r\n"))
        get_chunks(fd, r);
    else if (length)
        get_n(fd, r, strtoul(length + 16, NULL, 10));
    else
        get_n(fd, r, sizeof r->body - 1);
    r->body[r->body_n] = 0;
}

static inline void get_reply(int fd, struct reply *r)
{
    get_reply_to(fd, "GET", r);
}

/* The server has closed, and said nothing more before. */
static inline void assert_closed(int fd)
{
    char c;
    ssize_t n = get_byte(fd, &c);

    if (n > 0)
        fail_msg("a byte where the end was awaited: %c", c);
}

/* Wait until *n is at least `least`. */
static inline void await_count(atomic_uint *n, unsigned least)
{
    for (int i = 0; i < RIG_SECONDS * 1000 && atomic_load(n) < least; i++)
        usleep(1000);
    assert_true(atomic_load(n) >= least);
}

#endif
