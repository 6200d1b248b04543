/* A repository directory as the publisher writes it: paths, the lock, immutable files, the one that
 * changes. */
#ifndef SYNC_REPO_INT_H
#define SYNC_REPO_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "store/tree.h"

struct repo {
    const char *dir, *channel;
    int lock;       /* held; -1: none */
    bool dry;       /* write nothing */
    uint64_t bytes; /* written */
    unsigned files;
};

/* Make the directory and take its lock; waits a few seconds for another publisher. */
bool repo_open(struct repo *r, const char *dir, const char *channel, bool dry, struct err *err)
    WARN_UNUSED;
void repo_close(struct repo *r);

/* Paths below the repository, in the arena, zero-terminated. */
struct slice repo_latest_path(struct arena *a, const char *channel);
struct slice repo_manifest_path(struct arena *a, const char *channel, int64_t seq);
struct slice repo_pack_path(struct arena *a, const char *channel, int64_t seq);
struct slice repo_object_path(struct arena *a, const struct tree_entry *e);
struct slice repo_root_path(struct arena *a, int64_t version);

/* *present false: there is no such file. */
bool repo_read(const struct repo *r, struct arena *a, struct slice path, size_t max,
               struct slice *out, bool *present, struct err *err) WARN_UNUSED;
/* Write a file that has its place for itself: whole or not at all, not synced. */
bool repo_write(struct repo *r, struct slice path, struct slice data, struct err *err) WARN_UNUSED;
/* All that was written is on the medium. */
bool repo_sync(struct repo *r, struct err *err) WARN_UNUSED;
/* Replace `latest`: by rename, synced, and never with the time of the one before: static hosts make
 * their ETags of it. */
bool repo_flip(struct repo *r, struct slice data, struct err *err) WARN_UNUSED;

#endif
