/* platform/http: heads of requests and responses; what is refused, and with which status. */
#include "platform/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/base/hash.h"

#define FIELDS 200u

static const struct http_limits limits = { .head_bytes = 32 * 1024, .target_bytes = 8 * 1024, .fields = FIELDS };
static struct http_field table[FIELDS];
static struct http_head head;

/* Parse a copy without a terminating zero, so that ASan sees a read beyond the end. */
static struct http_parse_result parse_n(const char *text, size_t n)
{
    static char *copy;
    size_t scanned = 0;

    free(copy);
    copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    return http_parse_request(copy, n, &scanned, &limits, table, FIELDS, &head);
}

static struct http_parse_result parse(const char *text)
{
    return parse_n(text, strlen(text));
}

static void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq(s, slice_from(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), expected);
}

static void assert_good(const char *text)
{
    struct http_parse_result r = parse(text);

    if (r.outcome != HTTP_PARSE_DONE)
        fail_msg("refused with %d (%s): %s", r.status, r.why ? r.why : "more", text);
    assert_int_equal(r.head_bytes, strstr(text + 2, "\r\n\r\n") + 4 - text);
}

static void a_request_head_is_taken_apart(void **state)
{
    (void)state;
    assert_good("POST /a/b?c=d HTTP/1.1\r\nHost: x.example:80\r\nContent-Length: 12\r\nX-A:\t v w \t\r\nEmpty:\r\n\r\nbody");
    assert_slice(head.method, "POST");
    assert_slice(head.target, "/a/b?c=d");
    assert_slice(head.path, "/a/b");
    assert_slice(head.query, "?c=d");
    assert_slice(head.authority, "x.example:80");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.framing, HTTP_BODY_LENGTH);
    assert_int_equal(head.length, 12);
    assert_true(head.keep_alive);
    assert_int_equal(head.fields.n, 4);
    assert_slice(head.fields.v[2].name, "X-A");
    assert_slice(head.fields.v[2].value, "v w");
    assert_slice(head.fields.v[3].value, "");
    for (uint32_t i = 0; i < head.fields.n; i++)
        assert_int_equal(head.fields.v[i].hash, hash_name(head.fields.v[i].name));
}

