/* Enumerable: lazy sequences that give one element after the other as they come. */
#include "policy/expr/lib/linq_int.h"

#define SEQ_DEPTH_MAX 256 /* sequences over sequences: e = e.Append(x) in a loop */

static uint32_t depth_of(struct expr_value v)
{
    const struct seq_object *s = object_if(v, TYPE_SEQUENCE);

    return s ? s->depth : 0;
}

bool seq_nest(struct vm *vm, struct seq_object *s, struct expr_value v)
{
    if (depth_of(v) >= s->depth)
        s->depth = depth_of(v) + 1;
    if (s->depth <= SEQ_DEPTH_MAX)
        return true;
    vm_throw_budget(vm, "depth");
    return false;
}

struct expr_value seq_make(struct vm *vm, const struct site *site, struct expr_value source, struct expr_value fn, seq_open *open)
{
    struct seq_object *s = vm_new(vm, struct seq_object);

    if (!s)
        return expr_value_null();
    s->element = site->ret->args[0];
    s->head.type = type_make1(vm->arena, TYPE_SEQUENCE, s->element);
    s->source = source;
    s->fn = fn;
    s->open = open;
    return seq_nest(vm, s, source) && seq_nest(vm, s, fn) ? object_value(s) : expr_value_null();
}

/* With everything a sequence can hold. */
static struct expr_value make_full(struct vm *vm, const struct site *site, struct expr_value *a, seq_open *open, struct expr_value fn2, int64_t count)
{
    struct expr_value v = seq_make(vm, site, a[0], a[1], open);

    if (v.p) {
        OBJECT(v, seq_object)->fn2 = fn2;
        OBJECT(v, seq_object)->count = count;
        if (!seq_nest(vm, OBJECT(v, seq_object), fn2))
            return expr_value_null();
    }
    return v;
}

static int next_kept(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct list_object *l = it->state;

    (void)vm;
    if (it->at >= l->n)
        return 0;
    *out = l->items[it->at++];
    return 1;
}

bool seq_walk_list(struct iter *it, struct list_object *l)
{
    it->next = next_kept;
    it->state = l;
    return l != NULL;
}

struct list_object *seq_collect(struct vm *vm, struct expr_value source)
{
    return linq_collect(vm, source, &type_list_object);
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

#define OPEN_BY(name) \
    static bool open_##name(struct vm *vm, struct seq_object *seq, struct iter *it) \
    { \
        it->next = next_##name; \
        return open_source(vm, seq, it); \
    }

/* Does the delegate take the index as its second parameter? */
static bool wants_index(struct vm *vm, struct expr_value fn)
{
    const struct type *params[8], *ret;
    unsigned n = 0;

    return fn.kind == EXPR_OBJECT && type_delegate(vm->arena, OBJECT(fn, object)->type, params, &n, &ret) && n == 2;
}

static bool call_at(struct vm *vm, struct iter *it, struct expr_value fn, struct expr_value x, struct expr_value *out)
{
    struct expr_value pair[2] = { x, val_int((int32_t)it->at++) };

    return vm_call(vm, fn, pair, it->seq->count ? 2 : 1, out);
}

/* ---- Select, Where ---- */

static int next_select(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value x;
    int got = iter_next(vm, it->state, &x);

    if (got <= 0)
        return got;
    return call_at(vm, it, it->seq->fn, x, out) ? 1 : -1;
}
OPEN_BY(select)

NATIVE(linq_select)
{
    NEED_SOURCE;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "selector");
    return make_full(vm, site, a, open_select, expr_value_null(), wants_index(vm, a[1]));
}

static int next_where(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value ok;
    int got;

    while ((got = iter_next(vm, it->state, out)) > 0) {
        if (!call_at(vm, it, it->seq->fn, *out, &ok))
            return -1;
        if (ok.i)
            return 1;
    }
    return got;
}
OPEN_BY(where)

