/* Statements and patterns. */
#include "policy/expr/bind.h"

#include "policy/expr/lib/lib.h"

static struct node *statement(struct binder *b, enum node_op op, uint32_t pos)
{
    return node_new(b, op, pos, NULL);
}

static struct node *block_of(struct binder *b, uint32_t pos, struct list *l)
{
    struct node *n = statement(b, N_BLOCK, pos);

    n->v = (struct node **)l->v;
    n->n = l->n;
    return n;
}

/* The variables of the scope that ends here, for n to know. */
static void keep_vars(struct binder *b, struct node *n)
{
    n->group = comp_new(b->c, struct list);
    if (n->group)
        *n->group = b->scope->vars;
}

static struct node *decl(struct binder *b, uint32_t pos, struct var *v, struct node *value)
{
    struct node *n = statement(b, N_DECL, pos);

    n->var = v;
    n->a = value;
    v->declared = true;
    return n;
}

static bool is_var(const struct stype *t)
{
    return !t || (t->kind == STYPE_NAMED && t->n == 0 && slice_eq(t->name, SLICE("var")));
}

/* ---- patterns ---- */

static struct node *truth(struct binder *b, uint32_t pos, bool value)
{
    return node_const(b, pos, val_bool(value), TYPE_OF(BOOL));
}

static struct node *both(struct binder *b, struct node *x, struct node *y)
{
    struct node *n = node_new(b, N_AND, x->pos, TYPE_OF(BOOL));

    n->a = x;
    n->b = y;
    return n;
}

/* The set of a pattern's variable, as a condition that always holds. */
static struct node *designate(struct binder *b, const struct syn *p, const struct type *t, struct node *value)
{
    struct list l = { 0 };

    list_add(b->c, &l, node_set(b, p->pos, var_declare(b, p->pos, p->text, t), value));
    list_add(b->c, &l, truth(b, p->pos, true));
    return node_seq(b, p->pos, &l);
}

static struct node *type_pattern(struct binder *b, const struct syn *p, struct var *on, const struct type *t)
{
    struct node *test = node_new(b, N_IS, p->pos, TYPE_OF(BOOL)), *value;

    test->a = node_local(b, p->pos, on);
    test->on = t;
    if (!p->text.n || slice_eq(p->text, SLICE("_")))
        return test;
    if (!bind_failed(b) && !conv_possible(b, on->type, t))
        return bind_error(b, p->pos, "'%s' is never a '%s'", bind_type_text(b, on->type), bind_type_text(b, t));
    value = node_local(b, p->pos, on);
    if (!type_eq(type_strip(on->type), t))
        value = conv_cast(b, value, t, p->pos);
    else if (type_is_nullable(on->type)) {
        struct node *v = node_new(b, N_VALUE, p->pos, t);

        v->a = value;
        value = v;
    }
    return both(b, test, designate(b, p, t, value));
}

/* A type's name may be a constant's: `case DayOfWeek.Monday:`. The expression it would be, or NULL. */
static struct syn *name_as_expression(struct binder *b, const struct stype *t)
{
    struct syn *s = NULL;
    struct slice rest = t->prefix, part;

    if (t->kind != STYPE_NAMED || t->n)
        return NULL;
    while (slice_cut(&rest, '.', &part)) {
        struct syn *m = syn_new(b->c, s ? S_MEMBER : S_NAME, t->pos);

        m->text = slice_trim(part);
        m->a = s;
        s = m;
    }
    {
        struct syn *m = syn_new(b->c, s ? S_MEMBER : S_NAME, t->pos);

        m->text = t->name;
        m->a = s;
        s = m;
    }
    return s;
}

static struct node *constant_pattern(struct binder *b, const struct syn *at, struct node *value, struct var *on)
{
    struct node *local = node_local(b, at->pos, on), *n;
    struct list l = { 0 };

