/* platform/http1_client: pools, framing, cut and lying responses, against a scripted backend. */
#include "tests/unit/platform/fiber_rig.h"

#include "platform/block.h"
#include "platform/dns.h"
#include "platform/helper.h"
#include "platform/http1_client.h"
#include "tests/unit/platform/backend_rig.h"

/* ---- what the tests share ---- */

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

static struct http1_target target_at(uint16_t port)
{
    struct http1_target t;
    struct err err;
    const struct http1_target_options o = { .host = SLICE("127.0.0.1"), .port = port };

    CHECK(http1_target_init(&t, &arena, &o, &err));
    return t;
}

static bool send_all(struct http1_exchange *x, const char *text)
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

static enum http1_step await_head(struct http1_exchange *x, uint64_t ms)
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

static void read_body(struct http1_exchange *x, struct got *g)
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

static struct got exchange(const struct http1_target *t, const char *method, const char *request)
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

static void check_body(struct got *g, int status, const char *body)
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

static void check_failed(struct got *g, enum http1_failure failure, const char *words)
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

static void run_fiber(void *arg)
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

static void run_with(void (*serve)(struct backend_conn *c), void (*client)(struct backend *b), void *arg)
{
    struct run r = { .serve = serve, .client = client, .arg = arg };

    rig_run(run_fiber, &r);
}

/* Every request gets the text that the test has set. */
static void say_the_same(struct backend_conn *c)
{
    while (backend_head(c))
        backend_say(c, c->backend->arg);
}

/* ---- targets ---- */

static void targets(void **state)
{
    (void)state;
    struct arena a;
    struct http1_target t, u;
    struct err err;
    struct http1_target_options o = { .host = SLICE("Backend.Example") };

    arena_init_growing(&a, 1 << 20);
    assert_true(http1_target_init(&t, &a, &o, &err));
    assert_true(slice_eq(t.host, SLICE("backend.example")));
    assert_true(slice_eq(t.authority, SLICE("backend.example")));
    assert_int_equal(t.port, 80);
    assert_null(t.tls_name);
    o.port = 8080;
    assert_true(http1_target_init(&u, &a, &o, &err));
    assert_true(slice_eq(u.authority, SLICE("backend.example:8080")));
    assert_int_not_equal(t.hash, u.hash);
    o.tls = true;
    o.port = 0;
    assert_true(http1_target_init(&u, &a, &o, &err));
    assert_int_equal(u.port, 443);
    assert_true(slice_eq(u.authority, SLICE("backend.example")));
    assert_string_equal(u.tls_name, "backend.example");
    o.tls_name = SLICE("other.example");
    assert_true(http1_target_init(&t, &a, &o, &err));
    assert_string_equal(t.tls_name, "other.example");
    assert_int_not_equal(t.hash, u.hash);
    o = (struct http1_target_options){ .host = SLICE("[::1]"), .port = 81 };
    assert_true(http1_target_init(&t, &a, &o, &err));
    assert_true(slice_eq(t.host, SLICE("::1")));
    assert_true(slice_eq(t.authority, SLICE("[::1]:81")));
    static const char *const bad[] = { "", "a b", "a/b", "a\r\nb", "user@host",
                                       "a:b", "[::1", "[]", "h\xc3\xa4" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        o = (struct http1_target_options){ .host = slice_from(bad[i]) };
        assert_false(http1_target_init(&t, &a, &o, &err));
    }
    o = (struct http1_target_options){ .host = SLICE("a"), .port = 65536 };
    assert_false(http1_target_init(&t, &a, &o, &err));
    arena_free(&a);
}

/* ---- keep-alive ---- */

static void reuse_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_counts before = http1_counts();

    for (int i = 0; i < 20; i++) {
        struct got g = exchange(&t, "GET", GET);
        CHECK_INT(g.reused, i > 0);
        CHECK(!strcmp(g.value, "yes"));
        check_body(&g, 200, "hello");
    }
    CHECK_INT(atomic_load(&b->connections), 1);
    CHECK_INT(atomic_load(&b->requests), 20);
    CHECK_INT(http1_counts().opened - before.opened, 1);
    CHECK_INT(http1_counts().reused - before.reused, 19);
    CHECK_INT(http1_counts().idle, 1);
}

