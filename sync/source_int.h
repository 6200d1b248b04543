/* Where a repository is read from: https, http or a directory; one file or object at a time, whole
 * or as a stream. */
#ifndef SYNC_SOURCE_INT_H
#define SYNC_SOURCE_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "sync/agent.h"

enum source_scheme { SOURCE_HTTPS, SOURCE_HTTP, SOURCE_FILE };

struct source {
    enum source_scheme scheme;
    const char *base;  /* URL or directory without a slash at its end, in an arena */
    struct slice host; /* of a URL, for messages; a directory's path */
};

/* Read an endpoint as config.service.endpoint has it. err: "config.service.endpoint: …". */
bool source_parse(struct arena *a, struct slice endpoint, struct source *out, struct err *err)
    WARN_UNUSED;
/* The service of another vendor, whose protocol is not ours. */
bool source_is_azure(struct slice endpoint);

/* What a cycle's exchanges share. */
struct exchange {
    struct arena *arena;
    const char *authorization; /* whole field value, or NULL */
    bool skip_verify;
    uint64_t exchange_ms;         /* as in struct sync_options */
    const _Atomic bool *stopping; /* may be NULL */
    uint64_t requests, bytes;     /* counted here */
};

/* One thing to get, and how it went. */
struct get {
    const struct source *source;
    struct slice path; /* below the base */
    struct slice if_none_match;
    uint64_t from, to;     /* bytes [from, to) wanted; to 0: to the end; both 0: no Range */
    struct slice if_range; /* with from: the ETag that the first part had */
    size_t max;            /* cap of a whole body */
    /* A stream: bytes in order, in the caller's thread; idle is called once a second in which none
     * came. Either false ends it. NULL: the body is collected. offset of the first byte: 0 for 200,
     * what Content-Range says for 206. */
    bool (*begin)(void *arg, uint64_t offset, struct slice etag);
    bool (*bytes)(void *arg, struct slice bytes);
    bool (*idle)(void *arg);
    void *arg;

    int status;              /* 200, 206, 304, 404 …; 0: no answer */
    struct slice body, etag; /* in the arena */
    bool too_large;          /* more than max; body has the first max bytes */
    bool ended_by_caller;    /* begin, bytes or idle said so */
    bool overrun;            /* the caller was too slow for the line: ask for the rest */
    bool cut;                /* the body ended early */
    uint64_t received;       /* body bytes of this exchange */
    uint64_t retry_after_ms;
};

/* Perform. False: there was no usable exchange (connect, tls, cut): *reason and err say why. A
 * status is not judged here. */
bool source_get(struct exchange *x, struct get *g, enum sync_reason *reason, struct err *err)
    WARN_UNUSED;
/* Judge a status that is not what was wanted (neither 200, 206, 304 nor an expected 404): always
 * false. */
bool source_refuse(const struct get *g, enum sync_reason *reason, struct err *err);

#endif
