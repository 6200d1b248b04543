/* platform/tls against other people's TLS: our server with curl, openssl s_client and Python's ssl
 * module; our client with openssl s_server and a Python server. A tool that is not on this machine
 * skips its tests. */
#include "tests/unit/platform/tls_rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>

#include "tests/unit/platform/command_rig.h"

#define BODY_BYTES (1024u * 1024)

static char dir[64];
static unsigned char *body;

static const char python_client[] =
    "import socket, ssl, sys\n"
    "port, ca, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]\n"
    "context = ssl.create_default_context(cafile=ca)\n"
    "context.set_alpn_protocols(['h2', 'http/1.1'])\n"
    "context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)\n"
    "data = bytes(i * 7 % 251 for i in range(1 << 20))\n"
    "session, reused = None, []\n"
    "for i in range(3):\n"
    "    raw = socket.create_connection(('127.0.0.1', port))\n"
    "    with context.wrap_socket(raw, server_hostname='good.example', session=session) as s:\n"
    "        assert s.selected_alpn_protocol() == 'http/1.1'\n"
    "        at = 0\n"
    "        while at < len(data):\n"
    "            part = data[at:at + 50000]\n"
    "            s.sendall(part)\n"
    "            back = b''\n"
    "            while len(back) < len(part):\n"
    "                more = s.recv(20000)\n"
    "                assert more, 'the end too early'\n"
    "                back += more\n"
    "            assert back == part\n"
    "            at += len(part)\n"
    "        session, _ = s.session, reused.append(s.session_reused)\n"
    "        s.unwrap()\n"
    "assert reused == [False, True, True], reused\n";

static const char python_server[] =
    "import socket, ssl, sys\n"
    "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "context.load_cert_chain(sys.argv[1], sys.argv[2])\n"
    "context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])\n"
    "listener = socket.create_server(('127.0.0.1', 0))\n"
    "print('ACCEPT 127.0.0.1:%d' % listener.getsockname()[1], flush=True)\n"
    "while True:\n"
    "    raw, _ = listener.accept()\n"
    "    try:\n"
    "        with context.wrap_socket(raw, server_side=True) as s:\n"
    "            while True:\n"
    "                data = s.recv(30000)\n"
    "                if not data:\n"
    "                    break\n"
    "                s.sendall(data)\n"
    "    except (OSError, ssl.SSLError) as e:\n"
    "        print(e, flush=True)\n";

static void write_file(const char *name, const void *p, size_t n)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

#define WRITE_TEXT(name, text) write_file(name, text, strlen(text))

static int set_up(void **state)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof dir, "%.30s/interop-XXXXXX", tmp && strlen(tmp) <= 30 ? tmp : "/tmp");
    if (!mkdtemp(dir) || rig_set_up(state) != 0)
        return -1;
    body = malloc(BODY_BYTES);
    rig_fill(body, BODY_BYTES, 0);
    write_file("body", body, BODY_BYTES);
    WRITE_TEXT("root.pem", FIXTURE_ROOT);
    WRITE_TEXT("other.pem", FIXTURE_LEAF_RSA);
    WRITE_TEXT("chain.pem", FIXTURE_LEAF FIXTURE_INTERMEDIATE);
    WRITE_TEXT("leaf.pem", FIXTURE_LEAF);
    WRITE_TEXT("expired.pem", FIXTURE_LEAF_EXPIRED);
    WRITE_TEXT("inter.pem", FIXTURE_INTERMEDIATE);
    WRITE_TEXT("leaf.key", FIXTURE_LEAF_KEY);
    WRITE_TEXT("client.py", python_client);
    WRITE_TEXT("server.py", python_server);
    return 0;
}

static int tear_down(void **state)
{
    free(body);
    command_run("rm -rf %s", dir);
    return rig_tear_down(state);
}

/* ---- our server ---- */

struct site {
    struct tls_server *tls;
    struct sock listener;
    unsigned port;
    unsigned open;
    struct err last; /* of the handshake that failed last */
};

struct visit {
    struct site *site;
    struct stream stream;
};

static void answer(struct stream *s)
{
    char head[128];
    int n =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Length: %u\r\nConnection: close\r\n\r\n", BODY_BYTES);
    struct iovec iov[] = { { head, (size_t)n }, { body, BODY_BYTES } };

    CHECK(stream_write_all(s, iov, 2, RIG_WAIT_MS));
}

