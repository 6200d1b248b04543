/* The program: one generation of the configuration, compiled and immutable (architecture.md decision 4): route tables, key index,
 * backends, the effective policy of every operation in every product context. Built off the carriers; requests only read it. */
#ifndef APP_PROGRAM_H
#define APP_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "app/live.h"
#include "app/router.h"
#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/map.h"
#include "platform/crypto.h"
#include "platform/http1_client.h"
#include "policy/policy.h"

/* Memory one program may take while it is built and kept. */
#define PROGRAM_BYTES_MAX (512u << 20)

/* Fields or query parameters that a backend's credentials add to every call. */
struct backend_pair {
    struct slice name, value;
    struct backend_pair *next;
};

/* Where requests go. fact is first: policies hand the pointer on. */
struct backend {
    struct fact_backend fact;
    struct http1_target target;
    struct backend_pair *headers, *query;
};

struct product;

/* The effective policy in the context of a product (NULL: none). */
struct pipeline_in {
    const struct product *product;
    const struct policy_pipeline *pipeline;
};

struct pipelines {
    const struct pipeline_in *v;
    unsigned n;
};

struct operation {
    struct fact_operation fact;
    const struct api *api;
    struct pipelines pipelines;
    uint32_t metrics_id;
};

struct api {
    struct fact_api fact;
    struct slice root_id;           /* without ";rev=N" */
    struct slice public_path;       /* with the version segment, without slashes at its ends */
    bool http, https;
    bool websocket;                 /* lists ws or wss: upgrades pass */
    bool subscription_required;
    const struct product *open_product; /* contains this API and asks for no subscription */
    struct route_table routes;
    struct pipelines pipelines;     /* for requests that match no operation */
    const struct policy_document *document;
    uint32_t metrics_id;
    _Atomic uint64_t scheme_logged; /* when a call by the wrong scheme was last logged, seconds of the monotonic clock */
};

struct product {
    struct fact_product fact;
    const struct policy_document *document;
    struct map apis; /* root ids */
};

enum key_scope { KEY_SCOPE_ALL, KEY_SCOPE_PRODUCT, KEY_SCOPE_API, KEY_SCOPE_NOTHING };

struct subscription {
    struct fact_subscription fact;
    bool active, allow_tracing;
    enum key_scope scope;
    const struct product *product;
    struct slice api; /* root id */
    const struct fact_user *user;
};

struct key_entry {
    const struct subscription *subscription;
    bool secondary;
};

/* A client certificate that a backend is called with. */
struct program_identity {
    struct tls_identity *identity;
    struct program_identity *next;
};

/* Discovery documents that policies will ask for (app/oidc.h). */
struct provider_url {
    struct slice url;
    struct provider_url *next;
};

struct program {
    struct live_hold hold; /* first: see live.h */
    struct arena arena;
    uint64_t generation;
    uint64_t serial;       /* no other program of this process has it */
    struct fact_deployment deployment;
    struct api_paths paths;
    struct map apis;       /* id -> struct api */
    struct map operations; /* "api/op" -> struct operation */
    struct map products, backends, fragments, named_values, users, version_sets;
    struct map keys;       /* HMAC of a key -> struct key_entry */
    uint8_t key_salt[CRYPTO_SHA256_BYTES];
    bool has_key_salt;
    const struct policy_pipeline *global; /* no API matched */
    struct provider_url *providers;
    unsigned n_apis, n_operations, n_subscriptions;
    struct program_identity *identities; /* to close with it */
};

/* What the program is built from, and for whom. */
struct program_input {
    const struct slice *lines; /* entities, one JSON text each; need not outlive the call */
    size_t n;
    uint64_t generation;
    struct slice gateway_id;   /* empty: all APIs, whatever the gateways say (publish, check) */
    struct slice region;       /* empty: locationData.name of the gateway */
    struct slice instance_id;
};

/* What was found on the way. */
struct program_report {
    void (*diagnostic)(void *arg, const struct policy_diagnostic *d); /* policies; may be NULL */
    void (*warning)(void *arg, const char *text);                     /* may be NULL */
    void *arg;
};

/* Build. False: err names what is wrong (the first fault; all policy faults went to report->diagnostic). */
bool program_build(const struct program_input *input, const struct program_report *report, struct program **out, struct err *err);
void program_free(struct program *p);

/* A backend for an absolute URL, in arena a. NULL: err. */
struct backend *program_backend_for_url(struct arena *a, struct slice url, struct err *err);
/* The pipeline for a product context. */
const struct policy_pipeline *program_pipeline(const struct pipelines *p, const struct product *product);
/* HMAC of a presented key under the program's salt; out has CRYPTO_SHA256_BYTES bytes. */
const struct key_entry *program_find_key(const struct program *p, struct slice key);

#endif
