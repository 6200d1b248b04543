/* Sliding windows: exact for small limits, never too generous for large ones, bounded in number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <cmocka.h>

#include "app/counters.h"

static void test_small_limit_is_exact(void **state)
{
    struct counter_window w = { 3, 2000 };

    assert_true(counters_open(1024));
    assert_int_equal(counters_take(SLICE("k"), &w, 1, 10000).remaining, 2);
    assert_int_equal(counters_take(SLICE("k"), &w, 1, 10500).remaining, 1);
    assert_int_equal(counters_take(SLICE("k"), &w, 1, 11999).remaining, 0);
    struct counter_state denied = counters_take(SLICE("k"), &w, 1, 11999);
    assert_false(denied.allowed);
    assert_int_equal(denied.retry_after_ms, 1);
    assert_true(counters_take(SLICE("k"), &w, 1, 12000).allowed);
    denied = counters_take(SLICE("k"), &w, 1, 12000);
    assert_false(denied.allowed);
    assert_int_equal(denied.retry_after_ms, 500);
    assert_true(counters_take(SLICE("other"), &w, 1, 12000).allowed);
    counters_close();
}

static void test_large_limit(void **state)
{
    struct counter_window w = { 100, 24000 };

    assert_true(counters_open(1024));
    for (int i = 0; i < 100; i++)
        assert_true(counters_take(SLICE("k"), &w, 1, 50000 + (uint64_t)i * 10).allowed);
    struct counter_state denied = counters_take(SLICE("k"), &w, 1, 51100);
    assert_false(denied.allowed);
    assert_in_range(denied.retry_after_ms, 1, 24000);
    assert_false(counters_take(SLICE("k"), &w, 1, 50000 + 23999).allowed);
    assert_true(counters_take(SLICE("k"), &w, 1, 51100 + denied.retry_after_ms).allowed);
    counters_close();
}

static void test_looking_does_not_count(void **state)
{
    struct counter_window w = { 1, 1000 };

    assert_true(counters_open(1024));
    assert_true(counters_take(SLICE("k"), &w, 0, 5000).allowed);
    assert_true(counters_take(SLICE("k"), &w, 0, 5000).allowed);
    counters_add(SLICE("k"), &w, 1, 5000);
    assert_false(counters_take(SLICE("k"), &w, 0, 5000).allowed);
    assert_true(counters_take(SLICE("k"), &w, 0, 6000).allowed);
    counters_close();
}

static void test_table_is_bounded(void **state)
{
    struct counter_window w = { 10, 1000 };
    char key[32];

    assert_true(counters_open(512));
    for (unsigned i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key-%u", i);
        assert_true(counters_take(slice_of(key, (size_t)n), &w, 1, 7000 + i).allowed);
    }
    assert_true(counters_stats().used <= 512 + 256);
    assert_true(counters_stats().reused_live > 0);
    counters_close();
}

#define THREADS 4
static _Atomic unsigned passed;

static void *hammer(void *arg)
{
    struct counter_window w = { 1000, 60000 };

    for (int i = 0; i < 1000; i++)
        if (counters_take(SLICE("shared"), &w, 1, 90000).allowed)
            atomic_fetch_add(&passed, 1);
    return arg;
}

static void test_exact_over_threads(void **state)
{
    pthread_t threads[THREADS];

    assert_true(counters_open(1024));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(passed, 1000);
    counters_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_limit_is_exact), cmocka_unit_test(test_large_limit),
        cmocka_unit_test(test_looking_does_not_count), cmocka_unit_test(test_table_is_bounded),
        cmocka_unit_test(test_exact_over_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
