/* What every value can do: text, equality, hash, order. Objects answer through the ToString, Equals and CompareTo
 * lines of their type in members.def. */
#include <stdio.h>

#include "platform/base/hash.h"
#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/vm.h"

static expr_native *method_of(unsigned id, const char *name, const char *sig)
{
    unsigned base;

    if (id >= TYPE_COUNT || id == TYPE_OBJECT)
        return NULL;
    for (unsigned i = type_defs[id].first; i < type_defs[id].last; i++) {
        const struct member *m = &type_members[i];

        if (m->kind == M_METHOD && strcmp(m->name, name) == 0 && strcmp(m->sig, sig) == 0)
            return m->fn;
    }
    for (unsigned i = 0; (base = type_base_id(id, i)) < TYPE_COUNT; i++) {
        expr_native *fn = method_of(base, name, sig);

        if (fn)
            return fn;
    }
    return NULL;
}

expr_native *value_method(const struct type *t, const char *name, const char *sig)
{
    return method_of(t->id, name, sig);
}

/* Reflection's name of a type: "System.Collections.Generic.List`1[System.Int32]". */
struct slice value_reflection_name(struct vm *vm, const struct type *t)
{
    struct buf b;

    buf_init(&b, vm->arena);
    if (t->id == TYPE_ARRAY) {
        buf_put(&b, value_reflection_name(vm, t->args[0]));
        buf_puts(&b, "[]");
        return buf_slice(&b);
    }
    if (*type_defs[t->id].ns)
        buf_printf(&b, "%s.", type_defs[t->id].ns);
    buf_puts(&b, type_defs[t->id].name);
    if (t->n) {
        buf_printf(&b, "`%u[", t->n);
        for (unsigned i = 0; i < t->n; i++) {
            if (i)
                buf_putc(&b, ',');
            buf_put(&b, value_reflection_name(vm, t->args[i]));
        }
        buf_putc(&b, ']');
    }
    return buf_slice(&b);
}

/* (1, a), [k, v], { a = 1 } */
static struct slice tuple_text(struct vm *vm, const struct tuple_object *o)
{
    bool anonymous = o->head.type->id == TYPE_ANONYMOUS, pair = o->head.type->id == TYPE_KEYVALUEPAIR;
    struct buf b;

    buf_init(&b, vm->arena);
    buf_puts(&b, anonymous ? "{ " : pair ? "[" : "(");
    for (uint32_t i = 0; i < o->n && !vm->thrown; i++) {
        if (i)
            buf_puts(&b, ", ");
        if (anonymous) {
            buf_put(&b, o->head.type->names[i]);
            buf_puts(&b, " = ");
        }
        text_put(&b, value_text(vm, o->f[i]));
    }
    buf_puts(&b, anonymous ? " }" : pair ? "]" : ")");
    return buf_slice(&b);
}

static struct slice object_text_inside(struct vm *vm, struct expr_value v)
{
    const struct type *t = type_of_value(v);
    expr_native *fn = value_method(t, "ToString", "string ()");
    struct expr_value args[4] = { v };

    if (fn) {
        args[0] = fn(vm, NULL, args);
        return args[0].kind == EXPR_STRING ? text_slice(args[0]) : SLICE("");
    }
    if (t->id == TYPE_ANONYMOUS || t->id == TYPE_TUPLE || t->id == TYPE_VALUETUPLE || t->id == TYPE_KEYVALUEPAIR)
        return tuple_text(vm, (const struct tuple_object *)v.p);
    return value_reflection_name(vm, t);
}

static struct slice object_text(struct vm *vm, struct expr_value v)
{
    struct slice s;

    if (!vm_enter(vm))
        return SLICE("");
    s = object_text_inside(vm, v);
    vm_leave(vm);
    return s;
}

struct slice value_text(struct vm *vm, struct expr_value v)
{
    char text[64];

    switch (v.kind) {
    case EXPR_NULL: return SLICE("");
    case EXPR_STRING: return text_slice(v);
    case EXPR_BOOL: return v.i ? SLICE("True") : SLICE("False");
    case EXPR_CHAR: {
        struct buf b;

        buf_init(&b, vm->arena);
        text_put_unit(&b, (uint32_t)v.i);
        return buf_slice(&b);
    }
    case EXPR_F64: return arena_copy(vm->arena, slice_of(text, format_double(v.d, text)));
    case EXPR_F32: return arena_copy(vm->arena, slice_of(text, format_float(v.f, text)));
    case EXPR_DECIMAL: return arena_copy(vm->arena, slice_of(text, decimal_text(decimal_of(v), text)));
    case EXPR_U64: return arena_copy(vm->arena, slice_of(text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)v.u)));
    case EXPR_ENUM: return enum_text(vm, v);
    case EXPR_DATETIME:
    case EXPR_OFFSETTIME:
    case EXPR_TIMESPAN:
    case EXPR_GUID: return text_slice(format_time(vm, v, SLICE_NONE));
    case EXPR_HOST:
    case EXPR_OBJECT: return object_text(vm, v);
    default: return arena_copy(vm->arena, slice_of(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v.i)));
    }
}

