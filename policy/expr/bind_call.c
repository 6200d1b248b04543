/* Members and overloads: look-up along bases, type inference, the better function (C# 7.3, 12.6.3 and 12.6.4). */
#include "policy/expr/bind.h"

#include <stdio.h>

#include "policy/expr/lib/lib.h"

/* ---- look-up ---- */

static void add_members(struct binder *b, const struct type *on, struct slice name, unsigned kinds, struct list *out)
{
    const struct type_def *d = &type_defs[on->id];

    for (unsigned i = d->first; i < d->last; i++) {
        const struct member *m = &type_members[i];
        struct candidate *k;

        if (!(kinds & 1u << m->kind) || (name.n && (m->name[0] != name.p[0] || !slice_eq(slice_from(m->name), name))))
            continue;
        k = comp_new(b->c, struct candidate);
        if (!k)
            return;
        k->m = m;
        k->on = on;
        if (m->kind != M_ENUM)
            sig_parse(b->c->scratch, on->id, m->sig, &k->sig);
        list_add(b->c, out, k);
    }
}

/* What a walk over bases has seen, and whether it enters interfaces. */
struct walk {
    uint16_t seen[32];
    unsigned n;
    bool interfaces;
};

static void walk_members(struct binder *b, const struct type *on, struct slice name, unsigned kinds, struct list *out, struct walk *w)
{
    const struct type *base;

    for (unsigned i = 0; i < w->n; i++)
        if (w->seen[i] == on->id)
            return;
    if (w->n < COUNT_OF(w->seen))
        w->seen[w->n++] = on->id;
    add_members(b, on, name, kinds, out);
    for (unsigned i = 0; (base = type_base(b->c->scratch, on, i)); i++)
        if (w->interfaces || !(type_flags(base) & TF_INTERFACE))
            walk_members(b, base, name, kinds, out, w);
}

/* An array has the members of its collection interfaces only when seen as one of them. */
static bool hides_interfaces(const struct type *on, unsigned kinds)
{
    return type_is(on, TYPE_ARRAY) && kinds & (KIND(GET) | KIND(METHOD));
}

/* A class's own members and its base classes' hide those of its interfaces. */
void find_members(struct binder *b, const struct type *on, struct slice name, unsigned kinds, struct list *out)
{
    struct walk w = { .interfaces = type_flags(on) & TF_INTERFACE };
    unsigned before = out->n;

    if (on->id >= TYPE_COUNT)
        return;
    walk_members(b, on, name, kinds, out, &w);
    if (out->n == before && !w.interfaces && !hides_interfaces(on, kinds)) {
        w = (struct walk){ .interfaces = true };
        walk_members(b, on, name, kinds, out, &w);
    }
    if (!(kinds & KIND(NEW)) && !type_is(on, TYPE_OBJECT)) {
        if (type_is_enum(on))
            walk_members(b, TYPE_OF(ENUM), name, kinds, out, &w);
        walk_members(b, TYPE_OF(OBJECT), name, kinds, out, &w);
    }
}

void find_extensions(struct binder *b, struct slice name, struct list *out)
{
    for (unsigned id = 0; id < TYPE_COUNT; id++)
        if (type_defs[id].flags & TF_EXTENSIONS)
            add_members(b, &type_simple[id], name, KIND(EXT), out);
}

/* ---- arguments ---- */

static struct node *bind_out(struct binder *b, const struct syn *arg)
{
    struct node *n = node_new(b, N_OUTVAR, arg->pos, NULL);
    const struct syn *s = arg->a;
    bool infer;

    if (s->op == S_DECL) {
        infer = s->type->kind == STYPE_NAMED && slice_eq(s->type->name, SLICE("var"));
        n->type = infer ? NULL : bind_type(b, s->type);
        n->var = var_declare(b, s->pos, slice_eq(s->text, SLICE("_")) ? SLICE_NONE : s->text, n->type ? n->type : TYPE_OF(UNKNOWN));
        return n;
    }
    if (s->op == S_NAME && slice_eq(s->text, SLICE("_")) && !var_find(b, s->text)) {
        n->var = var_new(b, SLICE_NONE, TYPE_OF(UNKNOWN));
        return n;
    }
    n->var = s->op == S_NAME ? var_find(b, s->text) : NULL;
    if (!n->var)
        return bind_error(b, arg->pos, "an out argument must be a local variable");
    if (n->var->readonly || n->var->is_const)
        return bind_error(b, arg->pos, "'%.*s' cannot be assigned: it is %s", SLICE_ARG(s->text),
                          n->var->readonly ? n->var->readonly : "a constant");
    node_local(b, arg->pos, n->var);
    n->type = n->var->type;
    return n;
}