    if (value->type->id == TYPE_NULL || !type_is(on->type, TYPE_OBJECT)) {
        if (value->type->id != TYPE_NULL && type_is_numeric(type_strip(on->type)) && conv_implicit(b, value, type_strip(on->type)) != CONV_NONE)
            value = conv_to(b, value, type_strip(on->type));
        return bind_binary(b, at->pos, P2('=', '='), local, value);
    }
    n = node_new(b, N_CALL, at->pos, TYPE_OF(BOOL));
    n->fn = net_object_equals_static;
    n->name = "Equals";
    list_add(b->c, &l, local);
    list_add(b->c, &l, value);
    n->v = (struct node **)l.v;
    n->n = 2;
    return n;
}

static struct node *property_pattern(struct binder *b, const struct syn *p, struct var *on)
{
    const struct type *t = p->type ? bind_type(b, p->type) : type_strip(on->type);
    struct node *test = node_new(b, N_IS, p->pos, TYPE_OF(BOOL)), *cast = node_local(b, p->pos, on);
    struct var *typed = on;

    test->a = node_local(b, p->pos, on);
    test->on = t;
    if (!type_eq(on->type, t)) {
        struct list l = { 0 };

        typed = var_declare(b, p->pos, p->text, t);
        list_add(b->c, &l, node_set(b, p->pos, typed, conv_cast(b, cast, t, p->pos)));
        list_add(b->c, &l, truth(b, p->pos, true));
        test = both(b, test, node_seq(b, p->pos, &l));
    } else if (p->text.n) {
        test = both(b, test, designate(b, p, t, cast));
    }
    for (unsigned i = 0; i < p->n && !bind_failed(b); i++) {
        struct syn m = { .op = S_MEMBER, .pos = p->v[i]->pos, .text = p->v[i]->text };
        struct node *value = bind_member(b, &m, node_local(b, p->pos, typed));
        struct list l = { 0 };
        struct var *v;

        if (bind_failed(b))
            break;
        v = var_new(b, SLICE_NONE, value->type);
        list_add(b->c, &l, node_set(b, p->pos, v, value));
        list_add(b->c, &l, bind_pattern(b, p->v[i]->a, v));
        test = both(b, test, node_seq(b, p->pos, &l));
    }
    return test;
}

/* (p, q) on a tuple or pair */
static struct node *positional_pattern(struct binder *b, const struct syn *p, struct var *on)
{
    struct node *all = truth(b, p->pos, true);

    if (type_is(on->type, TYPE_UNKNOWN))
        return open_node(b, p->pos);
    if (on->type->n != p->n || !(type_is(on->type, TYPE_VALUETUPLE) || type_is(on->type, TYPE_KEYVALUEPAIR)))
        return bind_error(b, p->pos, "'%s' has no %u positions", bind_type_text(b, on->type), p->n);
    for (unsigned i = 0; i < p->n && !bind_failed(b); i++) {
        struct var *v = var_new(b, SLICE_NONE, on->type->args[i]);
        struct node *f = node_new(b, N_FIELD, p->pos, v->type);
        struct list l = { 0 };

        f->a = node_local(b, p->pos, on);
        f->sub = (uint8_t)i;
        list_add(b->c, &l, node_set(b, p->pos, v, f));
        list_add(b->c, &l, bind_pattern(b, p->v[i], v));
        all = both(b, all, node_seq(b, p->pos, &l));
    }
    return all;
}

/* < 5: of an object, one of the constant's type that compares so. */
static struct node *relational_pattern(struct binder *b, const struct syn *p, struct var *on)
{
    struct node *value = bind_value(b, p->a, NULL), *test, *local = node_local(b, p->pos, on);

    if (bind_failed(b) || !type_is(on->type, TYPE_OBJECT))
        return bind_binary(b, p->pos, p->punct, local, value);
    test = node_new(b, N_IS, p->pos, TYPE_OF(BOOL));
    test->a = local;
    test->on = value->type;
    return both(b, test, bind_binary(b, p->pos, p->punct, conv_cast(b, local, value->type, p->pos), value));
}

