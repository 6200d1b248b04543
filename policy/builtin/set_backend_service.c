/* set-backend-service: where forward-request sends the request. reference/policies.md 6
 * "set-backend-service".
 *
 * Quirk kept: a backend-id that an outer scope has set is not replaced by a base-url, only by another
 * backend-id. The Dapr form (backend-id="dapr") names the whole path of the call to the sidecar. Service
 * Fabric is not there off Azure. */
#include "policy/rt.h"

#define DAPR_URL "http://localhost:3500"

struct plan {
    struct value base_url, backend_id;
    const struct fact_backend *known; /* of a literal */
    struct value dapr_app, dapr_method, dapr_namespace;
    bool dapr;
};

static void compile_dapr(struct comp *c, const struct xml_node *n, struct plan *p)
{
    p->dapr = true;
    p->dapr_app = comp_attr(c, n, "dapr-app-id", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    p->dapr_method = comp_attr(c, n, "dapr-method", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    p->dapr_namespace = comp_attr(c, n, "dapr-namespace", VALUE_OPTIONAL);
    p->known = comp_backend_url(c, n, "backend-id", SLICE(DAPR_URL));
}

static void warn_service_fabric(struct comp *c, const struct xml_node *n)
{
    static const char *const names[] = { "sf-resolve-condition", "sf-service-instance-name",
                                         "sf-partition-key", "sf-replica-type", "sf-listener-name" };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (comp_has_attr(n, names[i]))
            comp_warning(c, n, names[i], "'%s': Service Fabric is not supported on a self-hosted gateway",
                         names[i]);
        comp_attr_ignore(c, n, names[i]);
    }
}

static bool compile(struct comp *c, const struct xml_node *n, const void **plan)
{
    struct plan *p = comp_new(c, struct plan);

    *plan = p;
    p->base_url = comp_attr(c, n, "base-url", VALUE_NOT_EMPTY);
    p->backend_id = comp_attr(c, n, "backend-id", VALUE_NOT_EMPTY);
    warn_service_fabric(c, n);
    if (value_given(&p->base_url) == value_given(&p->backend_id))
        comp_error(c, n, NULL, "<set-backend-service> takes base-url or backend-id%s",
                   value_given(&p->base_url) ? ", not both" : "");
    else if (slice_eq(p->backend_id.text, SLICE("dapr")))
        compile_dapr(c, n, p);
    else if (p->backend_id.text.n)
        p->known = comp_backend(c, n, "backend-id", p->backend_id.text);
    else if (p->base_url.text.n)
        p->known = comp_backend_url(c, n, "base-url", p->base_url.text);
    return !comp_failed(c);
}

static enum verdict use(struct rt *rt, const struct fact_backend *b, bool by_id)
{
    if (by_id)
        rt->backend_id_level = rt->level + 1;
    rt->request.url.backend = b;
    rt_trace(rt, "%.*s://%.*s%.*s", SLICE_ARG(b->scheme), SLICE_ARG(b->host), SLICE_ARG(b->path));
    return VERDICT_NEXT;
}

/* {app}[.{namespace}]/method/{method} */
static enum verdict use_dapr(struct rt *rt, const struct plan *p)
{
    struct slice app, method, ns;

    if (!rt_text(rt, &p->dapr_app, &app) || !rt_text(rt, &p->dapr_method, &method) ||
        !rt_text(rt, &p->dapr_namespace, &ns))
        return VERDICT_FAIL;
    struct slice path = rt_printf(rt, "/v1.0/invoke/%.*s%s%.*s/method/%.*s", SLICE_ARG(app), ns.n ? "." : "",
                                  SLICE_ARG(ns), SLICE_ARG(method));
    if (!path.p)
        return rt_fail_memory(rt);
    rt->request.url.path = path;
    return use(rt, p->known, true);
}

static enum verdict use_computed_id(struct rt *rt, const struct plan *p)
{
    struct slice id;

    if (!rt_text(rt, &p->backend_id, &id))
        return VERDICT_FAIL;
    const struct fact_backend *b = rt->host->backend(rt, slice_trim(id));
    if (!b)
        return rt_fail(rt, NULL, "BackendNotFound",
                       rt_printf(rt, "Backend '%.*s' is not known.", SLICE_ARG(id)));
    return use(rt, b, true);
}

static enum verdict use_computed_url(struct rt *rt, const struct plan *p)
{
    struct err err = { { 0 } };
    struct slice url;

    if (!rt_text(rt, &p->base_url, &url))
        return VERDICT_FAIL;
    const struct fact_backend *b = rt->host->backend_url(rt, slice_trim(url), &err);
    if (!b)
        return rt_fail(
            rt, NULL, "BackendNotFound",
            rt_printf(rt, "base-url \"%.*s\": %s", SLICE_ARG(url), err.text[0] ? err.text : "not a URL"));
    return use(rt, b, false);
}

static enum verdict run(struct rt *rt, const void *plan)
{
    const struct plan *p = plan;
    bool by_id = value_given(&p->backend_id);

    if (!by_id && rt->backend_id_level > rt->level + 1) {
        rt_trace(rt, "left: an outer scope has set a backend-id");
        return VERDICT_NEXT;
    }
    if (p->dapr)
        return use_dapr(rt, p);
    if (p->known)
        return use(rt, p->known, by_id);
    return by_id ? use_computed_id(rt, p) : use_computed_url(rt, p);
}

const struct policy_def policy_set_backend_service = {
    .name = "set-backend-service",
    .sections = SECTIONS_ALL, /* behind the backend it does nothing, but is found there */
    .compile = compile,
    .run = run,
    .doc = "Change the backend of the request",
};
