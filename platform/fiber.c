/* Fibers: creation, waiting, waking, cancelling. The loop that runs them is carrier.c, sockets are sock.c,
 * stacks fiber_stack.c. The contract is fiber.h.
 *
 * Invariants (numbers are the rules of architecture.md, decision 1)
 *  1. A fiber never leaves its carrier. Other threads reach it through carrier_post alone: nothing in this
 *     file is atomic but the fiber count.
 *  2. errno is kept over each switch (park). A fiber switches in fiber_wait and fiber_yield only.
 *  3. Sockets are registered once, edge-triggered; their flags are level-kept (sock.c).
 *  4. A turn runs `batch`, which is what was ready when it began; whatever becomes ready meanwhile goes to
 *     `ready`, the next turn, with a poll between. Socket calls that succeed at once are charged to their
 *     fiber; when its share is used up the next waiting form gives way.
 *  5. Events carry slot and generation (sock.c).
 *  6. fiber_wait is the only thing that waits. A fiber is in exactly one of these states: current; queued (in
 *     batch or ready, once); waiting and not queued; dead in the idle list. fiber_wake is the only way from
 *     waiting to queued.
 *  7. Time is read once a turn (carrier.c); deadlines are monotonic.
 *  8. A stack has a guard below it; an overflow is reported and aborts (fiber_stack.c).
 *  9. A fiber that ends leaves its stack to the idle list, last in, first out; above STACKS_KEPT_WARM an
 *     unused one is unmapped after STACK_IDLE_NS. A worker that waits long gives its pages back by
 *     fiber_stack_trim.
 * 10. This file makes no system call but for stacks.
 *
 * Lazy timers: a fiber's timer stays in the heap over its waits. One that is armed earlier than the present
 * deadline is left alone; when it fires too early it arms itself anew. So a wait that ends by its event costs
 * no heap work. */
#include "platform/fiber_int.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define STACKS_KEPT_WARM 16u
#define STACK_IDLE_NS (10 * NS_PER_S)
/* Rule 4: one fast peer must not hold its carrier. */
#define BURST_BYTES (256u * 1024)
#define BURST_CALLS 32u

__thread struct carrier *carrier_mine;

/* ---- queues and switching ---- */

static void queue_push(struct fiber_queue *q, struct fiber *f)
{
    f->next = NULL;
    if (q->last)
        q->last->next = f;
    else
        q->first = f;
    q->last = f;
}

static struct fiber *queue_pop(struct fiber_queue *q)
{
    struct fiber *f = q->first;

    if (!f)
        return NULL;
    q->first = f->next;
    if (!q->first)
        q->last = NULL;
    return f;
}

static void make_ready(struct fiber *f)
{
    if (f->queued)
        return;
    f->queued = true;
    queue_push(&f->carrier->ready, f);
}

void fiber_wake(struct fiber *f)
{
    if (f->waiting)
        make_ready(f);
}

static struct context *begin_next(struct carrier *c)
{
    struct fiber *f = queue_pop(&c->batch);

    c->current = f;
    if (!f)
        return &c->loop;
    f->queued = false;
    f->burst_bytes = 0;
    f->burst_calls = 0;
    return &f->context;
}

/* Leave the running fiber for the next one of this turn, or for the loop. */
static void park(struct carrier *c, struct fiber *f)
{
    int saved = errno;
    struct context *to = begin_next(c);

    if (to != &f->context)
        context_switch(&f->context, to, false);
    errno = saved;
}

void fiber_run_batch(struct carrier *c)
{
    c->batch = c->ready;
    c->ready = (struct fiber_queue){ NULL, NULL };
    struct context *to = begin_next(c);
    if (to != &c->loop)
        context_switch(&c->loop, to, false);
}

/* ---- birth and death ---- */

static void fire_deadline(struct carrier_timer *timer);

