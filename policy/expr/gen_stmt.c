/* Statements to instructions: blocks, loops, try. */
#include "policy/expr/gen.h"

/* Run the finally blocks between here and `until`, innermost first; the code is outside those tries' protection. */
static void leave_tries(struct gen *g, struct try_frame *until)
{
    struct try_frame *saved = g->tries;

    for (struct try_frame *t = saved; t && t != until; t = t->up) {
        uint32_t from = gen_here(g);

        if (!t->finally)
            continue;
        g->tries = t->up;
        gen_statement(g, t->finally);
        for (struct try_frame *k = saved;; k = k->up) {
            if (k->ngaps == COUNT_OF(k->gaps)) {
                comp_fail(g->c, g->at, "too many exits from a try statement");
                return;
            }
            k->gaps[k->ngaps][0] = from;
            k->gaps[k->ngaps++][1] = gen_here(g);
            if (k == t)
                break;
        }
    }
    g->tries = saved;
}

static void add_handler(struct gen *g, uint32_t from, uint32_t to, uint32_t target, unsigned reg)
{
    struct handler h = { from, to, target, (uint16_t)reg };

    if (from < to)
        buf_put(&g->handlers, slice_of(&h, sizeof h));
}

/* Protect [from, to) less the gaps noted in t. */
static void protect(struct gen *g, struct try_frame *t, uint32_t to, uint32_t target, unsigned reg)
{
    uint32_t from = t->from;

    for (unsigned i = 0; i < t->ngaps; i++) {
        if (t->gaps[i][0] > from)
            add_handler(g, from, t->gaps[i][0], target, reg);
        if (t->gaps[i][1] > from)
            from = t->gaps[i][1];
    }
    add_handler(g, from, to, target, reg);
}

/* The filter of a catch: to `next` when it is false or throws. */
static void gen_filter(struct gen *g, struct node *filter, struct label *next)
{
    unsigned ignored = gen_temp(g);
    struct label fits = { 0 };
    uint32_t from = gen_here(g), to;

    gen_condition(g, filter, true, &fits);
    to = gen_here(g);
    add_handler(g, from, to, to, ignored);
    gen_jump(g, OP_JUMP, 0, next);
    gen_label(g, &fits);
}

static void gen_catches(struct gen *g, struct node *n, unsigned reg, struct label *done)
{
    unsigned outer = g->caught;

    for (unsigned i = 0; i < n->n; i++) {
        struct node *k = n->v[i];
        struct label next = { 0 };
        unsigned top = g->top, test = gen_temp(g);

        gen_emit(g, OP_IS, test, reg, gen_type(g, k->on));
        gen_jump(g, OP_JFALSE, test, &next);
        gen_emit(g, OP_MOVE, k->var->reg, reg, 0);
        if (k->var->captured)
            gen_emit(g, OP_CELL, k->var->reg, 0, 0);
        if (k->a)
            gen_filter(g, k->a, &next);
        g->caught = reg;
        gen_statement(g, k->b);
        g->caught = outer;
        gen_jump(g, OP_JUMP, 0, done);
        gen_label(g, &next);
        g->top = top;
    }
    gen_emit(g, OP_THROW, reg, 1, 0); /* none fits: on with it */
}

static void gen_try(struct gen *g, struct node *n)
{
    struct try_frame outer = { .up = g->tries, .finally = n->b, .from = gen_here(g) }, inner;
    struct label done = { 0 };
    unsigned top = g->top, reg = gen_temp(g);
    uint32_t end;

    if (n->b)
        g->tries = &outer;
    inner = (struct try_frame){ .up = g->tries, .from = gen_here(g) };
    g->tries = &inner;
    gen_statement(g, n->a);
    end = gen_here(g);
    gen_jump(g, OP_JUMP, 0, &done);
    g->tries = inner.up;
    if (n->n) {
        protect(g, &inner, end, gen_here(g), reg);
        gen_catches(g, n, reg, &done);
    }
    g->tries = outer.up;
    if (n->b) {
        struct label after = { 0 };

        protect(g, &outer, gen_here(g), gen_here(g), reg);
        gen_statement(g, n->b);
        gen_emit(g, OP_THROW, reg, 1, 0);
        gen_label(g, &done);
        gen_statement(g, n->b);
        gen_label(g, &after);
    } else {
        gen_label(g, &done);
    }
    g->top = top;
}

