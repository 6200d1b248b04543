/* The lexer: C# 7 tokens plus raw strings and, when asked for, {{name}}. */
#include "policy/expr/lex.h"

#include <stdlib.h>

#include "platform/base/buf.h"
#include "platform/base/utf8.h"
#include "policy/expr/scan.h"
#include "policy/expr/text.h"
#include "policy/expr/unicode.h"
#include "policy/expr/decimal.h"

static bool is_name_start(unsigned char ch)
{
    return ascii_is_alpha((char)ch) || ch == '_' || ch >= 0x80;
}

static bool is_name(unsigned char ch)
{
    return is_name_start(ch) || ascii_is_digit((char)ch);
}

/* Bytes of the white space at p, 0 when there is none: ASCII's, and what Unicode calls a separator (C# 6.3.4), such as the
 * no-break spaces that web pages leave in copied code. */
static size_t space_at(const char *p, const char *end)
{
    uint32_t cp = 0;

    if (p >= end || (unsigned char)*p < 0x80)
        return p < end && ascii_is_space(*p);
    size_t n = utf8_decode(slice_of(p, (size_t)(end - p)), &cp);
    return cp == 0x85 || cp == 0xFEFF || (unicode_category(cp) >= UNICODE_ZS && unicode_category(cp) <= UNICODE_ZP) ? n : 0;
}

static unsigned run_of(const char *p, const char *end, char ch)
{
    unsigned n = 0;

    while (p + n < end && p[n] == ch)
        n++;
    return n;
}

/* "..." with backslash escapes; p behind the opening quote. */
static const char *skip_plain(const char *p, const char *end, char quote)
{
    while (p < end && *p != quote && *p != '\n')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p + 1 : end;
}

/* @"..." with doubled quotes. */
static const char *skip_verbatim(const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p != '"')
            continue;
        if (p + 1 < end && p[1] == '"')
            p++;
        else
            return p + 1;
    }
    return end;
}

static const char *skip_raw(const char *p, const char *end, unsigned quotes)
{
    while (p < end) {
        unsigned n = run_of(p, end, '"');

        if (n >= quotes)
            return p + n;
        p += n ? n : 1;
    }
    return end;
}

/* One {hole} of an interpolated string; p behind the bracket. Ends behind the closing bracket. */
static const char *skip_hole(const char *p, const char *end)
{
    int depth = 1;

    while (p < end) {
        if (*p == '{' || *p == '(' || *p == '[')
            depth++;
        if (*p == '}' || *p == ')' || *p == ']')
            if (--depth == 0)
                return p + 1;
        p = lex_skip(p, end);
    }
    return end;
}

static const char *skip_interpolated(const char *p, const char *end, bool verbatim)
{
    while (p < end) {
        if (*p == '"') {
            if (!verbatim || p + 1 >= end || p[1] != '"')
                return p + 1;
            p += 2;
        } else if (*p == '\\' && !verbatim && p + 1 < end) {
            p += 2;
        } else if (*p == '{' && p + 1 < end && p[1] == '{') {
            p += 2;
        } else if (*p == '{') {
            p = skip_hole(p + 1, end);
        } else if (*p == '\n' && !verbatim) {
            return p;
        } else {
            p++;
        }
    }
    return end;
}

/* A string of any form that begins at p with its prefix ($, @, quotes); NULL when none does. */
static const char *skip_string(const char *p, const char *end)
{
    const char *q = p;
    bool verbatim = false;
    unsigned dollars = 0, quotes;

    while (q < end && (*q == '$' || (*q == '@' && !verbatim))) {
        if (*q == '$')
            dollars++;
        else
            verbatim = true;
        q++;
    }
    if (q >= end || *q != '"')
        return NULL;
    quotes = run_of(q, end, '"');
    if (quotes >= 3 && !verbatim)
        return skip_raw(q + quotes, end, quotes);
    if (dollars)
        return skip_interpolated(q + 1, end, verbatim);
    return verbatim ? skip_verbatim(q + 1, end) : skip_plain(q + 1, end, '"');
}

const char *lex_skip(const char *p, const char *end)
{
    const char *s;

    if (p >= end)
        return end;
    if (*p == '/' && p + 1 < end && p[1] == '/') {
        while (p < end && *p != '\n')
            p++;
        return p;
    }
    if (*p == '/' && p + 1 < end && p[1] == '*') {
        for (p += 2; p + 1 < end; p++)
            if (p[0] == '*' && p[1] == '/')
                return p + 2;
        return end;
    }
    if (*p == '\'')
        return skip_plain(p + 1, end, '\'');
    s = skip_string(p, end);
    return s ? s : p + 1;
}

