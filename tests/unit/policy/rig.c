/* See rig.h. */
#include "tests/unit/policy/rig.h"

#include <string.h>

#include "platform/clock.h"

struct rig rig;

static const struct fact_backend rig_backend = {
    .scheme = SLICE_INIT("https"), .host = SLICE_INIT("backend.example"), .path = SLICE_INIT("/base"),
};

/* ---- the host ---- */

static void copy_text(char *to, size_t room, struct slice s)
{
    snprintf(to, room, "%.*s", SLICE_ARG(s));
}

static void add_lines(struct http_fields *f, const char *lines)
{
    struct slice rest = slice_from(lines), line;

    while (slice_cut(&rest, '\n', &line)) {
        if (line.n == 0)
            continue;
        ptrdiff_t colon = slice_find_byte(line, ':');
        assert_true(colon > 0);
        assert_true(http_fields_add(f, slice_first(line, (size_t)colon),
                                    slice_trim(slice_skip(line, (size_t)colon + 1))));
    }
}

static enum verdict host_forward(struct rt *rt, const struct rt_forward *options)
{
    struct rt_message *m = &rt->response;
    struct expr_url url;

    rig.forwarded++;
    rig.options = *options;
    rt_url(&rt->request, &url);
    snprintf(rig.sent_url, sizeof rig.sent_url, "%.*s://%.*s%.*s%s%.*s", SLICE_ARG(url.scheme),
             SLICE_ARG(url.host), SLICE_ARG(url.path), url.query.n ? "?" : "", SLICE_ARG(url.query));
    copy_text(rig.sent_method, sizeof rig.sent_method, rt->request.method);
    copy_text(rig.sent_body, sizeof rig.sent_body,
              rt->request.body.state == RT_BODY_CONSUMED ? SLICE("") : rt->request.body.data);
    if (rig.status == 0 || rig.fail_times-- > 0)
        return rt_fail(rt, "forward-request", "BackendConnectionFailure",
                       SLICE("backend.example: connection refused"));
    m->present = true;
    m->status = rig.status;
    m->reason = SLICE_NONE;
    m->fields = (struct http_fields){ .arena = rt->arena };
    add_lines(&m->fields, rig.answer_fields);
    m->body = (struct rt_body){ RT_BODY_NONE, SLICE_NONE };
    if (rig.answer_body)
        m->body = (struct rt_body){ RT_BODY_STREAM, slice_from(rig.answer_body) };
    return VERDICT_NEXT;
}

static bool host_send(struct rt *rt, const struct rt_send *s, struct rt_message *response, struct rt_fault *fault)
{
    const struct rt_message *m = s->message;

    rig.calls++;
    rig.call_timeout_ms = s->timeout_ms;
    snprintf(rig.call, sizeof rig.call, "%.*s %.*s [%s] %.*s", SLICE_ARG(m->method), SLICE_ARG(s->url),
             rig_field(&m->fields, "X-A")             ? rig_field(&m->fields, "X-A")
             : rig_field(&m->fields, "Authorization") ? rig_field(&m->fields, "Authorization")
                                                      : "",
             SLICE_ARG(m->body.state == RT_BODY_SLICE ? m->body.data : SLICE("-")));
    if (rig.call_status == 0) {
        *fault = (struct rt_fault){ .status = 500, .internal = true, .reason = "Timeout", .message = SLICE("too late") };
        return false;
    }
    response->status = rig.call_status;
    response->reason = SLICE("As It Came");
    response->body = (struct rt_body){ RT_BODY_SLICE, SLICE("{\"a\":[1,2]}") };
    return rt && http_fields_add(&response->fields, SLICE("X-B"), SLICE("b"));
}

static bool host_send_one_way(struct rt *rt, const struct rt_send *s)
{
    struct rt_message dropped = { .fields = { .arena = rt->arena } };
    struct rt_fault fault;

    return host_send(rt, s, &dropped, &fault);
}

static bool host_identity_token(struct rt *rt, struct slice resource, struct slice client, struct slice *token,
                                struct rt_fault *fault)
{
    snprintf(rig.token_for, sizeof rig.token_for, "%.*s [%.*s]", SLICE_ARG(resource), SLICE_ARG(client));
    *token = arena_copy(rt->arena, slice_from(rig.token));
    *fault = (struct rt_fault){ .status = 500, .internal = true, .reason = "BackendConnectionFailure",
                                .message = SLICE("IMDS: refused") };
    return rig.token;
}

