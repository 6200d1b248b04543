/* Indices and stores: a[i], a[^1], a[1..3]; what stands left of an assignment. */
#include "policy/expr/bind.h"

static bool is_fast_array(const struct type *t)
{
    return type_is(t, TYPE_ARRAY) || type_is(t, TYPE_LIST);
}

/* ---- places in an index (C# 8) ---- */

static bool is_from_end(const struct syn *s)
{
    return s->op == S_UNARY && s->punct == P1('^');
}

static struct node *length_of(struct binder *b, uint32_t pos, struct node *on)
{
    bool fixed = type_is(on->type, TYPE_ARRAY) || type_is(on->type, TYPE_STRING);
    struct syn m = { .op = S_MEMBER, .pos = pos, .text = fixed ? SLICE("Length") : SLICE("Count") };

    return bind_member(b, &m, on);
}

/* The place as an int: ^n is so many before the end of on. */
static struct node *bind_place(struct binder *b, const struct syn *s, struct node *on)
{
    if (is_from_end(s))
        return bind_binary(b, s->pos, P1('-'), length_of(b, s->pos, on), bind_as(b, s->a, TYPE_OF(INT)));
    return bind_as(b, s, TYPE_OF(INT));
}

/* from..to of a string or an array */
static struct node *bind_range(struct binder *b, const struct syn *s, struct node *on)
{
    struct list first = { 0 };
    struct node *args[2], *to, *n;

    on = bind_once(b, on, &first);
    args[0] = s->a ? bind_place(b, s->a, on) : node_const(b, s->pos, val_int(0), TYPE_OF(INT));
    args[0] = bind_once(b, args[0], &first);
    to = s->b ? bind_place(b, s->b, on) : length_of(b, s->pos, on);
    if (bind_failed(b))
        return on;
    args[1] = bind_binary(b, s->pos, P1('-'), to, args[0]);
    if (type_is(on->type, TYPE_STRING)) {
        n = bind_named_call(b, s->pos, on, "Substring", args, 2);
    } else if (type_is(on->type, TYPE_ARRAY)) {
        n = bind_named_call(b, s->pos, on, "ToList", NULL, 0);
        n = bind_named_call(b, s->pos, n, "GetRange", args, 2);
        n = bind_named_call(b, s->pos, n, "ToArray", NULL, 0);
    } else {
        return bind_error(b, s->pos, "a range of '%s' cannot be taken", bind_type_text(b, on->type));
    }
    list_add(b->c, &first, n);
    return node_seq(b, s->pos, &first);
}

static bool has_places(const struct syn *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (is_from_end(s->v[i]->a))
            return true;
    return false;
}

/* Arguments of an index on `on`, which is there to be read again. */
static unsigned index_args(struct binder *b, const struct syn *s, struct node *on, struct arg *args)
{
    if (!has_places(s))
        return bind_args(b, s, args);
    for (unsigned i = 0; i < s->n && i < ARGS_MAX; i++)
        args[i] = (struct arg){ .node = bind_place(b, s->v[i]->a, on), .pos = s->v[i]->pos };
    return s->n;
}

static struct node *index_value(struct binder *b, const struct syn *s, struct node *on)
{
    struct arg args[ARGS_MAX];
    struct list l = { 0 };
    unsigned n = index_args(b, s, on, args);
    struct node *x;

    if (bind_failed(b))
        return on;
    if (is_fast_array(on->type) && n == 1 && conv_implicit(b, args[0].node, TYPE_OF(INT)) != CONV_NONE) {
        x = node_new(b, N_AGET, s->pos, on->type->args[0]);
        x->a = on;
        x->b = conv_to(b, args[0].node, TYPE_OF(INT));
        return x;
    }
    find_members(b, on->type, SLICE_NONE, KIND(ITEM), &l);
    if (l.n == 0)
        return bind_error(b, s->pos, "'%s' cannot be indexed", bind_type_text(b, on->type));
    return bind_overload(b, s->pos, &l, on, args, n, NULL, 0, SLICE("this"), on->type);
}

struct node *bind_index(struct binder *b, const struct syn *s, struct node *on)
{
    struct list first = { 0 };

    if (bind_failed(b))
        return on;
    if (type_is(on->type, TYPE_UNKNOWN))
        return open_node(b, s->pos);
    if (s->n == 1 && s->v[0]->a->op == S_RANGE)
        return bind_range(b, s->v[0]->a, on);
    if (!has_places(s))
        return index_value(b, s, on);
    on = bind_once(b, on, &first);
    list_add(b->c, &first, index_value(b, s, on));
    return node_seq(b, s->pos, &first);
}

/* ---- stores ---- */

static struct node *store_call(struct binder *b, uint32_t pos, struct list *setters, struct node *on, struct arg *args, unsigned n,
                               struct node *value)
{
    struct list l = { 0 };
    struct candidate *k = setters->v[0];
    const struct type *type = type_subst(b->c->scratch, k->sig.p[k->sig.n - 1].type, k->on, NULL);
    struct node *kept = bind_once(b, conv_to(b, value, type), &l);

    args[n] = (struct arg){ .node = kept, .pos = pos };
    list_add(b->c, &l, bind_overload(b, pos, setters, on, args, n + 1, NULL, 0, SLICE("this"), on->type));
    list_add(b->c, &l, kept);
    return node_seq(b, pos, &l);
}

static struct node *store_at(struct binder *b, const struct syn *target, struct node *on, struct node *value, uint32_t pos)
{
    struct arg args[ARGS_MAX + 1];
    unsigned n = index_args(b, target, on, args);
    struct list l = { 0 };
    struct node *x;

