/* Absolute URLs: what is taken, how it is split, what is refused. Paths and queries of clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/url.h"

static void test_split(void **state)
{
    struct url u;

    assert_true(url_parse(SLICE("https://Host.example:8443/a/b?x=1#f"), &u));
    assert_true(u.tls && u.port == 8443 && !u.default_port);
    assert_true(slice_eq(u.host, SLICE("Host.example")) && slice_eq(u.path, SLICE("/a/b")) && slice_eq(u.query, SLICE("?x=1")));
    assert_true(url_parse(SLICE("http://[::1]:81"), &u));
    assert_true(slice_eq(u.host, SLICE("::1")) && u.port == 81 && u.path.n == 0);
    assert_true(url_parse(SLICE("http://a?b"), &u));
    assert_true(u.port == 80 && u.default_port && slice_eq(u.query, SLICE("?b")));
}

static void test_refused(void **state)
{
    static const char *const wrong[] = { "", "a", "ftp://a", "http://", "http://a:0", "http://a:70000", "http://a:x", "http://u@h/",
                                         "http://a b", "[your function url goes here]", "[url]]/workflows", "http://[::1", "//a",
                                         "http://a\r\nb" };
    struct url u;

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (url_parse(slice_from(wrong[i]), &u))
            fail_msg("\"%s\" was taken", wrong[i]);
}

static void test_without_dots(void **state)
{
    static const struct {
        const char *path, *plain;
    } rows[] = {
        { "/", "/" }, { "/a/b", "/a/b" }, { "/a.b/..c/.d/e..", "/a.b/..c/.d/e.." }, { "/...", "/..." },
        { "/./a", "/a" }, { "/a/.", "/a/" }, { "/a/./b/", "/a/b/" },
        { "/a/../b", "/b" }, { "/a/..", "/" }, { "/..", "/" }, { "/../../x", "/x" }, { "/a/b/../../c/..", "/" },
        { "/a/%2e%2E/b", "/b" }, { "/a/.%2e/b", "/b" }, { "/a/%2e", "/a/" }, { "/a/%2e%2e%2f/b", "/a/%2e%2e%2f/b" },
        { "/a//../b", "/a/b" }, { "//a/%2Fb/../c%", "//a/c%" }, { "*", "*" },
    };
    struct arena a;

    arena_init_growing(&a, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice got = url_without_dots(&a, slice_from(rows[i].path));
        if (!slice_eq(got, slice_from(rows[i].plain)))
            fail_msg("%s: %.*s, wanted %s", rows[i].path, SLICE_ARG(got), rows[i].plain);
    }
    arena_free(&a);
}

static void test_decode(void **state)
{
    struct arena a;

    arena_init_growing(&a, 1 << 16);
    assert_true(slice_eq(url_decode(&a, SLICE("a%2Fb%")), SLICE("a/b%")));
    assert_true(slice_eq(url_decode(&a, SLICE("a+b%41%4")), SLICE("a+bA%4")));
    assert_true(slice_eq(url_spelled(&a, SLICE("a%2fb%41%%25")), SLICE("a%2fbA%%")));
    arena_free(&a);
}

static void test_query(void **state)
{
    assert_true(slice_eq(url_query_get(SLICE("?a=1&B=2&b=3"), SLICE("b")), SLICE("2")));
    assert_true(slice_eq(url_query_get(SLICE("my%20key=1"), SLICE("My Key")), SLICE("1")));
    assert_non_null(url_query_get(SLICE("?x"), SLICE("x")).p);
    assert_null(url_query_get(SLICE("?xy=1"), SLICE("x")).p);
    assert_true(url_value_is(SLICE("a+b%21"), SLICE("a b!")));
    assert_false(url_value_is(SLICE("A"), SLICE("a")));
    assert_false(url_value_is(SLICE("ab"), SLICE("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split), cmocka_unit_test(test_refused), cmocka_unit_test(test_without_dots),
        cmocka_unit_test(test_decode), cmocka_unit_test(test_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
