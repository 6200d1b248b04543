/* inspect: what is cached, read beside a running gateway or without one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/control.h"
#include "platform/base/buf.h"
#include "platform/base/nearest.h"
#include "platform/json.h"
#include "platform/tls.h"
#include "store/store.h"

#define COLUMNS_MAX 4

/* A list that can be asked for: INSPECT entity kind and the properties shown behind the id. */
struct listing {
    const char *name, *kind;
    const char *columns[COLUMNS_MAX];
};

static const struct listing listings[] = {
    { "apis", "api", { "path", "displayName", "apiRevision", "serviceUrl" } },
    { "products", "product", { "displayName", "state", "subscriptionRequired" } },
    { "subscriptions", "subscription", { "displayName", "scope", "state" } },
    { "backends", "backend", { "url", "protocol" } },
    { "named-values", "named-value", { "displayName", "value" } },
    { "fragments", "fragment", { "file" } },
    { "gateways", "gateway", { "description" } },
    { "users", "user", { "email" } },
};

struct entity {
    struct slice kind, id;
    const struct json *json, *properties;
};

struct inspection {
    struct cli *cli;
    struct arena *arena;
    struct store *store;
    struct store_generation generation;
    struct entity *entities;
    bool reveal;
    struct buf out;
};

/* ---- reading ---- */

static bool open_store(struct inspection *x, struct err *err)
{
    struct store_options options = { .mode = STORE_READER };

    return cli_cache_path(x->cli, false, &options.dir, err) && tls_global_init(err) &&
           store_open(&options, &x->store, NULL, err) == STORE_OPENED;
}

static bool parse_entities(struct inspection *x, struct err *err)
{
    x->entities = arena_array(x->arena, struct entity, x->generation.n);
    if (!x->entities)
        return err_set(err, "out of memory");
    for (size_t i = 0; i < x->generation.n; i++) {
        struct entity *e = &x->entities[i];
        e->json = json_parse(x->arena, x->generation.lines[i], err);
        e->kind = json_str(json_get(e->json, "kind"));
        e->id = json_str(json_get(e->json, "id"));
        e->properties = json_get(e->json, "properties");
    }
    return true;
}

static bool load_entities(struct inspection *x, struct err *err)
{
    return store_load(x->store, 0, x->arena, &x->generation, err) && parse_entities(x, err);
}

static const struct entity *find(const struct inspection *x, const char *kind, struct slice id)
{
    for (size_t i = 0; i < x->generation.n; i++)
        if (slice_eq(x->entities[i].kind, slice_from(kind)) && slice_eq(x->entities[i].id, id))
            return &x->entities[i];
    return NULL;
}

/* ---- writing ---- */

static bool is_secret(const struct entity *e, struct slice property)
{
    if (slice_eq(property, SLICE("primaryKeyHash")) || slice_eq(property, SLICE("secondaryKeyHash")) ||
        slice_eq(property, SLICE("subscriptionKeySalt")) || slice_eq(property, SLICE("credentials")))
        return true;
    return slice_eq(property, SLICE("value")) && json_bool(json_get(e->properties, "secret"), false);
}

static void put_object(struct inspection *x, const struct entity *e)
{
    struct json_iter it = json_iter(e->properties);

    buf_puts(&x->out, "{\"id\":");
    buf_put_json(&x->out, e->id);
    while (json_next(&it)) {
        buf_putc(&x->out, ',');
        buf_put_json(&x->out, it.key);
        buf_putc(&x->out, ':');
        if (is_secret(e, it.key) && !x->reveal)
            buf_puts(&x->out, "\"***\"");
        else
            json_write(&x->out, it.value);
    }
    buf_putc(&x->out, '}');
}

