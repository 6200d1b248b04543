/* quota: calls and kilobytes per fixed window and subscription. reference/policies.md 3 "quota".
 *
 *   quota = *api        api = *operation        each with its own limits, counted apart
 *
 * Windows are aligned to the subscription's start, and where that is not known to 0001-01-01T00:00:00Z: the
 * same on every replica and after every restart. Bandwidth is what went to and from the client; it counts
 * when the answer has been sent. */
#include "policy/rt.h"

#define LIMITS_MAX 64u

struct limit {
    struct limit_name api, operation; /* empty: any */
    struct limit_quota quota;
    struct slice inner;
};

struct plan {
    struct limit *limits;
    uint32_t n;
};

/* outer: the limit around it, or NULL. */
static struct limit *add_limit(struct comp *c, const struct xml_node *n, struct plan *p,
                               const struct limit *outer)
{
    if (p->n == LIMITS_MAX) {
        comp_error(c, n, NULL, "<quota> takes at most %u limits", LIMITS_MAX);
        return NULL;
    }
    struct limit *l = &p->limits[p->n++];
    limit_compile_quota(c, n, 1, outer ? &outer->quota : NULL, &l->quota);
    l->inner = arena_printf(comp_arena(c), "%u", (unsigned)p->n);
    return l;
}

static void compile_api(struct comp *c, const struct xml_node *n, struct plan *p)
{
    struct limit *api = add_limit(c, n, p, &p->limits[0]);

    if (!api)
        return;
    limit_compile_name(c, n, &api->api);
    for (const struct xml_node *k = comp_next(c, n, NULL, "operation"); k;
         k = comp_next(c, n, k, "operation")) {
        struct limit *l = add_limit(c, k, p, api);
        if (!l)
            return;
        l->api = api->api;
        limit_compile_name(c, k, &l->operation);
    }
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->limits = comp_array(c, struct limit, LIMITS_MAX);
    if (!p->limits)
        return false;
    add_limit(c, n, p, NULL);
    for (const struct xml_node *k = comp_next(c, n, NULL, "api"); k; k = comp_next(c, n, k, "api"))
        compile_api(c, k, p);
    return !comp_failed(c);
}

static bool applies(const struct rt *rt, const struct limit *l)
{
    if (l->api.id.n + l->api.name.n && (!rt->api || !limit_name_is(&l->api, rt->api->id, rt->api->name)))
        return false;
    if (l->operation.id.n + l->operation.name.n == 0)
        return true;
    return rt->operation && limit_name_is(&l->operation, rt->operation->id, rt->operation->name);
}

/* A bandwidth to be counted later. */
struct traffic {
    struct slice key;
    struct rt_quota_window window;
};

static void count_traffic(struct rt *rt, const void *plan, void *data)
{
    const struct traffic *t = data;

    (void)plan;
    rt->host->quota_add(rt, t->key, &t->window, 0, rt->host->traffic(rt));
}

/* Count `calls`, with none only ask; bandwidth is counted at the end. */
static enum verdict take(struct rt *rt, const struct limit *l, uint64_t calls)
{
    struct traffic *t = arena_new(rt->arena, struct traffic);
    struct limit_quota q = l->quota;
    struct rt_quota_use use;

    if (!t)
        return rt_fail_memory(rt);
    t->key = limit_subscription_key(rt, "quota", l->inner);
    if (!t->key.p)
        return rt_fail_memory(rt);
    if (rt->subscription->start_ns)
        q.start_s = (int64_t)(rt->subscription->start_ns / NS_PER_S);
    limit_window(rt, &q, &t->window);
    if (!rt->host->quota_take(rt, t->key, &t->window, q.calls, q.bytes, calls, &use))
        return limit_deny_quota(rt, &q, &use);
    if (calls && q.bytes != UINT64_MAX && !rt_defer_sent(rt, count_traffic, t))
        return VERDICT_FAIL;
    return VERDICT_NEXT;
}

static enum verdict take_all(struct rt *rt, const struct plan *p, uint64_t calls)
{
    enum verdict v = VERDICT_NEXT;

    for (uint32_t i = 0; i < p->n && v == VERDICT_NEXT; i++) {
        if (applies(rt, &p->limits[i]))
            v = take(rt, &p->limits[i], calls);
    }
    return v;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;

    if (!rt->subscription)
        return VERDICT_NEXT;
    if (!rt->host->quota_take || !rt->host->quota_add || !rt->host->traffic)
        return rt_unavailable(rt, "quota counters");
    if (p->n > 1 && take_all(rt, p, 0) != VERDICT_NEXT) /* no limit counts what another refuses */
        return VERDICT_FAIL;
    return take_all(rt, p, 1);
}

const struct policy_def policy_quota = {
    .name = "quota",
    .sections = IN_INBOUND,
    .scopes = AT_PRODUCT,
    .compile = compile,
    .run = run,
    .doc = "Limit calls and bandwidth per period and subscription",
};
