/* Inside a cycle: what its steps share. */
#ifndef SYNC_CYCLE_INT_H
#define SYNC_CYCLE_INT_H

#include "store/stage.h"
#include "sync/agent.h"
#include "sync/source_int.h"

/* What one cycle may hold: a generation twice (raw and compressed) and what is around. */
#define CYCLE_MEMORY_MAX ((size_t)768 << 20)

struct cycle {
    const struct sync_options *options;
    struct store *store;
    struct arena *arena;
    struct sync_result *out;
    struct exchange x;
    const char *channel;
    int64_t now;
    bool retry_refused; /* a generation that was refused before is tried again */
    const struct source *source;
    char etag_key[32]; /* meta key of this source's ETag */
    struct root root;  /* the trusted one; n == 0: none */
    struct latest *latest;
    struct slice text; /* what the source sent as it */
    struct slice etag; /* of it */
    /* the first failure since it was cleared */
    enum sync_reason reason;
    struct err err;
};

/* Fail the present source: always false. */
bool cycle_fail(struct cycle *c, enum sync_reason reason, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As above, with the text that is in c->err already; signature and digest are recognised in it. */
bool cycle_fail_err(struct cycle *c, enum sync_reason otherwise);
/* A write to the store failed; c->err says how. */
bool cycle_fail_store(struct cycle *c);
/* Get a whole file of at most max bytes. *present false: 404. */
bool cycle_get(struct cycle *c, struct slice path, size_t max, struct slice *out, bool *present)
    WARN_UNUSED;

/* c->root is what this cache trusts, fetched and judged when there is none yet. */
bool roots_obtain(struct cycle *c) WARN_UNUSED;
/* Is there a next root? *moved: c->root is a later one now. */
bool roots_advance(struct cycle *c, bool *moved) WARN_UNUSED;
/* Once a day one asks, so that a key that was withdrawn does not stay trusted. */
bool roots_are_due(const struct cycle *c);
/* Fingerprints of config.trust.root; err names the setting. */
bool roots_read_pins(const struct sync_options *o, struct arena *a,
                     uint8_t (**out)[CRYPTO_SHA256_BYTES], size_t *n, struct err *err) WARN_UNUSED;

/* All leaves of c->latest, verified: raw text and entries of each slot, and the pieces that are not
 * in the store yet. */
struct fetched {
    struct slice *raw;
    struct tree_entry *entries;
    struct store_piece *pieces;
    size_t n_pieces;
};
bool fetch_leaves(struct cycle *c, struct fetched *out) WARN_UNUSED;

/* One cycle over these options; retry_refused and stopping as in struct cycle. */
void cycle_run(const struct sync_options *options, bool retry_refused, const _Atomic bool *stopping,
               struct sync_result *out);

/* Milliseconds to wait after so many failures in a row: rand(0, min(cap, 2 s * 2^failures)), not
 * less than the origin asked for. */
uint64_t sync_retry_delay_ms(unsigned failures, enum sync_reason reason, uint64_t retry_after_ms);

#endif
