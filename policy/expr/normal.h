/* Unicode normalization (UAX #15). */
#ifndef POLICY_EXPR_NORMAL_H
#define POLICY_EXPR_NORMAL_H

#include "policy/expr/vm.h"

/* As System.Text.NormalizationForm numbers them. */
enum normal_form { NORMAL_C = 1, NORMAL_D = 2, NORMAL_KC = 5, NORMAL_KD = 6 };

/* text in the form; an exception for lone surrogates and when memory is used up. */
struct expr_value normal_text(struct vm *vm, struct expr_value text, enum normal_form form);

#endif
