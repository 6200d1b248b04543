/* Keep-alive connections to backends, per carrier; http1_client.h, invariants 1, 3 and 5. */
#include "platform/http1_int.h"

#include <errno.h>
#include <stdlib.h>

#include "platform/tls.h"

#define BUCKETS 64u
/* Idle connections of a carrier to all targets together. */
#define IDLE_TOTAL 512u
/* Objects kept for reuse; the rest go back to the system. */
#define FREE_KEEP 64u
#define SWEEP_MS 5000u

_Thread_local struct http1_counts http1_pool_counts;

static _Thread_local struct http1_peer *buckets[BUCKETS];
static _Thread_local struct http1_peer *free_peers;
static _Thread_local struct http1_conn *free_conns;
static _Thread_local unsigned free_peers_count, free_conns_count;
/* By carrier and not thread-local: an armed timer is touched once more when its thread has ended. */
static struct carrier_timer sweep_timers[CARRIERS_MAX];

/* ---- pool entries ---- */

static uint64_t identity_of(const struct http1_target *t)
{
    return t->identity ? tls_identity_hash(t->identity) : 0;
}

static bool peer_matches(const struct http1_peer *p, const struct http1_target *t)
{
    return p->hash == t->hash && p->port == t->port && p->tls == (t->tls_name != NULL) &&
           p->identity == identity_of(t) && p->skip_chain == t->skip_chain && p->skip_name == t->skip_name &&
           slice_eq(slice_from(p->host), t->host) && (!p->tls || !strcmp(p->tls_name, t->tls_name));
}

static struct http1_peer *find_peer(const struct http1_target *t)
{
    struct http1_peer *p = buckets[t->hash % BUCKETS];

    while (p && !peer_matches(p, t))
        p = p->next;
    return p;
}

static struct http1_peer *add_peer(const struct http1_target *t)
{
    struct http1_peer *p = free_peers;

    if (p) {
        free_peers = p->next;
        free_peers_count--;
    } else if (!(p = malloc(sizeof *p))) {
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->hash = t->hash;
    p->port = t->port;
    p->tls = t->tls_name != NULL;
    p->skip_chain = t->skip_chain;
    p->identity = identity_of(t);
    p->skip_name = t->skip_name;
    memcpy(p->host, t->host.p, t->host.n);
    if (p->tls)
        memcpy(p->tls_name, t->tls_name, strlen(t->tls_name) + 1);
    p->next = buckets[p->hash % BUCKETS];
    buckets[p->hash % BUCKETS] = p;
    return p;
}

static void drop_unused_peer(struct http1_peer *p)
{
    struct http1_peer **at = &buckets[p->hash % BUCKETS];

    if (p->idle_count || p->active_count)
        return;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    if (HOLDFAST_ASAN || free_peers_count >= FREE_KEEP) {
        free(p);
        return;
    }
    p->next = free_peers;
    free_peers = p;
    free_peers_count++;
}

/* ---- connection objects ---- */

static void free_conn(struct http1_conn *c)
{
    if (c->open)
        stream_close(&c->stream);
    if (HOLDFAST_ASAN || free_conns_count >= FREE_KEEP) {
        free(c);
        return;
    }
    c->older = free_conns;
    free_conns = c;
    free_conns_count++;
}

struct http1_conn *http1_pool_new(const struct http1_target *t)
{
    struct http1_peer *p = find_peer(t);
    struct http1_conn *c = free_conns;

