/* Tokens whose signature was found good lately, by any thread: a client sends the same one for an hour, and a check with a public key costs
 * a tenth of a millisecond and a trip to the helper pool. An entry names token and key together, so that a key that is gone from the
 * configuration takes its tokens with it; lifetime and claims are judged each time. Only good ones are kept: guessing fills nothing. */
#ifndef POLICY_JWT_CACHE_H
#define POLICY_JWT_CACHE_H

#include "policy/jwt.h"

#define JWT_CACHE_ENTRIES 2048u

struct jwt_mark {
    uint64_t words[CRYPTO_SHA256_BYTES / sizeof(uint64_t)];
};
/* SHA-256 of key and token. */
void jwt_cache_mark(const struct jwt *j, const struct jwt_key *key, struct jwt_mark *out);
bool jwt_cache_has(const struct jwt_mark *mark);
void jwt_cache_add(const struct jwt_mark *mark);

#endif
