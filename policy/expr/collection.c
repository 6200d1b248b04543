/* Lists, byte arrays, dictionaries, tuples and walks over anything: the data structures behind the collection types. */
#include "platform/base/hash.h"
#include "policy/expr/lib/comparer.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

/* ---- lists and arrays ---- */

struct list_object *list_make(struct vm *vm, const struct type *type, uint32_t room)
{
    struct list_object *l = vm_new(vm, struct list_object);

    if (!l)
        return NULL;
    l->head.type = type;
    if (room && !(l->items = vm_alloc(vm, room * sizeof *l->items)))
        return NULL;
    l->room = room;
    return l;
}

bool list_append(struct vm *vm, struct list_object *l, struct expr_value v)
{
    if (l->n == l->room) {
        uint32_t room = l->room ? 2 * l->room : 4;
        struct expr_value *grown = room < UINT32_MAX / 32 ? arena_grow(vm->arena, l->items, l->n * sizeof v, room * sizeof v) : NULL;

        if (!grown) {
            vm_throw_budget(vm, "memory");
            return false;
        }
        l->items = grown;
        l->room = room;
    }
    l->items[l->n++] = v;
    l->version++;
    return true;
}

struct expr_value bytes_make(struct vm *vm, const void *p, uint32_t n)
{
    struct bytes_object *o = vm_new(vm, struct bytes_object);

    if (!o || !(o->p = vm_alloc(vm, n)))
        return expr_value_null();
    o->head.type = &type_bytes;
    o->n = n;
    if (n && p)
        memcpy(o->p, p, n);
    return object_value(o);
}

struct expr_value array_make(struct vm *vm, const struct type *type, uint32_t n, const struct expr_value *items)
{
    const struct type *element = type->args[0];
    struct list_object *l;

    if (element->id == TYPE_BYTE) {
        struct expr_value v = bytes_make(vm, NULL, n);

        for (uint32_t i = 0; i < n && items && !vm->thrown; i++)
            OBJECT(v, bytes_object)->p[i] = (uint8_t)items[i].i;
        return v;
    }
    if (n > UINT32_MAX / 64) {
        vm_throw_budget(vm, "memory");
        return expr_value_null();
    }
    l = list_make(vm, type, n);
    if (!l)
        return expr_value_null();
    for (uint32_t i = 0; i < n; i++)
        l->items[i] = items ? items[i] : value_default(vm->arena, element);
    l->n = n;
    return object_value(l);
}

bool array_get(struct vm *vm, struct expr_value array, int64_t index, struct expr_value *out)
{
    const struct object *o = array.p;

    if (array.kind != EXPR_OBJECT) {
        vm_throw_null(vm);
        return false;
    }
    if (type_eq(o->type, &type_bytes)) {
        const struct bytes_object *b = array.p;

        if (index >= 0 && index < b->n) {
            *out = (struct expr_value){ .kind = EXPR_U8, .i = b->p[index] };
            return true;
        }
    } else {
        const struct list_object *l = array.p;

        if (index >= 0 && index < l->n) {
            *out = l->items[index];
            return true;
        }
    }
    if (o->type->id == TYPE_ARRAY)
        vm_throw(vm, TYPE_INDEXOUTOFRANGEEXCEPTION, "Index was outside the bounds of the array.");
    else
        vm_throw_index(vm);
    return false;
}

/* A string[] seen as object[] still takes strings alone. */
static bool stores(struct vm *vm, const struct type *t, struct expr_value v)
{
    const struct type *element = t->id == TYPE_ARRAY ? t->args[0] : NULL;

    return !element || v.kind == EXPR_NULL || type_is(element, TYPE_OBJECT) || type_is_value(element) ||
           (v.kind == EXPR_STRING && type_is(element, TYPE_STRING)) || type_holds(vm->arena, element, v);
}

bool array_set(struct vm *vm, struct expr_value array, int64_t index, struct expr_value v)
{
    struct expr_value old;

    if (!array_get(vm, array, index, &old))
        return false;
    if (UNLIKELY(!stores(vm, OBJECT(array, object)->type, v))) {
        vm_throw(vm, TYPE_ARRAYTYPEMISMATCHEXCEPTION, "Attempted to access an element as a type incompatible with the array.");
        return false;
    }
    if (type_eq(OBJECT(array, object)->type, &type_bytes)) {
        OBJECT(array, bytes_object)->p[index] = (uint8_t)v.i;
    } else {
        OBJECT(array, list_object)->items[index] = v;
        OBJECT(array, list_object)->version += OBJECT(array, object)->type->id != TYPE_ARRAY;
    }
    return true;
}

/* ---- dictionaries ---- */

struct dict_object *dict_make(struct vm *vm, const struct type *type, struct expr_value comparer)
{
    struct dict_object *d = vm_new(vm, struct dict_object);

    if (!d)
        return NULL;
    d->head.type = type;
    d->comparer = comparer;
    return d;
}