unsigned bind_args(struct binder *b, const struct syn *s, struct arg *out)
{
    if (s->n > ARGS_MAX) {
        bind_error(b, s->pos, "more than %d arguments", ARGS_MAX);
        return 0;
    }
    for (unsigned i = 0; i < s->n; i++) {
        const struct syn *a = s->v[i];

        out[i] = (struct arg){ .name = a->text, .mode = a->mode, .pos = a->pos };
        if (a->mode == ARG_REF)
            bind_error(b, a->pos, "'ref' arguments are not supported");
        out[i].node = a->mode == ARG_OUT ? bind_out(b, a) : bind_value(b, a->a, NULL);
    }
    return s->n;
}

/* ---- type inference ---- */

/* Type arguments of one method: Tuple.Create takes most. */
#define METHOD_TARGS_MAX 7

struct infer {
    struct binder *b;
    const struct type *own;       /* the class instantiation */
    const struct type *fixed[METHOD_TARGS_MAX];  /* the method's type arguments so far */
    unsigned n;
};

static void infer_from(struct infer *in, const struct type *param, const struct type *from);

static void infer_bound(struct infer *in, unsigned at, const struct type *from)
{
    const struct type *have = in->fixed[at];

    if (from->id >= TYPE_COUNT || type_is(from, TYPE_VOID)) {
        if (!have && type_is(from, TYPE_UNKNOWN))
            in->fixed[at] = from;
        return;
    }
    if (!have || type_is(have, TYPE_UNKNOWN)) {
        in->fixed[at] = from;
        return;
    }
    if (conv_types(in->b, from, have) == CONV_NONE && conv_types(in->b, have, from) != CONV_NONE)
        in->fixed[at] = from;
}

static void infer_from(struct infer *in, const struct type *param, const struct type *from)
{
    const struct type *seen;

    if (type_is(param, TYPE_PARAM)) {
        if (param->param >= 8)
            infer_bound(in, param->param - 8u, from);
        return;
    }
    if (!type_has_params(param) || from->id >= TYPE_COUNT)
        return;
    if (type_is_nullable(param) && !type_is_nullable(from)) {
        infer_from(in, param->args[0], from);
        return;
    }
    if (type_flags(param) & TF_DELEGATE && type_flags(from) & TF_DELEGATE) {
        const struct type *p1[8], *p2[8], *r1, *r2;
        unsigned n1, n2;

        if (type_delegate(in->b->c->scratch, param, p1, &n1, &r1) && type_delegate(in->b->c->scratch, from, p2, &n2, &r2) && n1 == n2) {
            for (unsigned i = 0; i < n1; i++)
                infer_from(in, p1[i], p2[i]);
            infer_from(in, r1, r2);
        }
        return;
    }
    seen = type_as(in->b->c->scratch, from, param->id);
    for (unsigned i = 0; seen && i < param->n && i < seen->n; i++)
        infer_from(in, param->args[i], seen->args[i]);
}

/* A lambda or method group against a delegate parameter: once its inputs are known, its result says more. */
static bool infer_output(struct infer *in, const struct type *param, struct node *n)
{
    const struct type *params[8], *ret, *got;
    unsigned np;

    if (!type_delegate(in->b->c->scratch, param, params, &np, &ret) || !type_has_params(ret))
        return false;
    for (unsigned i = 0; i < np; i++) {
        params[i] = type_subst(in->b->c->scratch, params[i], in->own, in->fixed);
        if (type_has_params(params[i]))
            return false;
    }
    if (n->op == N_LAMBDA && n->syn->n != np)
        return false;
    got = n->op == N_LAMBDA ? lambda_result(in->b, n->syn, params, np) : group_result(in->b, n, params, np);
    if (got)
        infer_from(in, ret, got);
    return got != NULL;
}

/* ---- applicability ---- */