static void end(struct fiber *f)
{
    struct carrier *c = f->carrier;

    carrier_timer_clear(&f->timer);
    f->died = c->now;
    f->next = c->idle;
    c->idle = f;
    if (++c->idle_count > STACKS_KEPT_WARM && c->idle_sweep.when == 0)
        carrier_timer_set(&c->idle_sweep, c->now + STACK_IDLE_NS);
    atomic_fetch_sub_explicit(&c->fibers, 1, memory_order_relaxed);
    context_switch(&f->context, begin_next(c), true);
    __builtin_unreachable();
}

static void run(void *arg)
{
    struct fiber *f = arg;

#if HOLDFAST_ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
    f->fn(f->arg);
    end(f);
}

static void free_fiber(struct fiber *f)
{
#if HOLDFAST_TSAN
    __tsan_destroy_fiber(f->context.tsan);
#endif
    stack_unmap(&f->stack);
}

static void sweep_idle(struct carrier_timer *timer)
{
    struct carrier *c = CONTAINER_OF(timer, struct carrier, idle_sweep);
    struct fiber **link = &c->idle;

    for (unsigned kept = 0; *link; kept++) {
        struct fiber *f = *link;
        if (kept < STACKS_KEPT_WARM || f->died + STACK_IDLE_NS > c->now) {
            link = &f->next;
            continue;
        }
        *link = f->next;
        c->idle_count--;
        free_fiber(f);
    }
    if (c->idle_count > STACKS_KEPT_WARM)
        carrier_timer_set(timer, c->now + STACK_IDLE_NS);
}

void fiber_free_idle(struct carrier *c)
{
    for (struct fiber *f = c->idle, *next; f; f = next) {
        next = f->next;
        free_fiber(f);
    }
    c->idle = NULL;
    c->idle_count = 0;
}

static struct fiber *take_idle(struct carrier *c)
{
    struct fiber *f = c->idle;

    if (f) {
        c->idle = f->next;
        c->idle_count--;
#if HOLDFAST_TSAN
        __tsan_destroy_fiber(f->context.tsan);
#endif
#if HOLDFAST_ASAN
        __asan_unpoison_memory_region(f->stack.low, (size_t)((char *)f - f->stack.low));
#endif
        return f;
    }
    struct stack *s = stack_map(sizeof *f, offsetof(struct fiber, stack));
    return s ? CONTAINER_OF(s, struct fiber, stack) : NULL;
}

static void lay_first_frame(struct fiber *f)
{
    void **frame = (void **)((uintptr_t)f & ~(uintptr_t)15) - FRAME_WORDS;

    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    frame[FRAME_FUNCTION] = (void *)run;
    frame[FRAME_ARG] = f;
    frame[FRAME_START] = (void *)fiber_start;
    f->context = (struct context){ .sp = frame };
#if HOLDFAST_ASAN
    f->context.bottom = f->stack.low;
    f->context.size = (size_t)((char *)f - f->stack.low);
#endif
#if HOLDFAST_TSAN
    f->context.tsan = __tsan_create_fiber(0);
#endif
}

struct fiber *fiber_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
    struct carrier *c = carrier_mine;

    if (!c) {
        errno = EPERM;
        return NULL;
    }
    struct fiber *f = take_idle(c);
    if (!f)
        return NULL;
    memset(f, 0, offsetof(struct fiber, stack)); /* the stack's links belong to the registry */
    f->carrier = c;
    f->name = name;
    f->fn = fn;
    f->arg = arg;
    f->timer.fire = fire_deadline;
    lay_first_frame(f);
    c->idle_sweep.fire = sweep_idle;
    atomic_fetch_add_explicit(&c->fibers, 1, memory_order_relaxed);
    make_ready(f);
    return f;
}

/* ---- what a fiber knows of itself ---- */

struct fiber *fiber_self(void)
{
    return carrier_mine ? carrier_mine->current : NULL;
}

uint64_t fiber_now(void)
{
    return carrier_mine ? carrier_mine->now : clock_mono_ns();
}

