/* Connections as the request layer sees them: the request's parts, its body, the answer. Nothing
 * here decides what follows an answer; that is http_server.c.
 *
 * Invariants
 * 1. Nothing is read beyond the request body but what came with its last bytes; that is kept in
 *    room->rest.
 * 2. The head of an answer leaves with its first body bytes: small pieces are gathered behind it
 *    in room->out, a large one is sent beside it in one call.
 * 3. A write is tried before a pending cancellation is looked at: an answer that needs no wait
 *    reaches also a client that has closed its sending side. */
#include "platform/conn_int.h"

#include <errno.h>
#include <stdio.h>

#include "platform/http_int.h"

/* ---- the request ---- */

const struct http_head *conn_head(const struct conn *c)
{
    return &c->room->head;
}

struct slice conn_peer_ip(const struct conn *c)
{
    return slice_of(c->peer, c->peer_n);
}

bool conn_is_tls(const struct conn *c)
{
    return c->tls;
}

unsigned conn_local_port(const struct conn *c)
{
    return c->local_port;
}

struct arena *conn_arena(struct conn *c)
{
    return &c->room->arena;
}

uint64_t conn_started(const struct conn *c)
{
    return c->room->started;
}

uint64_t conn_started_wall(const struct conn *c)
{
    return c->room->started_wall;
}

struct sock *conn_sock(struct conn *c)
{
    return &c->stream.sock;
}

bool conn_client_gone(const struct conn *c)
{
    return c->room->gone;
}

uint64_t conn_bytes_sent(const struct conn *c)
{
    return c->room->sent;
}

uint64_t conn_bytes_received(const struct conn *c)
{
    return c->room->received;
}

bool conn_body_done(const struct conn *c)
{
    return c->room->body_done;
}

bool conn_answer_begun(const struct conn *c)
{
    return c->room->answer != ANSWER_NONE;
}

/* ---- sending ---- */

