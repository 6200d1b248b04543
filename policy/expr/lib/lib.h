/* Prototypes of every function named in members.def, and of a few the binder uses by itself. A function written
 * `string_trim` there is the symbol net_string_trim: NATIVE(string_trim) defines it, net_string_trim(...) calls it. */
#ifndef POLICY_EXPR_LIB_LIB_H
#define POLICY_EXPR_LIB_LIB_H

#include "policy/expr/type.h"

#define TYPE(id, ns, name, alias, params, bases, flags)
#define MEMBER(kind, name, sig, fn) expr_native net_##fn;
#define VALUE(name, number)
#define END(id)
#include "policy/expr/members.def"
#undef TYPE
#undef MEMBER
#undef VALUE
#undef END

/* One formatted hole of an interpolated string: value, alignment, format. */
expr_native net_string_format_hole;
/* typeof(T): T is targs[0]. */
expr_native net_type_typeof;
expr_native net_nullable_bool_and, net_nullable_bool_or;
/* context.Request.Headers of the context, Groups[key] of a match. */
expr_native net_context_request_headers, net_match_group;
/* What a switch expression without a fitting arm throws. */
expr_native net_exception_no_match;

/* Give the exception just thrown its LineNumber, LinePosition and Path (XmlException, JsonReaderException). */
void exception_set_place(struct vm *vm, unsigned line, unsigned column, struct slice path);
/* The type a Type value stands for. */
const struct type *type_of_type(struct expr_value v);
/* Every element of a sequence in a new list; NULL: exception. */
struct list_object *linq_collect(struct vm *vm, struct expr_value source, const struct type *type);

#endif
