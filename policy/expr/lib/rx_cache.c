/* The cache of patterns.
 *
 * 1. An entry is immutable but for `wide`, which is set once. It lives until the cache and all holders have
 *    let go.
 * 2. The lock is held for looking up and linking, never while compiling or matching. */
#include "policy/expr/lib/rx_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "platform/base/hash.h"

#define PATTERN_BYTES_MAX ((size_t)2 << 20)
#define BUCKETS 512u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rx_entry *buckets[BUCKETS], *newest, *oldest;
static unsigned count;

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

static struct rx_entry *find(uint64_t hash, struct slice pattern, uint32_t options)
{
    for (struct rx_entry *e = buckets[hash % BUCKETS]; e; e = e->next)
        if (e->hash == hash && e->options == options && slice_eq(e->pattern, pattern)) {
            if (e != newest) {
                unlink_used(e);
                link_newest(e);
            }
            e->holders++;
            return e;
        }
    return NULL;
}

/* Take the oldest out: the entry to free, or NULL while somebody holds it. */
static struct rx_entry *drop_oldest(void)
{
    struct rx_entry *e = oldest, **at = &buckets[e->hash % BUCKETS];

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    unlink_used(e);
    count--;
    return --e->holders == 0 ? e : NULL;
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
    uint64_t hash = hash_bytes(pattern) ^ (uint64_t)options << 32;
    struct rx_entry *e, *same, *old = NULL;

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
    unsigned left;

    pthread_mutex_lock(&lock);
    left = --e->holders;
    pthread_mutex_unlock(&lock);
    if (left == 0)
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
