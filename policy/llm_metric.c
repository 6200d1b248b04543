/* llm-emit-token-metric, azure-openai-emit-token-metric: the tokens that the answer says were used, as metrics. They stand in inbound
 * and count when the answer of the backend is there. reference/policies.md 11. */
#include "policy/llm.h"

struct plan {
    struct metric metric;
};

bool llm_metric_compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    metric_compile(c, n, &p->metric);
    return !comp_failed(c);
}

static enum verdict emit(struct rt *rt, const void *plan, void *data)
{
    const struct plan *p = plan;
    struct rt_dimension *dimensions = data;
    struct llm_usage usage;

    if (!llm_usage(rt, &usage))
        return VERDICT_FAIL;
    rt_trace(rt, usage.known ? "%llu tokens" : "the answer does not say how many tokens", (unsigned long long)usage.total);
    if (!usage.known || !rt->host->metric)
        return VERDICT_NEXT;
    metric_refresh(rt, &p->metric, dimensions);
    rt->host->metric(rt, p->metric.space, SLICE("Prompt Tokens"), (double)usage.prompt, dimensions, p->metric.n);
    rt->host->metric(rt, p->metric.space, SLICE("Completion Tokens"), (double)usage.completion, dimensions, p->metric.n);
    rt->host->metric(rt, p->metric.space, SLICE("Total Tokens"), (double)usage.total, dimensions, p->metric.n);
    return VERDICT_NEXT;
}

enum verdict llm_metric_run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_dimension *dimensions = arena_array(rt->arena, struct rt_dimension, METRIC_DIMENSIONS_MAX);

    if (!dimensions)
        return rt_fail_memory(rt);
    if (!metric_evaluate(rt, &p->metric, dimensions) || !rt_on_answer(rt, emit, p, dimensions))
        return VERDICT_FAIL;
    return VERDICT_NEXT;
}
