/* TimeSpan: construction, parts, arithmetic, parsing. */
#include <math.h>

#include "policy/expr/lib/time.h"

static struct expr_value too_long(struct vm *vm)
{
    return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "TimeSpan overflowed because the duration is too long.");
}

/* ---- construction ---- */

static struct expr_value from_parts(struct vm *vm, int64_t d, int64_t h, int64_t m, int64_t s, int64_t ms)
{
    int64_t total = (((d * 24 + h) * 60 + m) * 60 + s) * 1000 + ms; /* the parts are ints: no overflow */

    if (__builtin_mul_overflow(total, TICKS_PER_MS, &total))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "TimeSpan overflowed because the duration is too long.");
    return val_span(total);
}

NATIVE(span_new_ticks)
{
    return val_span(a[0].i);
}

NATIVE(span_new_hms)
{
    return from_parts(vm, 0, a[0].i, a[1].i, a[2].i, 0);
}

NATIVE(span_new_dhms)
{
    return from_parts(vm, a[0].i, a[1].i, a[2].i, a[3].i, site->n > 4 ? a[4].i : 0);
}

static struct expr_value from_double_ticks(struct vm *vm, double ticks)
{
    if (isnan(ticks))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "TimeSpan does not accept floating point Not-a-Number values.");
    if (ticks > 9223372036854775807.0 || ticks < -9223372036854775808.0)
        return too_long(vm);
    return val_span(ticks == 9223372036854775808.0 ? INT64_MAX : (int64_t)ticks);
}

