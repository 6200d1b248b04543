/* policy/run, fault: how scopes compose, what a failure answers byte for byte, what runs after it. */
#include "tests/unit/policy/rig.h"

#define MARK(x) "<set-header name='Marks' exists-action='append'><value>" x "</value></set-header>"
#define IN(x) "<policies><inbound>" x "</inbound></policies>"

/* ---- composing ---- */

static void test_base_in_order(void **state)
{
    rig_global(IN(MARK("global")));
    rig_product(IN(MARK("p1") "<base/>" MARK("p2")));
    rig_api(IN("<base/>" MARK("api")));
    rig_operation(IN(MARK("o1") "<base/>" MARK("o2")));
    rig_run();
    assert_field(&rig.rt.request, "Marks", "o1,p1,global,p2,api,o2");
    assert_int_equal(rig.forwarded, 1);
}

static void test_without_base(void **state)
{
    rig_global(IN(MARK("global")));
    rig_api(IN(MARK("api")));
    rig_operation(IN("<base/>" MARK("op")));
    rig_run();
    assert_field(&rig.rt.request, "Marks", "api,op");
}

static void test_absent_section_is_base(void **state)
{
    rig_global(IN(MARK("global")));
    rig_operation("<policies><outbound/></policies>");
    rig_run();
    assert_field(&rig.rt.request, "Marks", "global");
    assert_int_equal(rig.forwarded, 1);
}

static void test_base_twice_and_nested(void **state)
{
    rig_global(IN(MARK("g")));
    rig_operation(IN("<base/><choose><when condition='true'><base/></when></choose>" MARK("o")));
    rig_run();
    assert_field(&rig.rt.request, "Marks", "g,g,o");
}

static void test_no_document_forwards(void **state)
{
    rig.answer_body = "hello";
    rig_run();
    assert_int_equal(rig.forwarded, 1);
    assert_response(200, "hello");
    assert_string_equal(rig.sent_url, "https://backend.example/base/");
}

static void test_empty_backend_does_not_forward(void **state)
{
    rig_operation("<policies><backend/></policies>");
    rig_run();
    assert_int_equal(rig.forwarded, 0);
    assert_response(200, "");
}

static void test_base_of_the_global_document(void **state)
{
    rig_global("<policies><backend><base/></backend></policies>");
    rig_run();
    assert_int_equal(rig.forwarded, 1);
}

static void test_sections_in_order(void **state)
{
    rig_operation("<policies><inbound>" MARK("in") "</inbound><backend>" MARK(
        "back") "<forward-request/></backend><outbound>" MARK("out") "</outbound><on-error>" MARK("err") "</"
                                                                                                         "on-"
                                                                                                         "err"
                                                                                                         "or>"
                                                                                                         "</"
                                                                                                         "pol"
                                                                                                         "ici"
                                                                                                         "es"
                                                                                                         ">");
    rig.answer_fields = "Marks: backend";
    rig_run();
    assert_field(&rig.rt.request, "Marks", "in,back");
    assert_field(&rig.rt.response, "Marks", "backend,out");
}

/* ---- failing ---- */

static void test_internal_error_body(void **state)
{
    rig.status = 0;
    rig_run();
    assert_response(500, "{ \"statusCode\": 500, \"message\": \"Internal server error\", \"activityId\": "
                         "\"11112222-3333-4444-5555-666677778888\" }");
    assert_field(&rig.rt.response, "Content-Type", "application/json");
    assert_last_error("forward-request", "BackendConnectionFailure", "connection refused");
    assert_slice(rig.rt.error.section, "backend");
    assert_slice(rig.rt.error.scope, "global");
    assert_slice(rig.rt.error.path, "forward-request");
}

