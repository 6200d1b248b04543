/* `holdfast trust`: the root that a cache trusts. All work on the store that the caller owns (or,
 * for showing, reads). */
#ifndef SYNC_TRUST_H
#define SYNC_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "store/store.h"

struct sync_trust_key {
    char fingerprint[72]; /* sha256:HEX */
    const char *alg;
    bool root, config, fresh; /* roles */
};

struct sync_trust {
    int64_t version; /* of the trusted root; 0: none seen yet */
    unsigned min_root, min_config, min_fresh;
    struct sync_trust_key *keys; /* in the arena */
    size_t n_keys;
    char pinned[72]; /* the key that `trust pin` gave and whose root has not been seen yet; else
                        empty */
    int64_t max_seq; /* highest publish number seen: older ones are refused */
};

/* What is trusted; version 0 and no pin when nothing is. */
bool sync_trust_show(struct store *s, struct arena *a, struct sync_trust *out, struct err *err)
    WARN_UNUSED;
/* Trust a root that has this key (a FILE.pub) in its root role, and no other; resets the sequence
 * memory. What is cached is still served. */
bool sync_trust_pin(struct store *s, const char *path, char fingerprint[72], struct err *err)
    WARN_UNUSED;
/* Trust the next root that is seen, as a new cache does; resets the sequence memory. */
bool sync_trust_forget(struct store *s, struct err *err) WARN_UNUSED;

#endif
