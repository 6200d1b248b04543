/* platform/tls: handshakes of both versions between our two ends, verification, resumption, ends of
 * the stream, back pressure, what is left over between handshake and records. */
#include "tests/unit/platform/tls_rig.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/platform/malloc_rig.h"

static struct tls_server *server_ec(void)
{
    return rig_server(FIXTURE_LEAF FIXTURE_INTERMEDIATE, FIXTURE_LEAF_KEY);
}

/* ---- echo, both versions, both kinds of key ---- */

#define ECHO_BYTES (1024u * 1024)

static void write_million(void *arg)
{
    struct ends *e = arg;
    unsigned char *data = malloc(ECHO_BYTES);

    rig_fill(data, ECHO_BYTES, 0);
    /* Parts of all sizes in one vector. */
    struct iovec iov[] = { { data, 1 },         { data + 1, 0 },
                           { data + 1, 300 },   { data + 301, 20000 },
                           { data + 20301, 7 }, { data + 20308, ECHO_BYTES - 20308 } };
    CHECK(stream_write_all(&e->client, iov, COUNT_OF(iov), RIG_WAIT_MS));
    free(data);
}

static void echo_million(struct tls_server *tls, const char *version, size_t step)
{
    struct ends e;
    struct err err = { "" };
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    char byte;

    ends_open(&e, tls, serve_echo);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    check_says(&err, "");
    CHECK(strcmp(tls_version(&e.client), version) == 0);
    CHECK(fiber_spawn("writer", write_million, &e) != NULL);
    rig_expect(&e.client, ECHO_BYTES, 0, step);
    e.client.ops->shutdown(&e.client);
    CHECK_INT(stream_read(&e.client, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)), 0);
    CHECK_INT(stream_recv(&e.client, &byte, 1), 0);
    ends_close(&e);
    CHECK(e.accepted);
    tls_trust_free(trust);
}

static void echo_all(void *arg)
{
    struct tls_server *ec = server_ec(), *ec12 = server_ec();
    struct tls_server *rsa =
        rig_server(FIXTURE_LEAF_RSA FIXTURE_INTERMEDIATE, FIXTURE_LEAF_RSA_KEY);

    (void)arg;
    tls_server_limit_to_12(ec12);
    echo_million(ec, "TLSv1.3", 16320);
    echo_million(ec, "TLSv1.3", 70000);
    echo_million(ec, "TLSv1.3", 997);
    tls_cache_clear();
    echo_million(ec12, "TLSv1.2", 16320);
    echo_million(ec12, "TLSv1.2", 3);
    tls_cache_clear();
    echo_million(rsa, "TLSv1.3", 4096);
    tls_cache_clear();
    tls_server_limit_to_12(rsa);
    echo_million(rsa, "TLSv1.2", 4096);
    tls_server_unref(ec);
    tls_server_unref(ec12);
    tls_server_unref(rsa);
}

static void a_million_bytes_go_both_ways(void **state)
{
    (void)state;
    rig_run(echo_all, NULL);
}

/* Two connections take turns with the carrier's buffers. */
static void echo_in_fiber(void *arg)
{
    echo_million(arg, "TLSv1.3", 1000);
}

static void echo_two(void *arg)
{
    struct tls_server *tls = server_ec();

    (void)arg;
    CHECK(fiber_spawn("other", echo_in_fiber, tls) != NULL);
    echo_million(tls, "TLSv1.3", 1500);
    while (fiber_count() > 1)
        CHECK(fiber_sleep_until(fiber_deadline_ms(10)));
    tls_server_unref(tls);
}

static void connections_of_a_carrier_do_not_mix(void **state)
{
    (void)state;
    rig_run(echo_two, NULL);
}

/* ---- verification ---- */

struct verify_case {
    const char *ca, *name;
    bool skip_chain, skip_name;
    const char *says; /* NULL: accepted */
};

