/* The lean HTTP/1.1 client: connecting, sending, reading one response; the invariants stand in
 * http1_client.h. */
#include "platform/http1_int.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/base/hash.h"
#include "platform/tls.h"

/* A response head may be as large as limits.header.bytes lets a request be; see limits.header.count for the
 * fields. */
#define HEAD_MAX (2 * BLOCK_BYTES)
#define FIELDS_MAX 200u

static struct tls_trust *trust;

void http1_set_trust(struct tls_trust *t)
{
    trust = t;
}

/* ---- targets ---- */

static bool is_host_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_';
}

static bool is_host(struct slice host)
{
    union dns_address literal;

    if (!host.n || host.n > DNS_NAME_MAX)
        return false;
    if (slice_find_byte(host, ':') >= 0)
        return dns_literal(host, 0, &literal);
    for (size_t i = 0; i < host.n; i++)
        if (!is_host_char(host.p[i]))
            return false;
    return true;
}

static struct slice without_brackets(struct slice host)
{
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return slice_sub(host, 1, host.n - 1);
    return host;
}

static char *lower_cstr(struct arena *a, struct slice s)
{
    char *z = arena_cstr(a, s);

    for (size_t i = 0; z && i < s.n; i++)
        z[i] = ascii_lower(z[i]);
    return z;
}

static struct slice make_authority(struct arena *a, const struct http1_target *t)
{
    bool v6 = slice_find_byte(t->host, ':') >= 0;
    struct slice host = t->host;
    ptrdiff_t zone = v6 ? slice_find_byte(host, '%') : -1;

    /* A zone is ours, not the backend's (RFC 6874 4). */
    if (zone >= 0)
        host = slice_first(host, (size_t)zone);
    if (t->port == (t->tls_name ? 443 : 80))
        return arena_printf(a, v6 ? "[%.*s]" : "%.*s", SLICE_ARG(host));
    return arena_printf(a, v6 ? "[%.*s]:%u" : "%.*s:%u", SLICE_ARG(host), t->port);
}

static uint64_t hash_target(const struct http1_target *t)
{
    uint64_t parts[4] = { hash_bytes(t->host), t->tls_name ? hash_bytes(slice_from(t->tls_name)) : 0,
                          t->port | (uint64_t)t->skip_chain << 16 | (uint64_t)t->skip_name << 17,
                          t->identity ? tls_identity_hash(t->identity) : 0 };

    return hash_bytes(slice_of(parts, sizeof parts));
}

bool http1_target_init(struct http1_target *t, struct arena *a, const struct http1_target_options *o,
                       struct err *err)
{
    struct slice host = without_brackets(o->host);
    struct slice tls_name = o->tls_name.n ? o->tls_name : host;

    memset(t, 0, sizeof *t);
    if (!is_host(host))
        return err_set(err, "backend host \"%.*s\": not a host name or address",
                       SLICE_ARG(slice_first(o->host, 300)));
    if (!is_host(tls_name))
        return err_set(err, "backend TLS name \"%.*s\": not a host name",
                       SLICE_ARG(slice_first(tls_name, 300)));
    if (o->port > UINT16_MAX)
        return err_set(err, "backend port %u: not a port", o->port);
    t->host = slice_from(lower_cstr(a, host));
    t->tls_name = o->tls ? lower_cstr(a, tls_name) : NULL;
    t->port = (uint16_t)(o->port ? o->port : o->tls ? 443 : 80);
    t->skip_chain = o->tls && o->skip_chain;
    t->skip_name = o->tls && o->skip_name;
    t->identity = o->tls ? o->identity : NULL;
    t->authority = make_authority(a, t);
    if (a->overflow || !t->host.n || !t->authority.n)
        return err_set(err, "backend host \"%.*s\": memory is full", SLICE_ARG(slice_first(o->host, 300)));
    t->hash = hash_target(t);
    return true;
}

/* ---- faults ---- */

PRINTF_LIKE(3, 4)
static bool fail(struct http1_exchange *x, enum http1_failure failure, const char *fmt, ...)
{
    va_list args;
    int n;

    if (x->failure)
        return false;
    x->failure = failure;
    n = snprintf(x->message, sizeof x->message, "%.120s:%u: ", x->target->host.p, x->target->port);
    va_start(args, fmt);
    if (n > 0 && (size_t)n < sizeof x->message)
        vsnprintf(x->message + n, sizeof x->message - (size_t)n, fmt, args);
    va_end(args);
    return false;
}

