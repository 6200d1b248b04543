/* The tokens that the process has, and who waits for them. See identity.h.
 *
 * 1. The lock is held for a look-up or a copy, never over a wait.
 * 2. A fetch runs in a fiber of its own (`busy`), so that a client who goes away ends nobody else's. It ends within
 *    its time-outs and wakes all who wait; their places in the list are on their stacks.
 * 3. An entry that is busy is not given to another name. */
#include "app/identity.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/base/hash.h"
#include "platform/clock.h"
#include "platform/fiber.h"
#include "platform/log.h"
#include "platform/wait_list.h"

/* Of one exchange: the assertion, the answer as text and as a tree. */
#define FETCH_ARENA_MAX (1u << 20)
/* A token that is good for longer is renewed at half of its life, another one so long before its end, at most half of its life. */
#define LONG_LIFE_S 7200u
#define MARGIN_S 300u

struct entry {
    uint64_t hash; /* of the name; 0: free */
    size_t resource_n, name_n, token_n;
    uint64_t expires_ns, renew_ns, used_ns; /* monotonic; renew_ns: not before this */
    bool busy, failed;
    struct wait_list waiters;
    /* Behind this only what the lengths above speak of, and err if failed. */
    char name[IDENTITY_NAME_MAX]; /* resource, then client */
    char token[IDENTITY_TOKEN_MAX];
    struct err err; /* of the last fetch */
};

static struct {
    pthread_mutex_t lock;
    struct identity_sources sources;
    struct entry entries[IDENTITY_TOKENS_MAX];
} identity = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void identity_open(const char *imds)
{
    identity.sources = (struct identity_sources){
        .federated_file = environment("AZURE_FEDERATED_TOKEN_FILE"),
        .tenant = environment("AZURE_TENANT_ID"),
        .client = environment("AZURE_CLIENT_ID"),
        .authority = environment("AZURE_AUTHORITY_HOST"),
        .endpoint = environment("IDENTITY_ENDPOINT"),
        .header = environment("IDENTITY_HEADER"),
        .imds_of_arc = environment("IMDS_ENDPOINT"),
        .arc_agent = access(IDENTITY_ARC_AGENT, F_OK) == 0,
        .imds = imds,
    };
}

/* ---- entries; the lock is held ---- */

static bool is_named(const struct entry *e, uint64_t hash, struct slice resource, struct slice client)
{
    return e->hash == hash && e->resource_n == resource.n && e->name_n == resource.n + client.n &&
           memcmp(e->name, resource.p, resource.n) == 0 &&
           (client.n == 0 || memcmp(e->name + resource.n, client.p, client.n) == 0);
}

static void give_name(struct entry *e, uint64_t hash, struct slice resource, struct slice client)
{
    memset(e, 0, offsetof(struct entry, name));
    e->hash = hash;
    e->resource_n = resource.n;
    e->name_n = resource.n + client.n;
    memcpy(e->name, resource.p, resource.n);
    if (client.n)
        memcpy(e->name + resource.n, client.p, client.n);
}

/* The entry of that name, else a free one or the least recently used. NULL: all are busy. */
static struct entry *find(struct slice resource, struct slice client, uint64_t now)
{
    uint64_t hash = (hash_bytes(resource) ^ hash_bytes(client) * 3) | 1;
    struct entry *oldest = NULL;

    for (size_t i = 0; i < IDENTITY_TOKENS_MAX; i++) {
        struct entry *e = &identity.entries[i];
        if (is_named(e, hash, resource, client)) {
            e->used_ns = now;
            return e;
        }
        if (!e->busy && (!oldest || e->used_ns < oldest->used_ns))
            oldest = e;
    }
    if (oldest) {
        give_name(oldest, hash, resource, client);
        oldest->used_ns = now;
    }
    return oldest;
}

/* ---- fetching ---- */

static void keep(struct entry *e, const struct identity_answer *got, uint64_t now)
{
    uint64_t half = got->seconds * NS_PER_S / 2, margin = MARGIN_S * NS_PER_S;

    memcpy(e->token, got->token.p, got->token.n);
    e->token_n = got->token.n;
    e->expires_ns = now + got->seconds * NS_PER_S;
    e->renew_ns = e->expires_ns - (got->seconds >= LONG_LIFE_S || half < margin ? half : margin);
}

