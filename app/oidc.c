/* Providers and their snapshots; see oidc.h.
 *
 * 1. The lock is held for a look-up or a pointer's change, never over a wait.
 * 2. A provider is never freed while the gateway runs; a snapshot is freed by whoever gives back the last reference.
 * 3. At most one fetch of a provider runs (`busy`); it wakes all who wait, and it ends by itself within its time-outs, so that they
 *    wait without a deadline of their own: their place in the list is on their stacks. */
#include "app/oidc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/gateway.h"
#include "platform/base/buf.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/fiber.h"
#include "platform/file.h"
#include "platform/helper.h"
#include "platform/http_client.h"
#include "platform/json.h"
#include "platform/log.h"
#include "platform/wait_list.h"

#define CONNECT_MS 5000u
/* Both documents as text, as trees and as keys. */
#define SNAPSHOT_BYTES_MAX (8u << 20)
#define PATH_BYTES 4096

struct snapshot {
    struct jwt_provider provider; /* first */
    struct arena arena;
    unsigned references; /* under the lock */
};

struct provider {
    char *url;
    struct snapshot *snapshot;
    struct snapshot *unfinished;   /* of the fetch that runs: the gateway may end under it */
    struct wait_list waiters;
    struct inbox_item begin;
    bool busy, read_back;
    uint64_t fetched_ns, tried_ns; /* monotonic; 0: never */
    unsigned failures;             /* in a row */
};

static struct {
    pthread_mutex_t lock;
    struct provider *providers[OIDC_PROVIDERS_MAX];
    unsigned n;
    char *dir;
    bool running, told_full;
} oidc = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- snapshots ---- */

static void free_snapshot(struct snapshot *s)
{
    arena_free(&s->arena);
    free(s);
}

static void unreference(struct snapshot *s)
{
    pthread_mutex_lock(&oidc.lock);
    bool last = s && --s->references == 0;
    pthread_mutex_unlock(&oidc.lock);
    if (last)
        free_snapshot(s);
}

void oidc_release(const struct jwt_provider *p)
{
    unreference((struct snapshot *)p);
}

/* To be published or dropped. */
static struct snapshot *new_snapshot(struct provider *p)
{
    struct snapshot *s = calloc(1, sizeof *s);

    if (s) {
        s->references = 1;
        arena_init_growing(&s->arena, SNAPSHOT_BYTES_MAX);
    }
    p->unfinished = s;
    return s;
}

static void drop_unfinished(struct provider *p)
{
    if (p->unfinished)
        free_snapshot(p->unfinished);
    p->unfinished = NULL;
}

/* What stays is some kilobytes; the documents and their trees were many times that. */
static void shrink(struct provider *p)
{
    struct snapshot *large = p->unfinished, *small = new_snapshot(p);

    if (small && jwt_provider_copy(&small->arena, &large->provider, &small->provider)) {
        free_snapshot(large);
        return;
    }
    drop_unfinished(p);
    p->unfinished = large;
}

static void publish(struct provider *p)
{
    shrink(p);
    pthread_mutex_lock(&oidc.lock);
    struct snapshot *old = p->snapshot;
    p->snapshot = p->unfinished;
    p->unfinished = NULL;
    wait_list_wake(&p->waiters);
    pthread_mutex_unlock(&oidc.lock);
    unreference(old);
}

/* ---- fetching: the fiber of a provider; parsing and files on helper threads ---- */

struct work {
    struct provider *provider;
    struct snapshot *snapshot;
    struct slice discovery, keys, keys_url; /* texts; url in the snapshot's arena */
    struct err err;
    bool ok;
};

static const struct json *parse(struct work *w, const char *what, struct slice text)
{
    struct err err;
    const struct json *j = json_parse(&w->snapshot->arena, text, &err);

    if (!j)
        err_set(&w->err, "%s: %s", what, err.text);
    return j;
}

static void read_discovery(void *arg)
{
    struct work *w = arg;
    const struct json *j = parse(w, "discovery document", w->discovery);

    w->ok = j && jwt_discovery_read(j, &w->snapshot->provider.issuer, &w->keys_url, &w->err);
}

static void read_keys(void *arg)
{
    struct work *w = arg;
    const struct json *j = parse(w, "key set", w->keys);

    w->ok = j && jwt_keys_from_set(&w->snapshot->arena, j, &w->snapshot->provider.keys, &w->err);
    if (w->ok && !w->snapshot->provider.keys.n)
        w->ok = err_set(&w->err, "the key set has no key for signatures that is known here");
}