/* The socket said no while `doing`: errno tells what that means. */
static bool fail_errno(struct http1_exchange *x, enum http1_failure otherwise, const char *doing)
{
    if (errno == ECANCELED)
        return fail(x, HTTP1_CANCELED, "%s: cancelled", doing);
    if (errno == ETIMEDOUT)
        return fail(x, HTTP1_TIMEOUT, "%s: timed out", doing);
    return fail(x, otherwise, "%s: %s", doing, strerror(errno));
}

/* ---- connecting ---- */

static void set_socket_options(int fd)
{
    static const int one = 1, idle_s = HTTP1_DEAD_MS / 2000, dead_ms = HTTP1_DEAD_MS;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms);
}

static bool connect_address(struct http1_conn *c, const union dns_address *a, uint64_t deadline)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    set_socket_options(fd);
    if (!stream_open_plain(&c->stream, fd)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return false;
    }
    c->open = true;
    if (sock_connect(&c->stream.sock, &a->any, dns_address_bytes(a), deadline))
        return true;
    int saved = errno;
    stream_close(&c->stream);
    c->open = false;
    errno = saved;
    return false;
}

/* One after the other; each gets an equal share of the time that is left, so that a dead first one leaves
 * some. */
static bool connect_any(struct http1_exchange *x, const struct dns_addresses *list, uint64_t deadline)
{
    for (unsigned i = 0; i < list->n; i++) {
        uint64_t now = fiber_now();
        uint64_t share = now < deadline ? (deadline - now) / (list->n - i) : 0;
        if (connect_address(x->conn, &list->v[i], now + share)) {
            if (i)
                dns_prefer(x->target->host, &list->v[i]);
            return true;
        }
        if (errno == ECANCELED)
            break;
    }
    if (errno == ETIMEDOUT)
        return fail(x, HTTP1_CONNECT, "connect: timed out");
    return fail_errno(x, HTTP1_CONNECT, "connect");
}

static bool start_tls(struct http1_exchange *x, uint64_t deadline)
{
    const struct http1_target *t = x->target;
    const struct tls_client_options options = { .trust = trust, .name = t->tls_name, .identity = t->identity,
                                                .skip_chain = t->skip_chain, .skip_name = t->skip_name };
    struct err err;

    if (!trust)
        return fail(x, HTTP1_CONNECT, "TLS: no trust store is loaded");
    errno = 0;
    if (tls_connect(&x->conn->stream, &options, deadline, &err))
        return true;
    int why = errno;
    fail(x, why == ECANCELED ? HTTP1_CANCELED : HTTP1_CONNECT, "TLS: %s", err.text);
    errno = why;
    return false;
}

/* One connection; false with errno ESTALE: TLS wants it anew, without the session that it offered. */
static bool connect_once(struct http1_exchange *x, const struct dns_addresses *list, uint64_t deadline)
{
    x->conn = http1_pool_new(x->target);
    errno = ENOMEM;
    if (!x->conn)
        return fail(x, HTTP1_MEMORY, "no memory for a connection");
    if (connect_any(x, list, deadline) && (!x->target->tls_name || start_tls(x, deadline))) {
        http1_pool_counts.opened++;
        return true;
    }
    int why = errno;
    http1_pool_counts.failed++;
    http1_pool_close(x->conn);
    x->conn = NULL;
    errno = why;
    return false;
}

static bool connect_new(struct http1_exchange *x, uint64_t deadline)
{
    const struct http1_target *t = x->target;
    struct dns_addresses list;
    struct err err;

    if (!dns_resolve(t->host, t->port, deadline, &list, &err))
        return fail(x, errno == ECANCELED ? HTTP1_CANCELED : HTTP1_CONNECT, "%s", err.text);
    if (connect_once(x, &list, deadline))
        return true;
    if (!t->tls_name || errno != ESTALE)
        return false;
    x->failure = HTTP1_OK; /* it counts no more: the library has forgotten the session */
    return connect_once(x, &list, deadline);
}

bool http1_open(struct http1_exchange *x, const struct http1_target *t, struct slice method, struct arena *a,
                uint64_t connect_ms, bool fresh)
{
    memset(x, 0, sizeof *x);
    x->target = t;
    x->method = method;
    x->arena = a;
    if (!fresh && (x->conn = http1_pool_take(t))) {
        x->reused = true;
        http1_pool_counts.reused++;
        return true;
    }
    return connect_new(x, fiber_deadline_ms(connect_ms));
}

