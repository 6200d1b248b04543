/* Enumerable: sets, groups, joins and order: what must look at more than one element. */
#include "policy/expr/lib/linq_int.h"

static struct expr_value make(struct vm *vm, const struct site *site, struct expr_value source, seq_open *open, struct expr_value fn,
                              struct expr_value fn2, struct expr_value extra, int64_t count)
{
    struct expr_value v = seq_make(vm, site, source, fn, open);

    if (v.p) {
        OBJECT(v, seq_object)->fn2 = fn2;
        OBJECT(v, seq_object)->extra = extra;
        OBJECT(v, seq_object)->count = count;
    }
    return v;
}

static bool is_delegate(struct expr_value v)
{
    return v.kind == EXPR_OBJECT && type_flags(OBJECT(v, object)->type) & TF_DELEGATE;
}

/* ---- Distinct, Union, Except, Intersect, each also ...By ---- */

enum set_operation { SET_DISTINCT, SET_EXCEPT, SET_INTERSECT };

struct set_walk {
    struct iter it;
    struct dict_object *seen; /* of Except: what not to give; of Intersect: what still to give */
};

static bool key_of(struct vm *vm, const struct seq_object *seq, struct expr_value x, struct expr_value *key)
{
    *key = x;
    return seq->fn2.kind == EXPR_NULL || vm_call(vm, seq->fn2, &x, 1, key);
}

static int next_set(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct set_walk *w = it->state;
    struct expr_value key;
    int got;

    while ((got = iter_next(vm, &w->it, out)) > 0) {
        bool found;

        if (!key_of(vm, it->seq, *out, &key) || !vm_charge(vm, 1))
            return -1;
        if (it->seq->count == SET_INTERSECT) {
            found = dict_remove(vm, w->seen, key);
        } else {
            found = !dict_find(vm, w->seen, key);
            if (found && !dict_put(vm, w->seen, key, expr_value_null()))
                return -1;
        }
        if (found)
            return 1;
    }
    return got;
}

static bool open_set(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct set_walk *w = vm_new(vm, struct set_walk);
    struct expr_value x;
    struct iter other;
    int got;

    if (!w || !(w->seen = dict_make(vm, TYPE_OF(OBJECT), seq->extra)))
        return false;
    it->next = next_set;
    it->state = w;
    it->seq = seq;
    if (seq->fn.kind != EXPR_NULL) {
        if (!iter_open(vm, seq->fn, &other))
            return false;
        while ((got = iter_next(vm, &other, &x)) > 0) /* the second sequence of the ...By forms holds keys already */
            if (!dict_put(vm, w->seen, x, expr_value_null()) || !vm_charge(vm, 1))
                return false;
        if (got < 0)
            return false;
    }
    return iter_open(vm, seq->source, &w->it);
}

#define NEED_BOTH \
    if (a[0].kind == EXPR_NULL) return vm_throw_arg_null(vm, "first"); \
    if (a[1].kind == EXPR_NULL) return vm_throw_arg_null(vm, "second")

/* The key selector and comparer from argument i on. */
static struct expr_value set_make(struct vm *vm, const struct site *site, struct expr_value *a, unsigned i, struct expr_value second,
                                  enum set_operation operation)
{
    struct expr_value key = i < site->n && is_delegate(a[i]) ? a[i] : expr_value_null();

    return make(vm, site, a[0], open_set, second, key, comparer_of_dict(i < site->n ? a[site->n - 1] : expr_value_null()), operation);
}

NATIVE(linq_distinct)
{
    NEED_SOURCE;
    return set_make(vm, site, a, 1, expr_value_null(), SET_DISTINCT);
}

NATIVE(linq_union)
{
    NEED_BOTH;
    a[0] = net_linq_concat(vm, site, a);
    return set_make(vm, site, a, 2, expr_value_null(), SET_DISTINCT);
}

NATIVE(linq_except)
{
    NEED_BOTH;
    return set_make(vm, site, a, 2, a[1], SET_EXCEPT);
}

NATIVE(linq_intersect)
{
    NEED_BOTH;
    return set_make(vm, site, a, 2, a[1], SET_INTERSECT);
}

/* ---- groups: tuples of key and list ---- */

NATIVE(grouping_key)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : OBJECT(a[0], tuple_object)->f[0];
}

NATIVE(grouping_iterate)
{
    return OBJECT(a[0], tuple_object)->f[1];
}

