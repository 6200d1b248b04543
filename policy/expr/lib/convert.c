/* System.Convert. Conversions go by the value's kind at run time: the overloads differ only for the compiler. */
#include <math.h>
#include <stdio.h>

#include "policy/expr/decimal.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/number_parse.h"
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/time.h"

static struct expr_value invalid_cast(struct vm *vm, struct expr_value v, const struct type *t)
{
    return vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Invalid cast from '%s' to '%s'.", type_defs[type_of_value(v)->id].name, type_defs[t->id].name);
}

static struct expr_value too_large(struct vm *vm, const struct type *t)
{
    if (t->id == TYPE_CHAR)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "Value was either too large or too small for a character.");
    return number_parse_failed(vm, PARSE_RANGE, TEXT(""), type_kind(t));
}

static struct expr_value to_bool(struct vm *vm, struct expr_value v)
{
    switch (v.kind) {
    case EXPR_BOOL: return v;
    case EXPR_STRING: return net_bool_parse(vm, NULL, &v);
    case EXPR_F64: return val_bool(v.d != 0);
    case EXPR_F32: return val_bool(v.f != 0);
    case EXPR_DECIMAL: return val_bool(!decimal_is_zero(decimal_of(v)));
    case EXPR_CHAR: return invalid_cast(vm, v, TYPE_OF(BOOL));
    default: return v.kind < EXPR_F32 || v.kind == EXPR_ENUM ? val_bool(v.i != 0) : invalid_cast(vm, v, TYPE_OF(BOOL));
    }
}

/* Numbers to numbers: to the nearest, halves to even. */
static struct expr_value to_number(struct vm *vm, struct expr_value v, const struct type *t)
{
    enum expr_kind k = type_kind(t);
    struct expr_value out;
    bool whole = k < EXPR_F32, real = v.kind == EXPR_F64 || v.kind == EXPR_F32;
    enum op_error e;

    if (v.kind == EXPR_STRING) {
        enum parsed p = number_from_text(vm->arena, text_slice(v), number_styles(k), k, &out);

        return p == PARSED ? out : number_parse_failed(vm, p, v, k);
    }
    if (v.kind == EXPR_BOOL || v.kind == EXPR_ENUM)
        v = val_long(v.i);
    if (v.kind == EXPR_CHAR && !whole)
        return invalid_cast(vm, v, t);
    if (v.kind == EXPR_NULL || v.kind > EXPR_DECIMAL)
        return invalid_cast(vm, v, t);
    if (whole && real)
        v = val_double(nearbyint(v.kind == EXPR_F32 ? (double)v.f : v.d));
    if (whole && v.kind == EXPR_DECIMAL)
        v = decimal_value(vm->arena, decimal_round(decimal_of(v), 0, DECIMAL_HALF_EVEN));
    e = op_convert(vm->arena, k, true, v, &out);
    return e == OP_FINE ? out : e == OP_OVERFLOW ? too_large(vm, t) : vm_op_error(vm, e);
}

static struct expr_value to_char(struct vm *vm, struct expr_value v)
{
    if (v.kind == EXPR_CHAR)
        return v;
    if (v.kind == EXPR_STRING)
        return net_char_parse(vm, NULL, &v);
    if (v.kind < EXPR_I8 || v.kind > EXPR_U64)
        return invalid_cast(vm, v, TYPE_OF(CHAR));
    return v.i < 0 || v.i > 0xFFFF ? too_large(vm, TYPE_OF(CHAR)) : val_char((uint32_t)v.i);
}

static struct expr_value convert(struct vm *vm, struct expr_value v, const struct type *t)
{
    const struct type *of;

    if (v.kind == EXPR_NULL)
        return t->id == TYPE_STRING ? TEXT("") : value_default(vm->arena, t);
    of = type_of_value(v);
    if (type_eq(of, t))
        return v;
    if (type_as(vm->arena, of, TYPE_JTOKEN))
        return json_convert(vm, v, t);
    switch (t->id) {
    case TYPE_BOOL: return to_bool(vm, v);
    case TYPE_CHAR: return to_char(vm, v);
    case TYPE_STRING: return value_to_string(vm, v);
    case TYPE_OBJECT: return v;
    case TYPE_DATETIME: return v.kind == EXPR_STRING ? date_from_text(vm, v) : invalid_cast(vm, v, t);
    default: break;
    }
    if (type_is_enum(t) && v.kind >= EXPR_I8 && v.kind <= EXPR_U64)
        return val_enum(t->id, v.i);
    return type_is_numeric(t) ? to_number(vm, v, t) : invalid_cast(vm, v, t);
}

