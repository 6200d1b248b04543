/* platform/conn: request bodies, answers, and what follows them, over real sockets. The lines of
 * the seam's contract (architecture.md, decision 2). */
#include "tests/unit/platform/server_rig.h"

#include "platform/stream.h"

static atomic_uint handled, cancelled, body_error, write_error;
static char targets[4096]; /* what the handler saw, in order; only read when nothing runs */

static void note_target(const struct http_head *head)
{
    size_t n = strlen(targets);

    if (n + head->target.n + 2 < sizeof targets)
        snprintf(targets + n, sizeof targets - n, "%.*s ", SLICE_ARG(head->target));
}

static void answer_text(struct conn *c, int status, const char *text)
{
    if (!conn_answer_text(c, status, SLICE_NONE, NULL, slice_from(text)))
        conn_abort(c);
}

static struct slice read_body(struct conn *c)
{
    size_t cap = 64 * 1024, n = 0;
    char *p = arena_alloc(conn_arena(c), cap);
    ssize_t got = 1;

    while (got > 0 && n < cap) {
        got = conn_body_read(c, p + n, cap - n);
        if (got > 0)
            n += (size_t)got;
    }
    if (got < 0) {
        atomic_store(&body_error, (unsigned)errno);
        return SLICE_NONE;
    }
    return slice_of(p, n);
}

static void handle_echo(struct conn *c)
{
    struct slice body = read_body(c);

    if (!body.p)
        answer_text(c, 400, "bad body");
    else if (!conn_answer_text(c, 200, SLICE_NONE, NULL, body))
        conn_abort(c);
}

static void handle_chunks(struct conn *c)
{
    struct conn_answer a = { .status = 200, .framing = HTTP_BODY_CHUNKED };
    static char large[20000];

    memset(large, 'L', sizeof large);
    if (!conn_answer_begin(c, &a) || !conn_answer_write(c, "one,", 4) || !conn_answer_flush(c)
        || !conn_answer_write(c, "two,", 4) || !conn_answer_write(c, large, sizeof large)
        || !conn_answer_write(c, ",end", 4) || !conn_answer_end(c))
        conn_abort(c);
}

static void handle_sleep(struct conn *c)
{
    if (!fiber_sleep_until(fiber_deadline_ms(10000)) && errno == ECANCELED) {
        if (!conn_client_gone(c))
            abort();
        atomic_fetch_add(&cancelled, 1);
    }
    answer_text(c, 200, "slept");
}

static void handle_short(struct conn *c)
{
    struct conn_answer a = { .status = 200, .framing = HTTP_BODY_LENGTH, .length = 10 };

    if (!conn_answer_begin(c, &a) || !conn_answer_write(c, "short", 5) || conn_answer_end(c))
        abort();
}

static void handle_large(struct conn *c)
{
    struct conn_answer a = { .status = 200, .framing = HTTP_BODY_LENGTH, .length = 64u << 20 };
    static char block[64 * 1024];

    if (!conn_answer_begin(c, &a))
        abort();
    for (int i = 0; i < 1024; i++) {
        if (!conn_answer_write(c, block, sizeof block)) {
            atomic_store(&write_error, (unsigned)errno);
            return;
        }
    }
    if (!conn_answer_end(c))
        conn_abort(c);
}

static void handle_take(struct conn *c)
{
    struct slice early;
    struct stream *s = conn_take_stream(c, &early);
    char text[64] = "";
    struct iovec iov = { .iov_base = text };
    ssize_t got = 0;

    if (!s)
        abort();
    iov.iov_len =
        (size_t)snprintf(text, sizeof text, "HTTP/1.1 101 S\r\n\r\n%.*s", SLICE_ARG(early));
    if (stream_write_all(s, &iov, 1, 1000))
        got = stream_read(s, text, sizeof text, fiber_deadline_ms(5000));
    iov = (struct iovec){ .iov_base = text, .iov_len = got > 0 ? (size_t)got : 0 };
    (void)stream_write_all(s, &iov, 1, 1000);
}

static void handle_status(struct conn *c, int status)
{
    struct conn_answer a = { .status = status, .framing = HTTP_BODY_NONE };

    if (!conn_answer_begin(c, &a) || !conn_answer_write(c, "dropped", 7) || !conn_answer_end(c))
        conn_abort(c);
}

