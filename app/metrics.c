/* Counters per carrier: plain stores by their carrier, relaxed loads by the scraper. */
#include "app/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/base/hash.h"
#include "platform/base/map.h"
#include "platform/clock.h"
#include "platform/fiber.h"

#define NAMES_BYTES_MAX (8u << 20)
/* An hour: no request takes longer. */
#define BUCKET_US_MAX UINT64_C(3600000000)

static const uint64_t default_buckets_us[] = { 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
                                               1000000, 2500000, 5000000, 10000000 };
static const char *const method_names[] = { "other", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE",
                                            "PATCH" };

struct series {
    _Atomic uint64_t key; /* operation << 32 | method << 16 | status; 0 = free */
    _Atomic uint64_t count;
};

struct histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS_MAX + 1];
    _Atomic uint64_t sum_us;
};

struct per_carrier {
    struct series series[METRICS_SERIES_MAX];
    struct histogram request[METRICS_APIS_MAX], backend[METRICS_APIS_MAX];
    unsigned used;
};

struct operation_name {
    struct slice api, operation;
    uint32_t api_id;
};

static struct {
    struct per_carrier *carriers[CARRIERS_MAX];
    unsigned n_carriers;
    uint64_t buckets_us[METRICS_BUCKETS_MAX]; /* upper bounds */
    unsigned n_buckets;
    /* Names: written under the lock when a program is compiled, never moved; read by number. */
    pthread_mutex_t lock;
    struct arena arena;
    struct map by_name;
    struct operation_name operations[METRICS_OPERATIONS_MAX];
    struct slice apis[METRICS_APIS_MAX];
    _Atomic uint32_t n_operations, n_apis;
    _Atomic uint64_t events[METRICS_EVENTS];
} metrics = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Milliseconds, perhaps with a fraction, as microseconds. */
static bool parse_bucket(struct slice text, uint64_t *us)
{
    struct slice whole;
    uint64_t ms, thousandths = 0, scale = 100;

    if (!slice_cut(&text, '.', &whole) || !slice_to_u64(whole, BUCKET_US_MAX / 1000, &ms) || text.n > 3)
        return false;
    for (size_t i = 0; i < text.n; i++, scale /= 10) {
        if (!ascii_is_digit(text.p[i]))
            return false;
        thousandths += (uint64_t)(text.p[i] - '0') * scale;
    }
    *us = ms * 1000 + thousandths;
    return *us > 0;
}

bool metrics_set_buckets(struct slice list)
{
    struct slice one;
    unsigned n = 0;
    uint64_t us;

    while (list.n && slice_cut(&list, ',', &one)) {
        if (n == METRICS_BUCKETS_MAX || !parse_bucket(slice_trim(one), &us) || (n && us <= metrics.buckets_us[n - 1]))
            return false;
        metrics.buckets_us[n++] = us;
    }
    metrics.n_buckets = n;
    return true;
}

bool metrics_open(unsigned carriers)
{
    metrics.n_carriers = carriers;
    if (!metrics.n_buckets) {
        memcpy(metrics.buckets_us, default_buckets_us, sizeof default_buckets_us);
        metrics.n_buckets = COUNT_OF(default_buckets_us);
    }
    for (unsigned i = 0; i < carriers; i++) {
        void *p = mmap(NULL, sizeof(struct per_carrier), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED)
            return false;
        metrics.carriers[i] = p;
    }
    return true;
}

/* ---- names ---- */

/* Under the lock. Programs are compiled by commands too, without metrics_open. */
static void open_names(void)
{
    if (metrics.by_name.arena)
        return;
    arena_init_growing(&metrics.arena, NAMES_BYTES_MAX);
    map_init(&metrics.by_name, &metrics.arena);
    metrics.n_operations = metrics.n_apis = 1; /* number 0: nothing matched */
}

static uint32_t api_number(struct slice api)
{
    struct slice key = arena_printf(&metrics.arena, "api/%.*s", SLICE_ARG(api));
    uintptr_t known = (uintptr_t)map_get(&metrics.by_name, key);
    uint32_t id = metrics.n_apis;

    if (known || id == METRICS_APIS_MAX || !key.p)
        return (uint32_t)known;
    metrics.apis[id] = slice_skip(key, 4);
    if (!map_put(&metrics.by_name, key, (void *)(uintptr_t)id))
        return 0;
    atomic_store(&metrics.n_apis, id + 1);
    return id;
}

