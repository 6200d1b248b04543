/* The binder's core: names, literals, member chains, and the dispatch over syntax. */
#include "policy/expr/bind.h"

#include <stdio.h>

#include "policy/expr/lib/lib.h"

/* Each is a level of the tree that later phases walk down. */
#define OPERATORS_MAX 1000

bool bind_failed(const struct binder *b)
{
    return b->c->failed || (b->trial > 0 && b->trial_failed);
}

struct node *node_new(struct binder *b, enum node_op op, uint32_t pos, const struct type *type)
{
    static struct node dead = { .op = N_CONST };
    struct node *n = comp_new(b->c, struct node);

    if (!n) {
        dead.type = TYPE_OF(UNKNOWN);
        return &dead;
    }
    n->op = op;
    n->pos = pos;
    n->type = type;
    n->checked = b->checked;
    return n;
}

struct node *bind_error(struct binder *b, uint32_t pos, const char *fmt, ...)
{
    char text[320];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (b->trial > 0)
        b->trial_failed = true;
    else
        comp_fail(b->c, pos, "%s", text);
    return node_new(b, N_CONST, pos, TYPE_OF(UNKNOWN));
}

const char *bind_type_text(struct binder *b, const struct type *t)
{
    const char *text = type_text(b->c->scratch, t);

    return text ? text : "?";
}

struct node *node_const(struct binder *b, uint32_t pos, struct expr_value v, const struct type *type)
{
    struct node *n = node_new(b, N_CONST, pos, type);

    n->value = v;
    return n;
}

static void note_capture(struct binder *b, struct var *v)
{
    for (struct func *f = b->func; f && f != v->owner; f = f->parent) {
        bool known = false;

        v->captured = true;
        for (unsigned i = 0; i < f->captures.n; i++)
            known |= f->captures.v[i] == v;
        if (!known)
            list_add(b->c, &f->captures, v);
    }
}

struct node *node_local(struct binder *b, uint32_t pos, struct var *v)
{
    struct node *n;

    if (v->is_const)
        return node_const(b, pos, v->constant, v->type);
    n = node_new(b, N_LOCAL, pos, v->type);
    n->var = v;
    note_capture(b, v);
    return n;
}

struct node *node_set(struct binder *b, uint32_t pos, struct var *v, struct node *value)
{
    struct node *n = node_new(b, N_SET, pos, v->type);

    n->var = v;
    n->a = value;
    note_capture(b, v);
    return n;
}

struct node *node_seq(struct binder *b, uint32_t pos, struct list *l)
{
    struct node *n = node_new(b, N_SEQ, pos, l->n ? ((struct node *)l->v[l->n - 1])->type : TYPE_OF(VOID));

    n->v = (struct node **)l->v;
    n->n = l->n;
    return n;
}

/* ---- scopes ---- */

void scope_push(struct binder *b, struct scope *s)
{
    *s = (struct scope){ .up = b->scope, .func = b->func };
    b->scope = s;
}

void scope_pop(struct binder *b)
{
    b->scope = b->scope->up;
}

struct var *var_new(struct binder *b, struct slice name, const struct type *type)
{
    static struct var dead;
    struct var *v = comp_new(b->c, struct var);

    if (!v)
        return &dead;
    v->name = name;
    v->type = type;
    v->owner = b->func;
    list_add(b->c, &b->scope->vars, v);
    return v;
}

struct var *var_declare(struct binder *b, uint32_t pos, struct slice name, const struct type *type)
{
    for (struct scope *s = b->scope; s && s->func == b->func && name.n; s = s->up)
        for (unsigned i = 0; i < s->vars.n; i++)
            if (slice_eq(((struct var *)s->vars.v[i])->name, name))
                bind_error(b, pos, "a variable named '%.*s' is already there", SLICE_ARG(name));
    return var_new(b, name, type);
}

struct var *var_find(struct binder *b, struct slice name)
{
    for (struct scope *s = b->scope; s && name.n; s = s->up)
        for (unsigned i = s->vars.n; i-- > 0;) {
            struct var *v = s->vars.v[i];

            if (slice_eq(v->name, name))
                return v;
        }
    return NULL;
}

struct node *bind_once(struct binder *b, struct node *n, struct list *first)
{
    struct var *v;

