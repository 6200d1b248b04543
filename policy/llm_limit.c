/* llm-token-limit, azure-openai-token-limit: tokens per minute (a sliding window), and per hour, day, week, month or year, for each
 * value of counter-key. reference/policies.md 11.
 *
 * Whether a call may pass is decided on entry, by what was used before and, where the prompt is estimated, by what it will use at
 * least. What it used is counted when the answer is there: by its usage, else by the estimate. So calls at the same time can
 * exceed the limit for once, as with the original. A prompt is estimated if the policy says so, and if its answer will stream. */
#include "policy/rt.h"

#define WINDOW_S 60u
#define TOKENS_MAX INT32_MAX

struct plan {
    struct value key, per_minute, quota, estimate;
    int period; /* enum llm_period; -1: no quota */
    struct slice retry_header, retry_variable;
    struct slice remaining_header, remaining_variable;
    struct slice quota_header, quota_variable;
    struct slice consumed_header, consumed_variable;
};

/* One call under a limit. */
struct call {
    struct slice rate_key, quota_key;
    uint64_t per_minute, quota; /* 0: not limited */
    uint64_t estimated;
    struct rt_quota_window window;
    uint64_t left_s; /* of the window */
};

/* ---- compiling ---- */

static const struct value_name periods[] = { { "Hourly", LLM_HOURLY },   { "Daily", LLM_DAILY },   { "Weekly", LLM_WEEKLY },
                                             { "Monthly", LLM_MONTHLY }, { "Yearly", LLM_YEARLY }, { 0 } };

static void compile_names(struct comp *c, const struct xml_node *n, struct plan *p)
{
    p->retry_header = limit_compile_header(c, n, "retry-after-header-name", SLICE("Retry-After"));
    p->remaining_header = limit_compile_header(c, n, "remaining-tokens-header-name", SLICE_NONE);
    p->quota_header = limit_compile_header(c, n, "remaining-quota-tokens-header-name", SLICE_NONE);
    p->consumed_header = limit_compile_header(c, n, "tokens-consumed-header-name", SLICE_NONE);
    p->retry_variable = comp_attr_text(c, n, "retry-after-variable-name", VALUE_OPTIONAL);
    p->remaining_variable = comp_attr_text(c, n, "remaining-tokens-variable-name", VALUE_OPTIONAL);
    p->quota_variable = comp_attr_text(c, n, "remaining-quota-tokens-variable-name", VALUE_OPTIONAL);
    p->consumed_variable = comp_attr_text(c, n, "tokens-consumed-variable-name", VALUE_OPTIONAL);
}

bool llm_limit_compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct value period = comp_attr_enum(c, n, "token-quota-period", VALUE_LITERAL, periods, -1);
    /* the policy toolkit writes it without the s */
    bool singular = comp_has_attr(n, "estimate-prompt-token") && !comp_has_attr(n, "estimate-prompt-tokens");

    *plan = p;
    p->key = comp_attr(c, n, "counter-key", VALUE_REQUIRED);
    p->per_minute = comp_attr_int(c, n, "tokens-per-minute", VALUE_OPTIONAL, 1, TOKENS_MAX, 0);
    p->quota = comp_attr_int(c, n, "token-quota", VALUE_OPTIONAL, 1, TOKENS_MAX, 0);
    p->period = value_given(&period) ? (int)period.number : -1;
    p->estimate = comp_attr_bool(c, n, singular ? "estimate-prompt-token" : "estimate-prompt-tokens", VALUE_OPTIONAL, false);
    compile_names(c, n, p);
    if (value_given(&p->quota) != value_given(&period))
        comp_error(c, n, NULL, "<%.*s> needs token-quota and token-quota-period together", SLICE_ARG(n->name));
    else if (!value_given(&p->per_minute) && !value_given(&p->quota))
        comp_error(c, n, NULL, "<%.*s> needs tokens-per-minute, or token-quota with token-quota-period", SLICE_ARG(n->name));
    return !comp_failed(c);
}

/* ---- windows ---- */

static unsigned digits(const char *p, int n)
{
    unsigned value = 0;

    while (n--)
        value = value * 10 + (unsigned)(*p++ - '0');
    return value;
}

