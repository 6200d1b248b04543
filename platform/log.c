/* Logging: rings, one for each thread that logs, and the one thread that writes.
 *
 * Invariants
 * 1. A ring has one producer, its thread, and one consumer, the writer: head is stored by the first, tail by
 *    the second. It holds whole lines with their newlines, so that what the writer takes at once ends at a
 *    line.
 * 2. Only the writer touches the descriptor and may block in it. A producer that finds no room drops the line
 *    and counts it.
 * 3. The writer naps after writing, so that producers under load make no system call; it sleeps only when all
 *    rings are empty, and then the first line wakes it. `asleep` and the heads are sequentially consistent:
 *    either the writer sees the line or the producer sees it asleep.
 * 4. A ring is never freed: a thread's end leaves it to the next new thread. A fiber does not switch in here,
 *    so the ring's scratch space serves all fibers of its carrier. */
#include "platform/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "platform/base/buf.h"
#include "platform/fiber.h"

#define RING_BYTES (64u * 1024)
/* A longer line is dropped: it would push out too many others. */
#define LOG_LINE_MAX (RING_BYTES / 4)
/* Longest sentence of an event; escaped for JSON it becomes six times as long at most. */
#define LOG_MESSAGE_MAX 2048
#define EVENT_LINE_MAX (16u * 1024)
#define NAP_NS (2 * NS_PER_MS)
#define WRITER_STACK_BYTES (128u * 1024)
#define DROP_REPORT_NS NS_PER_S

enum mode { MODE_DIRECT, MODE_RINGS, MODE_ABANDONED };

struct ring {
    _Atomic size_t head;
    atomic_ulong lines, dropped;
    atomic_bool owned;
    struct ring *next;
    _Alignas(64) _Atomic size_t tail;
    char bytes[RING_BYTES];
    char message[LOG_MESSAGE_MAX];
    char line[EVENT_LINE_MAX + 64];
};

static struct {
    _Atomic(struct ring *) rings;
    atomic_int mode, format, least;
    atomic_bool asleep, stopping, done;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    int fd;
    unsigned long dropped_reported;
    uint64_t dropped_when;
} logger = { .least = LOG_INFO, .format = LOG_FORMAT_TEXT, .lock = PTHREAD_MUTEX_INITIALIZER,
             .wake = PTHREAD_COND_INITIALIZER };

static __thread struct ring *my_ring;
static pthread_key_t ring_key;

/* ---- rings ---- */

static void disown(void *arg)
{
    struct ring *r = arg;

    my_ring = NULL;
    atomic_store(&r->owned, false);
}

static void make_key(void)
{
    pthread_key_create(&ring_key, disown);
}

static struct ring *adopt(void)
{
    for (struct ring *r = atomic_load(&logger.rings); r; r = r->next) {
        bool free_one = false;
        if (atomic_compare_exchange_strong(&r->owned, &free_one, true))
            return r;
    }
    return NULL;
}

static struct ring *make_ring(void)
{
    struct ring *r = malloc(sizeof *r);

    if (!r)
        return NULL;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    atomic_init(&r->lines, 0);
    atomic_init(&r->dropped, 0);
    atomic_init(&r->owned, true);
    r->next = atomic_load(&logger.rings);
    while (!atomic_compare_exchange_weak(&logger.rings, &r->next, r))
        ;
    return r;
}

static struct ring *ring_of_thread(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (LIKELY(my_ring != NULL))
        return my_ring;
    pthread_once(&once, make_key);
    struct ring *r = adopt();
    if (!r)
        r = make_ring();
    if (r)
        pthread_setspecific(ring_key, r);
    my_ring = r;
    return r;
}

static void copy_in(struct ring *r, size_t at, const char *p, size_t n)
{
    size_t from = at % RING_BYTES;
    size_t first = n < RING_BYTES - from ? n : RING_BYTES - from;

    memcpy(r->bytes + from, p, first);
    if (n > first)
        memcpy(r->bytes, p + first, n - first);
}

static void wake_writer(void)
{
    if (!atomic_load(&logger.asleep) || !atomic_exchange(&logger.asleep, false))
        return;
    pthread_mutex_lock(&logger.lock);
    pthread_cond_signal(&logger.wake);
    pthread_mutex_unlock(&logger.lock);
}

static void count(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void push(struct ring *r, struct slice line)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t used = head - atomic_load_explicit(&r->tail, memory_order_acquire);

    count(&r->lines);
    if (line.n > LOG_LINE_MAX || line.n + 1 > RING_BYTES - used) {
        count(&r->dropped);
        return;
    }
    copy_in(r, head, line.p, line.n);
    copy_in(r, head + line.n, "\n", 1);
    atomic_store(&r->head, head + line.n + 1);
    wake_writer();
}