struct node *bind_pattern(struct binder *b, const struct syn *p, struct var *on)
{
    struct node *n, *value;
    struct syn *name;

    if (bind_failed(b))
        return truth(b, p->pos, false);
    switch (p->op) {
    case S_PTYPE:
        name = p->text.n ? NULL : name_as_expression(b, p->type);
        if (name && (var_find(b, p->type->name) || p->type->prefix.n)) {
            bool outer = b->trial_failed, failed;

            b->trial++;
            b->trial_failed = false;
            value = bind_expr(b, name, NULL);
            failed = b->trial_failed || value->op != N_CONST;
            b->trial--;
            b->trial_failed = outer;
            if (!failed)
                return constant_pattern(b, p, value, on);
        }
        return type_pattern(b, p, on, bind_type(b, p->type));
    case S_PCONST:
        value = bind_value(b, p->a, type_strip(on->type));
        return bind_failed(b) ? value : constant_pattern(b, p, value, on);
    case S_PVAR:
        return p->text.n && !slice_eq(p->text, SLICE("_")) ? designate(b, p, on->type, node_local(b, p->pos, on)) : truth(b, p->pos, true);
    case S_PREL:
        return relational_pattern(b, p, on);
    case S_PTUPLE:
        return positional_pattern(b, p, on);
    case S_PNOT:
        n = node_new(b, N_NOT, p->pos, TYPE_OF(BOOL));
        n->a = bind_pattern(b, p->a, on);
        return n;
    case S_PAND:
    case S_POR:
        n = node_new(b, p->op == S_PAND ? N_AND : N_OR, p->pos, TYPE_OF(BOOL));
        n->a = bind_pattern(b, p->a, on);
        n->b = bind_pattern(b, p->b, on);
        return n;
    default:
        return property_pattern(b, p, on);
    }
}

/* A chain of conditionals that ends in SwitchExpressionException. */
struct node *bind_switch_expr(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct list l = { 0 };
    struct node *conds[64], *values[64], *chain;
    const struct type *t = NULL;
    struct var *on;

    if (s->n > 64)
        return bind_error(b, s->pos, "a switch expression with more than 64 arms");
    chain = bind_value(b, s->a, NULL);
    on = var_new(b, SLICE_NONE, chain->type);
    list_add(b->c, &l, node_set(b, s->pos, on, chain));
    for (unsigned i = 0; i < s->n && !bind_failed(b); i++) {
        struct node joined = { .op = N_LOCAL, .type = t };
        const struct type *common;
        struct scope arm;

        scope_push(b, &arm);
        conds[i] = bind_pattern(b, s->v[i]->a, on);
        if (s->v[i]->b)
            conds[i] = both(b, conds[i], bind_as(b, s->v[i]->b, TYPE_OF(BOOL)));
        values[i] = bind_value(b, s->v[i]->c, hint);
        scope_pop(b);
        common = t ? conv_common(b, &joined, values[i]) : values[i]->type;
        if (!common && !hint)
            return bind_error(b, s->v[i]->pos, "the arms of the switch have no common type");
        t = common ? common : hint;
    }
    if (bind_failed(b))
        return chain;
    chain = node_new(b, N_THROW, s->pos, t);
    chain->a = node_new(b, N_CALL, s->pos, TYPE_OF(EXCEPTION));
    chain->a->fn = net_exception_no_match;
    chain->a->name = "switch";
    for (unsigned i = s->n; i-- > 0;) {
        struct node *n = node_new(b, N_COND, s->v[i]->pos, t);

        n->a = conds[i];
        n->b = conv_to(b, values[i], t);
        n->c = chain;
        chain = n;
    }
    list_add(b->c, &l, chain);
    return node_seq(b, s->pos, &l);
}

