/* platform/http_server, listener: which connections and heads reach a handler, and what becomes
 * of the others; limits, time-outs, drain. Every bad head is refused, its connection closed, and
 * nothing behind it is read as a request. */
#include "tests/unit/platform/server_rig.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "platform/conn_int.h"

static atomic_uint handled, inside, most_inside, refused_status;
static atomic_uint per_carrier[CARRIERS_MAX];
static atomic_bool gate;

static void handle(struct conn *c, void *arg)
{
    (void)arg;
    atomic_fetch_add(&handled, 1);
    atomic_fetch_add(&per_carrier[carrier_index(carrier_self())], 1);
    if (slice_starts(conn_head(c)->path, SLICE("/wait"))) {
        unsigned n = atomic_fetch_add(&inside, 1) + 1;
        if (n > atomic_load(&most_inside))
            atomic_store(&most_inside, n);
        while (!atomic_load(&gate) && fiber_sleep_until(fiber_deadline_ms(2)))
            ;
        atomic_fetch_sub(&inside, 1);
    }
    if (!conn_answer_text(c, 200, SLICE_NONE, NULL, slice_from("hello")))
        conn_abort(c);
}

static void note_refusal(struct conn *c, int status, const char *why, void *arg)
{
    (void)c;
    (void)why;
    (void)arg;
    atomic_store(&refused_status, (unsigned)status);
}

