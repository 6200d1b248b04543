/* Definite assignment and reachability over the bound tree (C# 7.3, 9.4 and 13.2): which variables surely have a value
 * where they are read, whether a body that must give a value can reach its end, whether a switch section falls through.
 *
 * A state says for each variable whether it is assigned, and whether the place can be reached at all. What cannot be
 * reached has assigned everything. Loops need no repetition: going round only ever adds assignments. */
#include "policy/expr/bind.h"

struct state {
    uint64_t *set;
    bool live;
};

/* Where break and continue go. */
struct exits {
    struct exits *up;
    struct state on_break, on_continue;
    bool is_switch;
};

struct flow {
    struct comp *c;
    uint64_t *spare; /* what states share once memory is used up */
    unsigned nvars, words;
    struct exits *exits;
};

static void walk(struct flow *w, struct node *n, struct state *s);
static void body(struct flow *w, struct func *f, const struct state *at, uint32_t end);

/* ---- states ---- */

static struct state state_new(struct flow *w, bool live)
{
    uint64_t *set = comp_alloc(w->c, w->words * sizeof *set);

    return (struct state){ set ? set : w->spare, live };
}

static struct state state_copy(struct flow *w, const struct state *from)
{
    struct state s = state_new(w, from->live);

    if (s.set != from->set)
        memcpy(s.set, from->set, w->words * sizeof *s.set);
    return s;
}

static void state_join(struct flow *w, struct state *into, const struct state *other)
{
    if (!other->live)
        return;
    for (unsigned i = 0; i < w->words; i++)
        into->set[i] = into->live ? into->set[i] & other->set[i] : other->set[i];
    into->live = true;
}

static bool is_tracked(const struct var *v)
{
    return v && v->flow && !v->loose;
}

static void assign(struct state *s, const struct var *v)
{
    if (is_tracked(v))
        s->set[(v->flow - 1) / 64] |= UINT64_C(1) << (v->flow - 1) % 64;
}

static void unassign(struct state *s, const struct var *v)
{
    if (is_tracked(v))
        s->set[(v->flow - 1) / 64] &= ~(UINT64_C(1) << (v->flow - 1) % 64);
}

static bool is_assigned(const struct state *s, const struct var *v)
{
    return !s->live || !is_tracked(v) || s->set[(v->flow - 1) / 64] >> (v->flow - 1) % 64 & 1;
}

/* ---- numbering ---- */

/* Only variables a user can name; hidden ones are set where they are made. */
static void number(struct flow *w, struct var *v)
{
    if (v && v->name.n && v->name.p[0] != '\x01' && !v->flow)
        v->flow = ++w->nvars;
}

/* What a local function sets of its surroundings is set whenever that is called: not followed. */
static void find_vars(struct flow *w, struct node *n, const struct func *local_function)
{
    if (!n)
        return;
    number(w, n->var);
    if (n->op == N_SET && local_function && n->var->owner != local_function)
        n->var->loose = true;
    if (n->op == N_FUNC) {
        for (unsigned i = 0; i < n->func->nparams; i++)
            number(w, n->func->params[i]);
        find_vars(w, n->func->body, n->func->is_local ? n->func : local_function);
    }
    find_vars(w, n->a, local_function);
    find_vars(w, n->b, local_function);
    find_vars(w, n->c, local_function);
    for (unsigned i = 0; i < n->n && n->v; i++)
        find_vars(w, n->v[i], local_function);
}

/* ---- expressions ---- */

static void branch(struct flow *w, struct node *n, struct state *s, struct state *yes, struct state *no);

/* A condition: the states when it holds and when it does not. s is used up. */
static void branch_logic(struct flow *w, struct node *n, struct state *s, struct state *yes, struct state *no)
{
    struct state mid, first;

    if (n->op == N_AND) {
        branch(w, n->a, s, &mid, &first);
        branch(w, n->b, &mid, yes, no);
        state_join(w, no, &first);
    } else {
        branch(w, n->a, s, &first, &mid);
        branch(w, n->b, &mid, yes, no);
        state_join(w, yes, &first);
    }
}

