/* JSON trees: yyjson's values behind our names. Numbers keep their source text, so that no digit is
 * lost. */
#include "platform/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <yyjson.h>

#include "platform/base/buf.h"

/* Longest text of a number that is converted; a longer one reads as absent. */
#define NUMBER_MAX 64u

static yyjson_val *val(const struct json *j)
{
    return (yyjson_val *)(uintptr_t)j;
}

static const struct json *json_of(const void *v)
{
    return v;
}

/* ---- reading ---- */

static void *allocate(void *arena, size_t n)
{
    return arena_alloc_raw(arena, n);
}

static void *reallocate(void *arena, void *p, size_t old_n, size_t n)
{
    return arena_grow(arena, p, old_n, n);
}

static void release(void *arena, void *p)
{
    (void)arena; /* goes with the arena */
    (void)p;
}

static bool fail_at(struct err *err, struct slice text, size_t at, const char *why)
{
    unsigned line = 1, column = 1;

    for (size_t i = 0; i < at && i < text.n; i++) {
        column = text.p[i] == '\n' ? 1 : column + 1;
        line += text.p[i] == '\n';
    }
    return err_set(err, "line %u column %u: %s", line, column, why);
}

/* Depth is bounded before parsing: those who walk a tree may then recurse. */
static bool depth_is_bounded(struct slice text, struct err *err)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return fail_at(err, text, i, "nested too deeply");
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        }
    }
    return true;
}

const struct json *json_parse(struct arena *a, struct slice text, struct err *err)
{
    const char *origin;

    return json_parse_from(a, text, &origin, err);
}

const struct json *json_parse_from(struct arena *a, struct slice text, const char **origin,
                                   struct err *err)
{
    *origin = NULL;
    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_skip(text, 3);
    if (!text.n) {
        err_set(err, "line 1 column 1: empty");
        return NULL;
    }
    if (!depth_is_bounded(text, err))
        return NULL;

    yyjson_alc alc = { allocate, reallocate, release, a };
    yyjson_read_err why = { 0 };
    /* Without the in-situ flag the text is copied, not written to. */
    yyjson_doc *doc =
        yyjson_read_opts((char *)(uintptr_t)text.p, text.n, YYJSON_READ_NUMBER_AS_RAW, &alc, &why);
    if (!doc) {
        fail_at(err, text, why.pos, why.msg);
        return NULL;
    }
    *origin = doc->str_pool; /* strings are unescaped where they stand in the copy */
    return json_of(yyjson_doc_get_root(doc));
}

enum json_type json_type(const struct json *j)
{
    switch (yyjson_get_type(val(j))) {
    case YYJSON_TYPE_NULL: return JSON_NULL;
    case YYJSON_TYPE_BOOL: return JSON_BOOL;
    case YYJSON_TYPE_RAW: return JSON_NUMBER;
    case YYJSON_TYPE_STR: return JSON_STRING;
    case YYJSON_TYPE_ARR: return JSON_ARRAY;
    case YYJSON_TYPE_OBJ: return JSON_OBJECT;
    default: return JSON_ABSENT;
    }
}

/* ---- members and elements ---- */

struct json_iter json_iter(const struct json *j)
{
    struct json_iter it = { .container = j, .count = json_count(j) };

    if (it.count)
        it.cursor = unsafe_yyjson_get_first(val(j));
    return it;
}

bool json_next(struct json_iter *it)
{
    if (it->index >= it->count)
        return false;
    yyjson_val *v = val(json_of(it->cursor));
    if (yyjson_is_obj(val(it->container))) {
        it->key = slice_of(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v));
        v++; /* a member's value follows its name */
    }
    it->value = json_of(v);
    it->cursor = unsafe_yyjson_get_next(v);
    it->index++;
    return true;
}

size_t json_count(const struct json *j)
{
    yyjson_val *v = val(j);

    return yyjson_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
}

const struct json *json_get_slice(const struct json *j, struct slice name)
{
    const struct json *found = NULL;

    if (!yyjson_is_obj(val(j)))
        return NULL;
    struct json_iter it = json_iter(j);
    while (json_next(&it))
        if (slice_eq(it.key, name))
            found = it.value;
    return found;
}

const struct json *json_get(const struct json *j, const char *name)
{
    return json_get_slice(j, slice_from(name));
}

const struct json *json_path(const struct json *j, ...)
{
    va_list names;
    const char *name;

    va_start(names, j);
    while ((name = va_arg(names, const char *)))
        j = json_get(j, name);
    va_end(names);
    return j;
}

/* ---- scalars ---- */

struct slice json_str(const struct json *j)
{
    yyjson_val *v = val(j);

    return yyjson_is_str(v) ? slice_of(unsafe_yyjson_get_str(v), unsafe_yyjson_get_len(v))
                            : SLICE_NONE;
}

struct slice json_number_text(const struct json *j)
{
    yyjson_val *v = val(j);

    return yyjson_is_raw(v) ? slice_of(unsafe_yyjson_get_raw(v), unsafe_yyjson_get_len(v))
                            : SLICE_NONE;
}

bool json_bool(const struct json *j, bool otherwise)
{
    return yyjson_is_bool(val(j)) ? unsafe_yyjson_get_bool(val(j)) : otherwise;
}

static bool number_copy(const struct json *j, char out[NUMBER_MAX])
{
    struct slice s = json_number_text(j);

    if (!s.n || s.n >= NUMBER_MAX)
        return false;
    memcpy(out, s.p, s.n);
    out[s.n] = 0;
    return true;
}

double json_double(const struct json *j, double otherwise)
{
    struct slice s = json_number_text(j);
    char text[NUMBER_MAX];

    if (number_copy(j, text))
        return strtod(text, NULL);
    if (!s.n)
        return otherwise;
    /* Longer than our copy: the text ends at a byte that no number contains. */
    return strtod(s.p, NULL);
}

int64_t json_int(const struct json *j, int64_t otherwise)
{
    struct slice s = json_number_text(j);
    bool negative = s.n && s.p[0] == '-';
    uint64_t magnitude;

    if (slice_to_u64(slice_skip(s, negative), (uint64_t)INT64_MAX + negative, &magnitude))
        return negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    /* 1e3, 5.0: a whole number written otherwise. */
    double d = json_double(j, 0.5);
    if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == (double)(int64_t)d)
        return (int64_t)d;
    return otherwise;
}

/* ---- writing ---- */

static void write_members(struct buf *b, const struct json *j, char open, char close)
{
    struct json_iter it = json_iter(j);

    buf_putc(b, open);
    while (json_next(&it)) {
        if (it.index > 1)
            buf_putc(b, ',');
        if (open == '{') {
            buf_put_json(b, it.key);
            buf_putc(b, ':');
        }
        json_write(b, it.value);
    }
    buf_putc(b, close);
}

/* Recursion ends at JSON_DEPTH_MAX. */
void json_write(struct buf *b, const struct json *j)
{
    switch (json_type(j)) {
    case JSON_ABSENT:
    case JSON_NULL: buf_puts(b, "null"); break;
    case JSON_BOOL: buf_puts(b, json_bool(j, false) ? "true" : "false"); break;
    case JSON_NUMBER: buf_put(b, json_number_text(j)); break;
    case JSON_STRING: buf_put_json(b, json_str(j)); break;
    case JSON_ARRAY: write_members(b, j, '[', ']'); break;
    case JSON_OBJECT: write_members(b, j, '{', '}'); break;
    }
}
