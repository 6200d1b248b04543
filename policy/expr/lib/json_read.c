/* Reading JSON as Newtonsoft's JsonTextReader does: single quotes, unquoted names, comments, trailing commas, hexadecimal
 * and octal numbers, NaN, undefined and constructors too; texts that look like dates become dates. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/base/utf8.h"
#include "policy/expr/decimal.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

/* One open container, for the path in messages. */
struct level {
    struct level *up;
    bool named;       /* an object: name is the last property's */
    struct slice name;
    int32_t index;    /* an array: of the last finished value */
};

struct reader {
    struct vm *vm;
    const char *start, *p, *end;
    unsigned depth;
    bool begun;       /* a token was read */
    bool just_opened; /* right behind '{' or '[': the path does not count that container yet */
    unsigned flags;   /* JSON_DATES, JSON_KEEP_TEXT */
    unsigned type;    /* what is loaded: for "Unexpected end of content" */
    struct level *level;
};

static void put_level(struct reader *r, struct buf *b, const struct level *l)
{
    if (l->up)
        put_level(r, b, l->up);
    if (l == r->level && r->just_opened)
        return;
    if (!l->named)
        buf_printf(b, "[%d]", l->index);
    else if (l->name.p)
        json_put_step(r->vm, b, l->name);
}

