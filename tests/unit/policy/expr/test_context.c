/* The expressions every policy uses, over a request made of tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/hash.h"
#include "policy/expr/expr.h"
#include "policy/expr/host.h"

static struct expr_scalar item(void *data, enum expr_item which)
{
    (void)data;
    switch (which) {
    case EXPR_GATEWAY_ID: return (struct expr_scalar){ .present = true, .text = SLICE("edge-1") };
    case EXPR_REQUEST_IP: return (struct expr_scalar){ .present = true, .text = SLICE("10.1.2.3") };
    case EXPR_SUBSCRIPTION_ID: return (struct expr_scalar){ .present = true, .text = SLICE("sub") };
    case EXPR_SUBSCRIPTION_KEY: return (struct expr_scalar){ .present = true, .text = SLICE("k1") };
    default: return (struct expr_scalar){ .present = false };
    }
}

static bool header(const struct expr_message *m, struct slice name, uint32_t hash, size_t nth, struct slice *value)
{
    static const char *const values[] = { "one", "two" };

    (void)m;
    assert_int_equal(hash, hash_name(name));
    if (!slice_eq_icase(name, SLICE("X-Test")) || nth > 1)
        return false;
    *value = slice_from(values[nth]);
    return true;
}

static bool has_body(const struct expr_message *m)
{
    (void)m;
    return true;
}

static enum expr_body_state body(const struct expr_message *m, bool preserve, struct arena *a, struct slice *out, struct slice *error)
{
    (void)m;
    (void)preserve;
    (void)a;
    (void)error;
    *out = SLICE("{\"a\":{\"b\":[1,\"x\"]}}");
    return EXPR_BODY_OK;
}

static struct slice method(const struct expr_message *m)
{
    (void)m;
    return SLICE("POST");
}

static const struct expr_message_ops ops = { .header = header, .has_body = has_body, .body = body, .method = method };
static const struct expr_message message = { &ops };

static const struct expr_message *request(void *data)
{
    (void)data;
    return &message;
}

static bool variable(void *data, struct slice name, struct expr_value *out)
{
    (void)data;
    *out = slice_eq(name, SLICE("n")) ? expr_value_from_int(42) : expr_value_from_text(NULL, SLICE("text"));
    return !slice_eq(name, SLICE("none"));
}

static const struct expr_host host = { .item = item, .request = request, .variable = variable };

/* The printed result, or the exception's type. */
static void expect(const char *source, const char *want)
{
    char program_memory[65536], memory[65536];
    struct arena program, work;
    struct expr_run run = { .arena = &work, .host = &host };
    struct expr_error err;
    struct expr_exception exc = { 0 };
    struct expr_value out;
    struct slice text;
    const struct expr *e;

    arena_init_fixed(&program, program_memory, sizeof program_memory);
    arena_init_fixed(&work, memory, sizeof memory);
    e = expr_compile(&program, slice_from(source), NULL, &err);
    if (!e)
        text = slice_from(err.message);
    else if (!expr_eval(e, &run, &out, &exc) || !expr_print(&run, out, &text, &exc))
        text = exc.type;
    if (!slice_eq(text, slice_from(want)))
        fail_msg("%s: %.*s, not %s", source, SLICE_ARG(text), want);
    arena_free(&program);
    arena_free(&work);
}

static void scalars(void **state)
{
    (void)state;
    expect("@(context.Deployment.Gateway.Id)", "edge-1");
    expect("@(context.Request.IpAddress.StartsWith(\"10.\"))", "true");
    expect("@(context.Subscription.Id + context.Subscription?.Key)", "subk1");
    expect("@(context.User?.Id ?? \"anonymous\")", "anonymous");
    expect("@(context.User.Id)", "System.NullReferenceException");
    expect("@(context.Response == null ? 1 : 0)", "1");
}

static void headers(void **state)
{
    (void)state;
    expect("@(context.Request.Headers.GetValueOrDefault(\"x-test\", \"\"))", "one,two");
    expect("@(context.Request.Headers.GetValueOrDefault(\"none\", \"d\") == \"d\")", "true");
    expect("@(context.Request.Headers[\"X-Test\"][1])", "two");
    expect("@(context.Request.Headers.ContainsKey(\"X-Test\") && context.Request.Method == \"POST\")", "true");
}

static void variables(void **state)
{
    (void)state;
    expect("@((int)context.Variables[\"n\"] + 1)", "43");
    expect("@(context.Variables.GetValueOrDefault<string>(\"s\"))", "text");
    expect("@(context.Variables.GetValueOrDefault(\"none\", \"d\"))", "d");
    expect("@((string)context.Variables[\"n\"])", "System.InvalidCastException");
    expect("@($\"v={context.Variables[\"n\"],4}\")", "v=  42");
}

static void bodies(void **state)
{
    (void)state;
    expect("@(context.Request.Body.As<string>(preserveContent: true).Length)", "19");
    expect("@((string)context.Request.Body.As<JObject>(true)[\"a\"][\"b\"][1])", "x");
    expect("@(context.Request.Body.As<int>(true))", "System.NotSupportedException");
    expect("@{ var b = context.Request.Body.As<JObject>(); b[\"c\"] = 5; return b; }", "{\"a\":{\"b\":[1,\"x\"]},\"c\":5}");
}

static void budgets(void **state)
{
    (void)state;
    expect("@{ while (true) { } }", "Holdfast.BudgetException");
    expect("@{ var s = \"x\"; while (true) s += s; }", "Holdfast.BudgetException");
    expect("@{ int F(int n) { return F(n + 1); } return F(0); }", "Holdfast.BudgetException");
    expect("@{ try { while (true) { } } catch { return 1; } }", "Holdfast.BudgetException");
}

static void messages(void **state)
{
    (void)state;
    expect("@(context.Request.Foo)", "'IRequest' has no member 'Foo'");
    expect("@(\"a\".Substring(\"b\"))", "'string' has no method 'Substring' taking (string)");
    expect("@(1 + )", "an expression expected at the end");
    expect("@{ goto x; }", "'goto' is not supported in policy expressions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars), cmocka_unit_test(headers), cmocka_unit_test(variables),
        cmocka_unit_test(bodies), cmocka_unit_test(budgets), cmocka_unit_test(messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
