/* The trust root (sync.md d2, d3): which keys may sign what. Version N+1 is signed by a threshold
 * of the root role of N and of N+1. */
#ifndef STORE_ROOT_H
#define STORE_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/crypto.h"
#include "store/envelope.h"

#define ROOT_KEYS_MAX 16u
/* A root with sixteen RSA keys has less. */
#define ROOT_BYTES_MAX (32u << 10)

enum root_role { ROLE_ROOT, ROLE_CONFIG, ROLE_FRESH, ROLES };
extern const char *const root_role_names[ROLES];

struct root_key {
    char id[ENVELOPE_KEYID_BYTES + 1];
    uint8_t hash[CRYPTO_SHA256_BYTES]; /* of the SubjectPublicKeyInfo: the fingerprint */
    struct crypto_key *key;
    bool roles[ROLES];
};

struct root {
    int64_t version;
    struct root_key keys[ROOT_KEYS_MAX];
    size_t n;
    unsigned min[ROLES]; /* signatures needed */
    struct slice whole;  /* the envelope */
};

/* Read a root envelope that has not been judged: keys, roles, thresholds. root_free whatever the
 * result. The text is borrowed. */
bool root_parse(struct arena *a, struct slice text, struct root *out, struct err *err) WARN_UNUSED;
void root_free(struct root *r);
/* At least min of the role's keys have signed e, and no key of the role has signed it wrongly. err:
 * "signature: …". */
bool root_check(const struct root *r, enum root_role role, const struct envelope *e,
                struct err *err) WARN_UNUSED;
/* A root signed by itself. */
bool root_check_self(const struct root *r, struct err *err) WARN_UNUSED;
/* next follows r: its version is one more, and a threshold of both has signed it. */
bool root_check_next(const struct root *r, const struct root *next, struct err *err) WARN_UNUSED;
/* A key of that role by the hash of its SubjectPublicKeyInfo; NULL. */
const struct root_key *root_find(const struct root *r, enum root_role role,
                                 const uint8_t hash[CRYPTO_SHA256_BYTES]);
/* The keys of the role are the same in both. */
bool root_same_role(const struct root *x, const struct root *y, enum root_role role);
/* The first key of the root role as "sha256:HEX", for messages. */
void root_fingerprint(const struct root *r, char out[72]);
/* "sha256:" and the hex of hash. */
void root_put_fingerprint(const uint8_t hash[CRYPTO_SHA256_BYTES], char out[72]);

#endif
