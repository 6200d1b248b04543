/* The policies that count: rate-limit-by-key, rate-limit, quota, quota-by-key, limit-concurrency. */
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
    rig_inbound(
        "<rate-limit-by-key calls='2' renewal-period='60' counter-key='k' remaining-calls-header-name='Left' "
        "total-calls-header-name='Total' remaining-calls-variable-name='left' "
        "retry-after-variable-name='wait'/>");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "1");
    assert_field(&rig.rt.response, "Total", "2");
    assert_string_equal(rig_variable("left"), "1");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "0");
    assert_int_equal(call(), 429);
    assert_response(
        429, "{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in 57 seconds.\" }");
    assert_field(&rig.rt.response, "Retry-After", "57");
    assert_field(&rig.rt.response, "Total", "2");
    assert_field(&rig.rt.response, "Left", NULL);
    assert_string_equal(rig_variable("wait"), "57");
    assert_last_error("rate-limit-by-key", "RateLimitExceeded", "Rate limit is exceeded");
    assert_int_equal(rig.forwarded, 2);
}

static void test_rate_limit_body_size(void **state)
{
    rig_inbound("<rate-limit-by-key calls='0' renewal-period='60' counter-key='k' "
                "retry-after-header-name='X-Wait'/>");
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
    rig_inbound("<rate-limit calls='3' renewal-period='301'/>");
    rig_warned("'renewal-period' is more than the 300 seconds");
}

/* ---- rate-limit ---- */

static void test_rate_limit(void **state)
{
    rig_product("<policies><inbound><rate-limit calls='2' renewal-period='60' "
                "remaining-calls-variable-name='left'/></inbound></policies>");
    assert_int_equal(call(), 200);
    assert_string_equal(rig_variable("left"), "1");
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 429);
    assert_response(
        429, "{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in 57 seconds.\" }");
    assert_last_error("rate-limit", "RateLimitExceeded", "Rate limit is exceeded");
    assert_slice(rig.rt.error.scope, "product");
    rig.subscription.id = SLICE("sub-2");
    assert_int_equal(call(), 200);
    rig.product.id = SLICE("prod-2");
    rig.subscription.id = SLICE("sub-1");
    assert_int_equal(call(), 200);
}

static void test_rate_limit_without_a_subscription(void **state)
{
    rig_inbound("<rate-limit calls='0' renewal-period='60'/>");
    rig_request("GET", "/", "", NULL);
    rig.rt.subscription = NULL;
    rig_run();
    assert_int_equal(rig.rt.response.status, 200);
    assert_int_equal(call(), 429);
}

static void test_rate_limit_of_apis_and_operations(void **state)
{
    rig_product(
        "<policies><inbound><rate-limit calls='10' renewal-period='60' remaining-calls-header-name='Left'>"
        "<api id='api-1' calls='3' renewal-period='60'><operation name='Op One' calls='1' "
        "renewal-period='60'/></api>"
        "<api name='Other' calls='0' renewal-period='60'/></rate-limit></inbound></policies>");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "0");
    assert_int_equal(call(), 429);
    rig.operation.name = SLICE("Op Two");
    rig.operation.id = SLICE("op-2");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "1"); /* the refused call did not count */
    rig.api.id = SLICE("x");
    rig.api.name = SLICE("Other");
    assert_int_equal(call(), 429);
    rig.api.name = SLICE("Third");
    assert_int_equal(call(), 200);
    assert_field(&rig.rt.response, "Left", "7");
}

static void test_rate_limit_refused(void **state)
{
    rig_refused_inbound("<rate-limit calls='1'/>", "needs the attribute 'renewal-period'");
    rig_refused_inbound(
        "<rate-limit calls='1' renewal-period='1'><api calls='1' renewal-period='1'/></rate-limit>",
        "<api> needs the attribute 'id' or 'name'");
    rig_refused_inbound("<rate-limit calls='@(1)' renewal-period='1'/>", "'calls' takes no expression");
}

/* ---- quota ---- */

static void test_quota(void **state)
{
    rig_product("<policies><inbound><quota calls='2' renewal-period='3000'/></inbound></policies>");
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 403);
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Out of call volume quota. Quota will be "
                         "replenished in 00:26:44.\" }");
    assert_field(&rig.rt.response, "Retry-After", "1604");
    assert_slice(rig.rt.response.reason, "Quota Exceeded");
    assert_last_error("quota", "QuotaExceeded",
                      "Out of call volume quota. Quota will be replenished in 00:26:44.");
    rig.wall_ns += UINT64_C(1604) * 1000000000;
    assert_int_equal(call(), 200);
}

