/* Requests that policies make themselves: send-request, send-one-way-request. */
#include "tests/unit/policy/rig.h"

#define SEND(attributes, children) \
    "<send-request response-variable-name='r'" attributes ">" children "</send-request>" \
    "<set-variable name='out' value='@{ var r = (IResponse)context.Variables[\"r\"]; return r == null ? \"null\" : " \
    "r.StatusCode + \" \" + r.StatusReason + \" \" + r.Headers.GetValueOrDefault(\"X-B\") + \" \" + " \
    "r.Body.As<JObject>(true)[\"a\"][1]; }'/>"

static void run_inbound(const char *statements)
{
    rig_request("POST", "/p?q=1", "X-A: a", "sent");
    rig_inbound(statements);
    rig_run();
}

static void test_requests(void **state)
{
    static const struct rig_pair cases[] = {
        { SEND("", "<set-url>http://s/x</set-url>"), "GET http://s/x [] -" },
        { SEND(" mode='new'", "<set-url> @(\"https://s/\" + 1) </set-url><set-method>PUT</set-method>"
                              "<set-header name='X-A' exists-action='override'><value>1</value><value>2</value></set-header>"
                              "<set-body>@(\"b\" + context.Request.Method)</set-body>"),
          "PUT https://s/1 [1,2] bPOST" },
        { SEND(" mode='copy'", ""), "POST https://backend.example/base/p?q=1 [a] sent" },
        { SEND(" mode='@(\"copy\")'", "<set-url>http://s</set-url><set-method/><set-body>x</set-body>"), "POST http://s [a] x" },
    };

    rig.call_status = 201;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run_inbound(cases[i].name);
        if (strcmp(rig.call, cases[i].value) != 0 || strcmp(rig_variable("out"), "201 As It Came b 2") != 0)
            fail_msg("%s gives %s, %s (%.*s)", cases[i].name, rig.call, rig_variable("out"), SLICE_ARG(rig.rt.error.message));
    }
    assert_int_equal(rig.call_timeout_ms, 60000);
}

/* The present request is as before, its body too. */
static void test_a_copy_changes_nothing(void **state)
{
    rig.call_status = 200;
    run_inbound(SEND(" mode='copy' timeout='5'", "<set-url>http://s</set-url><set-method>GET</set-method>"
                                                 "<set-header name='X-A' exists-action='delete'/>"));
    assert_string_equal(rig.call, "GET http://s [] sent");
    assert_int_equal(rig.call_timeout_ms, 5000);
    assert_string_equal(rig.sent_method, "POST");
    assert_string_equal(rig.sent_body, "sent");
    assert_string_equal(rig_field(&rig.rt.request.fields, "X-A"), "a");
}

static void test_a_copy_on_the_way_out_has_no_body(void **state)
{
    rig.call_status = 200;
    rig.status = 200;
    rig_request("POST", "/p", "X-A: a", "sent");
    rig_outbound(SEND(" mode='copy'", "<set-url>http://s</set-url>"));
    rig_run();
    assert_string_equal(rig.call, "POST http://s [a] -");
}

static void test_failures(void **state)
{
    run_inbound(SEND("", "<set-url>http://s</set-url>"));
    assert_last_error("send-request", "Timeout", "too late");
    assert_int_equal(rig.rt.response.status, 500);
    run_inbound(SEND(" ignore-error='true'", "<set-url>http://s</set-url>"));
    assert_false(rig.rt.error.present);
    assert_string_equal(rig_variable("out"), "null");
    run_inbound(SEND(" ignore-error='true'", "<set-url>@(\"s/x\")</set-url>"));
    assert_last_error("send-request", "ExpressionValueEvaluationFailure",
                      "The URL \"s/x\" is not absolute: give http://... or https://...");
}

static void test_without_a_url(void **state)
{
    run_inbound("<send-request response-variable-name='r'/>");
    rig_warned("<send-request> has no <set-url>");
    assert_last_error("send-request", "ExpressionValueEvaluationFailure",
                      "The URL \"\" is not absolute: give http://... or https://...");
}

/* The variable is a response for return-response too. */
static void test_the_response_goes_on(void **state)
{
    rig.call_status = 418;
    run_inbound(SEND("", "<set-url>http://s</set-url>") "<return-response response-variable-name='r'/>");
    assert_response(418, "{\"a\":[1,2]}");
    assert_field(&rig.rt.response, "X-B", "b");
}

static void test_one_way(void **state)
{
    rig.call_status = 0;
    rig.status = 200;
    run_inbound("<send-one-way-request mode='new' timeout='7'><set-url>http://s/log</set-url><set-method>POST</set-method>"
                "<set-body>line</set-body></send-one-way-request>");
    assert_string_equal(rig.call, "POST http://s/log [] line");
    assert_int_equal(rig.call_timeout_ms, 7000);
    assert_false(rig.rt.error.present);
    assert_int_equal(rig.forwarded, 1);
}

static void test_refused(void **state)
{
    rig_refused_inbound("<send-request><set-url/></send-request>", "set-url");
    rig_refused_inbound("<send-request mode='old'/>", "mode");
    rig_refused_inbound("<send-request mode='copy'><choose/></send-request>", "<choose> cannot stand in <send-request>");
    rig_refused_inbound("<send-request mode='copy' timeout='0'/>", "timeout");
    rig_refused_inbound("<send-request mode='copy'><set-url>http://a</set-url><set-url>http://b</set-url></send-request>", "once");
    rig_refused_inbound("<send-one-way-request mode='copy' response-variable-name='r'/>", "response-variable-name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_requests),
        rig_test(test_a_copy_changes_nothing),
        rig_test(test_a_copy_on_the_way_out_has_no_body),
        rig_test(test_failures),
        rig_test(test_without_a_url),
        rig_test(test_the_response_goes_on),
        rig_test(test_one_way),
        rig_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
