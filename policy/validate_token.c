/* Compiling and running the policies that validate tokens; see validate_token.h. Keys: validate_token_keys.c. */
#include "policy/validate_token.h"

#include "policy/jwe.h"
#include "policy/jwt.h"
#include "policy/jwt_cache.h"

#define ENTRA "https://login.microsoftonline.com/"
#define ENTRA_CONFIG "/v2.0/.well-known/openid-configuration"

enum { MATCH_ALL, MATCH_ANY };
static const struct value_name matches[] = { { "all", MATCH_ALL }, { "any", MATCH_ANY }, { 0 } };

/* ---- compiling ---- */

void token_compile_source(struct comp *c, const struct xml_node *n, struct token_plan *p, const char *default_header)
{
    unsigned given = comp_has_attr(n, "header-name") + comp_has_attr(n, "query-parameter-name") + comp_has_attr(n, "token-value");

    p->header = comp_attr_field(c, n, "header-name", VALUE_NOT_EMPTY);
    p->query = comp_attr(c, n, "query-parameter-name", VALUE_NOT_EMPTY);
    p->token = comp_attr(c, n, "token-value", VALUE_OPTIONAL);
    if (given > 1 || (!given && !default_header))
        comp_error(c, n, NULL, "<%.*s> takes %s one of header-name, query-parameter-name and token-value", SLICE_ARG(n->name),
                   default_header ? "at most" : "exactly");
    if (!given && default_header)
        p->header = (struct value){ .text = slice_from(default_header), .number = hash_name(slice_from(default_header)) };
    p->code = comp_attr_int(c, n, "failed-validation-httpcode", VALUE_OPTIONAL, 100, 999, 401);
    p->message = comp_attr(c, n, "failed-validation-error-message", VALUE_OPTIONAL);
    p->variable = comp_attr_text(c, n, "output-token-variable-name", VALUE_OPTIONAL);
}

struct values token_compile_list(struct comp *c, const struct xml_node *n, const char *list, const char *child)
{
    const struct xml_node *at = comp_child(c, n, list, VALUE_OPTIONAL);
    struct values texts = { 0 };

    if (!at)
        return texts;
    texts = comp_texts(c, at, child, VALUE_NOT_EMPTY);
    if (!texts.n)
        comp_error(c, at, NULL, "<%s> needs an <%s>", list, child);
    return texts;
}

