/* What templates do with values: members, elements, order, text. */
#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/time.h"
#include "policy/liquid/tree.h"

struct expr_value liquid_plain(struct expr_value v)
{
    const struct jtoken *t = object_if(v, TYPE_JVALUE) ? OBJECT(v, jtoken) : object_if(v, TYPE_JRAW);

    return t ? t->value : v;
}

/* ---- shapes ---- */

static const struct jtoken *token_of(struct expr_value v, enum json_kind kind)
{
    const struct jtoken *t = jtoken_is(v) ? OBJECT(v, jtoken) : NULL;

    return t && t->kind == kind ? t : NULL;
}

static bool is_pair(struct expr_value v)
{
    return object_if(v, TYPE_KEYVALUEPAIR) != NULL;
}

/* Types of `context` that are dictionaries by their <iterate>. */
static expr_native *map_walk(struct expr_value v)
{
    static const unsigned ids[] = { TYPE_IHEADERS, TYPE_IVARIABLES, TYPE_IMATCHEDPARAMETERS };

    for (size_t i = 0; v.kind == EXPR_HOST && i < COUNT_OF(ids); i++)
        if (v.aux == ids[i])
            return value_method(&type_simple[ids[i]], "<iterate>", "object ()");
    return NULL;
}

static struct dict_object *dict_of(struct vm *vm, struct expr_value v)
{
    struct expr_value args[2] = { v };
    expr_native *walk = map_walk(v);

    if (walk)
        v = walk(vm, NULL, args);
    return vm->thrown || v.kind != EXPR_OBJECT || OBJECT(v, object)->type->n != 2 ? NULL
           : object_if(v, TYPE_DICTIONARY) ? OBJECT(v, dict_object) : object_if(v, TYPE_SORTEDDICTIONARY);
}

bool liquid_is_map(struct vm *vm, struct expr_value v)
{
    return token_of(v, JSON_K_OBJECT) || map_walk(v) || dict_of(vm, v);
}

bool liquid_is_list(struct expr_value v)
{
    if (v.kind != EXPR_OBJECT)
        return false;
    if (jtoken_is(v))
        return OBJECT(v, jtoken)->kind == JSON_K_ARRAY;
    switch (OBJECT(v, object)->type->id) {
    case TYPE_ARRAY:
        return !type_eq(OBJECT(v, object)->type, &type_bytes);
    case TYPE_LIST: case TYPE_QUEUE: case TYPE_STACK: case TYPE_READONLYCOLLECTION: case TYPE_HASHSET: case TYPE_SEQUENCE:
        return true;
    default:
        return false;
    }
}

static struct list_object *token_items(struct vm *vm, const struct jtoken *t)
{
    struct list_object *l = list_make(vm, &type_list_object, t->n ? t->n : 1);

    for (uint32_t i = 0; l && i < t->n; i++)
        if (!list_append(vm, l, liquid_plain(object_value(t->items[i]))) || !vm_charge(vm, 1))
            return NULL;
    return l;
}

struct list_object *liquid_children(struct vm *vm, struct expr_value v)
{
    const struct jtoken *o = token_of(v, JSON_K_OBJECT);
    struct list_object *l = list_make(vm, &type_list_object, 4);

    for (uint32_t i = 0; l && o && i < o->n && !vm->thrown; i++) {
        const struct jtoken *child = o->items[i]->n ? o->items[i]->items[0] : NULL;
        bool several = child && child->kind == JSON_K_ARRAY;

        for (uint32_t j = 0; child && child->kind != JSON_K_RAW && j < (several ? child->n : 1); j++)
            if (!vm_charge(vm, 1) || !list_append(vm, l, liquid_plain(object_value(several ? child->items[j] : child))))
                return NULL;
    }
    return vm->thrown ? NULL : l;
}

struct list_object *liquid_items(struct vm *vm, struct expr_value v)
{
    struct list_object *l;
    struct dict_object *d;
    struct expr_value item;
    struct iter it;
    int more;

