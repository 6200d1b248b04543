/* Quota and concurrency counters. One lock each, held for some dozen instructions: these policies are rare, and a request takes it
 * only where it runs one. */
#include "app/quota.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "platform/base/hash.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/log.h"
#include "store/state.h"

#define SAVE_EVERY_S 1
#define SAVE_BATCH 1024u
#define SAVER_STACK_BYTES (2u << 20)

struct quota {
    struct state_row row;
    uint32_t next;       /* in the bucket: index + 1 */
    uint32_t next_dirty; /* in the list of what is to be saved */
    bool dirty;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t stop;
    struct quota *quotas;
    uint32_t *buckets;
    uint32_t room, used, hand;
    uint32_t dirty; /* list of changed entries: index + 1 */
    struct state *state;
    pthread_t saver;
    bool saving, stopping;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER };

/* ---- entries ---- */

/* A name that is the same after a restart: truncated SHA-256 of period and key. */
static void make_id(struct slice key, uint64_t period_s, uint8_t id[STATE_ID_BYTES])
{
    struct crypto_sha256_ctx c;
    uint8_t digest[CRYPTO_SHA256_BYTES];

    crypto_sha256_begin(&c);
    crypto_sha256_add(&c, &period_s, sizeof period_s);
    crypto_sha256_add(&c, key.p, key.n);
    crypto_sha256_end(&c, digest);
    memcpy(id, digest, STATE_ID_BYTES);
}

static uint32_t *bucket_of(const uint8_t id[STATE_ID_BYTES])
{
    uint32_t h;

    memcpy(&h, id, sizeof h);
    return &table.buckets[h % table.room];
}

static struct quota *find(const uint8_t id[STATE_ID_BYTES])
{
    for (uint32_t i = *bucket_of(id); i; i = table.quotas[i - 1].next)
        if (memcmp(table.quotas[i - 1].row.id, id, STATE_ID_BYTES) == 0)
            return &table.quotas[i - 1];
    return NULL;
}

static void unlink_quota(uint32_t index)
{
    uint32_t *at = bucket_of(table.quotas[index].row.id);

    while (*at && *at != index + 1)
        at = &table.quotas[*at - 1].next;
    if (*at)
        *at = table.quotas[index].next;
}

/* A new entry, or of some near the hand the one that was used longest ago. */
static uint32_t claim(void)
{
    enum { LOOK = 32 };
    uint32_t best;

    if (table.used < table.room)
        return table.used++;
    best = table.hand;
    for (uint32_t i = 1; i < LOOK; i++) {
        uint32_t index = (table.hand + i) % table.room;
        if (table.quotas[index].row.touched_s < table.quotas[best].row.touched_s)
            best = index;
    }
    table.hand = (best + 1) % table.room;
    unlink_quota(best);
    return best;
}

static struct quota *find_or_make(const uint8_t id[STATE_ID_BYTES])
{
    struct quota *q = find(id);

    if (q)
        return q;
    uint32_t index = claim();
    q = &table.quotas[index];
    q->row = (struct state_row){ .window = 0 }; /* it stays in the dirty list if it is there */
    memcpy(q->row.id, id, STATE_ID_BYTES);
    q->next = *bucket_of(id);
    *bucket_of(id) = index + 1;
    return q;
}

static void touch(struct quota *q)
{
    q->row.touched_s = clock_wall_ns() / NS_PER_S;
    if (q->dirty)
        return;
    q->dirty = true;
    q->next_dirty = table.dirty;
    table.dirty = (uint32_t)(q - table.quotas) + 1;
}

/* The counter of this window; an older window's counts are gone. One window back is a request that was long on its way,
 * or a carrier that has read the clock a little earlier: it counts in the present one. More is a clock that was set. */
static struct quota *window_of(struct slice key, const struct quota_window *w)
{
    uint8_t id[STATE_ID_BYTES];

    make_id(key, w->period_s, id);
    struct quota *q = find_or_make(id);
    if (q->row.window != w->index && q->row.window != w->index + 1) {
        q->row.window = w->index;
        q->row.calls = q->row.bytes = 0;
    }
    return q;
}

bool quota_take(struct slice key, const struct quota_window *w, uint64_t max_calls, uint64_t max_bytes, uint64_t calls,
                struct quota_use *use)
{
    pthread_mutex_lock(&table.lock);
    struct quota *q = window_of(key, w);
    *use = (struct quota_use){ q->row.calls, q->row.bytes };
    bool ok = q->row.calls < max_calls && q->row.bytes < max_bytes;
    if (ok && calls) {
        q->row.calls += calls;
        touch(q);
    }
    pthread_mutex_unlock(&table.lock);
    return ok;
}

void quota_add(struct slice key, const struct quota_window *w, uint64_t calls, uint64_t bytes)
{
    pthread_mutex_lock(&table.lock);
    struct quota *q = window_of(key, w);
    q->row.calls += calls;
    q->row.bytes += bytes;
    touch(q);
    pthread_mutex_unlock(&table.lock);
}

/* ---- saving ---- */

static size_t take_dirty(struct state_row *rows)
{
    size_t n = 0;

    while (table.dirty && n < SAVE_BATCH) {
        struct quota *q = &table.quotas[table.dirty - 1];
        table.dirty = q->next_dirty;
        q->dirty = false;
        rows[n++] = q->row;
    }
    return n;
}

