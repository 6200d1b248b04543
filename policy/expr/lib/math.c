/* System.Math, and the arithmetic members of decimal. */
#include <math.h>

#include "policy/expr/decimal.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/vm.h"

static bool is_real(struct expr_value v)
{
    return v.kind == EXPR_F64 || v.kind == EXPR_F32;
}

static double real_of(struct expr_value v)
{
    return v.kind == EXPR_F32 ? (double)v.f : v.d;
}

static struct expr_value like(struct expr_value v, double d)
{
    return v.kind == EXPR_F32 ? (struct expr_value){ .kind = EXPR_F32, .f = (float)d } : val_double(d);
}

static int64_t least_of(unsigned kind)
{
    return kind == EXPR_I8 ? INT8_MIN : kind == EXPR_I16 ? INT16_MIN : kind == EXPR_I32 ? INT32_MIN : INT64_MIN;
}

NATIVE(math_abs)
{
    if (is_real(a[0]))
        return like(a[0], fabs(real_of(a[0])));
    if (a[0].kind == EXPR_DECIMAL) {
        struct decimal d = decimal_of(a[0]);

        d.negative = false;
        return decimal_value(vm->arena, d);
    }
    if (a[0].i == least_of(a[0].kind))
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Negating the minimum value of a twos complement number is invalid.");
    if (a[0].i < 0)
        a[0].i = -a[0].i;
    return a[0];
}

NATIVE(math_sign)
{
    if (is_real(a[0])) {
        double d = real_of(a[0]);

        if (isnan(d))
            return vm_throw(vm, TYPE_ARITHMETICEXCEPTION, "Function does not accept floating point Not-a-Number values.");
        return val_int((d > 0) - (d < 0));
    }
    if (a[0].kind == EXPR_DECIMAL)
        return val_int(decimal_cmp(decimal_of(a[0]), decimal_from_i64(0)));
    return val_int((a[0].i > 0) - (a[0].i < 0));
}

/* NaN wins both ways; -0 is less than 0. */
static struct expr_value pick(struct vm *vm, struct expr_value *a, int sign)
{
    if (is_real(a[0])) {
        double x = real_of(a[0]), y = real_of(a[1]);

        if (isnan(x) || isnan(y))
            return isnan(x) ? a[0] : a[1];
        if (x == y)
            return (signbit(x) != 0) == (sign < 0) ? a[0] : a[1];
        return (x > y) == (sign > 0) ? a[0] : a[1];
    }
    return sign * value_compare(vm, a[0], a[1]) >= 0 ? a[0] : a[1];
}

NATIVE(math_max)
{
    return pick(vm, a, 1);
}

NATIVE(math_min)
{
    return pick(vm, a, -1);
}

NATIVE(math_clamp)
{
    struct expr_value low[2] = { a[0], a[1] };

    if (value_compare(vm, a[1], a[2]) > 0) {
        struct slice x = value_text(vm, a[1]), y = value_text(vm, a[2]);

        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "'%.*s' cannot be greater than %.*s.", SLICE_ARG(x), SLICE_ARG(y));
    }
    low[0] = value_compare(vm, a[0], a[1]) < 0 ? a[1] : a[0];
    return value_compare(vm, low[0], a[2]) > 0 ? a[2] : low[0];
}

/* ---- rounding ---- */

enum rounding { ROUND_EVEN, ROUND_AWAY, ROUND_TO_ZERO, ROUND_DOWN, ROUND_UP };

static double round_real(double d, int64_t mode)
{
    switch (mode) {
    case ROUND_AWAY: return trunc(d + copysign(0.49999999999999994, d));
    case ROUND_TO_ZERO: return trunc(d);
    case ROUND_DOWN: return floor(d);
    case ROUND_UP: return ceil(d);
    default: return nearbyint(d);
    }
}

static struct expr_value round_places(struct vm *vm, struct expr_value v, int64_t places, int64_t mode)
{
    static const enum decimal_rounding how[] = { DECIMAL_HALF_EVEN, DECIMAL_HALF_AWAY, DECIMAL_TRUNCATE, DECIMAL_FLOOR, DECIMAL_CEILING };
    double scale;

