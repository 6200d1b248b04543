/* The one header a policy includes. Here: the run side, what a request is while policies run over it. Compile
 * side: comp.h.
 *
 * A policy is one file in builtin/ with one const struct policy_def and a line in policies.def. Its compile()
 * turns an element into an immutable plan in the program's arena; its run() reads plan and request, never
 * writes to the plan, and may wait where the host waits. Memory comes from rt->arena alone. */
#ifndef POLICY_RT_H
#define POLICY_RT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/buf.h"
#include "platform/base/hash.h"
#include "platform/base/slice.h"
#include "platform/clock.h"
#include "platform/http.h"
#include "policy/comp.h"
#include "policy/expr/expr.h"
#include "policy/expr/host.h"
#include "policy/facts.h"
#include "policy/ip.h"
#include "policy/liquid/liquid.h"
#include "policy/uri.h"

struct rt;
struct jwt_provider;

/* ---- what a policy is ---- */

/* What running a statement came to. Anything but NEXT ends its block and those around it. */
enum verdict {
    VERDICT_NEXT,     /* go on with the next statement */
    VERDICT_RETURN,   /* the response is final: send it (return-response, mock-response) */
    VERDICT_ANSWERED, /* the response is there: go on with outbound (a cache hit) */
    VERDICT_FAIL,     /* rt->error says why: on-error */
};

#define POLICY_NO_WEBSOCKET 1u /* skipped on the handshake of a WebSocket API (gateway.md 6) */
#define POLICY_PREFLIGHT 2u    /* also run for a CORS preflight (cors) */
#define POLICY_STRUCTURE 4u    /* base, choose...: not traced as a step of its own */

struct policy_def {
    const char *name;
    unsigned sections; /* IN_INBOUND | ... */
    unsigned flags;    /* POLICY_... */
    unsigned scopes;   /* AT_PRODUCT | ...; 0: all */
    bool (*compile)(struct comp *c, const struct xml_node *n, const void **plan);
    enum verdict (*run)(struct rt *rt, const void *plan);
    /* Statements that count as standing in its place (include-fragment). NULL: none. */
    const struct policy_block *(*splice)(const void *plan);
    const char *doc;   /* one line for reference pages */
};

/* All of them are declared here, so that a policy's file needs no declaration of its own. */
#define POLICY(symbol) extern const struct policy_def policy_##symbol;
#define UNBUILT(element, sections)
#define SKIPPED(element)
#include "policy/policies.def"
#undef POLICY
#undef UNBUILT
#undef SKIPPED

/* A compiled statement, and where it stands. */
struct policy_step {
    const struct policy_def *def;
    const void *plan;
    const char *file;
    unsigned line, column;
    struct slice path; /* LastError.Path: "choose[3]/when[2]/set-header" */
    struct slice id;   /* LastError.PolicyId */
};

/* ---- messages ---- */

enum rt_body_state {
    RT_BODY_NONE,
    RT_BODY_STREAM,   /* not read yet: the host has it */
    RT_BODY_SLICE,    /* whole, in `data`; valid until the request ends */
    RT_BODY_CODED,    /* the same, but still compressed as Content-Encoding says */
    RT_BODY_CONSUMED, /* an expression took it without preserveContent: nothing is left to send */
};

struct rt_body {
    enum rt_body_state state;
    struct slice data;
};

/* A request URL on its way to the backend: {backend}{path}?{query}. */
struct rt_url {
    const struct fact_backend *backend; /* NULL: none (yet); scheme, host and port are the original ones */
    struct slice path;                  /* behind the backend's base path: "/" and more; not decoded */
    struct slice query;                 /* without '?' */
};

/* A request or a response; the fields of the other kind are unused. */
struct rt_message {
    struct expr_message expr;  /* first: how expressions see it */
    struct rt *rt;
    bool present;              /* false: `context` has null here */
    bool is_response;
    struct http_fields fields; /* in rt->arena, may change. Framing and hop-by-hop fields are not sent */
    struct rt_body body;
    /* requests */
    struct slice method;
    struct rt_url url;
    bool host_set;             /* a policy has set Host: send that one */
    /* responses */
    int status;
    struct slice reason;       /* empty: the default phrase */
    void *app;                 /* the host's own: where a streamed body comes from */
};

/* ---- errors ---- */