uint64_t fiber_wall(void)
{
    struct carrier *c = carrier_mine;

    if (!c)
        return clock_wall_ns();
    if (c->wall == 0)
        c->wall = clock_wall_ns();
    return c->wall;
}

void fiber_set_label(const char *label)
{
    struct fiber *f = fiber_self();

    if (f)
        f->label = label;
}

void fiber_set_local(void *local)
{
    struct fiber *f = fiber_self();

    if (f)
        f->local = local;
}

void *fiber_local(void)
{
    struct fiber *f = fiber_self();

    return f ? f->local : NULL;
}

void fiber_stack_trim(struct fiber *f)
{
    const char *used = f == fiber_self() ? __builtin_frame_address(0) : f->context.sp;

    stack_give_back(&f->stack, used);
}

unsigned fiber_count(void)
{
    unsigned total = 0;

    for (unsigned i = 0; i < carriers_count(); i++)
        total += atomic_load_explicit(&carrier_at(i)->fibers, memory_order_relaxed);
    return total;
}

/* ---- giving way and cancelling ---- */

void fiber_yield(void)
{
    struct fiber *f = fiber_self();

    if (!f)
        return;
    make_ready(f);
    park(f->carrier, f);
}

static bool burst_is_over(const struct fiber *f)
{
    return f->burst_bytes >= BURST_BYTES || f->burst_calls >= BURST_CALLS;
}

void fiber_yield_if_due(void)
{
    const struct fiber *f = fiber_self();

    if (f && burst_is_over(f))
        fiber_yield();
}

void fiber_cancel(struct fiber *f)
{
    assert(f->carrier == carrier_mine);
    f->cancelled = true;
    if (!f->shield)
        fiber_wake(f);
}

void fiber_cancel_clear(struct fiber *f)
{
    f->cancelled = false;
}

void fiber_shield(bool on)
{
    struct fiber *f = fiber_self();

    if (!f)
        return;
    assert(on || f->shield > 0);
    f->shield += on ? 1u : -1u;
}

static bool take_cancel(struct fiber *f)
{
    if (!f->cancelled || f->shield)
        return false;
    f->cancelled = false;
    errno = ECANCELED;
    return true;
}

bool fiber_check_cancel(void)
{
    struct fiber *f = fiber_self();

    return !f || !take_cancel(f);
}

/* ---- waiting ---- */

static struct fiber_waiter **list_of(struct fiber_wait *w)
{
    switch (w->kind) {
    case FIBER_WAIT_READ:
        return &w->sock->reader;
    case FIBER_WAIT_WRITE:
        return &w->sock->writer;
    case FIBER_WAIT_COND:
        return &w->cond->first;
    }
    __builtin_unreachable();
}

static bool sock_is_ready(const struct fiber_wait *w)
{
    return w->kind != FIBER_WAIT_COND
        && (w->sock->flags & (w->kind == FIBER_WAIT_READ ? SOCK_READABLE : SOCK_WRITABLE)) != 0;
}

/* At the end of a condition's list: first come, first served. Of a socket's list all are woken, so the order
 * is free. */
static void link_waiter(struct fiber_waiter *w)
{
    struct fiber_waiter **first = list_of(w->wait);

    w->linked = true;
    if (w->wait->kind == FIBER_WAIT_COND) {
        struct fiber_cond *cond = w->wait->cond;
        w->previous = cond->last;
        if (cond->last)
            cond->last->next = w;
        else
            cond->first = w;
        cond->last = w;
        return;
    }
    w->next = *first;
    if (w->next)
        w->next->previous = w;
    *first = w;
}

static void unlink_waiter(struct fiber_waiter *w)
{
    struct fiber_waiter **first = list_of(w->wait);

    w->linked = false;
    if (w->previous)
        w->previous->next = w->next;
    else
        *first = w->next;
    if (w->next)
        w->next->previous = w->previous;
    else if (w->wait->kind == FIBER_WAIT_COND)
        w->wait->cond->last = w->previous;
}