/* ---- statements ---- */

/* A named value that was not supplied, converted or not. */
static bool is_open(const struct node *n)
{
    while (n->op == N_SEQ && n->n == 1)
        n = n->v[0];
    return n->op == N_OPEN;
}

static struct node *bind_local(struct binder *b, const struct syn *s)
{
    struct list l = { 0 };

    for (unsigned i = 0; i < s->n && !bind_failed(b); i++) {
        const struct syn *d = s->v[i];
        const struct type *t = is_var(s->type) ? NULL : bind_type(b, s->type);
        struct node *value;
        struct var *v;

        if (!t && !d->a)
            return bind_error(b, d->pos, "'var' needs an initial value");
        if (d->a && d->a->op == S_INIT)
            value = bind_new(b, d->a, t);
        else if (t)
            value = d->a ? bind_as(b, d->a, t) : node_const(b, d->pos, value_default(b->c->program, t), t);
        else
            value = lambda_alone(b, bind_value(b, d->a, NULL));
        if (bind_failed(b))
            return value;
        if (!t && (value->type->id > TYPE_UNKNOWN || type_is(value->type, TYPE_NULL)))
            return bind_error(b, d->pos, "'var' cannot tell a type from %s", bind_type_text(b, value->type));
        if (s->mode && (!t || !d->a || (value->op != N_CONST && !is_open(value))))
            return bind_error(b, d->pos, "a constant needs a type and a constant value");
        if (s->mode && value->op == N_CONST) {
            v = var_declare(b, d->pos, d->text, t ? t : value->type);
            v->is_const = true;
            v->constant = value->value;
            continue;
        }
        list_add(b->c, &l, decl(b, d->pos, var_declare(b, d->pos, d->text, t ? t : value->type), value));
        ((struct node *)l.v[l.n - 1])->sub = !d->a;
    }
    return block_of(b, s->pos, &l);
}

static struct node *bind_scoped(struct binder *b, const struct syn *s)
{
    struct scope scope;
    struct node *n;

    if (s->op == S_LOCAL || s->op == S_LOCALFUNC)
        return bind_error(b, s->pos, "a declaration needs braces around it here");
    scope_push(b, &scope);
    n = bind_statement(b, s);
    scope_pop(b);
    return n;
}

static struct node *bind_loop_body(struct binder *b, const struct syn *s)
{
    bool saved = b->in_loop;
    struct node *n;

    b->in_loop = true;
    n = bind_scoped(b, s);
    b->in_loop = saved;
    return n;
}

/* N_LOOP: v initial statements, a condition or NULL, b body, c step or NULL, sub 1: test after the body */
static struct node *bind_loop(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_LOOP, s->pos);
    struct scope scope;
    struct list l = { 0 };

    scope_push(b, &scope);
    for (unsigned i = 0; i < s->n; i++)
        list_add(b->c, &l, bind_statement(b, s->v[i]));
    n->v = (struct node **)l.v;
    n->n = l.n;
    if (s->a && s->op != S_DO)
        n->a = bind_as(b, s->a, TYPE_OF(BOOL));
    n->b = bind_loop_body(b, s->b);
    if (s->op == S_DO)
        n->a = bind_as(b, s->a, TYPE_OF(BOOL));
    if (s->c)
        n->c = bind_statement(b, s->c);
    n->sub = s->op == S_DO;
    keep_vars(b, n);
    scope_pop(b);
    return n;
}

