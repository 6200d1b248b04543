/* System.Char beyond the common classes: punctuation, symbols, surrogates, numeric values. The classes are Unicode's
 * for Latin-1 and the blocks of general punctuation and symbols; letters of other scripts are in number.c. */
#include "policy/expr/lib/string_int.h"

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

static bool is_punctuation(uint32_t c)
{
    static const char ascii[] = "!\"#%&'()*,-./:;?@[\\]_{}";

    if (c < 0x80)
        return c && strchr(ascii, (int)c);
    return c == 0xA1 || c == 0xA7 || c == 0xAB || c == 0xB6 || c == 0xB7 || c == 0xBB || c == 0xBF || (c >= 0x2010 && c <= 0x2027) ||
           (c >= 0x2030 && c <= 0x2043) || (c >= 0x2045 && c <= 0x2051) || (c >= 0x2053 && c <= 0x205E) || (c >= 0x3001 && c <= 0x3003) ||
           (c >= 0x3008 && c <= 0x3011);
}

static bool is_symbol(uint32_t c)
{
    static const char ascii[] = "$+<=>^`|~";

    if (c < 0x80)
        return c && strchr(ascii, (int)c);
    return (c >= 0xA2 && c <= 0xA6) || c == 0xA8 || c == 0xA9 || c == 0xAC || (c >= 0xAE && c <= 0xB1) || c == 0xB4 || c == 0xB8 || c == 0xD7 ||
           c == 0xF7 || c == 0x2044 || c == 0x2052 || (c >= 0x20A0 && c <= 0x20C0) || (c >= 0x2190 && c <= 0x23FF) || (c >= 0x2500 && c <= 0x2767) ||
           c == 0x2122;
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
    if ((c >= 0x660 && c <= 0x669) || (c >= 0x966 && c <= 0x96F))
        return (double)(c & 15) - (c < 0x700 ? 0 : 6);
    if (c >= 0x2160 && c <= 0x216B)
        return (double)(c - 0x215F);
    if (c >= 0x2080 && c <= 0x2089)
        return (double)(c - 0x2080);
    if (c >= 0xFF10 && c <= 0xFF19)
        return (double)(c - 0xFF10);
    return -1;
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

CHAR_CLASS(is_punctuation, is_punctuation(c))
CHAR_CLASS(is_symbol, is_symbol(c))
CHAR_CLASS(is_number, numeric_value(c) >= 0)
CHAR_CLASS(is_control, c < 0x20 || (c >= 0x7F && c < 0xA0))
CHAR_CLASS(is_separator, c == ' ' || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000)
CHAR_CLASS(is_surrogate, c >= 0xD800 && c <= 0xDFFF)
CHAR_CLASS(is_high, c >= 0xD800 && c <= 0xDBFF)
CHAR_CLASS(is_low, c >= 0xDC00 && c <= 0xDFFF)
CHAR_CLASS(is_ascii, c < 0x80)
CHAR_CLASS(is_ascii_letter, is_letter_ascii(c))
CHAR_CLASS(is_ascii_letter_or_digit, is_letter_ascii(c) || is_digit_ascii(c))
CHAR_CLASS(is_hex, is_digit_ascii(c) || (c | 32) - 'a' < 6)
CHAR_CLASS(is_ascii_lower, c >= 'a' && c <= 'z')
CHAR_CLASS(is_ascii_upper, c >= 'A' && c <= 'Z')

NATIVE(char_numeric_value)
{
    return val_double(numeric_value((uint32_t)a[0].i));
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
