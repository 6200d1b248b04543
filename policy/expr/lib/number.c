/* bool, char and the numbers: parsing, limits, classes. */
#include <math.h>
#include <stdlib.h>
#include <float.h>

#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

static struct expr_value limit(struct vm *vm, const struct site *site, bool max)
{
    static const int64_t low[] = { [EXPR_I8] = INT8_MIN, [EXPR_I16] = INT16_MIN, [EXPR_I32] = INT32_MIN, [EXPR_I64] = INT64_MIN };
    static const uint64_t high[] = { [EXPR_I8] = INT8_MAX, [EXPR_U8] = UINT8_MAX, [EXPR_I16] = INT16_MAX, [EXPR_U16] = UINT16_MAX,
                                     [EXPR_I32] = INT32_MAX, [EXPR_U32] = UINT32_MAX, [EXPR_I64] = INT64_MAX, [EXPR_U64] = UINT64_MAX };
    enum expr_kind k = type_kind(site->ret);
    struct expr_value v = { .kind = (uint8_t)k };

    if (k == EXPR_F64)
        v.d = max ? DBL_MAX : -DBL_MAX;
    else if (k == EXPR_F32)
        v.f = max ? FLT_MAX : -FLT_MAX;
    else if (k == EXPR_DECIMAL)
        return decimal_value(vm->arena, (struct decimal){ { UINT32_MAX, UINT32_MAX, UINT32_MAX }, 0, !max });
    else if (max)
        v.u = high[k];
    else
        v.i = k < COUNT_OF(low) ? low[k] : 0;
    return v;
}

NATIVE(number_max)
{
    return limit(vm, site, true);
}

NATIVE(number_min)
{
    return limit(vm, site, false);
}

static struct expr_value real(const struct site *site, double d)
{
    if (type_kind(site->ret) == EXPR_F32)
        return (struct expr_value){ .kind = EXPR_F32, .f = (float)d };
    return val_double(d);
}

NATIVE(number_nan)
{
    return real(site, (double)NAN);
}

NATIVE(number_infinity)
{
    return real(site, (double)INFINITY);
}

NATIVE(number_minus_infinity)
{
    return real(site, -(double)INFINITY);
}

NATIVE(number_epsilon)
{
    return type_kind(site->ret) == EXPR_F32 ? real(site, 1.401298464324817e-45) : real(site, 4.9406564584124654e-324);
}

NATIVE(double_is_nan)
{
    return val_bool(isnan(a[0].d));
}

NATIVE(double_is_infinity)
{
    return val_bool(isinf(a[0].d));
}

NATIVE(decimal_zero)
{
    return decimal_value(vm->arena, decimal_from_i64(0));
}

NATIVE(decimal_one)
{
    return decimal_value(vm->arena, decimal_from_i64(1));
}

NATIVE(decimal_minus_one)
{
    return decimal_value(vm->arena, decimal_from_i64(-1));
}

NATIVE(number_to_string)
{
    return format_number(vm, a[0], a[1].kind == EXPR_STRING ? text_slice(a[1]) : SLICE_NONE);
}

/* ---- parsing ---- */

enum parsed { PARSED, PARSE_FORMAT, PARSE_RANGE };

static enum parsed parse_integer(struct slice s, enum expr_kind k, struct expr_value *out)
{
    bool negative = false;
    struct expr_value wide = { .kind = EXPR_I64 };
    uint64_t u = 0;
    bool over = false;

    s = slice_trim(s);
    if (s.n && (*s.p == '-' || *s.p == '+')) {
        negative = *s.p == '-';
        s = slice_skip(s, 1);
    }
    if (s.n == 0)
        return PARSE_FORMAT;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return PARSE_FORMAT;
        over |= u > (UINT64_MAX - 9) / 10;
        u = u * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (k == EXPR_U64) {
        *out = (struct expr_value){ .kind = EXPR_U64, .u = u };
        return over || (negative && u) ? PARSE_RANGE : PARSED;
    }
    if (over || u > (uint64_t)INT64_MAX + negative)
        return PARSE_RANGE;
    wide.i = negative ? (int64_t)(0 - u) : (int64_t)u;
    return op_convert(NULL, k, true, wide, out) == OP_FINE ? PARSED : PARSE_RANGE;
}

/* [ws][sign]digits[,digits][.digits][e[sign]digits][ws] into plain text without the thousands separators. */
static bool clean_real(struct slice s, char out[400])
{
    size_t n = 0;
    bool digits = false;

    s = slice_trim(s);
    if (s.n >= 390)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];

        if (ch == ',' && digits)
            continue;
        if (!ascii_is_digit(ch) && ch != '.' && (ch | 32) != 'e' && ch != '-' && ch != '+')
            return false;
        digits |= ascii_is_digit(ch);
        out[n++] = ch;
    }
    out[n] = 0;
    return digits;
}

static enum parsed parse_real(struct arena *a, struct slice s, enum expr_kind k, struct expr_value *out)
{
    char text[400], *end;
    struct decimal d;

