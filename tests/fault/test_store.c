/* The cache over power cuts and failing media: after a cut at any operation of a sync the next
 * start serves what was served before or what was published, whole; and what was reported as done
 * is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "tests/fault/disk_rig.h"
#include "tests/unit/sync/sync_rig.h"

/* Damage patterns for each operation; SEEDS=32 in the environment for a long run. */
static unsigned seeds = 4;

static struct rig rig;
static uint64_t old_content, new_content;
static const char *good;

static int by_bytes(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

/* A number for the booted content; 0: nothing to serve. */
static uint64_t boot_content(void)
{
    struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER };
    struct store_generation g;
    struct store *s;
    struct arena a;
    uint64_t sum = 0;

    if (store_open(&o, &s, NULL, &rig.err) != STORE_OPENED)
        fail_msg("%s", rig.err.text);
    arena_init_growing(&a, (size_t)64 << 20);
    if (store_boot(s, &a, &g, &rig.err)) {
        sum = 1469598103934665603u ^ g.n;
        qsort(g.lines, g.n, sizeof *g.lines, by_bytes);
        for (size_t i = 0; i < g.n; i++)
            for (size_t k = 0; k < g.lines[i].n; k++)
                sum = (sum ^ (unsigned char)g.lines[i].p[k]) * 1099511628211u;
        if (!store_boot_done(s, &g, &rig.err))
            fail_msg("%s", rig.err.text);
    }
    arena_free(&a);
    store_close(s);
    return sum;
}

static void restore(void)
{
    rig_remove_tree(rig.cache);
    if (good)
        rig_copy_tree(good, rig.cache);
    else
        assert_true(file_make_dirs(rig.cache, 0700, &rig.err));
    disk_forget();
}

/* One cycle in a process of its own, over a disk with that fault. Its outcome, or -1 when the power
 * went. */
static int sync_on(enum disk_fault what, uint32_t at)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER, .memory = true };
        struct store_status store;
        disk_arm(what, at);
        if (store_open(&o, &rig.store, NULL, &rig.err) != STORE_OPENED)
            _exit(20);
        rig.options.store = rig.store;
        enum sync_outcome outcome = rig_sync(&rig);
        store_status(rig.store, &store);
        _exit((int)outcome + (store.degraded ? 10 : 0)); /* as when the power goes just then */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 99 ? -1 : WEXITSTATUS(status);
}

/* What the next start serves, and that sync brings the rest. */
static void check_image(const char *what, uint32_t at, uint64_t seed, int outcome)
{
    uint64_t content = boot_content();
    bool claimed = outcome == SYNC_UPDATED;

    if (content != new_content && (claimed || content != old_content))
        fail_msg("%s at %u, seed %llu, outcome %d: %s is served", what, at,
                 (unsigned long long)seed, outcome,
                 content == old_content ? "the old generation"
                 : content              ? "something else"
                                        : "nothing");
    rig_open(&rig);
    if (rig_sync(&rig) != SYNC_UPDATED && rig.result.outcome != SYNC_CURRENT)
        fail_msg("%s at %u, seed %llu: then %s: %s", what, at, (unsigned long long)seed,
                 sync_outcome_name(rig.result.outcome), rig.result.text);
    assert_true(rig_is_complete(&rig));
    rig_close(&rig);
}

static void cut_everywhere(const char *what)
{
    unsigned images = 0;

    restore();
    assert_int_equal(sync_on(DISK_FINE, 0), SYNC_UPDATED);
    uint32_t operations = disk_operations();
    for (uint32_t at = 0; at <= operations; at++)
        for (uint64_t seed = 0; seed < seeds; seed++, images++) {
            restore();
            int outcome = sync_on(DISK_CUT, at);
            disk_lose(seed);
            check_image(what, at, seed, outcome);
        }
    print_message("%s: %u operations, %u images\n", what, operations, images);
}

static void fail_everywhere(const char *what)
{
    restore();
    assert_int_equal(sync_on(DISK_FINE, 0), SYNC_UPDATED);
    uint32_t operations = disk_operations();
    for (uint32_t at = 0; at <= operations; at++)
        for (enum disk_fault f = DISK_EIO; f <= DISK_ENOSPC_ON; f++) {
            restore();
            int outcome = sync_on(f, at);
            disk_lose(0);
            check_image(what, at, f, outcome);
        }
    print_message("%s: %u operations, each failing in 4 ways\n", what, operations);
}

static int begin(void **state)
{
    (void)state;
    if (getenv("SEEDS"))
        seeds = (unsigned)atoi(getenv("SEEDS"));
    rig_begin(&rig);
    disk_setup(rig.cache);
    return 0;
}

static int end(void **state)
{
    (void)state;
    good = NULL;
    rig_end(&rig);
    return 0;
}

static void make_update(void)
{
    rig_entities(&rig, 300, 150);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    old_content = boot_content();
    good = rig_path(&rig, rig.dir, "good");
    rig_copy_tree(rig.cache, good);
    rig_change(&rig, 7, 2);
    rig_change(&rig, 133, 2);
    rig_publish(&rig);
    restore();
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    new_content = boot_content();
    assert_true(old_content != new_content);
}

static void make_bootstrap(void)
{
    rig_entities(&rig, 300, 150);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    new_content = boot_content();
    old_content = 0;
}

static void power_cuts_in_an_update(void **state)
{
    (void)state;
    make_update();
    cut_everywhere("update");
}

static void power_cuts_in_a_bootstrap(void **state)
{
    (void)state;
    make_bootstrap();
    cut_everywhere("bootstrap");
}

static void failing_calls_in_an_update(void **state)
{
    (void)state;
    make_update();
    fail_everywhere("update");
}

static void failing_calls_in_a_bootstrap(void **state)
{
    (void)state;
    make_bootstrap();
    fail_everywhere("bootstrap");
}

/* A cut, and another while the next start recovers. */
static void power_cuts_in_recovery(void **state)
{
    (void)state;
    unsigned images = 0;

    make_update();
    restore();
    assert_int_equal(sync_on(DISK_FINE, 0), SYNC_UPDATED);
    uint32_t operations = disk_operations();
    for (uint32_t at = 0; at <= operations; at++)
        for (uint32_t second = 0; second < 12; second += 2, images++) {
            restore();
            sync_on(DISK_CUT, at);
            disk_lose(at * 31 + second + 1);
            disk_forget();
            int outcome = sync_on(DISK_CUT, second);
            disk_lose(at * 17 + second + 1);
            check_image("recovery", at * 100 + second, 0,
                        outcome == SYNC_CURRENT ? SYNC_UPDATED : outcome);
        }
    print_message("recovery: %u images\n", images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(power_cuts_in_an_update, begin, end),
        cmocka_unit_test_setup_teardown(power_cuts_in_a_bootstrap, begin, end),
        cmocka_unit_test_setup_teardown(failing_calls_in_an_update, begin, end),
        cmocka_unit_test_setup_teardown(failing_calls_in_a_bootstrap, begin, end),
        cmocka_unit_test_setup_teardown(power_cuts_in_recovery, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
