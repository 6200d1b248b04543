/* The parser of expressions: Pratt over a token array. Grammar above each function, C# 7 names. */
#include "policy/expr/syntax.h"

#include <stdio.h>

#include "policy/expr/text.h"

/* argument := [name ':'] ['out' | 'ref'] (expression | type name). S_ARG: text, mode, a */
static struct syn *parse_argument(struct comp *c)
{
    struct syn *arg = syn_new(c, S_ARG, c->tok->pos);
    const struct token *after;

    if (c->tok->kind == TOK_NAME && tok_is(c->tok + 1, P1(':')) && !tok_is_keyword(c->tok)) {
        arg->text = expect_name(c);
        take_punct(c, P1(':'));
    }
    if (take_name(c, "out"))
        arg->mode = ARG_OUT;
    else if (take_name(c, "ref"))
        arg->mode = ARG_REF;
    else
        take_name(c, "in");
    after = arg->mode == ARG_OUT ? skip_type(c->tok) : NULL;
    if (after && after->kind == TOK_NAME && !tok_is_keyword(after)) {
        arg->a = syn_new(c, S_DECL, c->tok->pos);
        arg->a->type = parse_type(c);
        arg->a->text = expect_name(c);
    } else {
        arg->a = parse_expression(c);
    }
    return arg;
}

/* arguments := [argument {',' argument}] close */
static void parse_arguments(struct comp *c, struct syn *into, uint32_t close)
{
    struct list l = { 0 };

    if (!at_punct(c, close))
        do {
            list_add(c, &l, parse_argument(c));
        } while (take_punct(c, P1(',')));
    expect_punct(c, close);
    syn_take(into, &l);
}

/* place := ['^'] expression. S_UNARY with '^': from the end */
static struct syn *parse_place(struct comp *c)
{
    struct syn *s;

    if (!at_punct(c, P1('^')))
        return parse_argument(c);
    s = syn_new(c, S_ARG, c->tok->pos);
    s->a = syn_new(c, S_UNARY, c->tok->pos);
    s->a->punct = c->tok++->punct;
    s->a->a = parse_shift(c);
    return s;
}

/* index arguments := place {',' place} | [place] '..' [place]. S_RANGE: a and b places or NULL */
static void parse_index_arguments(struct comp *c, struct syn *into)
{
    struct list l = { 0 };
    struct syn *range, *first = NULL;

    if (!at_punct(c, P2('.', '.')))
        first = parse_place(c);
    if (at_punct(c, P2('.', '.'))) {
        range = syn_new(c, S_RANGE, c->tok++->pos);
        range->a = first ? first->a : NULL;
        range->b = at_punct(c, P1(']')) ? NULL : parse_place(c)->a;
        first = syn_new(c, S_ARG, range->pos);
        first->a = range;
    }
    list_add(c, &l, first);
    while (take_punct(c, P1(',')))
        list_add(c, &l, parse_place(c));
    expect_punct(c, P1(']'));
    syn_take(into, &l);
}

/* S_ANON: v = S_ARG (text name, a value). '{' [name '='] expression ... '}' */
static struct syn *parse_anon(struct comp *c, uint32_t pos)
{
    struct syn *s = syn_new(c, S_ANON, pos);
    struct list l = { 0 };

    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        struct syn *f = syn_new(c, S_ARG, c->tok->pos);

        if (c->tok->kind == TOK_NAME && tok_is(c->tok + 1, P1('='))) {
            f->text = expect_name(c);
            take_punct(c, P1('='));
        }
        f->a = parse_expression(c);
        if (!f->text.p && (f->a->op == S_NAME || f->a->op == S_MEMBER))
            f->text = f->a->text;
        if (!f->text.p && f->a->op == S_CONDACCESS && f->a->b->op == S_MEMBER)
            f->text = f->a->b->text;
        if (!f->text.p)
            comp_fail(c, f->pos, "a member of an anonymous object needs a name");
        list_add(c, &l, f);
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1('}'));
    syn_take(s, &l);
    return s;
}