static void handle_arena(struct conn *c)
{
    struct arena *a = conn_arena(c);
    char text[64];

    snprintf(text, sizeof text, "%zu", a->used);
    if (!arena_alloc(a, 900 * 1024) || arena_alloc(a, 900 * 1024))
        abort();
    answer_text(c, 200, text);
}

static void handle(struct conn *c, void *arg)
{
    const struct http_head *head = conn_head(c);

    (void)arg;
    note_target(head);
    atomic_fetch_add(&handled, 1);
    if (slice_eq(head->path, SLICE("/echo")))
        handle_echo(c);
    else if (slice_eq(head->path, SLICE("/chunks")))
        handle_chunks(c);
    else if (slice_eq(head->path, SLICE("/sleep")))
        handle_sleep(c);
    else if (slice_eq(head->path, SLICE("/short")))
        handle_short(c);
    else if (slice_eq(head->path, SLICE("/large")))
        handle_large(c);
    else if (slice_eq(head->path, SLICE("/take")))
        handle_take(c);
    else if (slice_eq(head->path, SLICE("/204")))
        handle_status(c, 204);
    else if (slice_eq(head->path, SLICE("/304")))
        handle_status(c, 304);
    else if (slice_eq(head->path, SLICE("/empty")))
        handle_status(c, 200);
    else if (slice_eq(head->path, SLICE("/arena")))
        handle_arena(c);
    else if (!slice_eq(head->path, SLICE("/none")))
        answer_text(c, 200, "hello");
}

static int set_up(void **state)
{
    rig_setup(state);
    handled = cancelled = body_error = write_error = 0;
    targets[0] = 0;
    return 0;
}

static void assert_reply(int fd, int status, const char *body)
{
    struct reply r;

    get_reply(fd, &r);
    assert_int_equal(r.status, status);
    assert_string_equal(r.body, body);
}

/* ---- one request after the other ---- */

static void requests_follow_each_other_on_one_connection(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (int i = 0; i < 50; i++) {
        put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        get_reply(fd, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "hello");
        assert_non_null(strstr(r.head, "\r\nDate: "));
        assert_null(strstr(r.head, "Connection:"));
    }
    put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    get_reply(fd, &r);
    assert_true(r.closes);
    assert_closed(fd);
    close(fd);
    assert_int_equal(handled, 51);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
                 "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
                 "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nthree"
                 "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                 "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_reply(fd, 200, "one");
    assert_reply(fd, 200, "two");
    assert_reply(fd, 200, "hello");
    assert_reply(fd, 200, "three");
    assert_reply(fd, 200, "hello");
    assert_closed(fd);
    close(fd);
    assert_string_equal(targets, "/echo /echo /hello /echo /hello ");
}

