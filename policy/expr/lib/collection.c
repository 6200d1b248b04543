/* List, arrays, Dictionary, HashSet, KeyValuePair. */
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/string_int.h"

static bool is_list(struct expr_value v)
{
    const struct type *t = type_of_value(v);

    return v.kind == EXPR_OBJECT && (t->id == TYPE_LIST || t->id == TYPE_QUEUE || t->id == TYPE_STACK || t->id == TYPE_READONLYCOLLECTION ||
                                     (t->id == TYPE_ARRAY && t->args[0]->id != TYPE_BYTE));
}

static bool is_dict(struct expr_value v)
{
    const struct type *t = type_of_value(v);

    return v.kind == EXPR_OBJECT && (t->id == TYPE_DICTIONARY || t->id == TYPE_HASHSET || t->id == TYPE_SORTEDDICTIONARY || t->id == TYPE_SORTEDSET);
}

bool collection_has_shape(struct expr_value v)
{
    if (v.kind != EXPR_OBJECT)
        return v.kind == EXPR_NULL || v.kind == EXPR_HOST;
    return is_list(v) || is_dict(v) || type_eq(type_of_value(v), &type_bytes);
}

NATIVE(collection_count)
{
    struct iter it;
    struct expr_value x;
    int n = 0;

    if (is_list(a[0]))
        return val_int((int32_t)OBJECT(a[0], list_object)->n);
    if (is_dict(a[0]))
        return val_int((int32_t)OBJECT(a[0], dict_object)->live);
    if (a[0].kind == EXPR_OBJECT && type_eq(type_of_value(a[0]), &type_bytes))
        return val_int((int32_t)OBJECT(a[0], bytes_object)->n);
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0)
        n++;
    return val_int(n);
}

NATIVE(array_long_length)
{
    return val_long(net_collection_count(vm, site, a).i);
}

/* Is item a pair of the dictionary (seen as a collection of pairs), not a member of a set? */
static bool is_pair(struct expr_value dict, struct expr_value item)
{
    return type_of_value(dict)->n == 2 && object_if(item, TYPE_KEYVALUEPAIR);
}

NATIVE(collection_contains)
{
    if (is_dict(a[0])) {
        struct dict_entry *e = dict_find(vm, OBJECT(a[0], dict_object), is_pair(a[0], a[1]) ? OBJECT(a[1], tuple_object)->f[0] : a[1]);

        return val_bool(e && (!is_pair(a[0], a[1]) || value_equals(vm, e->value, OBJECT(a[1], tuple_object)->f[1])));
    }
    return net_linq_contains(vm, site, a);
}

NATIVE(collection_clear)
{
    if (type_of_value(a[0])->id == TYPE_ARRAY || type_of_value(a[0])->id == TYPE_READONLYCOLLECTION)
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Collection is read-only.");
    if (is_dict(a[0])) {
        struct dict_object *d = OBJECT(a[0], dict_object);

        d->n = d->live = d->room = d->free = 0;
        d->version += d->sorted;
    } else if (is_list(a[0])) {
        OBJECT(a[0], list_object)->n = 0;
        OBJECT(a[0], list_object)->version++;
    }
    return expr_value_null();
}

NATIVE(list_new)
{
    struct list_object *l;

    if (site->n && a[0].i < 0)
        return string_negative(vm, "capacity", a[0].i);
    l = list_make(vm, site->ret, 0);

    return l ? object_value(l) : expr_value_null();
}

static bool append_all(struct vm *vm, struct list_object *l, struct expr_value source)
{
    struct iter it;
    struct expr_value x;
    int got;

    if (source.p == l) { /* to itself: what it had before */
        for (uint32_t i = 0, n = l->n; i < n; i++)
            if (!list_append(vm, l, l->items[i]) || !vm_charge(vm, 1))
                return false;
        return true;
    }
    if (!iter_open(vm, source, &it))
        return false;
    while ((got = iter_next(vm, &it, &x)) > 0)
        if (!list_append(vm, l, x) || !vm_charge(vm, 1))
            return false;
    return got == 0;
}

