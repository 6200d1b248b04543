/* UriBuilder: parts that can be set, put together when asked for. */
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/uri_lib.h"

enum { SCHEME, USER, PASSWORD, HOST, PORT, PATH, QUERY, FRAGMENT, FIELDS };
#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]

static struct expr_value or_empty(struct expr_value v)
{
    return v.kind == EXPR_NULL ? TEXT("") : v;
}

static struct expr_value from_uri(struct vm *vm, const struct uri_object *u)
{
    struct slice user = text_slice(u->user);
    ptrdiff_t colon = slice_find_byte(user, ':');
    struct expr_value f[FIELDS] = {
        [SCHEME] = u->scheme,
        [USER] = text_value(colon >= 0 ? slice_first(user, (size_t)colon) : user),
        [PASSWORD] = colon >= 0 ? text_value(slice_skip(user, (size_t)colon + 1)) : TEXT(""),
        [HOST] = u->host,
        [PORT] = val_int(u->port),
        [PATH] = u->path,
        [QUERY] = u->query,
        [FRAGMENT] = u->fragment,
    };

    return tuple_make(vm, TYPE_OF(URIBUILDER), FIELDS, f);
}

static struct expr_value from_parts(struct vm *vm, struct expr_value scheme, struct expr_value host,
                                    int32_t port, struct expr_value path)
{
    struct expr_value f[FIELDS] = {
        [SCHEME] = or_empty(scheme), [USER] = TEXT(""), [PASSWORD] = TEXT(""), [HOST] = or_empty(host),
        [PORT] = val_int(port),      [PATH] = path,     [QUERY] = TEXT(""),    [FRAGMENT] = TEXT("")
    };

    return tuple_make(vm, TYPE_OF(URIBUILDER), FIELDS, f);
}

/* With a slash before it, escaped. */
static struct expr_value path_value(struct vm *vm, struct expr_value path)
{
    struct slice s = path.kind == EXPR_NULL ? SLICE_NONE : text_slice(path);
    char *copy = arena_alloc_raw(vm->arena, s.n + 2);
    size_t n = 0;

    if (!copy)
        return vm_throw_budget(vm, "memory");
    if (s.n == 0 || (s.p[0] != '/' && s.p[0] != '\\'))
        copy[n++] = '/';
    for (size_t i = 0; i < s.n; i++)
        copy[n++] = s.p[i] == '\\' ? '/' : s.p[i];
    return uri_canonical(vm, slice_of(copy, n), true);
}

/* With the mark before it, unless it is there or the text is empty. */
static struct expr_value marked(struct vm *vm, struct expr_value v, const char *mark)
{
    if (v.kind == EXPR_NULL || v.n == 0)
        return TEXT("");
    if (v.s[0] == mark[0])
        return v;
    return text_value(text_join(vm->arena, slice_from(mark), text_slice(v)));
}

NATIVE(uribuilder_new)
{
    return from_parts(vm, TEXT("http"), TEXT("localhost"), -1, TEXT("/"));
}

NATIVE(uribuilder_new_text)
{
    const char *why = "";
    struct uri_object *u;

    NEED(0, "uri");
    u = uri_parse(vm, a[0], URI_ANY, &why);
    if (u && !u->absolute)
        u = uri_parse(vm, text_value(text_join(vm->arena, SLICE("http://"), text_slice(a[0]))), URI_ABSOLUTE,
                      &why);
    if (!u)
        return vm->thrown ? expr_value_null() : vm_throw(vm, TYPE_URIFORMATEXCEPTION, "%s", why);
    return from_uri(vm, u);
}

NATIVE(uribuilder_new_uri)
{
    NEED(0, "uri");
    if (!OBJECT(a[0], uri_object)->absolute)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION,
                        "This operation is not supported for a relative URI.");
    return from_uri(vm, OBJECT(a[0], uri_object));
}

