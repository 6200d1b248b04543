/* The HTTP server over TLS: handshakes, keep-alive, bodies out of the read-ahead, parking,
 * limits. */
#include "tests/unit/platform/server_rig.h"

#include <fcntl.h>

#include "platform/tls.h"
#include "tests/unit/platform/tls_fixtures.h"

static atomic_uint failures, handled;
static struct tls_server *tls;

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            atomic_fetch_add(&failures, 1);                                           \
        }                                                                             \
    } while (0)

/* Answers with the length of the body. */
static void handle(struct conn *c, void *arg)
{
    static _Thread_local char block[8192];
    char text[32];
    size_t n = 0;
    ssize_t got;

    (void)arg;
    atomic_fetch_add(&handled, 1);
    CHECK(conn_is_tls(c));
    while ((got = conn_body_read(c, block, sizeof block)) > 0)
        n += (size_t)got;
    snprintf(text, sizeof text, "%06zu", n);
    if (got < 0 || !conn_answer_text(c, 200, SLICE_NONE, NULL, slice_from(text)))
        conn_abort(c);
}

static int set_up(void **state)
{
    struct http_port p = {
        .setting = "test.port", .address = "127.0.0.1", .handler = handle, .tls = &tls
    };
    struct err err = { "" };

    rig_setup(state);
    failures = handled = 0;
    if (!tls_global_init(&err)
        || !tls_server_open(&tls, slice_from(FIXTURE_LEAF), slice_from(FIXTURE_LEAF_KEY), &err)
        || !http_server_listen(&p, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    rig.port = http_server_port(0);
    return 0;
}

static int tear_down(void **state)
{
    rig_teardown(state);
    tls_server_unref(tls);
    return 0;
}

/* ---- a client that is a fiber ---- */

static bool dial_tls(struct stream *s)
{
    const struct tls_client_options options = { .name = "good.example",
                                                .skip_chain = true,
                                                .skip_name = true };
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port) };
    struct err err = { "" };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!stream_open_plain(s, fd))
        return false;
    if (sock_connect(&s->sock, (struct sockaddr *)&a, sizeof a, fiber_deadline_ms(5000))
        && tls_connect(s, &options, fiber_deadline_ms(5000), &err))
        return true;
    stream_close(s);
    return false;
}

static void say(struct stream *s, const void *p, size_t n)
{
    struct iovec iov = { .iov_base = (void *)p, .iov_len = n };

    CHECK(stream_write_all(s, &iov, 1, 5000));
}

static void say_text(struct stream *s, const char *text)
{
    say(s, text, strlen(text));
}

/* The next answer is 200 and its body this; returns what is behind it, NULL if it did not come. */
static void hear(struct stream *s, const char *body)
{
    char text[1024] = "";
    size_t n = 0, want = 0;

    while (!want || n < want) {
        /* Never beyond this answer: its head, then exactly its 6 bytes of body. */
        ssize_t got = stream_read(s, text + n, want ? want - n : 1, fiber_deadline_ms(5000));
        if (got <= 0)
            break;
        n += (size_t)got;
        if (!want && n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0)
            want = n + 6;
    }
    CHECK(want && n == want);
    CHECK(strncmp(text, "HTTP/1.1 200 ", 13) == 0);
    CHECK(want && memcmp(text + want - 6, body, 6) == 0);
}

static bool hears_the_end(struct stream *s)
{
    char c;

    return stream_read(s, &c, 1, fiber_deadline_ms(5000)) == 0;
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

static void run(void (*client)(void *arg))
{
    rig_run();
    rig_call(true, client, NULL);
    assert_int_equal(failures, 0);
}

/* ---- tests ---- */

static void talk(void *arg)
{
    static char body[100000];
    struct stream s;

    (void)arg;
    CHECK(dial_tls(&s));
    for (int i = 0; i < 10; i++) {
        say_text(&s, GET);
        hear(&s, "000000");
    }
    say_text(&s, GET GET
             "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET); /* one record */
    hear(&s, "000000");
    hear(&s, "000000");
    hear(&s, "000003");
    hear(&s, "000000");
    for (const char *c = GET; *c; c++) /* a record for each byte */
        say(&s, c, 1);
    hear(&s, "000000");
    say_text(&s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    say(&s, body, sizeof body);
    hear(&s, "100000");
    say_text(&s, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n");
    say(&s, body, sizeof body);
    say_text(&s, "\r\n0\r\n\r\n" GET);
    hear(&s, "100000");
    hear(&s, "000000");
    CHECK(http_server_counts().tls == 1);
    say_text(&s, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hear(&s, "000000");
    CHECK(hears_the_end(&s));
    stream_close(&s);
}

static void requests_follow_each_other_over_tls(void **state)
{
    (void)state;
    run(talk);
    assert_int_equal(handled, 19);
}

static void stay_idle(void *arg)
{
    struct stream s, other;

    (void)arg;
    CHECK(dial_tls(&s));
    say_text(&s, GET);
    hear(&s, "000000");
    fiber_sleep_until(fiber_deadline_ms(2600)); /* trimmed meanwhile */
    say_text(&s, GET);
    hear(&s, "000000");
    CHECK(dial_tls(&other)); /* limits.connections.tls: the idle one goes, with close_notify */
    CHECK(hears_the_end(&s));
    say_text(&other, GET);
    hear(&other, "000000");
    stream_close(&s);
    stream_close(&other);
}

static void idle_ones_are_trimmed_and_make_room(void **state)
{
    (void)state;
    rig.options.max_tls_connections = 1;
    run(stay_idle);
}

static void time_out(void *arg)
{
    struct stream s;

    (void)arg;
    CHECK(dial_tls(&s));
    say_text(&s, GET);
    hear(&s, "000000");
    CHECK(hears_the_end(&s));
    stream_close(&s);
}

static void idle_ones_are_closed_with_a_word(void **state)
{
    (void)state;
    rig.options.idle_ms = 100;
    run(time_out);
}

static void handshakes_that_fail_are_counted(void **state)
{
    struct http_server_counts before;
    struct reply r;

    (void)state;
    rig.options.handshake_ms = 150;
    rig_run();
    before = http_server_counts();
    int fd = dial(); /* says nothing */
    assert_closed(fd);
    close(fd);
    fd = dial(); /* speaks no TLS */
    put_text(fd, GET);
    while (get_byte(fd, r.head) > 0)
        ; /* an alert, perhaps */
    close(fd);
    for (int i = 0; i < 5000 && http_server_counts().open; i++)
        usleep(1000);
    struct http_server_counts after = http_server_counts();
    assert_int_equal(after.handshakes_failed, before.handshakes_failed + 2);
    assert_int_equal(after.open, 0);
    assert_int_equal(after.tls, 0);
    assert_int_equal(handled, 0);
}

static void draining_ends_handshakes(void **state)
{
    (void)state;
    rig.drain_ms = 100;
    rig_run();
    int fd = dial();
    usleep(20000);
    rig_stop();
    assert_int_equal(http_server_counts().open, 0);
    close(fd);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(requests_follow_each_other_over_tls),
        SERVED(idle_ones_are_trimmed_and_make_room),
        SERVED(idle_ones_are_closed_with_a_word),
        SERVED(handshakes_that_fail_are_counted),
        SERVED(draining_ends_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
