/* Settings that requests read, and the gateway's readiness. */
#include "app/gateway.h"

#include <stdatomic.h>

struct gateway gateway;

static _Atomic(const char *) not_ready = "starting";

void gateway_set_state(const char *why_not_ready)
{
    atomic_store(&not_ready, why_not_ready);
}

const char *gateway_state(void)
{
    return atomic_load(&not_ready);
}