static void targets_have_four_forms(void **state)
{
    (void)state;
    assert_good("GET http://other.example HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.authority, "other.example");
    assert_slice(head.path, "/");
    assert_good("GET HTTPS://other.example:8443/p?q HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.authority, "other.example:8443");
    assert_slice(head.path, "/p");
    assert_slice(head.query, "?q");
    assert_good("GET http://o?q HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.path, "/");
    assert_slice(head.query, "?q");
    assert_good("OPTIONS http://o HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.path, "*");
    assert_good("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.path, "*");
    assert_good("GET // HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_slice(head.path, "//");
}

static void persistence_is_as_version_and_connection_say(void **state)
{
    (void)state;
    assert_good("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(head.minor, 0);
    assert_false(head.keep_alive);
    assert_good("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_true(head.keep_alive);
    assert_good("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n");
    assert_false(head.keep_alive);
    assert_good("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n");
    assert_false(head.keep_alive);
    assert_good("GET / HTTP/1.7\r\nHost: x\r\n\r\n");
    assert_int_equal(head.minor, 1);
    assert_good("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_true(head.upgrade);
    assert_good("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n");
    assert_false(head.upgrade);
}

static void bodies_are_framed_by_length_or_chunks(void **state)
{
    (void)state;
    assert_good("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n");
    assert_int_equal(head.framing, HTTP_BODY_CHUNKED);
    assert_true(head.expect_continue);
    assert_good("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_false(head.expect_continue);
    assert_good("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_false(head.expect_continue);
    assert_good("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n");
    assert_int_equal(head.length, INT64_MAX);
}

static void one_empty_line_before_is_passed_over(void **state)
{
    (void)state;
    assert_good("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(parse("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
    assert_int_equal(parse("\r").outcome, HTTP_PARSE_MORE);
    assert_int_equal(parse("\r\n").outcome, HTTP_PARSE_MORE);
    assert_int_equal(parse("").outcome, HTTP_PARSE_MORE);
    assert_int_equal(parse("\n").outcome, HTTP_PARSE_BAD);
}

struct refusal {
    int status;
    const char *text;
};

static const struct refusal refusals[] = {
    /* request line */
    { 400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n" },
    { 400, "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET /\r\nHost: x\r\n\r\n" },
    { 400, "GET HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET / http/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET / HTTP/1\r\nHost: x\r\n\r\n" },
    { 400, "GET / HTTP/1.1x\r\nHost: x\r\n\r\n" },
    { 400, "GET / HTTP/11.1\r\nHost: x\r\n\r\n" },
    { 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "G(T / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "/ HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "\x16\x03\x01\x02" },
    { 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n" },
    { 505, "PRI * HTTP/2.0\r\n\r\n" },
    { 505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n" },
    { 501, "ABCDEFGHIJABCDEFGHIJABCDEFGHIJABCDEFGHIJ / HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 501, "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" },
    { 400, "GET x:443 HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET http:///p HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET http://u@x/p HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET http:/p HTTP/1.1\r\nHost: x\r\n\r\n" },
    { 400, "GET ?a HTTP/1.1\r\nHost: x\r\n\r\n" },
    /* Host */
    { 400, "GET / HTTP/1.1\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" },
    { 400, "GET / HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n" },
    { 400, "GET http://a/ HTTP/1.1\r\n\r\n" },
    /* line ends */
    { 400, "GET / HTTP/1.1\nHost: x\n\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\n\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\n\rA: b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\rHost: x\r\n\r\n" },
    /* fields */
    { 400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA\t: b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA(: b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA\xc3\xa4: b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: \x0b\r\n\r\n" },
    { 400, "GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n" },
    /* framing */
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: identity\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n" },
    { 400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 400, "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"\r\n\r\n" },
    { 501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n" },
};

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct http_parse_result r = parse(refusals[i].text);
        if (r.outcome != HTTP_PARSE_BAD || r.status != refusals[i].status)
            fail_msg("outcome %d status %d: %s", r.outcome, r.status, refusals[i].text);
        assert_non_null(r.why);
    }
}

static void a_nul_byte_is_refused_wherever_it_stands(void **state)
{
    static const char good[] = "POST /ab HTTP/1.1\r\nHost: x\r\nAbc: def\r\n\r\n";
    char text[sizeof good];

    (void)state;
    for (size_t i = 0; i + 3 < sizeof good - 1; i++) {
        memcpy(text, good, sizeof good);
        text[i] = 0;
        struct http_parse_result r = parse_n(text, sizeof good - 1);
        if (r.outcome != HTTP_PARSE_BAD || r.status != 400)
            fail_msg("NUL at %zu: outcome %d status %d", i, r.outcome, r.status);
    }
}

/* The rule for the 1st field is the rule for the 65th and the 200th (civetweb forgets it after the 64th). */
static void rules_hold_for_late_fields(void **state)
{
    static const char *const late[] = { "Host: y\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                                        "Content-Length: 1\r\nContent-Length: 1\r\n", "A : b\r\n", " folded\r\n" };
    char text[16384];

    (void)state;
    for (size_t l = 0; l < COUNT_OF(late); l++) {
        for (unsigned before = 60; before < 70; before++) {
            size_t n = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: x\r\n");
            for (unsigned i = 0; i < before; i++)
                n += (size_t)sprintf(text + n, "X-%u: %u\r\n", i, i);
            sprintf(text + n, "%s\r\n", late[l]);
            assert_int_equal(parse(text).status, 400);
        }
    }
    size_t n = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: x\r\n");
    for (unsigned i = 0; i < 70; i++)
        n += (size_t)sprintf(text + n, "X-%u: %u\r\n", i, i);
    sprintf(text + n, "Content-Length: 5\r\n\r\n");
    assert_good(text);
    assert_int_equal(head.length, 5);
    assert_int_equal(head.fields.n, 72);
}

static void limits_hold_to_the_byte(void **state)
{
    char *text = malloc(100000);
    size_t n;

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        n = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n", (int)(limits.target_bytes - 1 + over), 0);
        assert_int_equal(parse_n(text, n).outcome, over ? HTTP_PARSE_BAD : HTTP_PARSE_DONE);
        if (over)
            assert_int_equal(parse_n(text, n).status, 414);
        n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\nA: %0*d\r\n\r\n",
                            (int)(limits.head_bytes - 9 - 5 + over), 0);
        assert_int_equal(parse_n(text, n).outcome, over ? HTTP_PARSE_BAD : HTTP_PARSE_DONE);
        if (over)
            assert_int_equal(parse_n(text, n).status, 431);
        n = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (size_t i = 1; i < FIELDS + over; i++)
            n += (size_t)sprintf(text + n, "a:\r\n");
        n += (size_t)sprintf(text + n, "\r\n");
        assert_int_equal(parse_n(text, n).outcome, over ? HTTP_PARSE_BAD : HTTP_PARSE_DONE);
        if (over)
            assert_int_equal(parse_n(text, n).status, 431);
    }
    free(text);
}

/* Whatever fills the buffer without an end is refused by then, so that the listener never stands with a full one. */
static void a_head_without_end_is_refused_within_the_largest_size(void **state)
{
    static const struct { const char *begin; int status; } cases[] = {
        { "GET /", 414 }, { "GET / HTTP/1.1\r\nHost: x\r\nA: ", 431 }, { "A", 501 },
    };
    size_t max = http_request_head_max(&limits);
    char *text = malloc(max);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        memset(text, 'a', max);
        memcpy(text, cases[i].begin, strlen(cases[i].begin));
        struct http_parse_result r = parse_n(text, max);
        assert_int_equal(r.outcome, HTTP_PARSE_BAD);
        assert_int_equal(r.status, cases[i].status);
    }
    free(text);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    static const char text[] = "\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET";
    size_t whole = sizeof text - 1 - 6, scanned = 0;

    (void)state;
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(
            http_parse_request(text, n, &scanned, &limits, table, FIELDS, &head).outcome, HTTP_PARSE_MORE);
    struct http_parse_result r = http_parse_request(text, sizeof text - 1, &scanned, &limits, table, FIELDS, &head);
    assert_int_equal(r.outcome, HTTP_PARSE_DONE);
    assert_int_equal(r.head_bytes, whole);
}

/* ---- responses ---- */

static struct http_parse_result parse_response(const char *text, const char *method)
{
    static char *copy;
    size_t scanned = 0, n = strlen(text);

    free(copy);
    copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    return http_parse_response(copy, n, &scanned, &limits, slice_from(method), table, FIELDS, &head);
}

static void a_response_head_is_taken_apart(void **state)
{
    (void)state;
    assert_int_equal(parse_response("HTTP/1.1 404 Not  Found\r\nContent-Length: 3\r\n\r\nabc", "GET").head_bytes, 46);
    assert_int_equal(head.status, 404);
    assert_slice(head.reason, "Not  Found");
    assert_int_equal(head.framing, HTTP_BODY_LENGTH);
    assert_true(head.keep_alive);
    assert_int_equal(parse_response("HTTP/1.1 200\r\n\r\n", "GET").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_TO_CLOSE);
    assert_false(head.keep_alive);
    assert_int_equal(parse_response("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", "GET").outcome,
                     HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_CHUNKED);
    assert_int_equal(parse_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_false(head.keep_alive);
    assert_int_equal(parse_response("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "GET").outcome,
                     HTTP_PARSE_DONE);
    assert_true(head.upgrade);
    assert_int_equal(parse_response("HTTP/1.1 200 OK\r\nA: b", "GET").outcome, HTTP_PARSE_MORE);
    assert_int_equal(parse_response("", "GET").outcome, HTTP_PARSE_MORE);
}

static void some_responses_have_no_body(void **state)
{
    (void)state;
    assert_int_equal(parse_response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_int_equal(head.length, 3);
    assert_true(head.keep_alive);
    assert_int_equal(parse_response("HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n", "GET").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_int_equal(parse_response("HTTP/1.1 204 N\r\n\r\n", "GET").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_int_equal(parse_response("HTTP/1.1 100 C\r\n\r\n", "GET").outcome, HTTP_PARSE_DONE);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
}

static void malformed_responses_are_refused(void **state)
{
    static const char *const malformed[] = {
        "SSH-2.0\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        struct http_parse_result r = parse_response(malformed[i], "GET");
        if (r.outcome != HTTP_PARSE_BAD || r.status != 502)
            fail_msg("outcome %d status %d: %s", r.outcome, r.status, malformed[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_head_is_taken_apart),
        cmocka_unit_test(targets_have_four_forms),
        cmocka_unit_test(persistence_is_as_version_and_connection_say),
        cmocka_unit_test(bodies_are_framed_by_length_or_chunks),
        cmocka_unit_test(one_empty_line_before_is_passed_over),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused_wherever_it_stands),
        cmocka_unit_test(rules_hold_for_late_fields),
        cmocka_unit_test(limits_hold_to_the_byte),
        cmocka_unit_test(a_head_without_end_is_refused_within_the_largest_size),
        cmocka_unit_test(a_head_may_come_byte_by_byte),
        cmocka_unit_test(a_response_head_is_taken_apart),
        cmocka_unit_test(some_responses_have_no_body),
        cmocka_unit_test(malformed_responses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
