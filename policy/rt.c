/* What policies do with a request: evaluate their attributes, change messages, keep variables. */
#include "policy/rt.h"

#include <stdarg.h>

#include "platform/base/hash.h"
#include "platform/crypto.h"
#include "policy/rt_int.h"

void rt_init(struct rt *rt, struct arena *a, const struct rt_host *host, void *app)
{
    memset(rt, 0, sizeof *rt);
    rt->arena = a;
    rt->host = host;
    rt->app = app;
    rt->request.expr.ops = &context_message_ops;
    rt->request.rt = rt;
    rt->response.expr.ops = &context_message_ops;
    rt->response.rt = rt;
    rt->response.is_response = true;
    rt->late_fields.arena = a;
}

/* ---- evaluating ---- */

static void pause_expression(void *data)
{
    struct rt *rt = data;

    rt->host->pause(rt);
}

/* An expression raised an exception. Where that came of a body that could not be read, the body's fault is
 * the answer. */
static bool evaluation_failed(struct rt *rt, const struct expr_exception *exc)
{
    if (rt->arena->overflow)
        return rt_fail_memory(rt), false;
    if (rt->body_fault.status) {
        rt_fail_fault(rt, NULL, &rt->body_fault);
        return false;
    }
    rt->over_budget |= exc->budget;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "Expression evaluation failed. %.*s", SLICE_ARG(exc->message)));
    return false;
}

static struct expr_run evaluation(struct rt *rt)
{
    rt->body_fault.status = 0;
    return (struct expr_run){
        .arena = rt->arena,
        .host = &context_host,
        .data = rt,
        .steps = rt->expression_steps,
        .pause = rt->host && rt->host->pause ? pause_expression : NULL,
        .pause_data = rt,
    };
}

static bool evaluate(struct rt *rt, const struct value *v, struct expr_value *out)
{
    struct expr_run run = evaluation(rt);
    struct expr_exception exc;
    struct expr_run *outer = rt->evaluation;

    rt->evaluation = &run;
    bool ok = expr_eval(v->expr, &run, out, &exc);
    rt->evaluation = outer;
    return ok || evaluation_failed(rt, &exc);
}

static bool wrong_type(struct rt *rt, const struct value *v, struct expr_value x, const char *wanted)
{
    struct slice type = expr_value_type_name(rt->arena, x);

    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "Expression evaluation failed. The value of '%s' is of type %.*s, expected %s.",
                      v->what, SLICE_ARG(type.n ? type : SLICE("null")), wanted));
    return false;
}

/* A JSON scalar counts as what it holds: Convert.ToBoolean and its like take a JValue. */
static struct expr_value unwrapped(struct rt *rt, struct expr_value x)
{
    struct slice text;

    if (!slice_ends(expr_value_type_name(rt->arena, x), SLICE(".JValue")) ||
        !expr_value_text(rt->arena, x, &text) || !text.p)
        return x;
    return expr_value_from_text(rt->arena, text);
}

bool rt_value(struct rt *rt, const struct value *v, struct expr_value *out)
{
    if (v->expr && !v->tail.n)
        return evaluate(rt, v, out);
    struct slice text;
    if (!rt_text(rt, v, &text))
        return false;
    *out = text.p ? expr_value_from_text(rt->arena, text) : expr_value_null();
    return true;
}

bool rt_text(struct rt *rt, const struct value *v, struct slice *out)
{
    struct expr_value x;

    if (LIKELY(!v->expr)) {
        *out = v->text;
        return true;
    }
    if (!evaluate(rt, v, &x))
        return false;
    if (!expr_value_text(rt->arena, x, out))
        return rt_fail_memory(rt), false;
    if (!v->tail.n)
        return true;
    struct slice parts[] = { *out, v->tail };
    *out = arena_concat(rt->arena, parts, 2);
    return out->p || (rt_fail_memory(rt), false);
}

bool rt_bool(struct rt *rt, const struct value *v, bool *out)
{
    struct expr_value x;

    if (LIKELY(!v->expr)) {
        *out = v->number;
        return true;
    }
    if (!evaluate(rt, v, &x))
        return false;
    return expr_value_bool(x, out) || expr_value_bool(unwrapped(rt, x), out) || wrong_type(rt, v, x, "bool");
}

