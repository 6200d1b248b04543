/* HashSet and SortedSet: the set operations; SortedDictionary and the rest of Dictionary. */
#include "policy/expr/lib/comparer.h"
#include "policy/expr/lib/string_int.h"

static struct dict_object *dict_of(struct expr_value v)
{
    return OBJECT(v, dict_object);
}

/* The comparer is the last argument, when it is one. */
static struct dict_object *make(struct vm *vm, const struct site *site, struct expr_value *a)
{
    struct dict_object *d = dict_make(vm, site->ret, comparer_of_dict(site->n ? a[site->n - 1] : expr_value_null()));

    if (d)
        d->sorted = site->ret->id == TYPE_SORTEDDICTIONARY || site->ret->id == TYPE_SORTEDSET;
    return d;
}

NATIVE(dict_make_empty)
{
    struct dict_object *d;

    if (site->n && a[0].kind == EXPR_I32 && a[0].i < 0)
        return string_negative(vm, "capacity", a[0].i);
    d = make(vm, site, a);
    return d ? object_value(d) : expr_value_null();
}

/* Out of pairs. */
NATIVE(dict_make_from)
{
    struct dict_object *d = make(vm, site, a);
    struct expr_value x, args[3];
    struct iter it;

    NEED(0, "dictionary");
    if (!d || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        args[0] = object_value(d);
        args[1] = OBJECT(x, tuple_object)->f[0];
        args[2] = OBJECT(x, tuple_object)->f[1];
        net_dict_add(vm, site, args);
        if (vm->thrown)
            break;
    }
    return object_value(d);
}

static bool put_all(struct vm *vm, struct dict_object *d, struct expr_value source)
{
    struct expr_value x;
    struct iter it;
    int got;

    if (source.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "other"), false;
    if (!iter_open(vm, source, &it))
        return false;
    while ((got = iter_next(vm, &it, &x)) > 0)
        if (!dict_find(vm, d, x) && (!dict_put(vm, d, x, expr_value_null()) || !vm_charge(vm, 1)))
            return false;
    return got == 0 && !vm->thrown;
}

NATIVE(set_make_from)
{
    struct dict_object *d = make(vm, site, a);

    NEED(0, "collection");
    return d && put_all(vm, d, a[0]) ? object_value(d) : expr_value_null();
}

NATIVE(dict_try_add)
{
    NEED(1, "key");
    if (dict_find(vm, dict_of(a[0]), a[1]))
        return val_bool(false);
    return val_bool(dict_put(vm, dict_of(a[0]), a[1], a[2]));
}

NATIVE(dict_remove_out)
{
    struct dict_entry *e;

    NEED(0, "dictionary"); /* of the extension method */
    NEED(1, "key");
    e = dict_find(vm, dict_of(a[0]), a[1]);
    a[2] = e ? e->value : value_default(vm->arena, site->ntargs ? site->targs[1] : site->on->args[1]);
    return val_bool(e && dict_remove(vm, dict_of(a[0]), a[1]));
}

NATIVE(dict_contains_value)
{
    const struct dict_object *d;

    d = dict_of(a[0]);
    for (uint32_t i = 0; i < d->n; i++)
        if (d->entries[i].live && value_equals(vm, d->entries[i].value, a[1]))
            return val_bool(true);
    return val_bool(false);
}

/* (key [, default]) of any dictionary, by TryGetValue */
NATIVE(dict_get_or_default)
{
    struct expr_value args[3] = { a[0], a[1], expr_value_null() };
    const struct type *on = type_as(vm->arena, type_of_value(a[0]), TYPE_IREADONLYDICTIONARY);
    struct site try = *site;

    NEED(0, "dictionary");
    try.on = on ? on : TYPE_OF(OBJECT);
    if (!net_dict_contains_key(vm, site, args).i || vm->thrown)
        return site->n > 2 ? a[2] : value_default(vm->arena, site->ret);
    return net_dict_item(vm, &try, args);
}

/* ---- set operations ---- */

/* The other sequence as a set of the same comparer; NULL: exception. */
static struct dict_object *other_set(struct vm *vm, struct expr_value *a)
{
    struct dict_object *d = dict_make(vm, dict_of(a[0])->head.type, dict_of(a[0])->comparer);

    return d && put_all(vm, d, a[1]) ? d : NULL;
}

NATIVE(set_union)
{
    put_all(vm, dict_of(a[0]), a[1]);
    return expr_value_null();
}

