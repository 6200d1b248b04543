/* A gateway in a box for policy tests: compile scopes from text, run a request over them against a scripted
 * backend.
 *
 *     rig_global("<policies>...</policies>");  rig_operation("<policies>...</policies>");
 *     rig_request("GET", "/a?x=1", "X-A: 1\nX-B: 2", NULL);
 *     rig_run();
 *     assert_int_equal(rig.rt.response.status, 200);                                     */
#ifndef TESTS_POLICY_RIG_H
#define TESTS_POLICY_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/check.h"
#include "policy/policy.h"

#define RIG_PAIRS 16
#define RIG_COUNTERS 32

struct rig_pair {
    const char *name, *value;
};

struct rig_counter {
    struct slice key;
    uint64_t calls_limit, period_s;
    uint64_t used, bytes;
    uint64_t window;  /* quota: index */
    int64_t inside;   /* enter/leave */
};

struct rig {
    struct arena program, request;
    struct policy_compiler *compiler;
    struct rig_pair named_values[RIG_PAIRS], fragments[RIG_PAIRS];
    const struct policy_document *documents[SCOPE_COUNT]; /* innermost first */
    struct rt rt;
    struct rt_host host;

    /* the scripted backend */
    int status;                /* 0: the call fails with BackendConnectionFailure */
    const char *answer_fields; /* "A: 1\nB: 2" */
    const char *answer_body;
    int fail_times;            /* so many calls fail first */
    unsigned forwarded;        /* calls so far */
    struct rt_forward options; /* of the last one */
    char sent_url[512], sent_method[32], sent_body[1024];
    bool body_fails, body_too_long; /* the latter: it does not fit */

    /* the scripted service of send-request */
    int call_status;           /* 0: the call fails with Timeout */
    unsigned calls;
    char call[1024];           /* the last one: "METHOD URL [X-A, or Authorization] BODY" */
    uint64_t call_timeout_ms;

    /* what the host knows of a provider: now, and when its keys do not fit (NULL: no more) */
    const struct jwt_provider *provider, *newer_provider;
    char provider_url[256];    /* the last one asked for */
    unsigned provider_asked, provider_held, worked;
    const struct fact_certificate *certificates; /* of the configuration */
    unsigned n_certificates;

    /* the machine's identity */
    const char *token;         /* NULL: there is none */
    char token_for[256];       /* "RESOURCE [CLIENT]" of the last question */

    /* custom metrics: a line "SPACE/NAME=VALUE DIMENSION=VALUE ..." each */
    char metrics[2048];

    /* time, counters, trace */
    uint64_t now_ns, wall_ns;
    uint64_t slept_ms[16];
    unsigned sleeps;
    struct rig_counter counters[RIG_COUNTERS];
    unsigned n_counters;
    uint64_t traffic, answer_bytes; /* to and from the client; the second when the answer is sent */
    char trace[4096];

    struct fact_api api;
    struct fact_operation operation;
    struct fact_product product;
    struct fact_subscription subscription;
    struct fact_user user;
    struct fact_deployment deployment;
};

extern struct rig rig;

int rig_setup(void **state);
int rig_teardown(void **state);
#define rig_test(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

void rig_named_value(const char *name, const char *value);
void rig_fragment(const char *id, const char *text);
/* Compile; fails the test, with the diagnostics, when it does not. */
void rig_global(const char *text);
void rig_product(const char *text);
void rig_api(const char *text);
void rig_operation(const char *text);
/* <policies> with one section in the operation's scope. */
void rig_inbound(const char *statements);
void rig_outbound(const char *statements);
void rig_on_error(const char *statements);
/* Compile, with a new compiler, a document that must not: the first error is "line:column: message" with this
 * text in it. */
void rig_refused(const char *text, const char *expected);
/* The same for the inside of <inbound>, whatever the place. */
void rig_refused_inbound(const char *statements, const char *expected);
/* The compiler's warnings so far hold this text. */
void rig_warned(const char *expected);

/* A new request (before that: GET /). body NULL: none. */
void rig_request(const char *method, const char *target, const char *fields, const char *body);
void rig_parameter(const char *name, const char *value, bool in_query);
void rig_run(void);

/* Everything of that name in the table, joined by "|"; NULL when absent. */
const char *rig_field(const struct http_fields *f, const char *name);
void assert_slice(struct slice s, const char *expected);
void assert_field(const struct rt_message *m, const char *name, const char *expected);
void assert_response(int status, const char *body);
void assert_last_error(const char *source, const char *reason, const char *message);
/* Its text; "(none)" when it is not set, or null. */
const char *rig_variable(const char *name);

#endif
