/* civetweb's workers as fibers. The only file that includes civetweb.h.
 *
 * civetweb.c is compiled unmodified; in its object the calls that platform/civetweb.def names
 * are renamed to the seam_ functions below, so that it believes it has threads, sockets and a
 * heap.
 *
 * A slot is what civetweb takes for a client's connection: a descriptor that is no descriptor.
 * It is bound to one worker and lives long: its "client" sends one head after the other, each
 * for another connection of ours.
 *
 *   seam_dispatch(c)  -> an idle slot gets c, or c queues and a worker is born
 *   worker: poll(slot) waits for that; recv(slot) gives the head that we write;
 *           begin_request runs conn_run(c)
 *
 * Invariants (architecture.md, decisions 1 and 2)
 * 1. recv of a head gives exactly one head: a method civetweb knows, an origin-form target, our
 *    Host, nothing else. So it never sees a body, Connection, Expect or Upgrade, and never a
 *    byte of the client's but these two.
 * 2. Workers are born lazily: pthread_create records one; it starts when a head waits and no
 *    worker is idle.
 * 3. Idle slots are reused last in, first out; those beyond IDLE_KEPT_WARM give their stack
 *    pages back.
 * 4. civetweb's close only ends a slot; connections are closed by http_server.c alone.
 * 5. Everything here belongs to one carrier, but for mg_init_library, which is called once. Its
 *    mutexes are taken and released within one turn, except by pthread_cond_wait.
 * 6. What is unreachable is logged and fails; tests set seam_options.strict and abort. */
#include "platform/conn_int.h"

#include <assert.h>
#include <civetweb.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "platform/civetweb_seam.h"
#include "platform/log.h"

/* Beyond any real descriptor. */
#define LISTEN_FD 0x40000000
#define SLOT_FD (LISTEN_FD + 1)
/* Workers that keep the pages of their stack, and for how long the others do (rule 9). */
#define IDLE_KEPT_WARM 16u
#define IDLE_WARM_NS (10 * NS_PER_S)
#define HOST "holdfast"
/* Room in civetweb's buffer beside the target. */
#define HEAD_BESIDE_TARGET 256u

/* A thread as civetweb knows it. */
struct thread {
    void *(*fn)(void *arg);
    void *arg;
    void *specific; /* civetweb has one key */
    struct slot *slot;
    bool born, ended;
    struct fiber_cond end;
};

struct slot {
    struct conn *conn; /* given, and not yet run */
    struct fiber *fiber;
    struct fiber_cond wake;
    struct slot *next_idle;
    uint64_t idle_since;
    unsigned heads;
    bool open, idle, cold;
};

struct seam {
    struct mg_context *context;
    unsigned workers; /* how many threads are workers; the last one recorded is the master */
    struct thread *threads;
    unsigned recorded, born, in_accept; /* workers that wait for their slot */
    struct slot *slots;
    unsigned accepts_due;
    struct fiber_cond listening;
    struct conn_list ready; /* for workers that are being born or coming back */
    struct slot *idle;
    unsigned idle_count;
    struct carrier_timer cool;
    void *specific; /* of fibers that are no threads of civetweb's */
    bool returning; /* the running worker takes the next one */
    bool stopping;
    atomic_uint live;
};

static struct seam seams[CARRIERS_MAX];

static struct seam *here(void)
{
    return &seams[carrier_index(carrier_self())];
}

/* ---- idle workers ---- */

static void push_idle(struct seam *w, struct slot *slot)
{
    slot->idle = true;
    slot->idle_since = fiber_now();
    slot->next_idle = w->idle;
    w->idle = slot;
    if (++w->idle_count > IDLE_KEPT_WARM && w->cool.when == 0)
        carrier_timer_set(&w->cool, fiber_now() + IDLE_WARM_NS);
}

static struct slot *pop_idle(struct seam *w)
{
    struct slot *slot = w->idle;

    w->idle = slot->next_idle;
    w->idle_count--;
    slot->idle = false;
    slot->cold = false;
    return slot;
}

/* Invariant 3. */
static void cool(struct carrier_timer *timer)
{
    struct seam *w = CONTAINER_OF(timer, struct seam, cool);
    unsigned kept = 0, warm = 0;

    for (struct slot *slot = w->idle; slot; slot = slot->next_idle) {
        if (++kept <= IDLE_KEPT_WARM || slot->cold)
            continue;
        if (slot->idle_since + IDLE_WARM_NS > fiber_now()) {
            warm++;
            continue;
        }
        fiber_stack_trim(slot->fiber);
        slot->cold = true;
    }
    if (warm)
        carrier_timer_set(timer, fiber_now() + IDLE_WARM_NS);
}

/* ---- births ---- */