    if (token_of(v, JSON_K_ARRAY) || token_of(v, JSON_K_OBJECT))
        return token_items(vm, OBJECT(v, jtoken));
    if ((d = dict_of(vm, v)))
        v = object_value(d);
    if (vm->thrown || !(l = list_make(vm, &type_list_object, 4)) || !iter_open(vm, v, &it))
        return NULL;
    while ((more = iter_next(vm, &it, &item)) > 0)
        if (!list_append(vm, l, liquid_plain(item)) || !vm_charge(vm, 1))
            return NULL;
    return more < 0 ? NULL : l;
}

/* How many elements a list has, and one of them: no copy of the lists there are most of. */
struct elements {
    const struct jtoken *array;
    const struct list_object *list;
    uint32_t n;
};

static bool elements_of(struct vm *vm, struct expr_value v, struct elements *e)
{
    *e = (struct elements){ .array = token_of(v, JSON_K_ARRAY) };
    if (!e->array)
        e->list = object_if(v, TYPE_LIST) || object_if(v, TYPE_ARRAY) ? OBJECT(v, list_object) : liquid_items(vm, v);
    e->n = e->array ? e->array->n : e->list ? e->list->n : 0;
    return e->array || e->list;
}

/* i from the end when it is negative. */
static struct expr_value element_at(const struct elements *e, int64_t i)
{
    i += i < 0 ? e->n : 0;
    if (i < 0 || i >= e->n)
        return expr_value_null();
    return liquid_plain(e->array ? object_value(e->array->items[i]) : e->list->items[i]);
}

/* ---- members ---- */

static struct expr_value token_member(struct vm *vm, const struct jtoken *o, struct slice name)
{
    const struct jtoken *p = json_property(o, name);

    if (!vm_charge(vm, 1 + o->n / 32))
        return expr_value_null();
    for (uint32_t i = 0; !p && i < o->n; i++)
        if (slice_eq_icase(text_slice(o->items[i]->value), name))
            p = o->items[i];
    return p && p->n ? liquid_plain(object_value(p->items[0])) : expr_value_null();
}

static struct expr_value dict_member(struct vm *vm, struct dict_object *d, struct expr_value key)
{
    struct dict_entry *e = dict_find(vm, d, key);

    if (vm->thrown || !vm_charge(vm, 1 + d->n / 32))
        return expr_value_null();
    for (uint32_t i = 0; !e && i < d->n; i++)
        if (d->entries[i].live && str_is(d->entries[i].key) && slice_eq_icase(text_slice(d->entries[i].key), text_slice(key)))
            e = &d->entries[i];
    return e ? liquid_plain(e->value) : expr_value_null();
}

/* Names of the reference that `context` has under another one. */
static struct expr_value message_extra(struct expr_value on, struct slice name)
{
    const struct expr_message *m = on.p;

    if (on.kind != EXPR_HOST || (on.aux != TYPE_IREQUEST && on.aux != TYPE_IRESPONSE) || !m)
        return expr_value_null();
    if (slice_eq_icase(name, SLICE("HasBody")))
        return val_bool(m->ops->has_body(m));
    return on.aux == TYPE_IREQUEST && slice_eq_icase(name, SLICE("OriginalMethod")) ? text_value(m->ops->method(m)) : expr_value_null();
}

static bool is_getter(const struct member *m, struct slice name)
{
    if (!slice_eq_icase(slice_from(m->name), name))
        return false;
    return m->kind == M_GET || (m->kind == M_METHOD && strcmp(m->sig, "string ()") == 0) || (m->kind == M_METHOD && strcmp(m->sig, "Uri ()") == 0);
}

/* A property of any other type: context.Request.Url.Host, the Year of a date. */
static struct expr_value property(struct vm *vm, struct expr_value on, struct slice name)
{
    const struct type *t = type_of_value(on);
    const struct type_def *d = &type_defs[t->id];
    struct expr_value args[4] = { on };

    for (unsigned i = d->first; t->id < TYPE_COUNT && i < d->last; i++) {
        const struct member *m = &type_members[i];
        if (!is_getter(m, name) || (on.kind == EXPR_HOST && slice_eq_icase(name, SLICE("Body"))))
            continue;
        struct site site = { .fn = m->fn, .ret = TYPE_OF(OBJECT), .on = t, .n = 1, .name = m->name, .instance = true };
        return liquid_plain(m->fn(vm, &site, args));
    }
    return message_extra(on, name);
}

static struct expr_value count_member(struct vm *vm, struct expr_value on, struct slice name)
{
    struct elements e;

