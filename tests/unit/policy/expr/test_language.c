/* The expression language: the cases of tests/expr, one line each.
 * A line is an expression, two blanks, ->, two blanks, and what comes of it: the printed value, "!Type: message" of an
 * exception, or "?line:column: message" of what does not compile. Empty lines and those with # are skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "platform/file.h"
#include "policy/expr/expr.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define ARENA_BYTES ((size_t)16 << 20)

static void append(struct buf *out, const char *mark, struct slice head, struct slice message)
{
    buf_puts(out, mark);
    buf_put(out, head);
    buf_puts(out, ": ");
    buf_put(out, message);
}

static void outcome(struct slice source, struct buf *out, struct arena *work)
{
    struct arena program;
    struct expr_run run = { .arena = work };
    struct expr_error err = { 0 };
    struct expr_exception exc = { 0 };
    struct expr_value v;
    struct slice text;
    const struct expr *e;

    arena_init_growing(&program, ARENA_BYTES);
    e = expr_compile(&program, source, NULL, &err);
    if (!e)
        append(out, "?", arena_printf(work, "%u:%u", err.line, err.column), slice_from(err.message));
    else if (!expr_eval(e, &run, &v, &exc) || !expr_print(&run, v, &text, &exc))
        append(out, "!", exc.type, exc.message);
    else
        buf_put(out, text);
    arena_free(&program);
}

static unsigned check_line(const char *file, unsigned number, struct slice line)
{
    ptrdiff_t at = slice_find(line, SLICE("  ->  "));
    struct slice want;
    struct arena work;
    struct buf have;
    bool same;

    if (line.n == 0 || line.p[0] == '#')
        return 0;
    if (at < 0)
        fail_msg("%s:%u: no '  ->  '", file, number);
    want = slice_skip(line, (size_t)at + 6);
    arena_init_growing(&work, ARENA_BYTES);
    buf_init(&have, &work);
    outcome(slice_first(line, (size_t)at), &have, &work);
    same = slice_eq(buf_slice(&have), want);
    if (!same)
        print_error("%s:%u: %.*s\n    gives %.*s\n    not   %.*s\n", file, number, (int)at, line.p, SLICE_ARG(buf_slice(&have)),
                    SLICE_ARG(want));
    arena_free(&work);
    return !same;
}

static void check_file(const char *file)
{
    struct arena a;
    struct slice text, line;
    struct err err = { 0 };
    unsigned number = 0, wrong = 0;

    arena_init_growing(&a, 2 * FILE_MAX_BYTES);
    if (!file_read(&a, file, FILE_MAX_BYTES, &text, &err))
        fail_msg("%s: cannot be read", file);
    while (slice_cut(&text, '\n', &line))
        wrong += check_line(file, ++number, line);
    assert_true(number > 10);
    assert_int_equal(wrong, 0);
    arena_free(&a);
}

static void operators(void **state)
{
    (void)state;
    check_file("tests/expr/operators.txt");
}

static void statements(void **state)
{
    (void)state;
    check_file("tests/expr/statements.txt");
}

static void modern(void **state)
{
    (void)state;
    check_file("tests/expr/modern.txt");
}

static void errors(void **state)
{
    (void)state;
    check_file("tests/expr/errors.txt");
}

/* Of an expression with named values that nobody supplied: does it compile? */
static void open_names(void **state)
{
    static const char *const sources[] = {
        "@({{a}} + 1)",
        "@{ {{code}}; }",
        "@{ {{code}} }",
        "@{ int x; {{code}} return x; }",
        "@{ const int k = {{k}}; {{a}}++; {{b}} = 5; {{c}}(1); return {{d}}.Foo[1]; }",
        "@{ if ({{flag}}) return 1; foreach (var y in {{x}}) { y.Foo(); } using (var h = {{x}}) { return h; } }",
        "@{ switch ({{n}}) { case {{m}}: return 1; default: return {{o}}; } }",
        "@(context.Variables.GetValueOrDefault<{{type}}>(\"x\"))",
        "@(nameof({{x}}) + {{a}}[^1] + {{b}}[1..2] + ({{c}} is (1, 2)) + -{{d}} + ~{{e}} + !{{f}})",
        /* where the name stands for less or more than an operand */
        "@({{a}}{{b}})",
        "@((Foo{{t}})context.Variables[\"x\"])",
        "@(({{t}})context.Variables[\"x\"])",
        "@(context.Request.{{m}}(\"x\").Foo == 1 && {{flag}})",
        "@{ {{stmts}} return x + y.Length; }",
        "@{ var {{n}} = 1; return {{n}}; }",
        "@(new {{t}}(1).X + 1 {{op}} 2 + pre{{f}}post + 1{{f}} + {{n}}.5)",
        "@($\"{{{f}}} and {{{g}}}\")",
        "@(\"x\".Equals(\"y\", StringComparison.{{how}}))",
        "@{ return {{c}} }",
        "@(\"a,b\".Split('{{separator}}').Length)",
    };
    const struct expr_options opt = { .open_names = true };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        struct arena program;
        struct expr_error err = { 0 };

        arena_init_growing(&program, ARENA_BYTES);
        if (!expr_compile(&program, slice_from(sources[i]), &opt, &err))
            fail_msg("%s: %u:%u: %s", sources[i], err.line, err.column, err.message);
        arena_free(&program);
    }
}

/* What is wrong whatever a named value stands for is an error all the same. */
static void open_names_refused(void **state)
{
    static const struct { const char *source, *want; } rows[] = {
        { "@({{a}} +)", "an expression expected at the end" },
        { "@(context.Requst.Url == {{a}})", "'IProxyRequestContext' has no member 'Requst', did you mean 'Request'?" },
        { "@({{a}} == foo)", "the name 'foo' is not known" },
        { "@('ab' + {{a}})", "bad character literal" },
    };
    const struct expr_options opt = { .open_names = true };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena program;
        struct expr_error err = { 0 };

        arena_init_growing(&program, ARENA_BYTES);
        assert_null(expr_compile(&program, slice_from(rows[i].source), &opt, &err));
        assert_string_equal(err.message, rows[i].want);
        arena_free(&program);
    }
}

/* Rows of operators as generated code has them, and the end of patience. */
static void long_rows(void **state)
{
    static const struct { unsigned n; const char *first, *part, *want; } rows[] = {
        { 999, "@(1", "+1", "1000" },
        { 999, "@{ bool b = false; return b", "||b", "false" },
        { 1001, "@(1", "+1", "?1:2004: more than 1000 operators in a row" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena work;
        struct buf source, have;

        arena_init_growing(&work, ARENA_BYTES);
        buf_init(&source, &work);
        buf_init(&have, &work);
        buf_puts(&source, rows[i].first);
        for (unsigned k = 0; k < rows[i].n; k++)
            buf_puts(&source, rows[i].part);
        buf_puts(&source, rows[i].first[1] == '(' ? ")" : "; }");
        outcome(buf_slice(&source), &have, &work);
        assert_string_equal(arena_cstr(&work, buf_slice(&have)), rows[i].want);
        arena_free(&work);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(statements),
        cmocka_unit_test(modern),
        cmocka_unit_test(errors),
        cmocka_unit_test(open_names),
        cmocka_unit_test(open_names_refused),
        cmocka_unit_test(long_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
