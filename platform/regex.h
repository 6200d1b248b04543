/* Regular expressions by PCRE2 with its JIT, behind our own names; the only file that includes it.
 * The pattern is PCRE2's syntax: policy/expr/lib/rx_pcre.c writes it from .NET's. */
#ifndef PLATFORM_REGEX_H
#define PLATFORM_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"

struct regex; /* compiled, immutable: any thread may match with it */

/* Groups that a match tells of, the whole match included. */
#define REGEX_GROUPS_MAX 61

/* "." matches newlines too; "^" under (?m) also after the last newline. (?C) belongs at the beginning of each
 * loop's body that may itself run over many characters: there the time is looked at. wide: pattern and
 * subjects are UTF-8, else bytes. NULL with *err. Memory by malloc, some kilobytes. */
struct regex *regex_compile(struct slice pattern, bool wide, struct err *err);
void regex_free(struct regex *r);

enum regex_outcome {
    REGEX_NO,
    REGEX_YES,
    REGEX_LIMIT, /* gave up after some milliseconds */
};

struct regex_span {
    size_t from, to; /* bytes of the subject; from > to: the group did not match */
};

/* Search from byte `from`. A wide subject must be well-formed UTF-8 (it is not checked). spans has room for n
 * groups; those that the pattern does not have are not matched. Never switches fibers. */
enum regex_outcome regex_match(const struct regex *r, struct slice subject, size_t from,
                               struct regex_span *spans, unsigned n);

#endif
