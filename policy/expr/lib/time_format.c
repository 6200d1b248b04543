/* Texts of DateTime, DateTimeOffset, TimeSpan and Guid: .NET's standard and custom formats, invariant culture. */
#include <stdlib.h>
#include <string.h>

#include "policy/expr/lib/time.h"

static struct expr_value bad_time_format(struct vm *vm)
{
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "Input string was not in a correct format.");
}

static void put_padded(struct buf *b, int64_t n, unsigned width)
{
    char digits[20];
    unsigned i = 0;

    do
        digits[i++] = (char)('0' + n % 10);
    while ((n /= 10) && i < sizeof digits);
    for (unsigned w = i; w < width; w++)
        buf_putc(b, '0');
    while (i)
        buf_putc(b, digits[--i]);
}

/* ---- dates ---- */

struct date_format {
    struct buf *b;
    struct expr_value v;
    struct date_parts p;
    int32_t offset; /* minutes */
};

static void put_offset(struct date_format *f, unsigned width)
{
    int32_t minutes = abs(f->offset);

    buf_putc(f->b, f->offset < 0 ? '-' : '+');
    put_padded(f->b, minutes / 60, width == 1 ? 1 : 2);
    if (width >= 3) {
        buf_putc(f->b, ':');
        put_padded(f->b, minutes % 60, 2);
    }
}

static void put_kind(struct date_format *f)
{
    if (f->v.kind == EXPR_OFFSETTIME || f->v.aux == DATE_LOCAL)
        put_offset(f, 3);
    else if (f->v.aux == DATE_UTC)
        buf_putc(f->b, 'Z');
}

/* The first `width` digits of the fraction; trim: without trailing zeros, and without the point before it when none is left. */
static int64_t first_digits(int64_t fraction, unsigned width)
{
    static const int64_t powers[] = { 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };

    return fraction / powers[width];
}

static void put_fraction(struct buf *b, int64_t fraction, unsigned width, bool trim)
{
    int64_t value = first_digits(fraction, width);

    while (trim && width && value % 10 == 0) {
        value /= 10;
        width--;
    }
    if (width)
        put_padded(b, value, width);
    else if (b->n && b->p[b->n - 1] == '.')
        b->n--;
}

static void put_name(struct buf *b, const char *name, unsigned width)
{
    buf_put(b, width == 3 ? slice_of(name, 3) : slice_from(name));
}

static void put_year(struct date_format *f, unsigned width)
{
    if (width <= 2)
        put_padded(f->b, f->p.year % 100, width);
    else
        put_padded(f->b, f->p.year, width);
}

/* One run of a format letter. False: more of them than the letter takes. */
static bool put_run(struct date_format *f, char c, unsigned n)
{
    const struct date_parts *p = &f->p;
    int hour12 = p->hour % 12 ? p->hour % 12 : 12;

    switch (c) {
    case 'd':
        if (n <= 2)
            put_padded(f->b, p->day, n);
        else
            put_name(f->b, date_day_names[date_weekday(f->v.i)], n);
        return true;
    case 'M':
        if (n <= 2)
            put_padded(f->b, p->month, n);
        else
            put_name(f->b, date_month_names[p->month - 1], n);
        return true;
    case 'y':
        put_year(f, n);
        return true;
    case 'h':
        put_padded(f->b, hour12, n < 2 ? 1 : 2);
        return true;
    case 'H':
        put_padded(f->b, p->hour, n < 2 ? 1 : 2);
        return true;
    case 'm':
        put_padded(f->b, p->minute, n < 2 ? 1 : 2);
        return true;
    case 's':
        put_padded(f->b, p->second, n < 2 ? 1 : 2);
        return true;
    case 'f':
    case 'F':
        if (n <= 7)
            put_fraction(f->b, p->fraction, n, c == 'F');
        return n <= 7;
    case 't':
        buf_put(f->b, slice_first(p->hour < 12 ? SLICE("AM") : SLICE("PM"), n));
        return true;
    case 'g':
        buf_puts(f->b, "A.D.");
        return true;
    case 'z':
        put_offset(f, n);
        return true;
    default:
        return false;
    }
}

/* A quoted literal beginning at i; the bytes it takes, 0 when it does not end. */
static size_t put_quoted(struct buf *b, struct slice format, size_t i)
{
    char quote = format.p[i];
    size_t begin = i++;

    for (; i < format.n && format.p[i] != quote; i++) {
        if (format.p[i] == '\\' && i + 1 < format.n)
            i++;
        buf_putc(b, format.p[i]);
    }
    return i < format.n ? i + 1 - begin : 0;
}