/* Back to `head` while the condition holds: a comparison jumps there itself. */
static void gen_turn(struct gen *g, struct node *condition, uint32_t head)
{
    gen_comparison(g, condition, true);
    gen_jump_to(g, OP_EXT, 1, head);
}

static void gen_loop(struct gen *g, struct node *n)
{
    struct label on_break = { 0 }, on_continue = { 0 };
    struct loop_frame frame = { g->loops, &on_break, &on_continue, g->tries };
    bool compares = n->a && gen_is_comparison(n->a);
    uint32_t head;

    for (unsigned i = 0; i < n->n; i++)
        gen_statement(g, n->v[i]);
    g->loops = &frame;
    head = gen_here(g);
    if (!n->c)
        gen_cells(g, n->group);
    compares &= n->sub || gen_here(g) == head; /* no cells to make in each turn */
    if (n->a && !n->sub)
        gen_condition(g, n->a, false, &on_break);
    if (compares && !n->sub)
        head = gen_here(g);
    gen_statement(g, n->b);
    gen_label(g, &on_continue);
    if (n->c)
        gen_statement(g, n->c);
    if (n->a && n->sub && !compares)
        gen_condition(g, n->a, false, &on_break);
    if (compares)
        gen_turn(g, n->a, head);
    else
        gen_jump_to(g, OP_LOOP, 0, head);
    gen_label(g, &on_break);
    g->loops = frame.up;
}

static void gen_foreach(struct gen *g, struct node *n)
{
    struct label on_break = { 0 }, on_continue = { 0 };
    struct loop_frame frame = { g->loops, &on_break, &on_continue, g->tries };
    unsigned top = g->top, it = gen_temp(g), element = gen_temp(g);
    uint32_t head;

    gen_expr(g, n->a, it);
    g->at = n->pos;
    gen_emit(g, OP_ITER, it, it, 0);
    g->loops = &frame;
    head = gen_here(g);
    gen_jump(g, OP_NEXT, element, &on_break);
    if (n->var2->captured) {
        gen_emit(g, OP_MOVE, n->var2->reg, element, 0);
        gen_emit(g, OP_CELL, n->var2->reg, 0, 0);
    } else {
        gen_store(g, n->var2, element);
    }
    gen_statement(g, n->b);
    gen_label(g, &on_continue);
    gen_jump_to(g, OP_LOOP, 0, head);
    gen_label(g, &on_break);
    g->loops = frame.up;
    g->top = top;
}

static void gen_switch(struct gen *g, struct node *n)
{
    struct label on_break = { 0 }, bodies[64] = { 0 };
    struct loop_frame frame = { g->loops, &on_break, g->loops ? g->loops->on_continue : NULL, g->tries };
    int standard = -1;

    if (n->n > 64) {
        comp_fail(g->c, n->pos, "a switch with more than 64 sections");
        return;
    }
    gen_effect(g, n->a);
    for (unsigned i = 0; i < n->n; i++) {
        if (n->v[i]->sub)
            standard = (int)i;
        if (n->v[i]->a)
            gen_condition(g, n->v[i]->a, true, &bodies[i]);
    }
    gen_jump(g, OP_JUMP, 0, standard >= 0 ? &bodies[standard] : &on_break);
    g->loops = &frame;
    for (unsigned i = 0; i < n->n; i++) {
        gen_label(g, &bodies[i]);
        gen_statement(g, n->v[i]->b);
        gen_jump(g, OP_JUMP, 0, &on_break);
    }
    gen_label(g, &on_break);
    g->loops = frame.up;
}

