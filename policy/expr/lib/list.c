/* List, Queue, Stack and the static members of Array beyond the common ones in collection.c. */
#include "policy/expr/lib/comparer.h"
#include "policy/expr/lib/string_int.h"

static struct list_object *list_of(struct expr_value v)
{
    return OBJECT(v, list_object);
}

static bool is_bytes(struct expr_value v)
{
    return type_eq(type_of_value(v), &type_bytes);
}

static int64_t count_of(struct expr_value v)
{
    return is_bytes(v) ? OBJECT(v, bytes_object)->n : list_of(v)->n;
}

static struct expr_value item_of(struct expr_value v, int64_t i)
{
    if (is_bytes(v))
        return (struct expr_value){ .kind = EXPR_U8, .i = OBJECT(v, bytes_object)->p[i] };
    return list_of(v)->items[i];
}

/* The items as a list_object to work on; bytes are copied and put back by store_back. */
static struct list_object *items_of(struct vm *vm, struct expr_value v)
{
    struct list_object *l;

    if (!is_bytes(v))
        return list_of(v);
    l = list_make(vm, &type_list_object, (uint32_t)count_of(v) + 1);
    for (int64_t i = 0; l && i < count_of(v); i++)
        l->items[l->n++] = item_of(v, i);
    return l;
}

static void store_back(struct expr_value v, const struct list_object *l)
{
    for (uint32_t i = 0; is_bytes(v) && i < l->n; i++)
        OBJECT(v, bytes_object)->p[i] = (uint8_t)l->items[i].i;
}

/* Moving n items costs what looking at some of them does. */
static bool charge_move(struct vm *vm, int64_t n)
{
    return vm_charge(vm, (uint32_t)(n / 16));
}

/* ---- inserting and removing ---- */

static struct expr_value bad_insert(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index must be within the bounds of the List. (Parameter 'index')");
}

/* Make a gap of n at `at`; false: exception. */
static bool open_gap(struct vm *vm, struct list_object *l, int64_t at, uint32_t n)
{
    uint32_t old = l->n;

    for (uint32_t i = 0; i < n; i++)
        if (!list_append(vm, l, expr_value_null()))
            return false;
    memmove(l->items + at + n, l->items + at, (old - (size_t)at) * sizeof *l->items);
    return charge_move(vm, old - at);
}

NATIVE(list_insert)
{
    if (OBJECT(a[0], object)->type->id != TYPE_LIST)
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Collection was of a fixed size.");
    if (a[1].i < 0 || a[1].i > list_of(a[0])->n)
        return bad_insert(vm);
    if (open_gap(vm, list_of(a[0]), a[1].i, 1))
        list_of(a[0])->items[a[1].i] = a[2];
    return expr_value_null();
}

NATIVE(list_insert_range)
{
    struct list_object *l;

    NEED(2, "collection");
    if (a[1].i < 0 || a[1].i > list_of(a[0])->n)
        return bad_insert(vm);
    l = linq_collect(vm, a[2], &type_list_object);
    if (l && open_gap(vm, list_of(a[0]), a[1].i, l->n))
        memcpy(list_of(a[0])->items + a[1].i, l->items, l->n * sizeof *l->items);
    return expr_value_null();
}

static void cut(struct vm *vm, struct list_object *l, int64_t at, int64_t n)
{
    if (!charge_move(vm, l->n - at - n))
        return;
    memmove(l->items + at, l->items + at + n, (size_t)(l->n - at - n) * sizeof *l->items);
    l->n -= (uint32_t)n;
    l->version++;
}

NATIVE(list_remove_at)
{
    if (OBJECT(a[0], object)->type->id != TYPE_LIST)
        return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "Collection was of a fixed size.");
    if (a[1].i < 0 || a[1].i >= list_of(a[0])->n)
        return vm_throw_index(vm);
    cut(vm, list_of(a[0]), a[1].i, 1);
    return expr_value_null();
}

/* index and count of a part of the list; false: exception. */
static bool part_fits(struct vm *vm, struct expr_value *a)
{
    if (a[1].i < 0)
        string_negative(vm, "index", a[1].i);
    else if (a[2].i < 0)
        string_negative(vm, "count", a[2].i);
    else if (a[1].i + a[2].i > list_of(a[0])->n)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset and length were out of bounds for the array or count is greater than the number of elements from index to the end of the source collection.");
    return !vm->thrown;
}

NATIVE(list_remove_range)
{
    if (part_fits(vm, a))
        cut(vm, list_of(a[0]), a[1].i, a[2].i);
    return expr_value_null();
}

