/* PKCS#12 from outside: whatever opens holds a certificate, and what does not says why. */
#include <assert.h>
#include <stdint.h>

#include "platform/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct arena *a, struct slice der, struct slice password)
{
    struct slice certificate = SLICE_NONE, key = SLICE_NONE;
    struct crypto_certificate parts;
    struct err err = { "" }, why;

    if (!crypto_pfx_read(a, der, password, &certificate, &key, &err)) {
        assert(err.text[0]);
        return;
    }
    assert(certificate.n);
    crypto_certificate_read(a, certificate, &parts, &why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;

    arena_init_growing(&a, 16u << 20);
    check(&a, slice_of(data, size), SLICE(""));
    check(&a, slice_of(data, size), SLICE("\xC3\xA9\xE2\x82\xACx"));
    arena_free(&a);
    return 0;
}
