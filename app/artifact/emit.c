/* Resources to entities: what is served, and what it refers to. */
#include "app/artifact/artifact_int.h"

#include <stdlib.h>

#include "app/names.h"
#include "app/router.h"
#include "app/url.h"
#include "platform/base/nearest.h"

struct slice resource_text(const struct resource *r, const char *property)
{
    return json_str(json_get(r->properties, property));
}

struct slice resource_name(struct arena *a, const struct resource *r)
{
    return arena_printf(a, "%s %.*s", resource_defs[r->kind].kind, SLICE_ARG(r->id));
}

static bool is_named(struct slice name, const char *const *list)
{
    for (; *list; list++)
        if (slice_eq(name, slice_from(*list)))
            return true;
    return false;
}

/* ---- writing entities ---- */

static bool holds_token(const struct json *value)
{
    struct json_iter it = json_iter(value);

    if (artifact_has_token(json_str(value)))
        return true;
    while (json_next(&it))
        if (holds_token(it.value))
            return true;
    return false;
}

/* A backend that nothing calls may keep its placeholders. */
static void refuse_tokens(struct emitter *e, const struct resource *r, struct slice key, const struct json *value)
{
    const char *name = arena_cstr(e->arena, key);

    if (name && (r->kind != RESOURCE_BACKEND || r->used) && holds_token(value))
        artifact_report_property(e->out, ARTIFACT_ERROR, r, name, "%s: still holds a {#token#}", name);
}

void entity_member(struct buf *b, bool *first, const char *name)
{
    if (!*first)
        buf_putc(b, ',');
    *first = false;
    buf_put_json(b, slice_from(name));
    buf_putc(b, ':');
}

bool entity_open(struct emitter *e, const struct resource *r, const char *const *dropped, struct buf *b)
{
    struct json_iter it = json_iter(r->properties);
    bool first = true;

    buf_init(b, e->arena);
    buf_putc(b, '{');
    while (json_next(&it)) {
        if (is_named(it.key, dropped))
            continue;
        if (!first)
            buf_putc(b, ',');
        first = false;
        buf_put_json(b, it.key);
        buf_putc(b, ':');
        json_write(b, it.value);
        refuse_tokens(e, r, it.key, it.value);
    }
    return first;
}

void entity_close(struct emitter *e, const struct resource *r, struct buf *b)
{
    buf_putc(b, '}');
    artifact_add_entity(e->tree, resource_defs[r->kind].kind, r->id, buf_slice(b));
}

static void emit_plain(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "description", NULL };
    struct buf b;

    entity_open(e, r, dropped, &b);
    entity_close(e, r, &b);
}

/* ---- links ---- */

/* ": did you mean x" or nothing. */
static struct slice suggestion(struct emitter *e, enum resource_kind kind, struct slice id)
{
    struct slice near = tree_nearest(e->tree, kind, id);

    return near.n ? arena_printf(e->arena, ": did you mean %.*s", SLICE_ARG(near)) : SLICE("");
}

/* Each link names an API as its folder is called. */
static void resolve_links(struct emitter *e, struct resource *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->apis.n; i++) {
        const struct resource *api = tree_find(e->tree, RESOURCE_API, r->apis.v[i]);
        if (api)
            r->apis.v[n++] = api->id;
        else
            artifact_report(e->out, ARTIFACT_ERROR, r->dir, "links to api \"%.*s\", which does not exist%.*s", SLICE_ARG(r->apis.v[i]),
                            SLICE_ARG(suggestion(e, RESOURCE_API, r->apis.v[i])));
    }
    r->apis.n = n;
}

static bool links_to(const struct resource *r, struct slice api)
{
    for (size_t i = 0; i < r->apis.n; i++)
        if (slice_eq_icase(name_api_root(r->apis.v[i]), name_api_root(api)))
            return true;
    return false;
}

/* ---- which APIs ---- */

static void skip(struct emitter *e, struct resource *r, struct slice why)
{
    r->skipped = true;
    artifact_report(e->out, ARTIFACT_SKIP, resource_name(e->arena, r), "%.*s", SLICE_ARG(why));
}