NATIVE(linq_where)
{
    NEED_SOURCE;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "predicate");
    return make_full(vm, site, a, open_where, expr_value_null(), wants_index(vm, a[1]));
}

/* ---- SelectMany ---- */

struct many {
    struct iter outer, inner;
    struct expr_value from;
    bool open;
};

static int next_many(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct many *m = it->state;
    struct expr_value inner, pair[2];
    int got;

    for (;;) {
        if (m->open) {
            if ((got = iter_next(vm, &m->inner, out)) < 0)
                return -1;
            if (got > 0 && it->seq->fn2.kind == EXPR_NULL)
                return vm_charge(vm, 1) ? 1 : -1;
            pair[0] = m->from;
            pair[1] = *out;
            if (got > 0)
                return vm_call(vm, it->seq->fn2, pair, 2, out) ? 1 : -1;
        }
        if ((got = iter_next(vm, &m->outer, &m->from)) <= 0)
            return got;
        if (!call_at(vm, it, it->seq->fn, m->from, &inner) || !iter_open(vm, inner, &m->inner))
            return -1;
        m->open = true;
    }
}

static bool open_many(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct many *m = vm_new(vm, struct many);

    it->next = next_many;
    it->state = m;
    it->seq = seq;
    return m && iter_open(vm, seq->source, &m->outer);
}

NATIVE(linq_select_many)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_many, site->n > 2 ? a[2] : expr_value_null(), wants_index(vm, a[1]));
}

/* ---- Take, Skip ---- */

static int next_take(struct vm *vm, struct iter *it, struct expr_value *out)
{
    return it->at < it->seq->count && it->at++ < UINT32_MAX ? iter_next(vm, it->state, out) : 0;
}
OPEN_BY(take)

NATIVE(linq_take)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_take, expr_value_null(), a[1].i > 0 ? a[1].i : 0);
}

static int next_skip(struct vm *vm, struct iter *it, struct expr_value *out)
{
    int got;

    for (; it->at < it->seq->count; it->at++)
        if ((got = iter_next(vm, it->state, out)) <= 0 || !vm_charge(vm, 1))
            return got <= 0 ? got : -1;
    return iter_next(vm, it->state, out);
}
OPEN_BY(skip)

NATIVE(linq_skip)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_skip, expr_value_null(), a[1].i > 0 ? a[1].i : 0);
}

static int next_take_while(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value ok;
    int got = it->version ? 0 : iter_next(vm, it->state, out);

    if (got <= 0)
        return got;
    if (!call_at(vm, it, it->seq->fn, *out, &ok))
        return -1;
    it->version = !ok.i; /* ended */
    return ok.i != 0;
}
OPEN_BY(take_while)

NATIVE(linq_take_while)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_take_while, expr_value_null(), wants_index(vm, a[1]));
}

static int next_skip_while(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value ok;
    int got;

    while ((got = iter_next(vm, it->state, out)) > 0 && !it->version) {
        if (!call_at(vm, it, it->seq->fn, *out, &ok))
            return -1;
        if (ok.i)
            continue;
        it->version = 1; /* past the prefix */
        break;
    }
    return got;
}
OPEN_BY(skip_while)

NATIVE(linq_skip_while)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_skip_while, expr_value_null(), wants_index(vm, a[1]));
}

static bool open_take_last(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct list_object *l = seq_collect(vm, seq->source);

    if (l && l->n > seq->count)
        it->at = l->n - (uint32_t)seq->count;
    return seq_walk_list(it, l);
}

NATIVE(linq_take_last)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_take_last, expr_value_null(), a[1].i > 0 ? a[1].i : 0);
}

static bool open_skip_last(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct list_object *l = seq_collect(vm, seq->source);

    if (l)
        l->n = l->n > seq->count ? l->n - (uint32_t)seq->count : 0;
    return seq_walk_list(it, l);
}

