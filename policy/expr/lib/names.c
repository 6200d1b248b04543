/* NameValueCollection, and the one that ParseQueryString makes: names that ignore case, each with a list of
 * values. */
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"

static const struct percent_style query_style = { .safe = "-_.!*()", .plus = true, .lower = true };

#define DICT(v) OBJECT(OBJECT(v, tuple_object)->f[0], dict_object)

static struct expr_value names_make(struct vm *vm, const struct type *type)
{
    struct dict_object *d = dict_make(vm, &type_dict_strings, val_bool(true));
    struct expr_value f[1] = { d ? object_value(d) : expr_value_null() };

    return d ? tuple_make(vm, type, 1, f) : expr_value_null();
}

static struct list_object *values_of(struct vm *vm, struct expr_value names, struct expr_value name)
{
    struct dict_entry *e = dict_find(vm, DICT(names), name);

    return e ? OBJECT(e->value, list_object) : NULL;
}

static bool add(struct vm *vm, struct expr_value names, struct expr_value name, struct expr_value value)
{
    struct list_object *l = values_of(vm, names, name);

    if (!l) {
        l = list_make(vm, &type_strings, 1);
        if (!l || !dict_put(vm, DICT(names), name, object_value(l)))
            return false;
    }
    return value.kind == EXPR_NULL || list_append(vm, l, value);
}

/* Entry i in order, or NULL with an exception. */
static struct dict_entry *entry_at(struct vm *vm, struct expr_value names, int64_t index)
{
    struct dict_object *d = DICT(names);
    int64_t left = index;

    for (uint32_t i = 0; i < d->n && index >= 0; i++)
        if (d->entries[i].live && left-- == 0)
            return &d->entries[i];
    vm_throw_index(vm);
    return NULL;
}

static struct expr_value joined(struct vm *vm, const struct list_object *l)
{
    struct buf b;

    if (!l || l->n == 0)
        return expr_value_null();
    if (l->n == 1)
        return l->items[0];
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < l->n; i++) {
        if (i)
            buf_putc(&b, ',');
        text_put(&b, text_slice(l->items[i]));
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

static struct expr_value copied(struct vm *vm, const struct list_object *l)
{
    return l && l->n ? array_make(vm, &type_strings, l->n, l->items) : expr_value_null();
}

static void add_all(struct vm *vm, struct expr_value to, struct expr_value from)
{
    struct dict_object *d = DICT(from);

    for (uint32_t i = 0; i < d->n && !vm->thrown; i++) {
        const struct list_object *l = d->entries[i].value.p;

        for (uint32_t k = 0; d->entries[i].live && k < l->n && vm_charge(vm, 1); k++)
            add(vm, to, d->entries[i].key, l->items[k]);
    }
}

NATIVE(names_new)
{
    struct expr_value names = names_make(vm, TYPE_OF(NAMEVALUECOLLECTION));

    if (vm->thrown || site->n == 0)
        return names;
    NEED(0, "col");
    add_all(vm, names, a[0]);
    return names;
}

NATIVE(names_count)
{
    NEED_THIS;
    return val_int((int32_t)DICT(a[0])->live);
}

NATIVE(names_has_keys)
{
    struct dict_object *d;

    NEED_THIS;
    d = DICT(a[0]);
    for (uint32_t i = 0; i < d->n; i++)
        if (d->entries[i].live && d->entries[i].key.kind != EXPR_NULL)
            return val_bool(true);
    return val_bool(false);
}

NATIVE(names_all_keys)
{
    struct list_object *l = list_make(vm, &type_strings, 4);

    NEED_THIS;
    for (uint32_t i = 0; l && i < DICT(a[0])->n; i++)
        if (DICT(a[0])->entries[i].live && !list_append(vm, l, DICT(a[0])->entries[i].key))
            return expr_value_null();
    return l ? object_value(l) : expr_value_null();
}

NATIVE(names_get)
{
    NEED_THIS;
    return joined(vm, values_of(vm, a[0], a[1]));
}

NATIVE(names_get_values)
{
    NEED_THIS;
    return copied(vm, values_of(vm, a[0], a[1]));
}

NATIVE(names_get_at)
{
    struct dict_entry *e;

    NEED_THIS;
    e = entry_at(vm, a[0], a[1].i);
    return e ? joined(vm, e->value.p) : expr_value_null();
}

NATIVE(names_get_values_at)
{
    struct dict_entry *e;

    NEED_THIS;
    e = entry_at(vm, a[0], a[1].i);
    return e ? copied(vm, e->value.p) : expr_value_null();
}

NATIVE(names_get_key)
{
    struct dict_entry *e;

    NEED_THIS;
    e = entry_at(vm, a[0], a[1].i);
    return e ? e->key : expr_value_null();
}

NATIVE(names_set)
{
    struct list_object *l;

    NEED_THIS;
    l = values_of(vm, a[0], a[1]);
    if (l)
        l->n = 0;
    add(vm, a[0], a[1], a[2]);
    return expr_value_null();
}

NATIVE(names_add)
{
    NEED_THIS;
    add(vm, a[0], a[1], a[2]);
    return expr_value_null();
}

NATIVE(names_add_all)
{
    NEED_THIS;
    NEED(1, "c");
    add_all(vm, a[0], a[1]);
    return expr_value_null();
}

NATIVE(names_remove)
{
    NEED_THIS;
    dict_remove(vm, DICT(a[0]), a[1]);
    return expr_value_null();
}

NATIVE(names_clear)
{
    struct dict_object *d;

    NEED_THIS;
    d = dict_make(vm, &type_dict_strings, val_bool(true));
    if (d)
        OBJECT(a[0], tuple_object)->f[0] = object_value(d);
    return expr_value_null();
}

/* ---- query strings ---- */

NATIVE(http_parse_query)
{
    struct expr_value names = names_make(vm, TYPE_OF(HTTPVALUECOLLECTION));
    struct percent_pair pair;
    struct slice query;

    NEED(0, "query");
    query = text_slice(a[0]);
    if (query.n && query.p[0] == '?')
        query = slice_skip(query, 1);
    if (query.n == 0)
        return names;
    while (!vm->thrown && percent_next_pair(vm, &query, &pair) && vm_charge(vm, 1)) {
        if (pair.has_value)
            add(vm, names, pair.name, pair.value);
        else
            add(vm, names, expr_value_null(), pair.name); /* "?a": a value without a name */
    }
    return names;
}

NATIVE(names_to_query)
{
    const struct dict_object *d;
    struct buf b;

    NEED_THIS;
    d = DICT(a[0]);
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < d->n; i++) {
        const struct dict_entry *e = &d->entries[i];
        const struct list_object *l = e->value.p;

        for (uint32_t k = 0; e->live && k < (l->n ? l->n : 1) && vm_charge(vm, 1); k++) {
            if (b.n)
                buf_putc(&b, '&');
            if (e->key.kind != EXPR_NULL) {
                percent_put(&b, text_slice(e->key), &query_style);
                buf_putc(&b, '=');
            }
            if (k < l->n)
                percent_put(&b, text_slice(l->items[k]), &query_style);
        }
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
