/* What the running gateway serves: booting from the cache, taking generations from the agent, certificates. */
#include "app/serve.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/gateway.h"
#include "app/live.h"
#include "app/oidc.h"
#include "app/program.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/file.h"
#include "platform/host.h"
#include "platform/http_server.h"
#include "platform/log.h"

#define CERTIFICATE_FILE_MAX (1u << 20)
#define SELF_SIGNED_DAYS 3650u
/* Addresses of this machine in a self-signed certificate. */
#define ADDRESSES_MAX 16u
#define GENERATION_BYTES_MAX (512u << 20)

/* What is live, for status; written by boot and by the agent's thread. */
static struct {
    pthread_mutex_t lock;
    int64_t generation;
    unsigned apis, operations, subscriptions;
    char gateway_id[257];
    char refused[512]; /* why the last offered generation was not taken */
} live = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void log_warning(void *arg, const char *text)
{
    (void)arg;
    log_warn("ConfigurationWarning", "%s", text);
}

static void log_diagnostic(void *arg, const struct policy_diagnostic *d)
{
    (void)arg;
    log_event(d->severity == POLICY_ERROR ? LOG_ERROR : LOG_WARN, "PolicyDiagnostic", "%s:%u:%u: %.*s", d->file, d->line, d->column,
              SLICE_ARG(d->message));
}

static bool compile(struct serve *s, const struct store_generation *g, struct program **out, struct err *err)
{
    struct arena scratch;
    struct program_report report = { log_diagnostic, log_warning, NULL };

    arena_init_growing(&scratch, 1 << 20);
    struct program_input input = { .lines = g->lines, .n = g->n, .generation = (uint64_t)g->gen,
                                   .gateway_id = sync_setup_choose_id(&scratch, s->sync.gateway_id, g),
                                   .region = s->sync.region, .instance_id = s->sync.instance_id };
    bool ok = program_build(&input, &report, out, err);
    arena_free(&scratch);
    return ok;
}

static void remember(const struct program *p)
{
    pthread_mutex_lock(&live.lock);
    live.generation = (int64_t)p->generation;
    live.apis = p->n_apis;
    live.operations = p->n_operations;
    live.subscriptions = p->n_subscriptions;
    struct slice id = slice_first(p->deployment.gateway_id, sizeof live.gateway_id - 1);
    memcpy(live.gateway_id, id.n ? id.p : "", id.n);
    live.gateway_id[id.n] = 0;
    pthread_mutex_unlock(&live.lock);
    log_info("ConfigurationActivated", "generation %llu: %u APIs, %u operations, %u subscriptions, gateway %.*s",
             (unsigned long long)p->generation, p->n_apis, p->n_operations, p->n_subscriptions, SLICE_ARG(p->deployment.gateway_id));
}

/* err NULL: what is offered is served. */
static void remember_refusal(int64_t gen, const struct err *err)
{
    pthread_mutex_lock(&live.lock);
    live.refused[0] = 0;
    if (err)
        snprintf(live.refused, sizeof live.refused, "generation %lld: %.*s", (long long)gen, (int)sizeof live.refused - 64, err->text);
    pthread_mutex_unlock(&live.lock);
}

/* So that the first request does not wait for the keys of its token. */
static void want_providers(const struct program *p)
{
    for (const struct provider_url *u = p->providers; u; u = u->next)
        oidc_want(u->url);
}

/* The cached generation, or the last known good one when it does not compile (another program, another gateway.id). */
static bool compile_cached(struct serve *s, struct arena *a, struct store_generation *g, struct program **p, struct err *err)
{
    struct err why;
    bool ok = store_boot(s->store, a, g, err);

    while (ok && !compile(s, g, p, &why)) {
        log_error("ConfigurationRefused", "generation %lld: %s", (long long)g->gen, why.text);
        if (!live.refused[0])
            remember_refusal(g->gen, &why);
        ok = store_boot_refused(s->store, why.text, a, g, err);
    }
    if (ok && live.refused[0])
        log_warn("ConfigurationFallback", "generation %lld is served instead: %s", (long long)g->gen, live.refused);
    return ok;
}

bool serve_boot(struct serve *s, struct err *err)
{
    struct store_generation g;
    struct program *p;
    struct arena a;
    struct err ignored;

    arena_init_growing(&a, GENERATION_BYTES_MAX);
    bool ok = compile_cached(s, &a, &g, &p, err);
    if (ok && !store_boot_done(s->store, &g, &ignored))
        log_warn("StoreFault", "%s", ignored.text);
    arena_free(&a);
    if (!ok)
        return false;
    remember(p);
    want_providers(p);
    live_preset(&p->hold, s->carriers);
    gateway_set_state(NULL);
    return true;
}

/* ---- hooks of the agent, on its thread ---- */

static bool hook_accept(void *arg, const struct store_generation *g, void **program, struct err *err)
{
    struct program *p;

    if (!compile(arg, g, &p, err)) {
        remember_refusal(g->gen, err);
        return false;
    }
    *program = p;
    return true;
}

static bool hook_activate(void *arg, void *program, struct err *err)
{
    struct program *p = program;

    (void)arg;
    (void)err;
    remember_refusal(0, NULL);
    remember(p);
    want_providers(p);
    live_activate(&p->hold);
    if (gateway_state() && strcmp(gateway_state(), "draining") != 0)
        gateway_set_state(NULL);
    return true;
}

static void hook_discard(void *arg, void *program)
{
    (void)arg;
    program_free(program);
}

void serve_set_hooks(struct serve *s)
{
    s->sync.options.hooks = (struct sync_hooks){ hook_accept, hook_activate, hook_discard, s };
}

