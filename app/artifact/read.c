/* Walking the folders: every file is read once; nothing is judged here but what cannot be read. */
#include "app/artifact/artifact_int.h"

#include <string.h>

#include "platform/base/buf.h"
#include "platform/file.h"

static struct slice relative(struct tree *t, const char *path)
{
    struct slice whole = slice_from(path), dir = slice_from(t->options->dir);

    whole = slice_skip(whole, dir.n);
    while (whole.n && whole.p[0] == '/')
        whole = slice_skip(whole, 1);
    return whole;
}

/* A file's text without a UTF-8 byte order mark; false (reported) when it cannot be read. */
static bool read_text(struct tree *t, const char *path, struct slice *text)
{
    struct err err;

    if (!file_read(t->arena, path, ARTIFACT_FILE_MAX, text, &err)) {
        artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "%s", err.text);
        return false;
    }
    if (slice_starts(*text, SLICE("\xef\xbb\xbf")))
        *text = slice_skip(*text, 3);
    return true;
}

static const struct json *read_json(struct tree *t, const char *path)
{
    struct slice text;
    struct err err;

    if (!read_text(t, path, &text))
        return NULL;
    const struct json *json = json_parse(t->arena, text, &err);
    if (!json)
        artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "%s", err.text);
    return json;
}

static const struct json *read_properties(struct tree *t, const char *path)
{
    const struct json *json = read_json(t, path), *properties = json_get(json, "properties");

    if (json && properties && json_type(properties) != JSON_OBJECT) {
        artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "\"properties\" must be an object");
        return NULL;
    }
    return properties;
}

/* File `name` in dir, or NULL when there is none. */
static char *child(struct tree *t, const char *dir, const char *name)
{
    char *path = file_join(t->arena, dir, slice_from(name));

    return path && file_exists(path) ? path : NULL;
}

static bool list(struct tree *t, const char *dir, struct slice **names, size_t *n)
{
    struct err err;

    if (file_list(t->arena, dir, names, n, &err))
        return true;
    artifact_report(t->out, ARTIFACT_ERROR, relative(t, dir), "%s", err.text);
    return false;
}

static void read_policy(struct tree *t, const char *dir, struct slice scope)
{
    char *path = child(t, dir, "policy.xml");
    struct policy_file *p;

    if (!path || !(p = arena_new(t->arena, struct policy_file)) || !read_text(t, path, &p->xml))
        return;
    p->scope = scope;
    p->file = relative(t, path);
    *t->policies_end = p;
    t->policies_end = &p->next;
}

/* ---- links: products/<id>/apis/<api>/productApiInformation.json, or apis.json = [{"name": api}] ---- */

static void add_link(struct tree *t, struct resource *r, struct slice api)
{
    for (size_t i = 0; i < r->n_links; i++)
        if (slice_eq(r->links[i], api))
            return;
    struct slice *grown = arena_array(t->arena, struct slice, r->n_links + 1);
    if (!grown)
        return;
    if (r->n_links)
        memcpy(grown, r->links, r->n_links * sizeof *grown);
    grown[r->n_links++] = api;
    r->links = grown;
}

static void read_link_list(struct tree *t, struct resource *r, const char *path)
{
    struct json_iter it = json_iter(read_json(t, path));

    while (json_next(&it)) {
        struct slice name = json_str(json_get(it.value, "name"));
        if (name.p)
            add_link(t, r, name);
        else
            artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "each element needs a \"name\"");
    }
}

static void read_links(struct tree *t, struct resource *r, const char *dir)
{
    char *folder = child(t, dir, "apis"), *older = child(t, dir, "apis.json");
    struct slice *names;
    size_t n;

    r->has_links = folder || older;
    if (folder && file_is_dir(folder) && list(t, folder, &names, &n)) {
        for (size_t i = 0; i < n; i++)
            add_link(t, r, names[i]);
        return; /* the link files win over the older list */
    }
    if (older)
        read_link_list(t, r, older);
}

