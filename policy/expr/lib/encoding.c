/* Encoding, BitConverter. */
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"

#include "platform/base/utf8.h"

enum encoding { UTF8, ASCII, UTF16, UTF16_BE, UTF32, LATIN1 };

static const struct encoding_info {
    const char *name;
    const char *other;
    uint16_t page;
    uint8_t mark_size;
    char mark[4];
} encodings[] = {
    [UTF8] = { "utf-8", "utf8", 65001, 3, { '\xef', '\xbb', '\xbf' } },
    [ASCII] = { "us-ascii", "ascii", 20127, 0, { 0 } },
    [UTF16] = { "utf-16", "unicode", 1200, 2, { '\xff', '\xfe' } },
    [UTF16_BE] = { "utf-16BE", "unicodeFFFE", 1201, 2, { '\xfe', '\xff' } },
    [UTF32] = { "utf-32", "utf-32LE", 12000, 4, { '\xff', '\xfe' } },
    [LATIN1] = { "iso-8859-1", "latin1", 28591, 0, { 0 } },
};

#define REPLACEMENT 0xfffdu

static struct expr_value encoding_make(struct vm *vm, enum encoding e)
{
    static const struct type *const types[] = {
        [UTF8] = TYPE_OF(UTF8ENCODING), [ASCII] = TYPE_OF(ASCIIENCODING), [UTF16] = TYPE_OF(UNICODEENCODING),
        [UTF16_BE] = TYPE_OF(UNICODEENCODING), [UTF32] = TYPE_OF(ENCODING), [LATIN1] = TYPE_OF(ENCODING),
    };

    return tuple_make(vm, types[e], 1, (struct expr_value[]){ val_int((int32_t)e) });
}

static enum encoding encoding_of(struct expr_value v)
{
    return (enum encoding)OBJECT(v, tuple_object)->f[0].i;
}

NATIVE(encoding_utf8)
{
    return encoding_make(vm, UTF8);
}

NATIVE(encoding_ascii)
{
    return encoding_make(vm, ASCII);
}

NATIVE(encoding_unicode)
{
    return encoding_make(vm, UTF16);
}

NATIVE(encoding_big_endian)
{
    return encoding_make(vm, UTF16_BE);
}

NATIVE(encoding_utf32)
{
    return encoding_make(vm, UTF32);
}

NATIVE(encoding_latin1)
{
    return encoding_make(vm, LATIN1);
}

NATIVE(encoding_get)
{
    NEED(0, "name");
    for (unsigned i = 0; i < COUNT_OF(encodings); i++)
        if (slice_eq_icase(text_slice(a[0]), slice_from(encodings[i].name)) || slice_eq_icase(text_slice(a[0]), slice_from(encodings[i].other)))
            return encoding_make(vm, (enum encoding)i);
    return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "'%.*s' is not a supported encoding name. For information on defining a custom encoding, "
                    "see the documentation for the Encoding.RegisterProvider method. (Parameter 'name')", SLICE_ARG(text_slice(a[0])));
}

NATIVE(encoding_get_page)
{
    for (unsigned i = 0; i < COUNT_OF(encodings); i++)
        if (a[0].i == encodings[i].page)
            return encoding_make(vm, (enum encoding)i);
    return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "No data is available for encoding %d.", (int)a[0].i);
}

static void put_unit(struct buf *b, enum encoding e, uint32_t unit)
{
    buf_putc(b, (char)(e == UTF16 ? unit : unit >> 8));
    buf_putc(b, (char)(e == UTF16 ? unit >> 8 : unit));
}

/* What cannot be said in one byte is "?", one for each UTF-16 unit. */
static void put_code_point(struct buf *b, enum encoding e, uint32_t cp)
{
    char out[4];
    bool lone = cp >= 0xd800 && cp < 0xe000;

    if (e == ASCII || e == LATIN1) {
        if (cp < (e == ASCII ? 0x80u : 0x100u))
            buf_putc(b, (char)cp);
        else
            buf_puts(b, cp > 0xffff ? "??" : "?");
        return;
    }
    cp = lone ? REPLACEMENT : cp;
    if (e == UTF8) {
        buf_put(b, slice_of(out, utf8_encode(cp, out)));
    } else if (e == UTF32) {
        for (unsigned i = 0; i < 4; i++)
            buf_putc(b, (char)(cp >> 8 * i));
    } else if (cp > 0xffff) {
        put_unit(b, e, 0xd800 + ((cp - 0x10000) >> 10));
        put_unit(b, e, 0xdc00 + (cp & 0x3ff));
    } else {
        put_unit(b, e, cp);
    }
}

