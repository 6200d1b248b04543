/* Expressions to instructions. Registers: parameters, then variables, then temporaries as a stack.
 * A captured variable's register holds its cell. */
#include "policy/expr/gen.h"
#include "policy/expr/lib/lib.h"

#include "platform/base/hash.h"

static void put(struct gen *g, struct buf *b, const void *p, size_t n)
{
    buf_put(b, slice_of(p, n));
    if (b->failed)
        comp_fail(g->c, g->at, "the expression is too large");
}

uint32_t gen_here(struct gen *g)
{
    return (uint32_t)(g->insns.n / sizeof(struct insn));
}

uint32_t gen_emit(struct gen *g, enum opcode op, unsigned a, unsigned b, unsigned c)
{
    struct insn i = { (uint16_t)op, (uint16_t)a, (uint16_t)b, (uint16_t)c };
    uint32_t at = gen_here(g);

    put(g, &g->insns, &i, sizeof i);
    put(g, &g->pos, &g->at, sizeof g->at);
    return at;
}

unsigned gen_temp(struct gen *g)
{
    if (g->top >= 60000)
        comp_fail(g->c, g->at, "the expression is too large");
    if (g->top + 1 > g->max)
        g->max = g->top + 1;
    return g->top++;
}

void gen_jump(struct gen *g, enum opcode op, unsigned a, struct label *to)
{
    list_add(g->c, &to->jumps, (void *)(uintptr_t)(gen_emit(g, op, a, 0, 0) + 1));
}

static void patch(struct gen *g, uint32_t at, uint32_t target)
{
    struct insn *i = (struct insn *)g->insns.p + at;

    if (g->c->failed)
        return;
    i->b = (uint16_t)target;
    i->c = (uint16_t)(target >> 16);
}

void gen_label(struct gen *g, struct label *l)
{
    for (unsigned i = 0; i < l->jumps.n; i++)
        patch(g, (uint32_t)(uintptr_t)l->jumps.v[i] - 1, gen_here(g));
}

void gen_jump_to(struct gen *g, enum opcode op, unsigned a, uint32_t target)
{
    patch(g, gen_emit(g, op, a, 0, 0), target);
}

unsigned gen_type(struct gen *g, const struct type *t)
{
    for (unsigned i = 0; i < g->types.n; i++)
        if (type_eq(g->types.v[i], t))
            return i;
    list_add(g->c, &g->types, (void *)type_keep(g->c->program, t));
    return g->types.n - 1;
}

static unsigned gen_constant(struct gen *g, struct expr_value v)
{
    struct expr_value *k = (struct expr_value *)g->consts.p;
    unsigned n = (unsigned)(g->consts.n / sizeof *k);

    for (unsigned i = 0; i < n; i++)
        if (k[i].kind == v.kind && k[i].n == v.n && k[i].aux == v.aux &&
            (v.kind == EXPR_STRING ? memcmp(k[i].s, v.s, v.n) == 0 : k[i].u == v.u))
            return i;
    put(g, &g->consts, &v, sizeof v);
    return n;
}

static void load_constant(struct gen *g, struct expr_value v, unsigned dst)
{
    if (v.kind == EXPR_NULL)
        gen_emit(g, OP_NULL, dst, 0, 0);
    else if (v.kind == EXPR_I32 && v.i >= -32768 && v.i < 32768)
        gen_emit(g, OP_INT, dst, (uint16_t)v.i, 0);
    else
        gen_emit(g, OP_CONST, dst, gen_constant(g, v), 0);
}

/* ---- variables ---- */

static unsigned capture_index(struct gen *g, const struct var *v)
{
    for (unsigned i = 0; i < g->f->captures.n; i++)
        if (g->f->captures.v[i] == v)
            return i;
    comp_fail(g->c, g->at, "internal: variable '%.*s' is not captured", SLICE_ARG(v->name));
    return 0;
}

