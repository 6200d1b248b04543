/* authentication-basic: Basic credentials towards the backend (RFC 7617). reference/policies.md 4
 * "authentication-basic". */
#include "policy/rt.h"

struct plan {
    enum comp_target on;
    struct value username, password;
};

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->on = comp_on(c) == ON_SENT ? ON_SENT : ON_REQUEST;
    p->username = comp_attr(c, n, "username", VALUE_REQUIRED);
    p->password = comp_attr(c, n, "password", VALUE_REQUIRED);
    return !comp_failed(c);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    static const struct slice name = SLICE_INIT("Authorization");
    const struct plan *p = plan;
    struct slice username, password;

    if (!rt_text(rt, &p->username, &username) || !rt_text(rt, &p->password, &password))
        return VERDICT_FAIL;
    struct slice encoded =
        rt_base64(rt, rt_printf(rt, "%.*s:%.*s", SLICE_ARG(username), SLICE_ARG(password)));
    struct slice value = rt_printf(rt, "Basic %.*s", SLICE_ARG(encoded));
    if (!encoded.p || !value.p)
        return rt_fail_memory(rt);
    if (!rt_set_header(rt, rt_message(rt, p->on), name, hash_name(name), &value, 1, EXISTS_OVERRIDE))
        return VERDICT_FAIL;
    return VERDICT_NEXT;
}

const struct policy_def policy_authentication_basic = {
    .name = "authentication-basic",
    .sections = IN_INBOUND | IN_BACKEND,
    .compile = compile,
    .run = run,
    .doc = "Authenticate to the backend with name and password",
};
