/* PCRE2 behind regex.h: spans, bytes and UTF-8, places to start, and work that ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "platform/regex.h"

static enum regex_outcome match(const char *pattern, bool wide, struct slice subject, size_t from,
                                struct regex_span *spans)
{
    struct err err = { "" };
    struct regex *r = regex_compile(slice_from(pattern), wide, &err);
    enum regex_outcome got;

    if (!r)
        fail_msg("%s: %s", pattern, err.text);
    got = regex_match(r, subject, from, spans, REGEX_GROUPS_MAX);
    regex_free(r);
    return got;
}

static void spans_of_groups(void **state)
{
    struct regex_span v[REGEX_GROUPS_MAX];

    (void)state;
    assert_int_equal(match("(b)|(c)(d)?", false, SLICE("aacb"), 0, v), REGEX_YES);
    assert_int_equal(v[0].from, 2);
    assert_int_equal(v[0].to, 3);
    assert_true(v[1].from > v[1].to);
    assert_int_equal(v[2].from, 2);
    assert_true(v[3].from > v[3].to);
    assert_true(v[REGEX_GROUPS_MAX - 1].from > v[REGEX_GROUPS_MAX - 1].to);
    assert_int_equal(match("b", false, SLICE("aacb"), 3, v), REGEX_YES);
    assert_int_equal(match("c", false, SLICE("aacb"), 3, v), REGEX_NO);
    assert_int_equal(match("", false, SLICE("ab"), 2, v), REGEX_YES);
    assert_int_equal(v[0].from, 2);
    assert_int_equal(match("(?<=a)b", false, SLICE("ab"), 1, v), REGEX_YES);
    assert_int_equal(match("(?m:^)", false, SLICE("a\n"), 1, v), REGEX_YES);
    assert_int_equal(v[0].from, 2);
}

/* Far into a subject, past the windows of a search. */
static void long_subjects(void **state)
{
    static char text[100000];
    struct regex_span v[REGEX_GROUPS_MAX];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t at = 0; at < sizeof text; at += 7919) {
        text[at] = 'x';
        assert_int_equal(match("[x]", false, slice_of(text, sizeof text), 0, v), REGEX_YES);
        assert_int_equal(v[0].from, at);
        text[at] = 'a';
    }
    assert_int_equal(match("[x]", false, slice_of(text, sizeof text), 0, v), REGEX_NO);
}

static void wide(void **state)
{
    struct regex_span v[REGEX_GROUPS_MAX];

    (void)state;
    assert_int_equal(match("\\x{65e5}.", true, SLICE("a\xe6\x97\xa5\xe6\x9c\xac"), 0, v), REGEX_YES);
    assert_int_equal(v[0].from, 1);
    assert_int_equal(v[0].to, 7);
    assert_int_equal(match("b", true, SLICE("\xe6\x97\xa5\xe6\x9c\xac"), 0, v), REGEX_NO);
}

/* Patterns that explode give up soon; the generous bound is for slow machines. */
static void explosions(void **state)
{
    static const char *const patterns[] = {
        "\\A(?:a+)+\\z",
        "(?:x+x+)+[yz]",
        "(?:a*)*\\z(?!)",
        "a.*a.*a.*a.*a.*[fg]",
        "(?:(?C)(?=a*[xy])|.)*\\z(?!)",
        "(.*?)*?[yz]",
    };
    static char text[4000];
    struct regex_span v[REGEX_GROUPS_MAX];

    (void)state;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'b';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        uint64_t start = clock_mono_ns();

        assert_int_not_equal(match(patterns[i], false, slice_of(text, sizeof text), 0, v), REGEX_YES);
        if (clock_mono_ns() - start > 300 * NS_PER_MS)
            fail_msg("%s: %u ms", patterns[i], (unsigned)((clock_mono_ns() - start) / NS_PER_MS));
    }
}

static void doze(int signal)
{
    (void)signal;
    nanosleep(&(struct timespec){ .tv_nsec = 30 * NS_PER_MS }, NULL);
}

/* A thread that was put off the processor in the middle of a match is no explosion. */
static void busy_machine(void **state)
{
    static const struct itimerval once = { { 0, 0 }, { 0, 300 } };
    static char text[200000];
    struct regex_span v[REGEX_GROUPS_MAX];

    (void)state;
    memset(text, 'a', sizeof text);
    signal(SIGALRM, doze);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(setitimer(ITIMER_REAL, &once, NULL), 0);
        assert_int_equal(match("[ab][xyz]", false, slice_of(text, sizeof text), 0, v), REGEX_NO);
    }
}

static void bad_patterns(void **state)
{
    struct err err = { "" };

    (void)state;
    assert_null(regex_compile(SLICE("(a"), false, &err));
    assert_true(slice_starts(slice_from(err.text), SLICE("regex: at byte 2: ")));
    assert_null(regex_compile(SLICE("\\C"), false, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_of_groups), cmocka_unit_test(long_subjects), cmocka_unit_test(wide),
        cmocka_unit_test(explosions),      cmocka_unit_test(busy_machine),  cmocka_unit_test(bad_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
