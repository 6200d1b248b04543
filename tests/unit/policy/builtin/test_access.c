/* The policies that let in or keep out: check-header, ip-filter, cors, authentication-basic,
 * authentication-managed-identity. */
#include "tests/unit/policy/rig.h"

/* ---- check-header ---- */

#define CHECK                                                                                             \
    "<check-header name='X-Key' failed-check-httpcode='401' failed-check-error-message='Not authorized' " \
    "ignore-case='%s'>%s</check-header>"

static void test_check_header(void **state)
{
    static const struct {
        const char *fields, *ignore_case, *values;
        int status;
    } cases[] = {
        { "X-Key: any", "false", "", 200 },
        { "x-key:", "false", "", 200 },
        { "", "false", "", 401 },
        { "X-Key: abc", "false", "<value>abc</value>", 200 },
        { "X-Key: abc", "false", "<value>x</value><value>abc</value>", 200 },
        { "X-Key: abc", "false", "<value>ABC</value>", 401 },
        { "X-Key: abc", "true", "<value>ABC</value>", 200 },
        { "X-Key: abc", "@(1 == 1)", "<value>@(\"AB\" + \"C\")</value>", 200 },
        { "X-Key: abc\nX-Key: abc", "false", "<value>abc</value>", 401 },
        { "X-Key: a\nX-Key: b", "false", "", 200 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", cases[i].fields, NULL);
        rig_inbound(arena_printf(&rig.program, CHECK, cases[i].ignore_case, cases[i].values).p);
        rig_run();
        if (rig.rt.response.status != cases[i].status)
            fail_msg("case %zu: %d (%.*s)", i, rig.rt.response.status, SLICE_ARG(rig.rt.error.message));
    }
}

static void test_check_header_failures(void **state)
{
    rig_inbound("<check-header name='X-Key' failed-check-httpcode='403' failed-check-error-message='No "
                "&quot;key&quot;'/>");
    rig_run();
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"No \\\"key\\\"\" }");
    assert_last_error("check-header", "HeaderNotFound",
                      "Header X-Key was not found in the request. Access denied.");
    rig_request("GET", "/", "X-Key: abc", NULL);
    rig_inbound("<check-header name='X-Key' failed-check-httpcode='@(400 + 1)' "
                "failed-check-error-message='@(\"m\")'><value>d</value></check-header>");
    rig_run();
    assert_response(401, "{ \"statusCode\": 401, \"message\": \"m\" }");
    assert_last_error("check-header", "HeaderValueNotAllowed",
                      "Header X-Key value of abc is not allowed. Access denied.");
}

/* ---- ip-filter ---- */

static void test_ip_filter(void **state)
{
    static const struct {
        const char *caller, *action, *list;
        int status;
    } cases[] = {
        { "10.0.0.1", "allow", "<address>10.0.0.1</address>", 200 },
        { "10.0.0.2", "allow", "<address>10.0.0.1</address>", 403 },
        { "10.0.0.9", "allow", "<address-range from='10.0.0.0' to='10.0.0.9'/>", 200 },
        { "10.0.0.10", "allow", "<address-range from='10.0.0.0' to='10.0.0.9'/>", 403 },
        { "10.0.1.0", "allow", "<address-range from='10.0.0.0' to='10.0.255.1'/>", 200 },
        { "10.0.0.1", "forbid", "<address>10.0.0.1</address>", 403 },
        { "10.0.0.2", "forbid", "<address>10.0.0.1</address>", 200 },
        { "not an ip", "forbid", "<address>10.0.0.1</address>", 200 },
        { "not an ip", "allow", "<address>10.0.0.1</address>", 403 },
        { "::1", "allow", "<address>10.0.0.1</address><address>0:0::1</address>", 200 },
        { "::ffff:10.0.0.1", "allow", "<address>10.0.0.1</address>", 200 },
        { "::a00:1", "allow", "<address>10.0.0.1</address>", 403 },
        { "fe80::5", "forbid", "<address-range from='fe80::' to='fe80::ff'/>", 403 },
        { "10.0.0.1", "@(\"al\" + \"low\")", "<address>@(\"10.0.0\" + \".1\")</address>", 200 },
        { "10.0.0.2", "allow", "<address>@(\"10.0.0\" + \".1\")</address>", 403 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig_request("GET", "/", "", NULL);
        rig.rt.client_ip = slice_from(cases[i].caller);
        rig_inbound(arena_printf(&rig.program, "<ip-filter action='%s'>%s</ip-filter>", cases[i].action,
                                 cases[i].list)
                        .p);
        rig_run();
        if (rig.rt.response.status != cases[i].status)
            fail_msg("%s, %s %s: %d (%.*s)", cases[i].caller, cases[i].action, cases[i].list,
                     rig.rt.response.status, SLICE_ARG(rig.rt.error.message));
    }
}

static void assert_ip_error(const char *caller, const char *action, const char *reason, const char *message)
{
    rig_request("GET", "/", "", NULL);
    rig.rt.client_ip = slice_from(caller);
    rig_inbound(
        arena_printf(&rig.program, "<ip-filter action='%s'><address>10.0.0.1</address></ip-filter>", action)
            .p);
    rig_run();
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Forbidden\" }");
    assert_last_error("ip-filter", reason, message);
}