    if (!slice_eq_icase(name, SLICE("size")) && !slice_eq_icase(name, SLICE("first")) && !slice_eq_icase(name, SLICE("last")))
        return expr_value_null();
    if (!elements_of(vm, on, &e))
        return expr_value_null();
    return name.n == 5 ? element_at(&e, 0) : ascii_lower(name.p[0]) == 's' ? val_int((int32_t)e.n) : element_at(&e, -1);
}

static struct expr_value element(struct vm *vm, struct expr_value on, int64_t i)
{
    struct elements e;

    return elements_of(vm, on, &e) ? element_at(&e, i) : expr_value_null();
}

/* Key and Value of a pair, also [0] and [1]. */
static struct expr_value pair_member(struct expr_value on, struct expr_value key)
{
    const struct jtoken *t = token_of(on, JSON_K_PROPERTY);
    int64_t i = -1;

    if (str_is(key))
        i = slice_eq_icase(text_slice(key), SLICE("Key")) ? 0 : slice_eq_icase(text_slice(key), SLICE("Value")) ? 1 : -1;
    else if (!expr_value_int(key, &i))
        return expr_value_null();
    if (i != 0 && i != 1)
        return expr_value_null();
    if (!t)
        return liquid_plain(OBJECT(on, tuple_object)->f[i]);
    return i == 0 ? t->value : t->n ? liquid_plain(object_value(t->items[0])) : expr_value_null();
}

static struct expr_value map_member(struct vm *vm, struct expr_value on, struct expr_value key)
{
    const struct jtoken *o = token_of(on, JSON_K_OBJECT);
    struct dict_object *d = o ? NULL : dict_of(vm, on);
    struct expr_value v = expr_value_null();

    key = liquid_text(vm, key);
    if (vm->thrown)
        return v;
    if (o)
        v = token_member(vm, o, text_slice(key));
    else if (d)
        v = dict_member(vm, d, key);
    return v.kind == EXPR_NULL && !vm->thrown ? count_member(vm, on, text_slice(key)) : v;
}

struct expr_value liquid_member(struct vm *vm, struct expr_value on, struct expr_value key)
{
    int64_t i;

    if (on.kind == EXPR_NULL || key.kind == EXPR_NULL || !vm_charge(vm, 1))
        return expr_value_null();
    if (token_of(on, JSON_K_PROPERTY) || is_pair(on))
        return pair_member(on, key);
    if (liquid_is_map(vm, on))
        return map_member(vm, on, key);
    if (liquid_is_list(on)) {
        if (!str_is(key))
            return expr_value_int(key, &i) ? element(vm, on, i) : expr_value_null();
        return count_member(vm, on, text_slice(key));
    }
    if (!str_is(key) || vm->thrown)
        return expr_value_null();
    if (str_is(on) && slice_eq_icase(text_slice(key), SLICE("size")))
        return val_int((int32_t)text_length(on));
    return property(vm, on, text_slice(key));
}

/* ---- text ---- */

static void print_items(struct vm *vm, struct buf *b, struct expr_value v)
{
    struct list_object *l;
    bool fields = v.kind == EXPR_OBJECT && type_eq(OBJECT(v, object)->type, &type_strings); /* of one header */

    if (!vm_enter(vm))
        return;
    l = liquid_items(vm, v);
    for (uint32_t i = 0; l && i < l->n && !vm->thrown; i++) {
        if (fields && i)
            buf_putc(b, ',');
        liquid_print(vm, b, l->items[i]);
    }
    vm_leave(vm);
}

static void print_pair(struct vm *vm, struct buf *b, struct expr_value v)
{
    if (!vm_enter(vm))
        return;
    buf_putc(b, '[');
    liquid_print(vm, b, pair_member(v, val_int(0)));
    buf_puts(b, ", ");
    liquid_print(vm, b, pair_member(v, val_int(1)));
    buf_putc(b, ']');
    vm_leave(vm);
}

void liquid_print(struct vm *vm, struct buf *b, struct expr_value v)
{
    v = liquid_plain(v);
    if (v.kind == EXPR_BOOL)
        buf_puts(b, v.i ? "true" : "false");
    else if (token_of(v, JSON_K_PROPERTY) || is_pair(v))
        print_pair(vm, b, v);
    else if (liquid_is_list(v) || liquid_is_map(vm, v))
        print_items(vm, b, v);
    else if (v.kind != EXPR_HOST || v.aux == TYPE_IURL)
        text_put(b, value_text(vm, v));
}

