/* platform/http_client against a Python server: answers, ranges, cut bodies, time-outs, from
 * threads and from fibers, connections and TLS sessions used again. */
#include "tests/unit/platform/tls_rig.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "platform/clock.h"
#include "platform/http_client.h"
#include "tests/unit/platform/command_rig.h"

static const char server_text[] =
    "import http.server, ssl, sys, time\n"
    "BODY = bytes(i * 7 % 251 for i in range(300000))\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    protocol_version = 'HTTP/1.1'\n"
    "    def log_message(self, *args): pass\n"
    "    def answer(self, status, body, fields=()):\n"
    "        self.send_response(status)\n"
    "        for name, value in fields: self.send_header(name, value)\n"
    "        self.send_header('Content-Length', str(len(body)))\n"
    "        self.end_headers()\n"
    "        if self.command != 'HEAD': self.wfile.write(body)\n"
    "    def do_GET(self):\n"
    "        path = self.path\n"
    "        if path == '/hello': self.answer(200, b'hello', [('ETag', '\"1\"'), ('X-Empty', ''), "
    "('X-Two', 'a'), ('X-Two', 'b')])\n"
    "        elif path == '/body': \n"
    "            asked = self.headers.get('Range')\n"
    "            if not asked: return self.answer(200, BODY)\n"
    "            first, last = asked[len('bytes='):].split('-')\n"
    "            part = BODY[int(first):int(last) + 1 if last else None]\n"
    "            self.answer(206, part, [('Content-Range', 'bytes %s-%d/%d' % (first, int(first) + "
    "len(part) - 1, len(BODY)))])\n"
    "        elif path == '/peer': self.answer(200, str(self.client_address[1]).encode())\n"
    "        elif path == '/reused': self.answer(200, "
    "str(self.connection.session_reused).encode(), [('Connection', 'close')])\n"
    "        elif path == '/cut':\n"
    "            self.send_response(200)\n"
    "            self.send_header('Content-Length', '1000')\n"
    "            self.end_headers()\n"
    "            self.wfile.write(b'x' * 100)\n"
    "            self.close_connection = True\n"
    "        elif path == '/cutchunk':\n"
    "            self.send_response(200)\n"
    "            self.send_header('Transfer-Encoding', 'chunked')\n"
    "            self.end_headers()\n"
    "            self.wfile.write(b'10\\r\\nabc')\n"
    "            self.close_connection = True\n"
    "        elif path == '/nothing': self.close_connection = True\n"
    "        elif path == '/chunked':\n"
    "            self.send_response(200)\n"
    "            self.send_header('Transfer-Encoding', 'chunked')\n"
    "            self.end_headers()\n"
    "            self.wfile.write(b'5\\r\\nhello\\r\\n6\\r\\n world\\r\\n0\\r\\nX-Trailer: "
    "t\\r\\n\\r\\n')\n"
    "        elif path == '/slow': time.sleep(3); self.answer(200, b'late')\n"
    "        elif path == '/drip':\n"
    "            self.send_response(200)\n"
    "            self.send_header('Content-Length', '1000')\n"
    "            self.end_headers()\n"
    "            try:\n"
    "                for i in range(40): self.wfile.write(b'x'); self.wfile.flush(); "
    "time.sleep(0.25)\n"
    "            except OSError: pass\n"
    "        elif path == '/reason': self.send_response_only(299, 'As It Likes'); self.send_header('Content-Length', '0'); "
    "self.end_headers()\n"
    "        elif path == '/redirect': self.answer(302, b'go', [('Location', '/hello')])\n"
    "        elif path == '/loop': self.answer(302, b'go', [('Location', '/loop')])\n"
    "        elif path == '/garbage': self.wfile.write(b'this is no HTTP\\r\\n\\r\\n'); "
    "self.close_connection = True\n"
    "        elif path == '/headers': self.answer(200, str(self.headers).encode())\n"
    "        else: self.answer(404, b'no such thing')\n"
    "    do_HEAD = do_GET\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))\n"
    "        self.answer(201, ('%s %d\\n%s' % (self.command, len(body), self.headers)).encode())\n"
    "    do_PUT = do_DELETE = do_PATCH = do_POST\n"
    "class Server(http.server.ThreadingHTTPServer):\n"
    "    daemon_threads = True\n"
    "    def finish_request(self, request, address):\n"
    "        if context: request = context.wrap_socket(request, server_side=True)\n"
    "        super().finish_request(request, address)\n"
    "    def handle_error(self, request, address): pass\n"
    "context = None\n"
    "if len(sys.argv) > 1:\n"
    "    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "    context.load_cert_chain(sys.argv[1], sys.argv[2])\n"
    "server = Server(('127.0.0.1', 0), Handler)\n"
    "print('port %d' % server.server_address[1], flush=True)\n"
    "server.serve_forever()\n";

