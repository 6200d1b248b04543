/* A compiled template. Immutable, in the program's arena. */
#ifndef POLICY_LIQUID_TREE_H
#define POLICY_LIQUID_TREE_H

#include "policy/expr/vm.h"
#include "policy/liquid/liquid.h"

enum liquid_term { TERM_CONST, TERM_EMPTY, TERM_BLANK, TERM_RANGE, TERM_PATH };

/* "a" of x.a, or the index of x[y]. */
struct liquid_step {
    const struct liquid_step *next;
    struct expr_value name;
    const struct liquid_expr *index; /* NULL: name */
};

struct liquid_expr {
    enum liquid_term term;
    struct expr_value value;         /* CONST; PATH: the root's name */
    const struct liquid_step *steps; /* PATH */
    const struct liquid_expr *from, *to; /* RANGE */
};

#define LIQUID_ARGS_MAX 4u

struct render;
/* a[0]: what is filtered, then the arguments; absent ones are null. n counts all of them. */
typedef struct expr_value liquid_filter_fn(struct vm *vm, struct expr_value *a, unsigned n);

struct liquid_filter {
    const struct liquid_filter *next;
    liquid_filter_fn *fn;
    unsigned n;
    const struct liquid_expr *args[LIQUID_ARGS_MAX];
};

enum liquid_op { LOP_TRUTH, LOP_EQ, LOP_NE, LOP_LT, LOP_GT, LOP_LE, LOP_GE, LOP_CONTAINS };

/* left op right, and then `and` or `or` all of what follows: they bind from the right. */
struct liquid_condition {
    const struct liquid_expr *left, *right;
    enum liquid_op op;
    const struct liquid_condition *next;
    bool is_or;
};

/* A branch of if, unless, case; a value list of when and cycle. */
struct liquid_branch {
    const struct liquid_branch *next;
    const struct liquid_condition *condition; /* NULL: else */
    bool negate;
    const struct liquid_node *body;
};

struct liquid_values {
    const struct liquid_values *next;
    const struct liquid_expr *value;
};

enum liquid_kind {
    LIQUID_NODE_TEXT, LIQUID_NODE_OUTPUT, LIQUID_NODE_ASSIGN, LIQUID_NODE_CAPTURE, LIQUID_NODE_IF, LIQUID_NODE_FOR,
    LIQUID_NODE_CYCLE, LIQUID_NODE_COUNT, LIQUID_NODE_BREAK, LIQUID_NODE_CONTINUE,
};

struct liquid_node {
    const struct liquid_node *next;
    enum liquid_kind kind;
    struct expr_value name;                   /* text; the variable that is assigned, captured, counted or bound */
    const struct liquid_expr *expr;
    const struct liquid_filter *filters;
    const struct liquid_branch *branches;     /* if, unless, case */
    const struct liquid_values *values;       /* cycle */
    struct slice group;                       /* cycle, for: its place in the request's tables */
    const struct liquid_node *body, *otherwise;
    const struct liquid_expr *limit, *offset; /* for */
    bool reversed, resume, commas;            /* for; commas: JSONArrayFor */
    bool down;                                /* count: decrement */
};

struct liquid {
    const struct liquid_node *nodes;
    bool uses_body;
};

/* ---- value.c ---- */
/* Member or element of a value; null when there is none. */
struct expr_value liquid_member(struct vm *vm, struct expr_value on, struct expr_value key);
/* A JValue or JRaw as what it holds. */
struct expr_value liquid_plain(struct expr_value v);
void liquid_print(struct vm *vm, struct buf *b, struct expr_value v);
struct expr_value liquid_text(struct vm *vm, struct expr_value v);
bool liquid_is_list(struct expr_value v); /* an array, list or sequence */
bool liquid_is_map(struct vm *vm, struct expr_value v);
/* The elements of a list; of a map its pairs. NULL: exception. */
struct list_object *liquid_items(struct vm *vm, struct expr_value v);
/* The child elements of an XML element that has members (body.c), in order of their names. */
struct list_object *liquid_children(struct vm *vm, struct expr_value v);
bool liquid_truth(struct expr_value v);
bool liquid_equal(struct vm *vm, struct expr_value x, struct expr_value y);
/* <0, 0, >0; false: the two cannot be compared. */
bool liquid_compare(struct vm *vm, struct expr_value x, struct expr_value y, int *order);
bool liquid_contains(struct vm *vm, struct expr_value in, struct expr_value what);
/* null, "", an empty list or map; blank: white space alone, false too. */
bool liquid_is_empty(struct vm *vm, struct expr_value v, bool blank);
bool liquid_is_number(struct expr_value v);

/* ---- filter.c ---- */
/* By Pascal or snake case name; NULL: unknown. */
liquid_filter_fn *liquid_filter_find(struct slice name);

/* ---- body.c ---- */
/* What `body` is. Exceptions for malformed text. */
struct expr_value liquid_read_body(struct vm *vm, const struct liquid_body *body);

#endif
