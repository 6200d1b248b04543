/* Prototypes of every function named in filters.def. */
#ifndef POLICY_LIQUID_FILTER_INT_H
#define POLICY_LIQUID_FILTER_INT_H

#include "policy/liquid/tree.h"

#define FILTER(pascal, snake, fn) liquid_filter_fn fn;
#include "policy/liquid/filters.def"
#undef FILTER

#endif