uint32_t metrics_operation_id(struct slice api, struct slice operation)
{
    pthread_mutex_lock(&metrics.lock);
    open_names();
    struct slice key = arena_printf(&metrics.arena, "%.*s\n%.*s", SLICE_ARG(api), SLICE_ARG(operation));
    uintptr_t id = (uintptr_t)map_get(&metrics.by_name, key);
    uint32_t next = metrics.n_operations;
    if (!id && key.p && next < METRICS_OPERATIONS_MAX) {
        metrics.operations[next] = (struct operation_name){ slice_first(key, api.n), slice_skip(key, api.n + 1), api_number(api) };
        if (map_put(&metrics.by_name, key, (void *)(uintptr_t)next)) {
            atomic_store(&metrics.n_operations, next + 1);
            id = next;
        }
    }
    pthread_mutex_unlock(&metrics.lock);
    return (uint32_t)id;
}

/* ---- counting ---- */

static void bump(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

static unsigned method_number(struct slice method)
{
    for (unsigned i = 1; i < COUNT_OF(method_names); i++)
        if (slice_eq(method, slice_from(method_names[i])))
            return i;
    return 0;
}

static struct series *find_series(struct per_carrier *c, uint64_t key)
{
    uint32_t i = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % METRICS_SERIES_MAX;

    for (unsigned probes = 0; probes < METRICS_SERIES_MAX; probes++, i = (i + 1) % METRICS_SERIES_MAX) {
        uint64_t there = atomic_load_explicit(&c->series[i].key, memory_order_relaxed);
        if (there == key)
            return &c->series[i];
        if (there == 0) {
            if (c->used == METRICS_SERIES_MAX * 3 / 4)
                return NULL;
            c->used++;
            atomic_store_explicit(&c->series[i].key, key, memory_order_relaxed);
            return &c->series[i];
        }
    }
    return NULL;
}

static void observe(struct histogram *h, uint64_t ns)
{
    uint64_t us = ns / NS_PER_US;
    unsigned i = 0;

    while (i < metrics.n_buckets && us > metrics.buckets_us[i])
        i++;
    bump(&h->buckets[i], 1);
    bump(&h->sum_us, us);
}

void metrics_request(uint32_t operation_id, struct slice method, int status, uint64_t duration_ns, uint64_t backend_ns)
{
    struct per_carrier *c = metrics.carriers[carrier_index(carrier_self())];
    if (!c)
        return; /* not open: nothing is counted */
    uint32_t api = metrics.operations[operation_id].api_id;
    uint64_t label = (uint64_t)method_number(method) << 16 | ((uint64_t)status & 0xffff) | UINT64_C(1) << 24;
    struct series *s = find_series(c, (uint64_t)operation_id << 32 | label);

    if (!s)
        s = find_series(c, label);
    if (s)
        bump(&s->count, 1);
    observe(&c->request[api], duration_ns);
    if (backend_ns)
        observe(&c->backend[api], backend_ns);
}

void metrics_event(enum metrics_event event)
{
    atomic_fetch_add_explicit(&metrics.events[event], 1, memory_order_relaxed);
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* One summed series, gathered from all carriers. */
struct total {
    uint64_t key, count;
};

static size_t gather(struct total *totals, size_t room)
{
    size_t n = 0, kept = 0;

    for (unsigned c = 0; c < metrics.n_carriers; c++)
        for (unsigned i = 0; i < METRICS_SERIES_MAX && n < room; i++) {
            uint64_t key = atomic_load_explicit(&metrics.carriers[c]->series[i].key, memory_order_relaxed);
            if (key)
                totals[n++] = (struct total){ key, atomic_load_explicit(&metrics.carriers[c]->series[i].count, memory_order_relaxed) };
        }
    qsort(totals, n, sizeof *totals, by_key);
    for (size_t i = 0; i < n; i++) {
        if (kept && totals[kept - 1].key == totals[i].key)
            totals[kept - 1].count += totals[i].count;
        else
            totals[kept++] = totals[i];
    }
    return kept;
}

/* A label value: backslash, quote and newline escaped (Prometheus exposition format 0.0.4). */
void metrics_put_label(struct buf *b, const char *name, struct slice value)
{
    buf_puts(b, name);
    buf_puts(b, "=\"");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\\' || value.p[i] == '"')
            buf_putc(b, '\\');
        if (value.p[i] == '\n')
            buf_puts(b, "\\n");
        else
            buf_putc(b, value.p[i]);
    }
    buf_putc(b, '"');
}

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_requests(struct buf *b)
{
    size_t room = (size_t)METRICS_SERIES_MAX * metrics.n_carriers;
    struct total *totals = arena_array(b->arena, struct total, room);
    size_t n = totals ? gather(totals, room) : 0;

    metrics_head(b, "gateway_requests_total", "counter", "Requests answered.");
    buf_puts(b, "gateway_requests_total{api=\"\",operation=\"\",method=\"\",status_code=\"500\"} 0\n");
    for (size_t i = 0; i < n; i++) {
        const struct operation_name *name = &metrics.operations[totals[i].key >> 32];
        unsigned method = (unsigned)(totals[i].key >> 16 & 0xff);
        buf_puts(b, "gateway_requests_total{");
        metrics_put_label(b, "api", name->api);
        buf_putc(b, ',');
        metrics_put_label(b, "operation", name->operation);
        buf_printf(b, ",method=\"%s\",status_code=\"%u\"} ", method < COUNT_OF(method_names) ? method_names[method] : "other",
                   (unsigned)(totals[i].key & 0xffff));
        buf_put_u64(b, totals[i].count);
        buf_putc(b, '\n');
    }
}

static void write_bucket(struct buf *b, const char *name, struct slice api, unsigned i, uint64_t below)
{
    buf_printf(b, "%s_bucket{", name);
    metrics_put_label(b, "api", api);
    if (i < metrics.n_buckets)
        buf_printf(b, ",le=\"%g\"} %llu\n", (double)metrics.buckets_us[i] / 1e6, (unsigned long long)below);
    else
        buf_printf(b, ",le=\"+Inf\"} %llu\n", (unsigned long long)below);
}

static void write_histogram(struct buf *b, const char *name, uint32_t api, size_t offset)
{
    uint64_t buckets[METRICS_BUCKETS_MAX + 1] = { 0 }, sum = 0, below = 0;

    for (unsigned c = 0; c < metrics.n_carriers; c++) {
        struct histogram *h = (struct histogram *)((char *)metrics.carriers[c] + offset) + api;
        for (unsigned i = 0; i <= metrics.n_buckets; i++) {
            uint64_t count = atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
            buckets[i] += count;
            below += count;
        }
        sum += atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    }
    if (!below)
        return;
    below = 0;
    for (unsigned i = 0; i <= metrics.n_buckets; i++)
        write_bucket(b, name, metrics.apis[api], i, below += buckets[i]);
    buf_printf(b, "%s_sum{", name);
    metrics_put_label(b, "api", metrics.apis[api]);
    buf_printf(b, "} %llu.%06llu\n%s_count{", (unsigned long long)(sum / 1000000), (unsigned long long)(sum % 1000000), name);
    metrics_put_label(b, "api", metrics.apis[api]);
    buf_printf(b, "} %llu\n", (unsigned long long)below);
}

static void write_histograms(struct buf *b)
{
    uint32_t n = metrics.n_apis ? metrics.n_apis : 1;

    metrics_head(b, "gateway_request_duration_seconds", "histogram", "From the complete request head to the end of the answer.");
    for (uint32_t i = 0; i < n; i++)
        write_histogram(b, "gateway_request_duration_seconds", i, offsetof(struct per_carrier, request));
    metrics_head(b, "gateway_backend_duration_seconds", "histogram", "From the call of the backend to the end of its response.");
    for (uint32_t i = 0; i < n; i++)
        write_histogram(b, "gateway_backend_duration_seconds", i, offsetof(struct per_carrier, backend));
}

void metrics_write(struct buf *out)
{
    write_requests(out);
    write_histograms(out);
    metrics_head(out, "holdfast_arena_overflows_total", "counter", "Requests that ran out of limits.arena.");
    buf_printf(out, "holdfast_arena_overflows_total %llu\n", (unsigned long long)metrics.events[METRICS_ARENA_OVERFLOW]);
    metrics_head(out, "holdfast_certificate_errors_total", "counter", "Changed certificates that could not be used: the old one stayed.");
    buf_printf(out, "holdfast_certificate_errors_total %llu\n", (unsigned long long)metrics.events[METRICS_CERTIFICATE_ERROR]);
    metrics_custom_write(out);
}

uint64_t metrics_requests_total(void)
{
    uint64_t total = 0;

    for (unsigned c = 0; c < metrics.n_carriers; c++)
        for (unsigned i = 0; i < METRICS_SERIES_MAX; i++)
            total += atomic_load_explicit(&metrics.carriers[c]->series[i].count, memory_order_relaxed);
    return total;
}
