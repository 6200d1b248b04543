/* sync/publish, keys, trust: idempotence, guards, key changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "store/stage.h"
#include "sync/keys.h"
#include "sync/trust.h"
#include "tests/unit/sync/sync_rig.h"

static struct rig rig;
static struct sync_published done;

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static struct sync_publish_options options(const char *const *key)
{
    return (struct sync_publish_options){ .repo = rig.repo, .keys = key, .n_keys = 1 };
}

static void assert_fails(const struct sync_publish_options *o, const char *why)
{
    struct slice before = file_exists(rig_path(&rig, rig.repo, "default/latest"))
                              ? rig_read(&rig, rig_path(&rig, rig.repo, "default/latest"))
                              : SLICE_NONE;

    assert_false(sync_publish(o, rig.entities, rig.n, &done, &rig.err));
    if (!strstr(rig.err.text, why))
        fail_msg("\"%s\" does not contain \"%s\"", rig.err.text, why);
    if (before.n)
        assert_true(slice_eq(before, rig_read(&rig, rig_path(&rig, rig.repo, "default/latest"))));
}

static void keys_are_never_overwritten(void **state)
{
    (void)state;
    char fingerprint[SYNC_FINGERPRINT_MAX];
    struct stat st;
    const char *path = rig_path(&rig, rig.dir, "k");

    assert_true(sync_keygen(path, fingerprint, &rig.err));
    assert_int_equal(strlen(fingerprint), 71);
    assert_int_equal(strncmp(fingerprint, "sha256:", 7), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(file_exists(rig_path(&rig, rig.dir, "k.pub")));
    struct slice before = rig_read(&rig, path);
    assert_false(sync_keygen(path, fingerprint, &rig.err));
    assert_non_null(strstr(rig.err.text, "never overwritten"));
    assert_true(slice_eq(before, rig_read(&rig, path)));
    unlink(path);
    assert_false(sync_keygen(path, fingerprint, &rig.err)); /* the public part is there still */
    assert_false(file_exists(path));
    struct crypto_key *key;
    assert_false(sync_key_read_private(rig_path(&rig, rig.dir, "k.pub"), &key, &rig.err));
    assert_non_null(strstr(rig.err.text, "public key"));
}

static void the_same_content_is_unchanged(void **state)
{
    (void)state;
    const char *latest = rig_path(&rig, rig.repo, "default/latest");

    rig_entities(&rig, 100, 100);
    assert_int_equal(rig_publish(&rig).seq, 1);
    struct slice before = rig_read(&rig, latest);
    /* In another order, too. */
    for (size_t i = 0; i < rig.n / 2; i++) {
        struct sync_entity e = rig.entities[i];
        rig.entities[i] = rig.entities[rig.n - 1 - i];
        rig.entities[rig.n - 1 - i] = e;
    }
    struct sync_published p = rig_publish(&rig);
    assert_true(p.unchanged);
    assert_int_equal(p.seq, 1);
    assert_int_equal(p.bytes, 0);
    assert_true(slice_eq(before, rig_read(&rig, latest)));
    rig.entities[3].line =
        arena_printf(&rig.arena, "{\"kind\":\"%.*s\",\"id\":\"%.*s\",\"x\":1}",
                     SLICE_ARG(rig.entities[3].kind), SLICE_ARG(rig.entities[3].id));
    p = rig_publish(&rig);
    assert_false(p.unchanged);
    assert_int_equal(p.seq, 2);
    assert_true(file_exists(rig_path(&rig, rig.repo, "default/m/1")));
    assert_true(file_exists(rig_path(&rig, rig.repo, "default/m/2")));
    assert_true(file_exists(rig_path(&rig, rig.repo, "default/p/2")));
}

static void a_new_latest_has_another_time(void **state)
{
    (void)state;
    struct stat st[3];

    rig_entities(&rig, 10, 100);
    for (unsigned i = 0; i < 3; i++) {
        rig_change(&rig, 1, i + 2);
        rig_publish(&rig);
        assert_int_equal(stat(rig_path(&rig, rig.repo, "default/latest"), &st[i]), 0);
    }
    assert_true(st[0].st_mtime < st[1].st_mtime && st[1].st_mtime < st[2].st_mtime);
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    const char *keys[] = { rig.key };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 100, 100);
    o.dry_run = true;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    assert_int_equal(done.seq, 1);
    assert_int_equal(done.entities, 100);
    assert_false(file_exists(rig.repo));
}

static void half_of_the_apis_may_not_vanish(void **state)
{
    (void)state;
    const char *keys[] = { rig.key };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 100, 100);
    rig_publish(&rig);
    rig.n = 41; /* 5 of 10 */
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig.n = 11; /* 2 of 5 */
    assert_fails(&o, "2 APIs where there were 5: less than half");
    assert_true(done.refused);
    o.force = true;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
}