static void thread_body(void *arg)
{
    struct thread *t = arg;
    struct seam *w = here();

    fiber_set_local(t);
    t->fn(t->arg);
    t->ended = true;
    atomic_fetch_sub_explicit(&w->live, 1, memory_order_relaxed);
    fiber_cond_broadcast(&t->end);
}

static bool bear(struct seam *w, struct thread *t, const char *name)
{
    if (!fiber_spawn(name, thread_body, t))
        return false;
    t->born = true;
    atomic_fetch_add_explicit(&w->live, 1, memory_order_relaxed);
    return true;
}

/* Heads are ready and nobody is idle: one more slot, for a worker that civetweb holds idle or a
 * new one. Only a few come at a time, and each that takes a head asks for the next: a burst that
 * a handful can serve, one head after the other, does not bear hundreds. */
static void need_worker(struct seam *w)
{
    if (w->accepts_due > w->born / 8)
        return;
    if (w->accepts_due >= w->in_accept) {
        if (w->born == w->workers || !bear(w, &w->threads[w->born], "worker"))
            return; /* the head waits for the next worker that ends its request */
        w->born++;
        w->in_accept++;
    }
    w->accepts_due++;
    fiber_cond_signal(&w->listening);
}

static void push_ready(struct seam *w, struct conn *c)
{
    c->next = NULL;
    if (w->ready.last)
        w->ready.last->next = c;
    else
        w->ready.first = c;
    w->ready.last = c;
}

static struct conn *pop_ready(struct seam *w)
{
    struct conn *c = w->ready.first;

    if (!c)
        return NULL;
    w->ready.first = c->next;
    if (!w->ready.first)
        w->ready.last = NULL;
    return c;
}

void seam_dispatch(struct conn *c)
{
    struct seam *w = here();

    if (!w->returning && w->idle) {
        struct slot *slot = pop_idle(w);
        slot->conn = c;
        fiber_cond_signal(&slot->wake);
        return;
    }
    push_ready(w, c);
    if (w->returning)
        w->returning = false;
    else
        need_worker(w);
}

void seam_worker_returns(void)
{
    here()->returning = true;
}

/* ---- the master's listening socket, and the slots ---- */

static bool await_accept(struct seam *w)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &w->listening };

    while (!w->accepts_due && !w->stopping)
        (void)fiber_wait(&wait, 1, UINT64_MAX);
    return !w->stopping;
}

static struct slot *slot_of(struct seam *w, int fd)
{
    unsigned i = (unsigned)(fd - SLOT_FD);

    return fd >= SLOT_FD && i < w->workers ? &w->slots[i] : NULL;
}

/* A head for this worker, or false when it is to end. The worker was interrupted only if a
 * request was lost. */
static bool await_head(struct seam *w, struct slot *slot)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &slot->wake };

    w->returning = false;
    fiber_yield_if_due();
    for (;;) {
        if (slot->conn)
            return true;
        if (w->stopping)
            return false;
        slot->conn = pop_ready(w);
        if (slot->conn) {
            if (w->ready.first)
                need_worker(w);
            return true;
        }
        if (!slot->idle)
            push_idle(w, slot);
        (void)fiber_wait(&wait, 1, UINT64_MAX);
    }
}

/* civetweb did not run what it was given: it answered itself, or ran out of memory. */
static void lose(struct slot *slot)
{
    struct conn *c = slot->conn;

    slot->conn = NULL;
    if (c)
        conn_lost(c);
}

static void bind_slot(struct slot *slot)
{
    struct thread *t = fiber_local();

    slot->fiber = fiber_self();
    if (t)
        t->slot = slot;
}

int seam_poll(struct pollfd *fds, nfds_t n, int ms)
{
    struct seam *w = here();

    if (n < 1)
        return 0;
    if (fds[0].fd == LISTEN_FD) {
        fds[0].revents = POLLIN;
        return await_accept(w) ? 1 : 0;
    }
    struct slot *slot = slot_of(w, fds[0].fd);
    fds[0].revents = fds[0].events & (POLLIN | POLLOUT);
    if (!slot || !(fds[0].events & POLLIN))
        return 1;
    lose(slot);
    bind_slot(slot);
    if (slot->heads >= seam_options.heads_per_slot)
        return 1; /* recv gives the end of the stream */
    return await_head(w, slot) ? 1 : 0;
}

static struct slice known_method(struct slice method)
{
    static const struct slice known[] = { SLICE_INIT("GET"),  SLICE_INIT("POST"),
                                          SLICE_INIT("PUT"),  SLICE_INIT("DELETE"),
                                          SLICE_INIT("HEAD"), SLICE_INIT("OPTIONS"),
                                          SLICE_INIT("PATCH") };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq(method, known[i]))
            return method;
    return SLICE("POST");
}

static char *append(char *to, struct slice s)
{
    memcpy(to, s.p, s.n);
    return to + s.n;
}

