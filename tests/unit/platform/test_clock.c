/* Time and its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "platform/clock.h"

static void test_text(void **state)
{
    char text[CLOCK_TEXT_MAX];
    uint64_t ns = UINT64_C(1705649994) * NS_PER_S + 666123456;

    (void)state;
    assert_int_equal(clock_format(ns, 3, text), 23);
    assert_string_equal(text, "2024-01-19T07:39:54.666");
    clock_format(ns, 7, text);
    assert_string_equal(text, "2024-01-19T07:39:54.6661234");
    clock_format(ns, 9, text);
    assert_string_equal(text, "2024-01-19T07:39:54.666123456");
    clock_format(ns, 99, text);
    assert_string_equal(text, "2024-01-19T07:39:54.666123456");
    clock_format(ns, 0, text);
    assert_string_equal(text, "2024-01-19T07:39:54");
    clock_format(0, 1, text);
    assert_string_equal(text, "1970-01-01T00:00:00.0");
    clock_format(UINT64_MAX, 9, text);
    assert_string_equal(text, "2554-07-21T23:34:33.709551615");
}

/* Each day of four centuries and more, against the C library. */
static void test_dates(void **state)
{
    char ours[CLOCK_TEXT_MAX], theirs[80];

    (void)state;
    for (uint64_t day = 0; day < 580 * 366; day++) {
        time_t t = (time_t)(day * 86400 + day % 86400);
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        clock_format((uint64_t)t * NS_PER_S, 0, ours);
        assert_string_equal(ours, theirs);
    }
}

static void test_parse(void **state)
{
    static const struct { const char *text; uint64_t ns; } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-01-31T12:00:00Z", UINT64_C(1769860800) * NS_PER_S },
        { "2026-01-31T12:00:00.25Z", UINT64_C(1769860800) * NS_PER_S + 250 * NS_PER_MS },
        { "2026-01-31T12:00:00", UINT64_C(1769860800) * NS_PER_S },
        { "2026-01-31T13:30:00+01:30", UINT64_C(1769860800) * NS_PER_S },
        { "2026-01-31T11:00:00.1234567-01:00", UINT64_C(1769860800) * NS_PER_S + 123456700 },
        { "2026-01-31", UINT64_C(1769817600) * NS_PER_S },
    };
    static const char *const wrong[] = { "", "x", "2026", "2026-13-01", "2026-01-31T25:00:00Z", "2026-01-31T12:00", "2026-01-31Tx",
                                         "2026-01-31T12:00:00+1", "2026-01-31T12:00:00Zz", "1969-12-31T23:59:59Z",
                                         "1970-01-01T00:00:00+01:00", "2026-01-31T12:00:00.00000000000000000000000000000000000000Z" };
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(clock_parse(slice_from(rows[i].text), &ns));
        assert_true(ns == rows[i].ns);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(clock_parse(slice_from(wrong[i]), &ns));
}

static void test_clocks_run(void **state)
{
    uint64_t mono = clock_mono_ns(), wall = clock_wall_ns(), cpu = clock_thread_cpu_us();

    (void)state;
    usleep(20000);
    assert_in_range(clock_mono_ns() - mono, 20 * NS_PER_MS, 10 * NS_PER_S);
    assert_true(wall > UINT64_C(1700000000) * NS_PER_S);
    assert_in_range(clock_thread_cpu_us() - cpu, 0, 15000); /* asleep it uses none */
    for (cpu = clock_thread_cpu_us(); clock_thread_cpu_us() < cpu + 1000;)
        ;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_clocks_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
