/* inspect: policies as they were written, and the effective one of an operation. */
#include <stdio.h>
#include <string.h>

#include "app/inspect_int.h"
#include "app/names.h"
#include "policy/effective.h"

static int put_text(struct inspection *x, const struct entity *e, struct slice text)
{
    x->is_text = true;
    if (x->cli->json) {
        buf_puts(&x->out, "{\"id\":");
        buf_put_json(&x->out, e->id);
        buf_puts(&x->out, ",\"value\":");
        buf_put_json(&x->out, text);
        buf_puts(&x->out, "}\n");
    } else {
        buf_put(&x->out, slice_trim(text));
        buf_putc(&x->out, '\n');
    }
    return CLI_DONE;
}

int inspect_policy(struct inspection *x, const char *scope)
{
    bool fragment = strncmp(scope, "fragment/", 9) == 0;
    const char *kind = fragment ? "fragment" : "policy", *id = fragment ? scope + 9 : scope;
    const struct entity *e = inspect_find(x, kind, slice_from(id));

    return e ? put_text(x, e, json_str(json_get(e->properties, "value"))) : inspect_unknown(x, kind, id);
}

/* ---- effective ---- */

static struct slice policy_of(const struct inspection *x, struct slice id)
{
    const struct entity *e = inspect_find(x, "policy", id);

    return e ? json_str(json_get(e->properties, "value")) : SLICE_NONE;
}

static bool holds_api(const struct entity *product, const char *api)
{
    struct json_iter it = json_iter(json_get(product->properties, "apis"));
    struct slice root = name_api_root(slice_from(api));

    while (json_next(&it))
        if (slice_eq(name_api_root(json_str(it.value)), root))
            return true;
    return false;
}

/* --product must name one that the API is in. */
static int check_product(struct inspection *x, const char *api)
{
    const struct entity *product = x->product ? inspect_find(x, "product", slice_from(x->product)) : NULL;

    if (x->product && !product)
        return inspect_unknown(x, "product", x->product);
    if (product && !holds_api(product, api))
        return cli_fail(CLI_NO, "inspect: product %s: does not contain api %s", x->product, api);
    return CLI_DONE;
}

int inspect_effective(struct inspection *x, const char *api, const char *operation)
{
    struct slice key = arena_printf(x->arena, "%s/%s", api, operation);
    const struct entity *e = inspect_find(x, "operation", key);
    struct buf text;
    struct err err;

    if (!inspect_find(x, "api", slice_from(api)))
        return inspect_unknown(x, "api", api);
    if (!e)
        return inspect_unknown(x, "operation", key.p);
    int code = check_product(x, api);
    if (code != CLI_DONE)
        return code;
    const struct policy_source sources[] = {
        { "Operation", policy_of(x, arena_printf(x->arena, "api/%s/operation/%s", api, operation)) },
        { "API", policy_of(x, arena_printf(x->arena, "api/%s", api)) },
        { "Product", x->product ? policy_of(x, arena_printf(x->arena, "product/%s", x->product)) : SLICE_NONE },
        { "Global", policy_of(x, SLICE("global")) },
    };
    buf_init(&text, x->arena);
    if (!policy_effective(x->arena, sources, COUNT_OF(sources), &text, &err))
        return cli_fail(CLI_FAILED, "inspect effective: %s", err.text);
    return put_text(x, e, buf_slice(&text));
}
