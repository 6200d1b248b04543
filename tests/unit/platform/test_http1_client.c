/* platform/http1_client: targets, pools, framing of responses, against a scripted backend. */
#include "tests/unit/platform/http1_rig.h"

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

static void stop_fiber(void *arg)
{
    static struct backend b;

    (void)arg;
    arena_init_growing(&arena, 1u << 20);
    backend_start(&b, say_the_same, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct http1_target t = target_at(b.port);
    struct got g = exchange(&t, "GET", GET);
    check_body(&g, 200, "");
    CHECK_INT(http1_counts().idle, 1);
    http1_stop();
    CHECK_INT(http1_counts().idle, 0);
    CHECK_INT(block_kept(), 0);
    backend_stop(&b);
    arena_free(&arena);
}

static void stopping_empties_every_carrier(void **state)
{
    (void)state;
    rig_run_on(2, stop_fiber, NULL);
}

static void idle_connections_are_bounded(void **state)
{
    (void)state;
    run_with(serve_late, crowd_client, NULL);
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
        cmocka_unit_test(idle_connections_are_bounded),
        cmocka_unit_test(stopping_empties_every_carrier),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
