/* Texts to numbers: Parse and TryParse by NumberStyles, invariant culture. */
#include "policy/expr/lib/number_parse.h"

#include <math.h>
#include <stdlib.h>

#include "policy/expr/decimal.h"
#include "policy/expr/lib/lib.h"

#define NUMBER_TEXT_MAX 1100 /* digits looked at; more than a double can tell apart */

static void skip_white(struct slice *s)
{
    while (s->n && (*s->p == ' ' || (*s->p >= 9 && *s->p <= 13)))
        *s = slice_skip(*s, 1);
}

static bool take(struct slice *s, const char *what)
{
    struct slice w = slice_from(what);

    if (!slice_starts(*s, w))
        return false;
    *s = slice_skip(*s, w.n);
    return true;
}

/* What is in front of the digits and behind them: white space, sign, parentheses, currency sign. */
static void take_around(struct slice *s, unsigned styles, bool front, bool *sign, bool *negative, bool *open)
{
    bool white = styles & (front ? STYLE_LEADING_WHITE : STYLE_TRAILING_WHITE), signs = styles & (front ? STYLE_LEADING_SIGN : STYLE_TRAILING_SIGN);

    for (;;) {
        if (white)
            skip_white(s);
        if (signs && !*sign && (take(s, "-") || take(s, "\xE2\x88\x92")))
            *sign = *negative = true;
        else if (signs && !*sign && take(s, "+"))
            *sign = true;
        else if (front && (styles & STYLE_PARENTHESES) && !*sign && take(s, "("))
            *sign = *negative = *open = true;
        else if (!front && *open && take(s, ")"))
            *open = false;
        else if (!((styles & STYLE_CURRENCY) && take(s, "\xC2\xA4")))
            return;
    }
}

/* digits [. digits] [e [sign] digits] into plain text "ddd.ddde+d"; false: not a number. */
static bool take_digits(struct slice *s, unsigned styles, char *out, size_t room)
{
    size_t n = 0;
    bool any = false, point = false;

    for (; s->n && n < room - 16; *s = slice_skip(*s, 1)) {
        char ch = *s->p;

        if (ascii_is_digit(ch)) {
            out[n++] = ch;
            any = true;
        } else if (ch == '.' && (styles & STYLE_POINT) && !point) {
            out[n++] = ch;
            point = true;
        } else if (!(ch == ',' && (styles & STYLE_THOUSANDS) && any && !point)) {
            break;
        }
    }
    if (any && (styles & STYLE_EXPONENT) && s->n > 1 && (*s->p | 32) == 'e') {
        struct slice e = slice_skip(*s, 1);
        size_t at = n;

        out[at++] = 'e';
        if (e.n && (*e.p == '-' || *e.p == '+')) {
            out[at++] = *e.p;
            e = slice_skip(e, 1);
        }
        if (e.n && ascii_is_digit(*e.p)) {
            for (int k = 0; e.n && ascii_is_digit(*e.p); e = slice_skip(e, 1))
                if (k++ < 8)
                    out[at++] = *e.p;
            *s = e;
            n = at;
        }
    }
    out[n] = 0;
    return any;
}

static enum parsed parse_bits(struct slice s, unsigned styles, enum expr_kind k, struct expr_value *out)
{
    static const uint8_t bits[] = { [EXPR_I8] = 8, [EXPR_U8] = 8, [EXPR_I16] = 16, [EXPR_U16] = 16, [EXPR_I32] = 32, [EXPR_U32] = 32, [EXPR_I64] = 64, [EXPR_U64] = 64 };
    unsigned each = styles & STYLE_HEX ? 4 : 1;
    uint64_t u = 0;
    bool over = false;

