/* Encoding, BitConverter. */
#include "policy/expr/lib/percent.h"
#include "policy/expr/lib/string_int.h"

#include "platform/base/utf8.h"

enum encoding { UTF8, ASCII, UTF16, UTF16_BE, UTF32, LATIN1 };

static const struct encoding_info {
    const char *name;
    const char *other;
    const char *title; /* EncodingName */
    uint16_t page;
    uint8_t mark_size;
    uint8_t unit;      /* bytes a character may take */
    char mark[4];
} encodings[] = {
    [UTF8] = { "utf-8", "utf8", "Unicode (UTF-8)", 65001, 3, 3, { '\xef', '\xbb', '\xbf' } },
    [ASCII] = { "us-ascii", "ascii", "US-ASCII", 20127, 0, 1, { 0 } },
    [UTF16] = { "utf-16", "unicode", "Unicode", 1200, 2, 2, { '\xff', '\xfe' } },
    [UTF16_BE] = { "utf-16BE", "unicodeFFFE", "Unicode (Big-Endian)", 1201, 2, 2, { '\xfe', '\xff' } },
    [UTF32] = { "utf-32", "utf-32LE", "Unicode (UTF-32)", 12000, 4, 4, { '\xff', '\xfe' } },
    [LATIN1] = { "iso-8859-1", "latin1", "Western European (ISO)", 28591, 0, 1, { 0 } },
};

/* Fields of an encoding: which, and how its constructor was told to be. */
enum { ENCODING_WHICH, ENCODING_FLAGS, ENCODING_FIELDS };
enum { NO_MARK = 1, STRICT = 2 };

#define REPLACEMENT 0xfffdu

static struct expr_value encoding_flagged(struct vm *vm, enum encoding e, int32_t flags)
{
    static const struct type *const types[] = {
        [UTF8] = TYPE_OF(UTF8ENCODING), [ASCII] = TYPE_OF(ASCIIENCODING), [UTF16] = TYPE_OF(UNICODEENCODING),
        [UTF16_BE] = TYPE_OF(UNICODEENCODING), [UTF32] = TYPE_OF(UTF32ENCODING), [LATIN1] = TYPE_OF(ENCODING),
    };

    return tuple_make2(vm, types[e], val_int((int32_t)e), val_int(flags));
}

static struct expr_value encoding_make(struct vm *vm, enum encoding e)
{
    return encoding_flagged(vm, e, 0);
}

static enum encoding encoding_of(struct expr_value v)
{
    return (enum encoding)OBJECT(v, tuple_object)->f[ENCODING_WHICH].i;
}

static int64_t flags_of(struct expr_value v)
{
    return OBJECT(v, tuple_object)->f[ENCODING_FLAGS].i;
}

/* new UTF8Encoding(mark [, strict]) */
NATIVE(encoding_new_utf8)
{
    bool mark = site->n && a[0].i, strict = site->n > 1 && a[1].i;

    return encoding_flagged(vm, UTF8, (mark ? 0 : NO_MARK) | (strict ? STRICT : 0));
}

