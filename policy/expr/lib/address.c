/* System.Net.IPAddress. */
#include <arpa/inet.h>

#include "platform/base/hash.h"
#include "policy/expr/lib/string_int.h"

/* In network order; n: 4 or 16 bytes. */
struct address_object {
    struct object head;
    uint8_t n;
    uint8_t p[16];
    uint32_t scope;
};

#define ADDRESS(v) OBJECT(v, address_object)

static struct expr_value make(struct vm *vm, const void *p, unsigned n, uint32_t scope)
{
    struct address_object *o = vm_new(vm, struct address_object);

    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(IPADDRESS);
    o->n = (uint8_t)n;
    o->scope = scope;
    memcpy(o->p, p, n);
    return object_value(o);
}

/* number := decimal | '0' octal | '0x' hexadecimal, as inet_aton reads it. */
static bool read_number(struct slice s, uint64_t *out)
{
    if (s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x')
        return slice_hex_to_u64(slice_skip(s, 2), out) && *out <= UINT32_MAX;
    if (s.n < 2 || s.p[0] != '0')
        return slice_to_u64(s, UINT32_MAX, out);
    for (*out = 0; s.n && *out <= UINT32_MAX; s = slice_skip(s, 1)) {
        if (s.p[0] < '0' || s.p[0] > '7')
            return false;
        *out = *out * 8 + (uint64_t)(s.p[0] - '0');
    }
    return *out <= UINT32_MAX;
}

/* One to four numbers; the last one fills what is left. */
static bool parse_v4(struct slice s, uint8_t out[4])
{
    struct slice part;
    uint64_t v = 0, address = 0;
    unsigned n = 0;

    if (s.n == 0 || s.p[s.n - 1] == '.')
        return false;
    while (slice_cut(&s, '.', &part)) {
        if (n == 4 || !read_number(part, &v) || (s.n && v > 255))
            return false;
        if (s.n)
            address |= v << (24 - 8 * n);
        n++;
    }
    if (v >= UINT64_C(1) << (8 * (5 - n)))
        return false;
    address |= v;
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(address >> (24 - 8 * i));
    return true;
}

static bool parse_v6(struct slice s, uint8_t out[16], uint32_t *scope)
{
    char text[INET6_ADDRSTRLEN];
    ptrdiff_t zone, end;
    uint64_t id = 0;

    if (s.n && s.p[0] == '[') { /* with a port behind it, perhaps */
        end = slice_find_byte(s, ']');
        if (end < 0)
            return false;
        s = slice_sub(s, 1, (size_t)end);
    }
    zone = slice_find_byte(s, '%');
    if (zone >= 0 && !slice_to_u64(slice_skip(s, (size_t)zone + 1), UINT32_MAX, &id))
        return false;
    if (zone >= 0)
        s = slice_first(s, (size_t)zone);
    if (s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    *scope = (uint32_t)id;
    return inet_pton(AF_INET6, text, out) == 1;
}

static struct expr_value parse(struct vm *vm, struct slice s)
{
    uint8_t p[16];
    uint32_t scope = 0;

    if (slice_find_byte(s, ':') >= 0)
        return parse_v6(s, p, &scope) ? make(vm, p, 16, scope) : expr_value_null();
    return parse_v4(s, p) ? make(vm, p, 4, 0) : expr_value_null();
}

NATIVE(address_parse)
{
    struct expr_value v;

    NEED(0, "ipString");
    v = parse(vm, text_slice(a[0]));
    if (v.kind == EXPR_NULL && !vm->thrown)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "An invalid IP address was specified.");
    return v;
}

NATIVE(address_try_parse)
{
    a[1] = a[0].kind == EXPR_STRING ? parse(vm, text_slice(a[0])) : expr_value_null();
    return val_bool(a[1].kind != EXPR_NULL);
}

NATIVE(address_new)
{
    const struct bytes_object *b;

    NEED(0, "address");
    b = a[0].p;
    if (b->n != 4 && b->n != 16)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "An invalid IP address was specified. (Parameter 'address')");
    return make(vm, b->p, b->n, 0);
}

/* The number's lowest byte is the address's first. */
NATIVE(address_new_number)
{
    uint8_t p[4];

    if (a[0].i < 0 || a[0].i > UINT32_MAX)
        return vm_throw_range(vm, "newAddress");
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(a[0].u >> 8 * i);
    return make(vm, p, 4, 0);
}

