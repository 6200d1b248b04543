/* A long body over HTTP: the transfer runs on a thread of its own, its bytes are handled in the
 * caller's, so that the HTTP client's thread never waits for a disk, and what has arrived can be
 * kept while a line stalls. */
#ifndef SYNC_STREAM_INT_H
#define SYNC_STREAM_INT_H

#include "platform/http_client.h"
#include "sync/source_int.h"

struct stream_report {
    int status;
    bool refused; /* an answer came that is neither 200 nor 206: its body was not taken */
    struct slice retry_after; /* in the exchange's arena */
};

/* Perform request (its sink is set here) and pass what comes to g->begin, g->bytes, g->idle. True
 * when the body came whole. */
bool stream_perform(struct exchange *x, struct get *g, struct http_client_request *request,
                    struct http_client_result *result, struct stream_report *report);

#endif