NATIVE(convert_to)
{
    return convert(vm, a[0], site->ret);
}

NATIVE(convert_string_to_char)
{
    NEED(0, "value");
    return to_char(vm, a[0]);
}

/* ---- TypeCode ---- */

static const uint8_t kind_of_code[] = {
    [3] = EXPR_BOOL, [4] = EXPR_CHAR, [5] = EXPR_I8, [6] = EXPR_U8, [7] = EXPR_I16, [8] = EXPR_U16, [9] = EXPR_I32, [10] = EXPR_U32,
    [11] = EXPR_I64, [12] = EXPR_U64, [13] = EXPR_F32, [14] = EXPR_F64, [15] = EXPR_DECIMAL, [16] = EXPR_DATETIME, [18] = EXPR_STRING,
};

NATIVE(convert_type_code)
{
    enum { CODE_EMPTY, CODE_OBJECT };
    enum expr_kind kind = a[0].kind == EXPR_ENUM ? EXPR_I32 : (enum expr_kind)a[0].kind;

    if (kind == EXPR_NULL)
        return val_enum(TYPE_TYPECODE, CODE_EMPTY);
    for (size_t i = 0; i < COUNT_OF(kind_of_code); i++)
        if (kind_of_code[i] == kind)
            return val_enum(TYPE_TYPECODE, (int64_t)i);
    return val_enum(TYPE_TYPECODE, CODE_OBJECT);
}

NATIVE(object_type_code)
{
    return net_convert_type_code(vm, site, a);
}

/* No expression can make a DBNull. */
NATIVE(convert_is_dbnull)
{
    return val_bool(false);
}

NATIVE(convert_change_type_code)
{
    enum { CODE_OBJECT = 1 };
    int64_t code = a[1].i;
    const struct type *t = NULL;

    if (a[0].kind == EXPR_NULL && (code <= CODE_OBJECT || code == 18))
        return a[0];
    if (code == CODE_OBJECT)
        return a[0];
    if (code >= 0 && code < (int64_t)COUNT_OF(kind_of_code) && kind_of_code[code])
        t = type_of_kind((enum expr_kind)kind_of_code[code]);
    if (code == 16)
        t = TYPE_OF(DATETIME);
    if (!t)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Unknown TypeCode value.");
    if (a[0].kind == EXPR_NULL)
        return vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Null object cannot be converted to a value type.");
    return convert(vm, a[0], t);
}

/* ToString of a string that is null gives null, of an object that is null "". */
NATIVE(convert_string_to_string)
{
    return a[0];
}

NATIVE(convert_change_type)
{
    const struct type *t;

    NEED(1, "conversionType");
    t = type_strip(type_of_type(a[1]));
    if (a[0].kind == EXPR_NULL)
        return type_is_value(t) ? vm_throw(vm, TYPE_INVALIDCASTEXCEPTION, "Null object cannot be converted to a value type.") : a[0];
    return convert(vm, a[0], t);
}

/* ---- other bases ---- */

static bool base_is_fine(struct vm *vm, int64_t base)
{
    if (base == 2 || base == 8 || base == 10 || base == 16)
        return true;
    vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Invalid Base. (Parameter '%s')", "toBase");
    return false;
}

static unsigned bits_of(enum expr_kind k)
{
    return k == EXPR_I8 || k == EXPR_U8 ? 8 : k == EXPR_I16 || k == EXPR_U16 ? 16 : k == EXPR_I32 || k == EXPR_U32 ? 32 : 64;
}

NATIVE(convert_to_string_base)
{
    char text[72];
    size_t at = sizeof text;
    uint64_t u = a[0].u;

    if (!base_is_fine(vm, a[1].i))
        return expr_value_null();
    if (a[1].i == 10)
        return value_to_string(vm, a[0]);
    if (bits_of((enum expr_kind)a[0].kind) < 64)
        u &= (UINT64_C(1) << bits_of((enum expr_kind)a[0].kind)) - 1;
    do {
        text[--at] = "0123456789abcdef"[u % (uint64_t)a[1].i];
        u /= (uint64_t)a[1].i;
    } while (u);
    return text_ascii(arena_copy(vm->arena, slice_of(text + at, sizeof text - at)));
}

