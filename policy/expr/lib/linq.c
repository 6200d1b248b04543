/* Enumerable: lazy sequences (seq_object) and what consumes them. */
#include "policy/expr/lib/lib.h"
#include "policy/expr/vm.h"

static struct expr_value seq_make(struct vm *vm, const struct site *site, struct expr_value source, struct expr_value fn,
                                  bool (*open)(struct vm *, struct seq_object *, struct iter *))
{
    struct seq_object *s = vm_new(vm, struct seq_object);

    if (!s)
        return expr_value_null();
    s->element = site->ret->args[0];
    s->head.type = type_make1(vm->arena, TYPE_SEQUENCE, s->element);
    s->source = source;
    s->fn = fn;
    s->open = open;
    return object_value(s);
}

static bool open_source(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct iter *inner = vm_new(vm, struct iter);

    if (!inner || !iter_open(vm, seq->source, inner))
        return false;
    it->state = inner;
    it->seq = seq;
    return true;
}

#define NEED_SOURCE if (a[0].kind == EXPR_NULL) return vm_throw_arg_null(vm, "source")

static int next_select(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value x;
    int got = iter_next(vm, it->state, &x);

    if (got <= 0)
        return got;
    return vm_call(vm, it->seq->fn, &x, 1, out) ? 1 : -1;
}

static bool open_select(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    it->next = next_select;
    return open_source(vm, seq, it);
}

NATIVE(linq_select)
{
    NEED_SOURCE;
    return seq_make(vm, site, a[0], a[1], open_select);
}

static int next_where(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value ok;
    int got;

    while ((got = iter_next(vm, it->state, out)) > 0) {
        if (!vm_call(vm, it->seq->fn, out, 1, &ok))
            return -1;
        if (ok.i)
            return 1;
    }
    return got;
}

static bool open_where(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    it->next = next_where;
    return open_source(vm, seq, it);
}

NATIVE(linq_where)
{
    NEED_SOURCE;
    return seq_make(vm, site, a[0], a[1], open_where);
}

static int next_range(struct vm *vm, struct iter *it, struct expr_value *out)
{
    (void)vm;
    if (it->at >= it->seq->count)
        return 0;
    *out = val_int((int32_t)(it->seq->from + it->at++));
    return 1;
}

static bool open_range(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    (void)vm;
    it->next = next_range;
    it->seq = seq;
    return true;
}

NATIVE(linq_range)
{
    struct expr_value v;

    if (a[1].i < 0)
        return vm_throw_range(vm, "count");
    v = seq_make(vm, site, expr_value_null(), expr_value_null(), open_range);
    if (v.p) {
        OBJECT(v, seq_object)->from = a[0].i;
        OBJECT(v, seq_object)->count = a[1].i;
    }
    return v;
}

/* The predicate of a consumer with an optional one. */
static struct expr_value predicate_of(const struct site *site, struct expr_value *a)
{
    return site->n > 1 ? a[1] : expr_value_null();
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
    return val_bool(find(vm, a[0], predicate_of(site, a), false, &x) > 0);
}

NATIVE(linq_all)
{
    struct iter it;
    struct expr_value x;

    NEED_SOURCE;
    if (!iter_open(vm, a[0], &it))
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
    if (!iter_open(vm, a[0], &it))
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
    struct expr_value x;

    NEED_SOURCE;
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        if (value_equals(vm, x, a[1]))
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

NATIVE(linq_to_dictionary)
{
    struct dict_object *d = dict_make(vm, site->ret, expr_value_null());
    struct expr_value x, pair[3];
    struct iter it;

    NEED_SOURCE;
    if (!d || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        pair[0] = object_value(d);
        pair[2] = x;
        if (!vm_call(vm, a[1], &x, 1, &pair[1]) || (site->n > 2 && !vm_call(vm, a[2], &x, 1, &pair[2])))
            return expr_value_null();
        net_dict_add(vm, site, pair);
        if (vm->thrown)
            return expr_value_null();
    }
    return object_value(d);
}

NATIVE(linq_sum)
{
    enum expr_kind k = type_kind(site->ret);
    struct expr_value x, sum = value_default(vm->arena, site->ret);
    struct iter it;
    enum op_error e;

    NEED_SOURCE;
    if (!iter_open(vm, a[0], &it))
        return expr_value_null();
    while (iter_next(vm, &it, &x) > 0) {
        if (site->n > 1 && !vm_call(vm, a[1], &x, 1, &x))
            return expr_value_null();
        if (x.kind == EXPR_NULL)
            continue;
        e = op_binary(vm->arena, B_ADD, k, true, sum, x, &sum);
        if (e != OP_FINE)
            return vm_op_error(vm, e);
        if (!vm_charge(vm, 1))
            break;
    }
    return sum;
}
