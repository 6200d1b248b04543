/* Nothing on the request path allocates: a gateway with one carrier proxies requests with key check, rate limit, expressions and
 * header policies; after a warm-up the number of allocations must stand still (on a busy machine a second worker may still be born: then
 * it must during the next round). Also: no fiber has used more than 128 kB of stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/counters.h"
#include "app/gateway.h"
#include "app/live.h"
#include "app/metrics.h"
#include "app/program.h"
#include "app/request.h"
#include "platform/crypto.h"
#include "platform/fiber.h"
#include "platform/helper.h"
#include "platform/http1_client.h"
#include "platform/http_server.h"
#include "platform/log.h"
#include "platform/tls.h"
#include "tests/unit/platform/malloc_rig.h"

#define WARM_UP 300
#define COUNTED 3000
#define ROUNDS_MAX 4
#define STACK_MAX (128u * 1024)

static const char answer[] = "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";
static const char request[] = "GET /a/items/7?x=1 HTTP/1.1\r\nHost: gateway\r\nX-One: 1\r\nOcp-Apim-Subscription-Key: the-key\r\n\r\n";

static unsigned backend_port;
static int backend_listener;
static _Atomic unsigned long long counted;
static _Atomic unsigned wrong_answers;

/* ---- a backend and a client that allocate nothing ---- */

static void *serve_backend(void *arg)
{
    char buf[4096];
    size_t have = 0;
    int fd = accept(backend_listener, NULL, NULL);
    ssize_t n;

    while ((n = recv(fd, buf + have, sizeof buf - have, 0)) > 0) {
        have += (size_t)n;
        if (have >= 4 && memcmp(buf + have - 4, "\r\n\r\n", 4) == 0) {
            have = 0;
            if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
                break;
        }
    }
    close(fd);
    return arg;
}

static int listen_local(unsigned *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static bool exchange(int fd)
{
    char buf[2048];
    size_t have = 0;
    ssize_t n;

    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1)
        return false;
    while ((n = recv(fd, buf + have, sizeof buf - 1 - have, 0)) > 0) {
        have += (size_t)n;
        buf[have] = 0;
        if (have > 5 && strcmp(buf + have - 5, "hello") == 0)
            return strstr(buf, "200 OK") && strstr(buf, "X-Out: a/get/s1") && !strstr(buf, "Server:");
    }
    return false;
}

static unsigned long long count_allocations(int fd, int requests)
{
    unsigned long long before = atomic_load(&allocations);

    for (int i = 0; i < requests; i++)
        wrong_answers += !exchange(fd);
    return atomic_load(&allocations) - before;
}

static void *run_client(void *arg)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)http_server_port(0)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
        count_allocations(fd, WARM_UP);
        counted = 1;
        for (int round = 0; counted && round < ROUNDS_MAX; round++)
            counted = count_allocations(fd, COUNTED);
    } else {
        wrong_answers = 1;
    }
    close(fd);
    carriers_stop();
    return arg;
}

/* ---- the gateway ---- */

static struct program *make_program(struct arena *a)
{
    uint8_t salt[CRYPTO_SHA256_BYTES] = { 1 }, mac[CRYPTO_SHA256_BYTES];
    char salt_hex[64], mac_hex[64];
    struct program *p;
    struct err err;