static void gen_load(struct gen *g, struct var *v, unsigned dst)
{
    if (v->owner != g->f)
        gen_emit(g, OP_UPGET, dst, capture_index(g, v), 0);
    else if (v->captured)
        gen_emit(g, OP_CELLGET, dst, v->reg, 0);
    else if (v->reg != dst)
        gen_emit(g, OP_MOVE, dst, v->reg, 0);
}

void gen_store(struct gen *g, struct var *v, unsigned reg)
{
    if (v->owner != g->f)
        gen_emit(g, OP_UPSET, capture_index(g, v), reg, 0);
    else if (v->captured)
        gen_emit(g, OP_CELLSET, v->reg, reg, 0);
    else if (v->reg != reg)
        gen_emit(g, OP_MOVE, v->reg, reg, 0);
}

void gen_cells(struct gen *g, const struct list *vars)
{
    for (unsigned i = 0; vars && i < vars->n; i++) {
        const struct var *v = vars->v[i];

        if (v->captured && v->owner == g->f && v->reg != UINT16_MAX && !v->declared)
            gen_emit(g, OP_CELL, v->reg, 0, 0);
    }
}

static bool in_register(struct gen *g, const struct var *v)
{
    return v->owner == g->f && !v->captured;
}

/* Writes its destination only as its last act, so that it may be a variable the operands read. */
static bool writes_last(const struct node *n)
{
    switch (n->op) {
    case N_COND: case N_AND: case N_OR: case N_COALESCE: case N_CONDACCESS: case N_LIFT:
        return false;
    case N_SEQ:
        return n->n == 1 && writes_last(n->v[0]);
    default:
        return true;
    }
}

/* Cannot change a variable. */
static bool is_quiet(const struct node *n)
{
    if (n->op == N_SEQ && n->n == 1)
        return is_quiet(n->v[0]);
    return n->op == N_CONST || n->op == N_LOCAL || (n->op == N_CONV && is_quiet(n->a)) || (n->op == N_BIN && is_quiet(n->a) && is_quiet(n->b)) ||
           (n->op == N_FIELD && is_quiet(n->a));
}

unsigned gen_value(struct gen *g, struct node *n)
{
    unsigned t;

    while (n->op == N_SEQ && n->n == 1)
        n = n->v[0];
    if (n->op == N_LOCAL && in_register(g, n->var))
        return n->var->reg;
    t = gen_temp(g);
    gen_expr(g, n, t);
    return t;
}

static void gen_set(struct gen *g, struct node *n, unsigned dst)
{
    unsigned top = g->top, r;

    if (in_register(g, n->var) && writes_last(n->a)) {
        gen_expr(g, n->a, n->var->reg);
        r = n->var->reg;
    } else {
        r = gen_temp(g);
        gen_expr(g, n->a, r);
        gen_store(g, n->var, r);
    }
    if (dst != UINT16_MAX && dst != r)
        gen_emit(g, OP_MOVE, dst, r, 0);
    g->top = top;
}

/* ---- calls ---- */

static unsigned gen_args(struct gen *g, struct node **v, unsigned n)
{
    unsigned base = g->top;

    for (unsigned i = 0; i < n; i++)
        gen_temp(g);
    for (unsigned i = 0; i < n; i++) {
        unsigned top = g->top;

        if (v[i]->op == N_OUTVAR)
            gen_emit(g, OP_NULL, base + i, 0, 0);
        else
            gen_expr(g, v[i], base + i);
        g->top = top;
    }
    return base;
}

/* A member of a collection interface whose function does not walk whatever it is given. */
static bool knows_shapes_only(const struct type *on, expr_native *fn)
{
    static const uint16_t ids[] = { TYPE_ICOLLECTION, TYPE_ILIST, TYPE_IREADONLYLIST, TYPE_IDICTIONARY, TYPE_IREADONLYDICTIONARY, TYPE_ISET };

    if (!on || fn == net_collection_count || fn == net_collection_contains || fn == net_list_false)
        return false;
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if (on->id == ids[i])
            return true;
    return false;
}

