/* The System types of the library, a line of core_cases.def each: an expression and what .NET answers. */
#include "tests/unit/policy/expr/sample.h"

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
        struct expr_error err = { 0 };

        arena_init_growing(&program, ARENA_BYTES);
        arena_init_growing(&work, ARENA_BYTES);
        struct slice text = sample_answer(&program, &work, cases[i].source, "", &err);
        if (!text.p)
            text = slice_from(err.message);
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
