/* Inside of the HTTP server; shared by the files named below only.
 *
 *   listener.c         accepts on carrier 0 and hands descriptors out
 *   http_server_run.c  start and drain, takes connections over, TLS handshakes
 *   http_server.c      reads heads, parks, dispatches, decides what follows an answer
 *   conn_pool.c        memory of connections and requests
 *   civetweb_seam.c    runs a request on one of civetweb's workers
 *   conn.c             what the handler sees: request body, answer
 *
 * A connection that waits is a struct conn and perhaps some saved bytes; what a running request
 * needs is a struct room: head, field table, output buffer and arena, in one mapping that is
 * used again. */
#ifndef PLATFORM_CONN_INT_H
#define PLATFORM_CONN_INT_H

#include <stdatomic.h>

#include "platform/fiber.h"
#include "platform/http_server.h"
#include "platform/stream.h"

/* Bytes that may be received beyond the largest head, and the most that one read of chunks
 * takes. */
#define ROOM_BEYOND_HEAD (16u * 1024)
/* Output kept back to be sent together; an answer's head must fit in whole. */
#define ROOM_OUT_BYTES (64u * 1024)
/* Of an unread request body so much is read and dropped to keep the connection. */
#define CONN_DROP_BYTES (64u * 1024)
/* Of a room's input the pages beyond so much, and of its arena beyond ROOM_ARENA_KEPT, are given
 * back after a large request. */
#define ROOM_IN_KEPT (16u * 1024)
#define ROOM_ARENA_KEPT (64u * 1024)
/* Pieces up to this size are copied behind the head rather than sent beside it. */
#define ROOM_OUT_GATHER 4096u

enum conn_state {
    CONN_HANDSHAKE, /* a fiber of its own does TLS */
    CONN_HEAD,      /* a head is awaited; without a byte of it: parked */
    CONN_WAITING,   /* complete head, but limits.requests are running */
    CONN_RUNNING,   /* has a room; a worker runs it or is about to */
    CONN_REFUSED,   /* has a room; the listener is answering itself */
    CONN_LINGER,    /* FIN sent; what comes is dropped */
};

enum answer_state {
    ANSWER_NONE,
    ANSWER_BEGUN,
    ANSWER_ENDED,
    ANSWER_SPOILT, /* could not be sent whole, or was given up */
    ANSWER_TAKEN,  /* conn_take_stream: the stream is the handler's */
};

/* What one request needs. */
struct room {
    struct room *next; /* in the free list */
    size_t mapped;
    struct http_field *table;
    char *in;      /* the head, then what was received beyond it */
    size_t in_cap;
    char *out;
    struct arena arena;
    struct arena_mark empty;

    struct fiber *worker;
    uint64_t started, started_wall;
    uint64_t sent, received;
    struct http_head head;
    size_t head_n;
    struct slice rest; /* received beyond the head and not yet used; inside `in` */
    char label[64];    /* "GET /path" */

    /* request body */
    struct http_chunked chunked;
    uint64_t body_left;
    bool body_done, body_failed, continue_due;
    bool gone; /* FIN, RST or error was seen while it ran */

    /* answer */
    enum answer_state answer;
    enum http_framing framing; /* as sent: NONE also where the status has no body */
    bool close;                /* after this answer */
    uint64_t answer_left;
    size_t out_n;
};

struct conn_list {
    struct conn *first, *last;
};

struct conn {
    struct stream stream;
    struct carrier_timer timer; /* may be armed earlier than deadline */
    uint64_t deadline;          /* 0: none */
    struct serving *s;
    const struct http_port *port;
    struct room *room;
    struct conn *all_previous, *all_next;
    struct conn *previous, *next; /* in parked, waiting, the workers' queue, or the free list */
    char *saved;                  /* an incomplete head, or a complete one that waits */
    uint32_t saved_n, saved_class, scanned;
    uint16_t local_port;
    uint8_t state, peer_n;
    bool tls, parked, served, trimmed;
    uint32_t dropped;        /* CONN_LINGER: bytes */
    struct fiber *handshake; /* CONN_HANDSHAKE */
    char peer[46];           /* INET6_ADDRSTRLEN, no terminator needed */
};

/* Saved bytes come in blocks of 256 bytes << class. */
#define SAVED_CLASSES 10u

