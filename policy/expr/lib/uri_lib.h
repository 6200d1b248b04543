/* System.Uri taken apart: shared by its members (uri.c), the parser (uri_parse.c) and UriBuilder. */
#ifndef POLICY_EXPR_LIB_URI_LIB_H
#define POLICY_EXPR_LIB_URI_LIB_H

#include "policy/expr/vm.h"

/* Escaped and in canonical form; text as strings of the engine. */
struct uri_object {
    struct object head;
    struct expr_value original;
    bool absolute;
    bool has_authority;                      /* "//" followed the scheme */
    uint8_t host_type;                       /* UriHostNameType's numbers */
    int32_t port;                            /* -1: none, and the scheme has no standard one */
    int32_t default_port;                    /* of the scheme; -1: none */
    struct expr_value scheme, user, host;    /* host: IPv6 in brackets */
    struct expr_value path, query, fragment; /* query with "?", fragment with "#", or empty */
};

/* UriKind's numbers. */
enum uri_kind { URI_ANY, URI_ABSOLUTE, URI_RELATIVE };

/* Parse. NULL with *why, the message of the UriFormatException; or NULL with an exception when memory is out.
 */
struct uri_object *uri_parse(struct vm *vm, struct expr_value text, enum uri_kind kind, const char **why);
/* new Uri(text, UriKind.RelativeOrAbsolute). */
struct expr_value uri_from_text(struct vm *vm, struct expr_value text);
/* reference, resolved against base (RFC 3986 5.2). */
struct uri_object *uri_resolve(struct vm *vm, const struct uri_object *base, struct expr_value reference,
                               const char **why);
/* scheme://user@host:port path query fragment, as far as `parts` (UriPartial's numbers, 4: all) goes. */
struct expr_value uri_compose(struct vm *vm, const struct uri_object *u, unsigned parts);
/* UriHostNameType of a name; *ipv6_text: without brackets. */
unsigned uri_host_type(struct slice name);
/* -1: the scheme has no standard port. */
int32_t uri_default_port(struct slice scheme);
bool uri_is_scheme(struct slice s);
/* Escape what may not stand in a URI; "%" of an escape stays. */
struct expr_value uri_canonical(struct vm *vm, struct slice s, bool keep_escapes);
/* As ToString() shows a path, query or fragment: escapes undone but for what would change the meaning. */
struct expr_value uri_unescape_safe(struct vm *vm, struct slice s);

#endif
