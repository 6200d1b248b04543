/* The context's lists, dictionaries, tokens and credentials, over a context in JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "policy/expr/batch.h"
#include "policy/expr/expr.h"

static const char context[] =
    "{\"api\":{\"id\":\"a\",\"serviceUrl\":\"https://svc:8443/base?x=1\",\"protocols\":[\"http\",\"https\"]},"
    "\"user\":{\"id\":\"u\",\"groups\":[{\"id\":\"g1\",\"name\":\"G1\"},{\"id\":\"g2\",\"name\":\"G2\"}],"
    "\"identities\":[{\"id\":\"i\",\"provider\":\"Basic\"}]},"
    "\"product\":{\"id\":\"p\",\"apis\":[{\"id\":\"a1\",\"name\":\"A1\"}],\"state\":\"notPublished\"},"
    "\"request\":{\"method\":\"POST\",\"url\":\"https://h:444/p?x=1&Y=a+b%20c%C3%A9&x=2\","
    "\"headers\":{\"A\":\"1\",\"B\":[\"2\",\"3\"],\"a\":\"4\"},\"matchedParameters\":{\"id\":\"42\",\"k\":\"v\"},\"body\":\"a=1&b=x+y&a=2\"},"
    "\"response\":{\"body\":\"\\ufeff[1]\"},"
    "\"variables\":{\"n\":1,\"t\":\"x\"}}";

#define HEAD "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9"
/* {"iss":"https://i","aud":["a","b"],"sub":"s","exp":1700000000,"roles":["r1","r2"],"admin":true,"n":1.50,"o":{"x":[1]}} */
#define BODY "eyJpc3MiOiJodHRwczovL2kiLCJhdWQiOlsiYSIsImIiXSwic3ViIjoicyIsImV4cCI6MTcwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJhZG1p" \
             "biI6dHJ1ZSwibiI6MS41MCwibyI6eyJ4IjpbMV19fQ"
#define JWT HEAD "." BODY ".c2ln"

