/* forward-request: call the backend. reference/policies.md 6 "forward-request". The call itself is the
 * host's. */
#include "policy/rt.h"

#define TIMEOUT_DEFAULT_S 300
#define TIMEOUT_MAX_S 86400 /* a day: longer is a slip of the unit */

struct plan {
    struct value timeout, timeout_ms, continue_timeout;
    struct value follow_redirects, buffer_request, buffer_response, fail_on_error;
    enum rt_http_version version;
};

static const struct value_name versions[] = {
    { "1", RT_HTTP_1 }, { "2or1", RT_HTTP_2OR1 }, { "2", RT_HTTP_2 }, { 0 }
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value version = comp_attr_enum(c, n, "http-version", VALUE_LITERAL, versions, RT_HTTP_1);

    *plan = p;
    p->version = (enum rt_http_version)version.number;
    if (p->version == RT_HTTP_2)
        comp_warning(c, n, "http-version", "'http-version': HTTP/2 to backends is not built yet: HTTP/1.1 is used");
    p->timeout = comp_attr_int(c, n, "timeout", VALUE_OPTIONAL, 0, TIMEOUT_MAX_S, TIMEOUT_DEFAULT_S);
    p->timeout_ms = comp_attr_int(c, n, "timeout-ms", VALUE_OPTIONAL, 0, TIMEOUT_MAX_S * 1000LL, 0);
    p->continue_timeout = comp_attr_int(c, n, "continue-timeout", VALUE_OPTIONAL, 0, TIMEOUT_MAX_S, 0);
    p->follow_redirects = comp_attr_bool(c, n, "follow-redirects", VALUE_OPTIONAL, false);
    p->buffer_request = comp_attr_bool(c, n, "buffer-request-body", VALUE_OPTIONAL, false);
    p->buffer_response = comp_attr_bool(c, n, "buffer-response", VALUE_OPTIONAL, true);
    p->fail_on_error = comp_attr_bool(c, n, "fail-on-error-status-code", VALUE_OPTIONAL, false);
    if (value_given(&p->timeout) && value_given(&p->timeout_ms))
        comp_error(c, n, "timeout-ms", "<forward-request> takes timeout or timeout-ms, not both");
    return !comp_failed(c);
}

static bool evaluate(struct rt *rt, const struct plan *p, struct rt_forward *o, bool *fail_on_error)
{
    int64_t s, ms, continue_s;

    o->http_version = p->version;
    if (!rt_int(rt, &p->timeout, &s) || !rt_int(rt, &p->timeout_ms, &ms) ||
        !rt_int(rt, &p->continue_timeout, &continue_s))
        return false;
    o->timeout_ms = value_given(&p->timeout_ms) ? (uint64_t)ms : (uint64_t)s * 1000;
    o->continue_ms = (uint64_t)continue_s * 1000;
    return rt_bool(rt, &p->follow_redirects, &o->follow_redirects) &&
           rt_bool(rt, &p->buffer_request, &o->buffer_request) &&
           rt_bool(rt, &p->buffer_response, &o->buffer_response) &&
           rt_bool(rt, &p->fail_on_error, fail_on_error);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_forward options;
    bool fail_on_error;

    if (!evaluate(rt, p, &options, &fail_on_error))
        return VERDICT_FAIL;
    if (rt->host->forward(rt, &options) != VERDICT_NEXT)
        return VERDICT_FAIL;
    rt_trace(rt, "%d", rt->response.status);
    if (fail_on_error && rt->response.status >= 400 && rt->response.status <= 599)
        return rt_fail_keep(rt, NULL, "ErrorStatusCode",
                            rt_printf(rt, "The backend answered %d.", rt->response.status));
    return VERDICT_NEXT;
}

const struct policy_def policy_forward_request = {
    .name = "forward-request",
    .sections = IN_BACKEND,
    .compile = compile,
    .run = run,
    .doc = "Call the backend",
};

/* <backend><forward-request/></backend> of the built-in global policy. */
static const struct plan default_plan = { .timeout = { .number = TIMEOUT_DEFAULT_S },
                                          .buffer_response = { .number = true } };
static const struct policy_step default_step = {
    .def = &policy_forward_request,
    .plan = &default_plan,
    .file = "built-in",
    .path = SLICE_INIT("forward-request"),
};
extern const struct policy_block policy_default_backend;
const struct policy_block policy_default_backend = { &default_step, 1 };
