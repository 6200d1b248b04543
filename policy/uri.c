/* Pieces of URLs. See uri.h. */
#include "policy/uri.h"

#include "platform/base/buf.h"

bool uri_query_next(struct slice *rest, struct uri_pair *pair)
{
    while (slice_cut(rest, '&', &pair->whole)) {
        if (pair->whole.n == 0)
            continue;
        ptrdiff_t eq = slice_find_byte(pair->whole, '=');
        pair->name = eq < 0 ? pair->whole : slice_first(pair->whole, (size_t)eq);
        pair->value = eq < 0 ? SLICE_NONE : slice_skip(pair->whole, (size_t)eq + 1);
        return true;
    }
    return false;
}

char uri_next(struct slice s, size_t *i, bool plus)
{
    char c = s.p[(*i)++];

    if (c == '+' && plus)
        return ' ';
    if (c != '%' || s.n - *i < 2)
        return c;
    int high = ascii_hex_value(s.p[*i]), low = ascii_hex_value(s.p[*i + 1]);
    if (high < 0 || low < 0)
        return c;
    *i += 2;
    return (char)(high << 4 | low);
}

bool uri_name_is(struct slice encoded, struct slice name)
{
    size_t i = 0, k = 0;

    while (i < encoded.n && k < name.n) {
        if (ascii_lower(uri_next(encoded, &i, true)) != ascii_lower(name.p[k++]))
            return false;
    }
    return i == encoded.n && k == name.n;
}

static bool is_unreserved(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

struct slice uri_escape(struct arena *a, struct slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf b;

    buf_init(&b, a);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved((char)c)) {
            buf_putc(&b, (char)c);
            continue;
        }
        buf_putc(&b, '%');
        buf_putc(&b, hex[c >> 4]);
        buf_putc(&b, hex[c & 15]);
    }
    struct slice out = buf_slice(&b);
    return b.failed ? SLICE_NONE : out.p ? out : SLICE("");
}

struct slice uri_unescape(struct arena *a, struct slice s)
{
    char *p = arena_alloc_raw(a, s.n);
    size_t n = 0;

    if (!p)
        return SLICE_NONE;
    for (size_t i = 0; i < s.n;)
        p[n++] = uri_next(s, &i, true);
    return slice_of(p, n);
}
