/* Key objects, for certificates too. */
#ifndef POLICY_EXPR_LIB_KEYS_H
#define POLICY_EXPR_LIB_KEYS_H

#include "policy/expr/vm.h"

/* An RSA or ECDsa object over a key in PEM or DER; type TYPE_RSA or TYPE_ECDSA. */
struct expr_value keys_make(struct vm *vm, unsigned type, struct slice pem_or_der);

#endif