static void compile_claim(struct comp *c, const struct xml_node *n, struct token_claim *out)
{
    out->name = comp_attr(c, n, "name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    out->match = comp_attr_enum(c, n, "match", VALUE_OPTIONAL, matches, MATCH_ALL);
    out->separator = comp_attr(c, n, "separator", VALUE_OPTIONAL);
    out->values = comp_texts(c, n, "value", VALUE_OPTIONAL);
}

void token_compile_claims(struct comp *c, const struct xml_node *n, struct token_plan *p)
{
    const struct xml_node *list = comp_child(c, n, "required-claims", VALUE_OPTIONAL), *k = NULL;
    uint32_t count = 0;

    p->audiences = token_compile_list(c, n, "audiences", "audience");
    while (list && (k = comp_next(c, list, k, "claim")))
        count++;
    if (list && !count)
        comp_error(c, list, NULL, "<required-claims> needs a <claim>");
    p->claims = comp_array(c, struct token_claim, count);
    while (p->claims && count && (k = comp_next(c, list, k, "claim")))
        compile_claim(c, k, &p->claims[p->n_claims++]);
}

/* ---- the token ---- */

/* One request's judgement. */
struct validation {
    struct rt *rt;
    const struct token_plan *plan;
    struct jwt jwt;
    const struct jwt_provider *providers[TOKEN_PROVIDERS_MAX];
    struct slice urls[TOKEN_PROVIDERS_MAX];
    unsigned n_providers;
    struct jwt_keys keys; /* of the policy itself */
    struct jwt_candidates candidates;
    const struct jwt_key *key; /* the one that signed */
};

/* Answer with a refusal. */
static enum verdict deny(struct rt *rt, const struct token_plan *p, const struct jwt_fault *why)
{
    struct rt_fault fault = { .reason = why->reason, .message = why->message };
    int64_t code;

    if (!why->message.p || rt->arena->overflow)
        return rt_fail_memory(rt);
    if (!rt_int(rt, &p->code, &code) || !rt_text(rt, &p->message, &fault.text))
        return VERDICT_FAIL;
    fault.status = (int)code;
    return rt_fail_fault(rt, NULL, &fault);
}

/* A second one is not passed over, as the backend may read that one: together they are no token. */
static struct slice with(struct rt *rt, struct slice before, struct slice value)
{
    return before.p ? rt_printf(rt, "%.*s,%.*s", SLICE_ARG(before), SLICE_ARG(value)) : value;
}

static struct slice query_value(struct rt *rt, struct slice name)
{
    struct slice rest = rt->request.url.query, found = SLICE_NONE;
    struct uri_pair pair;

    while (uri_query_next(&rest, &pair))
        if (uri_name_is(pair.name, name))
            found = with(rt, found, uri_unescape(rt->arena, pair.value));
    return found;
}

static struct slice header_value(struct rt *rt, struct slice name, uint32_t hash)
{
    const struct http_fields *f = &rt->request.fields;
    struct slice found = SLICE_NONE;

    for (uint32_t i = 0; i < f->n; i++)
        if (f->v[i].hash == hash && slice_eq_icase(f->v[i].name, name))
            found = with(rt, found, slice_trim(f->v[i].value));
    return found;
}

/* Cut "Scheme " off; false: it has another one, or none. */
static bool cut_scheme(struct slice *text, struct slice scheme)
{
    if (!slice_starts_icase(*text, scheme) || text->n == scheme.n || text->p[scheme.n] != ' ')
        return false;
    *text = slice_trim(slice_skip(*text, scheme.n + 1));
    return true;
}

/* The header's value without its scheme. require-scheme speaks of Authorization alone. */
static bool header_token(struct rt *rt, const struct token_plan *p, struct slice *out)
{
    struct slice name, scheme;
    uint32_t hash;

    if (!rt_name(rt, &p->header, &name, &hash) || !rt_text(rt, &p->scheme, &scheme))
        return false;
    *out = header_value(rt, name, hash);
    if (!out->n)
        return true;
    if (scheme.n && slice_eq_icase(name, SLICE("Authorization"))) {
        if (!cut_scheme(out, scheme))
            *out = SLICE_NONE;
        return true;
    }
    (void)cut_scheme(out, SLICE("Bearer"));
    return true;
}

/* out->n == 0: there is none. False: an expression failed. */
static bool find_token(struct rt *rt, const struct token_plan *p, struct slice *out)
{
    struct slice name;

    if (value_given(&p->header))
        return header_token(rt, p, out);
    if (value_given(&p->token))
        return rt_text(rt, &p->token, out);
    if (!rt_text(rt, &p->query, &name))
        return false;
    *out = query_value(rt, name);
    return true;
}

/* ---- keys of the policy ---- */

/* The literal and the computed keys of a list. False: an expression failed. */
static bool compute_keys(struct rt *rt, const struct token_keys *from, struct jwt_keys *out)
{
    struct jwt_key *keys;
    struct slice text;

    *out = from->literal;
    if (!from->n_computed)
        return true;
    keys = arena_array(rt->arena, struct jwt_key, from->literal.n + from->n_computed);
    if (!keys) {
        rt_fail_memory(rt);
        return false;
    }
    *out = (struct jwt_keys){ keys, 0 };
    for (; out->n < from->literal.n; out->n++)
        keys[out->n] = from->literal.v[out->n];
    for (uint32_t i = 0; i < from->n_computed; i++) {
        if (!rt_text(rt, &from->computed[i].secret, &text))
            return false;
        struct slice secret = crypto_base64_decode(rt->arena, text);
        if (!secret.n) {
            rt_fail(rt, NULL, "ExpressionValueEvaluationFailure", SLICE("<key>: the value is not base64"));
            return false;
        }
        jwt_key_from_secret(&keys[out->n++], from->computed[i].id, secret);
    }
    return true;
}

/* Off the carrier when there is a private key among them. */
static void work(struct rt *rt, bool long_winded, void (*fn)(void *arg), void *arg)
{
    if (long_winded && rt->host->work)
        rt->host->work(rt, fn, arg);
    else
        fn(arg);
}

struct decryption {
    struct arena *arena;
    struct slice token;
    struct jwt_keys keys;
    struct jwt_fault fault;
    bool ok;
};

static void decrypt(void *arg)
{
    struct decryption *d = arg;

    d->ok = jwe_open(d->arena, d->token, &d->keys, &d->token, &d->fault);
}

/* What an encrypted token holds takes its place. */
static enum verdict open_token(struct rt *rt, const struct token_plan *p, struct slice *token)
{
    struct decryption d = { .arena = rt->arena, .token = *token };
    bool has_private = false;

    if (!compute_keys(rt, &p->decryption, &d.keys))
        return VERDICT_FAIL;
    for (unsigned i = 0; i < d.keys.n; i++)
        has_private |= d.keys.v[i].kind == JWT_KEY_PRIVATE;
    work(rt, has_private, decrypt, &d);
    *token = d.token;
    return d.ok ? VERDICT_NEXT : deny(rt, p, &d.fault);
}

/* ---- providers ---- */

bool token_is_tenant(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
            return false;
    return s.n > 0;
}

struct slice token_entra_url(struct arena *a, struct slice tenant)
{
    return arena_printf(a, ENTRA "%.*s" ENTRA_CONFIG, SLICE_ARG(tenant));
}

static bool entra_url(struct rt *rt, const struct token_plan *p, struct slice *url)
{
    struct slice tenant;

    if (!rt_text(rt, &p->tenant, &tenant))
        return false;
    tenant = slice_trim(tenant);
    *url = token_entra_url(rt->arena, tenant);
    if (token_is_tenant(tenant))
        return true;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "tenant-id: \"%.*s\" is neither an id nor a domain", SLICE_ARG(tenant)));
    return false;
}

