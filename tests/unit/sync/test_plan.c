/* sync/plan: what is asked for, in which form, until everything is here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan.h"

static struct arena arena;
static struct manifest manifest;
static struct tree_entry *leaves;
static struct plan plan;

static int begin(void **state)
{
    (void)state;
    arena_init_growing(&arena, 16 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* A tree whose leaves have z bytes each; every tenth is empty. */
static void make_tree(unsigned bits, uint32_t z)
{
    memset(&manifest, 0, sizeof manifest);
    leaves = arena_array(&arena, struct tree_entry, tree_leaves(bits));
    manifest.bits = bits;
    manifest.seq = manifest.pack_seq = 3;
    manifest.pack_length = tree_leaves(bits) * TREE_ENTRY_BYTES;
    for (uint32_t i = 0; i < tree_leaves(bits); i++) {
        tree_leaf_entry(slice_of(&i, sizeof i), SLICE_NONE, &leaves[i]);
        leaves[i].raw = i % 10 ? 3 * z : 0;
        leaves[i].z = i % 10 ? z : 0;
        manifest.pack_length += leaves[i].z;
    }
    tree_root(leaves, bits, manifest.nodes, manifest.root);
}

static void know_all_nodes(void)
{
    for (uint32_t i = 0; i < plan.n_nodes; i++)
        plan_node(&plan, i, leaves + i * plan.fan);
}

static struct plan_step next(void)
{
    struct plan_step s;

    plan_next(&plan, &s);
    return s;
}

static void an_empty_store_takes_the_whole_pack(void **state)
{
    (void)state;
    make_tree(8, 1000);
    assert_true(plan_begin(&plan, &arena, &manifest, 450));
    plan.fresh_start = true;
    struct plan_step s = next();
    assert_int_equal(s.action, PLAN_RUN);
    assert_int_equal(s.run.from, 0);
    assert_int_equal(s.run.to, manifest.pack_length);
    /* Half of it came. */
    know_all_nodes();
    for (uint32_t i = 0; i < 128; i++)
        plan_leaf(&plan, i);
    s = next();
    assert_int_equal(s.action, PLAN_RUN);
    assert_int_equal(s.run.from, plan_leaf_run(&plan, 128).from);
    assert_int_equal(s.run.to, manifest.pack_length);
    for (uint32_t i = 128; i < 256; i++)
        plan_leaf(&plan, i);
    assert_int_equal(next().action, PLAN_DONE);
}

static void one_changed_leaf_is_one_node_and_one_object(void **state)
{
    (void)state;
    make_tree(8, 1000);
    struct tree_entry *old = arena_array(&arena, struct tree_entry, 256);
    memcpy(old, leaves, 256 * sizeof *old);
    old[77].hash[0] ^= 1;
    assert_true(plan_begin(&plan, &arena, &manifest, 450));
    plan_base(&plan, old, 8);
    assert_int_equal(plan.unknown, 1);
    struct plan_step s = next();
    assert_int_equal(s.action, PLAN_NODE);
    assert_int_equal(s.index, 77 / 16);
    plan_node(&plan, s.index, leaves + s.index * 16);
    for (uint32_t i = 0; i < 256; i++)
        if (i != 77)
            plan_leaf(&plan, i);
    s = next();
    assert_int_equal(s.action, PLAN_LEAF);
    assert_int_equal(s.index, 77);
    plan_leaf(&plan, 77);
    assert_int_equal(next().action, PLAN_DONE);
}

static void many_changed_nodes_come_as_the_packs_head(void **state)
{
    (void)state;
    make_tree(8, 1000);
    assert_true(plan_begin(&plan, &arena, &manifest, 450));
    struct plan_step s = next();
    assert_int_equal(s.action, PLAN_RUN);
    assert_int_equal(s.run.from, 0);
    assert_int_equal(s.run.to, 256 * TREE_ENTRY_BYTES);
    plan_no_pack(&plan);
    assert_int_equal(next().action, PLAN_NODE);
}