/* new UnicodeEncoding(bigEndian, mark [, strict]) */
NATIVE(encoding_new_utf16)
{
    return encoding_flagged(vm, site->n && a[0].i ? UTF16_BE : UTF16, (!site->n || a[1].i ? 0 : NO_MARK) | (site->n > 2 && a[2].i ? STRICT : 0));
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

/* A lone surrogate, which a strict encoding refuses. */
static bool check_units(struct vm *vm, struct expr_value s)
{
    uint32_t cp;
    size_t n;

    for (const char *p = s.s; (n = text_decode(p, s.s + s.n, &cp)); p += n)
        if (cp >= 0xd800 && cp < 0xe000) {
            vm_throw(vm, TYPE_ENCODERFALLBACKEXCEPTION, "Unable to translate Unicode character \\u%04X at index %u to specified code page.", (unsigned)cp,
                     (unsigned)text_index(s, (uint32_t)(p - s.s)));
            return false;
        }
    return true;
}

/* The string or char[] in a[1], or its part from a[2], a[3] long. False: exception. */
static bool text_of(struct vm *vm, const struct site *site, struct expr_value *a, struct expr_value *out)
{
    bool chars = a[1].kind == EXPR_OBJECT;
    struct buf b;

    *out = a[1];
    if (a[1].kind == EXPR_NULL) {
        vm_throw(vm, TYPE_ARGUMENTNULLEXCEPTION, "String reference not set to an instance of a String. (Parameter 's')");
        return false;
    }
    if (chars) {
        const struct list_object *l = a[1].p;

        buf_init(&b, vm->arena);
        for (uint32_t i = 0; i < l->n; i++)
            text_put_unit(&b, (uint32_t)l->items[i].i);
        *out = b.n ? text_repair(vm->arena, buf_slice(&b)) : TEXT("");
        if (b.failed || !vm_charge(vm, l->n / 64))
            return b.failed ? vm_throw_budget(vm, "memory"), false : false;
    }
    if (site->n > 2) {
        if (a[2].i < 0 || a[3].i < 0 || a[2].i + a[3].i > text_length(*out)) {
            vm_throw_range(vm, a[2].i < 0 ? "index" : a[3].i < 0 ? "count" : chars ? "chars" : "s");
            return false;
        }
        *out = text_sub(vm->arena, *out, (uint32_t)a[2].i, (uint32_t)a[3].i);
    }
    return !(flags_of(a[0]) & STRICT) || check_units(vm, *out);
}

NATIVE(encoding_get_bytes)
{
    struct expr_value text;
    struct slice out;

    NEED_THIS;
    if (!text_of(vm, site, a, &text))
        return expr_value_null();
    return encode(vm, encoding_of(a[0]), text, &out) ? bytes_make(vm, out.p, (uint32_t)out.n) : expr_value_null();
}

NATIVE(encoding_byte_count)
{
    struct expr_value text;
    struct slice out;

    NEED_THIS;
    if (!text_of(vm, site, a, &text))
        return expr_value_null();
    return encode(vm, encoding_of(a[0]), text, &out) ? val_int((int32_t)out.n) : expr_value_null();
}

/* What n characters may take at most, one more being held back from before. */
NATIVE(encoding_max_bytes)
{
    NEED_THIS;
    if (a[1].i < 0)
        return vm_throw_range(vm, "charCount");
    return val_int((int32_t)((a[1].i + 1) * encodings[encoding_of(a[0])].unit));
}

NATIVE(encoding_max_chars)
{
    int64_t n = a[1].i;

    NEED_THIS;
    if (n < 0)
        return vm_throw_range(vm, "byteCount");
    switch (encoding_of(a[0])) {
    case UTF8: return val_int((int32_t)(n + 1));
    case UTF16:
    case UTF16_BE: return val_int((int32_t)(n / 2 + n % 2 + 1));
    case UTF32: return val_int((int32_t)(n / 2 + 2));
    default: return val_int((int32_t)n);
    }
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
        text_put_unit(&b, e == ASCII && p[i] > 0x7f ? '?' : p[i]);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* Bytes that are no UTF-8, which a strict encoding refuses. */
static bool check_bytes(struct vm *vm, struct slice s)
{
    size_t at = utf8_valid_length(s);

    if (at == s.n)
        return true;
    vm_throw(vm, TYPE_DECODERFALLBACKEXCEPTION, "Unable to translate bytes [%02X] at index %zu from specified code page to Unicode.",
             (unsigned char)s.p[at], at);
    return false;
}

NATIVE(encoding_get_string)
{
    const struct bytes_object *o;
    bool part = site->n > 2;
    struct slice s;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw(vm, TYPE_ARGUMENTNULLEXCEPTION, "Array cannot be null. (Parameter 'bytes')");
    o = a[1].p;
    if (part && (a[2].i < 0 || a[3].i < 0))
        return vm_throw_range(vm, a[2].i < 0 ? "index" : "count");
    if (part && a[2].i + a[3].i > o->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index and count must refer to a location within the buffer. (Parameter 'bytes')");
    s = part ? slice_of(o->p + a[2].i, (size_t)a[3].i) : slice_of(o->p, o->n);
    if (flags_of(a[0]) & STRICT && encoding_of(a[0]) == UTF8 && !check_bytes(vm, s))
        return expr_value_null();
    return decode(vm, encoding_of(a[0]), (const uint8_t *)s.p, (uint32_t)s.n);
}

NATIVE(encoding_char_count)
{
    struct expr_value s = net_encoding_get_string(vm, site, a);

    return vm->thrown ? s : val_int((int32_t)text_length(s));
}

NATIVE(encoding_get_chars)
{
    static const struct site whole = { .n = 1 };
    struct expr_value s = net_encoding_get_string(vm, site, a);

    return vm->thrown ? s : net_string_to_chars(vm, &whole, &s);
}

NATIVE(encoding_convert)
{
    struct site call = { .n = site->n > 3 ? 4 : 2 };
    struct expr_value from[4] = { a[0], a[2], a[3], a[4] }, to[2] = { a[1] };

    NEED(0, "srcEncoding");
    NEED(1, "dstEncoding");
    to[1] = net_encoding_get_string(vm, &call, from);
    call.n = 2;
    return vm->thrown ? expr_value_null() : net_encoding_get_bytes(vm, &call, to);
}

NATIVE(encoding_name)
{
    NEED_THIS;
    return text_ascii(slice_from(encodings[encoding_of(a[0])].title));
}

NATIVE(encoding_is_single)
{
    NEED_THIS;
    return val_bool(encodings[encoding_of(a[0])].unit == 1);
}

NATIVE(encoding_equals)
{
    NEED_THIS;
    return val_bool(a[1].kind == EXPR_OBJECT && type_as(vm->arena, type_of_value(a[1]), TYPE_ENCODING) && encoding_of(a[0]) == encoding_of(a[1]) &&
                    flags_of(a[0]) == flags_of(a[1]));
}

NATIVE(encoding_hash)
{
    NEED_THIS;
    return val_int(encodings[encoding_of(a[0])].page + (int32_t)flags_of(a[0]));
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
    return bytes_make(vm, encodings[encoding_of(a[0])].mark, flags_of(a[0]) & NO_MARK ? 0 : encodings[encoding_of(a[0])].mark_size);
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