static const struct {
    const char *expr, *want; /* part of the line */
} cases[] = {
    { "context.User.Groups.Select(g => g.Id + g.Name)", "[\\\"g1G1\\\",\\\"g2G2\\\"]" },
    { "context.User.Identities.First().Provider", "\"Basic\"" },
    { "context.Product.Apis.First().Name + context.Product.State", "\"A1NotPublished\"" },
    { "context.Product.Groups.Any()", "\"false\"" },
    { "context.Api.ServiceUrl.Host + context.Api.ServiceUrl.Port + context.Api.ServiceUrl", "\"svc8443https://svc:8443/base?x=1\"" },
    { "context.Api.Protocols", "[\\\"http\\\",\\\"https\\\"]" },
    { "context.Api.SubscriptionKeyParameterNames.Query", "\"subscription-key\"" },
    { "context.Workspace == null", "\"true\"" },
    { "context.Request.Headers", "{\\\"A\\\":[\\\"1\\\",\\\"4\\\"],\\\"B\\\":[\\\"2\\\",\\\"3\\\"]}" },
    { "context.Request.Headers.Count + context.Request.Headers.Keys.Last()", "\"2B\"" },
    { "@{ string[] v; return context.Request.Headers.TryGetValue(\"b\", out v) ? v[1] : \"none\"; }", "\"3\"" },
    { "@{ string[] v; return context.Request.Headers.TryGetValue(\"c\", out v) || v != null; }", "\"false\"" },
    { "@{ foreach (var h in context.Request.Headers) { if (h.Key == \"B\") return h.Value.Length; } return 0; }", "\"2\"" },
    { "((IReadOnlyDictionary<string,string[]>)context.Request.Headers)[\"B\"].Length", "\"2\"" },
    { "context.Request.Headers[\"none\"]", "System.Collections.Generic.KeyNotFoundException" },
    { "context.Request.MatchedParameters", "{\\\"id\\\":\\\"42\\\",\\\"k\\\":\\\"v\\\"}" },
    { "@{ string v; return context.Request.MatchedParameters.TryGetValue(\"K\", out v) ? v : \"none\"; }", "\"v\"" },
    { "context.Variables", "{\\\"n\\\":1,\\\"t\\\":\\\"x\\\"}" },
    { "context.Variables.Count + string.Join(\"\", context.Variables.Values)", "\"21x\"" },
    { "context.Request.Url.Query.GetValueOrDefault(\"y\")", "\"a b c\xc3\xa9\"" },
    { "context.Request.Url.Query.GetValueOrDefault(\"X\", \"d\")", "\"1,2\"" },
    { "context.Request.Url.Query.GetValueOrDefault(\"Z\", \"d\")", "\"d\"" },
    { "context.Request.Url.Query[\"x\"][1]", "\"2\"" },
    { "context.Request.Body.AsFormUrlEncodedContent()[\"a\"][1]", "\"2\"" },
    { "context.Request.Body.AsFormUrlEncodedContent().ToQueryString()", "\"?a=1&a=2&b=x%20y\"" },
    { "context.Request.Body.AsFormUrlEncodedContent().ToFormUrlEncodedContent()", "\"a=1&a=2&b=x%20y\"" },
    { "context.Response.Body.AsJArray()", "\"[1]\"" },
    { "context.Response.Body.AsJObject()", "Newtonsoft.Json.JsonReaderException" },
    { "new Dictionary<string,int>{{\"a\",1}}.GetValueOrDefault(\"b\", 7)", "\"7\"" },
    { "new Dictionary<string,string>{{\"a\",\"x\"}}.GetValueOrDefault(\"a\")", "\"x\"" },
    { "\"Basic dTpwOnE=\".AsBasic().UserId", "\"u:p\"" },
    { "\"Basic dTpwOnE=\".AsBasic().Password", "\"q\"" },
    { "\"basic dTpwOnE=\".AsBasic() == null", "\"true\"" },
    { "\"Basic OnA=\".AsBasic() == null", "\"true\"" },
    { "@{ BasicAuthCredentials c; return \"Basic dTpw\".TryParseBasic(out c) ? c.UserId : null; }", "\"u\"" },
    { "\"Bearer " JWT "\".AsJwt().Issuer", "\"https://i\"" },
    { "\"" JWT "\".AsJwt().Claims.GetValueOrDefault(\"roles\", \"\")", "\"r1,r2\"" },
    { "\"" JWT "\".AsJwt().Claims[\"o\"][0] + \"" JWT "\".AsJwt().Claims[\"admin\"][0]", "\"{\\\"x\\\":[1]}true\"" },
    { "\"" JWT "\".AsJwt().Audiences", "[\\\"a\\\",\\\"b\\\"]" },
    { "\"" JWT "\".AsJwt().ExpirationTime", "System.DateTime" },
    { "\"" JWT "\".AsJwt().NotBefore == null", "\"true\"" },
    { "@{ Jwt jwt; return \"bearer " JWT "\".TryParseJwt(out jwt) ? jwt.Subject + jwt.Algorithm : null; }", "\"sRS256\"" },
    { "\"" HEAD "\".AsJwt() == null", "\"true\"" },
    { "\"" HEAD ".e30\".AsJwt().Claims.Count", "\"0\"" },
    { "\"" HEAD ".!!.x\".AsJwt() == null && \"Basic " JWT "\".AsJwt() == null && ((string)null).AsJwt() == null", "\"true\"" },
};

static void tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena a;
        struct buf out;

        arena_init_growing(&a, 1 << 22);
        buf_init(&out, &a);
        expr_batch_one(&a, slice_from(cases[i].expr), slice_from(context), &out);
        if (slice_find(buf_slice(&out), slice_from(cases[i].want)) < 0)
            fail_msg("%s: %.*s, not %s", cases[i].expr, SLICE_ARG(buf_slice(&out)), cases[i].want);
        arena_free(&a);
    }
}

/* What policies hand to expressions: a Jwt of validate-jwt, an Authorization; both can be kept elsewhere. */
static void from_c(void **state)
{
    struct arena a, to;
    struct expr_value v, copy;

    (void)state;
    arena_init_growing(&a, 1 << 20);
    arena_init_growing(&to, 1 << 20);
    v = expr_value_from_jwt(&a, SLICE(JWT));
    assert_false(expr_value_is_null(v));
    assert_true(expr_value_copy(&to, v, &copy));
    assert_true(slice_eq(expr_value_type_name(&to, copy), SLICE("Holdfast.Jwt")));
    assert_true(expr_value_is_null(expr_value_from_jwt(&a, SLICE("a.b"))));
    v = expr_value_from_authorization(&a, SLICE("token"));
    assert_true(slice_eq(expr_value_type_name(&a, v), SLICE("Holdfast.Authorization")));
    arena_free(&a);
    arena_free(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tree), cmocka_unit_test(from_c) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
