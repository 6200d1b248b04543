/* Operators: promotion, lifting over Nullable, strings, user-defined operators, assignment, folding. */
#include "policy/expr/bind.h"

#include <stdio.h>

#include "policy/expr/lib/lib.h"

static const struct { uint32_t punct; enum binop op; const char *name; } operators[] = {
    { P1('+'), B_ADD, "+" }, { P1('-'), B_SUB, "-" }, { P1('*'), B_MUL, "*" }, { P1('/'), B_DIV, "/" }, { P1('%'), B_REM, "%" },
    { P1('&'), B_AND, "&" }, { P1('|'), B_OR, "|" }, { P1('^'), B_XOR, "^" }, { P2('<', '<'), B_SHL, "<<" }, { P2('>', '>'), B_SHR, ">>" },
    { P2('=', '='), B_EQ, "==" }, { P2('!', '='), B_NE, "!=" }, { P1('<'), B_LT, "<" }, { P1('>'), B_GT, ">" },
    { P2('<', '='), B_LE, "<=" }, { P2('>', '='), B_GE, ">=" },
};

static const char *punct_text(uint32_t punct)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (operators[i].punct == punct)
            return operators[i].name;
    return punct == P2('&', '&') ? "&&" : punct == P2('|', '|') ? "||" : punct == P2('?', '?') ? "??" : punct == P1('!') ? "!" : "~";
}

static bool is_comparison(enum binop op)
{
    return op >= B_EQ;
}

/* Constants overflow while compiling, unless `unchecked` stands around them (C# 7.3, 12.8.20). */
static struct node *constant_error(struct binder *b, struct node *n, enum op_error e)
{
    if (e == OP_DIVIDE)
        return bind_error(b, n->pos, "division by the constant zero");
    if ((e == OP_OVERFLOW || e == OP_DECIMAL_RANGE) && n->op == N_CONV)
        return bind_error(b, n->pos, "the constant does not fit '%s': 'unchecked' would cut it", bind_type_text(b, n->type));
    if (e == OP_OVERFLOW || e == OP_DECIMAL_RANGE)
        return bind_error(b, n->pos, "the constant overflows '%s'", bind_type_text(b, n->type));
    return n;
}

struct node *fold(struct binder *b, struct node *n)
{
    struct expr_value out;
    enum op_error e = OP_MEMORY;

    if (n->a->op != N_CONST || n->a->value.kind == EXPR_NULL)
        return n;
    if (n->op == N_CONV)
        e = op_convert(b->c->program, (enum expr_kind)n->kind, !b->unchecked, n->a->value, &out);
    else if (n->op == N_NEG)
        e = op_negate(b->c->program, !b->unchecked, n->a->value, &out);
    else if (n->op == N_COMPL)
        e = op_complement(n->a->value, &out);
    else if (n->op == N_BIN && n->b->op == N_CONST && n->b->value.kind != EXPR_NULL && n->kind < EXPR_STRING)
        e = op_binary(b->c->program, (enum binop)n->sub, (enum expr_kind)n->kind, !b->unchecked, n->a->value, n->b->value, &out);
    return e == OP_FINE ? node_const(b, n->pos, out, n->type) : constant_error(b, n, e);
}

static struct node *binary_node(struct binder *b, uint32_t pos, enum binop op, enum expr_kind kind, struct node *x, struct node *y,
                                const struct type *type)
{
    struct node *n = node_new(b, N_BIN, pos, type);

    n->sub = (uint8_t)op;
    n->kind = (uint8_t)kind;
    n->a = x;
    n->b = y;
    return fold(b, n);
}

static struct node *not_defined(struct binder *b, uint32_t pos, const char *op, struct node *x, struct node *y)
{
    if (type_is(x->type, TYPE_UNKNOWN) || (y && type_is(y->type, TYPE_UNKNOWN)))
        return node_new(b, N_OPEN, pos, TYPE_OF(UNKNOWN));
    if (!y)
        return bind_error(b, pos, "operator '%s' cannot be applied to '%s'", op, bind_type_text(b, x->type));
    return bind_error(b, pos, "operator '%s' cannot be applied to '%s' and '%s'", op, bind_type_text(b, x->type), bind_type_text(b, y->type));
}

