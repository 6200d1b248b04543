/* What the binder says of names and calls that fit nothing: the nearest name, the argument types, and of a lambda the
 * error inside it. */
#include "policy/expr/bind.h"

#include "platform/base/nearest.h"

static struct slice listed_name(const void *list, size_t i)
{
    return *(const struct slice *)((const struct list *)list)->v[i];
}

static void add_name(struct binder *b, struct list *l, struct slice name)
{
    struct slice *kept = comp_new(b->c, struct slice);

    if (!kept || name.n == 0 || !(ascii_is_alpha(*name.p) || *name.p == '_'))
        return;
    *kept = name;
    list_add(b->c, l, kept);
}

/* ", did you mean 'X'?" or nothing. */
static const char *hint_of(struct binder *b, struct slice name, const struct list *l)
{
    ptrdiff_t i = nearest_find(name, l, l->n, listed_name);
    struct slice text = i < 0 ? SLICE_NONE : arena_printf(b->c->scratch, ", did you mean '%.*s'?", SLICE_ARG(listed_name(l, (size_t)i)));

    return text.p ? text.p : "";
}

static void add_types(struct binder *b, struct list *l)
{
    for (unsigned id = 0; id < TYPE_COUNT; id++)
        add_name(b, l, slice_from(type_defs[id].name));
}

struct node *unknown_name(struct binder *b, const struct syn *s)
{
    struct list l = { 0 };

    if (b->c->open_code)
        return node_new(b, N_OPEN, s->pos, TYPE_OF(UNKNOWN));
    if (b->trial)
        return bind_error(b, s->pos, "unknown");
    for (struct scope *k = b->scope; k; k = k->up)
        for (unsigned i = k->vars.n; i-- > 0;)
            add_name(b, &l, ((struct var *)k->vars.v[i])->name);
    add_name(b, &l, SLICE("context"));
    add_types(b, &l);
    return bind_error(b, s->pos, "the name '%.*s' is not known%s", SLICE_ARG(s->text), hint_of(b, s->text, &l));
}

const struct type *unknown_type(struct binder *b, uint32_t pos, struct slice name, unsigned nargs)
{
    struct list l = { 0 };
    unsigned any = type_find(name, -1);

    if (slice_eq(name, SLICE("dynamic")))
        bind_error(b, pos, "'dynamic' is not supported in policy expressions");
    else if (any < TYPE_COUNT && type_arity(any) >= 0)
        bind_error(b, pos, "'%.*s' takes %d type arguments, not %u", SLICE_ARG(name), type_arity(any), nargs);
    else if (!b->trial)
        add_types(b, &l);
    bind_error(b, pos, "unknown type '%.*s'%s", SLICE_ARG(name), hint_of(b, name, &l));
    return TYPE_OF(UNKNOWN);
}

static void add_candidates(struct binder *b, struct list *names, const struct list *found)
{
    for (unsigned i = 0; i < found->n; i++)
        add_name(b, names, slice_from(((struct candidate *)found->v[i])->m->name));
}

struct node *unknown_member(struct binder *b, uint32_t pos, const struct type *on, struct slice name, bool is_static)
{
    const unsigned own = KIND(GET) | KIND(SET) | KIND(METHOD), shared = KIND(SGET) | KIND(STATIC) | KIND(ENUM);
    struct list other = { 0 }, found = { 0 }, names = { 0 };

    if (b->trial)
        return bind_error(b, pos, "unknown");
    find_members(b, on, name, is_static ? own : shared, &other);
    if (other.n)
        return bind_error(b, pos, is_static ? "'%.*s' belongs to a value of '%s', not to the type" : "'%.*s' is static: it is called on the type, '%s', not on a value",
                          SLICE_ARG(name), bind_type_text(b, on));
    find_members(b, on, SLICE_NONE, is_static ? shared : own, &found);
    if (!is_static)
        find_extensions(b, SLICE_NONE, &found);
    add_candidates(b, &names, &found);
    for (unsigned i = 0; i < on->n && on->names; i++)
        add_name(b, &names, on->names[i]);
    return bind_error(b, pos, "'%s' has no member '%.*s'%s", bind_type_text(b, on), SLICE_ARG(name), hint_of(b, name, &names));
}

/* When a lambda is why nothing fits: bind it against the first candidate that gives its parameters types, for the
 * error that is inside. */
static bool tell_lambda_error(struct binder *b, const struct list *candidates, const struct arg *args, unsigned n)
{
    for (unsigned i = 0; i < candidates->n && !bind_failed(b); i++)
        for (unsigned k = 0; k < n && !bind_failed(b); k++) {
            const struct type *params[8];
            unsigned np;

            if (args[k].node->op == N_LAMBDA && lambda_params(b, candidates->v[i], args, n, k, params, &np) && np == args[k].node->syn->n)
                bind_lambda(b, args[k].node->syn, params, np, NULL, TYPE_OF(UNKNOWN));
        }
    return bind_failed(b);
}

struct node *no_overload(struct binder *b, uint32_t pos, const struct list *candidates, struct slice name, const struct type *on,
                         const struct arg *args, unsigned n)
{
    const struct candidate *first = candidates->v[0];
    unsigned shown = first->m->kind == M_EXT && n && args[0].node->type && type_eq(args[0].node->type, on); /* the receiver goes without saying */
    struct buf t;

    for (unsigned i = 0; i < n; i++)
        if (args[i].node->type && type_is(args[i].node->type, TYPE_UNKNOWN) && args[i].node->op != N_OUTVAR)
            return node_new(b, N_OPEN, pos, TYPE_OF(UNKNOWN));
    if (!b->trial && tell_lambda_error(b, candidates, args, n))
        return node_new(b, N_OPEN, pos, TYPE_OF(UNKNOWN));
    buf_init(&t, b->c->scratch);
    for (unsigned i = shown; i < n; i++) {
        if (i > shown)
            buf_puts(&t, ", ");
        if (args[i].node->op == N_OUTVAR)
            buf_puts(&t, "out ");
        type_print(&t, args[i].node->type ? args[i].node->type : TYPE_OF(UNKNOWN));
    }
    if (name.n == 0 || slice_eq(name, SLICE("this")))
        return bind_error(b, pos, "'%s' has no %s taking (%s)", bind_type_text(b, on), name.n ? "index" : "constructor", buf_slice(&t).p);
    return bind_error(b, pos, "'%s' has no method '%.*s' taking (%s)", bind_type_text(b, on), SLICE_ARG(name), buf_slice(&t).p);
}
