/* The request log: URLs without what is secret in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "app/request_log.h"

static void test_mask(void **state)
{
    static const struct {
        const char *url, *name, *want;
    } cases[] = {
        { "/a?x=1", "key", "/a?x=1" },
        { "/a?key=1", "key", "/a?key=***" },
        { "http://h/a?x=1&KEY=2&key=3&y", "key", "http://h/a?x=1&KEY=***&key=***&y" },
        { "/a?k%65y=1%26=2&z", "key", "/a?k%65y=***&z" },
        { "/a?key", "key", "/a?key" },
        { "/a?key=", "key", "/a?key=" },
        { "/key=1", "key", "/key=1" },
        { "/a?", "key", "/a?" },
        { "", "key", "" },
    };
    struct arena a;

    arena_init_growing(&a, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice got = request_log_mask(&a, slice_from(cases[i].url), slice_from(cases[i].name));
        if (!slice_eq(got, slice_from(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].url, SLICE_ARG(got));
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mask) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
