/* Fibers and carriers: one carrier is one OS thread with an epoll loop and a fiber scheduler.
 * The rules are architecture.md decision 1, 1-10; fiber.c numbers them as its invariants.
 *
 * Times are nanoseconds of the monotonic clock (fiber_now()). Every wait has a deadline.
 * All functions are called on a carrier unless they say "any thread". */
#ifndef PLATFORM_FIBER_H
#define PLATFORM_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "platform/base/compiler.h"
#include "platform/clock.h"

struct carrier;
struct fiber;

/* ---- carriers ---- */

struct carriers_options {
    unsigned count;                        /* 1..CARRIERS_MAX */
    void (*on_start)(unsigned index, void *arg); /* runs as the first fiber of each carrier */
    void *arg;
};
#define CARRIERS_MAX 64u

/* Run the carriers; carrier 0 on the calling thread. Returns after carriers_stop, when every carrier's
 * loop has ended. False: threads or epoll could not be had (errno). */
bool carriers_run(const struct carriers_options *options);
/* Any thread: ask every carrier to end its loop after the present turn. */
void carriers_stop(void);
unsigned carriers_count(void);
struct carrier *carrier_at(unsigned index);
/* The carrier of the calling thread, NULL on any other thread. */
struct carrier *carrier_self(void);
unsigned carrier_index(const struct carrier *c);

/* Something to run on a carrier's loop (not in a fiber: it must not wait). Owned by the poster until run. */
struct inbox_item {
    struct inbox_item *next;
    void (*run)(struct inbox_item *item);
};
/* Any thread: hand item to carrier c (list + eventfd, rule 1). */
void carrier_post(struct carrier *c, struct inbox_item *item);

/* Signals arrive here, on carrier 0's loop; set before carriers_run. The signals are blocked in all
 * threads. */
void carriers_on_signal(const int *signals, int n, void (*handler)(int signal));

/* A timer of a carrier that needs no fiber (parked connections, sweeps). Intrusive; re-arming moves it. */
struct carrier_timer {
    uint64_t when; /* 0 = not armed */
    uint32_t index;
    void (*fire)(struct carrier_timer *timer); /* on the loop, must not wait */
};
void carrier_timer_set(struct carrier_timer *t, uint64_t when);
void carrier_timer_clear(struct carrier_timer *t);

/* ---- time of the present turn ---- */
uint64_t fiber_now(void);   /* monotonic */
uint64_t fiber_wall(void);  /* since 1970 */
/* Monotonic time ms from now: the usual deadline. */
static inline uint64_t fiber_deadline_ms(uint64_t ms)
{
    return fiber_now() + ms * NS_PER_MS;
}

/* ---- fibers ---- */

#if HOLDFAST_ASAN || HOLDFAST_TSAN
#define FIBER_STACK_BYTES (1024u * 1024)
#else
#define FIBER_STACK_BYTES (256u * 1024)
#endif

/* A new fiber on this carrier, ready to run; name must outlive it. NULL when memory is short. */
struct fiber *fiber_spawn(const char *name, void (*fn)(void *arg), void *arg);
struct fiber *fiber_self(void); /* NULL on the loop itself and on other threads */
/* Give way: run again after the others that are ready, and after a poll (rule 4). */
void fiber_yield(void);
/* Give way if this fiber's share of the turn is used up: 256 kB or 32 socket calls that succeeded at once
 * since it last gave way. sock_read, sock_write_all and fiber_wait do it themselves. */
void fiber_yield_if_due(void);
/* Sleep until the deadline; false (errno ECANCELED) when cancelled. */
bool fiber_sleep_until(uint64_t deadline);
/* Make the present or next wait of f return ECANCELED, once. On its own carrier only. A condition that was
 * signalled goes before: then the wait returns it and the next one is cancelled, so that no signal is
 * lost. */
void fiber_cancel(struct fiber *f);
/* Drop a cancellation that has not been seen yet. */
void fiber_cancel_clear(struct fiber *f);
/* False with errno ECANCELED when a cancellation is to be delivered to the running fiber, which uses it up.
 * For waiting forms that find their data at once; fiber_wait, sock_read and sock_write_all do it
 * themselves. */
bool fiber_check_cancel(void);
/* While shielded a cancellation is kept and not delivered (clean-up code). Nests. */
void fiber_shield(bool on);
/* What the fiber works on, named by the overflow and abort reports ("GET /x"); borrowed text or NULL. */
void fiber_set_label(const char *label);
/* One pointer of the worker's own. */
void fiber_set_local(void *local);
void *fiber_local(void);
/* Highest number of stack bytes any fiber of this process has used. Any thread; some system calls per
 * fiber. */
