/* The policies that steer: choose, return-response, retry, wait, mock-response, trace. */
#include "tests/unit/policy/rig.h"

#define MARK(x) "<set-header name='Marks' exists-action='append'><value>" x "</value></set-header>"

/* ---- choose ---- */

static void test_choose(void **state)
{
    static const struct rig_pair cases[] = {
        { "<choose><when condition='true'>" MARK("1") "</when><when condition='true'>" MARK(
              "2") "</when></choose>",
          "1" },
        { "<choose><when condition='false'>" MARK("1") "</when><when condition='True'>" MARK(
              "2") "</when></choose>",
          "2" },
        { "<choose><when condition='false'>" MARK("1") "</when><otherwise>" MARK("o") "</otherwise></choose>",
          "o" },
        { "<choose><when condition='false'>" MARK("1") "</when><otherwise/></choose>" MARK("x"), "x" },
        { "<choose><when condition='false'>" MARK("1") "</when></choose>" MARK("x"), "x" },
        { "<choose><when condition='@(1 < 2)'>" MARK("1") "</when></choose>", "1" },
        { "<choose><when condition='@(\"true\")'>" MARK("1") "</when></choose>", "1" },
        { "<choose><when condition='@(JObject.Parse(\"{\\\"a\\\":true}\")[\"a\"])'>" MARK("1") "</when></choose>", "1" },
        { "<choose><when condition='@(context.Request.Method == \"GET\")'>" MARK(
              "get") "</when><otherwise>" MARK("o") "</otherwise></choose>",
          "get" },
        { "<choose><when condition='true'><choose><when condition='false'/><otherwise>" MARK(
              "in") "</otherwise></choose>" MARK("out") "</when></choose>",
          "in,out" },
        { "<choose><when condition='true'/><when condition='@(int.Parse(\"x\") == 1)'>" MARK(
              "1") "</when></choose>" MARK("x"),
          "x" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", "", NULL);
        rig_inbound(cases[i].name);
        rig_run();
        const char *marks = rig_field(&rig.rt.request.fields, "Marks");
        if (!marks || strcmp(marks, cases[i].value) != 0)
            fail_msg("%s gives \"%s\" (%.*s)", cases[i].name, marks ? marks : "",
                     SLICE_ARG(rig.rt.error.message));
    }
}

static void test_choose_that_fails(void **state)
{
    rig_inbound("<choose><when condition='@(5 + \"\")'/></choose>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("choose", "ExpressionValueEvaluationFailure", "'condition'");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<choose><when condition='@(int.Parse(\"x\") == 1)'/></choose>");
    rig_run();
    assert_last_error("choose", "ExpressionValueEvaluationFailure", "Expression evaluation failed.");
}

/* ---- return-response ---- */

static void test_return_response(void **state)
{
    rig_operation(
        "<policies><inbound><set-header name='H'><value>req</value></set-header><return-response>"
        "<set-status code='401' reason='No'/><set-header name='A'><value>1</value></set-header>"
        "<set-header name='A' exists-action='append'><value>2</value></set-header><set-body>b</set-body>"
        "</return-response>" MARK("not run") "</inbound><outbound>" MARK("out") "</outbound></policies>");
    rig_run();
    assert_response(401, "b");
    assert_slice(rig.rt.response.reason, "No");
    assert_field(&rig.rt.response, "A", "1,2");
    assert_field(&rig.rt.response, "H", NULL);
    assert_field(&rig.rt.response, "Marks", NULL);
    assert_field(&rig.rt.request, "Marks", NULL);
    assert_int_equal(rig.forwarded, 0);
    assert_false(rig.rt.error.present);
}

static void test_return_response_empty(void **state)
{
    rig_inbound("<return-response/>");
    rig_run();
    assert_response(200, "");
    assert_int_equal(rig.rt.response.fields.n, 0);
}

static void test_return_response_nested(void **state)
{
    rig_global("<policies><inbound><choose><when condition='true'><return-response><set-status "
               "code='403'/></return-response>"
               "</when></choose></inbound></policies>");
    rig_inbound("<base/>" MARK("not run"));
    rig_run();
    assert_response(403, "");
    assert_field(&rig.rt.request, "Marks", NULL);
}

static void test_return_response_drops_the_backends(void **state)
{
    rig.answer_fields = "X-Backend: 1";
    rig.answer_body = "backend";
    rig_outbound("<return-response><set-status code='@(context.Response.StatusCode + 1)'/>"
                 "<set-body>@(context.Response.Body.As<string>() + "
                 "context.Response.Headers.GetValueOrDefault(\"X-Backend\"))</set-body>"
                 "</return-response>");
    rig_run();
    assert_response(201, "backend1");
    assert_field(&rig.rt.response, "X-Backend", NULL);
}

static void test_return_response_of_a_variable(void **state)
{
    struct rt_message *kept = rt_new_response(&rig.rt);

    kept->status = 207;
    kept->reason = SLICE("Kept");
    kept->body = (struct rt_body){ RT_BODY_SLICE, SLICE("kept body") };
    assert_true(http_fields_add(&kept->fields, SLICE("K"), SLICE("1")));
    assert_true(rt_set_variable(&rig.rt, SLICE("r"), expr_value_from_message(&kept->expr, true)));
    rig_inbound("<return-response response-variable-name='r'><set-header "
                "name='L'><value>2</value></set-header></return-response>");
    rig_run();
    assert_response(207, "kept body");
    assert_slice(rig.rt.response.reason, "Kept");
    assert_field(&rig.rt.response, "K", "1");
    assert_field(&rig.rt.response, "L", "2");
}

static void test_return_response_of_no_response(void **state)
{
    rig_inbound("<set-variable name='r' value='x'/><return-response response-variable-name='r'/>");
    rig_run();
    assert_last_error("return-response", "ExpressionValueEvaluationFailure",
                      "Variable 'r' holds no response");
}

static void test_return_response_that_fails(void **state)
{
    rig_inbound("<return-response><set-body>@(int.Parse(\"x\").ToString())</set-body></return-response>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("set-body", "ExpressionValueEvaluationFailure", "Expression evaluation failed.");
    assert_slice(rig.rt.error.path, "return-response/set-body");
}

/* ---- retry ---- */

#define RETRY(attributes)                                                                     \
    "<policies><backend><retry condition='@(context.Response.StatusCode >= 500)' " attributes \
    "><forward-request/></retry>"                                                             \
    "</backend></policies>"

static void run_retry(const char *document, int fail_times)
{
    rig.forwarded = 0;
    rig.sleeps = 0;
    rig.fail_times = fail_times;
    rig_request("GET", "/", "", NULL);
    rig_operation(document);
    rig_run();
}

static void assert_waits(const uint64_t *ms, unsigned n)
{
    assert_int_equal(rig.sleeps, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(rig.slept_ms[i], ms[i]);
}

static void test_retry(void **state)
{
    run_retry(RETRY("count='3' interval='2'"), 2);
    assert_int_equal(rig.forwarded, 3);
    assert_int_equal(rig.rt.response.status, 200);
    assert_false(rig.rt.error.present);
    run_retry(RETRY("count='3' interval='2'"), 9);
    assert_int_equal(rig.forwarded, 4);
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("forward-request", "BackendConnectionFailure", "connection refused");
    assert_waits((uint64_t[]){ 2000, 2000, 2000 }, 3);
    rig.status = 503;
    run_retry(RETRY("count='1' interval='0'"), 0);
    assert_int_equal(rig.forwarded, 2);
    assert_int_equal(rig.rt.response.status, 503);
    assert_false(rig.rt.error.present);
    assert_waits(NULL, 0);
}

static void test_retry_waits(void **state)
{
    run_retry(RETRY("count='4' interval='2' delta='3'"), 9);
    assert_waits((uint64_t[]){ 2000, 5000, 8000, 11000 }, 4);
    run_retry(RETRY("count='2' interval='2' first-fast-retry='true'"), 9);
    assert_waits((uint64_t[]){ 2000 }, 1);
    run_retry(RETRY("count='6' interval='10' delta='10' max-interval='100'"), 9);
    assert_int_equal(rig.sleeps, 6);
    assert_int_equal(rig.slept_ms[0], 10000);
    assert_in_range(rig.slept_ms[1], 18000, 22000);
    assert_in_range(rig.slept_ms[2], 34000, 46000);
    assert_in_range(rig.slept_ms[3], 66000, 94000);
    assert_int_equal(rig.slept_ms[4], 100000);
    assert_int_equal(rig.slept_ms[5], 100000);
}

static void test_retry_ends(void **state)
{
    run_retry("<policies><inbound><retry condition='true' count='5' interval='1'>" MARK(
                  "r") "<return-response>"
                       "<set-status code='202'/></return-response></retry></inbound></policies>",
              0);
    assert_int_equal(rig.rt.response.status, 202);
    assert_field(&rig.rt.request, "Marks", "r");
    run_retry("<policies><inbound><retry condition='false' count='5' interval='1'>" MARK("r")
              "<set-body>@(int.Parse(\"x\").ToString())</set-body></retry></inbound></policies>", 0);
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("set-body", "ExpressionValueEvaluationFailure", "");
    rig_refused_inbound("<retry condition='true' count='51' interval='1'/>",
                        "'count' is 51: expected 1 to 50");
    rig_refused_inbound("<retry count='1' interval='1'/>", "needs the attribute 'condition'");
}

/* ---- wait ---- */

static void test_wait(void **state)
{
    rig_inbound("<wait><choose><when condition='true'>" MARK(
        "1") "</when></choose><choose><when condition='true'>" MARK("2") "</when></choose></wait>");
    rig_run();
    assert_field(&rig.rt.request, "Marks", "1,2");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<wait for='any'><choose><when condition='true'>" MARK(
        "1") "</when></choose><choose><when condition='true'>" MARK("2") "</when></choose></wait>");
    rig_run();
    assert_field(&rig.rt.request, "Marks", "1");
    rig_refused_inbound("<wait><set-method>GET</set-method></wait>", "<set-method> cannot stand in <wait>");
}

/* ---- mock-response ---- */

static void test_mock_response(void **state)
{
    static const struct fact_sample samples[] = {
        { SLICE_INIT("application/xml"), SLICE_INIT("<a/>") },
        { SLICE_INIT("application/json"), SLICE_INIT("{\"a\":1}") },
    };
    static const struct fact_response responses[] = { { 201, NULL, 0 }, { 200, samples, 2 } };
    static const struct {
        const char *statement;
        int status;
        const char *type, *body;
    } cases[] = {
        { "<mock-response/>", 200, "application/xml", "<a/>" },
        { "<mock-response content-type='Application/JSON'/>", 200, "application/json", "{\"a\":1}" },
        { "<mock-response content-type='text/plain'/>", 200, "application/xml", "<a/>" },
        { "<mock-response status-code='200' index='1'/>", 200, "application/json", "{\"a\":1}" },
        { "<mock-response index='7'/>", 200, "application/xml", "<a/>" },
        { "<mock-response status-code='201' content-type='application/json'/>", 201, "application/json", "" },
        { "<mock-response status-code='404'/>", 404, NULL, "" },
    };

    rig.operation.responses = responses;
    rig.operation.n_responses = COUNT_OF(responses);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", "", NULL);
        rig_inbound(arena_printf(&rig.program, "%s" MARK("not run"), cases[i].statement).p);
        rig_run();
        assert_response(cases[i].status, cases[i].body);
        assert_field(&rig.rt.response, "Content-Type", cases[i].type);
        assert_field(&rig.rt.request, "Marks", NULL);
        assert_int_equal(rig.forwarded, 0);
    }
}

/* ---- trace ---- */

static void test_trace_policy(void **state)
{
    rig_inbound("<trace source='here' severity='information'><message>@(\"text \" + 1)</message>"
                "<metadata name='a' value='1'/><metadata name='b' value='@(2)'/></trace><trace "
                "source='old'>plain</trace>");
    rig_run();
    assert_string_equal(rig.trace, "here: text 1, a: 1, b: 2\nold: plain\n");
    rig_refused_inbound("<trace severity='loud' source='a'><message>x</message></trace>",
                        "expected one of verbose, information, error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_choose),
        rig_test(test_choose_that_fails),
        rig_test(test_return_response),
        rig_test(test_return_response_empty),
        rig_test(test_return_response_nested),
        rig_test(test_return_response_drops_the_backends),
        rig_test(test_return_response_of_a_variable),
        rig_test(test_return_response_of_no_response),
        rig_test(test_return_response_that_fails),
        rig_test(test_retry),
        rig_test(test_retry_waits),
        rig_test(test_retry_ends),
        rig_test(test_wait),
        rig_test(test_mock_response),
        rig_test(test_trace_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
