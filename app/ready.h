/* The probe with ?ready=1: can the backends of health.backends be connected to? */
#ifndef APP_READY_H
#define APP_READY_H

#include <stdbool.h>

#include "app/program.h"
#include "platform/base/arena.h"

/* All of them can (none are listed: true); else *why names the first that cannot, in the arena. Fiber; waits. A result is used again
 * for a second. */
bool ready_backends(struct arena *a, const struct program *p, struct slice *why);

#endif
