/* Shared by the forward*.c files only. */
#ifndef APP_FORWARD_INT_H
#define APP_FORWARD_INT_H

#include "app/forward.h"

/* Set failure, what to answer, and message (backend faults: "host:port: cause"); always false. The first
 * one stays. */
PRINTF_LIKE(4, 5)
bool forward_fail(struct forward *f, enum forward_failure failure, int status, const char *fmt, ...);
/* The same from f->x, and from errno after a call on the client's connection. */
bool forward_fail_exchange(struct forward *f);
bool forward_fail_client(struct forward *f, const char *doing);

/* The request head for the backend, in the arena: one message whatever the policies and the client wrote. p
 * == NULL: *why says which part cannot be written, NULL for memory. framing is NONE, LENGTH or CHUNKED;
 * upgrade a protocol or empty. */
struct slice forward_write_head(struct arena *a, const struct http1_target *target,
                                const struct forward_request *rq, enum http_framing framing,
                                uint64_t length, struct slice upgrade, const char **why);

#endif
