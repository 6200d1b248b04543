/* Swapping programs under load; invariants in live.h. */
#include "app/live.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct live_hold *current[CARRIERS_MAX]; /* entry i belongs to carrier i */
static _Atomic bool is_set;

struct swap {
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned waiting;
    struct live_hold *hold;
};

struct swap_item {
    struct inbox_item item;
    struct swap *swap;
};

static void free_on_helper(struct helper_job *job)
{
    struct live_hold *hold = CONTAINER_OF(job, struct live_hold, freeing);

    hold->free(hold);
}

static void drop(struct live_hold *hold)
{
    if (atomic_fetch_sub(&hold->references, 1) != 1)
        return;
    hold->freeing.run = free_on_helper;
    helper_post(&hold->freeing);
}

static void retire(struct live_hold *hold, unsigned carrier)
{
    hold->retired[carrier] = true;
    if (hold->running[carrier] == 0)
        drop(hold);
}

struct live_hold *live_enter(void)
{
    unsigned carrier = carrier_index(carrier_self());
    struct live_hold *hold = current[carrier];

    if (hold)
        hold->running[carrier]++;
    return hold;
}

void live_leave(struct live_hold *hold)
{
    unsigned carrier = carrier_index(carrier_self());

    if (--hold->running[carrier] == 0 && hold->retired[carrier])
        drop(hold);
}

static void take_on_carrier(struct inbox_item *item)
{
    struct swap_item *mine = CONTAINER_OF(item, struct swap_item, item);
    struct swap *swap = mine->swap;
    unsigned carrier = carrier_index(carrier_self());
    struct live_hold *old = current[carrier];

    current[carrier] = swap->hold;
    if (old)
        retire(old, carrier);
    pthread_mutex_lock(&swap->lock);
    if (--swap->waiting == 0)
        pthread_cond_signal(&swap->done);
    pthread_mutex_unlock(&swap->lock);
}

void live_activate(struct live_hold *hold)
{
    unsigned n = carriers_count();
    struct swap_item items[CARRIERS_MAX];
    struct swap swap = { .waiting = n, .hold = hold };

    pthread_mutex_init(&swap.lock, NULL);
    pthread_cond_init(&swap.done, NULL);
    atomic_store(&hold->references, n);
    for (unsigned i = 0; i < n; i++) {
        items[i] = (struct swap_item){ { NULL, take_on_carrier }, &swap };
        carrier_post(carrier_at(i), &items[i].item);
    }
    pthread_mutex_lock(&swap.lock);
    while (swap.waiting)
        pthread_cond_wait(&swap.done, &swap.lock);
    pthread_mutex_unlock(&swap.lock);
    pthread_cond_destroy(&swap.done);
    pthread_mutex_destroy(&swap.lock);
    atomic_store(&is_set, true);
}

void live_preset(struct live_hold *hold, unsigned carriers)
{
    atomic_store(&hold->references, carriers);
    for (unsigned i = 0; i < carriers; i++)
        current[i] = hold;
    atomic_store(&is_set, true);
}

bool live_is_set(void)
{
    return atomic_load(&is_set);
}
