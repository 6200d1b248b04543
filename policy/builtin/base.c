/* base: what the next scope outwards has in this section. reference/policies.md 2 "base". */
#include "policy/rt.h"

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    (void)plan;
    if (comp_in_fragment(c))
        comp_error(c, n, NULL, "<base/> cannot stand in a fragment");
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    (void)plan;
    return rt_run_base(rt);
}

const struct policy_def policy_base = {
    .name = "base",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .scopes = AT_ALL_BUT_GLOBAL,
    .compile = compile,
    .run = run,
    .doc = "Run what the next outer scope has in this section",
};