static void host_metric(struct rt *rt, struct slice space, struct slice name, double value, const struct rt_dimension *d,
                        unsigned n)
{
    struct buf b;

    buf_init(&b, rt->arena);
    buf_printf(&b, "%s%.*s/%.*s=%g", rig.metrics, SLICE_ARG(space), SLICE_ARG(name), value);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, " %.*s=%.*s", SLICE_ARG(d[i].name), SLICE_ARG(d[i].value));
    snprintf(rig.metrics, sizeof rig.metrics, "%.*s\n", SLICE_ARG(buf_slice(&b)));
}

static bool host_body_read(struct rt *rt, struct rt_message *m, struct rt_fault *fault)
{
    if (rig.body_fails) {
        *fault = (struct rt_fault){ .status = 413,
                                    .reason = "BodyTooLarge",
                                    .message = SLICE("request body is over 4194304 bytes"),
                                    .text = SLICE("Request body is too large.") };
        return false;
    }
    m->body.data = arena_copy(rt->arena, m->body.data); /* where a gateway puts it */
    m->body.state = m->body.data.n ? RT_BODY_SLICE : RT_BODY_NONE;
    return true;
}

static bool host_body_fits(struct rt *rt, const struct rt_message *m)
{
    return !rig.body_too_long;
}

static struct fact_backend *new_backend(struct arena *a, struct slice url, struct err *err)
{
    struct fact_backend *b = arena_new(a, struct fact_backend);
    ptrdiff_t colon = slice_find(url, SLICE("://"));

    if (colon < 0) {
        err_set(err, "not an absolute URL");
        return NULL;
    }
    struct slice rest = slice_skip(url, (size_t)colon + 3);
    ptrdiff_t slash = slice_find_byte(rest, '/');
    b->scheme = arena_copy(a, slice_first(url, (size_t)colon));
    b->host = arena_copy(a, slash < 0 ? rest : slice_first(rest, (size_t)slash));
    b->path = slash < 0 ? SLICE("") : arena_copy(a, slice_skip(rest, (size_t)slash));
    while (b->path.n && b->path.p[b->path.n - 1] == '/')
        b->path.n--;
    return b;
}

static const struct fact_backend *known_backend(struct slice id)
{
    static const struct fact_backend other = {
        .id = SLICE_INIT("other"),
        .scheme = SLICE_INIT("http"),
        .host = SLICE_INIT("other.example"),
        .path = SLICE_INIT("/o"),
    };

    return slice_eq(id, other.id) ? &other : NULL;
}

static const struct fact_backend *host_backend(struct rt *rt, struct slice id)
{
    (void)rt;
    return known_backend(id);
}

static const struct fact_backend *host_backend_url(struct rt *rt, struct slice url, struct err *err)
{
    return new_backend(rt->arena, url, err);
}

static struct rig_counter *counter(struct slice key, uint64_t calls, uint64_t period_s)
{
    for (unsigned i = 0; i < rig.n_counters; i++) {
        struct rig_counter *k = &rig.counters[i];
        if (slice_eq(k->key, key) && k->calls_limit == calls && k->period_s == period_s)
            return k;
    }
    assert_true(rig.n_counters < RIG_COUNTERS);
    struct rig_counter *k = &rig.counters[rig.n_counters++];
    *k = (struct rig_counter){ .key = arena_copy(&rig.program, key),
                               .calls_limit = calls,
                               .period_s = period_s };
    return k;
}

static void host_rate_take(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s,
                           uint64_t amount, struct rt_rate *out)
{
    struct rig_counter *k = counter(key, calls, period_s);

    (void)rt;
    out->allowed = k->used < calls;
    if (out->allowed)
        k->used += amount;
    out->remaining = k->used < calls ? calls - k->used : 0;
    out->retry_after_s = out->allowed ? 0 : period_s - 3;
}

static void host_rate_add(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s, uint64_t amount)
{
    (void)rt;
    counter(key, calls, period_s)->used += amount;
}

static bool host_quota_take(struct rt *rt, struct slice key, const struct rt_quota_window *w,
                            uint64_t max_calls, uint64_t max_bytes, uint64_t calls, struct rt_quota_use *use)
{
    struct rig_counter *k = counter(key, w->index, w->period_s);

    (void)rt;
    *use = (struct rt_quota_use){ k->used, k->bytes };
    if (k->used >= max_calls || k->bytes >= max_bytes)
        return false;
    k->used += calls;
    return true;
}

static void host_quota_add(struct rt *rt, struct slice key, const struct rt_quota_window *w, uint64_t calls,
                           uint64_t bytes)
{
    struct rig_counter *k = counter(key, w->index, w->period_s);

    (void)rt;
    k->used += calls;
    k->bytes += bytes;
}

