/* Keys of others, their signatures, RSA encryption, block ciphers, certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "platform/crypto.h"
#include "tests/unit/sample_keys.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init_growing(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct crypto_key *key(const char *pem)
{
    struct crypto_key *k;
    struct err err;

    if (!crypto_key_read_any(&k, slice_from(pem), &err))
        fail_msg("%s", err.text);
    return k;
}

static struct slice digest(const char *text)
{
    uint8_t out[CRYPTO_HASH_MAX];

    crypto_hash(CRYPTO_SHA256, slice_from(text), out);
    return arena_copy(&arena, slice_of(out, 32));
}

static struct slice decoded(const char *base64)
{
    return crypto_base64_decode(&arena, slice_from(base64));
}

static void check_scheme(struct crypto_key *k, enum crypto_scheme scheme, const char *base64)
{
    struct slice signature = decoded(base64), own;
    struct err err;

    assert_true(crypto_verify_digest(k, scheme, CRYPTO_SHA256, digest("hello"), signature));
    assert_false(crypto_verify_digest(k, scheme, CRYPTO_SHA256, digest("hellp"), signature));
    assert_false(crypto_verify_digest(k, scheme, CRYPTO_SHA256, digest("hello"),
                                      slice_first(signature, signature.n - 1)));
    assert_false(crypto_verify_digest(k, scheme, CRYPTO_SHA1, digest("hello"), signature));
    assert_true(crypto_sign_digest(k, scheme, CRYPTO_SHA256, digest("x"), &arena, &own, &err));
    assert_true(crypto_verify_digest(k, scheme, CRYPTO_SHA256, digest("x"), own));
}

static void signatures(void **state)
{
    struct crypto_key *rsa = key(SAMPLE_RSA_PEM), *ec = key(SAMPLE_EC_PEM),
                      *public = key(SAMPLE_RSA_PUBLIC_PEM);
    struct slice none;
    struct err err;

    (void)state;
    check_scheme(rsa, CRYPTO_RSA_PKCS1, SAMPLE_SIGNATURE);
    check_scheme(rsa, CRYPTO_RSA_PSS, SAMPLE_SIGNATURE_PSS);
    check_scheme(ec, CRYPTO_ECDSA, SAMPLE_SIGNATURE_EC);
    assert_true(crypto_verify_digest(public, CRYPTO_RSA_PKCS1, CRYPTO_SHA256, digest("hello"),
                                     decoded(SAMPLE_SIGNATURE)));
    assert_false(crypto_verify_digest(ec, CRYPTO_RSA_PKCS1, CRYPTO_SHA256, digest("hello"),
                                      decoded(SAMPLE_SIGNATURE)));
    assert_false(crypto_verify_digest(rsa, CRYPTO_ECDSA, CRYPTO_SHA256, digest("hello"),
                                      decoded(SAMPLE_SIGNATURE_EC)));
    assert_false(
        crypto_sign_digest(public, CRYPTO_RSA_PKCS1, CRYPTO_SHA256, digest("x"), &arena, &none, &err));
    assert_int_equal(crypto_key_bits(rsa), 2048);
    assert_true(crypto_key_is_rsa(rsa) && !crypto_key_is_rsa(ec));
    crypto_key_free(rsa);
    crypto_key_free(ec);
    crypto_key_free(public);
}

static void numbers(void **state)
{
    struct crypto_rsa rsa = { .n = decoded(SAMPLE_RSA_MODULUS), .e = SLICE("\x01\x00\x01") };
    struct crypto_key *k;
    struct err err;

    (void)state;
    assert_true(crypto_key_from_rsa(&k, &rsa, &err));
    assert_true(
        crypto_verify_digest(k, CRYPTO_RSA_PKCS1, CRYPTO_SHA256, digest("hello"), decoded(SAMPLE_SIGNATURE)));
    crypto_key_free(k);
    rsa.e = SLICE_NONE;
    assert_false(crypto_key_from_rsa(&k, &rsa, &err));
    assert_null(k);
}

static void encryption(void **state)
{
    static const enum crypto_hash sha1 = CRYPTO_SHA1, sha256 = CRYPTO_SHA256;
    static const enum crypto_hash *const paddings[] = { NULL, &sha1, &sha256 };
    struct crypto_key *k = key(SAMPLE_RSA_PEM), *public = key(SAMPLE_RSA_PUBLIC_PEM);
    struct slice secret, back;
    struct err err;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(crypto_rsa_crypt(public, true, paddings[i], SLICE("secret"), &arena, &secret, &err));
        assert_true(crypto_rsa_crypt(k, false, paddings[i], secret, &arena, &back, &err));
        assert_true(slice_eq(back, SLICE("secret")));
        assert_false(crypto_rsa_crypt(public, false, paddings[i], secret, &arena, &back, &err));
    }
    assert_false(crypto_rsa_crypt(k, false, NULL, SLICE("short"), &arena, &back, &err));
    crypto_key_free(k);
    crypto_key_free(public);
}

/* FIPS 197 C.1 to C.3; DES and 3DES of NIST SP 800-17 and 800-67. */
static void blocks(void **state)
{
    static const struct {
        enum crypto_cipher cipher;
        const char *key, *plain, *secret;
    } known[] = {
        { CRYPTO_AES, "AAECAwQFBgcICQoLDA0ODw==", "ABEiM0RVZneImaq7zN3u/w==", "acTg2Gp7BDDYzbeAcLTFWg==" },
        { CRYPTO_AES, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
          "ABEiM0RVZneImaq7zN3u/w==", "3al8pIZM3+Bur3Cg7A1xkQ==" },
        { CRYPTO_DES, "AQEBAQEBAQE=", "gAAAAAAAAAA=", "lfil5d0x2QA=" },
        { CRYPTO_3DES, "ASNFZ4mrze8jRWeJq83vAUVniavN7wEj", "VGhlIHF1Zms=", "6R8T/Z6ogfY=" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct slice plain = decoded(known[i].plain), secret = decoded(known[i].secret);
        struct crypto_cipher_ctx c;
        uint8_t out[CRYPTO_BLOCK_MAX];

        assert_true(crypto_cipher_begin(&c, known[i].cipher, true, decoded(known[i].key)));
        crypto_cipher_block(&c, (const uint8_t *)plain.p, out);
        crypto_cipher_end(&c);
        assert_memory_equal(out, secret.p, secret.n);
        assert_true(crypto_cipher_begin(&c, known[i].cipher, false, decoded(known[i].key)));
        crypto_cipher_block(&c, out, out);
        crypto_cipher_end(&c);
        assert_memory_equal(out, plain.p, plain.n);
    }
}

static void bad_keys(void **state)
{
    static const enum crypto_cipher all[] = { CRYPTO_AES, CRYPTO_DES, CRYPTO_3DES };
    struct crypto_cipher_ctx c;
    struct crypto_key *k;
    struct err err;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(crypto_cipher_begin(&c, all[i], true, SLICE("15 bytes of key")));
        crypto_cipher_end(&c);
    }
    assert_false(crypto_key_read_any(&k, SLICE("no key"), &err));
    assert_null(k);
}