static void test_refused_bodies(void **state)
{
    /* The sizes are those of public captures (policies.md, appendix A 1). */
    static const struct {
        const char *source, *reason, *text, *body;
        int status;
        size_t bytes;
    } cases[] = {
        { "authorization", "SubscriptionKeyNotFound",
          "Access denied due to missing subscription key. Make sure to include subscription key when making "
          "requests to an API.",
          "{ \"statusCode\": 401, \"message\": \"Access denied due to missing subscription key. Make sure to "
          "include subscription "
          "key when making requests to an API.\" }",
          401, 152 },
        { "authorization", "SubscriptionKeyInvalid",
          "Access denied due to invalid subscription key. Make sure to provide a valid key for an active "
          "subscription.",
          "{ \"statusCode\": 401, \"message\": \"Access denied due to invalid subscription key. Make sure to "
          "provide a valid key "
          "for an active subscription.\" }",
          401, 143 },
        { "configuration", "OperationNotFound", "Resource not found",
          "{ \"statusCode\": 404, \"message\": \"Resource not found\" }", 404, 54 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct rt_fault fault = {
            .status = cases[i].status,
            .status_reason = "Access Denied",
            .reason = cases[i].reason,
            .message = SLICE("for LastError"),
            .text = slice_from(cases[i].text),
            .header = SLICE("WWW-Authenticate"),
            .header_value = SLICE("Key x"),
        };
        rig_request("GET", "/", "", NULL);
        policy_run_refused(&rig.rt, cases[i].source, &fault);
        assert_response(cases[i].status, cases[i].body);
        assert_int_equal(strlen(cases[i].body), cases[i].bytes);
        assert_slice(rig.rt.response.reason, "Access Denied");
        assert_field(&rig.rt.response, "WWW-Authenticate", "Key x");
        assert_last_error(cases[i].source, cases[i].reason, "for LastError");
    }
}

/* A browser may read a refusal if it may read the answer; cors policies cannot turn it into one. */
static void test_refused_with_cors(void **state)
{
    static const struct rt_fault fault = { .status = 401, .reason = "R", .message = SLICE_INIT("M") };
    static const char *const origins[] = { "http://a.example", "http://b.example" };

    rig_api(IN("<cors allow-credentials='true'><allowed-origins><origin>http://a.example</origin></allowed-origins>"
               "<allowed-headers><header>*</header></allowed-headers></cors>" MARK("api")));
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        char fields[64];
        snprintf(fields, sizeof fields, "Origin: %s", origins[i]);
        rig_request("GET", "/", fields, NULL);
        rig.rt.pipeline = policy_compose(&rig.program, rig.documents, 4);
        policy_run_refused(&rig.rt, "authorization", &fault);
        assert_response(401, "{ \"statusCode\": 401, \"message\": \"M\" }");
        assert_last_error("authorization", "R", "M");
        assert_slice(rig.rt.error.path, "");
        assert_field(&rig.rt.response, "Vary", "Origin");
        assert_field(&rig.rt.response, "Access-Control-Allow-Origin", i ? NULL : origins[0]);
        assert_field(&rig.rt.request, "Marks", NULL);
    }
}

static void test_message_is_escaped(void **state)
{
    const struct rt_fault fault = { .status = 400, .reason = "R", .message = SLICE("a \"b\" \\ \n") };

    policy_run_refused(&rig.rt, "configuration", &fault);
    assert_response(400, "{ \"statusCode\": 400, \"message\": \"a \\\"b\\\" \\\\ \\n\" }");
}

static void test_failure_jumps_to_on_error(void **state)
{
    rig_global("<policies><on-error>" MARK("global") "</on-error></policies>");
    rig_operation(
        "<policies><inbound>" MARK("in") "</inbound><outbound>" MARK("out") "</outbound><on-error>" MARK(
            "o1") "<base/>"
                  "<set-status code='418' reason='Teapot'/>" MARK("o2") "</on-error></policies>");
    rig.status = 0;
    rig_run();
    assert_int_equal(rig.rt.response.status, 418);
    assert_slice(rig.rt.response.reason, "Teapot");
    assert_field(&rig.rt.response, "Marks", "o1,global,o2");
    assert_slice(rig.rt.error.section, "backend");
}

static void test_return_in_on_error(void **state)
{
    rig_on_error("<return-response><set-status code='204'/></return-response>" MARK("not run"));
    rig.status = 0;
    rig_run();
    assert_response(204, "");
    assert_field(&rig.rt.response, "Marks", NULL);
    assert_field(&rig.rt.response, "Content-Type", NULL);
}

static void test_failure_in_on_error(void **state)
{
    rig_on_error(
        MARK("first") "<set-header "
                      "name='A'><value>@(context.Variables[\"no\"].ToString())</value></set-header>" MARK(
                          "second"));
    rig.status = 0;
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_field(&rig.rt.response, "Marks", NULL);
    assert_last_error("set-header", "ExpressionValueEvaluationFailure", "Expression evaluation failed.");
    assert_slice(rig.rt.error.section, "on-error");
}

