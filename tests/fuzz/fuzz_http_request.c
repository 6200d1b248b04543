/* What a client sends, in any pieces: the requests that are read out of it do not depend on the
 * pieces, and each head that is taken says what a plain reading of its lines says.
 *
 * Input: one byte that seeds the sizes of the pieces, then the bytes of a connection. */
#include <assert.h>
#include <stdlib.h>

#include "platform/base/hash.h"
#include "platform/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 80u
static const struct http_limits limits = { .head_bytes = 4096,
                                           .target_bytes = 512,
                                           .fields = FIELDS };

static uint32_t piece_seed; /* 0: all at once */

static size_t piece(size_t n)
{
    if (!piece_seed || !n)
        return n;
    piece_seed = piece_seed * 1664525u + 1013904223u;
    size_t most = 1 + (piece_seed >> 26);
    return n < most ? n : most;
}

/* ---- a plain reading of a head that was taken ---- */

static bool next_line(struct slice *rest, struct slice *line)
{
    ptrdiff_t end = slice_find(*rest, SLICE("\r\n"));

    if (end < 0)
        return false;
    *line = slice_first(*rest, (size_t)end);
    *rest = slice_skip(*rest, (size_t)end + 2);
    return true;
}

struct plain {
    unsigned hosts, lengths, codings, fields;
    struct slice length, coding;
};

static void check_field(const struct http_field *f, struct slice line, struct plain *seen)
{
    ptrdiff_t colon = slice_find_byte(line, ':');

    assert(colon > 0);
    assert(slice_eq(f->name, slice_first(line, (size_t)colon)));
    assert(slice_eq(f->value, slice_trim_ows(slice_skip(line, (size_t)colon + 1))));
    assert(f->hash == hash_name(f->name));
    assert(http_is_token(f->name) && http_is_field_value(f->value));
    seen->hosts += slice_eq_icase(f->name, SLICE("host"));
    if (slice_eq_icase(f->name, SLICE("content-length"))) {
        seen->lengths++;
        seen->length = f->value;
    }
    if (slice_eq_icase(f->name, SLICE("transfer-encoding"))) {
        seen->codings++;
        seen->coding = f->value;
    }
}

static void check_framing(const struct http_head *head, const struct plain *seen)
{
    uint64_t n = 0;

    assert(seen->hosts == 1 || (seen->hosts == 0 && head->minor == 0));
    assert(seen->lengths + seen->codings <= 1);
    if (seen->lengths)
        assert(slice_to_u64(seen->length, INT64_MAX, &n) && head->length == n);
    if (seen->codings)
        assert(head->minor == 1 && slice_eq_icase(seen->coding, SLICE("chunked")));
    assert(head->framing
           == (seen->codings ? HTTP_BODY_CHUNKED
               : n           ? HTTP_BODY_LENGTH
                             : HTTP_BODY_NONE));
}

static void check_plainly(struct slice text, const struct http_head *head)
{
    struct plain seen = { 0 };
    struct slice line;

    assert(slice_ends(text, SLICE("\r\n\r\n")) && !memchr(text.p, 0, text.n));
    assert(next_line(&text, &line));
    if (!line.n)
        assert(next_line(&text, &line));
    assert(line.n == head->method.n + head->target.n + 10);
    assert(slice_starts(line, head->method) && line.p[head->method.n] == ' ');
    assert(slice_eq(slice_sub(line, head->method.n + 1, head->method.n + 1 + head->target.n),
                    head->target));
    assert(head->path.n && (head->path.p[0] == '/' || slice_eq(head->path, SLICE("*"))));
    assert(!head->query.n || head->query.p[0] == '?');
    for (uint32_t i = 0; i < head->fields.n; i++) {
        assert(next_line(&text, &line));
        check_field(&head->fields.v[i], line, &seen);
    }
    assert(slice_eq(text, SLICE("\r\n")));
    check_framing(head, &seen);
}

/* ---- reading a connection ---- */

/* What was read: every request's method, target and body, then how it ended. */
struct record {
    uint64_t hash;
    unsigned requests;
    int status; /* of the refusal, 0: the bytes ended, -1: malformed chunk */
};

static void note(struct record *rec, struct slice s)
{
    rec->hash = rec->hash * 31 + hash_bytes(s) + s.n;
}

/* The head at p, which comes in pieces; a copy, so that ASan sees a byte too far. */
static struct http_parse_result read_head(const char *p, size_t n, struct record *rec,
                                          struct http_head *head)
{
    static struct http_field table[FIELDS];
    struct http_parse_result r = { .outcome = HTTP_PARSE_MORE };
    size_t scanned = 0, have = 0;

    while (r.outcome == HTTP_PARSE_MORE && have < n) {
        have += piece(n - have);
        char *copy = malloc(have);
        memcpy(copy, p, have);
        r = http_parse_request(copy, have, &scanned, &limits, table, FIELDS, head);
        if (r.outcome == HTTP_PARSE_DONE) {
            assert(r.head_bytes <= have && r.head_bytes <= http_request_head_max(&limits));
            check_plainly(slice_of(copy, r.head_bytes), head);
            note(rec, head->method);
            note(rec, head->target);
        }
        assert(r.outcome != HTTP_PARSE_MORE || have < http_request_head_max(&limits));
        free(copy);
    }
    return r;
}

/* Bytes of the chunked body at p; 0: it did not end, -1: malformed. */
static ptrdiff_t read_chunks(const char *p, size_t n, struct record *rec)
{
    struct http_chunked c = { 0 };
    size_t at = 0;

    while (at < n) {
        size_t used = piece(n - at), given = used;
        struct slice payload;
        int end = http_chunked_next(&c, p + at, &used, &payload);
        assert(used <= given && (used || end));
        assert(!payload.n || (payload.p >= p + at && payload.p + payload.n <= p + at + used));
        for (size_t i = 0; i < payload.n; i++)
            note(rec, slice_sub(payload, i, i + 1));
        at += used;
        if (end)
            return end > 0 ? (ptrdiff_t)at : -1;
    }
    return 0;
}

static struct record read_connection(struct slice s)
{
    struct record rec = { 0 };

    while (s.n) {
        struct http_head head;
        struct http_parse_result r = read_head(s.p, s.n, &rec, &head);
        if (r.outcome != HTTP_PARSE_DONE) {
            rec.status = r.status;
            break;
        }
        rec.requests++;
        s = slice_skip(s, r.head_bytes);
        ptrdiff_t body = head.framing == HTTP_BODY_LENGTH ? (ptrdiff_t)head.length : 0;
        if (head.framing == HTTP_BODY_CHUNKED) {
            body = read_chunks(s.p, s.n, &rec);
            rec.status = body < 0 ? -1 : 0;
            if (body <= 0)
                break;
        }
        s = slice_skip(s, (size_t)body);
    }
    return rec;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 20000)
        return 0;
    struct slice s = slice_of(data + 1, size - 1);
    piece_seed = 0;
    struct record whole = read_connection(s);
    piece_seed = 1u + data[0] * 7919u;
    struct record pieces = read_connection(s);
    assert(whole.requests == pieces.requests);
    assert(whole.hash == pieces.hash);
    /* Which of several faults is named may depend on how much was there; that there is one may
     * not. */
    assert((whole.status != 0) == (pieces.status != 0));
    return 0;
}
