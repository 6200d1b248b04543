/* Absolute URLs: what is taken, how it is split, what is refused. */
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_split), cmocka_unit_test(test_refused) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
