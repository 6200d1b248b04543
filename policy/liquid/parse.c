/* Templates to trees.
 *
 *   template = { text / "{{" output "}}" / "{%" tag "%}" }
 *   output   = expr { "|" name [ ":" expr { "," expr } ] }
 *   expr     = literal / "(" expr ".." expr ")" / path
 *   path     = name { "." name / "[" expr "]" }
 *
 * A "-" inside of a delimiter trims as DotLiquid does: blanks and tabs before it, one line end or a run of blanks behind it. */
#include <stdio.h>

#include "policy/expr/decimal.h"
#include "policy/liquid/tree.h"

struct parser {
    struct arena *arena;
    const char *start, *end; /* the source */
    const char *p;           /* what comes next: of the template, or of the markup */
    const char *stop;        /* the end of the markup, or of the template */
    const char *after;       /* behind the present tag */
    struct liquid_error *err;
    unsigned depth, loops;
    bool failed, uses_body, trim_next;
    struct slice tag;        /* name of the tag just read, to be looked at by the block around it */
    const char *tag_at;
};

static void *fail_at(struct parser *p, const char *at, const char *what, struct slice which)
{
    if (p->failed)
        return NULL;
    p->failed = true;
    p->err->offset = (size_t)(at - p->start);
    snprintf(p->err->message, sizeof p->err->message, "%s%.*s%s", what, (int)(which.n > 80 ? 80 : which.n), which.p ? which.p : "",
             which.n ? "'" : "");
    return NULL;
}

static void *fail(struct parser *p, const char *what)
{
    return fail_at(p, p->p, what, SLICE_NONE);
}

static void *alloc(struct parser *p, size_t n)
{
    void *m = p->failed ? NULL : arena_alloc(p->arena, n);

    return m ? m : fail(p, "the template is too large");
}
#define NEW(p, type) ((type *)alloc((p), sizeof(type)))

/* ---- words of markup ---- */

static void skip_space(struct parser *p)
{
    while (p->p < p->stop && ascii_is_space(*p->p))
        p->p++;
}

static bool at_end(struct parser *p)
{
    skip_space(p);
    return p->p >= p->stop;
}

static bool accept(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    skip_space(p);
    if ((size_t)(p->stop - p->p) < n || memcmp(p->p, word, n) != 0)
        return false;
    p->p += n;
    return true;
}

static bool is_word(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '-' || (unsigned char)c >= 0x80;
}

/* Letters, digits, "_", "-", with a "?" at the end; empty: there is none. */
static struct slice word(struct parser *p)
{
    const char *from;

    skip_space(p);
    for (from = p->p; p->p < p->stop && is_word(*p->p);)
        p->p++;
    if (p->p > from && p->p < p->stop && *p->p == '?')
        p->p++;
    return slice_of(from, (size_t)(p->p - from));
}

static bool accept_word(struct parser *p, const char *wanted)
{
    const char *from = p->p;

    if (slice_eq(word(p), slice_from(wanted)))
        return true;
    p->p = from;
    return false;
}

static struct expr_value name_value(struct parser *p, struct slice s)
{
    struct slice kept = arena_copy(p->arena, s);

    if (s.n && !kept.n)
        fail(p, "the template is too large");
    return expr_value_from_text(p->arena, kept);
}

static struct expr_value need_name(struct parser *p, const char *what)
{
    struct slice s = word(p);

    if (!s.n)
        fail(p, what);
    return name_value(p, s);
}

/* ---- expressions ---- */

static const struct liquid_expr *parse_expr(struct parser *p);

static struct liquid_expr *constant(struct parser *p, struct expr_value v)
{
    struct liquid_expr *e = NEW(p, struct liquid_expr);

    if (e)
        e->value = v;
    return e;
}

static struct liquid_expr *parse_string(struct parser *p)
{
    char quote = *p->p++;
    const char *from = p->p;
    const char *to = memchr(from, quote, (size_t)(p->stop - from));

