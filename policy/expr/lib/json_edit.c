/* Moving about in the token tree and changing it: Parent, Next, Ancestors, Remove, Replace, Merge, sequences of tokens. */
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define TOKEN(v) OBJECT(v, jtoken)

static struct list_object *new_list(struct vm *vm)
{
    return list_make(vm, &type_list_object, 0);
}

static struct expr_value finish(struct vm *vm, const struct site *site, bool good, struct list_object *l)
{
    const struct type *element = site && site->ret ? type_element(vm->arena, site->ret) : NULL;

    return good ? json_sequence(vm, element ? element : TYPE_OF(JTOKEN), l) : expr_value_null();
}

NATIVE(jtoken_root)
{
    struct jtoken *t;

    NEED_THIS;
    for (t = TOKEN(a[0]); t->parent;)
        t = t->parent;
    return object_value(t);
}

static struct expr_value no_children(struct vm *vm, const struct jtoken *t)
{
    return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Cannot access child value on Newtonsoft.Json.Linq.%s.", type_defs[t->head.type->id].name);
}

NATIVE(jtoken_first)
{
    NEED_THIS;
    if (!json_is_container(TOKEN(a[0])))
        return no_children(vm, TOKEN(a[0]));
    return TOKEN(a[0])->n ? object_value(TOKEN(a[0])->items[0]) : expr_value_null();
}

NATIVE(jtoken_last)
{
    NEED_THIS;
    if (!json_is_container(TOKEN(a[0])))
        return no_children(vm, TOKEN(a[0]));
    return TOKEN(a[0])->n ? object_value(TOKEN(a[0])->items[TOKEN(a[0])->n - 1]) : expr_value_null();
}

static struct expr_value sibling(struct vm *vm, const struct jtoken *t, int64_t step)
{
    int64_t at = t->parent ? json_index(vm, t) + step : -1;

    return at >= 0 && at < t->parent->n ? object_value(t->parent->items[at]) : expr_value_null();
}

NATIVE(jtoken_next)
{
    NEED_THIS;
    return sibling(vm, TOKEN(a[0]), 1);
}

NATIVE(jtoken_previous)
{
    NEED_THIS;
    return sibling(vm, TOKEN(a[0]), -1);
}

static void put_path(struct vm *vm, struct buf *b, const struct jtoken *t)
{
    if (!t->parent)
        return;
    put_path(vm, b, t->parent);
    if (t->kind == JSON_K_PROPERTY)
        json_put_step(vm, b, text_slice(t->value));
    else if (t->parent->kind != JSON_K_PROPERTY)
        buf_printf(b, "[%u]", json_index(vm, t));
}

