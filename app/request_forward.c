/* forward-request: the call to the backend, with the backend's credentials, and after a redirect to where it points.
 *
 * Invariants
 * 1. Credentials are the call's alone: rt->request keeps what client and policies have put there, so that a second call
 *    through another backend carries none of the first.
 * 2. To another origin go neither credentials nor Authorization and Cookie; from https no redirect leads to http. */
#include "app/request_int.h"

#include "app/gateway.h"
#include "app/redirect.h"
#include "app/request_log.h"
#include "app/url.h"
#include "platform/fiber.h"
#include "platform/log.h"
#include "policy/uri.h"

/* Redirects that one forward-request follows; the answer behind is passed to the client. */
#define REDIRECTS_MAX 10u

/* One call as it is sent. */
struct call {
    const struct backend *backend;
    struct http_fields fields;
    struct slice query; /* without its '?' */
    struct forward_request request;
};

/* ---- credentials of the backend ---- */

static bool is_repeated(const struct backend_pair *list, const struct backend_pair *p)
{
    for (; list != p; list = list->next) {
        if (slice_eq_icase(list->name, p->name))
            return true;
    }
    return false;
}

static bool add_headers(struct http_fields *fields, const struct backend_pair *list)
{
    for (const struct backend_pair *p = list; p; p = p->next) {
        bool ok = is_repeated(list, p) ? http_fields_add(fields, p->name, p->value) : http_fields_set(fields, p->name, p->value);
        if (!ok)
            return false;
    }
    return true;
}

static bool is_listed(const struct backend_pair *list, struct slice encoded)
{
    for (; list; list = list->next) {
        if (uri_name_is(encoded, list->name))
            return true;
    }
    return false;
}

/* The query, its parameters of those names replaced. p == NULL: no room. */
static struct slice add_query(struct request *r, struct slice query, const struct backend_pair *list)
{
    struct uri_pair pair;
    struct buf b;

    if (!list)
        return query.p ? query : SLICE("");
    buf_init(&b, r->arena);
    while (uri_query_next(&query, &pair)) {
        if (!is_listed(list, pair.name))
            buf_printf(&b, "%s%.*s", b.n ? "&" : "", SLICE_ARG(pair.whole));
    }
    for (; list; list = list->next)
        buf_printf(&b, "%s%.*s=%.*s", b.n ? "&" : "", SLICE_ARG(uri_escape(r->arena, list->name)),
                   SLICE_ARG(uri_escape(r->arena, list->value)));
    return b.failed ? SLICE_NONE : buf_slice(&b);
}

/* ---- the call ---- */

static struct slice with_mark(struct request *r, struct slice query)
{
    struct slice whole = r->head->query;

    if (!query.n)
        return SLICE_NONE;
    if (whole.n && query.p == whole.p + 1 && query.n == whole.n - 1)
        return whole;
    return arena_printf(r->arena, "?%.*s", SLICE_ARG(query));
}

/* For the log, without what the backend's credentials add to the query. */
static void describe_call(struct request *r, const struct call *call)
{
    r->backend_method = call->request.method;
    if (!log_enabled(LOG_INFO) || log_format() == LOG_FORMAT_NONE)
        return;
    struct slice parts[] = { call->backend->fact.scheme, SLICE("://"), call->backend->target.authority, call->request.path,
                             call->request.query };
    r->backend_url = arena_concat(r->arena, parts, COUNT_OF(parts));
    for (const struct backend_pair *p = call->backend->query; p; p = p->next)
        r->backend_url = request_log_mask(r->arena, r->backend_url, p->name);
}

static void fill_body(struct request *r, struct forward_request *out)
{
    const struct rt_message *m = &r->rt.request;

    out->body = FORWARD_BODY_NONE;
    if (m->body.state == RT_BODY_STREAM)
        out->body = FORWARD_BODY_STREAM;
    else if (m->body.state == RT_BODY_SLICE || m->body.state == RT_BODY_CODED)
        out->body = FORWARD_BODY_SLICE;
    out->body_slice = m->body.data;
}

/* The request as policies left it, to its backend. */
static bool first_call(struct request *r, const struct backend *backend, struct call *call)
{
    struct rt_message *m = &r->rt.request;
    struct slice path = m->url.path;

    *call = (struct call){ .backend = backend, .fields = m->fields };
    if (backend->headers && (!http_fields_own(&call->fields, r->arena, &m->fields) || !add_headers(&call->fields, backend->headers)))
        return false;
    call->query = add_query(r, m->url.query, backend->query);
    if (backend->fact.path.n) {
        struct slice parts[] = { backend->fact.path, path };
        path = arena_concat(r->arena, parts, COUNT_OF(parts));
    }
    call->request = (struct forward_request){ .method = m->method, .path = path, .query = with_mark(r, call->query),
                                              .fields = &call->fields, .client_ip = r->rt.client_ip,
                                              .upgrade = r->head->upgrade && r->api->websocket };
    if (m->host_set)
        call->request.host = http_fields_get(&m->fields, SLICE("Host"));
    fill_body(r, &call->request);
    return path.p && call->query.p && (call->request.query.p || !call->query.n);
}

