/* System.String. */
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/string_int.h"

NATIVE(string_empty)
{
    return TEXT("");
}

NATIVE(string_length)
{
    return val_int((int32_t)text_length(a[0]));
}

NATIVE(string_self)
{
    return a[0];
}

NATIVE(string_copy)
{
    NEED(0, "str");
    return a[0];
}

NATIVE(string_item)
{
    if (a[1].i < 0 || a[1].i >= text_length(a[0]))
        return vm_throw(vm, TYPE_INDEXOUTOFRANGEEXCEPTION, "Index was outside the bounds of the array.");
    return val_char(text_unit(a[0], (uint32_t)a[1].i));
}

static bool equal(struct vm *vm, struct expr_value x, struct expr_value y, bool ignore_case)
{
    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return x.kind == y.kind;
    return ignore_case ? text_equals_icase(vm, x, y) : value_equals(vm, x, y);
}

NATIVE(string_equals)
{
    return val_bool(equal(vm, a[0], a[1], false));
}

NATIVE(string_equals_comparison)
{
    return val_bool(equal(vm, a[0], a[1], ignores_case(a[2])));
}

NATIVE(string_equals_static)
{
    return val_bool(equal(vm, a[0], a[1], ignores_case(a[2])));
}

static struct expr_value at_edge(struct vm *vm, const struct site *site, struct expr_value *a, bool end)
{
    struct expr_value needle, part = a[0];

    NEED(1, "value");
    needle = string_needle(vm, a[1]);
    if (site->n > 2 && ignores_case(a[2]) && !(text_is_ascii(part) && text_is_ascii(needle))) {
        part = string_folded(vm, part, text_upper);
        needle = string_folded(vm, needle, text_upper);
    }
    if (needle.n > part.n)
        return val_bool(false);
    if (end)
        part.s += part.n - needle.n;
    part.n = needle.n;
    return val_bool(equal(vm, part, needle, site->n > 2 && ignores_case(a[2])));
}

NATIVE(string_starts_with)
{
    return at_edge(vm, site, a, false);
}

NATIVE(string_ends_with)
{
    return at_edge(vm, site, a, true);
}

NATIVE(string_substring)
{
    int64_t length;

    length = text_length(a[0]);
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (a[1].i > length)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "startIndex cannot be larger than length of string. (Parameter 'startIndex')");
    return str_sub(vm, a[0], (uint32_t)a[1].i, (uint32_t)(length - a[1].i));
}

NATIVE(string_substring_length)
{
    int64_t length;

    length = text_length(a[0]);
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (a[2].i < 0)
        return string_negative(vm, "length", a[2].i);
    if (a[1].i > length)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "startIndex cannot be larger than length of string. (Parameter 'startIndex')");
    if (a[1].i + a[2].i > length)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index and length must refer to a location within the string. (Parameter 'length')");
    return str_sub(vm, a[0], (uint32_t)a[1].i, (uint32_t)a[2].i);
}

NATIVE(string_to_lower)
{
    return string_folded(vm, a[0], text_lower);
}

NATIVE(string_to_upper)
{
    return string_folded(vm, a[0], text_upper);
}

/* ---- trimming ---- */

static bool in_set(struct expr_value set, uint32_t unit)
{
    const struct list_object *l = set.p;

    if (set.kind == EXPR_CHAR)
        return set.i == unit;
    if (set.kind != EXPR_OBJECT || l->n == 0)
        return string_is_white(unit);
    for (uint32_t i = 0; i < l->n; i++)
        if (l->items[i].i == unit)
            return true;
    return false;
}

static struct expr_value trim(struct vm *vm, struct expr_value *a, const struct site *site, bool start, bool end)
{
    uint32_t from = 0, to, set_at = site && site->n > 1;
    struct expr_value set = set_at ? a[1] : expr_value_null();

    to = text_length(a[0]);
    while (start && from < to && in_set(set, str_unit(vm, a[0], from)) && vm_charge(vm, 1))
        from++;
    while (end && to > from && in_set(set, str_unit(vm, a[0], to - 1)) && vm_charge(vm, 1))
        to--;
    return str_sub(vm, a[0], from, to - from);
}

NATIVE(string_trim)
{
    return trim(vm, a, site, true, true);
}

NATIVE(string_trim_start)
{
    return trim(vm, a, site, true, false);
}

NATIVE(string_trim_end)
{
    return trim(vm, a, site, false, true);
}

/* ---- static ---- */

NATIVE(string_is_null_or_empty)
{
    return val_bool(a[0].kind == EXPR_NULL || a[0].n == 0);
}

