/* platform/json: what is read, what is refused, and that numbers keep their text. */
#include "platform/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "platform/base/buf.h"

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init_growing(&arena, 8 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static const struct json *parse(const char *text)
{
    struct err err = { 0 };
    const struct json *j = json_parse(&arena, slice_from(text), &err);

    if (!j)
        print_message("%s\n", err.text);
    return j;
}

static void assert_refused(const char *text, const char *why)
{
    struct err err = { 0 };

    assert_null(json_parse(&arena, slice_from(text), &err));
    if (slice_find(slice_from(err.text), slice_from(why)) < 0)
        fail_msg("\"%s\" does not contain \"%s\"", err.text, why);
}

#define assert_text(text_, literal)                                                                \
    do {                                                                                           \
        struct slice got_ = (text_);                                                               \
        assert_int_equal(got_.n, sizeof(literal) - 1);                                             \
        assert_memory_equal(got_.p, literal, got_.n);                                              \
    } while (0)

static void members_are_found(void **state)
{
    (void)state;
    const struct json *j = parse(
        "\xef\xbb\xbf{\"a\":{\"b\":{\"c\":\"x\\u0000y\"}},\"n\":null,\"t\":true,\"d\":1,\"d\":2}");

    assert_text(json_str(json_path(j, "a", "b", "c", NULL)), "x\0y");
    assert_null(json_path(j, "a", "zz", "c", NULL));
    assert_int_equal(json_type(json_get(j, "n")), JSON_NULL);
    assert_true(json_bool(json_get(j, "t"), false));
    assert_true(json_bool(json_get(j, "absent"), true));
    assert_int_equal(json_int(json_get(j, "d"), 0), 2);
    assert_int_equal(json_type(NULL), JSON_ABSENT);
    assert_null(json_str(json_get(j, "t")).p);
    assert_null(json_get(json_get(j, "t"), "x"));
}

static void numbers_keep_their_text(void **state)
{
    (void)state;
    const struct json *j =
        parse("[1.50,1e3,-9223372036854775808,9223372036854775808,"
              "123456789012345678901234567890123456789012345678901234567890.5,0.1,-0]");
    struct json_iter it = json_iter(j);
    const struct json *v[7];

    assert_int_equal(json_count(j), 7);
    for (size_t i = 0; json_next(&it); i++)
        v[i] = it.value;
    assert_text(json_number_text(v[0]), "1.50");
    assert_int_equal(json_int(v[0], -7), -7);
    assert_int_equal(json_int(v[1], -7), 1000);
    assert_true(json_int(v[2], -7) == INT64_MIN);
    assert_int_equal(json_int(v[3], -7), -7);
    assert_true(json_double(v[3], 0) == 9223372036854775808.0);
    assert_true(json_double(v[4], 0) > 1e59);
    assert_true(json_double(v[5], 0) == 0.1);
    assert_int_equal(json_int(v[6], -7), 0);
}

static void iteration_keeps_order(void **state)
{
    (void)state;
    const struct json *j = parse("{\"z\":[1,[2,3]],\"a\":{},\"m\":\"\"}");
    struct json_iter it = json_iter(j);

    assert_true(json_next(&it));
    assert_text(it.key, "z");
    assert_int_equal(json_count(it.value), 2);
    assert_true(json_next(&it));
    assert_text(it.key, "a");
    assert_int_equal(json_count(it.value), 0);
    assert_true(json_next(&it));
    assert_text(it.key, "m");
    assert_false(json_next(&it));
    it = json_iter(NULL);
    assert_false(json_next(&it));
}

static void writing_gives_the_same_document(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":[1.50,-2e3,true,false,null,\"q\\\"\\\\\\n\\u0001\xc3\xa9\"],\"b\":{},\"c\":[]}";
    struct buf b;

    buf_init(&b, &arena);
    json_write(&b, parse(text));
    assert_string_equal(buf_slice(&b).p, text);
}

static void bad_documents_are_refused_with_their_place(void **state)
{
    (void)state;
    assert_refused("", "line 1 column 1: empty");
    assert_refused("{\"a\":1,\n \"b\" 2}", "line 2 column 6");
    assert_refused("{\"a\":1} x", "line 1 column 9");
    assert_refused("[1,]", "line 1 column 3");
    assert_refused("[01]", "line 1");
    assert_refused("[NaN]", "line 1");
    assert_refused("\"\\ud800\"", "line 1");
    assert_refused("\"\xff\"", "line 1");
    assert_refused("// no", "line 1");
    assert_refused("\"abc", "line 1");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 3];

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = 0;
    assert_non_null(parse(text));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    text[2 * JSON_DEPTH_MAX + 2] = 0;
    assert_refused(text, "column 65: nested too deeply");
    assert_non_null(parse("\"[[[[\\\"[[[\""));
}

static void a_full_arena_is_an_error(void **state)
{
    (void)state;
    char memory[256];
    struct arena small;
    struct err err = { 0 };

    arena_init_fixed(&small, memory, sizeof memory);
    assert_null(
        json_parse(&small, SLICE("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"), &err));
    assert_true(err.text[0] != 0);
    arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_found, begin, end),
        cmocka_unit_test_setup_teardown(numbers_keep_their_text, begin, end),
        cmocka_unit_test_setup_teardown(iteration_keeps_order, begin, end),
        cmocka_unit_test_setup_teardown(writing_gives_the_same_document, begin, end),
        cmocka_unit_test_setup_teardown(bad_documents_are_refused_with_their_place, begin, end),
        cmocka_unit_test_setup_teardown(depth_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(a_full_arena_is_an_error, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
