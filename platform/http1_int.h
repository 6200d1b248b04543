/* Shared by http1_client.c and http1_pool.c only: what a connection and its pool entry are. */
#ifndef PLATFORM_HTTP1_INT_H
#define PLATFORM_HTTP1_INT_H

#include "platform/dns.h"
#include "platform/http1_client.h"

/* The connections of one carrier to one target. Exists while it has connections, idle or active. */
struct http1_peer {
    struct http1_peer *next; /* in its bucket, or the free list */
    uint64_t hash;
    uint16_t port;
    bool tls, skip_chain, skip_name;
    uint64_t identity; /* hash of the client certificate; 0: none */
    char host[DNS_NAME_MAX + 1];
    char tls_name[DNS_NAME_MAX + 1];
    struct http1_conn *idle; /* newest first */
    unsigned idle_count, active_count;
};

struct http1_conn {
    struct stream stream;
    struct http1_peer *peer;
    struct http1_conn *newer, *older; /* among the idle ones of its peer; older links the free list */
    uint64_t idle_until;
    bool idle;
    bool open; /* the stream is */
};

/* The newest idle connection of target t that is still good, now active; NULL when there is none. */
struct http1_conn *http1_pool_take(const struct http1_target *t);
/* A connection object for target t, active, its stream not open yet; NULL when memory is short. */
struct http1_conn *http1_pool_new(const struct http1_target *t);
/* Keep an active, clean connection for at most idle_ms; it is closed instead when the pool is full. */
void http1_pool_give(struct http1_conn *c, uint64_t idle_ms);
/* Close and free an active connection. */
void http1_pool_close(struct http1_conn *c);
/* Nothing has arrived on c that nobody asked for, and its peer has not closed. */
bool http1_pool_is_quiet(struct http1_conn *c);

extern _Thread_local struct http1_counts http1_pool_counts;

#endif
