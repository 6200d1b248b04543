/* Filters of numbers, dates and lists, and the table of all of them. */
#include "policy/expr/decimal.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/time.h"
#include "policy/liquid/filter_int.h"

liquid_filter_fn *liquid_filter_find(struct slice name)
{
    static const struct {
        const char *pascal, *snake;
        liquid_filter_fn *fn;
    } filters[] = {
#define FILTER(pascal, snake, fn) { pascal, snake, fn },
#include "policy/liquid/filters.def"
#undef FILTER
    };

    for (size_t i = 0; i < COUNT_OF(filters); i++)
        if (slice_eq(name, slice_from(filters[i].pascal)) || slice_eq(name, slice_from(filters[i].snake)))
            return filters[i].fn;
    return NULL;
}

/* ---- numbers ---- */

/* A number, or the text of one; integers as long. False: neither. */
static bool numeric(struct expr_value v, struct expr_value *out)
{
    int64_t i;
    double d;

    if (v.kind == EXPR_DECIMAL || v.kind == EXPR_F64) {
        *out = v;
        return true;
    }
    if (v.kind == EXPR_BOOL || v.kind == EXPR_NULL || (!str_is(v) && !liquid_is_number(v)))
        return false;
    if (v.kind != EXPR_F32 && expr_value_int(v, &i))
        *out = val_long(i);
    else if (expr_value_double(v, &d))
        *out = val_double(d);
    else
        return false;
    return true;
}

static enum expr_kind common_kind(struct expr_value x, struct expr_value y)
{
    return x.kind == EXPR_F64 || y.kind == EXPR_F64 ? EXPR_F64 : x.kind == EXPR_DECIMAL || y.kind == EXPR_DECIMAL ? EXPR_DECIMAL : EXPR_I64;
}

static struct expr_value calculate(struct vm *vm, enum binop op, struct expr_value x, struct expr_value y)
{
    struct expr_value out = expr_value_null();
    enum op_error e;
    enum expr_kind k;

    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return out;
    if (!numeric(x, &x) || !numeric(y, &y))
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Input string was not in a correct format.");
    k = common_kind(x, y);
    e = op_convert(vm->arena, k, true, x, &x);
    if (e == OP_FINE)
        e = op_convert(vm->arena, k, true, y, &y);
    if (e == OP_FINE)
        e = op_binary(vm->arena, op, k, true, x, y, &out);
    return e == OP_FINE ? out : vm_op_error(vm, e);
}

#define OPERATION(name, op) \
    struct expr_value filter_##name(struct vm *vm, struct expr_value *a, unsigned n) \
    { \
        return calculate(vm, op, a[0], n > 1 ? a[1] : expr_value_null()); \
    }
OPERATION(minus, B_SUB)
OPERATION(divided_by, B_DIV)
OPERATION(modulo, B_REM)

/* A text is joined with what is added. */
struct expr_value filter_plus(struct vm *vm, struct expr_value *a, unsigned n)
{
    return str_is(a[0]) ? filter_append(vm, a, n) : calculate(vm, B_ADD, a[0], n > 1 ? a[1] : expr_value_null());
}

/* A text is repeated. */
struct expr_value filter_times(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct buf b;

    if (!str_is(a[0]) || n < 2 || !liquid_is_number(a[1]) || a[1].kind >= EXPR_F32)
        return calculate(vm, B_MUL, a[0], n > 1 ? a[1] : expr_value_null());
    buf_init(&b, vm->arena);
    for (int64_t i = a[1].i; i > 0 && b.n <= LIQUID_OUTPUT_MAX && !b.failed && vm_charge(vm, 1); i--)
        text_put(&b, text_slice(a[0]));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

static bool to_decimal(struct vm *vm, struct expr_value v, struct decimal *out)
{
    if (!numeric(v, &v) || op_convert(vm->arena, EXPR_DECIMAL, true, v, &v) != OP_FINE)
        return false;
    *out = decimal_of(v);
    return true;
}

static struct expr_value rounded(struct vm *vm, struct expr_value v, int places, enum decimal_rounding how)
{
    struct decimal d;

    return to_decimal(vm, v, &d) ? decimal_value(vm->arena, decimal_round(d, places, how)) : expr_value_null();
}

struct expr_value filter_round(struct vm *vm, struct expr_value *a, unsigned n)
{
    int64_t places = 0;

    if (n > 1 && (!expr_value_int(a[1], &places) || places < 0 || places > DECIMAL_SCALE_MAX))
        return expr_value_null();
    return rounded(vm, a[0], (int)places, DECIMAL_HALF_EVEN);
}

struct expr_value filter_ceil(struct vm *vm, struct expr_value *a, unsigned n)
{
    (void)n;
    return rounded(vm, a[0], 0, DECIMAL_CEILING);
}

struct expr_value filter_floor(struct vm *vm, struct expr_value *a, unsigned n)
{
    (void)n;
    return rounded(vm, a[0], 0, DECIMAL_FLOOR);
}

struct expr_value filter_abs(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct expr_value x;
    int order;

    (void)n;
    if (!numeric(a[0], &x))
        return a[0];
    return liquid_compare(vm, x, val_int(0), &order) && order < 0 ? calculate(vm, B_SUB, val_long(0), x) : x;
}

static struct expr_value bounded(struct vm *vm, const struct expr_value *a, unsigned n, int sign)
{
    struct expr_value x, y;
    int order;

    if (n < 2 || !numeric(a[0], &x) || !numeric(a[1], &y) || !liquid_compare(vm, x, y, &order))
        return a[0];
    return order * sign < 0 ? y : x;
}

struct expr_value filter_at_least(struct vm *vm, struct expr_value *a, unsigned n)
{
    return bounded(vm, a, n, 1);
}

struct expr_value filter_at_most(struct vm *vm, struct expr_value *a, unsigned n)
{
    return bounded(vm, a, n, -1);
}

/* How a culture writes money; the first is the default. */
static const struct culture {
    const char *name, *before, *after;
    char group, point;
} cultures[] = {
    { "en-US", "$", "", ',', '.' }, { "en-CA", "$", "", ',', '.' }, { "en-AU", "$", "", ',', '.' },
    { "en-GB", "\u00A3", "", ',', '.' }, { "en-IE", "\u20AC", "", ',', '.' },
    { "de-DE", "", " \u20AC", '.', ',' }, { "es-ES", "", " \u20AC", '.', ',' }, { "it-IT", "", " \u20AC", '.', ',' },
};

static const struct culture *culture_of(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(cultures); i++)
        if (slice_eq_icase(name, slice_from(cultures[i].name)))
            return &cultures[i];
    return NULL;
}