static unsigned add_site(struct gen *g, const struct node *n)
{
    struct site s = { .fn = n->fn, .name = n->name, .pos = n->pos, .n = (uint8_t)n->n, .ntargs = (uint8_t)n->ntargs };
    const struct type **targs;
    struct slice *names;

    s.ret = type_keep(g->c->program, n->type ? n->type : TYPE_OF(VOID));
    s.on = n->on ? type_keep(g->c->program, n->on) : NULL;
    s.instance = n->instance;
    s.needs = n->needs;
    if (n->needs && (names = comp_keep(g->c, n->n * sizeof *names)))
        s.names = memcpy(names, n->names, n->n * sizeof *names);
    s.by_shape = knows_shapes_only(s.on, s.fn);
    if (n->ntargs) {
        targs = comp_keep(g->c, n->ntargs * sizeof *targs);
        for (unsigned i = 0; targs && i < n->ntargs; i++)
            targs[i] = type_keep(g->c->program, n->targs[i]);
        s.targs = targs;
    }
    if (n->n > 1 && n->v[1]->op == N_CONST && n->v[1]->value.kind == EXPR_STRING)
        s.hash = hash_name(text_slice(n->v[1]->value));
    put(g, &g->sites, &s, sizeof s);
    return (unsigned)(g->sites.n / sizeof s) - 1;
}

static bool are_constants(struct node *const *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (v[i]->op != N_CONST)
            return false;
    return true;
}

/* Members of members that policies are made of: one call instead of two. */
static void fuse_call(struct node *n)
{
    static const struct { expr_native *outer, *inner, *both; } pairs[] = {
        { net_message_headers, net_context_request, net_context_request_headers },
        { net_groups_item, net_match_groups, net_match_group },
    };
    struct node *on = n->n ? n->v[0] : NULL;

    if (!on || on->op != N_CALL || on->n != 1 || !are_constants(n->v + 1, n->n - 1))
        return;
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (n->fn == pairs[i].outer && on->fn == pairs[i].inner) {
            n->fn = pairs[i].both;
            n->v[0] = on->v[0];
            n->instance |= on->instance;
            return;
        }
}

static void gen_call(struct gen *g, struct node *n, unsigned dst)
{
    unsigned top = g->top, base;

    fuse_call(n);
    base = gen_args(g, n->v, n->n);
    g->at = n->pos;
    gen_emit(g, OP_CALL, dst, base, add_site(g, n));
    for (unsigned i = 0; i < n->n; i++)
        if (n->v[i]->op == N_OUTVAR)
            gen_store(g, n->v[i]->var, base + i);
    g->top = top;
}

static void gen_invoke(struct gen *g, struct node *n, unsigned dst)
{
    unsigned top = g->top, fn = gen_temp(g);

    gen_expr(g, n->a, fn);
    gen_args(g, n->v, n->n);
    g->at = n->pos;
    gen_emit(g, OP_INVOKE, dst, fn, n->n);
    g->top = top;
}

static void gen_closure(struct gen *g, struct node *n, unsigned dst)
{
    if (!n->func->code) {
        n->func->code = gen_func(g->c, n->func);
    }
    list_add(g->c, &g->inner, n->func);
    gen_emit(g, OP_CLOSURE, dst, g->inner.n - 1, 0);
}

/* ---- operators ---- */

/* Is n an int or bool constant that fits into an operand? */
static bool is_small(const struct node *n)
{
    return n->op == N_CONST && (n->value.kind == EXPR_I32 || n->value.kind == EXPR_BOOL) && n->value.i > -32768 && n->value.i < 32768;
}

/* Registers with the operands of n; none for the second when `small`. */
static void gen_operands(struct gen *g, struct node *n, bool small, unsigned *x, unsigned *y)
{
    if (is_quiet(n->a) && !is_quiet(n->b)) {
        *x = gen_temp(g);
        gen_expr(g, n->a, *x);
    } else {
        *x = gen_value(g, n->a);
    }
    *y = small ? (uint16_t)n->b->value.i : gen_value(g, n->b);
    g->at = n->pos;
}