static void test_failure_in_outbound_replaces_the_answer(void **state)
{
    rig_outbound("<set-status code='@(int.Parse(\"x\"))'/>");
    rig.answer_body = "secret";
    rig.answer_fields = "X-Backend: 1";
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_field(&rig.rt.response, "X-Backend", NULL);
    assert_int_equal(rig.rt.response.body.state, RT_BODY_SLICE);
}

static void test_last_error_in_expressions(void **state)
{
    rig_on_error(
        "<set-header name='E'><value>@(context.LastError.Source + \"|\" + context.LastError.Reason + \"|\" + "
        "context.LastError.Section + \"|\" + context.LastError.Scope + \"|\" + "
        "context.Response.StatusCode)</value></set-header>");
    rig.status = 0;
    rig_run();
    assert_field(&rig.rt.response, "E", "forward-request|BackendConnectionFailure|backend|global|500");
}

static void test_body_that_cannot_be_read(void **state)
{
    rig_request("POST", "/", "", "x");
    rig_inbound("<set-variable name='b' value='@(context.Request.Body.As<string>())'/>");
    rig.body_fails = true;
    rig_run();
    assert_response(413, "{ \"statusCode\": 413, \"message\": \"Request body is too large.\" }");
}

static void test_full_arena(void **state)
{
    char memory[6000];
    struct rt *rt = &rig.rt;

#define LONG "@{ var s = \"x\"; for (int i = 0; i &lt; 12; i++) { s += s; } return s; }"
    rig_inbound("<set-variable name='a' value='" LONG "'/><set-variable name='b' value='" LONG "'/>");
    rt->pipeline = policy_compose(&rig.program, rig.documents, 4);
    arena_free(&rig.request);
    arena_init_fixed(&rig.request, memory, sizeof memory);
    rt->request.fields = (struct http_fields){ .arena = &rig.request };
    policy_run(rt);
    assert_response(500, "{ \"statusCode\": 500, \"message\": \"Internal server error\", \"activityId\": "
                         "\"11112222-3333-4444-5555-666677778888\" }");
    assert_field(&rig.rt.response, "Content-Type", "application/json");
    assert_true(rig.rt.over_budget);
}

/* ---- the context of expressions ---- */

