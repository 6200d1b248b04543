/* find-and-replace: a text in the body becomes another, everywhere. reference/policies.md 7
 * "find-and-replace". */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value from, to;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c);
    p->from = comp_attr(c, n, "from", VALUE_REQUIRED);
    p->to = comp_attr(c, n, "to", VALUE_REQUIRED);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice from, to;

    if (!rt_text(rt, &p->from, &from) || !rt_text(rt, &p->to, &to))
        return VERDICT_FAIL;
    return rt_replace_in_body(rt, rt_message(rt, p->on), from, to) ? VERDICT_NEXT : VERDICT_FAIL;
}

const struct policy_def policy_find_and_replace = {
    .name = "find-and-replace",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Replace a text in the body",
};
