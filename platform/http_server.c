/* The HTTP server on each carrier: connections from their accepted descriptor to their close.
 *
 *            +------------ not complete ----------+
 *            v                                    |
 *   adopt -> HEAD (parked without a byte) --> read head --> RUNNING --> answered --> HEAD
 *     TLS:   ^                                    | limits.requests   |
 *   HANDSHAKE+                                    +--> WAITING -------+    bad head, 408, 503: REFUSED -> LINGER
 *
 * Invariants
 * 1. Until a head is complete a connection costs no worker: heads are read on the loop, into the room that is to
 *    run the next request; what is incomplete is saved in as few bytes as it needs.
 * 2. A connection has a room exactly while it is RUNNING or REFUSED. Slices of head and body lie in its room.
 * 3. One request of a connection runs at a time; bytes beyond it wait for their turn (in the room, then saved).
 * 4. A connection is read again only when request body and answer are both complete; else it is closed. So nothing
 *    of a body is ever parsed as a head.
 * 5. While a request runs FIN, RST or an error cancels its worker, once.
 * 6. A connection that is closed while its client may still be sending lingers: an RST would destroy the answer.
 * 7. Timers are lazy: a connection's stays armed over its requests; too early, it arms itself anew. */
#include "platform/conn_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "platform/log.h"
#include "platform/tls.h"

/* limits.requests: how long a head may wait, and how often it is looked whether other carriers let one go. */
#define WAITING_MS 5000u
#define TICK_MS 20u
#define LINGER_MS 2000u
#define LINGER_BYTES (256u * 1024)
/* Reading and dropping what a handler left of a request body. */
#define DROP_MS 2000u
#define CONNS_KEPT 256u
#define SAVED_KEPT 64u
#define ROOMS_KEPT 64u
/* A room's pages beyond the first so many of arena, input and output are given back after a large request. */
#define ROOM_KEPT_BYTES (64u * 1024)
#define ARENA_BYTES_MIN (64u * 1024)
/* Civetweb's workers of one carrier at least, when limits.requests allows it. */
#define WORKERS_MIN 256u

static struct serving servings[CARRIERS_MAX];
static atomic_uint running_total; /* against limits.requests */

struct serving *serving_here(void)
{
    return &servings[carrier_index(carrier_self())];
}

struct serving *serving_at(unsigned i)
{
    return &servings[i];
}

static unsigned adjust(atomic_uint *n, int by)
{
    unsigned value = atomic_load_explicit(n, memory_order_relaxed) + (unsigned)by;

    atomic_store_explicit(n, value, memory_order_relaxed);
    return value;
}

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

/* ---- rooms ---- */