struct fit {
    struct candidate *k;
    bool expanded;
    unsigned defaults;
    const struct type *targs[METHOD_TARGS_MAX];
    uint8_t param_of[ARGS_MAX]; /* which parameter argument i goes to */
    const struct type *want[ARGS_MAX];
};

static int param_by_name(const struct sig *sig, struct slice name)
{
    for (unsigned i = 0; i < sig->n; i++)
        if (slice_eq(sig->p[i].name, name))
            return (int)i;
    return -1;
}

/* Which parameter each argument goes to; false when some argument has none or a needed parameter none. */
static bool map_arguments(struct fit *f, const struct arg *args, unsigned n)
{
    const struct sig *sig = &f->k->sig;
    bool used[SIG_PARAMS_MAX] = { false };

    for (unsigned i = 0; i < n; i++) {
        int at = args[i].name.n ? param_by_name(sig, args[i].name) : (int)i;

        if (f->expanded && !args[i].name.n && at >= (int)sig->n - 1)
            at = (int)sig->n - 1;
        else if (at >= 0 && at < (int)sig->n && used[at])
            return false;
        if (at < 0 || at >= (int)sig->n || (args[i].mode == ARG_OUT) != sig->p[at].is_out)
            return false;
        used[at] = true;
        f->param_of[i] = (uint8_t)at;
    }
    f->defaults = 0;
    for (unsigned i = 0; i < sig->n; i++)
        if (!used[i] && !(f->expanded && i == sig->n - 1)) {
            if (!sig->p[i].is_optional)
                return false;
            f->defaults++;
        }
    return true;
}

static const struct type *raw_param(const struct fit *f, unsigned arg)
{
    const struct sig_param *p = &f->k->sig.p[f->param_of[arg]];

    return f->expanded && p->is_params && type_is(p->type, TYPE_ARRAY) ? p->type->args[0] : p->type;
}

static bool infer_types(struct binder *b, struct fit *f, const struct arg *args, unsigned n, const struct type *const *targs, unsigned ntargs)
{
    struct infer in = { .b = b, .own = f->k->on, .n = f->k->sig.tparams };

    if (in.n == 0)
        return ntargs == 0;
    if (in.n > METHOD_TARGS_MAX || (ntargs && ntargs != in.n))
        return false;
    for (unsigned i = 0; i < ntargs; i++)
        in.fixed[i] = targs[i];
    for (unsigned i = 0; i < n && !ntargs; i++)
        if (args[i].node->op != N_LAMBDA && args[i].node->op != N_METHODS && args[i].node->type)
            infer_from(&in, type_subst(b->c->scratch, raw_param(f, i), f->k->on, NULL), args[i].node->type);
    for (unsigned pass = 0; pass < 2 && !ntargs; pass++)
        for (unsigned i = 0; i < n; i++) {
            const struct arg *a = &args[i];

            if (a->node->op == N_LAMBDA && pass == 0)
                for (unsigned j = 0; j < a->node->syn->n; j++) /* explicitly typed parameters fix their type */
                    if (a->node->syn->v[j]->type) {
                        const struct type *params[8], *ret;
                        unsigned np;

                        if (type_delegate(b->c->scratch, raw_param(f, i), params, &np, &ret) && j < np)
                            infer_from(&in, params[j], bind_type(b, a->node->syn->v[j]->type));
                    }
            if (a->node->op == N_LAMBDA || a->node->op == N_METHODS)
                infer_output(&in, raw_param(f, i), a->node);
        }
    for (unsigned i = 0; i < in.n; i++) {
        if (!in.fixed[i])
            return false;
        f->targs[i] = in.fixed[i];
    }
    return true;
}

static bool applicable(struct binder *b, struct fit *f, const struct arg *args, unsigned n, const struct type *const *targs,
                       unsigned ntargs)
{
    if (!map_arguments(f, args, n) || !infer_types(b, f, args, n, targs, ntargs))
        return false;
    for (unsigned i = 0; i < n; i++) {
        f->want[i] = type_subst(b->c->scratch, raw_param(f, i), f->k->on, f->targs);
        if (conv_implicit(b, args[i].node, f->want[i]) == CONV_NONE)
            return false;
        if (i == 0 && f->k->sig.p[0].is_this && conv_types(b, args[0].node->type, f->want[0]) == CONV_USER)
            return false;
    }
    return true;
}

