/* The counter table; see counters.h. */
#include "app/counters.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "platform/base/hash.h"

#define STRIPES 256u

/* One counter. `id` is a 64-bit keyed hash of key and window: two keys share one only by accident, once in 2^64 pairs. */
struct counter {
    uint64_t id;
    uint64_t last_ms;   /* of the last call; expired when last_ms + period_ms has passed */
    uint64_t start_ms;  /* parts: when the part slot[head] began */
    uint32_t period_ms;
    uint16_t head, used; /* log: oldest entry and how many */
    bool log;            /* one slot a call, else one slot a part */
    uint64_t base_ms;    /* log: times are kept as offsets from here */
    uint32_t slot[COUNTER_SLOTS];
    uint32_t next;       /* chain: index + 1 */
};

struct stripe {
    pthread_spinlock_t lock;
    uint32_t *buckets; /* index + 1 of the first counter */
    struct counter *counters;
    uint32_t n_buckets, room, used, hand;
};

static struct {
    struct stripe stripes[STRIPES];
    void *memory;
    size_t bytes;
    _Atomic uint64_t reused_live;
} table;

bool counters_open(uint64_t entries)
{
    uint32_t room = (uint32_t)((entries + STRIPES - 1) / STRIPES);
    size_t buckets = (size_t)room * 2 * sizeof(uint32_t), counters = (size_t)room * sizeof(struct counter);

    buckets = (buckets + 15) & ~(size_t)15;
    table.bytes = (buckets + counters) * STRIPES;
    table.memory = mmap(NULL, table.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table.memory == MAP_FAILED)
        return false;
    char *at = table.memory;
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *s = &table.stripes[i];
        memset(s, 0, sizeof *s);
        pthread_spin_init(&s->lock, PTHREAD_PROCESS_PRIVATE);
        s->buckets = (uint32_t *)(void *)at;
        s->counters = (struct counter *)(void *)(at + buckets);
        s->n_buckets = room * 2;
        s->room = room;
        at += buckets + counters;
    }
    return true;
}

void counters_close(void)
{
    munmap(table.memory, table.bytes);
}

static bool expired(const struct counter *c, uint64_t now_ms)
{
    return now_ms - c->last_ms >= c->period_ms && now_ms >= c->last_ms;
}

static void unlink_counter(struct stripe *s, uint32_t index)
{
    uint32_t *at = &s->buckets[s->counters[index].id % s->n_buckets];

    while (*at && *at != index + 1)
        at = &s->counters[*at - 1].next;
    if (*at)
        *at = s->counters[index].next;
}

/* A free entry: a new one, else an expired one near the hand, else the one there that was used longest ago. */
static uint32_t claim(struct stripe *s, uint64_t now_ms)
{
    enum { LOOK = 16 };
    uint32_t best;

    if (s->used < s->room)
        return s->used++;
    best = s->hand % s->room;
    for (uint32_t i = 0; i < LOOK; i++) {
        uint32_t index = (s->hand + i) % s->room;
        if (expired(&s->counters[index], now_ms)) {
            best = index;
            break;
        }
        if (s->counters[index].last_ms < s->counters[best].last_ms)
            best = index;
    }
    s->hand = (best + 1) % s->room;
    if (!expired(&s->counters[best], now_ms))
        atomic_fetch_add_explicit(&table.reused_live, 1, memory_order_relaxed);
    unlink_counter(s, best);
    return best;
}

static void reset(struct counter *c, uint64_t id, const struct counter_window *w, uint64_t now_ms)
{
    uint32_t next = c->next;

    memset(c, 0, sizeof *c);
    c->next = next;
    c->id = id;
    c->period_ms = (uint32_t)w->period_ms;
    c->log = w->calls <= COUNTER_SLOTS;
    c->base_ms = c->start_ms = c->last_ms = now_ms;
}

static struct counter *find(struct stripe *s, uint64_t id, const struct counter_window *w, uint64_t now_ms)
{
    uint32_t *bucket = &s->buckets[id % s->n_buckets];

    for (uint32_t i = *bucket; i; i = s->counters[i - 1].next)
        if (s->counters[i - 1].id == id)
            return &s->counters[i - 1];
    uint32_t index = claim(s, now_ms);
    struct counter *c = &s->counters[index];
    reset(c, id, w, now_ms);
    c->next = *bucket;
    *bucket = index + 1;
    return c;
}

