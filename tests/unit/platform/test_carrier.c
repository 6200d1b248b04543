/* Carriers: timers, turns, inboxes, signals, start. */
#include "tests/unit/platform/fiber_rig.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- timers ---- */

#define TIMERS 3000
static struct carrier_timer timers[TIMERS];
static uint64_t last_fired;
static unsigned fired;

static uint64_t due_at[TIMERS];

static void fire_sorted(struct carrier_timer *t)
{
    uint64_t due = due_at[t - timers];

    CHECK(due >= last_fired);
    CHECK(due <= fiber_now());
    CHECK(fiber_self() == NULL);
    CHECK(t->when == 0);
    last_fired = due;
    fired++;
}

static void heap_main(void *arg)
{
    unsigned seed = 7, expected = TIMERS;
    uint64_t base = fiber_now();

    (void)arg;
    for (size_t i = 0; i < TIMERS; i++) {
        seed = seed * 1103515245u + 12345u;
        due_at[i] = base + NS_PER_MS + seed / 65536 % 20000 * NS_PER_US;
        timers[i] = (struct carrier_timer){ .fire = fire_sorted };
        carrier_timer_set(&timers[i], due_at[i]);
    }
    for (size_t i = 0; i < TIMERS; i += 3) { /* move some, both ways */
        due_at[i] = base + NS_PER_MS + (due_at[i] * 31 + i) % (20 * NS_PER_MS);
        carrier_timer_set(&timers[i], due_at[i]);
        CHECK(timers[i].when == due_at[i]);
    }
    for (size_t i = 1; i < TIMERS; i += 7) {
        carrier_timer_clear(&timers[i]);
        carrier_timer_clear(&timers[i]);
        expected--;
    }
    fiber_sleep_until(fiber_deadline_ms(60));
    CHECK_INT(fired, expected);
}

static void test_timers_fire_in_order(void **state)
{
    (void)state;
    rig_run(heap_main, NULL);
}

static unsigned rearmed;

static void rearm_at_once(struct carrier_timer *t)
{
    rearmed++;
    carrier_timer_set(t, 1); /* long past */
}

static void rearm_main(void *arg)
{
    struct carrier_timer t = { .fire = rearm_at_once };

    (void)arg;
    carrier_timer_set(&t, fiber_now());
    fiber_sleep_until(fiber_deadline_ms(5));
    CHECK(rearmed > 1);
    carrier_timer_clear(&t);
    unsigned before = rearmed;
    fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(rearmed, before);
}

static void test_a_timer_that_rearms_does_not_hold_the_loop(void **state)
{
    (void)state;
    rig_run(rearm_main, NULL);
}

/* ---- turns ---- */

static unsigned greedy_runs, modest_runs;
static bool turns_over;

static void spawn_again(void *arg)
{
    (void)arg;
    greedy_runs++;
    if (!turns_over)
        fiber_spawn("again", spawn_again, NULL);
}

static void modest(void *arg)
{
    (void)arg;
    while (!turns_over) {
        modest_runs++;
        fiber_yield();
    }
}

static void turns_main(void *arg)
{
    (void)arg;
    fiber_spawn("again", spawn_again, NULL);
    fiber_spawn("modest", modest, NULL);
    rig_turns(100);
    CHECK_INT(greedy_runs, modest_runs);
    CHECK_INT(greedy_runs, 100);
    turns_over = true;
    rig_turns(2);
}

static void test_a_turn_runs_only_what_was_ready(void **state)
{
    (void)state;
    rig_run(turns_main, NULL);
}

static struct fiber_cond cond = FIBER_COND_INIT;
static bool timer_fired;

static void set_fired(struct carrier_timer *t)
{
    (void)t;
    timer_fired = true;
}

static void ready_each_other(void *arg)
{
    uint64_t give_up = clock_mono_ns() + 5 * NS_PER_S;

    (void)arg;
    while (!timer_fired && clock_mono_ns() < give_up) {
        fiber_cond_signal(&cond); /* the other waits: ready again at once */
        struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &cond };
        fiber_wait(&wait, 1, fiber_deadline_ms(50));
    }
    CHECK(timer_fired);
}

static void between_turns_main(void *arg)
{
    struct carrier_timer t = { .fire = set_fired };

    (void)arg;
    carrier_timer_set(&t, fiber_deadline_ms(10));
    fiber_spawn("one", ready_each_other, NULL);
    fiber_spawn("two", ready_each_other, NULL);
    while (fiber_count() > 1)
        fiber_yield();
}

