/* The request log: one line a request, text or JSON, with the field names of the self-hosted gateway (reference/self-hosted.md 6). */
#ifndef APP_REQUEST_LOG_H
#define APP_REQUEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* What is known when a request has ended. Empty slices and zeros are left out where they mean "none". */
struct request_log {
    uint64_t wall_ns;      /* when the head was complete */
    uint64_t total_ns, backend_ns;
    struct slice caller_ip, region, correlation_id, method;
    struct slice host, target; /* the Host field, the target as it came */
    int status;
    uint64_t request_bytes, response_bytes;
    struct slice api_id, api_revision, operation_id, product_id, subscription_id;
    bool tls;
    bool backend_called;
    struct slice backend_method, backend_url;
    struct slice key_query; /* the query parameter that holds the subscription key; its value stays out of the log */
    int backend_status;
    bool has_error;
    struct slice error_source, error_reason, error_message, error_section;
    struct slice not_found; /* why nothing matched */
};

/* The URL with "***" for the values of that query parameter; the URL itself when it has none. */
struct slice request_log_mask(struct arena *a, struct slice url, struct slice name);

/* Write the line; arena holds the text while it is handed to the log. Nothing when the log is off. */
void request_log_write(struct arena *a, const struct request_log *entry);

#endif