static void verify(struct tls_server *tls, const struct verify_case *c)
{
    struct ends e;
    struct err err = { "" };
    struct tls_trust *trust = c->ca ? rig_trust(c->ca) : NULL;
    const struct tls_client_options options = { trust, c->name, c->skip_chain, c->skip_name, NULL };

    ends_open(&e, tls, NULL);
    bool ok = tls_connect(&e.client, &options, fiber_deadline_ms(RIG_WAIT_MS), &err);
    CHECK_INT(ok, c->says == NULL);
    if (!ok) {
        CHECK_INT(errno, EPROTO);
        CHECK(e.client.ops == &stream_plain && !e.client.tls);
    }
    if (c->says)
        check_says(&err, c->says);
    else if (!ok)
        fprintf(stderr, "%s: %s\n", c->name, err.text);
    ends_close(&e);
    if (!ok && !e.accepted)
        check_says(&e.server_err, "the peer ended the handshake: alert");
    tls_trust_free(trust);
}

static void verify_all(void *arg)
{
    const struct verify_case cases[] = {
        { FIXTURE_ROOT, "good.example", false, false, NULL },
        { FIXTURE_ROOT, "a.wild.example", false, false, NULL },
        { FIXTURE_ROOT, "127.0.0.1", false, false, NULL },
        { FIXTURE_ROOT, "::1", false, false, NULL },
        { FIXTURE_ROOT, "bad.example", false, false,
          "certificate: name mismatch: expected bad.example, it is for good.example, "
          "*.wild.example, 127.0.0.1, ::1" },
        { FIXTURE_ROOT, "a.b.wild.example", false, false, "name mismatch" },
        { FIXTURE_ROOT, "127.0.0.2", false, false, "name mismatch: expected 127.0.0.2" },
        { FIXTURE_ROOT, "::2", false, false, "name mismatch" },
        { FIXTURE_ROOT, NULL, false, false, "no name to verify" },
        { FIXTURE_LEAF_RSA, "good.example", false, false,
          "certificate: unknown CA: CN=Test intermediate, issued by CN=Test root" },
        { NULL, "good.example", false, false, "unknown CA" },
        { FIXTURE_LEAF_RSA, "bad.example", false, false, "; name mismatch" },
        { NULL, "good.example", true, false, NULL },
        { NULL, "bad.example", true, false, "name mismatch: expected bad.example" },
        { NULL, "127.0.0.2", true, false, "name mismatch: expected 127.0.0.2" },
        { FIXTURE_ROOT, "bad.example", false, true, NULL },
        { FIXTURE_ROOT, NULL, false, true, NULL },
        { NULL, "good.example", false, true, "unknown CA" },
        { NULL, "bad.example", true, true, NULL },
    };
    struct tls_server *tls = server_ec();

    (void)arg;
    for (int version = 0; version < 2; version++) {
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            tls_cache_clear();
            if (cases[i].name || cases[i].skip_name)
                verify(tls, &cases[i]);
        }
        tls_server_limit_to_12(tls);
    }
    tls_server_unref(tls);
}

static void chain_and_name_are_verified(void **state)
{
    (void)state;
    rig_run(verify_all, NULL);
}

static void verify_times(void *arg)
{
    const struct verify_case expired = {
        FIXTURE_ROOT, "good.example", false, false,
        "certificate: that of CN=Test intermediate expired on 2021-02-03"
    };
    const struct verify_case future = {
        FIXTURE_ROOT, "good.example", false, false,
        "certificate: that of CN=good.example is valid from 2090-01-01: is the clock right?"
    };
    const struct verify_case forgiven = { FIXTURE_ROOT, "good.example", false, false, NULL };
    struct tls_server *old =
        rig_server(FIXTURE_LEAF FIXTURE_INTERMEDIATE_EXPIRED, FIXTURE_LEAF_KEY);
    struct tls_server *early =
        rig_server(FIXTURE_LEAF_FUTURE FIXTURE_INTERMEDIATE, FIXTURE_LEAF_KEY);

    (void)arg;
    tls_cache_clear();
    verify(old, &expired);
    verify(early, &future);
    tls_clock_unset(true);
    verify(old, &expired);
    verify(early, &forgiven);
    tls_clock_unset(false);
    tls_server_unref(old);
    tls_server_unref(early);
}

static void times_are_verified_as_far_as_the_clock_is_known(void **state)
{
    (void)state;
    rig_run(verify_times, NULL);
}

/* ---- resumption ---- */

static void serve_one(struct ends *e)
{
    CHECK(rig_write(&e->server, "x", 1));
}

