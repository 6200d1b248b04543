/* Ports: the API ports, metrics, admin. */
#include "app/serve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app/counters.h"
#include "app/gateway.h"
#include "app/metrics.h"
#include "app/request.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/fiber.h"
#include "platform/file.h"
#include "platform/helper.h"
#include "platform/http_server.h"
#include "platform/log.h"

/* ---- metrics ---- */

static void gauge(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
    metrics_head(b, name, type, help);
    buf_printf(b, "%s %llu\n", name, (unsigned long long)value);
}

static uint64_t seconds_since(uint64_t then)
{
    uint64_t now = clock_wall_ns() / NS_PER_S;

    return now > then ? now - then : 0;
}

static void write_sync(struct serve *s, struct buf *b)
{
    struct sync_status status = { 0 };

    if (s->agent)
        sync_agent_status(s->agent, &status);
    metrics_head(b, "configuration_sync_total", "counter", "Configuration sync cycles.");
    for (int i = 0; i < SYNC_OUTCOMES; i++)
        buf_printf(b, "configuration_sync_total{result=\"%s\"} %llu\n", sync_outcome_name((enum sync_outcome)i),
                   (unsigned long long)status.cycles[i]);
    metrics_head(b, "configuration_sync_errors_total", "counter", "Configuration sync cycles that failed.");
    for (int i = SYNC_OK + 1; i < SYNC_REASONS; i++)
        buf_printf(b, "configuration_sync_errors_total{reason=\"%s\"} %llu\n", sync_reason_name((enum sync_reason)i),
                   (unsigned long long)status.errors[i]);
    gauge(b, "holdfast_sync_bytes_total", "counter", "Bytes of configuration received.", status.bytes);
    gauge(b, "holdfast_sync_resumed_total", "counter", "Downloads that were continued.", status.resumed);
    gauge(b, "holdfast_staleness_seconds", "gauge", "Since an origin last answered; before its first answer, since the start.",
          s->agent ? seconds_since(status.last_contact ? (uint64_t)status.last_contact : s->started_wall_ns / NS_PER_S) : 0);
    gauge(b, "holdfast_stale", "gauge", "1 when what is served was published to expire and has.", status.stale);
    gauge(b, "holdfast_sync_last_contact_seconds", "gauge", "When an origin last answered, seconds since 1970.",
          (uint64_t)status.last_contact);
}

static void write_own(struct serve *s, struct buf *b)
{
    struct http_server_counts counts = http_server_counts();
    struct store_status store;
    struct counters_stats counters = counters_stats();
    struct log_counts logs = log_counts();

    store_status(s->store, &store);
    gauge(b, "holdfast_cache_generation", "gauge", "Number of the active generation.", (uint64_t)store.active);
    gauge(b, "holdfast_store_writes_total", "counter", "Transactions committed to the cache.", store.commits);
    gauge(b, "holdfast_store_degraded", "gauge", "1 while the cache is in memory only.", store.degraded);
    gauge(b, "holdfast_connections_open", "gauge", "Client connections.", counts.open);
    gauge(b, "holdfast_connections_parked", "gauge", "Client connections that wait without a worker.", counts.parked);
    gauge(b, "holdfast_requests_running", "gauge", "Requests in progress.", counts.running);
    gauge(b, "holdfast_bad_heads_total", "counter", "Request heads refused.", counts.bad_heads);
    gauge(b, "holdfast_refused_total", "counter", "Requests refused by limits.requests.", counts.refused);
    gauge(b, "holdfast_tls_handshakes_failed_total", "counter", "TLS handshakes that failed.", counts.handshakes_failed);
    gauge(b, "holdfast_counters_used", "gauge", "Rate counters in use.", counters.used);
    gauge(b, "holdfast_counters_reused_total", "counter", "Rate counters taken before they had expired.", counters.reused_live);
    gauge(b, "holdfast_log_lines_dropped_total", "counter", "Log lines dropped because their reader was too slow.", logs.dropped);
    gauge(b, "holdfast_fibers", "gauge", "Fibers alive.", fiber_count());
    gauge(b, "holdfast_fiber_stack_peak_bytes", "gauge", "Most stack that a fiber has used.", fiber_stack_peak());
}

