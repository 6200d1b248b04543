/* What a repository sends, as any bytes: envelopes, roots, payloads, nodes, leaves, a factory's
 * head. Nothing of it may crash, read outside, or come out other than it went in. First byte: which
 * parser. */
#include <assert.h>
#include <stdlib.h>

#include "platform/gzip.h"
#include "store/envelope.h"
#include "store/manifest.h"
#include "store/root.h"
#include "store/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_envelopes(struct arena *a, struct slice text)
{
    struct envelope e;
    struct err err;

    while (text.n) {
        struct slice before = text;
        if (!envelope_parse(a, &text, &e, &err))
            return;
        assert(e.whole.p == before.p && e.whole.n + text.n == before.n);
        assert(e.payload.p >= before.p && e.payload.p + e.payload.n <= before.p + e.whole.n);
        assert(e.signed_bytes.p == before.p && e.signed_bytes.n <= e.whole.n);
    }
}

static void try_root(struct arena *a, struct slice text)
{
    struct root r;
    struct err err;

    if (root_parse(a, text, &r, &err))
        assert(!root_check_self(&r, &err) || r.min[ROLE_ROOT] > 0);
    root_free(&r);
}

/* What is read is written again, and read once more: the same. */
static void try_fresh(struct arena *a, struct slice text)
{
    struct fresh one, two;
    struct err err;
    struct buf b;

    if (!fresh_parse(a, text, &one, &err))
        return;
    buf_init(&b, a);
    fresh_write(&b, &one);
    if (!fresh_parse(a, buf_slice(&b), &two, &err))
        abort();
    assert(one.seq == two.seq && one.expires == two.expires && slice_eq(one.channel, two.channel));
}

static void try_manifest(struct arena *a, struct slice text)
{
    struct manifest *one = arena_new(a, struct manifest), *two = arena_new(a, struct manifest);
    struct err err;
    struct buf b;

    if (!manifest_parse(a, text, one, &err))
        return;
    buf_init(&b, a);
    manifest_write(&b, one);
    if (!manifest_parse(a, buf_slice(&b), two, &err))
        abort();
    assert(one->seq == two->seq && one->bits == two->bits &&
           memcmp(one->root, two->root, sizeof one->root) == 0);
}

/* An entry that says what the bytes are: the inflating and the line rules are under test, not
 * SHA-256. */
static void try_leaf(struct arena *a, struct slice z)
{
    struct tree_entry e;
    struct slice raw;
    struct err err;

    if (gzip_inflate(a, GZIP_ZLIB, z, TREE_LEAF_MAX, &raw, NULL) != GZIP_DONE)
        return;
    tree_leaf_entry(raw, z, &e);
    if (tree_entry_check(&e, &err) && tree_leaf_open(a, &e, z, &raw, &err))
        (void)!tree_leaf_check(a, raw, 0, 0, &err);
}

static void try_lines(struct arena *a, struct slice raw)
{
    struct err err;

    for (unsigned bits = 0; bits <= 2; bits++)
        (void)!tree_leaf_check(a, raw, 0, bits, &err);
}

static void try_latest(struct arena *a, struct slice text)
{
    struct latest *l = arena_new(a, struct latest);
    struct root nobody = { .version = 1, .min = { 1, 1, 1 } };
    struct err err;

    if (latest_parse(a, &nobody, text, l, &err))
        abort(); /* signed by nobody */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct arena *, struct slice) = {
        try_envelopes, try_root, try_fresh, try_manifest, try_leaf, try_lines, try_latest,
    };
    struct arena a;

    if (!size)
        return 0;
    arena_init_growing(&a, 64u << 20);
    parsers[data[0] % COUNT_OF(parsers)](&a, slice_of(data + 1, size - 1));
    arena_free(&a);
    return 0;
}