static uint64_t host_traffic(struct rt *rt)
{
    (void)rt;
    return rig.traffic;
}

static bool host_enter(struct rt *rt, struct slice key, uint64_t max)
{
    struct rig_counter *k = counter(key, 0, 0);

    (void)rt;
    if ((uint64_t)k->inside >= max)
        return false;
    k->inside++;
    return true;
}

static void host_leave(struct rt *rt, struct slice key)
{
    (void)rt;
    counter(key, 0, 0)->inside--;
}

static uint64_t host_now(struct rt *rt)
{
    (void)rt;
    return rig.now_ns;
}

static uint64_t host_wall(struct rt *rt)
{
    (void)rt;
    return rig.wall_ns;
}

static bool host_sleep(struct rt *rt, uint64_t ms)
{
    (void)rt;
    if (rig.sleeps < COUNT_OF(rig.slept_ms))
        rig.slept_ms[rig.sleeps++] = ms;
    rig.now_ns += ms * NS_PER_MS;
    return true;
}

static void host_trace(struct rt *rt, const struct rt_trace *t)
{
    size_t n = strlen(rig.trace);

    (void)rt;
    snprintf(rig.trace + n, sizeof rig.trace - n, "%.*s: %.*s\n", SLICE_ARG(t->source),
             SLICE_ARG(t->message));
}

static const struct jwt_provider *host_provider(struct rt *rt, struct slice url, const struct jwt_provider *unfit)
{
    const struct jwt_provider *p = unfit ? rig.newer_provider : rig.provider;

    (void)rt;
    copy_text(rig.provider_url, sizeof rig.provider_url, url);
    rig.provider_asked++;
    rig.provider_held += p != NULL;
    return p;
}

static void host_provider_done(struct rt *rt, const struct jwt_provider *p)
{
    (void)rt;
    assert_non_null(p);
    rig.provider_held--;
}

static void host_work(struct rt *rt, void (*fn)(void *arg), void *arg)
{
    (void)rt;
    rig.worked++;
    fn(arg);
}

static const struct rt_host rig_host = {
    .provider = host_provider,
    .provider_done = host_provider_done,
    .work = host_work,
    .forward = host_forward,
    .send = host_send,
    .send_one_way = host_send_one_way,
    .body_read = host_body_read,
    .body_fits = host_body_fits,
    .backend = host_backend,
    .backend_url = host_backend_url,
    .rate_take = host_rate_take,
    .rate_add = host_rate_add,
    .quota_take = host_quota_take,
    .quota_add = host_quota_add,
    .traffic = host_traffic,
    .identity_token = host_identity_token,
    .metric = host_metric,
    .enter = host_enter,
    .leave = host_leave,
    .now = host_now,
    .wall = host_wall,
    .sleep = host_sleep,
    .trace = host_trace,
};

/* ---- the configuration ---- */

static bool find_pair(const struct rig_pair *pairs, struct slice name, struct slice *value)
{
    for (unsigned i = 0; i < RIG_PAIRS && pairs[i].name; i++) {
        if (slice_eq(name, slice_from(pairs[i].name))) {
            *value = slice_from(pairs[i].value);
            return true;
        }
    }
    return false;
}

static bool names_named_value(void *data, struct slice name, struct slice *value)
{
    (void)data;
    return find_pair(rig.named_values, name, value);
}

static bool names_fragment(void *data, struct slice id, struct slice *text, const char **file)
{
    (void)data;
    *file = "fragment.xml";
    return find_pair(rig.fragments, id, text);
}

static const struct fact_backend *names_backend(void *data, struct slice id)
{
    (void)data;
    return known_backend(id);
}

static const struct fact_backend *names_backend_url(void *data, struct slice url, struct err *err)
{
    (void)data;
    return new_backend(&rig.program, url, err);
}

static void add_pair(struct rig_pair *pairs, const char *name, const char *value)
{
    unsigned i = 0;

    while (pairs[i].name)
        assert_true(++i < RIG_PAIRS);
    pairs[i] = (struct rig_pair){ name, value };
}

void rig_named_value(const char *name, const char *value)
{
    add_pair(rig.named_values, name, value);
}

void rig_fragment(const char *id, const char *text)
{
    add_pair(rig.fragments, id, text);
}

/* A new compiler, with no diagnostics yet. */
static void renew_compiler(void)
{
    const struct policy_names names = {
        .named_value = names_named_value,
        .fragment = names_fragment,
        .backend = names_backend,
        .backend_url = names_backend_url,
        .certificates = rig.certificates,
        .n_certificates = rig.n_certificates,
    };

    if (rig.compiler)
        policy_compiler_free(rig.compiler);
    rig.compiler = policy_compiler_new(&rig.program, &names, false);
}