/* > 0: t1 is the better target for the argument, < 0: t2, 0: neither (12.6.4.4). */
static int better_target(struct binder *b, struct node *n, const struct type *t1, const struct type *t2)
{
    const struct type *p1[8], *p2[8], *r1, *r2, *got;
    unsigned n1, n2;
    bool to2, to1;

    if (type_eq(t1, t2))
        return 0;
    if (n->op == N_LAMBDA || n->op == N_METHODS) {
        if (!type_delegate(b->c->scratch, t1, p1, &n1, &r1) || !type_delegate(b->c->scratch, t2, p2, &n2, &r2) || n1 != n2)
            return 0;
        got = n->op == N_LAMBDA ? lambda_result(b, n->syn, p1, n1) : group_result(b, n, p1, n1);
        if (!got || type_is(r1, TYPE_VOID) || type_is(r2, TYPE_VOID))
            return type_is(r1, TYPE_VOID) ? (type_is(r2, TYPE_VOID) ? 0 : -1) : type_is(r2, TYPE_VOID) ? 1 : 0;
        if (type_eq(got, r1) != type_eq(got, r2))
            return type_eq(got, r1) ? 1 : -1;
        t1 = r1;
        t2 = r2;
    } else if (n->type && !type_is(n->type, TYPE_NULL)) {
        if (type_eq(n->type, t1) != type_eq(n->type, t2))
            return type_eq(n->type, t1) ? 1 : -1;
    }
    to2 = conv_types(b, t1, t2) != CONV_NONE;
    to1 = conv_types(b, t2, t1) != CONV_NONE;
    if (to2 != to1)
        return to2 ? 1 : -1;
    if (type_is_integral(t1) && type_is_integral(t2)) {
        bool s1 = type_kind(t1) == EXPR_I32 || type_kind(t1) == EXPR_I64 || type_kind(t1) == EXPR_I16 || type_kind(t1) == EXPR_I8;
        bool s2 = type_kind(t2) == EXPR_I32 || type_kind(t2) == EXPR_I64 || type_kind(t2) == EXPR_I16 || type_kind(t2) == EXPR_I8;

        return s1 == s2 ? 0 : s1 ? 1 : -1;
    }
    return 0;
}

static bool better(struct binder *b, const struct fit *x, const struct fit *y, const struct arg *args, unsigned n)
{
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        int r = better_target(b, args[i].node, x->want[i], y->want[i]);

        if (r < 0)
            return false;
        any |= r > 0;
    }
    if (any)
        return true;
    if ((x->k->sig.tparams == 0) != (y->k->sig.tparams == 0))
        return x->k->sig.tparams == 0;
    if (x->expanded != y->expanded)
        return !x->expanded;
    return x->defaults < y->defaults;
}

static struct fit *choose(struct binder *b, struct list *candidates, const struct arg *args, unsigned n, const struct type *const *targs,
                          unsigned ntargs)
{
    struct fit *best = NULL;

    for (unsigned i = 0; i < candidates->n && !b->c->failed; i++) {
        struct candidate *k = candidates->v[i];

        for (unsigned expanded = 0; expanded < 2; expanded++) {
            struct fit *f;

            if (!k || (expanded && (k->sig.n == 0 || !k->sig.p[k->sig.n - 1].is_params)))
                continue;
            f = comp_new(b->c, struct fit);
            if (!f)
                return NULL;
            f->k = k;
            f->expanded = expanded;
            if (!applicable(b, f, args, n, targs, ntargs))
                continue;
            if (!best || better(b, f, best, args, n))
                best = f;
            break;
        }
    }
    return best;
}

/* Parameter types argument `at`, a lambda, would have as an argument of k; false when they cannot be told. */
bool lambda_params(struct binder *b, struct candidate *k, const struct arg *args, unsigned n, unsigned at, const struct type *params[8],
                   unsigned *np)
{
    struct fit f = { .k = k };
    struct infer in = { .b = b, .own = k->on, .n = k->sig.tparams };
    const struct type *ret;

    if (!map_arguments(&f, args, n) || in.n > 4 || !type_delegate(b->c->scratch, raw_param(&f, at), params, np, &ret))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (args[i].node->op != N_LAMBDA && args[i].node->op != N_METHODS && args[i].node->type)
            infer_from(&in, type_subst(b->c->scratch, raw_param(&f, i), k->on, NULL), args[i].node->type);
    for (unsigned i = 0; i < *np; i++) {
        params[i] = type_subst(b->c->scratch, params[i], k->on, in.fixed);
        if (type_has_params(params[i]))
            return false;
    }
    return true;
}