NATIVE(list_new_from)
{
    struct list_object *l = list_make(vm, site->ret, 0);

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "collection");
    return l && append_all(vm, l, a[0]) ? object_value(l) : expr_value_null();
}

NATIVE(list_add_item)
{
    if (is_dict(a[0]) && is_pair(a[0], a[1])) {
        struct expr_value args[3] = { a[0], OBJECT(a[1], tuple_object)->f[0], OBJECT(a[1], tuple_object)->f[1] };

        return net_dict_add(vm, site, args);
    }
    if (is_dict(a[0]))
        dict_put(vm, OBJECT(a[0], dict_object), a[1], expr_value_null());
    else if (type_of_value(a[0])->id == TYPE_LIST)
        list_append(vm, OBJECT(a[0], list_object), a[1]);
    else
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Collection was of a fixed size.");
    return expr_value_null();
}

NATIVE(list_add_range)
{
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "collection");
    append_all(vm, OBJECT(a[0], list_object), a[1]);
    return expr_value_null();
}

NATIVE(list_item)
{
    struct expr_value out;

    return array_get(vm, a[0], a[1].i, &out) ? out : expr_value_null();
}

NATIVE(list_set_item)
{
    array_set(vm, a[0], a[1].i, a[2]);
    return expr_value_null();
}

NATIVE(list_remove)
{
    struct list_object *l;

    if (is_dict(a[0]) && is_pair(a[0], a[1]))
        return val_bool(net_collection_contains(vm, site, a).i && dict_remove(vm, OBJECT(a[0], dict_object), OBJECT(a[1], tuple_object)->f[0]));
    if (is_dict(a[0]))
        return val_bool(dict_remove(vm, OBJECT(a[0], dict_object), a[1]));
    if (type_of_value(a[0])->id != TYPE_LIST)
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Collection was of a fixed size.");
    l = OBJECT(a[0], list_object);
    for (uint32_t i = 0; i < l->n; i++)
        if (value_equals(vm, l->items[i], a[1])) {
            memmove(l->items + i, l->items + i + 1, (l->n - i - 1) * sizeof *l->items);
            l->n--;
            l->version++;
            return val_bool(true);
        }
    return val_bool(false);
}

NATIVE(list_for_each)
{
    struct iter it;
    struct expr_value x, unused;

    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0)
        if (!vm_call(vm, a[1], &x, 1, &unused))
            break;
    return expr_value_null();
}

NATIVE(list_reverse)
{
    NEED(0, "array");
    if (is_list(a[0])) {
        struct list_object *l = OBJECT(a[0], list_object);

        for (uint32_t i = 0; i < l->n / 2; i++) {
            struct expr_value t = l->items[i];

            l->items[i] = l->items[l->n - 1 - i];
            l->items[l->n - 1 - i] = t;
        }
    } else {
        struct bytes_object *b = OBJECT(a[0], bytes_object);

        for (uint32_t i = 0; i < b->n / 2; i++) {
            uint8_t t = b->p[i];

            b->p[i] = b->p[b->n - 1 - i];
            b->p[b->n - 1 - i] = t;
        }
    }
    return expr_value_null();
}

/* ---- Dictionary ---- */

/* The dictionary behind an interface: a dict_object, or NULL for a type with its own members (JObject, headers). */
static struct dict_object *dict_of(struct expr_value v)
{
    return is_dict(v) ? OBJECT(v, dict_object) : NULL;
}

/* Members of IDictionary and IReadOnlyDictionary on other types: by the type's own lines. */
static struct expr_value forward(struct vm *vm, const struct site *site, struct expr_value *a, unsigned kind, const char *name, unsigned params)
{
    const struct type *t = type_of_value(a[0]);