static size_t page_round(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

/* room | field table | input | output | arena */
static struct room *room_map(const struct serving *s)
{
    size_t head = sizeof(struct room) + s->options.limits.fields * sizeof(struct http_field);
    size_t in_cap = http_request_head_max(&s->options.limits) + ROOM_BEYOND_HEAD;
    size_t arena = s->options.arena_bytes > ARENA_BYTES_MIN ? s->options.arena_bytes : ARENA_BYTES_MIN;
    size_t in_at = page_round(head), out_at = in_at + page_round(in_cap);
    size_t arena_at = out_at + page_round(ROOM_OUT_BYTES), mapped = arena_at + page_round(arena);
    char *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    struct room *r = (struct room *)p;
    r->mapped = mapped;
    r->table = (struct http_field *)(p + sizeof *r);
    r->in = p + in_at;
    r->in_cap = in_cap;
    r->out = p + out_at;
    arena_init_fixed(&r->arena, p + arena_at, arena);
    r->empty = arena_mark(&r->arena);
    return r;
}

static void room_unmap(struct room *r)
{
    arena_free(&r->arena);
    munmap(r, r->mapped);
}

/* The room that the next head is read into; it stays where it is until room_take. */
static struct room *room_next(struct serving *s)
{
    if (!s->rooms) {
        s->rooms = room_map(s);
        s->room_count = s->rooms != NULL;
    }
    return s->rooms;
}

static void room_take(struct conn *c)
{
    struct room *r = c->s->rooms;

    c->s->rooms = r->next;
    c->s->room_count--;
    c->room = r;
}

static void give_back_pages(char *p, size_t used)
{
    if (used > ROOM_KEPT_BYTES)
        madvise(p + ROOM_KEPT_BYTES, page_round(used - ROOM_KEPT_BYTES), MADV_DONTNEED);
}

static void room_give(struct conn *c)
{
    struct serving *s = c->s;
    struct room *r = c->room;

    c->room = NULL;
    if (!r)
        return;
    size_t peak = r->arena.peak;
    arena_reset(&r->arena, r->empty);
    r->arena.peak = 0;
    if (s->room_count >= ROOMS_KEPT) {
        room_unmap(r);
        return;
    }
    if (r->arena.fixed)
        give_back_pages(r->arena.fixed, peak);
    r->next = s->rooms;
    s->rooms = r;
    s->room_count++;
}

/* ---- saved bytes ---- */

static uint32_t saved_class_for(size_t n)
{
    uint32_t class = 0;

    while (((size_t)256 << class) < n)
        class++;
    return class;
}

static void saved_free(struct conn *c)
{
    struct serving *s = c->s;

    if (!c->saved)
        return;
    if (s->saved[c->saved_class].count < SAVED_KEPT) {
        *(void **)c->saved = s->saved[c->saved_class].first;
        s->saved[c->saved_class].first = c->saved;
        s->saved[c->saved_class].count++;
    } else {
        free(c->saved);
    }
    c->saved = NULL;
    c->saved_n = 0;
}

/* Keep n bytes at p with the connection; p is not what is saved already. */
static bool save(struct conn *c, const char *p, size_t n)
{
    struct serving *s = c->s;
    uint32_t class = saved_class_for(n);

    if (!c->saved || c->saved_class != class) {
        saved_free(c);
        c->saved = s->saved[class].first;
        if (c->saved) {
            s->saved[class].first = *(void **)c->saved;
            s->saved[class].count--;
        } else {
            c->saved = malloc((size_t)256 << class);
        }
        if (!c->saved)
            return false;
        c->saved_class = class;
    }
    memcpy(c->saved, p, n);
    c->saved_n = (uint32_t)n;
    return true;
}

/* ---- lists ---- */

static void list_push(struct conn_list *l, struct conn *c)
{
    c->next = NULL;
    c->previous = l->last;
    if (l->last)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
}

static void list_push_front(struct conn_list *l, struct conn *c)
{
    c->previous = NULL;
    c->next = l->first;
    if (l->first)
        l->first->previous = c;
    else
        l->last = c;
    l->first = c;
}

static void list_remove(struct conn_list *l, struct conn *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        l->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        l->last = c->previous;
}

static void park(struct conn *c)
{
    if (c->parked)
        return;
    c->parked = true;
    list_push(&c->s->parked[c->tls], c);
    adjust(&c->s->counts.parked, 1);
}

static void unpark(struct conn *c)
{
    if (!c->parked)
        return;
    c->parked = false;
    list_remove(&c->s->parked[c->tls], c);
    adjust(&c->s->counts.parked, -1);
}

/* ---- connections ---- */

static void on_timer(struct carrier_timer *timer);
static void on_event(struct sock *sock);
static void read_head(struct conn *c);

static void set_deadline(struct conn *c, uint64_t when)
{
    c->deadline = when;
    if (c->timer.when == 0 || when < c->timer.when)
        carrier_timer_set(&c->timer, when);
}

static struct conn *conn_new(struct serving *s)
{
    struct conn *c = s->free_conns;

    if (c) {
        s->free_conns = c->next;
        s->free_count--;
    } else {
        c = malloc(sizeof *c);
        if (!c)
            return NULL;
    }
    memset(c, 0, sizeof *c);
    c->s = s;
    c->stream.sock.fd = -1;
    c->timer.fire = on_timer;
    c->all_next = s->all;
    if (s->all)
        s->all->all_previous = c;
    s->all = c;
    return c;
}

static void conn_free(struct conn *c)
{
    struct serving *s = c->s;

    if (c->all_previous)
        c->all_previous->all_next = c->all_next;
    else
        s->all = c->all_next;
    if (c->all_next)
        c->all_next->all_previous = c->all_previous;
    if (s->free_count >= CONNS_KEPT) {
        free(c);
        return;
    }
    c->next = s->free_conns;
    s->free_conns = c;
    s->free_count++;
}

static void conn_close(struct conn *c)
{
    struct serving *s = c->s;

    unpark(c);
    if (c->state == CONN_WAITING)
        list_remove(&s->waiting, c);
    carrier_timer_clear(&c->timer);
    stream_close(&c->stream);
    saved_free(c);
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
    if (got < 0 && errno == EAGAIN)
        return;
    conn_close(c);
}

static void linger(struct conn *c)
{
    room_give(c);
    saved_free(c);
    c->stream.ops->shutdown(&c->stream);
    c->state = CONN_LINGER;
    set_deadline(c, fiber_deadline_ms(LINGER_MS));
    linger_drop(c);
}

/* ---- requests that begin ---- */

static void set_label(struct room *r)
{
    struct slice m = slice_first(r->head.method, 16), p = slice_first(r->head.path, sizeof r->label - 18);

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
    if (atomic_fetch_add_explicit(&running_total, 1, memory_order_relaxed) < s->options.max_requests)
        return true;
    atomic_fetch_sub_explicit(&running_total, 1, memory_order_relaxed);
    return false;
}

static void give_place(struct serving *s)
{
    atomic_fetch_sub_explicit(&running_total, 1, memory_order_relaxed);
    if (adjust(&s->counts.running, -1) == 0 && s->draining)
        fiber_cond_broadcast(&s->idle);
}

/* `again`: it was the first of those that wait, and stays so. */
static void wait_for_place(struct conn *c, size_t n, bool again)
{
    struct serving *s = c->s;

    if (!save(c, s->rooms->in, n)) {
        conn_close(c);
        return;
    }
    c->state = CONN_WAITING;
    if (again) {
        list_push_front(&s->waiting, c);
    } else {
        list_push(&s->waiting, c);
        set_deadline(c, fiber_deadline_ms(WAITING_MS));
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
    saved_free(c);
    set_up_request(c->room, head_n, n);
    set_label(c->room);
    c->state = CONN_RUNNING;
    c->served = true;
    c->deadline = 0;
    adjust(&s->counts.running, 1);
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
    int n = snprintf(body, sizeof body, "{ \"statusCode\": %d, \"message\": \"%.*s\" }", status, SLICE_ARG(message));

    r->out_n = 0;
    if (http_fields_add(&fields, SLICE("Content-Type"), SLICE("application/json"))
        && (status != 503 || http_fields_add(&fields, SLICE("Retry-After"), SLICE("1"))))
        (void)conn_answer_text(c, status, SLICE_NONE, &fields, slice_of(body, (size_t)n));
}

/* The room that is next holds what was received of the head; n bytes. */
static void refuse(struct conn *c, int status, const char *why, size_t n)
{
    struct serving *s = c->s;

    unpark(c);
    room_take(c);
    saved_free(c);
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

/* Nothing more for now; n bytes of a head are in room r. */
static void await_head(struct conn *c, const struct room *r, size_t n)
{
    const struct http_server_options *o = &c->s->options;
    bool begun = c->saved_n > 0;

    if (n == 0) {
        c->scanned = 0;
        if (c->s->draining) {
            conn_close(c);
            return;
        }
        if (!c->parked)
            set_deadline(c, fiber_deadline_ms(c->served ? o->idle_ms : o->head_ms));
        park(c);
        return;
    }
    if (!save(c, r->in, n)) {
        conn_close(c);
        return;
    }
    unpark(c);
    if (!begun && c->served)
        set_deadline(c, fiber_deadline_ms(o->head_ms));
}

/* The head that is next is whole, or can never be. */
static void take_head(struct conn *c, const struct http_parse_result *p, size_t n, bool waited)
{
    struct serving *s = c->s;

    unpark(c);
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
            struct http_parse_result p = http_parse_request(r->in, n, &scanned, limits, r->table, limits->fields, &r->head);
            if (p.outcome != HTTP_PARSE_MORE) {
                take_head(c, &p, n, waited);
                return;
            }
        }
        size_t space = r->in_cap - n;
        ssize_t got = stream_recv(&c->stream, r->in + n, space < ROOM_BEYOND_HEAD ? space : ROOM_BEYOND_HEAD);
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
        list_remove(&s->waiting, c);
        read_head(c); /* CONN_WAITING tells it not to queue behind the others */
        if (s->waiting.first == c)
            break; /* another carrier was faster */
    }
}

static void on_tick(struct carrier_timer *timer)
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
        list_remove(&c->s->waiting, c);
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

/* The client of a cut answer must not take it for a whole one: where only the close ends it, reset. */
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

    if (rest.n && !save(c, rest.p, rest.n)) {
        conn_close(c);
        return;
    }
    room_give(c);
    c->state = CONN_HEAD;
    c->scanned = 0;
    if (c->saved_n || (c->stream.sock.flags & SOCK_READABLE) || stream_pending(&c->stream)) {
        if (c->saved_n)
            set_deadline(c, fiber_deadline_ms(c->s->options.head_ms));
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

/* ---- connections that begin ---- */

static void await_first(struct conn *c)
{
    c->state = CONN_HEAD;
    c->stream.sock.on_event = on_event;
    set_deadline(c, fiber_deadline_ms(c->s->options.head_ms));
    read_head(c);
}

struct handshake {
    struct conn *c;
    struct tls_server *tls;
};

static void do_handshake(void *arg)
{
    struct handshake h = *(struct handshake *)arg;
    struct conn *c = h.c;
    struct err err;

    free(arg);
    bool ok = tls_accept(&c->stream, h.tls, fiber_deadline_ms(c->s->options.handshake_ms), &err);
    tls_server_unref(h.tls);
    c->handshake = NULL;
    if (ok) {
        await_first(c);
        return;
    }
    count_up(&c->s->counts.handshakes_failed);
    log_event(LOG_DEBUG, "HandshakeFailed", "%s, callerIpAddress: %.*s", err.text, SLICE_ARG(conn_peer_ip(c)));
    conn_close(c);
}

static void begin_handshake(struct conn *c, struct tls_server *tls)
{
    struct handshake *h = malloc(sizeof *h);

    c->tls = true;
    c->state = CONN_HANDSHAKE;
    atomic_fetch_add_explicit(&c->s->counts.tls, 1, memory_order_relaxed);
    if (h) {
        *h = (struct handshake){ c, tls };
        c->handshake = fiber_spawn("handshake", do_handshake, h);
        if (c->handshake)
            return;
        free(h);
    }
    tls_server_unref(tls);
    conn_close(c);
}

static unsigned open_total(bool tls)
{
    unsigned n = 0;

    for (unsigned i = 0; i < carriers_count(); i++)
        n += atomic_load_explicit(tls ? &servings[i].counts.tls : &servings[i].counts.open, memory_order_relaxed);
    return n;
}

/* Over the limit the connection that has been idle longest makes room; false: none is idle. */
static bool close_longest_idle(struct serving *s, bool tls)
{
    struct conn *c = s->parked[1].first;

    if (!tls && s->parked[0].first && (!c || s->parked[0].first->deadline < c->deadline))
        c = s->parked[0].first;
    if (!c)
        return false;
    if (c->tls)
        c->stream.ops->shutdown(&c->stream);
    conn_close(c);
    return true;
}

static bool fits(struct serving *s, bool tls)
{
    if (open_total(false) > s->options.max_connections && !close_longest_idle(s, false))
        return false;
    return !tls || open_total(true) < s->options.max_tls_connections || close_longest_idle(s, true);
}

/* counts.open was raised by whoever chose this carrier. */
void conn_adopt(int fd, const struct http_port *port, unsigned local_port, struct tls_server *tls,
                const char *peer, size_t peer_n)
{
    struct serving *s = serving_here();
    struct conn *c = NULL;

    count_up(&s->counts.accepted);
    if (!s->draining && fits(s, tls != NULL))
        c = conn_new(s);
    if (!c || !stream_open_plain(&c->stream, fd)) {
        count_up(&s->counts.refused);
        close(fd);
        if (tls)
            tls_server_unref(tls);
        atomic_fetch_sub_explicit(&s->counts.open, 1, memory_order_relaxed);
        if (c)
            conn_free(c);
        return;
    }
    c->port = port;
    c->local_port = (uint16_t)local_port;
    c->peer_n = (uint8_t)peer_n;
    memcpy(c->peer, peer, peer_n);
    if (tls)
        begin_handshake(c, tls);
    else
        await_first(c);
}

/* ---- start ---- */

static unsigned workers_per_carrier(unsigned max_requests)
{
    unsigned share = (max_requests + carriers_count() - 1) / carriers_count();
    unsigned least = max_requests < WORKERS_MIN ? max_requests : WORKERS_MIN;

    return share > least ? share : least;
}

bool http_server_start(const struct http_server_options *options, struct err *err)
{
    struct serving *s = serving_here();

    s->options = *options;
    s->tick.fire = on_tick;
    if (!seam_start(workers_per_carrier(options->max_requests), err))
        return false;
    atomic_store(&s->started, true);
    return carrier_index(carrier_self()) != 0 || listener_start(err);
}

/* ---- drain ---- */

struct drain {
    struct inbox_item item;
    struct drain *home; /* carrier 0's */
    struct carrier *carrier;
    uint64_t deadline;
    unsigned left;          /* home: carriers that are not done */
    struct fiber_cond done; /* home */
};

static void free_pools(struct serving *s)
{
    while (s->rooms) {
        struct room *r = s->rooms;
        s->rooms = r->next;
        room_unmap(r);
    }
    while (s->free_conns) {
        struct conn *c = s->free_conns;
        s->free_conns = c->next;
        free(c);
    }
    for (unsigned i = 0; i < SAVED_CLASSES; i++) {
        while (s->saved[i].first) {
            void *p = s->saved[i].first;
            s->saved[i].first = *(void **)p;
            free(p);
        }
        s->saved[i].count = 0;
    }
    s->free_count = s->room_count = 0;
}

static void close_parked(struct serving *s)
{
    while (close_longest_idle(s, false))
        ;
}

/* Time is over: what still runs is cut at its next wait. */
static void cancel_running(struct serving *s)
{
    for (struct conn *c = s->all; c; c = c->all_next) {
        if (c->state == CONN_RUNNING && c->room->worker)
            fiber_cancel(c->room->worker);
        if (c->state == CONN_HANDSHAKE && c->handshake)
            fiber_cancel(c->handshake);
    }
}

static bool has_conns_in(const struct serving *s, enum conn_state a, enum conn_state b)
{
    for (const struct conn *c = s->all; c; c = c->all_next)
        if (c->state == a || c->state == b)
            return true;
    return false;
}

/* Requests, incomplete heads and handshakes may end until the deadline; lingering ones are given their 2 s. */
static void wait_until_quiet(struct serving *s, uint64_t deadline)
{
    while (s->all && fiber_now() < deadline) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &s->idle };
        uint64_t soon = fiber_deadline_ms(10);
        (void)fiber_wait(&wait, 1, soon < deadline ? soon : deadline);
    }
    for (int i = 0; i < 100 && has_conns_in(s, CONN_RUNNING, CONN_HANDSHAKE); i++) {
        cancel_running(s);
        (void)fiber_sleep_until(fiber_deadline_ms(10));
    }
}