static void skip_api(struct emitter *e, struct resource *r, const struct resource *gateway)
{
    static const char *const served[] = { "", "http", NULL };
    struct slice type = resource_text(r, "type").n ? resource_text(r, "type") : resource_text(r, "apiType");

    if (gateway && !links_to(gateway, r->id))
        r->skipped = true; /* asked for: not worth a word */
    else if (!is_named(type, served))
        skip(e, r, arena_printf(e->arena, "APIs of type %.*s are not served yet", SLICE_ARG(type)));
    else if (r->unread_specification.n)
        skip(e, r, arena_printf(e->arena, "%.*s is not read yet: give an OpenAPI specification or operations",
                                SLICE_ARG(r->unread_specification)));
}

static bool has_served_link(struct emitter *e, const struct resource *product)
{
    for (size_t i = 0; i < product->apis.n; i++)
        if (!tree_find(e->tree, RESOURCE_API, product->apis.v[i])->skipped)
            return true;
    return false;
}

/* With --gateway the others leave, and what only they serve. */
static void skip_what_is_not_served(struct emitter *e)
{
    const char *id = e->tree->options->gateway;
    const struct resource *gateway = id ? tree_find(e->tree, RESOURCE_GATEWAY, slice_from(id)) : NULL;

    for (struct resource *r = e->tree->first; r; r = r->next)
        if (r->kind == RESOURCE_API)
            skip_api(e, r, gateway);
    for (struct resource *r = e->tree->first; gateway && r; r = r->next)
        if ((r->kind == RESOURCE_GATEWAY && r != gateway) || (r->kind == RESOURCE_PRODUCT && !has_served_link(e, r)))
            r->skipped = true;
}

static bool check_gateway(struct emitter *e)
{
    const char *id = e->tree->options->gateway;

    if (!id || tree_find(e->tree, RESOURCE_GATEWAY, slice_from(id)))
        return true;
    artifact_report(e->out, ARTIFACT_ERROR, slice_from("--gateway"), "%s: no such gateway in the artifacts%.*s", id,
                    SLICE_ARG(suggestion(e, RESOURCE_GATEWAY, slice_from(id))));
    return false;
}

/* ---- operations by operationInformation.json ---- */

static struct slice upper(struct arena *a, struct slice text)
{
    char *to = arena_cstr(a, text);

    for (size_t i = 0; to && i < text.n; i++)
        to[i] = ascii_upper(to[i]);
    return to ? slice_of(to, text.n) : SLICE_NONE;
}

/* Any method will do: what takes the same requests is found when the program is built. */
void artifact_try_template(struct tree *t, struct route_table *routes, struct slice file, struct slice operation, struct slice template)
{
    struct err err;

    if (!route_table_add(routes, SLICE("GET"), template, NULL, &err))
        artifact_report(t->out, ARTIFACT_ERROR, file, "operation %.*s: %s", SLICE_ARG(operation), err.text);
}

static void emit_operation_file(struct emitter *e, const struct resource *api, const struct operation_file *op,
                                struct route_table *routes)
{
    static const char *const dropped[] = { "description", "apiId", "method", "responses", NULL };
    struct slice method = json_str(json_get(op->properties, "method")), template = json_str(json_get(op->properties, "urlTemplate"));
    struct slice id = arena_printf(e->arena, "%.*s/%.*s", SLICE_ARG(api->id), SLICE_ARG(op->id));
    const struct resource as = { .kind = RESOURCE_API, .file = op->file, .properties = op->properties };
    struct openapi o = { .tree = e->tree, .api = api };
    struct buf b;

    if (!method.n || !template.p) {
        artifact_report(e->out, ARTIFACT_ERROR, op->file, "an operation needs \"method\" and \"urlTemplate\"");
        return;
    }
    artifact_try_template(e->tree, routes, op->file, op->id, template);
    bool first = entity_open(e, &as, dropped, &b);
    entity_member(&b, &first, "apiId");
    buf_put_json(&b, api->id);
    entity_member(&b, &first, "method");
    buf_put_json(&b, upper(e->arena, method));
    buf_putc(&b, '}');
    artifact_add_entity(e->tree, "operation", id, buf_slice(&b));
    openapi_emit_responses(&o, id, op->properties);
}

