/* .NET strings over UTF-8.
 *
 * A .NET string is a run of UTF-16 units. Here it is UTF-8, because everything at the gateway's edge (fields, bodies,
 * JSON, XML) is bytes and nearly all of it ASCII: no conversion in or out, half the memory, memcmp for equality.
 * The flag EXPR_ASCII says that byte index == unit index; for other strings the functions below count units.
 *
 * Invariant: a surrogate pair is always one four-byte sequence; a lone surrogate is three bytes (ED A0..BF xx).
 * text_join restores this where a concatenation brings halves together, so equality stays memcmp. */
#ifndef POLICY_EXPR_TEXT_H
#define POLICY_EXPR_TEXT_H

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "policy/expr/expr.h"

static inline struct slice text_slice(struct expr_value v)
{
    return (struct slice){ v.s, v.n };
}

static inline bool text_is_ascii(struct expr_value v)
{
    return v.flags & EXPR_ASCII;
}

bool slice_is_ascii(struct slice s);
/* A string value over bytes that are UTF-8 already. */
struct expr_value text_value(struct slice s);
static inline struct expr_value text_ascii(struct slice s)
{
    return (struct expr_value){ .kind = EXPR_STRING, .flags = EXPR_ASCII, .n = (uint32_t)s.n, .s = s.n ? s.p : "" };
}
#define TEXT(literal) text_ascii(SLICE(literal))

/* Length in UTF-16 units. */
uint32_t text_length(struct expr_value v);
/* Byte offset of unit index (in the middle of a pair: the pair's start). index <= length. */
uint32_t text_offset(struct expr_value v, uint32_t index);
/* Unit index of a byte offset. */
uint32_t text_index(struct expr_value v, uint32_t offset);
/* The UTF-16 unit at index < length. */
uint32_t text_unit(struct expr_value v, uint32_t index);
/* Units [from, from + n); halves of cut pairs become lone surrogates. */
struct expr_value text_sub(struct arena *a, struct expr_value v, uint32_t from, uint32_t n);

/* Walk: the unit at *at, and *at moves on; a pair is given as two units (low half: *pending). */
struct text_walk {
    const char *p, *end;
    uint32_t low; /* pending low surrogate, or 0 */
};
static inline struct text_walk text_walk(struct expr_value v)
{
    return (struct text_walk){ v.s, v.s + v.n, 0 };
}
bool text_next(struct text_walk *w, uint32_t *unit);

/* Append one UTF-16 unit or code point; halves that meet become a pair. */
void text_put_unit(struct buf *b, uint32_t unit);
/* Append a string, joining halves that meet. */
void text_put(struct buf *b, struct slice s);
/* a + b in the arena; p == NULL when it is full. */
struct slice text_join(struct arena *a, struct slice x, struct slice y);

/* A string value of bytes in which surrogate halves may stand side by side: joined in place. */
struct expr_value text_repair(struct arena *a, struct slice s);

/* Decode one code point, lone surrogates included; the bytes taken, 0 at the end. */
size_t text_decode(const char *p, const char *end, uint32_t *cp);

/* Simple case mapping and classes of Unicode, as .NET's invariant culture has them (BMP and beyond). */
uint32_t text_upper(uint32_t cp);
uint32_t text_lower(uint32_t cp);

#endif