/* A failure with the answer that the client gets when no on-error policy changes it. */
struct rt_fault {
    int status;
    const char *status_reason; /* NULL: the default phrase */
    const char *reason;        /* LastError.Reason */
    struct slice message;      /* LastError.Message */
    struct slice text;         /* "message" of the body; p == NULL: message. */
    bool internal;             /* body says "Internal server error" with the activityId, whatever `message` */
    struct slice header, header_value; /* one field of the answer: WWW-Authenticate, Retry-After */
};

/* context.LastError. */
struct rt_error {
    bool present;
    struct slice source, reason, message, scope, section, path, policy_id;
    int status;
};

/* ---- what the host does for policies ---- */

/* forward-request, as compiled and evaluated. */
struct rt_forward {
    uint64_t timeout_ms;    /* until the response head */
    uint64_t continue_ms;   /* 0: not given */
    enum rt_http_version { RT_HTTP_1, RT_HTTP_2OR1, RT_HTTP_2 } http_version;
    bool follow_redirects;
    bool buffer_request;    /* keep the request body, so that it can be sent again */
    bool buffer_response;
};

/* A request of its own (send-request), as evaluated. */
struct rt_send {
    const struct rt_message *message; /* method, fields, body (none or SLICE); its url is not used */
    struct slice url;                 /* absolute, http or https */
    uint64_t timeout_ms;              /* for all of the exchange */
};

/* Outcome of a rate counter. */
struct rt_rate {
    bool allowed;
    uint64_t remaining;     /* calls left after this one */
    uint64_t retry_after_s; /* when not allowed: until a call is free, rounded up, at least 1 */
};

/* A fixed window counter (quota): window number `index` of `period_s` seconds; period 0: one for ever. */
struct rt_quota_window {
    uint64_t period_s, index;
};
struct rt_quota_use {
    uint64_t calls, bytes; /* in this window so far */
};

/* What went on, while rt->tracing. */
struct rt_trace {
    const struct policy_step *step; /* NULL: a step of the gateway itself */
    struct slice source;            /* "set-header", or the source of a trace policy */
    enum rt_trace_level { RT_TRACE_VERBOSE, RT_TRACE_INFORMATION, RT_TRACE_ERROR } level;
    struct slice message;
    uint64_t elapsed_ns;            /* since the request began */
    bool custom;                    /* of a trace policy or context.Trace(): also goes to the log */
};

/* A dimension of a custom metric. */
struct rt_dimension {
    struct slice name, value;
};

/* Filled by app; by fakes in unit tests. Functions that may wait say so. NULL: not available (the user of it
 * fails). */
