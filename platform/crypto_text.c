/* Hex and base64 of crypto.h: pure, no library. */
#include "platform/crypto.h"

#define INVALID 255u
#define SPACE 254u

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void crypto_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
}

static struct slice encode(struct arena *a, struct slice data, const char *alphabet, bool pad)
{
    const uint8_t *in = (const uint8_t *)data.p;
    size_t left = data.n;
    char *text = arena_alloc_raw(a, (data.n + 2) / 3 * 4);
    char *out = text;

    if (!text)
        return SLICE_NONE;
    for (; left >= 3; left -= 3, in += 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        *out++ = alphabet[bits >> 6 & 63];
        *out++ = alphabet[bits & 63];
    }
    if (left) {
        uint32_t bits = (uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0);
        *out++ = alphabet[bits >> 18];
        *out++ = alphabet[bits >> 12 & 63];
        if (left == 2)
            *out++ = alphabet[bits >> 6 & 63];
        for (size_t i = left; pad && i < 3; i++)
            *out++ = '=';
    }
    return slice_of(text, (size_t)(out - text));
}

struct slice crypto_base64(struct arena *a, struct slice data)
{
    return encode(a, data, standard, true);
}

struct slice crypto_base64url(struct arena *a, struct slice data)
{
    return encode(a, data, url_safe, false);
}

static unsigned sextet(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (ascii_is_digit(c))
        return (unsigned)(c - '0') + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return !url && (c == ' ' || c == '\t' || c == '\r' || c == '\n') ? SPACE : INVALID;
}

/* What decoding has seen so far. */
struct decoder {
    uint8_t *out;
    uint32_t bits;
    unsigned sextets; /* of the present group of four */
};

static bool decode_body(struct decoder *d, struct slice *text, bool url)
{
    for (; text->n; text->p++, text->n--) {
        unsigned value = sextet(*text->p, url);
        if (value == SPACE)
            continue;
        if (value == INVALID)
            return !url && *text->p == '=';
        d->bits = d->bits << 6 | value;
        if (++d->sextets < 4)
            continue;
        *d->out++ = (uint8_t)(d->bits >> 16);
        *d->out++ = (uint8_t)(d->bits >> 8);
        *d->out++ = (uint8_t)d->bits;
        d->bits = d->sextets = 0;
    }
    return true;
}

/* '=' signs that end the text, or -1 when something else stands there. */
static int count_padding(struct slice text)
{
    int n = 0;

    for (; text.n; text.p++, text.n--) {
        if (*text.p == '=')
            n++;
        else if (sextet(*text.p, false) != SPACE)
            return -1;
    }
    return n;
}

/* The last group of two or three sextets. Bits beyond the last byte must be zero in base64url,
 * where the text of a signature must not have a second form; in base64 they are ignored, as .NET
 * does. */
static bool decode_tail(struct decoder *d, bool url)
{
    switch (d->sextets) {
    case 0:
        return true;
    case 2:
        *d->out++ = (uint8_t)(d->bits >> 4);
        return !url || (d->bits & 15) == 0;
    case 3:
        *d->out++ = (uint8_t)(d->bits >> 10);
        *d->out++ = (uint8_t)(d->bits >> 2);
        return !url || (d->bits & 3) == 0;
    default:
        return false;
    }
}

static struct slice decode(struct arena *a, struct slice text, bool url)
{
    uint8_t *data = arena_alloc_raw(a, text.n / 4 * 3 + 3);
    struct decoder d = { .out = data };

    if (!data || !decode_body(&d, &text, url))
        return SLICE_NONE;
    int wanted = url || d.sextets == 0 ? 0 : 4 - (int)d.sextets;
    if (count_padding(text) != wanted || !decode_tail(&d, url))
        return SLICE_NONE;
    return slice_of(data, (size_t)(d.out - data));
}

struct slice crypto_base64_decode(struct arena *a, struct slice text)
{
    return decode(a, text, false);
}

struct slice crypto_base64url_decode(struct arena *a, struct slice text)
{
    return decode(a, text, true);
}