/* Invariant 1. */
static ssize_t write_head(const struct http_head *head, char *buf, size_t n)
{
    struct slice method = known_method(head->method);
    struct slice path = head->path.p[0] == '/' ? head->path : SLICE("/");
    char *to = buf;

    if (n < path.n + head->query.n + HEAD_BESIDE_TARGET) {
        errno = EMSGSIZE;
        return -1;
    }
    to = append(to, method);
    to = append(to, SLICE(" "));
    to = append(to, path);
    if (head->query.n)
        to = append(to, head->query);
    to = append(to, SLICE(" HTTP/1.1\r\nHost: " HOST "\r\n\r\n"));
    return to - buf;
}

ssize_t seam_recv(int fd, void *buf, size_t n, int flags)
{
    struct slot *slot = slot_of(here(), fd);

    if (!slot || !slot->conn)
        return 0;
    slot->heads++;
    return write_head(conn_head(slot->conn), buf, n);
}

/* civetweb never answers by itself where begin_request does: what it says here is an error of
 * ours. */
ssize_t seam_send(int fd, const void *buf, size_t n, int flags)
{
    log_error("WorkerAnswered", "%.*s", (int)(n < 200 ? n : 200), (const char *)buf);
    return (ssize_t)n;
}

int seam_socket(int domain, int type, int protocol)
{
    return LISTEN_FD;
}

int seam_accept(int fd, struct sockaddr *addr, socklen_t *n)
{
    struct seam *w = here();

    if (!w->accepts_due) {
        errno = EAGAIN;
        return -1;
    }
    for (unsigned i = 0; i < w->workers; i++) {
        if (w->slots[i].open)
            continue;
        w->slots[i] = (struct slot){ .open = true };
        w->accepts_due--;
        w->in_accept--;
        return (int)(SLOT_FD + i);
    }
    w->accepts_due = 0;
    errno = EMFILE;
    return -1;
}

int seam_close(int fd)
{
    struct seam *w = here();
    struct slot *slot = slot_of(w, fd);
    struct thread *t = fiber_local();

    if (!slot)
        return 0;
    lose(slot);
    slot->open = false;
    w->returning = false;
    if (t)
        t->slot = NULL;
    w->in_accept++;
    if (w->ready.first && !w->stopping)
        need_worker(w);
    return 0;
}

/* ---- threads ---- */

static_assert(sizeof(pthread_t) >= sizeof(void *), "a thread's name is a pointer to it");

int seam_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
    struct seam *w = here();

    if (w->recorded > w->workers)
        return EAGAIN;
    struct thread *t = &w->threads[w->recorded];
    *t = (struct thread){ .fn = fn, .arg = arg };
    bool is_master = w->recorded == w->workers;
    if (is_master && !bear(w, t, "master"))
        return EAGAIN;
    w->recorded++;
    memset(id, 0, sizeof *id);
    memcpy(id, &t, sizeof t);
    return 0;
}

int seam_pthread_join(pthread_t id, void **result)
{
    struct thread *t;

    memcpy(&t, &id, sizeof t);
    while (t->born && !t->ended) {
        struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &t->end };
        (void)fiber_wait(&wait, 1, UINT64_MAX);
    }
    return 0;
}

pthread_t seam_pthread_self(void)
{
    struct thread *t = fiber_local();
    pthread_t id;

    memset(&id, 0, sizeof id);
    memcpy(&id, &t, sizeof t);
    return id;
}

int seam_pthread_attr_init(pthread_attr_t *attr)
{
    return 0;
}

int seam_pthread_attr_destroy(pthread_attr_t *attr)
{
    return 0;
}

int seam_pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
    return 0;
}

int seam_pthread_setname_np(pthread_t id, const char *name)
{
    return 0;
}

int seam_prctl(int option, ...)
{
    return 0;
}

int seam_sigaction(int signal, const struct sigaction *action, struct sigaction *old)
{
    return 0;
}

static void **specific(void)
{
    struct thread *t = fiber_local();

    return t ? &t->specific : &here()->specific;
}

int seam_pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    *key = 1;
    return 0;
}

int seam_pthread_key_delete(pthread_key_t key)
{
    return 0;
}

void *seam_pthread_getspecific(pthread_key_t key)
{
    return *specific();
}

int seam_pthread_setspecific(pthread_key_t key, const void *value)
{
    *specific() = (void *)value;
    return 0;
}

static int sleep_ms(uint64_t ms)
{
    if (fiber_self())
        (void)fiber_sleep_until(fiber_deadline_ms(ms));
    return 0;
}

int seam_usleep(useconds_t us)
{
    return sleep_ms((us + 999) / 1000);
}

unsigned seam_sleep(unsigned seconds)
{
    return (unsigned)sleep_ms(seconds * UINT64_C(1000));
}

