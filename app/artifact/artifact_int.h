/* Inside app/artifact: the resources of a directory before they become entities. */
#ifndef APP_ARTIFACT_ARTIFACT_INT_H
#define APP_ARTIFACT_ARTIFACT_INT_H

#include "app/artifact/artifact.h"
#include "platform/json.h"

/* Largest file read: an API specification of 4 MB is the original's limit for inline import; ours is wider. */
#define ARTIFACT_FILE_MAX (16u << 20)

enum resource_kind {
#define RESOURCE(id, folder, kind, information, older, overrides_key) RESOURCE_##id,
#include "app/artifact/resources.def"
#undef RESOURCE
    RESOURCE_KINDS
};

struct resource_def {
    const char *folder;        /* in the artifact directory */
    const char *kind;          /* of its entity */
    const char *information;   /* file name of its properties */
    const char *older;         /* the same in older layouts, or NULL */
    const char *overrides_key; /* list in an overrides file */
};
extern const struct resource_def resource_defs[RESOURCE_KINDS];

/* A policy document found beside a resource or an operation. */
struct policy_file {
    struct slice scope; /* "api/x/operation/y" */
    struct slice xml, file;
    struct policy_file *next;
};

/* An operation given by operationInformation.json. */
struct operation_file {
    struct slice id, file;
    const struct json *properties;
    struct operation_file *next;
};

struct resource {
    enum resource_kind kind;
    struct slice id;
    struct slice dir;  /* relative to the artifact directory, for messages */
    struct slice file; /* of the properties */
    const struct json *properties; /* with overrides merged; an empty object when no file gives any */
    struct slice fragment, fragment_file; /* policy fragments: their text */
    struct slice *links;           /* APIs of a product or gateway */
    size_t n_links;
    bool has_links;                /* gateways: a list exists, even an empty one */
    struct slice specification, specification_file; /* APIs */
    bool specification_yaml;
    struct slice unread_specification; /* name of one that cannot be served: .graphql, .wsdl, .wadl */
    struct operation_file *operations;
    bool skipped;                  /* not served: said once, links to it are dropped */
    struct resource *next;
};

struct tree {
    struct arena *arena;
    const struct artifact_options *options;
    struct artifacts *out;
    struct resource *first, **end;
    struct policy_file *policies, **policies_end;
};

struct resource *tree_find(const struct tree *t, enum resource_kind kind, struct slice id);
struct resource *tree_add(struct tree *t, enum resource_kind kind, struct slice id, struct slice dir);
/* Name of the resource of that kind closest to id, or the empty slice. */
struct slice tree_nearest(const struct tree *t, enum resource_kind kind, struct slice id);

/* The steps of artifact_load, in order. */
bool artifact_read(struct tree *t);
bool artifact_override(struct tree *t);
void artifact_emit(struct tree *t);
/* The operations of an API out of its specification; reports problems itself. */
void artifact_emit_openapi(struct tree *t, const struct resource *api);

/* A specification while its operations are written. */
struct openapi {
    struct tree *tree;
    const struct resource *api;
    const struct json *document;
};
/* Follow "$ref" inside the document; NULL when it leads nowhere. */
const struct json *openapi_resolve(const struct openapi *o, const struct json *value);
void openapi_emit_responses(const struct openapi *o, struct slice operation_id, const struct json *operation);

/* Add an entity whose properties are the JSON text in `properties`. */
void artifact_add_entity(struct tree *t, const char *kind, struct slice id, struct slice properties);

#endif
