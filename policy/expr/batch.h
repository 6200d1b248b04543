/* `eval`: one expression with a context in JSON, the result as a JSON line. The command line only reads and writes. */
#ifndef POLICY_EXPR_BATCH_H
#define POLICY_EXPR_BATCH_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

struct buf;

/* line: {"id","expr","context"?}. Appends {"id","type","value"} or {"id","error","message"} and a newline to out.
 * `@(` `)` may be left out of expr. A line that is no such object gives error "BadLine". */
void expr_batch_line(struct arena *a, struct slice line, struct buf *out);
/* As above, without an id, for one expression and a context (JSON text, may be empty). False when it raised or did
 * not compile. A context that cannot be read gives error "BadContext". */
bool expr_batch_one(struct arena *a, struct slice expr, struct slice context, struct buf *out);

#endif
