/* Properties of the right type: numbers and truth values where text is meant become text (YAML types a key of digits), "true" where
 * a truth value is meant becomes one, anything else is an error at its line. */
#include "app/artifact/artifact_int.h"

#include "platform/base/buf.h"
#include "platform/base/nearest.h"
#include "platform/clock.h"

enum property_type { ANY, TEXT, DATE, BOOL, LIST, OBJECT, NUMBER };

struct property_def {
    const char *name, *choices;
    enum resource_kind kind;
    enum property_type type;
};

static const struct property_def defs[] = {
#define PROPERTY(kind, name, type) { name, NULL, RESOURCE_##kind, type },
#define CHOICE(kind, name, choices) { name, choices, RESOURCE_##kind, TEXT },
#include "app/artifact/properties.def"
#undef PROPERTY
#undef CHOICE
};

static const char *const type_names[] = {
    [TEXT] = "text", [DATE] = "a date, like 2026-01-31T12:00:00Z", [BOOL] = "true or false", [LIST] = "a list", [OBJECT] = "an object", [NUMBER] = "a number",
};

static const struct property_def *find_def(enum resource_kind kind, struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(defs); i++)
        if (defs[i].kind == kind && slice_eq(name, slice_from(defs[i].name)))
            return &defs[i];
    return NULL;
}

const char *artifact_property_nearest(enum resource_kind kind, struct slice name)
{
    const char *best = NULL;
    unsigned limit = nearest_limit(name) + 1;

    if (find_def(kind, name))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(defs); i++) {
        unsigned d = defs[i].kind == kind ? nearest_distance(name, slice_from(defs[i].name)) : NEAREST_FAR;
        if (d < limit) {
            limit = d;
            best = defs[i].name;
        }
    }
    return best;
}

static bool is_choice(const char *choices, struct slice text)
{
    struct slice rest = slice_from(choices), one;

    while (slice_cut(&rest, '|', &one))
        if (slice_eq_icase(one, text))
            return true;
    return false;
}

static void wrong(struct tree *t, const struct resource *r, const struct property_def *def, const struct json *value)
{
    struct buf b;

    buf_init(&b, t->arena);
    json_write(&b, value);
    artifact_report_property(t->out, ARTIFACT_ERROR, r, def->name, "%s: %.*s: give %s%s", def->name,
                       SLICE_ARG(slice_first(buf_slice(&b), 80)), def->choices ? "one of " : type_names[def->type],
                       def->choices ? def->choices : "");
}

static bool has_type(enum property_type type, const struct json *value)
{
    enum json_type is = json_type(value);
    uint64_t ns;

    switch (type) {
    case ANY: return true;
    case DATE: return clock_parse(json_str(value), &ns);
    case TEXT: return is == JSON_STRING;
    case BOOL: return is == JSON_BOOL;
    case LIST: return is == JSON_ARRAY;
    case OBJECT: return is == JSON_OBJECT;
    case NUMBER: return is == JSON_NUMBER;
    }
    return false;
}

/* Write value as the type that is meant; false: it is none. */
static bool convert(struct buf *b, enum property_type type, const struct json *value)
{
    struct slice text = json_str(value);

    if (type == TEXT && json_type(value) == JSON_NUMBER)
        buf_put_json(b, json_number_text(value));
    else if (type == TEXT && json_type(value) == JSON_BOOL)
        buf_puts(b, json_bool(value, false) ? "\"true\"" : "\"false\"");
    else if (type == BOOL && slice_eq_icase(text, SLICE("true")))
        buf_puts(b, "true");
    else if (type == BOOL && slice_eq_icase(text, SLICE("false")))
        buf_puts(b, "false");
    else
        return false;
    return true;
}

static void check_resource(struct tree *t, struct resource *r)
{
    struct json_iter it = json_iter(r->properties);
    bool changed = false, first = true;
    struct buf b;

    buf_init(&b, t->arena);
    buf_putc(&b, '{');
    while (json_next(&it)) {
        const struct property_def *def = find_def(r->kind, it.key);
        bool right = !def || json_type(it.value) == JSON_NULL || has_type(def->type, it.value);
        buf_puts(&b, first ? "" : ",");
        first = false;
        buf_put_json(&b, it.key);
        buf_putc(&b, ':');
        if (right)
            json_write(&b, it.value);
        else if (convert(&b, def->type, it.value))
            changed = true;
        else
            wrong(t, r, def, it.value);
        if (right && def && def->choices && json_str(it.value).p && !is_choice(def->choices, json_str(it.value)))
            wrong(t, r, def, it.value);
    }
    buf_putc(&b, '}');
    if (changed)
        r->properties = json_parse(t->arena, buf_slice(&b), NULL);
}

bool artifact_check(struct tree *t)
{
    for (struct resource *r = t->first; r; r = r->next)
        check_resource(t, r);
    return t->out->errors == 0;
}
