/* The policies that say where a request goes: set-backend-service, rewrite-uri, forward-request. */
#include "tests/unit/policy/rig.h"

/* ---- set-backend-service ---- */

static void test_set_backend_service(void **state)
{
    static const struct rig_pair cases[] = {
        { "<set-backend-service base-url='https://new.example/x/'/>", "https://new.example/x/p?q=1" },
        { "<set-backend-service base-url='http://new.example'/>", "http://new.example/p?q=1" },
        { "<set-backend-service backend-id='other'/>", "http://other.example/o/p?q=1" },
        { "<set-backend-service id='any' base-url='@(\"http://\" + \"c.example/d\")'/>",
          "http://c.example/d/p?q=1" },
        { "<set-backend-service backend-id='@(\"oth\" + \"er\")'/>", "http://other.example/o/p?q=1" },
        { "<set-backend-service backend-id='dapr' dapr-app-id='app' dapr-method='m/n' dapr-namespace='ns'/>",
          "http://localhost:3500/v1.0/invoke/app.ns/method/m/n?q=1" },
        { "<set-backend-service backend-id='dapr' dapr-app-id='app' dapr-method='m'/>",
          "http://localhost:3500/v1.0/invoke/app/method/m?q=1" },
        { "<set-backend-service base-url='http://a.example'/><set-backend-service "
          "base-url='http://b.example'/>",
          "http://b.example/p?q=1" },
        { "<set-backend-service backend-id='other'/><set-backend-service base-url='http://b.example'/>",
          "http://b.example/p?q=1" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/p?q=1", "", NULL);
        rig_inbound(cases[i].name);
        rig_run();
        if (strcmp(rig.sent_url, cases[i].value) != 0)
            fail_msg("%s gives %s (%.*s)", cases[i].name, rig.sent_url, SLICE_ARG(rig.rt.error.message));
    }
}

static void test_backend_id_of_an_outer_scope_stays(void **state)
{
    rig_global("<policies><inbound><set-backend-service backend-id='other'/></inbound></policies>");
    rig_inbound("<base/><set-backend-service base-url='http://inner.example'/>");
    rig_run();
    assert_string_equal(rig.sent_url, "http://other.example/o/");
    rig_request("GET", "/", "", NULL);
    rig_global(
        "<policies><inbound><set-backend-service base-url='http://outer.example'/></inbound></policies>");
    rig_run();
    assert_string_equal(rig.sent_url, "http://inner.example/");
}

static void test_backend_not_found(void **state)
{
    rig_inbound("<set-backend-service backend-id='@(\"nope\")'/>");
    rig_run();
    assert_last_error("set-backend-service", "BackendNotFound", "Backend 'nope' is not known");
    rig_request("GET", "/", "", NULL);
    rig_inbound("<set-backend-service base-url='@(\"nope\")'/>");
    rig_run();
    assert_last_error("set-backend-service", "BackendNotFound", "base-url \"nope\": not an absolute URL");
    assert_int_equal(rig.rt.response.status, 500);
}

static void test_url_in_expressions(void **state)
{
    rig_request("GET", "/p", "", NULL);
    rig_inbound("<set-backend-service base-url='http://new.example/x'/><set-variable name='u' "
                "value='@(context.Request.Url.Host + "
                "context.Request.Url.Path + context.Request.OriginalUrl.Host)'/>");
    rig_run();
    assert_string_equal(rig_variable("u"), "new.example/x/pgateway.example");
}

/* ---- rewrite-uri ---- */

static const struct slice template_query[] = { SLICE_INIT("a") };

static void test_rewrite_uri(void **state)
{
    static const struct {
        const char *target, *statement, *sent;
    } cases[] = {
        { "/get?a=b&c=d", "<rewrite-uri template='/put'/>", "/put?c=d" },
        { "/get?a=b&c=d", "<rewrite-uri template='/put' copy-unmatched-params='false'/>", "/put" },
        { "/get?x=9&y=2", "<rewrite-uri template='/v2/{id}?x=1'/>", "/v2/i%20d?x=1&y=2" },
        { "/get?X=9&y=2", "<rewrite-uri template='/v2?x=1' copy-unmatched-params='true'/>", "/v2?x=1&y=2" },
        { "/get?a=b", "<rewrite-uri template='/q?z={a}&amp;{id}=2'/>", "/q?z=b&i%20d=2" },
        { "/get", "<rewrite-uri template='/'/>", "/" },
        { "/get", "<rewrite-uri template='no/slash'/>", "/no/slash" },
        { "/get", "<rewrite-uri template=''/>", "/" },
        { "/get?subscription-key=k", "<rewrite-uri template='/x'/>", "/x?subscription-key=k" },
        { "/get?c=d",
          "<rewrite-uri template='@(\"/e/\" + context.Request.MatchedParameters[\"id\"] + \"/{ID}\")'/>",
          "/e/i d/i%20d?c=d" },
        { "/get?b=1", "<rewrite-uri template='/first'/><rewrite-uri template='/second?c=2'/>",
          "/second?c=2&b=1" },
        { "/get", "<rewrite-uri template='/{rest}'/>", "/r/s" },
        { "/get", "<rewrite-uri template='/{*rest}'/>", "/r/s" },
        { "/get?flag&&x=", "<rewrite-uri template='/f'/>", "/f?flag&x=" },
    };

    rig.operation.query_names = (struct fact_names){ template_query, 1 };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rt_parameter parameters[] = {
            { .name = SLICE("id"), .value = SLICE("i d"), .raw = SLICE("i%20d") },
            { .name = SLICE("a"), .value = SLICE("b"), .raw = SLICE("b"), .in_query = true },
            { .name = SLICE("rest"), .value = SLICE("r/s"), .raw = SLICE("r/s") },
        };
        rig_request("GET", cases[i].target, "", NULL);
        rig.rt.parameters = parameters;
        rig.rt.n_parameters = COUNT_OF(parameters);
        rig_inbound(cases[i].statement);
        rig_run();
        const char *sent = rig.sent_url + strlen("https://backend.example/base");
        if (strcmp(sent, cases[i].sent) != 0)
            fail_msg("%s on %s gives %s (%.*s)", cases[i].statement, cases[i].target, sent,
                     SLICE_ARG(rig.rt.error.message));
    }
}