    if (n->op == N_CONST || n->op == N_LOCAL || n->op == N_TYPE)
        return n;
    v = var_new(b, SLICE_NONE, n->type);
    list_add(b->c, first, node_set(b, n->pos, v, n));
    return node_local(b, n->pos, v);
}

/* ---- types as written ---- */

const struct type *bind_type(struct binder *b, const struct stype *t)
{
    const struct type *args[16], *inner;
    unsigned id;

    if (!t || t->n > 16)
        return TYPE_OF(UNKNOWN);
    for (unsigned i = 0; i < t->n; i++)
        args[i] = bind_type(b, t->args[i]);
    switch (t->kind) {
    case STYPE_VAR:
        return TYPE_OF(UNKNOWN);
    case STYPE_ARRAY:
        return type_make1(b->c->scratch, TYPE_ARRAY, args[0]);
    case STYPE_NULLABLE:
        inner = args[0];
        return type_is_value(inner) && !type_is_nullable(inner) ? type_make1(b->c->scratch, TYPE_NULLABLE, inner) : inner;
    case STYPE_TUPLE:
        return type_named(b->c->scratch, TYPE_VALUETUPLE, t->n, args, t->names);
    default:
        break;
    }
    id = type_find(t->name, (int)t->n);
    if (id == TYPE_COUNT)
        return unknown_type(b, t->pos, t->name, t->n);
    if (t->prefix.n && !slice_ends(slice_from(type_defs[id].ns), slice_trim(t->prefix)))
        bind_error(b, t->pos, "unknown type '%.*s.%.*s'", SLICE_ARG(t->prefix), SLICE_ARG(t->name));
    return type_make(b->c->scratch, id, t->n, args);
}

/* "A.B.C" of a chain of plain names; false when s is something else or its root is a local. */
static bool dotted_name(struct binder *b, const struct syn *s, struct buf *out)
{
    if (s->op == S_NAME && !s->ntargs && !var_find(b, s->text)) {
        buf_put(out, s->text);
        return true;
    }
    if (s->op != S_MEMBER || !dotted_name(b, s->a, out))
        return false;
    buf_putc(out, '.');
    buf_put(out, s->text);
    return true;
}

/* The type an expression names ("string", "System.Text.Encoding", "List<int>"), or NULL. */
static const struct type *type_expression(struct binder *b, const struct syn *s)
{
    struct buf name;
    const struct type *args[8];
    unsigned id;

    if (s->op != S_NAME && s->op != S_MEMBER)
        return NULL;
    buf_init(&name, b->c->scratch);
    if (s->op == S_NAME) {
        if (var_find(b, s->text))
            return NULL;
    } else if (!dotted_name(b, s->a, &name)) {
        return NULL;
    } else {
        buf_putc(&name, '.');
    }
    buf_put(&name, s->text);
    id = type_find(buf_slice(&name), (int)s->ntargs);
    if (id == TYPE_COUNT || s->ntargs > 8)
        return NULL;
    for (unsigned i = 0; i < s->ntargs; i++)
        args[i] = bind_type(b, s->targs[i]);
    return type_make(b->c->scratch, id, s->ntargs, args);
}

/* ---- expressions ---- */

static struct node *bind_name(struct binder *b, const struct syn *s)
{
    struct var *v = var_find(b, s->text);
    const struct type *t;

    if (v)
        return node_local(b, s->pos, v);
    if (slice_eq(s->text, SLICE("context")))
        return node_const(b, s->pos, (struct expr_value){ .kind = EXPR_HOST, .aux = TYPE_CONTEXT }, TYPE_OF(CONTEXT));
    t = type_expression(b, s);
    if (t)
        return node_new(b, N_TYPE, s->pos, t);
    if (b->c->opt->open_names && expr_is_gap_name(s->text))
        return node_new(b, N_OPEN, s->pos, TYPE_OF(UNKNOWN));
    return unknown_name(b, s);
}

static struct node *bind_constant(struct binder *b, const struct syn *s)
{
    if (s->value.kind == EXPR_NULL)
        return node_const(b, s->pos, s->value, TYPE_OF(NULL));
    return node_const(b, s->pos, s->value, type_of_kind((enum expr_kind)s->value.kind));
}

