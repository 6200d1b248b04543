/* The list of diagnostics: errors and warnings with their place, each once. */
#include <stdarg.h>
#include <string.h>

#include "policy/comp_int.h"

static bool same(const struct policy_diagnostic *d, const struct policy_diagnostic *other)
{
    return d->line == other->line && d->column == other->column && d->severity == other->severity &&
           strcmp(d->file, other->file) == 0 && slice_eq(d->message, other->message);
}

/* A fragment that several places include is compiled several times: its faults are told once. */
static bool is_known(const struct policy_diagnostics *all, const struct policy_diagnostic *d)
{
    for (size_t i = 0; i < all->n; i++) {
        if (same(&all->v[i], d))
            return true;
    }
    return false;
}

static bool make_room(struct policy_compiler *pc)
{
    struct policy_diagnostics *all = &pc->diagnostics;

    if (all->n < all->room)
        return true;
    size_t room = all->room ? all->room * 2 : 16;
    struct policy_diagnostic *grown =
        arena_grow(pc->program, all->v, all->room * sizeof *grown, room * sizeof *grown);
    if (!grown)
        return false;
    all->v = grown;
    all->room = room;
    return true;
}

void diag_add(struct policy_compiler *pc, const char *file, unsigned line, unsigned column,
              enum policy_severity severity, struct slice message)
{
    struct policy_diagnostics *all = &pc->diagnostics;
    struct policy_diagnostic d = { file, line, column, severity, message };

    if (severity == POLICY_ERROR)
        all->errors++;
    if (all->n > DIAGNOSTICS_MAX || is_known(all, &d) || !make_room(pc))
        return;
    if (all->n == DIAGNOSTICS_MAX)
        d.message = SLICE("there are more faults than these");
    else
        d.message = arena_copy(pc->program, message);
    all->v[all->n++] = d;
}

void diag_vat(struct comp *c, size_t source_offset, enum policy_severity severity, const char *fmt,
              va_list args)
{
    unsigned line, column;

    xml_line_column(c->front.source, source_offset, &line, &column);
    diag_add(c->pc, c->file, line, column, severity, arena_vprintf(&c->pc->scratch, fmt, args));
}

void diag_at(struct comp *c, size_t source_offset, enum policy_severity severity, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_vat(c, source_offset, severity, fmt, args);
    va_end(args);
}
