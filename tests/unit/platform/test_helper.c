/* The helper pool: calls from fibers, from plain threads, many at once, and its end. */
#include "tests/unit/platform/fiber_rig.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/helper.h"

static pthread_t ran_on;
static pthread_t main_thread;

static void note_thread(void *arg)
{
    CHECK(fiber_self() == NULL);
    CHECK(carrier_self() == NULL);
    ran_on = pthread_self();
    usleep(20000);
    ++*(int *)arg;
}

static unsigned others_runs;
static bool over;

static void other(void *arg)
{
    (void)arg;
    while (!over) {
        others_runs++;
        fiber_sleep_until(fiber_deadline_ms(1));
    }
}

static void call_main(void *arg)
{
    int value = 0;

    (void)arg;
    fiber_spawn("other", other, NULL);
    errno = 4711;
    helper_call(note_thread, &value);
    CHECK_INT(errno, 4711);
    CHECK_INT(value, 1);
    CHECK(!pthread_equal(ran_on, main_thread));
    CHECK(others_runs >= 3); /* the carrier went on */
    over = true;
    fiber_sleep_until(fiber_deadline_ms(5));
}

static void test_a_call_waits_and_the_carrier_goes_on(void **state)
{
    (void)state;
    main_thread = pthread_self();
    assert_true(helpers_start(2));
    rig_run(call_main, NULL);
    helpers_stop();
}

static void called(void *arg)
{
    int value = 0;

    helper_call(note_thread, &value);
    CHECK_INT(value, 1); /* though cancelled meanwhile */
    CHECK(!fiber_sleep_until(fiber_deadline_ms(1000)));
    CHECK_INT(errno, ECANCELED);
    *(bool *)arg = true;
}

static void cancel_main(void *arg)
{
    bool done = false;

    (void)arg;
    struct fiber *f = fiber_spawn("called", called, &done);
    fiber_sleep_until(fiber_deadline_ms(5));
    fiber_cancel(f);
    fiber_sleep_until(fiber_deadline_ms(100));
    CHECK(done);
}

static void test_a_cancel_comes_after_the_call(void **state)
{
    (void)state;
    assert_true(helpers_start(2));
    rig_run(cancel_main, NULL);
    helpers_stop();
}

static void note_direct(void *arg)
{
    CHECK(pthread_equal(pthread_self(), main_thread));
    ++*(int *)arg;
}

static void direct_main(void *arg)
{
    helper_call(note_direct, arg);
}

static void test_without_a_pool_and_off_fibers_it_runs_at_once(void **state)
{
    int value = 0;

    (void)state;
    main_thread = pthread_self();
    rig_run(direct_main, &value);
    assert_int_equal(value, 1);
    assert_true(helpers_start(2));
    helper_call(note_direct, &value);
    helpers_stop();
    assert_int_equal(value, 2);
}

#define CALLERS 100
static atomic_uint callers_done, sum;

static void add(void *arg)
{
    atomic_fetch_add(&sum, *(unsigned *)arg);
}

static void caller(void *arg)
{
    for (int i = 0; i < 20; i++)
        helper_call(add, arg);
    atomic_fetch_add(&callers_done, 1);
}

static unsigned one = 1;

static void spawn_callers(struct inbox_item *item)
{
    (void)item;
    for (int i = 0; i < CALLERS; i++)
        CHECK(fiber_spawn("caller", caller, &one) != NULL);
}

static void storm_main(void *arg)
{
    struct inbox_item items[2] = { { .run = spawn_callers }, { .run = spawn_callers } };
    uint64_t end = fiber_deadline_ms(30000);

    (void)arg;
    carrier_post(carrier_at(0), &items[0]);
    fiber_sleep_until(fiber_deadline_ms(1));
    carrier_post(carrier_at(1), &items[1]);
    while (atomic_load(&callers_done) < 2 * CALLERS && fiber_now() < end)
        fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(atomic_load(&callers_done), 2 * CALLERS);
    CHECK_INT(atomic_load(&sum), 2 * CALLERS * 20);
}

static void test_many_calls_from_two_carriers(void **state)
{
    (void)state;
    assert_true(helpers_start(3));
    rig_run_on(2, storm_main, NULL);
    helpers_stop();
}

struct slow_job {
    struct helper_job job;
    bool done;
};

static void run_slow(struct helper_job *job)
{
    volatile char deep[1024 * 1024]; /* 2 MB stacks */

    deep[0] = 1;
    usleep(5000);
    CONTAINER_OF(job, struct slow_job, job)->done = deep[0] == 1;
}

static void test_stop_drops_no_job(void **state)
{
    struct slow_job jobs[10] = { 0 };

    (void)state;
    assert_true(helpers_start(2));
    for (int i = 0; i < 10; i++) {
        jobs[i].job.run = run_slow;
        helper_post(&jobs[i].job);
    }
    helpers_stop();
    for (int i = 0; i < 10; i++)
        assert_true(jobs[i].done);
    jobs[0].done = false;
    helper_post(&jobs[0].job); /* after the end: at once */
    assert_true(jobs[0].done);
    helpers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_waits_and_the_carrier_goes_on),
        cmocka_unit_test(test_a_cancel_comes_after_the_call),
        cmocka_unit_test(test_without_a_pool_and_off_fibers_it_runs_at_once),
        cmocka_unit_test(test_many_calls_from_two_carriers),
        cmocka_unit_test(test_stop_drops_no_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
