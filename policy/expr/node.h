/* The bound tree: names resolved, types known, conversions explicit. Between binder and generator. */
#ifndef POLICY_EXPR_NODE_H
#define POLICY_EXPR_NODE_H

#include "policy/expr/syntax.h"
#include "policy/expr/vm.h"

enum node_op {
    /* values */
    N_CONST, N_LOCAL, N_SET, N_CALL, N_INVOKE, N_FUNC, N_BIND, N_BIN, N_NOT, N_NEG, N_COMPL, N_CONV, N_TOENUM, N_CAST, N_UNBOX,
    N_IS, N_AS, N_VALUE, N_COND, N_AND, N_OR, N_COALESCE, N_CONDACCESS, N_LIFT, N_SEQ, N_ARRAY, N_NEWARRAY, N_TUPLE, N_FIELD,
    N_CONCAT, N_THROW, N_AGET, N_ASET, N_OPEN,
    /* not yet values: need a target */
    N_LAMBDA, N_METHODS, N_NEWTARGET, N_TYPE, N_OUTVAR,
    /* statements */
    N_DECL, N_EXPR, N_BLOCK, N_IF, N_LOOP, N_FOREACH, N_BREAK, N_CONTINUE, N_RETURN, N_TRY, N_SWITCH, N_NOP,
};

struct func;

struct var {
    struct slice name;
    const struct type *type;
    struct func *owner;
    bool captured, is_const;
    bool declared;        /* an N_DECL or a catch makes it: its cell too */
    bool loose;           /* assignments are not followed (flow.c) */
    const char *readonly; /* why it cannot be assigned: "a foreach variable"; NULL */
    unsigned flow;        /* its number in flow.c, from 1 */
    struct expr_value constant;
    uint16_t reg; /* set by the generator */
    const struct syn *local_function; /* its declaration, for default arguments */
};

/* A lambda, local function, or the expression itself. */
struct func {
    struct func *parent;
    struct var **params;
    unsigned nparams;
    const struct type *ret;  /* NULL while it is inferred */
    const struct type *type; /* delegate type */
    struct list captures;    /* struct var * of outer functions */
    struct list returns;     /* struct node *: operands of return while inferring */
    struct node *body;       /* statement, or expression when is_expression */
    bool is_expression, is_local;
    const struct code *code;
};

struct node {
    uint8_t op;
    uint8_t sub;   /* binop, or a flag */
    uint8_t kind;  /* expr_kind of N_BIN and N_CONV */
    bool checked;
    uint16_t needs; /* N_CALL: arguments that must not be null, by bit */
    const struct slice *names; /* of the arguments, when needs is not 0 */
    bool instance; /* N_CALL: v[0] is the receiver and of a reference type */
    uint32_t pos;
    const struct type *type; /* of the value; NULL for statements */
    struct node *a, *b, *c, *d;
    struct node **v;
    unsigned n;
    struct var *var, *var2;
    struct func *func;
    struct expr_value value;
    const struct syn *syn;
    /* N_CALL, N_BIND */
    expr_native *fn;
    const char *name;
    const struct type *on;
    const struct type *const *targs;
    unsigned ntargs;
    struct list *group; /* N_METHODS: candidates; N_BLOCK, N_LOOP: variables of the scope */
};

/* flow.c: errors for variables read before they have a value, bodies that end without one (end: where to say so), switch
 * sections that fall through. */
void flow_check(struct comp *c, struct func *f, uint32_t end);

/* gen.c: code for f and the functions in it. NULL on error. */
const struct code *gen_func(struct comp *c, struct func *f);

#endif
