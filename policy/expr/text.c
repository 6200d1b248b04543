/* Strings of UTF-16 units kept as UTF-8: see text.h for the representation and its invariant. */
#include "policy/expr/text.h"

#include "platform/base/utf8.h"

#define REPLACEMENT 0xFFFD

/* Bit 7 of each byte of the word at p. */
static inline uint64_t high_bits(const char *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return w & UINT64_C(0x8080808080808080);
}

bool slice_is_ascii(struct slice s)
{
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8)
        if (high_bits(s.p + i, 8))
            return false;
    if (s.n >= 8) /* the last word overlaps the one before */
        return !high_bits(s.p + s.n - 8, 8);
    if (s.n >= 4)
        return !(high_bits(s.p, 4) | high_bits(s.p + s.n - 4, 4));
    for (; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

struct expr_value text_value(struct slice s)
{
    return (struct expr_value){ .kind = EXPR_STRING, .flags = slice_is_ascii(s) ? EXPR_ASCII : 0, .n = (uint32_t)s.n,
                                .s = s.n ? s.p : "" };
}

size_t text_decode(const char *p, const char *end, uint32_t *cp)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t left = (size_t)(end - p);

    if (left == 0)
        return 0;
    if (u[0] < 0x80) {
        *cp = u[0];
        return 1;
    }
    if (u[0] >= 0xC2 && u[0] < 0xE0 && left >= 2 && (u[1] & 0xC0) == 0x80) {
        *cp = (uint32_t)(u[0] & 0x1F) << 6 | (u[1] & 0x3F);
        return 2;
    }
    if (u[0] >= 0xE0 && u[0] < 0xF0 && left >= 3 && (u[1] & 0xC0) == 0x80 && (u[2] & 0xC0) == 0x80) {
        *cp = (uint32_t)(u[0] & 0x0F) << 12 | (uint32_t)(u[1] & 0x3F) << 6 | (u[2] & 0x3F);
        return 3;
    }
    if (u[0] >= 0xF0 && u[0] < 0xF5 && left >= 4 && (u[1] & 0xC0) == 0x80 && (u[2] & 0xC0) == 0x80 && (u[3] & 0xC0) == 0x80) {
        *cp = (uint32_t)(u[0] & 7) << 18 | (uint32_t)(u[1] & 0x3F) << 12 | (uint32_t)(u[2] & 0x3F) << 6 | (u[3] & 0x3F);
        return 4;
    }
    *cp = REPLACEMENT;
    return 1;
}

uint32_t text_length(struct expr_value v)
{
    uint32_t n = 0;

    if (text_is_ascii(v))
        return v.n;
    for (uint32_t i = 0; i < v.n; i++) {
        unsigned char ch = (unsigned char)v.s[i];

        n += (ch & 0xC0) != 0x80;
        n += ch >= 0xF0;
    }
    return n;
}

uint32_t text_offset(struct expr_value v, uint32_t index)
{
    uint32_t at = 0, n = 0;

    if (text_is_ascii(v))
        return index;
    while (at < v.n && n < index) {
        unsigned char ch = (unsigned char)v.s[at];
        uint32_t units = ch >= 0xF0 ? 2 : 1;

        if (n + units > index)
            break;
        n += units;
        at += ch < 0x80 ? 1 : ch < 0xE0 ? 2 : ch < 0xF0 ? 3 : 4;
    }
    return at;
}

uint32_t text_index(struct expr_value v, uint32_t offset)
{
    struct expr_value head = v;

    if (text_is_ascii(v))
        return offset;
    head.n = offset;
    return text_length(head);
}

uint32_t text_unit(struct expr_value v, uint32_t index)
{
    uint32_t at, cp = 0;

    if (text_is_ascii(v))
        return (unsigned char)v.s[index];
    at = text_offset(v, index);
    text_decode(v.s + at, v.s + v.n, &cp);
    if (cp < 0x10000)
        return cp;
    return text_index(v, at) == index ? 0xD800 + ((cp - 0x10000) >> 10) : 0xDC00 + ((cp - 0x10000) & 0x3FF);
}

/* Is the byte offset of `index` in the middle of a pair? */
static bool splits_pair(struct expr_value v, uint32_t offset, uint32_t index)
{
    return offset < v.n && (unsigned char)v.s[offset] >= 0xF0 && text_index(v, offset) != index;
}

struct expr_value text_sub(struct arena *a, struct expr_value v, uint32_t from, uint32_t n)
{
    uint32_t start, end;
    bool head, tail;