uint64_t llm_quota_window(uint64_t wall_s, enum llm_period period, struct rt_quota_window *w)
{
    static const uint64_t lengths[] = { 3600, 86400, UINT64_C(7) * 86400, UINT64_C(30) * 86400, UINT64_C(365) * 86400 };
    uint64_t since = wall_s + LIMIT_EPOCH_S; /* 0001-01-01, a Monday */
    char text[CLOCK_TEXT_MAX];

    w->period_s = lengths[period]; /* of a month and a year only a name */
    if (period <= LLM_WEEKLY) {
        w->index = since / w->period_s;
        return w->period_s - since % w->period_s;
    }
    clock_format(wall_s * NS_PER_S, 0, text); /* yyyy-MM-dd… */
    unsigned year = digits(text, 4), month = digits(text + 5, 2);
    w->index = period == LLM_YEARLY ? year : year * 12 + month - 1;
    if (period == LLM_YEARLY || month == 12) {
        year++;
        month = 0;
    }
    return (uint64_t)limit_days_from_civil(year, month + 1, 1) * 86400 - wall_s;
}

/* ---- refusing ---- */

/* "24 days, 14 hours, 1 minute and 5 seconds" */
static struct slice span_in_words(struct rt *rt, uint64_t s)
{
    const struct {
        uint64_t n;
        const char *unit;
    } parts[] = { { s / 86400, "day" }, { s / 3600 % 24, "hour" }, { s / 60 % 60, "minute" }, { s % 60, "second" } };
    unsigned left = 0;
    struct buf b;

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        left += parts[i].n > 0;
    buf_init(&b, rt->arena);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!parts[i].n)
            continue;
        buf_printf(&b, "%s%llu %s%s", b.n == 0 ? "" : left == 1 ? " and " : ", ", (unsigned long long)parts[i].n, parts[i].unit,
                   parts[i].n == 1 ? "" : "s");
        left--;
    }
    return buf_slice(&b);
}

static enum verdict deny(struct rt *rt, const struct plan *p, struct rt_fault *fault, uint64_t seconds)
{
    if (seconds) {
        fault->header = p->retry_header;
        fault->header_value = rt_printf(rt, "%llu", (unsigned long long)seconds);
    }
    if (!fault->message.p || (seconds && !fault->header_value.p))
        return rt_fail_memory(rt);
    return limit_write_variable(rt, seconds ? p->retry_variable : SLICE_NONE, seconds) ? rt_fail_fault(rt, NULL, fault) : VERDICT_FAIL;
}

/* seconds 0: it never fits. */
static enum verdict deny_rate(struct rt *rt, const struct plan *p, uint64_t seconds)
{
    struct rt_fault fault = { .status = 429, .reason = "OpenAITokenLimitExceeded", .message = SLICE("Token limit is exceeded.") };

    if (seconds)
        fault.message = rt_printf(rt, "Token limit is exceeded. Try again in %llu seconds.", (unsigned long long)seconds);
    return deny(rt, p, &fault, seconds);
}

static enum verdict deny_quota(struct rt *rt, const struct plan *p, const struct call *k)
{
    struct rt_fault fault = { .status = 403, .reason = "OpenAITokenQuotaExceeded" };

    fault.message = rt_printf(rt, "Token quota is exceeded. Try again in %.*s.", SLICE_ARG(span_in_words(rt, k->left_s)));
    return deny(rt, p, &fault, k->left_s);
}

/* ---- what is left ---- */

static uint64_t rate_left(struct rt *rt, const struct call *k, uint64_t *retry_s)
{
    struct rt_rate rate;

    rt->host->rate_take(rt, k->rate_key, k->per_minute, WINDOW_S, 0, &rate);
    *retry_s = rate.retry_after_s;
    return rate.allowed ? rate.remaining : 0;
}

static uint64_t quota_left(struct rt *rt, const struct call *k)
{
    struct rt_quota_use use;

    (void)rt->host->quota_take(rt, k->quota_key, &k->window, k->quota, UINT64_MAX, 0, &use);
    return use.calls < k->quota ? k->quota - use.calls : 0;
}