static void close_all_but_running(struct serving *s)
{
    for (struct conn *c = s->all, *next; c; c = next) {
        next = c->all_next;
        if (c->state != CONN_RUNNING && c->state != CONN_HANDSHAKE)
            conn_close(c);
    }
}

static void drained(struct inbox_item *item)
{
    struct drain *home = CONTAINER_OF(item, struct drain, item)->home;

    if (--home->left == 0)
        fiber_cond_broadcast(&home->done);
}

static void drain_here(void *arg)
{
    struct drain *d = arg;
    struct serving *s = serving_here();

    s->draining = true;
    close_parked(s);
    wait_until_quiet(s, d->deadline);
    close_all_but_running(s);
    if (!s->all) { /* else a handler does not return: its worker cannot be joined */
        seam_stop();
        free_pools(s);
    }
    carrier_timer_clear(&s->tick);
    atomic_store(&s->started, false);
    s->draining = false;
    d->item.run = drained;
    carrier_post(carrier_at(0), &d->item);
}

static void begin_drain(struct inbox_item *item)
{
    struct drain *d = CONTAINER_OF(item, struct drain, item);

    if (!fiber_spawn("drain", drain_here, d)) {
        d->item.run = drained;
        carrier_post(carrier_at(0), &d->item);
    }
}

