/* Rendering: walk the tree, write into the request's arena. Budgets are those of the evaluation (struct vm): each node, loop turn
 * and member is a step, so that a long rendering gives way; depth is bounded by the parser; output by LIQUID_OUTPUT_MAX. */
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/liquid/tree.h"

struct variable {
    struct variable *next;
    struct slice name;
    struct expr_value value;
};

/* The loop that runs; the innermost first. */
struct loop {
    struct loop *outer;
    struct slice name; /* of its variable */
    struct expr_value item;
    uint32_t index, length;
    struct slice title;
};

enum jump { GO_ON, JUMP_BREAK, JUMP_CONTINUE };

struct render {
    struct vm vm;
    struct buf *out;
    struct variable *assigned, *counters, *cycles, *offsets;
    struct loop *loop;
    const struct liquid_body *source;
    struct expr_value body;
    bool body_read;
    enum jump jump;
    size_t written; /* into captures that are done */
};

static bool failed(const struct render *r)
{
    return r->vm.thrown;
}

static struct variable *find(struct variable *list, struct slice name)
{
    while (list && !slice_eq(list->name, name))
        list = list->next;
    return list;
}

/* The variable of that name, made when there is none. NULL: no memory. */
static struct variable *need(struct render *r, struct variable **list, struct slice name)
{
    struct variable *v = find(*list, name);

    if (v || !(v = vm_new(&r->vm, struct variable)))
        return v;
    *v = (struct variable){ .next = *list, .name = name };
    return *list = v;
}

static void set(struct render *r, struct variable **list, struct slice name, struct expr_value value)
{
    struct variable *v = need(r, list, name);

    if (v)
        v->value = value;
}

/* ---- values ---- */

static struct expr_value eval(struct render *r, const struct liquid_expr *e);

static struct expr_value loop_member(const struct loop *l, struct slice name)
{
    const struct {
        const char *name;
        struct expr_value value;
    } members[] = {
        { "name", text_value(l->title) },
        { "length", val_int((int32_t)l->length) },
        { "index", val_int((int32_t)l->index + 1) },
        { "index0", val_int((int32_t)l->index) },
        { "rindex", val_int((int32_t)(l->length - l->index)) },
        { "rindex0", val_int((int32_t)(l->length - l->index - 1)) },
        { "first", val_bool(l->index == 0) },
        { "last", val_bool(l->index + 1 == l->length) },
    };

    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (slice_eq_icase(name, slice_from(members[i].name)))
            return members[i].value;
    return expr_value_null();
}

static struct expr_value read_body(struct render *r)
{
    if (!r->body_read)
        r->body = liquid_read_body(&r->vm, r->source);
    r->body_read = true;
    return r->body;
}

static struct expr_value root(struct render *r, struct slice name)
{
    struct variable *v;

    for (const struct loop *l = r->loop; l; l = l->outer)
        if (slice_eq(l->name, name))
            return l->item;
    if ((v = find(r->assigned, name)) || (v = find(r->counters, name)))
        return v->value;
    if (slice_eq_icase(name, SLICE("body")))
        return read_body(r);
    if (slice_eq_icase(name, SLICE("context")))
        return (struct expr_value){ .kind = EXPR_HOST, .aux = TYPE_CONTEXT };
    return expr_value_null();
}

static struct expr_value path(struct render *r, const struct liquid_expr *e)
{
    const struct liquid_step *s = e->steps;
    struct slice name = text_slice(e->value);
    struct expr_value v;

    if (name.n == 0 && s) { /* ["a"] */
        v = root(r, text_slice(liquid_text(&r->vm, eval(r, s->index))));
        s = s->next;
    } else if (slice_eq_icase(name, SLICE("forloop")) && r->loop) {
        if (!s || s->index)
            return expr_value_null();
        return loop_member(r->loop, text_slice(s->name));
    } else {
        v = root(r, name);
    }
    for (; s && !failed(r); s = s->next)
        v = liquid_member(&r->vm, v, s->index ? eval(r, s->index) : s->name);
    return failed(r) ? expr_value_null() : liquid_plain(v);
}

static bool whole(struct expr_value v, int64_t *out)
{
    double d;

    if (expr_value_int(v, out))
        return true;
    if (!expr_value_double(v, &d) || !(d > -9e15 && d < 9e15))
        return false;
    *out = (int64_t)d;
    return true;
}

static struct expr_value range(struct render *r, const struct liquid_expr *e)
{
    struct list_object *l = list_make(&r->vm, &type_list_object, 4);
    int64_t from = 0, to = 0;

    if (!l)
        return expr_value_null();
    if (!whole(eval(r, e->from), &from) || !whole(eval(r, e->to), &to))
        from = to = 0; /* what is no number counts as 0 */
    for (; from <= to && !failed(r); from++)
        if (!vm_charge(&r->vm, 1) || !list_append(&r->vm, l, from >= INT32_MIN && from <= INT32_MAX ? val_int((int32_t)from) : val_long(from)))
            break;
    return object_value(l);
}

