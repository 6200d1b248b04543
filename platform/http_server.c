/* The HTTP server on each carrier: connections from their accepted descriptor to their close.
 *
 *            +------------ not complete ----------+
 *            v                                    |
 *   adopt -> HEAD (parked without a byte) --> read head --> RUNNING --> answered --> HEAD
 *     TLS:   ^                                    | limits.requests   |
 *   HANDSHAKE+                                    +--> WAITING -------+
 *
 *   bad head, 408, 503: REFUSED -> LINGER
 *
 * Invariants
 * 1. Until a head is complete a connection costs no worker: heads are read on the loop, into the
 *    room that is to run the next request; what is incomplete is saved in as few bytes as it
 *    needs.
 * 2. A connection has a room exactly while it is RUNNING or REFUSED. Slices of head and body lie
 *    in its room.
 * 3. One request of a connection runs at a time; bytes beyond it wait for their turn (in the
 *    room, then saved).
 * 4. A connection is read again only when request body and answer are both complete; else it is
 *    closed. So nothing of a body is ever parsed as a head.
 * 5. While a request runs FIN, RST or an error cancels its worker, once.
 * 6. A connection that is closed while its client may still be sending lingers: an RST would
 *    destroy the answer.
 * 7. Timers are lazy: a connection's stays armed over its requests; too early, it arms itself
 *    anew. */
#include "platform/conn_int.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "platform/log.h"
#include "platform/tls.h"

/* limits.requests: how long a head may wait, and how often it is looked whether other carriers
 * let one go. */
#define WAITING_MS 5000u
#define TICK_MS 20u
#define LINGER_MS 2000u
#define LINGER_BYTES (256u * 1024)
/* A TLS connection that is parked so long gives pages of its buffers back. */
#define TRIM_NS (2 * NS_PER_S)
/* Reading and dropping what a handler left of a request body. */
#define DROP_MS 2000u

static atomic_uint running_total; /* against limits.requests */

struct slice serving_date(struct serving *s)
{
    uint64_t second = fiber_wall() / NS_PER_S;

    if (second != s->date_second) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        s->date_second = second;
    }
    return slice_of(s->date, 29); /* IMF-fixdate has one length (RFC 9110 5.6.7) */
}

/* ---- closing ---- */

static void read_head(struct conn *c);

static void conn_set_deadline(struct conn *c, uint64_t when)
{
    c->deadline = when;
    if (c->timer.when == 0 || when < c->timer.when)
        carrier_timer_set(&c->timer, when);
}

void conn_close(struct conn *c)
{
    struct serving *s = c->s;

    conn_unpark(c);
    if (c->state == CONN_WAITING)
        conn_list_remove(&s->waiting, c);
    carrier_timer_clear(&c->timer);
    stream_close(&c->stream);
    conn_drop_saved(c);
    room_give(c);
    atomic_fetch_sub_explicit(&s->counts.open, 1, memory_order_relaxed);
    if (c->tls)
        atomic_fetch_sub_explicit(&s->counts.tls, 1, memory_order_relaxed);
    conn_free(c);
}

/* ---- lingering (invariant 6) ---- */

static void linger_drop(struct conn *c)
{
    struct room *scratch = room_next(c->s);
    ssize_t got = scratch ? 1 : 0;

    while (got > 0 && c->dropped < LINGER_BYTES) {
        got = stream_recv(&c->stream, scratch->in, ROOM_BEYOND_HEAD);
        if (got > 0)
            c->dropped += (uint32_t)got;
    }
    /* Beyond the limit nothing is read any more, but closing now would send an RST that may destroy the answer on its way:
     * the timer closes. */
    if (got > 0 || (got < 0 && errno == EAGAIN))
        return;
    conn_close(c);
}

static void linger(struct conn *c)
{
    room_give(c);
    conn_drop_saved(c);
    c->stream.ops->shutdown(&c->stream);
    c->state = CONN_LINGER;
    conn_set_deadline(c, fiber_deadline_ms(LINGER_MS));
    linger_drop(c);
}

/* ---- requests that begin ---- */

static void set_label(struct room *r)
{
    struct slice m = slice_first(r->head.method, 16),
                 p = slice_first(r->head.path, sizeof r->label - 18);

    memcpy(r->label, m.p, m.n);
    r->label[m.n] = ' ';
    memcpy(r->label + m.n + 1, p.p, p.n);
    r->label[m.n + 1 + p.n] = 0;
}

