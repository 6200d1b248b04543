/* A client connection as the request layer sees it. The listener owns it: socket, TLS, request head, request body
 * framing, answer framing, and what comes after the answer (next head, parking, lingering close).
 * Contract: architecture.md decision 2, a test per line. All calls from the worker fiber that runs the request. */
#ifndef PLATFORM_CONN_H
#define PLATFORM_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"
#include "platform/http.h"

struct conn;

/* ---- the request ---- */
const struct http_head *conn_head(const struct conn *c);
/* Numeric address of the peer, without port. */
struct slice conn_peer_ip(const struct conn *c);
bool conn_is_tls(const struct conn *c);
/* Local port it came in on. */
unsigned conn_local_port(const struct conn *c);
/* The arena of this request (limits.arena), reset when the request ends. */
struct arena *conn_arena(struct conn *c);
/* When the head was complete: monotonic and wall nanoseconds. */
uint64_t conn_started(const struct conn *c);
uint64_t conn_started_wall(const struct conn *c);

/* Read payload bytes of the request body: > 0, 0 at its end, -1 with errno (EBADMSG: malformed chunk; ETIMEDOUT; ECANCELED).
 * The first call answers `100 Continue` when the client waits for it. */
ssize_t conn_body_read(struct conn *c, void *buf, size_t n);
/* As conn_body_read but never waits (EAGAIN), for a relay that waits on several things. */
ssize_t conn_body_recv(struct conn *c, void *buf, size_t n);
bool conn_body_done(const struct conn *c);
/* The socket, to wait on in fiber_wait. */
struct sock *conn_sock(struct conn *c);
/* The client is known to be gone (FIN, RST, error while the request runs). */
bool conn_client_gone(const struct conn *c);

/* ---- the answer ---- */
/* How its body is framed. With HTTP_BODY_LENGTH exactly that many bytes follow. CHUNKED becomes close-delimited for an
 * HTTP/1.0 client. For HEAD, 204 and 304 the fields are sent and the body calls do nothing. */
struct conn_answer {
    int status;
    struct slice reason;              /* empty: the default one */
    const struct http_fields *fields; /* without framing and hop-by-hop fields: the listener writes those */
    enum http_framing framing;        /* NONE, LENGTH, CHUNKED */
    uint64_t length;
    bool close;                       /* close after this answer */
};
/* Prepare the head; it is sent with the first body bytes, or by conn_answer_end: one system call for small answers. */
bool conn_answer_begin(struct conn *c, const struct conn_answer *a) WARN_UNUSED;
/* Body bytes; waits while the client does not take them (timeout.send). False: errno, the connection is spoilt. */
bool conn_answer_write(struct conn *c, const void *p, size_t n) WARN_UNUSED;
/* Send what is buffered now. */
bool conn_answer_flush(struct conn *c) WARN_UNUSED;
/* End of the body. False also when fewer bytes than declared were written (the connection is then closed). */
bool conn_answer_end(struct conn *c) WARN_UNUSED;
bool conn_answer_begun(const struct conn *c);
/* Give up: the connection is closed without a proper end (the client sees a cut answer). */
void conn_abort(struct conn *c);
/* Bytes sent and received for this request, heads included. */
uint64_t conn_bytes_sent(const struct conn *c);
uint64_t conn_bytes_received(const struct conn *c);
/* The whole of a small answer in one call. */
bool conn_answer_text(struct conn *c, int status, struct slice reason, const struct http_fields *fields, struct slice body);
/* Raw relay after an upgrade (101): the stream below, and the bytes that were read beyond the head. */
struct stream *conn_take_stream(struct conn *c, struct slice *buffered);

#endif