static void advance(struct iovec **iov, int *n, size_t done)
{
    while (*n > 0 && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        ++*iov;
        --*n;
    }
    if (*n > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

/* All of it or false; the listener itself (no fiber) never waits. */
static bool send_all(struct conn *c, struct iovec *iov, int n)
{
    struct room *r = c->room;
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    ssize_t sent = stream_send(&c->stream, iov, n);
    if (sent < 0 && errno != EAGAIN)
        goto spoilt;
    advance(&iov, &n, sent > 0 ? (size_t)sent : 0);
    if (n > 0 && (!fiber_self() || !stream_write_all(&c->stream, iov, n, c->s->options.send_ms)))
        goto spoilt;
    r->sent += total;
    return true;
spoilt:
    r->answer = ANSWER_SPOILT;
    return false;
}

/* ---- the request body ---- */

static void send_continue(struct conn *c)
{
    struct room *r = c->room;
    struct iovec iov = { .iov_base = (char *)"HTTP/1.1 100 Continue\r\n\r\n", .iov_len = 25 };

    r->continue_due = false;
    if (r->answer == ANSWER_NONE && !r->rest.n)
        (void)send_all(c, &iov, 1); /* a failure shows at the next read */
}

static ssize_t fail_body(struct room *r, int error)
{
    r->body_failed = true;
    errno = error;
    return -1;
}

/* Bytes off the wire, without waiting; the end of the stream is an error here. */
static ssize_t receive(struct conn *c, void *buf, size_t n)
{
    struct room *r = c->room;
    ssize_t got = stream_recv(&c->stream, buf, n);

    if (got > 0) {
        r->received += (uint64_t)got;
        return got;
    }
    if (got < 0 && errno == EAGAIN)
        return -1;
    r->gone = true;
    return fail_body(r, got < 0 ? errno : ECONNRESET);
}

static ssize_t take_length(struct conn *c, void *buf, size_t n)
{
    struct room *r = c->room;
    ssize_t got;

    if (n > r->body_left)
        n = (size_t)r->body_left;
    if (r->rest.n) {
        got = (ssize_t)(n < r->rest.n ? n : r->rest.n);
        memcpy(buf, r->rest.p, (size_t)got);
        r->rest = slice_skip(r->rest, (size_t)got);
    } else {
        got = receive(c, buf, n);
        if (got < 0)
            return -1;
    }
    r->body_left -= (uint64_t)got;
    r->body_done = r->body_left == 0;
    return got;
}

/* Decode raw[0..raw_n) into buf, which may be the same place; payload bytes, or -1. *used: raw
 * bytes consumed. */
static ssize_t decode_chunks(struct room *r, const char *raw, size_t raw_n, char *buf, size_t n,
                             size_t *used)
{
    size_t made = 0;

    *used = 0;
    while (*used < raw_n && !r->body_done && made < n) {
        size_t step = raw_n - *used;
        struct slice payload;
        if (step > n - made)
            step = n - made; /* payload is never longer than what it is made of */
        int end = http_chunked_next(&r->chunked, raw + *used, &step, &payload);
        if (end < 0)
            return fail_body(r, EBADMSG);
        if (payload.n)
            memmove(buf + made, payload.p, payload.n);
        made += payload.n;
        *used += step;
        r->body_done = end > 0;
    }
    return (ssize_t)made;
}

/* Keep what was read beyond the end of the body; it fits, see ROOM_BEYOND_HEAD. */
static void keep_rest(struct room *r, const char *p, size_t n)
{
    char *to = r->in + r->head_n;

    memmove(to, p, n);
    r->rest = slice_of(to, n);
}

static ssize_t take_chunked(struct conn *c, char *buf, size_t n)
{
    struct room *r = c->room;
    size_t used;

    if (n > ROOM_BEYOND_HEAD)
        n = ROOM_BEYOND_HEAD;
    for (;;) {
        ssize_t made;
        if (r->rest.n) {
            made = decode_chunks(r, r->rest.p, r->rest.n, buf, n, &used);
            r->rest = slice_skip(r->rest, used);
        } else {
            ssize_t got = receive(c, buf, n);
            if (got < 0)
                return -1;
            made = decode_chunks(r, buf, (size_t)got, buf, n, &used);
            if (made >= 0 && used < (size_t)got)
                keep_rest(r, buf + used, (size_t)got - used);
        }
        if (made != 0 || r->body_done)
            return made;
    }
}

ssize_t conn_body_recv(struct conn *c, void *buf, size_t n)
{
    struct room *r = c->room;

    if (r->body_done || n == 0)
        return 0;
    if (r->body_failed) {
        errno = EBADMSG;
        return -1;
    }
    if (r->continue_due)
        send_continue(c);
    return r->head.framing == HTTP_BODY_CHUNKED ? take_chunked(c, buf, n) : take_length(c, buf, n);
}

ssize_t conn_body_read(struct conn *c, void *buf, size_t n)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &c->stream.sock };

    for (;;) {
        fiber_yield_if_due();
        if (!fiber_check_cancel())
            return -1;
        ssize_t got = conn_body_recv(c, buf, n);
        if (got >= 0 || errno != EAGAIN)
            return got;
        int ready = fiber_wait(&wait, 1, fiber_deadline_ms(c->s->options.body_ms));
        if (ready < 0)
            return -1;
        if (ready == 0)
            return fail_body(c->room, ETIMEDOUT);
    }
}

/* ---- the answer's head ---- */

static bool put(struct room *r, struct slice s)
{
    if (s.n > ROOM_OUT_BYTES - r->out_n)
        return false;
    if (s.n)
        memcpy(r->out + r->out_n, s.p, s.n);
    r->out_n += s.n;
    return true;
}

static bool put_number(struct room *r, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10));
    return put(r, slice_of(digits + at, sizeof digits - at));
}

static bool put_field(struct room *r, struct slice name, struct slice value)
{
    if (name.n + value.n + 4 > ROOM_OUT_BYTES - r->out_n)
        return false;
    return put(r, name) && put(r, SLICE(": ")) && put(r, value) && put(r, SLICE("\r\n"));
}