/* ---- APIs ---- */

static void read_specification(struct tree *t, struct resource *r, const char *dir)
{
    static const char *const served[] = { "specification.yaml", "specification.yml", "specification.json" };
    static const char *const unread[] = { "specification.graphql", "specification.wsdl", "specification.wadl" };

    for (size_t i = 0; i < COUNT_OF(served); i++) {
        char *path = child(t, dir, served[i]);
        if (!path || !read_text(t, path, &r->specification))
            continue;
        r->specification_file = relative(t, path);
        r->specification_yaml = !slice_ends(r->specification_file, SLICE(".json"));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(unread); i++)
        if (child(t, dir, unread[i]))
            r->unread_specification = slice_from(unread[i]);
}

static void read_operation(struct tree *t, struct resource *r, const char *dir, struct slice id)
{
    char *path = child(t, dir, "operationInformation.json");
    struct operation_file *op;

    read_policy(t, dir, arena_printf(t->arena, "api/%.*s/operation/%.*s", SLICE_ARG(r->id), SLICE_ARG(id)));
    if (!path || !(op = arena_new(t->arena, struct operation_file)))
        return;
    op->id = id;
    op->file = relative(t, path);
    op->properties = read_properties(t, path);
    op->next = r->operations;
    r->operations = op;
}

static void read_api(struct tree *t, struct resource *r, const char *dir)
{
    char *folder = child(t, dir, "operations");
    struct slice *names;
    size_t n;

    read_specification(t, r, dir);
    read_policy(t, dir, arena_printf(t->arena, "api/%.*s", SLICE_ARG(r->id)));
    if (!folder || !list(t, folder, &names, &n))
        return;
    for (size_t i = n; i-- > 0;)
        read_operation(t, r, file_join(t->arena, folder, names[i]), names[i]);
}

/* ---- backends in the guide's form: <backend id="x"><service url="…"/></backend> ---- */

static struct slice xml_attribute(struct slice text, struct slice element, struct slice name)
{
    ptrdiff_t at = slice_find(text, element);
    if (at < 0)
        return SLICE_NONE;
    struct slice tag = slice_skip(text, (size_t)at + element.n);
    ptrdiff_t end = slice_find_byte(tag, '>');
    tag = end < 0 ? tag : slice_first(tag, (size_t)end);
    while ((at = slice_find(tag, name)) >= 0) {
        bool word = at > 0 && ascii_is_space(tag.p[at - 1]);
        tag = slice_skip(tag, (size_t)at + name.n);
        struct slice rest = slice_trim(tag);
        if (!word || !rest.n || rest.p[0] != '=')
            continue;
        rest = slice_trim(slice_skip(rest, 1));
        if (!rest.n || (rest.p[0] != '"' && rest.p[0] != '\''))
            return SLICE_NONE;
        ptrdiff_t close = slice_find_byte(slice_skip(rest, 1), rest.p[0]);
        return close < 0 ? SLICE_NONE : slice_sub(rest, 1, (size_t)close + 1);
    }
    return SLICE_NONE;
}

static void read_backend_xml(struct tree *t, struct resource *r, const char *path)
{
    struct slice text, id, url;
    struct buf json;

    if (!read_text(t, path, &text))
        return;
    r->file = relative(t, path);
    id = xml_attribute(text, SLICE("<backend"), SLICE("id"));
    url = xml_attribute(text, SLICE("<service"), SLICE("url"));
    if (!url.p) {
        artifact_report(t->out, ARTIFACT_ERROR, r->file, "give <backend id=\"%.*s\"><service url=\"http://...\"/></backend>",
                        SLICE_ARG(r->id));
        return;
    }
    if (id.p && !slice_eq(id, r->id))
        artifact_report(t->out, ARTIFACT_ERROR, r->file, "id \"%.*s\" is not the name of its folder", SLICE_ARG(id));
    buf_init(&json, t->arena);
    buf_puts(&json, "{\"url\":");
    buf_put_json(&json, url);
    buf_puts(&json, ",\"protocol\":\"http\"}");
    r->properties = json_parse(t->arena, buf_slice(&json), NULL);
}