/* initializer := '{' (element | name '=' value | '[' args ']' '=' value | '{' args '}') ... '}'
 * S_INIT: v of: S_ASSIGN(a = S_MEMBER of S_BINDING or S_INDEX of S_BINDING, b value or S_INIT), or S_ARG with v = Add's arguments */
struct syn *parse_init(struct comp *c)
{
    struct syn *s = syn_new(c, S_INIT, c->tok->pos);
    struct list l = { 0 };

    if (!parse_enter(c))
        return s;
    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        struct syn *e;
        uint32_t pos = c->tok->pos;

        if (at_punct(c, P1('[')) || (c->tok->kind == TOK_NAME && tok_is(c->tok + 1, P1('=')))) {
            e = syn_new(c, S_ASSIGN, pos);
            e->punct = P1('=');
            if (take_punct(c, P1('['))) {
                e->a = syn_new(c, S_INDEX, pos);
                parse_arguments(c, e->a, P1(']'));
            } else {
                e->a = syn_new(c, S_MEMBER, pos);
                e->a->text = expect_name(c);
            }
            e->a->a = syn_new(c, S_BINDING, pos);
            expect_punct(c, P1('='));
            e->b = at_punct(c, P1('{')) ? parse_init(c) : parse_expression(c);
        } else {
            e = syn_new(c, S_ARG, pos);
            if (take_punct(c, P1('{'))) {
                parse_arguments(c, e, P1('}'));
            } else {
                struct list one = { 0 };
                struct syn *arg = syn_new(c, S_ARG, pos);

                arg->a = parse_expression(c);
                list_add(c, &one, arg);
                syn_take(e, &one);
            }
        }
        list_add(c, &l, e);
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1('}'));
    syn_take(s, &l);
    c->depth--;
    return s;
}

/* array initializer := '{' [element {',' element}] '}', elements may be nested initializers. S_INIT: v elements */
static struct syn *parse_array_init(struct comp *c)
{
    struct syn *s = syn_new(c, S_INIT, c->tok->pos);
    struct list l = { 0 };

    if (!parse_enter(c))
        return s;
    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        list_add(c, &l, at_punct(c, P1('{')) ? parse_array_init(c) : parse_expression(c));
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1('}'));
    syn_take(s, &l);
    c->depth--;
    return s;
}

/* A type without array suffixes: what stands between `new` and `[` or `(`. */
static struct stype *parse_new_type(struct comp *c)
{
    struct stype *t;

    if (at_punct(c, P1('(')))
        return parse_tuple_type(c);
    t = stype_new(c, STYPE_NAMED, c->tok->pos);
    for (;;) {
        t->name = expect_name(c);
        if (at_punct(c, P1('<')))
            parse_type_args(c, &t->args, &t->n);
        if (c->failed || !take_punct(c, P1('.')))
            break;
        t->prefix = slice_of(c->source.p + t->pos, (size_t)(t->name.p + t->name.n - c->source.p - t->pos));
    }
    if (at_punct(c, P1('?')) && (tok_is(c->tok + 1, P1('[')) || tok_is(c->tok + 1, P1('(')))) {
        c->tok++;
        t = stype_of(c, STYPE_NULLABLE, t);
    }
    return t;
}

/* new := 'new' type '(' arguments ')' [initializer] | 'new' type initializer | 'new' type '[' size ']' {'[]'} [array init]
 *      | 'new' '[]' array init | 'new' '{' ... '}' | 'new' '(' arguments ')'
 * S_NEW: type (NULL: target-typed), v arguments, b initializer. S_NEWARRAY: type of elements (NULL: inferred), a size, b init */
static struct syn *parse_new(struct comp *c)
{
    uint32_t pos = c->tok++->pos;
    struct syn *s;
    struct stype *t = NULL;