/* Of a text that is not all ASCII: no such text equals an ASCII one when case is ignored. */
static uint32_t folded_hash(struct expr_value text)
{
    const char *p = text.s, *end = text.s + text.n;
    uint32_t h = 2166136261u, cp;

    while (p < end) {
        p += text_decode(p, end, &cp);
        h = (h ^ text_upper(cp)) * 16777619u;
    }
    return h;
}

static uint32_t key_hash(struct vm *vm, const struct dict_object *d, struct expr_value key)
{
    if (d->comparer.kind == EXPR_BOOL && key.kind == EXPR_STRING)
        return !vm_charge_bytes(vm, key.n) ? 0 : text_is_ascii(key) ? (uint32_t)hash_bytes_icase(text_slice(key)) : folded_hash(key);
    return d->comparer.kind == EXPR_OBJECT ? comparer_hash(vm, d->comparer, key) : value_hash(vm, key);
}

/* The comparer of a dictionary is null (default), true (ignore case) or one of JSON tokens or XML nodes. */
static bool keys_equal(struct vm *vm, const struct dict_object *d, struct expr_value a, struct expr_value b)
{
    if (d->comparer.kind == EXPR_BOOL && a.kind == EXPR_STRING && b.kind == EXPR_STRING)
        return text_equals_icase(vm, a, b);
    return d->comparer.kind == EXPR_OBJECT ? comparer_equals(vm, d->comparer, a, b) : value_equals(vm, a, b);
}

struct dict_entry *dict_find(struct vm *vm, struct dict_object *d, struct expr_value key)
{
    uint32_t hash;

    if (d->n == 0)
        return NULL;
    hash = key_hash(vm, d, key);
    for (uint32_t at = d->buckets[hash & d->mask]; at; at = d->entries[at - 1].next) {
        struct dict_entry *e = &d->entries[at - 1];

        if (e->live && e->hash == hash && keys_equal(vm, d, e->key, key))
            return e;
    }
    return NULL;
}

static bool dict_grow(struct vm *vm, struct dict_object *d)
{
    uint32_t room = d->room ? 2 * d->room : 8;
    struct dict_entry *entries = vm_alloc(vm, room * sizeof *entries);
    uint32_t *buckets = entries ? vm_alloc(vm, room * sizeof *buckets) : NULL;
    uint32_t n = 0;

    if (!buckets)
        return false;
    for (uint32_t i = 0; i < d->n; i++) {
        if (!d->entries[i].live)
            continue;
        entries[n] = d->entries[i];
        entries[n].next = buckets[entries[n].hash & (room - 1)];
        buckets[entries[n].hash & (room - 1)] = n + 1;
        n++;
    }
    d->entries = entries;
    d->buckets = buckets;
    d->n = n;
    d->room = room;
    d->mask = room - 1;
    return true;
}

/* Sorted dictionaries keep their entries in order of key: insertion moves the tail. */
static bool dict_sort_in(struct vm *vm, struct dict_object *d)
{
    uint32_t at = d->n - 1;
    struct dict_entry e = d->entries[at];

    while (at > 0 && value_compare(vm, d->entries[at - 1].key, e.key) > 0) {
        d->entries[at] = d->entries[at - 1];
        at--;
    }
    d->entries[at] = e;
    memset(d->buckets, 0, d->room * sizeof *d->buckets);
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t *bucket = &d->buckets[d->entries[i].hash & d->mask];

        d->entries[i].next = *bucket;
        *bucket = i + 1;
    }
    return !vm->thrown && vm_charge(vm, d->n / 16 + 1);
}

/* A place for a new entry: the one taken out last, as in .NET, where order shows it; else behind all. */
static struct dict_entry *new_entry(struct vm *vm, struct dict_object *d)
{
    struct dict_entry *e;

    if (d->free) {
        e = &d->entries[d->free - 1];
        d->free = e->next;
        return e;
    }
    return d->n < d->room || dict_grow(vm, d) ? &d->entries[d->n++] : NULL;
}

bool dict_put(struct vm *vm, struct dict_object *d, struct expr_value key, struct expr_value value)
{
    struct dict_entry *e = dict_find(vm, d, key);
    uint32_t *bucket;

    if (vm->thrown)
        return false;
    if (e) {
        e->value = value;
        d->version += d->sorted;
        return true;
    }
    d->version++;
    e = new_entry(vm, d);
    if (!e)
        return false;
    *e = (struct dict_entry){ .key = key, .value = value, .hash = key_hash(vm, d, key), .live = true };
    bucket = &d->buckets[e->hash & d->mask];
    e->next = *bucket;
    *bucket = (uint32_t)(e - d->entries) + 1;
    d->live++;
    return d->sorted ? dict_sort_in(vm, d) : true;
}