/* ---- resources ---- */

static void read_information(struct tree *t, struct resource *r, const char *dir)
{
    const struct resource_def *def = &resource_defs[r->kind];
    char *path = child(t, dir, def->information), *xml = child(t, dir, "backend.xml");

    if (!path && def->older)
        path = child(t, dir, def->older);
    if (path) {
        const struct json *properties = read_properties(t, path);
        r->file = relative(t, path);
        if (properties)
            r->properties = properties;
        return;
    }
    r->file = r->dir;
    if (r->kind == RESOURCE_BACKEND && xml)
        read_backend_xml(t, r, xml);
    else if (r->kind != RESOURCE_FRAGMENT && r->kind != RESOURCE_GATEWAY)
        artifact_report(t->out, ARTIFACT_ERROR, r->dir, "%s is missing", def->information);
}

static void read_fragment(struct tree *t, struct resource *r, const char *dir)
{
    char *path = child(t, dir, "policy.xml");

    if (!path) {
        artifact_report(t->out, ARTIFACT_ERROR, r->dir, "policy.xml is missing");
        return;
    }
    r->fragment_file = relative(t, path);
    (void)read_text(t, path, &r->fragment);
}

static void read_resource(struct tree *t, enum resource_kind kind, const char *dir, struct slice id)
{
    struct resource *r = tree_add(t, kind, id, relative(t, dir));

    if (!r)
        return;
    read_information(t, r, dir);
    if (kind == RESOURCE_API)
        read_api(t, r, dir);
    if (kind == RESOURCE_FRAGMENT)
        read_fragment(t, r, dir);
    if (kind == RESOURCE_PRODUCT || kind == RESOURCE_GATEWAY)
        read_links(t, r, dir);
    if (kind == RESOURCE_PRODUCT)
        read_policy(t, dir, arena_printf(t->arena, "product/%.*s", SLICE_ARG(id)));
}

static void read_folder(struct tree *t, enum resource_kind kind, const char *dir)
{
    struct slice *names;
    size_t n;

    if (!list(t, dir, &names, &n))
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(t->arena, dir, names[i]);
        if (path && file_is_dir(path))
            read_resource(t, kind, path, names[i]);
    }
}

/* Folders that describe, and that a gateway has no use for. */
static bool is_descriptive(struct slice name)
{
    static const char *const folders[] = { "tags", "groups", "loggers", "diagnostics" };

    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (slice_eq(name, slice_from(folders[i])))
            return true;
    return false;
}

static void read_entry(struct tree *t, struct slice name)
{
    char *path = file_join(t->arena, t->options->dir, name);

    if (!path || !file_is_dir(path) || name.p[0] == '.')
        return;
    for (int kind = 0; kind < RESOURCE_KINDS; kind++)
        if (slice_eq(name, slice_from(resource_defs[kind].folder))) {
            read_folder(t, (enum resource_kind)kind, path);
            return;
        }
    if (!is_descriptive(name))
        artifact_report(t->out, ARTIFACT_SKIP, name, "this folder is not one that a gateway serves");
}

bool artifact_read(struct tree *t)
{
    struct slice *names;
    size_t n;

    if (!file_is_dir(t->options->dir)) {
        artifact_report(t->out, ARTIFACT_ERROR, slice_from(t->options->dir), "no such directory");
        return false;
    }
    if (!list(t, t->options->dir, &names, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        read_entry(t, names[i]);
    read_policy(t, t->options->dir, SLICE("global"));
    if (!t->first && !t->policies)
        artifact_report(t->out, ARTIFACT_ERROR, slice_from(t->options->dir),
                        "no artifacts here: give the folder that holds `apis` (reference: apiops layout)");
    return t->out->errors == 0;
}