static void test_the_loop_has_its_turn_between_turns(void **state)
{
    (void)state;
    rig_run(between_turns_main, NULL);
}

/* ---- inbox ---- */

#define POSTERS 4
#define POSTS 20000

struct numbered_item {
    struct inbox_item item;
    unsigned poster, number;
};

static struct numbered_item *posts[POSTERS];
static unsigned received[POSTERS], received_total;
static struct fiber_cond all_received = FIBER_COND_INIT;

static void receive(struct inbox_item *item)
{
    struct numbered_item *p = CONTAINER_OF(item, struct numbered_item, item);

    CHECK(fiber_self() == NULL);
    CHECK(carrier_self() == carrier_at(0));
    CHECK_INT(received[p->poster], p->number); /* in the order of posting */
    received[p->poster]++;
    if (++received_total == POSTERS * POSTS)
        fiber_cond_signal(&all_received);
}

static void *poster_main(void *arg)
{
    unsigned poster = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < POSTS; i++) {
        posts[poster][i] = (struct numbered_item){ { NULL, receive }, poster, i };
        carrier_post(carrier_at(0), &posts[poster][i].item);
        if (i % 64 == 0)
            usleep(50); /* the carrier goes to sleep now and then */
    }
    return NULL;
}

static void inbox_main(void *arg)
{
    pthread_t threads[POSTERS];
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &all_received };

    (void)arg;
    for (uintptr_t i = 0; i < POSTERS; i++) {
        posts[i] = malloc(POSTS * sizeof *posts[i]);
        pthread_create(&threads[i], NULL, poster_main, (void *)i);
    }
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(30000)), 1);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(received[i], POSTS);
        free(posts[i]);
    }
}

static void test_inbox_from_other_threads(void **state)
{
    (void)state;
    rig_run(inbox_main, NULL);
}

struct ping {
    struct inbox_item item;
    atomic_uint count;
};

static void bounce(struct inbox_item *item)
{
    struct ping *p = CONTAINER_OF(item, struct ping, item);
    unsigned n = atomic_fetch_add(&p->count, 1) + 1;

    CHECK(carrier_index(carrier_self()) == n % carriers_count());
    if (n < 10000)
        carrier_post(carrier_at((n + 1) % carriers_count()), item);
}

static void bounce_main(void *arg)
{
    struct ping p = { .item.run = bounce };
    uint64_t end = fiber_deadline_ms(20000);

    (void)arg;
    carrier_post(carrier_at(1), &p.item);
    while (atomic_load(&p.count) < 10000 && fiber_now() < end)
        fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(atomic_load(&p.count), 10000);
}

static void test_carriers_post_to_each_other(void **state)
{
    (void)state;
    rig_run_on(3, bounce_main, NULL);
}

/* ---- signals ---- */

static atomic_int seen_signal;

static void on_signal(int signal)
{
    CHECK(carrier_self() == carrier_at(0));
    atomic_store(&seen_signal, signal);
}

static void signal_main(void *arg)
{
    (void)arg;
    kill(getpid(), SIGUSR1);
    fiber_sleep_until(fiber_deadline_ms(20));
    CHECK_INT(atomic_load(&seen_signal), SIGUSR1);
    kill(getpid(), SIGUSR2);
    fiber_sleep_until(fiber_deadline_ms(20));
    CHECK_INT(atomic_load(&seen_signal), SIGUSR2);
}

static void test_signals_arrive_on_carrier_0(void **state)
{
    static const int signals[] = { SIGUSR1, SIGUSR2 };

    (void)state;
    carriers_on_signal(signals, 2, on_signal);
    rig_run_on(2, signal_main, NULL);
}

/* ---- start ---- */

static void nothing(void *arg)
{
    (void)arg;
}

static void test_carriers_that_cannot_start_say_so(void **state)
{
    struct rig rig = { nothing, NULL };
    struct carriers_options options = { .count = CARRIERS_MAX, .on_start = rig_start, .arg = &rig };
    struct rlimit old, few;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = 40;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    errno = 0;
    assert_false(carriers_run(&options));
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    rig_run(nothing, NULL); /* and nothing is left behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_a_timer_that_rearms_does_not_hold_the_loop),
        cmocka_unit_test(test_a_turn_runs_only_what_was_ready),
        cmocka_unit_test(test_the_loop_has_its_turn_between_turns),
        cmocka_unit_test(test_inbox_from_other_threads),
        cmocka_unit_test(test_carriers_post_to_each_other),
        cmocka_unit_test(test_signals_arrive_on_carrier_0),
        cmocka_unit_test(test_carriers_that_cannot_start_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