int rig_setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    arena_init_growing(&rig.program, 64u << 20);
    arena_init_growing(&rig.request, 1u << 20);
    renew_compiler();
    rig.host = rig_host;
    rig.status = 200;
    rig.now_ns = 1000 * NS_PER_S;
    rig.wall_ns = 1642733596 * NS_PER_S; /* 2022-01-21T02:53:16Z */
    rig.api = (struct fact_api){ .id = SLICE("api-1"),
                                 .name = SLICE("Api One"),
                                 .path = SLICE("one"),
                                 .revision = SLICE("1"),
                                 .is_current = true,
                                 .backend = &rig_backend };
    rig.operation = (struct fact_operation){
        .id = SLICE("op-1"), .name = SLICE("Op One"), .method = SLICE("GET"), .url_template = SLICE("/{a}")
    };
    rig.product = (struct fact_product){ .id = SLICE("prod-1"), .name = SLICE("Product One") };
    rig.subscription = (struct fact_subscription){ .id = SLICE("sub-1"), .name = SLICE("Sub One") };
    rig.user = (struct fact_user){ .id = SLICE("user-1"), .email = SLICE("u@example.com") };
    rig.deployment = (struct fact_deployment){ .gateway_id = SLICE("gw-1"), .region = SLICE("here") };
    rig_request("GET", "/", "", NULL);
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    policy_compiler_free(rig.compiler);
    arena_free(&rig.request);
    arena_free(&rig.program);
    return 0;
}

/* ---- compiling ---- */

static void print_diagnostics(void)
{
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);

    for (size_t i = 0; i < d->n; i++)
        print_message("%s:%u:%u: %.*s\n", d->v[i].file, d->v[i].line, d->v[i].column,
                      SLICE_ARG(d->v[i].message));
}

static void compile(enum policy_scope scope, unsigned place, const char *text)
{
    static const char *const files[SCOPE_COUNT] = { "global.xml", "workspace.xml", "product.xml", "api.xml",
                                                    "operation.xml" };

    rig.documents[place] = policy_compile_document(rig.compiler, slice_from(text), files[scope], scope);
    if (rig.documents[place])
        return;
    print_diagnostics();
    fail_msg("does not compile: %s", text);
}

void rig_global(const char *text)
{
    compile(SCOPE_GLOBAL, 3, text);
}

void rig_product(const char *text)
{
    compile(SCOPE_PRODUCT, 2, text);
}

void rig_api(const char *text)
{
    compile(SCOPE_API, 1, text);
}

void rig_operation(const char *text)
{
    compile(SCOPE_OPERATION, 0, text);
}

static void section(const char *name, const char *statements)
{
    char *text = arena_cstr(
        &rig.program, arena_printf(&rig.program, "<policies><%s>%s</%s></policies>", name, statements, name));

    rig_operation(text);
}

void rig_inbound(const char *statements)
{
    section("inbound", statements);
}

void rig_outbound(const char *statements)
{
    section("outbound", statements);
}

void rig_on_error(const char *statements)
{
    section("on-error", statements);
}

void rig_refused(const char *text, const char *expected)
{
    size_t from = 0;

    renew_compiler();
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);
    const struct policy_document *doc =
        policy_compile_document(rig.compiler, slice_from(text), "operation.xml", SCOPE_OPERATION);

    if (doc)
        fail_msg("compiles: %s", text);
    for (; from < d->n && d->v[from].severity == POLICY_WARNING; from++)
        ;
    if (from == d->n)
        fail_msg("no error recorded: %s", text);
    const struct policy_diagnostic *e = &d->v[from];
    char *line = arena_cstr(
        &rig.program, arena_printf(&rig.program, "%u:%u: %.*s", e->line, e->column, SLICE_ARG(e->message)));
    if (!strstr(line, expected))
        fail_msg("%s\n  gives    \"%s\"\n  expected \"%s\"", text, line, expected);
}

void rig_refused_inbound(const char *statements, const char *expected)
{
    rig_refused(
        arena_cstr(&rig.program,
                   arena_printf(&rig.program, "<policies><inbound>%s</inbound></policies>", statements)),
        expected);
}

void rig_warned(const char *expected)
{
    const struct policy_diagnostics *d = policy_compiler_diagnostics(rig.compiler);

    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i].severity == POLICY_WARNING && slice_find(d->v[i].message, slice_from(expected)) >= 0)
            return;
    }
    print_diagnostics();
    fail_msg("no warning \"%s\"", expected);
}

/* ---- requests ---- */

