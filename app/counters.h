/* Counters that decide: rate limits, exact and process-wide (architecture.md decision 4). One table of 256 stripes, each with a lock
 * held for some dozen instructions; entries from a slab of limits.counters, never freed, reused when expired.
 *
 * A window slides. Up to COUNTER_SLOTS calls are kept one by one, so that a small limit is exact to the millisecond; a larger limit
 * divides its window into COUNTER_SLOTS parts and counts the oldest part whole: it never lets more through, at worst it lets the
 * next call through one part late. */
#ifndef APP_COUNTERS_H
#define APP_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

#define COUNTER_SLOTS 24u

/* Reserve the table. False: no memory (errno). */
bool counters_open(uint64_t entries);
void counters_close(void);

struct counter_window {
    uint64_t calls;     /* allowed per window */
    uint64_t period_ms;
};

struct counter_state {
    bool allowed;
    uint64_t remaining;      /* calls left after this one */
    uint64_t retry_after_ms; /* when not allowed: until one call is free again */
};

/* Would one more call pass? When it would and amount > 0, count amount calls. key and window together name the counter.
 * now_ms: monotonic. */
struct counter_state counters_take(struct slice key, const struct counter_window *window, uint64_t amount, uint64_t now_ms);
/* Count without asking (increments after the response). */
void counters_add(struct slice key, const struct counter_window *window, uint64_t amount, uint64_t now_ms);

struct counters_stats {
    uint64_t used, reused_live; /* entries in use; entries taken from a counter that had not expired */
};
struct counters_stats counters_stats(void);

#endif
