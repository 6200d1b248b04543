/* What batch.c and batch_context.c share. */
#ifndef POLICY_EXPR_BATCH_INT_H
#define POLICY_EXPR_BATCH_INT_H

#include "platform/json.h"
#include "policy/expr/host.h"

struct batch_variable {
    struct slice name;
    struct expr_value value;
};

/* The `data` of batch_host's functions. */
struct batch_context {
    struct arena *arena;
    const struct json *json; /* NULL: nothing given */
    const struct expr_message *request, *response;
    struct batch_variable *variables;
    size_t nvariables;
    uint64_t now;
    struct slice request_id;
    struct slice error; /* what is wrong with the document, or why a variable's expression has no value */
};

extern const struct expr_host batch_host;

/* Is the document one of a context? Else false with c->error. */
bool batch_check(struct batch_context *c);
/* RFC 3339, fraction and offset optional, from 1970 on: nanoseconds since then. */
bool batch_time(struct slice s, uint64_t *ns);
/* Bytes given as text or as {"base64": "..."}; any other value as its JSON. p == NULL: not base64. */
struct slice batch_bytes(struct arena *a, const struct json *j);
/* The text of a string, number or boolean. */
struct slice batch_text(const struct json *j);
/* Read the document; false when it is none, a variable's expression fails (then c->error), or the arena is full. */
bool batch_context_open(struct batch_context *c, struct arena *a, const struct json *json);
/* The value of a variable: a JSON scalar as its .NET type, an object or array as JToken, {"expr"} evaluated with the
 * variables before it. */
bool batch_value(struct batch_context *c, const struct json *j, struct expr_value *out);

#endif
