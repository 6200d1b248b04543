/* platform/http1_client: cut and lying responses, silence, connecting, cancelling. */
#include "tests/unit/platform/http1_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_and_lying_responses),
        cmocka_unit_test(endless_interim_responses),
        cmocka_unit_test(a_reset_in_the_body),
        cmocka_unit_test(silence_in_the_body),
        cmocka_unit_test(refused),
        cmocka_unit_test(connecting_times_out),
        cmocka_unit_test(the_next_address_is_tried),
        cmocka_unit_test(cancelling),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