struct rt_host {
    /* Send rt->request and fill rt->response, body STREAM or NONE. Waits. On failure rt_fail() and
     * VERDICT_FAIL. */
    enum verdict (*forward)(struct rt *rt, const struct rt_forward *options);
    /* Perform an exchange of its own and fill *response (rt_new_response), its body NONE or SLICE. Waits. On failure fills
     * *fault. */
    bool (*send)(struct rt *rt, const struct rt_send *s, struct rt_message *response, struct rt_fault *fault);
    /* The same without waiting or an answer. False: too many are under way. */
    bool (*send_one_way)(struct rt *rt, const struct rt_send *s);
    /* Make the body of m whole and plain (m->body.state STREAM or CODED -> SLICE, or NONE when it is empty;
     * a compressed one loses its Content-Encoding). Waits. On failure fills *fault. */
    bool (*body_read)(struct rt *rt, struct rt_message *m, struct rt_fault *fault);
    /* Room for a body of n bytes outside of the arena, until the request ends; NULL: the limits of bodies are
     * reached. May be NULL: the arena is taken. */
    char *(*body_room)(struct rt *rt, size_t n);
    /* May the body of m, which is not read yet, be made whole without harm? False: it is passed on piece by piece, or longer than
     * a whole one may be. May be NULL: none may. */
    bool (*body_fits)(struct rt *rt, const struct rt_message *m);
    /* A backend by id / by a URL that was computed. NULL: unknown, or err says what is wrong with the URL. */
    const struct fact_backend *(*backend)(struct rt *rt, struct slice id);
    const struct fact_backend *(*backend_url)(struct rt *rt, struct slice url, struct err *err);
    /* Sliding window over key: would `amount` more pass under `calls` in period_s seconds? If so count them
     * (0: only ask). */
    void (*rate_take)(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s, uint64_t amount,
                      struct rt_rate *out);
    /* Count without asking. */
    void (*rate_add)(struct rt *rt, struct slice key, uint64_t calls, uint64_t period_s, uint64_t amount);
    /* Count calls and bytes into a window (both may be 0) when the limits (UINT64_MAX: none) are not reached
     * yet; *use is what was used before. False: a limit is reached, nothing was counted. */
    bool (*quota_take)(struct rt *rt, struct slice key, const struct rt_quota_window *w, uint64_t max_calls,
                       uint64_t max_bytes, uint64_t calls, struct rt_quota_use *use);
    void (*quota_add)(struct rt *rt, struct slice key, const struct rt_quota_window *w, uint64_t calls,
                      uint64_t bytes);
    /* Bytes received from and sent to the client for this request so far. */
    uint64_t (*traffic)(struct rt *rt);
    /* An access token of the machine's own identity for a resource; client: which of its identities, or empty. The token lives as long
     * as the request. Waits. On failure fills *fault. */
    bool (*identity_token)(struct rt *rt, struct slice resource, struct slice client, struct slice *token,
                           struct rt_fault *fault);
    /* Add to a custom metric: one series for each set of values of the dimensions. May be NULL. */
    void (*metric)(struct rt *rt, struct slice space, struct slice name, double value, const struct rt_dimension *d, unsigned n);
    /* One more inside `key`? False when `max` are. Every true is followed by one leave. */
    bool (*enter)(struct rt *rt, struct slice key, uint64_t max);
    void (*leave)(struct rt *rt, struct slice key);
    /* The value cache. What get gives lives as long as the request; put copies, a value that cannot be copied
     * (expr_value_copy) is dropped. All three NULL: there is no cache, everything misses. */
    bool (*cache_get)(struct rt *rt, struct slice key, struct expr_value *out);
    void (*cache_put)(struct rt *rt, struct slice key, struct expr_value value, uint64_t seconds);
    void (*cache_remove)(struct rt *rt, struct slice key);
    /* Monotonic and wall nanoseconds. */
    uint64_t (*now)(struct rt *rt);
    uint64_t (*wall)(struct rt *rt);
    /* Waits. False: the request was cancelled (client gone, drain). */
    bool (*sleep)(struct rt *rt, uint64_t ms);
    /* Give way during long evaluations. May be NULL. */
    void (*pause)(struct rt *rt);
    /* May be NULL. */
    void (*trace)(struct rt *rt, const struct rt_trace *t);
    /* What is known of the OpenID Connect provider with this discovery URL; it stays as it is until it is given back to
     * provider_done. Waits while it is fetched for the first time. NULL: it could not be fetched yet. unfit not NULL: its keys do not
     * have the one that a token names; then NULL: there are no newer ones, or it is too early to ask again. */
    const struct jwt_provider *(*provider)(struct rt *rt, struct slice url, const struct jwt_provider *unfit);
    void (*provider_done)(struct rt *rt, const struct jwt_provider *p);
    /* Run fn(arg), which may take milliseconds and must not wait, where it holds nobody up. Waits. May be NULL. */
    void (*work)(struct rt *rt, void (*fn)(void *arg), void *arg);
    /* The client's TLS certificate. May be NULL. */
    bool (*client_certificate)(struct rt *rt, struct expr_certificate *out);
    bool (*verify_certificate)(struct rt *rt, struct slice der, bool revocation);
};

/* ---- the request ---- */

/* An include-fragment whose fragment is running. */
struct rt_include {
    const struct policy_step *step;
    const struct rt_include *outer;
};

struct rt_parameter {
    struct slice name, value; /* value decoded */
    struct slice raw;         /* as in the URL */
    bool in_query;            /* of the template's query part */
};

struct rt_variable {
    struct slice name;
    uint32_t hash;
    struct expr_value value;
};

/* Something to do when the response is final (rt_defer). */
struct rt_deferred {
    struct rt_deferred *next;
    void (*run)(struct rt *rt, const void *plan, void *data);
    const void *plan;
    void *data;
    const struct policy_step *step;
};

/* Something to do when the backend has answered (rt_on_answer). */
struct rt_awaiting {
    struct rt_awaiting *next;
    enum verdict (*run)(struct rt *rt, const void *plan, void *data);
    const void *plan;
    void *data;
    const struct policy_step *step;
};

/* One request while policies run over it. Set up by rt_init and then by app; app reads request and response
 * from it. */
struct rt {
    struct arena *arena;
    const struct rt_host *host;
    void *app;                          /* the host's own */
    const struct policy_pipeline *pipeline;

    struct rt_message request;
    struct rt_message response;

