/* emit-metric: add to a metric of the author's own. reference/policies.md 8 "emit-metric". */
#include "policy/rt.h"

struct plan {
    struct metric metric;
    struct slice name;
    struct value value;
    double number; /* of a literal value */
};

static bool to_number(struct arena *a, struct slice text, double *out)
{
    return expr_value_double(expr_value_from_text(a, slice_trim(text)), out);
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->name = slice_trim(comp_attr_text(c, n, "name", VALUE_REQUIRED | VALUE_NOT_EMPTY));
    p->value = comp_attr(c, n, "value", VALUE_OPTIONAL);
    p->number = 1;
    bool is_open = comp_is_open(c) && slice_find(p->value.text, SLICE("{{")) >= 0;
    if (p->value.text.p && !p->value.expr && !is_open && !to_number(comp_arena(c), p->value.text, &p->number))
        comp_error(c, n, "value", "'value' is \"%.*s\": expected a number", SLICE_ARG(p->value.text));
    metric_compile(c, n, &p->metric);
    return !comp_failed(c);
}

static bool evaluate_number(struct rt *rt, const struct plan *p, double *out)
{
    struct expr_value v;

    *out = p->number;
    if (!p->value.expr)
        return true;
    if (!rt_value(rt, &p->value, &v))
        return false;
    if (expr_value_double(v, out))
        return true;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure", SLICE("Expression evaluation failed. The value of 'value' is no number."));
    return false;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_dimension dimensions[METRIC_DIMENSIONS_MAX];
    double number;

    if (!evaluate_number(rt, p, &number) || !metric_evaluate(rt, &p->metric, dimensions))
        return VERDICT_FAIL;
    rt_trace(rt, "%.*s: %g", SLICE_ARG(p->name), number);
    if (rt->host->metric)
        rt->host->metric(rt, p->metric.space, p->name, number, dimensions, p->metric.n);
    return VERDICT_NEXT;
}

const struct policy_def policy_emit_metric = {
    .name = "emit-metric",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Add to a metric of the author's own, on the Prometheus port",
};
