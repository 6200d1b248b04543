/* System.String: new strings out of old ones. */
#include "policy/expr/lib/string_int.h"
#include "policy/expr/normal.h"

static struct expr_value done(struct vm *vm, struct buf *b)
{
    return b->failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(b));
}

/* ---- constructors ---- */

#define STRING_MAX (64 << 20) /* units a single call may make */

NATIVE(string_new_repeat)
{
    struct buf b;

    if (a[1].i < 0)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "'count' must be non-negative. (Parameter 'count')");
    if (a[1].i > STRING_MAX || !vm_charge(vm, (uint32_t)a[1].i / 16))
        return vm_throw_budget(vm, "memory");
    buf_init(&b, vm->arena);
    for (int64_t i = 0; i < a[1].i; i++)
        text_put_unit(&b, (uint32_t)a[0].i);
    return done(vm, &b);
}

static struct expr_value from_chars(struct vm *vm, const struct list_object *l, uint32_t from, uint32_t n)
{
    struct buf b;

    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < n; i++)
        text_put_unit(&b, (uint32_t)l->items[from + i].i);
    return done(vm, &b);
}

NATIVE(string_new_chars)
{
    return a[0].kind == EXPR_NULL ? TEXT("") : from_chars(vm, a[0].p, 0, OBJECT(a[0], list_object)->n);
}

NATIVE(string_new_chars_part)
{
    NEED(0, "value");
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (a[2].i < 0)
        return string_negative(vm, "length", a[2].i);
    if (a[1].i + a[2].i > OBJECT(a[0], list_object)->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'startIndex')");
    return from_chars(vm, a[0].p, (uint32_t)a[1].i, (uint32_t)a[2].i);
}

NATIVE(string_to_chars)
{
    struct list_object *l;
    struct text_walk w;
    uint32_t unit;

    if (site->n > 1) {
        int64_t n = text_length(a[0]);

        if (a[1].i < 0 || a[1].i > n || a[1].i > n - a[2].i)
            return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than or equal to the size of the collection. (Parameter 'startIndex')");
        if (a[2].i < 0)
            return string_negative(vm, "length", a[2].i);
        a[0] = str_sub(vm, a[0], (uint32_t)a[1].i, (uint32_t)a[2].i);
    }
    l = list_make(vm, &type_chars, a[0].n);
    w = text_walk(a[0]);
    while (l && text_next(&w, &unit))
        if (!list_append(vm, l, val_char(unit)))
            return expr_value_null();
    return l ? object_value(l) : expr_value_null();
}

/* ---- padding, inserting, removing ---- */

static struct expr_value pad(struct vm *vm, struct expr_value *a, bool left)
{
    int64_t n;
    struct buf b;

    if (a[1].i < 0)
        return string_negative(vm, "totalWidth", a[1].i);
    if (a[1].i > STRING_MAX || !vm_charge(vm, (uint32_t)a[1].i / 16))
        return vm_throw_budget(vm, "memory");
    n = a[1].i - text_length(a[0]);
    if (n <= 0)
        return a[0];
    buf_init(&b, vm->arena);
    if (!left)
        text_put(&b, text_slice(a[0]));
    while (n-- > 0)
        text_put_unit(&b, (uint32_t)a[2].i);
    if (left)
        text_put(&b, text_slice(a[0]));
    return done(vm, &b);
}

NATIVE(string_pad_left)
{
    return pad(vm, a, true);
}

NATIVE(string_pad_right)
{
    return pad(vm, a, false);
}

static struct expr_value joined(struct vm *vm, struct expr_value x, struct expr_value y, struct expr_value z)
{
    struct buf b;

    buf_init(&b, vm->arena);
    text_put(&b, text_slice(x));
    text_put(&b, text_slice(y));
    text_put(&b, text_slice(z));
    return done(vm, &b);
}

NATIVE(string_insert)
{
    int64_t n;

    NEED(2, "value");
    n = text_length(a[0]);
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (a[1].i > n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "startIndex ('%lld') must be less than or equal to '%lld'. (Parameter 'startIndex')\nActual value was %lld.",
                        (long long)a[1].i, (long long)n, (long long)a[1].i);
    return joined(vm, str_sub(vm, a[0], 0, (uint32_t)a[1].i), a[2], str_sub(vm, a[0], (uint32_t)a[1].i, (uint32_t)(n - a[1].i)));
}

