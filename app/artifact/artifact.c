/* Loading an artifact directory: the steps, the list of resources, the list of problems. */
#include "app/artifact/artifact_int.h"

#include <stdarg.h>
#include <string.h>

#include "platform/base/buf.h"
#include "platform/base/nearest.h"

const struct resource_def resource_defs[RESOURCE_KINDS] = {
#define RESOURCE(id, folder, kind, information, older, overrides_key) { folder, kind, information, older, overrides_key },
#include "app/artifact/resources.def"
#undef RESOURCE
};

void artifact_report(struct artifacts *out, enum artifact_severity severity, struct slice what, const char *fmt, ...)
{
    struct artifact_problem *problem = arena_new(out->arena, struct artifact_problem);
    va_list args;

    if (severity == ARTIFACT_ERROR)
        out->errors++;
    else if (severity == ARTIFACT_SKIP)
        out->skips++;
    if (!problem)
        return;
    va_start(args, fmt);
    problem->why = arena_vprintf(out->arena, fmt, args);
    va_end(args);
    problem->severity = severity;
    problem->what = what;
    *out->problems_end = problem;
    out->problems_end = &problem->next;
}

struct resource *tree_find(const struct tree *t, enum resource_kind kind, struct slice id)
{
    for (struct resource *r = t->first; r; r = r->next)
        if (r->kind == kind && slice_eq(r->id, id))
            return r;
    return NULL;
}

struct resource *tree_add(struct tree *t, enum resource_kind kind, struct slice id, struct slice dir)
{
    struct resource *r = arena_new(t->arena, struct resource);

    if (!r)
        return NULL;
    r->kind = kind;
    r->id = id;
    r->dir = dir;
    r->properties = json_parse(t->arena, SLICE("{}"), NULL);
    *t->end = r;
    t->end = &r->next;
    return r;
}

struct slice tree_nearest(const struct tree *t, enum resource_kind kind, struct slice id)
{
    struct slice best = SLICE_NONE;
    unsigned limit = nearest_limit(id) + 1;

    for (const struct resource *r = t->first; r; r = r->next) {
        unsigned d = r->kind == kind ? nearest_distance(id, r->id) : NEAREST_FAR;
        if (d < limit) {
            limit = d;
            best = r->id;
        }
    }
    return best;
}

void artifact_add_entity(struct tree *t, const char *kind, struct slice id, struct slice properties)
{
    struct artifacts *out = t->out;
    struct buf line;

    if (out->n == out->room) {
        size_t room = out->room ? out->room * 2 : 64;
        struct artifact_entity *grown = arena_array(t->arena, struct artifact_entity, room);
        if (!grown)
            return;
        if (out->n)
            memcpy(grown, out->entities, out->n * sizeof *grown);
        out->entities = grown;
        out->room = room;
    }
    buf_init(&line, t->arena);
    buf_puts(&line, "{\"kind\":");
    buf_put_json(&line, slice_from(kind));
    buf_puts(&line, ",\"id\":");
    buf_put_json(&line, id);
    buf_puts(&line, ",\"properties\":");
    buf_put(&line, properties);
    buf_putc(&line, '}');
    out->entities[out->n++] = (struct artifact_entity){ slice_from(kind), id, buf_slice(&line) };
}

bool artifact_load(struct arena *a, const struct artifact_options *options, struct artifacts *out)
{
    struct tree tree = { .arena = a, .options = options, .out = out };

    memset(out, 0, sizeof *out);
    out->arena = a;
    out->problems_end = &out->problems;
    tree.end = &tree.first;
    tree.policies_end = &tree.policies;
    if (artifact_read(&tree) && artifact_override(&tree))
        artifact_emit(&tree);
    if (a->overflow)
        artifact_report(out, ARTIFACT_ERROR, slice_from(options->dir), "too large: more than %zu bytes in memory", a->limit);
    return out->errors == 0 && !a->overflow;
}
