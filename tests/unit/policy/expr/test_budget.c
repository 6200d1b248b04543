/* Hostile expressions: each ends as a budget exception, in time, within its memory, and no catch sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "policy/expr/expr.h"

#define MEMORY ((size_t)4 << 20)
/* Far over what a budget allows (some 60 ms here, more under sanitizers), far below what an escape takes. */
#define LIMIT_US 5000000 /* sanitizers included */

#define BIG "var s = string.Concat(Enumerable.Repeat(\"abcdefgh,\", 20000)); " \
            "var u = string.Concat(Enumerable.Repeat(\"\\u00e9b\\ud83d\\ude00\", 20000)); var l = Enumerable.Range(0, 30000).ToList(); "
#define LOOP(what) "@{ " BIG "for (;;) { " what "; } }"
#define DEEP(make, use) "@{ object o = 1, p = 1; for (int i = 0; i < 20000; i++) { o = " make("o") "; p = " make("p") "; } return " use "; }"
#define ANONYMOUS(x) "new { a = " x " }"
#define TUPLE(x) "Tuple.Create(" x ")"
#define PAIR(x) "new KeyValuePair<string,object>(\"k\", " x ")"

static const char *const escapes[] = {
    /* loops and calls */
    "@{ while (true) { } }",
    "@{ for (;;) ; }",
    "@{ do { } while (true); }",
    "@{ int f(int x) => f(x + 1); return f(0); }",
    "@{ int f(int x) { return 1 + f(x + 1); } return f(0); }",
    "@{ Func<int,int> f = null; f = x => new[] {1}.Select(y => f(x + 1)).First(); return f(0); }",
    "@{ while (true) try { throw new Exception(\"x\"); } catch { } }",
    "@{ while (true) try { new string('x', 1 << 30); } catch { } finally { } }",
    "@{ try { while (true) { } } catch (Exception e) when (e.Message != null) { return 1; } finally { } }",
    /* endless sequences */
    "@(Enumerable.Range(0, int.MaxValue).Count(x => x < 0))",
    "@(Enumerable.Range(0, int.MaxValue).OrderBy(x => -x).First())",
    "@(Enumerable.Repeat(1, int.MaxValue).SelectMany(x => Enumerable.Range(0, int.MaxValue)).Contains(-1))",
    "@(string.Join(\",\", Enumerable.Range(0, int.MaxValue)))",
    "@(Enumerable.Range(0, 20000).Join(Enumerable.Range(0, 20000), x => 1, y => 1, (x, y) => x).Count())",
    /* growth */
    "@{ string s = \"x\"; while (true) s += s; }",
    "@(new string('x', 1 << 30))",
    "@(\"\".PadLeft(2000000000))",
    "@(new byte[int.MaxValue])",
    "@(1.0.ToString(\"F999999999\"))",
    "@{ var l = new List<int>(); while (true) l.Add(1); }",
    "@{ var o = new JObject(); for (int i = 0; ; i++) o[\"k\" + i] = i; }",
    "@{ JToken t = new JArray(1); for (int i = 0; i < 40; i++) t = new JArray(t, t); return t; }",
    "@{ var x = new XElement(\"a\"); while (true) x.Add(new XElement(\"b\")); }",
    "@(Regex.Replace(new string('x', 100000), \"x\", new string('y', 100000)))",
    /* work that makes nothing */
    LOOP("s.GetHashCode()"), LOOP("u.GetHashCode()"), LOOP("s.Equals(s + \"\")"), LOOP("s.IndexOf('z')"), LOOP("var c = u[1]"),
    LOOP("char.IsDigit(u, 5000)"), LOOP("u.Trim('\\u00e9')"), LOOP("string.Compare(s, s + \"x\")"), LOOP("u.LastIndexOf(\"x\")"),
    LOOP("s.IndexOfAny(new[] {'x','y'})"), LOOP("u.LastIndexOfAny(new[] {'x'})"), LOOP("l.Reverse()"), LOOP("l.Insert(0, 1)"),
    LOOP("{ l.RemoveAt(0); l.Add(1); }"), LOOP("l.IndexOf(-1)"), LOOP("var b = s == u + s"), LOOP("l.ToString()"),
    LOOP("s.Equals(u, StringComparison.OrdinalIgnoreCase)"), LOOP("object.Equals(l, s)"),
    "@{ var s = new string('a', 500000); return s.IndexOf(new string('a', 250000) + \"b\", StringComparison.OrdinalIgnoreCase); }",
    "@{ var s = new string('\\u00e9', 100000); return s.LastIndexOf(new string('\\u00e9', 50000) + \"b\") + s.Trim('\\u00e9').Length; }",
    /* nesting: the C stack must not follow it */
    DEEP(TUPLE, "o.ToString()"), DEEP(TUPLE, "o.Equals(p)"), DEEP(TUPLE, "o.GetHashCode()"), DEEP(ANONYMOUS, "o.ToString()"),
    DEEP(ANONYMOUS, "o.Equals(p)"), DEEP(PAIR, "o.ToString()"), DEEP(PAIR, "o.GetHashCode()"),
    DEEP(TUPLE, "System.Collections.Generic.Comparer<object>.Default.Compare(o, p)"), DEEP(ANONYMOUS, "JsonConvert.SerializeObject(o)"),
    "@{ var l = new List<object>(); l.Add(l); return JToken.FromObject(l); }",
};

