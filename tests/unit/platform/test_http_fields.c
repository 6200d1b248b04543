/* platform/http: field tables, chunked bodies, writing. */
#include "platform/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/base/hash.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init_growing(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq(s, slice_from(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), expected);
}

/* ---- tables ---- */

static void put(struct http_fields *f, const char *name, const char *value)
{
    assert_true(http_fields_add(f, slice_from(name), slice_from(value)));
}

static void names_are_found_without_regard_to_case(void **state)
{
    struct http_fields f = { .arena = &arena };

    (void)state;
    put(&f, "Accept", "a");
    put(&f, "accept", "b");
    put(&f, "Empty", "");
    assert_slice(http_fields_get(&f, SLICE("ACCEPT")), "a");
    assert_ptr_equal(http_fields_find_hash(&f, SLICE("accept"), hash_name(SLICE("Accept"))),
                     &f.v[0]);
    assert_null(http_fields_find(&f, SLICE("Accept2")));
    assert_null(http_fields_get(&f, SLICE("none")).p);
    assert_non_null(http_fields_get(&f, SLICE("empty")).p);
}

static void set_keeps_the_place_of_the_first(void **state)
{
    struct http_fields f = { .arena = &arena };

    (void)state;
    put(&f, "A", "1");
    put(&f, "B", "2");
    put(&f, "b", "3");
    put(&f, "C", "4");
    put(&f, "B", "5");
    assert_true(http_fields_set(&f, SLICE("b"), SLICE("new")));
    assert_int_equal(f.n, 3);
    assert_slice(f.v[1].value, "new");
    assert_slice(f.v[2].name, "C");
    assert_true(http_fields_set(&f, SLICE("D"), SLICE("d")));
    assert_slice(f.v[3].value, "d");
    assert_int_equal(http_fields_remove(&f, SLICE("a")), 1);
    assert_int_equal(http_fields_remove(&f, SLICE("a")), 0);
    assert_slice(f.v[0].name, "b");
}

static void a_copied_table_grows_and_leaves_the_first_alone(void **state)
{
    struct http_field few[2];
    struct http_fields from = { .v = few, .cap = 2 }, f;

    (void)state;
    put(&from, "A", "1");
    put(&from, "B", "2");
    assert_false(http_fields_add(&from, SLICE("C"), SLICE("3")));
    assert_true(http_fields_own(&f, &arena, &from));
    for (int i = 0; i < 100; i++)
        put(&f, "X", "y");
    http_fields_remove(&f, SLICE("a"));
    assert_int_equal(f.n, 101);
    assert_slice(f.v[0].name, "B");
    assert_int_equal(from.n, 2);
    assert_slice(from.v[0].name, "A");
}

static void a_full_arena_is_told(void **state)
{
    char room[512];
    struct arena small;
    struct http_fields f = { .arena = &small };
    unsigned n = 0;

    (void)state;
    arena_init_fixed(&small, room, sizeof room);
    while (n < 1000 && http_fields_add(&f, SLICE("a"), SLICE("b")))
        n++;
    assert_true(n > 0 && n < 1000);
    assert_int_equal(f.n, n);
    arena_free(&small);
}

static void tokens_values_and_hop_by_hop_fields(void **state)
{
    static const char *const hops[] = { "connection", "Keep-Alive",         "Proxy-Connection",
                                        "TE",         "Transfer-Encoding",  "Upgrade",
                                        "Trailer",    "Proxy-Authenticate", "Proxy-Authorization" };

    (void)state;
    assert_true(http_is_token(SLICE("!#$%&'*+-.^_`|~09AZaz")));
    assert_false(http_is_token(SLICE("")));
    for (const char *c = " \t\"(),/:;<=>?@[\\]{}\x7f\x80"; *c; c++)
        assert_false(http_is_token(slice_of(c, 1)));
    assert_true(http_is_field_value(SLICE("a\tb \xff~")));
    assert_true(http_is_field_value(SLICE("")));
    assert_false(http_is_field_value(SLICE("a\rb")));
    assert_false(http_is_field_value(SLICE("a\nb")));
    assert_false(http_is_field_value(slice_of("a\0b", 3)));
    for (size_t i = 0; i < COUNT_OF(hops); i++)
        assert_true(http_is_hop_by_hop(&(struct http_field){ .name = slice_from(hops[i]) }));
    assert_false(http_is_hop_by_hop(&(struct http_field){ .name = SLICE("Content-Length") }));
    assert_false(http_is_hop_by_hop(&(struct http_field){ .name = SLICE("Upgrades") }));
}

static void heads_are_written(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, &arena);
    http_put_status_line(&b, 404, SLICE_NONE);
    http_put_status_line(&b, 299, SLICE_NONE);
    http_put_status_line(&b, 200, SLICE("Fine"));
    http_put_field(&b, SLICE("A"), SLICE("b"));
    assert_slice(buf_slice(&b),
                 "HTTP/1.1 404 Not Found\r\nHTTP/1.1 299 Unknown\r\nHTTP/1.1 200 Fine\r\nA: b\r\n");
}

