/* A changed byte anywhere in a repository is refused, what fails is named, and the old generation
 * stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/base/buf.h"
#include "sync/keys.h"
#include "tests/unit/sync/sync_rig.h"

static struct rig rig;

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

/* Flip one bit of each byte in turn (step: every so many) and expect a refusal. */
static void flip_each(const char *path, size_t step, const char *names)
{
    struct slice good = rig_read(&rig, path);
    char *bad = malloc(good.n);
    int64_t active = store_active(rig.store);

    for (size_t i = 0; i < good.n; i += step) {
        memcpy(bad, good.p, good.n);
        bad[i] ^= (char)(1u << (i % 7));
        rig_write(path, slice_of(bad, good.n));
        if (rig_sync(&rig) != SYNC_REJECTED)
            fail_msg("%s: byte %zu of %zu: %s: %s", path, i, good.n,
                     sync_outcome_name(rig.result.outcome), rig.result.text);
        if (rig.result.reason != SYNC_SIGNATURE && rig.result.reason != SYNC_DIGEST)
            fail_msg("%s: byte %zu: reason %s: %s", path, i, sync_reason_name(rig.result.reason),
                     rig.result.text);
        if (!strstr(rig.result.text, names) && !strstr(rig.result.text, "not in the pinned root"))
            fail_msg("%s: byte %zu: \"%s\" does not name %s", path, i, rig.result.text, names);
        assert_int_equal(store_active(rig.store), active);
        /* What is left of it must not help the next. */
        if (!active) {
            rig_close(&rig);
            rig_remove_tree(rig.cache);
            rig_open(&rig);
        }
    }
    rig_write(path, good);
    free(bad);
}

static void every_byte_of_latest(void **state)
{
    (void)state;
    rig_entities(&rig, 40, 100);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 3, 2);
    rig_publish(&rig);
    flip_each(rig_path(&rig, rig.repo, "default/latest"), 1, "default/latest: ");
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
}

static void every_byte_of_the_first_root(void **state)
{
    (void)state;
    rig_entities(&rig, 5, 100);
    rig_publish(&rig);
    rig_open(&rig);
    flip_each(rig_path(&rig, rig.repo, "root/1"), 3, "root");
    rig_expect(&rig, SYNC_UPDATED);
}

static void bytes_of_the_pack(void **state)
{
    (void)state;
    rig_entities(&rig, 200, 200);
    rig_publish(&rig);
    rig_open(&rig);
    flip_each(rig_path(&rig, rig.repo, "default/p/1"), 211, "default/p/1: ");
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
}

static void bytes_of_objects(void **state)
{
    (void)state;
    char path[200] = "";

    rig_entities(&rig, 2000, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 3, 2);
    rig_publish(&rig);
    /* The objects that the walk opens are found by letting each be missing. */
    const char *objects = rig_path(&rig, rig.repo, "o"), *away = rig_path(&rig, rig.dir, "away");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rename(objects, away), 0);
        rig_expect(&rig, SYNC_OFFLINE);
        assert_int_equal(rename(away, objects), 0);
        const char *name = strstr(rig.result.text, "no o/");
        assert_non_null(name);
        snprintf(path, sizeof path, "%.*s", (int)strcspn(name + 3, " "), name + 3);
        flip_each(rig_path(&rig, rig.repo, path), i ? 61 : 7, path);
        if (i == 0)
            break;
    }
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
}

static void a_cut_file_is_refused(void **state)
{
    (void)state;
    const char *pack = rig_path(&rig, rig.repo, "default/p/1"),
               *latest = rig_path(&rig, rig.repo, "default/latest");

    rig_entities(&rig, 200, 200);
    rig_publish(&rig);
    struct slice good = rig_read(&rig, pack);
    rig_open(&rig);
    rig_write(pack, slice_first(good, good.n / 2));
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_DIGEST);
    rig_expect_text(&rig, "default/p/1: digest: it ends at byte");
    rig_write(pack, good);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig.result.resumed);
    good = rig_read(&rig, latest);
    rig_write(latest, slice_first(good, good.n - 1));
    rig_expect(&rig, SYNC_REJECTED);
    struct slice parts[] = { good, SLICE("x") };
    rig_write(latest, arena_concat(&rig.arena, parts, 2));
    rig_expect(&rig, SYNC_REJECTED);
    rig_write(latest, SLICE(""));
    rig_expect(&rig, SYNC_REJECTED);
    assert_true(rig_is_complete(&rig));
}

/* Two keys, both needed: a manifest with one signature, or with one twice, is not enough. */
static void a_threshold_counts_keys(void **state)
{
    (void)state;
    char fingerprint[SYNC_FINGERPRINT_MAX];
    const char *second = rig_path(&rig, rig.dir, "second.key");
    const char *keys[] = { rig.key, second };
    struct sync_publish_options o = { .repo = rig.repo, .keys = keys, .n_keys = 2, .threshold = 2 };
    struct sync_published done;

    assert_true(sync_keygen(second, fingerprint, &rig.err));
    rig_entities(&rig, 10, 100);
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    o.threshold = 0;
    o.n_keys = 1;
    rig_change(&rig, 1, 2);
    assert_false(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    assert_non_null(strstr(rig.err.text, "2 signatures"));
    o.n_keys = 2;
    assert_true(sync_publish(&o, rig.entities, rig.n, &done, &rig.err));
    rig_expect(&rig, SYNC_UPDATED);
    assert_int_equal(rig.result.to, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_byte_of_latest, begin, end),
        cmocka_unit_test_setup_teardown(every_byte_of_the_first_root, begin, end),
        cmocka_unit_test_setup_teardown(bytes_of_the_pack, begin, end),
        cmocka_unit_test_setup_teardown(bytes_of_objects, begin, end),
        cmocka_unit_test_setup_teardown(a_cut_file_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_threshold_counts_keys, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
