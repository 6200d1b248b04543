/* HTTP/1.1 messages: heads, field tables, body framing (RFC 9110, RFC 9112). Pure parsing, no sockets.
 * One strict parser serves the listener (requests) and the lean client (responses). */
#ifndef PLATFORM_HTTP_H
#define PLATFORM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/slice.h"

/* ---- field tables ---- */
struct http_field {
    struct slice name;  /* as received or set; compared without regard to case */
    struct slice value; /* without surrounding OWS */
    uint32_t hash;      /* hash_name(name) */
};

/* A table in order of arrival. v may point into a fixed array (parsing) or an arena (after http_fields_own). */
struct http_fields {
    struct http_field *v;
    uint32_t n, cap;
    struct arena *arena; /* where the table grows; NULL: it cannot */
};

/* First field of that name, or NULL. The hash form is for names hashed at compile time. */
struct http_field *http_fields_find(const struct http_fields *f, struct slice name);
struct http_field *http_fields_find_hash(const struct http_fields *f, struct slice name, uint32_t hash);
/* Value of the first field of that name, or the empty slice with p == NULL. */
struct slice http_fields_get(const struct http_fields *f, struct slice name);
/* Copy the table (not the text it points to) into arena a, where it can then grow. */
bool http_fields_own(struct http_fields *f, struct arena *a, const struct http_fields *from) WARN_UNUSED;
/* Add one line; text is borrowed. False when the arena is full. */
bool http_fields_add(struct http_fields *f, struct slice name, struct slice value) WARN_UNUSED;
/* Remove every field of that name; how many there were. */
unsigned http_fields_remove(struct http_fields *f, struct slice name);
/* Replace every field of that name by one line, which keeps the place of the first. */
bool http_fields_set(struct http_fields *f, struct slice name, struct slice value) WARN_UNUSED;

/* token of RFC 9110 5.6.2: names of fields, methods. */
bool http_is_token(struct slice s);
/* A field value: no control character but HTAB (RFC 9110 5.5). What policies write is checked with this. */
bool http_is_field_value(struct slice s);
/* Connection, Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, Trailer, Proxy-Authenticate..: fields that end at
 * this hop (RFC 9110 7.6.1), beside those that the Connection field names. */
bool http_is_hop_by_hop(const struct http_field *field);

/* ---- heads ---- */
enum http_framing {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_TO_CLOSE, /* responses only */
};

struct http_head {
    /* request */
    struct slice method;
    struct slice target;    /* as received */
    struct slice path;      /* origin-form path, never empty ("/"); "*" for OPTIONS * */
    struct slice query;     /* with the leading '?', or empty */
    struct slice authority; /* of an absolute-form target, else the Host field's value */
    /* response */
    int status;
    struct slice reason;
    /* both */
    uint8_t minor; /* HTTP/1.minor: 0 or 1 */
    struct http_fields fields;
    enum http_framing framing;
    uint64_t length; /* of HTTP_BODY_LENGTH */
    bool keep_alive; /* what version and Connection say */
    bool expect_continue;
    bool upgrade;    /* Connection: upgrade with an Upgrade field */
};

/* Longest method: no registered one has more than 18 bytes; over it 501 (RFC 9112 3). */
#define HTTP_METHOD_MAX 32u

struct http_limits {
    size_t head_bytes;   /* limits.header.bytes: field lines (and a status line) together; over it 431 */
    size_t target_bytes; /* limits.target.bytes: over it 414 */
    uint32_t fields;     /* limits.header.count: over it 431 */
};

/* Bytes that the largest request head within the limits has: what a buffer must hold. */
static inline size_t http_request_head_max(const struct http_limits *limits)
{
    return 2 + HTTP_METHOD_MAX + 1 + limits->target_bytes + sizeof " HTTP/1.1\r\n" - 1 + limits->head_bytes + 2;
}

enum http_parse {
    HTTP_PARSE_MORE, /* no complete head yet */
    HTTP_PARSE_DONE,
    HTTP_PARSE_BAD,  /* *status is the answer: 400, 414, 431, 501, 505 */
};

struct http_parse_result {
    enum http_parse outcome;
    size_t head_bytes;   /* DONE: bytes of the head, final CRLF included */
    int status;          /* BAD; of a response: 502 */
    const char *why;     /* BAD: what was wrong, for the log */
};

/* Parse a request head in buf[0..n). scanned: in/out, bytes already searched for the end of the head (0 at first).
 * table/cap: room for the fields; the head's slices point into buf. Strict as architecture.md decision 2 says. */
struct http_parse_result http_parse_request(const char *buf, size_t n, size_t *scanned, const struct http_limits *limits,
                                            struct http_field *table, uint32_t cap, struct http_head *head);
/* The same for a response; request_method decides framing (HEAD, CONNECT). 1xx heads are returned as such. */
struct http_parse_result http_parse_response(const char *buf, size_t n, size_t *scanned, const struct http_limits *limits,
                                             struct slice request_method, struct http_field *table, uint32_t cap,
                                             struct http_head *head);

/* ---- chunked bodies (RFC 9112 7.1) ---- */
/* A chunk-size line with its extensions; a trailer section. Ours are limits of good sense: nobody needs more. */
#define HTTP_CHUNK_LINE_MAX 1024u
#define HTTP_TRAILER_MAX 8192u

/* Zero-initialised: before the first chunk. */
struct http_chunked {
    uint8_t state;
    uint64_t left;       /* of the present chunk */
    uint32_t line_bytes; /* of chunk-size line or trailer section so far */
    uint64_t total;      /* payload bytes so far */
};
/* Decode: consume some of in[0..*in_n), set *out to a run of payload inside `in` (maybe empty). Returns 1 when the body has
 * ended (trailer section consumed), 0 when it goes on, -1 when it is malformed. *in_n becomes the bytes consumed. */
int http_chunked_next(struct http_chunked *c, const char *in, size_t *in_n, struct slice *out);

/* ---- writing ---- */
/* Default reason phrase of a status (RFC 9110 15; "Unknown" otherwise). */
struct slice http_reason(int status);
/* "HTTP/1.1 200 OK\r\n" */
void http_put_status_line(struct buf *b, int status, struct slice reason);
void http_put_field(struct buf *b, struct slice name, struct slice value);

#endif
