/* What policies ask of the gateway: backends, counters, time (struct rt_host). */
#include "app/request_int.h"

#include "app/counters.h"
#include "app/gateway.h"
#include "app/identity.h"
#include "app/metrics.h"
#include "app/oidc.h"
#include "app/quota.h"
#include "platform/fiber.h"
#include "platform/helper.h"
#include "platform/log.h"

static struct request *request_of(struct rt *rt)
{
    return rt->app;
}

/* ---- backends ---- */

static const struct fact_backend *host_backend(struct rt *rt, struct slice id)
{
    return map_get(&request_of(rt)->program->backends, id);
}

static const struct fact_backend *host_backend_url(struct rt *rt, struct slice url, struct err *err)
{
    const struct backend *made = program_backend_for_url(rt->arena, url, err);

    return made ? &made->fact : NULL;
}

/* ---- counters ---- */

static void host_rate_take(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s, uint64_t amount, struct rt_rate *out)
{
    struct counter_window w = { calls, period_s * 1000 };
    struct counter_state s = counters_take(key, &w, amount, fiber_now() / NS_PER_MS);

    (void)rt;
    out->allowed = s.allowed;
    out->remaining = s.remaining;
    out->retry_after_s = s.allowed ? 0 : (s.retry_after_ms + 999) / 1000;
    if (!s.allowed && out->retry_after_s == 0)
        out->retry_after_s = 1;
}

static void host_rate_add(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s, uint64_t amount)
{
    struct counter_window w = { calls, period_s * 1000 };

    (void)rt;
    counters_add(key, &w, amount, fiber_now() / NS_PER_MS);
}

static bool host_quota_take(struct rt *rt, struct slice key, const struct rt_quota_window *w, uint64_t max_calls, uint64_t max_bytes,
                            uint64_t calls, struct rt_quota_use *use)
{
    struct quota_window window = { w->period_s, w->index };
    struct quota_use used;
    bool ok = quota_take(key, &window, max_calls, max_bytes, calls, &used);

    (void)rt;
    *use = (struct rt_quota_use){ used.calls, used.bytes };
    return ok;
}

static void host_quota_add(struct rt *rt, struct slice key, const struct rt_quota_window *w, uint64_t calls, uint64_t bytes)
{
    struct quota_window window = { w->period_s, w->index };

    (void)rt;
    quota_add(key, &window, calls, bytes);
}

static bool host_enter(struct rt *rt, struct slice key, uint64_t max)
{
    (void)rt;
    return concurrency_enter(key, max);
}

static void host_leave(struct rt *rt, struct slice key)
{
    (void)rt;
    concurrency_leave(key);
}

/* ---- the machine's identity ---- */

static bool host_identity_token(struct rt *rt, struct slice resource, struct slice client, struct slice *token,
                                struct rt_fault *fault)
{
    struct err err;

    if (identity_token(resource, client, rt->arena, token, &err))
        return true;
    *fault = (struct rt_fault){ .status = 500, .internal = true, .reason = "BackendConnectionFailure",
                                .message = arena_copy(rt->arena, slice_from(err.text)) };
    return false;
}

static void host_metric(struct rt *rt, struct slice space, struct slice name, double value, const struct rt_dimension *d, unsigned n)
{
    struct metrics_label labels[METRIC_DIMENSIONS_MAX];

    for (unsigned i = 0; i < n && i < METRIC_DIMENSIONS_MAX; i++)
        labels[i] = (struct metrics_label){ d[i].name, d[i].value };
    if (!metrics_custom(rt->arena, space, name, value, labels, n))
        rt_trace(rt, "dropped: no counter grows by this, or there are too many series");
}

/* ---- time and the rest ---- */

static uint64_t host_now(struct rt *rt)
{
    (void)rt;
    return fiber_now();
}

static uint64_t host_wall(struct rt *rt)
{
    (void)rt;
    return fiber_wall();
}

static bool host_sleep(struct rt *rt, uint64_t ms)
{
    (void)rt;
    return fiber_sleep_until(fiber_deadline_ms(ms));
}

static void host_pause(struct rt *rt)
{
    (void)rt;
    fiber_yield();
}

static uint64_t host_traffic(struct rt *rt)
{
    const struct conn *c = request_of(rt)->conn;

    return conn_bytes_received(c) + conn_bytes_sent(c);
}

static const struct jwt_provider *host_provider(struct rt *rt, struct slice url, const struct jwt_provider *unfit)
{
    (void)rt;
    return oidc_acquire(url, unfit);
}

static void host_provider_done(struct rt *rt, const struct jwt_provider *p)
{
    (void)rt;
    oidc_release(p);
}

static void host_work(struct rt *rt, void (*fn)(void *arg), void *arg)
{
    (void)rt;
    helper_call(fn, arg);
}

static void host_trace(struct rt *rt, const struct rt_trace *t)
{
    if (t->custom)
        log_event(t->level == RT_TRACE_ERROR ? LOG_ERROR : t->level == RT_TRACE_INFORMATION ? LOG_INFO : LOG_DEBUG, "Trace",
                  "%.*s: %.*s, correlationId: %.*s", SLICE_ARG(t->source), SLICE_ARG(t->message), SLICE_ARG(rt->request_id));
}

const struct rt_host request_host = {
    .forward = request_forward,
    .send = request_send,
    .send_one_way = request_send_one_way,
    .body_read = request_body_read,
    .body_fits = request_body_fits,
    .body_room = request_body_room,
    .backend = host_backend,
    .backend_url = host_backend_url,
    .rate_take = host_rate_take,
    .rate_add = host_rate_add,
    .quota_take = host_quota_take,
    .quota_add = host_quota_add,
    .enter = host_enter,
    .leave = host_leave,
    .traffic = host_traffic,
    .identity_token = host_identity_token,
    .metric = host_metric,
    .now = host_now,
    .wall = host_wall,
    .sleep = host_sleep,
    .pause = host_pause,
    .provider = host_provider,
    .provider_done = host_provider_done,
    .work = host_work,
    .trace = host_trace,
};