    if (styles & STYLE_LEADING_WHITE)
        skip_white(&s);
    if (styles & STYLE_TRAILING_WHITE)
        s = slice_trim(s);
    if (s.n == 0)
        return PARSE_FORMAT;
    for (size_t i = 0; i < s.n; i++) {
        int h = ascii_hex_value(s.p[i]);

        if (h < 0 || h >= 1 << each)
            return PARSE_FORMAT;
        over |= u >> (bits[k] - each) != 0;
        u = u << each | (unsigned)h;
    }
    if (over)
        return PARSE_RANGE;
    *out = (struct expr_value){ .kind = EXPR_U64, .u = u };
    return op_convert(NULL, k, false, *out, out) == OP_FINE ? PARSED : PARSE_RANGE;
}

/* Plain digits, perhaps with a point and zeros or an exponent, to a whole number. */
static enum parsed to_whole(const char *text, bool negative, enum expr_kind k, struct expr_value *out)
{
    struct expr_value wide = { .kind = EXPR_I64 };
    bool over = false, rest = false;
    const char *p = text;
    uint64_t u = 0;

    for (; ascii_is_digit(*p); p++) {
        over |= u > (UINT64_MAX - (uint64_t)(*p - '0')) / 10;
        u = u * 10 + (uint64_t)(*p - '0');
    }
    if (*p) {
        double d = strtod(text, NULL);

        for (; *p && *p != 'e'; p++)
            rest |= *p != '.' && *p != '0';
        if (*p == 'e') {
            if (d != floor(d) || d >= 18446744073709551616.0)
                return PARSE_RANGE;
            u = (uint64_t)d;
            rest = false;
        }
    }
    if (over || rest)
        return PARSE_RANGE;
    if (k == EXPR_U64) {
        *out = (struct expr_value){ .kind = EXPR_U64, .u = u };
        return negative && u ? PARSE_RANGE : PARSED;
    }
    if (u > (uint64_t)INT64_MAX + negative)
        return PARSE_RANGE;
    wide.i = negative ? (int64_t)(0 - u) : (int64_t)u;
    return op_convert(NULL, k, true, wide, out) == OP_FINE ? PARSED : PARSE_RANGE;
}

static enum parsed to_decimal(struct arena *a, char *text, bool negative, struct expr_value *out)
{
    struct decimal d;
    size_t n = strlen(text);

    if (n && text[n - 1] == '.')
        text[--n] = 0;
    if (*text == '.') {
        memmove(text + 1, text, n + 1);
        *text = '0';
    }
    if (!decimal_parse(slice_from(text), &d))
        return PARSE_RANGE;
    d.negative = negative && !decimal_is_zero(d);
    *out = decimal_value(a, d);
    return PARSED;
}

static bool special(struct slice s, double *d)
{
    s = slice_trim(s);
    if (slice_eq_icase(s, SLICE("NaN")) || slice_eq_icase(s, SLICE("-NaN")) || slice_eq_icase(s, SLICE("+NaN")))
        *d = (double)NAN;
    else if (slice_eq_icase(s, SLICE("Infinity")) || slice_eq_icase(s, SLICE("+Infinity")) || slice_eq(s, SLICE("\xE2\x88\x9E")))
        *d = (double)INFINITY;
    else if (slice_eq_icase(s, SLICE("-Infinity")) || slice_eq(s, SLICE("-\xE2\x88\x9E")))
        *d = -(double)INFINITY;
    else
        return false;
    return true;
}

static struct expr_value real_value(enum expr_kind k, const char *text, double d, bool negative)
{
    if (k == EXPR_F64)
        d = text ? strtod(text, NULL) : d;
    else
        d = text ? (double)strtof(text, NULL) : d;
    d = negative ? -d : d;
    return k == EXPR_F64 ? val_double(d) : (struct expr_value){ .kind = EXPR_F32, .f = (float)d };
}

enum parsed number_from_text(struct arena *a, struct slice s, unsigned styles, enum expr_kind k, struct expr_value *out)
{
    char text[NUMBER_TEXT_MAX + 16];
    bool sign = false, negative = false, open = false;
    double d;

