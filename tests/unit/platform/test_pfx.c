/* PKCS#12 of several makers: each gives the same certificate and key; a wrong password and damage are said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "platform/crypto.h"
#include "platform/pfx.h"
#include "tests/unit/pfx_samples.h"

static const struct { const char *pfx, *password; unsigned certificates; bool key; } samples[] = {
    { PFX_NEW, "p\xc3\xa4ssword", 2, true },
    { PFX_RC2, "secret", 1, true },
    { PFX_DES, "secret", 1, true },
    { PFX_AES128, "", 1, true },
    { PFX_NO_KEY, "x", 1, false },
};

static struct slice bytes(struct arena *a, const char *base64)
{
    struct slice data = crypto_base64_decode(a, slice_from(base64));

    assert_non_null(data.p);
    return data;
}

static void test_samples(void **state)
{
    struct arena a;
    struct pfx pfx;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct slice der = bytes(&a, samples[i].pfx);
        if (!pfx_read(&a, der, slice_from(samples[i].password), &pfx, &err))
            fail_msg("%zu: %s", i, err.text);
        assert_int_equal(pfx.n, samples[i].certificates);
        assert_true(slice_eq(pfx.certificates[0], bytes(&a, PFX_CERTIFICATE)));
        assert_int_equal(pfx.key.n > 0, samples[i].key);
        if (samples[i].key)
            assert_true(slice_eq(pfx.key, bytes(&a, PFX_KEY)));
        assert_false(pfx_read(&a, der, SLICE("wrong"), &pfx, &err));
        assert_non_null(strstr(err.text, "wrong password"));
    }
    arena_free(&a);
}

static void test_encrypted_key(void **state)
{
    struct arena a;
    struct slice key;
    struct err err;

    arena_init_growing(&a, 1 << 20);
    if (!pfx_decrypt_key(&a, bytes(&a, PFX_ENCRYPTED_KEY), SLICE("secret"), &key, &err))
        fail_msg("%s", err.text);
    assert_true(slice_eq(key, bytes(&a, PFX_KEY)));
    assert_false(pfx_decrypt_key(&a, bytes(&a, PFX_ENCRYPTED_KEY), SLICE("other"), &key, &err));
    arena_free(&a);
}

/* Cut anywhere, or with any byte changed: an error, never a crash, never another key. */
static void test_damage(void **state)
{
    struct arena a;
    struct pfx pfx;
    struct err err;

    arena_init_growing(&a, 16 << 20);
    struct slice der = bytes(&a, PFX_NO_KEY);
    for (size_t n = 0; n < der.n; n++) {
        struct arena_mark mark = arena_mark(&a);
        assert_false(pfx_read(&a, slice_first(der, n), SLICE("x"), &pfx, &err));
        arena_reset(&a, mark);
    }
    for (size_t at = 0; at < der.n; at += 3) {
        struct arena_mark mark = arena_mark(&a);
        char *copy = (char *)(uintptr_t)arena_copy(&a, der).p;
        copy[at] ^= 0x21;
        (void)pfx_read(&a, slice_of(copy, der.n), SLICE("x"), &pfx, &err);
        arena_reset(&a, mark);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples), cmocka_unit_test(test_encrypted_key), cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
