/* sync, import, export, rollback, verify: the cache and its source. */
#include <signal.h>
#include <stdio.h>

#include "app/cli.h"
#include "app/control.h"
#include "app/sync_setup.h"
#include "platform/base/buf.h"
#include "platform/base/utf8.h"
#include "platform/http_client.h"
#include "platform/tls.h"
#include "store/store.h"
#include "sync/export.h"

/* Run the agent until a signal asks to end. */
static int sync_until_signal(struct cli *c, const char *cache)
{
    struct store_options options = { .dir = cache, .mode = STORE_OWNER };
    struct store_holder busy = { 0 };
    struct sync_setup setup;
    struct sync_agent *agent;
    struct store *store;
    struct err err;
    sigset_t ends;
    int signal;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    enum store_opened opened = store_open(&options, &store, &busy, &err);
    if (opened == STORE_BUSY)
        return cli_fail(CLI_FAILED, "sync: cache.path: %s: held by process %ld", cache, busy.pid);
    if (opened != STORE_OPENED)
        return cli_fail(CLI_FAILED, "sync: %s", err.text);
    int code = CLI_DONE;
    if (!sync_setup_fill(c, store, &setup, &err) || !sync_options_check(&setup.options, &err))
        code = cli_fail(CLI_USAGE, "%s", err.text);
    else if (!sync_agent_start(&setup.options, &agent, &err))
        code = cli_fail(CLI_FAILED, "sync: %s", err.text);
    else {
        sigwait(&ends, &signal);
        sync_agent_stop(agent);
    }
    store_close(store);
    return code;
}

int cmd_sync(struct cli *c)
{
    bool once = cli_flag(c, "--once");
    const char *cache;
    struct tls_trust *trust;
    struct err err;

    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    if (!sync_setup_tls(c, &err))
        return cli_fail(CLI_USAGE, "%s", err.text);
    if (!cli_cache_path(c, true, &cache, &err))
        return cli_fail(CLI_FAILED, "sync: %s", err.text);
    if (!tls_global_init(&err) || !sync_setup_trust(c, &trust, &err) || !http_client_start(trust, &err))
        return cli_fail(CLI_FAILED, "sync: %s", err.text);
    int code = once ? control_run(c, cache, &(struct control_command){ .verb = "sync" }) : sync_until_signal(c, cache);
    http_client_stop();
    tls_trust_free(trust);
    return code;
}

/* ---- import, export, rollback ---- */

int cmd_import(struct cli *c)
{
    struct control_command command = { .verb = "import", .is_path = true, .dry_run = cli_flag(c, "--dry-run") };
    const char *cache;
    struct err err;

    if (!cli_check_args(c, 1, 1))
        return CLI_USAGE;
    bool usable = cli_cache_path(c, !command.dry_run, &cache, &err) || command.dry_run; /* none yet is fine for a dry run */
    if (!usable || !tls_global_init(&err))
        return cli_fail(CLI_FAILED, "import: %s", err.text);
    command.argument = c->args[0];
    return control_run(c, cache, &command);
}

static void print_exported(const struct cli *c, const struct sync_exported *e)
{
    if (c->json)
        printf("{\"result\":\"%s\",\"seq\":%lld,\"entities\":%llu,\"bytes\":%llu,\"files\":%u}\n", e->unchanged ? "unchanged" : "exported",
               (long long)e->seq, (unsigned long long)e->entities, (unsigned long long)e->bytes, e->files);
    else if (!c->quiet)
        printf("%s publish %lld: %llu entities, %llu bytes in %u files\n", e->unchanged ? "unchanged" : "exported", (long long)e->seq,
               (unsigned long long)e->entities, (unsigned long long)e->bytes, e->files);
}

