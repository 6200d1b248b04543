/* Names to addresses: getaddrinfo on the helper pool, answers cached per carrier (no lock).
 *
 * 1. A literal address needs no look-up. "localhost" is the loopback addresses (RFC 6761 6.3), because an
 *    image from scratch has no /etc/hosts.
 * 2. An answer is fresh for DNS_FRESH_MS. For as long again it is still used at once while a look-up runs
 *    behind it; older ones wait for the look-up.
 * 3. While look-ups fail, or take longer than DNS_PATIENCE_MS, the last answer is used, whatever its age: a
 *    box without its name server goes on. The next try is made at most every DNS_RETRY_MS, behind the
 *    requests.
 * 4. Fibers that want one name at the same time share one look-up. At most DNS_LOOKUPS_MAX run in the
 *    process, and never on more than half of the helpers: each may take as long as the resolver's own
 *    time-outs, and handshakes go through the same pool.
 * 5. At most DNS_NAMES_MAX names; the one unused for longest goes first. */
#ifndef PLATFORM_DNS_H
#define PLATFORM_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/base/compiler.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

#define DNS_FRESH_MS 30000u
#define DNS_RETRY_MS 2000u
#define DNS_PATIENCE_MS 1000u
#define DNS_LOOKUPS_MAX 2u
#define DNS_NAMES_MAX 512u
/* Addresses kept of one name, in the order of the resolver (RFC 6724). */
#define DNS_ADDRESSES_MAX 8u
/* Longest name, RFC 1035 2.3.4 in text form. */
#define DNS_NAME_MAX 253u

union dns_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct dns_addresses {
    union dns_address v[DNS_ADDRESSES_MAX];
    unsigned n;
};

/* Bytes of the address for connect(). */
static inline unsigned dns_address_bytes(const union dns_address *a)
{
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

/* host: "10.0.0.1", "fe80::1%eth0" without brackets, or a name. False when it is no literal address. */
bool dns_literal(struct slice host, uint16_t port, union dns_address *out);

/* Addresses of host with port set, the one that worked last first. Waits (fiber) until the deadline when it
 * must. False: err is the cause without the host, errno ECANCELED, ETIMEDOUT or EHOSTUNREACH. */
bool dns_resolve(struct slice host, uint16_t port, uint64_t deadline, struct dns_addresses *out,
                 struct err *err) WARN_UNUSED;
/* Connecting to this one failed while another worked: that one comes first until the next look-up. */
void dns_prefer(struct slice host, const union dns_address *works);

/* Look-ups made and failed by this carrier. */
struct dns_counts {
    uint64_t lookups, failed;
};
struct dns_counts dns_counts(void);
/* Forget every name of this carrier (tests, the end of a carrier). Those being looked up stay. */
void dns_drop(void);
/* For tests: every name of this carrier grows older by ms. */
void dns_age(uint64_t ms);

/* The resolver: getaddrinfo unless a test sets its own. Runs on a helper thread; fills out (ports are
 * ignored), or returns an EAI_ code. NULL sets it back. */
typedef int dns_resolver(const char *name, struct dns_addresses *out);
void dns_set_resolver(dns_resolver *resolver);

#endif
