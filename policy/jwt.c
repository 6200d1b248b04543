/* Tokens; see jwt.h. */
#include "policy/jwt.h"

#include <string.h>

#include "platform/base/buf.h"
#include "platform/clock.h"

/* 9999-12-31T23:59:59Z: what the .NET library takes as a time. */
#define UNIX_SECONDS_MAX 253402300799.0
#define TENANT "{tenantid}"

static const struct algorithm {
    const char *name;
    enum jwt_key_kind kind;
    enum crypto_hash hash;
    enum crypto_scheme scheme; /* of public keys */
} algorithms[] = {
    { "RS256", JWT_KEY_RSA, CRYPTO_SHA256, CRYPTO_RSA_PKCS1 },
    { "RS384", JWT_KEY_RSA, CRYPTO_SHA384, CRYPTO_RSA_PKCS1 },
    { "RS512", JWT_KEY_RSA, CRYPTO_SHA512, CRYPTO_RSA_PKCS1 },
    { "PS256", JWT_KEY_RSA, CRYPTO_SHA256, CRYPTO_RSA_PSS },
    { "PS384", JWT_KEY_RSA, CRYPTO_SHA384, CRYPTO_RSA_PSS },
    { "PS512", JWT_KEY_RSA, CRYPTO_SHA512, CRYPTO_RSA_PSS },
    { "ES256", JWT_KEY_P256, CRYPTO_SHA256, CRYPTO_ECDSA },
    { "ES384", JWT_KEY_P384, CRYPTO_SHA384, CRYPTO_ECDSA },
    { "ES512", JWT_KEY_P521, CRYPTO_SHA512, CRYPTO_ECDSA },
    { "HS256", JWT_KEY_SECRET, CRYPTO_SHA256, 0 },
    { "HS384", JWT_KEY_SECRET, CRYPTO_SHA384, 0 },
    { "HS512", JWT_KEY_SECRET, CRYPTO_SHA512, 0 },
};