struct sock *http1_sock(struct http1_exchange *x)
{
    return x->conn ? &x->conn->stream.sock : NULL;
}

struct stream *http1_stream(struct http1_exchange *x)
{
    return x->conn ? &x->conn->stream : NULL;
}

/* ---- the end of an exchange ---- */

/* `Keep-Alive: timeout=5` allows one second less, so that the backend is not the first to close. */
static uint64_t idle_ms_of(const struct http_fields *fields)
{
    struct slice value = http_fields_get(fields, SLICE("Keep-Alive"));
    struct slice part;
    uint64_t seconds;

    while (slice_cut(&value, ',', &part)) {
        part = slice_trim_ows(part);
        if (!slice_starts_icase(part, SLICE("timeout=")))
            continue;
        if (!slice_to_u64(slice_skip(part, 8), HTTP1_IDLE_MS / 1000, &seconds))
            break;
        return seconds > 1 ? (seconds - 1) * 1000 : 0;
    }
    return HTTP1_IDLE_MS;
}

/* Invariant 2. */
static bool may_be_kept(const struct http1_exchange *x)
{
    return !x->failure && x->request_sent && !x->send_broken && x->body_ended && !x->bytes_beyond &&
           x->head.keep_alive && x->head.status != 101 && x->head.framing != HTTP_BODY_TO_CLOSE;
}

static void release_conn(struct http1_exchange *x)
{
    struct http1_conn *c = x->conn;

    if (!c)
        return;
    x->conn = NULL;
    if (may_be_kept(x))
        http1_pool_give(c, x->idle_ms);
    else
        http1_pool_close(c);
}

void http1_close(struct http1_exchange *x)
{
    release_conn(x);
    block_give(x->block);
    x->block = NULL;
    x->body = SLICE_NONE;
}

bool http1_was_stale(const struct http1_exchange *x)
{
    return x->reused && !x->response_begun && x->failure == HTTP1_CLOSED;
}

/* ---- sending ---- */

ssize_t http1_send(struct http1_exchange *x, const struct iovec *iov, int n)
{
    ssize_t sent;

    if (!x->conn || x->send_broken)
        return -1;
    sent = stream_send(&x->conn->stream, iov, n);
    if (sent > 0) {
        x->bytes_sent += (uint64_t)sent;
        return sent;
    }
    if (sent < 0 && errno == EAGAIN)
        return 0;
    x->send_broken = true;
    return -1;
}

/* ---- the response body ---- */

static bool fail_cut(struct http1_exchange *x)
{
    if (x->head.framing == HTTP_BODY_LENGTH)
        return fail(x, HTTP1_PROTOCOL, "response body cut: %llu of %llu bytes are missing",
                    (unsigned long long)x->left, (unsigned long long)x->head.length);
    return fail(x, HTTP1_PROTOCOL, "response body cut: no last chunk after %llu bytes",
                (unsigned long long)x->chunked.total);
}

static bool end_body(struct http1_exchange *x)
{
    x->body_ended = true;
    x->ended_at = fiber_now();
    if (!x->head_only && x->bytes_beyond)
        return fail(x, HTTP1_PROTOCOL, "response has bytes beyond its end");
    release_conn(x);
    return true;
}

/* n raw bytes at p, inside the block, at or behind the end of x->body: make payload of them (in place). */
static bool take_chunked(struct http1_exchange *x, const char *p, size_t n)
{
    while (n) {
        size_t used = n;
        struct slice payload;
        int end = http_chunked_next(&x->chunked, p, &used, &payload);
        if (end < 0)
            return fail(x, HTTP1_PROTOCOL, "response has a malformed chunk");
        if (payload.n) {
            memmove((char *)x->body.p + x->body.n, payload.p, payload.n);
            x->body.n += payload.n;
        }
        p += used;
        n -= used;
        if (end) {
            x->bytes_beyond = n > 0;
            return end_body(x);
        }
    }
    return true;
}

static bool take_bytes(struct http1_exchange *x, const char *p, size_t n)
{
    if (x->head.framing == HTTP_BODY_CHUNKED)
        return take_chunked(x, p, n);
    if (x->head.framing == HTTP_BODY_TO_CLOSE) {
        x->body.n += n;
        return true;
    }
    if (n > x->left) {
        x->bytes_beyond = true;
        n = (size_t)x->left;
    }
    x->body.n += n;
    x->left -= n;
    return x->left ? true : end_body(x);
}

