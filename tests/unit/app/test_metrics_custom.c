/* Custom metrics as exposition text: names, labels, limits. One table for the process, so that the tests have an order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/metrics.h"

static struct arena scratch;
static char text[8 << 20];

static bool count(const char *space, const char *name, double value, const char *label, const char *label_value)
{
    struct metrics_label l = { slice_from(label), slice_from(label_value) };

    return metrics_custom(&scratch, slice_from(space), slice_from(name), value, &l, label ? 1 : 0);
}

static const char *written(void)
{
    struct arena a;
    struct buf b;

    arena_init_growing(&a, 64 << 20);
    buf_init(&b, &a);
    metrics_custom_write(&b);
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(buf_slice(&b)));
    arena_free(&a);
    return text;
}

static void assert_has(const char *line)
{
    if (!strstr(written(), line))
        fail_msg("no %s in\n%.3000s", line, text);
}

static void test_names(void **state)
{
    static const struct {
        const char *space, *name, *label, *value, *line;
    } cases[] = {
        { "API Management", "Calls", "API ID", "a", "\nAPI_Management_Calls_total{API_ID=\"a\"} 1\n" },
        { "my-ns", "ai.tokens", "x", "q\"\\\nz", "\nmy_ns_ai_tokens_total{x=\"q\\\"\\\\\\nz\"} 1\n" },
        { "", "2nd", "9", "", "\n_2nd_total{_9=\"\"} 1\n" },
        { "n", "x_total", "__name__", "a", "\nn_x_total{_name__=\"a\"} 1\n" },
        { "gateway", "requests", "api", "a", "\ncustom_gateway_requests_total{api=\"a\"} 1\n" },
        { "process", "cpu seconds", NULL, NULL, "\ncustom_process_cpu_seconds_total 1\n" },
        { "n", "größe", "ü", "größe", "\nn_gr____e_total{_=\"größe\"} 1\n" },
        { "n", "bad", "x", "a\xff" "b", "\nn_bad_total{x=\"a\"} 1\n" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(count(cases[i].space, cases[i].name, 1, cases[i].label, cases[i].value));
        assert_has(cases[i].line);
    }
    struct metrics_label two[] = { { SLICE("a b"), SLICE("1") }, { SLICE("a-b"), SLICE("2") }, { SLICE("c"), SLICE("3") } };
    assert_true(metrics_custom(&scratch, SLICE("n"), SLICE("two"), 1, two, 3));
    assert_has("\nn_two_total{a_b=\"1\",c=\"3\"} 1\n");
}

static void test_sums(void **state)
{
    assert_true(count("s", "sum", 0.5, "x", "1"));
    assert_true(count("s", "sum", 2, "x", "1"));
    assert_true(count("s", "sum", 1e15, "x", "2"));
    assert_true(count("s", "sum", 0, "x", "3"));
    assert_has("# HELP s_sum_total Of a policy.\n# TYPE s_sum_total counter\ns_sum_total{x=\"1\"} 2.5\n"
               "s_sum_total{x=\"2\"} 1e+15\ns_sum_total{x=\"3\"} 0\n");
    assert_false(count("s", "sum", -1, "x", "1"));
    assert_false(count("s", "sum", NAN, "x", "1"));
    assert_false(count("s", "sum", INFINITY, "x", "1"));
    assert_has("\nholdfast_custom_metrics_dropped_total 3\n");
    assert_has("\ns_sum_total{x=\"1\"} 2.5\n");
}

/* A long value is cut, a series that is longer than one may be is dropped. */
static void test_lengths(void **state)
{
    char value[METRICS_CUSTOM_VALUE_MAX + 2];
    struct metrics_label five[5] = { 0 };

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    assert_true(count("l", "long", 1, "x", value));
    value[METRICS_CUSTOM_VALUE_MAX] = 0;
    assert_true(count("l", "long", 1, "x", value));
    written();
    assert_non_null(strstr(strstr(text, value), "\"} 2\n"));
    for (int i = 0; i < 5; i++)
        five[i] = (struct metrics_label){ slice_of(&"abcde"[i], 1), slice_from(value) };
    assert_false(metrics_custom(&scratch, SLICE("l"), SLICE("long"), 1, five, 5));
    assert_true(metrics_custom(&scratch, SLICE("l"), SLICE("long"), 1, five, 3));
    assert_false(scratch.overflow);
    assert_int_equal(scratch.used, 0);
}

/* Whatever clients send: so many series and no more; those that are there go on. */
static void test_the_limit(void **state)
{
    char value[16];
    unsigned taken = 0;

    for (unsigned i = 0; i < METRICS_CUSTOM_MAX + 10; i++) {
        snprintf(value, sizeof value, "%u", i);
        taken += count("f", "full", 1, "x", value);
    }
    assert_in_range(taken, METRICS_CUSTOM_MAX - 100, METRICS_CUSTOM_MAX - 1);
    assert_false(count("f", "another", 1, "x", "1"));
    assert_true(count("f", "full", 1, "x", "0"));
    assert_has("\nf_full_total{x=\"0\"} 2\n");
    unsigned lines = 0;
    for (const char *p = written(); *p; p++)
        lines += *p == '\n' && p[1] != '#' && p[1];
    assert_int_equal(lines, METRICS_CUSTOM_MAX + 1);
}

int main(void)
{
    static char memory[16 << 10];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_the_limit),
    };

    arena_init_fixed(&scratch, memory, sizeof memory);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
