/* Arenas; the contract and the invariants stand in arena.h. */
#include "platform/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 16u
#define ZERO_INLINE 96u /* objects up to this size are zeroed in place */
/* Chunks of a growing arena: big enough that a program of hundreds of kilobytes takes a few dozen. */
#define CHUNK_BYTES (32u * 1024)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* payload bytes */
    _Alignas(16) char payload[];
};

static size_t round_up(size_t n)
{
    return (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

void arena_init_fixed(struct arena *a, void *mem, size_t n)
{
    uintptr_t skew = (uintptr_t)mem & (ALIGN - 1);
    size_t lost = skew ? ALIGN - skew : 0;

    memset(a, 0, sizeof *a);
    if (n < lost + ALIGN)
        lost = n;
    a->fixed = (char *)mem + lost;
    a->limit = (n - lost) & ~(size_t)(ALIGN - 1);
    a->next = a->fixed;
    a->end = a->fixed + a->limit;
}

void arena_init_growing(struct arena *a, size_t limit)
{
    memset(a, 0, sizeof *a);
    a->limit = limit;
}

static void free_chunks_until(struct arena *a, struct arena_chunk *keep)
{
    while (a->chunks != keep) {
        struct arena_chunk *older = a->chunks->older;
        free(a->chunks);
        a->chunks = older;
    }
}

void arena_free(struct arena *a)
{
    free_chunks_until(a, NULL);
    memset(a, 0, sizeof *a);
}

static struct arena_chunk *push_chunk(struct arena *a, size_t payload)
{
    struct arena_chunk *chunk = malloc(sizeof *chunk + payload);

    if (!chunk)
        return NULL;
    chunk->older = a->chunks;
    chunk->size = payload;
    a->chunks = chunk;
    return chunk;
}

static void *overflow(struct arena *a)
{
    a->overflow = true;
    return NULL;
}

static void account(struct arena *a, size_t n)
{
    a->used += n;
    if (a->used > a->peak)
        a->peak = a->used;
}

#if HOLDFAST_ASAN

static void zero(void *p, size_t n)
{
    memset(p, 0, n);
}

/* Twin arena (invariant 3): n is not rounded, so that a write one byte behind the object is seen. */
void *arena_alloc_raw(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ALIGN || round_up(n) > a->limit - a->used)
        return overflow(a);
    struct arena_chunk *chunk = push_chunk(a, n);
    if (!chunk)
        return overflow(a);
    account(a, round_up(n));
    return chunk->payload;
}

#else

/* Most objects are small, and what is allocated is a multiple of 16: quicker than a call of memset. */
static inline void zero(void *p, size_t n)
{
    char *at = __builtin_assume_aligned(p, ALIGN);

    if (n > ZERO_INLINE) {
        memset(p, 0, n);
        return;
    }
    for (size_t i = 0; i < n; i += ALIGN)
        memset(at + i, 0, ALIGN);
}

static bool refill(struct arena *a, size_t n)
{
    if (a->fixed)
        return false;
    size_t payload = n > CHUNK_BYTES ? n : CHUNK_BYTES;
    struct arena_chunk *chunk = push_chunk(a, payload);
    if (!chunk)
        return false;
    a->next = chunk->payload;
    a->end = chunk->payload + payload;
    return true;
}

void *arena_alloc_raw(struct arena *a, size_t n)
{
    if (UNLIKELY(n > SIZE_MAX - ALIGN))
        return overflow(a);
    n = round_up(n ? n : 1);
    if (UNLIKELY(n > a->limit - a->used))
        return overflow(a);
    if (UNLIKELY((size_t)(a->end - a->next) < n) && !refill(a, n))
        return overflow(a);
    void *p = a->next;
    a->next += n;
    account(a, n);
    return p;
}

#endif

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = arena_alloc_raw(a, n);

    if (p)
        zero(p, n);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t n;

    if (__builtin_mul_overflow(count, size, &n))
        return overflow(a);
    return arena_alloc(a, n);
}

void *arena_grow(struct arena *a, void *p, size_t old_n, size_t new_n)
{
    if (!p)
        return arena_alloc_raw(a, new_n);
    if (new_n <= old_n)
        return p;
#if !HOLDFAST_ASAN
    size_t old_room = round_up(old_n ? old_n : 1);
    if (new_n <= SIZE_MAX - ALIGN && (char *)p + old_room == a->next) {
        size_t extra = round_up(new_n) - old_room;
        if (extra <= (size_t)(a->end - a->next) && extra <= a->limit - a->used) {
            a->next += extra;
            account(a, extra);
            return p;
        }
    }
#endif
    void *bigger = arena_alloc_raw(a, new_n);
    if (bigger)
        memcpy(bigger, p, old_n);
    return bigger;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_cstr(a, s);

    return p ? slice_of(p, s.n) : SLICE_NONE;
}

char *arena_cstr(struct arena *a, struct slice s)
{
    char *p = arena_alloc_raw(a, s.n + 1);

    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

struct slice arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *p = n < 0 ? NULL : arena_alloc_raw(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p ? slice_of(p, (size_t)n) : SLICE_NONE;
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    struct slice s = arena_vprintf(a, fmt, args);
    va_end(args);
    return s;
}

struct slice arena_concat(struct arena *a, const struct slice *parts, size_t n)
{
    size_t total = 0, at = 0;

    for (size_t i = 0; i < n; i++)
        total += parts[i].n;
    char *p = arena_alloc_raw(a, total + 1);
    if (!p)
        return SLICE_NONE;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n)
            memcpy(p + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    p[total] = 0;
    return slice_of(p, total);
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){ a->next, a->end, a->chunks, a->used };
}

void arena_reset(struct arena *a, struct arena_mark mark)
{
    free_chunks_until(a, mark.chunks);
    a->next = mark.next;
    a->end = mark.end;
    a->used = mark.used;
    a->overflow = false;
}
