/* System.Char: classes by Unicode's general categories, surrogates, numeric values. */
#include "policy/expr/lib/string_int.h"
#include "policy/expr/unicode.h"

NATIVE(char_max)
{
    return val_char(0xFFFF);
}

NATIVE(char_min)
{
    return val_char(0);
}

NATIVE(char_parse)
{
    NEED(0, "s");
    if (text_length(a[0]) != 1)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "String must be exactly one character long.");
    return val_char(text_unit(a[0], 0));
}

NATIVE(char_try_parse)
{
    bool ok = a[0].kind == EXPR_STRING && text_length(a[0]) == 1;

    a[1] = val_char(ok ? text_unit(a[0], 0) : 0);
    return val_bool(ok);
}

#define CATEGORY(name) (1u << UNICODE_##name)
#define LETTERS (CATEGORY(LU) | CATEGORY(LL) | CATEGORY(LT) | CATEGORY(LM) | CATEGORY(LO))
#define PUNCTUATION (CATEGORY(PC) | CATEGORY(PD) | CATEGORY(PS) | CATEGORY(PE) | CATEGORY(PI) | CATEGORY(PF) | CATEGORY(PO))

static bool is_of(uint32_t c, uint32_t categories)
{
    return categories >> unicode_category(c) & 1;
}

/* Decimal digits come in runs of ten, from zero to nine. */
static double decimal_digit(uint32_t c)
{
    uint32_t before = 0;

    while (before < c && is_of(c - before - 1, CATEGORY(ND)))
        before++;
    return before % 10;
}

static double numeric_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (double)(c - '0');
    switch (c) {
    case 0xB2: return 2;
    case 0xB3: return 3;
    case 0xB9: return 1;
    case 0xBC: return 0.25;
    case 0xBD: return 0.5;
    case 0xBE: return 0.75;
    default: break;
    }
    if (c >= 0x2160 && c <= 0x216B)
        return (double)(c - 0x215F);
    if (c >= 0x2170 && c <= 0x217B)
        return (double)(c - 0x216F);
    if (c >= 0x2460 && c <= 0x249B)
        return (double)((c - 0x2460) % 20 + 1);
    if (c == 0x2070 || (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089))
        return (double)(c & 15);
    return is_of(c, CATEGORY(ND)) ? decimal_digit(c) : -1;
}

static bool is_letter_ascii(uint32_t c)
{
    return c < 0x80 && ascii_is_alpha((char)c);
}

static bool is_digit_ascii(uint32_t c)
{
    return c >= '0' && c <= '9';
}

#define CHAR_CLASS(name, test) \
    NATIVE(char_##name) \
    { \
        uint32_t c = (uint32_t)a[0].i; \
        return val_bool(test); \
    }

CHAR_CLASS(is_letter, is_of(c, LETTERS))
CHAR_CLASS(is_digit, is_of(c, CATEGORY(ND)))
CHAR_CLASS(is_letter_or_digit, is_of(c, LETTERS | CATEGORY(ND)))
CHAR_CLASS(is_upper, is_of(c, CATEGORY(LU)))
CHAR_CLASS(is_lower, is_of(c, CATEGORY(LL)))
CHAR_CLASS(is_punctuation, is_of(c, PUNCTUATION))
CHAR_CLASS(is_symbol, is_of(c, CATEGORY(SM) | CATEGORY(SC) | CATEGORY(SK) | CATEGORY(SO)))
CHAR_CLASS(is_number, is_of(c, CATEGORY(ND) | CATEGORY(NL) | CATEGORY(NO)))
CHAR_CLASS(is_control, c < 0x20 || (c >= 0x7F && c < 0xA0))
CHAR_CLASS(is_separator, is_of(c, CATEGORY(ZS) | CATEGORY(ZL) | CATEGORY(ZP)))
CHAR_CLASS(is_white_space, is_of(c, CATEGORY(ZS) | CATEGORY(ZL) | CATEGORY(ZP)) || (c >= 9 && c <= 13) || c == 0x85)
CHAR_CLASS(is_surrogate, c >= 0xD800 && c <= 0xDFFF)
CHAR_CLASS(is_high, c >= 0xD800 && c <= 0xDBFF)
CHAR_CLASS(is_low, c >= 0xDC00 && c <= 0xDFFF)
CHAR_CLASS(is_ascii, c < 0x80)
CHAR_CLASS(is_ascii_digit, is_digit_ascii(c))
CHAR_CLASS(is_ascii_letter, is_letter_ascii(c))
CHAR_CLASS(is_ascii_letter_or_digit, is_letter_ascii(c) || is_digit_ascii(c))
CHAR_CLASS(is_hex, is_digit_ascii(c) || (c | 32) - 'a' < 6)
CHAR_CLASS(is_ascii_lower, c >= 'a' && c <= 'z')
CHAR_CLASS(is_ascii_upper, c >= 'A' && c <= 'Z')

NATIVE(char_numeric_value)
{
    return val_double(numeric_value((uint32_t)a[0].i));
}

NATIVE(char_digit_value)
{
    double d = numeric_value((uint32_t)a[0].i);

    return val_int(is_of((uint32_t)a[0].i, CATEGORY(ND)) ? (int32_t)d : -1);
}

NATIVE(char_category)
{
    return val_enum(TYPE_UNICODECATEGORY, unicode_category((uint32_t)a[0].i));
}

NATIVE(char_is_between)
{
    return val_bool(a[0].i >= a[1].i && a[0].i <= a[2].i);
}

NATIVE(char_is_pair)
{
    return val_bool(a[0].i >= 0xD800 && a[0].i <= 0xDBFF && a[1].i >= 0xDC00 && a[1].i <= 0xDFFF);
}

NATIVE(char_to_utf32)
{
    if (!net_char_is_pair(vm, site, a).i)
        return vm_throw_range(vm, a[0].i >= 0xD800 && a[0].i <= 0xDBFF ? "lowSurrogate" : "highSurrogate");
    return val_int((int32_t)(0x10000 + ((a[0].i - 0xD800) << 10) + (a[1].i - 0xDC00)));
}

NATIVE(char_from_utf32)
{
    struct buf b;

    if (a[0].i < 0 || a[0].i > 0x10FFFF || (a[0].i >= 0xD800 && a[0].i <= 0xDFFF))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "A valid UTF32 value is between 0x000000 and 0x10ffff, inclusive, and should not include surrogate codepoint values (0x00d800 ~ 0x00dfff). (Parameter 'utf32')");
    buf_init(&b, vm->arena);
    text_put_unit(&b, (uint32_t)a[0].i);
    return text_value(buf_slice(&b));
}

