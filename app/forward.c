/* Forwarding one request: the exchange with the backend, its retry, and the response body; see forward.h.
 *
 * While the request goes out three things are waited for at once: bytes of the client's body, room towards
 * the backend, and an early response. The request body passes through one block that is filled only when it
 * is empty.
 *
 * When a request is sent a second time (RFC 9110 9.2.2, RFC 9112 9.3.1). All of these must hold:
 *  1. the connection came from the pool, and was closed or reset before a byte of a response: it was stale;
 *  2. it is the first try; the second one uses a new connection, whose failure is final;
 *  3. the backend cannot have acted on it, because no byte was sent, or acting twice is harmless, because
 *     the method is
 *     idempotent;
 *  4. the body can be sent again: there is none, it is buffered, or what was taken from the client is still
 *     in the block. */
#include "app/forward_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define CONNECT_MS 10000u
#define RESPONSE_MS 300000u
#define IDLE_MS 60000u
#define IDLE_OPEN_END_MS 900000u
#define SEND_MS 30000u
#define BODY_MS 30000u

/* Head, chunk size, data, end of chunk. */
#define PIECES_MAX 4

struct upload {
    const struct forward_request *request;
    enum http_framing framing;
    struct block *block;      /* STREAM: what was taken from the client */
    const struct block *link; /* CHAIN: next to send */
    struct iovec out[PIECES_MAX];
    int at, n;                /* out[at..n) is to be sent */
    bool last;                /* nothing follows what is in out */
    bool begun;
    bool replay;              /* the block's bytes are to be sent again */
    unsigned fills;           /* times the block was filled */
    uint64_t progress_at;     /* when something last moved */
    char size_line[20];
};

/* What the sending half waits for. */
enum side {
    SIDE_FAILED,
    SIDE_AGAIN,    /* nothing: go on */
    SIDE_CLIENT,   /* bytes of the request body */
    SIDE_BACKEND,  /* room towards the backend */
    SIDE_RESPONSE, /* the request is out */
    SIDE_BROKEN,   /* the backend takes no more: only a response that it sent before can help */
};

/* ---- faults ---- */

const char *forward_failure_name(enum forward_failure failure)
{
    static const char *const names[] = {
        [FORWARD_OK] = "ok",
        [FORWARD_CONNECT] = "connect",
        [FORWARD_TIMEOUT] = "timeout",
        [FORWARD_PROTOCOL] = "protocol",
        [FORWARD_CLIENT_GONE] = "client-gone",
        [FORWARD_CLIENT_BODY] = "client-body",
        [FORWARD_OVERLOAD] = "overload",
        [FORWARD_REQUEST] = "request",
        [FORWARD_CANCELED] = "canceled",
    };

    return (size_t)failure < COUNT_OF(names) ? names[failure] : "unknown";
}

bool forward_fail(struct forward *f, enum forward_failure failure, int status, const char *fmt, ...)
{
    va_list args;

    if (f->failure)
        return false;
    f->failure = failure;
    f->client_status = status;
    va_start(args, fmt);
    vsnprintf(f->message, sizeof f->message, fmt, args);
    va_end(args);
    return false;
}

