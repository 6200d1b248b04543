/* What the two files of the parser share: rx_parse.c (groups, loops, branches) and rx_escape.c (characters,
 * classes). */
#ifndef POLICY_EXPR_LIB_RX_PARSE_INT_H
#define POLICY_EXPR_LIB_RX_PARSE_INT_H

#include "policy/expr/lib/rx_int.h"

struct rx_parser {
    struct rx *rx;
    const uint16_t *p;
    uint32_t n, at;
    uint32_t options;
    uint32_t depth;
    bool collecting;        /* the first pass */
    bool ignore_next_paren; /* the condition of (?(expression)...) captures nothing */
    bool failed;
    int32_t next_number; /* of unnamed groups */
    uint32_t room;
    struct rx_error *err;
};

/* Set the first error; always NULL. */
void *rx_fail(struct rx_parser *x, const char *fmt, ...) PRINTF_LIKE(2, 3);
void *rx_no_memory(struct rx_parser *x);

static inline bool rx_more(const struct rx_parser *x)
{
    return x->at < x->n && !x->failed;
}

static inline uint32_t rx_peek(const struct rx_parser *x, uint32_t ahead)
{
    return x->at + ahead < x->n ? x->p[x->at + ahead] : 0;
}

static inline bool rx_take(struct rx_parser *x, char c)
{
    if (!rx_more(x) || x->p[x->at] != (unsigned char)c)
        return false;
    x->at++;
    return true;
}

static inline bool rx_is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool rx_is_word(uint32_t c)
{
    return rx_set_has(&rx_word_chars, c);
}

static inline bool rx_has(const struct rx_parser *x, uint32_t option)
{
    return x->options & option;
}

struct rx_set *rx_new_set(struct rx_parser *x);
/* What stands behind a backslash, as one character. */
uint32_t rx_take_escape(struct rx_parser *x);
/* \d \w \s \p with the letter c at the cursor: true when it was one (or an error). */
bool rx_class_escape(struct rx_parser *x, struct rx_set *s, uint32_t c, bool in_range);
/* A class, the cursor behind its opening bracket. NULL with an error. */
struct rx_set *rx_parse_class(struct rx_parser *x);

#endif