static struct expr_value eval(struct render *r, const struct liquid_expr *e)
{
    if (!e || failed(r))
        return expr_value_null();
    switch (e->term) {
    case TERM_CONST: return e->value;
    case TERM_EMPTY:
    case TERM_BLANK: return TEXT("");
    case TERM_RANGE: return range(r, e);
    case TERM_PATH: return path(r, e);
    }
    return expr_value_null();
}

static struct expr_value filtered(struct render *r, const struct liquid_expr *e, const struct liquid_filter *f)
{
    struct expr_value v = eval(r, e);

    for (; f && !failed(r) && vm_charge(&r->vm, 1); f = f->next) {
        struct expr_value a[LIQUID_ARGS_MAX + 1] = { v };
        for (unsigned i = 0; i < f->n; i++)
            a[i + 1] = eval(r, f->args[i]);
        if (!failed(r))
            v = liquid_plain(f->fn(&r->vm, a, f->n + 1));
    }
    return v;
}

/* ---- conditions ---- */

static bool is_mark(const struct liquid_expr *e)
{
    return e->term == TERM_EMPTY || e->term == TERM_BLANK;
}

static bool equal(struct render *r, const struct liquid_condition *c)
{
    if (is_mark(c->right))
        return is_mark(c->left) || liquid_is_empty(&r->vm, eval(r, c->left), c->right->term == TERM_BLANK);
    if (is_mark(c->left))
        return liquid_is_empty(&r->vm, eval(r, c->right), c->left->term == TERM_BLANK);
    return liquid_equal(&r->vm, eval(r, c->left), eval(r, c->right));
}

static bool compare(struct render *r, const struct liquid_condition *c)
{
    int order;

    if (!liquid_compare(&r->vm, eval(r, c->left), eval(r, c->right), &order))
        return false;
    return c->op == LOP_LT ? order < 0 : c->op == LOP_GT ? order > 0 : c->op == LOP_LE ? order <= 0 : order >= 0;
}

static bool one_holds(struct render *r, const struct liquid_condition *c)
{
    switch (c->op) {
    case LOP_TRUTH: return liquid_truth(eval(r, c->left));
    case LOP_EQ: return equal(r, c);
    case LOP_NE: return !equal(r, c);
    case LOP_CONTAINS: return liquid_contains(&r->vm, eval(r, c->left), eval(r, c->right));
    default: return compare(r, c);
    }
}

/* a and b or c is a and (b or c), as DotLiquid has it: the first that decides ends it. */
static bool holds(struct render *r, const struct liquid_condition *c)
{
    bool now;

    for (;; c = c->next) {
        now = vm_charge(&r->vm, 1) && one_holds(r, c);
        if (failed(r) || !c->next || now == c->is_or)
            return now;
    }
}

/* ---- nodes ---- */

static void render_block(struct render *r, const struct liquid_node *n);

/* A fault of a filter becomes text; a budget that is used up stays. */
static void print_fault(struct render *r)
{
    struct exception_object *e = OBJECT(r->vm.exception, exception_object);

    if (e->budget || !r->body_read)
        return;
    r->vm.thrown = false;
    buf_puts(r->out, "Liquid error: ");
    buf_put(r->out, exception_text(&r->vm, e));
}

static void render_output(struct render *r, const struct liquid_node *n)
{
    size_t before = r->out->n;
    struct expr_value v = filtered(r, n->expr, n->filters);

    if (!failed(r))
        liquid_print(&r->vm, r->out, v);
    if (failed(r)) {
        r->out->n = before;
        print_fault(r);
    }
}

static void render_assign(struct render *r, const struct liquid_node *n)
{
    struct expr_value v = filtered(r, n->expr, n->filters);

    if (failed(r))
        print_fault(r);
    else
        set(r, &r->assigned, text_slice(n->name), v);
}

static void render_capture(struct render *r, const struct liquid_node *n)
{
    struct buf *out = r->out, b;

    buf_init(&b, r->vm.arena);
    r->out = &b;
    r->written += out->n;
    render_block(r, n->body);
    r->written -= out->n;
    r->out = out;
    out->failed |= b.failed;
    set(r, &r->assigned, text_slice(n->name), text_value(buf_slice(&b)));
}

static void render_if(struct render *r, const struct liquid_node *n)
{
    for (const struct liquid_branch *b = n->branches; b && !failed(r); b = b->next)
        if (!b->condition || holds(r, b->condition) != b->negate) {
            if (!failed(r))
                render_block(r, b->body);
            return;
        }
}

/* What is walked: a list; the pairs of a map; the child elements of an XML element. Of a text a loop makes one turn, JSONArrayFor
 * of any value. */
static struct list_object *loop_items(struct render *r, const struct liquid_node *n)
{
    struct expr_value v = eval(r, n->expr);
    struct list_object *l;

    if (failed(r))
        return NULL;
    if (r->source->format == LIQUID_XML && object_if(v, TYPE_JOBJECT))
        return liquid_children(&r->vm, v);
    if (liquid_is_list(v) || liquid_is_map(&r->vm, v))
        return liquid_items(&r->vm, v);
    l = list_make(&r->vm, &type_list_object, 1);
    if (l && !liquid_is_empty(&r->vm, v, false) && (n->commas || str_is(v)))
        list_append(&r->vm, l, v);
    return l;
}

