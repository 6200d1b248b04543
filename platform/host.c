/* Interfaces, by getifaddrs. */
#include "platform/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

/* Text of an address that others can use; the empty slice: it is none. */
static struct slice address_text(struct arena *a, const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text) ? arena_copy(a, slice_from(text)) : SLICE_NONE;
    }
    if (address->sa_family != AF_INET6)
        return SLICE_NONE;
    const struct sockaddr_in6 *v6 = (const void *)address;
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) || !inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text))
        return SLICE_NONE;
    return arena_copy(a, slice_from(text));
}

size_t host_addresses(struct arena *a, struct slice *out, size_t max)
{
    struct ifaddrs *all = NULL;
    size_t n = 0;

    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next) {
        bool useful = i->ifa_addr && (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK);
        struct slice text = useful ? address_text(a, i->ifa_addr) : SLICE_NONE;
        if (text.n)
            out[n++] = text;
    }
    freeifaddrs(all);
    return n;
}
