/* The publisher: writes the next signed generation into a repository, a directory of plain files
 * that any static host can serve (PROTOCOL.md). Immutable files first, `latest` last by rename,
 * under a lock in the repository. */
#ifndef SYNC_PUBLISH_H
#define SYNC_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

/* One entity: its line is {"kind":kind,"id":id,…} in one line of JSON. Kinds have no '/'. */
struct sync_entity {
    struct slice kind, id, line;
};

struct sync_publish_options {
    const char *repo;
    const char *channel;     /* NULL: default */
    const char *const *keys; /* private key files that sign: PEM */
    size_t n_keys;
    const char *const *spares; /* public key files that go into the root role too, so that a lost
                                  key can be replaced */
    size_t n_spares;
    unsigned threshold;  /* signatures that a manifest needs; 0: 1. Only for the first publish, or
                            with new keys */
    uint64_t expires_ms; /* how long the generation counts as fresh; 0: for ever */
    const char *min_gateway; /* lowest version of holdfast that may load it; NULL: any */
    bool force;              /* also with less than half the APIs of the one before */
    bool dry_run;            /* check and count, write nothing */
    int64_t now;             /* seconds since 1970; 0: the clock */
};

struct sync_published {
    bool unchanged; /* the content is what `latest` already names: nothing was written but, with
                       expires, its date */
    bool refused;   /* on failure: by a rule about the content, not because something could not be
                       read or written */
    int64_t seq;
    uint64_t entities;
    uint64_t bytes;  /* written to the repository */
    uint64_t raw, z; /* of all entities: as they are, compressed */
    unsigned files;
    int64_t root_version; /* of the trust root */
    bool new_root;        /* this publish wrote it */
    char fingerprint[72]; /* sha256:HEX of the first signing key */
};

/* Publish. False: err; the repository still serves what it served before. An entity over its cap,
 * two of one kind and id, or a line that is no JSON object with that kind and id, is named. */
bool sync_publish(const struct sync_publish_options *options, const struct sync_entity *entities,
                  size_t n, struct sync_published *out, struct err *err) WARN_UNUSED;

#endif
