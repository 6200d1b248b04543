/* inspect: what is cached, read beside a running gateway or without one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/inspect_int.h"
#include "platform/base/nearest.h"
#include "platform/tls.h"

#define CELLS_MAX 16u
#define NEAREST_SHOWN 3

/* ---- reading ---- */

static bool open_store(struct inspection *x, struct err *err)
{
    struct store_options options = { .mode = STORE_READER };

    return cli_cache_path(x->cli, false, &options.dir, err) && tls_global_init(err) &&
           store_open(&options, &x->store, NULL, err) == STORE_OPENED;
}

bool inspect_parse_entities(struct inspection *x, struct err *err)
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
    return store_load(x->store, 0, x->arena, &x->generation, err) && inspect_parse_entities(x, err);
}

const struct entity *inspect_find(const struct inspection *x, const char *kind, struct slice id)
{
    for (size_t i = 0; i < x->generation.n; i++)
        if (slice_eq(x->entities[i].kind, slice_from(kind)) && slice_eq(x->entities[i].id, id))
            return &x->entities[i];
    return NULL;
}

unsigned inspect_count(const struct inspection *x, const char *kind)
{
    unsigned n = 0;

    for (size_t i = 0; x->entities && i < x->generation.n; i++)
        n += slice_eq(x->entities[i].kind, slice_from(kind));
    return n;
}

/* ---- unknown ids ---- */

struct near {
    struct slice id;
    unsigned distance;
};

static void keep_nearest(struct near best[NEAREST_SHOWN], struct near one)
{
    for (int i = 0; i < NEAREST_SHOWN; i++)
        if (one.distance < best[i].distance) {
            struct near out = best[i];
            best[i] = one;
            one = out;
        }
}

int inspect_unknown(struct inspection *x, const char *kind, const char *id)
{
    struct near best[NEAREST_SHOWN];
    struct buf list;
    bool any = false;

    for (int i = 0; i < NEAREST_SHOWN; i++)
        best[i] = (struct near){ SLICE_NONE, NEAREST_FAR };
    for (size_t i = 0; i < x->generation.n; i++) {
        any |= slice_eq(x->entities[i].kind, slice_from(kind));
        if (slice_eq(x->entities[i].kind, slice_from(kind)))
            keep_nearest(best, (struct near){ x->entities[i].id, nearest_distance(slice_from(id), x->entities[i].id) });
    }
    buf_init(&list, x->arena);
    for (int i = 0; i < NEAREST_SHOWN && best[i].id.n; i++)
        buf_printf(&list, "%s%.*s", i ? ", " : ": nearest: ", SLICE_ARG(best[i].id));
    return cli_fail(CLI_NO, "inspect: %s: no such %s%s", id, kind, any ? buf_slice(&list).p : ": there are none");
}

/* ---- a table for people ---- */

static size_t width_of(struct slice cell)
{
    size_t n = 0;

    for (size_t i = 0; i < cell.n; i++)
        n += ((unsigned char)cell.p[i] & 0xc0) != 0x80;
    return n;
}

static void measure(struct slice text, size_t widths[CELLS_MAX])
{
    struct slice line, cell;

    while (text.n && slice_cut(&text, '\n', &line))
        for (unsigned i = 0; i < CELLS_MAX && line.n && slice_cut(&line, '\t', &cell); i++)
            if (width_of(cell) > widths[i])
                widths[i] = width_of(cell);
}

static void put_line(struct slice line, const size_t widths[CELLS_MAX])
{
    struct slice cell;

    for (unsigned i = 0; line.p && slice_cut(&line, '\t', &cell); i++) {
        fwrite(cell.p, 1, cell.n, stdout);
        for (size_t pad = width_of(cell); line.n && i < CELLS_MAX && pad < widths[i] + 2; pad++)
            putchar(' ');
    }
    putchar('\n');
}

static void print_table(struct inspection *x, struct slice text)
{
    size_t widths[CELLS_MAX] = { 0 };
    struct slice line, head = x->head ? slice_from(x->head) : SLICE_NONE;

    measure(head, widths);
    measure(text, widths);
    if (head.n)
        put_line(head, widths);
    while (text.n && slice_cut(&text, '\n', &line))
        if (line.n || text.n)
            put_line(line, widths);
}

static void print(struct inspection *x)
{
    struct slice text = buf_slice(&x->out);

    if (x->cli->json || x->is_text || !isatty(STDOUT_FILENO))
        fwrite(text.p, 1, text.n, stdout);
    else
        print_table(x, text);
}

/* ---- subjects ---- */

/* Is there such a subject with so many arguments? Asked before the cache is. */
static bool is_subject(const char *name, int n)
{
    static const struct {
        const char *name;
        int min, max;
    } subjects[] = { { "status", 0, 0 }, { "generations", 0, 0 }, { "usage", 0, 0 }, { "diff", 0, 2 }, { "policy", 1, 1 },
                     { "effective", 2, 2 }, { "operations", 1, 1 }, { "api", 1, 1 }, { "entity", 2, 2 } };

    for (size_t i = 0; i < COUNT_OF(subjects); i++)
        if (strcmp(name, subjects[i].name) == 0)
            return n >= subjects[i].min && n <= subjects[i].max;
    return n == 0 && inspect_is_list(name);
}

/* Those that need no generation in memory. */
static bool inspect_without_entities(struct inspection *x, const char *subject, int *code)
{
    static const struct {
        const char *name;
        int (*run)(struct inspection *x);
    } subjects[] = { { "generations", inspect_generations }, { "usage", inspect_usage }, { "diff", inspect_diff } };

    for (size_t i = 0; i < COUNT_OF(subjects); i++)
        if (strcmp(subject, subjects[i].name) == 0) {
            *code = subjects[i].run(x);
            return true;
        }
    return false;
}

static int inspect(struct inspection *x, const char *subject)
{
    char **args = x->cli->args + 1;
    int code;
    struct err err;

    if (inspect_without_entities(x, subject, &code))
        return code;
    bool loaded = load_entities(x, &err);
    if (strcmp(subject, "status") == 0)
        return inspect_status(x, loaded, &err);
    if (!loaded)
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    if (strcmp(subject, "policy") == 0)
        return inspect_policy(x, args[0]);
    if (strcmp(subject, "effective") == 0)
        return inspect_effective(x, args[0], args[1]);
    return inspect_entities(x, subject, args);
}

int cmd_inspect(struct cli *c)
{
    struct inspection x = { .cli = c, .arena = &c->arena };
    struct err err;

    x.reveal = cli_flag(c, "--reveal");
    x.product = cli_value(c, "--product");
    if (!cli_check_args(c, 0, 3))
        return CLI_USAGE;
    const char *subject = c->n_args ? c->args[0] : "status";
    if (!is_subject(subject, c->n_args ? c->n_args - 1 : 0))
        return cli_fail(CLI_USAGE, "inspect: %s: no such subject, or not so many arguments: see `holdfast help inspect`", subject);
    if (!open_store(&x, &err))
        return cli_fail(CLI_FAILED, "inspect: %s", err.text);
    buf_init(&x.out, x.arena);
    int code = inspect(&x, subject);
    if (code == CLI_DONE || code == CLI_NO)
        print(&x);
    store_close(x.store);
    return code;
}
