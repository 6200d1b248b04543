/* The dispatch loop, frames, exceptions and budgets. */
#include "policy/expr/vm.h"

#include <stdio.h>

#include "platform/clock.h"
#include "policy/expr/lib/number_parse.h"

#define FRAMES_MAX 4000
#define SEGMENT 512
/* CPU time one step stands for at most: a million steps end within 60 ms. Sanitizers make steps slower, not longer. */
#define STEP_NS_MAX (60 * (HOLDFAST_TSAN ? 20 : HOLDFAST_ASAN ? 4 : 1))
#define THROW_STEPS 16      /* an exception: its object, its text, the way to its handler */

struct frame {
    struct frame *up;
    const struct code *code;
    const struct insn *pc;
    struct expr_value *r;
    struct func_object *fn;
    struct expr_value *saved_stack, *saved_end;
    uint16_t dst;
};

/* Steps that took longer than they may cost more: nothing that is slow in itself lasts longer than the budget. */
static void charge_time(struct vm *vm)
{
    uint64_t now = clock_thread_cpu_us(), extra;

    if (vm->slice_began_us) {
        extra = (now - vm->slice_began_us) * NS_PER_US / STEP_NS_MAX;
        extra = extra > VM_PAUSE_STEPS ? extra - VM_PAUSE_STEPS : 0;
        vm->steps_left -= extra < vm->steps_left ? (uint32_t)extra : vm->steps_left;
    }
}

/* What others do on this thread meanwhile is not charged. */
static void give_way(struct vm *vm)
{
    if (vm->run->pause)
        vm->run->pause(vm->run->pause_data);
    vm->slice_began_us = clock_thread_cpu_us();
}

void vm_pause(struct vm *vm)
{
    charge_time(vm);
    give_way(vm);
}

static bool refuel(struct vm *vm)
{
    uint32_t next;

    charge_time(vm);
    next = vm->steps_left < VM_PAUSE_STEPS ? vm->steps_left : VM_PAUSE_STEPS;
    if (next == 0 && vm->fuel <= 0) {
        vm_throw_budget(vm, "steps");
        return false;
    }
    vm->steps_left -= next;
    vm->fuel += (int32_t)next;
    give_way(vm);
    return true;
}

bool vm_charge_slowly(struct vm *vm, uint32_t n)
{
    if (n >= VM_LONG_STEPS)
        vm_pause(vm);
    while (n > 0) {
        uint32_t part = n < VM_PAUSE_STEPS ? n : VM_PAUSE_STEPS;

        vm->fuel -= (int32_t)part;
        n -= part;
        if (vm->fuel <= 0 && !refuel(vm))
            return false;
    }
    return true;
}

bool vm_enter(struct vm *vm)
{
    if (vm->depth_left == 0) {
        vm_throw_budget(vm, "call depth");
        return false;
    }
    vm->depth_left--;
    return true;
}

/* ---- exceptions ---- */

void vm_raise(struct vm *vm, struct expr_value exception)
{
    vm->thrown = true;
    vm->fuel -= THROW_STEPS;
    vm->exception = exception;
    vm->thrown_pos = vm->pos;
}

static struct expr_value throw_text(struct vm *vm, unsigned type, struct slice message, bool budget)
{
    static struct exception_object full = { .head = { TYPE_OF(BUDGETEXCEPTION) }, .has_message = true, .budget = true };
    struct exception_object *e;

    if (vm->thrown)
        return expr_value_null();
    e = arena_new(vm->arena, struct exception_object);
    if (!e) { /* no memory even for the exception: the static one, which says so */
        e = &full;
        e->message = TEXT("the expression used up its memory");
    } else {
        e->head.type = &type_simple[type];
        e->message = text_value(message);
        e->has_message = true;
        e->budget = budget;
    }
    vm_raise(vm, object_value(e));
    return expr_value_null();
}