static void *fail(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void *fail(struct reader *r, const char *fmt, ...)
{
    unsigned line = 1, column = 0;
    struct slice what;
    struct buf path;
    va_list args;

    if (r->vm->thrown)
        return NULL;
    va_start(args, fmt);
    what = arena_vprintf(r->vm->arena, fmt, args);
    va_end(args);
    for (const char *q = r->start; q < r->p; q++) {
        if ((*q & 0xC0) != 0x80)
            column += (*q & 0xF8) == 0xF0 ? 2 : 1;
        if (*q == '\n') {
            line++;
            column = 0;
        }
    }
    if (!r->begun && column == 0)
        line = 0;
    buf_init(&path, r->vm->arena);
    if (r->level)
        put_level(r, &path, r->level);
    vm_throw(r->vm, TYPE_JSONREADEREXCEPTION, "%.*s%s Path '%.*s', line %u, position %u.", SLICE_ARG(what), slice_ends(what, SLICE(".")) ? "" : ".",
             SLICE_ARG(buf_slice(&path)), line, column);
    exception_set_place(r->vm, line, column, buf_slice(&path));
    return NULL;
}

/* The character at p, for messages. */
static struct slice here(const struct reader *r)
{
    uint32_t cp;

    return slice_of(r->p, text_decode(r->p, r->end, &cp));
}

static void *fail_at(struct reader *r, const char *what)
{
    return fail(r, "%s: %.*s.", what, SLICE_ARG(here(r)));
}

static void *fail_end(struct reader *r)
{
    return fail(r, "Unexpected end of content while loading %s.", type_defs[r->type].name);
}

static bool skip_comment(struct reader *r)
{
    if (r->p + 1 >= r->end || (r->p[1] != '*' && r->p[1] != '/')) {
        r->p++;
        if (r->p >= r->end)
            fail(r, "Unexpected end while parsing comment.");
        else
            fail(r, "Error parsing comment. Expected: *, got %.*s.", SLICE_ARG(here(r)));
        return false;
    }
    if (r->p[1] == '/') {
        while (r->p < r->end && *r->p != '\n' && *r->p != '\r')
            r->p++;
        return true;
    }
    for (r->p += 2; r->p + 1 < r->end; r->p++)
        if (r->p[0] == '*' && r->p[1] == '/') {
            r->p += 2;
            return true;
        }
    r->p = r->end;
    fail(r, "Unexpected end while parsing comment.");
    return false;
}

static bool skip_space_slowly(struct reader *r)
{
    while (r->p < r->end) {
        if (ascii_is_space(*r->p))
            r->p++;
        else if (r->end - r->p > 1 && (uint8_t)r->p[0] == 0xC2 && (uint8_t)r->p[1] == 0xA0)
            r->p += 2;
        else if (*r->p != '/')
            return true;
        else if (!skip_comment(r))
            return false;
    }
    return true;
}

/* Mostly there is none: compact JSON. */
static inline bool skip_space(struct reader *r)
{
    unsigned char c = r->p < r->end ? (unsigned char)*r->p : 0;

    return (c > ' ' && c < 0x80 && c != '/') || skip_space_slowly(r);
}

static bool read_escape(struct reader *r, struct buf *b)
{
    static const char from[] = "\"'\\/bfnrt", to[] = "\"'\\/\b\f\n\r\t";
    const char *at;
    uint32_t unit = 0;
    struct slice digits;

    if (++r->p >= r->end)
        return true; /* unterminated: the caller says so */
    if (*r->p == 'u') {
        r->p++;
        if (r->end - r->p < 4)
            return fail(r, "Unexpected end while parsing Unicode escape sequence.") != NULL;
        digits = slice_of(r->p, 4);
        for (size_t i = 0; i < 4; i++) {
            if (ascii_hex_value(digits.p[i]) < 0)
                return fail(r, "Invalid Unicode escape sequence: \\u%.*s.", SLICE_ARG(digits)) != NULL;
            unit = unit << 4 | (uint32_t)ascii_hex_value(digits.p[i]);
        }
        r->p += 4;
        text_put_unit(b, unit);
        return true;
    }
    at = *r->p ? strchr(from, *r->p) : NULL;
    if (!at) {
        struct slice bad = here(r);

        r->p += bad.n;
        return fail(r, "Bad JSON escape sequence: \\%.*s.", SLICE_ARG(bad)) != NULL;
    }
    buf_putc(b, to[at - from]);
    r->p++;
    return true;
}

static bool read_string(struct reader *r, struct expr_value *out)
{
    char quote = *r->p++;
    const char *start = r->p;
    struct buf b;

    while (r->p < r->end && *r->p != quote && *r->p != '\\')
        r->p++;
    if (r->p < r->end && *r->p == quote) {
        *out = str_make(r->vm, slice_of(start, (size_t)(r->p++ - start)));
        return !r->vm->arena->overflow || vm_throw_budget(r->vm, "memory").i;
    }
    buf_init(&b, r->vm->arena);
    buf_put(&b, slice_of(start, (size_t)(r->p - start)));
    while (r->p < r->end && *r->p != quote) {
        const char *from = r->p;

        while (r->p < r->end && *r->p != quote && *r->p != '\\')
            r->p++;
        if (r->p > from)
            text_put(&b, slice_of(from, (size_t)(r->p - from)));
        else if (!read_escape(r, &b))
            return false;
    }
    if (r->p >= r->end)
        return fail(r, "Unterminated string. Expected delimiter: %c.", quote) != NULL;
    r->p++;
    *out = text_value(buf_slice(&b));
    return !b.failed || vm_throw_budget(r->vm, "memory").i;
}

/* ---- dates ---- */

struct date_text {
    const char *p, *end;
};

static int digits(struct date_text *d, int n)
{
    int v = 0;

    if (d->end - d->p < n)
        return -1;
    for (; n > 0; n--, d->p++) {
        if (!ascii_is_digit(*d->p))
            return -1;
        v = v * 10 + (*d->p - '0');
    }
    return v;
}

static bool mark(struct date_text *d, char c)
{
    if (d->p >= d->end || *d->p != c)
        return false;
    d->p++;
    return true;
}

static int64_t days_before(int y, int m, int day)
{
    static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

    return (int64_t)(y - 1) * 365 + (y - 1) / 4 - (y - 1) / 100 + (y - 1) / 400 + before[m - 1] + (leap && m > 2) + day - 1;
}

static bool is_day(int y, int m, int d)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

    return y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= lengths[m - 1] + (leap && m == 2);
}

