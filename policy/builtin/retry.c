/* retry: run the children again while a condition is true. reference/policies.md 2 "retry".
 *
 * Waits before retry n = 1, 2, ...: interval; with delta interval + (n-1) * delta; with delta and
 * max-interval interval + (2^(n-1) - 1) * random(0.8 * delta, 1.2 * delta). Never more than max-interval. A child's
 * failure is asked about by the condition too: true retries, false passes the failure on. */
#include "policy/rt.h"

#define COUNT_MAX 50
#define SECONDS_MAX 3600

struct plan {
    struct value condition, count, interval, max_interval, delta, fast;
    struct policy_block block;
};

/* The evaluated attributes. */
struct waits {
    int64_t count, interval, max_interval, delta;
    bool fast;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->condition = comp_attr_bool(c, n, "condition", VALUE_REQUIRED, false);
    p->count = comp_attr_int(c, n, "count", VALUE_REQUIRED, 1, COUNT_MAX, 1);
    p->interval = comp_attr_int(c, n, "interval", VALUE_OPTIONAL, 0, SECONDS_MAX, 0);
    p->max_interval = comp_attr_int(c, n, "max-interval", VALUE_OPTIONAL, 0, SECONDS_MAX, 0);
    p->delta = comp_attr_int(c, n, "delta", VALUE_OPTIONAL, 0, SECONDS_MAX, 0);
    p->fast = comp_attr_bool(c, n, "first-fast-retry", VALUE_OPTIONAL, false);
    comp_block(c, n, &p->block);
    return !comp_failed(c);
}

/* 0.8 .. 1.2, so that clients that failed together do not come back together; in thousandths. */
static int64_t spread(struct rt *rt, int64_t n)
{
    uint64_t seed[2] = { rt->host->now(rt), (uint64_t)n };

    return 800 + (int64_t)(hash_bytes(slice_of(seed, sizeof seed)) % 401);
}

static int64_t wait_ms(struct rt *rt, const struct plan *p, const struct waits *w, int64_t n)
{
    bool capped = value_given(&p->max_interval);
    int64_t ms = w->interval * 1000, steps = n > 20 ? 1 << 20 : (1 << (n - 1)) - 1;

    if (w->fast && n == 1)
        return 0;
    if (value_given(&p->delta))
        ms += capped ? steps * w->delta * spread(rt, n) : (n - 1) * w->delta * 1000;
    return capped && ms > w->max_interval * 1000 ? w->max_interval * 1000 : ms;
}

static bool evaluate(struct rt *rt, const struct plan *p, struct waits *w)
{
    return rt_int(rt, &p->count, &w->count) && rt_int(rt, &p->interval, &w->interval) &&
           rt_int(rt, &p->max_interval, &w->max_interval) && rt_int(rt, &p->delta, &w->delta) &&
           rt_bool(rt, &p->fast, &w->fast);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct waits w;
    bool again;

    if (!evaluate(rt, p, &w))
        return VERDICT_FAIL;
    for (int64_t n = 1;; n++) {
        enum verdict v = rt_run(rt, &p->block);
        if ((v != VERDICT_NEXT && v != VERDICT_FAIL) || n > w.count)
            return v;
        if (!rt_bool(rt, &p->condition, &again))
            return VERDICT_FAIL;
        if (!again)
            return v;
        rt->error.present = false;
        int64_t ms = wait_ms(rt, p, &w, n);
        rt_trace(rt, "retry %lld in %lld ms", (long long)n, (long long)ms);
        if (ms > 0 && !rt->host->sleep(rt, (uint64_t)ms))
            return rt_fail(rt, NULL, "ClientConnectionFailure", SLICE("The request was cancelled."));
    }
}

const struct policy_def policy_retry = {
    .name = "retry",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .compile = compile,
    .run = run,
    .doc = "Run policies again while a condition is true",
};