/* Get what the plan says until it is done: bytes and requests. */
static uint64_t carry_out(unsigned *requests)
{
    uint64_t bytes = 0;

    for (*requests = 0; *requests < 10000; ++*requests) {
        struct plan_step s = next();
        if (s.action == PLAN_DONE)
            return bytes;
        if (s.action == PLAN_LEAF) {
            bytes += leaves[s.index].z;
            plan_leaf(&plan, s.index);
            continue;
        }
        assert_int_equal(s.action, PLAN_RUN);
        bytes += s.run.to - s.run.from;
        for (uint32_t i = 0; i < plan.n_leaves; i++)
            if (plan.offsets[i] >= s.run.from && plan.offsets[i + 1] <= s.run.to)
                plan_leaf(&plan, i);
    }
    fail_msg("never done");
    return 0;
}

static void missing(bool (*is_missing)(uint32_t i))
{
    assert_true(plan_begin(&plan, &arena, &manifest, 450));
    know_all_nodes();
    for (uint32_t i = 0; i < plan.n_leaves; i++)
        if (!is_missing(i))
            plan_leaf(&plan, i);
}

static bool every_second(uint32_t i)
{
    return i % 2;
}
static bool every_fiftieth(uint32_t i)
{
    return i % 50 == 1;
}
static bool two_clusters(uint32_t i)
{
    return (i > 20 && i < 60) || (i > 200 && i < 240);
}
static bool all(uint32_t i)
{
    return i % 10;
}

static void leaves_come_the_cheapest_way(void **state)
{
    (void)state;
    unsigned requests;

    make_tree(8, 300);
    missing(two_clusters);
    assert_true(carry_out(&requests) <= 80 * 300);
    assert_int_equal(requests, 2);
    /* Gaps narrower than a request are read through. */
    missing(every_second);
    assert_true(carry_out(&requests) <= manifest.pack_length);
    assert_true(requests <= PLAN_RUNS_MAX);
    missing(every_fiftieth);
    carry_out(&requests);
    assert_int_equal(requests, 6);
    missing(all);
    carry_out(&requests);
    assert_int_equal(requests, 1);
    make_tree(8, 20000);
    missing(every_second); /* 115 large leaves with wide gaps: objects */
    uint64_t bytes = carry_out(&requests);
    assert_true(requests > PLAN_RUNS_MAX);
    assert_int_equal(bytes, requests * 20000u);
    /* Without a pack there are only objects. */
    make_tree(8, 300);
    missing(all);
    plan_no_pack(&plan);
    carry_out(&requests);
    assert_true(requests > 200);
}

static void a_lost_leaf_is_asked_for_again(void **state)
{
    (void)state;
    unsigned requests;

    make_tree(6, 300);
    missing(every_second);
    carry_out(&requests);
    plan_leaf_lost(&plan, 11);
    struct plan_step s = next();
    assert_int_equal(s.action, PLAN_LEAF);
    assert_int_equal(s.index, 11);
    plan_leaf(&plan, 11);
    assert_int_equal(next().action, PLAN_DONE);
}

static void a_pack_of_another_length_is_not_used(void **state)
{
    (void)state;
    make_tree(6, 300);
    manifest.pack_length++;
    missing(all);
    assert_int_equal(next().action, PLAN_LEAF);
    manifest.pack_length--;
    manifest.pack_seq--;
    missing(all);
    assert_int_equal(next().action, PLAN_LEAF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_takes_the_whole_pack, begin, end),
        cmocka_unit_test_setup_teardown(one_changed_leaf_is_one_node_and_one_object, begin, end),
        cmocka_unit_test_setup_teardown(many_changed_nodes_come_as_the_packs_head, begin, end),
        cmocka_unit_test_setup_teardown(leaves_come_the_cheapest_way, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_leaf_is_asked_for_again, begin, end),
        cmocka_unit_test_setup_teardown(a_pack_of_another_length_is_not_used, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
