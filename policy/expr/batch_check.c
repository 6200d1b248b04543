/* Is a context document what interface.md 1 describes? Every member must be known and of its type, so that a slip of the
 * pen does not read as "absent". Null is absent everywhere; where text is wanted a number or a boolean stands for its text. */
#include "platform/base/buf.h"
#include "platform/base/nearest.h"
#include "policy/expr/batch_int.h"

/* Longest path of a member, "api.subscriptionKeyParameterNames.header", and the longest value shown in an error. */
#define PATH_MAX_BYTES 96
#define SHOWN_MAX 60

enum form { FORM_TEXT, FORM_BOOL, FORM_INT, FORM_TIME, FORM_GUID, FORM_URL, FORM_TEXTS, FORM_HEADERS, FORM_ROWS, FORM_BYTES, FORM_CERTIFICATES, FORM_ANY };

static const char *const wanted[] = {
    [FORM_TEXT] = "a text", [FORM_BOOL] = "true or false", [FORM_INT] = "a whole number",
    [FORM_TIME] = "a time as 2024-01-31T12:00:00Z", [FORM_GUID] = "a GUID", [FORM_URL] = "a URL with http:// or https://, or a path",
    [FORM_TEXTS] = "an object of texts", [FORM_HEADERS] = "an object of texts and lists of texts", [FORM_ROWS] = "a list",
    [FORM_BYTES] = "a text or {\"base64\"}", [FORM_CERTIFICATES] = "an object of certificates", [FORM_ANY] = "an object",
};

/* Paths in the document; those of host.def are the C# ones, with "context." and capitals. */
static const struct member_form {
    const char *path;
    enum form form;
} members[] = {
#define ITEM(name, path, type) { path, FORM_##type },
#include "policy/expr/host.def"
#undef ITEM
    { "context.Api.Protocols", FORM_ROWS },
    { "context.Deployment.GatewayId", FORM_TEXT },
    { "context.Deployment.Certificates", FORM_CERTIFICATES },
    { "context.Product.Groups", FORM_ROWS },
    { "context.Product.Apis", FORM_ROWS },
    { "context.User.Groups", FORM_ROWS },
    { "context.User.Identities", FORM_ROWS },
    { "context.Request.Method", FORM_TEXT },
    { "context.Request.Url", FORM_URL },
    { "context.Request.OriginalUrl", FORM_URL },
    { "context.Request.Headers", FORM_HEADERS },
    { "context.Request.MatchedParameters", FORM_TEXTS },
    { "context.Request.Body", FORM_ANY },
    { "context.Request.Certificate", FORM_BYTES },
    { "context.Response.StatusCode", FORM_INT },
    { "context.Response.StatusReason", FORM_TEXT },
    { "context.Response.Headers", FORM_HEADERS },
    { "context.Response.Body", FORM_ANY },
    { "context.Variables", FORM_ANY },
    { "context.NamedValues", FORM_TEXTS },
};

/* The path of member i as the document writes it. */
static struct slice path_at(const void *list, size_t i, char out[PATH_MAX_BYTES])
{
    const char *p = ((const struct member_form *)list)[i].path + sizeof "context." - 1;
    size_t n = 0;

    for (bool first = true; *p && n < PATH_MAX_BYTES; p++) {
        out[n++] = first ? ascii_lower(*p) : *p;
        first = *p == '.';
    }
    return slice_of(out, n);
}

static bool refuse(struct batch_context *c, struct slice path, const struct json *j, const char *expected)
{
    struct buf shown;

    buf_init(&shown, c->arena);
    json_write(&shown, j);
    c->error = arena_printf(c->arena, "%.*s: %.*s%s: expected %s", SLICE_ARG(path), SLICE_ARG(slice_first(buf_slice(&shown), SHOWN_MAX)),
                            buf_slice(&shown).n > SHOWN_MAX ? "..." : "", expected);
    return false;
}

static bool is_text(const struct json *j)
{
    return json_type(j) == JSON_STRING || json_type(j) == JSON_NUMBER || json_type(j) == JSON_BOOL || json_type(j) == JSON_NULL;
}

static bool all_texts(const struct json *j)
{
    struct json_iter it = json_iter(j);
    bool texts = true;

    while (json_next(&it))
        texts &= is_text(it.value);
    return texts;
}

static bool is_url(struct slice s)
{
    return slice_starts(s, SLICE("/")) || slice_starts_icase(s, SLICE("http://")) || slice_starts_icase(s, SLICE("https://"));
}

static bool is_guid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? s.p[i] != '-' : ascii_hex_value(s.p[i]) < 0)
            return false;
    return s.n == 36;
}

/* The texts of a row, or a text that stands for all of them. */
static bool is_row(const struct json *j)
{
    return json_type(j) == JSON_OBJECT ? all_texts(j) : is_text(j);
}

