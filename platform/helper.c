/* The helper pool: one queue, a few threads. Jobs that are queued when helpers_stop is called still run. */
#include "platform/helper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "platform/fiber.h"

#define HELPERS_MAX 8u
#define HELPER_STACK_BYTES (2u * 1024 * 1024)

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct helper_job *first, *last;
    pthread_t threads[HELPERS_MAX];
    unsigned count;
    bool running, stopping;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static struct helper_job *take_job(void)
{
    pthread_mutex_lock(&pool.lock);
    while (!pool.first && !pool.stopping)
        pthread_cond_wait(&pool.wake, &pool.lock);
    struct helper_job *job = pool.first;
    if (job) {
        pool.first = job->next;
        if (!pool.first)
            pool.last = NULL;
    }
    pthread_mutex_unlock(&pool.lock);
    return job;
}

static void *helper_main(void *arg)
{
    struct helper_job *job;

    (void)arg;
    pthread_setname_np(pthread_self(), "helper");
    while ((job = take_job()) != NULL)
        job->run(job);
    return NULL;
}

static int start_thread(pthread_t *thread)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HELPER_STACK_BYTES);
    int error = pthread_create(thread, &attr, helper_main, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

bool helpers_start(unsigned count)
{
    sigset_t all, before;
    int error = 0;

    count = count < 2 ? 2 : count > HELPERS_MAX ? HELPERS_MAX : count;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* faults of the thread itself come all the same */
    pool.stopping = false;
    while (pool.count < count && error == 0) {
        error = start_thread(&pool.threads[pool.count]);
        pool.count += error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_lock(&pool.lock);
    pool.running = true;
    pthread_mutex_unlock(&pool.lock);
    if (error == 0)
        return true;
    helpers_stop();
    errno = error;
    return false;
}

unsigned helpers_count(void)
{
    pthread_mutex_lock(&pool.lock);
    unsigned count = pool.running ? pool.count : 0;
    pthread_mutex_unlock(&pool.lock);
    return count;
}

void helpers_stop(void)
{
    pthread_mutex_lock(&pool.lock);
    pool.running = false;
    pool.stopping = true;
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    while (pool.count > 0)
        pthread_join(pool.threads[--pool.count], NULL);
}

/* False when no pool runs. */
static bool enqueue(struct helper_job *job)
{
    pthread_mutex_lock(&pool.lock);
    bool running = pool.running;
    if (running) {
        job->next = NULL;
        if (pool.last)
            pool.last->next = job;
        else
            pool.first = job;
        pool.last = job;
        pthread_cond_signal(&pool.wake);
    }
    pthread_mutex_unlock(&pool.lock);
    return running;
}

void helper_post(struct helper_job *job)
{
    if (!enqueue(job))
        job->run(job);
}

/* ---- a call from a fiber ---- */

struct call {
    struct helper_job job;
    struct inbox_item back;
    void (*fn)(void *arg);
    void *arg;
    struct carrier *carrier;
    struct fiber_cond done_cond;
    bool done; /* the carrier's: set by `back` on the loop */
};

static void call_returned(struct inbox_item *item)
{
    struct call *call = CONTAINER_OF(item, struct call, back);

    call->done = true;
    fiber_cond_signal(&call->done_cond);
}

static void run_call(struct helper_job *job)
{
    struct call *call = CONTAINER_OF(job, struct call, job);

    call->fn(call->arg);
    carrier_post(call->carrier, &call->back);
}

/* The wait has no deadline of its own: the job has the fiber's stack, so it must end first. */
void helper_call(void (*fn)(void *arg), void *arg)
{
    if (!fiber_self()) {
        fn(arg);
        return;
    }
    struct call call = {
        .job.run = run_call,
        .back.run = call_returned,
        .fn = fn,
        .arg = arg,
        .carrier = carrier_self(),
        .done_cond = FIBER_COND_INIT,
    };
    if (!enqueue(&call.job)) {
        fn(arg);
        return;
    }
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &call.done_cond };
    fiber_shield(true);
    while (!call.done)
        fiber_wait(&wait, 1, UINT64_MAX);
    fiber_shield(false);
}