/* N_FOREACH: a sequence, var2 the element as it comes, b body (which begins with the declared variable) */
static struct node *bind_foreach(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_FOREACH, s->pos), *element;
    const struct type *t, *declared;
    struct scope scope;
    struct list l = { 0 };
    struct var *v;

    scope_push(b, &scope);
    n->a = bind_value(b, s->a, NULL);
    if (!bind_failed(b) && type_is(n->a->type, TYPE_JOBJECT)) /* its own GetEnumerator: pairs, not the JToken's properties */
        n->a = bind_named_call(b, s->pos, n->a, "<pairs>", NULL, 0);
    t = bind_failed(b) || type_is(n->a->type, TYPE_UNKNOWN) ? TYPE_OF(UNKNOWN) : type_element(b->c->scratch, n->a->type);
    if (!t) {
        bind_error(b, s->pos, "foreach cannot walk '%s'", bind_type_text(b, n->a->type));
        t = TYPE_OF(UNKNOWN);
    }
    n->var2 = var_new(b, SLICE_NONE, t);
    element = node_local(b, s->pos, n->var2);
    if (s->c) {
        struct node *e = statement(b, N_EXPR, s->pos);

        e->a = bind_store(b, s->c, element, s->pos);
        list_add(b->c, &l, e);
    } else {
        declared = is_var(s->type) ? t : bind_type(b, s->type);
        v = var_declare(b, s->pos, s->text, declared);
        v->readonly = "the variable of a foreach";
        list_add(b->c, &l, decl(b, s->pos, v, type_eq(declared, t) ? element : conv_cast(b, element, declared, s->pos)));
    }
    list_add(b->c, &l, bind_loop_body(b, s->b));
    n->b = block_of(b, s->pos, &l);
    keep_vars(b, n->b);
    scope_pop(b);
    return n;
}

/* What the labels of one switch have said so far. */
struct labels {
    struct var *on;
    struct list constants; /* struct node * */
    bool has_default, has_true, has_false;
};

/* A constant label without a guard may stand once. */
static void note_label(struct binder *b, struct labels *l, const struct syn *label, const struct node *cond)
{
    const struct node *value = cond->op == N_BIN && cond->sub == B_EQ && cond->b->op == N_CONST ? cond->b : NULL;

    if (!value || label->b)
        return;
    l->has_true |= value->value.kind == EXPR_BOOL && value->value.i;
    l->has_false |= value->value.kind == EXPR_BOOL && !value->value.i;
    for (unsigned i = 0; i < l->constants.n; i++) {
        struct expr_value v = ((struct node *)l->constants.v[i])->value;

        if (v.kind == value->value.kind && v.n == value->value.n &&
            (v.kind == EXPR_STRING ? memcmp(v.s, value->value.s, v.n) == 0 : v.kind <= EXPR_U64 && v.i == value->value.i))
            bind_error(b, label->pos, "the switch has this label already");
    }
    list_add(b->c, &l->constants, (void *)value);
}

static struct node *bind_label(struct binder *b, struct labels *l, const struct syn *label)
{
    struct node *cond = bind_pattern(b, label->a, l->on);

    if (!bind_failed(b))
        note_label(b, l, label, cond);
    return label->b ? both(b, cond, bind_as(b, label->b, TYPE_OF(BOOL))) : cond;
}

/* N_IF: a condition or NULL, sub 1: default, b body. What labels declare is the section's, what statements declare the
 * whole switch's. */
static struct node *bind_section(struct binder *b, const struct syn *section, struct labels *labels)
{
    struct node *k = statement(b, N_IF, section->pos);
    struct list statements = { 0 };
    struct scope inner;
    unsigned own;

    scope_push(b, &inner);
    for (unsigned j = 0; j < section->n && !bind_failed(b); j++) {
        struct node *cond, *either;

        if (!section->v[j]->a) {
            if (labels->has_default)
                bind_error(b, section->v[j]->pos, "the switch has a default already");
            labels->has_default = true;
            k->sub = 1;
            continue;
        }
        cond = bind_label(b, labels, section->v[j]);
        if (k->a) {
            either = node_new(b, N_OR, section->pos, TYPE_OF(BOOL));
            either->a = k->a;
            either->b = cond;
            cond = either;
        }
        k->a = cond;
    }
    own = inner.vars.n;
    for (unsigned i = 0; i < section->a->n && !bind_failed(b); i++)
        list_add(b->c, &statements, bind_statement(b, section->a->v[i]));
    k->b = block_of(b, section->pos, &statements);
    scope_pop(b);
    for (unsigned i = own; i < inner.vars.n; i++)
        list_add(b->c, &b->scope->vars, inner.vars.v[i]);
    return k;
}

