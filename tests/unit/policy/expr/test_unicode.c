/* Categories of known characters, at the borders of runs and inside alternating ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/compiler.h"
#include "policy/expr/unicode.h"

static const struct {
    uint32_t cp;
    enum unicode_category category;
} known[] = {
    { 0, UNICODE_CC }, { ' ', UNICODE_ZS }, { 'A', UNICODE_LU }, { 'Z', UNICODE_LU }, { 'a', UNICODE_LL }, { '0', UNICODE_ND },
    { '_', UNICODE_PC }, { '-', UNICODE_PD }, { '(', UNICODE_PS }, { ')', UNICODE_PE }, { '+', UNICODE_SM }, { '$', UNICODE_SC },
    { '^', UNICODE_SK }, { 0x7f, UNICODE_CC }, { 0xa0, UNICODE_ZS }, { 0xab, UNICODE_PI }, { 0xbb, UNICODE_PF }, { 0xbd, UNICODE_NO },
    { 0xe9, UNICODE_LL }, { 0x100, UNICODE_LU }, { 0x101, UNICODE_LL }, { 0x139, UNICODE_LU }, { 0x13a, UNICODE_LL },
    { 0x1c5, UNICODE_LT }, { 0x2b0, UNICODE_LM }, { 0x300, UNICODE_MN }, { 0x903, UNICODE_MC }, { 0x5d0, UNICODE_LO },
    { 0x2028, UNICODE_ZL }, { 0x2029, UNICODE_ZP }, { 0x200d, UNICODE_CF }, { 0x20ac, UNICODE_SC }, { 0x2160, UNICODE_NL },
    { 0x65e5, UNICODE_LO }, { 0xd800, UNICODE_CS }, { 0xdfff, UNICODE_CS }, { 0xe000, UNICODE_CO }, { 0xffff, UNICODE_CN },
    { 0x1f600, UNICODE_SO }, { 0x10ffff, UNICODE_CN }, { 0x488, UNICODE_ME },
};

static void categories(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (unicode_category(known[i].cp) != known[i].category)
            fail_msg("U+%04X: %d, not %d", known[i].cp, unicode_category(known[i].cp), known[i].category);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(categories) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