    if (bind_failed(b))
        return on;
    if (is_fast_array(on->type) && n == 1 && conv_implicit(b, args[0].node, TYPE_OF(INT)) != CONV_NONE) {
        x = node_new(b, N_ASET, pos, on->type->args[0]);
        x->a = on;
        x->b = conv_to(b, args[0].node, TYPE_OF(INT));
        x->c = conv_to(b, value, x->type);
        return x;
    }
    find_members(b, on->type, SLICE_NONE, KIND(SETITEM), &l);
    if (l.n == 0)
        return bind_error(b, pos, "'%s' has no index that can be set", bind_type_text(b, on->type));
    return store_call(b, pos, &l, on, args, n, value);
}

static struct node *store_index(struct binder *b, const struct syn *target, struct node *value, uint32_t pos)
{
    struct node *on = bind_value(b, target->a, NULL);
    struct list first = { 0 };

    if (bind_failed(b))
        return on;
    if (type_is(on->type, TYPE_UNKNOWN))
        return open_node(b, pos);
    if (!has_places(target))
        return store_at(b, target, on, value, pos);
    on = bind_once(b, on, &first);
    list_add(b->c, &first, store_at(b, target, on, value, pos));
    return node_seq(b, pos, &first);
}

/* t.Item1 = value: a tuple is a value, so t gets a new one. NULL when it has no such element. */
static struct node *tuple_with(struct binder *b, const struct syn *target, struct node *on, struct node *value, uint32_t pos)
{
    struct node *field = bind_field(b, target, on), *n = node_new(b, N_TUPLE, pos, on->type), *kept;
    struct list l = { 0 };

    if (!field)
        return NULL;
    on = bind_once(b, on, &l);
    kept = bind_once(b, conv_to(b, value, field->type), &l);
    n->n = on->type->n;
    n->v = comp_alloc(b->c, n->n * sizeof *n->v);
    for (unsigned i = 0; n->v && i < n->n; i++) {
        struct node *f = node_new(b, N_FIELD, pos, on->type->args[i]);

        f->a = on;
        f->sub = (uint8_t)i;
        n->v[i] = i == field->sub ? kept : f;
    }
    list_add(b->c, &l, bind_store(b, target->a, n, pos));
    list_add(b->c, &l, kept);
    return node_seq(b, pos, &l);
}

static struct node *store_member(struct binder *b, const struct syn *target, struct node *value, uint32_t pos)
{
    struct node *on = bind_value(b, target->a, NULL), *x;
    struct arg args[2];
    struct list l = { 0 };

    if (bind_failed(b))
        return on;
    if (type_is(on->type, TYPE_UNKNOWN))
        return open_node(b, pos);
    if (type_is(on->type, TYPE_VALUETUPLE) && (x = tuple_with(b, target, on, value, pos)))
        return x;
    find_members(b, on->type, target->text, KIND(SET), &l);
    if (l.n == 0)
        return bind_error(b, pos, "'%s' has no member '%.*s' that can be set", bind_type_text(b, on->type), SLICE_ARG(target->text));
    return store_call(b, pos, &l, on, args, 0, value);
}

/* (a, var b) = tuple, KeyValuePair or Tuple. */
static struct node *store_tuple(struct binder *b, const struct syn *target, struct node *value, uint32_t pos)
{
    struct list l = { 0 };
    struct node *once;

    if (type_is(value->type, TYPE_UNKNOWN))
        return open_node(b, pos);
    if (value->type->n != target->n || !(type_is(value->type, TYPE_VALUETUPLE) || type_is(value->type, TYPE_TUPLE) || type_is(value->type, TYPE_KEYVALUEPAIR)))
        return bind_error(b, pos, "'%s' cannot be taken apart into %u variables", bind_type_text(b, value->type), target->n);
    once = bind_once(b, value, &l);
    for (unsigned i = 0; i < target->n; i++) {
        struct node *f = node_new(b, N_FIELD, pos, value->type->args[i]);

        f->a = once;
        f->sub = (uint8_t)i;
        list_add(b->c, &l, bind_store(b, target->v[i]->a, f, pos));
    }
    list_add(b->c, &l, once);
    return node_seq(b, pos, &l);
}

struct node *bind_store(struct binder *b, const struct syn *target, struct node *value, uint32_t pos)
{
    struct var *v;
    const struct type *t;

    if (bind_failed(b))
        return value;
    switch (target->op) {
    case S_NAME:
        if (slice_eq(target->text, SLICE("_")) && !var_find(b, target->text))
            return value;
        v = var_find(b, target->text);
        if (!v)
            return unknown_name(b, target);
        if (v->readonly || v->is_const)
            return bind_error(b, pos, "'%.*s' cannot be assigned: it is %s", SLICE_ARG(target->text),
                              v->readonly ? v->readonly : "a constant");
        return node_set(b, pos, v, conv_to(b, value, v->type));
    case S_DECL:
        t = !target->type || (target->type->kind == STYPE_NAMED && slice_eq(target->type->name, SLICE("var"))) ? value->type
                                                                                                                 : bind_type(b, target->type);
        if (slice_eq(target->text, SLICE("_")))
            return value;
        v = var_declare(b, target->pos, target->text, t);
        return node_set(b, pos, v, conv_to(b, value, t));
    case S_INDEX:
        return store_index(b, target, value, pos);
    case S_MEMBER:
        return store_member(b, target, value, pos);
    case S_TUPLE:
        return store_tuple(b, target, value, pos);
    case S_OPEN:
        return open_node(b, pos);
    default:
        return bind_error(b, pos, "the left side cannot be assigned");
    }
}
