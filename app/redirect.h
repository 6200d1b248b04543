/* Where a redirect of a backend leads, and with which method (RFC 9110 15.4, as .NET's HttpClient reads it). */
#ifndef APP_REDIRECT_H
#define APP_REDIRECT_H

#include "platform/base/arena.h"
#include "platform/base/slice.h"

enum redirect {
    REDIRECT_NO,
    REDIRECT_SAME, /* method and body stay */
    REDIRECT_GET,  /* a GET without a body */
};
/* What a status asks for after a request with this method. */
enum redirect redirect_kind(int status, struct slice method);

/* The absolute URL of a Location seen from {origin}{path} (RFC 3986 5.2). p == NULL: it names no
 * http or https URL, or the arena is full. */
struct slice redirect_resolve(struct arena *a, struct slice origin, struct slice path, struct slice location);

#endif
