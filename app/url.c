/* Splitting absolute URLs. */
#include "app/url.h"

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