static void test_ip_filter_errors(void **state)
{
    assert_ip_error("x", "allow", "FailedToParseCallerIP",
                    "Failed to establish IP address for the caller. Access denied.");
    assert_ip_error("10.0.0.2", "allow", "CallerIpNotAllowed",
                    "Caller IP address 10.0.0.2 is not allowed. Access denied.");
    assert_ip_error("10.0.0.1", "forbid", "CallerIpBlocked", "Caller IP address is blocked. Access denied.");
}

static void test_ip_filter_refused(void **state)
{
    rig_refused_inbound("<ip-filter action='allow'/>", "needs an <address> or <address-range>");
    rig_refused_inbound("<ip-filter action='maybe'><address>10.0.0.1</address></ip-filter>",
                        "expected one of allow, forbid");
    rig_refused_inbound("<ip-filter action='allow'><address>10.0.0.0/8</address></ip-filter>",
                        "use <address-range");
    rig_refused_inbound("<ip-filter action='allow'><address>10.0.0</address></ip-filter>",
                        "is not an IP address");
    rig_refused_inbound(
        "<ip-filter action='allow'><address-range from='10.0.0.2' to='10.0.0.1'/></ip-filter>",
        "holds no address");
    rig_refused_inbound("<ip-filter action='allow'><address-range from='10.0.0.2' to='::1'/></ip-filter>",
                        "holds no address");
}

/* ---- cors ---- */

#define CORS(attributes, methods)                                                                 \
    "<cors " attributes                                                                           \
    "><allowed-origins><origin>https://app.example/</origin><origin>http://b.example:80</origin>" \
    "</allowed-origins>" methods                                                                  \
    "<allowed-headers><header>content-type</header><header>X-A</header></allowed-headers>"        \
    "<expose-headers><header>X-Total</header><header>X-B</header></expose-headers></cors>"
#define METHODS         \
    "<allowed-methods " \
    "preflight-result-max-age='300'><method>GET</method><method>PUT</method></allowed-methods>"

static void request(const char *method, const char *fields)
{
    rig.forwarded = 0;
    rig_request(method, "/", fields, NULL);
    rig_run();
}

static void test_cors_request(void **state)
{
    rig_inbound(CORS("allow-credentials='true'", METHODS));
    request("GET", "Origin: https://APP.example");
    assert_int_equal(rig.forwarded, 1);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "https://APP.example");
    assert_field(&rig.rt.response, "Access-Control-Allow-Credentials", "true");
    assert_field(&rig.rt.response, "Access-Control-Expose-Headers", "X-Total,X-B");
    assert_field(&rig.rt.response, "Vary", "Origin");
    request("GET", "Origin: http://b.example");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "http://b.example");
    request("GET", "");
    assert_int_equal(rig.forwarded, 1);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
    assert_field(&rig.rt.response, "Vary", "Origin");
    request("GET", "Origin: http://gateway.example"); /* its own */
    assert_int_equal(rig.forwarded, 1);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
}

static void test_cors_unmatched(void **state)
{
    rig_inbound(CORS("", METHODS));
    request("GET", "Origin: https://evil.example");
    assert_response(200, "");
    assert_int_equal(rig.forwarded, 0);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
    request("POST", "Origin: https://evil.example");
    assert_int_equal(rig.forwarded, 1);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
    rig_inbound(CORS("terminate-unmatched-request='false'", METHODS));
    request("GET", "Origin: https://evil.example");
    assert_int_equal(rig.forwarded, 1);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
}

static void test_cors_any(void **state)
{
    rig.answer_fields = "Vary: Accept\nAccess-Control-Allow-Origin: https://backend";
    rig_inbound("<cors><allowed-origins><origin>*</origin></allowed-origins></cors>");
    request("GET", "Origin: https://x.example");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "*");
    assert_field(&rig.rt.response, "Access-Control-Allow-Credentials", NULL);
    assert_field(&rig.rt.response, "Vary", "Accept, Origin");
}

static void test_cors_on_errors(void **state)
{
    rig.status = 0;
    rig_inbound(CORS("", METHODS));
    request("GET", "Origin: https://app.example");
    assert_int_equal(rig.rt.response.status, 500);
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "https://app.example");
}