/* x ?? y */
static struct node *bind_coalesce(struct binder *b, uint32_t pos, struct node *x, struct node *y)
{
    struct node *n = node_new(b, N_COALESCE, pos, NULL);

    if (type_is(x->type, TYPE_NULL) && type_is(y->type, TYPE_NULL))
        return not_defined(b, pos, "??", x, y);
    if (type_is(x->type, TYPE_NULL))
        return y;
    if (type_is_value(x->type) && !type_is_nullable(x->type))
        return not_defined(b, pos, "??", x, y);
    n->a = x;
    if (type_is_nullable(x->type) && conv_implicit(b, y, x->type->args[0]) != CONV_NONE) {
        n->type = x->type->args[0];
    } else if (conv_implicit(b, y, x->type) != CONV_NONE) {
        n->type = x->type;
    } else if (conv_implicit(b, x, y->type) != CONV_NONE) {
        n->type = y->type;
        n->a = conv_to(b, x, y->type);
    } else if (type_is_nullable(x->type) && type_widens(x->type->args[0], y->type)) {
        n->type = y->type;
        n->a = conv_to(b, x, type_make1(b->c->scratch, TYPE_NULLABLE, y->type));
    } else {
        return not_defined(b, pos, "??", x, y);
    }
    n->b = conv_to(b, y, n->type);
    return n;
}

static struct node *bind_logic(struct binder *b, uint32_t pos, bool and, struct node *x, struct node *y)
{
    struct node *n = node_new(b, and ? N_AND : N_OR, pos, TYPE_OF(BOOL));

    n->a = conv_to(b, x, TYPE_OF(BOOL));
    n->b = conv_to(b, y, TYPE_OF(BOOL));
    if (!bind_failed(b) && n->a->op == N_CONST && n->a->value.kind == EXPR_BOOL)
        return (n->a->value.i != 0) == and ? n->b : n->a;
    return n;
}

/* Flatten nested concatenations; neighbouring constants are joined when code is made. */
static struct node *bind_concat(struct binder *b, uint32_t pos, struct node *x, struct node *y)
{
    struct node *n = node_new(b, N_CONCAT, pos, TYPE_OF(STRING));
    struct list l = { 0 };
    struct node *sides[2] = { x, y };

    for (unsigned s = 0; s < 2; s++) {
        if (type_is(sides[s]->type, TYPE_VOID) || sides[s]->op == N_LAMBDA || sides[s]->op == N_METHODS)
            return not_defined(b, pos, "+", x, y);
        if (sides[s]->op == N_CONCAT)
            for (unsigned i = 0; i < sides[s]->n; i++)
                list_add(b->c, &l, sides[s]->v[i]);
        else
            list_add(b->c, &l, sides[s]);
    }
    if (l.n == 2 && x->op == N_CONST && y->op == N_CONST && x->value.kind == EXPR_STRING && y->value.kind == EXPR_STRING)
        return node_const(b, pos, text_value(text_join(b->c->program, text_slice(x->value), text_slice(y->value))), TYPE_OF(STRING));
    n->v = (struct node **)l.v;
    n->n = l.n;
    return n;
}

static struct node *user_operator(struct binder *b, uint32_t pos, const char *name, struct node *x, struct node *y)
{
    struct list l = { 0 };
    struct arg args[2] = { { .node = x, .pos = pos }, { .node = y, .pos = pos } };
    bool outer = b->trial_failed, failed;
    struct node *n;

    find_members(b, x->type, slice_from(name), KIND(OP), &l);
    if (y && !type_eq(x->type, y->type))
        find_members(b, y->type, slice_from(name), KIND(OP), &l);
    if (l.n == 0)
        return NULL;
    b->trial++;
    b->trial_failed = false;
    n = bind_overload(b, pos, &l, NULL, args, y ? 2 : 1, NULL, 0, slice_from(name), x->type);
    failed = b->trial_failed;
    b->trial--;
    b->trial_failed = outer;
    return failed || n->op == N_OPEN ? NULL : n;
}

/* What stands for x where it is known not to be null. A constant that can be null is no constant of its own type. */
static struct node *lifted_operand(struct binder *b, struct node *x, struct var *v)
{
    return x->op == N_CONST && !type_is_nullable(x->type) ? x : node_local(b, x->pos, v);
}