struct expr_value value_to_string(struct vm *vm, struct expr_value v)
{
    struct slice s;

    if (v.kind == EXPR_NULL || v.kind == EXPR_STRING)
        return v;
    s = value_text(vm, v);
    return vm->thrown ? expr_value_null() : text_value(s);
}

struct slice enum_text(struct vm *vm, struct expr_value v)
{
    const struct type_def *d = &type_defs[v.aux];
    int64_t rest = v.i;
    struct slice names[16];
    unsigned n = 0;
    struct buf b;

    for (unsigned i = d->first; i < d->last; i++)
        if (type_members[i].number == v.i)
            return slice_from(type_members[i].name);
    buf_init(&b, vm->arena);
    if (d->flags & TF_FLAGS) {
        for (unsigned i = d->last; i-- > d->first && n < 16;)
            if (type_members[i].number && (rest & type_members[i].number) == type_members[i].number) {
                rest &= ~type_members[i].number;
                names[n++] = slice_from(type_members[i].name);
            }
        if (rest == 0) {
            while (n-- > 0) {
                buf_put(&b, names[n]);
                if (n)
                    buf_puts(&b, ", ");
            }
            return buf_slice(&b);
        }
    }
    buf_printf(&b, "%lld", (long long)v.i);
    return buf_slice(&b);
}

bool value_same(struct expr_value a, struct expr_value b)
{
    if (a.kind == EXPR_NULL || b.kind == EXPR_NULL)
        return a.kind == b.kind;
    if (a.kind == EXPR_STRING && b.kind == EXPR_STRING)
        return a.n == b.n && (a.s == b.s || a.n == 0);
    if (a.kind == EXPR_HOST && b.kind == EXPR_HOST)
        return a.aux == b.aux && a.p == b.p;
    return a.kind == EXPR_OBJECT && b.kind == EXPR_OBJECT && a.p == b.p;
}

static bool is_structural(const struct type *t)
{
    return t->id == TYPE_ANONYMOUS || t->id == TYPE_TUPLE || t->id == TYPE_VALUETUPLE || t->id == TYPE_KEYVALUEPAIR;
}

static bool objects_equal_inside(struct vm *vm, struct expr_value a, struct expr_value b)
{
    const struct type *t = type_of_value(a);
    expr_native *fn;
    struct expr_value args[4] = { a, b };

    if (a.p == b.p)
        return true;
    if (is_structural(t)) {
        const struct tuple_object *x = a.p, *y = b.p;

        if (!type_eq(t, y->head.type))
            return false;
        for (uint32_t i = 0; i < x->n; i++)
            if (!value_equals(vm, x->f[i], y->f[i]))
                return false;
        return true;
    }
    fn = value_method(t, "Equals", "bool (object other)");
    return fn ? fn(vm, NULL, args).i != 0 : false;
}

static bool objects_equal(struct vm *vm, struct expr_value a, struct expr_value b)
{
    bool equal;

    if (!vm_charge(vm, 1) || !vm_enter(vm))
        return false;
    equal = objects_equal_inside(vm, a, b);
    vm_leave(vm);
    return equal && !vm->thrown;
}

bool value_equals(struct vm *vm, struct expr_value a, struct expr_value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case EXPR_NULL: return true;
    case EXPR_STRING: return a.n == b.n && (a.n == 0 || (vm_charge_bytes(vm, a.n) && memcmp(a.s, b.s, a.n) == 0));
    case EXPR_F64: return a.d == b.d || (a.d != a.d && b.d != b.d);
    case EXPR_F32: return a.f == b.f || (a.f != a.f && b.f != b.f);
    case EXPR_DECIMAL: return decimal_cmp(decimal_of(a), decimal_of(b)) == 0;
    case EXPR_ENUM: return a.aux == b.aux && a.i == b.i;
    case EXPR_GUID: return memcmp(a.p, b.p, 16) == 0;
    case EXPR_OFFSETTIME: return a.i - (int32_t)a.n * INT64_C(600000000) == b.i - (int32_t)b.n * INT64_C(600000000);
    case EXPR_HOST: return a.aux == b.aux && a.p == b.p;
    case EXPR_OBJECT: return objects_equal(vm, a, b);
    default: return a.i == b.i;
    }
}

