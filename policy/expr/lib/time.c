/* DateTime, DateTimeOffset, TimeSpan, Guid. */
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

struct expr_value format_time(struct vm *vm, struct expr_value v, struct slice format)
{
    const uint8_t *g = v.p;

    (void)format;
    if (v.kind == EXPR_GUID)
        return str_printf(vm, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2], g[1], g[0], g[5], g[4],
                          g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
    return str_printf(vm, "%lld", (long long)v.i);
}

int guid_compare(struct expr_value a, struct expr_value b)
{
    static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    const uint8_t *x = a.p, *y = b.p;

    for (unsigned i = 0; i < 16; i++)
        if (x[order[i]] != y[order[i]])
            return x[order[i]] < y[order[i]] ? -1 : 1;
    return 0;
}