static struct node *bind_default(struct binder *b, const struct syn *s, const struct type *hint)
{
    const struct type *t = s->type ? bind_type(b, s->type) : hint;

    if (!t) {
        struct node *n = node_new(b, N_NEWTARGET, s->pos, TYPE_OF(NEWTARGET));

        n->syn = s;
        return n;
    }
    return node_const(b, s->pos, value_default(b->c->program, t), t);
}

static struct node *bind_cond_access(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_CONDACCESS, s->pos, TYPE_OF(UNKNOWN)), *saved = b->hole;

    n->a = bind_value(b, s->a, NULL);
    if (type_is_value(n->a->type) && !type_is_nullable(n->a->type))
        return bind_error(b, s->pos, "operator '?.' cannot be applied to '%s'", bind_type_text(b, n->a->type));
    n->var = var_new(b, SLICE_NONE, n->a->type);
    b->hole = node_local(b, s->pos, n->var);
    if (type_is_nullable(n->a->type)) {
        b->hole = node_new(b, N_VALUE, s->pos, n->a->type->args[0]);
        b->hole->a = node_local(b, s->pos, n->var);
    }
    n->b = bind_expr(b, s->b, NULL);
    b->hole = saved;
    if (n->b->op == N_METHODS)
        return bind_error(b, s->pos, "a method group cannot follow '?.' uncalled");
    n->type = n->b->type;
    if (type_is_value(n->type) && !type_is_nullable(n->type))
        n->type = type_make1(b->c->scratch, TYPE_NULLABLE, n->type);
    return n;
}

/* One hole of an interpolated string: the value itself, or a formatting call when it has an alignment or format. */
static struct node *bind_hole(struct binder *b, const struct syn *s)
{
    struct node *n, *value = bind_value(b, s->a, NULL);
    struct list l = { 0 };

    if (!s->b && !s->text.n)
        return value;
    n = node_new(b, N_CALL, s->pos, TYPE_OF(STRING));
    n->fn = net_string_format_hole;
    n->name = "Format";
    list_add(b->c, &l, value);
    list_add(b->c, &l, s->b ? bind_as(b, s->b, TYPE_OF(INT)) : node_const(b, s->pos, val_int(0), TYPE_OF(INT)));
    list_add(b->c, &l, node_const(b, s->pos, text_value(arena_copy(b->c->program, s->text)), TYPE_OF(STRING)));
    n->v = (struct node **)l.v;
    n->n = l.n;
    return n;
}

static struct node *bind_interp(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_CONCAT, s->pos, TYPE_OF(STRING));
    struct list l = { 0 };

    for (unsigned i = 0; i < s->n; i++)
        list_add(b->c, &l, s->v[i]->op == S_HOLE ? bind_hole(b, s->v[i]) : bind_constant(b, s->v[i]));
    n->v = (struct node **)l.v;
    n->n = l.n;
    if (n->n == 0)
        return node_const(b, s->pos, TEXT(""), TYPE_OF(STRING));
    return n;
}

static struct node *bind_cond(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct node *n = node_new(b, N_COND, s->pos, NULL);
    const struct type *t;

    n->a = bind_as(b, s->a, TYPE_OF(BOOL));
    n->b = bind_value(b, s->b, hint);
    n->c = bind_value(b, s->c, hint);
    t = conv_common(b, n->b, n->c);
    if (!t)
        t = hint && !type_is(hint, TYPE_UNKNOWN) ? hint : NULL;
    if (!t)
        return bind_error(b, s->pos, "the branches of '?:' have no common type: '%s' and '%s'", bind_type_text(b, n->b->type),
                          bind_type_text(b, n->c->type));
    n->b = conv_to(b, n->b, t);
    n->c = conv_to(b, n->c, t);
    n->type = t;
    if (n->a->op == N_CONST && n->b->op == N_CONST && n->c->op == N_CONST)
        return n->a->value.i ? n->b : n->c;
    return n;
}

static struct node *bind_cast(struct binder *b, const struct syn *s)
{
    const struct type *t = bind_type(b, s->type);
    struct node *n = bind_value(b, s->a, t);

    return conv_cast(b, n, t, s->pos);
}

