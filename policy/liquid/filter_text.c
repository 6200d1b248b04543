/* Filters of text, as DotLiquid's StandardFilters have them; Replace takes a regular expression, as there. What is no text is
 * taken as the text it prints; null stays null. */
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/regex_lib.h"
#include "policy/liquid/filter_int.h"

/* a[0], and argument i, as text. */
#define INPUT_TEXT \
    if ((a[0] = a[0].kind == EXPR_NULL ? a[0] : liquid_text(vm, a[0])).kind == EXPR_NULL || vm->thrown || !vm_charge_bytes(vm, a[0].n)) \
        return expr_value_null()

static struct expr_value argument(struct vm *vm, const struct expr_value *a, unsigned n, unsigned i, const char *otherwise)
{
    if (i >= n)
        return text_value(slice_from(otherwise));
    return a[i].kind == EXPR_NULL ? TEXT("") : liquid_text(vm, a[i]);
}

static int64_t number(const struct expr_value *a, unsigned n, unsigned i, int64_t otherwise)
{
    int64_t v;

    return i < n && expr_value_int(a[i], &v) && v > INT32_MIN && v < INT32_MAX ? v : otherwise;
}

/* A function of the library. */
static struct expr_value call(struct vm *vm, expr_native *fn, const struct expr_value *args, unsigned n)
{
    struct expr_value a[6] = { 0 };
    const struct site site = { .fn = fn, .ret = TYPE_OF(STRING), .on = TYPE_OF(STRING), .n = (uint8_t)n };

    memcpy(a, args, n * sizeof *args);
    return fn(vm, &site, a);
}

#define ON_TEXT(name, expression) \
    struct expr_value filter_##name(struct vm *vm, struct expr_value *a, unsigned n) \
    { \
        (void)n; \
        INPUT_TEXT; \
        return expression; \
    }
#define PATTERN(pattern, replacement) \
    call(vm, net_regex_static_replace, (struct expr_value[]){ a[0], TEXT(pattern), TEXT(replacement) }, 3)

ON_TEXT(upcase, call(vm, net_string_to_upper, a, 1))
ON_TEXT(downcase, call(vm, net_string_to_lower, a, 1))
ON_TEXT(escape, call(vm, net_web_html_encode, a, 1))
ON_TEXT(url_encode, call(vm, net_web_url_encode, a, 1))
ON_TEXT(url_decode, call(vm, net_web_url_decode, a, 1))
ON_TEXT(strip, call(vm, net_string_trim, a, 1))
ON_TEXT(lstrip, call(vm, net_string_trim_start, a, 1))
ON_TEXT(rstrip, call(vm, net_string_trim_end, a, 1))
ON_TEXT(strip_html, PATTERN("<.*?>", ""))
ON_TEXT(strip_newlines, PATTERN("\\r?\\n", ""))
ON_TEXT(newline_to_br, PATTERN("(\\r?\\n)", "<br />$1"))

static struct expr_value joined(struct vm *vm, struct expr_value x, struct expr_value y)
{
    struct slice s;

    if (vm->thrown)
        return expr_value_null();
    s = text_join(vm->arena, text_slice(x), text_slice(y));
    return s.p ? text_value(s) : vm_throw_budget(vm, "memory");
}
ON_TEXT(append, joined(vm, a[0], argument(vm, a, n, 1, "")))
ON_TEXT(prepend, joined(vm, argument(vm, a, n, 1, ""), a[0]))

static bool is_letter(uint32_t cp)
{
    return cp == '_' || (cp < 0x80 ? ascii_is_alpha((char)cp) || ascii_is_digit((char)cp) : true);
}

/* The first letter of each word. */
struct expr_value filter_capitalize(struct vm *vm, struct expr_value *a, unsigned n)
{
    bool inside = false;
    struct buf b;
    uint32_t cp;
    size_t taken;

