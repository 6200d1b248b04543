/* System.String: looking for things, and order. Positions are UTF-16 units outside, bytes inside. */
#include "policy/expr/lib/string_int.h"
#include "policy/expr/normal.h"
#include "policy/expr/unicode.h"

struct expr_value string_needle(struct vm *vm, struct expr_value v)
{
    return v.kind == EXPR_CHAR ? text_value(value_text(vm, v)) : v;
}

struct expr_value string_folded(struct vm *vm, struct expr_value v, uint32_t (*map)(uint32_t))
{
    struct buf b;
    const char *p = v.s, *end = v.s + v.n;
    uint32_t cp;
    size_t n;

    if (!vm_charge(vm, v.n / 64))
        return TEXT("");
    if (text_is_ascii(v)) {
        char *out = arena_alloc_raw(vm->arena, v.n + 1);
        bool upper = map == text_upper;

        for (uint32_t i = 0; out && i < v.n; i++)
            out[i] = upper ? ascii_upper(p[i]) : ascii_lower(p[i]);
        return out ? text_ascii(slice_of(out, v.n)) : (vm_throw_budget(vm, "memory"), TEXT(""));
    }
    buf_init(&b, vm->arena);
    buf_reserve(&b, v.n);
    while ((n = text_decode(p, end, &cp)) > 0) {
        text_put_unit(&b, map(cp));
        p += n;
    }
    if (b.failed)
        return vm_throw_budget(vm, "memory"), TEXT("");
    return text_value(buf_slice(&b));
}

bool string_is_white(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

struct expr_value string_negative(struct vm *vm, const char *param, int64_t value)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "%s ('%lld') must be a non-negative value. (Parameter '%s')\nActual value was %lld.",
                    param, (long long)value, param, (long long)value);
}

static size_t common_icase(struct slice x, struct slice y)
{
    size_t n = 0;

    while (n < x.n && n < y.n && ascii_lower(x.p[n]) == ascii_lower(y.p[n]))
        n++;
    return n;
}

/* Text like the needle's beginning makes each place cost more: paid for in the same measure. */
static ptrdiff_t find_icase(struct vm *vm, struct slice hay, struct slice needle, size_t from)
{
    size_t compared = 0, n;

    for (size_t i = from; i + needle.n <= hay.n; i++) {
        n = common_icase(slice_of(hay.p + i, needle.n), needle);
        if (n == needle.n)
            return (ptrdiff_t)i;
        compared += n;
        if (compared > VM_PAUSE_STEPS) {
            if (!vm_charge(vm, (uint32_t)(compared / 16)))
                break;
            compared = 0;
        }
    }
    return -1;
}

int64_t string_find(struct vm *vm, struct expr_value hay, struct expr_value needle, bool ignore_case, uint32_t from)
{
    bool direct = ignore_case && text_is_ascii(hay) && text_is_ascii(needle);
    size_t start, looked;
    ptrdiff_t at;

    if (ignore_case && !direct) { /* simple case maps change no unit counts */
        hay = string_folded(vm, hay, text_upper);
        needle = string_folded(vm, needle, text_upper);
    }
    start = text_offset(hay, from);
    at = direct ? find_icase(vm, text_slice(hay), text_slice(needle), start)
                : slice_find(slice_skip(text_slice(hay), start), text_slice(needle));
    looked = at < 0 ? hay.n - start : direct ? (size_t)at - start : (size_t)at;
    if (!vm_charge(vm, (uint32_t)(looked / 64)) || at < 0)
        return -1;
    return direct ? at : (int64_t)text_index(hay, (uint32_t)(start + (size_t)at));
}

NATIVE(string_contains)
{
    NEED(1, "value");
    return val_bool(string_find(vm, a[0], string_needle(vm, a[1]), site->n > 2 && ignores_case(a[2]), 0) >= 0);
}

/* ---- IndexOf ---- */

static struct expr_value bad_start(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                    "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'startIndex')");
}

static struct expr_value bad_count(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                    "Count must be positive and count must refer to a location within the string/array/collection. (Parameter 'count')");
}

