/* Resources to entities: what is served, what is missing, what must not leave the publisher in the clear. */
#include "app/artifact/artifact_int.h"

#include <stdlib.h>
#include <string.h>

#include "app/names.h"
#include "app/url.h"
#include "platform/base/buf.h"
#include "platform/crypto.h"

/* Keys longer than this are refused (reference/gateway.md 2.3). */
#define SUBSCRIPTION_KEY_MAX 256u

struct emitter {
    struct tree *tree;
    struct artifacts *out;
    struct arena *arena;
    uint8_t salt[CRYPTO_SHA256_BYTES];
};

static struct slice text_of(const struct resource *r, const char *name)
{
    return json_str(json_get(r->properties, name));
}

static struct slice name_of(struct emitter *e, const struct resource *r)
{
    return arena_printf(e->arena, "%s %.*s", resource_defs[r->kind].kind, SLICE_ARG(r->id));
}

static void skip(struct emitter *e, struct resource *r, const char *why)
{
    r->skipped = true;
    artifact_report(e->out, ARTIFACT_SKIP, name_of(e, r), "%s", why);
}

static bool is_named(struct slice name, const char *const *list)
{
    for (; *list; list++)
        if (slice_eq(name, slice_from(*list)))
            return true;
    return false;
}

/* The members of r's properties but those in `dropped`, as the beginning of an object: "{...", no closing brace. */
static bool open_properties(struct emitter *e, const struct resource *r, const char *const *dropped, struct buf *b)
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
    }
    return first;
}

static void close_entity(struct emitter *e, const struct resource *r, struct buf *b)
{
    buf_putc(b, '}');
    artifact_add_entity(e->tree, resource_defs[r->kind].kind, r->id, buf_slice(b));
}

static void put_member(struct buf *b, bool *first, const char *name)
{
    if (!*first)
        buf_putc(b, ',');
    *first = false;
    buf_put_json(b, slice_from(name));
    buf_putc(b, ':');
}

static void emit_plain(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "description", NULL };
    struct buf b;

    open_properties(e, r, dropped, &b);
    close_entity(e, r, &b);
}

/* ---- which APIs ---- */

static bool links_to(const struct resource *r, struct slice api)
{
    for (size_t i = 0; i < r->n_links; i++)
        if (slice_eq(name_api_root(r->links[i]), name_api_root(api)))
            return true;
    return false;
}

static void skip_what_is_not_served(struct emitter *e)
{
    static const char *const served[] = { "", "http", NULL };
    const struct artifact_options *options = e->tree->options;
    const struct resource *gateway = options->gateway ? tree_find(e->tree, RESOURCE_GATEWAY, slice_from(options->gateway)) : NULL;

    for (struct resource *r = e->tree->first; r; r = r->next) {
        struct slice type = text_of(r, "type").n ? text_of(r, "type") : text_of(r, "apiType");
        if (r->kind != RESOURCE_API)
            continue;
        if (gateway && !links_to(gateway, r->id))
            r->skipped = true; /* asked for: not worth a word */
        else if (!is_named(type, served))
            skip(e, r, arena_printf(e->arena, "APIs of type %.*s are not served yet", SLICE_ARG(type)).p);
        else if (r->unread_specification.n)
            skip(e, r, arena_printf(e->arena, "%.*s is not read yet: give an OpenAPI specification or operations",
                                    SLICE_ARG(r->unread_specification)).p);
    }
}

static bool check_gateway(struct emitter *e)
{
    const char *id = e->tree->options->gateway;

    if (!id || tree_find(e->tree, RESOURCE_GATEWAY, slice_from(id)))
        return true;
    struct slice near = tree_nearest(e->tree, RESOURCE_GATEWAY, slice_from(id));
    artifact_report(e->out, ARTIFACT_ERROR, slice_from("--gateway"), "%s: no such gateway in the artifacts%s%.*s", id,
                    near.n ? ": did you mean " : "", SLICE_ARG(near));
    return false;
}

/* ---- APIs and operations ---- */

