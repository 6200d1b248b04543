/* Newtonsoft's tokens: a mutable tree of our own (parents, JProperty, shared identity), in the evaluation's arena. */
#ifndef POLICY_EXPR_LIB_JSON_H
#define POLICY_EXPR_LIB_JSON_H

#include "policy/expr/vm.h"

/* JTokenType's numbers. */
enum json_kind { JSON_K_OBJECT = 1, JSON_K_ARRAY = 2, JSON_K_PROPERTY = 4, JSON_K_INTEGER = 6, JSON_K_FLOAT = 7, JSON_K_STRING = 8,
                 JSON_K_BOOLEAN = 9, JSON_K_NULL = 10, JSON_K_UNDEFINED = 11, JSON_K_DATE = 12, JSON_K_RAW = 13, JSON_K_BYTES = 14,
                 JSON_K_GUID = 15, JSON_K_URI = 16, JSON_K_TIMESPAN = 17 };

/* One token. A JObject's items are JProperty tokens; a JProperty has one item, its value. */
struct jtoken {
    struct object head; /* JOBJECT, JARRAY, JPROPERTY or JVALUE */
    struct jtoken *parent;
    uint8_t kind;
    struct expr_value value; /* JVALUE: the value; JPROPERTY: the name */
    struct jtoken **items;
    uint32_t n, room;
};

static inline bool jtoken_is(struct expr_value v)
{
    return v.kind == EXPR_OBJECT && (OBJECT(v, object)->type->id == TYPE_JOBJECT || OBJECT(v, object)->type->id == TYPE_JARRAY ||
                                     OBJECT(v, object)->type->id == TYPE_JPROPERTY || OBJECT(v, object)->type->id == TYPE_JVALUE);
}

/* A new token; NULL: exception. */
struct jtoken *json_new(struct vm *vm, unsigned type, enum json_kind kind);
/* A JValue of a string, number, bool, date ...; a null for null. Exception for other types. */
struct jtoken *json_value(struct vm *vm, struct expr_value v);
/* Append a child; one that has a parent is cloned first, as Newtonsoft does. */
bool json_append(struct vm *vm, struct jtoken *to, struct jtoken *child);
struct jtoken *json_clone(struct vm *vm, const struct jtoken *t);
/* The property of an object by name, or NULL. */
struct jtoken *json_property(const struct jtoken *o, struct slice name);
/* Set or add a property. */
bool json_set(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value);
/* What `new JObject(x)`, Add(x) take: tokens, and anything a JValue holds, sequences flattened. */
bool json_add_content(struct vm *vm, struct jtoken *to, struct expr_value content);
/* Parse; type TYPE_JOBJECT or TYPE_JARRAY demand that, TYPE_JTOKEN takes any. Exception JsonReaderException. */
struct jtoken *json_read(struct vm *vm, struct slice text, unsigned type);
/* Write as Newtonsoft does; indented with two spaces and \n. */
void json_print(struct vm *vm, struct buf *b, const struct jtoken *t, bool indented);
/* A scalar as JSON text: what a JValue and SerializeObject print. */
void json_print_scalar(struct vm *vm, struct buf *b, struct expr_value v);
/* A token's value converted to a static type ((int)token, Value<T>, ToObject<T>). */
struct expr_value json_convert(struct vm *vm, struct expr_value token, const struct type *to);

#endif