    /* As the client called the gateway; set by app. */
    struct expr_url original;           /* context.Request.OriginalUrl */
    struct slice client_ip;
    const struct rt_parameter *parameters; /* of the matched template */
    unsigned n_parameters;
    struct slice request_id;            /* a GUID, "D" form */
    uint64_t started_ns;                /* monotonic */
    uint64_t timestamp_ns;              /* wall: context.Timestamp */
    struct slice subscription_key;      /* the one presented */
    bool key_is_secondary;
    bool tracing;
    uint32_t expression_steps;          /* limits.expression.steps; 0: the engine's */

    /* Facts; NULL is null. deployment is never NULL. */
    const struct fact_api *api;
    const struct fact_operation *operation;
    const struct fact_product *product;
    const struct fact_subscription *subscription;
    const struct fact_user *user;
    const struct fact_deployment *deployment;

    struct rt_error error;
    bool over_budget; /* limits.arena or limits.expression.steps was reached: to be counted */

    /* Kept by the runtime. */
    struct expr_run *evaluation;        /* the running one */
    struct rt_variable *variables;
    unsigned n_variables, room_variables;
    enum section section;
    unsigned level; /* which document of the section's chain runs: base goes one further out */
    const struct policy_step *step;     /* the running statement */
    const struct rt_include *include;   /* the innermost include-fragment that it runs in; NULL: none */
    struct rt_message *fresh;           /* ON_FRESH: the response that return-response is making */
    struct rt_message *sent;            /* ON_SENT: the request that send-request is making */
    struct http_fields late_fields;     /* rt_late_header */
    struct rt_deferred *deferred, *after_sending;
    struct rt_awaiting *awaiting;       /* in order */
    unsigned skip;                      /* POLICY_... flags of statements that do not run */
    unsigned trace_lines;               /* written so far */
    bool preflight;                     /* policy_run_preflight: cors answers */
    unsigned backend_id_level; /* 1 + the level whose set-backend-service gave a backend-id; 0: none did */
    struct rt_fault body_fault;         /* of the last body that could not be read; status 0: none */
    struct http_field error_fields[4];  /* the default 500 needs no arena */
    char error_body[192];
};

/* ---- evaluating attributes ---- (False: rt_fail was called, return VERDICT_FAIL.) */

/* ToString(); absent attributes and null give p == NULL. */
bool rt_text(struct rt *rt, const struct value *v, struct slice *out) WARN_UNUSED;
bool rt_bool(struct rt *rt, const struct value *v, bool *out) WARN_UNUSED;
/* Checked against the bounds given at compile time. */
bool rt_int(struct rt *rt, const struct value *v, int64_t *out) WARN_UNUSED;
/* One of v's names (comp_attr_enum). */
bool rt_enum(struct rt *rt, const struct value *v, int *out) WARN_UNUSED;
/* The value with its .NET type. */
bool rt_value(struct rt *rt, const struct value *v, struct expr_value *out) WARN_UNUSED;
/* A field name with its hash; a computed one that is no token fails. */
bool rt_name(struct rt *rt, const struct value *v, struct slice *name, uint32_t *hash) WARN_UNUSED;

/* The texts of vs into out[0..vs->n). */
#define RT_VALUES_MAX 32u
bool rt_texts(struct rt *rt, const struct values *vs, struct slice *out) WARN_UNUSED;

/* A Liquid template over m's body (read->text and read->format are found here) and `context`. Waits. */
bool rt_liquid(struct rt *rt, const struct liquid *l, struct rt_message *m, const struct liquid_body *read,
               struct slice *out) WARN_UNUSED;

/* ---- running ---- */
/* Statements one after the other until one says other than NEXT. */
enum verdict rt_run(struct rt *rt, const struct policy_block *b);
/* What the section of the next scope outwards holds (<base/>). */
enum verdict rt_run_base(struct rt *rt);
/* The scope whose document runs. */
enum policy_scope rt_scope(const struct rt *rt);

/* ---- failing ---- (All return VERDICT_FAIL. The first failure of a statement counts.) */
/* 500 "Internal server error" with the activityId. source NULL: the running statement's element. */
enum verdict rt_fail(struct rt *rt, const char *source, const char *reason, struct slice message);
enum verdict rt_fail_fault(struct rt *rt, const char *source, const struct rt_fault *fault);
/* LastError alone: rt->response stays as it is (forward-request with fail-on-error-status-code). */
enum verdict rt_fail_keep(struct rt *rt, const char *source, const char *reason, struct slice message);
/* The arena is full: 500. */
enum verdict rt_fail_memory(struct rt *rt);
/* The host cannot do `what`: 500. */
enum verdict rt_unavailable(struct rt *rt, const char *what);
/* Text in the arena. */
#define rt_printf(rt, ...) arena_printf((rt)->arena, __VA_ARGS__)

