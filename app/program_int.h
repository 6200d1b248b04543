/* Inside the program compiler. */
#ifndef APP_PROGRAM_INT_H
#define APP_PROGRAM_INT_H

#include "app/program.h"
#include "platform/json.h"

/* One entity, parsed. */
struct part {
    struct slice id;
    const struct json *properties;
    struct part *next;
};

enum part_kind {
    PART_REPOSITORY, PART_NAMED_VALUE, PART_BACKEND, PART_FRAGMENT, PART_VERSION_SET, PART_API, PART_OPERATION, PART_PRODUCT,
    PART_GATEWAY, PART_SUBSCRIPTION, PART_USER, PART_POLICY, PART_RESPONSES, PART_CERTIFICATE, PART_GROUP, PART_KINDS
};

struct fragment {
    struct slice text;
    const char *file;
};

struct builder {
    struct program *program;
    struct arena *arena;           /* the program's */
    const struct program_input *input;
    const struct program_report *report;
    struct err *err;
    struct part *parts[PART_KINDS], **ends[PART_KINDS];
    struct policy_compiler *compiler;
    struct map documents;          /* scope -> struct policy_document */
};

struct slice part_text(const struct part *p, const char *name);
void program_warn(struct builder *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Wall time of a property, in nanoseconds; 0: none. */
uint64_t part_time(const struct part *p, const char *name);
/* A list of ids, or of {"id","name"}, as pairs; a name that is not given is looked up among the parts of that kind, else the id. */
bool part_pairs(struct builder *b, const struct json *list, enum part_kind kind, struct fact_pairs *out);

/* The steps, in order; each false with err set. */
bool program_read_parts(struct builder *b);
bool program_make_values(struct builder *b);   /* repository, named values, backends, fragments, users, version sets */
bool program_make_apis(struct builder *b);     /* APIs and operations this gateway serves */
bool program_make_products(struct builder *b); /* products, open products, subscriptions and keys */
bool program_make_policies(struct builder *b); /* documents and pipelines */

#endif
