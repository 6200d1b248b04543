/* policy/effective: sections of scopes inside each other. */
#include "tests/unit/policy/rig.h"

#include "policy/effective.h"

static const char *effective(const char *operation, const char *api, const char *global)
{
    const struct policy_source sources[] = { { "Operation", slice_from(operation) }, { "API", slice_from(api) }, { "Global", slice_from(global) } };
    struct buf out;
    struct err err;

    buf_init(&out, &rig.program);
    if (!policy_effective(&rig.program, sources, COUNT_OF(sources), &out, &err))
        return arena_cstr(&rig.program, slice_from(err.text));
    return buf_slice(&out).p;
}

#define DEFAULTS "    <backend><forward-request /></backend>\n    <outbound></outbound>\n    <on-error></on-error>\n</policies>\n"

static void test_nesting(void **state)
{
    (void)state;
    assert_string_equal(effective("", "", ""), "<policies>\n    <inbound></inbound>\n" DEFAULTS);
    assert_string_equal(effective("<policies><inbound><a x=\"@(1 < 2 ? \"b\" : \"c\")\"/><base /><d/></inbound></policies>", "",
                                  "<policies><inbound><g/></inbound></policies>"),
                        "<policies>\n    <inbound><!-- base: Begin Operation scope --><a x=\"@(1 < 2 ? \"b\" : \"c\")\"/>"
                        "<!-- base: Begin Global scope --><g/><!-- base: End Global scope --><d/>"
                        "<!-- base: End Operation scope --></inbound>\n"
                        "    <backend><!-- base: Begin Operation scope --><!-- base: Begin Global scope --><forward-request />"
                        "<!-- base: End Global scope --><!-- base: End Operation scope --></backend>\n"
                        "    <outbound><!-- base: Begin Operation scope --><!-- base: Begin Global scope --><!-- base: End Global scope -->"
                        "<!-- base: End Operation scope --></outbound>\n"
                        "    <on-error><!-- base: Begin Operation scope --><!-- base: Begin Global scope --><!-- base: End Global scope -->"
                        "<!-- base: End Operation scope --></on-error>\n</policies>\n");
}

/* Without <base/> the outer scopes do not run; a bare section counts as <policies>. */
static void test_without_base(void **state)
{
    (void)state;
    assert_non_null(strstr(effective("", "<inbound>\n  <a/>\n</inbound>", "<policies><inbound><g/></inbound></policies>"),
                           "<inbound><!-- base: Begin API scope -->\n  <a/>\n<!-- base: End API scope --></inbound>"));
    assert_non_null(strstr(effective("", "<policies><backend /></policies>", ""),
                           "<backend><!-- base: Begin API scope --><!-- base: End API scope --></backend>"));
    assert_non_null(strstr(effective("", "<policies><inbound>", ""), "API scope: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nesting, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_without_base, rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