/* The group of a key in `groups`, made when missing; NULL: exception. */
static struct list_object *group_of(struct vm *vm, struct dict_object *groups, struct expr_value key, const struct type *t)
{
    struct dict_entry *e = dict_find(vm, groups, key);
    struct list_object *l;

    if (e)
        return OBJECT(OBJECT(e->value, tuple_object)->f[1], list_object);
    l = list_make(vm, type_make1(vm->arena, TYPE_ARRAY, t->args[1]), 4);
    if (!l || !dict_put(vm, groups, key, tuple_make2(vm, t, key, object_value(l))))
        return NULL;
    return l;
}

/* Everything of source by key; element may be null. NULL: exception. */
static struct dict_object *group(struct vm *vm, struct expr_value source, struct expr_value key_fn, struct expr_value element, struct expr_value comparer,
                                 const struct type *t)
{
    struct dict_object *groups = dict_make(vm, TYPE_OF(OBJECT), comparer);
    struct expr_value x, key;
    struct list_object *l;
    struct iter it;
    int got;

    if (!groups || !iter_open(vm, source, &it))
        return NULL;
    while ((got = iter_next(vm, &it, &x)) > 0) {
        if (!vm_call(vm, key_fn, &x, 1, &key) || (element.kind != EXPR_NULL && !vm_call(vm, element, &x, 1, &x)))
            return NULL;
        l = group_of(vm, groups, key, t);
        if (!l || !list_append(vm, l, x) || !vm_charge(vm, 1))
            return NULL;
    }
    return got < 0 ? NULL : groups;
}

/* The concrete class of IGrouping<K,V>. */
static const struct type *grouping_type(struct vm *vm, const struct type *key, const struct type *value)
{
    return type_make2(vm->arena, TYPE_GROUPING, key, value);
}

static struct list_object *group_list(struct vm *vm, struct dict_object *groups)
{
    struct list_object *l = groups ? list_make(vm, &type_list_object, groups->n) : NULL;

    for (uint32_t i = 0; l && i < groups->n; i++)
        if (!list_append(vm, l, groups->entries[i].value))
            return NULL;
    return l;
}

/* extra: comparer of the table; fn2: element selector. With a result selector the groups go through it. */
static bool open_group(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    const struct type *t = seq->element;
    struct dict_object *groups = group(vm, seq->source, seq->fn, seq->fn2, seq->extra, grouping_type(vm, t->args[0], t->args[1]));

    return seq_walk_list(it, group_list(vm, groups));
}

NATIVE(linq_group_by)
{
    struct expr_value element = site->n > 2 && is_delegate(a[2]) ? a[2] : expr_value_null();

    NEED_SOURCE;
    return make(vm, site, a[0], open_group, a[1], element, comparer_of_dict(a[site->n - 1]), 0);
}

struct group_result {
    struct list_object *groups;
    struct expr_value fn;
};

static int next_group_result(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct group_result *r = it->state;

    if (it->at >= r->groups->n)
        return 0;
    return vm_call(vm, r->fn, OBJECT(r->groups->items[it->at++], tuple_object)->f, 2, out) ? 1 : -1;
}

/* fn: key, fn2: result, extra: tuple of comparer and element selector */
static bool open_group_result(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    const struct tuple_object *extra = seq->extra.p;
    const struct type *params[8] = { TYPE_OF(OBJECT), TYPE_OF(OBJECT) }, *ret;
    struct group_result *r = vm_new(vm, struct group_result);
    unsigned n;
    struct dict_object *groups;

    type_delegate(vm->arena, OBJECT(seq->fn2, object)->type, params, &n, &ret);
    groups = group(vm, seq->source, seq->fn, extra->f[1], extra->f[0], grouping_type(vm, params[0], params[1]->n ? params[1]->args[0] : TYPE_OF(OBJECT)));
    if (!r || !(r->groups = group_list(vm, groups)))
        return false;
    r->fn = seq->fn2;
    it->state = r;
    it->next = next_group_result;
    return true;
}

/* (key, [element,] result [, comparer]) */
NATIVE(linq_group_by_result)
{
    bool element = site->n > 3 && is_delegate(a[3]);
    struct expr_value extra[2];

    NEED_SOURCE;
    extra[0] = comparer_of_dict(a[site->n - 1]);
    extra[1] = element ? a[2] : expr_value_null();
    return make(vm, site, a[0], open_group_result, a[1], element ? a[3] : a[2], tuple_make(vm, TYPE_OF(TUPLE), 2, extra), 0);
}

/* ---- lookups: a tuple of one table ---- */

