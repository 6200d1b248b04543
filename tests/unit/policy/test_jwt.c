/* Tokens: form, signature by every algorithm, lifetime, audience, issuer, claims; and the key sets they are verified with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "platform/clock.h"
#include "policy/jwt.h"
#include "policy/jwt_cache.h"
#include "tests/unit/policy/jwt_samples.h"

#define NOW_S 1500000000u

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init_growing(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct jwt parsed(const char *token)
{
    struct jwt_fault fault = { 0 };
    struct jwt j;

    if (!jwt_parse(&arena, slice_from(token), &j, &fault))
        fail_msg("%s: %.*s", token, SLICE_ARG(fault.message));
    return j;
}

/* Not signed by anybody. */
static struct jwt of_payload(const char *payload)
{
    struct slice header = crypto_base64url(&arena, SLICE("{\"alg\":\"none\"}"));
    struct slice body = crypto_base64url(&arena, slice_from(payload));

    return parsed(arena_printf(&arena, "%.*s.%.*s.", SLICE_ARG(header), SLICE_ARG(body)).p);
}

static struct jwt_keys sample_keys(void)
{
    const struct json *set = json_parse(&arena, SLICE(SAMPLE_KEY_SET), NULL);
    struct jwt_keys keys;
    struct err err;

    assert_non_null(set);
    assert_true(jwt_keys_from_set(&arena, set, &keys, &err));
    return keys;
}

static struct jwt_keys sample_secret(void)
{
    struct jwt_key *key = arena_new(&arena, struct jwt_key);

    jwt_key_from_secret(key, SLICE(""), crypto_base64_decode(&arena, SLICE(SAMPLE_SECRET_BASE64)));
    return (struct jwt_keys){ key, 1 };
}

/* ---- keys ---- */

static void test_key_sets(void **state)
{
    static const struct {
        const char *id;
        enum jwt_key_kind kind;
    } expected[] = {
        { "rsa", JWT_KEY_RSA }, { "ec256", JWT_KEY_P256 }, { "ec384", JWT_KEY_P384 }, { "ec512", JWT_KEY_P521 }, { "x5c", JWT_KEY_P256 },
    };
    struct jwt_keys keys = sample_keys();

    assert_int_equal(keys.n, COUNT_OF(expected));
    for (size_t i = 0; i < keys.n; i++) {
        assert_true(slice_eq(keys.v[i].id, slice_from(expected[i].id)));
        assert_int_equal(keys.v[i].kind, expected[i].kind);
    }
    assert_true(slice_eq(keys.v[1].bytes, keys.v[4].bytes)); /* one in numbers, the other in a certificate */
}

static void test_a_copy_needs_nothing_of_the_original(void **state)
{
    struct jwt_provider copy;
    struct arena own;

    arena_init_growing(&own, 1 << 20);
    struct jwt_provider from = { SLICE("https://idp.example/"), sample_keys() };
    assert_true(jwt_provider_copy(&own, &from, &copy));
    arena_free(&arena);
    arena_init_growing(&arena, 64u << 20);
    struct jwt j = parsed(SAMPLE_ES384);
    struct jwt_candidates c;
    jwt_find_candidates(&j, &copy.keys, 1, &c);
    assert_int_equal(copy.keys.n, 5);
    assert_int_equal(c.n, 1);
    assert_true(jwt_verify(&j, c.keys[0]) && slice_eq(copy.issuer, SLICE("https://idp.example/")));
    arena_free(&own);
    arena_init_growing(&own, 64);
    from.keys = sample_keys();
    assert_false(jwt_provider_copy(&own, &from, &copy));
    arena_free(&own);
}

static void test_broken_key_sets(void **state)
{
    static const char *const texts[] = { "{}", "{\"keys\":{}}", "[]", "5" };
    struct jwt_keys keys;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_false(jwt_keys_from_set(&arena, json_parse(&arena, slice_from(texts[i]), NULL), &keys, &err));
    assert_true(jwt_keys_from_set(&arena, json_parse(&arena, SLICE("{\"keys\":[]}"), NULL), &keys, &err));
    assert_int_equal(keys.n, 0);
}

