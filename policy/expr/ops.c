/* Arithmetic and numeric conversions of C#, over run-time kinds. Used by the VM and by constant folding. */
#include <math.h>

#include "policy/expr/decimal.h"
#include "policy/expr/vm.h"

static struct expr_value boolean(bool b)
{
    return val_bool(b);
}

static enum op_error compare_result(enum binop op, int c, struct expr_value *out)
{
    static const struct { bool lt, eq, gt; } holds[] = {
        [B_EQ] = { 0, 1, 0 }, [B_NE] = { 1, 0, 1 }, [B_LT] = { 1, 0, 0 }, [B_GT] = { 0, 0, 1 }, [B_LE] = { 1, 1, 0 }, [B_GE] = { 0, 1, 1 } };

    *out = boolean(c < 0 ? holds[op].lt : c > 0 ? holds[op].gt : holds[op].eq);
    return OP_FINE;
}

static bool fits(enum expr_kind k, int64_t i)
{
    return k == EXPR_I32 ? i >= INT32_MIN && i <= INT32_MAX : k == EXPR_U32 ? i >= 0 && i <= UINT32_MAX : true;
}

/* Bring a 64-bit result into the kind's range, as the hardware would. */
static int64_t wrap(enum expr_kind k, int64_t i)
{
    switch (k) {
    case EXPR_CHAR:
    case EXPR_U16: return (uint16_t)i;
    case EXPR_I8: return (int8_t)i;
    case EXPR_U8: return (uint8_t)i;
    case EXPR_I16: return (int16_t)i;
    case EXPR_I32: return (int32_t)i;
    case EXPR_U32: return (uint32_t)i;
    default: return i;
    }
}

static enum op_error signed_op(enum binop op, enum expr_kind k, bool checked, int64_t x, int64_t y, int64_t *z)
{
    bool over = false;
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y;

    switch (op) {
    case B_ADD: over = __builtin_add_overflow(x, y, z); *z = (int64_t)(ux + uy); break;
    case B_SUB: over = __builtin_sub_overflow(x, y, z); *z = (int64_t)(ux - uy); break;
    case B_MUL: over = __builtin_mul_overflow(x, y, z); *z = (int64_t)(ux * uy); break;
    case B_DIV:
    case B_REM:
        if (y == 0)
            return OP_DIVIDE;
        if (y == -1) {
            if (x == (k == EXPR_I32 ? INT32_MIN : INT64_MIN))
                return OP_OVERFLOW;
            *z = op == B_DIV ? -x : 0;
            return OP_FINE;
        }
        *z = op == B_DIV ? x / y : x % y;
        break;
    case B_AND: *z = x & y; break;
    case B_OR: *z = x | y; break;
    case B_XOR: *z = x ^ y; break;
    case B_SHL: *z = (int64_t)(ux << (y & (k == EXPR_I64 ? 63 : 31))); return OP_FINE;
    default: *z = x >> (y & (k == EXPR_I64 ? 63 : 31)); return OP_FINE;
    }
    return checked && (over || !fits(k, *z)) ? OP_OVERFLOW : OP_FINE;
}

static enum op_error unsigned_op(enum binop op, enum expr_kind k, bool checked, uint64_t x, uint64_t y, uint64_t *z)
{
    bool over = false;

    switch (op) {
    case B_ADD: over = __builtin_add_overflow(x, y, z); break;
    case B_SUB: over = x < y; *z = x - y; break;
    case B_MUL: over = __builtin_mul_overflow(x, y, z); break;
    case B_DIV:
    case B_REM:
        if (y == 0)
            return OP_DIVIDE;
        *z = op == B_DIV ? x / y : x % y;
        break;
    case B_AND: *z = x & y; break;
    case B_OR: *z = x | y; break;
    case B_XOR: *z = x ^ y; break;
    case B_SHL: *z = x << (y & (k == EXPR_U64 ? 63 : 31)); return OP_FINE;
    default: *z = x >> (y & (k == EXPR_U64 ? 63 : 31)); return OP_FINE;
    }
    return checked && (over || (k == EXPR_U32 && *z > UINT32_MAX)) ? OP_OVERFLOW : OP_FINE;
}

static double double_op(enum binop op, double x, double y)
{
    switch (op) {
    case B_ADD: return x + y;
    case B_SUB: return x - y;
    case B_MUL: return x * y;
    case B_DIV: return x / y;
    default: return fmod(x, y);
    }
}

