/* Slices: comparing, searching, cutting. Pure, no allocation. */
#include "platform/base/slice.h"

bool slice_eq_icase(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && slice_eq(slice_first(s, prefix.n), prefix);
}

bool slice_starts_icase(struct slice s, struct slice prefix)
{
    return s.n >= prefix.n && slice_eq_icase(slice_first(s, prefix.n), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.n >= suffix.n && slice_eq(slice_skip(s, s.n - suffix.n), suffix);
}

ptrdiff_t slice_find(struct slice s, struct slice needle)
{
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return -1;
    const char *hit = memmem(s.p, s.n, needle.p, needle.n);
    return hit ? hit - s.p : -1;
}

ptrdiff_t slice_find_byte(struct slice s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

    return hit ? hit - s.p : -1;
}

ptrdiff_t slice_rfind_byte(struct slice s, char c)
{
    const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;

    return hit ? hit - s.p : -1;
}

struct slice slice_skip(struct slice s, size_t from)
{
    if (from >= s.n)
        return slice_of(s.n ? s.p + s.n : s.p, 0);
    return slice_of(s.p + from, s.n - from);
}

struct slice slice_first(struct slice s, size_t n)
{
    return slice_of(s.p, n < s.n ? n : s.n);
}

struct slice slice_sub(struct slice s, size_t from, size_t to)
{
    return slice_skip(slice_first(s, to), from);
}

static struct slice trim_while(struct slice s, bool (*drop)(char))
{
    while (s.n && drop(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n && drop(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool is_layout(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    return trim_while(s, is_layout);
}

struct slice slice_trim_ows(struct slice s)
{
    return trim_while(s, is_ows);
}

bool slice_cut(struct slice *rest, char c, struct slice *part)
{
    if (!rest->p)
        return false;
    ptrdiff_t at = slice_find_byte(*rest, c);
    if (at < 0) {
        *part = *rest;
        *rest = SLICE_NONE;
        return true;
    }
    *part = slice_first(*rest, (size_t)at);
    *rest = slice_of(rest->p + at + 1, rest->n - (size_t)at - 1);
    return true;
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > max)
            return false;
    }
    *out = value;
    return true;
}

int ascii_hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slice_hex_to_u64(struct slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ascii_hex_value(s.p[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}