/* x + 1, x - 1, x * 2, x % 7: the constant stands in the instruction. */
static bool gen_with_constant(struct gen *g, struct node *n, unsigned dst)
{
    enum opcode op = n->sub == B_MUL ? OP_MULK_I32 : n->sub == B_REM ? OP_REMK_I32 : OP_ADDK_I32;
    unsigned top = g->top, x, k;

    if (n->kind != EXPR_I32 || !is_small(n->b) || n->sub > B_REM || n->sub == B_DIV)
        return false;
    if (n->sub == B_REM ? n->b->value.i <= 0 : n->checked)
        return false;
    gen_operands(g, n, true, &x, &k);
    gen_emit(g, op, dst, x, (uint16_t)(n->sub == B_SUB ? -n->b->value.i : n->b->value.i));
    g->top = top;
    return true;
}

static void gen_bin(struct gen *g, struct node *n, unsigned dst)
{
    static const enum opcode fast[] = { [B_ADD] = OP_ADD_I32, [B_SUB] = OP_SUB_I32, [B_MUL] = OP_MUL_I32, [B_LT] = OP_LT_I32,
                                        [B_LE] = OP_LE_I32, [B_GT] = OP_GT_I32, [B_GE] = OP_GE_I32, [B_EQ] = OP_EQ_I32, [B_NE] = OP_NE_I32 };
    unsigned top = g->top, x, y;
    bool arith = n->sub <= B_MUL;
    enum opcode op = n->sub < COUNT_OF(fast) ? fast[n->sub] : OP_MOVE;

    if (gen_with_constant(g, n, dst))
        return;
    gen_operands(g, n, false, &x, &y);
    if (n->kind == EXPR_I32 && op != OP_MOVE && !(arith && n->checked))
        gen_emit(g, op, dst, x, y);
    else if (n->kind == EXPR_BOOL && (n->sub == B_EQ || n->sub == B_NE))
        gen_emit(g, op, dst, x, y);
    else if (n->kind == EXPR_STRING)
        gen_emit(g, n->sub == B_EQ ? OP_EQ_STR : OP_NE_STR, dst, x, y);
    else {
        gen_emit(g, OP_ARITH, dst, x, y);
        gen_emit(g, OP_EXT, n->sub, n->kind, n->checked);
    }
    g->top = top;
}

static void gen_unary(struct gen *g, struct node *n, enum opcode op, unsigned c, unsigned dst)
{
    unsigned top = g->top, x = gen_value(g, n->a);

    g->at = n->pos;
    gen_emit(g, op, dst, x, c);
    g->top = top;
}

static bool is_text_constant(const struct node *n)
{
    return n->op == N_CONST && n->value.kind == EXPR_STRING;
}

/* Parts side by side, neighbouring text constants joined. */
static void gen_concat(struct gen *g, struct node *n, unsigned dst)
{
    unsigned top = g->top, base = g->top, count = 0;

    for (unsigned i = 0; i < n->n; i++) {
        struct node *part = n->v[i];
        unsigned r = gen_temp(g), keep = g->top;

        if (is_text_constant(part)) {
            struct expr_value v = part->value;

            while (i + 1 < n->n && is_text_constant(n->v[i + 1]))
                v = text_value(text_join(g->c->program, text_slice(v), text_slice(n->v[++i]->value)));
            load_constant(g, v, r);
        } else {
            gen_expr(g, part, r);
        }
        g->top = keep;
        count++;
    }
    g->at = n->pos;
    gen_emit(g, OP_CONCAT, dst, base, count);
    g->top = top;
}

static void gen_cond_value(struct gen *g, struct node *n, unsigned dst)
{
    struct label otherwise = { 0 }, end = { 0 };

    gen_condition(g, n->a, false, &otherwise);
    gen_expr(g, n->b, dst);
    gen_jump(g, OP_JUMP, 0, &end);
    gen_label(g, &otherwise);
    gen_expr(g, n->c, dst);
    gen_label(g, &end);
}

