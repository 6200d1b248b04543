/* Named values: {{name}} in attributes, texts and expressions is replaced by text before anything else looks
 * at it (policies.md 0.1). A value is not looked through again: one named value cannot refer to another
 * (gateway.md 8). */
#ifndef POLICY_EXPR_NAMED_H
#define POLICY_EXPR_NAMED_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* A text after substitution; marks map its bytes back. */
struct named {
    struct slice text;
    struct named_mark {
        uint32_t out, in;
    } *marks;
    uint32_t n_marks;
    bool unknown; /* {{name}} was left in it: open */
};

struct named_source {
    bool (*look_up)(void *data, struct slice name, struct slice *value); /* may be NULL: knows none */
    void *data;
    bool open; /* an unknown name stays as it is */
};

/* Does s hold something of the form {{name}}? */
bool named_has(struct slice s);
/* Substitute, results in `a`. On an unknown name, unless open, false with *bad the name within s. */
bool named_substitute(struct arena *a, const struct named_source *from, struct slice s, struct named *out, struct slice *bad);
/* The place in s that a byte of the result came from: inside of a value its reference. */
size_t named_offset(const struct named *n, size_t offset);

#endif