    if (at_punct(c, P1('{')))
        return parse_anon(c, pos);
    if (at_punct(c, P1('[')) && tok_is(c->tok + 1, P1(']'))) {
        c->tok += 2;
        s = syn_new(c, S_NEWARRAY, pos);
        s->b = parse_array_init(c);
        return s;
    }
    if (!at_punct(c, P1('(')) || skip_tuple_type(c->tok))
        t = parse_new_type(c);
    if (!at_punct(c, P1('['))) {
        s = syn_new(c, S_NEW, pos);
        s->type = t;
        if (take_punct(c, P1('(')))
            parse_arguments(c, s, P1(')'));
        else if (!at_punct(c, P1('{')))
            expect_punct(c, P1('('));
        if (at_punct(c, P1('{')))
            s->b = parse_init(c);
        return s;
    }
    s = syn_new(c, S_NEWARRAY, pos);
    c->tok++;
    if (!at_punct(c, P1(']')))
        s->a = parse_expression(c);
    if (at_punct(c, P1(',')))
        comp_fail(c, c->tok->pos, "arrays of more than one dimension are not supported");
    expect_punct(c, P1(']'));
    while (at_punct(c, P1('[')) && tok_is(c->tok + 1, P1(']'))) {
        c->tok += 2;
        t = stype_of(c, STYPE_ARRAY, t);
    }
    s->type = t;
    if (at_punct(c, P1('{')))
        s->b = parse_array_init(c);
    else if (!s->a)
        parse_unexpected(c, "an array initializer");
    return s;
}

/* params := '(' [[type] name ['=' default] {',' ...}] ')'. S_INIT: v of S_DECL (type or NULL, text) */
struct syn *parse_params(struct comp *c)
{
    struct syn *s = syn_new(c, S_INIT, c->tok->pos);
    struct list l = { 0 };

    expect_punct(c, P1('('));
    while (!at_punct(c, P1(')')) && !c->failed) {
        struct syn *p = syn_new(c, S_DECL, c->tok->pos);
        const struct token *after;

        p->mode = take_name(c, "params");
        if (at_name(c, "ref") || at_name(c, "out"))
            comp_fail(c, c->tok->pos, "'%.*s' parameters are not supported", SLICE_ARG(c->tok->text));
        after = skip_type(c->tok);
        if (after && after->kind == TOK_NAME)
            p->type = parse_type(c);
        p->text = expect_name(c);
        if (take_punct(c, P1('=')))
            p->a = parse_expression(c);
        list_add(c, &l, p);
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1(')'));
    syn_take(s, &l);
    return s;
}

struct syn *parse_lambda_body(struct comp *c)
{
    return at_punct(c, P1('{')) ? parse_block(c) : parse_expression(c);
}

/* S_LAMBDA: v parameters (S_DECL), a body (expression or S_BLOCK) */
static struct syn *parse_lambda(struct comp *c)
{
    struct syn *s = syn_new(c, S_LAMBDA, c->tok->pos);

    if (take_name(c, "delegate")) {
        struct syn *params = parse_params(c);

        s->v = params->v;
        s->n = params->n;
        s->a = parse_block(c);
        return s;
    }
    if (at_punct(c, P1('('))) {
        struct syn *params = parse_params(c);

        s->v = params->v;
        s->n = params->n;
    } else {
        struct syn *p = syn_new(c, S_DECL, c->tok->pos);
        struct list l = { 0 };

        p->text = expect_name(c);
        list_add(c, &l, p);
        syn_take(s, &l);
    }
    expect_punct(c, P2('=', '>'));
    s->a = parse_lambda_body(c);
    return s;
}

static bool at_lambda(struct comp *c)
{
    const struct token *t = c->tok;
    int depth = 0;

    if (tok_named(t, "delegate"))
        return true;
    if (t->kind == TOK_NAME && !tok_is_keyword(t))
        return tok_is(t + 1, P2('=', '>'));
    if (!tok_is(t, P1('(')))
        return false;
    for (; t->kind != TOK_END; t++) {
        depth += tok_is(t, P1('('));
        if (tok_is(t, P1(')')) && --depth == 0)
            return tok_is(t + 1, P2('=', '>'));
    }
    return false;
}