static void branch(struct flow *w, struct node *n, struct state *s, struct state *yes, struct state *no)
{
    if (n->op == N_NOT) {
        branch(w, n->a, s, no, yes);
    } else if (n->op == N_AND || n->op == N_OR) {
        branch_logic(w, n, s, yes, no);
    } else if (n->op == N_SEQ && n->n) {
        for (unsigned i = 0; i + 1 < n->n; i++)
            walk(w, n->v[i], s);
        branch(w, n->v[n->n - 1], s, yes, no);
    } else {
        walk(w, n, s);
        *yes = state_copy(w, s);
        *no = state_copy(w, s);
        if (n->op == N_CONST && n->value.kind == EXPR_BOOL)
            (n->value.i ? no : yes)->live = false;
    }
}

static void walk_condition(struct flow *w, struct node *n, struct state *s)
{
    struct state yes, no;

    branch(w, n, s, &yes, &no);
    state_join(w, &yes, &no);
    *s = yes;
}

/* x ? a : b */
static void walk_choice(struct flow *w, struct node *n, struct state *s)
{
    struct state yes, no;

    branch(w, n->a, s, &yes, &no);
    walk(w, n->b, &yes);
    if (n->c)
        walk(w, n->c, &no);
    state_join(w, &yes, &no);
    *s = yes;
}

/* What stands in b runs only sometimes. */
static void walk_sometimes(struct flow *w, struct node *n, struct state *s)
{
    struct state then;

    walk(w, n->a, s);
    then = state_copy(w, s);
    walk(w, n->b, &then);
    if (!then.live)
        return; /* x ?? throw */
    state_join(w, s, &then);
}

static void walk_call(struct flow *w, struct node *n, struct state *s)
{
    if (n->a)
        walk(w, n->a, s);
    for (unsigned i = 0; i < n->n; i++)
        if (n->v[i]->op != N_OUTVAR)
            walk(w, n->v[i], s);
    for (unsigned i = 0; i < n->n; i++)
        if (n->v[i]->op == N_OUTVAR)
            assign(s, n->v[i]->var);
}

static void walk_func(struct flow *w, struct node *n, struct state *s)
{
    struct state at = state_copy(w, s);

    if (n->func->is_local || !s->live) /* may be called later, when more has a value; or never */
        memset(at.set, 0xFF, w->words * sizeof *at.set);
    at.live = true;
    body(w, n->func, &at, n->pos);
}

/* ---- statements ---- */

static void read_var(struct flow *w, const struct node *n, const struct state *s)
{
    if (!is_assigned(s, n->var))
        comp_fail(w->c, n->pos, "'%.*s' is used before it has a value", SLICE_ARG(n->var->name));
}

static void walk_loop(struct flow *w, struct node *n, struct state *s)
{
    struct exits e = { .up = w->exits, .on_break = state_new(w, false), .on_continue = state_new(w, false) };
    struct state yes, no;

    for (unsigned i = 0; i < n->n; i++)
        walk(w, n->v[i], s);
    no = state_new(w, false);
    if (n->a && !n->sub) {
        branch(w, n->a, s, &yes, &no);
        *s = yes;
    }
    w->exits = &e;
    walk(w, n->b, s);
    w->exits = e.up;
    state_join(w, s, &e.on_continue);
    if (n->c)
        walk(w, n->c, s);
    if (n->a && n->sub)
        branch(w, n->a, s, &yes, &no);
    state_join(w, &no, &e.on_break);
    *s = no;
}

static void walk_foreach(struct flow *w, struct node *n, struct state *s)
{
    struct exits e = { .up = w->exits, .on_break = state_new(w, false), .on_continue = state_new(w, false) };
    struct state inside;

    walk(w, n->a, s);
    inside = state_copy(w, s);
    w->exits = &e;
    walk(w, n->b, &inside);
    w->exits = e.up;
}

static void fall_through(struct flow *w, const struct node *section, const struct state *s)
{
    if (s->live)
        comp_fail(w->c, section->pos, "a switch section must end in break, return, continue or throw");
}

static void walk_switch(struct flow *w, struct node *n, struct state *s)
{
    struct exits e = { .up = w->exits, .on_break = state_new(w, false), .on_continue = state_new(w, false), .is_switch = true };
    struct state *starts = comp_alloc(w->c, n->n * sizeof *starts), rest;
    bool has_default = n->sub;

    walk(w, n->a, s);
    rest = state_copy(w, s);
    for (unsigned i = 0; starts && i < n->n; i++) {
        starts[i] = state_new(w, false);
        if (n->v[i]->a)
            branch(w, n->v[i]->a, &rest, &starts[i], &rest);
    }
    w->exits = &e;
    for (unsigned i = 0; starts && i < n->n; i++) {
        if (n->v[i]->sub) {
            state_join(w, &starts[i], &rest);
            has_default = true;
        }
        walk(w, n->v[i]->b, &starts[i]);
        fall_through(w, n->v[i], &starts[i]);
    }
    w->exits = e.up;
    if (!has_default)
        state_join(w, &e.on_break, &rest);
    *s = e.on_break;
}

