/* Certificates of the context. */
#ifndef POLICY_EXPR_LIB_CERTIFICATE_H
#define POLICY_EXPR_LIB_CERTIFICATE_H

#include "policy/expr/vm.h"

/* An X509Certificate2; the bytes are borrowed for the evaluation. */
struct expr_value certificate_make(struct vm *vm, const struct expr_certificate *c);

#endif