/* The literal null beside a value of `other`: that type's null. */
static struct node *null_operand(struct binder *b, struct node *n, const struct type *other)
{
    if (!type_is(n->type, TYPE_NULL))
        return n;
    return node_const(b, n->pos, expr_value_null(), type_make1(b->c->scratch, TYPE_NULLABLE, type_strip(other)));
}

/* if either is null: null (comparisons: false; equality compares nulls), else the operator on the values. */
static struct node *bind_lifted(struct binder *b, uint32_t pos, uint32_t punct, enum binop op, struct node *x, struct node *y)
{
    struct node *n = node_new(b, N_LIFT, pos, NULL), *left, *right;
    struct list l = { 0 };

    if (type_is(type_strip(x->type), TYPE_BOOL) && type_is(type_strip(y->type), TYPE_BOOL) && (op == B_AND || op == B_OR)) {
        n = node_new(b, N_CALL, pos, type_make1(b->c->scratch, TYPE_NULLABLE, TYPE_OF(BOOL)));
        n->fn = op == B_AND ? net_nullable_bool_and : net_nullable_bool_or;
        n->name = op == B_AND ? "&" : "|";
        list_add(b->c, &l, x);
        list_add(b->c, &l, y);
        n->v = (struct node **)l.v;
        n->n = 2;
        return n;
    }
    n->a = x;
    n->b = y;
    n->var = var_new(b, SLICE_NONE, type_strip(x->type));
    n->var2 = var_new(b, SLICE_NONE, type_strip(y->type));
    left = lifted_operand(b, x, n->var);
    right = lifted_operand(b, y, n->var2);
    n->c = bind_binary(b, pos, punct, left, right);
    n->sub = (uint8_t)op;
    n->type = is_comparison(op) ? TYPE_OF(BOOL) : type_make1(b->c->scratch, TYPE_NULLABLE, type_strip(n->c->type));
    return n;
}

static bool is_signed(const struct type *t)
{
    enum expr_kind k = type_kind(t);

    return k == EXPR_I8 || k == EXPR_I16 || k == EXPR_I32 || k == EXPR_I64;
}

/* ulong with a signed integer has no common type. */
static bool is_ambiguous(struct binder *b, struct node *x, struct node *y)
{
    struct node *other = type_kind(x->type) == EXPR_U64 ? y : type_kind(y->type) == EXPR_U64 ? x : NULL;

    return other && is_signed(other->type) && conv_implicit(b, other, TYPE_OF(ULONG)) == CONV_NONE;
}

static bool operand_fits(struct binder *b, struct node *n, enum expr_kind kind)
{
    const struct type *t = type_of_kind(kind);

    if (type_eq(n->type, t) || type_widens(n->type, t))
        return true;
    return n->op == N_CONST && type_is_integral(n->type) && type_is_integral(t) && conv_implicit(b, n, t) != CONV_NONE;
}

/* Binary numeric promotion: the first operator type both operands fit (12.4.7). */
static enum expr_kind promote(struct binder *b, struct node *x, struct node *y)
{
    static const enum expr_kind order[] = { EXPR_I32, EXPR_U32, EXPR_I64, EXPR_U64, EXPR_F32, EXPR_F64, EXPR_DECIMAL };

    if (!type_is_numeric(x->type) || (y && !type_is_numeric(y->type)) || (y && is_ambiguous(b, x, y)))
        return EXPR_NULL;
    for (size_t i = 0; i < COUNT_OF(order); i++)
        if (operand_fits(b, x, order[i]) && (!y || operand_fits(b, y, order[i])))
            return order[i];
    return EXPR_NULL;
}

/* enum op enum of one type, where the constant 0 counts as one; + and - take an int too, but no second enum for +. */
static bool enum_operands(struct binder *b, enum binop op, struct node *x, struct node *y)
{
    bool both = conv_implicit(b, x, y->type) != CONV_NONE || conv_implicit(b, y, x->type) != CONV_NONE;
    struct node *number = type_is_enum(x->type) ? y : x;

    if (op == B_SUB && both)
        return true;
    if (op == B_ADD || op == B_SUB)
        return !type_is_enum(number->type) && conv_implicit(b, number, TYPE_OF(INT)) != CONV_NONE;
    return both && (is_comparison(op) || (op >= B_AND && op <= B_XOR));
}

