/* cache-lookup-value: a value of the cache into a variable. reference/policies.md 9. On a miss the default,
 * and without one the variable is not set. A gateway without a cache misses always, as the original without
 * its external one. */
#include "policy/rt.h"

struct plan {
    struct value key, otherwise;
    struct slice variable;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->key = comp_attr(c, n, "key", VALUE_REQUIRED);
    p->otherwise = comp_attr(c, n, "default-value", VALUE_OPTIONAL);
    p->variable = comp_attr_text(c, n, "variable-name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    comp_attr_enum(c, n, "caching-type", VALUE_LITERAL, rt_caching_types, 0);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct expr_value value;
    struct slice key;

    if (!rt_text(rt, &p->key, &key))
        return VERDICT_FAIL;
    bool hit = rt->host->cache_get && rt->host->cache_get(rt, key, &value);
    rt_trace(rt, "%s: %.*s", hit ? "hit" : "miss", SLICE_ARG(key));
    if (!hit && !value_given(&p->otherwise))
        return VERDICT_NEXT;
    if (!hit && !rt_value(rt, &p->otherwise, &value))
        return VERDICT_FAIL;
    return rt_set_variable(rt, p->variable, value) ? VERDICT_NEXT : VERDICT_FAIL;
}

const struct policy_def policy_cache_lookup_value = {
    .name = "cache-lookup-value",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Read a value from the cache",
};
