/* Readiness of backends: one check at a time, its result kept for a moment, so that a probe asked often does not become a flood. */
#include "app/ready.h"

#include <stdatomic.h>
#include <string.h>

#include "app/gateway.h"
#include "platform/fiber.h"
#include "platform/http1_client.h"

/* Below the time-out of usual probes (Kubernetes: 1 s, so that the reason still arrives; set there by hand where it matters). */
#define CONNECT_MS 900u
#define KEPT_MS 1000u

/* Of this carrier. */
static _Thread_local struct {
    uint64_t until; /* monotonic time */
    bool ready;
    char why[256];
} last;

static bool connects(struct arena *a, const struct backend *b, struct slice *why)
{
    struct http1_exchange x;

    bool ok = http1_open(&x, &b->target, SLICE("HEAD"), a, CONNECT_MS, true);
    if (!ok)
        *why = arena_copy(a, slice_from(x.message));
    http1_close(&x);
    return ok;
}

/* The listed backends, one after the other; *why names the first that cannot be used. */
static bool check_all(struct arena *a, const struct program *p, struct slice *why)
{
    struct slice rest = gateway.health_backends, id, fault;

    while (slice_cut(&rest, ',', &id)) {
        id = slice_trim(id);
        if (!id.n)
            continue;
        const struct backend *b = map_get(&p->backends, id);
        if (!b) {
            *why = arena_printf(a, "backend %.*s: not in this configuration", SLICE_ARG(id));
            return false;
        }
        if (!connects(a, b, &fault)) {
            *why = arena_printf(a, "backend %.*s: %.*s", SLICE_ARG(id), SLICE_ARG(fault));
            return false;
        }
    }
    return true;
}

bool ready_backends(struct arena *a, const struct program *p, struct slice *why)
{
    struct slice fault = SLICE_NONE;

    if (!gateway.health_backends.n)
        return true;
    if (fiber_now() >= last.until) {
        bool ready = check_all(a, p, &fault);
        last.ready = ready;
        last.until = fiber_deadline_ms(KEPT_MS);
        fault = slice_first(fault, sizeof last.why - 1);
        memcpy(last.why, fault.n ? fault.p : "", fault.n);
        last.why[fault.n] = 0;
    }
    *why = arena_copy(a, slice_from(last.why));
    return last.ready;
}