static int set_up(void **state)
{
    rig_setup(state);
    handled = inside = most_inside = refused_status = 0;
    gate = false;
    for (unsigned i = 0; i < CARRIERS_MAX; i++)
        per_carrier[i] = 0;
    return 0;
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define WAIT "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"

static void assert_served(int fd)
{
    struct reply r;

    put_text(fd, GET);
    get_reply(fd, &r);
    assert_int_equal(r.status, 200);
}

/* ---- bad heads ---- */

struct bad {
    int status;
    const char *text;
};

static const struct bad bad_heads[] = {
    { 400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" },
    { 400, "GET / HTTP/1.1\nHost: x\n\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n" },
    { 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\nhello" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
    { 501, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" },
    { 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n" },
    { 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
    { 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
};

static void assert_refused(int fd, int status)
{
    struct reply r;
    char body[128];

    get_reply(fd, &r);
    assert_int_equal(r.status, status);
    assert_true(r.closes);
    assert_non_null(strstr(r.head, "Content-Type: application/json\r\n"));
    snprintf(body, sizeof body, "{ \"statusCode\": %d, \"message\": \"%.*s\" }", status,
             SLICE_ARG(status == 503 ? SLICE("Service unavailable") : http_reason(status)));
    assert_string_equal(r.body, body);
    assert_closed(fd);
    close(fd);
    assert_int_equal(refused_status, status);
    refused_status = 0;
}

static void bad_heads_are_answered_and_nothing_behind_them_is_read(void **state)
{
    (void)state;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    uint64_t before = http_server_counts().bad_heads;
    for (size_t i = 0; i < COUNT_OF(bad_heads); i++) {
        for (int split = 0; split < 2; split++) {
            int fd = dial();
            size_t n = strlen(bad_heads[i].text);
            put_n(fd, bad_heads[i].text, split ? n / 2 : n);
            usleep(split ? 1000 : 0);
            if (split)
                (void)!send(fd, bad_heads[i].text + n / 2, n - n / 2, MSG_NOSIGNAL);
            (void)!send(fd, GET, sizeof GET - 1, MSG_NOSIGNAL);
            assert_refused(fd, bad_heads[i].status);
        }
    }
    assert_int_equal(handled, 0);
    assert_int_equal(http_server_counts().bad_heads, before + 2 * COUNT_OF(bad_heads));
}

/* The same behind a good request, in one packet. */
static void a_bad_head_behind_a_good_one_is_refused(void **state)
{
    struct reply r;
    char text[512];

    (void)state;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    for (size_t i = 0; i < COUNT_OF(bad_heads); i++) {
        int fd = dial();
        snprintf(text, sizeof text, GET "%s" GET, bad_heads[i].text);
        put_text(fd, text);
        get_reply(fd, &r);
        assert_int_equal(r.status, 200);
        assert_refused(fd, bad_heads[i].status);
        assert_int_equal(handled, i + 1);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n" GET;

    (void)state;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    int fd = dial();
    put_n(fd, text, sizeof text - 1);
    assert_refused(fd, 400);
    assert_int_equal(handled, 0);
}

static void late_fields_count_as_early_ones(void **state)
{
    static const char *const late[] = { "Transfer-Encoding: chunked\r\n", "Host: y\r\n",
                                        "B : c\r\n" };
    char text[8192];

    (void)state;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    for (size_t l = 0; l < COUNT_OF(late); l++) {
        size_t n = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n");
        for (int i = 3; i < 65; i++)
            n += (size_t)sprintf(text + n, "X-%d: y\r\n", i);
        sprintf(text + n, "%s\r\n0\r\n\r\n" GET, late[l]);
        int fd = dial();
        put_text(fd, text);
        assert_refused(fd, 400);
    }
    assert_int_equal(handled, 0);
}

static void heads_over_the_limits_are_refused(void **state)
{
    char *text = malloc(200000);
    size_t n;

    (void)state;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    n = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", 8192, 0);
    int fd = dial();
    put_n(fd, text, n);
    assert_refused(fd, 414);
    n = (size_t)sprintf(text, "GET /%0*d", 100000, 0); /* it never ends */
    fd = dial();
    put_n(fd, text, n);
    assert_refused(fd, 414);
    n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\nA: %0*d\r\n\r\n", 33000, 0);
    fd = dial();
    put_n(fd, text, n);
    assert_refused(fd, 431);
    n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\nA: %0*d", 150000, 0);
    fd = dial();
    put_n(fd, text, n);
    assert_refused(fd, 431);
    n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 200; i++)
        n += (size_t)sprintf(text + n, "A: b\r\n");
    n += (size_t)sprintf(text + n, "\r\n");
    fd = dial();
    put_n(fd, text, n);
    assert_refused(fd, 431);
    assert_int_equal(handled, 0);
    /* The largest that may be. */
    n = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: x\r\nA: %0*d\r\n\r\n", 8191, 0,
                        32 * 1024 - 9 - 5, 0);
    fd = dial();
    for (size_t at = 0; at < n; at += 1000) {
        put_n(fd, text + at, n - at < 1000 ? n - at : 1000);
        usleep(200);
    }
    struct reply r;
    get_reply(fd, &r);
    assert_int_equal(r.status, 200);
    assert_served(fd);
    close(fd);
    free(text);
}

static void all_forms_of_targets_reach_the_handler(void **state)
{
    static const char *const heads[] = {
        "GET http://other/a?b HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "PURGE /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "PROPFIND // HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%2e%2e/..%5c/../../etc HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a\\b{}|^` HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?http://x/ HTTP/1.1\r\nHost: mydomain.com\r\n\r\n",
        "GET /.htpasswd HTTP/1.1\r\nHost: x\r\nAuthorization: Basic eDp5\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: "
        "upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        "OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: y\r\nAccess-Control-Request-Method: GET\r\n\r\n",
    };
    struct reply r;

    (void)state;
    rig_serve(handle);
    int fd = dial();
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        put_text(fd, heads[i]);
        get_reply(fd, &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "hello");
    }
    close(fd);
    assert_int_equal(handled, COUNT_OF(heads));
}

/* ---- time ---- */

static void a_slow_head_is_answered_408(void **state)
{
    (void)state;
    rig.options.head_ms = 150;
    rig.options.refuse = note_refusal;
    rig_serve(handle);
    int fd = dial();
    for (int i = 0; i < 4; i++) { /* a byte now and then does not help */
        put_n(fd, &GET[i], 1);
        usleep(20000);
    }
    assert_refused(fd, 408);
    /* On a connection that has served before, too. */
    fd = dial();
    assert_served(fd);
    put_text(fd, "GET");
    assert_refused(fd, 408);
    /* If nothing came: closed without a word. */
    fd = dial();
    assert_closed(fd);
    close(fd);
}

static void idle_connections_are_closed_in_time(void **state)
{
    struct timeval begin, end;

    (void)state;
    rig.options.idle_ms = 200;
    rig.options.head_ms = 5000;
    rig_serve(handle);
    int fd = dial();
    assert_served(fd);
    usleep(120000);
    assert_served(fd); /* the time counts anew */
    gettimeofday(&begin, NULL);
    assert_closed(fd);
    gettimeofday(&end, NULL);
    long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_usec - begin.tv_usec) / 1000;
    assert_in_range(ms, 150, 1500);
    close(fd);
}

/* ---- parking ---- */

_Static_assert(sizeof(struct conn) <= 512, "a parked connection is to cost at most 1 kB");

static void await_parked(unsigned n)
{
    for (int i = 0; i < 5000 && http_server_counts().parked != n; i++)
        usleep(1000);
    assert_int_equal(http_server_counts().parked, n);
}

static void await_open(unsigned n)
{
    for (int i = 0; i < 5000 && http_server_counts().open != n; i++)
        usleep(1000);
    assert_int_equal(http_server_counts().open, n);
}

/* What a look at the connections from their own carrier found. */
static struct look {
    size_t saved_n, with_buffer, with_room, large;
} look;

static void look_here(void *arg)
{
    (void)arg;
    for (struct conn *c = serving_here()->all; c; c = c->all_next) {
        look.saved_n += c->saved_n;
        look.with_buffer += c->saved != NULL;
        look.with_room += c->room != NULL;
        look.large += c->saved && c->saved_class > 0;
    }
}

static void look_at_conns(void)
{
    look = (struct look){ 0 };
    rig_call(false, look_here, NULL);
}

static void parked_connections_hold_no_worker_and_no_buffer(void **state)
{
    enum { N = 300 };
    int fds[N];

    (void)state;
    rig_serve(handle);
    for (int i = 0; i < N; i++) {
        fds[i] = dial();
        assert_served(fds[i]);
    }
    await_parked(N);
    assert_int_equal(http_server_counts().open, N);
    assert_int_equal(http_server_counts().running, 0);
    look_at_conns();
    assert_int_equal(look.with_buffer + look.with_room, 0);
    /* One at a time they needed but few workers: master, one worker or two. */
    assert_true(fiber_count() <= 4);
    /* Incomplete heads cost what they are long. */
    for (int i = 0; i < N; i++)
        put_text(fds[i], "GET / HTTP/1.1\r\nHost:");
    await_parked(0);
    look_at_conns();
    assert_int_equal(look.saved_n, N * 21);
    assert_int_equal(look.large + look.with_room, 0);
    assert_true(fiber_count() <= 4);
    for (int i = 0; i < N; i++) {
        struct reply r;
        put_text(fds[i], " x\r\n\r\n");
        get_reply(fds[i], &r);
        assert_int_equal(r.status, 200);
    }
    await_parked(N);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    await_parked(0);
    await_open(0);
}

/* ---- workers and limits ---- */

static void many_requests_run_at_once_on_one_carrier(void **state)
{
    enum { N = 60 };
    struct reply r;
    int fds[N];

    (void)state;
    rig_serve(handle);
    for (int round = 0; round < 2; round++) {
        gate = false;
        for (int i = 0; i < N; i++) {
            fds[i] = dial();
            put_text(fds[i], WAIT);
        }
        await_count(&inside, N);
        /* The second round needs no more workers; a few may have been on their way when another
         * came free. */
        assert_true(fiber_count() <= N + 2 + N / 8);
        gate = true;
        for (int i = 0; i < N; i++) {
            get_reply(fds[i], &r);
            assert_int_equal(r.status, 200);
            close(fds[i]);
        }
    }
    assert_int_equal(most_inside, N);
}

static void over_limits_requests_heads_wait_their_turn(void **state)
{
    struct reply r;
    int fds[6];

    (void)state;
    rig.options.max_requests = 2;
    rig.carriers = 2;
    rig_serve(handle);
    for (int i = 0; i < 6; i++) {
        fds[i] = dial();
        put_text(fds[i], WAIT);
    }
    await_count(&inside, 2);
    usleep(100000);
    assert_int_equal(most_inside, 2);
    gate = true;
    for (int i = 0; i < 6; i++) {
        get_reply(fds[i], &r);
        assert_int_equal(r.status, 200);
        close(fds[i]);
    }
    assert_true(most_inside <= 2);
}

static void a_head_that_waits_too_long_is_answered_503(void **state)
{
    struct reply r;

    (void)state;
    rig.options.max_requests = 1;
    rig_serve(handle);
    int first = dial(), second = dial(), third = dial();
    put_text(first, WAIT);
    await_count(&inside, 1);
    put_text(second, GET);
    put_text(third, GET);
    usleep(10000);
    close(third); /* it waits no longer */
    get_reply(second, &r); /* 5 s */
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head, "Retry-After: 1\r\n"));
    assert_string_equal(r.body, "{ \"statusCode\": 503, \"message\": \"Service unavailable\" }");
    assert_closed(second);
    gate = true;
    get_reply(first, &r);
    assert_int_equal(r.status, 200);
    assert_served(first);
    close(first);
    close(second);
    assert_int_equal(handled, 2);
}

static void over_limits_connections_the_longest_idle_goes(void **state)
{
    (void)state;
    rig.options.max_connections = 3;
    rig_serve(handle);
    int a = dial();
    assert_served(a);
    int b = dial();
    assert_served(b);
    int c = dial();
    assert_served(c);
    assert_served(a); /* now b is the longest idle */
    int d = dial();
    assert_served(d);
    assert_closed(b);
    assert_served(a);
    assert_served(c);
    close(a);
    close(b);
    close(c);
    close(d);
}

/* Wherever it is idle: with two carriers the newcomer goes to the one that can make room. */
static void the_longest_idle_is_found_on_any_carrier(void **state)
{
    struct reply r;

    (void)state;
    rig.options.max_connections = 2;
    rig.carriers = 2;
    rig_serve(handle);
    int busy = dial();
    put_text(busy, WAIT);
    await_count(&inside, 1);
    int last = dial();
    assert_served(last);
    for (int i = 0; i < 4; i++) {
        usleep(2000); /* until it is parked */
        int fd = dial();
        assert_served(fd);
        assert_closed(last);
        close(last);
        last = fd;
    }
    gate = true;
    get_reply(busy, &r);
    assert_int_equal(r.status, 200);
    close(busy);
    close(last);
}

static void busy_connections_are_not_closed_for_new_ones(void **state)
{
    struct reply r;

    (void)state;
    rig.options.max_connections = 1;
    rig_serve(handle);
    uint64_t before = http_server_counts().refused;
    int a = dial();
    put_text(a, WAIT);
    await_count(&inside, 1);
    int b = dial();
    assert_closed(b);
    gate = true;
    get_reply(a, &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(http_server_counts().refused, before + 1);
    close(a);
    close(b);
}

static void connections_are_spread_over_the_carriers(void **state)
{
    int fds[12];

    (void)state;
    rig.carriers = 3;
    rig_serve(handle);
    for (int i = 0; i < 12; i++) {
        fds[i] = dial();
        assert_served(fds[i]);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(per_carrier[i], 4);
    for (int i = 0; i < 12; i++)
        close(fds[i]);
}

/* ---- listening ---- */

static void unix_sockets_are_for_their_owner(void **state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char path[] = "/tmp/holdfast-test-XXXXXX";
    struct http_port p = { .setting = "admin.listen", .address = a.sun_path, .handler = handle };
    struct stat st;
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0); /* a crash left it */
    assert_int_equal(bind(stale, (struct sockaddr *)&a, sizeof a), 0);
    close(stale);
    assert_true(http_server_listen(&p, &err));
    assert_false(http_server_listen(&p, &err)); /* this one is alive */
    assert_non_null(strstr(err.text, "admin.listen: cannot listen on /tmp/"));
    rig_serve(handle);
    assert_int_equal(stat(a.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_served(fd);
    close(fd);
    rig_stop();
    assert_int_equal(stat(a.sun_path, &st), -1);
    rmdir(path);
}

static void ports_that_cannot_be_had_are_named(void **state)
{
    struct http_port p = { .setting = "net.server.http.port",
                           .address = "127.0.0.1",
                           .handler = handle };
    struct err err;
    char text[64];

    (void)state;
    rig_serve(handle);
    p.port = rig.port;
    assert_false(http_server_listen(&p, &err));
    snprintf(text, sizeof text,
             "net.server.http.port: cannot listen on 127.0.0.1 port %u: ", rig.port);
    assert_memory_equal(err.text, text, strlen(text));
    p.address = "localhost";
    assert_false(http_server_listen(&p, &err));
    assert_non_null(strstr(err.text, "net.server.http.port: \"localhost\""));
}

/* ---- drain ---- */

static void draining_lets_requests_end_and_closes_the_rest(void **state)
{
    struct reply r;

    (void)state;
    rig.carriers = 2;
    rig_serve(handle);
    int idle = dial(), busy = dial(), half = dial(), fresh = dial();
    assert_served(idle);
    assert_served(half);
    put_text(half, "GET / HTTP/1.1\r\nHo");
    put_text(busy, WAIT);
    await_count(&inside, 1);
    usleep(20000);
    rig_begin_stop();
    assert_closed(idle);
    assert_closed(fresh);
    put_text(half, "st: x\r\n\r\n"); /* what has begun is served */
    get_reply(half, &r);
    assert_int_equal(r.status, 200);
    assert_true(r.closes);
    assert_closed(half);
    gate = true;
    get_reply(busy, &r);
    assert_int_equal(r.status, 200);
    assert_true(r.closes);
    assert_closed(busy);
    rig_end_stop();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port) };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), -1);
    close(fd);
    close(idle);
    close(busy);
    close(half);
    close(fresh);
    assert_int_equal(http_server_counts().open, 0);
}

static void draining_cuts_requests_when_its_time_is_over(void **state)
{
    (void)state;
    rig.drain_ms = 100;
    rig_serve(handle);
    int fd = dial();
    put_text(fd, WAIT);
    await_count(&inside, 1);
    rig_stop();
    assert_int_equal(inside, 0);
    close(fd);
    assert_int_equal(http_server_counts().running, 0);
}

static void a_server_can_be_started_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        rig_serve(handle);
        int fd = dial();
        assert_served(fd);
        close(fd);
        rig_stop();
    }
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(bad_heads_are_answered_and_nothing_behind_them_is_read),
        SERVED(a_bad_head_behind_a_good_one_is_refused),
        SERVED(a_nul_byte_is_refused),
        SERVED(late_fields_count_as_early_ones),
        SERVED(heads_over_the_limits_are_refused),
        SERVED(all_forms_of_targets_reach_the_handler),
        SERVED(a_slow_head_is_answered_408),
        SERVED(idle_connections_are_closed_in_time),
        SERVED(parked_connections_hold_no_worker_and_no_buffer),
        SERVED(many_requests_run_at_once_on_one_carrier),
        SERVED(over_limits_requests_heads_wait_their_turn),
        SERVED(a_head_that_waits_too_long_is_answered_503),
        SERVED(over_limits_connections_the_longest_idle_goes),
        SERVED(the_longest_idle_is_found_on_any_carrier),
        SERVED(busy_connections_are_not_closed_for_new_ones),
        SERVED(connections_are_spread_over_the_carriers),
        SERVED(unix_sockets_are_for_their_owner),
        SERVED(ports_that_cannot_be_had_are_named),
        SERVED(draining_lets_requests_end_and_closes_the_rest),
        SERVED(draining_cuts_requests_when_its_time_is_over),
        SERVED(a_server_can_be_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
