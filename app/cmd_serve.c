/* serve: put the gateway together, run it, drain it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/counters.h"
#include "app/gateway.h"
#include "app/identity.h"
#include "app/live.h"
#include "app/metrics.h"
#include "app/oidc.h"
#include "app/quota.h"
#include "app/serve.h"
#include "platform/base/hash.h"
#include "platform/block.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/fiber.h"
#include "platform/helper.h"
#include "platform/http1_client.h"
#include "platform/http_client.h"
#include "platform/http_server.h"
#include "platform/log.h"

#define DRAIN_MAX_MS 30000u
#define LOG_DRAIN_MS 1000u
/* Helper threads: half of them may hang on a dead name server, handshakes need the others. */
#define HELPERS_LEAST 4u
#define HELPERS_MOST 8u
/* Descriptors beside client connections: backends, listening sockets, the database, logs. */
#define SPARE_DESCRIPTORS 64u

static struct serve serve;

/* ---- settings ---- */

/* telemetry.logs.std.level: the settings take nothing else. */
static enum log_level log_level(const struct settings *s)
{
    static const char *const levels[] = { "debug", "info", "warn", "error", "fatal" };
    const char *level = settings_text(s, SET_LOGS_STD_LEVEL);

    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (strcmp(levels[i], level) == 0)
            return (enum log_level)i;
    return LOG_DEBUG; /* all */
}

static bool start_log(struct cli *c, struct err *err)
{
    const char *format = settings_text(&c->settings, SET_LOGS_STD);
    enum log_format f = strcmp(format, "json") == 0                                    ? LOG_FORMAT_JSON
                      : strcmp(format, "text") == 0 || strcmp(format, "true") == 0 ? LOG_FORMAT_TEXT
                                                                                       : LOG_FORMAT_NONE;

    return log_start(STDOUT_FILENO, f, log_level(&c->settings)) || err_errno(err, "log: no writer thread");
}

/* RLIMIT_NOFILE to its hard limit; fewer connections than limits.connections if they do not fit. */
static void fit_connections(struct serve *s)
{
    const struct settings *set = &s->cli->settings;
    uint64_t wanted = settings_u64(set, SET_LIMIT_CONNECTIONS);
    struct rlimit files;
    char text[160];

    s->max_connections = (unsigned)wanted;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur / 2 >= wanted + SPARE_DESCRIPTORS)
        return;
    /* Each connection may need one to a backend. */
    uint64_t fits = files.rlim_cur > 2 * SPARE_DESCRIPTORS ? (files.rlim_cur - SPARE_DESCRIPTORS) / 2 : SPARE_DESCRIPTORS / 2;
    if (fits >= wanted)
        return;
    s->max_connections = (unsigned)fits;
    snprintf(text, sizeof text, "limits.connections: lowered from %llu to %llu: the process may open %llu files",
             (unsigned long long)wanted, (unsigned long long)fits, (unsigned long long)files.rlim_cur);
    cli_warn(text);
}

void serve_apply_settings(const struct settings *s)
{

    gateway.enforce_protocols = settings_bool(s, SET_PROTOCOLS_ENFORCE);
    gateway.trust_forwarded_proto = settings_bool(s, SET_FORWARDED_PROTO);
    gateway.body_buffered_max = settings_u64(s, SET_LIMIT_BODY_BUFFERED);
    gateway.expression_steps = (uint32_t)settings_u64(s, SET_LIMIT_STEPS);
    gateway.connect_ms = settings_u64(s, SET_TIMEOUT_CONNECT);
    gateway.backend_idle_ms = settings_u64(s, SET_TIMEOUT_BACKEND_IDLE);
    gateway.send_ms = settings_u64(s, SET_TIMEOUT_SEND);
    gateway.body_ms = settings_u64(s, SET_TIMEOUT_BODY);
    gateway.oidc_refresh_ms = settings_u64(s, SET_OIDC_REFRESH);
    gateway.oidc_retry_ms = settings_u64(s, SET_OIDC_RETRY);
    block_set_total(settings_u64(s, SET_LIMIT_BODY_TOTAL));
    log_set_level(log_level(s));
}