/* One connection; whether the client resumed. */
static bool resumes(struct tls_server *tls, struct tls_trust *trust, const char *name,
                    bool skip_chain)
{
    const struct tls_client_options options = { trust, name, skip_chain, false, NULL };
    struct tls_counts before = tls_counts();
    struct ends e;
    struct err err = { "" };
    char byte;

    ends_open(&e, tls, serve_one);
    CHECK(tls_connect(&e.client, &options, fiber_deadline_ms(RIG_WAIT_MS), &err));
    check_says(&err, "");
    CHECK_INT(stream_read(&e.client, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)),
              1); /* a ticket of 1.3 comes before */
    ends_close(&e);
    struct tls_counts after = tls_counts();
    CHECK_INT(after.client_full + after.client_resumed,
              before.client_full + before.client_resumed + 1);
    CHECK_INT(after.server_resumed - before.server_resumed,
              after.client_resumed - before.client_resumed);
    CHECK_INT(after.server_full + after.server_resumed,
              before.server_full + before.server_resumed + 1);
    return after.client_resumed > before.client_resumed;
}

static void resume_all(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT), *other = rig_trust(FIXTURE_ROOT);

    (void)arg;
    for (int version = 0; version < 2; version++) {
        tls_cache_clear();
        CHECK(!resumes(tls, trust, "good.example", false));
        CHECK(resumes(tls, trust, "good.example", false));
        CHECK(resumes(tls, trust, "good.example", false));
        /* Neither with other checks, nor with another trust, nor under another name. */
        CHECK(!resumes(tls, trust, "good.example", true));
        CHECK(!resumes(tls, other, "good.example", false));
        CHECK(!resumes(tls, trust, "127.0.0.1", false));
        CHECK(resumes(tls, trust, "127.0.0.1", false));
        /* The keys of tickets outlive a change of certificate. */
        tls_server_unref(tls);
        tls = server_ec();
        if (version == 0)
            CHECK(resumes(tls, trust, "good.example", false));
        tls_server_limit_to_12(tls);
    }
    CHECK_INT(tls_cache_count(), 4);
    tls_server_unref(tls);
    tls_trust_free(trust);
    tls_trust_free(other);
}

static void sessions_resume_where_they_may(void **state)
{
    (void)state;
    rig_run(resume_all, NULL);
}

static void stale_session(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err = { "" };

    (void)arg;
    tls_cache_clear();
    CHECK(!resumes(tls, trust, "good.example", false));
    tls_server_limit_to_12(tls);
    ends_open(&e, tls, NULL);
    CHECK(!ends_connect(&e, trust, "good.example", &err));
    CHECK_INT(errno, ESTALE);
    check_says(&err, "alert");
    ends_close(&e);
    CHECK(!resumes(tls, trust, "good.example", false));
    CHECK(resumes(tls, trust, "good.example", false));
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void a_session_that_is_in_the_way_is_forgotten(void **state)
{
    (void)state;
    rig_run(stale_session, NULL);
}

static void the_session_cache_is_bounded(void **state)
{
    (void)state;
    char key[16];
    size_t n = 0;
    unsigned char big[TLS_CACHE_SESSION_MAX + 1] = { 0 };

    tls_cache_clear();
    for (unsigned i = 0; i < TLS_CACHE_ENTRIES + 10; i++) {
        snprintf(key, sizeof key, "%u", i);
        tls_cache_put(key, key, strlen(key));
        free(tls_cache_get("0", &n)); /* stays in use */
    }
    assert_int_equal(tls_cache_count(), TLS_CACHE_ENTRIES);
    assert_null(tls_cache_get("1", &n));
    unsigned char *session = tls_cache_get("0", &n);
    assert_non_null(session);
    assert_int_equal(n, 1);
    free(session);
    tls_cache_put("0", "again", 5);
    session = tls_cache_get("0", &n);
    assert_int_equal(n, 5);
    assert_memory_equal(session, "again", 5);
    free(session);
    tls_cache_drop("0");
    assert_null(tls_cache_get("0", &n));
    tls_cache_put("big", big, sizeof big);
    assert_null(tls_cache_get("big", &n));
    tls_cache_clear();
    assert_int_equal(tls_cache_count(), 0);
}

/* ---- ends of the stream ---- */

static void serve_after_the_end(struct ends *e)
{
    static unsigned char data[300000];
    char byte;

    rig_expect(&e->server, 10, 0, 100);
    CHECK_INT(stream_read(&e->server, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)), 0);
    rig_fill(data, sizeof data, 0);
    CHECK(rig_write(&e->server, data, sizeof data));
    e->server.ops->shutdown(&e->server);
}

