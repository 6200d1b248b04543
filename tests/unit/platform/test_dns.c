/* platform/dns: literals, caching, sharing, stale answers. The resolver is a scripted one. */
#include "tests/unit/platform/fiber_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "platform/dns.h"
#include "platform/helper.h"

static atomic_uint asked, running, running_most;
static atomic_int answer_code;      /* 0: answer_last as last byte of 10.0.0.x */
static atomic_uint answer_last = 1, answer_count = 1;
static atomic_uint answer_ms;

static int scripted(const char *name, struct dns_addresses *out)
{
    unsigned now = atomic_fetch_add(&running, 1) + 1, most = atomic_load(&running_most);

    (void)name;
    if (now > most)
        atomic_store(&running_most, now);
    atomic_fetch_add(&asked, 1);
    usleep(atomic_load(&answer_ms) * 1000);
    atomic_fetch_sub(&running, 1);
    if (atomic_load(&answer_code))
        return atomic_load(&answer_code);
    out->n = atomic_load(&answer_count);
    for (unsigned i = 0; i < out->n; i++) {
        memset(&out->v[i], 0, sizeof out->v[i]);
        out->v[i].v4.sin_family = AF_INET;
        out->v[i].v4.sin_addr.s_addr = htonl(0x0a000000u + atomic_load(&answer_last) + i);
    }
    return 0;
}

static void script(int code, unsigned last, unsigned ms)
{
    atomic_store(&asked, 0);
    atomic_store(&answer_code, code);
    atomic_store(&answer_last, last);
    atomic_store(&answer_count, 1);
    atomic_store(&answer_ms, ms);
}

static bool resolve(const char *name, uint64_t ms, struct dns_addresses *out, struct err *err)
{
    memset(out, 0, sizeof *out);
    return dns_resolve(slice_from(name), 8080, fiber_deadline_ms(ms), out, err);
}

static unsigned last_byte(const struct dns_addresses *a)
{
    return ntohl(a->v[0].v4.sin_addr.s_addr) & 0xff;
}

static int setup(void **state)
{
    (void)state;
    dns_set_resolver(scripted);
    return helpers_start(4) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    helpers_stop();
    dns_set_resolver(NULL);
    return 0;
}

static void literals(void **state)
{
    (void)state;
    union dns_address a;

    assert_true(dns_literal(SLICE("10.1.2.3"), 80, &a));
    assert_int_equal(a.v4.sin_family, AF_INET);
    assert_int_equal(ntohs(a.v4.sin_port), 80);
    assert_int_equal(ntohl(a.v4.sin_addr.s_addr), 0x0a010203);
    assert_int_equal(dns_address_bytes(&a), sizeof(struct sockaddr_in));
    assert_true(dns_literal(SLICE("::1"), 443, &a));
    assert_int_equal(a.v6.sin6_family, AF_INET6);
    assert_int_equal(ntohs(a.v6.sin6_port), 443);
    assert_int_equal(dns_address_bytes(&a), sizeof(struct sockaddr_in6));
    assert_true(dns_literal(SLICE("fe80::1%lo"), 1, &a));
    assert_int_not_equal(a.v6.sin6_scope_id, 0);
    assert_false(dns_literal(SLICE("fe80::1%nothere"), 1, &a));
    assert_false(dns_literal(SLICE("10.1.2"), 80, &a));
    assert_false(dns_literal(SLICE("010.1.2.3"), 80, &a));
    assert_false(dns_literal(SLICE("example"), 80, &a));
    assert_false(dns_literal(SLICE(""), 80, &a));
    assert_false(dns_literal(SLICE("11111111111111111111111111111111111111111111111111111111111111111111"), 1, &a));
}

static void no_lookup_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(EAI_FAIL, 1, 0);
    CHECK(resolve("127.0.0.1", 1000, &out, &err));
    CHECK_INT(out.n, 1);
    CHECK(resolve("localhost", 1000, &out, &err));
    CHECK_INT(out.n, 2);
    CHECK_INT(out.v[0].any.sa_family, AF_INET);
    CHECK_INT(ntohs(out.v[1].v6.sin6_port), 8080);
    CHECK(resolve("API.LocalHost", 1000, &out, &err));
    CHECK(!resolve("", 1000, &out, &err));
    CHECK_INT(atomic_load(&asked), 0);
}

static void no_lookup_for_addresses(void **state)
{
    (void)state;
    rig_run(no_lookup_fiber, NULL);
}

static void cached_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(0, 7, 0);
    for (int i = 0; i < 5; i++) {
        CHECK(resolve(i & 1 ? "Backend.Example" : "backend.example", 1000, &out, &err));
        CHECK_INT(last_byte(&out), 7);
        CHECK_INT(ntohs(out.v[0].v4.sin_port), 8080);
    }
    CHECK_INT(atomic_load(&asked), 1);
    dns_drop();
    CHECK(resolve("backend.example", 1000, &out, &err));
    CHECK_INT(atomic_load(&asked), 2);
    dns_drop();
}

