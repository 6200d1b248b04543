/* Nanoseconds per evaluation of expressions of real policies, over a request made of constants.
 * Output: name TAB nanoseconds, one line an expression. The same work is in bench.js and bench.lua. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "platform/base/hash.h"
#include "policy/expr/expr.h"
#include "policy/expr/host.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define RUN_NS      UINT64_C(200000000) /* time given to each expression */

static char json[4096];

static const struct {
    const char *name, *source;
} cases[] = {
    { "header-compare", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\") == \"contoso\")" },
    { "header-icase", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\").Equals(\"CONTOSO\", StringComparison.OrdinalIgnoreCase))" },
    { "method-and-header", "@(context.Request.Method == \"POST\" && context.Request.Headers.ContainsKey(\"X-Tenant\"))" },
    { "interpolation", "@($\"https://{context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\")}.example/v{2}/items\")" },
    { "split-last", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").Split(' ').Last())" },
    { "json-parse-pick", "@((string)context.Request.Body.As<JObject>(true)[\"order\"][\"id\"])" },
    { "json-build", "@(new JObject(new JProperty(\"code\", 429), new JProperty(\"message\", \"slow down\")).ToString(Formatting.None))" },
    { "jwt-claim", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").AsJwt()?.Subject)" },
    { "regex-match", "@(Regex.Match(\"public, max-age=120\", \"max-age=(?<s>[0-9]+)\").Groups[\"s\"].Value)" },
    { "linq-50", "@(Enumerable.Range(1, 50).Where(x => x % 3 == 0).Select(x => x * 2).Sum())" },
    { "loop-100", "@{ int s = 0; for (int i = 0; i < 100; i++) { if (i % 7 == 0) continue; s += i; } return s; }" },
    { "cookie-pick", "@(\"a=1; session=abc; b=2\".Split(';').Select(c => c.Trim()).FirstOrDefault(c => c.StartsWith(\"session=\")))" },
};

static bool header(const struct expr_message *m, struct slice name, uint32_t hash, size_t nth, struct slice *value)
{
    (void)m;
    (void)hash;
    if (nth)
        return false;
    if (slice_eq_icase(name, SLICE("X-Tenant")))
        *value = SLICE("contoso");
    else if (slice_eq_icase(name, SLICE("Authorization")))
        *value = SLICE("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln");
    else
        return false;
    return true;
}

static bool has_body(const struct expr_message *m)
{
    (void)m;
    return true;
}

static enum expr_body_state body(const struct expr_message *m, bool preserve, struct arena *a, struct slice *out, struct slice *error)
{
    (void)m, (void)preserve, (void)a, (void)error;
    *out = slice_from(json);
    return EXPR_BODY_OK;
}

static struct slice method(const struct expr_message *m)
{
    (void)m;
    return SLICE("POST");
}

static const struct expr_message_ops ops = { .header = header, .has_body = has_body, .body = body, .method = method };
static const struct expr_message message = { &ops };

static const struct expr_message *request(void *data)
{
    (void)data;
    return &message;
}

static const struct expr_host host = { .request = request };

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure(const char *name, const char *source)
{
    struct arena program, work;
    struct expr_run run = { .arena = &work, .host = &host };
    struct expr_error err = { 0 };
    struct expr_exception exc = { 0 };
    struct expr_value out;
    const struct expr *e;
    uint64_t start, rounds = 0;

    arena_init_growing(&program, ARENA_BYTES);
    arena_init_growing(&work, ARENA_BYTES);
    e = expr_compile(&program, slice_from(source), NULL, &err);
    if (!e) {
        fprintf(stderr, "%s: %s\n", name, err.message);
        return;
    }
    start = now();
    while (now() - start < RUN_NS)
        for (int i = 0; i < 100; i++, rounds++) {
            struct arena_mark mark = arena_mark(&work);

            if (!expr_eval(e, &run, &out, &exc)) {
                fprintf(stderr, "%s: %.*s: %.*s\n", name, SLICE_ARG(exc.type), SLICE_ARG(exc.message));
                return;
            }
            arena_reset(&work, mark);
        }
    printf("%s\t%.0f\n", name, (double)(now() - start) / (double)rounds);
    arena_free(&work);
    arena_free(&program);
}

int main(void)
{
    size_t n = (size_t)snprintf(json, sizeof json, "{\"order\":{\"id\":\"o-77\",\"total\":12.5},\"items\":[");

    for (int i = 0; i < 36; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s{\"sku\":\"item-%03d\",\"count\":%d,\"price\":%d.5}", i ? "," : "", i, i, i);
    snprintf(json + n, sizeof json - n, "]}");
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        measure(cases[i].name, cases[i].source);
    return 0;
}