size_t expr_scan_span(struct slice text)
{
    const char *p = text.p, *end = text.p + text.n;
    int depth = 0;

    if (text.n < 2 || p[0] != '@' || (p[1] != '(' && p[1] != '{'))
        return 0;
    for (p++; p < end;) {
        if (*p == '(' || *p == '{' || *p == '[')
            depth++;
        if (*p == ')' || *p == '}' || *p == ']')
            if (--depth == 0)
                return (size_t)(p + 1 - text.p);
        p = lex_skip(p, end);
    }
    return 0;
}

/* ---- literals ---- */

/* Up to max hex digits at *p (at least min); false when there are too few. */
static bool take_hex(const char **p, const char *end, int min, int max, uint32_t *out)
{
    int n = 0;

    for (*out = 0; n < max && *p < end && ascii_hex_value(**p) >= 0; n++, (*p)++)
        *out = *out << 4 | (uint32_t)ascii_hex_value(**p);
    return n >= min;
}

/* escape := \' \" \\ \0 \a \b \f \n \r \t \v \e \xH[H[H[H]]] \uHHHH \UHHHHHHHH; *p behind the backslash. */
bool lex_escape(const char **p, const char *end, uint32_t *out)
{
    static const char from[] = "'\"\\0abfnrtve", to[] = "'\"\\\0\a\b\f\n\r\t\v\x1b";
    const char *at;
    char ch;

    if (*p >= end)
        return false;
    ch = *(*p)++;
    if (ch == 'x')
        return take_hex(p, end, 1, 4, out);
    if (ch == 'u')
        return take_hex(p, end, 4, 4, out);
    if (ch == 'U')
        return take_hex(p, end, 8, 8, out) && *out <= 0x10FFFF;
    at = ch ? strchr(from, ch) : NULL;
    if (!at)
        return false;
    *out = (unsigned char)to[at - from];
    return true;
}

bool lex_unescape(struct comp *c, uint32_t pos, const char *p, const char *end, struct buf *b)
{
    while (p < end) {
        uint32_t cp;

        if (*p != '\\') {
            buf_putc(b, *p++);
            continue;
        }
        p++;
        if (!lex_escape(&p, end, &cp)) {
            comp_fail(c, pos, "unrecognized escape sequence in the string");
            return false;
        }
        text_put_unit(b, cp);
    }
    return true;
}

static struct expr_value keep_string(struct comp *c, struct slice s)
{
    struct slice kept = arena_copy(c->program, s);

    if (c->program->overflow)
        comp_fail(c, 0, "the expression is too large");
    return text_value(kept);
}

/* Raw string, C# 11: without the first and last line break, less the closing line's indentation. */
static struct slice raw_content(struct comp *c, const char *p, const char *end)
{
    struct buf b;
    const char *last = end, *line;
    size_t indent;

    if (p >= end || (*p != '\n' && *p != '\r'))
        return slice_of(p, (size_t)(end - p));
    while (last > p && last[-1] != '\n')
        last--;
    indent = (size_t)(end - last);
    p += *p == '\r' ? 2 : 1;
    buf_init(&b, c->scratch);
    for (line = p; line < last; line++) {
        for (size_t i = 0; i < indent && line < last && (*line == ' ' || *line == '\t'); i++)
            line++;
        for (; line < last && *line != '\n'; line++)
            buf_putc(&b, *line);
        buf_putc(&b, '\n');
    }
    if (b.n > 0)
        b.n--;
    if (b.n > 0 && b.p[b.n - 1] == '\r')
        b.n--;
    return buf_slice(&b);
}

static const char *lex_string(struct comp *c, struct token *t, const char *p, const char *end)
{
    const char *start = p, *stop = skip_string(p, end);
    struct buf b;

    for (; *p != '"'; p++) {
        t->verbatim |= *p == '@';
        t->dollars = (uint8_t)(t->dollars + (*p == '$'));
    }
    t->quotes = (uint8_t)run_of(p, end, '"');
    if (t->quotes == 2 || t->verbatim)
        t->quotes = 1;
    if (stop - p < 2 * t->quotes || stop[-1] != '"') {
        comp_fail(c, t->pos, "unterminated string");
        return end;
    }
    p += t->quotes;
    t->kind = t->dollars ? TOK_INTERP : TOK_STRING;
    t->text = slice_of(p, (size_t)(stop - p) - t->quotes);
    if (t->dollars)
        return stop;
    buf_init(&b, c->scratch);
    if (t->quotes >= 3) {
        t->value = keep_string(c, raw_content(c, t->text.p, t->text.p + t->text.n));
    } else if (t->verbatim) {
        for (const char *q = p; q < stop - 1; q++) {
            buf_putc(&b, *q);
            q += *q == '"';
        }
        t->value = keep_string(c, buf_slice(&b));
    } else {
        lex_unescape(c, t->pos, p, stop - 1, &b);
        t->value = keep_string(c, buf_slice(&b));
    }
    return start < stop ? stop : end;
}

