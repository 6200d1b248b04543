/* Objects: what EXPR_OBJECT values point to. All live in the evaluation's arena (constants: in the program). */
#ifndef POLICY_EXPR_OBJECT_H
#define POLICY_EXPR_OBJECT_H

#include "policy/expr/type.h"

struct code;

/* Every object begins with its dynamic type, which also tells its C shape: type_shape(). */
struct object {
    const struct type *type;
};

/* T[] (not byte[]), List<T>, Queue<T>, Stack<T>, ReadOnlyCollection: items in order. */
struct list_object {
    struct object head;
    struct expr_value *items;
    uint32_t n, room;
    uint32_t version; /* changes with the list: foreach notices */
    const uint32_t *watch; /* of the children of a JSON token: the token's version, looked at instead; else NULL */
};

/* byte[]. */
struct bytes_object {
    struct object head;
    uint8_t *p;
    uint32_t n;
};

struct dict_entry {
    struct expr_value key, value;
    uint32_t hash;
    uint32_t next;    /* index + 1 of the next in the bucket */
    bool live;
};

/* Dictionary, SortedDictionary, HashSet (values null), NameValueCollection... in order of insertion. */
struct dict_object {
    struct object head;
    struct dict_entry *entries;
    uint32_t *buckets;
    uint32_t n, room, live, mask;
    uint32_t free;              /* index + 1 of the entry taken out last, the others linked by next; not of sorted ones */
    uint32_t version;
    struct expr_value comparer; /* null: the default */
    bool sorted;
};

/* Tuple, ValueTuple, anonymous objects, KeyValuePair, and any class made of a few fields. */
struct tuple_object {
    struct object head;
    uint32_t n;
    struct expr_value f[];
};

/* A delegate: a lambda with the cells it captured, or a native method with a bound receiver. */
struct func_object {
    struct object head;
    const struct code *code;      /* NULL: native */
    const struct site *site;
    struct expr_value bound;      /* receiver of a native method group */
    bool has_bound;
    uint32_t ncells;
    struct cell *cells[];
};

/* A captured variable. */
struct cell {
    struct expr_value v;
};

struct exception_object {
    struct object head;
    struct expr_value message, inner, param; /* param: ParamName */
    struct expr_value actual;                /* ActualValue of an ArgumentOutOfRangeException */
    bool has_message;
    bool budget;
};

struct vm;
struct iter;

/* A lazy sequence: opens an iterator each time it is walked. */
struct seq_object {
    struct object head;
    bool (*open)(struct vm *vm, struct seq_object *seq, struct iter *it);
    struct expr_value source, fn, fn2, extra;
    int64_t from, count;
    const struct type *element;
    struct seq_object *parent; /* ThenBy: the order before it */
    uint32_t depth;            /* sequences below it: a walk nests so deep on the C stack */
};

/* A walk over anything foreach can walk. next: 1 an element in *out, 0 end, -1 exception in vm. */
struct iter {
    int (*next)(struct vm *vm, struct iter *it, struct expr_value *out);
    struct expr_value source;
    struct seq_object *seq;
    void *state;
    uint32_t at, version;
};

static inline struct expr_value object_value(const void *o)
{
    return (struct expr_value){ .kind = EXPR_OBJECT, .p = o };
}

/* The object of type id behind v, or NULL. */
static inline void *object_if(struct expr_value v, unsigned id)
{
    return v.kind == EXPR_OBJECT && ((const struct object *)v.p)->type->id == id ? (void *)v.p : NULL;
}

#define OBJECT(v, kind) ((struct kind *)(v).p)

#endif