static char dir[64];
static struct {
    pid_t pid;
    unsigned port;
} plain, secure, expired;
static struct tls_trust *trust;
static struct arena arena;

/* ---- the servers ---- */

static void write_text(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* Start a server; its port when it has one. */
static unsigned start_server(pid_t *pid, const char *name, const char *arguments)
{
    char command[400], path[128], line[100];

    snprintf(command, sizeof command, "cd %s && exec python3 server.py %s >%s 2>&1", dir, arguments,
             name);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    *pid = command_start(command);
    for (int i = 0; i < 1000; i++) {
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
        FILE *f = fopen(path, "r");
        char *got = f ? fgets(line, sizeof line, f) : NULL;
        if (f)
            fclose(f);
        if (got && strncmp(line, "port ", 5) == 0 && strchr(line, '\n'))
            return (unsigned)strtoul(line + 5, NULL, 10);
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int set_up(void **state)
{
    const char *tmp = getenv("TMPDIR");
    struct err err;

    if (command_run("python3 -c 'import ssl, http.server'") != 0)
        exit(77);
    snprintf(dir, sizeof dir, "%.30s/client-XXXXXX", tmp && strlen(tmp) <= 30 ? tmp : "/tmp");
    if (!mkdtemp(dir) || rig_set_up(state) != 0)
        return -1;
    write_text("server.py", server_text);
    write_text("chain.pem", FIXTURE_LEAF FIXTURE_INTERMEDIATE);
    write_text("expired.pem", FIXTURE_LEAF_EXPIRED FIXTURE_INTERMEDIATE);
    write_text("leaf.key", FIXTURE_LEAF_KEY);
    plain.port = start_server(&plain.pid, "plain", "");
    secure.port = start_server(&secure.pid, "secure", "chain.pem leaf.key");
    expired.port = start_server(&expired.pid, "expired", "expired.pem leaf.key");
    arena_init_growing(&arena, 64u << 20);
    trust = rig_trust(FIXTURE_ROOT);
    /* Whatever proxy this machine has is not meant. */
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("ALL_PROXY");
    unsetenv("all_proxy");
    return plain.port && secure.port && expired.port && http_client_start(trust, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    http_client_stop();
    kill(plain.pid, SIGTERM);
    kill(secure.pid, SIGTERM);
    kill(expired.pid, SIGTERM);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    tls_trust_free(trust);
    arena_free(&arena);
    command_run("rm -rf %s", dir);
    return rig_tear_down(state);
}

/* ---- asking ---- */

static const char *url_of(const char *scheme, const char *host, unsigned port, const char *path)
{
    return arena_printf(&arena, "%s://%s:%u%s", scheme, host, port, path).p;
}

#define PLAIN(path) url_of("http", "127.0.0.1", plain.port, path)
#define SECURE(path) url_of("https", "127.0.0.1", secure.port, path)

static bool ask(const struct http_client_request *q, struct http_client_result *r)
{
    return http_client_perform(q, &arena, r);
}

static void gets(const char *url, int status, const char *body)
{
    const struct http_client_request q = { .url = url, .max_body = 1000 };
    struct http_client_result r;

    if (!ask(&q, &r))
        fail_msg("%s", r.message);
    assert_int_equal(r.status, status);
    if (body && !slice_eq(r.body, slice_from(body)))
        fail_msg("%.*s", SLICE_ARG(r.body));
}

static void fails(const struct http_client_request *q, enum http_client_failure failure,
                  const char *says)
{
    struct http_client_result r;

    assert_false(ask(q, &r));
    if (r.failure != failure || !strstr(r.message, says))
        fail_msg("failure %d (not %d): \"%s\" does not say \"%s\"", r.failure, failure, r.message,
                 says);
}

/* ---- answers ---- */

static void an_answer_comes_whole(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/hello"), .max_body = 5 };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_int_equal(r.failure, HTTP_CLIENT_OK);
    assert_string_equal(r.message, "");
    assert_int_equal(r.status, 200);
    assert_true(slice_eq(r.body, SLICE("hello")));
    assert_int_equal(r.body_bytes, 5);
    assert_true(slice_eq(http_fields_get(&r.fields, SLICE("etag")), SLICE("\"1\"")));
    assert_non_null(http_fields_find(&r.fields, SLICE("x-empty")));
    assert_int_equal(http_fields_remove(&r.fields, SLICE("X-Two")), 2);
}

static void a_reason_comes_as_sent(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/reason") };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_int_equal(r.status, 299);
    assert_true(slice_eq(r.reason, SLICE("As It Likes")));
}

static void any_status_is_an_answer(void **state)
{
    (void)state;
    gets(PLAIN("/missing"), 404, "no such thing");
    gets(PLAIN("/redirect"), 302, "go");
}

static void a_chunked_body_and_its_trailers(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/chunked"), .max_body = 100 };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_true(slice_eq(r.body, SLICE("hello world")));
    assert_null(http_fields_find(&r.fields, SLICE("X-Trailer")));
}

static struct http_fields fields_of(const struct http_field *v, uint32_t n)
{
    struct http_fields f = { .arena = &arena };

    for (uint32_t i = 0; i < n; i++)
        assert_true(http_fields_add(&f, v[i].name, v[i].value));
    return f;
}

static bool check_part(void *arg, const char *p, size_t n)
{
    size_t *at = arg;

    for (size_t i = 0; i < n; i++, ++*at)
        if ((unsigned char)p[i] != *at * 7 % 251)
            return false;
    return true;
}

static bool refuse_head(void *arg, int status, const struct http_fields *fields)
{
    int *seen = arg;

    seen[0]++;
    seen[1] = status;
    seen[2] = (int)fields->n;
    return status == 404;
}

static bool count_calls(void *arg, const char *p, size_t n)
{
    int *seen = arg;

    (void)p, (void)n;
    return ++seen[3] > 0;
}

static void the_head_comes_before_the_body(void **state)
{
    (void)state;
    int seen[4] = { 0 };
    struct http_client_request q = {
        .url = PLAIN("/missing"), .head = refuse_head, .sink = count_calls, .sink_arg = seen
    };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 404);
    assert_int_equal(seen[3], 1);
    q.url = PLAIN("/body");
    fails(&q, HTTP_CLIENT_SINK, "the body was refused");
    assert_int_equal(seen[0], 2);
    assert_int_equal(seen[3], 1);
    q.method = SLICE("HEAD"); /* no body comes */
    fails(&q, HTTP_CLIENT_SINK, "the body was refused");
    assert_int_equal(seen[0], 3);
}

static void a_range_goes_to_a_sink(void **state)
{
    (void)state;
    struct http_field range = { .name = SLICE_INIT("Range"), .value = SLICE_INIT("bytes=1000-") };
    const struct http_fields fields = fields_of(&range, 1);
    size_t at = 1000;
    const struct http_client_request q = {
        .url = PLAIN("/body"), .fields = &fields, .sink = check_part, .sink_arg = &at
    };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_int_equal(r.status, 206);
    assert_int_equal(at, 300000);
    assert_int_equal(r.body_bytes, 299000);
    assert_int_equal(r.body.n, 0);
    assert_true(slice_eq(http_fields_get(&r.fields, SLICE("Content-Range")),
                         SLICE("bytes 1000-299999/300000")));
}

static void bodies_are_bounded(void **state)
{
    (void)state;
    const struct http_client_request small = { .url = PLAIN("/body"), .max_body = 299999 };
    const struct http_client_request exact = { .url = PLAIN("/body"), .max_body = 300000 };
    const struct http_client_request dropped = { .url = PLAIN("/body") };
    struct http_client_result r;
    size_t wrong = 1;
    const struct http_client_request refused = { .url = PLAIN("/body"),
                                                 .sink = check_part,
                                                 .sink_arg = &wrong };

    fails(&small, HTTP_CLIENT_SINK, "the body is larger than allowed");
    fails(&refused, HTTP_CLIENT_SINK, "the body was refused");
    assert_true(ask(&exact, &r));
    assert_int_equal(r.body.n, 300000);
    assert_true(ask(&dropped, &r));
    assert_int_equal(r.body.n, 0);
    assert_int_equal(r.body_bytes, 300000);

    struct arena tiny;
    char memory[2000];
    arena_init_fixed(&tiny, memory, sizeof memory);
    assert_false(http_client_perform(&exact, &tiny, &r));
    assert_int_equal(r.failure, HTTP_CLIENT_OTHER);
    arena_free(&tiny);
}

static void methods_and_fields_go_as_given(void **state)
{
    (void)state;
    struct http_field v[] = { { .name = SLICE_INIT("X-A"), .value = SLICE_INIT("1") },
                              { .name = SLICE_INIT("X-Empty"), .value = SLICE_INIT("") } };
    const struct http_fields fields = fields_of(v, 2);
    static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };
    char *big = calloc(1, 2000000);
    struct http_client_result r;

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        const struct http_client_request q = { .method = slice_from(methods[i]),
                                               .url = PLAIN("/x"),
                                               .fields = &fields,
                                               .body = slice_of(big, i ? 10 : 2000000),
                                               .max_body = 2000 };
        assert_true(ask(&q, &r));
        assert_int_equal(r.status, 201);
        assert_true(slice_starts(r.body, slice_from(methods[i])));
        assert_true(slice_find(r.body, i ? SLICE(" 10\n") : SLICE(" 2000000\n")) > 0);
        assert_true(slice_find(r.body, SLICE("X-A: 1\n")) > 0);
        assert_true(slice_find(r.body, SLICE("X-Empty: \n")) > 0);
        assert_true(slice_find(r.body, SLICE("Accept-Encoding: identity\n")) > 0);
        assert_true(slice_find(r.body, SLICE("Content-Type")) < 0);
        assert_true(slice_find(r.body, SLICE("Expect")) < 0);
    }
    free(big);
    const struct http_client_request empty = { .method = SLICE_INIT("POST"),
                                               .url = PLAIN("/x"),
                                               .max_body = 2000 };
    assert_true(ask(&empty, &r));
    assert_true(slice_starts(r.body, SLICE("POST 0\n")));
    const struct http_client_request head = { .method = SLICE_INIT("HEAD"),
                                              .url = PLAIN("/hello"),
                                              .max_body = 2000 };
    assert_true(ask(&head, &r));
    assert_int_equal(r.body.n, 0);
    assert_true(slice_eq(http_fields_get(&r.fields, SLICE("Content-Length")), SLICE("5")));
}

static void malformed_requests_are_not_sent(void **state)
{
    (void)state;
    struct http_field bad = { .name = SLICE_INIT("X-A"), .value = SLICE_INIT("1\r\nX-B: 2") };
    const struct http_fields fields = fields_of(&bad, 1);
    const struct http_client_request field = { .url = PLAIN("/hello"), .fields = &fields };
    const struct http_client_request method = { .url = PLAIN("/hello"),
                                                .method = SLICE_INIT("GE T") };
    const struct http_client_request url = { .url = "http://" };
    const struct http_client_request file = { .url = "file:///etc/passwd" };

    fails(&field, HTTP_CLIENT_OTHER, "malformed");
    fails(&method, HTTP_CLIENT_OTHER, "malformed");
    fails(&url, HTTP_CLIENT_OTHER, "http://: ");
    fails(&file, HTTP_CLIENT_OTHER, "disabled");
}

static void redirects_are_followed_when_asked(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/redirect"),
                                           .max_body = 100,
                                           .follow_redirects = true };
    const struct http_client_request loop = { .url = PLAIN("/loop"), .follow_redirects = true };
    struct http_client_result r;

    assert_true(ask(&q, &r));
    assert_int_equal(r.status, 200);
    assert_true(slice_eq(r.body, SLICE("hello")));
    assert_null(http_fields_find(&r.fields, SLICE("Location")));
    fails(&loop, HTTP_CLIENT_OTHER, "redirects");
}