static bool put_status_line(struct room *r, int status, struct slice reason)
{
    if (status == 200 && !reason.n)
        return put(r, SLICE("HTTP/1.1 200 OK\r\n"));
    if (!reason.n || !http_is_field_value(reason))
        reason = http_reason(status);
    return put(r, SLICE("HTTP/1.1 ")) && put_number(r, (uint64_t)status) && put(r, SLICE(" "))
           && put(r, reason) && put(r, SLICE("\r\n"));
}

/* Fields that the listener writes itself, whatever is in the table. */
static bool is_ours(struct slice name)
{
    switch (name.n) {
    case 10:
        return HTTP_NAME_IS(name, "Connection") || HTTP_NAME_IS(name, "Keep-Alive");
    case 14:
        return HTTP_NAME_IS(name, "Content-Length");
    case 17:
        return HTTP_NAME_IS(name, "Transfer-Encoding");
    default:
        return false;
    }
}

static bool put_fields(struct conn *c, const struct http_fields *fields)
{
    bool has_date = false;

    for (uint32_t i = 0; fields && i < fields->n; i++) {
        const struct http_field *f = &fields->v[i];
        if (is_ours(f->name))
            continue;
        has_date |= HTTP_NAME_IS(f->name, "Date");
        if (!put_field(c->room, f->name, f->value))
            return false;
    }
    return has_date || put_field(c->room, SLICE("Date"), serving_date(c->s));
}

static bool has_no_body(const struct room *r, int status)
{
    return status < 200 || status == 204 || status == 304
           || slice_eq(r->head.method, SLICE("HEAD"));
}

/* Framing (RFC 9112 6) and Connection. */
static bool put_framing(struct room *r, const struct conn_answer *a)
{
    bool bare = a->status < 200 || a->status == 204;

    if (a->framing == HTTP_BODY_LENGTH && !bare) {
        if (!put(r, SLICE("Content-Length: ")) || !put_number(r, a->length)
            || !put(r, SLICE("\r\n")))
            return false;
    } else if (a->framing == HTTP_BODY_NONE && !has_no_body(r, a->status)) {
        if (!put(r, SLICE("Content-Length: 0\r\n")))
            return false;
    } else if (a->framing == HTTP_BODY_CHUNKED && !bare && r->head.minor >= 1) {
        if (!put(r, SLICE("Transfer-Encoding: chunked\r\n")))
            return false;
    }
    if (r->close)
        return put(r, SLICE("Connection: close\r\n"));
    return r->head.minor >= 1 || put(r, SLICE("Connection: keep-alive\r\n"));
}

/* Is there so much of the request body left that it will not be read and dropped? */
static bool leaves_body(const struct room *r)
{
    if (r->body_done)
        return false;
    return r->continue_due || r->body_failed
        || (r->head.framing == HTTP_BODY_LENGTH && r->body_left > r->rest.n + CONN_DROP_BYTES);
}

bool conn_answer_begin(struct conn *c, const struct conn_answer *a)
{
    struct room *r = c->room;
    bool to_close =
        a->framing == HTTP_BODY_CHUNKED && r->head.minor == 0 && !has_no_body(r, a->status);

    if (r->answer != ANSWER_NONE) {
        errno = EALREADY;
        return false;
    }
    r->close = a->close || !r->head.keep_alive || c->s->draining || to_close || leaves_body(r)
            || c->state == CONN_REFUSED;
    if (!put_status_line(r, a->status, a->reason) || !put_fields(c, a->fields) || !put_framing(r, a)
        || !put(r, SLICE("\r\n"))) {
        r->out_n = 0;
        errno = ENOBUFS;
        return false;
    }
    r->answer = ANSWER_BEGUN;
    r->answer_left = a->framing == HTTP_BODY_LENGTH ? a->length : 0;
    r->framing = has_no_body(r, a->status) ? HTTP_BODY_NONE
                 : to_close                ? HTTP_BODY_TO_CLOSE
                                           : a->framing;
    return true;
}

/* ---- the answer's body ---- */

static bool is_writable(const struct room *r)
{
    if (r->answer == ANSWER_BEGUN)
        return true;
    errno = EPIPE;
    return false;
}

static bool spoil(struct room *r, int error)
{
    r->answer = ANSWER_SPOILT;
    errno = error;
    return false;
}

