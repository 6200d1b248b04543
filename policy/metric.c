/* Namespace and dimensions of metrics. See metric.h. */
#include "policy/metric.h"

/* ---- dimensions that need no value ---- */

static struct slice api_id(const struct rt *rt)
{
    return rt->api ? rt->api->id : SLICE("");
}

static struct slice operation_id(const struct rt *rt)
{
    return rt->operation ? rt->operation->id : SLICE("");
}

static struct slice product_id(const struct rt *rt)
{
    return rt->product ? rt->product->id : SLICE("");
}

static struct slice user_id(const struct rt *rt)
{
    return rt->user ? rt->user->id : SLICE("");
}

static struct slice subscription_id(const struct rt *rt)
{
    return rt->subscription ? rt->subscription->id : SLICE("");
}

static struct slice location(const struct rt *rt)
{
    return rt->deployment->region;
}

static struct slice gateway_id(const struct rt *rt)
{
    return rt->deployment->gateway_id;
}

static struct slice backend_id(const struct rt *rt)
{
    return rt->request.url.backend ? rt->request.url.backend->id : SLICE("");
}

static const struct {
    struct slice name;
    struct slice (*get)(const struct rt *rt);
} defaults[] = {
    { SLICE_INIT("API ID"), api_id },         { SLICE_INIT("Operation ID"), operation_id },
    { SLICE_INIT("Product ID"), product_id }, { SLICE_INIT("User ID"), user_id },
    { SLICE_INIT("Location"), location },     { SLICE_INIT("Subscription ID"), subscription_id },
    { SLICE_INIT("Gateway ID"), gateway_id }, { SLICE_INIT("Backend ID"), backend_id },
};

static bool default_value(const struct rt *rt, struct slice name, struct slice *value)
{
    for (size_t i = 0; i < COUNT_OF(defaults); i++) {
        if (!slice_eq_icase(name, defaults[i].name))
            continue;
        if (rt)
            *value = defaults[i].get(rt);
        return true;
    }
    return false;
}

/* ---- compiling ---- */

static void compile_dimension(struct comp *c, const struct xml_node *n, struct metric_dimension *d)
{
    d->name = comp_attr(c, n, "name", VALUE_REQUIRED | VALUE_NOT_EMPTY);
    d->value = comp_attr(c, n, "value", VALUE_OPTIONAL);
    bool is_open = comp_is_open(c) && slice_find(d->name.text, SLICE("{{")) >= 0;
    if (d->name.text.n && !d->name.expr && !value_given(&d->value) && !is_open &&
        !default_value(NULL, slice_trim(d->name.text), NULL))
        comp_error(c, n, "name", "dimension '%.*s' needs a value: only API ID, Operation ID, Product ID, User ID, "
                                 "Subscription ID, Location, Gateway ID and Backend ID have one of their own",
                   SLICE_ARG(d->name.text));
}

static bool is_named_twice(const struct metric_dimension *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (d[n].name.text.n && !d[n].name.expr && !d[i].name.expr && slice_eq_icase(d[i].name.text, d[n].name.text))
            return true;
    return false;
}

void metric_compile(struct comp *c, const struct xml_node *n, struct metric *m)
{
    struct slice space = slice_trim(comp_attr_text(c, n, "namespace", VALUE_OPTIONAL));
    struct metric_dimension *d = comp_array(c, struct metric_dimension, METRIC_DIMENSIONS_MAX);
    const struct xml_node *child = NULL;
    unsigned count = 0;

    m->space = space.n ? space : SLICE("API Management");
    for (; d && (child = comp_next(c, n, child, "dimension")); count++) {
        if (count >= METRIC_DIMENSIONS_MAX)
            continue;
        compile_dimension(c, child, &d[count]);
        if (is_named_twice(d, count))
            comp_error(c, child, "name", "dimension '%.*s' is there twice", SLICE_ARG(d[count].name.text));
    }
    if (d && (count == 0 || count > METRIC_DIMENSIONS_MAX))
        comp_error(c, n, NULL, "<%.*s> has %u dimensions: expected 1 to %u", SLICE_ARG(n->name), count, METRIC_DIMENSIONS_MAX);
    m->dimensions = d;
    m->n = count < METRIC_DIMENSIONS_MAX ? count : METRIC_DIMENSIONS_MAX;
}

/* ---- running ---- */

bool metric_evaluate(struct rt *rt, const struct metric *m, struct rt_dimension out[METRIC_DIMENSIONS_MAX])
{
    for (unsigned i = 0; i < m->n; i++) {
        const struct metric_dimension *d = &m->dimensions[i];
        out[i] = (struct rt_dimension){ 0 };
        if (!rt_text(rt, &d->name, &out[i].name) || !rt_text(rt, &d->value, &out[i].value))
            return false;
        out[i].name = slice_trim(out[i].name);
    }
    metric_refresh(rt, m, out);
    return true;
}

void metric_refresh(struct rt *rt, const struct metric *m, struct rt_dimension out[METRIC_DIMENSIONS_MAX])
{
    for (unsigned i = 0; i < m->n; i++)
        if (!value_given(&m->dimensions[i].value))
            (void)default_value(rt, out[i].name, &out[i].value);
}