NATIVE(string_is_null_or_white)
{
    return val_bool(a[0].kind == EXPR_NULL || trim(vm, a, NULL, true, true).n == 0);
}

static struct expr_value join(struct vm *vm, struct slice separator, struct expr_value values)
{
    struct buf b;
    struct iter it;
    struct expr_value x;
    int got;

    if (values.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "values");
    if (!iter_open(vm, values, &it))
        return expr_value_null();
    buf_init(&b, vm->arena);
    for (bool first = true; (got = iter_next(vm, &it, &x)) > 0; first = false) {
        if (!first)
            text_put(&b, separator);
        text_put(&b, value_text(vm, x));
        if (vm->thrown || !vm_charge(vm, 1))
            return expr_value_null();
    }
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

NATIVE(string_join)
{
    return join(vm, a[0].kind == EXPR_NULL ? SLICE_NONE : text_slice(string_needle(vm, a[0])), a[1]);
}

NATIVE(string_concat)
{
    return join(vm, SLICE_NONE, a[0]);
}

/* ---- composite formatting ---- */

static void put_aligned(struct buf *b, struct expr_value text, int64_t align)
{
    int64_t pad = (align < 0 ? -align : align) - (int64_t)text_length(text);

    for (int64_t i = 0; align > 0 && i < pad; i++)
        buf_putc(b, ' ');
    text_put(b, text_slice(text));
    for (int64_t i = 0; align < 0 && i < pad; i++)
        buf_putc(b, ' ');
}

NATIVE(string_format_hole)
{
    struct expr_value v = json_formatted(a[0]), text = v.kind == EXPR_NULL ? TEXT("") : format_value(vm, v, text_slice(a[2]));
    struct buf b;

    if (vm->thrown)
        return expr_value_null();
    buf_init(&b, vm->arena);
    put_aligned(&b, text, a[1].i > 1000000 ? 1000000 : a[1].i < -1000000 ? -1000000 : a[1].i);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

static struct expr_value bad_format(struct vm *vm)
{
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "Input string was not in a correct format.");
}

/* hole := index [',' ['-'] width] [':' format] '}' behind the '{'; what is left of f, or NULL with an exception. */
static const char *format_hole(struct vm *vm, struct buf *b, const char *p, const char *end, const struct list_object *args)
{
    uint32_t index = 0;
    int64_t align = 0;
    bool negative = false;
    struct slice format = SLICE_NONE;
    struct expr_value hole[3];

    if (p >= end || !ascii_is_digit(*p))
        return bad_format(vm), NULL;
    for (; p < end && ascii_is_digit(*p) && index < 100000; p++)
        index = index * 10 + (uint32_t)(*p - '0');
    while (p < end && *p == ' ')
        p++;
    if (p < end && *p == ',') {
        for (p++; p < end && *p == ' '; p++)
            ;
        if (p < end && *p == '-') {
            negative = true;
            p++;
        }
        for (; p < end && ascii_is_digit(*p) && align < 100000; p++)
            align = align * 10 + (*p - '0');
        while (p < end && *p == ' ')
            p++;
    }
    if (p < end && *p == ':') {
        const char *start = ++p;

        while (p < end && *p != '}')
            p++;
        format = slice_of(start, (size_t)(p - start));
    }
    if (p >= end || *p != '}')
        return bad_format(vm), NULL;
    if (index >= args->n)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Index (zero based) must be greater than or equal to zero and less than the size of the argument list."), NULL;
    hole[0] = args->items[index];
    hole[1] = val_int((int32_t)(negative ? -align : align));
    hole[2] = text_value(format);
    hole[0] = net_string_format_hole(vm, NULL, hole);
    if (vm->thrown)
        return NULL;
    text_put(b, text_slice(hole[0]));
    return p + 1;
}

NATIVE(string_format)
{
    struct buf b;
    const char *p, *end;

    NEED(0, "format");
    NEED(1, "args");
    buf_init(&b, vm->arena);
    p = a[0].s;
    end = p + a[0].n;
    while (p < end) {
        if ((*p == '{' || *p == '}') && p + 1 < end && p[1] == *p) {
            buf_putc(&b, *p);
            p += 2;
        } else if (*p == '{') {
            p = format_hole(vm, &b, p + 1, end, OBJECT(a[1], list_object));
            if (!p)
                return expr_value_null();
        } else if (*p == '}') {
            return bad_format(vm);
        } else {
            buf_putc(&b, *p++);
        }
    }
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

NATIVE(string_format_provider)
{
    return net_string_format(vm, site, a + 1);
}