/* Refused before policies run: the headers are there, and terminate-unmatched-request decides nothing. */
static void test_cors_of_refused_requests(void **state)
{
    const struct rt_fault fault = { .status = 401, .reason = "SubscriptionKeyNotFound", .message = SLICE("no") };
    static const char *const origins[][2] = { { "Origin: https://app.example", "https://app.example" },
                                              { "Origin: https://evil.example", NULL },
                                              { "", NULL } };

    rig_inbound(CORS("", METHODS) "<set-header name='A'><value>1</value></set-header>");
    for (size_t i = 0; i < COUNT_OF(origins); i++) {
        rig_request("GET", "/", origins[i][0], NULL);
        rig.rt.pipeline = policy_compose(&rig.program, rig.documents, 4);
        policy_run_refused(&rig.rt, "authorization", &fault);
        assert_response(401, "{ \"statusCode\": 401, \"message\": \"no\" }");
        assert_field(&rig.rt.response, "Access-Control-Allow-Origin", origins[i][1]);
        assert_field(&rig.rt.response, "Vary", "Origin");
        assert_field(&rig.rt.request, "A", NULL);
        assert_last_error("authorization", "SubscriptionKeyNotFound", "no");
        assert_slice(rig.rt.error.path, "");
    }
}

static void preflight(const char *fields)
{
    rig_request("OPTIONS", "/", fields, NULL);
    rig.rt.pipeline = policy_compose(&rig.program, rig.documents, 4);
    policy_run_preflight(&rig.rt);
}

static void test_cors_preflight(void **state)
{
    rig_inbound("<set-header name='A'><value>1</value></set-header>" CORS("", METHODS));
    preflight("Origin: https://app.example\nAccess-Control-Request-Method: "
              "PUT\nAccess-Control-Request-Headers: x-a, Content-Type");
    assert_response(200, "");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "https://app.example");
    assert_field(&rig.rt.response, "Access-Control-Allow-Methods", "GET,PUT");
    assert_field(&rig.rt.response, "Access-Control-Allow-Headers", "content-type,X-A");
    assert_field(&rig.rt.response, "Access-Control-Max-Age", "300");
    assert_field(&rig.rt.response, "Vary", "Origin");
    assert_field(&rig.rt.request, "A", NULL);
    assert_int_equal(rig.forwarded, 0);
}

static void test_cors_preflight_unmatched(void **state)
{
    static const char *const cases[] = {
        "Origin: https://evil.example\nAccess-Control-Request-Method: PUT",
        "Origin: https://app.example\nAccess-Control-Request-Method: DELETE",
        "Origin: https://app.example\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: "
        "X-A, X-Other",
    };

    rig_inbound(CORS("", METHODS));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        preflight(cases[i]);
        assert_response(200, "");
        assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
        assert_field(&rig.rt.response, "Access-Control-Allow-Methods", NULL);
    }
}

static void test_cors_preflight_defaults(void **state)
{
    rig_inbound("<cors><allowed-origins><origin>*</origin></allowed-origins><allowed-headers><header>*</"
                "header></allowed-headers></cors>");
    preflight("Origin: https://x.example\nAccess-Control-Request-Method: "
              "POST\nAccess-Control-Request-Headers: X-Q,X-R");
    assert_field(&rig.rt.response, "Access-Control-Allow-Methods", "GET,POST");
    assert_field(&rig.rt.response, "Access-Control-Allow-Headers", "X-Q,X-R");
    assert_field(&rig.rt.response, "Access-Control-Max-Age", NULL);
    preflight("Origin: https://x.example\nAccess-Control-Request-Method: PUT");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", NULL);
}

static void test_cors_of_an_outer_scope(void **state)
{
    rig_global("<policies><inbound>" CORS("", METHODS) "</inbound></policies>");
    rig_inbound("<cors "
                "terminate-unmatched-request='false'><allowed-origins><origin>https://in.example</origin></"
                "allowed-origins></cors><base/>");
    preflight("Origin: https://app.example\nAccess-Control-Request-Method: PUT");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "https://app.example");
    assert_true(policy_pipeline_has_cors(rig.rt.pipeline));
    rig_inbound("<set-method>GET</set-method>");
    rig.rt.pipeline = policy_compose(&rig.program, rig.documents, 4);
    assert_false(policy_pipeline_has_cors(rig.rt.pipeline));
}

