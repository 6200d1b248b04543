/* The parser of statements, patterns and query expressions. */
#include "policy/expr/syntax.h"

static struct syn *parse_statement(struct comp *c);

/* ---- patterns ---- */

/* property pattern := '{' {name ':' pattern ','} '}'. v of S_PFIELD (text, a pattern) */
static void parse_fields(struct comp *c, struct syn *s)
{
    struct list l = { 0 };

    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        struct syn *f = syn_new(c, S_PFIELD, c->tok->pos);

        f->text = expect_name(c);
        expect_punct(c, P1(':'));
        f->a = parse_pattern(c);
        list_add(c, &l, f);
        if (!take_punct(c, P1(',')))
            break;
    }
    expect_punct(c, P1('}'));
    syn_take(s, &l);
}

static bool ends_pattern(const struct token *t)
{
    static const char *const words[] = { "when", "and", "or" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (tok_named(t, words[i]))
            return true;
    return t->kind == TOK_END || (t->kind == TOK_PUNCT && t->punct != P1('.') && t->punct != P1('('));
}

/* Behind `T?` in a pattern: what no operand begins with. An operand would be that of a conditional. */
static bool ends_nullable(const struct token *t)
{
    static const uint32_t puncts[] = { P1(')'), P1(']'), P1('}'), P1(';'), P1(','), P1(':'), P1('?'), P2('&', '&'), P2('|', '|'),
                                       P2('?', '?'), P2('=', '='), P2('!', '='), P2('=', '>') };

    for (size_t i = 0; i < COUNT_OF(puncts); i++)
        if (tok_is(t, puncts[i]))
            return true;
    return t->kind == TOK_END;
}

static bool at_designation(const struct token *t)
{
    return t->kind == TOK_NAME && !tok_is_keyword(t) && !tok_named(t, "when") && !tok_named(t, "and") && !tok_named(t, "or");
}

/* '(' pattern ')' | '(' pattern {',' pattern} ')'. S_PTUPLE: v patterns */
static struct syn *parse_positions(struct comp *c, uint32_t pos)
{
    struct syn *first = parse_pattern(c), *s;
    struct list l = { 0 };

    if (!at_punct(c, P1(','))) {
        expect_punct(c, P1(')'));
        return first;
    }
    s = syn_new(c, S_PTUPLE, pos);
    list_add(c, &l, first);
    while (take_punct(c, P1(',')))
        list_add(c, &l, parse_pattern(c));
    expect_punct(c, P1(')'));
    syn_take(s, &l);
    return s;
}

/* primary pattern := 'var' name | '_' | type [name] | [type] '{' fields '}' [name] | relational | '(' pattern ')' | constant
 * S_PTYPE: type, text. S_PVAR: text ('_' or none: discard). S_PCONST: a. S_PREL: punct, a. S_PPROP: type, v, text */
static struct syn *parse_primary_pattern(struct comp *c)
{
    struct syn *s;
    const struct token *after;
    uint32_t pos = c->tok->pos;

    if (at_punct(c, P1('<')) || at_punct(c, P1('>')) || at_punct(c, P2('<', '=')) || at_punct(c, P2('>', '='))) {
        s = syn_new(c, S_PREL, pos);
        s->punct = c->tok++->punct;
        s->a = parse_shift(c);
        return s;
    }
    if (take_punct(c, P1('(')))
        return parse_positions(c, pos);
    if (at_name(c, "var") && at_designation(c->tok + 1)) {
        c->tok++;
        s = syn_new(c, S_PVAR, pos);
        s->text = expect_name(c);
        return s;
    }
    if (at_name(c, "_") && ends_pattern(c->tok + 1)) {
        c->tok++;
        return syn_new(c, S_PVAR, pos);
    }
    after = at_punct(c, P1('{')) ? c->tok : skip_type(c->tok);
    if (after && tok_is(after, P1('{'))) {
        s = syn_new(c, S_PPROP, pos);
        if (after != c->tok)
            s->type = parse_type(c);
        parse_fields(c, s);
        if (at_designation(c->tok))
            s->text = expect_name(c);
        return s;
    }
    if (after && tok_is(after - 1, P1('?')) && !ends_nullable(after))
        after--; /* `x is T ? a : b` */
    if (after && (at_designation(after) || ends_pattern(after))) {
        s = syn_new(c, S_PTYPE, pos);
        c->type_end = after;
        s->type = parse_type(c);
        c->type_end = NULL;
        if (at_designation(c->tok))
            s->text = expect_name(c);
        return s;
    }
    s = syn_new(c, S_PCONST, pos);
    s->a = parse_shift(c);
    return s;
}

/* pattern := and {'or' and};  and := ['not'] primary {'and' ['not'] primary} */
struct syn *parse_pattern(struct comp *c)
{
    struct syn *left = NULL;

    if (!parse_enter(c))
        return syn_new(c, S_PVAR, c->tok->pos);
    for (;;) {
        struct syn *term = NULL;
        uint32_t pos = c->tok->pos;

        do {
            bool negated = take_name(c, "not");
            struct syn *p = parse_primary_pattern(c), *s;

            if (negated) {
                s = syn_new(c, S_PNOT, pos);
                s->a = p;
                p = s;
            }
            if (term) {
                s = syn_new(c, S_PAND, pos);
                s->a = term;
                s->b = p;
                p = s;
            }
            term = p;
        } while (take_name(c, "and"));
        if (left) {
            struct syn *s = syn_new(c, S_POR, pos);

            s->a = left;
            s->b = term;
            term = s;
        }
        left = term;
        if (!take_name(c, "or"))
            break;
    }
    c->depth--;
    return left;
}

/* ---- query expressions: kept as written, the binder turns them into method calls ---- */

static void expect_word(struct comp *c, const char *word)
{
    if (!take_name(c, word))
        comp_fail(c, c->tok->pos, "'%s' expected", word);
}

/* [type] name 'in' expression */
static void parse_range(struct comp *c, struct syn *s)
{
    if (!tok_named(c->tok + 1, "in"))
        s->type = parse_type(c);
    s->text = expect_name(c);
    expect_word(c, "in");
    s->a = parse_expression(c);
}

/* join := 'join' [type] name 'in' expression 'on' expression 'equals' expression ['into' name]. Its S_ARG: text, a, b, c;
 * v of one S_NAME, the name of the group, when there is one */
static void parse_join(struct comp *c, struct syn *s)
{
    struct list into = { 0 };

    parse_range(c, s);
    expect_word(c, "on");
    s->b = parse_expression(c);
    expect_word(c, "equals");
    s->c = parse_expression(c);
    if (!take_name(c, "into"))
        return;
    list_add(c, &into, syn_new(c, S_NAME, c->tok->pos));
    syn_take(s, &into);
    if (s->n)
        s->v[0]->text = expect_name(c);
}

/* query := 'from' [type] name 'in' expression {clause} ('select' expression | 'group' expression 'by' expression)
 *          ['into' name {clause} ...]
 * S_QUERY: v of clauses, each S_ARG with mode = first letter, text name, a, b, punct 1 = descending */
struct syn *parse_query(struct comp *c)
{
    struct syn *q = syn_new(c, S_QUERY, c->tok->pos);
    struct list l = { 0 };

    while (!c->failed) {
        struct syn *s = syn_new(c, S_ARG, c->tok->pos);
        char first = c->tok->kind == TOK_NAME ? c->tok->text.p[0] : 0;

        s->mode = (uint8_t)first;
        if (take_name(c, "from")) {
            parse_range(c, s);
        } else if (take_name(c, "join")) {
            parse_join(c, s);
        } else if (take_name(c, "let")) {
            s->text = expect_name(c);
            expect_punct(c, P1('='));
            s->a = parse_expression(c);
        } else if (take_name(c, "where")) {
            s->a = parse_expression(c);
        } else if (take_name(c, "orderby")) {
            for (;;) {
                s->a = parse_expression(c);
                s->punct = take_name(c, "descending");
                if (!s->punct)
                    take_name(c, "ascending");
                if (!take_punct(c, P1(',')))
                    break;
                list_add(c, &l, s);
                s = syn_new(c, S_ARG, c->tok->pos);
                s->mode = 't'; /* then by */
            }
        } else if (take_name(c, "select") || take_name(c, "group")) {
            s->a = parse_expression(c);
            if (first == 'g') {
                expect_word(c, "by");
                s->b = parse_expression(c);
            }
            if (take_name(c, "into"))
                s->text = expect_name(c);
            list_add(c, &l, s);
            if (!s->text.p)
                break;
            continue;
        } else {
            comp_fail(c, c->tok->pos, "'select' or 'group' expected at the end of the query");
        }
        list_add(c, &l, s);
    }
    syn_take(q, &l);
    return q;
}

/* ---- statements ---- */

/* declarators := name ['=' initializer] {',' ...}. S_LOCAL: type, v of S_DECLARATOR (text, a value or S_INIT) */
static struct syn *parse_local(struct comp *c)
{
    struct syn *s = syn_new(c, S_LOCAL, c->tok->pos);
    struct list l = { 0 };

    s->mode = take_name(c, "const");
    s->type = parse_type(c);
    do {
        struct syn *d = syn_new(c, S_DECLARATOR, c->tok->pos);

        d->text = expect_name(c);
        if (take_punct(c, P1('=')))
            d->a = at_punct(c, P1('{')) ? parse_init(c) : parse_expression(c);
        list_add(c, &l, d);
    } while (take_punct(c, P1(',')));
    syn_take(s, &l);
    return s;
}

static bool at_local(struct comp *c)
{
    const struct token *after;

    if (at_name(c, "const"))
        return true;
    after = skip_type(c->tok);
    return after && after->kind == TOK_NAME && !tok_is_keyword(after) &&
           (after[1].kind == TOK_END ||
            (after[1].kind == TOK_PUNCT && (after[1].punct == P1('=') || after[1].punct == P1(';') || after[1].punct == P1(','))));
}

/* local function := ['static'] type name params (block | '=>' expression ';'). S_LOCALFUNC: type (NULL: void), text, v, a */
static struct syn *parse_local_function(struct comp *c)
{
    const struct token *t = c->tok, *after, *generic;
    struct syn *s, *params;
    bool is_void;

    if (tok_named(t, "static"))
        t++;
    is_void = tok_named(t, "void");
    after = is_void ? t + 1 : skip_type(t);
    if (after && after->kind == TOK_NAME && !tok_is_keyword(after) && (generic = skip_type_args(after + 1)) && tok_is(generic, P1('(')))
        return comp_fail(c, after->pos, "local functions with type parameters are not supported");
    if (!after || after->kind != TOK_NAME || tok_is_keyword(after) || !tok_is(after + 1, P1('(')))
        return NULL;
    s = syn_new(c, S_LOCALFUNC, t->pos);
    c->tok = is_void ? after : t;
    if (!is_void)
        s->type = parse_type(c);
    s->text = expect_name(c);
    params = parse_params(c);
    s->v = params->v;
    s->n = params->n;
    if (take_punct(c, P2('=', '>'))) {
        s->a = parse_expression(c);
        expect_punct(c, P1(';'));
    } else {
        s->a = parse_block(c);
    }
    return s;
}

/* if := 'if' '(' expression ')' statement ['else' statement] */
static struct syn *parse_if(struct comp *c)
{
    struct syn *s = syn_new(c, S_IF, c->tok++->pos);

    expect_punct(c, P1('('));
    s->a = parse_expression(c);
    expect_punct(c, P1(')'));
    s->b = parse_statement(c);
    if (take_name(c, "else"))
        s->c = parse_statement(c);
    return s;
}

/* while, do */
static struct syn *parse_while(struct comp *c)
{
    bool is_do = at_name(c, "do");
    struct syn *s = syn_new(c, is_do ? S_DO : S_WHILE, c->tok++->pos);

    if (is_do) {
        s->b = parse_statement(c);
        if (!take_name(c, "while"))
            comp_fail(c, c->tok->pos, "'while' expected");
    }
    expect_punct(c, P1('('));
    s->a = parse_expression(c);
    expect_punct(c, P1(')'));
    if (is_do)
        expect_punct(c, P1(';'));
    else
        s->b = parse_statement(c);
    return s;
}

/* for := 'for' '(' [local | expressions] ';' [expression] ';' [expressions] ')' statement
 * S_FOR: v initial statements, a condition, c S_BLOCK of steps, b body */
static struct syn *parse_for(struct comp *c)
{
    struct syn *s = syn_new(c, S_FOR, c->tok++->pos), *e;
    struct list init = { 0 }, steps = { 0 };

    expect_punct(c, P1('('));
    if (at_local(c)) {
        list_add(c, &init, parse_local(c));
    } else if (!at_punct(c, P1(';'))) {
        do {
            e = syn_new(c, S_EXPR, c->tok->pos);
            e->a = parse_expression(c);
            list_add(c, &init, e);
        } while (take_punct(c, P1(',')));
    }
    expect_punct(c, P1(';'));
    if (!at_punct(c, P1(';')))
        s->a = parse_expression(c);
    expect_punct(c, P1(';'));
    s->c = syn_new(c, S_BLOCK, c->tok->pos);
    if (!at_punct(c, P1(')')))
        do {
            e = syn_new(c, S_EXPR, c->tok->pos);
            e->a = parse_expression(c);
            list_add(c, &steps, e);
        } while (take_punct(c, P1(',')));
    expect_punct(c, P1(')'));
    syn_take(s, &init);
    syn_take(s->c, &steps);
    s->b = parse_statement(c);
    return s;
}

/* foreach := 'foreach' '(' (type name | 'var' '(' names ')') 'in' expression ')' statement
 * S_FOREACH: type, text or c (S_TUPLE), a sequence, b body */
static struct syn *parse_foreach(struct comp *c)
{
    struct syn *s = syn_new(c, S_FOREACH, c->tok++->pos);

    expect_punct(c, P1('('));
    if (at_name(c, "var") && tok_is(c->tok + 1, P1('('))) {
        c->tok++;
        s->c = parse_designators(c);
    } else if (at_punct(c, P1('('))) {
        struct list l = { 0 };

        s->c = syn_new(c, S_TUPLE, c->tok++->pos);
        do {
            struct syn *arg = syn_new(c, S_ARG, c->tok->pos);

            arg->a = syn_new(c, S_DECL, c->tok->pos);
            arg->a->type = parse_type(c);
            arg->a->text = expect_name(c);
            list_add(c, &l, arg);
        } while (take_punct(c, P1(',')));
        expect_punct(c, P1(')'));
        syn_take(s->c, &l);
    } else {
        s->type = parse_type(c);
        s->text = expect_name(c);
    }
    if (!take_name(c, "in"))
        comp_fail(c, c->tok->pos, "'in' expected");
    s->a = parse_expression(c);
    expect_punct(c, P1(')'));
    s->b = parse_statement(c);
    return s;
}

/* switch := 'switch' '(' expression ')' '{' {section} '}';  section := {('case' pattern ['when' e] | 'default') ':'} statements
 * S_SWITCH: a, v of S_SECTION (v of S_ARM labels: a pattern or NULL for default, b guard; a = S_BLOCK body) */
static struct syn *parse_switch(struct comp *c)
{
    struct syn *s = syn_new(c, S_SWITCH, c->tok++->pos);
    struct list sections = { 0 };

    expect_punct(c, P1('('));
    s->a = parse_expression(c);
    expect_punct(c, P1(')'));
    expect_punct(c, P1('{'));
    while (!at_punct(c, P1('}')) && !c->failed) {
        struct syn *section = syn_new(c, S_SECTION, c->tok->pos);
        struct list labels = { 0 }, body = { 0 };

        while (at_name(c, "case") || (at_name(c, "default") && tok_is(c->tok + 1, P1(':')))) {
            struct syn *label = syn_new(c, S_ARM, c->tok->pos);

            if (take_name(c, "case")) {
                label->a = parse_pattern(c);
                if (take_name(c, "when"))
                    label->b = parse_expression(c);
            } else {
                c->tok++;
            }
            expect_punct(c, P1(':'));
            list_add(c, &labels, label);
        }
        if (labels.n == 0)
            comp_fail(c, c->tok->pos, "'case' or 'default' expected");
        section->a = syn_new(c, S_BLOCK, c->tok->pos);
        while (!c->failed && !at_name(c, "case") && !at_punct(c, P1('}')) &&
               !(at_name(c, "default") && tok_is(c->tok + 1, P1(':'))))
            list_add(c, &body, parse_statement(c));
        syn_take(section->a, &body);
        syn_take(section, &labels);
        list_add(c, &sections, section);
    }
    expect_punct(c, P1('}'));
    syn_take(s, &sections);
    return s;
}

/* try := 'try' block {'catch' ['(' type [name] ')'] ['when' '(' e ')'] block} ['finally' block]
 * S_TRY: a block, v of S_CATCH (type, text, b filter, a block), b finally */
static struct syn *parse_try(struct comp *c)
{
    struct syn *s = syn_new(c, S_TRY, c->tok++->pos);
    struct list l = { 0 };

    s->a = parse_block(c);
    while (at_name(c, "catch")) {
        struct syn *k = syn_new(c, S_CATCH, c->tok++->pos);

        if (take_punct(c, P1('('))) {
            k->type = parse_type(c);
            if (!at_punct(c, P1(')')))
                k->text = expect_name(c);
            expect_punct(c, P1(')'));
        }
        if (take_name(c, "when")) {
            expect_punct(c, P1('('));
            k->b = parse_expression(c);
            expect_punct(c, P1(')'));
        }
        k->a = parse_block(c);
        list_add(c, &l, k);
    }
    if (take_name(c, "finally"))
        s->b = parse_block(c);
    if (l.n == 0 && !s->b)
        comp_fail(c, c->tok->pos, "'catch' or 'finally' expected");
    syn_take(s, &l);
    return s;
}

/* using := 'using' '(' (local | expression) ')' statement | 'using' local ';'. S_USING: a (S_LOCAL or S_EXPR), b or NULL */
static struct syn *parse_using(struct comp *c)
{
    struct syn *s = syn_new(c, S_USING, c->tok++->pos);

    if (take_punct(c, P1('('))) {
        if (at_local(c)) {
            s->a = parse_local(c);
        } else {
            s->a = syn_new(c, S_EXPR, c->tok->pos);
            s->a->a = parse_expression(c);
        }
        expect_punct(c, P1(')'));
        s->b = parse_statement(c);
    } else if (at_local(c)) {
        s->a = parse_local(c);
        expect_punct(c, P1(';'));
    } else {
        comp_fail(c, s->pos, "'using' of a namespace is not supported in policy expressions: "
                             "the types of the white-list are known without");
    }
    return s;
}

/* break, continue, return, throw */
static struct syn *parse_jump(struct comp *c)
{
    const struct token *t = c->tok++;
    struct syn *s = syn_new(c, S_BREAK, t->pos);

    if (tok_named(t, "continue"))
        s->op = S_CONTINUE;
    if (tok_named(t, "return") || tok_named(t, "throw")) {
        s->op = tok_named(t, "return") ? S_RETURN : S_THROW;
        if (!at_punct(c, P1(';')))
            s->a = parse_expression(c);
    }
    expect_punct(c, P1(';'));
    return s;
}

/* What C# has and the original refuses: an error that names it. The second row are words that may also be names. */
static bool refuse_statement(struct comp *c)
{
    static const char *const words[] = { "goto", "class", "struct", "interface", "enum", "lock", "unsafe", "fixed", "namespace",
                                         "event", "extern", "public", "private", "protected", "internal", "readonly",
                                         "volatile", "abstract", "sealed", "virtual", "override", "operator", "ref" };
    static const char *const names[] = { "record", "partial" };
    const struct token *next = c->tok + 1;

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (at_name(c, words[i]))
            return comp_fail(c, c->tok->pos, "'%s' is not supported in policy expressions", words[i]), true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (at_name(c, names[i]) && next->kind == TOK_NAME && next[1].kind == TOK_PUNCT && !tok_is(next + 1, P1('=')))
            return comp_fail(c, c->tok->pos, "'%s' is not supported in policy expressions", names[i]), true;
    if ((at_name(c, "yield") && (tok_named(next, "return") || tok_named(next, "break"))) ||
        (at_name(c, "delegate") && next->kind == TOK_NAME))
        return comp_fail(c, c->tok->pos, "'%.*s' is not supported in policy expressions", SLICE_ARG(c->tok->text)), true;
    return false;
}

static struct syn *parse_simple_statement(struct comp *c)
{
    struct syn *s;

    if (refuse_statement(c))
        return NULL;
    if ((s = parse_local_function(c)))
        return s;
    if (at_local(c)) {
        s = parse_local(c);
    } else {
        s = syn_new(c, S_EXPR, c->tok->pos);
        s->a = parse_expression(c);
        if (s->a->op == S_OPEN) {
            c->open_code = true;
            if (!at_punct(c, P1(';')))
                return s; /* a named value that stands for statements */
        }
    }
    expect_punct(c, P1(';'));
    return s;
}

static struct syn *parse_statement(struct comp *c)
{
    static const struct { const char *word; struct syn *(*parse)(struct comp *); } table[] = {
        { "if", parse_if }, { "while", parse_while }, { "do", parse_while }, { "for", parse_for },
        { "foreach", parse_foreach }, { "switch", parse_switch }, { "try", parse_try }, { "using", parse_using },
        { "break", parse_jump }, { "continue", parse_jump }, { "return", parse_jump }, { "throw", parse_jump } };
    struct syn *s = NULL;
    uint32_t pos = c->tok->pos;

    if (!parse_enter(c))
        return syn_new(c, S_EMPTY, pos);
    if (at_punct(c, P1('{'))) {
        s = parse_block(c);
    } else if (take_punct(c, P1(';'))) {
        s = syn_new(c, S_EMPTY, pos);
    } else if ((at_name(c, "checked") || at_name(c, "unchecked")) && tok_is(c->tok + 1, P1('{'))) {
        bool on = at_name(c, "checked");

        c->tok++;
        s = syn_new(c, S_CHECKED, pos);
        s->mode = on;
        s->a = parse_block(c);
    } else {
        for (size_t i = 0; i < COUNT_OF(table) && !s; i++)
            if (at_name(c, table[i].word))
                s = table[i].parse(c);
        if (!s)
            s = parse_simple_statement(c);
    }
    c->depth--;
    return s ? s : syn_new(c, S_EMPTY, pos);
}

/* statements up to '}' or the end. S_BLOCK: v */
struct syn *parse_statements(struct comp *c)
{
    struct syn *s = syn_new(c, S_BLOCK, c->tok->pos);
    struct list l = { 0 };

    while (!c->failed && c->tok->kind != TOK_END && !at_punct(c, P1('}')))
        list_add(c, &l, parse_statement(c));
    syn_take(s, &l);
    return s;
}

struct syn *parse_block(struct comp *c)
{
    struct syn *s;

    expect_punct(c, P1('{'));
    s = parse_statements(c);
    expect_punct(c, P1('}'));
    return s;
}
