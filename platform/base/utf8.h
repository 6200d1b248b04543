/* UTF-8 (RFC 3629): strict decoding, encoding, and UTF-16 counting for .NET strings. */
#ifndef PLATFORM_BASE_UTF8_H
#define PLATFORM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/slice.h"

/* Bytes of the well-formed code point s begins with (1-4), or 0 when there is none: overlong forms,
 * surrogates and values over U+10FFFF are refused. */
size_t utf8_valid_length(struct slice s);
/* Decode the code point at s; *cp is U+FFFD and the result 1 when the bytes are ill-formed; 0 at the end. */
size_t utf8_decode(struct slice s, uint32_t *cp);
/* Write cp (any value up to 0x10FFFF, surrogates too) to out[4]; the number of bytes. */
size_t utf8_encode(uint32_t cp, char out[4]);
/* The whole slice is well-formed. */
bool utf8_is_valid(struct slice s);

#endif