static const struct algorithm *algorithm_of(const struct jwt *j)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        if (slice_eq(j->algorithm, slice_from(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

static bool refuse(struct jwt_fault *fault, const char *reason, struct slice message)
{
    *fault = (struct jwt_fault){ reason, message };
    return false;
}

/* ---- reading ---- */

static const struct json *read_object(struct arena *a, struct slice part)
{
    struct slice text = crypto_base64url_decode(a, part);
    const struct json *j = text.p ? json_parse(a, text, NULL) : NULL;

    return json_type(j) == JSON_OBJECT ? j : NULL;
}

static bool split(struct slice token, struct slice parts[3], unsigned *n)
{
    struct slice rest = token, part;

    for (*n = 0; slice_cut(&rest, '.', &part); ++*n)
        if (*n < 3)
            parts[*n] = part;
    return *n == 3;
}

bool jwt_parse(struct arena *a, struct slice token, struct jwt *out, struct jwt_fault *fault)
{
    struct slice parts[3] = { SLICE_NONE };
    unsigned n;

    *out = (struct jwt){ .token = token };
    if (token.n > JWT_BYTES_MAX)
        return refuse(fault, "JwtInvalid", SLICE("IDX10209: Token has length larger than the maximum token length."));
    if (!split(token, parts, &n))
        return refuse(fault, "JwtInvalid", SLICE("IDX12741: JWT must have three segments (JWS) or five segments (JWE)."));
    out->signed_text = slice_first(token, parts[0].n + 1 + parts[1].n);
    out->header = read_object(a, parts[0]);
    out->payload = out->header ? read_object(a, parts[1]) : NULL;
    out->signature = parts[2].n ? crypto_base64url_decode(a, parts[2]) : SLICE("");
    if (!out->payload || !out->signature.p)
        return refuse(fault, "JwtInvalid", SLICE("IDX12709: CanReadToken() returned false. JWT is not well formed."));
    out->algorithm = json_str(json_get(out->header, "alg"));
    out->key_id = json_str(json_get(out->header, "kid"));
    if (!out->algorithm.n)
        return refuse(fault, "JwtInvalid", SLICE("IDX12709: JWT is not well formed: its header has no \"alg\"."));
    if (json_get(out->header, "crit"))
        return refuse(fault, "JwtInvalid", SLICE("JWT has critical header parameters (\"crit\") that are not understood."));
    return true;
}

/* ---- signature ---- */

static void collect(const struct jwt *j, enum jwt_key_kind kind, const struct jwt_keys *list, bool with_id, struct jwt_candidates *out)
{
    for (unsigned i = 0; i < list->n && out->n < JWT_TRIES_MAX; i++) {
        const struct jwt_key *key = &list->v[i];
        if (key->kind == kind && (!with_id || slice_eq(key->id, j->key_id)))
            out->keys[out->n++] = key;
    }
}

/* A key without an id may be the one that the token names. */
static bool all_are_others(const struct jwt *j, const struct jwt_keys *lists, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < lists[i].n; k++)
            if (!lists[i].v[k].id.n || slice_eq(lists[i].v[k].id, j->key_id))
                return false;
    return j->key_id.n > 0;
}

void jwt_find_candidates(const struct jwt *j, const struct jwt_keys *lists, unsigned n, struct jwt_candidates *out)
{
    const struct algorithm *algorithm = algorithm_of(j);

    *out = (struct jwt_candidates){ .n = 0 };
    if (!algorithm)
        return;
    out->id_unknown = all_are_others(j, lists, n);
    for (unsigned i = 0; j->key_id.n && i < n; i++)
        collect(j, algorithm->kind, &lists[i], true, out);
    if (out->n)
        return;
    for (unsigned i = 0; i < n; i++)
        collect(j, algorithm->kind, &lists[i], false, out);
}

static bool verify_secret(const struct jwt *j, const struct algorithm *algorithm, const struct jwt_key *key)
{
    uint8_t mac[CRYPTO_HASH_MAX];

    crypto_hmac(algorithm->hash, key->bytes, j->signed_text, mac);
    return j->signature.n == crypto_hash_size(algorithm->hash) && crypto_equal(mac, j->signature.p, j->signature.n);
}

bool jwt_verify(const struct jwt *j, const struct jwt_key *key)
{
    const struct algorithm *algorithm = algorithm_of(j);
    uint8_t digest[CRYPTO_HASH_MAX];
    struct crypto_key *public_key;
    struct err err;

    if (!algorithm || algorithm->kind != key->kind || !j->signature.n)
        return false;
    if (key->kind == JWT_KEY_SECRET)
        return verify_secret(j, algorithm, key);
    if (!crypto_key_read_any(&public_key, key->bytes, &err))
        return false;
    crypto_hash(algorithm->hash, j->signed_text, digest);
    bool ok = crypto_verify_digest(public_key, algorithm->scheme, algorithm->hash,
                                   slice_of(digest, crypto_hash_size(algorithm->hash)), j->signature);
    crypto_key_free(public_key);
    return ok;
}

bool jwt_is_cheap(const struct jwt *j)
{
    const struct algorithm *algorithm = algorithm_of(j);

    return !algorithm || algorithm->kind == JWT_KEY_SECRET;
}

void jwt_signature_fault(struct arena *a, const struct jwt *j, const struct jwt_candidates *c, bool any_keys, struct jwt_fault *fault)
{
    if (!j->signature.n)
        (void)refuse(fault, "TokenSignatureInvalid",
                     SLICE("IDX10504: Unable to validate signature, token does not have a signature. Access denied."));
    else if (!any_keys)
        (void)refuse(fault, "TokenSignatureKeyNotFound", SLICE("IDX10500: Signature validation failed. No security keys were provided to "
                                                               "validate the signature. Access denied."));
    else if (c->id_unknown)
        (void)refuse(fault, "TokenSignatureKeyNotFound",
                     arena_printf(a, "IDX10501: Signature validation failed. Unable to match key: kid: '%.*s'. Access denied.",
                                  SLICE_ARG(j->key_id)));
    else if (!c->n)
        (void)refuse(fault, "TokenSignatureInvalid",
                     arena_printf(a, "IDX10634: Unable to create the SignatureProvider. Algorithm: '%.*s' is not supported by the keys. "
                                     "Access denied.", SLICE_ARG(j->algorithm)));
    else
        (void)refuse(fault, "TokenSignatureInvalid",
                     arena_printf(a, "IDX10511: Signature validation failed. Keys tried: %u. kid: '%.*s'. Access denied.", c->n,
                                  SLICE_ARG(j->key_id)));
}

/* ---- lifetime ---- */

/* A NumericDate. False: it is there, and none. */
static bool read_time(const struct jwt *j, const char *name, bool *given, double *seconds)
{
    const struct json *v = json_get(j->payload, name);

    *given = v != NULL;
    *seconds = json_double(v, -1);
    return !v || (json_type(v) == JSON_NUMBER && *seconds >= 0 && *seconds <= UNIX_SECONDS_MAX);
}

/* As .NET writes a time: "11/29/2026 12:00:00". */
static struct slice time_text(struct arena *a, double seconds)
{
    char iso[CLOCK_TEXT_MAX];

    if (seconds * 1e9 > (double)INT64_MAX)
        return SLICE("12/31/9999 23:59:59");
    clock_format((uint64_t)seconds * NS_PER_S, 0, iso);
    return arena_printf(a, "%.2s/%.2s/%.4s %.8s", iso + 5, iso + 8, iso, iso + 11);
}

bool jwt_check_lifetime(struct arena *a, const struct jwt *j, const struct jwt_lifetime *l, struct jwt_fault *fault)
{
    double now = (double)l->now_ns / 1e9, expires, begins;
    bool has_exp, has_nbf;

    if (!read_time(j, "exp", &has_exp, &expires) || !read_time(j, "nbf", &has_nbf, &begins))
        return refuse(fault, "JwtInvalid", SLICE("IDX12700: Error converting 'exp' or 'nbf' to a time: it is no number of seconds."));
    if (!has_exp && l->require_expiration)
        return refuse(fault, "JwtInvalid", SLICE("IDX10225: Lifetime validation failed. The token is missing an Expiration Time."));
    if (has_exp && has_nbf && begins > expires)
        return refuse(fault, "JwtInvalid",
                      arena_printf(a, "IDX10224: Lifetime validation failed. The NotBefore: '%.*s' is after Expires: '%.*s'.",
                                   SLICE_ARG(time_text(a, begins)), SLICE_ARG(time_text(a, expires))));
    if (has_nbf && begins > now + (double)l->skew_s)
        return refuse(fault, "JwtInvalid",
                      arena_printf(a, "IDX10222: Lifetime validation failed. The token is not yet valid. ValidFrom: '%.*s', Current "
                                      "time: '%.*s'.", SLICE_ARG(time_text(a, begins)), SLICE_ARG(time_text(a, now))));
    if (has_exp && expires < now - (double)l->skew_s)
        return refuse(fault, "TokenExpired",
                      arena_printf(a, "IDX10223: Lifetime validation failed. The token is expired. ValidTo: '%.*s', Current time: "
                                      "'%.*s'. Access denied.", SLICE_ARG(time_text(a, expires)), SLICE_ARG(time_text(a, now))));
    return true;
}

/* ---- claims ---- */

static struct slice text_of(struct arena *a, const struct json *v)
{
    struct buf b;

    if (json_type(v) == JSON_STRING)
        return json_str(v);
    if (json_type(v) == JSON_NULL)
        return SLICE("");
    buf_init(&b, a);
    json_write(&b, v);
    return buf_slice(&b);
}

bool jwt_claim(struct arena *a, const struct jwt *j, struct slice name, struct jwt_values *out)
{
    const struct json *v = json_get_slice(j->payload, name);
    bool many = json_type(v) == JSON_ARRAY;
    struct json_iter it = json_iter(v);

    *out = (struct jwt_values){ NULL, 0 };
    if (!v)
        return false;
    out->v = arena_array(a, struct slice, many ? json_count(v) : 1);
    if (!out->v)
        return true; /* the arena says so */
    if (!many)
        out->v[out->n++] = text_of(a, v);
    while (many && json_next(&it))
        out->v[out->n++] = text_of(a, it.value);
    return true;
}

static bool contains(const struct slice *v, size_t n, struct slice s)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(v[i], s))
            return true;
    return false;
}

