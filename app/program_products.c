/* Products, subscriptions, keys, and the policy documents with the pipelines composed of them. */
#include "app/program_int.h"

#include <string.h>

#include "app/names.h"
#include "platform/base/nearest.h"

static bool no_memory(struct builder *b)
{
    return err_set(b->err, "out of memory");
}

/* ---- products ---- */

/* The current revision is the one that is linked; the others go with it. */
static void open_revisions(struct builder *b, struct slice root_id, const struct product *product)
{
    for (uint32_t i = 0; i < b->program->apis.count; i++) {
        struct api *api = map_at(&b->program->apis, i)->value;
        if (!slice_eq(api->root_id, root_id))
            continue;
        if (api->open_product)
            program_warn(b, "api %.*s: is in two open products: calls without a key are in %.*s, not in %.*s", SLICE_ARG(api->fact.id),
                         SLICE_ARG(api->open_product->fact.id), SLICE_ARG(product->fact.id));
        else
            api->open_product = product;
    }
}

static bool link_api(struct builder *b, struct product *product, const struct fact_api **apis, struct slice id)
{
    struct api *api = map_get(&b->program->apis, id);

    if (!api)
        return true; /* not served here */
    if (!product->fact.subscription_required)
        open_revisions(b, api->root_id, product);
    apis[product->fact.n_apis++] = &api->fact;
    return map_put(&product->apis, api->root_id, api) || no_memory(b);
}

static bool make_product(struct builder *b, const struct part *p)
{
    struct product *product = arena_new(b->arena, struct product);
    const struct json *links = json_get(p->properties, "apis"), *limit = json_get(p->properties, "subscriptionsLimit");
    const struct fact_api **apis = arena_array(b->arena, const struct fact_api *, json_count(links) + 1);
    struct slice name = part_text(p, "displayName");

    if (!product || !apis)
        return no_memory(b);
    product->fact = (struct fact_product){
        .id = p->id,
        .name = name.n ? name : p->id,
        .state = slice_eq_icase(part_text(p, "state"), SLICE("published")) ? SLICE("Published") : SLICE("NotPublished"),
        .approval_required = json_bool(json_get(p->properties, "approvalRequired"), false),
        .subscription_required = json_bool(json_get(p->properties, "subscriptionRequired"), true),
        .has_limit = json_type(limit) == JSON_NUMBER,
        .limit = json_int(limit, 0),
        .apis = apis,
    };
    if (!part_pairs(b, json_get(p->properties, "groups"), PART_GROUP, &product->fact.groups))
        return false;
    map_init(&product->apis, b->arena);
    struct json_iter it = json_iter(links);
    while (json_next(&it))
        if (!link_api(b, product, apis, json_str(it.value)))
            return false;
    return map_put(&b->program->products, p->id, product) || no_memory(b);
}

/* ---- subscriptions ---- */

/* Resource names are the same in any case. */
static const struct product *find_product(const struct builder *b, struct slice id)
{
    const struct map *products = &b->program->products;

    for (uint32_t i = 0; i < products->count; i++)
        if (slice_eq_icase(map_at(products, i)->key, id))
            return map_at(products, i)->value;
    return NULL;
}

/* A scope that is not served gives no access. */
static void read_scope(struct builder *b, struct subscription *s, struct slice scope)
{
    struct slice id;

    s->scope = KEY_SCOPE_NOTHING;
    switch (name_scope(scope, s->fact.id, &id)) {
    case NAME_SCOPE_ALL:
        s->scope = KEY_SCOPE_ALL;
        break;
    case NAME_SCOPE_PRODUCT:
        s->product = find_product(b, id);
        if (s->product)
            s->scope = KEY_SCOPE_PRODUCT;
        break;
    case NAME_SCOPE_API:
        s->api = id;
        s->scope = KEY_SCOPE_API;
        break;
    case NAME_SCOPE_NONE:
        break;
    }
}

static bool add_key(struct builder *b, const struct subscription *s, struct slice hex, bool secondary)
{
    uint8_t *mac = arena_alloc(b->arena, CRYPTO_SHA256_BYTES);
    struct key_entry *entry = arena_new(b->arena, struct key_entry);

    if (!hex.p)
        return true;
    if (!mac || !entry)
        return no_memory(b);
    if (!name_read_hex(hex, mac, CRYPTO_SHA256_BYTES))
        return err_set(b->err, "subscription %.*s: a key hash is not 64 hex digits", SLICE_ARG(s->fact.id));
    *entry = (struct key_entry){ s, secondary };
    return map_put(&b->program->keys, slice_of(mac, CRYPTO_SHA256_BYTES), entry) || no_memory(b);
}

