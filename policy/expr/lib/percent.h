/* Percent coding and query strings: shared by the context's URLs, Uri, WebUtility and HttpUtility. */
#ifndef POLICY_EXPR_LIB_PERCENT_H
#define POLICY_EXPR_LIB_PERCENT_H

#include "policy/expr/vm.h"

/* How to encode: bytes of `safe` and ASCII letters and digits stay, others become %XX of their UTF-8. */
struct percent_style {
    const char *safe;
    bool plus;      /* a blank becomes "+" */
    bool lower;     /* %xx */
    bool only_wide; /* encode bytes from 0x80 on and those of `safe` alone: the reverse list */
};

extern const struct percent_style percent_data; /* RFC 3986's unreserved: Uri.EscapeDataString */
extern const struct percent_style percent_form; /* what ToFormUrlEncodedContent writes */

void percent_put(struct buf *b, struct slice utf8, const struct percent_style *style);
/* As above for bytes that need not be text. */
void percent_put_bytes(struct buf *b, struct slice bytes, const struct percent_style *style);
struct expr_value percent_encode(struct vm *vm, struct slice utf8, const struct percent_style *style);
/* Escapes decoded as UTF-8 (broken sequences: U+FFFD); what is no escape stays. plus: "+" is a blank. */
struct expr_value percent_decode(struct vm *vm, struct slice s, bool plus);

/* As above, but escapes that are no UTF-8 stay: Uri.UnescapeDataString. */
struct expr_value percent_decode_strict(struct vm *vm, struct slice s);

/* Walk "a=1&b": name and value decoded; false at the end. has_value: there was a "=". */
struct percent_pair {
    struct expr_value name, value;
    bool has_value;
};
bool percent_next_pair(struct vm *vm, struct slice *rest, struct percent_pair *out);
/* A new Dictionary<string, string[]> (list_type &type_strings) or of lists, that ignores case, of a query's
 * values. */
struct expr_value percent_dictionary(struct vm *vm, struct slice query, const struct type *type);

/* Any bytes as a .NET string: UTF-8 with U+FFFD for what is none. */
struct expr_value text_from_utf8(struct vm *vm, struct slice bytes);

#endif
