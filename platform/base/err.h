/* The error value of set-up, store and sync code: one line of text, context added on the way up.
 * Idiom: bool f(..., struct err *err); on false *err holds a message that says who, what, which
 * value and what to do. Callers prepend context with err_wrap: "sync: manifest 42: signature: ...". */
#ifndef PLATFORM_BASE_ERR_H
#define PLATFORM_BASE_ERR_H

#include <stdbool.h>

#include "platform/base/compiler.h"

/* Longest message kept; longer ones are cut, marked by "...". */
#define ERR_MAX 768

struct err {
    char text[ERR_MAX];
};

/* Set the message; always false, so that a function can end in `return err_set(...)`. err may be NULL. */
bool err_set(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Put "context: " before the message; always false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As err_set, with ": " and the text of errno at the end; errno is kept. */
bool err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
