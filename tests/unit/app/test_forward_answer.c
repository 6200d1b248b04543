/* app/forward, the way back: response bodies, back pressure, faults, buffering for policies, upgrades. */
#include "tests/unit/app/forward_rig.h"

/* ---- response bodies ---- */

static const char *answer_text;
static size_t answer_bytes;

static void answer_the_text(struct backend_conn *c)
{
    while (backend_head(c)) {
        size_t n = answer_bytes ? answer_bytes : strlen(answer_text);
        char *text = malloc(n);
        bool closes = strstr(answer_text, "close") != NULL;
        memcpy(text, answer_text, n);
        backend_send(c, text, n);
        free(text);
        if (closes)
            return;
    }
}

#define CHUNKED_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void pass_on(const char *method, const char *text, int status, enum http_framing framing,
                    uint64_t length, bool has_body, const char *body)
{
    struct forward f;
    struct conn c;
    char got[200];

    answer_text = text;
    fake_open(&c, method, HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    CHECK_INT(f.response.status, status);
    CHECK_INT(f.response.framing, framing);
    CHECK_INT(f.response.length, length);
    CHECK_INT(f.response.has_body, has_body);
    CHECK(!http_fields_find(&f.response.fields, SLICE("Content-Length")) == !strstr(text, "Content-Length"));
    CHECK(!http_fields_find(&f.response.fields, SLICE("Transfer-Encoding")));
    CHECK(!http_fields_find(&f.response.fields, SLICE("Connection")));
    CHECK(!http_fields_find(&f.response.fields, SLICE("X-Hop")));
    if (has_body)
        CHECK(relay(&f, &c));
    client_read(&c, got, sizeof got);
    CHECK(!strcmp(got, body));
    forward_close(&f);
    fake_close(&c);
}

static void framings(void)
{
    pass_on("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nhello", 200,
            HTTP_BODY_LENGTH, 5, true, "hello");
    pass_on("GET", CHUNKED_HEAD "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200,
            HTTP_BODY_CHUNKED, 0, true, "hello");
    pass_on("GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", 200,
            HTTP_BODY_CHUNKED, 0, true, "hello");
    pass_on("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", 200, HTTP_BODY_LENGTH, 50, false, "");
    pass_on("HEAD", CHUNKED_HEAD, 200, HTTP_BODY_CHUNKED, 0, false, "");
    pass_on("HEAD", "HTTP/1.1 200 OK\r\n\r\n", 200, HTTP_BODY_NONE, 0, false, "");
    pass_on("GET", "HTTP/1.1 304 Not Modified\r\n\r\n", 304, HTTP_BODY_NONE, 0, false, "");
    pass_on("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", 304,
            HTTP_BODY_LENGTH, 50, false, "");
    pass_on("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, HTTP_BODY_NONE, 0, false, "");
    pass_on("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, HTTP_BODY_LENGTH, 0, false, "");
    pass_on("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nContent-Length: 1\r\n\r\nx", 200,
            HTTP_BODY_LENGTH, 1, true, "x");
}

static void response_framings(void **state)
{
    (void)state;
    run_with(answer_the_text, framings);
}

/* A piece, then the next one only when the client has the first. */
static atomic_bool client_has_first;

static void answer_in_steps(struct backend_conn *c)
{
    if (!backend_head(c))
        return;
    backend_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    for (int i = 0; i < 100 && !atomic_load(&client_has_first); i++)
        usleep(1000);
    backend_say(c, atomic_load(&client_has_first) ? "4\r\nthen\r\n0\r\n\r\n" : "5\r\nblind\r\n0\r\n\r\n");
    backend_more(c);
}

static void *watch_client(void *arg)
{
    struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

    atomic_store(&client_has_first, poll(&p, 1, 90) == 1);
    return NULL;
}

static bool steps_unbuffered;

static void steps_test(void)
{
    struct forward_options o = quick;
    struct forward f;
    struct conn c;
    pthread_t watcher;
    char got[100];

    atomic_store(&client_has_first, false);
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    pthread_create(&watcher, NULL, watch_client, &c.client);
    struct forward_request rq = request_of(&c);
    o.unbuffered = steps_unbuffered;
    CHECK(forward_request(&f, &c, &target, &rq, &o, &arena));
    CHECK(relay(&f, &c));
    pthread_join(watcher, NULL);
    client_read(&c, got, sizeof got);
    CHECK(!strcmp(got, steps_unbuffered ? "firstthen" : "firstblind"));
    CHECK_INT(c.writes, steps_unbuffered ? 2 : 1);
    CHECK_INT(c.flushes, steps_unbuffered ? 1 : 0);
    forward_close(&f);
    fake_close(&c);
}

static void unbuffered_responses_pass_at_once(void **state)
{
    (void)state;
    steps_unbuffered = true;
    run_with(answer_in_steps, steps_test);
    steps_unbuffered = false;
    run_with(answer_in_steps, steps_test);
}

static void cut_body(struct backend_conn *c)
{
    if (backend_head(c))
        backend_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhello");
}

static void cut_test(void)
{
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    CHECK(!relay(&f, &c));
    CHECK_INT(f.failure, FORWARD_PROTOCOL);
    check_words(&f, "response body cut: 49995 of 50000 bytes are missing");
    CHECK(c.aborted);
    CHECK(!c.ended);
    forward_close(&f);
    fake_close(&c);
}

static void a_cut_body_aborts_the_answer(void **state)
{
    (void)state;
    run_with(cut_body, cut_test);
}

/* ---- back pressure ---- */

#define FLOOD_BYTES (64u << 20)
static atomic_size_t flood_sent;

static void flood(struct backend_conn *c)
{
    static char piece[65536];
    char head[100];

    if (!backend_head(c))
        return;
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", FLOOD_BYTES);
    backend_say(c, head);
    for (size_t at = 0; at < FLOOD_BYTES; at += sizeof piece) {
        if (!backend_send(c, piece, sizeof piece))
            return;
        atomic_fetch_add(&flood_sent, sizeof piece);
    }
    backend_more(c);
}

struct slow_client {
    int fd;
    size_t received, most_ahead;
};

static void *slow_main(void *arg)
{
    struct slow_client *s = arg;
    static char piece[65536];
    ssize_t got;

    while ((got = recv(s->fd, piece, sizeof piece, 0)) > 0) {
        s->received += (size_t)got;
        size_t sent = atomic_load(&flood_sent), ahead = sent > s->received ? sent - s->received : 0;
        if (ahead > s->most_ahead)
            s->most_ahead = ahead;
        if (s->received < 2u << 20)
            usleep(2000);
        if (s->received >= FLOOD_BYTES)
            break;
    }
    return NULL;
}

static size_t rss_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size, resident = 0;

    CHECK_INT(fscanf(f, "%lu %lu", &size, &resident), 2);
    fclose(f);
    return resident * 4;
}

static void pressure_test(void)
{
    struct forward f;
    struct conn c;
    struct slow_client s = { 0 };
    pthread_t thread;

    atomic_store(&flood_sent, 0);
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    s.fd = c.client;
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    size_t before = rss_kb();
    pthread_create(&thread, NULL, slow_main, &s);
    CHECK(relay(&f, &c));
    pthread_join(thread, NULL);
    CHECK_INT(s.received, FLOOD_BYTES);
    /* What may be under way: our block, and the kernel's buffers of two sockets. */
    CHECK(s.most_ahead < 8u << 20);
    if (!HOLDFAST_ASAN && !HOLDFAST_TSAN)
        CHECK(rss_kb() < before + 1024);
    CHECK_INT(http1_counts().idle, 1);
    forward_close(&f);
    fake_close(&c);
}

static void a_slow_client_slows_the_backend(void **state)
{
    (void)state;
    run_with(flood, pressure_test);
}

/* ---- faults ---- */

static void never_answer(struct backend_conn *c)
{
    backend_head(c);
    backend_more(c);
}

static void slow_head_test(void)
{
    struct forward_options o = quick;
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    o.response_ms = 50;
    uint64_t began = fiber_now();
    CHECK(!forward_request(&f, &c, &target, &rq, &o, &arena));
    CHECK_INT(f.failure, FORWARD_TIMEOUT);
    CHECK_INT(f.client_status, 500);
    check_words(&f, "no response head within 50 ms");
    CHECK(fiber_now() - began < NS_PER_S);
    CHECK(!strcmp(forward_failure_name(f.failure), "timeout"));
    fake_close(&c);
}

static void a_slow_head_times_out(void **state)
{
    (void)state;
    run_with(never_answer, slow_head_test);
}

static void refused_test(void)
{
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    set_target(1);
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_CONNECT);
    check_words(&f, "127.0.0.1:1: connect: Connection refused");
    fake_close(&c);
}

static void nobody_listens(void **state)
{
    (void)state;
    run_with(never_answer, refused_test);
}

static void garbage_test(void)
{
    struct forward f;
    struct conn c;

    answer_text = "SSH-2.0-OpenSSH close\r\n\r\n";
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_PROTOCOL);
    check_words(&f, "malformed response");
    fake_close(&c);
}

