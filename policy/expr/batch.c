/* `eval`: expressions in, JSON lines out. */
#include "policy/expr/batch.h"

#include "policy/expr/batch_int.h"
#include "policy/expr/named.h"
#include "policy/expr/text.h"

/* Memory of one evaluation: far over a request's arena, so that what fails here fails there too for another reason. */
#define WORK_MAX ((size_t)64 << 20)

static struct slice policy_text(struct arena *a, struct slice expr)
{
    if (expr_is_expression(expr))
        return expr;
    return arena_concat(a, (struct slice[]){ SLICE("@("), expr, SLICE("\n)") }, 3);
}

struct outcome {
    bool ok, bad_context;
    struct slice type, text; /* of the value, or of the exception */
};

static struct outcome failed(const char *error, struct slice message)
{
    return (struct outcome){ .type = slice_from(error), .text = message };
}

static bool named_value(void *data, struct slice name, struct slice *value)
{
    const struct batch_context *c = data;
    const struct json *v = json_get_slice(json_get(c->json, "namedValues"), name);

    *value = batch_text(v);
    return v != NULL;
}

/* Why the text did not compile, with line and column of what was given: named values are back in their braces, and the
 * `@(` that may be left out does not count. */
static struct slice compile_message(struct batch_context *c, struct slice source, size_t offset, const char *message)
{
    struct slice rest = slice_skip(source, offset + 2), name, value;
    unsigned line = 1;
    size_t from = 0;

    for (size_t i = 0; i < offset && i < source.n; i++)
        if (source.p[i] == '\n') {
            line++;
            from = i + 1;
        }
    if (slice_starts(slice_skip(source, offset), SLICE("{{")) && slice_cut(&rest, '}', &name) && !named_value(c, name, &value))
        return arena_printf(c->arena, "%u:%zu: named value '%.*s' is not known: give it in namedValues", line,
                            offset - from + 1, SLICE_ARG(name));
    return arena_printf(c->arena, "%u:%zu: %s", line, offset - from + 1, message);
}

static const struct expr *compile(struct batch_context *c, struct slice source, struct outcome *out)
{
    const struct named_source from = { named_value, c, .open = true };
    struct slice text, bad;
    struct named named;
    struct expr_error err;
    const struct expr *e;
    size_t lead;

    named_substitute(c->arena, &from, source, &named, &bad);
    text = policy_text(c->arena, named.text);
    lead = expr_is_expression(named.text) ? 0 : sizeof "@(" - 1;
    e = expr_compile(c->arena, text, NULL, &err);
    if (!e) {
        size_t at = named_offset(&named, err.offset < lead ? 0 : err.offset - lead);

        *out = failed("CompileError", compile_message(c, source, at < source.n ? at : source.n, err.message));
    }
    return e;
}

bool batch_value(struct batch_context *c, const struct json *j, struct expr_value *out)
{
    struct expr_run run = { .arena = c->arena, .host = &batch_host, .data = c };
    struct slice number = json_number_text(j);
    struct expr_exception exc;
    struct outcome failure;
    const struct expr *e;
    struct buf b;

    switch (json_type(j)) {
    case JSON_STRING: *out = expr_value_from_text(c->arena, json_str(j)); return true;
    case JSON_BOOL: *out = expr_value_from_bool(json_bool(j, false)); return true;
    case JSON_NUMBER:
        if (slice_find_byte(number, '.') >= 0 || slice_find_byte(number, 'e') >= 0 || slice_find_byte(number, 'E') >= 0)
            *out = expr_value_from_double(json_double(j, 0));
        else if (json_int(j, 0) == (int32_t)json_int(j, 0))
            *out = expr_value_from_int((int32_t)json_int(j, 0));
        else
            *out = expr_value_from_long(json_int(j, 0));
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY: break;
    default: *out = expr_value_null(); return true;
    }
    if (json_type(json_get(j, "expr")) != JSON_STRING) {
        buf_init(&b, c->arena);
        json_write(&b, j);
        return expr_value_from_json(c->arena, buf_slice(&b), out);
    }
    e = compile(c, json_str(json_get(j, "expr")), &failure);
    if (e && expr_eval(e, &run, out, &exc))
        return true;
    c->error = e ? arena_printf(c->arena, "%.*s: %.*s", SLICE_ARG(exc.type), SLICE_ARG(exc.message)) : failure.text;
    return false;
}

