/* Metrics of an author's own: emit-metric, and those of language models. */
#include "tests/unit/policy/rig.h"

static void assert_metrics(const char *expected)
{
    if (strcmp(rig.metrics, expected) != 0)
        fail_msg("metrics are\n%swanted\n%s", rig.metrics, expected);
    rig.metrics[0] = 0;
}

static void run_inbound(const char *statements)
{
    rig_request("GET", "/p", "X-A: a b", NULL);
    rig_inbound(statements);
    rig_run();
}

/* ---- emit-metric ---- */

#define EMIT(attributes, dimensions) "<emit-metric name='Calls'" attributes ">" dimensions "</emit-metric>"

static void test_emit_metric(void **state)
{
    static const struct rig_pair cases[] = {
        { EMIT("", "<dimension name='a' value='1'/>"), "API Management/Calls=1 a=1\n" },
        { EMIT(" namespace=' my-ns ' value='2.5'", "<dimension name='a' value=''/>"), "my-ns/Calls=2.5 a=\n" },
        { EMIT(" value='@(0.5 + 1)'", "<dimension name='@(\"n\" + 1)' value='@(context.Request.Method)'/>"),
          "API Management/Calls=1.5 n1=GET\n" },
        { EMIT(" value='@(\"7\")'", "<dimension name='a' value='@((string)null)'/>"), "API Management/Calls=7 a=\n" },
        { EMIT(" value='@(3)'", "<dimension name='API ID' value='mine'/>"), "API Management/Calls=3 API ID=mine\n" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run_inbound(cases[i].name);
        assert_int_equal(rig.rt.response.status, 200);
        assert_metrics(cases[i].value);
    }
}

static void test_default_dimensions(void **state)
{
    static const char every[] = EMIT("", "<dimension name='API ID'/><dimension name='Operation ID'/><dimension name='Gateway ID'/>"
                                         "<dimension name='location'/><dimension name='Product ID'/><dimension name='User ID'/>"
                                         "<dimension name='Subscription ID'/>");

    rig.deployment.gateway_id = SLICE("gw-1");
    rig.deployment.region = SLICE("Basement");
    run_inbound(every);
    assert_metrics("API Management/Calls=1 API ID=api-1 Operation ID=op-1 Gateway ID=gw-1 location=Basement Product ID=prod-1 "
                   "User ID=user-1 Subscription ID=sub-1\n");
    rig_request("GET", "/p", "", NULL);
    rig.rt.product = NULL;
    rig.rt.subscription = NULL;
    rig.rt.user = NULL;
    rig.rt.operation = NULL;
    rig.rt.api = NULL;
    rig_on_error(every);
    rig.status = 0;
    rig_run();
    assert_metrics("API Management/Calls=1 API ID= Operation ID= Gateway ID=gw-1 location=Basement Product ID= User ID= "
                   "Subscription ID=\n");
}

static void test_emit_metric_failures(void **state)
{
    run_inbound(EMIT(" value='@(\"much\")'", "<dimension name='a' value='1'/>"));
    assert_last_error("emit-metric", "ExpressionValueEvaluationFailure",
                      "Expression evaluation failed. The value of 'value' is no number.");
    assert_metrics("");
}

#define D(name) "<dimension name='" name "' value='v'/>"

static void test_emit_metric_refused(void **state)
{
    rig_refused_inbound("<emit-metric><dimension name='a' value='1'/></emit-metric>", "name");
    rig_refused_inbound(EMIT(" value='many'", D("a")), "expected a number");
    rig_refused_inbound(EMIT("", ""), "has 0 dimensions: expected 1 to 10");
    rig_refused_inbound(EMIT("", D("1") D("2") D("3") D("4") D("5") D("6") D("7") D("8") D("9") D("10") D("11")),
                        "has 11 dimensions: expected 1 to 10");
    rig_refused_inbound(EMIT("", "<dimension name='Operation'/>"), "dimension 'Operation' needs a value");
    rig_refused_inbound(EMIT("", "<dimension value='a'/>"), "name");
    rig_refused_inbound(EMIT("", D("a") D("A")), "dimension 'A' is there twice");
    run_inbound(EMIT("", D("1") D("2") D("3") D("4") D("5") D("6") D("7") D("8") D("9") D("10")));
    assert_metrics("API Management/Calls=1 1=v 2=v 3=v 4=v 5=v 6=v 7=v 8=v 9=v 10=v\n");
}

/* ---- llm-emit-token-metric, azure-openai-emit-token-metric ---- */

static void test_members(void **state)
{
    static const struct {
        const char *object, *value;
    } cases[] = {
        { "{\"a\":1}", "1" },
        { " { \"x\" : [ {\"a\":2} , \"}\" ] , \"a\" : {\"b\":[\"\\\"}\",{}]} , \"y\":0}", "{\"b\":[\"\\\"}\",{}]}" },
        { "{\"x\":\"\\\"a\\\":1\",\"a\":null}", "null" },
        { "{\"x\":{\"a\":1}}", NULL },
        { "{\"a\":1,\"a\":2}", "2" },
        { "{\"a\":\"s\"", "\"s\"" },
        { "[{\"a\":1}]", NULL },
        { "{\"a\"", NULL },
        { "{\"a\":", NULL },
        { "{\"a\\", NULL },
        { "{\"x\":[[[[", NULL },
        { "{\"x\":}},\"a\":1}", NULL },
        { "{", NULL },
        { "", NULL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice got = llm_member(slice_from(cases[i].object), "a");
        if (!got.p != !cases[i].value || !slice_eq(got, slice_from(cases[i].value)))
            fail_msg("%s gives %.*s", cases[i].object, SLICE_ARG(got));
    }
}

static void test_usages(void **state)
{
    static const struct {
        const char *body;
        bool events, known;
        unsigned prompt, completion, total;
    } cases[] = {
        { "{\"choices\":[{\"message\":{\"content\":\"say \\\"usage\\\":{}\"}}],\"usage\":{\"prompt_tokens\":7,"
          "\"completion_tokens\":5,\"total_tokens\":12}}", false, true, 7, 5, 12 },
        { "{\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}", false, true, 7, 0, 7 },
        { "{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}", false, true, 3, 4, 7 },
        { "{\"usage\":null}", false, false, 0, 0, 0 },
        { "{\"usage\":[1]}", false, false, 0, 0, 0 },
        { "{\"usage\":{\"prompt_tokens\":-7,\"completion_tokens\":99999999999999}}", false, true, 0, 0, 0 },
        { "{\"usage\":{\"prompt_tokens\":", false, false, 0, 0, 0 },
        { "{\"error\":{\"code\":\"429\"}}", false, false, 0, 0, 0 },
        { "data: {\"choices\":[],\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":1}}\r\n\r\n"
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5}}\n\ndata: [DONE]\n\n",
          true, true, 2, 3, 5 },
        { "event: response.completed\ndata: {\"type\":\"x\",\"response\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}",
          true, true, 1, 1, 2 },
        { "data: [DONE]", true, false, 0, 0, 0 },
    };
    struct llm_usage u;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        llm_read_usage(&rig.request, slice_from(cases[i].body), cases[i].events, &u);
        if (u.known != cases[i].known || u.prompt != cases[i].prompt || u.completion != cases[i].completion ||
            u.total != cases[i].total)
            fail_msg("%s gives %d %d %d %d", cases[i].body, u.known, (int)u.prompt, (int)u.completion, (int)u.total);
    }
    assert_false(rig.request.overflow);
}