static unsigned carrier_count(struct cli *c)
{
    uint64_t n = settings_u64(&c->settings, SET_WORKERS);

    if (n == 0)
        n = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > CARRIERS_MAX ? CARRIERS_MAX : (unsigned)n;
}

/* ---- running ---- */

static void start_services(void *arg)
{
    struct serve *s = arg;
    struct control_context context = { .cache = store_dir(s->store), .store = s->store, .options = &s->sync.options,
                                       .status = (void (*)(void *, struct buf *))serve_status_json, .arg = s };
    struct err err;

    if (s->has_endpoint && !sync_agent_start(&s->sync.options, &s->agent, &err))
        log_error("SyncNotStarted", "%s", err.text);
    context.agent = s->agent;
    if (!control_start(&context, &s->control, &err))
        log_warn("ControlNotStarted", "%s", err.text);
}

static void start_carrier(unsigned index, void *arg)
{
    struct err err;

    if (!serve_start_server(arg, &err)) {
        log_event(LOG_FATAL, "ServerNotStarted", "%s", err.text);
        carriers_stop();
        return;
    }
    if (index != 0)
        return;
    oidc_start();
    helper_call(start_services, arg);
    (void)fiber_spawn("watch", serve_watch, arg);
}

static void drain(void *arg)
{
    (void)arg;
    gateway_set_state("draining");
    log_info("Draining", "no new connections after %llu ms; running requests may take %u s",
             (unsigned long long)settings_u64(&serve.cli->settings, SET_DRAIN_DELAY), DRAIN_MAX_MS / 1000);
    (void)fiber_sleep_until(fiber_deadline_ms(settings_u64(&serve.cli->settings, SET_DRAIN_DELAY)));
    http_server_drain(DRAIN_MAX_MS);
    http1_stop();
    carriers_stop();
}

static void on_signal(int signal)
{
    static bool draining;

    if (signal == SIGHUP) {
        (void)fiber_spawn("reload", serve_reload, &serve);
    } else if (!draining) {
        draining = true;
        (void)fiber_spawn("drain", drain, NULL);
    }
}

/* ---- starting ---- */

static int open_cache(struct serve *s, struct err *err)
{
    struct store_options options = { .mode = STORE_OWNER, .memory = true };
    struct store_holder busy = { 0 };

    (void)cli_cache_path(s->cli, true, &options.dir, err); /* what cannot be made lives in memory: the store says so */
    s->cache = options.dir;
    switch (store_open(&options, &s->store, &busy, err)) {
    case STORE_OPENED:
        s->cache = store_dir(s->store);
        return CLI_DONE;
    case STORE_BUSY:
        return cli_fail(CLI_FAILED, "cache.path: %s: held by process %ld: stop it, or give another directory", options.dir, busy.pid);
    default:
        return cli_fail(CLI_FAILED, "%s", err->text);
    }
}

static int configure(struct serve *s, struct err *err)
{
    struct arena scratch;
    struct err why;

    s->has_endpoint = settings_list(&s->cli->settings, SET_CONFIG_ENDPOINT, 0).p != NULL;
    if (!sync_setup_fill(s->cli, s->store, &s->sync, err) || (s->has_endpoint && !sync_options_check(&s->sync.options, err)))
        return cli_fail(CLI_USAGE, "%s", err->text);
    serve_set_hooks(s);
    arena_init_growing(&scratch, 1 << 20);
    const char *warning = s->has_endpoint ? sync_options_warning(&s->sync.options, &scratch) : NULL;
    if (warning)
        cli_warn(warning);
    arena_free(&scratch);
    bool booted = serve_boot(s, &why);
    if (!booted && !s->has_endpoint && store_active(s->store) == 0)
        return cli_fail(CLI_USAGE, "config.service.endpoint: not set: give https://host/repo, file:///dir, or load one with "
                                   "`holdfast import DIR`");
    if (!booted) {
        log_warn("NoConfiguration", "%s: answering 503 until there is one", why.text);
        gateway_set_state("no configuration yet");
    }
    return CLI_DONE;
}