/* False: exception. */
static bool encode(struct vm *vm, enum encoding e, struct expr_value s, struct slice *out)
{
    struct buf b;
    uint32_t cp;
    size_t n;

    *out = text_slice(s);
    if (!vm_charge(vm, s.n / 64))
        return false;
    if (text_is_ascii(s) && (e == UTF8 || e == ASCII || e == LATIN1))
        return true;
    buf_init(&b, vm->arena);
    for (const char *p = s.s; (n = text_decode(p, s.s + s.n, &cp)); p += n)
        put_code_point(&b, e, cp);
    *out = buf_slice(&b);
    return b.failed ? vm_throw_budget(vm, "memory"), false : true;
}

NATIVE(encoding_get_bytes)
{
    struct slice out;

    NEED_THIS;
    NEED(1, "s");
    return encode(vm, encoding_of(a[0]), a[1], &out) ? bytes_make(vm, out.p, (uint32_t)out.n) : expr_value_null();
}

NATIVE(encoding_byte_count)
{
    struct slice out;

    NEED_THIS;
    NEED(1, "s");
    return encode(vm, encoding_of(a[0]), a[1], &out) ? val_int((int32_t)out.n) : expr_value_null();
}

static uint32_t unit_at(const uint8_t *p, enum encoding e)
{
    return e == UTF16 ? (uint32_t)p[0] | (uint32_t)p[1] << 8 : (uint32_t)p[0] << 8 | p[1];
}

static void decode_utf16(struct buf *b, enum encoding e, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 2) {
        uint32_t u = i + 1 < n ? unit_at(p + i, e) : REPLACEMENT;
        uint32_t low = u >= 0xd800 && u < 0xdc00 && i + 3 < n ? unit_at(p + i + 2, e) : 0;

        if (low >= 0xdc00 && low < 0xe000) {
            u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        }
        text_put_unit(b, u >= 0xd800 && u < 0xe000 ? REPLACEMENT : u);
    }
}

static struct expr_value decode(struct vm *vm, enum encoding e, const uint8_t *p, uint32_t n)
{
    struct buf b;