static void test_discovery(void **state)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        { "{\"issuer\":\"i\",\"jwks_uri\":\"HTTPS://idp/keys\"}", NULL },
        { "{\"issuer\":\"i\"}", "has no \"jwks_uri\"" },
        { "{\"jwks_uri\":\"https://idp/keys\"}", "has no \"issuer\"" },
        { "{\"issuer\":5,\"jwks_uri\":\"https://idp/keys\"}", "has no \"issuer\"" },
        { "{\"issuer\":\"i\",\"jwks_uri\":\"file:///etc/passwd\"}", "no http or https URL" },
        { "[]", "has no \"issuer\"" },
    };
    struct slice issuer, url;
    struct err err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool ok = jwt_discovery_read(json_parse(&arena, slice_from(cases[i].text), NULL), &issuer, &url, &err);
        assert_int_equal(ok, !cases[i].wrong);
        assert_true(ok || strstr(err.text, cases[i].wrong));
    }
}

/* ---- form ---- */

static void test_form(void **state)
{
    static const struct {
        const char *token, *message;
    } cases[] = {
        { "", "IDX12741" },
        { "a", "IDX12741" },
        { "a.b", "IDX12741" },
        { "a.b.c.d", "IDX12741" },
        { "a.b.c.d.e", "IDX12741" },
        { "a.b.c.d.e.f", "IDX12741" },
        { "a.b.c", "IDX12709" },
        { "..", "IDX12709" },
        { "bnVsbA.e30.", "IDX12709" },                       /* null */
        { "W10.e30.", "IDX12709" },                          /* [] */
        { "e30.e30.", "no \"alg\"" },                        /* {} */
        { "eyJhbGciOjV9.e30.", "no \"alg\"" },               /* {"alg":5} */
        { "eyJhbGciOiJub25lIn0.W10.", "IDX12709" },
        { "eyJhbGciOiJub25lIn0=.e30.", "IDX12709" },         /* padding */
        { "eyJhbGciOiJub25lIn0.e30.!", "IDX12709" },
        { "eyJhbGciOiJub25lIn0 .e30.", "IDX12709" },
        { "eyJhbGciOiJub25lIiwiY3JpdCI6W119.e30.", "crit" }, /* {"alg":"none","crit":[]} */
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_fault fault = { 0 };
        struct jwt j;

        assert_false(jwt_parse(&arena, slice_from(cases[i].token), &j, &fault));
        assert_string_equal(fault.reason, "JwtInvalid");
        if (slice_find(fault.message, slice_from(cases[i].message)) < 0)
            fail_msg("%s: %.*s", cases[i].token, SLICE_ARG(fault.message));
    }
    (void)parsed("eyJhbGciOiJub25lIn0.e30.");
}

static void test_long_and_deep(void **state)
{
    char *deep = arena_alloc(&arena, 4001), *big = arena_alloc(&arena, JWT_BYTES_MAX + 2);
    struct jwt_fault fault;
    struct jwt j;

    memset(big, 'a', JWT_BYTES_MAX + 1);
    assert_false(jwt_parse(&arena, slice_from(big), &j, &fault));
    assert_true(slice_starts(fault.message, SLICE("IDX10209")));
    memset(deep, '[', 4000);
    struct slice payload = crypto_base64url(&arena, slice_from(deep));
    assert_false(jwt_parse(&arena, arena_printf(&arena, "eyJhbGciOiJub25lIn0.%.*s.", SLICE_ARG(payload)), &j, &fault));
    assert_true(slice_starts(fault.message, SLICE("IDX12709")));
}

/* ---- signature ---- */

static bool verifies(const struct jwt *j, const struct jwt_keys *keys)
{
    struct jwt_candidates c;
    bool ok = false;

    jwt_find_candidates(j, keys, 1, &c);
    for (unsigned i = 0; i < c.n; i++)
        ok |= jwt_verify(j, c.keys[i]);
    return ok;
}

static const char *const samples[] = { SAMPLE_RS256, SAMPLE_RS384, SAMPLE_RS512, SAMPLE_PS256, SAMPLE_PS384, SAMPLE_PS512,
                                       SAMPLE_ES256, SAMPLE_ES384, SAMPLE_ES512, SAMPLE_HS256, SAMPLE_HS384, SAMPLE_HS512 };

static void test_algorithms(void **state)
{
    struct jwt_keys public_keys = sample_keys(), secret = sample_secret();

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct jwt j = parsed(samples[i]);
        bool by_secret = slice_starts(j.algorithm, SLICE("HS"));

        assert_int_equal(jwt_is_cheap(&j), by_secret);
        if (!verifies(&j, by_secret ? &secret : &public_keys))
            fail_msg("%.*s does not verify", SLICE_ARG(j.algorithm));
        assert_false(verifies(&j, by_secret ? &public_keys : &secret));
    }
}