static bool put_custom(struct date_format *f, struct slice format)
{
    for (size_t i = 0; i < format.n;) {
        char c = format.p[i];
        unsigned n = 1;
        if (strchr("dMyhHmsfFtgz", c)) {
            while (i + n < format.n && format.p[i + n] == c)
                n++;
            if (!put_run(f, c, n))
                return false;
            i += n;
        } else if (c == 'K') {
            put_kind(f);
            i++;
        } else if (c == '\'' || c == '"') {
            size_t taken = put_quoted(f->b, format, i);
            if (!taken)
                return false;
            i += taken;
        } else if (c == '\\' || c == '%') {
            if (i + 1 == format.n || (c == '%' && format.p[i + 1] == '%'))
                return false;
            if (c == '\\')
                buf_putc(f->b, format.p[i + 1]);
            else if (!put_custom(f, slice_of(format.p + i + 1, 1))) /* one letter by itself, whatever follows */
                return false;
            i += 2;
        } else {
            buf_putc(f->b, c);
            i++;
        }
    }
    return true;
}

/* The custom format that a standard one stands for; p == NULL: there is none. *utc: the time is taken in UTC. */
static struct slice standard_format(char c, bool is_offset, bool *utc)
{
    *utc = false;
    switch (c) {
    case 'd': return SLICE("MM/dd/yyyy");
    case 'D': return SLICE("dddd, dd MMMM yyyy");
    case 'f': return SLICE("dddd, dd MMMM yyyy HH:mm");
    case 'F': return SLICE("dddd, dd MMMM yyyy HH:mm:ss");
    case 'g': return SLICE("MM/dd/yyyy HH:mm");
    case 'G': return SLICE("MM/dd/yyyy HH:mm:ss");
    case 'm':
    case 'M': return SLICE("MMMM dd");
    case 'o':
    case 'O': return SLICE("yyyy'-'MM'-'dd'T'HH':'mm':'ss.fffffffK");
    case 'r':
    case 'R':
        *utc = is_offset;
        return SLICE("ddd, dd MMM yyyy HH':'mm':'ss 'GMT'");
    case 's': return SLICE("yyyy'-'MM'-'dd'T'HH':'mm':'ss");
    case 't': return SLICE("HH:mm");
    case 'T': return SLICE("HH:mm:ss");
    case 'u':
        *utc = is_offset;
        return SLICE("yyyy'-'MM'-'dd HH':'mm':'ss'Z'");
    case 'U': return is_offset ? SLICE_NONE : SLICE("dddd, dd MMMM yyyy HH:mm:ss");
    case 'y':
    case 'Y': return SLICE("yyyy MMMM");
    default: return SLICE_NONE;
    }
}

static struct expr_value format_date(struct vm *vm, struct expr_value v, struct slice format)
{
    struct buf b;
    struct date_format f = { .b = &b, .v = v };
    bool is_offset = v.kind == EXPR_OFFSETTIME, utc = false;

    if (slice_eq(format, SLICE("json"))) /* Newtonsoft.Json */
        format = SLICE("yyyy'-'MM'-'dd'T'HH':'mm':'ss.FFFFFFFK");
    else if (!format.n)
        format = is_offset ? SLICE("MM/dd/yyyy HH:mm:ss zzz") : SLICE("MM/dd/yyyy HH:mm:ss");
    else if (format.n == 1)
        format = standard_format(format.p[0], is_offset, &utc);
    if (!format.p)
        return bad_time_format(vm);
    if (utc)
        f.v = val_offset(date_utc_ticks(v), 0);
    f.offset = f.v.kind == EXPR_OFFSETTIME ? (int32_t)f.v.n : 0;
    date_split(f.v.i, &f.p);
    buf_init(&b, vm->arena);
    if (!put_custom(&f, format))
        return bad_time_format(vm);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- spans ---- */

struct span_parts {
    uint64_t days;
    int hours, minutes, seconds, fraction;
    bool negative;
};

static struct span_parts split_span(int64_t ticks)
{
    uint64_t t = ticks < 0 ? -(uint64_t)ticks : (uint64_t)ticks;

