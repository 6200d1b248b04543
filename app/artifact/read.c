/* Walking the folders: every file is read once; nothing is judged here but what cannot be read. */
#include "app/artifact/artifact_int.h"

#include <string.h>

#include "platform/base/buf.h"
#include "platform/base/nearest.h"
#include "platform/base/utf8.h"
#include "platform/file.h"
#include "platform/xml.h"

static struct slice relative(struct tree *t, const char *path)
{
    struct slice whole = slice_from(path), dir = slice_from(t->options->dir);

    whole = slice_skip(whole, dir.n);
    while (whole.n && whole.p[0] == '/')
        whole = slice_skip(whole, 1);
    return whole;
}

static void unreadable(struct tree *t, const char *path, const struct err *err)
{
    artifact_report_unreadable(t->out, relative(t, path), path, err);
}

/* A file's text without a UTF-8 byte order mark; false (reported) when it cannot be read. */
static bool read_text(struct tree *t, const char *path, struct slice *text)
{
    struct err err;

    if (!file_read(t->arena, path, ARTIFACT_FILE_MAX, text, &err)) {
        unreadable(t, path, &err);
        return false;
    }
    if (slice_starts(*text, SLICE("\xef\xbb\xbf")))
        *text = slice_skip(*text, 3);
    return true;
}

/* Text that nothing else will check: a policy. UTF-16, as some editors on Windows write it, is told by its first bytes. */
static bool read_utf8(struct tree *t, const char *path, struct slice *text)
{
    if (!read_text(t, path, text))
        return false;
    if (utf8_is_valid(*text))
        return true;
    size_t at = 0;
    while (at < text->n && utf8_valid_length(slice_skip(*text, at)))
        at += utf8_valid_length(slice_skip(*text, at));
    unsigned line, column;
    xml_line_column(*text, at, &line, &column);
    artifact_report_at(t->out, ARTIFACT_ERROR, relative(t, path), line, column, "not UTF-8: save the file as UTF-8");
    return false;
}

static const struct json *read_json(struct tree *t, const char *path, struct source *source)
{
    struct err err;

    if (!read_text(t, path, &source->text))
        return NULL;
    const struct json *json = json_parse_from(t->arena, source->text, &source->origin, &err);
    if (!json)
        artifact_report_parse(t->out, relative(t, path), &err);
    return json;
}

/* An object whose member "properties", when there is one, is an object. */
static const struct json *read_properties(struct tree *t, const char *path, const struct source **out)
{
    struct source *source = arena_new(t->arena, struct source);

    if (!source)
        return NULL;
    source->file = relative(t, path);
    source->line = 1;
    *out = source;
    const struct json *json = read_json(t, path, source), *properties = json_get(json, "properties");

    if (!json)
        return NULL;
    if (json_type(json) != JSON_OBJECT || (properties && json_type(properties) != JSON_OBJECT)) {
        artifact_report_at(t->out, ARTIFACT_ERROR, relative(t, path), 1, 1, "%s must be an object",
                           properties ? "\"properties\"" : "the document");
        return NULL;
    }
    source->properties = properties;
    return properties;
}

/* File `name` in dir, or NULL when there is none. A link to nothing is there: reading it will say so. */
static char *child(struct tree *t, const char *dir, const char *name)
{
    char *path = file_join(t->arena, dir, slice_from(name));

    return path && file_is_there(path) ? path : NULL;
}

static bool list(struct tree *t, const char *dir, struct slice **names, size_t *n)
{
    struct err err;

    if (file_list(t->arena, dir, names, n, &err))
        return true;
    unreadable(t, dir, &err);
    return false;
}

static void read_policy(struct tree *t, const char *dir, struct slice scope)
{
    char *path = child(t, dir, "policy.xml");
    struct policy_file *p;

    if (!path || !(p = arena_new(t->arena, struct policy_file)) || !read_utf8(t, path, &p->xml))
        return;
    p->scope = scope;
    p->file = relative(t, path);
    *t->policies_end = p;
    t->policies_end = &p->next;
}