/* ---- redirects ---- */

static bool is_same_origin(const struct backend *a, const struct backend *b)
{
    return slice_eq(a->fact.scheme, b->fact.scheme) && slice_eq_icase(a->target.authority, b->target.authority);
}

static void drop_secrets(struct http_fields *fields, const struct backend_pair *headers)
{
    http_fields_remove(fields, SLICE("Authorization"));
    http_fields_remove(fields, SLICE("Cookie"));
    for (; headers; headers = headers->next)
        http_fields_remove(fields, headers->name);
}

/* Of a request that becomes a GET. */
static void drop_body(struct forward_request *request, struct http_fields *fields)
{
    static const struct slice names[] = { SLICE_INIT("Content-Type"), SLICE_INIT("Content-Encoding"), SLICE_INIT("Content-Language"),
                                          SLICE_INIT("Content-Location") };

    request->method = SLICE("GET");
    request->body = FORWARD_BODY_NONE;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        http_fields_remove(fields, names[i]);
}

/* The call that the answer redirects to, in place of *call; false: it is passed on (or, with the arena full, fails). */
static bool next_call(struct request *r, struct call *call)
{
    struct slice location = http_fields_get(&r->forward.response.fields, SLICE("Location"));
    const struct backend *from = call->backend;
    enum redirect kind = redirect_kind(r->forward.response.status, call->request.method);
    struct url url;
    struct err err;

    if (kind == REDIRECT_NO || (kind == REDIRECT_SAME && call->request.body == FORWARD_BODY_STREAM))
        return false;
    struct slice origin = arena_printf(r->arena, "%.*s://%.*s", SLICE_ARG(from->fact.scheme), SLICE_ARG(from->target.authority));
    struct slice to = redirect_resolve(r->arena, origin, call->request.path, location);
    if (!to.p || !url_parse(to, &url) || (!url.tls && slice_eq(from->fact.scheme, SLICE("https"))))
        return false;
    struct backend *backend = program_backend_for_url(r->arena, to, &err);
    struct http_fields fields;
    if (!backend || !http_fields_own(&fields, r->arena, &call->fields))
        return false;
    call->fields = fields;
    if (is_same_origin(from, backend))
        call->backend = from; /* with its TLS options */
    else {
        drop_secrets(&call->fields, from->headers);
        call->backend = backend;
    }
    call->request.host = SLICE_NONE;
    call->request.path = url.path.n ? url.path : SLICE("/");
    call->request.query = url.query;
    if (kind == REDIRECT_GET)
        drop_body(&call->request, &call->fields);
    return true;
}

/* ---- forward-request ---- */

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

static bool send_call(struct request *r, struct call *call, const struct forward_options *options)
{
    if (r->forwarded)
        forward_close(&r->forward);
    r->forwarded = true;
    describe_call(r, call);
    bool ok = forward_request(&r->forward, r->conn, &call->backend->target, &call->request, options, r->arena);
    r->backend_ns += fiber_now() - r->forward.began;
    if (call->request.body == FORWARD_BODY_STREAM)
        r->rt.request.body.state = RT_BODY_CONSUMED;
    return ok;
}

enum verdict request_forward(struct rt *rt, const struct rt_forward *o)
{
    struct request *r = rt->app;
    const struct backend *backend = (const struct backend *)rt->request.url.backend;
    struct forward_options options = { .connect_ms = gateway.connect_ms, .response_ms = o->timeout_ms,
                                       .idle_ms = o->buffer_response ? gateway.backend_idle_ms : 0, .send_ms = gateway.send_ms,
                                       .body_ms = gateway.body_ms, .unbuffered = !o->buffer_response };
    struct rt_fault fault;
    struct call call;

    if (!backend)
        return rt_fail(rt, "forward-request", "BackendConnectionFailure",
                       SLICE("no backend: the API has no serviceUrl, and no set-backend-service ran"));
    if (o->buffer_request && rt->request.body.state == RT_BODY_STREAM && !request_body_keep(r, &fault))
        return rt_fail_fault(rt, "forward-request", &fault);
    if (!first_call(r, backend, &call))
        return rt_fail_memory(rt);
    bool ok = send_call(r, &call, &options);
    for (unsigned n = 0; ok && o->follow_redirects && n < REDIRECTS_MAX && next_call(r, &call); n++)
        ok = send_call(r, &call, &options);
    return ok && take_response(r) ? VERDICT_NEXT : forward_failed(r);
}
