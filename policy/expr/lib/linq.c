/* Enumerable: what consumes sequences. The lazy operators are in linq_seq.c, linq_set.c and linq_order.c. */
#include "policy/expr/lib/linq_int.h"

/* The predicate of a consumer with an optional one. */
static struct expr_value predicate_of(const struct site *site, struct expr_value *a)
{
    return site->n > 1 ? a[1] : expr_value_null();
}

/* A predicate that is there must not be null. False: exception. */
static bool predicate_is_fine(struct vm *vm, const struct site *site, const struct expr_value *a)
{
    if (site->n > 1 && a[1].kind == EXPR_NULL)
        vm_throw_arg_null(vm, type_is(site->on, TYPE_ENUMERABLE) ? "predicate" : "match");
    return !vm->thrown;
}

/* 1: x passes (no predicate: always), 0: not, -1: exception. */
static int passes(struct vm *vm, struct expr_value predicate, struct expr_value x)
{
    struct expr_value ok;

    if (predicate.kind == EXPR_NULL)
        return vm_charge(vm, 1) ? 1 : -1;
    return vm_call(vm, predicate, &x, 1, &ok) ? ok.i != 0 : -1;
}

/* Find the first (or last) element that passes: 1 found, 0 none, -1 exception. */
static int find(struct vm *vm, struct expr_value source, struct expr_value predicate, bool last, struct expr_value *out)
{
    struct iter it;
    struct expr_value x;
    int got, found = 0;

    if (!iter_open(vm, source, &it))
        return -1;
    while ((got = iter_next(vm, &it, &x)) > 0) {
        int p = passes(vm, predicate, x);

        if (p < 0)
            return -1;
        if (!p)
            continue;
        *out = x;
        found = 1;
        if (!last)
            return 1;
    }
    return got < 0 ? -1 : found;
}

static struct expr_value pick(struct vm *vm, const struct site *site, struct expr_value *a, bool last, bool or_default)
{
    struct expr_value x, predicate = predicate_of(site, a);
    int got;

    NEED_SOURCE;
    if (!predicate_is_fine(vm, site, a))
        return expr_value_null();
    got = find(vm, a[0], predicate, last, &x);
    if (got > 0)
        return x;
    if (got < 0)
        return expr_value_null();
    if (or_default)
        return value_default(vm->arena, site->ret);
    return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains no %s",
                    predicate.kind == EXPR_NULL ? "elements" : "matching element");
}

/* The first (or last) that passes a[1], or the default given as the last argument. */
static struct expr_value pick_or(struct vm *vm, const struct site *site, struct expr_value *a, bool last)
{
    struct expr_value x;
    int got;

    NEED_SOURCE;
    got = find(vm, a[0], site->n > 2 ? a[1] : expr_value_null(), last, &x);
    return got > 0 ? x : a[site->n - 1];
}

NATIVE(linq_first_or)
{
    return pick_or(vm, site, a, false);
}

NATIVE(linq_last_or)
{
    return pick_or(vm, site, a, true);
}

NATIVE(linq_first)
{
    return pick(vm, site, a, false, false);
}

NATIVE(linq_first_or_default)
{
    return pick(vm, site, a, false, true);
}

NATIVE(linq_last)
{
    return pick(vm, site, a, true, false);
}

NATIVE(linq_last_or_default)
{
    return pick(vm, site, a, true, true);
}

NATIVE(linq_any)
{
    struct expr_value x;

    NEED_SOURCE;
    if (!predicate_is_fine(vm, site, a))
        return expr_value_null();
    return val_bool(find(vm, a[0], predicate_of(site, a), false, &x) > 0);
}

NATIVE(linq_all)
{
    struct iter it;
    struct expr_value x;

    NEED_SOURCE;
    if (!predicate_is_fine(vm, site, a) || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        int p = passes(vm, a[1], x);

        if (p <= 0)
            return val_bool(false);
    }
    return val_bool(true);
}