static struct node *bind_as_op(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_AS, s->pos, bind_type(b, s->type));

    n->a = bind_value(b, s->a, NULL);
    if (type_is_value(n->type) && !type_is_nullable(n->type))
        return bind_error(b, s->pos, "'as' needs a reference or nullable type, not '%s'", bind_type_text(b, n->type));
    if (!bind_failed(b) && !conv_possible(b, n->a->type, n->type))
        return bind_error(b, s->pos, "'%s' is never a '%s'", bind_type_text(b, n->a->type), bind_type_text(b, n->type));
    return n;
}

static struct node *bind_is(struct binder *b, const struct syn *s)
{
    struct node *value = bind_value(b, s->a, NULL);
    struct list l = { 0 };
    struct var *v = var_new(b, SLICE_NONE, value->type);

    list_add(b->c, &l, node_set(b, s->pos, v, value));
    list_add(b->c, &l, bind_pattern(b, s->b, v));
    return node_seq(b, s->pos, &l);
}

/* S_ANON: an object with named fields. */
static struct node *bind_anon(struct binder *b, const struct syn *s)
{
    const struct type *types[16];
    struct slice names[16];
    struct list l = { 0 };
    struct node *n;

    if (s->n > 16)
        return bind_error(b, s->pos, "an anonymous object with more than 16 members");
    for (unsigned i = 0; i < s->n; i++) {
        struct node *v = bind_value(b, s->v[i]->a, NULL);

        if (type_is(v->type, TYPE_NULL))
            return bind_error(b, s->pos, "cannot assign <null> to a member of an anonymous object");
        for (unsigned k = 0; k < i; k++)
            if (slice_eq(names[k], s->v[i]->text))
                return bind_error(b, s->v[i]->pos, "the anonymous object has '%.*s' twice", SLICE_ARG(names[k]));
        types[i] = v->type;
        names[i] = s->v[i]->text;
        list_add(b->c, &l, v);
    }
    n = node_new(b, N_TUPLE, s->pos, type_named(b->c->scratch, TYPE_ANONYMOUS, s->n, types, names));
    n->v = (struct node **)l.v;
    n->n = l.n;
    return n;
}

static struct node *bind_tuple(struct binder *b, const struct syn *s, const struct type *hint)
{
    const struct type *types[16];
    struct slice names[16];
    struct list l = { 0 };
    struct node *n;
    bool hinted = hint && type_is(hint, TYPE_VALUETUPLE) && hint->n == s->n;

    if (s->n > 16)
        return bind_error(b, s->pos, "a tuple with more than 16 elements");
    for (unsigned i = 0; i < s->n; i++) {
        const struct syn *e = s->v[i];
        struct node *v = bind_value(b, e->a, hinted ? hint->args[i] : NULL);

        if (hinted)
            v = conv_to(b, v, hint->args[i]);
        types[i] = v->type;
        names[i] = e->text.n ? e->text : e->a->op == S_NAME || e->a->op == S_MEMBER ? e->a->text : SLICE_NONE;
        list_add(b->c, &l, v);
    }
    n = node_new(b, N_TUPLE, s->pos, hinted ? hint : type_named(b->c->scratch, TYPE_VALUETUPLE, s->n, types, names));
    n->v = (struct node **)l.v;
    n->n = l.n;
    return n;
}

static struct node *bind_typeof(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_CALL, s->pos, TYPE_OF(TYPE));
    const struct type **targs = comp_alloc(b->c, sizeof *targs);

    if (targs)
        targs[0] = bind_type(b, s->type);
    n->fn = net_type_typeof;
    n->name = "typeof";
    n->targs = targs;
    n->ntargs = 1;
    return n;
}

static struct node *bind_sizeof(struct binder *b, const struct syn *s)
{
    static const uint8_t sizes[] = { [EXPR_BOOL] = 1, [EXPR_CHAR] = 2, [EXPR_I8] = 1, [EXPR_U8] = 1, [EXPR_I16] = 2, [EXPR_U16] = 2,
                                     [EXPR_I32] = 4, [EXPR_U32] = 4, [EXPR_I64] = 8, [EXPR_U64] = 8, [EXPR_F32] = 4, [EXPR_F64] = 8,
                                     [EXPR_DECIMAL] = 16 };
    const struct type *t = bind_type(b, s->type);
    enum expr_kind k = type_kind(t);