static void garbage_for_an_answer(void **state)
{
    (void)state;
    run_with(answer_the_text, garbage_test);
}

static void swallow(struct backend_conn *c)
{
    while (backend_more(c))
        backend_drop(c, c->n);
}

static void client_faults(void)
{
    struct forward_options o = quick;
    struct forward f;
    struct conn c;

    fake_open(&c, "POST", HTTP_BODY_CHUNKED, 0);
    push_all(c.client, "5\r\nhelloXX", 10);
    fiber_yield();
    struct forward_request rq = request_of(&c);
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_CLIENT_BODY);
    CHECK_INT(f.client_status, 400);
    fake_close(&c);

    fake_open(&c, "POST", HTTP_BODY_LENGTH, 100);
    push_all(c.client, "half", 4);
    rq = request_of(&c);
    o.body_ms = 50;
    CHECK(!forward_request(&f, &c, &target, &rq, &o, &arena));
    CHECK_INT(f.failure, FORWARD_CLIENT_BODY);
    CHECK_INT(f.client_status, 408);
    fake_close(&c);

    fake_open(&c, "POST", HTTP_BODY_LENGTH, 100);
    push_all(c.client, "half", 4);
    close(c.client);
    c.client = -1;
    rq = request_of(&c);
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_CLIENT_GONE);
    CHECK_INT(f.client_status, 499);
    fake_close(&c);
    CHECK_INT(http1_counts().idle, 0);
}

