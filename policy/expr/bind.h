/* The binder: from syntax to bound nodes. One struct binder per compilation. */
#ifndef POLICY_EXPR_BIND_H
#define POLICY_EXPR_BIND_H

#include "policy/expr/node.h"

struct scope {
    struct scope *up;
    struct list vars;
    struct func *func;
};

struct binder {
    struct comp *c;
    struct scope *scope;
    struct func *func;
    bool checked;
    struct node *hole;    /* what S_BINDING stands for: the receiver of ?. or of an initializer */
    unsigned trial;       /* > 0: errors are swallowed, overloads are being tried */
    bool trial_failed;
    unsigned work;        /* lambdas bound so far: bounded */
    bool in_loop;
    bool in_catch, in_finally;
    bool unchecked;       /* inside unchecked: constants may overflow */
    const struct syn *called; /* the member access now bound as what is called: methods before properties */
};

#define BIND_LAMBDAS_MAX 4000

/* bind.c */
struct node *node_new(struct binder *b, enum node_op op, uint32_t pos, const struct type *type);
struct node *node_const(struct binder *b, uint32_t pos, struct expr_value v, const struct type *type);
struct node *node_local(struct binder *b, uint32_t pos, struct var *v);
struct node *node_set(struct binder *b, uint32_t pos, struct var *v, struct node *value);
struct node *node_seq(struct binder *b, uint32_t pos, struct list *l);
struct node *bind_error(struct binder *b, uint32_t pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
const char *bind_type_text(struct binder *b, const struct type *t);
const struct type *bind_type(struct binder *b, const struct stype *t);
struct node *bind_expr(struct binder *b, const struct syn *s, const struct type *hint);
/* bind_expr, then an implicit conversion to t. */
struct node *bind_as(struct binder *b, const struct syn *s, const struct type *t);
/* A value: not a type, group or void. */
struct node *bind_value(struct binder *b, const struct syn *s, const struct type *hint);
struct var *var_new(struct binder *b, struct slice name, const struct type *type);
/* As var_new, for a name the source spells: an error when a block around it in the same function has it already. */
struct var *var_declare(struct binder *b, uint32_t pos, struct slice name, const struct type *type);
struct var *var_find(struct binder *b, struct slice name);
void scope_push(struct binder *b, struct scope *s);
void scope_pop(struct binder *b);
/* A value that can be read again without evaluating twice: itself, or a hidden local set in *first. */
struct node *bind_once(struct binder *b, struct node *n, struct list *first);
bool bind_failed(const struct binder *b);

/* bind_conv.c */
enum conv_rank { CONV_NONE, CONV_IDENTITY, CONV_IMPLICIT, CONV_USER };
enum conv_rank conv_implicit(struct binder *b, struct node *n, const struct type *to);
enum conv_rank conv_types(struct binder *b, const struct type *from, const struct type *to);
/* Implicit conversion, or an error naming both types. */
struct node *conv_to(struct binder *b, struct node *n, const struct type *to);
/* (to)n */
struct node *conv_cast(struct binder *b, struct node *n, const struct type *to, uint32_t pos);
/* Can a value of `from` be an instance of `to`? What `as` and type patterns ask: no operators of the types count. */
bool conv_possible(struct binder *b, const struct type *from, const struct type *to);
/* The type two branches share, or NULL. */
const struct type *conv_common(struct binder *b, struct node *x, struct node *y);
struct node *conv_numeric(struct binder *b, struct node *n, enum expr_kind to, bool is_checked);

/* bind_call.c */
struct arg {
    struct node *node;
    struct slice name;
    uint8_t mode;
    uint32_t pos;
};
struct candidate {
    const struct member *m;
    const struct type *on;
    struct sig sig;
};
/* Extension methods of that name, of every type; all of them for no name. */
void find_extensions(struct binder *b, struct slice name, struct list *out);
bool lambda_params(struct binder *b, struct candidate *k, const struct arg *args, unsigned n, unsigned at, const struct type *params[8],
                   unsigned *np);
void find_members(struct binder *b, const struct type *on, struct slice name, unsigned kinds, struct list *out);
#define KIND(k) (1u << M_##k)
/* Pick the overload and build the call; receiver NULL for static members. what: for messages. */
struct node *bind_overload(struct binder *b, uint32_t pos, struct list *candidates, struct node *receiver, struct arg *args, unsigned n,
                           const struct type *const *targs, unsigned ntargs, struct slice name, const struct type *on);
struct node *bind_call(struct binder *b, const struct syn *s, const struct type *hint);
struct node *bind_member(struct binder *b, const struct syn *s, struct node *on);
struct node *bind_new(struct binder *b, const struct syn *s, const struct type *hint);
/* Can s stand as a statement: a call, an assignment, a step, an object's making? */
bool is_statement_expression(const struct syn *s);
/* A call of a member by name with bound arguments: what operators, initializers, foreach and queries are made of. */
struct node *bind_named_call(struct binder *b, uint32_t pos, struct node *receiver, const char *name, struct node **args, unsigned n);
unsigned bind_args(struct binder *b, const struct syn *s, struct arg *out);
/* s names an element of the tuple or anonymous object `on`: its field, or NULL. */
struct node *bind_field(struct binder *b, const struct syn *s, struct node *on);
struct node *open_node(struct binder *b, uint32_t pos); /* what a named value that was not supplied makes of an expression */
/* The store `target = value` for a property, index, local or field; value already bound. */
struct node *bind_store(struct binder *b, const struct syn *target, struct node *value, uint32_t pos);
#define ARGS_MAX 40

/* bind_store.c */
struct node *bind_index(struct binder *b, const struct syn *s, struct node *on);

/* bind_unknown.c: errors for what cannot be found, as nodes. */
struct node *unknown_name(struct binder *b, const struct syn *s);
struct node *unknown_member(struct binder *b, uint32_t pos, const struct type *on, struct slice name, bool is_static);
/* A type; TYPE_UNKNOWN. */
const struct type *unknown_type(struct binder *b, uint32_t pos, struct slice name, unsigned nargs);
/* No candidate takes these arguments. */
struct node *no_overload(struct binder *b, uint32_t pos, const struct list *candidates, struct slice name, const struct type *on,
                         const struct arg *args, unsigned n);

/* bind_lambda.c */
/* The body with parameter types given; ret NULL: infer. The delegate type is made from params and result when to is NULL. */
struct node *bind_lambda(struct binder *b, const struct syn *s, const struct type *const *params, unsigned n, const struct type *ret,
                         const struct type *to);
/* The result type the body would have, or NULL when it does not bind. TYPE_VOID for none. */
const struct type *lambda_result(struct binder *b, const struct syn *s, const struct type *const *params, unsigned n);
/* n, or what a lambda without a target becomes when its parameters have types. */
struct node *lambda_alone(struct binder *b, struct node *n);
struct node *bind_query(struct binder *b, const struct syn *s);
struct node *bind_local_function(struct binder *b, const struct syn *s);
struct node *group_to_delegate(struct binder *b, struct node *group, const struct type *to);
const struct type *group_result(struct binder *b, struct node *group, const struct type *const *params, unsigned n);

/* bind_op.c */
struct node *bind_binary(struct binder *b, uint32_t pos, uint32_t punct, struct node *x, struct node *y);
struct node *bind_unary(struct binder *b, uint32_t pos, uint32_t punct, struct node *x);
struct node *bind_assign(struct binder *b, const struct syn *s);
struct node *bind_step(struct binder *b, const struct syn *s, bool prefix);
struct node *fold(struct binder *b, struct node *n);

/* bind_stmt.c */
struct node *bind_statement(struct binder *b, const struct syn *s);
struct node *bind_block(struct binder *b, const struct syn *s);
/* Pattern p on the value of var: a bool node. */
struct node *bind_pattern(struct binder *b, const struct syn *p, struct var *on);
struct node *bind_switch_expr(struct binder *b, const struct syn *s, const struct type *hint);

#endif
