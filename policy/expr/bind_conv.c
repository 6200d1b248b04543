/* Conversions: which exist implicitly, which by cast, and the nodes that do them (C# 7.3, chapter 11). */
#include "policy/expr/bind.h"

/* A constant int fits a smaller integral type; 0 fits every enum. */
static bool constant_fits(const struct node *n, const struct type *to)
{
    static const struct { int64_t min; uint64_t max; } range[] = {
        [EXPR_I8] = { INT8_MIN, INT8_MAX }, [EXPR_U8] = { 0, UINT8_MAX }, [EXPR_I16] = { INT16_MIN, INT16_MAX },
        [EXPR_U16] = { 0, UINT16_MAX }, [EXPR_U32] = { 0, UINT32_MAX }, [EXPR_U64] = { 0, INT64_MAX } };
    enum expr_kind k = type_kind(to);

    if (n->op != N_CONST)
        return false;
    if (k == EXPR_ENUM)
        return n->value.kind == EXPR_I32 && n->value.i == 0;
    if (n->value.kind == EXPR_I64 && k == EXPR_U64)
        return n->value.i >= 0;
    if (n->value.kind != EXPR_I32 || k < EXPR_I8 || k > EXPR_U64 || k == EXPR_I32 || k == EXPR_I64)
        return false;
    return n->value.i >= range[k].min && (n->value.i < 0 || (uint64_t)n->value.i <= range[k].max);
}

/* The user-defined conversion from -> to among the members of both types, or NULL. */
static const struct member *user_conversion(struct binder *b, const struct type *from, const struct type *to, bool explicitly,
                                            const struct type **owner, struct sig *out)
{
    const struct type *sides[2] = { to, from };
    const struct member *found = NULL;
    int best = 0;

    for (unsigned side = 0; side < 2; side++)
        for (const struct type *t = type_strip(sides[side]); t && t->id < TYPE_COUNT; t = type_base(b->c->scratch, t, 0)) {
            const struct type_def *d = &type_defs[t->id];

            for (unsigned i = d->first; i < d->last; i++) {
                const struct member *m = &type_members[i];
                struct sig sig;
                int score;

                if (m->kind != M_IMPLICIT && !(explicitly && m->kind == M_EXPLICIT))
                    continue;
                sig_parse(b->c->scratch, t->id, m->sig, &sig);
                score = type_eq(sig.p[0].type, from) ? 4 : type_widens(from, sig.p[0].type) ? 1
                                                       : type_converts(b->c->scratch, from, sig.p[0].type) ? 2 : 0;
                if (!score && explicitly && type_converts(b->c->scratch, sig.p[0].type, from) && side == 0 && 0)
                    score = 1;
                if (!score)
                    continue;
                if (type_eq(sig.ret, to))
                    score += 8;
                else if (type_converts(b->c->scratch, sig.ret, to))
                    score += 4;
                else if (!(explicitly && type_is_numeric(sig.ret) && type_is_numeric(to)))
                    continue;
                if (score > best) {
                    best = score;
                    found = m;
                    *owner = t;
                    *out = sig;
                }
            }
            if (type_is(t, TYPE_OBJECT))
                break;
        }
    return found;
}

enum conv_rank conv_types(struct binder *b, const struct type *from, const struct type *to)
{
    const struct type *owner;
    struct sig sig;

    if (type_eq(from, to))
        return CONV_IDENTITY;
    if (type_converts(b->c->scratch, from, to) || type_widens(from, to))
        return CONV_IMPLICIT;
    if (type_is_nullable(to)) {
        enum conv_rank r = conv_types(b, type_strip(from), to->args[0]);

        if (r != CONV_NONE && !type_is(from, TYPE_OBJECT) && type_is_value(from))
            return r == CONV_IDENTITY ? CONV_IMPLICIT : r;
    }
    if (from->id >= TYPE_COUNT || to->id >= TYPE_COUNT)
        return CONV_NONE;
    return user_conversion(b, from, to, false, &owner, &sig) ? CONV_USER : CONV_NONE;
}

/* Parameters with a type of their own have the delegate's. */
static bool lambda_takes(struct binder *b, const struct syn *s, const struct type *const *params)
{
    for (unsigned i = 0; i < s->n; i++)
        if (s->v[i]->type && !type_has_params(params[i]) && !type_eq(bind_type(b, s->v[i]->type), params[i]))
            return false;
    return true;
}

