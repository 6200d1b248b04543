/* What policies ask of the gateway: the backend, bodies, counters, time (struct rt_host). */
#include "app/request_int.h"

#include "app/counters.h"
#include "app/gateway.h"
#include "app/quota.h"
#include "platform/fiber.h"
#include "platform/log.h"

static struct request *request_of(struct rt *rt)
{
    return rt->app;
}

/* ---- forward-request ---- */

static bool add_credentials(struct request *r, const struct backend *backend)
{
    struct rt_message *m = &r->rt.request;

    for (const struct backend_pair *p = backend->headers; p; p = p->next)
        if (!http_fields_set(&m->fields, p->name, p->value))
            return false;
    for (const struct backend_pair *p = backend->query; p; p = p->next) {
        m->url.query = arena_printf(r->arena, "%.*s%s%.*s=%.*s", SLICE_ARG(m->url.query), m->url.query.n ? "&" : "",
                                    SLICE_ARG(p->name), SLICE_ARG(p->value));
        if (!m->url.query.p)
            return false;
    }
    return true;
}

static struct slice with_mark(struct request *r, struct slice query)
{
    struct slice whole = r->head->query;

    if (!query.n)
        return SLICE_NONE;
    if (whole.n && query.p == whole.p + 1 && query.n == whole.n - 1)
        return whole;
    return arena_printf(r->arena, "?%.*s", SLICE_ARG(query));
}

static void describe_call(struct request *r, const struct backend *backend, struct slice path, struct slice query)
{
    r->backend_method = r->rt.request.method;
    if (log_enabled(LOG_INFO) && log_format() != LOG_FORMAT_NONE)
        r->backend_url = arena_printf(r->arena, "%.*s://%.*s%.*s%.*s", SLICE_ARG(backend->fact.scheme),
                                      SLICE_ARG(backend->target.authority), SLICE_ARG(path), SLICE_ARG(query));
}

static void fill_body(struct request *r, struct forward_request *out)
{
    const struct rt_message *m = &r->rt.request;

    out->body = m->body.state == RT_BODY_STREAM                                        ? FORWARD_BODY_STREAM
              : m->body.state == RT_BODY_SLICE || m->body.state == RT_BODY_CODED ? FORWARD_BODY_SLICE
                                                                                       : FORWARD_BODY_NONE;
    out->body_slice = m->body.data;
}

static bool fill_request(struct request *r, const struct backend *backend, struct forward_request *out)
{
    struct rt_message *m = &r->rt.request;
    struct slice path = m->url.path;

    if (backend->fact.path.n) {
        struct slice parts[] = { backend->fact.path, path };
        path = arena_concat(r->arena, parts, COUNT_OF(parts));
    }
    *out = (struct forward_request){ .method = m->method, .path = path, .query = with_mark(r, m->url.query), .fields = &m->fields,
                                     .client_ip = r->rt.client_ip };
    if (m->host_set)
        out->host = http_fields_get(&m->fields, SLICE("Host"));
    fill_body(r, out);
    describe_call(r, backend, path, out->query);
    return path.p && (out->query.p || !m->url.query.n);
}

static enum verdict forward_failed(struct request *r)
{
    struct rt *rt = &r->rt;
    const struct forward *f = &r->forward;
    struct slice message = arena_copy(r->arena, slice_from(f->message));
    struct rt_fault fault;

    switch (f->failure) {
    case FORWARD_CONNECT:
    case FORWARD_PROTOCOL:
        return rt_fail(rt, "forward-request", "BackendConnectionFailure", message);
    case FORWARD_TIMEOUT:
        return rt_fail(rt, "forward-request", "Timeout", message);
    case FORWARD_CLIENT_GONE:
    case FORWARD_CANCELED:
        return rt_fail(rt, "forward-request", "ClientConnectionFailure", message);
    default:
        request_body_fault(r, f, &fault);
        return rt_fail_fault(rt, "forward-request", &fault);
    }
}

static bool take_response(struct request *r)
{
    struct rt_message *m = &r->rt.response;
    const struct forward_response *from = &r->forward.response;

    m->present = true;
    m->status = from->status;
    m->reason = from->reason;
    m->fields = from->fields;
    m->body = (struct rt_body){ .state = from->has_body ? RT_BODY_STREAM : RT_BODY_NONE };
    m->app = &r->forward;
    r->backend_status = from->status;
    return true;
}

static enum verdict host_forward(struct rt *rt, const struct rt_forward *o)
{
    struct request *r = request_of(rt);
    const struct backend *backend = (const struct backend *)rt->request.url.backend;
    struct forward_options options = { .connect_ms = gateway.connect_ms, .response_ms = o->timeout_ms,
                                       .idle_ms = o->buffer_response ? gateway.backend_idle_ms : 0, .send_ms = gateway.send_ms,
                                       .body_ms = gateway.body_ms, .unbuffered = !o->buffer_response };
    struct forward_request request;
    struct rt_fault fault;

    if (!backend)
        return rt_fail(rt, "forward-request", "BackendConnectionFailure",
                       SLICE("no backend: the API has no serviceUrl, and no set-backend-service ran"));
    if (o->buffer_request && rt->request.body.state == RT_BODY_STREAM && !request_body_keep(r, &fault))
        return rt_fail_fault(rt, "forward-request", &fault);
    if (r->forwarded)
        forward_close(&r->forward);
    if (!add_credentials(r, backend) || !fill_request(r, backend, &request))
        return rt_fail_memory(rt);
    r->forwarded = true;
    request.upgrade = r->head->upgrade && r->api->websocket;
    bool ok = forward_request(&r->forward, r->conn, &backend->target, &request, &options, r->arena);
    r->backend_ns += fiber_now() - r->forward.began;
    if (request.body == FORWARD_BODY_STREAM)
        rt->request.body.state = RT_BODY_CONSUMED;
    return ok && take_response(r) ? VERDICT_NEXT : forward_failed(r);
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

static void host_trace(struct rt *rt, const struct rt_trace *t)
{
    if (t->custom)
        log_event(t->level == RT_TRACE_ERROR ? LOG_ERROR : t->level == RT_TRACE_INFORMATION ? LOG_INFO : LOG_DEBUG, "Trace",
                  "%.*s: %.*s, correlationId: %.*s", SLICE_ARG(t->source), SLICE_ARG(t->message), SLICE_ARG(rt->request_id));
}

const struct rt_host request_host = {
    .forward = host_forward,
    .send = request_send,
    .send_one_way = request_send_one_way,
    .body_read = request_body_read,
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
    .now = host_now,
    .wall = host_wall,
    .sleep = host_sleep,
    .pause = host_pause,
    .trace = host_trace,
};