static void connections_are_reused(void **state)
{
    (void)state;
    run_with(say_the_same, reuse_client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Test: yes\r\n\r\nhello");
}

static void keys_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_target other = t;
    struct got g = exchange(&t, "GET", GET);

    check_body(&g, 200, "");
    /* Same hash, other host: a collision must not share a connection. */
    other.host = SLICE("127.0.0.2");
    g = exchange(&other, "GET", GET);
    CHECK(!g.reused);
    free(g.body);
    g = exchange(&t, "GET", GET);
    CHECK(g.reused);
    check_body(&g, 200, "");
}

static void targets_do_not_share_connections(void **state)
{
    (void)state;
    run_with(say_the_same, keys_client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void never_reused_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 3; i++) {
        struct got g = exchange(&t, "GET", GET);
        CHECK(!g.reused);
        free(g.body);
        CHECK_INT(http1_counts().idle, 0);
    }
}

static void say_and_close(struct backend_conn *c)
{
    if (backend_head(c))
        backend_say(c, c->backend->arg);
}

static void not_reused_when_a_side_wants_close(void **state)
{
    (void)state;
    run_with(say_the_same, never_reused_client,
             "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    run_with(say_the_same, never_reused_client, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    run_with(say_and_close, never_reused_client, "HTTP/1.1 200 OK\r\n\r\nok");
}

static void timeout_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct got g = exchange(&t, "GET", GET);

    check_body(&g, 200, "");
    fiber_sleep_until(fiber_deadline_ms(1300)); /* its 2 seconds less one */
    g = exchange(&t, "GET", GET);
    CHECK(!g.reused);
    check_body(&g, 200, "");
    g = exchange(&t, "GET", GET);
    CHECK(g.reused);
    check_body(&g, 200, "");
}

static void keep_alive_timeout_of_the_backend_counts(void **state)
{
    (void)state;
    run_with(say_the_same, timeout_client,
             "HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=2\r\nContent-Length: 0\r\n\r\n");
    run_with(say_the_same, never_reused_client,
             "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n");
}

static void serve_once_then_close(struct backend_conn *c)
{
    if (backend_head(c))
        backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    usleep(20000);
}

static void dropped_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 3; i++) {
        struct got g = exchange(&t, "GET", GET);
        CHECK(!g.reused);
        check_body(&g, 200, "ok");
        CHECK_INT(http1_counts().idle, 1);
        fiber_sleep_until(fiber_deadline_ms(60));
        CHECK_INT(http1_counts().idle, 0);
    }
}

static void closed_idle_connections_are_dropped(void **state)
{
    (void)state;
    run_with(serve_once_then_close, dropped_client, NULL);
}

static void serve_then_talk(struct backend_conn *c)
{
    if (backend_head(c))
        backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    usleep(20000);
    backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    backend_more(c);
}

static void bytes_on_an_idle_connection_close_it(void **state)
{
    (void)state;
    run_with(serve_then_talk, dropped_client, NULL);
}

static void stale_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_exchange x;
    struct got g = exchange(&t, "GET", GET);

    check_body(&g, 200, "ok");
    CHECK(http1_open(&x, &t, SLICE("GET"), &arena, 2000, false));
    CHECK(x.reused);
    usleep(60000); /* the backend closes meanwhile; the loop has not seen it */
    send_all(&x, GET);
    CHECK_INT(await_head(&x, 1000), HTTP1_FAILED);
    CHECK(http1_was_stale(&x));
    CHECK_INT(x.failure, HTTP1_CLOSED);
    http1_close(&x);
    CHECK(http1_open(&x, &t, SLICE("GET"), &arena, 2000, true));
    CHECK(!x.reused);
    send_all(&x, GET);
    CHECK_INT(await_head(&x, 1000), HTTP1_HEAD);
    http1_close(&x);
}

static void a_stale_connection_is_told_apart(void **state)
{
    (void)state;
    run_with(serve_once_then_close, stale_client, NULL);
}

/* ---- responses split at every byte ---- */

struct split {
    const char *response;
    size_t at;
};

static void serve_split(struct backend_conn *c)
{
    const struct split *s = c->backend->arg;

    while (backend_head(c)) {
        backend_send(c, s->response, s->at);
        usleep(300);
        backend_say(c, s->response + s->at);
    }
}