/* ---- mutexes and conditions, in the memory that civetweb has for its own ---- */

struct mutex {
    struct fiber *owner;
    unsigned depth; /* all of civetweb's may be taken again by their owner */
    struct fiber_cond free;
};

static_assert(sizeof(struct mutex) <= sizeof(pthread_mutex_t), "our mutex must fit in civetweb's");
static_assert(_Alignof(struct mutex) <= _Alignof(pthread_mutex_t),
              "our mutex must be aligned in civetweb's");
static_assert(sizeof(struct fiber_cond) <= sizeof(pthread_cond_t),
              "our condition must fit in civetweb's");
static_assert(_Alignof(struct fiber_cond) <= _Alignof(pthread_cond_t),
              "our condition must be aligned in civetweb's");

int seam_pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
    return 0;
}

int seam_pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
    return 0;
}

int seam_pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
    return 0;
}

int seam_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
    memset((void *)m, 0, sizeof(struct mutex));
    return 0;
}

int seam_pthread_mutex_destroy(pthread_mutex_t *m)
{
    return 0;
}

int seam_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    struct mutex *m = (struct mutex *)mutex;
    struct fiber *self = fiber_self();
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &m->free };

    while (m->depth > 0 && m->owner != self)
        (void)fiber_wait(&wait, 1, UINT64_MAX);
    m->owner = self;
    m->depth++;
    return 0;
}

int seam_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    struct mutex *m = (struct mutex *)mutex;

    assert(m->depth > 0 && m->owner == fiber_self());
    if (--m->depth == 0)
        fiber_cond_signal(&m->free);
    return 0;
}

int seam_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
    memset((void *)c, 0, sizeof(struct fiber_cond));
    return 0;
}

int seam_pthread_cond_destroy(pthread_cond_t *c)
{
    return 0;
}

int seam_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *mutex)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = (struct fiber_cond *)c };
    struct mutex *m = (struct mutex *)mutex;
    unsigned depth = m->depth;

    m->depth = 0;
    fiber_cond_signal(&m->free);
    (void)fiber_wait(&wait, 1, UINT64_MAX); /* may wake for nothing, as any condition */
    seam_pthread_mutex_lock(mutex);
    m->depth = depth;
    return 0;
}

int seam_pthread_cond_signal(pthread_cond_t *c)
{
    fiber_cond_signal((struct fiber_cond *)c);
    return 0;
}

int seam_pthread_cond_broadcast(pthread_cond_t *c)
{
    fiber_cond_broadcast((struct fiber_cond *)c);
    return 0;
}

/* ---- the context ---- */

static int begin_request(struct mg_connection *connection)
{
    struct thread *t = fiber_local();
    struct conn *c = t->slot->conn;

    t->slot->conn = NULL;
    conn_run(c);
    return 200; /* handled: no file, no handler, no body to read over */
}

static int log_message(const struct mg_connection *connection, const char *message)
{
    log_error("Worker", "%s", message);
    return 1;
}

static void init_library(void)
{
    mg_init_library(0);
}

static void free_seam(struct seam *w)
{
    carrier_timer_clear(&w->cool);
    free(w->threads);
    free(w->slots);
    w->threads = NULL;
    w->slots = NULL;
    seam_free_pieces();
}

bool seam_start(unsigned workers, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct seam *w = here();
    char threads[16], request[24];
    const char *options[] = {
        "listening_ports",       "1",   "num_threads", threads, "max_request_size",         request,
        "enable_keep_alive",     "yes", "decode_url",  "no",    "enable_auth_domain_check", "no",
        "authentication_domain", HOST,  NULL,
    };
    struct mg_callbacks callbacks = { .begin_request = begin_request, .log_message = log_message };

    pthread_once(&once, init_library);
    snprintf(threads, sizeof threads, "%u", workers);
    snprintf(request, sizeof request, "%zu",
             serving_here()->options.limits.target_bytes + 2 * HEAD_BESIDE_TARGET + 1024);
    *w = (struct seam){ .workers = workers, .cool.fire = cool };
    w->threads = calloc(workers + 1, sizeof *w->threads);
    w->slots = calloc(workers, sizeof *w->slots);
    if (w->threads && w->slots)
        w->context = mg_start(&callbacks, NULL, options);
    if (w->context)
        return true;
    free_seam(w);
    return err_set(err, "http server: %u workers: out of memory", workers);
}

void seam_stop(void)
{
    struct seam *w = here();

    if (!w->context)
        return;
    w->stopping = true;
    fiber_cond_broadcast(&w->listening);
    for (struct slot *slot = w->idle; slot; slot = slot->next_idle)
        fiber_cond_signal(&slot->wake);
    mg_stop(w->context);
    w->context = NULL;
    free_seam(w);
}

unsigned seam_workers(void)
{
    return here()->born;
}