static enum op_error double_compare(enum binop op, double x, double y, struct expr_value *out)
{
    if (isnan(x) || isnan(y)) {
        *out = boolean(op == B_NE);
        return OP_FINE;
    }
    return compare_result(op, x < y ? -1 : x > y, out);
}

static enum op_error decimal_op(struct arena *a, enum binop op, struct expr_value x, struct expr_value y, struct expr_value *out)
{
    struct decimal p = decimal_of(x), q = decimal_of(y), z;
    bool ok;

    if (op >= B_EQ)
        return compare_result(op, decimal_cmp(p, q), out);
    if ((op == B_DIV || op == B_REM) && decimal_is_zero(q))
        return OP_DIVIDE;
    ok = op == B_ADD ? decimal_add(p, q, &z) : op == B_SUB ? decimal_sub(p, q, &z) : op == B_MUL ? decimal_mul(p, q, &z)
       : op == B_DIV ? decimal_div(p, q, &z) : decimal_rem(p, q, &z);
    if (!ok)
        return OP_DECIMAL_RANGE;
    *out = decimal_value(a, z);
    return out->p ? OP_FINE : OP_MEMORY;
}

enum op_error op_binary(struct arena *a, enum binop op, enum expr_kind kind, bool checked, struct expr_value x, struct expr_value y,
                        struct expr_value *out)
{
    enum op_error e = OP_FINE;
    int64_t z = 0;
    uint64_t u = 0;

    switch (kind) {
    case EXPR_OBJECT:
        *out = boolean(value_same(x, y) == (op == B_EQ));
        return OP_FINE;
    case EXPR_STRING:
        *out = boolean((x.kind == y.kind && x.n == y.n && (x.n == 0 || memcmp(x.s, y.s, x.n) == 0)) == (op == B_EQ));
        return OP_FINE;
    case EXPR_F64:
        if (op >= B_EQ)
            return double_compare(op, x.d, y.d, out);
        *out = val_double(double_op(op, x.d, y.d));
        return OP_FINE;
    case EXPR_F32:
        if (op >= B_EQ)
            return double_compare(op, x.f, y.f, out);
        *out = (struct expr_value){ .kind = EXPR_F32, .f = (float)double_op(op, x.f, y.f) };
        return OP_FINE;
    case EXPR_DECIMAL:
        return decimal_op(a, op, x, y, out);
    case EXPR_U32:
    case EXPR_U64:
        if (op >= B_EQ)
            return compare_result(op, x.u < y.u ? -1 : x.u > y.u, out);
        e = unsigned_op(op, kind, checked, x.u, y.u, &u);
        *out = (struct expr_value){ .kind = (uint8_t)kind, .i = wrap(kind, (int64_t)u) };
        return e;
    default:
        if (op >= B_EQ)
            return compare_result(op, x.i < y.i ? -1 : x.i > y.i, out);
        e = signed_op(op, kind, checked, x.i, y.i, &z);
        *out = (struct expr_value){ .kind = (uint8_t)kind, .i = wrap(kind, z) };
        return e;
    }
}

enum op_error op_complement(struct expr_value x, struct expr_value *out)
{
    *out = x;
    out->i = x.kind == EXPR_U32 ? (int64_t)(uint32_t)~(uint32_t)x.u : ~x.i;
    return OP_FINE;
}

enum op_error op_negate(struct arena *a, bool checked, struct expr_value x, struct expr_value *out)
{
    *out = x;
    switch (x.kind) {
    case EXPR_F64: out->d = -x.d; return OP_FINE;
    case EXPR_F32: out->f = -x.f; return OP_FINE;
    case EXPR_DECIMAL: {
        struct decimal d = decimal_of(x);

        d.negative = !d.negative;
        *out = decimal_value(a, d);
        return out->p ? OP_FINE : OP_MEMORY;
    }
    default:
        if (checked && x.i == (x.kind == EXPR_I32 ? INT32_MIN : INT64_MIN))
            return OP_OVERFLOW;
        out->i = wrap((enum expr_kind)x.kind, (int64_t)(0 - x.u));
        return OP_FINE;
    }
}

