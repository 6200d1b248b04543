/* Names of resources; see names.h. */
#include "app/names.h"

struct slice name_last_segment(struct slice path)
{
    ptrdiff_t slash = slice_rfind_byte(path, '/');

    return slice_skip(path, (size_t)(slash + 1));
}

enum name_scope name_scope(struct slice scope, struct slice subscription, struct slice *id)
{
    struct slice path = name_trim_slashes(scope), last = name_last_segment(path);
    struct slice before = name_last_segment(name_trim_slashes(slice_first(path, path.n - last.n)));

    *id = last;
    if (slice_eq_icase(before, SLICE("products")))
        return NAME_SCOPE_PRODUCT;
    if (slice_eq_icase(before, SLICE("apis"))) {
        *id = name_api_root(last);
        return NAME_SCOPE_API;
    }
    if (slice_eq_icase(last, SLICE("apis")) || slice_eq_icase(before, SLICE("service")) || slice_eq(scope, SLICE("/")) ||
        (!scope.n && slice_eq(subscription, SLICE("master"))))
        return NAME_SCOPE_ALL;
    return NAME_SCOPE_NONE;
}

struct slice name_api_root(struct slice api_id)
{
    ptrdiff_t at = slice_find(api_id, SLICE(";rev="));

    return at < 0 ? api_id : slice_first(api_id, (size_t)at);
}

struct slice name_trim_slashes(struct slice path)
{
    while (path.n && path.p[0] == '/')
        path = slice_skip(path, 1);
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

bool name_read_hex(struct slice hex, uint8_t *out, size_t n)
{
    if (hex.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = ascii_hex_value(hex.p[2 * i]), low = ascii_hex_value(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
