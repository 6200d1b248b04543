/* libcurl: everything that is HTTP but not the data path (sync, send-request, later JWKS,
 * telemetry). One thread with the multi interface; callers wait: a fiber sleeps, a plain thread
 * blocks. The only file that includes curl. */
#ifndef PLATFORM_HTTP_CLIENT_H
#define PLATFORM_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/http.h"

struct tls_trust;

/* Start the thread. trust: for https; it outlives the client. NULL: none is loaded, https only with
 * skip_verify. */
bool http_client_start(struct tls_trust *trust, struct err *err);
/* End running transfers with HTTP_CLIENT_OTHER, then the thread. Its users may still call perform:
 * it fails. */
void http_client_stop(void);

enum http_client_failure {
    HTTP_CLIENT_OK,
    HTTP_CLIENT_CONNECT, /* name, refused, unreachable, reset before an answer */
    HTTP_CLIENT_TLS,
    HTTP_CLIENT_TIMEOUT, /* connect, total or low speed */
    HTTP_CLIENT_CUT,     /* the body ended early */
    HTTP_CLIENT_SINK,    /* head or sink refused, or the body is longer than max_body */
    HTTP_CLIENT_CANCELED,/* the fiber was cancelled, or *stop */
    HTTP_CLIENT_OTHER,
};

/* Called once, before the first byte for the sink (also when no body comes), with the final
 * answer's status and fields, which are borrowed for the call; on the client's thread; false ends
 * the transfer (HTTP_CLIENT_SINK). A resumed download must know whether it got 206 or 200 before it
 * takes bytes. */
typedef bool http_client_head(void *arg, int status, const struct http_fields *fields);
/* Body bytes as they arrive, on the client's thread; false ends the transfer (HTTP_CLIENT_SINK). */
typedef bool http_client_sink(void *arg, const char *p, size_t n);

struct http_client_request {
    struct slice method;              /* empty: GET */
    const char *url;
    const struct http_fields *fields; /* may be NULL */
    struct slice body;
    http_client_sink *sink;           /* NULL: the body goes to result.body */
    http_client_head *head;           /* may be NULL; has sink_arg too */
    void *sink_arg;
    size_t max_body;                  /* without a sink: longer bodies fail; 0: read and drop */
    uint64_t connect_ms, total_ms;    /* 0: 10 s, none */
    uint64_t low_speed_bytes, low_speed_s; /* abort below this rate for so long; 0: off */
    const _Atomic bool *stop;         /* may be NULL: looked at twice a second, true ends it */
    bool skip_verify;                 /* config.service.endpoint.disableCertificateValidation */
    bool follow_redirects;
    bool no_proxy;                    /* whatever the environment says */
};

struct http_client_result {
    enum http_client_failure failure;
    char message[256];           /* when failed */
    int status;
    struct slice reason;         /* as it came; may be empty */
    struct http_fields fields;   /* of the final answer, in the arena */
    struct slice body;
    uint64_t body_bytes;         /* received, sink included */
};

/* Perform the exchange and wait for its end. Text of the result is in arena a. True when an HTTP
 * answer came (any status) whole. Any thread or fiber; a fiber lets its carrier go on. Proxies as
 * the environment says (http_proxy, HTTPS_PROXY, NO_PROXY). Unless request.fields says otherwise:
 * Accept-Encoding: identity, no Accept, no Content-Type. */
bool http_client_perform(const struct http_client_request *request, struct arena *a,
                         struct http_client_result *result);

/* Requests under way that nobody waits for. */
#define HTTP_CLIENT_POSTS_MAX 256u
/* The same without waiting: all of the request is copied, the answer and failures are dropped; no sink, head or stop. False:
 * HTTP_CLIENT_POSTS_MAX are under way, the client does not run, or no memory. Any thread or fiber. */
bool http_client_post(const struct http_client_request *request) WARN_UNUSED;

#endif
