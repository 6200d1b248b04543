/* Pieces of URLs that policies take apart and put together (RFC 3986). Query strings are without "?". */
#ifndef POLICY_URI_H
#define POLICY_URI_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* The next "name=value" of a query; false at its end. value.p == NULL when there is no "=". Nothing is
 * decoded. */
struct uri_pair {
    struct slice whole, name, value;
};
bool uri_query_next(struct slice *rest, struct uri_pair *pair);
/* The byte that stands at s[*i], decoded; *i < s.n moves behind it. plus: "+" is a blank. */
char uri_next(struct slice s, size_t *i, bool plus);
/* Is the encoded name this one? Case does not count. */
bool uri_name_is(struct slice encoded, struct slice name);
/* Percent-encode all but unreserved characters (RFC 3986 2.3), as Uri.EscapeDataString does. p == NULL: the
 * arena is full. */
struct slice uri_escape(struct arena *a, struct slice s);
/* Decode percent escapes, and "+" as a blank; what is no escape stays. p == NULL: the arena is full. */
struct slice uri_unescape(struct arena *a, struct slice s);

#endif
