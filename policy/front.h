/* The tolerant XML front: makes well-formed XML of policy text as the portal and apiops write it
 * (reference/policies.md 0.2). It never looks at names or meaning of policies. The result is one element
 * around all top elements, to be parsed by platform/xml.h; every offset into it maps back to the original. */
#ifndef POLICY_FRONT_H
#define POLICY_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* The original takes 256 kB; nothing that a person wrote comes near this. */
#define FRONT_BYTES_MAX (1024u * 1024)

/* From `out` on (to the next mark), text byte out + k is source byte in + k. */
struct front_mark {
    uint32_t out, in;
};

struct front {
    struct slice source; /* as given */
    struct slice text;   /* well-formed as far as expressions and comments go */
    struct front_mark *marks;
    uint32_t n_marks, room;
    bool has_stray;      /* text outside of any element, which was left out */
    uint32_t stray_at;   /* where in source */
};

struct front_error {
    uint32_t offset; /* into source */
    char message[256];
};

/* Read source into f; both must live as long as the result. False: err says what is wrong. */
bool front_read(struct arena *a, struct slice source, struct front *f, struct front_error *err);
/* The source offset of a text offset. */
size_t front_offset(const struct front *f, size_t offset);

#endif
