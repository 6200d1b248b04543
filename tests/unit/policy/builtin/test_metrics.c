/* Metrics of an author's own: emit-metric. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_emit_metric),
        rig_test(test_default_dimensions),
        rig_test(test_emit_metric_failures),
        rig_test(test_emit_metric_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
