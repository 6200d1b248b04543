/* APIs, their versions and revisions, their operations; which of them this gateway serves. */
#include "app/program_int.h"

#include <stdio.h>
#include <string.h>

#include "app/metrics.h"
#include "app/names.h"
#include "policy/uri.h"

/* ---- which APIs (interface.md section 4) ---- */

static const struct part *find_gateway(struct builder *b)
{
    for (const struct part *p = b->parts[PART_GATEWAY]; p; p = p->next)
        if (slice_eq(p->id, b->input->gateway_id))
            return p;
    return NULL;
}

static bool refuse_unknown_gateway(struct builder *b)
{
    char known[256];
    size_t n = 0;

    for (const struct part *p = b->parts[PART_GATEWAY]; p && n + p->id.n + 3 < sizeof known; p = p->next)
        n += (size_t)snprintf(known + n, sizeof known - n, "%s%.*s", n ? ", " : "", SLICE_ARG(p->id));
    return err_set(b->err, "gateway.id: %.*s: not in this repository (known: %.*s)", SLICE_ARG(b->input->gateway_id), (int)n, known);
}

static bool lists(const struct json *apis, struct slice id)
{
    struct json_iter it = json_iter(apis);

    while (json_next(&it))
        if (slice_eq(name_api_root(json_str(it.value)), name_api_root(id)))
            return true;
    return false;
}

/* *gateway is NULL when every API is served. */
static bool choose_gateway(struct builder *b, const struct part **gateway)
{
    *gateway = NULL;
    if (!b->parts[PART_GATEWAY] || !b->input->gateway_id.n)
        return true;
    *gateway = find_gateway(b);
    if (!*gateway)
        return refuse_unknown_gateway(b);
    if (!json_get((*gateway)->properties, "apis"))
        program_warn(b, "gateway %.*s: has no list of APIs: none is served", SLICE_ARG(b->input->gateway_id));
    return true;
}

static void set_deployment(struct builder *b, const struct part *gateway)
{
    struct fact_deployment *d = &b->program->deployment;

    d->gateway_id = arena_copy(b->arena, b->input->gateway_id);
    d->instance_id = arena_copy(b->arena, b->input->instance_id);
    d->region = arena_copy(b->arena, b->input->region);
    if (!d->region.n && gateway)
        d->region = json_str(json_path(gateway->properties, "locationData", "name", NULL));
    d->service_name = SLICE("holdfast");
    d->service_id = SLICE("holdfast");
}

/* ---- one API ---- */

static struct slice text_or(struct slice text, struct slice otherwise)
{
    return text.n ? text : otherwise;
}

static bool read_protocols(struct builder *b, const struct part *p, struct api *api)
{
    const struct json *list = json_get(p->properties, "protocols");
    struct json_iter it = json_iter(list);
    struct slice *names = arena_array(b->arena, struct slice, json_count(list) + 1);

    if (!names)
        return err_set(b->err, "out of memory");
    api->fact.protocols.v = names;
    while (json_next(&it)) {
        struct slice name = json_str(it.value);
        names[api->fact.protocols.n++] = name;
        api->websocket |= slice_eq_icase(name, SLICE("ws")) || slice_eq_icase(name, SLICE("wss"));
        api->http |= slice_eq_icase(name, SLICE("http")) || slice_eq_icase(name, SLICE("ws"));
        api->https |= slice_eq_icase(name, SLICE("https")) || slice_eq_icase(name, SLICE("wss"));
    }
    if (!json_count(list))
        api->https = true; /* the original's default */
    return true;
}

static void read_service_url(struct builder *b, struct api *api)
{
    struct err err;

    if (!api->fact.service_url.n)
        return;
    struct backend *backend = program_backend_for_url(b->arena, api->fact.service_url, &err);
    if (backend)
        api->fact.backend = &backend->fact;
    else
        program_warn(b, "api %.*s: serviceUrl: %s: calls need set-backend-service", SLICE_ARG(api->fact.id), err.text);
}

struct versioning {
    enum version_scheme scheme;
    struct slice parameter;
    bool segment;
};

