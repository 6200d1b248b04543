/* Find the end of an expression inside other text, by C# lexing rules. Used by the tolerant XML front. */
#ifndef POLICY_EXPR_SCAN_H
#define POLICY_EXPR_SCAN_H

#include "platform/base/slice.h"

/* text begins with `@(` or `@{`: the length of the span up to and including the matching bracket. Brackets in
 * strings (plain, verbatim, raw, interpolated and nested), char literals and comments do not count.
 * 0 when it does not begin so, or never closes. Entities are the caller's business: unescape first. */
size_t expr_scan_span(struct slice text);

#endif
