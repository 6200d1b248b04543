/* check: compile policy files or an artifact directory, and print every problem as file:line:col. */
#include <stdio.h>
#include <string.h>

#include "app/artifact/artifact.h"
#include "app/cli.h"
#include "app/program.h"
#include "platform/base/buf.h"
#include "platform/file.h"
#include "platform/tls.h"
#include "policy/check.h"

#define POLICY_FILE_MAX (16u << 20)

#define OVERRIDES_MAX 64

struct tally {
    struct cli *cli;
    unsigned errors, warnings;
    const char *dir; /* of artifacts: their files are named from there */
    const char *overrides[OVERRIDES_MAX];
    size_t n_overrides;
    struct buf json; /* with --json: the problems so far */
};

static void emit(struct tally *t, const char *file, unsigned line, unsigned column, bool error, struct slice message)
{
    const char *severity = error ? "error" : "warning";

    *(error ? &t->errors : &t->warnings) += 1;
    if (!t->cli->json) {
        printf("%s:%u:%u: %s: %.*s\n", file, line, column, severity, SLICE_ARG(message));
        return;
    }
    buf_puts(&t->json, t->json.n ? ",{\"id\":" : "{\"id\":");
    buf_put_json(&t->json, arena_printf(&t->cli->arena, "%s:%u:%u", file, line, column));
    buf_puts(&t->json, ",\"file\":");
    buf_put_json(&t->json, slice_from(file));
    buf_printf(&t->json, ",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"message\":", line, column, severity);
    buf_put_json(&t->json, message);
    buf_putc(&t->json, '}');
}

static void print_diagnostic(void *arg, const struct policy_diagnostic *d)
{
    struct tally *t = arg;
    const char *file = t->dir ? file_join(&t->cli->arena, t->dir, slice_from(d->file)) : d->file;

    emit(t, file ? file : d->file, d->line, d->column, d->severity == POLICY_ERROR, d->message);
}

static void print_warning(void *arg, const char *text)
{
    struct tally *t = arg;

    emit(t, t->dir, 0, 0, false, slice_from(text));
}

/* A problem of a file is shown there, one of an entity at the directory. */
static void print_problem(struct tally *t, const struct artifact_problem *x)
{
    bool error = x->severity == ARTIFACT_ERROR;
    char *inside = file_join(&t->cli->arena, t->dir, x->what), *whole = arena_cstr(&t->cli->arena, x->what);
    const char *file = inside && file_exists(inside) ? inside : whole && file_exists(whole) ? whole : NULL;

    if (file)
        emit(t, file, x->line, x->column, error, x->why);
    else
        emit(t, t->dir, 0, 0, error, arena_printf(&t->cli->arena, "%.*s: %.*s", SLICE_ARG(x->what), SLICE_ARG(x->why)));
}

static bool check_file(struct cli *c, const char *path, struct tally *t)
{
    struct arena a;
    struct slice text;
    struct err err;

    arena_init_growing(&a, CLI_ARENA_BYTES);
    bool ok = file_read(&a, path, POLICY_FILE_MAX, &text, &err);
    if (ok) {
        const struct policy_diagnostics *found = policy_check(&a, text, path);
        for (size_t i = 0; found && i < found->n; i++)
            print_diagnostic(t, &found->v[i]);
    } else {
        cli_fail(CLI_FAILED, "check: %s", err.text);
    }
    arena_free(&a);
    return ok;
}

static const char *without_end_slashes(struct cli *c, const char *dir)
{
    struct slice text = slice_from(dir);

    while (text.n > 1 && text.p[text.n - 1] == '/')
        text.n--;
    const char *trimmed = arena_cstr(&c->arena, text);
    return trimmed ? trimmed : dir;
}

static void check_artifacts(struct cli *c, const char *dir, struct tally *t)
{
    struct artifact_options options = { .dir = dir, .overrides = t->overrides, .n_overrides = t->n_overrides,
                                        .allow_plain_secrets = true, .salt = SLICE("check") };
    struct artifacts found;
    struct program_report report = { print_diagnostic, print_warning, t };
    struct program *program;
    struct err err;

    t->dir = without_end_slashes(c, dir);
    (void)artifact_load(&c->arena, &options, &found);
    for (const struct artifact_problem *x = found.problems; x; x = x->next)
        print_problem(t, x);
    struct slice *lines = arena_array(&c->arena, struct slice, found.n);
    for (size_t i = 0; lines && i < found.n; i++)
        lines[i] = found.entities[i].line;
    struct program_input input = { .lines = lines, .n = lines ? found.n : 0 };
    if (program_build(&input, &report, &program, &err)) {
        program_free(program);
    } else if (!t->errors) {
        emit(t, dir, 0, 0, true, slice_from(err.text));
    }
    t->dir = NULL;
}

int cmd_check(struct cli *c)
{
    bool artifacts = cli_flag(c, "--artifacts"), strict = cli_flag(c, "--strict"), readable = true;
    struct tally t = { .cli = c };
    struct err err;

    t.n_overrides = cli_values(c, "--overrides", t.overrides, OVERRIDES_MAX);
    if (!cli_check_args(c, 1, 1 << 20))
        return CLI_USAGE;
    if (!tls_global_init(&err))
        return cli_fail(CLI_FAILED, "check: %s", err.text);
    buf_init(&t.json, &c->arena);
    for (int i = 0; i < c->n_args; i++) {
        if (artifacts || file_is_dir(c->args[i]))
            check_artifacts(c, c->args[i], &t);
        else
            readable &= check_file(c, c->args[i], &t);
    }
    if (c->json)
        printf("[%.*s]\n", SLICE_ARG(buf_slice(&t.json)));
    if (!readable)
        return CLI_FAILED;
    return t.errors || (strict && t.warnings) ? CLI_NO : CLI_DONE;
}