/* A fragment's statements stand where it is included. */
static void test_cors_of_a_fragment(void **state)
{
    rig_fragment("inner", "<fragment><set-method>GET</set-method>" CORS("", METHODS) "</fragment>");
    rig_fragment("outer", "<fragment><include-fragment fragment-id='inner'/></fragment>");
    rig_inbound("<include-fragment fragment-id='outer'/><base/>");
    preflight("Origin: https://app.example\nAccess-Control-Request-Method: PUT");
    assert_field(&rig.rt.response, "Access-Control-Allow-Origin", "https://app.example");
    assert_slice(rig.rt.request.method, "OPTIONS");
    assert_true(policy_pipeline_has_cors(rig.rt.pipeline));
}

/* ---- authentication-basic ---- */

static void test_authentication_basic(void **state)
{
    rig_request("GET", "/", "Authorization: Bearer x", NULL);
    rig_inbound("<authentication-basic username='u' password='@(\"p\" + \":q\")'/>");
    rig_run();
    assert_field(&rig.rt.request, "Authorization", "Basic dTpwOnE=");
}

/* ---- authentication-managed-identity ---- */

#define IDENTITY(attributes) "<authentication-managed-identity resource='https://vault.azure.net'" attributes "/>"

static void run_identity(const char *statements)
{
    rig_request("GET", "/", "Authorization: Bearer x", NULL);
    rig_inbound(statements);
    rig_run();
}

static void test_managed_identity(void **state)
{
    rig.token = "ey.a-b";
    rig.rt.tracing = true;
    run_identity(IDENTITY(""));
    assert_field(&rig.rt.request, "Authorization", "Bearer ey.a-b");
    assert_string_equal(rig.token_for, "https://vault.azure.net []");
    run_identity("<authentication-managed-identity resource=\" @(\"api://\" + context.Request.Method) \" "
                 "client-id=' @(\"c1\") ' ignore-error='true'/>");
    assert_string_equal(rig.token_for, "api://GET [c1]");
    assert_field(&rig.rt.request, "Authorization", "Bearer ey.a-b");
}

/* With a variable no field is set. */
static void test_managed_identity_variable(void **state)
{
    rig.token = "ey.a-b";
    run_identity(IDENTITY(" output-token-variable-name='t'"));
    assert_string_equal(rig_variable("t"), "ey.a-b");
    assert_field(&rig.rt.request, "Authorization", "Bearer x");
}

static void test_managed_identity_failures(void **state)
{
    run_identity(IDENTITY(""));
    assert_last_error("authentication-managed-identity", "BackendConnectionFailure", "IMDS: refused");
    assert_int_equal(rig.rt.response.status, 500);
    assert_int_equal(rig.forwarded, 0);
    run_identity(IDENTITY(" ignore-error='true'"));
    assert_false(rig.rt.error.present);
    assert_field(&rig.rt.request, "Authorization", "Bearer x");
    run_identity("<set-variable name='t' value='old'/>" IDENTITY(" ignore-error='true' output-token-variable-name='t'"));
    assert_string_equal(rig_variable("t"), "(none)");
    rig.token = "ey";
    run_identity("<authentication-managed-identity resource='@(\" \")'/>");
    assert_last_error("authentication-managed-identity", "BackendConnectionFailure", "The resource is empty.");
}

static void test_managed_identity_refused(void **state)
{
    rig_refused_inbound("<authentication-managed-identity/>", "resource");
    rig_refused_inbound(IDENTITY(" ignore-error='@(true)'"), "ignore-error");
    rig_refused_inbound(IDENTITY(" output-token-variable-name='@(\"a\")'"), "output-token-variable-name");
}

/* In send-request it is that request's, in any section. */
static void test_managed_identity_of_a_call(void **state)
{
    rig.token = "ey.a-b";
    rig.call_status = 200;
    rig_request("GET", "/", "Authorization: Bearer x", NULL);
    rig_outbound("<send-request response-variable-name='r'><set-url>http://s</set-url>" IDENTITY("") "</send-request>");
    rig_run();
    assert_string_equal(rig.call, "GET http://s [Bearer ey.a-b] -");
    assert_field(&rig.rt.request, "Authorization", "Bearer x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_check_header),
        rig_test(test_check_header_failures),
        rig_test(test_ip_filter),
        rig_test(test_ip_filter_errors),
        rig_test(test_ip_filter_refused),
        rig_test(test_cors_request),
        rig_test(test_cors_unmatched),
        rig_test(test_cors_any),
        rig_test(test_cors_on_errors),
        rig_test(test_cors_of_refused_requests),
        rig_test(test_cors_preflight),
        rig_test(test_cors_preflight_unmatched),
        rig_test(test_cors_preflight_defaults),
        rig_test(test_cors_of_an_outer_scope),
        rig_test(test_cors_of_a_fragment),
        rig_test(test_authentication_basic),
        rig_test(test_managed_identity),
        rig_test(test_managed_identity_variable),
        rig_test(test_managed_identity_failures),
        rig_test(test_managed_identity_refused),
        rig_test(test_managed_identity_of_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
