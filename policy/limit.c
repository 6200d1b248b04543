/* What the policies that limit calls have in common. See limit.h. */
#include "policy/limit.h"

#include "platform/clock.h"

/* ---- rates ---- */

struct slice limit_compile_header(struct comp *c, const struct xml_node *n, const char *attr, struct slice otherwise)
{
    struct value v = comp_attr_field(c, n, attr, VALUE_LITERAL);

    return v.text.n ? v.text : otherwise;
}

void limit_compile_report(struct comp *c, const struct xml_node *n, struct limit_report *r)
{
    r->retry_header = limit_compile_header(c, n, "retry-after-header-name", SLICE("Retry-After"));
    r->remaining_header = limit_compile_header(c, n, "remaining-calls-header-name", SLICE_NONE);
    r->total_header = limit_compile_header(c, n, "total-calls-header-name", SLICE_NONE);
    r->retry_variable = comp_attr_text(c, n, "retry-after-variable-name", VALUE_OPTIONAL);
    r->remaining_variable = comp_attr_text(c, n, "remaining-calls-variable-name", VALUE_OPTIONAL);
}

#define PERIOD_ORIGINAL_S 300

void limit_check_period(struct comp *c, const struct xml_node *n, const struct value *period)
{
    if (period->number > PERIOD_ORIGINAL_S)
        comp_warning(c, n, "renewal-period",
                     "'renewal-period' is more than the %d seconds that the original takes",
                     PERIOD_ORIGINAL_S);
}

bool limit_write_header(struct rt *rt, struct slice name, uint64_t number)
{
    if (!name.n)
        return true;
    return rt_late_header(rt, name, rt_printf(rt, "%llu", (unsigned long long)number));
}

bool limit_write_variable(struct rt *rt, struct slice name, uint64_t number)
{
    return !name.n ||
           rt_set_variable(rt, name, expr_value_from_int((int32_t)(number < INT32_MAX ? number : INT32_MAX)));
}

bool limit_report_total(struct rt *rt, const struct limit_report *r, uint64_t calls)
{
    return limit_write_header(rt, r->total_header, calls);
}

bool limit_report_remaining(struct rt *rt, const struct limit_report *r, uint64_t remaining)
{
    return limit_write_header(rt, r->remaining_header, remaining) &&
           limit_write_variable(rt, r->remaining_variable, remaining);
}

enum verdict limit_deny_rate(struct rt *rt, const struct limit_report *r, uint64_t seconds)
{
    struct rt_fault fault = {
        .status = 429,
        .reason = "RateLimitExceeded",
        .message = SLICE("Rate limit is exceeded"),
        .text =
            rt_printf(rt, "Rate limit is exceeded. Try again in %llu seconds.", (unsigned long long)seconds),
        .header = r->retry_header,
        .header_value = rt_printf(rt, "%llu", (unsigned long long)seconds),
    };

    if (!fault.text.p || !fault.header_value.p)
        return rt_fail_memory(rt);
    return limit_write_variable(rt, r->retry_variable, seconds) ? rt_fail_fault(rt, NULL, &fault) : VERDICT_FAIL;
}

/* ---- quotas ---- */

/* A number of an ISO 8601 duration with its unit; 0 when s does not begin with one. */
static size_t take_number(struct slice s, uint64_t *number)
{
    size_t n = 0;

    *number = 0;
    while (n < s.n && n < 9 && ascii_is_digit(s.p[n]))
        *number = *number * 10 + (uint64_t)(s.p[n++] - '0');
    return n;
}

/* duration = "P" *( digits ("Y"/"M"/"W"/"D") ) [ "T" *( digits ("H"/"M"/"S") ) ]; a month counts 30 days, a
 * year 365. */
static bool parse_duration(struct slice s, uint64_t *seconds)
{
    static const struct {
        char unit;
        uint64_t date, time;
    } units[] = { { 'Y', 365 * 86400, 0 }, { 'M', 30 * 86400, 60 }, { 'W', 7 * 86400, 0 }, { 'D', 86400, 0 },
                  { 'H', 0, 3600 },        { 'S', 0, 1 } };
    bool in_time = false;
    uint64_t number;

    *seconds = 0;
    if (s.n < 3 || s.p[0] != 'P')
        return false;
    for (s = slice_skip(s, 1); s.n;) {
        if (s.p[0] == 'T' && !in_time) {
            in_time = true;
            s = slice_skip(s, 1);
            continue;
        }
        size_t digits = take_number(s, &number), i = 0;
        if (digits == 0 || digits == s.n)
            return false;
        while (i < COUNT_OF(units) && units[i].unit != s.p[digits])
            i++;
        uint64_t each = i == COUNT_OF(units) ? 0 : in_time ? units[i].time : units[i].date;
        if (each == 0)
            return false;
        *seconds += number * each;
        s = slice_skip(s, digits + 1);
    }
    return true;
}

/* Ten years: past any quota that is not meant for ever. */
#define PERIOD_MAX_S (UINT64_C(3660) * 86400)