NATIVE(linq_skip_last)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_skip_last, expr_value_null(), a[1].i > 0 ? a[1].i : 0);
}

static bool open_reverse(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct list_object *l = seq_collect(vm, seq->source);

    for (uint32_t i = 0; l && i < l->n / 2; i++) {
        struct expr_value x = l->items[i];

        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = x;
    }
    return seq_walk_list(it, l);
}

NATIVE(linq_reverse)
{
    NEED_SOURCE;
    return seq_make(vm, site, a[0], expr_value_null(), open_reverse);
}

/* ---- putting together ---- */

/* source, then the sequence in fn; a lone element in fn when count is 1, before the source when it is 2. */
static int next_concat(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct seq_object *seq = it->seq;
    int got;

    if (seq->count == 2 && it->at++ == 0) {
        *out = seq->fn;
        return 1;
    }
    if ((got = iter_next(vm, it->state, out)) || it->version)
        return got;
    if (seq->count == 2)
        return 0;
    it->version = 1;
    if (seq->count == 1) {
        *out = seq->fn;
        it->state = vm_new(vm, struct iter);
        return it->state && seq_walk_list(it->state, list_make(vm, &type_list_object, 0)) ? 1 : -1;
    }
    return iter_open(vm, seq->fn, it->state) ? iter_next(vm, it->state, out) : -1;
}
OPEN_BY(concat)

NATIVE(linq_concat)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "first");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "second");
    return make_full(vm, site, a, open_concat, expr_value_null(), 0);
}

NATIVE(linq_append)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_concat, expr_value_null(), 1);
}

NATIVE(linq_prepend)
{
    NEED_SOURCE;
    return make_full(vm, site, a, open_concat, expr_value_null(), 2);
}

static int next_default_if_empty(struct vm *vm, struct iter *it, struct expr_value *out)
{
    int got = it->version ? 0 : iter_next(vm, it->state, out);

    if (got == 0 && it->at++ == 0) {
        it->version = 1;
        *out = it->seq->fn;
        return 1;
    }
    it->at++;
    return got;
}
OPEN_BY(default_if_empty)

NATIVE(linq_default_if_empty)
{
    NEED_SOURCE;
    if (site->n < 2)
        return seq_make(vm, site, a[0], value_default(vm->arena, site->ret->args[0]), open_default_if_empty);
    return seq_make(vm, site, a[0], a[1], open_default_if_empty);
}

struct zip {
    struct iter it[3];
};

static int next_zip(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct zip *z = it->state;
    struct expr_value v[3];
    unsigned n = it->seq->count == 3 ? 3 : 2;
    int got;

    for (unsigned i = 0; i < n; i++)
        if ((got = iter_next(vm, &z->it[i], &v[i])) <= 0)
            return got;
    if (it->seq->count == 1)
        return vm_call(vm, it->seq->fn2, v, 2, out) ? 1 : -1;
    *out = tuple_make(vm, it->seq->element, n, v);
    return vm_charge(vm, 1) ? 1 : -1;
}

static bool open_zip(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    struct zip *z = vm_new(vm, struct zip);

    it->next = next_zip;
    it->state = z;
    it->seq = seq;
    return z && iter_open(vm, seq->source, &z->it[0]) && iter_open(vm, seq->fn, &z->it[1]) &&
           (seq->count != 3 || iter_open(vm, seq->fn2, &z->it[2]));
}

/* With a selector (1), into pairs (2) or threes (3). */
NATIVE(linq_zip)
{
    bool three = site->n > 2 && !(type_flags(type_of_value(a[2])) & TF_DELEGATE);

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "first");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "second");
    return make_full(vm, site, a, open_zip, site->n > 2 ? a[2] : expr_value_null(), site->n < 3 ? 2 : three ? 3 : 1);
}