/* One bit of header, payload or signature, each in turn. */
static void test_tampering(void **state)
{
    struct jwt_keys public_keys = sample_keys(), secret = sample_secret();

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct jwt j = parsed(samples[i]);
        struct jwt_keys *keys = slice_starts(j.algorithm, SLICE("HS")) ? &secret : &public_keys;
        char *text = arena_cstr(&arena, j.signed_text), *signature = arena_cstr(&arena, j.signature);

        j.signed_text = slice_of(text, j.signed_text.n);
        j.signature = slice_of(signature, j.signature.n);
        text[j.signed_text.n - 1] ^= 1;
        assert_false(verifies(&j, keys));
        text[j.signed_text.n - 1] ^= 1;
        signature[j.signature.n / 2] ^= 1;
        assert_false(verifies(&j, keys));
        signature[j.signature.n / 2] ^= 1;
        assert_true(verifies(&j, keys));
        j.signature.n--;
        assert_false(verifies(&j, keys));
        j.signature.n = 0;
        assert_false(verifies(&j, keys));
    }
}

/* The header's algorithm must fit the key: the bytes of a public key are no secret, and "none" fits nothing. */
static void test_confusion(void **state)
{
    struct jwt_keys keys = sample_keys();
    struct jwt_key as_secret;
    struct jwt j = parsed(SAMPLE_HS256);
    uint8_t mac[CRYPTO_SHA256_BYTES];

    j.key_id = SLICE("rsa");
    crypto_hmac(CRYPTO_SHA256, keys.v[0].bytes, j.signed_text, mac);
    j.signature = slice_of(mac, sizeof mac);
    assert_false(verifies(&j, &keys));
    jwt_key_from_secret(&as_secret, SLICE(""), keys.v[0].bytes);
    assert_true(jwt_verify(&j, &as_secret));
    for (unsigned i = 0; i < keys.n; i++)
        assert_false(jwt_verify(&j, &keys.v[i]));
    j = parsed(SAMPLE_RS256);
    j.algorithm = SLICE("none");
    assert_false(verifies(&j, &keys));
    j.algorithm = SLICE("rs256");
    assert_false(verifies(&j, &keys));
    j.algorithm = SLICE("RS384");
    assert_false(verifies(&j, &keys));
}

static void assert_signature_fault(const char *token, const struct jwt_keys *keys, const char *reason, const char *message)
{
    struct jwt j = parsed(token);
    struct jwt_candidates c;
    struct jwt_fault fault;

    jwt_find_candidates(&j, keys, 1, &c);
    jwt_signature_fault(&arena, &j, &c, keys->n > 0, &fault);
    assert_string_equal(fault.reason, reason);
    assert_string_equal(arena_cstr(&arena, fault.message), message);
}

static void test_signature_faults(void **state)
{
    struct jwt_keys keys = sample_keys(), secret = sample_secret(), none = { NULL, 0 };

    assert_signature_fault(SAMPLE_RS256, &keys, "TokenSignatureInvalid",
                           "IDX10511: Signature validation failed. Keys tried: 1. kid: 'rsa'. Access denied.");
    assert_signature_fault(SAMPLE_RS256_NO_ID, &keys, "TokenSignatureInvalid",
                           "IDX10511: Signature validation failed. Keys tried: 1. kid: ''. Access denied.");
    assert_signature_fault(SAMPLE_RS256_OTHER_ID, &keys, "TokenSignatureKeyNotFound",
                           "IDX10501: Signature validation failed. Unable to match key: kid: 'new'. Access denied.");
    assert_signature_fault(SAMPLE_RS256, &none, "TokenSignatureKeyNotFound",
                           "IDX10500: Signature validation failed. No security keys were provided to validate the signature. Access denied.");
    assert_signature_fault(SAMPLE_RS256, &secret, "TokenSignatureInvalid",
                           "IDX10634: Unable to create the SignatureProvider. Algorithm: 'RS256' is not supported by the keys. Access denied.");
    assert_signature_fault("eyJhbGciOiJub25lIn0.e30.", &keys, "TokenSignatureInvalid",
                           "IDX10504: Unable to validate signature, token does not have a signature. Access denied.");
}

