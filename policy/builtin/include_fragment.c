/* include-fragment: the statements of a fragment, as if they stood here. reference/policies.md 2
 * "include-fragment". */
#include "policy/rt.h"

struct plan {
    struct policy_block block;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    struct slice id = comp_attr_text(c, n, "fragment-id", VALUE_REQUIRED | VALUE_NOT_EMPTY);

    *plan = p;
    if (id.n)
        comp_fragment(c, n, "fragment-id", id, &p->block);
    return !comp_failed(c);
}

static const struct policy_block *splice(const void *plan)
{
    return &((const struct plan *)plan)->block;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    const struct rt_include here = { rt->step, rt->include };

    rt->include = &here;
    enum verdict v = rt_run(rt, &p->block);
    rt->include = here.outer;
    return v;
}

const struct policy_def policy_include_fragment = {
    .name = "include-fragment",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .compile = compile,
    .run = run,
    .splice = splice,
    .doc = "Insert the statements of a policy fragment",
};
