/* How expressions see the request: every part of `context` (reference/expressions.md 3), from struct rt and
 * the facts. */
#include "policy/expr/host.h"

#include "platform/base/hash.h"
#include "policy/rt_int.h"

/* ---- scalars ---- */

static struct expr_scalar text(struct slice s)
{
    return (struct expr_scalar){ .present = true, .text = s.p ? s : SLICE("") };
}

static struct expr_scalar number(int64_t n)
{
    return (struct expr_scalar){ .present = true, .number = n };
}

static struct expr_scalar point_in_time(uint64_t ns)
{
    return (struct expr_scalar){ .present = ns != 0, .ns = ns };
}

static struct expr_scalar absent(void)
{
    return (struct expr_scalar){ 0 };
}

static struct expr_scalar api_item(const struct fact_api *api, enum expr_item item)
{
    if (!api)
        return absent();
    switch (item) {
    case EXPR_API_ID: return text(api->id);
    case EXPR_API_NAME: return text(api->name);
    case EXPR_API_PATH: return text(api->path);
    case EXPR_API_REVISION: return text(api->revision);
    case EXPR_API_VERSION: return text(api->version);
    case EXPR_API_IS_CURRENT: return number(api->is_current);
    case EXPR_API_SERVICE_URL: return text(api->service_url);
    case EXPR_API_KEY_HEADER: return text(api->key_header);
    case EXPR_API_KEY_QUERY: return text(api->key_query);
    default: return absent();
    }
}

static struct expr_scalar deployment_item(const struct fact_deployment *d, enum expr_item item)
{
    if (!d)
        return absent();
    switch (item) {
    case EXPR_GATEWAY_ID: return text(d->gateway_id);
    case EXPR_GATEWAY_INSTANCE_ID: return text(d->instance_id);
    case EXPR_GATEWAY_IS_MANAGED: return number(false);
    case EXPR_DEPLOYMENT_REGION: return text(d->region);
    case EXPR_SERVICE_ID: return text(d->service_id);
    case EXPR_SERVICE_NAME: return text(d->service_name);
    default: return absent();
    }
}

static struct expr_scalar error_item(const struct rt_error *e, enum expr_item item)
{
    if (!e->present)
        return absent();
    switch (item) {
    case EXPR_LASTERROR_SOURCE: return text(e->source);
    case EXPR_LASTERROR_REASON: return text(e->reason);
    case EXPR_LASTERROR_MESSAGE: return text(e->message);
    case EXPR_LASTERROR_SCOPE: return text(e->scope);
    case EXPR_LASTERROR_SECTION: return text(e->section);
    case EXPR_LASTERROR_PATH: return text(e->path);
    case EXPR_LASTERROR_POLICY_ID: return text(e->policy_id);
    case EXPR_LASTERROR_HTTP_CODE: return number(e->status);
    default: return absent();
    }
}

static struct expr_scalar operation_item(const struct fact_operation *o, enum expr_item item)
{
    if (!o)
        return absent();
    switch (item) {
    case EXPR_OPERATION_ID: return text(o->id);
    case EXPR_OPERATION_NAME: return text(o->name);
    case EXPR_OPERATION_METHOD: return text(o->method);
    case EXPR_OPERATION_URL_TEMPLATE: return text(o->url_template);
    default: return absent();
    }
}

static struct expr_scalar product_item(const struct fact_product *p, enum expr_item item)
{
    if (!p)
        return absent();
    switch (item) {
    case EXPR_PRODUCT_ID: return text(p->id);
    case EXPR_PRODUCT_NAME: return text(p->name);
    case EXPR_PRODUCT_STATE: return text(p->state);
    case EXPR_PRODUCT_APPROVAL: return number(p->approval_required);
    case EXPR_PRODUCT_SUBSCRIPTION_REQUIRED: return number(p->subscription_required);
    case EXPR_PRODUCT_SUBSCRIPTION_LIMIT: return p->has_limit ? number(p->limit) : absent();
    default: return absent();
    }
}

static struct expr_scalar subscription_item(const struct rt *rt, enum expr_item item)
{
    const struct fact_subscription *s = rt->subscription;

    if (!s)
        return absent();
    switch (item) {
    case EXPR_SUBSCRIPTION_ID: return text(s->id);
    case EXPR_SUBSCRIPTION_NAME: return text(s->name);
    case EXPR_SUBSCRIPTION_KEY: return text(rt->subscription_key);
    case EXPR_SUBSCRIPTION_PRIMARY: return text(rt->key_is_secondary ? SLICE("") : rt->subscription_key);
    case EXPR_SUBSCRIPTION_SECONDARY: return text(rt->key_is_secondary ? rt->subscription_key : SLICE(""));
    case EXPR_SUBSCRIPTION_CREATED: return point_in_time(s->created_ns);
    case EXPR_SUBSCRIPTION_START: return point_in_time(s->start_ns);
    case EXPR_SUBSCRIPTION_END: return point_in_time(s->end_ns);
    default: return absent();
    }
}

