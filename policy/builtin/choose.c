/* choose: the first branch whose condition is true. reference/policies.md 2 "choose".
 *
 *   choose = 1*when [ otherwise ]            when = condition *statement */
#include "policy/rt.h"

struct branch {
    struct policy_step site; /* LastError.Path of its condition */
    struct value condition;
    struct policy_block block;
};

struct plan {
    struct branch *branches;
    uint32_t n;
    struct policy_block otherwise;
};

static uint32_t count_branches(const struct xml_node *n)
{
    uint32_t count = 0;

    for (const struct xml_node *k = xml_child(n, "when"); k; k = xml_next(k, "when"))
        count++;
    return count;
}

static void compile_branch(struct comp *c, const struct xml_node *n, struct branch *b)
{
    b->site.def = &policy_choose;
    comp_site(c, n, &b->site);
    b->condition = comp_attr_bool(c, n, "condition", VALUE_REQUIRED, false);
    comp_block(c, n, &b->block);
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);
    uint32_t count = count_branches(n);

    *plan = p;
    if (count == 0)
        comp_error(c, n, NULL, "<choose> needs at least one <when>");
    p->branches = comp_array(c, struct branch, count);
    if (!p->branches)
        return false;
    for (const struct xml_node *k = comp_next(c, n, NULL, "when"); k; k = comp_next(c, n, k, "when"))
        compile_branch(c, k, &p->branches[p->n++]);
    const struct xml_node *otherwise = comp_child(c, n, "otherwise", VALUE_OPTIONAL);
    if (otherwise)
        comp_block(c, otherwise, &p->otherwise);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    const struct policy_step *step = rt->step;

    for (uint32_t i = 0; i < p->n; i++) {
        const struct branch *b = &p->branches[i];
        bool yes;

        rt->step = &b->site;
        if (!rt_bool(rt, &b->condition, &yes))
            return VERDICT_FAIL;
        rt_trace(rt, "condition of when %u is %s", i + 1, yes ? "true" : "false");
        rt->step = step;
        if (yes)
            return rt_run(rt, &b->block);
    }
    return rt_run(rt, &p->otherwise);
}

const struct policy_def policy_choose = {
    .name = "choose",
    .sections = SECTIONS_ALL,
    .flags = POLICY_STRUCTURE,
    .compile = compile,
    .run = run,
    .doc = "Run the first branch whose condition is true",
};