/* ---- the writer ---- */

/* A descriptor that somebody made non-blocking is waited for. */
static bool write_some(const char *p, size_t n, size_t *wrote)
{
    for (;;) {
        ssize_t done = write(logger.fd, p, n);
        if (done > 0) {
            *wrote = (size_t)done;
            return true;
        }
        struct pollfd wait = { .fd = logger.fd, .events = POLLOUT };
        if (done < 0 && errno == EAGAIN)
            poll(&wait, 1, 1000);
        else if (done == 0 || errno != EINTR)
            return false;
    }
}

static unsigned long lines_in(const char *p, size_t n)
{
    unsigned long lines = 0;

    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        lines++;
    return lines;
}

/* What cannot be written is dropped and counted: there is nobody to tell. */
static void drain(struct ring *r, size_t head)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

    while (tail != head) {
        size_t from = tail % RING_BYTES, n = head - tail, wrote;
        if (n > RING_BYTES - from)
            n = RING_BYTES - from;
        if (!write_some(r->bytes + from, n, &wrote)) {
            wrote = n;
            atomic_fetch_add(&r->dropped, lines_in(r->bytes + from, n));
        }
        tail += wrote;
        atomic_store_explicit(&r->tail, tail, memory_order_release);
    }
}

static bool drain_all(void)
{
    bool any = false;

    for (struct ring *r = atomic_load(&logger.rings); r; r = r->next) {
        size_t head = atomic_load(&r->head);
        if (head == atomic_load_explicit(&r->tail, memory_order_relaxed))
            continue;
        drain(r, head);
        any = true;
    }
    return any;
}

static bool rings_are_empty(void)
{
    for (struct ring *r = atomic_load(&logger.rings); r; r = r->next) {
        if (atomic_load(&r->head) != atomic_load_explicit(&r->tail, memory_order_relaxed))
            return false;
    }
    return true;
}

static void sleep_until_line(void)
{
    atomic_store(&logger.asleep, true);
    if (!rings_are_empty() || atomic_load(&logger.stopping)) {
        atomic_store(&logger.asleep, false);
        return;
    }
    pthread_mutex_lock(&logger.lock);
    while (atomic_load(&logger.asleep))
        pthread_cond_wait(&logger.wake, &logger.lock);
    pthread_mutex_unlock(&logger.lock);
}

/* Through the writer's own ring, as any other line; it is written by the next pass. True when there was any
 * to report. */
static bool report_dropped(bool at_once)
{
    unsigned long dropped = log_counts().dropped;
    uint64_t now = clock_mono_ns();

    if (dropped == logger.dropped_reported || (!at_once && now < logger.dropped_when + DROP_REPORT_NS))
        return false;
    log_warn("LogLinesDropped", "%lu log lines dropped: whoever reads the log is too slow",
             dropped - logger.dropped_reported);
    logger.dropped_reported = dropped;
    logger.dropped_when = now;
    return true;
}

static void *writer_main(void *arg)
{
    struct timespec nap = { .tv_nsec = (long)NAP_NS };

    (void)arg;
    pthread_setname_np(pthread_self(), "log");
    while (!atomic_load(&logger.stopping)) {
        if (!drain_all()) {
            sleep_until_line();
            continue;
        }
        report_dropped(false);
        nanosleep(&nap, NULL);
    }
    drain_all();
    if (report_dropped(true))
        drain_all();
    atomic_store(&logger.done, true);
    return NULL;
}

/* ---- start and end ---- */

bool log_start(int fd, enum log_format format, enum log_level least)
{
    pthread_attr_t attr;
    sigset_t all, before;

    atomic_store(&logger.least, (int)least);
    atomic_store(&logger.format, (int)format);
    if (atomic_load(&logger.mode) != MODE_DIRECT) {
        errno = EBUSY;
        return false;
    }
    logger.fd = fd;
    atomic_store(&logger.stopping, false);
    atomic_store(&logger.done, false);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WRITER_STACK_BYTES);
    int error = pthread_create(&logger.thread, &attr, writer_main, NULL);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        atomic_store(&logger.mode, MODE_RINGS);
    errno = error;
    return error == 0;
}

void log_set_level(enum log_level least)
{
    atomic_store(&logger.least, (int)least);
}

/* A writer that is stuck in its write is left behind; later lines are dropped, so that nothing else gets
 * stuck. */