static const char *lex_char(struct comp *c, struct token *t, const char *p, const char *end)
{
    uint32_t cp = 0;
    bool ok;

    t->kind = TOK_CHAR;
    p++;
    if (p < end && *p == '\\') {
        p++;
        ok = lex_escape(&p, end, &cp);
    } else {
        size_t n = utf8_decode(slice_of(p, (size_t)(end - p)), &cp);

        ok = n > 0 && cp != '\'' && cp != '\n';
        p += n;
    }
    if (!ok || p >= end || *p != '\'' || cp > 0xFFFF) {
        comp_fail(c, t->pos, "bad character literal");
        return end;
    }
    t->value = (struct expr_value){ .kind = EXPR_CHAR, .i = cp };
    return p + 1;
}

/* The integer by C#'s rule: the first of int, uint, long, ulong that holds it, narrowed by suffix u and l. */
static bool integer_value(uint64_t u, bool has_u, bool has_l, struct expr_value *v)
{
    if (!has_l && !has_u && u <= INT32_MAX)
        v->kind = EXPR_I32;
    else if (!has_l && u <= UINT32_MAX)
        v->kind = EXPR_U32;
    else if (!has_u && u <= INT64_MAX)
        v->kind = EXPR_I64;
    else
        v->kind = EXPR_U64;
    v->u = u;
    return true;
}

static bool real_value(struct comp *c, const char *digits, char suffix, struct expr_value *v)
{
    struct decimal d;

    if (suffix == 'm') {
        if (!decimal_parse(slice_from(digits), &d))
            return false;
        *v = decimal_value(c->program, d);
        return true;
    }
    v->kind = suffix == 'f' ? EXPR_F32 : EXPR_F64;
    if (suffix == 'f')
        v->f = strtof(digits, NULL);
    else
        v->d = strtod(digits, NULL);
    return true;
}

/* number := digits with `_`, 0x.., 0b.., fraction, exponent, suffix u l ul f d m */
static const char *lex_number(struct comp *c, struct token *t, const char *p, const char *end)
{
    char digits[80];
    unsigned n = 0, base = 10;
    bool real = false, has_u = false, has_l = false, ok = true;
    char suffix = 0;
    uint64_t u = 0;

    t->kind = TOK_NUMBER;
    if (*p == '0' && p + 1 < end && ((p[1] | 32) == 'x' || (p[1] | 32) == 'b')) {
        base = (p[1] | 32) == 'x' ? 16 : 2;
        p += 2;
    }
    for (; p < end && n < sizeof digits - 1; p++) {
        bool exponent = base == 10 && (*p | 32) == 'e';

        if (*p == '_')
            continue;
        if (base == 10 && *p == '.' && !real && p + 1 < end && ascii_is_digit(p[1]))
            real = true;
        else if (exponent && p + 1 < end && (ascii_is_digit(p[1]) || ((p[1] == '-' || p[1] == '+') && p + 2 < end && ascii_is_digit(p[2])))) {
            real = true;
            digits[n++] = *p++;
        } else if (base == 16 ? ascii_hex_value(*p) < 0 : !ascii_is_digit(*p) || *p - '0' >= (int)base)
            break;
        digits[n++] = *p;
    }
    digits[n] = 0;
    for (; p < end && strchr("uUlLfFdDmM", *p); p++) {
        char s = ascii_lower(*p);

        has_u |= s == 'u';
        has_l |= s == 'l';
        if (s == 'f' || s == 'd' || s == 'm')
            suffix = s;
    }
    if (real || suffix) {
        ok = base == 10 && real_value(c, digits, suffix, &t->value);
    } else {
        for (unsigned i = 0; i < n; i++) {
            unsigned d = (unsigned)ascii_hex_value(digits[i]);

            ok &= u <= (UINT64_MAX - d) / base;
            u = u * base + d;
        }
        ok = ok && n > 0 && integer_value(u, has_u, has_l, &t->value);
    }
    if (!ok || p[-1] == '_' || (p < end && is_name((unsigned char)*p) && !space_at(p, end))) {
        comp_fail(c, t->pos, "bad number");
        return end;
    }
    return p;
}

