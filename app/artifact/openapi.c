/* OpenAPI 2, 3.0, 3.1 to operations (reference/gateway.md 7): one entity per path and method. Required query parameters become part
 * of the URL template. Servers, security, callbacks and links are not the gateway's and are ignored. */
#include "app/artifact/artifact_int.h"

#include "platform/base/buf.h"
#include "platform/yaml.h"

/* Longest operation id that is made out of method and path (reference/gateway.md 7). */
#define OPERATION_ID_MAX 76u
#define REF_HOPS_MAX 8

static const char *const methods[] = { "get", "put", "post", "delete", "options", "head", "patch", "trace" };

/* Follow "$ref": "#/a/b" (RFC 6901 fragment) inside the document; other references give NULL. */
const struct json *openapi_resolve(const struct openapi *o, const struct json *value)
{
    for (int hops = 0; hops < REF_HOPS_MAX; hops++) {
        struct slice ref = json_str(json_get(value, "$ref")), part;
        if (!ref.p)
            return value;
        if (!slice_starts(ref, SLICE("#/")))
            return NULL;
        ref = slice_skip(ref, 2);
        value = o->document;
        while (slice_cut(&ref, '/', &part))
            value = json_get_slice(value, part);
    }
    return NULL;
}

/* "get-foo-id": lower case, runs of other characters to one '-', trimmed, cut. */
static struct slice make_operation_id(struct arena *a, const char *method, struct slice path)
{
    struct slice name = arena_printf(a, "%s-%.*s", method, SLICE_ARG(path));
    char *to = arena_cstr(a, name);
    size_t n = 0;

    if (!to)
        return SLICE_NONE;
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (ascii_is_alpha(c) || ascii_is_digit(c))
            to[n++] = c;
        else if (n && to[n - 1] != '-')
            to[n++] = '-';
    }
    n = n < OPERATION_ID_MAX ? n : OPERATION_ID_MAX;
    while (n && to[n - 1] == '-')
        n--;
    return slice_of(to, n);
}

static bool is_required_query(const struct json *parameter)
{
    return slice_eq(json_str(json_get(parameter, "in")), SLICE("query")) && json_bool(json_get(parameter, "required"), false);
}

static bool template_has(struct slice template, struct slice name)
{
    ptrdiff_t at = slice_find(template, name);

    return at > 0 && template.p[at - 1] == '{';
}

static void add_query_parameters(const struct openapi *o, const struct json *list, struct buf *template)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        const struct json *parameter = openapi_resolve(o, it.value);
        struct slice name = json_str(json_get(parameter, "name"));
        if (!name.p || !is_required_query(parameter) || template_has(buf_slice(template), name))
            continue;
        bool first = slice_find_byte(buf_slice(template), '?') < 0;
        buf_putc(template, first ? '?' : '&');
        buf_printf(template, "%.*s={%.*s}", SLICE_ARG(name), SLICE_ARG(name));
    }
}

static struct slice url_template(const struct openapi *o, struct slice path, const struct json *item,
                                 const struct json *operation)
{
    struct buf template;

    buf_init(&template, o->tree->arena);
    buf_put(&template, path);
    add_query_parameters(o, json_get(operation, "parameters"), &template);
    add_query_parameters(o, json_get(item, "parameters"), &template);
    return buf_slice(&template);
}

static void put_member(struct buf *b, const char *name, struct slice value)
{
    buf_printf(b, ",\"%s\":", name);
    buf_put_json(b, value);
}

static void put_operation(struct buf *b, struct slice api, struct slice display, const char *method, struct slice template)
{
    char upper[16];
    size_t n = 0;

    for (; method[n] && n < sizeof upper; n++)
        upper[n] = ascii_upper(method[n]);
    buf_puts(b, "{\"apiId\":");
    buf_put_json(b, api);
    put_member(b, "displayName", display);
    put_member(b, "method", slice_of(upper, n));
    put_member(b, "urlTemplate", template);
    buf_putc(b, '}');
}

static void emit_operation(const struct openapi *o, struct slice path, const char *method, const struct json *item,
                           const struct json *operation)
{
    struct arena *a = o->tree->arena;
    struct slice id = json_str(json_get(operation, "operationId")), display = json_str(json_get(operation, "summary"));
    struct buf properties;

    if (!id.n)
        id = make_operation_id(a, method, path);
    if (!display.n)
        display = id;
    buf_init(&properties, a);
    put_operation(&properties, o->api->id, display, method, url_template(o, path, item, operation));
    id = arena_printf(a, "%.*s/%.*s", SLICE_ARG(o->api->id), SLICE_ARG(id));
    artifact_add_entity(o->tree, "operation", id, buf_slice(&properties));
    openapi_emit_responses(o, id, operation);
}

static void emit_paths(const struct openapi *o, const struct json *paths)
{
    struct json_iter it = json_iter(paths);

    while (json_next(&it)) {
        const struct json *item = openapi_resolve(o, it.value);
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            const struct json *operation = json_get(item, methods[m]);
            if (json_type(operation) == JSON_OBJECT)
                emit_operation(o, it.key, methods[m], item, operation);
        }
    }
}

static const struct json *parse_specification(struct tree *t, const struct resource *api)
{
    struct slice text = api->specification;
    struct err err;

    if (api->specification_yaml && !yaml_to_json(t->arena, text, &text, &err)) {
        artifact_report(t->out, ARTIFACT_ERROR, api->specification_file, "%s", err.text);
        return NULL;
    }
    const struct json *document = json_parse(t->arena, text, &err);
    if (!document)
        artifact_report(t->out, ARTIFACT_ERROR, api->specification_file, "%s", err.text);
    return document;
}

void artifact_emit_openapi(struct tree *t, const struct resource *api)
{
    struct openapi o = { t, api, parse_specification(t, api) };

    if (!o.document)
        return;
    if (!json_get(o.document, "openapi") && !json_get(o.document, "swagger")) {
        artifact_report(t->out, ARTIFACT_ERROR, api->specification_file, "neither \"openapi\" nor \"swagger\" is given");
        return;
    }
    emit_paths(&o, json_get(o.document, "paths"));
    emit_paths(&o, json_get(o.document, "x-ms-paths"));
}
