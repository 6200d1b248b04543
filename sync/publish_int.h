/* Inside the publisher: what one publish knows. */
#ifndef SYNC_PUBLISH_INT_H
#define SYNC_PUBLISH_INT_H

#include "store/manifest.h"
#include "store/root.h"
#include "sync/publish.h"
#include "sync/repo_int.h"

/* All of a large configuration, its leaves and its pack. */
#define PUBLISH_MEMORY_MAX ((size_t)1 << 30)

struct publisher {
    const struct sync_publish_options *options;
    struct arena *arena;
    struct repo repo;
    int64_t now;
    struct crypto_key *keys[ROOT_KEYS_MAX]; /* they sign */
    size_t n_keys;
    struct crypto_key *spares[ROOT_KEYS_MAX];
    size_t n_spares;
    struct root root;      /* the repository's; n == 0: none yet */
    struct root old_root;  /* the one before it, under which `latest` still is when a publish with
                              new keys was cut; n == 0: none */
    bool behind;           /* `latest` is under old_root: it must be written anew */
    struct root next_root; /* the one this publish writes; n == 0: none */
    struct latest *before; /* NULL: the first publish */
    struct slice before_text;
    /* the new generation */
    const struct sync_entity **entities; /* in order of slot and key */
    size_t n;
    struct manifest manifest;
    struct tree_entry *entries;
    struct slice *z; /* of each leaf */
};

/* Read the repository's root and what it must become for these keys. */
bool publish_read_root(struct publisher *p, struct err *err) WARN_UNUSED;
/* The root that signs this publish: next_root if there is one. */
const struct root *publish_root(const struct publisher *p);
/* Check the entities, sort them into leaves, compress these; fills manifest, entries, z. */
bool publish_build(struct publisher *p, const struct sync_entity *entities, size_t n,
                   struct err *err) WARN_UNUSED;
/* Write leaves and nodes that are not there, and the pack. */
bool publish_write_objects(struct publisher *p, struct err *err) WARN_UNUSED;

#endif
