/* `holdfast check`: compile one document in open mode (policy/check.h). */
#include "policy/check.h"

#include <stdlib.h>

#include "policy/comp_int.h"

static int by_place(const void *a, const void *b)
{
    const struct policy_diagnostic *x = a, *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

const struct policy_diagnostics *policy_check(struct arena *a, struct slice text, const char *file)
{
    static const struct policy_diagnostics none;
    struct policy_compiler *pc = policy_compiler_new(a, NULL, true);

    if (!pc)
        return &none;
    compile_any(pc, text, file);
    policy_compiler_free(pc);
    if (pc->diagnostics.n)
        qsort(pc->diagnostics.v, pc->diagnostics.n, sizeof pc->diagnostics.v[0], by_place);
    return &pc->diagnostics;
}
