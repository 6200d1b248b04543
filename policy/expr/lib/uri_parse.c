/* Parsing URIs as System.Uri does: canonical form of scheme, host, port, path; relative references resolved.
 *
 * uri := scheme ':' ['//' [user '@'] host [':' port]] path ['?' query] ['#' fragment]        (RFC 3986) */
#include <arpa/inet.h>

#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/uri_lib.h"

#include "platform/base/utf8.h"

#define URI_MAX 65519u /* .NET's limit */
#define LABEL_MAX 63

static const struct {
    const char *name;
    int32_t port;
    bool dotted; /* backslashes are slashes, "." and ".." are resolved, an empty path is "/" */
    bool bare;   /* no host: all behind ":" is the path */
} schemes[] = {
    { "http", 80, true, false },     { "https", 443, true, false },   { "ws", 80, true, false },
    { "wss", 443, true, false },     { "ftp", 21, true, false },      { "file", -1, true, false },
    { "net.tcp", 808, true, false }, { "net.pipe", -1, true, false }, { "gopher", 70, true, false },
    { "ldap", 389, true, false },    { "nntp", 119, true, false },    { "telnet", 23, true, false },
    { "mailto", 25, false, true },   { "news", -1, false, true },     { "uuid", -1, false, true },
    { "urn", -1, false, true },
};

static int scheme_index(struct slice s)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (slice_eq_icase(s, slice_from(schemes[i].name)))
            return (int)i;
    return -1;
}

int32_t uri_default_port(struct slice scheme)
{
    int i = scheme_index(scheme);

    return i < 0 ? -1 : schemes[i].port;
}

