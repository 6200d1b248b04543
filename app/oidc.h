/* OpenID Connect providers: what their discovery documents and key sets say, for validate-jwt (rt_host.provider).
 *
 * One provider per discovery URL, with one snapshot that never changes and is replaced as a whole. Who asks first has it fetched, by
 * a fiber of its own; others wait only while there is none yet. After oidc.refresh whoever comes first has it fetched again and
 * goes on with the old one, as does everybody for as long as fetching fails. A key that the snapshot does not have is reason to ask
 * again, but not before oidc.retry. (The original: an hour, five minutes; reference/policies.md 4.)
 *
 * Snapshots are kept in DIR/oidc, so that after a restart without a link tokens are still validated. */
#ifndef APP_OIDC_H
#define APP_OIDC_H

#include <stdbool.h>

#include "platform/base/slice.h"
#include "policy/jwk.h"

/* A provider that was never fetched leaves nobody with a valid token, so that its first failures are tried again sooner than
 * oidc.retry says: after 10 s, doubled each time. */
#define OIDC_RETRY_FIRST_MS 10000u
#define OIDC_RETRY_LEAST_MS 1000u
/* More providers than a configuration has; URLs may be computed, and must not fill the memory. */
#define OIDC_PROVIDERS_MAX 128u
/* Discovery documents have some 2 kB, key sets some 20 kB. */
#define OIDC_DOCUMENT_MAX (256u << 10)
#define OIDC_FETCH_MS 10000u

/* dir: the cache directory; NULL: nothing is kept. Before the carriers run. */
void oidc_open(const char *dir);
/* After the carriers, helpers and the HTTP client have ended. */
void oidc_close(void);
/* The carriers run: fetch what was asked for before. Any thread. */
void oidc_start(void);
/* Have it fetched if it is not there. Any thread. */
void oidc_want(struct slice url);
/* From a fiber: see rt_host.provider. */
const struct jwt_provider *oidc_acquire(struct slice url, const struct jwt_provider *unfit);
void oidc_release(const struct jwt_provider *p);

#endif
