/* Lambdas, method groups as delegates, local functions, query expressions. */
#include "policy/expr/bind.h"

static struct func *func_new(struct binder *b)
{
    struct func *f = comp_new(b->c, struct func);

    if (f)
        f->parent = b->func;
    return f;
}

static const struct type *returns_type(struct binder *b, struct func *f)
{
    const struct type *t;
    struct node joined = { .op = N_LOCAL };

    if (f->returns.n == 0)
        return TYPE_OF(VOID);
    t = ((struct node *)f->returns.v[0])->type;
    for (unsigned i = 1; i < f->returns.n; i++) {
        const struct type *common;

        joined.type = t;
        common = conv_common(b, &joined, f->returns.v[i]);
        if (!common)
            return NULL;
        t = common;
    }
    return t;
}

/* Bind parameters and body in a function and scope of their own; the result type is f->ret (inferred when NULL). */
static void bind_body(struct binder *b, const struct syn *s, struct func *f, const struct type *const *params, unsigned n)
{
    struct scope scope;
    struct func *saved = b->func;
    bool in_loop = b->in_loop, in_catch = b->in_catch, in_finally = b->in_finally;

    b->func = f;
    b->in_loop = b->in_catch = b->in_finally = false;
    scope_push(b, &scope);
    f->params = comp_alloc(b->c, (n + 1) * sizeof *f->params);
    for (unsigned i = 0; i < n && f->params; i++) {
        const struct type *t = i < s->n && s->v[i]->type ? bind_type(b, s->v[i]->type) : params[i];

        if (i < s->n && !slice_eq(s->v[i]->text, SLICE("_")))
            f->params[f->nparams++] = var_declare(b, s->v[i]->pos, s->v[i]->text, t);
        else
            f->params[f->nparams++] = var_new(b, i < s->n ? s->v[i]->text : SLICE_NONE, t);
    }
    if (s->a->op == S_BLOCK) {
        f->body = bind_block(b, s->a);
        if (!f->ret && !bind_failed(b))
            f->ret = returns_type(b, f);
    } else {
        f->is_expression = true;
        if (f->ret && type_is(f->ret, TYPE_VOID) && !is_statement_expression(s->a))
            f->body = bind_error(b, s->a->pos, "the lambda gives no value: only a call, an assignment or a step can be its body");
        else if (f->ret && type_is(f->ret, TYPE_VOID))
            f->body = bind_expr(b, s->a, NULL);
        else if (f->ret)
            f->body = bind_as(b, s->a, f->ret);
        else
            f->body = bind_expr(b, s->a, NULL);
        if (!f->ret)
            f->ret = f->body->type;
    }
    scope_pop(b);
    b->func = saved;
    b->in_loop = in_loop;
    b->in_catch = in_catch;
    b->in_finally = in_finally;
}

struct node *bind_lambda(struct binder *b, const struct syn *s, const struct type *const *params, unsigned n, const struct type *ret,
                         const struct type *to)
{
    struct func *f = func_new(b);
    struct node *node = node_new(b, N_FUNC, s->pos, to);

    if (++b->work > BIND_LAMBDAS_MAX)
        return bind_error(b, s->pos, "too many nested lambdas");
    if (!f)
        return node;
    f->ret = ret;
    f->type = to;
    bind_body(b, s, f, params, n);
    node->func = f;
    return node;
}

const struct type *lambda_result(struct binder *b, const struct syn *s, const struct type *const *params, unsigned n)
{
    struct func *f;
    bool outer = b->trial_failed, failed;
    bool saved_checked = b->checked;

    for (unsigned i = 0; i < n; i++)
        if (type_has_params(params[i]))
            return NULL;
    if (++b->work > BIND_LAMBDAS_MAX) {
        comp_fail(b->c, s->pos, "too many nested lambdas");
        return NULL;
    }
    f = func_new(b);
    if (!f)
        return NULL;
    b->trial++;
    b->trial_failed = false;
    bind_body(b, s, f, params, n);
    failed = b->trial_failed || !f->ret;
    b->trial--;
    b->trial_failed = outer;
    b->checked = saved_checked;
    if (failed || b->c->failed)
        return NULL;
    return f->ret;
}

/* A lambda that says its parameter types has a type of its own: Func or Action. */
struct node *lambda_alone(struct binder *b, struct node *n)
{
    const struct type *types[8], *ret;
    unsigned np = 0;

    if (n->op != N_LAMBDA || n->syn->n > 7)
        return n;
    for (; np < n->syn->n; np++) {
        if (!n->syn->v[np]->type)
            return n;
        types[np] = bind_type(b, n->syn->v[np]->type);
    }
    ret = lambda_result(b, n->syn, types, np);
    if (!ret || ret->id >= TYPE_COUNT)
        return n;
    if (!type_is(ret, TYPE_VOID))
        types[np++] = ret;
    return conv_to(b, n, type_make(b->c->scratch, type_is(ret, TYPE_VOID) ? TYPE_ACTION : TYPE_FUNC, np, types));
}

/* ---- method groups ---- */

static struct node *group_call(struct binder *b, struct node *group, struct node **args, unsigned n)
{
    struct arg v[8];
    struct candidate *k = group->group->v[0];

