/* object, Type, Nullable, Enum, Tuple, CultureInfo. */
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

NATIVE(object_new)
{
    struct object *o = vm_new(vm, struct object);

    if (o)
        o->type = TYPE_OF(OBJECT);
    return o ? object_value(o) : expr_value_null();
}

NATIVE(object_to_string)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : value_to_string(vm, a[0]);
}

NATIVE(object_equals)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : val_bool(value_equals(vm, a[0], a[1]));
}

NATIVE(object_equals_static)
{
    return val_bool(value_equals(vm, a[0], a[1]));
}

NATIVE(object_reference_equals)
{
    return val_bool(value_same(a[0], a[1]));
}

NATIVE(object_hash_code)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : val_int((int32_t)value_hash(vm, a[0]));
}

NATIVE(object_compare_to)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : val_int(value_compare(vm, a[0], a[1]));
}

NATIVE(object_dispose)
{
    return expr_value_null();
}

/* ---- Type: a tuple-less object that holds a descriptor ---- */

struct type_object {
    struct object head;
    const struct type *type;
};

static struct expr_value type_value(struct vm *vm, const struct type *t)
{
    struct type_object *o = vm_new(vm, struct type_object);

    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(TYPE);
    o->type = t;
    return object_value(o);
}

/* The type a Type value stands for. */
const struct type *type_of_type(struct expr_value v)
{
    return OBJECT(v, type_object)->type;
}

NATIVE(type_typeof)
{
    return type_value(vm, site->targs[0]);
}

NATIVE(object_get_type)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : type_value(vm, type_of_value(a[0]));
}

NATIVE(type_get_name)
{
    const struct type *t = type_of_type(a[0]);

    if (t->id == TYPE_ARRAY)
        return str_printf(vm, "%s[]", type_defs[t->args[0]->id].name);
    return t->n ? str_printf(vm, "%s`%u", type_defs[t->id].name, t->n) : text_value(slice_from(type_defs[t->id].name));
}

NATIVE(type_get_full_name)
{
    return text_value(value_reflection_name(vm, type_of_type(a[0])));
}

NATIVE(type_get_namespace)
{
    return text_value(slice_from(type_defs[type_of_type(a[0])->id].ns));
}

NATIVE(type_to_string)
{
    return net_type_get_full_name(vm, site, a);
}

NATIVE(type_equals)
{
    return val_bool(a[0].kind == EXPR_OBJECT && object_if(a[1], TYPE_TYPE) && type_eq(type_of_type(a[0]), type_of_type(a[1])));
}

NATIVE(type_not_equals)
{
    return val_bool(!net_type_equals(vm, site, a).i);
}

#define TYPE_TEST(name, test) \
    NATIVE(type_get_is_##name) \
    { \
        const struct type *t = type_of_type(a[0]); \
        return val_bool(test); \
    }

TYPE_TEST(array, t->id == TYPE_ARRAY)
TYPE_TEST(enum, type_is_enum(t))
TYPE_TEST(value, type_is_value(t))
TYPE_TEST(generic, t->n && t->id != TYPE_ARRAY)
TYPE_TEST(interface, type_flags(t) & TF_INTERFACE)
TYPE_TEST(class, !type_is_value(t) && !(type_flags(t) & TF_INTERFACE))

NATIVE(type_is_instance)
{
    return val_bool(a[1].kind != EXPR_NULL && type_holds(vm->arena, type_of_type(a[0]), a[1]));
}

NATIVE(type_is_assignable)
{
    return val_bool(a[1].kind != EXPR_NULL && type_converts(vm->arena, type_of_type(a[1]), type_of_type(a[0])));
}

/* ---- Nullable ---- */

NATIVE(nullable_new)
{
    return a[0];
}

NATIVE(nullable_compare)
{
    return val_int(value_compare(vm, a[0], a[1]));
}

NATIVE(nullable_underlying)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "nullableType");
    return type_is_nullable(type_of_type(a[0])) ? type_value(vm, type_of_type(a[0])->args[0]) : expr_value_null();
}

NATIVE(nullable_has_value)
{
    return val_bool(a[0].kind != EXPR_NULL);
}

NATIVE(nullable_value)
{
    return a[0].kind == EXPR_NULL ? vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Nullable object must have a value.") : a[0];
}

NATIVE(nullable_get_or_default)
{
    return a[0].kind == EXPR_NULL ? value_default(vm->arena, site->on->args[0]) : a[0];
}

