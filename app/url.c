/* Splitting and comparing URLs. */
#include "app/url.h"

#include <string.h>

#include "policy/uri.h"

static bool has_bad_byte(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`')
            return true;
    }
    return false;
}

static bool is_host(struct slice host, bool bracketed)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool name = ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_';
        bool address = ascii_hex_value(c) >= 0 || c == ':' || c == '.';
        if (bracketed ? !address : !name)
            return false;
    }
    return host.n > 0;
}

static bool parse_scheme(struct slice *rest, struct url *out)
{
    ptrdiff_t at = slice_find(*rest, SLICE("://"));

    if (at < 0)
        return false;
    out->scheme = slice_first(*rest, (size_t)at);
    *rest = slice_skip(*rest, (size_t)at + 3);
    out->tls = slice_eq_icase(out->scheme, SLICE("https"));
    return out->tls || slice_eq_icase(out->scheme, SLICE("http"));
}

static bool parse_authority(struct slice authority, struct url *out)
{
    bool bracketed = authority.n && authority.p[0] == '[';
    ptrdiff_t end = slice_find_byte(authority, bracketed ? ']' : ':');
    uint64_t port = out->tls ? 443 : 80;

    if (bracketed && end < 0)
        return false;
    out->host = bracketed ? slice_sub(authority, 1, (size_t)end) : end < 0 ? authority : slice_first(authority, (size_t)end);
    struct slice tail = end < 0 ? SLICE_NONE : slice_skip(authority, (size_t)end + bracketed);
    out->default_port = tail.n < 2;
    if (tail.n > 1 && (tail.p[0] != ':' || !slice_to_u64(slice_skip(tail, 1), 65535, &port)))
        return false;
    out->port = (unsigned)port;
    return port != 0 && is_host(out->host, bracketed);
}

bool url_parse(struct slice text, struct url *out)
{
    size_t n = 0;

    *out = (struct url){ 0 };
    if (has_bad_byte(text) || !parse_scheme(&text, out))
        return false;
    ptrdiff_t fragment = slice_find_byte(text, '#');
    if (fragment >= 0)
        text = slice_first(text, (size_t)fragment);
    while (n < text.n && text.p[n] != '/' && text.p[n] != '?')
        n++;
    if (!parse_authority(slice_first(text, n), out))
        return false;
    text = slice_skip(text, n);
    ptrdiff_t query = slice_find_byte(text, '?');
    out->path = query < 0 ? text : slice_first(text, (size_t)query);
    out->query = query < 0 ? SLICE_NONE : slice_skip(text, (size_t)query);
    return true;
}

/* ---- paths ---- */

/* 1 for ".", 2 for "..", 0 for any other segment. */
static unsigned count_dots(struct slice segment)
{
    unsigned n = 0;

    for (size_t i = 0; i < segment.n; n++)
        if (n == 2 || uri_next(segment, &i, false) != '.')
            return 0;
    return n;
}

static bool has_dots(struct slice path)
{
    struct slice segment;

    while (slice_cut(&path, '/', &segment))
        if (count_dots(segment))
            return true;
    return false;
}

struct slice url_without_dots(struct arena *a, struct slice path)
{
    struct slice rest = slice_skip(path, 1), segment;

    if (LIKELY(!has_dots(path)))
        return path;
    char *to = arena_alloc_raw(a, path.n + 1);
    if (!to)
        return SLICE_NONE;
    size_t n = 0;
    while (slice_cut(&rest, '/', &segment)) {
        unsigned dots = count_dots(segment);
        while (dots == 2 && n && to[--n] != '/')
            ;
        if (dots && rest.p)
            continue;
        to[n++] = '/';
        if (!dots)
            memcpy(to + n, segment.p, segment.n);
        n += dots ? 0 : segment.n;
    }
    return slice_of(to, n);
}

/* A slash behind the escape would be taken for a separator by whoever reads the text. */
static char next_of_path(struct slice s, size_t *i)
{
    size_t begin = *i;
    char c = uri_next(s, i, false);

    if (c != '/' || *i == begin + 1)
        return c;
    *i = begin + 1;
    return '%';
}

size_t url_spells(struct slice text, struct slice plain)
{
    size_t i = 0;

    for (size_t k = 0; k < plain.n; k++)
        if (i == text.n || ascii_lower(next_of_path(text, &i)) != ascii_lower(plain.p[k]))
            return URL_OTHER;
    return i;
}

bool url_spell(struct slice text, char *to, size_t room, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < text.n;) {
        if (*n == room)
            return false;
        to[(*n)++] = next_of_path(text, &i);
    }
    return true;
}

struct slice url_spelled(struct arena *a, struct slice text)
{
    size_t n;

    if (slice_find_byte(text, '%') < 0)
        return text.p ? text : SLICE("");
    char *to = arena_alloc_raw(a, text.n);
    return to && url_spell(text, to, text.n, &n) ? slice_of(to, n) : SLICE_NONE;
}

struct slice url_decode(struct arena *a, struct slice text)
{
    size_t n = 0;

    if (slice_find_byte(text, '%') < 0)
        return text;
    char *to = arena_alloc_raw(a, text.n);
    if (!to)
        return SLICE_NONE;
    for (size_t i = 0; i < text.n;)
        to[n++] = uri_next(text, &i, false);
    return slice_of(to, n);
}

/* ---- queries ---- */

struct slice url_query_get(struct slice query, struct slice name)
{
    struct uri_pair pair;

    if (query.n && query.p[0] == '?')
        query = slice_skip(query, 1);
    while (uri_query_next(&query, &pair))
        if (uri_name_is(pair.name, name))
            return pair.value.p ? pair.value : SLICE("");
    return SLICE_NONE;
}

bool url_value_is(struct slice encoded, struct slice text)
{
    size_t i = 0, k = 0;

    while (i < encoded.n && k < text.n)
        if (uri_next(encoded, &i, true) != text.p[k++])
            return false;
    return i == encoded.n && k == text.n;
}