    if (group->a) {
        char name[64];

        if (group->syn->text.n >= sizeof name)
            return bind_error(b, group->pos, "the name is too long");
        memcpy(name, group->syn->text.p, group->syn->text.n);
        name[group->syn->text.n] = 0;
        return bind_named_call(b, group->pos, group->a, name, args, n);
    }
    for (unsigned i = 0; i < n; i++)
        v[i] = (struct arg){ .node = args[i], .pos = group->pos };
    return bind_overload(b, group->pos, group->group, NULL, v, n, NULL, 0, group->syn->text, k->on);
}

const struct type *group_result(struct binder *b, struct node *group, const struct type *const *params, unsigned n)
{
    struct node *args[8], *call;
    bool outer = b->trial_failed, failed;

    for (unsigned i = 0; i < n; i++) {
        if (type_has_params(params[i]))
            return NULL;
        args[i] = node_new(b, N_LOCAL, group->pos, params[i]);
    }
    b->trial++;
    b->trial_failed = false;
    call = group_call(b, group, args, n);
    failed = b->trial_failed;
    b->trial--;
    b->trial_failed = outer;
    return failed || call->op == N_OPEN ? NULL : call->type;
}

/* x.M becomes (a, b) => x.M(a, b). */
struct node *group_to_delegate(struct binder *b, struct node *group, const struct type *to)
{
    const struct type *params[8], *ret;
    struct func *f = func_new(b), *saved = b->func;
    struct node *node = node_new(b, N_FUNC, group->pos, to), *args[8];
    struct scope scope;
    struct list first = { 0 };
    unsigned n;

    if (!f || !type_delegate(b->c->scratch, to, params, &n, &ret))
        return bind_error(b, group->pos, "cannot convert a method group to '%s'", bind_type_text(b, to));
    if (group->a) {
        struct node *copy = node_new(b, N_METHODS, group->pos, group->type);

        *copy = *group;
        copy->a = bind_once(b, group->a, &first);
        group = copy;
    }
    f->ret = ret;
    f->type = to;
    f->is_expression = true;
    b->func = f;
    scope_push(b, &scope);
    f->params = comp_alloc(b->c, 8 * sizeof *f->params);
    for (unsigned i = 0; i < n && f->params; i++) {
        f->params[f->nparams++] = var_new(b, SLICE_NONE, params[i]);
        args[i] = node_local(b, group->pos, f->params[i]);
    }
    if (group->a && group->a->op == N_LOCAL)
        group->a = node_local(b, group->pos, group->a->var); /* seen from inside: captured */
    f->body = group_call(b, group, args, n);
    if (!type_is(ret, TYPE_VOID))
        f->body = conv_to(b, f->body, ret);
    scope_pop(b);
    b->func = saved;
    node->func = f;
    if (first.n == 0)
        return node;
    list_add(b->c, &first, node);
    return node_seq(b, group->pos, &first);
}

/* ---- local functions ---- */

/* The variable of a local function (declared when the block begins); its type is Func<...> or Action<...>. */
struct node *bind_local_function(struct binder *b, const struct syn *s)
{
    struct var *v = var_find(b, s->text);
    const struct type *params[8], *ret;
    struct node *node;
    unsigned n;

    if (!v || !type_delegate(b->c->scratch, v->type, params, &n, &ret))
        return bind_error(b, s->pos, "a local function takes at most 7 parameters");
    node = bind_lambda(b, s, params, n, ret, v->type);
    if (node->func)
        node->func->is_local = true;
    return node_set(b, s->pos, v, node);
}

/* ---- query expressions (12.20) ---- */

struct query {
    struct binder *b;
    struct syn *source;
    struct slice vars[8]; /* range variables; more than one travel in an anonymous object */
    unsigned n;
};

static struct syn *q_name(struct binder *b, struct slice name, uint32_t pos)
{
    struct syn *s = syn_new(b->c, S_NAME, pos);

    s->text = name;
    return s;
}

static struct syn *q_arg(struct binder *b, struct syn *value)
{
    struct syn *a = syn_new(b->c, S_ARG, value->pos);

    a->a = value;
    return a;
}

/* (vars) => body: one plain parameter, or the travelling object taken apart at the body's begin. */
static struct syn *q_lambda(struct query *q, struct syn *body, struct slice second)
{
    struct comp *c = q->b->c;
    struct syn *l = syn_new(c, S_LAMBDA, body->pos), *p = syn_new(c, S_DECL, body->pos), *block, *ret;
    struct list params = { 0 }, stmts = { 0 };

