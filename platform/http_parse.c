/* Heads of requests and responses, strictly (RFC 9112 2-6), in place: slices point into the
 * caller's buffer.
 *
 * Two steps. The first looks for the end of the head, line by line, only in what is new (a slow
 * head costs no more than a fast one), and refuses at once what can never become a head. The
 * second, run once, parses.
 *
 * Invariants
 * 1. A head that two parsers could frame differently is refused, not repaired: bare CR or LF,
 *    NUL, obs-fold, space before the colon, two Content-Lengths, Content-Length beside
 *    Transfer-Encoding, two Hosts.
 * 2. Each rule holds for every field, whatever its place.
 * 3. Nothing is read beyond the end of the head, and nothing is copied. */
#include "platform/http_int.h"

#include "platform/base/hash.h"

#define VERSION_BYTES (sizeof "HTTP/1.1" - 1)

struct parser {
    const char *p, *end; /* end: behind the last CRLF */
    const struct http_limits *limits;
    struct http_head *head;
    uint32_t cap;
    /* what the framing fields said */
    unsigned hosts, lengths, codings;
    struct slice host, length, coding;
    bool close, keep_alive, upgrade_option, upgrade_field, expect_continue;
    int status; /* of a refusal */
    const char *why;
};

static bool refuse(struct parser *s, int status, const char *why)
{
    s->status = status;
    s->why = why;
    return false;
}

static struct http_parse_result bad(int status, const char *why)
{
    return (struct http_parse_result){ .outcome = HTTP_PARSE_BAD, .status = status, .why = why };
}

static struct http_parse_result more(void)
{
    return (struct http_parse_result){ .outcome = HTTP_PARSE_MORE };
}

/* ---- step 1: the end of the head ---- */

/* One empty line before a request is passed over (RFC 9112 2.2). */
static size_t leading_empty_line(const char *buf, size_t n)
{
    return n >= 2 && buf[0] == '\r' && buf[1] == '\n' ? 2 : 0;
}

/* Index behind the head's last CRLF; 0: not yet; -1: a line ends in a bare LF. */
static ptrdiff_t find_end(const char *buf, size_t n, size_t begin, size_t *scanned)
{
    size_t at = *scanned < begin ? begin : *scanned;

    while (at < n) {
        const char *lf = memchr(buf + at, '\n', n - at);
        if (!lf)
            break;
        at = (size_t)(lf - buf) + 1;
        if (at < begin + 2 || lf[-1] != '\r')
            return -1;
        if (at >= begin + 4 && lf[-2] == '\n')
            return (ptrdiff_t)at;
        if (at == begin + 2) /* a second empty line */
            return -1;
    }
    *scanned = n;
    return 0;
}

/* Is the incomplete request head already too large? */
static struct http_parse_result still_small(const char *buf, size_t n, size_t begin,
                                            const struct http_limits *limits)
{
    size_t line_max = HTTP_METHOD_MAX + 1 + limits->target_bytes + 1 + VERSION_BYTES + 2;
    size_t length = n - begin;

    if (length <= line_max && length <= limits->head_bytes)
        return more();
    const char *lf = memchr(buf + begin, '\n', length);
    size_t line = lf ? (size_t)(lf - buf) + 1 - begin : length;
    if (line > line_max)
        return memchr(buf + begin, ' ', HTTP_METHOD_MAX + 1)
                   ? bad(414, "target over limits.target.bytes")
                   : bad(501, "method too long");
    if (length - line > limits->head_bytes)
        return bad(431, "fields over limits.header.bytes");
    return more();
}

/* ---- fields ---- */

static bool list_has(struct slice list, struct slice token)
{
    struct slice part;

    while (slice_cut(&list, ',', &part))
        if (slice_eq_icase(slice_trim_ows(part), token))
            return true;
    return false;
}

static void note_connection(struct parser *s, struct slice value)
{
    s->close |= list_has(value, SLICE("close"));
    s->keep_alive |= list_has(value, SLICE("keep-alive"));
    s->upgrade_option |= list_has(value, SLICE("upgrade"));
}