/* Counts that other threads read: written by their carrier alone. */
struct serving_counts {
    _Atomic uint64_t accepted, requests, bad_heads, refused, handshakes_failed;
    atomic_uint open, tls, running;
    atomic_uint parked[2]; /* plain, TLS */
};

static inline void count_up(_Atomic uint64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static inline unsigned count_adjust(atomic_uint *n, int by)
{
    unsigned value = atomic_load_explicit(n, memory_order_relaxed) + (unsigned)by;

    atomic_store_explicit(n, value, memory_order_relaxed);
    return value;
}

/* The server on one carrier. */
struct serving {
    _Alignas(64) struct serving_counts counts;
    _Alignas(64) atomic_bool started;
    bool draining;
    struct http_server_options options;
    struct conn_list parked[2]; /* plain, TLS; longest idle first */
    struct conn_list waiting;   /* for limits.requests */
    struct conn *all;
    struct conn *free_conns;
    unsigned free_count;
    struct room *rooms; /* free ones */
    unsigned room_count;
    struct { void *first; unsigned count; } saved[SAVED_CLASSES];
    struct carrier_timer tick; /* while heads wait */
    struct carrier_timer trim; /* while TLS connections are parked untrimmed */
    struct fiber_cond idle;    /* signalled when the last request of a drain has ended */
    uint64_t date_second;
    char date[32];
};

/* The server on the calling carrier, and on carrier i. */
struct serving *serving_here(void);
struct serving *serving_at(unsigned i);
/* The text of the Date field, this second's. */
struct slice serving_date(struct serving *s);

/* ---- conn_pool.c ---- */

/* The room that the next head is read into; the same until room_take. NULL: no memory. */
struct room *room_next(struct serving *s);
/* That room becomes c's; and back, reset, if c has one. */
void room_take(struct conn *c);
void room_give(struct conn *c);
/* Keep n bytes at p (not those that are saved already) with the connection. False: no memory. */
bool conn_save(struct conn *c, const char *p, size_t n);
void conn_drop_saved(struct conn *c);
void conn_list_push(struct conn_list *l, struct conn *c);
void conn_list_push_front(struct conn_list *l, struct conn *c);
void conn_list_remove(struct conn_list *l, struct conn *c);
/* Into and out of the list of parked ones; again does nothing. */
void conn_park(struct conn *c);
void conn_unpark(struct conn *c);
/* A zeroed object among s->all, its stream closed; NULL: no memory. */
struct conn *conn_new(struct serving *s);
void conn_free(struct conn *c);
void conn_pools_free(struct serving *s);

/* ---- http_server.c ---- */

/* The stream is open: await the first head. c may be gone afterwards. */
void conn_await_first(struct conn *c);
/* Close at once and free c. */
void conn_close(struct conn *c);
/* A worker's turn: run the handler and decide what follows. c may be gone afterwards. */
void conn_run(struct conn *c);
/* The worker took c but could not run it: answer 500 and close. */
void conn_lost(struct conn *c);
/* serving->tick: heads wait for limits.requests. */
void serving_tick(struct carrier_timer *timer);
/* serving->trim: TLS connections that stay parked give pages of their buffers back. */
void serving_trim(struct carrier_timer *timer);

/* ---- http_server_run.c ---- */

/* Take over an accepted descriptor on this carrier; tls: a reference that becomes ours, or NULL. */
void conn_adopt(int fd, const struct http_port *port, unsigned local_port, struct tls_server *tls,
                const char *peer, size_t peer_n);

/* Connections of all carriers, or those over TLS alone. */
unsigned conn_open_total(bool tls);

/* ---- listener.c ---- */
bool listener_start(struct err *err);
void listener_stop(void);

/* ---- civetweb_seam.c: civetweb's workers on this carrier ---- */

/* A context whose at most `workers` workers run begin_request with heads from seam_dispatch. */
bool seam_start(unsigned workers, struct err *err);
/* Let a worker run c: an idle one, the one that is ending its request right now, or a new one. */
void seam_dispatch(struct conn *c);
/* The calling worker is about to ask for its next head, without a wait before; the next dispatch
 * is for it. */
void seam_worker_returns(void);
/* mg_stop; no request runs any more. Waits. */
void seam_stop(void);
/* Workers of this carrier that were born and live. */
unsigned seam_workers(void);

#endif
