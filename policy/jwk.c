/* Keys out of JSON Web Keys and certificates; see jwk.h. */
#include "policy/jwk.h"

#include <string.h>

/* SubjectPublicKeyInfo of the curves of RFC 7518 6.2.1.1, up to the two coordinates. */
static const struct curve {
    const char *name;
    enum jwt_key_kind kind;
    size_t coordinate;
    struct slice prefix;
} curves[] = {
    { "P-256", JWT_KEY_P256, 32,
      SLICE_INIT("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04") },
    { "P-384", JWT_KEY_P384, 48,
      SLICE_INIT("\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04") },
    { "P-521", JWT_KEY_P521, 66,
      SLICE_INIT("\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00\x04") },
};

static void finish(struct jwt_key *key, enum jwt_key_kind kind, struct slice id, struct slice bytes)
{
    *key = (struct jwt_key){ .kind = kind, .id = id, .bytes = bytes };
    crypto_sha256(bytes, key->mark);
}

void jwt_key_from_secret(struct jwt_key *out, struct slice id, struct slice secret)
{
    finish(out, JWT_KEY_SECRET, id, secret);
}

static const struct curve *curve_of(struct slice spki)
{
    for (size_t i = 0; i < COUNT_OF(curves); i++)
        if (slice_starts(spki, curves[i].prefix) && spki.n == curves[i].prefix.n + 2 * curves[i].coordinate)
            return &curves[i];
    return NULL;
}

bool jwt_key_from_spki(struct jwt_key *out, struct slice id, struct slice spki, struct err *err)
{
    const struct curve *curve = curve_of(spki);
    struct crypto_key *key;

    if (!crypto_key_read_any(&key, spki, err))
        return false;
    unsigned bits = crypto_key_bits(key);
    bool rsa = crypto_key_is_rsa(key);
    crypto_key_free(key);
    if (rsa && bits < JWT_RSA_BITS_MIN)
        return err_set(err, "an RSA key of %u bits is too short", bits);
    if (!rsa && !curve)
        return err_set(err, "neither RSA nor P-256, P-384 or P-521");
    finish(out, rsa ? JWT_KEY_RSA : curve->kind, id, spki);
    return true;
}

bool jwt_key_from_private(struct jwt_key *out, struct slice id, struct slice pem_or_der, struct err *err)
{
    struct crypto_key *key;

    if (!crypto_key_read_any(&key, pem_or_der, err))
        return false;
    bool ok = crypto_key_is_private(key) && crypto_key_is_rsa(key);
    crypto_key_free(key);
    if (!ok)
        return err_set(err, "no private RSA key");
    finish(out, JWT_KEY_PRIVATE, id, pem_or_der);
    return true;
}

bool jwt_key_from_rsa(struct arena *a, struct jwt_key *out, struct slice id, struct slice n, struct slice e, struct err *err)
{
    const struct crypto_rsa numbers = { .n = n, .e = e };
    struct slice spki = SLICE_NONE;
    struct crypto_key *key;

    if (!crypto_key_from_rsa(&key, &numbers, err))
        return false;
    bool ok = crypto_key_public_der(key, a, &spki, err);
    crypto_key_free(key);
    return ok && jwt_key_from_spki(out, id, spki, err);
}

/* ---- JSON Web Keys ---- */

static struct slice member(struct arena *a, const struct json *jwk, const char *name)
{
    return crypto_base64url_decode(a, json_str(json_get(jwk, name)));
}

static bool read_ec(struct arena *a, const struct json *jwk, struct jwt_key *out, struct slice id, struct err *err)
{
    struct slice name = json_str(json_get(jwk, "crv")), x = member(a, jwk, "x"), y = member(a, jwk, "y");

    for (size_t i = 0; i < COUNT_OF(curves); i++) {
        struct slice parts[] = { curves[i].prefix, x, y };
        if (slice_eq(name, slice_from(curves[i].name)) && x.n == curves[i].coordinate && y.n == curves[i].coordinate)
            return jwt_key_from_spki(out, id, arena_concat(a, parts, COUNT_OF(parts)), err);
    }
    return err_set(err, "not a point of P-256, P-384 or P-521");
}

/* The first certificate of "x5c" has the key. */
static bool read_certificate(struct arena *a, const struct json *jwk, struct jwt_key *out, struct slice id, struct err *err)
{
    struct json_iter it = json_iter(json_get(jwk, "x5c"));
    struct crypto_certificate certificate;

    if (!json_next(&it))
        return err_set(err, "no key in it");
    struct slice der = crypto_base64_decode(a, json_str(it.value));
    return der.p && crypto_certificate_read(a, der, &certificate, err) &&
           jwt_key_from_spki(out, id, certificate.key_info, err);
}

static bool read_jwk(struct arena *a, const struct json *jwk, struct jwt_key *out, struct err *err)
{
    struct slice kind = json_str(json_get(jwk, "kty")), use = json_str(json_get(jwk, "use"));
    struct slice id = json_str(json_get(jwk, "kid"));

    if (use.p && !slice_eq(use, SLICE("sig")))
        return err_set(err, "not for signatures");
    if (slice_eq(kind, SLICE("EC")) && json_get(jwk, "x"))
        return read_ec(a, jwk, out, id, err);
    if (slice_eq(kind, SLICE("RSA")) && json_get(jwk, "n"))
        return jwt_key_from_rsa(a, out, id, member(a, jwk, "n"), member(a, jwk, "e"), err);
    return read_certificate(a, jwk, out, id, err);
}

bool jwt_keys_from_set(struct arena *a, const struct json *set, struct jwt_keys *out, struct err *err)
{
    const struct json *list = json_get(set, "keys");
    struct json_iter it = json_iter(list);
    struct err passed_over;

    if (json_type(list) != JSON_ARRAY)
        return err_set(err, "the key set has no array \"keys\"");
    struct jwt_key *keys = arena_array(a, struct jwt_key, json_count(list));
    *out = (struct jwt_keys){ keys, 0 };
    while (keys && out->n < JWT_KEYS_MAX && json_next(&it))
        if (read_jwk(a, it.value, &keys[out->n], &passed_over))
            out->n++;
    return !a->overflow || err_set(err, "the key set is too large");
}

bool jwt_provider_copy(struct arena *a, const struct jwt_provider *from, struct jwt_provider *out)
{
    struct jwt_key *keys = arena_array(a, struct jwt_key, from->keys.n);

    for (unsigned i = 0; keys && i < from->keys.n; i++) {
        keys[i] = from->keys.v[i];
        keys[i].id = arena_copy(a, keys[i].id);
        keys[i].bytes = arena_copy(a, keys[i].bytes);
    }
    *out = (struct jwt_provider){ arena_copy(a, from->issuer), { keys, from->keys.n } };
    return !a->overflow;
}

/* ---- discovery ---- */

bool jwt_discovery_read(const struct json *discovery, struct slice *issuer, struct slice *keys_url, struct err *err)
{
    *issuer = json_str(json_get(discovery, "issuer"));
    *keys_url = json_str(json_get(discovery, "jwks_uri"));
    if (!issuer->n || !keys_url->n)
        return err_set(err, "the discovery document has no \"%s\"", issuer->n ? "jwks_uri" : "issuer");
    if (slice_starts_icase(*keys_url, SLICE("http://")) || slice_starts_icase(*keys_url, SLICE("https://")))
        return true;
    return err_set(err, "the discovery document's \"jwks_uri\" is no http or https URL");
}