NATIVE(nullable_get_or)
{
    return a[0].kind == EXPR_NULL ? a[1] : a[0];
}

NATIVE(nullable_to_string)
{
    return a[0].kind == EXPR_NULL ? TEXT("") : value_to_string(vm, a[0]);
}

NATIVE(nullable_hash_code)
{
    return a[0].kind == EXPR_NULL ? val_int(0) : net_object_hash_code(vm, site, a);
}

NATIVE(nullable_bool_and)
{
    if ((a[0].kind == EXPR_BOOL && !a[0].i) || (a[1].kind == EXPR_BOOL && !a[1].i))
        return val_bool(false);
    return a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL ? expr_value_null() : val_bool(true);
}

NATIVE(nullable_bool_or)
{
    if ((a[0].kind == EXPR_BOOL && a[0].i) || (a[1].kind == EXPR_BOOL && a[1].i))
        return val_bool(true);
    return a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL ? expr_value_null() : val_bool(false);
}

/* ---- Enum ---- */

NATIVE(enum_has_flag)
{
    return val_bool((a[0].i & a[1].i) == a[1].i);
}

NATIVE(enum_to_string_format)
{
    return format_value(vm, a[0], text_slice(a[1]));
}

static bool find_name(unsigned id, struct slice text, bool ignore_case, int64_t *out)
{
    text = slice_trim(text);
    for (unsigned i = type_defs[id].first; i < type_defs[id].last; i++) {
        struct slice name = slice_from(type_members[i].name);

        if (ignore_case ? slice_eq_icase(name, text) : slice_eq(name, text)) {
            *out = type_members[i].number;
            return true;
        }
    }
    return false;
}

/* "A, B" or a number. */
static bool read_enum(unsigned id, struct expr_value text, bool ignore_case, int64_t *out)
{
    struct slice rest = slice_trim(text_slice(text)), part;
    int64_t sum = 0, one;
    bool negative = rest.n && *rest.p == '-';
    uint64_t u;

    if (slice_to_u64(slice_skip(rest, negative), INT32_MAX, &u)) {
        *out = negative ? -(int64_t)u : (int64_t)u;
        return true;
    }
    if (rest.n == 0)
        return false;
    while (slice_cut(&rest, ',', &part)) {
        if (!find_name(id, part, ignore_case, &one))
            return false;
        sum |= one;
    }
    *out = sum;
    return true;
}

static struct expr_value parse_enum(struct vm *vm, unsigned id, struct expr_value text, bool ignore_case)
{
    int64_t i;

    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    if (slice_trim(text_slice(text)).n == 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Must specify valid information for parsing in the string. (Parameter 'value')");
    if (!read_enum(id, text, ignore_case, &i))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Requested value '%.*s' was not found.", (int)text.n, text.s);
    return val_enum(id, i);
}

/* The enum type a call is about: its type argument, or a Type as first argument; 0 with an exception. */
static unsigned enum_of(struct vm *vm, const struct site *site, const struct expr_value *a)
{
    const struct type *t = site->ntargs ? site->targs[0] : NULL;

    if (!t && a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "enumType"), 0;
    if (!t)
        t = type_of_type(a[0]);
    if (!type_is_enum(t))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Type provided must be an Enum. (Parameter 'enumType')"), 0;
    return t->id;
}

/* The value argument of such a call. */
static struct expr_value enum_argument(const struct site *site, const struct expr_value *a)
{
    return a[site->ntargs ? 0 : 1];
}

NATIVE(enum_parse)
{
    unsigned id = enum_of(vm, site, a);

    return id ? parse_enum(vm, id, a[1], a[2].i) : expr_value_null();
}

NATIVE(enum_parse_generic)
{
    return parse_enum(vm, site->targs[0]->id, a[0], a[1].i);
}

static struct expr_value try_enum(const struct site *site, struct expr_value text, bool ignore_case, struct expr_value *out)
{
    int64_t i = 0;
    bool ok = text.kind == EXPR_STRING && read_enum(site->targs[0]->id, text, ignore_case, &i);

