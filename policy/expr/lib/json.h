/* Newtonsoft's tokens: a mutable tree of our own (parents, JProperty, shared identity), in the evaluation's arena. */
#ifndef POLICY_EXPR_LIB_JSON_H
#define POLICY_EXPR_LIB_JSON_H

#include "policy/expr/vm.h"

/* JTokenType's numbers. */
enum json_kind { JSON_K_OBJECT = 1, JSON_K_ARRAY = 2, JSON_K_CONSTRUCTOR = 3, JSON_K_PROPERTY = 4, JSON_K_INTEGER = 6, JSON_K_FLOAT = 7,
                 JSON_K_STRING = 8, JSON_K_BOOLEAN = 9, JSON_K_NULL = 10, JSON_K_UNDEFINED = 11, JSON_K_DATE = 12, JSON_K_RAW = 13,
                 JSON_K_BYTES = 14, JSON_K_GUID = 15, JSON_K_URI = 16, JSON_K_TIMESPAN = 17 };

/* Nesting of containers that is read, written and walked. */
#define JSON_NESTING_MAX 200u

/* One token. A JObject's items are JProperty tokens; a JProperty has one item, its value.
 * An integer beyond 64 bits (BigInteger in .NET) has a decimal or its digits as a string for value. */
struct jtoken {
    struct object head; /* JOBJECT, JARRAY, JPROPERTY, JCONSTRUCTOR, JVALUE or JRAW */
    struct jtoken *parent;
    uint8_t kind;
    uint16_t height;         /* at least the levels below it */
    uint32_t version;        /* changes with its children: foreach notices */
    struct expr_value value; /* JVALUE, JRAW: the value; JPROPERTY, JCONSTRUCTOR: the name */
    union {
        struct jtoken **items;
        const char *text;    /* JVALUE read by json_read_from with JSON_KEEP_TEXT: `room` bytes of JSON, else NULL */
    };
    uint32_t n, room;
};

static inline bool jtoken_is(struct expr_value v)
{
    unsigned id = v.kind == EXPR_OBJECT ? OBJECT(v, object)->type->id : TYPE_COUNT;

    return id == TYPE_JOBJECT || id == TYPE_JARRAY || id == TYPE_JPROPERTY || id == TYPE_JVALUE || id == TYPE_JRAW || id == TYPE_JCONSTRUCTOR;
}

static inline bool json_is_container(const struct jtoken *t)
{
    return t->kind <= JSON_K_PROPERTY;
}

/* What is formatted for v: a JValue is an IFormattable of its value. */
static inline struct expr_value json_formatted(struct expr_value v)
{
    const struct jtoken *t = object_if(v, TYPE_JVALUE);

    return t ? t->value : v;
}

static inline struct expr_value json_object_value(const struct jtoken *t)
{
    return t ? object_value(t) : expr_value_null();
}

/* ---- the tree (json_tree.c) ---- */

/* A new token; NULL: exception. */
struct jtoken *json_new(struct vm *vm, unsigned type, enum json_kind kind);
/* A JValue of a string, number, bool, date ...; a null for null. Exception for other types. */
struct jtoken *json_value(struct vm *vm, struct expr_value v);
/* What `new JObject(x)` makes of x: a token itself, else a JValue. */
struct jtoken *json_content(struct vm *vm, struct expr_value v);
/* Append a child; one that has a parent is cloned first, as Newtonsoft does. */
bool json_append(struct vm *vm, struct jtoken *to, struct jtoken *child);
/* The same at an index <= n, with the container's own checks. */
bool json_insert(struct vm *vm, struct jtoken *to, uint32_t at, struct jtoken *child);
/* Put value in the place of items[at]. */
bool json_put(struct vm *vm, struct jtoken *to, uint32_t at, struct jtoken *value);
void json_remove(struct jtoken *from, uint32_t at);
/* Index in the parent; the token must have one. It is looked for, which is charged: vm->thrown afterwards may be set. */
uint32_t json_index(struct vm *vm, const struct jtoken *t);
struct jtoken *json_clone(struct vm *vm, const struct jtoken *t);
/* The property of an object by name, or NULL. */
struct jtoken *json_property(const struct jtoken *o, struct slice name);
/* Set or add a property. */
bool json_set(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value);
/* What `new JObject(x)`, Add(x) take: tokens, and anything a JValue holds, sequences flattened. */
bool json_add_content(struct vm *vm, struct jtoken *to, struct expr_value content);
/* The same from index *at on, which moves. */
bool json_insert_content(struct vm *vm, struct jtoken *to, uint32_t *at, struct expr_value content);
/* A sequence whose items are added one by one: no string, token or byte[]. */
bool json_is_multi(struct vm *vm, struct expr_value content);
/* ".a[0]['b c']" of a path: one step. */
void json_put_step(struct vm *vm, struct buf *b, struct slice name);
/* JToken.DeepEquals and JValue's order. */
bool json_deep_equals(struct vm *vm, const struct jtoken *x, const struct jtoken *y);
int json_compare(struct vm *vm, enum json_kind kind, struct expr_value x, struct expr_value y);
/* t and what is below it in document order, appended to l. */
bool json_descendants(struct vm *vm, struct list_object *l, struct jtoken *t, bool self);
/* A sequence of a list made for it. */
struct expr_value json_sequence(struct vm *vm, const struct type *element, struct list_object *l);

/* ---- reading and writing ---- */

/* Parse; type TYPE_JOBJECT or TYPE_JARRAY demand that, TYPE_JTOKEN takes any. Exception JsonReaderException. */
struct jtoken *json_read(struct vm *vm, struct slice text, unsigned type);
/* The same with dates made of strings only on demand; and with what a scalar looked like, which lives as long as text. */
#define JSON_DATES 1u
#define JSON_KEEP_TEXT 2u
struct jtoken *json_read_from(struct vm *vm, struct slice text, unsigned type, unsigned flags);
/* The string a JSON string literal stands for. */
struct expr_value json_unquote(struct vm *vm, struct slice literal);
/* A text that Newtonsoft reads as a date ("2020-01-02T03:04:05Z", "/Date(1)/"). */
bool json_read_date(struct slice s, struct expr_value *out);
/* Write as Newtonsoft does; indented with two spaces and \n. */
void json_print(struct vm *vm, struct buf *b, const struct jtoken *t, bool indented);
/* A scalar as JSON text: what a JValue and SerializeObject print. */
void json_print_scalar(struct vm *vm, struct buf *b, struct expr_value v);

/* ---- converting (json_convert.c) ---- */

/* A token's value converted to a static type: (int)token. */
struct expr_value json_convert(struct vm *vm, struct expr_value token, const struct type *to);
/* The same by Value<T>()'s rules. */
struct expr_value json_change(struct vm *vm, struct expr_value token, const struct type *to);
/* ToObject<T>. */
struct expr_value json_to_object(struct vm *vm, struct expr_value token, const struct type *to);

/* ---- XML (xml_json.c) ---- */

/* What SerializeXNode makes of a node, NULL: exception. */
struct jtoken *json_from_xml(struct vm *vm, struct expr_value node, bool omit_root);
/* What DeserializeXNode makes of an object: an XDocument. root: name of an element around it, or null.
 * marks: an array of one item is given json:Array="true". */
struct expr_value json_make_xml(struct vm *vm, const struct jtoken *t, struct expr_value root, bool marks);

/* JSONPath (json_path.c): matches appended to l; false: exception. */
bool json_select(struct vm *vm, struct jtoken *from, struct expr_value path, bool error_when_none, struct list_object *l);

#endif
