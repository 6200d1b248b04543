/* A long body over HTTP. Invariants: the queue and what the head said are touched under the lock;
 * the transfer's thread ends before stream_perform returns; a reader that falls behind by QUEUE_MAX
 * ends the transfer, and what is missing is asked for again. */
#include "sync/stream_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* The disk is slower than the line for as long as this lasts. */
#define QUEUE_MAX ((size_t)8 << 20)
#define THREAD_STACK ((size_t)512 << 10)
#define RESULT_BYTES (256u << 10)

struct piece {
    struct piece *next;
    size_t n;
    char bytes[];
};

struct stream {
    struct exchange *exchange;
    const struct http_client_request *request;
    struct http_client_result *result;
    struct arena arena; /* of the transfer's thread */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct piece *first, **last;
    size_t queued;
    bool has_head, done, whole, stop;
    int status;
    uint64_t offset;
    char etag[257], retry_after[33];
};

/* ---- on the HTTP client's thread ---- */

static void copy_text(struct slice from, char *to, size_t room)
{
    from = slice_first(from, room - 1);
    memcpy(to, from.n ? from.p : "", from.n);
    to[from.n] = 0;
}

/* Content-Range = "bytes" SP first "-" last "/" length */
static bool range_start(struct slice value, uint64_t *out)
{
    struct slice first;

    if (!slice_starts(value, SLICE("bytes ")))
        return false;
    value = slice_skip(value, 6);
    return slice_cut(&value, '-', &first) && slice_to_u64(first, UINT64_MAX / 2, out);
}

static bool on_head(void *arg, int status, const struct http_fields *fields)
{
    struct stream *s = arg;
    uint64_t offset = 0;

    if (status == 206 && !range_start(http_fields_get(fields, SLICE("Content-Range")), &offset))
        status = 502; /* a part of we do not know what */
    pthread_mutex_lock(&s->lock);
    s->has_head = true;
    s->status = status;
    s->offset = offset;
    copy_text(http_fields_get(fields, SLICE("ETag")), s->etag, sizeof s->etag);
    copy_text(http_fields_get(fields, SLICE("Retry-After")), s->retry_after, sizeof s->retry_after);
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return status == 200 || status == 206;
}

static bool on_bytes(void *arg, const char *p, size_t n)
{
    struct stream *s = arg;
    struct piece *piece = malloc(sizeof *piece + n);

    if (!piece)
        return false;
    piece->next = NULL;
    piece->n = n;
    memcpy(piece->bytes, p, n);
    pthread_mutex_lock(&s->lock);
    bool go_on = !s->stop && s->queued + n <= QUEUE_MAX;
    if (go_on) {
        *s->last = piece;
        s->last = &piece->next;
        s->queued += n;
        pthread_cond_signal(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    if (!go_on)
        free(piece);
    return go_on;
}

static void *transfer(void *arg)
{
    struct stream *s = arg;
    bool whole = http_client_perform(s->request, &s->arena, s->result);

    pthread_mutex_lock(&s->lock);
    s->whole = whole;
    s->done = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- in the caller's thread ---- */

static bool is_stopping(const struct stream *s)
{
    return s->exchange->stopping && atomic_load(s->exchange->stopping);
}

/* Wait at most a second for something; what is queued, NULL when nothing came. */
static struct piece *wait_for_pieces(struct stream *s, bool *done)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->done && pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
        ;
    struct piece *list = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->queued = 0;
    *done = s->done && !list;
    pthread_mutex_unlock(&s->lock);
    return list;
}

static void free_pieces(struct piece *list)
{
    while (list) {
        struct piece *next = list->next;
        free(list);
        list = next;
    }
}

static bool take_pieces(struct stream *s, struct get *g, const struct piece *list)
{
    for (; list; list = list->next) {
        s->exchange->bytes += list->n;
        g->received += list->n;
        if (!g->bytes(g->arg, slice_of(list->bytes, list->n)))
            return false;
    }
    return true;
}

static void stop_transfer(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
}

static bool begin(struct stream *s, struct get *g)
{
    g->etag = arena_copy(s->exchange->arena, slice_from(s->etag));
    return g->begin(g->arg, s->offset, g->etag);
}

static void consume(struct stream *s, struct get *g)
{
    bool done = false, begun = false;

    while (!done) {
        struct piece *list = wait_for_pieces(s, &done);
        bool ok = !is_stopping(s);
        /* A head without a body, too: an empty answer has begun and ended. */
        if (ok && !begun && (list || done) && s->has_head && (s->status == 200 || s->status == 206))
            begun = ok = begin(s, g);
        if (ok && list)
            ok = take_pieces(s, g, list);
        else if (ok && !done)
            ok = g->idle(g->arg);
        free_pieces(list);
        if (ok)
            continue;
        g->ended_by_caller = true;
        stop_transfer(s);
        while (!done)
            free_pieces(wait_for_pieces(s, &done));
    }
}

static bool start(struct stream *s, pthread_t *thread)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    int failed = pthread_create(thread, &attr, transfer, s);
    pthread_attr_destroy(&attr);
    return !failed;
}

bool stream_perform(struct exchange *x, struct get *g, struct http_client_request *request,
                    struct http_client_result *result, struct stream_report *report)
{
    struct stream s = { .exchange = x, .request = request, .result = result };
    pthread_condattr_t monotonic;
    pthread_t thread;

    memset(report, 0, sizeof *report);
    s.last = &s.first;
    request->head = on_head;
    request->sink = on_bytes;
    request->sink_arg = &s;
    arena_init_growing(&s.arena, RESULT_BYTES);
    pthread_mutex_init(&s.lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s.changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    bool started = start(&s, &thread);
    if (started) {
        consume(&s, g);
        pthread_join(thread, NULL);
    }
    report->status = s.status;
    report->refused = s.has_head && s.status != 200 && s.status != 206;
    report->retry_after = arena_copy(x->arena, slice_from(s.retry_after));
    /* Only its message outlives this call. */
    result->fields = (struct http_fields){ 0 };
    result->body = SLICE_NONE;
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    arena_free(&s.arena);
    return started && s.whole;
}