static bool is_bytes(struct batch_context *c, const struct json *j)
{
    return json_type(j) == JSON_STRING || (json_type(j) == JSON_OBJECT && batch_bytes(c->arena, j).p);
}

static bool has_form(struct batch_context *c, const struct json *j, enum form form)
{
    struct json_iter it = json_iter(j);
    uint64_t ns;
    bool fits = true;

    switch (form) {
    case FORM_TEXT: return is_text(j);
    case FORM_BOOL: return json_type(j) == JSON_BOOL;
    case FORM_INT: return json_type(j) == JSON_NUMBER && json_double(j, 0.5) == (double)(int32_t)json_int(j, 0);
    case FORM_TIME: return batch_time(json_str(j), &ns);
    case FORM_GUID: return is_guid(json_str(j));
    case FORM_URL: return is_url(json_str(j));
    case FORM_TEXTS: return json_type(j) == JSON_OBJECT && all_texts(j);
    case FORM_HEADERS:
        while (json_next(&it))
            fits &= is_text(it.value) || (json_type(it.value) == JSON_ARRAY && all_texts(it.value));
        return fits && json_type(j) == JSON_OBJECT;
    case FORM_ROWS:
        while (json_next(&it))
            fits &= is_row(it.value);
        return fits && json_type(j) == JSON_ARRAY;
    case FORM_BYTES: return is_bytes(c, j);
    case FORM_CERTIFICATES:
        while (json_next(&it))
            fits &= is_bytes(c, it.value);
        return fits && json_type(j) == JSON_OBJECT;
    case FORM_ANY: return true;
    }
    return false;
}

/* What is wrong with the forms that hold any value. */
static bool check_any(struct batch_context *c, struct slice path, const struct json *j)
{
    if (slice_eq(path, SLICE("variables")))
        return json_type(j) == JSON_OBJECT || refuse(c, path, j, wanted[FORM_ANY]);
    if (json_get(j, "base64") && json_count(j) == 1 && !batch_bytes(c->arena, j).p)
        return refuse(c, path, j, "base64");
    return true;
}

static struct slice name_at(const void *list, size_t i)
{
    return ((const struct slice *)list)[i];
}

/* An unknown member, with the nearest of those that could stand there. */
static bool unknown(struct batch_context *c, struct slice prefix, struct slice key)
{
    struct slice names[COUNT_OF(members)], path, name;
    char text[PATH_MAX_BYTES];
    ptrdiff_t nearest;
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        path = path_at(members, i, text);
        if (!slice_starts(path, prefix))
            continue;
        path = slice_skip(path, prefix.n);
        if (slice_cut(&path, '.', &name))
            names[n++] = arena_copy(c->arena, name);
    }
    nearest = nearest_find(key, names, n, name_at);
    c->error = nearest < 0 ? arena_printf(c->arena, "%.*s%.*s: unknown", SLICE_ARG(prefix), SLICE_ARG(key))
                           : arena_printf(c->arena, "%.*s%.*s: unknown: did you mean '%.*s'?", SLICE_ARG(prefix), SLICE_ARG(key), SLICE_ARG(names[nearest]));
    return false;
}

static bool check_object(struct batch_context *c, struct slice prefix, const struct json *j);

static bool check_member(struct batch_context *c, struct slice prefix, struct slice key, const struct json *j)
{
    struct slice path = arena_concat(c->arena, (struct slice[]){ prefix, key }, 2), known;
    char text[PATH_MAX_BYTES];

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        known = path_at(members, i, text);
        if (slice_eq(known, path)) {
            if (json_type(j) == JSON_NULL)
                return true;
            return members[i].form == FORM_ANY ? check_any(c, path, j)
                                               : has_form(c, j, members[i].form) || refuse(c, path, j, wanted[members[i].form]);
        }
        if (slice_starts(known, path) && known.n > path.n && known.p[path.n] == '.') {
            if (json_type(j) == JSON_NULL)
                return true;
            if (json_type(j) != JSON_OBJECT)
                return refuse(c, path, j, "an object");
            return check_object(c, arena_concat(c->arena, (struct slice[]){ path, SLICE(".") }, 2), j);
        }
    }
    return unknown(c, prefix, key);
}

static bool check_object(struct batch_context *c, struct slice prefix, const struct json *j)
{
    struct json_iter it = json_iter(j);

    while (json_next(&it))
        if (!check_member(c, prefix, it.key, it.value))
            return false;
    return true;
}

bool batch_check(struct batch_context *c)
{
    if (!c->json || json_type(c->json) == JSON_OBJECT)
        return check_object(c, SLICE(""), c->json);
    c->error = SLICE("not an object");
    return false;
}
