/* Shared by http_*.c only: classes of bytes (RFC 9110 5.5, 5.6.2, RFC 9112 3.2). */
#ifndef PLATFORM_HTTP_INT_H
#define PLATFORM_HTTP_INT_H

#include <stdint.h>

#include "platform/base/compiler.h"
#include "platform/http.h"

enum {
    HTTP_TOKEN = 1,  /* tchar */
    HTTP_VALUE = 2,  /* field-vchar, SP, HTAB: no other control character */
    HTTP_TARGET = 4, /* what a request target may hold: VCHAR but '#' */
    HTTP_HOST = 8,   /* uri-host with its port */
};

extern const uint8_t http_class[256];

static inline bool http_is(char c, unsigned class)
{
    return (http_class[(unsigned char)c] & class) != 0;
}

/* Is field name `a` the literal? Lengths are compared first. */
#define HTTP_NAME_IS(a, literal) ((a).n == sizeof(literal) - 1 && slice_eq_icase((a), SLICE(literal)))

#endif