NATIVE(linq_to_lookup)
{
    struct expr_value element = site->n > 2 && is_delegate(a[2]) ? a[2] : expr_value_null(), table;
    const struct type *k = site->ret->args[0], *v = site->ret->args[1];
    struct dict_object *groups;

    NEED_SOURCE;
    groups = group(vm, a[0], a[1], element, comparer_of_dict(a[site->n - 1]), grouping_type(vm, k, v));
    if (!groups)
        return expr_value_null();
    table = object_value(groups);
    return tuple_make(vm, type_make2(vm->arena, TYPE_LOOKUP, k, v), 1, &table);
}

static struct dict_object *table_of(struct expr_value v)
{
    return OBJECT(OBJECT(v, tuple_object)->f[0], dict_object);
}

NATIVE(lookup_iterate)
{
    struct list_object *l = group_list(vm, table_of(a[0]));

    return l ? object_value(l) : expr_value_null();
}

NATIVE(lookup_count)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : val_int((int32_t)table_of(a[0])->live);
}

NATIVE(lookup_contains)
{
    return a[0].kind == EXPR_NULL ? vm_throw_null(vm) : val_bool(dict_find(vm, table_of(a[0]), a[1]) != NULL);
}

NATIVE(lookup_item)
{
    struct dict_entry *e;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_null(vm);
    e = dict_find(vm, table_of(a[0]), a[1]);
    return e ? e->value : array_make(vm, type_make1(vm->arena, TYPE_ARRAY, site->ret->args[0]), 0, NULL);
}

/* ---- joins ---- */

struct join_walk {
    struct iter outer;
    struct dict_object *inner;
    struct expr_value x;
    struct list_object *matches;
    uint32_t at;
};

static int next_join(struct vm *vm, struct iter *it, struct expr_value *out)
{
    static const struct list_object none = { .head = { &type_list_object } };
    struct join_walk *w = it->state;
    const struct tuple_object *extra = it->seq->extra.p;
    struct expr_value key, pair[2];
    struct dict_entry *e;
    int got;

    for (;;) {
        if (w->matches && w->at < w->matches->n) {
            pair[0] = w->x;
            pair[1] = w->matches->items[w->at++];
            return vm_call(vm, extra->f[2], pair, 2, out) ? 1 : -1;
        }
        if ((got = iter_next(vm, &w->outer, &w->x)) <= 0)
            return got;
        if (!vm_call(vm, it->seq->fn, &w->x, 1, &key))
            return -1;
        e = key.kind == EXPR_NULL ? NULL : dict_find(vm, w->inner, key);
        if (it->seq->count) {
            pair[0] = w->x;
            pair[1] = e ? e->value : object_value(&none);
            return vm_call(vm, extra->f[2], pair, 2, out) ? 1 : -1;
        }
        w->matches = e ? OBJECT(OBJECT(e->value, tuple_object)->f[1], list_object) : NULL;
        w->at = 0;
    }
}

/* extra: tuple of inner sequence, inner key, result, comparer; count: 1 for GroupJoin */
static bool open_join(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    const struct tuple_object *extra = seq->extra.p;
    struct join_walk *w = vm_new(vm, struct join_walk);

    if (!w)
        return false;
    w->inner = group(vm, extra->f[0], extra->f[1], expr_value_null(), extra->f[3], grouping_type(vm, TYPE_OF(OBJECT), TYPE_OF(OBJECT)));
    it->next = next_join;
    it->state = w;
    it->seq = seq;
    return w->inner && iter_open(vm, seq->source, &w->outer);
}

/* (outer, inner, outer key, inner key, result [, comparer]) */
static struct expr_value join(struct vm *vm, const struct site *site, struct expr_value *a, int64_t grouped)
{
    struct expr_value extra[4], v;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "outer");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "inner");
    extra[0] = a[1];
    extra[1] = a[3];
    extra[2] = a[4];
    extra[3] = site->n > 5 ? comparer_of_dict(a[5]) : expr_value_null();
    v = make(vm, site, a[0], open_join, a[2], expr_value_null(), tuple_make(vm, TYPE_OF(TUPLE), 4, extra), grouped);
    return v.p && seq_nest(vm, OBJECT(v, seq_object), a[1]) ? v : expr_value_null();
}

NATIVE(linq_join)
{
    return join(vm, site, a, 0);
}

NATIVE(linq_group_join)
{
    return join(vm, site, a, 1);
}

/* ---- order ---- */

#define ORDER_LEVELS 16 /* of ThenBy */

struct order {
    const struct seq_object *level[ORDER_LEVELS];
    unsigned n;
    struct vm *vm;
};

