/* Forwarding: one request to a backend and its response back, as a proxy must do it (RFC 9110 7.6):
 * hop-by-hop fields removed, framing rewritten, bodies streamed both ways with one block per direction and
 * never read ahead. Knows nothing about policies or configuration; the request layer fills the plain
 * structures below.
 *
 * Use, on the worker fiber:
 *     struct forward *f = arena_new(arena, struct forward);
 *     if (!forward_request(f, c, target, &request, &options, arena))   -> f->failure, f->message
 *     ... policies look at f->response and change fields ...
 *     conn_answer_begin(c, ...); forward_relay_body(f, c);            -> answer_end included
 *     forward_close(f);                                              always, also after a failure */
#ifndef APP_FORWARD_H
#define APP_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/block.h"
#include "platform/conn.h"
#include "platform/http.h"
#include "platform/http1_client.h"

enum forward_failure {
    FORWARD_OK,
    FORWARD_CONNECT,     /* look-up, connect, TLS, closed before an answer: BackendConnectionFailure */
    FORWARD_TIMEOUT,     /* no response head in time, or a silent body: Timeout */
    FORWARD_PROTOCOL,    /* malformed, cut or lying response: BackendConnectionFailure */
    FORWARD_CLIENT_GONE, /* ClientConnectionFailure, counted as 499 */
    FORWARD_CLIENT_BODY, /* the request body is at fault: answer client_status */
    FORWARD_OVERLOAD,    /* arena, blocks or limits.body.total: 500 or 503, see client_status */
    FORWARD_REQUEST,     /* policies made a request that cannot be sent (method, field name or value): 500 */
    FORWARD_CANCELED,    /* the fiber was cancelled for another reason (drain) */
};
/* "connect", "timeout", ...: for the log and metrics. */
const char *forward_failure_name(enum forward_failure failure);

enum forward_body {
    FORWARD_BODY_NONE,   /* no body. Content-Length: 0 is sent for POST, PUT and PATCH */
    FORWARD_BODY_STREAM, /* the client's request body as it comes, with its framing */
    FORWARD_BODY_SLICE,  /* body_slice */
    FORWARD_BODY_CHAIN,  /* body_chain: stays the caller's, can be sent again */
};

struct forward_request {
    struct slice method;
    struct slice path;               /* origin-form, begins with '/' */
    struct slice query;              /* with its '?', or empty */
    /* As the policies left them. Host, Expect, framing and hop-by-hop fields in it are not sent. */
    const struct http_fields *fields;
    struct slice host;               /* Host that a policy has set; empty: the target's */
    struct slice client_ip;          /* appended to X-Forwarded-For; empty: the field goes as it is */
    enum forward_body body;
    struct slice body_slice;
    const struct block_chain *body_chain;
    /* Pass Upgrade: websocket on, take a 101. No other protocol: behind an "h2c" requests would pass unseen. */
    bool upgrade;
};

/* Milliseconds; 0 takes the default in brackets. */
struct forward_options {
    uint64_t connect_ms;  /* timeout.backend.connect [10 s]: look-up, connect, TLS */
    uint64_t response_ms; /* from the end of the request to the response head [300 s] */
    uint64_t idle_ms;     /* timeout.backend.idle: silence in the response body [60 s; unbuffered: 15 min] */
    uint64_t send_ms;     /* timeout.send: no byte of the request taken by the backend [30 s] */
    uint64_t body_ms;     /* timeout.body: no byte of the request body from the client [30 s] */
    bool unbuffered;      /* buffer-response="false": each piece passes at once */
};

/* What buffer-response="true" collects before the first write (policies.md, forward-request). */
#define FORWARD_BUFFER_BYTES 8192u

struct forward_response {
    int status;
    struct slice reason;
    struct http_fields fields; /* in the request's arena, may grow; without hop-by-hop, but with Content-Length */
    enum http_framing framing; /* for conn_answer when the body is passed unchanged: NONE, LENGTH, CHUNKED */
    uint64_t length;           /* of LENGTH. For HEAD and 304 what the backend declared */
    bool has_body;             /* a body follows (false: HEAD, 204, 304, 101, length 0) */
    bool upgraded;             /* 101: answer with forward_relay_upgrade */
};

struct forward {
    struct forward_response response;
    enum forward_failure failure;
    int client_status;     /* what to answer: 400, 408, 413 (the client's fault), 500, 503; 0 on FORWARD_OK */
    char message[256];     /* names host:port and cause; for the log and LastError.Message */
    uint64_t began, head_at, ended; /* monotonic: first try, response head, end of its body; 0: not reached */
    uint64_t bytes_sent, bytes_received; /* to and from the backend, heads included */
    unsigned tries;        /* connections used: 2 after a stale pooled one */

    /* Its own. */
    struct http1_exchange x;
    struct http1_target *target; /* a copy: its program may be gone while a long body is passed on */
    struct forward_options options;
    struct conn *client;
    struct slice upgrade; /* the protocol that the client asked for */
};

/* Take the hop-by-hop fields out of a table, and what its Connection field names (RFC 9110 7.6.1). The
 * request layer calls it on its copy of the client's fields before policies run: what a policy adds later
 * can then not be named away by the client. False: Connection names more than FORWARD_NOMINATED_MAX fields
 * (answer 400). */
#define FORWARD_NOMINATED_MAX 32u
bool forward_strip_fields(struct http_fields *fields) WARN_UNUSED;

/* Send the request and wait for the response head. f is overwritten. False: failure, client_status and
 * message are set. */
bool forward_request(struct forward *f, struct conn *c, const struct http1_target *target,
                     const struct forward_request *request, const struct forward_options *options,
                     struct arena *a) WARN_UNUSED;

/* Next piece of the response body: true with *piece (empty: the end), valid until the next call; false:
 * failed. Waits. */
bool forward_body_next(struct forward *f, struct slice *piece) WARN_UNUSED;

/* After conn_answer_begin: pass the rest of the response body to the client, and end the answer. False:
 * failed; the client's connection was aborted, because its answer is cut. */
bool forward_relay_body(struct forward *f, struct conn *c) WARN_UNUSED;

/* Read the rest of the response body into chain, at most max bytes. False: failure OVERLOAD (500: over max,
 * 503: total). */
bool forward_buffer_response(struct forward *f, struct block_chain *chain, uint64_t max) WARN_UNUSED;

/* Read the client's request body into chain, at most max bytes. Not bound to a backend: of f only failure,
 * client_status (413 over max, 503 total, 400 malformed, 408) and message are set. */
bool forward_buffer_request(struct forward *f, struct conn *c, struct block_chain *chain,
                            uint64_t max) WARN_UNUSED;

/* Answer the 101 of the backend with these fields and relay bytes both ways until one side closes (both are
 * closed then), an error, or idle_ms of silence. */
void forward_relay_upgrade(struct forward *f, struct conn *c, const struct http_fields *fields);

/* The upstream connection goes back to its pool or is closed; blocks are given back. Always call it; may be
 * called again. */
void forward_close(struct forward *f);

#endif