static struct expr_scalar user_item(const struct fact_user *u, enum expr_item item)
{
    if (!u)
        return absent();
    switch (item) {
    case EXPR_USER_ID: return text(u->id);
    case EXPR_USER_EMAIL: return text(u->email);
    case EXPR_USER_FIRST_NAME: return text(u->first_name);
    case EXPR_USER_LAST_NAME: return text(u->last_name);
    case EXPR_USER_NOTE: return text(u->note);
    case EXPR_USER_REGISTERED: return point_in_time(u->registered_ns);
    default: return absent();
    }
}

/* The items stand in groups, in the order of host.def. */
static struct expr_scalar get_item(void *data, enum expr_item item)
{
    const struct rt *rt = data;

    switch (item) {
    case EXPR_REQUEST_IP: return text(rt->client_ip);
    case EXPR_REQUEST_ID: return text(rt->request_id);
    case EXPR_TIMESTAMP: return (struct expr_scalar){ .present = true, .ns = rt->timestamp_ns };
    case EXPR_TRACING: return number(rt->tracing);
    case EXPR_WORKSPACE_ID:
    case EXPR_WORKSPACE_NAME: return absent(); /* no workspaces */
    default: break;
    }
    if (item >= EXPR_API_ID && item <= EXPR_API_KEY_QUERY)
        return api_item(rt->api, item);
    if (item >= EXPR_GATEWAY_ID && item <= EXPR_SERVICE_NAME)
        return deployment_item(rt->deployment, item);
    if (item >= EXPR_LASTERROR_SOURCE && item <= EXPR_LASTERROR_HTTP_CODE)
        return error_item(&rt->error, item);
    if (item >= EXPR_OPERATION_ID && item <= EXPR_OPERATION_URL_TEMPLATE)
        return operation_item(rt->operation, item);
    if (item >= EXPR_PRODUCT_ID && item <= EXPR_PRODUCT_SUBSCRIPTION_LIMIT)
        return product_item(rt->product, item);
    if (item >= EXPR_SUBSCRIPTION_ID && item <= EXPR_SUBSCRIPTION_END)
        return subscription_item(rt, item);
    return user_item(rt->user, item);
}

/* ---- lists ---- */

static bool pair_at(const struct fact_pairs *pairs, size_t i, struct slice fields[EXPR_LIST_FIELDS])
{
    if (i >= pairs->n)
        return false;
    fields[0] = pairs->v[i].id;
    fields[1] = pairs->v[i].name;
    return true;
}

static bool api_at(const struct fact_product *p, size_t i, struct slice fields[EXPR_LIST_FIELDS])
{
    if (!p || i >= p->n_apis)
        return false;
    const struct fact_api *api = p->apis[i];
    fields[0] = api->id;
    fields[1] = api->name;
    fields[2] = api->path;
    fields[3] = api->revision;
    return true;
}

static bool get_list(void *data, enum expr_list list, size_t i, struct slice fields[EXPR_LIST_FIELDS])
{
    const struct rt *rt = data;

    switch (list) {
    case EXPR_USER_GROUPS:
        return rt->user && pair_at(&rt->user->groups, i, fields);
    case EXPR_USER_IDENTITIES:
        return rt->user && pair_at(&rt->user->identities, i, fields);
    case EXPR_PRODUCT_GROUPS:
        return rt->product && pair_at(&rt->product->groups, i, fields);
    case EXPR_PRODUCT_APIS:
        return api_at(rt->product, i, fields);
    case EXPR_API_PROTOCOLS:
        if (!rt->api || i >= rt->api->protocols.n)
            return false;
        fields[0] = rt->api->protocols.v[i];
        return true;
    case EXPR_CERTIFICATES:
        if (!rt->deployment || i >= rt->deployment->n_certificates)
            return false;
        fields[0] = rt->deployment->certificates[i].id;
        return true;
    }
    return false;
}

/* ---- variables, parameters, certificates ---- */

static const struct expr_message *get_request(void *data)
{
    struct rt *rt = data;

    return &rt->request.expr;
}

static const struct expr_message *get_response(void *data)
{
    struct rt *rt = data;

    return rt->response.present ? &rt->response.expr : NULL;
}

static bool get_variable(void *data, struct slice name, struct expr_value *out)
{
    return rt_variable(data, name, out);
}

static bool get_variable_at(void *data, size_t i, struct slice *name, struct expr_value *out)
{
    const struct rt *rt = data;

    if (i >= rt->n_variables)
        return false;
    *name = rt->variables[i].name;
    *out = rt->variables[i].value;
    return true;
}