static void set_up_request(struct room *r, size_t head_n, size_t n)
{
    r->worker = NULL;
    r->started = fiber_now();
    r->started_wall = fiber_wall();
    r->sent = 0;
    r->received = n;
    r->head_n = head_n;
    r->rest = slice_of(r->in + head_n, n - head_n);
    r->chunked = (struct http_chunked){ 0 };
    r->body_left = r->head.framing == HTTP_BODY_LENGTH ? r->head.length : 0;
    r->body_done = r->head.framing == HTTP_BODY_NONE;
    r->body_failed = false;
    r->continue_due = r->head.expect_continue;
    r->gone = false;
    r->answer = ANSWER_NONE;
    r->framing = HTTP_BODY_NONE;
    r->close = false;
    r->answer_left = 0;
    r->out_n = 0;
}

/* A place among limits.requests. */
static bool take_place(const struct serving *s)
{
    if (atomic_fetch_add_explicit(&running_total, 1, memory_order_relaxed)
        < s->options.max_requests)
        return true;
    atomic_fetch_sub_explicit(&running_total, 1, memory_order_relaxed);
    return false;
}

static void give_place(struct serving *s)
{
    atomic_fetch_sub_explicit(&running_total, 1, memory_order_relaxed);
    if (count_adjust(&s->counts.running, -1) == 0 && s->draining)
        fiber_cond_broadcast(&s->idle);
}

/* `again`: it was the first of those that wait, and stays so. */
static void wait_for_place(struct conn *c, size_t n, bool again)
{
    struct serving *s = c->s;

    if (!conn_save(c, s->rooms->in, n)) {
        conn_close(c);
        return;
    }
    c->state = CONN_WAITING;
    if (again) {
        conn_list_push_front(&s->waiting, c);
    } else {
        conn_list_push(&s->waiting, c);
        conn_set_deadline(c, fiber_deadline_ms(WAITING_MS));
    }
    if (s->tick.when == 0)
        carrier_timer_set(&s->tick, fiber_deadline_ms(TICK_MS));
}

/* The room that is next holds c's complete head of head_n bytes, n with what follows it. */
static void begin_request(struct conn *c, size_t head_n, size_t n, bool waited)
{
    struct serving *s = c->s;

    if ((!waited && s->waiting.first) || !take_place(s)) {
        wait_for_place(c, n, waited);
        return;
    }
    room_take(c);
    conn_drop_saved(c);
    set_up_request(c->room, head_n, n);
    set_label(c->room);
    c->state = CONN_RUNNING;
    c->served = true;
    c->deadline = 0;
    count_adjust(&s->counts.running, 1);
    count_up(&s->counts.requests);
    seam_dispatch(c);
}

/* ---- requests that are refused ---- */

static void answer_plainly(struct conn *c, int status)
{
    struct room *r = c->room;
    struct slice message = status == 503 ? SLICE("Service unavailable") : http_reason(status);
    struct http_field table[2];
    struct http_fields fields = { .v = table, .cap = 2 };
    char body[128];
    int n = snprintf(body, sizeof body, "{ \"statusCode\": %d, \"message\": \"%.*s\" }", status,
                     SLICE_ARG(message));

    r->out_n = 0;
    if (http_fields_add(&fields, SLICE("Content-Type"), SLICE("application/json"))
        && (status != 503 || http_fields_add(&fields, SLICE("Retry-After"), SLICE("1"))))
        (void)conn_answer_text(c, status, SLICE_NONE, &fields, slice_of(body, (size_t)n));
}

/* The room that is next holds what was received of the head; n bytes. */
static void refuse(struct conn *c, int status, const char *why, size_t n)
{
    struct serving *s = c->s;

    conn_unpark(c);
    room_take(c);
    conn_drop_saved(c);
    struct room *r = c->room;
    r->head.framing = HTTP_BODY_NONE;
    set_up_request(r, 0, n);
    r->rest = SLICE_NONE;
    c->state = CONN_REFUSED;
    if (s->options.refuse)
        s->options.refuse(c, status, why, s->options.refuse_arg);
    if (r->answer == ANSWER_NONE)
        answer_plainly(c, status);
    if (r->answer == ANSWER_SPOILT)
        conn_close(c);
    else
        linger(c);
}

/* Refuse a connection whose head is not (or no longer) in the room. */
static void refuse_saved(struct conn *c, int status, const char *why)
{
    struct room *r = room_next(c->s);

    if (!r) {
        conn_close(c);
        return;
    }
    r->head = (struct http_head){ .minor = 1 };
    refuse(c, status, why, c->saved_n);
}

/* ---- heads ---- */

static void park(struct conn *c)
{
    const struct http_server_options *o = &c->s->options;

    if (c->parked)
        return;
    conn_set_deadline(c, fiber_deadline_ms(c->served ? o->idle_ms : o->head_ms));
    conn_park(c);
    c->trimmed = !c->tls;
    if (c->tls && c->s->trim.when == 0)
        carrier_timer_set(&c->s->trim, fiber_now() + TRIM_NS);
}