/* ---- windows ---- */

static uint32_t part_ms(const struct counter *c)
{
    uint32_t ms = c->period_ms / COUNTER_SLOTS;

    return ms ? ms : 1;
}

/* Drop what has left the window. */
static void slide(struct counter *c, uint64_t now_ms)
{
    if (c->log) {
        while (c->used && now_ms - (c->base_ms + c->slot[c->head]) >= c->period_ms) {
            c->head = (uint16_t)((c->head + 1) % COUNTER_SLOTS);
            c->used--;
        }
        if (c->used == 0)
            c->base_ms = now_ms;
        return;
    }
    uint64_t parts = (now_ms - c->start_ms) / part_ms(c);
    for (uint64_t i = 0; i < parts && i < COUNTER_SLOTS; i++) {
        c->head = (uint16_t)((c->head + 1) % COUNTER_SLOTS);
        c->slot[c->head] = 0;
    }
    c->start_ms += parts * part_ms(c);
}

static uint64_t count(const struct counter *c)
{
    uint64_t total = 0;

    if (c->log)
        return c->used;
    for (unsigned i = 0; i < COUNTER_SLOTS; i++)
        total += c->slot[i];
    return total;
}

static void add(struct counter *c, uint64_t amount, uint64_t now_ms)
{
    c->last_ms = now_ms;
    if (!c->log) {
        uint64_t sum = c->slot[c->head] + amount;
        c->slot[c->head] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
        return;
    }
    for (; amount && c->used < COUNTER_SLOTS; amount--) {
        c->slot[(c->head + c->used) % COUNTER_SLOTS] = (uint32_t)(now_ms - c->base_ms);
        c->used++;
    }
}

/* Until the oldest counted call leaves the window. */
static uint64_t wait_ms(const struct counter *c, uint64_t now_ms)
{
    if (c->log)
        return c->used ? c->base_ms + c->slot[c->head] + c->period_ms - now_ms : 0;
    for (unsigned age = COUNTER_SLOTS - 1; age > 0; age--)
        if (c->slot[(c->head + COUNTER_SLOTS - age) % COUNTER_SLOTS])
            return c->start_ms + (uint64_t)(COUNTER_SLOTS - age) * part_ms(c) - now_ms;
    return c->start_ms + (uint64_t)COUNTER_SLOTS * part_ms(c) - now_ms;
}

/* ---- the table ---- */

static uint64_t counter_id(struct slice key, const struct counter_window *w)
{
    uint64_t id = hash_bytes(key) ^ (w->calls * UINT64_C(0x9e3779b97f4a7c15)) ^ (w->period_ms * UINT64_C(0xc2b2ae3d27d4eb4f));

    return id ? id : 1;
}

struct counter_state counters_take(struct slice key, const struct counter_window *window, uint64_t amount, uint64_t now_ms)
{
    uint64_t id = counter_id(key, window);
    struct stripe *s = &table.stripes[id >> 56];
    struct counter_state state = { 0 };

    pthread_spin_lock(&s->lock);
    struct counter *c = find(s, id, window, now_ms);
    slide(c, now_ms);
    uint64_t used = count(c);
    state.allowed = used < window->calls;
    if (!state.allowed)
        state.retry_after_ms = wait_ms(c, now_ms);
    else if (amount)
        add(c, amount, now_ms);
    pthread_spin_unlock(&s->lock);
    if (state.allowed)
        state.remaining = window->calls - used > amount ? window->calls - used - amount : 0;
    return state;
}

void counters_add(struct slice key, const struct counter_window *window, uint64_t amount, uint64_t now_ms)
{
    uint64_t id = counter_id(key, window);
    struct stripe *s = &table.stripes[id >> 56];

    pthread_spin_lock(&s->lock);
    struct counter *c = find(s, id, window, now_ms);
    slide(c, now_ms);
    add(c, amount, now_ms);
    pthread_spin_unlock(&s->lock);
}

struct counters_stats counters_stats(void)
{
    struct counters_stats stats = { .reused_live = atomic_load(&table.reused_live) };

    for (unsigned i = 0; i < STRIPES; i++) {
        pthread_spin_lock(&table.stripes[i].lock);
        stats.used += table.stripes[i].used;
        pthread_spin_unlock(&table.stripes[i].lock);
    }
    return stats;
}