static uint64_t object_hash(struct vm *vm, struct expr_value v)
{
    const struct tuple_object *o = v.p;
    struct expr_value args[2] = { v };
    expr_native *fn;
    uint64_t h;

    if (!is_structural(type_of_value(v))) {
        fn = value_method(type_of_value(v), "GetHashCode", "int ()");
        return fn ? (uint64_t)fn(vm, NULL, args).i : (uint64_t)(uintptr_t)v.p >> 4;
    }
    h = o->n;
    for (uint32_t i = 0; i < o->n && !vm->thrown; i++)
        h = h * 31 + value_hash(vm, o->f[i]);
    return h;
}

uint32_t value_hash(struct vm *vm, struct expr_value v)
{
    uint64_t h = 0;

    switch (v.kind) {
    case EXPR_STRING: h = vm_charge_bytes(vm, v.n) ? hash_bytes(text_slice(v)) : 0; break;
    case EXPR_GUID: h = hash_bytes(slice_of(v.p, 16)); break;
    case EXPR_DECIMAL: {
        char text[DECIMAL_TEXT_MAX];
        struct slice s = slice_of(text, decimal_text(decimal_of(v), text));

        while (s.n > 1 && slice_find_byte(s, '.') >= 0 && (s.p[s.n - 1] == '0' || s.p[s.n - 1] == '.'))
            s.n--;
        h = hash_bytes(s);
        break;
    }
    case EXPR_OFFSETTIME: h = (uint64_t)(v.i - (int32_t)v.n * INT64_C(600000000)); break;
    case EXPR_OBJECT:
        if (vm_charge(vm, 1) && vm_enter(vm)) {
            h = object_hash(vm, v);
            vm_leave(vm);
        }
        break;
    default: h = v.u; break;
    }
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32);
}

/* The invariant culture's order, near enough: letters by alphabet, lower case before upper on a tie; punctuation first. */
static int collation_key(uint32_t cp)
{
    uint32_t low = text_lower(cp);

    if (low >= 'a' && low <= 'z')
        return 1000 + (int)low;
    if (low >= '0' && low <= '9')
        return 500 + (int)low;
    return low < 0x80 ? (int)low : 2000 + (int)low;
}

int text_compare(struct expr_value a, struct expr_value b, bool ignore_case)
{
    struct text_walk x = text_walk(a), y = text_walk(b);
    uint32_t p, q;
    int tie = 0;

    for (;;) {
        bool more_x = text_next(&x, &p), more_y = text_next(&y, &q);
        int d;

        if (!more_x || !more_y)
            return more_x ? 1 : more_y ? -1 : ignore_case ? 0 : tie;
        d = collation_key(p) - collation_key(q);
        if (d)
            return d < 0 ? -1 : 1;
        if (tie == 0 && p != q)
            tie = text_lower(p) == p ? -1 : 1;
    }
}

/* As .NET: the difference of the first units that differ, else of the lengths. */
int text_compare_ordinal(struct expr_value a, struct expr_value b, bool ignore_case)
{
    struct text_walk x = text_walk(a), y = text_walk(b);
    uint32_t p, q;

    for (;;) {
        bool more_x = text_next(&x, &p), more_y = text_next(&y, &q);

        if (!more_x || !more_y)
            return more_x || more_y ? (int)text_length(a) - (int)text_length(b) : 0;
        if (ignore_case) {
            p = text_upper(p);
            q = text_upper(q);
        }
        if (p != q)
            return (int)p - (int)q;
    }
}

bool text_equals_icase(struct vm *vm, struct expr_value a, struct expr_value b)
{
    if (text_is_ascii(a) && text_is_ascii(b))
        return a.n == b.n && vm_charge_bytes(vm, a.n) && slice_eq_icase(text_slice(a), text_slice(b));
    return vm_charge_bytes(vm, a.n < b.n ? a.n : b.n) && text_compare_ordinal(a, b, true) == 0;
}

static int compare_tuples(struct vm *vm, const struct tuple_object *x, const struct tuple_object *y)
{
    for (uint32_t i = 0; i < x->n && i < y->n; i++) {
        int c;

        if (!vm_enter(vm))
            return 0;
        c = value_compare(vm, x->f[i], y->f[i]);
        vm_leave(vm);
        if (c || vm->thrown)
            return c;
    }
    return 0;
}

