/* Types: what the compiler reasons with and what objects carry. A type is an immutable descriptor; two are the same
 * when type_eq says so (structure, not address). Definitions, with their members, are lines of members.def. */
#ifndef POLICY_EXPR_TYPE_H
#define POLICY_EXPR_TYPE_H

#include "platform/base/arena.h"
#include "policy/expr/expr.h"

struct buf;
struct vm;
struct site;

/* A member's C function: arguments in a[0..] (the receiver first), the result by value; on failure it has set the
 * exception in vm (vm.h) and what it returns does not matter. */
typedef struct expr_value expr_native(struct vm *vm, const struct site *site, struct expr_value *a);

enum type_id {
#define TYPE(id, ns, name, alias, params, bases, flags) TYPE_##id,
#define MEMBER(kind, name, sig, fn)
#define VALUE(name, number)
#define END(id)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END
    TYPE_COUNT,
    TYPE_PARAM = TYPE_COUNT, /* a type parameter in a signature: index in `param` */
    TYPE_NULL,               /* of the literal null */
    TYPE_UNKNOWN,            /* of an open name: everything goes */
    TYPE_LAMBDA,             /* of a lambda before it has a target */
    TYPE_METHODS,            /* of a method group */
    TYPE_NEWTARGET,          /* of new(...) and default without a type */
    TYPE_THROW,              /* of a throw expression */
};

enum type_flags {
    TF_VALUE = 1,      /* a struct */
    TF_ENUM = 2,       /* an enum (TF_VALUE too) */
    TF_INTERFACE = 4,
    TF_COVARIANT = 8,  /* interface whose arguments vary by reference conversion */
    TF_VARIADIC = 16,  /* Func, Action, Tuple, ValueTuple: any number of arguments */
    TF_EXTENSIONS = 32, /* its static members with `this` are extension methods */
    TF_DELEGATE = 64,
    TF_HIDDEN = 128,   /* printed as "sequence": the class is internal */
    TF_STATIC = 256,   /* only static members */
    TF_FLAGS = 512,    /* [Flags] enum */
};

struct type {
    uint16_t id;
    uint8_t n;
    uint8_t param;                   /* TYPE_PARAM: 0.. of the class, 8.. of the method */
    const struct type *const *args;
    const struct slice *names;       /* anonymous types: member names; tuples: element names or NULL */
};

enum member_kind {
    M_METHOD, M_STATIC, M_EXT, M_NEW, M_GET, M_SET, M_SGET, M_ITEM, M_SETITEM, M_OP, M_IMPLICIT, M_EXPLICIT, M_ENUM,
};

struct member {
    uint8_t kind;
    const char *name;
    const char *sig;
    expr_native *fn;
    int64_t number; /* M_ENUM */
};

struct type_def {
    const char *ns, *name, *alias, *params, *bases;
    uint16_t flags;
    uint16_t first, last; /* members */
};

extern const struct type_def type_defs[];
extern const struct member type_members[];
/* Types without arguments, by id. */
extern const struct type type_simple[];
#define TYPE_OF(id) (&type_simple[TYPE_##id])
/* Types natives make often. */
extern const struct type type_bytes, type_strings, type_objects, type_chars, type_list_object, type_dict_object, type_dict_text,
    type_seq_object, type_kvp_text_object, type_kvp_text_text, type_kvp_text_strings, type_dict_strings, type_nullable_datetime;

static inline bool type_is(const struct type *t, unsigned id)
{
    return t->id == id;
}

static inline unsigned type_flags(const struct type *t)
{
    return t->id < TYPE_COUNT ? type_defs[t->id].flags : 0;
}

/* A struct or enum (Nullable<T> too). */
static inline bool type_is_value(const struct type *t)
{
    return type_flags(t) & TF_VALUE;
}

static inline bool type_is_enum(const struct type *t)
{
    return type_flags(t) & TF_ENUM;
}