static enum conv_rank lambda_converts(struct binder *b, struct node *n, const struct type *to)
{
    const struct type *params[8], *ret, *got;
    unsigned np;

    if (!type_delegate(b->c->scratch, to, params, &np, &ret))
        return CONV_NONE;
    if (n->op == N_LAMBDA) {
        if (n->syn->n != np || !lambda_takes(b, n->syn, params))
            return CONV_NONE;
        got = lambda_result(b, n->syn, params, np);
    } else {
        got = group_result(b, n, params, np);
    }
    if (!got)
        return CONV_NONE;
    if (type_is(ret, TYPE_VOID))
        return n->op != N_LAMBDA || n->syn->a->op == S_BLOCK || is_statement_expression(n->syn->a) ? CONV_IMPLICIT : CONV_NONE;
    if (type_has_params(ret) || type_is(got, TYPE_THROW))
        return CONV_IMPLICIT;
    if (type_is(got, TYPE_VOID))
        return CONV_NONE;
    if (conv_types(b, got, ret) != CONV_NONE)
        return CONV_IMPLICIT;
    return type_is(got, TYPE_INT) && type_is_integral(ret) ? CONV_IMPLICIT : CONV_NONE;
}

enum conv_rank conv_implicit(struct binder *b, struct node *n, const struct type *to)
{
    enum conv_rank r;

    switch (n->op) {
    case N_LAMBDA:
    case N_METHODS:
        return lambda_converts(b, n, to);
    case N_NEWTARGET:
        return CONV_IMPLICIT;
    case N_OUTVAR:
        return !n->type || type_eq(n->type, to) || type_is(n->type, TYPE_UNKNOWN) ? CONV_IDENTITY : CONV_NONE;
    case N_TYPE:
        return CONV_NONE;
    default:
        break;
    }
    if (type_is(n->type, TYPE_VOID))
        return CONV_NONE;
    r = conv_types(b, n->type, to);
    if (r == CONV_NONE && constant_fits(n, type_strip(to)))
        return CONV_IMPLICIT;
    if (r == CONV_NONE && n->op == N_TUPLE && type_is(n->type, TYPE_VALUETUPLE) && type_is(to, TYPE_VALUETUPLE) && to->n == n->n) {
        for (unsigned i = 0; i < n->n; i++)
            if (conv_implicit(b, n->v[i], to->args[i]) == CONV_NONE)
                return CONV_NONE;
        return CONV_IMPLICIT;
    }
    return r;
}

/* A no-op at run time: only the static type changes. Nodes whose type says what they make are wrapped. */
static struct node *retype(struct binder *b, struct node *n, const struct type *to)
{
    struct node *copy = node_new(b, N_SEQ, n->pos, to);
    struct list l = { 0 };

    if (n->op == N_CONST || n->op == N_LOCAL) {
        *copy = *n;
        copy->type = to;
        return copy;
    }
    list_add(b->c, &l, n);
    copy->v = (struct node **)l.v;
    copy->n = l.n;
    return copy;
}

struct node *conv_numeric(struct binder *b, struct node *n, enum expr_kind to, bool is_checked)
{
    struct node *c;

    if (type_kind(n->type) == to)
        return n;
    c = node_new(b, N_CONV, n->pos, type_of_kind(to));
    c->a = n;
    c->kind = (uint8_t)to;
    c->checked = is_checked;
    return fold(b, c);
}

static struct node *call_conversion(struct binder *b, struct node *n, const struct member *m, const struct type *owner,
                                    const struct sig *sig)
{
    struct node *call = node_new(b, N_CALL, n->pos, sig->ret);
    struct list l = { 0 };

    list_add(b->c, &l, conv_to(b, n, sig->p[0].type));
    call->fn = m->fn;
    call->name = m->name;
    call->on = owner;
    call->v = (struct node **)l.v;
    call->n = 1;
    return call;
}

/* If the nullable n is null then null, else the conversion of its value to `to`'s argument. */
static struct node *lift_conversion(struct binder *b, struct node *n, const struct type *to, bool cast)
{
    struct node *lift = node_new(b, N_CONDACCESS, n->pos, to), *value;

    lift->var = var_new(b, SLICE_NONE, n->type);
    lift->a = n;
    value = node_new(b, N_VALUE, n->pos, type_strip(n->type));
    value->a = node_local(b, n->pos, lift->var);
    lift->b = cast ? conv_cast(b, value, type_strip(to), n->pos) : conv_to(b, value, type_strip(to));
    return lift;
}

