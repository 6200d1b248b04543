/* What the process counts of its handshakes, and whether it knows the time. */
#include <stdatomic.h>

#include "platform/tls.h"
#include "platform/tls_int.h"

_Atomic uint64_t tls_handshakes[2][2], tls_failed;
static _Atomic bool clock_unset;

void tls_clock_unset(bool unset)
{
    atomic_store_explicit(&clock_unset, unset, memory_order_relaxed);
}

bool tls_clock_is_unset(void)
{
    return atomic_load_explicit(&clock_unset, memory_order_relaxed);
}

struct tls_counts tls_counts(void)
{
    return (struct tls_counts){
        .server_full = tls_handshakes[1][0], .server_resumed = tls_handshakes[1][1],
        .client_full = tls_handshakes[0][0], .client_resumed = tls_handshakes[0][1], .failed = tls_failed,
    };
}