NATIVE(list_get_range)
{
    struct list_object *l;

    if (!part_fits(vm, a))
        return expr_value_null();
    l = list_make(vm, site->ret, (uint32_t)a[2].i);
    if (!l)
        return expr_value_null();
    if (a[2].i)
        memcpy(l->items, list_of(a[0])->items + a[1].i, (size_t)a[2].i * sizeof *l->items);
    l->n = (uint32_t)a[2].i;
    return object_value(l);
}

NATIVE(list_remove_all)
{
    struct list_object *l;
    struct expr_value hit;
    uint32_t kept = 0, n;

    NEED(1, "match");
    l = list_of(a[0]);
    n = l->n;
    for (uint32_t i = 0; i < n && i < l->n; i++) {
        if (!vm_call(vm, a[1], &l->items[i], 1, &hit))
            return expr_value_null();
        if (!hit.i)
            l->items[kept++] = l->items[i];
    }
    l->version += kept != l->n;
    l->n = kept;
    return val_int((int32_t)(n - kept));
}

/* ---- finding: a[0] list or array, a[1] value or predicate ---- */

/* Index of the first (last) match in [from, from + n), -1: none, -2: exception. */
static int64_t find_index(struct vm *vm, struct expr_value source, struct expr_value fn, int64_t from, int64_t n, bool last)
{
    for (int64_t k = 0; k < n; k++) {
        int64_t i = last ? from + n - 1 - k : from + k;
        struct expr_value x, hit;

        if (i >= count_of(source))
            continue;
        x = item_of(source, i);
        if (!vm_call(vm, fn, &x, 1, &hit))
            return -2;
        if (hit.i)
            return i;
    }
    return -1;
}

static bool needs(struct vm *vm, struct expr_value *a)
{
    if (a[0].kind == EXPR_NULL)
        vm_throw_arg_null(vm, "array");
    else if (a[1].kind == EXPR_NULL)
        vm_throw_arg_null(vm, "match");
    return !vm->thrown;
}

static struct expr_value find_item(struct vm *vm, const struct site *site, struct expr_value *a, bool last)
{
    int64_t i;

    if (!needs(vm, a))
        return expr_value_null();
    i = find_index(vm, a[0], a[1], 0, count_of(a[0]), last);
    return i >= 0 ? item_of(a[0], i) : value_default(vm->arena, site->ret);
}

NATIVE(list_find)
{
    return find_item(vm, site, a, false);
}

NATIVE(list_find_last)
{
    return find_item(vm, site, a, true);
}

/* (match), (start, match), (start, count, match) */
static struct expr_value find_at(struct vm *vm, const struct site *site, struct expr_value *a, bool last)
{
    struct expr_value two[2] = { a[0], a[site->n - 1] };
    int64_t n, from, count;

    if (!needs(vm, two))
        return expr_value_null();
    n = count_of(a[0]);
    from = site->n > 2 ? a[1].i : last ? n - 1 : 0;
    count = site->n > 3 ? a[2].i : last ? from + 1 : n - from;
    if (from < (last ? -1 : 0) || from > n)
        return vm_throw_range(vm, "startIndex");
    if (count < 0 || (last ? from - count + 1 < 0 : from + count > n))
        return vm_throw_range(vm, "count");
    from = find_index(vm, a[0], two[1], last ? from - count + 1 : from, count, last);
    return val_int((int32_t)from);
}

NATIVE(list_find_index)
{
    return find_at(vm, site, a, false);
}

NATIVE(list_find_last_index)
{
    return find_at(vm, site, a, true);
}

NATIVE(list_find_all)
{
    struct list_object *l;
    struct expr_value x, hit;

    if (!needs(vm, a))
        return expr_value_null();
    l = list_make(vm, site->ret, 0);
    for (int64_t i = 0; l && i < count_of(a[0]); i++) {
        x = item_of(a[0], i);
        if (!vm_call(vm, a[1], &x, 1, &hit) || (hit.i && !list_append(vm, l, x)))
            return expr_value_null();
    }
    if (!l)
        return expr_value_null();
    return site->ret->id == TYPE_ARRAY ? array_make(vm, site->ret, l->n, l->items) : object_value(l);
}

NATIVE(list_convert_all)
{
    struct list_object *l;
    struct expr_value x;

    if (!needs(vm, a))
        return expr_value_null();
    l = list_make(vm, site->ret, 0);
    for (int64_t i = 0; l && i < count_of(a[0]); i++) {
        x = item_of(a[0], i);
        if (!vm_call(vm, a[1], &x, 1, &x) || !list_append(vm, l, x))
            return expr_value_null();
    }
    if (!l)
        return expr_value_null();
    return site->ret->id == TYPE_ARRAY ? array_make(vm, site->ret, l->n, l->items) : object_value(l);
}

