/* Overrides files (interface.md section 4; apiops' configuration.<env>.yaml): what artifacts leave out, and what differs per site. */
#include "app/artifact/artifact_int.h"

#include <stdlib.h>
#include <string.h>

#include "platform/base/buf.h"
#include "platform/file.h"
#include "platform/yaml.h"

#define OVERRIDES_FILE_MAX (4u << 20)

struct overlay {
    struct tree *tree;
    struct slice file;
    struct slice entry; /* "namedValues/x", for messages */
};

static void complain(const struct overlay *o, const char *why)
{
    artifact_report(o->tree->out, ARTIFACT_ERROR, o->file, "%.*s: %s", SLICE_ARG(o->entry), why);
}

/* ---- values: @env:NAME, @file:PATH ---- */

static struct slice outside_value(const struct overlay *o, struct slice text)
{
    struct arena *a = o->tree->arena;
    struct slice value;
    struct err err;

    if (slice_starts(text, SLICE("@env:"))) {
        const char *name = arena_cstr(a, slice_skip(text, 5));
        const char *found = name ? getenv(name) : NULL;
        if (found)
            return slice_from(found);
        artifact_report(o->tree->out, ARTIFACT_ERROR, o->file, "%.*s: %.*s: this variable is not set", SLICE_ARG(o->entry),
                        SLICE_ARG(text));
        return SLICE("");
    }
    if (slice_starts(text, SLICE("@file:"))) {
        const char *path = arena_cstr(a, slice_skip(text, 6));
        if (path && file_read(a, path, ARTIFACT_FILE_MAX, &value, &err))
            return slice_ends(value, SLICE("\n")) ? slice_first(value, value.n - 1) : value;
        artifact_report(o->tree->out, ARTIFACT_ERROR, o->file, "%.*s: %s", SLICE_ARG(o->entry), path ? err.text : "too large");
        return SLICE("");
    }
    return text;
}

static void put_value(const struct overlay *o, struct buf *b, const struct json *value)
{
    struct slice text = json_str(value);
    bool first = true;

    if (text.p) {
        buf_put_json(b, outside_value(o, text));
        return;
    }
    if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY) {
        json_write(b, value);
        return;
    }
    bool object = json_type(value) == JSON_OBJECT;
    struct json_iter it = json_iter(value);
    buf_putc(b, object ? '{' : '[');
    while (json_next(&it)) {
        if (!first)
            buf_putc(b, ',');
        first = false;
        if (object) {
            buf_put_json(b, it.key);
            buf_putc(b, ':');
        }
        put_value(o, b, it.value);
    }
    buf_putc(b, object ? '}' : ']');
}

/* ---- merging: objects key by key, arrays and scalars replaced, null removes ---- */

static void put_key(struct buf *b, struct slice key, bool *first)
{
    if (!*first)
        buf_putc(b, ',');
    *first = false;
    buf_put_json(b, key);
    buf_putc(b, ':');
}

static void put_merged(const struct overlay *o, struct buf *b, const struct json *base, const struct json *over)
{
    struct json_iter it = json_iter(base);
    bool first = true;

    buf_putc(b, '{');
    while (json_next(&it)) {
        const struct json *with = json_get_slice(over, it.key);
        if (json_type(with) == JSON_NULL)
            continue;
        put_key(b, it.key, &first);
        if (!with)
            json_write(b, it.value);
        else if (json_type(with) == JSON_OBJECT && json_type(it.value) == JSON_OBJECT)
            put_merged(o, b, it.value, with);
        else
            put_value(o, b, with);
    }
    it = json_iter(over);
    while (json_next(&it)) {
        if (json_get_slice(base, it.key) || json_type(it.value) == JSON_NULL)
            continue;
        put_key(b, it.key, &first);
        put_value(o, b, it.value);
    }
    buf_putc(b, '}');
}

static const struct json *merge(const struct overlay *o, const struct json *base, const struct json *over)
{
    struct buf text;

    buf_init(&text, o->tree->arena);
    put_merged(o, &text, base, over);
    return json_parse(o->tree->arena, buf_slice(&text), NULL);
}

/* ---- entries ---- */

static bool may_create(enum resource_kind kind)
{
    return kind == RESOURCE_SUBSCRIPTION || kind == RESOURCE_NAMED_VALUE || kind == RESOURCE_USER || kind == RESOURCE_CERTIFICATE ||
           kind == RESOURCE_BACKEND;
}

static struct resource *find_by_display_name(const struct tree *t, enum resource_kind kind, struct slice name)
{
    for (struct resource *r = t->first; r; r = r->next)
        if (r->kind == kind && slice_eq(json_str(json_get(r->properties, "displayName")), name))
            return r;
    return NULL;
}

static struct resource *find_or_create(const struct overlay *o, enum resource_kind kind, struct slice name)
{
    struct tree *t = o->tree;
    struct resource *r = tree_find(t, kind, name);

