/* ToString(format) of numbers: .NET's standard and custom formats over a string of decimal digits. Invariant culture.
 * The custom format follows the algorithm .NET documents by its source: one pass measures the section, one writes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/expr/decimal.h"
#include "policy/expr/format.h"

#define DIGITS_MAX 800          /* the longest exact double has 767 */
#define PRECISION_MAX 100000    /* digits behind the point a format may ask for */

/* 0.d1d2d3... * 10^scale; no digits: zero. */
struct digits {
    char d[DIGITS_MAX + 2];
    int n, scale;
    bool negative, binary; /* binary: float or double, which keep the sign of zero */
};

static void trim_zeros(struct digits *g)
{
    while (g->n > 0 && g->d[g->n - 1] == '0')
        g->n--;
    g->d[g->n] = 0;
}

/* Keep `places` digits, halves away from zero. */
static void round_digits(struct digits *g, int places)
{
    int i = places < 0 ? 0 : places < g->n ? places : g->n;

    if (i == places && i < g->n && g->d[i] >= '5') {
        while (i > 0 && g->d[i - 1] == '9')
            i--;
        if (i > 0) {
            g->d[i - 1]++;
        } else {
            g->scale++;
            g->d[0] = '1';
            i = 1;
        }
    }
    g->n = i;
    trim_zeros(g);
    if (g->n == 0) {
        g->scale = 0;
        if (!g->binary)
            g->negative = false;
    }
}

/* Read "[-]ddd[.ddd][e+x]". */
static void read_digits(struct digits *g, const char *text)
{
    int point = -1, exponent = 0;

    g->n = 0;
    g->negative = *text == '-';
    for (text += g->negative; *text && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.')
            point = g->n;
        else if (g->n < DIGITS_MAX)
            g->d[g->n++] = *text;
    }
    if (*text)
        exponent = atoi(text + 1);
    g->scale = (point < 0 ? g->n : point) + exponent;
    g->d[g->n] = 0;
}

/* Leading zeros do not count; all zeros is no digits. */
static void normalize(struct digits *g)
{
    int zeros = 0;

    while (zeros < g->n && g->d[zeros] == '0')
        zeros++;
    memmove(g->d, g->d + zeros, (size_t)(g->n - zeros) + 1);
    g->n -= zeros;
    g->scale -= zeros;
    if (g->n == 0)
        g->scale = 0;
}

static double real_of(struct expr_value v)
{
    return v.kind == EXPR_F32 ? (double)v.f : v.d;
}

/* significant: of a double, so many digits exactly rounded; 0: its shortest text; -1: all it has. */
static void digits_of(struct expr_value v, int significant, struct digits *g)
{
    char text[DIGITS_MAX + 20];

    g->binary = v.kind == EXPR_F32 || v.kind == EXPR_F64;
    if (g->binary && significant == 0)
        text[v.kind == EXPR_F64 ? format_double(v.d, text) : format_float(v.f, text)] = 0;
    else if (g->binary)
        snprintf(text, sizeof text, "%.*e", significant < 0 || significant > DIGITS_MAX - 10 ? 770 : significant - 1, real_of(v));
    else if (v.kind == EXPR_DECIMAL)
        text[decimal_text(decimal_of(v), text)] = 0;
    else if (v.kind == EXPR_U64)
        snprintf(text, sizeof text, "%llu", (unsigned long long)v.u);
    else
        snprintf(text, sizeof text, "%lld", (long long)v.i);
    read_digits(g, text);
    normalize(g);
}

static void put_zeros(struct buf *b, int n)
{
    while (n-- > 0)
        buf_putc(b, '0');
}

/* Digits with `places` behind the point; groups of three on demand. */
static void put_fixed(struct buf *b, const struct digits *g, int places, bool group)
{
    int at = 0, whole = g->scale > 0 ? g->scale : 0;

    if (whole == 0)
        buf_putc(b, '0');
    for (int i = whole; i > 0; i--) {
        buf_putc(b, at < g->n ? g->d[at++] : '0');
        if (group && i > 1 && i % 3 == 1)
            buf_putc(b, ',');
    }
    if (places <= 0)
        return;
    buf_putc(b, '.');
    for (int i = 0, lead = g->scale < 0 ? -g->scale : 0; i < places; i++)
        buf_putc(b, i < lead ? '0' : at < g->n ? g->d[at++] : '0');
}

