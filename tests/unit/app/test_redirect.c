/* Where redirects lead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/redirect.h"

static void test_resolve(void **state)
{
    static const struct {
        const char *path, *location, *to; /* NULL: nowhere */
    } cases[] = {
        { "/a/b", "https://other.example/x?y=1", "https://other.example/x?y=1" },
        { "/a/b", "HTTP://other.example", "HTTP://other.example" },
        { "/a/b", "//other.example/x", "http://other.example/x" },
        { "/a/b", "/x/y?z=1#f", "http://own.example:81/x/y?z=1" },
        { "/a/b", "c?d", "http://own.example:81/a/c?d" },
        { "/a/b/", "c", "http://own.example:81/a/b/c" },
        { "/a/b/c", "../x", "http://own.example:81/a/x" },
        { "/a/b/c", "../../../../x", "http://own.example:81/x" },
        { "/a/b/c", "./x/./y/..", "http://own.example:81/a/b/x/" },
        { "/a/b/c", ".", "http://own.example:81/a/b/" },
        { "/a/b", "?q=1", "http://own.example:81/a/b?q=1" },
        { "/a/b", "c?d=http://x", "http://own.example:81/a/c?d=http://x" },
        { "/a/b", " /x ", "http://own.example:81/x" },
        { "/", "x", "http://own.example:81/x" },
        { "/a", "ftp://other.example/x", NULL },
        { "/a", "javascript:alert(1)", NULL },
        { "/a", "", NULL },
        { "/a", "#top", NULL },
    };
    struct arena a;

    arena_init_growing(&a, 1u << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *want = cases[i].to;
        struct slice got = redirect_resolve(&a, SLICE("http://own.example:81"), slice_from(cases[i].path), slice_from(cases[i].location));
        if (want ? !slice_eq(got, slice_from(want)) : got.p != NULL)
            fail_msg("%s from %s: %.*s", cases[i].location, cases[i].path, SLICE_ARG(got));
    }
    arena_free(&a);
}

static void test_kind(void **state)
{
    assert_int_equal(redirect_kind(200, SLICE("GET")), REDIRECT_NO);
    assert_int_equal(redirect_kind(304, SLICE("GET")), REDIRECT_NO);
    assert_int_equal(redirect_kind(302, SLICE("GET")), REDIRECT_SAME);
    assert_int_equal(redirect_kind(301, SLICE("POST")), REDIRECT_GET);
    assert_int_equal(redirect_kind(302, SLICE("PUT")), REDIRECT_SAME);
    assert_int_equal(redirect_kind(303, SLICE("PUT")), REDIRECT_GET);
    assert_int_equal(redirect_kind(303, SLICE("HEAD")), REDIRECT_SAME);
    assert_int_equal(redirect_kind(307, SLICE("POST")), REDIRECT_SAME);
    assert_int_equal(redirect_kind(308, SLICE("POST")), REDIRECT_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_resolve), cmocka_unit_test(test_kind) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