static bool read_versioning(struct builder *b, const struct part *p, struct versioning *v)
{
    struct slice set_id = name_last_segment(part_text(p, "apiVersionSetId"));
    const struct part *set = map_get(&b->program->version_sets, set_id);
    const struct json *properties = set ? set->properties : json_get(p->properties, "apiVersionSet");
    struct slice scheme = json_str(json_get(properties, "versioningScheme"));

    *v = (struct versioning){ VERSION_NONE, SLICE_NONE, false };
    if (set_id.n && !set && !properties)
        return err_set(b->err, "api %.*s: apiVersionSetId: no such version set: %.*s", SLICE_ARG(p->id), SLICE_ARG(set_id));
    v->segment = slice_eq_icase(scheme, SLICE("Segment"));
    if (slice_eq_icase(scheme, SLICE("Query"))) {
        v->scheme = VERSION_QUERY;
        v->parameter = text_or(json_str(json_get(properties, "versionQueryName")), SLICE("api-version"));
    } else if (slice_eq_icase(scheme, SLICE("Header"))) {
        v->scheme = VERSION_HEADER;
        v->parameter = text_or(json_str(json_get(properties, "versionHeaderName")), SLICE("Api-Version"));
    } else if (scheme.n && !v->segment) {
        return err_set(b->err, "version set %.*s: versioningScheme: \"%.*s\": give Segment, Query or Header", SLICE_ARG(set_id),
                       SLICE_ARG(scheme));
    }
    return true;
}

/* The path that clients use: with Segment the version follows, unless the path ends in it already (reference/artifacts.md 2).
 * *common: what the versions have in common. */
static struct slice public_path(struct builder *b, const struct api *api, const struct versioning *v, struct slice *common)
{
    struct slice path = name_trim_slashes(api->fact.path), version = api->fact.version;

    *common = path;
    if (!v->segment || !version.n)
        return path;
    if (slice_eq_icase(name_last_segment(path), version)) {
        *common = name_trim_slashes(slice_first(path, path.n - version.n));
        return path;
    }
    return path.n ? arena_printf(b->arena, "%.*s/%.*s", SLICE_ARG(path), SLICE_ARG(version)) : version;
}

static bool place_api(struct builder *b, const struct part *p, struct api *api)
{
    struct versioning v;
    struct slice common;
    uint64_t revision = 1;

    if (!read_versioning(b, p, &v))
        return false;
    if (!slice_to_u64(api->fact.revision, UINT32_MAX, &revision))
        return err_set(b->err, "api %.*s: apiRevision: \"%.*s\": give a number", SLICE_ARG(p->id), SLICE_ARG(api->fact.revision));
    api->public_path = public_path(b, api, &v, &common);
    struct slice version = v.segment ? SLICE("") : api->fact.version;
    if (v.scheme == VERSION_NONE)
        version = SLICE("");
    if (common.n && !api_paths_claim(&b->program->paths, common, b->err))
        return false;
    if (!json_bool(json_get(p->properties, "isOnline"), true))
        return true; /* nobody reaches an offline revision */
    return api_paths_add(&b->program->paths, api->public_path, v.scheme, v.parameter, version, (uint32_t)revision,
                         api->fact.is_current, api, p->id, b->err);
}

static bool make_api(struct builder *b, const struct part *p)
{
    struct api *api = arena_new(b->arena, struct api);
    const struct json *names = json_get(p->properties, "subscriptionKeyParameterNames");

    if (!api)
        return err_set(b->err, "out of memory");
    api->root_id = name_api_root(p->id);
    api->fact = (struct fact_api){
        .id = api->root_id, /* context.Api.Id is the same for all revisions */
        .name = text_or(part_text(p, "displayName"), p->id),
        .path = name_trim_slashes(part_text(p, "path")),
        .revision = text_or(part_text(p, "apiRevision"), SLICE("1")),
        .version = part_text(p, "apiVersion"),
        .is_current = json_bool(json_get(p->properties, "isCurrent"), api->root_id.n == p->id.n),
        .service_url = part_text(p, "serviceUrl"),
        .key_header = text_or(json_str(json_get(names, "header")), SLICE("Ocp-Apim-Subscription-Key")),
        .key_query = text_or(json_str(json_get(names, "query")), SLICE(DEFAULT_KEY_QUERY)),
    };
    api->subscription_required = json_bool(json_get(p->properties, "subscriptionRequired"), true);
    api->metrics_id = metrics_operation_id(api->root_id, SLICE(""));
    route_table_init(&api->routes, b->arena);
    read_service_url(b, api);
    b->program->n_apis++;
    return read_protocols(b, p, api) && place_api(b, p, api) &&
           (map_put(&b->program->apis, p->id, api) || err_set(b->err, "out of memory"));
}