/* (value [, start [, count]]) */
static struct expr_value index_of(struct vm *vm, const struct site *site, struct expr_value *a, bool last)
{
    int64_t n, from, count;

    NEED(0, "array");
    n = count_of(a[0]);
    from = site->n > 2 ? a[2].i : last ? n - 1 : 0;
    count = site->n > 3 ? a[3].i : last ? from + 1 : n - from;
    if (from < (last ? -1 : 0) || from > n)
        return vm_throw_range(vm, "startIndex");
    if (count < 0 || (last ? from - count + 1 < 0 : from + count > n))
        return vm_throw_range(vm, "count");
    for (int64_t k = 0; k < count; k++) {
        int64_t i = last ? from - k : from + k;

        if (value_equals(vm, item_of(a[0], i), a[1]))
            return val_int((int32_t)i);
        if (!vm_charge(vm, k % 16 == 0))
            break;
    }
    return val_int(-1);
}

NATIVE(list_index_of)
{
    return index_of(vm, site, a, false);
}

NATIVE(list_last_index_of)
{
    return index_of(vm, site, a, true);
}

/* Sorted already: index in [low, high], or the complement of where value belongs. */
static struct expr_value binary_search(struct vm *vm, struct expr_value v, int64_t low, int64_t high, struct expr_value value,
                                       struct expr_value comparer)
{
    while (low <= high && !vm->thrown) {
        int64_t middle = low + (high - low) / 2;
        int c = comparer_compare(vm, comparer, item_of(v, middle), value);

        if (c == 0)
            return val_int((int32_t)middle);
        if (c < 0)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return val_int((int32_t)~low);
}

/* (value [, comparer]) */
NATIVE(list_binary_search)
{
    NEED(0, "array");
    return binary_search(vm, a[0], 0, count_of(a[0]) - 1, a[1], site->n > 2 ? a[2] : expr_value_null());
}

/* ---- order ---- */

/* (), (comparison or comparer) */
NATIVE(list_sort)
{
    struct list_object *l;

    NEED(0, "array");
    l = items_of(vm, a[0]);
    if (l && comparer_sort(vm, l->items, l->n, site->n > 1 ? a[1] : expr_value_null())) {
        store_back(a[0], l);
        l->version++;
    }
    return expr_value_null();
}

static struct expr_value bad_part(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset and length were out of bounds for the array or count is greater than the number of elements from index to the end of the source collection.");
}

/* Does (index, count) in a[1], a[2] name a part of l? False: exception. */
static bool is_part(struct vm *vm, const struct list_object *l, const struct expr_value *a, const char *count)
{
    if (a[1].i < 0 || a[2].i < 0)
        return string_negative(vm, a[1].i < 0 ? "index" : count, a[1].i < 0 ? a[1].i : a[2].i), false;
    if (a[1].i + a[2].i > l->n)
        return bad_part(vm), false;
    return true;
}

/* (index, count [, comparer]) */
NATIVE(list_sort_part)
{
    struct list_object *l;

    NEED(0, "array");
    l = items_of(vm, a[0]);
    if (!l || !is_part(vm, l, a, type_is(site->on, TYPE_LIST) ? "count" : "length"))
        return expr_value_null();
    if (comparer_sort(vm, l->items + a[1].i, (uint32_t)a[2].i, site->n > 3 ? a[3] : expr_value_null())) {
        store_back(a[0], l);
        l->version++;
    }
    return expr_value_null();
}

/* The second array moves as the first is sorted. */
NATIVE(array_sort_pairs)
{
    struct list_object *keys, *items;
    struct expr_value comparer = site->n > 2 ? a[2] : expr_value_null();

    NEED(0, "keys");
    keys = items_of(vm, a[0]);
    items = a[1].kind == EXPR_NULL ? NULL : items_of(vm, a[1]);
    if (vm->thrown || !keys)
        return expr_value_null();
    if (items && items->n < keys->n)
        return bad_part(vm);
    for (uint32_t i = 1; i < keys->n; i++)
        for (uint32_t k = i; k > 0 && vm_charge(vm, 1) && comparer_compare(vm, comparer, keys->items[k - 1], keys->items[k]) > 0 && !vm->thrown; k--) {
            struct expr_value key = keys->items[k], item = items ? items->items[k] : expr_value_null();

            keys->items[k] = keys->items[k - 1];
            keys->items[k - 1] = key;
            if (items) {
                items->items[k] = items->items[k - 1];
                items->items[k - 1] = item;
            }
        }
    store_back(a[0], keys);
    if (items)
        store_back(a[1], items);
    return expr_value_null();
}

/* (index, count, value [, comparer]) */
NATIVE(list_binary_search_part)
{
    struct list_object *l;

    NEED(0, "array");
    l = items_of(vm, a[0]);
    if (!l || !is_part(vm, l, a, type_is(site->on, TYPE_LIST) ? "count" : "length"))
        return expr_value_null();
    return binary_search(vm, a[0], a[1].i, a[1].i + a[2].i - 1, a[3], site->n > 4 ? a[4] : expr_value_null());
}

/* (index, count) */
NATIVE(list_reverse_part)
{
    struct list_object *l;

    NEED(0, "array");
    l = items_of(vm, a[0]);
    if (!l || !is_part(vm, l, a, type_is(site->on, TYPE_LIST) ? "count" : "length") || !charge_move(vm, a[2].i))
        return expr_value_null();
    for (int64_t i = 0; i < a[2].i / 2; i++) {
        struct expr_value x = l->items[a[1].i + i];

        l->items[a[1].i + i] = l->items[a[1].i + a[2].i - 1 - i];
        l->items[a[1].i + a[2].i - 1 - i] = x;
    }
    l->version++;
    store_back(a[0], l);
    return expr_value_null();
}

/* ---- copying ---- */

static struct expr_value copy_items(struct vm *vm, struct expr_value from, int64_t at, struct expr_value to, int64_t where, int64_t n)
{
    if (from.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "sourceArray");
    if (to.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "destinationArray");
    if (n < 0)
        return string_negative(vm, "length", n);
    if (at < 0 || where < 0)
        return vm_throw_range(vm, at < 0 ? "sourceIndex" : "destinationIndex");
    if (at + n > count_of(from))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Source array was not long enough. Check the source index, length, and the array's lower bounds. (Parameter 'sourceArray')");
    if (where + n > count_of(to))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Destination array was not long enough. Check the destination index, length, and the array's lower bounds. (Parameter 'destinationArray')");
    if (!vm_charge(vm, (uint32_t)n / 16))
        return expr_value_null();
    if (is_bytes(from) && is_bytes(to)) {
        memmove(OBJECT(to, bytes_object)->p + where, OBJECT(from, bytes_object)->p + at, (size_t)n);
    } else if (!is_bytes(from) && !is_bytes(to)) {
        memmove(list_of(to)->items + where, list_of(from)->items + at, (size_t)n * sizeof *list_of(to)->items);
    } else {
        for (int64_t i = 0; i < n; i++)
            array_set(vm, to, where + i, item_of(from, at + i));
    }
    return expr_value_null();
}

NATIVE(array_copy)
{
    if (site->n == 3)
        return copy_items(vm, a[0], 0, a[1], 0, a[2].i);
    return copy_items(vm, a[0], a[1].i, a[2], a[3].i, a[4].i);
}

/* (array [, index]), (index, array, arrayIndex, count) of a list */
NATIVE(list_copy_to)
{
    struct list_object *l;
    struct expr_value from = a[0];

    if (site->n > 3)
        return copy_items(vm, from, a[1].i, a[2], a[3].i, a[4].i);
    if (!is_bytes(from)) {
        l = linq_collect(vm, from, &type_list_object);
        if (!l)
            return expr_value_null();
        from = object_value(l);
    }
    return copy_items(vm, from, 0, a[1], site->n > 2 ? a[2].i : 0, count_of(from));
}

NATIVE(array_clone)
{
    struct list_object *l;

    l = items_of(vm, a[0]);
    return l ? array_make(vm, OBJECT(a[0], object)->type, l->n, l->items) : expr_value_null();
}

NATIVE(array_clear)
{
    int64_t from = site->n > 1 ? a[1].i : 0, n;

    NEED(0, "array");
    n = site->n > 2 ? a[2].i : count_of(a[0]);
    if (from < 0 || n < 0 || from + n > count_of(a[0]))
        return vm_throw(vm, TYPE_INDEXOUTOFRANGEEXCEPTION, "Index was outside the bounds of the array.");
    for (int64_t i = from; i < from + n && vm_charge(vm, 1); i++)
        array_set(vm, a[0], i, value_default(vm->arena, OBJECT(a[0], object)->type->args[0]));
    return expr_value_null();
}

NATIVE(array_fill)
{
    NEED(0, "array");
    for (int64_t i = 0; i < count_of(a[0]) && vm_charge(vm, 1); i++)
        array_set(vm, a[0], i, a[1]);
    return expr_value_null();
}

NATIVE(array_fill_part)
{
    NEED(0, "array");
    if (a[2].i < 0 || a[2].i > count_of(a[0]))
        return vm_throw_range(vm, "startIndex");
    if (a[3].i < 0 || a[2].i + a[3].i > count_of(a[0]))
        return vm_throw_range(vm, "count");
    for (int64_t i = 0; i < a[3].i && vm_charge(vm, 1); i++)
        array_set(vm, a[0], a[2].i + i, a[1]);
    return expr_value_null();
}

NATIVE(array_create)
{
    const struct type *element;
    struct list_object *l;

    NEED(0, "elementType");
    if (a[1].i < 0)
        return string_negative(vm, "length", a[1].i);
    element = type_of_type(a[0]);
    if (type_is(element, TYPE_BYTE))
        return bytes_make(vm, NULL, (uint32_t)a[1].i);
    l = list_make(vm, type_make1(vm->arena, TYPE_ARRAY, element), (uint32_t)a[1].i);
    for (int64_t i = 0; l && i < a[1].i && vm_charge(vm, 1); i++)
        l->items[l->n++] = value_default(vm->arena, element);
    return l && !vm->thrown ? object_value(l) : expr_value_null();
}

NATIVE(array_empty)
{
    return array_make(vm, site->ret, 0, NULL);
}

NATIVE(array_get_value)
{
    struct expr_value out;

    return array_get(vm, a[0], a[1].i, &out) ? out : expr_value_null();
}

NATIVE(array_set_value)
{
    array_set(vm, a[0], a[2].i, a[1]);
    return expr_value_null();
}

NATIVE(array_rank)
{
    return val_int(1);
}

NATIVE(array_lower)
{
    return val_int(0);
}

NATIVE(array_upper)
{
    return val_int((int32_t)count_of(a[0]) - 1);
}

NATIVE(list_capacity)
{
    return val_int((int32_t)(list_of(a[0])->room > list_of(a[0])->n ? list_of(a[0])->room : list_of(a[0])->n));
}

NATIVE(list_nothing)
{
    return expr_value_null();
}

NATIVE(list_true)
{
    return val_bool(true);
}

NATIVE(list_ensure)
{
    if (a[1].i < 0)
        return string_negative(vm, "capacity", a[1].i);
    return val_int((int32_t)(a[1].i > list_of(a[0])->room ? a[1].i : list_of(a[0])->room));
}

NATIVE(list_false)
{
    return val_bool(false);
}

NATIVE(list_as_read_only)
{
    struct list_object *l;

    NEED(0, "array");
    l = linq_collect(vm, a[0], type_make1(vm->arena, TYPE_READONLYCOLLECTION, site->ret->args[0]));
    return l ? object_value(l) : expr_value_null();
}

/* ---- Queue: taken from the front; Stack: kept bottom first, walked from the top ---- */

static struct expr_value empty_of(struct vm *vm, struct expr_value v)
{
    return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, OBJECT(v, object)->type->id == TYPE_QUEUE ? "Queue empty." : "Stack empty.");
}