static void an_answer_is_kept(void **state)
{
    (void)state;
    rig_run(cached_fiber, NULL);
}

static unsigned same_done;

static void one_of_the_same(void *arg)
{
    struct dns_addresses out;
    struct err err;

    CHECK(resolve(arg, 5000, &out, &err));
    CHECK_INT(last_byte(&out), 9);
    same_done++;
}

static void same_fiber(void *arg)
{
    static char name[] = "same.example";

    (void)arg;
    script(0, 9, 30);
    same_done = 0;
    for (int i = 0; i < 20; i++)
        fiber_spawn("same", one_of_the_same, name);
    while (same_done < 20)
        fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(atomic_load(&asked), 1);
    dns_drop();
}

static void one_lookup_for_all_who_want_a_name(void **state)
{
    (void)state;
    rig_run(same_fiber, NULL);
}

static void many_fiber(void *arg)
{
    static char names[10][32];

    (void)arg;
    script(0, 9, 20);
    same_done = 0;
    atomic_store(&running_most, 0);
    for (int i = 0; i < 10; i++) {
        snprintf(names[i], sizeof names[i], "n%d.example", i);
        fiber_spawn("many", one_of_the_same, names[i]);
    }
    while (same_done < 10)
        fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(atomic_load(&asked), 10);
    CHECK_INT(atomic_load(&running_most), DNS_LOOKUPS_MAX);
    dns_drop();
}

static void few_lookups_at_a_time(void **state)
{
    (void)state;
    rig_run(many_fiber, NULL);
}

static void failing_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(EAI_NONAME, 1, 0);
    CHECK(!resolve("missing.example", 1000, &out, &err));
    CHECK_INT(errno, EHOSTUNREACH);
    CHECK(strstr(err.text, "look-up failed") != NULL);
    /* Not asked again at once. */
    CHECK(!resolve("missing.example", 1000, &out, &err));
    CHECK_INT(atomic_load(&asked), 1);
    CHECK_INT(dns_counts().failed > 0, 1);
    dns_drop();
}

static void an_unknown_name_is_not_asked_at_every_request(void **state)
{
    (void)state;
    rig_run(failing_fiber, NULL);
}

static void slow_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;
    uint64_t began = fiber_now();

    (void)arg;
    script(0, 5, 300);
    CHECK(!resolve("slow.example", 50, &out, &err));
    CHECK_INT(errno, ETIMEDOUT);
    CHECK(fiber_now() - began < 250 * NS_PER_MS);
    /* The look-up went on; its answer serves the next. */
    CHECK(resolve("slow.example", 2000, &out, &err));
    CHECK_INT(last_byte(&out), 5);
    CHECK_INT(atomic_load(&asked), 1);
    dns_drop();
}

static void waiting_ends_at_the_deadline(void **state)
{
    (void)state;
    rig_run(slow_fiber, NULL);
}

static void cancelled_waiter(void *arg)
{
    struct dns_addresses out;
    struct err err;
    bool *done = arg;

    CHECK(!resolve("cancel.example", 5000, &out, &err));
    CHECK_INT(errno, ECANCELED);
    *done = true;
}

static void cancel_fiber(void *arg)
{
    bool done = false;

    (void)arg;
    script(0, 5, 50);
    struct fiber *f = fiber_spawn("cancelled", cancelled_waiter, &done);
    rig_turns(3);
    fiber_cancel(f);
    rig_turns(3);
    CHECK(done);
    /* The name is being looked up: it stays, and is dropped when the answer has come. */
    dns_drop();
    fiber_sleep_until(fiber_deadline_ms(120));
    dns_drop();
}

static void waiting_can_be_cancelled(void **state)
{
    (void)state;
    rig_run(cancel_fiber, NULL);
}