/* ---- APIs ---- */

/* Some policy of this API chooses the backend itself. */
static bool policy_sets_backend(const struct tree *t, const struct resource *api)
{
    for (const struct policy_file *p = t->policies; p; p = p->next) {
        struct slice rest = slice_skip(p->scope, 4);
        bool own = slice_starts(p->scope, SLICE("api/")) && slice_starts(rest, api->id) &&
                   (rest.n == api->id.n || rest.p[api->id.n] == '/');
        if ((own || !slice_starts(p->scope, SLICE("api/"))) && slice_find(p->xml, SLICE("set-backend-service")) >= 0)
            return true;
    }
    return false;
}

static void check_service_url(struct emitter *e, const struct resource *api)
{
    struct slice url = resource_text(api, "serviceUrl");
    struct url parsed;

    if (!url.n || url_parse(url, &parsed))
        return;
    artifact_report_property(e->out, policy_sets_backend(e->tree, api) ? ARTIFACT_WARNING : ARTIFACT_ERROR, api, "serviceUrl",
                       "serviceUrl: \"%.*s\" is no http or https URL: correct it, or set it in an overrides file", SLICE_ARG(url));
}

static void check_protocols(struct emitter *e, const struct resource *api)
{
    static const char *const known[] = { "http", "https", "ws", "wss", NULL };
    struct json_iter it = json_iter(json_get(api->properties, "protocols"));

    while (json_next(&it)) {
        bool right = false;
        for (size_t i = 0; known[i]; i++)
            right |= slice_eq_icase(json_str(it.value), slice_from(known[i]));
        if (!right)
            artifact_report_property(e->out, ARTIFACT_ERROR, api, "protocols",
                               "protocols: \"%.*s\": give http, https, ws or wss", SLICE_ARG(json_str(it.value)));
    }
}

/* The revision that the name of the folder gives; 0: a plain name. */
static uint64_t folder_revision(struct slice id)
{
    uint64_t n = 0;
    struct slice root = name_api_root(id);

    return root.n < id.n && slice_to_u64(slice_skip(id, root.n + 5), UINT32_MAX, &n) ? n : 0;
}

static struct slice revision_of(struct emitter *e, const struct resource *api)
{
    struct slice given = resource_text(api, "apiRevision");
    uint64_t folder = folder_revision(api->id);

    return given.n ? given : arena_printf(e->arena, "%llu", (unsigned long long)(folder ? folder : 1));
}

static void check_revision(struct emitter *e, const struct resource *api)
{
    struct slice given = revision_of(e, api);
    uint64_t folder = folder_revision(api->id), n;

    if (!slice_to_u64(given, UINT32_MAX, &n) || (folder && n != folder))
        artifact_report_property(e->out, ARTIFACT_ERROR, api, "apiRevision",
                           "apiRevision: \"%.*s\": %s", SLICE_ARG(given), folder ? "the folder says otherwise" : "give a number");
}

/* Of the revisions of an API the one that says so is current; when none does, the one in the plain folder. */
static void find_current(struct emitter *e)
{
    for (struct resource *r = e->tree->first; r; r = r->next) {
        if (r->kind != RESOURCE_API || !json_bool(json_get(r->properties, "isCurrent"), false))
            continue;
        const struct resource *other = map_get(&e->current, name_api_root(r->id));
        if (other)
            artifact_report_property(e->out, ARTIFACT_ERROR, r, "isCurrent",
                               "isCurrent: %.*s is the current revision too", SLICE_ARG(other->id));
        else if (!map_put(&e->current, name_api_root(r->id), r))
            return; /* the arena is full: said at the end */
    }
}

static bool is_current(const struct emitter *e, const struct resource *api)
{
    struct slice root = name_api_root(api->id);
    const struct resource *current = map_get(&e->current, root);

    return current ? current == api : root.n == api->id.n;
}

