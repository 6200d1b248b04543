/* Loading an artifact directory: the steps, the list of resources, the list of problems. */
#include "app/artifact/artifact_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "platform/base/buf.h"
#include "platform/base/nearest.h"

const struct resource_def resource_defs[RESOURCE_KINDS] = {
#define RESOURCE(id, folder, kind, information, older, overrides_key) { folder, kind, information, older, overrides_key },
#include "app/artifact/resources.def"
#undef RESOURCE
};

static void report(struct artifacts *out, const struct artifact_problem *what, const char *fmt, va_list args)
{
    struct artifact_problem *problem = arena_new(out->arena, struct artifact_problem);
    enum artifact_severity severity = what->severity;

    if (severity == ARTIFACT_ERROR)
        out->errors++;
    else if (severity == ARTIFACT_SKIP)
        out->skips++;
    if (!problem)
        return;
    *problem = *what;
    problem->why = arena_vprintf(out->arena, fmt, args);
    *out->problems_end = problem;
    out->problems_end = &problem->next;
}

void artifact_report(struct artifacts *out, enum artifact_severity severity, struct slice what, const char *fmt, ...)
{
    struct artifact_problem problem = { .severity = severity, .what = what };
    va_list args;

    va_start(args, fmt);
    report(out, &problem, fmt, args);
    va_end(args);
}

void artifact_report_at(struct artifacts *out, enum artifact_severity severity, struct slice what, unsigned line, unsigned column,
                        const char *fmt, ...)
{
    struct artifact_problem problem = { .severity = severity, .what = what, .line = line, .column = column };
    va_list args;

    va_start(args, fmt);
    report(out, &problem, fmt, args);
    va_end(args);
}

void artifact_report_unreadable(struct artifacts *out, struct slice what, const char *path, const struct err *err)
{
    struct slice why = slice_from(err->text), named = slice_from(path);

    if (slice_starts(why, named) && slice_starts(slice_skip(why, named.n), SLICE(": ")))
        why = slice_skip(why, named.n + 2);
    out->unreadable = true;
    artifact_report(out, ARTIFACT_ERROR, what, "%.*s", SLICE_ARG(why));
}

void artifact_report_parse(struct artifacts *out, struct slice file, const struct err *err)
{
    struct slice rest = slice_from(err->text), word[4];
    uint64_t line, column;

    for (size_t i = 0; i < COUNT_OF(word); i++)
        if (!slice_cut(&rest, i < 3 ? ' ' : ':', &word[i]))
            word[i] = SLICE("");
    if (slice_eq(word[0], SLICE("line")) && slice_to_u64(word[1], UINT32_MAX, &line) && slice_to_u64(word[3], UINT32_MAX, &column))
        artifact_report_at(out, ARTIFACT_ERROR, file, (unsigned)line, (unsigned)column, "%.*s", SLICE_ARG(slice_trim(rest)));
    else
        artifact_report(out, ARTIFACT_ERROR, file, "%s", err->text);
}

struct slice artifact_place(struct arena *a, const struct artifact_problem *p)
{
    if (!p->line)
        return p->what;
    if (!p->column)
        return arena_printf(a, "%.*s:%u", SLICE_ARG(p->what), p->line);
    return arena_printf(a, "%.*s:%u:%u", SLICE_ARG(p->what), p->line, p->column);
}

unsigned source_line(const struct source *s, const char *at)
{
    unsigned line = 1;

    if (!s->origin || !at || at < s->origin || at > s->origin + s->text.n)
        return 0;
    for (const char *p = s->origin; p < at; p++)
        line += s->text.p[p - s->origin] == '\n';
    return line;
}

struct slice artifact_scalar(const struct json *value)
{
    return json_str(value).p ? json_str(value) : json_number_text(value);
}

static const char *find_key(const struct json *object, const char *name)
{
    struct json_iter it = json_iter(object);

    while (json_next(&it))
        if (slice_eq(it.key, slice_from(name)))
            return it.key.p;
    return NULL;
}

void artifact_report_property(struct artifacts *out, enum artifact_severity severity, const struct resource *r, const char *name,
                              const char *fmt, ...)
{
    struct artifact_problem problem = { .severity = severity, .what = r->file, .line = r->source ? r->source->line : 0 };
    bool elsewhere = r->made; /* the file does not tell what this is about */
    struct err text;
    va_list args;

    for (const struct source *s = r->source; s; s = s->before) {
        const char *key = find_key(s->properties, name);
        if (!key)
            continue;
        problem.what = s->file;
        problem.line = source_line(s, key);
        elsewhere |= s->before != NULL;
        break;
    }
    va_start(args, fmt);
    vsnprintf(text.text, sizeof text.text, fmt, args);
    va_end(args);
    artifact_report_at(out, severity, problem.what, problem.line, 0, "%.*s%s%s",
                       SLICE_ARG(elsewhere ? resource_name(out->arena, r) : SLICE("")), elsewhere ? ": " : "", text.text);
}

struct resource *tree_find(const struct tree *t, enum resource_kind kind, struct slice id)
{
    return map_get(&t->ids[kind], id);
}

struct resource *tree_add(struct tree *t, enum resource_kind kind, struct slice id, struct slice dir)
{
    struct resource *r = arena_new(t->arena, struct resource);

    if (!r || !map_put(&t->ids[kind], id, r))
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

    if (!id.n)
        return best;
    for (const struct resource *r = t->first; r; r = r->next) {
        unsigned d = r->kind == kind && !r->made ? nearest_distance(id, r->id) : NEAREST_FAR;
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
    for (int kind = 0; kind < RESOURCE_KINDS; kind++)
        map_init_icase(&tree.ids[kind], a); /* as in Azure: ids differ by more than case */
    if (artifact_read(&tree) && artifact_override(&tree) && artifact_check(&tree))
        artifact_emit(&tree);
    if (a->overflow)
        artifact_report(out, ARTIFACT_ERROR, slice_from(options->dir), "too large: more than %zu bytes in memory", a->limit);
    return out->errors == 0 && !a->overflow;
}