static void put_cell(struct inspection *x, const struct entity *e, const char *column)
{
    const struct json *value = json_get(e->properties, column);

    if (is_secret(e, slice_from(column)) && !x->reveal)
        buf_puts(&x->out, "***");
    else if (json_type(value) == JSON_STRING)
        buf_put(&x->out, json_str(value));
    else if (value)
        json_write(&x->out, value);
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

static int unknown(struct inspection *x, const char *kind, const char *id)
{
    struct slice best = SLICE_NONE;
    unsigned least = NEAREST_FAR;

    for (size_t i = 0; i < x->generation.n; i++) {
        unsigned d = slice_eq(x->entities[i].kind, slice_from(kind)) ? nearest_distance(slice_from(id), x->entities[i].id)
                                                                      : NEAREST_FAR;
        if (d < least) {
            least = d;
            best = x->entities[i].id;
        }
    }
    return cli_fail(CLI_NO, "inspect: %s: no such %s%s%.*s", id, kind, best.n ? ": nearest is " : "", SLICE_ARG(best));
}

/* Entities of a kind whose id begins with prefix. */
static int put_list(struct inspection *x, const struct listing *l, struct slice prefix)
{
    bool first = true;

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
    const struct entity *e = find(x, kind, slice_from(id));

    if (!e)
        return unknown(x, kind, id);
    put_object(x, e);
    buf_putc(&x->out, '\n');
    return CLI_DONE;
}

/* ---- the subjects ---- */

static int inspect_operations(struct inspection *x, const char *api)
{
    static const struct listing operations = { "operations", "operation", { "method", "urlTemplate", "displayName" } };

    if (!find(x, "api", slice_from(api)))
        return unknown(x, "api", api);
    return put_list(x, &operations, arena_printf(x->arena, "%s/", api));
}

static int inspect_policy(struct inspection *x, const char *scope)
{
    bool fragment = strncmp(scope, "fragment/", 9) == 0;
    const char *kind = fragment ? "fragment" : "policy", *id = fragment ? scope + 9 : scope;
    const struct entity *e = find(x, kind, slice_from(id));

    if (!e)
        return unknown(x, kind, id);
    if (x->cli->json)
        return put_one(x, kind, id);
    buf_put(&x->out, slice_trim(json_str(json_get(e->properties, "value"))));
    buf_putc(&x->out, '\n');
    return CLI_DONE;
}

static void put_generation(struct inspection *x, const struct store_entry *e)
{
    if (x->cli->json) {
        buf_printf(&x->out, "{\"id\":\"%lld\",\"seq\":%lld,\"state\":\"%s\",\"active\":%s,\"previous\":%s,\"lkg\":%s,\"time\":%lld,"
                   "\"issued\":%lld,\"entities\":%llu,\"bytes\":%llu,\"root\":\"%s\",\"reason\":", (long long)e->gen, (long long)e->seq,
                   store_state_name(e->state), e->active ? "true" : "false", e->previous ? "true" : "false", e->lkg ? "true" : "false",
                   (long long)e->time, (long long)e->issued, (unsigned long long)e->entities, (unsigned long long)e->raw, e->root);
        buf_put_json(&x->out, e->reason);
        buf_putc(&x->out, '}');
        return;
    }
    buf_printf(&x->out, "%lld\t%s\t%llu entities\t%llu bytes\t%s%s%s%.*s\n", (long long)e->gen, store_state_name(e->state),
               (unsigned long long)e->entities, (unsigned long long)e->raw, e->active ? "active " : "", e->previous ? "previous " : "",
               e->lkg ? "lkg " : "", SLICE_ARG(e->reason));
}

static int inspect_generations(struct inspection *x)
{
    struct store_entry *list;
    struct err err;
    size_t n;

    if (!store_list(x->store, x->arena, &list, &n, &err))
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    if (x->cli->json)
        buf_putc(&x->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (x->cli->json && i)
            buf_putc(&x->out, ',');
        put_generation(x, &list[i]);
    }
    if (x->cli->json)
        buf_puts(&x->out, "]\n");
    return CLI_DONE;
}

static unsigned count_kind(const struct inspection *x, const char *kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < x->generation.n; i++)
        n += slice_eq(x->entities[i].kind, slice_from(kind));
    return n;
}

/* What a running gateway says of itself, or null. */
static struct slice running_status(struct inspection *x)
{
    struct control_command command = { .verb = "status" };
    struct control_answer answer;