#define TICKS_SECOND INT64_C(10000000)
#define TICKS_MAX INT64_C(3155378975999999999)
enum { KIND_NONE, KIND_UTC, KIND_LOCAL };

/* Z, +hh:mm, +hhmm, +hh: the kind, and the offset taken off the ticks (the local zone is UTC). */
static bool read_zone(struct date_text *d, int64_t *ticks, int *kind)
{
    int hours, minutes = 0, sign;

    *kind = KIND_NONE;
    if (d->p == d->end)
        return true;
    *kind = KIND_UTC;
    if (mark(d, 'Z') || mark(d, 'z'))
        return d->p == d->end;
    *kind = KIND_LOCAL;
    sign = *d->p == '-' ? -1 : 1;
    if (*d->p != '-' && *d->p != '+')
        return false;
    d->p++;
    if ((hours = digits(d, 2)) < 0)
        return false;
    if (d->p < d->end) {
        mark(d, ':');
        if ((minutes = digits(d, 2)) < 0)
            return false;
    }
    *ticks -= sign * (hours * 3600 + minutes * 60) * TICKS_SECOND;
    return d->p == d->end && *ticks >= 0 && *ticks <= TICKS_MAX;
}

/* "yyyy-MM-ddTHH:mm:ss[.fffffff][zone]" */
static bool iso_date(struct slice s, struct expr_value *out)
{
    struct date_text d = { s.p, s.p + s.n };
    int y, m, day, h, min, sec, kind;
    int64_t ticks, fraction = 0;

    if ((y = digits(&d, 4)) < 1 || !mark(&d, '-') || (m = digits(&d, 2)) < 1 || !mark(&d, '-') || !is_day(y, m, day = digits(&d, 2)) ||
        !mark(&d, 'T') || (h = digits(&d, 2)) < 0 || !mark(&d, ':') || (min = digits(&d, 2)) < 0 || !mark(&d, ':') || (sec = digits(&d, 2)) < 0)
        return false;
    if (h > 24 || min > 59 || sec > 59 || (h == 24 && (min || sec)))
        return false;
    if (mark(&d, '.')) {
        int n = 0;

        for (; d.p < d.end && n < 7 && ascii_is_digit(*d.p); n++)
            fraction = fraction * 10 + (*d.p++ - '0');
        if (n == 0 || (h == 24 && fraction))
            return false;
        for (; n < 7; n++)
            fraction *= 10;
    }
    ticks = ((days_before(y, m, day) * 24 + h) * 3600 + min * 60 + sec) * TICKS_SECOND + fraction;
    if (ticks > TICKS_MAX || !read_zone(&d, &ticks, &kind))
        return false;
    *out = (struct expr_value){ .kind = EXPR_DATETIME, .aux = (uint16_t)kind, .i = ticks };
    return true;
}

/* "/Date(1234567890123+0100)/": milliseconds of the Unix time */
static bool microsoft_date(struct slice s, struct expr_value *out)
{
    struct slice body = slice_sub(s, 6, s.n - 2), number = body;
    uint64_t ms;
    int64_t ticks;
    bool negative = body.n && *body.p == '-', local = false;

    for (size_t i = 1; i < body.n; i++)
        if (body.p[i] == '+' || body.p[i] == '-') {
            number = slice_first(body, i);
            local = true;
            break;
        }
    if (!slice_to_u64(slice_skip(number, negative), UINT64_C(300000000000000), &ms))
        return false;
    ticks = INT64_C(621355968000000000) + (negative ? -(int64_t)ms : (int64_t)ms) * 10000;
    if (ticks < 0 || ticks > TICKS_MAX)
        return false;
    *out = (struct expr_value){ .kind = EXPR_DATETIME, .aux = local ? KIND_LOCAL : KIND_UTC, .i = ticks };
    return true;
}