#define FROM(name, scale)                                         \
    NATIVE(span_from_##name)                                      \
    {                                                             \
        return from_double_ticks(vm, a[0].d * (double)(scale));   \
    }                                                             \
    NATIVE(span_total_##name)                                     \
    {                                                             \
        return val_double((double)a[0].i / (double)(scale));      \
    }
FROM(days, TICKS_PER_DAY)
FROM(hours, TICKS_PER_HOUR)
FROM(minutes, TICKS_PER_MINUTE)
FROM(seconds, TICKS_PER_SECOND)
FROM(milliseconds, TICKS_PER_MS)
FROM(microseconds, 10)

NATIVE(span_total_nanoseconds)
{
    return val_double((double)a[0].i * 100);
}

NATIVE(span_from_ticks)
{
    return val_span(a[0].i);
}

NATIVE(span_zero)
{
    return val_span(0);
}

NATIVE(span_min)
{
    return val_span(INT64_MIN);
}

NATIVE(span_max)
{
    return val_span(INT64_MAX);
}

#define TICKS_PER(name, ticks)             \
    NATIVE(span_ticks_per_##name)          \
    {                                      \
        return val_long(ticks);            \
    }
TICKS_PER(day, TICKS_PER_DAY)
TICKS_PER(hour, TICKS_PER_HOUR)
TICKS_PER(minute, TICKS_PER_MINUTE)
TICKS_PER(second, TICKS_PER_SECOND)
TICKS_PER(millisecond, TICKS_PER_MS)

/* ---- parts ---- */

#define PART(name, divisor, modulus)                                   \
    NATIVE(span_##name)                                                \
    {                                                                  \
        return val_int((int32_t)(a[0].i / (divisor) % (modulus)));     \
    }
PART(days, TICKS_PER_DAY, INT64_MAX)
PART(hours, TICKS_PER_HOUR, 24)
PART(minutes, TICKS_PER_MINUTE, 60)
PART(seconds, TICKS_PER_SECOND, 60)
PART(milliseconds, TICKS_PER_MS, 1000)
PART(microseconds, 10, 1000)

NATIVE(span_nanoseconds)
{
    return val_int((int32_t)(a[0].i % 10 * 100));
}

/* ---- arithmetic ---- */

NATIVE(span_add)
{
    int64_t sum;

    return __builtin_add_overflow(a[0].i, a[1].i, &sum) ? too_long(vm) : val_span(sum);
}

NATIVE(span_subtract)
{
    int64_t difference;

    return __builtin_sub_overflow(a[0].i, a[1].i, &difference) ? too_long(vm) : val_span(difference);
}

NATIVE(span_negate)
{
    if (a[0].i == INT64_MIN)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Negating the minimum value of a twos complement number is invalid.");
    return val_span(-a[0].i);
}

NATIVE(span_duration)
{
    if (a[0].i == INT64_MIN)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION,
                        "The duration cannot be returned for TimeSpan.MinValue because the absolute value of TimeSpan.MinValue "
                        "exceeds the value of TimeSpan.MaxValue.");
    return val_span(a[0].i < 0 ? -a[0].i : a[0].i);
}

NATIVE(span_multiply)
{
    return from_double_ticks(vm, rint((double)a[0].i * a[1].d));
}

NATIVE(span_multiply_left)
{
    return from_double_ticks(vm, rint((double)a[1].i * a[0].d));
}

NATIVE(span_divide)
{
    return from_double_ticks(vm, rint((double)a[0].i / a[1].d));
}

NATIVE(span_ratio)
{
    return val_double((double)a[0].i / (double)a[1].i);
}

/* ---- parsing: [-]d | [-][d.]hh:mm[:ss[.fffffff]] | [-]d:hh:mm:ss[.fffffff] ---- */

enum outcome { READ, NOT_A_SPAN, OUT_OF_RANGE };

struct reading {
    struct slice rest;
    int64_t numbers[4];
    unsigned n;
    bool days_by_point; /* the first number ends in '.' */
    int64_t fraction;
};

static bool read_number(struct slice *s, int64_t *out)
{
    size_t n = 0;

    *out = 0;
    while (n < s->n && ascii_is_digit(s->p[n]) && n < 10)
        *out = *out * 10 + (s->p[n++] - '0');
    *s = slice_skip(*s, n);
    return n > 0 && !(s->n && ascii_is_digit(s->p[0]));
}

static bool read_fraction(struct slice *s, int64_t *ticks)
{
    unsigned n = 0;

    *ticks = 0;
    for (; n < s->n && ascii_is_digit(s->p[n]); n++)
        if (n < 7)
            *ticks = *ticks * 10 + (s->p[n] - '0');
    if (n > 7 && s->p[7] >= '5')
        ++*ticks;
    for (unsigned i = n; i < 7; i++)
        *ticks *= 10;
    *s = slice_skip(*s, n);
    return n > 0;
}

static bool read_parts(struct reading *r)
{
    while (r->n < 4) {
        if (!read_number(&r->rest, &r->numbers[r->n++]))
            return false;
        if (!r->rest.n)
            return true;
        char c = r->rest.p[0];
        r->rest = slice_skip(r->rest, 1);
        if (c == '.' && r->n == 1 && slice_find_byte(r->rest, ':') >= 0)
            r->days_by_point = true;
        else if (c == '.' && r->n >= 3)
            return read_fraction(&r->rest, &r->fraction) && !r->rest.n;
        else if (c != ':')
            return false;
    }
    return !r->rest.n;
}

static enum outcome assemble(const struct reading *r, bool negative, int64_t *ticks)
{
    int64_t d = 0, h = 0, m = 0, s = 0;
    const int64_t *n = r->numbers;

    if (r->n == 1) {
        d = n[0];
    } else if (r->n == 4 || r->days_by_point) {
        d = n[0];
        h = n[1];
        m = r->n > 2 ? n[2] : 0;
        s = r->n > 3 ? n[3] : 0;
    } else if (r->n == 3 && n[0] > 23 && !r->fraction) { /* .NET then takes d:hh:mm */
        d = n[0];
        h = n[1];
        m = n[2];
    } else {
        h = n[0];
        m = n[1];
        s = r->n > 2 ? n[2] : 0;
    }
    if (d > 10675199 || h > 23 || m > 59 || s > 59)
        return OUT_OF_RANGE;
    int64_t seconds = ((d * 24 + h) * 60 + m) * 60 + s, sign = negative ? -1 : 1;
    bool fits = !__builtin_mul_overflow(seconds, sign * TICKS_PER_SECOND, ticks) &&
                !__builtin_add_overflow(*ticks, sign * r->fraction, ticks);
    return fits ? READ : OUT_OF_RANGE;
}

static enum outcome parse_span(struct slice text, int64_t *ticks)
{
    struct reading r = { .rest = slice_trim(text) };
    bool negative = r.rest.n && r.rest.p[0] == '-';

    if (negative)
        r.rest = slice_skip(r.rest, 1);
    return read_parts(&r) ? assemble(&r, negative, ticks) : NOT_A_SPAN;
}

NATIVE(span_parse)
{
    int64_t ticks;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "input");
    switch (parse_span(text_slice(a[0]), &ticks)) {
    case READ:
        return val_span(ticks);
    case OUT_OF_RANGE:
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "The TimeSpan string '%.*s' could not be parsed because at least one of the "
                        "numeric components is out of range or contains too many digits.", SLICE_ARG(text_slice(a[0])));
    default:
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "String '%.*s' was not recognized as a valid TimeSpan.", SLICE_ARG(text_slice(a[0])));
    }
}

static struct expr_value try_parse(struct expr_value text, struct expr_value *out)
{
    int64_t ticks = 0;
    bool ok = text.kind == EXPR_STRING && parse_span(text_slice(text), &ticks) == READ;

