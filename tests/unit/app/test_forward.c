/* app/forward, the way there: what the backend sees, request bodies, retries, early responses. */
#include "tests/unit/app/forward_rig.h"

/* ---- the request head ---- */

static void record_head(struct backend_conn *c)
{
    while (backend_head(c)) {
        snprintf(seen, sizeof seen, "%s", c->head);
        backend_say(c, OK_HELLO);
    }
}

static void simple_get(void)
{
    struct forward f;
    struct conn c;
    char got[100];

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    char expected[200];
    snprintf(expected, sizeof expected, "GET /p HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", backend.port);
    CHECK(!strcmp(seen, expected));
    CHECK_INT(f.response.status, 200);
    CHECK(slice_eq(f.response.reason, SLICE("OK")));
    CHECK_INT(f.response.framing, HTTP_BODY_LENGTH);
    CHECK_INT(f.response.length, 5);
    CHECK(f.response.has_body);
    CHECK_INT(f.response.fields.n, 2);
    CHECK_INT(http1_counts().idle, 1); /* given back before the client has a byte */
    CHECK(relay(&f, &c));
    CHECK_INT(client_read(&c, got, sizeof got), 5);
    CHECK(!strcmp(got, "hello"));
    CHECK(c.ended);
    CHECK(!c.aborted);
    CHECK_INT(c.writes, 1);
    CHECK_INT(f.tries, 1);
    CHECK(f.head_at >= f.began && f.ended >= f.head_at);
    CHECK_INT(f.bytes_sent, strlen(expected));
    CHECK_INT(f.bytes_received, strlen(OK_HELLO));
    forward_close(&f);
    forward_close(&f);
    fake_close(&c);
}

static void a_get_and_its_answer(void **state)
{
    (void)state;
    run_with(record_head, simple_get);
}

static void rewritten_head(void)
{
    struct http_field room[30];
    struct http_fields fields = { .v = room, .cap = 30 };
    struct forward f;
    struct conn c;

    fake_open(&c, "POST", HTTP_BODY_NONE, 0);
    add(&fields, "Host", "front.example");
    add(&fields, "Connection", "keep-alive, X-Mine");
    add(&fields, "Connection", "X-Other");
    add(&fields, "X-Mine", "1");
    add(&fields, "x-other", "2");
    add(&fields, "Keep-Alive", "timeout=5");
    add(&fields, "TE", "trailers");
    add(&fields, "Transfer-Encoding", "chunked");
    add(&fields, "Content-Length", "777");
    add(&fields, "Expect", "100-continue");
    add(&fields, "Upgrade", "h2c");
    add(&fields, "X-Forwarded-For", "1.1.1.1");
    add(&fields, "Accept", "*/*");
    add(&fields, "x-forwarded-for", "2.2.2.2, 3.3.3.3");
    add(&fields, "Cookie", "");
    struct forward_request rq = request_of(&c);
    CHECK(forward_strip_fields(&fields));
    rq.fields = &fields;
    rq.path = SLICE("/a b\r\nX: y#/%41\xc3\xa4");
    rq.query = SLICE("?q=1 2");
    rq.host = SLICE("set.example");
    rq.client_ip = SLICE("10.0.0.9");
    CHECK(forward(&f, &c, &rq));
    CHECK(!strcmp(seen, "POST /a%20b%0D%0AX:%20y%23/%41%C3%A4?q=1%202 HTTP/1.1\r\n"
                        "Host: set.example\r\n"
                        "Accept: */*\r\n"
                        "Cookie: \r\n"
                        "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9\r\n"
                        "Content-Length: 0\r\n\r\n"));
    forward_close(&f);

    /* Fields that a policy adds again are still hop-by-hop or written apart. */
    add(&fields, "Connection", "close");
    add(&fields, "Transfer-Encoding", "gzip");
    add(&fields, "Content-Length", "1");
    rq.path = SLICE("");
    rq.query = SLICE("q");
    rq.client_ip = SLICE_NONE;
    CHECK(forward(&f, &c, &rq));
    CHECK(!strncmp(seen, "POST /?q HTTP/1.1\r\n", 19));
    CHECK(strstr(seen, "3.3.3.3\r\nContent-Length: 0\r\n\r\n") != NULL);
    CHECK(!strstr(seen, "gzip") && !strstr(seen, "close"));
    forward_close(&f);
    fake_close(&c);
}

static void fields_of_this_hop_stay_here(void **state)
{
    (void)state;
    run_with(record_head, rewritten_head);
}

