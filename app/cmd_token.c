/* token: gateway tokens, `GatewayKey ID&EXPIRY&SIGNATURE`: EXPIRY is yyyyMMddHHmm in UTC, SIGNATURE the base64 of HMAC-SHA-512 over
 * "ID\nEXPIRY" under a secret that `keygen --use token` made. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/cli.h"
#include "platform/base/buf.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/file.h"
#include "platform/tls.h"

#define TOKEN_MAX 4096u
#define TOKEN_SECRET_BYTES 64u
#define TOKEN_SECRET_LEAST 16u
#define TOKEN_SIGNATURE_BYTES 64u
#define GATEWAY_ID_MAX 256u

/* The secret in a key file: base64 on one line. */
static bool read_secret(struct cli *c, const char *path, struct slice *secret, struct err *err)
{
    struct slice text;

    if (!file_read(&c->arena, path, TOKEN_MAX, &text, err))
        return err_wrap(err, "--key");
    *secret = crypto_base64_decode(&c->arena, slice_trim(text));
    return secret->n >= TOKEN_SECRET_LEAST || err_set(err, "--key: %s: no token key: make one with `holdfast keygen --use token`", path);
}

static void sign(struct slice secret, struct slice id, struct slice expiry, struct arena *a, uint8_t out[TOKEN_SIGNATURE_BYTES])
{
    struct slice text = arena_printf(a, "%.*s\n%.*s", SLICE_ARG(id), SLICE_ARG(expiry));

    crypto_hmac(CRYPTO_SHA512, secret, text, out);
}

/* A duration from now, or RFC 3339 as far as minutes matter: 2026-12-31T23:59[:59]Z. */
static bool parse_expiry(const char *text, time_t *out)
{
    struct tm tm = { 0 };
    uint64_t ms;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M", &tm);

    if (end) {
        int seconds;
        if (sscanf(end, ":%2d", &seconds) == 1)
            end += 3;
        *out = timegm(&tm);
        return strcmp(end, "Z") == 0 || !*end;
    }
    if (!settings_parse_duration(slice_from(text), &ms) || !ms)
        return false;
    *out = (time_t)((clock_wall_ns() / NS_PER_MS + ms) / 1000);
    return true;
}

/* {"MEMBER":…,"gateway":ID,"expires":EXPIRY as RFC 3339} */
static void print_token_json(struct cli *c, const char *member, const char *value, struct slice gateway, struct slice expiry)
{
    struct buf b;
    const char *p = expiry.p;

    buf_init(&b, &c->arena);
    buf_printf(&b, "{\"%s\":%s,\"gateway\":", member, value);
    buf_put_json(&b, gateway);
    buf_printf(&b, ",\"expires\":\"%.4s-%.2s-%.2sT%.2s:%.2s:00Z\"}\n", p, p + 4, p + 6, p + 8, p + 10);
    fputs(buf_slice(&b).p, stdout);
}

static int token_create(struct cli *c, const char *gateway, const char *key, const char *expiry_text)
{
    uint8_t signature[TOKEN_SIGNATURE_BYTES];
    char expiry[16];
    struct slice secret;
    struct err err;
    struct tm tm;
    time_t when;

    if (!gateway || !key || !expiry_text)
        return cli_fail(CLI_USAGE, "token create: give --gateway ID, --key FILE and --expiry RFC3339|DURATION");
    if (!*gateway || strlen(gateway) > GATEWAY_ID_MAX || strpbrk(gateway, "& \r\n"))
        return cli_fail(CLI_USAGE, "token create: --gateway: \"%s\": 1 to %u characters without & and spaces", gateway, GATEWAY_ID_MAX);
    if (!parse_expiry(expiry_text, &when))
        return cli_fail(CLI_USAGE, "token create: --expiry: \"%s\": give 2026-12-31T23:59:00Z or a duration like 30d", expiry_text);
    if (!read_secret(c, key, &secret, &err))
        return cli_fail(CLI_FAILED, "token create: %s", err.text);
    gmtime_r(&when, &tm);
    strftime(expiry, sizeof expiry, "%Y%m%d%H%M", &tm);
    sign(secret, slice_from(gateway), slice_from(expiry), &c->arena, signature);
    struct slice token = arena_printf(&c->arena, "GatewayKey %s&%s&%.*s", gateway, expiry,
                                      SLICE_ARG(crypto_base64(&c->arena, slice_of(signature, sizeof signature))));
    if (c->json) {
        struct buf quoted;
        buf_init(&quoted, &c->arena);
        buf_put_json(&quoted, token);
        print_token_json(c, "token", buf_slice(&quoted).p, slice_from(gateway), slice_from(expiry));
    } else {
        printf("%.*s\n", SLICE_ARG(token));
    }
    return CLI_DONE;
}

