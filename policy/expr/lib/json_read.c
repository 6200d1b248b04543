/* Reading JSON as Newtonsoft's JsonTextReader does: single quotes, unquoted names, comments and trailing commas too. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/expr/lib/json.h"

#define DEPTH_MAX 200

struct reader {
    struct vm *vm;
    const char *start, *p, *end;
    unsigned depth;
};

static void *fail(struct reader *r, const char *what)
{
    unsigned line = 1, column = 0;

    for (const char *q = r->start; q < r->p; q++) {
        column++;
        if (*q == '\n') {
            line++;
            column = 0;
        }
    }
    vm_throw(r->vm, TYPE_JSONREADEREXCEPTION, "%s Path '', line %u, position %u.", what, line, column);
    return NULL;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end) {
        if (ascii_is_space(*r->p)) {
            r->p++;
        } else if (*r->p == '/' && r->p + 1 < r->end && r->p[1] == '*') {
            for (r->p += 2; r->p < r->end && !(r->p[0] == '*' && r->p + 1 < r->end && r->p[1] == '/');)
                r->p++;
            r->p += r->p < r->end ? 2 : 0;
        } else if (*r->p == '/' && r->p + 1 < r->end && r->p[1] == '/') {
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        } else {
            return;
        }
    }
}

static bool read_escape(struct reader *r, struct buf *b)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
    const char *at;
    uint32_t unit = 0;

    if (++r->p >= r->end)
        return false;
    if (*r->p == 'u') {
        r->p++;
        for (int i = 0; i < 4; i++, r->p++) {
            if (r->p >= r->end || ascii_hex_value(*r->p) < 0)
                return false;
            unit = unit << 4 | (uint32_t)ascii_hex_value(*r->p);
        }
        text_put_unit(b, unit);
        return true;
    }
    at = strchr(from, *r->p);
    if (!at || !*r->p)
        return false;
    buf_putc(b, to[at - from]);
    r->p++;
    return true;
}

static bool read_string(struct reader *r, struct expr_value *out)
{
    char quote = *r->p++;
    const char *start = r->p;
    struct buf b;

    while (r->p < r->end && *r->p != quote && *r->p != '\\')
        r->p++;
    if (r->p < r->end && *r->p == quote) {
        *out = str_make(r->vm, slice_of(start, (size_t)(r->p++ - start)));
        return !r->vm->arena->overflow;
    }
    buf_init(&b, r->vm->arena);
    buf_put(&b, slice_of(start, (size_t)(r->p - start)));
    while (r->p < r->end && *r->p != quote) {
        if (*r->p != '\\') {
            buf_putc(&b, *r->p++);
        } else if (!read_escape(r, &b)) {
            fail(r, "Bad JSON escape sequence.");
            return false;
        }
    }
    if (r->p >= r->end) {
        fail(r, "Unterminated string.");
        return false;
    }
    r->p++;
    *out = text_value(buf_slice(&b));
    return !b.failed;
}

static struct jtoken *read_number(struct reader *r)
{
    char text[64], *stop;
    size_t n = 0;
    bool real = false;
    struct expr_value v = { .kind = EXPR_I64 };

    while (r->p + n < r->end && n < sizeof text - 1 && (ascii_is_digit(r->p[n]) || strchr("+-.eE", r->p[n]))) {
        real |= r->p[n] == '.' || (r->p[n] | 32) == 'e';
        text[n] = r->p[n];
        n++;
    }
    text[n] = 0;
    if (!real) {
        uint64_t u;
        bool negative = text[0] == '-';

        if (!slice_to_u64(slice_from(text + negative), (uint64_t)INT64_MAX + negative, &u)) {
            real = true;
        } else {
            v.i = negative ? (int64_t)(0 - u) : (int64_t)u;
            stop = text + n;
        }
    }
    if (real) {
        v = val_double(strtod(text, &stop));
    }
    if (n == 0 || *stop)
        return fail(r, "Unexpected character encountered while parsing number.");
    r->p += n;
    return json_value(r->vm, v);
}

static struct jtoken *read_value(struct reader *r);

static bool read_name(struct reader *r, struct expr_value *out)
{
    const char *start = r->p;

    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, out);
    while (r->p < r->end && (ascii_is_alpha(*r->p) || ascii_is_digit(*r->p) || *r->p == '_' || *r->p == '$'))
        r->p++;
    if (r->p == start) {
        char what[80];
        snprintf(what, sizeof what, "Invalid property identifier character: %c.", *r->p);
        fail(r, what);
        return false;
    }
    *out = str_make(r->vm, slice_of(start, (size_t)(r->p - start)));
    return true;
}

static struct jtoken *read_object(struct reader *r)
{
    struct jtoken *o = json_new(r->vm, TYPE_JOBJECT, JSON_K_OBJECT), *value;
    struct expr_value name;

    for (r->p++; o;) {
        skip_space(r);
        if (r->p >= r->end)
            return fail(r, "Unexpected end of content while loading JObject.");
        if (*r->p == '}') {
            r->p++;
            return o;
        }
        if (!read_name(r, &name))
            return NULL;
        skip_space(r);
        if (r->p >= r->end || *r->p != ':')
            return fail(r, r->p >= r->end ? "Unexpected end of content while loading JObject." : "Invalid character after parsing property name.");
        r->p++;
        value = read_value(r);
        if (!value || !json_set(r->vm, o, name, value))
            return NULL;
        skip_space(r);
        if (r->p < r->end && *r->p == ',')
            r->p++;
        else if (r->p < r->end && *r->p != '}')
            return fail(r, "After parsing a value an unexpected character was encountered.");
    }
    return NULL;
}

static struct jtoken *read_array(struct reader *r)
{
    struct jtoken *array = json_new(r->vm, TYPE_JARRAY, JSON_K_ARRAY), *value;

    for (r->p++; array;) {
        skip_space(r);
        if (r->p >= r->end)
            return fail(r, "Unexpected end of content while loading JArray.");
        if (*r->p == ']') {
            r->p++;
            return array;
        }
        value = read_value(r);
        if (!value || !json_append(r->vm, array, value))
            return NULL;
        skip_space(r);
        if (r->p < r->end && *r->p == ',')
            r->p++;
        else if (r->p < r->end && *r->p != ']')
            return fail(r, "After parsing a value an unexpected character was encountered.");
    }
    return NULL;
}

static struct jtoken *read_word(struct reader *r)
{
    static const struct { const char *text; struct expr_value v; } words[] = {
        { "true", { .kind = EXPR_BOOL, .i = 1 } }, { "false", { .kind = EXPR_BOOL } }, { "null", { .kind = EXPR_NULL } },
        { "NaN", { .kind = EXPR_F64, .d = (double)NAN } }, { "Infinity", { .kind = EXPR_F64, .d = (double)INFINITY } },
        { "-Infinity", { .kind = EXPR_F64, .d = -(double)INFINITY } } };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (slice_starts(slice_of(r->p, (size_t)(r->end - r->p)), slice_from(words[i].text))) {
            r->p += strlen(words[i].text);
            return json_value(r->vm, words[i].v);
        }
    return fail(r, "Unexpected character encountered while parsing value.");
}

static struct jtoken *read_value(struct reader *r)
{
    struct jtoken *t;
    struct expr_value s;

    skip_space(r);
    if (r->p >= r->end)
        return fail(r, "Unexpected end of content while loading JObject.");
    if (*r->p == '{' || *r->p == '[') {
        if (++r->depth > DEPTH_MAX) {
            vm_throw_budget(r->vm, "depth");
            return NULL;
        }
        t = *r->p == '{' ? read_object(r) : read_array(r);
        r->depth--;
        return t;
    }
    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, &s) ? json_value(r->vm, s) : NULL;
    if (ascii_is_digit(*r->p) || (*r->p == '-' && r->p + 1 < r->end && r->p[1] != 'I'))
        return read_number(r);
    return read_word(r);
}

struct jtoken *json_read(struct vm *vm, struct slice text, unsigned type)
{
    struct reader r = { .vm = vm, .start = text.p, .p = text.p, .end = text.p + text.n };
    struct jtoken *t;

    if (!vm_charge(vm, (uint32_t)(text.n / 64)))
        return NULL;
    skip_space(&r);
    if (r.p >= r.end) {
        vm_throw(vm, TYPE_JSONREADEREXCEPTION, "Error reading %s from JsonReader. Path '', line 0, position 0.", type_defs[type].name);
        return NULL;
    }
    if ((type == TYPE_JOBJECT && *r.p == '[') || (type == TYPE_JARRAY && *r.p == '{')) {
        vm_throw(vm, TYPE_JSONREADEREXCEPTION, "Error reading %s from JsonReader. Current JsonReader item is not an %s: %s. Path '', line 1, position 1.",
                 type_defs[type].name, type == TYPE_JOBJECT ? "object" : "array", *r.p == '[' ? "StartArray" : "StartObject");
        return NULL;
    }
    t = read_value(&r);
    if (!t)
        return NULL;
    skip_space(&r);
    if (r.p < r.end) {
        char what[100];
        snprintf(what, sizeof what, "Additional text encountered after finished reading JSON content: %c.", *r.p);
        return fail(&r, what);
    }
    if (type != TYPE_JTOKEN && t->head.type->id != type) {
        vm_throw(vm, TYPE_JSONREADEREXCEPTION, "Error reading %s from JsonReader. Current JsonReader item is not an %s. Path '', line 1, position 1.",
                 type_defs[type].name, type == TYPE_JOBJECT ? "object" : "array");
        return NULL;
    }
    return t;
}
