/* Signatures of members.def: C# declarations in text, parsed when a member is looked up.
 * signature := [type] ['<' T {',' T} '>'] '(' [param {',' param}] ')'
 * param     := ['this'] ['params'] ['out'] type name ['=' default]
 * type      := name ['<' type {',' type} '>'] {'[]' | '?'} */
#include <stdio.h>
#include <stdlib.h>

#include "policy/expr/text.h"
#include "policy/expr/type.h"

struct scan {
    struct arena *a;
    const char *p;
    const char *class_params, *method_params; /* "T,R" */
    const char *whole;
};

static void malformed(const struct scan *s)
{
    fprintf(stderr, "members.def: malformed signature: %s (at \"%s\")\n", s->whole, s->p);
    abort();
}

static void skip_space(struct scan *s)
{
    while (*s->p == ' ')
        s->p++;
}

static bool take(struct scan *s, char ch)
{
    skip_space(s);
    if (*s->p != ch)
        return false;
    s->p++;
    return true;
}

static struct slice take_word(struct scan *s)
{
    const char *start;

    skip_space(s);
    start = s->p;
    while (ascii_is_alpha(*s->p) || ascii_is_digit(*s->p) || *s->p == '_' || *s->p == '.')
        s->p++;
    return slice_of(start, (size_t)(s->p - start));
}

static int param_index(const char *list, struct slice name)
{
    struct slice rest = slice_from(list), part;

    for (int i = 0; list && slice_cut(&rest, ',', &part); i++) {
        struct slice n = slice_first(part, part.n);

        while (n.n && (n.p[n.n - 1] == '>' || n.p[n.n - 1] == ' '))
            n.n--;
        if (slice_eq(slice_trim(n), name))
            return i;
    }
    return -1;
}

static const struct type *param_type(struct scan *s, int index)
{
    struct type *t = arena_new(s->a, struct type);

    if (!t)
        return TYPE_OF(OBJECT);
    t->id = TYPE_PARAM;
    t->param = (uint8_t)index;
    return t;
}

static const struct type *take_type(struct scan *s)
{
    const struct type *t, *args[8];
    struct slice name = take_word(s);
    unsigned n = 0, id;
    int at;

    if (name.n == 0)
        malformed(s);
    if ((at = param_index(s->method_params, name)) >= 0) {
        t = param_type(s, 8 + at);
    } else if ((at = param_index(s->class_params, name)) >= 0) {
        t = param_type(s, at);
    } else {
        if (*s->p == '<' && s->p++)
            do {
                args[n++] = take_type(s);
            } while (take(s, ','));
        if (n && !take(s, '>'))
            malformed(s);
        id = type_find(name, (int)n);
        if (id == TYPE_COUNT)
            malformed(s);
        t = type_make(s->a, id, n, args);
    }
    for (;;) {
        if (*s->p == '[' && s->p[1] == ']') {
            s->p += 2;
            t = type_make1(s->a, TYPE_ARRAY, t);
        } else if (*s->p == '?') {
            s->p++;
            if (type_is_value(t) || t->id == TYPE_PARAM)
                t = type_make1(s->a, TYPE_NULLABLE, t);
        } else {
            return t;
        }
    }
}

static bool take_keyword(struct scan *s, const char *word)
{
    size_t n = strlen(word);

    skip_space(s);
    if (strncmp(s->p, word, n) != 0 || s->p[n] != ' ')
        return false;
    s->p += n;
    return true;
}

/* default := number | true | false | null | "text" | 'c' | Enum.Name (written as a number and a cast is not needed) */
static struct expr_value take_default(struct scan *s, const struct type *t)
{
    struct expr_value v = expr_value_null();
    const char *start;

    skip_space(s);
    if (*s->p == '"') {
        start = ++s->p;
        while (*s->p && *s->p != '"')
            s->p++;
        v = text_ascii(slice_of(start, (size_t)(s->p++ - start)));
    } else if (*s->p == '\'') {
        v = (struct expr_value){ .kind = EXPR_CHAR, .i = s->p[1] };
        s->p += 3;
    } else {
        struct slice word;

        start = s->p;
        if (*s->p == '-')
            s->p++;
        word = take_word(s);
        if (slice_eq(word, SLICE("true")) || slice_eq(word, SLICE("false")))
            v = expr_value_from_bool(word.p[0] == 't');
        else if (!slice_eq(word, SLICE("null")))
            v = (struct expr_value){ .kind = (uint8_t)type_kind(t), .aux = t->id, .i = strtoll(start, NULL, 10) };
    }
    return v;
}

void sig_parse(struct arena *a, unsigned owner, const char *text, struct sig *out)
{
    struct scan s = { .a = a, .p = text, .class_params = type_defs[owner].params, .whole = text };
    const char *generic = strchr(text, '('), *open;

    memset(out, 0, sizeof *out);
    /* the method's own parameters stand in <...> right before the parenthesis */
    open = generic;
    while (open && open > text && open[-1] == ' ')
        open--;
    if (open && open > text && open[-1] == '>') {
        const char *start = open - 1;

        while (start > text && *start != '<')
            start--;
        if (start == text || start[-1] == ' ') {
            char *names = arena_cstr(a, slice_of(start + 1, (size_t)(open - 1 - start - 1)));

            s.method_params = names;
            out->tparams = 1;
            for (const char *p = names; names && *p; p++)
                out->tparams += *p == ',';
        }
    }
    skip_space(&s);
    if (*s.p != '(' && *s.p != '<')
        out->ret = take_type(&s);
    if (take(&s, '<'))
        while (*s.p && *s.p++ != '>')
            ;
    if (!take(&s, '('))
        return; /* a property: only a type */
    while (!take(&s, ')')) {
        struct sig_param *p = &out->p[out->n++];

        if (out->n > SIG_PARAMS_MAX)
            malformed(&s);
        p->is_this = take_keyword(&s, "this");
        p->is_params = take_keyword(&s, "params");
        p->is_out = take_keyword(&s, "out");
        p->type = take_type(&s);
        p->name = take_word(&s);
        if (take(&s, '=')) {
            p->is_optional = true;
            p->standard = take_default(&s, p->type);
        }
        if (!take(&s, ',') && *s.p != ')')
            malformed(&s);
    }
}
