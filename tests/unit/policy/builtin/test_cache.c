/* The policies of the value cache: cache-lookup-value, cache-store-value, cache-remove-value. */
#include "tests/unit/policy/rig.h"

static struct {
    struct slice key;
    struct expr_value value;
    uint64_t seconds;
    bool used;
} cached;

static bool cache_get(struct rt *rt, struct slice key, struct expr_value *out)
{
    (void)rt;
    if (!cached.used || !slice_eq(cached.key, key))
        return false;
    *out = cached.value;
    return true;
}

static void cache_put(struct rt *rt, struct slice key, struct expr_value value, uint64_t seconds)
{
    (void)rt;
    cached.key = arena_copy(&rig.program, key);
    cached.seconds = seconds;
    cached.used = expr_value_copy(&rig.program, value, &cached.value);
}

static void cache_remove(struct rt *rt, struct slice key)
{
    (void)rt;
    cached.used = cached.used && !slice_eq(cached.key, key);
}

static void run(const char *statements)
{
    rig_request("GET", "/", "", NULL);
    rig_inbound(statements);
    rig_run();
    assert_int_equal(rig.rt.response.status, 200);
}

static void test_value_cache(void **state)
{
    rig.host.cache_get = cache_get;
    rig.host.cache_put = cache_put;
    rig.host.cache_remove = cache_remove;
    cached.used = false;
    run("<cache-lookup-value key='k' variable-name='v'/><set-variable name='has' "
        "value='@(context.Variables.ContainsKey(\"v\"))'/>");
    assert_string_equal(rig_variable("has"), "False");
    run("<cache-lookup-value key='k' variable-name='v' default-value='@(1 + 1)'/>");
    assert_string_equal(rig_variable("v"), "2");
    run("<cache-store-value key='@(\"k\" + 1)' value='@(40 + 2)' duration='@(60)' caching-type='internal'/>");
    assert_int_equal(cached.seconds, 60);
    run("<cache-lookup-value key='k1' variable-name='v' default-value='none' caching-type='prefer-external'/>"
        "<set-variable name='w' value='@((int)context.Variables[\"v\"] + 1)'/>");
    assert_string_equal(rig_variable("w"), "43");
    run("<cache-remove-value key='k1'/><cache-lookup-value key='k1' variable-name='v'/>");
    assert_string_equal(rig_variable("v"), "(none)");
    run("<cache-store-value key='z' value='1' duration='0'/>");
    assert_false(cached.used);
}

static void test_without_a_cache(void **state)
{
    run("<cache-store-value key='k' value='1' duration='60'/><cache-lookup-value key='k' variable-name='v' "
        "default-value='d'/>"
        "<cache-remove-value key='k'/>");
    assert_string_equal(rig_variable("v"), "d");
}

static void test_refused(void **state)
{
    rig_refused_inbound("<cache-lookup-value key='k'/>", "needs the attribute 'variable-name'");
    rig_refused_inbound("<cache-store-value key='k' value='v'/>", "needs the attribute 'duration'");
    rig_refused_inbound("<cache-remove-value key='k' caching-type='magic'/>",
                        "expected one of prefer-external, internal, external");
}

int main(void)
{
    const struct CMUnitTest tests[] = { rig_test(test_value_cache), rig_test(test_without_a_cache),
                                        rig_test(test_refused) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