static void gen_truth(struct gen *g, struct node *n, unsigned dst)
{
    struct label no = { 0 }, end = { 0 };

    gen_condition(g, n, false, &no);
    gen_emit(g, OP_CONST, dst, gen_constant(g, val_bool(true)), 0);
    gen_jump(g, OP_JUMP, 0, &end);
    gen_label(g, &no);
    gen_emit(g, OP_CONST, dst, gen_constant(g, val_bool(false)), 0);
    gen_label(g, &end);
}

static void gen_cond_access(struct gen *g, struct node *n, unsigned dst)
{
    struct label none = { 0 }, end = { 0 };
    unsigned top = g->top, r = gen_temp(g);

    gen_expr(g, n->a, r);
    gen_store(g, n->var, r);
    gen_jump(g, OP_JNULL, r, &none);
    gen_expr(g, n->b, dst);
    gen_jump(g, OP_JUMP, 0, &end);
    gen_label(g, &none);
    gen_emit(g, OP_NULL, dst, 0, 0);
    gen_label(g, &end);
    g->top = top;
}

static void gen_lift(struct gen *g, struct node *n, unsigned dst)
{
    struct label none = { 0 }, end = { 0 };
    unsigned top = g->top, x = gen_temp(g), y = gen_temp(g);

    gen_expr(g, n->a, x);
    gen_store(g, n->var, x);
    gen_expr(g, n->b, y);
    gen_store(g, n->var2, y);
    gen_jump(g, OP_JNULL, x, &none);
    gen_jump(g, OP_JNULL, y, &none);
    gen_expr(g, n->c, dst);
    gen_jump(g, OP_JUMP, 0, &end);
    gen_label(g, &none);
    if (n->sub == B_EQ || n->sub == B_NE) {
        gen_emit(g, OP_ARITH, dst, x, y);
        gen_emit(g, OP_EXT, n->sub, EXPR_OBJECT, 0);
    } else if (n->sub > B_NE) {
        gen_emit(g, OP_CONST, dst, gen_constant(g, val_bool(false)), 0);
    } else {
        gen_emit(g, OP_NULL, dst, 0, 0);
    }
    gen_label(g, &end);
    g->top = top;
}

static void gen_seq(struct gen *g, struct node *n, unsigned dst)
{
    for (unsigned i = 0; i < n->n; i++)
        if (i + 1 == n->n)
            gen_expr(g, n->v[i], dst);
        else
            gen_effect(g, n->v[i]);
}

static void gen_group(struct gen *g, struct node *n, enum opcode op, unsigned dst)
{
    unsigned top = g->top, base = gen_args(g, n->v, n->n);

    g->at = n->pos;
    gen_emit(g, op, dst, base, n->n);
    gen_emit(g, OP_EXT, gen_type(g, n->type), 0, 0);
    g->top = top;
}

static void gen_element(struct gen *g, struct node *n, unsigned dst)
{
    unsigned top = g->top, array, at, value;

    array = is_quiet(n->b) && (!n->c || is_quiet(n->c)) ? gen_value(g, n->a) : (gen_expr(g, n->a, array = gen_temp(g)), array);
    at = !n->c || is_quiet(n->c) ? gen_value(g, n->b) : (gen_expr(g, n->b, at = gen_temp(g)), at);
    if (n->op == N_AGET) {
        g->at = n->pos;
        gen_emit(g, OP_AGET, dst, array, at);
    } else {
        value = gen_value(g, n->c);
        g->at = n->pos;
        gen_emit(g, OP_ASET, array, at, value);
        if (value != dst)
            gen_emit(g, OP_MOVE, dst, value, 0);
    }
    g->top = top;
}

static void gen_coalesce(struct gen *g, struct node *n, unsigned dst)
{
    struct label end = { 0 };

    gen_expr(g, n->a, dst);
    gen_jump(g, OP_JNOTNULL, dst, &end);
    gen_expr(g, n->b, dst);
    gen_label(g, &end);
}