struct expr_value filter_currency(struct vm *vm, struct expr_value *a, unsigned n)
{
    const struct culture *c = n > 1 && str_is(a[1]) && slice_trim(text_slice(a[1])).n ? culture_of(text_slice(a[1])) : &cultures[0];
    struct expr_value text;
    struct decimal d;
    struct buf b;

    if (!to_decimal(vm, a[0], &d))
        return a[0];
    if (!c)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Culture is not supported.");
    text = format_number(vm, decimal_value(vm->arena, decimal_round(d, 2, DECIMAL_HALF_AWAY)), SLICE("N2"));
    if (vm->thrown)
        return expr_value_null();
    buf_init(&b, vm->arena);
    if (text.n && text.s[0] == '-')
        buf_putc(&b, '-');
    buf_puts(&b, c->before);
    for (uint32_t i = text.n && text.s[0] == '-'; i < text.n; i++)
        buf_putc(&b, text.s[i] == ',' ? c->group : text.s[i] == '.' ? c->point : text.s[i]);
    buf_puts(&b, c->after);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- dates, defaults ---- */

static bool as_date(struct vm *vm, struct expr_value v, struct expr_value *out)
{
    if (v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME) {
        *out = v;
        return true;
    }
    v = liquid_text(vm, v);
    if (slice_eq_icase(text_slice(v), SLICE("now")) || slice_eq_icase(text_slice(v), SLICE("today"))) {
        *out = val_date(date_now(), DATE_LOCAL);
        return true;
    }
    *out = vm->thrown ? v : date_from_text(vm, v);
    if (!vm->thrown)
        return true;
    vm->thrown = OBJECT(vm->exception, exception_object)->budget; /* what is no date stays as it is */
    return false;
}

struct expr_value filter_date(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct expr_value date, format = n > 1 && a[1].kind != EXPR_NULL ? liquid_text(vm, a[1]) : TEXT("");

    if (a[0].kind == EXPR_NULL || vm->thrown || slice_trim(text_slice(format)).n == 0 || !as_date(vm, a[0], &date))
        return a[0];
    return format_time(vm, date, text_slice(format));
}

struct expr_value filter_default(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct expr_value text = a[0].kind == EXPR_NULL ? TEXT("") : liquid_text(vm, a[0]);

    return vm->thrown || slice_trim(text_slice(text)).n ? a[0] : n > 1 ? a[1] : expr_value_null();
}

/* ---- lists ---- */

/* A list, the pairs of a map; null is none, another value the one element. */
static struct list_object *list_of(struct vm *vm, struct expr_value v)
{
    struct list_object *l;

    if (liquid_is_list(v) || liquid_is_map(vm, v))
        return liquid_items(vm, v);
    if ((l = list_make(vm, &type_list_object, 1)) && v.kind != EXPR_NULL)
        list_append(vm, l, v);
    return l;
}

static struct expr_value list_value(const struct list_object *l)
{
    return l ? object_value(l) : expr_value_null();
}

struct expr_value filter_size(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l;

    (void)n;
    if (str_is(a[0]))
        return val_int((int32_t)text_length(a[0]));
    if (!liquid_is_list(a[0]) && !liquid_is_map(vm, a[0]))
        return val_int(0);
    return (l = liquid_items(vm, a[0])) ? val_int((int32_t)l->n) : expr_value_null();
}

static struct expr_value end_of(struct vm *vm, struct expr_value v, bool last)
{
    struct list_object *l;
    uint32_t units;