NATIVE(linq_count)
{
    struct expr_value x, predicate = predicate_of(site, a);
    struct iter it;
    int n = 0, p;

    NEED_SOURCE;
    if (!predicate_is_fine(vm, site, a) || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        p = passes(vm, predicate, x);
        if (p < 0)
            break;
        n += p;
    }
    return val_int(n);
}

NATIVE(linq_contains)
{
    struct iter it;
    struct expr_value x, comparer = site && site->n > 2 ? a[2] : expr_value_null();

    NEED_SOURCE;
    if (object_if(a[0], TYPE_JARRAY) && comparer.kind == EXPR_NULL) /* its own Contains, by reference */
        return net_jarray_contains(vm, site, a);
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        if (comparer_equals(vm, comparer, x, a[1]))
            return val_bool(true);
        if (!vm_charge(vm, 1))
            break;
    }
    return val_bool(false);
}

/* Everything into a list; NULL: exception. */
struct list_object *linq_collect(struct vm *vm, struct expr_value source, const struct type *type)
{
    struct list_object *l = list_make(vm, type, 0);
    struct iter it;
    struct expr_value x;
    int got;

    if (!l || !iter_open(vm, source, &it))
        return NULL;
    while ((got = iter_next(vm, &it, &x)) > 0)
        if (!list_append(vm, l, x) || !vm_charge(vm, 1))
            return NULL;
    return got < 0 ? NULL : l;
}

NATIVE(linq_to_list)
{
    struct list_object *l;

    NEED_SOURCE;
    l = linq_collect(vm, a[0], site->ret);
    return l ? object_value(l) : expr_value_null();
}

NATIVE(linq_to_array)
{
    struct list_object *l;

    NEED_SOURCE;
    l = linq_collect(vm, a[0], site->ret);
    if (!l)
        return expr_value_null();
    return site->ret->args[0]->id == TYPE_BYTE ? array_make(vm, site->ret, l->n, l->items) : object_value(l);
}

/* ---- single, at ---- */

static struct expr_value single(struct vm *vm, const struct site *site, struct expr_value source, struct expr_value predicate, bool or_default,
                                struct expr_value standard)
{
    struct expr_value x, hit = standard;
    struct iter it;
    int got, p, n = 0;

    if (source.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source");
    if (!iter_open(vm, source, &it))
        return expr_value_null();
    while ((got = iter_next(vm, &it, &x)) > 0) {
        if ((p = passes(vm, predicate, x)) < 0)
            return expr_value_null();
        if (!p)
            continue;
        hit = x;
        if (++n > 1)
            return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains more than one %s",
                            predicate.kind == EXPR_NULL ? "element" : "matching element");
    }
    if (got == 0 && n == 0 && !or_default)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains no %s",
                        predicate.kind == EXPR_NULL ? "elements" : "matching element");
    return hit;
}

NATIVE(linq_single)
{
    NEED_SOURCE;
    return predicate_is_fine(vm, site, a) ? single(vm, site, a[0], predicate_of(site, a), false, expr_value_null()) : expr_value_null();
}

NATIVE(linq_single_or_default)
{
    NEED_SOURCE;
    return predicate_is_fine(vm, site, a) ? single(vm, site, a[0], predicate_of(site, a), true, value_default(vm->arena, site->ret))
                                          : expr_value_null();
}

NATIVE(linq_single_or)
{
    return single(vm, site, a[0], site->n > 2 ? a[1] : expr_value_null(), true, a[site->n - 1]);
}

/* 1: found, 0: no such index, -1: exception. */
static int at(struct vm *vm, struct expr_value source, int64_t index, struct expr_value *out)
{
    struct iter it;
    int got;

    if (index < 0)
        return 0;
    if (!iter_open(vm, source, &it))
        return -1;
    while ((got = iter_next(vm, &it, out)) > 0 && index-- > 0)
        if (!vm_charge(vm, 1))
            return -1;
    return got;
}

NATIVE(linq_element_at)
{
    struct expr_value x;
    int got;

    NEED_SOURCE;
    got = at(vm, a[0], a[1].i, &x);
    return got > 0 ? x : got < 0 ? expr_value_null() : vm_throw_index(vm);
}

