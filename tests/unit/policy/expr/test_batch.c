/* eval: lines in, lines out, and the context a document describes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "policy/expr/batch.h"

static void line(const char *in, const char *want)
{
    struct arena a;
    struct buf out;

    arena_init_growing(&a, 1 << 22);
    buf_init(&out, &a);
    expr_batch_line(&a, slice_from(in), &out);
    if (!slice_eq(buf_slice(&out), slice_from(want)))
        fail_msg("%s: %.*s", in, SLICE_ARG(buf_slice(&out)));
    arena_free(&a);
}

static void one(const char *expr, const char *context, const char *want)
{
    struct arena a;
    struct buf out;
    enum expr_batch_result result;

    arena_init_growing(&a, 1 << 22);
    buf_init(&out, &a);
    result = expr_batch_one(&a, slice_from(expr), slice_from(context), &out);
    assert_int_equal(result, slice_find(slice_from(want), SLICE("\"error\"")) < 0 ? EXPR_BATCH_VALUE : EXPR_BATCH_RAISED);
    if (slice_find(buf_slice(&out), slice_from(want)) < 0)
        fail_msg("%s: %.*s, not %s", expr, SLICE_ARG(buf_slice(&out)), want);
    arena_free(&a);
}

static void lines(void **state)
{
    (void)state;
    line("{\"id\":\"a\",\"expr\":\"@(1 + 1)\"}", "{\"id\":\"a\",\"type\":\"System.Int32\",\"value\":\"2\"}\n");
    line("{\"id\":7,\"expr\":\"null\"}", "{\"id\":7,\"type\":null,\"value\":\"null\"}\n");
    line("{\"id\":1,\"expr\":\"1 // one\"}", "{\"id\":1,\"type\":\"System.Int32\",\"value\":\"1\"}\n");
    line("{\"id\":1,\"expr\":\"@{ return \\\"\\\\\\\"\\\" + '\\\\ud83d'; }\"}",
         "{\"id\":1,\"type\":\"System.String\",\"value\":\"\\\"\\ud83d\"}\n");
    line("{\"id\":1,\"expr\":\"@(1 + )\"}",
         "{\"id\":1,\"error\":\"CompileError\",\"message\":\"1:7: an expression expected at the end\"}\n");
    line("{\"id\":1,\"expr\":\"@{ throw new Exception(\\\"no\\\"); }\"}", "{\"id\":1,\"error\":\"System.Exception\",\"message\":\"no\"}\n");
    line("{\"id\":1}", "{\"id\":1,\"error\":\"BadLine\",\"message\":\"expr: not a string\"}\n");
    line("{\"expr\":\"2\"}", "{\"id\":null,\"type\":\"System.Int32\",\"value\":\"2\"}\n");
    line("[", "{\"id\":null,\"error\":\"BadLine\",\"message\":\"line 1 column 2: unexpected end of data\"}\n");
}

static void defaults(void **state)
{
    (void)state;
    one("context.Request.Method + context.Request.Url", "", "\"GEThttp://localhost/\"");
    one("context.Api == null && context.Response == null && context.Request.Body == null", "{}", "\"true\"");
    one("context.Request.IpAddress", "", "\"127.0.0.1\"");
    one("context.Api.Id", "", "{\"error\":\"System.NullReferenceException\"");
}

static void described(void **state)
{
    static const char context[] =
        "{\"api\":{\"id\":\"a\"},\"user\":{\"id\":\"u\",\"firstName\":\"F\"},\"lastError\":{\"source\":\"s\"},"
        "\"request\":{\"method\":\"POST\",\"url\":\"https://h:444/p/q?x=1\",\"originalUrl\":\"/o\","
        "\"headers\":{\"A\":\"1\",\"B\":[\"2\",\"3\"]},\"matchedParameters\":{\"id\":\"42\"},\"body\":{\"base64\":\"eyJhIjp0cnVlfQ==\"}},"
        "\"response\":{\"statusCode\":404,\"body\":\"text\"},\"timestamp\":\"2024-02-29T23:00:00.5+01:00\","
        "\"variables\":{\"n\":1,\"d\":1.5,\"t\":\"x\",\"l\":5000000000,\"o\":{\"a\":[1]},\"e\":{\"expr\":\"@((int)context.Variables[\\\"n\\\"] + 1)\"}},"
        "\"namedValues\":{\"nv\":\"7\"}}";

    (void)state;
    one("context.Api.Id + context.User.FirstName + context.LastError.Source", context, "\"aFs\"");
    one("context.Request.Method + context.Request.Url + context.Request.OriginalUrl", context,
        "\"POSThttps://h:444/p/q?x=1http://localhost/o\"");
    one("context.Request.Headers.GetValueOrDefault(\"b\")", context, "\"2,3\"");
    one("context.Request.MatchedParameters[\"ID\"]", context, "\"42\"");
    one("context.Request.Body.As<JObject>()[\"a\"]", context, "\"true\"");
    one("@{ context.Response.Body.As<string>(); return context.Response.Body.As<string>(); }", context,
        "{\"error\":\"System.InvalidOperationException\"");
    one("context.Response.StatusCode", context, "\"404\"");
    one("context.Timestamp", context, "\"System.DateTime\"");
    one("context.Variables[\"n\"]", context, "\"System.Int32\"");
    one("context.Variables[\"d\"]", context, "\"System.Double\",\"value\":\"1.5\"");
    one("context.Variables[\"l\"]", context, "\"System.Int64\"");
    one("((JObject)context.Variables[\"o\"])[\"a\"]", context, "\"value\":\"[1]\"");
    one("context.Variables[\"e\"]", context, "\"2\"");
    one("{{nv}} + 1", context, "\"8\"");
    one("context.Deployment.Gateway.Id + context.Deployment.GatewayId", "{\"deployment\":{\"gatewayId\":\"g\"}}", "\"gg\"");
    one("context.Request.Headers.GetValueOrDefault(\"n\") + context.Api.Revision", "{\"request\":{\"headers\":{\"N\":5}},\"api\":{\"id\":\"a\",\"revision\":2}}", "\"52\"");
    one("context.User == null && context.Request.Body == null", "{\"user\":null,\"request\":{\"body\":null,\"url\":null}}", "\"true\"");
}

/* Line and column are those of the text as given. */
static void positions(void **state)
{
    static const char values[] = "{\"namedValues\":{\"code\":\"1 +\\n 2\",\"quoted\":\"\\\"a\\\"\",\"bad\":\"1 +* 2\",\"brace\":\"}\"}}";

    (void)state;
    one("{{code}} + {{quoted}} + \"{{code}}\".Length", "{\"namedValues\":{\"code\":\"1 + 2\",\"quoted\":\"\\\"a\\\"\"}}", "\"3a5\"");
    one("@{ return {{quoted}} + \"{{brace}}\"; }", values, "\"a}\"");
    one("1 + x", values, "\"error\":\"CompileError\",\"message\":\"1:5: the name 'x' is not known\"");
    one("@(1 + x)", values, "\"error\":\"CompileError\",\"message\":\"1:7: the name 'x' is not known\"");
    one("{{code}} + x", values, "\"error\":\"CompileError\",\"message\":\"1:12: the name 'x' is not known\"");
    one("@{ var other = {{code}};\n  return {{code}} + x; }", values, "\"error\":\"CompileError\",\"message\":\"2:21: the name 'x' is not known");
    one("1 + {{bad}} + 2", values, "\"error\":\"CompileError\",\"message\":\"1:5: an expression expected before '*'\"");
    one("2 + {{missing}}", values, "\"error\":\"CompileError\",\"message\":\"1:5: named value 'missing' is not known: give it in namedValues\"");
    one("\"{{missing}}\"", values, "\"{{missing}}\"");
    one("1 +", values, "\"error\":\"CompileError\",\"message\":\"1:4: an expression expected at the end\"");
}

