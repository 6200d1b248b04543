/* A hash map from byte strings to pointers, in an arena: open addressing, grows by doubling, no removal.
 * Keys are borrowed: they must live as long as the map. Iteration is in order of insertion. */
#ifndef PLATFORM_BASE_MAP_H
#define PLATFORM_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

struct map_entry {
    struct slice key;
    void *value;
    uint64_t hash;
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* in order of insertion */
    uint32_t *slots;           /* index + 1 of an entry, 0 = free; a power of two of them */
    uint32_t count, room, mask;
    bool fold; /* keys compare without regard to ASCII case */
};

void map_init(struct map *m, struct arena *a);
void map_init_icase(struct map *m, struct arena *a);
/* The value of key, or NULL. */
void *map_get(const struct map *m, struct slice key);
/* Set key to value, replacing; false when the arena is full. */
bool map_put(struct map *m, struct slice key, void *value) WARN_UNUSED;
/* Entry i of m->count. */
static inline const struct map_entry *map_at(const struct map *m, uint32_t i)
{
    return &m->entries[i];
}

#endif