static const char *split_body;

static void split_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct split *s = b->arg;
    size_t n = strlen(s->response);

    for (s->at = 1; s->at < n; s->at++) {
        struct arena_mark mark = arena_mark(&arena);
        struct got g = exchange(&t, "GET", GET);
        CHECK_INT(g.reused, s->at > 1);
        check_body(&g, 200, split_body);
        arena_reset(&arena, mark);
    }
    CHECK_INT(atomic_load(&b->connections), 1);
}

static void responses_split_at_every_byte(void **state)
{
    (void)state;
    struct split s = { .response = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX-Test: a\r\n\r\nhello world" };

    split_body = "hello world";
    run_with(serve_split, split_client, &s);
    s.response = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5;x=y\r\nhello\r\n0006\r\n world\r\n0\r\nTrailer: dropped\r\n\r\n";
    run_with(serve_split, split_client, &s);
}

static void serve_bytes(struct backend_conn *c)
{
    const char *text = c->backend->arg;

    while (backend_head(c))
        for (size_t i = 0; text[i]; i++) {
            backend_send(c, text + i, 1);
            usleep(50);
        }
}

static void bytewise_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 3; i++) {
        struct got g = exchange(&t, "GET", GET);
        check_body(&g, 200, "hello world");
    }
}

static void responses_byte_by_byte(void **state)
{
    (void)state;
    run_with(serve_bytes, bytewise_client,
             CHUNKED "b\r\nhello world\r\n0\r\n\r\n");
}

/* ---- kinds of bodies ---- */

static void bodiless_client(struct backend *b)
{
    static const char *const methods[] = { "HEAD", "HEAD", "GET", "GET" };
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 4; i++) {
        char request[64];
        snprintf(request, sizeof request, "%s /%d HTTP/1.1\r\nHost: b\r\n\r\n", methods[i], i);
        struct got g = exchange(&t, methods[i], request);
        CHECK(g.ok);
        CHECK_INT(g.n, 0);
        CHECK_INT(g.reused, i > 0);
    }
    CHECK_INT(atomic_load(&b->connections), 1);
}

static void serve_bodiless(struct backend_conn *c)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        CHUNKED,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(answers) && backend_head(c); i++)
        backend_say(c, answers[i]);
    backend_head(c);
}

static void head_204_and_304_have_no_body(void **state)
{
    (void)state;
    run_with(serve_bodiless, bodiless_client, NULL);
}

static void head_with_body_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 2; i++) {
        struct got g = exchange(&t, "HEAD", "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n");
        CHECK(g.ok);
        CHECK(!g.reused);
        CHECK_INT(g.n, 0);
    }
}

static void a_body_after_head_only_costs_the_connection(void **state)
{
    (void)state;
    run_with(say_the_same, head_with_body_client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

#define BIG_BYTES (3u * 1000 * 1000 + 17)

static char big_byte(size_t i)
{
    return (char)(i * 7 + i / 1021);
}

static void serve_big(struct backend_conn *c)
{
    char *big = malloc(BIG_BYTES), line[64];

    for (size_t i = 0; i < BIG_BYTES; i++)
        big[i] = big_byte(i);
    for (unsigned k = 0; backend_head(c); k++) {
        if (k % 2 == 0) {
            snprintf(line, sizeof line, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BIG_BYTES);
            backend_say(c, line);
            backend_send(c, big, BIG_BYTES);
            continue;
        }
        backend_say(c, CHUNKED);
        for (size_t at = 0, step; at < BIG_BYTES; at += step) {
            step = (at * 31) % 40000 + 1;
            if (step > BIG_BYTES - at)
                step = BIG_BYTES - at;
            snprintf(line, sizeof line, "%zX\r\n", step);
            backend_say(c, line);
            backend_send(c, big + at, step);
            backend_say(c, "\r\n");
        }
        backend_say(c, "0\r\n\r\n");
    }
    free(big);
}

static void big_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int k = 0; k < 4; k++) {
        struct got g = exchange(&t, "GET", GET);
        size_t wrong = 0;
        CHECK(g.ok);
        CHECK_INT(g.n, BIG_BYTES);
        for (size_t i = 0; i < g.n; i++)
            wrong += g.body[i] != big_byte(i);
        CHECK_INT(wrong, 0);
        CHECK_INT(g.reused, k > 0);
        free(g.body);
    }
}

