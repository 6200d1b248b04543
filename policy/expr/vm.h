/* The virtual machine: registers, native calls, exceptions, budgets. What the library's C functions see of an
 * evaluation. Private to policy/expr.
 *
 * Invariants
 * 1. A native that fails has called vm_throw (or a helper) exactly once; callers look at vm->thrown after each call.
 * 2. Everything made during an evaluation lives in vm->arena; state across a pause hangs on struct vm.
 * 3. A budget exception passes no catch, filter or finally of the expression. */
#ifndef POLICY_EXPR_VM_H
#define POLICY_EXPR_VM_H

#include "policy/expr/host.h"
#include "policy/expr/object.h"
#include "policy/expr/text.h"

enum opcode {
#define OP(name, what) OP_##name,
#include "policy/expr/ops.def"
#undef OP
};

enum binop { B_ADD, B_SUB, B_MUL, B_DIV, B_REM, B_AND, B_OR, B_XOR, B_SHL, B_SHR, B_EQ, B_NE, B_LT, B_GT, B_LE, B_GE };

struct insn {
    uint16_t op, a, b, c;
};

/* What a call instruction knows at compile time. */
struct site {
    expr_native *fn;
    const struct type *ret;           /* static type of the result */
    const struct type *const *targs;  /* the method's type arguments */
    const struct type *on;            /* the type whose member it is, with its arguments */
    const char *name;
    uint32_t pos;
    uint32_t hash;                    /* hash_name of the argument behind the receiver when it is a constant string, else 0 */
    uint8_t n;                        /* arguments, receiver included */
    uint8_t ntargs;
    uint16_t needs;                   /* bit i: argument i must not be null, */
    const struct slice *names;        /* else an ArgumentNullException with names[i] */
    bool instance;                    /* a member of a reference type: a null receiver is a NullReferenceException */
    bool by_shape;                    /* a member of a collection interface: fn knows the C shapes of collections only */
};

/* Where an exception raised in [from, to) goes: its object into register reg. */
struct handler {
    uint32_t from, to, target;
    uint16_t reg;
};

struct capture {
    bool from_cell; /* of the maker's captured cells, else of its registers */
    uint16_t index;
};

struct code {
    const struct insn *insns;
    const struct expr_value *consts;
    const struct site *sites;
    const struct type *const *types;
    const struct code *const *inner;
    const struct handler *handlers;
    const struct capture *captures;
    const uint32_t *pos; /* source offset per instruction */
    uint32_t ninsns;
    uint16_t nregs, nparams, nhandlers, ncaptures;
    const struct type *type; /* delegate type of a lambda */
    const struct type *ret;
};

#define VM_PAUSE_STEPS 4096
#define VM_LONG_BYTES 65536 /* library work on more text than this, or on more items than VM_LONG_ITEMS, gives way first */
#define VM_LONG_ITEMS 1024
#define VM_LONG_STEPS (VM_LONG_BYTES / 64) /* a charge that announces such work */

struct frame;

struct vm {
    struct arena *arena;
    struct expr_run *run;
    const struct expr_host *host;
    int32_t fuel;        /* steps until the next pause */
    uint32_t steps_left; /* after that */
    uint64_t slice_began_us; /* CPU time of the thread when the running slice of steps began; 0: the first one */
    uint32_t depth_left;
    bool thrown;
    struct expr_value exception; /* an exception_object */
    uint32_t frames_left;
    uint32_t thrown_pos;
    uint32_t pos;                /* of the call now running */
    struct expr_value *stack, *stack_end;
    struct frame *spare;         /* frames of calls that ended */
};

/* Run code without parameters. False: exception in vm. */
bool vm_run(struct vm *vm, const struct code *code, struct expr_value *out);
/* Charge n steps: false when the budget ran out (exception set). May pause; a large charge, made before the work, does. */
bool vm_charge_slowly(struct vm *vm, uint32_t n);
static inline bool vm_charge(struct vm *vm, uint32_t n)
{
    if (UNLIKELY(n >= VM_LONG_STEPS || vm->fuel <= (int32_t)n))
        return vm_charge_slowly(vm, n);
    vm->fuel -= (int32_t)n;
    return true;
}
/* Charge for a walk over n bytes of text; a short one is part of the call. */
#define VM_FREE_BYTES 512
static inline bool vm_charge_bytes(struct vm *vm, size_t n)
{
    return n <= VM_FREE_BYTES || vm_charge(vm, (uint32_t)(n / 32));
}
/* Go one level deeper into nested data, or into a call from C: false when the budget ran out (exception set). */
bool vm_enter(struct vm *vm);
static inline void vm_leave(struct vm *vm)
{
    vm->depth_left++;
}
/* Give way before work that may take long. */
void vm_pause(struct vm *vm);
/* Call a delegate. False: exception in vm. */
bool vm_call(struct vm *vm, struct expr_value fn, const struct expr_value *args, unsigned n, struct expr_value *out);
#define vm_new(vm, type) ((type *)vm_alloc((vm), sizeof(type)))