static void a_proxy_of_the_environment_is_used(void **state)
{
    (void)state;
    const char *proxy = arena_printf(&arena, "http://127.0.0.1:%u", plain.port).p;
    const struct http_client_request tunnel = { .url = "https://nowhere.invalid/" };

    assert_int_equal(setenv("http_proxy", proxy, 1) | setenv("HTTPS_PROXY", proxy, 1), 0);
    gets("http://nowhere.invalid/x", 404, "no such thing"); /* our server answers in its place */
    fails(&tunnel, HTTP_CLIENT_CONNECT, "nowhere.invalid:443: "); /* it opens no tunnels */
    assert_int_equal(setenv("NO_PROXY", "127.0.0.1", 1), 0);
    gets(PLAIN("/hello"), 200, "hello");
    unsetenv("http_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("NO_PROXY");
}

static void connections_are_used_again(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/peer"), .max_body = 100 };
    struct http_client_result first, r;

    assert_true(ask(&q, &first));
    for (int i = 0; i < 5; i++) {
        assert_true(ask(&q, &r));
        assert_true(slice_eq(r.body, first.body));
    }
}

/* ---- failures ---- */

static void failures_have_a_kind_and_name_the_host(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address),
                     0); /* and nobody listens */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    const struct http_client_request refused = { .url = url_of("http", "127.0.0.1",
                                                               ntohs(address.sin_port), "/") };
    const struct http_client_request unknown = { .url = "http://no-such-host.invalid/" };
    const struct http_client_request cut = { .url = PLAIN("/cut"), .max_body = 2000 };
    const struct http_client_request cut_chunk = { .url = PLAIN("/cutchunk"), .max_body = 2000 };
    const struct http_client_request nothing = { .url = PLAIN("/nothing") };
    const struct http_client_request garbage = { .url = PLAIN("/garbage") };
    char where[40];

    snprintf(where, sizeof where, "127.0.0.1:%u: Connection refused", ntohs(address.sin_port));
    fails(&refused, HTTP_CLIENT_CONNECT, where);
    close(fd);
    fails(&unknown, HTTP_CLIENT_CONNECT, "no-such-host.invalid:80: name not found");
    fails(&cut, HTTP_CLIENT_CUT, "the body ended early");
    fails(&cut_chunk, HTTP_CLIENT_CUT, "127.0.0.1:");
    fails(&nothing, HTTP_CLIENT_CONNECT, "closed without an answer");
    fails(&garbage, HTTP_CLIENT_OTHER, "127.0.0.1:");
}