/* The set that apiVersionSetId names, as its folder is called. */
static struct slice check_version_set(struct emitter *e, const struct resource *api)
{
    struct slice id = name_last_segment(resource_text(api, "apiVersionSetId"));
    const struct resource *set = tree_find(e->tree, RESOURCE_VERSION_SET, id);

    if (set)
        return set->id;
    if (id.n && !json_get(api->properties, "apiVersionSet"))
        artifact_report_property(e->out, ARTIFACT_ERROR, api, "apiVersionSetId",
                           "apiVersionSetId: no such version set: %.*s%.*s", SLICE_ARG(id),
                           SLICE_ARG(suggestion(e, RESOURCE_VERSION_SET, id)));
    return id;
}

/* Two APIs at one place; paths that only look different are left to the gateway's own tables. */
static void check_place(struct emitter *e, const struct resource *api)
{
    struct slice path = name_trim_slashes(resource_text(api, "path")), set = name_last_segment(resource_text(api, "apiVersionSetId"));
    struct slice place = arena_printf(e->arena, "%.*s %.*s %.*s %.*s", SLICE_ARG(path), SLICE_ARG(set),
                                      SLICE_ARG(resource_text(api, "apiVersion")), SLICE_ARG(revision_of(e, api)));
    const struct resource *other = map_get(&e->places, place);

    if (other)
        artifact_report_property(e->out, ARTIFACT_ERROR, api, "path", "path: \"%.*s\" is that of api %.*s too", SLICE_ARG(path),
                                 SLICE_ARG(other->id));
    else if (!map_put(&e->places, place, (void *)(uintptr_t)api))
        return; /* the arena is full: said at the end */
}

/* As in the artifacts, but for what the folder says (its revision, that it is current) and for ids in another case. */
static void put_api(struct emitter *e, const struct resource *api)
{
    static const char *const dropped[] = { "description", "contact", "license", "termsOfServiceUrl", "authenticationSettings",
                                           "apiRevisionDescription", "apiVersionDescription", "format", "value", "apiRevision",
                                           "isCurrent", "apiVersionSetId", NULL };
    struct slice given = resource_text(api, "apiVersionSetId"), set = check_version_set(e, api);
    bool plain = name_api_root(api->id).n == api->id.n;
    struct buf b;
    bool first = entity_open(e, api, dropped, &b);

    if (resource_text(api, "apiRevision").n || !plain) {
        entity_member(&b, &first, "apiRevision");
        buf_put_json(&b, revision_of(e, api));
    }
    if (json_get(api->properties, "isCurrent") || is_current(e, api) != plain) {
        entity_member(&b, &first, "isCurrent");
        buf_puts(&b, is_current(e, api) ? "true" : "false");
    }
    if (set.n) {
        bool same = slice_eq(name_last_segment(given), set);
        entity_member(&b, &first, "apiVersionSetId");
        buf_put_json(&b, same ? given : arena_printf(e->arena, "/apiVersionSets/%.*s", SLICE_ARG(set)));
    }
    entity_close(e, api, &b);
}

static void emit_api(struct emitter *e, const struct resource *api)
{
    struct route_table routes;

    route_table_init(&routes, e->arena);
    check_place(e, api);
    if (!resource_text(api, "path").p)
        artifact_report(e->out, ARTIFACT_ERROR, api->file, "\"path\" is missing: the API's part of the URL (\"\": all of it)");
    check_revision(e, api);
    check_service_url(e, api);
    check_protocols(e, api);
    put_api(e, api);
    if (api->specification.n)
        artifact_emit_openapi(e->tree, api, &routes);
    for (const struct operation_file *op = api->operations; op; op = op->next)
        emit_operation_file(e, api, op, &routes);
    if (!api->specification.n && !api->operations)
        artifact_report(e->out, ARTIFACT_WARNING, api->dir, "neither a specification nor operationInformation.json: no operations");
}

/* ---- products and gateways: their links become a list ---- */

