/* What must not leave the publisher in the clear: named values, credentials of backends, keys of subscriptions. */
#include "app/artifact/artifact_int.h"

#include "app/names.h"
#include "app/url.h"

/* Keys longer than this are refused (reference/gateway.md 2.3). */
#define SUBSCRIPTION_KEY_MAX 256u

/* ---- secrets ---- */

bool artifact_has_token(struct slice text)
{
    ptrdiff_t at = slice_find(text, SLICE("{#"));

    return at >= 0 && slice_find(slice_skip(text, (size_t)at), SLICE("#}")) >= 0;
}

static void secret_without_value(struct emitter *e, const struct resource *r, struct slice name)
{
    struct slice places = artifact_places_of(e->tree, name);

    if (places.n)
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "displayName", "the secret \"%.*s\" has no value and is used by %.*s: give it in an "
                        "overrides file (namedValues: - name: %.*s, properties: value:)", SLICE_ARG(name), SLICE_ARG(places),
                        SLICE_ARG(r->id));
    else
        artifact_report_property(e->out, ARTIFACT_WARNING, r, "displayName",
                                 "the secret \"%.*s\" has no value; nothing that is served uses it", SLICE_ARG(name));
}

bool emit_may_publish_secret(struct emitter *e, struct slice what)
{
    if (e->tree->options->allow_plain_secrets)
        return true;
    artifact_report(e->out, ARTIFACT_ERROR, what, "a secret, and sealing is not built yet: --allow-plain-secrets publishes it readable");
    return false;
}

/* ---- named values ---- */

/* Two named values of one name: which one `{{name}}` is would be a matter of chance. */
static void refuse_same_name(struct emitter *e, const struct resource *r, struct slice name)
{
    const struct resource *other = map_get(&e->named_values, name);

    if (other)
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "displayName",
                           "displayName: \"%.*s\" is that of named value %.*s too", SLICE_ARG(name), SLICE_ARG(other->id));
    else if (!map_put(&e->named_values, name, (void *)(uintptr_t)r))
        return; /* the arena is full: said at the end */
}

void emit_named_value(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "tags", "keyVault", "value", NULL };
    struct slice name = resource_text(r, "displayName"), value = resource_text(r, "value");
    struct buf b;

    if (!name.n)
        name = r->id;
    refuse_same_name(e, r, name);
    if (!value.p) {
        secret_without_value(e, r, name);
        return;
    }
    bool narrowed = e->tree->options->gateway != NULL, token = artifact_has_token(value);
    struct slice places = narrowed || token ? artifact_places_of(e->tree, name) : SLICE("");
    if (narrowed && !places.n)
        return; /* of no use to the one gateway this is for */
    if (token && places.n)
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "value",
                           "value: \"%.*s\" still holds a {#token#} and is used by %.*s", SLICE_ARG(value), SLICE_ARG(places));
    if (json_bool(json_get(r->properties, "secret"), false) && !emit_may_publish_secret(e, resource_name(e->arena, r)))
        return;
    bool first = entity_open(e, r, dropped, &b);
    entity_member(&b, &first, "value");
    buf_put_json(&b, value);
    entity_close(e, r, &b);
}

/* ---- backends ---- */

/* Some text in value is written out: not empty, and without a named value's place. */
static bool has_plain_text(const struct json *value)
{
    struct json_iter it = json_iter(value);
    struct slice text = json_str(value);

    if (text.n && slice_find(text, SLICE("{{")) < 0)
        return true;
    while (json_next(&it))
        if (has_plain_text(it.value))
            return true;
    return false;
}

/* Headers, query parameters, the authorization parameter and the proxy's password; ids of certificates are no secrets. */
static bool has_plain_credentials(const struct resource *r)
{
    const struct json *credentials = json_get(r->properties, "credentials");

    return has_plain_text(json_get(credentials, "header")) || has_plain_text(json_get(credentials, "query")) ||
           has_plain_text(json_path(credentials, "authorization", "parameter", NULL)) ||
           has_plain_text(json_path(r->properties, "proxy", "password", NULL));
}

/* The URL is a named value, as a whole or in part: what it becomes is seen when the program is built. */
static bool is_templated(struct slice url)
{
    return slice_find(url, SLICE("{{")) >= 0;
}

/* Certificates are never exported: those that a backend shows have to be given. */
static void check_certificates(struct emitter *e, const struct resource *r)
{
    struct json_iter it = json_iter(json_path(r->properties, "credentials", "certificateIds", NULL));

    while (json_next(&it)) {
        struct slice id = name_last_segment(json_str(it.value)), near = tree_nearest(e->tree, RESOURCE_CERTIFICATE, id);
        if (!tree_find(e->tree, RESOURCE_CERTIFICATE, id))
            artifact_report_property(e->out, r->used ? ARTIFACT_ERROR : ARTIFACT_WARNING, r, "credentials",
                                     "certificateIds: no such certificate: %.*s%s%.*s: give it in an overrides file (certificates: - name:)",
                                     SLICE_ARG(id), near.n ? ": did you mean " : "", SLICE_ARG(near));
    }
}

