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

#define BEGIN(scope) "\n        <!-- base: Begin " scope " scope -->"
#define END(scope) "\n        <!-- base: End " scope " scope -->"
#define LINE(text) "\n        " text
#define SECTION(name, text) "    <" name ">" text "\n    </" name ">\n"

static void test_nesting(void **state)
{
    (void)state;
    assert_string_equal(effective("", "", ""), "<policies>\n" SECTION("inbound", "") SECTION("backend", LINE("<forward-request />"))
                                               SECTION("outbound", "") SECTION("on-error", "") "</policies>\n");
    assert_string_equal(effective("<policies><inbound><a x=\"@(1 < 2 ? \"b\" : \"c\")\"/><base /><d/></inbound></policies>", "",
                                  "<policies><inbound><g/></inbound></policies>"),
                        "<policies>\n"
                        SECTION("inbound", BEGIN("Operation") LINE("<a x=\"@(1 < 2 ? \"b\" : \"c\")\"/>") BEGIN("Global") LINE("<g/>")
                                END("Global") LINE("<d/>") END("Operation"))
                        SECTION("backend", BEGIN("Operation") BEGIN("Global") LINE("<forward-request />") END("Global") END("Operation"))
                        SECTION("outbound", BEGIN("Operation") BEGIN("Global") END("Global") END("Operation"))
                        SECTION("on-error", BEGIN("Operation") BEGIN("Global") END("Global") END("Operation")) "</policies>\n");
}

/* Without <base/> the outer scopes do not run; a bare section counts as <policies>. */
static void test_without_base(void **state)
{
    (void)state;
    assert_non_null(strstr(effective("", "<inbound>\n  <a/>\n  <b/>\n</inbound>", "<policies><inbound><g/></inbound></policies>"),
                           SECTION("inbound", BEGIN("API") LINE("<a/>\n  <b/>") END("API"))));
    assert_non_null(strstr(effective("", "<policies><backend /></policies>", ""), SECTION("backend", BEGIN("API") END("API"))));
    assert_non_null(strstr(effective("", "<policies><inbound>", ""), "API scope: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        rig_test(test_nesting), rig_test(test_without_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
