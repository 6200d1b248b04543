/* publish: an artifact directory becomes the next signed generation of a repository. */
#include <stdio.h>
#include <string.h>

#include "app/artifact/artifact.h"
#include "app/cli.h"
#include "app/program.h"
#include "platform/base/buf.h"
#include "platform/file.h"
#include "platform/tls.h"
#include "store/manifest.h"
#include "sync/publish.h"

#define OVERRIDES_MAX 64
#define KEYS_MAX 8
#define KEY_FILE_MAX 65536u

struct publishing {
    struct cli *cli;
    struct artifacts artifacts;
    struct artifact_options from;
    struct sync_publish_options to;
    const char *overrides[OVERRIDES_MAX], *keys[KEYS_MAX], *spares[KEYS_MAX];
    const char *expires, *recipient;
    bool strict;
    unsigned warnings;
};

/* ---- options ---- */

static void take_options(struct publishing *p)
{
    struct cli *c = p->cli;

    p->expires = cli_value(c, "--expires");
    p->recipient = cli_value(c, "--recipient");
    p->from.n_overrides = cli_values(c, "--overrides", p->overrides, OVERRIDES_MAX);
    p->to.n_keys = cli_values(c, "--key", p->keys, KEYS_MAX);
    p->to.n_spares = cli_values(c, "--spare", p->spares, KEYS_MAX);
    p->from.overrides = p->overrides;
    p->to.keys = p->keys;
    p->to.spares = p->spares;
    p->to.repo = cli_value(c, "--repo");
    p->to.channel = cli_value(c, "--channel");
    p->to.force = cli_flag(c, "--force");
    p->to.dry_run = cli_flag(c, "--dry-run");
    p->strict = cli_flag(c, "--strict");
    p->from.gateway = cli_value(c, "--gateway");
    p->from.allow_plain_secrets = cli_flag(c, "--allow-plain-secrets");
}

static bool check_options(struct publishing *p, struct err *err)
{
    const char *expires = p->expires, *channel = p->to.channel;

    if (p->recipient)
        return err_set(err, "--recipient: sealing secrets is not built yet: --allow-plain-secrets publishes them readable");
    if (expires && (!settings_parse_duration(slice_from(expires), &p->to.expires_ms) || !p->to.expires_ms))
        return err_set(err, "--expires: \"%s\": give a duration, like 30d or P30D", expires);
    if (channel && !channel_is_valid(slice_from(channel)))
        return err_set(err, "--channel: \"%s\": only letters, digits, '-', '_' and '.' are possible", channel);
    if (!p->to.repo || !p->to.n_keys)
        return err_set(err, "%s is missing", p->to.repo ? "--key FILE (make one with `holdfast keygen --out FILE`)" : "--repo DIR");
    return true;
}

/* ---- problems ---- */

static void print_problems(struct publishing *p)
{
    for (const struct artifact_problem *x = p->artifacts.problems; x; x = x->next) {
        const char *word = x->severity == ARTIFACT_ERROR ? "" : x->severity == ARTIFACT_SKIP ? "skipped: " : "warning: ";
        if (x->severity == ARTIFACT_WARNING)
            p->warnings++;
        if (x->severity == ARTIFACT_ERROR || !p->cli->quiet)
            fprintf(stderr, "holdfast: publish: %s%.*s: %.*s\n", word, SLICE_ARG(artifact_place(&p->cli->arena, x)),
                    SLICE_ARG(x->why));
    }
}

static void take_diagnostic(void *arg, const struct policy_diagnostic *d)
{
    struct publishing *p = arg;
    struct slice file = arena_copy(&p->cli->arena, slice_from(d->file));

    artifact_report_at(&p->artifacts, d->severity == POLICY_ERROR ? ARTIFACT_ERROR : ARTIFACT_WARNING, file, d->line, d->column, "%.*s",
                       SLICE_ARG(d->message));
}

static void take_warning(void *arg, const char *text)
{
    struct publishing *p = arg;

    artifact_report(&p->artifacts, ARTIFACT_WARNING, SLICE("configuration"), "%s", text);
}

/* Compile what a gateway would compile, for all gateways at once. */
static bool check_entities(struct publishing *p)
{
    struct slice *lines = arena_array(&p->cli->arena, struct slice, p->artifacts.n);
    struct program_report report = { take_diagnostic, take_warning, p };
    struct program_input input = { .lines = lines, .n = p->artifacts.n };
    struct program *program;
    struct err err;
    unsigned errors = p->artifacts.errors;

    for (size_t i = 0; lines && i < p->artifacts.n; i++)
        lines[i] = p->artifacts.entities[i].line;
    if (lines && program_build(&input, &report, &program, &err)) {
        program_free(program);
        return true;
    }
    if (p->artifacts.errors == errors) /* not a policy: those were reported one by one */
        artifact_report(&p->artifacts, ARTIFACT_ERROR, SLICE("configuration"), "%s", lines ? err.text : "out of memory");
    return false;
}