#define KNOWN(name, n, ...) \
    NATIVE(address_##name) \
    { \
        return make(vm, (const uint8_t[n]){ __VA_ARGS__ }, n, 0); \
    }
KNOWN(any, 4, 0)
KNOWN(none, 4, 255, 255, 255, 255)
KNOWN(loopback, 4, 127, 0, 0, 1)
KNOWN(any6, 16, 0)
KNOWN(loopback6, 16, [15] = 1)

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const struct address_object *o)
{
    return o->n == 16 && memcmp(o->p, mapped, sizeof mapped) == 0;
}

NATIVE(address_is_loopback)
{
    static const uint8_t six[16] = { [15] = 1 };
    const struct address_object *o;

    NEED(0, "address");
    o = ADDRESS(a[0]);
    if (o->n == 16)
        return val_bool(memcmp(o->p, six, 16) == 0 || (is_mapped(o) && o->p[12] == 127));
    return val_bool(o->p[0] == 127);
}

NATIVE(address_swap)
{
    unsigned width = a[0].kind == EXPR_I16 ? 2 : a[0].kind == EXPR_I32 ? 4 : 8;
    uint64_t out = 0;

    for (unsigned i = 0; i < width; i++)
        out |= (a[0].u >> 8 * i & 0xff) << 8 * (width - 1 - i);
    a[0].i = width == 2 ? (int16_t)out : width == 4 ? (int32_t)out : (int64_t)out;
    return a[0];
}

NATIVE(address_family)
{
    NEED_THIS;
    return val_enum(TYPE_ADDRESSFAMILY, ADDRESS(a[0])->n == 4 ? 2 : 23);
}

NATIVE(address_is_mapped)
{
    NEED_THIS;
    return val_bool(is_mapped(ADDRESS(a[0])));
}

#define SIX(name, test) \
    NATIVE(address_is_##name) \
    { \
        const uint8_t *p; \
        NEED_THIS; \
        p = ADDRESS(a[0])->p; \
        return val_bool(ADDRESS(a[0])->n == 16 && (test)); \
    }
SIX(link_local, p[0] == 0xfe && (p[1] & 0xc0) == 0x80)
SIX(site_local, p[0] == 0xfe && (p[1] & 0xc0) == 0xc0)
SIX(multicast, p[0] == 0xff)
SIX(unique_local, (p[0] & 0xfe) == 0xfc)
SIX(teredo, p[0] == 0x20 && p[1] == 1 && p[2] == 0 && p[3] == 0)

static struct expr_value not_supported(struct vm *vm)
{
    return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION,
                    "The attempted operation is not supported for the type of object referenced.");
}

NATIVE(address_number)
{
    const struct address_object *o;

    NEED_THIS;
    o = ADDRESS(a[0]);
    if (o->n != 4)
        return not_supported(vm);
    return val_long((int64_t)((uint32_t)o->p[0] | (uint32_t)o->p[1] << 8 | (uint32_t)o->p[2] << 16 |
                              (uint32_t)o->p[3] << 24));
}

NATIVE(address_scope)
{
    NEED_THIS;
    return ADDRESS(a[0])->n == 16 ? val_long(ADDRESS(a[0])->scope) : not_supported(vm);
}

NATIVE(address_bytes)
{
    NEED_THIS;
    return bytes_make(vm, ADDRESS(a[0])->p, ADDRESS(a[0])->n);
}

NATIVE(address_map4)
{
    NEED_THIS;
    return ADDRESS(a[0])->n == 4 ? a[0] : make(vm, ADDRESS(a[0])->p + 12, 4, 0);
}

NATIVE(address_map6)
{
    uint8_t p[16];

    NEED_THIS;
    if (ADDRESS(a[0])->n == 16)
        return a[0];
    memcpy(p, mapped, sizeof mapped);
    memcpy(p + 12, ADDRESS(a[0])->p, 4);
    return make(vm, p, 16, 0);
}

NATIVE(address_to_string)
{
    const struct address_object *o;
    char text[INET6_ADDRSTRLEN];

    NEED_THIS;
    o = ADDRESS(a[0]);
    if (!inet_ntop(o->n == 4 ? AF_INET : AF_INET6, o->p, text, sizeof text))
        return TEXT("");
    return o->scope ? str_printf(vm, "%s%%%u", text, o->scope) : str_printf(vm, "%s", text);
}

NATIVE(address_equals)
{
    const struct address_object *x, *y;

    NEED_THIS;
    x = ADDRESS(a[0]);
    y = object_if(a[1], TYPE_IPADDRESS);
    return val_bool(y && x->n == y->n && x->scope == y->scope && memcmp(x->p, y->p, x->n) == 0);
}

NATIVE(address_hash)
{
    NEED_THIS;
    return val_int((int32_t)hash_bytes(slice_of(ADDRESS(a[0])->p, ADDRESS(a[0])->n)));
}