    if (control_ask(x->arena, store_dir(x->store), &command, &answer) && answer.exit_code == CLI_DONE)
        return slice_trim(answer.out);
    return SLICE("null");
}

/* "generation 7: why", of the newest generation when it was refused; it is not the one that is served. */
static struct slice refused_generation(struct inspection *x)
{
    struct store_entry *list;
    struct err err;
    size_t n;

    if (!store_list(x->store, x->arena, &list, &n, &err) || !n || list[0].active || list[0].state != STORE_FAILED_GENERATION)
        return SLICE_NONE;
    return arena_printf(x->arena, "generation %lld: %.*s", (long long)list[0].gen, SLICE_ARG(list[0].reason));
}

static int inspect_status(struct inspection *x, bool loaded, const struct err *why)
{
    struct slice running = running_status(x);
    const struct json *gateway = json_parse(x->arena, running, NULL);
    struct slice refused = refused_generation(x);

    if (x->cli->json) {
        buf_puts(&x->out, "{\"cache\":");
        buf_put_json(&x->out, slice_from(store_dir(x->store)));
        buf_printf(&x->out, ",\"generation\":%lld,\"apis\":%u,\"operations\":%u,\"products\":%u,\"subscriptions\":%u,\"missing\":",
                   loaded ? (long long)x->generation.gen : 0, count_kind(x, "api"), count_kind(x, "operation"),
                   count_kind(x, "product"), count_kind(x, "subscription"));
        buf_put_json(&x->out, slice_from(loaded ? "" : why->text));
        buf_puts(&x->out, ",\"refused\":");
        buf_put_json(&x->out, refused);
        buf_puts(&x->out, ",\"gateway\":");
        buf_put(&x->out, running);
        buf_puts(&x->out, "}\n");
        return CLI_DONE;
    }
    buf_printf(&x->out, "cache\t%s\n", store_dir(x->store));
    if (loaded)
        buf_printf(&x->out, "generation\t%lld (%zu entities, %llu bytes)\napis\t%u\noperations\t%u\nproducts\t%u\nsubscriptions\t%u\n",
                   (long long)x->generation.gen, x->generation.n, (unsigned long long)x->generation.raw, count_kind(x, "api"),
                   count_kind(x, "operation"), count_kind(x, "product"), count_kind(x, "subscription"));
    else
        buf_printf(&x->out, "generation\tnone: %s\n", why->text);
    if (refused.n)
        buf_printf(&x->out, "refused\t%.*s\n", SLICE_ARG(refused));
    if (json_type(gateway) != JSON_OBJECT) {
        buf_puts(&x->out, "gateway\tnot running\n");
        return CLI_DONE;
    }
    struct json_iter it = json_iter(gateway);
    while (json_next(&it)) {
        buf_printf(&x->out, "gateway.%.*s\t", SLICE_ARG(it.key));
        if (json_type(it.value) == JSON_STRING)
            buf_put(&x->out, json_str(it.value));
        else
            json_write(&x->out, it.value);
        buf_putc(&x->out, '\n');
    }
    return CLI_DONE;
}

/* ---- diff ---- */

static int by_kind_and_id(const void *a, const void *b)
{
    const struct entity *x = a, *y = b;
    int order = slice_cmp(x->kind, y->kind);

    return order ? order : slice_cmp(x->id, y->id);
}

/* The entities of a generation named as people do, sorted. */
static bool load_side(struct inspection *x, const char *name, struct inspection *side, struct err *err)
{
    int64_t gen;

    *side = *x;
    if (!store_find(x->store, slice_from(name), &gen, err) || !store_load(x->store, gen, x->arena, &side->generation, err) ||
        !parse_entities(side, err))
        return false;
    if (side->generation.n)
        qsort(side->entities, side->generation.n, sizeof *side->entities, by_kind_and_id);
    return true;
}