/* ownerId "/users/X": X with what is known of him, else only the id. */
static const struct fact_user *owner_of(struct builder *b, const struct part *p)
{
    struct slice owner = part_text(p, "ownerId");

    if (!owner.n)
        return NULL;
    const struct fact_user *known = map_get(&b->program->users, name_last_segment(owner));
    if (known)
        return known;
    struct fact_user *user = arena_new(b->arena, struct fact_user);
    if (user)
        *user = (struct fact_user){ .id = name_last_segment(owner), .email = SLICE(""), .first_name = SLICE(""), .last_name = SLICE("") };
    return user;
}

static bool make_subscription(struct builder *b, const struct part *p)
{
    struct subscription *s = arena_new(b->arena, struct subscription);
    struct slice name = part_text(p, "displayName"), state = part_text(p, "state");

    if (!s)
        return no_memory(b);
    s->fact.id = p->id;
    s->fact.name = name.n ? name : p->id;
    s->fact.created_ns = part_time(p, "createdDate");
    s->fact.start_ns = part_time(p, "startDate");
    s->fact.end_ns = part_time(p, "expirationDate");
    s->active = !state.n || slice_eq_icase(state, SLICE("active"));
    s->allow_tracing = json_bool(json_get(p->properties, "allowTracing"), false);
    s->user = owner_of(b, p);
    read_scope(b, s, part_text(p, "scope"));
    b->program->n_subscriptions++;
    return add_key(b, s, part_text(p, "primaryKeyHash"), false) && add_key(b, s, part_text(p, "secondaryKeyHash"), true);
}

bool program_make_products(struct builder *b)
{
    for (const struct part *p = b->parts[PART_PRODUCT]; p; p = p->next)
        if (!make_product(b, p))
            return false;
    for (const struct part *p = b->parts[PART_SUBSCRIPTION]; p; p = p->next)
        if (!make_subscription(b, p))
            return false;
    return true;
}

/* ---- policies ---- */

static bool named_value(void *data, struct slice name, struct slice *value)
{
    const struct builder *b = data;
    const struct slice *found = map_get(&b->program->named_values, name);

    if (found)
        *value = *found;
    return found != NULL;
}

static bool fragment(void *data, struct slice id, struct slice *text, const char **file)
{
    const struct builder *b = data;
    const struct fragment *found = map_get(&b->program->fragments, id);

    if (!found)
        return false;
    *text = found->text;
    *file = found->file;
    return true;
}

static const struct fact_backend *backend(void *data, struct slice id)
{
    const struct builder *b = data;
    const struct backend *found = map_get(&b->program->backends, id);

    return found ? &found->fact : NULL;
}

static const struct fact_backend *backend_url(void *data, struct slice url, struct err *err)
{
    const struct builder *b = data;
    const struct backend *made = program_backend_for_url(b->arena, url, err);

    return made ? &made->fact : NULL;
}

static void provider(void *data, struct slice url)
{
    struct builder *b = data;
    struct provider_url *p = arena_new(b->arena, struct provider_url);

    if (!p)
        return; /* the program does not come to be */
    *p = (struct provider_url){ url, b->program->providers };
    b->program->providers = p;
}

static struct slice name_at(const void *map, size_t i)
{
    return map_at(map, (uint32_t)i)->key;
}

static struct slice nearest(void *data, enum policy_name kind, struct slice name)
{
    const struct program *p = ((const struct builder *)data)->program;
    const struct map *known = kind == POLICY_FRAGMENT ? &p->fragments : kind == POLICY_BACKEND ? &p->backends : &p->named_values;
    ptrdiff_t i = nearest_find(name, known, known->count, name_at);

    return i < 0 ? SLICE_NONE : name_at(known, (size_t)i);
}

static enum policy_scope scope_of(struct slice id)
{
    if (slice_eq(id, SLICE("global")))
        return SCOPE_GLOBAL;
    if (slice_starts(id, SLICE("product/")))
        return SCOPE_PRODUCT;
    return slice_find(id, SLICE("/operation/")) >= 0 ? SCOPE_OPERATION : SCOPE_API;
}

/* A policy document of something that this gateway does not serve is not compiled. */
static bool is_served(const struct builder *b, struct slice id)
{
    struct slice rest = slice_skip(id, 4), api;

    if (!slice_starts(id, SLICE("api/")))
        return true;
    slice_cut(&rest, '/', &api);
    return map_get(&b->program->apis, api) != NULL;
}

static bool compile_document(struct builder *b, const struct part *p)
{
    struct slice file = part_text(p, "file");
    const char *name = arena_cstr(b->arena, file.n ? file : p->id);
    const struct policy_document *d = policy_compile_document(b->compiler, part_text(p, "value"), name, scope_of(p->id));

    return !d || map_put(&b->documents, p->id, (void *)(uintptr_t)d) || no_memory(b);
}

