/* keygen and trust: signing keys, and the root that a cache trusts. */
#include <stdio.h>
#include <string.h>

#include "app/cli.h"
#include "app/control.h"
#include "platform/base/buf.h"
#include "store/store.h"
#include "sync/keys.h"
#include "sync/trust.h"

int cmd_keygen(struct cli *c)
{
    const char *out = cli_value(c, "--out"), *use = cli_value(c, "--use");
    char fingerprint[SYNC_FINGERPRINT_MAX];
    struct err err;

    if (!cli_check_args(c, 0, 0))
        return CLI_USAGE;
    if (!out)
        return cli_fail(CLI_USAGE, "keygen: --out FILE is missing");
    if (use && strcmp(use, "token") == 0)
        return token_keygen(c, out);
    if (use && strcmp(use, "sign") != 0)
        return cli_fail(CLI_USAGE, "keygen: --use: %s: give sign or token", use);
    if (!sync_keygen(out, fingerprint, &err))
        return cli_fail(CLI_FAILED, "keygen: %s", err.text);
    if (c->json)
        printf("{\"key\":\"%s\",\"public\":\"%s.pub\",\"fingerprint\":\"%s\"}\n", out, out, fingerprint);
    else
        printf("%s\n", fingerprint);
    return CLI_DONE;
}

/* ---- trust ---- */

static void print_roles(const struct sync_trust_key *k)
{
    printf("%s\t%s\t%s%s%s\n", k->fingerprint, k->alg, k->root ? "root " : "", k->config ? "config " : "", k->fresh ? "fresh" : "");
}

static void print_trust(const struct sync_trust *t)
{
    if (!t->version)
        puts("no root is trusted yet: the first one seen over https or from a file will be");
    else
        printf("root version %lld, highest publish seen %lld\n", (long long)t->version, (long long)t->max_seq);
    if (t->pinned[0])
        printf("pinned, not seen yet: %s\n", t->pinned);
    for (size_t i = 0; i < t->n_keys; i++)
        print_roles(&t->keys[i]);
}

static void trust_json(const struct sync_trust *t, struct buf *b)
{
    buf_printf(b, "{\"version\":%lld,\"maxSeq\":%lld,\"pinned\":\"%s\",\"keys\":[", (long long)t->version, (long long)t->max_seq,
               t->pinned);
    for (size_t i = 0; i < t->n_keys; i++)
        buf_printf(b, "%s{\"id\":\"%s\",\"alg\":\"%s\",\"root\":%s,\"config\":%s,\"fresh\":%s}", i ? "," : "", t->keys[i].fingerprint,
                   t->keys[i].alg, t->keys[i].root ? "true" : "false", t->keys[i].config ? "true" : "false",
                   t->keys[i].fresh ? "true" : "false");
    buf_puts(b, "]}\n");
}

static int trust_show(struct cli *c, const char *cache)
{
    struct store_options options = { .dir = cache, .mode = STORE_READER };
    struct store *store;
    struct sync_trust trust;
    struct err err;

    if (store_open(&options, &store, NULL, &err) != STORE_OPENED)
        return cli_fail(CLI_FAILED, "trust: %s", err.text);
    bool ok = sync_trust_show(store, &c->arena, &trust, &err);
    store_close(store);
    if (!ok)
        return cli_fail(CLI_FAILED, "trust: %s", err.text);
    if (!c->json) {
        print_trust(&trust);
        return CLI_DONE;
    }
    struct buf b;
    buf_init(&b, &c->arena);
    trust_json(&trust, &b);
    fputs(buf_slice(&b).p, stdout);
    return CLI_DONE;
}

int cmd_trust(struct cli *c)
{
    const char *cache, *file = NULL;
    struct err err;

    if (!cli_check_args(c, 0, 2))
        return CLI_USAGE;
    const char *verb = c->n_args ? c->args[0] : "show";
    bool known = strcmp(verb, "pin") == 0 ? c->n_args == 2 : c->n_args <= 1 && (strcmp(verb, "show") == 0 || strcmp(verb, "forget") == 0);
    if (!known)
        return cli_fail(CLI_USAGE, "trust: give show, pin FILE.pub or forget");
    if (!cli_cache_path(c, strcmp(verb, "pin") == 0, &cache, &err))
        return cli_fail(CLI_FAILED, "trust: %s", err.text);
    if (strcmp(verb, "show") == 0)
        return trust_show(c, cache);
    if (strcmp(verb, "pin") == 0)
        file = c->args[1];
    return control_run(c, cache, &(struct control_command){ .verb = "trust", .argument = file, .is_path = true });
}