static void what_came_before_the_cut_is_kept(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/cut"), .max_body = 2000 };
    struct http_client_result r;

    assert_false(ask(&q, &r));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.n, 100);
    assert_int_equal(r.body_bytes, 100);
}

static void time_limits_end_a_transfer(void **state)
{
    (void)state;
    const struct http_client_request total = { .url = PLAIN("/slow"), .total_ms = 200 };
    const struct http_client_request slow = { .url = PLAIN("/drip"),
                                              .low_speed_bytes = 100,
                                              .low_speed_s = 1 };
    uint64_t began = clock_mono_ns();

    fails(&total, HTTP_CLIENT_TIMEOUT, "timed out");
    assert_true(clock_mono_ns() - began < 2 * NS_PER_S);
    fails(&slow, HTTP_CLIENT_TIMEOUT, "Operation too slow");
    assert_true(clock_mono_ns() - began < 6 * NS_PER_S);
}

/* ---- TLS ---- */

static void tls_is_verified_by_the_shared_store(void **state)
{
    (void)state;
    const struct http_client_request name = { .url = url_of("https", "localhost", secure.port,
                                                            "/hello") };
    const struct http_client_request skip = {
        .url = url_of("https", "localhost", secure.port, "/hello"), .skip_verify = true
    };
    const struct http_client_request old = { .url = url_of("https", "127.0.0.1", expired.port,
                                                           "/hello") };
    const struct http_client_request not_tls = { .url = url_of("https", "127.0.0.1", plain.port,
                                                               "/hello") };
    struct http_client_result r;

    gets(SECURE("/hello"), 200, "hello");
    fails(&name, HTTP_CLIENT_TLS,
          "certificate: name mismatch: expected localhost, it is for good.example");
    fails(&old, HTTP_CLIENT_TLS, "certificate: that of CN=good.example expired on 2021-02-03");
    fails(&not_tls, HTTP_CLIENT_TLS, "127.0.0.1:");
    assert_true(ask(&skip, &r));
    assert_int_equal(r.status, 200);
    /* what was not verified is not used again where it should be */
    fails(&name, HTTP_CLIENT_TLS, "name mismatch");
}