    if (!p && !(p = add_peer(t)))
        return NULL;
    if (c) {
        free_conns = c->older;
        free_conns_count--;
    } else if (!(c = malloc(sizeof *c))) {
        drop_unused_peer(p);
        return NULL;
    }
    memset(c, 0, sizeof *c);
    c->stream.sock.fd = -1;
    c->peer = p;
    p->active_count++;
    http1_pool_counts.active++;
    return c;
}

void http1_pool_close(struct http1_conn *c)
{
    struct http1_peer *p = c->peer;

    p->active_count--;
    http1_pool_counts.active--;
    free_conn(c);
    drop_unused_peer(p);
}

static void unlink_idle(struct http1_conn *c)
{
    struct http1_peer *p = c->peer;

    if (c->newer)
        c->newer->older = c->older;
    else
        p->idle = c->older;
    if (c->older)
        c->older->newer = c->newer;
    c->newer = c->older = NULL;
    c->idle = false;
    p->idle_count--;
    http1_pool_counts.idle--;
}

static void close_idle(struct http1_conn *c)
{
    struct http1_peer *p = c->peer;

    unlink_idle(c);
    free_conn(c);
    drop_unused_peer(p);
}

/* ---- what may stay ---- */

bool http1_pool_is_quiet(struct http1_conn *c)
{
    char byte;

    if (c->stream.sock.flags & (SOCK_RDHUP | SOCK_ERR))
        return false;
    if (!(c->stream.sock.flags & SOCK_READABLE) && !stream_pending(&c->stream))
        return true;
    /* TLS tickets and the tail of a read that filled its buffer are drained here; any payload is one byte
     * too many. */
    if (stream_recv(&c->stream, &byte, 1) >= 0)
        return false;
    return errno == EAGAIN && !(c->stream.sock.flags & (SOCK_RDHUP | SOCK_ERR));
}

/* Invariant 3. On the loop. */
static void watch_idle(struct sock *s)
{
    struct http1_conn *c = CONTAINER_OF(s, struct http1_conn, stream.sock);

    if (c->idle && !http1_pool_is_quiet(c))
        close_idle(c);
}

static void sweep(struct carrier_timer *timer)
{
    uint64_t now = fiber_now();

    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct http1_peer *p = buckets[i], *next; p; p = next) {
            next = p->next;
            for (struct http1_conn *c = p->idle, *older; c; c = older) {
                older = c->older;
                if (now >= c->idle_until)
                    close_idle(c); /* the last one takes p along */
            }
        }
    }
    if (http1_pool_counts.idle)
        carrier_timer_set(timer, now + SWEEP_MS * NS_PER_MS);
}

struct http1_conn *http1_pool_take(const struct http1_target *t)
{
    struct http1_peer *p = find_peer(t);

    for (struct http1_conn *c = p ? p->idle : NULL, *older; c; c = older) {
        older = c->older;
        if (fiber_now() < c->idle_until) {
            unlink_idle(c);
            c->peer->active_count++;
            http1_pool_counts.active++;
            return c;
        }
        close_idle(c); /* the last one takes p along */
    }
    return NULL;
}

static struct carrier_timer *sweep_timer(void)
{
    return &sweep_timers[carrier_index(carrier_self())];
}

static void start_sweep(void)
{
    struct carrier_timer *timer = sweep_timer();

    if (timer->when)
        return;
    timer->fire = sweep;
    carrier_timer_set(timer, fiber_now() + SWEEP_MS * NS_PER_MS);
}

void http1_pool_give(struct http1_conn *c, uint64_t idle_ms)
{
    struct http1_peer *p = c->peer;

    if (!idle_ms || p->idle_count >= HTTP1_IDLE_PER_TARGET || http1_pool_counts.idle >= IDLE_TOTAL ||
        !http1_pool_is_quiet(c)) {
        http1_pool_close(c);
        return;
    }
    p->active_count--;
    http1_pool_counts.active--;
    c->idle = true;
    c->idle_until = fiber_now() + idle_ms * NS_PER_MS;
    c->stream.sock.on_event = watch_idle;
    c->newer = NULL;
    c->older = p->idle;
    if (p->idle)
        p->idle->newer = c;
    p->idle = c;
    p->idle_count++;
    http1_pool_counts.idle++;
    start_sweep();
}

struct http1_counts http1_counts(void)
{
    return http1_pool_counts;
}

void http1_drop_idle(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (struct http1_peer *p = buckets[i], *next; p; p = next) {
            next = p->next;
            for (struct http1_conn *c = p->idle, *older; c; c = older) {
                older = c->older;
                close_idle(c);
            }
        }
    }
    carrier_timer_clear(sweep_timer());
    while (free_conns) {
        struct http1_conn *next = free_conns->older;
        free(free_conns);
        free_conns = next;
    }
    while (free_peers) {
        struct http1_peer *next = free_peers->next;
        free(free_peers);
        free_peers = next;
    }
    free_conns_count = free_peers_count = 0;
}