/* "host:port: cause", answered with 500. */
PRINTF_LIKE(3, 4)
static bool fail_target(struct forward *f, enum forward_failure failure, const char *fmt, ...)
{
    char cause[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(cause, sizeof cause, fmt, args);
    va_end(args);
    return forward_fail(f, failure, 500, "%.90s:%u: %s", f->target->host.p, f->target->port, cause);
}

static bool fail_cancelled(struct forward *f)
{
    if (f->client && !conn_client_gone(f->client))
        return forward_fail(f, FORWARD_CANCELED, 503, "cancelled");
    return forward_fail(f, FORWARD_CLIENT_GONE, 499, "the client closed the connection");
}

bool forward_fail_exchange(struct forward *f)
{
    switch (f->x.failure) {
    case HTTP1_CANCELED:
        return fail_cancelled(f);
    case HTTP1_TIMEOUT:
        return forward_fail(f, FORWARD_TIMEOUT, 500, "%s", f->x.message);
    case HTTP1_PROTOCOL:
        return forward_fail(f, FORWARD_PROTOCOL, 500, "%s", f->x.message);
    case HTTP1_MEMORY:
        return forward_fail(f, FORWARD_OVERLOAD, 500, "%s", f->x.message);
    default:
        return forward_fail(f, FORWARD_CONNECT, 500, "%s", f->x.message);
    }
}

bool forward_fail_client(struct forward *f, const char *doing)
{
    switch (errno) {
    case ECANCELED:
        return fail_cancelled(f);
    case EBADMSG:
        return forward_fail(f, FORWARD_CLIENT_BODY, 400, "%s: malformed chunk", doing);
    case ETIMEDOUT:
        return forward_fail(f, FORWARD_CLIENT_BODY, 408, "%s: timed out", doing);
    default:
        return forward_fail(f, FORWARD_CLIENT_GONE, 499, "%s: %s", doing, strerror(errno));
    }
}

/* ---- the request body ---- */

enum piece { PIECE_NONE_YET, PIECE_TAKEN, PIECE_FAILED };

static enum piece next_of_stream(struct forward *f, struct upload *up, struct slice *piece)
{
    if (!up->block && !(up->block = block_take())) {
        forward_fail(f, FORWARD_OVERLOAD, 503, "no memory for a body block");
        return PIECE_FAILED;
    }
    struct block *b = up->block;
    if (!up->replay) {
        ssize_t got = conn_body_recv(f->client, b->data, BLOCK_BYTES);
        if (got < 0 && errno == EAGAIN)
            return PIECE_NONE_YET;
        if (got < 0) {
            forward_fail_client(f, "request body");
            return PIECE_FAILED;
        }
        b->end = (uint32_t)got;
        up->fills++;
    }
    up->replay = false;
    up->last = b->end == 0 || conn_body_done(f->client);
    *piece = slice_of(b->data, b->end);
    return PIECE_TAKEN;
}

static enum piece next_piece(struct forward *f, struct upload *up, struct slice *piece)
{
    *piece = SLICE_NONE;
    switch (up->framing == HTTP_BODY_NONE ? FORWARD_BODY_NONE : up->request->body) {
    case FORWARD_BODY_STREAM:
        if (up->replay || !conn_body_done(f->client))
            return next_of_stream(f, up, piece);
        break;
    case FORWARD_BODY_CHAIN:
        if (up->link) {
            *piece = slice_of(up->link->data + up->link->begin, up->link->end - up->link->begin);
            up->link = up->link->next;
        }
        up->last = !up->link;
        return PIECE_TAKEN;
    case FORWARD_BODY_SLICE:
        *piece = up->request->body_slice;
        break;
    case FORWARD_BODY_NONE:
        break;
    }
    up->last = true;
    return PIECE_TAKEN;
}

static void queue(struct upload *up, const void *p, size_t n)
{
    if (n)
        up->out[up->n++] = (struct iovec){ .iov_base = (void *)p, .iov_len = n };
}

/* chunk = chunk-size CRLF chunk-data CRLF; last-chunk trailer-section CRLF = 0 CRLF CRLF (RFC 9112 7.1). */
static void queue_piece(struct upload *up, struct slice piece)
{
    static const char end[] = "\r\n0\r\n\r\n";

    if (up->framing != HTTP_BODY_CHUNKED) {
        queue(up, piece.p, piece.n);
        return;
    }
    if (!piece.n) {
        queue(up, end + 2, up->last ? 5 : 0);
        return;
    }
    int digits = snprintf(up->size_line, sizeof up->size_line, "%zx\r\n", piece.n);
    queue(up, up->size_line, (size_t)digits);
    queue(up, piece.p, piece.n);
    queue(up, end, up->last ? 7 : 2);
}

static void advance(struct upload *up, size_t sent)
{
    while (sent && sent >= up->out[up->at].iov_len)
        sent -= up->out[up->at++].iov_len;
    if (sent) {
        up->out[up->at].iov_base = (char *)up->out[up->at].iov_base + sent;
        up->out[up->at].iov_len -= sent;
    }
    if (up->at == up->n)
        up->at = up->n = 0;
}

/* One step of sending. The head waits for the first piece of body only when that is there already. */
static enum side push(struct forward *f, struct upload *up)
{
    struct slice piece;

    if (f->x.send_broken)
        return SIDE_BROKEN;
    if (f->x.request_sent)
        return SIDE_RESPONSE;
    if (!up->last && (!up->begun || up->at == up->n)) {
        up->begun = true;
        enum piece r = next_piece(f, up, &piece);
        if (r == PIECE_FAILED)
            return SIDE_FAILED;
        if (r == PIECE_NONE_YET && up->at == up->n)
            return SIDE_CLIENT;
        if (r == PIECE_TAKEN)
            queue_piece(up, piece);
    }
    if (up->at < up->n) {
        ssize_t sent = http1_send(&f->x, up->out + up->at, up->n - up->at);
        if (sent <= 0)
            return sent ? SIDE_BROKEN : SIDE_BACKEND;
        advance(up, (size_t)sent);
        up->progress_at = fiber_now();
    }
    if (up->at < up->n || !up->last)
        return SIDE_AGAIN;
    f->x.request_sent = true;
    return SIDE_RESPONSE;
}

/* ---- request out, response head in ---- */

static uint64_t limit_of(const struct forward *f, enum side side)
{
    switch (side) {
    case SIDE_CLIENT:
        return f->options.body_ms;
    case SIDE_RESPONSE:
        return f->options.response_ms;
    default:
        return f->options.send_ms;
    }
}

static bool fail_late(struct forward *f, enum side side)
{
    unsigned long long ms = limit_of(f, side);

    switch (side) {
    case SIDE_CLIENT:
        return forward_fail(f, FORWARD_CLIENT_BODY, 408, "request body: no byte for %llu ms", ms);
    case SIDE_RESPONSE:
        return fail_target(f, FORWARD_TIMEOUT, "no response head within %llu ms", ms);
    case SIDE_BACKEND:
        return fail_target(f, FORWARD_TIMEOUT, "took no byte of the request for %llu ms", ms);
    default:
        return fail_target(f, FORWARD_CONNECT, "closed while the request was sent");
    }
}

static bool wait_for(struct forward *f, struct upload *up, enum side side)
{
    struct fiber_wait waits[2] = { { .kind = FIBER_WAIT_READ, .sock = http1_sock(&f->x) } };
    int n = 1;

    if (side == SIDE_CLIENT)
        waits[n++] = (struct fiber_wait){ .kind = FIBER_WAIT_READ, .sock = conn_sock(f->client) };
    if (side == SIDE_BACKEND)
        waits[n++] = (struct fiber_wait){ .kind = FIBER_WAIT_WRITE, .sock = http1_sock(&f->x) };
    int ready = fiber_wait(waits, n, up->progress_at + limit_of(f, side) * NS_PER_MS);
    if (ready > 0)
        return true;
    return ready == 0 ? fail_late(f, side) : fail_cancelled(f);
}

static bool exchange(struct forward *f, struct upload *up)
{
    up->progress_at = fiber_now();
    for (;;) {
        fiber_yield_if_due();
        enum side side = push(f, up);
        if (side == SIDE_FAILED)
            return false;
        enum http1_step step = http1_poll_head(&f->x);
        if (step == HTTP1_HEAD)
            return true;
        if (step == HTTP1_FAILED)
            return forward_fail_exchange(f);
        if (side != SIDE_AGAIN && !wait_for(f, up, side))
            return false;
    }
}

/* RFC 9110 9.2.2. */
static bool is_idempotent(struct slice method)
{
    static const struct slice names[] = { SLICE_INIT("GET"),    SLICE_INIT("HEAD"),    SLICE_INIT("PUT"),
                                          SLICE_INIT("DELETE"), SLICE_INIT("OPTIONS"), SLICE_INIT("TRACE") };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_eq(method, names[i]))
            return true;
    return false;
}

