/* IP addresses as numbers that compare. */
#ifndef POLICY_IP_H
#define POLICY_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

/* An IPv4 address is the last four bytes; v6 tells the families apart. An IPv4-mapped IPv6 address counts as
 * IPv4. */
struct ip {
    uint8_t bytes[16];
    bool v6;
};

/* A literal address, without port, brackets or zone. */
bool ip_parse(struct slice text, struct ip *out);
/* <0, 0, >0 within one family; families do not compare (false). */
bool ip_compare(const struct ip *a, const struct ip *b, int *order);

#endif