static void bad_entities_are_named(void **state)
{
    (void)state;
    const char *keys[] = { rig.key };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    struct sync_entity good = rig.entities[3];
    rig.entities[3] = rig.entities[4];
    assert_fails(&o, "entity operation/api-0/op-4: twice");
    rig.entities[3] = good;
    rig.entities[3].line = SLICE("{\"kind\":\"api\",\"id\":\"x\"}");
    assert_fails(&o, "entity operation/api-0/op-3: its line says api/x");
    rig.entities[3].line = SLICE("{\"kind\":\"api\"");
    assert_fails(&o, "entity operation/api-0/op-3: line 1");
    char *large = malloc(TREE_ENTITY_MAX + 100);
    memset(large, ' ', TREE_ENTITY_MAX + 100);
    memcpy(large, "{\"kind\":\"operation\",\"id\":\"api-0/op-3\"", 37);
    large[TREE_ENTITY_MAX] = '}';
    rig.entities[3].line = slice_of(large, TREE_ENTITY_MAX + 1);
    assert_fails(&o, "entity operation/api-0/op-3: 1048577 bytes, at most 1048576");
    /* One byte less is taken, though it looks like a bomb. */
    large[TREE_ENTITY_MAX - 1] = '}';
    rig.entities[3].line = slice_of(large, TREE_ENTITY_MAX);
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    free(large);
}

static void large_leaves_make_a_finer_tree(void **state)
{
    (void)state;
    const char *keys[] = { rig.key };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 24, 700000); /* 17 MB in few entities: some leaves would be over their cap */
    if (!sync_publish(&o, rig.entities, rig.n, &done, &rig.err))
        fail_msg("%s", rig.err.text);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
}

static void another_key_cannot_publish(void **state)
{
    (void)state;
    char fingerprint[SYNC_FINGERPRINT_MAX];
    const char *keys[] = { rig_path(&rig, rig.dir, "other.key") };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    assert_true(sync_keygen(keys[0], fingerprint, &rig.err));
    assert_fails(&o, "not one of this repository's");
}

static void a_spare_replaces_a_lost_key(void **state)
{
    (void)state;
    char fingerprint[SYNC_FINGERPRINT_MAX];
    const char *keys[] = { rig.key };
    const char *spare[] = { rig_path(&rig, rig.dir, "spare.key") };
    const char *public[] = { rig_path(&rig, rig.dir, "spare.key.pub") };
    struct sync_publish_options o = options(keys);

    assert_true(sync_keygen(spare[0], fingerprint, &rig.err));
    rig_entities(&rig, 20, 100);
    o.spares = public;
    o.n_spares = 1;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    assert_true(done.new_root);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 1, 2);
    o = options(spare);
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    assert_int_equal(done.root_version, 2);
    assert_int_equal(done.seq, 2);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    struct sync_trust trust;
    assert_true(sync_trust_show(rig.store, &rig.arena, &trust, &rig.err));
    assert_int_equal(trust.version, 2);
    assert_int_equal(trust.n_keys, 1);
    assert_string_equal(trust.keys[0].fingerprint, fingerprint);
    /* The lost key is worth nothing now. */
    rig_change(&rig, 1, 3);
    o = options(keys);
    assert_fails(&o, "not one of this repository's");
    /* Generation 1 is still whole, under the root it came with. */
    struct store_generation g;
    assert_true(store_load(rig.store, 1, &rig.arena, &g, &rig.err));
}

static void trust_is_pinned_and_forgotten(void **state)
{
    (void)state;
    struct rig other;
    struct sync_trust trust;
    char fingerprint[72], wanted[72];

    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    rig_change(&rig, 2, 2);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_int_equal(rig.result.to, 2);
    /* A new repository with a new key, which starts at 1. */
    rig_begin(&other);
    rig_entities(&other, 30, 100);
    rig_publish(&other);
    rig.endpoints[0] = slice_from(other.endpoint);
    rig_expect(&rig, SYNC_REJECTED);
    assert_true(sync_trust_pin(rig.store, rig_path(&rig, other.dir, "sign.key.pub"), fingerprint,
                               &rig.err));
    struct crypto_key *key;
    assert_true(sync_key_read_public(rig_path(&rig, other.dir, "sign.key.pub"), &key, &rig.err));
    sync_key_fingerprint(key, wanted);
    crypto_key_free(key);
    assert_string_equal(fingerprint, wanted);
    assert_true(sync_trust_show(rig.store, &rig.arena, &trust, &rig.err));
    assert_int_equal(trust.version, 0);
    assert_string_equal(trust.pinned, wanted);
    assert_true(rig_is_complete(&rig)); /* what is cached is served on */
    /* Not the old repository, though it is the first that is seen. */
    rig.endpoints[0] = slice_from(rig.endpoint);
    rig_expect(&rig, SYNC_REJECTED);
    rig_expect_text(&rig, "not in the pinned root");
    rig.endpoints[0] = slice_from(other.endpoint);
    rig_expect(&rig, SYNC_UPDATED);
    assert_int_equal(rig.result.from, 2);
    assert_int_equal(rig.result.to, 1);
    assert_true(sync_trust_forget(rig.store, &rig.err));
    rig.endpoints[0] = slice_from(rig.endpoint);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    rig_end(&other);
}