/* A GET gets the body, anything else its echo. */
static void serve_visit(void *arg)
{
    struct visit *v = arg;
    char buf[30000];
    struct err err;
    ssize_t got;

    if (tls_accept(&v->stream, v->site->tls, fiber_deadline_ms(RIG_WAIT_MS), &err)) {
        while ((got = stream_read(&v->stream, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS))) >
               0) {
            if (memcmp(buf, "GET ", 4) == 0) {
                answer(&v->stream);
                break;
            }
            if (!rig_write(&v->stream, buf, (size_t)got))
                break;
        }
        v->stream.ops->shutdown(&v->stream);
        while (stream_read(&v->stream, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS)) > 0)
            ;
    } else {
        v->site->last = err;
    }
    stream_close(&v->stream);
    v->site->open--;
    free(v);
}

static void accept_visits(void *arg)
{
    struct site *site = arg;
    struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &site->listener };

    while (fiber_wait(&wait, 1, UINT64_MAX) > 0) {
        int fd;
        while ((fd = sock_accept(&site->listener, NULL, NULL)) >= 0) {
            struct visit *v = calloc(1, sizeof *v);
            v->site = site;
            site->open++;
            CHECK(stream_open_plain(&v->stream, fd));
            CHECK(fiber_spawn("visit", serve_visit, v) != NULL);
        }
    }
    site->open--;
}

static void site_open(struct site *site)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *site = (struct site){ .tls = rig_server(FIXTURE_LEAF FIXTURE_INTERMEDIATE, FIXTURE_LEAF_KEY),
                           .open = 1 };
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_INT(listen(fd, 20), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    site->port = ntohs(address.sin_port);
    CHECK(sock_open(&site->listener, fd));
    CHECK(fiber_spawn("site", accept_visits, site) != NULL);
}

/* Until only so many fibers of the site are left. */
static void site_wait(const struct site *site, unsigned open)
{
    while (site->open > open)
        CHECK(fiber_sleep_until(fiber_deadline_ms(2)));
}

static void site_close(struct site *site)
{
    sock_close(&site->listener);
    site_wait(site, 0);
    tls_server_unref(site->tls);
}

struct command {
    char text[2000];
    int code;
};

static void run_command(void *arg)
{
    struct command *c = arg;

    c->code = command_run("%s", c->text);
}

/* Run a command while the carrier serves. PORT and DIR in it are replaced. */
static int run(const struct site *site, const char *template)
{
    struct command c = { .text = "" };

    for (size_t n = 0; *template && n + 100 < sizeof c.text;) {
        if (strncmp(template, "PORT", 4) == 0) {
            n += (size_t)snprintf(c.text + n, 100, "%u", site->port);
            template += 4;
        } else if (strncmp(template, "DIR", 3) == 0) {
            n += (size_t)snprintf(c.text + n, 100, "%s", dir);
            template += 3;
        } else {
            c.text[n++] = *template++;
        }
    }
    helper_call(run_command, &c);
    site_wait(site, 1);
    if (c.code != 0 && getenv("VERBOSE"))
        fprintf(stderr, "%d: %s\n", c.code, c.text);
    return c.code;
}

#define CURL "curl -sS --noproxy '*' --resolve good.example:PORT:127.0.0.1 -o DIR/out "

static void with_curl(void *arg)
{
    struct site site;

    (void)arg;
    site_open(&site);
    CHECK_INT(run(&site, CURL "--cacert DIR/root.pem --tls-max 1.2 https://good.example:PORT/ && "
                              "cmp DIR/out DIR/body"),
              0);
    CHECK_INT(
        run(&site, CURL
            "--cacert DIR/root.pem --tlsv1.3 https://good.example:PORT/ && cmp DIR/out DIR/body"),
        0);
    CHECK_INT(
        run(&site, CURL "--cacert DIR/root.pem https://127.0.0.1:PORT/ && cmp DIR/out DIR/body"),
        0);
    CHECK_INT(run(&site, CURL "--cacert DIR/other.pem https://good.example:PORT/ 2>/dev/null"), 60);
    check_says(&site.last, "the peer ended the handshake: alert 48 (unknown CA)");
    CHECK_INT(run(&site, CURL "http://127.0.0.1:PORT/ 2>/dev/null"), 52);
    check_says(&site.last, "the peer does not speak TLS");
    site_close(&site);
}

static void curl_is_served(void **state)
{
    (void)state;
    if (!command_exists("curl"))
        skip();
    rig_run(with_curl, NULL);
}

