/* Chunked bodies, strictly (RFC 9112 7.1):
 *
 *   chunked-body = *chunk last-chunk trailer-section CRLF
 *   chunk        = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF
 *   chunk-ext    = *( BWS ";" BWS name [ BWS "=" BWS value ] )   read over, but no controls
 *   trailer      = *( token ":" value CRLF )                     read over, no obs-fold
 *
 * A bare CR or LF anywhere is malformed: where parsers differ about line ends, bodies become
 * requests. */
#include "platform/http_int.h"

enum {
    SIZE_FIRST, /* the first digit */
    SIZE,
    BWS,        /* behind the size: white space that only a ';' may end */
    EXT,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* the first byte of a trailer line, or the CR of the end */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    ENDED,
    BAD,
};

/* 2^60: the next digit still fits. */
#define SIZE_ROOM (UINT64_C(1) << 60)

static uint8_t size_digit(struct http_chunked *c, char byte)
{
    int digit = ascii_hex_value(byte);

    if (digit >= 0) {
        if (c->left >= SIZE_ROOM)
            return BAD;
        c->left = c->left << 4 | (unsigned)digit;
        return SIZE;
    }
    if (c->state == SIZE_FIRST)
        return BAD;
    if (byte == '\r')
        return SIZE_LF;
    if (byte == ';')
        return EXT;
    return byte == ' ' || byte == '\t' ? BWS : BAD;
}

static uint8_t end_of_size(struct http_chunked *c)
{
    c->line_bytes = 0;
    return c->left ? DATA : TRAILER_FIRST;
}

/* The state after one byte that is not chunk data. */
static uint8_t next_state(struct http_chunked *c, char byte)
{
    switch (c->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_digit(c, byte);
    case BWS:
        return byte == ';' ? EXT : byte == ' ' || byte == '\t' ? BWS : BAD;
    case EXT:
        return byte == '\r' ? SIZE_LF : http_is(byte, HTTP_VALUE) ? EXT : BAD;
    case SIZE_LF:
        return byte == '\n' ? end_of_size(c) : BAD;
    case DATA_CR:
        return byte == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        c->line_bytes = 0;
        return byte == '\n' ? SIZE_FIRST : BAD;
    case TRAILER_FIRST:
        return byte == '\r' ? END_LF : http_is(byte, HTTP_TOKEN) ? TRAILER_NAME : BAD;
    case TRAILER_NAME:
        return byte == ':' ? TRAILER_VALUE : http_is(byte, HTTP_TOKEN) ? TRAILER_NAME : BAD;
    case TRAILER_VALUE:
        return byte == '\r' ? TRAILER_LF : http_is(byte, HTTP_VALUE) ? TRAILER_VALUE : BAD;
    case TRAILER_LF:
        return byte == '\n' ? TRAILER_FIRST : BAD;
    case END_LF:
        return byte == '\n' ? ENDED : BAD;
    default:
        return BAD;
    }
}

static bool line_is_too_long(const struct http_chunked *c)
{
    return c->line_bytes > (c->state >= TRAILER_FIRST ? HTTP_TRAILER_MAX : HTTP_CHUNK_LINE_MAX);
}

static size_t take_data(struct http_chunked *c, const char *in, size_t n, struct slice *out)
{
    if (n > c->left)
        n = (size_t)c->left;
    *out = slice_of(in, n);
    c->left -= n;
    c->total += n;
    if (!c->left)
        c->state = DATA_CR;
    return n;
}

/* One run of payload, then on over what is no payload: the end is seen with the last byte of it. */
int http_chunked_next(struct http_chunked *c, const char *in, size_t *in_n, struct slice *out)
{
    size_t n = *in_n, at = 0;

    *out = slice_of(in, 0);
    while (at < n && c->state < ENDED) {
        if (c->state == DATA) {
            if (out->n)
                break;
            at += take_data(c, in + at, n - at, out);
            continue;
        }
        c->line_bytes++;
        c->state = next_state(c, in[at++]);
        if (c->state != BAD && line_is_too_long(c))
            c->state = BAD;
    }
    *in_n = at;
    return c->state == ENDED ? 1 : c->state == BAD ? -1 : 0;
}
