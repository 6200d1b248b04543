/* Tokens, key sets and discovery documents from outside: what parses has its parts where it says, no key verifies a text that nobody
 * signed, and the claims can be judged. The input is taken as a token, as a payload, and as a key set. */
#include <assert.h>
#include <stdint.h>

#include "policy/jwe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct arena *a, const struct jwt *j)
{
    static const struct slice values[] = { SLICE_INIT("a"), SLICE_INIT("https://{tenantid}/") };
    const struct jwt_required required[] = { { .name = SLICE("c"), .separator = SLICE(" "), .values = values, .n = 2 },
                                             { .name = SLICE("d"), .any = true, .values = values, .n = 1 } };
    const struct jwt_lifetime lifetime = { .now_ns = 1500000000000000000u, .skew_s = 60, .require_expiration = true };
    struct jwt_fault fault = { 0 };

    assert(jwt_check_lifetime(a, j, &lifetime, &fault) || fault.reason);
    assert(jwt_check_audience(a, j, values, 2, &fault) || fault.message.p);
    assert(jwt_check_issuer(a, j, values, 2, &fault) || fault.message.p);
    assert(jwt_check_claims(a, j, required, 2, &fault) || fault.message.p);
}

static void check_token(struct arena *a, struct slice token, const struct jwt_keys *keys)
{
    struct jwt_candidates candidates;
    struct jwt_fault fault = { 0 };
    struct jwt j;

    if (!jwt_parse(a, token, &j, &fault)) {
        assert(fault.reason && fault.message.p);
        return;
    }
    assert(j.signed_text.p == token.p && j.signed_text.n < token.n && token.p[j.signed_text.n] == '.');
    assert(json_type(j.header) == JSON_OBJECT && json_type(j.payload) == JSON_OBJECT && j.algorithm.n);
    judge(a, &j);
    jwt_find_candidates(&j, keys, 1, &candidates);
    for (unsigned i = 0; i < candidates.n; i++)
        assert(!jwt_verify(&j, candidates.keys[i]));
    jwt_signature_fault(a, &j, &candidates, keys->n > 0, &fault);
    assert(fault.reason && fault.message.p);
}

static void check_encrypted(struct arena *a, struct slice token)
{
    struct jwt_fault fault = { 0 };
    struct jwt_key keys[2];
    struct slice inner;

    jwt_key_from_secret(&keys[0], SLICE(""), SLICE("0123456789abcdef0123456789abcdef"));
    jwt_key_from_secret(&keys[1], SLICE(""), SLICE("0123456789abcdef"));
    assert(!jwe_open(a, token, &(struct jwt_keys){ keys, 2 }, &inner, &fault));
    assert(fault.reason && fault.message.p);
}

static void check_key_set(struct arena *a, struct slice text, struct jwt_keys *keys)
{
    const struct json *j = json_parse(a, text, NULL);
    struct slice issuer, url;
    struct err err = { { 0 } };

    *keys = (struct jwt_keys){ NULL, 0 };
    if (!jwt_discovery_read(j, &issuer, &url, &err))
        assert(err.text[0]);
    if (!jwt_keys_from_set(a, j, keys, &err))
        *keys = (struct jwt_keys){ NULL, 0 };
    assert(keys->n <= JWT_KEYS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct jwt_keys keys;
    struct arena a;

    arena_init_growing(&a, 64u << 20);
    check_key_set(&a, text, &keys);
    check_token(&a, text, &keys);
    check_encrypted(&a, text);
    struct slice payload = crypto_base64url(&a, text);
    check_token(&a, arena_printf(&a, "eyJhbGciOiJFUzI1NiJ9.%.*s.AAAA", SLICE_ARG(payload)), &keys);
    arena_free(&a);
    return 0;
}