    if (!r && kind == RESOURCE_NAMED_VALUE)
        r = find_by_display_name(t, kind, name);
    if (r)
        return r;
    if (!may_create(kind)) {
        struct slice near = tree_nearest(t, kind, name);
        artifact_report(t->out, ARTIFACT_ERROR, o->file, "%.*s: no such %s in the artifacts%s%.*s%s", SLICE_ARG(o->entry),
                        resource_defs[kind].kind, near.n ? ": did you mean " : "", SLICE_ARG(near), near.n ? "?" : "");
        return NULL;
    }
    artifact_report(t->out, ARTIFACT_WARNING, o->file, "%.*s: made by the overrides, the artifacts have none", SLICE_ARG(o->entry));
    r = tree_add(t, kind, name, o->file);
    if (r)
        r->file = o->file;
    return r;
}

static void set_policy(const struct overlay *o, struct slice scope, const struct json *policies)
{
    struct tree *t = o->tree;
    struct json_iter it = json_iter(policies);

    while (json_next(&it)) {
        struct slice xml = json_str(json_path(it.value, "properties", "value", NULL));
        struct policy_file *p = t->policies;
        if (!xml.p)
            continue;
        while (p && !slice_eq(p->scope, scope))
            p = p->next;
        if (!p) {
            p = arena_new(t->arena, struct policy_file);
            if (!p)
                return;
            p->scope = scope;
            *t->policies_end = p;
            t->policies_end = &p->next;
        }
        p->xml = outside_value(o, xml);
        p->file = o->file;
    }
}

static void override_operations(const struct overlay *o, struct slice api, const struct json *operations)
{
    struct arena *a = o->tree->arena;
    struct json_iter it = json_iter(operations);

    while (json_next(&it)) {
        struct slice name = json_str(json_get(it.value, "name"));
        if (name.n)
            set_policy(o, arena_printf(a, "api/%.*s/operation/%.*s", SLICE_ARG(api), SLICE_ARG(name)),
                       json_get(it.value, "policies"));
    }
}

static void override_entry(struct overlay *o, enum resource_kind kind, const struct json *entry)
{
    struct arena *a = o->tree->arena;
    struct slice name = json_str(json_get(entry, "name"));
    const struct json *properties = json_get(entry, "properties");

    o->entry = arena_printf(a, "%s/%.*s", resource_defs[kind].overrides_key, SLICE_ARG(name));
    if (!name.n) {
        complain(o, "each entry needs a `name`");
        return;
    }
    struct resource *r = find_or_create(o, kind, name);
    if (!r)
        return;
    if (properties)
        r->properties = merge(o, r->properties, properties);
    if (kind == RESOURCE_API) {
        set_policy(o, arena_printf(a, "api/%.*s", SLICE_ARG(name)), json_get(entry, "policies"));
        override_operations(o, name, json_get(entry, "operations"));
    }
    if (kind == RESOURCE_PRODUCT)
        set_policy(o, arena_printf(a, "product/%.*s", SLICE_ARG(name)), json_get(entry, "policies"));
}

/* Lists of an overrides file that a gateway has no use for, and scalars. */
static bool is_ignored_key(struct slice key)
{
    static const char *const keys[] = { "apimServiceName", "loggers", "diagnostics", "groups", "tags", "workspaces" };

    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (slice_eq(key, slice_from(keys[i])))
            return true;
    return false;
}

static void override_list(struct overlay *o, struct slice key, const struct json *list)
{
    o->entry = key;
    if (slice_eq(key, SLICE("policies"))) {
        set_policy(o, SLICE("global"), list);
        return;
    }
    for (int kind = 0; kind < RESOURCE_KINDS; kind++) {
        if (!slice_eq(key, slice_from(resource_defs[kind].overrides_key)))
            continue;
        struct json_iter it = json_iter(list);
        while (json_next(&it))
            override_entry(o, (enum resource_kind)kind, it.value);
        return;
    }
    if (!is_ignored_key(key))
        complain(o, "no such list in an overrides file");
}

static bool override_from(struct tree *t, const char *path)
{
    struct overlay o = { .tree = t, .file = slice_from(path) };
    struct slice text;
    struct err err;
    const struct json *document = NULL;

    if (file_read(t->arena, path, OVERRIDES_FILE_MAX, &text, &err) && yaml_to_json(t->arena, text, &text, &err))
        document = json_parse(t->arena, text, &err);
    if (!document) {
        artifact_report(t->out, ARTIFACT_ERROR, o.file, "%s", err.text);
        return false;
    }
    struct json_iter it = json_iter(document);
    while (json_next(&it))
        override_list(&o, it.key, it.value);
    return true;
}

bool artifact_override(struct tree *t)
{
    for (size_t i = 0; i < t->options->n_overrides; i++)
        if (!override_from(t, t->options->overrides[i]))
            return false;
    return t->out->errors == 0;
}