static struct slice joined(struct arena *a, const struct slice *v, size_t n)
{
    struct buf b;

    buf_init(&b, a);
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i ? ", " : "");
        buf_put(&b, v[i]);
    }
    return buf_slice(&b);
}

bool jwt_check_audience(struct arena *a, const struct jwt *j, const struct slice *allowed, size_t n, struct jwt_fault *fault)
{
    struct jwt_values found;

    if (!jwt_claim(a, j, SLICE("aud"), &found))
        return refuse(fault, "TokenAudienceNotAllowed",
                      SLICE("IDX10206: Unable to validate audience. The 'audiences' parameter is empty. Access denied."));
    for (size_t i = 0; i < found.n; i++)
        if (contains(allowed, n, found.v[i]))
            return true;
    return refuse(fault, "TokenAudienceNotAllowed",
                  arena_printf(a, "IDX10214: Audience validation failed. Audiences: '%.*s'. Did not match: "
                                  "validationParameters.ValidAudience: 'null' or validationParameters.ValidAudiences: '%.*s'. Access denied.",
                               SLICE_ARG(joined(a, found.v, found.n)), SLICE_ARG(joined(a, allowed, n))));
}

/* "{tenantid}" is what the discovery document of several tenants says. */
static bool is_issuer(const struct jwt *j, struct slice allowed, struct slice issuer)
{
    struct slice tenant = json_str(json_get(j->payload, "tid"));
    ptrdiff_t at = slice_find(allowed, SLICE(TENANT));

    if (at < 0)
        return slice_eq(allowed, issuer);
    struct slice before = slice_first(allowed, (size_t)at), after = slice_skip(allowed, (size_t)at + sizeof TENANT - 1);
    return tenant.n && issuer.n == before.n + tenant.n + after.n && slice_starts(issuer, before) && slice_ends(issuer, after) &&
           slice_eq(slice_sub(issuer, before.n, before.n + tenant.n), tenant);
}