static void emit_operation_file(struct emitter *e, const struct resource *api, const struct operation_file *op)
{
    struct slice method = json_str(json_get(op->properties, "method")), template = json_str(json_get(op->properties, "urlTemplate"));
    struct buf b;
    struct json_iter it = json_iter(op->properties);

    if (!method.n || !template.p) {
        artifact_report(e->out, ARTIFACT_ERROR, op->file, "an operation needs \"method\" and \"urlTemplate\"");
        return;
    }
    buf_init(&b, e->arena);
    buf_puts(&b, "{\"apiId\":");
    buf_put_json(&b, api->id);
    while (json_next(&it)) {
        if (slice_eq(it.key, SLICE("description")) || slice_eq(it.key, SLICE("apiId")))
            continue;
        buf_putc(&b, ',');
        buf_put_json(&b, it.key);
        buf_putc(&b, ':');
        json_write(&b, it.value);
    }
    buf_putc(&b, '}');
    artifact_add_entity(e->tree, "operation", arena_printf(e->arena, "%.*s/%.*s", SLICE_ARG(api->id), SLICE_ARG(op->id)),
                        buf_slice(&b));
}

static bool mentions(struct slice text, struct slice word)
{
    return word.n && slice_find(text, word) >= 0;
}

/* Some policy of this API chooses the backend itself. */
static bool policy_sets_backend(const struct tree *t, const struct resource *api)
{
    for (const struct policy_file *p = t->policies; p; p = p->next) {
        struct slice rest = slice_skip(p->scope, 4);
        bool own = slice_starts(p->scope, SLICE("api/")) && slice_starts(rest, api->id) &&
                   (rest.n == api->id.n || rest.p[api->id.n] == '/');
        if ((own || !slice_starts(p->scope, SLICE("api/"))) && mentions(p->xml, SLICE("set-backend-service")))
            return true;
    }
    return false;
}

static void check_service_url(struct emitter *e, const struct resource *api)
{
    struct slice url = text_of(api, "serviceUrl");
    struct url parsed;

    if (!url.n || url_parse(url, &parsed))
        return;
    artifact_report(e->out, policy_sets_backend(e->tree, api) ? ARTIFACT_WARNING : ARTIFACT_ERROR, api->file,
                    "serviceUrl: \"%.*s\" is no http or https URL: correct it, or set it in an overrides file", SLICE_ARG(url));
}

static void emit_api(struct emitter *e, const struct resource *api)
{
    static const char *const dropped[] = { "description", "contact", "license", "termsOfServiceUrl", "authenticationSettings",
                                           "apiRevisionDescription", "apiVersionDescription", "format", "value", NULL };
    struct buf b;

    check_service_url(e, api);
    open_properties(e, api, dropped, &b);
    close_entity(e, api, &b);
    if (api->specification.n)
        artifact_emit_openapi(e->tree, api);
    for (const struct operation_file *op = api->operations; op; op = op->next)
        emit_operation_file(e, api, op);
    if (!api->specification.n && !api->operations)
        artifact_report(e->out, ARTIFACT_WARNING, api->dir, "neither a specification nor operationInformation.json: no operations");
}

/* ---- products and gateways: their links become a list ---- */

static void emit_linked(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "description", "terms", "apis", NULL };
    bool first_link = true;
    struct buf b;
    bool first = open_properties(e, r, dropped, &b);

    if (r->kind == RESOURCE_PRODUCT || r->has_links) {
        put_member(&b, &first, "apis");
        buf_putc(&b, '[');
        for (size_t i = 0; i < r->n_links; i++) {
            const struct resource *api = tree_find(e->tree, RESOURCE_API, r->links[i]);
            if (!api)
                artifact_report(e->out, ARTIFACT_ERROR, r->dir, "links to api \"%.*s\", which does not exist%s%.*s",
                                SLICE_ARG(r->links[i]), tree_nearest(e->tree, RESOURCE_API, r->links[i]).n ? ": did you mean " : "",
                                SLICE_ARG(tree_nearest(e->tree, RESOURCE_API, r->links[i])));
            if (!api || api->skipped)
                continue;
            if (!first_link)
                buf_putc(&b, ',');
            first_link = false;
            buf_put_json(&b, r->links[i]);
        }
        buf_putc(&b, ']');
    }
    close_entity(e, r, &b);
}

/* ---- secrets ---- */

static bool token_is_left(struct slice value)
{
    ptrdiff_t at = slice_find(value, SLICE("{#"));

    return at >= 0 && slice_find(slice_skip(value, (size_t)at), SLICE("#}")) >= 0;
}

