/* set-header: add, replace, append, skip or delete a header. reference/policies.md 7 "set-header". */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value name;
    struct value action;
    struct values values;
};

static const struct value_name actions[] = {
    { "override", EXISTS_OVERRIDE },
    { "skip", EXISTS_SKIP },
    { "append", EXISTS_APPEND },
    { "delete", EXISTS_DELETE },
    { 0 },
};

static void check_literals(struct comp *c, const struct xml_node *n, const struct values *values)
{
    for (uint32_t i = 0; i < values->n; i++) {
        if (!http_is_field_value(values->v[i].text))
            comp_error(c, n, NULL, "<set-header>: the value \"%.*s\" holds a line break or another control character",
                       SLICE_ARG(values->v[i].text));
    }
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c);
    p->name = comp_attr_field(c, n, "name", VALUE_REQUIRED);
    p->action = comp_attr_enum(c, n, "exists-action", VALUE_OPTIONAL, actions, EXISTS_OVERRIDE);
    p->values = comp_texts(c, n, "value", VALUE_OPTIONAL);
    check_literals(c, n, &p->values);
    if (p->values.n > RT_VALUES_MAX)
        comp_error(c, n, NULL, "<set-header> takes at most %u values", RT_VALUES_MAX);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice name, values[RT_VALUES_MAX];
    uint32_t hash;
    int action;

    if (!rt_name(rt, &p->name, &name, &hash) || !rt_enum(rt, &p->action, &action) ||
        !rt_texts(rt, &p->values, values))
        return VERDICT_FAIL;
    if (!rt_set_header(rt, rt_message(rt, p->on), name, hash, values, p->values.n,
                       (enum exists_action)action))
        return VERDICT_FAIL;
    rt_trace(rt, "%s %.*s", actions[action].name, SLICE_ARG(name));
    return VERDICT_NEXT;
}

const struct policy_def policy_set_header = {
    .name = "set-header",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Set, append or delete a request or response header",
};