static bool may_send_again(const struct forward *f, const struct upload *up)
{
    return f->tries == 1 && http1_was_stale(&f->x) && up->fills <= 1 &&
           (f->x.bytes_sent == 0 || is_idempotent(up->request->method));
}

static void rewind_upload(struct upload *up, struct slice head)
{
    up->at = up->n = 0;
    up->begun = up->last = false;
    up->replay = up->fills > 0;
    up->link = up->request->body == FORWARD_BODY_CHAIN ? up->request->body_chain->first : NULL;
    queue(up, head.p, head.n);
}

static void end_exchange(struct forward *f)
{
    f->bytes_sent += f->x.bytes_sent;
    f->bytes_received += f->x.bytes_received;
    f->x.bytes_sent = f->x.bytes_received = 0;
    http1_close(&f->x);
}

static bool send_and_wait(struct forward *f, struct upload *up, struct slice head, struct arena *a)
{
    for (;;) {
        f->tries++;
        rewind_upload(up, head);
        if (!http1_open(&f->x, f->target, up->request->method, a, f->options.connect_ms, f->tries > 1))
            return forward_fail_exchange(f);
        f->x.upgrade = f->upgrade.n > 0;
        if (exchange(f, up))
            return true;
        if (!may_send_again(f, up))
            return false;
        end_exchange(f);
        f->failure = FORWARD_OK;
        f->client_status = 0;
        f->message[0] = 0;
    }
}