static bool provider_url(struct rt *rt, const struct token_plan *p, uint32_t i, struct slice *url)
{
    if (p->is_entra)
        return entra_url(rt, p, url);
    if (!rt_text(rt, &p->providers.v[i], url))
        return false;
    *url = slice_trim(*url);
    return true;
}

static void release_providers(struct validation *v)
{
    for (unsigned i = 0; i < v->n_providers; i++)
        if (v->providers[i])
            v->rt->host->provider_done(v->rt, v->providers[i]);
}

/* The snapshots that hold while this request is judged. False: an expression failed. */
static bool find_providers(struct validation *v)
{
    uint32_t n = v->plan->is_entra ? 1 : v->plan->providers.n;

    for (uint32_t i = 0; i < n; i++) {
        if (!provider_url(v->rt, v->plan, i, &v->urls[i]))
            return false;
        v->providers[i] = v->rt->host->provider(v->rt, v->urls[i], NULL);
        v->n_providers = i + 1;
    }
    return true;
}

/* Does any provider have newer keys? */
static bool renew_providers(struct validation *v)
{
    bool any = false;

    for (unsigned i = 0; i < v->n_providers; i++) {
        if (!v->providers[i])
            continue;
        const struct jwt_provider *newer = v->rt->host->provider(v->rt, v->urls[i], v->providers[i]);
        if (!newer)
            continue;
        v->rt->host->provider_done(v->rt, v->providers[i]);
        v->providers[i] = newer;
        any = true;
    }
    return any;
}

/* ---- signature ---- */

/* Whether there are any keys at all. */
static bool find_candidates(struct validation *v)
{
    struct jwt_keys lists[TOKEN_PROVIDERS_MAX + 1] = { v->keys };
    unsigned n = 1, keys = v->keys.n;

    for (unsigned i = 0; i < v->n_providers; i++)
        if (v->providers[i]) {
            keys += v->providers[i]->keys.n;
            lists[n++] = v->providers[i]->keys;
        }
    jwt_find_candidates(&v->jwt, lists, n, &v->candidates);
    return keys > 0;
}

