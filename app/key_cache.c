/* A direct-mapped cache on each carrier. */
#include "app/key_cache.h"

#include <string.h>

#include "platform/base/hash.h"
#include "platform/crypto.h"

struct cached_key {
    uint64_t serial; /* of the program; 0 = free */
    const struct key_entry *entry;
    uint8_t n;
    char key[KEY_CACHE_KEY_MAX];
};

static _Thread_local struct cached_key cache[KEY_CACHE_ENTRIES];

const struct key_entry *key_cache_find(const struct program *p, struct slice key)
{
    if (!key.n || key.n > KEY_CACHE_KEY_MAX)
        return program_find_key(p, key);
    struct cached_key *c = &cache[hash_bytes(key) % KEY_CACHE_ENTRIES];
    if (c->serial == p->serial && c->n == key.n && crypto_equal(c->key, key.p, key.n))
        return c->entry;
    const struct key_entry *entry = program_find_key(p, key);
    if (entry) {
        c->serial = p->serial;
        c->entry = entry;
        c->n = (uint8_t)key.n;
        memcpy(c->key, key.p, key.n);
    }
    return entry;
}
