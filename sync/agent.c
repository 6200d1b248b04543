/* The agent inside serve: a thread that runs cycles, waits with jitter, and does what others ask of
 * the store in between. Invariant: jobs, status and flags are touched under the lock; the store
 * only by the agent's thread, between start and stop. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "platform/clock.h"
#include "platform/log.h"
#include "sync/cycle_int.h"

#define STACK_BYTES ((size_t)2 << 20)   /* musl's default is 128 kB */
#define SCRUB_NS (24 * 3600 * NS_PER_S) /* a bad sector is found while a copy is still good */
#define REFRESH_MS 30000u
#define RETRY_MS 2000u                 /* doubled with each failure … */
#define RETRY_MAX_MS (15u * 60 * 1000) /* … up to this; drawn between 0 and it (sync.md d8) */
#define PORTAL_MAX_MS (5u * 60 * 1000) /* somebody is about to log in (fault F11) */

struct job {
    struct job *next;
    void (*fn)(void *arg, struct store *store);
    void *arg;
    struct sync_result *result; /* of a cycle; then fn is NULL */
    bool done, dropped;
};

struct sync_agent {
    struct sync_options options;
    struct arena arena; /* owns the options' text */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something to do */
    pthread_cond_t job_done;
    struct job *jobs, **last_job;
    _Atomic bool stopping;
    bool wake;
    unsigned waiting;  /* callers of sync_agent_call and _cycle */
    unsigned failures; /* in a row */
    uint64_t next_ns;  /* monotonic time of the next cycle */
    uint64_t scrubbed_ns;
    struct sync_status status;
};

/* ---- when ---- */

static uint64_t random_below(uint64_t n)
{
    uint64_t r;

    crypto_random(&r, sizeof r);
    return n ? r % n : 0;
}

/* Interval ± 20 %. */
static uint64_t poll_delay(const struct sync_agent *g)
{
    uint64_t ms = g->options.refresh_ms;

    return ms - ms / 5 + random_below(ms / 5 * 2 + 1);
}

/* rand(0, min(cap, 2 s * 2^n)), the jitter after the cap, and what the origin asked for on top. */
uint64_t sync_retry_delay_ms(unsigned failures, enum sync_reason reason, uint64_t retry_after_ms)
{
    uint64_t cap = reason == SYNC_PORTAL ? PORTAL_MAX_MS : RETRY_MAX_MS;
    uint64_t ms = failures < 16 ? (uint64_t)RETRY_MS << failures : cap;

    ms = random_below((ms > cap ? cap : ms) + 1);
    return retry_after_ms > ms ? retry_after_ms + random_below(retry_after_ms / 5 + 1) : ms;
}

/* A directory is looked at every interval: a stick that comes back is seen at once, and nobody is
 * hurt by looking. */
static bool has_directory(const struct sync_options *o)
{
    for (size_t i = 0; i < o->n_endpoints; i++)
        if (slice_starts_icase(slice_trim(o->endpoints[i]), SLICE("file:")))
            return true;
    return false;
}

static uint64_t delay_after(struct sync_agent *g, const struct sync_result *r)
{
    if (r->outcome == SYNC_UPDATED || r->outcome == SYNC_CURRENT) {
        g->failures = 0;
        return poll_delay(g);
    }
    /* What was rejected is asked for again when it can have changed, not sooner; a cut that brought
     * something is not a failure. */
    if (r->outcome == SYNC_REJECTED) {
        g->failures = 0;
        return poll_delay(g);
    }
    if (r->progress)
        g->failures = 0;
    uint64_t ms = sync_retry_delay_ms(g->failures, r->reason, r->retry_after_ms);
    if (g->failures < 30)
        g->failures++;
    if (has_directory(&g->options)) {
        uint64_t poll = poll_delay(g);
        return poll < ms ? poll : ms;
    }
    return ms;
}

/* ---- a cycle ---- */

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ns() / NS_PER_S);
}

static void log_result(const struct sync_result *r, const struct sync_result *before)
{
    bool same = r->outcome == before->outcome && strcmp(r->text, before->text) == 0;

    if (r->outcome == SYNC_UPDATED)
        log_info("ConfigurationSynced", "generation %lld from %s: %llu requests, %llu bytes%s",
                 (long long)r->to, r->source, (unsigned long long)r->requests,
                 (unsigned long long)r->bytes, r->resumed ? ", resumed" : "");
    else if (r->outcome == SYNC_CURRENT && before->outcome != SYNC_UPDATED &&
             before->outcome != SYNC_CURRENT)
        log_info("ConfigurationSynced", "%s answers again, nothing new", r->source);
    else if (r->outcome != SYNC_CURRENT && !same)
        log_warn(r->outcome == SYNC_OFFLINE ? "ConfigurationOffline" : "ConfigurationRejected",
                 "%s: %s", sync_reason_name(r->reason), r->text);
}

