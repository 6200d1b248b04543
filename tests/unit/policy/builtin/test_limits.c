/* The policies that count: rate-limit-by-key. */
#include "tests/unit/policy/rig.h"

static int call(void)
{
    rig_request("GET", "/", "", NULL);
    rig_run();
    return rig.rt.response.status;
}

/* ---- rate-limit-by-key ---- */

static void test_rate_limit_by_key(void **state)
{
    rig_inbound("<rate-limit-by-key calls='2' renewal-period='60' counter-key='k' remaining-calls-header-name='Left' "
                "total-calls-header-name='Total' remaining-calls-variable-name='left' retry-after-variable-name='wait'/>");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "1");
    assert_field(&rig.rt.response, "Total", "2");
    assert_string_equal(rig_variable("left"), "1");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "0");
    assert_int_equal(call(), 429);
    assert_response(429, "{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in 57 seconds.\" }");
    assert_field(&rig.rt.response, "Retry-After", "57");
    assert_field(&rig.rt.response, "Total", "2");
    assert_field(&rig.rt.response, "Left", NULL);
    assert_string_equal(rig_variable("wait"), "57");
    assert_last_error("rate-limit-by-key", "RateLimitExceeded", "Rate limit is exceeded");
    assert_int_equal(rig.forwarded, 2);
}

static void test_rate_limit_body_size(void **state)
{
    rig_inbound("<rate-limit-by-key calls='0' renewal-period='60' counter-key='k' retry-after-header-name='X-Wait'/>");
    call();
    assert_int_equal(rig.rt.response.body.data.n, 84); /* policies.md, appendix A 1 */
    assert_field(&rig.rt.response, "X-Wait", "57");
    assert_field(&rig.rt.response, "Retry-After", NULL);
}

static void test_rate_limit_keys(void **state)
{
    rig_inbound("<rate-limit-by-key calls='@(1)' renewal-period='@(10)' "
                "counter-key='@(context.Request.Headers.GetValueOrDefault(\"K\", \"none\"))'/>");
    rig_request("GET", "/", "K: a", NULL);
    rig_run();
    assert_int_equal(rig.rt.response.status, 200);
    rig_request("GET", "/", "K: b", NULL);
    rig_run();
    assert_int_equal(rig.rt.response.status, 200);
    rig_request("GET", "/", "K: a", NULL);
    rig_run();
    assert_int_equal(rig.rt.response.status, 429);
}

static void test_rate_limit_condition(void **state)
{
    rig_inbound("<rate-limit-by-key calls='1' renewal-period='10' counter-key='k' "
                "increment-condition='@(context.Request.Headers.ContainsKey(\"Count\"))'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 200);
    rig_request("GET", "/", "Count: 1", NULL);
    rig_run();
    assert_int_equal(rig.rt.response.status, 200);
    assert_int_equal(call(), 429);
}

static void test_rate_limit_counts_by_response(void **state)
{
    rig_inbound("<rate-limit-by-key calls='3' renewal-period='10' counter-key='k' increment-count='2' "
                "increment-condition='@(context.Response.StatusCode == 500)'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.counters[0].used, 0);
    rig.status = 0;
    assert_int_equal(call(), 500);
    assert_int_equal(rig.counters[0].used, 2);
    assert_int_equal(call(), 500);
    assert_int_equal(rig.counters[0].used, 4);
    assert_int_equal(call(), 429);
}

static void test_rate_limit_condition_that_fails_late(void **state)
{
    rig.answer_body = "fine";
    rig_inbound("<rate-limit-by-key calls='3' renewal-period='10' counter-key='k' "
                "increment-condition='@(context.Response.StatusCode == int.Parse(\"x\"))'/>");
    rig_request("GET", "/", "", NULL);
    rig_run();
    assert_response(200, "fine");
    assert_false(rig.rt.error.present);
    assert_int_equal(rig.counters[0].used, 0);
}

static void test_rate_limit_long_period(void **state)
{
    rig_inbound("<rate-limit-by-key calls='3' renewal-period='3600' counter-key='k'/>");
    rig_warned("'renewal-period' is more than the 300 seconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_rate_limit_by_key),
        rig_test(test_rate_limit_body_size),
        rig_test(test_rate_limit_keys),
        rig_test(test_rate_limit_condition),
        rig_test(test_rate_limit_counts_by_response),
        rig_test(test_rate_limit_condition_that_fails_late),
        rig_test(test_rate_limit_long_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