static struct node *convert_target_typed(struct binder *b, struct node *n, const struct type *to)
{
    const struct type *params[8], *ret;
    unsigned np;

    if (n->op == N_NEWTARGET)
        return bind_expr(b, n->syn, to);
    if (!type_delegate(b->c->scratch, to, params, &np, &ret))
        return bind_error(b, n->pos, "cannot convert %s to '%s'", n->op == N_LAMBDA ? "a lambda expression" : "a method group",
                          bind_type_text(b, to));
    if (n->op == N_METHODS)
        return group_to_delegate(b, n, to);
    if (n->syn->n != np)
        return bind_error(b, n->pos, "the lambda takes %u parameters, '%s' has %u", n->syn->n, bind_type_text(b, to), np);
    if (!lambda_takes(b, n->syn, params))
        return bind_error(b, n->pos, "the lambda's parameter types are not those of '%s'", bind_type_text(b, to));
    return bind_lambda(b, n->syn, params, np, ret, to);
}

/* Would (to)n do? */
static bool casts(struct binder *b, struct node *n, const struct type *to)
{
    bool outer = b->trial_failed, failed;

    if (b->trial || n->type->id >= TYPE_COUNT)
        return false;
    b->trial++;
    b->trial_failed = false;
    conv_cast(b, n, to, n->pos);
    failed = b->trial_failed;
    b->trial--;
    b->trial_failed = outer;
    return !failed;
}

struct node *conv_to(struct binder *b, struct node *n, const struct type *to)
{
    const struct type *owner = NULL;
    const struct member *m;
    struct sig sig;

    if (bind_failed(b))
        return n;
    if (n->op == N_OUTVAR)
        return bind_error(b, n->pos, "an out argument has no out parameter here");
    if (n->op == N_LAMBDA || n->op == N_METHODS || n->op == N_NEWTARGET)
        return convert_target_typed(b, n, to);
    if (n->op == N_COND && !type_eq(n->type, to) && type_is(n->type, TYPE_THROW))
        return retype(b, n, to);
    if (type_eq(n->type, to))
        return n;
    if (type_converts(b->c->scratch, n->type, to))
        return retype(b, n, to);
    if (n->op == N_TUPLE && type_is(to, TYPE_VALUETUPLE) && conv_implicit(b, n, to) != CONV_NONE) {
        struct node *copy = node_new(b, N_TUPLE, n->pos, to);

        copy->v = comp_alloc(b->c, n->n * sizeof *copy->v);
        copy->n = n->n;
        for (unsigned i = 0; copy->v && i < n->n; i++)
            copy->v[i] = conv_to(b, n->v[i], to->args[i]);
        return copy;
    }
    if (type_widens(n->type, to) || (constant_fits(n, to) && !type_is_enum(to)))
        return conv_numeric(b, n, type_kind(to), false);
    if (type_is_enum(to) && constant_fits(n, to))
        return node_const(b, n->pos, val_enum(to->id, n->value.i), to);
    if (type_is_nullable(to) && type_is_value(n->type) && conv_implicit(b, n, to) != CONV_NONE) {
        if (type_is_nullable(n->type))
            return lift_conversion(b, n, to, false);
        return retype(b, conv_to(b, n, to->args[0]), to);
    }
    if (n->type->id < TYPE_COUNT && to->id < TYPE_COUNT && (m = user_conversion(b, n->type, to, false, &owner, &sig))) {
        struct node *call = call_conversion(b, n, m, owner, &sig);

        return type_eq(call->type, to) ? call : retype(b, call, to);
    }
    return bind_error(b, n->pos, "cannot convert '%s' to '%s'%s", bind_type_text(b, n->type), bind_type_text(b, to),
                      casts(b, n, to) ? " without a cast" : "");
}

static bool is_number_or_enum(const struct type *t)
{
    return type_is_numeric(t) || type_is_enum(t);
}

static struct node *cast_number(struct binder *b, struct node *n, const struct type *to)
{
    struct node *c;

    if (!type_is_enum(to))
        return conv_numeric(b, n, type_kind(to), b->checked);
    c = node_new(b, N_TOENUM, n->pos, to);
    c->a = conv_numeric(b, n, EXPR_I32, b->checked);
    if (c->a->op == N_CONST)
        return node_const(b, n->pos, val_enum(to->id, c->a->value.i), to);
    return c;
}