static uint64_t compile_period(struct comp *c, const struct xml_node *n, uint64_t least_s,
                               const struct limit_quota *outer)
{
    unsigned flags = VALUE_NOT_EMPTY | (outer ? VALUE_OPTIONAL : VALUE_REQUIRED);
    struct slice text = slice_trim(comp_attr_text(c, n, "renewal-period", flags));
    uint64_t seconds = 0;

    if (!text.n && outer)
        return outer->period_s;

    if (!text.n || (comp_is_open(c) && slice_find(text, SLICE("{")) >= 0))
        return 0;
    if (!slice_to_u64(text, PERIOD_MAX_S, &seconds) && !parse_duration(text, &seconds))
        comp_error(c, n, "renewal-period",
                   "'renewal-period' is \"%.*s\": expected seconds, or a duration such as P1D",
                   SLICE_ARG(text));
    else if (seconds > PERIOD_MAX_S || (seconds && seconds < least_s))
        comp_error(c, n, "renewal-period", "'renewal-period' is %llu: expected 0, or %llu to %llu seconds",
                   (unsigned long long)seconds, (unsigned long long)least_s,
                   (unsigned long long)PERIOD_MAX_S);
    return seconds;
}

void limit_compile_quota(struct comp *c, const struct xml_node *n, uint64_t least_s,
                         const struct limit_quota *outer, struct limit_quota *q)
{
    struct value calls = comp_attr_int(c, n, "calls", VALUE_LITERAL, 0, INT64_MAX, 0);
    struct value kilobytes = comp_attr_int(c, n, "bandwidth", VALUE_LITERAL, 0, INT64_MAX / 1024, 0);

    q->calls = value_given(&calls) ? (uint64_t)calls.number : UINT64_MAX;
    q->bytes = value_given(&kilobytes) ? (uint64_t)kilobytes.number * 1024 : UINT64_MAX;
    q->period_s = compile_period(c, n, least_s, outer);
    q->start_s = -LIMIT_EPOCH_S;
    if (!value_given(&calls) && !value_given(&kilobytes))
        comp_error(c, n, NULL, "<%.*s> needs calls or bandwidth", SLICE_ARG(n->name));
}

static uint64_t seconds_since_start(struct rt *rt, const struct limit_quota *q)
{
    int64_t now = (int64_t)(rt->host->wall(rt) / NS_PER_S);

    return now > q->start_s ? (uint64_t)(now - q->start_s) : 0;
}

void limit_window(struct rt *rt, const struct limit_quota *q, struct rt_quota_window *w)
{
    w->period_s = q->period_s;
    w->index = q->period_s ? seconds_since_start(rt, q) / q->period_s : 0;
}

int64_t limit_days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = y / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t)doe - 719468;
}

/* [d.]hh:mm:ss */
static struct slice time_span(struct rt *rt, uint64_t s)
{
    unsigned h = (unsigned)(s / 3600 % 24), m = (unsigned)(s / 60 % 60), sec = (unsigned)(s % 60);

    if (s >= 86400)
        return rt_printf(rt, "%llu.%02u:%02u:%02u", (unsigned long long)(s / 86400), h, m, sec);
    return rt_printf(rt, "%02u:%02u:%02u", h, m, sec);
}

enum verdict limit_deny_quota(struct rt *rt, const struct limit_quota *q, const struct rt_quota_use *use)
{
    const char *what = use->calls >= q->calls ? "call volume" : "bandwidth";
    uint64_t left = q->period_s ? q->period_s - seconds_since_start(rt, q) % q->period_s : 0;
    struct rt_fault fault = { .status = 403, .status_reason = "Quota Exceeded", .reason = "QuotaExceeded" };

    if (q->period_s) {
        fault.message = rt_printf(rt, "Out of %s quota. Quota will be replenished in %.*s.", what,
                                  SLICE_ARG(time_span(rt, left)));
        fault.header = SLICE("Retry-After");
        fault.header_value = rt_printf(rt, "%llu", (unsigned long long)left);
    } else {
        fault.message = rt_printf(rt, "Out of %s quota.", what);
    }
    return fault.message.p ? rt_fail_fault(rt, NULL, &fault) : rt_fail_memory(rt);
}

/* ---- keys ---- */

static struct slice scope_id(const struct rt *rt, enum policy_scope scope)
{
    if (scope == SCOPE_PRODUCT && rt->product)
        return rt->product->id;
    if (scope == SCOPE_API && rt->api)
        return rt->api->id;
    if (scope == SCOPE_OPERATION && rt->operation)
        return rt->operation->id;
    return SLICE("");
}

struct slice limit_subscription_key(struct rt *rt, const char *kind, struct slice inner)
{
    enum policy_scope scope = rt_scope(rt);
    struct slice api = scope == SCOPE_OPERATION && rt->api ? rt->api->id : SLICE("");

    return rt_printf(rt, "%s/%.*s/%d/%.*s/%.*s/%.*s", kind, SLICE_ARG(rt->subscription->id), (int)scope,
                     SLICE_ARG(api), SLICE_ARG(scope_id(rt, scope)), SLICE_ARG(inner));
}

void limit_compile_name(struct comp *c, const struct xml_node *n, struct limit_name *out)
{
    out->id = comp_attr_text(c, n, "id", VALUE_OPTIONAL);
    out->name = comp_attr_text(c, n, "name", VALUE_OPTIONAL);
    if (!out->id.n && !out->name.n)
        comp_error(c, n, NULL, "<%.*s> needs the attribute 'id' or 'name'", SLICE_ARG(n->name));
}

bool limit_name_is(const struct limit_name *l, struct slice id, struct slice name)
{
    return l->id.n ? slice_eq(l->id, id) : slice_eq(l->name, name);
}