struct expr_value vm_throw(struct vm *vm, unsigned type, const char *fmt, ...)
{
    struct slice message;
    va_list args;

    va_start(args, fmt);
    message = arena_vprintf(vm->arena, fmt, args);
    va_end(args);
    return throw_text(vm, type, message, false);
}

struct expr_value vm_throw_budget(struct vm *vm, const char *what)
{
    return throw_text(vm, TYPE_BUDGETEXCEPTION, arena_printf(vm->arena, "the expression used up its %s", what), true);
}

struct expr_value vm_throw_null(struct vm *vm)
{
    return throw_text(vm, TYPE_NULLREFERENCEEXCEPTION, SLICE("Object reference not set to an instance of an object."), false);
}

static struct expr_value throw_param(struct vm *vm, unsigned type, const char *text, const char *param)
{
    vm_throw(vm, type, "%s (Parameter '%s')", text, param);
    if (vm->exception.p && !OBJECT(vm->exception, exception_object)->budget)
        OBJECT(vm->exception, exception_object)->param = text_value(slice_from(param));
    return expr_value_null();
}

struct expr_value vm_throw_arg_null(struct vm *vm, const char *param)
{
    return throw_param(vm, TYPE_ARGUMENTNULLEXCEPTION, "Value cannot be null.", param);
}

struct expr_value vm_throw_range(struct vm *vm, const char *param)
{
    return throw_param(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Specified argument was out of the range of valid values.", param);
}

struct expr_value vm_throw_index(struct vm *vm)
{
    return throw_param(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                       "Index was out of range. Must be non-negative and less than the size of the collection.", "index");
}

struct expr_value vm_throw_overflow(struct vm *vm)
{
    return throw_text(vm, TYPE_OVERFLOWEXCEPTION, SLICE("Arithmetic operation resulted in an overflow."), false);
}

struct expr_value vm_throw_cast(struct vm *vm)
{
    return throw_text(vm, TYPE_INVALIDCASTEXCEPTION, SLICE("Specified cast is not valid."), false);
}

struct expr_value vm_op_error(struct vm *vm, enum op_error e)
{
    switch (e) {
    case OP_OVERFLOW: return vm_throw_overflow(vm);
    case OP_DIVIDE: return vm_throw(vm, TYPE_DIVIDEBYZEROEXCEPTION, "Attempted to divide by zero.");
    case OP_DECIMAL_RANGE: return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for a Decimal.");
    default: return vm_throw_budget(vm, "memory");
    }
}

/* A decimal that does not fit names the type it should have become. */
static void convert_error(struct vm *vm, enum op_error e, struct expr_value from, enum expr_kind to)
{
    if (e == OP_OVERFLOW && from.kind == EXPR_DECIMAL)
        number_parse_failed(vm, PARSE_RANGE, from, to);
    else
        vm_op_error(vm, e);
}

/* ---- frames ---- */

static bool more_registers(struct vm *vm, unsigned n)
{
    size_t room = n > SEGMENT ? n : SEGMENT;

    vm->stack = arena_alloc_raw(vm->arena, room * sizeof *vm->stack);
    vm->stack_end = vm->stack ? vm->stack + room : NULL;
    if (!vm->stack)
        vm_throw_budget(vm, "memory");
    return vm->stack != NULL;
}

/* Make f, over `up`, ready to run code: its registers hold the arguments and nulls. */
static inline bool open_frame(struct vm *vm, struct frame *f, struct frame *up, const struct code *code, struct func_object *fn,
                              const struct expr_value *args, unsigned n)
{
    unsigned i = 0;

    if (UNLIKELY(vm->frames_left == 0)) {
        vm_throw_budget(vm, "call depth");
        return false;
    }
    f->saved_stack = vm->stack;
    f->saved_end = vm->stack_end;
    if (UNLIKELY(vm->stack_end - vm->stack < code->nregs) && !more_registers(vm, code->nregs))
        return false;
    vm->frames_left--;
    f->r = vm->stack;
    vm->stack += code->nregs;
    for (; i < n && i < code->nparams; i++)
        f->r[i] = args[i];
    for (; i < code->nregs; i++)
        f->r[i] = expr_value_null();
    f->code = code;
    f->pc = code->insns;
    f->fn = fn;
    f->up = up;
    return true;
}

/* A frame for a call inside the loop: one that a call before gave back, or a new one. */
static bool push_frame(struct vm *vm, struct frame **top, struct func_object *fn, const struct expr_value *args, unsigned n, uint16_t dst)
{
    struct frame *f = vm->spare;

    if (f)
        vm->spare = f->up;
    else if (!(f = vm_alloc(vm, sizeof *f)))
        return false;
    if (!open_frame(vm, f, *top, fn->code, fn, args, n))
        return false;
    f->dst = dst;
    *top = f;
    return true;
}

/* The frame at the bottom of a run lies on the C stack: only those above it are kept for other calls. */
static inline void pop_frame(struct vm *vm, struct frame **top)
{
    struct frame *f = *top, *up = f->up;

    vm->stack = f->saved_stack;
    vm->stack_end = f->saved_end;
    vm->frames_left++;
    *top = up;
    if (up) {
        f->up = vm->spare;
        vm->spare = f;
    }
}

static struct expr_value make_closure(struct vm *vm, const struct frame *f, const struct code *code)
{
    struct func_object *fn = vm_alloc(vm, sizeof *fn + code->ncaptures * sizeof fn->cells[0]);