static int next_chunk(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct list_object *l = list_make(vm, &type_list_object, 4);
    struct expr_value x;
    int got = 0;

    while (l && l->n < it->seq->count && (got = iter_next(vm, it->state, &x)) > 0)
        if (!list_append(vm, l, x) || !vm_charge(vm, 1))
            return -1;
    if (!l || got < 0)
        return -1;
    if (l->n == 0)
        return 0;
    *out = array_make(vm, it->seq->element, l->n, l->items);
    return vm->thrown ? -1 : 1;
}
OPEN_BY(chunk)

NATIVE(linq_chunk)
{
    NEED_SOURCE;
    if (a[1].i < 1)
        return vm_throw_range(vm, "size");
    return make_full(vm, site, a, open_chunk, expr_value_null(), a[1].i);
}

static int next_indexed(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct expr_value pair[2] = { val_int((int32_t)it->at++) };
    int got = iter_next(vm, it->state, &pair[1]);

    if (got <= 0)
        return got;
    *out = tuple_make(vm, it->seq->element, 2, pair);
    return vm_charge(vm, 1) ? 1 : -1;
}
OPEN_BY(indexed)

NATIVE(linq_index)
{
    NEED_SOURCE;
    return seq_make(vm, site, a[0], expr_value_null(), open_indexed);
}

/* ---- casting ---- */

static int next_cast(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct type *t = it->seq->element;
    int got;

    while ((got = iter_next(vm, it->state, out)) > 0) {
        bool fits = out->kind == EXPR_NULL ? !it->seq->count && (!type_is_value(t) || type_is_nullable(t))
                                           : type_holds(vm->arena, type_strip(t), *out);

        if (fits)
            return 1;
        if (!it->seq->count) {
            if (out->kind == EXPR_NULL)
                vm_throw_null(vm);
            else
                vm_throw_cast(vm);
            return -1;
        }
        if (!vm_charge(vm, 1))
            return -1;
    }
    return got;
}
OPEN_BY(cast)

NATIVE(linq_cast)
{
    struct expr_value both[2] = { a[0], expr_value_null() };

    NEED_SOURCE;
    return make_full(vm, site, both, open_cast, expr_value_null(), 0);
}

NATIVE(linq_of_type)
{
    struct expr_value both[2] = { a[0], expr_value_null() };

    NEED_SOURCE;
    return make_full(vm, site, both, open_cast, expr_value_null(), 1);
}

NATIVE(linq_as_enumerable)
{
    return a[0];
}

/* ---- out of nothing ---- */

static int next_range(struct vm *vm, struct iter *it, struct expr_value *out)
{
    if (it->at >= it->seq->count)
        return 0;
    *out = val_int((int32_t)(it->seq->from + it->at++));
    return vm_charge(vm, 1) ? 1 : -1;
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

    if (a[1].i < 0 || a[0].i + a[1].i - 1 > INT32_MAX)
        return vm_throw_range(vm, "count");
    v = seq_make(vm, site, expr_value_null(), expr_value_null(), open_range);
    if (v.p) {
        OBJECT(v, seq_object)->from = a[0].i;
        OBJECT(v, seq_object)->count = a[1].i;
    }
    return v;
}

static int next_repeat(struct vm *vm, struct iter *it, struct expr_value *out)
{
    if (it->at >= it->seq->count)
        return 0;
    it->at++;
    *out = it->seq->source;
    return vm_charge(vm, 1) ? 1 : -1;
}

static bool open_repeat(struct vm *vm, struct seq_object *seq, struct iter *it)
{
    (void)vm;
    it->next = next_repeat;
    it->seq = seq;
    return true;
}

NATIVE(linq_repeat)
{
    return a[1].i < 0 ? vm_throw_range(vm, "count") : make_full(vm, site, a, open_repeat, expr_value_null(), a[1].i);
}

NATIVE(linq_empty)
{
    return array_make(vm, type_make1(vm->arena, TYPE_ARRAY, site->ret->args[0]), 0, NULL);
}