static void options_are_judged_before_the_first_cycle(void **state)
{
    (void)state;
    struct slice root = SLICE("sha256:00");
    static const struct {
        const char *endpoint, *why;
    } cases[] = {
        { "http://127.0.0.1:1/x", "config.trust.root: needed over plain http" },
        { "ftp://x/y", "only https, http and file" },
        { "file://x", "give file:///dir" },
        { "https://", "give https://host/path" },
        { "https://a b", "give https://host/path" },
        { "https://x.configuration.azure-api.net", "publish an apiops extract" },
        { "X.Configuration.Azure-API.cn/sub", "publish an apiops extract" },
    };

    rig_open(&rig);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        rig.endpoints[0] = slice_from(cases[i].endpoint);
        assert_false(sync_options_check(&rig.options, &rig.err));
        if (!strstr(rig.err.text, cases[i].why))
            fail_msg("%s: %s", cases[i].endpoint, rig.err.text);
    }
    rig.endpoints[0] = SLICE("gateway.example/repo");
    if (!sync_options_check(&rig.options, &rig.err))
        fail_msg("%s", rig.err.text);
    rig.options.auth = "azureAdApp";
    assert_false(sync_options_check(&rig.options, &rig.err));
    rig.options.auth = "@/some/file";
    rig.options.roots = &root;
    rig.options.n_roots = 1;
    assert_false(sync_options_check(&rig.options, &rig.err));
    assert_non_null(strstr(rig.err.text, "config.trust.root: sha256:00"));
    rig.options.n_roots = 0;
    rig.options.n_endpoints = 0;
    assert_false(sync_options_check(&rig.options, &rig.err));
    assert_string_equal(
        rig.err.text,
        "config.service.endpoint: not set: give https://host/repo, file:///dir, or load one with "
        "`holdfast import DIR`");
}

static void a_root_from_the_settings_decides(void **state)
{
    (void)state;
    char fingerprint[SYNC_FINGERPRINT_MAX];
    struct slice root[2];
    const char *other = rig_path(&rig, rig.dir, "other.key");

    assert_true(sync_keygen(other, fingerprint, &rig.err));
    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    rig_open(&rig);
    root[0] = slice_from(fingerprint);
    rig.options.roots = root;
    rig.options.n_roots = 1;
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_SIGNATURE);
    root[1] = slice_from(rig_path(&rig, rig.dir, "sign.key.pub"));
    rig.options.n_roots = 2;
    rig_expect(&rig, SYNC_UPDATED);
    rig.options.n_roots = 1;
    rig_expect(&rig, SYNC_REJECTED);
    assert_true(rig_is_complete(&rig));
}

static void expiry_is_renewed_without_a_new_generation(void **state)
{
    (void)state;
    const char *keys[] = { rig.key };
    struct sync_publish_options o = options(keys);

    rig_entities(&rig, 20, 100);
    o.expires_ms = 3600 * 1000;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    o.expires_ms *= 2;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    assert_true(done.unchanged);
    assert_int_equal(done.seq, 1);
    rig_expect(&rig, SYNC_CURRENT);
    struct store_base base;
    bool present;
    assert_true(store_base(rig.store, &rig.arena, &base, &present, &rig.err));
    assert_true(base.latest->fresh.expires - base.latest->fresh.issued == 7200);
    /* One that has expired is an old state. */
    o.now = 1700000000;
    rig_change(&rig, 1, 2);
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig_expect(&rig, SYNC_REJECTED);
    rig_expect_text(&rig, "expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_never_overwritten, begin, end),
        cmocka_unit_test_setup_teardown(the_same_content_is_unchanged, begin, end),
        cmocka_unit_test_setup_teardown(a_new_latest_has_another_time, begin, end),
        cmocka_unit_test_setup_teardown(a_dry_run_writes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(half_of_the_apis_may_not_vanish, begin, end),
        cmocka_unit_test_setup_teardown(bad_entities_are_named, begin, end),
        cmocka_unit_test_setup_teardown(large_leaves_make_a_finer_tree, begin, end),
        cmocka_unit_test_setup_teardown(another_key_cannot_publish, begin, end),
        cmocka_unit_test_setup_teardown(a_spare_replaces_a_lost_key, begin, end),
        cmocka_unit_test_setup_teardown(trust_is_pinned_and_forgotten, begin, end),
        cmocka_unit_test_setup_teardown(options_are_judged_before_the_first_cycle, begin, end),
        cmocka_unit_test_setup_teardown(a_root_from_the_settings_decides, begin, end),
        cmocka_unit_test_setup_teardown(expiry_is_renewed_without_a_new_generation, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
