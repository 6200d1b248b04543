/* The cache of patterns.
 *
 * 1. An entry is immutable but for `wide`, which is set once. It lives until the cache and all holders have
 *    let go.
 * 2. The lock is held for looking up and linking, never while compiling or matching.
 * 3. An entry gains a holder under the lock only, while the cache holds it: who takes the last one away may free it. */
#include "policy/expr/lib/rx_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "platform/base/hash.h"

#define PATTERN_BYTES_MAX ((size_t)2 << 20)
#define BUCKETS 512u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rx_entry *buckets[BUCKETS], *newest, *oldest;
static unsigned count;

/* The entry last found for a pattern at this address: constants of policies stay where they are, so that they need not be
 * hashed each time. */
#define NEAR 64u
static struct rx_entry *near[NEAR];

static struct rx_entry **near_slot(struct slice pattern)
{
    return &near[((uintptr_t)pattern.p / 16 ^ (uintptr_t)pattern.p / 1024) % NEAR];
}

static void entry_free(struct rx_entry *e)
{
    regex_free(e->ascii);
    regex_free(atomic_load_explicit(&e->wide, memory_order_relaxed));
    arena_free(&e->arena);
    free(e);
}

/* ---- under the lock ---- */

static void unlink_used(struct rx_entry *e)
{
    if (e->newer)
        e->newer->older = e->older;
    else
        newest = e->older;
    if (e->older)
        e->older->newer = e->newer;
    else
        oldest = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct rx_entry *e)
{
    e->older = newest;
    if (newest)
        newest->newer = e;
    newest = e;
    if (!oldest)
        oldest = e;
}

static bool is_for(const struct rx_entry *e, struct slice pattern, uint32_t options)
{
    return e->options == options && slice_eq(e->pattern, pattern);
}

static struct rx_entry *hold(struct rx_entry *e)
{
    if (e != newest) {
        unlink_used(e);
        link_newest(e);
    }
    atomic_fetch_add_explicit(&e->holders, 1, memory_order_relaxed);
    return e;
}

static struct rx_entry *find_near(struct slice pattern, uint32_t options)
{
    struct rx_entry *e = *near_slot(pattern);

    return e && is_for(e, pattern, options) ? hold(e) : NULL;
}

static struct rx_entry *find(uint64_t hash, struct slice pattern, uint32_t options)
{
    for (struct rx_entry *e = buckets[hash % BUCKETS]; e; e = e->next)
        if (e->hash == hash && is_for(e, pattern, options)) {
            *near_slot(pattern) = e;
            return hold(e);
        }
    return NULL;
}

/* Take one holder away: the entry to free, or NULL while somebody has it. */
static struct rx_entry *let_go(struct rx_entry *e)
{
    return atomic_fetch_sub_explicit(&e->holders, 1, memory_order_acq_rel) == 1 ? e : NULL;
}

/* Take the oldest out: the entry to free, or NULL while somebody holds it. */
static struct rx_entry *drop_oldest(void)
{
    struct rx_entry *e = oldest, **at = &buckets[e->hash % BUCKETS];

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    unlink_used(e);
    for (unsigned i = 0; i < NEAR; i++)
        if (near[i] == e)
            near[i] = NULL;
    count--;
    return let_go(e);
}

/* ---- entries ---- */

static struct rx_entry *entry_make(struct slice pattern, uint32_t options, uint64_t hash,
                                   struct rx_error *err)
{
    struct rx_entry *e = calloc(1, sizeof *e);

    if (!e) {
        *err = (struct rx_error){ .text = "No memory." };
        return NULL;
    }
    arena_init_growing(&e->arena, PATTERN_BYTES_MAX);
    e->hash = hash;
    e->options = options;
    e->pattern = arena_copy(&e->arena, pattern);
    e->rx = rx_make(&e->arena, e->pattern, options, err);
    if (!e->rx) {
        entry_free(e);
        return NULL;
    }
    if (e->rx->pcre_ascii.p)
        e->ascii = regex_compile(e->rx->pcre_ascii, false, NULL);
    e->holders = 2; /* the cache and the caller */
    return e;
}

struct rx_entry *rx_acquire(struct slice pattern, uint32_t options, struct rx_error *err)
{
    struct rx_entry *e, *same, *old = NULL;
    uint64_t hash;

    pthread_mutex_lock(&lock);
    e = find_near(pattern, options);
    pthread_mutex_unlock(&lock);
    if (e)
        return e;
    hash = hash_bytes(pattern) ^ (uint64_t)options << 32;
    pthread_mutex_lock(&lock);
    e = find(hash, pattern, options);
    pthread_mutex_unlock(&lock);
    if (e)
        return e;
    e = entry_make(pattern, options, hash, err);
    if (!e)
        return NULL;
    pthread_mutex_lock(&lock);
    same = find(hash, pattern, options); /* another thread was as quick */
    if (!same) {
        e->next = buckets[hash % BUCKETS];
        buckets[hash % BUCKETS] = e;
        link_newest(e);
        if (++count > RX_CACHE_MAX)
            old = drop_oldest();
    }
    pthread_mutex_unlock(&lock);
    if (same)
        old = e;
    if (old)
        entry_free(old);
    return same ? same : e;
}

void rx_release(struct rx_entry *e)
{
    if (let_go(e))
        entry_free(e);
}

const struct regex *rx_fast(struct rx_entry *e, bool ascii)
{
    struct regex *r, *none = NULL;

    if (ascii || !e->ascii)
        return e->ascii;
    r = atomic_load_explicit(&e->wide, memory_order_acquire);
    if (r || !e->rx->pcre_wide.p || atomic_load_explicit(&e->no_wide, memory_order_relaxed))
        return r;
    r = regex_compile(e->rx->pcre_wide, true, NULL);
    if (!r) {
        atomic_store_explicit(&e->no_wide, true, memory_order_relaxed);
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&e->wide, &none, r)) {
        regex_free(r);
        return none;
    }
    return r;
}
