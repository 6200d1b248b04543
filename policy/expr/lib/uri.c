/* System.Uri and UriBuilder. */
#include "platform/base/hash.h"
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/uri_lib.h"

#define URI(v) OBJECT(v, uri_object)

static struct expr_value uri_value(struct uri_object *u)
{
    return u ? object_value(u) : expr_value_null();
}

static struct expr_value bad_format(struct vm *vm, const char *why)
{
    return vm->thrown ? expr_value_null() : vm_throw(vm, TYPE_URIFORMATEXCEPTION, "%s", why);
}

/* ---- making ---- */

static struct expr_value make(struct vm *vm, struct expr_value text, enum uri_kind kind)
{
    const char *why = "";
    struct uri_object *u;

    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "uriString");
    u = uri_parse(vm, text, kind, &why);
    return u ? object_value(u) : bad_format(vm, why);
}

struct expr_value uri_from_text(struct vm *vm, struct expr_value text)
{
    return make(vm, text, URI_ANY);
}

NATIVE(uri_new)
{
    return make(vm, a[0], URI_ABSOLUTE);
}

NATIVE(uri_new_kind)
{
    return make(vm, a[0], (enum uri_kind)a[1].i);
}

/* The text of a relative reference given as text or as Uri. */
static struct expr_value reference_text(struct expr_value v)
{
    return v.kind == EXPR_OBJECT ? URI(v)->original : v.kind == EXPR_NULL ? TEXT("") : v;
}

NATIVE(uri_new_relative)
{
    const char *why = "";
    struct uri_object *u;

    NEED(0, "baseUri");
    if (!URI(a[0])->absolute)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                        "This operation is not supported for a relative URI. (Parameter 'baseUri')");
    u = uri_resolve(vm, URI(a[0]), reference_text(a[1]), &why);
    return u ? object_value(u) : bad_format(vm, why);
}

NATIVE(uri_try_create)
{
    const char *why;

    a[2] = a[0].kind == EXPR_STRING ? uri_value(uri_parse(vm, a[0], (enum uri_kind)a[1].i, &why))
                                    : expr_value_null();
    return val_bool(a[2].kind != EXPR_NULL);
}

NATIVE(uri_try_relative)
{
    const char *why;

    a[2] = a[0].kind != EXPR_NULL && URI(a[0])->absolute && a[1].kind != EXPR_NULL
               ? uri_value(uri_resolve(vm, URI(a[0]), reference_text(a[1]), &why))
               : expr_value_null();
    return val_bool(a[2].kind != EXPR_NULL);
}

NATIVE(url_to_uri)
{
    struct expr_value text = net_url_to_string(vm, site, a);

    return vm->thrown ? text : make(vm, text, URI_ABSOLUTE);
}

/* ---- parts ---- */

#define NEED_ABSOLUTE \
    NEED_THIS; \
    if (!URI(a[0])->absolute) \
    return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "This operation is not supported for a relative URI.")

#define PART(name, field) NATIVE(uri_##name) { NEED_ABSOLUTE; return URI(a[0])->field; }
PART(path, path)
PART(fragment, fragment)
PART(host, host)
PART(query, query)
PART(scheme, scheme)
PART(user_info, user)

#define SCHEME(name, text) NATIVE(uri_scheme_##name) { return TEXT(text); }
SCHEME(http, "http")
SCHEME(https, "https")
SCHEME(file, "file")
SCHEME(ftp, "ftp")
SCHEME(mailto, "mailto")
SCHEME(ws, "ws")
SCHEME(wss, "wss")
SCHEME(delimiter, "://")

NATIVE(uri_original)
{
    NEED_THIS;
    return URI(a[0])->original;
}

NATIVE(uri_absolute)
{
    NEED_ABSOLUTE;
    return uri_compose(vm, URI(a[0]), 4);
}

NATIVE(uri_authority)
{
    const struct uri_object *u;

    NEED_ABSOLUTE;
    u = URI(a[0]);
    if (u->port < 0 || u->port == u->default_port)
        return u->host;
    return str_printf(vm, "%.*s:%d", (int)u->host.n, u->host.s, u->port);
}

NATIVE(uri_safe_host)
{
    struct slice host;

    NEED_ABSOLUTE;
    host = text_slice(URI(a[0])->host);
    return URI(a[0])->host_type == 4 ? text_ascii(slice_sub(host, 1, host.n - 1)) : URI(a[0])->host;
}

NATIVE(uri_host_type)
{
    NEED_ABSOLUTE;
    return val_enum(TYPE_URIHOSTNAMETYPE, URI(a[0])->host.n ? URI(a[0])->host_type : 1);
}

NATIVE(uri_is_absolute)
{
    NEED_THIS;
    return val_bool(URI(a[0])->absolute);
}

NATIVE(uri_is_default_port)
{
    NEED_ABSOLUTE;
    return val_bool(URI(a[0])->port == URI(a[0])->default_port);
}

