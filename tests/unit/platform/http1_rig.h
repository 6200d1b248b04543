/* What the tests of the HTTP/1.1 client share: exchanges with a scripted backend, and checks of what came back. */
#ifndef TESTS_UNIT_PLATFORM_HTTP1_RIG_H
#define TESTS_UNIT_PLATFORM_HTTP1_RIG_H

#include "tests/unit/platform/fiber_rig.h"

#include "platform/block.h"
#include "platform/dns.h"
#include "platform/helper.h"
#include "platform/http1_client.h"
#include "tests/unit/platform/backend_rig.h"

struct got {
    bool ok;
    int status;
    enum http1_failure failure;
    char message[200];
    char *body;
    size_t n;
    bool reused;
    char value[64]; /* of the field X-Test */
};

static struct arena arena;

static inline struct http1_target target_at(uint16_t port)
{
    struct http1_target t;
    struct err err;
    const struct http1_target_options o = { .host = SLICE("127.0.0.1"), .port = port };

    CHECK(http1_target_init(&t, &arena, &o, &err));
    return t;
}

static inline bool send_all(struct http1_exchange *x, const char *text)
{
    size_t n = strlen(text), at = 0;

    while (at < n) {
        const struct iovec iov = { .iov_base = (char *)text + at, .iov_len = n - at };
        ssize_t sent = http1_send(x, &iov, 1);
        if (sent < 0)
            return false;
        if (sent == 0) {
            struct fiber_wait wait = { .kind = FIBER_WAIT_WRITE, .sock = http1_sock(x) };
            fiber_wait(&wait, 1, fiber_deadline_ms(5000));
        }
        at += (size_t)sent;
    }
    x->request_sent = true;
    return true;
}

static inline enum http1_step await_head(struct http1_exchange *x, uint64_t ms)
{
    uint64_t deadline = fiber_deadline_ms(ms);
    enum http1_step step;

    while ((step = http1_poll_head(x)) == HTTP1_MORE) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = http1_sock(x) };
        if (fiber_wait(&wait, 1, deadline) <= 0)
            return HTTP1_MORE;
    }
    return step;
}

static inline void read_body(struct http1_exchange *x, struct got *g)
{
    for (;;) {
        if (!http1_fill(x, 1, 2000))
            return;
        if (!x->body.n)
            break;
        g->body = realloc(g->body, g->n + x->body.n + 1);
        memcpy(g->body + g->n, x->body.p, x->body.n);
        g->n += x->body.n;
        g->body[g->n] = 0;
        x->body.p += x->body.n;
        x->body.n = 0;
    }
    g->ok = true;
}

static inline struct got exchange(const struct http1_target *t, const char *method, const char *request)
{
    struct http1_exchange x;
    struct got g = { 0 };

    if (http1_open(&x, t, slice_from(method), &arena, 2000, false)) {
        g.reused = x.reused;
        send_all(&x, request);
        if (await_head(&x, 3000) == HTTP1_HEAD) {
            struct slice v = http_fields_get(&x.head.fields, SLICE("X-Test"));
            g.status = x.head.status;
            snprintf(g.value, sizeof g.value, "%.*s", SLICE_ARG(v));
            read_body(&x, &g);
        }
    }
    g.failure = x.failure;
    snprintf(g.message, sizeof g.message, "%s", x.message);
    http1_close(&x);
    return g;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define GET "GET / HTTP/1.1\r\nHost: b\r\n\r\n"

static inline void check_body(struct got *g, int status, const char *body)
{
    CHECK(g->ok);
    CHECK_INT(g->failure, HTTP1_OK);
    CHECK_INT(g->status, status);
    CHECK_INT(g->n, strlen(body));
    if (g->n == strlen(body))
        CHECK(!memcmp(g->n ? g->body : "", body, g->n));
    free(g->body);
    g->body = NULL;
}

static inline void check_failed(struct got *g, enum http1_failure failure, const char *words)
{
    CHECK(!g->ok);
    CHECK_INT(g->failure, failure);
    if (!strstr(g->message, words))
        fprintf(stderr, "message: %s\n", g->message);
    CHECK(strstr(g->message, words) != NULL);
    free(g->body);
    g->body = NULL;
}

struct run {
    struct backend backend;
    void (*serve)(struct backend_conn *c);
    void (*client)(struct backend *b);
    void *arg;
};

static inline void run_fiber(void *arg)
{
    struct run *r = arg;

    arena_init_growing(&arena, 16u << 20);
    backend_start(&r->backend, r->serve, r->arg);
    r->client(&r->backend);
    http1_drop_idle();
    CHECK_INT(http1_counts().idle, 0);
    CHECK_INT(http1_counts().active, 0);
    CHECK_INT(block_taken(), 0);
    block_pool_drop();
    fiber_yield();
    backend_stop(&r->backend);
    arena_free(&arena);
}

static inline void run_with(void (*serve)(struct backend_conn *c), void (*client)(struct backend *b), void *arg)
{
    struct run r = { .serve = serve, .client = client, .arg = arg };

    rig_run(run_fiber, &r);
}

/* Every request gets the text that the test has set. */
static inline void say_the_same(struct backend_conn *c)
{
    while (backend_head(c))
        backend_say(c, c->backend->arg);
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
