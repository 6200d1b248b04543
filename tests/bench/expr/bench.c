/* Nanoseconds of CPU time per evaluation of expressions of real policies, over a request made of constants. Each result is
 * compared, and no evaluation may call malloc.
 * Output: name TAB nanoseconds TAB those of the C functions that the expression stands for ("-": there are none).
 * The same work is in bench.js and bench.lua.
 * With NAME ROUNDS: only that one, so often, for a profiler that counts instructions. */
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

#include "platform/base/hash.h"
#include "platform/crypto.h"
#include "policy/expr/expr.h"
#include "policy/expr/host.h"

#define ARENA_BYTES ((size_t)4 << 20)
#define MEMORY      ((size_t)1 << 20)
#define ROUNDS      100
#define RUN_NS      UINT64_C(200000000) /* time given to each expression */

static char json[4096], memory[MEMORY];

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

/* ---- what some of them stand for, in C ---- */

#define TOKEN "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln"

static uint32_t tenant_hash, authorization_hash; /* a program in C has them from its set-up, as a policy does */
static pcre2_code *max_age;
static pcre2_match_data *max_age_data;

static bool c_header(struct arena *a)
{
    struct slice v;

    return message.ops->header(&message, SLICE("X-Tenant"), tenant_hash, 0, &v) && slice_eq(v, SLICE("contoso"));
}

static bool c_header_icase(struct arena *a)
{
    struct slice v;

    return message.ops->header(&message, SLICE("X-Tenant"), tenant_hash, 0, &v) && slice_eq_icase(v, SLICE("CONTOSO"));
}

static bool c_method_and_header(struct arena *a)
{
    struct slice v;

    return slice_eq(message.ops->method(&message), SLICE("POST")) &&
           message.ops->header(&message, SLICE("X-Tenant"), tenant_hash, 0, &v);
}

static bool c_interpolation(struct arena *a)
{
    struct slice v = SLICE("");

    message.ops->header(&message, SLICE("X-Tenant"), tenant_hash, 0, &v);
    return arena_printf(a, "https://%.*s.example/v%d/items", SLICE_ARG(v), 2).n == strlen("https://contoso.example/v2/items");
}

/* The parts of the header between blanks, in memory of their own as those of Split are. */
static struct slice *c_split(struct arena *a, struct slice s, char at, size_t *n)
{
    size_t parts = 1;
    struct slice *v;
    ptrdiff_t end;

    for (size_t i = 0; i < s.n; i++)
        parts += s.p[i] == at;
    v = arena_array(a, struct slice, parts);
    for (*n = 0; (end = slice_find_byte(s, at)) >= 0; s = slice_skip(s, (size_t)end + 1))
        v[(*n)++] = arena_copy(a, slice_first(s, (size_t)end));
    v[(*n)++] = arena_copy(a, s);
    return v;
}

static struct slice c_token(struct arena *a)
{
    struct slice v = SLICE("");
    size_t n;

    message.ops->header(&message, SLICE("Authorization"), authorization_hash, 0, &v);
    return c_split(a, v, ' ', &n)[n - 1];
}

static bool c_split_last(struct arena *a)
{
    return slice_eq(c_token(a), SLICE(TOKEN));
}

/* The text at ptr of a document is want; the document goes. */
static bool c_json_is(struct slice text, const char *ptr, const char *want)
{
    yyjson_doc *doc = yyjson_read(text.p, text.n, 0);
    const char *got = yyjson_get_str(yyjson_doc_ptr_get(doc, ptr));
    bool same = got && !strcmp(got, want);

    yyjson_doc_free(doc);
    return same;
}

static bool c_json_pick(struct arena *a)
{
    return c_json_is(slice_from(json), "/order/id", "o-77");
}

/* Header and payload of the token, decoded and parsed. */
static bool c_jwt_claim(struct arena *a)
{
    size_t n;
    struct slice *part = c_split(a, c_token(a), '.', &n);

    return n == 3 && c_json_is(crypto_base64url_decode(a, part[0]), "/alg", "HS256") &&
           c_json_is(crypto_base64url_decode(a, part[1]), "/sub", "user-1");
}

static bool c_regex(struct arena *a)
{
    struct slice subject = SLICE("public, max-age=120");
    PCRE2_SIZE *v = pcre2_get_ovector_pointer(max_age_data);

    return pcre2_match(max_age, (PCRE2_SPTR)subject.p, subject.n, 0, 0, max_age_data, NULL) == 2 &&
           slice_eq(slice_sub(subject, v[2], v[3]), SLICE("120"));
}

static void c_prepare(void)
{
    PCRE2_SIZE at;
    int code;

    tenant_hash = hash_name(SLICE("X-Tenant"));
    authorization_hash = hash_name(SLICE("Authorization"));
    max_age = pcre2_compile((PCRE2_SPTR) "max-age=(?<s>[0-9]+)", PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);
    if (!max_age || pcre2_jit_compile(max_age, PCRE2_JIT_COMPLETE) != 0)
        exit(1);
    max_age_data = pcre2_match_data_create_from_pattern(max_age, NULL);
}