    return (struct span_parts){ t / (uint64_t)TICKS_PER_DAY, (int)(t / (uint64_t)TICKS_PER_HOUR % 24),
                                (int)(t / (uint64_t)TICKS_PER_MINUTE % 60), (int)(t / (uint64_t)TICKS_PER_SECOND % 60),
                                (int)(t % (uint64_t)TICKS_PER_SECOND), ticks < 0 };
}

/* c: [-][d.]hh:mm:ss[.fffffff]   g: [-][d:]h:mm:ss[.FFFFFFF]   G: [-]d:hh:mm:ss.fffffff */
static void put_standard_span(struct buf *b, const struct span_parts *p, char c)
{
    if (p->negative)
        buf_putc(b, '-');
    if (p->days || c == 'G') {
        put_padded(b, (int64_t)p->days, 1);
        buf_putc(b, c == 'c' ? '.' : ':');
    }
    put_padded(b, p->hours, c == 'g' ? 1 : 2);
    buf_putc(b, ':');
    put_padded(b, p->minutes, 2);
    buf_putc(b, ':');
    put_padded(b, p->seconds, 2);
    if (p->fraction || c == 'G') {
        buf_putc(b, '.');
        put_fraction(b, p->fraction, 7, c == 'g');
    }
}

static bool put_span_run(struct buf *b, const struct span_parts *p, char c, unsigned n)
{
    switch (c) {
    case 'd':
        put_padded(b, (int64_t)p->days, n);
        return n <= 8;
    case 'h':
        put_padded(b, p->hours, n);
        return n <= 2;
    case 'm':
        put_padded(b, p->minutes, n);
        return n <= 2;
    case 's':
        put_padded(b, p->seconds, n);
        return n <= 2;
    default:
        if (n <= 7 && (c == 'f' || first_digits(p->fraction, n))) /* unlike in dates a point before it stays */
            put_fraction(b, p->fraction, n, c == 'F');
        return n <= 7;
    }
}

static bool put_custom_span(struct buf *b, const struct span_parts *p, struct slice format)
{
    for (size_t i = 0; i < format.n;) {
        char c = format.p[i];
        unsigned n = 1;
        if (strchr("dhmsfF", c)) {
            while (i + n < format.n && format.p[i + n] == c)
                n++;
            if (!put_span_run(b, p, c, n))
                return false;
            i += n;
        } else if (c == '\'' || c == '"') {
            size_t taken = put_quoted(b, format, i);
            if (!taken)
                return false;
            i += taken;
        } else if (c == '\\' && i + 1 < format.n) {
            buf_putc(b, format.p[i + 1]);
            i += 2;
        } else if (c == '%' && i + 1 < format.n && format.p[i + 1] != '%') {
            if (!put_custom_span(b, p, slice_of(format.p + i + 1, 1)))
                return false;
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

static struct expr_value format_span(struct vm *vm, struct expr_value v, struct slice format)
{
    struct span_parts p = split_span(v.i);
    struct buf b;
    bool ok = true;

    buf_init(&b, vm->arena);
    if (!format.n || slice_eq(format, SLICE("json")) || slice_eq(format, SLICE("c")) || slice_eq(format, SLICE("t")) ||
        slice_eq(format, SLICE("T")))
        put_standard_span(&b, &p, 'c');
    else if (slice_eq(format, SLICE("g")) || slice_eq(format, SLICE("G")))
        put_standard_span(&b, &p, format.p[0]);
    else
        ok = format.n > 1 && put_custom_span(&b, &p, format);
    if (!ok)
        return bad_time_format(vm);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- GUIDs: the first three fields are little-endian in memory ---- */

static const uint8_t guid_order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

static struct expr_value format_guid(struct vm *vm, struct expr_value v, struct slice format)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *g = v.p;
    char c = format.n && !slice_eq(format, SLICE("json")) ? ascii_upper(format.p[0]) : 'D';
    char out[40];
    size_t n = 0;

    if (c == 'X' && format.n == 1)
        return str_printf(vm, "{0x%02x%02x%02x%02x,0x%02x%02x,0x%02x%02x,{0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x,0x%02x}}",
                          g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
    if ((format.n > 1 && !slice_eq(format, SLICE("json"))) || !strchr("DNBP", c))
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Format string can be only \"D\", \"d\", \"N\", \"n\", \"P\", \"p\", \"B\", \"b\", "
                        "\"X\" or \"x\".");
    if (c == 'B' || c == 'P')
        out[n++] = c == 'B' ? '{' : '(';
    for (unsigned i = 0; i < 16; i++) {
        if (c != 'N' && (i == 4 || i == 6 || i == 8 || i == 10))
            out[n++] = '-';
        out[n++] = hex[g[guid_order[i]] >> 4];
        out[n++] = hex[g[guid_order[i]] & 15];
    }
    if (c == 'B' || c == 'P')
        out[n++] = c == 'B' ? '}' : ')';
    return str_make(vm, slice_of(out, n));
}

int guid_compare(struct expr_value a, struct expr_value b)
{
    const uint8_t *x = a.p, *y = b.p;

    for (unsigned i = 0; i < 16; i++)
        if (x[guid_order[i]] != y[guid_order[i]])
            return x[guid_order[i]] < y[guid_order[i]] ? -1 : 1;
    return 0;
}

struct expr_value format_time(struct vm *vm, struct expr_value v, struct slice format)
{
    if (!vm_charge_bytes(vm, format.n))
        return expr_value_null();
    if (v.kind == EXPR_GUID)
        return format_guid(vm, v, format);
    return v.kind == EXPR_TIMESPAN ? format_span(vm, v, format) : format_date(vm, v, format);
}

NATIVE(time_to_string)
{
    return format_time(vm, a[0], a[1].kind == EXPR_STRING ? text_slice(a[1]) : SLICE_NONE);
}

NATIVE(datetime_short_date)
{
    return format_date(vm, a[0], SLICE("d"));
}

NATIVE(datetime_long_date)
{
    return format_date(vm, a[0], SLICE("D"));
}

NATIVE(datetime_short_time)
{
    return format_date(vm, a[0], SLICE("t"));
}

NATIVE(datetime_long_time)
{
    return format_date(vm, a[0], SLICE("T"));
}
