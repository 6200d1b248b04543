/* The part of the store that sync writes with: downloaded pieces, the flip to a new generation,
 * what is trusted. The same rules as in store.h; nothing here verifies signatures of what it is
 * given: that is done before. */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "store/manifest.h"
#include "store/root.h"
#include "store/store.h"
#include "store/tree.h"

/* ---- trust ---- */
/* The trusted root, verified against itself. *present false: none yet. root_free when present. */
bool store_root(struct store *s, struct arena *a, struct root *out, bool *present, struct err *err)
    WARN_UNUSED;
/* Trust r from now on. reset: forget the highest publish numbers (new keys, sync.md d4). Meta keys
 * "etag:…" are dropped. */
bool store_trust(struct store *s, const struct root *r, bool reset, struct err *err) WARN_UNUSED;
/* Trust nothing: the next root is taken as by a new cache. pin: meta value "pin" (a fingerprint),
 * empty: none. */
bool store_forget_trust(struct store *s, struct slice pin, struct err *err) WARN_UNUSED;
int64_t store_max_seq(struct store *s, struct slice channel);

/* ---- what is there ---- */
/* The active generation's `latest` and the entries of its leaves, signatures verified, leaves not
 * read; *present false: there is none or it is damaged. */
struct store_base {
    int64_t gen;
    struct latest *latest;
    struct tree_entry *leaves; /* tree_leaves(latest->manifest.bits) of them */
};
bool store_base(struct store *s, struct arena *a, struct store_base *out, bool *present,
                struct err *err) WARN_UNUSED;
/* A leaf by its entry, inflated and verified. *present false: not here, or damaged (then its row is
 * dropped). */
bool store_leaf(struct store *s, struct arena *a, const struct tree_entry *e, struct slice *raw,
                bool *present, struct err *err) WARN_UNUSED;
/* Is there a row for it? Cheap, unverified: for planning. */
bool store_has_leaf(struct store *s, const struct tree_entry *e);
bool store_node(struct store *s, struct arena *a, const struct tree_entry *e, struct slice *bytes,
                bool *present, struct err *err) WARN_UNUSED;

/* A generation out of verified leaves, one slice for each slot; gen stays 0. The lines point into
 * the leaves. */
bool store_fill(struct arena *a, const struct latest *latest, struct slice *leaves,
                struct store_generation *out, struct err *err) WARN_UNUSED;

/* ---- pieces of an unfinished download ---- */
struct store_piece {
    struct tree_entry entry;
    struct slice bytes; /* of a leaf its zlib stream, of a node its bytes */
    bool node;
};
/* Where a download stands: unverified bytes behind the last verified piece. */
struct store_partial {
    struct slice name; /* "m/17:pack" */
    struct slice etag;
    uint64_t at; /* offset of tail */
    struct slice tail;
};
/* One transaction. partial may be NULL. */
bool store_put_pieces(struct store *s, const struct store_piece *pieces, size_t n,
                      const struct store_partial *partial, struct err *err) WARN_UNUSED;
/* *present false: none of that name. Text in the arena. */
bool store_partial(struct store *s, struct arena *a, struct slice name, struct store_partial *out,
                   bool *present, struct err *err) WARN_UNUSED;
bool store_drop_partial(struct store *s, struct slice name, struct err *err) WARN_UNUSED;
/* Any leaf at all: then some of a new generation may be here already. */
bool store_has_leaves(struct store *s);
/* Something from an earlier cycle waits to be continued. */
bool store_has_progress(struct store *s);

/* ---- the flip ---- */
struct store_meta_pair {
    const char *key;
    struct slice value;
};
struct store_staging {
    const struct latest *latest;
    const struct tree_entry *leaves;  /* all of them */
    const struct store_piece *pieces; /* leaves that are not in the store yet */
    size_t n_pieces;
    const struct store_meta_pair *meta; /* what sync remembers, in the same transaction */
    size_t n_meta;
};
/* The number that store_flip will give to this generation. */
int64_t store_next_number(struct store *s, const struct latest *latest);
/* One transaction: leaves, generation (TRIAL), active and previous, highest seq, meta. *gen is its
 * number. */
bool store_flip(struct store *s, const struct store_staging *staging, int64_t *gen, struct err *err)
    WARN_UNUSED;
/* The active generation works: CONFIRMED; old ones go, cfg.lkg is written when it is a day old. */
bool store_confirm(struct store *s, int64_t gen, struct err *err) WARN_UNUSED;
/* It does not: FAILED, the one before is active again (*back, 0: none). */
bool store_fail(struct store *s, int64_t gen, const char *reason, int64_t *back, struct err *err)
    WARN_UNUSED;
/* A generation that was refused before it got here: remembered, so that it is not tried again and
 * again. */
bool store_refuse(struct store *s, const struct latest *latest, const char *reason, struct err *err)
    WARN_UNUSED;
/* Why the generation with this manifest was refused; p == NULL: it was not. */
struct slice store_refused(struct store *s, struct arena *a,
                           const uint8_t manifest_hash[CRYPTO_SHA256_BYTES]);
/* Same generation, newly dated: replace the fresh envelope of the active one; meta as in
 * store_staging. text may be empty. */
bool store_redate(struct store *s, struct slice text, const struct store_meta_pair *meta, size_t n,
                  struct err *err) WARN_UNUSED;

/* ---- handing on ---- */
struct store_root_text {
    int64_t version;
    struct slice text; /* the raw envelope, in the arena */
};
/* The root that the active generation came under, and before it, as far as they are kept, those
 * that it follows: newest first. */
bool store_root_chain(struct store *s, struct arena *a, struct store_root_text **out, size_t *n,
                      struct err *err) WARN_UNUSED;
/* A leaf as it is sent: its zlib stream, verified. */
bool store_leaf_stream(struct store *s, struct arena *a, const struct tree_entry *e,
                       struct slice *z, struct err *err) WARN_UNUSED;

/* ---- when the medium fails ---- */
/* The last failure was the medium's (full, read-only, I/O), not ours: go on in memory. */
bool store_medium_failed(struct store *s);
/* Continue in RAM with what the database holds. False when the store was opened without `memory`,
 * or it is in RAM already. */
bool store_degrade(struct store *s, const char *why) WARN_UNUSED;
/* In RAM: try the directory again, and carry over what it lacks. True when the store is on disk
 * (again). */
bool store_recover(struct store *s);

#endif