#define TOKENS(name, dimensions) "<" name "-emit-token-metric namespace='n'>" dimensions "</" name "-emit-token-metric>"
#define USAGE "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}"

static void answer_with(const char *type, const char *body)
{
    rig.answer_fields = type;
    rig.answer_body = body;
}

/* The dimensions are of the way in, the backend is the one that was called. */
static void test_token_metrics(void **state)
{
    answer_with("Content-Type: application/json; charset=utf-8", USAGE);
    run_inbound(TOKENS("llm", "<dimension name='v' value='@((string)context.Variables.GetValueOrDefault(\"v\", \"-\"))'/>"
                              "<dimension name='Backend ID'/>")
                "<set-variable name='v' value='late'/><set-backend-service backend-id='other'/>");
    assert_metrics("n/Prompt Tokens=7 v=- Backend ID=other\nn/Completion Tokens=5 v=- Backend ID=other\n"
                   "n/Total Tokens=12 v=- Backend ID=other\n");
    assert_response(200, USAGE);
    run_inbound(TOKENS("azure-openai", "<dimension name='API ID'/>"));
    assert_metrics("n/Prompt Tokens=7 API ID=api-1\nn/Completion Tokens=5 API ID=api-1\nn/Total Tokens=12 API ID=api-1\n");
    rig_refused_inbound(TOKENS("llm", ""), "has 0 dimensions");
    rig_refused_inbound(TOKENS("llm", "<dimension name='Operation'/>"), "needs a value");
}

/* What is not JSON, streams or is too long is not read. */
static void test_token_metrics_of_others(void **state)
{
    answer_with("Content-Type: text/event-stream", "data: " USAGE);
    run_inbound(TOKENS("llm", "<dimension name='a' value='1'/>"));
    assert_metrics("");
    assert_int_equal(rig.rt.response.body.state, RT_BODY_STREAM);
    answer_with("Content-Type: application/json", USAGE);
    rig.body_too_long = true;
    run_inbound(TOKENS("llm", "<dimension name='a' value='1'/>"));
    assert_metrics("");
    assert_int_equal(rig.rt.response.body.state, RT_BODY_STREAM);
    rig.body_too_long = false;
    rig.status = 0;
    run_inbound(TOKENS("llm", "<dimension name='a' value='1'/>"));
    assert_metrics("");
    rig.status = 200;
    run_inbound(TOKENS("llm", "<dimension name='a' value='1'/>") "<return-response/>");
    assert_metrics("");
}

/* An answer that breaks off is a failure like another: no outbound, but on-error. */
static void test_an_answer_that_cannot_be_read(void **state)
{
    answer_with("Content-Type: application/json", USAGE);
    rig.body_fails = true;
    rig_request("GET", "/p", "", NULL);
    rig_operation("<policies><inbound>" TOKENS("llm", "<dimension name='a' value='1'/>") "</inbound>"
                  "<outbound><set-variable name='out' value='1'/></outbound>"
                  "<on-error><set-variable name='err' value='1'/></on-error></policies>");
    rig_run();
    assert_last_error("llm-emit-token-metric", "BodyTooLarge", "request body is over 4194304 bytes");
    assert_string_equal(rig_variable("out"), "(none)");
    assert_string_equal(rig_variable("err"), "1");
    assert_metrics("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_emit_metric),
        rig_test(test_default_dimensions),
        rig_test(test_emit_metric_failures),
        rig_test(test_emit_metric_refused),
        rig_test(test_members),
        rig_test(test_usages),
        rig_test(test_token_metrics),
        rig_test(test_token_metrics_of_others),
        rig_test(test_an_answer_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