static void tls_sessions_are_resumed(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = SECURE("/reused"), .max_body = 100 };
    struct http_client_result r;

    assert_true(ask(&q, &r)); /* the server closes after each */
    assert_true(ask(&q, &r));
    assert_true(slice_eq(r.body, SLICE("True")));
    assert_true(ask(&q, &r));
    assert_true(slice_eq(r.body, SLICE("True")));
}

/* ---- threads and fibers ---- */

static void *ask_often(void *arg)
{
    struct arena a;
    struct http_client_result r;
    uintptr_t bad = 0;

    arena_init_growing(&a, 64u << 20);
    for (int i = 0; i < 30; i++) {
        const struct http_client_request q = { .url = arg, .max_body = 300000 };
        bad += !http_client_perform(&q, &a, &r) || r.body.n != 300000;
    }
    arena_free(&a);
    return (void *)bad;
}

static void threads_ask_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    const char *urls[] = { PLAIN("/body"), SECURE("/body") };

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, (void *)urls[i % 2]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *bad;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
}

static unsigned fibers_done;

static void ask_in_fiber(void *arg)
{
    struct arena a;
    struct http_client_result r;
    const struct http_client_request q = { .url = arg, .max_body = 300000, .total_ms = 20000 };

    arena_init_growing(&a, 2u << 20);
    CHECK(http_client_perform(&q, &a, &r));
    CHECK_INT(r.status, 200);
    arena_free(&a);
    fibers_done++;
}

