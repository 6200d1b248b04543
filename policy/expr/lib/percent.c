/* Percent coding and query strings. */
#include "policy/expr/lib/percent.h"

#include "platform/base/utf8.h"

const struct percent_style percent_data = { .safe = "-._~" };
const struct percent_style percent_form = { .safe = "-._~!$()*,;@" };

static bool stays(unsigned char c, const struct percent_style *style)
{
    if (style->only_wide)
        return c < 0x80 && (c == 0 || !strchr(style->safe, c));
    return ascii_is_alpha((char)c) || ascii_is_digit((char)c) || (c && c < 0x80 && strchr(style->safe, c));
}

static void put(struct buf *b, struct slice s, const struct percent_style *style, bool is_text)
{
    const char *digits = style->lower ? "0123456789abcdef" : "0123456789ABCDEF";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == ' ' && style->plus) {
            buf_putc(b, '+');
        } else if (stays(c, style)) {
            buf_putc(b, (char)c);
        } else if (is_text && c == 0xed && i + 2 < s.n &&
                   (unsigned char)s.p[i + 1] >= 0xa0) { /* a lone surrogate */
            buf_puts(b, style->lower ? "%ef%bf%bd" : "%EF%BF%BD");
            i += 2;
        } else {
            buf_putc(b, '%');
            buf_putc(b, digits[c >> 4]);
            buf_putc(b, digits[c & 15]);
        }
    }
}

void percent_put(struct buf *b, struct slice utf8, const struct percent_style *style)
{
    put(b, utf8, style, true);
}

void percent_put_bytes(struct buf *b, struct slice bytes, const struct percent_style *style)
{
    put(b, bytes, style, false);
}

static struct expr_value finish(struct vm *vm, struct buf *b)
{
    if (b->failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(b));
}

struct expr_value percent_encode(struct vm *vm, struct slice utf8, const struct percent_style *style)
{
    struct buf b;

    buf_init(&b, vm->arena);
    percent_put(&b, utf8, style);
    return vm_charge(vm, (uint32_t)(utf8.n / 64)) ? finish(vm, &b) : expr_value_null();
}

struct expr_value text_from_utf8(struct vm *vm, struct slice bytes)
{
    struct buf b;
    uint32_t cp;

    if (utf8_is_valid(bytes))
        return text_value(arena_copy(vm->arena, bytes));
    buf_init(&b, vm->arena);
    while (bytes.n) {
        size_t n = utf8_decode(bytes, &cp);

        /* .NET gives one U+FFFD for the longest beginning of a sequence that could have become one */
        if (cp == 0xfffd && n == 1) {
            unsigned char c = (unsigned char)bytes.p[0];
            size_t want = c >= 0xf0 && c <= 0xf4  ? 4
                          : c >= 0xe0 && c < 0xf0 ? 3
                          : c >= 0xc2 && c < 0xe0 ? 2
                                                  : 1;

            for (n = 1; n < want && n < bytes.n && ((unsigned char)bytes.p[n] & 0xc0) == 0x80; n++) {
                unsigned char d = (unsigned char)bytes.p[n];

                if (n == 1 && ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) ||
                               (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f)))
                    break;
            }
            buf_puts(&b, "\xef\xbf\xbd");
        } else {
            buf_put(&b, slice_first(bytes, n));
        }
        bytes = slice_skip(bytes, n);
    }
    return finish(vm, &b);
}

struct expr_value percent_decode(struct vm *vm, struct slice s, bool plus)
{
    struct buf b;
    size_t from;
    char *out;

    if (slice_find_byte(s, '%') < 0 && !(plus && slice_find_byte(s, '+') >= 0))
        return text_value(s);
    out = vm_alloc(vm, s.n / 3 + 1);
    if (!out)
        return expr_value_null();
    buf_init(&b, vm->arena);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+' && plus) {
            buf_putc(&b, ' ');
        } else if (s.p[i] == '%' && i + 2 < s.n && ascii_hex_value(s.p[i + 1]) >= 0 &&
                   ascii_hex_value(s.p[i + 2]) >= 0) {
            struct expr_value part;

            from = i;
            size_t n = 0;
            for (; i + 2 < s.n && s.p[i] == '%' && ascii_hex_value(s.p[i + 1]) >= 0 &&
                   ascii_hex_value(s.p[i + 2]) >= 0;
                 i += 3)
                out[n++] = (char)(ascii_hex_value(s.p[i + 1]) << 4 | ascii_hex_value(s.p[i + 2]));
            part = text_from_utf8(vm, slice_of(out, n)); /* a copy: out serves the next run */
            buf_put(&b, text_slice(part));
            i -= i > from;
        } else {
            buf_putc(&b, s.p[i]);
        }
    }
    return vm_charge(vm, (uint32_t)(s.n / 64)) ? finish(vm, &b) : expr_value_null();
}

struct expr_value percent_decode_strict(struct vm *vm, struct slice s)
{
    struct buf b;

    if (slice_find_byte(s, '%') < 0)
        return text_value(s);
    buf_init(&b, vm->arena);
    for (size_t i = 0; i < s.n;) {
        char run[4];
        size_t n = 0;

        for (size_t k = i; n < sizeof run && k + 2 < s.n && s.p[k] == '%' &&
                           ascii_hex_value(s.p[k + 1]) >= 0 && ascii_hex_value(s.p[k + 2]) >= 0;
             k += 3)
            run[n++] = (char)(ascii_hex_value(s.p[k + 1]) << 4 | ascii_hex_value(s.p[k + 2]));
        n = n ? utf8_valid_length(slice_of(run, n)) : 0;
        buf_put(&b, n ? slice_of(run, n) : slice_sub(s, i, i + 1));
        i += n ? 3 * n : 1;
    }
    return vm_charge(vm, (uint32_t)(s.n / 64)) ? finish(vm, &b) : expr_value_null();
}

bool percent_next_pair(struct vm *vm, struct slice *rest, struct percent_pair *out)
{
    struct slice part, name;

    if (!slice_cut(rest, '&', &part))
        return false;
    name = part;
    ptrdiff_t at = slice_find_byte(part, '=');
    out->has_value = at >= 0;
    if (at >= 0)
        name = slice_first(part, (size_t)at);
    out->name = percent_decode(vm, name, true);
    out->value = at >= 0 ? percent_decode(vm, slice_skip(part, (size_t)at + 1), true) : TEXT("");
    return !vm->thrown;
}

struct expr_value percent_dictionary(struct vm *vm, struct slice query, const struct type *type)
{
    struct dict_object *d = dict_make(vm, type, val_bool(true));
    struct percent_pair pair;

    while (d && percent_next_pair(vm, &query, &pair)) {
        struct dict_entry *e;
        struct list_object *l;

        if (!pair.has_value && pair.name.n == 0)
            continue;
        e = dict_find(vm, d, pair.name);
        l = e ? OBJECT(e->value, list_object)
              : list_make(vm,
                          type->args[1]->id == TYPE_ARRAY ? &type_strings
                                                          : type_make1(vm->arena, TYPE_LIST, TYPE_OF(STRING)),
                          1);
        if (!l || !list_append(vm, l, pair.value) || (!e && !dict_put(vm, d, pair.name, object_value(l))) ||
            !vm_charge(vm, 1))
            return expr_value_null();
    }
    return d && !vm->thrown ? object_value(d) : expr_value_null();
}