static bool read_token(struct cli *c, const char *from, struct slice *token, struct err *err)
{
    char *line = arena_alloc(&c->arena, TOKEN_MAX);

    if (strcmp(from, "-") != 0 && from[0] != '@') {
        *token = slice_from(from);
        return true;
    }
    if (from[0] == '@')
        return file_read(&c->arena, from + 1, TOKEN_MAX, token, err);
    size_t n = line ? fread(line, 1, TOKEN_MAX - 1, stdin) : 0;
    *token = slice_of(line, n);
    return true;
}

static int token_verify(struct cli *c, const char *from, const char *key)
{
    uint8_t signature[TOKEN_SIGNATURE_BYTES];
    struct slice token, id, expiry, secret, given;
    struct err err;
    char now[16];
    struct tm tm;
    time_t seconds = (time_t)(clock_wall_ns() / NS_PER_S);

    if (!key)
        return cli_fail(CLI_USAGE, "token verify: give --key FILE");
    if (!read_secret(c, key, &secret, &err) || !read_token(c, from, &token, &err))
        return cli_fail(CLI_FAILED, "token verify: %s", err.text);
    token = slice_trim(token);
    if (slice_starts_icase(token, SLICE("GatewayKey ")))
        token = slice_trim(slice_skip(token, sizeof "GatewayKey " - 1));
    if (!slice_cut(&token, '&', &id) || !slice_cut(&token, '&', &expiry) || !id.n || expiry.n != 12)
        return cli_fail(CLI_NO, "token verify: not of the form GatewayKey ID&EXPIRY&SIGNATURE");
    given = crypto_base64_decode(&c->arena, token);
    sign(secret, id, expiry, &c->arena, signature);
    if (given.n != sizeof signature || !crypto_equal(given.p, signature, sizeof signature))
        return cli_fail(CLI_NO, "token verify: the signature is not of this key");
    gmtime_r(&seconds, &tm);
    strftime(now, sizeof now, "%Y%m%d%H%M", &tm);
    if (slice_cmp(expiry, slice_from(now)) < 0)
        return cli_fail(CLI_NO, "token verify: expired at %.*s (yyyyMMddHHmm, UTC)", SLICE_ARG(expiry));
    if (c->json)
        print_token_json(c, "ok", "true", id, expiry);
    else
        printf("ok %.*s until %.*s\n", SLICE_ARG(id), SLICE_ARG(expiry));
    return CLI_DONE;
}

int token_keygen(struct cli *c, const char *path)
{
    uint8_t secret[TOKEN_SECRET_BYTES], digest[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES];
    struct err err;

    crypto_random(secret, sizeof secret);
    struct slice text = crypto_base64(&c->arena, slice_of(secret, sizeof secret));
    if (!file_write_new(path, arena_printf(&c->arena, "%.*s\n", SLICE_ARG(text)), 0600, &err))
        return cli_fail(CLI_FAILED, "keygen: %s", err.text);
    crypto_sha256(slice_of(secret, sizeof secret), digest);
    crypto_hex(digest, sizeof digest, hex);
    printf(c->json ? "{\"key\":\"%s\",\"fingerprint\":\"sha256:%.*s\"}\n" : "%.0ssha256:%.*s\n", path, (int)sizeof hex, hex);
    return CLI_DONE;
}

int cmd_token(struct cli *c)
{
    const char *gateway = cli_value(c, "--gateway"), *key = cli_value(c, "--key"), *expiry = cli_value(c, "--expiry");
    struct err err;

    if (c->n_args && strcmp(c->args[0], "trace") == 0)
        return cli_fail(CLI_USAGE, "token trace: this command is not built yet");
    if (!cli_check_args(c, 1, 2))
        return CLI_USAGE;
    if (!tls_global_init(&err))
        return cli_fail(CLI_FAILED, "token: %s", err.text);
    if (strcmp(c->args[0], "create") == 0 && c->n_args == 1)
        return token_create(c, gateway, key, expiry);
    if (strcmp(c->args[0], "verify") == 0 && c->n_args == 2)
        return token_verify(c, c->args[1], key);
    return cli_fail(CLI_USAGE, "token: give create, or verify TOKEN|-|@FILE: see `holdfast help token`");
}