/* Remove what the other has (or has not). */
static struct expr_value keep(struct vm *vm, struct expr_value *a, bool common)
{
    struct dict_object *d, *other;

    d = dict_of(a[0]);
    other = other_set(vm, a);
    for (uint32_t i = 0; other && i < d->n; i++)
        if (d->entries[i].live && (dict_find(vm, other, d->entries[i].key) != NULL) != common)
            dict_take_out(d, &d->entries[i]);
    return expr_value_null();
}

NATIVE(set_intersect)
{
    return keep(vm, a, true);
}

NATIVE(set_except)
{
    return keep(vm, a, false);
}

NATIVE(set_symmetric)
{
    struct dict_object *d, *other;

    d = dict_of(a[0]);
    other = other_set(vm, a);
    for (uint32_t i = 0; other && i < other->n; i++)
        if (!dict_remove(vm, d, other->entries[i].key) && !dict_put(vm, d, other->entries[i].key, expr_value_null()))
            break;
    return expr_value_null();
}

/* How many of the set the other has; -1: exception. */
static int64_t common(struct vm *vm, struct expr_value *a, struct dict_object **other)
{
    const struct dict_object *d = dict_of(a[0]);
    int64_t n = 0;

    *other = other_set(vm, a);
    for (uint32_t i = 0; *other && i < d->n; i++)
        n += d->entries[i].live && dict_find(vm, *other, d->entries[i].key);
    return *other ? n : -1;
}

#define SET_TEST(name, test) \
    NATIVE(set_##name) \
    { \
        struct dict_object *other; \
        int64_t both, mine, theirs; \
        both = common(vm, a, &other); \
        mine = dict_of(a[0])->live; \
        if (both < 0) \
            return expr_value_null(); \
        theirs = other->live; \
        (void)mine, (void)theirs; \
        return val_bool(test); \
    }

SET_TEST(is_subset, both == mine)
SET_TEST(is_proper_subset, both == mine && theirs > mine)
SET_TEST(is_superset, both == theirs)
SET_TEST(is_proper_superset, both == theirs && mine > theirs)
SET_TEST(overlaps, both > 0)
SET_TEST(equals, both == mine && both == theirs)

NATIVE(set_remove_where)
{
    struct dict_object *d;
    struct expr_value hit;
    int n = 0;

    NEED(1, "match");
    d = dict_of(a[0]);
    for (uint32_t i = 0; i < d->n; i++) {
        if (!d->entries[i].live)
            continue;
        if (!vm_call(vm, a[1], &d->entries[i].key, 1, &hit))
            break;
        if (hit.i) {
            dict_take_out(d, &d->entries[i]);
            n++;
        }
    }
    return val_int(n);
}

NATIVE(set_try_get)
{
    struct dict_entry *e;

    e = dict_find(vm, dict_of(a[0]), a[1]);
    a[2] = e ? e->key : value_default(vm->arena, site->on->args[0]);
    return val_bool(e != NULL);
}

static struct expr_value edge(struct vm *vm, const struct site *site, struct expr_value *a, bool last)
{
    const struct dict_object *d;

    d = dict_of(a[0]);
    for (uint32_t k = 0; k < d->n; k++) {
        uint32_t i = last ? d->n - 1 - k : k;

        if (d->entries[i].live)
            return d->entries[i].key;
    }
    return value_default(vm->arena, site->ret);
}

NATIVE(set_min)
{
    return edge(vm, site, a, false);
}

NATIVE(set_max)
{
    return edge(vm, site, a, true);
}

/* (array, arrayIndex, count) */
NATIVE(set_copy_part)
{
    struct list_object *l = linq_collect(vm, a[0], &type_list_object);
    struct expr_value copy[5];

    NEED(1, "array");
    if (!l)
        return expr_value_null();
    if (a[2].i < 0 || a[3].i < 0)
        return vm_throw_range(vm, a[2].i < 0 ? "arrayIndex" : "count");
    copy[0] = object_value(l);
    copy[1] = val_int(0);
    copy[2] = a[1];
    copy[3] = a[2];
    copy[4] = val_int((int32_t)(a[3].i < l->n ? a[3].i : l->n));
    return net_array_copy(vm, site, copy);
}

NATIVE(dict_ensure)
{
    if (a[1].i < 0)
        return string_negative(vm, "capacity", a[1].i);
    return val_int((int32_t)(a[1].i > dict_of(a[0])->room ? a[1].i : dict_of(a[0])->room));
}
