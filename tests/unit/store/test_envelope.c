/* store/envelope, root, manifest, tree: round trips, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/gzip.h"
#include "store/envelope.h"
#include "store/manifest.h"
#include "store/root.h"
#include "store/tree.h"

static struct arena arena;
static struct err err;
static struct crypto_key *key, *other;

static int begin(void **state)
{
    (void)state;
    arena_init_growing(&arena, 64 << 20);
    if (!key)
        assert_true(crypto_key_generate(&key, &err) && crypto_key_generate(&other, &err));
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct slice sealed(const char *type, const char *payload,
                           const struct crypto_key *const *keys, size_t n)
{
    struct buf b;

    buf_init(&b, &arena);
    assert_true(envelope_put(&b, slice_from(type), slice_from(payload), keys, n, &err));
    return buf_slice(&b);
}

static void assert_refused(const char *text, const char *why)
{
    struct slice rest = slice_from(text);
    struct envelope e;

    if (envelope_parse(&arena, &rest, &e, &err))
        fail_msg("taken: %s", text);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not contain \"%s\"", text, err.text, why);
}

static void envelopes_stand_in_a_row(void **state)
{
    (void)state;
    const struct crypto_key *keys[] = { key, other };
    struct slice parts[] = { sealed("fresh", "{\"a\":1}", keys, 2),
                             sealed("manifest", "two\nlines\nEC1 x 3\n", keys, 1) };
    struct slice rest = arena_concat(&arena, parts, 2);
    struct envelope e;

    assert_true(envelope_parse(&arena, &rest, &e, &err));
    assert_true(slice_eq(e.type, SLICE("fresh")));
    assert_true(slice_eq(e.payload, SLICE("{\"a\":1}")));
    assert_int_equal(e.n, 2);
    assert_true(slice_eq(e.whole, parts[0]));
    assert_true(crypto_verify(key, e.signed_bytes, e.signatures[0].der));
    assert_true(crypto_verify(other, e.signed_bytes, e.signatures[1].der));
    assert_false(crypto_verify(key, e.signed_bytes, e.signatures[1].der));
    assert_true(envelope_parse(&arena, &rest, &e, &err));
    assert_true(slice_eq(e.type, SLICE("manifest")));
    assert_int_equal(e.n, 1);
    assert_int_equal(rest.n, 0);
}

static void other_spellings_are_refused(void **state)
{
    (void)state;
    assert_refused("", "not a signed envelope");
    assert_refused("<html>", "not a signed envelope");
    assert_refused("EC1 fresh 2", "does not end");
    assert_refused("EC1 fresh\nab\n", "no length");
    assert_refused("EC1 Fresh 2\nab\n", "no type");
    assert_refused("EC1 fresh 02\nab\n", "no length");
    assert_refused("EC1 fresh +2\nab\n", "no length");
    assert_refused("EC1 fresh 9999999999999\nab\n", "no length");
    assert_refused("EC1 fresh 3\nab\n", "cut");
    assert_refused("EC1 fresh 1\nab\n", "length is wrong");
    assert_refused("EC1 fresh 2\nab\n0123456789abcdef QQ", "does not end");
    assert_refused("EC1 fresh 2\nab\n0123456789abcdeF QQ\n", "no key id");
    assert_refused("EC1 fresh 2\nab\n0123456789abcdef\n", "not base64url");
    assert_refused("EC1 fresh 2\nab\n0123456789abcdef \n", "not base64url");
    assert_refused("EC1 fresh 2\nab\n0123456789abcdef QR\n",
                   "not base64url"); /* QQ has another spelling */
    assert_refused("EC1 fresh 2\nab\n0123456789abcdef QQ==\n", "not base64url");
}

static void signatures_have_a_limit(void **state)
{
    (void)state;
    struct buf b;

    buf_init(&b, &arena);
    buf_puts(&b, "EC1 fresh 2\nab\n");
    for (unsigned i = 0; i <= ENVELOPE_SIGNATURES_MAX; i++)
        buf_puts(&b, "0123456789abcdef QQ\n");
    assert_refused(buf_slice(&b).p, "more than 16 signatures");
}

/* ---- trees ---- */

static void trees_have_two_levels(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= TREE_BITS_MAX; bits++)
        assert_int_equal(tree_fan(bits) * tree_nodes(bits), tree_leaves(bits));
    assert_int_equal(tree_fan(8), 16);
    assert_int_equal(tree_fan(9), 32);
    assert_int_equal(tree_nodes(9), 16);
    assert_int_equal(tree_slot(SLICE("api"), SLICE("x"), 0), 0);
    /* SHA-256("api/basic-api") */
    uint8_t hash[CRYPTO_SHA256_BYTES];
    crypto_sha256(SLICE("api/basic-api"), hash);
    assert_int_equal(tree_slot(SLICE("api"), SLICE("basic-api"), 8), hash[0]);
    assert_int_equal(tree_slot(SLICE("api"), SLICE("basic-api"), 4), hash[0] >> 4);
    assert_int_equal(tree_slot(SLICE("api"), SLICE("basic-api"), 12), hash[0] << 4 | hash[1] >> 4);
}

