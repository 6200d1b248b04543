/* set-method: method of the request to the backend. reference/policies.md 7 "set-method". Empty text leaves
 * it. */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value method;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c) == ON_SENT ? ON_SENT : ON_REQUEST;
    p->method = comp_text_trimmed(c, n, VALUE_OPTIONAL);
    if (!p->method.expr && p->method.text.n && !http_is_token(p->method.text) && !comp_is_open(c))
        comp_error(c, n, NULL, "<set-method>: \"%.*s\" is not a method", SLICE_ARG(p->method.text));
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice method;

    if (!rt_text(rt, &p->method, &method))
        return VERDICT_FAIL;
    method = slice_trim(method);
    if (method.n == 0)
        return VERDICT_NEXT;
    if (!http_is_token(method))
        return rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
                       rt_printf(rt, "\"%.*s\" is not a method.", SLICE_ARG(method)));
    rt_message(rt, p->on)->method = method;
    rt_trace(rt, "%.*s", SLICE_ARG(method));
    return VERDICT_NEXT;
}

const struct policy_def policy_set_method = {
    .name = "set-method",
    .sections = SECTIONS_ALL,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Change the request method",
};