static void large_bodies_by_length_and_chunks(void **state)
{
    (void)state;
    run_with(serve_big, big_client, NULL);
}

static void least_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_exchange x;

    CHECK(http1_open(&x, &t, SLICE("GET"), &arena, 2000, false));
    CHECK(send_all(&x, GET));
    CHECK_INT(await_head(&x, 1000), HTTP1_HEAD);
    CHECK(http1_fill(&x, 8192, 1000));
    CHECK(x.body.n >= 8192);
    CHECK(!x.body_ended);
    /* What is not taken stays; a full block is as much as there can be. */
    x.body.p += 100;
    x.body.n -= 100;
    CHECK(http1_fill(&x, BLOCK_BYTES, 1000));
    CHECK_INT(x.body.n, BLOCK_BYTES);
    CHECK(http1_fill(&x, BLOCK_BYTES + 1, 1000));
    CHECK_INT(x.body.n, BLOCK_BYTES);
    CHECK_INT((unsigned char)x.body.p[0], (unsigned char)big_byte(100));
    CHECK_INT(block_taken(), 1);
    http1_close(&x);
    CHECK_INT(block_taken(), 0);
    CHECK_INT(http1_counts().idle, 0);
}

static void filling_collects_what_is_asked_for(void **state)
{
    (void)state;
    run_with(serve_big, least_client, NULL);
}

static void large_head_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    for (int i = 0; i < 2; i++) {
        struct got g = exchange(&t, "GET", GET);
        CHECK_INT(g.reused, i > 0);
        check_body(&g, 200, "hello");
    }
}

static char *head_of(size_t bytes, const char *before)
{
    char *text = malloc(bytes + 256), *p = text;

    p += sprintf(p, "%sHTTP/1.1 200 OK\r\nContent-Length: 5\r\n", before);
    for (int i = 0; (size_t)(p - text) < bytes; i++) {
        size_t value = bytes - (size_t)(p - text);
        value = value > 1000 ? 1000 : value;
        p += sprintf(p, "X-%d: ", i);
        memset(p, 'v', value);
        p += value;
        p += sprintf(p, "\r\n");
    }
    strcpy(p, "\r\nhello");
    return text;
}

static void too_large_head_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct got g = exchange(&t, "GET", GET);

    check_failed(&g, HTTP1_PROTOCOL, "head");
}

static void heads_up_to_the_limit(void **state)
{
    (void)state;
    char *text = head_of(16000, "");

    run_with(say_the_same, large_head_client, text);
    free(text);
    text = head_of(30000, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    run_with(say_the_same, large_head_client, text);
    free(text);
    text = head_of(33000, "");
    run_with(say_the_same, too_large_head_client, text);
    free(text);
}

/* ---- cut and lying responses ---- */

struct lie {
    const char *response;
    enum http1_failure failure;
    const char *words;
};

static void serve_lie(struct backend_conn *c)
{
    const struct lie *lie = c->backend->arg;

    if (!backend_head(c))
        return;
    backend_say(c, lie->response);
}

static void lie_client(struct backend *b)
{
    const struct lie *lie = b->arg;
    struct http1_target t = target_at(b->port);
    struct got g = exchange(&t, "GET", GET);

    if (g.ok)
        fprintf(stderr, "believed: %s\n", lie->response);
    check_failed(&g, lie->failure, lie->words);
    CHECK_INT(http1_counts().idle, 0);
}

static void cut_and_lying_responses(void **state)
{
    (void)state;
    static const struct lie lies[] = {
        { "", HTTP1_CLOSED, "no response head" },
        { "HTTP/1.1 200 OK\r\nContent-Le", HTTP1_PROTOCOL, "no response head" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", HTTP1_PROTOCOL, "5 of 10 bytes are missing" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello", HTTP1_PROTOCOL, "beyond its end" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello", HTTP1_PROTOCOL, "beyond its end" },
        { CHUNKED "5\r\nhello\r\n", HTTP1_PROTOCOL, "no last chunk" },
        { CHUNKED "5\r\nhel", HTTP1_PROTOCOL, "no last chunk" },
        { CHUNKED "5\r\nhello0\r\n\r\n", HTTP1_PROTOCOL, "malformed chunk" },
        { CHUNKED "xyz\r\n", HTTP1_PROTOCOL, "malformed chunk" },
        { CHUNKED "-5\r\nhello\r\n", HTTP1_PROTOCOL, "malformed chunk" },
        { CHUNKED "5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
          HTTP1_PROTOCOL, "beyond its end" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
          HTTP1_PROTOCOL, "malformed response" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
          HTTP1_PROTOCOL, "malformed response" },
        { "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", HTTP1_PROTOCOL, "malformed response" },
        { "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", HTTP1_PROTOCOL, "malformed response" },
        { "ICY 200 OK\r\n\r\n", HTTP1_PROTOCOL, "malformed response" },
        { "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
          HTTP1_PROTOCOL, "101" },
    };

    for (size_t i = 0; i < COUNT_OF(lies); i++)
        run_with(serve_lie, lie_client, (void *)&lies[i]);
}

static void many_interims(struct backend_conn *c)
{
    if (!backend_head(c))
        return;
    for (unsigned i = 0; i <= HTTP1_INTERIM_MAX; i++)
        backend_say(c, "HTTP/1.1 102 Processing\r\n\r\n");
    backend_more(c);
}

static void interims_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct got g = exchange(&t, "GET", GET);

    check_failed(&g, HTTP1_PROTOCOL, "interim");
}

static void endless_interim_responses(void **state)
{
    (void)state;
    run_with(many_interims, interims_client, NULL);
}

static void reset_in_body(struct backend_conn *c)
{
    if (!backend_head(c))
        return;
    backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    usleep(20000);
    backend_reset(c);
}

static void reset_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct got g = exchange(&t, "GET", GET);

    check_failed(&g, HTTP1_PROTOCOL, "reset");
}

