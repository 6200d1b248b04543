/* Time. Time-outs, limits and rates use the monotonic clock, never the wall clock (architecture.md 1, rule
 * 7). On a carrier both are read once a turn: fiber_now() and fiber_wall() in fiber.h; this file reads the
 * OS. */
#ifndef PLATFORM_CLOCK_H
#define PLATFORM_CLOCK_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* Nanoseconds since an arbitrary start; never goes back. */
uint64_t clock_mono_ns(void);
/* Nanoseconds since 1970-01-01T00:00:00Z, as the machine believes. */
uint64_t clock_wall_ns(void);
/* Microseconds of CPU time of the calling thread. */
uint64_t clock_thread_cpu_us(void);

/* Write wall_ns as UTC in ISO 8601 with 0 to 9 digits of the second's fraction and no zone mark:
 * "2024-01-19T07:39:54.666" with 3. Zero-terminated; the length is returned. No lock, no locale, no time zone
 * data. */
#define CLOCK_TEXT_MAX 32
size_t clock_format(uint64_t wall_ns, unsigned digits, char out[CLOCK_TEXT_MAX]);
/* Read RFC 3339, "2026-01-31T12:00:00.5+01:00"; without an offset it is UTC, a date alone is its midnight. False: none, or before
 * 1970. */
bool clock_parse(struct slice text, uint64_t *wall_ns);

#endif