static void ask_in_fibers(void *arg)
{
    const char *urls[] = { PLAIN("/body"), SECURE("/body"), PLAIN("/slow") };
    unsigned ticks = 0;

    (void)arg;
    fibers_done = 0;
    for (size_t i = 0; i < 12; i++)
        CHECK(fiber_spawn("asker", ask_in_fiber, (void *)urls[i % 3]) != NULL);
    while (fibers_done < 12 && ticks < 2000) {
        CHECK(fiber_sleep_until(fiber_deadline_ms(10))); /* the carrier is free meanwhile */
        ticks++;
    }
    CHECK_INT(fibers_done, 12);
    CHECK(ticks > 100);
}

static void fibers_wait_and_their_carrier_goes_on(void **state)
{
    (void)state;
    rig_run(ask_in_fibers, NULL);
}

static void cancel_me(void *arg)
{
    CHECK(fiber_sleep_until(fiber_deadline_ms(50)));
    fiber_cancel(arg);
}

static void ask_and_be_cancelled(void *arg)
{
    const struct http_client_request q = { .url = PLAIN("/slow") };
    struct http_client_result r;
    uint64_t began = clock_mono_ns();

    (void)arg;
    CHECK(fiber_spawn("canceler", cancel_me, fiber_self()) != NULL);
    CHECK(!http_client_perform(&q, &arena, &r));
    CHECK_INT(r.failure, HTTP_CLIENT_CANCELED);
    CHECK(strstr(r.message, "canceled") != NULL);
    CHECK(clock_mono_ns() - began < NS_PER_S);
}