static bool get_parameter(void *data, struct slice name, struct slice *value)
{
    const struct rt_parameter *p = rt_parameter(data, name);

    if (p)
        *value = p->value;
    return p != NULL;
}

static bool get_parameter_at(void *data, size_t i, struct slice *name, struct slice *value)
{
    const struct rt *rt = data;

    if (i >= rt->n_parameters)
        return false;
    *name = rt->parameters[i].name;
    *value = rt->parameters[i].value;
    return true;
}

static bool get_certificate(void *data, struct slice id, struct expr_certificate *out)
{
    const struct rt *rt = data;

    for (unsigned i = 0; rt->deployment && i < rt->deployment->n_certificates; i++) {
        const struct fact_certificate *c = &rt->deployment->certificates[i];
        if (!slice_eq(c->id, id))
            continue;
        *out = (struct expr_certificate){ c->der, c->key };
        return true;
    }
    return false;
}

static void write_trace(void *data, struct slice message)
{
    rt_trace_custom(data, SLICE("context.Trace"), RT_TRACE_VERBOSE, message);
}

static bool verify(void *data, struct slice der, bool revocation)
{
    struct rt *rt = data;

    return rt->host->verify_certificate && rt->host->verify_certificate(rt, der, revocation);
}

const struct expr_host context_host = {
    .item = get_item,
    .list = get_list,
    .request = get_request,
    .response = get_response,
    .variable = get_variable,
    .variable_at = get_variable_at,
    .parameter = get_parameter,
    .parameter_at = get_parameter_at,
    .certificate = get_certificate,
    .trace = write_trace,
    .verify = verify,
};

/* ---- messages ---- */

static const struct rt_message *message_of(const struct expr_message *m)
{
    return CONTAINER_OF(m, const struct rt_message, expr);
}

static int message_status(const struct expr_message *m)
{
    return message_of(m)->status;
}

static struct slice message_reason(const struct expr_message *m)
{
    const struct rt_message *r = message_of(m);

    return r->reason.n ? r->reason : http_reason(r->status);
}

static struct slice message_method(const struct expr_message *m)
{
    return message_of(m)->method;
}

static void message_url(const struct expr_message *m, bool original, struct expr_url *out)
{
    const struct rt_message *r = message_of(m);

    if (original)
        *out = r->rt->original;
    else
        rt_url(r, out);
}

static bool message_header(const struct expr_message *m, struct slice name, uint32_t hash, size_t nth,
                           struct slice *value)
{
    const struct http_fields *f = &message_of(m)->fields;

    for (uint32_t i = 0; i < f->n; i++) {
        if (f->v[i].hash != hash || !slice_eq_icase(f->v[i].name, name) || nth-- > 0)
            continue;
        *value = f->v[i].value;
        return true;
    }
    return false;
}

static bool message_header_at(const struct expr_message *m, size_t i, struct slice *name, struct slice *value)
{
    const struct http_fields *f = &message_of(m)->fields;

    if (i >= f->n)
        return false;
    *name = f->v[i].name;
    *value = f->v[i].value;
    return true;
}

static bool message_has_body(const struct expr_message *m)
{
    return message_of(m)->body.state != RT_BODY_NONE;
}

static enum expr_body_state message_body(const struct expr_message *m, bool preserve, struct arena *a,
                                         struct slice *out, struct slice *error)
{
    struct rt_message *r =
        (struct rt_message *)message_of(m); /* reading a body changes its state, not what it says */
    struct rt *rt = r->rt;

    (void)a;
    if (rt_body_is_unread(r)) {
        bool ok = rt->host->body_read(rt, r, &rt->body_fault);
        if (rt->evaluation)
            expr_keep(rt->evaluation); /* the body outlives it */
        if (!ok) {
            *error = rt->body_fault.message;
            return EXPR_BODY_FAILED;
        }
    }
    if (r->body.state == RT_BODY_NONE)
        return EXPR_BODY_NONE;
    if (r->body.state == RT_BODY_CONSUMED)
        return EXPR_BODY_CONSUMED;
    *out = r->body.data;
    if (!preserve)
        r->body = (struct rt_body){ .state = RT_BODY_CONSUMED };
    return EXPR_BODY_OK;
}

static bool message_certificate(const struct expr_message *m, struct expr_certificate *out)
{
    struct rt *rt = message_of(m)->rt;

    return rt->host->client_certificate && rt->host->client_certificate(rt, out);
}

const struct expr_message_ops context_message_ops = {
    .status = message_status,
    .reason = message_reason,
    .method = message_method,
    .url = message_url,
    .header = message_header,
    .header_at = message_header_at,
    .has_body = message_has_body,
    .body = message_body,
    .certificate = message_certificate,
};
