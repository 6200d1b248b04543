/* Fixed-window counters (quota, quota-by-key) and entries (limit-concurrency): exact and process-wide. Quotas survive a restart: what
 * changed is written to state.db at most once a second, by a thread of its own. */
#ifndef APP_QUOTA_H
#define APP_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"

/* Keys that can be inside limit-concurrency at one time. */
#define CONCURRENCY_KEYS_MAX 4096u

/* A window: its length and number; period 0: one window for ever. */
struct quota_window {
    uint64_t period_s, index;
};
struct quota_use {
    uint64_t calls, bytes; /* before this call */
};

/* Reserve the tables and read state.db of dir (NULL: nothing is kept). A state.db that cannot be used is logged. */
bool quota_open(uint64_t entries, const char *dir);
/* Write what has changed and end the thread. */
void quota_close(void);

/* Count `calls` into the window of key unless a limit (UINT64_MAX: none) is reached: then false, and nothing is counted. */
bool quota_take(struct slice key, const struct quota_window *w, uint64_t max_calls, uint64_t max_bytes, uint64_t calls,
                struct quota_use *use);
void quota_add(struct slice key, const struct quota_window *w, uint64_t calls, uint64_t bytes);

/* One more inside key? False when max are inside. */
bool concurrency_enter(struct slice key, uint64_t max);
void concurrency_leave(struct slice key);

#endif