    if (!to)
        return fail_at(p, from - 1, "the string is never closed", SLICE_NONE);
    p->p = to + 1;
    return constant(p, name_value(p, slice_of(from, (size_t)(to - from))));
}

/* [-]digits[.digits]; "1..3" is an integer. NULL, with nothing taken: a word that only begins like one. */
static struct liquid_expr *parse_number(struct parser *p)
{
    const char *from = p->p, *at = from + (*from == '-');
    bool is_real = false;
    struct decimal d;
    int64_t i;

    while (at < p->stop && ascii_is_digit(*at))
        at++;
    if (at + 1 < p->stop && *at == '.' && ascii_is_digit(at[1])) {
        is_real = true;
        for (at++; at < p->stop && ascii_is_digit(*at);)
            at++;
    }
    if (at < p->stop && is_word(*at))
        return NULL;
    p->p = at;
    if (!decimal_parse(slice_of(from, (size_t)(at - from)), &d))
        return fail_at(p, from, "the number is too large", SLICE_NONE);
    if (is_real)
        return constant(p, val_double(decimal_to_double(d)));
    if (!decimal_to_i64(d, &i))
        return constant(p, decimal_value(p->arena, d));
    return constant(p, i >= INT32_MIN && i <= INT32_MAX ? val_int((int32_t)i) : val_long(i));
}

static struct liquid_expr *parse_range(struct parser *p)
{
    struct liquid_expr *e = NEW(p, struct liquid_expr);

    if (!e)
        return NULL;
    p->p++;
    e->term = TERM_RANGE;
    e->from = parse_expr(p);
    if (!p->failed && !accept(p, ".."))
        return fail(p, "'..' expected in a range");
    e->to = parse_expr(p);
    if (!p->failed && !accept(p, ")"))
        return fail(p, "')' expected at the end of a range");
    return e;
}

/* { "." name / "[" expr "]" } */
static void parse_steps(struct parser *p, const struct liquid_step **tail)
{
    while (!p->failed && p->p < p->stop) {
        bool index = *p->p == '[';
        struct liquid_step *s;

        if (!index && (*p->p != '.' || (p->p + 1 < p->stop && p->p[1] == '.')))
            return;
        if (!(s = NEW(p, struct liquid_step)))
            return;
        p->p++;
        if (!index)
            s->name = need_name(p, "a name expected behind '.'");
        else if (!(s->index = parse_expr(p)))
            fail(p, "an index expected");
        else if (!accept(p, "]"))
            fail(p, "']' expected");
        *tail = s;
        tail = &s->next;
    }
}

/* Words that are values. False: a path begins here. */
static bool keyword(struct slice s, struct liquid_expr *e)
{
    if (slice_eq(s, SLICE("true")) || slice_eq(s, SLICE("false")))
        e->value = val_bool(s.n == 4);
    else if (slice_eq(s, SLICE("empty")))
        e->term = TERM_EMPTY;
    else if (slice_eq(s, SLICE("blank")))
        e->term = TERM_BLANK;
    else
        return slice_eq(s, SLICE("nil")) || slice_eq(s, SLICE("null"));
    return true;
}

static struct liquid_expr *parse_path(struct parser *p)
{
    struct liquid_expr *e = NEW(p, struct liquid_expr);
    struct slice root;

    if (!e)
        return NULL;
    if (*p->p == '[') { /* the name is computed: ["a b"] */
        e->term = TERM_PATH;
        e->value = TEXT("");
        p->uses_body = true;
        parse_steps(p, &e->steps);
        return e;
    }
    root = word(p);
    if (!root.n)
        return fail(p, "a value expected");
    if (keyword(root, e) && (p->p >= p->stop || (*p->p != '.' && *p->p != '[')))
        return e;
    e->term = TERM_PATH;
    e->value = name_value(p, root);
    p->uses_body |= slice_eq_icase(root, SLICE("body"));
    parse_steps(p, &e->steps);
    return e;
}

