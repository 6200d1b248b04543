/* A small driver for the oracle: reads expressions, one per JSON-free record, prints results.
 * Input record: id, NUL, expression, NUL. Output record: id, NUL, kind ('v' or 'e'), type, NUL, text, NUL. */
#include <stdio.h>
#include <stdlib.h>

#include "platform/base/arena.h"
#include "policy/expr/expr.h"

#define ARENA_BYTES ((size_t)64 << 20)

static char *read_all(size_t *n)
{
    size_t room = 1 << 20;
    char *p = malloc(room);

    for (*n = 0; p; *n += fread(p + *n, 1, room - *n, stdin)) {
        if (feof(stdin))
            return p;
        if (*n == room)
            p = realloc(p, room *= 2);
    }
    return p;
}

static void put(struct slice s)
{
    if (s.n)
        fwrite(s.p, 1, s.n, stdout);
    putchar(0);
}

static void run_one(const char *id, struct slice source)
{
    struct arena program, work;
    struct expr_run run = { .arena = &work };
    struct expr_error err;
    struct expr_exception exc = { 0 };
    struct expr_value out;
    struct slice text;
    const struct expr *e;

    arena_init_growing(&program, ARENA_BYTES);
    arena_init_growing(&work, ARENA_BYTES);
    put(slice_from(id));
    e = expr_compile(&program, source, NULL, &err);
    if (!e) {
        char message[512];

        putchar('e');
        put(slice_from("CompileError"));
        snprintf(message, sizeof message, "%u:%u: %s", err.line, err.column, err.message);
        put(slice_from(message));
    } else if (expr_eval(e, &run, &out, &exc) && expr_print(&run, out, &text, &exc)) {
        putchar('v');
        put(expr_value_type_name(&work, out));
        put(text);
    } else {
        putchar('e');
        put(exc.type);
        put(exc.message);
    }
    arena_free(&work);
    arena_free(&program);
}

int main(void)
{
    size_t n, at = 0;
    char *p = read_all(&n);

    while (p && at < n) {
        const char *id = p + at, *source = id + strlen(id) + 1;

        run_one(id, slice_from(source));
        fflush(stdout);
        at = (size_t)(source - p) + strlen(source) + 1;
    }
    free(p);
    return 0;
}
