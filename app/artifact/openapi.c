/* OpenAPI 2, 3.0, 3.1 to operations (reference/gateway.md 7): one entity per path and method. Required query parameters become part
 * of the URL template. Servers, security, callbacks and links are not the gateway's and are ignored. */
#include "app/artifact/artifact_int.h"

#include "app/router.h"
#include "app/url.h"
#include "platform/base/buf.h"
#include "platform/yaml.h"

/* Longest operation id that is made out of method and path (reference/gateway.md 7). */
#define OPERATION_ID_MAX 76u
#define ID_SUFFIX_MAX 999u
#define REF_HOPS_MAX 8

static const char *const methods[] = { "get", "put", "post", "delete", "options", "head", "patch", "trace" };

/* One step of a JSON pointer in a URI fragment (RFC 6901 sections 4 and 6): "~1" is '/', "~0" is '~', "%7B" is '{'. */
static struct slice pointer_token(struct arena *a, struct slice part)
{
    struct slice text = url_decode(a, part);
    char *to = slice_find_byte(text, '~') < 0 ? NULL : arena_cstr(a, text);
    size_t n = 0;

    if (!to)
        return text;
    for (size_t i = 0; i < text.n; i++) {
        bool escape = text.p[i] == '~' && i + 1 < text.n && (text.p[i + 1] == '0' || text.p[i + 1] == '1');
        to[n++] = !escape ? text.p[i] : text.p[i + 1] == '1' ? '/' : '~';
        i += escape;
    }
    return slice_of(to, n);
}

/* Follow "$ref": "#/a/b" inside the document; other references, and those in a circle, give NULL. */
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
            value = json_get_slice(value, pointer_token(o->tree->arena, part));
    }
    return NULL;
}

/* As openapi_resolve; what leads nowhere inside the document is an error, what leads out of it a warning: it is left out. */
static const struct json *follow(const struct openapi *o, const struct json *value, struct slice path)
{
    const struct json *found = openapi_resolve(o, value);
    struct slice ref = json_str(json_get(value, "$ref"));

    if (!found && slice_starts(ref, SLICE("#")))
        artifact_report(o->tree->out, ARTIFACT_ERROR, o->api->specification_file, "%.*s: $ref \"%.*s\": leads nowhere",
                        SLICE_ARG(path), SLICE_ARG(ref));
    else if (!found)
        artifact_report(o->tree->out, ARTIFACT_WARNING, o->api->specification_file,
                        "%.*s: $ref \"%.*s\": references out of the document are not followed: left out", SLICE_ARG(path),
                        SLICE_ARG(ref));
    return found;
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

/* id, or id-1, id-2, ... when this API has it already. */
static struct slice take_id(struct openapi *o, struct slice id)
{
    struct slice taken = id;

    for (unsigned i = 1; map_get(&o->ids, taken) && i <= ID_SUFFIX_MAX; i++)
        taken = arena_printf(o->tree->arena, "%.*s-%u", SLICE_ARG(id), i);
    return map_put(&o->ids, taken, o) ? taken : SLICE_NONE;
}

/* ---- required query parameters ---- */

static bool template_has(struct slice template, struct slice name)
{
    struct slice part;

    while (slice_cut(&template, '{', &part)) {
        ptrdiff_t end = slice_find_byte(template, '}');
        if (end >= 0 && slice_eq(slice_first(template, (size_t)end), name))
            return true;
    }
    return false;
}

static bool same_parameter(const struct json *a, const struct json *b)
{
    return slice_eq(json_str(json_get(a, "name")), json_str(json_get(b, "name"))) &&
           slice_eq(json_str(json_get(a, "in")), json_str(json_get(b, "in")));
}

/* The operation describes that parameter itself: its word counts, not the path's. */
static bool is_redefined(const struct openapi *o, const struct json *parameter, const struct json *list)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it))
        if (same_parameter(openapi_resolve(o, it.value), parameter))
            return true;
    return false;
}

static void add_query_parameters(const struct openapi *o, struct slice path, const struct json *list, const struct json *closer,
                                 struct buf *template)
{
    struct json_iter it = json_iter(list);

