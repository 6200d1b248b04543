/* validate-azure-ad-token: validate-jwt for the tokens of one Entra ID tenant, old (1.0) and new (2.0) ones. reference/policies.md 4
 * "validate-azure-ad-token". */
#include "policy/rt.h"

/* Both are compared with "aud". */
static struct values joined(struct comp *c, struct values a, struct values b)
{
    struct value *all = comp_array(c, struct value, a.n + b.n);

    if (!all)
        return a;
    for (uint32_t i = 0; i < a.n + b.n; i++)
        all[i] = i < a.n ? a.v[i] : b.v[i - a.n];
    return (struct values){ all, a.n + b.n };
}

static void compile_tenant(struct comp *c, const struct xml_node *n, struct token_plan *p)
{
    p->tenant = comp_attr(c, n, "tenant-id", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    if (p->tenant.expr || !p->tenant.text.n || comp_is_open(c))
        return;
    p->tenant.text = slice_trim(p->tenant.text);
    if (token_is_tenant(p->tenant.text))
        comp_provider(c, token_entra_url(comp_arena(c), p->tenant.text));
    else
        comp_error(c, n, "tenant-id", "\"%.*s\" is neither an id nor a domain", SLICE_ARG(p->tenant.text));
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct token_plan *p = comp_new(c, struct token_plan);

    *plan = p;
    p->is_entra = true;
    compile_tenant(c, n, p);
    token_compile_source(c, n, p, "Authorization");
    p->scheme = (struct value){ .text = SLICE("Bearer") };
    p->require_expiration = p->require_signature = (struct value){ .text = SLICE("true"), .number = true };
    p->skew = (struct value){ .text = SLICE("0") };
    p->clients = token_compile_list(c, n, "client-application-ids", "application-id");
    struct values backends = token_compile_list(c, n, "backend-application-ids", "application-id");
    token_compile_claims(c, n, p);
    p->audiences = joined(c, p->audiences, backends);
    token_compile_decryption_keys(c, n, p);
    return !comp_failed(c);
}

const struct policy_def policy_validate_azure_ad_token = {
    .name = "validate-azure-ad-token",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = token_run,
    .doc = "Require a valid token of an Entra ID tenant",
};
