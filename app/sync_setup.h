/* From settings to the options of a sync cycle, with hooks that compile what arrives. */
#ifndef APP_SYNC_SETUP_H
#define APP_SYNC_SETUP_H

#include "app/cli.h"
#include "app/program.h"
#include "platform/tls.h"
#include "sync/agent.h"

/* Endpoints and trust roots that settings may list. */
#define SYNC_LIST_MAX 16

struct sync_setup {
    struct slice endpoints[SYNC_LIST_MAX], roots[SYNC_LIST_MAX];
    struct sync_options options;
    char gateway_id[257];
    struct slice region, instance_id;
};

/* Fill setup from the settings; hooks check a generation by compiling it and activate nothing. What it points to lives as long as c and
 * setup. False: a message for exit 2. Does not check the endpoints: sync_options_check does. */
bool sync_setup_fill(struct cli *c, struct store *store, struct sync_setup *setup, struct err *err);

/* Suites and versions of TLS that settings allow, before sync_setup_trust. False: a message for exit 2. */
bool sync_setup_tls(const struct cli *c, struct err *err);
/* The CA certificates of net.client.tls.ca.path, and with certificates.local.ca.enabled those of the machine's administrator. */
bool sync_setup_trust(const struct cli *c, struct tls_trust **out, struct err *err);

/* gateway.id, or gateway.name, or the ID inside config.service.auth; empty when none is set. */
bool sync_setup_gateway_id(struct cli *c, char out[257], struct err *err);
/* The id to use for this generation: the one set, else the repository's only gateway, else the host name. */
struct slice sync_setup_choose_id(struct arena *a, const char *set, const struct store_generation *g);

#endif