    if (k < EXPR_BOOL || k > EXPR_DECIMAL)
        return bind_error(b, s->pos, "'%s' has no predefined size", bind_type_text(b, t));
    return node_const(b, s->pos, val_int(sizes[k]), TYPE_OF(INT));
}

static struct node *bind_throw(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_THROW, s->pos, TYPE_OF(THROW));

    n->a = bind_as(b, s->a, TYPE_OF(EXCEPTION));
    return n;
}

static struct node *bind_open(struct binder *b, const struct syn *s)
{
    return node_new(b, N_OPEN, s->pos, TYPE_OF(UNKNOWN));
}

/* System.IO, Newtonsoft.Json: a name from outside that leads to no type. */
static bool is_namespace(struct binder *b, const struct syn *s)
{
    for (; s->op == S_MEMBER; s = s->a)
        if (type_expression(b, s))
            return false;
    return s->op == S_NAME && !var_find(b, s->text) &&
           (slice_eq(s->text, SLICE("System")) || slice_eq(s->text, SLICE("Newtonsoft")) || slice_eq(s->text, SLICE("Microsoft")));
}

/* a.b: a type's static member, or a member of a value. */
static struct node *bind_dot(struct binder *b, const struct syn *s)
{
    const struct type *t = type_expression(b, s);
    struct node *on;

    if (s->a->op == S_NAME && !var_find(b, s->a->text) && !t) {
        const struct type *left = type_expression(b, s->a);

        if (left)
            return bind_member(b, s, node_new(b, N_TYPE, s->pos, left));
    }
    if (s->a->op == S_MEMBER && !t) {
        const struct type *left = type_expression(b, s->a);

        if (left)
            return bind_member(b, s, node_new(b, N_TYPE, s->pos, left));
    }
    if (t && s->a->op != S_BINDING)
        return node_new(b, N_TYPE, s->pos, t);
    if (is_namespace(b, s->a))
        return bind_error(b, s->a->pos, "'%.*s' is no type that policy expressions know",
                          SLICE_ARG(slice_of(b->c->source.p + s->a->pos, (size_t)(s->text.p + s->text.n - b->c->source.p - s->a->pos))));
    on = bind_expr(b, s->a, NULL);
    return bind_failed(b) ? on : bind_member(b, s, on);
}

static struct node *bind_newtarget(struct binder *b, const struct syn *s)
{
    struct node *n = node_new(b, N_NEWTARGET, s->pos, TYPE_OF(NEWTARGET));

    n->syn = s;
    return n;
}

static struct node *bind_checked(struct binder *b, const struct syn *s, const struct type *hint)
{
    bool checked = b->checked, unchecked = b->unchecked;
    struct node *n;

    b->checked = s->mode;
    b->unchecked = !s->mode;
    n = bind_expr(b, s->a, hint);
    b->checked = checked;
    b->unchecked = unchecked;
    return n;
}

/* nameof: what it names must be there, but is not evaluated. */
static struct node *bind_nameof(struct binder *b, const struct syn *s)
{
    const struct syn *a = s->a;

    if (a->op == S_OPEN)
        return bind_open(b, a);
    if (a->op != S_NAME && a->op != S_MEMBER)
        return bind_error(b, a->pos, "'nameof' needs a name");
    if (a->op == S_NAME && !var_find(b, a->text) && !type_expression(b, a) && !slice_eq(a->text, SLICE("context")))
        return unknown_name(b, a);
    if (a->op == S_MEMBER && !type_expression(b, a)) {
        struct node *on = bind_expr(b, a->a, NULL);
        struct list l = { 0 };

        if (bind_failed(b))
            return on;
        if (on->type->id < TYPE_COUNT && !on->type->names)
            find_members(b, on->type, a->text, ~0u, &l);
        if (l.n == 0 && on->type->id < TYPE_COUNT && !on->type->names)
            return unknown_member(b, a->pos, on->type, a->text, on->op == N_TYPE);
    }
    return node_const(b, s->pos, text_value(arena_copy(b->c->program, a->text)), TYPE_OF(STRING));
}

/* a + b + c ...: a left-deep row of operators, bound from the left without recursion. */
static struct node *bind_chain(struct binder *b, const struct syn *s)
{
    const struct syn **links, *first = s;
    struct node *x;
    unsigned n = 0;