static bool fetch_document(struct work *w, const char *what, struct slice url, struct slice *out)
{
    struct arena *a = &w->snapshot->arena;
    struct http_client_request request = { .url = arena_cstr(a, url), .max_body = OIDC_DOCUMENT_MAX, .connect_ms = CONNECT_MS,
                                           .total_ms = OIDC_FETCH_MS, .follow_redirects = true };
    struct http_client_result result;

    if (!request.url)
        return err_set(&w->err, "no memory");
    if (!http_client_perform(&request, a, &result))
        return err_set(&w->err, "%s: %s", what, result.message);
    if (result.status != 200)
        return err_set(&w->err, "%s: status %d", what, result.status);
    *out = result.body;
    return true;
}

static bool fetch_documents(struct work *w)
{
    if (!fetch_document(w, "discovery document", slice_from(w->provider->url), &w->discovery))
        return false;
    helper_call(read_discovery, w);
    if (!w->ok || !fetch_document(w, "key set", w->keys_url, &w->keys))
        return false;
    helper_call(read_keys, w);
    return w->ok;
}

/* ---- DIR/oidc: one file a provider, {"url":...,"discovery":...,"keys":...} ---- */

static bool file_path(const char *url, char path[PATH_BYTES])
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char name[2 * CRYPTO_SHA256_BYTES];

    crypto_sha256(slice_from(url), digest);
    crypto_hex(digest, sizeof digest, name);
    return oidc.dir && snprintf(path, PATH_BYTES, "%s/oidc/%.32s.json", oidc.dir, name) < PATH_BYTES;
}

static bool may_keep_more(const char *dir, const char *path)
{
    struct arena a;
    struct slice *names;
    struct err err;
    size_t n;

    arena_init_growing(&a, 1 << 20);
    bool ok = file_exists(path) || (file_list(&a, dir, &names, &n, &err) && n < OIDC_PROVIDERS_MAX);
    arena_free(&a);
    return ok;
}

static void keep(void *arg)
{
    struct work *w = arg;
    char path[PATH_BYTES], dir[PATH_BYTES];
    struct buf b;
    struct err err;

    if (!file_path(w->provider->url, path))
        return;
    snprintf(dir, sizeof dir, "%s/oidc", oidc.dir);
    buf_init(&b, &w->snapshot->arena);
    buf_puts(&b, "{\"url\":");
    buf_put_json(&b, slice_from(w->provider->url));
    buf_printf(&b, ",\"discovery\":%.*s,\"keys\":%.*s}\n", SLICE_ARG(w->discovery), SLICE_ARG(w->keys));
    if (b.failed || !file_make_dirs(dir, 0700, &err) || !may_keep_more(dir, path))
        return;
    if (!file_write_atomic(path, buf_slice(&b), 0600, &err))
        log_warn("ProviderNotKept", "%s: after a restart without a link tokens of %s are refused", err.text, w->provider->url);
}

static bool read_file(struct work *w, const char *path)
{
    struct arena *a = &w->snapshot->arena;
    struct slice text, keys_url;
    const struct json *j;

    if (!file_read(a, path, 2 * OIDC_DOCUMENT_MAX + PATH_BYTES, &text, &w->err) || !(j = json_parse(a, text, &w->err)))
        return false;
    if (!slice_eq(json_str(json_get(j, "url")), slice_from(w->provider->url)))
        return err_set(&w->err, "it is of another provider");
    return jwt_discovery_read(json_get(j, "discovery"), &w->snapshot->provider.issuer, &keys_url, &w->err) &&
           jwt_keys_from_set(a, json_get(j, "keys"), &w->snapshot->provider.keys, &w->err);
}

static void read_back(void *arg)
{
    struct work *w = arg;
    char path[PATH_BYTES];

    w->ok = file_path(w->provider->url, path) && file_exists(path) && read_file(w, path);
    if (!w->ok && w->err.text[0])
        log_warn("ProviderNotRead", "%s: %s: %s is fetched anew", path, w->err.text, w->provider->url);
}

static void use_kept(struct provider *p)
{
    struct work w = { .provider = p };

    if (p->read_back || !(w.snapshot = new_snapshot(p)))
        return;
    p->read_back = true;
    helper_call(read_back, &w);
    if (!w.ok) {
        drop_unfinished(p);
        return;
    }
    log_info("ProviderRead", "%s: %u keys as they were kept", p->url, w.snapshot->provider.keys.n);
    publish(p);
}

/* ---- the fiber ---- */

static void end_fetch(struct provider *p, bool ok)
{
    pthread_mutex_lock(&oidc.lock);
    p->busy = false;
    p->tried_ns = clock_mono_ns();
    p->failures = ok ? 0 : p->failures + 1;
    if (ok)
        p->fetched_ns = p->tried_ns;
    wait_list_wake(&p->waiters);
    pthread_mutex_unlock(&oidc.lock);
}