/* Room behind x->body in the block; what the user has taken is reclaimed when there is none. */
static size_t make_room(struct http1_exchange *x)
{
    struct block *b = x->block;
    size_t at = (size_t)(x->body.p - b->data);

    if (at && (!x->body.n || at + x->body.n == BLOCK_BYTES)) {
        memmove(b->data, x->body.p, x->body.n);
        x->body.p = b->data;
        at = 0;
    }
    return BLOCK_BYTES - at - x->body.n;
}

bool http1_fill(struct http1_exchange *x, size_t least, uint64_t idle_ms)
{
    while (!x->failure && !x->body_ended && x->body.n < least) {
        if (!x->conn)
            return fail(x, HTTP1_CLOSED, "response body: the exchange was closed");
        size_t room = make_room(x);
        if (!room)
            return true;
        char *to = (char *)x->body.p + x->body.n;
        ssize_t got = stream_read(&x->conn->stream, to, room, fiber_deadline_ms(idle_ms));
        if (got < 0)
            return fail_errno(x, HTTP1_PROTOCOL, "response body");
        x->bytes_received += (uint64_t)got;
        if (got == 0) {
            if (x->head.framing != HTTP_BODY_TO_CLOSE)
                return fail_cut(x);
            return end_body(x);
        }
        if (!take_bytes(x, to, (size_t)got))
            return false;
    }
    return !x->failure;
}

/* ---- the response head ---- */

/* A slice that points into from[0..n) points into to afterwards. */
static void move_slice(struct slice *s, struct slice from, const char *to)
{
    if (s->p >= from.p && s->p < from.p + from.n)
        s->p = to + (s->p - from.p);
}

/* Head text and field table into the arena: the block is for the body from here on. */
static bool keep_head(struct http1_exchange *x, const struct http_head *parsed, size_t head_bytes)
{
    struct slice from = slice_of(x->head_buf, head_bytes);
    const char *text = arena_copy(x->arena, from).p;

    x->head = *parsed;
    if (!text || !http_fields_own(&x->head.fields, x->arena, &parsed->fields))
        return fail(x, HTTP1_MEMORY, "response head: the request's memory is full");
    move_slice(&x->head.reason, from, text);
    for (uint32_t i = 0; i < x->head.fields.n; i++) {
        move_slice(&x->head.fields.v[i].name, from, text);
        move_slice(&x->head.fields.v[i].value, from, text);
    }
    x->idle_ms = idle_ms_of(&x->head.fields);
    return true;
}

/* Bytes behind the head are the first ones of the body. */
static bool begin_body(struct http1_exchange *x, size_t head_bytes)
{
    char *rest = x->head_buf + head_bytes;
    size_t n = x->head_n - head_bytes;

    if (x->head_buf != x->block->data) {
        memcpy(x->block->data, rest, n); /* a head larger than a block leaves less than a block */
        rest = x->block->data;
    }
    x->body = slice_of(rest, 0);
    if (x->head.status == 101) {
        x->body.n = n;
        return true;
    }
    x->left = x->head.length;
    x->head_only = x->head.status == 204 || x->head.status == 304 || slice_eq(x->method, SLICE("HEAD"));
    if (x->head.framing == HTTP_BODY_NONE || (x->head.framing == HTTP_BODY_LENGTH && !x->left)) {
        x->bytes_beyond = n > 0;
        return end_body(x);
    }
    return n ? take_bytes(x, rest, n) : true;
}

/* What follows starts in the block again, where a body must find its place: it fits, because only a head
 * larger than a block is collected elsewhere. */
static void drop_interim(struct http1_exchange *x, size_t head_bytes)
{
    x->head_n -= head_bytes;
    memmove(x->block->data, x->head_buf + head_bytes, x->head_n);
    x->head_buf = x->block->data;
    x->head_cap = BLOCK_BYTES;
    x->head_scanned = 0;
}

static enum http1_step accept_head(struct http1_exchange *x, const struct http_head *parsed,
                                   size_t head_bytes)
{
    if (parsed->status == 101 && !x->upgrade) {
        fail(x, HTTP1_PROTOCOL, "response 101 to a request without Upgrade");
        return HTTP1_FAILED;
    }
    if (parsed->status >= 100 && parsed->status < 200 && parsed->status != 101) {
        if (++x->interim > HTTP1_INTERIM_MAX) {
            fail(x, HTTP1_PROTOCOL, "more than %u interim responses", HTTP1_INTERIM_MAX);
            return HTTP1_FAILED;
        }
        drop_interim(x, head_bytes);
        return HTTP1_MORE;
    }
    if (!keep_head(x, parsed, head_bytes) || !begin_body(x, head_bytes))
        return HTTP1_FAILED;
    return HTTP1_HEAD;
}