/* ---- the response ---- */

static void declare_length(struct forward_response *r, const struct http_head *head, struct slice method)
{
    struct slice value = http_fields_get(&head->fields, SLICE("Content-Length"));
    bool bodiless = slice_eq(method, SLICE("HEAD")) || head->status == 304;

    r->framing = head->framing;
    r->length = head->framing == HTTP_BODY_LENGTH ? head->length : 0;
    if (head->framing == HTTP_BODY_TO_CLOSE)
        r->framing = HTTP_BODY_CHUNKED;
    if (head->framing == HTTP_BODY_NONE && head->status != 101 && head->status != 204)
        r->framing = HTTP_BODY_LENGTH;
    if (!bodiless)
        return;
    /* What the backend has said of a body that does not come, and nothing of our own. */
    r->framing = http_fields_find(&head->fields, SLICE("Transfer-Encoding")) ? HTTP_BODY_CHUNKED : HTTP_BODY_NONE;
    if (slice_to_u64(value, UINT64_MAX, &r->length))
        r->framing = HTTP_BODY_LENGTH;
}

static bool take_response(struct forward *f, struct slice method)
{
    struct forward_response *r = &f->response;
    struct http_head *head = &f->x.head;

    f->head_at = fiber_now();
    r->status = head->status;
    r->reason = head->reason;
    declare_length(r, head, method);
    r->upgraded = head->status == 101;
    if (r->upgraded)
        f->upgrade = http_fields_get(&head->fields, SLICE("Upgrade"));
    if (!forward_strip_fields(&head->fields))
        return fail_target(f, FORWARD_PROTOCOL, "Connection names more than %u fields",
                           FORWARD_NOMINATED_MAX);
    r->fields = head->fields;
    r->has_body = !r->upgraded && (f->x.body.n || !f->x.body_ended);
    return true;
}

/* ---- the whole ---- */

static uint64_t or_default(uint64_t ms, uint64_t otherwise)
{
    return ms ? ms : otherwise;
}

static void set_options(struct forward *f, const struct forward_options *o)
{
    f->options = *o;
    f->options.connect_ms = or_default(o->connect_ms, CONNECT_MS);
    f->options.response_ms = or_default(o->response_ms, RESPONSE_MS);
    f->options.idle_ms = or_default(o->idle_ms, o->unbuffered ? IDLE_OPEN_END_MS : IDLE_MS);
    f->options.send_ms = or_default(o->send_ms, SEND_MS);
    f->options.body_ms = or_default(o->body_ms, BODY_MS);
}

static uint64_t set_framing(struct upload *up, const struct conn *c)
{
    const struct forward_request *rq = up->request;

    switch (rq->body) {
    case FORWARD_BODY_STREAM:
        up->framing = conn_head(c)->framing;
        return conn_head(c)->length;
    case FORWARD_BODY_SLICE:
        up->framing = HTTP_BODY_LENGTH;
        return rq->body_slice.n;
    case FORWARD_BODY_CHAIN:
        up->framing = HTTP_BODY_LENGTH;
        return rq->body_chain->bytes;
    case FORWARD_BODY_NONE:
        break;
    }
    up->framing = HTTP_BODY_NONE;
    return 0;
}

/* As far as it is needed when the request is out. */
static struct http1_target *copy_target(const struct http1_target *from, struct arena *a)
{
    struct http1_target *t = arena_alloc_raw(a, sizeof *t + from->host.n + 1);

    if (!t)
        return NULL;
    char *host = (char *)(t + 1);
    *t = *from;
    memcpy(host, from->host.p, from->host.n + 1);
    t->host.p = host;
    return t;
}

static struct slice wanted_upgrade(const struct conn *c)
{
    struct slice protocol = http_fields_get(&conn_head(c)->fields, SLICE("Upgrade"));

    return slice_eq_icase(protocol, SLICE("websocket")) ? protocol : SLICE_NONE;
}

bool forward_request(struct forward *f, struct conn *c, const struct http1_target *target,
                     const struct forward_request *request, const struct forward_options *options,
                     struct arena *a)
{
    struct upload up = { .request = request };
    const char *why;