static void try_keys(void *arg)
{
    struct validation *v = arg;

    for (unsigned i = 0; i < v->candidates.n && !v->key; i++)
        if (jwt_verify(&v->jwt, v->candidates.keys[i]))
            v->key = v->candidates.keys[i];
}

static bool verify_known(struct validation *v)
{
    struct jwt_mark mark;

    for (unsigned i = 0; i < v->candidates.n; i++) {
        jwt_cache_mark(&v->jwt, v->candidates.keys[i], &mark);
        if (jwt_cache_has(&mark))
            return true;
    }
    return false;
}

static bool verify(struct validation *v)
{
    struct jwt_mark mark;

    if (!v->candidates.n)
        return false;
    bool cheap = jwt_is_cheap(&v->jwt);
    if (!cheap && verify_known(v))
        return true;
    work(v->rt, !cheap, try_keys, v);
    if (cheap || !v->key)
        return v->key != NULL;
    jwt_cache_mark(&v->jwt, v->key, &mark);
    jwt_cache_add(&mark);
    return true;
}

static enum verdict check_signature(struct validation *v)
{
    struct rt *rt = v->rt;
    struct jwt_fault fault;
    bool required;

    if (!rt_bool(rt, &v->plan->require_signature, &required) || !compute_keys(rt, &v->plan->signing, &v->keys))
        return VERDICT_FAIL;
    if (!required && !v->jwt.signature.n)
        return VERDICT_NEXT;
    bool any_keys = find_candidates(v);
    if (v->candidates.id_unknown && renew_providers(v))
        any_keys = find_candidates(v);
    if (verify(v))
        return VERDICT_NEXT;
    jwt_signature_fault(rt->arena, &v->jwt, &v->candidates, any_keys, &fault);
    return deny(rt, v->plan, &fault);
}

/* ---- what it says ---- */

static enum verdict check_lifetime(struct validation *v)
{
    struct jwt_lifetime lifetime = { .now_ns = v->rt->host->wall(v->rt) };
    struct jwt_fault fault;

    if (!rt_bool(v->rt, &v->plan->require_expiration, &lifetime.require_expiration) ||
        !rt_int(v->rt, &v->plan->skew, &lifetime.skew_s))
        return VERDICT_FAIL;
    return jwt_check_lifetime(v->rt->arena, &v->jwt, &lifetime, &fault) ? VERDICT_NEXT : deny(v->rt, v->plan, &fault);
}

/* Texts of vs with room for `more` behind them. NULL: rt_fail was called. */
static struct slice *texts_of(struct rt *rt, const struct values *vs, size_t more)
{
    struct slice *texts = arena_array(rt->arena, struct slice, vs->n + more);

    if (!texts)
        rt_fail_memory(rt);
    return texts && rt_texts(rt, vs, texts) ? texts : NULL;
}

static enum verdict check_audience(struct validation *v)
{
    struct slice *allowed = texts_of(v->rt, &v->plan->audiences, 0);
    struct jwt_fault fault;

    if (!allowed)
        return VERDICT_FAIL;
    if (!v->plan->audiences.n || jwt_check_audience(v->rt->arena, &v->jwt, allowed, v->plan->audiences.n, &fault))
        return VERDICT_NEXT;
    return deny(v->rt, v->plan, &fault);
}

/* The issuer of a tenant's older tokens, from that of the newer ones. */
static struct slice entra_older_issuer(struct rt *rt, struct slice issuer)
{
    static const struct slice before = SLICE_INIT(ENTRA), after = SLICE_INIT("/v2.0");

    if (!slice_starts(issuer, before) || !slice_ends(issuer, after) || issuer.n <= before.n + after.n)
        return issuer;
    return rt_printf(rt, "https://sts.windows.net/%.*s/", SLICE_ARG(slice_sub(issuer, before.n, issuer.n - after.n)));
}

static enum verdict check_issuer(struct validation *v)
{
    struct slice *allowed = texts_of(v->rt, &v->plan->issuers, 2 * TOKEN_PROVIDERS_MAX);
    size_t n = v->plan->issuers.n;
    struct jwt_fault fault;