NATIVE(jtoken_path)
{
    struct buf b;

    NEED_THIS;
    buf_init(&b, vm->arena);
    put_path(vm, &b, TOKEN(a[0]));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* Reference equality, but values compare by value. */
NATIVE(jtoken_equals)
{
    const struct jtoken *x, *y;

    NEED_THIS;
    x = TOKEN(a[0]);
    y = jtoken_is(a[1]) ? TOKEN(a[1]) : NULL;
    return val_bool(x == y || (y && !json_is_container(x) && json_deep_equals(vm, x, y)));
}

NATIVE(jtoken_deep_equals)
{
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return val_bool(a[0].kind == a[1].kind);
    return val_bool(json_deep_equals(vm, TOKEN(a[0]), TOKEN(a[1])));
}

/* JToken.EqualityComparer has no state: one for all, which a collection may keep longer than an evaluation. */
NATIVE(json_comparer_new)
{
    static const struct object comparer = { TYPE_OF(JTOKENEQUALITYCOMPARER) };

    return object_value(&comparer);
}

NATIVE(json_comparer_equals)
{
    return net_jtoken_deep_equals(vm, site, a + 1);
}

static uint32_t deep_hash(struct vm *vm, const struct jtoken *t)
{
    uint32_t h = t->kind * 31u;

    if (t->kind != JSON_K_OBJECT)
        h += value_hash(vm, t->value);
    for (uint32_t i = 0; i < t->n; i++) /* an object's properties have no order */
        h = (t->kind == JSON_K_OBJECT ? h : h * 31u) + deep_hash(vm, t->items[i]);
    return vm_charge(vm, 1) ? h : 0;
}

NATIVE(json_comparer_hash)
{
    return val_int(a[1].kind == EXPR_NULL ? 0 : (int32_t)(deep_hash(vm, TOKEN(a[1])) & INT32_MAX));
}

NATIVE(jtoken_clone)
{
    NEED_THIS;
    return json_object_value(json_clone(vm, TOKEN(a[0])));
}

/* ---- sequences ---- */

/* Children(), Children<T>(): a JEnumerable<T> over those that are T. */
NATIVE(jtoken_children)
{
    struct list_object *l = new_list(vm);
    const struct type *t = site->ret->args[0];
    struct expr_value field;

    NEED_THIS;
    for (uint32_t i = 0; l && i < TOKEN(a[0])->n; i++) {
        struct expr_value x = object_value(TOKEN(a[0])->items[i]);

        if (!vm_charge(vm, 1) || (type_holds(vm->arena, t, x) && !list_append(vm, l, x)))
            return expr_value_null();
    }
    if (l)
        l->watch = &TOKEN(a[0])->version;
    field = l ? object_value(l) : expr_value_null();
    return l ? tuple_make(vm, site->ret, 1, &field) : expr_value_null();
}

NATIVE(jenumerable_iterate)
{
    struct tuple_object *t = OBJECT(a[0], tuple_object);

    if (t->n && t->f[0].kind == EXPR_OBJECT)
        return t->f[0];
    return object_value(new_list(vm));
}

/* Values<T>(): the children converted. */
NATIVE(jtoken_values)
{
    struct list_object *l = new_list(vm);

    NEED_THIS;
    if (!json_is_container(TOKEN(a[0])))
        return no_children(vm, TOKEN(a[0]));
    for (uint32_t i = 0; l && i < TOKEN(a[0])->n; i++) {
        struct expr_value v = json_change(vm, object_value(TOKEN(a[0])->items[i]), site->targs[0]);

        if (vm->thrown || !list_append(vm, l, v))
            return expr_value_null();
    }
    return finish(vm, site, true, l);
}

static struct expr_value ancestors(struct vm *vm, const struct site *site, const struct jtoken *t)
{
    struct list_object *l = new_list(vm);

    for (; l && t; t = t->parent)
        if (!list_append(vm, l, object_value(t)))
            return expr_value_null();
    return finish(vm, site, l != NULL, l);
}

NATIVE(jtoken_ancestors)
{
    NEED_THIS;
    return ancestors(vm, site, TOKEN(a[0])->parent);
}

NATIVE(jtoken_ancestors_and_self)
{
    NEED_THIS;
    return ancestors(vm, site, TOKEN(a[0]));
}

static struct expr_value siblings(struct vm *vm, const struct site *site, const struct jtoken *t, bool after)
{
    struct list_object *l = new_list(vm);
    uint32_t self = t->parent ? json_index(vm, t) : 0;

    for (uint32_t i = after ? self + 1 : 0; l && t->parent && i < (after ? t->parent->n : self); i++)
        if (!list_append(vm, l, object_value(t->parent->items[i])))
            return expr_value_null();
    return finish(vm, site, l != NULL, l);
}

NATIVE(jtoken_before_self)
{
    NEED_THIS;
    return siblings(vm, site, TOKEN(a[0]), false);
}

NATIVE(jtoken_after_self)
{
    NEED_THIS;
    return siblings(vm, site, TOKEN(a[0]), true);
}

static struct expr_value descendants(struct vm *vm, const struct site *site, struct jtoken *t, bool self)
{
    struct list_object *l = new_list(vm);

    return finish(vm, site, l && json_descendants(vm, l, t, self), l);
}

NATIVE(jcontainer_descendants)
{
    NEED_THIS;
    return descendants(vm, site, TOKEN(a[0]), false);
}

NATIVE(jcontainer_descendants_and_self)
{
    NEED_THIS;
    return descendants(vm, site, TOKEN(a[0]), true);
}

NATIVE(jobject_properties)
{
    struct list_object *l = new_list(vm);

    NEED_THIS;
    for (uint32_t i = 0; l && i < TOKEN(a[0])->n; i++)
        if (!list_append(vm, l, object_value(TOKEN(a[0])->items[i])))
            return expr_value_null();
    if (l)
        l->watch = &TOKEN(a[0])->version;
    return finish(vm, site, l != NULL, l);
}

NATIVE(jobject_property_values)
{
    struct list_object *l = new_list(vm);
    struct expr_value field;

    NEED_THIS;
    for (uint32_t i = 0; l && i < TOKEN(a[0])->n; i++)
        if (!list_append(vm, l, object_value(TOKEN(a[0])->items[i]->items[0])))
            return expr_value_null();
    field = l ? object_value(l) : expr_value_null();
    return l ? tuple_make(vm, site->ret, 1, &field) : expr_value_null();
}

/* ---- extension methods on sequences of tokens ---- */

typedef bool each_token(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x);

static struct expr_value for_each(struct vm *vm, const struct site *site, struct expr_value *a, each_token *each)
{
    struct list_object *l = new_list(vm);
    struct expr_value x;
    struct iter it;
    int got;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source");
    if (!l || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while ((got = iter_next(vm, &it, &x)) > 0)
        if ((jtoken_is(x) && !each(vm, site, a, l, x)) || vm->thrown || !vm_charge(vm, 1))
            return expr_value_null();
    return finish(vm, site, got == 0, l);
}

static bool add_converted(struct vm *vm, const struct site *site, struct list_object *l, struct expr_value x)
{
    if (site->ntargs)
        x = json_change(vm, x, site->targs[0]);
    return !vm->thrown && list_append(vm, l, x);
}

static bool each_child(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    (void)a;
    if (!json_is_container(TOKEN(x)))
        return site->ntargs ? add_converted(vm, site, l, x) : true;
    for (uint32_t i = 0; i < TOKEN(x)->n; i++)
        if (!add_converted(vm, site, l, object_value(TOKEN(x)->items[i])))
            return false;
    return true;
}

static bool each_value(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    (void)a;
    return site->ntargs ? add_converted(vm, site, l, x) : each_child(vm, site, a, l, x);
}

NATIVE(jtokens_values)
{
    return for_each(vm, site, a, each_value);
}

NATIVE(jtokens_children)
{
    return for_each(vm, site, a, each_child);
}

static bool each_keyed(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    struct expr_value pair[2] = { x, a[1] };
    struct expr_value item = net_jtoken_item(vm, site, pair);

    return !vm->thrown && (item.kind == EXPR_NULL || add_converted(vm, site, l, item));
}

NATIVE(jtokens_values_of)
{
    return for_each(vm, site, a, each_keyed);
}

NATIVE(jtokens_value)
{
    if (!jtoken_is(a[0]))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Source value must be a JToken.");
    return json_change(vm, a[0], site->targs[0]);
}

static bool each_below(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    (void)a;
    (void)site;
    return json_descendants(vm, l, TOKEN(x), false);
}

static bool each_whole(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    (void)a;
    (void)site;
    return json_descendants(vm, l, TOKEN(x), true);
}

static bool each_above(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    (void)a;
    (void)site;
    for (const struct jtoken *t = TOKEN(x)->parent; t; t = t->parent)
        if (!list_append(vm, l, object_value(t)))
            return false;
    return true;
}

static bool each_above_and_self(struct vm *vm, const struct site *site, struct expr_value *a, struct list_object *l, struct expr_value x)
{
    return list_append(vm, l, x) && each_above(vm, site, a, l, x);
}

NATIVE(jtokens_descendants)
{
    return for_each(vm, site, a, each_below);
}

NATIVE(jtokens_descendants_and_self)
{
    return for_each(vm, site, a, each_whole);
}

NATIVE(jtokens_ancestors)
{
    return for_each(vm, site, a, each_above);
}

NATIVE(jtokens_ancestors_and_self)
{
    return for_each(vm, site, a, each_above_and_self);
}

NATIVE(jtokens_same)
{
    return a[0];
}

/* ---- changing ---- */

static bool has_parent(struct vm *vm, const struct jtoken *t)
{
    if (!t->parent)
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The parent is missing.");
    return t->parent != NULL;
}

static struct expr_value add_beside(struct vm *vm, struct expr_value *a, uint32_t offset)
{
    uint32_t at;

    NEED_THIS;
    if (!has_parent(vm, TOKEN(a[0])))
        return expr_value_null();
    at = json_index(vm, TOKEN(a[0])) + offset;
    json_insert_content(vm, TOKEN(a[0])->parent, &at, a[1]);
    return expr_value_null();
}

NATIVE(jtoken_add_before)
{
    return add_beside(vm, a, 0);
}

NATIVE(jtoken_add_after)
{
    return add_beside(vm, a, 1);
}

/* A property keeps its place, and null comes into it. */
NATIVE(jtoken_remove)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (!has_parent(vm, t))
        return expr_value_null();
    if (t->parent->kind == JSON_K_PROPERTY)
        return vm_throw(vm, TYPE_JSONEXCEPTION, "Cannot add or remove items from Newtonsoft.Json.Linq.JProperty.");
    json_remove(t->parent, json_index(vm, t));
    return expr_value_null();
}

NATIVE(jtoken_replace)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (has_parent(vm, t))
        json_put(vm, t->parent, json_index(vm, t), json_content(vm, a[1]));
    return expr_value_null();
}