    if (str_is(v)) {
        units = text_length(v);
        return units ? text_sub(vm->arena, v, last ? units - 1 : 0, 1) : expr_value_null();
    }
    l = list_of(vm, v);
    return l && l->n ? l->items[last ? l->n - 1 : 0] : expr_value_null();
}

struct expr_value filter_first(struct vm *vm, struct expr_value *a, unsigned n)
{
    (void)n;
    return end_of(vm, a[0], false);
}

struct expr_value filter_last(struct vm *vm, struct expr_value *a, unsigned n)
{
    (void)n;
    return end_of(vm, a[0], true);
}

struct expr_value filter_join(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct expr_value glue = n > 1 ? liquid_text(vm, a[1]) : TEXT(" ");
    struct list_object *l = list_of(vm, a[0]);
    struct buf b;

    buf_init(&b, vm->arena);
    for (uint32_t i = 0; l && i < l->n && !vm->thrown && vm_charge(vm, 1); i++) {
        if (i)
            text_put(&b, text_slice(glue));
        liquid_print(vm, &b, l->items[i]);
    }
    return a[0].kind == EXPR_NULL ? a[0] : b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

struct expr_value filter_map(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]);

    for (uint32_t i = 0; l && n > 1 && i < l->n && !vm->thrown; i++)
        l->items[i] = liquid_member(vm, l->items[i], a[1]);
    return list_value(l);
}

struct expr_value filter_compact(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]);
    uint32_t kept = 0;

    (void)n;
    for (uint32_t i = 0; l && i < l->n; i++)
        if (l->items[i].kind != EXPR_NULL)
            l->items[kept++] = l->items[i];
    if (l)
        l->n = kept;
    return list_value(l);
}

struct expr_value filter_uniq(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]);
    uint32_t kept = 0, j;

    (void)n;
    for (uint32_t i = 0; l && i < l->n && vm_charge(vm, 1 + kept / 8); i++) {
        for (j = 0; j < kept && !liquid_equal(vm, l->items[j], l->items[i]);)
            j++;
        if (j == kept)
            l->items[kept++] = l->items[i];
    }
    if (l)
        l->n = kept;
    return list_value(l);
}

struct expr_value filter_reverse(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]);

    (void)n;
    for (uint32_t i = 0; l && i < l->n / 2; i++) {
        struct expr_value x = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = x;
    }
    return list_value(l);
}

struct expr_value filter_concat(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]), *more = n > 1 ? list_of(vm, a[1]) : NULL;

    for (uint32_t i = 0; l && more && i < more->n && vm_charge(vm, 1); i++)
        if (!list_append(vm, l, more->items[i]))
            break;
    return list_value(l);
}

/* Nulls first; texts by culture-free order without case, as DotLiquid's; what cannot be compared keeps its order. */
static bool is_after(struct vm *vm, struct expr_value x, struct expr_value y)
{
    int order = 0;

    if (y.kind == EXPR_NULL || x.kind == EXPR_NULL)
        return x.kind != EXPR_NULL;
    if (str_is(x) && str_is(y))
        return text_compare_ordinal(x, y, true) > 0;
    return liquid_compare(vm, x, y, &order) && order > 0;
}

struct pair {
    struct expr_value key, item;
};

/* Merge sort of [0, n) with as much scratch: stable, and charged. */
static void sort(struct vm *vm, struct pair *v, struct pair *scratch, uint32_t n)
{
    uint32_t half = n / 2, i = 0, j = half;

    if (n < 2 || !vm_charge(vm, n / 8 + 1))
        return;
    sort(vm, v, scratch, half);
    sort(vm, v + half, scratch, n - half);
    for (uint32_t k = 0; k < n; k++)
        scratch[k] = j == n || (i < half && !is_after(vm, v[i].key, v[j].key)) ? v[i++] : v[j++];
    memcpy(v, scratch, n * sizeof *v);
}

struct expr_value filter_sort(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_of(vm, a[0]);
    struct pair *pairs = l ? vm_alloc(vm, (size_t)l->n * 2 * sizeof *pairs) : NULL;

    if (!pairs)
        return expr_value_null();
    for (uint32_t i = 0; i < l->n && !vm->thrown; i++) {
        pairs[i].item = l->items[i];
        pairs[i].key = n > 1 ? liquid_member(vm, l->items[i], a[1]) : l->items[i];
    }
    if (!vm->thrown)
        sort(vm, pairs, pairs + l->n, l->n);
    for (uint32_t i = 0; i < l->n && !vm->thrown; i++)
        l->items[i] = pairs[i].item;
    return list_value(l);
}
