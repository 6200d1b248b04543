/* Texts of keys, signatures and tokens from outside: what decodes encodes to the same value again,
 * base64url to the same text; a key that can be read can be written and read again. */
#include <assert.h>
#include <stdint.h>

#include "platform/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct arena *a, struct slice text)
{
    struct slice plain = crypto_base64_decode(a, text), url = crypto_base64url_decode(a, text);

    if (plain.p) {
        struct slice again = crypto_base64_decode(a, crypto_base64(a, plain));
        assert(again.p && slice_eq(again, plain));
    }
    if (url.p)
        assert(slice_eq(crypto_base64url(a, url), text));
}

static void check_key(struct arena *a, struct slice text)
{
    struct crypto_key *k, *again;
    struct slice der = SLICE_NONE, der_again = SLICE_NONE;
    struct err err;

    if (!crypto_key_read(&k, text, &err)) {
        assert(!k && err.text[0]);
        return;
    }
    assert(crypto_key_public_der(k, a, &der, &err));
    assert(crypto_key_read(&again, der, &err));
    assert(crypto_key_public_der(again, a, &der_again, &err));
    assert(slice_eq(der, der_again));
    assert(!crypto_verify(again, SLICE("text"), text));
    crypto_key_free(k);
    crypto_key_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct slice text = slice_of(data, size);

    arena_init_growing(&a, 16u << 20);
    check_base64(&a, text);
    check_key(&a, text);
    arena_free(&a);
    return 0;
}
