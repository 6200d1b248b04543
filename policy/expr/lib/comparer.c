/* StringComparer and the comparers of collections and LINQ; sorting by them. */
#include "policy/expr/lib/comparer.h"

#include "policy/expr/lib/string_int.h"

/* A comparer by StringComparison number, or by a delegate. */
struct comparer_object {
    struct object head;
    unsigned comparison;
    struct expr_value fn;
};

#define COMPARISON_DEFAULT 6

static struct expr_value standard(unsigned comparison)
{
    static const struct comparer_object all[] = {
        { { TYPE_OF(STRINGCOMPARER) }, 0, { 0 } }, { { TYPE_OF(STRINGCOMPARER) }, 1, { 0 } }, { { TYPE_OF(STRINGCOMPARER) }, 2, { 0 } },
        { { TYPE_OF(STRINGCOMPARER) }, 3, { 0 } }, { { TYPE_OF(STRINGCOMPARER) }, 4, { 0 } }, { { TYPE_OF(STRINGCOMPARER) }, 5, { 0 } } };

    return object_value(&all[comparison]);
}

NATIVE(comparer_culture)
{
    return standard(2);
}

NATIVE(comparer_culture_icase)
{
    return standard(3);
}

NATIVE(comparer_ordinal)
{
    return standard(4);
}

NATIVE(comparer_ordinal_icase)
{
    return standard(5);
}

NATIVE(comparer_of_culture)
{
    return a[0].kind == EXPR_NULL ? vm_throw_arg_null(vm, "culture") : standard(a[1].i ? 3 : 2);
}

NATIVE(comparer_from)
{
    return a[0].i < 0 || a[0].i > 5 ? vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The string comparison type passed in is currently not supported. (Parameter 'comparisonType')")
                                    : standard((unsigned)a[0].i);
}

static struct expr_value made(struct vm *vm, const struct site *site, struct expr_value fn)
{
    struct comparer_object *o = vm_new(vm, struct comparer_object);

    if (!o)
        return expr_value_null();
    o->head.type = site->ret;
    o->comparison = COMPARISON_DEFAULT;
    o->fn = fn;
    return object_value(o);
}

NATIVE(comparer_default)
{
    return made(vm, site, expr_value_null());
}

NATIVE(comparer_create)
{
    return made(vm, site, a[0]);
}

static const struct comparer_object *comparer_if(struct expr_value v)
{
    unsigned id = v.kind == EXPR_OBJECT ? OBJECT(v, object)->type->id : 0;

    return id == TYPE_STRINGCOMPARER || id == TYPE_COMPARER || id == TYPE_EQUALITYCOMPARER ? v.p : NULL;
}

bool comparer_equals(struct vm *vm, struct expr_value comparer, struct expr_value x, struct expr_value y)
{
    const struct comparer_object *c = comparer_if(comparer);
    struct expr_value pair[2] = { x, y };

    if (object_if(comparer, TYPE_XNODEEQUALITYCOMPARER))
        return net_xml_deep_equals(vm, NULL, pair).i;
    if (object_if(comparer, TYPE_JTOKENEQUALITYCOMPARER))
        return net_jtoken_deep_equals(vm, NULL, pair).i;
    if (!c || c->comparison == COMPARISON_DEFAULT || x.kind != EXPR_STRING || y.kind != EXPR_STRING || !(c->comparison & 1))
        return value_equals(vm, x, y);
    return text_equals_icase(vm, x, y);
}

int comparer_compare(struct vm *vm, struct expr_value comparer, struct expr_value x, struct expr_value y)
{
    const struct comparer_object *c = comparer_if(comparer);
    struct expr_value pair[2] = { x, y }, out;

    if (object_if(comparer, TYPE_XNODEDOCUMENTORDERCOMPARER))
        return (int)net_xml_compare_order(vm, NULL, pair).i;
    if (c && c->fn.kind != EXPR_NULL)
        return vm_call(vm, c->fn, pair, 2, &out) ? (int)out.i : 0;
    if (!c || c->comparison == COMPARISON_DEFAULT)
        return value_compare(vm, x, y);
    return string_compare(vm, x, y, c->comparison);
}

uint32_t comparer_hash(struct vm *vm, struct expr_value comparer, struct expr_value v)
{
    struct expr_value pair[2] = { comparer, v };

    if (object_if(comparer, TYPE_JTOKENEQUALITYCOMPARER))
        return (uint32_t)net_json_comparer_hash(vm, NULL, pair).i;
    return object_if(comparer, TYPE_XNODEEQUALITYCOMPARER) ? (uint32_t)net_xml_comparer_hash(vm, NULL, pair).i : value_hash(vm, v);
}

struct expr_value comparer_of_dict(struct expr_value comparer)
{
    const struct comparer_object *c = comparer_if(comparer);

    if (object_if(comparer, TYPE_JTOKENEQUALITYCOMPARER) || object_if(comparer, TYPE_XNODEEQUALITYCOMPARER))
        return comparer;
    return c && c->comparison != COMPARISON_DEFAULT && (c->comparison & 1) ? val_bool(true) : expr_value_null();
}

NATIVE(comparer_call_compare)
{
    return val_int(comparer_compare(vm, a[0], a[1], a[2]));
}

NATIVE(comparer_call_equals)
{
    return val_bool(comparer_equals(vm, a[0], a[1], a[2]));
}

NATIVE(comparer_call_hash)
{
    NEED(1, "obj");
    if (comparer_of_dict(a[0]).kind == EXPR_BOOL)
        a[1] = string_folded(vm, a[1], text_upper);
    return val_int((int32_t)value_hash(vm, a[1]));
}

/* ---- sorting ---- */

static int order_of(struct vm *vm, struct expr_value order, struct expr_value x, struct expr_value y)
{
    struct expr_value pair[2] = { x, y }, out;

    if (order.kind == EXPR_OBJECT && type_flags(OBJECT(order, object)->type) & TF_DELEGATE)
        return vm_call(vm, order, pair, 2, &out) ? (int)out.i : 0;
    return comparer_compare(vm, order, x, y);
}

static void merge(struct vm *vm, struct expr_value *v, struct expr_value *spare, uint32_t n, struct expr_value order)
{
    uint32_t half = n / 2, i = 0, j = half, at = 0;

    if (n < 2 || vm->thrown)
        return;
    merge(vm, v, spare, half, order);
    merge(vm, v + half, spare, n - half, order);
    if (vm->thrown || !vm_charge(vm, n))
        return;
    memcpy(spare, v, n * sizeof *v);
    while (i < half && j < n && !vm->thrown)
        v[at++] = order_of(vm, order, spare[i], spare[j]) <= 0 ? spare[i++] : spare[j++];
    while (i < half)
        v[at++] = spare[i++];
    while (j < n)
        v[at++] = spare[j++];
}

bool comparer_sort(struct vm *vm, struct expr_value *items, uint32_t n, struct expr_value order)
{
    struct expr_value *spare = n > 1 ? vm_alloc(vm, n * sizeof *spare) : items;

    if (!spare)
        return n < 2;
    if (n > VM_LONG_ITEMS)
        vm_pause(vm);
    merge(vm, items, spare, n, order);
    if (vm->thrown && object_if(vm->exception, TYPE_ARGUMENTEXCEPTION)) {
        struct expr_value inner = vm->exception;

        vm->thrown = false;
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Failed to compare two elements in the array.");
        if (!OBJECT(vm->exception, exception_object)->budget)
            OBJECT(vm->exception, exception_object)->inner = inner;
    }
    return !vm->thrown;
}