bool rt_int(struct rt *rt, const struct value *v, int64_t *out)
{
    struct expr_value x;

    if (LIKELY(!v->expr)) {
        *out = v->number;
        return true;
    }
    if (!evaluate(rt, v, &x))
        return false;
    if (!expr_value_int(x, out) && !expr_value_int(unwrapped(rt, x), out))
        return wrong_type(rt, v, x, "a whole number");
    if (*out >= v->min && *out <= v->max)
        return true;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "The value of '%s' is %lld, expected %lld to %lld.", v->what, (long long)*out,
                      (long long)v->min, (long long)v->max));
    return false;
}

bool rt_enum(struct rt *rt, const struct value *v, int *out)
{
    struct slice text;

    if (LIKELY(!v->expr)) {
        *out = (int)v->number;
        return true;
    }
    if (!rt_text(rt, v, &text))
        return false;
    text = slice_trim(text);
    for (const struct value_name *n = v->names; n->name; n++) {
        if (slice_eq_icase(text, slice_from(n->name))) {
            *out = n->value;
            return true;
        }
    }
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "The value of '%s' is \"%.*s\", which is not one of its values.", v->what,
                      SLICE_ARG(text)));
    return false;
}

bool rt_texts(struct rt *rt, const struct values *vs, struct slice *out)
{
    for (uint32_t i = 0; i < vs->n; i++) {
        if (!rt_text(rt, &vs->v[i], &out[i]))
            return false;
    }
    return true;
}

bool rt_name(struct rt *rt, const struct value *v, struct slice *name, uint32_t *hash)
{
    if (LIKELY(!v->expr)) {
        *name = v->text;
        *hash = (uint32_t)v->number;
        return true;
    }
    if (!rt_text(rt, v, name))
        return false;
    *name = slice_trim(*name);
    *hash = hash_name(*name);
    if (http_is_token(*name))
        return true;
    rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
            rt_printf(rt, "The value of '%s' is \"%.*s\", which is not a header name.", v->what,
                      SLICE_ARG(*name)));
    return false;
}

/* ---- messages ---- */

struct rt_message *rt_message(struct rt *rt, enum comp_target on)
{
    switch (on) {
    case ON_REQUEST:
        return &rt->request;
    case ON_RESPONSE:
        rt_need_response(rt);
        return &rt->response;
    case ON_FRESH:
        return rt->fresh;
    case ON_SENT:
        return rt->sent;
    }
    return NULL;
}

static void make_empty(struct rt *rt, struct rt_message *m)
{
    *m = (struct rt_message){ .expr = { &context_message_ops },
                              .rt = rt,
                              .present = true,
                              .is_response = true,
                              .status = 200,
                              .fields = { .arena = rt->arena } };
}

void rt_need_response(struct rt *rt)
{
    if (!rt->response.present)
        make_empty(rt, &rt->response);
}

struct rt_message *rt_new_response(struct rt *rt)
{
    struct rt_message *m = arena_new(rt->arena, struct rt_message);

    if (m)
        make_empty(rt, m);
    return m;
}

struct rt_message *rt_new_request(struct rt *rt)
{
    struct rt_message *m = rt_new_response(rt);

    if (m) {
        m->is_response = false;
        m->status = 0;
        m->method = SLICE("GET");
    }
    return m;
}

bool rt_body(struct rt *rt, struct rt_message *m, struct slice *out)
{
    struct rt_fault fault = { 0 };

    *out = SLICE_NONE;
    if (rt_body_is_unread(m) && !rt->host->body_read(rt, m, &fault)) {
        rt_fail_fault(rt, NULL, &fault);
        return false;
    }
    if (m->body.state == RT_BODY_SLICE)
        *out = m->body.data.p ? m->body.data : SLICE("");
    return true;
}

bool rt_set_body(struct rt *rt, struct rt_message *m, struct slice data)
{
    static const struct slice name = SLICE_INIT("Content-Length");
    struct slice length = rt_printf(rt, "%zu", data.n);

    m->body = (struct rt_body){ data.n ? RT_BODY_SLICE : RT_BODY_NONE, data };
    http_fields_remove(&m->fields, SLICE("Content-Encoding")); /* spoke of the body before */
    if (length.p && http_fields_set(&m->fields, name, length))
        return true;
    rt_fail_memory(rt);
    return false;
}

static size_t count_in(struct slice body, struct slice part)
{
    size_t count = 0;
    ptrdiff_t i;

    for (; (i = slice_find(body, part)) >= 0; body = slice_skip(body, (size_t)i + part.n))
        count++;
    return count;
}