static void gen_throw(struct gen *g, struct node *n)
{
    unsigned top = g->top, x;

    if (!n->a) {
        gen_emit(g, OP_THROW, g->caught, 0, 0);
        return;
    }
    x = gen_value(g, n->a);
    g->at = n->pos;
    gen_emit(g, OP_THROW, x, 0, 0);
    g->top = top;
}

void gen_expr(struct gen *g, struct node *n, unsigned dst)
{
    if (g->c->failed)
        return;
    g->at = n->pos;
    switch (n->op) {
    case N_CONST: load_constant(g, n->value, dst); break;
    case N_LOCAL: gen_load(g, n->var, dst); break;
    case N_SET: gen_set(g, n, dst); break;
    case N_CALL: gen_call(g, n, dst); break;
    case N_INVOKE: gen_invoke(g, n, dst); break;
    case N_FUNC: gen_closure(g, n, dst); break;
    case N_BIN: gen_bin(g, n, dst); break;
    case N_NOT: gen_unary(g, n, OP_NOT, 0, dst); break;
    case N_NEG: gen_unary(g, n, OP_NEG, n->checked, dst); break;
    case N_COMPL: gen_unary(g, n, OP_COMPL, 0, dst); break;
    case N_CONV: gen_unary(g, n, OP_CONV, n->kind | (n->checked ? 256 : 0), dst); break;
    case N_TOENUM: gen_unary(g, n, OP_TOENUM, gen_type(g, n->type), dst); break;
    case N_CAST: gen_unary(g, n, OP_CAST, gen_type(g, n->type), dst); break;
    case N_UNBOX: gen_unary(g, n, OP_UNBOX, gen_type(g, n->type), dst); break;
    case N_IS: gen_unary(g, n, OP_IS, gen_type(g, n->on), dst); break;
    case N_AS: gen_unary(g, n, OP_AS, gen_type(g, n->type), dst); break;
    case N_VALUE: gen_unary(g, n, OP_VALUE, 0, dst); break;
    case N_COND: gen_cond_value(g, n, dst); break;
    case N_AND:
    case N_OR: gen_truth(g, n, dst); break;
    case N_COALESCE: gen_coalesce(g, n, dst); break;
    case N_CONDACCESS: gen_cond_access(g, n, dst); break;
    case N_LIFT: gen_lift(g, n, dst); break;
    case N_SEQ: gen_seq(g, n, dst); break;
    case N_ARRAY: gen_group(g, n, OP_ARRAY, dst); break;
    case N_TUPLE: gen_group(g, n, OP_TUPLE, dst); break;
    case N_NEWARRAY: gen_unary(g, n, OP_NEWARRAY, gen_type(g, n->type), dst); break;
    case N_FIELD: gen_unary(g, n, OP_FIELD, n->sub, dst); break;
    case N_CONCAT: gen_concat(g, n, dst); break;
    case N_THROW: gen_throw(g, n); break;
    case N_AGET:
    case N_ASET: gen_element(g, n, dst); break;
    case N_OPEN: gen_emit(g, OP_OPEN, 0, 0, 0); break;
    case N_TYPE:
    case N_METHODS:
    case N_LAMBDA:
    case N_NEWTARGET: comp_fail(g->c, n->pos, "this needs a type to become a value"); break;
    default: comp_fail(g->c, n->pos, "internal: node %d has no value", n->op); break;
    }
}

void gen_effect(struct gen *g, struct node *n)
{
    unsigned top = g->top;

    if (n->op == N_CONST || n->op == N_LOCAL)
        return;
    if (n->op == N_SET) {
        gen_set(g, n, UINT16_MAX);
    } else if (n->op == N_SEQ) {
        for (unsigned i = 0; i < n->n; i++)
            gen_effect(g, n->v[i]);
    } else {
        gen_expr(g, n, gen_temp(g));
    }
    g->top = top;
}