static void faults_of_the_client(void **state)
{
    (void)state;
    run_with(swallow, client_faults);
}

struct gone {
    struct conn c;
    bool done;
};

static void forward_in_vain(void *arg)
{
    struct gone *g = arg;
    struct forward f;
    struct forward_request rq = request_of(&g->c);

    CHECK(!forward(&f, &g->c, &rq));
    CHECK_INT(f.failure, g->c.gone ? FORWARD_CLIENT_GONE : FORWARD_CANCELED);
    forward_close(&f);
    g->done = true;
}

static atomic_uint ends_seen;

static void see_the_end(struct backend_conn *c)
{
    if (backend_head(c) && !backend_more(c))
        atomic_fetch_add(&ends_seen, 1);
}

static void gone_test(void)
{
    atomic_store(&ends_seen, 0);
    for (int i = 0; i < 2; i++) {
        struct gone g = { .done = false };
        fake_open(&g.c, "GET", HTTP_BODY_NONE, 0);
        g.c.gone = i == 0;
        struct fiber *f = fiber_spawn("gone", forward_in_vain, &g);
        fiber_sleep_until(fiber_deadline_ms(30));
        fiber_cancel(f);
        rig_turns(3);
        CHECK(g.done);
        fake_close(&g.c);
    }
    fiber_sleep_until(fiber_deadline_ms(50));
    CHECK_INT(atomic_load(&ends_seen), 2); /* the backend was told by closing */
}