bool jwt_check_issuer(struct arena *a, const struct jwt *j, const struct slice *allowed, size_t n, struct jwt_fault *fault)
{
    struct slice issuer = json_str(json_get(j->payload, "iss"));

    if (!issuer.n)
        return refuse(fault, "TokenIssuerNotAllowed", SLICE("IDX10211: Unable to validate issuer. The 'issuer' parameter is null or "
                                                            "whitespace. Access denied."));
    for (size_t i = 0; i < n; i++)
        if (is_issuer(j, allowed[i], issuer))
            return true;
    return refuse(fault, "TokenIssuerNotAllowed",
                  arena_printf(a, "IDX10205: Issuer validation failed. Issuer: '%.*s'. Did not match: validationParameters.ValidIssuer: "
                                  "'null' or validationParameters.ValidIssuers: '%.*s'. Access denied.",
                               SLICE_ARG(issuer), SLICE_ARG(joined(a, allowed, n))));
}

static bool has_part(struct slice text, struct slice separator, struct slice wanted)
{
    ptrdiff_t at;

    if (!separator.n)
        return slice_eq(text, wanted);
    for (; (at = slice_find(text, separator)) >= 0; text = slice_skip(text, (size_t)at + separator.n))
        if (slice_eq(slice_first(text, (size_t)at), wanted))
            return true;
    return slice_eq(text, wanted);
}

static bool has_value(const struct jwt_values *found, struct slice separator, struct slice wanted)
{
    for (size_t i = 0; i < found->n; i++)
        if (has_part(found->v[i], separator, wanted))
            return true;
    return false;
}

static bool is_satisfied(const struct jwt_values *found, const struct jwt_required *r)
{
    size_t present = 0;

    for (size_t i = 0; i < r->n; i++)
        present += has_value(found, r->separator, r->values[i]);
    return r->any && r->n ? present > 0 : present == r->n;
}

bool jwt_check_claims(struct arena *a, const struct jwt *j, const struct jwt_required *required, size_t n, struct jwt_fault *fault)
{
    struct jwt_values found;
    struct buf missing;

    buf_init(&missing, a);
    for (size_t i = 0; i < n; i++)
        if (!json_get_slice(j->payload, required[i].name)) {
            buf_puts(&missing, missing.n ? ", " : "");
            buf_put(&missing, required[i].name);
        }
    if (missing.n || missing.failed)
        return refuse(fault, "TokenClaimNotFound", arena_printf(a, "JWT token is missing the following claims: %.*s. Access denied.",
                                                                SLICE_ARG(buf_slice(&missing))));
    for (size_t i = 0; i < n; i++) {
        (void)jwt_claim(a, j, required[i].name, &found);
        if (!is_satisfied(&found, &required[i]))
            return refuse(fault, "TokenClaimValueNotAllowed",
                          arena_printf(a, "Claim %.*s value of %.*s is not allowed. Access denied.", SLICE_ARG(required[i].name),
                                       SLICE_ARG(joined(a, found.v, found.n))));
    }
    return true;
}