bool gen_is_comparison(const struct node *n)
{
    return n->op == N_BIN && n->sub >= B_EQ &&
           (n->kind == EXPR_I32 || (n->kind == EXPR_BOOL && n->sub <= B_NE));
}

void gen_comparison(struct gen *g, struct node *n, bool when)
{
    static const enum opcode jump[] = { OP_JEQ_I32, OP_JNE_I32, OP_JLT_I32, OP_JGT_I32, OP_JLE_I32, OP_JGE_I32 };
    static const enum opcode with_constant[] = { OP_JEQK_I32, OP_JNEK_I32, OP_JLTK_I32, OP_JGTK_I32, OP_JLEK_I32, OP_JGEK_I32 };
    static const enum binop opposite[] = { B_NE, B_EQ, B_GE, B_LE, B_GT, B_LT };
    enum binop op = when ? n->sub : opposite[n->sub - B_EQ];
    bool small = is_small(n->b);
    unsigned top = g->top, x, y;

    gen_operands(g, n, small, &x, &y);
    gen_emit(g, (small ? with_constant : jump)[op - B_EQ], x, y, 0);
    g->top = top;
}

void gen_condition(struct gen *g, struct node *n, bool when, struct label *l)
{
    unsigned top = g->top;

    if (n->op == N_NOT) {
        gen_condition(g, n->a, !when, l);
    } else if (n->op == N_CONST && n->value.kind == EXPR_BOOL) {
        if ((n->value.i != 0) == when)
            gen_jump(g, OP_JUMP, 0, l);
    } else if ((n->op == N_AND && !when) || (n->op == N_OR && when)) {
        gen_condition(g, n->a, when, l);
        gen_condition(g, n->b, when, l);
    } else if (n->op == N_AND || n->op == N_OR) {
        struct label skip = { 0 };

        gen_condition(g, n->a, !when, &skip);
        gen_condition(g, n->b, when, l);
        gen_label(g, &skip);
    } else if (gen_is_comparison(n)) {
        gen_comparison(g, n, when);
        gen_jump(g, OP_EXT, 0, l);
    } else {
        unsigned r = gen_value(g, n);

        gen_jump(g, when ? OP_JTRUE : OP_JFALSE, r, l);
    }
    g->top = top;
}

/* ---- functions ---- */

static void give_register(struct gen *g, struct var *v)
{
    if (v && v->owner == g->f && v->reg == UINT16_MAX)
        v->reg = (uint16_t)g->nvars++;
}

/* Registers for every variable in the tree below n; reg UINT16_MAX marks one without. */
static void place_variables(struct gen *g, struct node *n)
{
    if (!n || g->c->failed)
        return;
    give_register(g, n->var);
    give_register(g, n->var2);
    place_variables(g, n->a);
    place_variables(g, n->b);
    place_variables(g, n->c);
    place_variables(g, n->d);
    for (unsigned i = 0; i < n->n && n->v; i++)
        place_variables(g, n->v[i]);
}

static void mark_variables(struct gen *g, struct node *n)
{
    if (!n)
        return;
    if (n->var && n->var->owner == g->f)
        n->var->reg = UINT16_MAX;
    if (n->var2 && n->var2->owner == g->f)
        n->var2->reg = UINT16_MAX;
    mark_variables(g, n->a);
    mark_variables(g, n->b);
    mark_variables(g, n->c);
    mark_variables(g, n->d);
    for (unsigned i = 0; i < n->n && n->v; i++)
        mark_variables(g, n->v[i]);
}

static void make_cells(struct gen *g, struct node *n, uint8_t *done)
{
    struct var *vars[2];

    if (!n)
        return;
    vars[0] = n->var;
    vars[1] = n->var2;
    for (unsigned i = 0; i < 2; i++)
        if (vars[i] && vars[i]->owner == g->f && vars[i]->captured && !done[vars[i]->reg]) {
            done[vars[i]->reg] = 1;
            gen_emit(g, OP_CELL, vars[i]->reg, 0, 0);
        }
    make_cells(g, n->a, done);
    make_cells(g, n->b, done);
    make_cells(g, n->c, done);
    make_cells(g, n->d, done);
    for (unsigned i = 0; i < n->n && n->v; i++)
        make_cells(g, n->v[i], done);
}