NATIVE(string_remove)
{
    int64_t n, count;

    n = text_length(a[0]);
    if (a[1].i < 0)
        return string_negative(vm, "startIndex", a[1].i);
    if (site->n < 3 && a[1].i > n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "startIndex must be less than length of string. (Parameter 'startIndex')");
    count = site->n < 3 ? n - a[1].i : a[2].i;
    if (count < 0)
        return string_negative(vm, "count", count);
    if (a[1].i + count > n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index and count must refer to a location within the string. (Parameter 'count')");
    return joined(vm, str_sub(vm, a[0], 0, (uint32_t)a[1].i), TEXT(""),
                  str_sub(vm, a[0], (uint32_t)(a[1].i + count), (uint32_t)(n - a[1].i - count)));
}

/* ---- replacing ---- */

static struct expr_value replace_folded(struct vm *vm, struct expr_value s, struct expr_value from, struct expr_value to)
{
    uint32_t at = 0, length = text_length(s), n = text_length(from);
    struct buf b;
    int64_t hit;

    buf_init(&b, vm->arena);
    while ((hit = string_find(vm, s, from, true, at)) >= 0 && vm_charge(vm, 1)) {
        text_put(&b, text_slice(str_sub(vm, s, at, (uint32_t)hit - at)));
        text_put(&b, text_slice(to));
        at = (uint32_t)hit + n;
    }
    text_put(&b, text_slice(str_sub(vm, s, at, length - at)));
    return done(vm, &b);
}

NATIVE(string_replace)
{
    struct expr_value from, to;
    struct slice rest;
    struct buf b;
    ptrdiff_t at;

    NEED(1, "oldValue");
    from = string_needle(vm, a[1]);
    to = a[2].kind == EXPR_NULL ? TEXT("") : string_needle(vm, a[2]);
    if (from.n == 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "String cannot be of zero length. (Parameter 'oldValue')");
    if (site->n > 3 && ignores_case(a[3]))
        return replace_folded(vm, a[0], from, to);
    rest = text_slice(a[0]);
    if (!vm_charge(vm, (uint32_t)(rest.n / 64)) || slice_find(rest, text_slice(from)) < 0)
        return a[0];
    buf_init(&b, vm->arena);
    while ((at = slice_find(rest, text_slice(from))) >= 0) {
        text_put(&b, slice_first(rest, (size_t)at));
        text_put(&b, text_slice(to));
        rest = slice_skip(rest, (size_t)at + from.n);
    }
    text_put(&b, rest);
    return done(vm, &b);
}

NATIVE(string_replace_line_endings)
{
    struct slice to = site->n > 1 ? text_slice(a[1]) : SLICE("\n");
    struct buf b;

    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < a[0].n; i++) {
        char ch = a[0].s[i];

        if (ch == '\r' || ch == '\n' || ch == '\f') {
            buf_put(&b, to);
            i += ch == '\r' && i + 1 < a[0].n && a[0].s[i + 1] == '\n';
        } else {
            buf_putc(&b, ch);
        }
    }
    return done(vm, &b);
}

/* ---- splitting ---- */

enum split_options { SPLIT_REMOVE_EMPTY = 1, SPLIT_TRIM = 2 };

struct splitter {
    struct slice text;
    const struct slice *separators; /* none: white space */
    uint32_t n;
};

/* Does a separator begin at byte `at`? Its length, or 0. */
static size_t separator_at(const struct splitter *s, size_t at)
{
    const char *p = s->text.p + at, *end = s->text.p + s->text.n;
    uint32_t cp;
    size_t n;

    if (s->n == 0) {
        n = text_decode(p, end, &cp);
        return string_is_white(cp) ? n : 0;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        n = s->separators[i].n;
        if (n && n <= (size_t)(end - p) && memcmp(p, s->separators[i].p, n) == 0)
            return n;
    }
    return 0;
}

/* The same for one separator of one byte, which no other character of UTF-8 contains. */
static size_t next_byte(struct vm *vm, const struct splitter *s, size_t from, size_t *length)
{
    ptrdiff_t at = slice_find_byte(slice_skip(s->text, from), s->separators[0].p[0]);

    *length = at >= 0;
    at = at >= 0 ? at : (ptrdiff_t)(s->text.n - from);
    vm_charge(vm, (uint32_t)at / 64);
    return from + (size_t)at;
}

/* The next separator from byte `from`: its place, or the end of the text with *length 0. */
static size_t next_separator(struct vm *vm, const struct splitter *s, size_t from, size_t *length)
{
    if (s->n == 1 && s->separators[0].n == 1 && (unsigned char)s->separators[0].p[0] < 0x80)
        return next_byte(vm, s, from, length);
    for (size_t at = from; at < s->text.n; at++) {
        if (at % 16 == 15 && !vm_charge(vm, 1 + s->n / 4))
            break;
        if (((unsigned char)s->text.p[at] & 0xC0) == 0x80)
            continue;
        if ((*length = separator_at(s, at)) > 0)
            return at;
    }
    *length = 0;
    return s->text.n;
}

static struct slice trim_white(struct vm *vm, struct slice s)
{
    struct expr_value v = text_value(s);

    return text_slice(net_string_trim(vm, NULL, &v));
}

static struct expr_value split(struct vm *vm, const struct splitter *s, int64_t count, int64_t options)
{
    struct list_object *l = list_make(vm, &type_strings, 4);
    size_t from = 0, at, length;
    bool more = true;