/* The loop (or switch) that break or continue leaves or begins again, or NULL. */
static struct loop_frame *loop_left(const struct gen *g, bool is_break)
{
    struct loop_frame *l = g->loops;

    /* a switch has no continue of its own: look for the loop around it */
    while (!is_break && l && l->up && l->on_continue == l->up->on_continue)
        l = l->up;
    return l && (is_break || l->on_continue) ? l : NULL;
}

static void gen_leave_loop(struct gen *g, bool is_break)
{
    struct loop_frame *l = loop_left(g, is_break);

    if (!l) {
        comp_fail(g->c, g->at, "'%s' outside a loop", is_break ? "break" : "continue");
        return;
    }
    leave_tries(g, l->tries);
    gen_jump(g, OP_JUMP, 0, is_break ? l->on_break : l->on_continue);
}

static void gen_return(struct gen *g, struct node *n)
{
    unsigned top = g->top, r = gen_temp(g);

    if (n->a)
        gen_expr(g, n->a, r);
    else
        gen_emit(g, OP_NULL, r, 0, 0);
    leave_tries(g, NULL);
    gen_emit(g, OP_RETURN, r, 0, 0);
    g->top = top;
}

static void gen_decl(struct gen *g, struct node *n)
{
    if (!n->var->captured) {
        if (n->a->op == N_SEQ || n->a->op == N_SET) {
            unsigned top = g->top, r = gen_temp(g);

            gen_expr(g, n->a, r);
            gen_emit(g, OP_MOVE, n->var->reg, r, 0);
            g->top = top;
        } else {
            gen_expr(g, n->a, n->var->reg);
        }
        return;
    }
    {
        unsigned top = g->top, r = gen_temp(g);

        gen_expr(g, n->a, r);
        gen_emit(g, OP_MOVE, n->var->reg, r, 0);
        gen_emit(g, OP_CELL, n->var->reg, 0, 0);
        g->top = top;
    }
}

/* if (...) continue; where no finally stands in between: where the condition jumps to, or NULL. */
static struct label *leaving_label(const struct gen *g, const struct node *n)
{
    const struct node *only = n->b->op == N_BLOCK && n->b->n == 1 ? n->b->v[0] : n->b;
    struct loop_frame *l;

    if (n->c || (only->op != N_BREAK && only->op != N_CONTINUE))
        return NULL;
    l = loop_left(g, only->op == N_BREAK);
    if (!l || l->tries != g->tries)
        return NULL;
    return only->op == N_BREAK ? l->on_break : l->on_continue;
}

static void gen_if(struct gen *g, struct node *n)
{
    struct label otherwise = { 0 }, end = { 0 }, *leaving = leaving_label(g, n);

    if (leaving) {
        gen_condition(g, n->a, true, leaving);
        return;
    }
    gen_condition(g, n->a, false, &otherwise);
    gen_statement(g, n->b);
    if (n->c)
        gen_jump(g, OP_JUMP, 0, &end);
    gen_label(g, &otherwise);
    if (n->c)
        gen_statement(g, n->c);
    gen_label(g, &end);
}

void gen_statement(struct gen *g, struct node *n)
{
    if (g->c->failed)
        return;
    g->at = n->pos;
    switch (n->op) {
    case N_DECL: gen_decl(g, n); break;
    case N_EXPR: gen_effect(g, n->a); break;
    case N_BLOCK:
        gen_cells(g, n->group);
        for (unsigned i = 0; i < n->n; i++)
            gen_statement(g, n->v[i]);
        break;
    case N_IF: gen_if(g, n); break;
    case N_LOOP: gen_loop(g, n); break;
    case N_FOREACH: gen_foreach(g, n); break;
    case N_SWITCH: gen_switch(g, n); break;
    case N_BREAK:
    case N_CONTINUE: gen_leave_loop(g, n->op == N_BREAK); break;
    case N_RETURN: gen_return(g, n); break;
    case N_TRY: gen_try(g, n); break;
    default: break;
    }
}