/* ---- merging ---- */

enum { MERGE_CONCAT, MERGE_UNION, MERGE_REPLACE, MERGE_MERGE };
struct merge {
    int64_t arrays;
    bool nulls, ignore_case;
};

static bool merge(struct vm *vm, struct jtoken *to, struct expr_value from, const struct merge *how);

static bool merge_object(struct vm *vm, struct jtoken *to, const struct jtoken *from, const struct merge *how)
{
    for (uint32_t i = 0; i < from->n; i++) {
        struct jtoken *p = from->items[i], *value = p->items[0], *old = json_property(to, text_slice(p->value));
        bool fine;

        for (uint32_t k = 0; !old && how->ignore_case && k < to->n; k++)
            if (text_compare_ordinal(to->items[k]->value, p->value, true) == 0)
                old = to->items[k];

        if (!old)
            fine = json_set(vm, to, p->value, value);
        else if (json_is_container(old->items[0]) && old->items[0]->kind == value->kind)
            fine = merge(vm, old->items[0], object_value(value), how);
        else
            fine = (value->kind == JSON_K_NULL && !how->nulls) || json_put(vm, old, 0, value);
        if (!fine || !vm_charge(vm, 1))
            return false;
    }
    return true;
}

static bool has_equal(struct vm *vm, const struct jtoken *t, const struct jtoken *x)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (json_deep_equals(vm, t->items[i], x))
            return true;
    return false;
}