bool json_read_date(struct slice s, struct expr_value *out)
{
    if (s.n >= 9 && slice_starts(s, SLICE("/Date(")) && slice_ends(s, SLICE(")/")))
        return microsoft_date(s, out);
    return s.n >= 19 && s.n <= 40 && ascii_is_digit(s.p[0]) && s.p[10] == 'T' && iso_date(s, out);
}

/* ---- numbers and words ---- */

/* A value ends in front of p: at white space (a hard blank too) or what may stand behind it. */
static bool is_separator(const struct reader *r, const char *p)
{
    return ascii_is_space(*p) || *p == ',' || *p == ']' || *p == '}' || *p == ')' || *p == '/' ||
           (r->end - p > 1 && (uint8_t)p[0] == 0xC2 && (uint8_t)p[1] == 0xA0);
}

static struct jtoken *whole_number(struct reader *r, struct slice s)
{
    bool negative = s.p[0] == '-';
    struct decimal d;
    struct jtoken *t;
    uint64_t u;

    if (slice_to_u64(slice_skip(s, negative), (uint64_t)INT64_MAX + negative, &u))
        return json_value(r->vm, val_long(negative ? (int64_t)(0 - u) : (int64_t)u));
    t = json_new(r->vm, TYPE_JVALUE, JSON_K_INTEGER);
    if (!t)
        return NULL;
    if (!negative && slice_to_u64(s, UINT64_MAX, &u))
        t->value = (struct expr_value){ .kind = EXPR_U64, .u = u };
    else if (s.n < 28 && decimal_parse(s, &d))
        t->value = decimal_value(r->vm->arena, d);
    else
        t->value = str_make(r->vm, s);
    return t;
}

#define EXACT_DIGITS 15 /* every number of so many digits is a double, and so is each power of ten up to 22 */

/* ['-'] digits '.' digits, few of them: the quotient of two doubles that are exact is rounded as strtod rounds. */
static bool short_decimal(struct slice s, double *out)
{
    static const double power[EXACT_DIGITS + 1] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool negative = s.p[0] == '-';
    struct slice d = slice_skip(s, negative);
    ptrdiff_t point = slice_find_byte(d, '.');
    uint64_t n = 0;

    if (point < 1 || (size_t)point + 1 == d.n || d.n > EXACT_DIGITS + 1)
        return false;
    for (size_t i = 0; i < d.n; i++) {
        if (i == (size_t)point)
            continue;
        if (!ascii_is_digit(d.p[i]))
            return false;
        n = n * 10 + (uint64_t)(d.p[i] - '0');
    }
    *out = (double)n / power[d.n - 1 - (size_t)point];
    if (negative)
        *out = -*out;
    return true;
}

static struct jtoken *read_number(struct reader *r)
{
    const char *p = r->p;
    struct slice s;
    char *text, *stop;
    bool plain = true, octal_or_hex;
    double d;

    while (p < r->end && (ascii_hex_value(*p) >= 0 || (*p && strchr("+-.xX", *p))))
        p++;
    if (p < r->end && !is_separator(r, p)) {
        r->p = p;
        return fail_at(r, "Unexpected character encountered while parsing number");
    }
    s = slice_of(r->p, (size_t)(p - r->p));
    r->p = p;
    octal_or_hex = s.n > 1 && s.p[0] == '0' && s.p[1] != '.' && (s.p[1] | 32) != 'e';
    for (size_t i = s.p[0] == '-'; i < s.n; i++)
        plain &= ascii_is_digit(s.p[i]);
    if (!octal_or_hex && plain && s.n > (s.p[0] == '-'))
        return whole_number(r, s);
    if (!octal_or_hex && short_decimal(s, &d))
        return json_value(r->vm, val_double(d));
    text = arena_cstr(r->vm->arena, s);
    if (!text)
        return vm_throw_budget(r->vm, "memory"), NULL;
    if (octal_or_hex) {
        errno = 0;
        int64_t v = (int64_t)strtoull(text, &stop, (s.p[1] | 32) == 'x' ? 16 : 8);

        return *stop || errno == ERANGE ? fail(r, "Input string '%s' is not a valid number.", text) : json_value(r->vm, val_long(v));
    }
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && !strchr("+-.eE", s.p[i]))
            return fail(r, "Input string '%s' is not a valid number.", text);
    d = strtod(text, &stop);
    return *stop || stop == text ? fail(r, "Input string '%s' is not a valid number.", text) : json_value(r->vm, val_double(d));
}

