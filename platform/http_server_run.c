/* The server's life on each carrier: arrivals, TLS handshakes, start, drain, counts. */
#include "platform/conn_int.h"

#include <stdlib.h>
#include <unistd.h>

#include "platform/log.h"
#include "platform/tls.h"

/* Civetweb's workers of one carrier at least, when limits.requests allows it. */
#define WORKERS_MIN 256u

static struct serving servings[CARRIERS_MAX];

struct serving *serving_here(void)
{
    return &servings[carrier_index(carrier_self())];
}

struct serving *serving_at(unsigned i)
{
    return &servings[i];
}

/* ---- connections that begin ---- */

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
        conn_await_first(c);
        return;
    }
    count_up(&c->s->counts.handshakes_failed);
    log_event(LOG_DEBUG, "HandshakeFailed", "%s, callerIpAddress: %.*s", err.text,
              SLICE_ARG(conn_peer_ip(c)));
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

unsigned conn_open_total(bool tls)
{
    unsigned n = 0;

    for (unsigned i = 0; i < carriers_count(); i++)
        n += atomic_load_explicit(tls ? &servings[i].counts.tls : &servings[i].counts.open,
                                  memory_order_relaxed);
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
    if (conn_open_total(false) > s->options.max_connections && !close_longest_idle(s, false))
        return false;
    return !tls || conn_open_total(true) < s->options.max_tls_connections
           || close_longest_idle(s, true);
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
        conn_await_first(c);
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
    s->tick.fire = serving_tick;
    s->trim.fire = serving_trim;
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

/* Requests, incomplete heads and handshakes may end until the deadline; lingering ones are given
 * their 2 s. */
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
        conn_pools_free(s);
    }
    carrier_timer_clear(&s->tick);
    carrier_timer_clear(&s->trim);
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
        sum.parked += atomic_load_explicit(&n->parked[0], memory_order_relaxed);
        sum.parked += atomic_load_explicit(&n->parked[1], memory_order_relaxed);
        sum.running += atomic_load_explicit(&n->running, memory_order_relaxed);
        sum.tls += atomic_load_explicit(&n->tls, memory_order_relaxed);
    }
    return sum;
}