/* ---- building the call ---- */

static struct node *expand_params(struct binder *b, const struct fit *f, const struct arg *args, unsigned n, unsigned param, uint32_t pos)
{
    const struct type *type = type_subst(b->c->scratch, f->k->sig.p[param].type, f->k->on, f->targs);
    struct node *array = node_new(b, N_ARRAY, pos, type);
    struct list l = { 0 };

    for (unsigned i = 0; i < n; i++)
        if (f->param_of[i] == param)
            list_add(b->c, &l, conv_to(b, args[i].node, f->want[i]));
    array->v = (struct node **)l.v;
    array->n = l.n;
    return array;
}

static struct node *argument_for(struct binder *b, const struct fit *f, const struct arg *args, unsigned n, unsigned param, uint32_t pos)
{
    const struct sig_param *p = &f->k->sig.p[param];
    const struct type *type = type_subst(b->c->scratch, p->type, f->k->on, f->targs);

    if (f->expanded && param == f->k->sig.n - 1u)
        return expand_params(b, f, args, n, param, pos);
    for (unsigned i = 0; i < n; i++)
        if (f->param_of[i] == param) {
            if (args[i].node->op == N_OUTVAR) {
                if (!args[i].node->type)
                    args[i].node->var->type = type;
                args[i].node->type = type;
                return args[i].node;
            }
            return conv_to(b, args[i].node, type);
        }
    if (p->standard.kind == EXPR_NULL)
        return node_const(b, pos, value_default(b->c->program, type), type);
    return node_const(b, pos, p->standard, type);
}

/* Delegates are never null, nor are the sequences of Enumerable. */
static bool must_be_there(const struct type *owner, const struct sig_param *p)
{
    return type_flags(p->type) & TF_DELEGATE ||
           (type_is(owner, TYPE_ENUMERABLE) && (type_is(p->type, TYPE_IENUMERABLE) || type_is(p->type, TYPE_IENUMERABLE_PLAIN)));
}

static void mark_needs(struct binder *b, struct node *call, const struct sig *sig, bool has_receiver)
{
    struct slice *names;

    for (unsigned i = 0; i < sig->n; i++)
        if (must_be_there(call->on, &sig->p[i]))
            call->needs |= (uint16_t)(1u << (i + has_receiver));
    if (!call->needs)
        return;
    names = comp_alloc(b->c, (sig->n + has_receiver) * sizeof *names);
    for (unsigned i = 0; names && i < sig->n; i++)
        names[i + has_receiver] = sig->p[i].name;
    call->names = names;
    if (!names)
        call->needs = 0;
}

static struct node *build_call(struct binder *b, const struct fit *f, struct node *receiver, const struct arg *args, unsigned n, uint32_t pos)
{
    const struct sig *sig = &f->k->sig;
    const struct type *ret = sig->ret ? type_subst(b->c->scratch, sig->ret, f->k->on, f->targs) : f->k->m->kind == M_NEW ? f->k->on : TYPE_OF(VOID);
    struct node *call = node_new(b, N_CALL, pos, ret);
    const struct type **targs;
    struct list l = { 0 };

    if (receiver) {
        list_add(b->c, &l, receiver);
        call->instance = !type_is_value(receiver->type);
    }
    for (unsigned i = 0; i < sig->n; i++)
        list_add(b->c, &l, argument_for(b, f, args, n, i, pos));
    targs = comp_alloc(b->c, sizeof f->targs);
    if (targs)
        memcpy(targs, f->targs, sizeof f->targs);
    call->fn = f->k->m->fn;
    call->name = f->k->m->name;
    call->on = f->k->on;
    mark_needs(b, call, sig, receiver != NULL);
    call->targs = targs;
    call->ntargs = sig->tparams;
    call->v = (struct node **)l.v;
    call->n = l.n;
    return call;
}

