/* Overrides files (interface.md section 4; apiops' configuration.<env>.yaml): what artifacts leave out, and what differs per site. */
#include "app/artifact/artifact_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/base/buf.h"
#include "platform/base/nearest.h"
#include "platform/base/utf8.h"
#include "platform/crypto.h"
#include "platform/file.h"
#include "platform/yaml.h"

#define OVERRIDES_FILE_MAX (4u << 20)

struct overlay {
    struct tree *tree;
    struct slice file;
    struct source source; /* its lines are those of the file */
    struct slice entry;   /* "namedValues/x", for messages */
    unsigned line;        /* of the entry */
};

static void complain(const struct overlay *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void complain(const struct overlay *o, const char *fmt, ...)
{
    struct err err;
    va_list args;

    va_start(args, fmt);
    vsnprintf(err.text, sizeof err.text, fmt, args);
    va_end(args);
    artifact_report_at(o->tree->out, ARTIFACT_ERROR, o->file, o->line, 0, "%.*s: %s", SLICE_ARG(o->entry), err.text);
}

/* ": did you mean x?" or nothing. */
static struct slice did_you_mean(const struct overlay *o, struct slice near)
{
    return near.n ? arena_printf(o->tree->arena, ": did you mean %.*s?", SLICE_ARG(near)) : SLICE("");
}

static struct slice name_of_list(const void *names, size_t i)
{
    return slice_from(((const char *const *)names)[i]);
}

static bool is_one_of(struct slice name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(name, slice_from(names[i])))
            return true;
    return false;
}

/* ---- values: @env:NAME, @file:PATH ---- */

static struct slice environment_value(const struct overlay *o, struct slice name)
{
    const char *text = arena_cstr(o->tree->arena, name), *found = text ? getenv(text) : NULL;

    if (!found)
        complain(o, "@env:%.*s: this variable is not set", SLICE_ARG(name));
    return found ? slice_from(found) : SLICE("");
}

/* A path is looked up beside the overrides file, then where the command runs. */
static char *find_file(const struct overlay *o, struct slice path)
{
    struct arena *a = o->tree->arena;
    ptrdiff_t slash = slice_rfind_byte(o->file, '/');
    char *dir = slash >= 0 ? arena_cstr(a, slice_first(o->file, (size_t)slash + 1)) : NULL;
    char *beside = dir && path.n && path.p[0] != '/' ? file_join(a, dir, path) : NULL;

    return beside && file_exists(beside) ? beside : arena_cstr(a, path);
}

/* Its text without the last end of line; what is no text (a PFX file) in base64. */
static struct slice file_value(const struct overlay *o, struct slice name)
{
    char *path = find_file(o, name);
    struct slice value;
    struct err err;

    if (!path || !file_read(o->tree->arena, path, ARTIFACT_FILE_MAX, &value, &err)) {
        o->tree->out->unreadable = true;
        complain(o, "@file:%s", path ? err.text : "too large");
        return SLICE("");
    }
    if (!utf8_is_valid(value))
        return crypto_base64(o->tree->arena, value);
    if (slice_starts(value, SLICE("\xef\xbb\xbf")))
        value = slice_skip(value, 3);
    value.n -= slice_ends(value, SLICE("\n"));
    value.n -= slice_ends(value, SLICE("\r"));
    return value;
}

