/* Tests of expressions, one line each: the expression and the text it must print, or "!Type: message" of its exception. */
#ifndef TESTS_UNIT_POLICY_EXPR_SAMPLE_H
#define TESTS_UNIT_POLICY_EXPR_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/expr/expr.h"

struct sample {
    const char *expr, *want;
};

/* What the expression prints, or mark and "Type: message" of its exception; p == NULL, with *err, when it does not compile. The
 * arenas are the caller's to free. */
static struct slice sample_answer(struct arena *program, struct arena *work, const char *source, const char *mark, struct expr_error *err)
{
    struct expr_run run = { .arena = work };
    struct expr_exception exc = { 0 };
    struct expr_value out;
    struct slice text;
    const struct expr *e = expr_compile(program, slice_from(source), NULL, err);

    if (!e)
        return SLICE_NONE;
    if (!expr_eval(e, &run, &out, &exc) || !expr_print(&run, out, &text, &exc))
        return arena_printf(work, "%s%.*s: %.*s", mark, SLICE_ARG(exc.type), SLICE_ARG(exc.message));
    return text;
}

static inline void check(const struct sample *s)
{
    struct arena program, work;
    struct expr_error err = { 0 };

    arena_init_growing(&program, (size_t)4 << 20);
    arena_init_growing(&work, (size_t)16 << 20);
    struct slice text = sample_answer(&program, &work, s->expr, "!", &err);
    if (!text.p)
        fail_msg("%s: %s", s->expr, err.message);
    if (!slice_eq(text, slice_from(s->want)))
        fail_msg("%s: %.*s, not %s", s->expr, SLICE_ARG(text), s->want);
    arena_free(&work);
    arena_free(&program);
}

/* Up to the sample without an expression. */
static inline void check_all(const struct sample *s)
{
    for (; s->expr; s++)
        check(s);
}

#define BUDGET "!Holdfast.BudgetException: the expression used up its budget of steps, memory or depth"

#endif