/* `{{name}}`, with or without spaces inside the braces, stands in text. */
static bool uses_named_value(struct slice text, struct slice name)
{
    ptrdiff_t at;

    while ((at = slice_find(text, SLICE("{{"))) >= 0) {
        text = slice_skip(text, (size_t)at + 2);
        ptrdiff_t end = slice_find(text, SLICE("}}"));
        if (end < 0)
            return false;
        if (slice_eq(slice_trim(slice_first(text, (size_t)end)), name))
            return true;
    }
    return false;
}

static bool policy_is_served(const struct tree *t, const struct policy_file *p)
{
    if (!slice_starts(p->scope, SLICE("api/")))
        return true;
    struct slice rest = slice_skip(p->scope, 4), id;
    slice_cut(&rest, '/', &id);
    const struct resource *api = tree_find(t, RESOURCE_API, id);
    return api && !api->skipped;
}

static bool fragment_is_used(const struct tree *t, const struct resource *fragment)
{
    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (mentions(p->xml, fragment->id) && policy_is_served(t, p))
            return true;
    for (const struct resource *r = t->first; r; r = r->next)
        if (r != fragment && r->kind == RESOURCE_FRAGMENT && mentions(r->fragment, fragment->id))
            return true;
    return false;
}

static bool backend_is_used(const struct tree *t, const struct resource *backend)
{
    for (const struct policy_file *p = t->policies; p; p = p->next)
        if (mentions(p->xml, backend->id) && policy_is_served(t, p))
            return true;
    for (const struct resource *r = t->first; r; r = r->next)
        if (r->kind == RESOURCE_FRAGMENT && mentions(r->fragment, backend->id))
            return true;
    return false;
}

static void put_place(struct buf *places, struct slice file)
{
    buf_puts(places, places->n ? ", " : "");
    buf_put(places, file);
}

/* Every served file that uses the named value. */
static struct slice places_of(struct emitter *e, struct slice name)
{
    struct buf places;

    buf_init(&places, e->arena);
    for (const struct policy_file *p = e->tree->policies; p; p = p->next)
        if (policy_is_served(e->tree, p) && uses_named_value(p->xml, name))
            put_place(&places, p->file);
    for (const struct resource *r = e->tree->first; r; r = r->next) {
        if (r->kind == RESOURCE_FRAGMENT && uses_named_value(r->fragment, name) && fragment_is_used(e->tree, r))
            put_place(&places, r->fragment_file);
        if (r->kind != RESOURCE_BACKEND || !backend_is_used(e->tree, r))
            continue;
        struct buf text;
        buf_init(&text, e->arena);
        json_write(&text, r->properties);
        if (uses_named_value(buf_slice(&text), name))
            put_place(&places, r->file);
    }
    return buf_slice(&places);
}

static void secret_without_value(struct emitter *e, const struct resource *r, struct slice name)
{
    struct slice places = places_of(e, name);

    if (places.n)
        artifact_report(e->out, ARTIFACT_ERROR, name_of(e, r), "the secret \"%.*s\" has no value and is used by %.*s: give it in an "
                        "overrides file (namedValues: - name: %.*s, properties: value:)", SLICE_ARG(name), SLICE_ARG(places),
                        SLICE_ARG(r->id));
    else
        artifact_report(e->out, ARTIFACT_WARNING, name_of(e, r), "the secret \"%.*s\" has no value; nothing that is served uses it",
                        SLICE_ARG(name));
}

static bool may_publish_secret(struct emitter *e, struct slice what)
{
    if (e->tree->options->allow_plain_secrets)
        return true;
    artifact_report(e->out, ARTIFACT_ERROR, what, "a secret, and sealing is not built yet: --allow-plain-secrets publishes it readable");
    return false;
}

static void emit_named_value(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "tags", "keyVault", NULL };
    struct slice name = text_of(r, "displayName"), value = text_of(r, "value");
    struct buf b;

    if (!name.n)
        name = r->id;
    if (!value.p) {
        secret_without_value(e, r, name);
        return;
    }
    if (token_is_left(value) && places_of(e, name).n)
        artifact_report(e->out, ARTIFACT_ERROR, r->file, "value: \"%.*s\" still holds a {#token#}", SLICE_ARG(value));
    if (json_bool(json_get(r->properties, "secret"), false) && !may_publish_secret(e, name_of(e, r)))
        return;
    open_properties(e, r, dropped, &b);
    close_entity(e, r, &b);
}

