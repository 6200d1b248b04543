/* Optimal string alignment distance over short names. */
#include "platform/base/nearest.h"

#include <stdint.h>

#define NAME_MAX_BYTES 96u /* longer names are cut: a typing error shows early enough */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

unsigned nearest_distance(struct slice a, struct slice b)
{
    uint8_t rows[3][NAME_MAX_BYTES + 1];

    a = slice_first(a, NAME_MAX_BYTES);
    b = slice_first(b, NAME_MAX_BYTES);
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a.n; i++) {
        uint8_t *now = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];
        now[0] = (uint8_t)i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = ascii_lower(a.p[i - 1]), y = ascii_lower(b.p[j - 1]);
            unsigned best = min3(up[j] + 1u, now[j - 1] + 1u, up[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.p[j - 2]) && ascii_lower(a.p[i - 2]) == y)
                best = min3(best, up2[j - 2] + 1u, best);
            now[j] = (uint8_t)best;
        }
    }
    unsigned d = rows[a.n % 3][b.n];
    return d < NEAREST_FAR ? d : NEAREST_FAR;
}

unsigned nearest_limit(struct slice wanted)
{
    return wanted.n < 6 ? 1 : (unsigned)(wanted.n / 3);
}

ptrdiff_t nearest_find(struct slice wanted, const void *list, size_t n, struct slice (*name_at)(const void *list, size_t i))
{
    ptrdiff_t best = -1;
    unsigned limit = nearest_limit(wanted) + 1;

    for (size_t i = 0; i < n; i++) {
        unsigned d = nearest_distance(wanted, name_at(list, i));
        if (d < limit) {
            limit = d;
            best = (ptrdiff_t)i;
        }
    }
    return best;
}
