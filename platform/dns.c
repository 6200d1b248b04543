/* Names to addresses with a cache per carrier; the invariants stand in dns.h.
 *
 * A name's entry travels: it lies in its carrier's list; while `looking`, the helper thread owns job,
 * result and code, and nothing else, and hands them back through the carrier's inbox. */
#include "platform/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "platform/base/hash.h"
#include "platform/fiber.h"
#include "platform/helper.h"

struct dns_name {
    struct dns_name *next;
    uint64_t hash;
    char text[DNS_NAME_MAX + 1];
    struct dns_addresses addresses; /* the last good answer */
    uint64_t fresh_until, retry_at, began;
    int code;      /* EAI_ code of the last look-up, 0 = good */
    bool looking;
    unsigned waiters;
    struct fiber_cond cond;

    struct carrier *home;
    struct dns_name *queued;
    struct helper_job job;
    struct inbox_item back;
    struct dns_addresses result;
    int result_code;
};

static _Thread_local struct dns_name *names; /* most recently used first */
static _Thread_local unsigned names_count;
static _Thread_local struct dns_counts counts;

static int resolve_by_system(const char *name, struct dns_addresses *out);
static _Atomic(dns_resolver *) resolver = resolve_by_system;

/* Look-ups that wait for a helper, process-wide. The lock is short, and taken at look-ups only. */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static struct dns_name *queue_first, *queue_last;
static unsigned lookups_running;

void dns_set_resolver(dns_resolver *r)
{
    atomic_store(&resolver, r ? r : resolve_by_system);
}

struct dns_counts dns_counts(void)
{
    return counts;
}

/* ---- what needs no look-up ---- */

static void set_port(union dns_address *a, uint16_t port)
{
    if (a->any.sa_family == AF_INET6)
        a->v6.sin6_port = htons(port);
    else
        a->v4.sin_port = htons(port);
}

bool dns_literal(struct slice host, uint16_t port, union dns_address *out)
{
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    char *zone;

    if (!host.n || host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        set_port(out, port);
        return true;
    }
    zone = strchr(text, '%');
    if (zone)
        *zone++ = 0;
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) != 1)
        return false;
    if (zone && !(out->v6.sin6_scope_id = if_nametoindex(zone)))
        return false;
    out->v6.sin6_family = AF_INET6;
    set_port(out, port);
    return true;
}

static bool is_localhost(struct slice host)
{
    struct slice tail = host.n > 10 ? slice_skip(host, host.n - 10) : host;

    return slice_eq_icase(host, SLICE("localhost")) || slice_eq_icase(tail, SLICE(".localhost"));
}

static void fill_loopback(uint16_t port, struct dns_addresses *out)
{
    dns_literal(SLICE("127.0.0.1"), port, &out->v[0]);
    dns_literal(SLICE("::1"), port, &out->v[1]);
    out->n = 2;
}

/* ---- look-ups ---- */

