/* set-variable: a context variable; literals are strings, expressions keep their type. reference/policies.md
 * 2 "set-variable". */
#include "policy/rt.h"

struct plan {
    struct slice name;
    struct value value;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->name = comp_attr_text(c, n, "name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    p->value = comp_attr(c, n, "value", VALUE_REQUIRED);
    return !comp_failed(c);
}

static void trace_value(struct rt *rt, const struct plan *p, struct expr_value value)
{
    struct slice text = SLICE("(not text)");

    if (expr_value_is_basic(value) && !expr_value_text(rt->arena, value, &text))
        text = SLICE("(too long)");
    rt_trace(rt, "%.*s = %.*s", SLICE_ARG(p->name), SLICE_ARG(text));
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct expr_value value;

    if (!rt_value(rt, &p->value, &value) || !rt_set_variable(rt, p->name, value))
        return VERDICT_FAIL;
    if (UNLIKELY(rt->tracing))
        trace_value(rt, p, value);
    return VERDICT_NEXT;
}

const struct policy_def policy_set_variable = {
    .name = "set-variable",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Write a context variable",
};