struct node *bind_overload(struct binder *b, uint32_t pos, struct list *candidates, struct node *receiver, struct arg *args, unsigned n,
                           const struct type *const *targs, unsigned ntargs, struct slice name, const struct type *on)
{
    struct fit *f;

    if (bind_failed(b))
        return node_new(b, N_OPEN, pos, TYPE_OF(UNKNOWN));
    f = choose(b, candidates, args, n, targs, ntargs);
    if (!f)
        return candidates->n ? no_overload(b, pos, candidates, name, on, args, n) : unknown_member(b, pos, on, name, !receiver);
    return build_call(b, f, receiver, args, n, pos);
}

struct node *open_node(struct binder *b, uint32_t pos)
{
    return node_new(b, N_OPEN, pos, TYPE_OF(UNKNOWN));
}

/* Instance methods first, then extension methods with the receiver as first argument. */
static struct node *call_on_value(struct binder *b, uint32_t pos, struct node *on, struct slice name, struct arg *args, unsigned n,
                                  const struct type *const *targs, unsigned ntargs)
{
    struct list own = { 0 }, ext = { 0 };
    struct arg all[ARGS_MAX + 1];
    struct fit *f;

    find_members(b, on->type, name, KIND(METHOD), &own);
    f = choose(b, &own, args, n, targs, ntargs);
    if (f)
        return build_call(b, f, on, args, n, pos);
    all[0] = (struct arg){ .node = on, .pos = pos };
    memcpy(all + 1, args, n * sizeof *args);
    find_extensions(b, name, &ext);
    f = choose(b, &ext, all, n + 1, targs, ntargs);
    if (f)
        return build_call(b, f, NULL, all, n + 1, pos);
    if (own.n + ext.n == 0)
        return unknown_member(b, pos, on->type, name, false);
    return own.n ? no_overload(b, pos, &own, name, on->type, args, n) : no_overload(b, pos, &ext, name, on->type, all, n + 1);
}

struct node *bind_named_call(struct binder *b, uint32_t pos, struct node *receiver, const char *name, struct node **args, unsigned n)
{
    struct arg v[ARGS_MAX];

    for (unsigned i = 0; i < n; i++)
        v[i] = (struct arg){ .node = args[i], .pos = pos };
    return call_on_value(b, pos, receiver, slice_from(name), v, n, NULL, 0);
}

/* What `params` of a local function takes: the rest in an array, unless it is given as one. */
static struct node *packed(struct binder *b, uint32_t pos, const struct arg *args, unsigned n, const struct type *array)
{
    struct node *a;
    struct list l = { 0 };

    if (n == 1 && conv_implicit(b, args[0].node, array) != CONV_NONE)
        return args[0].node;
    a = node_new(b, N_ARRAY, pos, array);
    for (unsigned i = 0; i < n; i++)
        list_add(b->c, &l, conv_to(b, args[i].node, array->args[0]));
    a->v = (struct node **)l.v;
    a->n = l.n;
    return a;
}

/* Arguments of a local function in the order of its parameters: names, defaults, params. The new number of them. */
static unsigned place_arguments(struct binder *b, uint32_t pos, const struct syn *lf, struct arg *args, unsigned n,
                                const struct type *const *params)
{
    struct arg placed[8] = { { 0 } };

    for (unsigned i = 0; i < n && lf->n <= 8; i++) {
        unsigned at = i;

        for (unsigned k = 0; args[i].name.n && k < lf->n; k++)
            at = slice_eq(lf->v[k]->text, args[i].name) ? k : at;
        if (args[i].name.n && (at >= lf->n || !slice_eq(lf->v[at]->text, args[i].name)))
            bind_error(b, args[i].pos, "'%.*s' has no parameter '%.*s'", SLICE_ARG(lf->text), SLICE_ARG(args[i].name));
        if (at < lf->n && lf->v[at]->mode && type_is(params[at], TYPE_ARRAY)) {
            placed[at] = (struct arg){ .node = packed(b, pos, args + i, n - i, params[at]), .pos = pos };
            break;
        }
        if (at >= lf->n || placed[at].node)
            return n;
        placed[at] = args[i];
    }
    for (unsigned k = 0; k < lf->n; k++) {
        if (!placed[k].node && lf->v[k]->a)
            placed[k] = (struct arg){ .node = bind_as(b, lf->v[k]->a, params[k]), .pos = pos };
        if (!placed[k].node && lf->v[k]->mode && type_is(params[k], TYPE_ARRAY))
            placed[k] = (struct arg){ .node = packed(b, pos, NULL, 0, params[k]), .pos = pos };
        if (!placed[k].node)
            return n;
    }
    memcpy(args, placed, lf->n * sizeof *args);
    return lf->n;
}

