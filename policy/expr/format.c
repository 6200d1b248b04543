/* Number texts. */
#include "policy/expr/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/expr/decimal.h"

/* Digits d.ddd and exponent as .NET writes them: plain below 10^limit or while every digit counts, else E+XX. */
static size_t layout(const char *sci, int limit, char out[64])
{
    char digits[32];
    int n = 0, exponent = atoi(strchr(sci, 'e') + 1);
    size_t at = 0;
    const char *p = sci;

    if (*p == '-')
        out[at++] = *p++;
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (exponent >= (n > limit ? n : limit) || exponent < -4) {
        out[at++] = digits[0];
        if (n > 1) {
            out[at++] = '.';
            memcpy(out + at, digits + 1, (size_t)n - 1);
            at += (size_t)n - 1;
        }
        return at + (size_t)snprintf(out + at, 64 - at, "E%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) {
        at += (size_t)snprintf(out + at, 64 - at, "0.%.*s", -exponent - 1, "00000000");
        memcpy(out + at, digits, (size_t)n);
        at += (size_t)n;
    } else {
        for (int i = 0; i < n || i <= exponent; i++) {
            if (i == exponent + 1)
                out[at++] = '.';
            out[at++] = i < n ? digits[i] : '0';
        }
    }
    out[at] = 0;
    return at;
}

static size_t special(double d, char out[64])
{
    if (isnan(d))
        return (size_t)snprintf(out, 64, "NaN");
    if (isinf(d))
        return (size_t)snprintf(out, 64, "%sInfinity", d < 0 ? "-" : "");
    return (size_t)snprintf(out, 64, "%s0", signbit(d) ? "-" : "");
}

size_t format_double(double d, char out[64])
{
    char sci[40];

    if (!isfinite(d) || d == 0)
        return special(d, out);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(sci, sizeof sci, "%.*e", digits - 1, d);
        if (strtod(sci, NULL) == d)
            break;
    }
    return layout(sci, 15, out);
}

size_t format_float(float f, char out[64])
{
    char sci[40];

    if (!isfinite(f) || f == 0)
        return special(f, out);
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(sci, sizeof sci, "%.*e", digits - 1, (double)f);
        if (strtof(sci, NULL) == f)
            break;
    }
    return layout(sci, 7, out);
}

struct expr_value format_value(struct vm *vm, struct expr_value v, struct slice format)
{
    if (v.kind >= EXPR_I8 && v.kind <= EXPR_DECIMAL)
        return format_number(vm, v, format);
    if (v.kind == EXPR_ENUM && format.n == 1) {
        if ((format.p[0] | 32) == 'd')
            return str_printf(vm, "%lld", (long long)v.i);
        if ((format.p[0] | 32) == 'x')
            return str_printf(vm, "%08X", (unsigned)v.i);
    }
    if (v.kind >= EXPR_DATETIME && v.kind <= EXPR_GUID)
        return format_time(vm, v, format);
    return value_to_string(vm, v);
}
