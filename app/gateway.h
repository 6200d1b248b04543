/* What every request needs to know of the settings: filled before the carriers run, and again, number by number, when settings are
 * read anew (SIGHUP). */
#ifndef APP_GATEWAY_H
#define APP_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

struct gateway {
    _Atomic bool enforce_protocols;
    _Atomic bool trust_forwarded_proto;
    unsigned https_port;
    struct slice health_backends;        /* health.backends, comma separated */
    _Atomic uint64_t body_buffered_max;  /* limits.body.buffered */
    _Atomic uint32_t expression_steps;   /* limits.expression.steps */
    _Atomic uint64_t oidc_refresh_ms, oidc_retry_ms;
    _Atomic uint64_t connect_ms, backend_idle_ms, send_ms, body_ms;
};

extern struct gateway gateway;

/* Why the gateway is not ready, for the probe and 503 bodies; NULL: ready. Set by serve and by drain, any thread. */
void gateway_set_state(const char *why_not_ready);
const char *gateway_state(void);

#endif