/* What comes out next; false: nothing is there. */
static bool front(struct expr_value v, bool remove, struct expr_value *out)
{
    struct list_object *l = list_of(v);

    if (l->n == 0)
        return false;
    if (l->head.type->id == TYPE_STACK) {
        *out = l->items[l->n - 1];
        l->n -= remove;
    } else {
        *out = l->items[0];
        if (remove) {
            l->items++;
            l->n--;
            l->room--;
        }
    }
    l->version += remove;
    return true;
}

NATIVE(queue_add)
{
    list_append(vm, list_of(a[0]), a[1]);
    return expr_value_null();
}

NATIVE(queue_take)
{
    struct expr_value x;

    return front(a[0], true, &x) ? x : empty_of(vm, a[0]);
}

NATIVE(queue_peek)
{
    struct expr_value x;

    return front(a[0], false, &x) ? x : empty_of(vm, a[0]);
}

NATIVE(queue_try_take)
{
    if (front(a[0], true, &a[1]))
        return val_bool(true);
    a[1] = value_default(vm->arena, site->on->args[0]);
    return val_bool(false);
}

NATIVE(queue_try_peek)
{
    if (front(a[0], false, &a[1]))
        return val_bool(true);
    a[1] = value_default(vm->arena, site->on->args[0]);
    return val_bool(false);
}

NATIVE(stack_iterate)
{
    struct list_object *l = list_of(a[0]), *out = list_make(vm, &type_list_object, l->n + 1);

    for (uint32_t i = l->n; out && i-- > 0;)
        out->items[out->n++] = l->items[i];
    return out ? object_value(out) : expr_value_null();
}