static const struct policy_document *document(struct builder *b, const char *fmt, struct slice a, struct slice c)
{
    struct arena_mark mark = arena_mark(b->arena);
    struct slice scope = arena_printf(b->arena, fmt, SLICE_ARG(a), SLICE_ARG(c));
    const struct policy_document *d = map_get(&b->documents, scope);

    arena_reset(b->arena, mark);
    return d;
}

static const struct policy_pipeline *compose(struct builder *b, const struct policy_document *operation, const struct api *api,
                                             const struct product *product)
{
    const struct policy_document *chain[] = { operation, api ? api->document : NULL, product ? product->document : NULL,
                                              document(b, "global%.*s%.*s", SLICE(""), SLICE("")) };

    return policy_compose(b->arena, chain, COUNT_OF(chain));
}

/* One pipeline without a product and one for every product that holds the API. */
static bool make_pipelines(struct builder *b, const struct policy_document *operation, const struct api *api, struct pipelines *out)
{
    unsigned n = 1;

    for (uint32_t i = 0; i < b->program->products.count; i++)
        n += map_get(&((const struct product *)map_at(&b->program->products, i)->value)->apis, api->root_id) != NULL;
    struct pipeline_in *list = arena_array(b->arena, struct pipeline_in, n);
    if (!list)
        return no_memory(b);
    list[out->n++].pipeline = compose(b, operation, api, NULL);
    for (uint32_t i = 0; i < b->program->products.count; i++) {
        const struct product *product = map_at(&b->program->products, i)->value;
        if (map_get(&product->apis, api->root_id))
            list[out->n++] = (struct pipeline_in){ product, compose(b, operation, api, product) };
    }
    out->v = list;
    for (unsigned i = 0; i < n; i++)
        if (!list[i].pipeline)
            return no_memory(b);
    return true;
}

static bool make_all_pipelines(struct builder *b)
{
    struct program *p = b->program;

    for (uint32_t i = 0; i < p->products.count; i++) {
        struct product *product = map_at(&p->products, i)->value;
        product->document = document(b, "product/%.*s%.*s", product->fact.id, SLICE(""));
    }
    for (uint32_t i = 0; i < p->apis.count; i++) {
        struct api *api = map_at(&p->apis, i)->value;
        api->document = document(b, "api/%.*s%.*s", map_at(&p->apis, i)->key, SLICE(""));
        if (!make_pipelines(b, NULL, api, &api->pipelines))
            return false;
    }
    for (uint32_t i = 0; i < p->operations.count; i++) {
        struct operation *op = map_at(&p->operations, i)->value;
        struct slice key = map_at(&p->operations, i)->key;
        const struct policy_document *own = document(b, "api/%.*s/operation/%.*s", slice_first(key, key.n - op->fact.id.n - 1),
                                                     op->fact.id);
        if (!own)
            op->pipelines = op->api->pipelines; /* most operations have no document: they share their API's */
        else if (!make_pipelines(b, own, op->api, &op->pipelines))
            return false;
    }
    p->global = compose(b, NULL, NULL, NULL);
    return p->global || no_memory(b);
}

static bool report_diagnostics(struct builder *b)
{
    const struct policy_diagnostics *d = policy_compiler_diagnostics(b->compiler);
    const struct policy_diagnostic *first = NULL;

    for (size_t i = 0; i < d->n; i++) {
        if (b->report && b->report->diagnostic)
            b->report->diagnostic(b->report->arg, &d->v[i]);
        if (!first && d->v[i].severity == POLICY_ERROR)
            first = &d->v[i];
    }
    if (!first)
        return true;
    return err_set(b->err, "%s:%u:%u: %.*s%s", first->file, first->line, first->column, SLICE_ARG(first->message),
                   d->errors > 1 ? " (and more)" : "");
}

static bool compile_documents(struct builder *b)
{
    for (const struct part *p = b->parts[PART_POLICY]; p; p = p->next)
        if (is_served(b, p->id) && !compile_document(b, p))
            return false;
    return report_diagnostics(b);
}

bool program_make_policies(struct builder *b)
{
    const struct fact_deployment *deployment = &b->program->deployment;
    struct policy_names names = { .data = b, .named_value = named_value, .fragment = fragment, .backend = backend,
                                  .backend_url = backend_url, .provider = provider, .certificates = deployment->certificates,
                                  .n_certificates = deployment->n_certificates, .nearest = nearest };

    b->compiler = policy_compiler_new(b->arena, &names, false);
    if (!b->compiler)
        return no_memory(b);
    bool ok = compile_documents(b) && make_all_pipelines(b);
    policy_compiler_free(b->compiler);
    return ok;
}