static struct node *bind_invoke(struct binder *b, uint32_t pos, struct node *fn, struct arg *args, unsigned n)
{
    const struct type *params[8], *ret;
    struct node *call;
    struct list l = { 0 };
    unsigned np;

    if (type_is(fn->type, TYPE_UNKNOWN))
        return open_node(b, pos);
    if (!type_delegate(b->c->scratch, fn->type, params, &np, &ret))
        return bind_error(b, pos, "'%s' cannot be called", bind_type_text(b, fn->type));
    if (fn->op == N_LOCAL && fn->var->local_function)
        n = place_arguments(b, pos, fn->var->local_function, args, n, params);
    if (bind_failed(b))
        return open_node(b, pos);
    if (np != n)
        return bind_error(b, pos, "'%s' takes %u argument%s, not %u",
                          fn->op == N_LOCAL && fn->var->local_function ? arena_cstr(b->c->scratch, fn->var->name) : bind_type_text(b, fn->type),
                          np, np == 1 ? "" : "s", n);
    call = node_new(b, N_INVOKE, pos, ret);
    call->a = fn;
    for (unsigned i = 0; i < n; i++)
        list_add(b->c, &l, conv_to(b, args[i].node, params[i]));
    call->v = (struct node **)l.v;
    call->n = l.n;
    return call;
}

/* d.Invoke(...) of a delegate is a call of d. */
static bool is_delegate_invoke(struct binder *b, const struct syn *m, struct node **target)
{
    bool outer = b->trial_failed, is;

    if (!slice_eq(m->text, SLICE("Invoke")))
        return false;
    b->trial++;
    b->trial_failed = false;
    *target = bind_expr(b, m->a, NULL);
    is = !b->trial_failed && (*target)->type && type_flags((*target)->type) & TF_DELEGATE && (*target)->op != N_TYPE;
    b->trial--;
    b->trial_failed = outer;
    return is;
}

static struct node *bind_member_call(struct binder *b, const struct syn *s)
{
    const struct syn *m = s->a, *outer = b->called;
    struct node *target, *on;
    struct arg args[ARGS_MAX];
    const struct type *targs[8];
    struct candidate *k;
    unsigned n;

    if (is_delegate_invoke(b, m, &target)) {
        n = bind_args(b, s, args);
        return bind_failed(b) ? target : bind_invoke(b, s->pos, target, args, n);
    }
    b->called = m;
    target = bind_expr(b, m, NULL);
    b->called = outer; /* a call in the receiver of another: that one's name still comes */
    if (bind_failed(b))
        return target;
    n = bind_args(b, s, args);
    if (bind_failed(b))
        return target;
    for (unsigned i = 0; i < m->ntargs && i < 8; i++)
        targs[i] = bind_type(b, m->targs[i]);
    if (target->op == N_OPEN || type_is(target->type, TYPE_UNKNOWN))
        return open_node(b, s->pos);
    if (target->op != N_METHODS)
        return bind_invoke(b, s->pos, target, args, n);
    on = target->a;
    k = target->group->n ? target->group->v[0] : NULL;
    if (!on)
        return bind_overload(b, m->pos, target->group, NULL, args, n, targs, m->ntargs, m->text, k ? k->on : TYPE_OF(UNKNOWN));
    return call_on_value(b, m->pos, on, m->text, args, n, targs, m->ntargs);
}

struct node *bind_call(struct binder *b, const struct syn *s, const struct type *hint)
{
    struct node *fn;
    struct arg args[ARGS_MAX];
    unsigned n;

    (void)hint;
    if (s->a->op == S_MEMBER)
        return bind_member_call(b, s);
    fn = bind_value(b, s->a, NULL);
    n = bind_args(b, s, args);
    return bind_failed(b) ? fn : bind_invoke(b, s->pos, fn, args, n);
}

/* ---- properties, fields, method groups ---- */

struct node *bind_field(struct binder *b, const struct syn *s, struct node *on)
{
    struct node *f;