/* Since when the active generation counts as old (fresh.expires). */
static int64_t read_expires(struct store *s)
{
    struct arena a;
    struct store_base base;
    struct err err;
    bool present = false;
    int64_t expires = 0;

    arena_init_growing(&a, 16u << 20);
    if (store_base(s, &a, &base, &present, &err) && present)
        expires = base.latest->fresh.expires;
    arena_free(&a);
    return expires;
}

static void note_result(struct sync_agent *g, const struct sync_result *r, int64_t expires)
{
    struct sync_status *s = &g->status;

    s->running = false;
    s->last = *r;
    s->expires = expires;
    s->cycles[r->outcome]++;
    if (r->reason != SYNC_OK)
        s->errors[r->reason]++;
    s->bytes += r->bytes;
    s->requests += r->requests;
    s->resumed += r->resumed;
    if (r->outcome == SYNC_UPDATED || r->outcome == SYNC_CURRENT)
        s->last_contact = now_s();
    if (r->outcome == SYNC_UPDATED)
        s->last_update = s->last_contact;
}

static void scrub_if_due(struct sync_agent *g)
{
    struct err err;

    if (clock_mono_ns() - g->scrubbed_ns < SCRUB_NS)
        return;
    g->scrubbed_ns = clock_mono_ns();
    if (!store_scrub(g->options.store, &err))
        log_warn("StoreFault", "the active generation is fetched again: %s", err.text);
}

/* Called with the lock held, which is open while the cycle runs. */
static void run_cycle(struct sync_agent *g, bool asked, struct sync_result *out)
{
    bool first = !g->status.cycles[SYNC_UPDATED] && !g->status.cycles[SYNC_CURRENT] &&
                 !g->status.cycles[SYNC_REJECTED];
    struct sync_result before = g->status.last;

    g->status.running = true;
    pthread_mutex_unlock(&g->lock);
    scrub_if_due(g);
    cycle_run(&g->options, first || asked, &g->stopping, out);
    if (!g->stopping)
        log_result(out, &before);
    int64_t expires = out->outcome == SYNC_OFFLINE && g->status.expires
                          ? g->status.expires
                          : read_expires(g->options.store);
    uint64_t delay = delay_after(g, out);
    pthread_mutex_lock(&g->lock);
    note_result(g, out, expires);
    g->next_ns = clock_mono_ns() + delay * NS_PER_MS;
}

/* ---- the thread ---- */

static void wait_until(struct sync_agent *g, uint64_t ns)
{
    struct timespec t = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

    pthread_cond_timedwait(&g->changed, &g->lock, &t);
}

static void run_job(struct sync_agent *g, struct job *job)
{
    if (job->result) {
        run_cycle(g, true, job->result);
    } else {
        pthread_mutex_unlock(&g->lock);
        job->fn(job->arg, g->options.store);
        pthread_mutex_lock(&g->lock);
    }
    job->done = true;
    pthread_cond_broadcast(&g->job_done);
}

static struct job *next_job(struct sync_agent *g)
{
    struct job *job = g->jobs;

    if (job && !(g->jobs = job->next))
        g->last_job = &g->jobs;
    return job;
}