NATIVE(uribuilder_new_parts)
{
    struct expr_value b = from_parts(vm, a[0], a[1], (int32_t)a[2].i, path_value(vm, a[3]));
    bool is_fragment = a[4].kind == EXPR_STRING && a[4].n && a[4].s[0] == '#';

    if (vm->thrown || a[4].kind == EXPR_NULL || a[4].n == 0)
        return b;
    if (!is_fragment && a[4].s[0] != '?')
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "Extra portion of URI not valid. (Parameter 'extraValue')");
    FIELD(b, is_fragment ? FRAGMENT : QUERY) = a[4];
    return b;
}

#define GETTER(name, i) NATIVE(uribuilder_##name) { NEED_THIS; return FIELD(a[0], i); }
GETTER(scheme, SCHEME)
GETTER(user, USER)
GETTER(password, PASSWORD)
GETTER(host, HOST)
GETTER(port, PORT)
GETTER(path, PATH)
GETTER(query, QUERY)
GETTER(fragment, FRAGMENT)

NATIVE(uribuilder_set_scheme)
{
    struct slice s;

    NEED_THIS;
    s = text_slice(or_empty(a[1]));
    if (slice_find_byte(s, ':') >= 0)
        s = slice_first(s, (size_t)slice_find_byte(s, ':'));
    if (s.n && !uri_is_scheme(s))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "Invalid URI: The URI scheme is not valid. (Parameter 'value')");
    FIELD(a[0], SCHEME) = string_folded(vm, text_value(s), text_lower);
    return expr_value_null();
}

#define SETTER(name, i, value) \
    NATIVE(uribuilder_set_##name) \
    { \
        NEED_THIS; \
        FIELD(a[0], i) = (value); \
        return expr_value_null(); \
    }
SETTER(user, USER, or_empty(a[1]))
SETTER(password, PASSWORD, or_empty(a[1]))
SETTER(path, PATH, path_value(vm, a[1]))
SETTER(query, QUERY, marked(vm, a[1], "?"))
SETTER(fragment, FRAGMENT, marked(vm, a[1], "#"))

NATIVE(uribuilder_set_host)
{
    struct slice s;

    NEED_THIS;
    s = text_slice(or_empty(a[1]));
    if (slice_find_byte(s, ':') >= 0 && s.p[0] != '[')
        FIELD(a[0], HOST) = str_printf(vm, "[%.*s]", SLICE_ARG(s));
    else
        FIELD(a[0], HOST) = text_value(s);
    return expr_value_null();
}

NATIVE(uribuilder_set_port)
{
    NEED_THIS;
    if (a[1].i < -1 || a[1].i > 65535)
        return vm_throw_range(vm, "value");
    FIELD(a[0], PORT) = a[1];
    return expr_value_null();
}

NATIVE(uribuilder_to_string)
{
    struct slice user, password, scheme, host;
    struct buf b;

    NEED_THIS;
    scheme = text_slice(FIELD(a[0], SCHEME));
    user = text_slice(FIELD(a[0], USER));
    password = text_slice(FIELD(a[0], PASSWORD));
    host = text_slice(FIELD(a[0], HOST));
    if (user.n == 0 && password.n)
        return vm_throw(vm, TYPE_URIFORMATEXCEPTION,
                        "Invalid URI: The username:password construct is badly formed.");
    buf_init(&b, vm->arena);
    if (scheme.n) {
        buf_put(&b, scheme);
        buf_puts(&b, host.n == 0 && uri_default_port(scheme) < 0 && !slice_eq(scheme, SLICE("file")) ? ":"
                                                                                                     : "://");
    }
    buf_put(&b, user);
    if (password.n) {
        buf_putc(&b, ':');
        buf_put(&b, password);
    }
    if (user.n)
        buf_putc(&b, '@');
    buf_put(&b, host);
    if (host.n && FIELD(a[0], PORT).i >= 0)
        buf_printf(&b, ":%d", (int)FIELD(a[0], PORT).i);
    buf_put(&b, text_slice(FIELD(a[0], PATH)));
    buf_put(&b, text_slice(FIELD(a[0], QUERY)));
    buf_put(&b, text_slice(FIELD(a[0], FRAGMENT)));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

NATIVE(uribuilder_uri)
{
    struct expr_value text = net_uribuilder_to_string(vm, site, a);

    return vm->thrown ? text : net_uri_new(vm, site, &text);
}