/* ---- links: products/<id>/apis/<api>/productApiInformation.json, or apis.json = [{"name": api}] ---- */

void tree_add_link(struct tree *t, struct links *links, struct slice id)
{
    for (size_t i = 0; i < links->n; i++)
        if (slice_eq(links->v[i], id))
            return;
    if (links->n == links->room) {
        size_t room = links->room ? 2 * links->room : 8;
        struct slice *grown = arena_array(t->arena, struct slice, room);
        if (!grown)
            return;
        if (links->n)
            memcpy(grown, links->v, links->n * sizeof *grown);
        links->v = grown;
        links->room = room;
    }
    links->v[links->n++] = id;
}

/* [{"name": id}], also plain names. */
static void read_link_list(struct tree *t, struct links *links, const char *path)
{
    struct source source = { 0 };
    const struct json *json = read_json(t, path, &source);
    struct json_iter it = json_iter(json);
    bool right = !json || json_type(json) == JSON_ARRAY;

    while (right && json_next(&it)) {
        struct slice name = json_str(it.value).p ? json_str(it.value) : json_str(json_get(it.value, "name"));
        right = name.n > 0;
        if (right)
            tree_add_link(t, links, name);
    }
    if (!right)
        artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "give a list of names: [{ \"name\": \"id\" }]");
}

static void read_link_folder(struct tree *t, struct links *links, const char *folder)
{
    struct slice *names;
    size_t n;

    if (!list(t, folder, &names, &n))
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(t->arena, folder, names[i]);
        if (path && file_is_dir(path) && names[i].p[0] != '.')
            tree_add_link(t, links, names[i]);
    }
}

/* Folder `name`, whose link files win over the older list `list`; true when one of them is there. */
static bool read_links(struct tree *t, struct links *links, const char *dir, const char *name, const char *older_name)
{
    char *folder = child(t, dir, name), *older = child(t, dir, older_name);

    if (folder && file_is_dir(folder))
        read_link_folder(t, links, folder);
    if (!links->n && older)
        read_link_list(t, links, older);
    return folder || older;
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
    const struct source *source;

    read_policy(t, dir, arena_printf(t->arena, "api/%.*s/operation/%.*s", SLICE_ARG(r->id), SLICE_ARG(id)));
    if (!path || !(op = arena_new(t->arena, struct operation_file)))
        return;
    op->id = id;
    op->file = relative(t, path);
    op->properties = read_properties(t, path, &source);
    if (!op->properties)
        return;
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

static struct slice attribute(const struct xml_node *n, const char *name)
{
    const struct xml_attr *found = n ? xml_attr(n, name) : NULL;

    return found ? found->value : SLICE_NONE;
}

static void read_backend_xml(struct tree *t, struct resource *r, const char *path)
{
    struct slice text;
    struct buf json;
    struct xml_error wrong;

    r->file = relative(t, path);
    if (!read_text(t, path, &text))
        return;
    const struct xml_document *document = xml_parse(t->arena, text, &(struct xml_options){ 0 }, &wrong);
    if (!document) {
        artifact_report_at(t->out, ARTIFACT_ERROR, r->file, wrong.line, wrong.column, "%s", wrong.message);
        return;
    }
    bool right = slice_eq(document->root->name, SLICE("backend"));
    struct slice id = attribute(document->root, "id"), url = attribute(xml_child(document->root, "service"), "url");
    if (!right || !url.p)
        artifact_report_at(t->out, ARTIFACT_ERROR, r->file, 1, 1, "give <backend id=\"%.*s\"><service url=\"http://...\"/></backend>",
                           SLICE_ARG(r->id));
    else if (id.p && !slice_eq(id, r->id))
        artifact_report_at(t->out, ARTIFACT_ERROR, r->file, 1, 1, "id \"%.*s\" is not the name of its folder", SLICE_ARG(id));
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
        const struct json *properties = read_properties(t, path, &r->source);
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

    r->fragment = json_str(json_get(r->properties, "value"));
    r->fragment_file = r->file;
    if (!path) {
        if (!r->fragment.p)
            artifact_report(t->out, ARTIFACT_ERROR, r->dir, "policy.xml is missing");
        return;
    }
    r->fragment_file = relative(t, path);
    (void)read_utf8(t, path, &r->fragment);
}

static const struct { enum resource_kind kind; const char *name; } entries[] = {
#define ENTRY(kind, name) { RESOURCE_##kind, name },
#include "app/artifact/entries.def"
#undef ENTRY
};

/* A file whose name is wrong by a letter or in case is not read; that must not go unseen. */
static void warn_of_unknown(struct tree *t, enum resource_kind kind, const char *dir, struct slice name)
{
    const char *near = NULL;
    unsigned limit = nearest_limit(name) + 1;

    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        unsigned d = entries[i].kind == kind ? nearest_distance(name, slice_from(entries[i].name)) : NEAREST_FAR;
        if (entries[i].kind == kind && slice_eq(name, slice_from(entries[i].name)))
            return;
        if (d < limit) {
            limit = d;
            near = entries[i].name;
        }
    }
    artifact_report(t->out, ARTIFACT_WARNING, relative(t, file_join(t->arena, dir, name)), "nothing that is read is called so%s%s",
                    near ? ": did you mean " : "", near ? near : "");
}