static void *agent_main(void *arg)
{
    struct sync_agent *g = arg;
    struct sync_result result;
    struct job *job;

    pthread_mutex_lock(&g->lock);
    while (!g->stopping) {
        if ((job = next_job(g))) {
            run_job(g, job);
        } else if (g->wake || clock_mono_ns() >= g->next_ns) {
            bool asked = g->wake;
            g->wake = false;
            run_cycle(g, asked, &result);
        } else {
            wait_until(g, g->next_ns);
        }
    }
    while ((job = next_job(g)))
        job->dropped = true;
    pthread_cond_broadcast(&g->job_done);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

/* ---- start and stop ---- */

static const char *copy_text(struct arena *a, const char *text)
{
    return text ? arena_cstr(a, slice_from(text)) : NULL;
}

static struct slice *copy_list(struct arena *a, const struct slice *list, size_t n)
{
    struct slice *copy = arena_array(a, struct slice, n + 1);

    for (size_t i = 0; copy && i < n; i++)
        copy[i] = arena_copy(a, list[i]);
    return copy;
}

static bool copy_options(struct sync_options *o, struct arena *a, const struct sync_options *from)
{
    *o = *from;
    o->endpoints = copy_list(a, from->endpoints, from->n_endpoints);
    o->roots = copy_list(a, from->roots, from->n_roots);
    o->auth = copy_text(a, from->auth);
    o->channel = copy_text(a, from->channel);
    o->gateway_id = copy_text(a, from->gateway_id);
    if (!o->refresh_ms)
        o->refresh_ms = REFRESH_MS;
    return !a->overflow;
}

bool sync_agent_reconfigure(struct sync_agent *agent, const struct sync_options *options,
                            struct err *err)
{
    struct sync_options fresh;
    struct arena a;

    arena_init_growing(&a, 1u << 20);
    if (!copy_options(&fresh, &a, options)) {
        arena_free(&a);
        return err_set(err, "sync: out of memory");
    }
    arena_free(&agent->arena);
    agent->arena = a;
    agent->options = fresh;
    agent->failures = 0;
    return true;
}

static void free_agent(struct sync_agent *g)
{
    pthread_cond_destroy(&g->changed);
    pthread_cond_destroy(&g->job_done);
    pthread_mutex_destroy(&g->lock);
    arena_free(&g->arena);
    free(g);
}

static struct sync_agent *new_agent(void)
{
    struct sync_agent *g = calloc(1, sizeof *g);
    pthread_condattr_t monotonic;

    if (!g)
        return NULL;
    arena_init_growing(&g->arena, 1u << 20);
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&g->changed, &monotonic);
    pthread_cond_init(&g->job_done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    g->last_job = &g->jobs;
    g->scrubbed_ns = clock_mono_ns(); /* boot has just verified it */
    g->status.last.outcome = SYNC_CURRENT;
    return g;
}

bool sync_agent_start(const struct sync_options *options, struct sync_agent **out, struct err *err)
{
    struct sync_agent *g = new_agent();
    pthread_attr_t attr;

    *out = NULL;
    if (!g)
        return err_set(err, "sync: out of memory");
    if (!copy_options(&g->options, &g->arena, options)) {
        free_agent(g);
        return err_set(err, "sync: out of memory");
    }
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    int failed = pthread_create(&g->thread, &attr, agent_main, g);
    pthread_attr_destroy(&attr);
    if (failed) {
        free_agent(g);
        return err_set(err, "sync: cannot start a thread: %s", strerror(failed));
    }
    *out = g;
    return true;
}

void sync_agent_stop(struct sync_agent *agent)
{
    if (!agent)
        return;
    pthread_mutex_lock(&agent->lock);
    agent->stopping = true;
    pthread_cond_signal(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
    pthread_join(agent->thread, NULL);
    pthread_mutex_lock(&agent->lock);
    while (agent->waiting)
        pthread_cond_wait(&agent->job_done, &agent->lock);
    pthread_mutex_unlock(&agent->lock);
    free_agent(agent);
}

/* ---- from other threads ---- */

void sync_agent_wake(struct sync_agent *agent)
{
    pthread_mutex_lock(&agent->lock);
    agent->wake = true;
    pthread_cond_signal(&agent->changed);
    pthread_mutex_unlock(&agent->lock);
}

static bool do_job(struct sync_agent *g, struct job *job)
{
    pthread_mutex_lock(&g->lock);
    g->waiting++;
    job->dropped = g->stopping;
    if (!job->dropped) {
        *g->last_job = job;
        g->last_job = &job->next;
        pthread_cond_signal(&g->changed);
    }
    while (!job->done && !job->dropped)
        pthread_cond_wait(&g->job_done, &g->lock);
    g->waiting--;
    pthread_cond_broadcast(&g->job_done);
    pthread_mutex_unlock(&g->lock);
    return job->done;
}

bool sync_agent_call(struct sync_agent *agent, void (*fn)(void *arg, struct store *store),
                     void *arg)
{
    struct job job = { .fn = fn, .arg = arg };

    return do_job(agent, &job);
}

bool sync_agent_cycle(struct sync_agent *agent, struct sync_result *out)
{
    struct job job = { .result = out };

    return do_job(agent, &job);
}

void sync_agent_status(struct sync_agent *agent, struct sync_status *out)
{
    pthread_mutex_lock(&agent->lock);
    *out = agent->status;
    uint64_t now = clock_mono_ns();
    out->next_ms = agent->next_ns > now ? (agent->next_ns - now) / NS_PER_MS : 0;
    pthread_mutex_unlock(&agent->lock);
    out->stale = out->expires && now_s() > out->expires;
}
