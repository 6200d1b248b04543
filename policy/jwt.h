/* JSON Web Tokens (RFC 7519) as signed by RFC 7515: reading one, verifying it, judging its claims. Pure: no clock, no key store, no
 * request. Reasons and messages are those of reference/policies.md 0.5, the messages in the words of the .NET library, whose codes
 * (IDX...) people look for; a token's text is never in them. */
#ifndef POLICY_JWT_H
#define POLICY_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"
#include "platform/json.h"
#include "policy/jwk.h"

/* Longer ones are refused: a request head that carries one is bounded near this too. */
#define JWT_BYTES_MAX (64u << 10)
/* Keys tried for one token whose key id names none of them. */
#define JWT_TRIES_MAX 16u

struct jwt {
    struct slice token;       /* all of it */
    struct slice signed_text; /* header "." payload, as it stands */
    struct slice signature;   /* decoded; empty: not signed */
    const struct json *header, *payload;
    struct slice algorithm, key_id; /* of the header; key_id may be empty */
};

/* Why a token is refused. message.p == NULL: the arena is full. */
struct jwt_fault {
    const char *reason;
    struct slice message;
};

/* Strict: three parts of base64url without padding, two JSON objects, an "alg", no "crit". */
bool jwt_parse(struct arena *a, struct slice token, struct jwt *out, struct jwt_fault *fault) WARN_UNUSED;

/* ---- signature ---- */

/* Which keys are to be tried: those that have the token's key id, or all when there is none. An algorithm takes keys of its own kind
 * alone: a public key is never a secret. */
struct jwt_candidates {
    const struct jwt_key *keys[JWT_TRIES_MAX];
    unsigned n;
    bool id_unknown; /* the token names a key, and every key has another id */
};
void jwt_find_candidates(const struct jwt *j, const struct jwt_keys *lists, unsigned n, struct jwt_candidates *out);
/* A key that fits does verify the token. With a public key it may take milliseconds: never on a carrier. */
bool jwt_verify(const struct jwt *j, const struct jwt_key *key);
/* Is the algorithm one whose check is cheap (HMAC)? */
bool jwt_is_cheap(const struct jwt *j);
/* Nothing verified it: what to say. any_keys: there were some, whatever their kind. */
void jwt_signature_fault(struct arena *a, const struct jwt *j, const struct jwt_candidates *c, bool any_keys, struct jwt_fault *fault);

/* ---- claims ---- */

struct jwt_lifetime {
    uint64_t now_ns; /* since 1970 */
    int64_t skew_s;
    bool require_expiration;
};
/* exp and nbf; iat does not decide (RFC 7519 4.1.6, and the .NET library). */
bool jwt_check_lifetime(struct arena *a, const struct jwt *j, const struct jwt_lifetime *l, struct jwt_fault *fault) WARN_UNUSED;

/* The values of a claim as texts: elements of an array, numbers and booleans as JSON writes them. False: it is absent. */
struct jwt_values {
    struct slice *v;
    size_t n;
};
bool jwt_claim(struct arena *a, const struct jwt *j, struct slice name, struct jwt_values *out);
/* Any of allowed[0..n) is an audience / is the issuer. "{tenantid}" in an allowed issuer stands for the claim "tid". */
bool jwt_check_audience(struct arena *a, const struct jwt *j, const struct slice *allowed, size_t n, struct jwt_fault *fault) WARN_UNUSED;
bool jwt_check_issuer(struct arena *a, const struct jwt *j, const struct slice *allowed, size_t n, struct jwt_fault *fault) WARN_UNUSED;

struct jwt_required {
    struct slice name;
    bool any;                    /* one of the values is enough */
    struct slice separator;      /* splits each text of the token; empty: none */
    const struct slice *values;  /* n == 0: it must be there */
    size_t n;
};
/* First all that are missing, then the first whose value is not allowed. */
bool jwt_check_claims(struct arena *a, const struct jwt *j, const struct jwt_required *required, size_t n,
                      struct jwt_fault *fault) WARN_UNUSED;

#endif
