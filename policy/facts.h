/* Facts of the configuration that policies and expressions read: filled by app when it compiles a program,
 * immutable after. All text lives as long as the program. A pointer that is NULL in struct rt means that
 * `context` has null there. */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

/* Where requests may be sent. app embeds this as the first member of its own backend, behind which it keeps
 * the connection target, credentials, pool and breaker; policies only hand the pointer on. */
struct fact_backend {
    struct slice id;     /* of the entity; empty for a URL */
    struct slice scheme; /* "http" or "https" */
    struct slice host;   /* without brackets */
    unsigned port;       /* 0: the scheme's */
    struct slice path;   /* base path without trailing slash: "" or "/api" */
};

struct fact_pair {
    struct slice id, name; /* groups: Id, Name; identities: Id, Provider */
};

struct fact_pairs {
    const struct fact_pair *v;
    unsigned n;
};

struct fact_names {
    const struct slice *v;
    unsigned n;
};

/* Where a subscription key may stand in the query, when the API names no other parameter. */
#define DEFAULT_KEY_QUERY "subscription-key"

struct fact_api {
    struct slice id, name, path, revision, version;
    bool is_current;
    struct slice service_url;            /* as configured, for context.Api.ServiceUrl */
    struct slice key_header, key_query;  /* names of the subscription key's parameters */
    struct fact_names protocols;
    const struct fact_backend *backend;  /* of service_url; NULL: set-backend-service must name one */
};

/* A response that the specification describes, for mock-response. */
struct fact_sample {
    struct slice content_type;
    struct slice body; /* an example, or a sample made from the schema */
};

struct fact_response {
    int status;
    const struct fact_sample *samples;
    unsigned n;
};

struct fact_operation {
    struct slice id, name, method, url_template;
    struct fact_names query_names; /* parameter names in the query part of url_template, literal ones too */
    const struct fact_response *responses;
    unsigned n_responses;
    bool is_websocket;             /* onHandshake: policies that cannot act there are skipped */
};

struct fact_product {
    struct slice id, name;
    struct slice state; /* "Published", "NotPublished" */
    bool approval_required, subscription_required;
    bool has_limit;
    int64_t limit;      /* SubscriptionLimit */
    struct fact_pairs groups;
    const struct fact_api *const *apis;
    unsigned n_apis;
};

struct fact_subscription {
    struct slice id, name;
    uint64_t created_ns, start_ns, end_ns; /* wall time; 0: none */
};

struct fact_user {
    struct slice id, email, first_name, last_name, note;
    uint64_t registered_ns;
    struct fact_pairs groups, identities;
};

struct fact_certificate {
    struct slice id;
    struct slice der;
    struct slice key; /* empty: only the public part is known */
};

struct fact_deployment {
    struct slice gateway_id, instance_id, region, service_id, service_name;
    const struct fact_certificate *certificates;
    unsigned n_certificates;
};

#endif
