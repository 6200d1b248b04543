/* A slice is a borrowed run of bytes: pointer and length, no terminator, never owned.
 * The empty slice may have p == NULL. */
#ifndef PLATFORM_BASE_SLICE_H
#define PLATFORM_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "platform/base/compiler.h"

struct slice {
    const char *p;
    size_t n;
};

/* Slice of a string literal. */
#define SLICE(literal) ((struct slice){ "" literal, sizeof(literal) - 1 })
/* For static tables, where a compound literal is no constant expression. */
#define SLICE_INIT(literal) { "" literal, sizeof(literal) - 1 }
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).n, (s).p
#define SLICE_NONE ((struct slice){ NULL, 0 })

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){ p, n };
}

/* Slice of a C string; NULL gives the empty slice. */
static inline struct slice slice_from(const char *z)
{
    return (struct slice){ z, z ? strlen(z) : 0 };
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case folding only: field names, schemes, host names. */
bool slice_eq_icase(struct slice a, struct slice b);
/* Byte order, shorter first on a tie: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
bool slice_starts_icase(struct slice s, struct slice prefix);

/* Index of the first occurrence, or -1. */
ptrdiff_t slice_find(struct slice s, struct slice needle);
ptrdiff_t slice_find_byte(struct slice s, char c);
ptrdiff_t slice_rfind_byte(struct slice s, char c);

/* The part of s from byte `from` (clamped) on. */
struct slice slice_skip(struct slice s, size_t from);
/* At most the first n bytes. */
struct slice slice_first(struct slice s, size_t n);
/* Bytes [from, to), clamped. */
struct slice slice_sub(struct slice s, size_t from, size_t to);

/* Without leading and trailing space, tab, CR, LF. */
struct slice slice_trim(struct slice s);
/* Without leading and trailing space and tab (OWS of RFC 9110 5.6.3). */
struct slice slice_trim_ows(struct slice s);

/* Cut the next part off *rest, up to separator c; false when nothing is left. "a,,b" gives "a", "", "b". */
bool slice_cut(struct slice *rest, char c, struct slice *part);

/* Decimal digits only, whole slice, no sign; false when empty, not digits, or over max. */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *out);
/* Hex digits only, whole slice; false when empty, not hex, or over 64 bits. */
bool slice_hex_to_u64(struct slice s, uint64_t *out);

/* ASCII helpers that do not look at the locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 0..15, or -1 when c is no hex digit. */
int ascii_hex_value(char c);

#endif
