/* The syntax tree: what was written, before names and types mean anything. Never changed once built, because a
 * lambda's body is bound again for each overload that is tried. */
#ifndef POLICY_EXPR_SYNTAX_H
#define POLICY_EXPR_SYNTAX_H

#include "policy/expr/comp.h"
#include "policy/expr/lex.h"

enum syn_op {
    /* expressions */
    S_CONST, S_NAME, S_MEMBER, S_INDEX, S_CALL, S_ARG, S_NEW, S_NEWARRAY, S_ANON, S_INIT, S_UNARY, S_POSTFIX, S_BINARY,
    S_ASSIGN, S_COND, S_CAST, S_IS, S_AS, S_LAMBDA, S_INTERP, S_HOLE, S_CONDACCESS, S_BINDING, S_TYPEOF, S_DEFAULT,
    S_NAMEOF, S_SIZEOF, S_CHECKED, S_THROW, S_SWITCHEXPR, S_ARM, S_TUPLE, S_DECL, S_OPEN, S_TYPENAME, S_QUERY, S_RANGE,
    /* patterns */
    S_PTYPE, S_PCONST, S_PVAR, S_PREL, S_PNOT, S_PAND, S_POR, S_PPROP, S_PFIELD, S_PTUPLE,
    /* statements */
    S_BLOCK, S_LOCAL, S_DECLARATOR, S_EXPR, S_IF, S_WHILE, S_DO, S_FOR, S_FOREACH, S_SWITCH, S_SECTION, S_BREAK,
    S_CONTINUE, S_RETURN, S_TRY, S_CATCH, S_USING, S_LOCALFUNC, S_EMPTY,
};

enum arg_mode { ARG_VALUE, ARG_OUT, ARG_REF };

enum stype_kind { STYPE_NAMED, STYPE_ARRAY, STYPE_NULLABLE, STYPE_TUPLE, STYPE_VAR };

/* A type as written. */
struct stype {
    uint8_t kind;
    uint8_t rank;
    uint32_t pos;
    struct slice name; /* last part; namespaces and outer names are checked and dropped */
    struct slice prefix; /* what stood before the last dot */
    struct stype **args;
    struct slice *names; /* tuple elements */
    unsigned n;
};

/* One node. Which fields mean what stands at the parse function that makes the node. */
struct syn {
    uint8_t op;
    uint8_t mode; /* arg_mode, or a flag */
    uint32_t pos;
    uint32_t punct;
    struct slice text;
    struct syn *a, *b, *c, *d;
    struct syn **v;
    unsigned n;
    struct stype *type;
    struct stype **targs;
    unsigned ntargs;
    struct expr_value value;
};

/* parse.c */
struct syn *parse_expression(struct comp *c);
/* An operand of shifts and tighter: what a constant or relational pattern holds. */
struct syn *parse_shift(struct comp *c);
struct syn *parse_statements(struct comp *c);
struct syn *parse_block(struct comp *c);
struct stype *parse_type(struct comp *c);
struct syn *parse_pattern(struct comp *c);
struct syn *parse_init(struct comp *c);
struct syn *parse_query(struct comp *c);
struct syn *parse_lambda_body(struct comp *c);
struct syn *parse_params(struct comp *c);
/* The interpolated string at the cursor. */
struct syn *parse_interp(struct comp *c);
/* The variables of `var (a, (b, _))`: S_TUPLE of S_DECL and S_TUPLE. */
struct syn *parse_designators(struct comp *c);

struct syn *syn_new(struct comp *c, enum syn_op op, uint32_t pos);
void syn_take(struct syn *s, const struct list *l);

/* The cursor. */
bool at_punct(struct comp *c, uint32_t p);
bool at_name(struct comp *c, const char *name);
bool take_punct(struct comp *c, uint32_t p);
bool take_name(struct comp *c, const char *name);
void expect_punct(struct comp *c, uint32_t p);
struct slice expect_name(struct comp *c);
bool tok_is(const struct token *t, uint32_t p);
bool tok_named(const struct token *t, const char *name);
bool tok_is_keyword(const struct token *t);
/* Error: something else was wanted here. */
void parse_unexpected(struct comp *c, const char *wanted);
const struct token *skip_type_args(const struct token *t);
const struct token *skip_tuple_type(const struct token *t);
struct stype *stype_new(struct comp *c, enum stype_kind kind, uint32_t pos);
struct stype *stype_of(struct comp *c, enum stype_kind kind, struct stype *elem);
void parse_type_args(struct comp *c, struct stype ***out, unsigned *n);
struct stype *parse_tuple_type(struct comp *c);
/* Look ahead: a type at t; the token behind it or NULL. */
const struct token *skip_type(const struct token *t);
/* Bounded nesting: false (with an error) when too deep. Pair with c->depth--. */
bool parse_enter(struct comp *c);

#endif
