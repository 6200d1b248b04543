/* Fibers of any carriers that wait until one of them, or somebody else, is done with something that all need (single flight).
 * The list belongs to what is protected by a lock of the caller's. */
#ifndef PLATFORM_WAIT_LIST_H
#define PLATFORM_WAIT_LIST_H

#include <stdbool.h>

#include "platform/fiber.h"

/* On the stack of the fiber that waits. */
struct waiter {
    struct inbox_item item;
    struct waiter *next;
    struct carrier *carrier;
    struct fiber_cond cond;
    bool woken; /* its carrier's */
};

/* Zero-initialised is empty. */
struct wait_list {
    struct waiter *first;
};

/* Put the running fiber's waiter into the list; under the lock. waiter_wait must follow. */
void wait_list_join(struct wait_list *l, struct waiter *w);
/* Wake all, which empties the list; under the lock. */
void wait_list_wake(struct wait_list *l);
/* Until woken; without the lock. Not cancelled, as the place in the list is on this stack: whoever wakes must end by itself. */
void waiter_wait(struct waiter *w);

#endif
