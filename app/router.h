/* URL to API to operation (reference/gateway.md 2.1, 2.2): tables built once per program, read-only and allocation-free after.
 *
 *   /{api path}[/{version}][;rev=N]/{operation template}?query
 *
 * An API is found by the longest registered path that ends on a segment boundary; segment versions are registered as paths of
 * their own; query and header versions are told apart behind the path. */
#ifndef APP_ROUTER_H
#define APP_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/map.h"
#include "platform/base/slice.h"

/* Parameters one template may have, path and query together. */
#define ROUTE_PARAMETERS_MAX 32
/* Parts of one path segment: "{a}.{b}-x" has four. */
#define ROUTE_PARTS_MAX 16
#define ROUTE_SEGMENTS_MAX 64
/* Bytes of one text of a template or of one API path, decoded: the length of a whole template in the original. */
#define ROUTE_TEXT_MAX 1000

struct route_node;
struct operation;
struct api;

enum version_scheme { VERSION_NONE, VERSION_QUERY, VERSION_HEADER };

/* The operations of one API revision, as a tree over path segments. */
struct route_table {
    struct route_node *root;
    struct arena *arena;
    const struct operation *twin; /* the operation before the last one added that takes all its requests, or NULL */
};

void route_table_init(struct route_table *t, struct arena *a);
/* Add an operation; false: the template is wrong, err says where. */
bool route_table_add(struct route_table *t, struct slice method, struct slice url_template, const struct operation *operation,
                     struct err *err);

struct route_parameter {
    struct slice name;
    struct slice raw; /* as in the URL, still percent-encoded */
    bool query;       /* of the template's query part */
};

struct route_match {
    const struct operation *operation;
    struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
    unsigned n_parameters;
};

/* Find the operation for method and rest (the path behind the API's part, "" or beginning with '/'), query with its '?'. */
bool route_table_match(const struct route_table *t, struct slice method, struct slice rest, struct slice query,
                       struct route_match *match);

/* ---- API paths ---- */

struct api_revision {
    uint32_t number;
    bool current;
    const struct api *api;
    struct api_revision *next;
};

struct api_version {
    struct slice version; /* empty: the original */
    struct api_revision *revisions;
    struct api_version *next;
};

struct api_group {
    enum version_scheme scheme;
    struct slice parameter; /* query parameter or header that holds the version */
    struct api_version *versions;
};

struct api_paths {
    struct map groups;    /* path without slashes at its ends, any case -> struct api_group */
    unsigned deepest;     /* most segments of any path */
    struct arena *arena;
};

void api_paths_init(struct api_paths *p, struct arena *a);
/* Register a revision under path. False: another API holds the place (its id is in err). */
bool api_paths_add(struct api_paths *p, struct slice path, enum version_scheme scheme, struct slice parameter, struct slice version,
                   uint32_t revision, bool current, const struct api *api, struct slice api_id, struct err *err);

/* What lies under path belongs to a version set: what none of its versions takes is not found, and no API with a shorter path
 * gets it. */
bool api_paths_claim(struct api_paths *p, struct slice path, struct err *err);

struct api_match {
    const struct api *api;
    size_t consumed;     /* bytes of the request path that are the API's part, ";rev=N" included */
    const char *missing; /* when no API: what did not fit, for the log */
};
/* header: looks up a request header for header versions. */
bool api_paths_match(const struct api_paths *p, struct slice path, struct slice query,
                     struct slice (*header)(const void *arg, struct slice name), const void *arg, struct api_match *match);

#endif
