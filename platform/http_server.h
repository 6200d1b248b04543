/* The HTTP server: listening sockets, connections, civetweb's workers on fibers. app gives it one handler per port. */
#ifndef PLATFORM_HTTP_SERVER_H
#define PLATFORM_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/conn.h"
#include "platform/http.h"

struct tls_server;

/* Runs on a worker fiber, once per request; must answer or abort. */
typedef void http_handler(struct conn *c, void *arg);

struct http_port {
    const char *setting;  /* for messages: "net.server.http.port" */
    const char *address;  /* "0.0.0.0", "::", "127.0.0.1", or a path: a Unix socket */
    unsigned port;        /* 0 with a Unix socket */
    struct tls_server **tls; /* NULL: plain. Read anew for every connection, so that certificates can change */
    http_handler *handler;
    void *arg;
    bool optional;        /* address family absent on this machine: left out silently */
};

struct http_server_options {
    struct http_limits limits;
    size_t arena_bytes;              /* limits.arena */
    unsigned max_connections, max_tls_connections, max_requests;
    uint64_t head_ms, body_ms, send_ms, idle_ms, handshake_ms; /* timeout.* */
    /* Writes the answer to a bad head, a slow one or an overload: status 400.. or 503. Called on the loop: it must not
     * wait. The listener closes afterwards. NULL, or nothing begun: the listener answers itself. The head is what could
     * be parsed of it, perhaps nothing. */
    void (*refuse)(struct conn *c, int status, const char *why, void *arg);
    void *refuse_arg;
};

/* Bind and listen (before carriers_run, or on carrier 0). Adds to the set of listening ports. False: err names setting, address
 * and port. */
bool http_server_listen(const struct http_port *port, struct err *err);
/* TCP port of the index-th successful http_server_listen (a port 0 was chosen by the system); 0: no such one. */
unsigned http_server_port(unsigned index);
/* Start serving on every carrier: called on each carrier as it starts. */
bool http_server_start(const struct http_server_options *options, struct err *err);
/* Drain: stop accepting, close parked connections, `Connection: close` on answers; returns (fiber of carrier 0) when no request
 * runs any more or the time is over; then stops civetweb. */
void http_server_drain(uint64_t max_ms);

struct http_server_counts {
    uint64_t accepted, requests, bad_heads, refused, handshakes_failed;
    unsigned open, parked, running, tls;
};
/* Sums over the carriers, any thread; approximate while they run. */
struct http_server_counts http_server_counts(void);

#endif
