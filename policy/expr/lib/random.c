/* Random: seeded by the system, or, with a seed given, the numbers .NET makes of it (Knuth's subtractive
 * generator, the same in every version). Not for secrets. */
#include "platform/crypto.h"
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/lib.h"

#define TABLE 56

struct random_object {
    struct object head;
    bool seeded;
    uint64_t state;      /* not seeded */
    int32_t table[TABLE]; /* seeded */
    unsigned next, behind;
};

#define RANDOM(v) OBJECT(v, random_object)

/* splitmix64 (Vigna 2015). */
static uint64_t random_bits(struct random_object *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int32_t wrapped(int64_t x)
{
    return (int32_t)(x < 0 ? x + INT32_MAX : x);
}

/* ---- with a seed ---- */

static void fill_table(struct random_object *r, int32_t seed)
{
    int32_t last = 161803398 - (seed == INT32_MIN ? INT32_MAX : seed < 0 ? -seed : seed), x = 1;
    unsigned at = 0;

    memset(r->table, 0, sizeof r->table);
    r->table[TABLE - 1] = last;
    for (unsigned i = 1; i < TABLE - 1; i++) {
        at = (at + 21) % (TABLE - 1);
        r->table[at] = x;
        x = wrapped((int64_t)last - x);
        last = r->table[at];
    }
    for (unsigned round = 1; round < 5; round++)
        for (unsigned i = 1; i < TABLE; i++) {
            unsigned n = i + 30 >= TABLE - 1 ? i + 30 - (TABLE - 1) : i + 30;
            int32_t less = (int32_t)((uint32_t)r->table[i] - (uint32_t)r->table[1 + n]);

            r->table[i] = wrapped(less);
        }
    r->next = 0;
    r->behind = 21;
}

/* 0 .. INT32_MAX - 1 */
static int32_t sample(struct random_object *r)
{
    int64_t x;

    if (++r->next >= TABLE)
        r->next = 1;
    if (++r->behind >= TABLE)
        r->behind = 1;
    x = (int64_t)r->table[r->next] - r->table[r->behind];
    if (x == INT32_MAX)
        x--;
    r->table[r->next] = wrapped(x);
    return r->table[r->next];
}

static double fraction(struct random_object *r)
{
    return r->seeded ? sample(r) * (1.0 / INT32_MAX) : (double)(random_bits(r) >> 11) * 0x1p-53;
}

static double wide_fraction(struct random_object *r)
{
    int32_t x = sample(r);

    if (sample(r) % 2 == 0)
        x = -x;
    return ((double)x + (INT32_MAX - 1)) / (2.0 * INT32_MAX - 1);
}

/* low .. high - 1 */
static int64_t between(struct random_object *r, int64_t low, int64_t high)
{
    uint64_t range = (uint64_t)(high - low);

    if (!r->seeded)
        return low + (int64_t)((random_bits(r) >> 32) * range >> 32);
    return low + (int64_t)((range <= INT32_MAX ? fraction(r) : wide_fraction(r)) * (double)range);
}

static uint64_t all_bits(struct random_object *r)
{
    uint64_t low, middle;

    if (!r->seeded)
        return random_bits(r);
    low = (uint64_t)between(r, 0, 1 << 22);
    middle = (uint64_t)between(r, 0, 1 << 22);
    return low | middle << 22 | (uint64_t)between(r, 0, 1 << 20) << 44;
}

/* ---- members ---- */

static struct random_object *make(struct vm *vm)
{
    struct random_object *r = vm_new(vm, struct random_object);

    if (r) {
        r->head.type = TYPE_OF(RANDOM);
        r->seeded = false;
    }
    return r;
}

NATIVE(random_new)
{
    struct random_object *r = make(vm);

    if (!r)
        return expr_value_null();
    crypto_random(&r->state, sizeof r->state);
    return object_value(r);
}

NATIVE(random_new_seed)
{
    struct random_object *r = make(vm);

    if (!r)
        return expr_value_null();
    r->seeded = true;
    fill_table(r, (int32_t)a[0].i);
    return object_value(r);
}

NATIVE(random_next)
{
    struct random_object *r = RANDOM(a[0]);

    return val_int(r->seeded ? sample(r) : (int32_t)between(r, 0, INT32_MAX));
}

static struct expr_value bad_max(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "'maxValue' must be greater than zero. (Parameter 'maxValue')");
}