    s = slice_trim(s);
    if (k != EXPR_DECIMAL && (slice_eq_icase(s, SLICE("NaN")) || slice_eq_icase(s, SLICE("Infinity")) || slice_eq_icase(s, SLICE("-Infinity")))) {
        double v = (s.p[0] | 32) == 'n' ? (double)NAN : *s.p == '-' ? -(double)INFINITY : (double)INFINITY;

        *out = k == EXPR_F64 ? val_double(v) : (struct expr_value){ .kind = EXPR_F32, .f = (float)v };
        return PARSED;
    }
    if (!clean_real(s, text))
        return PARSE_FORMAT;
    if (k == EXPR_DECIMAL) {
        size_t n = strlen(text);

        if (n && text[n - 1] == '.')
            text[n - 1] = 0;
        if (!decimal_parse(slice_from(text), &d))
            return strspn(text, "+-0123456789.eE") == strlen(text) ? PARSE_RANGE : PARSE_FORMAT;
        *out = decimal_value(a, d);
        return PARSED;
    }
    out->kind = (uint8_t)k;
    if (k == EXPR_F64)
        *out = val_double(strtod(text, &end));
    else
        *out = (struct expr_value){ .kind = EXPR_F32, .f = strtof(text, &end) };
    return *end ? PARSE_FORMAT : PARSED;
}

static enum parsed parse_number(struct vm *vm, struct slice s, enum expr_kind k, struct expr_value *out)
{
    return k >= EXPR_F32 ? parse_real(vm->arena, s, k, out) : parse_integer(s, k, out);
}

static struct expr_value parse_failed(struct vm *vm, enum parsed how, struct expr_value text, const struct type *t)
{
    static const char *const names[] = {
        [EXPR_I8] = "a signed byte", [EXPR_U8] = "an unsigned byte", [EXPR_I16] = "an Int16", [EXPR_U16] = "a UInt16",
        [EXPR_I32] = "an Int32", [EXPR_U32] = "a UInt32", [EXPR_I64] = "an Int64", [EXPR_U64] = "a UInt64",
        [EXPR_F32] = "a Single", [EXPR_F64] = "a Double", [EXPR_DECIMAL] = "a Decimal" };

    if (how == PARSE_RANGE)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for %s.", names[type_kind(t)]);
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input string '%.*s' was not in a correct format.", (int)text.n, text.s);
}

NATIVE(number_parse)
{
    struct expr_value out;
    enum parsed p;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s");
    p = parse_number(vm, text_slice(a[0]), type_kind(site->ret), &out);
    return p == PARSED ? out : parse_failed(vm, p, a[0], site->ret);
}

NATIVE(number_try_parse)
{
    struct expr_value out;
    bool ok = a[0].kind == EXPR_STRING && parse_number(vm, text_slice(a[0]), type_kind(site->on), &out) == PARSED;

    a[1] = ok ? out : value_default(vm->arena, site->on);
    return val_bool(ok);
}

/* ---- bool ---- */

NATIVE(bool_true_string)
{
    return TEXT("True");
}

NATIVE(bool_false_string)
{
    return TEXT("False");
}

static bool read_bool(struct expr_value v, bool *out)
{
    struct slice s = slice_trim(text_slice(v));

    *out = slice_eq_icase(s, SLICE("true"));
    return *out || slice_eq_icase(s, SLICE("false"));
}

NATIVE(bool_parse)
{
    bool b;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    if (!read_bool(a[0], &b))
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "String '%.*s' was not recognized as a valid Boolean.", (int)a[0].n, a[0].s);
    return val_bool(b);
}

NATIVE(bool_try_parse)
{
    bool b = false, ok = a[0].kind == EXPR_STRING && read_bool(a[0], &b);

    a[1] = val_bool(ok && b);
    return val_bool(ok);
}

/* ---- char ---- */

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return ascii_is_alpha((char)c);
    return c == 0xAA || c == 0xB5 || c == 0xBA || (c >= 0xC0 && c != 0xD7 && c != 0xF7 && c < 0x2000) || (c >= 0x3040 && c < 0xD800);
}

NATIVE(char_is_digit)
{
    return val_bool(a[0].i >= '0' && a[0].i <= '9');
}

NATIVE(char_is_letter)
{
    return val_bool(is_letter((uint32_t)a[0].i));
}

NATIVE(char_is_letter_or_digit)
{
    return val_bool(is_letter((uint32_t)a[0].i) || (a[0].i >= '0' && a[0].i <= '9'));
}

NATIVE(char_is_white_space)
{
    uint32_t c = (uint32_t)a[0].i;

    return val_bool(c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
                    c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000);
}

NATIVE(char_is_upper)
{
    return val_bool(text_lower((uint32_t)a[0].i) != (uint32_t)a[0].i);
}

NATIVE(char_is_lower)
{
    return val_bool(text_upper((uint32_t)a[0].i) != (uint32_t)a[0].i || a[0].i == 0xDF);
}

NATIVE(char_to_upper)
{
    return val_char(text_upper((uint32_t)a[0].i));
}

NATIVE(char_to_lower)
{
    return val_char(text_lower((uint32_t)a[0].i));
}
