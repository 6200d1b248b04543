/* Quotas: exact in their window, kept over a restart; concurrency counted in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app/quota.h"

static void test_windows(void **state)
{
    struct quota_window w = { 600, 7 }, next = { 600, 8 }, other = { 300, 7 };
    struct quota_use use;

    assert_true(quota_open(64, NULL));
    assert_true(quota_take(SLICE("k"), &w, 2, UINT64_MAX, 1, &use));
    assert_int_equal(use.calls, 0);
    assert_true(quota_take(SLICE("k"), &w, 2, UINT64_MAX, 1, &use));
    assert_false(quota_take(SLICE("k"), &w, 2, UINT64_MAX, 1, &use));
    assert_int_equal(use.calls, 2);
    assert_true(quota_take(SLICE("k"), &other, 2, UINT64_MAX, 1, &use));
    assert_true(quota_take(SLICE("j"), &w, 2, UINT64_MAX, 1, &use));
    assert_true(quota_take(SLICE("k"), &next, 2, UINT64_MAX, 1, &use));
    quota_add(SLICE("k"), &next, 0, 5000);
    assert_false(quota_take(SLICE("k"), &next, 99, 5000, 1, &use));
    assert_true(quota_take(SLICE("k"), &next, 99, 5001, 1, &use));
    quota_close();
}

/* One window back is a request that was long on its way; further back is a clock that was set. */
static void test_late_and_set_clocks(void **state)
{
    struct quota_window old = { 600, 7 }, next = { 600, 8 }, ancient = { 600, 3 };
    struct quota_use use;

    assert_true(quota_open(64, NULL));
    assert_true(quota_take(SLICE("k"), &next, 9, UINT64_MAX, 4, &use));
    quota_add(SLICE("k"), &old, 1, 100);
    assert_true(quota_take(SLICE("k"), &old, 9, UINT64_MAX, 1, &use));
    assert_true(quota_take(SLICE("k"), &next, 9, UINT64_MAX, 0, &use));
    assert_int_equal(use.calls, 6);
    assert_int_equal(use.bytes, 100);
    assert_true(quota_take(SLICE("k"), &ancient, 9, UINT64_MAX, 1, &use));
    assert_int_equal(use.calls, 0);
    quota_close();
}

static void test_restart(void **state)
{
    char dir[] = "/tmp/holdfast-quota-XXXXXX", command[128];
    struct quota_window w = { 600, 7 };
    struct quota_use use;

    assert_non_null(mkdtemp(dir));
    assert_true(quota_open(64, dir));
    for (int i = 0; i < 5; i++)
        assert_true(quota_take(SLICE("k"), &w, 100, UINT64_MAX, 1, &use));
    quota_add(SLICE("k"), &w, 0, 1234);
    quota_close();
    assert_true(quota_open(64, dir));
    assert_true(quota_take(SLICE("k"), &w, 100, UINT64_MAX, 0, &use));
    assert_int_equal(use.calls, 5);
    assert_int_equal(use.bytes, 1234);
    quota_close();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_bounded(void **state)
{
    struct quota_window w = { 600, 7 };
    struct quota_use use;
    char key[16];

    assert_true(quota_open(64, NULL));
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(key, sizeof key, "%d", i);
        assert_true(quota_take(slice_of(key, (size_t)n), &w, 1, UINT64_MAX, 1, &use));
        assert_false(quota_take(slice_of(key, (size_t)n), &w, 1, UINT64_MAX, 1, &use));
    }
    quota_close();
}

static void test_concurrency(void **state)
{
    char key[16];

    assert_true(concurrency_enter(SLICE("a"), 2));
    assert_true(concurrency_enter(SLICE("a"), 2));
    assert_false(concurrency_enter(SLICE("a"), 2));
    assert_true(concurrency_enter(SLICE("b"), 1));
    concurrency_leave(SLICE("a"));
    assert_true(concurrency_enter(SLICE("a"), 2));
    concurrency_leave(SLICE("a"));
    concurrency_leave(SLICE("a"));
    concurrency_leave(SLICE("b"));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < CONCURRENCY_KEYS_MAX; i++)
            assert_true(concurrency_enter(slice_of(key, (size_t)snprintf(key, sizeof key, "%u", i)), 1));
        assert_false(concurrency_enter(SLICE("one more"), 1));
        for (unsigned i = 0; i < CONCURRENCY_KEYS_MAX; i++) {
            struct slice k = slice_of(key, (size_t)snprintf(key, sizeof key, "%u", i));
            assert_false(concurrency_enter(k, 1));
            concurrency_leave(k);
        }
    }
    assert_true(concurrency_enter(SLICE("one more"), 1));
    concurrency_leave(SLICE("one more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_windows), cmocka_unit_test(test_late_and_set_clocks), cmocka_unit_test(test_restart),
                                        cmocka_unit_test(test_bounded), cmocka_unit_test(test_concurrency) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