static void prefer_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(0, 1, 0);
    atomic_store(&answer_count, 3);
    CHECK(resolve("three.example", 1000, &out, &err));
    CHECK_INT(out.n, 3);
    CHECK_INT(last_byte(&out), 1);
    union dns_address third = out.v[2];
    dns_prefer(SLICE("three.example"), &third);
    CHECK(resolve("three.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 3);
    CHECK_INT(ntohl(out.v[1].v4.sin_addr.s_addr) & 0xff, 1);
    CHECK_INT(ntohl(out.v[2].v4.sin_addr.s_addr) & 0xff, 2);
    dns_drop();
}

static void the_address_that_works_comes_first(void **state)
{
    (void)state;
    rig_run(prefer_fiber, NULL);
}

static void age_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(0, 1, 0);
    CHECK(resolve("aging.example", 1000, &out, &err));
    script(0, 2, 20);

    /* A little too old: used at once, and renewed behind. */
    dns_age(DNS_FRESH_MS + 1000);
    CHECK(resolve("aging.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 1);
    fiber_sleep_until(fiber_deadline_ms(60));
    CHECK_INT(atomic_load(&asked), 1);
    CHECK(resolve("aging.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 2);

    /* Much too old: waited for. */
    script(0, 3, 20);
    dns_age(10 * DNS_FRESH_MS);
    CHECK(resolve("aging.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 3);

    /* The name server is gone: the last answer serves, however old; now and then it is asked for again. */
    script(EAI_AGAIN, 0, 0);
    dns_age(100 * DNS_FRESH_MS);
    for (int i = 0; i < 10; i++) {
        CHECK(resolve("aging.example", 1000, &out, &err));
        CHECK_INT(last_byte(&out), 3);
    }
    CHECK_INT(atomic_load(&asked), 1);
    dns_age(DNS_RETRY_MS);
    CHECK(resolve("aging.example", 1000, &out, &err));
    fiber_sleep_until(fiber_deadline_ms(20));
    CHECK_INT(atomic_load(&asked), 2);

    /* It is back. */
    script(0, 4, 0);
    dns_age(DNS_RETRY_MS);
    CHECK(resolve("aging.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 3);
    fiber_sleep_until(fiber_deadline_ms(20));
    CHECK(resolve("aging.example", 1000, &out, &err));
    CHECK_INT(last_byte(&out), 4);
    dns_drop();
}

static void old_answers_serve_while_there_is_no_newer(void **state)
{
    (void)state;
    rig_run(age_fiber, NULL);
}

static void patience_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    script(0, 1, 0);
    CHECK(resolve("mute.example", 1000, &out, &err));
    script(0, 2, 1500);
    dns_age(10 * DNS_FRESH_MS);
    uint64_t began = fiber_now();
    CHECK(resolve("mute.example", 10000, &out, &err));
    CHECK_INT(last_byte(&out), 1);
    CHECK(fiber_now() - began < (DNS_PATIENCE_MS + 300) * NS_PER_MS);
    /* The next one does not wait at all. */
    began = fiber_now();
    CHECK(resolve("mute.example", 10000, &out, &err));
    CHECK(fiber_now() - began < 100 * NS_PER_MS);
    fiber_sleep_until(fiber_deadline_ms(800));
    CHECK(resolve("mute.example", 10000, &out, &err));
    CHECK_INT(last_byte(&out), 2);
    CHECK_INT(atomic_load(&asked), 1);
    dns_drop();
}

static void a_mute_name_server_costs_patience_once(void **state)
{
    (void)state;
    rig_run(patience_fiber, NULL);
}

static void bound_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;
    char name[32];

    (void)arg;
    script(0, 1, 0);
    for (unsigned i = 0; i < DNS_NAMES_MAX + 20; i++) {
        snprintf(name, sizeof name, "b%u.example", i);
        CHECK(resolve(name, 1000, &out, &err));
    }
    CHECK_INT(atomic_load(&asked), DNS_NAMES_MAX + 20);
    /* The newest is still known, the oldest is not. */
    CHECK(resolve(name, 1000, &out, &err));
    CHECK_INT(atomic_load(&asked), DNS_NAMES_MAX + 20);
    CHECK(resolve("b0.example", 1000, &out, &err));
    CHECK_INT(atomic_load(&asked), DNS_NAMES_MAX + 21);
    dns_drop();
}

static void the_cache_is_bounded(void **state)
{
    (void)state;
    rig_run(bound_fiber, NULL);
}

static void system_fiber(void *arg)
{
    struct dns_addresses out;
    struct err err;

    (void)arg;
    dns_set_resolver(NULL);
    CHECK(!resolve("does-not-exist.invalid", 20000, &out, &err));
    dns_set_resolver(scripted);
    dns_drop();
}

static void the_system_knows_no_invalid_name(void **state)
{
    (void)state;
    rig_run(system_fiber, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals),
        cmocka_unit_test(no_lookup_for_addresses),
        cmocka_unit_test(an_answer_is_kept),
        cmocka_unit_test(one_lookup_for_all_who_want_a_name),
        cmocka_unit_test(few_lookups_at_a_time),
        cmocka_unit_test(an_unknown_name_is_not_asked_at_every_request),
        cmocka_unit_test(waiting_ends_at_the_deadline),
        cmocka_unit_test(waiting_can_be_cancelled),
        cmocka_unit_test(the_address_that_works_comes_first),
        cmocka_unit_test(old_answers_serve_while_there_is_no_newer),
        cmocka_unit_test(a_mute_name_server_costs_patience_once),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(the_system_knows_no_invalid_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
