/* Carriers: start and end, the loop (poll, events, timers, inbox, one turn of fibers), inboxes, signals.
 *
 * Invariants (continued from fiber.c)
 *  1. The inbox is a list that any thread pushes to and only its carrier takes, whole. Its eventfd is written
 *     only by the push that found the list empty, and only when the carrier sleeps; it is registered
 *     edge-triggered and never read (each write is an edge).
 *  4. One turn: poll (time-out 0 while anything is ready), events, inbox, due timers, then the fibers that
 *     are ready now. Callbacks make fibers ready for this turn, fibers for the next.
 *  7. The signals of carriers_on_signal are blocked in every thread made after it and read from a signalfd on
 *     carrier 0. The clock is read once a turn, after the poll, and before one that may block.
 * 10. A carrier writes to its sockets and to inboxes only.
 * carrier structs are static and inboxes stay open: a post that comes after the end writes to nothing that
 * was freed or belongs to another by then. */
#include "platform/fiber_int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* musl's default of 128 kB is too little for callbacks that run on the loop. */
#define CARRIER_STACK_BYTES (2u * 1024 * 1024)
/* Without timers a loop still looks around this often. */
#define POLL_MS_MAX 60000

atomic_bool carriers_stopping;

static struct carrier carriers[CARRIERS_MAX];
static unsigned carrier_total;
static struct carriers_options carriers_options;
static atomic_int start_error;
static struct {
    void (*handler)(int signal);
    sigset_t set;
} signals;

/* ---- which carrier ---- */

unsigned carriers_count(void)
{
    return carrier_total;
}

struct carrier *carrier_at(unsigned index)
{
    return &carriers[index];
}

struct carrier *carrier_self(void)
{
    return carrier_mine;
}

unsigned carrier_index(const struct carrier *c)
{
    return c->index;
}

/* ---- inbox ---- */