static struct jtoken *read_constructor(struct reader *r);

/* ']' where a value is read closes what is open, which is no array. */
static void *fail_close(struct reader *r, const struct level *open, const char *type)
{
    const char *token = *r->p == '}' ? "EndObject" : *r->p == ']' ? "EndArray" : "EndConstructor";

    r->p++;
    r->level = open ? open->up : NULL;
    r->just_opened = false;
    return fail(r, "JsonToken %s is not valid for closing JsonType %s.", token, type);
}

/* Does the word stand here, and nothing more? */
static bool match_word(struct reader *r, const char *word, const char *what)
{
    size_t n = strlen(word), i = 0;

    if ((size_t)(r->end - r->p) < n) {
        r->p = r->end;
        return fail(r, "Unexpected end when reading JSON.") != NULL;
    }
    while (i < n && r->p[i] == word[i])
        i++;
    r->p += i;
    r->begun = true;
    return (i == n && (r->p == r->end || is_separator(r, r->p))) || fail(r, "Error parsing %s value.", what) != NULL;
}

static struct jtoken *read_word(struct reader *r)
{
    static const struct { const char *text, *what; struct expr_value v; } words[] = {
        { "true", "boolean", { .kind = EXPR_BOOL, .i = 1 } }, { "false", "boolean", { .kind = EXPR_BOOL } }, { "null", "null", { .kind = EXPR_NULL } },
        { "NaN", "NaN", { .kind = EXPR_F64, .d = (double)NAN } }, { "Infinity", "Infinity", { .kind = EXPR_F64, .d = (double)INFINITY } },
        { "-Infinity", "-Infinity", { .kind = EXPR_F64, .d = -(double)INFINITY } }, { "undefined", "undefined", { .kind = EXPR_NULL } } };
    struct slice rest = slice_of(r->p, (size_t)(r->end - r->p));
    struct jtoken *t;

    if (*r->p == ']' || *r->p == ')')
        return fail_close(r, r->level, !r->level ? "None" : r->level->named ? "Object" : *r->p == ']' ? "Constructor" : "Array");
    if (slice_starts(rest, SLICE("new")) && rest.n > 3 && ascii_is_space(rest.p[3]))
        return read_constructor(r);
    if (slice_eq(rest, SLICE("n")) || slice_starts(rest, SLICE("ne")))
        return match_word(r, "new ", "new"), NULL;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (*r->p != words[i].text[0] || (*r->p == '-' && (rest.n < 2 || rest.p[1] != 'I')))
            continue;
        if (!match_word(r, words[i].text, words[i].what))
            return NULL;
        t = json_value(r->vm, words[i].v);
        if (t && *words[i].text == 'u')
            t->kind = JSON_K_UNDEFINED;
        return t;
    }
    return fail_at(r, "Unexpected character encountered while parsing value");
}

/* ---- containers ---- */

static struct jtoken *read_value(struct reader *r);

/* A value was finished: the position in its array moves. */
static void count_value(struct reader *r)
{
    r->begun = true;
    r->just_opened = false;
    if (r->level && !r->level->named)
        r->level->index++;
}