static bool is_predefined_type(const struct token *t)
{
    static const char *const words[] = { "bool", "byte", "sbyte", "short", "ushort", "int", "uint", "long", "ulong",
                                         "float", "double", "decimal", "char", "string", "object" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (tok_named(t, words[i]))
            return true;
    return false;
}

/* '(' type ')' and then something only an operand begins with: a cast (C# 7.3, 12.8.7). */
static bool at_cast(struct comp *c)
{
    const struct token *t = skip_type(c->tok + 1);

    if (!t || !tok_is(t, P1(')')))
        return false;
    if ((is_predefined_type(c->tok + 1) && !tok_is(c->tok + 2, P1('.'))) || tok_is(t - 1, P1('?')) || tok_is(t - 1, P1(']')))
        return true;
    t++;
    if (t->kind == TOK_PUNCT)
        return t->punct == P1('(') || t->punct == P1('~') || t->punct == P1('!');
    return t->kind != TOK_END && !tok_named(t, "is") && !tok_named(t, "as") && !tok_named(t, "switch") && !tok_named(t, "in");
}

/* parenthesized := '(' expression ')' | '(' [name ':'] expression ',' ... ')'. S_TUPLE: v of S_ARG */
static struct syn *parse_paren(struct comp *c)
{
    uint32_t pos = c->tok->pos;
    struct syn *s, *first;
    const struct token *after;

    /* (int a, var b) = ...: a deconstruction with declarations */
    after = skip_type(c->tok + 1);
    if (after && after->kind == TOK_NAME && !tok_is_keyword(after) && tok_is(after + 1, P1(','))) {
        struct list l = { 0 };

        s = syn_new(c, S_TUPLE, pos);
        c->tok++;
        do {
            struct syn *arg = syn_new(c, S_ARG, c->tok->pos);

            arg->a = syn_new(c, S_DECL, c->tok->pos);
            arg->a->type = parse_type(c);
            arg->a->text = expect_name(c);
            list_add(c, &l, arg);
        } while (take_punct(c, P1(',')));
        expect_punct(c, P1(')'));
        syn_take(s, &l);
        return s;
    }
    c->tok++;
    first = parse_argument(c);
    if (!at_punct(c, P1(','))) {
        expect_punct(c, P1(')'));
        return first->a;
    }
    {
        struct list l = { 0 };

        s = syn_new(c, S_TUPLE, pos);
        list_add(c, &l, first);
        while (take_punct(c, P1(',')))
            list_add(c, &l, parse_argument(c));
        expect_punct(c, P1(')'));
        syn_take(s, &l);
    }
    return s;
}

/* name := NAME [type_args when a call or member follows] */
static struct syn *parse_simple_name(struct comp *c, enum syn_op op)
{
    struct syn *s = syn_new(c, op, c->tok->pos);
    const struct token *after;

    s->text = expect_name(c);
    after = at_punct(c, P1('<')) ? skip_type_args(c->tok) : NULL;
    if (after && (after->kind == TOK_END || (after->kind == TOK_PUNCT && strchr("()]}:;,.?=!|^&[", (char)after->punct))))
        parse_type_args(c, &s->targs, &s->ntargs);
    return s;
}

/* keyword '(' type ')' or '(' expression ')' */
static struct syn *parse_operator_call(struct comp *c, enum syn_op op, bool of_type)
{
    struct syn *s = syn_new(c, op, c->tok++->pos);

    expect_punct(c, P1('('));
    if (of_type)
        s->type = parse_type(c);
    else
        s->a = parse_expression(c);
    expect_punct(c, P1(')'));
    return s;
}

static struct syn *parse_keyword(struct comp *c)
{
    static const char *const refused[] = { "base", "ref", "stackalloc", "this" };
    struct syn *s = syn_new(c, S_CONST, c->tok->pos);

    if (at_name(c, "new"))
        return parse_new(c);
    if (at_name(c, "typeof"))
        return parse_operator_call(c, S_TYPEOF, true);
    if (at_name(c, "sizeof"))
        return parse_operator_call(c, S_SIZEOF, true);
    if (at_name(c, "checked") || at_name(c, "unchecked")) {
        bool on = at_name(c, "checked");

        s = parse_operator_call(c, S_CHECKED, false);
        s->mode = on;
        return s;
    }
    if (at_name(c, "default")) {
        if (tok_is(c->tok + 1, P1('(')))
            return parse_operator_call(c, S_DEFAULT, true);
        c->tok++;
        s->op = S_DEFAULT;
        return s;
    }
    if (at_name(c, "throw")) {
        c->tok++;
        s->op = S_THROW;
        s->a = parse_expression(c);
        return s;
    }
    if (take_name(c, "null"))
        return s;
    if (at_name(c, "true") || at_name(c, "false")) {
        s->value = expr_value_from_bool(at_name(c, "true"));
        c->tok++;
        return s;
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (at_name(c, refused[i]))
            return comp_fail(c, s->pos, "'%s' is not supported in policy expressions", refused[i]), s;
    parse_unexpected(c, "an expression");
    return s;
}

static bool at_query(struct comp *c)
{
    const struct token *t = c->tok + 1, *after;

    if (!at_name(c, "from"))
        return false;
    if (t->kind == TOK_NAME && tok_named(t + 1, "in"))
        return true;
    after = skip_type(t);
    return after && after->kind == TOK_NAME && tok_named(after + 1, "in");
}

/* A static lambda captures nothing: all that it may do it can do without the word. */
static void take_static(struct comp *c)
{
    const struct token *t = c->tok;

    if (!at_name(c, "static"))
        return;
    c->tok++;
    if (!at_lambda(c))
        c->tok = t;
}

static struct syn *parse_primary(struct comp *c)
{
    struct syn *s;

    take_static(c);
    if (at_lambda(c))
        return parse_lambda(c);
    switch (c->tok->kind) {
    case TOK_NUMBER:
    case TOK_CHAR:
    case TOK_STRING:
        s = syn_new(c, S_CONST, c->tok->pos);
        s->value = c->tok++->value;
        return s;
    case TOK_INTERP:
        return parse_interp(c);
    case TOK_OPEN_NAME:
        s = syn_new(c, S_OPEN, c->tok->pos);
        s->text = c->tok++->text;
        return s;
    case TOK_NAME:
        if (at_name(c, "nameof") && tok_is(c->tok + 1, P1('(')))
            return parse_operator_call(c, S_NAMEOF, false);
        if (at_query(c))
            return parse_query(c);
        if (at_name(c, "await") && (c->tok + 1)->kind == TOK_NAME)
            comp_fail(c, c->tok->pos, "'await' is not supported in policy expressions");
        if (at_name(c, "async") && ((c->tok + 1)->kind == TOK_NAME || tok_is(c->tok + 1, P1('('))))
            comp_fail(c, c->tok->pos, "'async' is not supported in policy expressions");
        return tok_is_keyword(c->tok) ? parse_keyword(c) : parse_simple_name(c, S_NAME);
    default:
        if (at_punct(c, P1('(')))
            return parse_paren(c);
        parse_unexpected(c, "an expression");
        return syn_new(c, S_CONST, c->tok->pos);
    }
}

/* One suffix on s: '.' name | '(' arguments ')' | '[' arguments ']' | '++' | '--' | '!'; NULL when there is none. */
static struct syn *parse_suffix(struct comp *c, struct syn *on)
{
    struct syn *s;
    uint32_t pos = c->tok->pos;

    if (take_punct(c, P1('.'))) {
        s = parse_simple_name(c, S_MEMBER);
    } else if (take_punct(c, P1('('))) {
        s = syn_new(c, S_CALL, pos);
        parse_arguments(c, s, P1(')'));
    } else if (take_punct(c, P1('['))) {
        s = syn_new(c, S_INDEX, pos);
        parse_index_arguments(c, s);
    } else if (at_punct(c, P2('+', '+')) || at_punct(c, P2('-', '-'))) {
        s = syn_new(c, S_POSTFIX, pos);
        s->punct = c->tok++->punct;
    } else if (at_punct(c, P1('!')) && !c->tok->spaced && (tok_is(c->tok + 1, P1('.')) || tok_is(c->tok + 1, P1(')')) ||
                                                             tok_is(c->tok + 1, P1('[')) || tok_is(c->tok + 1, P1(';')))) {
        c->tok++;
        return on;
    } else {
        return NULL;
    }
    s->a = on;
    return s;
}

/* postfix := primary {suffix} [('?.' name | '?[' arguments ']') rest-of-the-chain]
 * S_CONDACCESS: a receiver, b the rest with S_BINDING where the receiver stands */
static struct syn *parse_chain(struct comp *c, struct syn *s)
{
    struct syn *next;

    if (!parse_enter(c))
        return s;
    while ((next = parse_suffix(c, s)))
        s = next;
    if (at_punct(c, P2('?', '.')) || (at_punct(c, P1('?')) && tok_is(c->tok + 1, P1('[')) && !(c->tok + 1)->spaced)) {
        struct syn *cond = syn_new(c, S_CONDACCESS, c->tok->pos);
        struct syn *hole = syn_new(c, S_BINDING, c->tok->pos), *first;

        cond->a = s;
        if (at_punct(c, P2('?', '.'))) {
            c->tok++;
            first = parse_simple_name(c, S_MEMBER);
        } else {
            c->tok += 2;
            first = syn_new(c, S_INDEX, hole->pos);
            parse_index_arguments(c, first);
        }
        first->a = hole;
        cond->b = parse_chain(c, first);
        s = cond;
    }
    c->depth--;
    return s;
}

/* unary := ('+'|'-'|'!'|'~'|'++'|'--') unary | cast unary | postfix */
static struct syn *parse_unary(struct comp *c)
{
    struct syn *s = NULL;
    uint32_t pos = c->tok->pos;

    if (!parse_enter(c))
        return syn_new(c, S_CONST, pos);
    if (at_punct(c, P1('+')) || at_punct(c, P1('-')) || at_punct(c, P1('!')) || at_punct(c, P1('~')) ||
        at_punct(c, P2('+', '+')) || at_punct(c, P2('-', '-'))) {
        s = syn_new(c, S_UNARY, pos);
        s->punct = c->tok++->punct;
        s->a = parse_unary(c);
    } else if (at_punct(c, P1('(')) && !at_lambda(c) && at_cast(c)) {
        s = syn_new(c, S_CAST, pos);
        c->tok++;
        s->type = parse_type(c);
        expect_punct(c, P1(')'));
        s->a = parse_unary(c);
    } else if (at_punct(c, P1('^')) || at_punct(c, P2('.', '.'))) {
        comp_fail(c, pos, "'^' and '..' can stand only between the brackets of an index");
    }
    if (!s)
        s = parse_chain(c, parse_primary(c));
    c->depth--;
    return s;
}

/* ---- operators ---- */

static int binary_level(const struct token *t, uint32_t *op, unsigned *tokens)
{
    static const struct { uint32_t op; int level; } table[] = {
        { P2('?', '?'), 2 }, { P2('|', '|'), 3 }, { P2('&', '&'), 4 }, { P1('|'), 5 }, { P1('^'), 6 }, { P1('&'), 7 },
        { P2('=', '='), 8 }, { P2('!', '='), 8 }, { P1('<'), 9 }, { P1('>'), 9 }, { P2('<', '='), 9 }, { P2('>', '='), 9 },
        { P2('<', '<'), 10 }, { P1('+'), 11 }, { P1('-'), 11 }, { P1('*'), 12 }, { P1('/'), 12 }, { P1('%'), 12 } };

    *tokens = 1;
    if (tok_named(t, "is") || tok_named(t, "as")) {
        *op = tok_named(t, "is") ? 'i' : 'a';
        return 9;
    }
    if (tok_named(t, "switch") && tok_is(t + 1, P1('{'))) {
        *op = 's';
        return 13;
    }
    if (t->kind != TOK_PUNCT)
        return 0;
    if (t->punct == P1('>') && tok_is(t + 1, P1('>')) && !(t + 1)->spaced) {
        *op = P2('>', '>');
        *tokens = 2;
        return 10;
    }
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].op == t->punct) {
            *op = t->punct;
            return table[i].level;
        }
    return 0;
}

