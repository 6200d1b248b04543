/* Options judged before the first cycle, results in words. */
#include <stdio.h>

#include "store/stage.h"
#include "sync/cycle_int.h"

const char *sync_outcome_name(enum sync_outcome outcome)
{
    static const char *const names[SYNC_OUTCOMES] = { "updated", "current", "offline", "rejected" };

    return names[outcome];
}

const char *sync_reason_name(enum sync_reason reason)
{
    static const char *const names[SYNC_REASONS] = { "",        "connect", "tls",       "auth",
                                                     "http",    "portal",  "signature", "digest",
                                                     "invalid", "store" };

    return names[reason];
}

void sync_result_json(const struct sync_result *r, struct buf *b)
{
    buf_printf(b,
               "{\"result\":\"%s\",\"from\":%lld,\"to\":%lld,\"requests\":%llu,\"bytes\":%llu,"
               "\"resumed\":%s,\"reason\":",
               sync_outcome_name(r->outcome), (long long)r->from, (long long)r->to,
               (unsigned long long)r->requests, (unsigned long long)r->bytes,
               r->resumed ? "true" : "false");
    if (r->reason == SYNC_OK)
        buf_puts(b, "null");
    else
        buf_put_json(b, slice_from(sync_reason_name(r->reason)));
    buf_puts(b, ",\"detail\":");
    if (r->text[0])
        buf_put_json(b, slice_from(r->text));
    else
        buf_puts(b, "null");
    buf_puts(b, ",\"source\":");
    buf_put_json(b, slice_from(r->source));
    buf_puts(b, "}\n");
}

int sync_result_exit(const struct sync_result *r)
{
    switch (r->outcome) {
    case SYNC_UPDATED:
    case SYNC_CURRENT: return 0;
    case SYNC_REJECTED: return 1;
    default: return 3;
    }
}

/* ---- options ---- */

static bool has_trust(const struct sync_options *o, struct arena *a)
{
    struct root root;
    struct err err;
    bool present = false;

    if (o->n_roots || store_meta(o->store, a, "pin").n)
        return true;
    /* A root that is there but damaged is told by the cycle. */
    bool ok = store_root(o->store, a, &root, &present, &err);
    root_free(&root);
    return !ok || present;
}

static bool check_endpoint(const struct sync_options *o, struct arena *a, struct slice endpoint,
                           struct err *err)
{
    struct source source;

    if (source_is_azure(endpoint) && !store_active(o->store))
        return err_set(err,
                       "config.service.endpoint: %.*s: Azure's own service: publish an apiops "
                       "extract with `holdfast publish` and give "
                       "the address of that repository",
                       SLICE_ARG(endpoint));
    if (!source_parse(a, endpoint, &source, err))
        return false;
    return source.scheme != SOURCE_HTTP || has_trust(o, a) ||
           err_set(err, "config.trust.root: needed over plain http");
}

static bool check_auth(const struct sync_options *o, struct err *err)
{
    struct slice text = slice_trim(slice_from(o->auth));

    if (slice_eq_icase(text, SLICE("azureAdApp")) ||
        slice_eq_icase(text, SLICE("workloadIdentity")))
        return err_set(err,
                       "config.service.auth: %.*s: only Azure's own service has it: publish an "
                       "apiops extract with `holdfast publish` "
                       "and give the address of that repository",
                       SLICE_ARG(text));
    return true;
}

bool sync_options_check(const struct sync_options *options, struct err *err)
{
    uint8_t(*pins)[CRYPTO_SHA256_BYTES];
    struct arena a;
    size_t n;

    arena_init_growing(&a, 1u << 20);
    bool ok = true;
    if (!options->n_endpoints && !store_active(options->store))
        ok = err_set(err, "config.service.endpoint: not set: give https://host/repo, file:///dir, "
                          "or load one with `holdfast import DIR`");
    if (ok && options->channel && !channel_is_valid(slice_from(options->channel)))
        ok = err_set(err, "config.channel: %s: only letters, digits, '-', '_' and '.' are possible",
                     options->channel);
    for (size_t i = 0; ok && i < options->n_endpoints; i++)
        ok = check_endpoint(options, &a, options->endpoints[i], err);
    ok = ok && roots_read_pins(options, &a, &pins, &n, err) && check_auth(options, err);
    arena_free(&a);
    return ok;
}

const char *sync_options_warning(const struct sync_options *options, struct arena *a)
{
    for (size_t i = 0; i < options->n_endpoints; i++)
        if (source_is_azure(options->endpoints[i]))
            return arena_printf(
                       a,
                       "config.service.endpoint: %.*s: Azure's own service: this gateway serves "
                       "what it has; publish an apiops "
                       "extract with `holdfast publish` and give the address of that repository",
                       SLICE_ARG(options->endpoints[i]))
                .p;
    return NULL;
}

/* ---- cycles without an agent ---- */

void sync_cycle(const struct sync_options *options, struct sync_result *out)
{
    cycle_run(options, true, NULL, out);
}

void sync_import(const struct sync_options *options, const char *dir, struct sync_result *out)
{
    struct arena a;
    struct sync_options own = *options;

    arena_init_growing(&a, 64u << 10);
    struct slice endpoint = arena_printf(&a, "file://%s", dir);
    own.endpoints = &endpoint;
    own.n_endpoints = 1;
    own.auth = NULL;
    cycle_run(&own, true, NULL, out);
    arena_free(&a);
}