/* The forms with a string and an index. */
static struct expr_value at_index(struct vm *vm, const struct site *site, struct expr_value *a, expr_native *test)
{
    struct expr_value c;

    NEED(0, "s");
    if (a[1].i < 0 || a[1].i >= text_length(a[0]))
        return vm_throw_range(vm, "index");
    c = val_char(text_unit(a[0], (uint32_t)a[1].i));
    return test(vm, site, &c);
}

#define AT_INDEX(name) \
    NATIVE(char_at_##name) \
    { \
        return at_index(vm, site, a, net_char_is_##name); \
    }

AT_INDEX(digit)
AT_INDEX(letter)
AT_INDEX(letter_or_digit)
AT_INDEX(white_space)
AT_INDEX(upper)
AT_INDEX(lower)
AT_INDEX(number)
AT_INDEX(punctuation)
AT_INDEX(symbol)
AT_INDEX(control)
AT_INDEX(separator)
AT_INDEX(surrogate)
AT_INDEX(high)
AT_INDEX(low)

NATIVE(char_at_numeric_value)
{
    return at_index(vm, site, a, net_char_numeric_value);
}

/* The code point at a unit: of a whole pair, or the unit itself. */
static uint32_t code_point_at(struct expr_value s, uint32_t index)
{
    uint32_t high = text_unit(s, index), low = index + 1 < text_length(s) ? text_unit(s, index + 1) : 0;

    return high >> 10 == 0xD800 >> 10 && low >> 10 == 0xDC00 >> 10 ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : high;
}

static bool index_is_fine(struct vm *vm, struct expr_value *a)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s"), false;
    if (a[1].i < 0 || a[1].i >= text_length(a[0]))
        return vm_throw_range(vm, "index"), false;
    return true;
}

NATIVE(char_at_category)
{
    return index_is_fine(vm, a) ? val_enum(TYPE_UNICODECATEGORY, unicode_category(code_point_at(a[0], (uint32_t)a[1].i))) : expr_value_null();
}

NATIVE(char_at_pair)
{
    return val_bool(index_is_fine(vm, a) && code_point_at(a[0], (uint32_t)a[1].i) >= 0x10000);
}

NATIVE(char_at_utf32)
{
    uint32_t cp;

    if (!index_is_fine(vm, a))
        return expr_value_null();
    cp = code_point_at(a[0], (uint32_t)a[1].i);
    if (cp >> 11 == 0xD800 >> 11)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Found a %s surrogate char without a %s surrogate at index: %d. The input may not be in this "
                        "encoding, or may not contain valid Unicode (UTF-16) characters. (Parameter 's')",
                        cp < 0xDC00 ? "high" : "low", cp < 0xDC00 ? "following low" : "preceding high", (int)a[1].i);
    return val_int((int32_t)cp);
}