/* N_SWITCH: a set of the operand; v of N_IF (a condition or NULL, sub 1: default, b body) */
static struct node *bind_switch(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_SWITCH, s->pos), *value;
    struct scope scope;
    struct list l = { 0 };
    struct labels labels = { 0 };
    bool saved = b->in_loop;
    struct var *on;

    scope_push(b, &scope);
    value = bind_value(b, s->a, NULL);
    on = var_new(b, SLICE_NONE, value->type ? value->type : TYPE_OF(UNKNOWN));
    labels.on = on;
    n->a = node_set(b, s->pos, on, value);
    b->in_loop = true;
    for (unsigned i = 0; i < s->n && !bind_failed(b); i++)
        list_add(b->c, &l, bind_section(b, s->v[i], &labels));
    n->sub = labels.has_true && labels.has_false;
    b->in_loop = saved;
    n->v = (struct node **)l.v;
    n->n = l.n;
    scope_pop(b);
    return n;
}

/* N_IF: on type, var, a filter or NULL, b body */
static struct node *bind_catch(struct binder *b, const struct syn *s, const struct list *before)
{
    struct node *n = statement(b, N_IF, s->pos);
    bool in_catch = b->in_catch;
    struct scope scope;

    scope_push(b, &scope);
    n->on = s->type ? bind_type(b, s->type) : TYPE_OF(EXCEPTION);
    if (!bind_failed(b) && !type_converts(b->c->scratch, n->on, TYPE_OF(EXCEPTION)))
        bind_error(b, s->pos, "'%s' is no exception type", bind_type_text(b, n->on));
    for (unsigned i = 0; i < before->n && !bind_failed(b); i++) {
        const struct node *k = before->v[i];

        if (!k->a && type_converts(b->c->scratch, n->on, k->on))
            bind_error(b, s->pos, "an earlier catch takes all of '%s'", bind_type_text(b, n->on));
    }
    n->var = var_declare(b, s->pos, s->text, n->on);
    n->var->declared = true;
    if (s->b)
        n->a = bind_as(b, s->b, TYPE_OF(BOOL));
    b->in_catch = true;
    n->b = bind_statement(b, s->a);
    b->in_catch = in_catch;
    scope_pop(b);
    return n;
}

/* No jump leaves a finally block. */
static struct node *bind_finally(struct binder *b, const struct syn *s)
{
    bool in_loop = b->in_loop, in_catch = b->in_catch, in_finally = b->in_finally;
    struct node *n;

    b->in_loop = b->in_catch = false;
    b->in_finally = true;
    n = bind_scoped(b, s);
    b->in_loop = in_loop;
    b->in_catch = in_catch;
    b->in_finally = in_finally;
    return n;
}

/* N_TRY: a body, v of N_IF (on type, var, a filter or NULL, b body), b finally */
static struct node *bind_try(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_TRY, s->pos);
    struct list l = { 0 };

    n->a = bind_scoped(b, s->a);
    for (unsigned i = 0; i < s->n && !bind_failed(b); i++)
        list_add(b->c, &l, bind_catch(b, s->v[i], &l));
    n->v = (struct node **)l.v;
    n->n = l.n;
    if (s->b)
        n->b = bind_finally(b, s->b);
    return n;
}