/* The fields that say how the message is framed and who is meant. */
static void note_field(struct parser *s, const struct http_field *field)
{
    switch (field->name.n) {
    case 4:
        if (HTTP_NAME_IS(field->name, "Host")) {
            s->hosts++;
            s->host = field->value;
        }
        break;
    case 6:
        if (HTTP_NAME_IS(field->name, "Expect")
            && slice_eq_icase(field->value, SLICE("100-continue")))
            s->expect_continue = true;
        break;
    case 7:
        if (HTTP_NAME_IS(field->name, "Upgrade") && field->value.n)
            s->upgrade_field = true;
        break;
    case 10:
        if (HTTP_NAME_IS(field->name, "Connection"))
            note_connection(s, field->value);
        break;
    case 14:
        if (HTTP_NAME_IS(field->name, "Content-Length")) {
            s->lengths++;
            s->length = field->value;
        }
        break;
    case 17:
        if (HTTP_NAME_IS(field->name, "Transfer-Encoding")) {
            s->codings++;
            s->coding = field->value;
        }
        break;
    default:
        break;
    }
}

static bool bad_name(struct parser *s, const char *begin)
{
    if (s->p == begin && (*s->p == ' ' || *s->p == '\t'))
        return refuse(s, 400, "obs-fold");
    if (*s->p == ' ' || *s->p == '\t')
        return refuse(s, 400, "white space in or after a field name");
    return refuse(s, 400,
                  s->p == begin && *s->p == ':' ? "empty field name" : "field name is no token");
}

/* field-line = field-name ":" OWS field-value OWS CRLF */
static bool parse_field(struct parser *s, struct http_field *field)
{
    const char *p = s->p, *begin = p;
    uint32_t hash = 2166136261u; /* hash_name, on the way */

    while (http_is(*p, HTTP_TOKEN))
        hash = (hash ^ (unsigned char)ascii_lower(*p++)) * 16777619u;
    s->p = p;
    if (*p != ':' || p == begin)
        return bad_name(s, begin);
    field->name = slice_of(begin, (size_t)(p - begin));
    field->hash = hash;
    do
        p++;
    while (*p == ' ' || *p == '\t');
    begin = p;
    while (http_is(*p, HTTP_VALUE))
        p++;
    s->p = p + 2;
    if (p[0] != '\r' || p[1] != '\n')
        return refuse(s, 400,
                      *p == '\r' ? "bare CR"
                      : *p       ? "control character in a field value"
                                 : "NUL");
    while (p > begin && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    field->value = slice_of(begin, (size_t)(p - begin));
    return true;
}

static bool parse_fields(struct parser *s)
{
    struct http_fields *fields = &s->head->fields;

    if ((size_t)(s->end - s->p) > s->limits->head_bytes + 2)
        return refuse(s, 431, "fields over limits.header.bytes");
    while (s->end - s->p > 2) {
        if (fields->n == s->cap)
            return refuse(s, 431, "fields over limits.header.count");
        struct http_field *field = &fields->v[fields->n];
        if (!parse_field(s, field))
            return false;
        fields->n++;
        note_field(s, field);
    }
    return true;
}

/* ---- framing (RFC 9112 6.3) ---- */

static bool parse_coding(struct parser *s)
{
    if (s->lengths)
        return refuse(s, 400, "Content-Length beside Transfer-Encoding");
    if (s->codings > 1)
        return refuse(s, 400, "two Transfer-Encoding fields");
    if (s->head->minor == 0)
        return refuse(s, 400, "Transfer-Encoding in HTTP/1.0");
    if (!slice_eq_icase(s->coding, SLICE("chunked")))
        return refuse(s, 501, "Transfer-Encoding is not chunked");
    s->head->framing = HTTP_BODY_CHUNKED;
    return true;
}

static bool parse_length(struct parser *s)
{
    if (s->lengths > 1)
        return refuse(s, 400, "two Content-Length fields");
    if (!slice_to_u64(s->length, INT64_MAX, &s->head->length))
        return refuse(s, 400, "Content-Length is no number");
    s->head->framing = s->head->length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    return true;
}

static void set_persistence(struct parser *s)
{
    struct http_head *head = s->head;

    head->keep_alive = !s->close && (head->minor >= 1 || s->keep_alive);
    head->upgrade = head->minor >= 1 && s->upgrade_option && s->upgrade_field;
}

/* HTTP-version = "HTTP/" DIGIT "." DIGIT; 1.2 and above are read as 1.1 (RFC 9110 2.5). */
static bool parse_version(struct parser *s, const char *p)
{
    if (memcmp(p, "HTTP/", 5) != 0 || !ascii_is_digit(p[5]) || p[6] != '.' || !ascii_is_digit(p[7]))
        return refuse(s, 400, "malformed HTTP version");
    if (p[5] != '1')
        return refuse(s, 505, "HTTP version is not 1.x");
    s->head->minor = p[7] == '0' ? 0 : 1;
    return true;
}

/* ---- requests ---- */

static bool is_authority(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!http_is(s.p[i], HTTP_HOST))
            return false;
    return s.n > 0;
}

