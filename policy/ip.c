/* IP addresses. See ip.h. */
#include "policy/ip.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool ip_parse(struct slice text, struct ip *out)
{
    char z[INET6_ADDRSTRLEN];

    if (text.n == 0 || text.n >= sizeof z)
        return false;
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    *out = (struct ip){ .v6 = false };
    if (inet_pton(AF_INET, z, out->bytes + 12) == 1)
        return true;
    if (inet_pton(AF_INET6, z, out->bytes) != 1)
        return false;
    out->v6 = memcmp(out->bytes, mapped_prefix, sizeof mapped_prefix) != 0;
    if (!out->v6)
        memset(out->bytes, 0, 12);
    return true;
}

bool ip_compare(const struct ip *a, const struct ip *b, int *order)
{
    *order = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    return a->v6 == b->v6;
}
