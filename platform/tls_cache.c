/* The client's cache of resumable sessions: a small table under a mutex that is held for some dozen
 * instructions and one copy, never over a switch. Opaque bytes: no TLS library here. */
#include "platform/tls_int.h"

#include <pthread.h>
#include <stdlib.h>

#include "platform/base/hash.h"

struct entry {
    char *key; /* NULL: free */
    uint64_t hash;
    uint64_t used;
    unsigned char *session;
    size_t n;
};

static struct {
    pthread_mutex_t lock;
    uint64_t clock; /* counts uses */
    struct entry v[TLS_CACHE_ENTRIES];
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void wipe(struct entry *e)
{
    if (e->session)
        explicit_bzero(e->session, e->n);
    free(e->session);
    free(e->key);
    *e = (struct entry){ 0 };
}

static struct entry *find(const char *key, uint64_t hash)
{
    for (size_t i = 0; i < TLS_CACHE_ENTRIES; i++) {
        struct entry *e = &cache.v[i];
        if (e->key && e->hash == hash && strcmp(e->key, key) == 0)
            return e;
    }
    return NULL;
}

static struct entry *find_least_used(void)
{
    struct entry *least = &cache.v[0];

    for (size_t i = 0; i < TLS_CACHE_ENTRIES; i++)
        if (cache.v[i].used < least->used)
            least = &cache.v[i];
    return least;
}

void tls_cache_put(const char *key, const void *session, size_t n)
{
    if (n > TLS_CACHE_SESSION_MAX)
        return;
    struct entry new = {
        .key = strdup(key), .hash = hash_bytes(slice_from(key)), .session = malloc(n), .n = n
    };

    if (!new.key || !new.session) {
        wipe(&new);
        return;
    }
    memcpy(new.session, session, n);
    pthread_mutex_lock(&cache.lock);
    struct entry *place = find(key, new.hash);
    if (!place)
        place = find_least_used();
    struct entry old = *place;
    new.used = ++cache.clock;
    *place = new;
    pthread_mutex_unlock(&cache.lock);
    wipe(&old);
}

unsigned char *tls_cache_get(const char *key, size_t *n)
{
    uint64_t hash = hash_bytes(slice_from(key));
    unsigned char *copy = NULL;

    pthread_mutex_lock(&cache.lock);
    struct entry *e = find(key, hash);
    if (e && (copy = malloc(e->n)) != NULL) {
        memcpy(copy, e->session, e->n);
        *n = e->n;
        e->used = ++cache.clock;
    }
    pthread_mutex_unlock(&cache.lock);
    return copy;
}

void tls_cache_drop(const char *key)
{
    struct entry old = { 0 };

    pthread_mutex_lock(&cache.lock);
    struct entry *e = find(key, hash_bytes(slice_from(key)));
    if (e) {
        old = *e;
        *e = (struct entry){ 0 };
    }
    pthread_mutex_unlock(&cache.lock);
    wipe(&old);
}

void tls_cache_clear(void)
{
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < TLS_CACHE_ENTRIES; i++)
        wipe(&cache.v[i]);
    pthread_mutex_unlock(&cache.lock);
}

unsigned tls_cache_count(void)
{
    unsigned n = 0;

    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < TLS_CACHE_ENTRIES; i++)
        n += cache.v[i].key != NULL;
    pthread_mutex_unlock(&cache.lock);
    return n;
}
