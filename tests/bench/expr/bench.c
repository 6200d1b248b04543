/* Nanoseconds of CPU time per evaluation of expressions of real policies, over a request made of constants. Each result is
 * compared, and no evaluation may call malloc.
 * Output: name TAB nanoseconds, one line an expression. The same work is in bench.js and bench.lua. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "platform/base/hash.h"
#include "policy/expr/expr.h"
#include "policy/expr/host.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define MEMORY      ((size_t)1 << 20)
#define ROUNDS      100
#define RUN_NS      UINT64_C(200000000) /* time given to each expression */

static char json[4096], memory[MEMORY];

static const struct {
    const char *name, *source, *want;
} cases[] = {
    { "header-compare", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\") == \"contoso\")",
      "true" },
    { "header-icase", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\").Equals(\"CONTOSO\", StringComparison.OrdinalIgnoreCase))",
      "true" },
    { "method-and-header", "@(context.Request.Method == \"POST\" && context.Request.Headers.ContainsKey(\"X-Tenant\"))",
      "true" },
    { "interpolation", "@($\"https://{context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\")}.example/v{2}/items\")",
      "https://contoso.example/v2/items" },
    { "split-last", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").Split(' ').Last())",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln" },
    { "json-parse-pick", "@((string)context.Request.Body.As<JObject>(true)[\"order\"][\"id\"])",
      "o-77" },
    { "json-build", "@(new JObject(new JProperty(\"code\", 429), new JProperty(\"message\", \"slow down\")).ToString(Formatting.None))",
      "{\"code\":429,\"message\":\"slow down\"}" },
    { "jwt-claim", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").AsJwt()?.Subject)",
      "user-1" },
    { "regex-match", "@(Regex.Match(\"public, max-age=120\", \"max-age=(?<s>[0-9]+)\").Groups[\"s\"].Value)",
      "120" },
    { "linq-50", "@(Enumerable.Range(1, 50).Where(x => x % 3 == 0).Select(x => x * 2).Sum())",
      "816" },
    { "loop-100", "@{ int s = 0; for (int i = 0; i < 100; i++) { if (i % 7 == 0) continue; s += i; } return s; }",
      "4215" },
    { "cookie-pick", "@(\"a=1; session=abc; b=2\".Split(';').Select(c => c.Trim()).FirstOrDefault(c => c.StartsWith(\"session=\")))",
      "session=abc" },
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

/* ---- malloc, counted ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
static unsigned long allocations;

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

/* ---- measuring ---- */

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *name, const char *what, struct slice text)
{
    fprintf(stderr, "%s: %s: %.*s\n", name, what, SLICE_ARG(text));
    exit(1);
}

/* Evaluate, and give the memory back. */
static void evaluate(const char *name, const struct expr *e, struct expr_run *run, const char *want)
{
    struct arena_mark mark = arena_mark(run->arena);
    struct expr_exception exc = { 0 };
    struct expr_value out;
    struct slice text;

    if (!expr_eval(e, run, &out, &exc))
        fail(name, "exception", exc.type);
    if (want && (!expr_print(run, out, &text, &exc) || !slice_eq(text, slice_from(want))))
        fail(name, "wrong result", text);
    arena_reset(run->arena, mark);
}

static void measure(const char *name, const char *source, const char *want)
{
    struct arena program, work;
    struct expr_run run = { .arena = &work, .host = &host };
    struct expr_error err = { 0 };
    uint64_t start, rounds = 0;
    const struct expr *e;
    unsigned long before;

    arena_init_growing(&program, ARENA_BYTES);
    arena_init_fixed(&work, memory, sizeof memory); /* as a request has it */
    e = expr_compile(&program, slice_from(source), NULL, &err);
    if (!e)
        fail(name, "does not compile", slice_from(err.message));
    evaluate(name, e, &run, want);
    before = allocations;
    for (start = now(); now() - start < RUN_NS; rounds += ROUNDS)
        for (int i = 0; i < ROUNDS; i++)
            evaluate(name, e, &run, NULL);
    start = now() - start;
    if (allocations != before)
        fail(name, "calls malloc while evaluating", SLICE(""));
    printf("%s\t%.0f\n", name, (double)start / (double)rounds);
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
        measure(cases[i].name, cases[i].source, cases[i].want);
    return 0;
}