/* ---- operations ---- */

/* Names in the query part of a template, for copy-unmatched-params. */
static bool read_query_names(struct builder *b, struct fact_operation *op)
{
    ptrdiff_t at = slice_find_byte(op->url_template, '?');
    struct slice query = at < 0 ? SLICE_NONE : slice_skip(op->url_template, (size_t)at + 1), pair, name;
    struct slice *names = arena_array(b->arena, struct slice, ROUTE_PARAMETERS_MAX);

    if (at < 0)
        return true;
    if (!names)
        return err_set(b->err, "out of memory");
    op->query_names.v = names;
    while (query.n && slice_cut(&query, '&', &pair) && op->query_names.n < ROUTE_PARAMETERS_MAX) {
        if (pair.n && slice_cut(&pair, '=', &name))
            names[op->query_names.n++] = uri_unescape(b->arena, name);
    }
    return true;
}

static struct slice upper_case(struct builder *b, struct slice method)
{
    char *to = arena_alloc_raw(b->arena, method.n);

    for (size_t i = 0; to && i < method.n; i++)
        to[i] = ascii_upper(method.p[i]);
    return slice_of(to, to ? method.n : 0);
}

static bool make_operation(struct builder *b, const struct part *p)
{
    struct api *api = map_get(&b->program->apis, part_text(p, "apiId"));
    struct slice id = slice_skip(p->id, part_text(p, "apiId").n + 1);

    if (!api)
        return true; /* of an API that this gateway does not serve */
    struct operation *op = arena_new(b->arena, struct operation);
    if (!op)
        return err_set(b->err, "out of memory");
    op->api = api;
    op->fact = (struct fact_operation){ .id = id, .name = text_or(part_text(p, "displayName"), id),
                                        .method = upper_case(b, part_text(p, "method")),
                                        .url_template = part_text(p, "urlTemplate") };
    op->metrics_id = metrics_operation_id(api->root_id, id);
    b->program->n_operations++;
    if (!route_table_add(&api->routes, op->fact.method, op->fact.url_template, op, b->err))
        return err_wrap(b->err, "operation %.*s", SLICE_ARG(p->id));
    if (api->routes.twin)
        program_warn(b, "operation %.*s: is never called: %.*s has the same method and template", SLICE_ARG(p->id),
                     SLICE_ARG(api->routes.twin->fact.id));
    return read_query_names(b, &op->fact) && (map_put(&b->program->operations, p->id, op) || err_set(b->err, "out of memory"));
}

/* ---- described responses ---- */

static bool make_response(struct builder *b, const struct json *from, struct fact_response *to)
{
    const struct json *list = json_get(from, "representations");
    struct fact_sample *samples = arena_array(b->arena, struct fact_sample, json_count(list) + 1);
    struct json_iter it = json_iter(list);

    to->status = (int)json_int(json_get(from, "statusCode"), 200);
    to->samples = samples;
    while (samples && json_next(&it))
        samples[to->n++] = (struct fact_sample){ json_str(json_get(it.value, "contentType")), json_str(json_get(it.value, "sample")) };
    return samples || err_set(b->err, "out of memory");
}

static bool make_responses(struct builder *b, const struct part *p)
{
    struct operation *op = map_get(&b->program->operations, p->id);
    const struct json *list = json_get(p->properties, "responses");
    struct json_iter it = json_iter(list);

    if (!op)
        return true; /* of an API that this gateway does not serve */
    struct fact_response *responses = arena_array(b->arena, struct fact_response, json_count(list) + 1);
    if (!responses)
        return err_set(b->err, "out of memory");
    op->fact.responses = responses;
    while (json_next(&it))
        if (!make_response(b, it.value, &responses[op->fact.n_responses++]))
            return false;
    return true;
}

bool program_make_apis(struct builder *b)
{
    const struct part *gateway;

    if (!choose_gateway(b, &gateway))
        return false;
    set_deployment(b, gateway);
    for (const struct part *p = b->parts[PART_API]; p; p = p->next) {
        if (gateway && !lists(json_get(gateway->properties, "apis"), p->id))
            continue;
        if (!make_api(b, p))
            return false;
    }
    for (const struct part *p = b->parts[PART_OPERATION]; p; p = p->next)
        if (!make_operation(b, p))
            return false;
    for (const struct part *p = b->parts[PART_RESPONSES]; p; p = p->next)
        if (!make_responses(b, p))
            return false;
    return true;
}
