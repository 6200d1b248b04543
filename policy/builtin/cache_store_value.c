/* cache-store-value: a value into the cache. reference/policies.md 9. Without a cache it is dropped. */
#include "policy/rt.h"

struct plan {
    struct value key, value, duration;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->key = comp_attr(c, n, "key", VALUE_REQUIRED);
    p->value = comp_attr(c, n, "value", VALUE_REQUIRED);
    p->duration = comp_attr_int(c, n, "duration", VALUE_REQUIRED, 0, INT32_MAX, 0);
    comp_attr_enum(c, n, "caching-type", VALUE_LITERAL, rt_caching_types, 0);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct expr_value value;
    struct slice key;
    int64_t seconds;

    if (!rt_text(rt, &p->key, &key) || !rt_value(rt, &p->value, &value) ||
        !rt_int(rt, &p->duration, &seconds))
        return VERDICT_FAIL;
    if (rt->host->cache_put && seconds > 0)
        rt->host->cache_put(rt, key, value, (uint64_t)seconds);
    rt_trace(rt, "%.*s for %lld s%s", SLICE_ARG(key), (long long)seconds,
             rt->host->cache_put ? "" : ": no cache, dropped");
    return VERDICT_NEXT;
}

const struct policy_def policy_cache_store_value = {
    .name = "cache-store-value",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Store a value in the cache",
};