/* The arguments behind the needle: [start [, count]] [comparison]. False: exception. */
static bool search_args(struct vm *vm, const struct site *site, struct expr_value *a, uint32_t length, bool last, int64_t span[3])
{
    unsigned ints = 0;

    span[2] = 0;
    for (unsigned i = 2; i < site->n; i++) {
        if (a[i].kind == EXPR_ENUM)
            span[2] = ignores_case(a[i]);
        else if (ints < 2)
            span[ints++] = a[i].i;
    }
    if (!last) {
        if (ints < 1)
            span[0] = 0;
        if (span[0] < 0 || span[0] > length)
            return bad_start(vm), false;
        if (ints < 2)
            span[1] = (int64_t)length - span[0];
        if (span[1] < 0 || span[1] > (int64_t)length - span[0])
            return bad_count(vm), false;
        return true;
    }
    if (ints < 1)
        span[0] = (int64_t)length - 1;
    if (length && (span[0] < 0 || span[0] > length))
        return bad_start(vm), false;
    if (length && span[0] == length)
        span[0]--, span[1] -= ints > 1 && span[1] > 0;
    if (ints < 2)
        span[1] = span[0] + 1;
    if (length && (span[1] < 0 || span[0] - span[1] + 1 < 0))
        return bad_count(vm), false;
    return true;
}

NATIVE(string_index_of)
{
    struct expr_value needle;
    int64_t span[3], at;

    NEED(1, "value");
    if (!search_args(vm, site, a, text_length(a[0]), false, span))
        return expr_value_null();
    needle = string_needle(vm, a[1]);
    at = string_find(vm, a[0], needle, span[2], (uint32_t)span[0]);
    return val_int(at >= 0 && at + text_length(needle) <= span[0] + span[1] ? (int32_t)at : -1);
}

/* Unit index of the last match within units [low, high), or -1. */
static int64_t find_last(struct vm *vm, struct expr_value hay, struct expr_value needle, bool ignore_case, uint32_t low, uint32_t high)
{
    uint32_t from, to;

    if (ignore_case) {
        hay = string_folded(vm, hay, text_upper);
        needle = string_folded(vm, needle, text_upper);
    }
    if (vm->thrown || !vm_charge_bytes(vm, hay.n))
        return -1;
    from = text_offset(hay, low);
    to = text_offset(hay, high);
    for (int64_t at = (int64_t)to - needle.n; at >= from; at--) {
        if (hay.s[at] != needle.s[0])
            continue;
        if (memcmp(hay.s + at, needle.s, needle.n) == 0)
            return text_index(hay, (uint32_t)at);
        if (!vm_charge(vm, 1 + needle.n / 64))
            break;
    }
    return -1;
}

NATIVE(string_last_index_of)
{
    struct expr_value needle;
    int64_t span[3], length, low, n;

    NEED(1, "value");
    length = text_length(a[0]);
    if (!search_args(vm, site, a, (uint32_t)length, true, span))
        return expr_value_null();
    needle = string_needle(vm, a[1]);
    n = text_length(needle);
    if (n == 0)
        return val_int(length == 0 ? 0 : (int32_t)(site->n > 2 && a[2].kind != EXPR_ENUM ? span[0] + 1 : length));
    low = span[0] - span[1] + 1;
    return val_int((int32_t)find_last(vm, a[0], needle, span[2], (uint32_t)(low < 0 ? 0 : low), (uint32_t)(length ? span[0] + 1 : 0)));
}

static bool is_any(struct expr_value set, uint32_t unit)
{
    const struct list_object *l = set.p;

    for (uint32_t i = 0; i < l->n; i++)
        if (l->items[i].i == unit)
            return true;
    return false;
}

/* Unit index in [from, to) of the first or last unit that is in the set, or -1. */
static int64_t find_any(struct vm *vm, struct expr_value s, struct expr_value set, int64_t from, int64_t to, bool last)
{
    struct text_walk w = text_walk(s);
    int64_t found = -1;
    uint32_t unit;

    for (int64_t i = 0; i < to && text_next(&w, &unit); i++) {
        if (i % 16 == 0 && !vm_charge(vm, 1 + OBJECT(set, list_object)->n / 2))
            return -1;
        if (i < from || !is_any(set, unit))
            continue;
        found = i;
        if (!last)
            break;
    }
    return found;
}

NATIVE(string_index_of_any)
{
    int64_t span[3];

    NEED(1, "anyOf");
    if (!search_args(vm, site, a, text_length(a[0]), false, span))
        return expr_value_null();
    return val_int((int32_t)find_any(vm, a[0], a[1], span[0], span[0] + span[1], false));
}