static void split_path(struct http_head *head, struct slice s)
{
    ptrdiff_t mark = slice_find_byte(s, '?');

    head->path = mark < 0 ? s : slice_first(s, (size_t)mark);
    head->query = mark < 0 ? SLICE_NONE : slice_skip(s, (size_t)mark);
}

/* absolute-form = ( "http://" / "https://" ) authority path-abempty [ "?" query ] */
static bool parse_absolute(struct parser *s)
{
    struct http_head *head = s->head;
    struct slice rest = head->target;

    if (slice_starts_icase(rest, SLICE("http://")))
        rest = slice_skip(rest, 7);
    else if (slice_starts_icase(rest, SLICE("https://")))
        rest = slice_skip(rest, 8);
    else
        return refuse(s, 400, "target has no known form");
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    head->authority = slice_first(rest, n);
    if (!is_authority(head->authority))
        return refuse(s, 400, "authority of the target is malformed");
    split_path(head, slice_skip(rest, n));
    if (!head->path.n)
        head->path =
            slice_eq(head->method, SLICE("OPTIONS")) && !head->query.n ? SLICE("*") : SLICE("/");
    return true;
}

static bool parse_target(struct parser *s)
{
    struct http_head *head = s->head;

    if (slice_eq(head->method, SLICE("CONNECT")))
        return refuse(s, 501, "CONNECT");
    if (head->target.p[0] == '/') {
        split_path(head, head->target);
        return true;
    }
    if (slice_eq(head->target, SLICE("*"))) {
        if (!slice_eq(head->method, SLICE("OPTIONS")))
            return refuse(s, 400, "target * with a method other than OPTIONS");
        head->path = head->target;
        return true;
    }
    return parse_absolute(s);
}

/* request-line = method SP request-target SP HTTP-version CRLF */
static bool parse_request_line(struct parser *s)
{
    const char *begin = s->p, *p = begin;

    while (http_is(*p, HTTP_TOKEN))
        p++;
    if (*p != ' ' || p == begin)
        return refuse(s, 400, "method is no token");
    if (p - begin > (ptrdiff_t)HTTP_METHOD_MAX)
        return refuse(s, 501, "method too long");
    s->head->method = slice_of(begin, (size_t)(p - begin));
    begin = ++p;
    while (http_is(*p, HTTP_TARGET))
        p++;
    if (p - begin > (ptrdiff_t)s->limits->target_bytes)
        return refuse(s, 414, "target over limits.target.bytes");
    if (*p != ' ' || p == begin)
        return refuse(s, 400, p == begin ? "no target" : "target is malformed, or no HTTP version");
    s->head->target = slice_of(begin, (size_t)(p - begin));
    p++;
    const char *line_end = memchr(p, '\n', (size_t)(s->end - p));
    if (line_end - p != (ptrdiff_t)VERSION_BYTES + 1)
        return refuse(s, 400, "malformed HTTP version");
    s->p = line_end + 1;
    return parse_version(s, p) && parse_target(s);
}

static bool check_host(struct parser *s)
{
    if (s->hosts > 1)
        return refuse(s, 400, "two Host fields");
    if (s->hosts == 0 && s->head->minor >= 1)
        return refuse(s, 400, "no Host field");
    if (s->hosts && !is_authority(s->host))
        return refuse(s, 400, "Host is malformed");
    if (!s->head->authority.n)
        s->head->authority = s->host;
    return true;
}

static bool frame_request(struct parser *s)
{
    if (s->codings ? !parse_coding(s) : s->lengths && !parse_length(s))
        return false;
    s->head->expect_continue =
        s->expect_continue && s->head->minor >= 1 && s->head->framing != HTTP_BODY_NONE;
    set_persistence(s);
    return true;
}

