/* sync: publish into a directory, sync out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sync/sync_rig.h"

static struct rig rig;

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void a_bootstrap_takes_the_pack(void **state)
{
    (void)state;
    rig_entities(&rig, 2000, 200);
    struct sync_published p = rig_publish(&rig);
    assert_int_equal(p.seq, 1);
    assert_int_equal(p.entities, 2000);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_int_equal(rig.result.from, 0);
    assert_int_equal(rig.result.to, 1);
    assert_int_equal(rig.result.requests,
                     3); /* root/1, latest, p/1: root/2 is not there to be opened */
    assert_false(rig.result.resumed);
    assert_int_equal(rig.accepted, 1);
    assert_int_equal(rig.activated, 1);
    assert_true(rig_is_complete(&rig));
    print_message("bootstrap of 2000: %llu bytes, raw %llu, z %llu\n",
                  (unsigned long long)rig.result.bytes, (unsigned long long)p.raw,
                  (unsigned long long)p.z);
}

static void nothing_new_is_current(void **state)
{
    (void)state;
    rig_entities(&rig, 50, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_expect(&rig, SYNC_CURRENT);
    assert_int_equal(rig.result.requests, 1);
    assert_int_equal(rig.accepted, 1);
    assert_int_equal(rig.result.from, 1);
    assert_int_equal(rig.result.to, 1);
}

static void one_change_walks_the_tree(void **state)
{
    (void)state;
    rig_entities(&rig, 2000, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 17, 2);
    struct sync_published p = rig_publish(&rig);
    assert_int_equal(p.seq, 2);
    assert_false(p.unchanged);
    rig_expect(&rig, SYNC_UPDATED);
    assert_int_equal(rig.result.from, 1);
    assert_int_equal(rig.result.to, 2);
    assert_int_equal(rig.result.requests, 3); /* latest, node, leaf */
    assert_true(rig.result.bytes < 10000);
    assert_true(rig_is_complete(&rig));
    rig_close(&rig);
    rig_open(&rig);
    assert_true(rig_is_complete(&rig));
}

static void entities_come_and_go(void **state)
{
    (void)state;
    rig_entities(&rig, 300, 400);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    for (unsigned round = 2; round < 30; round++) {
        for (size_t i = 0; i < round % 7; i++)
            rig_change(&rig, (round * 31 + i * 17) % rig.n, round);
        rig.n = 250 + (round * 37) % 50;
        rig_publish(&rig);
        rig_expect(&rig, SYNC_UPDATED);
        assert_true(rig_is_complete(&rig));
    }
    /* Old generations have gone. */
    struct store_entry *list;
    size_t n;
    assert_true(store_list(rig.store, &rig.arena, &list, &n, &rig.err));
    assert_true(n <= 12);
    assert_true(list[0].active);
    assert_true(list[0].lkg);
}

static void a_source_that_is_away_is_offline(void **state)
{
    (void)state;
    rig_entities(&rig, 20, 100);
    rig_open(&rig);
    rig_expect(&rig, SYNC_OFFLINE);
    assert_int_equal(rig.result.reason, SYNC_CONNECT);
    rig_publish(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_remove_tree(rig.repo);
    rig_expect(&rig, SYNC_OFFLINE);
    assert_true(rig_is_complete(&rig));
}

static void a_refused_generation_is_remembered(void **state)
{
    (void)state;
    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 3, 2);
    rig_publish(&rig);
    rig.refuse = "api api-0: no such backend";
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_INVALID);
    rig_expect_text(&rig, "api api-0: no such backend");
    assert_int_equal(store_active(rig.store), 1);
    rig.refuse = NULL;
    rig_expect(&rig, SYNC_UPDATED); /* asked for by hand: tried again */
    assert_int_equal(store_active(rig.store), 2);
    assert_true(rig_is_complete(&rig));
}

static void another_key_is_refused(void **state)
{
    (void)state;
    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    struct rig other;
    rig_begin(&other);
    rig_entities(&other, 20, 100);
    rig_change(&other, 1, 7);
    rig_publish(&other);
    rig.endpoints[0] = slice_from(other.endpoint);
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_SIGNATURE);
    rig_expect_text(&rig, "not in the pinned root (sha256:");
    rig_expect_text(&rig, "`holdfast trust pin FILE.pub`");
    assert_int_equal(store_active(rig.store), 1);
    rig_end(&other);
}

static void a_replayed_latest_is_refused(void **state)
{
    (void)state;
    const char *latest = rig_path(&rig, rig.repo, "default/latest");

    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    struct slice old = rig_read(&rig, latest);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 1, 2);
    rig_publish(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_write(latest, old);
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_INVALID);
    rig_expect_text(&rig, "publish 1 is shown, 2 was seen");
    assert_int_equal(store_active(rig.store), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bootstrap_takes_the_pack, begin, end),
        cmocka_unit_test_setup_teardown(nothing_new_is_current, begin, end),
        cmocka_unit_test_setup_teardown(one_change_walks_the_tree, begin, end),
        cmocka_unit_test_setup_teardown(entities_come_and_go, begin, end),
        cmocka_unit_test_setup_teardown(a_source_that_is_away_is_offline, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_generation_is_remembered, begin, end),
        cmocka_unit_test_setup_teardown(another_key_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_replayed_latest_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