static char *body_room(struct rt *rt, size_t n)
{
    return rt->host->body_room ? rt->host->body_room(rt, n) : arena_alloc_raw(rt->arena, n);
}

static char *put_piece(char *to, struct slice s)
{
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

bool rt_replace_in_body(struct rt *rt, struct rt_message *m, struct slice from, struct slice to)
{
    struct slice rest;
    ptrdiff_t i;

    if (!m->present || from.n == 0)
        return true;
    if (!rt_body(rt, m, &rest))
        return false;
    size_t count = count_in(rest, from), n = rest.n - count * from.n + count * to.n;
    if (count == 0)
        return true;
    if (n == 0)
        return rt_set_body(rt, m, SLICE(""));
    char *p = body_room(rt, n), *at = p;
    if (!p)
        return rt_fail(rt, NULL, "BodyNotRead", SLICE("The new body is over the limits of bodies.")), false;
    for (; (i = slice_find(rest, from)) >= 0; rest = slice_skip(rest, (size_t)i + from.n)) {
        at = put_piece(at, slice_first(rest, (size_t)i));
        at = put_piece(at, to);
    }
    put_piece(at, rest);
    return rt_set_body(rt, m, slice_of(p, n));
}

bool rt_is_media_type(const struct rt_message *m, const char *const *types)
{
    struct slice type = http_fields_get(&m->fields, SLICE("Content-Type"));
    ptrdiff_t semicolon = slice_find_byte(type, ';');

    type = slice_trim(semicolon < 0 ? type : slice_first(type, (size_t)semicolon));
    for (; *types; types++) {
        struct slice t = slice_from(*types);
        bool suffix = t.p[0] == '+';
        if (suffix ? type.n > t.n && slice_eq_icase(slice_skip(type, type.n - t.n), t)
                   : slice_eq_icase(type, t))
            return true;
    }
    return false;
}

/* ---- Liquid ---- */

static enum liquid_format body_format(const struct rt_message *m)
{
    static const char *const json[] = { "application/json", "text/json", "+json", NULL };
    static const char *const xml[] = { "application/xml", "text/xml", "+xml", NULL };

    return rt_is_media_type(m, json) ? LIQUID_JSON : rt_is_media_type(m, xml) ? LIQUID_XML : LIQUID_TEXT;
}

bool rt_liquid(struct rt *rt, const struct liquid *l, struct rt_message *m, const struct liquid_body *read,
               struct slice *out)
{
    struct expr_run run = evaluation(rt);
    struct liquid_body body = *read;
    struct expr_exception exc;

    body.format = body_format(m);
    if (liquid_uses_body(l) && !rt_body(rt, m, &body.text))
        return false;
    return liquid_render(l, &body, &run, out, &exc) || evaluation_failed(rt, &exc);
}

/* ---- header fields ---- */

/* Belong to the connection: policies cannot change them. */
static bool is_framing(struct slice name)
{
    switch (name.n) {
    case 10:
        return slice_eq_icase(name, SLICE("Connection")) || slice_eq_icase(name, SLICE("Keep-Alive"));
    case 14:
        return slice_eq_icase(name, SLICE("Content-Length"));
    case 17:
        return slice_eq_icase(name, SLICE("Transfer-Encoding"));
    default:
        return false;
    }
}

/* Several values of these stay several lines; of all others they are joined into one (policies.md 7). */
static bool is_never_joined(struct slice name)
{
    static const struct slice names[] = {
        SLICE_INIT("User-Agent"),
        SLICE_INIT("WWW-Authenticate"),
        SLICE_INIT("Proxy-Authenticate"),
        SLICE_INIT("Cookie"),
        SLICE_INIT("Set-Cookie"),
        SLICE_INIT("Warning"),
        SLICE_INIT("Date"),
        SLICE_INIT("Expires"),
        SLICE_INIT("If-Modified-Since"),
        SLICE_INIT("If-Unmodified-Since"),
        SLICE_INIT("Last-Modified"),
        SLICE_INIT("Retry-After"),
    };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_eq_icase(name, names[i]))
            return true;
    }
    return false;
}

struct slice rt_header(struct rt *rt, const struct rt_message *m, struct slice name, uint32_t hash)
{
    const struct http_fields *f = &m->fields;
    struct slice all = SLICE_NONE;

