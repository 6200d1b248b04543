/* The System types of the library, a line of core_cases.def each: an expression and what .NET answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/expr/expr.h"

#define ARENA_BYTES ((size_t)4 << 20)

static const struct {
    const char *source, *want; /* the printed value, or "type: message" of the exception */
} cases[] = {
#define CASE(source, want) { source, want },
#include "tests/unit/policy/expr/core_cases.def"
#undef CASE
};

static void answers(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena program, work;
        struct expr_run run = { .arena = &work };
        struct expr_error err = { 0 };
        struct expr_exception exc = { 0 };
        struct expr_value out;
        struct slice text;
        const struct expr *e;

        arena_init_growing(&program, ARENA_BYTES);
        arena_init_growing(&work, ARENA_BYTES);
        e = expr_compile(&program, slice_from(cases[i].source), NULL, &err);
        if (!e)
            text = slice_from(err.message);
        else if (!expr_eval(e, &run, &out, &exc) || !expr_print(&run, out, &text, &exc))
            text = arena_printf(&work, "%.*s: %.*s", SLICE_ARG(exc.type), SLICE_ARG(exc.message));
        if (!slice_eq(text, slice_from(cases[i].want))) {
            print_error("%s\ngives %.*s\nnot   %s\n", cases[i].source, SLICE_ARG(text), cases[i].want);
            wrong++;
        }
        arena_free(&work);
        arena_free(&program);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(answers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