static struct node *bind_enum_op(struct binder *b, uint32_t pos, enum binop op, struct node *x, struct node *y)
{
    const struct type *e = type_is_enum(x->type) ? x->type : y->type;
    struct node *l, *r, *n, *back;

    if (!enum_operands(b, op, x, y))
        return NULL;
    l = conv_numeric(b, x, EXPR_I32, false);
    r = conv_numeric(b, y, EXPR_I32, false);
    n = binary_node(b, pos, op, EXPR_I32, l, r, is_comparison(op) ? TYPE_OF(BOOL) : TYPE_OF(INT));
    if (is_comparison(op) || (op == B_SUB && type_is_enum(x->type) && type_is_enum(y->type)))
        return n;
    if (n->op == N_CONST)
        return node_const(b, pos, val_enum(e->id, n->value.i), e);
    back = node_new(b, N_TOENUM, pos, e);
    back->a = n;
    return back;
}

static struct node *bind_equality(struct binder *b, uint32_t pos, enum binop op, struct node *x, struct node *y)
{
    if (type_is(x->type, TYPE_NULL) || type_is(y->type, TYPE_NULL))
        return binary_node(b, pos, op, EXPR_OBJECT, x, y, TYPE_OF(BOOL));
    if (type_is(x->type, TYPE_STRING) && type_is(y->type, TYPE_STRING))
        return binary_node(b, pos, op, EXPR_STRING, x, y, TYPE_OF(BOOL));
    if (!type_is_value(x->type) && !type_is_value(y->type) &&
        (type_converts(b->c->scratch, x->type, y->type) || type_converts(b->c->scratch, y->type, x->type) ||
         type_flags(x->type) & TF_INTERFACE || type_flags(y->type) & TF_INTERFACE))
        return binary_node(b, pos, op, EXPR_OBJECT, x, y, TYPE_OF(BOOL));
    return NULL;
}

static struct node *bind_arithmetic(struct binder *b, uint32_t pos, uint32_t punct, enum binop op, struct node *x, struct node *y)
{
    enum expr_kind k;
    struct node *n;

    if (type_is(x->type, TYPE_BOOL) && type_is(y->type, TYPE_BOOL) && (op >= B_AND && op <= B_XOR))
        return binary_node(b, pos, op, EXPR_BOOL, x, y, TYPE_OF(BOOL));
    if (type_is(x->type, TYPE_BOOL) && type_is(y->type, TYPE_BOOL) && (op == B_EQ || op == B_NE))
        return binary_node(b, pos, op, EXPR_BOOL, x, y, TYPE_OF(BOOL));
    if (op == B_SHL || op == B_SHR) {
        k = promote(b, x, NULL);
        if (k > EXPR_U64 || k == EXPR_NULL || conv_implicit(b, y, TYPE_OF(INT)) == CONV_NONE)
            return not_defined(b, pos, punct_text(punct), x, y);
        return binary_node(b, pos, op, k, conv_numeric(b, x, k, false), conv_to(b, y, TYPE_OF(INT)), type_of_kind(k));
    }
    if ((type_is_enum(x->type) || type_is_enum(y->type)) && (n = bind_enum_op(b, pos, op, x, y)))
        return n;
    k = promote(b, x, y);
    if (k == EXPR_NULL || (op >= B_AND && op <= B_XOR && k > EXPR_U64))
        return not_defined(b, pos, punct_text(punct), x, y);
    return binary_node(b, pos, op, k, conv_numeric(b, x, k, false), conv_numeric(b, y, k, false),
                       is_comparison(op) ? TYPE_OF(BOOL) : type_of_kind(k));
}

static struct node *element(struct binder *b, struct node *tuple, unsigned i)
{
    struct node *f;

    if (tuple->op == N_TUPLE)
        return tuple->v[i];
    f = node_new(b, N_FIELD, tuple->pos, tuple->type->args[i]);
    f->a = tuple;
    f->sub = (uint8_t)i;
    return f;
}

/* (a, b) == (c, d): element by element. */
static struct node *bind_tuple_equality(struct binder *b, uint32_t pos, uint32_t punct, struct node *x, struct node *y)
{
    struct node *all = NULL;
    struct list first = { 0 };