struct expr_value liquid_text(struct vm *vm, struct expr_value v)
{
    struct buf b;

    if (str_is(v))
        return v;
    buf_init(&b, vm->arena);
    liquid_print(vm, &b, v);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

/* ---- conditions ---- */

bool liquid_truth(struct expr_value v)
{
    return v.kind != EXPR_NULL && !(v.kind == EXPR_BOOL && !v.i);
}

bool liquid_is_number(struct expr_value v)
{
    return v.kind >= EXPR_I8 && v.kind <= EXPR_DECIMAL;
}

bool liquid_is_empty(struct vm *vm, struct expr_value v, bool blank)
{
    if (v.kind == EXPR_NULL)
        return true;
    if (str_is(v))
        return v.n == 0 || (blank && slice_trim(text_slice(v)).n == 0);
    if (v.kind == EXPR_BOOL)
        return blank && !v.i;
    if (!liquid_is_list(v) && !liquid_is_map(vm, v))
        return false;
    struct list_object *l = liquid_items(vm, v);
    return l && l->n == 0;
}

static int number_order(struct expr_value x, struct expr_value y)
{
    double a, b;

    if (x.kind < EXPR_F32 && y.kind < EXPR_F32)
        return (x.i > y.i) - (x.i < y.i);
    return expr_value_double(x, &a) && expr_value_double(y, &b) ? (a > b) - (a < b) : 1;
}

/* A date and a text: both as dates. */
static bool date_order(struct vm *vm, struct expr_value x, struct expr_value y, int *order)
{
    if (str_is(x))
        x = date_from_text(vm, x);
    if (str_is(y) && !vm->thrown)
        y = date_from_text(vm, y);
    if (vm->thrown) {
        vm->thrown = OBJECT(vm->exception, exception_object)->budget;
        return false;
    }
    *order = (date_utc_ticks(x) > date_utc_ticks(y)) - (date_utc_ticks(x) < date_utc_ticks(y));
    return true;
}

static bool is_date(struct expr_value v)
{
    return v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME;
}

bool liquid_compare(struct vm *vm, struct expr_value x, struct expr_value y, int *order)
{
    double d;

    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return false;
    if ((is_date(x) || is_date(y)) && (is_date(x) || str_is(x)) && (is_date(y) || str_is(y)))
        return date_order(vm, x, y, order);
    if (liquid_is_number(x) && (liquid_is_number(y) || str_is(y))) {
        if (str_is(y) && !expr_value_double(y, &d))
            return false;
        *order = number_order(x, str_is(y) ? val_double(d) : y);
        return true;
    }
    if (str_is(x) && (str_is(y) || liquid_is_number(y))) {
        *order = text_compare_ordinal(x, liquid_text(vm, y), false);
        return true;
    }
    if (x.kind != EXPR_BOOL || y.kind != EXPR_BOOL)
        return false;
    *order = (int)(x.i - y.i);
    return true;
}

bool liquid_equal(struct vm *vm, struct expr_value x, struct expr_value y)
{
    int order;

    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return x.kind == y.kind;
    if (liquid_compare(vm, x, y, &order))
        return order == 0;
    return x.kind == y.kind && !vm->thrown && value_equals(vm, x, y);
}

bool liquid_contains(struct vm *vm, struct expr_value in, struct expr_value what)
{
    struct list_object *l;

    if (in.kind == EXPR_NULL || what.kind == EXPR_NULL)
        return false;
    if (str_is(in))
        return vm_charge_bytes(vm, in.n) && slice_find(text_slice(in), text_slice(liquid_text(vm, what))) >= 0;
    if (liquid_is_map(vm, in))
        return liquid_member(vm, in, what).kind != EXPR_NULL;
    if (!liquid_is_list(in) || !(l = liquid_items(vm, in)))
        return false;
    for (uint32_t i = 0; i < l->n && !vm->thrown; i++)
        if (liquid_equal(vm, l->items[i], what))
            return true;
    return false;
}