size_t fiber_stack_peak(void);
/* Give the unused pages of f's stack back to the system: f is waiting on this carrier, or is the caller
 * itself. */
void fiber_stack_trim(struct fiber *f);
/* Fibers alive on all carriers. Any thread, approximate. */
unsigned fiber_count(void);

/* ---- conditions: fibers of one carrier wait for something that is not a socket ---- */
struct fiber_waiter;
struct fiber_cond {
    struct fiber_waiter *first, *last;
};
#define FIBER_COND_INIT { NULL, NULL }
static inline bool fiber_cond_has_waiters(const struct fiber_cond *c)
{
    return c->first != NULL;
}
/* Wake one, or all, waiters. Same carrier as the waiters. */
void fiber_cond_signal(struct fiber_cond *c);
void fiber_cond_broadcast(struct fiber_cond *c);

/* ---- sockets ---- */
#define SOCK_READABLE 1u /* a read may have something */
#define SOCK_WRITABLE 2u
#define SOCK_RDHUP 4u    /* the peer has closed its sending side */
#define SOCK_ERR 8u      /* error or hang-up */

/* One registered stream or listening socket. Edge-triggered, one registration for life (rule 3). Embedded by
 * its owner, never moved while open; the descriptor has no duplicate (closing it is what deregisters it). */
struct sock {
    int fd;         /* -1: closed */
    uint32_t slot;  /* in the carrier's table; an epoll event carries slot and generation (rule 5) */
    uint32_t flags; /* SOCK_... */
    struct fiber_waiter *reader, *writer;
    /* Called on the loop when flags gained a bit and no fiber waits for it; may be NULL; must not wait; may
     * close and free s. Set it after sock_open. Data that comes while SOCK_READABLE is still set is no gain:
     * read until EAGAIN or a short read, or remember that there is more. */
    void (*on_event)(struct sock *s);
};

/* Take over a non-blocking descriptor on this carrier. False: errno, fd stays the caller's. SOCK_WRITABLE is
 * set, SOCK_READABLE comes with the next poll when something is there. */
bool sock_open(struct sock *s, int fd);
/* Deregister and close the descriptor; waiting fibers get ECANCELED. A closed one (fd -1) may be closed
 * again. */
void sock_close(struct sock *s);
/* Accept from a listening socket: a non-blocking, close-on-exec descriptor, or -1 and errno. Never waits:
 * EAGAIN when the queue is empty. addr may be NULL. */
struct sockaddr;
int sock_accept(struct sock *s, struct sockaddr *addr, unsigned *addr_len);
/* One call that never waits: bytes, 0 at the end of the stream, or -1 and errno (EAGAIN when drained). Keeps
 * rule 3: a read shorter than the buffer clears SOCK_READABLE unless RDHUP, HUP or ERR was seen, and a
 * cleared SOCK_READABLE answers EAGAIN without a system call. */
ssize_t sock_recv(struct sock *s, void *buf, size_t n);
ssize_t sock_send(struct sock *s, const struct iovec *iov, int n);
/* The same, waiting until the deadline: -1 with ETIMEDOUT, ECANCELED or the socket's error. sock_write_all
 * writes every byte or fails; the iovec array is changed. Time-out counts without progress: `idle_ms` per
 * wait. */
ssize_t sock_read(struct sock *s, void *buf, size_t n, uint64_t deadline);
bool sock_write_all(struct sock *s, struct iovec *iov, int n, uint64_t idle_ms);
/* Connect s (a new non-blocking TCP or Unix socket) to addr. False: errno. */
bool sock_connect(struct sock *s, const struct sockaddr *addr, unsigned addr_len, uint64_t deadline);

/* ---- the primitive (rule 6) ---- */
enum fiber_wait_kind { FIBER_WAIT_READ, FIBER_WAIT_WRITE, FIBER_WAIT_COND };
struct fiber_wait {
    enum fiber_wait_kind kind;
    union {
        struct sock *sock;
        struct fiber_cond *cond;
    };
    bool ready; /* out */
};
#define FIBER_WAITS_MAX 8
/* Wait until one of waits[0..n) is ready (number of ready ones), the deadline has passed (0), or the fiber
 * was cancelled or a socket of waits closed (-1, errno ECANCELED). errno is otherwise kept over the switch
 * (rule 2). Sockets are level-kept: what is ready already returns at once. A deadline in the past polls once:
 * other fibers run first. A condition is ready only when it is signalled while this wait is on. */
int fiber_wait(struct fiber_wait *waits, int n, uint64_t deadline);

#endif
