/* The configuration cache: a directory with cfg.db, a SQLite database of signed raw bytes (sync.md
 * e). A generation is one published state of the configuration; its entities are lines of JSON in
 * the leaves of a hash tree whose root is signed.
 *
 * Nothing here knows HTTP or policies. Nothing here runs on a carrier. One thread at a time uses a
 * struct store, except for store_status, which any thread may call.
 *
 * Invariants
 * 1. One process owns a cache (flock on DIR/owner for the life of the store); others read beside
 * it.
 * 2. What is handed out has just been verified: signatures of the raw bytes, SHA-256 of every leaf,
 * the root over all of them.
 * 3. The flip to another generation is one transaction, together with what sync remembers about it.
 * 4. Nothing is wiped: a file that cannot be used is renamed .bad-<time> (two are kept).
 * 5. cfg.db and its WAL are opened through SQLite alone: a plain open and close would drop its
 * locks. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

struct store;

/* ---- opening ---- */

enum store_mode {
    STORE_OWNER,  /* read and write; creates what is missing */
    STORE_READER, /* read only, beside an owner or without one */
    STORE_SCRATCH, /* an owner's view of a copy in RAM: what is written is gone at the end (dry
                         runs); needs no lock and no directory */
};

enum store_opened {
    STORE_OPENED,
    STORE_BUSY,   /* OWNER: another process has it; see struct store_holder */
    STORE_FAILED, /* err; READER: also when there is no cache yet */
};

/* Who holds the cache: for "cache: /x: held by process 4711". */
struct store_holder {
    long pid;
    char host[65];
};

struct store_options {
    const char *dir;
    enum store_mode mode;
    bool memory; /* OWNER: a directory that cannot be written is no error; the store then lives in
                    RAM (degraded) */
    const char *factory; /* read-only pack to boot from when nothing else is left (sync.md e4);
                            NULL: none */
};

/* Open. A directory held by a live process of another host (replicas on one volume) gives DIR/<host
 * name>; store_dir says which it became. busy (may be NULL) is filled for STORE_BUSY. The database
 * itself is judged by store_boot. */
enum store_opened store_open(const struct store_options *options, struct store **out,
                             struct store_holder *busy, struct err *err);
/* Write back, give up the ownership, free. NULL is fine. */
void store_close(struct store *s);
/* The directory in use; lives as long as the store. */
const char *store_dir(const struct store *s);
/* The directory that store_open would use for reading, in the arena: DIR, or DIR/<host name> when
 * another host holds DIR. */
const char *store_locate(struct arena *a, const char *dir);

/* ---- generations ---- */

enum store_state { STORE_STAGED, STORE_TRIAL, STORE_CONFIRMED, STORE_FAILED_GENERATION };
/* "staged", "trial", "confirmed", "failed" */
const char *store_state_name(enum store_state state);

/* A generation as listed: what the database says, manifests verified, leaves not. */
struct store_entry {
    int64_t gen; /* its number; that of its publish (seq) unless the cache already had another
                    content of that number */
    int64_t seq;
    enum store_state state;
    bool active, previous, lkg, pinned;
    int64_t time;   /* when it came here, seconds since 1970 */
    int64_t issued; /* when it was published */
    uint64_t entities, raw, z;
    char root[65];       /* hex */
    struct slice reason; /* of a failed one; when the manifest does not verify: what is wrong */
};

/* A generation in memory, wholly verified. Text is in the arena it was loaded into. */
struct store_generation {
    int64_t gen, seq, issued;
    uint8_t manifest_hash[32];
    char channel[65];
    struct slice
        *lines; /* entities, one JSON text each, without the newline; in order of their slots */
    size_t n;
    uint64_t raw; /* bytes of all lines */
};

/* Find and load the generation to start with: the active one of cfg.db, else what cfg.lkg holds,
 * else an older confirmed one, else the factory pack. Faults are logged (StoreFault) and kept for
 * store_status. A generation that was on trial when the process died for the third time is failed
 * and passed over. False: nothing can be served; err says why ("no configuration yet" when there
 * never was one). */
bool store_boot(struct store *s, struct arena *a, struct store_generation *out, struct err *err)
    WARN_UNUSED;
/* What store_boot, or this, handed out does not compile: the next one to start with, into *g:
 * previous, last known good, an older one, cfg.lkg's, the factory pack. The refused one is FAILED
 * with that reason, and store_boot tries it first at the next start (another program or setting may
 * do) until another generation is activated. False: none is left. */
bool store_boot_refused(struct store *s, const char *reason, struct arena *a,
                        struct store_generation *g, struct err *err) WARN_UNUSED;
/* Verify the active generation while it is served out of RAM (once a day). Damaged leaves are
 * mended out of cfg.lkg; if that is not enough it gives up its number, and sync brings what is
 * missing. False: err says what was damaged. */
bool store_scrub(struct store *s, struct err *err) WARN_UNUSED;
/* Load and verify one; gen 0: the active one. */
bool store_load(struct store *s, int64_t gen, struct arena *a, struct store_generation *out,
                struct err *err) WARN_UNUSED;
/* The number of the active generation, 0 when there is none. */
int64_t store_active(struct store *s);
/* All that are cached, newest first, in the arena. */
bool store_list(struct store *s, struct arena *a, struct store_entry **out, size_t *n,
                struct err *err) WARN_UNUSED;
/* A generation named as people do: a number, "active", "previous", "lkg", "-N" (N before the active
 * one). err names the known ones. */
bool store_find(struct store *s, struct slice name, int64_t *gen, struct err *err) WARN_UNUSED;

/* Make an earlier generation the active one and pin it: sync then activates nothing until
 * store_unpin. The caller has loaded and compiled it before. */
bool store_rollback(struct store *s, int64_t gen, struct err *err) WARN_UNUSED;
bool store_unpin(struct store *s, struct err *err) WARN_UNUSED;
/* The pinned generation, 0 when none is. */
int64_t store_pinned(struct store *s);

/* The boot generation did compile. */
bool store_boot_done(struct store *s, const struct store_generation *g, struct err *err)
    WARN_UNUSED;

/* Check everything: signatures, hashes, every row, the database's own structure. fault is called
 * once for each fault with a line that names file or row; good with each generation that is whole.
 * False: err, it could not be checked at all. */
struct store_check {
    void (*fault)(void *arg, const char *what);
    void (*good)(void *arg, int64_t gen);
    void *arg;
};
bool store_verify(struct store *s, const struct store_check *check, struct err *err) WARN_UNUSED;

/* ---- small values beside the generations (meta) ---- */
/* The value in the arena; p == NULL when there is none or it is damaged. */
struct slice store_meta(struct store *s, struct arena *a, const char *key);
bool store_meta_set(struct store *s, const char *key, struct slice value, struct err *err)
    WARN_UNUSED;

/* ---- status ---- */
struct store_status {
    bool degraded;   /* in memory: what is shown is lost with the process */
    char why[256];   /* of degraded */
    char fault[256]; /* the last fault found in the cache, empty when none */
    uint64_t faults, commits;
    int64_t active, lkg, pinned;
    uint64_t db_bytes;
};
/* Any thread. */
void store_status(struct store *s, struct store_status *out);

#endif