static void *keep_buf(struct gen *g, struct buf *b)
{
    void *p = comp_keep(g->c, b->n + 16);

    if (p && b->n)
        memcpy(p, b->p, b->n);
    return p;
}

static const struct code *finish(struct gen *g)
{
    struct code *code = comp_keep(g->c, sizeof *code);
    const struct code **inner = comp_keep(g->c, (g->inner.n + 1) * sizeof *inner);
    const struct type **types = comp_keep(g->c, (g->types.n + 1) * sizeof *types);
    struct capture *captures = comp_keep(g->c, (g->f->captures.n + 1) * sizeof *captures);

    if (!code || !inner || !types || !captures || g->c->failed)
        return NULL;
    for (unsigned i = 0; i < g->inner.n; i++)
        inner[i] = ((struct func *)g->inner.v[i])->code;
    for (unsigned i = 0; i < g->types.n; i++)
        types[i] = g->types.v[i];
    for (unsigned i = 0; i < g->f->captures.n; i++) {
        struct var *v = g->f->captures.v[i];
        bool outer = v->owner != g->f->parent;

        captures[i].from_cell = outer;
        captures[i].index = v->reg;
        for (unsigned k = 0; outer && k < g->f->parent->captures.n; k++)
            if (g->f->parent->captures.v[k] == v)
                captures[i].index = (uint16_t)k;
    }
    *code = (struct code){ .insns = keep_buf(g, &g->insns), .consts = keep_buf(g, &g->consts), .sites = keep_buf(g, &g->sites),
                           .types = types, .inner = inner, .handlers = keep_buf(g, &g->handlers), .captures = captures,
                           .pos = keep_buf(g, &g->pos), .ninsns = gen_here(g), .nregs = (uint16_t)(g->max + 1),
                           .nparams = (uint16_t)g->f->nparams, .nhandlers = (uint16_t)(g->handlers.n / sizeof(struct handler)),
                           .ncaptures = (uint16_t)g->f->captures.n,
                           .type = g->f->type ? type_keep(g->c->program, g->f->type) : NULL, .ret = NULL };
    return g->c->failed ? NULL : code;
}

const struct code *gen_func(struct comp *c, struct func *f)
{
    struct gen g = { .c = c, .f = f };
    uint8_t *done;

    if (!f->body || c->failed)
        return NULL;
    buf_init(&g.insns, c->scratch);
    buf_init(&g.pos, c->scratch);
    buf_init(&g.consts, c->scratch);
    buf_init(&g.sites, c->scratch);
    buf_init(&g.handlers, c->scratch);
    mark_variables(&g, f->body);
    for (unsigned i = 0; i < f->nparams; i++)
        f->params[i]->reg = (uint16_t)g.nvars++;
    place_variables(&g, f->body);
    g.top = g.max = g.nvars;
    done = comp_alloc(c, g.nvars + 1);
    if (!done)
        return NULL;
    for (unsigned i = 0; i < f->nparams; i++)
        if (f->params[i]->captured) {
            gen_emit(&g, OP_CELL, i, 0, 0);
            done[i] = 1;
        }
    make_cells(&g, f->body, done);
    if (f->is_expression) {
        unsigned r = gen_temp(&g);

        gen_expr(&g, f->body, r);
        gen_emit(&g, OP_RETURN, r, 0, 0);
    } else {
        unsigned r;

        gen_statement(&g, f->body);
        r = gen_temp(&g);
        gen_emit(&g, OP_NULL, r, 0, 0);
        gen_emit(&g, OP_RETURN, r, 0, 0);
    }
    return finish(&g);
}
