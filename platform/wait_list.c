/* See wait_list.h. */
#include "platform/wait_list.h"

static void on_wake(struct inbox_item *item)
{
    struct waiter *w = CONTAINER_OF(item, struct waiter, item);

    w->woken = true;
    fiber_cond_signal(&w->cond);
}

void wait_list_join(struct wait_list *l, struct waiter *w)
{
    *w = (struct waiter){ .item.run = on_wake, .carrier = carrier_self(), .cond = FIBER_COND_INIT, .next = l->first };
    l->first = w;
}

void wait_list_wake(struct wait_list *l)
{
    struct waiter *next;

    for (struct waiter *w = l->first; w; w = next) {
        next = w->next; /* w's fiber may run, and end, at once */
        carrier_post(w->carrier, &w->item);
    }
    l->first = NULL;
}

void waiter_wait(struct waiter *w)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &w->cond };

    fiber_shield(true);
    while (!w->woken)
        fiber_wait(&wait, 1, UINT64_MAX);
    fiber_shield(false);
}