void emit_backend(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "description", NULL };
    struct slice url = resource_text(r, "url");
    struct url parsed;
    struct buf b;
    bool pool = slice_eq_icase(resource_text(r, "type"), SLICE("Pool"));

    if (!pool && !is_templated(url) && !artifact_has_token(url) && !url_parse(url, &parsed))
        artifact_report_property(e->out, r->used ? ARTIFACT_ERROR : ARTIFACT_WARNING, r, "url",
                           "url: \"%.*s\" is no http or https URL: correct it, or set it in an overrides file", SLICE_ARG(url));
    check_certificates(e, r);
    if (pool && r->used)
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "type", "pools are not built yet: a policy that names it cannot be served");
    if (has_plain_credentials(r) && !emit_may_publish_secret(e, arena_printf(e->arena, "backend %.*s: credentials", SLICE_ARG(r->id))))
        return;
    entity_open(e, r, dropped, &b);
    entity_close(e, r, &b);
}

/* ---- subscriptions: keys leave only as HMACs ---- */

static void refuse_same_key(struct emitter *e, const struct resource *r, const char *property, struct slice hash)
{
    const struct resource *other = map_get(&e->keys, hash);

    if (other && other != r)
        artifact_report(e->out, ARTIFACT_ERROR, resource_name(e->arena, r), "%s: subscription %.*s has the same key", property,
                        SLICE_ARG(other->id));
    else if (!map_put(&e->keys, hash, (void *)(uintptr_t)r))
        return; /* the arena is full: said at the end */
}

static bool put_key_hash(struct emitter *e, const struct resource *r, const char *property, const char *hashed, struct buf *b,
                         bool *first)
{
    struct slice key = resource_text(r, property);
    uint8_t mac[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES];

    if (!key.n)
        return false;
    if (key.n > SUBSCRIPTION_KEY_MAX)
        artifact_report(e->out, ARTIFACT_ERROR, resource_name(e->arena, r), "%s: longer than %u characters", property,
                        SUBSCRIPTION_KEY_MAX);
    if (artifact_has_token(key))
        artifact_report(e->out, ARTIFACT_ERROR, resource_name(e->arena, r), "%s: still holds a {#token#}", property);
    crypto_hmac(CRYPTO_SHA256, slice_of(e->salt, sizeof e->salt), key, mac);
    crypto_hex(mac, sizeof mac, hex);
    refuse_same_key(e, r, property, arena_copy(e->arena, slice_of(hex, sizeof hex)));
    entity_member(b, first, hashed);
    buf_put_json(b, slice_of(hex, sizeof hex));
    return true;
}

/* The scope as it is published: the id in it as its folder is called. NULL: what it names is not there (reported). False in *served:
 * it is there, but not published. */
static struct slice check_scope(struct emitter *e, const struct resource *r, bool *served)
{
    struct slice scope = resource_text(r, "scope"), id;
    enum name_scope kind = name_scope(scope, r->id, &id);

    *served = true;
    if (kind == NAME_SCOPE_ALL)
        return scope.p ? scope : SLICE("");
    if (kind == NAME_SCOPE_NONE) {
        artifact_report_property(e->out, ARTIFACT_ERROR, r, "scope", "scope: \"%.*s\": give /products/ID, /apis/ID or /apis",
                                 SLICE_ARG(scope));
        return SLICE_NONE;
    }
    enum resource_kind of = kind == NAME_SCOPE_PRODUCT ? RESOURCE_PRODUCT : RESOURCE_API;
    const struct resource *named = tree_find(e->tree, of, id);
    if (named) {
        *served = !named->skipped;
        return slice_eq(named->id, id) ? scope : arena_printf(e->arena, "/%s/%.*s", resource_defs[of].folder, SLICE_ARG(named->id));
    }
    struct slice near = tree_nearest(e->tree, of, id);
    artifact_report_property(e->out, ARTIFACT_ERROR, r, "scope", "scope: \"%.*s\": no such %s%s%.*s",
                             SLICE_ARG(scope), resource_defs[of].kind, near.n ? ": did you mean " : "", SLICE_ARG(near));
    return SLICE_NONE;
}

void emit_subscription(struct emitter *e, const struct resource *r)
{
    static const char *const dropped[] = { "primaryKey", "secondaryKey", "scope", NULL };
    bool served;
    struct slice scope = check_scope(e, r, &served);
    struct buf b;

    if (scope.p && !served && !e->tree->options->gateway)
        artifact_report(e->out, ARTIFACT_WARNING, resource_name(e->arena, r), "is for %.*s, which is not served: left out",
                        SLICE_ARG(scope));
    if (!scope.p || !served)
        return;
    bool first = entity_open(e, r, dropped, &b);
    entity_member(&b, &first, "scope");
    buf_put_json(&b, scope);
    bool primary = put_key_hash(e, r, "primaryKey", "primaryKeyHash", &b, &first);
    bool secondary = put_key_hash(e, r, "secondaryKey", "secondaryKeyHash", &b, &first);
    if (!primary && !secondary)
        artifact_report(e->out, ARTIFACT_WARNING, resource_name(e->arena, r), "has no key: give primaryKey in an overrides file");
    entity_close(e, r, &b);
}
