/* What the files of System.String share. */
#ifndef POLICY_EXPR_LIB_STRING_INT_H
#define POLICY_EXPR_LIB_STRING_INT_H

#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define NEED(i, name) if (a[i].kind == EXPR_NULL) return vm_throw_arg_null(vm, name)

/* Does a StringComparison (or a bool ignoreCase) ignore case? */
static inline bool ignores_case(struct expr_value comparison)
{
    return comparison.i & 1;
}

/* A char argument as a string. */
struct expr_value string_needle(struct vm *vm, struct expr_value v);
/* Each code point through a case map. */
struct expr_value string_folded(struct vm *vm, struct expr_value v, uint32_t (*map)(uint32_t));
bool string_is_white(uint32_t cp);
/* Unit index of the first match at or behind unit `from`, or -1. */
int64_t string_find(struct vm *vm, struct expr_value hay, struct expr_value needle, bool ignore_case, uint32_t from);
/* "startIndex ('-1') must be a non-negative value. ..." */
struct expr_value string_negative(struct vm *vm, const char *param, int64_t value);
/* String order as a StringComparison (0..5) has it; nulls first. */
int string_compare(struct vm *vm, struct expr_value x, struct expr_value y, unsigned comparison);

#endif