    if (text_is_ascii(v))
        return text_ascii(slice_of(v.s + from, n));
    start = text_offset(v, from);
    end = text_offset(v, from + n);
    head = splits_pair(v, start, from);
    tail = splits_pair(v, end, from + n);
    if (head || tail) {
        struct buf b;

        buf_init(&b, a);
        if (head)
            text_put_unit(&b, text_unit(v, from));
        if (start + (head ? 4 : 0) < end)
            buf_put(&b, slice_of(v.s + start + (head ? 4 : 0), end - start - (head ? 4 : 0)));
        if (tail && !(head && n == 1))
            text_put_unit(&b, text_unit(v, from + n - 1));
        return text_value(buf_slice(&b));
    }
    return text_value(slice_of(v.s + start, end - start));
}

bool text_next(struct text_walk *w, uint32_t *unit)
{
    uint32_t cp;
    size_t n;

    if (w->low) {
        *unit = w->low;
        w->low = 0;
        return true;
    }
    n = text_decode(w->p, w->end, &cp);
    if (n == 0)
        return false;
    w->p += n;
    *unit = cp;
    if (cp >= 0x10000) {
        *unit = 0xD800 + ((cp - 0x10000) >> 10);
        w->low = 0xDC00 + ((cp - 0x10000) & 0x3FF);
    }
    return true;
}

/* The lone high surrogate the bytes end in, or 0. */
static uint32_t trailing_high(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;

    if (n < 3 || u[n - 3] != 0xED || u[n - 2] < 0xA0 || u[n - 2] > 0xAF)
        return 0;
    return 0xD000u | (uint32_t)(u[n - 2] & 0x3F) << 6 | (u[n - 1] & 0x3F);
}

static uint32_t leading_low(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;

    if (n < 3 || u[0] != 0xED || u[1] < 0xB0)
        return 0;
    return 0xD000u | (uint32_t)(u[1] & 0x3F) << 6 | (u[2] & 0x3F);
}

static uint32_t pair(uint32_t high, uint32_t low)
{
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

void text_put_unit(struct buf *b, uint32_t unit)
{
    uint32_t high = unit >= 0xDC00 && unit <= 0xDFFF ? trailing_high(b->p, b->n) : 0;
    char out[4];

    if (high) {
        b->n -= 3;
        unit = pair(high, unit);
    }
    buf_put(b, slice_of(out, utf8_encode(unit, out)));
}

void text_put(struct buf *b, struct slice s)
{
    uint32_t low = leading_low(s.p, s.n);

    if (low && trailing_high(b->p, b->n)) {
        text_put_unit(b, low);
        s = slice_skip(s, 3);
    }
    buf_put(b, s);
}

struct slice text_join(struct arena *a, struct slice x, struct slice y)
{
    struct buf b;

    if (!leading_low(y.p, y.n))
        return arena_concat(a, (struct slice[]){ x, y }, 2);
    buf_init(&b, a);
    buf_put(&b, x);
    text_put(&b, y);
    return buf_slice(&b);
}

struct expr_value text_repair(struct arena *a, struct slice s)
{
    struct buf b;

    for (size_t i = 3; i + 3 <= s.n; i++)
        if (trailing_high(s.p, i) && leading_low(s.p + i, s.n - i)) {
            buf_init(&b, a);
            for (size_t at = 0; at < s.n;) {
                uint32_t cp;
                size_t n = text_decode(s.p + at, s.p + s.n, &cp);

                text_put_unit(&b, cp);
                at += n;
            }
            return text_value(buf_slice(&b));
        }
    return text_value(s);
}

/* ---- case ---- */

/* Letters whose other case is at a fixed distance, every one or every second of a run. */
struct case_run {
    uint32_t from, to;
    int32_t distance, step;
};

static const struct case_run upper_runs[] = {
#include "policy/expr/unicode_upper.def"
};
static const struct case_run lower_runs[] = {
#include "policy/expr/unicode_lower.def"
};

static uint32_t mapped(const struct case_run *runs, uint32_t n, uint32_t cp)
{
    uint32_t low = 0, high = n;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (runs[middle].to < cp)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n || cp < runs[low].from || (cp - runs[low].from) % (uint32_t)runs[low].step)
        return cp;
    return cp + (uint32_t)runs[low].distance;
}

uint32_t text_upper(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'a' && cp <= 'z' ? cp - 32 : cp;
    return mapped(upper_runs, COUNT_OF(upper_runs), cp);
}

uint32_t text_lower(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
    return mapped(lower_runs, COUNT_OF(lower_runs), cp);
}
