/* inspect: the cache itself: status, generations, their differences, counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/control.h"
#include "app/inspect_int.h"
#include "platform/crypto.h"
#include "store/state.h"

/* 2026-11-29T11:22:19Z */
static const char *utc(struct arena *a, int64_t seconds)
{
    time_t t = (time_t)seconds;
    char text[32];
    struct tm tm;

    if (!seconds || !gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return "-";
    return arena_cstr(a, slice_from(text));
}

/* ---- generations ---- */

static void put_generation_json(struct inspection *x, const struct store_entry *e)
{
    buf_printf(&x->out, "{\"id\":\"%lld\",\"seq\":%lld,\"state\":\"%s\",\"active\":%s,\"previous\":%s,\"lkg\":%s,\"pinned\":%s,\"time\":%lld,"
               "\"issued\":%lld,\"entities\":%llu,\"bytes\":%llu,\"root\":\"%s\",\"reason\":", (long long)e->gen, (long long)e->seq,
               store_state_name(e->state), e->active ? "true" : "false", e->previous ? "true" : "false", e->lkg ? "true" : "false",
               e->pinned ? "true" : "false", (long long)e->time, (long long)e->issued, (unsigned long long)e->entities,
               (unsigned long long)e->raw, e->root);
    buf_put_json(&x->out, e->reason);
    buf_putc(&x->out, '}');
}

static void put_generation(struct inspection *x, const struct store_entry *e)
{
    const char *marks[] = { e->active ? "active" : NULL, e->previous ? "previous" : NULL, e->lkg ? "lkg" : NULL,
                            e->pinned ? "pinned" : NULL };
    const char *between = "";

    buf_printf(&x->out, "%lld\t%s\t%llu entities\t%llu bytes\t%s\t", (long long)e->gen, store_state_name(e->state),
               (unsigned long long)e->entities, (unsigned long long)e->raw, utc(x->arena, e->time));
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (marks[i]) {
            buf_printf(&x->out, "%s%s", between, marks[i]);
            between = " ";
        }
    buf_printf(&x->out, "%s%.*s\n", e->reason.n && *between ? " " : "", SLICE_ARG(e->reason));
}

int inspect_generations(struct inspection *x)
{
    struct store_entry *list;
    struct err err;
    size_t n;

    if (!store_list(x->store, x->arena, &list, &n, &err))
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    x->head = "ID\tSTATE\tENTITIES\tBYTES\tSINCE\t";
    if (x->cli->json)
        buf_putc(&x->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (x->cli->json && i)
            buf_putc(&x->out, ',');
        (x->cli->json ? put_generation_json : put_generation)(x, &list[i]);
    }
    if (x->cli->json)
        buf_puts(&x->out, "]\n");
    return CLI_DONE;
}

/* ---- status ---- */

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

static void put_status_json(struct inspection *x, bool loaded, const struct err *why, struct slice refused, struct slice running)
{
    buf_puts(&x->out, "{\"cache\":");
    buf_put_json(&x->out, slice_from(store_dir(x->store)));
    buf_printf(&x->out, ",\"generation\":%lld,\"pinned\":%s,\"apis\":%u,\"operations\":%u,\"products\":%u,\"subscriptions\":%u,\"missing\":",
               loaded ? (long long)x->generation.gen : 0, store_pinned(x->store) ? "true" : "false", inspect_count(x, "api"),
               inspect_count(x, "operation"), inspect_count(x, "product"), inspect_count(x, "subscription"));
    buf_put_json(&x->out, slice_from(loaded ? "" : why->text));
    buf_puts(&x->out, ",\"refused\":");
    buf_put_json(&x->out, refused);
    buf_puts(&x->out, ",\"gateway\":");
    buf_put(&x->out, running);
    buf_puts(&x->out, "}\n");
}

static void put_status_gateway(struct inspection *x, const struct json *gateway)
{
    struct json_iter it = json_iter(gateway);

    if (json_type(gateway) != JSON_OBJECT) {
        buf_puts(&x->out, "gateway\tnot running\n");
        return;
    }
    while (json_next(&it)) {
        buf_printf(&x->out, "gateway.%.*s\t", SLICE_ARG(it.key));
        if (json_type(it.value) == JSON_STRING)
            buf_put(&x->out, json_str(it.value));
        else
            json_write(&x->out, it.value);
        buf_putc(&x->out, '\n');
    }
}

int inspect_status(struct inspection *x, bool loaded, const struct err *why)
{
    struct slice running = running_status(x), refused = refused_generation(x);
    int64_t pinned = store_pinned(x->store);

    if (x->cli->json) {
        put_status_json(x, loaded, why, refused, running);
        return CLI_DONE;
    }
    buf_printf(&x->out, "cache\t%s\n", store_dir(x->store));
    if (loaded)
        buf_printf(&x->out, "generation\t%lld (%zu entities, %llu bytes)\napis\t%u\noperations\t%u\nproducts\t%u\nsubscriptions\t%u\n",
                   (long long)x->generation.gen, x->generation.n, (unsigned long long)x->generation.raw, inspect_count(x, "api"),
                   inspect_count(x, "operation"), inspect_count(x, "product"), inspect_count(x, "subscription"));
    else
        buf_printf(&x->out, "generation\tnone: %s\n", why->text);
    if (pinned)
        buf_printf(&x->out, "pinned\tgeneration %lld, until `holdfast rollback --release`\n", (long long)pinned);
    if (refused.n)
        buf_printf(&x->out, "refused\t%.*s\n", SLICE_ARG(refused));
    put_status_gateway(x, json_parse(x->arena, running, NULL));
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
        !inspect_parse_entities(side, err))
        return false;
    if (side->generation.n)
        qsort(side->entities, side->generation.n, sizeof *side->entities, by_kind_and_id);
    return true;
}