    x = x->op == N_TUPLE ? x : bind_once(b, x, &first);
    y = y->op == N_TUPLE ? y : bind_once(b, y, &first);
    for (unsigned i = 0; i < x->type->n && !bind_failed(b); i++) {
        struct node *one = bind_binary(b, pos, punct, element(b, x, i), element(b, y, i));

        all = all ? bind_logic(b, pos, punct == P2('=', '='), all, one) : one;
    }
    if (!all || first.n == 0)
        return all ? all : node_const(b, pos, val_bool(true), TYPE_OF(BOOL));
    list_add(b->c, &first, all);
    return node_seq(b, pos, &first);
}

struct node *bind_binary(struct binder *b, uint32_t pos, uint32_t punct, struct node *x, struct node *y)
{
    enum binop op = B_ADD;
    struct node *n;

    if (bind_failed(b))
        return x;
    if (punct == P2('?', '?'))
        return bind_coalesce(b, pos, x, y);
    if (punct == P2('&', '&') || punct == P2('|', '|'))
        return bind_logic(b, pos, punct == P2('&', '&'), x, y);
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (operators[i].punct == punct)
            op = operators[i].op;
    if (type_is(x->type, TYPE_UNKNOWN) || type_is(y->type, TYPE_UNKNOWN)) {
        n = node_new(b, N_OPEN, pos, is_comparison(op) ? TYPE_OF(BOOL) : TYPE_OF(UNKNOWN));
        return n;
    }
    if (op == B_ADD && !type_is(x->type, TYPE_STRING) && type_is(y->type, TYPE_STRING) && (n = user_operator(b, pos, "+", x, y)))
        return n; /* XNamespace + "name" */
    if (op == B_ADD && (type_is(x->type, TYPE_STRING) || type_is(y->type, TYPE_STRING)))
        return bind_concat(b, pos, x, y);
    if ((op == B_EQ || op == B_NE) && type_is(x->type, TYPE_VALUETUPLE) && type_is(y->type, TYPE_VALUETUPLE) && x->type->n == y->type->n)
        return bind_tuple_equality(b, pos, punct, x, y);
    if ((op == B_EQ || op == B_NE) && (type_is(x->type, TYPE_NULL) || type_is(y->type, TYPE_NULL)))
        return bind_equality(b, pos, op, x, y);
    if (type_is(x->type, TYPE_NULL) || type_is(y->type, TYPE_NULL)) {
        if (type_is(x->type, y->type->id) || !type_is_value(type_is(x->type, TYPE_NULL) ? y->type : x->type))
            return not_defined(b, pos, punct_text(punct), x, y);
        x = null_operand(b, x, y->type);
        y = null_operand(b, y, x->type);
    }
    if (type_is_nullable(x->type) || type_is_nullable(y->type))
        return bind_lifted(b, pos, punct, op, x, y);
    if ((n = user_operator(b, pos, punct_text(punct), x, y)))
        return n;
    if ((op == B_EQ || op == B_NE) && (n = bind_equality(b, pos, op, x, y)))
        return n;
    return bind_arithmetic(b, pos, punct, op, x, y);
}

struct node *bind_unary(struct binder *b, uint32_t pos, uint32_t punct, struct node *x)
{
    struct node *n;
    enum expr_kind k;

