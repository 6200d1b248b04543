/* The live program: each carrier has its own pointer to it and a plain count of its requests in each program that it still runs
 * (architecture.md decision 4).
 *
 * Invariants
 * 1. A request uses the program it entered until it leaves it; both on the same carrier.
 * 2. live_activate posts the new program to every carrier; it is live when all have taken it.
 * 3. A carrier drops its reference to a retired program when its count there is zero; the last drop frees it on the helper pool. */
#ifndef APP_LIVE_H
#define APP_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/fiber.h"
#include "platform/helper.h"

/* Part of a program that this file owns. */
struct live_hold {
    uint32_t running[CARRIERS_MAX]; /* requests of carrier i; touched by carrier i alone */
    bool retired[CARRIERS_MAX];
    _Atomic unsigned references;    /* carriers that may still use it */
    struct helper_job freeing;
    void (*free)(struct live_hold *hold);
};

/* The program of this carrier, entered; NULL when there is none yet. */
struct live_hold *live_enter(void);
void live_leave(struct live_hold *hold);

/* Any thread but a carrier's: make hold the live program everywhere and wait until all carriers have taken it. */
void live_activate(struct live_hold *hold);
/* Before the carriers run. */
void live_preset(struct live_hold *hold, unsigned carriers);
/* A program is live: any thread. */
bool live_is_set(void);

#endif
