/* A direct-mapped table that all threads share, without a lock: a mark is four words, each read and written by itself. What is read while
 * another thread writes is a mixture of two good marks, which is nobody's mark: to be one, a token would have to be found whose
 * SHA-256 is that mixture. */
#include "policy/jwt_cache.h"

#include <stdatomic.h>

#define WORDS (sizeof(struct jwt_mark) / sizeof(uint64_t))

static _Atomic uint64_t cache[JWT_CACHE_ENTRIES][WORDS];

void jwt_cache_mark(const struct jwt *j, const struct jwt_key *key, struct jwt_mark *out)
{
    struct crypto_sha256_ctx c;

    crypto_sha256_begin(&c);
    crypto_sha256_add(&c, key->mark, sizeof key->mark);
    crypto_sha256_add(&c, j->token.p, j->token.n);
    crypto_sha256_end(&c, (uint8_t *)out->words);
}

static _Atomic uint64_t *slot_of(const struct jwt_mark *mark)
{
    return cache[mark->words[0] % JWT_CACHE_ENTRIES];
}

bool jwt_cache_has(const struct jwt_mark *mark)
{
    const _Atomic uint64_t *slot = slot_of(mark);
    uint64_t differs = 0;

    for (size_t i = 0; i < WORDS; i++)
        differs |= atomic_load_explicit(&slot[i], memory_order_relaxed) ^ mark->words[i];
    return differs == 0;
}

void jwt_cache_add(const struct jwt_mark *mark)
{
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&slot_of(mark)[i], mark->words[i], memory_order_relaxed);
}