static void half_close(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);

    (void)arg;
    for (int version = 0; version < 2; version++) {
        struct ends e;
        struct err err;
        unsigned char data[10];
        char byte;
        tls_cache_clear();
        ends_open(&e, tls, serve_after_the_end);
        CHECK(ends_connect(&e, trust, "good.example", &err));
        rig_fill(data, sizeof data, 0);
        CHECK(rig_write(&e.client, data, sizeof data));
        e.client.ops->shutdown(&e.client);
        rig_expect(&e.client, 300000, 0, 16000);
        CHECK_INT(stream_read(&e.client, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)), 0);
        ends_close(&e);
        tls_server_limit_to_12(tls);
    }
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void a_half_closed_stream_still_carries_the_answer(void **state)
{
    (void)state;
    rig_run(half_close, NULL);
}

static void serve_cut(struct ends *e)
{
    CHECK(rig_write(&e->server, "abc", 3));
    shutdown(e->server.sock.fd, SHUT_WR); /* a FIN without close_notify */
}

static void cut(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err;
    char buf[10];

    (void)arg;
    ends_open(&e, tls, serve_cut);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    CHECK_INT(stream_read(&e.client, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS)), 3);
    CHECK_INT(stream_read(&e.client, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS)), -1);
    CHECK_INT(errno, ECONNRESET);
    ends_close(&e);
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void a_bare_fin_is_no_proper_end(void **state)
{
    (void)state;
    rig_run(cut, NULL);
}

static void serve_garbage(struct ends *e)
{
    CHECK(send(e->server.sock.fd, "\x17\x03\x03\x00\x20this is no record of this session", 37, 0) ==
          37);
}

static void garbage(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err;
    struct iovec iov = { "x", 1 };
    char buf[10];

    (void)arg;
    ends_open(&e, tls, serve_garbage);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(stream_read(&e.client, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS)), -1);
        CHECK_INT(errno, EPROTO);
    }
    CHECK_INT(stream_send(&e.client, &iov, 1), -1);
    CHECK_INT(errno, EPROTO);
    e.client.ops->shutdown(&e.client);
    ends_close(&e);
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void a_forged_record_breaks_the_stream_for_good(void **state)
{
    (void)state;
    rig_run(garbage, NULL);
}

/* ---- handshakes that come to nothing ---- */

static void accept_fails(const char *bytes, bool close_after, uint64_t ms, const char *says,
                         int error)
{
    struct tls_server *tls = server_ec();
    struct stream client, server;
    struct err err = { "" };
    int fds[2];

    rig_pair(fds);
    CHECK(stream_open_plain(&client, fds[0]));
    CHECK(stream_open_plain(&server, fds[1]));
    CHECK_INT(send(fds[0], bytes, strlen(bytes), 0), strlen(bytes));
    if (close_after)
        shutdown(fds[0], SHUT_WR);
    CHECK(!tls_accept(&server, tls, fiber_deadline_ms(ms), &err));
    CHECK_INT(errno, error);
    check_says(&err, says);
    CHECK(server.ops == &stream_plain);
    stream_close(&server);
    stream_close(&client);
    tls_server_unref(tls);
}

static void cancel_me(void *arg)
{
    CHECK(fiber_sleep_until(fiber_deadline_ms(20)));
    fiber_cancel(arg);
}