/* The key that the token names first; others only when there is none of that name (key rollover). */
static void test_candidates(void **state)
{
    struct jwt_key keys[JWT_TRIES_MAX + 4];
    struct jwt_keys list = { keys, COUNT_OF(keys) };
    struct jwt_candidates c;
    struct jwt j = parsed(SAMPLE_HS256);

    for (unsigned i = 0; i < list.n; i++)
        jwt_key_from_secret(&keys[i], i == 17 ? SLICE("seventeen") : SLICE("other"), SLICE("x"));
    j.key_id = SLICE("seventeen");
    jwt_find_candidates(&j, &list, 1, &c);
    assert_int_equal(c.n, 1);
    assert_ptr_equal(c.keys[0], &keys[17]);
    assert_false(c.id_unknown);
    j.key_id = SLICE("new");
    jwt_find_candidates(&j, &list, 1, &c);
    assert_int_equal(c.n, JWT_TRIES_MAX);
    assert_true(c.id_unknown);
    keys[3].id = SLICE("");
    jwt_find_candidates(&j, &list, 1, &c);
    assert_false(c.id_unknown);
    j.key_id = SLICE("");
    jwt_find_candidates(&j, &list, 1, &c);
    assert_int_equal(c.n, JWT_TRIES_MAX);
    assert_false(c.id_unknown);
}

static void test_cache(void **state)
{
    struct jwt_keys keys = sample_keys();
    struct jwt a = parsed(SAMPLE_RS256), b = parsed(SAMPLE_RS384);
    struct jwt_mark mark, other_token, other_key;

    jwt_cache_mark(&a, &keys.v[0], &mark);
    jwt_cache_mark(&b, &keys.v[0], &other_token);
    jwt_cache_mark(&a, &keys.v[1], &other_key);
    assert_false(jwt_cache_has(&mark));
    jwt_cache_add(&mark);
    assert_true(jwt_cache_has(&mark));
    assert_false(jwt_cache_has(&other_token));
    assert_false(jwt_cache_has(&other_key));
}

/* ---- lifetime ---- */