static void a_cancelled_fiber_ends_its_transfer(void **state)
{
    (void)state;
    rig_run(ask_and_be_cancelled, NULL);
}

static void *ask_slow(void *arg)
{
    const struct http_client_request q = { .url = PLAIN("/slow") };

    http_client_perform(&q, &arena, arg);
    return NULL;
}

/* Nobody waits for them, so that their number is bounded; what is under way ends with the client. */
static void posts_are_bounded(void **state)
{
    (void)state;
    const struct http_client_request q = { .url = PLAIN("/slow"), .method = SLICE("GET") };
    struct err err;
    unsigned posted = 0;

    while (posted <= HTTP_CLIENT_POSTS_MAX && http_client_post(&q))
        posted++;
    assert_int_equal(posted, HTTP_CLIENT_POSTS_MAX);
    http_client_stop();
    assert_false(http_client_post(&q));
    assert_true(http_client_start(trust, &err));
    assert_true(http_client_post(&q));
}

/* Last: the client is started anew. */
static void stopping_ends_what_runs(void **state)
{
    (void)state;
    const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    struct http_client_result r, after;
    const struct http_client_request q = { .url = PLAIN("/hello"), .max_body = 10 };
    pthread_t thread;
    struct err err;

    assert_int_equal(pthread_create(&thread, NULL, ask_slow, &r), 0);
    nanosleep(&pause, NULL);
    http_client_stop();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(r.failure, HTTP_CLIENT_OTHER);
    assert_non_null(strstr(r.message, "the HTTP client was stopped"));
    assert_false(ask(&q, &after));
    assert_non_null(strstr(after.message, "the HTTP client does not run"));
    http_client_stop();
    assert_true(http_client_start(trust, &err));
    assert_false(http_client_start(trust, &err));
    assert_true(ask(&q, &after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_whole),
        cmocka_unit_test(any_status_is_an_answer),
        cmocka_unit_test(a_reason_comes_as_sent),
        cmocka_unit_test(a_chunked_body_and_its_trailers),
        cmocka_unit_test(the_head_comes_before_the_body),
        cmocka_unit_test(a_range_goes_to_a_sink),
        cmocka_unit_test(bodies_are_bounded),
        cmocka_unit_test(methods_and_fields_go_as_given),
        cmocka_unit_test(malformed_requests_are_not_sent),
        cmocka_unit_test(redirects_are_followed_when_asked),
        cmocka_unit_test(a_proxy_of_the_environment_is_used),
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(failures_have_a_kind_and_name_the_host),
        cmocka_unit_test(what_came_before_the_cut_is_kept),
        cmocka_unit_test(time_limits_end_a_transfer),
        cmocka_unit_test(tls_is_verified_by_the_shared_store),
        cmocka_unit_test(tls_sessions_are_resumed),
        cmocka_unit_test(threads_ask_side_by_side),
        cmocka_unit_test(fibers_wait_and_their_carrier_goes_on),
        cmocka_unit_test(a_cancelled_fiber_ends_its_transfer),
        cmocka_unit_test(posts_are_bounded),
        cmocka_unit_test(stopping_ends_what_runs),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
