/* What all phases of a compilation share: the sticky error, memory, lists. */
#include "policy/expr/comp.h"

#include <stdio.h>

#include "policy/expr/lex.h"

void *comp_fail(struct comp *c, uint32_t pos, const char *fmt, ...)
{
    static const struct token end[4]; /* TOK_END, as far as any look ahead goes */
    va_list args;

    c->tok = end;
    if (c->failed)
        return NULL;
    c->failed = true;
    c->err->offset = pos;
    c->err->line = 1;
    c->err->column = 1;
    for (uint32_t i = 0; i < pos && i < c->source.n; i++) {
        c->err->column++;
        if (c->source.p[i] == '\n') {
            c->err->line++;
            c->err->column = 1;
        }
    }
    va_start(args, fmt);
    vsnprintf(c->err->message, sizeof c->err->message, fmt, args);
    va_end(args);
    return NULL;
}

void *comp_alloc(struct comp *c, size_t n)
{
    void *p = arena_alloc(c->scratch, n);

    return p ? p : comp_fail(c, 0, "the expression is too large");
}

void *comp_keep(struct comp *c, size_t n)
{
    void *p = arena_alloc(c->program, n);

    return p ? p : comp_fail(c, 0, "the program's memory is used up");
}

void list_add(struct comp *c, struct list *l, void *p)
{
    if (l->n == l->room) {
        unsigned room = l->room ? 2 * l->room : 8;
        void **v = comp_alloc(c, room * sizeof *v);

        if (!v)
            return;
        if (l->n)
            memcpy(v, l->v, l->n * sizeof *v);
        l->v = v;
        l->room = room;
    }
    l->v[l->n++] = p;
}