static void walk_try(struct flow *w, struct node *n, struct state *s)
{
    struct state before = state_copy(w, s);

    walk(w, n->a, s);
    for (unsigned i = 0; i < n->n; i++) {
        struct state in = state_copy(w, &before);

        assign(&in, n->v[i]->var);
        if (n->v[i]->a) {
            struct state no;

            branch(w, n->v[i]->a, &in, &in, &no);
        }
        walk(w, n->v[i]->b, &in);
        state_join(w, s, &in);
    }
    if (!n->b)
        return;
    walk(w, n->b, &before);
    s->live &= before.live;
    for (unsigned i = 0; i < w->words; i++)
        s->set[i] |= before.set[i];
}

static void walk_jump(struct flow *w, struct node *n, struct state *s)
{
    struct exits *e = w->exits;

    while (e && n->op == N_CONTINUE && e->is_switch)
        e = e->up;
    if (e)
        state_join(w, n->op == N_BREAK ? &e->on_break : &e->on_continue, s);
    s->live = false;
}

static void walk_decl(struct flow *w, struct node *n, struct state *s)
{
    if (n->sub) { /* without a value */
        unassign(s, n->var);
        return;
    }
    walk(w, n->a, s);
    assign(s, n->var);
}

static void walk_children(struct flow *w, struct node *n, struct state *s)
{
    if (n->a)
        walk(w, n->a, s);
    if (n->b)
        walk(w, n->b, s);
    if (n->c)
        walk(w, n->c, s);
    for (unsigned i = 0; i < n->n && n->v; i++)
        walk(w, n->v[i], s);
}

static void walk(struct flow *w, struct node *n, struct state *s)
{
    if (w->c->failed)
        return;
    switch (n->op) {
    case N_LOCAL: read_var(w, n, s); break;
    case N_SET:
        walk(w, n->a, s);
        assign(s, n->var);
        break;
    case N_OUTVAR: assign(s, n->var); break;
    case N_CALL:
    case N_INVOKE: walk_call(w, n, s); break;
    case N_FUNC: walk_func(w, n, s); break;
    case N_NOT:
    case N_AND:
    case N_OR: walk_condition(w, n, s); break;
    case N_IF:
    case N_COND: walk_choice(w, n, s); break;
    case N_COALESCE:
    case N_CONDACCESS: walk_sometimes(w, n, s); break;
    case N_DECL: walk_decl(w, n, s); break;
    case N_EXPR:
        walk_children(w, n, s);
        s->live &= n->a->op != N_OPEN; /* code that is not there yet: it may set all and return */
        break;
    case N_LOOP: walk_loop(w, n, s); break;
    case N_FOREACH: walk_foreach(w, n, s); break;
    case N_SWITCH: walk_switch(w, n, s); break;
    case N_TRY: walk_try(w, n, s); break;
    case N_BREAK:
    case N_CONTINUE: walk_jump(w, n, s); break;
    case N_RETURN:
    case N_THROW:
        walk_children(w, n, s);
        s->live = false;
        break;
    default: walk_children(w, n, s); break;
    }
}

static void body(struct flow *w, struct func *f, const struct state *at, uint32_t end)
{
    struct state s = state_copy(w, at);
    struct exits *saved = w->exits;

    if (w->c->failed)
        return;
    for (unsigned i = 0; i < f->nparams; i++)
        assign(&s, f->params[i]);
    w->exits = NULL;
    walk(w, f->body, &s);
    w->exits = saved;
    if (s.live && !f->is_expression && f->ret && !type_is(f->ret, TYPE_VOID))
        comp_fail(w->c, end, "not every path returns a value");
}

void flow_check(struct comp *c, struct func *f, uint32_t end)
{
    struct flow w = { .c = c };
    struct state s;

    if (c->failed)
        return;
    find_vars(&w, f->body, NULL);
    w.words = w.nvars / 64 + 1;
    w.spare = comp_alloc(c, w.words * sizeof *w.spare);
    if (!w.spare)
        return;
    s = state_new(&w, true);
    body(&w, f, &s, end);
}
