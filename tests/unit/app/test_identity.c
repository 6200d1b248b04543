/* What is believed of the sources of tokens: answers and challenges. The exchanges: tests/scenario/identity.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/identity.h"
#include "platform/base/compiler.h"
#include "platform/clock.h"

#define NOW_S UINT64_C(1700000000)

static const struct {
    const char *body;
    uint64_t seconds;  /* 0: refused */
    const char *error; /* part of the message */
} answers[] = {
    { "{\"access_token\":\"a.b\",\"expires_in\":\"3599\",\"expires_on\":\"1\"}", 3599, NULL },
    { "{\"access_token\":\"a.b\",\"expires_in\":86399,\"token_type\":\"Bearer\"}", 86399, NULL },
    { "{\"access_token\":\"a.b\",\"expires_on\":\"1700000060\"}", 60, NULL },
    { "{\"access_token\":\"a.b\",\"expires_on\":1700000061}", 61, NULL },
    { "{\"access_token\":\"a.b\",\"expires_in\":99999999999}", 366 * 86400, NULL },
    { "{\"access_token\":\"a.b\",\"expires_on\":\"1699999999\"}", 0, "the token has expired" },
    { "{\"access_token\":\"a.b\",\"expires_in\":0}", 0, "the token has expired" },
    { "{\"access_token\":\"a.b\",\"expires_in\":-5}", 0, "neither expires_in nor expires_on" },
    { "{\"access_token\":\"a.b\",\"expires_on\":\"09/14/2026 00:00:00 PM +00:00\"}", 0, "neither expires_in nor expires_on" },
    { "{\"access_token\":\"a.b\",\"expires_on\":\"99999999999999999999999\"}", 0, "neither expires_in nor expires_on" },
    { "{\"access_token\":\"a.b\"}", 0, "neither expires_in nor expires_on" },
    { "{\"access_token\":\"\",\"expires_in\":9}", 0, "no usable access_token" },
    { "{\"access_token\":7,\"expires_in\":9}", 0, "no usable access_token" },
    { "{\"access_token\":\"a\\r\\nX-A: b\",\"expires_in\":9}", 0, "no usable access_token" },
    { "{\"access_token\":\"a b\",\"expires_in\":9}", 0, "no usable access_token" },
    { "[]", 0, "no usable access_token" },
    { "<html/>", 0, "answer: line 1" },
    { "", 0, "answer: " },
};

static void test_answers(void **state)
{
    struct identity_answer out;
    struct arena a;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        bool ok = identity_read_answer(slice_from(answers[i].body), NOW_S * NS_PER_S, &a, &out, &err);
        if (ok != !answers[i].error || (ok && (out.seconds != answers[i].seconds || !slice_eq(out.token, SLICE("a.b")))) ||
            (!ok && !strstr(err.text, answers[i].error)))
            fail_msg("%s: %s", answers[i].body, ok ? "taken" : err.text);
    }
    arena_free(&a);
}

/* The longest token is taken, one more byte is not. */
static void test_the_longest_token(void **state)
{
    static char body[IDENTITY_TOKEN_MAX + 100];
    struct identity_answer out;
    struct arena a;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    for (unsigned more = 0; more < 2; more++) {
        char *p = stpcpy(body, "{\"expires_in\":9,\"access_token\":\"");
        memset(p, 'x', IDENTITY_TOKEN_MAX + more);
        strcpy(p + IDENTITY_TOKEN_MAX + more, "\"}");
        assert_int_equal(identity_read_answer(slice_from(body), 0, &a, &out, &err), more == 0);
    }
    arena_free(&a);
}

static const struct {
    const char *challenge, *path;
} challenges[] = {
    { "Basic realm=/var/opt/azcmagent/tokens/1-2_3.key", "/var/opt/azcmagent/tokens/1-2_3.key" },
    { "basic realm=\"/var/opt/azcmagent/tokens/a.key\"", "/var/opt/azcmagent/tokens/a.key" },
    { "Basic realm=/var/opt/azcmagent/tokens/../../../../etc/a.key", NULL },
    { "Basic realm=/var/opt/azcmagent/tokens/sub/a.key", NULL },
    { "Basic realm=/var/opt/azcmagent/tokens/.key", NULL },
    { "Basic realm=/var/opt/azcmagent/tokens/a.txt", NULL },
    { "Basic realm=/etc/shadow", NULL },
    { "Basic realm=/etc/a.key", NULL },
    { "Basic realm=", NULL },
    { "Bearer realm=/var/opt/azcmagent/tokens/a.key", NULL },
    { "", NULL },
};

static void test_challenges(void **state)
{
    struct arena a;

    arena_init_growing(&a, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(challenges); i++) {
        const char *path = identity_arc_file(&a, slice_from(challenges[i].challenge));
        if (!path != !challenges[i].path || (path && strcmp(path, challenges[i].path) != 0))
            fail_msg("%s gives %s", challenges[i].challenge, path ? path : "nothing");
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_the_longest_token),
        cmocka_unit_test(test_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