    for (unsigned i = type_defs[t->id].first; i < type_defs[t->id].last; i++) {
        const struct member *m = &type_members[i];
        struct sig sig;

        if (m->kind != kind || strcmp(m->name, name) != 0)
            continue;
        sig_parse(vm->arena, t->id, m->sig, &sig);
        if (sig.n == params)
            return m->fn(vm, site, a);
    }
    return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Specified method is not supported.");
}

NATIVE(dict_item)
{
    struct dict_object *d = dict_of(a[0]);
    struct dict_entry *e;
    struct slice key;

    if (!d)
        return forward(vm, site, a, M_ITEM, "", 1);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    if ((e = dict_find(vm, d, a[1])))
        return e->value;
    key = value_text(vm, a[1]);
    return vm_throw(vm, TYPE_KEYNOTFOUNDEXCEPTION, "The given key '%.*s' was not present in the dictionary.", SLICE_ARG(key));
}

NATIVE(dict_set_item)
{
    struct dict_object *d = dict_of(a[0]);

    if (!d)
        return forward(vm, site, a, M_SETITEM, "", 2);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    dict_put(vm, d, a[1], a[2]);
    return expr_value_null();
}

NATIVE(dict_contains_key)
{
    struct dict_object *d = dict_of(a[0]);

    if (!d)
        return forward(vm, site, a, M_METHOD, "ContainsKey", 1);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return val_bool(dict_find(vm, d, a[1]) != NULL);
}

NATIVE(dict_try_get)
{
    struct dict_object *d = dict_of(a[0]);
    struct dict_entry *e;

    if (!d)
        return forward(vm, site, a, M_METHOD, "TryGetValue", 2);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    e = dict_find(vm, d, a[1]);
    a[2] = e ? e->value : value_default(vm->arena, site->on->args[1]);
    return val_bool(e != NULL);
}

NATIVE(dict_add)
{
    struct dict_object *d = dict_of(a[0]);
    struct slice key;

    if (!d)
        return forward(vm, site, a, M_METHOD, "Add", 2);
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    if (dict_find(vm, d, a[1])) {
        key = value_text(vm, a[1]);
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An item with the same key has already been added. Key: %.*s", SLICE_ARG(key));
    }
    dict_put(vm, d, a[1], a[2]);
    return expr_value_null();
}

NATIVE(dict_remove_key)
{
    struct dict_object *d = dict_of(a[0]);

    return d ? val_bool(dict_remove(vm, d, a[1])) : forward(vm, site, a, M_METHOD, "Remove", 1);
}

static struct expr_value dict_column(struct vm *vm, struct expr_value from, unsigned field, const struct type *element)
{
    struct list_object *l = list_make(vm, type_make1(vm->arena, TYPE_LIST, element), 8);
    struct iter it;
    struct expr_value x;

    if (!l || !iter_open(vm, from, &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0)
        if (!list_append(vm, l, OBJECT(x, tuple_object)->f[field]))
            return expr_value_null();
    return object_value(l);
}

NATIVE(dict_keys)
{
    return dict_column(vm, a[0], 0, site->on->args[0]);
}

NATIVE(dict_values)
{
    return dict_column(vm, a[0], 1, site->on->args[1]);
}

NATIVE(kvp_new)
{
    return tuple_make(vm, site->ret, 2, a);
}

NATIVE(kvp_deconstruct)
{
    a[1] = OBJECT(a[0], tuple_object)->f[0];
    a[2] = OBJECT(a[0], tuple_object)->f[1];
    return expr_value_null();
}

NATIVE(kvp_key)
{
    return OBJECT(a[0], tuple_object)->f[0];
}

NATIVE(kvp_value)
{
    return OBJECT(a[0], tuple_object)->f[1];
}

/* ---- HashSet ---- */

NATIVE(set_add)
{
    struct dict_object *d;

    d = OBJECT(a[0], dict_object);
    if (dict_find(vm, d, a[1]))
        return val_bool(false);
    dict_put(vm, d, a[1], expr_value_null());
    return val_bool(true);
}