    if (mode < ROUND_EVEN || mode > ROUND_UP)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The value '%lld' is not valid for this usage of the type MidpointRounding. (Parameter 'mode')", (long long)mode);
    if (v.kind == EXPR_DECIMAL) {
        if (places < 0 || places > 28)
            return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Decimal can only round to between 0 and 28 digits of precision. (Parameter 'decimals')");
        return decimal_value(vm->arena, decimal_round(decimal_of(v), (int)places, how[mode]));
    }
    if (places < 0 || places > 15)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Rounding digits must be between 0 and 15, inclusive. (Parameter 'digits')");
    if (fabs(real_of(v)) >= 1e16)
        return v;
    scale = pow(10, (double)places);
    return like(v, round_real(real_of(v) * scale, mode) / scale);
}

/* (value [, digits] [, mode]) */
NATIVE(math_round)
{
    int64_t places = 0, mode = 0;

    for (unsigned i = 1; i < site->n; i++) {
        if (a[i].kind == EXPR_ENUM)
            mode = a[i].i;
        else
            places = a[i].i;
    }
    return round_places(vm, a[0], places, mode);
}

NATIVE(math_floor)
{
    return is_real(a[0]) ? like(a[0], floor(real_of(a[0]))) : round_places(vm, a[0], 0, ROUND_DOWN);
}

NATIVE(math_ceiling)
{
    return is_real(a[0]) ? like(a[0], ceil(real_of(a[0]))) : round_places(vm, a[0], 0, ROUND_UP);
}

NATIVE(math_truncate)
{
    return is_real(a[0]) ? like(a[0], trunc(real_of(a[0]))) : round_places(vm, a[0], 0, ROUND_TO_ZERO);
}

/* ---- functions of doubles ---- */