static bool in_range(enum expr_kind k, bool is_unsigned, int64_t i)
{
    uint64_t u = (uint64_t)i;

    if (is_unsigned && i < 0) /* a ulong above long.MaxValue */
        return k == EXPR_U64;
    switch (k) {
    case EXPR_CHAR:
    case EXPR_U16: return u <= UINT16_MAX;
    case EXPR_U8: return u <= UINT8_MAX;
    case EXPR_I8: return i >= INT8_MIN && i <= INT8_MAX;
    case EXPR_I16: return i >= INT16_MIN && i <= INT16_MAX;
    case EXPR_I32: return i >= INT32_MIN && i <= INT32_MAX;
    case EXPR_U32: return u <= UINT32_MAX;
    case EXPR_U64: return i >= 0;
    default: return true;
    }
}

/* A double to an integer kind: truncates; out of range it is an overflow when checked, else the hardware's value. */
static enum op_error from_double(enum expr_kind to, bool checked, double d, struct expr_value *out)
{
    double t = trunc(d);
    bool ok = !isnan(d);

    *out = (struct expr_value){ .kind = (uint8_t)to };
    if (to == EXPR_U64) {
        ok = ok && t > -1.0 && t < 18446744073709551616.0;
        out->u = ok ? (uint64_t)t : 0;
        return ok || !checked ? OP_FINE : OP_OVERFLOW;
    }
    ok = ok && t >= -9223372036854775808.0 && t < 9223372036854775808.0;
    out->i = ok ? (int64_t)t : INT64_MIN;
    if (checked && (!ok || !in_range(to, false, out->i)))
        return OP_OVERFLOW;
    if (to == EXPR_I32 && (!ok || out->i < INT32_MIN || out->i > INT32_MAX))
        out->i = INT32_MIN;
    out->i = wrap(to, out->i);
    return OP_FINE;
}

static enum op_error to_decimal(struct arena *a, struct expr_value x, struct expr_value *out)
{
    struct decimal d;

    if (x.kind == EXPR_F64 || x.kind == EXPR_F32) {
        if (!decimal_from_double(x.kind == EXPR_F64 ? x.d : x.f, x.kind == EXPR_F64 ? 15 : 7, &d))
            return OP_DECIMAL_RANGE;
    } else {
        d = x.kind == EXPR_U64 ? decimal_from_u64(x.u) : decimal_from_i64(x.i);
    }
    *out = decimal_value(a, d);
    return out->p ? OP_FINE : OP_MEMORY;
}

static enum op_error from_decimal(enum expr_kind to, struct expr_value x, struct expr_value *out)
{
    struct decimal d = decimal_of(x);

    *out = (struct expr_value){ .kind = (uint8_t)to };
    if (to == EXPR_F64) {
        out->d = decimal_to_double(d);
        return OP_FINE;
    }
    if (to == EXPR_F32) {
        out->f = (float)decimal_to_double(d);
        return OP_FINE;
    }
    if (to == EXPR_U64)
        return decimal_to_u64(d, &out->u) ? OP_FINE : OP_OVERFLOW;
    if (!decimal_to_i64(d, &out->i) || !in_range(to, false, out->i))
        return OP_OVERFLOW;
    return OP_FINE;
}

enum op_error op_convert(struct arena *a, enum expr_kind to, bool checked, struct expr_value x, struct expr_value *out)
{
    bool is_unsigned = x.kind == EXPR_U64;

    if (x.kind == to) {
        *out = x;
        return OP_FINE;
    }
    if (to == EXPR_DECIMAL)
        return to_decimal(a, x, out);
    if (x.kind == EXPR_DECIMAL)
        return from_decimal(to, x, out);
    if (to == EXPR_F64 || to == EXPR_F32) {
        double d = x.kind == EXPR_F64 ? x.d : x.kind == EXPR_F32 ? (double)x.f : is_unsigned ? (double)x.u : (double)x.i;

        *out = (struct expr_value){ .kind = (uint8_t)to };
        if (to == EXPR_F64)
            out->d = d;
        else
            out->f = (float)d;
        return OP_FINE;
    }
    if (x.kind == EXPR_F64 || x.kind == EXPR_F32)
        return from_double(to, checked, x.kind == EXPR_F64 ? x.d : (double)x.f, out);
    if (checked && !in_range(to, is_unsigned, x.i))
        return OP_OVERFLOW;
    *out = (struct expr_value){ .kind = (uint8_t)to, .i = wrap(to, x.i) };
    return OP_FINE;
}