static void put_exponent(struct buf *b, int value, char e, int least, bool plus)
{
    buf_putc(b, e);
    if (value < 0)
        buf_putc(b, '-');
    else if (plus)
        buf_putc(b, '+');
    buf_printf(b, "%0*d", least, abs(value));
}

static void put_scientific(struct buf *b, const struct digits *g, int places, char e)
{
    buf_putc(b, g->n ? g->d[0] : '0');
    if (places > 0)
        buf_putc(b, '.');
    for (int i = 1; i <= places; i++)
        buf_putc(b, i < g->n ? g->d[i] : '0');
    put_exponent(b, g->n ? g->scale - 1 : 0, e, 3, true);
}

static void put_general(struct buf *b, const struct digits *g, int most, char e)
{
    bool scientific = g->n && (g->scale > most || g->scale < -3);
    int scale = scientific ? 1 : g->scale, at = 0;

    if (scale <= 0)
        buf_putc(b, '0');
    for (int i = 0; i < scale; i++)
        buf_putc(b, at < g->n ? g->d[at++] : '0');
    if (at < g->n || scale < 0) {
        if (at < g->n)
            buf_putc(b, '.');
        put_zeros(b, -scale);
        while (at < g->n)
            buf_putc(b, g->d[at++]);
    }
    if (scientific)
        put_exponent(b, g->scale - 1, e, 2, true);
}

/* ---- custom formats ---- */

/* Byte offset of section n (0..2), or 0 when there is none. */
static size_t section_at(struct slice f, int n)
{
    if (n == 0)
        return 0;
    for (size_t i = 0; i < f.n; i++) {
        char ch = f.p[i];

        if (ch == '\'' || ch == '"') {
            for (i++; i < f.n && f.p[i] != ch; i++)
                ;
        } else if (ch == '\\') {
            i++;
        } else if (ch == ';' && --n == 0) {
            return i + 1 < f.n && f.p[i + 1] != ';' ? i + 1 : 0;
        }
    }
    return 0;
}

struct shape {
    int count, point, first_zero, last_zero, scale, comma, commas;
    bool scientific, group;
};

/* E0, E+0, E-0 at i (behind the E)? */
static bool is_exponent(struct slice f, size_t i)
{
    return (i < f.n && f.p[i] == '0') || (i + 1 < f.n && (f.p[i] == '+' || f.p[i] == '-') && f.p[i + 1] == '0');
}

static bool is_permille(struct slice f, size_t i)
{
    return i + 2 < f.n && memcmp(f.p + i, "\xE2\x80\xB0", 3) == 0;
}

static void measure(struct slice f, size_t from, struct shape *s)
{
    *s = (struct shape){ .point = -1, .first_zero = INT32_MAX, .comma = -1 };
    for (size_t i = from; i < f.n && f.p[i] != ';'; i++) {
        char ch = f.p[i];

        if (ch == '#') {
            s->count++;
        } else if (ch == '0') {
            if (s->first_zero == INT32_MAX)
                s->first_zero = s->count;
            s->last_zero = ++s->count;
        } else if (ch == '.') {
            if (s->point < 0)
                s->point = s->count;
        } else if (ch == ',' && s->count > 0 && s->point < 0) {
            if (s->comma == s->count) {
                s->commas++;
                continue;
            }
            s->group |= s->comma >= 0;
            s->comma = s->count;
            s->commas = 1;
        } else if (ch == '%') {
            s->scale += 2;
        } else if (is_permille(f, i)) {
            s->scale += 3;
        } else if (ch == '\'' || ch == '"') {
            for (i++; i < f.n && f.p[i] != ch; i++)
                ;
        } else if (ch == '\\') {
            i++;
        } else if ((ch | 32) == 'e' && is_exponent(f, i + 1)) {
            s->scientific = true;
            for (i++; i + 1 < f.n && f.p[i + 1] == '0'; i++)
                ;
        }
    }
    if (s->point < 0)
        s->point = s->count;
    if (s->comma >= 0 && s->comma == s->point)
        s->scale -= 3 * s->commas;
    else if (s->comma >= 0)
        s->group = true;
}

struct writer {
    struct buf *b;
    const struct digits *g;
    struct shape s;
    int at;                /* next digit */
    int place;             /* digits of the whole part left to write, the next one counted */
    int adjust;
    int first_zero, last_zero;
    bool point_written;
};