NATIVE(string_last_index_of_any)
{
    int64_t span[3];
    uint32_t length;

    NEED(1, "anyOf");
    length = text_length(a[0]);
    if (!search_args(vm, site, a, length, true, span))
        return expr_value_null();
    return val_int(length ? (int32_t)find_any(vm, a[0], a[1], span[0] - span[1] + 1, span[0] + 1, true) : -1);
}

/* ---- order ---- */

int string_compare(struct vm *vm, struct expr_value x, struct expr_value y, unsigned comparison)
{
    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return x.kind == y.kind ? 0 : x.kind == EXPR_NULL ? -1 : 1;
    if (!vm_charge_bytes(vm, x.n < y.n ? x.n : y.n))
        return 0;
    return comparison >= 4 ? text_compare_ordinal(x, y, comparison & 1) : text_compare(x, y, comparison & 1);
}

/* The comparison among the arguments: a StringComparison, a bool, or none. */
static unsigned comparison_of(struct expr_value v)
{
    return v.kind == EXPR_ENUM || v.kind == EXPR_BOOL ? (unsigned)v.i : 0;
}

NATIVE(string_compare)
{
    return val_int(string_compare(vm, a[0], a[1], site->n > 2 ? comparison_of(a[2]) : 0));
}

NATIVE(string_compare_ordinal)
{
    return val_int(string_compare(vm, a[0], a[1], 4));
}

/* (strA, indexA, strB, indexB, length [, comparison]); false: exception. */
static bool part_of(struct vm *vm, struct expr_value *s, int64_t index, int64_t length, const char *param)
{
    int64_t n = s->kind == EXPR_NULL ? 0 : text_length(*s);

    if (index < 0 || index > n) {
        vm_throw_range(vm, param);
        return false;
    }
    if (s->kind == EXPR_STRING)
        *s = str_sub(vm, *s, (uint32_t)index, (uint32_t)(length < n - index ? length : n - index));
    return true;
}

static struct expr_value compare_parts(struct vm *vm, struct expr_value *a, unsigned comparison)
{
    if (a[4].i < 0)
        return vm_throw_range(vm, "length");
    if (!part_of(vm, &a[0], a[1].i, a[4].i, "indexA") || !part_of(vm, &a[2], a[3].i, a[4].i, "indexB"))
        return expr_value_null();
    return val_int(string_compare(vm, a[0], a[2], comparison));
}

NATIVE(string_compare_parts)
{
    return compare_parts(vm, a, site->n > 5 ? comparison_of(a[5]) : 0);
}

NATIVE(string_compare_parts_ordinal)
{
    return compare_parts(vm, a, 4);
}

NATIVE(string_compare_to)
{
    return val_int(string_compare(vm, a[0], a[1], 0));
}

/* CompareOptions as a StringComparison. */
static unsigned comparison_of_options(struct expr_value options)
{
    enum { IGNORE_CASE = 1, ORDINAL_IGNORE_CASE = 0x10000000, ORDINAL = 0x40000000 };

    if (options.i & ORDINAL_IGNORE_CASE)
        return 5;
    return options.i & ORDINAL ? 4 : options.i & IGNORE_CASE ? 3 : 2;
}

/* Without combining marks, for CompareOptions.IgnoreNonSpace. */
static struct expr_value without_marks(struct vm *vm, struct expr_value text, struct expr_value options)
{
    enum { IGNORE_NON_SPACE = 2 };
    struct buf b;
    uint32_t cp;

    if (!(options.i & IGNORE_NON_SPACE) || text.kind != EXPR_STRING || text_is_ascii(text))
        return text;
    text = normal_text(vm, text, NORMAL_D);
    buf_init(&b, vm->arena);
    for (const char *p = text.s, *end = text.s + text.n; !vm->thrown && p < end;) {
        p += text_decode(p, end, &cp);
        if (unicode_category(cp) != UNICODE_MN)
            text_put_unit(&b, cp);
    }
    return vm->thrown ? expr_value_null() : b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

NATIVE(string_compare_options)
{
    return val_int(string_compare(vm, without_marks(vm, a[0], a[3]), without_marks(vm, a[1], a[3]), comparison_of_options(a[3])));
}

NATIVE(string_compare_parts_options)
{
    a[0] = without_marks(vm, a[0], a[6]);
    a[2] = without_marks(vm, a[2], a[6]);
    return compare_parts(vm, a, comparison_of_options(a[6]));
}

NATIVE(string_hash)
{
    return val_int((int32_t)value_hash(vm, ignores_case(a[1]) ? string_folded(vm, a[0], text_upper) : a[0]));
}
