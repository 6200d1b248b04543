/* SipHash-1-3 and FNV-1a. */
#include "platform/base/hash.h"

static uint64_t key0 = 0x686f6c6466617374u, key1 = 0x6b65657073657276u;

void hash_seed(uint64_t k0, uint64_t k1)
{
    key0 = k0;
    key1 = k1;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int b)
{
    return x << b | x >> (64 - b);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 = rotl(s->v2, 32);
}

/* Eight bytes, little end first, each through ASCII lower case when fold is set. */
static uint64_t load(const unsigned char *p, size_t n, bool fold)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = fold ? (unsigned char)ascii_lower((char)p[i]) : p[i];
        word |= (uint64_t)c << (8 * i);
    }
    return word;
}

static uint64_t siphash13(struct slice s, bool fold)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t whole = s.n & ~(size_t)7;
    struct sip v = { key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                     key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u };

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m = load(p + i, 8, fold);
        v.v3 ^= m;
        sip_round(&v);
        v.v0 ^= m;
    }
    uint64_t last = (uint64_t)s.n << 56 | (s.n > whole ? load(p + whole, s.n - whole, fold) : 0);
    v.v3 ^= last;
    sip_round(&v);
    v.v0 ^= last;
    v.v2 ^= 0xff;
    sip_round(&v);
    sip_round(&v);
    sip_round(&v);
    return v.v0 ^ v.v1 ^ v.v2 ^ v.v3;
}

uint64_t hash_bytes(struct slice s)
{
    return siphash13(s, false);
}

uint64_t hash_bytes_icase(struct slice s)
{
    return siphash13(s, true);
}

uint32_t hash_name(struct slice s)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)ascii_lower(s.p[i])) * 16777619u;
    return h;
}