static void unwritable_requests(void)
{
    struct http_field room[2];
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    static const char *const names[] = { "X", "X Y", "X:", "", "X\r\nY", "X" };
    static const char *const values[] = { "a\r\nb", "v", "v", "v", "v", "a\nHost: x" };
    for (int i = 0; i < 6; i++) {
        struct http_fields fields = { .v = room, .cap = 2 };
        struct forward_request rq = request_of(&c);
        add(&fields, names[i], values[i]);
        rq.fields = &fields;
        CHECK(!forward(&f, &c, &rq));
        CHECK_INT(f.failure, FORWARD_REQUEST);
        CHECK_INT(f.client_status, 500);
        check_words(&f, "cannot be sent");
    }
    static const char *const methods[] = { "", "GET /", "G\r\n", "CONNECT" };
    for (int i = 0; i < 4; i++) {
        struct forward_request rq = request_of(&c);
        rq.method = slice_from(methods[i]);
        CHECK(!forward(&f, &c, &rq));
        CHECK_INT(f.failure, FORWARD_REQUEST);
    }
    struct forward_request rq = request_of(&c);
    rq.host = SLICE("a\r\nX: y");
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.failure, FORWARD_REQUEST);
    CHECK_INT(atomic_load(&backend.requests), 0);
    fake_close(&c);
}

static void a_request_that_would_be_two_is_not_sent(void **state)
{
    (void)state;
    run_with(record_head, unwritable_requests);
}

static void strip_too_many(void **state)
{
    (void)state;
    struct http_field room[4];
    struct http_fields fields = { .v = room, .cap = 4 };
    char list[400] = "";

    for (unsigned i = 0; i < FORWARD_NOMINATED_MAX; i++)
        sprintf(list + strlen(list), "x%u,", i);
    assert_true(http_fields_add(&fields, SLICE("Connection"), slice_from(list)));
    assert_true(forward_strip_fields(&fields));
    assert_int_equal(fields.n, 0);
    strcat(list, "more");
    assert_true(http_fields_add(&fields, SLICE("Connection"), slice_from(list)));
    assert_false(forward_strip_fields(&fields));
}

/* ---- request bodies ---- */

static void check_counted(struct forward *f, struct conn *c, uint64_t bytes, uint64_t sum)
{
    char got[100], expected[100];

    CHECK(relay(f, c));
    client_read(c, got, sizeof got);
    snprintf(expected, sizeof expected, "%llu %llu", (unsigned long long)bytes, (unsigned long long)sum);
    CHECK(!strcmp(got, expected));
}

static void stream_one(enum http_framing framing, size_t bytes, unsigned pause_us)
{
    struct forward f;
    struct conn c;
    struct uploader u;

    fake_open(&c, "POST", framing, bytes);
    start_upload(&u, &c, bytes, pause_us);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    pthread_join(u.thread, NULL);
    bool chunked = framing == HTTP_BODY_CHUNKED;
    CHECK(strstr(seen, chunked ? "\r\nTransfer-Encoding: chunked\r\n" : "\r\nContent-Length: ") != NULL);
    check_counted(&f, &c, bytes, u.sum);
    forward_close(&f);
    fake_close(&c);
}

static void stream_bodies(void)
{
    static const size_t sizes[] = { 0, 1, 100, BLOCK_BYTES, BLOCK_BYTES + 1, 3u << 20 };

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        stream_one(HTTP_BODY_LENGTH, sizes[i], 0);
        stream_one(HTTP_BODY_CHUNKED, sizes[i], 0);
    }
    stream_one(HTTP_BODY_LENGTH, 200000, 500);
    stream_one(HTTP_BODY_CHUNKED, 200000, 500);
    CHECK_INT(atomic_load(&backend.connections), 1);
}

static void request_bodies_are_streamed(void **state)
{
    (void)state;
    run_with(count_body, stream_bodies);
}

static void held_bodies(void)
{
    struct block_chain chain = { 0 };
    struct forward f;
    struct conn c;
    size_t n = 3 * BLOCK_BYTES + 5;
    char *big = malloc(n);

    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i * 3);
    fake_open(&c, "PUT", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    rq.body = FORWARD_BODY_SLICE;
    rq.body_slice = SLICE("slice of a body");
    CHECK(forward(&f, &c, &rq));
    sum_seen = bytes_seen = 0;
    add_to_sum(rq.body_slice.p, rq.body_slice.n);
    check_counted(&f, &c, rq.body_slice.n, sum_seen);

    rq.body_slice = SLICE_NONE;
    CHECK(forward(&f, &c, &rq));
    check_counted(&f, &c, 0, 0);

    rq.body = FORWARD_BODY_CHAIN;
    rq.body_chain = &chain;
    CHECK_INT(block_chain_add(&chain, big, n), BLOCK_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(forward(&f, &c, &rq));
        sum_seen = bytes_seen = 0;
        add_to_sum(big, n);
        check_counted(&f, &c, n, sum_seen);
    }
    block_chain_free(&chain);
    fake_close(&c);
    free(big);
}

static void held_bodies_can_be_sent_again(void **state)
{
    (void)state;
    run_with(count_body, held_bodies);
}

/* ---- retries ---- */