static struct node *bind_return(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_RETURN, s->pos);
    struct func *f = b->func;

    if (b->in_finally)
        return bind_error(b, s->pos, "'return' cannot leave a finally block");
    if (!s->a) {
        if (f->ret && !type_is(f->ret, TYPE_VOID))
            return bind_error(b, s->pos, "'return' needs a value");
        return n;
    }
    if (f->ret && type_is(f->ret, TYPE_VOID))
        return bind_error(b, s->pos, "'return' cannot give a value here");
    n->a = f->ret ? bind_as(b, s->a, f->ret) : bind_value(b, s->a, NULL);
    if (!f->ret)
        list_add(b->c, &f->returns, n->a);
    return n;
}

static struct node *bind_expression_statement(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_EXPR, s->pos);

    n->a = s->a->op == S_POSTFIX ? bind_step(b, s->a, true) : bind_expr(b, s->a, NULL);
    if (!bind_failed(b) && !is_statement_expression(s->a) && !(n->a->type && type_is(n->a->type, TYPE_UNKNOWN)))
        return bind_error(b, s->pos, "only calls, assignments, steps and 'new' can stand as statements");
    return n;
}

bool is_statement_expression(const struct syn *s)
{
    switch (s->op) {
    case S_CALL:
    case S_ASSIGN:
    case S_POSTFIX:
    case S_NEW:
    case S_OPEN:
    case S_THROW:
        return true;
    case S_UNARY:
        return s->punct == P2('+', '+') || s->punct == P2('-', '-');
    case S_CONDACCESS:
        return is_statement_expression(s->b);
    default:
        return false;
    }
}

/* What `using` holds: something to dispose of. */
static struct node *bind_resource(struct binder *b, const struct syn *s)
{
    unsigned before = b->scope->vars.n;
    struct node *n = s->op == S_LOCAL ? bind_statement(b, s) : statement(b, N_EXPR, s->pos);
    const struct type *t;

    if (s->op != S_LOCAL)
        n->a = bind_value(b, s->a, NULL);
    if (bind_failed(b))
        return n;
    t = s->op != S_LOCAL ? n->a->type : n->n ? n->v[0]->var->type : TYPE_OF(NULL);
    if (type_is_value(t) || type_is(t, TYPE_STRING) || type_is(t, TYPE_ARRAY))
        return bind_error(b, s->pos, "'using' needs something disposable, not '%s'", bind_type_text(b, t));
    for (unsigned i = before; s->op == S_LOCAL && i < b->scope->vars.n; i++)
        ((struct var *)b->scope->vars.v[i])->readonly = "a variable of using";
    return n;
}

static struct node *bind_using(struct binder *b, const struct syn *s)
{
    struct list l = { 0 };
    struct scope scope;
    struct node *n;

    if (!s->b)
        return bind_resource(b, s->a);
    scope_push(b, &scope);
    list_add(b->c, &l, bind_resource(b, s->a));
    list_add(b->c, &l, bind_statement(b, s->b));
    n = block_of(b, s->pos, &l);
    scope_pop(b);
    return n;
}

struct node *bind_statement(struct binder *b, const struct syn *s)
{
    struct node *n = statement(b, N_NOP, s->pos);
    bool checked = b->checked, unchecked = b->unchecked;