static const struct liquid_expr *parse_expr_inside(struct parser *p)
{
    struct liquid_expr *e;

    if (at_end(p))
        return fail(p, "a value expected");
    if (*p->p == '"' || *p->p == '\'')
        return parse_string(p);
    if (*p->p == '(')
        return parse_range(p);
    if (ascii_is_digit(*p->p) || (*p->p == '-' && p->p + 1 < p->stop && ascii_is_digit(p->p[1])))
        if ((e = parse_number(p)) || p->failed)
            return e;
    return parse_path(p);
}

static const struct liquid_expr *parse_expr(struct parser *p)
{
    const struct liquid_expr *e;

    if (p->failed)
        return NULL;
    if (++p->depth > LIQUID_DEPTH_MAX)
        return fail(p, "the template is nested too deeply");
    e = parse_expr_inside(p);
    p->depth--;
    return p->failed ? NULL : e;
}

/* ":" expr { "," expr } */
static void parse_arguments(struct parser *p, struct liquid_filter *f)
{
    do {
        if (f->n == LIQUID_ARGS_MAX) {
            fail(p, "a filter takes no more than 4 arguments");
            return;
        }
        f->args[f->n++] = parse_expr(p);
    } while (!p->failed && accept(p, ","));
}

static const struct liquid_filter *parse_filters(struct parser *p)
{
    const struct liquid_filter *first = NULL, **tail = &first;

    while (!p->failed && accept(p, "|")) {
        struct liquid_filter *f = NEW(p, struct liquid_filter);
        struct slice name = word(p);

        if (!f)
            break;
        if (!name.n)
            return fail(p, "the name of a filter expected behind '|'");
        if (!(f->fn = liquid_filter_find(name)))
            return fail_at(p, name.p, "unknown filter '", name);
        if (accept(p, ":"))
            parse_arguments(p, f);
        *tail = f;
        tail = &f->next;
    }
    if (!p->failed && !at_end(p))
        fail_at(p, p->p, "unexpected '", slice_of(p->p, (size_t)(p->stop - p->p)));
    return first;
}

/* ---- conditions ---- */

static enum liquid_op parse_op(struct parser *p)
{
    static const struct {
        const char *text;
        enum liquid_op op;
    } ops[] = { { "==", LOP_EQ }, { "!=", LOP_NE }, { "<>", LOP_NE }, { "<=", LOP_LE }, { ">=", LOP_GE }, { "<", LOP_LT }, { ">", LOP_GT } };

    for (size_t i = 0; i < COUNT_OF(ops); i++)
        if (accept(p, ops[i].text))
            return ops[i].op;
    return accept_word(p, "contains") || accept_word(p, "Contains") ? LOP_CONTAINS : LOP_TRUTH;
}

/* expr [ op expr ] [ ( "and" / "or" ) condition ] */
static const struct liquid_condition *parse_condition(struct parser *p)
{
    const struct liquid_condition *first = NULL, **tail = &first;

    for (;;) {
        struct liquid_condition *c = NEW(p, struct liquid_condition);

        if (!c || !(c->left = parse_expr(p)))
            return NULL;
        c->op = parse_op(p);
        if (c->op != LOP_TRUTH && !(c->right = parse_expr(p)))
            return NULL;
        *tail = c;
        tail = &c->next;
        if (at_end(p))
            return first;
        if (accept_word(p, "or"))
            c->is_or = true;
        else if (!accept_word(p, "and"))
            return fail_at(p, p->p, "an operator expected before '", slice_of(p->p, (size_t)(p->stop - p->p)));
    }
}

/* ---- the template ---- */

static const struct liquid_node *parse_block(struct parser *p, const char *opened, const char *const *ends);

static ptrdiff_t find_open(const char *at, const char *end)
{
    for (const char *q = at; q + 1 < end; q++)
        if (*q == '{' && (q[1] == '{' || q[1] == '%'))
            return q - at;
    return -1;
}