static bool report(struct rt *rt, const struct plan *p, const struct call *k)
{
    uint64_t left, retry_s;

    if (k->per_minute) {
        left = rate_left(rt, k, &retry_s);
        if (!limit_write_header(rt, p->remaining_header, left) || !limit_write_variable(rt, p->remaining_variable, left))
            return false;
    }
    if (!k->quota)
        return true;
    left = quota_left(rt, k);
    return limit_write_header(rt, p->quota_header, left) && limit_write_variable(rt, p->quota_variable, left);
}

static enum verdict check(struct rt *rt, const struct plan *p, const struct call *k)
{
    uint64_t retry_s, least = k->estimated ? k->estimated : 1;

    if (k->quota && quota_left(rt, k) < least)
        return deny_quota(rt, p, k);
    if (!k->per_minute || rate_left(rt, k, &retry_s) >= least)
        return VERDICT_NEXT;
    return deny_rate(rt, p, least > k->per_minute ? 0 : retry_s ? retry_s : WINDOW_S);
}

/* ---- counting ---- */

static enum verdict count(struct rt *rt, const void *plan, void *data);

/* Has a statement before this one counted into the same counter? */
static bool is_counted(const struct rt *rt, const struct call *k, bool rate)
{
    for (const struct rt_awaiting *w = rt->awaiting; w && w->data != k; w = w->next) {
        const struct call *other = w->data;
        if (w->run != count || !slice_eq(other->rate_key, k->rate_key))
            continue;
        if (rate ? other->per_minute == k->per_minute : other->quota && other->window.period_s == k->window.period_s)
            return true;
    }
    return false;
}

static enum verdict count(struct rt *rt, const void *plan, void *data)
{
    const struct plan *p = plan;
    const struct call *k = data;
    struct llm_usage usage;

    if (!llm_usage(rt, &usage))
        return VERDICT_FAIL;
    uint64_t used = usage.known ? usage.total : rt->response.status < 400 ? k->estimated : 0;
    if (k->per_minute && used && !is_counted(rt, k, true))
        rt->host->rate_add(rt, k->rate_key, k->per_minute, WINDOW_S, used);
    if (k->quota && used && !is_counted(rt, k, false))
        rt->host->quota_add(rt, k->quota_key, &k->window, used, 0);
    rt_trace(rt, "%llu tokens%s", (unsigned long long)used, usage.known ? "" : " (estimated: the answer does not say)");
    if (!report(rt, p, k) || !limit_write_header(rt, p->consumed_header, used) ||
        !limit_write_variable(rt, p->consumed_variable, used))
        return VERDICT_FAIL;
    return VERDICT_NEXT;
}

/* ---- running ---- */

static bool evaluate(struct rt *rt, const struct plan *p, struct call *k)
{
    int64_t per_minute, quota;
    bool estimate;
    struct llm_prompt prompt;
    struct slice key;

    if (!rt_text(rt, &p->key, &key) || !rt_int(rt, &p->per_minute, &per_minute) || !rt_int(rt, &p->quota, &quota) ||
        !rt_bool(rt, &p->estimate, &estimate) || !llm_prompt(rt, &prompt))
        return false;
    k->rate_key = rt_printf(rt, "token-limit/%.*s", SLICE_ARG(key));
    k->quota_key = rt_printf(rt, "token-quota/%.*s", SLICE_ARG(key));
    k->per_minute = (uint64_t)per_minute;
    k->quota = (uint64_t)quota;
    k->estimated = estimate || prompt.streams ? prompt.tokens : 0;
    if (p->period >= 0)
        k->left_s = llm_quota_window(rt->host->wall(rt) / NS_PER_S, (enum llm_period)p->period, &k->window);
    return (k->rate_key.p && k->quota_key.p) || (rt_fail_memory(rt), false);
}

enum verdict llm_limit_run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct call *k = arena_new(rt->arena, struct call);

    if (!rt->host->rate_take || !rt->host->quota_take || !rt->host->wall)
        return rt_unavailable(rt, "token counters");
    if (!k)
        return rt_fail_memory(rt);
    if (!evaluate(rt, p, k))
        return VERDICT_FAIL;
    enum verdict v = check(rt, p, k);
    if (v != VERDICT_NEXT)
        return v;
    if (!report(rt, p, k) || !limit_write_variable(rt, p->consumed_variable, k->estimated) || !rt_on_answer(rt, count, p, k))
        return VERDICT_FAIL;
    return VERDICT_NEXT;
}