static bool read_name(struct reader *r, struct expr_value *out)
{
    const char *start = r->p;
    uint32_t cp;

    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, out);
    for (;;) {
        size_t n = text_decode(r->p, r->end, &cp);

        if (n == 0 || !(cp >= 0x80 || ascii_is_alpha((char)cp) || ascii_is_digit((char)cp) || cp == '_' || cp == '$'))
            break;
        r->p += n;
    }
    if (r->p == start)
        return fail_at(r, "Invalid property identifier character") != NULL;
    if (r->p < r->end && !ascii_is_space(*r->p) && *r->p != ':')
        return fail_at(r, "Invalid JavaScript property identifier character") != NULL;
    *out = str_make(r->vm, slice_of(start, (size_t)(r->p - start)));
    return true;
}

static bool read_property(struct reader *r, struct jtoken *o)
{
    struct expr_value name;
    struct jtoken *value;

    if (!read_name(r, &name))
        return false;
    while (r->p < r->end && ascii_is_space(*r->p))
        r->p++;
    if (r->p >= r->end)
        return fail_end(r) != NULL;
    if (*r->p != ':')
        return fail(r, "Invalid character after parsing property name. Expected ':' but got: %.*s.", SLICE_ARG(here(r))) != NULL;
    r->p++;
    r->level->name = text_slice(name);
    r->just_opened = false;
    value = read_value(r);
    return value && json_set(r->vm, o, name, value);
}

/* Items up to `close`; a comma may trail. */
static struct jtoken *read_until(struct reader *r, struct jtoken *t, char close)
{
    for (;;) {
        if (!skip_space(r))
            return NULL;
        if (r->p >= r->end)
            return r->depth == 1 && r->just_opened ? fail(r, "Error reading %s from JsonReader.", type_defs[r->type].name) : fail_end(r);
        if (*r->p == close)
            break;
        if (t->kind == JSON_K_OBJECT ? !read_property(r, t) : !json_append(r->vm, t, read_value(r)))
            return NULL;
        if (!skip_space(r))
            return NULL;
        if (r->p < r->end && *r->p == ',')
            r->p++;
        else if (r->p < r->end && *r->p != close && (*r->p == '}' || *r->p == ']' || *r->p == ')'))
            return fail_close(r, r->level, t->kind == JSON_K_OBJECT ? "Object" : t->kind == JSON_K_ARRAY ? "Array" : "Constructor");
        else if (r->p < r->end && *r->p != close)
            return fail_at(r, "After parsing a value an unexpected character was encountered");
    }
    r->p++;
    return t;
}

/* The same one level down. */
static struct jtoken *read_items(struct reader *r, struct jtoken *t, char close)
{
    struct level level = { .up = r->level, .named = t->kind == JSON_K_OBJECT, .index = -1 };

    count_value(r);
    r->level = &level;
    r->just_opened = true;
    if (++r->depth <= JSON_NESTING_MAX)
        t = read_until(r, t, close);
    else
        vm_throw_budget(r->vm, "depth"), t = NULL;
    r->depth--;
    r->level = level.up;
    r->just_opened = false;
    return t;
}

/* "new Date(1, 2)" */
static struct jtoken *read_constructor(struct reader *r)
{
    struct jtoken *t = json_new(r->vm, TYPE_JCONSTRUCTOR, JSON_K_CONSTRUCTOR);
    const char *start;

    for (r->p += 3; r->p < r->end && ascii_is_space(*r->p);)
        r->p++;
    start = r->p;
    while (r->p < r->end && (ascii_is_alpha(*r->p) || ascii_is_digit(*r->p)))
        r->p++;
    if (!t)
        return NULL;
    t->value = str_make(r->vm, slice_of(start, (size_t)(r->p - start)));
    while (r->p < r->end && ascii_is_space(*r->p))
        r->p++;
    if (r->p >= r->end)
        return fail(r, "Unexpected end while parsing constructor.");
    if (*r->p != '(')
        return fail_at(r, "Unexpected character while parsing constructor");
    r->p++;
    return read_items(r, t, ')');
}

