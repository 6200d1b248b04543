/* What the files of Enumerable share. */
#ifndef POLICY_EXPR_LIB_LINQ_INT_H
#define POLICY_EXPR_LIB_LINQ_INT_H

#include "policy/expr/lib/comparer.h"
#include "policy/expr/lib/lib.h"

#define NEED_SOURCE if (a[0].kind == EXPR_NULL) return vm_throw_arg_null(vm, "source")

typedef bool seq_open(struct vm *vm, struct seq_object *seq, struct iter *it);

/* A lazy sequence of the call's result type. */
struct expr_value seq_make(struct vm *vm, const struct site *site, struct expr_value source, struct expr_value fn, seq_open *open);
/* Sequence s walks v too; false: they nest too deep (exception). */
bool seq_nest(struct vm *vm, struct seq_object *s, struct expr_value v);
/* Walk a list made for this walk alone. */
bool seq_walk_list(struct iter *it, struct list_object *l);
/* A hidden list type to collect anything in. */
struct list_object *seq_collect(struct vm *vm, struct expr_value source);

#endif