bool uri_is_scheme(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(ascii_is_alpha(s.p[i]) ||
              (i > 0 && (ascii_is_digit(s.p[i]) || s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.'))))
            return false;
    return s.n > 0;
}

/* ---- escaping ---- */

static bool is_escape(struct slice s, size_t at)
{
    return at + 2 < s.n && s.p[at] == '%' && ascii_hex_value(s.p[at + 1]) >= 0 &&
           ascii_hex_value(s.p[at + 2]) >= 0;
}

static const struct percent_style uri_style = { .safe = "-_.~;/?:@&=+$,#[]!'()*" };

static bool is_unreserved(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* "%41": escapes of unreserved characters are undone (RFC 3986 6.2.2.2), those of what is no ASCII get big letters. */
static void put_escape(struct buf *b, struct slice escape)
{
    unsigned char c = (unsigned char)(ascii_hex_value(escape.p[1]) << 4 | ascii_hex_value(escape.p[2]));

    if (is_unreserved((char)c))
        buf_putc(b, (char)c);
    else if (c >= 0x80)
        buf_printf(b, "%%%02X", c);
    else
        buf_put(b, escape);
}

struct expr_value uri_canonical(struct vm *vm, struct slice s, bool keep_escapes)
{
    struct buf b;
    size_t from = 0;

    buf_init(&b, vm->arena);
    for (size_t i = 0; keep_escapes && i < s.n; i++)
        if (is_escape(s, i)) {
            percent_put(&b, slice_sub(s, from, i), &uri_style);
            put_escape(&b, slice_sub(s, i, i + 3));
            from = i + 3;
            i += 2;
        }
    percent_put(&b, slice_skip(s, from), &uri_style);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* What .NET does not unescape, for it would read as something else. */
static bool is_unsafe(uint32_t c)
{
    return c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c < 0x80 && strchr(";/?:@&=+$,#[]!'()*%\\", (int)c));
}

struct expr_value uri_unescape_safe(struct vm *vm, struct slice s)
{
    struct buf b;

    buf_init(&b, vm->arena);
    for (size_t i = 0; i < s.n; i++) {
        char run[4];
        size_t n = 0;
        uint32_t cp;

        if (!is_escape(s, i)) {
            buf_putc(&b, s.p[i]);
            continue;
        }
        for (size_t k = i; n < sizeof run && is_escape(s, k); k += 3)
            run[n++] = (char)(ascii_hex_value(s.p[k + 1]) << 4 | ascii_hex_value(s.p[k + 2]));
        n = utf8_valid_length(slice_of(run, n));
        utf8_decode(slice_of(run, n), &cp);
        if (n == 0 || is_unsafe(cp)) {
            buf_put(&b, slice_sub(s, i, i + 3));
            i += 2;
            continue;
        }
        buf_put(&b, slice_of(run, n));
        i += 3 * n - 1;
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- hosts ---- */

static bool is_ipv4(struct slice s)
{
    struct slice rest = s, part;
    unsigned n = 0;
    uint64_t v;

    while (slice_cut(&rest, '.', &part) && ++n <= 4)
        if (part.n > 3 || !slice_to_u64(part, 255, &v))
            return false;
    return n == 4 && s.n && s.p[s.n - 1] != '.';
}

static bool is_ipv6(struct slice s)
{
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN];
    ptrdiff_t zone = slice_find_byte(s, '%');

    if (zone >= 0)
        s = slice_first(s, (size_t)zone);
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_dns(struct slice s)
{
    struct slice rest = s, label;

    while (slice_cut(&rest, '.', &label)) {
        if (label.n == 0 || label.n > LABEL_MAX)
            return label.n == 0 && rest.n == 0 && s.n > 1; /* a final dot */
        for (size_t i = 0; i < label.n; i++) {
            char c = label.p[i];

            if (!(ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || (unsigned char)c >= 0x80))
                return false;
        }
        if (label.p[0] == '-')
            return false;
    }
    return s.n > 0;
}

unsigned uri_host_type(struct slice name)
{
    bool brackets = name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';

    if (is_ipv4(name))
        return 3;
    if (is_ipv6(brackets ? slice_sub(name, 1, name.n - 1) : name))
        return 4;
    return is_dns(name) ? 2 : 0;
}

static struct expr_value lower(struct vm *vm, struct slice s)
{
    struct buf b;
    uint32_t cp;
    size_t n;

    buf_init(&b, vm->arena);
    for (const char *p = s.p; p && (n = text_decode(p, s.p + s.n, &cp)); p += n)
        text_put_unit(&b, text_lower(cp));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* The shortest text of an IPv6 address, in brackets. */
static struct expr_value ipv6_text(struct vm *vm, struct slice inner)
{
    struct in6_addr address;
    char text[INET6_ADDRSTRLEN], source[INET6_ADDRSTRLEN] = { 0 };
    ptrdiff_t zone = slice_find_byte(inner, '%');
    struct slice plain = zone >= 0 ? slice_first(inner, (size_t)zone) : inner;

    memcpy(source, plain.p, plain.n);
    if (inet_pton(AF_INET6, source, &address) != 1 || !inet_ntop(AF_INET6, &address, text, sizeof text))
        return expr_value_null();
    return text_value(arena_printf(vm->arena, "[%s]", text));
}

/* authority := [user '@'] host [':' port] */
static bool parse_authority(struct vm *vm, struct uri_object *u, struct slice s, const char **why)
{
    ptrdiff_t at = slice_rfind_byte(s, '@'), colon;
    uint64_t port = 0;
    bool is_file = slice_eq(text_slice(u->scheme), SLICE("file"));

    u->user = at >= 0 ? uri_canonical(vm, slice_first(s, (size_t)at), true) : TEXT("");
    s = slice_skip(s, (size_t)(at + 1));
    colon = slice_rfind_byte(s, ':');
    if (colon >= 0 && slice_find_byte(slice_skip(s, (size_t)colon), ']') >= 0)
        colon = -1;
    if (colon >= 0) {
        struct slice digits = slice_skip(s, (size_t)colon + 1);

        if (digits.n && !slice_to_u64(digits, 65535, &port)) {
            *why = "Invalid URI: Invalid port specified.";
            return false;
        }
        u->port = digits.n ? (int32_t)port : u->default_port;
        s = slice_first(s, (size_t)colon);
    }
    if (s.n == 0) {
        *why = "Invalid URI: The hostname could not be parsed.";
        u->host = TEXT("");
        return is_file || scheme_index(text_slice(u->scheme)) < 0;
    }
    u->host_type = (uint8_t)uri_host_type(s);
    if (u->host_type == 4 && s.p[0] != '[')
        u->host_type = 0;
    if (u->host_type == 0) {
        *why = "Invalid URI: The hostname could not be parsed.";
        return false;
    }
    u->host = u->host_type == 4 ? ipv6_text(vm, slice_sub(s, 1, s.n - 1)) : lower(vm, s);
    return !vm->thrown;
}

/* ---- paths ---- */

/* Resolve "." and ".." (RFC 3986 5.2.4). */
static struct slice without_dots(struct vm *vm, struct slice path)
{
    char *out = arena_alloc_raw(vm->arena, path.n + 1);
    size_t n = 0;

    if (!out) {
        vm_throw_budget(vm, "memory");
        return SLICE_NONE;
    }
    for (size_t i = 0; i < path.n;) {
        size_t end = i + 1;
        struct slice segment;

        while (end < path.n && path.p[end] != '/')
            end++;
        segment = slice_sub(path, i + 1, end);
        if (slice_eq(segment, SLICE("."))) {
            if (end == path.n)
                out[n++] = '/';
        } else if (slice_eq(segment, SLICE(".."))) {
            while (n > 0 && out[--n] != '/')
                ;
            if (end == path.n)
                out[n++] = '/';
        } else {
            memcpy(out + n, path.p + i, end - i);
            n += end - i;
        }
        i = end;
    }
    return slice_of(out, n);
}

static struct expr_value canonical_path(struct vm *vm, struct slice path, bool dotted)
{
    char *copy;
    size_t n = 0;

    if (!dotted)
        return uri_canonical(vm, path, true);
    if (path.n == 0)
        return TEXT("/");
    copy = arena_alloc_raw(vm->arena, path.n + 1);
    if (!copy)
        return vm_throw_budget(vm, "memory");
    for (size_t i = 0; i < path.n; i++)
        if (is_escape(path, i) && slice_eq_icase(slice_sub(path, i, i + 3), SLICE("%2e"))) {
            copy[n++] = '.';
            i += 2;
        } else {
            copy[n++] = path.p[i] == '\\' ? '/' : path.p[i];
        }
    path = slice_of(copy, n);
    if (copy[0] != '/')
        path = arena_concat(vm->arena, (struct slice[]){ SLICE("/"), path }, 2);
    path = without_dots(vm, path);
    return vm->thrown ? expr_value_null() : uri_canonical(vm, path, true);
}

/* path ['?' query] ['#' fragment] */
static void parse_rest(struct vm *vm, struct uri_object *u, struct slice s, bool dotted)
{
    ptrdiff_t hash = slice_find_byte(s, '#'), mark;

    u->fragment = hash >= 0 ? uri_canonical(vm, slice_skip(s, (size_t)hash), true) : TEXT("");
    s = hash >= 0 ? slice_first(s, (size_t)hash) : s;
    mark = slice_find_byte(s, '?');
    u->query = mark >= 0 ? uri_canonical(vm, slice_skip(s, (size_t)mark), true) : TEXT("");
    s = mark >= 0 ? slice_first(s, (size_t)mark) : s;
    u->path = canonical_path(vm, s, dotted);
}

/* ---- the whole ---- */

static struct uri_object *relative(struct vm *vm, struct expr_value text)
{
    struct uri_object *u = vm_new(vm, struct uri_object);

    if (!u)
        return NULL;
    u->head.type = TYPE_OF(URI);
    u->original = text;
    return u;
}

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static struct uri_object *absolute(struct vm *vm, struct expr_value text, struct slice s, size_t colon,
                                   const char **why)
{
    struct uri_object *u = relative(vm, text);
    struct slice rest = slice_skip(s, colon + 1);
    size_t end = 2;
    int known;

    if (!u)
        return NULL;
    u->absolute = true;
    u->scheme = lower(vm, slice_first(s, colon));
    known = scheme_index(text_slice(u->scheme));
    u->port = u->default_port = uri_default_port(text_slice(u->scheme));
    u->user = u->host = TEXT("");
    if ((known < 0 || !schemes[known].bare) && rest.n > 1 && is_slash(rest.p[0]) && is_slash(rest.p[1])) {
        u->has_authority = true;
        while (end < rest.n && !is_slash(rest.p[end]) && rest.p[end] != '?' && rest.p[end] != '#')
            end++;
        if (!parse_authority(vm, u, slice_sub(rest, 2, end), why))
            return NULL;
        rest = slice_skip(rest, end);
    } else if (known >= 0 && !schemes[known].bare) {
        *why = "Invalid URI: The Authority/Host could not be parsed.";
        return NULL;
    }
    parse_rest(vm, u, rest, known >= 0 ? schemes[known].dotted : u->has_authority);
    return vm->thrown ? NULL : u;
}

static struct slice trimmed(struct slice s)
{
    while (s.n && ascii_is_space(s.p[0]))
        s = slice_skip(s, 1);
    while (s.n && ascii_is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct uri_object *uri_parse(struct vm *vm, struct expr_value text, enum uri_kind kind, const char **why)
{
    struct slice s = trimmed(text_slice(text));
    ptrdiff_t colon = slice_find_byte(s, ':');
    struct uri_object *u = NULL;

    if (text.n > URI_MAX) {
        *why = "Invalid URI: The Uri string is too long.";
        return NULL;
    }
    *why = s.n ? "Invalid URI: The format of the URI could not be determined."
               : "Invalid URI: The URI is empty.";
    if (colon > 1 && uri_is_scheme(slice_first(s, (size_t)colon)))
        u = absolute(vm, text, s, (size_t)colon, why);
    else if (colon == 0 && kind == URI_ABSOLUTE)
        *why = "Invalid URI: The URI scheme is not valid.";
    if (vm->thrown || kind == URI_ABSOLUTE)
        return u;
    if (u && kind == URI_RELATIVE) {
        *why = "A relative URI cannot be created because the 'uriString' parameter represents an absolute "
               "URI.";
        return NULL;
    }
    return u ? u : relative(vm, text);
}

struct uri_object *uri_resolve(struct vm *vm, const struct uri_object *base, struct expr_value reference,
                               const char **why)
{
    struct slice r = trimmed(text_slice(reference)), prefix, path = text_slice(base->path);
    struct uri_object *u = uri_parse(vm, reference, URI_ANY, why);
    ptrdiff_t slash;

    if (!u || u->absolute)
        return u;
    prefix = text_slice(uri_compose(vm, base, 1));
    slash = slice_rfind_byte(path, '/');
    if (r.n > 1 && is_slash(r.p[0]) && is_slash(r.p[1]))
        r = arena_concat(vm->arena, (struct slice[]){ text_slice(base->scheme), SLICE(":"), r }, 3);
    else if (r.n && is_slash(r.p[0]))
        r = arena_concat(vm->arena, (struct slice[]){ prefix, r }, 2);
    else if (r.n == 0 || r.p[0] == '#')
        r = arena_concat(vm->arena, (struct slice[]){ prefix, path, text_slice(base->query), r }, 4);
    else if (r.p[0] == '?')
        r = arena_concat(vm->arena, (struct slice[]){ prefix, path, r }, 3);
    else
        r = arena_concat(vm->arena, (struct slice[]){ prefix, slice_first(path, (size_t)(slash + 1)), r }, 3);
    if (!r.p)
        return vm_throw_budget(vm, "memory"), NULL;
    return uri_parse(vm, text_value(r), URI_ABSOLUTE, why);
}

struct expr_value uri_compose(struct vm *vm, const struct uri_object *u, unsigned parts)
{
    struct buf b;

    buf_init(&b, vm->arena);
    buf_put(&b, text_slice(u->scheme));
    buf_puts(&b, u->has_authority ? "://" : ":");
    if (parts >= 1 && u->has_authority) {
        if (u->user.n)
            buf_printf(&b, "%.*s@", (int)u->user.n, u->user.s);
        buf_put(&b, text_slice(u->host));
        if (u->port >= 0 && u->port != u->default_port)
            buf_printf(&b, ":%d", u->port);
    }
    if (parts >= 2)
        buf_put(&b, text_slice(u->path));
    if (parts >= 3)
        buf_put(&b, text_slice(u->query));
    if (parts >= 4)
        buf_put(&b, text_slice(u->fragment));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
