/* 128-bit decimals on 32-bit limbs. */
#include "policy/expr/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMBS 8 /* room for the product of two 96-bit numbers and a power of ten */

struct wide {
    uint32_t w[LIMBS];
};

struct expr_value decimal_value(struct arena *a, struct decimal d)
{
    struct decimal *p = arena_new(a, struct decimal);

    if (p)
        *p = d;
    return (struct expr_value){ .kind = EXPR_DECIMAL, .p = p };
}

static struct wide widen(struct decimal d)
{
    struct wide x = { { d.w[0], d.w[1], d.w[2] } };

    return x;
}

static bool wide_mul_small(struct wide *x, uint32_t m)
{
    uint64_t carry = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        carry += (uint64_t)x->w[i] * m;
        x->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

static uint32_t wide_div_small(struct wide *x, uint32_t d)
{
    uint64_t rest = 0;

    for (unsigned i = LIMBS; i-- > 0;) {
        rest = rest << 32 | x->w[i];
        x->w[i] = (uint32_t)(rest / d);
        rest %= d;
    }
    return (uint32_t)rest;
}

static void wide_add_small(struct wide *x, uint32_t n)
{
    uint64_t carry = n;

    for (unsigned i = 0; i < LIMBS && carry; i++) {
        carry += x->w[i];
        x->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static int wide_cmp(const struct wide *x, const struct wide *y)
{
    for (unsigned i = LIMBS; i-- > 0;)
        if (x->w[i] != y->w[i])
            return x->w[i] < y->w[i] ? -1 : 1;
    return 0;
}

static void wide_add(struct wide *x, const struct wide *y)
{
    uint64_t carry = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        carry += (uint64_t)x->w[i] + y->w[i];
        x->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void wide_sub(struct wide *x, const struct wide *y)
{
    int64_t borrow = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        borrow += (int64_t)x->w[i] - y->w[i];
        x->w[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
}

static bool wide_is_zero(const struct wide *x)
{
    for (unsigned i = 0; i < LIMBS; i++)
        if (x->w[i])
            return false;
    return true;
}

static bool fits96(const struct wide *x)
{
    for (unsigned i = 3; i < LIMBS; i++)
        if (x->w[i])
            return false;
    return true;
}

/* Divide x by y bit by bit; the rest stays in x. */
static struct wide wide_div(struct wide *x, const struct wide *y)
{
    struct wide q = { { 0 } }, rest = { { 0 } };

    for (int bit = LIMBS * 32 - 1; bit >= 0; bit--) {
        for (unsigned i = LIMBS - 1; i > 0; i--)
            rest.w[i] = rest.w[i] << 1 | rest.w[i - 1] >> 31;
        rest.w[0] = rest.w[0] << 1 | (x->w[bit / 32] >> (bit % 32) & 1);
        if (wide_cmp(&rest, y) >= 0) {
            wide_sub(&rest, y);
            q.w[bit / 32] |= 1u << (bit % 32);
        }
    }
    *x = rest;
    return q;
}

/* Scale down, half to even, until 96 bits and scale 28 hold it; sticky: digits were dropped before. */
static bool narrow(struct wide x, int scale, bool negative, bool sticky, struct decimal *out)
{
    uint32_t digit = 0;
    bool dropped = sticky;

    for (;;) {
        while ((!fits96(&x) && scale > 0) || scale > DECIMAL_SCALE_MAX) {
            dropped |= digit != 0;
            digit = wide_div_small(&x, 10);
            scale--;
        }
        if (!fits96(&x))
            return false;
        if (digit > 5 || (digit == 5 && (dropped || x.w[0] & 1))) {
            wide_add_small(&x, 1);
            digit = 0;
            dropped = true;
            if (!fits96(&x))
                continue;
        }
        break;
    }
    *out = (struct decimal){ { x.w[0], x.w[1], x.w[2] }, (uint8_t)scale, negative };
    return true;
}

static void align(struct wide *x, int *xs, int to)
{
    for (; *xs < to; (*xs)++)
        wide_mul_small(x, 10);
}

bool decimal_add(struct decimal a, struct decimal b, struct decimal *out)
{
    struct wide x = widen(a), y = widen(b);
    int xs = a.scale, ys = b.scale, scale = xs > ys ? xs : ys;
    bool negative = a.negative;

    align(&x, &xs, scale);
    align(&y, &ys, scale);
    if (a.negative == b.negative) {
        wide_add(&x, &y);
    } else if (wide_cmp(&x, &y) >= 0) {
        wide_sub(&x, &y);
    } else {
        wide_sub(&y, &x);
        x = y;
        negative = b.negative;
    }
    return narrow(x, scale, negative && !wide_is_zero(&x), false, out);
}

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out)
{
    b.negative = !b.negative;
    return decimal_add(a, b, out);
}

bool decimal_mul(struct decimal a, struct decimal b, struct decimal *out)
{
    struct wide x = { { 0 } };

    for (unsigned i = 0; i < 3; i++) {
        uint64_t carry = 0;

        for (unsigned j = 0; j < 3; j++) {
            carry += (uint64_t)a.w[i] * b.w[j] + x.w[i + j];
            x.w[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        x.w[i + 3] = (uint32_t)carry;
    }
    return narrow(x, a.scale + b.scale, a.negative != b.negative && !wide_is_zero(&x), false, out);
}

bool decimal_div(struct decimal a, struct decimal b, struct decimal *out)
{
    struct wide x = widen(a), y = widen(b), q;
    int scale = a.scale - b.scale;
    struct decimal d;

    if (wide_is_zero(&y))
        return false;
    /* Enough digits for 28 significant ones, then drop what does not fit and trailing zeros. */
    for (int i = 0; i < 38 && x.w[LIMBS - 1] == 0 && x.w[LIMBS - 2] < 0x0FFFFFFF; i++) {
        wide_mul_small(&x, 10);
        scale++;
    }
    q = wide_div(&x, &y);
    while (scale < 0) {
        wide_mul_small(&q, 10);
        scale++;
    }
    if (!narrow(q, scale, a.negative != b.negative, !wide_is_zero(&x), &d))
        return false;
    while (d.scale > 0 && d.scale > (a.scale > b.scale ? a.scale - b.scale : 0)) {
        struct wide t = widen(d);

        if (wide_div_small(&t, 10) != 0)
            break;
        d = (struct decimal){ { t.w[0], t.w[1], t.w[2] }, (uint8_t)(d.scale - 1), d.negative };
    }
    if (decimal_is_zero(d))
        d.negative = false;
    *out = d;
    return true;
}

bool decimal_rem(struct decimal a, struct decimal b, struct decimal *out)
{
    struct wide x = widen(a), y = widen(b);
    int xs = a.scale, ys = b.scale, scale = xs > ys ? xs : ys;

    if (wide_is_zero(&y))
        return false;
    align(&x, &xs, scale);
    align(&y, &ys, scale);
    if (wide_cmp(&x, &y) < 0) { /* what is smaller stays as it is, scale too */
        *out = a;
        return true;
    }
    wide_div(&x, &y);
    return narrow(x, scale, a.negative && !wide_is_zero(&x), false, out);
}

bool decimal_is_zero(struct decimal d)
{
    return !(d.w[0] | d.w[1] | d.w[2]);
}

int decimal_cmp(struct decimal a, struct decimal b)
{
    struct wide x = widen(a), y = widen(b);
    int xs = a.scale, ys = b.scale, scale = xs > ys ? xs : ys, c;
    bool an = a.negative && !decimal_is_zero(a), bn = b.negative && !decimal_is_zero(b);

    if (an != bn)
        return an ? -1 : 1;
    align(&x, &xs, scale);
    align(&y, &ys, scale);
    c = wide_cmp(&x, &y);
    return an ? -c : c;
}

struct decimal decimal_from_u64(uint64_t u)
{
    return (struct decimal){ { (uint32_t)u, (uint32_t)(u >> 32), 0 }, 0, false };
}

struct decimal decimal_from_i64(int64_t i)
{
    struct decimal d = decimal_from_u64(i < 0 ? 0 - (uint64_t)i : (uint64_t)i);

    d.negative = i < 0;
    return d;
}

bool decimal_parse(struct slice t, struct decimal *out)
{
    struct wide x = { { 0 } };
    size_t i = 0;
    int scale = 0, exponent = 0;
    bool negative = false, point = false, any = false, sticky = false;
    uint32_t dropped = 0;

    if (i < t.n && (t.p[i] == '-' || t.p[i] == '+'))
        negative = t.p[i++] == '-';
    for (; i < t.n && (ascii_is_digit(t.p[i]) || (t.p[i] == '.' && !point)); i++) {
        if (t.p[i] == '.') {
            point = true;
            continue;
        }
        any = true;
        if (x.w[LIMBS - 2]) { /* far beyond what can be kept */
            sticky |= t.p[i] != '0';
            dropped += !point;
            continue;
        }
        wide_mul_small(&x, 10);
        wide_add_small(&x, (uint32_t)(t.p[i] - '0'));
        scale += point;
    }
    if (!any || dropped)
        return false;
    if (i < t.n && (t.p[i] | 32) == 'e') {
        bool minus = false;

        i++;
        if (i < t.n && (t.p[i] == '-' || t.p[i] == '+'))
            minus = t.p[i++] == '-';
        if (i >= t.n)
            return false;
        for (; i < t.n && ascii_is_digit(t.p[i]); i++)
            exponent = exponent > 1000 ? exponent : exponent * 10 + (t.p[i] - '0');
        if (minus)
            exponent = -exponent;
    }
    if (i != t.n)
        return false;
    scale -= exponent;
    for (; scale < 0; scale++)
        if (x.w[LIMBS - 1] || !wide_mul_small(&x, 10))
            return wide_is_zero(&x);
    return narrow(x, scale > 1000 ? 1000 : scale, negative, sticky, out);
}

size_t decimal_text(struct decimal d, char out[DECIMAL_TEXT_MAX])
{
    char digits[40];
    struct wide x = widen(d);
    size_t n = 0, at = 0;

    do {
        digits[n++] = (char)('0' + wide_div_small(&x, 10));
    } while (!wide_is_zero(&x) || n <= d.scale);
    if (d.negative && !decimal_is_zero(d))
        out[at++] = '-';
    while (n-- > 0) {
        out[at++] = digits[n];
        if (n == d.scale && n > 0)
            out[at++] = '.';
    }
    out[at] = 0;
    return at;
}

double decimal_to_double(struct decimal d)
{
    char text[DECIMAL_TEXT_MAX];

    decimal_text(d, text);
    return strtod(text, NULL);
}

bool decimal_from_double(double v, int digits, struct decimal *out)
{
    char text[48];

    if (!isfinite(v) || fabs(v) >= 79228162514264337593543950336.0)
        return false;
    snprintf(text, sizeof text, "%.*e", digits - 1, v);
    if (!decimal_parse(slice_from(text), out))
        return false;
    while (out->scale > 0) { /* no trailing zeros */
        struct wide x = widen(*out);

        if (wide_div_small(&x, 10) != 0)
            break;
        *out = (struct decimal){ { x.w[0], x.w[1], x.w[2] }, (uint8_t)(out->scale - 1), out->negative };
    }
    return true;
}

struct decimal decimal_round(struct decimal d, int places, enum decimal_rounding how)
{
    struct wide x = widen(d);
    uint32_t digit = 0;
    bool dropped = false, up = false;

    if (d.scale <= places)
        return d;
    while (d.scale > places) {
        dropped |= digit != 0;
        digit = wide_div_small(&x, 10);
        d.scale--;
    }
    switch (how) {
    case DECIMAL_HALF_EVEN: up = digit > 5 || (digit == 5 && (dropped || x.w[0] & 1)); break;
    case DECIMAL_HALF_AWAY: up = digit >= 5; break;
    case DECIMAL_TRUNCATE: break;
    case DECIMAL_FLOOR: up = d.negative && (digit || dropped); break;
    case DECIMAL_CEILING: up = !d.negative && (digit || dropped); break;
    }
    if (up)
        wide_add_small(&x, 1);
    memcpy(d.w, x.w, sizeof d.w);
    return d;
}

static bool to_u64(struct decimal d, uint64_t *out)
{
    d = decimal_round(d, 0, DECIMAL_TRUNCATE);
    *out = (uint64_t)d.w[1] << 32 | d.w[0];
    return d.w[2] == 0;
}

bool decimal_to_u64(struct decimal d, uint64_t *out)
{
    return to_u64(d, out) && (!d.negative || *out == 0);
}

bool decimal_to_i64(struct decimal d, int64_t *out)
{
    uint64_t u;

    if (!to_u64(d, &u) || u > (uint64_t)INT64_MAX + d.negative)
        return false;
    *out = d.negative ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}