void http_server_drain(uint64_t max_ms)
{
    static struct drain drains[CARRIERS_MAX];
    struct drain *home = &drains[0];
    unsigned n = carriers_count();

    listener_stop();
    home->left = n;
    home->done = (struct fiber_cond)FIBER_COND_INIT;
    for (unsigned i = 0; i < n; i++) {
        drains[i].item.run = begin_drain;
        drains[i].home = home;
        drains[i].deadline = fiber_deadline_ms(max_ms);
        carrier_post(carrier_at(i), &drains[i].item);
    }
    while (home->left) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &home->done };
        (void)fiber_wait(&wait, 1, UINT64_MAX);
    }
}

/* ---- counts ---- */

struct http_server_counts http_server_counts(void)
{
    struct http_server_counts sum = { 0 };

    for (unsigned i = 0; i < CARRIERS_MAX; i++) {
        struct serving_counts *n = &servings[i].counts;
        sum.accepted += atomic_load_explicit(&n->accepted, memory_order_relaxed);
        sum.requests += atomic_load_explicit(&n->requests, memory_order_relaxed);
        sum.bad_heads += atomic_load_explicit(&n->bad_heads, memory_order_relaxed);
        sum.refused += atomic_load_explicit(&n->refused, memory_order_relaxed);
        sum.handshakes_failed += atomic_load_explicit(&n->handshakes_failed, memory_order_relaxed);
        sum.open += atomic_load_explicit(&n->open, memory_order_relaxed);
        sum.parked += atomic_load_explicit(&n->parked, memory_order_relaxed);
        sum.running += atomic_load_explicit(&n->running, memory_order_relaxed);
        sum.tls += atomic_load_explicit(&n->tls, memory_order_relaxed);
    }
    return sum;
}