    if (styles & (STYLE_HEX | STYLE_BINARY))
        return parse_bits(s, styles, k, out);
    if ((k == EXPR_F64 || k == EXPR_F32) && special(s, &d)) {
        *out = real_value(k, NULL, d, false);
        return PARSED;
    }
    take_around(&s, styles, true, &sign, &negative, &open);
    if (!take_digits(&s, styles, text, NUMBER_TEXT_MAX))
        return PARSE_FORMAT;
    take_around(&s, styles, false, &sign, &negative, &open);
    while (s.n && *s.p == 0)
        s = slice_skip(s, 1);
    if (s.n || open)
        return PARSE_FORMAT;
    if (k == EXPR_DECIMAL)
        return to_decimal(a, text, negative, out);
    if (k == EXPR_F64 || k == EXPR_F32) {
        *out = real_value(k, text, 0, negative);
        return PARSED;
    }
    return to_whole(text, negative, k, out);
}

unsigned number_styles(enum expr_kind k)
{
    return k == EXPR_DECIMAL ? STYLES_NUMBER : k >= EXPR_F32 ? STYLES_FLOAT | STYLE_THOUSANDS : STYLES_INTEGER;
}

struct expr_value number_parse_failed(struct vm *vm, enum parsed how, struct expr_value text, enum expr_kind k)
{
    static const char *const names[] = {
        [EXPR_CHAR] = "a character", [EXPR_I8] = "a signed byte", [EXPR_U8] = "an unsigned byte", [EXPR_I16] = "an Int16", [EXPR_U16] = "a UInt16",
        [EXPR_I32] = "an Int32", [EXPR_U32] = "a UInt32", [EXPR_I64] = "an Int64", [EXPR_U64] = "a UInt64",
        [EXPR_F32] = "a Single", [EXPR_F64] = "a Double", [EXPR_DECIMAL] = "a Decimal" };

    if (how == PARSE_RANGE)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for %s.", names[k]);
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input string '%.*s' was not in a correct format.", (int)text.n, text.s);
}

/* (s [, styles] [, provider]) */
static unsigned styles_of(const struct site *site, struct expr_value *a, enum expr_kind k)
{
    return site->n > 1 && a[1].kind == EXPR_ENUM ? (unsigned)a[1].i : number_styles(k);
}

static bool bad_styles(struct vm *vm, unsigned styles, enum expr_kind k)
{
    if ((styles & (STYLE_HEX | STYLE_BINARY)) && k >= EXPR_F32)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The number style AllowHexSpecifier is not supported on floating point data types. (Parameter 'style')");
    else if ((styles & STYLE_HEX) && (styles & ~STYLES_HEX))
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "With the AllowHexSpecifier or AllowBinarySpecifier bit set in the enum bit field, the only other valid bits that can be combined into the enum value must be a subset of those in HexNumber or BinaryNumber. (Parameter 'style')");
    return vm->thrown;
}

NATIVE(number_parse)
{
    enum expr_kind k = type_kind(site->ret);
    unsigned styles = styles_of(site, a, k);
    struct expr_value out;
    enum parsed p;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s");
    if (bad_styles(vm, styles, k))
        return expr_value_null();
    p = number_from_text(vm->arena, text_slice(a[0]), styles, k, &out);
    return p == PARSED ? out : number_parse_failed(vm, p, a[0], k);
}

NATIVE(number_try_parse)
{
    enum expr_kind k = type_kind(site->on);
    unsigned styles = styles_of(site, a, k);
    struct expr_value out;
    bool ok;

    if (bad_styles(vm, styles, k))
        return expr_value_null();
    ok = a[0].kind == EXPR_STRING && number_from_text(vm->arena, text_slice(a[0]), styles, k, &out) == PARSED;
    a[site->n - 1] = ok ? out : value_default(vm->arena, site->on);
    return val_bool(ok);
}
