/* API, operation and subscription key of a request (reference/gateway.md 2.1 to 2.3). */
#include "app/request_int.h"

#include <stdatomic.h>

#include "app/gateway.h"
#include "app/key_cache.h"
#include "app/url.h"
#include "platform/fiber.h"
#include "platform/log.h"
#include "policy/uri.h"

/* How often the wrong scheme is logged per API. */
#define SCHEME_LOG_EVERY_S 60u

static const struct rt_fault not_found = {
    .status = 404,
    .status_reason = "Resource Not Found",
    .reason = "OperationNotFound",
    .message = SLICE_INIT("Unable to match incoming request to an operation."),
    .text = SLICE_INIT("Resource not found"),
};

static const struct rt_fault key_missing = {
    .status = 401,
    .status_reason = "Access Denied",
    .reason = "SubscriptionKeyNotFound",
    .message = SLICE_INIT("Access denied due to missing subscription key. Make sure to include subscription key when making "
                          "requests to this API."),
    .text = SLICE_INIT("Access denied due to missing subscription key. Make sure to include subscription key when making "
                       "requests to an API."),
};

static const struct rt_fault key_invalid = {
    .status = 401,
    .status_reason = "Access Denied",
    .reason = "SubscriptionKeyInvalid",
    .message = SLICE_INIT("Access denied due to invalid subscription key. Make sure to provide a valid key for an active "
                          "subscription."),
};

/* ---- scheme ---- */

static bool request_is_tls(const struct request *r)
{
    struct slice first, list;

    if (!gateway.trust_forwarded_proto)
        return conn_is_tls(r->conn);
    list = http_fields_get(&r->head->fields, SLICE("X-Forwarded-Proto"));
    if (!slice_cut(&list, ',', &first))
        return conn_is_tls(r->conn);
    if (slice_eq_icase(slice_trim(first), SLICE("https")))
        return true;
    return !slice_eq_icase(slice_trim(first), SLICE("http")) && conn_is_tls(r->conn);
}

static void log_wrong_scheme(const struct api *api, bool tls)
{
    uint64_t now = fiber_now() / NS_PER_S;
    _Atomic uint64_t *logged = &((struct api *)(uintptr_t)api)->scheme_logged;
    uint64_t last = atomic_load_explicit(logged, memory_order_relaxed);

    if ((last && now - last < SCHEME_LOG_EVERY_S) || !atomic_compare_exchange_strong(logged, &last, now))
        return;
    if (tls)
        log_warn("SchemeNotServed", "api %.*s: called by https, listens to http only", SLICE_ARG(api->fact.id));
    else if (!gateway.https_port)
        log_warn("SchemeNotServed", "api %.*s: called by http, listens to https only: set net.server.https.port, or "
                 "net.server.http.forwarded.proto.enabled=true behind a proxy that ends TLS", SLICE_ARG(api->fact.id));
    else
        log_warn("SchemeNotServed", "api %.*s: called by http, listens to https only: use port %u, or set "
                 "net.server.http.forwarded.proto.enabled=true behind a proxy that ends TLS", SLICE_ARG(api->fact.id),
                 gateway.https_port);
}

/* ---- API and operation ---- */

static struct slice header_of(const void *arg, struct slice name)
{
    return http_fields_get(arg, name);
}

static void set_original(struct request *r, bool tls)
{
    struct slice authority = r->head->authority, port;
    struct expr_url *url = &r->rt.original;
    ptrdiff_t colon = slice_rfind_byte(authority, ':');
    uint64_t number;

    url->scheme = tls ? SLICE("https") : SLICE("http");
    url->host = authority;
    url->port = tls ? 443 : 80;
    port = slice_skip(authority, (size_t)(colon + 1));
    if (colon >= 0 && (!port.n || slice_to_u64(port, 65535, &number))) {
        url->host = slice_first(authority, (size_t)colon);
        url->port = port.n ? (unsigned)number : url->port;
    }
    url->path = r->path;
    url->query = slice_skip(r->head->query, 1);
}

/* LastError.Section is "backend", as in the logs of the original. */
static void refuse_not_found(struct request *r, const char *why)
{
    r->not_found = why;
    r->rt.section = SECTION_BACKEND;
    r->rt.pipeline = r->api ? program_pipeline(&r->api->pipelines, NULL) : r->program->global;
    policy_run_refused(&r->rt, "configuration", &not_found);
}

static bool find_api(struct request *r, const char **why)
{
    struct api_match m;
    bool tls = request_is_tls(r);

    set_original(r, tls);
    if (!api_paths_match(&r->program->paths, r->path, r->head->query, header_of, &r->head->fields, &m)) {
        *why = m.missing;
        return false;
    }
    if (gateway.enforce_protocols && !(tls ? m.api->https : m.api->http)) {
        log_wrong_scheme(m.api, tls);
        *why = "the API does not list this scheme";
        return false;
    }
    r->api = m.api;
    r->rt.api = &m.api->fact;
    r->metrics_id = m.api->metrics_id;
    r->rest = slice_skip(r->path, m.consumed);
    return true;
}