static void look_for_unknown(struct tree *t, enum resource_kind kind, const char *dir)
{
    struct slice *names;
    size_t n;

    if (!list(t, dir, &names, &n))
        return;
    for (size_t i = 0; i < n; i++)
        if (names[i].p[0] != '.' && !slice_ends(names[i], SLICE(".md")))
            warn_of_unknown(t, kind, dir, names[i]);
}

static void read_resource(struct tree *t, enum resource_kind kind, const char *dir, struct slice id)
{
    struct resource *r = tree_add(t, kind, id, relative(t, dir));

    if (!r)
        return;
    if (kind != RESOURCE_CERTIFICATE) /* whose PEM files lie there under any name */
        look_for_unknown(t, kind, dir);
    read_information(t, r, dir);
    if (kind == RESOURCE_API)
        read_api(t, r, dir);
    if (kind == RESOURCE_FRAGMENT)
        read_fragment(t, r, dir);
    if (kind == RESOURCE_PRODUCT || kind == RESOURCE_GATEWAY)
        r->has_apis = read_links(t, &r->apis, dir, "apis", "apis.json");
    if (kind == RESOURCE_PRODUCT)
        (void)read_links(t, &r->groups, dir, "groups", "groups.json");
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
        const struct resource *other = tree_find(t, kind, names[i]);
        if (!path || names[i].p[0] == '.' || !file_is_dir(path))
            continue;
        if (other)
            artifact_report(t->out, ARTIFACT_ERROR, relative(t, path), "\"%.*s\" is there too, and ids must differ by more than case",
                            SLICE_ARG(other->id));
        else
            read_resource(t, kind, path, names[i]);
    }
}

/* Folders that describe, and that a gateway has no use for. */
static bool is_descriptive(struct slice name)
{
    static const char *const folders[] = { "tags", "loggers", "diagnostics" };

    for (size_t i = 0; i < COUNT_OF(folders); i++)
        if (slice_eq(name, slice_from(folders[i])))
            return true;
    return false;
}

/* workspaces/<name>, each by its name. */
static void skip_workspaces(struct tree *t, const char *dir)
{
    struct slice *names;
    size_t n;

    if (!list(t, dir, &names, &n))
        return;
    for (size_t i = 0; i < n; i++)
        artifact_report(t->out, ARTIFACT_SKIP, arena_printf(t->arena, "workspaces/%.*s", SLICE_ARG(names[i])),
                        "workspaces are not served");
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
    if (slice_eq(name, SLICE("workspaces")))
        skip_workspaces(t, path);
    else if (!is_descriptive(name))
        artifact_report(t->out, ARTIFACT_SKIP, name, "this folder is not one that a gateway serves");
}

bool artifact_read(struct tree *t)
{
    struct slice *names;
    size_t n;

    if (!file_is_dir(t->options->dir)) {
        t->out->unreadable = true;
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
