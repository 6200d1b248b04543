/* platform/http1_client over TLS: a server of our own on fibers of the same carrier. */
#include "tests/unit/platform/http1_rig.h"

#include <fcntl.h>

#include "platform/crypto.h"
#include "platform/file.h"
#include "platform/tls.h"

/* ---- the server ---- */

static struct sock listener;
static struct tls_server *server;
static unsigned accepted, handshakes;
static bool cut_without_notify;

struct served {
    struct stream stream;
    char buf[4096];
    size_t n;
};

static void answer(struct served *s, const char *text)
{
    struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };

    CHECK(stream_write_all(&s->stream, &iov, 1, 2000));
}

static void answer_big(struct served *s)
{
    char *piece = malloc(100000);
    struct iovec iov = { .iov_base = piece, .iov_len = 100000 };

    for (size_t i = 0; i < 100000; i++)
        piece[i] = (char)(i * 11);
    answer(s, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    CHECK(stream_write_all(&s->stream, &iov, 1, 2000));
    free(piece);
}

static void serve_requests(struct served *s)
{
    ssize_t got;

    while ((got = stream_read(&s->stream, s->buf + s->n, sizeof s->buf - 1 - s->n,
                              fiber_deadline_ms(5000))) > 0) {
        s->n += (size_t)got;
        s->buf[s->n] = 0;
        char *end = strstr(s->buf, "\r\n\r\n");
        if (!end)
            continue;
        s->n = 0;
        if (strstr(s->buf, "GET /big"))
            answer_big(s);
        else if (strstr(s->buf, "GET /close"))
            answer(s, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
        else
            answer(s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        if (strstr(s->buf, "GET /close"))
            return;
    }
}

static void serve_one(void *arg)
{
    struct served *s = arg;
    struct err err;

    if (tls_accept(&s->stream, server, fiber_deadline_ms(3000), &err)) {
        handshakes++;
        serve_requests(s);
        if (!cut_without_notify)
            s->stream.ops->shutdown(&s->stream);
    }
    stream_close(&s->stream);
    free(s);
}

static void accept_all(void *arg)
{
    bool *done = arg;

    for (;;) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &listener };
        int fd = sock_accept(&listener, NULL, NULL);
        if (fd < 0 && fiber_wait(&wait, 1, fiber_deadline_ms(60000)) <= 0)
            break;
        if (fd < 0)
            continue;
        struct served *s = calloc(1, sizeof *s);
        accepted++;
        CHECK(stream_open_plain(&s->stream, fd));
        CHECK(fiber_spawn("serve", serve_one, s) != NULL);
    }
    *done = true;
}

static uint16_t listen_here(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK_INT(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(fd, 64), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    CHECK(sock_open(&listener, fd));
    return ntohs(a.sin_port);
}

/* ---- the tests ---- */

static struct http1_target tls_target(uint16_t port, const char *name)
{
    struct http1_target t;
    struct err err;
    const struct http1_target_options o = { .host = SLICE("127.0.0.1"), .port = port, .tls = true,
                                            .tls_name = slice_from(name) };

    CHECK(http1_target_init(&t, &arena, &o, &err));
    return t;
}

static void load_certificates(struct tls_trust **trust)
{
    const struct slice names[] = { SLICE("backend.example") };
    char path[] = "/tmp/http1-tls-XXXXXX";
    struct slice certificate, key;
    struct err err;

    CHECK(crypto_self_signed(&arena, names, 1, 30, &certificate, &key, &err));
    CHECK(tls_server_open(&server, certificate, key, &err));
    int fd = mkstemp(path);
    CHECK_INT(write(fd, certificate.p, certificate.n), (long long)certificate.n);
    close(fd);
    CHECK(tls_trust_open(trust, path, &err));
    unlink(path);
}

static void try_reuse(uint16_t port)
{
    struct http1_target t = tls_target(port, "backend.example");

    for (int i = 0; i < 5; i++) {
        struct got g = exchange(&t, "GET", GET);
        CHECK_INT(g.reused, i > 0);
        check_body(&g, 200, "hello");
    }
    /* Tickets arrive on the idle connection and do not close it. */
    fiber_sleep_until(fiber_deadline_ms(50));
    CHECK_INT(http1_counts().idle, 1);
    struct got g = exchange(&t, "GET", "GET /big HTTP/1.1\r\nHost: b\r\n\r\n");
    CHECK(g.reused);
    CHECK(g.ok);
    CHECK_INT(g.n, 100000);
    size_t wrong = 0;
    for (size_t i = 0; i < g.n; i++)
        wrong += g.body[i] != (char)(i * 11);
    CHECK_INT(wrong, 0);
    free(g.body);
    CHECK_INT(accepted, 1);
}

static void try_ends(uint16_t port)
{
    struct http1_target t = tls_target(port, "backend.example");
    struct got g = exchange(&t, "GET", "GET /close HTTP/1.1\r\nHost: b\r\n\r\n");

    check_body(&g, 200, "until the end");
    http1_drop_idle();
    /* Without close_notify anybody could have cut it. */
    cut_without_notify = true;
    g = exchange(&t, "GET", "GET /close HTTP/1.1\r\nHost: b\r\n\r\n");
    check_failed(&g, HTTP1_PROTOCOL, "response body");
    cut_without_notify = false;
}

static void try_names(uint16_t port)
{
    struct http1_target wrong = tls_target(port, "other.example");
    struct got g = exchange(&wrong, "GET", GET);

    check_failed(&g, HTTP1_CONNECT, "TLS: ");
    wrong.skip_name = true;
    wrong.hash++;
    g = exchange(&wrong, "GET", GET);
    check_body(&g, 200, "hello");
    http1_drop_idle();
    struct http1_target right = tls_target(port, "backend.example");
    http1_set_trust(NULL);
    g = exchange(&right, "GET", GET);
    check_failed(&g, HTTP1_CONNECT, "no trust store");
}

static void tls_fiber(void *arg)
{
    struct tls_trust *trust;
    bool stopped = false;

    (void)arg;
    arena_init_growing(&arena, 16u << 20);
    load_certificates(&trust);
    http1_set_trust(trust);
    uint16_t port = listen_here();
    CHECK(fiber_spawn("accept", accept_all, &stopped) != NULL);
    try_reuse(port);
    try_ends(port);
    try_names(port);
    http1_drop_idle();
    fiber_sleep_until(fiber_deadline_ms(30));
    sock_close(&listener);
    while (!stopped)
        fiber_yield();
    CHECK_INT(http1_counts().active, 0);
    CHECK_INT(block_taken(), 0);
    block_pool_drop();
    CHECK_INT(handshakes, 3);
    tls_trust_free(trust);
    tls_server_unref(server);
    arena_free(&arena);
}

static void exchanges_over_tls(void **state)
{
    struct err err;

    (void)state;
    assert_true(tls_global_init(&err));
    rig_run(tls_fiber, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(exchanges_over_tls) };

    return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