NATIVE(linq_element_at_or_default)
{
    struct expr_value x;

    NEED_SOURCE;
    return at(vm, a[0], a[1].i, &x) > 0 ? x : value_default(vm->arena, site->ret);
}

NATIVE(linq_long_count)
{
    return val_long(net_linq_count(vm, site, a).i);
}

/* ---- folding ---- */

NATIVE(linq_aggregate)
{
    struct iter it;
    struct expr_value pair[2], fn = site->n > 2 ? a[2] : a[1];
    int got;

    NEED_SOURCE;
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    if (site->n > 2)
        pair[0] = a[1];
    else if ((got = iter_next(vm, &it, &pair[0])) <= 0)
        return got < 0 ? expr_value_null() : vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains no elements");
    while ((got = iter_next(vm, &it, &pair[1])) > 0)
        if (!vm_call(vm, fn, pair, 2, &pair[0]))
            return expr_value_null();
    if (got == 0 && site->n > 3 && !vm_call(vm, a[3], pair, 1, &pair[0]))
        return expr_value_null();
    return pair[0];
}

NATIVE(linq_sequence_equal)
{
    struct iter x, y;
    struct expr_value p, q, comparer = site->n > 2 ? a[2] : expr_value_null();

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "first");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "second");
    if (!iter_open(vm, a[0], &x) || !iter_open(vm, a[1], &y))
        return expr_value_null();
    for (;;) {
        int more_x = iter_next(vm, &x, &p), more_y = more_x < 0 ? -1 : iter_next(vm, &y, &q);

        if (more_x <= 0 || more_y <= 0)
            return val_bool(more_x == more_y);
        if (!comparer_equals(vm, comparer, p, q) || !vm_charge(vm, 1))
            return val_bool(false);
    }
}

/* Sum and count of what is not null; false: exception. Floats add up as doubles. */
static bool add_up(struct vm *vm, const struct site *site, struct expr_value *a, struct expr_value *sum, int64_t *n)
{
    struct iter it;
    struct expr_value x;
    enum op_error e;
    int got;

    *n = 0;
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source"), false;
    if (!iter_open(vm, a[0], &it))
        return false;
    while ((got = iter_next(vm, &it, &x)) > 0) {
        if (site->n > 1 && !vm_call(vm, a[1], &x, 1, &x))
            return false;
        if (x.kind == EXPR_NULL)
            continue;
        if (x.kind != sum->kind)
            op_convert(vm->arena, (enum expr_kind)sum->kind, false, x, &x);
        e = op_binary(vm->arena, B_ADD, (enum expr_kind)sum->kind, true, *sum, x, sum);
        if (e != OP_FINE)
            return vm_op_error(vm, e), false;
        ++*n;
        if (!vm_charge(vm, 1))
            return false;
    }
    return got == 0;
}

static struct expr_value converted(struct vm *vm, const struct type *to, struct expr_value v)
{
    op_convert(vm->arena, type_kind(type_strip(to)), false, v, &v);
    return v;
}

NATIVE(linq_sum)
{
    const struct type *t = type_strip(site->ret);
    struct expr_value sum = t->id == TYPE_FLOAT ? val_double(0) : value_default(vm->arena, t);
    int64_t n;

    return add_up(vm, site, a, &sum, &n) ? converted(vm, t, sum) : expr_value_null();
}

/* Whole numbers are summed as long, real ones as double or decimal. */
NATIVE(linq_average)
{
    const struct type *t = type_strip(site->ret), *of;
    struct expr_value sum, count;
    int64_t n;

    NEED_SOURCE;
    of = site->n > 1 ? TYPE_OF(DOUBLE) : type_element(vm->arena, type_of_value(a[0]));
    sum = of && type_is_integral(type_strip(of)) ? val_long(0) : t->id == TYPE_DECIMAL ? value_default(vm->arena, t) : val_double(0);
    if (!add_up(vm, site, a, &sum, &n))
        return expr_value_null();
    if (n == 0)
        return type_is_nullable(site->ret) ? expr_value_null() : vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains no elements");
    count = converted(vm, t->id == TYPE_DECIMAL ? t : TYPE_OF(DOUBLE), val_long(n));
    sum = converted(vm, t->id == TYPE_DECIMAL ? t : TYPE_OF(DOUBLE), sum);
    op_binary(vm->arena, B_DIV, (enum expr_kind)count.kind, true, sum, count, &sum);
    return converted(vm, t, sum);
}