static const struct {
    const char *name, *source, *want;
    bool (*c)(struct arena *a); /* the same in C: is the result right? */
} cases[] = {
    { "header-compare", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\") == \"contoso\")",
      "true", c_header },
    { "header-icase", "@(context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\").Equals(\"CONTOSO\", StringComparison.OrdinalIgnoreCase))",
      "true", c_header_icase },
    { "method-and-header", "@(context.Request.Method == \"POST\" && context.Request.Headers.ContainsKey(\"X-Tenant\"))",
      "true", c_method_and_header },
    { "interpolation", "@($\"https://{context.Request.Headers.GetValueOrDefault(\"X-Tenant\", \"\")}.example/v{2}/items\")",
      "https://contoso.example/v2/items", c_interpolation },
    { "split-last", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").Split(' ').Last())",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEiLCJhdWQiOlsiYSIsImIiXX0.c2ln", c_split_last },
    { "json-parse-pick", "@((string)context.Request.Body.As<JObject>(true)[\"order\"][\"id\"])",
      "o-77", c_json_pick },
    { "json-build", "@(new JObject(new JProperty(\"code\", 429), new JProperty(\"message\", \"slow down\")).ToString(Formatting.None))",
      "{\"code\":429,\"message\":\"slow down\"}", NULL },
    { "jwt-claim", "@(context.Request.Headers.GetValueOrDefault(\"Authorization\", \"\").AsJwt()?.Subject)",
      "user-1", c_jwt_claim },
    { "regex-match", "@(Regex.Match(\"public, max-age=120\", \"max-age=(?<s>[0-9]+)\").Groups[\"s\"].Value)",
      "120", c_regex },
    { "linq-50", "@(Enumerable.Range(1, 50).Where(x => x % 3 == 0).Select(x => x * 2).Sum())",
      "816", NULL },
    { "loop-100", "@{ int s = 0; for (int i = 0; i < 100; i++) { if (i % 7 == 0) continue; s += i; } return s; }",
      "4215", NULL },
    { "cookie-pick", "@(\"a=1; session=abc; b=2\".Split(';').Select(c => c.Trim()).FirstOrDefault(c => c.StartsWith(\"session=\")))",
      "session=abc", NULL },
};

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

/* Nanoseconds that one call of each kind takes: the expression, or (e NULL) its counterpart in C. */
static double time_of(const char *name, const struct expr *e, struct expr_run *run, bool (*c)(struct arena *), uint64_t most)
{
    uint64_t start = now(), rounds;
    struct arena_mark mark = arena_mark(run->arena);

    for (rounds = 0; rounds < most && now() - start < RUN_NS; rounds += ROUNDS)
        for (int i = 0; i < ROUNDS; i++)
            if (e) {
                evaluate(name, e, run, NULL);
            } else {
                if (!c(run->arena))
                    fail(name, "wrong result in C", SLICE(""));
                arena_reset(run->arena, mark);
            }
    return (double)(now() - start) / (double)rounds;
}

static void measure(unsigned at, uint64_t most)
{
    const char *name = cases[at].name;
    struct arena program, work;
    struct expr_run run = { .arena = &work, .host = &host };
    struct expr_error err = { 0 };
    const struct expr *e;
    unsigned long before;
    double ns;

    arena_init_growing(&program, ARENA_BYTES);
    arena_init_fixed(&work, memory, sizeof memory); /* as a request has it */
    e = expr_compile(&program, slice_from(cases[at].source), NULL, &err);
    if (!e)
        fail(name, "does not compile", slice_from(err.message));
    evaluate(name, e, &run, cases[at].want);
    before = allocations;
    ns = time_of(name, e, &run, NULL, most);
    if (allocations != before)
        fail(name, "calls malloc while evaluating", SLICE(""));
    if (cases[at].c && most == UINT64_MAX)
        printf("%s\t%.0f\t%.0f\n", name, ns, time_of(name, NULL, &run, cases[at].c, most));
    else
        printf("%s\t%.0f\t-\n", name, ns);
    arena_free(&work);
    arena_free(&program);
}

int main(int argc, char **argv)
{
    uint64_t most = argc > 2 ? strtoull(argv[2], NULL, 10) : UINT64_MAX;

    size_t n = (size_t)snprintf(json, sizeof json, "{\"order\":{\"id\":\"o-77\",\"total\":12.5},\"items\":[");

    for (int i = 0; i < 36; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s{\"sku\":\"item-%03d\",\"count\":%d,\"price\":%d.5}", i ? "," : "", i, i, i);
    snprintf(json + n, sizeof json - n, "]}");
    c_prepare();
    for (unsigned i = 0; i < COUNT_OF(cases); i++)
        if (argc < 2 || !strcmp(argv[1], cases[i].name))
            measure(i, most);
    return 0;
}