static void certificates(void **state)
{
    struct crypto_certificate c;
    struct err err;

    (void)state;
    assert_true(crypto_certificate_read(&arena, SLICE(SAMPLE_CERTIFICATE_PEM), &c, &err));
    assert_int_equal(c.version, 3);
    assert_true(slice_eq(c.serial, SLICE("\x01\x02\xab\xcd\xef")));
    assert_int_equal(c.nsubject, 6);
    assert_true(slice_eq(c.subject[2].oid, SLICE("2.5.4.10")));
    assert_true(slice_eq(c.subject[2].value, SLICE("Example, Inc.")));
    assert_true(slice_eq(c.dns, SLICE("www.example.org")));
    assert_true(slice_eq(c.email, SLICE("b@example.org")));
    assert_true(slice_eq(c.url, SLICE("https://example.org/x")));
    assert_true(slice_eq(c.key_oid, SLICE("1.2.840.113549.1.1.1")));
    assert_true(slice_eq(c.signature_oid, SLICE("1.2.840.113549.1.1.11")));
    assert_true(c.not_after > c.not_before && c.not_before == 1795494634);
    struct crypto_key *k = NULL;
    assert_true(crypto_key_read_any(&k, c.key_info, &err));
    assert_int_equal(crypto_key_bits(k), 2048);
    crypto_key_free(k);
    assert_true(crypto_certificate_read(&arena, c.der, &c, &err));
    for (size_t n = 0; n < c.der.n; n += 7) {
        struct crypto_certificate cut;

        assert_false(crypto_certificate_read(&arena, slice_first(c.der, n), &cut, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures), cmocka_unit_test(numbers),  cmocka_unit_test(encryption),
        cmocka_unit_test(blocks),     cmocka_unit_test(bad_keys), cmocka_unit_test(certificates),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
