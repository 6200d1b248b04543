/* Absolute http and https URLs as backends and settings give them (RFC 3986), split once. */
#ifndef APP_URL_H
#define APP_URL_H

#include <stdbool.h>

#include "platform/base/slice.h"

struct url {
    bool tls;           /* https */
    struct slice scheme;
    struct slice host;  /* without brackets */
    unsigned port;      /* the scheme's default when not given */
    bool default_port;
    struct slice path;  /* beginning with '/', or empty */
    struct slice query; /* with its '?', or empty */
};

/* Split text, which must outlive *out; false when it is no http(s) URL with a host: user info, a space or control character,
 * an empty host, a bad port. A fragment is dropped. */
bool url_parse(struct slice text, struct url *out);

#endif