#define S_CLIENT                                                                                   \
    "openssl s_client -connect 127.0.0.1:PORT -servername good.example -CAfile DIR/root.pem "      \
    "-verify_return_error "

static void with_s_client(void *arg)
{
    struct site site;
    struct tls_counts before;

    (void)arg;
    site_open(&site);
    CHECK_INT(run(&site, "printf 'GET / HTTP/1.1\\r\\n\\r\\n' | " S_CLIENT
                         "-tls1_2 -quiet 2>/dev/null | tail -c 1048576 | cmp - DIR/body"), 0);
    CHECK_INT(run(&site, "printf 'GET / HTTP/1.1\\r\\n\\r\\n' | " S_CLIENT
                         "-tls1_3 -quiet 2>/dev/null | tail -c 1048576 | cmp - DIR/body"), 0);
    CHECK_INT(run(&site, S_CLIENT
                  "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305 </dev/null >/dev/null 2>&1"),
              0);
    CHECK_INT(run(&site, S_CLIENT
                  "-tls1_3 -ciphersuites TLS_AES_256_GCM_SHA384 </dev/null >/dev/null 2>&1"),
              0);
    CHECK_INT(run(&site, S_CLIENT "-tls1_3 -groups P-384 </dev/null >/dev/null 2>&1"), 0);
    CHECK(run(&site,
              S_CLIENT "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA </dev/null >/dev/null 2>&1") != 0);
    CHECK(run(&site, S_CLIENT "-tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null >/dev/null 2>&1") != 0);
    CHECK(run(&site, S_CLIENT "-alpn h2 </dev/null >/dev/null 2>&1") != 0);
    check_says(&site.last, "no protocol in common (ALPN)");
    CHECK_INT(run(&site,
                  S_CLIENT "-alpn h2,http/1.1 </dev/null 2>&1 | grep -q 'ALPN protocol: http/1.1'"),
              0);
    /* the chain is sent whole */
    CHECK_INT(run(&site, S_CLIENT "-showcerts </dev/null 2>/dev/null | grep -c BEGIN | grep -qx 2"),
              0);

    before = tls_counts();
    CHECK_INT(run(&site, S_CLIENT "-tls1_2 -sess_out DIR/session </dev/null >/dev/null 2>&1"), 0);
    CHECK_INT(
        run(&site, S_CLIENT "-tls1_2 -sess_in DIR/session </dev/null 2>&1 | grep -q '^Reused'"), 0);
    CHECK_INT(tls_counts().server_resumed, before.server_resumed + 1);
    site_close(&site);
}

static void openssl_s_client_is_served(void **state)
{
    (void)state;
    if (!command_exists("openssl"))
        skip();
    rig_run(with_s_client, NULL);
}

static void with_python(void *arg)
{
    struct site site;

    (void)arg;
    site_open(&site);
    CHECK_INT(run(&site, "python3 DIR/client.py PORT DIR/root.pem TLSv1_2"), 0);
    CHECK_INT(run(&site, "python3 DIR/client.py PORT DIR/root.pem TLSv1_3"), 0);
    site_close(&site);
}

static void python_is_served_and_resumes(void **state)
{
    (void)state;
    if (command_run("python3 -c 'import ssl; ssl.TLSVersion' 2>/dev/null") != 0)
        skip();
    rig_run(with_python, NULL);
}

/* ---- our client ---- */

struct other {
    pid_t pid;
    unsigned port;
};

/* Start a server whose output names its port: "ACCEPT 127.0.0.1:41234". */
static bool other_start(struct other *o, const char *command)
{
    char text[1000], path[128];

    snprintf(path, sizeof path, "%s/accept", dir);
    unlink(path);
    snprintf(text, sizeof text, "cd %s && exec %s >accept 2>&1", dir, command);
    o->pid = command_start(text);
    for (int i = 0; i < 500; i++) {
        FILE *f = fopen(path, "r");
        char line[200] = "";
        while (f && fgets(line, sizeof line, f))
            if (strncmp(line, "ACCEPT ", 7) == 0)
                break;
        if (f)
            fclose(f);
        const char *colon = strncmp(line, "ACCEPT ", 7) == 0 ? strrchr(line, ':') : NULL;
        if (colon) {
            o->port = (unsigned)strtoul(colon + 1, NULL, 10);
            return true;
        }
        CHECK(fiber_sleep_until(fiber_deadline_ms(20)));
    }
    return false;
}

