/* platform/tls on four carriers at once: handshakes of both versions, full and resumed, and data,
 * all through one server, one trust store, one set of ticket keys and one session cache. Without
 * MBEDTLS_THREADING_C this ends in "corruption detected"; `make tsan` looks for races. */
#include "tests/unit/platform/tls_rig.h"

#define CARRIERS 4u
#define ROUNDS (HOLDFAST_TSAN || HOLDFAST_ASAN ? 15 : 60)

static struct tls_server *servers[2];
static struct tls_trust *trust;
static atomic_uint carriers_left;

static void one_connection(struct tls_server *tls, const char *name)
{
    static _Thread_local unsigned char data[20000];
    struct ends e;
    struct err err = { "" };

    ends_open(&e, tls, serve_echo);
    CHECK(ends_connect(&e, trust, name, &err));
    check_says(&err, "");
    rig_fill(data, sizeof data, 7);
    CHECK(rig_write(&e.client, data, sizeof data));
    rig_expect(&e.client, sizeof data, 7, 4000);
    e.client.ops->shutdown(&e.client);
    ends_close(&e);
    check_says(&e.server_err, "");
    CHECK(e.accepted);
}

static void replace_certificates(void)
{
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        servers[i] = rig_server(FIXTURE_LEAF FIXTURE_INTERMEDIATE, FIXTURE_LEAF_KEY);
        if (i)
            tls_server_limit_to_12(servers[i]);
    }
}

static void start(unsigned index, void *arg)
{
    /* Sessions are kept by name: each version has names of its own. */
    static const char *const names[2][2] = { { "good.example", "127.0.0.1" },
                                             { "a.wild.example", "b.wild.example" } };

    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        one_connection(servers[i % 2], names[i % 2][(index + i / 2) % 2]);
        if (i % 10 == index)
            tls_cache_clear(); /* so that full handshakes go on beside resumed ones */
    }
    if (atomic_fetch_sub(&carriers_left, 1) == 1)
        carriers_stop();
}

static void four_carriers_shake_hands_at_once(void **state)
{
    struct carriers_options options = { .count = CARRIERS, .on_start = start };
    struct tls_counts before = tls_counts();

    (void)state;
    replace_certificates();
    trust = rig_trust(FIXTURE_ROOT);
    atomic_store(&rig_failures, 0);
    atomic_store(&carriers_left, CARRIERS);
    assert_true(carriers_run(&options));
    assert_int_equal(atomic_load(&rig_failures), 0);
    struct tls_counts after = tls_counts();
    assert_int_equal(after.client_full + after.client_resumed - before.client_full -
                         before.client_resumed,
                     CARRIERS * ROUNDS);
    assert_int_equal(after.server_full + after.server_resumed - before.server_full -
                         before.server_resumed,
                     CARRIERS * ROUNDS);
    assert_true(after.client_full > before.client_full &&
                after.client_resumed > before.client_resumed);
    assert_int_equal(after.failed, before.failed);
    for (size_t i = 0; i < COUNT_OF(servers); i++)
        tls_server_unref(servers[i]);
    tls_trust_free(trust);
}

/* References are taken and dropped on all carriers, the last one on any. */
static void hold_and_drop(unsigned index, void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        tls_server_ref(servers[0]);
        one_connection(servers[0], "good.example");
        tls_server_unref(servers[0]);
    }
    tls_server_unref(servers[0]); /* one reference of each carrier's own */
    if (atomic_fetch_sub(&carriers_left, 1) == 1)
        carriers_stop();
    (void)index;
}

static void the_last_reference_frees_on_any_carrier(void **state)
{
    struct carriers_options options = { .count = CARRIERS, .on_start = hold_and_drop };

    (void)state;
    replace_certificates();
    trust = rig_trust(FIXTURE_ROOT);
    for (unsigned i = 1; i < CARRIERS; i++)
        tls_server_ref(servers[0]);
    atomic_store(&carriers_left, CARRIERS);
    atomic_store(&rig_failures, 0);
    assert_true(carriers_run(&options));
    assert_int_equal(atomic_load(&rig_failures), 0);
    tls_server_unref(servers[1]);
    tls_trust_free(trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_carriers_shake_hands_at_once),
        cmocka_unit_test(the_last_reference_frees_on_any_carrier),
    };
    return cmocka_run_group_tests(tests, rig_set_up, rig_tear_down);
}
