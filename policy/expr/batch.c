/* `eval`: expressions in, JSON lines out. */
#include "policy/expr/batch.h"

#include "policy/expr/batch_int.h"
#include "policy/expr/text.h"

/* Memory of one evaluation: far over a request's arena, so that what fails here fails there too for another reason. */
#define WORK_MAX ((size_t)64 << 20)

/* {{name}} replaced by the value of namedValues, as a gateway does before it compiles; unknown ones stay. */
static struct slice put_named_values(struct arena *a, struct slice text, const struct json *values)
{
    ptrdiff_t at;
    struct buf b;

    if (!values || slice_find(text, SLICE("{{")) < 0)
        return text;
    buf_init(&b, a);
    while ((at = slice_find(text, SLICE("{{"))) >= 0) {
        struct slice rest = slice_skip(text, (size_t)at + 2);
        ptrdiff_t end = slice_find(rest, SLICE("}}"));
        const struct json *v = end < 0 ? NULL : json_get_slice(values, slice_trim(slice_first(rest, (size_t)end)));

        buf_put(&b, slice_first(text, (size_t)at));
        if (v)
            buf_put(&b, json_str(v));
        else
            buf_puts(&b, "{{");
        text = v ? slice_skip(rest, (size_t)end + 2) : rest;
    }
    buf_put(&b, text);
    return buf_slice(&b);
}

static struct slice policy_text(struct arena *a, struct slice expr)
{
    if (expr_is_expression(expr))
        return expr;
    return arena_concat(a, (struct slice[]){ SLICE("@("), expr, SLICE("\n)") }, 3);
}

struct outcome {
    bool ok;
    struct slice type, text; /* of the value, or of the exception */
};

static struct outcome failed(const char *error, struct slice message)
{
    return (struct outcome){ .type = slice_from(error), .text = message };
}

static const struct expr *compile(struct batch_context *c, struct slice source, struct outcome *out)
{
    struct slice text = policy_text(c->arena, put_named_values(c->arena, source, json_get(c->json, "namedValues")));
    struct expr_error err;
    const struct expr *e = expr_compile(c->arena, text, NULL, &err);

    if (!e)
        *out = failed("CompileError", arena_printf(c->arena, "%u:%u: %s", err.line, err.column, err.message));
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
    c->error = e ? exc.message : failure.text;
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
        return failed("BadContext", c.error.p ? c.error : SLICE("the context is too large"));
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

static void put_outcome(struct buf *out, const struct json *id, const struct outcome *o)
{
    buf_putc(out, '{');
    if (id) {
        buf_puts(out, "\"id\":");
        json_write(out, id);
        buf_putc(out, ',');
    }
    buf_puts(out, o->ok ? "\"type\":" : "\"error\":");
    if (o->ok && !o->type.n)
        buf_puts(out, "null");
    else
        put_text(out, o->type);
    buf_puts(out, o->ok ? ",\"value\":" : ",\"message\":");
    put_text(out, o->text);
    buf_puts(out, "}\n");
}

static bool run(struct arena *a, const struct json *id, struct slice expr, const struct json *context, struct buf *out)
{
    struct arena work;
    struct outcome o;

    arena_init_growing(&work, WORK_MAX);
    o = evaluate(a, &work, expr, context);
    put_outcome(out, id, &o);
    arena_free(&work);
    return o.ok;
}

void expr_batch_line(struct arena *a, struct slice line, struct buf *out)
{
    struct err err = { "expr: not a string" };
    const struct json *j = json_parse(a, line, &err), *expr = json_get(j, "expr");
    struct outcome bad;

    if (json_type(expr) == JSON_STRING) {
        run(a, json_get(j, "id"), json_str(expr), json_get(j, "context"), out);
        return;
    }
    bad = failed("BadLine", slice_from(err.text));
    put_outcome(out, json_get(j, "id"), &bad);
}

bool expr_batch_one(struct arena *a, struct slice expr, struct slice context, struct buf *out)
{
    const struct json *j = NULL;
    struct outcome bad;
    struct err err;

    if (slice_trim(context).n) {
        j = json_parse(a, context, &err);
        if (json_type(j) != JSON_OBJECT) {
            bad = failed("BadContext", slice_from(j ? "not an object" : err.text));
            put_outcome(out, NULL, &bad);
            return false;
        }
    }
    return run(a, NULL, expr, j, out);
}