/* A walk goes on over what is left, unless keys are sorted. */
void dict_take_out(struct dict_object *d, struct dict_entry *e)
{
    uint32_t *link = &d->buckets[e->hash & d->mask], at = (uint32_t)(e - d->entries) + 1;

    e->live = false;
    d->live--;
    if (d->sorted) {
        d->version++;
        return;
    }
    while (*link != at)
        link = &d->entries[*link - 1].next;
    *link = e->next;
    e->next = d->free;
    d->free = at;
}

bool dict_remove(struct vm *vm, struct dict_object *d, struct expr_value key)
{
    struct dict_entry *e = dict_find(vm, d, key);

    if (!e)
        return false;
    dict_take_out(d, e);
    return true;
}

/* ---- tuples ---- */

struct expr_value tuple_make(struct vm *vm, const struct type *type, uint32_t n, const struct expr_value *fields)
{
    struct tuple_object *o = vm_alloc(vm, sizeof *o + n * sizeof o->f[0]);

    if (!o)
        return expr_value_null();
    o->head.type = type;
    o->n = n;
    memcpy(o->f, fields, n * sizeof *fields);
    return object_value(o);
}

/* ---- walks ---- */

static uint32_t list_version(const struct list_object *l)
{
    return l->watch ? *l->watch : l->version;
}

static int next_list(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct list_object *l = it->source.p;

    if (list_version(l) != it->version && l->head.type->id != TYPE_ARRAY) {
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Collection was modified; enumeration operation may not execute.");
        return -1;
    }
    if (it->at >= l->n)
        return 0;
    *out = l->items[it->at++];
    return 1;
}

static int next_byte(struct vm *vm, struct iter *it, struct expr_value *out)
{
    const struct bytes_object *b = it->source.p;

    (void)vm;
    if (it->at >= b->n)
        return 0;
    *out = (struct expr_value){ .kind = EXPR_U8, .i = b->p[it->at++] };
    return 1;
}

static int next_char(struct vm *vm, struct iter *it, struct expr_value *out)
{
    uint32_t unit;

    (void)vm;
    if (!text_next(it->state, &unit))
        return 0;
    *out = val_char(unit);
    return 1;
}

static int next_entry(struct vm *vm, struct iter *it, struct expr_value *out)
{
    struct dict_object *d = (struct dict_object *)it->source.p;

    if (d->version != it->version) {
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Collection was modified; enumeration operation may not execute.");
        return -1;
    }
    while (it->at < d->n && !d->entries[it->at].live)
        it->at++;
    if (it->at >= d->n)
        return 0;
    if (it->state)
        *out = tuple_make2(vm, it->state, d->entries[it->at].key, d->entries[it->at].value);
    else
        *out = d->entries[it->at].key;
    it->at++;
    return vm->thrown ? -1 : 1;
}

static bool open_dict(struct vm *vm, struct iter *it, const struct type *t)
{
    it->next = next_entry;
    it->version = OBJECT(it->source, dict_object)->version;
    if (t->n == 2) {
        it->state = (void *)type_make2(vm->arena, TYPE_KEYVALUEPAIR, t->args[0], t->args[1]);
        return it->state != NULL;
    }
    return true;
}

static bool open_object(struct vm *vm, struct iter *it)
{
    const struct type *t = type_of_value(it->source);
    expr_native *fn;
    struct expr_value args[2] = { it->source };

    switch (t->id) {
    case TYPE_ARRAY:
        if (type_eq(t, &type_bytes)) {
            it->next = next_byte;
            return true;
        }
        it->next = next_list;
        return true;
    case TYPE_LIST:
    case TYPE_QUEUE:
    case TYPE_READONLYCOLLECTION:
        it->next = next_list;
        it->version = list_version(OBJECT(it->source, list_object));
        return true;
    case TYPE_DICTIONARY:
    case TYPE_HASHSET:
    case TYPE_SORTEDDICTIONARY:
    case TYPE_SORTEDSET:
        return open_dict(vm, it, t);
    case TYPE_SEQUENCE:
        it->seq = (struct seq_object *)it->source.p;
        return it->seq->open(vm, it->seq, it);
    default:
        break;
    }
    fn = value_method(t, "<iterate>", "object ()");
    if (!fn) {
        vm_throw_cast(vm);
        return false;
    }
    it->source = fn(vm, NULL, args);
    return !vm->thrown && iter_open(vm, it->source, it);
}

bool iter_open(struct vm *vm, struct expr_value source, struct iter *it)
{
    memset(it, 0, sizeof *it);
    it->source = source;
    if (source.kind == EXPR_STRING) {
        struct text_walk *w = vm_new(vm, struct text_walk);

        if (!w)
            return false;
        *w = text_walk(source);
        it->state = w;
        it->next = next_char;
        return true;
    }
    if (source.kind == EXPR_OBJECT || source.kind == EXPR_HOST)
        return open_object(vm, it);
    vm_throw_null(vm);
    return false;
}
