/* Prototypes of every function named in members.def, and of a few the binder uses by itself. */
#ifndef POLICY_EXPR_LIB_LIB_H
#define POLICY_EXPR_LIB_LIB_H

#include "policy/expr/type.h"

#define TYPE(id, ns, name, alias, params, bases, flags)
#define MEMBER(kind, name, sig, fn) expr_native fn;
#define VALUE(name, number)
#define END(id)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END

/* One formatted hole of an interpolated string: value, alignment, format. */
expr_native string_format_hole;
/* typeof(T): T is targs[0]. */
expr_native type_typeof;
expr_native nullable_bool_and, nullable_bool_or;
/* What a switch expression without a fitting arm throws. */
expr_native exception_no_match;

#endif