/* ---- result ---- */

static void print_json(struct publishing *p, const struct sync_published *done)
{
    struct buf b;
    bool first = true;

    buf_init(&b, &p->cli->arena);
    buf_printf(&b, "{\"result\":\"%s\",\"seq\":%lld,\"entities\":%llu,\"bytes\":%llu,\"skipped\":[",
               done->unchanged ? "unchanged" : "published", (long long)done->seq, (unsigned long long)done->entities,
               (unsigned long long)done->bytes);
    for (const struct artifact_problem *x = p->artifacts.problems; x; x = x->next) {
        if (x->severity != ARTIFACT_SKIP)
            continue;
        buf_puts(&b, first ? "{\"what\":" : ",{\"what\":");
        buf_put_json(&b, x->what);
        buf_puts(&b, ",\"why\":");
        buf_put_json(&b, x->why);
        buf_putc(&b, '}');
        first = false;
    }
    buf_puts(&b, "],\"warnings\":[");
    first = true;
    for (const struct artifact_problem *x = p->artifacts.problems; x; x = x->next) {
        if (x->severity != ARTIFACT_WARNING)
            continue;
        if (!first)
            buf_putc(&b, ',');
        buf_put_json(&b, arena_printf(&p->cli->arena, "%.*s: %.*s", SLICE_ARG(artifact_place(&p->cli->arena, x)),
                                      SLICE_ARG(x->why)));
        first = false;
    }
    buf_puts(&b, "]}\n");
    fputs(buf_slice(&b).p, stdout);
}

static void print_result(struct publishing *p, const struct sync_published *done)
{
    if (p->cli->json) {
        print_json(p, done);
        return;
    }
    if (p->cli->quiet)
        return;
    if (done->unchanged)
        printf("unchanged: generation %lld has this content already\n", (long long)done->seq);
    else
        printf("%s generation %lld: %llu entities, %llu bytes, signed by %s\n", p->to.dry_run ? "would publish" : "published",
               (long long)done->seq, (unsigned long long)done->entities, (unsigned long long)done->bytes, done->fingerprint);
}

/* False: nothing is to be published, *code says how this ends. */
static bool load(struct publishing *p, int *code, struct err *err)
{
    struct slice key;

    *code = CLI_FAILED;
    if (!file_read(&p->cli->arena, p->keys[0], KEY_FILE_MAX, &key, err))
        return err_wrap(err, "--key");
    p->from.salt = key;
    bool ok = artifact_load(&p->cli->arena, &p->from, &p->artifacts) && check_entities(p);
    print_problems(p);
    if (!p->artifacts.unreadable)
        *code = CLI_NO;
    if (!ok)
        return err_set(err, "%u error%s: nothing was published", p->artifacts.errors, p->artifacts.errors == 1 ? "" : "s");
    if (p->strict && p->artifacts.skips)
        return err_set(err, "--strict: %u skipped: nothing was published", p->artifacts.skips);
    return true;
}

int cmd_publish(struct cli *c)
{
    struct publishing p = { .cli = c };
    struct sync_published done;
    struct err err;
    int code;

    take_options(&p);
    if (!cli_check_args(c, 1, 1))
        return CLI_USAGE;
    if (!check_options(&p, &err))
        return cli_fail(CLI_USAGE, "publish: %s", err.text);
    p.from.dir = c->args[0];
    if (!tls_global_init(&err))
        return cli_fail(CLI_FAILED, "publish: %s", err.text);
    if (!load(&p, &code, &err))
        return cli_fail(code, "publish: %s", err.text);
    struct sync_entity *entities = arena_array(&c->arena, struct sync_entity, p.artifacts.n);
    if (!entities)
        return cli_fail(CLI_FAILED, "publish: out of memory");
    for (size_t i = 0; i < p.artifacts.n; i++)
        entities[i] = (struct sync_entity){ p.artifacts.entities[i].kind, p.artifacts.entities[i].id, p.artifacts.entities[i].line };
    if (!sync_publish(&p.to, entities, p.artifacts.n, &done, &err))
        return cli_fail(done.refused ? CLI_NO : CLI_FAILED, "publish: %s", err.text);
    print_result(&p, &done);
    return CLI_DONE;
}