static void other_stop(struct other *o)
{
    kill(o->pid, SIGTERM);
    waitpid(o->pid, NULL, 0);
}

static bool connect_to(struct stream *s, unsigned port, struct tls_trust *trust, const char *name,
                       struct err *err)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct tls_client_options options = { .trust = trust, .name = name };

    err->text[0] = 0;
    CHECK(stream_open_plain(s, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
    CHECK(sock_connect(&s->sock, (struct sockaddr *)&address, sizeof address,
                       fiber_deadline_ms(RIG_WAIT_MS)));
    return tls_connect(s, &options, fiber_deadline_ms(RIG_WAIT_MS), err);
}

/* Whether the page of s_server's -www came, with a proper end or a bare FIN. */
static void read_page(struct stream *s)
{
    static char page[100000];
    size_t n = 0;
    ssize_t got;

    CHECK(rig_write(s, "GET / HTTP/1.0\r\n\r\n", 18));
    while ((got = stream_read(s, page + n, sizeof page - 1 - n, fiber_deadline_ms(RIG_WAIT_MS))) >
           0)
        n += (size_t)got;
    page[n] = 0;
    CHECK(strstr(page, "200 ok") != NULL);
}

static void to_s_server(void *arg)
{
    static const char *const versions[] = { "-tls1_2", "-tls1_3" };
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);
    char command[300];

    (void)arg;
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct other o;
        struct stream s;
        struct err err;
        tls_cache_clear();
        snprintf(command, sizeof command,
                 "openssl s_server -accept 127.0.0.1:0 -cert leaf.pem -key leaf.key -cert_chain "
                 "inter.pem -www %s",
                 versions[i]);
        CHECK(other_start(&o, command));
        struct tls_counts before = tls_counts();
        for (int visit = 0; visit < 3; visit++) {
            CHECK(connect_to(&s, o.port, trust, "good.example", &err));
            check_says(&err, "");
            read_page(&s);
            stream_close(&s);
        }
        CHECK_INT(tls_counts().client_resumed, before.client_resumed + 2);
        CHECK(!connect_to(&s, o.port, trust, "bad.example", &err));
        check_says(&err, "name mismatch: expected bad.example");
        stream_close(&s);
        other_stop(&o);

        snprintf(command, sizeof command,
                 "openssl s_server -accept 127.0.0.1:0 -cert expired.pem -key leaf.key -cert_chain "
                 "inter.pem -www %s",
                 versions[i]);
        CHECK(other_start(&o, command));
        tls_cache_clear();
        CHECK(!connect_to(&s, o.port, trust, "good.example", &err));
        check_says(&err, "certificate: that of CN=good.example expired on 2021-02-03");
        stream_close(&s);
        other_stop(&o);
    }
    tls_trust_free(trust);
}

static void openssl_s_server_is_verified_and_resumed(void **state)
{
    (void)state;
    if (!command_exists("openssl"))
        skip();
    rig_run(to_s_server, NULL);
}

static void write_body(void *arg)
{
    CHECK(rig_write(arg, body, BODY_BYTES));
}

static void to_python(void *arg)
{
    static const char *const versions[] = { "TLSv1_2", "TLSv1_3" };
    struct tls_trust *trust = rig_trust(FIXTURE_ROOT);

    (void)arg;
    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        struct other o;
        struct stream s;
        struct err err;
        char command[300];
        tls_cache_clear();
        snprintf(command, sizeof command, "python3 server.py chain.pem leaf.key %s", versions[i]);
        CHECK(other_start(&o, command));
        for (int visit = 0; visit < 2; visit++) {
            CHECK(connect_to(&s, o.port, trust, "good.example", &err));
            check_says(&err, "");
            CHECK(fiber_spawn("writer", write_body, &s) != NULL);
            rig_expect(&s, BODY_BYTES, 0, 10000);
            stream_close(&s);
        }
        other_stop(&o);
    }
    tls_trust_free(trust);
}

static void python_serves_us(void **state)
{
    (void)state;
    if (command_run("python3 -c 'import ssl; ssl.TLSVersion' 2>/dev/null") != 0)
        skip();
    rig_run(to_python, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curl_is_served),
        cmocka_unit_test(openssl_s_client_is_served),
        cmocka_unit_test(python_is_served_and_resumes),
        cmocka_unit_test(openssl_s_server_is_verified_and_resumed),
        cmocka_unit_test(python_serves_us),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