static inline bool type_is_nullable(const struct type *t)
{
    return t->id == TYPE_NULLABLE;
}

/* T of Nullable<T>, else t. */
static inline const struct type *type_strip(const struct type *t)
{
    return t->id == TYPE_NULLABLE ? t->args[0] : t;
}

bool type_eq(const struct type *a, const struct type *b);
const struct type *type_make(struct arena *a, unsigned id, unsigned n, const struct type *const *args);
const struct type *type_make1(struct arena *a, unsigned id, const struct type *x);
const struct type *type_make2(struct arena *a, unsigned id, const struct type *x, const struct type *y);
/* With element or member names. */
const struct type *type_named(struct arena *a, unsigned id, unsigned n, const struct type *const *args, const struct slice *names);
/* A deep copy into another arena. */
const struct type *type_keep(struct arena *a, const struct type *t);
/* Put args for the class's parameters (own) and the method's (method[]; NULL entries stay parameters). */
const struct type *type_subst(struct arena *a, const struct type *t, const struct type *own, const struct type *const *method);
bool type_has_params(const struct type *t);

/* t seen as its base or interface `id`: that type with its arguments, or NULL. */
const struct type *type_as(struct arena *a, const struct type *t, unsigned id);
/* Id of direct base i; TYPE_COUNT past the end. Takes no memory. */
#define TYPE_BASES_MAX 4
unsigned type_base_id(unsigned id, unsigned i);
/* Direct base i of t; NULL past the end. */
const struct type *type_base(struct arena *a, const struct type *t, unsigned i);
/* Implicit identity, reference or boxing conversion: no work at run time. */
bool type_converts(struct arena *a, const struct type *from, const struct type *to);
/* Is the value an instance of t (C# `is`)? */
bool type_holds(struct arena *a, const struct type *t, struct expr_value v);
/* The dynamic type of a value that is not null. */
const struct type *type_of_value(struct expr_value v);
/* Element type of what foreach can walk, or NULL. */
const struct type *type_element(struct arena *a, const struct type *t);
/* Parameters and result of a delegate type; false when t is none. ret is TYPE_VOID for actions. */
bool type_delegate(struct arena *a, const struct type *t, const struct type *params[8], unsigned *n, const struct type **ret);

/* By name: "string", "List", "Newtonsoft.Json.Linq.JObject"; nargs -1: any. TYPE_COUNT when there is none. */
unsigned type_find(struct slice name, int nargs);
/* Number of type parameters a definition takes; -1: any. */
int type_arity(unsigned id);
/* C# text ("List<int>") and .NET full name ("System.Collections.Generic.List<System.Int32>"). */
void type_print(struct buf *b, const struct type *t);
void type_print_full(struct buf *b, const struct type *t);
/* For messages: the C# text in the arena. */
const char *type_text(struct arena *a, const struct type *t);

/* ---- numeric facts ---- */

/* Run-time kind of a type whose values are not objects; EXPR_OBJECT for others. */
enum expr_kind type_kind(const struct type *t);
const struct type *type_of_kind(enum expr_kind k);
/* sbyte .. decimal and char. */
bool type_is_numeric(const struct type *t);
bool type_is_integral(const struct type *t);
/* C#'s implicit numeric conversions. */
bool type_widens(const struct type *from, const struct type *to);

/* ---- signatures ---- */

#define SIG_PARAMS_MAX 12

struct sig_param {
    const struct type *type;
    struct slice name;
    bool is_this, is_out, is_params, is_optional;
    struct expr_value standard; /* the default */
};

struct sig {
    const struct type *ret; /* NULL: none given (constructors, setters) */
    unsigned n, tparams;
    struct sig_param p[SIG_PARAMS_MAX];
};

/* Parse a member's signature; class parameters by the names in type_defs[owner].params. Aborts on a malformed table. */
void sig_parse(struct arena *a, unsigned owner, const char *text, struct sig *out);

#endif
