/* Metrics in Prometheus' text format (interface.md section 3). Counted per carrier without locks, summed when scraped.
 * Label values come from configuration or from fixed lists: unbounded input never makes a series. */
#ifndef APP_METRICS_H
#define APP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/buf.h"
#include "platform/base/slice.h"

/* Operations and APIs that can have series of their own in the life of a process, and series per carrier; what comes above counts
 * under empty labels. */
#define METRICS_OPERATIONS_MAX 16384u
#define METRICS_APIS_MAX 4096u
#define METRICS_SERIES_MAX 8192u

/* Upper bounds of histogram buckets. */
#define METRICS_BUCKETS_MAX 32u

/* Before metrics_open: ascending milliseconds, comma separated ("5,10,25"); empty: the default ones. False: they are not that. */
bool metrics_set_buckets(struct slice list);
/* Before the carriers run. False: no memory (errno). */
bool metrics_open(unsigned carriers);

/* The number of an (API, operation) pair for metrics_request, the same for the same ids over all generations. Any thread but a
 * carrier's (compiling). 0: nothing matched. */
uint32_t metrics_operation_id(struct slice api, struct slice operation);

/* One finished request, on its carrier. backend_ns: 0 when no backend was called. */
void metrics_request(uint32_t operation_id, struct slice method, int status, uint64_t duration_ns, uint64_t backend_ns);

/* Counts that single events add to. */
enum metrics_event { METRICS_ARENA_OVERFLOW, METRICS_REQUEST_PANIC, METRICS_CERTIFICATE_ERROR, METRICS_EVENTS };
void metrics_event(enum metrics_event event);

/* "# HELP" and "# TYPE" lines of a metric. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
/* name="value", escaped. */
void metrics_put_label(struct buf *b, const char *name, struct slice value);

/* ---- custom metrics (emit-metric): what policies name themselves ---- */

/* Series in the life of the process, bytes of one with its labels, and of a label's value (the rest is cut). What comes above is
 * counted in holdfast_custom_metrics_dropped_total alone. */
#define METRICS_CUSTOM_MAX 4096u
#define METRICS_CUSTOM_BYTES_MAX 1024u
#define METRICS_CUSTOM_VALUE_MAX 256u
struct metrics_label {
    struct slice name, value;
};
/* Add to the counter "space_name_total" with these labels; names are made such as Prometheus takes: what is no letter, digit or '_'
 * becomes '_'. scratch: for the text. Any thread. False: it is dropped (the limits above, or no number that a counter can grow by). */
bool metrics_custom(struct arena *scratch, struct slice space, struct slice name, double value, const struct metrics_label *labels,
                    unsigned n);
void metrics_custom_write(struct buf *out);

/* What is counted here, as exposition text. Any thread. */
void metrics_write(struct buf *out);
/* Requests counted so far (for status reports). */
uint64_t metrics_requests_total(void);

#endif
