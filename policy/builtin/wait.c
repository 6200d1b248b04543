/* wait: children that do not depend on one another. reference/policies.md 2 "wait". They run one after the
 * other, which the reference allows; with for="any" the first one is the first that is ready. */
#include "policy/rt.h"

enum { WAIT_ALL, WAIT_ANY };
static const struct value_name kinds[] = { { "all", WAIT_ALL }, { "any", WAIT_ANY }, { 0 } };
static const char *const children[] = { "send-request", "cache-lookup-value", "choose", NULL };

struct plan {
    struct value kind;
    struct policy_block block;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->kind = comp_attr_enum(c, n, "for", VALUE_OPTIONAL, kinds, WAIT_ALL);
    comp_block_on(c, n, comp_on(c), children, &p->block);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct policy_block block = p->block;
    int kind;

    if (!rt_enum(rt, &p->kind, &kind))
        return VERDICT_FAIL;
    if (kind == WAIT_ANY && block.n > 1)
        block.n = 1;
    return rt_run(rt, &block);
}

const struct policy_def policy_wait = {
    .name = "wait",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .compile = compile,
    .run = run,
    .doc = "Wait for calls that do not depend on one another",
};
