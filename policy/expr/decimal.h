/* System.Decimal: a 96-bit integer, a power of ten 0..28 and a sign, with .NET's scales and rounding (half to even
 * where a result does not fit). No 128-bit integers: 32-bit targets have none. */
#ifndef POLICY_EXPR_DECIMAL_H
#define POLICY_EXPR_DECIMAL_H

#include "platform/base/arena.h"
#include "policy/expr/expr.h"

struct decimal {
    uint32_t w[3]; /* least significant first */
    uint8_t scale; /* 0..28 */
    bool negative;
};

#define DECIMAL_SCALE_MAX 28
#define DECIMAL_TEXT_MAX 40

struct expr_value decimal_value(struct arena *a, struct decimal d);
static inline struct decimal decimal_of(struct expr_value v)
{
    return *(const struct decimal *)v.p;
}

struct decimal decimal_from_i64(int64_t i);
struct decimal decimal_from_u64(uint64_t u);
/* From binary floating point: 15 (double) or 7 (float) significant digits. False: out of range. */
bool decimal_from_double(double x, int digits, struct decimal *out);
double decimal_to_double(struct decimal d);
/* Towards zero. False when it does not fit. */
bool decimal_to_i64(struct decimal d, int64_t *out);
bool decimal_to_u64(struct decimal d, uint64_t *out);

/* [-]digits[.digits][e[+-]digits], whole text; false when malformed or out of range. */
bool decimal_parse(struct slice text, struct decimal *out);
/* Plain notation with its scale ("1.10"); the length. */
size_t decimal_text(struct decimal d, char out[DECIMAL_TEXT_MAX]);

/* False: overflow (or division by zero for div and rem: look at the divisor). */
bool decimal_add(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_mul(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_div(struct decimal a, struct decimal b, struct decimal *out);
bool decimal_rem(struct decimal a, struct decimal b, struct decimal *out);
int decimal_cmp(struct decimal a, struct decimal b);
bool decimal_is_zero(struct decimal d);
/* To `places` decimals. */
enum decimal_rounding { DECIMAL_HALF_EVEN, DECIMAL_HALF_AWAY, DECIMAL_TRUNCATE, DECIMAL_FLOOR, DECIMAL_CEILING };
struct decimal decimal_round(struct decimal d, int places, enum decimal_rounding how);

#endif