    if (!allowed)
        return VERDICT_FAIL;
    for (unsigned i = 0; i < v->n_providers; i++) {
        if (!v->providers[i])
            continue;
        allowed[n++] = v->providers[i]->issuer;
        if (v->plan->is_entra)
            allowed[n++] = entra_older_issuer(v->rt, v->providers[i]->issuer);
    }
    bool unchecked = n == 0 && v->n_providers == 0;
    if (unchecked || jwt_check_issuer(v->rt->arena, &v->jwt, allowed, n, &fault))
        return VERDICT_NEXT;
    return deny(v->rt, v->plan, &fault);
}

/* Tokens of version 1.0 name the client in "appid", later ones in "azp". */
static enum verdict check_client(struct validation *v)
{
    struct slice version = json_str(json_get(v->jwt.payload, "ver"));
    bool old = slice_eq(version, SLICE("1.0")) || (!version.p && json_get(v->jwt.payload, "appid"));
    struct jwt_required required = { .name = old ? SLICE("appid") : SLICE("azp"), .any = true, .n = v->plan->clients.n };
    struct jwt_fault fault;

    if (!required.n)
        return VERDICT_NEXT;
    required.values = texts_of(v->rt, &v->plan->clients, 0);
    if (!required.values)
        return VERDICT_FAIL;
    return jwt_check_claims(v->rt->arena, &v->jwt, &required, 1, &fault) ? VERDICT_NEXT : deny(v->rt, v->plan, &fault);
}

static bool evaluate_claim(struct rt *rt, const struct token_claim *claim, struct jwt_required *out)
{
    int match;

    if (!rt_text(rt, &claim->name, &out->name) || !rt_enum(rt, &claim->match, &match) || !rt_text(rt, &claim->separator, &out->separator))
        return false;
    out->any = match == MATCH_ANY;
    out->n = claim->values.n;
    out->values = texts_of(rt, &claim->values, 0);
    return out->values != NULL;
}

static enum verdict check_claims(struct validation *v)
{
    struct rt *rt = v->rt;
    struct jwt_required *required = arena_array(rt->arena, struct jwt_required, v->plan->n_claims);
    struct jwt_fault fault;

    if (!required)
        return rt_fail_memory(rt);
    for (uint32_t i = 0; i < v->plan->n_claims; i++)
        if (!evaluate_claim(rt, &v->plan->claims[i], &required[i]))
            return VERDICT_FAIL;
    return jwt_check_claims(rt->arena, &v->jwt, required, v->plan->n_claims, &fault) ? VERDICT_NEXT : deny(rt, v->plan, &fault);
}

static enum verdict validate(struct validation *v)
{
    static enum verdict (*const checks[])(struct validation *) = { check_signature, check_lifetime, check_audience,
                                                                   check_issuer,    check_client,   check_claims };

    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        enum verdict verdict = checks[i](v);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return v->rt->arena->overflow ? rt_fail_memory(v->rt) : VERDICT_NEXT;
}

enum verdict token_run(struct rt *rt, const void *plan)
{
    const struct token_plan *p = plan;
    struct validation v = { .rt = rt, .plan = p };
    struct jwt_fault fault = { "TokenNotPresent", SLICE("JWT not present.") };
    struct slice text;

    if ((p->is_entra || p->providers.n) && !rt->host->provider)
        return rt_unavailable(rt, "look up OpenID Connect providers");
    if (!find_token(rt, p, &text))
        return VERDICT_FAIL;
    enum verdict verdict = jwe_is(text) ? open_token(rt, p, &text) : VERDICT_NEXT;
    if (verdict != VERDICT_NEXT)
        return verdict;
    if (!text.n || !jwt_parse(rt->arena, text, &v.jwt, &fault))
        return deny(rt, p, &fault);
    verdict = find_providers(&v) ? validate(&v) : VERDICT_FAIL;
    release_providers(&v);
    if (verdict != VERDICT_NEXT || !p->variable.n)
        return verdict;
    return rt_set_variable(rt, p->variable, expr_value_from_jwt(rt->arena, text)) ? VERDICT_NEXT : VERDICT_FAIL;
}
