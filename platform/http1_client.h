/* The lean HTTP/1.1 client of the data path: connections to backends with per-carrier keep-alive pools, one
 * exchange at a time on each, plain or TLS. It knows framing and nothing about gateways; app/forward.c
 * makes a proxy of it.
 *
 * Invariants
 * 1. A connection belongs to its carrier; so does its pool. No lock.
 * 2. It returns to the pool only when the exchange ended cleanly: request written whole, final response
 *    read whole by its own framing, both sides want keep-alive, no byte beyond the end, no FIN or error
 *    seen. Otherwise it is closed.
 * 3. An idle connection is watched: FIN, error or any byte that is not TLS housekeeping closes it.
 * 4. A response that contradicts itself is an error: cut before its length or last chunk, malformed chunk
 *    or head, bytes beyond the end of a delimited body. (Bytes after a bodiless response, to HEAD or of 204
 *    and 304, only cost the connection: RFC 9112 6.3 lets a client drop them, and nothing that was passed
 *    on is wrong.)
 * 5. No malloc in steady state: connections and pool entries come from free lists, bodies pass in blocks.
 * 6. An exchange holds at most one block, from the first byte of the response to its end. */
#ifndef PLATFORM_HTTP1_CLIENT_H
#define PLATFORM_HTTP1_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/block.h"
#include "platform/http.h"
#include "platform/stream.h"

struct tls_identity;
struct tls_trust;
struct http1_conn;

/* ---- targets ---- */

/* Where to connect. Made once, when a program is compiled (or per request for computed addresses);
 * immutable after that. */
struct http1_target {
    struct slice host;      /* name or literal address without brackets, lower case, zero-terminated */
    struct slice authority; /* the Host field's value: host[:port], brackets around IPv6 */
    const char *tls_name;   /* SNI and the name to verify; NULL: plain */
    uint16_t port;
    bool skip_chain, skip_name; /* backend tls.validateCertificateChain / validateCertificateName = false */
    struct tls_identity *identity; /* client certificate for a backend that asks; NULL: none. Lives as long as the target */
    uint64_t hash;          /* of all of these */
};

struct http1_target_options {
    bool tls;
    struct slice host;     /* with or without brackets */
    unsigned port;         /* 0: 80 or 443 */
    struct slice tls_name; /* empty: host */
    bool skip_chain, skip_name;
    struct tls_identity *identity;
};
/* Fill t; its text is copied to the arena. False: err says what is wrong with host or port. */
bool http1_target_init(struct http1_target *t, struct arena *a, const struct http1_target_options *o,
                       struct err *err) WARN_UNUSED;

/* ---- the client ---- */

/* A backend that acknowledges nothing for so long is taken for dead: its machine has lost power or link, so
 * no FIN will tell. (TCP_USER_TIMEOUT, and keep-alive probes while nothing is sent.) */
#define HTTP1_DEAD_MS 60000u
/* Connections kept idle per target and carrier, and for how long; a `Keep-Alive: timeout=` of the backend
 * shortens it. Below the 75 s of nginx, above the pauses of a browser. */
#define HTTP1_IDLE_PER_TARGET 64u
#define HTTP1_IDLE_MS 60000u
/* Informational responses before the final one (RFC 9110 15.2). */
#define HTTP1_INTERIM_MAX 16u

/* Trust for TLS backends; before the first exchange. NULL: TLS targets fail. */
void http1_set_trust(struct tls_trust *trust);

struct http1_counts {
    uint64_t opened, reused, failed; /* connections */
    unsigned idle, active;
};
/* Of the calling carrier. */
struct http1_counts http1_counts(void);
/* Close the idle connections of this carrier. */
void http1_drop_idle(void);
/* At the end of a drain: every carrier closes its idle connections and forgets names and free blocks.
 * Fiber; waits. */
void http1_stop(void);

/* ---- one exchange ---- */

enum http1_failure {
    HTTP1_OK,
    HTTP1_CONNECT,  /* look-up, connect, TLS */
    HTTP1_TIMEOUT,
    HTTP1_CANCELED, /* the fiber was cancelled (ECANCELED) */
    HTTP1_CLOSED,   /* closed or reset by the backend before the response head */
    HTTP1_PROTOCOL, /* malformed or cut response, bytes beyond its end */
    HTTP1_MEMORY,   /* no block, or the arena is full */
};

struct http1_exchange {
    /* The final response, from HTTP1_HEAD on; text and table are in the exchange's arena. */
    struct http_head head;
    struct slice body;   /* payload to be used next, inside the block; the user moves p and n on */
    bool body_ended;     /* nothing follows `body` */
    bool response_begun; /* at least one byte of a response was seen */
    bool reused;         /* the connection came from the pool */
    bool request_sent;   /* set by the user when the request is written whole */
    bool upgrade;        /* set by the user after http1_open: a 101 is wanted */
    uint64_t ended_at;   /* when the response was whole */
    enum http1_failure failure;
    char message[200];   /* "backend.example:8080: connection refused" */
    uint64_t bytes_sent, bytes_received;

    /* The client's own. */
    const struct http1_target *target;
    struct http1_conn *conn; /* NULL: given back or closed */
    struct arena *arena;
    struct slice method;
    struct block *block;
    char *head_buf;          /* where the head is collected: in the block, or a larger one in the arena */
    size_t head_n, head_cap, head_scanned;
    struct http_chunked chunked;
    uint64_t left;           /* of HTTP_BODY_LENGTH: not yet received */
    uint64_t idle_ms;        /* how long the backend lets the connection idle */
    unsigned interim;
    bool send_broken;        /* the backend takes no more of the request */
    bool head_only;          /* no body by its nature: HEAD, 204, 304 */
    bool bytes_beyond;       /* more was received than the response may have */
};

/* Begin: a pooled connection (unless `fresh`), or a new one, within connect_ms. x is overwritten. Waits. */
bool http1_open(struct http1_exchange *x, const struct http1_target *t, struct slice method, struct arena *a,
                uint64_t connect_ms, bool fresh) WARN_UNUSED;

/* Send without waiting: bytes taken (> 0), 0 when the socket takes none now (wait for writable), -1: the
 * backend takes no more. That is no failure of the exchange yet: it may have answered before it closed, see
 * http1_poll_head. */
ssize_t http1_send(struct http1_exchange *x, const struct iovec *iov, int n);

enum http1_step {
    HTTP1_MORE,   /* nothing more now: wait for readable */
    HTTP1_HEAD,   /* x->head is the final response (or a wanted 101) */
    HTTP1_FAILED,
};
/* Look for the final response head without waiting; other 1xx responses are passed over. */
enum http1_step http1_poll_head(struct http1_exchange *x);

/* Receive until `least` bytes of payload are in x->body, the body has ended or the block is full. What
 * x->body still holds is kept. Waits at most idle_ms for each byte. False: failed. */
bool http1_fill(struct http1_exchange *x, size_t least, uint64_t idle_ms) WARN_UNUSED;

/* The socket, to wait on; NULL when the connection was given back. */
struct sock *http1_sock(struct http1_exchange *x);
/* The connection's stream, for a raw relay after 101; x keeps owning it. Bytes behind the head are in
 * x->body. */
struct stream *http1_stream(struct http1_exchange *x);
/* The fault was that a pooled connection had been closed by its backend: no byte of a response, no
 * time-out. Whether a second try is safe is for the caller to say (app/forward.c writes down the rule). */
bool http1_was_stale(const struct http1_exchange *x);
/* End: give the connection back when invariant 2 allows it, else close it; give the block back. May be
 * called again. */
void http1_close(struct http1_exchange *x);

#endif