static bool start_libraries(struct serve *s, struct err *err)
{
    uint64_t seed[2];

    crypto_random(seed, sizeof seed);
    hash_seed(seed[0], seed[1]);
    s->carriers = carrier_count(s->cli);
    if (!tls_global_init(err) || !sync_setup_trust(s->cli, &s->trust, err) || !http_client_start(s->trust, err))
        return false;
    http1_set_trust(s->trust);
    if (!metrics_open(s->carriers) || !counters_open(settings_u64(&s->cli->settings, SET_LIMIT_COUNTERS)))
        return err_errno(err, "memory");
    return helpers_start(s->carriers < HELPERS_LEAST ? HELPERS_LEAST : s->carriers > HELPERS_MOST ? HELPERS_MOST : s->carriers) ||
           err_errno(err, "helper threads");
}

static int prepare(struct serve *s)
{
    struct err err;
    int code;

    gateway.https_port = (unsigned)settings_u64(&s->cli->settings, SET_HTTPS_PORT);
    gateway.health_backends = slice_from(settings_text(&s->cli->settings, SET_HEALTH_BACKENDS));
    serve_apply_settings(&s->cli->settings);
    identity_open(settings_text(&s->cli->settings, SET_IMDS_ENDPOINT));
    if (!metrics_set_buckets(slice_from(settings_text(&s->cli->settings, SET_OTEL_BUCKETS))))
        return cli_fail(CLI_USAGE, "%s: \"%s\": give at most %u ascending milliseconds, like 5,10,25.5", settings_name(SET_OTEL_BUCKETS),
                        settings_text(&s->cli->settings, SET_OTEL_BUCKETS), METRICS_BUCKETS_MAX);
    if (!sync_setup_tls(s->cli, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (!start_libraries(s, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    if ((code = open_cache(s, &err)) != CLI_DONE)
        return code;
    if (!start_log(s->cli, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    struct store_status cache;
    store_status(s->store, &cache);
    if (!quota_open(settings_u64(&s->cli->settings, SET_LIMIT_COUNTERS), cache.degraded ? NULL : s->cache))
        return cli_fail(CLI_FAILED, "memory for %s: %s", settings_name(SET_LIMIT_COUNTERS), strerror(errno));
    oidc_open(cache.degraded ? NULL : s->cache);
    if ((code = configure(s, &err)) != CLI_DONE)
        return code;
    if (settings_u64(&s->cli->settings, SET_HTTPS_PORT) && !serve_load_certificate(s, &err))
        return cli_fail(serve_has_pair(s) ? CLI_FAILED : CLI_USAGE, "%s", err.text);
    fit_connections(s);
    if (!serve_listen(s, &code, &err))
        return cli_fail(code, "%s", err.text);
    return CLI_DONE;
}

static int run(struct serve *s)
{
    struct carriers_options options = { .count = s->carriers, .on_start = start_carrier, .arg = s };
    int code = CLI_DONE;

    log_info("Started", "holdfast serves on %u carriers, cache %s", s->carriers, s->cache);
    if (!carriers_run(&options))
        code = cli_fail(CLI_FAILED, "carriers: %s", strerror(errno));
    control_stop(s->control);
    sync_agent_stop(s->agent);
    return code;
}

int cmd_serve(struct cli *c)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

    if (cli_flag(c, "--help-settings")) {
        settings_print(&c->settings, stdout);
        return CLI_DONE;
    }
    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    settings_warn_idle(&c->settings, cli_warn);
    carriers_on_signal(signals, COUNT_OF(signals), on_signal); /* before any thread */
    serve.cli = c;
    serve.started_wall_ns = clock_wall_ns();
    serve.admin_token = slice_from(settings_text(&c->settings, SET_ADMIN_TOKEN));
    int code = prepare(&serve);
    if (code == CLI_DONE)
        code = run(&serve);
    quota_close();
    store_close(serve.store);
    helpers_stop();
    http_client_stop();
    oidc_close();
    log_stop(LOG_DRAIN_MS);
    return code;
}