/* Evaluate in the arena `work` and print. */
static struct outcome evaluate(struct arena *a, struct arena *work, struct slice source, const struct json *context)
{
    struct batch_context c;
    struct expr_run run = { .arena = work, .host = &batch_host, .data = &c };
    struct expr_exception exc = { 0 };
    struct outcome out = { .ok = true };
    struct expr_value value;
    const struct expr *e;

    if (!batch_context_open(&c, a, context))
        return (struct outcome){ .bad_context = true, .type = SLICE("BadContext"),
                                 .text = c.error.p ? c.error : SLICE("the context is too large") };
    e = compile(&c, source, &out);
    if (!e)
        return out;
    if (!expr_eval(e, &run, &value, &exc) || !expr_print(&run, value, &out.text, &exc))
        return (struct outcome){ .type = exc.type, .text = exc.message };
    out.type = expr_value_type_name(work, value);
    return out;
}

/* As buf_put_json, and a lone surrogate of a .NET string as \udxxx. */
static void put_text(struct buf *b, struct slice s)
{
    const char *p = s.p, *end = s.p + s.n, *from = p;
    struct buf part;
    uint32_t cp;
    size_t n;

    if (!s.n || slice_is_ascii(s)) {
        buf_put_json(b, s);
        return;
    }
    buf_putc(b, '"');
    while (p <= end) {
        n = text_decode(p, end, &cp);
        if (n == 0 || (cp >= 0xd800 && cp <= 0xdfff)) {
            buf_init(&part, b->arena);
            buf_put_json(&part, slice_of(from, (size_t)(p - from)));
            buf_put(b, slice_sub(buf_slice(&part), 1, part.n - 1));
            if (n == 0)
                break;
            buf_printf(b, "\\u%04x", cp);
            from = p + n;
        }
        p += n;
    }
    buf_putc(b, '"');
}

/* The members of an answer and its end. */
static void put_outcome(struct buf *out, const struct outcome *o)
{
    buf_puts(out, o->ok ? "\"type\":" : "\"error\":");
    if (o->ok && !o->type.n)
        buf_puts(out, "null");
    else
        put_text(out, o->type);
    buf_puts(out, o->ok ? ",\"value\":" : ",\"message\":");
    put_text(out, o->text);
    buf_puts(out, "}\n");
}

/* The same in a batch: a line has an id, null when none was given. */
static void put_line(struct buf *out, const struct json *id, const struct outcome *o)
{
    buf_puts(out, "{\"id\":");
    if (id)
        json_write(out, id);
    else
        buf_puts(out, "null");
    buf_putc(out, ',');
    put_outcome(out, o);
}

static struct outcome run(struct arena *a, struct slice expr, const struct json *context)
{
    struct arena work;
    struct outcome o;

    arena_init_growing(&work, WORK_MAX);
    o = evaluate(a, &work, expr, context);
    o.type = arena_copy(a, o.type);
    o.text = arena_copy(a, o.text);
    arena_free(&work);
    return o;
}

void expr_batch_refuse(struct buf *out, const char *message)
{
    struct outcome bad = failed("BadLine", slice_from(message));

    put_line(out, NULL, &bad);
}

void expr_batch_line(struct arena *a, struct slice line, struct buf *out)
{
    struct err err = { "expr: not a string" };
    const struct json *j = json_parse(a, line, &err), *expr = json_get(j, "expr");
    struct outcome o;

    o = json_type(expr) == JSON_STRING ? run(a, json_str(expr), json_get(j, "context")) : failed("BadLine", slice_from(err.text));
    put_line(out, json_get(j, "id"), &o);
}

enum expr_batch_result expr_batch_one(struct arena *a, struct slice expr, struct slice context, struct buf *out)
{
    const struct json *j = NULL;
    struct outcome o;
    struct err err;

    if (slice_trim(context).n && !(j = json_parse(a, context, &err))) {
        buf_puts(out, err.text);
        return EXPR_BATCH_BAD_CONTEXT;
    }
    o = run(a, expr, j);
    if (o.bad_context) {
        buf_put(out, o.text);
        return EXPR_BATCH_BAD_CONTEXT;
    }
    buf_putc(out, '{');
    put_outcome(out, &o);
    return o.ok ? EXPR_BATCH_VALUE : EXPR_BATCH_RAISED;
}
