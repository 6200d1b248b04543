/* Byte buffer in an arena; see buf.h. */
#include "platform/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "platform/base/utf8.h"

#define FIRST_BYTES 128u

void buf_init(struct buf *b, struct arena *a)
{
    memset(b, 0, sizeof *b);
    b->arena = a;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (LIKELY(b->cap - b->n > n))
        return b->p + b->n;
    size_t cap = b->cap ? b->cap : FIRST_BYTES;
    while (cap - b->n <= n) {
        if (cap > SIZE_MAX / 2) {
            b->failed = true;
            return NULL;
        }
        cap *= 2;
    }
    char *p = arena_grow(b->arena, b->p, b->cap, cap);
    if (!p) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

void buf_put(struct buf *b, struct slice s)
{
    char *to = buf_reserve(b, s.n);

    if (!to || !s.n)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void buf_putc(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);

    if (!to)
        return;
    *to = c;
    b->n++;
}

void buf_puts(struct buf *b, const char *z)
{
    buf_put(b, slice_from(z));
}

void buf_put_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;

    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_put(b, slice_of(digits + n, sizeof digits - n));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (!to)
        return;
    va_start(args, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, args);
    va_end(args);
    b->n += (size_t)n;
}

static void put_json_escape(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char *const names = "btn fr"; /* 8, 9, 10, (11), 12, 13 */

    buf_putc(b, '\\');
    if (c == '"' || c == '\\') {
        buf_putc(b, (char)c);
        return;
    }
    if (c >= 8 && c <= 13 && c != 11) {
        buf_putc(b, names[c - 8]);
        return;
    }
    buf_puts(b, "u00");
    buf_putc(b, hex[c >> 4]);
    buf_putc(b, hex[c & 15]);
}

void buf_put_json(struct buf *b, struct slice s)
{
    size_t run = 0;

    buf_putc(b, '"');
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        size_t len = c < 0x80 ? 1 : utf8_valid_length(slice_skip(s, i));
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && len) {
            i += len;
            continue;
        }
        buf_put(b, slice_sub(s, run, i));
        if (len)
            put_json_escape(b, c);
        else
            buf_puts(b, "\xef\xbf\xbd");
        run = ++i;
    }
    buf_put(b, slice_skip(s, run));
    buf_putc(b, '"');
}

struct slice buf_slice(struct buf *b)
{
    char *end = buf_reserve(b, 1);

    if (!end)
        return SLICE_NONE;
    *end = 0;
    return slice_of(b->p, b->n);
}
