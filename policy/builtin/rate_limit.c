/* rate-limit: at most so many calls per sliding window and subscription. reference/policies.md 3.
 *
 *   rate-limit = *api        api = *operation        each has calls and renewal-period, and counts apart
 *
 * Without a subscription nothing is counted. Every limit that matches the request must pass; only then all
 * are counted. */
#include "policy/rt.h"

#define LIMITS_MAX 64u /* limits of one element, its <api> and <operation> with it */

struct limit {
    struct limit_name api, operation; /* empty: any */
    uint64_t calls, period_s;
    struct slice inner; /* tells its counter from its neighbours' */
};

struct plan {
    struct limit *limits;
    uint32_t n;
    struct limit_report report;
};

static struct limit *add_limit(struct comp *c, const struct xml_node *n, struct plan *p)
{
    if (p->n == LIMITS_MAX) {
        comp_error(c, n, NULL, "<rate-limit> takes at most %u limits", LIMITS_MAX);
        return NULL;
    }
    struct limit *l = &p->limits[p->n++];
    l->calls = (uint64_t)comp_attr_int(c, n, "calls", VALUE_REQUIRED | VALUE_LITERAL, 0, INT32_MAX, 1).number;
    struct value period =
        comp_attr_int(c, n, "renewal-period", VALUE_REQUIRED | VALUE_LITERAL, 1, LIMIT_PERIOD_MAX_S, 1);
    limit_check_period(c, n, &period);
    l->period_s = (uint64_t)period.number;
    l->inner = arena_printf(comp_arena(c), "%u", (unsigned)p->n);
    return l;
}

static void compile_api(struct comp *c, const struct xml_node *n, struct plan *p)
{
    struct limit *l = add_limit(c, n, p);
    struct limit_name api;

    if (!l)
        return;
    limit_compile_name(c, n, &l->api);
    api = l->api;
    for (const struct xml_node *k = comp_next(c, n, NULL, "operation"); k;
         k = comp_next(c, n, k, "operation")) {
        l = add_limit(c, k, p);
        if (!l)
            return;
        l->api = api;
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
    add_limit(c, n, p);
    limit_compile_report(c, n, &p->report);
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

/* Ask all limits that apply (amount 0), or count in all of them. False: one is reached, or failed is set. */
static bool ask_all(struct rt *rt, const struct plan *p, uint64_t amount, struct rt_rate *out, bool *failed)
{
    uint64_t least = UINT64_MAX;

    *failed = false;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct limit *l = &p->limits[i];
        if (!applies(rt, l))
            continue;
        struct slice key = limit_subscription_key(rt, "rate", l->inner);
        if (!key.p) {
            rt_fail_memory(rt);
            *failed = true;
            return false;
        }
        rt->host->rate_take(rt, key, l->calls, l->period_s, amount, out);
        if (!out->allowed)
            return false;
        if (out->remaining < least)
            least = out->remaining;
    }
    out->remaining = least;
    return true;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct rt_rate rate = { .allowed = true };
    bool failed;

    if (!rt->subscription)
        return VERDICT_NEXT;
    if (!limit_report_total(rt, &p->report, p->limits[0].calls))
        return VERDICT_FAIL;
    bool passes = ask_all(rt, p, 0, &rate, &failed) && ask_all(rt, p, 1, &rate, &failed);
    if (failed)
        return VERDICT_FAIL;
    if (!passes)
        return limit_deny_rate(rt, &p->report, rate.retry_after_s);
    if (!limit_report_remaining(rt, &p->report, rate.remaining))
        return VERDICT_FAIL;
    rt_trace(rt, "%llu calls left", (unsigned long long)rate.remaining);
    return VERDICT_NEXT;
}

const struct policy_def policy_rate_limit = {
    .name = "rate-limit",
    .sections = IN_INBOUND,
    .scopes = AT_PRODUCT | AT_API | AT_OPERATION,
    .compile = compile,
    .run = run,
    .doc = "Limit calls per sliding window and subscription",
};