static void fail_all(void *arg)
{
    (void)arg;
    accept_fails("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, RIG_WAIT_MS,
                 "the peer does not speak TLS", EPROTO);
    accept_fails("\x16\x03", true, RIG_WAIT_MS, "closed by the peer during the handshake",
                 ECONNRESET);
    accept_fails("", true, RIG_WAIT_MS, "closed by the peer during the handshake", ECONNRESET);
    accept_fails("\x16\x03", false, 30, "timed out during the handshake", ETIMEDOUT);
    CHECK(fiber_spawn("canceler", cancel_me, fiber_self()) != NULL);
    accept_fails("\x16\x03", false, RIG_WAIT_MS, "canceled during the handshake", ECANCELED);

    struct stream client, other;
    struct err err;
    const struct tls_client_options options = { .name = "good.example" };
    const struct tls_client_options nonsense = { .name = NULL };
    char long_name[400];
    const struct tls_client_options too_long = { .name = long_name };
    int fds[2];
    rig_pair(fds);
    CHECK(stream_open_plain(&client, fds[0]));
    CHECK(stream_open_plain(&other, fds[1]));
    CHECK(send(fds[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0) == 28);
    CHECK(!tls_connect(&client, &options, fiber_deadline_ms(RIG_WAIT_MS), &err));
    check_says(&err, "the peer does not speak TLS");
    CHECK(!tls_connect(&client, &nonsense, fiber_deadline_ms(RIG_WAIT_MS), &err));
    check_says(&err, "no name to verify");
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    CHECK(!tls_connect(&client, &too_long, fiber_deadline_ms(RIG_WAIT_MS), &err));
    check_says(&err, "not a host name");
    stream_close(&client);
    stream_close(&other);
}

static void failed_handshakes_say_why(void **state)
{
    (void)state;
    rig_run(fail_all, NULL);
}

/* ---- between handshake and records ---- */

static void serve_what_came_early(struct ends *e)
{
    CHECK(stream_pending(&e->server)); /* with the last flight of the client */
    rig_expect(&e->server, 9000, 0, 1000);
    CHECK(!stream_pending(&e->server));
    CHECK(rig_write(&e->server, "x", 1));
}

static void early(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);

    (void)arg;
    for (int resumed = 0; resumed < 2; resumed++) {
        struct ends e;
        struct err err;
        unsigned char data[9000];
        char byte;
        ends_open(&e, tls, serve_what_came_early);
        CHECK(ends_connect(&e, trust, "good.example", &err));
        rig_fill(data, sizeof data, 0);
        CHECK(rig_write(&e.client, data, sizeof data));
        CHECK_INT(stream_read(&e.client, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)), 1);
        ends_close(&e);
    }
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void data_that_came_with_the_handshake_is_kept(void **state)
{
    (void)state;
    rig_run(early, NULL);
}

/* ---- back pressure ---- */

#define PRESSURE_BYTES 400000u

static void serve_slowly(struct ends *e)
{
    for (size_t at = 0; at < PRESSURE_BYTES; at += 20000) {
        CHECK(fiber_sleep_until(fiber_deadline_ms(1)));
        rig_expect(&e->server, 20000, at, 3000);
    }
    CHECK(rig_write(&e->server, "x", 1));
}

static void send_against_pressure(struct ends *e)
{
    static unsigned char data[PRESSURE_BYTES];
    struct fiber_wait wait = { .kind = FIBER_WAIT_WRITE, .sock = &e->client.sock };
    unsigned waits = 0, shorts = 0;

    rig_fill(data, sizeof data, 0);
    for (size_t at = 0; at < sizeof data;) {
        /* Three parts, the cuts between them at other places each time. */
        size_t n = sizeof data - at < 30011 ? sizeof data - at : 30011;
        size_t a = n / 7, b = n / 5;
        struct iovec iov[] = { { data + at, a },
                               { data + at + a, b },
                               { data + at + a + b, n - a - b } };
        ssize_t sent = stream_send(&e->client, iov, 3);
        if (sent > 0) {
            shorts += (size_t)sent < n;
            at += (size_t)sent;
            continue;
        }
        CHECK_INT(errno, EAGAIN);
        waits++;
        CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(RIG_WAIT_MS)), 1);
    }
    CHECK(waits > 3);
    CHECK(shorts > 0);
}

