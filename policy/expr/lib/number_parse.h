/* Texts to numbers, by .NET's NumberStyles. */
#ifndef POLICY_EXPR_LIB_NUMBER_PARSE_H
#define POLICY_EXPR_LIB_NUMBER_PARSE_H

#include "policy/expr/vm.h"

enum number_style {
    STYLE_LEADING_WHITE = 1, STYLE_TRAILING_WHITE = 2, STYLE_LEADING_SIGN = 4, STYLE_TRAILING_SIGN = 8, STYLE_PARENTHESES = 16,
    STYLE_POINT = 32, STYLE_THOUSANDS = 64, STYLE_EXPONENT = 128, STYLE_CURRENCY = 256, STYLE_HEX = 512, STYLE_BINARY = 1024,
    STYLES_INTEGER = 7, STYLES_NUMBER = 111, STYLES_FLOAT = 167, STYLES_HEX = 515,
};

enum parsed { PARSED, PARSE_FORMAT, PARSE_RANGE };

/* a: for decimals. */
enum parsed number_from_text(struct arena *a, struct slice s, unsigned styles, enum expr_kind k, struct expr_value *out);
/* What Parse(s) allows. */
unsigned number_styles(enum expr_kind k);
/* FormatException or OverflowException, as Parse throws them. */
struct expr_value number_parse_failed(struct vm *vm, enum parsed how, struct expr_value text, enum expr_kind k);

#endif