static void ring(struct carrier *c)
{
    uint64_t one = 1;
    int saved = errno;

    while (write(c->inbox_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    errno = saved;
}

/* Sequentially consistent against sleep_unless_work: either the carrier sees the item or we see it asleep. */
void carrier_post(struct carrier *c, struct inbox_item *item)
{
    struct inbox_item *first = atomic_load_explicit(&c->inbox, memory_order_relaxed);

    do
        item->next = first;
    while (!atomic_compare_exchange_weak(&c->inbox, &first, item));
    if (!first && atomic_load(&c->sleeping))
        ring(c);
}

static void run_inbox(struct carrier *c)
{
    if (!atomic_load_explicit(&c->inbox, memory_order_relaxed))
        return;
    struct inbox_item *newest = atomic_exchange(&c->inbox, NULL), *oldest = NULL;
    while (newest) {
        struct inbox_item *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct inbox_item *next = oldest->next;
        oldest->run(oldest);
        oldest = next;
    }
}

/* ---- signals ---- */

void carriers_on_signal(const int *list, int n, void (*handler)(int signal))
{
    signals.handler = handler;
    sigemptyset(&signals.set);
    for (int i = 0; i < n; i++)
        sigaddset(&signals.set, list[i]);
    pthread_sigmask(SIG_BLOCK, &signals.set, NULL);
}

static void read_signals(struct carrier *c)
{
    struct signalfd_siginfo info;

    while (read(c->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals.handler((int)info.ssi_signo);
}

/* ---- the loop ---- */

static int poll_timeout(struct carrier *c)
{
    if (c->ready.first || atomic_load_explicit(&c->inbox, memory_order_relaxed)
        || atomic_load_explicit(&carriers_stopping, memory_order_relaxed))
        return 0;
    uint64_t next = timers_next(c);
    if (next == UINT64_MAX)
        return POLL_MS_MAX;
    uint64_t now = clock_mono_ns(); /* the turn may have taken long */
    if (next <= now)
        return 0;
    uint64_t ms = (next - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms < POLL_MS_MAX ? (int)ms : POLL_MS_MAX;
}

/* Say that we are about to sleep, then look once more at what others may have left. */
static int sleep_unless_work(struct carrier *c, int timeout)
{
    atomic_store(&c->sleeping, true);
    return atomic_load(&c->inbox) || atomic_load(&carriers_stopping) ? 0 : timeout;
}

static void poll_events(struct carrier *c)
{
    int timeout = poll_timeout(c);

    if (timeout != 0)
        timeout = sleep_unless_work(c, timeout);
    int n = epoll_wait(c->epoll_fd, c->events, EVENTS_PER_POLL, timeout);
    atomic_store_explicit(&c->sleeping, false, memory_order_relaxed);
    c->now = clock_mono_ns();
    c->wall = 0;
    for (int i = 0; i < n; i++) {
        uint64_t id = c->events[i].data.u64;
        if (id == EVENT_ID_SIGNAL)
            read_signals(c);
        else if (id != EVENT_ID_INBOX)
            slots_event(c, id, c->events[i].events);
    }
    slots_after_batch(c);
}

static void loop(struct carrier *c)
{
    while (!atomic_load_explicit(&carriers_stopping, memory_order_relaxed)) {
        poll_events(c);
        run_inbox(c);
        timers_fire(c);
        fiber_run_batch(c);
    }
}

/* ---- start and end ---- */

static bool watch(struct carrier *c, int fd, uint64_t id)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = id };

    return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_signals(struct carrier *c)
{
    c->signal_fd = -1;
    if (c->index != 0 || !signals.handler)
        return true;
    c->signal_fd = signalfd(-1, &signals.set, SFD_NONBLOCK | SFD_CLOEXEC);
    return c->signal_fd >= 0 && watch(c, c->signal_fd, EVENT_ID_SIGNAL);
}

static void close_carrier(struct carrier *c)
{
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
    if (c->signal_fd >= 0)
        close(c->signal_fd);
    c->epoll_fd = c->signal_fd = -1;
    timers_close(c);
    slots_close(c);
}

static bool open_inbox(struct carrier *c)
{
    if (!c->inbox_is_open) {
        c->inbox_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        c->inbox_is_open = c->inbox_fd >= 0;
    }
    return c->inbox_is_open && watch(c, c->inbox_fd, EVENT_ID_INBOX);
}

static bool open_carrier(struct carrier *c, unsigned index)
{
    c->index = index;
    c->signal_fd = -1;
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll_fd >= 0 && open_inbox(c) && open_signals(c) && timers_open(c) && slots_open(c))
        return true;
    int saved = errno;
    close_carrier(c);
    errno = saved;
    return false;
}

static void enter_loop_context(struct carrier *c)
{
    c->loop = (struct context){ 0 };
#if HOLDFAST_ASAN
    pthread_attr_t attr;
    void *bottom;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &bottom, &c->loop.size);
    pthread_attr_destroy(&attr);
    c->loop.bottom = bottom;
#endif
#if HOLDFAST_TSAN
    c->loop.tsan = __tsan_get_current_fiber();
#endif
}

static void start_fiber(void *arg)
{
    struct carrier *c = arg;

    carriers_options.on_start(c->index, carriers_options.arg);
}

/* Fibers that still live are abandoned with their stacks mapped: a helper may yet write to one. */
static void *run_carrier(void *arg)
{
    struct carrier *c = arg;
    void *signal_stack = NULL;

    carrier_mine = c;
    if (c->index != 0) /* the first is the main thread, whose name is the program's */
        pthread_setname_np(pthread_self(), "carrier");
    c->now = clock_mono_ns();
    enter_loop_context(c);
    if (stack_guard_thread(&signal_stack) && fiber_spawn("start", start_fiber, c)) {
        loop(c);
    } else {
        atomic_store(&start_error, errno);
        carriers_stop();
    }
    timers_close(c); /* here: a timer may lie in this thread's own memory */
    fiber_free_idle(c);
    stack_unguard_thread(signal_stack);
    carrier_mine = NULL;
    return NULL;
}

static bool start_thread(struct carrier *c)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, CARRIER_STACK_BYTES);
    int error = pthread_create(&c->thread, &attr, run_carrier, c);
    pthread_attr_destroy(&attr);
    errno = error;
    return error == 0;
}

static void reset(struct carrier *c)
{
    c->ready = c->batch = (struct fiber_queue){ NULL, NULL };
    c->current = NULL;
    c->idle_sweep = (struct carrier_timer){ 0 };
    atomic_store(&c->fibers, 0);
    atomic_store(&c->inbox, NULL);
    close_carrier(c);
}

bool carriers_run(const struct carriers_options *options)
{
    unsigned opened = 0, started = 1;

    carriers_options = *options;
    carrier_total = options->count;
    atomic_store(&start_error, 0);
    atomic_store(&carriers_stopping, false);
    signal(SIGPIPE, SIG_IGN);
    while (opened < options->count && open_carrier(&carriers[opened], opened))
        opened++;
    if (opened == options->count) {
        while (started < options->count && start_thread(&carriers[started]))
            started++;
    }
    if (opened < options->count || started < options->count) {
        atomic_store(&start_error, errno);
        carriers_stop();
    } else {
        run_carrier(&carriers[0]);
    }
    for (unsigned i = 1; i < started; i++)
        pthread_join(carriers[i].thread, NULL);
    for (unsigned i = 0; i < opened; i++)
        reset(&carriers[i]);
    errno = atomic_load(&start_error);
    return errno == 0;
}

void carriers_stop(void)
{
    atomic_store(&carriers_stopping, true);
    for (unsigned i = 0; i < carrier_total; i++) {
        if (carriers[i].inbox_is_open)
            ring(&carriers[i]);
    }
}