static struct slice outside_value(const struct overlay *o, struct slice text)
{
    if (slice_starts(text, SLICE("@env:")))
        return environment_value(o, slice_skip(text, 5));
    if (slice_starts(text, SLICE("@file:")))
        return file_value(o, slice_skip(text, 6));
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

/* base: an object, or anything else for none. */
static void put_merged(const struct overlay *o, struct buf *b, const struct json *base, const struct json *over)
{
    struct json_iter it = json_iter(json_type(base) == JSON_OBJECT ? base : NULL);
    bool first = true;

    buf_putc(b, '{');
    while (json_next(&it)) {
        if (json_get_slice(over, it.key))
            continue;
        put_key(b, it.key, &first);
        json_write(b, it.value);
    }
    it = json_iter(over);
    while (json_next(&it)) {
        if (json_type(it.value) == JSON_NULL)
            continue;
        put_key(b, it.key, &first);
        if (json_type(it.value) == JSON_OBJECT)
            put_merged(o, b, json_get_slice(base, it.key), it.value);
        else
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
        complain(o, "no such %s in the artifacts%.*s", resource_defs[kind].kind,
                 SLICE_ARG(did_you_mean(o, tree_nearest(t, kind, name))));
        return NULL;
    }
    artifact_report_at(t->out, ARTIFACT_WARNING, o->file, o->line, 0, "%.*s: made by the overrides, the artifacts have none%.*s",
                       SLICE_ARG(o->entry), SLICE_ARG(did_you_mean(o, tree_nearest(t, kind, name))));
    r = tree_add(t, kind, name, o->file);
    if (r) {
        r->file = o->file;
        r->made = true;
    }
    return r;
}

static void set_policy(const struct overlay *o, struct slice scope, struct slice xml)
{
    struct tree *t = o->tree;
    struct policy_file *p = t->policies;

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
    p->file = arena_printf(t->arena, "%.*s[%.*s]", SLICE_ARG(o->file), SLICE_ARG(scope));
    if (artifact_has_token(p->xml))
        complain(o, "policies: still holds a {#token#}");
}

static void override_policies(const struct overlay *o, struct slice scope, const struct json *policies)
{
    struct json_iter it = json_iter(policies);

    while (json_next(&it)) {
        struct slice xml = json_str(json_path(it.value, "properties", "value", NULL));
        if (xml.p)
            set_policy(o, scope, xml);
        else
            complain(o, "policies: each needs `name: policy` and `properties: value:` with the XML text");
    }
}

static void override_operations(const struct overlay *o, struct slice api, const struct json *operations)
{
    struct arena *a = o->tree->arena;
    struct json_iter it = json_iter(operations);

    while (json_next(&it)) {
        struct slice name = artifact_scalar(json_get(it.value, "name"));
        if (name.n)
            override_policies(o, arena_printf(a, "api/%.*s/operation/%.*s", SLICE_ARG(api), SLICE_ARG(name)),
                              json_get(it.value, "policies"));
        else
            complain(o, "operations: each entry needs a `name`");
    }
}

/* Links that the overrides add: a list of `name:`. */
static void override_links(const struct overlay *o, struct resource *r, const struct json *apis)
{
    struct json_iter it = json_iter(apis);

    r->has_apis |= apis != NULL;
    while (json_next(&it)) {
        struct slice name = artifact_scalar(json_get(it.value, "name"));
        if (name.n)
            tree_add_link(o->tree, &r->apis, name);
        else
            complain(o, "apis: each entry needs a `name`");
    }
}

/* Keys of an entry. Those that nothing here looks at are of apiops. */
static void check_keys(const struct overlay *o, enum resource_kind kind, const struct json *entry)
{
    static const char *const keys[] = { "name", "properties", "policies", "operations", "apis", "diagnostics", "releases", "schemas",
                                        "tags", "groups", "resolvers", "wikis", "id" };
    struct json_iter it = json_iter(entry);

    while (json_next(&it)) {
        ptrdiff_t near = nearest_find(it.key, keys, COUNT_OF(keys), name_of_list);
        if (!is_one_of(it.key, keys, COUNT_OF(keys)))
            complain(o, "%.*s: an entry has no such key%.*s", SLICE_ARG(it.key),
                     SLICE_ARG(did_you_mean(o, near < 0 ? SLICE_NONE : slice_from(keys[near]))));
    }
    it = json_iter(json_get(entry, "properties"));
    while (json_next(&it)) {
        const char *near = artifact_property_nearest(kind, it.key);
        if (near)
            artifact_report_at(o->tree->out, ARTIFACT_WARNING, o->file, source_line(&o->source, it.key.p), 0,
                               "%.*s: %.*s: no such property: did you mean %s?", SLICE_ARG(o->entry), SLICE_ARG(it.key), near);
    }
}

static void override_properties(const struct overlay *o, struct resource *r, const struct json *properties)
{
    struct slice value = r->kind == RESOURCE_FRAGMENT ? json_str(json_get(properties, "value")) : SLICE_NONE;

    if (properties && json_type(properties) != JSON_OBJECT && json_type(properties) != JSON_NULL) {
        complain(o, "properties: give a mapping of names to values");
        return;
    }
    struct source *source = arena_new(o->tree->arena, struct source);
    if (source) {
        *source = o->source;
        source->properties = properties;
        source->line = r->made ? o->line : r->source ? r->source->line : 0;
        source->before = r->source;
        r->source = source;
    }
    if (properties)
        r->properties = merge(o, r->properties, properties);
    if (value.p) {
        r->fragment = json_str(json_get(r->properties, "value"));
        r->fragment_file = arena_printf(o->tree->arena, "%.*s[fragment/%.*s]", SLICE_ARG(o->file), SLICE_ARG(r->id));
    }
}

static void override_entry(struct overlay *o, enum resource_kind kind, unsigned list_line, const struct json *entry)
{
    struct arena *a = o->tree->arena;
    struct slice name = artifact_scalar(json_get(entry, "name"));

    o->line = name.p ? source_line(&o->source, name.p) : list_line;
    if (!name.n) {
        o->entry = slice_from(resource_defs[kind].overrides_key);
        complain(o, "each entry needs a `name`");
        return;
    }
    o->entry = arena_printf(a, "%s/%.*s", resource_defs[kind].overrides_key, SLICE_ARG(name));
    check_keys(o, kind, entry);
    struct resource *r = find_or_create(o, kind, name);
    if (!r)
        return;
    override_properties(o, r, json_get(entry, "properties"));
    if (kind == RESOURCE_PRODUCT || kind == RESOURCE_GATEWAY)
        override_links(o, r, json_get(entry, "apis"));
    if (kind == RESOURCE_API) {
        override_policies(o, arena_printf(a, "api/%.*s", SLICE_ARG(r->id)), json_get(entry, "policies"));
        override_operations(o, r->id, json_get(entry, "operations"));
    }
    if (kind == RESOURCE_PRODUCT)
        override_policies(o, arena_printf(a, "product/%.*s", SLICE_ARG(r->id)), json_get(entry, "policies"));
}

/* ---- lists ---- */

/* Those of an overrides file that a gateway has no use for, and scalars. */
static const char *const ignored_keys[] = { "apimServiceName", "loggers", "diagnostics", "tags", "workspaces" };

static void unknown_list(struct overlay *o, struct slice key, const struct json *list)
{
    const char *known[RESOURCE_KINDS + COUNT_OF(ignored_keys) + 1] = { "policies" };
    size_t n = 1;

    for (int kind = 0; kind < RESOURCE_KINDS; kind++)
        known[n++] = resource_defs[kind].overrides_key;
    for (size_t i = 0; i < COUNT_OF(ignored_keys); i++)
        known[n++] = ignored_keys[i];
    if (is_one_of(key, ignored_keys, COUNT_OF(ignored_keys)))
        return;
    ptrdiff_t near = nearest_find(key, known, n, name_of_list);
    if (near >= 0 || json_count(list))
        complain(o, "no such list in an overrides file%.*s",
                 SLICE_ARG(did_you_mean(o, near < 0 ? SLICE_NONE : slice_from(known[near]))));
    else
        artifact_report_at(o->tree->out, ARTIFACT_WARNING, o->file, o->line, 0, "%.*s: nothing is called so: left out", SLICE_ARG(key));
}

static void override_list(struct overlay *o, struct slice key, const struct json *list)
{
    struct json_iter it = json_iter(list);
    int kind = 0;

    o->entry = key;
    o->line = source_line(&o->source, key.p);
    unsigned line = o->line;
    while (kind < RESOURCE_KINDS && !slice_eq(key, slice_from(resource_defs[kind].overrides_key)))
        kind++;
    bool policies = slice_eq(key, SLICE("policies"));
    if (kind == RESOURCE_KINDS && !policies)
        unknown_list(o, key, list);
    else if (json_type(list) != JSON_ARRAY && json_type(list) != JSON_NULL)
        complain(o, "give a list of entries: - name: ID");
    else if (policies)
        override_policies(o, SLICE("global"), list);
    else
        while (json_next(&it))
            override_entry(o, (enum resource_kind)kind, line, it.value);
}

static const struct json *read_document(struct overlay *o, const char *path)
{
    struct arena *a = o->tree->arena;
    const struct json *document = NULL;
    struct slice text;
    struct err err;

    if (!file_read(a, path, OVERRIDES_FILE_MAX, &text, &err)) {
        artifact_report_unreadable(o->tree->out, o->file, path, &err);
        return NULL;
    }
    if (yaml_to_json(a, text, &o->source.text, &err))
        document = json_parse_from(a, o->source.text, &o->source.origin, &err);
    if (!document)
        artifact_report_parse(o->tree->out, o->file, &err);
    return document;
}

static bool override_from(struct tree *t, const char *path)
{
    struct slice file = arena_copy(t->arena, slice_from(path));
    struct overlay o = { .tree = t, .file = file, .source.file = file };
    const struct json *document = read_document(&o, path);
    struct json_iter it = json_iter(document);

    if (document && json_type(document) != JSON_OBJECT && json_type(document) != JSON_NULL)
        artifact_report_at(t->out, ARTIFACT_ERROR, o.file, 1, 1, "give a mapping of lists: namedValues, apis, backends ...");
    else
        while (json_next(&it))
            override_list(&o, it.key, it.value);
    return document != NULL;
}

bool artifact_override(struct tree *t)
{
    for (size_t i = 0; i < t->options->n_overrides; i++)
        if (!override_from(t, t->options->overrides[i]))
            return false;
    return t->out->errors == 0;
}
