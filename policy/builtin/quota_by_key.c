/* quota-by-key: calls and kilobytes per fixed window and key. reference/policies.md 3 "quota-by-key".
 *
 * Windows are aligned to first-period-start, by default 0001-01-01T00:00:00Z. A call counts on entry, unless
 * increment-condition or increment-count speak of context.Response; a key that several statements name counts
 * once per request. */
#include "policy/rt.h"

#define PERIOD_LEAST_S 300

struct plan {
    struct limit_quota quota;
    struct value key, condition, count;
    bool after_response;
};

/* What is counted when the response is final (calls) and when it has been sent (bytes). */
struct later {
    struct slice key;
    struct rt_quota_window window;
    bool ask;    /* condition and count are asked then; the call is counted then */
    bool counts; /* the condition held on entry */
    bool bytes;  /* some statement limits bandwidth */
};

static unsigned two_digits(struct slice s, size_t at)
{
    return (unsigned)(s.p[at] - '0') * 10 + (unsigned)(s.p[at + 1] - '0');
}

/* yyyy-MM-ddTHH:mm:ss[Z] */
static bool parse_start(struct slice s, int64_t *seconds)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";

    if (s.n == sizeof form && s.p[s.n - 1] == 'Z')
        s.n--;
    if (s.n != sizeof form - 1)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (form[i] == 'd' ? !ascii_is_digit(s.p[i]) : s.p[i] != form[i])
            return false;
    }
    unsigned year = two_digits(s, 0) * 100 + two_digits(s, 2), month = two_digits(s, 5),
             day = two_digits(s, 8);
    if (year == 0 || month == 0 || month > 12 || day == 0 || day > 31)
        return false;
    *seconds = limit_days_from_civil(year, month, day) * 86400 + two_digits(s, 11) * 3600 + two_digits(s, 14) * 60 +
               two_digits(s, 17);
    return true;
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct slice start = slice_trim(comp_attr_text(c, n, "first-period-start", VALUE_OPTIONAL));

    *plan = p;
    limit_compile_quota(c, n, PERIOD_LEAST_S, NULL, &p->quota);
    if (start.n && !parse_start(start, &p->quota.start_s))
        comp_error(c, n, "first-period-start",
                   "'first-period-start' is \"%.*s\": expected yyyy-MM-ddTHH:mm:ssZ", SLICE_ARG(start));
    p->key = comp_attr(c, n, "counter-key", VALUE_REQUIRED);
    p->condition = comp_attr_bool(c, n, "increment-condition", VALUE_OPTIONAL, true);
    p->count = comp_attr_int(c, n, "increment-count", VALUE_OPTIONAL, 0, INT32_MAX, 1);
    p->after_response = p->condition.reads_response || p->count.reads_response;
    return !comp_failed(c);
}

static bool amount_of(struct rt *rt, const struct plan *p, bool *counts, int64_t *amount)
{
    *amount = 0;
    if (!rt_bool(rt, &p->condition, counts))
        return false;
    return !*counts || rt_int(rt, &p->count, amount);
}

static void count_later(struct rt *rt, const void *plan, void *data)
{
    struct later *l = data;
    struct rt_error error = rt->error;
    struct rt_message response = rt->response;
    int64_t amount = 0;

    if (l->ask && !amount_of(rt, plan, &l->counts, &amount)) {
        rt->error = error; /* too late to change the answer */
        rt->response = response;
        l->counts = false;
        return;
    }
    if (amount)
        rt->host->quota_add(rt, l->key, &l->window, (uint64_t)amount, 0);
}

static void count_traffic(struct rt *rt, const void *plan, void *data)
{
    const struct later *l = data;

    (void)plan;
    if (l->bytes && l->counts)
        rt->host->quota_add(rt, l->key, &l->window, 0, rt->host->traffic(rt));
}

/* What a statement of this request counts, or will, for the same key and window; NULL: none does. */
static struct later *find_counted(const struct rt *rt, const struct later *l)
{
    for (const struct rt_deferred *d = rt->deferred; d; d = d->next) {
        struct later *other = d->data;
        if (d->run == count_later && slice_eq(other->key, l->key) && other->window.period_s == l->window.period_s)
            return other;
    }
    return NULL;
}

/* Windows that begin elsewhere are counted apart. */
static struct slice counter_key(struct rt *rt, const struct plan *p, struct slice key)
{
    if (p->quota.start_s == -LIMIT_EPOCH_S)
        return rt_printf(rt, "quota-by-key/%.*s", SLICE_ARG(key));
    return rt_printf(rt, "quota-by-key@%lld/%.*s", (long long)p->quota.start_s, SLICE_ARG(key));
}

static enum verdict take(struct rt *rt, const struct plan *p, struct later *l)
{
    struct later *counted = find_counted(rt, l);
    struct rt_quota_use use;
    int64_t amount = 0;

    if (!l->ask && !counted && !amount_of(rt, p, &l->counts, &amount))
        return VERDICT_FAIL;
    if (!rt->host->quota_take(rt, l->key, &l->window, p->quota.calls, p->quota.bytes, (uint64_t)amount, &use))
        return limit_deny_quota(rt, &p->quota, &use);
    if (!counted)
        return rt_defer(rt, count_later, p, l) && rt_defer_sent(rt, count_traffic, l) ? VERDICT_NEXT : VERDICT_FAIL;
    counted->bytes |= l->bytes;
    return VERDICT_NEXT;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct later *l = arena_new(rt->arena, struct later);
    struct slice key;

    if (!rt->host->quota_take || !rt->host->quota_add || !rt->host->traffic)
        return rt_unavailable(rt, "quota counters");
    if (!rt_text(rt, &p->key, &key))
        return VERDICT_FAIL;
    key = counter_key(rt, p, key);
    if (!l || !key.p)
        return rt_fail_memory(rt);
    *l = (struct later){ .key = key, .ask = p->after_response, .bytes = p->quota.bytes != UINT64_MAX };
    limit_window(rt, &p->quota, &l->window);
    return take(rt, p, l);
}

const struct policy_def policy_quota_by_key = {
    .name = "quota-by-key",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = run,
    .doc = "Limit calls and bandwidth per period and key",
};