static const char *evaluate(const char *source, struct arena *work, struct expr_value *out)
{
    struct expr_run run = { .arena = work };
    struct expr_exception exc = { 0 };
    struct expr_error err;
    struct arena program;
    const struct expr *e;
    const char *what;

    arena_init_growing(&program, MEMORY);
    e = expr_compile(&program, slice_from(source), NULL, &err);
    if (!e)
        fail_msg("%s: %s", source, err.message);
    what = expr_eval(e, &run, out, &exc) ? "a value" : exc.budget ? "budget" : arena_cstr(work, exc.type);
    arena_free(&program);
    return what;
}

static void ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        uint64_t began = clock_thread_cpu_us(), took;
        struct expr_value out;
        struct arena work;
        const char *what;

        arena_init_growing(&work, MEMORY);
        what = evaluate(escapes[i], &work, &out);
        took = clock_thread_cpu_us() - began;
        if (strcmp(what, "budget") != 0 || took > LIMIT_US)
            fail_msg("%s: %s after %llu us", escapes[i], what, (unsigned long long)took);
        arena_free(&work);
    }
}

/* What is large and honest stays within the same budgets. */
static void leaves_room(void **state)
{
    static const char *const fine[] = {
        "@{ int n = 0; for (int i = 0; i < 200000; i++) n += i % 7; return n; }",
        "@{ var s = new string('a', 100000); int n = 0; for (int i = 0; i < s.Length; i++) n += s[i]; return n; }",
        "@{ int n = 0; foreach (var c in new string('\\u00e9', 30000)) n += c; return n; }",
        "@(Enumerable.Range(0, 10000).Select(x => x.ToString()).OrderBy(x => x).Distinct().Count())",
        "@(string.Join(\",\", Enumerable.Range(0, 10000)).Replace(\"1\", \"x\", StringComparison.OrdinalIgnoreCase).Length)",
        "@{ object o = 1; for (int i = 0; i < 20; i++) o = new { a = o }; return o.ToString(); }",
    };

    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        struct expr_value out;
        struct arena work;
        const char *what;

        arena_init_growing(&work, MEMORY);
        what = evaluate(fine[i], &work, &out);
        if (strcmp(what, "a value") != 0)
            fail_msg("%s: %s", fine[i], what);
        arena_free(&work);
    }
}

static unsigned pauses;

static void count_pause(void *data)
{
    assert_ptr_equal(data, &pauses);
    pauses++;
}

/* Every 4,096 steps, and before long library work however few steps it is. */
static void gives_way(void **state)
{
    struct arena work, program;
    struct expr_run run = { .arena = &work, .steps = 100000, .pause = count_pause, .pause_data = &pauses };
    struct expr_exception exc;
    struct expr_error err;
    struct expr_value out;
    const struct expr *e;

    (void)state;
    arena_init_growing(&work, MEMORY);
    arena_init_growing(&program, MEMORY);
    e = expr_compile(&program, SLICE("@{ while (true) { } }"), NULL, &err);
    assert_non_null(e);
    assert_false(expr_eval(e, &run, &out, &exc));
    assert_in_range(pauses, 100000 / 4096, 100000 / 4096 + 2);
    e = expr_compile(&program, SLICE("@(Regex.IsMatch(new string('x', 70000), \"y\"))"), NULL, &err);
    assert_non_null(e);
    pauses = 0;
    assert_true(expr_eval(e, &run, &out, &exc));
    assert_true(pauses >= 1);
    arena_free(&work);
    arena_free(&program);
}

static void work_for_others(void *data)
{
    uint64_t began = clock_thread_cpu_us();

    (void)data;
    while (clock_thread_cpu_us() - began < 100000)
        ;
}

/* What other fibers do on the thread while the evaluation gives way is not its time. */
static void pays_for_itself_alone(void **state)
{
    struct arena work, program;
    struct expr_run run = { .arena = &work, .pause = work_for_others };
    struct expr_exception exc;
    struct expr_error err;
    struct expr_value out;

    (void)state;
    arena_init_growing(&work, MEMORY);
    arena_init_growing(&program, MEMORY);
    const struct expr *e = expr_compile(&program, SLICE("@{ var s = new string('x', 70000); int n = 0; for (int i = 0; i < 3; i++) "
                                                        "if (Regex.IsMatch(s, \"y\")) n++; for (int i = 0; i < 5000; i++) n += i; "
                                                        "return n; }"), NULL, &err);
    assert_non_null(e);
    assert_true(expr_eval(e, &run, &out, &exc));
    arena_free(&work);
    arena_free(&program);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(ends), cmocka_unit_test(leaves_room), cmocka_unit_test(gives_way),
                                               cmocka_unit_test(pays_for_itself_alone) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