static struct parser parser_for(const char *begin, const char *end,
                                const struct http_limits *limits, struct http_field *table,
                                uint32_t cap, struct http_head *head)
{
    uint32_t most = cap < limits->fields ? cap : limits->fields;

    *head = (struct http_head){ .fields = { .v = table, .cap = cap } };
    return (struct parser){ .p = begin, .end = end, .limits = limits, .head = head, .cap = most };
}

struct http_parse_result http_parse_request(const char *buf, size_t n, size_t *scanned,
                                            const struct http_limits *limits,
                                            struct http_field *table, uint32_t cap,
                                            struct http_head *head)
{
    size_t begin = leading_empty_line(buf, n);
    struct http_parse_result early = more();

    /* What can never be a method, a TLS record say, is not waited for. */
    ptrdiff_t end = 0;
    if (n > begin && !http_is(buf[begin], HTTP_TOKEN) && !(n == 1 && buf[0] == '\r'))
        early = bad(400, "method is no token");
    else if ((end = find_end(buf, n, begin, scanned)) < 0)
        early = bad(400, "bare LF");
    else if (end == 0)
        early = still_small(buf, n, begin, limits);
    if (end <= 0) {
        *head = (struct http_head){ 0 };
        return early;
    }
    struct parser s = parser_for(buf + begin, buf + end, limits, table, cap, head);
    if (!parse_request_line(&s) || !parse_fields(&s) || !check_host(&s) || !frame_request(&s))
        return bad(s.status, s.why);
    return (struct http_parse_result){ .outcome = HTTP_PARSE_DONE, .head_bytes = (size_t)end };
}

/* ---- responses ---- */

/* status-line = HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF; the SP before no reason may be
 * missing, as some servers have it. */
static bool parse_status_line(struct parser *s)
{
    const char *p = s->p;

    if (s->end - p < (ptrdiff_t)(VERSION_BYTES + sizeof " 200\r\n" - 1 + 2))
        return refuse(s, 502, "malformed status line");
    if (!parse_version(s, p))
        return false;
    p += VERSION_BYTES;
    if (p[0] != ' ' || p[1] < '1' || p[1] > '5' || !ascii_is_digit(p[2]) || !ascii_is_digit(p[3]))
        return refuse(s, 502, "malformed status line");
    s->head->status = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
    p += 4;
    if (*p == ' ')
        p++;
    else if (*p != '\r')
        return refuse(s, 502, "malformed status line");
    const char *begin = p;
    while (http_is(*p, HTTP_VALUE))
        p++;
    if (p[0] != '\r' || p[1] != '\n')
        return refuse(s, 502, "control character in the status line");
    s->head->reason = slice_of(begin, (size_t)(p - begin));
    s->p = p + 2;
    return true;
}

static bool is_bodiless(const struct http_head *head, struct slice request_method)
{
    if (head->status < 200 || head->status == 204 || head->status == 304)
        return true;
    if (slice_eq(request_method, SLICE("HEAD")))
        return true;
    return slice_eq(request_method, SLICE("CONNECT")) && head->status < 300;
}

static bool frame_response(struct parser *s, struct slice request_method)
{
    struct http_head *head = s->head;

    head->framing = HTTP_BODY_TO_CLOSE;
    if (s->codings ? !parse_coding(s) : s->lengths && !parse_length(s))
        return false;
    if (is_bodiless(head, request_method))
        head->framing = HTTP_BODY_NONE;
    set_persistence(s);
    if (head->framing == HTTP_BODY_TO_CLOSE)
        head->keep_alive = false;
    return true;
}

struct http_parse_result http_parse_response(const char *buf, size_t n, size_t *scanned,
                                             const struct http_limits *limits,
                                             struct slice request_method, struct http_field *table,
                                             uint32_t cap, struct http_head *head)
{
    if (n && buf[0] != 'H')
        return bad(502, "not HTTP");
    ptrdiff_t end = find_end(buf, n, 0, scanned);
    if (end < 0)
        return bad(502, "bare LF");
    if ((size_t)(end ? (size_t)end : n) > limits->head_bytes)
        return bad(502, "head too large");
    if (end == 0)
        return more();
    struct parser s = parser_for(buf, buf + end, limits, table, cap, head);
    if (!parse_status_line(&s) || !parse_fields(&s) || !frame_response(&s, request_method))
        return bad(502, s.why);
    return (struct http_parse_result){ .outcome = HTTP_PARSE_DONE, .head_bytes = (size_t)end };
}
