/* Body blocks and chains; the invariants stand in block.h. */
#include "platform/block.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL_DEFAULT (UINT64_C(64) * 1024 * 1024)

static _Thread_local struct block *kept;
static _Thread_local unsigned kept_count, taken_count;

static _Atomic uint64_t total_max = TOTAL_DEFAULT;
static _Atomic uint64_t total_used;

struct block *block_take(void)
{
    struct block *b = kept;

    if (b) {
        kept = b->next;
        kept_count--;
    } else {
        b = malloc(sizeof *b);
        if (!b)
            return NULL;
    }
    b->next = NULL;
    b->begin = b->end = 0;
    taken_count++;
    return b;
}

void block_give(struct block *b)
{
    if (!b)
        return;
    taken_count--;
    /* Under AddressSanitizer nothing is kept, so that a use after giving back is seen. */
    if (HOLDFAST_ASAN || kept_count >= BLOCK_POOL_KEEP) {
        free(b);
        return;
    }
    b->next = kept;
    kept = b;
    kept_count++;
}

unsigned block_taken(void)
{
    return taken_count;
}

unsigned block_kept(void)
{
    return kept_count;
}

void block_pool_drop(void)
{
    while (kept) {
        struct block *next = kept->next;
        free(kept);
        kept = next;
    }
    kept_count = 0;
}

void block_set_total(uint64_t bytes)
{
    atomic_store_explicit(&total_max, bytes, memory_order_relaxed);
}

uint64_t block_total_used(void)
{
    return atomic_load_explicit(&total_used, memory_order_relaxed);
}

void block_total_release(uint64_t bytes)
{
    atomic_fetch_sub_explicit(&total_used, bytes, memory_order_relaxed);
}

bool block_total_charge(uint64_t bytes)
{
    uint64_t used = atomic_fetch_add_explicit(&total_used, bytes, memory_order_relaxed);

    if (used + bytes <= atomic_load_explicit(&total_max, memory_order_relaxed))
        return true;
    block_total_release(bytes);
    return false;
}

static enum block_result append_block(struct block_chain *c)
{
    if (!block_total_charge(sizeof(struct block)))
        return BLOCK_TOTAL;
    struct block *b = block_take();
    if (!b) {
        block_total_release(sizeof *b);
        return BLOCK_MEMORY;
    }
    if (c->last)
        c->last->next = b;
    else
        c->first = b;
    c->last = b;
    c->blocks++;
    return BLOCK_OK;
}

enum block_result block_chain_room(struct block_chain *c, char **p, size_t *n)
{
    if (!c->last || c->last->end == BLOCK_BYTES) {
        enum block_result r = append_block(c);
        if (r != BLOCK_OK)
            return r;
    }
    *p = c->last->data + c->last->end;
    *n = BLOCK_BYTES - c->last->end;
    return BLOCK_OK;
}

void block_chain_filled(struct block_chain *c, size_t n)
{
    c->last->end += (uint32_t)n;
    c->bytes += n;
}

enum block_result block_chain_add(struct block_chain *c, const void *from, size_t n)
{
    const char *p = from;

    while (n) {
        char *room;
        size_t bytes;
        enum block_result r = block_chain_room(c, &room, &bytes);
        if (r != BLOCK_OK)
            return r;
        if (bytes > n)
            bytes = n;
        memcpy(room, p, bytes);
        block_chain_filled(c, bytes);
        p += bytes;
        n -= bytes;
    }
    return BLOCK_OK;
}

bool block_chain_contiguous(const struct block_chain *c, struct slice *out)
{
    if (c->first != c->last)
        return false;
    *out = c->first ? slice_of(c->first->data + c->first->begin, c->first->end - c->first->begin)
                    : SLICE_NONE;
    return true;
}

void block_chain_copy(const struct block_chain *c, char *to)
{
    for (const struct block *b = c->first; b; b = b->next) {
        memcpy(to, b->data + b->begin, b->end - b->begin);
        to += b->end - b->begin;
    }
}

void block_chain_free(struct block_chain *c)
{
    while (c->first) {
        struct block *next = c->first->next;
        block_give(c->first);
        c->first = next;
    }
    block_total_release((uint64_t)c->blocks * sizeof(struct block));
    memset(c, 0, sizeof *c);
}
