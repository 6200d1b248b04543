/* Body blocks: 16 kB pieces that bodies pass through or are kept in, from a pool of the carrier, outside
 * the arenas.
 *
 * Invariants
 * 1. A block is taken and given back on the same carrier; no lock.
 * 2. A relay holds at most one block per direction; what is kept longer is a chain, and each block of a
 *    chain is counted against limits.body.total, process-wide.
 * 3. The pool keeps BLOCK_POOL_KEEP free blocks; the others go back to the system, so that a burst leaves
 *    no trace. */
#ifndef PLATFORM_BLOCK_H
#define PLATFORM_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/compiler.h"
#include "platform/base/slice.h"

/* Payload of a block: the whole of it is one 16 kB allocation with the allocator's own header. */
#define BLOCK_BYTES (16u * 1024 - 64)
/* Free blocks that a carrier keeps: enough for 32 relays both ways. */
#define BLOCK_POOL_KEEP 64u

struct block {
    struct block *next;
    uint32_t begin, end; /* the bytes in use: data[begin..end) */
    char data[BLOCK_BYTES];
};

/* An empty block, or NULL when memory is short. */
struct block *block_take(void);
/* Give it back; NULL is fine. */
void block_give(struct block *b);
/* Blocks of this carrier that are taken, and free ones that it keeps. */
unsigned block_taken(void);
unsigned block_kept(void);
/* Free the kept ones (the end of a carrier, tests). */
void block_pool_drop(void);

/* ---- whole bodies ---- */

/* limits.body.total in bytes; set before the first chain. The default is 64 MB. */
void block_set_total(uint64_t bytes);
/* Bytes that all bodies hold now; any thread. */
uint64_t block_total_used(void);
/* Count a body that stands in memory of its own. False: limits.body.total would be exceeded. Any thread. */
bool block_total_charge(uint64_t bytes) WARN_UNUSED;
void block_total_release(uint64_t bytes);

/* A body that something asked for whole: blocks in order. Zero-initialised is empty. */
struct block_chain {
    struct block *first, *last;
    uint64_t bytes;
    uint32_t blocks;
};

enum block_result {
    BLOCK_OK,
    BLOCK_TOTAL, /* limits.body.total is used up: 503 */
    BLOCK_MEMORY /* no memory: 503 */
};

/* Add bytes at the end. */
enum block_result block_chain_add(struct block_chain *c, const void *from, size_t n) WARN_UNUSED;
/* Room at the end of the chain to read into: sets *p and *n (> 0); what was filled is then reported to
 * block_chain_filled. */
enum block_result block_chain_room(struct block_chain *c, char **p, size_t *n) WARN_UNUSED;
void block_chain_filled(struct block_chain *c, size_t n);
/* Whole body in one piece where it is one block; otherwise false. */
bool block_chain_contiguous(const struct block_chain *c, struct slice *out);
/* Copy the body to `to`, which has room for c->bytes. */
void block_chain_copy(const struct block_chain *c, char *to);
/* Give every block back. */
void block_chain_free(struct block_chain *c);

#endif
