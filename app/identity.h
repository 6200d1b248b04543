/* Access tokens of the machine's own identity, for authentication-managed-identity. Where they come from is found as Azure's SDKs find
 * it; in this order:
 *
 *   workload identity   AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and a client (the policy's, else AZURE_CLIENT_ID): the file is
 *                       exchanged for a token at AZURE_AUTHORITY_HOST (client assertion, RFC 7523 2.2)
 *   App Service         IDENTITY_ENDPOINT and IDENTITY_HEADER
 *   Azure Arc           IDENTITY_ENDPOINT and IMDS_ENDPOINT, or its agent is installed: a challenge names a file to be read
 *   IMDS                otherwise: identity.imds.endpoint
 *
 * Tokens are kept for the whole process, and never written to a log or a trace. */
#ifndef APP_IDENTITY_H
#define APP_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

/* Tokens kept, the least recently used goes first; a resource and a client together; one token (they have 2 to 4 kB). */
#define IDENTITY_TOKENS_MAX 64u
#define IDENTITY_NAME_MAX 1024u
#define IDENTITY_TOKEN_MAX (16u << 10)
/* Time for one exchange. Where no source is, connecting ends sooner. */
#define IDENTITY_CONNECT_MS 2000u
#define IDENTITY_FETCH_MS 10000u
/* After a failure: so long it is everybody's answer; so long a token that is still good is not renewed. */
#define IDENTITY_AGAIN_MS 1000u
#define IDENTITY_RENEW_AGAIN_MS 30000u

/* ---- the sources ---- */

#define IDENTITY_ARC_URL "http://127.0.0.1:40342/metadata/identity/oauth2/token"
#define IDENTITY_ARC_AGENT "/opt/azcmagent/bin/himds"
/* A challenge may name files of this folder only, and no larger ones. */
#define IDENTITY_ARC_FOLDER "/var/opt/azcmagent/tokens"
#define IDENTITY_ARC_FILE_MAX 4096u

/* What the environment says; NULL: nothing. Texts are borrowed. */
struct identity_sources {
    const char *federated_file, *tenant, *client, *authority;
    const char *endpoint, *header, *imds_of_arc;
    bool arc_agent;
    const char *imds;
};

struct identity_answer {
    struct slice token;
    uint64_t seconds; /* that it is good for */
};

/* Get a token; texts are in the arena. Any thread or fiber; waits. err says which source, and why. client may be empty. */
bool identity_fetch(const struct identity_sources *from, struct slice resource, struct slice client, struct arena *a,
                    struct identity_answer *out, struct err *err);
/* The file that an Arc challenge names ("Basic realm=PATH"), zero-terminated in the arena; NULL: it is none that may be read. */
const char *identity_arc_file(struct arena *a, struct slice challenge);
/* The answer of a source. */
bool identity_read_answer(struct slice body, uint64_t wall_ns, struct arena *a, struct identity_answer *out, struct err *err);

/* ---- the tokens ---- */

/* Before the carriers run: read the environment. imds: identity.imds.endpoint. */
void identity_open(const char *imds);
/* The token for a resource, copied to arena a. On a fiber; waits while nobody has one, shielded from cancellation. One fetch at a time
 * for each resource and client. False: err says why. */
bool identity_token(struct slice resource, struct slice client, struct arena *a, struct slice *token, struct err *err);

#endif