    *out = val_enum(site->targs[0]->id, ok ? i : 0);
    return val_bool(ok);
}

NATIVE(enum_try_parse)
{
    return try_enum(site, a[0], false, &a[1]);
}

NATIVE(enum_try_parse_case)
{
    return try_enum(site, a[0], a[1].i, &a[2]);
}

NATIVE(enum_try_parse_type)
{
    unsigned id = enum_of(vm, site, a), last = site->n - 1u;
    int64_t i = 0;
    bool ok = id && a[1].kind == EXPR_STRING && read_enum(id, a[1], last > 2 && a[2].i, &i);

    a[last] = ok ? val_enum(id, i) : expr_value_null();
    return val_bool(ok);
}

NATIVE(enum_format)
{
    unsigned id = enum_of(vm, site, a);

    if (!id)
        return expr_value_null();
    if (a[1].kind == EXPR_NULL || a[2].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[1].kind == EXPR_NULL ? "value" : "format");
    return format_value(vm, val_enum(id, a[1].i), text_slice(a[2]));
}

NATIVE(enum_to_object)
{
    unsigned id = enum_of(vm, site, a);

    if (!id)
        return expr_value_null();
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    if (a[1].kind != EXPR_ENUM && (a[1].kind < EXPR_I8 || a[1].kind > EXPR_U64))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The value passed in must be an enum base or an underlying type for an enum, such as an Int32. (Parameter 'value')");
    return val_enum(id, a[1].i);
}

NATIVE(enum_underlying)
{
    return enum_of(vm, site, a) ? type_value(vm, TYPE_OF(INT)) : expr_value_null();
}

/* In order of value, as .NET has them: member i of n. */
static const struct member *enum_member(unsigned id, unsigned i)
{
    const struct member *m = NULL;

    for (unsigned k = type_defs[id].first; k < type_defs[id].last; k++) {
        unsigned before = 0;

        for (unsigned j = type_defs[id].first; j < type_defs[id].last; j++)
            before += (uint64_t)type_members[j].number < (uint64_t)type_members[k].number || (type_members[j].number == type_members[k].number && j < k);
        if (before == i)
            m = &type_members[k];
    }
    return m;
}

NATIVE(enum_get_names)
{
    unsigned id = enum_of(vm, site, a);
    struct list_object *l = id ? list_make(vm, &type_strings, 8) : NULL;

    for (unsigned i = 0; l && type_defs[id].first + i < type_defs[id].last; i++)
        if (!list_append(vm, l, text_value(slice_from(enum_member(id, i)->name))))
            return expr_value_null();
    return l ? object_value(l) : expr_value_null();
}

NATIVE(enum_get_name)
{
    unsigned id = enum_of(vm, site, a);
    struct expr_value v = enum_argument(site, a);

    if (id && v.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    for (unsigned i = type_defs[id].first; id && i < type_defs[id].last; i++)
        if (type_members[i].number == v.i)
            return text_value(slice_from(type_members[i].name));
    return expr_value_null();
}

NATIVE(enum_get_values)
{
    unsigned id = enum_of(vm, site, a);
    struct list_object *l = id ? list_make(vm, type_make1(vm->arena, TYPE_ARRAY, &type_simple[id]), 8) : NULL;

    for (unsigned i = 0; l && type_defs[id].first + i < type_defs[id].last; i++)
        if (!list_append(vm, l, val_enum(id, enum_member(id, i)->number)))
            return expr_value_null();
    return l ? object_value(l) : expr_value_null();
}

NATIVE(enum_is_defined)
{
    unsigned id = enum_of(vm, site, a);
    int64_t i;

    if (id && enum_argument(site, a).kind == EXPR_STRING)
        return val_bool(find_name(id, text_slice(enum_argument(site, a)), false, &i));
    return id ? val_bool(net_enum_get_name(vm, site, a).kind == EXPR_STRING) : expr_value_null();
}

/* ---- Tuple ---- */

NATIVE(tuple_create)
{
    return tuple_make(vm, site->ret, site->ret->n, a);
}

NATIVE(tuple_new)
{
    return tuple_make(vm, site->ret, site->ret->n, a);
}

/* ---- CultureInfo: the invariant one only ---- */

NATIVE(culture_invariant)
{
    static const struct object culture = { TYPE_OF(CULTUREINFO) };

    return object_value(&culture);
}

NATIVE(culture_get)
{
    return net_culture_invariant(vm, site, a);
}

NATIVE(culture_name)
{
    return TEXT("");
}

NATIVE(culture_display_name)
{
    return TEXT("Invariant Language (Invariant Country)");
}

NATIVE(culture_language)
{
    return TEXT("iv");
}
