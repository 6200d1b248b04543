/* return-response: end the pipeline with a response made here. reference/policies.md 2 "return-response".
 *
 *   return-response = [ set-status ] *set-header [ set-body ]
 *
 * The response starts empty, or as a copy of one that a variable holds. Expressions of the children still see
 * the present context.Response, so the new one is made aside and takes its place at the end. */
#include "policy/rt.h"

struct plan {
    struct slice variable;
    struct policy_block children;
};

static const char *const children[] = { "set-status", "set-header", "set-body", NULL };

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->variable = comp_attr_text(c, n, "response-variable-name", VALUE_OPTIONAL);
    comp_block_on(c, n, ON_FRESH, children, &p->children);
    return !comp_failed(c);
}

static bool copy_fields(struct rt_message *to, const struct expr_message *from)
{
    struct slice name, value;

    for (size_t i = 0; from->ops->header_at(from, i, &name, &value); i++) {
        if (!http_fields_add(&to->fields, name, value))
            return false;
    }
    return true;
}

/* The response that the variable holds. */
static enum verdict copy_response(struct rt *rt, struct rt_message *to, struct slice variable)
{
    struct slice body = SLICE_NONE, error = SLICE_NONE;
    struct expr_value value;
    const struct expr_message *from = rt_variable(rt, variable, &value) ? expr_value_message(value) : NULL;

    if (!from || !from->ops->status)
        return rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
                       rt_printf(rt, "Variable '%.*s' holds no response.", SLICE_ARG(variable)));
    to->status = from->ops->status(from);
    to->reason = from->ops->reason(from);
    switch (from->ops->body(from, true, rt->arena, &body, &error)) {
    case EXPR_BODY_FAILED:
        return rt_fail(rt, NULL, "BodyNotRead", error);
    case EXPR_BODY_OK:
        to->body = (struct rt_body){ body.n ? RT_BODY_SLICE : RT_BODY_NONE, body };
        break;
    case EXPR_BODY_NONE:
    case EXPR_BODY_CONSUMED:
        break;
    }
    /* behind the body: reading it may have taken Content-Encoding away */
    return copy_fields(to, from) ? VERDICT_NEXT : rt_fail_memory(rt);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_message *fresh = rt_new_response(rt), *outer = rt->fresh;

    if (!fresh)
        return rt_fail_memory(rt);
    if (p->variable.n && copy_response(rt, fresh, p->variable) == VERDICT_FAIL)
        return VERDICT_FAIL;
    rt->fresh = fresh;
    enum verdict v = rt_run(rt, &p->children);
    rt->fresh = outer;
    if (v != VERDICT_NEXT)
        return v;
    rt->response = *fresh;
    rt_trace(rt, "%d", fresh->status);
    return VERDICT_RETURN;
}

const struct policy_def policy_return_response = {
    .name = "return-response",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "End the pipeline and send a response",
};
