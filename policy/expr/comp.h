/* The state of one compilation, shared by lexer, parser, binder and generator. Private to policy/expr. */
#ifndef POLICY_EXPR_COMP_H
#define POLICY_EXPR_COMP_H

#include "platform/base/arena.h"
#include "policy/expr/expr.h"

struct token;
struct types;
struct binder;

/* Nesting of syntax: deeper input is an error, so that no recursion here can overflow the stack. */
#define COMP_DEPTH_MAX 120

struct comp {
    struct arena *program; /* what the result keeps: constants, code, types */
    struct arena *scratch; /* trees; given back when compiling ends */
    struct slice source;
    const struct expr_options *opt;
    struct expr_error *err;
    bool failed;                /* sticky; the first error stays */
    bool open_code;             /* a {{name}} may declare names: none is unknown */
    const struct token *tok;    /* the parser's cursor; at TOK_END once failed */
    const struct token *type_end; /* a type ends before this token, whatever it is */
    unsigned depth;
};

/* Record the first error, at byte pos of the source. Always NULL, for `return comp_fail(...)`. */
void *comp_fail(struct comp *c, uint32_t pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Scratch and program memory; on overflow an error is recorded and a static dummy of `n` bytes is not given: NULL.
 * Callers stop on NULL. */
void *comp_alloc(struct comp *c, size_t n);
void *comp_keep(struct comp *c, size_t n);
#define comp_new(c, type) ((type *)comp_alloc((c), sizeof(type)))

/* A list of pointers that grows in scratch memory. */
struct list {
    void **v;
    unsigned n, room;
};
void list_add(struct comp *c, struct list *l, void *p);

#endif