static void a_thousand_pipelined_requests_are_answered(void **state)
{
    static const char one[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    static char text[sizeof one * 1000];
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (int i = 0; i < 1000; i++)
        memcpy(text + (size_t)i * (sizeof one - 1), one, sizeof one);
    put_text(fd, text);
    for (int i = 0; i < 1000; i++) {
        get_reply(fd, &r);
        assert_int_equal(r.status, 200);
    }
    close(fd);
}

/* What civetweb closes is never the client's connection. */
static void connections_outlive_what_civetweb_takes_for_them(void **state)
{
    unsigned before = seam_options.heads_per_slot;

    (void)state;
    seam_options.heads_per_slot = 3;
    rig_serve(handle);
    int a = dial(), b = dial();
    for (int i = 0; i < 20; i++) {
        put_text(a, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
        put_text(b, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
        assert_reply(a, 200, "hello");
        assert_reply(a, 200, "hello");
        assert_reply(b, 200, "ab");
    }
    close(a);
    close(b);
    rig_stop();
    seam_options.heads_per_slot = before;
}

/* Whatever the cut between two packets: same answers, and the connection stays good. */
static void requests_may_be_split_at_every_byte(void **state)
{
    static const char *const texts[] = {
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;e=1\r\nhel\r\n2\r\nlo\r\n0\r\nT: v\r\n\r\n",
    };

    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (size_t t = 0; t < COUNT_OF(texts); t++) {
        for (size_t at = 1; at < strlen(texts[t]); at++) {
            put_n(fd, texts[t], at);
            usleep(300);
            put_text(fd, texts[t] + at);
            assert_reply(fd, 200, "hello");
        }
    }
    close(fd);
}

/* ---- request bodies ---- */

static void a_client_that_expects_it_is_told_to_continue(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd,
             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    get_reply(fd, &r);
    assert_int_equal(r.status, 100);
    put_text(fd, "body");
    assert_reply(fd, 200, "body");
    /* Nobody waits for it when the body comes with the head. */
    put_text(
        fd,
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    assert_reply(fd, 200, "body");
    /* Not asked for the body, the client may send it or not: the connection cannot go on. */
    put_text(
        fd, "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    get_reply(fd, &r);
    assert_int_equal(r.status, 200);
    assert_true(r.closes);
    assert_closed(fd);
    close(fd);
}

static void put_post(int fd, const char *path, size_t n, bool chunked)
{
    char head[256];
    char *body = malloc(n + 64);
    size_t at = 0;

    snprintf(head, sizeof head,
             chunked ? "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     : "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             path, n);
    put_text(fd, head);
    if (chunked)
        at = (size_t)sprintf(body, "%zx\r\n", n);
    memset(body + at, 'b', n);
    at += n;
    if (chunked)
        at += (size_t)sprintf(body + at, "\r\n0\r\n\r\n");
    /* The server may close meanwhile. */
    for (size_t sent = 0; sent < at;) {
        ssize_t k = send(fd, body + sent, at - sent, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        sent += (size_t)k;
    }
    free(body);
}

static void a_small_unread_body_is_dropped(void **state)
{
    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (int chunked = 0; chunked < 2; chunked++) {
        put_post(fd, "/hello", 60000, chunked);
        assert_reply(fd, 200, "hello");
    }
    put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_reply(fd, 200, "hello");
    close(fd);
    assert_int_equal(handled, 3);
}

static void a_large_unread_body_closes_and_the_answer_arrives(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = dial();
        put_post(fd, "/hello", 200000, chunked);
        put_text(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
        get_reply(fd, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "hello");
        if (!chunked)
            assert_true(r.closes);
        assert_closed(fd);
        close(fd);
    }
    assert_string_equal(targets, "/hello /hello ");
}

static void malformed_chunks_end_the_connection(void **state)
{
    static const char *const bodies[] = {
        "5\nhello\r\n0\r\n\r\n",    "x\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
        "fffffffffffffffff\r\n",    "5 \r\nhello\r\n0\r\n\r\n"
    };
    struct reply r;

    (void)state;
    rig_serve(handle);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        int fd = dial();
        put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        put_text(fd, bodies[i]);
        put_text(fd, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
        get_reply(fd, &r);
        assert_int_equal(r.status, 400);
        assert_true(r.closes);
        assert_int_equal(body_error, EBADMSG);
        assert_closed(fd);
        close(fd);
    }
    assert_null(strstr(targets, "/never"));
}

static void a_body_that_does_not_come_is_given_up(void **state)
{
    struct reply r;

    (void)state;
    rig.options.body_ms = 100;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    get_reply(fd, &r);
    assert_int_equal(r.status, 400);
    assert_int_equal(body_error, ETIMEDOUT);
    assert_true(r.closes);
    put_text(fd, "lloGET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_closed(fd);
    close(fd);
    assert_string_equal(targets, "/echo ");
}

/* ---- answers ---- */

static void answers_are_framed_for_the_client(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply(fd, &r);
    assert_int_equal(r.body_n, 20012);
    assert_memory_equal(r.body, "one,two,LLL", 11);
    assert_memory_equal(r.body + 20008, ",end", 4);
    put_text(fd, "HEAD /chunks HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply_to(fd, "HEAD", &r);
    assert_non_null(strstr(r.head, "Transfer-Encoding: chunked\r\n"));
    put_text(fd, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply_to(fd, "HEAD", &r);
    assert_non_null(strstr(r.head, "Content-Length: 5\r\n"));
    put_text(fd, "GET /204 HTTP/1.1\r\nHost: x\r\n\r\nGET /304 HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply(fd, &r);
    assert_int_equal(r.status, 204);
    assert_null(strstr(r.head, "Content-Length"));
    get_reply(fd, &r);
    assert_int_equal(r.status, 304);
    put_text(fd, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply(fd, &r);
    assert_non_null(strstr(r.head, "Content-Length: 0\r\n"));
    put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_reply(fd, 200, "hello");
    close(fd);
}

static void http_1_0_clients_are_served(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    get_reply(fd, &r);
    assert_non_null(strstr(r.head, "Connection: keep-alive\r\n"));
    put_text(fd, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    get_reply(fd, &r);
    assert_true(r.closes);
    assert_null(strstr(r.head, "Transfer-Encoding"));
    assert_int_equal(r.body_n, 20012);
    assert_true(r.ended);
    close(fd);
    fd = dial();
    put_text(fd, "GET /hello HTTP/1.0\r\n\r\n");
    get_reply(fd, &r);
    assert_true(r.closes);
    assert_closed(fd);
    close(fd);
}

static void a_cut_answer_is_seen_as_cut(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
    get_reply(fd, &r);
    assert_true(r.ended);
    assert_true(r.body_n < 10);
    close(fd);
    fd = dial();
    put_text(fd, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_closed(fd);
    close(fd);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    rig.options.send_ms = 100;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    await_count(&write_error, 1);
    assert_int_equal(write_error, ETIMEDOUT);
    close(fd);
}

/* ---- clients that leave ---- */

static void a_client_that_leaves_cancels_its_request(void **state)
{
    struct linger hard = { .l_onoff = 1 };

    (void)state;
    rig_serve(handle);
    for (unsigned i = 0; i < 3; i++) {
        int fd = dial();
        put_text(fd, "GET /sleep HTTP/1.1\r\nHost: x\r\n\r\n");
        await_count(&handled, i + 1);
        if (i == 1)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard); /* RST */
        if (i == 2)
            shutdown(fd, SHUT_WR);
        else
            close(fd);
        await_count(&cancelled, i + 1);
        if (i == 2)
            close(fd);
    }
    /* The worker is good for others. */
    int fd = dial();
    put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_reply(fd, 200, "hello");
    close(fd);
}

static void an_answer_without_a_wait_reaches_a_half_closed_client(void **state)
{
    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    assert_reply(fd, 200, "hello");
    assert_closed(fd);
    close(fd);
}

static void the_stream_can_be_taken(void **state)
{
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, "GET /take HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\nearly");
    get_reply(fd, &r);
    assert_int_equal(r.status, 101);
    get_n(fd, &r, 5);
    put_text(fd, "later");
    get_n(fd, &r, 5);
    assert_string_equal(r.body, "earlylater");
    assert_closed(fd);
    close(fd);
}

static void each_request_has_the_arena_for_itself(void **state)
{
    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (int i = 0; i < 5; i++) {
        put_text(fd, "GET /arena HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_reply(fd, 200, "0");
    }
    close(fd);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(requests_follow_each_other_on_one_connection),
        SERVED(pipelined_requests_are_answered_in_order),
        SERVED(a_thousand_pipelined_requests_are_answered),
        SERVED(connections_outlive_what_civetweb_takes_for_them),
        SERVED(requests_may_be_split_at_every_byte),
        SERVED(a_client_that_expects_it_is_told_to_continue),
        SERVED(a_small_unread_body_is_dropped),
        SERVED(a_large_unread_body_closes_and_the_answer_arrives),
        SERVED(malformed_chunks_end_the_connection),
        SERVED(a_body_that_does_not_come_is_given_up),
        SERVED(answers_are_framed_for_the_client),
        SERVED(http_1_0_clients_are_served),
        SERVED(a_cut_answer_is_seen_as_cut),
        SERVED(a_client_that_does_not_read_is_given_up),
        SERVED(a_client_that_leaves_cancels_its_request),
        SERVED(an_answer_without_a_wait_reaches_a_half_closed_client),
        SERVED(the_stream_can_be_taken),
        SERVED(each_request_has_the_arena_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
