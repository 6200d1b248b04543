/* Inside app/artifact: the resources of a directory before they become entities. */
#ifndef APP_ARTIFACT_ARTIFACT_INT_H
#define APP_ARTIFACT_ARTIFACT_INT_H

#include "app/artifact/artifact.h"
#include "platform/base/buf.h"
#include "platform/base/map.h"
#include "platform/crypto.h"
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

/* Where properties came from, to find their lines again. */
struct source {
    struct slice file, text;
    const char *origin; /* of json_parse_from; NULL: unknown */
    const struct json *properties;
    unsigned line;      /* of the whole; 0: unknown */
    const struct source *before; /* what these properties were merged over */
};
/* Line of a key or string of the tree; 0: unknown. */
unsigned source_line(const struct source *s, const char *at);

/* An operation given by operationInformation.json. */
struct operation_file {
    struct slice id, file;
    const struct json *properties;
    struct operation_file *next;
};

struct links {
    struct slice *v; /* ids */
    size_t n, room;
};

struct resource {
    enum resource_kind kind;
    struct slice id;
    struct slice dir;  /* relative to the artifact directory, for messages */
    struct slice file; /* of the properties */
    const struct source *source; /* the latest */
    bool made;                   /* by the overrides */
    const struct json *properties; /* with overrides merged; an empty object when no file gives any */
    struct slice fragment, fragment_file; /* policy fragments: their text */
    struct links apis;             /* of a product or gateway */
    struct links groups;           /* of a product */
    bool has_apis;                /* gateways: a list exists, even an empty one */
    struct slice specification, specification_file; /* APIs */
    bool specification_yaml;
    struct slice unread_specification; /* name of one that cannot be served: .graphql, .wsdl, .wadl */
    struct operation_file *operations;
    bool used;                     /* fragments, backends: something that is served names it */
    bool skipped;                  /* not served: said once, links to it are dropped */
    struct resource *next;
};

struct tree {
    struct arena *arena;
    const struct artifact_options *options;
    struct artifacts *out;
    struct resource *first, **end;
    struct policy_file *policies, **policies_end;
    struct map ids[RESOURCE_KINDS]; /* id in any case -> struct resource */
};

/* Report that the file or directory at path could not be read; err names path, the problem names what. */
void artifact_report_unreadable(struct artifacts *out, struct slice what, const char *path, const struct err *err);
/* Report what json_parse or yaml_to_json found wrong in file: "line 3 column 7: ..." becomes its place. */
void artifact_report_parse(struct artifacts *out, struct slice file, const struct err *err);

/* A name: text, or a number as it is written, since YAML types an id of digits. */
struct slice artifact_scalar(const struct json *value);
/* Report a problem of a property at the line that gave it last; else at the resource. */
void artifact_report_property(struct artifacts *out, enum artifact_severity severity, const struct resource *r, const char *name,
                              const char *fmt, ...) PRINTF_LIKE(5, 6);

struct resource *tree_find(const struct tree *t, enum resource_kind kind, struct slice id);
struct resource *tree_add(struct tree *t, enum resource_kind kind, struct slice id, struct slice dir);
void tree_add_link(struct tree *t, struct links *links, struct slice id);
/* Name of the resource of that kind in the artifacts closest to id, or the empty slice. */
struct slice tree_nearest(const struct tree *t, enum resource_kind kind, struct slice id);

/* The steps of artifact_load, in order; false: what follows would only repeat the errors. */
bool artifact_read(struct tree *t);
bool artifact_override(struct tree *t);
bool artifact_check(struct tree *t);
void artifact_emit(struct tree *t);

/* Mark the fragments and backends that something served names (usage.c). */
void artifact_mark_used(struct tree *t);
/* It is of an API that is served, or of no API. */
bool policy_is_served(const struct tree *t, const struct policy_file *p);
/* Every served file that uses the named value, comma separated; empty: none. */
struct slice artifact_places_of(struct tree *t, struct slice named_value);

/* A word stands in a served policy, in a fragment or backend that one of them uses. */
bool artifact_is_named(struct tree *t, struct slice word);

/* A {#TOKEN#} that the pipeline should have replaced stands in text. */
bool artifact_has_token(struct slice text);

/* The known property that `name` is a misspelling of, or NULL when it is known or like none. */
const char *artifact_property_nearest(enum resource_kind kind, struct slice name);
/* The operations of an API out of its specification; reports problems itself. */
struct route_table;
void artifact_emit_openapi(struct tree *t, const struct resource *api, struct route_table *routes);
/* Report a URL template that is none, in the file where it stands. */
void artifact_try_template(struct tree *t, struct route_table *routes, struct slice file, struct slice operation, struct slice template);

/* A specification while its operations are written. */
struct openapi {
    struct tree *tree;
    const struct resource *api;
    const struct json *document;
    struct route_table *routes; /* to try templates on */
    struct map ids; /* of operations, those that are taken */
};
/* Follow "$ref" inside the document; NULL when it leads nowhere. */
const struct json *openapi_resolve(const struct openapi *o, const struct json *value);
void openapi_emit_responses(const struct openapi *o, struct slice operation_id, const struct json *operation);

/* ---- entities (emit.c, emit_values.c) ---- */

struct emitter {
    struct tree *tree;
    struct artifacts *out;
    struct arena *arena;
    uint8_t salt[CRYPTO_SHA256_BYTES];
    struct map current;      /* API without revision -> the struct resource that says it is current */
    struct map places;       /* path, version and revision -> struct resource of the API there */
    struct map named_values; /* displayName -> struct resource */
    struct map keys;         /* hash of a subscription key -> struct resource that has it */
};

struct slice resource_text(const struct resource *r, const char *property);
/* "api echo" */
struct slice resource_name(struct arena *a, const struct resource *r);
/* The members of r's properties but those in `dropped`, as the beginning of an object: "{...", no closing brace; true while it is
 * empty. A {#TOKEN#} left in one of them is an error. */
bool entity_open(struct emitter *e, const struct resource *r, const char *const *dropped, struct buf *b);
void entity_member(struct buf *b, bool *first, const char *name);
void entity_close(struct emitter *e, const struct resource *r, struct buf *b);

void emit_named_value(struct emitter *e, const struct resource *r);
void emit_backend(struct emitter *e, const struct resource *r);
void emit_certificate(struct emitter *e, const struct resource *r);
/* A secret may leave in the clear; false: that was reported, under `what`. */
bool emit_may_publish_secret(struct emitter *e, struct slice what);
void emit_subscription(struct emitter *e, const struct resource *r);

/* Add an entity whose properties are the JSON text in `properties`. */
void artifact_add_entity(struct tree *t, const char *kind, struct slice id, struct slice properties);

#endif
