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
    return real(site, -(double)NAN); /* its sign is set, as in .NET */
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

NATIVE(double_is_positive_infinity)
{
    return val_bool(isinf(a[0].d) && a[0].d > 0);
}

NATIVE(double_is_negative_infinity)
{
    return val_bool(isinf(a[0].d) && a[0].d < 0);
}

NATIVE(double_is_finite)
{
    return val_bool(isfinite(a[0].d));
}

NATIVE(double_is_negative)
{
    return val_bool(signbit(a[0].d));
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

NATIVE(char_to_upper)
{
    return val_char(text_upper((uint32_t)a[0].i));
}

NATIVE(char_to_lower)
{
    return val_char(text_lower((uint32_t)a[0].i));
}