    for (uint32_t i = 0; i < f->n; i++) {
        if (f->v[i].hash != hash || !slice_eq_icase(f->v[i].name, name))
            continue;
        struct slice value = f->v[i].value.p ? f->v[i].value : SLICE("");
        all = all.p ? rt_printf(rt, "%.*s,%.*s", SLICE_ARG(all), SLICE_ARG(value)) : value;
    }
    return all;
}

/* "a,b,c", with what is there already in front. p == NULL: no memory. */
static struct slice joined(struct rt *rt, struct slice before, bool has_before, const struct slice *values,
                           size_t n)
{
    struct buf b;

    if (n == 1 && !has_before)
        return values[0].p ? values[0] : SLICE("");
    buf_init(&b, rt->arena);
    if (has_before)
        buf_put(&b, before);
    for (size_t i = 0; i < n; i++) {
        if (i || has_before)
            buf_putc(&b, ',');
        buf_put(&b, values[i]);
    }
    return b.failed ? SLICE_NONE : buf_slice(&b);
}

static bool add_lines(struct http_fields *f, struct slice name, const struct slice *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!http_fields_add(f, name, values[i]))
            return false;
    }
    return true;
}

static bool write_header(struct rt *rt, struct rt_message *m, struct slice name, struct http_field *old,
                         const struct slice *values, size_t n, enum exists_action action)
{
    if (is_never_joined(name)) {
        if (action == EXISTS_OVERRIDE && old && n == 1)
            return http_fields_set(&m->fields, name, values[0]);
        if (action == EXISTS_OVERRIDE && old)
            http_fields_remove(&m->fields, name);
        return add_lines(&m->fields, name, values, n);
    }
    bool append = action == EXISTS_APPEND && old;
    struct slice before = append ? rt_header(rt, m, name, old->hash) : SLICE_NONE;
    struct slice line = joined(rt, before, append, values, n);
    if (!line.p || (append && !before.p))
        return false;
    return old ? http_fields_set(&m->fields, name, line) : http_fields_add(&m->fields, name, line);
}

/* Values without white space around them; those that are null are dropped. */
static bool clean_values(struct rt *rt, struct slice name, const struct slice *values, size_t n,
                         struct slice *out, size_t *n_out)
{
    *n_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (!values[i].p)
            continue;
        struct slice v = slice_trim(values[i]);
        if (!http_is_field_value(v)) {
            rt_fail(rt, NULL, "ExpressionValueEvaluationFailure",
                    rt_printf(rt, "The value of header %.*s holds a line break or another control character.",
                              SLICE_ARG(name)));
            return false;
        }
        out[(*n_out)++] = v;
    }
    return true;
}

bool rt_set_header(struct rt *rt, struct rt_message *m, struct slice name, uint32_t hash,
                   const struct slice *values, size_t n, enum exists_action action)
{
    struct http_field *old = http_fields_find_hash(&m->fields, name, hash);
    struct slice kept[RT_VALUES_MAX];

    if (is_framing(name) || (action == EXISTS_SKIP && old))
        return true;
    if (!m->is_response && name.n == 4 && slice_eq_icase(name, SLICE("Host")))
        m->host_set = action != EXISTS_DELETE;
    if (!clean_values(rt, name, values, n < RT_VALUES_MAX ? n : RT_VALUES_MAX, kept, &n))
        return false;
    if (action == EXISTS_DELETE || (action == EXISTS_OVERRIDE && n == 0)) {
        http_fields_remove(&m->fields, name);
        return true;
    }
    return n == 0 || write_header(rt, m, name, old, kept, n, action) || (rt_fail_memory(rt), false);
}

bool rt_late_header(struct rt *rt, struct slice name, struct slice value)
{
    return http_fields_set(&rt->late_fields, name, value) || (rt_fail_memory(rt), false);
}

const struct value_name rt_caching_types[] = {
    { "prefer-external", 0 }, { "internal", 1 }, { "external", 2 }, { 0 }
};

/* ---- variables ---- */

static struct rt_variable *find_variable(const struct rt *rt, struct slice name)
{
    uint32_t hash = hash_name(name);

    for (unsigned i = 0; i < rt->n_variables; i++) {
        struct rt_variable *v = &rt->variables[i];
        if (v->hash == hash && slice_eq(v->name, name))
            return v;
    }
    return NULL;
}

