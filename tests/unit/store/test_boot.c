/* store: what is served after damage, kills, full disks; who owns a cache. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "store/stage.h"
#include "store/store.h"
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

/* ---- what boot gives ---- */

static struct store_generation booted;
static struct arena boot_arena;

/* Open and boot; false when there is nothing to serve. The generation lives until unboot. */
static bool boot(void)
{
    arena_init_growing(&boot_arena, (size_t)256 << 20);
    rig_open(&rig);
    return store_boot(rig.store, &boot_arena, &booted, &rig.err);
}

static void unboot(void)
{
    arena_free(&boot_arena);
    rig_close(&rig);
}

static int by_bytes(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

/* A fingerprint of the booted entities, whatever their order. */
static uint64_t content(void)
{
    uint64_t sum = 1469598103934665603u;

    qsort(booted.lines, booted.n, sizeof *booted.lines, by_bytes);
    for (size_t i = 0; i < booted.n; i++)
        for (size_t k = 0; k < booted.lines[i].n; k++)
            sum = (sum ^ (unsigned char)booted.lines[i].p[k]) * 1099511628211u;
    return sum ^ booted.n;
}

static uint64_t boot_content(void)
{
    if (!boot())
        fail_msg("%s", rig.err.text);
    uint64_t sum = content();
    unboot();
    return sum;
}

/* Generations 1 and 2 in the cache; cfg.lkg holds generation 1. */
static void two_generations(uint64_t sums[2])
{
    rig_entities(&rig, 120, 120);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    sums[0] = boot_content();
    rig_change(&rig, 5, 2);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    sums[1] = boot_content();
    assert_true(sums[0] != sums[1]);
}

/* ---- tests ---- */

static void an_empty_cache_says_so(void **state)
{
    (void)state;
    assert_false(boot());
    assert_non_null(strstr(rig.err.text, "no configuration here yet"));
    unboot();
    struct store_options o = { .dir = rig_path(&rig, rig.dir, "nothing"), .mode = STORE_READER };
    struct store *s;
    assert_int_equal(store_open(&o, &s, NULL, &rig.err), STORE_FAILED);
    assert_non_null(strstr(rig.err.text, "no configuration here yet"));
}

static void damage_is_seen_before_it_is_served(void **state)
{
    (void)state;
    uint64_t sums[2];
    unsigned whole = 0, older = 0, none = 0, silent = 0;

    two_generations(sums);
    const char *db = rig_path(&rig, rig.cache, "cfg.db"),
               *good_cache = rig_path(&rig, rig.dir, "good");
    rig_copy_tree(rig.cache, good_cache);
    struct slice good = rig_read(&rig, db);
    char *bad = malloc(good.n);
    for (size_t i = 7; i < good.n; i += 331) {
        rig_remove_tree(rig.cache);
        rig_copy_tree(good_cache, rig.cache);
        memcpy(bad, good.p, good.n);
        bad[i] ^= (char)(1u << (i % 8));
        rig_write(db, slice_of(bad, good.n));
        if (boot()) {
            uint64_t sum = content();
            struct store_status status;
            store_status(rig.store, &status);
            if (sum != sums[0] && sum != sums[1])
                fail_msg("byte %zu: served what was never published", i);
            whole += sum == sums[1];
            older += sum == sums[0];
            silent += sum == sums[0] && !status.faults;
        } else {
            none++;
        }
        unboot();
    }
    free(bad);
    print_message("%u whole or repaired, %u the one before, %u none\n", whole, older, none);
    assert_int_equal(none, 0);
    assert_int_equal(silent, 0);
    assert_true(older > 0);
}

static void a_damaged_leaf_is_mended_from_the_copy(void **state)
{
    (void)state;
    uint64_t sum;

    rig_entities(&rig, 2000, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    sum = boot_content();
    const char *db = rig_path(&rig, rig.cache, "cfg.db");
    struct slice text = rig_read(&rig, db);
    char *bad = malloc(text.n);
    memcpy(bad, text.p, text.n);
    /* Leaves are most of the file. */
    for (size_t i = text.n / 2; i < text.n / 2 + 30000; i += 4096)
        bad[i] ^= 1;
    rig_write(db, slice_of(bad, text.n));
    free(bad);
    assert_int_equal(boot_content(), sum);
    rig_open(&rig);
    assert_int_equal(store_active(rig.store), 1);
    assert_true(rig_is_complete(&rig));
    rig_close(&rig);
}

static void a_bad_database_is_renamed(void **state)
{
    (void)state;
    uint64_t sums[2];

    two_generations(sums);
    rig_write(rig_path(&rig, rig.cache, "cfg.db"),
              SLICE("this is no database at all, but long enough to be taken for one"));
    assert_int_equal(boot_content(), sums[0]);
    struct slice *names;
    size_t n, bad = 0;
    assert_true(file_list(&rig.arena, rig.cache, &names, &n, &rig.err));
    for (size_t i = 0; i < n; i++)
        bad += slice_starts(names[i], SLICE("cfg.db.bad-"));
    assert_int_equal(bad, 1);
    /* The source still has what was lost. */
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    rig_close(&rig);
    assert_int_equal(boot_content(), sums[1]);
}

static void without_a_copy_sync_mends_it(void **state)
{
    (void)state;

    rig_entities(&rig, 2000, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    uint64_t all = rig.result.bytes;
    rig_close(&rig);
    unlink(rig_path(&rig, rig.cache, "cfg.lkg"));
    const char *db = rig_path(&rig, rig.cache, "cfg.db");
    struct slice text = rig_read(&rig, db);
    char *bad = malloc(text.n);
    memcpy(bad, text.p, text.n);
    size_t at = text.n / 2;
    while (memcmp(text.p + at, "\x78\xda", 2) != 0)
        at++;
    bad[at + 30] ^= 1;
    rig_write(db, slice_of(bad, text.n));
    free(bad);
    assert_false(boot());
    if (!strstr(rig.err.text, "leaf"))
        fail_msg("%s", rig.err.text);
    arena_free(&boot_arena);
    assert_int_equal(store_active(rig.store), 0);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig.result.bytes < all / 4);
    assert_true(rig_is_complete(&rig));
    assert_int_equal(store_active(rig.store), 1);
}

static void a_scrub_finds_what_rots_while_it_is_served(void **state)
{
    (void)state;
    rig_entities(&rig, 2000, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(store_scrub(rig.store, &rig.err));
    rig_close(&rig);
    const char *db = rig_path(&rig, rig.cache, "cfg.db");
    for (int round = 0; round < 2; round++) {
        struct slice text = rig_read(&rig, db);
        char *bad = malloc(text.n);
        memcpy(bad, text.p, text.n);
        for (size_t i = 0; i + 31 < text.n; i++)
            if (memcmp(text.p + i, "\x78\xda", 2) == 0)
                bad[i + 30] ^= 1;
        rig_write(db, slice_of(bad, text.n));
        free(bad);
        rig_open(&rig);
        if (round == 0) {
            assert_true(store_scrub(rig.store, &rig.err)); /* mended out of the copy */
            assert_true(rig_is_complete(&rig));
            rig_close(&rig);
            unlink(rig_path(&rig, rig.cache, "cfg.lkg"));
        }
    }
    assert_false(store_scrub(rig.store, &rig.err));
    assert_int_equal(store_active(rig.store), 0);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    assert_int_equal(rig.result.to, 1);
}

/* A pointer to the trusted root that is damaged must not open the door to another. */
static void a_damaged_trust_is_no_new_cache(void **state)
{
    (void)state;
    struct rig other;

    rig_entities(&rig, 20, 100);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    const char *db = rig_path(&rig, rig.cache, "cfg.db");
    struct slice text = rig_read(&rig, db);
    char *bad = malloc(text.n);
    memcpy(bad, text.p, text.n);
    unsigned found = 0;
    for (size_t i = 0; i + 20 < text.n; i++)
        if (memcmp(text.p + i, "trust", 5) == 0 &&
            text.p[i + 5 + 8] == '1') { /* key, 8 bytes of check, "1" */
            bad[i + 6] ^= 1;
            found++;
        }
    assert_true(found > 0);
    rig_write(db, slice_of(bad, text.n));
    free(bad);
    rig_begin(&other);
    rig_entities(&other, 20, 100);
    rig_change(&other, 1, 3);
    rig_publish(&other);
    rig_open(&rig);
    rig.endpoints[0] = slice_from(other.endpoint);
    rig_expect(&rig, SYNC_REJECTED);
    assert_int_equal(rig.result.reason, SYNC_SIGNATURE);
    rig.endpoints[0] = slice_from(rig.endpoint);
    rig_expect(&rig, SYNC_CURRENT);
    rig_end(&other);
}

static void a_second_process_is_told_who_has_it(void **state)
{
    (void)state;
    int go[2];
    char byte = 0;

    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store_options own = { .dir = rig.cache, .mode = STORE_OWNER };
        struct store *theirs;
        byte = store_open(&own, &theirs, NULL, &rig.err) == STORE_OPENED;
        (void)!write(go[1], &byte, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(go[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER };
    struct store_holder busy;
    struct store *s;
    assert_int_equal(store_open(&o, &s, &busy, &rig.err), STORE_BUSY);
    assert_int_equal(busy.pid, child);
    o.mode = STORE_READER;
    assert_int_equal(store_open(&o, &s, &busy, &rig.err), STORE_OPENED);
    store_close(s);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    o.mode = STORE_OWNER;
    assert_int_equal(store_open(&o, &s, &busy, &rig.err), STORE_OPENED);
    store_close(s);
    close(go[0]);
    close(go[1]);
}

static void another_host_gets_a_directory_below(void **state)
{
    (void)state;
    struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER };
    struct store_holder busy;
    struct store *s;
    char host[65];

    assert_true(file_make_dirs(rig.cache, 0700, &rig.err));
    const char *owner = rig_path(&rig, rig.cache, "owner");
    rig_write(owner, SLICE("4711 another-host\n"));
    /* As long as nobody holds it, what is written there does not count. */
    pid_t child = fork();
    int fds[2];
    (void)fds;
    if (child == 0) {
        execlp("flock", "flock", "-x", owner, "sleep", "10", NULL);
        _exit(127);
    }
    usleep(300000);
    gethostname(host, sizeof host);
    assert_int_equal(store_open(&o, &s, &busy, &rig.err), STORE_OPENED);
    assert_string_equal(store_dir(s), rig_path(&rig, rig.cache, host));
    store_close(s);
    assert_string_equal(store_locate(&rig.arena, rig.cache), rig_path(&rig, rig.cache, host));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void rollback_pins(void **state)
{
    (void)state;
    uint64_t sums[2];
    int64_t gen;

    two_generations(sums);
    rig_open(&rig);
    assert_true(store_find(rig.store, SLICE("-1"), &gen, &rig.err));
    assert_int_equal(gen, 1);
    assert_true(store_find(rig.store, SLICE("previous"), &gen, &rig.err));
    assert_int_equal(gen, 1);
    assert_false(store_find(rig.store, SLICE("9"), &gen, &rig.err));
    assert_non_null(strstr(rig.err.text, "it has 2, 1"));
    assert_true(store_rollback(rig.store, 1, &rig.err));
    rig_close(&rig);
    assert_int_equal(boot_content(), sums[0]);
    rig_open(&rig);
    rig_expect(&rig, SYNC_CURRENT);
    rig_expect_text(&rig, "pinned to generation 1");
    assert_int_equal(store_active(rig.store), 1);
    assert_true(store_unpin(rig.store, &rig.err));
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    assert_int_equal(store_active(rig.store), 2); /* the same content, the same number */
    rig_close(&rig);
    assert_int_equal(boot_content(), sums[1]);
}

/* A generation that kills the process three times while it is activated is given up. */
static void a_deadly_generation_is_given_up(void **state)
{
    (void)state;
    uint64_t sums[2];

    two_generations(sums);
    rig_open(&rig);
    struct store_base base;
    bool present;
    assert_true(store_base(rig.store, &rig.arena, &base, &present, &rig.err));
    assert_true(present);
    struct store_staging st = { .latest = base.latest, .leaves = base.leaves };
    int64_t gen;
    assert_true(store_flip(rig.store, &st, &gen, &rig.err)); /* on trial, never confirmed */
    assert_int_equal(gen, 2);
    rig_close(&rig);
    for (int i = 0; i < 3; i++) {
        assert_true(boot());
        assert_int_equal(booted.gen, 2);
        unboot();
    }
    assert_true(boot());
    assert_int_equal(booted.gen, 1);
    unboot();
}

/* A generation that does not compile at a start: an older one, but it is tried again at each start,
 * and active again once it compiles. */
static void a_refused_boot_goes_back_and_tries_again(void **state)
{
    (void)state;
    uint64_t sums[2];

    two_generations(sums);
    for (int i = 0; i < 2; i++) {
        assert_true(boot());
        assert_int_equal(booted.gen, 2);
        assert_true(store_boot_refused(rig.store, "policy x", &boot_arena, &booted, &rig.err));
        assert_int_equal(booted.gen, 1);
        assert_int_equal(content(), sums[0]);
        assert_true(store_boot_done(rig.store, &booted, &rig.err));
        assert_int_equal(store_active(rig.store), 1);
        unboot();
    }
    assert_true(boot());
    assert_true(store_boot_done(rig.store, &booted, &rig.err));
    assert_int_equal(booted.gen, 2);
    assert_int_equal(store_active(rig.store), 2);
    unboot();
    assert_int_equal(boot_content(), sums[1]);
}

static void when_all_are_refused_nothing_is_lost(void **state)
{
    (void)state;
    uint64_t sums[2];

    two_generations(sums);
    assert_true(boot());
    assert_true(store_boot_refused(rig.store, "policy x", &boot_arena, &booted, &rig.err));
    assert_false(store_boot_refused(rig.store, "policy y", &boot_arena, &booted, &rig.err));
    assert_string_equal(rig.err.text, "policy y");
    unboot();
    assert_int_equal(boot_content(), sums[1]);
}

/* ---- kills ---- */

static void sync_in_child(unsigned delay_us)
{
    pid_t child = fork();

    if (child == 0) {
        rig_open(&rig);
        rig_sync(&rig);
        rig_close(&rig);
        _exit(0);
    }
    usleep(delay_us);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void a_kill_leaves_old_or_new(void **state)
{
    (void)state;
    uint64_t before, after;
    unsigned old = 0, new = 0;

    rig_entities(&rig, 1500, 200);
    rig_publish(&rig);
    rig_open(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_close(&rig);
    before = boot_content();
    for (unsigned i = 0; i < 60; i++) {
        for (size_t k = 0; k < 40; k++)
            rig_change(&rig, (i * 131 + k * 37) % rig.n, i + 2);
        rig_publish(&rig);
        sync_in_child((i * 7919) % 40000);
        uint64_t now = boot_content();
        rig_open(&rig);
        if (rig_sync(&rig) != SYNC_UPDATED && rig.result.outcome != SYNC_CURRENT)
            fail_msg("%s", rig.result.text);
        assert_true(rig_is_complete(&rig));
        rig_close(&rig);
        after = boot_content();
        if (now != before && now != after)
            fail_msg("kill %u: neither old nor new", i);
        old += now == before;
        new += now == after;
        before = after;
    }
    print_message("%u old, %u new\n", old, new);
}

/* ---- a medium that cannot be written ---- */

static void an_unwritable_directory_is_no_obstacle(void **state)
{
    (void)state;
    struct store_options o = { .dir = "/proc/holdfast", .mode = STORE_OWNER };
    struct store_status status;
    struct store_holder busy;

    rig_entities(&rig, 100, 200);
    rig_publish(&rig);
    assert_int_equal(store_open(&o, &rig.store, &busy, &rig.err), STORE_FAILED);
    assert_non_null(strstr(rig.err.text, "/proc/holdfast"));
    o.memory = true;
    assert_int_equal(store_open(&o, &rig.store, &busy, &rig.err), STORE_OPENED);
    rig.options.store = rig.store;
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    store_status(rig.store, &status);
    assert_true(status.degraded);
    assert_non_null(strstr(status.why, "/proc/holdfast"));
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_survived_in_memory(void **state)
{
    (void)state;
    struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER, .memory = true };
    struct store_status status;
    struct store_holder busy;
    uint64_t sums[2];

    signal(SIGXFSZ, SIG_IGN);
    two_generations(sums);
    assert_int_equal(store_open(&o, &rig.store, &busy, &rig.err), STORE_OPENED);
    rig.options.store = rig.store;
    for (size_t i = 0; i < rig.n; i++)
        rig_change(&rig, i, 9);
    rig_publish(&rig);
    limit_file_size(4096);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
    store_status(rig.store, &status);
    assert_true(status.degraded);
    rig_expect(&rig, SYNC_CURRENT);
    store_status(rig.store, &status);
    assert_true(status.degraded);
    limit_file_size(0);
    rig_expect(&rig, SYNC_CURRENT);
    store_status(rig.store, &status);
    assert_false(status.degraded);
    assert_true(rig_is_complete(&rig));
    rig_close(&rig);
    /* And it is on disk. */
    rig_open(&rig);
    assert_true(rig_is_complete(&rig));
}

/* ---- the factory pack ---- */

static void a_device_boots_from_its_factory_pack(void **state)
{
    (void)state;
    const char *factory = rig_path(&rig, rig.dir, "factory.ecs");
    struct store_options o = { .dir = rig.cache, .mode = STORE_OWNER, .factory = factory };
    struct store_holder busy;

    rig_entities(&rig, 300, 200);
    rig_publish(&rig);
    struct slice pack = rig_read(&rig, rig_path(&rig, rig.repo, "default/p/1"));
    struct slice parts[] = { rig_read(&rig, rig_path(&rig, rig.repo, "root/1")),
                             rig_read(&rig, rig_path(&rig, rig.repo, "default/latest")),
                             arena_printf(&rig.arena, "EC1 pack %zu\n", pack.n), pack,
                             SLICE("\n") };
    rig_write(factory, arena_concat(&rig.arena, parts, COUNT_OF(parts)));
    assert_int_equal(store_open(&o, &rig.store, &busy, &rig.err), STORE_OPENED);
    rig.options.store = rig.store;
    arena_init_growing(&boot_arena, (size_t)64 << 20);
    if (!store_boot(rig.store, &boot_arena, &booted, &rig.err))
        fail_msg("%s", rig.err.text);
    assert_int_equal(booted.n, rig.n);
    assert_true(store_boot_done(rig.store, &booted, &rig.err));
    arena_free(&boot_arena);
    rig_expect(&rig, SYNC_CURRENT);
    rig_change(&rig, 3, 4);
    rig_publish(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    assert_true(rig_is_complete(&rig));
}

static void collect_fault(void *arg, const char *what)
{
    struct slice *text = arg;

    *text = arena_printf(&rig.arena, "%.*s%s\n", SLICE_ARG(*text), what);
}

static void count_good(void *arg, int64_t gen)
{
    collect_fault(arg, gen == 1 ? "ok 1" : "ok 2");
}

static void verify_names_what_is_damaged(void **state)
{
    (void)state;
    uint64_t sums[2];
    struct slice text = SLICE_NONE;
    struct store_check check = { collect_fault, count_good, &text };
    struct store_options o = { .dir = rig.cache, .mode = STORE_READER };
    struct store *s;

    two_generations(sums);
    assert_int_equal(store_open(&o, &s, NULL, &rig.err), STORE_OPENED);
    assert_true(store_verify(s, &check, &rig.err));
    assert_string_equal(text.p, "ok 2\nok 1\n");
    store_close(s);
    /* Somewhere in every zlib stream of the file; some of these may be free pages. */
    const char *db = rig_path(&rig, rig.cache, "cfg.db");
    struct slice good = rig_read(&rig, db);
    char *bad = malloc(good.n);
    memcpy(bad, good.p, good.n);
    for (size_t i = 0; i + 21 < good.n; i++)
        if (memcmp(good.p + i, "\x78\xda", 2) == 0)
            bad[i + 20] ^= 4;
    rig_write(db, slice_of(bad, good.n));
    free(bad);
    text = SLICE_NONE;
    assert_int_equal(store_open(&o, &s, NULL, &rig.err), STORE_OPENED);
    assert_true(store_verify(s, &check, &rig.err));
    if (!strstr(text.p, "cfg.db: generation") || !strstr(text.p, "digest"))
        fail_msg("%s", text.p);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_cache_says_so, begin, end),
        cmocka_unit_test_setup_teardown(damage_is_seen_before_it_is_served, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_leaf_is_mended_from_the_copy, begin, end),
        cmocka_unit_test_setup_teardown(a_bad_database_is_renamed, begin, end),
        cmocka_unit_test_setup_teardown(without_a_copy_sync_mends_it, begin, end),
        cmocka_unit_test_setup_teardown(a_scrub_finds_what_rots_while_it_is_served, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_trust_is_no_new_cache, begin, end),
        cmocka_unit_test_setup_teardown(a_second_process_is_told_who_has_it, begin, end),
        cmocka_unit_test_setup_teardown(another_host_gets_a_directory_below, begin, end),
        cmocka_unit_test_setup_teardown(rollback_pins, begin, end),
        cmocka_unit_test_setup_teardown(a_deadly_generation_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_boot_goes_back_and_tries_again, begin, end),
        cmocka_unit_test_setup_teardown(when_all_are_refused_nothing_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(a_kill_leaves_old_or_new, begin, end),
        cmocka_unit_test_setup_teardown(an_unwritable_directory_is_no_obstacle, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_survived_in_memory, begin, end),
        cmocka_unit_test_setup_teardown(a_device_boots_from_its_factory_pack, begin, end),
        cmocka_unit_test_setup_teardown(verify_names_what_is_damaged, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
