/* validate-jwt: a JSON Web Token must be there, be signed by a key that counts, and say what it must. reference/policies.md 4
 * "validate-jwt". */
#include "policy/rt.h"

static void compile_provider(struct comp *c, const struct xml_node *n, struct value *out)
{
    *out = comp_attr(c, n, "url", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    if (out->expr || !out->text.n)
        return;
    out->text = slice_trim(out->text);
    if (slice_starts_icase(out->text, SLICE("https://")) || slice_starts_icase(out->text, SLICE("http://")))
        comp_provider(c, out->text);
    else if (!comp_is_open(c))
        comp_error(c, n, "url", "\"%.*s\" is no http or https URL", SLICE_ARG(out->text));
}

static void compile_providers(struct comp *c, const struct xml_node *n, struct token_plan *p)
{
    struct value *urls = comp_array(c, struct value, TOKEN_PROVIDERS_MAX);

    p->providers.v = urls;
    for (const struct xml_node *k = comp_next(c, n, NULL, "openid-config"); urls && k; k = comp_next(c, n, k, "openid-config")) {
        if (p->providers.n == TOKEN_PROVIDERS_MAX) {
            comp_error(c, k, NULL, "<validate-jwt> takes at most %u <openid-config>", TOKEN_PROVIDERS_MAX);
            return;
        }
        compile_provider(c, k, &urls[p->providers.n++]);
    }
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct token_plan *p = comp_new(c, struct token_plan);

    *plan = p;
    token_compile_source(c, n, p, NULL);
    p->scheme = comp_attr(c, n, "require-scheme", VALUE_OPTIONAL);
    p->require_expiration = comp_attr_bool(c, n, "require-expiration-time", VALUE_OPTIONAL, true);
    p->require_signature = comp_attr_bool(c, n, "require-signed-tokens", VALUE_OPTIONAL, true);
    p->skew = comp_attr_int(c, n, "clock-skew", VALUE_OPTIONAL, 0, TOKEN_SKEW_S_MAX, 0);
    compile_providers(c, n, p);
    token_compile_signing_keys(c, n, p);
    token_compile_decryption_keys(c, n, p);
    p->issuers = token_compile_list(c, n, "issuers", "issuer");
    token_compile_claims(c, n, p);
    if (!p->providers.n && !comp_child(c, n, "issuer-signing-keys", VALUE_OPTIONAL) && !p->require_signature.expr &&
        p->require_signature.number)
        comp_warning(c, n, NULL, "<validate-jwt> has neither <openid-config> nor <issuer-signing-keys>: no signed token is let in");
    return !comp_failed(c);
}

const struct policy_def policy_validate_jwt = {
    .name = "validate-jwt",
    .sections = IN_INBOUND,
    .compile = compile,
    .run = token_run,
    .doc = "Require a JSON Web Token that is valid",
};
