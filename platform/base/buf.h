/* A growing byte buffer in an arena. Errors are sticky: after an overflow every put is dropped and
 * `failed` stays set, so that a writer checks once at its end. */
#ifndef PLATFORM_BASE_BUF_H
#define PLATFORM_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

struct buf {
    struct arena *arena;
    char *p;
    size_t n, cap;
    bool failed;
};

void buf_init(struct buf *b, struct arena *a);
/* Make room for n more bytes and return where they go; NULL when the arena is full. Commit with b->n += . */
char *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, struct slice s);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *z);
void buf_put_u64(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* s as a JSON string with its quotes (RFC 8259 7): control characters, quote and backslash escaped;
 * a byte that is not valid UTF-8 becomes U+FFFD. */
void buf_put_json(struct buf *b, struct slice s);
/* What was written; a zero byte follows it (not counted). Valid until the next put. */
struct slice buf_slice(struct buf *b);

#endif
