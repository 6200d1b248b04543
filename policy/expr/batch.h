/* `eval`: one expression with a context in JSON, the result as a JSON line. The command line only reads and writes. */
#ifndef POLICY_EXPR_BATCH_H
#define POLICY_EXPR_BATCH_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

struct buf;

/* line: {"id","expr","context"?}. Appends {"id","type","value"} or {"id","error","message"} and a newline to out.
 * `@(` `)` may be left out of expr. A line that is no such object gives error "BadLine", a context
 * that is none (a member unknown or of the wrong type) "BadContext". */
void expr_batch_line(struct arena *a, struct slice line, struct buf *out);
/* The answer to a line that cannot be read at all: error "BadLine" with this message. */
void expr_batch_refuse(struct buf *out, const char *message);
enum expr_batch_result {
    EXPR_BATCH_VALUE,
    EXPR_BATCH_RAISED,      /* an exception, or it did not compile */
    EXPR_BATCH_BAD_CONTEXT, /* out holds a plain text that says what is wrong with the context */
};

/* As above, without an id, for one expression and a context (JSON text, may be empty). */
enum expr_batch_result expr_batch_one(struct arena *a, struct slice expr, struct slice context, struct buf *out);

#endif