static void a_reset_in_the_body(void **state)
{
    (void)state;
    run_with(reset_in_body, reset_client, NULL);
}

static void silent(struct backend_conn *c)
{
    while (backend_head(c))
        backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}

static void silent_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_exchange x;

    CHECK(http1_open(&x, &t, SLICE("GET"), &arena, 2000, false));
    CHECK(send_all(&x, GET));
    CHECK_INT(await_head(&x, 1000), HTTP1_HEAD);
    CHECK(!http1_fill(&x, 10, 50));
    CHECK_INT(x.failure, HTTP1_TIMEOUT);
    CHECK(strstr(x.message, "response body: timed out") != NULL);
    http1_close(&x);
}

static void silence_in_the_body(void **state)
{
    (void)state;
    run_with(silent, silent_client, NULL);
}

/* ---- connecting ---- */

static void refused_client(struct backend *b)
{
    struct http1_target t = target_at(1); /* tcpmux: nobody is there */
    struct got g = exchange(&t, "GET", GET);

    (void)b;
    check_failed(&g, HTTP1_CONNECT, "127.0.0.1:1: connect: Connection refused");
}

static void refused(void **state)
{
    (void)state;
    run_with(say_the_same, refused_client, "");
}

static void full_queue_client(struct backend *b)
{
    /* A listener whose queue is full drops SYNs: connecting takes for ever. */
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fds[8], listener = socket(AF_INET, SOCK_STREAM, 0);
    struct http1_exchange x;

    (void)b;
    CHECK_INT(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(listener, 0), 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fds[i], (struct sockaddr *)&a, sizeof a);
    }
    struct http1_target t = target_at(ntohs(a.sin_port));
    uint64_t began = fiber_now();
    CHECK(!http1_open(&x, &t, SLICE("GET"), &arena, 100, false));
    CHECK_INT(x.failure, HTTP1_CONNECT);
    CHECK(strstr(x.message, "connect: timed out") != NULL);
    CHECK(fiber_now() - began < 2000 * NS_PER_MS);
    http1_close(&x);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    close(listener);
}

static void connecting_times_out(void **state)
{
    (void)state;
    run_with(say_the_same, full_queue_client, "");
}

static int two_addresses(const char *name, struct dns_addresses *out)
{
    (void)name;
    /* Nobody listens on the first. */
    dns_literal(SLICE("127.0.0.99"), 0, &out->v[0]);
    dns_literal(SLICE("127.0.0.1"), 0, &out->v[1]);
    out->n = 2;
    return 0;
}

