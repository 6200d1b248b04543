/* The engine's entrance: compile and evaluate. */
#include "policy/expr/expr.h"

#include "policy/expr/bind.h"
#include "policy/expr/scan.h"

#define SCRATCH_MAX ((size_t)64 << 20) /* trees of one compilation; the largest real expression takes some 2 MB */
#define SOURCE_MAX ((size_t)1 << 20)

/* Registers on the C stack, a kilobyte of it: most evaluations and the lambdas they call take no others. */
#define REGISTERS 64

struct expr {
    const struct code *code;
    struct expr_value constant;
    bool is_constant;
    struct slice type;
};

bool expr_is_gap_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c < 'A' || c > 'Z') && c != '_' && (i == 0 || !ascii_is_digit(c)))
            return false;
    }
    return s.n && s.p[0] != '_' && slice_find_byte(s, '_') > 0;
}

bool expr_is_expression(struct slice text)
{
    text = slice_trim(text);
    return text.n >= 2 && text.p[0] == '@' && (text.p[1] == '(' || text.p[1] == '{');
}

/* Where parsing failed next to a {{name}}: what it stands for may be any part of the syntax there. */
static bool failed_beside_open(const struct comp *c, const struct token *t)
{
    for (; t->kind != TOK_END; t++)
        if (t->kind == TOK_OPEN_NAME && c->err->offset >= t->pos && c->err->offset <= t[tok_is(t + 1, P1(')')) ? 2 : 1].pos)
            return true; /* behind ({{name}}) too, which may have been a cast */
    return false;
}

/* The whole as an operand, or statement, of which nothing is known. */
static struct syn *open_source(struct comp *c, bool is_block)
{
    struct syn *operand = syn_new(c, S_OPEN, 0), *statement = syn_new(c, S_EXPR, 0), *block = syn_new(c, S_BLOCK, 0);
    struct list one = { 0 };

    c->failed = false;
    memset(c->err, 0, sizeof *c->err);
    statement->a = operand;
    list_add(c, &one, statement);
    syn_take(block, &one);
    return is_block ? block : operand;
}

/* expression := '@(' expression ')' | '@{' statements '}' */
static struct syn *parse_source(struct comp *c, bool *is_block)
{
    const char *p = c->source.p, *end = p + c->source.n;
    struct slice rest;
    size_t span;
    const struct token *first;
    struct syn *s;

    while (p < end && ascii_is_space(*p))
        p++;
    rest = slice_of(p, (size_t)(end - p));
    if (!expr_is_expression(rest))
        return comp_fail(c, 0, "an expression begins with '@(' or '@{'");
    span = expr_scan_span(rest);
    if (span == 0 && !lex(c, (uint32_t)(p + 2 - c->source.p), (uint32_t)c->source.n) && c->failed)
        return NULL; /* a string or character that never ends */
    if (span == 0)
        return comp_fail(c, (uint32_t)(p - c->source.p), "the expression's bracket is never closed");
    if (slice_trim(slice_skip(rest, span)).n)
        return comp_fail(c, (uint32_t)(p + span - c->source.p), "text after the end of the expression");
    *is_block = p[1] == '{';
    c->tok = first = lex(c, (uint32_t)(p + 2 - c->source.p), (uint32_t)(p + span - 1 - c->source.p));
    if (!first)
        return NULL;
    s = *is_block ? parse_statements(c) : parse_expression(c);
    if (!c->failed && c->tok->kind != TOK_END)
        comp_fail(c, c->tok->pos, "'%s' expected", *is_block ? "}" : ")");
    if (c->failed && failed_beside_open(c, first))
        return open_source(c, *is_block);
    return s;
}

