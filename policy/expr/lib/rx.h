/* Regular expressions of .NET: parsed here, run by PCRE2 where it means the same, else by a matcher of our
 * own.
 *
 * pattern --rx_parse--> tree --rx_compile--> program for our matcher (all of .NET: every capture of a group,
 * balancing |                    groups, right to left, look-behind of any length, UTF-16 units)
 *                       +----rx_translate--> PCRE2 pattern (rx_pcre.c): for subjects without surrogates, much
 * faster
 *
 * Everything of one pattern lives in one arena and is immutable once made: threads share it (rx_cache.c). */
#ifndef POLICY_EXPR_LIB_RX_H
#define POLICY_EXPR_LIB_RX_H

#include "platform/base/arena.h"
#include "platform/base/buf.h"

/* RegexOptions' numbers. */
enum rx_option {
    RX_IGNORE_CASE = 1,
    RX_MULTILINE = 2,
    RX_EXPLICIT = 4,
    RX_COMPILED = 8,
    RX_SINGLE_LINE = 16,
    RX_IGNORE_SPACE = 32,
    RX_RIGHT_TO_LEFT = 64,
    RX_ECMASCRIPT = 256,
    RX_INVARIANT = 512,
    RX_NON_BACKTRACKING = 1024,
};
#define RX_OPTIONS_ALL 0x77fu

/* Limits: a pattern's length in units, nesting of groups, nodes of the program, groups. */
#define RX_PATTERN_MAX 16384u
#define RX_DEPTH_MAX 128u
#define RX_GROUPS_MAX 1000u
#define RX_PROGRAM_MAX 65536u

/* ---- sets of characters ---- */

struct rx_range {
    uint16_t from, to;
};

struct rx_set {
    uint32_t low[8]; /* the answer for characters below 256, negation and subtraction included */
    struct rx_range *ranges;
    uint32_t nranges, room;
    uint32_t categories; /* bit per unicode_category */
    bool negated;
    const struct rx_set *minus;
};

bool rx_set_has_slow(const struct rx_set *s, uint32_t unit);
static inline bool rx_set_has(const struct rx_set *s, uint32_t unit)
{
    return unit < 256 ? s->low[unit >> 5] >> (unit & 31) & 1 : rx_set_has_slow(s, unit);
}
/* Building; false: the arena is full. */
bool rx_set_add(struct arena *a, struct rx_set *s, uint32_t from, uint32_t to);
bool rx_set_add_other_case(struct arena *a, struct rx_set *s);
/* \d \w \s and their opposites by letter. */
bool rx_set_add_class(struct arena *a, struct rx_set *s, char letter, bool ecma);
/* \p{name}; false when there is no such category or block (or the arena is full). */
bool rx_set_add_property(struct arena *a, struct rx_set *s, struct slice name, bool negate);
/* Fill `low`, after the last addition. */
void rx_set_finish(struct rx_set *s);
extern const struct rx_set rx_word_chars; /* \w with the joiners: what \b looks at */

/* ---- trees ---- */

enum rx_op {
    RX_EMPTY,
    RX_NOTHING, /* matches always, never */
    RX_CHAR,
    RX_SET,
    RX_BACKREF,
    RX_BOL,
    RX_EOL,
    RX_BEGIN,
    RX_START,
    RX_ENDZ,
    RX_END,
    RX_BOUNDARY,
    RX_NONBOUNDARY,
    RX_CONCAT,
    RX_ALTERNATE,
    RX_LOOP,
    RX_CAPTURE,
    RX_GROUP,
    RX_LOOK,
    RX_NOT_LOOK,
    RX_ATOMIC,
    RX_IF_GROUP,
    RX_IF_LOOK, /* kids: [condition] yes [no] */
};

struct rx_node {
    uint8_t op;
    bool rtl, ignore_case, lazy, ecma;
    uint16_t ch;
    int32_t group, pop; /* numbers; after numbering: slots; -1: none */
    int32_t min, max;   /* RX_LOOP; max -1: no limit */
    const struct rx_set *set;
    struct rx_node **kids;
    uint32_t nkids;
};

struct rx_group {
    int32_t number;
    struct slice name; /* the number in decimal for unnamed ones */
    bool named;
    bool many; /* can capture more than once, or by more than one parenthesis */
};

struct rx_insn {
    uint8_t op; /* enum rx_code */
    uint8_t flags;
    uint16_t x;
    uint32_t y;
    int32_t min, max;
};

struct rx {
    struct arena *arena;
    uint32_t options;
    struct rx_group *groups; /* by slot, ascending numbers; 0: the whole match */
    uint32_t ngroups;
    const struct rx_node *root;
    struct rx_insn *code;
    uint32_t ncode;
    const struct rx_set **sets;
    uint32_t nsets;
    uint32_t nregs;                     /* registers of the matcher */
    const struct rx_set *first;         /* a match begins with one of these, or NULL */
    bool anchored;                      /* can match only where the scan begins */
    struct slice pcre_ascii, pcre_wide; /* translations; p == NULL: none */
    uint16_t *pcre_number;              /* PCRE2's number of a slot; 0: the group stands nowhere */
};

struct rx_error {
    uint32_t offset; /* units into the pattern */
    char text[160];
};

/* Parse and compile. NULL with *err. */
struct rx *rx_make(struct arena *a, struct slice pattern, uint32_t options, struct rx_error *err);
bool rx_parse(struct rx *rx, const uint16_t *pattern, uint32_t n, struct rx_error *err);
bool rx_compile(struct rx *rx);
/* Fill pcre_ascii and pcre_wide where the pattern has a translation. */
void rx_translate(struct rx *rx);
/* Regex.Unescape: escapes of text undone, into b. False with *err. */
bool rx_unescape(struct arena *a, struct slice text, struct buf *b, struct rx_error *err);
/* The slot of a group number or name, or -1. */
int rx_slot(const struct rx *rx, int32_t number);
int rx_slot_by_name(const struct rx *rx, struct slice name);

/* ---- our matcher ---- */

struct rx_span {
    int32_t from, to; /* units; from -1: not matched */
};

/* All captures of each slot, in order. */
struct rx_captures {
    struct rx_span *v;
    uint32_t n, room;
};

enum rx_outcome { RX_NO, RX_YES, RX_LIMIT, RX_MEMORY };

/* What one run gives: slot 0 is the match. In arena a. */
struct rx_result {
    struct rx_captures *captures; /* by slot */
    uint32_t steps;
};

/* Search from `start` (rightwards, or leftwards with RX_RIGHT_TO_LEFT) in units[0, n). Stops after max_steps.
 * begin..end is the part seen as the whole text (Match(input, beginning, length)). */
enum rx_outcome rx_run(const struct rx *rx, struct arena *a, const uint16_t *units, uint32_t n,
                       uint32_t start, uint32_t max_steps, struct rx_result *out);

#endif
