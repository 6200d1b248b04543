/* set-query-parameter: add, replace, append, skip or delete a query parameter of the request to the backend.
 * reference/policies.md 7 "set-query-parameter". Names compare without regard to case. */
#include "policy/rt.h"

struct plan {
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

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->name = comp_attr(c, n, "name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    p->action = comp_attr_enum(c, n, "exists-action", VALUE_OPTIONAL, actions, EXISTS_OVERRIDE);
    p->values = comp_texts(c, n, "value", VALUE_OPTIONAL);
    if (p->values.n > RT_VALUES_MAX)
        comp_error(c, n, NULL, "<set-query-parameter> takes at most %u values", RT_VALUES_MAX);
    return !comp_failed(c);
}

static bool has_parameter(struct slice query, struct slice name)
{
    struct uri_pair pair;

    while (uri_query_next(&query, &pair)) {
        if (uri_name_is(pair.name, name))
            return true;
    }
    return false;
}

/* The query without the parameter, or whole. */
static void put_others(struct buf *b, struct slice query, struct slice name, bool whole)
{
    struct uri_pair pair;

    while (uri_query_next(&query, &pair)) {
        if (!whole && uri_name_is(pair.name, name))
            continue;
        if (b->n)
            buf_putc(b, '&');
        buf_put(b, pair.whole);
    }
}

static bool put_values(struct rt *rt, struct buf *b, struct slice name, const struct slice *values,
                       uint32_t n)
{
    struct slice encoded_name = uri_escape(rt->arena, name);

    for (uint32_t i = 0; i < n; i++) {
        if (!values[i].p)
            continue;
        struct slice value = uri_escape(rt->arena, values[i]);
        if (!value.p)
            return false;
        buf_printf(b, "%s%.*s=%.*s", b->n ? "&" : "", SLICE_ARG(encoded_name), SLICE_ARG(value));
    }
    return encoded_name.p != NULL;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice name, values[RT_VALUES_MAX], *query = &rt->request.url.query;
    struct buf b;
    int action;

    if (!rt_text(rt, &p->name, &name) || !rt_enum(rt, &p->action, &action) ||
        !rt_texts(rt, &p->values, values))
        return VERDICT_FAIL;
    if (action == EXISTS_SKIP && has_parameter(*query, name))
        return VERDICT_NEXT;
    buf_init(&b, rt->arena);
    put_others(&b, *query, name, action == EXISTS_APPEND || action == EXISTS_SKIP);
    if (action != EXISTS_DELETE && !put_values(rt, &b, name, values, p->values.n))
        return rt_fail_memory(rt);
    *query = buf_slice(&b);
    if (b.failed)
        return rt_fail_memory(rt);
    rt_trace(rt, "query is now \"%.*s\"", SLICE_ARG(*query));
    return VERDICT_NEXT;
}

const struct policy_def policy_set_query_parameter = {
    .name = "set-query-parameter",
    .sections = IN_INBOUND | IN_BACKEND,
    .compile = compile,
    .run = run,
    .doc = "Set, append or delete a query parameter",
};