/* ---- certificates ---- */

static bool read_pair(struct serve *s, const char *certificate, const char *key, struct tls_server **out, struct err *err)
{
    struct arena a;
    struct slice certificate_pem, key_pem;

    (void)s;
    arena_init_growing(&a, 4 * CERTIFICATE_FILE_MAX);
    bool ok = file_read(&a, certificate, CERTIFICATE_FILE_MAX, &certificate_pem, err) &&
              file_read(&a, key, CERTIFICATE_FILE_MAX, &key_pem, err);
    if (ok && !tls_server_open(out, certificate_pem, key_pem, err))
        ok = err_wrap(err, "%s, %s", certificate, key);
    arena_free(&a);
    return ok || err_wrap(err, "net.server.tls.certificate.path (uid %u)", (unsigned)getuid());
}

static bool make_self_signed(struct serve *s, const char *certificate, const char *key, struct err *err)
{
    struct arena *a = &s->cli->arena;
    struct slice names[4 + ADDRESSES_MAX] = { s->sync.instance_id, SLICE("localhost"), SLICE("127.0.0.1"), SLICE("::1") };
    struct slice certificate_pem, key_pem;
    size_t n = 4 + host_addresses(a, names + 4, ADDRESSES_MAX);
    struct err unwritten;

    if (!crypto_self_signed(a, names, n, SELF_SIGNED_DAYS, &certificate_pem, &key_pem, err))
        return false;
    if (!file_write_atomic(key, key_pem, 0600, &unwritten) || !file_write_atomic(certificate, certificate_pem, 0644, &unwritten))
        log_warn("CertificateNotKept", "%s: a new one is made at the next start", unwritten.text);
    return tls_server_open(&s->tls, certificate_pem, key_pem, err);
}

bool serve_has_pair(const struct serve *s)
{
    return !*settings_text(&s->cli->settings, SET_TLS_CERTIFICATE) == !*settings_text(&s->cli->settings, SET_TLS_KEY);
}

bool serve_load_certificate(struct serve *s, struct err *err)
{
    const struct settings *set = &s->cli->settings;
    const char *certificate = settings_text(set, SET_TLS_CERTIFICATE), *key = settings_text(set, SET_TLS_KEY);
    struct tls_server *fresh = NULL, *old = s->tls;

    if (!serve_has_pair(s))
        return err_set(err, "%s: not set, though %s is: give both",
                       settings_name(*key ? SET_TLS_CERTIFICATE : SET_TLS_KEY), settings_name(*key ? SET_TLS_KEY : SET_TLS_CERTIFICATE));
    if (*certificate) {
        if (!read_pair(s, certificate, key, &fresh, err))
            return false;
    } else if (!old) {
        certificate = file_join(&s->cli->arena, s->cache, SLICE("tls.crt"));
        key = file_join(&s->cli->arena, s->cache, SLICE("tls.key"));
        if (!file_exists(certificate) || !file_exists(key) || !read_pair(s, certificate, key, &fresh, err))
            return make_self_signed(s, certificate, key, err);
    } else {
        return true;
    }
    s->tls = fresh;
    if (old)
        tls_server_unref(old);
    return true;
}

/* ---- status ---- */

static void put_text(struct buf *b, const char *name, const char *text)
{
    buf_printf(b, "\"%s\":", name);
    buf_put_json(b, slice_from(text));
    buf_putc(b, ',');
}

static void put_sync(struct serve *s, struct buf *b)
{
    struct sync_status status;

    if (!s->agent) {
        buf_puts(b, "\"sync\":null");
        return;
    }
    sync_agent_status(s->agent, &status);
    buf_printf(b, "\"sync\":{\"result\":\"%s\",\"reason\":\"%s\",", sync_outcome_name(status.last.outcome),
               sync_reason_name(status.last.reason));
    put_text(b, "detail", status.last.text);
    put_text(b, "source", status.last.source);
    buf_printf(b, "\"lastContact\":%lld,\"lastUpdate\":%lld,\"bytes\":%llu,\"requests\":%llu,\"stale\":%s}",
               (long long)status.last_contact, (long long)status.last_update, (unsigned long long)status.bytes,
               (unsigned long long)status.requests, status.stale ? "true" : "false");
}

void serve_status_json(struct serve *s, struct buf *b)
{
    struct store_status store;
    struct http_server_counts counts = http_server_counts();
    const char *why = gateway_state();

    store_status(s->store, &store);
    pthread_mutex_lock(&live.lock);
    buf_putc(b, '{');
    put_text(b, "state", why ? "unavailable" : "serving");
    put_text(b, "reason", why ? why : "");
    put_text(b, "gatewayId", live.gateway_id);
    buf_printf(b, "\"pid\":%ld,\"generation\":%lld,\"apis\":%u,\"operations\":%u,\"subscriptions\":%u,", (long)getpid(),
               (long long)live.generation, live.apis, live.operations, live.subscriptions);
    put_text(b, "refused", live.refused);
    pthread_mutex_unlock(&live.lock);
    put_text(b, "store", store.degraded ? "degraded" : "ok");
    put_text(b, "storeReason", store.why);
    put_text(b, "storeFault", store.fault);
    buf_printf(b, "\"connections\":%u,\"requestsRunning\":%u,\"requests\":%llu,\"startedAt\":%llu,", counts.open, counts.running,
               (unsigned long long)counts.requests, (unsigned long long)(s->started_wall_ns / NS_PER_S));
    put_sync(s, b);
    buf_puts(b, "}\n");
}
