/* Our matcher and PCRE2 find the same, on random patterns and subjects; and the cache gives and takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/expr/lib/rx_cache.h"

#define PATTERNS 3000
#define SUBJECTS 4
#define SUBJECT_UNITS 12

static uint32_t seed = 7;
static char pattern[512];
static unsigned length, groups;

static unsigned pick(unsigned n)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void put(const char *text)
{
    size_t n = strlen(text);

    if (length + n < sizeof pattern) {
        memcpy(pattern + length, text, n);
        length += (unsigned)n;
    }
}

static void put_number(const char *before, unsigned n, const char *after)
{
    char text[32];

    snprintf(text, sizeof text, "%s%u%s", before, n, after);
    put(text);
}

static void generate(unsigned depth)
{
    static const char *const leaves[] = { "a", "a", "b", ".", "[ab]", "[^a]", "\\w", "\\n" };
    static const char *const anchors[] = { "^",      "$",   "\\b", "\\B",    "(?m:^)",
                                           "(?m:$)", "\\z", "\\A", "(?<=a)", "(?<!b|ab)" };
    static const char *const opening[] = { "(?:", "(?:", "(?=", "(?!", "(?>", "(?i:A" };
    static const char *const closing[] = { ")*", ")+?", ")?", "){1,3}", "){0,2}?" };
    unsigned kind = depth ? pick(8) : 0;

    switch (kind) {
    case 1: put(anchors[pick(10)]); return;
    case 2:
        put(leaves[pick(8)]);
        put(pick(2) ? "*" : pick(2) ? "+?" : "{2}");
        return;
    case 3:
        put("(");
        groups++;
        generate(depth - 1);
        generate(depth - 1);
        put(pick(2) ? ")" : closing[pick(5)]);
        return;
    case 4:
        put("(?:");
        generate(depth - 1);
        put("|");
        generate(depth - 1);
        put(pick(2) ? ")" : closing[pick(5)]);
        return;
    case 5:
        put(opening[pick(6)]);
        generate(depth - 1);
        put(")");
        return;
    case 6:
        if (groups)
            put_number("\\", 1 + pick(groups), "");
        return;
    case 7:
        if (!groups)
            return;
        put_number("(?(", 1 + pick(groups), ")");
        generate(depth - 1);
        put("|");
        generate(depth - 1);
        put(")");
        return;
    default: put(leaves[pick(8)]);
    }
}

static bool same(const struct rx *rx, const struct regex_span *fast, const struct rx_result *own)
{
    for (uint32_t g = 0; g < rx->ngroups; g++) {
        unsigned k = g ? rx->pcre_number[g] : 0;
        bool matched = (g == 0 || k) && fast[k].from <= fast[k].to;
        const struct rx_captures *c = &own->captures[g];

        if (matched != (c->n > 0))
            return false;
        if (matched &&
            ((int32_t)fast[k].from != c->v[c->n - 1].from || (int32_t)fast[k].to != c->v[c->n - 1].to))
            return false;
    }
    return true;
}

static void compare(struct rx_entry *e, bool ascii)
{
    const struct regex *fast = rx_fast(e, ascii);
    struct regex_span spans[REGEX_GROUPS_MAX];
    uint16_t units[SUBJECT_UNITS];
    char text[SUBJECT_UNITS];
    unsigned n = pick(SUBJECT_UNITS), start = pick(3) == 0 ? pick(n + 1) : 0;
    enum regex_outcome got;
    enum rx_outcome own;
    struct rx_result result;
    struct arena a;

    for (unsigned i = 0; i < n; i++)
        units[i] = (uint16_t)(text[i] = "aabbABc\n"[pick(8)]);
    if (!fast)
        return;
    arena_init_growing(&a, (size_t)16 << 20);
    got = regex_match(fast, slice_of(text, n), start, spans, REGEX_GROUPS_MAX);
    own = rx_run(e->rx, &a, units, n, start, 2000000, &result);
    if (got != REGEX_LIMIT && own < RX_LIMIT &&
        ((got == REGEX_YES) != (own == RX_YES) || (got == REGEX_YES && !same(e->rx, spans, &result))))
        fail_msg("/%.*s/ options %u on \"%.*s\" from %u: %d, %d", (int)length, pattern, e->options, (int)n,
                 text, start, got, own);
    arena_free(&a);
}

static void engines_agree(void **state)
{
    static const uint32_t options[] = { 0, RX_IGNORE_CASE, RX_MULTILINE | RX_SINGLE_LINE };
    struct rx_error err;
    unsigned translated = 0;

    (void)state;
    for (unsigned i = 0; i < PATTERNS; i++) {
        struct rx_entry *e;

        length = groups = 0;
        for (unsigned k = pick(3) + 1; k > 0; k--)
            generate(3);
        e = rx_acquire(slice_of(pattern, length), options[pick(3)], &err);
        if (!e)
            continue; /* a quantifier behind nothing */
        translated += e->ascii != NULL;
        for (unsigned k = 0; k < SUBJECTS; k++)
            compare(e, k % 2 == 0);
        rx_release(e);
    }
    assert_true(translated > PATTERNS / 2);
}

/* More patterns than the cache holds, some of them held meanwhile. */
static void cache(void **state)
{
    struct rx_entry *held[3], *e;
    struct rx_error err;
    char text[16];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(held[i] = rx_acquire(SLICE("held"), i, &err));
    for (unsigned i = 0; i < 2 * RX_CACHE_MAX; i++) {
        snprintf(text, sizeof text, "x%u", i);
        assert_non_null(e = rx_acquire(slice_from(text), 0, &err));
        rx_release(e);
    }
    assert_non_null(e = rx_acquire(SLICE("held"), 0, &err));
    assert_ptr_not_equal(e, held[0]);
    assert_ptr_equal(rx_acquire(SLICE("held"), 0, &err), e);
    rx_release(e);
    rx_release(e);
    for (unsigned i = 0; i < 3; i++)
        rx_release(held[i]);
    assert_null(rx_acquire(SLICE("("), 0, &err));
    assert_string_equal(err.text, "Not enough )'s.");
    assert_int_equal(err.offset, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(engines_agree), cmocka_unit_test(cache) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
