/* limit-concurrency: at most so many requests inside of the children at once, by key.
 * reference/policies.md 2. No queue: one too many is 429. The place is given back in any case. */
#include "policy/rt.h"

#define COUNT_MAX 1000000

struct plan {
    struct value key;
    int64_t max;
    struct policy_block block;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value max = comp_attr_int(c, n, "max-count", VALUE_REQUIRED | VALUE_LITERAL, 1, COUNT_MAX, 1);

    *plan = p;
    p->key = comp_attr(c, n, "key", VALUE_REQUIRED);
    p->max = max.number;
    comp_block(c, n, &p->block);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice key;

    if (!rt->host->enter)
        return rt_unavailable(rt, "concurrency counters");
    if (!rt_text(rt, &p->key, &key))
        return VERDICT_FAIL;
    key = rt_printf(rt, "concurrency/%.*s", SLICE_ARG(key));
    if (!key.p)
        return rt_fail_memory(rt);
    if (!rt->host->enter(rt, key, (uint64_t)p->max)) {
        const struct rt_fault fault = { .status = 429, .reason = "ConcurrencyLimitExceeded",
                                        .message = SLICE("Concurrency limit is exceeded.") };
        return rt_fail_fault(rt, NULL, &fault);
    }
    enum verdict v = rt_run(rt, &p->block);
    rt->host->leave(rt, key);
    return v;
}

const struct policy_def policy_limit_concurrency = {
    .name = "limit-concurrency",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .compile = compile,
    .run = run,
    .doc = "Limit how many requests run policies at once",
};