void serving_trim(struct carrier_timer *timer)
{
    struct serving *s = CONTAINER_OF(timer, struct serving, trim);
    bool more = false;

    for (struct conn *c = s->parked[1].first; c; c = c->next) {
        uint64_t parked_at =
            c->deadline - (c->served ? s->options.idle_ms : s->options.head_ms) * NS_PER_MS;
        if (c->trimmed)
            continue;
        if (parked_at + TRIM_NS > fiber_now()) {
            more = true;
            continue;
        }
        tls_trim(&c->stream);
        c->trimmed = true;
    }
    if (more)
        carrier_timer_set(timer, fiber_now() + TRIM_NS);
}

/* Nothing more for now; n bytes of a head are in room r. */
static void await_head(struct conn *c, const struct room *r, size_t n)
{
    bool begun = c->saved_n > 0;

    if (n == 0) {
        c->scanned = 0;
        if (c->s->draining) {
            conn_close(c);
            return;
        }
        park(c);
        return;
    }
    if (!conn_save(c, r->in, n)) {
        conn_close(c);
        return;
    }
    conn_unpark(c);
    if (!begun && c->served)
        conn_set_deadline(c, fiber_deadline_ms(c->s->options.head_ms));
}

/* The head that is next is whole, or can never be. */
static void take_head(struct conn *c, const struct http_parse_result *p, size_t n, bool waited)
{
    struct serving *s = c->s;

    conn_unpark(c);
    c->scanned = 0;
    if (p->outcome == HTTP_PARSE_DONE) {
        begin_request(c, p->head_bytes, n, waited);
        return;
    }
    count_up(&s->counts.bad_heads);
    refuse(c, p->status, p->why, n);
}

static void read_head(struct conn *c)
{
    const struct http_limits *limits = &c->s->options.limits;
    struct room *r = room_next(c->s);
    size_t n = c->saved_n, scanned = c->scanned;
    bool waited = c->state == CONN_WAITING;

    if (!r) {
        conn_close(c);
        return;
    }
    c->state = CONN_HEAD;
    if (n)
        memcpy(r->in, c->saved, n);
    for (;;) {
        if (n) {
            struct http_parse_result p =
                http_parse_request(r->in, n, &scanned, limits, r->table, limits->fields, &r->head);
            if (p.outcome != HTTP_PARSE_MORE) {
                take_head(c, &p, n, waited);
                return;
            }
        }
        size_t space = r->in_cap - n;
        ssize_t got =
            stream_recv(&c->stream, r->in + n, space < ROOM_BEYOND_HEAD ? space : ROOM_BEYOND_HEAD);
        if (got <= 0) {
            c->scanned = (uint32_t)scanned;
            if (got < 0 && errno == EAGAIN)
                await_head(c, r, n);
            else
                conn_close(c);
            return;
        }
        n += (size_t)got;
    }
}

/* ---- limits.requests ---- */

static bool has_place(const struct serving *s)
{
    return atomic_load_explicit(&running_total, memory_order_relaxed) < s->options.max_requests;
}

static void start_waiting(struct serving *s)
{
    while (s->waiting.first && has_place(s)) {
        struct conn *c = s->waiting.first;
        conn_list_remove(&s->waiting, c);
        read_head(c); /* CONN_WAITING tells it not to queue behind the others */
        if (s->waiting.first == c)
            break; /* another carrier was faster */
    }
}

void serving_tick(struct carrier_timer *timer)
{
    struct serving *s = CONTAINER_OF(timer, struct serving, tick);

    start_waiting(s);
    if (s->waiting.first)
        carrier_timer_set(timer, fiber_deadline_ms(TICK_MS));
}

/* ---- events and time ---- */

static void client_is_gone(struct conn *c)
{
    struct room *r = c->room;

    if (r->gone || r->answer == ANSWER_TAKEN)
        return;
    r->gone = true;
    if (r->worker)
        fiber_cancel(r->worker);
}

static void on_event(struct sock *sock)
{
    struct conn *c = CONTAINER_OF(sock, struct conn, stream.sock);
    bool over = (sock->flags & (SOCK_RDHUP | SOCK_ERR)) != 0;

    switch (c->state) {
    case CONN_HEAD:
        if (sock->flags & SOCK_READABLE)
            read_head(c);
        break;
    case CONN_WAITING:
        if (over)
            conn_close(c);
        break;
    case CONN_RUNNING:
        if (over)
            client_is_gone(c);
        break;
    case CONN_LINGER:
        linger_drop(c);
        break;
    default:
        break;
    }
}