    if (!fn)
        return expr_value_null();
    fn->head.type = code->type ? code->type : TYPE_OF(ACTION);
    fn->code = code;
    fn->ncells = code->ncaptures;
    for (unsigned i = 0; i < code->ncaptures; i++) {
        const struct capture *c = &code->captures[i];

        fn->cells[i] = c->from_cell ? f->fn->cells[c->index] : (struct cell *)f->r[c->index].p;
    }
    return object_value(fn);
}

/* The handler for an exception raised at pc, or NULL. The first one is the innermost. */
static const struct handler *find_handler(const struct frame *f)
{
    uint32_t at = (uint32_t)(f->pc - 1 - f->code->insns);

    for (unsigned i = 0; i < f->code->nhandlers; i++)
        if (at >= f->code->handlers[i].from && at < f->code->handlers[i].to)
            return &f->code->handlers[i];
    return NULL;
}

static bool unwind(struct vm *vm, struct frame **top)
{
    struct exception_object *e = OBJECT(vm->exception, exception_object);

    while (*top) {
        const struct handler *h = e->budget ? NULL : find_handler(*top);

        if (h) {
            (*top)->r[h->reg] = vm->exception;
            (*top)->pc = (*top)->code->insns + h->target;
            vm->thrown = false;
            return true;
        }
        pop_frame(vm, top);
    }
    return false;
}

static inline bool texts_equal(struct vm *vm, struct expr_value x, struct expr_value y)
{
    if (x.kind != y.kind || x.n != y.n)
        return false;
    return x.n == 0 || (vm_charge_bytes(vm, x.n) && memcmp(x.s, y.s, x.n) == 0);
}

static struct expr_value join_texts(struct vm *vm, const struct expr_value *v, unsigned n)
{
    struct slice parts[16], *p = parts;
    size_t total = 0, at = 0;
    bool ascii = true;
    char *out;