/* ---- messages ---- */
struct rt_message *rt_message(struct rt *rt, enum comp_target on);
/* Is there a response? If not make an empty 200. */
void rt_need_response(struct rt *rt);
/* A response of its own with nothing in it, not yet rt->response. NULL when the arena is full. */
struct rt_message *rt_new_response(struct rt *rt);
/* A request of its own: GET with nothing in it (send-request). NULL when the arena is full. */
struct rt_message *rt_new_request(struct rt *rt);
/* Has the host to be asked before its bytes can be looked at? */
static inline bool rt_body_is_unread(const struct rt_message *m)
{
    return m->body.state == RT_BODY_STREAM || m->body.state == RT_BODY_CODED;
}
/* Whole body of m, decompressed; p == NULL when it has none. Waits. False: failed. */
bool rt_body(struct rt *rt, struct rt_message *m, struct slice *out) WARN_UNUSED;
/* Replace it; Content-Length in the fields follows. data must live as long as the request. */
bool rt_set_body(struct rt *rt, struct rt_message *m, struct slice data) WARN_UNUSED;

/* Every line of that name joined by commas, as expressions see it; p == NULL: it is absent (or no memory). */
struct slice rt_header(struct rt *rt, const struct rt_message *m, struct slice name, uint32_t hash);
/* Every occurrence of `from` in the body of m becomes `to`. Nothing happens without a body. Waits. */
bool rt_replace_in_body(struct rt *rt, struct rt_message *m, struct slice from, struct slice to) WARN_UNUSED;
/* Does the message's Content-Type have this media type, or one with this suffix ("+json")? */
bool rt_is_media_type(const struct rt_message *m, const char *const *types);

enum exists_action { EXISTS_OVERRIDE, EXISTS_SKIP, EXISTS_APPEND, EXISTS_DELETE };
/* set-header's rules (policies.md 7): joining of several values, fields that cannot be changed. */
bool rt_set_header(struct rt *rt, struct rt_message *m, struct slice name, uint32_t hash,
                   const struct slice *values, size_t n, enum exists_action action) WARN_UNUSED;
/* A field of the final response, whatever becomes of the present one; replaces one of that name. */
bool rt_late_header(struct rt *rt, struct slice name, struct slice value) WARN_UNUSED;

/* Values of caching-type; there is one cache, so that all mean the same. */
extern const struct value_name rt_caching_types[];

/* ---- variables ---- */
bool rt_set_variable(struct rt *rt, struct slice name, struct expr_value value) WARN_UNUSED;
bool rt_variable(const struct rt *rt, struct slice name, struct expr_value *out);

/* ---- the rest ---- */
/* RFC 4648 base64; p == NULL: the arena is full. */
struct slice rt_base64(struct rt *rt, struct slice data);
/* Template parameter, name without regard to case. */
const struct rt_parameter *rt_parameter(const struct rt *rt, struct slice name);
/* context.Request.Url, or of any request message. Text in the arena. */
void rt_url(const struct rt_message *m, struct expr_url *out);
/* Run fn when the response is final, last in first out. */
bool rt_defer(struct rt *rt, void (*fn)(struct rt *rt, const void *plan, void *data), const void *plan,
              void *data) WARN_UNUSED;
/* Run fn when the answer has been sent, as far as it went. The program may be gone by then: `data` is all it has. */
bool rt_defer_sent(struct rt *rt, void (*fn)(struct rt *rt, const void *plan, void *data), void *data) WARN_UNUSED;
/* Run fn before outbound, when inbound and backend have come to a response; first in first out. Nothing else of outbound runs when
 * it fails. */
bool rt_on_answer(struct rt *rt, enum verdict (*fn)(struct rt *rt, const void *plan, void *data), const void *plan,
                  void *data) WARN_UNUSED;
/* A line of the request trace; nothing is formatted unless rt->tracing. */
#define rt_trace(rt, ...)                           \
    do {                                            \
        if (UNLIKELY((rt)->tracing))                \
            rt_trace_line((rt), __VA_ARGS__);       \
    } while (0)
void rt_trace_line(struct rt *rt, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What an author wrote (trace, context.Trace()): goes to the log as well, tracing or not. */
void rt_trace_custom(struct rt *rt, struct slice source, enum rt_trace_level level, struct slice message);

/* ---- what several policies share ---- */
#include "policy/convert.h"
#include "policy/limit.h"
#include "policy/llm.h"
#include "policy/metric.h"
#include "policy/send.h"
#include "policy/validate_token.h"

#endif