    if (!vm_charge(vm, n / 64))
        return expr_value_null();
    if (e == UTF8)
        return text_from_utf8(vm, slice_of(p, n));
    buf_init(&b, vm->arena);
    if (e == UTF16 || e == UTF16_BE)
        decode_utf16(&b, e, p, n);
    for (uint32_t i = 0; e == UTF32 && i < n; i += 4) {
        uint32_t cp = i + 3 < n ? (uint32_t)p[i] | (uint32_t)p[i + 1] << 8 | (uint32_t)p[i + 2] << 16 | (uint32_t)p[i + 3] << 24 : REPLACEMENT;

        text_put_unit(&b, cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? REPLACEMENT : cp);
    }
    for (uint32_t i = 0; (e == ASCII || e == LATIN1) && i < n; i++)
        text_put_unit(&b, e == ASCII && p[i] > 0x7f ? REPLACEMENT : p[i]);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

NATIVE(encoding_get_string)
{
    const struct bytes_object *o;
    bool part = site->n > 2;

    NEED_THIS;
    NEED(1, "bytes");
    o = a[1].p;
    if (part && (a[2].i < 0 || a[3].i < 0))
        return vm_throw_range(vm, a[2].i < 0 ? "index" : "count");
    if (part && a[2].i + a[3].i > o->n)
        return vm_throw_range(vm, "bytes");
    return decode(vm, encoding_of(a[0]), part ? o->p + a[2].i : o->p, part ? (uint32_t)a[3].i : o->n);
}

NATIVE(encoding_char_count)
{
    struct expr_value s;

    NEED_THIS;
    NEED(1, "bytes");
    s = decode(vm, encoding_of(a[0]), OBJECT(a[1], bytes_object)->p, OBJECT(a[1], bytes_object)->n);
    return vm->thrown ? s : val_int((int32_t)text_length(s));
}

NATIVE(encoding_web_name)
{
    NEED_THIS;
    return text_ascii(slice_from(encodings[encoding_of(a[0])].name));
}

NATIVE(encoding_code_page)
{
    NEED_THIS;
    return val_int(encodings[encoding_of(a[0])].page);
}

NATIVE(encoding_preamble)
{
    NEED_THIS;
    return bytes_make(vm, encodings[encoding_of(a[0])].mark, encodings[encoding_of(a[0])].mark_size);
}

/* ---- BitConverter: little endian, as every machine of ours ---- */

static uint32_t width_of(unsigned kind)
{
    switch (kind) {
    case EXPR_BOOL: return 1;
    case EXPR_CHAR: case EXPR_I16: case EXPR_U16: return 2;
    case EXPR_I32: case EXPR_U32: case EXPR_F32: return 4;
    default: return 8;
    }
}

NATIVE(bits_is_little)
{
    return val_bool(true);
}

NATIVE(bits_get_bytes)
{
    uint64_t u = a[0].u;
    uint8_t out[8];

    if (a[0].kind == EXPR_F32) {
        uint32_t f;

        memcpy(&f, &a[0].f, sizeof f);
        u = f;
    } else if (a[0].kind == EXPR_F64) {
        memcpy(&u, &a[0].d, sizeof u);
    }
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(u >> 8 * i);
    return bytes_make(vm, out, width_of(a[0].kind));
}

NATIVE(bits_to)
{
    enum expr_kind k = type_kind(site->ret);
    uint32_t width = width_of(k);
    const struct bytes_object *o;
    struct expr_value out = { .kind = EXPR_U64 };

    NEED(0, "value");
    o = a[0].p;
    if (a[1].i < 0 || a[1].i >= o->n)
        return vm_throw_range(vm, "startIndex");
    if (a[1].i > (int64_t)o->n - width)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The array starting from the specified index is not long enough to read a value of the "
                                                    "specified type. (Parameter 'value')");
    for (uint32_t i = 0; i < width; i++)
        out.u |= (uint64_t)o->p[a[1].i + i] << 8 * i;
    if (k == EXPR_BOOL || k == EXPR_CHAR)
        return k == EXPR_BOOL ? val_bool(out.u != 0) : val_char((uint32_t)out.u);
    if (k == EXPR_F32) {
        uint32_t bits = (uint32_t)out.u;

        out.kind = EXPR_F32;
        memcpy(&out.f, &bits, sizeof bits);
    } else if (k == EXPR_F64) {
        uint64_t bits = out.u;

        out.kind = EXPR_F64;
        memcpy(&out.d, &bits, sizeof bits);
    } else {
        op_convert(NULL, k, false, out, &out);
    }
    return out;
}

NATIVE(bits_to_string)
{
    const struct bytes_object *o;
    int64_t from = site->n > 1 ? a[1].i : 0, n;
    struct buf b;

    NEED(0, "value");
    o = a[0].p;
    n = site->n > 2 ? a[2].i : (int64_t)o->n - from;
    if (from < 0 || (from >= o->n && from > 0))
        return vm_throw_range(vm, "startIndex");
    if (n < 0)
        return vm_throw_range(vm, "length");
    if (from > (int64_t)o->n - n)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The array starting from the specified index is not long enough to read a value of the "
                                                    "specified type. (Parameter 'value')");
    if (!vm_charge(vm, (uint32_t)(n / 64)))
        return expr_value_null();
    buf_init(&b, vm->arena);
    for (int64_t i = 0; i < n; i++) {
        if (i)
            buf_putc(&b, '-');
        buf_putc(&b, "0123456789ABCDEF"[o->p[from + i] >> 4]);
        buf_putc(&b, "0123456789ABCDEF"[o->p[from + i] & 15]);
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_ascii(buf_slice(&b));
}

NATIVE(bits_of_double)
{
    struct expr_value out = val_long(0);

    memcpy(&out.i, &a[0].d, sizeof out.i);
    return out;
}

NATIVE(bits_of_single)
{
    int32_t bits;

    memcpy(&bits, &a[0].f, sizeof bits);
    return val_int(bits);
}

NATIVE(bits_as_single)
{
    struct expr_value out = { .kind = EXPR_F32 };
    int32_t bits = (int32_t)a[0].i;

    memcpy(&out.f, &bits, sizeof bits);
    return out;
}

NATIVE(bits_as_double)
{
    struct expr_value out = val_double(0);
    int64_t bits = a[0].i;

    memcpy(&out.d, &bits, sizeof bits);
    return out;
}