static struct slice text_of(struct inspection *x, const struct json *value)
{
    struct buf b;

    buf_init(&b, x->arena);
    if (value)
        json_write(&b, value);
    return buf_slice(&b);
}

static bool same(struct inspection *x, const struct json *a, const struct json *b)
{
    return !a == !b && slice_eq(text_of(x, a), text_of(x, b));
}

static const struct json *member(const struct json *object, struct slice name)
{
    struct json_iter it = json_iter(object);

    while (json_next(&it))
        if (slice_eq(it.key, name))
            return it.value;
    return NULL;
}

static void put_name(struct inspection *x, struct buf *names, struct slice name)
{
    buf_puts(names, names->n ? (x->cli->json ? "," : ", ") : "");
    if (x->cli->json)
        buf_put_json(names, name);
    else
        buf_put(names, name);
}

/* Names of top properties that differ, commas between; JSON strings for JSON. */
static struct slice changed_names(struct inspection *x, const struct json *before, const struct json *after)
{
    struct json_iter old = json_iter(before), new = json_iter(after);
    struct buf names;

    buf_init(&names, x->arena);
    while (json_next(&new))
        if (!same(x, member(before, new.key), new.value))
            put_name(x, &names, new.key);
    while (json_next(&old))
        if (!member(after, old.key))
            put_name(x, &names, old.key);
    return buf_slice(&names);
}

/* before or after may be NULL. */
static void put_difference(struct inspection *x, const struct entity *before, const struct entity *after, unsigned *n)
{
    const struct entity *e = after ? after : before;
    struct slice names = before && after ? changed_names(x, before->properties, after->properties) : SLICE_NONE;
    const char *change = !before ? "added" : !after ? "removed" : "changed";

    if (x->cli->json) {
        buf_puts(&x->out, *n ? ",{\"id\":" : "{\"id\":");
        buf_put_json(&x->out, e->id);
        buf_puts(&x->out, ",\"kind\":");
        buf_put_json(&x->out, e->kind);
        buf_printf(&x->out, ",\"change\":\"%s\",\"properties\":[%.*s]}", change, SLICE_ARG(names));
    } else {
        buf_printf(&x->out, "%c %.*s\t%.*s%s%.*s\n", !before ? '+' : !after ? '-' : '~', SLICE_ARG(e->kind), SLICE_ARG(e->id),
                   names.n ? "\t" : "", SLICE_ARG(names));
    }
    ++*n;
}

static unsigned put_differences(struct inspection *x, const struct inspection *a, const struct inspection *b)
{
    size_t i = 0, j = 0;
    unsigned n = 0;

    while (i < a->generation.n || j < b->generation.n) {
        int order = i == a->generation.n ? 1 : j == b->generation.n ? -1 : by_kind_and_id(&a->entities[i], &b->entities[j]);
        const struct entity *before = order <= 0 ? &a->entities[i++] : NULL, *after = order >= 0 ? &b->entities[j++] : NULL;
        if (before && after && same(x, before->properties, after->properties))
            continue;
        put_difference(x, before, after, &n);
    }
    return n;
}

int inspect_diff(struct inspection *x)
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

/* ---- usage ---- */

static void put_counter(void *arg, const struct state_row *row)
{
    struct inspection *x = arg;
    char id[2 * STATE_ID_BYTES];

    crypto_hex(row->id, STATE_ID_BYTES, id);
    if (!x->cli->json) {
        buf_printf(&x->out, "%.*s\t%llu\t%llu\t%s\n", (int)sizeof id, id, (unsigned long long)row->calls, (unsigned long long)row->bytes,
                   utc(x->arena, (int64_t)row->touched_s));
        return;
    }
    buf_printf(&x->out, "%s{\"id\":\"%.*s\",\"calls\":%llu,\"bytes\":%llu,\"lastCall\":%llu}", x->out.n > 1 ? "," : "", (int)sizeof id, id,
               (unsigned long long)row->calls, (unsigned long long)row->bytes, (unsigned long long)row->touched_s);
}

/* Counters of quotas as state.db has them, at most a second old; their names are hashes of period and key. */
int inspect_usage(struct inspection *x)
{
    struct err err;

    x->head = "ID\tCALLS\tBYTES\tLAST CALL";
    if (x->cli->json)
        buf_putc(&x->out, '[');
    if (!state_read(store_dir(x->store), put_counter, x, &err))
        return cli_fail(CLI_FAILED, "inspect usage: %s", err.text);
    if (x->cli->json)
        buf_puts(&x->out, "]\n");
    return CLI_DONE;
}