static bool is_file(const struct uri_object *u)
{
    return slice_eq(text_slice(u->scheme), SLICE("file"));
}

NATIVE(uri_is_file)
{
    NEED_ABSOLUTE;
    return val_bool(is_file(URI(a[0])));
}

NATIVE(uri_is_unc)
{
    NEED_ABSOLUTE;
    return val_bool(is_file(URI(a[0])) && URI(a[0])->host.n > 0);
}

NATIVE(uri_is_loopback)
{
    struct slice host;

    NEED_ABSOLUTE;
    host = text_slice(URI(a[0])->host);
    return val_bool(slice_eq(host, SLICE("localhost")) || slice_eq(host, SLICE("loopback")) ||
                    slice_eq(host, SLICE("[::1]")) ||
                    (URI(a[0])->host_type == 3 && slice_starts(host, SLICE("127."))) ||
                    (is_file(URI(a[0])) && host.n == 0));
}

NATIVE(uri_local_path)
{
    NEED_ABSOLUTE;
    return percent_decode(vm, text_slice(URI(a[0])->path), false);
}

NATIVE(uri_path_and_query)
{
    NEED_ABSOLUTE;
    return text_value(text_join(vm->arena, text_slice(URI(a[0])->path), text_slice(URI(a[0])->query)));
}

NATIVE(uri_port)
{
    NEED_ABSOLUTE;
    return val_int(URI(a[0])->port);
}

NATIVE(uri_user_escaped)
{
    return val_bool(false);
}

/* "/", "a/", "b" */
NATIVE(uri_segments)
{
    struct list_object *l;
    struct slice path;
    ptrdiff_t slash;

    NEED_ABSOLUTE;
    l = list_make(vm, &type_strings, 4);
    path = text_slice(URI(a[0])->path);
    while (l && path.n) {
        slash = slice_find_byte(path, '/');
        if (!list_append(vm, l, text_value(slice_first(path, slash < 0 ? path.n : (size_t)slash + 1))) ||
            !vm_charge(vm, 1))
            return expr_value_null();
        path = slice_skip(path, slash < 0 ? path.n : (size_t)slash + 1);
    }
    return l ? object_value(l) : expr_value_null();
}

NATIVE(uri_left_part)
{
    NEED_ABSOLUTE;
    if (a[1].i == 1 && !URI(a[0])->has_authority)
        return TEXT("");
    return uri_compose(vm, URI(a[0]), (unsigned)a[1].i);
}

NATIVE(uri_to_string)
{
    const struct uri_object *u;
    struct buf b;

    NEED_THIS;
    u = URI(a[0]);
    if (!u->absolute)
        return u->original;
    buf_init(&b, vm->arena);
    buf_put(&b, text_slice(uri_compose(vm, u, 1)));
    text_put(&b, text_slice(uri_unescape_safe(vm, text_slice(u->path))));
    text_put(&b, text_slice(uri_unescape_safe(vm, text_slice(u->query))));
    text_put(&b, text_slice(uri_unescape_safe(vm, text_slice(u->fragment))));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- comparing ---- */

static bool equal_texts(struct expr_value x, struct expr_value y)
{
    return slice_eq(text_slice(x), text_slice(y));
}

static bool equal(const struct uri_object *x, const struct uri_object *y)
{
    if (x->absolute != y->absolute)
        return false;
    if (!x->absolute)
        return equal_texts(x->original, y->original);
    return equal_texts(x->scheme, y->scheme) && equal_texts(x->host, y->host) && x->port == y->port &&
           equal_texts(x->path, y->path) && equal_texts(x->query, y->query);
}

NATIVE(uri_equals)
{
    struct expr_value other = a[1];
    const char *why;

    NEED_THIS;
    if (other.kind == EXPR_STRING)
        other = uri_value(uri_parse(vm, other, URI_ANY, &why));
    return val_bool(object_if(other, TYPE_URI) && equal(URI(a[0]), URI(other)));
}

NATIVE(uri_op_equals)
{
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return val_bool(a[0].kind == a[1].kind);
    return val_bool(equal(URI(a[0]), URI(a[1])));
}

NATIVE(uri_op_differs)
{
    return val_bool(!net_uri_op_equals(vm, site, a).i);
}

NATIVE(uri_hash)
{
    const struct uri_object *u;

    NEED_THIS;
    u = URI(a[0]);
    return val_int((int32_t)hash_bytes(text_slice(u->absolute ? u->path : u->original)));
}

static bool same_place(const struct uri_object *x, const struct uri_object *y)
{
    return equal_texts(x->scheme, y->scheme) && equal_texts(x->host, y->host) && x->port == y->port;
}

/* The path up to its last slash. */
static struct slice folder(const struct uri_object *u)
{
    struct slice path = text_slice(u->path);

    return slice_first(path, (size_t)(slice_rfind_byte(path, '/') + 1));
}

NATIVE(uri_is_base_of)
{
    NEED_THIS;
    NEED(1, "uri");
    if (!URI(a[0])->absolute)
        return val_bool(false);
    if (!URI(a[1])->absolute)
        return val_bool(true);
    return val_bool(same_place(URI(a[0]), URI(a[1])) &&
                    slice_starts(text_slice(URI(a[1])->path), folder(URI(a[0]))));
}

NATIVE(uri_make_relative)
{
    const struct uri_object *from, *to;
    struct slice x, y, left;
    struct buf b;
    size_t common = 0;
    const char *why;

    NEED_ABSOLUTE;
    NEED(1, "uri");
    from = URI(a[0]);
    to = URI(a[1]);
    if (!to->absolute)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION,
                        "This operation is not supported for a relative URI.");
    if (!same_place(from, to))
        return a[1];
    x = text_slice(from->path);
    y = text_slice(to->path);
    for (size_t i = 0; i < x.n && i < y.n && x.p[i] == y.p[i]; i++)
        if (x.p[i] == '/')
            common = i + 1;
    buf_init(&b, vm->arena);
    if (!slice_eq(x, y)) {
        for (left = slice_skip(x, common); slice_find_byte(left, '/') >= 0;
             left = slice_skip(left, (size_t)slice_find_byte(left, '/') + 1))
            buf_puts(&b, "../");
        if (b.n == 0 && (y.n == common || slice_find_byte(slice_skip(y, common), ':') >= 0))
            buf_puts(&b, "./");
        buf_put(&b, slice_skip(y, common));
    }
    buf_put(&b, text_slice(to->query));
    buf_put(&b, text_slice(to->fragment));
    return b.failed ? vm_throw_budget(vm, "memory")
                    : uri_value(uri_parse(vm, text_value(buf_slice(&b)), URI_ANY, &why));
}