static struct expr_value from_base(struct vm *vm, const struct type *t, struct slice s, int64_t base)
{
    enum expr_kind k = type_kind(t);
    bool is_unsigned = k == EXPR_U8 || k == EXPR_U16 || k == EXPR_U32 || k == EXPR_U64, negative = s.n && *s.p == '-', over = false;
    unsigned bits = bits_of(k);
    struct expr_value out = { .kind = EXPR_U64 };
    uint64_t u = 0;
    size_t i = negative;

    if (negative && base != 10)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "String cannot contain a minus sign if the base is not 10.");
    if (negative && is_unsigned)
        return vm_throw(vm, TYPE_OVERFLOWEXCEPTION, "The string was being parsed as an unsigned number and could not have a negative sign.");
    if (base == 16 && s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x')
        i = 2;
    if (i >= s.n || ascii_hex_value(s.p[i]) < 0 || ascii_hex_value(s.p[i]) >= base)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Could not find any recognizable digits.");
    for (; i < s.n && ascii_hex_value(s.p[i]) >= 0 && ascii_hex_value(s.p[i]) < base; i++) {
        over |= u > (UINT64_MAX - (uint64_t)ascii_hex_value(s.p[i])) / (uint64_t)base;
        u = u * (uint64_t)base + (uint64_t)ascii_hex_value(s.p[i]);
    }
    if (i < s.n)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "Additional non-parsable characters are at the end of the string.");
    if (base == 10 && !is_unsigned)
        over |= u > (UINT64_C(1) << (bits - 1)) - 1 + negative;
    else if (bits < 64)
        over |= u >> bits != 0;
    if (over)
        return too_large(vm, t);
    out.u = negative ? 0 - u : u;
    op_convert(NULL, k, false, out, &out);
    return out;
}

NATIVE(convert_from_base)
{
    if (!base_is_fine(vm, a[1].i))
        return expr_value_null();
    if (a[0].kind == EXPR_NULL)
        return value_default(vm->arena, site->ret);
    if (a[0].n == 0)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Index was out of range. Must be non-negative and less than the size of the collection. (Parameter 'startIndex')");
    return from_base(vm, site->ret, text_slice(a[0]), a[1].i);
}

/* ---- base64 and hex ---- */

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define BASE64_LINE 76 /* letters, with InsertLineBreaks */

static struct expr_value to_base64(struct vm *vm, const uint8_t *p, uint32_t n, bool lines)
{
    struct buf b;
    uint32_t column = 0;

    if (!vm_charge(vm, n / 64))
        return expr_value_null();
    buf_init(&b, vm->arena);
    buf_reserve(&b, (size_t)n * 4 / 3 + 8);
    for (uint32_t i = 0; i < n; i += 3, column += 4) {
        uint32_t w = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

        if (lines && column == BASE64_LINE) {
            buf_puts(&b, "\r\n");
            column = 0;
        }
        buf_putc(&b, base64_letters[w >> 18]);
        buf_putc(&b, base64_letters[w >> 12 & 63]);
        buf_putc(&b, i + 1 < n ? base64_letters[w >> 6 & 63] : '=');
        buf_putc(&b, i + 2 < n ? base64_letters[w & 63] : '=');
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_ascii(buf_slice(&b));
}

/* (bytes [, offset, length] [, options]); false: exception. */
static bool byte_range(struct vm *vm, const struct site *site, struct expr_value *a, const char *name, uint32_t *offset, uint32_t *length)
{
    uint32_t n;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, name), false;
    n = OBJECT(a[0], bytes_object)->n;
    *offset = 0;
    *length = n;
    if (site->n < 3)
        return true;
    if (a[2].i < 0 || a[1].i < 0 || a[1].i > (int64_t)n - a[2].i)
        return vm_throw_range(vm, a[2].i < 0 ? "length" : "offset"), false;
    *offset = (uint32_t)a[1].i;
    *length = (uint32_t)a[2].i;
    return true;
}

NATIVE(convert_to_base64)
{
    uint32_t offset, length;
    bool lines = a[site->n - 1].kind == EXPR_ENUM && a[site->n - 1].i == 1;

    if (!byte_range(vm, site, a, "inArray", &offset, &length))
        return expr_value_null();
    return to_base64(vm, OBJECT(a[0], bytes_object)->p + offset, length, lines);
}

static struct expr_value bad_base64(struct vm *vm)
{
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input is not a valid Base-64 string as it contains a non-base 64 character, "
                                              "more than two padding characters, or an illegal character among the padding characters.");
}