    if (bind_failed(b))
        return n;
    switch (s->op) {
    case S_BLOCK: return bind_block(b, s);
    case S_LOCAL: return bind_local(b, s);
    case S_EXPR: return bind_expression_statement(b, s);
    case S_IF:
        n->op = N_IF;
        n->a = bind_as(b, s->a, TYPE_OF(BOOL));
        n->b = bind_scoped(b, s->b);
        n->c = s->c ? bind_scoped(b, s->c) : NULL;
        return n;
    case S_WHILE:
    case S_DO:
    case S_FOR: return bind_loop(b, s);
    case S_FOREACH: return bind_foreach(b, s);
    case S_SWITCH: return bind_switch(b, s);
    case S_BREAK:
    case S_CONTINUE:
        if (!b->in_loop)
            return bind_error(b, s->pos, "'%s' outside a loop", s->op == S_BREAK ? "break" : "continue");
        n->op = s->op == S_BREAK ? N_BREAK : N_CONTINUE;
        return n;
    case S_RETURN: return bind_return(b, s);
    case S_TRY: return bind_try(b, s);
    case S_USING: return bind_using(b, s);
    case S_LOCALFUNC:
        n->op = N_EXPR;
        n->a = bind_local_function(b, s);
        return n;
    case S_THROW:
        if (!s->a && !b->in_catch)
            return bind_error(b, s->pos, "'throw;' has nothing to throw again outside a catch");
        n->op = N_EXPR;
        n->a = node_new(b, N_THROW, s->pos, TYPE_OF(THROW));
        n->a->a = s->a ? bind_as(b, s->a, TYPE_OF(EXCEPTION)) : NULL;
        return n;
    case S_CHECKED:
        b->checked = s->mode;
        b->unchecked = !s->mode;
        n = bind_block(b, s->a);
        b->checked = checked;
        b->unchecked = unchecked;
        return n;
    default: return n;
    }
}

static void declare_local_function(struct binder *b, const struct syn *s, struct list *out)
{
    const struct type *args[8];
    struct var *v;

    if (s->n > 7) {
        bind_error(b, s->pos, "a local function takes at most 7 parameters");
        return;
    }
    for (unsigned i = 0; i < s->n; i++)
        args[i] = s->v[i]->type ? bind_type(b, s->v[i]->type) : TYPE_OF(OBJECT);
    if (s->type)
        args[s->n] = bind_type(b, s->type);
    v = var_declare(b, s->pos, s->text, type_make(b->c->scratch, s->type ? TYPE_FUNC : TYPE_ACTION, s->n + (s->type ? 1 : 0), args));
    v->local_function = s;
    list_add(b->c, out, decl(b, s->pos, v, node_const(b, s->pos, expr_value_null(), v->type)));
}

/* Where the closure of a local function can be made: behind the last statement that declares what it captures, and
 * behind the first `place` ones, which declare the functions themselves. */
static unsigned closure_place(struct list *stmts, const struct func *f, unsigned place)
{
    for (unsigned i = 0; i < stmts->n; i++) {
        struct node *s = stmts->v[i];

        for (unsigned k = 0; s->op == N_BLOCK && k < s->n; k++)
            for (unsigned c = 0; s->v[k]->op == N_DECL && c < f->captures.n; c++)
                if (s->v[k]->var == f->captures.v[c])
                    place = i + 1;
        for (unsigned c = 0; s->op == N_DECL && c < f->captures.n; c++)
            if (s->var == f->captures.v[c])
                place = i + 1;
    }
    return place;
}

struct node *bind_block(struct binder *b, const struct syn *s)
{
    struct scope scope;
    struct list l = { 0 }, functions = { 0 }, ordered = { 0 }, *vars;
    struct node *n;

    scope_push(b, &scope);
    for (unsigned i = 0; i < s->n; i++)
        if (s->v[i]->op == S_LOCALFUNC)
            declare_local_function(b, s->v[i], &l);
    for (unsigned i = 0; i < s->n && !bind_failed(b); i++)
        list_add(b->c, s->v[i]->op == S_LOCALFUNC ? &functions : &l, bind_statement(b, s->v[i]));
    for (unsigned i = 0; i <= l.n && functions.n && !bind_failed(b); i++) {
        for (unsigned k = 0; k < functions.n; k++) {
            struct node *f = functions.v[k];

            if (closure_place(&l, f->a->a->func, functions.n) == i)
                list_add(b->c, &ordered, f);
        }
        if (i < l.n)
            list_add(b->c, &ordered, l.v[i]);
    }
    vars = comp_new(b->c, struct list);
    if (vars)
        *vars = scope.vars;
    scope_pop(b);
    n = block_of(b, s->pos, functions.n ? &ordered : &l);
    n->group = vars;
    return n;
}