    if (bind_failed(b))
        return x;
    if (type_is(x->type, TYPE_UNKNOWN))
        return node_new(b, N_OPEN, pos, punct == P1('!') ? TYPE_OF(BOOL) : TYPE_OF(UNKNOWN));
    if (punct == P1('!') && !type_is_nullable(x->type)) {
        n = node_new(b, N_NOT, pos, TYPE_OF(BOOL));
        n->a = conv_to(b, x, TYPE_OF(BOOL));
        if (n->a->op == N_CONST)
            return node_const(b, pos, val_bool(!n->a->value.i), TYPE_OF(BOOL));
        return n;
    }
    if (type_is_nullable(x->type)) {
        struct node *lift = node_new(b, N_CONDACCESS, pos, x->type);

        lift->var = var_new(b, SLICE_NONE, x->type->args[0]);
        lift->a = x;
        lift->b = bind_unary(b, pos, punct, node_local(b, pos, lift->var));
        lift->type = type_make1(b->c->scratch, TYPE_NULLABLE, lift->b->type);
        return lift;
    }
    if (punct == P1('-') && (n = user_operator(b, pos, "unary -", x, NULL)))
        return n;
    if (punct == P1('+') && type_is(x->type, TYPE_TIMESPAN))
        return x;
    k = type_is_enum(x->type) ? EXPR_I32 : promote(b, x, NULL);
    if (k == EXPR_NULL || (punct == P1('~') && k > EXPR_U64))
        return not_defined(b, pos, punct == P1('~') ? "~" : "-", x, NULL);
    if (punct == P1('+'))
        return conv_numeric(b, x, k, false);
    if (punct == P1('~')) {
        n = node_new(b, N_COMPL, pos, type_of_kind(k));
        n->a = conv_numeric(b, x, k, false);
        n->kind = (uint8_t)k;
        n = fold(b, n);
        return type_is_enum(x->type) ? conv_cast(b, n, x->type, pos) : n;
    }
    /* -2147483648 and -9223372036854775808 are int and long */
    if (x->op == N_CONST && x->value.kind == EXPR_U32 && x->value.u == 2147483648u)
        return node_const(b, pos, val_int(INT32_MIN), TYPE_OF(INT));
    if (x->op == N_CONST && x->value.kind == EXPR_U64 && x->value.u == UINT64_C(9223372036854775808))
        return node_const(b, pos, val_long(INT64_MIN), TYPE_OF(LONG));
    if (k == EXPR_U32)
        k = EXPR_I64;
    if (k == EXPR_U64)
        return not_defined(b, pos, "-", x, NULL);
    n = node_new(b, N_NEG, pos, type_of_kind(k));
    n->a = conv_numeric(b, x, k, false);
    n->kind = (uint8_t)k;
    return fold(b, n);
}

/* ---- assignment ---- */

static struct syn *hidden_name(struct binder *b, struct node *value, struct list *first, uint32_t pos)
{
    struct syn *s = syn_new(b->c, S_NAME, pos);
    struct var *v = var_new(b, SLICE_NONE, value->type);

    /* a name no source can spell */
    v->name = arena_printf(b->c->scratch, "\x01%u", b->scope->vars.n * 1000u + first->n);
    s->text = v->name;
    list_add(b->c, first, node_set(b, pos, v, value));
    return s;
}

/* The target with its receiver and index evaluated once, into hidden locals set in *first. */
static const struct syn *target_once(struct binder *b, const struct syn *t, struct list *first)
{
    struct syn *copy;
    struct node *on;

    if (t->op != S_MEMBER && t->op != S_INDEX)
        return t;
    if (t->a->op == S_BINDING || (t->a->op == S_NAME && t->op == S_MEMBER))
        return t;
    on = bind_expr(b, t->a, NULL);
    if (bind_failed(b) || on->op == N_TYPE)
        return t;
    copy = syn_new(b->c, (enum syn_op)t->op, t->pos);
    *copy = *t;
    copy->a = hidden_name(b, on, first, t->pos);
    if (t->op == S_INDEX) {
        struct list args = { 0 };

        for (unsigned i = 0; i < t->n; i++) {
            struct syn *arg = syn_new(b->c, S_ARG, t->pos);
            struct node *v = bind_value(b, t->v[i]->a, NULL);

            if (bind_failed(b))
                return t;
            arg->a = v->op == N_CONST ? t->v[i]->a : hidden_name(b, v, first, t->pos);
            list_add(b->c, &args, arg);
        }
        syn_take(copy, &args);
    }
    return copy;
}

static struct node *with_steps(struct binder *b, uint32_t pos, struct list *first, struct node *last)
{
    if (first->n == 0)
        return last;
    list_add(b->c, first, last);
    return node_seq(b, pos, first);
}