    if (n > 16 && !(p = vm_alloc(vm, n * sizeof *p)))
        return expr_value_null();
    for (unsigned i = 0; i < n; i++) {
        if (v[i].kind == EXPR_STRING) {
            p[i] = text_slice(v[i]);
            ascii &= text_is_ascii(v[i]);
        } else {
            p[i] = value_text(vm, v[i]);
            if (vm->thrown)
                return expr_value_null();
            ascii &= v[i].kind <= EXPR_DECIMAL && v[i].kind != EXPR_CHAR ? true : slice_is_ascii(p[i]);
        }
        total += p[i].n;
    }
    if (total > UINT32_MAX / 4) {
        vm_throw_budget(vm, "memory");
        return expr_value_null();
    }
    out = arena_alloc_raw(vm->arena, total);
    if (!out)
        return vm_throw_budget(vm, "memory");
    for (unsigned i = 0; i < n; i++) {
        if (p[i].n)
            memcpy(out + at, p[i].p, p[i].n);
        at += p[i].n;
    }
    if (ascii)
        return text_ascii(slice_of(out, total));
    return text_repair(vm->arena, slice_of(out, total));
}

/* False, with an exception: a null where the callee needs a value. */
static bool has_needed(struct vm *vm, const struct site *site, const struct expr_value *args)
{
    for (unsigned i = 0; i < site->n; i++)
        if (site->needs >> i & 1 && args[i].kind == EXPR_NULL) {
            const char *name = arena_cstr(vm->arena, site->names[i]);

            if (name)
                vm_throw_arg_null(vm, name);
            else
                vm_throw_budget(vm, "memory");
            return false;
        }
    return true;
}

static struct expr_value invoke_error(struct vm *vm, struct expr_value fn)
{
    return fn.kind == EXPR_NULL ? vm_throw_null(vm) : vm_throw_cast(vm);
}

static struct expr_value unbox(struct vm *vm, const struct type *t, struct expr_value v)
{
    enum expr_kind k = type_kind(t);