static int base64_value(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

NATIVE(convert_from_base64)
{
    struct expr_value out;
    uint32_t n = 0, letters = 0, pads = 0, w = 0;
    uint8_t *p;

    NEED(0, "s");
    out = bytes_make(vm, NULL, a[0].n / 4 * 3 + 3);
    if (!out.p || !vm_charge(vm, a[0].n / 64))
        return expr_value_null();
    p = OBJECT(out, bytes_object)->p;
    for (uint32_t i = 0; i < a[0].n; i++) {
        char c = a[0].s[i];
        int v = base64_value(c);

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=' && pads < 2) {
            pads++;
            continue;
        }
        if (v < 0 || pads)
            return bad_base64(vm);
        w = w << 6 | (uint32_t)v;
        if (++letters % 4 == 0) {
            p[n++] = (uint8_t)(w >> 16);
            p[n++] = (uint8_t)(w >> 8);
            p[n++] = (uint8_t)w;
            w = 0;
        }
    }
    if ((letters + pads) % 4 || letters % 4 == 1 || (letters % 4 == 0 && pads))
        return bad_base64(vm);
    if (letters % 4 == 2)
        p[n++] = (uint8_t)(w >> 4);
    if (letters % 4 == 3) {
        p[n++] = (uint8_t)(w >> 10);
        p[n++] = (uint8_t)(w >> 2);
    }
    OBJECT(out, bytes_object)->n = n;
    return out;
}

static struct expr_value to_hex(struct vm *vm, const struct site *site, struct expr_value *a, const char *digits)
{
    uint32_t offset, length;
    const uint8_t *p;
    struct buf b;

    if (!byte_range(vm, site, a, "inArray", &offset, &length) || !vm_charge(vm, length / 64))
        return expr_value_null();
    p = OBJECT(a[0], bytes_object)->p + offset;
    buf_init(&b, vm->arena);
    for (uint32_t i = 0; i < length; i++) {
        buf_putc(&b, digits[p[i] >> 4]);
        buf_putc(&b, digits[p[i] & 15]);
    }
    return b.failed ? vm_throw_budget(vm, "memory") : text_ascii(buf_slice(&b));
}

NATIVE(convert_to_hex)
{
    return to_hex(vm, site, a, "0123456789ABCDEF");
}

NATIVE(convert_to_hex_lower)
{
    return to_hex(vm, site, a, "0123456789abcdef");
}

NATIVE(convert_from_hex)
{
    struct expr_value out;

    NEED(0, "s");
    if (a[0].n % 2)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input is not a valid hex string as its length is not a multiple of 2.");
    out = bytes_make(vm, NULL, a[0].n / 2);
    for (uint32_t i = 0; out.p && i < a[0].n; i += 2) {
        int high = ascii_hex_value(a[0].s[i]), low = ascii_hex_value(a[0].s[i + 1]);

        if (high < 0 || low < 0)
            return vm_throw(vm, TYPE_FORMATEXCEPTION, "The input is not a valid hex string as it contains a non-hex character.");
        OBJECT(out, bytes_object)->p[i / 2] = (uint8_t)(high << 4 | low);
    }
    return out;
}

/* ---- base64 in char arrays ---- */

NATIVE(convert_to_base64_chars)
{
    struct expr_value text;
    struct list_object *to;
    uint32_t offset, length;
    bool lines = site->n > 5 && a[5].i == 1;

    if (!byte_range(vm, site, a, "inArray", &offset, &length))
        return expr_value_null();
    NEED(3, "outArray");
    text = to_base64(vm, OBJECT(a[0], bytes_object)->p + offset, length, lines);
    if (vm->thrown)
        return text;
    to = OBJECT(a[3], list_object);
    if (a[4].i < 0 || a[4].i + text.n > to->n)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Either offset did not refer to a position in the string, or there is an "
                                                              "insufficient length of destination character array. (Parameter 'offsetOut')");
    for (uint32_t i = 0; i < text.n; i++)
        to->items[a[4].i + i] = val_char((unsigned char)text.s[i]);
    return val_int((int32_t)text.n);
}

NATIVE(convert_from_base64_chars)
{
    struct expr_value text;
    struct list_object *from;
    struct buf b;

    NEED(0, "inArray");
    from = OBJECT(a[0], list_object);
    if (a[1].i < 0 || a[2].i < 0 || a[1].i + a[2].i > from->n)
        return vm_throw_range(vm, a[2].i < 0 ? "length" : "offset");
    buf_init(&b, vm->arena);
    for (int64_t i = 0; i < a[2].i; i++)
        text_put_unit(&b, (uint32_t)from->items[a[1].i + i].i);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    text = text_value(buf_slice(&b));
    return net_convert_from_base64(vm, site, &text);
}
