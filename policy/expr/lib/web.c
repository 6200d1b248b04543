/* WebUtility, HttpUtility. */
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"

static const struct percent_style web_style = { .safe = "-_.!*()", .plus = true };
static const struct percent_style http_style = { .safe = "-_.!*()", .plus = true, .lower = true };

static struct expr_value finish(struct vm *vm, struct buf *b)
{
    return b->failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(b));
}

NATIVE(web_url_encode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_encode(vm, text_slice(a[0]), &web_style);
}

NATIVE(http_url_encode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_encode(vm, text_slice(a[0]), &http_style);
}

NATIVE(web_url_decode)
{
    return a[0].kind == EXPR_NULL ? a[0] : percent_decode(vm, text_slice(a[0]), true);
}

/* U+00A0..U+00FF and what is beyond the BMP become numbers, as .NET does; the rest of Unicode stays. */
NATIVE(web_html_encode)
{
    struct buf b;
    uint32_t cp;
    size_t n;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    if (!vm_charge(vm, a[0].n / 64))
        return expr_value_null();
    buf_init(&b, vm->arena);
    for (const char *p = a[0].s; (n = text_decode(p, a[0].s + a[0].n, &cp)); p += n) {
        switch (cp) {
        case '<': buf_puts(&b, "&lt;"); continue;
        case '>': buf_puts(&b, "&gt;"); continue;
        case '"': buf_puts(&b, "&quot;"); continue;
        case '\'': buf_puts(&b, "&#39;"); continue;
        case '&': buf_puts(&b, "&amp;"); continue;
        default: break;
        }
        if ((cp >= 0xa0 && cp < 0x100) || cp > 0xffff)
            buf_printf(&b, "&#%u;", (unsigned)cp);
        else
            buf_put(&b, slice_of(p, n));
    }
    return finish(vm, &b);
}

/* ---- HTML, back ---- */

static const struct {
    const char *name;
    uint16_t cp;
} entities[] = {
#define ENTITY(name, cp) { #name, cp },
#include "policy/expr/lib/entities.def"
#undef ENTITY
};