struct node *conv_cast(struct binder *b, struct node *n, const struct type *to, uint32_t pos)
{
    const struct type *owner = NULL, *from;
    const struct member *m;
    struct node *c;
    struct sig sig;

    if (bind_failed(b))
        return n;
    if (conv_implicit(b, n, to) != CONV_NONE && !(n->op == N_CONST && is_number_or_enum(n->type) && is_number_or_enum(to)))
        return conv_to(b, n, to);
    from = n->type;
    if (from->id >= TYPE_COUNT)
        return conv_to(b, n, to);
    if (is_number_or_enum(from) && is_number_or_enum(to)) {
        if (n->op == N_CONST && !type_is_enum(to) && type_kind(to) <= EXPR_U64) {
            return conv_numeric(b, n, type_kind(to), b->checked);
        }
        return cast_number(b, n, to);
    }
    if ((m = user_conversion(b, from, to, true, &owner, &sig))) {
        c = call_conversion(b, n, m, owner, &sig);
        return type_eq(c->type, to) ? c : type_is_numeric(c->type) && type_is_numeric(to) ? cast_number(b, c, to) : retype(b, c, to);
    }
    if (type_is_nullable(from) && !type_is_nullable(to) && type_is_value(to)) {
        c = node_new(b, N_VALUE, pos, from->args[0]);
        c->a = n;
        return conv_cast(b, c, to, pos);
    }
    if (type_is_nullable(from) && type_is_nullable(to))
        return lift_conversion(b, n, to, true);
    if (type_is_nullable(to) && type_is_value(from))
        return retype(b, conv_cast(b, n, to->args[0], pos), to);
    /* down a hierarchy, from object or an interface, or to an interface: checked at run time */
    if (type_converts(b->c->scratch, to, from) || type_flags(from) & TF_INTERFACE || type_flags(to) & TF_INTERFACE ||
        (type_is_nullable(to) && type_converts(b->c->scratch, to->args[0], from)) ||
        (from->id == TYPE_ARRAY && to->id == TYPE_ARRAY) || from->id == TYPE_ENUM) {
        c = node_new(b, type_is_value(to) && !type_is_nullable(to) ? N_UNBOX : N_CAST, pos, to);
        c->a = n;
        return c;
    }
    return bind_error(b, pos, "cannot cast '%s' to '%s'", bind_type_text(b, from), bind_type_text(b, to));
}

bool conv_possible(struct binder *b, const struct type *from, const struct type *to)
{
    from = type_strip(from);
    to = type_strip(to);
    if (from->id >= TYPE_COUNT || to->id >= TYPE_COUNT)
        return true;
    return type_converts(b->c->scratch, from, to) || type_converts(b->c->scratch, to, from) ||
           type_flags(from) & TF_INTERFACE || (type_flags(to) & TF_INTERFACE && !type_is_value(from)) ||
           (from->id == TYPE_ARRAY && to->id == TYPE_ARRAY);
}

const struct type *conv_common(struct binder *b, struct node *x, struct node *y)
{
    bool xy, yx;

    if (bind_failed(b))
        return TYPE_OF(UNKNOWN);
    if (type_is(x->type, TYPE_THROW))
        return y->type;
    if (type_is(y->type, TYPE_THROW))
        return x->type;
    if (type_eq(x->type, y->type))
        return type_is(x->type, TYPE_NULL) ? NULL : x->type;
    /* null beside a struct: C# 9 makes it nullable, and so do we */
    if (type_is(x->type, TYPE_NULL) || type_is(y->type, TYPE_NULL)) {
        const struct type *t = type_is(x->type, TYPE_NULL) ? y->type : x->type;

        if (t->id >= TYPE_COUNT)
            return NULL;
        return type_is_value(t) && !type_is_nullable(t) ? NULL : t;
    }
    if (x->op == N_LAMBDA || y->op == N_LAMBDA || x->op == N_NEWTARGET || y->op == N_NEWTARGET || x->op == N_METHODS || y->op == N_METHODS)
        return NULL;
    xy = conv_implicit(b, x, y->type) != CONV_NONE;
    yx = conv_implicit(b, y, x->type) != CONV_NONE;
    if (xy && yx && type_is_integral(x->type) && type_is_integral(y->type))
        return type_widens(x->type, y->type) ? y->type : x->type;
    return xy && !yx ? y->type : yx ? x->type : NULL;
}