int cmd_export(struct cli *c)
{
    struct store_options options = { .mode = STORE_READER };
    struct sync_exported exported;
    struct store *store;
    struct err err;

    if (!cli_check_args(c, 1, 1))
        return CLI_USAGE;
    if (!cli_cache_path(c, false, &options.dir, &err) || !tls_global_init(&err) ||
        store_open(&options, &store, NULL, &err) != STORE_OPENED)
        return cli_fail(CLI_FAILED, "export: %s", err.text);
    bool ok = sync_export(store, c->args[0], &exported, &err);
    store_close(store);
    if (!ok)
        return cli_fail(CLI_FAILED, "export: %s", err.text);
    print_exported(c, &exported);
    return CLI_DONE;
}

int cmd_rollback(struct cli *c)
{
    bool release = cli_flag(c, "--release");
    const char *cache;
    struct err err;

    if (!cli_check_args(c, 0, release ? 0 : 1))
        return CLI_USAGE;
    const char *gen = c->n_args ? c->args[0] : NULL;
    if (!tls_global_init(&err) || !cli_cache_path(c, false, &cache, &err))
        return cli_fail(CLI_FAILED, "rollback: %s", err.text);
    return control_run(c, cache, &(struct control_command){ .verb = release ? "release" : "rollback", .argument = gen });
}

/* ---- verify ---- */

struct verify_report {
    struct cli *cli;
    unsigned faults, good;
    struct buf fault_list, good_list; /* of JSON */
};

/* What stands in a damaged file may be in a message: one line of text whatever it is. */
static void print_clean(struct slice text)
{
    while (text.n) {
        size_t n = utf8_valid_length(text);
        bool shown = n > 1 || (n == 1 && (unsigned char)text.p[0] >= ' ' && text.p[0] != 0x7f);
        if (shown)
            fwrite(text.p, 1, n, stdout);
        else
            putchar('?');
        text = slice_skip(text, n ? n : 1);
    }
    putchar('\n');
}

static void take_fault(void *arg, const char *what)
{
    struct verify_report *r = arg;

    if (r->cli->json) {
        buf_puts(&r->fault_list, r->faults ? "," : "");
        buf_put_json(&r->fault_list, slice_from(what));
    } else {
        print_clean(slice_from(what));
    }
    r->faults++;
}

static void take_good(void *arg, int64_t gen)
{
    struct verify_report *r = arg;

    if (r->cli->json)
        buf_printf(&r->good_list, "%s%lld", r->good ? "," : "", (long long)gen);
    else
        printf("ok generation %lld\n", (long long)gen);
    r->good++;
}

/* False: err, it could not be checked. */
static bool verify(const char *cache, struct verify_report *report, struct err *err)
{
    struct store_options options = { .dir = cache, .mode = STORE_READER };
    struct store_check check = { take_fault, take_good, report };
    struct store *store;

    if (store_open(&options, &store, NULL, err) != STORE_OPENED) {
        struct slice why = slice_from(err->text);
        /* A database that is none is a finding. */
        if (slice_find(why, SLICE("not a database")) < 0 && slice_find(why, SLICE("malformed")) < 0)
            return false;
        take_fault(report, err->text);
        return true;
    }
    bool ok = store_verify(store, &check, err);
    store_close(store);
    return ok;
}

int cmd_verify(struct cli *c)
{
    struct verify_report report = { .cli = c };
    const char *cache;
    struct err err;

    (void)cli_flag(c, "--deep"); /* every check is deep */
    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    buf_init(&report.fault_list, &c->arena);
    buf_init(&report.good_list, &c->arena);
    if (!cli_cache_path(c, false, &cache, &err) || !tls_global_init(&err) || !verify(cache, &report, &err))
        return cli_fail(CLI_FAILED, "verify: %s", err.text);
    if (c->json)
        printf("{\"ok\":%s,\"generations\":[%.*s],\"faults\":[%.*s]}\n", report.faults ? "false" : "true",
               SLICE_ARG(buf_slice(&report.good_list)), SLICE_ARG(buf_slice(&report.fault_list)));
    return report.faults ? CLI_NO : CLI_DONE;
}
