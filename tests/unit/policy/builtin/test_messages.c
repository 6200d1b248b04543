/* The policies that change messages: set-header, set-query-parameter, set-status, set-method, set-body,
 * set-variable, find-and-replace, redirect-content-urls, jsonp. */
#include "tests/unit/policy/rig.h"

#include "platform/base/hash.h"

/* ---- set-header ---- */

static void test_set_header(void **state)
{
    static const struct {
        const char *before, *statement, *name, *after;
    } cases[] = {
        { "A: 1", "<set-header name='a'><value>2</value></set-header>", "A", "2" },
        { "A: 1\nA: 3", "<set-header name='A' exists-action='override'><value>2</value></set-header>", "A",
          "2" },
        { "", "<set-header name='A'><value>1</value><value>2</value></set-header>", "A", "1,2" },
        { "", "<set-header name='Set-Cookie'><value>1</value><value>2</value></set-header>", "Set-Cookie",
          "1|2" },
        { "Set-Cookie: 0", "<set-header name='Set-Cookie'><value>1</value><value>2</value></set-header>",
          "Set-Cookie", "1|2" },
        { "Set-Cookie: 0",
          "<set-header name='Set-Cookie' exists-action='append'><value>1</value></set-header>", "Set-Cookie",
          "0|1" },
        { "Set-Cookie: 0", "<set-header name='Set-Cookie'><value>1</value></set-header>", "Set-Cookie", "1" },
        { "A: 1", "<set-header name='A' exists-action='append'><value>2</value><value>3</value></set-header>",
          "A", "1,2,3" },
        { "", "<set-header name='A' exists-action='append'><value>2</value></set-header>", "A", "2" },
        { "A: 1\nB: 0\nA: 2", "<set-header name='A' exists-action='append'><value>3</value></set-header>", "A",
          "1,2,3" },
        { "A: 1", "<set-header name='A' exists-action='skip'><value>2</value></set-header>", "A", "1" },
        { "", "<set-header name='A' exists-action='skip'><value>2</value></set-header>", "A", "2" },
        { "A: 1\nB: 2\nA: 3", "<set-header name='a' exists-action='delete'/>", "A", NULL },
        { "A: 1", "<set-header name='A' exists-action='DELETE'/>", "A", NULL },
        { "A: 1", "<set-header name='A'><value> \n 2 \n</value></set-header>", "A", "2" },
        { "A: 1", "<set-header name='A'><value/></set-header>", "A", "" },
        { "A: 1", "<set-header name='A'><value>@((string)null)</value></set-header>", "A", NULL },
        { "", "<set-header name='A'><value>@(\"x\" + 1)</value></set-header>", "A", "x1" },
        { "", "<set-header name='@(\"A\" + \"B\")'><value>1</value></set-header>", "AB", "1" },
        { "A: 1", "<set-header name='A' exists-action='@(\"app\" + \"end\")'><value>2</value></set-header>",
          "A", "1,2" },
        { "Content-Length: 5", "<set-header name='content-length'><value>9</value></set-header>",
          "Content-Length", "5" },
        { "Transfer-Encoding: chunked", "<set-header name='Transfer-Encoding' exists-action='delete'/>",
          "Transfer-Encoding", "chunked" },
        { "", "<set-header name='Connection'><value>close</value></set-header>", "Connection", NULL },
        { "", "<set-header name='Keep-Alive'><value>1</value></set-header>", "Keep-Alive", NULL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", cases[i].before, NULL);
        rig_inbound(cases[i].statement);
        rig_run();
        assert_int_equal(rig.rt.response.status, 200);
        const char *found = rig_field(&rig.rt.request.fields, cases[i].name);
        if (!found != !cases[i].after || (found && strcmp(found, cases[i].after) != 0))
            fail_msg("%s\n  gives \"%s\"", cases[i].statement, found ? found : "(absent)");
    }
}

static void test_set_header_on_the_response(void **state)
{
    rig.answer_fields = "Server: x\nA: 1";
    rig_outbound("<set-header name='Server' exists-action='delete'/><set-header name='A' "
                 "exists-action='append'><value>2</value></set-header>");
    rig_run();
    assert_field(&rig.rt.response, "Server", NULL);
    assert_field(&rig.rt.response, "A", "1,2");
    assert_field(&rig.rt.request, "A", NULL);
}

static void test_host_header(void **state)
{
    rig_request("GET", "/", "Host: gateway.example", NULL);
    rig_inbound("<set-header name='host'><value>other.example</value></set-header>");
    rig_run();
    assert_true(rig.rt.request.host_set);
    assert_field(&rig.rt.request, "Host", "other.example");
    rig_request("GET", "/", "Host: gateway.example", NULL);
    rig_inbound("<set-header name='X'><value>1</value></set-header>");
    rig_run();
    assert_false(rig.rt.request.host_set);
}

static void test_header_injection(void **state)
{
    rig_inbound("<set-header name='A'><value>@(\"1\\r\\nB: 2\")</value></set-header>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("set-header", "ExpressionValueEvaluationFailure", "line break");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<set-header name='@(\"A: 1\")'><value>1</value></set-header>");
    rig_run();
    assert_last_error("set-header", "ExpressionValueEvaluationFailure", "not a header name");
}

static void test_late_header(void **state)
{
    rig.answer_fields = "A: 1";
    assert_true(rt_late_header(&rig.rt, SLICE("a"), SLICE("2")));
    assert_true(rt_late_header(&rig.rt, SLICE("a"), SLICE("3")));
    rig_run();
    assert_field(&rig.rt.response, "A", "3");
}

/* ---- set-query-parameter ---- */

static void test_set_query_parameter(void **state)
{
    static const struct {
        const char *query, *statement, *after;
    } cases[] = {
        { "", "<set-query-parameter name='a'><value>1</value></set-query-parameter>", "a=1" },
        { "a=0&b=2", "<set-query-parameter name='A'><value>1</value></set-query-parameter>", "b=2&A=1" },
        { "a=0&a=9", "<set-query-parameter name='a'><value>1</value><value>2</value></set-query-parameter>",
          "a=1&a=2" },
        { "a=0",
          "<set-query-parameter name='a' exists-action='append'><value>1</value></set-query-parameter>",
          "a=0&a=1" },
        { "a=0", "<set-query-parameter name='a' exists-action='skip'><value>1</value></set-query-parameter>",
          "a=0" },
        { "b", "<set-query-parameter name='a' exists-action='skip'><value>1</value></set-query-parameter>",
          "b&a=1" },
        { "%61=0&b=2&a", "<set-query-parameter name='a' exists-action='delete'/>", "b=2" },
        { "a=0", "<set-query-parameter name='a' exists-action='delete'/>", "" },
        { "", "<set-query-parameter name='a b'><value>c&amp;d=e \xC3\xA9</value></set-query-parameter>",
          "a%20b=c%26d%3De%20%C3%A9" },
        { "x=1", "<set-query-parameter name='@(\"n\")'><value>@(1 + 1)</value></set-query-parameter>",
          "x=1&n=2" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", arena_printf(&rig.program, "/p?%s", cases[i].query).p, "", NULL);
        rig_inbound(cases[i].statement);
        rig_run();
        if (!slice_eq(rig.rt.request.url.query, slice_from(cases[i].after)))
            fail_msg("%s on \"%s\" gives \"%.*s\"", cases[i].statement, cases[i].query,
                     SLICE_ARG(rig.rt.request.url.query));
    }
}

/* ---- set-status, set-method ---- */

static void test_set_status(void **state)
{
    rig_outbound("<set-status code='201' reason='Made'/>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 201);
    assert_slice(rig.rt.response.reason, "Made");
    rig_request("GET", "/", "", NULL);
    rig_outbound("<set-status code='@(200 + 2)' reason='@(\"R\")'/>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 202);
    assert_slice(rig.rt.response.reason, "R");
    rig_request("GET", "/", "", NULL);
    rig_outbound("<set-status code='@(\"2\" + \"03\")'/>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 203);
    rig_request("GET", "/", "", NULL);
    rig_outbound("<set-status code='@(101)'/>");
    rig_run();
    assert_last_error("set-status", "ExpressionValueEvaluationFailure", "'code' is 101");
    rig_request("GET", "/", "", NULL);
    rig_outbound("<set-status code='@(1000)'/>");
    rig_run();
    assert_last_error("set-status", "ExpressionValueEvaluationFailure", "'code' is 1000");
    rig_request("GET", "/", "", NULL);
    rig_outbound("<set-status code='@(\"x\")'/>");
    rig_run();
    assert_last_error("set-status", "ExpressionValueEvaluationFailure", "of type System.String");
}

static void test_set_status_makes_a_response(void **state)
{
    rig_inbound("<set-status code='404'/><set-variable name='s' value='@(context.Response.StatusCode)'/>");
    rig_run();
    assert_string_equal(rig_variable("s"), "404");
    assert_int_equal(rig.rt.response.status, 200); /* the backend's */
}

static void test_set_method(void **state)
{
    rig_inbound("<set-method>PATCH</set-method>");
    rig_run();
    assert_string_equal(rig.sent_method, "PATCH");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<set-method/>");
    rig_run();
    assert_string_equal(rig.sent_method, "GET");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<set-method>@(\"PO\" + \"ST\")</set-method>");
    rig_run();
    assert_string_equal(rig.sent_method, "POST");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<set-method>@(\"A B\")</set-method>");
    rig_run();
    assert_last_error("set-method", "ExpressionValueEvaluationFailure", "\"A B\" is not a method");
}

/* ---- set-body ---- */

static void test_set_body(void **state)
{
    static const struct rig_pair cases[] = {
        { "<set-body>text</set-body>", "text" },
        { "<set-body> kept as it is\n</set-body>", " kept as it is\n" },
        { "<set-body/>", "" },
        { "<set-body template='none'>a</set-body>", "a" },
        { "<set-body>@(\"a\" + 1)</set-body>", "a1" },
        { "<set-body>\n  @(\"a\" + 1)\n</set-body>", "a1" },
        { "<set-body>@{ return \"</x>\"; }</set-body>", "</x>" },
        { "<set-body>@((string)null)</set-body>", "" },
        { "<set-body>@(Convert.FromBase64String(\"Ynl0ZXM=\"))</set-body>", "bytes" },
        { "<set-body><value>wrapped</value></set-body>", "wrapped" },
        { "<set-body><value>@(1)</value></set-body>", "1" },
        { "<set-body><soap:Envelope xmlns:soap='u'><soap:Body/></soap:Envelope></set-body>",
          "<soap:Envelope xmlns:soap='u'><soap:Body/></soap:Envelope>" },
        { "<set-body>@(context.Request.Body.As<string>().ToUpper())</set-body>", "OLD" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("POST", "/", "Content-Type: text/plain\nContent-Length: 3", "old");
        rig_inbound(cases[i].name);
        rig_run();
        if (strcmp(rig.sent_body, cases[i].value) != 0)
            fail_msg("%s gives \"%s\" (%.*s)", cases[i].name, rig.sent_body, SLICE_ARG(rig.rt.error.message));
        assert_field(&rig.rt.request, "Content-Length",
                     arena_printf(&rig.program, "%zu", strlen(cases[i].value)).p);
        assert_field(&rig.rt.request, "Content-Type", "text/plain");
    }
}

static void test_set_body_of_the_response(void **state)
{
    rig.answer_body = "backend";
    rig.answer_fields = "Content-Type: text/html; a=b;charset=ISO-8859-1";
    rig_outbound("<set-body>@(context.Response.Body.As<string>() + \"!\")</set-body>");
    rig_run();
    assert_response(200, "backend!");
    assert_field(&rig.rt.response, "Content-Type", "text/html; a=b; charset=utf-8");
}

static void test_set_body_without_a_body(void **state)
{
    rig_inbound("<set-method>POST</set-method><set-body>new</set-body>");
    rig_run();
    assert_string_equal(rig.sent_body, "new");
}

/* ---- set-variable ---- */

static void test_set_variable(void **state)
{
    static const struct rig_pair cases[] = {
        { "<set-variable name='v' value='text'/>", "text" },
        { "<set-variable name='v' value=''/>", "" },
        { "<set-variable name='v' value='true'/>", "true" },
        { "<set-variable name='v' value='@(1 + 2)'/>", "3" },
        { "<set-variable name='w' value='@(5)'/><set-variable name='v' "
          "value='@((int)context.Variables[\"w\"] + 1)'/>",
          "6" },
        { "<set-variable name='v' value='1'/><set-variable name='v' value='2'/>", "2" },
        { "<set-variable name='V' value='1'/><set-variable name='v' "
          "value='@(context.Variables.ContainsKey(\"v\"))'/>",
          "False" },
        { "<set-variable name='v' value='@((string)null)'/>", "(none)" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", "", NULL);
        rig_inbound(cases[i].name);
        rig_run();
        if (strcmp(rig_variable("v"), cases[i].value) != 0)
            fail_msg("%s gives \"%s\" (%.*s)", cases[i].name, rig_variable("v"),
                     SLICE_ARG(rig.rt.error.message));
    }
}

static void test_many_variables(void **state)
{
    char name[16];
    struct expr_value value;
    int64_t n;

    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "v%d", i);
        assert_true(
            rt_set_variable(&rig.rt, arena_copy(&rig.request, slice_from(name)), expr_value_from_int(i)));
    }
    assert_true(rt_variable(&rig.rt, SLICE("v57"), &value));
    assert_true(expr_value_int(value, &n));
    assert_int_equal(n, 57);
    assert_false(rt_variable(&rig.rt, SLICE("V57"), &value));
}

/* ---- find-and-replace, redirect-content-urls ---- */

static void test_find_and_replace(void **state)
{
    rig_request("POST", "/", "Content-Length: 5", "aXbXa");
    rig.answer_body = "one two one";
    rig_operation("<policies><inbound><find-and-replace from='X' to='-'/></inbound><outbound>"
                  "<find-and-replace from='one' to='@(1 + 1)'/><find-and-replace from='absent' "
                  "to='x'/></outbound></policies>");
    rig_run();
    assert_string_equal(rig.sent_body, "a-b-a");
    assert_response(200, "2 two 2");
    assert_field(&rig.rt.response, "Content-Length", "7");
    rig_request("GET", "/", "", NULL);
    rig.answer_body = NULL;
    rig_run();
    assert_response(200, "");
}

static void test_redirect_content_urls(void **state)
{
    rig_request("POST", "/", "", "see http://gateway.example/one/x");
    rig.answer_body = "see https://backend.example/base/x";
    rig_operation("<policies><inbound><redirect-content-urls/></inbound><outbound><redirect-content-urls/></"
                  "outbound></policies>");
    rig_run();
    assert_string_equal(rig.sent_body, "see https://backend.example/base/x");
    assert_response(200, "see http://gateway.example/one/x");
}

/* ---- jsonp ---- */

static void test_jsonp(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *body;
    } cases[] = {
        { "/?cb=f", 200, "f({});" },
        { "/?CB=a.b%24_1", 200, "a.b$_1({});" },
        { "/?x=1", 200, "{}" },
        { "/?cb=", 200, "{}" },
        { "/?cb=1f", 400,
          "{ \"statusCode\": 400, \"message\": \"Value of callback parameter cb is not a valid JavaScript "
          "identifier.\" }" },
        { "/?cb=a.", 400, NULL },
        { "/?cb=f%28x", 400, NULL },
    };

    rig.answer_body = "{}";
    rig.answer_fields = "Content-Type: application/json";
    rig_outbound("<jsonp callback-parameter-name='cb'/>");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", cases[i].target, "", NULL);
        rig_run();
        assert_int_equal(rig.rt.response.status, cases[i].status);
        if (cases[i].body)
            assert_response(cases[i].status, cases[i].body);
    }
    assert_last_error("jsonp", "CallbackParameterInvalid", "Value of callback parameter cb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_set_header),
        rig_test(test_set_header_on_the_response),
        rig_test(test_host_header),
        rig_test(test_header_injection),
        rig_test(test_late_header),
        rig_test(test_set_query_parameter),
        rig_test(test_set_status),
        rig_test(test_set_status_makes_a_response),
        rig_test(test_set_method),
        rig_test(test_set_body),
        rig_test(test_set_body_of_the_response),
        rig_test(test_set_body_without_a_body),
        rig_test(test_set_variable),
        rig_test(test_many_variables),
        rig_test(test_find_and_replace),
        rig_test(test_redirect_content_urls),
        rig_test(test_jsonp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
