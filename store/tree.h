/* The hash tree of a generation (sync.md d3): entities lie in 2^bits leaves by the first bits of
 * SHA-256(kind "/" id); a leaf is their lines, sorted by kind "/" id, each with a newline; a node
 * holds the entries of `fan` leaves, the top node those of all nodes.
 *
 *   entry = sha256 (32 bytes) raw_len (4, big-endian) z_len (4, big-endian)
 *
 * Hashes are of uncompressed bytes. A leaf is sent and stored as one zlib stream of z_len bytes, an
 * empty leaf as nothing (both lengths 0); a node as it is (both lengths equal). */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/crypto.h"

/* Caps of sync.md d3 and fault F16: what a publisher refuses and a client does not even inflate. */
#define TREE_ENTITY_MAX (1u << 20)
#define TREE_LEAF_MAX (2u << 20)
#define TREE_RATIO_MAX 200u
#define TREE_DEPTH_MAX 32u
/* 16,384 leaves of 16 kB are 256 MB, and 128 inline entries fit into `latest`. */
#define TREE_BITS_MAX 14u
#define TREE_ENTRY_BYTES 40u

struct tree_entry {
    uint8_t hash[CRYPTO_SHA256_BYTES];
    uint32_t raw, z;
};

static inline uint32_t tree_leaves(unsigned bits)
{
    return 1u << bits;
}

/* fan = 2^ceil(bits/2) */
static inline uint32_t tree_fan(unsigned bits)
{
    return 1u << ((bits + 1) / 2);
}

static inline uint32_t tree_nodes(unsigned bits)
{
    return 1u << (bits / 2);
}

/* The leaf that an entity lies in. */
uint32_t tree_slot(struct slice kind, struct slice id, unsigned bits);

void tree_entry_put(const struct tree_entry *e, uint8_t out[TREE_ENTRY_BYTES]);
void tree_entry_get(const uint8_t in[TREE_ENTRY_BYTES], struct tree_entry *e);
/* The entry of a node over n entries. */
void tree_node_entry(const struct tree_entry *entries, uint32_t n, struct tree_entry *out);
/* The bytes of a node over n entries, in the arena. */
struct slice tree_node_bytes(struct arena *a, const struct tree_entry *entries, uint32_t n);
/* The root: the hash of the top node over all leaves. nodes, if not NULL, has room for
 * tree_nodes(bits) entries. */
void tree_root(const struct tree_entry *leaves, unsigned bits, struct tree_entry *nodes,
               uint8_t root[CRYPTO_SHA256_BYTES]);
/* The entry of a leaf with these bytes; z its compressed form, empty for an empty leaf. */
void tree_leaf_entry(struct slice raw, struct slice z, struct tree_entry *out);
bool tree_entry_eq(const struct tree_entry *x, const struct tree_entry *y);

/* Sizes of an entry are within the caps. */
bool tree_entry_check(const struct tree_entry *e, struct err *err) WARN_UNUSED;
/* Check the bytes of a node against its entry and take out the entries it holds (e->raw /
 * TREE_ENTRY_BYTES of them). */
bool tree_node_open(const struct tree_entry *e, struct slice bytes, struct tree_entry *out,
                    struct err *err) WARN_UNUSED;
/* Inflate a leaf and check its hash and length against its entry. err begins with "digest: ". */
bool tree_leaf_open(struct arena *a, const struct tree_entry *e, struct slice z, struct slice *raw,
                    struct err *err) WARN_UNUSED;
/* Is the line an object with this kind and id (strings without control characters, kind without
 * '/'), within the caps of an entity? kind and id are in the arena. */
bool tree_entity_read(struct arena *a, struct slice line, struct slice *kind, struct slice *id,
                      struct err *err) WARN_UNUSED;
/* The lines of a leaf are entities of that slot, sorted and unique. */
bool tree_leaf_check(struct arena *scratch, struct slice raw, uint32_t slot, unsigned bits,
                     struct err *err) WARN_UNUSED;

#endif
