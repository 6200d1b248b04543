/* What the head check lets through, backends must see as exactly one request, whatever policies wrote into
 * it.
 *
 * Input: a request head as a client sends it; behind the first byte 0xff what policies did: path LF query
 * LF host LF, then name LF value LF pairs that are added as they are. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/forward_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS_MAX 200u

static const struct http_limits limits = { .head_bytes = 1u << 20, .target_bytes = 1u << 20, .fields = 400 };

static struct slice next_line(struct slice *rest)
{
    struct slice line = SLICE_NONE;

    slice_cut(rest, '\n', &line);
    return line;
}

static void apply_policies(struct forward_request *rq, struct http_fields *fields, struct slice script)
{
    struct slice path = next_line(&script);

    if (path.n)
        rq->path = path;
    rq->query = script.n ? next_line(&script) : rq->query;
    rq->host = next_line(&script);
    while (script.n) {
        struct slice name = next_line(&script);
        if (!http_fields_add(fields, name, next_line(&script)))
            return;
    }
}

static unsigned count_name(struct slice text, const char *lower)
{
    unsigned count = 0;
    struct slice line;

    while (slice_cut(&text, '\n', &line)) {
        struct slice name;
        if (slice_cut(&line, ':', &name) && slice_eq_icase(slice_trim(name), slice_from(lower)))
            count++;
    }
    return count;
}

/* As a careless parser reads: every LF ends a line, every CR too, NUL ends the text. */
static void check_careless(struct slice head, const struct forward_request *rq, enum http_framing framing)
{
    for (size_t i = 0; i < head.n; i++) {
        assert(head.p[i] != 0);
        if (head.p[i] == '\n')
            assert(i > 0 && head.p[i - 1] == '\r');
        if (head.p[i] == '\r')
            assert(i + 1 < head.n && head.p[i + 1] == '\n');
        if (head.p[i] == '\n' && i + 1 < head.n)
            assert(head.p[i + 1] != ' ' && head.p[i + 1] != '\t');
    }
    assert(slice_find(head, SLICE("\r\n\r\n")) == (ptrdiff_t)head.n - 4);
    assert(count_name(head, "host") == 1);
    unsigned lengths = count_name(head, "content-length"), codings = count_name(head, "transfer-encoding");
    assert(codings == (framing == HTTP_BODY_CHUNKED));
    assert(lengths + codings <= 1);
    assert(framing == HTTP_BODY_NONE || lengths + codings == 1);
    assert(!count_name(head, "connection") && !count_name(head, "expect") && !count_name(head, "upgrade"));
    assert(!count_name(head, "te") && !count_name(head, "trailer") && !count_name(head, "keep-alive"));
    assert(slice_starts(head, rq->method) && head.p[rq->method.n] == ' ');
}

/* As a strict one does: ours. */
static void check_strict(struct slice text, const struct forward_request *rq, enum http_framing framing,
                         uint64_t length)
{
    static struct http_field table[400];
    struct http_head seen;
    size_t scanned = 0;
    char *copy = malloc(text.n); /* exactly as large: a read beyond is seen */

    memcpy(copy, text.p, text.n);
    struct http_parse_result r;
    r = http_parse_request(copy, text.n, &scanned, &limits, table, COUNT_OF(table), &seen);
    assert(r.outcome == HTTP_PARSE_DONE);
    assert(r.head_bytes == text.n);
    assert(slice_eq(seen.method, rq->method));
    assert(seen.framing == framing);
    assert(framing != HTTP_BODY_LENGTH || seen.length == length);
    assert(!seen.expect_continue && !seen.upgrade && seen.keep_alive);
    free(copy);
}

static void forward_one(const struct http_head *head, struct slice script, struct arena *a)
{
    const struct http1_target target = { .host = SLICE("backend"), .authority = SLICE("backend:8080") };
    struct http_fields fields;
    const char *why;

    if (!http_fields_own(&fields, a, &head->fields) || !forward_strip_fields(&fields))
        return;
    struct forward_request rq = { .method = head->method, .path = head->path, .query = head->query,
                                  .fields = &fields, .client_ip = SLICE("10.0.0.1") };
    if (script.n)
        apply_policies(&rq, &fields, script);
    struct slice out = forward_write_head(a, &target, &rq, head->framing, head->length, SLICE_NONE, &why);
    if (!out.p)
        return;
    check_careless(out, &rq, head->framing);
    check_strict(out, &rq, head->framing, head->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_field table[FIELDS_MAX];
    struct slice input = slice_of(data, size), text = input, script = SLICE_NONE;
    ptrdiff_t mark = slice_find_byte(input, (char)0xff);
    struct http_head head;
    struct arena arena;
    size_t scanned = 0;

    if (size > 16384)
        return 0;
    if (mark >= 0) {
        text = slice_first(input, (size_t)mark);
        script = slice_skip(input, (size_t)mark + 1);
    }
    struct http_parse_result r;
    r = http_parse_request(text.p, text.n, &scanned, &limits, table, FIELDS_MAX, &head);
    if (r.outcome != HTTP_PARSE_DONE)
        return 0;
    arena_init_growing(&arena, 1u << 20);
    forward_one(&head, script, &arena);
    arena_free(&arena);
    return 0;
}