void rig_request(const char *method, const char *target, const char *fields, const char *body)
{
    struct slice path = slice_from(target), query = SLICE_NONE;
    ptrdiff_t mark = slice_find_byte(path, '?');
    struct rt *rt = &rig.rt;

    if (mark >= 0) {
        query = slice_skip(path, (size_t)mark + 1);
        path = slice_first(path, (size_t)mark);
    }
    arena_free(&rig.request);
    arena_init_growing(&rig.request, 1u << 20);
    rt_init(rt, &rig.request, &rig.host, &rig);
    rt->request.present = true;
    rt->request.method = slice_from(method);
    rt->request.fields.arena = &rig.request;
    add_lines(&rt->request.fields, fields);
    rt->request.url = (struct rt_url){ &rig_backend, path, query };
    if (body)
        rt->request.body = (struct rt_body){ RT_BODY_STREAM, slice_from(body) };
    rt->original = (struct expr_url){
        .scheme = SLICE("http"), .host = SLICE("gateway.example"), .path = path, .query = query
    };
    rt->client_ip = SLICE("192.0.2.1");
    rt->request_id = SLICE("11112222-3333-4444-5555-666677778888");
    rt->started_ns = rig.now_ns;
    rt->timestamp_ns = rig.wall_ns;
    rt->api = &rig.api;
    rt->operation = &rig.operation;
    rt->product = &rig.product;
    rt->subscription = &rig.subscription;
    rt->subscription_key = SLICE("key-1");
    rt->user = &rig.user;
    rt->deployment = &rig.deployment;
}

void rig_parameter(const char *name, const char *value, bool in_query)
{
    struct rt_parameter *all = arena_array(&rig.request, struct rt_parameter, rig.rt.n_parameters + 1);

    if (rig.rt.n_parameters)
        memcpy(all, rig.rt.parameters, rig.rt.n_parameters * sizeof *all);
    all[rig.rt.n_parameters++] = (struct rt_parameter){
        .name = slice_from(name), .value = slice_from(value), .raw = slice_from(value), .in_query = in_query,
    };
    rig.rt.parameters = all;
}

void rig_run(void)
{
    rig.rt.pipeline = policy_compose(&rig.program, rig.documents, 4);
    policy_run(&rig.rt);
    rig.traffic += rig.answer_bytes;
    policy_run_sent(&rig.rt);
}

/* ---- looking at the outcome ---- */

const char *rig_field(const struct http_fields *f, const char *name)
{
    struct buf b;
    bool found = false;

    buf_init(&b, &rig.program);
    for (uint32_t i = 0; i < f->n; i++) {
        if (!slice_eq_icase(f->v[i].name, slice_from(name)))
            continue;
        if (found)
            buf_putc(&b, '|');
        buf_put(&b, f->v[i].value);
        found = true;
    }
    return found ? arena_cstr(&rig.program, buf_slice(&b)) : NULL;
}

void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq(s, slice_from(expected)))
        fail_msg("\"%.*s\", expected \"%s\"", SLICE_ARG(s), expected);
}

void assert_field(const struct rt_message *m, const char *name, const char *expected)
{
    const char *found = rig_field(&m->fields, name);

    if (!expected && found)
        fail_msg("%s is \"%s\", expected none", name, found);
    if (expected && (!found || strcmp(found, expected) != 0))
        fail_msg("%s is \"%s\", expected \"%s\"", name, found ? found : "(absent)", expected);
}

void assert_response(int status, const char *body)
{
    struct rt_message *m = &rig.rt.response;
    struct slice data;

    assert_true(m->present);
    if (m->status != status)
        fail_msg("status %d, expected %d; error: %.*s: %.*s", m->status, status,
                 SLICE_ARG(rig.rt.error.source), SLICE_ARG(rig.rt.error.message));
    assert_true(rt_body(&rig.rt, m, &data));
    assert_slice(data, body);
}

void assert_last_error(const char *source, const char *reason, const char *message)
{
    assert_true(rig.rt.error.present);
    assert_slice(rig.rt.error.source, source);
    assert_slice(rig.rt.error.reason, reason);
    if (slice_find(rig.rt.error.message, slice_from(message)) < 0)
        fail_msg("message \"%.*s\" without \"%s\"", SLICE_ARG(rig.rt.error.message), message);
}

const char *rig_variable(const char *name)
{
    struct expr_value value;
    struct slice text;

    if (!rt_variable(&rig.rt, slice_from(name), &value) || !expr_value_text(&rig.program, value, &text) ||
        !text.p)
        return "(none)";
    return arena_cstr(&rig.program, text);
}