static struct expr_value bad_min(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "'minValue' cannot be greater than maxValue. (Parameter 'minValue')");
}

NATIVE(random_next_max)
{
    return a[1].i < 0 ? bad_max(vm) : val_int((int32_t)between(RANDOM(a[0]), 0, a[1].i));
}

NATIVE(random_next_range)
{
    return a[1].i > a[2].i ? bad_min(vm) : val_int((int32_t)between(RANDOM(a[0]), a[1].i, a[2].i));
}

/* low .. high - 1, each as likely */
static struct expr_value long_between(struct random_object *r, int64_t low, int64_t high)
{
    uint64_t range = (uint64_t)high - (uint64_t)low, bits = all_bits(r), limit = range ? UINT64_MAX - UINT64_MAX % range : 0;

    if (range <= 1)
        return val_long(low);
    while (bits >= limit)
        bits = all_bits(r);
    return val_long((int64_t)((uint64_t)low + bits % range));
}

NATIVE(random_next_long)
{
    return long_between(RANDOM(a[0]), 0, INT64_MAX);
}

NATIVE(random_next_long_max)
{
    return a[1].i < 0 ? bad_max(vm) : long_between(RANDOM(a[0]), 0, a[1].i);
}

NATIVE(random_next_long_range)
{
    return a[1].i > a[2].i ? bad_min(vm) : long_between(RANDOM(a[0]), a[1].i, a[2].i);
}

NATIVE(random_next_double)
{
    return val_double(fraction(RANDOM(a[0])));
}

NATIVE(random_next_single)
{
    struct random_object *r = RANDOM(a[0]);
    struct expr_value v = { .kind = EXPR_F32 };

    do
        v.f = r->seeded ? (float)fraction(r) : (float)(random_bits(r) >> 40) * 0x1p-24f;
    while (v.f >= 1);
    return v;
}

NATIVE(random_next_bytes)
{
    struct bytes_object *bytes = a[1].kind == EXPR_OBJECT ? OBJECT(a[1], bytes_object) : NULL;
    struct random_object *r = RANDOM(a[0]);

    if (!bytes)
        return vm_throw_arg_null(vm, "buffer");
    for (uint32_t i = 0; i < bytes->n && vm_charge(vm, i % 8 == 0); i++)
        bytes->p[i] = (uint8_t)(r->seeded ? (uint64_t)sample(r) : random_bits(r));
    return expr_value_null();
}

/* (values) */
NATIVE(random_shuffle)
{
    struct expr_value x, y;
    int64_t n;

    NEED(1, "values");
    n = net_collection_count(vm, site, a + 1).i;
    for (int64_t i = 0; i + 1 < n && vm_charge(vm, 1); i++) {
        int64_t k = between(RANDOM(a[0]), i, n);

        if (!array_get(vm, a[1], i, &x) || !array_get(vm, a[1], k, &y))
            break;
        array_set(vm, a[1], i, y);
        array_set(vm, a[1], k, x);
    }
    return expr_value_null();
}

/* (choices, length) */
NATIVE(random_items)
{
    struct list_object *l;
    struct expr_value x;
    int64_t n;

    NEED(1, "choices");
    n = net_collection_count(vm, site, a + 1).i;
    if (n == 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Span may not be empty. (Parameter 'choices')");
    if (a[2].i < 0)
        return string_negative(vm, "length", a[2].i);
    l = list_make(vm, &type_list_object, 4);
    for (int64_t i = 0; l && i < a[2].i && vm_charge(vm, 1); i++)
        if (!array_get(vm, a[1], between(RANDOM(a[0]), 0, n), &x) || !list_append(vm, l, x))
            return expr_value_null();
    return l && !vm->thrown ? array_make(vm, site->ret, l->n, l->items) : expr_value_null();
}