static void put_difference(struct inspection *x, char mark, const struct entity *e, unsigned *n)
{
    if (x->cli->json) {
        buf_puts(&x->out, *n ? ",{\"change\":" : "{\"change\":");
        buf_puts(&x->out, mark == '+' ? "\"added\"" : mark == '-' ? "\"removed\"" : "\"changed\"");
        buf_puts(&x->out, ",\"kind\":");
        buf_put_json(&x->out, e->kind);
        buf_puts(&x->out, ",\"id\":");
        buf_put_json(&x->out, e->id);
        buf_putc(&x->out, '}');
    } else {
        buf_printf(&x->out, "%c %.*s\t%.*s\n", mark, SLICE_ARG(e->kind), SLICE_ARG(e->id));
    }
    ++*n;
}

static bool same_properties(struct inspection *x, const struct entity *a, const struct entity *b)
{
    struct buf one, other;

    buf_init(&one, x->arena);
    buf_init(&other, x->arena);
    json_write(&one, a->properties);
    json_write(&other, b->properties);
    return slice_eq(buf_slice(&one), buf_slice(&other));
}

static unsigned put_differences(struct inspection *x, const struct inspection *a, const struct inspection *b)
{
    size_t i = 0, j = 0;
    unsigned n = 0;

    while (i < a->generation.n || j < b->generation.n) {
        int order = i == a->generation.n ? 1 : j == b->generation.n ? -1 : by_kind_and_id(&a->entities[i], &b->entities[j]);
        if (order < 0)
            put_difference(x, '-', &a->entities[i++], &n);
        else if (order > 0)
            put_difference(x, '+', &b->entities[j++], &n);
        else if (same_properties(x, &a->entities[i++], &b->entities[j++]))
            continue;
        else
            put_difference(x, '~', &b->entities[j - 1], &n);
    }
    return n;
}

static int inspect_diff(struct inspection *x)
{
    const char *from = x->cli->n_args > 1 ? x->cli->args[1] : "previous", *to = x->cli->n_args > 2 ? x->cli->args[2] : "active";
    struct inspection a, b;
    struct err err;

    if (!load_side(x, from, &a, &err) || !load_side(x, to, &b, &err))
        return cli_fail(CLI_NO, "inspect diff: %s", err.text);
    if (x->cli->json)
        buf_putc(&x->out, '[');
    unsigned n = put_differences(x, &a, &b);
    if (x->cli->json)
        buf_puts(&x->out, "]\n");
    return n ? CLI_NO : CLI_DONE;
}

static int inspect_subject(struct inspection *x, const char *subject)
{
    char **args = x->cli->args;
    int n = x->cli->n_args;

    for (size_t i = 0; i < COUNT_OF(listings); i++)
        if (strcmp(subject, listings[i].name) == 0 && n == 1)
            return put_list(x, &listings[i], SLICE(""));
    if (strcmp(subject, "operations") == 0 && n == 2)
        return inspect_operations(x, args[1]);
    if (strcmp(subject, "api") == 0 && n == 2)
        return put_one(x, "api", args[1]);
    if (strcmp(subject, "policy") == 0 && n == 2)
        return inspect_policy(x, args[1]);
    if (strcmp(subject, "entity") == 0 && n == 3)
        return put_one(x, args[1], args[2]);
    return cli_fail(CLI_USAGE, "inspect: %s: no such subject, not built yet, or its ID is missing: see `holdfast help inspect`", subject);
}

static int inspect(struct inspection *x)
{
    const char *subject = x->cli->n_args ? x->cli->args[0] : "status";
    struct err err;

    if (strcmp(subject, "generations") == 0)
        return inspect_generations(x);
    if (strcmp(subject, "diff") == 0)
        return inspect_diff(x);
    bool loaded = load_entities(x, &err);
    if (strcmp(subject, "status") == 0)
        return inspect_status(x, loaded, &err);
    if (!loaded)
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    return inspect_subject(x, subject);
}

int cmd_inspect(struct cli *c)
{
    struct inspection x = { .cli = c, .arena = &c->arena };
    struct err err;

    x.reveal = cli_flag(c, "--reveal");
    if (!cli_check_args(c, 0, 3))
        return CLI_USAGE;
    if (!open_store(&x, &err))
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    buf_init(&x.out, x.arena);
    int code = inspect(&x);
    struct slice text = buf_slice(&x.out);
    fwrite(text.p, 1, text.n, stdout);
    store_close(x.store);
    return code;
}