/* Raise: always null, for `return vm_throw(...)`. type is a TYPE_ id of an exception. */
struct expr_value vm_throw(struct vm *vm, unsigned type, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct expr_value vm_throw_null(struct vm *vm);                        /* NullReferenceException */
struct expr_value vm_throw_arg_null(struct vm *vm, const char *param); /* ArgumentNullException */
struct expr_value vm_throw_range(struct vm *vm, const char *param);    /* ArgumentOutOfRangeException */
struct expr_value vm_throw_index(struct vm *vm);                       /* "Index was out of range. ..." of collections */
struct expr_value vm_throw_budget(struct vm *vm, const char *what);
struct expr_value vm_throw_overflow(struct vm *vm);
struct expr_value vm_throw_cast(struct vm *vm);
void vm_raise(struct vm *vm, struct expr_value exception);
/* Memory of the evaluation; NULL with a budget exception when it is used up. */
static inline void *vm_alloc(struct vm *vm, size_t n)
{
    void *p = arena_alloc(vm->arena, n);

    if (UNLIKELY(!p))
        vm_throw_budget(vm, "memory");
    return p;
}

/* ops.c: arithmetic and conversions, shared by the VM and constant folding. False: *error is set. */
enum op_error { OP_FINE, OP_OVERFLOW, OP_DIVIDE, OP_DECIMAL_RANGE, OP_MEMORY };
enum op_error op_binary(struct arena *a, enum binop op, enum expr_kind kind, bool checked, struct expr_value x, struct expr_value y,
                        struct expr_value *out);
enum op_error op_complement(struct expr_value x, struct expr_value *out); /* always fine */
enum op_error op_negate(struct arena *a, bool checked, struct expr_value x, struct expr_value *out);
enum op_error op_convert(struct arena *a, enum expr_kind to, bool checked, struct expr_value x, struct expr_value *out);
struct expr_value vm_op_error(struct vm *vm, enum op_error e);

/* expr.c: begin an evaluation; hand out its exception. */
void vm_begin(struct vm *vm, struct expr_run *run);
void vm_give_exception(struct vm *vm, struct expr_exception *exc);

/* value.c: what every object can do. */
struct slice exception_text(struct vm *vm, struct exception_object *e); /* Message */
struct expr_value value_to_string(struct vm *vm, struct expr_value v);  /* ToString(); null gives null */
struct slice value_text(struct vm *vm, struct expr_value v);            /* the same as bytes; null gives "" */
bool value_equals(struct vm *vm, struct expr_value a, struct expr_value b); /* object.Equals */
bool value_same(struct expr_value a, struct expr_value b);              /* reference equality */
uint32_t value_hash(struct vm *vm, struct expr_value v);
/* IComparable; sets an exception when there is none. */
int value_compare(struct vm *vm, struct expr_value a, struct expr_value b);

/* text_unit and text_sub for natives that call them often: in text that is not ASCII each pays for the way to its place. */
uint32_t str_unit(struct vm *vm, struct expr_value v, uint32_t index);
struct expr_value str_sub(struct vm *vm, struct expr_value v, uint32_t from, uint32_t n);

/* Strings. */
static inline bool str_is(struct expr_value v)
{
    return v.kind == EXPR_STRING;
}
struct expr_value str_make(struct vm *vm, struct slice utf8);   /* a copy in the arena */
struct expr_value str_printf(struct vm *vm, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline struct expr_value val_bool(bool b)
{
    return (struct expr_value){ .kind = EXPR_BOOL, .i = b };
}
static inline struct expr_value val_int(int32_t i)
{
    return (struct expr_value){ .kind = EXPR_I32, .i = i };
}
static inline struct expr_value val_long(int64_t i)
{
    return (struct expr_value){ .kind = EXPR_I64, .i = i };
}
static inline struct expr_value val_double(double d)
{
    return (struct expr_value){ .kind = EXPR_F64, .d = d };
}
static inline struct expr_value val_char(uint32_t ch)
{
    return (struct expr_value){ .kind = EXPR_CHAR, .i = ch };
}
static inline struct expr_value val_enum(unsigned type, int64_t i)
{
    return (struct expr_value){ .kind = EXPR_ENUM, .aux = (uint16_t)type, .i = i };
}

/* ---- collections (collection.c) ---- */
struct list_object *list_make(struct vm *vm, const struct type *type, uint32_t room); /* empty */
bool list_append(struct vm *vm, struct list_object *l, struct expr_value v);
struct expr_value bytes_make(struct vm *vm, const void *p, uint32_t n);
struct dict_object *dict_make(struct vm *vm, const struct type *type, struct expr_value comparer);
struct dict_entry *dict_find(struct vm *vm, struct dict_object *d, struct expr_value key);
/* Set, adding when missing; false: exception. */
bool dict_put(struct vm *vm, struct dict_object *d, struct expr_value key, struct expr_value value);
/* Remove an entry that was found. */
void dict_take_out(struct dict_object *d, struct dict_entry *e);
bool dict_remove(struct vm *vm, struct dict_object *d, struct expr_value key);
struct expr_value tuple_make(struct vm *vm, const struct type *type, uint32_t n, const struct expr_value *fields);
static inline struct expr_value tuple_make2(struct vm *vm, const struct type *type, struct expr_value x, struct expr_value y)
{
    return tuple_make(vm, type, 2, (struct expr_value[]){ x, y });
}
/* Is v null or of a C shape that the members of the collection interfaces know? A JArray is an IList, but no list_object. */
bool collection_has_shape(struct expr_value v);
/* Begin a walk over any sequence; false: exception (NullReference for null). */
bool iter_open(struct vm *vm, struct expr_value source, struct iter *it);
static inline int iter_next(struct vm *vm, struct iter *it, struct expr_value *out)
{
    return it->next(vm, it, out);
}
/* Array or list element access with bounds check; used by AGET. */
bool array_get(struct vm *vm, struct expr_value array, int64_t index, struct expr_value *out);
bool array_set(struct vm *vm, struct expr_value array, int64_t index, struct expr_value v);
struct expr_value array_make(struct vm *vm, const struct type *type, uint32_t n, const struct expr_value *items);
/* default(T). */
struct expr_value value_default(struct arena *a, const struct type *t);

#define NATIVE(name) \
    struct expr_value net_##name(struct vm *vm __attribute__((unused)), const struct site *site __attribute__((unused)), \
                           struct expr_value *a __attribute__((unused)))

#endif