static void a_gone_client_cancels(void **state)
{
    (void)state;
    run_with(see_the_end, gone_test);
}

static void small_arena_test(void)
{
    static _Alignas(16) char memory[256];
    struct arena small;
    struct forward f;
    struct conn c;

    arena_init_fixed(&small, memory, sizeof memory);
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(!forward_request(&f, &c, &target, &rq, &quick, &small));
    CHECK_INT(f.failure, FORWARD_OVERLOAD);
    CHECK_INT(f.client_status, 500);
    fake_close(&c);
    arena_free(&small);
}

static void a_full_arena_is_an_answer(void **state)
{
    (void)state;
    run_with(count_body, small_arena_test);
}

/* ---- buffering for policies ---- */

static void buffer_test(void)
{
    struct block_chain chain = { 0 };
    struct forward f;
    struct conn c;
    struct uploader u;

    /* request */
    fake_open(&c, "POST", HTTP_BODY_CHUNKED, 0);
    start_upload(&u, &c, 100000, 0);
    CHECK(forward_buffer_request(&f, &c, &chain, 100000));
    pthread_join(u.thread, NULL);
    CHECK_INT(chain.bytes, 100000);
    block_chain_free(&chain);
    fake_close(&c);
    fake_open(&c, "POST", HTTP_BODY_CHUNKED, 0);
    start_upload(&u, &c, 100000, 0);
    CHECK(!forward_buffer_request(&f, &c, &chain, 99999));
    CHECK_INT(f.failure, FORWARD_CLIENT_BODY);
    CHECK_INT(f.client_status, 413);
    pthread_join(u.thread, NULL);
    block_chain_free(&chain);
    fake_close(&c);
    fake_open(&c, "POST", HTTP_BODY_LENGTH, 1u << 30);
    CHECK(!forward_buffer_request(&f, &c, &chain, 99999));
    CHECK_INT(f.client_status, 413);
    CHECK_INT(chain.bytes, 0);
    fake_close(&c);

    /* all together */
    block_set_total(3 * sizeof(struct block));
    fake_open(&c, "POST", HTTP_BODY_CHUNKED, 0);
    start_upload(&u, &c, 100000, 0);
    CHECK(!forward_buffer_request(&f, &c, &chain, 1u << 20));
    CHECK_INT(f.failure, FORWARD_OVERLOAD);
    CHECK_INT(f.client_status, 503);
    pthread_join(u.thread, NULL);
    block_chain_free(&chain);
    block_set_total(64u << 20);
    fake_close(&c);
}

static void request_bodies_for_policies(void **state)
{
    (void)state;
    run_with(count_body, buffer_test);
}