    for (unsigned i = 0; i < on->type->n; i++) {
        char item[12];

        snprintf(item, sizeof item, "Item%u", i + 1);
        if (!(on->type->names && slice_eq(on->type->names[i], s->text)) &&
            (type_is(on->type, TYPE_ANONYMOUS) || !slice_eq(slice_from(item), s->text)))
            continue;
        f = node_new(b, N_FIELD, s->pos, on->type->args[i]);
        f->a = on;
        f->sub = (uint8_t)i;
        return f;
    }
    return NULL;
}

/* int.MaxValue, Math.PI: const fields in the original, static getters here that need nothing. */
static bool is_constant_member(const struct candidate *k)
{
    return type_is_numeric(k->sig.ret) && (type_is_numeric(k->on) || type_is(k->on, TYPE_MATH));
}

static struct node *constant_member(struct binder *b, struct node *n)
{
    struct vm vm = { .arena = b->c->program };
    struct site site = { .ret = n->type, .on = n->on, .name = n->name };
    struct expr_value none = { 0 }, v = n->fn(&vm, &site, &none);

    return vm.thrown ? n : node_const(b, n->pos, v, n->type);
}

static struct node *static_member(struct binder *b, const struct syn *s, struct node *on)
{
    struct list l = { 0 };
    struct candidate *k;
    struct node *n;

    find_members(b, on->type, s->text, KIND(SGET) | KIND(ENUM) | KIND(STATIC) | KIND(EXT), &l);
    if (l.n == 0)
        return unknown_member(b, s->pos, on->type, s->text, true);
    k = l.v[0];
    if (k->m->kind == M_ENUM)
        return node_const(b, s->pos, val_enum(on->type->id, k->m->number), on->type);
    if (k->m->kind == M_SGET) {
        n = node_new(b, N_CALL, s->pos, type_subst(b->c->scratch, k->sig.ret, k->on, NULL));
        n->fn = k->m->fn;
        n->name = k->m->name;
        n->on = k->on;
        return is_constant_member(k) ? constant_member(b, n) : n;
    }
    n = node_new(b, N_METHODS, s->pos, TYPE_OF(METHODS));
    n->group = comp_new(b->c, struct list);
    if (n->group)
        *n->group = l;
    n->syn = s;
    return n;
}

struct node *bind_member(struct binder *b, const struct syn *s, struct node *on)
{
    struct list l = { 0 };
    struct candidate *k;
    struct node *n;

    if (on->op == N_TYPE)
        return static_member(b, s, on);
    if (on->op == N_OPEN || !on->type || type_is(on->type, TYPE_UNKNOWN))
        return open_node(b, s->pos);
    if (on->op == N_METHODS || type_is(on->type, TYPE_VOID) || type_is(on->type, TYPE_NULL))
        return bind_error(b, s->pos, "a '%s' has no member '%.*s'", bind_type_text(b, on->type), SLICE_ARG(s->text));
    if (type_is(on->type, TYPE_ANONYMOUS) || type_is(on->type, TYPE_VALUETUPLE) || type_is(on->type, TYPE_TUPLE)) {
        n = bind_field(b, s, on);
        if (n)
            return n;
    }
    find_members(b, on->type, s->text, KIND(GET), &l);
    if (l.n && !(b->called == s && !(type_flags(((struct candidate *)l.v[0])->sig.ret) & TF_DELEGATE))) {
        k = l.v[0];
        n = node_new(b, N_CALL, s->pos, type_subst(b->c->scratch, k->sig.ret, k->on, NULL));
        n->v = comp_alloc(b->c, sizeof *n->v);
        if (n->v)
            n->v[n->n++] = on;
        n->instance = !type_is_value(on->type);
        n->fn = k->m->fn;
        n->name = k->m->name;
        n->on = k->on;
        return n;
    }
    n = node_new(b, N_METHODS, s->pos, TYPE_OF(METHODS));
    n->group = comp_new(b->c, struct list);
    if (!n->group)
        return n;
    find_members(b, on->type, s->text, KIND(METHOD), n->group);
    if (n->group->n == 0)
        find_extensions(b, s->text, n->group);
    if (n->group->n == 0 && l.n)
        return bind_error(b, s->pos, "'%.*s' of '%s' is a property, not a method", SLICE_ARG(s->text), bind_type_text(b, on->type));
    if (n->group->n == 0)
        return unknown_member(b, s->pos, on->type, s->text, false);
    n->a = on;
    n->syn = s;
    return n;
}