/* switch_expression := operand 'switch' '{' {pattern ['when' expression] '=>' expression ','} '}'
 * S_SWITCHEXPR: a operand, v of S_ARM (a pattern, b guard, c value) */
static struct syn *parse_switch_expr(struct comp *c, struct syn *on)
{
    struct syn *s = syn_new(c, S_SWITCHEXPR, c->tok->pos);
    struct list l = { 0 };

    s->a = on;
    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        struct syn *arm = syn_new(c, S_ARM, c->tok->pos);

        arm->a = parse_pattern(c);
        if (take_name(c, "when"))
            arm->b = parse_expression(c);
        expect_punct(c, P2('=', '>'));
        arm->c = parse_expression(c);
        list_add(c, &l, arm);
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1('}'));
    syn_take(s, &l);
    return s;
}

static struct syn *parse_binary(struct comp *c, int min)
{
    struct syn *left, *s;
    uint32_t op;
    unsigned tokens;

    if (!parse_enter(c))
        return syn_new(c, S_CONST, c->tok->pos);
    left = parse_unary(c);
    for (;;) {
        const struct token *t = c->tok;
        int level = binary_level(t, &op, &tokens);

        if (level == 0 || level < min || c->failed)
            break;
        if (op == P2('>', '>') && tok_is(t + 2, P2('>', '=')))
            break;
        if (op == P1('>') && tok_is(t + 1, P2('>', '=')) && !(t + 1)->spaced)
            break; /* >>= */
        c->tok += tokens;
        if (op == 'i') {
            s = syn_new(c, S_IS, t->pos);
            s->b = parse_pattern(c);
        } else if (op == 'a') {
            s = syn_new(c, S_AS, t->pos);
            s->type = parse_type(c);
        } else if (op == 's') {
            left = parse_switch_expr(c, left);
            continue;
        } else {
            s = syn_new(c, S_BINARY, t->pos);
            s->punct = op;
            s->b = parse_binary(c, op == P2('?', '?') ? level : level + 1);
        }
        s->a = left;
        left = s;
    }
    c->depth--;
    return left;
}