    p->text = q->n == 1 ? q->vars[0] : SLICE("\x01q");
    list_add(c, &params, p);
    if (second.n) {
        p = syn_new(c, S_DECL, body->pos);
        p->text = second;
        list_add(c, &params, p);
    }
    syn_take(l, &params);
    l->a = body;
    if (q->n == 1)
        return l;
    block = syn_new(c, S_BLOCK, body->pos);
    for (unsigned i = 0; i < q->n; i++) {
        struct syn *local = syn_new(c, S_LOCAL, body->pos), *d = syn_new(c, S_DECLARATOR, body->pos), *m = syn_new(c, S_MEMBER, body->pos);
        struct list one = { 0 };

        m->a = q_name(q->b, SLICE("\x01q"), body->pos);
        m->text = q->vars[i];
        d->text = q->vars[i];
        d->a = m;
        list_add(c, &one, d);
        syn_take(local, &one);
        list_add(c, &stmts, local);
    }
    ret = syn_new(c, S_RETURN, body->pos);
    ret->a = body;
    list_add(c, &stmts, ret);
    syn_take(block, &stmts);
    l->a = block;
    return l;
}

static void q_call(struct query *q, const char *method, struct syn **args, unsigned n, uint32_t pos)
{
    struct comp *c = q->b->c;
    struct syn *m = syn_new(c, S_MEMBER, pos), *call = syn_new(c, S_CALL, pos);
    struct list l = { 0 };

    m->a = q->source;
    m->text = slice_from(method);
    call->a = m;
    for (unsigned i = 0; i < n; i++)
        list_add(c, &l, q_arg(q->b, args[i]));
    syn_take(call, &l);
    q->source = call;
}

/* new { every range variable, added = value } */
static struct syn *q_object(struct query *q, struct slice added, struct syn *value)
{
    struct comp *c = q->b->c;
    struct syn *o = syn_new(c, S_ANON, value->pos);
    struct list l = { 0 };

    for (unsigned i = 0; i <= q->n; i++) {
        struct syn *f = syn_new(c, S_ARG, value->pos);

        f->text = i < q->n ? q->vars[i] : added;
        f->a = i < q->n ? q_name(q->b, q->vars[i], value->pos) : value;
        list_add(c, &l, f);
    }
    syn_take(o, &l);
    return o;
}

/* The sequence of a range: `from T x in e` is that of e.Cast<T>(). */
static struct syn *q_range(struct query *q, struct syn *s)
{
    struct syn *m = syn_new(q->b->c, S_MEMBER, s->pos), *call = syn_new(q->b->c, S_CALL, s->pos);

    if (!s->type)
        return s->a;
    m->a = s->a;
    m->text = SLICE("Cast");
    m->targs = &s->type;
    m->ntargs = 1;
    call->a = m;
    return call;
}

/* join: Join, or with a group GroupJoin. The inner key sees the inner variable alone. */
static void q_join(struct query *q, struct syn *s)
{
    struct slice name = s->n ? s->v[0]->text : s->text;
    struct query inner = { .b = q->b, .vars = { s->text }, .n = 1 };
    struct syn *args[4] = { q_range(q, s), q_lambda(q, s->b, SLICE_NONE), q_lambda(&inner, s->c, SLICE_NONE),
                            q_lambda(q, q_object(q, name, q_name(q->b, name, s->pos)), name) };

    q_call(q, s->n ? "GroupJoin" : "Join", args, 4, s->pos);
    q->vars[q->n++] = name;
}

static void q_clause(struct query *q, struct syn *s, bool last)
{
    struct syn *args[2];

    switch (s->mode) {
    case 'f': /* a second from: SelectMany */
        if (q->n == 0) {
            q->source = q_range(q, s);
            q->vars[q->n++] = s->text;
            return;
        }
        args[0] = q_lambda(q, q_range(q, s), SLICE_NONE);
        args[1] = q_lambda(q, q_object(q, s->text, q_name(q->b, s->text, s->pos)), s->text);
        q_call(q, "SelectMany", args, 2, s->pos);
        q->vars[q->n++] = s->text;
        return;
    case 'j':
        q_join(q, s);
        return;
    case 'l':
        args[0] = q_lambda(q, q_object(q, s->text, s->a), SLICE_NONE);
        q_call(q, "Select", args, 1, s->pos);
        q->vars[q->n++] = s->text;
        return;
    case 'w':
        args[0] = q_lambda(q, s->a, SLICE_NONE);
        q_call(q, "Where", args, 1, s->pos);
        return;
    case 'o':
    case 't':
        args[0] = q_lambda(q, s->a, SLICE_NONE);
        q_call(q, s->mode == 'o' ? (s->punct ? "OrderByDescending" : "OrderBy") : s->punct ? "ThenByDescending" : "ThenBy", args, 1, s->pos);
        return;
    default:
        break;
    }
    args[0] = q_lambda(q, s->mode == 'g' ? s->b : s->a, SLICE_NONE);
    args[1] = q_lambda(q, s->a, SLICE_NONE);
    q_call(q, s->mode == 'g' ? "GroupBy" : "Select", args, s->mode == 'g' ? 2 : 1, s->pos);
    if (!last) {
        q->vars[0] = s->text;
        q->n = 1;
    }
}

struct node *bind_query(struct binder *b, const struct syn *s)
{
    struct query q = { .b = b };

    for (unsigned i = 0; i < s->n; i++) {
        if (q.n >= 7)
            return bind_error(b, s->v[i]->pos, "a query has at most 7 range variables");
        q_clause(&q, s->v[i], i + 1 == s->n);
    }
    return bind_expr(b, q.source, NULL);
}