/* Credentials in backends are secrets unless they are a named value's place. */
static bool has_plain_credentials(const struct json *credentials)
{
    struct json_iter it = json_iter(credentials);

    while (json_next(&it)) {
        struct slice text = json_str(it.value);
        bool named = slice_starts(text, SLICE("{{")) && slice_ends(text, SLICE("}}"));
        if ((text.n && !named && !slice_eq(it.key, SLICE("scheme"))) || has_plain_credentials(it.value))
            return true;
    }
    return false;
}

static void emit_backend(struct emitter *e, const struct resource *r)
{
    struct slice url = text_of(r, "url");
    struct url parsed;
    bool pool = slice_eq_icase(text_of(r, "type"), SLICE("Pool"));

    if (!pool && !url_parse(url, &parsed))
        artifact_report(e->out, backend_is_used(e->tree, r) ? ARTIFACT_ERROR : ARTIFACT_WARNING, r->file,
                        "url: \"%.*s\" is no http or https URL: correct it, or set it in an overrides file", SLICE_ARG(url));
    if (has_plain_credentials(json_get(r->properties, "credentials")) &&
        !may_publish_secret(e, arena_printf(e->arena, "backend %.*s: credentials", SLICE_ARG(r->id))))
        return;
    emit_plain(e, r);
}

/* ---- subscriptions: keys leave only as HMACs ---- */

static bool put_key_hash(struct emitter *e, const struct resource *r, const char *property, const char *hashed, struct buf *b,
                         bool *first)
{
    struct slice key = text_of(r, property);
    uint8_t mac[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES];

    if (!key.n)
        return false;
    if (key.n > SUBSCRIPTION_KEY_MAX)
        artifact_report(e->out, ARTIFACT_ERROR, name_of(e, r), "%s: longer than %u characters", property, SUBSCRIPTION_KEY_MAX);
    if (token_is_left(key))
        artifact_report(e->out, ARTIFACT_ERROR, name_of(e, r), "%s: still holds a {#token#}", property);
    crypto_hmac(CRYPTO_SHA256, slice_of(e->salt, sizeof e->salt), key, mac);
    crypto_hex(mac, sizeof mac, hex);
    put_member(b, first, hashed);
    buf_put_json(b, slice_of(hex, sizeof hex));
    return true;
}

static bool check_scope(struct emitter *e, const struct resource *r)
{
    struct slice scope = text_of(r, "scope"), id = name_last_segment(scope);
    ptrdiff_t product = slice_find(scope, SLICE("/products/")), api = slice_find(scope, SLICE("/apis/"));

    if (!scope.n && slice_eq(r->id, SLICE("master"))) /* the built-in one, of which no extract tells */
        return true;
    if (slice_ends(scope, SLICE("/apis")) || slice_ends(scope, SLICE("/apis/")) || (product < 0 && api < 0 && scope.n))
        return true;
    enum resource_kind kind = product >= 0 ? RESOURCE_PRODUCT : RESOURCE_API;
    if (scope.n && tree_find(e->tree, kind, id))
        return true;
    struct slice near = tree_nearest(e->tree, kind, id);
    artifact_report(e->out, ARTIFACT_ERROR, r->file, "scope: \"%.*s\": no such %s%s%.*s", SLICE_ARG(scope),
                    scope.n ? resource_defs[kind].kind : "scope: give /products/ID, /apis/ID or /apis",
                    near.n ? ": did you mean " : "", SLICE_ARG(near));
    return false;
}

static void emit_subscription(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "primaryKey", "secondaryKey", NULL };
    struct buf b;

    if (!check_scope(e, r))
        return;
    bool first = open_properties(e, r, dropped, &b);
    bool primary = put_key_hash(e, r, "primaryKey", "primaryKeyHash", &b, &first);
    bool secondary = put_key_hash(e, r, "secondaryKey", "secondaryKeyHash", &b, &first);
    if (!primary && !secondary)
        artifact_report(e->out, ARTIFACT_WARNING, name_of(e, r), "has no key: give primaryKey in an overrides file");
    close_entity(e, r, &b);
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

static void emit_certificate(struct emitter *e, struct resource *r)
{
    skip(e, r, "certificates are not used yet");
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

static void emit_policies(struct emitter *e)
{
    for (const struct policy_file *p = e->tree->policies; p; p = p->next)
        if (policy_is_served(e->tree, p))
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
    emit_repository(&e);
    skip_what_is_not_served(&e);
    for (struct resource *r = t->first; r; r = r->next)
        emit_resource(&e, r);
    emit_policies(&e);
    note_https_only(&e);
    refuse_duplicates(&e);
}