static void test_context(void **state)
{
    static const struct rig_pair cases[] = {
        { "context.Api.Id", "api-1" },
        { "context.Api.Name", "Api One" },
        { "context.Api.Path", "one" },
        { "context.Operation.Id", "op-1" },
        { "context.Operation.UrlTemplate", "/{a}" },
        { "context.Product.Id", "prod-1" },
        { "context.Subscription.Id", "sub-1" },
        { "context.Subscription.Key", "key-1" },
        { "context.User.Email", "u@example.com" },
        { "context.Deployment.Region", "here" },
        { "context.Deployment.Gateway.Id", "gw-1" },
        { "context.Request.Method", "POST" },
        { "context.Request.IpAddress", "192.0.2.1" },
        { "context.Request.Url.Path", "/base/p/q" },
        { "context.Request.Url.Host", "backend.example" },
        { "context.Request.Url.QueryString", "?x=1&y=2" },
        { "context.Request.OriginalUrl.Host", "gateway.example" },
        { "context.Request.OriginalUrl.Path", "/p/q" },
        { "context.Request.Url.Query.GetValueOrDefault(\"y\", \"\")", "2" },
        { "context.Request.Headers.GetValueOrDefault(\"x-a\", \"\")", "1,2" },
        { "context.Request.Headers.GetValueOrDefault(\"x-b\", \"none\")", "none" },
        { "context.Request.Headers.GetValueOrDefault(\"x\" + \"-A\".ToLower(), \"none\")", "1,2" },
        { "context.Request.Headers.ContainsKey(\"x\" + \"-A\".ToLower())", "True" },
        { "context.Request.MatchedParameters[\"A\"]", "v w" },
        { "context.Request.Body.As<string>(preserveContent: true)", "the body" },
        { "context.RequestId", "11112222-3333-4444-5555-666677778888" },
        { "context.Timestamp.Year", "2022" },
        { "context.Response == null", "True" },
        { "context.LastError == null", "True" },
        { "context.Tracing", "False" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice text =
            arena_printf(&rig.program, "<set-variable name='v' value='@(%s)'/>", cases[i].name);
        rig_request("POST", "/p/q?x=1&y=2", "X-A: 1\nX-A: 2", "the body");
        rig_parameter("a", "v w", false);
        rig_inbound(text.p);
        rig_run();
        const char *v = rig_variable("v");
        if (strcmp(v, cases[i].value) != 0)
            fail_msg("%s is \"%s\", expected \"%s\" (%.*s)", cases[i].name, v, cases[i].value,
                     SLICE_ARG(rig.rt.error.message));
    }
}

static void test_consumed_body_is_not_sent(void **state)
{
    rig_request("POST", "/", "", "the body");
    rig_inbound("<set-variable name='b' value='@(context.Request.Body.As<string>())'/>");
    rig_run();
    assert_string_equal(rig_variable("b"), "the body");
    assert_string_equal(rig.sent_body, "");
    assert_int_equal(rig.rt.request.body.state, RT_BODY_CONSUMED);
}

static void test_nothing_for_anonymous_calls(void **state)
{
    rig.rt.product = NULL;
    rig.rt.subscription = NULL;
    rig.rt.user = NULL;
    rig_inbound("<set-variable name='v' value='@((context.Product == null) + \"\" + (context.Subscription == "
                "null) + (context.User == null))'/>");
    rig_run();
    assert_string_equal(rig_variable("v"), "TrueTrueTrue");
}

/* ---- the rest ---- */

/* An expression that used up its budget gives its memory back, but not the body that it was the first to ask for. */
static void test_a_body_outlives_the_evaluation(void **state)
{
    rig_request("POST", "/", "", "what the client sent");
    rig_operation("<policies><inbound><set-variable name='v' value='@{ var b = context.Request.Body.As<string>(true); while (true) { } }'/>"
                  "</inbound><on-error><set-variable name='w' value='@(new string((char)120, 5000))'/>"
                  "<set-body>@(context.Request.Body.As<string>())</set-body></on-error></policies>");
    rig_run();
    assert_true(rig.rt.over_budget);
    assert_response(500, "what the client sent");
}

static void test_websocket_skips(void **state)
{
    rig.operation.is_websocket = true;
    rig_inbound("<set-method>POST</set-method>" MARK("in"));
    rig_run();
    assert_slice(rig.rt.request.method, "GET");
    assert_field(&rig.rt.request, "Marks", "in");
}

static void test_trace(void **state)
{
    rig.rt.tracing = true;
    rig_inbound("<set-variable name='a' value='b'/><choose><when "
                "condition='true'><set-method>PUT</set-method></when></choose>");
    rig_run();
    assert_string_equal(
        rig.trace,
        "set-variable: a = b\nchoose: condition of when 1 is true\nset-method: PUT\nforward-request: 200\n");
}

static void test_list(void **state)
{
    struct policy_info info;
    size_t built = 0, i = 0;

    for (; policy_info_at(i, &info); i++) {
        assert_non_null(info.name);
        assert_true(info.sections != 0);
        if (info.state != POLICY_BUILT)
            continue;
        built++;
        assert_true(info.doc && info.doc[0]);
    }
    assert_true(built >= 14);
    assert_true(i >= 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_base_in_order),
        rig_test(test_without_base),
        rig_test(test_absent_section_is_base),
        rig_test(test_base_twice_and_nested),
        rig_test(test_no_document_forwards),
        rig_test(test_empty_backend_does_not_forward),
        rig_test(test_base_of_the_global_document),
        rig_test(test_sections_in_order),
        rig_test(test_internal_error_body),
        rig_test(test_refused_bodies),
        rig_test(test_refused_with_cors),
        rig_test(test_message_is_escaped),
        rig_test(test_failure_jumps_to_on_error),
        rig_test(test_return_in_on_error),
        rig_test(test_failure_in_on_error),
        rig_test(test_failure_in_outbound_replaces_the_answer),
        rig_test(test_last_error_in_expressions),
        rig_test(test_body_that_cannot_be_read),
        rig_test(test_full_arena),
        rig_test(test_context),
        rig_test(test_consumed_body_is_not_sent),
        rig_test(test_nothing_for_anonymous_calls),
        rig_test(test_a_body_outlives_the_evaluation),
        rig_test(test_websocket_skips),
        rig_test(test_trace),
        rig_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
