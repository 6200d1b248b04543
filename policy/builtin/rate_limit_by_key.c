/* rate-limit-by-key: at most so many calls per sliding window and key. reference/policies.md 3
 * "rate-limit-by-key".
 *
 * The check is made on entry. What counts is decided on entry too, unless increment-condition or
 * increment-count speak of context.Response: then the call is counted when the response is final. */
#include "policy/rt.h"

struct plan {
    struct value calls, period, key, condition, count;
    bool after_response;
    struct limit_report report;
};

/* One call under a limit. */
struct call {
    struct slice key;
    int64_t calls, period_s;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value after = comp_attr_bool(c, n, "increment-after-response", VALUE_LITERAL, false);

    *plan = p;
    p->calls = comp_attr_int(c, n, "calls", VALUE_REQUIRED, 0, INT32_MAX, 1);
    p->period = comp_attr_int(c, n, "renewal-period", VALUE_REQUIRED, 1, LIMIT_PERIOD_MAX_S, 1);
    limit_check_period(c, n, &p->period);
    p->key = comp_attr(c, n, "counter-key", VALUE_REQUIRED);
    p->condition = comp_attr_bool(c, n, "increment-condition", VALUE_OPTIONAL, true);
    p->count = comp_attr_int(c, n, "increment-count", VALUE_OPTIONAL, 0, INT32_MAX, 1);
    p->after_response = after.number || p->condition.reads_response || p->count.reads_response;
    limit_compile_report(c, n, &p->report);
    return !comp_failed(c);
}

/* Calls that this one counts for; 0 when the condition is false. */
static bool amount_of(struct rt *rt, const struct plan *p, int64_t *amount)
{
    bool counts;

    if (!rt_bool(rt, &p->condition, &counts))
        return false;
    *amount = 0;
    return !counts || rt_int(rt, &p->count, amount);
}

static void count_later(struct rt *rt, const void *plan, void *data)
{
    const struct call *call = data;
    struct rt_error error = rt->error;
    struct rt_message response = rt->response;
    int64_t amount;

    if (amount_of(rt, plan, &amount)) {
        if (amount > 0)
            rt->host->rate_add(rt, call->key, (uint64_t)call->calls, (uint64_t)call->period_s,
                               (uint64_t)amount);
        return;
    }
    rt->error = error; /* too late to change the answer */
    rt->response = response;
}

static bool evaluate(struct rt *rt, const struct plan *p, struct call *call, int64_t *amount)
{
    struct slice key;

    if (!rt_int(rt, &p->calls, &call->calls) || !rt_int(rt, &p->period, &call->period_s) ||
        !rt_text(rt, &p->key, &key))
        return false;
    call->key = rt_printf(rt, "by-key/%.*s", SLICE_ARG(key));
    if (!call->key.p)
        return rt_fail_memory(rt), false;
    *amount = 0;
    return p->after_response || amount_of(rt, p, amount);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct call *call = arena_new(rt->arena, struct call);
    struct rt_rate rate;
    int64_t amount;

    if (!call)
        return rt_fail_memory(rt);
    if (!evaluate(rt, p, call, &amount))
        return VERDICT_FAIL;
    rt->host->rate_take(rt, call->key, (uint64_t)call->calls, (uint64_t)call->period_s, (uint64_t)amount,
                        &rate);
    if (!limit_report_total(rt, &p->report, (uint64_t)call->calls))
        return VERDICT_FAIL;
    if (!rate.allowed)
        return limit_deny_rate(rt, &p->report, rate.retry_after_s);
    if (p->after_response && !rt_defer(rt, count_later, p, call))
        return VERDICT_FAIL;
    if (!limit_report_remaining(rt, &p->report, rate.remaining))
        return VERDICT_FAIL;
    rt_trace(rt, "%llu calls left", (unsigned long long)rate.remaining);
    return VERDICT_NEXT;
}

const struct policy_def policy_rate_limit_by_key = {
    .name = "rate-limit-by-key",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = run,
    .doc = "Limit calls per sliding window and key",
};