/* ---- chunks ---- */

struct decoded {
    int outcome;
    char text[256];
    size_t n, consumed;
    uint64_t total;
};

/* Decode text given in pieces of `step` bytes. */
static struct decoded decode(const char *text, size_t n, size_t step)
{
    struct http_chunked c = { 0 };
    struct decoded d = { 0 };

    while (d.consumed < n && d.outcome == 0) {
        size_t piece = n - d.consumed < step ? n - d.consumed : step;
        size_t used = piece;
        char *copy = malloc(piece);
        struct slice out;
        memcpy(copy, text + d.consumed, piece);
        d.outcome = http_chunked_next(&c, copy, &used, &out);
        assert_true(used <= piece);
        assert_true(used > 0 || d.outcome < 0);
        assert_true(out.n == 0 || (out.p >= copy && out.p + out.n <= copy + used));
        memcpy(d.text + d.n, out.p, out.n);
        d.n += out.n;
        d.consumed += used;
        free(copy);
    }
    d.total = c.total;
    return d;
}

static void chunks_are_decoded_however_they_are_cut(void **state)
{
    static const char text[] = "5\r\nhello\r\n00A;x=\"y\"\r\n, world wi\r\n1 "
                               "\t;a\r\n!\r\n0\r\nX-T: v\r\nY:\r\n\r\nGET / next";

    (void)state;
    for (size_t step = 1; step < sizeof text; step++) {
        struct decoded d = decode(text, sizeof text - 1, step);
        assert_int_equal(d.outcome, 1);
        assert_slice(slice_of(d.text, d.n), "hello, world wi!");
        assert_int_equal(d.consumed, sizeof text - 1 - 10);
        assert_int_equal(d.total, 16);
    }
}

static void the_end_is_seen_with_the_last_payload(void **state)
{
    static const char text[] = "5\r\nhello\r\n0\r\n\r\n";
    struct http_chunked c = { 0 };
    size_t n = sizeof text - 1;
    struct slice out;

    (void)state;
    assert_int_equal(http_chunked_next(&c, text, &n, &out), 1);
    assert_slice(out, "hello");
    assert_int_equal(n, sizeof text - 1);
}

static void malformed_chunks_are_refused(void **state)
{
    static const char *const malformed[] = {
        "\r\n",
        ";a\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x5\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\rhello",
        "5\rhello",
        "5\r\nhello\n",
        "5\r\nhelloX",
        "5\r\nhello\r\r",
        "5\r\nhello0\r\n\r\n",
        "5;a\nhello",
        "5;a\rb\r\n",
        "5;\x01\r\n",
        "11111111111111111\r\n",
        "0\r\n\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX y\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX: \x02\r\n\r\n",
        "0\r\n\rX",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        for (size_t step = 1; step < 20; step += 18)
            if (decode(malformed[i], strlen(malformed[i]), step).outcome != -1)
                fail_msg("taken: %s", malformed[i]);
    assert_int_equal(decode("5\r\nhello\r\n\0\r\n\r\n", 15, 15).outcome, -1);
    assert_int_equal(decode("ffffffffffffffff\r\n", 18, 18).outcome, 0);
}

static void lines_and_trailers_are_bounded(void **state)
{
    size_t n = HTTP_TRAILER_MAX + 100;
    char *text = malloc(n);

    (void)state;
    memset(text, 'a', n);
    memcpy(text, "5;", 2);
    assert_int_equal(decode(text, HTTP_CHUNK_LINE_MAX, 64).outcome, 0);
    assert_int_equal(decode(text, HTTP_CHUNK_LINE_MAX + 1, 64).outcome, -1);
    memset(text, '0', n);
    assert_int_equal(decode(text, HTTP_CHUNK_LINE_MAX + 1, 64).outcome, -1);
    memset(text, 'a', n);
    memcpy(text, "0\r\n", 3);
    assert_int_equal(decode(text, HTTP_TRAILER_MAX + 3, 64).outcome, 0);
    assert_int_equal(decode(text, HTTP_TRAILER_MAX + 4, 64).outcome, -1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_found_without_regard_to_case, begin, end),
        cmocka_unit_test_setup_teardown(set_keeps_the_place_of_the_first, begin, end),
        cmocka_unit_test_setup_teardown(a_copied_table_grows_and_leaves_the_first_alone, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_full_arena_is_told, begin, end),
        cmocka_unit_test(tokens_values_and_hop_by_hop_fields),
        cmocka_unit_test_setup_teardown(heads_are_written, begin, end),
        cmocka_unit_test(chunks_are_decoded_however_they_are_cut),
        cmocka_unit_test(the_end_is_seen_with_the_last_payload),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(lines_and_trailers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