/* Of /proc/self/statm, in bytes. */
static void memory_bytes(uint64_t *virtual, uint64_t *resident)
{
    char text[128] = "", *rest;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f && !fgets(text, sizeof text, f))
        text[0] = 0;
    if (f)
        fclose(f);
    *virtual = strtoull(text, &rest, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    *resident = strtoull(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_files(struct arena *a)
{
    struct slice *names;
    struct err err;
    size_t n = 0;

    return file_list(a, "/proc/self/fd", &names, &n, &err) && n ? n - 1 : 0; /* without the one that reads them */
}

static void write_process(struct serve *s, struct buf *b)
{
    struct rusage use;
    struct rlimit files;
    uint64_t virtual, resident;

    getrusage(RUSAGE_SELF, &use);
    getrlimit(RLIMIT_NOFILE, &files);
    metrics_head(b, "process_cpu_seconds_total", "counter", "CPU time.");
    buf_printf(b, "process_cpu_seconds_total %.6f\n", (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    memory_bytes(&virtual, &resident);
    gauge(b, "process_resident_memory_bytes", "gauge", "Resident memory.", resident);
    gauge(b, "process_virtual_memory_bytes", "gauge", "Virtual memory.", virtual);
    gauge(b, "process_open_fds", "gauge", "Open file descriptors.", open_files(b->arena));
    gauge(b, "process_max_fds", "gauge", "Most file descriptors.", files.rlim_cur);
    gauge(b, "process_start_time_seconds", "gauge", "Start, seconds since 1970.", s->started_wall_ns / NS_PER_S);
}

struct metrics_call {
    struct serve *serve;
    struct buf out;
};

static void write_all_metrics(void *arg)
{
    struct metrics_call *call = arg;

    metrics_write(&call->out);
    write_sync(call->serve, &call->out);
    write_own(call->serve, &call->out);
    write_process(call->serve, &call->out);
}

static void answer(struct conn *c, int status, struct slice type, struct slice body)
{
    struct http_fields fields = { .arena = conn_arena(c) };

    if (!http_fields_add(&fields, SLICE("Content-Type"), type) || !conn_answer_text(c, status, SLICE_NONE, &fields, body))
        conn_abort(c);
}

static void metrics_handle(struct conn *c, void *arg)
{
    struct metrics_call call = { .serve = arg };

    if (!slice_eq(conn_head(c)->path, SLICE("/metrics"))) {
        answer(c, 404, SLICE("text/plain"), SLICE("metrics are at /metrics\n"));
        return;
    }
    struct arena text; /* of its own: thousands of series are more than a request's memory */
    arena_init_growing(&text, 256u << 20);
    buf_init(&call.out, &text);
    helper_call(write_all_metrics, &call); /* off the carrier: it reads many tables */
    answer(c, 200, SLICE("text/plain; version=0.0.4; charset=utf-8"), buf_slice(&call.out));
    arena_free(&text);
}

/* ---- admin ---- */

static bool is_admitted(const struct serve *s, const struct conn *c)
{
    struct slice given = http_fields_get(&conn_head(c)->fields, SLICE("Authorization"));

    if (!s->admin_token.n)
        return true;
    given = slice_starts_icase(given, SLICE("Bearer ")) ? slice_trim(slice_skip(given, 7)) : SLICE_NONE;
    return given.n == s->admin_token.n && crypto_equal(given.p, s->admin_token.p, given.n);
}

static void admin_handle(struct conn *c, void *arg)
{
    struct serve *s = arg;
    struct slice path = conn_head(c)->path;
    struct buf b;

    buf_init(&b, conn_arena(c));
    if (!is_admitted(s, c)) {
        answer(c, 401, SLICE("application/json"), SLICE("{ \"statusCode\": 401, \"message\": \"admin.token is needed\" }"));
    } else if (slice_eq(path, SLICE("/api/status"))) {
        serve_status_json(s, &b);
        answer(c, 200, SLICE("application/json"), buf_slice(&b));
    } else {
        answer(c, 404, SLICE("application/json"), SLICE("{ \"statusCode\": 404, \"message\": \"see /api/status\" }"));
    }
}

/* ---- listening ---- */

static bool listen_everywhere(struct serve *s, enum setting setting, struct tls_server **tls, http_handler *handler, struct err *err)
{
    unsigned port = (unsigned)settings_u64(&s->cli->settings, setting);
    struct slice address;

    for (size_t i = 0; port && (address = settings_list(&s->cli->settings, SET_ADDRESS, i)).p; i++) {
        bool is_path = address.p[0] == '/'; /* a Unix socket */
        struct http_port p = { .setting = settings_name(setting), .address = arena_cstr(&s->cli->arena, address),
                               .port = is_path ? 0 : port,
                               .tls = tls, .handler = handler, .arg = s,
                               .optional = settings_is_default(&s->cli->settings, SET_ADDRESS) && slice_eq(address, SLICE("::")) };
        if (!http_server_listen(&p, err))
            return false;
    }
    return true;
}

static bool is_loopback(struct slice address)
{
    return slice_starts(address, SLICE("127.")) || slice_eq(address, SLICE("localhost")) || slice_eq(address, SLICE("::1"));
}

/* "ADDRESS:PORT", a path, or none. *exit_code is set when the setting is wrong; a taken port is only a warning. */
static bool listen_admin(struct serve *s, int *exit_code, struct err *err)
{
    struct slice text = slice_from(settings_text(&s->cli->settings, SET_ADMIN_LISTEN)), address = text;
    struct http_port p = { .setting = "admin.listen", .handler = admin_handle, .arg = s };
    uint64_t port = 0;

    if (slice_eq(text, SLICE("none")) || !text.n)
        return true;
    if (text.p[0] != '/' && text.p[0] != '.') {
        ptrdiff_t colon = slice_rfind_byte(text, ':');
        *exit_code = CLI_USAGE;
        if (colon < 0 || !slice_to_u64(slice_skip(text, (size_t)colon + 1), 65535, &port) || !port)
            return err_set(err, "admin.listen: \"%.*s\": give ADDRESS:PORT, a path, or none", SLICE_ARG(text));
        address = slice_first(text, (size_t)colon);
        if (address.n > 1 && address.p[0] == '[')
            address = slice_sub(address, 1, address.n - 1);
        if (!is_loopback(address) && !s->admin_token.n)
            return err_set(err, "admin.listen: %.*s: not loopback: set admin.token", SLICE_ARG(text));
        if (slice_eq(address, SLICE("localhost")))
            address = SLICE("127.0.0.1");
    }
    p.address = arena_cstr(&s->cli->arena, address);
    p.port = (unsigned)port;
    if (!http_server_listen(&p, err))
        cli_warn(err->text);
    return true;
}

/* Something to listen on, and only numbers and paths. */
static bool check_addresses(struct serve *s, struct err *err)
{
    struct in6_addr ignored;
    struct slice address = settings_list(&s->cli->settings, SET_ADDRESS, 0);

    if (!address.p)
        return err_set(err, "net.server.address: empty: give addresses, like 0.0.0.0,::");
    for (size_t i = 0; (address = settings_list(&s->cli->settings, SET_ADDRESS, i)).p; i++) {
        const char *text = arena_cstr(&s->cli->arena, address);
        if (text[0] != '/' && inet_pton(AF_INET, text, &ignored) != 1 && inet_pton(AF_INET6, text, &ignored) != 1)
            return err_set(err, "net.server.address: \"%s\": give addresses in numbers, like 0.0.0.0,::, or a path", text);
    }
    return true;
}

bool serve_listen(struct serve *s, int *exit_code, struct err *err)
{
    *exit_code = CLI_USAGE;
    if (!check_addresses(s, err))
        return false;
    *exit_code = CLI_FAILED;
    return listen_everywhere(s, SET_HTTP_PORT, NULL, request_handle, err) &&
           listen_everywhere(s, SET_HTTPS_PORT, &s->tls, request_handle, err) &&
           listen_everywhere(s, SET_METRICS_PORT, NULL, metrics_handle, err) && listen_admin(s, exit_code, err);
}

bool serve_start_server(struct serve *s, struct err *err)
{
    const struct settings *set = &s->cli->settings;
    struct http_server_options o = {
        .limits = { .head_bytes = settings_u64(set, SET_LIMIT_HEADER_BYTES), .target_bytes = settings_u64(set, SET_LIMIT_TARGET_BYTES),
                    .fields = (uint32_t)settings_u64(set, SET_LIMIT_HEADER_COUNT) },
        .arena_bytes = settings_u64(set, SET_LIMIT_ARENA),
        .max_connections = s->max_connections,
        .max_tls_connections = (unsigned)settings_u64(set, SET_LIMIT_CONNECTIONS_TLS),
        .max_requests = (unsigned)settings_u64(set, SET_LIMIT_REQUESTS),
        .head_ms = settings_u64(set, SET_TIMEOUT_HEAD), .body_ms = settings_u64(set, SET_TIMEOUT_BODY),
        .send_ms = settings_u64(set, SET_TIMEOUT_SEND), .idle_ms = settings_u64(set, SET_TIMEOUT_IDLE),
        .handshake_ms = settings_u64(set, SET_TIMEOUT_HANDSHAKE), .refuse = request_refuse,
    };

    return http_server_start(&o, err);
}
