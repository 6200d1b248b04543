/* Field tables, classes of bytes, reason phrases, and writing of heads. */
#include "platform/http_int.h"

#include "platform/base/hash.h"

/* ---- classes of bytes ---- */

#define IS_DIGIT(c) ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define IS_TCHAR(c)                                                                                   \
    (IS_DIGIT(c) || IS_ALPHA(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' || (c) == '+' \
     || (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')
#define IS_VALUE(c) ((c) == '\t' || ((c) >= ' ' && (c) != 0x7f))
#define IS_TARGET(c) ((c) > ' ' && (c) < 0x7f && (c) != '#')
/* unreserved, sub-delims, pct-encoded, IP-literal, port (RFC 3986 3.2.2); no userinfo (RFC 9110 4.2.4). A comma is
 * a sub-delim, but two Host values in one line are what it means in practice. */
#define IS_HOST(c)                                                                                      \
    (IS_DIGIT(c) || IS_ALPHA(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~' || (c) == '%'      \
     || (c) == '!' || (c) == '$' || ((c) >= '&' && (c) <= '+') || (c) == ';' || (c) == '=' || (c) == ':' \
     || (c) == '[' || (c) == ']')
#define CLASS(c)                                                                                        \
    ((IS_TCHAR(c) ? HTTP_TOKEN : 0) | (IS_VALUE(c) ? HTTP_VALUE : 0) | (IS_TARGET(c) ? HTTP_TARGET : 0) \
     | (IS_HOST(c) ? HTTP_HOST : 0))
#define ROW4(c) CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define ROW16(c) ROW4(c), ROW4((c) + 4), ROW4((c) + 8), ROW4((c) + 12)

const uint8_t http_class[256] = {
    ROW16(0x00), ROW16(0x10), ROW16(0x20), ROW16(0x30), ROW16(0x40), ROW16(0x50), ROW16(0x60), ROW16(0x70),
    ROW16(0x80), ROW16(0x90), ROW16(0xa0), ROW16(0xb0), ROW16(0xc0), ROW16(0xd0), ROW16(0xe0), ROW16(0xf0),
};

static bool all_are(struct slice s, unsigned class)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_is(s.p[i], class))
            return false;
    return true;
}

bool http_is_token(struct slice s)
{
    return s.n > 0 && all_are(s, HTTP_TOKEN);
}

bool http_is_field_value(struct slice s)
{
    return all_are(s, HTTP_VALUE);
}

bool http_is_hop_by_hop(const struct http_field *field)
{
    struct slice name = field->name;

    switch (name.n) {
    case 2:
        return HTTP_NAME_IS(name, "TE");
    case 7:
        return HTTP_NAME_IS(name, "Upgrade") || HTTP_NAME_IS(name, "Trailer");
    case 10:
        return HTTP_NAME_IS(name, "Connection") || HTTP_NAME_IS(name, "Keep-Alive");
    case 16:
        return HTTP_NAME_IS(name, "Proxy-Connection");
    case 17:
        return HTTP_NAME_IS(name, "Transfer-Encoding");
    case 18:
        return HTTP_NAME_IS(name, "Proxy-Authenticate");
    case 19:
        return HTTP_NAME_IS(name, "Proxy-Authorization");
    default:
        return false;
    }
}

/* ---- tables ---- */

static bool is_named(const struct http_field *field, struct slice name, uint32_t hash)
{
    return field->hash == hash && slice_eq_icase(field->name, name);
}

struct http_field *http_fields_find_hash(const struct http_fields *f, struct slice name, uint32_t hash)
{
    for (uint32_t i = 0; i < f->n; i++)
        if (is_named(&f->v[i], name, hash))
            return &f->v[i];
    return NULL;
}

struct http_field *http_fields_find(const struct http_fields *f, struct slice name)
{
    return http_fields_find_hash(f, name, hash_name(name));
}

struct slice http_fields_get(const struct http_fields *f, struct slice name)
{
    const struct http_field *field = http_fields_find(f, name);

    if (!field)
        return SLICE_NONE;
    /* An empty value is not an absent field. */
    return field->value.p ? field->value : SLICE("");
}

/* Room for what policies usually add, so that most tables are laid once. */
#define SPARE 8u

bool http_fields_own(struct http_fields *f, struct arena *a, const struct http_fields *from)
{
    uint32_t cap = from->n + SPARE;
    struct http_field *v = arena_alloc_raw(a, cap * sizeof *v);

    if (!v)
        return false;
    if (from->n)
        memcpy(v, from->v, from->n * sizeof *v);
    *f = (struct http_fields){ .v = v, .n = from->n, .cap = cap, .arena = a };
    return true;
}

static bool grow(struct http_fields *f)
{
    uint32_t cap = f->cap ? 2 * f->cap : SPARE;

    if (!f->arena)
        return false;
    struct http_field *v = f->v ? arena_grow(f->arena, f->v, f->cap * sizeof *v, cap * sizeof *v)
                                : arena_alloc_raw(f->arena, cap * sizeof *v);
    if (!v)
        return false;
    f->v = v;
    f->cap = cap;
    return true;
}

static bool add(struct http_fields *f, struct slice name, struct slice value, uint32_t hash)
{
    if (f->n == f->cap && !grow(f))
        return false;
    f->v[f->n++] = (struct http_field){ name, value, hash };
    return true;
}

bool http_fields_add(struct http_fields *f, struct slice name, struct slice value)
{
    return add(f, name, value, hash_name(name));
}

/* Remove those from index `from` on; how many. */
static unsigned remove_from(struct http_fields *f, uint32_t from, struct slice name, uint32_t hash)
{
    uint32_t kept = from;

    for (uint32_t i = from; i < f->n; i++)
        if (!is_named(&f->v[i], name, hash))
            f->v[kept++] = f->v[i];
    unsigned removed = f->n - kept;
    f->n = kept;
    return removed;
}

unsigned http_fields_remove(struct http_fields *f, struct slice name)
{
    return remove_from(f, 0, name, hash_name(name));
}

bool http_fields_set(struct http_fields *f, struct slice name, struct slice value)
{
    uint32_t hash = hash_name(name);
    struct http_field *first = http_fields_find_hash(f, name, hash);

    if (!first)
        return add(f, name, value, hash);
    /* name may point to what the caller gave, the old one to what is about to go */
    first->name = name;
    first->value = value;
    remove_from(f, (uint32_t)(first - f->v) + 1, name, hash);
    return true;
}

/* ---- writing ---- */

struct slice http_reason(int status)
{
    switch (status) {
#define REASON(code, text) \
    case code:             \
        return SLICE(text);
        REASON(100, "Continue")
        REASON(101, "Switching Protocols")
        REASON(102, "Processing")
        REASON(103, "Early Hints")
        REASON(200, "OK")
        REASON(201, "Created")
        REASON(202, "Accepted")
        REASON(203, "Non-Authoritative Information")
        REASON(204, "No Content")
        REASON(205, "Reset Content")
        REASON(206, "Partial Content")
        REASON(207, "Multi-Status")
        REASON(208, "Already Reported")
        REASON(226, "IM Used")
        REASON(300, "Multiple Choices")
        REASON(301, "Moved Permanently")
        REASON(302, "Found")
        REASON(303, "See Other")
        REASON(304, "Not Modified")
        REASON(305, "Use Proxy")
        REASON(307, "Temporary Redirect")
        REASON(308, "Permanent Redirect")
        REASON(400, "Bad Request")
        REASON(401, "Unauthorized")
        REASON(402, "Payment Required")
        REASON(403, "Forbidden")
        REASON(404, "Not Found")
        REASON(405, "Method Not Allowed")
        REASON(406, "Not Acceptable")
        REASON(407, "Proxy Authentication Required")
        REASON(408, "Request Timeout")
        REASON(409, "Conflict")
        REASON(410, "Gone")
        REASON(411, "Length Required")
        REASON(412, "Precondition Failed")
        REASON(413, "Content Too Large")
        REASON(414, "URI Too Long")
        REASON(415, "Unsupported Media Type")
        REASON(416, "Range Not Satisfiable")
        REASON(417, "Expectation Failed")
        REASON(418, "I'm a teapot")
        REASON(421, "Misdirected Request")
        REASON(422, "Unprocessable Content")
        REASON(423, "Locked")
        REASON(424, "Failed Dependency")
        REASON(425, "Too Early")
        REASON(426, "Upgrade Required")
        REASON(428, "Precondition Required")
        REASON(429, "Too Many Requests")
        REASON(431, "Request Header Fields Too Large")
        REASON(451, "Unavailable For Legal Reasons")
        REASON(500, "Internal Server Error")
        REASON(501, "Not Implemented")
        REASON(502, "Bad Gateway")
        REASON(503, "Service Unavailable")
        REASON(504, "Gateway Timeout")
        REASON(505, "HTTP Version Not Supported")
        REASON(506, "Variant Also Negotiates")
        REASON(507, "Insufficient Storage")
        REASON(508, "Loop Detected")
        REASON(511, "Network Authentication Required")
#undef REASON
    default:
        return SLICE("Unknown");
    }
}

void http_put_status_line(struct buf *b, int status, struct slice reason)
{
    buf_put(b, SLICE("HTTP/1.1 "));
    buf_put_u64(b, (uint64_t)status);
    buf_putc(b, ' ');
    buf_put(b, reason.n ? reason : http_reason(status));
    buf_put(b, SLICE("\r\n"));
}

void http_put_field(struct buf *b, struct slice name, struct slice value)
{
    buf_put(b, name);
    buf_put(b, SLICE(": "));
    buf_put(b, value);
    buf_put(b, SLICE("\r\n"));
}