static const struct type *store_type(struct binder *b, const struct syn *t)
{
    struct var *v = t->op == S_NAME ? var_find(b, t->text) : NULL;
    struct list setters = { 0 };
    bool outer, failed;
    struct node *on;
    struct candidate *k;

    if (v)
        return v->type;
    if (t->op != S_MEMBER && t->op != S_INDEX)
        return NULL;
    outer = b->trial_failed;
    b->trial++;
    b->trial_failed = false;
    on = bind_expr(b, t->a, NULL);
    failed = b->trial_failed || on->op == N_TYPE || !on->type;
    b->trial--;
    b->trial_failed = outer;
    if (failed)
        return NULL;
    if (t->op == S_INDEX && (type_is(on->type, TYPE_ARRAY) || type_is(on->type, TYPE_LIST)))
        return on->type->args[0];
    find_members(b, on->type, t->op == S_MEMBER ? t->text : SLICE_NONE, t->op == S_MEMBER ? KIND(SET) : KIND(SETITEM), &setters);
    if (setters.n == 0)
        return NULL;
    k = setters.v[0];
    return type_subst(b->c->scratch, k->sig.p[k->sig.n - 1].type, k->on, NULL);
}

struct node *bind_assign(struct binder *b, const struct syn *s)
{
    struct list first = { 0 };
    const struct syn *target;
    struct node *get, *value, *operand;
    uint32_t punct = s->punct;

    if (punct == P1('=')) {
        const struct type *hint = store_type(b, s->a);

        if (s->a->op == S_TUPLE) { /* (a, b) = (b, a): element types of the left side */
            value = bind_value(b, s->b, NULL);
            return bind_store(b, s->a, value, s->pos);
        }
        value = bind_value(b, s->b, hint);
        return bind_failed(b) ? value : bind_store(b, s->a, value, s->pos);
    }
    target = target_once(b, s->a, &first);
    get = bind_value(b, target, NULL);
    if (bind_failed(b))
        return get;
    if (punct == P3('?', '?', '=')) {
        struct node *n = node_new(b, N_COALESCE, s->pos, get->type);

        if (type_is_value(get->type) && !type_is_nullable(get->type))
            return not_defined(b, s->pos, "?\?=", get, NULL);
        operand = bind_value(b, s->b, get->type);
        if (type_is_nullable(get->type) && !bind_failed(b) && conv_implicit(b, operand, get->type->args[0]) != CONV_NONE)
            n->type = get->type->args[0];
        n->a = get;
        n->b = bind_store(b, target, operand, s->pos);
        return with_steps(b, s->pos, &first, n);
    }
    punct = punct >> 16 ? punct & 0xFFFF : punct & 0xFF; /* drop the '=' */
    operand = bind_value(b, s->b, NULL);
    value = bind_binary(b, s->pos, punct, get, operand);
    if (!bind_failed(b) && conv_implicit(b, value, get->type) == CONV_NONE) {
        if (punct != P2('<', '<') && punct != P2('>', '>'))
            conv_to(b, operand, get->type); /* x op= y casts back only where y alone would fit x */
        value = conv_cast(b, value, get->type, s->pos);
    }
    return with_steps(b, s->pos, &first, bind_store(b, target, value, s->pos));
}

/* ++x, x++, --x, x-- */
struct node *bind_step(struct binder *b, const struct syn *s, bool prefix)
{
    struct list first = { 0 };
    const struct syn *target = target_once(b, s->a, &first);
    struct node *get = bind_value(b, target, NULL), *one, *value;

    if (bind_failed(b))
        return get;
    if (!type_is_numeric(type_strip(get->type)) && !type_is_enum(type_strip(get->type)) && !type_is(get->type, TYPE_UNKNOWN))
        return bind_error(b, s->pos, "'%s' cannot be applied to '%s'", s->punct == P2('+', '+') ? "++" : "--", bind_type_text(b, get->type));
    one = node_const(b, s->pos, val_int(1), TYPE_OF(INT));
    if (!prefix) {
        struct var *old = var_new(b, SLICE_NONE, get->type);

        list_add(b->c, &first, node_set(b, s->pos, old, get));
        get = node_local(b, s->pos, old);
    }
    value = bind_binary(b, s->pos, s->punct == P2('+', '+') ? P1('+') : P1('-'), get, one);
    value = bind_store(b, target, conv_cast(b, value, get->type, s->pos), s->pos);
    if (prefix)
        return with_steps(b, s->pos, &first, value);
    list_add(b->c, &first, value);
    list_add(b->c, &first, get);
    return node_seq(b, s->pos, &first);
}