static void fire_deadline(struct carrier_timer *timer)
{
    struct fiber *f = CONTAINER_OF(timer, struct fiber, timer);

    if (!f->waiting)
        return;
    if (f->deadline > f->carrier->now) {
        carrier_timer_set(timer, f->deadline);
        return;
    }
    f->timed_out = true;
    fiber_wake(f);
}

static void arm(struct fiber *f, uint64_t deadline)
{
    f->deadline = deadline;
    if (deadline == UINT64_MAX || (f->timer.when != 0 && f->timer.when <= deadline))
        return;
    carrier_timer_set(&f->timer, deadline);
}

/* How the wait stands: > 0 ready, 0 timed out, -1 cancelled, -2 none of these yet. A signalled condition goes
 * before a cancellation, which then is kept. */
static int outcome(struct fiber *f, const struct fiber_waiter *waiters, int n)
{
    int ready = 0;
    bool signalled = false, closed = false;

    for (int i = 0; i < n; i++) {
        const struct fiber_wait *w = waiters[i].wait;
        ready += w->ready;
        signalled |= w->ready && w->kind == FIBER_WAIT_COND;
        closed |= waiters[i].closed;
    }
    if (signalled)
        return ready;
    if (closed) {
        errno = ECANCELED;
        return -1;
    }
    if (take_cancel(f))
        return -1;
    return ready ? ready : f->timed_out ? 0 : -2;
}

static int wait_parked(struct carrier *c, struct fiber *f, struct fiber_wait *waits, int n)
{
    struct fiber_waiter waiters[FIBER_WAITS_MAX];
    int result;

    for (int i = 0; i < n; i++) {
        waiters[i] = (struct fiber_waiter){ .fiber = f, .wait = &waits[i] };
        link_waiter(&waiters[i]);
    }
    f->waiting = true;
    do {
        park(c, f);
        result = outcome(f, waiters, n);
    } while (result == -2);
    f->waiting = false;
    for (int i = 0; i < n; i++) {
        if (waiters[i].linked)
            unlink_waiter(&waiters[i]);
    }
    return result;
}

int fiber_wait(struct fiber_wait *waits, int n, uint64_t deadline)
{
    struct carrier *c = carrier_mine;
    struct fiber *f = c ? c->current : NULL;
    int ready = 0;

    assert(f && n >= 0 && n <= FIBER_WAITS_MAX);
    if (take_cancel(f))
        return -1;
    for (int i = 0; i < n; i++) {
        if (waits[i].kind != FIBER_WAIT_COND && waits[i].sock->fd < 0) {
            errno = ECANCELED;
            return -1;
        }
        waits[i].ready = sock_is_ready(&waits[i]);
        ready += waits[i].ready;
    }
    if (ready && !burst_is_over(f))
        return ready;
    f->timed_out = ready || deadline <= c->now; /* then it only gives way: rule 4 */
    if (f->timed_out)
        make_ready(f);
    else
        arm(f, deadline);
    return wait_parked(c, f, waits, n);
}

bool fiber_sleep_until(uint64_t deadline)
{
    return fiber_wait(NULL, 0, deadline) == 0;
}

/* ---- waking ---- */

void fiber_cond_signal(struct fiber_cond *cond)
{
    struct fiber_waiter *w = cond->first;

    if (!w)
        return;
    unlink_waiter(w);
    w->wait->ready = true;
    fiber_wake(w->fiber);
}

void fiber_cond_broadcast(struct fiber_cond *cond)
{
    while (cond->first)
        fiber_cond_signal(cond);
}

void fiber_waiters_ready(struct fiber_waiter *first)
{
    for (struct fiber_waiter *w = first; w; w = w->next) {
        w->wait->ready = true;
        fiber_wake(w->fiber);
    }
}

void fiber_waiters_closed(struct fiber_waiter **first)
{
    while (*first) {
        struct fiber_waiter *w = *first;
        unlink_waiter(w);
        w->closed = true;
        fiber_wake(w->fiber);
    }
}