/* {{name}}, when open names are asked for. */
static const char *lex_open_name(struct comp *c, struct token *t, const char *p, const char *end)
{
    const char *q = p + 2;

    if (!c->opt->open_names || end - p < 5 || p[0] != '{' || p[1] != '{')
        return NULL;
    while (q < end && (ascii_is_alpha(*q) || ascii_is_digit(*q) || *q == '-' || *q == '_' || *q == '.'))
        q++;
    if (q == p + 2 || end - q < 2 || q[0] != '}' || q[1] != '}')
        return NULL;
    t->kind = TOK_OPEN_NAME;
    t->text = slice_of(p + 2, (size_t)(q - p - 2));
    return q + 2;
}

static const char *lex_punct(struct comp *c, struct token *t, const char *p, const char *end)
{
    static const char *const twos[] = { "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=",
                                        "/=", "%=", "&=", "|=", "^=", "=>", "<<", "::", ".." };
    size_t left = (size_t)(end - p);

    t->kind = TOK_PUNCT;
    t->punct = P1((unsigned char)*p);
    if (left >= 3 && (memcmp(p, "<<=", 3) == 0 || memcmp(p, "?\?=", 3) == 0)) {
        t->punct = P3(p[0], p[1], p[2]);
        return p + 3;
    }
    for (size_t i = 0; left >= 2 && i < COUNT_OF(twos); i++) {
        if (memcmp(p, twos[i], 2) != 0)
            continue;
        if (p[0] == '?' && p[1] == '.' && left > 2 && ascii_is_digit(p[2]))
            break;
        t->punct = P2(p[0], p[1]);
        return p + 2;
    }
    if (!strchr("+-*/%&|^!~=<>?:;,.()[]{}", *p)) {
        comp_fail(c, t->pos, "unexpected character '%c'", *p);
        return end;
    }
    return p + 1;
}

/* Bytes of the white space or comment at p; 0: there is none. */
static size_t blank_length(const char *p, const char *end)
{
    if (p + 1 < end && *p == '/' && (p[1] == '/' || p[1] == '*'))
        return (size_t)(lex_skip(p, end) - p);
    return space_at(p, end);
}

static const char *lex_name(struct token *t, const char *p, const char *end)
{
    const char *start;

    t->kind = TOK_NAME;
    t->verbatim = *p == '@';
    p += t->verbatim;
    for (start = p; p < end && is_name((unsigned char)*p) && !space_at(p, end); p++)
        ;
    t->text = slice_of(start, (size_t)(p - start));
    return p;
}

static const char *lex_one(struct comp *c, struct token *t, const char *p, const char *end)
{
    const char *open;

    if (skip_string(p, end))
        return lex_string(c, t, p, end);
    if (*p == '\'') {
        open = lex_open_name(c, t, p + 1, end);
        return open && open < end && *open == '\'' ? open + 1 : lex_char(c, t, p, end);
    }
    if (ascii_is_digit(*p) || (*p == '.' && p + 1 < end && ascii_is_digit(p[1])))
        return lex_number(c, t, p, end);
    if (is_name_start((unsigned char)*p) || (*p == '@' && p + 1 < end && is_name_start((unsigned char)p[1])))
        return lex_name(t, p, end);
    open = lex_open_name(c, t, p, end);
    return open ? open : lex_punct(c, t, p, end);
}

const struct token *lex(struct comp *c, uint32_t from, uint32_t to)
{
    const char *p = c->source.p + from, *end = c->source.p + to;
    size_t room = 32, n = 0;
    struct token *v = comp_alloc(c, room * sizeof *v);
    bool spaced = false;

    while (v && !c->failed) {
        if (n + 1 >= room) {
            struct token *grown = arena_grow(c->scratch, v, room * sizeof *v, 2 * room * sizeof *v);

            if (!grown)
                return comp_fail(c, from, "the expression is too large");
            memset(grown + room, 0, room * sizeof *v);
            v = grown;
            room *= 2;
        }
        for (size_t n_blank; (n_blank = blank_length(p, end)) > 0; p += n_blank)
            spaced = true;
        v[n].pos = (uint32_t)(p - c->source.p);
        v[n].spaced = spaced;
        spaced = false;
        if (p >= end)
            return v;
        p = lex_one(c, &v[n], p, end);
        n++;
    }
    return NULL;
}
