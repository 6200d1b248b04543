/* What must survive a restart and is no configuration: counters of quotas, in DIR/state.db (WAL,
 * synchronous=NORMAL), never in cfg.db (sync.md e9). Losing it loses counts, nothing else: a
 * damaged file is renamed and a new one begun. One thread at a time. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/err.h"

#define STATE_ID_BYTES 16

/* One counter of a fixed window. */
struct state_row {
    uint8_t id[STATE_ID_BYTES]; /* of key and period */
    uint64_t window;            /* its number; 0 for an endless one */
    uint64_t calls, bytes;
    uint64_t
        touched_s; /* wall time of the last call: rows untouched for STATE_KEEP_S are dropped */
};
#define STATE_KEEP_S (400u * 86400)

struct state;
/* Open or create. False: err names the file; the caller goes on without. */
bool state_open(const char *dir, struct state **out, struct err *err) WARN_UNUSED;
void state_close(struct state *s);
/* Every row. */
bool state_load(struct state *s, void (*take)(void *arg, const struct state_row *row), void *arg,
                struct err *err) WARN_UNUSED;
/* Every row, read beside whoever has it open; none when there is no state.db. */
bool state_read(const char *dir, void (*take)(void *arg, const struct state_row *row), void *arg,
                struct err *err) WARN_UNUSED;
/* Write rows in one transaction. */
bool state_save(struct state *s, const struct state_row *rows, size_t n, struct err *err)
    WARN_UNUSED;

#endif