static void refused(void **state)
{
    static const struct {
        const char *context, *want;
    } cases[] = {
        { "[]", "not an object" },
        { "null", "not an object" },
        { "{", "line 1 column 2: unexpected end of data" },
        { "{\"bogus\":1}", "bogus: unknown" },
        { "{\"reqest\":{}}", "reqest: unknown: did you mean 'request'?" },
        { "{\"Request\":{}}", "Request: unknown: did you mean 'request'?" },
        { "{\"request\":{\"header\":{}}}", "request.header: unknown: did you mean 'headers'?" },
        { "{\"api\":{\"subscriptionKeyParameterNames\":{\"cookie\":\"x\"}}}", "api.subscriptionKeyParameterNames.cookie: unknown" },
        { "{\"request\":\"x\"}", "request: \"x\": expected an object" },
        { "{\"api\":{\"id\":{}}}", "api.id: {}: expected a text" },
        { "{\"request\":{\"url\":5}}", "request.url: 5: expected a URL with http:// or https://, or a path" },
        { "{\"request\":{\"url\":\"not a url\"}}", "request.url: \"not a url\": expected a URL with http:// or https://, or a path" },
        { "{\"request\":{\"headers\":\"x\"}}", "request.headers: \"x\": expected an object of texts and lists of texts" },
        { "{\"request\":{\"headers\":{\"a\":{}}}}", "request.headers: {\"a\":{}}: expected an object of texts and lists of texts" },
        { "{\"request\":{\"body\":{\"base64\":\"@@\"}}}", "request.body: {\"base64\":\"@@\"}: expected base64" },
        { "{\"request\":{\"matchedParameters\":[\"a\"]}}", "request.matchedParameters: [\"a\"]: expected an object of texts" },
        { "{\"response\":{\"statusCode\":\"200\"}}", "response.statusCode: \"200\": expected a whole number" },
        { "{\"response\":{\"statusCode\":200.5}}", "response.statusCode: 200.5: expected a whole number" },
        { "{\"tracing\":\"yes\"}", "tracing: \"yes\": expected true or false" },
        { "{\"timestamp\":\"yesterday\"}", "timestamp: \"yesterday\": expected a time as 2024-01-31T12:00:00Z" },
        { "{\"timestamp\":\"2024-01-31 12:00:00\"}", "timestamp: \"2024-01-31 12:00:00\": expected a time as 2024-01-31T12:00:00Z" },
        { "{\"requestId\":\"zz\"}", "requestId: \"zz\": expected a GUID" },
        { "{\"user\":{\"groups\":5}}", "user.groups: 5: expected a list" },
        { "{\"variables\":[1]}", "variables: [1]: expected an object" },
        { "{\"namedValues\":{\"a\":[]}}", "namedValues: {\"a\":[]}: expected an object of texts" },
        { "{\"variables\":{\"a\":{\"expr\":\"@(1 / (int)context.Variables[\\\"b\\\"])\"}}}",
          "variables.a: System.Collections.Generic.KeyNotFoundException: The given key 'b' was not present in the dictionary." },
        { "{\"variables\":{\"a\":{\"expr\":\"@(x)\"}}}", "variables.a: 1:3: the name 'x' is not known" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a;
        struct buf out;

        arena_init_growing(&a, 1 << 22);
        buf_init(&out, &a);
        assert_int_equal(expr_batch_one(&a, SLICE("1"), slice_from(cases[i].context), &out), EXPR_BATCH_BAD_CONTEXT);
        if (!slice_eq(buf_slice(&out), slice_from(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].context, SLICE_ARG(buf_slice(&out)));
        arena_free(&a);
    }
    line("{\"id\":1,\"expr\":\"1\",\"context\":{\"x\":1}}", "{\"id\":1,\"error\":\"BadContext\",\"message\":\"x: unknown\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(defaults), cmocka_unit_test(described), cmocka_unit_test(refused), cmocka_unit_test(positions) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