bool rt_set_variable(struct rt *rt, struct slice name, struct expr_value value)
{
    struct rt_variable *v = find_variable(rt, name);

    if (!v && rt->n_variables == rt->room_variables) {
        unsigned room = rt->room_variables ? rt->room_variables * 2 : 8;
        struct rt_variable *grown =
            arena_grow(rt->arena, rt->variables, rt->room_variables * sizeof *v, room * sizeof *v);
        if (!grown)
            return rt_fail_memory(rt), false;
        rt->variables = grown;
        rt->room_variables = room;
    }
    if (!v) {
        v = &rt->variables[rt->n_variables++];
        v->name = name;
        v->hash = hash_name(name);
    }
    v->value = value;
    return true;
}

bool rt_variable(const struct rt *rt, struct slice name, struct expr_value *out)
{
    const struct rt_variable *v = find_variable(rt, name);

    if (v)
        *out = v->value;
    return v != NULL;
}

/* ---- the rest ---- */

struct slice rt_base64(struct rt *rt, struct slice data)
{
    return crypto_base64(rt->arena, data);
}

const struct rt_parameter *rt_parameter(const struct rt *rt, struct slice name)
{
    for (unsigned i = 0; i < rt->n_parameters; i++) {
        if (slice_eq_icase(rt->parameters[i].name, name))
            return &rt->parameters[i];
    }
    return NULL;
}

void rt_url(const struct rt_message *m, struct expr_url *out)
{
    const struct fact_backend *b = m->url.backend;
    const struct expr_url *original = &m->rt->original;

    out->scheme = b ? b->scheme : original->scheme;
    out->host = b ? b->host : original->host;
    out->port = b ? b->port : original->port;
    out->query = m->url.query;
    out->path = m->url.path;
    if (b && b->path.n) {
        struct slice parts[] = { b->path, m->url.path };
        out->path = arena_concat(m->rt->arena, parts, 2);
    }
}

static bool defer(struct rt *rt, struct rt_deferred **list, const struct rt_deferred *what)
{
    struct rt_deferred *d = arena_new(rt->arena, struct rt_deferred);

    if (!d)
        return rt_fail_memory(rt), false;
    *d = *what;
    d->next = *list;
    *list = d;
    return true;
}

bool rt_defer(struct rt *rt, void (*fn)(struct rt *rt, const void *plan, void *data), const void *plan,
              void *data)
{
    struct rt_deferred what = { .run = fn, .plan = plan, .data = data, .step = rt->step };

    return defer(rt, &rt->deferred, &what);
}

bool rt_defer_sent(struct rt *rt, void (*fn)(struct rt *rt, const void *plan, void *data), void *data)
{
    struct rt_deferred what = { .run = fn, .data = data };

    return defer(rt, &rt->after_sending, &what);
}

bool rt_on_answer(struct rt *rt, enum verdict (*fn)(struct rt *rt, const void *plan, void *data), const void *plan,
                  void *data)
{
    struct rt_awaiting *w = arena_new(rt->arena, struct rt_awaiting), **end = &rt->awaiting;

    if (!w)
        return rt_fail_memory(rt), false;
    *w = (struct rt_awaiting){ .run = fn, .plan = plan, .data = data, .step = rt->step };
    while (*end)
        end = &(*end)->next;
    *end = w;
    return true;
}

void rt_trace_line(struct rt *rt, const char *fmt, ...)
{
    struct rt_trace t = { .step = rt->step,
                          .source = slice_from(rt->step ? rt->step->def->name : "gateway") };
    va_list args;

    rt->trace_lines++;
    if (!rt->host->trace)
        return;
    va_start(args, fmt);
    t.message = arena_vprintf(rt->arena, fmt, args);
    va_end(args);
    t.elapsed_ns = rt->host->now ? rt->host->now(rt) - rt->started_ns : 0;
    rt->host->trace(rt, &t);
}

void rt_trace_custom(struct rt *rt, struct slice source, enum rt_trace_level level, struct slice message)
{
    struct rt_trace t = {
        .step = rt->step, .source = source, .level = level, .message = message, .custom = true
    };

    rt->trace_lines++;
    if (!rt->host->trace)
        return;
    t.elapsed_ns = rt->host->now ? rt->host->now(rt) - rt->started_ns : 0;
    rt->host->trace(rt, &t);
}