static void put_digit(struct writer *w, char ch)
{
    buf_putc(w->b, ch);
    if (w->s.group && w->place > 1 && w->place % 3 == 1)
        buf_putc(w->b, ',');
}

/* More digits than places in the format: they come out at the first. */
static void put_overhang(struct writer *w)
{
    while (w->adjust > 0) {
        put_digit(w, w->at < w->g->n ? w->g->d[w->at++] : '0');
        w->place--;
        w->adjust--;
    }
}

static void put_place(struct writer *w)
{
    char ch;

    if (w->adjust < 0) {
        w->adjust++;
        ch = w->place <= w->first_zero ? '0' : 0;
    } else {
        ch = w->at < w->g->n ? w->g->d[w->at++] : w->place > w->last_zero ? '0' : 0;
    }
    if (ch)
        put_digit(w, ch);
    w->place--;
}

/* The E at i: how far it reaches. */
static size_t put_custom_exponent(struct writer *w, struct slice f, size_t i)
{
    bool plus = false;
    char e = f.p[i];
    int least = 0;

    if (!w->s.scientific || !is_exponent(f, i + 1)) {
        buf_putc(w->b, e);
        return i;
    }
    i++;
    if (f.p[i] == '+' || f.p[i] == '-')
        plus = f.p[i++] == '+';
    for (; i < f.n && f.p[i] == '0'; i++)
        least++;
    put_exponent(w->b, w->g->n ? w->g->scale - w->s.point : 0, e, least > 10 ? 10 : least, plus);
    w->s.scientific = false;
    return i - 1;
}

static void put_section(struct writer *w, struct slice f, size_t from)
{
    for (size_t i = from; i < f.n && f.p[i] != ';'; i++) {
        char ch = f.p[i];

        if (ch == '#' || ch == '0' || ch == '.')
            put_overhang(w);
        if (ch == '#' || ch == '0') {
            put_place(w);
        } else if (ch == '.') {
            if (w->place == 0 && !w->point_written && (w->last_zero < 0 || (w->s.point < w->s.count && w->at < w->g->n))) {
                buf_putc(w->b, '.');
                w->point_written = true;
            }
        } else if (ch == ',') {
            continue;
        } else if (ch == '\'' || ch == '"') {
            for (i++; i < f.n && f.p[i] != ch; i++)
                buf_putc(w->b, f.p[i]);
        } else if (ch == '\\') {
            if (i + 1 < f.n)
                buf_putc(w->b, f.p[++i]);
        } else if ((ch | 32) == 'e') {
            i = put_custom_exponent(w, f, i);
        } else {
            buf_putc(w->b, ch);
        }
    }
}

static struct expr_value format_custom(struct vm *vm, struct expr_value v, struct slice f)
{
    struct digits g;
    struct writer w = { .g = &g };
    struct buf b, out;
    size_t section;

    digits_of(v, 15, &g);
    trim_zeros(&g);
    section = section_at(f, g.n == 0 ? 2 : g.negative ? 1 : 0);
    for (;;) {
        measure(f, section, &w.s);
        if (g.n) {
            size_t zero;

            g.scale += w.s.scale;
            round_digits(&g, w.s.scientific ? w.s.count : g.scale + w.s.count - w.s.point);
            zero = g.n == 0 ? section_at(f, 2) : section;
            if (zero != section) {
                section = zero;
                continue;
            }
        } else if (!g.binary) {
            g.negative = false;
        }
        break;
    }
    w.first_zero = w.s.first_zero < w.s.point ? w.s.point - w.s.first_zero : 0;
    w.last_zero = w.s.last_zero > w.s.point ? w.s.point - w.s.last_zero : 0;
    w.place = w.s.scientific ? w.s.point : g.scale > w.s.point ? g.scale : w.s.point;
    w.adjust = w.s.scientific ? 0 : g.scale - w.s.point;
    buf_init(&b, vm->arena);
    w.b = &b;
    put_section(&w, f, section);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    if (!g.negative || section || (g.n == 0 && b.n == 0))
        return text_value(buf_slice(&b));
    buf_init(&out, vm->arena);
    buf_putc(&out, '-');
    buf_put(&out, buf_slice(&b));
    return text_value(buf_slice(&out));
}

/* ---- standard formats ---- */

static struct expr_value invalid(struct vm *vm)
{
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "Format specifier was invalid.");
}

