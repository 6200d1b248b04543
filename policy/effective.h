/* The effective policy as text, for people: each <base/> gives way to what the outer scope has there. Requests do not use it
 * (policy_compose does); both follow the same rules. */
#ifndef POLICY_EFFECTIVE_H
#define POLICY_EFFECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

struct policy_source {
    const char *scope;  /* "Operation", "API", "Product", "Global" */
    struct slice text;  /* empty: this scope has no document */
};

/* Write <policies> with the four sections, the texts as they were written, comments where a scope begins and ends. sources: innermost
 * first. False: err names the scope whose text cannot be read. */
bool policy_effective(struct arena *a, const struct policy_source *sources, size_t n, struct buf *out, struct err *err);

#endif