    (void)n;
    INPUT_TEXT;
    buf_init(&b, vm->arena);
    for (const char *p = a[0].s, *end = p + a[0].n; (taken = text_decode(p, end, &cp)); p += taken) {
        text_put_unit(&b, inside ? cp : text_upper(cp));
        inside = is_letter(cp);
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* Every occurrence, or the first, of a plain text. */
static struct expr_value replaced(struct vm *vm, struct expr_value in, struct slice from, struct slice to, bool all)
{
    struct slice rest = text_slice(in);
    struct buf b;
    ptrdiff_t at;

    if (from.n == 0 || vm->thrown)
        return in;
    buf_init(&b, vm->arena);
    while ((at = slice_find(rest, from)) >= 0) {
        buf_put(&b, slice_first(rest, (size_t)at));
        text_put(&b, to);
        rest = slice_skip(rest, (size_t)at + from.n);
        if (!all || !vm_charge(vm, 1))
            break;
    }
    buf_put(&b, rest);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}
ON_TEXT(remove, replaced(vm, a[0], text_slice(argument(vm, a, n, 1, "")), SLICE(""), true))
ON_TEXT(remove_first, replaced(vm, a[0], text_slice(argument(vm, a, n, 1, "")), SLICE(""), false))
ON_TEXT(replace_first, replaced(vm, a[0], text_slice(argument(vm, a, n, 1, "")), text_slice(argument(vm, a, n, 2, "")), false))

struct expr_value filter_replace(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct expr_value args[3];

    INPUT_TEXT;
    args[0] = a[0];
    args[1] = argument(vm, a, n, 1, "");
    args[2] = argument(vm, a, n, 2, "");
    if (a[0].n == 0 || args[1].n == 0 || vm->thrown)
        return a[0];
    return call(vm, net_regex_static_replace, args, 3);
}

struct expr_value filter_truncate(struct vm *vm, struct expr_value *a, unsigned n)
{
    int64_t length = number(a, n, 1, 50), keep;
    struct expr_value tail = argument(vm, a, n, 2, "...");

    INPUT_TEXT;
    if (text_length(a[0]) <= length || a[0].n == 0)
        return a[0];
    keep = length - text_length(tail);
    return joined(vm, text_sub(vm->arena, a[0], 0, keep < 0 ? 0 : (uint32_t)keep), tail);
}

struct expr_value filter_truncate_words(struct vm *vm, struct expr_value *a, unsigned n)
{
    int64_t words = number(a, n, 1, 15);
    struct expr_value tail = argument(vm, a, n, 2, "...");

    INPUT_TEXT;
    if (a[0].n == 0)
        return a[0];
    if (words <= 0)
        return tail;
    for (uint32_t i = 0; i < a[0].n; i++)
        if (a[0].s[i] == ' ' && --words == 0)
            return joined(vm, text_value(slice_first(text_slice(a[0]), i)), tail);
    return a[0];
}

/* Units [start, start + length) of a text, elements of a list; a negative start counts from the end. */
struct expr_value filter_slice(struct vm *vm, struct expr_value *a, unsigned n)
{
    int64_t start = number(a, n, 1, 0), length = number(a, n, 2, 1), total;
    struct list_object *all = NULL, *part;

    if (liquid_is_list(a[0])) {
        if (!(all = liquid_items(vm, a[0])))
            return expr_value_null();
        total = all->n;
    } else {
        INPUT_TEXT;
        total = text_length(a[0]);
    }
    start += start < 0 ? total : 0;
    if (start > total || start < 0)
        return all ? object_value(list_make(vm, &type_list_object, 1)) : expr_value_null();
    length = length < 0 ? 0 : length > total - start ? total - start : length;
    if (!all)
        return text_sub(vm->arena, a[0], (uint32_t)start, (uint32_t)length);
    part = list_make(vm, &type_list_object, (uint32_t)length + 1);
    for (int64_t i = 0; part && i < length; i++)
        list_append(vm, part, all->items[start + i]);
    return part ? object_value(part) : expr_value_null();
}

/* Without the empty parts; an empty separator: every character. */
struct expr_value filter_split(struct vm *vm, struct expr_value *a, unsigned n)
{
    struct list_object *l = list_make(vm, &type_list_object, 4);
    struct slice separator = text_slice(argument(vm, a, n, 1, "")), rest, part;
    uint32_t cp;
    ptrdiff_t at;

    INPUT_TEXT;
    for (rest = text_slice(a[0]); l && rest.n && vm_charge(vm, 1); rest = slice_skip(rest, part.n + separator.n)) {
        at = separator.n ? slice_find(rest, separator) : (ptrdiff_t)text_decode(rest.p, rest.p + rest.n, &cp);
        part = at < 0 ? rest : slice_first(rest, (size_t)at);
        if (part.n && !list_append(vm, l, text_value(part)))
            break;
    }
    return l ? object_value(l) : expr_value_null();
}
