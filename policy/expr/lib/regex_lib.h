/* Regex objects and searching, shared by the members (regex.c) and replacing and splitting (regex_edit.c). */
#ifndef POLICY_EXPR_LIB_REGEX_LIB_H
#define POLICY_EXPR_LIB_REGEX_LIB_H

#include "policy/expr/lib/rx_cache.h"
#include "policy/expr/vm.h"

struct regex_object {
    struct object head;
    struct expr_value pattern;
    uint32_t options;
};

/* What the groups of one match share. Spans are UTF-16 units of the input. */
struct match_data {
    const struct regex_object *regex; /* NULL: Match.Empty */
    struct expr_value input;
    uint32_t nslots;
    struct rx_span *spans; /* by slot; from -1: not matched */
    struct rx_span *bytes; /* the same in bytes of the input, or NULL where unknown */
    const struct rx_captures
        *all;  /* by slot, when our own matcher found it; else NULL: found when asked for */
    bool many; /* some group may have captured more than once */
};

/* A Capture, Group or Match. */
struct capture_object {
    struct object head;
    const struct match_data *m;
    int32_t slot;               /* -1: a group that does not exist */
    struct rx_span span, bytes; /* from -1: no success; bytes.from -1: unknown */
};

/* MatchCollection, GroupCollection, CaptureCollection. */
struct captures_object {
    struct object head;
    struct expr_value list;
    const struct match_data *m;
};

/* One operation on one input. */
struct search {
    struct vm *vm;
    const struct regex_object *regex;
    struct rx_entry *entry;
    struct expr_value input;
    const struct regex *fast; /* NULL: our matcher, over units */
    uint16_t *units;
    int32_t length;      /* units */
    int32_t from, limit; /* the part that is looked at, units; limit: its end */
    int32_t at_unit;     /* a place in both measures, for counting on from it */
    uint32_t at_byte;
    bool left;
};

/* The compiled pattern, to be given back by rx_release before anything may pause; NULL: exception. */
struct rx_entry *regex_entry(struct vm *vm, const struct regex_object *regex);
/* Begin; false: exception. The caller must regex_close on every way out. */
bool regex_open(struct search *s, struct vm *vm, const struct regex_object *regex, struct expr_value input);
void regex_close(struct search *s);
/* The next match from unit `start` on: 1 with *out, 0 none, -1 exception. */
int regex_find(struct search *s, int32_t start, struct match_data **out);
/* Where a search begins when nobody says, and where after a match; -1: nowhere. */
int32_t regex_begin(const struct search *s);
int32_t regex_after(const struct search *s, const struct match_data *m);

struct expr_value regex_match_value(struct vm *vm, const struct match_data *m);
/* The text of a span of the input. */
struct expr_value regex_text(struct vm *vm, const struct match_data *m, struct rx_span span,
                             struct rx_span bytes);
struct expr_value regex_slot_text(struct vm *vm, const struct match_data *m, uint32_t slot);
/* The input between two places, units. */
struct expr_value regex_between(struct search *s, int32_t from, int32_t to);
/* Replacement text of Result and Replace, written into b. */
bool regex_put_replacement(struct vm *vm, struct buf *b, const struct rx *rx, struct slice pattern,
                           const struct match_data *m);

/* new Regex(pattern, options); NULL: exception. Static calls make one too. */
struct regex_object *regex_make(struct vm *vm, struct expr_value pattern, int64_t options);

#endif