    if (!l || count == 0)
        return l ? object_value(l) : expr_value_null();
    while (more) {
        struct slice piece;

        at = next_separator(vm, s, from, &length);
        more = length > 0;
        if (more && l->n + 1 >= count) {
            /* the last piece is the rest; empty ones in front of it do not count */
            if ((options & SPLIT_REMOVE_EMPTY) && at == from) {
                from = at + length;
                continue;
            }
            at = s->text.n;
            more = false;
        }
        piece = slice_of(s->text.p + from, at - from);
        from = at + length;
        if (options & SPLIT_TRIM)
            piece = trim_white(vm, piece);
        if ((options & SPLIT_REMOVE_EMPTY) && piece.n == 0)
            continue;
        if (vm->thrown || !list_append(vm, l, text_value(piece)) || !vm_charge(vm, 1))
            return expr_value_null();
    }
    return object_value(l);
}

/* The count and options behind the separator, in any order of overloads. */
static struct expr_value split_with(struct vm *vm, const struct site *site, struct expr_value *a, struct splitter *s)
{
    int64_t count = INT32_MAX, options = 0;

    for (unsigned i = 2; i < site->n; i++) {
        if (a[i].kind == EXPR_ENUM)
            options = a[i].i;
        else
            count = a[i].i;
    }
    if (count < 0)
        return string_negative(vm, "count", count);
    s->text = text_slice(a[0]);
    if (!vm_charge(vm, (uint32_t)s->text.n / 16))
        return expr_value_null();
    return split(vm, s, count, options);
}

/* By chars or strings of an array, one char, or one string. */
NATIVE(string_split)
{
    struct splitter s = { .n = 0 };
    struct slice *separators;
    const struct list_object *l;

    if (site->n < 2 || a[1].kind == EXPR_NULL)
        return split_with(vm, site, a, &s);
    if (a[1].kind != EXPR_OBJECT) {
        struct expr_value one = string_needle(vm, a[1]);
        struct slice single = one.n ? text_slice(one) : SLICE("\xFF"); /* an empty one fits nowhere */

        s.separators = &single;
        s.n = 1;
        return split_with(vm, site, a, &s);
    }
    l = a[1].p;
    separators = vm_alloc(vm, (l->n + 1) * sizeof *separators);
    if (!separators)
        return expr_value_null();
    for (uint32_t i = 0; i < l->n; i++)
        if (l->items[i].kind != EXPR_NULL && (separators[s.n] = text_slice(string_needle(vm, l->items[i]))).n)
            s.n++;
    s.separators = separators;
    return split_with(vm, site, a, &s);
}

/* ---- joining a part of an array ---- */

NATIVE(string_join_part)
{
    const struct list_object *l;
    struct buf b;
    struct expr_value separator;

    NEED(1, "value");
    l = a[1].p;
    if (a[2].i < 0)
        return string_negative(vm, "startIndex", a[2].i);
    if (a[3].i < 0)
        return string_negative(vm, "count", a[3].i);
    if (a[2].i + a[3].i > l->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index and count must refer to a location within the buffer. (Parameter 'startIndex')");
    buf_init(&b, vm->arena);
    separator = a[0].kind == EXPR_NULL ? TEXT("") : string_needle(vm, a[0]);
    for (int64_t i = a[2].i; i < a[2].i + a[3].i; i++) {
        if (i > a[2].i)
            text_put(&b, text_slice(separator));
        text_put(&b, value_text(vm, l->items[i]));
    }
    return done(vm, &b);
}

/* ---- Unicode forms, copying out ---- */

static bool form_is_fine(struct vm *vm, const struct site *site, struct expr_value *a, enum normal_form *form)
{
    *form = site->n > 1 ? (enum normal_form)a[1].i : NORMAL_C;
    if (*form == NORMAL_C || *form == NORMAL_D || *form == NORMAL_KC || *form == NORMAL_KD)
        return true;
    vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Invalid or unsupported normalization form. (Parameter 'normalizationForm')");
    return false;
}

NATIVE(string_normalize)
{
    enum normal_form form;

    return form_is_fine(vm, site, a, &form) ? normal_text(vm, a[0], form) : expr_value_null();
}

NATIVE(string_is_normalized)
{
    struct expr_value normal = net_string_normalize(vm, site, a);

    return vm->thrown ? normal : val_bool(slice_eq(text_slice(normal), text_slice(a[0])));
}

NATIVE(string_copy_to)
{
    struct list_object *to;

    NEED(2, "destination");
    to = OBJECT(a[2], list_object);
    if (a[4].i < 0)
        return vm_throw_range(vm, "count");
    if (a[1].i < 0 || a[1].i + a[4].i > text_length(a[0]))
        return vm_throw_range(vm, "sourceIndex");
    if (a[3].i < 0 || a[3].i + a[4].i > to->n)
        return vm_throw_range(vm, "destinationIndex");
    for (int64_t i = 0; i < a[4].i && vm_charge(vm, 1); i++)
        to->items[a[3].i + i] = val_char(text_unit(a[0], (uint32_t)(a[1].i + i)));
    return expr_value_null();
}
