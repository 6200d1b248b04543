/* What changes while the gateway runs: settings that are read anew on SIGHUP, certificates that are replaced under it. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/gateway.h"
#include "app/metrics.h"
#include "app/serve.h"
#include "platform/fiber.h"
#include "platform/helper.h"
#include "platform/log.h"

/* Kubernetes takes about a minute to bring a new secret to a volume; its files are looked at this often. */
#define CERTIFICATE_POLL_MS 5000u

/* Settings that take effect at once; the others do at the next start. */
static const enum setting live_settings[] = {
    SET_CONFIG_ENDPOINT, SET_CONFIG_AUTH, SET_CONFIG_REFRESH, SET_CONFIG_TIMEOUT, SET_CONFIG_SKIP_VERIFY, SET_CONFIG_TRUST_ROOT,
    SET_PROTOCOLS_ENFORCE, SET_FORWARDED_PROTO, SET_TLS_CERTIFICATE, SET_TLS_KEY, SET_DRAIN_DELAY, SET_LOGS_STD_LEVEL,
    SET_LIMIT_BODY_BUFFERED, SET_LIMIT_BODY_TOTAL, SET_LIMIT_STEPS, SET_TIMEOUT_CONNECT, SET_TIMEOUT_BACKEND_IDLE, SET_TIMEOUT_SEND,
    SET_TIMEOUT_BODY, SET_OIDC_REFRESH, SET_OIDC_RETRY,
};

static bool is_live(int id)
{
    for (size_t i = 0; i < COUNT_OF(live_settings); i++)
        if ((int)live_settings[i] == id)
            return true;
    return false;
}

static void warn(const char *text)
{
    log_warn("Settings", "%s", text);
}

/* ---- settings ---- */

struct reconfiguration {
    struct serve *serve;
    struct sync_setup next;
    struct err err;
    bool ok;
};

/* On the agent's thread, between two cycles: nobody else reads its options then. */
static void reconfigure(void *arg, struct store *store)
{
    struct reconfiguration *r = arg;
    struct sync_setup *old = &r->serve->sync;

    r->ok = sync_setup_fill(r->serve->cli, store, &r->next, &r->err) && sync_options_check(&r->next.options, &r->err);
    if (!r->ok)
        return;
    memcpy(old->endpoints, r->next.endpoints, sizeof old->endpoints);
    memcpy(old->roots, r->next.roots, sizeof old->roots);
    r->next.options.hooks = old->options.hooks;
    r->next.options.endpoints = old->endpoints;
    r->next.options.roots = old->roots;
    r->next.options.gateway_id = old->gateway_id;
    old->options = r->next.options;
    r->ok = sync_agent_reconfigure(r->serve->agent, &old->options, &r->err);
}

static void apply_to_agent(struct serve *s)
{
    struct reconfiguration r = { .serve = s };

    if (!s->agent) {
        if (settings_list(&s->cli->settings, SET_CONFIG_ENDPOINT, 0).p)
            warn("config.service.endpoint: set now: it takes effect at the next start");
        return;
    }
    if (!sync_agent_call(s->agent, reconfigure, &r))
        return; /* stopping */
    if (!r.ok)
        warn(r.err.text);
    sync_agent_wake(s->agent);
}

/* Take over what differs; how many settings that take effect now do. */
static unsigned take_changes(struct settings *now, const struct settings *fresh)
{
    unsigned taken = 0;

    for (int id = 0; id < SETTINGS_COUNT; id++) {
        if (strcmp(settings_text(now, (enum setting)id), settings_text(fresh, (enum setting)id)) == 0)
            continue;
        if (!is_live(id))
            log_warn("Settings", "%s: changed: it takes effect at the next start", settings_name((enum setting)id));
        else if (settings_take(now, fresh, (enum setting)id))
            taken++;
    }
    return taken;
}

static void reload_settings(struct serve *s)
{
    struct settings fresh;
    struct err err;

    settings_open(&fresh);
    if (!cli_read_settings(s->cli, &fresh, warn, &err)) {
        log_warn("SettingsKept", "%s: the settings stay as they are", err.text);
    } else if (take_changes(&s->cli->settings, &fresh)) {
        serve_apply_settings(&s->cli->settings);
        apply_to_agent(s);
        log_info("SettingsLoaded", "what changed in the settings is in effect");
    }
    settings_close(&fresh);
}

static void reload_now(void *arg)
{
    reload_settings(arg);
    serve_follow_certificate(arg, true);
}

void serve_reload(void *serve)
{
    helper_call(reload_now, serve);
}

/* ---- certificates ---- */

/* What tells one version of a file from another, also behind links. */
static void add_version(char *out, size_t room, const char *path)
{
    struct stat st;
    size_t n = strlen(out);

    if (*path && stat(path, &st) == 0)
        snprintf(out + n, room - n, "%s %llu %llu %lld.%09ld %lld\n", path, (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size);
    else
        snprintf(out + n, room - n, "%s -\n", path);
}

static void follow(struct serve *s, bool asked)
{
    const struct settings *set = &s->cli->settings;
    char version[sizeof s->certificate_version] = "";
    struct err err;

    add_version(version, sizeof version, settings_text(set, SET_TLS_CERTIFICATE));
    add_version(version, sizeof version, settings_text(set, SET_TLS_KEY));
    if (!asked && strcmp(version, s->certificate_version) == 0)
        return;
    bool first = !s->certificate_version[0];
    memcpy(s->certificate_version, version, sizeof version);
    if (first && !asked)
        return; /* as it was loaded at the start */
    if (serve_load_certificate(s, &err)) {
        log_info("CertificateLoaded", "new connections get the certificate as it is now");
        return;
    }
    metrics_event(METRICS_CERTIFICATE_ERROR);
    log_warn("CertificateKept", "%s: the old one stays", err.text);
}

void serve_follow_certificate(struct serve *s, bool asked)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* a signal meets the watch */

    if (!settings_u64(&s->cli->settings, SET_HTTPS_PORT))
        return;
    pthread_mutex_lock(&one_at_a_time);
    follow(s, asked);
    pthread_mutex_unlock(&one_at_a_time);
}

static void look(void *arg)
{
    serve_follow_certificate(arg, false);
}

void serve_watch(void *serve)
{
    do
        helper_call(look, serve);
    while (fiber_sleep_until(fiber_deadline_ms(CERTIFICATE_POLL_MS)));
}
