/* rate-limit-by-key: at most so many calls per sliding window and key. reference/policies.md 3 "rate-limit-by-key".
 *
 * The check is made on entry. What counts is decided on entry too, unless increment-condition or increment-count speak of
 * context.Response: then the call is counted when the response is final. */
#include "policy/rt.h"

#define PERIOD_MAX_S 86400
#define PERIOD_ORIGINAL_S 300 /* the original refuses longer windows; we have no reason to */

struct plan {
    struct value calls, period, key, condition, count;
    bool after_response;
    struct slice retry_header, remaining_header, total_header;
    struct slice retry_variable, remaining_variable;
};

/* One call under a limit. */
struct call {
    struct slice key;
    int64_t calls, period_s;
};

static struct slice compile_header(struct comp *c, const struct xml_node *n, const char *attr, struct slice otherwise)
{
    struct value v = comp_attr_field(c, n, attr, VALUE_LITERAL);

    return v.text.n ? v.text : otherwise;
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value after = comp_attr_bool(c, n, "increment-after-response", VALUE_LITERAL, false);

    *plan = p;
    p->calls = comp_attr_int(c, n, "calls", VALUE_REQUIRED, 0, INT32_MAX, 1);
    p->period = comp_attr_int(c, n, "renewal-period", VALUE_REQUIRED, 1, PERIOD_MAX_S, 1);
    if (p->period.number > PERIOD_ORIGINAL_S)
        comp_warning(c, n, "renewal-period", "'renewal-period' is more than the %d seconds that the original takes", PERIOD_ORIGINAL_S);
    p->key = comp_attr(c, n, "counter-key", VALUE_REQUIRED);
    p->condition = comp_attr_bool(c, n, "increment-condition", VALUE_OPTIONAL, true);
    p->count = comp_attr_int(c, n, "increment-count", VALUE_OPTIONAL, 0, INT32_MAX, 1);
    p->after_response = after.number || p->condition.reads_response || p->count.reads_response;
    p->retry_header = compile_header(c, n, "retry-after-header-name", SLICE("Retry-After"));
    p->remaining_header = compile_header(c, n, "remaining-calls-header-name", SLICE_NONE);
    p->total_header = compile_header(c, n, "total-calls-header-name", SLICE_NONE);
    p->retry_variable = comp_attr_text(c, n, "retry-after-variable-name", VALUE_OPTIONAL);
    p->remaining_variable = comp_attr_text(c, n, "remaining-calls-variable-name", VALUE_OPTIONAL);
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
            rt->host->rate_add(rt, call->key, (uint64_t)call->calls, (uint64_t)call->period_s, (uint64_t)amount);
        return;
    }
    rt->error = error; /* too late to change the answer */
    rt->response = response;
}

static bool set_header(struct rt *rt, struct slice name, uint64_t number)
{
    struct slice value;

    if (!name.n)
        return true;
    value = rt_printf(rt, "%llu", (unsigned long long)number);
    return rt_late_header(rt, name, value);
}

static bool set_variable(struct rt *rt, struct slice name, uint64_t number)
{
    return !name.n || rt_set_variable(rt, name, expr_value_from_int((int32_t)(number < INT32_MAX ? number : INT32_MAX)));
}

static enum verdict deny(struct rt *rt, const struct plan *p, uint64_t seconds)
{
    struct rt_fault fault = {
        .status = 429,
        .reason = "RateLimitExceeded",
        .message = SLICE("Rate limit is exceeded"),
        .text = rt_printf(rt, "Rate limit is exceeded. Try again in %llu seconds.", (unsigned long long)seconds),
        .header = p->retry_header,
        .header_value = rt_printf(rt, "%llu", (unsigned long long)seconds),
    };

    if (!fault.text.p || !fault.header_value.p)
        return rt_fail_memory(rt);
    return set_variable(rt, p->retry_variable, seconds) ? rt_fail_fault(rt, NULL, &fault) : VERDICT_FAIL;
}

static bool evaluate(struct rt *rt, const struct plan *p, struct call *call, int64_t *amount)
{
    struct slice key;

    if (!rt_int(rt, &p->calls, &call->calls) || !rt_int(rt, &p->period, &call->period_s) || !rt_text(rt, &p->key, &key))
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
    rt->host->rate_take(rt, call->key, (uint64_t)call->calls, (uint64_t)call->period_s, (uint64_t)amount, &rate);
    if (!set_header(rt, p->total_header, (uint64_t)call->calls))
        return VERDICT_FAIL;
    if (!rate.allowed)
        return deny(rt, p, rate.retry_after_s);
    if (p->after_response && !rt_defer(rt, count_later, p, call))
        return VERDICT_FAIL;
    if (!set_header(rt, p->remaining_header, rate.remaining) || !set_variable(rt, p->remaining_variable, rate.remaining))
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