static void note_failure(struct entry *e, const struct err *err, uint64_t now)
{
    bool good = e->expires_ns > now;

    e->err = *err;
    e->failed = true;
    e->renew_ns = now + (good ? IDENTITY_RENEW_AGAIN_MS : IDENTITY_AGAIN_MS) * NS_PER_MS;
    if (good && e->renew_ns > e->expires_ns)
        e->renew_ns = e->expires_ns;
}

static void end_fetch(struct entry *e, const struct identity_answer *got, const struct err *err)
{
    pthread_mutex_lock(&identity.lock);
    if (got)
        keep(e, got, fiber_now());
    else
        note_failure(e, err, fiber_now());
    wait_list_wake(&e->waiters);
    e->busy = false;
    pthread_mutex_unlock(&identity.lock);
}

/* The name of a busy entry does not change: no lock. */
static void fetch(void *arg)
{
    struct entry *e = arg;
    struct slice resource = slice_of(e->name, e->resource_n);
    struct slice client = slice_of(e->name + e->resource_n, e->name_n - e->resource_n);
    struct identity_answer got;
    struct arena a;
    struct err err;

    arena_init_growing(&a, FETCH_ARENA_MAX);
    bool ok = identity_fetch(&identity.sources, resource, client, &a, &got, &err);
    if (!ok)
        log_warn("IdentityTokenNotFetched", "%.*s: %s", SLICE_ARG(resource), err.text);
    end_fetch(e, ok ? &got : NULL, &err);
    arena_free(&a);
}

/* ---- asking ---- */

enum outcome { HAS_TOKEN, HAS_FAILED, MUST_WAIT };

/* Under the lock. *start: the caller begins a fetch of the entry. waiter NULL: it has waited already, the last fetch's outcome counts. */
static enum outcome look(struct entry *e, struct waiter *waiter, uint64_t now, struct arena *a, struct slice *token,
                         struct err *err, bool *start)
{
    bool good = e->expires_ns > now, due = now >= e->renew_ns;

    if (!e->busy && due && waiter)
        *start = e->busy = true;
    if (good) {
        *token = arena_copy(a, slice_of(e->token, e->token_n));
        return HAS_TOKEN;
    }
    if (waiter && e->busy) {
        wait_list_join(&e->waiters, waiter);
        return MUST_WAIT;
    }
    if (e->failed)
        *err = e->err;
    else
        err_set(err, "more than %u tokens are in use", IDENTITY_TOKENS_MAX); /* another name has taken the entry */
    return HAS_FAILED;
}

static enum outcome ask(struct slice resource, struct slice client, struct waiter *waiter, struct arena *a, struct slice *token,
                        struct err *err)
{
    enum outcome outcome = HAS_FAILED;
    uint64_t now = fiber_now();
    bool start = false;

    pthread_mutex_lock(&identity.lock);
    struct entry *e = find(resource, client, now);
    if (e)
        outcome = look(e, waiter, now, a, token, err, &start);
    else
        err_set(err, "more than %u tokens are being fetched", IDENTITY_TOKENS_MAX);
    pthread_mutex_unlock(&identity.lock);
    if (start && !fiber_spawn("identity", fetch, e)) {
        struct err none;
        err_set(&none, "no memory");
        end_fetch(e, NULL, &none);
    }
    return outcome;
}

bool identity_token(struct slice resource, struct slice client, struct arena *a, struct slice *token, struct err *err)
{
    struct waiter waiter;

    if (resource.n + client.n > IDENTITY_NAME_MAX)
        return err_set(err, "resource and client-id have more than %u bytes", IDENTITY_NAME_MAX);
    enum outcome outcome = ask(resource, client, &waiter, a, token, err);
    if (outcome == MUST_WAIT) {
        waiter_wait(&waiter);
        outcome = ask(resource, client, NULL, a, token, err);
    }
    if (outcome == HAS_FAILED)
        return false;
    return token->p || err_set(err, "no memory");
}
