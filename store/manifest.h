/* What `latest` of a channel says (sync.md d3): fresh, which names a manifest and dates it, and the
 * manifest itself. */
#ifndef STORE_MANIFEST_H
#define STORE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "store/envelope.h"
#include "store/root.h"
#include "store/tree.h"

/* Caps of fault F16. */
#define LATEST_BYTES_MAX (16u << 10)
#define MANIFEST_BYTES_MAX (64u << 10)
/* What a publisher writes and this program reads. A repository with a higher one is for newer
 * programs. */
#define MANIFEST_SCHEMA 1
/* The largest publish number: far from overflow, so that nobody can publish the last one. */
#define SEQ_MAX (INT64_C(1) << 53)
#define CHANNEL_MAX 64u

struct fresh {
    struct slice channel;
    int64_t seq;
    uint8_t manifest[CRYPTO_SHA256_BYTES]; /* of the manifest's whole envelope */
    int64_t length;                        /* of the same */
    int64_t issued, expires;               /* seconds since 1970; expires 0: never */
    int64_t floor;                         /* lowest publish number that is still good */
};

struct manifest {
    struct slice channel;
    int64_t seq;
    uint8_t prev[CRYPTO_SHA256_BYTES]; /* hash of the manifest before, zeros for the first */
    uint8_t root[CRYPTO_SHA256_BYTES]; /* of the hash tree */
    uint64_t entities, raw, z;
    unsigned bits;
    struct tree_entry nodes[1u << (TREE_BITS_MAX / 2)];
    int64_t schema, issued;
    struct slice min_gateway; /* empty: any */
    int64_t pack_seq;
    uint64_t pack_length; /* 0: there is no pack */
    uint64_t apis;        /* entities of kind "api" */
};

/* A name that can stand in a path: letters, digits, '-', '_', '.', not first a dot. */
bool channel_is_valid(struct slice name);
/* Read payloads that are verified. Text of the result points into the arena. */
bool fresh_parse(struct arena *a, struct slice payload, struct fresh *out, struct err *err)
    WARN_UNUSED;
bool manifest_parse(struct arena *a, struct slice payload, struct manifest *out, struct err *err)
    WARN_UNUSED;
void fresh_write(struct buf *b, const struct fresh *f);
void manifest_write(struct buf *b, const struct manifest *m);

/* A verified `latest`: both envelopes and what they say. */
struct latest {
    struct envelope fresh_envelope, manifest_envelope;
    struct fresh fresh;
    struct manifest manifest;
    uint8_t hash[CRYPTO_SHA256_BYTES]; /* of the manifest's envelope */
    struct slice text;                 /* the bytes of both envelopes */
};
/* Read fresh and manifest that stand one behind the other, in the order of sync.md d4 step 2:
 * signature of fresh, hash, signature of the manifest, then content; both must agree. What follows
 * them must be another envelope (a hot delta, later), which is left alone. err: "signature: …",
 * "digest: …" or other text. */
bool latest_parse(struct arena *a, const struct root *root, struct slice text, struct latest *out,
                  struct err *err) WARN_UNUSED;

#endif