    *out = val_span(ok ? ticks : 0);
    return val_bool(ok);
}

NATIVE(span_try_parse)
{
    return try_parse(a[0], &a[1]);
}

NATIVE(span_try_parse_provider)
{
    return try_parse(a[0], &a[2]);
}

/* ---- exact: c, g, G as Parse; custom: d h m s f F, \x and quotes ---- */

static bool exact_field(struct slice *text, unsigned width, int64_t *out)
{
    size_t n = 0;

    *out = 0;
    while (n < text->n && ascii_is_digit(text->p[n]) && n < (width == 1 ? 8u : width))
        *out = *out * 10 + (text->p[n++] - '0');
    *text = slice_skip(*text, n);
    return n >= (width == 1 ? 1u : width);
}

static bool exact_fraction(struct slice *text, unsigned width, bool optional, int64_t *ticks)
{
    unsigned n = 0;
    int64_t value = 0;

    while (n < width && n < text->n && ascii_is_digit(text->p[n]))
        value = value * 10 + (text->p[n++] - '0');
    for (unsigned i = n; i < 7; i++)
        value *= 10;
    *text = slice_skip(*text, n);
    *ticks += value;
    return optional || n == width;
}

static bool exact_literal(struct slice *text, char c)
{
    if (!text->n || text->p[0] != c)
        return false;
    *text = slice_skip(*text, 1);
    return true;
}

static bool parse_custom(struct slice format, struct slice text, int64_t *ticks)
{
    int64_t part, total = 0;

    for (size_t i = 0; i < format.n;) {
        char c = format.p[i];
        unsigned width = 1;
        while (i + width < format.n && format.p[i + width] == c)
            width++;
        if (c == 'f' || c == 'F') {
            if (width > 7 || !exact_fraction(&text, width, c == 'F', &total))
                return false;
            i += width;
        } else if (c == 'd' || c == 'h' || c == 'm' || c == 's') {
            if (!exact_field(&text, width, &part) || (c == 'h' && part > 23) || ((c == 'm' || c == 's') && part > 59))
                return false;
            total += part * (c == 'd' ? TICKS_PER_DAY : c == 'h' ? TICKS_PER_HOUR : c == 'm' ? TICKS_PER_MINUTE : TICKS_PER_SECOND);
            i += width;
        } else if (c == '\\' && i + 1 < format.n) {
            if (!exact_literal(&text, format.p[i + 1]))
                return false;
            i += 2;
        } else if (c == '\'' || c == '"') {
            for (i++; i < format.n && format.p[i] != c; i++)
                if (!exact_literal(&text, format.p[i]))
                    return false;
            i++;
        } else if (c == '%') {
            i++;
        } else {
            return false;
        }
    }
    *ticks = total;
    return text.n == 0;
}

static bool parse_one(struct expr_value text, struct expr_value format, int64_t *ticks)
{
    struct slice f = text_slice(format);

    if (format.kind != EXPR_STRING)
        return false;
    if (f.n == 1 && (f.p[0] == 'c' || f.p[0] == 't' || f.p[0] == 'T' || f.p[0] == 'g' || f.p[0] == 'G'))
        return parse_span(text_slice(text), ticks) == READ;
    return parse_custom(f, text_slice(text), ticks);
}

/* format: a string or string[]; styles: TimeSpanStyles. */
static bool parse_exact(struct vm *vm, struct expr_value text, struct expr_value format, int64_t styles, int64_t *ticks)
{
    const struct list_object *l = format.kind == EXPR_OBJECT ? OBJECT(format, list_object) : NULL;
    bool ok = false;

    if (text.kind != EXPR_STRING)
        return false;
    if (!l)
        ok = parse_one(text, format, ticks);
    for (uint32_t i = 0; l && i < l->n && !ok && vm_charge(vm, 1); i++)
        ok = parse_one(text, l->items[i], ticks);
    if (ok && styles)
        *ticks = -*ticks;
    return ok;
}

/* (input, format or formats, provider [, styles]) */
NATIVE(span_parse_exact)
{
    int64_t ticks;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "input");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "format");
    if (parse_exact(vm, a[0], a[1], site->n > 3 ? a[3].i : 0, &ticks))
        return val_span(ticks);
    if (vm->thrown)
        return expr_value_null();
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "String '%.*s' was not recognized as a valid TimeSpan.", SLICE_ARG(text_slice(a[0])));
}

NATIVE(span_try_parse_exact)
{
    unsigned last = site->n - 1u;
    int64_t ticks = 0;
    bool ok = parse_exact(vm, a[0], a[1], last > 3 ? a[3].i : 0, &ticks);

    a[last] = val_span(ok ? ticks : 0);
    return val_bool(ok);
}