/* ---- well-formedness ---- */

/* Every character may stand where it is, "%" only in an escape. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if ((unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c) ||
            (c && strchr("-_.~;/?:@&=+$,#[]!'()*", c)))
            continue;
        if (c != '%' || i + 2 >= s.n || ascii_hex_value(s.p[i + 1]) < 0 || ascii_hex_value(s.p[i + 2]) < 0)
            return false;
    }
    return true;
}

static bool is_well_formed(const struct uri_object *u)
{
    struct slice s = text_slice(u->original);

    return is_clean(s) && (!u->absolute || !u->has_authority || slice_find(s, SLICE("://")) >= 0);
}

NATIVE(uri_is_well_formed)
{
    NEED_THIS;
    return val_bool(is_well_formed(URI(a[0])));
}

NATIVE(uri_is_well_formed_string)
{
    struct uri_object *u;
    const char *why;

    if (a[0].kind != EXPR_STRING)
        return val_bool(false);
    u = uri_parse(vm, a[0], (enum uri_kind)a[1].i, &why);
    return val_bool(u && is_well_formed(u));
}

NATIVE(uri_check_host)
{
    return val_enum(TYPE_URIHOSTNAMETYPE, a[0].kind == EXPR_STRING ? uri_host_type(text_slice(a[0])) : 0);
}

NATIVE(uri_check_scheme)
{
    return val_bool(a[0].kind == EXPR_STRING && uri_is_scheme(text_slice(a[0])));
}

/* ---- escaping ---- */

NATIVE(uri_escape_data)
{
    NEED(0, "stringToEscape");
    return percent_encode(vm, text_slice(a[0]), &percent_data);
}

NATIVE(uri_escape_uri)
{
    NEED(0, "stringToEscape");
    return uri_canonical(vm, text_slice(a[0]), false);
}

/* Bytes that are no UTF-8 stay escaped. */
NATIVE(uri_unescape_data)
{
    NEED(0, "stringToUnescape");
    return percent_decode_strict(vm, text_slice(a[0]));
}

NATIVE(uri_from_hex)
{
    int v = a[0].i < 128 ? ascii_hex_value((char)a[0].i) : -1;

    return v < 0 ? vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                            "Specified argument was out of the range of valid values. (Parameter 'digit')")
                 : val_int(v);
}

NATIVE(uri_hex_escape)
{
    if (a[0].i > 255)
        return vm_throw_range(vm, "character");
    return str_printf(vm, "%%%02X", (unsigned)a[0].i);
}

NATIVE(uri_is_hex_digit)
{
    return val_bool(a[0].i < 128 && ascii_hex_value((char)a[0].i) >= 0);
}

NATIVE(uri_is_hex_encoding)
{
    struct slice s;

    NEED(0, "pattern");
    s = text_slice(a[0]);
    return val_bool(a[1].i >= 0 && a[1].i + 2 < (int64_t)s.n && s.p[a[1].i] == '%' &&
                    ascii_hex_value(s.p[a[1].i + 1]) >= 0 && ascii_hex_value(s.p[a[1].i + 2]) >= 0);
}
