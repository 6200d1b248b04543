/* Slices, arenas, buffers, maps, hashes, UTF-8, errors, nearest names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <cmocka.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "platform/base/hash.h"
#include "platform/base/map.h"
#include "platform/base/nearest.h"
#include "platform/base/utf8.h"

static void test_slices(void **state)
{
    struct slice rest = SLICE("a,,b"), part;
    uint64_t n;

    assert_true(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("a")));
    assert_true(slice_cut(&rest, ',', &part) && part.n == 0);
    assert_true(slice_cut(&rest, ',', &part) && slice_eq(part, SLICE("b")));
    assert_false(slice_cut(&rest, ',', &part));
    assert_true(slice_eq(slice_sub(SLICE("hello"), 1, 3), SLICE("el")));
    assert_int_equal(slice_find(SLICE("hello"), SLICE("lo")), 3);
    assert_int_equal(slice_find(SLICE("hello"), SLICE("x")), -1);
    assert_true(slice_eq(slice_trim(SLICE(" \t a b\r\n")), SLICE("a b")));
    assert_true(slice_eq_icase(SLICE("Content-TYPE"), SLICE("content-type")));
    assert_true(slice_cmp(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_to_u64(SLICE("65535"), 65535, &n) && n == 65535);
    assert_false(slice_to_u64(SLICE("65536"), 65535, &n));
    assert_false(slice_to_u64(SLICE("18446744073709551616"), UINT64_MAX, &n));
    assert_false(slice_to_u64(SLICE("+1"), 9, &n));
    assert_true(slice_hex_to_u64(SLICE("fF"), &n) && n == 255);
    assert_false(slice_hex_to_u64(SLICE("12345678901234567"), &n));
}

static void test_fixed_arena_is_bounded(void **state)
{
    _Alignas(16) char memory[256];
    struct arena a;

    arena_init_fixed(&a, memory, sizeof memory);
    char *p = arena_alloc(&a, 100);
    assert_non_null(p);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    struct arena_mark mark = arena_mark(&a);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, 100));
    assert_true(a.overflow);
    arena_reset(&a, mark);
    assert_false(a.overflow);
    assert_non_null(arena_alloc(&a, 100));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc_array(&a, SIZE_MAX / 2, 4));
    arena_free(&a);
}

static void test_growing_arena(void **state)
{
    struct arena a;

    arena_init_growing(&a, 1 << 20);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 1000));
    assert_non_null(arena_alloc(&a, 100000));
    char *p = arena_alloc(&a, 10);
    memcpy(p, "0123456789", 10);
    p = arena_grow(&a, p, 10, 5000);
    assert_memory_equal(p, "0123456789", 10);
    assert_null(arena_alloc(&a, 1 << 20));
    assert_true(a.overflow);
    arena_free(&a);
}

static void test_buffers(void **state)
{
    struct arena a;
    struct buf b;

    arena_init_growing(&a, 1 << 20);
    buf_init(&b, &a);
    buf_puts(&b, "n=");
    buf_put_u64(&b, UINT64_MAX);
    buf_putc(&b, ' ');
    buf_printf(&b, "%05d ", 42);
    buf_put_json(&b, slice_of("a\"\\\n\x01\xc3\xa9\xff\x7f", 9));
    assert_string_equal(buf_slice(&b).p, "n=18446744073709551615 00042 \"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\\u007f\"");
    for (int i = 0; i < 20000; i++)
        buf_puts(&b, "0123456789");
    assert_false(b.failed);
    while (!b.failed)
        buf_puts(&b, "0123456789012345678901234567890123456789");
    assert_int_equal(buf_slice(&b).n, 0);
    arena_free(&a);
}

static void test_maps(void **state)
{
    struct arena a;
    struct map m, folded;
    char keys[1000][8];

    arena_init_growing(&a, 1 << 20);
    map_init(&m, &a);
    map_init_icase(&folded, &a);
    for (uintptr_t i = 0; i < 1000; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", (unsigned)i);
        assert_true(map_put(&m, slice_from(keys[i]), (void *)(i + 1)));
    }
    for (uintptr_t i = 0; i < 1000; i++) {
        assert_ptr_equal(map_get(&m, slice_from(keys[i])), (void *)(i + 1));
        assert_true(slice_eq(map_at(&m, (uint32_t)i)->key, slice_from(keys[i])));
    }
    assert_null(map_get(&m, SLICE("K1")));
    assert_true(map_put(&folded, SLICE("Name"), keys));
    assert_ptr_equal(map_get(&folded, SLICE("nAME")), keys);
    assert_true(map_put(&folded, SLICE("NAME"), &a));
    assert_int_equal(folded.count, 1);
    assert_ptr_equal(map_get(&folded, SLICE("name")), &a);
    arena_free(&a);
}

/* Reference value: SipHash-1-3 of "" and "abc" under another key differ; a fixed key is stable. */
static void test_hashes(void **state)
{
    uint64_t before = hash_bytes(SLICE("abc"));

    assert_int_equal(before, hash_bytes(SLICE("abc")));
    assert_int_not_equal(before, hash_bytes(SLICE("abd")));
    assert_int_equal(hash_bytes_icase(SLICE("Hello, World")), hash_bytes_icase(SLICE("hELLO, wORLD")));
    assert_int_equal(hash_name(SLICE("Host")), hash_name(SLICE("host")));
    assert_int_equal(hash_name(SLICE("")), 2166136261u);
}

static void test_utf8(void **state)
{
    static const char *const wrong[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf8" };
    char out[4];
    uint32_t cp;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(utf8_is_valid(slice_from(wrong[i])));
    for (uint32_t i = 1; i <= 0x10ffff; i += 13) {
        size_t n = utf8_encode(i, out);
        bool surrogate = i >= 0xd800 && i < 0xe000;
        assert_int_equal(utf8_valid_length(slice_of(out, n)), surrogate ? 0 : n);
        if (!surrogate) {
            assert_int_equal(utf8_decode(slice_of(out, n), &cp), n);
            assert_int_equal(cp, i);
        }
    }
}

static void test_errors(void **state)
{
    struct err e;

    assert_false(err_set(&e, "value %d", 7));
    err_wrap(&e, "setting %s", "x");
    assert_string_equal(e.text, "setting x: value 7");
    errno = ENOENT;
    err_errno(&e, "open %s", "f");
    assert_string_equal(e.text, "open f: No such file or directory");
    for (int i = 0; i < 200; i++)
        err_wrap(&e, "0123456789");
    assert_int_equal(strlen(e.text), ERR_MAX - 1);
    assert_string_equal(e.text + ERR_MAX - 4, "...");
}

static struct slice name_at(const void *list, size_t i)
{
    return slice_from(((const char *const *)list)[i]);
}

static void test_nearest(void **state)
{
    static const char *const names[] = { "set-header", "set-body", "rate-limit-by-key", "choose" };

    assert_int_equal(nearest_find(SLICE("set-haeder"), names, 4, name_at), 0);
    assert_int_equal(nearest_find(SLICE("chose"), names, 4, name_at), 3);
    assert_int_equal(nearest_find(SLICE("completely-else"), names, 4, name_at), -1);
    assert_int_equal(nearest_distance(SLICE("ab"), SLICE("ba")), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slices), cmocka_unit_test(test_fixed_arena_is_bounded), cmocka_unit_test(test_growing_arena),
        cmocka_unit_test(test_buffers), cmocka_unit_test(test_maps), cmocka_unit_test(test_hashes), cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