static bool fetch_now(struct provider *p)
{
    struct work w = { .provider = p, .snapshot = new_snapshot(p) };

    if (!w.snapshot)
        return false;
    if (!fetch_documents(&w)) {
        log_warn("ProviderNotFetched", "%s: %s: %s", p->url, w.err.text,
                 p->snapshot ? "its keys stay as they are" : "tokens of this provider are refused");
        drop_unfinished(p);
        return false;
    }
    log_info("ProviderFetched", "%s: %u keys", p->url, w.snapshot->provider.keys.n);
    helper_call(keep, &w);
    publish(p);
    return true;
}

static void run_fetch(void *arg)
{
    struct provider *p = arg;

    use_kept(p);
    end_fetch(p, fetch_now(p));
}

static void begin_fetch(struct inbox_item *item)
{
    struct provider *p = CONTAINER_OF(item, struct provider, begin);

    if (!fiber_spawn("oidc", run_fetch, p))
        end_fetch(p, false);
}

/* How long nobody tries again; the lock is held. */
static uint64_t retry_ns(const struct provider *p)
{
    uint64_t ms = gateway.oidc_retry_ms, first = (uint64_t)OIDC_RETRY_FIRST_MS << (p->failures < 16 ? p->failures : 16) >> 1;

    if (ms < OIDC_RETRY_LEAST_MS)
        ms = OIDC_RETRY_LEAST_MS;
    return (!p->snapshot && p->failures && first < ms ? first : ms) * NS_PER_MS;
}

/* Start a fetch if it is time; the lock is held. unknown_key: the snapshot will not do, however fresh. */
static void fetch_if_due(struct provider *p, bool unknown_key)
{
    uint64_t now = clock_mono_ns();
    bool stale = !p->fetched_ns || now - p->fetched_ns >= gateway.oidc_refresh_ms * NS_PER_MS;

    if (p->busy || !(oidc.running || carrier_self()) || (!stale && !unknown_key) || (p->tried_ns && now - p->tried_ns < retry_ns(p)))
        return;
    p->busy = true;
    p->begin.run = begin_fetch;
    carrier_post(carrier_self() ? carrier_self() : carrier_at(0), &p->begin);
}

/* ---- asking ---- */

static struct provider *add(struct slice url)
{
    struct provider *p = oidc.n < OIDC_PROVIDERS_MAX ? calloc(1, sizeof *p) : NULL;

    if (!p && !oidc.told_full) {
        oidc.told_full = true;
        log_warn("ProvidersFull", "%.*s: only %u OpenID Connect providers are kept: tokens of further ones are refused", SLICE_ARG(url),
                 OIDC_PROVIDERS_MAX);
    }
    if (!p)
        return NULL;
    p->url = strndup(url.p, url.n);
    if (!p->url) {
        free(p);
        return NULL;
    }
    oidc.providers[oidc.n++] = p;
    return p;
}

/* The lock is held. */
static struct provider *find_or_add(struct slice url)
{
    for (unsigned i = 0; i < oidc.n; i++)
        if (slice_eq(slice_from(oidc.providers[i]->url), url))
            return oidc.providers[i];
    return add(url);
}

/* Until p has another snapshot or the fetch has ended; the lock is held on entry and exit. */
static void await(struct provider *p)
{
    struct waiter w;

    wait_list_join(&p->waiters, &w);
    pthread_mutex_unlock(&oidc.lock);
    waiter_wait(&w);
    pthread_mutex_lock(&oidc.lock);
}

const struct jwt_provider *oidc_acquire(struct slice url, const struct jwt_provider *unfit)
{
    pthread_mutex_lock(&oidc.lock);
    struct provider *p = find_or_add(url);
    struct snapshot *s = NULL;
    if (p) {
        bool known = p->snapshot && &p->snapshot->provider != unfit;
        fetch_if_due(p, unfit && !known);
        if (!known && p->busy && fiber_self())
            await(p);
        s = p->snapshot;
        if (s && &s->provider == unfit)
            s = NULL;
        if (s)
            s->references++;
    }
    pthread_mutex_unlock(&oidc.lock);
    return s ? &s->provider : NULL;
}

void oidc_want(struct slice url)
{
    pthread_mutex_lock(&oidc.lock);
    struct provider *p = find_or_add(url);
    if (p)
        fetch_if_due(p, false);
    pthread_mutex_unlock(&oidc.lock);
}

/* ---- life ---- */

void oidc_open(const char *dir)
{
    oidc.dir = dir ? strdup(dir) : NULL;
}

void oidc_start(void)
{
    pthread_mutex_lock(&oidc.lock);
    oidc.running = true;
    for (unsigned i = 0; i < oidc.n; i++)
        fetch_if_due(oidc.providers[i], false);
    pthread_mutex_unlock(&oidc.lock);
}

void oidc_close(void)
{
    oidc.running = false;
    while (oidc.n) {
        struct provider *p = oidc.providers[--oidc.n];
        drop_unfinished(p);
        unreference(p->snapshot);
        free(p->url);
        free(p);
    }
    free(oidc.dir);
    oidc.dir = NULL;
}
