/* `new`: objects, arrays, and their initializers. */
#include "policy/expr/bind.h"

static void bind_init(struct binder *b, const struct syn *init, struct node *on, struct list *out);

static void init_element(struct binder *b, const struct syn *e, struct node *on, struct list *out)
{
    if (e->op == S_ASSIGN && e->b->op == S_INIT) {
        struct node *inner = bind_expr(b, e->a, NULL), *once;

        once = bind_once(b, inner, out);
        bind_init(b, e->b, once, out);
    } else if (e->op == S_ASSIGN) {
        struct node *saved = b->hole, *value;
        const struct type *hint = NULL;
        struct list setters = { 0 };

        if (e->a->op == S_MEMBER)
            find_members(b, on->type, e->a->text, KIND(SET), &setters);
        else
            find_members(b, on->type, SLICE_NONE, KIND(SETITEM), &setters);
        if (setters.n) {
            struct candidate *k = setters.v[0];

            hint = type_subst(b->c->scratch, k->sig.p[k->sig.n - 1].type, k->on, NULL);
        }
        b->hole = NULL;
        value = bind_value(b, e->b, hint);
        b->hole = on;
        list_add(b->c, out, bind_store(b, e->a, value, e->pos));
        b->hole = saved;
    } else {
        struct arg args[ARGS_MAX];
        struct node *v[ARGS_MAX];
        unsigned n = bind_args(b, e, args);

        for (unsigned i = 0; i < n; i++)
            v[i] = args[i].node;
        list_add(b->c, out, bind_named_call(b, e->pos, on, "Add", v, n));
    }
}

static void bind_init(struct binder *b, const struct syn *init, struct node *on, struct list *out)
{
    for (unsigned i = 0; i < init->n && !bind_failed(b); i++) {
        struct node *saved = b->hole;

        b->hole = on;
        init_element(b, init->v[i], on, out);
        b->hole = saved;
    }
}

static struct node *new_object(struct binder *b, const struct syn *s, const struct type *t)
{
    struct arg args[ARGS_MAX];
    struct list l = { 0 }, steps = { 0 };
    struct node *n, *saved = b->hole;
    unsigned count;

    b->hole = s->n ? b->hole : NULL;
    count = bind_args(b, s, args);
    b->hole = saved;
    if (bind_failed(b))
        return node_new(b, N_OPEN, s->pos, t);
    if ((type_flags(t) & TF_DELEGATE || type_is_nullable(t)) && count == 1)
        return conv_to(b, args[0].node, t);
    if (count == 0 && type_is_value(t)) {
        n = node_const(b, s->pos, value_default(b->c->program, t), t);
    } else {
        if (t->id < TYPE_COUNT && type_flags(t) & (TF_STATIC | TF_INTERFACE))
            return bind_error(b, s->pos, "'%s' cannot be created", bind_type_text(b, t));
        if (t->id < TYPE_COUNT)
            for (unsigned i = type_defs[t->id].first; i < type_defs[t->id].last; i++)
                if (type_members[i].kind == M_NEW) {
                    find_members(b, t, SLICE_NONE, KIND(NEW), &l);
                    break;
                }
        for (unsigned i = 0; i < l.n;) /* constructors are not inherited */
            if (!type_eq(((struct candidate *)l.v[i])->on, t))
                l.v[i] = l.v[--l.n];
            else
                i++;
        if (l.n == 0 || (type_is(t, TYPE_TUPLE) && t->n == 0))
            return bind_error(b, s->pos, "'%s' cannot be created with 'new'", bind_type_text(b, t));
        n = bind_overload(b, s->pos, &l, NULL, args, count, NULL, 0, SLICE_NONE, t);
    }
    if (!s->b || bind_failed(b))
        return n;
    n = bind_once(b, n, &steps);
    bind_init(b, s->b, n, &steps);
    list_add(b->c, &steps, n);
    return node_seq(b, s->pos, &steps);
}

static struct node *array_elements(struct binder *b, const struct syn *init, const struct type *elem, uint32_t pos)
{
    struct node *n = node_new(b, N_ARRAY, pos, NULL);
    struct list l = { 0 };
    const struct type *t = elem;

    for (unsigned i = 0; i < init->n; i++) {
        const struct syn *e = init->v[i];

        if (e->op == S_ARG) /* a local's `= { ... }` */
            e = e->v[0]->a;
        list_add(b->c, &l, bind_value(b, e, elem));
    }
    if (!t && l.n == 0) {
        return bind_error(b, pos, "the array's type cannot be told from an empty initializer");
    } else if (!t) {
        t = ((struct node *)l.v[0])->type;
        for (unsigned i = 1; i < l.n; i++) {
            struct node probe = *(struct node *)l.v[i], first = { .op = N_LOCAL, .type = t };
            const struct type *common = conv_common(b, &first, &probe);

            if (common)
                t = common;
        }
        if (t->id >= TYPE_COUNT && !type_is(t, TYPE_UNKNOWN))
            return bind_error(b, pos, "no best type for the array");
    }
    for (unsigned i = 0; i < l.n; i++)
        l.v[i] = conv_to(b, l.v[i], t);
    n->type = type_make1(b->c->scratch, TYPE_ARRAY, t);
    n->v = (struct node **)l.v;
    n->n = l.n;
    return n;
}

static struct node *new_array(struct binder *b, const struct syn *s)
{
    const struct type *elem = s->type ? bind_type(b, s->type) : NULL;
    struct node *n;

    if (s->b) {
        n = s->a ? bind_as(b, s->a, TYPE_OF(INT)) : NULL;
        if (n && !bind_failed(b) && (n->op != N_CONST || n->value.i != s->b->n))
            return bind_error(b, s->pos, "the array's size is not the number of its elements, %u", s->b->n);
        return array_elements(b, s->b, elem, s->pos);
    }
    n = node_new(b, N_NEWARRAY, s->pos, type_make1(b->c->scratch, TYPE_ARRAY, elem));
    n->a = bind_as(b, s->a, TYPE_OF(INT));
    return n;
}

struct node *bind_new(struct binder *b, const struct syn *s, const struct type *hint)
{
    const struct type *t;

    if (s->op == S_INIT)
        return hint && type_is(hint, TYPE_ARRAY) ? array_elements(b, s, hint->args[0], s->pos)
                                                 : bind_error(b, s->pos, "an array initializer needs an array type");
    if (s->op == S_NEWARRAY)
        return new_array(b, s);
    if (s->op == S_DEFAULT)
        return node_const(b, s->pos, value_default(b->c->program, hint), hint);
    t = s->type ? bind_type(b, s->type) : type_strip(hint);
    return bind_failed(b) ? node_new(b, N_OPEN, s->pos, t) : new_object(b, s, t);
}
