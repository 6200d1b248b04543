/* UTF-8; see utf8.h. The table of well-formed sequences is Unicode 15, table 3-7. */
#include "platform/base/utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_valid_length(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    if (s.n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (p[0] < 0xe0)
        return s.n >= 2 && is_tail(p[1]) ? 2 : 0;
    if (p[0] < 0xf0) {
        if (s.n < 3 || !is_tail(p[1]) || !is_tail(p[2]))
            return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    if (s.n < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3]))
        return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return 4;
}

size_t utf8_decode(struct slice s, uint32_t *cp)
{
    static const unsigned char first_bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    if (s.n == 0)
        return 0;
    size_t n = utf8_valid_length(s);
    if (n == 0) {
        *cp = 0xfffd;
        return 1;
    }
    uint32_t value = (unsigned char)s.p[0] & first_bits[n];
    for (size_t i = 1; i < n; i++)
        value = value << 6 | ((unsigned char)s.p[i] & 0x3f);
    *cp = value;
    return n;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

bool utf8_is_valid(struct slice s)
{
    while (s.n) {
        size_t n = utf8_valid_length(s);
        if (n == 0)
            return false;
        s = slice_skip(s, n);
    }
    return true;
}
