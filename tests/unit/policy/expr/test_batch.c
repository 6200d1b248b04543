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
    bool ok;

    arena_init_growing(&a, 1 << 22);
    buf_init(&out, &a);
    ok = expr_batch_one(&a, slice_from(expr), slice_from(context), &out);
    assert_int_equal(ok, slice_find(slice_from(want), SLICE("\"error\"")) < 0);
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
    line("[", "{\"error\":\"BadLine\",\"message\":\"line 1 column 2: unexpected end of data\"}\n");
}

static void defaults(void **state)
{
    (void)state;
    one("context.Request.Method + context.Request.Url", "", "\"GEThttp://localhost/\"");
    one("context.Api == null && context.Response == null && context.Request.Body == null", "{}", "\"true\"");
    one("context.Request.IpAddress", "", "\"127.0.0.1\"");
    one("context.Api.Id", "", "{\"error\":\"System.NullReferenceException\"");
    one("1", "[]", "{\"error\":\"BadContext\",\"message\":\"not an object\"}");
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
    one("1", "{\"variables\":{\"a\":{\"expr\":\"@(int.Parse(\\\"x\\\"))\"}}}", "{\"error\":\"BadContext\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(defaults), cmocka_unit_test(described) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
