/* The plan of a download: which nodes and leaves of a hash tree are missing, and the cheapest way
 * to them. A pure state machine: told what is known and here, it says what to get next; it gets
 * nothing itself.
 *
 *   NODES  some nodes are unknown      -> a node object, the head of the pack, or the whole pack
 *   LEAVES all nodes are known         -> leaf objects, or at most PLAN_RUNS_MAX runs of the pack
 *   DONE   all leaves are here
 *
 * Layout of a pack: all nodes, then all leaves that are not empty, in order, with nothing between.
 */
#ifndef SYNC_PLAN_H
#define SYNC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "store/manifest.h"

/* Runs of a pack that are fetched one by one (sync.md d4). */
#define PLAN_RUNS_MAX 8u

struct plan_run {
    uint64_t from, to; /* bytes of the pack */
};

enum plan_action { PLAN_DONE, PLAN_NODE, PLAN_LEAF, PLAN_RUN };

struct plan_step {
    enum plan_action action;
    uint32_t index;      /* NODE, LEAF */
    struct plan_run run; /* RUN */
};

struct plan {
    const struct manifest *manifest;
    uint32_t fan, n_nodes, n_leaves;
    struct tree_entry *leaves; /* entries; valid where the node is known */
    bool *node_known, *here;   /* of nodes; of leaves */
    uint64_t *offsets; /* of leaves in the pack; n_leaves + 1; valid when all nodes are known */
    uint32_t unknown;  /* nodes */
    unsigned overhead; /* bytes that one more request costs */
    bool pack;         /* there is one, and it may be used */
    bool fresh_start;  /* nothing of any generation is in the store */
    /* decided when all nodes are known */
    bool decided, by_objects;
    struct plan_run runs[PLAN_RUNS_MAX];
    unsigned n_runs;
    uint32_t next; /* leaf to look at first */
};

/* Begin with everything unknown. overhead: headers of a request, 0 for files. False: no memory. */
bool plan_begin(struct plan *p, struct arena *a, const struct manifest *m, unsigned overhead)
    WARN_UNUSED;
/* Node i has these entries: they are verified. */
void plan_node(struct plan *p, uint32_t i, const struct tree_entry *entries);
/* What an older generation with the same bits has in common is known at no cost: nodes whose hash
 * is the same. */
void plan_base(struct plan *p, const struct tree_entry *leaves, unsigned bits);
/* Leaf i is here / turned out not to be. */
void plan_leaf(struct plan *p, uint32_t i);
void plan_leaf_lost(struct plan *p, uint32_t i);
/* The pack cannot be had (404, or its host sends no ranges). */
void plan_no_pack(struct plan *p);
/* What to get next. Until the caller reports it as known or here the answer stays the same. */
void plan_next(struct plan *p, struct plan_step *out);

/* Bytes of the pack before the leaves. */
uint64_t plan_head(const struct plan *p);
/* Where leaf i stands in the pack; all nodes are known. */
struct plan_run plan_leaf_run(const struct plan *p, uint32_t i);

#endif
