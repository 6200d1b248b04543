/* Stacks of fibers: mapping with a guard, the high-water mark, giving pages back, and the report of an
 * overflow. Invariant 8 of fiber.c: an overflow hits the guard, is reported from an alternate stack with
 * fiber and label, and aborts. Frames larger than the guard would jump over it: the build uses
 * -fstack-clash-protection. */
#include "platform/fiber_int.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTES (16u * 1024)
/* Left below the stack pointer when a fiber trims its own stack: the frames that do it. */
#define TRIM_MARGIN (16u * 1024)
/* Room for the largest signal frame (AVX-512, SVE) and the report. */
#define SIGNAL_STACK_BYTES (64u * 1024)
/* Stacks begin at different offsets in their top page: else the hot lines of all fibers fall into the same
 * few sets of the first-level cache (measured among 64 fibers: 4 ns a switch). */
#define COLOURS 16u
#define COLOUR_BYTES 256u
#define PAGES_MAX (FIBER_STACK_BYTES / 4096)

static struct {
    pthread_mutex_t lock;
    struct stack *first;
    size_t peak; /* of stacks that were given back or unmapped */
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t page_size(void)
{
    static _Atomic size_t size;
    size_t known = atomic_load_explicit(&size, memory_order_relaxed);

    if (known == 0) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&size, known, memory_order_relaxed);
    }
    return known;
}

static size_t guard_bytes(void)
{
    return page_size() > GUARD_BYTES ? page_size() : GUARD_BYTES;
}

/* ---- map and unmap ---- */

struct stack *stack_map(size_t room, size_t offset)
{
    size_t bytes = guard_bytes() + FIBER_STACK_BYTES;
    char *map = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map + guard_bytes(), FIBER_STACK_BYTES, PROT_READ | PROT_WRITE) != 0) {
        int saved = errno;
        munmap(map, bytes);
        errno = saved;
        return NULL;
    }
    static atomic_uint mapped;
    unsigned colour = atomic_fetch_add_explicit(&mapped, 1, memory_order_relaxed) % COLOURS;
    char *top = map + bytes;
    struct stack *s = (struct stack *)(top - colour * COLOUR_BYTES - ((room + 63) & ~(size_t)63) + offset);
    *s = (struct stack){ .map = map, .low = map + guard_bytes(), .top = top };
    pthread_mutex_lock(&registry.lock);
    s->next = registry.first;
    if (s->next)
        s->next->previous = s;
    registry.first = s;
    pthread_mutex_unlock(&registry.lock);
    return s;
}

/* ---- the high-water mark ---- */

/* Bytes from the lowest word that is not zero to the top. Pages never touched are not resident and not read.
 * Other fibers may be running on the stack meanwhile: what is read is compared with zero only. */
__attribute__((no_sanitize("address", "thread"))) static size_t used_bytes(const struct stack *s)
{
    unsigned char resident[PAGES_MAX];
    size_t page = page_size();

    if (mincore(s->low, (size_t)(s->top - s->low), resident) != 0)
        return 0;
    for (size_t i = 0; s->low + i * page < s->top; i++) {
        if (!(resident[i] & 1))
            continue;
        const volatile uintptr_t *word = (const volatile uintptr_t *)(s->low + i * page);
        for (size_t k = 0; k < page / sizeof *word; k++) {
            if (word[k] != 0)
                return (size_t)(s->top - (const char *)(word + k));
        }
    }
    return 0;
}

/* Under the registry's lock. */
static void note_peak(const struct stack *s)
{
    size_t used = used_bytes(s);

    if (used > registry.peak)
        registry.peak = used;
}

size_t fiber_stack_peak(void)
{
    pthread_mutex_lock(&registry.lock);
    for (const struct stack *s = registry.first; s; s = s->next)
        note_peak(s);
    size_t peak = registry.peak;
    pthread_mutex_unlock(&registry.lock);
    return peak;
}

void stack_unmap(struct stack *s)
{
    pthread_mutex_lock(&registry.lock);
    struct stack gone = *s;
    note_peak(s);
    if (gone.previous)
        gone.previous->next = gone.next;
    else
        registry.first = gone.next;
    if (gone.next)
        gone.next->previous = gone.previous;
    pthread_mutex_unlock(&registry.lock);
    munmap(gone.map, (size_t)(gone.top - gone.map));
}

void stack_give_back(struct stack *s, const char *used)
{
    uintptr_t end = ((uintptr_t)used - TRIM_MARGIN) & ~(uintptr_t)(page_size() - 1);

    pthread_mutex_lock(&registry.lock);
    note_peak(s);
    pthread_mutex_unlock(&registry.lock);
    if (end > (uintptr_t)s->low)
        madvise(s->low, end - (uintptr_t)s->low, MADV_DONTNEED);
}

/* ---- overflow and other faults ---- */

static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
static struct sigaction former[COUNT_OF(faults)];

static void write_stderr(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(STDERR_FILENO, text, n);
        if (wrote <= 0)
            return;
        text += wrote;
        n -= (size_t)wrote;
    }
}

/* snprintf of %s and %d allocates nothing in musl and glibc; the process is lost in any case. */
static void report(const struct fiber *f, bool overflow, int signal)
{
    char line[512];
    const char *label = f->label ? f->label : "";
    int n;

    if (overflow)
        n = snprintf(line, sizeof line, "holdfast: fiber %s (%.300s) overflowed its stack of %u bytes\n",
                     f->name, label, FIBER_STACK_BYTES);
    else
        n = snprintf(line, sizeof line, "holdfast: signal %d in fiber %s (%.300s)\n", signal, f->name, label);
    if (n > 0)
        write_stderr(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static bool hits_guard(const struct fiber *f, const siginfo_t *info)
{
    const char *address = info->si_addr;

    return info->si_code > 0 && address >= f->stack.map && address < f->stack.low;
}

static void give_to_former(int signal, const siginfo_t *info)
{
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (faults[i] == signal)
            sigaction(signal, &former[i], NULL);
    }
    /* A fault happens again when the instruction is repeated; one that was sent must be sent again. */
    if (info->si_code <= 0)
        raise(signal);
}

static void on_fault(int signal, siginfo_t *info, void *ucontext)
{
    const struct fiber *f = fiber_self();

    (void)ucontext;
    if (!f) {
        give_to_former(signal, info);
        return;
    }
    if ((signal == SIGSEGV || signal == SIGBUS) && hits_guard(f, info)) {
        report(f, true, signal);
        sigaction(SIGABRT, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
        abort();
    }
    report(f, false, signal);
    give_to_former(signal, info);
}

static void install_handlers(void)
{
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
        action.sa_sigaction = on_fault;
        sigemptyset(&action.sa_mask);
        sigaction(faults[i], &action, &former[i]);
    }
}

bool stack_guard_thread(void **signal_stack)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    void *p = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return false;
    stack_t stack = { .ss_sp = p, .ss_size = SIGNAL_STACK_BYTES };
    if (sigaltstack(&stack, NULL) != 0) {
        munmap(p, SIGNAL_STACK_BYTES);
        return false;
    }
    pthread_once(&once, install_handlers);
    *signal_stack = p;
    return true;
}

void stack_unguard_thread(void *signal_stack)
{
    stack_t none = { .ss_flags = SS_DISABLE };

    if (!signal_stack)
        return;
    sigaltstack(&none, NULL);
    munmap(signal_stack, SIGNAL_STACK_BYTES);
}
