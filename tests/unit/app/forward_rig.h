/* What the tests of forwarding share: a scripted backend, a fake client, uploads. Included by one file of
 * each program. */
#ifndef TESTS_UNIT_APP_FORWARD_RIG_H
#define TESTS_UNIT_APP_FORWARD_RIG_H

#include "tests/unit/platform/fiber_rig.h"

#include <fcntl.h>
#include <poll.h>

#include "app/forward.h"
#include "platform/dns.h"
#include "platform/helper.h"
#include "tests/unit/app/fake_conn.h"
#include "tests/unit/platform/backend_rig.h"

static struct arena arena;
static struct backend backend;
static struct http1_target target;

struct run {
    void (*serve)(struct backend_conn *c);
    void (*test)(void);
};

static inline void set_target(unsigned port)
{
    struct err err;
    const struct http1_target_options o = { .host = SLICE("127.0.0.1"), .port = port };

    CHECK(http1_target_init(&target, &arena, &o, &err));
}

static inline void run_fiber(void *arg)
{
    const struct run *r = arg;

    arena_init_growing(&arena, 64u << 20);
    backend_start(&backend, r->serve, NULL);
    set_target(backend.port);
    r->test();
    http1_drop_idle();
    CHECK_INT(http1_counts().active, 0);
    CHECK_INT(block_taken(), 0);
    CHECK_INT(block_total_used(), 0);
    block_pool_drop();
    backend_stop(&backend);
    arena_free(&arena);
}

static inline void run_with(void (*serve)(struct backend_conn *c), void (*test)(void))
{
    struct run r = { serve, test };

    rig_run(run_fiber, &r);
}

static struct http_fields no_fields;
static const struct forward_options quick = { .connect_ms = 2000, .response_ms = 2000, .idle_ms = 2000,
                                              .send_ms = 2000, .body_ms = 2000 };

static inline struct forward_request request_of(struct conn *c)
{
    return (struct forward_request){ .method = c->head.method, .path = SLICE("/p"), .fields = &no_fields,
                                     .body = c->head.framing == HTTP_BODY_NONE ? FORWARD_BODY_NONE
                                                                               : FORWARD_BODY_STREAM };
}

static inline bool forward(struct forward *f, struct conn *c, const struct forward_request *rq)
{
    backend_sync();
    bool ok = forward_request(f, c, &target, rq, &quick, &arena);
    backend_sync();
    return ok;
}

/* Relay into the fake connection, as the request layer does. */
static inline bool relay(struct forward *f, struct conn *c)
{
    const struct conn_answer a = { .status = f->response.status, .framing = f->response.framing,
                                   .length = f->response.length, .fields = &f->response.fields };

    c->written = 0;
    return conn_answer_begin(c, &a) && forward_relay_body(f, c);
}

/* What the client has received so far. */
static inline size_t client_read(struct conn *c, char *out, size_t cap)
{
    ssize_t got = recv(c->client, out, cap - 1, MSG_DONTWAIT);

    out[got > 0 ? got : 0] = 0;
    return got > 0 ? (size_t)got : 0;
}

static inline void check_words(const struct forward *f, const char *words)
{
    if (!strstr(f->message, words))
        fprintf(stderr, "message: %s\n", f->message);
    CHECK(strstr(f->message, words) != NULL);
}

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello"

static char seen[70000]; /* by the backend: the last request head */

static inline void add(struct http_fields *f, const char *name, const char *value)
{
    CHECK(http_fields_add(f, slice_from(name), slice_from(value)));
}

/* ---- uploads ---- */

static uint64_t sum_seen, bytes_seen;

static inline void add_to_sum(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum_seen = sum_seen * 31 + (unsigned char)p[i];
    bytes_seen += n;
}

/* Takes a body of either framing and answers with its length and sum. */
static inline void count_body(struct backend_conn *c)
{
    char piece[4096], line[200];

    while (backend_head(c)) {
        snprintf(seen, sizeof seen, "%s", c->head);
        sum_seen = bytes_seen = 0;
        const char *length = strcasestr(c->head, "content-length: ");
        if (length) {
            for (size_t left = strtoul(length + 16, NULL, 10); left;) {
                size_t step = left < sizeof piece ? left : sizeof piece;
                if (!backend_body(c, step, piece))
                    return;
                add_to_sum(piece, step);
                left -= step;
            }
        } else if (strcasestr(c->head, "transfer-encoding: chunked")) {
            for (size_t size = 1; size;) {
                if (!backend_until(c, "\r\n", line, sizeof line))
                    return;
                size = strtoul(line, NULL, 16);
                for (size_t left = size; left;) {
                    size_t step = left < sizeof piece ? left : sizeof piece;
                    if (!backend_body(c, step, piece))
                        return;
                    add_to_sum(piece, step);
                    left -= step;
                }
                if (!backend_until(c, "\r\n", line, sizeof line) || strcmp(line, "\r\n"))
                    return;
            }
        }
        snprintf(line, sizeof line, "%ju %ju", (uintmax_t)bytes_seen, (uintmax_t)sum_seen);
        char answer[300];
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(line),
                 line);
        backend_say(c, answer);
    }
}

struct uploader {
    int fd;
    size_t bytes;
    bool chunked;
    unsigned pause_us;
    pthread_t thread;
    uint64_t sum;
};

static inline void push_all(int fd, const void *p, size_t n)
{
    const char *from = p;

    while (n) {
        ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        from += sent;
        n -= (size_t)sent;
    }
}

static inline void *upload_main(void *arg)
{
    struct uploader *u = arg;
    char piece[10000], line[32];
    size_t at = 0;

    while (at < u->bytes) {
        size_t step = at * 17 % sizeof piece + 1;
        if (step > u->bytes - at)
            step = u->bytes - at;
        for (size_t i = 0; i < step; i++) {
            piece[i] = (char)((at + i) * 13 + (at + i) / 997);
            u->sum = u->sum * 31 + (unsigned char)piece[i];
        }
        if (u->chunked) {
            snprintf(line, sizeof line, "%zx\r\n", step);
            push_all(u->fd, line, strlen(line));
        }
        push_all(u->fd, piece, step);
        if (u->chunked)
            push_all(u->fd, "\r\n", 2);
        at += step;
        if (u->pause_us)
            usleep(u->pause_us);
    }
    if (u->chunked)
        push_all(u->fd, "0\r\n\r\n", 5);
    return NULL;
}

static inline void start_upload(struct uploader *u, struct conn *c, size_t bytes, unsigned pause_us)
{
    *u = (struct uploader){ .fd = c->client, .bytes = bytes, .chunked = c->head.framing == HTTP_BODY_CHUNKED,
                            .pause_us = pause_us };
    pthread_create(&u->thread, NULL, upload_main, u);
}

/* Ends an upload that nobody reads to its end. The thread is done with its socket before that is closed. */
static inline void break_upload(struct uploader *u)
{
    shutdown(u->fd, SHUT_RDWR);
    pthread_join(u->thread, NULL);
}

static inline int rig_setup(void **state)
{
    (void)state;
    return helpers_start(2) ? 0 : -1;
}

static inline int rig_teardown(void **state)
{
    (void)state;
    helpers_stop();
    return 0;
}

#endif
