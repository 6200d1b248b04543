/* Compiled patterns, shared by all threads: the last RX_CACHE_MAX ones used stay. */
#ifndef POLICY_EXPR_LIB_RX_CACHE_H
#define POLICY_EXPR_LIB_RX_CACHE_H

#include <stdatomic.h>

#include "platform/regex.h"
#include "policy/expr/lib/rx.h"

/* More patterns than any gateway's policies hold; some kilobytes each. */
#define RX_CACHE_MAX 256u

struct rx_entry {
    const struct rx *rx;
    struct rx_entry *newer, *older; /* in the order of use */
    struct rx_entry *next;          /* in its bucket */
    uint64_t hash;
    _Atomic unsigned holders; /* threads that use it now, and the cache */
    struct slice pattern;
    uint32_t options;
    struct regex *ascii;        /* NULL: not translated */
    struct regex *_Atomic wide; /* made at the first subject that needs it */
    _Atomic bool no_wide;       /* PCRE2 does not take it */
    struct arena arena;
};

/* The compiled pattern, to be released by this thread before it may switch fibers. NULL with *err. */
struct rx_entry *rx_acquire(struct slice pattern, uint32_t options, struct rx_error *err);
void rx_release(struct rx_entry *e);
/* PCRE2's form for a subject, or NULL: then our own matcher has to do it. */
const struct regex *rx_fast(struct rx_entry *e, bool ascii);

#endif