/* The character that "&name;" or "&#number;" stands for; 0: none. */
static uint32_t entity(struct slice s)
{
    uint32_t low = 0, high = COUNT_OF(entities);
    uint64_t cp;

    if (s.n && s.p[0] == '#') {
        bool hex = s.n > 1 && (s.p[1] | 0x20) == 'x';

        if (!(hex ? slice_hex_to_u64(slice_skip(s, 2), &cp) : slice_to_u64(slice_skip(s, 1), 0x10ffff, &cp)))
            return 0;
        return cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff) ? 0 : (uint32_t)cp;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int c = slice_cmp(s, slice_from(entities[middle].name));

        if (c == 0)
            return entities[middle].cp;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

NATIVE(web_html_decode)
{
    struct slice s;
    struct buf b;
    ptrdiff_t at, end;
    uint32_t cp;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    s = text_slice(a[0]);
    buf_init(&b, vm->arena);
    while ((at = slice_find_byte(s, '&')) >= 0) {
        struct slice rest = slice_skip(s, (size_t)at + 1);

        buf_put(&b, slice_first(s, (size_t)at));
        for (end = 0; (size_t)end < rest.n && rest.p[end] != ';' && rest.p[end] != '&';)
            end++;
        cp = (size_t)end < rest.n && rest.p[end] == ';' ? entity(slice_first(rest, (size_t)end)) : 0;
        if (cp)
            text_put_unit(&b, cp);
        else
            buf_putc(&b, '&');
        s = cp ? slice_skip(rest, (size_t)end + 1) : rest;
        if (!vm_charge(vm, 1))
            return expr_value_null();
    }
    buf_put(&b, s);
    return finish(vm, &b);
}

/* ---- bytes ---- */

/* The part of a byte[] that offset and count name. False: exception. */
static bool part_of(struct vm *vm, const struct expr_value *a, struct slice *out)
{
    const struct bytes_object *o = a[0].p;

    if (a[1].i < 0 || a[1].i > o->n)
        return vm_throw_range(vm, "offset"), false;
    if (a[2].i < 0 || a[1].i + a[2].i > o->n)
        return vm_throw_range(vm, "count"), false;
    *out = slice_of(o->p + a[1].i, (size_t)a[2].i);
    return true;
}

NATIVE(web_url_encode_bytes)
{
    struct slice s;
    struct buf b;

    if (a[0].kind == EXPR_NULL || !part_of(vm, a, &s))
        return expr_value_null();
    buf_init(&b, vm->arena);
    percent_put_bytes(&b, s, &web_style);
    s = buf_slice(&b);
    return b.failed ? vm_throw_budget(vm, "memory") : bytes_make(vm, s.p, (uint32_t)s.n);
}

static struct slice decoded(struct vm *vm, struct slice s)
{
    char *out = arena_alloc_raw(vm->arena, s.n + 1);
    size_t n = 0;

    if (!out)
        return vm_throw_budget(vm, "memory"), SLICE_NONE;
    for (size_t i = 0; i < s.n; i++) {
        bool escape = s.p[i] == '%' && i + 2 < s.n && ascii_hex_value(s.p[i + 1]) >= 0 &&
                      ascii_hex_value(s.p[i + 2]) >= 0;

        out[n++] = escape          ? (char)(ascii_hex_value(s.p[i + 1]) << 4 | ascii_hex_value(s.p[i + 2]))
                   : s.p[i] == '+' ? ' '
                                   : s.p[i];
        i += escape ? 2 : 0;
    }
    return slice_of(out, n);
}

NATIVE(web_url_decode_bytes)
{
    struct slice s;

    if (a[0].kind == EXPR_NULL || !part_of(vm, a, &s))
        return expr_value_null();
    s = decoded(vm, s);
    return vm->thrown ? expr_value_null() : bytes_make(vm, s.p, (uint32_t)s.n);
}

/* ---- HttpUtility ---- */

static struct expr_value encode_bytes(struct vm *vm, struct expr_value bytes)
{
    struct buf b;

    buf_init(&b, vm->arena);
    percent_put_bytes(&b, slice_of(OBJECT(bytes, bytes_object)->p, OBJECT(bytes, bytes_object)->n),
                      &http_style);
    return finish(vm, &b);
}

NATIVE(http_url_encode_bytes)
{
    return a[0].kind == EXPR_NULL ? a[0] : encode_bytes(vm, a[0]);
}

NATIVE(http_url_encode_as)
{
    struct expr_value call[2] = { a[1], a[0] }, bytes;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    bytes = net_encoding_get_bytes(vm, site, call);
    return vm->thrown ? bytes : encode_bytes(vm, bytes);
}

/* "%u20AC" is a UTF-16 unit: only HttpUtility knows that form. */
static struct expr_value without_units(struct vm *vm, struct slice s)
{
    struct buf b;

    if (slice_find(s, SLICE("%u")) < 0)
        return text_value(s);
    buf_init(&b, vm->arena);
    for (size_t i = 0; i < s.n; i++) {
        uint64_t unit;

        if (s.n - i < 6 || s.p[i] != '%' || s.p[i + 1] != 'u' || !slice_hex_to_u64(slice_sub(s, i + 2, i + 6), &unit)) {
            buf_putc(&b, s.p[i]);
            continue;
        }
        if (unit < 0x80)
            buf_printf(&b, "%%%02X", (unsigned)unit);
        else
            text_put_unit(&b, (uint32_t)unit);
        i += 5;
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_repair(vm->arena, buf_slice(&b));
}

NATIVE(http_url_decode)
{
    struct expr_value text;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    text = without_units(vm, text_slice(a[0]));
    return vm->thrown ? text : percent_decode(vm, text_slice(text), true);
}

NATIVE(http_url_decode_as)
{
    struct site one = { .n = 2 };
    struct expr_value call[2] = { a[1] };
    struct slice s;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    s = decoded(vm, text_slice(a[0]));
    call[1] = vm->thrown ? expr_value_null() : bytes_make(vm, s.p, (uint32_t)s.n);
    return vm->thrown ? expr_value_null() : net_encoding_get_string(vm, &one, call);
}

/* Up to the "?": blanks, control characters and what is not ASCII. */
NATIVE(http_url_path_encode)
{
    struct slice s;
    ptrdiff_t mark;
    struct buf b;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    s = text_slice(a[0]);
    mark = slice_find_byte(s, '?');
    buf_init(&b, vm->arena);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((mark >= 0 && i >= (size_t)mark) || (c > 0x20 && c < 0x7f))
            buf_putc(&b, (char)c);
        else
            buf_printf(&b, "%%%02x", c);
    }
    return finish(vm, &b);
}

NATIVE(http_attribute_encode)
{
    struct buf b;

    if (a[0].kind == EXPR_NULL)
        return a[0];
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < a[0].n; i++)
        switch (a[0].s[i]) {
        case '"': buf_puts(&b, "&quot;"); break;
        case '\'': buf_puts(&b, "&#39;"); break;
        case '&': buf_puts(&b, "&amp;"); break;
        case '<': buf_puts(&b, "&lt;"); break;
        default: buf_putc(&b, a[0].s[i]);
        }
    return finish(vm, &b);
}

static void put_script(struct buf *b, uint32_t cp, struct slice as_is)
{
    static const char special[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
    const char *at = cp && cp < 0x80 ? strchr(special, (int)cp) : NULL;

    if (at) {
        buf_putc(b, '\\');
        buf_putc(b, letters[at - special]);
    } else if (cp < 0x20 || cp == '<' || cp == '>' || cp == '\'' || cp == '&' || cp == 0x85 || cp == 0x2028 ||
               cp == 0x2029) {
        buf_printf(b, "\\u%04x", (unsigned)cp);
    } else {
        buf_put(b, as_is);
    }
}

NATIVE(http_script_encode)
{
    struct slice s = a[0].kind == EXPR_NULL ? SLICE("") : text_slice(a[0]);
    struct buf b;
    uint32_t cp;
    size_t n;

    buf_init(&b, vm->arena);
    if (a[1].i)
        buf_putc(&b, '"');
    for (const char *p = s.p; (n = text_decode(p, s.p + s.n, &cp)); p += n)
        put_script(&b, cp, slice_of(p, n));
    if (a[1].i)
        buf_putc(&b, '"');
    return finish(vm, &b);
}
