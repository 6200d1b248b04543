/* The parser's cursor and the types as written. */
#include "policy/expr/syntax.h"

#include <stdio.h>

struct syn *syn_new(struct comp *c, enum syn_op op, uint32_t pos)
{
    static struct syn dead; /* what a full arena gives: never looked at, the error is sticky */
    struct syn *s = comp_new(c, struct syn);

    if (!s)
        return &dead;
    s->op = op;
    s->pos = pos;
    return s;
}

void syn_take(struct syn *s, const struct list *l)
{
    s->v = (struct syn **)l->v;
    s->n = l->n;
}

bool tok_is(const struct token *t, uint32_t p)
{
    return t->kind == TOK_PUNCT && t->punct == p;
}

bool tok_named(const struct token *t, const char *name)
{
    return t->kind == TOK_NAME && !t->verbatim && strlen(name) == t->text.n && memcmp(name, t->text.p, t->text.n) == 0;
}

bool tok_is_keyword(const struct token *t)
{
    static const char *const words[] = {
        "as", "base", "break", "case", "catch", "checked", "class", "const", "continue", "default", "delegate", "do",
        "else", "enum", "false", "finally", "fixed", "for", "foreach", "goto", "if", "in", "interface", "is", "lock",
        "new", "null", "operator", "out", "params", "private", "public", "ref", "return", "sizeof", "stackalloc",
        "static", "struct", "switch", "this", "throw", "true", "try", "typeof", "unchecked", "unsafe", "using",
        "virtual", "void", "while" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (tok_named(t, words[i]))
            return true;
    return false;
}

bool at_punct(struct comp *c, uint32_t p)
{
    return tok_is(c->tok, p);
}

bool at_name(struct comp *c, const char *name)
{
    return tok_named(c->tok, name);
}

bool take_punct(struct comp *c, uint32_t p)
{
    if (!at_punct(c, p))
        return false;
    c->tok++;
    return true;
}

bool take_name(struct comp *c, const char *name)
{
    if (!at_name(c, name))
        return false;
    c->tok++;
    return true;
}

void parse_unexpected(struct comp *c, const char *wanted)
{
    const struct token *t = c->tok;
    char punct[4] = { (char)t->punct, (char)(t->punct >> 8), (char)(t->punct >> 16), 0 };

    if (t->kind == TOK_END)
        comp_fail(c, t->pos, "%s expected at the end", wanted);
    else if (t->kind == TOK_NAME)
        comp_fail(c, t->pos, "%s expected before '%.*s'", wanted, SLICE_ARG(t->text));
    else if (t->kind == TOK_PUNCT)
        comp_fail(c, t->pos, "%s expected before '%s'", wanted, punct);
    else if (t->kind == TOK_OPEN_NAME)
        comp_fail(c, t->pos, "%s expected before '{{%.*s}}'", wanted, SLICE_ARG(t->text));
    else
        comp_fail(c, t->pos, "%s expected before a literal", wanted);
}

void expect_punct(struct comp *c, uint32_t p)
{
    char punct[4] = { (char)p, (char)(p >> 8), (char)(p >> 16), 0 }, wanted[8];

    if (take_punct(c, p))
        return;
    snprintf(wanted, sizeof wanted, "'%s'", punct);
    parse_unexpected(c, wanted);
}

struct slice expect_name(struct comp *c)
{
    struct slice text = c->tok->text;

    if (c->tok->kind != TOK_NAME || tok_is_keyword(c->tok)) {
        parse_unexpected(c, "a name");
        return SLICE_NONE;
    }
    c->tok++;
    return text;
}

bool parse_enter(struct comp *c)
{
    if (c->depth >= COMP_DEPTH_MAX)
        comp_fail(c, c->tok->pos, "the expression is nested more than %d deep", COMP_DEPTH_MAX);
    c->depth++;
    return !c->failed;
}

/* ---- types ---- */

const struct token *skip_type_args(const struct token *t)
{
    if (!tok_is(t, P1('<')))
        return NULL;
    do {
        t = t[1].kind == TOK_OPEN_NAME ? t + 2 : skip_type(t + 1);
    } while (t && tok_is(t, P1(',')));
    return t && tok_is(t, P1('>')) ? t + 1 : NULL;
}

const struct token *skip_tuple_type(const struct token *t)
{
    unsigned n = 0;

    do {
        t = skip_type(t + 1);
        if (t && t->kind == TOK_NAME)
            t++;
        n++;
    } while (t && tok_is(t, P1(',')));
    return t && n > 1 && tok_is(t, P1(')')) ? t + 1 : NULL;
}

const struct token *skip_type(const struct token *t)
{
    if (tok_is(t, P1('('))) {
        t = skip_tuple_type(t);
    } else {
        for (;;) {
            if (t->kind != TOK_NAME || tok_is_keyword(t))
                return NULL;
            t++;
            if (tok_is(t, P1('<')) && !(t = skip_type_args(t)))
                return NULL;
            if (!tok_is(t, P1('.')) && !tok_is(t, P2(':', ':')))
                break;
            t++;
        }
    }
    while (t && (tok_is(t, P1('?')) || (tok_is(t, P1('[')) && (tok_is(t + 1, P1(']')) || tok_is(t + 1, P1(','))))))
        if (tok_is(t, P1('?'))) {
            t++;
        } else {
            for (t++; tok_is(t, P1(',')); t++)
                ;
            if (!tok_is(t, P1(']')))
                return NULL;
            t++;
        }
    return t;
}

struct stype *stype_new(struct comp *c, enum stype_kind kind, uint32_t pos)
{
    static struct stype dead;
    struct stype *t = comp_new(c, struct stype);

    if (!t)
        return &dead;
    t->kind = kind;
    t->pos = pos;
    return t;
}

struct stype *stype_of(struct comp *c, enum stype_kind kind, struct stype *elem)
{
    struct stype *t = stype_new(c, kind, elem->pos);

    t->args = comp_alloc(c, sizeof *t->args);
    if (t->args)
        t->args[t->n++] = elem;
    return t;
}

/* type_args := '<' type {',' type} '>' */
void parse_type_args(struct comp *c, struct stype ***out, unsigned *n)
{
    struct list l = { 0 };

    expect_punct(c, P1('<'));
    do {
        list_add(c, &l, parse_type(c));
    } while (take_punct(c, P1(',')));
    expect_punct(c, P1('>'));
    *out = (struct stype **)l.v;
    *n = l.n;
}

/* tuple_type := '(' type [name] ',' type [name] ... ')' */
struct stype *parse_tuple_type(struct comp *c)
{
    struct stype *t = stype_new(c, STYPE_TUPLE, c->tok->pos);
    struct list types = { 0 };
    struct slice names[16] = { { 0 } };

    expect_punct(c, P1('('));
    do {
        if (types.n == 16)
            return comp_fail(c, c->tok->pos, "tuple with more than 16 elements");
        list_add(c, &types, parse_type(c));
        if (c->tok->kind == TOK_NAME)
            names[types.n - 1] = expect_name(c);
    } while (take_punct(c, P1(',')));
    expect_punct(c, P1(')'));
    t->args = (struct stype **)types.v;
    t->n = types.n;
    t->names = comp_alloc(c, sizeof names);
    if (t->names)
        memcpy(t->names, names, sizeof names);
    return t;
}

/* type := name {'.' name} [type_args] | tuple_type, then any of '?' '[]' */
struct stype *parse_type(struct comp *c)
{
    struct stype *t;
    uint32_t start = c->tok->pos;

    if (!parse_enter(c))
        return stype_new(c, STYPE_VAR, start);
    if (at_punct(c, P1('('))) {
        t = parse_tuple_type(c);
    } else if (c->tok->kind == TOK_OPEN_NAME) {
        t = stype_new(c, STYPE_VAR, start); /* whatever it will be */
        c->tok++;
    } else {
        t = stype_new(c, STYPE_NAMED, start);
        for (;;) {
            t->name = expect_name(c);
            if (at_punct(c, P1('<')))
                parse_type_args(c, &t->args, &t->n);
            if (c->failed || (!take_punct(c, P1('.')) && !take_punct(c, P2(':', ':'))))
                break;
            t->prefix = slice_of(c->source.p + start, (size_t)(t->name.p + t->name.n - c->source.p - start));
        }
    }
    while (!c->failed && c->tok != c->type_end) {
        if (at_punct(c, P1('?')) && !tok_is(c->tok + 1, P1('['))) {
            c->tok++;
            t = stype_of(c, STYPE_NULLABLE, t);
        } else if (at_punct(c, P1('[')) && tok_is(c->tok + 1, P1(']'))) {
            c->tok += 2;
            t = stype_of(c, STYPE_ARRAY, t);
        } else if (at_punct(c, P1('[')) && tok_is(c->tok + 1, P1(','))) {
            comp_fail(c, c->tok->pos, "arrays of more than one dimension are not supported");
        } else {
            break;
        }
    }
    c->depth--;
    return t ? t : stype_new(c, STYPE_VAR, start);
}
