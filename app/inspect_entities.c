/* inspect: entities, as lists and one by one; secrets are masked. */
#include <stdio.h>
#include <string.h>

#include "app/inspect_int.h"

#define COLUMNS_MAX 5

/* A list that can be asked for: the kind of entity and the properties shown behind the id. */
struct listing {
    const char *name, *kind, *head;
    const char *columns[COLUMNS_MAX];
};

static const struct listing listings[] = {
    { "apis", "api", "ID\tPATH\tNAME\tREVISION\tVERSION\tSERVICE", { "path", "displayName", "apiRevision", "apiVersion", "serviceUrl" } },
    { "products", "product", "ID\tNAME\tSTATE\tSUBSCRIPTION", { "displayName", "state", "subscriptionRequired" } },
    { "subscriptions", "subscription", "ID\tNAME\tSCOPE\tSTATE", { "displayName", "scope", "state" } },
    { "backends", "backend", "ID\tURL\tPROTOCOL", { "url", "protocol" } },
    { "named-values", "named-value", "ID\tNAME\tVALUE", { "displayName", "value" } },
    { "fragments", "fragment", "ID\tFILE", { "file" } },
    { "certificates", "certificate", "ID\tSUBJECT\tTHUMBPRINT\tEXPIRES", { "subject", "thumbprint", "expirationDate" } },
    { "gateways", "gateway", "ID\tDESCRIPTION", { "description" } },
    { "users", "user", "ID\tEMAIL", { "email" } },
};

/* ---- secrets ---- */

static bool is_secret(const struct entity *e, struct slice property)
{
    static const struct slice names[] = {
        SLICE_INIT("primaryKey"), SLICE_INIT("secondaryKey"), SLICE_INIT("primaryKeyHash"), SLICE_INIT("secondaryKeyHash"),
        SLICE_INIT("subscriptionKeySalt"), SLICE_INIT("credentials"), SLICE_INIT("password"), SLICE_INIT("sealed"),
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_eq(property, names[i]))
            return true;
    if (slice_eq(property, SLICE("data")))
        return slice_eq(e->kind, SLICE("certificate"));
    return slice_eq(property, SLICE("value")) && json_bool(json_get(e->properties, "secret"), false);
}

static void put_value(struct inspection *x, const struct entity *e, const struct json *value);

static void put_member(struct inspection *x, const struct entity *e, struct slice key, const struct json *value)
{
    buf_put_json(&x->out, key);
    buf_putc(&x->out, ':');
    if (is_secret(e, key) && !x->reveal)
        buf_puts(&x->out, "\"***\"");
    else
        put_value(x, e, value);
}

/* Secrets may lie deeper: backends have proxy.password. */
static void put_value(struct inspection *x, const struct entity *e, const struct json *value)
{
    struct json_iter it = json_iter(value);
    bool first = true;

    if (json_type(value) != JSON_OBJECT) {
        json_write(&x->out, value);
        return;
    }
    buf_putc(&x->out, '{');
    for (; json_next(&it); first = false) {
        if (!first)
            buf_putc(&x->out, ',');
        put_member(x, e, it.key, it.value);
    }
    buf_putc(&x->out, '}');
}

/* ---- writing ---- */

static void put_object(struct inspection *x, const struct entity *e)
{
    struct json_iter it = json_iter(e->properties);

    buf_puts(&x->out, "{\"id\":");
    buf_put_json(&x->out, e->id);
    while (json_next(&it)) {
        buf_putc(&x->out, ',');
        put_member(x, e, it.key, it.value);
    }
    buf_putc(&x->out, '}');
}

/* A line stays a line, a cell a cell. */
static void put_cell_text(struct inspection *x, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_putc(&x->out, (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i]);
}

static void put_cell(struct inspection *x, const struct entity *e, const char *column)
{
    const struct json *value = json_get(e->properties, column);

    if (is_secret(e, slice_from(column)) && !x->reveal && value)
        buf_puts(&x->out, "***");
    else if (json_type(value) == JSON_STRING)
        put_cell_text(x, json_str(value));
    else if (value)
        put_value(x, e, value);
}

static void put_row(struct inspection *x, const struct entity *e, const struct listing *l)
{
    buf_put(&x->out, e->id);
    for (size_t i = 0; i < COLUMNS_MAX && l->columns[i]; i++) {
        buf_putc(&x->out, '\t');
        put_cell(x, e, l->columns[i]);
    }
    buf_putc(&x->out, '\n');
}

/* Entities of a kind whose id begins with prefix, which is left out. */
static int put_list(struct inspection *x, const struct listing *l, struct slice prefix)
{
    bool first = true;

    x->head = l->head;
    if (x->cli->json)
        buf_putc(&x->out, '[');
    for (size_t i = 0; i < x->generation.n; i++) {
        struct entity e = x->entities[i];
        if (!slice_eq(e.kind, slice_from(l->kind)) || !slice_starts(e.id, prefix))
            continue;
        e.id = slice_skip(e.id, prefix.n);
        if (!x->cli->json) {
            put_row(x, &e, l);
            continue;
        }
        if (!first)
            buf_putc(&x->out, ',');
        first = false;
        put_object(x, &e);
    }
    if (x->cli->json)
        buf_puts(&x->out, "]\n");
    return CLI_DONE;
}

static int put_one(struct inspection *x, const char *kind, const char *id)
{
    const struct entity *e = inspect_find(x, kind, slice_from(id));

    if (!e)
        return inspect_unknown(x, kind, id);
    x->is_text = true;
    put_object(x, e);
    buf_putc(&x->out, '\n');
    return CLI_DONE;
}

static int put_operations(struct inspection *x, const char *api)
{
    static const struct listing operations = { "operations", "operation", "ID\tMETHOD\tTEMPLATE\tNAME",
                                               { "method", "urlTemplate", "displayName" } };

    if (!inspect_find(x, "api", slice_from(api)))
        return inspect_unknown(x, "api", api);
    return put_list(x, &operations, arena_printf(x->arena, "%s/", api));
}

bool inspect_is_list(const char *subject)
{
    for (size_t i = 0; i < COUNT_OF(listings); i++)
        if (strcmp(subject, listings[i].name) == 0)
            return true;
    return false;
}

int inspect_entities(struct inspection *x, const char *subject, char **args)
{
    if (strcmp(subject, "operations") == 0)
        return put_operations(x, args[0]);
    if (strcmp(subject, "api") == 0)
        return put_one(x, "api", args[0]);
    if (strcmp(subject, "entity") == 0)
        return put_one(x, args[0], args[1]);
    for (size_t i = 0; i < COUNT_OF(listings); i++)
        if (strcmp(subject, listings[i].name) == 0)
            return put_list(x, &listings[i], SLICE(""));
    return CLI_USAGE;
}
