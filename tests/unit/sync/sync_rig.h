/* A repository and a cache in a temporary folder, with synthetic entities, for the tests of store
 * and sync. */
#ifndef TESTS_SYNC_RIG_H
#define TESTS_SYNC_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"
#include "sync/agent.h"
#include "sync/publish.h"

#define RIG_PATH 512

struct rig {
    char dir[RIG_PATH], repo[RIG_PATH], cache[RIG_PATH], key[RIG_PATH], endpoint[RIG_PATH];
    struct arena arena;
    struct sync_entity *entities;
    size_t n;
    struct slice endpoints[2];
    struct store *store;
    struct sync_options options;
    struct sync_result result;
    unsigned accepted, activated;
    const char *refuse; /* the accept hook refuses with this text */
    struct err err;
};

/* A new folder with a key; the cache is closed. */
void rig_begin(struct rig *r);
void rig_end(struct rig *r);
/* n entities: a tenth of kind "api", the others operations, about `bytes` each; always the same
 * ones. */
void rig_entities(struct rig *r, size_t n, size_t bytes);
/* Another content for entity i. */
void rig_change(struct rig *r, size_t i, unsigned version);
/* Publish what the rig has; fails the test when that fails. */
struct sync_published rig_publish(struct rig *r);
/* Open and close the cache. The first fails the test when it cannot. */
void rig_open(struct rig *r);
void rig_close(struct rig *r);
/* One cycle over file:// (or r->endpoints); the result is in r->result too. */
enum sync_outcome rig_sync(struct rig *r);
/* As rig_sync, and the test fails if it ends otherwise. */
void rig_expect(struct rig *r, enum sync_outcome outcome);
/* The active generation holds exactly the rig's entities. */
bool rig_is_complete(struct rig *r);
/* r->result.text contains it; else the test fails. */
void rig_expect_text(const struct rig *r, const char *part);
/* Whole file into r->arena; write a file. */
struct slice rig_read(struct rig *r, const char *path);
void rig_write(const char *path, struct slice data);
/* dir/name in r->arena. */
const char *rig_path(struct rig *r, const char *dir, const char *name);
/* Delete a folder and what is in it. */
void rig_remove_tree(const char *path);
/* Copy a folder with what is in it. */
void rig_copy_tree(const char *from, const char *to);

#endif