struct syn *parse_shift(struct comp *c)
{
    return parse_binary(c, 10);
}

static bool at_assignment(struct comp *c, uint32_t *op, unsigned *tokens)
{
    static const uint32_t ops[] = { P1('='), P2('+', '='), P2('-', '='), P2('*', '='), P2('/', '='), P2('%', '='),
                                    P2('&', '='), P2('|', '='), P2('^', '='), P3('<', '<', '='), P3('?', '?', '=') };

    *tokens = 1;
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        if (at_punct(c, ops[i])) {
            *op = ops[i];
            return true;
        }
    if (at_punct(c, P1('>')) && tok_is(c->tok + 1, P2('>', '=')) && !(c->tok + 1)->spaced) {
        *op = P3('>', '>', '=');
        *tokens = 2;
        return true;
    }
    return false;
}

struct syn *parse_designators(struct comp *c)
{
    struct syn *s = syn_new(c, S_TUPLE, c->tok->pos);
    struct list l = { 0 };

    if (!parse_enter(c))
        return s;
    expect_punct(c, P1('('));
    do {
        struct syn *arg = syn_new(c, S_ARG, c->tok->pos);

        if (at_punct(c, P1('('))) {
            arg->a = parse_designators(c);
        } else {
            arg->a = syn_new(c, S_DECL, c->tok->pos);
            arg->a->text = expect_name(c);
        }
        list_add(c, &l, arg);
    } while (take_punct(c, P1(',')));
    expect_punct(c, P1(')'));
    syn_take(s, &l);
    c->depth--;
    return s;
}

/* expression := binary ['?' expression ':' expression] | binary assignment_op expression */
struct syn *parse_expression(struct comp *c)
{
    struct syn *s, *left;
    uint32_t op = 0;
    unsigned tokens;

    if (!parse_enter(c))
        return syn_new(c, S_CONST, c->tok->pos);
    if (at_name(c, "var") && tok_is(c->tok + 1, P1('('))) {
        c->tok++;
        left = parse_designators(c);
    } else {
        left = parse_binary(c, 2);
    }
    if (at_punct(c, P1('?'))) {
        s = syn_new(c, S_COND, c->tok->pos);
        c->tok++;
        s->a = left;
        s->b = parse_expression(c);
        expect_punct(c, P1(':'));
        s->c = parse_expression(c);
        left = s;
    } else if (at_assignment(c, &op, &tokens)) {
        s = syn_new(c, S_ASSIGN, c->tok->pos);
        c->tok += tokens;
        s->punct = op;
        s->a = left;
        s->b = parse_expression(c);
        left = s;
    }
    c->depth--;
    return left;
}