    for (; first->op == S_BINARY; first = first->a)
        n++;
    if (n > OPERATORS_MAX)
        return bind_error(b, s->pos, "more than %d operators in a row", OPERATORS_MAX);
    links = comp_alloc(b->c, n * sizeof *links);
    for (unsigned i = n; links && i-- > 0; s = s->a)
        links[i] = s;
    x = bind_value(b, first, NULL);
    for (unsigned i = 0; links && i < n && !bind_failed(b); i++) {
        const struct type *hint = links[i]->punct == P2('?', '?') ? type_strip(x->type) : NULL;

        x = bind_binary(b, links[i]->pos, links[i]->punct, x, bind_value(b, links[i]->b, hint));
    }
    return x;
}

static struct node *bind_dispatch(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct node *n;

    switch (s->op) {
    case S_CONST: return bind_constant(b, s);
    case S_NAME: return bind_name(b, s);
    case S_MEMBER: return bind_dot(b, s);
    case S_INDEX: return bind_index(b, s, bind_value(b, s->a, NULL));
    case S_CALL: return bind_call(b, s, hint);
    case S_NEW: return s->type || hint ? bind_new(b, s, hint) : bind_newtarget(b, s);
    case S_NEWARRAY: return bind_new(b, s, hint);
    case S_ANON: return bind_anon(b, s);
    case S_UNARY:
        if (s->punct == P2('+', '+') || s->punct == P2('-', '-'))
            return bind_step(b, s, true);
        if (s->punct == P1('^'))
            return bind_error(b, s->pos, "'^' cannot stand here");
        return bind_unary(b, s->pos, s->punct, bind_value(b, s->a, NULL));
    case S_POSTFIX: return bind_step(b, s, false);
    case S_BINARY: return bind_chain(b, s);
    case S_ASSIGN: return bind_assign(b, s);
    case S_COND: return bind_cond(b, s, hint);
    case S_CAST: return bind_cast(b, s);
    case S_IS: return bind_is(b, s);
    case S_AS: return bind_as_op(b, s);
    case S_LAMBDA:
        n = node_new(b, N_LAMBDA, s->pos, TYPE_OF(LAMBDA));
        n->syn = s;
        return n;
    case S_INTERP: return bind_interp(b, s);
    case S_CONDACCESS: return bind_cond_access(b, s);
    case S_BINDING: return b->hole ? b->hole : bind_error(b, s->pos, "misplaced '?.'");
    case S_TYPEOF: return bind_typeof(b, s);
    case S_DEFAULT: return bind_default(b, s, hint);
    case S_NAMEOF: return bind_nameof(b, s);
    case S_SIZEOF: return bind_sizeof(b, s);
    case S_CHECKED: return bind_checked(b, s, hint);
    case S_THROW: return bind_throw(b, s);
    case S_SWITCHEXPR: return bind_switch_expr(b, s, hint);
    case S_TUPLE: return bind_tuple(b, s, hint);
    case S_OPEN: return bind_open(b, s);
    case S_QUERY: return bind_query(b, s);
    case S_RANGE: return bind_error(b, s->pos, "a range cannot stand here");
    default: return bind_error(b, s->pos, "this cannot stand here");
    }
}

struct node *bind_expr(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct node *n;

    if (bind_failed(b) || b->c->depth > 2 * COMP_DEPTH_MAX)
        return bind_error(b, s->pos, "the expression is nested too deep");
    b->c->depth++;
    n = bind_dispatch(b, s, hint);
    b->c->depth--;
    return n;
}

struct node *bind_value(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct node *n = bind_expr(b, s, hint);

    if (bind_failed(b))
        return n;
    if (n->op == N_TYPE)
        return bind_error(b, s->pos, "'%s' is a type, not a value", bind_type_text(b, n->type));
    if (type_is(n->type, TYPE_VOID))
        return bind_error(b, s->pos, "the call gives no value");
    if (hint && (n->op == N_LAMBDA || n->op == N_METHODS || n->op == N_NEWTARGET) && !type_is(hint, TYPE_UNKNOWN))
        return conv_to(b, n, hint);
    return n;
}

struct node *bind_as(struct binder *b, const struct syn *s, const struct type *t)
{
    return conv_to(b, bind_value(b, s, t), t);
}
