/* Timers of a carrier: a binary heap from 1 on, each timer knowing its place (carrier_timer.index).
 * Invariant: timers[i].when == timers[i].timer->when > 0, and no child is earlier than its parent. */
#include "platform/fiber_int.h"

#include <stdio.h>
#include <stdlib.h>

/* One per fiber and one per parked connection; doubled when more are needed. */
#define TIMERS_AT_FIRST 1024u

bool timers_open(struct carrier *c)
{
    c->timers = malloc(TIMERS_AT_FIRST * sizeof *c->timers);
    c->timer_room = TIMERS_AT_FIRST;
    c->timer_count = 0;
    return c->timers != NULL;
}

void timers_close(struct carrier *c)
{
    for (uint32_t i = 1; i <= c->timer_count; i++)
        c->timers[i].timer->when = 0;
    free(c->timers);
    c->timers = NULL;
    c->timer_count = 0;
}

static void put(struct carrier *c, uint32_t i, struct timer_node node)
{
    c->timers[i] = node;
    node.timer->index = i;
}

static void sift_up(struct carrier *c, uint32_t i, struct timer_node node)
{
    while (i > 1 && c->timers[i / 2].when > node.when) {
        put(c, i, c->timers[i / 2]);
        i /= 2;
    }
    put(c, i, node);
}

static void sift_down(struct carrier *c, uint32_t i, struct timer_node node)
{
    for (;;) {
        uint32_t child = 2 * i;
        if (child > c->timer_count)
            break;
        if (child < c->timer_count && c->timers[child + 1].when < c->timers[child].when)
            child++;
        if (c->timers[child].when >= node.when)
            break;
        put(c, i, c->timers[child]);
        i = child;
    }
    put(c, i, node);
}

static void settle(struct carrier *c, uint32_t i, struct timer_node node)
{
    if (i > 1 && c->timers[i / 2].when > node.when)
        sift_up(c, i, node);
    else
        sift_down(c, i, node);
}

/* Slot 0 is not used, so `room` slots hold room - 1 timers. */
static void make_room(struct carrier *c)
{
    if (c->timer_count + 1 < c->timer_room)
        return;
    struct timer_node *more = realloc(c->timers, 2 * (size_t)c->timer_room * sizeof *more);
    if (!more) {
        fprintf(stderr, "holdfast: no memory for %u timers of carrier %u\n", 2 * c->timer_room, c->index);
        abort();
    }
    c->timers = more;
    c->timer_room *= 2;
}

void carrier_timer_set(struct carrier_timer *t, uint64_t when)
{
    struct carrier *c = carrier_mine;

    /* Never within the present turn: a timer that re-arms itself must not hold the loop. */
    t->when = when > c->now ? when : c->now + 1;
    struct timer_node node = { t->when, t };
    if (t->index != 0) {
        settle(c, t->index, node);
        return;
    }
    make_room(c);
    sift_up(c, ++c->timer_count, node);
}

void carrier_timer_clear(struct carrier_timer *t)
{
    struct carrier *c = carrier_mine;
    uint32_t i = t->index;

    t->when = 0;
    t->index = 0;
    if (i == 0)
        return;
    struct timer_node last = c->timers[c->timer_count--];
    if (last.timer != t)
        settle(c, i, last);
}

void timers_fire(struct carrier *c)
{
    while (timers_next(c) <= c->now) {
        struct carrier_timer *t = c->timers[1].timer;
        carrier_timer_clear(t);
        t->fire(t);
    }
}
