/* One request as app sees it; its policies see struct rt. */
#ifndef APP_REQUEST_INT_H
#define APP_REQUEST_INT_H

#include "app/forward.h"
#include "app/program.h"
#include "app/router.h"
#include "platform/block.h"
#include "platform/conn.h"
#include "policy/policy.h"

/* A buffered body up to this size is kept in the request's arena, a larger one in pages of its own. */
#define BODY_IN_ARENA_MAX (64u << 10)

/* Pages that hold a large body until the request ends. */
struct body_pages {
    void *p;
    size_t n;
    struct block_chain chain; /* keeps the bytes counted against limits.body.total */
    size_t charged;           /* counted there apart from the chain */
    struct body_pages *next;
};

struct request {
    struct conn *conn;
    const struct http_head *head;
    struct arena *arena;
    struct program *program;
    struct rt rt;

    const struct api *api;
    const struct operation *operation;
    const struct product *product;
    const struct subscription *subscription;
    struct slice path; /* the client's, without dot segments */
    struct slice rest; /* of path behind the API's part */
    const char *not_found; /* why a 404, for the log; NULL: it is none of ours */

    struct forward forward;
    bool forwarded;    /* forward holds an exchange or its remains */
    uint64_t backend_ns;
    int backend_status;
    struct slice backend_url, backend_method;
    struct body_pages *pages;

    char id_text[36];
    uint32_t metrics_id;
    struct slice api_id, api_revision, operation_id, product_id, subscription_id, region, key_query; /* for the log */
};

/* The functions that policies call (rt_host). */
extern const struct rt_host request_host;

/* Find API and operation; false: a refusal was run. */
bool request_resolve(struct request *r);
/* Check the subscription key and set the product context; false: a refusal was run. */
bool request_authorize(struct request *r);
/* rt_host.send and rt_host.send_one_way. */
bool request_send(struct rt *rt, const struct rt_send *s, struct rt_message *response, struct rt_fault *fault);
bool request_send_one_way(struct rt *rt, const struct rt_send *s);
/* The chain, which is emptied, as one run of bytes that lives until the request ends. False: no memory. */
bool request_keep_body(struct request *r, struct block_chain *chain, struct slice *out) WARN_UNUSED;
/* Give back what bodies hold. */
void request_free_bodies(struct request *r);
/* rt_host.forward, body_read, body_fits and body_room. */
enum verdict request_forward(struct rt *rt, const struct rt_forward *options);
bool request_body_read(struct rt *rt, struct rt_message *m, struct rt_fault *fault);
bool request_body_fits(struct rt *rt, const struct rt_message *m);
char *request_body_room(struct rt *rt, size_t n);
/* The streamed request body, whole, so that it can be sent more than once. False: *fault is filled. */
bool request_body_keep(struct request *r, struct rt_fault *fault);
/* What went wrong with a body as a policy's fault; false. */
bool request_body_fault(struct request *r, const struct forward *f, struct rt_fault *fault);

#endif