static const struct expr *compile(struct comp *c)
{
    struct binder b = { .c = c };
    struct func *f = comp_new(c, struct func);
    struct expr *e = comp_keep(c, sizeof *e);
    struct scope scope;
    struct syn *s;
    struct buf type;
    bool is_block = false;

    if (!f || !e || !(s = parse_source(c, &is_block)) || c->failed)
        return NULL;
    c->depth = 0;
    b.func = f;
    scope_push(&b, &scope);
    if (is_block) {
        f->ret = TYPE_OF(OBJECT);
        f->body = bind_block(&b, s);
    } else {
        f->is_expression = true;
        f->body = bind_value(&b, s, NULL);
        f->ret = f->body->type;
    }
    flow_check(c, f, (uint32_t)c->source.n - 1);
    if (c->failed)
        return NULL;
    if (f->is_expression && f->body->op == N_CONST) {
        e->is_constant = f->body->value.kind != EXPR_HOST;
        e->constant = f->body->value;
    }
    buf_init(&type, c->program);
    type_print(&type, f->ret);
    e->type = buf_slice(&type);
    e->code = gen_func(c, f);
    return c->failed ? NULL : e;
}

const struct expr *expr_compile(struct arena *program, struct slice source, const struct expr_options *opt, struct expr_error *err)
{
    static const struct expr_options standard = { 0 };
    struct arena scratch;
    struct comp c = { .program = program, .scratch = &scratch, .opt = opt ? opt : &standard, .err = err };
    const struct expr *e = NULL;

    memset(err, 0, sizeof *err);
    arena_init_growing(&scratch, SCRATCH_MAX);
    c.source = arena_copy(program, source); /* constants and names may point into it */
    if (source.n > SOURCE_MAX || program->overflow)
        comp_fail(&c, 0, "the expression is too large");
    else
        e = compile(&c);
    if (!e && !c.failed)
        comp_fail(&c, 0, "the expression is too large");
    arena_free(&scratch);
    return e;
}

bool expr_is_constant(const struct expr *e, struct expr_value *out)
{
    *out = e->constant;
    return e->is_constant;
}

struct slice expr_result_type(const struct expr *e)
{
    return e->type;
}

/* ---- evaluating ---- */

void vm_begin(struct vm *vm, struct expr_run *run)
{
    *vm = (struct vm){ .arena = run->arena, .run = run, .host = run->host, .frames_left = 4000 };
    vm->steps_left = run->steps ? run->steps : EXPR_STEPS_DEFAULT;
    vm->depth_left = run->depth ? run->depth : EXPR_DEPTH_DEFAULT;
    vm->fuel = (int32_t)(vm->steps_left < VM_PAUSE_STEPS ? vm->steps_left : VM_PAUSE_STEPS);
    vm->steps_left -= (uint32_t)vm->fuel;
}

void vm_give_exception(struct vm *vm, struct expr_exception *exc)
{
    struct exception_object *e = OBJECT(vm->exception, exception_object);
    struct buf name;

    if (e->budget) { /* the arena is as good as full: go back to where the evaluation began */
        arena_reset(vm->arena, vm->run->mark);
        *exc = (struct expr_exception){ .type = SLICE("Holdfast.BudgetException"), .offset = vm->thrown_pos, .budget = true,
                                        .message = SLICE("the expression used up its budget of steps, memory or depth") };
        return;
    }
    buf_init(&name, vm->arena);
    type_print_full(&name, e->head.type);
    *exc = (struct expr_exception){ .type = buf_slice(&name), .offset = vm->thrown_pos };
    vm->thrown = false;
    exc->message = exception_text(vm, e);
}

bool expr_eval(const struct expr *e, struct expr_run *run, struct expr_value *out, struct expr_exception *exc)
{
    struct expr_value registers[REGISTERS];
    struct vm vm;

    if (e->is_constant) {
        *out = e->constant;
        return true;
    }
    expr_keep(run);
    vm_begin(&vm, run);
    vm.stack = registers;
    vm.stack_end = registers + REGISTERS;
    if (vm_run(&vm, e->code, out) && !run->arena->overflow)
        return true;
    if (!vm.thrown)
        vm_throw_budget(&vm, "memory");
    vm_give_exception(&vm, exc);
    return false;
}
