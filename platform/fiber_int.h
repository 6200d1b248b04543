/* Inside of fibers, carriers and sockets; shared by fiber.c, fiber_stack.c, carrier.c, timer.c and sock.c
 * only. */
#ifndef PLATFORM_FIBER_INT_H
#define PLATFORM_FIBER_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "platform/fiber.h"

/* ---- context switch (fiber_switch_*.S) ---- */

/* Save the callee-saved registers on this stack, its pointer in *save_sp, and go on at to_sp. */
void fiber_switch(void **save_sp, void *to_sp) __attribute__((visibility("hidden")));
void fiber_start(void) __attribute__((visibility("hidden")));

/* The first frame of a stack, in words: where the entry function, its argument and the start address go. */
#if defined(__x86_64__) && defined(__LP64__)
enum { FRAME_WORDS = 7, FRAME_FUNCTION = 4, FRAME_ARG = 3, FRAME_START = 6 };
#elif defined(__aarch64__) && defined(__LP64__)
enum { FRAME_WORDS = 20, FRAME_FUNCTION = 0, FRAME_ARG = 1, FRAME_START = 11 };
#elif defined(__arm__) && defined(__ARM_PCS_VFP) && __ARM_ARCH >= 7
enum { FRAME_WORDS = 26, FRAME_FUNCTION = 17, FRAME_ARG = 18, FRAME_START = 25 };
#else
#error "fibers: no context switch for this architecture; write platform/fiber_switch_ARCH.S"
#endif

/* ---- sanitizers ---- */

struct context {
    void *sp;
#if HOLDFAST_ASAN
    void *fake_stack;
    const void *bottom;
    size_t size;
#endif
#if HOLDFAST_TSAN
    void *tsan;
#endif
};

#if HOLDFAST_ASAN
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old, size_t *size_old);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#endif
#if HOLDFAST_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif

/* Leave `from` for `to`; last: from never runs again. */
static inline void context_switch(struct context *from, struct context *to, bool last)
{
    (void)last;
#if HOLDFAST_ASAN
    __sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if HOLDFAST_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    fiber_switch(&from->sp, to->sp);
#if HOLDFAST_ASAN
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

/* ---- stacks (fiber_stack.c) ---- */

/* At the top of its own mapping: guard | stack, grows down | struct fiber. */
struct stack {
    char *map;  /* start of the mapping, which is the guard */
    char *low;  /* lowest usable byte */
    char *top;  /* end of the mapping */
    struct stack *next, *previous; /* registry of all stacks of the process */
};

/* Map a stack; room bytes at its top are the owner's, and the struct stack lies in them. NULL: errno. */
struct stack *stack_map(size_t room, size_t offset);
void stack_unmap(struct stack *s);
/* Count what was used of s for stack_peak, then give back the pages below `used`. */
void stack_give_back(struct stack *s, const char *used);
/* An alternate signal stack for the calling thread, and the handlers that use it. False: errno. */
bool stack_guard_thread(void **signal_stack);
void stack_unguard_thread(void *signal_stack);

/* ---- fibers ---- */

struct fiber {
    struct context context;
    struct fiber *next; /* in a queue or the free list */
    struct carrier *carrier;
    const char *name, *label;
    void *local;
    void (*fn)(void *arg);
    void *arg;
    struct carrier_timer timer; /* may be armed earlier than deadline: see fiber.c, "lazy timers" */
    uint64_t deadline;
    uint64_t died;   /* when it went to the free list */
    size_t burst_bytes;
    unsigned burst_calls;
    unsigned shield;
    bool waiting, queued, cancelled, timed_out;
    struct stack stack; /* last: kept over reuse */
};

struct fiber_waiter {
    struct fiber_waiter *next, *previous;
    struct fiber *fiber;
    struct fiber_wait *wait;
    bool linked, closed;
};

struct fiber_queue {
    struct fiber *first, *last;
};

/* ---- carriers ---- */

struct slot {
    struct sock *sock; /* NULL: free, or closed in this batch */
    uint32_t generation;
    uint32_t next;     /* of the free list or of those to be freed after the batch */
};
#define SLOT_NONE UINT32_MAX

struct timer_node {
    uint64_t when;
    struct carrier_timer *timer;
};

#define EVENTS_PER_POLL 256

struct carrier {
    /* Written by any thread. */
    _Atomic(struct inbox_item *) inbox;
    atomic_bool sleeping; /* about to block in epoll_wait, or in it */
    int inbox_fd;
    bool inbox_is_open;

    /* The carrier's own. */
    _Alignas(64) struct fiber *current; /* NULL: the loop runs */
    struct fiber_queue batch;           /* the rest of this turn */
    struct fiber_queue ready;           /* the next turn */
    uint64_t now, wall;                 /* wall: 0 until asked for in this turn */
    struct context loop;
    int epoll_fd, signal_fd;
    unsigned index;

    struct slot *slots;
    uint32_t slot_count, slot_free, slot_closed;

    struct timer_node *timers; /* binary heap from 1 on; carrier_timer.index says where */
    uint32_t timer_count, timer_room;

    struct fiber *idle; /* dead fibers, last in first out, for reuse */
    unsigned idle_count;
    struct carrier_timer idle_sweep;
    atomic_uint fibers;

    pthread_t thread;
    struct epoll_event events[EVENTS_PER_POLL];
};

extern __thread struct carrier *carrier_mine;

/* carrier.c */
extern atomic_bool carriers_stopping;

/* timer.c */
bool timers_open(struct carrier *c);
void timers_close(struct carrier *c);
void timers_fire(struct carrier *c);
/* When the earliest timer is due; UINT64_MAX: none. */
static inline uint64_t timers_next(const struct carrier *c)
{
    return c->timer_count ? c->timers[1].when : UINT64_MAX;
}

/* fiber.c */
void fiber_run_batch(struct carrier *c);
void fiber_wake(struct fiber *f);
void fiber_free_idle(struct carrier *c);
/* A socket call of n bytes that succeeded at once, for rule 4. */
static inline void fiber_charge(size_t n)
{
    struct carrier *c = carrier_mine;

    if (!c || !c->current)
        return;
    c->current->burst_bytes += n;
    c->current->burst_calls++;
}
/* Every waiter of the list: its socket is ready / closed. */
void fiber_waiters_ready(struct fiber_waiter *first);
void fiber_waiters_closed(struct fiber_waiter **first);

/* sock.c */
bool slots_open(struct carrier *c);
void slots_close(struct carrier *c);
void slots_after_batch(struct carrier *c);
void slots_event(struct carrier *c, uint64_t id, uint32_t events);
#define EVENT_ID_INBOX UINT64_MAX
#define EVENT_ID_SIGNAL (UINT64_MAX - 1)

#endif