static void test_lifetime(void **state)
{
    static const struct {
        const char *payload;
        int64_t skew;
        const char *reason; /* NULL: fine */
        const char *message;
    } cases[] = {
        { "{\"exp\":1500000001}", 0, NULL, "" },
        { "{\"exp\":1500000000}", 0, NULL, "" },
        { "{\"exp\":1499999999}", 0, "TokenExpired", "IDX10223: Lifetime validation failed. The token is expired. ValidTo: "
                                  "'07/14/2017 02:39:59', Current time: '07/14/2017 02:40:00'. Access denied." },
        { "{\"exp\":1499999999.5}", 0, "TokenExpired", "IDX10223" },
        { "{\"exp\":1499999990}", 10, NULL, "" },
        { "{\"exp\":1499999989}", 10, "TokenExpired", "IDX10223" },
        { "{\"exp\":0}", 0, "TokenExpired", "IDX10223" },
        { "{}", 0, "JwtInvalid", "IDX10225: Lifetime validation failed. The token is missing an Expiration Time." },
        { "{\"exp\":\"1500000001\"}", 0, "JwtInvalid", "IDX12700" },
        { "{\"exp\":null}", 0, "JwtInvalid", "IDX12700" },
        { "{\"exp\":-1}", 0, "JwtInvalid", "IDX12700" },
        { "{\"exp\":1e300}", 0, "JwtInvalid", "IDX12700" },
        { "{\"exp\":253402300799}", 0, NULL, "" },
        { "{\"exp\":2000000000,\"nbf\":1500000000}", 0, NULL, "" },
        { "{\"exp\":2000000000,\"nbf\":1500000001}", 0, "JwtInvalid", "IDX10222: Lifetime validation failed. The token is not yet valid. "
                                                       "ValidFrom: '07/14/2017 02:40:01', Current time: '07/14/2017 02:40:00'." },
        { "{\"exp\":2000000000,\"nbf\":1500000010}", 10, NULL, "" },
        { "{\"exp\":2000000000,\"nbf\":1500000011}", 10, "JwtInvalid", "IDX10222" },
        { "{\"exp\":2000000000,\"nbf\":[]}", 0, "JwtInvalid", "IDX12700" },
        { "{\"exp\":1500000001,\"nbf\":1500000002}", 9, "JwtInvalid", "IDX10224" },
        { "{\"exp\":2000000000,\"iat\":1900000000}", 0, NULL, "" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_lifetime l = { .now_ns = NOW_S * NS_PER_S, .skew_s = cases[i].skew, .require_expiration = true };
        struct jwt_fault fault = { 0 };
        struct jwt j = of_payload(cases[i].payload);
        bool ok = jwt_check_lifetime(&arena, &j, &l, &fault);

        if (ok != !cases[i].reason || (!ok && (strcmp(fault.reason, cases[i].reason) != 0 ||
                                               !slice_starts(fault.message, slice_from(cases[i].message)))))
            fail_msg("%s: %s %.*s", cases[i].payload, ok ? "good" : fault.reason, SLICE_ARG(fault.message));
    }
}

static void test_no_expiration_when_none_is_required(void **state)
{
    struct jwt_lifetime l = { .now_ns = NOW_S * NS_PER_S };
    struct jwt_fault fault;
    struct jwt without = of_payload("{}"), expired = of_payload("{\"exp\":1}");

    assert_true(jwt_check_lifetime(&arena, &without, &l, &fault));
    assert_false(jwt_check_lifetime(&arena, &expired, &l, &fault));
}

/* ---- audience, issuer ---- */

static void test_audience(void **state)
{
    static const struct slice allowed[] = { SLICE_INIT("a"), SLICE_INIT("5") };
    static const struct {
        const char *payload, *message; /* NULL: fine */
    } cases[] = {
        { "{\"aud\":\"a\"}", NULL },
        { "{\"aud\":[\"x\",\"a\"]}", NULL },
        { "{\"aud\":5}", NULL },
        { "{\"aud\":\"A\"}", "IDX10214: Audience validation failed. Audiences: 'A'. Did not match: validationParameters.ValidAudience: "
                             "'null' or validationParameters.ValidAudiences: 'a, 5'. Access denied." },
        { "{\"aud\":[\"x\",\"y\"]}", "IDX10214: Audience validation failed. Audiences: 'x, y'." },
        { "{\"aud\":[]}", "IDX10214" },
        { "{\"aud\":\"a \"}", "IDX10214" },
        { "{}", "IDX10206: Unable to validate audience. The 'audiences' parameter is empty. Access denied." },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_fault fault = { "TokenAudienceNotAllowed", SLICE_NONE };
        struct jwt j = of_payload(cases[i].payload);

        assert_int_equal(jwt_check_audience(&arena, &j, allowed, COUNT_OF(allowed), &fault), !cases[i].message);
        assert_string_equal(fault.reason, "TokenAudienceNotAllowed");
        assert_true(!cases[i].message || slice_starts(fault.message, slice_from(cases[i].message)));
    }
}

static void test_issuer(void **state)
{
    static const struct slice allowed[] = { SLICE_INIT("https://i/"), SLICE_INIT("https://many/{tenantid}/v2") };
    static const struct {
        const char *payload, *message;
    } cases[] = {
        { "{\"iss\":\"https://i/\"}", NULL },
        { "{\"iss\":\"https://i\"}", "IDX10205: Issuer validation failed. Issuer: 'https://i'. Did not match: validationParameters.ValidIssuer: "
                                     "'null' or validationParameters.ValidIssuers: 'https://i/, https://many/{tenantid}/v2'. Access denied." },
        { "{\"iss\":\"https://many/t1/v2\",\"tid\":\"t1\"}", NULL },
        { "{\"iss\":\"https://many/t1/v2\",\"tid\":\"t2\"}", "IDX10205" },
        { "{\"iss\":\"https://many/t1/v2\"}", "IDX10205" },
        { "{\"iss\":\"https://many//v2\",\"tid\":\"\"}", "IDX10205" },
        { "{\"iss\":\"https://many/v2\",\"tid\":\"/\"}", "IDX10205" },
        { "{\"iss\":\"https://many/{tenantid}/v2\",\"tid\":\"t1\"}", "IDX10205" },
        { "{\"iss\":5}", "IDX10211" },
        { "{}", "IDX10211: Unable to validate issuer. The 'issuer' parameter is null or whitespace. Access denied." },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct jwt_fault fault = { "TokenIssuerNotAllowed", SLICE_NONE };
        struct jwt j = of_payload(cases[i].payload);

        if (jwt_check_issuer(&arena, &j, allowed, COUNT_OF(allowed), &fault) != !cases[i].message)
            fail_msg("%s", cases[i].payload);
        assert_string_equal(fault.reason, "TokenIssuerNotAllowed");
        assert_true(!cases[i].message || slice_starts(fault.message, slice_from(cases[i].message)));
    }
}

/* ---- claims ---- */

#define CLAIMS "{\"s\":\"x\",\"l\":[\"a\",\"b\",3],\"n\":1.50,\"t\":true,\"z\":null,\"o\":{\"k\":[1]},\"sc\":\"a b c\",\"e\":[]}"

static void test_claims(void **state)
{
    static const struct {
        const char *name;
        bool any;
        const char *separator, *values[3], *message; /* NULL: fine */
    } cases[] = {
        { "s", false, "", { "x" }, NULL },
        { "s", false, "", { "X" }, "Claim s value of x is not allowed. Access denied." },
        { "s", false, "", { NULL }, NULL },
        { "l", false, "", { "a", "b" }, NULL },
        { "l", false, "", { "3", "b" }, NULL },
        { "l", false, "", { "a", "c" }, "Claim l value of a, b, 3 is not allowed. Access denied." },
        { "l", true, "", { "a", "c" }, NULL },
        { "l", true, "", { "c", "d" }, "Claim l value of a, b, 3 is not allowed. Access denied." },
        { "l", true, "", { NULL }, NULL },
        { "n", false, "", { "1.50" }, NULL },
        { "t", false, "", { "true" }, NULL },
        { "z", false, "", { "" }, NULL },
        { "o", false, "", { "{\"k\":[1]}" }, NULL },
        { "sc", false, "", { "a" }, "Claim sc value of a b c is not allowed. Access denied." },
        { "sc", false, " ", { "a", "c" }, NULL },
        { "sc", false, " ", { "a", "d" }, "Claim sc value of a b c is not allowed. Access denied." },
        { "sc", true, " ", { "d", "b" }, NULL },
        { "sc", true, " b ", { "c" }, NULL },
        { "e", false, "", { NULL }, NULL },
        { "e", false, "", { "a" }, "Claim e value of  is not allowed. Access denied." },
        { "no", false, "", { "a" }, "JWT token is missing the following claims: no. Access denied." },
    };
    struct jwt j = of_payload(CLAIMS);

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice values[3];
        struct jwt_required r = { .name = slice_from(cases[i].name), .any = cases[i].any, .separator = slice_from(cases[i].separator),
                                  .values = values };
        struct jwt_fault fault = { 0 };

        for (; r.n < 3 && cases[i].values[r.n]; r.n++)
            values[r.n] = slice_from(cases[i].values[r.n]);
        bool ok = jwt_check_claims(&arena, &j, &r, 1, &fault);
        if (ok != !cases[i].message || (!ok && !slice_eq(fault.message, slice_from(cases[i].message))))
            fail_msg("case %zu: %.*s", i, SLICE_ARG(fault.message));
    }
}

