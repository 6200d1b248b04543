/* Arenas: allocate by bumping a pointer, free all at once.
 *
 * Two kinds behind one struct:
 *   fixed    over memory that the caller owns (a request's reservation): never allocates, cap is the limit;
 *   growing  chunks from malloc up to a limit (a compiled program, a command): freed as a whole.
 *
 * Invariants
 * 1. Memory from arena_alloc is zeroed and aligned to 16 bytes.
 * 2. When the limit is reached arena_alloc returns NULL and `overflow` stays set until a reset to a mark
 *    taken before; the request layer turns the mark into a counted 500, a compiler into an error.
 * 3. Under AddressSanitizer each allocation is a malloc of its own (the "twin" arena), so that an overrun
 *    of one object is seen; marks and resets then free them.
 * An arena belongs to one fiber or thread at a time. */
#ifndef PLATFORM_BASE_ARENA_H
#define PLATFORM_BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "platform/base/compiler.h"
#include "platform/base/slice.h"

struct arena_chunk;

struct arena {
    char *next;                 /* first free byte of the present chunk */
    char *end;                  /* its end */
    struct arena_chunk *chunks; /* growing: newest first; twin: every allocation */
    char *fixed;                /* fixed: the caller's memory, else NULL */
    size_t limit;               /* bytes this arena may hand out */
    size_t used;                /* bytes handed out, rounding included */
    size_t peak;                /* highest `used` since init */
    bool overflow;
};

struct arena_mark {
    char *next;
    char *end;
    struct arena_chunk *chunks;
    size_t used;
};

/* An arena over n bytes at mem; the memory stays the caller's and must outlive the arena. */
void arena_init_fixed(struct arena *a, void *mem, size_t n);
/* An arena that grows by malloc up to limit bytes. */
void arena_init_growing(struct arena *a, size_t limit);
/* Give everything back. A fixed arena can be used again after arena_init_fixed only. */
void arena_free(struct arena *a);

/* n zeroed bytes aligned to 16, or NULL with `overflow` set. n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* As arena_alloc, but the bytes are not zeroed. */
void *arena_alloc_raw(struct arena *a, size_t n);
/* Grow an allocation from old_n to new_n bytes, in place when it was the newest; the old bytes are kept. */
void *arena_grow(struct arena *a, void *p, size_t old_n, size_t new_n);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
/* Zeroed array; NULL when the size overflows or the arena is full. */
#define arena_array(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t count, size_t size);

/* A copy of s in the arena; on overflow the empty slice. */
struct slice arena_copy(struct arena *a, struct slice s);
/* A copy with a terminating zero byte; NULL on overflow. */
char *arena_cstr(struct arena *a, struct slice s);
/* Formatted text; the empty slice on overflow. A zero byte follows the slice. */
struct slice arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct slice arena_vprintf(struct arena *a, const char *fmt, va_list args);
/* parts[0..n) one after the other; the empty slice on overflow. */
struct slice arena_concat(struct arena *a, const struct slice *parts, size_t n);

/* Remember a point, and go back to it: what was allocated since is gone. */
struct arena_mark arena_mark(const struct arena *a);
void arena_reset(struct arena *a, struct arena_mark mark);

#endif
