/* sync/agent: its thread, its waits, work handed to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sync/cycle_int.h"
#include "tests/unit/sync/sync_rig.h"

static struct rig rig;

static int begin(void **state)
{
    (void)state;
    rig_begin(&rig);
    rig_entities(&rig, 50, 100);
    rig_open(&rig);
    rig.options.refresh_ms = 50;
    return 0;
}

static int end(void **state)
{
    (void)state;
    rig_end(&rig);
    return 0;
}

static void wait_for(struct sync_agent *agent, enum sync_outcome outcome, uint64_t count)
{
    struct sync_status status;

    for (int i = 0; i < 500; i++) {
        sync_agent_status(agent, &status);
        if (status.cycles[outcome] >= count)
            return;
        usleep(10000);
    }
    fail_msg("not %s %llu times", sync_outcome_name(outcome), (unsigned long long)count);
}

static void the_agent_follows_its_source(void **state)
{
    (void)state;
    struct sync_agent *agent;
    struct sync_status status;

    assert_true(sync_agent_start(&rig.options, &agent, &rig.err));
    wait_for(agent, SYNC_OFFLINE, 2);
    rig_publish(&rig);
    wait_for(agent, SYNC_UPDATED, 1);
    wait_for(agent, SYNC_CURRENT, 3);
    rig_change(&rig, 1, 2);
    rig_publish(&rig);
    wait_for(agent, SYNC_UPDATED, 2);
    sync_agent_status(agent, &status);
    assert_true(status.last_contact > 0 && status.last_update > 0);
    assert_true(status.errors[SYNC_CONNECT] >= 2);
    assert_true(status.bytes > 0);
    sync_agent_stop(agent);
    assert_true(rig_is_complete(&rig));
}

static void count_call(void *arg, struct store *store)
{
    *(int64_t *)arg = store_active(store);
}

static void work_is_done_between_cycles(void **state)
{
    (void)state;
    struct sync_agent *agent;
    struct sync_result result;
    int64_t active = -1;

    rig_publish(&rig);
    rig.options.refresh_ms = 3600 * 1000;
    assert_true(sync_agent_start(&rig.options, &agent, &rig.err));
    assert_true(sync_agent_call(agent, count_call, &active));
    assert_true(active == 0 || active == 1);
    assert_true(sync_agent_cycle(agent, &result));
    assert_true(result.outcome == SYNC_CURRENT || result.outcome == SYNC_UPDATED);
    assert_true(sync_agent_call(agent, count_call, &active));
    assert_int_equal(active, 1);
    rig_change(&rig, 1, 2);
    rig_publish(&rig);
    sync_agent_wake(agent);
    for (int i = 0; i < 500 && active != 2; i++) {
        usleep(10000);
        assert_true(sync_agent_call(agent, count_call, &active));
    }
    assert_int_equal(active, 2);
    sync_agent_stop(agent);
    sync_agent_stop(NULL);
}

static void a_refused_generation_is_not_tried_again_and_again(void **state)
{
    (void)state;
    struct sync_agent *agent;

    rig_publish(&rig);
    rig_expect(&rig, SYNC_UPDATED);
    rig_change(&rig, 1, 2);
    rig_publish(&rig);
    rig.refuse = "no";
    rig.accepted = 0;
    assert_true(sync_agent_start(&rig.options, &agent, &rig.err));
    wait_for(agent, SYNC_REJECTED, 5);
    sync_agent_stop(agent);
    assert_int_equal(rig.accepted, 1);
    /* A new process may be able to take it. */
    rig.refuse = NULL;
    assert_true(sync_agent_start(&rig.options, &agent, &rig.err));
    wait_for(agent, SYNC_UPDATED, 1);
    sync_agent_stop(agent);
    assert_int_equal(rig.accepted, 2);
}

static void waits_grow_to_a_cap(void **state)
{
    (void)state;
    for (unsigned failures = 0; failures < 40; failures++) {
        uint64_t cap = failures < 9 ? UINT64_C(2000) << failures : 900000, most = 0;
        if (cap > 900000)
            cap = 900000;
        for (int i = 0; i < 200; i++) {
            uint64_t ms = sync_retry_delay_ms(failures, SYNC_CONNECT, 0);
            assert_true(ms <= cap);
            most = ms > most ? ms : most;
            assert_true(sync_retry_delay_ms(failures, SYNC_PORTAL, 0) <= 300000);
            assert_true(sync_retry_delay_ms(failures, SYNC_HTTP, 3600000) >= 3600000 ||
                        cap > 3600000);
        }
        assert_true(most > cap / 2); /* drawn from all of it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_agent_follows_its_source, begin, end),
        cmocka_unit_test_setup_teardown(work_is_done_between_cycles, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_generation_is_not_tried_again_and_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(waits_grow_to_a_cap, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