/* The first connection serves one request and is closed when the second has come; later ones serve all. */
static void stale_first(struct backend_conn *c)
{
    char body[64];

    if (c->index == 0) {
        if (backend_head(c))
            backend_say(c, OK_HELLO);
        if (backend_more(c)) /* some of the second request */
            return;
    }
    while (backend_head(c)) {
        const char *length = strstr(c->head, "Content-Length: ");
        size_t n = length ? strtoul(length + 16, NULL, 10) : 0;
        if (n < sizeof body && backend_body(c, n, body))
            backend_say(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    }
}

static void prime(void)
{
    struct forward f;
    struct conn c;

    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    CHECK(relay(&f, &c));
    forward_close(&f);
    fake_close(&c);
    CHECK_INT(http1_counts().idle, 1);
}

static const char *retry_method;
static enum http_framing retry_framing;
static size_t retry_bytes;
static bool retry_expected;

static void retry_test(void)
{
    struct forward f;
    struct conn c;
    struct uploader u;

    prime();
    fake_open(&c, retry_method, retry_framing, retry_bytes);
    start_upload(&u, &c, retry_bytes, 0);
    fiber_sleep_until(fiber_deadline_ms(20));
    struct forward_request rq = request_of(&c);
    bool ok = forward(&f, &c, &rq);
    CHECK_INT(ok, retry_expected);
    CHECK_INT(f.tries, retry_expected ? 2 : 1);
    if (ok) {
        CHECK_INT(f.response.status, 201);
    } else {
        CHECK_INT(f.failure, FORWARD_CONNECT);
        check_words(&f, "127.0.0.1:");
    }
    forward_close(&f);
    break_upload(&u);
    fake_close(&c);
}

static void a_stale_connection_is_tried_again_when_safe(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        enum http_framing framing;
        size_t bytes;
        bool again;
    } cases[] = {
        { "GET", HTTP_BODY_NONE, 0, true },      { "DELETE", HTTP_BODY_NONE, 0, true },
        { "PUT", HTTP_BODY_LENGTH, 40, true },   { "POST", HTTP_BODY_NONE, 0, false },
        { "POST", HTTP_BODY_LENGTH, 40, false }, { "PATCH", HTTP_BODY_LENGTH, 40, false },
        { "BREW", HTTP_BODY_NONE, 0, false },    { "PUT", HTTP_BODY_LENGTH, 4u << 20, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        retry_method = cases[i].method;
        retry_framing = cases[i].framing;
        retry_bytes = cases[i].bytes;
        retry_expected = cases[i].again;
        run_with(stale_first, retry_test);
    }
}

/* Nothing is retried when the new connection fails as well. */
static void always_stale(struct backend_conn *c)
{
    if (c->index == 0 && backend_head(c))
        backend_say(c, OK_HELLO);
    backend_more(c);
}

static void twice_test(void)
{
    struct forward f;
    struct conn c;

    prime();
    fake_open(&c, "GET", HTTP_BODY_NONE, 0);
    struct forward_request rq = request_of(&c);
    CHECK(!forward(&f, &c, &rq));
    CHECK_INT(f.tries, 2);
    CHECK_INT(f.failure, FORWARD_CONNECT);
    CHECK_INT(atomic_load(&backend.connections), 2);
    fake_close(&c);
}

static void the_second_try_is_the_last(void **state)
{
    (void)state;
    run_with(always_stale, twice_test);
}

/* ---- early responses ---- */

static void answer_early(struct backend_conn *c)
{
    if (!backend_head(c))
        return;
    backend_say(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    usleep(100000); /* reads nothing: the upload stands */
    shutdown(c->fd, SHUT_WR);
    usleep(20000);
}

static void early_test(void)
{
    struct forward f;
    struct conn c;
    struct uploader u;
    char got[10];

    fake_open(&c, "POST", HTTP_BODY_LENGTH, 50u << 20);
    start_upload(&u, &c, 50u << 20, 0);
    struct forward_request rq = request_of(&c);
    CHECK(forward(&f, &c, &rq));
    CHECK_INT(f.response.status, 413);
    CHECK(relay(&f, &c));
    client_read(&c, got, sizeof got);
    CHECK(!strcmp(got, "big"));
    CHECK_INT(http1_counts().idle, 0);
    CHECK(!conn_body_done(&c));
    forward_close(&f);
    break_upload(&u);
    fake_close(&c);
}

static void early_responses_end_the_upload(void **state)
{
    (void)state;
    run_with(answer_early, early_test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_and_its_answer),
        cmocka_unit_test(fields_of_this_hop_stay_here),
        cmocka_unit_test(a_request_that_would_be_two_is_not_sent),
        cmocka_unit_test(strip_too_many),
        cmocka_unit_test(request_bodies_are_streamed),
        cmocka_unit_test(held_bodies_can_be_sent_again),
        cmocka_unit_test(a_stale_connection_is_tried_again_when_safe),
        cmocka_unit_test(the_second_try_is_the_last),
        cmocka_unit_test(early_responses_end_the_upload),
    };
    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