    while (json_next(&it)) {
        const struct json *parameter = follow(o, it.value, path);
        struct slice name = artifact_scalar(json_get(parameter, "name"));
        if (!name.n || !slice_eq(json_str(json_get(parameter, "in")), SLICE("query")) ||
            !json_bool(json_get(parameter, "required"), false) || is_redefined(o, parameter, closer) ||
            template_has(buf_slice(template), name))
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
    add_query_parameters(o, path, json_get(operation, "parameters"), NULL, &template);
    add_query_parameters(o, path, json_get(item, "parameters"), json_get(operation, "parameters"), &template);
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

/* The id a specification gives. Two operations of one name: the second gets another one, and a warning. */
static struct slice given_id(struct openapi *o, struct slice id, const char *method, struct slice path)
{
    struct slice taken = take_id(o, id);

    if (!slice_eq(taken, id))
        artifact_report(o->tree->out, ARTIFACT_WARNING, o->api->specification_file,
                        "%s %.*s: operationId \"%.*s\" is given twice: this one becomes \"%.*s\"", method, SLICE_ARG(path),
                        SLICE_ARG(id), SLICE_ARG(taken));
    return taken;
}

/* operationInformation.json of the same id says all of it itself. */
static bool has_operation_file(const struct resource *api, struct slice id)
{
    for (const struct operation_file *op = api->operations; op; op = op->next)
        if (op->properties && slice_eq(op->id, id))
            return true;
    return false;
}

static void emit_operation(struct openapi *o, struct slice path, const char *method, const struct json *item,
                           const struct json *operation)
{
    struct arena *a = o->tree->arena;
    struct slice id = artifact_scalar(json_get(operation, "operationId")), display = artifact_scalar(json_get(operation, "summary"));
    struct buf properties;

    id = id.n ? given_id(o, id, method, path) : take_id(o, make_operation_id(a, method, path));
    if (has_operation_file(o->api, id))
        return;
    if (!display.n)
        display = id;
    buf_init(&properties, a);
    struct slice template = url_template(o, path, item, operation);
    put_operation(&properties, o->api->id, display, method, template);
    artifact_try_template(o->tree, o->routes, o->api->specification_file, id, template);
    id = arena_printf(a, "%.*s/%.*s", SLICE_ARG(o->api->id), SLICE_ARG(id));
    artifact_add_entity(o->tree, "operation", id, buf_slice(&properties));
    openapi_emit_responses(o, id, operation);
}

/* Operations with an id of their own come first: a made one never takes theirs. */
static void emit_paths(struct openapi *o, const char *member, bool with_id)
{
    struct json_iter it = json_iter(json_get(o->document, member));

    while (json_next(&it)) {
        const struct json *item = with_id ? follow(o, it.value, it.key) : openapi_resolve(o, it.value);
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            const struct json *operation = json_get(item, methods[m]);
            if (json_type(operation) == JSON_OBJECT && (artifact_scalar(json_get(operation, "operationId")).n > 0) == with_id)
                emit_operation(o, it.key, methods[m], item, operation);
        }
    }
}

static const struct json *parse_specification(struct tree *t, const struct resource *api)
{
    struct slice text = api->specification;
    struct err err;

    if (api->specification_yaml && !yaml_to_json(t->arena, text, &text, &err)) {
        artifact_report_parse(t->out, api->specification_file, &err);
        return NULL;
    }
    const struct json *document = json_parse(t->arena, text, &err);
    if (!document)
        artifact_report_parse(t->out, api->specification_file, &err);
    return document;
}

/* OpenAPI 2, 3.0 or 3.1, with paths in a mapping. */
static bool check_document(const struct openapi *o)
{
    static const char *const members[] = { "paths", "x-ms-paths" };
    struct slice version = artifact_scalar(json_get(o->document, "openapi")), older = artifact_scalar(json_get(o->document, "swagger"));
    const char *why = NULL;

    if (!version.n && !older.n)
        why = "neither \"openapi\" nor \"swagger\" is given: an OpenAPI document of version 2 or 3 is needed";
    else if (!slice_starts(version, SLICE("3")) && !slice_starts(older, SLICE("2")))
        why = "an OpenAPI document of version 2, 3.0 or 3.1 is needed";
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        enum json_type type = json_type(json_get(o->document, members[i]));
        if (type != JSON_ABSENT && type != JSON_NULL && type != JSON_OBJECT)
            why = "\"paths\" must be an object: URL templates and their methods";
    }
    if (why)
        artifact_report(o->tree->out, ARTIFACT_ERROR, o->api->specification_file, "%s", why);
    return !why;
}

void artifact_emit_openapi(struct tree *t, const struct resource *api, struct route_table *routes)
{
    struct openapi o = { .tree = t, .api = api, .document = parse_specification(t, api), .routes = routes };

    if (!o.document || !check_document(&o))
        return;
    map_init(&o.ids, t->arena);
    emit_paths(&o, "paths", true);
    emit_paths(&o, "x-ms-paths", true);
    emit_paths(&o, "paths", false);
    emit_paths(&o, "x-ms-paths", false);
    if (!o.ids.count)
        artifact_report(t->out, ARTIFACT_WARNING, api->specification_file, "describes no operations");
}