bool conn_answer_flush(struct conn *c)
{
    struct room *r = c->room;
    struct iovec iov = { .iov_base = r->out, .iov_len = r->out_n };

    if (!is_writable(r))
        return false;
    r->out_n = 0;
    return iov.iov_len == 0 || send_all(c, &iov, 1);
}

/* What is gathered, the piece, and what must follow it. */
static bool send_beside(struct conn *c, const void *p, size_t n, struct slice tail)
{
    struct room *r = c->room;
    struct iovec iov[3] = {
        { .iov_base = r->out, .iov_len = r->out_n },
        { .iov_base = (void *)p, .iov_len = n },
        { .iov_base = (void *)tail.p, .iov_len = tail.n },
    };
    bool gathered = r->out_n > 0;

    r->out_n = 0;
    return send_all(c, gathered ? iov : iov + 1, (gathered ? 2 : 1) + (tail.n ? 1 : 0));
}

static bool write_plain(struct conn *c, const void *p, size_t n)
{
    struct room *r = c->room;

    if (r->out_n + n <= ROOM_OUT_GATHER)
        return put(r, slice_of(p, n));
    return send_beside(c, p, n, SLICE_NONE);
}

/* chunk = chunk-size CRLF chunk-data CRLF */
static bool write_chunk(struct conn *c, const void *p, size_t n)
{
    struct room *r = c->room;
    char size[20];
    int digits = snprintf(size, sizeof size, "%zx\r\n", n);

    if (r->out_n + (size_t)digits > ROOM_OUT_BYTES && !conn_answer_flush(c))
        return false;
    if (!put(r, slice_of(size, (size_t)digits)))
        return false;
    if (r->out_n + n + 2 <= ROOM_OUT_GATHER)
        return put(r, slice_of(p, n)) && put(r, SLICE("\r\n"));
    return send_beside(c, p, n, SLICE("\r\n"));
}

bool conn_answer_write(struct conn *c, const void *p, size_t n)
{
    struct room *r = c->room;

    if (!is_writable(r))
        return false;
    if (n == 0)
        return true;
    switch (r->framing) {
    case HTTP_BODY_LENGTH:
        if (n > r->answer_left)
            return spoil(r, EMSGSIZE);
        r->answer_left -= n;
        return write_plain(c, p, n);
    case HTTP_BODY_CHUNKED:
        return write_chunk(c, p, n);
    case HTTP_BODY_TO_CLOSE:
        return write_plain(c, p, n);
    default:
        return true; /* HEAD, 204, 304, or an answer that was announced empty */
    }
}

bool conn_answer_end(struct conn *c)
{
    struct room *r = c->room;

    if (!is_writable(r))
        return false;
    if (r->framing == HTTP_BODY_LENGTH && r->answer_left > 0)
        return spoil(r, EMSGSIZE);
    if (r->framing == HTTP_BODY_CHUNKED && !put(r, SLICE("0\r\n\r\n"))
        && (!conn_answer_flush(c) || !put(r, SLICE("0\r\n\r\n"))))
        return false;
    if (!conn_answer_flush(c))
        return false;
    r->answer = ANSWER_ENDED;
    return true;
}

bool conn_answer_text(struct conn *c, int status, struct slice reason,
                      const struct http_fields *fields, struct slice body)
{
    struct conn_answer a = { .status = status, .reason = reason, .fields = fields,
                             .framing = HTTP_BODY_LENGTH, .length = body.n };

    return conn_answer_begin(c, &a) && conn_answer_write(c, body.p, body.n) && conn_answer_end(c);
}

void conn_abort(struct conn *c)
{
    if (c->room->answer != ANSWER_TAKEN)
        c->room->answer = ANSWER_SPOILT;
}

struct stream *conn_take_stream(struct conn *c, struct slice *buffered)
{
    struct room *r = c->room;

    if (r->answer != ANSWER_NONE)
        return NULL;
    r->answer = ANSWER_TAKEN;
    r->close = true;
    *buffered = r->rest;
    r->rest = SLICE_NONE;
    return &c->stream;
}
