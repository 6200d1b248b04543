/* The sync agent: brings the cache up to date from a configuration repository (PROTOCOL.md), one
 * cycle after the other, on a thread of its own (2 MB stack), never on a carrier. It knows no
 * policies: app supplies an accept hook that compiles and validates a generation and an activate
 * hook that makes it live.
 *
 * While the agent runs, the store is its: others use sync_agent_call. */
#ifndef SYNC_AGENT_H
#define SYNC_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "store/store.h"

/* How a cycle ended: the `result` of `sync --once` and of configuration_sync_total. */
enum sync_outcome { SYNC_UPDATED, SYNC_CURRENT, SYNC_OFFLINE, SYNC_REJECTED, SYNC_OUTCOMES };
/* Why, when it is not updated or current: configuration_sync_errors_total{reason}. */
enum sync_reason {
    SYNC_OK,
    SYNC_CONNECT,
    SYNC_TLS,
    SYNC_AUTH,
    SYNC_HTTP,
    SYNC_PORTAL,
    SYNC_SIGNATURE,
    SYNC_DIGEST,
    SYNC_INVALID,
    SYNC_STORE,
    SYNC_REASONS
};
const char *sync_outcome_name(enum sync_outcome outcome); /* "updated" … */
const char *sync_reason_name(enum sync_reason reason);    /* "connect" …; SYNC_OK: "" */

/* All run on the agent's thread, or in the caller of sync_cycle. Any may be NULL. */
struct sync_hooks {
    /* Compile and validate g, which is verified but not in the store yet; its text lives until the
     * cycle ends. False: the generation is refused (err says why, with entity ids), remembered as
     * failed, and the old one stays. *program is given to activate or discard. */
    bool (*accept)(void *arg, const struct store_generation *g, void **program, struct err *err);
    /* Make it live; the store already points to it. False: the store goes back to the old one. */
    bool (*activate)(void *arg, void *program, struct err *err);
    void (*discard)(void *arg, void *program);
    void *arg;
};

struct sync_options {
    const struct slice *endpoints; /* as config.service.endpoint has them, in order: https://…,
                                      http://…, file:///dir, or a bare host */
    size_t n_endpoints;
    const char *auth; /* config.service.auth as written: empty, `GatewayKey …` with or without that
                         word, or @FILE */
    const char *channel;       /* NULL: default */
    const struct slice *roots; /* config.trust.root: FILE.pub or sha256:HEX */
    size_t n_roots;
    uint64_t refresh_ms;    /* config.service.refreshInterval; 0: 30 s */
    uint64_t exchange_ms;   /* config.service.integration.timeout: one small file, or connecting; 0:
                               no limit of its own (what is large is judged by its speed) */
    const char *gateway_id; /* may be NULL */
    bool skip_verify;       /* of TLS certificates: testing only */
    struct store *store;    /* an owner's */
    struct sync_hooks hooks;
};

/* Are the options usable: at least one endpoint, schemes we know, no Azure service, a trust root
 * for plain http (unless the cache already has one), a readable token and roots. False: err is the
 * whole message for exit 2. */
bool sync_options_check(const struct sync_options *options, struct err *err) WARN_UNUSED;
/* As sync_options_check finds an Azure address with a cache present, it is only a warning: its
 * text, or NULL. */
const char *sync_options_warning(const struct sync_options *options, struct arena *a);

struct sync_result {
    enum sync_outcome outcome;
    enum sync_reason reason;
    int64_t from, to;        /* generation before and after; 0: none */
    uint64_t requests;       /* exchanges, or files opened */
    uint64_t bytes;          /* body bytes received, or read from files */
    bool resumed;            /* something from an earlier cycle was continued */
    uint64_t retry_after_ms; /* what the origin asked for, at most an hour */
    bool progress;           /* a cut transfer that brought something: no reason to back off */
    char text[768]; /* reason in words, empty when none: "401 from host: set config.service.auth" */
    char source[256]; /* the endpoint that answered */
};
/* One cycle in the calling thread, which must not be a carrier. */
void sync_cycle(const struct sync_options *options, struct sync_result *out);
/* The line of `sync --once`: {"result","from","to","requests","bytes","resumed","reason","detail"}.
 */
void sync_result_json(const struct sync_result *r, struct buf *b);
/* Exit code of `sync --once`: 0 updated or current, 1 rejected, 3 offline. */
int sync_result_exit(const struct sync_result *r);
/* A repository in a directory, once, without channel look-ups over the network: `import`. */
void sync_import(const struct sync_options *options, const char *dir, struct sync_result *out);

/* ---- the agent inside serve ---- */
struct sync_agent;
/* options and what they point to are copied, but store and hooks.arg are borrowed. The first cycle
 * begins at once. */
bool sync_agent_start(const struct sync_options *options, struct sync_agent **out, struct err *err)
    WARN_UNUSED;
/* End after the present step (a transfer is broken off), join, free. The store is the caller's
 * again. NULL is fine. */
void sync_agent_stop(struct sync_agent *agent);
/* Other endpoints, token, trust, times from now on. Only inside sync_agent_call, that is between two
 * cycles. False: no memory; nothing has changed. */
bool sync_agent_reconfigure(struct sync_agent *agent, const struct sync_options *options,
                            struct err *err) WARN_UNUSED;
/* Any thread: begin a cycle now. */
void sync_agent_wake(struct sync_agent *agent);
/* Any thread but a carrier's: run fn(arg, store) on the agent's thread between two cycles and wait
 * for its end (rollback, trust, import of a running gateway). False: the agent is stopping. */
bool sync_agent_call(struct sync_agent *agent, void (*fn)(void *arg, struct store *store),
                     void *arg) WARN_UNUSED;
/* A cycle now, its result waited for: `sync --once` and the admin API of a running gateway. Any
 * thread but a carrier's. */
bool sync_agent_cycle(struct sync_agent *agent, struct sync_result *out) WARN_UNUSED;

struct sync_status {
    bool running; /* inside a cycle */
    struct sync_result last;
    int64_t last_contact, last_update; /* seconds since 1970, 0: never; contact: an origin answered
                                          with what we could use */
    uint64_t cycles[SYNC_OUTCOMES], errors[SYNC_REASONS];
    uint64_t bytes, requests, resumed; /* since start */
    uint64_t next_ms;                  /* until the next cycle */
    bool stale;      /* what is served was published to expire, and has (fresh.expires) */
    int64_t expires; /* of the active generation; 0: never */
};
/* Any thread. */
void sync_agent_status(struct sync_agent *agent, struct sync_status *out);

#endif