    memset(f, 0, sizeof *f);
    f->client = c;
    f->target = copy_target(target, a);
    f->began = fiber_now();
    set_options(f, options);
    if (request->upgrade)
        f->upgrade = wanted_upgrade(c);
    if (!f->target)
        return forward_fail(f, FORWARD_OVERLOAD, 500, "request: its memory is full");
    uint64_t length = set_framing(&up, c);
    struct slice head = forward_write_head(a, target, request, up.framing, length, f->upgrade, &why);
    if (why)
        return fail_target(f, FORWARD_REQUEST, "the request's %s cannot be sent", why);
    if (!head.p)
        return forward_fail(f, FORWARD_OVERLOAD, 500, "request: its memory is full");
    bool ok = send_and_wait(f, &up, head, a) && take_response(f, request->method);
    block_give(up.block);
    if (!ok)
        forward_close(f);
    return ok;
}

static bool fill(struct forward *f, size_t least)
{
    return http1_fill(&f->x, least, f->options.idle_ms) || forward_fail_exchange(f);
}

bool forward_body_next(struct forward *f, struct slice *piece)
{
    if (!fill(f, 1))
        return false;
    *piece = f->x.body;
    f->x.body.p += f->x.body.n;
    f->x.body.n = 0;
    return true;
}

static bool pass_on(struct forward *f, struct conn *c)
{
    struct slice piece = f->x.body;

    f->x.body.p += piece.n;
    f->x.body.n = 0;
    return !piece.n || conn_answer_write(c, piece.p, piece.n);
}

static bool relay_pieces(struct forward *f, struct conn *c)
{
    size_t least = f->options.unbuffered ? 1 : FORWARD_BUFFER_BYTES;

    do {
        if (!fill(f, least)) {
            /* The answer will be seen to be cut; what there is of it may still be of use. */
            (void)(f->failure != FORWARD_CLIENT_GONE && pass_on(f, c) && conn_answer_flush(c));
            return false;
        }
        if (!pass_on(f, c))
            return forward_fail_client(f, "response body");
        if (f->options.unbuffered && !f->x.body_ended && !conn_answer_flush(c))
            return forward_fail_client(f, "response body");
    } while (!f->x.body_ended);
    return conn_answer_end(c) || forward_fail_client(f, "response body");
}

bool forward_relay_body(struct forward *f, struct conn *c)
{
    bool ok = relay_pieces(f, c);

    if (!ok)
        conn_abort(c);
    forward_close(f);
    return ok;
}

static bool fail_chain(struct forward *f, enum block_result r, const char *what)
{
    return forward_fail(f, FORWARD_OVERLOAD, 503, "%s: %s", what,
                        r == BLOCK_TOTAL ? "limits.body.total is used up" : "no memory");
}

static bool fail_too_large(struct forward *f, enum forward_failure failure, int status, const char *what,
                           uint64_t max)
{
    return forward_fail(f, failure, status, "%s: more than limits.body.buffered, %llu bytes", what,
                        (unsigned long long)max);
}

bool forward_buffer_response(struct forward *f, struct block_chain *chain, uint64_t max)
{
    struct slice piece;

    if (f->response.framing == HTTP_BODY_LENGTH && f->response.has_body && f->response.length > max)
        return fail_too_large(f, FORWARD_OVERLOAD, 500, "response body", max);
    for (;;) {
        if (!forward_body_next(f, &piece))
            return false;
        if (!piece.n)
            return true;
        if (piece.n > max - chain->bytes)
            return fail_too_large(f, FORWARD_OVERLOAD, 500, "response body", max);
        enum block_result r = block_chain_add(chain, piece.p, piece.n);
        if (r != BLOCK_OK)
            return fail_chain(f, r, "response body");
    }
}

bool forward_buffer_request(struct forward *f, struct conn *c, struct block_chain *chain, uint64_t max)
{
    f->client = c;
    f->failure = FORWARD_OK;
    if (conn_head(c)->framing == HTTP_BODY_LENGTH && conn_head(c)->length > max)
        return fail_too_large(f, FORWARD_CLIENT_BODY, 413, "request body", max);
    while (!conn_body_done(c)) {
        char *room;
        size_t n;
        enum block_result r = block_chain_room(chain, &room, &n);
        if (r != BLOCK_OK)
            return fail_chain(f, r, "request body");
        ssize_t got = conn_body_read(c, room, n);
        if (got < 0)
            return forward_fail_client(f, "request body");
        if (got == 0)
            break;
        if ((uint64_t)got > max - chain->bytes)
            return fail_too_large(f, FORWARD_CLIENT_BODY, 413, "request body", max);
        block_chain_filled(chain, (size_t)got);
    }
    return true;
}

void forward_close(struct forward *f)
{
    if (f->x.ended_at)
        f->ended = f->x.ended_at;
    end_exchange(f);
}