static void buffer_response_test(void)
{
    struct block_chain chain = { 0 };
    struct forward f;
    struct conn c;
    struct slice whole;
    static char text[200000];

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    strcpy(text, CHUNKED_HEAD "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    answer_text = text;
    CHECK(forward(&f, &c, &rq));
    CHECK(forward_buffer_response(&f, &chain, 11));
    CHECK(block_chain_contiguous(&chain, &whole));
    CHECK(slice_eq(whole, SLICE("hello world")));
    CHECK_INT(http1_counts().idle, 1);
    forward_close(&f);
    block_chain_free(&chain);

    CHECK(forward(&f, &c, &rq));
    CHECK(!forward_buffer_response(&f, &chain, 10));
    CHECK_INT(f.failure, FORWARD_OVERLOAD);
    CHECK_INT(f.client_status, 500);
    forward_close(&f);
    block_chain_free(&chain);

    sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    answer_bytes = strlen(text) + 100000;
    memset(text + strlen(text), 'x', 100000);
    CHECK(forward(&f, &c, &rq));
    CHECK(forward_buffer_response(&f, &chain, 100000));
    CHECK_INT(chain.bytes, 100000);
    forward_close(&f);
    block_chain_free(&chain);
    CHECK(forward(&f, &c, &rq));
    CHECK(!forward_buffer_response(&f, &chain, 99999));
    CHECK_INT(chain.bytes, 0);
    forward_close(&f);
    answer_bytes = 0;
    fake_close(&c);
}

static void response_bodies_for_policies(void **state)
{
    (void)state;
    run_with(answer_the_text, buffer_response_test);
}

/* ---- upgrade ---- */

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\n"

static void switch_protocols(struct backend_conn *c)
{
    if (!backend_head(c))
        return;
    snprintf(seen, sizeof seen, "%s", c->head);
    backend_say(c, SWITCHING "early");
    while (c->n || backend_more(c)) {
        backend_send(c, c->buf, c->n);
        backend_drop(c, c->n);
    }
}

static char upgrade_got[200];

static void receive_until(int fd, const char *words)
{
    size_t n = strlen(upgrade_got);
    ssize_t got;

    while (!strstr(upgrade_got, words) &&
           (got = recv(fd, upgrade_got + n, sizeof upgrade_got - 1 - n, 0)) > 0)
        n += (size_t)got;
}

static void *upgrade_client(void *arg)
{
    int fd = *(int *)arg;

    receive_until(fd, "early");
    push_all(fd, "ping", 4);
    receive_until(fd, "ping");
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void upgrade_test(void)
{
    struct forward f;
    struct conn c;
    pthread_t thread;

    memset(upgrade_got, 0, sizeof upgrade_got);
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    add(&c.head.fields, "Upgrade", "WebSocket");
    struct forward_request rq = request_of(&c);
    rq.upgrade = true;
    CHECK(forward(&f, &c, &rq));
    CHECK(strstr(seen, "\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n") != NULL);
    CHECK(f.response.upgraded);
    CHECK_INT(f.response.status, 101);
    pthread_create(&thread, NULL, upgrade_client, &c.client);
    forward_relay_upgrade(&f, &c, &f.response.fields);
    pthread_join(thread, NULL);
    CHECK(!strcmp(upgrade_got, SWITCHING "earlyping"));
    forward_close(&f);
    fake_close(&c);
}

/* No tunnel for other protocols: requests in it would pass unseen. */
static void h2c_test(void)
{
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    add(&c.head.fields, "Upgrade", "h2c");
    struct forward_request rq = request_of(&c);
    rq.upgrade = true;
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_PROTOCOL);
    CHECK(!strcasestr(seen, "upgrade"));
    fake_close(&c);
}

static void other_protocols_are_not_switched(void **state)
{
    (void)state;
    run_with(switch_protocols, h2c_test);
}

static void protocols_are_switched(void **state)
{
    (void)state;
    run_with(switch_protocols, upgrade_test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_framings),
        cmocka_unit_test(unbuffered_responses_pass_at_once),
        cmocka_unit_test(a_cut_body_aborts_the_answer),
        cmocka_unit_test(a_slow_client_slows_the_backend),
        cmocka_unit_test(a_slow_head_times_out),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(garbage_for_an_answer),
        cmocka_unit_test(faults_of_the_client),
        cmocka_unit_test(a_gone_client_cancels),
        cmocka_unit_test(a_full_arena_is_an_answer),
        cmocka_unit_test(request_bodies_for_policies),
        cmocka_unit_test(response_bodies_for_policies),
        cmocka_unit_test(protocols_are_switched),
        cmocka_unit_test(other_protocols_are_not_switched),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
