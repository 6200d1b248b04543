/* Look-up in the table of runs. */
#include "policy/expr/unicode.h"

#include "platform/base/compiler.h"

static const uint32_t runs[] = {
#include "policy/expr/unicode.def"
};

enum unicode_category unicode_category(uint32_t cp)
{
    uint32_t low = 0, high = COUNT_OF(runs), kind;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (runs[middle] >> 5 <= cp)
            low = middle;
        else
            high = middle;
    }
    kind = runs[low] & 31;
    if (kind < 30)
        return (enum unicode_category)kind;
    return (cp & 1) == (kind & 1) ? UNICODE_LU : UNICODE_LL;
}