/* Rows of n keys and the element behind them. */
static int compare_rows(struct order *o, const struct expr_value *x, const struct expr_value *y)
{
    for (unsigned i = 0; i < o->n; i++) {
        int c = comparer_compare(o->vm, o->level[i]->fn2, x[i], y[i]);

        if (c || o->vm->thrown)
            return o->level[i]->from ? -c : c;
    }
    return 0;
}

static void merge(struct order *o, struct expr_value **v, struct expr_value **spare, uint32_t n)
{
    uint32_t half = n / 2, i = 0, j = half, at = 0;

    if (n < 2 || o->vm->thrown)
        return;
    merge(o, v, spare, half);
    merge(o, v + half, spare, n - half);
    if (o->vm->thrown || !vm_charge(o->vm, n))
        return;
    memcpy(spare, v, n * sizeof *v);
    while (i < half && j < n)
        v[at++] = compare_rows(o, spare[i], spare[j]) <= 0 ? spare[i++] : spare[j++];
    while (i < half)
        v[at++] = spare[i++];
    while (j < n)
        v[at++] = spare[j++];
}

static void wrap_failure(struct vm *vm)
{
    struct expr_value inner = vm->exception;

    if (!vm->thrown || !object_if(inner, TYPE_ARGUMENTEXCEPTION))
        return;
    vm->thrown = false;
    vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Failed to compare two elements in the array.");
    if (!OBJECT(vm->exception, exception_object)->budget)
        OBJECT(vm->exception, exception_object)->inner = inner;
}

static bool open_order(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct order o = { .vm = vm };
    const struct seq_object *root = seq;
    struct list_object *l;
    struct expr_value **rows, *cells;

    for (const struct seq_object *s = seq; s && o.n < ORDER_LEVELS; s = s->parent, o.n++) {
        memmove(o.level + 1, o.level, o.n * sizeof *o.level);
        o.level[0] = root = s;
    }
    l = root ? seq_collect(vm, root->source) : NULL;
    if (!l || l->n == 0)
        return seq_walk_list(it, l);
    rows = vm_alloc(vm, 2 * l->n * sizeof *rows);
    cells = rows ? vm_alloc(vm, l->n * (o.n + 1) * sizeof *cells) : NULL;
    if (!cells)
        return false;
    for (uint32_t i = 0; i < l->n; i++) {
        rows[i] = cells + i * (o.n + 1);
        for (unsigned k = 0; k < o.n; k++) {
            rows[i][k] = l->items[i];
            if (o.level[k]->fn.kind != EXPR_NULL && !vm_call(vm, o.level[k]->fn, &l->items[i], 1, &rows[i][k]))
                return false;
        }
        rows[i][o.n] = l->items[i];
    }
    merge(&o, rows, rows + l->n, l->n);
    wrap_failure(vm);
    for (uint32_t i = 0; i < l->n; i++)
        l->items[i] = rows[i][o.n];
    return !vm->thrown && seq_walk_list(it, l);
}

static struct expr_value order_by(struct vm *vm, const struct site *site, struct expr_value source, struct expr_value key, struct expr_value comparer,
                                  bool descending)
{
    struct expr_value v;

    if (source.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source");
    v = seq_make(vm, site, source, key, open_order);
    if (v.p) {
        OBJECT(v, seq_object)->fn2 = comparer;
        OBJECT(v, seq_object)->from = descending;
    }
    return v;
}

#define COMPARER_AT(i) (site->n > (i) ? a[i] : expr_value_null())

NATIVE(linq_order_by)
{
    return order_by(vm, site, a[0], a[1], COMPARER_AT(2), false);
}

NATIVE(linq_order_by_descending)
{
    return order_by(vm, site, a[0], a[1], COMPARER_AT(2), true);
}

NATIVE(linq_order)
{
    return order_by(vm, site, a[0], expr_value_null(), COMPARER_AT(1), false);
}

NATIVE(linq_order_descending)
{
    return order_by(vm, site, a[0], expr_value_null(), COMPARER_AT(1), true);
}

static struct expr_value then_by(struct vm *vm, const struct site *site, struct expr_value *a, bool descending)
{
    struct expr_value v = order_by(vm, site, a[0], a[1], COMPARER_AT(2), descending);

    if (v.p)
        OBJECT(v, seq_object)->parent = OBJECT(a[0], seq_object);
    return v;
}

NATIVE(linq_then_by)
{
    return then_by(vm, site, a, false);
}

NATIVE(linq_then_by_descending)
{
    return then_by(vm, site, a, true);
}