static void put_link(struct buf *b, bool *first, struct slice id)
{
    buf_puts(b, *first ? "" : ",");
    *first = false;
    buf_put_json(b, id);
}

static void emit_linked(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "description", "terms", "apis", "groups", NULL };
    bool first_link = true;
    struct buf b;
    bool first = entity_open(e, r, dropped, &b);

    if (r->kind == RESOURCE_PRODUCT || r->has_apis) {
        entity_member(&b, &first, "apis");
        buf_putc(&b, '[');
        for (size_t i = 0; i < r->apis.n; i++)
            if (!tree_find(e->tree, RESOURCE_API, r->apis.v[i])->skipped)
                put_link(&b, &first_link, r->apis.v[i]);
        buf_putc(&b, ']');
    }
    if (r->groups.n) {
        entity_member(&b, &first, "groups");
        buf_putc(&b, '[');
        first_link = true;
        for (size_t i = 0; i < r->groups.n; i++)
            put_link(&b, &first_link, r->groups.v[i]);
        buf_putc(&b, ']');
    }
    entity_close(e, r, &b);
}

static void emit_version_set(struct emitter *e, const struct resource *r)
{
    if (!resource_text(r, "versioningScheme").n)
        artifact_report(e->out, ARTIFACT_ERROR, r->file, "versioningScheme is missing: give Segment, Query or Header");
    emit_plain(e, r);
}

/* ---- policies and fragments ---- */

static struct slice document_json(struct emitter *e, struct slice xml, struct slice file)
{
    struct buf b;

    buf_init(&b, e->arena);
    buf_puts(&b, "{\"file\":");
    buf_put_json(&b, file);
    buf_puts(&b, ",\"value\":");
    buf_put_json(&b, xml);
    buf_putc(&b, '}');
    return buf_slice(&b);
}

static void emit_resource(struct emitter *e, struct resource *r)
{
    if (r->skipped)
        return;
    switch (r->kind) {
    case RESOURCE_NAMED_VALUE:
        emit_named_value(e, r);
        break;
    case RESOURCE_BACKEND:
        emit_backend(e, r);
        break;
    case RESOURCE_FRAGMENT:
        artifact_add_entity(e->tree, "fragment", r->id, document_json(e, r->fragment, r->fragment_file));
        break;
    case RESOURCE_API:
        emit_api(e, r);
        break;
    case RESOURCE_PRODUCT:
    case RESOURCE_GATEWAY:
        emit_linked(e, r);
        break;
    case RESOURCE_VERSION_SET:
        emit_version_set(e, r);
        break;
    case RESOURCE_SUBSCRIPTION:
        emit_subscription(e, r);
        break;
    case RESOURCE_CERTIFICATE:
        emit_certificate(e, r);
        break;
    default:
        emit_plain(e, r);
    }
}

static struct slice nearest_operation(const struct tree *t, struct slice api, struct slice operation)
{
    const struct artifacts *out = t->out;
    unsigned limit = nearest_limit(operation) + 1;
    struct slice near = SLICE_NONE;

    for (size_t i = 0; i < out->n; i++) {
        const struct artifact_entity *x = &out->entities[i];
        if (!slice_eq(x->kind, SLICE("operation")) || !slice_starts(x->id, api) || x->id.p[api.n] != '/')
            continue;
        unsigned d = nearest_distance(operation, slice_skip(x->id, api.n + 1));
        if (d < limit) {
            limit = d;
            near = slice_skip(x->id, api.n + 1);
        }
    }
    return near;
}

/* "api/x/operation/y" of an operation that is not there; an API without any is warned of elsewhere. */
static bool names_no_operation(struct emitter *e, const struct map *operations, const struct policy_file *p)
{
    struct slice rest = slice_skip(p->scope, 4), api;

    if (!slice_starts(p->scope, SLICE("api/")))
        return false;
    slice_cut(&rest, '/', &api);
    const struct resource *of = tree_find(e->tree, RESOURCE_API, api);
    struct slice operation = slice_skip(rest, sizeof "operation/" - 1);
    if (!rest.n || (!of->specification.n && !of->operations) ||
        map_get(operations, arena_printf(e->arena, "%.*s/%.*s", SLICE_ARG(api), SLICE_ARG(operation))))
        return false;
    struct slice near = nearest_operation(e->tree, api, operation);
    artifact_report(e->out, ARTIFACT_ERROR, p->file, "api %.*s has no operation \"%.*s\"%s%.*s", SLICE_ARG(api), SLICE_ARG(operation),
                    near.n ? ": did you mean " : "", SLICE_ARG(near));
    return true;
}