static void pressure(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err;
    char byte;
    int small = 4096;

    (void)arg;
    ends_open(&e, tls, serve_slowly);
    CHECK_INT(setsockopt(e.client.sock.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    send_against_pressure(&e);
    CHECK_INT(stream_read(&e.client, &byte, 1, fiber_deadline_ms(RIG_WAIT_MS)), 1);
    ends_close(&e);
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void records_under_way_are_finished_first(void **state)
{
    (void)state;
    rig_run(pressure, NULL);
}

static void stalled(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err;
    static unsigned char data[2000000];
    struct iovec iov = { data, sizeof data };

    (void)arg;
    ends_open(&e, tls, NULL);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    CHECK(!stream_write_all(&e.client, &iov, 1, 30));
    CHECK_INT(errno, ETIMEDOUT);
    e.client.ops->shutdown(&e.client);
    ends_close(&e);
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void a_peer_that_takes_nothing_times_out(void **state)
{
    (void)state;
    rig_run(stalled, NULL);
}

/* ---- memory ---- */

static void ping_pong(struct ends *e, int rounds)
{
    unsigned char data[300];

    rig_fill(data, sizeof data, 0);
    for (int i = 0; i < rounds; i++) {
        CHECK(rig_write(&e->client, data, sizeof data));
        rig_expect(&e->client, sizeof data, 0, 4096);
    }
}

static void frugal(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);

    (void)arg;
    for (int version = 0; version < 2; version++) {
        struct ends e;
        struct err err;
        ends_open(&e, tls, serve_echo);
        CHECK(ends_connect(&e, trust, "good.example", &err));
        ping_pong(&e, 3);
        unsigned long long before = allocations;
        ping_pong(&e, 100);
        CHECK_INT(allocations, before);
        tls_trim(&e.client);
        tls_trim(&e.server);
        ping_pong(&e, 2);
        size_t bytes = tls_connection_bytes();
        CHECK(bytes > 20000 && bytes < 40000);
        e.client.ops->shutdown(&e.client);
        ends_close(&e);
        tls_cache_clear();
        tls_server_limit_to_12(tls);
    }
    tls_server_unref(tls);
    tls_trust_free(trust);
}

static void records_allocate_nothing(void **state)
{
    (void)state;
    rig_run(frugal, NULL);
}

static void replace(void *arg)
{
    struct tls_server *tls = server_ec();
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    struct ends e;
    struct err err;

    (void)arg;
    ends_open(&e, tls, serve_echo);
    CHECK(ends_connect(&e, trust, "good.example", &err));
    ping_pong(&e, 1);
    tls_server_unref(tls); /* the connection holds the last reference */
    tls_trust_free(trust);
    ping_pong(&e, 1);
    e.client.ops->shutdown(&e.client);
    ends_close(&e);
}

static void a_replaced_certificate_lives_as_long_as_its_connections(void **state)
{
    (void)state;
    rig_run(replace, NULL);
}

/* ---- opening ---- */

static void server_fails(const char *certificate, const char *key, const char *says)
{
    struct tls_server *t = NULL;
    struct err err = { "" };

    assert_false(tls_server_open(&t, slice_from(certificate), slice_from(key), &err));
    assert_null(t);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void a_server_says_which_of_the_two_is_wrong(void **state)
{
    (void)state;
    server_fails("", FIXTURE_LEAF_KEY, "certificate: cannot be read");
    server_fails("junk", FIXTURE_LEAF_KEY, "certificate: cannot be read");
    server_fails(FIXTURE_LEAF "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                 FIXTURE_LEAF_KEY, "certificate: 1 of the certificates in it cannot be read");
    server_fails(FIXTURE_LEAF_EXPIRED, FIXTURE_LEAF_KEY,
                 "certificate: of CN=good.example: expired on 2021-02-03");
    server_fails(FIXTURE_LEAF, "", "private key: neither PEM nor DER");
    server_fails(FIXTURE_LEAF, FIXTURE_LEAF, "private key: neither PEM nor DER");
    server_fails(FIXTURE_LEAF, FIXTURE_LEAF_RSA_KEY,
                 "private key: does not fit the certificate of CN=good.example");
    server_fails(FIXTURE_INTERMEDIATE FIXTURE_LEAF, FIXTURE_LEAF_KEY,
                 "private key: does not fit the certificate of CN=Test intermediate");
    char *many = calloc(1, 20 * sizeof FIXTURE_LEAF_RSA + 1);
    for (int i = 0; i < 20; i++)
        memcpy(many + strlen(many), FIXTURE_LEAF_RSA, sizeof FIXTURE_LEAF_RSA);
    server_fails(many, FIXTURE_LEAF_RSA_KEY, "more than the 8128 that fit one message");
    free(many);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void trust_comes_from_files_and_directories(void **state)
{
    (void)state;
    char dir[] = "/tmp/holdfast-trust-XXXXXX", path[256], both[256], note[256];
    struct tls_trust *t = NULL;
    struct err err = { "" };

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/root.pem", dir);
    snprintf(both, sizeof both, "%s/both.crt", dir);
    snprintf(note, sizeof note, "%s/README", dir);
    write_file(path, FIXTURE_ROOT);
    write_file(both, "# a comment\n" FIXTURE_INTERMEDIATE "\n" FIXTURE_ROOT);
    write_file(note, "no certificate\n");

    assert_true(tls_trust_open(&t, path, &err));
    assert_int_equal(tls_trust_count(t), 1);
    assert_true(tls_trust_add(t, both, &err));
    assert_int_equal(tls_trust_count(t), 2);
    assert_non_null(strstr(tls_trust_source(t), "root.pem (1 certificates), "));
    tls_trust_free(t);

    assert_true(tls_trust_open(&t, dir, &err));
    assert_int_equal(tls_trust_count(t), 2);
    tls_trust_free(t);

    assert_int_equal(setenv("SSL_CERT_FILE", both, 1), 0);
    assert_true(tls_trust_open(&t, NULL, &err));
    assert_int_equal(tls_trust_count(t), 2);
    tls_trust_free(t);
    unsetenv("SSL_CERT_FILE");

    assert_false(tls_trust_open(&t, note, &err));
    assert_null(t);
    assert_non_null(strstr(err.text, "CA certificates: "));
    assert_non_null(strstr(err.text, "README: no certificate in it"));
    assert_int_equal(unlink(note) | unlink(both) | unlink(path), 0);
    assert_false(tls_trust_open(&t, path, &err));
    assert_non_null(strstr(err.text, path));
    assert_true(tls_trust_open(&t, dir, &err)); /* an empty directory */
    assert_int_equal(tls_trust_count(t), 0);
    assert_non_null(strstr(tls_trust_source(t), "set net.client.tls.ca.path"));
    assert_true(tls_trust_add_built_in(t, &err));
    assert_true(tls_trust_count(t) > 100);
    assert_non_null(strstr(tls_trust_source(t), "the bundle built in ("));
    tls_trust_free(t);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- texts ---- */

static void texts_of_peers_are_made_printable(void **state)
{
    (void)state;
    char out[8];

    tls_printable(out, sizeof out, SLICE("a\n\x1b[b"));
    assert_string_equal(out, "a??[b");
    tls_printable(out, sizeof out, SLICE("too long for it"));
    assert_string_equal(out, "too lon");
    assert_string_equal(tls_alert_name(48), "unknown CA");
    assert_string_equal(tls_alert_name(200), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_bytes_go_both_ways),
        cmocka_unit_test(connections_of_a_carrier_do_not_mix),
        cmocka_unit_test(chain_and_name_are_verified),
        cmocka_unit_test(times_are_verified_as_far_as_the_clock_is_known),
        cmocka_unit_test(sessions_resume_where_they_may),
        cmocka_unit_test(a_session_that_is_in_the_way_is_forgotten),
        cmocka_unit_test(the_session_cache_is_bounded),
        cmocka_unit_test(a_half_closed_stream_still_carries_the_answer),
        cmocka_unit_test(a_bare_fin_is_no_proper_end),
        cmocka_unit_test(a_forged_record_breaks_the_stream_for_good),
        cmocka_unit_test(failed_handshakes_say_why),
        cmocka_unit_test(data_that_came_with_the_handshake_is_kept),
        cmocka_unit_test(records_under_way_are_finished_first),
        cmocka_unit_test(a_peer_that_takes_nothing_times_out),
        cmocka_unit_test(records_allocate_nothing),
        cmocka_unit_test(a_replaced_certificate_lives_as_long_as_its_connections),
        cmocka_unit_test(a_server_says_which_of_the_two_is_wrong),
        cmocka_unit_test(trust_comes_from_files_and_directories),
        cmocka_unit_test(texts_of_peers_are_made_printable),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