void log_stop(uint64_t ms)
{
    struct timespec step = { .tv_nsec = (long)NS_PER_MS };
    uint64_t end = clock_mono_ns() + ms * NS_PER_MS;

    if (atomic_load(&logger.mode) != MODE_RINGS)
        return;
    atomic_store(&logger.stopping, true);
    wake_writer();
    while (!atomic_load(&logger.done) && clock_mono_ns() < end)
        nanosleep(&step, NULL);
    if (!atomic_load(&logger.done)) {
        atomic_store(&logger.mode, MODE_ABANDONED);
        pthread_detach(logger.thread);
        return;
    }
    pthread_join(logger.thread, NULL);
    atomic_store(&logger.mode, MODE_DIRECT);
}

enum log_format log_format(void)
{
    return (enum log_format)atomic_load_explicit(&logger.format, memory_order_relaxed);
}

static bool is_silent(void)
{
    return log_format() == LOG_FORMAT_NONE
        && atomic_load_explicit(&logger.mode, memory_order_relaxed) != MODE_DIRECT;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&logger.least, memory_order_relaxed) && !is_silent();
}

struct log_counts log_counts(void)
{
    struct log_counts sum = { 0 };

    for (const struct ring *r = atomic_load(&logger.rings); r; r = r->next) {
        sum.lines += atomic_load_explicit(&r->lines, memory_order_relaxed);
        sum.dropped += atomic_load_explicit(&r->dropped, memory_order_relaxed);
    }
    return sum;
}

/* ---- lines ---- */

static void write_direct(struct slice line)
{
    struct iovec parts[2] = { { (void *)line.p, line.n }, { (void *)"\n", 1 } };

    while (writev(STDERR_FILENO, parts, 2) < 0 && errno == EINTR)
        ;
}

static void hand_over(struct ring *r, struct slice line)
{
    switch (atomic_load_explicit(&logger.mode, memory_order_relaxed)) {
    case MODE_DIRECT:
        count(&r->lines);
        write_direct(line);
        return;
    case MODE_RINGS:
        push(r, line);
        return;
    default:
        count(&r->lines);
        count(&r->dropped);
    }
}

void log_line(enum log_level level, struct slice line)
{
    if (!log_enabled(level))
        return;
    struct ring *r = ring_of_thread();
    if (r)
        hand_over(r, line);
}

/* ---- events ---- */

/* self-hosted.md 6: the names of the text form and of "level". */
static const char *const level_names[] = { "Verbose", "Info", "Warning", "Error", "Fatal" };

/* One line stays one line: control characters are written as escapes. */
static void put_printable(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != 0x7f)
            buf_putc(b, s.p[i]);
        else if (c == '\n')
            buf_puts(b, "\\n");
        else
            buf_printf(b, "\\x%02x", c);
    }
}

static void put_text(struct buf *b, enum log_level level, const char *event, struct slice message)
{
    char when[CLOCK_TEXT_MAX];

    clock_format(fiber_wall(), 3, when);
    buf_printf(b, "[%s] %s [%s], ", level_names[level], when, event);
    put_printable(b, message);
}

static void put_json(struct buf *b, enum log_level level, const char *event, struct slice message)
{
    char when[CLOCK_TEXT_MAX];

    clock_format(fiber_wall(), 7, when);
    buf_printf(b, "{\"level\":\"%s\",\"timestamp\":\"%sZ\",\"eventType\":", level_names[level], when);
    buf_put_json(b, slice_from(event));
    buf_puts(b, ",\"message\":");
    buf_put_json(b, message);
    buf_putc(b, '}');
}

static struct slice message_of(struct ring *r, const char *fmt, va_list args)
{
    int n = vsnprintf(r->message, sizeof r->message, fmt, args);

    if (n < 0)
        return SLICE("(a message that cannot be formatted)");
    if ((size_t)n < sizeof r->message)
        return slice_of(r->message, (size_t)n);
    memcpy(r->message + sizeof r->message - 4, "...", 4);
    return slice_of(r->message, sizeof r->message - 1);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    struct ring *r = ring_of_thread();
    if (!r)
        return;
    int saved = errno;
    struct arena arena;
    struct buf b;
    va_list args;
    va_start(args, fmt);
    struct slice message = message_of(r, fmt, args);
    va_end(args);
    arena_init_fixed(&arena, r->line, sizeof r->line);
    buf_init(&b, &arena);
    buf_reserve(&b, EVENT_LINE_MAX - 1); /* all of it at once: the line never moves */
    (log_format() == LOG_FORMAT_JSON ? put_json : put_text)(&b, level, event, message);
    hand_over(r, slice_of(b.p, b.n)); /* fits by the two limits above, and if not, what fits */
    arena_free(&arena);
    errno = saved;
}
