/* send-request: a call of its own, whose response is kept in a variable. reference/policies.md 8 "send-request". The
 * exchange itself is the host's. With ignore-error a call that fails gives null; any status is an answer. */
#include "policy/rt.h"

struct plan {
    struct send_plan send;
    struct slice variable;
    struct value ignore_error;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->variable = comp_attr_text(c, n, "response-variable-name", VALUE_OPTIONAL);
    p->ignore_error = comp_attr_bool(c, n, "ignore-error", VALUE_LITERAL, false);
    send_compile(c, n, &p->send);
    return !comp_failed(c);
}

static enum verdict keep(struct rt *rt, const struct plan *p, struct expr_value value)
{
    return !p->variable.n || rt_set_variable(rt, p->variable, value) ? VERDICT_NEXT : VERDICT_FAIL;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_message *response = rt_new_response(rt);
    struct rt_send send;
    struct rt_fault fault = { 0 };

    if (!response)
        return rt_fail_memory(rt);
    enum verdict v = send_prepare(rt, &p->send, &send);
    if (v != VERDICT_NEXT)
        return v;
    if (!rt->host->send)
        return rt_unavailable(rt, "send requests");
    if (rt->host->send(rt, &send, response, &fault)) {
        rt_trace(rt, "%.*s: %d", SLICE_ARG(send.url), response->status);
        return keep(rt, p, expr_value_from_message(&response->expr, true));
    }
    rt_trace(rt, "%.*s: %.*s", SLICE_ARG(send.url), SLICE_ARG(fault.message));
    return p->ignore_error.number ? keep(rt, p, expr_value_null()) : rt_fail_fault(rt, NULL, &fault);
}

const struct policy_def policy_send_request = {
    .name = "send-request",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Call a service and keep its response in a variable",
};
