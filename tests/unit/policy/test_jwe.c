/* Encrypted tokens: every algorithm, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/jwe.h"
#include "tests/unit/policy/jwt_samples.h"
#include "tests/unit/sample_keys.h"

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

/* Secrets of all lengths, and the private key. */
static struct jwt_keys all_keys(void)
{
    static const char *const secrets[] = { SAMPLE_BYTES_16, SAMPLE_BYTES_24, SAMPLE_BYTES_32, SAMPLE_BYTES_48, SAMPLE_BYTES_64 };
    struct jwt_key *keys = arena_array(&arena, struct jwt_key, COUNT_OF(secrets) + 1);
    struct err err;

    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        jwt_key_from_secret(&keys[i], SLICE("s"), crypto_base64_decode(&arena, slice_from(secrets[i])));
    assert_true(jwt_key_from_private(&keys[COUNT_OF(secrets)], SLICE("p"), SLICE(SAMPLE_RSA_PEM), &err));
    return (struct jwt_keys){ keys, COUNT_OF(secrets) + 1 };
}

static const char *const samples[] = { SAMPLE_JWE_DIR_128, SAMPLE_JWE_DIR_192, SAMPLE_JWE_DIR_256, SAMPLE_JWE_A128KW,
                                       SAMPLE_JWE_A192KW,  SAMPLE_JWE_A256KW,  SAMPLE_JWE_OAEP,    SAMPLE_JWE_OAEP_256 };

static void test_algorithms(void **state)
{
    struct jwt_keys keys = all_keys();
    struct jwt_fault fault;
    struct slice inner;

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_true(jwe_is(slice_from(samples[i])));
        if (!jwe_open(&arena, slice_from(samples[i]), &keys, &inner, &fault))
            fail_msg("sample %zu: %.*s", i, SLICE_ARG(fault.message));
        assert_true(slice_eq(inner, SLICE(SAMPLE_HS256)));
    }
    assert_false(jwe_is(SLICE(SAMPLE_HS256)));
    assert_false(jwe_is(SLICE("a.b.c.d.e.f")));
}

/* A letter in the middle of each part, each in turn: all of it is authenticated. */
static void test_tampering(void **state)
{
    struct jwt_keys keys = all_keys();
    struct jwt_fault fault;
    struct slice inner;

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct slice rest = slice_from(samples[i]), part;
        while (slice_cut(&rest, '.', &part)) {
            char *copy = arena_cstr(&arena, slice_from(samples[i]));
            char *at = copy + (part.p - samples[i]) + part.n / 2;
            if (!part.n)
                continue;
            *at = *at == 'A' ? 'B' : 'A';
            assert_false(jwe_open(&arena, slice_from(copy), &keys, &inner, &fault));
            assert_string_equal(fault.reason, "JwtInvalid");
        }
    }
}

static void assert_refused(const char *token, const struct jwt_keys *keys, const char *message)
{
    struct jwt_fault fault;
    struct slice inner;

    assert_false(jwe_open(&arena, slice_from(token), keys, &inner, &fault));
    assert_string_equal(fault.reason, "JwtInvalid");
    assert_string_equal(arena_cstr(&arena, fault.message), message);
}

static const char *with_header(const char *header)
{
    return arena_printf(&arena, "%.*s..AAAA.AAAA.AAAA", SLICE_ARG(crypto_base64url(&arena, slice_from(header)))).p;
}

static void test_faults(void **state)
{
    static const char *const headers[] = { "{}",
                                           "[]",
                                           "{\"alg\":\"dir\"}",
                                           "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}",
                                           "{\"alg\":\"RSA1_5\",\"enc\":\"A128CBC-HS256\"}",
                                           "{\"alg\":\"dir\",\"enc\":\"A128CBC-HS256\",\"zip\":\"DEF\"}",
                                           "{\"alg\":\"dir\",\"enc\":\"A128CBC-HS256\",\"crit\":[\"exp\"]}" };
    struct jwt_keys keys = all_keys(), none = { NULL, 0 }, other = { keys.v, 1 };

    for (size_t i = 0; i < COUNT_OF(headers); i++)
        assert_refused(with_header(headers[i]), &keys,
                       "IDX10611: Decryption failed. The token is malformed, or its algorithms are not supported.");
    assert_refused("!....", &keys, "IDX10611: Decryption failed. The token is malformed, or its algorithms are not supported.");
    assert_refused("....", &keys, "IDX10611: Decryption failed. The token is malformed, or its algorithms are not supported.");
    assert_refused(with_header("{\"alg\":\"dir\",\"enc\":\"A128CBC-HS256\"}"), &keys, "IDX10603: Decryption failed. Keys tried: 6.");
    assert_refused(SAMPLE_JWE_DIR_128, &none, "IDX10609: Decryption failed. No Keys tried.");
    assert_refused(SAMPLE_JWE_OAEP, &other, "IDX10603: Decryption failed. Keys tried: 1.");
}

static void test_private_keys(void **state)
{
    struct jwt_key key;
    struct err err;

    assert_false(jwt_key_from_private(&key, SLICE(""), SLICE("no key"), &err));
    assert_false(jwt_key_from_private(&key, SLICE(""), crypto_base64_decode(&arena, SLICE(SAMPLE_CERTIFICATE_BASE64)), &err));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_algorithms), TEST(test_tampering), TEST(test_faults), TEST(test_private_keys) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
