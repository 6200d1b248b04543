/* The policies that steer: choose, return-response. */
#include "tests/unit/policy/rig.h"

#define MARK(x) "<set-header name='Marks' exists-action='append'><value>" x "</value></set-header>"

/* ---- choose ---- */

static void test_choose(void **state)
{
    static const struct rig_pair cases[] = {
        { "<choose><when condition='true'>" MARK("1") "</when><when condition='true'>" MARK("2") "</when></choose>", "1" },
        { "<choose><when condition='false'>" MARK("1") "</when><when condition='True'>" MARK("2") "</when></choose>", "2" },
        { "<choose><when condition='false'>" MARK("1") "</when><otherwise>" MARK("o") "</otherwise></choose>", "o" },
        { "<choose><when condition='false'>" MARK("1") "</when><otherwise/></choose>" MARK("x"), "x" },
        { "<choose><when condition='false'>" MARK("1") "</when></choose>" MARK("x"), "x" },
        { "<choose><when condition='@(1 < 2)'>" MARK("1") "</when></choose>", "1" },
        { "<choose><when condition='@(\"true\")'>" MARK("1") "</when></choose>", "1" },
        { "<choose><when condition='@(context.Request.Method == \"GET\")'>" MARK("get") "</when><otherwise>" MARK("o")
          "</otherwise></choose>", "get" },
        { "<choose><when condition='true'><choose><when condition='false'/><otherwise>" MARK("in") "</otherwise></choose>"
          MARK("out") "</when></choose>", "in,out" },
        { "<choose><when condition='true'/><when condition='@(int.Parse(\"x\") == 1)'>" MARK("1") "</when></choose>" MARK("x"), "x" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", "", NULL);
        rig_inbound(cases[i].name);
        rig_run();
        const char *marks = rig_field(&rig.rt.request.fields, "Marks");
        if (!marks || strcmp(marks, cases[i].value) != 0)
            fail_msg("%s gives \"%s\" (%.*s)", cases[i].name, marks ? marks : "", SLICE_ARG(rig.rt.error.message));
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
    rig_operation("<policies><inbound><set-header name='H'><value>req</value></set-header><return-response>"
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
    rig_global("<policies><inbound><choose><when condition='true'><return-response><set-status code='403'/></return-response>"
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
                 "<set-body>@(context.Response.Body.As<string>() + context.Response.Headers.GetValueOrDefault(\"X-Backend\"))</set-body>"
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
    rig_inbound("<return-response response-variable-name='r'><set-header name='L'><value>2</value></set-header></return-response>");
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
    assert_last_error("return-response", "ExpressionValueEvaluationFailure", "Variable 'r' holds no response");
}

static void test_return_response_that_fails(void **state)
{
    rig_inbound("<return-response><set-body>@(int.Parse(\"x\").ToString())</set-body></return-response>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("set-body", "ExpressionValueEvaluationFailure", "Expression evaluation failed.");
    assert_slice(rig.rt.error.path, "return-response/set-body");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
