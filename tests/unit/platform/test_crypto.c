/* platform/crypto: known answers (FIPS 180, RFC 2202, 4231, 4648, 6979), keys and signatures of
 * OpenSSL, certificates. */
#include "platform/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/platform/command_rig.h"
#include "tests/unit/platform/malloc_rig.h"

/* ---- helpers ---- */

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init_growing(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct slice from_hex(const char *hex)
{
    size_t n = strlen(hex) / 2;
    uint8_t *out = arena_alloc(&arena, n);

    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(ascii_hex_value(hex[2 * i]) << 4 | ascii_hex_value(hex[2 * i + 1]));
    return slice_of(out, n);
}

static const char *to_hex(const void *p, size_t n)
{
    char *out = arena_alloc(&arena, 2 * n + 1);

    crypto_hex(p, n, out);
    return out;
}

static struct crypto_key *read_key(struct slice text)
{
    struct crypto_key *k = NULL;
    struct err err = { "" };

    if (!crypto_key_read(&k, text, &err))
        fail_msg("%s", err.text);
    return k;
}

static void refuses_key(const char *text, const char *why)
{
    struct crypto_key *k = NULL;
    struct err err = { "" };

    assert_false(crypto_key_read(&k, slice_from(text), &err));
    assert_null(k);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

/* ---- hashes ---- */

static void hash_is(enum crypto_hash h, struct slice data, const char *expected)
{
    uint8_t out[CRYPTO_HASH_MAX];

    crypto_hash(h, data, out);
    assert_string_equal(to_hex(out, crypto_hash_size(h)), expected);
}

static void hashes_have_their_known_answers(void **state)
{
    (void)state;
    hash_is(CRYPTO_MD5, SLICE("abc"), "900150983cd24fb0d6963f7d28e17f72");
    hash_is(CRYPTO_SHA1, SLICE("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    hash_is(CRYPTO_SHA256, SLICE_NONE,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash_is(CRYPTO_SHA256, SLICE("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_is(CRYPTO_SHA256, SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    hash_is(CRYPTO_SHA384, SLICE("abc"),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baec"
            "a134c825a7");
    hash_is(CRYPTO_SHA512, SLICE("abc"),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void running_sha256_is_the_same_in_any_pieces(void **state)
{
    (void)state;
    uint8_t data[1000], whole[CRYPTO_SHA256_BYTES], pieces[CRYPTO_SHA256_BYTES];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    crypto_sha256(slice_of(data, sizeof data), whole);
    for (size_t step = 1; step < 200; step += 13) {
        struct crypto_sha256_ctx c;
        crypto_sha256_begin(&c);
        for (size_t at = 0; at < sizeof data; at += step)
            crypto_sha256_add(&c, data + at, sizeof data - at < step ? sizeof data - at : step);
        crypto_sha256_end(&c, pieces);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
}

static void hmac_is(enum crypto_hash h, struct slice key, struct slice data, const char *expected)
{
    uint8_t out[CRYPTO_HASH_MAX];

    crypto_hmac(h, key, data, out);
    assert_string_equal(to_hex(out, crypto_hash_size(h)), expected);
}

static void hmacs_have_their_known_answers(void **state)
{
    (void)state;
    struct slice jefe = SLICE("Jefe"), what = SLICE("what do ya want for nothing?");
    char long_key[131];

    hmac_is(CRYPTO_MD5, jefe, what, "750c783e6ab0b503eaa86e310a5db738");
    hmac_is(CRYPTO_SHA1, jefe, what, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    hmac_is(CRYPTO_SHA256, jefe, what,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_is(CRYPTO_SHA384, jefe, what,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239"
            "ecfab21649");
    hmac_is(CRYPTO_SHA512, jefe, what,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
    memset(long_key, 0xaa, sizeof long_key);
    hmac_is(CRYPTO_SHA256, slice_of(long_key, sizeof long_key),
            SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_is(CRYPTO_SHA256, SLICE_NONE, SLICE_NONE,
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hashing_allocates_nothing(void **state)
{
    (void)state;
    uint8_t out[CRYPTO_HASH_MAX];
    unsigned long long before = allocations;

    for (enum crypto_hash h = CRYPTO_MD5; h <= CRYPTO_SHA512; h++) {
        crypto_hash(h, SLICE("data"), out);
        crypto_hmac(h, SLICE("key"), SLICE("data"), out);
    }
    assert_int_equal(allocations, before);
}

static void equal_looks_at_every_byte(void **state)
{
    (void)state;
    uint8_t a[33] = { 1, 2, 3 }, b[33] = { 1, 2, 3 };

    assert_true(crypto_equal(a, b, sizeof a));
    assert_true(crypto_equal(a, b, 0));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] ^= 0x80;
        assert_false(crypto_equal(a, b, sizeof a));
        b[i] ^= 0x80;
    }
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32] = { 0 }, b[32] = { 0 };

    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    crypto_random(a, 0);
}

/* ---- base64 ---- */

static void base64_is_as_in_the_rfc(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "~~~???", "fn5+Pz8/" },
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct slice plain = slice_from(pairs[i][0]), text = slice_from(pairs[i][1]);
        assert_true(slice_eq(crypto_base64(&arena, plain), text));
        struct slice back = crypto_base64_decode(&arena, text);
        assert_non_null(back.p);
        assert_true(slice_eq(back, plain));
        back = crypto_base64url_decode(&arena, crypto_base64url(&arena, plain));
        assert_non_null(back.p);
        assert_true(slice_eq(back, plain));
    }
    assert_true(slice_eq(crypto_base64url(&arena, SLICE("~~~???f")), SLICE("fn5-Pz8_Zg")));
}

static void base64_refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const standard[] = { "Z", "Zg",       "Zg=",  "Zg===", "Zm8==",   "Zm9v=",
                                            "=", "Zg==Zg==", "Zm9-", "Zm9_",  "Z\x80==", "Zg=x=" };
    static const char *const url[] = { "Z",    "Zg==", "Zm9v Zm9v", "Zm9+",
                                       "Zm9/", "Zh",   "Zm9",       "Zm9v\n" };

    for (size_t i = 0; i < COUNT_OF(standard); i++)
        assert_null(crypto_base64_decode(&arena, slice_from(standard[i])).p);
    for (size_t i = 0; i < COUNT_OF(url); i++)
        assert_null(crypto_base64url_decode(&arena, slice_from(url[i])).p);
}

static void base64_takes_lines(void **state)
{
    (void)state;
    assert_true(
        slice_eq(crypto_base64_decode(&arena, SLICE(" Zm9v\r\n\tYg =\n= ")), SLICE("foob")));
    assert_true(slice_eq(crypto_base64_decode(&arena, SLICE("Zh==")), SLICE("f")));
}

/* ---- keys and signatures ---- */

static const char rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEA4/HrEI7L2Nk6IEBJATXC\n"
    "Y/hCk4LuXolkJ6U/n9MSfka/VQrAeuqfKOwPsAUA4ey7mxWS886oVjrdnH9cXRZ8\n"
    "okpW+r+eOPfV6y3EOK7s4Qy8Wo8p3qmErZtttiHn3PHtshGZ/Iq3fLkPfJ5DKzwA\n"
    "mndhzDUlfPUpqOFhSBg/yeBmw17t/ffe82EAAO2QtxUO7/KbiaoHTJMjbBFq9SFy\n"
    "A8YlepvVqI6jckFJg5Gb/qREVlIoWlJ7/Zx+0uFTZVIM29d43Yj+keBIWUX0SunV\n"
    "SIC3YNxEKtZpR1fQ1iG5Wx+R2PX8rWN3dHc/S7ZxsdGKErSZv8qpc6c0pQsY4cMr\n"
    "urM4W0UKO7F23v6Ncai3OA4ie/j/7aqGp/b3Gk63/j74jBxGSYiUlP6tIPpGUhPr\n"
    "+Gm73WAJh6XGxZD3jCG7757OKvOQA5u5mN2y9fx+QZGY4bsbQNmlvkLpLPQeNNN8\n"
    "octlJvrLBCyplHFQEhybXahpCJeNvmmA8sqrZ+yFmFVrAgMBAAE=\n"
    "-----END PUBLIC KEY-----\n";
static const char rsa_2048_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwmjOmPbh40aOGo1b3zoq\n"
    "VZ73WaCY3ySfQwOaKBU6B3iJgAJi/ahDxOTdRRQAKgDW/xsYIOBycw57gPgT3lnB\n"
    "M5gDRssOZ9wSXgCqXm93zF6x1JXwGtZfJKlb1Fc+KHPN1oVbkrpw2bRVzHSjmU2v\n"
    "Q8DjjPBpZsUKH2gkp723GHO0f6cW+nD1ugv4M67CCDEkr500gJcrQUDZY5zbspU+\n"
    "YRWnsgPT0cyW7uprNGJY6KsT6XYCWUJ+vZjN/j8HAMQUb4U+F1zPQyyKYhTjHaJk\n"
    "KesgEDYepPyRdH43inoAtTV0y101CO3i348dki1Q6NLMWKtRV47+J/U0bds9Uf4/\n"
    "ZwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
static const char ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUvh2i5cBDTtpA7W/HS4tCcOzqPIE\n"
    "aZlcctfoW3UJFbLOspP2LQJDW5lZUBiPewWJ55Q//nVBfs/ZXPjDhzPR+A==\n"
    "-----END PUBLIC KEY-----\n";
static const char p521_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAp18Ksrf08lEYnc4L2FvXy9O7HNl5\n"
    "bpb3+HSNMj/SED8CAnpJ+jKbHUteD+AzmnI/XBMUQ/WB8foDQaWJixU2l4MAfV8U\n"
    "Z1ZL0OoKGoDXLc6u2JB6xW5Us+Pwy1ZohaJwdTlZIeTLMiFuckxo8/85sp8i8V3q\n"
    "GwYgumNk9KJPySlPCjQ=\n"
    "-----END PUBLIC KEY-----\n";
static const char encrypted_sec1[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,BC4F8F45A8AAE5AEE486F68D31679292\n"
    "\n"
    "OEh1hqQffoQA4W4IBFkW7vJ/rHE6OcFIZV16efocWjXUieS8JLutTu5h1mXtdl02\n"
    "KxmS85WVCsAw0P/pSBIoUOyOCG+wjq23HCQ5DZOsn5pRMYAIECYxHm9OExDyx3wK\n"
    "JdM/8aQTvlm3VGMqP6XvBunzTzpozeIsC7uupJwsPRk=\n"
    "-----END EC PRIVATE KEY-----\n";
static const char encrypted_pkcs8[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjsnAkDT7i57wICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEDpvUH12QDeC0igSDfhbUxwEgZDw\n"
    "Wn2kvE8hsOZ7CsnUSRo8egK0o8corFvCAifkOsq9rjDiasn3lNo0UM4H1r/N5A16\n"
    "xVmUnXXlwBT857UrarJXKhS6+B9t7Rah4n8NVIVthLIHkbzwbfLugf8jBiWka0mI\n"
    "RHl0s675wxVPqj6c2VXp7eVgwBA5M/L7LiqRg5bVhMRpwpwA8aGs1fAqVP7HOAE=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
/* By openssl dgst over signed_text. */
static const char signed_text[] = "the quick brown fox";
static const char rsa_pss_signature[] = "3e4d7f14444f365a7e01c86758c4eedd66f97508359954f038b292376e"
                                        "a8b525238c76e569106f0a4a87839fe9e9cb5e"
                                        "deb4dbf711779b7c22510b0ab000f80d823e9a22cb58d737121baae8dd"
                                        "807936d482b8ac1864639733ec5a109fd2fe6f"
                                        "90d35b4bcd1ef038f22acd04325f26e8d00973dcfa0351fae1dea0dec1"
                                        "530b756f7cc1e9c4b021b5a76df561b9a33d15"
                                        "93e4091c8cfe08ad39cf3eb940fe55103dc261961fea9f0750ed838f60"
                                        "6240dffbfd47c9bc266675c643ab418c2a1fec"
                                        "5ef6a0ba903abdcec2f9b9083f3f0bc423ca2ee6067918d2b9b25081b9"
                                        "8379629f97e72c0bd3c93ba3c6f871c3203d64"
                                        "f343ef589ff9eb750c2de3b2000ce73ec3010194417ae492bdec30bcc2"
                                        "62b596435bca8f24cc06466aad88abda5c0fee"
                                        "6752b1e732bccec47f7935beca43bf798f93de3383be12f6388754484e"
                                        "39187be1b26b3e3df4b1a501c84c0170eade08"
                                        "7054aaec2be18339a67c9ec067b56f651c081e2340e647c6ae34572c9f"
                                        "b324aa740bdd6bfdfb22c9a4c4a41a11013cab";
static const char rsa_pkcs1_signature[] = "55a5c232b399722e6502c3e1dc81a846eaac233a4d3bc81e84869fa1"
                                          "ff994c1f4692124ee80544c40d4e27f6502b8e37"
                                          "acb4c419163ec8b079bf9e944e5869976ac707daf31f357f19c93612"
                                          "624e4d1152b56e29899ec209329cdde40995884b"
                                          "606878571484606df01962868819f6b0ded4ec6dac34e68856444e08"
                                          "e1e8e61a7fcb3c34f2a2ee04bd984074bc9d796e"
                                          "03eb91ca7a3b136257962bd42570a498dbba9e2d10d1a79afcf36b8b"
                                          "8e981794d25849c3e3e8a5b029ade58593dc18b8"
                                          "1b5c0204840b842ae7e00f706676a78b36e5a4ae47106a11a1eb7a58"
                                          "45225034bb5cafc4e940db1eb9d75f88287e9636"
                                          "d5439b3c4378327d4700e7f812bb92388c08a12e8923bd8df4b74c6a"
                                          "0f578f73b19123e0cbddaf0cc196190ea3dbbd83"
                                          "a0ed866a071ae6fcb29e2c921c9aed06bc9928b3d64d39e2129c3cb1"
                                          "a2a4791a33763c0677f1043cd5f22d4dc1f97512"
                                          "38fde32b57c60f25a162bc06382668506b9525b511abd79482925042"
                                          "922f9fd1de909f98dd101987dbf824dbed6ea615";
static const char ec_signature[] = "3045022100d48d01ec81cba13885fc98d4ccc541895757225748d60be16d7d5"
                                   "cacea634e8802201723f4ef19e207e5c2"
                                   "b070ab3f1e2e1af2c8139073998c0e76490c851dea7cd9";

/* Flip each byte, cut, and lengthen: none of it verifies. */
static void rejects_tampering(const struct crypto_key *k, struct slice data, struct slice signature)
{
    char copy[600];

    assert_true(signature.n + 1 < sizeof copy);
    assert_true(crypto_verify(k, data, signature));
    for (size_t i = 0; i < signature.n; i += signature.n / 30) {
        memcpy(copy, signature.p, signature.n);
        copy[i] ^= 1;
        assert_false(crypto_verify(k, data, slice_of(copy, signature.n)));
    }
    memcpy(copy, signature.p, signature.n);
    copy[signature.n] = 0;
    assert_false(crypto_verify(k, data, slice_of(copy, signature.n + 1)));
    assert_false(crypto_verify(k, data, slice_of(copy, signature.n - 1)));
    assert_false(crypto_verify(k, data, SLICE_NONE));
    assert_false(crypto_verify(k, slice_first(data, data.n - 1), signature));
}

static void verifies_what_openssl_signed(void **state)
{
    (void)state;
    struct slice text = slice_from(signed_text);
    struct crypto_key *rsa = read_key(slice_from(rsa_public)),
                      *ec = read_key(slice_from(ec_public));

    assert_string_equal(crypto_key_alg(rsa), "rsa-pss-sha256");
    assert_string_equal(crypto_key_alg(ec), "ecdsa-p256-sha256");
    assert_false(crypto_key_is_private(rsa));
    assert_false(crypto_key_is_private(ec));
    rejects_tampering(rsa, text, from_hex(rsa_pss_signature));
    rejects_tampering(ec, text, from_hex(ec_signature));
    assert_false(crypto_verify(rsa, text, from_hex(rsa_pkcs1_signature)));
    assert_false(crypto_verify(rsa, text, from_hex(ec_signature)));
    assert_false(crypto_verify(ec, text, from_hex(rsa_pss_signature)));
    crypto_key_free(rsa);
    crypto_key_free(ec);
}

/* RFC 6979 A.2.5 and A.2.6: the key as SEC1 DER, message "sample". */
static void ecdsa_is_deterministic_as_in_rfc_6979(void **state)
{
    (void)state;
    static const struct {
        const char *alg, *key, *signature;
    } cases[] = {
        { "ecdsa-p256-sha256",
          "30310201010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721a00a06082a"
          "8648ce3d030107",
          "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
          "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" },
        { "ecdsa-p384-sha384",
          "303e02010104306b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
          "96d5724e4c70a825f872c9ea60d2edf5a00706052b81040022",
          "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44ac"
          "f96e36dd1e80fabe46"
          "02310099ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b"
          "82c71a38628ac8" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct crypto_key *k = read_key(from_hex(cases[i].key));
        struct slice signature = SLICE_NONE;
        struct err err = { "" };
        assert_true(crypto_key_is_private(k));
        assert_string_equal(crypto_key_alg(k), cases[i].alg);
        assert_true(crypto_sign(k, SLICE("sample"), &arena, &signature, &err));
        assert_string_equal(to_hex(signature.p, signature.n), cases[i].signature);
        rejects_tampering(k, SLICE("sample"), signature);
        crypto_key_free(k);
    }
}

static void a_key_survives_its_texts(void **state)
{
    (void)state;
    struct crypto_key *k = NULL, *other = NULL;
    struct slice private_pem, public_pem, public_der, again, signature;
    struct err err = { "" };

    assert_true(crypto_key_generate(&k, &err));
    assert_true(crypto_key_generate(&other, &err));
    assert_true(crypto_key_private_pem(k, &arena, &private_pem, &err));
    assert_true(crypto_key_public_pem(k, &arena, &public_pem, &err));
    assert_true(crypto_key_public_der(k, &arena, &public_der, &err));
    assert_true(crypto_sign(k, SLICE("data"), &arena, &signature, &err));
    assert_false(crypto_verify(other, SLICE("data"), signature));

    const struct slice texts[] = { private_pem, public_pem, public_der };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct crypto_key *read = read_key(texts[i]);
        assert_int_equal(crypto_key_is_private(read), i == 0);
        assert_true(crypto_verify(read, SLICE("data"), signature));
        assert_true(crypto_key_public_der(read, &arena, &again, &err));
        assert_true(slice_eq(again, public_der));
        crypto_key_free(read);
    }
    crypto_key_free(k);
    crypto_key_free(other);
}

static void a_public_key_neither_signs_nor_has_a_private_text(void **state)
{
    (void)state;
    struct crypto_key *k = read_key(slice_from(ec_public));
    struct slice out = SLICE_NONE;
    struct err err = { "" };

    assert_false(crypto_sign(k, SLICE("x"), &arena, &out, &err));
    assert_string_equal(err.text, "sign: the key has no private part");
    assert_false(crypto_key_private_pem(k, &arena, &out, &err));
    crypto_key_free(k);
}

static void refuses_keys_it_should_not_trust(void **state)
{
    (void)state;
    refuses_key("", "neither PEM nor DER");
    refuses_key("hello", "neither PEM nor DER");
    refuses_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                "neither PEM nor DER");
    refuses_key(rsa_2048_public, "RSA with 2048 bits: at least 3072");
    refuses_key(p521_public, "secp521r1: only P-256 and P-384");
    refuses_key(encrypted_sec1, "encrypted with a password");
    refuses_key(encrypted_pkcs8, "encrypted with a password");
}

/* ---- certificates ---- */

static void write_text(const char *path, struct slice text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static void self_signed_names_are_what_openssl_sees(void **state)
{
    (void)state;
    const struct slice names[] = { SLICE("gw.example"), SLICE("localhost"), SLICE("127.0.0.1"),
                                   SLICE("::1") };
    struct slice certificate, key;
    struct err err = { "" };
    char path[64] = "/tmp/holdfast-crypto-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    if (!crypto_self_signed(&arena, names, COUNT_OF(names), 365, &certificate, &key, &err))
        fail_msg("%s", err.text);
    crypto_key_free(read_key(key));
    if (!command_exists("openssl"))
        skip();
    write_text(path, certificate);
    assert_int_equal(
        command_run("openssl verify -CAfile %1$s -verify_hostname gw.example %1$s >/dev/null 2>&1",
                    path),
        0);
    assert_int_equal(
        command_run("openssl verify -CAfile %1$s -verify_hostname localhost %1$s >/dev/null 2>&1",
                    path),
        0);
    assert_int_equal(
        command_run("openssl verify -CAfile %1$s -verify_ip 127.0.0.1 %1$s >/dev/null 2>&1", path),
        0);
    assert_int_equal(
        command_run("openssl verify -CAfile %1$s -verify_ip ::1 %1$s >/dev/null 2>&1", path), 0);
    assert_int_not_equal(
        command_run(
            "openssl verify -CAfile %1$s -verify_hostname other.example %1$s >/dev/null 2>&1",
            path),
        0);
    assert_int_equal(
        command_run("openssl x509 -in %1$s -noout -checkend 31400000 >/dev/null 2>&1", path), 0);
    assert_int_not_equal(
        command_run("openssl x509 -in %1$s -noout -checkend 31600000 >/dev/null 2>&1", path), 0);
    unlink(path);
}

static void self_signed_refuses_what_is_no_name(void **state)
{
    (void)state;
    const struct slice bad[] = { SLICE(""), SLICE("a,CN=b"), SLICE("a b") };
    struct slice certificate, key;
    struct err err = { "" };

    assert_false(crypto_self_signed(&arena, NULL, 0, 1, &certificate, &key, &err));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(crypto_self_signed(&arena, &bad[i], 1, 1, &certificate, &key, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_have_their_known_answers),
        cmocka_unit_test(running_sha256_is_the_same_in_any_pieces),
        cmocka_unit_test(hmacs_have_their_known_answers),
        cmocka_unit_test(hashing_allocates_nothing),
        cmocka_unit_test(equal_looks_at_every_byte),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(base64_is_as_in_the_rfc),
        cmocka_unit_test(base64_refuses_what_is_malformed),
        cmocka_unit_test(base64_takes_lines),
        cmocka_unit_test(verifies_what_openssl_signed),
        cmocka_unit_test(ecdsa_is_deterministic_as_in_rfc_6979),
        cmocka_unit_test(a_key_survives_its_texts),
        cmocka_unit_test(a_public_key_neither_signs_nor_has_a_private_text),
        cmocka_unit_test(refuses_keys_it_should_not_trust),
        cmocka_unit_test(self_signed_names_are_what_openssl_sees),
        cmocka_unit_test(self_signed_refuses_what_is_no_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
