/* Comparers: null (the default of the type) or a StringComparer. */
#ifndef POLICY_EXPR_LIB_COMPARER_H
#define POLICY_EXPR_LIB_COMPARER_H

#include "policy/expr/vm.h"

bool comparer_equals(struct vm *vm, struct expr_value comparer, struct expr_value x, struct expr_value y);
int comparer_compare(struct vm *vm, struct expr_value comparer, struct expr_value x, struct expr_value y);
/* Of what the comparer of a dictionary calls equal. */
uint32_t comparer_hash(struct vm *vm, struct expr_value comparer, struct expr_value v);
/* What dict_make takes: true for one that ignores case, itself for one of tokens or nodes, else null. Anything that is
 * no comparer gives null. */
struct expr_value comparer_of_dict(struct expr_value comparer);
/* Stable sort of n values by `order` (a delegate of two, a comparer or null).
 * False: exception. */
bool comparer_sort(struct vm *vm, struct expr_value *items, uint32_t n, struct expr_value order);

#endif