int value_compare(struct vm *vm, struct expr_value a, struct expr_value b)
{
    expr_native *fn;
    struct expr_value args[4] = { a, b };

    if (a.kind == EXPR_NULL || b.kind == EXPR_NULL)
        return a.kind == b.kind ? 0 : a.kind == EXPR_NULL ? -1 : 1;
    if (a.kind != b.kind) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Object must be of type %s.", type_defs[type_of_value(a)->id].name);
        return 0;
    }
    switch (a.kind) {
    case EXPR_STRING: return vm_charge_bytes(vm, a.n < b.n ? a.n : b.n) ? text_compare(a, b, false) : 0;
    case EXPR_F64: return a.d < b.d ? -1 : a.d > b.d ? 1 : a.d == b.d ? 0 : a.d == a.d ? 1 : b.d == b.d ? -1 : 0;
    case EXPR_F32: return a.f < b.f ? -1 : a.f > b.f ? 1 : a.f == b.f ? 0 : a.f == a.f ? 1 : b.f == b.f ? -1 : 0;
    case EXPR_DECIMAL: return decimal_cmp(decimal_of(a), decimal_of(b));
    case EXPR_U64: return a.u < b.u ? -1 : a.u > b.u;
    case EXPR_CHAR:
    case EXPR_U8:
    case EXPR_I8:
    case EXPR_U16:
    case EXPR_I16: return (int)(a.i - b.i);
    case EXPR_GUID: {
        int c = guid_compare(a, b);

        return c;
    }
    case EXPR_OFFSETTIME: {
        int64_t x = a.i - (int32_t)a.n * INT64_C(600000000), y = b.i - (int32_t)b.n * INT64_C(600000000);

        return x < y ? -1 : x > y;
    }
    case EXPR_HOST: return 0;
    case EXPR_OBJECT:
        if (type_of_value(a)->id == TYPE_TUPLE || type_of_value(a)->id == TYPE_VALUETUPLE)
            return compare_tuples(vm, a.p, b.p);
        fn = value_method(type_of_value(a), "CompareTo", "int (object other)");
        if (fn)
            return (int)fn(vm, NULL, args).i;
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "At least one object must implement IComparable.");
        return 0;
    default: return a.i < b.i ? -1 : a.i > b.i;
    }
}

struct expr_value value_default(struct arena *a, const struct type *t)
{
    static const uint8_t empty_guid[16];
    static const struct decimal zero;
    enum expr_kind k;

    if (!type_is_value(t) || type_is_nullable(t))
        return expr_value_null();
    k = type_kind(t);
    if (k == EXPR_ENUM)
        return val_enum(t->id, 0);
    if (k == EXPR_DECIMAL)
        return (struct expr_value){ .kind = EXPR_DECIMAL, .p = &zero };
    if (k == EXPR_GUID)
        return (struct expr_value){ .kind = EXPR_GUID, .p = empty_guid };
    if (k == EXPR_OBJECT) {
        struct tuple_object *o = arena_alloc(a, sizeof *o + t->n * sizeof o->f[0]);

        if (!o)
            return expr_value_null();
        o->head.type = type_keep(a, t);
        o->n = t->n;
        for (unsigned i = 0; i < t->n; i++)
            o->f[i] = value_default(a, t->args[i]);
        return object_value(o);
    }
    return (struct expr_value){ .kind = (uint8_t)k };
}

struct expr_value str_make(struct vm *vm, struct slice utf8)
{
    return text_value(arena_copy(vm->arena, utf8));
}

uint32_t str_unit(struct vm *vm, struct expr_value v, uint32_t index)
{
    return text_is_ascii(v) || vm_charge_bytes(vm, v.n) ? text_unit(v, index) : 0;
}

struct expr_value str_sub(struct vm *vm, struct expr_value v, uint32_t from, uint32_t n)
{
    return text_is_ascii(v) || vm_charge_bytes(vm, v.n) ? text_sub(vm->arena, v, from, n) : TEXT("");
}

struct expr_value str_printf(struct vm *vm, const char *fmt, ...)
{
    struct slice s;
    va_list args;

    va_start(args, fmt);
    s = arena_vprintf(vm->arena, fmt, args);
    va_end(args);
    return text_value(s);
}

struct slice exception_text(struct vm *vm, struct exception_object *e)
{
    struct expr_value message = e->message;

    if (e->has_message && message.kind == EXPR_STRING)
        return text_slice(message);
    return arena_printf(vm->arena, "Exception of type '%s.%s' was thrown.", type_defs[e->head.type->id].ns, type_defs[e->head.type->id].name);
}
