/* Hash map in an arena; see map.h. */
#include "platform/base/map.h"

#include <string.h>

#include "platform/base/hash.h"

#define FIRST_ROOM 8u /* entries; slots are twice that, so the load stays at or below one half */

void map_init(struct map *m, struct arena *a)
{
    memset(m, 0, sizeof *m);
    m->arena = a;
}

void map_init_icase(struct map *m, struct arena *a)
{
    map_init(m, a);
    m->fold = true;
}

static uint64_t key_hash(const struct map *m, struct slice key)
{
    return m->fold ? hash_bytes_icase(key) : hash_bytes(key);
}

static bool key_eq(const struct map *m, struct slice a, struct slice b)
{
    return m->fold ? slice_eq_icase(a, b) : slice_eq(a, b);
}

static struct map_entry *lookup(const struct map *m, struct slice key, uint64_t hash)
{
    if (!m->slots)
        return NULL;
    for (uint32_t i = (uint32_t)hash & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
        struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && key_eq(m, e->key, key))
            return e;
    }
    return NULL;
}

static void link_entry(struct map *m, uint32_t index)
{
    uint32_t i = (uint32_t)m->entries[index].hash & m->mask;

    while (m->slots[i])
        i = (i + 1) & m->mask;
    m->slots[i] = index + 1;
}

static bool make_room(struct map *m)
{
    if (m->count < m->room)
        return true;
    uint32_t room = m->room ? m->room * 2 : FIRST_ROOM;
    struct map_entry *entries = arena_array(m->arena, struct map_entry, room);
    uint32_t *slots = arena_array(m->arena, uint32_t, (size_t)room * 2);
    if (!entries || !slots)
        return false;
    if (m->count)
        memcpy(entries, m->entries, m->count * sizeof *entries);
    m->entries = entries;
    m->slots = slots;
    m->room = room;
    m->mask = room * 2 - 1;
    for (uint32_t i = 0; i < m->count; i++)
        link_entry(m, i);
    return true;
}

void *map_get(const struct map *m, struct slice key)
{
    const struct map_entry *e = lookup(m, key, key_hash(m, key));

    return e ? e->value : NULL;
}

bool map_put(struct map *m, struct slice key, void *value)
{
    uint64_t hash = key_hash(m, key);
    struct map_entry *e = lookup(m, key, hash);

    if (e) {
        e->value = value;
        return true;
    }
    if (!make_room(m))
        return false;
    m->entries[m->count] = (struct map_entry){ key, value, hash };
    link_entry(m, m->count);
    m->count++;
    return true;
}
