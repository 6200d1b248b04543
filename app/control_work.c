/* Commands that change a cache. */
#include "app/control_work.h"

#include <string.h>

#include "app/cli.h"
#include "sync/keys.h"
#include "sync/trust.h"

#define GENERATION_BYTES_MAX (512u << 20)

static int put_result(struct control_work *w, const struct sync_result *result)
{
    sync_result_json(result, w->out);
    if (w->out->n && w->out->p[w->out->n - 1] != '\n')
        buf_putc(w->out, '\n');
    return sync_result_exit(result);
}

static int sync_once(struct control_work *w, struct store *store)
{
    struct sync_result result;

    (void)store;
    if (!sync_options_check(w->options, &w->err))
        return CLI_USAGE;
    sync_cycle(w->options, &result);
    return put_result(w, &result);
}

static int import(struct control_work *w, struct store *store)
{
    struct sync_result result;
    struct sync_options options = *w->options;

    options.store = store;
    sync_import(&options, w->argument, &result);
    return put_result(w, &result);
}

static int trust(struct control_work *w, struct store *store)
{
    char fingerprint[SYNC_FINGERPRINT_MAX];

    if (!w->argument) {
        if (!sync_trust_forget(store, &w->err))
            return CLI_FAILED;
        buf_puts(w->out, "forgotten: the next root seen will be trusted\n");
        return CLI_DONE;
    }
    if (!sync_trust_pin(store, w->argument, fingerprint, &w->err))
        return CLI_FAILED;
    buf_printf(w->out, "pinned %s\n", fingerprint);
    return CLI_DONE;
}

/* Compile first: a generation that does not compile with this binary stays where it is. */
static int make_active(struct control_work *w, struct store *store, const struct store_generation *g)
{
    const struct sync_hooks *hooks = &w->options->hooks;
    void *program = NULL;

    if (hooks->accept && !hooks->accept(hooks->arg, g, &program, &w->err))
        return CLI_NO;
    if (!store_rollback(store, g->gen, &w->err)) {
        if (hooks->discard && program)
            hooks->discard(hooks->arg, program);
        return CLI_FAILED;
    }
    if (hooks->activate && program && !hooks->activate(hooks->arg, program, &w->err))
        return CLI_FAILED;
    buf_printf(w->out, "generation %lld is active and pinned: `holdfast rollback --release` lets sync go on\n", (long long)g->gen);
    return CLI_DONE;
}

static int rollback(struct control_work *w, struct store *store)
{
    struct store_generation g;
    struct arena a;
    int64_t gen;

    if (!store_find(store, slice_from(w->argument ? w->argument : "previous"), &gen, &w->err))
        return CLI_NO;
    arena_init_growing(&a, GENERATION_BYTES_MAX);
    int code = store_load(store, gen, &a, &g, &w->err) ? make_active(w, store, &g) : CLI_FAILED;
    arena_free(&a);
    return code;
}

static int release(struct control_work *w, struct store *store)
{
    if (!store_unpin(store, &w->err))
        return CLI_FAILED;
    buf_puts(w->out, "released: sync goes on\n");
    return CLI_DONE;
}

static const struct {
    const char *verb;
    int (*run)(struct control_work *w, struct store *store);
} verbs[] = {
    { "sync", sync_once }, { "import", import }, { "trust", trust }, { "rollback", rollback }, { "release", release },
};

bool control_work(struct control_work *w, struct store *store)
{
    w->err.text[0] = 0;
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(w->verb, verbs[i].verb) == 0) {
            w->exit_code = verbs[i].run(w, store);
            return true;
        }
    return false;
}