/* The least or greatest by the value or a key of it; the element itself when by_key. */
static struct expr_value extreme(struct vm *vm, const struct site *site, struct expr_value *a, int sign, bool by_key)
{
    struct iter it;
    struct expr_value x, key, best = expr_value_null(), best_key = expr_value_null();
    bool selector = site->n > 1 && type_flags(type_of_value(a[1])) & TF_DELEGATE;
    struct expr_value comparer = site->n > 2 ? a[2] : site->n > 1 && !selector ? a[1] : expr_value_null();
    int got, seen = 0;

    NEED_SOURCE;
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while ((got = iter_next(vm, &it, &x)) > 0) {
        key = x;
        if (selector && !vm_call(vm, a[1], &x, 1, &key))
            return expr_value_null();
        if (!seen++ || (best_key.kind == EXPR_NULL ? key.kind != EXPR_NULL
                                                   : key.kind != EXPR_NULL && sign * comparer_compare(vm, comparer, key, best_key) > 0)) {
            best = by_key ? x : key;
            best_key = key;
        }
        if (vm->thrown || !vm_charge(vm, 1))
            return expr_value_null();
    }
    if (got == 0 && !seen && type_is_value(site->ret) && !type_is_nullable(site->ret))
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Sequence contains no elements");
    return best;
}

NATIVE(linq_min)
{
    return extreme(vm, site, a, -1, false);
}

NATIVE(linq_max)
{
    return extreme(vm, site, a, 1, false);
}

NATIVE(linq_min_by)
{
    return extreme(vm, site, a, -1, true);
}

NATIVE(linq_max_by)
{
    return extreme(vm, site, a, 1, true);
}

/* ---- into dictionaries and sets ---- */

/* The comparer of ToDictionary, ToHashSet ...: the last argument when it is one. */
static struct expr_value last_comparer(const struct site *site, struct expr_value *a)
{
    return comparer_of_dict(site->n > 1 ? a[site->n - 1] : expr_value_null());
}

NATIVE(linq_to_dictionary)
{
    struct dict_object *d = dict_make(vm, site->ret, last_comparer(site, a));
    bool element = site->n > 2 && type_flags(type_of_value(a[2])) & TF_DELEGATE;
    struct expr_value x, pair[3];
    struct iter it;

    NEED_SOURCE;
    if (!d || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        pair[0] = object_value(d);
        pair[2] = x;
        if (!vm_call(vm, a[1], &x, 1, &pair[1]) || (element && !vm_call(vm, a[2], &x, 1, &pair[2])))
            return expr_value_null();
        net_dict_add(vm, site, pair);
        if (vm->thrown)
            return expr_value_null();
    }
    return object_value(d);
}

/* Of key-value pairs or pairs of two. */
NATIVE(linq_to_dictionary_pairs)
{
    struct dict_object *d = dict_make(vm, site->ret, last_comparer(site, a));
    struct expr_value x, pair[3];
    struct iter it;

    NEED_SOURCE;
    if (!d || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        pair[0] = object_value(d);
        pair[1] = OBJECT(x, tuple_object)->f[0];
        pair[2] = OBJECT(x, tuple_object)->f[1];
        net_dict_add(vm, site, pair);
        if (vm->thrown)
            return expr_value_null();
    }
    return object_value(d);
}

NATIVE(linq_to_hash_set)
{
    struct dict_object *d = dict_make(vm, site->ret, last_comparer(site, a));
    struct expr_value x;
    struct iter it;

    NEED_SOURCE;
    if (!d || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0)
        if (!dict_find(vm, d, x) && (!dict_put(vm, d, x, expr_value_null()) || !vm_charge(vm, 1)))
            return expr_value_null();
    return object_value(d);
}