/* Behind "-}}" or "-%}": one line end, or blanks. */
static const char *trimmed_start(const char *at, const char *end)
{
    if (at < end && *at == '\n')
        return at + 1;
    if (at + 1 < end && *at == '\r' && at[1] == '\n')
        return at + 2;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* The end of the markup that begins at `at`, strings skipped as DotLiquid's scanner does not: its first closing delimiter. */
static const char *find_close(const char *at, const char *end, char first)
{
    for (; at + 1 < end; at++)
        if (*at == first && at[1] == '}')
            return at;
    return NULL;
}

/* Step into "{{ ... }}" or "{% ... %}" at p->p: p->p .. p->stop becomes what is inside, p->after what is behind. */
static bool open_markup(struct parser *p)
{
    const char *at = p->p;
    char first = at[1] == '{' ? '}' : '%';
    const char *close = find_close(at + 2, p->end, first);

    if (!close) {
        fail_at(p, at, first == '}' ? "'{{' is never closed by '}}'" : "'{%' is never closed by '%}'", SLICE_NONE);
        return false;
    }
    p->after = close + 2;
    p->p = at + 2 + (at[2] == '-');
    p->stop = close;
    if (close > p->p && close[-1] == '-') {
        p->stop--;
        p->after = trimmed_start(p->after, p->end);
    }
    return true;
}

static void close_markup(struct parser *p)
{
    p->p = p->after;
    p->stop = p->end;
}

static void expect_end(struct parser *p)
{
    if (!p->failed && !at_end(p))
        fail_at(p, p->p, "unexpected '", slice_of(p->p, (size_t)(p->stop - p->p)));
}

static struct liquid_node *new_node(struct parser *p, enum liquid_kind kind)
{
    struct liquid_node *n = NEW(p, struct liquid_node);

    if (n)
        n->kind = kind;
    return n;
}

/* Text up to the next markup; NULL: none. */
static struct liquid_node *parse_text(struct parser *p)
{
    ptrdiff_t n = find_open(p->p, p->end);
    const char *open = n < 0 ? p->end : p->p + n, *to = open;
    struct liquid_node *node = NULL;

    if (n >= 0 && open + 2 < p->end && open[2] == '-')
        while (to > p->p && (to[-1] == ' ' || to[-1] == '\t'))
            to--;
    if (to > p->p && (node = new_node(p, LIQUID_NODE_TEXT)))
        node->name = name_value(p, slice_of(p->p, (size_t)(to - p->p)));
    p->p = open;
    return node;
}

static struct liquid_node *parse_output(struct parser *p)
{
    struct liquid_node *n = new_node(p, LIQUID_NODE_OUTPUT);

    if (!n || !open_markup(p))
        return NULL;
    if (!at_end(p)) {
        n->expr = parse_expr(p);
        n->filters = parse_filters(p);
    }
    close_markup(p);
    return n;
}

/* Skip to the tag of that name: comment and raw. The text before it in *text. */
static void skip_until(struct parser *p, struct slice *text, const char *name, const char *opened)
{
    const char *from = p->p, *begin = p->tag_at;

    for (const char *at = from; p->p = at, at + 1 < p->end; at++) {
        if (*at != '{' || at[1] != '%')
            continue;
        if (!open_markup(p))
            return;
        bool found = accept_word(p, name) && at_end(p);
        close_markup(p);
        if (!found)
            continue;
        *text = slice_of(from, (size_t)(at - from));
        return;
    }
    fail_at(p, begin, "this tag is never closed: '", slice_from(opened));
}

static struct liquid_node *parse_comment(struct parser *p)
{
    struct slice text;

    close_markup(p);
    skip_until(p, &text, "endcomment", "comment");
    return NULL;
}

static struct liquid_node *parse_raw(struct parser *p)
{
    struct liquid_node *n = new_node(p, LIQUID_NODE_TEXT);
    struct slice text = SLICE("");

    close_markup(p);
    skip_until(p, &text, "endraw", "raw");
    if (n)
        n->name = name_value(p, text);
    return n;
}

static struct liquid_node *parse_assign(struct parser *p)
{
    struct liquid_node *n = new_node(p, LIQUID_NODE_ASSIGN);

    if (!n)
        return NULL;
    n->name = need_name(p, "the name of a variable expected");
    if (!p->failed && !accept(p, "="))
        return fail(p, "'=' expected");
    n->expr = parse_expr(p);
    n->filters = parse_filters(p);
    close_markup(p);
    return n;
}

static struct liquid_node *parse_capture(struct parser *p)
{
    static const char *const ends[] = { "endcapture", NULL };
    struct liquid_node *n = new_node(p, LIQUID_NODE_CAPTURE);
    const struct liquid_expr *quoted;

    if (!n)
        return NULL;
    if (!at_end(p) && (*p->p == '"' || *p->p == '\'')) {
        if ((quoted = parse_string(p)))
            n->name = quoted->value;
    } else {
        n->name = need_name(p, "the name of a variable expected");
    }
    expect_end(p);
    close_markup(p);
    n->body = parse_block(p, "capture", ends);
    close_markup(p);
    return n;
}

static struct liquid_branch *add_branch(struct parser *p, const struct liquid_branch ***tail)
{
    struct liquid_branch *b = NEW(p, struct liquid_branch);

    if (b) {
        **tail = b;
        *tail = &b->next;
    }
    return b;
}

/* if / unless: condition block { elsif condition block } [ else block ] */
static struct liquid_node *parse_branches(struct parser *p, bool negate)
{
    const char *const ends[] = { "elsif", "else", negate ? "endunless" : "endif", NULL };
    struct liquid_node *n = new_node(p, LIQUID_NODE_IF);
    const struct liquid_branch **tail = n ? &n->branches : NULL;
    bool is_else = false;

    for (unsigned i = 0; n && !p->failed; i++) {
        struct liquid_branch *b = add_branch(p, &tail);

        if (!b)
            return NULL;
        b->negate = negate && i == 0;
        if (!is_else)
            b->condition = parse_condition(p);
        expect_end(p);
        close_markup(p);
        b->body = parse_block(p, negate ? "unless" : "if", ends);
        if (!p->failed && is_else && p->tag.n && slice_starts(p->tag, SLICE("els")))
            return fail_at(p, p->tag_at, "nothing may come behind 'else' but the end: '", p->tag);
        if (p->failed || slice_starts(p->tag, SLICE("end")))
            break;
        is_else = slice_eq(p->tag, SLICE("else"));
    }
    close_markup(p);
    return n;
}

static struct liquid_node *parse_if(struct parser *p)
{
    return parse_branches(p, false);
}

static struct liquid_node *parse_unless(struct parser *p)
{
    return parse_branches(p, true);
}

/* value { ( "," / "or" ) value }: any of them equals the case's */
static const struct liquid_condition *parse_when(struct parser *p, const struct liquid_expr *subject)
{
    const struct liquid_condition *first = NULL, **tail = &first;

    do {
        struct liquid_condition *c = NEW(p, struct liquid_condition);

        if (!c)
            return NULL;
        *c = (struct liquid_condition){ .left = subject, .op = LOP_EQ, .right = parse_expr(p), .is_or = true };
        *tail = c;
        tail = &c->next;
    } while (!p->failed && (accept(p, ",") || accept_word(p, "or")));
    return first;
}

/* case value { when values block } [ else block ] */
static struct liquid_node *parse_case(struct parser *p)
{
    static const char *const ends[] = { "when", "else", "endcase", NULL };
    struct liquid_node *n = new_node(p, LIQUID_NODE_IF);
    const struct liquid_branch **tail = n ? &n->branches : NULL;
    const struct liquid_expr *subject = parse_expr(p);

    expect_end(p);
    close_markup(p);
    parse_block(p, "case", ends); /* text before the first when is dropped */
    while (n && !p->failed && !slice_eq(p->tag, SLICE("endcase"))) {
        struct liquid_branch *b = add_branch(p, &tail);

        if (!b)
            return NULL;
        if (slice_eq(p->tag, SLICE("when")))
            b->condition = parse_when(p, subject);
        expect_end(p);
        close_markup(p);
        b->body = parse_block(p, "case", ends);
    }
    close_markup(p);
    return n;
}

/* { "reversed" / "limit" ":" expr / "offset" ":" ( expr / "continue" ) }, commas between them or not */
static void parse_for_options(struct parser *p, struct liquid_node *n)
{
    while (!p->failed && !at_end(p)) {
        bool limit;

        if (accept(p, ","))
            continue;
        if (accept_word(p, "reversed")) {
            n->reversed = true;
            continue;
        }
        limit = accept_word(p, "limit");
        if (!limit && !accept_word(p, "offset")) {
            fail_at(p, p->p, "reversed, limit: or offset: expected, not '", slice_of(p->p, (size_t)(p->stop - p->p)));
        } else if (!accept(p, ":")) {
            fail(p, "':' expected");
        } else if (limit) {
            n->limit = parse_expr(p);
        } else if (accept_word(p, "continue")) {
            n->resume = true;
        } else {
            n->offset = parse_expr(p);
        }
    }
}

static struct liquid_node *parse_loop(struct parser *p, const char *name, bool commas)
{
    const char *const ends[] = { commas ? "endJSONArrayFor" : "endfor", "else", NULL };
    const char *const last[] = { ends[0], NULL };
    struct liquid_node *n = new_node(p, LIQUID_NODE_FOR);

    if (!n)
        return NULL;
    n->commas = commas;
    n->name = need_name(p, "the name of a variable expected");
    if (!p->failed && !accept_word(p, "in"))
        return fail(p, "'in' expected");
    skip_space(p);
    const char *from = p->p;
    n->expr = parse_expr(p);
    n->group = arena_printf(p->arena, "%.*s-%.*s", (int)n->name.n, n->name.s, (int)(p->p - from), from);
    parse_for_options(p, n);
    close_markup(p);
    p->loops++;
    n->body = parse_block(p, name, ends);
    p->loops--;
    if (!p->failed && slice_eq(p->tag, SLICE("else"))) {
        expect_end(p);
        close_markup(p);
        n->otherwise = parse_block(p, name, last);
    }
    close_markup(p);
    return n;
}

static struct liquid_node *parse_for(struct parser *p)
{
    return parse_loop(p, "for", false);
}

static struct liquid_node *parse_array_for(struct parser *p)
{
    return parse_loop(p, "JSONArrayFor", true);
}

/* [ group ":" ] value { "," value } */
static struct liquid_node *parse_cycle(struct parser *p)
{
    struct liquid_node *n = new_node(p, LIQUID_NODE_CYCLE);
    const struct liquid_values **tail = n ? &n->values : NULL;

    skip_space(p);
    struct slice markup = slice_of(p->p, (size_t)(p->stop - p->p));
    const struct liquid_expr *first = parse_expr(p);
    if (n && !p->failed && accept(p, ":")) {
        n->expr = first;
        first = parse_expr(p);
    }
    while (n && !p->failed) {
        struct liquid_values *v = NEW(p, struct liquid_values);

        if (!v)
            return NULL;
        v->value = first;
        *tail = v;
        tail = &v->next;
        if (!accept(p, ","))
            break;
        first = parse_expr(p);
    }
    expect_end(p);
    if (n)
        n->group = arena_copy(p->arena, markup);
    close_markup(p);
    return n;
}

static struct liquid_node *parse_count(struct parser *p, bool down)
{
    struct liquid_node *n = new_node(p, LIQUID_NODE_COUNT);

    if (!n)
        return NULL;
    n->down = down;
    n->name = need_name(p, "the name of a variable expected");
    expect_end(p);
    close_markup(p);
    return n;
}

static struct liquid_node *parse_increment(struct parser *p)
{
    return parse_count(p, false);
}

static struct liquid_node *parse_decrement(struct parser *p)
{
    return parse_count(p, true);
}

static struct liquid_node *parse_jump(struct parser *p, enum liquid_kind kind)
{
    if (!p->loops)
        return fail_at(p, p->tag_at, "this tag stands in no loop: '", p->tag);
    expect_end(p);
    close_markup(p);
    return new_node(p, kind);
}

static struct liquid_node *parse_break(struct parser *p)
{
    return parse_jump(p, LIQUID_NODE_BREAK);
}

static struct liquid_node *parse_continue(struct parser *p)
{
    return parse_jump(p, LIQUID_NODE_CONTINUE);
}

static const struct {
    const char *name;
    struct liquid_node *(*parse)(struct parser *p);
} tags[] = {
    { "assign", parse_assign }, { "capture", parse_capture }, { "case", parse_case }, { "comment", parse_comment },
    { "cycle", parse_cycle }, { "for", parse_for }, { "if", parse_if }, { "raw", parse_raw }, { "unless", parse_unless },
    { "increment", parse_increment }, { "decrement", parse_decrement }, { "break", parse_break }, { "continue", parse_continue },
    { "JSONArrayFor", parse_array_for },
};

static struct liquid_node *parse_tag(struct parser *p, const char *opened)
{
    for (size_t i = 0; i < COUNT_OF(tags); i++)
        if (slice_eq_icase(p->tag, slice_from(tags[i].name)))
            return tags[i].parse(p);
    for (size_t i = 0; i < COUNT_OF(tags); i++)
        if (slice_starts(p->tag, SLICE("end")) && slice_eq_icase(slice_skip(p->tag, 3), slice_from(tags[i].name)))
            return fail_at(p, p->tag_at, opened ? "another block must be closed first, not '" : "no block is open here for '", p->tag);
    return fail_at(p, p->tag_at, p->tag.n ? "unknown tag '" : "the name of a tag expected behind '{%'", p->tag);
}

static bool is_one_of(struct slice name, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (slice_eq_icase(name, slice_from(*ends)))
            return true;
    return false;
}

/* What is at p->p. False: the block ends here, in p->tag. */
static bool parse_one(struct parser *p, const char *opened, const char *const *ends, struct liquid_node **n)
{
    *n = parse_text(p);
    if (*n || p->failed || p->p >= p->end)
        return true;
    if (p->p[1] == '{') {
        *n = parse_output(p);
        return true;
    }
    const char *at = p->p;
    if (!open_markup(p))
        return true;
    p->tag = word(p);
    p->tag_at = at;
    if (is_one_of(p->tag, ends))
        return false;
    *n = parse_tag(p, opened);
    return true;
}

/* Nodes up to a tag of `ends`, whose rest is p->p .. p->stop then; ends NULL: up to the end. */
static const struct liquid_node *parse_block(struct parser *p, const char *opened, const char *const *ends)
{
    const struct liquid_node *first = NULL, **tail = &first;
    const char *begin = p->tag_at;
    struct liquid_node *n;

    if (!p->failed && ++p->depth > LIQUID_DEPTH_MAX)
        return fail_at(p, begin, "the template is nested too deeply", SLICE_NONE);
    while (!p->failed && p->p < p->end) {
        if (!parse_one(p, opened, ends, &n)) {
            p->depth--;
            return first;
        }
        if (n) {
            *tail = n;
            tail = &n->next;
        }
    }
    p->depth--;
    if (ends && !p->failed)
        fail_at(p, begin, "this tag is never closed: '", slice_from(opened));
    return first;
}

const struct liquid *liquid_compile(struct arena *program, struct slice source, struct liquid_error *err)
{
    struct parser p = { .arena = program, .start = source.p, .p = source.p, .err = err };
    struct liquid *l = arena_new(program, struct liquid);

    if (source.n > LIQUID_SOURCE_MAX || !l)
        return fail(&p, "the template is too large");
    p.end = p.stop = source.p + source.n;
    if (source.n)
        l->nodes = parse_block(&p, NULL, NULL);
    if (program->overflow)
        fail(&p, "the template is too large");
    l->uses_body = p.uses_body;
    return p.failed ? NULL : l;
}

bool liquid_uses_body(const struct liquid *l)
{
    return l->uses_body;
}