static struct jtoken *read_scalar(struct reader *r)
{
    struct expr_value s, date;

    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, &s) ? json_value(r->vm, r->flags & JSON_DATES && json_read_date(text_slice(s), &date) ? date : s) : NULL;
    if (ascii_is_digit(*r->p) || *r->p == '.' || (*r->p == '-' && !(r->p + 1 < r->end && r->p[1] == 'I')))
        return read_number(r);
    if (*r->p == ',' && !(r->level && r->level->named))
        return json_new(r->vm, TYPE_JVALUE, JSON_K_UNDEFINED);
    return read_word(r);
}

static struct jtoken *read_value(struct reader *r)
{
    const char *from;
    struct jtoken *t;

    if (!vm_charge(r->vm, 1) || !skip_space(r))
        return NULL;
    if (r->p >= r->end)
        return fail_end(r);
    from = r->p;
    if (*r->p == '{' || *r->p == '[') {
        bool object = *r->p++ == '{';

        t = object ? json_new(r->vm, TYPE_JOBJECT, JSON_K_OBJECT) : json_new(r->vm, TYPE_JARRAY, JSON_K_ARRAY);
        return t ? read_items(r, t, object ? '}' : ']') : NULL;
    }
    t = read_scalar(r);
    if (t && t->kind != JSON_K_CONSTRUCTOR) {
        count_value(r);
        if (r->flags & JSON_KEEP_TEXT) {
            t->text = from;
            t->room = (uint32_t)(r->p - from);
        }
    }
    return t;
}

/* JObject.Parse("[1]"): read the first token, then complain about it. */
static bool starts_right(struct reader *r, unsigned type)
{
    static const char *const tokens[] = { [JSON_K_CONSTRUCTOR] = "StartConstructor", [JSON_K_INTEGER] = "Integer", [JSON_K_FLOAT] = "Float",
                                          [JSON_K_STRING] = "String", [JSON_K_BOOLEAN] = "Boolean", [JSON_K_NULL] = "Null",
                                          [JSON_K_UNDEFINED] = "Undefined", [JSON_K_DATE] = "Date" };
    char want = type == TYPE_JOBJECT ? '{' : '[';
    const char *got;

    if (type == TYPE_JTOKEN || *r->p == want)
        return true;
    if (*r->p == '{' || *r->p == '[') {
        got = *r->p++ == '{' ? "StartObject" : "StartArray";
    } else {
        struct jtoken *t = read_value(r);

        if (!t)
            return false;
        got = tokens[t->kind];
    }
    return fail(r, "Error reading %s from JsonReader. Current JsonReader item is not an %s: %s.", type_defs[type].name,
                type == TYPE_JOBJECT ? "object" : "array", got) != NULL;
}

struct expr_value json_unquote(struct vm *vm, struct slice literal)
{
    struct reader r = { .vm = vm, .start = literal.p, .p = literal.p, .end = literal.p + literal.n };
    struct expr_value out = expr_value_null();

    return read_string(&r, &out) ? out : expr_value_null();
}

struct jtoken *json_read_from(struct vm *vm, struct slice text, unsigned type, unsigned flags)
{
    struct reader r = { .vm = vm, .start = text.p, .p = text.p, .end = text.p + text.n, .flags = flags, .type = type };
    struct jtoken *t;

    if (!vm_charge(vm, (uint32_t)(text.n / 64)) || !skip_space(&r))
        return NULL;
    if (r.p >= r.end)
        return fail(&r, "Error reading %s from JsonReader.", type_defs[type].name);
    if (!starts_right(&r, type))
        return NULL;
    if (type == TYPE_JTOKEN)
        r.type = *r.p == '[' ? TYPE_JARRAY : TYPE_JOBJECT;
    t = read_value(&r);
    if (!t || !skip_space(&r))
        return NULL;
    return r.p < r.end ? fail_at(&r, "Additional text encountered after finished reading JSON content") : t;
}

struct jtoken *json_read(struct vm *vm, struct slice text, unsigned type)
{
    return json_read_from(vm, text, type, JSON_DATES);
}