static void emit_policies(struct emitter *e)
{
    unsigned errors = e->out->errors;
    struct map operations;

    map_init(&operations, e->arena);
    for (size_t i = 0; i < e->out->n; i++)
        if (slice_eq(e->out->entities[i].kind, SLICE("operation")) && !map_put(&operations, e->out->entities[i].id, e))
            return; /* the arena is full: said at the end */
    for (const struct policy_file *p = e->tree->policies; p; p = p->next)
        if (policy_is_served(e->tree, p) && (errors || !names_no_operation(e, &operations, p)))
            artifact_add_entity(e->tree, "policy", p->scope, document_json(e, p->xml, p->file));
}

/* The salt follows from the publisher's secret: the same in every publish, unknown to whoever has only the repository's past. */
static void emit_repository(struct emitter *e)
{
    char hex[2 * CRYPTO_SHA256_BYTES];

    crypto_hmac(CRYPTO_SHA256, e->tree->options->salt, SLICE("holdfast subscription keys"), e->salt);
    crypto_hex(e->salt, sizeof e->salt, hex);
    artifact_add_entity(e->tree, "repository", SLICE("settings"),
                        arena_printf(e->arena, "{\"subscriptionKeySalt\":\"%.*s\"}", (int)sizeof hex, hex));
}

static int by_kind_and_id(const void *a, const void *b)
{
    const struct artifact_entity *x = a, *y = b;
    int order = slice_cmp(x->kind, y->kind);

    return order ? order : slice_cmp(x->id, y->id);
}

/* Operations are the only entities that two files can give. */
static void refuse_duplicates(struct emitter *e)
{
    struct artifacts *out = e->out;

    if (out->n)
        qsort(out->entities, out->n, sizeof *out->entities, by_kind_and_id);
    for (size_t i = 1; i < out->n; i++)
        if (by_kind_and_id(&out->entities[i - 1], &out->entities[i]) == 0)
            artifact_report(out, ARTIFACT_ERROR, arena_printf(e->arena, "%.*s %.*s", SLICE_ARG(out->entities[i].kind),
                            SLICE_ARG(out->entities[i].id)), "given twice");
}

static void note_https_only(struct emitter *e)
{
    bool any = false, plain = false;

    for (const struct resource *r = e->tree->first; r; r = r->next) {
        if (r->kind != RESOURCE_API || r->skipped)
            continue;
        struct json_iter it = json_iter(json_get(r->properties, "protocols"));
        any = true;
        while (json_next(&it))
            plain |= slice_eq_icase(json_str(it.value), SLICE("http"));
    }
    if (any && !plain)
        artifact_report(e->out, ARTIFACT_WARNING, SLICE("protocols"), "no API lists http: all of them answer on the TLS port only");
}

void artifact_emit(struct tree *t)
{
    struct emitter e = { .tree = t, .out = t->out, .arena = t->arena };

    if (!check_gateway(&e))
        return;
    map_init(&e.named_values, t->arena);
    map_init(&e.keys, t->arena);
    map_init_icase(&e.current, t->arena);
    map_init_icase(&e.places, t->arena);
    find_current(&e);
    emit_repository(&e);
    for (struct resource *r = t->first; r; r = r->next)
        resolve_links(&e, r);
    skip_what_is_not_served(&e);
    artifact_mark_used(t);
    for (struct resource *r = t->first; r; r = r->next)
        emit_resource(&e, r);
    emit_policies(&e);
    note_https_only(&e);
    refuse_duplicates(&e);
}
