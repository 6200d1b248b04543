/* "Did you mean": the name of a list that is closest to one that is unknown. */
#ifndef PLATFORM_BASE_NEAREST_H
#define PLATFORM_BASE_NEAREST_H

#include <stddef.h>

#include "platform/base/slice.h"

/* Edit distance (insert, delete, replace, swap of neighbours; ASCII case ignored), counted up to NEAREST_FAR. */
#define NEAREST_FAR 64u
unsigned nearest_distance(struct slice a, struct slice b);

/* The largest distance that still is a typing error: a third of the length, at least 1. */
unsigned nearest_limit(struct slice wanted);
/* Index of the closest of n names, or -1 when none is within nearest_limit. name_at(list, i) gives name i. */
ptrdiff_t nearest_find(struct slice wanted, const void *list, size_t n, struct slice (*name_at)(const void *list, size_t i));

#endif
