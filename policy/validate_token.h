/* What validate-jwt and validate-azure-ad-token share: where the token is, with which keys it is verified, what it must say
 * (reference/policies.md 4).
 *
 *   validate-jwt            = *openid-config [ issuer-signing-keys ] [ decryption-keys ] [ audiences ] [ issuers ]
 *                             [ required-claims ]
 *   validate-azure-ad-token = [ client-application-ids ] [ backend-application-ids ] [ audiences ] [ required-claims ]
 *                             [ decryption-keys ]
 *
 * Failures in this order, the first counts: presence, scheme, form, encryption, signature, lifetime, audience, issuer, clients, claims. */
#ifndef POLICY_VALIDATE_TOKEN_H
#define POLICY_VALIDATE_TOKEN_H

#include "policy/jwk.h"
#include "policy/rt.h"

/* Providers that one statement may name. */
#define TOKEN_PROVIDERS_MAX 8u

struct token_claim {
    struct value name, match, separator;
    struct values values;
};

/* Keys of <issuer-signing-keys> or <decryption-keys>; a secret that is an expression becomes a key for each request. */
struct token_keys {
    struct jwt_keys literal;
    struct token_computed_key {
        struct slice id;
        struct value secret;
    } *computed;
    uint32_t n_computed;
};

struct token_plan {
    struct value header, query, token; /* one of them */
    struct value code, message;
    struct value scheme;               /* that the Authorization header must have */
    struct value require_expiration, require_signature, skew;
    struct slice variable;
    struct values providers;           /* URLs */
    struct token_keys signing, decryption;
    struct values audiences, issuers;
    struct token_claim *claims;
    uint32_t n_claims;
    /* Entra ID */
    bool is_entra;
    struct value tenant;
    struct values clients;
};

/* clock-skew: a year. */
#define TOKEN_SKEW_S_MAX 31536000

/* An id or a domain: letters, digits, '-' and '.'. */
bool token_is_tenant(struct slice s);
/* Its discovery document. p == NULL: no memory. */
struct slice token_entra_url(struct arena *a, struct slice tenant);
/* Header, query parameter or text; what failures look like; the variable. default_header may be NULL. */
void token_compile_source(struct comp *c, const struct xml_node *n, struct token_plan *p, const char *default_header);
/* <audiences> and <required-claims>. */
void token_compile_claims(struct comp *c, const struct xml_node *n, struct token_plan *p);
/* Texts of the `child` elements in the only `list` element, if there is one. */
struct values token_compile_list(struct comp *c, const struct xml_node *n, const char *list, const char *child);
/* <issuer-signing-keys> and <decryption-keys>. */
void token_compile_signing_keys(struct comp *c, const struct xml_node *n, struct token_plan *p);
void token_compile_decryption_keys(struct comp *c, const struct xml_node *n, struct token_plan *p);
/* The run() of both. Waits. */
enum verdict token_run(struct rt *rt, const void *plan);

#endif