static void test_quota_of_a_subscription_with_a_start(void **state)
{
    rig.subscription.start_ns = rig.wall_ns - UINT64_C(90000) * 1000000000;
    rig_inbound("<quota calls='0' renewal-period='P2D'/>");
    assert_int_equal(call(), 403);
    assert_field(&rig.rt.response, "Retry-After", "82800");
    rig_inbound("<quota calls='0' renewal-period='P3DT1H'/>");
    assert_int_equal(call(), 403);
    assert_last_error("quota", "QuotaExceeded", "replenished in 2.00:00:00.");
}

static void test_quota_bandwidth(void **state)
{
    rig_inbound("<quota bandwidth='1' renewal-period='0'/>");
    for (int i = 0; i < 2; i++) {
        rig.traffic = 100;
        rig.answer_bytes = 600;
        assert_int_equal(call(), 200);
    }
    assert_int_equal(rig.counters[0].bytes, 1400);
    assert_int_equal(call(), 403);
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Out of bandwidth quota.\" }");
    assert_field(&rig.rt.response, "Retry-After", NULL);
    rig.rt.subscription = NULL;
}

/* <api> and <operation> take the period around them, and what one limit refuses no other counts. */
static void test_quota_of_apis_and_operations(void **state)
{
    rig_product("<policies><inbound><quota calls='10' renewal-period='3000'><api id='api-1' calls='1'>"
                "<operation id='op-1' calls='5'/></api></quota></inbound></policies>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.n_counters, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rig.counters[i].period_s, 3000);
        assert_int_equal(rig.counters[i].used, 1);
    }
    assert_int_equal(call(), 403);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig.counters[i].used, 1);
}

static void test_quota_refused(void **state)
{
    rig_refused_inbound("<quota renewal-period='60'/>", "<quota> needs calls or bandwidth");
    rig_refused_inbound("<quota calls='1'/>", "needs the attribute 'renewal-period'");
    rig_refused_inbound("<quota calls='1' renewal-period=''/>", "'renewal-period' must not be empty");
    rig_refused_inbound("<quota calls='1' renewal-period='soon'/>",
                        "expected seconds, or a duration such as P1D");
    rig_refused_inbound("<quota-by-key calls='1' renewal-period='60' counter-key='k'/>",
                        "expected 0, or 300 to");
    rig_refused_inbound("<quota-by-key calls='1' renewal-period='300' counter-key='k' "
                        "first-period-start='2022-13-01T00:00:00Z'/>",
                        "expected yyyy-MM-ddTHH:mm:ssZ");
}

/* ---- quota-by-key ---- */

