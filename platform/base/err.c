/* Error values: one bounded line of text. */
#include "platform/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, int wanted)
{
    if (wanted >= ERR_MAX)
        memcpy(text + ERR_MAX - 4, "...", 4);
}

bool err_set(struct err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    mark_cut(err->text, vsnprintf(err->text, ERR_MAX, fmt, args));
    va_end(args);
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    char inner[ERR_MAX];
    memcpy(inner, err->text, ERR_MAX);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->text, ERR_MAX, fmt, args);
    va_end(args);
    if (n < 0 || n >= ERR_MAX - 3) {
        mark_cut(err->text, n);
        return false;
    }
    mark_cut(err->text, n + snprintf(err->text + n, (size_t)(ERR_MAX - n), ": %s", inner));
    return false;
}

bool err_errno(struct err *err, const char *fmt, ...)
{
    if (!err)
        return false;
    int saved = errno;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->text, ERR_MAX, fmt, args);
    va_end(args);
    if (n >= 0 && n < ERR_MAX - 3)
        n += snprintf(err->text + n, (size_t)(ERR_MAX - n), ": %s", strerror(saved));
    mark_cut(err->text, n);
    errno = saved;
    return false;
}
