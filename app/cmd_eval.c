/* eval: evaluate one policy expression, or a file of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "platform/base/buf.h"
#include "platform/file.h"
#include "platform/tls.h"
#include "policy/expr/batch.h"

#define CONTEXT_FILE_MAX (16u << 20)
/* Memory of one evaluation: wider than a request's, so that large test data fits. */
#define EVAL_BYTES_MAX (64u << 20)

static int eval_batch(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (!in)
        return cli_fail(CLI_FAILED, "eval: %s: %s", path, strerror(errno));
    while ((n = getline(&line, &room, in)) > 0) {
        struct slice text = slice_trim(slice_of(line, (size_t)n));
        struct arena a;
        struct buf out;
        if (!text.n)
            continue;
        arena_init_growing(&a, EVAL_BYTES_MAX);
        buf_init(&out, &a);
        expr_batch_line(&a, text, &out);
        struct slice result = buf_slice(&out);
        fwrite(result.p, 1, result.n, stdout);
        arena_free(&a);
    }
    free(line);
    if (in != stdin)
        fclose(in);
    return CLI_DONE;
}

static int eval_one(struct cli *c, const char *expr, const char *context)
{
    struct slice text = SLICE_NONE;
    struct buf out;
    struct err err;

    if (context && !file_read(&c->arena, context, CONTEXT_FILE_MAX, &text, &err))
        return cli_fail(CLI_FAILED, "eval: %s", err.text);
    buf_init(&out, &c->arena);
    bool ok = expr_batch_one(&c->arena, slice_from(expr), text, &out);
    struct slice result = slice_trim(buf_slice(&out));
    printf("%.*s\n", SLICE_ARG(result));
    return ok ? CLI_DONE : CLI_NO;
}

int cmd_eval(struct cli *c)
{
    const char *batch = cli_value(c, "--batch"), *context = cli_value(c, "--context");
    struct err err;

    if (!cli_check_args(c, batch ? 0 : 1, batch ? 0 : 1))
        return CLI_USAGE;
    if (!tls_global_init(&err))
        return cli_fail(CLI_FAILED, "eval: %s", err.text);
    return batch ? eval_batch(batch) : eval_one(c, c->args[0], context);
}