static void test_quota_by_key(void **state)
{
    rig.wall_ns = UINT64_C(1642725696) * 1000000000; /* 00:41:36 */
    rig_inbound("<quota-by-key calls='1' renewal-period='600' counter-key='@(context.Request.IpAddress)'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 403);
    assert_response(403, "{ \"statusCode\": 403, \"message\": \"Out of call volume quota. Quota will be "
                         "replenished in 00:08:24.\" }");
    assert_int_equal(rig.rt.response.body.data.n, 100);
    assert_field(&rig.rt.response, "Retry-After", "504");
    assert_last_error("quota-by-key", "QuotaExceeded", "Out of call volume quota.");
}

static void test_quota_by_key_start(void **state)
{
    rig_inbound("<quota-by-key calls='0' renewal-period='3600' counter-key='k' "
                "first-period-start='2022-01-21T02:00:16Z'/>");
    assert_int_equal(call(), 403);
    assert_field(&rig.rt.response, "Retry-After", "420");
}

static void test_quota_by_key_once_per_request(void **state)
{
#define BY_KEY "<quota-by-key calls='3' renewal-period='600' counter-key='k'/>"
    rig_inbound(BY_KEY BY_KEY);
    assert_int_equal(call(), 200);
    assert_int_equal(rig.counters[0].used, 1);
}

static void test_quota_by_key_counts_by_response(void **state)
{
    rig_inbound("<quota-by-key calls='3' renewal-period='600' counter-key='k' increment-count='2' "
                "increment-condition='@(context.Response.StatusCode == 200)'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.counters[0].used, 2);
    rig.status = 404;
    assert_int_equal(call(), 404);
    assert_int_equal(rig.counters[0].used, 2);
    rig.status = 200;
    assert_int_equal(call(), 200);
    assert_int_equal(call(), 403);
}

/* A condition that is false counts nothing: no call, no traffic. */
static void test_quota_by_key_uncounted(void **state)
{
    rig.traffic = 700;
    rig_inbound("<quota-by-key calls='3' bandwidth='1' renewal-period='600' counter-key='k' "
                "increment-condition='@(context.Request.Headers.ContainsKey(\"Count\"))'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.counters[0].used, 0);
    assert_int_equal(rig.counters[0].bytes, 0);
    rig_request("GET", "/", "Count: 1", NULL);
    rig_run();
    assert_int_equal(rig.counters[0].used, 1);
    assert_int_equal(rig.counters[0].bytes, 700);
}

/* Calls by one statement, bandwidth by another of the same key. */
static void test_quota_by_key_shared(void **state)
{
    rig.answer_bytes = 2000;
    rig_inbound("<quota-by-key calls='3' renewal-period='600' counter-key='k'/>"
                "<quota-by-key bandwidth='1' renewal-period='600' counter-key='k'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.counters[0].used, 1);
    assert_int_equal(rig.counters[0].bytes, 2000);
    assert_int_equal(call(), 403);
    assert_last_error("quota-by-key", "QuotaExceeded", "Out of bandwidth quota.");
}

/* Windows of other lengths and starts are counted apart, each once a request. */
static void test_quota_by_key_windows_apart(void **state)
{
    rig_inbound("<quota-by-key calls='3' renewal-period='600' counter-key='k'/>"
                "<quota-by-key calls='3' renewal-period='6000' counter-key='k'/>"
                "<quota-by-key calls='3' renewal-period='600' counter-key='k' "
                "first-period-start='2022-01-21T02:00:16Z'/>");
    assert_int_equal(call(), 200);
    assert_int_equal(rig.n_counters, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rig.counters[i].used, 1);
}

/* ---- limit-concurrency ---- */

static void test_limit_concurrency(void **state)
{
    rig_inbound("<limit-concurrency key='@(\"k\")' max-count='1'><set-variable name='in' "
                "value='yes'/></limit-concurrency>");
    assert_int_equal(call(), 200);
    assert_string_equal(rig_variable("in"), "yes");
    assert_int_equal(rig.counters[0].inside, 0);
    rig.counters[0].inside = 1;
    assert_int_equal(call(), 429);
    assert_last_error("limit-concurrency", "ConcurrencyLimitExceeded", "");
    assert_string_equal(rig_variable("in"), "(none)");
    assert_int_equal(rig.counters[0].inside, 1);
}

static void test_limit_concurrency_gives_back(void **state)
{
    static const char *const ends[] = { "<return-response/>",
                                        "<set-body>@(int.Parse(\"x\").ToString())</set-body>", "" };

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        rig_inbound(arena_printf(&rig.program,
                                 "<limit-concurrency key='k' max-count='1'>%s</limit-concurrency>", ends[i])
                        .p);
        call();
        assert_int_equal(rig.counters[0].inside, 0);
    }
}

static void test_without_counters(void **state)
{
    static const char *const statements[] = {
        "<limit-concurrency key='k' max-count='1'/>", "<quota calls='1' renewal-period='0'/>",
        "<quota-by-key calls='1' renewal-period='0' counter-key='k'/>",
    };

    rig.host.enter = NULL;
    rig.host.quota_take = NULL;
    for (size_t i = 0; i < COUNT_OF(statements); i++) {
        rig_inbound(statements[i]);
        assert_int_equal(call(), 500);
        assert_slice(rig.rt.error.reason, "NotAvailable");
    }
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
        rig_test(test_rate_limit),
        rig_test(test_rate_limit_without_a_subscription),
        rig_test(test_rate_limit_of_apis_and_operations),
        rig_test(test_rate_limit_refused),
        rig_test(test_quota),
        rig_test(test_quota_of_a_subscription_with_a_start),
        rig_test(test_quota_bandwidth),
        rig_test(test_quota_of_apis_and_operations),
        rig_test(test_quota_refused),
        rig_test(test_quota_by_key),
        rig_test(test_quota_by_key_start),
        rig_test(test_quota_by_key_once_per_request),
        rig_test(test_quota_by_key_counts_by_response),
        rig_test(test_quota_by_key_uncounted),
        rig_test(test_quota_by_key_shared),
        rig_test(test_quota_by_key_windows_apart),
        rig_test(test_limit_concurrency),
        rig_test(test_limit_concurrency_gives_back),
        rig_test(test_without_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