static void entries_are_40_bytes(void **state)
{
    (void)state;
    struct tree_entry e = { .raw = 0x01020304, .z = 0xfffefdfc }, back;
    uint8_t bytes[TREE_ENTRY_BYTES];

    memset(e.hash, 0xab, sizeof e.hash);
    tree_entry_put(&e, bytes);
    assert_memory_equal(bytes + 32, "\1\2\3\4\xff\xfe\xfd\xfc", 8);
    tree_entry_get(bytes, &back);
    assert_true(tree_entry_eq(&e, &back));
}

static void leaves_are_checked(void **state)
{
    (void)state;
    struct slice raw = SLICE("{\"kind\":\"api\",\"id\":\"a\"}\n{\"kind\":\"api\",\"id\":\"b\"}\n"),
                 out;
    struct slice z = gzip_deflate(&arena, GZIP_ZLIB, raw, 9);
    struct tree_entry e;

    tree_leaf_entry(raw, z, &e);
    assert_true(tree_entry_check(&e, &err));
    assert_true(tree_leaf_open(&arena, &e, z, &out, &err));
    assert_true(slice_eq(out, raw));
    assert_true(tree_leaf_check(&arena, raw, 0, 0, &err));
    e.raw--;
    assert_false(tree_leaf_open(&arena, &e, z, &out, &err));
    e.raw++;
    e.hash[3] ^= 1;
    assert_false(tree_leaf_open(&arena, &e, z, &out, &err));
    assert_false(tree_leaf_check(&arena, slice_first(raw, raw.n - 1), 0, 0, &err));
    assert_false(tree_leaf_check(
        &arena, SLICE("{\"kind\":\"api\",\"id\":\"b\"}\n{\"kind\":\"api\",\"id\":\"a\"}\n"), 0, 0,
        &err));
    assert_non_null(strstr(err.text, "out of order"));
    assert_false(tree_leaf_check(
        &arena, SLICE("{\"kind\":\"api\",\"id\":\"b\"}\n{\"kind\":\"api\",\"id\":\"b\"}\n"), 0, 0,
        &err));
    assert_false(tree_leaf_check(&arena, raw, 1 - tree_slot(SLICE("api"), SLICE("a"), 1), 1, &err));
    assert_non_null(strstr(err.text, "does not belong here"));
    assert_true(tree_leaf_check(&arena, SLICE_NONE, 3, 4, &err));
}

static void bombs_are_not_inflated(void **state)
{
    (void)state;
    struct tree_entry e = { .raw = TREE_LEAF_MAX + 1, .z = 50000 };

    assert_false(tree_entry_check(&e, &err));
    e = (struct tree_entry){ .raw = 100000, .z = 499 };
    assert_false(tree_entry_check(&e, &err));
    assert_non_null(strstr(err.text, "200:1"));
    e.z = 500;
    assert_true(tree_entry_check(&e, &err));
    e = (struct tree_entry){ .raw = 0, .z = 8 };
    assert_false(tree_entry_check(&e, &err));
    e = (struct tree_entry){ .raw = 10, .z = 4000000 };
    assert_false(tree_entry_check(&e, &err));
}

static void entities_have_kind_and_id(void **state)
{
    (void)state;
    struct slice kind, id;
    char deep[2 * TREE_DEPTH_MAX + 64];

    assert_true(tree_entity_read(&arena, SLICE("{\"id\":\"a/b\",\"kind\":\"op\",\"x\":[]}"), &kind,
                                 &id, &err));
    assert_true(slice_eq(kind, SLICE("op")) && slice_eq(id, SLICE("a/b")));
    assert_false(tree_entity_read(&arena, SLICE("{\"kind\":\"op\"}"), &kind, &id, &err));
    assert_false(
        tree_entity_read(&arena, SLICE("{\"kind\":\"o/p\",\"id\":\"x\"}"), &kind, &id, &err));
    assert_false(
        tree_entity_read(&arena, SLICE("{\"kind\":\"op\",\"id\":\"\"}"), &kind, &id, &err));
    assert_false(
        tree_entity_read(&arena, SLICE("{\"kind\":\"op\",\"id\":\"a\\n\"}"), &kind, &id, &err));
    assert_false(tree_entity_read(&arena, SLICE("[1]"), &kind, &id, &err));
    assert_false(tree_entity_read(&arena, SLICE(""), &kind, &id, &err));
    int n = snprintf(deep, sizeof deep, "{\"kind\":\"a\",\"id\":\"b\",\"x\":");
    memset(deep + n, '[', TREE_DEPTH_MAX);
    memset(deep + n + TREE_DEPTH_MAX, ']', TREE_DEPTH_MAX);
    deep[n + 2 * TREE_DEPTH_MAX] = '}';
    assert_false(tree_entity_read(&arena, slice_of(deep, (size_t)n + 2 * TREE_DEPTH_MAX + 1), &kind,
                                  &id, &err));
    assert_non_null(strstr(err.text, "deeper than 32"));
}