static void test_rewrite_uri_unknown_parameter(void **state)
{
    rig_inbound("<rewrite-uri template='/{foo}'/>");
    rig_run();
    assert_int_equal(rig.rt.response.status, 500);
    assert_last_error("rewrite-uri", "ParameterNotFound", "'foo'");
    assert_int_equal(rig.forwarded, 0);
}

/* ---- forward-request ---- */

static void run_backend(const char *statement)
{
    rig_request("GET", "/", "", NULL);
    rig_operation(arena_printf(&rig.program, "<policies><backend>%s</backend></policies>", statement).p);
    rig_run();
}

static void test_forward_request_options(void **state)
{
    run_backend("<forward-request/>");
    assert_int_equal(rig.options.timeout_ms, 300000);
    assert_true(rig.options.buffer_response);
    assert_false(rig.options.buffer_request);
    assert_false(rig.options.follow_redirects);
    assert_int_equal(rig.options.http_version, RT_HTTP_1);
    run_backend(
        "<forward-request timeout='20' continue-timeout='3' http-version='2or1' follow-redirects='true' "
        "buffer-request-body='true' buffer-response='false'/>");
    assert_int_equal(rig.options.timeout_ms, 20000);
    assert_int_equal(rig.options.continue_ms, 3000);
    assert_int_equal(rig.options.http_version, RT_HTTP_2OR1);
    assert_true(rig.options.follow_redirects);
    assert_true(rig.options.buffer_request);
    assert_false(rig.options.buffer_response);
    run_backend("<forward-request timeout-ms='1500'/>");
    assert_int_equal(rig.options.timeout_ms, 1500);
    run_backend("<forward-request timeout='@(2 * 5)'/>");
    assert_int_equal(rig.options.timeout_ms, 10000);
    run_backend("<forward-request timeout='@(JObject.Parse(\"{\\\"a\\\":7}\")[\"a\"])'/>");
    assert_int_equal(rig.options.timeout_ms, 7000);
    rig_refused("<policies><backend><forward-request timeout='1' timeout-ms='1'/></backend></policies>",
                "not both");
    rig_refused("<policies><backend><forward-request http-version='3'/></backend></policies>",
                "expected one of 1, 2or1, 2");
    run_backend("<forward-request http-version='2'/>");
    rig_warned("HTTP/2 to backends is not built yet");
}

static void test_error_statuses_pass(void **state)
{
    rig.status = 503;
    rig.answer_body = "from the backend";
    rig_operation(
        "<policies><outbound><set-header name='Out'><value>1</value></set-header></outbound></policies>");
    rig_run();
    assert_response(503, "from the backend");
    assert_field(&rig.rt.response, "Out", "1");
    assert_false(rig.rt.error.present);
}

static void test_fail_on_error_status_code(void **state)
{
    rig.status = 503;
    rig.answer_body = "from the backend";
    rig_operation("<policies><backend><forward-request fail-on-error-status-code='true'/></backend><outbound>"
                  "<set-header name='Out'><value>1</value></set-header></outbound><on-error>"
                  "<set-header name='Err'><value>@(context.Response.StatusCode + "
                  "context.LastError.Source)</value></set-header>"
                  "</on-error></policies>");
    rig_run();
    assert_response(503, "from the backend");
    assert_field(&rig.rt.response, "Out", NULL);
    assert_field(&rig.rt.response, "Err", "503forward-request");
    rig_request("GET", "/", "", NULL);
    rig.status = 302;
    rig_run();
    assert_false(rig.rt.error.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_set_backend_service),
        rig_test(test_backend_id_of_an_outer_scope_stays),
        rig_test(test_backend_not_found),
        rig_test(test_url_in_expressions),
        rig_test(test_rewrite_uri),
        rig_test(test_rewrite_uri_unknown_parameter),
        rig_test(test_forward_request_options),
        rig_test(test_error_statuses_pass),
        rig_test(test_fail_on_error_status_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