/* All that is dirty; the lock is held on entry and exit, not while writing. */
static void save(struct state_row *rows)
{
    static bool failed;
    struct err err;
    size_t n;

    while ((n = take_dirty(rows)) > 0) {
        pthread_mutex_unlock(&table.lock);
        bool ok = state_save(table.state, rows, n, &err);
        if (!ok && !failed)
            log_warn("StateNotSaved", "%s: quotas are counted, but lost at a restart", err.text);
        failed = !ok;
        pthread_mutex_lock(&table.lock);
    }
}

static void *run_saver(void *arg)
{
    struct state_row *rows = malloc(SAVE_BATCH * sizeof *rows);
    struct timespec until;

    (void)arg;
    pthread_mutex_lock(&table.lock);
    while (rows && !table.stopping) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += SAVE_EVERY_S;
        pthread_cond_timedwait(&table.stop, &table.lock, &until);
        save(rows);
    }
    if (rows)
        save(rows);
    pthread_mutex_unlock(&table.lock);
    free(rows);
    return NULL;
}

static void take_row(void *arg, const struct state_row *row)
{
    (void)arg;
    if (table.used < table.room)
        find_or_make(row->id)->row = *row;
}

static void start_saver(const char *dir)
{
    pthread_attr_t attributes;
    struct err err;

    if (!state_open(dir, &table.state, &err) || !state_load(table.state, take_row, NULL, &err)) {
        log_warn("StateNotRead", "%s: quotas are kept in memory", err.text);
        return;
    }
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SAVER_STACK_BYTES);
    table.saving = pthread_create(&table.saver, &attributes, run_saver, NULL) == 0;
    pthread_attr_destroy(&attributes);
}

static void *reserve(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

bool quota_open(uint64_t entries, const char *dir)
{
    table.room = (uint32_t)entries;
    table.used = table.dirty = table.hand = 0;
    table.stopping = table.saving = false;
    table.quotas = reserve(entries * sizeof *table.quotas);
    table.buckets = reserve(entries * sizeof *table.buckets);
    if (!table.quotas || !table.buckets)
        return false;
    if (dir)
        start_saver(dir);
    return true;
}

void quota_close(void)
{
    if (table.saving) {
        pthread_mutex_lock(&table.lock);
        table.stopping = true;
        pthread_cond_signal(&table.stop);
        pthread_mutex_unlock(&table.lock);
        pthread_join(table.saver, NULL);
    }
    state_close(table.state);
    table.state = NULL;
    if (table.quotas)
        munmap(table.quotas, table.room * sizeof *table.quotas);
    if (table.buckets)
        munmap(table.buckets, table.room * sizeof *table.buckets);
    table.quotas = NULL;
    table.buckets = NULL;
}

/* ---- limit-concurrency ---- */

/* Keys with somebody inside; open addressing by a keyed 64-bit hash, removal by back-shift. */
static struct {
    pthread_mutex_t lock;
    struct { uint64_t id; uint64_t inside; } keys[CONCURRENCY_KEYS_MAX * 2];
    uint32_t used;
} inside = { .lock = PTHREAD_MUTEX_INITIALIZER };

#define INSIDE_SLOTS (CONCURRENCY_KEYS_MAX * 2)

static uint32_t slot_of(uint64_t id)
{
    uint32_t i = (uint32_t)(id % INSIDE_SLOTS);

    while (inside.keys[i].id && inside.keys[i].id != id)
        i = (i + 1) % INSIDE_SLOTS;
    return i;
}

static void remove_slot(uint32_t hole)
{
    uint32_t i = hole;

    inside.used--;
    inside.keys[hole].id = 0;
    for (i = (i + 1) % INSIDE_SLOTS; inside.keys[i].id; i = (i + 1) % INSIDE_SLOTS) {
        uint32_t home = (uint32_t)(inside.keys[i].id % INSIDE_SLOTS);
        bool reachable = hole < i ? home > hole && home <= i : home > hole || home <= i;
        if (reachable)
            continue;
        inside.keys[hole] = inside.keys[i];
        inside.keys[i].id = 0;
        hole = i;
    }
}

bool concurrency_enter(struct slice key, uint64_t max)
{
    uint64_t id = hash_bytes(key) | 1;
    bool ok = false;

    pthread_mutex_lock(&inside.lock);
    uint32_t i = slot_of(id);
    uint64_t present = inside.keys[i].id ? inside.keys[i].inside : 0;
    if (present < max && (present || inside.used < CONCURRENCY_KEYS_MAX)) {
        inside.used += !present;
        inside.keys[i].id = id;
        inside.keys[i].inside = present + 1;
        ok = true;
    }
    pthread_mutex_unlock(&inside.lock);
    return ok;
}

void concurrency_leave(struct slice key)
{
    uint64_t id = hash_bytes(key) | 1;

    pthread_mutex_lock(&inside.lock);
    uint32_t i = slot_of(id);
    if (inside.keys[i].id && --inside.keys[i].inside == 0)
        remove_slot(i);
    pthread_mutex_unlock(&inside.lock);
}
