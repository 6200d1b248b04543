/* authentication-managed-identity: an access token of the machine's own identity, for the backend or into a
 * variable. reference/policies.md 4 "authentication-managed-identity". */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value resource, client;
    struct slice variable;
    bool ignore_error;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c) == ON_SENT ? ON_SENT : ON_REQUEST;
    p->resource = comp_attr(c, n, "resource", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    p->client = comp_attr(c, n, "client-id", VALUE_OPTIONAL);
    p->variable = comp_attr_text(c, n, "output-token-variable-name", VALUE_OPTIONAL);
    p->ignore_error = comp_attr_bool(c, n, "ignore-error", VALUE_LITERAL, false).number;
    return !comp_failed(c);
}

static bool set_field(struct rt *rt, const struct plan *p, struct slice token)
{
    static const struct slice name = SLICE_INIT("Authorization");
    struct slice value = rt_printf(rt, "Bearer %.*s", SLICE_ARG(token));

    if (!value.p)
        return rt_fail_memory(rt), false;
    return rt_set_header(rt, rt_message(rt, p->on), name, hash_name(name), &value, 1, EXISTS_OVERRIDE);
}

/* A variable is set in place of the field, and without a token it is null. */
static bool deliver(struct rt *rt, const struct plan *p, struct slice token)
{
    if (p->variable.n)
        return rt_set_variable(rt, p->variable,
                               token.p ? expr_value_from_text(rt->arena, token) : expr_value_null());
    return !token.p || set_field(rt, p, token);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    struct slice resource, client, token = SLICE_NONE;
    struct rt_fault fault = { .status = 500, .internal = true, .reason = "BackendConnectionFailure",
                              .message = SLICE("The resource is empty.") };

    if (!rt->host->identity_token)
        return rt_unavailable(rt, "an identity");
    if (!rt_text(rt, &p->resource, &resource) || !rt_text(rt, &p->client, &client))
        return VERDICT_FAIL;
    resource = slice_trim(resource);
    bool ok = resource.n && rt->host->identity_token(rt, resource, slice_trim(client), &token, &fault);
    rt_trace(rt, "%s for %.*s%s%.*s", ok ? "token" : "no token", SLICE_ARG(resource), ok ? "" : ": ",
             SLICE_ARG(ok ? SLICE("") : fault.message));
    if (!ok && !p->ignore_error)
        return rt_fail_fault(rt, NULL, &fault);
    return deliver(rt, p, ok ? token : SLICE_NONE) ? VERDICT_NEXT : VERDICT_FAIL;
}

const struct policy_def policy_authentication_managed_identity = {
    .name = "authentication-managed-identity",
    .sections = SECTIONS_ALL,
    .compile = compile,
    .run = run,
    .doc = "Authenticate to the backend with the machine's own identity",
};
