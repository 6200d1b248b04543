/* Unicode normalization: decompose by table (Hangul by arithmetic), put marks in order of class, compose pairs. */
#include "policy/expr/normal.h"

struct composed {
    uint16_t first, second, whole;
};

struct composed_high {
    uint32_t first, second, whole;
};

#include "policy/expr/unicode_canonical.def"
#include "policy/expr/unicode_compat.def"

enum hangul { S_BASE = 0xAC00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11A7, L_COUNT = 19, V_COUNT = 21, T_COUNT = 28,
              S_COUNT = L_COUNT * V_COUNT * T_COUNT };

#define OFFSET_BITS 13
#define OFFSET_MASK ((1u << OFFSET_BITS) - 1)

struct points {
    struct vm *vm;
    uint32_t *p;
    uint32_t n, room;
};

static bool put_point(struct points *out, uint32_t cp)
{
    if (out->n == out->room) {
        uint32_t room = out->room ? out->room * 2 : 64, *p = vm_alloc(out->vm, room * sizeof *p);

        if (!p)
            return false;
        if (out->n)
            memcpy(p, out->p, out->n * sizeof *p);
        out->p = p;
        out->room = room;
    }
    out->p[out->n++] = cp;
    return true;
}

/* ---- tables ---- */

/* Index of the last entry whose key is at most cp. */
static uint32_t last_at_most(const uint32_t *table, uint32_t n, unsigned shift, uint32_t cp)
{
    uint32_t low = 0, high = n;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (table[middle] >> shift <= cp)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static unsigned class_of(uint32_t cp)
{
    return cp < 0x300 ? 0 : class_runs[last_at_most(class_runs, COUNT_OF(class_runs), 8, cp)] & 0xFF;
}

static const uint16_t *look_up(const uint32_t *index, uint32_t n, const uint16_t *units, uint32_t cp, uint32_t *length)
{
    uint32_t at = last_at_most(index, n - 1, OFFSET_BITS, cp);

    if (index[at] >> OFFSET_BITS != cp)
        return NULL;
    *length = (index[at + 1] & OFFSET_MASK) - (index[at] & OFFSET_MASK);
    return units + (index[at] & OFFSET_MASK);
}

/* 0: they do not compose. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    uint32_t low = 0, high = COUNT_OF(composed);

    if (first - L_BASE < L_COUNT && second - V_BASE < V_COUNT)
        return S_BASE + ((first - L_BASE) * V_COUNT + (second - V_BASE)) * T_COUNT;
    if (first - S_BASE < S_COUNT && (first - S_BASE) % T_COUNT == 0 && second > T_BASE && second < T_BASE + T_COUNT)
        return first + (second - T_BASE);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct composed *c = &composed[middle];

        if (c->first == first && c->second == second)
            return c->whole;
        if (c->first < first || (c->first == first && c->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < COUNT_OF(composed_high); i++)
        if (composed_high[i].first == first && composed_high[i].second == second)
            return composed_high[i].whole;
    return 0;
}

/* ---- the three steps ---- */

static bool decompose(struct points *out, uint32_t cp, bool compat)
{
    const uint16_t *u;
    uint32_t n = 0, s = cp - S_BASE;

    if (cp < 0xA0)
        return put_point(out, cp);
    if (s < S_COUNT)
        return put_point(out, L_BASE + s / (V_COUNT * T_COUNT)) && put_point(out, V_BASE + s % (V_COUNT * T_COUNT) / T_COUNT) &&
               (s % T_COUNT == 0 || put_point(out, T_BASE + s % T_COUNT));
    u = compat ? look_up(compat_index, COUNT_OF(compat_index), compat_units, cp, &n) : NULL;
    if (!u)
        u = look_up(canonical_index, COUNT_OF(canonical_index), canonical_units, cp, &n);
    if (!u)
        return put_point(out, cp);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t unit = u[i];

        if (unit >> 10 == 0xD800 >> 10) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (u[i + 1] - 0xDC00u);
            i++;
        }
        if (!put_point(out, unit))
            return false;
    }
    return true;
}

/* Stable insertion of each mark among those since the last starter. */
static bool put_in_order(struct points *p)
{
    for (uint32_t i = 1; i < p->n; i++) {
        uint32_t cp = p->p[i], at = i;
        unsigned class = class_of(cp);

        while (class && at > 0 && class_of(p->p[at - 1]) > class) {
            p->p[at] = p->p[at - 1];
            at--;
        }
        p->p[at] = cp;
        if (!vm_charge(p->vm, 1 + (i - at)))
            return false;
    }
    return true;
}

static void compose_all(struct points *p)
{
    uint32_t starter = UINT32_MAX, w = 0;
    unsigned last = 0;

    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t cp = p->p[i], whole = 0;
        unsigned class = class_of(cp);

        if (starter != UINT32_MAX && (w == starter + 1 || (last < class && last)))
            whole = compose(p->p[starter], cp);
        if (whole) {
            p->p[starter] = whole;
            continue;
        }
        if (!class)
            starter = w;
        last = class;
        p->p[w++] = cp;
    }
    p->n = w;
}

struct expr_value normal_text(struct vm *vm, struct expr_value text, enum normal_form form)
{
    struct points points = { .vm = vm };
    const char *p = text.s, *end = text.s + text.n;
    struct buf b;
    uint32_t cp;

    if (text_is_ascii(text))
        return text;
    if (!vm_charge(vm, text.n))
        return expr_value_null();
    while (p < end) {
        p += text_decode(p, end, &cp);
        if (cp >> 11 == 0xD800 >> 11)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Invalid Unicode code point found at index %u. (Parameter 'strInput')",
                            text_index(text, (uint32_t)(p - text.s)) - 1);
        if (!decompose(&points, cp, form == NORMAL_KC || form == NORMAL_KD))
            return expr_value_null();
    }
    if (!put_in_order(&points))
        return expr_value_null();
    if (form == NORMAL_C || form == NORMAL_KC)
        compose_all(&points);
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < points.n; i++)
        text_put_unit(&b, points.p[i]);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