static void on_timer(struct carrier_timer *timer)
{
    struct conn *c = CONTAINER_OF(timer, struct conn, timer);

    if (c->deadline == 0)
        return;
    if (c->deadline > fiber_now()) {
        carrier_timer_set(timer, c->deadline);
        return;
    }
    if (c->state == CONN_HEAD && c->saved_n) {
        refuse_saved(c, 408, "timeout.head");
    } else if (c->state == CONN_WAITING) {
        conn_list_remove(&c->s->waiting, c);
        c->state = CONN_HEAD;
        count_up(&c->s->counts.refused);
        refuse_saved(c, 503, "limits.requests");
    } else if (c->parked && c->tls) {
        c->stream.ops->shutdown(&c->stream);
        conn_close(c);
    } else {
        conn_close(c);
    }
}

/* ---- requests that end ---- */

/* Read and drop what the handler left of the body; true: it was little and came soon. */
static bool drop_body(struct conn *c)
{
    struct room *r = c->room;
    uint64_t deadline = fiber_deadline_ms(DROP_MS);
    size_t dropped = 0;

    if (r->continue_due) /* whether the body will come is the client's choice: nobody can tell */
        return false;
    while (!r->body_done) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &c->stream.sock };
        ssize_t got = conn_body_recv(c, r->out, ROOM_BEYOND_HEAD);
        if (got > 0)
            dropped += (size_t)got;
        if (dropped > CONN_DROP_BYTES || (got < 0 && errno != EAGAIN))
            return false;
        if (got < 0 && fiber_wait(&wait, 1, deadline) <= 0)
            return false;
    }
    return true;
}

static bool may_be_sending(const struct conn *c)
{
    return !c->room->body_done || c->room->rest.n || (c->stream.sock.flags & SOCK_READABLE)
        || stream_pending(&c->stream);
}

/* The client of a cut answer must not take it for a whole one: where only the close ends it,
 * reset. */
static void reset_if_unframed(const struct conn *c)
{
    struct linger hard = { .l_onoff = 1 };

    if (c->room->answer == ANSWER_SPOILT && c->room->framing == HTTP_BODY_TO_CLOSE && !c->tls)
        (void)setsockopt(c->stream.sock.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static void close_after(struct conn *c)
{
    struct room *r = c->room;

    if (r->answer == ANSWER_ENDED && !r->gone && may_be_sending(c)) {
        linger(c);
        return;
    }
    if (r->answer != ANSWER_SPOILT && c->tls && !r->gone)
        c->stream.ops->shutdown(&c->stream);
    reset_if_unframed(c);
    conn_close(c);
}

static void await_next(struct conn *c)
{
    struct slice rest = c->room->rest;

    if (rest.n && !conn_save(c, rest.p, rest.n)) {
        conn_close(c);
        return;
    }
    room_give(c);
    c->state = CONN_HEAD;
    c->scanned = 0;
    if (c->saved_n || (c->stream.sock.flags & SOCK_READABLE) || stream_pending(&c->stream)) {
        if (c->saved_n)
            conn_set_deadline(c, fiber_deadline_ms(c->s->options.head_ms));
        read_head(c);
        return;
    }
    await_head(c, NULL, 0);
}

/* The handler has returned; on the worker's fiber. */
static void finish(struct conn *c)
{
    struct serving *s = c->s;
    struct room *r = c->room;

    if (r->answer != ANSWER_ENDED && r->answer != ANSWER_TAKEN)
        r->answer = ANSWER_SPOILT;
    bool keep = r->answer == ANSWER_ENDED && !r->close && !r->gone && !r->body_failed
             && (r->body_done || drop_body(c)) && !s->draining;
    /* No cancellation of this request may reach the worker's next one. */
    if (r->worker)
        fiber_cancel_clear(r->worker);
    r->worker = NULL;
    give_place(s);
    seam_worker_returns(); /* nothing waits from here on */
    if (keep)
        await_next(c);
    else
        close_after(c);
    if (s->waiting.first)
        start_waiting(s);
}

void conn_run(struct conn *c)
{
    struct room *r = c->room;

    r->worker = fiber_self();
    if (c->stream.sock.flags & (SOCK_RDHUP | SOCK_ERR))
        client_is_gone(c);
    if (r->gone)
        fiber_cancel(r->worker);
    fiber_set_label(r->label);
    c->port->handler(c, c->port->arg);
    fiber_set_label(NULL);
    finish(c);
}

void conn_lost(struct conn *c)
{
    log_error("RequestLost", "%s: the worker did not take it", c->room->label);
    answer_plainly(c, 500);
    c->room->close = true;
    finish(c);
}

/* ---- the first head ---- */

void conn_await_first(struct conn *c)
{
    c->state = CONN_HEAD;
    c->timer.fire = on_timer;
    c->stream.sock.on_event = on_event;
    conn_set_deadline(c, fiber_deadline_ms(c->s->options.head_ms));
    read_head(c);
}
