/* platform/block: the pool, chains, and the process-wide limit on buffered bodies. */
#include "platform/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void a_block_is_one_16_kb_allocation(void **state)
{
    (void)state;
    assert_true(sizeof(struct block) <= 16u * 1024 - 32);
    assert_true(sizeof(struct block) > 16u * 1024 - 64);
}

static void pool_keeps_a_bounded_number(void **state)
{
    (void)state;
    struct block *b[BLOCK_POOL_KEEP + 10];

    for (size_t i = 0; i < COUNT_OF(b); i++) {
        b[i] = block_take();
        assert_non_null(b[i]);
    }
    assert_int_equal(block_taken(), COUNT_OF(b));
    for (size_t i = 0; i < COUNT_OF(b); i++)
        block_give(b[i]);
    assert_int_equal(block_taken(), 0);
    assert_int_equal(block_kept(), HOLDFAST_ASAN ? 0 : BLOCK_POOL_KEEP);
    block_give(NULL);
    assert_int_equal(block_taken(), 0);
    block_pool_drop();
    assert_int_equal(block_kept(), 0);
}

static void a_taken_block_is_empty_again(void **state)
{
    (void)state;
    struct block *b = block_take();

    b->begin = 5;
    b->end = 10;
    b->next = b;
    block_give(b);
    b = block_take();
    assert_int_equal(b->begin, 0);
    assert_int_equal(b->end, 0);
    assert_null(b->next);
    block_give(b);
}

static void chain_keeps_bytes_in_order(void **state)
{
    (void)state;
    struct block_chain c = { 0 };
    size_t n = 3 * BLOCK_BYTES + 17;
    char *in = malloc(n), *out = malloc(n);
    struct slice whole;

    for (size_t i = 0; i < n; i++)
        in[i] = (char)(i * 31 + i / 251);
    for (size_t at = 0; at < n;) {
        size_t step = at % 7001 + 1;
        if (step > n - at)
            step = n - at;
        assert_int_equal(block_chain_add(&c, in + at, step), BLOCK_OK);
        at += step;
    }
    assert_int_equal(c.bytes, n);
    assert_int_equal(c.blocks, 4);
    assert_false(block_chain_contiguous(&c, &whole));
    block_chain_copy(&c, out);
    assert_memory_equal(in, out, n);
    assert_int_equal(block_total_used(), 4 * sizeof(struct block));
    block_chain_free(&c);
    assert_int_equal(block_total_used(), 0);
    assert_int_equal(block_taken(), 0);
    assert_int_equal(c.bytes, 0);
    free(in);
    free(out);
}

static void one_block_is_contiguous(void **state)
{
    (void)state;
    struct block_chain c = { 0 };
    struct slice s = SLICE("x");

    assert_true(block_chain_contiguous(&c, &s));
    assert_int_equal(s.n, 0);
    assert_int_equal(block_chain_add(&c, "hello", 5), BLOCK_OK);
    assert_true(block_chain_contiguous(&c, &s));
    assert_true(slice_eq(s, SLICE("hello")));
    block_chain_free(&c);
}

static void reading_into_room(void **state)
{
    (void)state;
    struct block_chain c = { 0 };
    char *p;
    size_t n;

    assert_int_equal(block_chain_room(&c, &p, &n), BLOCK_OK);
    assert_int_equal(n, BLOCK_BYTES);
    memset(p, 'a', n);
    block_chain_filled(&c, n);
    assert_int_equal(c.blocks, 1);
    assert_int_equal(block_chain_room(&c, &p, &n), BLOCK_OK);
    assert_int_equal(c.blocks, 2);
    block_chain_filled(&c, 0);
    assert_int_equal(c.bytes, BLOCK_BYTES);
    block_chain_free(&c);
}

static void total_is_a_limit_of_the_process(void **state)
{
    (void)state;
    struct block_chain a = { 0 }, b = { 0 };
    char byte = 'x';

    block_set_total(2 * sizeof(struct block));
    char *big = calloc(1, 2 * BLOCK_BYTES);
    assert_int_equal(block_chain_add(&a, big, BLOCK_BYTES), BLOCK_OK);
    assert_int_equal(block_chain_add(&b, &byte, 1), BLOCK_OK);
    assert_int_equal(block_chain_add(&a, &byte, 1), BLOCK_TOTAL);
    assert_int_equal(a.bytes, BLOCK_BYTES);
    block_chain_free(&b);
    assert_int_equal(block_chain_add(&a, &byte, 1), BLOCK_OK);
    block_chain_free(&a);
    assert_int_equal(block_total_used(), 0);
    block_set_total(64u * 1024 * 1024);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_one_16_kb_allocation),
        cmocka_unit_test(pool_keeps_a_bounded_number),
        cmocka_unit_test(a_taken_block_is_empty_again),
        cmocka_unit_test(chain_keeps_bytes_in_order),
        cmocka_unit_test(one_block_is_contiguous),
        cmocka_unit_test(reading_into_room),
        cmocka_unit_test(total_is_a_limit_of_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