static bool merge_item(struct vm *vm, struct jtoken *to, uint32_t i, struct expr_value x, const struct merge *how)
{
    struct jtoken *item = json_content(vm, x);

    if (!item)
        return false;
    if (how->arrays == MERGE_UNION && has_equal(vm, to, item))
        return !vm->thrown;
    if (how->arrays != MERGE_MERGE || i >= to->n)
        return json_insert(vm, to, to->n, item);
    if (json_is_container(to->items[i]))
        return merge(vm, to->items[i], x, how);
    return item->kind == JSON_K_NULL || json_put(vm, to, i, item);
}

static bool merge_array(struct vm *vm, struct jtoken *to, struct expr_value from, const struct merge *how)
{
    struct iter it;
    struct expr_value x;
    uint32_t i = 0;
    int got;

    if (!jtoken_is(from) ? !json_is_multi(vm, from) : TOKEN(from)->kind != JSON_K_ARRAY || TOKEN(from) == to)
        return true;
    while (how->arrays == MERGE_REPLACE && to->n)
        json_remove(to, to->n - 1);
    if (!iter_open(vm, from, &it))
        return false;
    while ((got = iter_next(vm, &it, &x)) > 0)
        if (!merge_item(vm, to, i++, x, how) || !vm_charge(vm, 1))
            return false;
    return got == 0;
}

static bool merge(struct vm *vm, struct jtoken *to, struct expr_value from, const struct merge *how)
{
    struct jtoken *other = jtoken_is(from) ? TOKEN(from) : NULL;

    if (to->kind == JSON_K_ARRAY || to->kind == JSON_K_CONSTRUCTOR)
        return merge_array(vm, to, from, how);
    if (to->kind == JSON_K_OBJECT)
        return !other || other->kind != JSON_K_OBJECT || merge_object(vm, to, other, how);
    if (other && other->kind == JSON_K_PROPERTY && other->n && other->items[0]->kind != JSON_K_NULL && to->n)
        return json_put(vm, to, 0, other->items[0]);
    return true;
}

NATIVE(jcontainer_merge)
{
    struct merge how = { 0 };

    NEED_THIS;
    if (a[2].kind == EXPR_OBJECT) {
        how.arrays = OBJECT(a[2], tuple_object)->f[0].i;
        how.nulls = OBJECT(a[2], tuple_object)->f[1].i == 1;
        how.ignore_case = OBJECT(a[2], tuple_object)->f[2].i & 1;
    }
    if (a[1].kind != EXPR_NULL)
        merge(vm, TOKEN(a[0]), a[1], &how);
    return expr_value_null();
}

/* ---- settings: objects of three fields ---- */

NATIVE(json_settings_new)
{
    struct expr_value fields[3] = { val_enum(TYPE_NULLVALUEHANDLING, 0), val_enum(TYPE_FORMATTING, 0), val_enum(TYPE_DATEPARSEHANDLING, 1) };

    if (site->ret->id == TYPE_JSONMERGESETTINGS) {
        fields[0] = val_enum(TYPE_MERGEARRAYHANDLING, 0);
        fields[1] = val_enum(TYPE_MERGENULLVALUEHANDLING, 0);
        fields[2] = val_enum(TYPE_STRINGCOMPARISON, 4);
    }
    return tuple_make(vm, site->ret, 3, fields);
}

#define SETTING(get, set, i) \
    NATIVE(get) \
    { \
        NEED_THIS; \
        return OBJECT(a[0], tuple_object)->f[i]; \
    } \
    NATIVE(set) \
    { \
        NEED_THIS; \
        OBJECT(a[0], tuple_object)->f[i] = a[1]; \
        return expr_value_null(); \
    }
SETTING(json_merge_array, json_merge_set_array, 0)
SETTING(json_merge_null, json_merge_set_null, 1)
SETTING(json_merge_names, json_merge_set_names, 2)
SETTING(json_settings_null, json_settings_set_null, 0)
SETTING(json_settings_formatting, json_settings_set_formatting, 1)
SETTING(json_settings_dates, json_settings_set_dates, 2)
