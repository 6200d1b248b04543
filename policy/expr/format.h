/* Texts of numbers, dates, enums and GUIDs: standard and custom formats of .NET, invariant culture. */
#ifndef POLICY_EXPR_FORMAT_H
#define POLICY_EXPR_FORMAT_H

#include "policy/expr/vm.h"

/* ToString() of binary floats: the shortest text that reads back, E notation from 1E+15 (1E+07) and below 1E-05. */
size_t format_double(double d, char out[64]);
size_t format_float(float f, char out[64]);
/* ToString(format) of any number; empty format: "G". FormatException for an unknown one. */
struct expr_value format_number(struct vm *vm, struct expr_value v, struct slice format);
/* ToString(format) of DateTime, DateTimeOffset, TimeSpan, Guid. */
struct expr_value format_time(struct vm *vm, struct expr_value v, struct slice format);
/* Any value by IFormattable's rules: what {0:format} gives. */
struct expr_value format_value(struct vm *vm, struct expr_value v, struct slice format);
struct slice enum_text(struct vm *vm, struct expr_value v);
int guid_compare(struct expr_value a, struct expr_value b);

/* The method of a type by name and exact signature (ToString, Equals, CompareTo ...), or NULL. */
expr_native *value_method(const struct type *t, const char *name, const char *sig);
/* "System.Collections.Generic.List`1[System.Int32]". */
struct slice value_reflection_name(struct vm *vm, const struct type *t);

/* Print v by its type's <print> line; false when it has none. */
bool value_print_hook(struct vm *vm, struct buf *b, struct expr_value v);

/* String order: the invariant culture's, and by UTF-16 units. */
int text_compare(struct expr_value a, struct expr_value b, bool ignore_case);
bool text_equals_icase(struct vm *vm, struct expr_value a, struct expr_value b); /* ordinal, ignoring case */
int text_compare_ordinal(struct expr_value a, struct expr_value b, bool ignore_case);

#endif