static void second_address_client(struct backend *b)
{
    struct http1_target t;
    struct err err;
    const struct http1_target_options o = { .host = SLICE("two.example"), .port = b->port };
    struct dns_addresses list;

    dns_set_resolver(two_addresses);
    CHECK(http1_target_init(&t, &arena, &o, &err));
    struct got g = exchange(&t, "GET", GET);
    check_body(&g, 200, "");
    /* The one that worked is tried first from now on. */
    CHECK(dns_resolve(t.host, 80, fiber_deadline_ms(100), &list, &err));
    CHECK_INT(ntohl(list.v[0].v4.sin_addr.s_addr), INADDR_LOOPBACK);
    dns_set_resolver(NULL);
    dns_drop();
}

static void the_next_address_is_tried(void **state)
{
    (void)state;
    run_with(say_the_same, second_address_client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void waiting_fiber(void *arg)
{
    struct http1_exchange *x = arg;

    CHECK(!http1_fill(x, 10, 5000));
    CHECK_INT(x->failure, HTTP1_CANCELED);
    http1_close(x);
    x->target = NULL;
}

static void cancel_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);
    struct http1_exchange x;

    CHECK(http1_open(&x, &t, SLICE("GET"), &arena, 2000, false));
    CHECK(send_all(&x, GET));
    CHECK_INT(await_head(&x, 1000), HTTP1_HEAD);
    struct fiber *f = fiber_spawn("waiting", waiting_fiber, &x);
    rig_turns(3);
    fiber_cancel(f);
    rig_turns(3);
    CHECK(!x.target);
    CHECK_INT(http1_counts().active, 0);
}

static void cancelling(void **state)
{
    (void)state;
    run_with(silent, cancel_client, NULL);
}

/* ---- bounds ---- */

#define CROWD (HTTP1_IDLE_PER_TARGET + 10)
static unsigned crowd_done;

static void one_of_the_crowd(void *arg)
{
    struct got g = exchange(arg, "GET", GET);

    check_body(&g, 200, "ok");
    crowd_done++;
}

static void serve_late(struct backend_conn *c)
{
    while (backend_head(c)) {
        usleep(100000);
        backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static void crowd_client(struct backend *b)
{
    struct http1_target t = target_at(b->port);

    crowd_done = 0;
    for (unsigned i = 0; i < CROWD; i++)
        fiber_spawn("crowd", one_of_the_crowd, &t);
    while (crowd_done < CROWD)
        fiber_sleep_until(fiber_deadline_ms(10));
    CHECK_INT(atomic_load(&b->connections), CROWD);
    CHECK_INT(http1_counts().idle, HTTP1_IDLE_PER_TARGET);
}

static void idle_connections_are_bounded(void **state)
{
    (void)state;
    run_with(serve_late, crowd_client, NULL);
}

static int setup(void **state)
{
    (void)state;
    return helpers_start(2) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    helpers_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(connections_are_reused),
        cmocka_unit_test(targets_do_not_share_connections),
        cmocka_unit_test(not_reused_when_a_side_wants_close),
        cmocka_unit_test(keep_alive_timeout_of_the_backend_counts),
        cmocka_unit_test(closed_idle_connections_are_dropped),
        cmocka_unit_test(bytes_on_an_idle_connection_close_it),
        cmocka_unit_test(a_stale_connection_is_told_apart),
        cmocka_unit_test(responses_split_at_every_byte),
        cmocka_unit_test(responses_byte_by_byte),
        cmocka_unit_test(head_204_and_304_have_no_body),
        cmocka_unit_test(a_body_after_head_only_costs_the_connection),
        cmocka_unit_test(large_bodies_by_length_and_chunks),
        cmocka_unit_test(filling_collects_what_is_asked_for),
        cmocka_unit_test(heads_up_to_the_limit),
        cmocka_unit_test(cut_and_lying_responses),
        cmocka_unit_test(endless_interim_responses),
        cmocka_unit_test(a_reset_in_the_body),
        cmocka_unit_test(silence_in_the_body),
        cmocka_unit_test(refused),
        cmocka_unit_test(connecting_times_out),
        cmocka_unit_test(the_next_address_is_tried),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(idle_connections_are_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