static bool set_parameters(struct request *r, const struct route_match *m)
{
    struct rt_parameter *list = arena_array(r->arena, struct rt_parameter, m->n_parameters);

    if (m->n_parameters && !list)
        return false;
    for (unsigned i = 0; i < m->n_parameters; i++) {
        const struct route_parameter *p = &m->parameters[i];
        struct slice value = p->query ? uri_unescape(r->arena, p->raw) : url_decode(r->arena, p->raw);
        list[i] = (struct rt_parameter){ p->name, value, p->raw, p->query };
    }
    r->rt.parameters = list;
    r->rt.n_parameters = m->n_parameters;
    return true;
}

/* A CORS preflight asks for the operation that the real request would call: its method; empty: this is none. */
static struct slice preflight_method(const struct request *r)
{
    if (!slice_eq(r->head->method, SLICE("OPTIONS")) || !http_fields_find(&r->head->fields, SLICE("Origin")))
        return SLICE_NONE;
    return http_fields_get(&r->head->fields, SLICE("Access-Control-Request-Method"));
}

/* From here on context.Request.Url is the backend's. */
static void take_operation(struct request *r, const struct operation *op)
{
    r->operation = op;
    r->rt.operation = &op->fact;
    r->metrics_id = op->metrics_id;
    r->rt.request.url.backend = r->api->fact.backend;
    r->rt.request.url.path = r->rest.n ? r->rest : SLICE("/");
}

/* True when the request was a preflight that cors policies answered. */
static bool answer_preflight(struct request *r, struct slice method)
{
    struct route_match m;

    if (!route_table_match(&r->api->routes, method, r->rest, r->head->query, &m))
        return false;
    const struct policy_pipeline *pipeline = program_pipeline(&m.operation->pipelines, r->api->open_product);
    if (!policy_pipeline_has_cors(pipeline))
        return false;
    take_operation(r, m.operation);
    r->rt.pipeline = pipeline;
    policy_run_preflight(&r->rt);
    return true;
}

bool request_resolve(struct request *r)
{
    struct route_match m;
    const char *why = "";
    struct slice asked = preflight_method(r);

    if (!find_api(r, &why)) {
        refuse_not_found(r, why);
        return false;
    }
    bool found = route_table_match(&r->api->routes, r->head->method, r->rest, r->head->query, &m);
    bool own = found && slice_eq(m.operation->fact.method, SLICE("OPTIONS")); /* answers for itself (policies.md 5) */
    if (asked.n && !own && answer_preflight(r, asked))
        return false;
    if (!found) {
        refuse_not_found(r, "the API has no such operation");
        return false;
    }
    take_operation(r, m.operation);
    if (set_parameters(r, &m))
        return true;
    r->rt.pipeline = r->program->global;
    rt_fail_memory(&r->rt);
    return false;
}

/* ---- subscription key (reference/gateway.md 2.3) ---- */

static struct slice presented_key(struct request *r)
{
    const struct http_field *field = http_fields_find(&r->head->fields, r->api->fact.key_header);

    if (field)
        return field->value;
    return uri_unescape(r->arena, url_query_get(r->head->query, r->api->fact.key_query));
}

static bool key_opens(const struct subscription *s, const struct api *api)
{
    if (!s->active)
        return false;
    switch (s->scope) {
    case KEY_SCOPE_ALL:
        return true;
    case KEY_SCOPE_API:
        return slice_eq_icase(s->api, api->root_id);
    case KEY_SCOPE_PRODUCT:
        return map_get(&s->product->apis, api->root_id) != NULL;
    default:
        return false;
    }
}

static bool refuse_key(struct request *r, const struct rt_fault *fault)
{
    const struct api *api = r->api;
    struct rt_fault with_challenge = *fault;

    with_challenge.header = SLICE("WWW-Authenticate");
    with_challenge.header_value = arena_printf(r->arena, "AzureApiManagementKey realm=\"%.*s://%.*s/%.*s\",name=\"%.*s\",type=\"header\"",
                                      SLICE_ARG(r->rt.original.scheme), SLICE_ARG(r->head->authority),
                                      SLICE_ARG(api->public_path), SLICE_ARG(api->fact.key_header));

    r->rt.pipeline = program_pipeline(&r->operation->pipelines, NULL);
    policy_run_refused(&r->rt, "authorization", &with_challenge);
    return false;
}

static bool enter_product(struct request *r, const struct product *product)
{
    r->product = product;
    r->rt.product = product ? &product->fact : NULL;
    r->rt.pipeline = program_pipeline(&r->operation->pipelines, product);
    return true;
}

bool request_authorize(struct request *r)
{
    struct slice key = presented_key(r);

    if (!key.n) {
        if (r->api->open_product)
            return enter_product(r, r->api->open_product);
        return r->api->subscription_required ? refuse_key(r, &key_missing) : enter_product(r, NULL);
    }
    const struct key_entry *entry = key_cache_find(r->program, key);
    if (!entry || !key_opens(entry->subscription, r->api))
        return refuse_key(r, &key_invalid);
    r->subscription = entry->subscription;
    r->rt.subscription = &entry->subscription->fact;
    r->rt.subscription_key = key;
    r->rt.key_is_secondary = entry->secondary;
    r->rt.user = entry->subscription->user;
    return enter_product(r, entry->subscription->scope == KEY_SCOPE_PRODUCT ? entry->subscription->product : NULL);
}