/* Parse what has been received; a loop, because interim responses may stand before the final one. */
static enum http1_step parse_head(struct http1_exchange *x)
{
    static const struct http_limits limits = { .head_bytes = HEAD_MAX, .target_bytes = HEAD_MAX,
                                               .fields = FIELDS_MAX };
    struct http_field table[FIELDS_MAX];
    struct http_head head;
    struct http_parse_result r;
    enum http1_step step = HTTP1_MORE;

    while (step == HTTP1_MORE && x->head_n) {
        r = http_parse_response(x->head_buf, x->head_n, &x->head_scanned, &limits, x->method, table,
                                FIELDS_MAX, &head);
        if (r.outcome == HTTP_PARSE_MORE)
            return HTTP1_MORE;
        if (r.outcome == HTTP_PARSE_BAD) {
            fail(x, HTTP1_PROTOCOL, "malformed response: %s", r.why);
            return HTTP1_FAILED;
        }
        step = accept_head(x, &head, r.head_bytes);
    }
    return step;
}

static bool head_room(struct http1_exchange *x)
{
    if (!x->block) {
        x->block = block_take();
        if (!x->block)
            return fail(x, HTTP1_MEMORY, "no memory for a body block");
        x->head_buf = x->block->data;
        x->head_cap = BLOCK_BYTES;
    }
    if (x->head_n < x->head_cap)
        return true;
    if (x->head_cap > BLOCK_BYTES)
        return fail(x, HTTP1_PROTOCOL, "response head over %u bytes", HEAD_MAX);
    char *larger = arena_alloc_raw(x->arena, HEAD_MAX);
    if (!larger)
        return fail(x, HTTP1_MEMORY, "response head: the request's memory is full");
    memcpy(larger, x->head_buf, x->head_n);
    x->head_buf = larger;
    x->head_cap = HEAD_MAX;
    return true;
}

static bool fail_closed(struct http1_exchange *x, ssize_t got)
{
    const char *how = got ? strerror(errno) : "closed by the backend";

    if (got && (errno == ECANCELED || errno == ETIMEDOUT))
        return fail_errno(x, HTTP1_CLOSED, "response head");
    return fail(x, x->response_begun ? HTTP1_PROTOCOL : HTTP1_CLOSED, "no response head: %s", how);
}

enum http1_step http1_poll_head(struct http1_exchange *x)
{
    enum http1_step step = HTTP1_MORE;

    while (step == HTTP1_MORE) {
        if (x->failure || !x->conn || !head_room(x))
            return HTTP1_FAILED;
        ssize_t got = stream_recv(&x->conn->stream, x->head_buf + x->head_n, x->head_cap - x->head_n);
        if (got < 0 && errno == EAGAIN)
            return HTTP1_MORE;
        if (got <= 0) {
            fail_closed(x, got);
            return HTTP1_FAILED;
        }
        x->response_begun = true;
        x->bytes_received += (uint64_t)got;
        x->head_n += (size_t)got;
        step = parse_head(x);
    }
    return step;
}

/* ---- the end of the process ---- */

struct stop {
    struct inbox_item item;
    struct stop *home; /* the caller's carrier's */
    struct carrier *carrier;
    unsigned left;          /* home */
    struct fiber_cond done; /* home */
};

static void stop_ended(struct inbox_item *item)
{
    struct stop *home = CONTAINER_OF(item, struct stop, item)->home;

    if (--home->left == 0)
        fiber_cond_broadcast(&home->done);
}

static void stop_here(struct inbox_item *item)
{
    struct stop *s = CONTAINER_OF(item, struct stop, item);

    http1_drop_idle();
    dns_drop();
    block_pool_drop();
    item->run = stop_ended;
    carrier_post(s->home->carrier, item);
}

void http1_stop(void)
{
    static struct stop stops[CARRIERS_MAX];
    struct stop *home = &stops[carrier_index(carrier_self())];
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &home->done };

    home->carrier = carrier_self();
    home->left = carriers_count();
    for (unsigned i = 0; i < carriers_count(); i++) {
        stops[i].item.run = stop_here;
        stops[i].home = home;
        carrier_post(carrier_at(i), &stops[i].item);
    }
    while (home->left)
        (void)fiber_wait(&wait, 1, fiber_deadline_ms(1000));
}