static void test_all_that_are_missing(void **state)
{
    static const struct slice wrong = SLICE_INIT("wrong");
    static const struct jwt_required required[] = {
        { .name = SLICE_INIT("s"), .values = &wrong, .n = 1 }, { .name = SLICE_INIT("m1") }, { .name = SLICE_INIT("l") },
        { .name = SLICE_INIT("m2") },
    };
    struct jwt j = of_payload(CLAIMS);
    struct jwt_fault fault;

    assert_false(jwt_check_claims(&arena, &j, required, COUNT_OF(required), &fault));
    assert_string_equal(fault.reason, "TokenClaimNotFound");
    assert_true(slice_eq(fault.message, SLICE("JWT token is missing the following claims: m1, m2. Access denied.")));
    assert_false(jwt_check_claims(&arena, &j, required, 1, &fault));
    assert_string_equal(fault.reason, "TokenClaimValueNotAllowed");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_key_sets),      TEST(test_a_copy_needs_nothing_of_the_original),
        TEST(test_broken_key_sets),  TEST(test_discovery), TEST(test_form),
        TEST(test_long_and_deep), TEST(test_algorithms),       TEST(test_tampering), TEST(test_confusion),
        TEST(test_candidates),    TEST(test_signature_faults), TEST(test_cache),     TEST(test_lifetime),
        TEST(test_no_expiration_when_none_is_required),        TEST(test_audience),  TEST(test_issuer),
        TEST(test_claims),        TEST(test_all_that_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
