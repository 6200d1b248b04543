/* Custom metrics: a table of series that only grows, each known by its exposition text. The text of a series never changes, so that a
 * scrape reads it without the lock; a sum is a double that is stored and loaded whole. */
#include "app/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "platform/base/hash.h"
#include "platform/base/utf8.h"
#include "platform/log.h"

#define SLOTS (METRICS_CUSTOM_MAX * 2)
#define NAME_BYTES_MAX 200u

struct series {
    _Atomic double sum;
    uint16_t name_n, n;
    char text[METRICS_CUSTOM_BYTES_MAX]; /* name{labels} */
};

static struct {
    pthread_mutex_t lock;
    uint16_t slots[SLOTS]; /* index + 1; 0 = free */
    struct series series[METRICS_CUSTOM_MAX];
    _Atomic uint32_t n;
    _Atomic uint64_t dropped;
    bool told;
} custom = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- texts ---- */

/* [a-zA-Z_][a-zA-Z0-9_]* (Prometheus data model; no ':', which is for recording rules), zero-terminated. */
static void put_name(char out[NAME_BYTES_MAX + 1], struct slice s)
{
    size_t n = 0;

    if (!s.n || ascii_is_digit(s.p[0]))
        out[n++] = '_';
    for (size_t i = 0; i < s.n && n < NAME_BYTES_MAX; i++)
        out[n++] = ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]) ? s.p[i] : '_';
    out[n] = 0;
}

/* Names that begin so are ours, or Prometheus's. */
static bool is_reserved(struct slice name)
{
    static const char *const families[] = { "gateway_", "configuration_", "holdfast_", "process_" };

    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (slice_starts(name, slice_from(families[i])))
            return true;
    return false;
}

static void put_metric_name(struct buf *b, struct slice space, struct slice name)
{
    static const struct slice total = SLICE_INIT("_total");
    char text[NAME_BYTES_MAX + 1];

    put_name(text, arena_printf(b->arena, "%.*s%s%.*s", SLICE_ARG(space), space.n ? "_" : "", SLICE_ARG(name)));
    if (is_reserved(slice_from(text)))
        buf_puts(b, "custom_");
    buf_puts(b, text);
    if (!slice_ends(slice_from(text), total))
        buf_put(b, total);
}

/* The first bytes of s that are well-formed UTF-8. */
static struct slice label_value(struct slice s)
{
    size_t n = 0, more;

    while ((more = utf8_valid_length(slice_skip(s, n))) > 0 && n + more <= METRICS_CUSTOM_VALUE_MAX)
        n += more;
    return slice_first(s, n);
}

/* Two underscores at the beginning are Prometheus's own; a name that was there already would make the text invalid. */
static void put_labels(struct buf *b, const struct metrics_label *labels, unsigned n)
{
    struct buf names;
    char name[NAME_BYTES_MAX + 1];
    const char *before = "{";

    buf_init(&names, b->arena);
    buf_puts(&names, " ");
    for (unsigned i = 0; i < n; i++) {
        put_name(name, labels[i].name);
        const char *p = name;
        while (p[0] == '_' && p[1] == '_')
            p++;
        struct slice marked = arena_printf(b->arena, " %s ", p);
        if (slice_find(buf_slice(&names), marked) >= 0)
            continue;
        buf_put(&names, slice_skip(marked, 1));
        buf_puts(b, before);
        metrics_put_label(b, p, label_value(labels[i].value));
        before = ",";
    }
    if (*before == ',')
        buf_putc(b, '}');
}

/* ---- counting ---- */

/* The series of that text, made when it is new; NULL: there is no room. The lock is held. */
static struct series *find(struct slice text, size_t name_n, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash % SLOTS), n = atomic_load_explicit(&custom.n, memory_order_relaxed);

    for (; custom.slots[at]; at = (at + 1) % SLOTS) {
        struct series *s = &custom.series[custom.slots[at] - 1];
        if (slice_eq(slice_of(s->text, s->n), text))
            return s;
    }
    if (n == METRICS_CUSTOM_MAX)
        return NULL;
    struct series *s = &custom.series[n];
    s->name_n = (uint16_t)name_n;
    s->n = (uint16_t)text.n;
    memcpy(s->text, text.p, text.n);
    custom.slots[at] = (uint16_t)(n + 1);
    atomic_store_explicit(&custom.n, n + 1, memory_order_release);
    return s;
}

static bool add(struct slice text, size_t name_n, double value)
{
    uint64_t hash = hash_bytes(text);

    pthread_mutex_lock(&custom.lock);
    struct series *s = find(text, name_n, hash);
    if (s)
        atomic_store_explicit(&s->sum, atomic_load_explicit(&s->sum, memory_order_relaxed) + value, memory_order_relaxed);
    bool tell = !s && !custom.told;
    custom.told |= tell;
    pthread_mutex_unlock(&custom.lock);
    if (tell)
        log_warn("CustomMetricsFull", "emit-metric: more than %u series: new ones are dropped until the gateway starts anew: give "
                                      "dimensions fewer values; the first is %.*s", METRICS_CUSTOM_MAX, SLICE_ARG(text));
    return s;
}

bool metrics_custom(struct arena *scratch, struct slice space, struct slice name, double value, const struct metrics_label *labels,
                    unsigned n)
{
    struct arena_mark mark = arena_mark(scratch);
    struct buf b;

    buf_init(&b, scratch);
    put_metric_name(&b, space, name);
    size_t name_n = b.n;
    put_labels(&b, labels, n);
    bool ok = !b.failed && b.n <= METRICS_CUSTOM_BYTES_MAX && isfinite(value) && value >= 0 && add(buf_slice(&b), name_n, value);
    if (!ok)
        atomic_fetch_add_explicit(&custom.dropped, 1, memory_order_relaxed);
    arena_reset(scratch, mark);
    return ok;
}

/* ---- writing ---- */

static struct slice name_of(const struct series *s)
{
    return slice_of(s->text, s->name_n);
}

/* By metric, as the lines of one belong together; then by labels. */
static int in_order(const void *a, const void *b)
{
    const struct series *x = &custom.series[*(const uint32_t *)a], *y = &custom.series[*(const uint32_t *)b];
    int names = slice_cmp(name_of(x), name_of(y));

    return names ? names : slice_cmp(slice_of(x->text, x->n), slice_of(y->text, y->n));
}

void metrics_custom_write(struct buf *out)
{
    uint32_t n = atomic_load_explicit(&custom.n, memory_order_acquire);
    uint32_t *order = arena_array(out->arena, uint32_t, n);
    struct slice last = SLICE_NONE;

    for (uint32_t i = 0; order && i < n; i++)
        order[i] = i;
    if (order)
        qsort(order, n, sizeof *order, in_order);
    for (uint32_t i = 0; order && i < n; i++) {
        const struct series *s = &custom.series[order[i]];
        if (!slice_eq(last, name_of(s)))
            buf_printf(out, "# HELP %.*s Of a policy.\n# TYPE %.*s counter\n", SLICE_ARG(name_of(s)), SLICE_ARG(name_of(s)));
        last = name_of(s);
        buf_printf(out, "%.*s %.15g\n", (int)s->n, s->text, atomic_load_explicit(&s->sum, memory_order_relaxed));
    }
    metrics_head(out, "holdfast_custom_metrics_dropped_total", "counter", "Values of emit-metric that no series could take.");
    buf_printf(out, "holdfast_custom_metrics_dropped_total %llu\n",
               (unsigned long long)atomic_load_explicit(&custom.dropped, memory_order_relaxed));
}
