/* How the engine sees the request: a table of functions that the policy runtime (or `eval --context`) fills.
 * Every function gets the `data` of struct expr_run; slices it gives must live as long as the request.
 * All may be called on a fiber; only body() may wait. */
#ifndef POLICY_EXPR_HOST_H
#define POLICY_EXPR_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"
#include "policy/expr/expr.h"

enum expr_item {
#define ITEM(name, path, type) EXPR_##name,
#include "policy/expr/host.def"
#undef ITEM
    EXPR_ITEM_COUNT
};

/* A scalar in its own form, so that no arena is needed. */
struct expr_scalar {
    bool present;
    struct slice text; /* TEXT, GUID */
    int64_t number;    /* BOOL, INT */
    uint64_t ns;       /* TIME: since 1970-01-01T00:00:00Z */
};

/* Lists under `context`, with the fields of an element. */
enum expr_list {
    EXPR_USER_GROUPS,     /* Id, Name */
    EXPR_USER_IDENTITIES, /* Id, Provider */
    EXPR_PRODUCT_GROUPS,  /* Id, Name */
    EXPR_PRODUCT_APIS,    /* Id, Name, Path, Revision */
    EXPR_API_PROTOCOLS,   /* the text */
    EXPR_CERTIFICATES,    /* id: the keys of context.Deployment.Certificates */
};
#define EXPR_LIST_FIELDS 4

/* A URL in parts. path begins with "/"; query without "?"; port 0: the scheme's. Not decoded. */
struct expr_url {
    struct slice scheme, host, path, query;
    unsigned port;
};

/* Take "scheme://host:port/path?query" apart; what is left out reads as of http://localhost/. */
void expr_url_split(struct slice text, struct expr_url *out);

/* A certificate, DER, with its private key (PEM or DER) when the gateway has it. */
struct expr_certificate {
    struct slice der;
    struct slice key;
};

enum expr_body_state {
    EXPR_BODY_NONE,     /* no body: context.Request.Body is null */
    EXPR_BODY_OK,
    EXPR_BODY_CONSUMED, /* read before without preserveContent */
    EXPR_BODY_FAILED,   /* could not be read (too large, client gone): *error says why */
};

/* A request or response. The policy runtime puts this struct first in its own. */
struct expr_message {
    const struct expr_message_ops *ops;
};

struct expr_message_ops {
    int (*status)(const struct expr_message *m);            /* responses */
    struct slice (*reason)(const struct expr_message *m);   /* responses */
    struct slice (*method)(const struct expr_message *m);   /* requests */
    /* requests; original: as the client called the gateway */
    void (*url)(const struct expr_message *m, bool original, struct expr_url *out);
    /* The nth (from 0) value of the field; hash is hash_name(name). False when there is none. */
    bool (*header)(const struct expr_message *m, struct slice name, uint32_t hash, size_t nth, struct slice *value);
    /* Field line i, in order of arrival. False at the end. */
    bool (*header_at)(const struct expr_message *m, size_t i, struct slice *name, struct slice *value);
    /* Is there a body (also when consumed)? Must not wait. */
    bool (*has_body)(const struct expr_message *m);
    /* The whole body, content codings as they are. May wait. Without preserve the body is consumed. The bytes may be
     * kept elsewhere or in `a`; a budget exception takes back what was allocated in `a` during the evaluation. */
    enum expr_body_state (*body)(const struct expr_message *m, bool preserve, struct arena *a, struct slice *out,
                                 struct slice *error);
    /* The client certificate of a request, or false. */
    bool (*certificate)(const struct expr_message *m, struct expr_certificate *out);
};

struct expr_host {
    struct expr_scalar (*item)(void *data, enum expr_item item);
    /* Element `index` of a list, its fields in order; false past the end. */
    bool (*list)(void *data, enum expr_list list, size_t index, struct slice fields[EXPR_LIST_FIELDS]);
    const struct expr_message *(*request)(void *data);
    const struct expr_message *(*response)(void *data); /* NULL: context.Response is null */
    /* The value of a variable (names compare exactly); false when it is not set. */
    bool (*variable)(void *data, struct slice name, struct expr_value *out);
    /* Variable i in order of setting; false at the end. */
    bool (*variable_at)(void *data, size_t i, struct slice *name, struct expr_value *out);
    /* A template parameter of the matched operation (names ignore case). */
    bool (*parameter)(void *data, struct slice name, struct slice *value);
    bool (*parameter_at)(void *data, size_t i, struct slice *name, struct slice *value);
    /* A certificate of context.Deployment.Certificates by id. */
    bool (*certificate)(void *data, struct slice id, struct expr_certificate *out);
    /* context.Trace(message). */
    void (*trace)(void *data, struct slice message);
    /* Is the certificate's chain trusted? With and without a look at revocation. */
    bool (*verify)(void *data, struct slice der, bool revocation);
};

#endif
