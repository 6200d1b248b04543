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
/* One line of a batch; its context holds at most one body. */
#define EVAL_LINE_MAX ((size_t)16 << 20)

/* The next line without its end, *n bytes of it; what is over EVAL_LINE_MAX is read and dropped, *n then tells by being
 * that much. False at the end of the file. */
static bool read_line(FILE *in, char *line, size_t *n)
{
    int ch;

    for (*n = 0; (ch = getc_unlocked(in)) != EOF && ch != '\n';)
        if (*n < EVAL_LINE_MAX)
            line[(*n)++] = (char)ch;
    return ch != EOF || *n > 0;
}

/* A result per line as soon as it is known, so that another program can ask one by one. */
static void answer_line(struct slice text)
{
    struct arena a;
    struct buf out;
    struct slice result;

    arena_init_growing(&a, EVAL_BYTES_MAX);
    buf_init(&out, &a);
    if (text.n < EVAL_LINE_MAX)
        expr_batch_line(&a, text, &out);
    else
        expr_batch_refuse(&out, "the line is longer than 16 MiB");
    result = buf_slice(&out);
    fwrite(result.p, 1, result.n, stdout);
    fflush(stdout);
    arena_free(&a);
}

static int eval_batch(const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = in ? malloc(EVAL_LINE_MAX) : NULL;
    bool failed;
    size_t n;

    if (!in)
        return cli_fail(CLI_FAILED, "eval: %s: %s", path, strerror(errno));
    while (line && read_line(in, line, &n)) {
        struct slice text = slice_trim(slice_of(line, n));
        if (text.n)
            answer_line(text);
    }
    failed = !line || ferror(in);
    if (in != stdin)
        fclose(in);
    free(line);
    return failed ? cli_fail(CLI_FAILED, "eval: %s: cannot be read", path) : CLI_DONE;
}

static int eval_one(struct cli *c, const char *expr, const char *context)
{
    struct slice text = SLICE_NONE;
    enum expr_batch_result result;
    struct buf out;
    struct err err;

    if (context && !file_read(&c->arena, context, CONTEXT_FILE_MAX, &text, &err))
        return cli_fail(CLI_FAILED, "eval: %s", err.text);
    buf_init(&out, &c->arena);
    result = expr_batch_one(&c->arena, slice_from(expr), text, &out);
    text = slice_trim(buf_slice(&out));
    if (result == EXPR_BATCH_BAD_CONTEXT)
        return cli_fail(CLI_USAGE, "eval: %s: %.*s", context, SLICE_ARG(text));
    printf("%.*s\n", SLICE_ARG(text));
    return result == EXPR_BATCH_VALUE ? CLI_DONE : CLI_NO;
}

int cmd_eval(struct cli *c)
{
    const char *batch = cli_value(c, "--batch"), *context = cli_value(c, "--context");
    struct err err;

    if (!cli_check_args(c, batch ? 0 : 1, batch ? 0 : 1))
        return CLI_USAGE;
    if (batch && context)
        return cli_fail(CLI_USAGE, "eval: --context: not with --batch: each line has its own \"context\"");
    if (!tls_global_init(&err))
        return cli_fail(CLI_FAILED, "eval: %s", err.text);
    return batch ? eval_batch(batch) : eval_one(c, c->args[0], context);
}
