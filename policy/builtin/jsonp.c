/* jsonp: wrap the JSON of the response in a call, when the query has the parameter. reference/policies.md 5.
 *
 *   callback   = identifier *( "." identifier )
 *   identifier = ( letter / "_" / "$" ) *( letter / digit / "_" / "$" ) */
#include "policy/rt.h"

struct plan {
    struct value parameter;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->parameter = comp_attr(c, n, "callback-parameter-name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    return !comp_failed(c);
}

static bool is_callback(struct slice s)
{
    bool at_start = true;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && !at_start) {
            at_start = true;
            continue;
        }
        if (!ascii_is_alpha(c) && c != '_' && c != '$' && (at_start || !ascii_is_digit(c)))
            return false;
        at_start = false;
    }
    return !at_start;
}

/* The decoded value of a query parameter; p == NULL when it is absent. */
static struct slice find_value(struct rt *rt, struct slice name)
{
    struct slice query = rt->original.query;
    struct uri_pair pair;

    while (uri_query_next(&query, &pair)) {
        if (uri_name_is(pair.name, name))
            return uri_unescape(rt->arena, pair.value);
    }
    return SLICE_NONE;
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice name, body;

    if (!rt_text(rt, &p->parameter, &name))
        return VERDICT_FAIL;
    struct slice callback = find_value(rt, name);
    if (!callback.n)
        return VERDICT_NEXT;
    if (!is_callback(callback)) {
        const struct rt_fault fault = {
            .status = 400,
            .reason = "CallbackParameterInvalid",
            .message = rt_printf(rt, "Value of callback parameter %.*s is not a valid JavaScript identifier.",
                                 SLICE_ARG(name)),
        };
        return rt_fail_fault(rt, NULL, &fault);
    }
    if (!rt_body(rt, &rt->response, &body))
        return VERDICT_FAIL;
    struct slice wrapped = rt_printf(rt, "%.*s(%.*s);", SLICE_ARG(callback), SLICE_ARG(body));
    if (!wrapped.p ||
        !http_fields_set(&rt->response.fields, SLICE("Content-Type"), SLICE("application/javascript")))
        return rt_fail_memory(rt);
    return rt_set_body(rt, &rt->response, wrapped) ? VERDICT_NEXT : VERDICT_FAIL;
}

const struct policy_def policy_jsonp = {
    .name = "jsonp",
    .sections = IN_OUTBOUND,
    .flags = POLICY_NO_WEBSOCKET,
    .compile = compile,
    .run = run,
    .doc = "Wrap the response in a JavaScript call",
};