#define REAL(name, call) \
    NATIVE(math_##name) \
    { \
        double x = a[0].d, y = a[1].d; \
        (void)x, (void)y; \
        return val_double(call); \
    }

REAL(pow, pow(x, y))
REAL(sqrt, sqrt(x))
REAL(cbrt, cbrt(x))
REAL(exp, exp(x))
REAL(log, log(x))
REAL(log_base, isnan(x) ? x : isnan(y) ? y : y == 1 || (x != 1 && (y == 0 || (isinf(y) && y > 0))) ? (double)NAN : log(x) / log(y))
REAL(log10, log10(x))
REAL(log2, log2(x))
REAL(sin, sin(x))
REAL(cos, cos(x))
REAL(tan, tan(x))
REAL(asin, asin(x))
REAL(acos, acos(x))
REAL(atan, atan(x))
REAL(atan2, atan2(x, y))
REAL(sinh, sinh(x))
REAL(cosh, cosh(x))
REAL(tanh, tanh(x))
REAL(asinh, asinh(x))
REAL(acosh, acosh(x))
REAL(atanh, atanh(x))
REAL(bit_increment, nextafter(x, (double)INFINITY))
REAL(bit_decrement, nextafter(x, -(double)INFINITY))
REAL(max_magnitude, isnan(x) || isnan(y) ? (double)NAN : fabs(x) > fabs(y) || (fabs(x) == fabs(y) && x > y) ? x : y)
REAL(min_magnitude, isnan(x) || isnan(y) ? (double)NAN : fabs(x) < fabs(y) || (fabs(x) == fabs(y) && x < y) ? x : y)
REAL(remainder, remainder(x, y))
REAL(copy_sign, copysign(x, y))
REAL(pi, 3.141592653589793)
REAL(e, 2.718281828459045)
REAL(tau, 6.283185307179586)

NATIVE(math_big_mul)
{
    return val_long(a[0].i * a[1].i);
}

NATIVE(math_big_mul_unsigned)
{
    return (struct expr_value){ .kind = EXPR_U64, .u = a[0].u * a[1].u };
}

/* (a, b, out result), or into a pair. */
NATIVE(math_div_rem)
{
    struct expr_value pair[2];
    enum op_error e = op_binary(vm->arena, B_DIV, (enum expr_kind)a[0].kind, true, a[0], a[1], &pair[0]);

    if (e == OP_FINE)
        e = op_binary(vm->arena, B_REM, (enum expr_kind)a[0].kind, true, a[0], a[1], &pair[1]);
    if (e != OP_FINE)
        return vm_op_error(vm, e);
    if (site->n == 2)
        return tuple_make(vm, site->ret, 2, pair);
    a[2] = pair[1];
    return pair[0];
}

/* ---- decimal ---- */

static struct expr_value decimal_op(struct vm *vm, enum binop op, struct expr_value *a)
{
    struct expr_value out;
    enum op_error e = op_binary(vm->arena, op, EXPR_DECIMAL, true, a[0], a[1], &out);

    return e == OP_FINE ? out : vm_op_error(vm, e);
}

NATIVE(decimal_new)
{
    struct expr_value out;
    enum op_error e = op_convert(vm->arena, EXPR_DECIMAL, true, a[0], &out);

    return e == OP_FINE ? out : vm_op_error(vm, e);
}

static struct expr_value decimal_of_parts(struct vm *vm, const struct expr_value *w, bool negative, int64_t scale)
{
    struct decimal d = { .w = { (uint32_t)w[0].i, (uint32_t)w[1].i, (uint32_t)w[2].i }, .scale = (uint8_t)scale, .negative = negative };

    if (scale > DECIMAL_SCALE_MAX)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Decimal's scale value must be between 0 and 28, inclusive. (Parameter 'scale')");
    return decimal_value(vm->arena, d);
}

NATIVE(decimal_new_parts)
{
    return decimal_of_parts(vm, a, a[3].i, a[4].i);
}

/* The fourth number holds the scale in bits 16 to 23 and the sign in bit 31. */
NATIVE(decimal_new_bits)
{
    const struct list_object *l = a[0].kind == EXPR_OBJECT ? OBJECT(a[0], list_object) : NULL;
    uint32_t flags = l && l->n == 4 ? (uint32_t)l->items[3].i : 1;

    if (!l)
        return vm_throw_arg_null(vm, "bits");
    if (flags & 0x7F00FFFFu || (flags >> 16 & 0xFF) > DECIMAL_SCALE_MAX)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Decimal constructor requires an array or span of four valid decimal bytes.");
    return decimal_of_parts(vm, l->items, flags >> 31, flags >> 16 & 0xFF);
}

NATIVE(decimal_get_bits)
{
    struct decimal d = decimal_of(a[0]);
    int32_t flags = (int32_t)((uint32_t)d.scale << 16 | (uint32_t)d.negative << 31);
    struct expr_value bits[4] = { val_int((int32_t)d.w[0]), val_int((int32_t)d.w[1]), val_int((int32_t)d.w[2]), val_int(flags) };

    return array_make(vm, site->ret, 4, bits);
}

NATIVE(decimal_add)
{
    return decimal_op(vm, B_ADD, a);
}

NATIVE(decimal_subtract)
{
    return decimal_op(vm, B_SUB, a);
}

NATIVE(decimal_multiply)
{
    return decimal_op(vm, B_MUL, a);
}

NATIVE(decimal_divide)
{
    return decimal_op(vm, B_DIV, a);
}

NATIVE(decimal_remainder)
{
    return decimal_op(vm, B_REM, a);
}

NATIVE(decimal_negate)
{
    struct expr_value out;

    return op_negate(vm->arena, true, a[0], &out) == OP_FINE ? out : vm_throw_budget(vm, "memory");
}

NATIVE(decimal_to)
{
    struct expr_value out;
    enum op_error e = op_convert(vm->arena, type_kind(site->ret), true, a[0], &out);

    return e == OP_FINE ? out : vm_op_error(vm, e);
}

NATIVE(number_compare)
{
    return val_int(value_compare(vm, a[0], a[1]));
}

NATIVE(math_fma)
{
    return val_double(fma(a[0].d, a[1].d, a[2].d));
}

NATIVE(math_scale_b)
{
    return val_double(scalbn(a[0].d, (int)a[1].i));
}

NATIVE(math_ilogb)
{
    return val_int(a[0].d == 0 ? INT32_MIN : isnan(a[0].d) || isinf(a[0].d) ? INT32_MAX : ilogb(a[0].d));
}
