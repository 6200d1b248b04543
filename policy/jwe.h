/* Encrypted tokens (RFC 7516, compact form): what is inside one is a signed token. Key management: dir, A128KW to A256KW, RSA-OAEP,
 * RSA-OAEP-256; content: A128CBC-HS256, A192CBC-HS384, A256CBC-HS512, those of the original. RSA1_5 is not taken: its padding tells
 * too much. */
#ifndef POLICY_JWE_H
#define POLICY_JWE_H

#include "policy/jwt.h"

/* Has it five parts? */
bool jwe_is(struct slice token);
/* Decrypt with the first of the keys that does: secrets, and private keys (milliseconds: never on a carrier). *inner is in the
 * arena. */
bool jwe_open(struct arena *a, struct slice token, const struct jwt_keys *keys, struct slice *inner, struct jwt_fault *fault) WARN_UNUSED;

#endif
