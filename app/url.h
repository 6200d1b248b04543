/* URLs (RFC 3986): absolute ones as backends and settings give them, split once; paths and queries as clients write them. */
#ifndef APP_URL_H
#define APP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
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

/* ---- paths ---- */

/* A path without "." and ".." segments (RFC 3986 5.2.4), however they are written: a backend would take them out, behind the
 * back of the policies. Nothing else changes. p == NULL: the arena is full. */
struct slice url_without_dots(struct arena *a, struct slice path);

/* How many bytes at the beginning of an encoded text spell `plain`, ASCII case ignored; URL_OTHER: something else stands there.
 * Here and below "%2F" is itself, not a slash. */
#define URL_OTHER SIZE_MAX
size_t url_spells(struct slice text, struct slice plain);
/* Decode text to *n bytes at `to`; false: they are more than room. */
bool url_spell(struct slice text, char *to, size_t room, size_t *n);
/* The same into the arena; the text itself when it has no escapes. p == NULL: the arena is full. */
struct slice url_spelled(struct arena *a, struct slice text);
/* Percent-decode into the arena, "%2F" too; what is no escape stays. */
struct slice url_decode(struct arena *a, struct slice text);

/* ---- queries, with or without their '?' ---- */

/* Value of a parameter as written, by name without regard to case; p == NULL when absent. */
struct slice url_query_get(struct slice query, struct slice name);
/* Is the encoded value this text, exactly? */
bool url_value_is(struct slice encoded, struct slice text);

#endif