static int64_t option(struct render *r, const struct liquid_expr *e, int64_t otherwise)
{
    int64_t i;

    return e && whole(eval(r, e), &i) && i >= 0 ? i : otherwise;
}

static void one_turn(struct render *r, const struct liquid_node *n, const struct list_object *items, uint32_t from)
{
    struct loop *l = r->loop;
    uint32_t at = n->reversed ? from + l->length - 1 - l->index : from + l->index;

    l->item = liquid_plain(items->items[at]);
    render_block(r, n->body);
    if (n->commas && l->index + 1 < l->length && r->jump != JUMP_BREAK)
        buf_putc(r->out, ',');
}

static void render_for(struct render *r, const struct liquid_node *n)
{
    struct list_object *items = loop_items(r, n);
    struct variable *left = find(r->offsets, n->group);
    int64_t from = option(r, n->offset, n->resume && left ? left->value.i : 0);
    int64_t limit = option(r, n->limit, INT32_MAX);

    if (!items || failed(r))
        return;
    from = from > items->n ? items->n : from;
    limit = limit > items->n - from ? items->n - from : limit;
    set(r, &r->offsets, n->group, val_long(from + limit));
    if (limit == 0) {
        render_block(r, n->otherwise);
        return;
    }
    struct loop l = { .outer = r->loop, .name = text_slice(n->name), .length = (uint32_t)limit, .title = n->group };
    r->loop = &l;
    for (; l.index < l.length && r->jump != JUMP_BREAK && !failed(r) && vm_charge(&r->vm, 1); l.index++) {
        r->jump = GO_ON;
        one_turn(r, n, items, (uint32_t)from);
    }
    r->jump = GO_ON;
    r->loop = l.outer;
}

static void render_cycle(struct render *r, const struct liquid_node *n)
{
    struct slice group = n->expr ? text_slice(liquid_text(&r->vm, eval(r, n->expr))) : n->group;
    struct variable *at = failed(r) ? NULL : need(r, &r->cycles, group);
    const struct liquid_values *v = n->values;

    if (!at || !v) /* the parser has seen one value at least */
        return;
    if (at->value.kind == EXPR_NULL)
        at->value = val_int(0);
    for (int64_t i = at->value.i; i > 0 && v->next; i--)
        v = v->next;
    liquid_print(&r->vm, r->out, eval(r, v->value));
    at->value.i = v->next ? at->value.i + 1 : 0;
}

static void render_count(struct render *r, const struct liquid_node *n)
{
    struct variable *v = need(r, &r->counters, text_slice(n->name));

    if (!v)
        return;
    if (v->value.kind == EXPR_NULL)
        v->value = val_int(0);
    v->value.i -= n->down;
    liquid_print(&r->vm, r->out, v->value);
    v->value.i += !n->down;
}

static void render_node(struct render *r, const struct liquid_node *n)
{
    switch (n->kind) {
    case LIQUID_NODE_TEXT: buf_put(r->out, text_slice(n->name)); break;
    case LIQUID_NODE_OUTPUT: render_output(r, n); break;
    case LIQUID_NODE_ASSIGN: render_assign(r, n); break;
    case LIQUID_NODE_CAPTURE: render_capture(r, n); break;
    case LIQUID_NODE_IF: render_if(r, n); break;
    case LIQUID_NODE_FOR: render_for(r, n); break;
    case LIQUID_NODE_CYCLE: render_cycle(r, n); break;
    case LIQUID_NODE_COUNT: render_count(r, n); break;
    case LIQUID_NODE_BREAK: r->jump = JUMP_BREAK; break;
    case LIQUID_NODE_CONTINUE: r->jump = JUMP_CONTINUE; break;
    }
}

static void render_block(struct render *r, const struct liquid_node *n)
{
    for (; n && r->jump == GO_ON && vm_charge(&r->vm, 1); n = n->next) {
        render_node(r, n);
        if (r->out->failed || r->written + r->out->n > LIQUID_OUTPUT_MAX)
            vm_throw_budget(&r->vm, "memory");
        if (failed(r))
            return;
    }
}

bool liquid_render(const struct liquid *l, const struct liquid_body *body, struct expr_run *run, struct slice *out,
                   struct expr_exception *exc)
{
    struct render *r;
    struct buf b;

    expr_keep(run);
    r = arena_new(run->arena, struct render);
    *exc = (struct expr_exception){ .type = SLICE("Holdfast.BudgetException"), .budget = true, .message = SLICE("no memory is left") };
    if (!r)
        return false;
    vm_begin(&r->vm, run);
    buf_init(&b, run->arena);
    r->out = &b;
    r->source = body;
    if (l->uses_body)
        read_body(r);
    r->body_read = true;
    if (!failed(r))
        render_block(r, l->nodes);
    if (!failed(r) && (b.failed || run->arena->overflow))
        vm_throw_budget(&r->vm, "memory");
    if (failed(r)) {
        struct vm vm = r->vm; /* r lies behind the mark */
        vm_give_exception(&vm, exc);
        return false;
    }
    *out = buf_slice(&b);
    return true;
}
