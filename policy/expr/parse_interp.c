/* Interpolated strings: text and holes. */
#include "policy/expr/syntax.h"

#include "policy/expr/text.h"

/* The interpolated string's text part in C# source form, resolved to a string constant. */
static struct syn *interp_text(struct comp *c, const struct token *t, const char *p, const char *end)
{
    struct syn *s = syn_new(c, S_CONST, (uint32_t)(p - c->source.p));
    struct buf b;

    buf_init(&b, c->scratch);
    while (p < end && !c->failed) {
        uint32_t cp;

        if (t->quotes < 3 && (*p == '{' || *p == '}')) {
            if (p + 1 >= end || p[1] != *p)
                comp_fail(c, (uint32_t)(p - c->source.p), "a '%c' in the text of an interpolated string is written twice", *p);
            buf_putc(&b, *p);
            p += 2;
        } else if (t->quotes < 3 && t->verbatim && *p == '"') {
            buf_putc(&b, '"');
            p += 2;
        } else if (t->quotes < 3 && !t->verbatim && *p == '\\') {
            p++;
            if (!lex_escape(&p, end, &cp))
                comp_fail(c, (uint32_t)(p - c->source.p), "unrecognized escape sequence in the string");
            else
                text_put_unit(&b, cp);
        } else {
            buf_putc(&b, *p++);
        }
    }
    s->value = text_value(arena_copy(c->program, buf_slice(&b)));
    return s;
}

/* hole := expression [',' constant] [':' format]. S_HOLE: a expression, b alignment, text format, in which the string's
 * escapes stand for what they do elsewhere in it */
static struct syn *interp_hole(struct comp *c, const struct token *t, const char *p, const char *end)
{
    struct syn *hole = syn_new(c, S_HOLE, (uint32_t)(p - c->source.p));
    const struct token *saved = c->tok, *sub;
    const char *q = p;
    int depth = 0;

    for (; q < end; q = lex_skip(q, end)) {
        depth += *q == '(' || *q == '[' || *q == '{';
        depth -= *q == ')' || *q == ']' || *q == '}';
        if (depth == 0 && *q == ':')
            break;
    }
    if (q + 1 == end)
        comp_fail(c, (uint32_t)(q - c->source.p), "the format behind ':' is empty");
    if (q < end)
        hole->text = text_slice(interp_text(c, t, q + 1, end)->value);
    sub = lex(c, (uint32_t)(p - c->source.p), (uint32_t)(q - c->source.p));
    if (!sub)
        return hole;
    c->tok = sub;
    hole->a = parse_expression(c);
    if (take_punct(c, P1(',')))
        hole->b = parse_expression(c);
    if (c->tok->kind != TOK_END)
        comp_fail(c, c->tok->pos, "'}' expected in the interpolated string");
    if (!c->failed)
        c->tok = saved;
    return hole;
}

/* S_INTERP: v = S_CONST and S_HOLE in order */
struct syn *parse_interp(struct comp *c)
{
    const struct token *t = c->tok++;
    struct syn *s = syn_new(c, S_INTERP, t->pos);
    const char *p = t->text.p, *end = p + t->text.n, *start = p;
    unsigned braces = t->quotes >= 3 ? t->dollars : 1;
    struct list l = { 0 };

    /* {{name}} inside of a hole's braces reads as an escaped brace, a name, an escaped brace */
    c->open_code |= c->opt->open_names && slice_find(t->text, SLICE("{{{")) >= 0;
    while (p < end && !c->failed) {
        const char *close;
        unsigned n = 0;

        while (p + n < end && p[n] == '{')
            n++;
        if (n < braces || (braces == 1 && n >= 2)) {
            p += n >= 2 && braces == 1 ? 2 : (*p == '\\' && t->quotes < 3 && !t->verbatim ? 2 : (n ? n : 1));
            continue;
        }
        p += n - braces;
        if (p > start)
            list_add(c, &l, interp_text(c, t, start, p));
        p += braces;
        int depth = 1;
        for (close = p; close < end; close = lex_skip(close, end)) {
            depth += *close == '{' || *close == '(' || *close == '[';
            depth -= *close == '}' || *close == ')' || *close == ']';
            if (depth == 0)
                break;
        }
        list_add(c, &l, interp_hole(c, t, p, close));
        p = close + braces;
        start = p;
    }
    if (start < end)
        list_add(c, &l, interp_text(c, t, start, end));
    syn_take(s, &l);
    return s;
}