    crypto_hmac(CRYPTO_SHA256, slice_of(salt, sizeof salt), SLICE("the-key"), mac);
    crypto_hex(salt, sizeof salt, salt_hex);
    crypto_hex(mac, sizeof mac, mac_hex);
    struct slice lines[] = {
        arena_printf(a, "{\"kind\":\"repository\",\"id\":\"settings\",\"properties\":{\"subscriptionKeySalt\":\"%.64s\"}}", salt_hex),
        arena_printf(a, "{\"kind\":\"api\",\"id\":\"a\",\"properties\":{\"path\":\"a\",\"protocols\":[\"http\"],\"serviceUrl\":\"http://127.0.0.1:%u/base\"}}",
                     backend_port),
        SLICE("{\"kind\":\"operation\",\"id\":\"a/get\",\"properties\":{\"apiId\":\"a\",\"method\":\"GET\",\"urlTemplate\":\"/items/{id}\"}}"),
        arena_printf(a, "{\"kind\":\"subscription\",\"id\":\"s1\",\"properties\":{\"scope\":\"/apis\",\"primaryKeyHash\":\"%.64s\"}}", mac_hex),
        SLICE("{\"kind\":\"policy\",\"id\":\"api/a\",\"properties\":{\"file\":\"policy.xml\",\"value\":\"<policies><inbound><base/>"
              "<rate-limit-by-key calls='1000000' renewal-period='60' counter-key='@(context.Subscription.Id)'/>"
              "<set-variable name='v' value='@(context.Request.Headers.GetValueOrDefault(&quot;X-One&quot;,&quot;0&quot;))'/>"
              "<choose><when condition='@((string)context.Variables[&quot;v&quot;] == &quot;1&quot;)'>"
              "<set-header name='X-In' exists-action='override'><value>@(context.RequestId.ToString())</value></set-header></when></choose>"
              "<rewrite-uri template='/v2/{id}'/></inbound><backend><base/></backend><outbound><base/>"
              "<set-header name='Server' exists-action='delete'/>"
              "<set-header name='X-Out' exists-action='override'><value>@(context.Api.Id + &quot;/&quot; + context.Operation.Id + &quot;/&quot; + "
              "context.Subscription.Id)</value></set-header></outbound></policies>\"}}"),
    };
    struct program_input input = { .lines = lines, .n = COUNT_OF(lines) };

    if (!program_build(&input, NULL, &p, &err))
        fail_msg("%s", err.text);
    return p;
}

static void start_carrier(unsigned index, void *arg)
{
    static const struct http_server_options options = {
        .limits = { .head_bytes = 32768, .target_bytes = 8192, .fields = 200 }, .arena_bytes = 1 << 20, .max_connections = 100,
        .max_tls_connections = 10, .max_requests = 100, .head_ms = 10000, .body_ms = 10000, .send_ms = 10000, .idle_ms = 10000,
        .handshake_ms = 10000, .refuse = request_refuse,
    };
    pthread_t client;
    struct err err;

    assert_true(http_server_start(&options, &err));
    assert_int_equal(pthread_create(&client, NULL, run_client, arg), 0);
    pthread_detach(client);
}

static void test_nothing_is_allocated(void **state)
{
    struct http_port port = { .setting = "test", .address = "127.0.0.1", .handler = request_handle };
    struct carriers_options options = { .count = 1, .on_start = start_carrier };
    pthread_t backend;
    struct arena a;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    backend_listener = listen_local(&backend_port);
    assert_int_equal(pthread_create(&backend, NULL, serve_backend, NULL), 0);
    assert_true(tls_global_init(&err) && metrics_open(1) && counters_open(1024) && helpers_start(2));
    gateway = (struct gateway){ .enforce_protocols = true, .body_buffered_max = 1 << 20, .connect_ms = 5000, .backend_idle_ms = 5000,
                                .send_ms = 5000, .body_ms = 5000 };
    live_preset(&make_program(&a)->hold, 1);
    gateway_set_state(NULL);
    assert_true(log_start(open("/dev/null", O_WRONLY), LOG_FORMAT_TEXT, LOG_INFO)); /* the request log is on the path too */
    assert_true(http_server_listen(&port, &err));
    assert_true(carriers_run(&options));
    assert_int_equal(wrong_answers, 0);
#if !HOLDFAST_ASAN && !HOLDFAST_TSAN
    assert_int_equal(counted, 0);
    assert_true(fiber_stack_peak() > 0 && fiber_stack_peak() <= STACK_MAX);
#endif
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_nothing_is_allocated) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
