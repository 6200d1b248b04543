/* cache-remove-value: forget a value of the cache. reference/policies.md 9. */
#include "policy/rt.h"

struct plan {
    struct value key;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->key = comp_attr(c, n, "key", VALUE_REQUIRED);
    comp_attr_enum(c, n, "caching-type", VALUE_LITERAL, rt_caching_types, 0);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice key;

    if (!rt_text(rt, &p->key, &key))
        return VERDICT_FAIL;
    if (rt->host->cache_remove)
        rt->host->cache_remove(rt, key);
    return VERDICT_NEXT;
}

const struct policy_def policy_cache_remove_value = {
    .name = "cache-remove-value",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Remove a value from the cache",
};