    if (v.kind == EXPR_NULL)
        return vm_throw_null(vm);
    if (k != EXPR_OBJECT && k != EXPR_ENUM ? v.kind == k : type_holds(vm->arena, t, v))
        return v;
    if (k == EXPR_ENUM && v.kind == EXPR_I32) /* an enum and its int unbox as each other */
        return val_enum(t->id, v.i);
    if (k == EXPR_I32 && v.kind == EXPR_ENUM)
        return val_int((int32_t)v.i);
    return vm_throw_cast(vm);
}

/* ---- the loop ---- */

#define CASE(name) L_##name
#define NEXT_OP do { i = pc++; goto *table[i->op]; } while (0)
/* Take over the frame on top: what the loop uses most stands in registers. f->pc is up to date in the frames below, and
 * while an exception looks for its handler. */
#define ENTER_FRAME (r = f->r, pc = f->pc, insns = f->code->insns)
#define R(x) r[i->x]
#define TARGET ((uint32_t)i->b | (uint32_t)i->c << 16)
#define COMPARE(name, expr) CASE(name): { bool t_ = (expr); R(a) = val_bool(t_); NEXT_OP; }
/* A comparison that jumps; one that jumps back is a turn of a loop and counts as a step. */
#define COMPARE_JUMP(name, op) \
    CASE(J##name##_I32): if (R(a).i op R(b).i) goto jump; pc++; NEXT_OP; \
    CASE(J##name##K_I32): if (R(a).i op (int16_t)i->b) goto jump; pc++; NEXT_OP;
#define CHECK do { if (UNLIKELY(vm->thrown)) goto thrown; } while (0)

static bool run(struct vm *vm, const struct code *code, struct func_object *fn, const struct expr_value *args, unsigned n,
                struct expr_value *out)
{
    static const void *const table[] = {
#define OP(name, what) &&L_##name,
#include "policy/expr/ops.def"
#undef OP
    };
    struct frame bottom, *f = &bottom;
    struct expr_value *r, x;
    const struct insn *i, *pc, *insns;
    const struct site *site;
    enum op_error e;
    int got;

    bottom.dst = 0;
    if (!open_frame(vm, f, NULL, code, fn, args, n))
        return false;
    ENTER_FRAME;
    NEXT_OP;

    CASE(MOVE): R(a) = R(b); NEXT_OP;
    CASE(CONST): R(a) = f->code->consts[i->b]; NEXT_OP;
    CASE(NULL): R(a) = expr_value_null(); NEXT_OP;
    CASE(INT): R(a) = val_int((int16_t)i->b); NEXT_OP;
    CASE(JUMP): pc = insns + TARGET; NEXT_OP;
    CASE(LOOP):
        pc = insns + TARGET;
        if (UNLIKELY(--vm->fuel <= 0) && !refuel(vm))
            goto thrown;
        NEXT_OP;
    CASE(JTRUE): if (R(a).i) pc = insns + TARGET; NEXT_OP;
    CASE(JFALSE): if (!R(a).i) pc = insns + TARGET; NEXT_OP;
    CASE(JNULL): if (R(a).kind == EXPR_NULL) pc = insns + TARGET; NEXT_OP;
    CASE(JNOTNULL): if (R(a).kind != EXPR_NULL) pc = insns + TARGET; NEXT_OP;
    COMPARE_JUMP(LT, <)
    COMPARE_JUMP(LE, <=)
    COMPARE_JUMP(GT, >)
    COMPARE_JUMP(GE, >=)
    COMPARE_JUMP(EQ, ==)
    COMPARE_JUMP(NE, !=)
jump: /* to where the operands behind the instruction say */
    i = pc;
    pc = insns + TARGET;
    if (i->a && UNLIKELY(--vm->fuel <= 0) && !refuel(vm))
        goto thrown;
    NEXT_OP;
    CASE(ADDK_I32): R(a) = val_int((int32_t)((uint32_t)R(b).i + (uint32_t)(int16_t)i->c)); NEXT_OP;
    CASE(MULK_I32): R(a) = val_int((int32_t)((uint32_t)R(b).i * (uint32_t)(int16_t)i->c)); NEXT_OP;
    CASE(REMK_I32): R(a) = val_int((int32_t)R(b).i % (int16_t)i->c); NEXT_OP;
    CASE(ADD_I32): R(a) = val_int((int32_t)((uint32_t)R(b).i + (uint32_t)R(c).i)); NEXT_OP;
    CASE(SUB_I32): R(a) = val_int((int32_t)((uint32_t)R(b).i - (uint32_t)R(c).i)); NEXT_OP;
    CASE(MUL_I32): R(a) = val_int((int32_t)((uint32_t)R(b).i * (uint32_t)R(c).i)); NEXT_OP;
    COMPARE(LT_I32, R(b).i < R(c).i)
    COMPARE(LE_I32, R(b).i <= R(c).i)
    COMPARE(GT_I32, R(b).i > R(c).i)
    COMPARE(GE_I32, R(b).i >= R(c).i)
    COMPARE(EQ_I32, R(b).i == R(c).i)
    COMPARE(NE_I32, R(b).i != R(c).i)
    CASE(EQ_STR):
    CASE(NE_STR): {
        bool same = texts_equal(vm, R(b), R(c));

        CHECK;
        R(a) = val_bool(same == (i->op == OP_EQ_STR));
        NEXT_OP;
    }
    CASE(ARITH):
        if (i[1].b == EXPR_I32 && i[1].a == B_REM && R(c).i > 0) { /* of two variables, as loops have it */
            R(a) = val_int((int32_t)R(b).i % (int32_t)R(c).i);
            pc++;
            NEXT_OP;
        }
        vm->pos = f->code->pos[i - insns];
        e = op_binary(vm->arena, (enum binop)i[1].a, (enum expr_kind)i[1].b, i[1].c, R(b), R(c), &x);
        pc++;
        if (UNLIKELY(e != OP_FINE)) {
            vm_op_error(vm, e);
            goto thrown;
        }
        R(a) = x;
        NEXT_OP;
    CASE(NOT): R(a) = val_bool(!R(b).i); NEXT_OP;
    CASE(NEG):
        vm->pos = f->code->pos[i - insns];
        if (UNLIKELY((e = op_negate(vm->arena, i->c, R(b), &x)) != OP_FINE)) {
            vm_op_error(vm, e);
            goto thrown;
        }
        R(a) = x;
        NEXT_OP;
    CASE(COMPL):
        op_complement(R(b), &x);
        R(a) = x;
        NEXT_OP;
    CASE(CONV):
        vm->pos = f->code->pos[i - insns];
        if (UNLIKELY((e = op_convert(vm->arena, (enum expr_kind)(i->c & 255), i->c >> 8, R(b), &x)) != OP_FINE)) {
            convert_error(vm, e, R(b), (enum expr_kind)(i->c & 255));
            goto thrown;
        }
        R(a) = x;
        NEXT_OP;
    CASE(TOENUM): R(a) = val_enum(f->code->types[i->c]->id, R(b).i); NEXT_OP;
    CASE(CAST):
        if (R(b).kind != EXPR_NULL && !type_holds(vm->arena, f->code->types[i->c], R(b))) {
            vm->pos = f->code->pos[i - insns];
            vm_throw_cast(vm);
            goto thrown;
        }
        R(a) = R(b);
        NEXT_OP;
    CASE(UNBOX):
        vm->pos = f->code->pos[i - insns];
        x = unbox(vm, f->code->types[i->c], R(b));
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(IS): R(a) = val_bool(type_holds(vm->arena, f->code->types[i->c], R(b))); NEXT_OP;
    CASE(AS): R(a) = type_holds(vm->arena, f->code->types[i->c], R(b)) ? R(b) : expr_value_null(); NEXT_OP;
    CASE(VALUE):
        if (UNLIKELY(R(b).kind == EXPR_NULL)) {
            vm->pos = f->code->pos[i - insns];
            vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Nullable object must have a value.");
            goto thrown;
        }
        R(a) = R(b);
        NEXT_OP;
    CASE(CONCAT):
        vm->pos = f->code->pos[i - insns];
        x = join_texts(vm, &R(b), i->c);
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(CALL):
        site = &f->code->sites[i->c];
        vm->pos = site->pos;
        if (UNLIKELY(--vm->fuel <= 0) && !refuel(vm))
            goto thrown;
        if (site->instance && UNLIKELY(R(b).kind == EXPR_NULL)) {
            vm_throw_null(vm);
            goto thrown;
        }
        if (UNLIKELY(site->needs) && !has_needed(vm, site, &R(b)))
            goto thrown;
        /* Units of such a string are found by counting. */
        if (UNLIKELY(R(b).kind == EXPR_STRING && !text_is_ascii(R(b)) && !vm_charge_bytes(vm, R(b).n)))
            goto thrown;
        if (site->by_shape && UNLIKELY(!collection_has_shape(R(b)))) {
            vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "'%s' of this object cannot be called through a collection interface.", site->name);
            goto thrown;
        }
        x = site->fn(vm, site, &R(b));
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(INVOKE): {
        struct func_object *callee = R(b).kind == EXPR_OBJECT ? (void *)R(b).p : NULL;

        vm->pos = f->code->pos[i - insns];
        if (UNLIKELY(--vm->fuel <= 0) && !refuel(vm))
            goto thrown;
        if (UNLIKELY(!callee || !(type_flags(callee->head.type) & TF_DELEGATE))) {
            invoke_error(vm, R(b));
            goto thrown;
        }
        f->pc = pc;
        if (!push_frame(vm, &f, callee, &r[i->b + 1], i->c, i->a))
            goto thrown;
        ENTER_FRAME;
        NEXT_OP;
    }
    CASE(CLOSURE):
        x = make_closure(vm, f, f->code->inner[i->b]);
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(BIND): NEXT_OP;
    CASE(CELL): {
        struct cell *cell = vm_new(vm, struct cell);

        CHECK;
        cell->v = R(a);
        R(a).p = cell;
        NEXT_OP;
    }
    CASE(CELLGET): R(a) = ((struct cell *)R(b).p)->v; NEXT_OP;
    CASE(CELLSET): ((struct cell *)R(a).p)->v = R(b); NEXT_OP;
    CASE(UPGET): R(a) = f->fn->cells[i->b]->v; NEXT_OP;
    CASE(UPSET): f->fn->cells[i->a]->v = R(b); NEXT_OP;
    CASE(ARRAY):
        x = array_make(vm, f->code->types[i[1].a], i->c, &R(b));
        pc++;
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(NEWARRAY):
        vm->pos = f->code->pos[i - insns];
        x = R(b).i < 0 ? vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Arithmetic operation resulted in an overflow.")
                       : array_make(vm, f->code->types[i->c], (uint32_t)R(b).i, NULL);
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(TUPLE):
        x = tuple_make(vm, f->code->types[i[1].a], i->c, &R(b));
        pc++;
        CHECK;
        R(a) = x;
        NEXT_OP;
    CASE(FIELD):
        if (UNLIKELY(R(b).kind == EXPR_NULL)) {
            vm_throw_null(vm);
            goto thrown;
        }
        R(a) = OBJECT(R(b), tuple_object)->f[i->c];
        NEXT_OP;
    CASE(ITER): {
        struct iter *it = vm_new(vm, struct iter);

        vm->pos = f->code->pos[i - insns];
        if (!it || !iter_open(vm, R(b), it))
            goto thrown;
        R(a) = object_value(it);
        NEXT_OP;
    }
    CASE(NEXT):
        got = iter_next(vm, (struct iter *)r[i->a - 1].p, &x);
        if (UNLIKELY(got < 0))
            goto thrown;
        if (got == 0)
            pc = insns + TARGET;
        else
            R(a) = x;
        NEXT_OP;
    CASE(AGET):
        vm->pos = f->code->pos[i - insns];
        if (UNLIKELY(!array_get(vm, R(b), R(c).i, &x)))
            goto thrown;
        R(a) = x;
        NEXT_OP;
    CASE(ASET):
        vm->pos = f->code->pos[i - insns];
        if (UNLIKELY(!array_set(vm, R(a), R(b).i, R(c))))
            goto thrown;
        NEXT_OP;
    CASE(RETURN): {
        uint16_t dst = f->dst;

        x = R(a);
        pop_frame(vm, &f);
        if (!f) {
            *out = x;
            return true;
        }
        ENTER_FRAME;
        r[dst] = x;
        NEXT_OP;
    }
    CASE(THROW):
        vm->pos = f->code->pos[i - insns];
        if (R(a).kind == EXPR_NULL)
            vm_throw_null(vm);
        else
            vm_raise(vm, R(a));
        goto thrown;
    CASE(OPEN):
        vm->pos = f->code->pos[i - insns];
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The expression holds a named value that was not supplied.");
        goto thrown;
    CASE(EXT): NEXT_OP;

thrown:
    f->pc = pc;
    if (!unwind(vm, &f))
        return false;
    ENTER_FRAME;
    NEXT_OP;
}

bool vm_run(struct vm *vm, const struct code *code, struct expr_value *out)
{
    return run(vm, code, NULL, NULL, 0, out);
}

bool vm_call(struct vm *vm, struct expr_value fn, const struct expr_value *args, unsigned n, struct expr_value *out)
{
    struct func_object *o = (struct func_object *)fn.p;
    bool ok;

    if (fn.kind != EXPR_OBJECT) {
        vm_throw_null(vm);
        return false;
    }
    if (UNLIKELY(--vm->fuel <= 0) && !refuel(vm))
        return false;
    if (!vm_enter(vm))
        return false;
    ok = run(vm, o->code, o, args, n, out);
    vm_leave(vm);
    return ok;
}