static unsigned bits_of(struct expr_value v)
{
    switch (v.kind) {
    case EXPR_I8:
    case EXPR_U8: return 8;
    case EXPR_I16:
    case EXPR_U16: return 16;
    case EXPR_I32:
    case EXPR_U32: return 32;
    default: return 64;
    }
}

static struct expr_value format_bits(struct vm *vm, struct expr_value v, char kind, int places)
{
    uint64_t u = bits_of(v) == 64 ? v.u : v.u & ((UINT64_C(1) << bits_of(v)) - 1);
    char text[65];
    int n = 0;
    struct buf b;

    buf_init(&b, vm->arena);
    if ((kind | 32) == 'x')
        n = snprintf(text, sizeof text, kind == 'x' ? "%llx" : "%llX", (unsigned long long)u);
    else
        for (int i = 63; i >= 0; i--)
            if (n || u >> i || i == 0)
                text[n++] = (char)('0' + (u >> i & 1));
    put_zeros(&b, places - n);
    buf_put(&b, slice_of(text, (size_t)n));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

static void put_whole(struct buf *b, const struct digits *g, int places)
{
    int n = g->scale > 1 ? g->scale : 1;

    if (g->negative)
        buf_putc(b, '-');
    put_zeros(b, places - n);
    put_fixed(b, g, 0, false);
}

/* N, F, P and C around their digits. */
static void put_money(struct buf *b, struct digits *g, char kind, int places)
{
    if (kind == 'p' && g->n)
        g->scale += 2;
    round_digits(g, g->scale + places);
    if (g->negative)
        buf_puts(b, kind == 'c' ? "(" : "-");
    if (kind == 'c')
        buf_puts(b, "\xC2\xA4");
    put_fixed(b, g, places, kind != 'f');
    if (kind == 'p')
        buf_puts(b, " %");
    if (kind == 'c' && g->negative)
        buf_putc(b, ')');
}

static struct expr_value format_standard(struct vm *vm, struct expr_value v, char kind, int places)
{
    bool binary = v.kind == EXPR_F32 || v.kind == EXPR_F64, whole = !binary && v.kind != EXPR_DECIMAL;
    char low = (char)(kind | 32);
    struct digits g;
    struct buf b;

    buf_init(&b, vm->arena);
    switch (low) {
    case 'd':
        if (!whole)
            return invalid(vm);
        digits_of(v, 0, &g);
        put_whole(&b, &g, places);
        break;
    case 'x':
    case 'b':
        return whole ? format_bits(vm, v, kind, places) : invalid(vm);
    case 'f':
    case 'n':
    case 'p':
    case 'c':
        digits_of(v, -1, &g);
        put_money(&b, &g, low, places < 0 ? 2 : places);
        break;
    case 'e':
        places = places < 0 ? 6 : places;
        digits_of(v, -1, &g);
        round_digits(&g, places + 1);
        if (g.negative)
            buf_putc(&b, '-');
        put_scientific(&b, &g, places, kind);
        break;
    case 'g':
        if (places <= 0)
            return value_to_string(vm, v);
        digits_of(v, -1, &g);
        round_digits(&g, places);
        if (g.negative)
            buf_putc(&b, '-');
        put_general(&b, &g, places, kind == 'g' ? 'e' : 'E');
        break;
    case 'r':
        return binary ? value_to_string(vm, v) : invalid(vm);
    default:
        return invalid(vm);
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

struct expr_value format_number(struct vm *vm, struct expr_value v, struct slice format)
{
    int places = -1;
    size_t i = 1;

    if (format.n == 0)
        return value_to_string(vm, v);
    if (!vm_charge_bytes(vm, format.n))
        return expr_value_null();
    if ((v.kind == EXPR_F64 || v.kind == EXPR_F32) && !isfinite(real_of(v)))
        return value_to_string(vm, v);
    if (!ascii_is_alpha(format.p[0]))
        return format_custom(vm, v, format);
    for (; i < format.n && ascii_is_digit(format.p[i]) && places < PRECISION_MAX; i++)
        places = (places < 0 ? 0 : places) * 10 + (format.p[i] - '0');
    if (i < format.n && !ascii_is_digit(format.p[i]))
        return format_custom(vm, v, format);
    if (places >= PRECISION_MAX)
        return vm_throw_budget(vm, "memory");
    if (!vm_charge(vm, places > 0 ? (uint32_t)places / 16 : 0))
        return expr_value_null();
    return format_standard(vm, v, format.p[0], places);
}