/* ---- payloads ---- */

static void payloads_come_back(void **state)
{
    (void)state;
    struct fresh f = { .channel = SLICE("default"),
                       .seq = 4096,
                       .length = 1095,
                       .issued = 1732406400,
                       .expires = 1732492800 },
                 f2;
    struct manifest *m = arena_new(&arena, struct manifest),
                    *m2 = arena_new(&arena, struct manifest);
    struct tree_entry *leaves = arena_array(&arena, struct tree_entry, tree_leaves(6));
    struct buf b;

    buf_init(&b, &arena);
    fresh_write(&b, &f);
    assert_true(b.n < 200);
    assert_true(fresh_parse(&arena, buf_slice(&b), &f2, &err));
    assert_int_equal(f2.seq, 4096);
    assert_int_equal(f2.expires, f.expires);

    for (uint32_t i = 0; i < tree_leaves(6); i++)
        tree_leaf_entry(slice_of(&i, 4), SLICE("z"), &leaves[i]);
    *m = (struct manifest){ .channel = SLICE("default"),
                            .seq = 7,
                            .entities = 5,
                            .apis = 2,
                            .raw = 100,
                            .z = 50,
                            .bits = 6,
                            .schema = 1,
                            .issued = 3,
                            .min_gateway = SLICE("0.2"),
                            .pack_seq = 7,
                            .pack_length = 99 };
    tree_root(leaves, 6, m->nodes, m->root);
    buf_init(&b, &arena);
    manifest_write(&b, m);
    if (!manifest_parse(&arena, buf_slice(&b), m2, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(m->root, m2->root, sizeof m->root);
    assert_memory_equal(m->nodes, m2->nodes, tree_nodes(6) * sizeof *m->nodes);
    assert_true(slice_eq(m2->min_gateway, SLICE("0.2")));
    assert_int_equal(m2->pack_length, 99);
    /* Unknown members are taken, a root that is not that of the nodes is not. */
    char *text = arena_cstr(&arena, buf_slice(&b));
    const char *more = arena_printf(&arena, "{\"new\":[1],%s", text + 1).p;
    assert_true(manifest_parse(&arena, slice_from(more), m2, &err));
    char *at = strstr(text, "\"root\":\"") + 8;
    *at = *at == '0' ? '1' : '0';
    assert_false(manifest_parse(&arena, slice_from(text), m2, &err));
}

static void bad_payloads_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"ch\":\"../x\"}",
        "{\"ch\":\"default\",\"seq\":0,\"man\":\"00\",\"mlen\":1,\"issued\":1}",
        "{\"ch\":\"default\",\"seq\":9223372036854775807,\"man\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"mlen\":1,\"issued\":1}",
        "{\"ch\":\"default\",\"seq\":1,\"man\":"
        "\"zz00000000000000000000000000000000000000000000000000000000000000\",\"mlen\":1,"
        "\"issued\":1}",
        "{\"ch\":\"default\",\"seq\":1,\"man\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"mlen\":999999999,\"issued\":1}",
    };
    struct fresh f;
    struct manifest *m = arena_new(&arena, struct manifest);

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(fresh_parse(&arena, slice_from(bad[i]), &f, &err));
        assert_false(manifest_parse(&arena, slice_from(bad[i]), m, &err));
    }
    assert_false(manifest_parse(&arena, SLICE("{\"schema\":2}"), m, &err));
    assert_non_null(strstr(err.text, "update it"));
    assert_false(channel_is_valid(SLICE(".x")));
    assert_false(channel_is_valid(SLICE("a/b")));
    assert_true(channel_is_valid(SLICE("stage-2.eu_1")));
}

static void free_keys(void)
{
    crypto_key_free(key);
    crypto_key_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(envelopes_stand_in_a_row, begin, end),
        cmocka_unit_test_setup_teardown(other_spellings_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(signatures_have_a_limit, begin, end),
        cmocka_unit_test_setup_teardown(trees_have_two_levels, begin, end),
        cmocka_unit_test_setup_teardown(entries_are_40_bytes, begin, end),
        cmocka_unit_test_setup_teardown(leaves_are_checked, begin, end),
        cmocka_unit_test_setup_teardown(bombs_are_not_inflated, begin, end),
        cmocka_unit_test_setup_teardown(entities_have_kind_and_id, begin, end),
        cmocka_unit_test_setup_teardown(payloads_come_back, begin, end),
        cmocka_unit_test_setup_teardown(bad_payloads_are_refused, begin, end),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free_keys();
    return failed;
}
