/* What this machine is called and where it can be reached. */
#ifndef PLATFORM_HOST_H
#define PLATFORM_HOST_H

#include <stddef.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* Addresses of the interfaces that are up, as text in the arena: loopback and IPv6 link-local ones are left out. How many, at most
 * max. Blocking. */
size_t host_addresses(struct arena *a, struct slice *out, size_t max);

#endif
