/* Redirects; see redirect.h. */
#include "app/redirect.h"

#include "platform/base/buf.h"

enum redirect redirect_kind(int status, struct slice method)
{
    bool is_get = slice_eq(method, SLICE("GET")) || slice_eq(method, SLICE("HEAD"));

    switch (status) {
    case 300:
    case 301:
    case 302:
        return slice_eq(method, SLICE("POST")) ? REDIRECT_GET : REDIRECT_SAME;
    case 303:
        return is_get ? REDIRECT_SAME : REDIRECT_GET;
    case 307:
    case 308:
        return REDIRECT_SAME;
    default:
        return REDIRECT_NO;
    }
}

static bool has_scheme(struct slice s)
{
    ptrdiff_t colon = slice_find_byte(s, ':');
    ptrdiff_t other = 0;

    while ((size_t)other < s.n && s.p[other] != '/' && s.p[other] != '?' && s.p[other] != '#')
        other++;
    return colon > 0 && colon < other;
}

/* Back over the last segment of the path behind `floor`. */
static void drop_segment(struct buf *b, size_t floor)
{
    while (b->n > floor && b->p[b->n - 1] != '/')
        b->n--;
    if (b->n > floor)
        b->n--;
}

/* path without "." and ".." segments (RFC 3986 5.2.4); it begins with '/'. */
static void put_path(struct buf *b, struct slice path)
{
    size_t floor = b->n;
    struct slice part;

    path = slice_skip(path, 1);
    for (bool more = true; more;) {
        ptrdiff_t slash = slice_find_byte(path, '/');
        more = slash >= 0;
        part = more ? slice_first(path, (size_t)slash) : path;
        path = more ? slice_skip(path, (size_t)slash + 1) : SLICE_NONE;
        bool up = slice_eq(part, SLICE("..")), here = slice_eq(part, SLICE("."));
        if (up)
            drop_segment(b, floor);
        if (!up && !here) {
            buf_putc(b, '/');
            buf_put(b, part);
        } else if (!more) {
            buf_putc(b, '/');
        }
    }
}

/* {path up to its last '/'}{location} */
static void put_merged(struct buf *b, struct slice path, struct slice location)
{
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    buf_put(b, path.n ? path : SLICE("/"));
    buf_put(b, location);
}

struct slice redirect_resolve(struct arena *a, struct slice origin, struct slice path, struct slice location)
{
    struct buf b, merged;
    size_t n = 0;

    location = slice_trim(location);
    ptrdiff_t fragment = slice_find_byte(location, '#');
    if (fragment >= 0)
        location = slice_first(location, (size_t)fragment);
    if (!location.n)
        return SLICE_NONE;
    if (has_scheme(location)) {
        bool http = slice_starts_icase(location, SLICE("http://")) || slice_starts_icase(location, SLICE("https://"));
        return http ? location : SLICE_NONE;
    }
    buf_init(&b, a);
    if (slice_starts(location, SLICE("//"))) {
        buf_put(&b, slice_first(origin, (size_t)slice_find_byte(origin, ':') + 1));
        buf_put(&b, location);
        return b.failed ? SLICE_NONE : buf_slice(&b);
    }
    buf_put(&b, origin);
    while (n < location.n && location.p[n] != '?')
        n++;
    buf_init(&merged, a);
    if (location.p[0] == '/')
        buf_put(&merged, slice_first(location, n));
    else if (n)
        put_merged(&merged, path, slice_first(location, n));
    else
        buf_put(&merged, path);
    put_path(&b, buf_slice(&merged));
    buf_put(&b, n < location.n ? slice_skip(location, n) : SLICE_NONE);
    return b.failed || merged.failed ? SLICE_NONE : buf_slice(&b);
}