static int resolve_by_system(const char *name, struct dns_addresses *out)
{
    /* Without AI_ADDRCONFIG: glibc leaves everything out when only the loopback has an address, as on a box
     * whose link is down; an address of a family that is absent fails at once and the next is tried. */
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    int code = getaddrinfo(name, NULL, &hints, &list);

    if (code)
        return code;
    out->n = 0;
    for (struct addrinfo *a = list; a && out->n < DNS_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof out->v[0] || (a->ai_family != AF_INET && a->ai_family != AF_INET6))
            continue;
        memcpy(&out->v[out->n++], a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return out->n ? 0 : EAI_NONAME;
}

static unsigned lookups_max(void)
{
    unsigned half = helpers_count() / 2;

    return half < 1 ? 1 : half < DNS_LOOKUPS_MAX ? half : DNS_LOOKUPS_MAX;
}

static void run_next_lookup(void)
{
    struct dns_name *e = NULL;
    unsigned most = lookups_max();

    pthread_mutex_lock(&queue_lock);
    if (queue_first && lookups_running < most) {
        e = queue_first;
        queue_first = e->queued;
        if (!queue_first)
            queue_last = NULL;
        lookups_running++;
    }
    pthread_mutex_unlock(&queue_lock);
    if (e)
        helper_post(&e->job);
}

static void look_up(struct helper_job *job)
{
    struct dns_name *e = CONTAINER_OF(job, struct dns_name, job);
    dns_resolver *ask = atomic_load(&resolver);

    e->result.n = 0;
    e->result_code = ask(e->text, &e->result);
    carrier_post(e->home, &e->back);
    /* e is the carrier's again. */
    pthread_mutex_lock(&queue_lock);
    lookups_running--;
    pthread_mutex_unlock(&queue_lock);
    run_next_lookup();
}

static void take_answer(struct inbox_item *item)
{
    struct dns_name *e = CONTAINER_OF(item, struct dns_name, back);

    e->looking = false;
    e->code = e->result_code;
    if (e->code) {
        counts.failed++;
        e->retry_at = fiber_now() + DNS_RETRY_MS * NS_PER_MS;
    } else {
        e->addresses = e->result;
        e->fresh_until = fiber_now() + DNS_FRESH_MS * NS_PER_MS;
    }
    fiber_cond_broadcast(&e->cond);
}

static void start_lookup(struct dns_name *e)
{
    if (e->looking)
        return;
    counts.lookups++;
    e->looking = true;
    e->began = fiber_now();
    e->home = carrier_self();
    e->job.run = look_up;
    e->back.run = take_answer;
    e->queued = NULL;
    pthread_mutex_lock(&queue_lock);
    if (queue_last)
        queue_last->queued = e;
    else
        queue_first = e;
    queue_last = e;
    pthread_mutex_unlock(&queue_lock);
    run_next_lookup();
}

/* ---- the cache ---- */

static struct dns_name *find_name(struct slice host, uint64_t hash)
{
    for (struct dns_name **at = &names; *at; at = &(*at)->next) {
        struct dns_name *e = *at;
        if (e->hash != hash || !slice_eq_icase(slice_from(e->text), host))
            continue;
        *at = e->next;
        e->next = names;
        names = e;
        return e;
    }
    return NULL;
}

static bool is_free(const struct dns_name *e)
{
    return !e->looking && !e->waiters;
}

static void evict_oldest(void)
{
    struct dns_name **victim = NULL;

    for (struct dns_name **at = &names; *at; at = &(*at)->next)
        if (is_free(*at))
            victim = at;
    if (!victim)
        return;
    struct dns_name *e = *victim;
    *victim = e->next;
    names_count--;
    free(e);
}

static struct dns_name *add_name(struct slice host, uint64_t hash)
{
    if (names_count >= DNS_NAMES_MAX)
        evict_oldest();
    if (names_count >= DNS_NAMES_MAX)
        return NULL;
    struct dns_name *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->hash = hash;
    memcpy(e->text, host.p, host.n);
    e->next = names;
    names = e;
    names_count++;
    return e;
}

void dns_drop(void)
{
    for (struct dns_name **at = &names; *at;) {
        struct dns_name *e = *at;
        if (!is_free(e)) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        names_count--;
        free(e);
    }
}

static uint64_t earlier(uint64_t when, uint64_t ms)
{
    return when > ms * NS_PER_MS ? when - ms * NS_PER_MS : 0;
}

void dns_age(uint64_t ms)
{
    for (struct dns_name *e = names; e; e = e->next) {
        e->fresh_until = earlier(e->fresh_until, ms);
        e->retry_at = earlier(e->retry_at, ms);
        e->began = earlier(e->began, ms);
    }
}

/* Rule 2 and 3: the answer in hand will do without waiting. */
static bool usable_now(const struct dns_name *e)
{
    uint64_t now = fiber_now();

    if (!e->addresses.n)
        return false;
    if (now < e->fresh_until + DNS_FRESH_MS * NS_PER_MS || e->code)
        return true;
    return e->looking && now - e->began > DNS_PATIENCE_MS * NS_PER_MS;
}

static bool refuse_unknown(const struct dns_name *e, struct err *err)
{
    errno = EHOSTUNREACH;
    return err_set(err, "name look-up failed: %s", gai_strerror(e->code));
}

/* Wait until the look-up has ended or e->addresses will have to do. */
static bool wait_for_answer(struct dns_name *e, uint64_t deadline, struct err *err)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &e->cond };
    uint64_t patience = e->began + DNS_PATIENCE_MS * NS_PER_MS;
    int ready = 1;

    if (e->addresses.n && patience < deadline)
        deadline = patience;
    e->waiters++;
    while (e->looking && ready > 0)
        ready = fiber_wait(&wait, 1, deadline);
    e->waiters--;
    if (ready < 0)
        return err_set(err, "name look-up cancelled");
    if (e->addresses.n)
        return true;
    if (!e->looking)
        return refuse_unknown(e, err);
    errno = ETIMEDOUT;
    return err_set(err, "name look-up timed out");
}

bool dns_resolve(struct slice host, uint16_t port, uint64_t deadline, struct dns_addresses *out,
                 struct err *err)
{
    uint64_t hash = hash_bytes_icase(host);

    if (dns_literal(host, port, &out->v[0])) {
        out->n = 1;
        return true;
    }
    if (is_localhost(host)) {
        fill_loopback(port, out);
        return true;
    }
    errno = EHOSTUNREACH;
    if (!host.n || host.n > DNS_NAME_MAX || memchr(host.p, 0, host.n))
        return err_set(err, "not a host name");
    struct dns_name *e = find_name(host, hash);
    if (!e)
        e = add_name(host, hash);
    if (!e)
        return err_set(err, "name look-up: %u names are being looked up already", DNS_NAMES_MAX);
    if (fiber_now() >= e->fresh_until) {
        bool may_try = !e->code || fiber_now() >= e->retry_at;
        if (may_try)
            start_lookup(e);
        else if (!e->addresses.n)
            return refuse_unknown(e, err);
        if (!usable_now(e) && !wait_for_answer(e, deadline, err))
            return false;
    }
    *out = e->addresses;
    for (unsigned i = 0; i < out->n; i++)
        set_port(&out->v[i], port);
    return true;
}

static bool same_address(const union dns_address *a, const union dns_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr);
}

void dns_prefer(struct slice host, const union dns_address *works)
{
    struct dns_name *e = find_name(host, hash_bytes_icase(host));

    if (!e)
        return;
    for (unsigned i = 1; i < e->addresses.n; i++) {
        if (!same_address(&e->addresses.v[i], works))
            continue;
        union dns_address found = e->addresses.v[i];
        memmove(&e->addresses.v[1], &e->addresses.v[0], i * sizeof found);
        e->addresses.v[0] = found;
        return;
    }
}
