/* Fibers: switching, time, waiting, cancelling, fairness, inboxes, stacks. */
#include "tests/unit/platform/fiber_rig.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/fiber_int.h"

/* ---- switching ---- */

#define SWITCHERS 10
#define SWITCHES_EACH 10000

static unsigned switches;

/* More values live over the switch than there are registers that a call keeps: all of these are in use. */
static void keep_registers(unsigned salt)
{
    volatile unsigned from = salt;
    unsigned long a = from + 1ul, b = from + 2ul, c = from + 3ul, d = from + 4ul, e = from + 5ul;
    unsigned long f = from + 6ul, g = from + 7ul, h = from + 8ul, i = from + 9ul, j = from + 10ul;
    double k = from * 0.5, l = from * 1.5, m = from * 2.5, n = from * 3.5, o = from * 4.5, p = from * 5.5;
    double q = from * 6.5, r = from * 7.5;

    fiber_yield();
    CHECK(a == from + 1ul && b == from + 2ul && c == from + 3ul && d == from + 4ul && e == from + 5ul);
    CHECK(f == from + 6ul && g == from + 7ul && h == from + 8ul && i == from + 9ul && j == from + 10ul);
    CHECK(k == from * 0.5 && l == from * 1.5 && m == from * 2.5 && n == from * 3.5);
    CHECK(o == from * 4.5 && p == from * 5.5 && q == from * 6.5 && r == from * 7.5);
}

static void switcher(void *arg)
{
    unsigned *done = arg;

    for (unsigned i = 0; i < SWITCHES_EACH; i++) {
        keep_registers(i * 10 + *done);
        switches++;
    }
    ++*done;
}

static void spawn_switchers(void *arg)
{
    unsigned done = 0;

    (void)arg;
    for (int i = 0; i < SWITCHERS; i++)
        CHECK(fiber_spawn("switcher", switcher, &done) != NULL);
    while (done < SWITCHERS)
        fiber_yield();
}

static void test_100000_switches(void **state)
{
    (void)state;
    switches = 0;
    rig_run(spawn_switchers, NULL);
    assert_int_equal(switches, SWITCHERS * SWITCHES_EACH);
}

#define MANY 1000
static unsigned many_alive, many_done;
static bool many_go;

static void one_of_many(void *arg)
{
    char stack[4096];

    memset(stack, (int)(uintptr_t)arg & 0xff, sizeof stack);
    many_alive++;
    while (!many_go)
        CHECK(fiber_sleep_until(fiber_deadline_ms(1)));
    for (size_t i = 0; i < sizeof stack; i += 511)
        CHECK(stack[i] == (char)((uintptr_t)arg & 0xff));
    many_done++;
}

static void spawn_many(void *arg)
{
    (void)arg;
    for (uintptr_t i = 0; i < MANY; i++)
        CHECK(fiber_spawn("one of many", one_of_many, (void *)i) != NULL);
    rig_turns(3);
    CHECK_INT(many_alive, MANY);
    CHECK_INT(fiber_count(), MANY + 1);
    many_go = true;
    while (many_done < MANY)
        fiber_sleep_until(fiber_deadline_ms(1));
    rig_turns(1);
    CHECK_INT(fiber_count(), 1);
}

static void test_thousand_fibers(void **state)
{
    (void)state;
    rig_run(spawn_many, NULL);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void reuse_stack(void *arg)
{
    (void)arg;
    struct fiber *first = fiber_spawn("a", nothing, NULL);
    struct fiber *second = fiber_spawn("b", nothing, NULL);
    rig_turns(1);
    CHECK(first != second);
    CHECK(fiber_spawn("c", nothing, NULL) == second); /* it ended last */
    rig_turns(1);
}

static void test_stacks_are_reused_last_in_first_out(void **state)
{
    (void)state;
    rig_run(reuse_stack, NULL);
}

static void errno_other(void *arg)
{
    int mine = *(int *)arg;

    for (int i = 0; i < 100; i++) {
        errno = mine;
        fiber_yield();
        CHECK_INT(errno, mine);
        errno = mine;
        fiber_sleep_until(fiber_now());
        CHECK_INT(errno, mine);
    }
}

static void errno_main(void *arg)
{
    int values[3] = { 1001, 1002, 1003 };

    (void)arg;
    for (int i = 0; i < 3; i++)
        fiber_spawn("errno", errno_other, &values[i]);
    rig_turns(300);
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    rig_run(errno_main, NULL);
}

static void locals_other(void *arg)
{
    fiber_set_local(arg);
    fiber_yield();
    CHECK(fiber_local() == arg);
}

static void locals_main(void *arg)
{
    int a, b;

    (void)arg;
    CHECK(fiber_self() != NULL);
    CHECK(carrier_self() == carrier_at(0));
    fiber_spawn("a", locals_other, &a);
    fiber_spawn("b", locals_other, &b);
    rig_turns(3);
    CHECK(fiber_local() == NULL);
}

static void test_locals(void **state)
{
    (void)state;
    rig_run(locals_main, NULL);
    assert_null(fiber_self());
    assert_null(carrier_self());
    assert_null(fiber_spawn("off a carrier", nothing, NULL));
}

/* ---- time ---- */

static char order[64];

static void note(const char *text)
{
    strcat(order, text);
}

static void sleeper(void *arg)
{
    unsigned ms = *(unsigned *)arg;
    uint64_t deadline = fiber_deadline_ms(ms);
    char name[2] = { (char)('0' + ms / 10), '\0' };

    CHECK(fiber_sleep_until(deadline));
    CHECK(fiber_now() >= deadline);
    CHECK(fiber_now() < deadline + 2000 * NS_PER_MS);
    note(name);
}

static void sleep_in_order(void *arg)
{
    static unsigned ms[] = { 50, 10, 30, 20, 40 };

    (void)arg;
    order[0] = '\0';
    for (size_t i = 0; i < COUNT_OF(ms); i++)
        fiber_spawn("sleeper", sleeper, &ms[i]);
    fiber_sleep_until(fiber_deadline_ms(100));
    CHECK(strcmp(order, "12345") == 0);
    uint64_t wall = fiber_wall();
    CHECK(wall == fiber_wall());
    CHECK(wall > UINT64_C(1500000000) * NS_PER_S);
}

static void test_sleeps_end_in_order(void **state)
{
    (void)state;
    rig_run(sleep_in_order, NULL);
}

/* The timer of a fiber is left in the heap by a wait that ended early: it must neither end the next wait too
 * soon nor hide that the next wait's deadline is sooner. */
static struct fiber_cond early = FIBER_COND_INIT;

static void signal_early(void *arg)
{
    (void)arg;
    fiber_cond_signal(&early);
}

static void lazy_main(void *arg)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &early };
    uint64_t deadline;

    (void)arg;
    fiber_spawn("early", signal_early, NULL);
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(10)), 1);
    deadline = fiber_deadline_ms(40);
    CHECK_INT(fiber_wait(&wait, 1, deadline), 0);
    CHECK(fiber_now() >= deadline);

    fiber_spawn("early", signal_early, NULL);
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(8000)), 1);
    deadline = fiber_deadline_ms(5);
    CHECK_INT(fiber_wait(&wait, 1, deadline), 0);
    CHECK(fiber_now() >= deadline && fiber_now() < deadline + 4000 * NS_PER_MS);
}

static void test_deadlines_of_one_fiber_do_not_mix(void **state)
{
    (void)state;
    rig_run(lazy_main, NULL);
}

/* ---- conditions ---- */

static struct fiber_cond cond = FIBER_COND_INIT;

static void cond_waiter(void *arg)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &cond };

    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(5000)), 1);
    CHECK(wait.ready);
    note(arg);
}

static void cond_main(void *arg)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &cond };

    (void)arg;
    order[0] = '\0';
    fiber_cond_signal(&cond); /* nobody waits: not kept */
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(2)), 0);
    CHECK(!fiber_cond_has_waiters(&cond));
    fiber_spawn("a", cond_waiter, "a");
    fiber_spawn("b", cond_waiter, "b");
    fiber_spawn("c", cond_waiter, "c");
    fiber_spawn("d", cond_waiter, "d");
    rig_turns(2);
    fiber_cond_signal(&cond);
    fiber_cond_signal(&cond);
    rig_turns(2);
    CHECK(strcmp(order, "ab") == 0);
    fiber_cond_broadcast(&cond);
    rig_turns(2);
    CHECK(strcmp(order, "abcd") == 0);
    CHECK(!fiber_cond_has_waiters(&cond));
}

static void test_conditions_wake_first_come_first_served(void **state)
{
    (void)state;
    rig_run(cond_main, NULL);
}

/* ---- cancelling ---- */

static struct fiber *victim;
static int cancel_result, cancel_errno;

static void wait_and_report(void *arg)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &cond };

    (void)arg;
    errno = 0;
    cancel_result = fiber_wait(&wait, 1, fiber_deadline_ms(5000));
    cancel_errno = errno;
    CHECK_INT(fiber_wait(NULL, 0, fiber_deadline_ms(1)), 0); /* delivered once */
}

static void cancel_in_wait(void *arg)
{
    (void)arg;
    cancel_result = 99;
    victim = fiber_spawn("victim", wait_and_report, NULL);
    rig_turns(2);
    CHECK_INT(cancel_result, 99);
    fiber_cancel(victim);
    rig_turns(1);
    CHECK_INT(cancel_result, -1);
    CHECK_INT(cancel_errno, ECANCELED);
    CHECK(!fiber_cond_has_waiters(&cond));
    fiber_sleep_until(fiber_deadline_ms(10));
}

static void test_cancel_in_a_wait(void **state)
{
    (void)state;
    rig_run(cancel_in_wait, NULL);
}

static void cancel_before_wait(void *arg)
{
    (void)arg;
    cancel_result = 99;
    victim = fiber_spawn("victim", wait_and_report, NULL);
    fiber_cancel(victim);
    rig_turns(1);
    CHECK_INT(cancel_result, -1);
    CHECK_INT(cancel_errno, ECANCELED);
    fiber_sleep_until(fiber_deadline_ms(10));
}

static void test_cancel_before_a_wait(void **state)
{
    (void)state;
    rig_run(cancel_before_wait, NULL);
}

static void shielded(void *arg)
{
    (void)arg;
    fiber_shield(true);
    fiber_shield(true);
    CHECK(fiber_sleep_until(fiber_deadline_ms(10))); /* cancelled meanwhile */
    fiber_shield(false);
    CHECK(fiber_sleep_until(fiber_deadline_ms(1)));
    fiber_shield(false);
    errno = 0;
    CHECK(!fiber_sleep_until(fiber_deadline_ms(1000)));
    CHECK_INT(errno, ECANCELED);
    CHECK(fiber_sleep_until(fiber_deadline_ms(1)));
    victim = NULL;
}

static void cancel_shielded(void *arg)
{
    (void)arg;
    victim = fiber_spawn("shielded", shielded, NULL);
    rig_turns(2);
    fiber_cancel(victim);
    fiber_sleep_until(fiber_deadline_ms(30));
    CHECK(victim == NULL);
}

static void test_cancel_is_kept_while_shielded(void **state)
{
    (void)state;
    rig_run(cancel_shielded, NULL);
}

static void sleep_long(void *arg)
{
    uint64_t deadline = fiber_deadline_ms(20);

    CHECK(fiber_sleep_until(deadline));
    CHECK(fiber_now() >= deadline);
    *(bool *)arg = true;
}

static void cancel_and_clear(void *arg)
{
    bool done = false;

    (void)arg;
    victim = fiber_spawn("victim", sleep_long, &done);
    rig_turns(2);
    fiber_cancel(victim);
    fiber_cancel_clear(victim); /* before it ran: it must sleep on */
    fiber_sleep_until(fiber_deadline_ms(60));
    CHECK(done);
}

static void test_cleared_cancel_is_no_timeout(void **state)
{
    (void)state;
    rig_run(cancel_and_clear, NULL);
}

static void signal_then_cancel(void *arg)
{
    (void)arg;
    cancel_result = 99;
    victim = fiber_spawn("victim", cond_waiter, "s");
    order[0] = '\0';
    rig_turns(2);
    fiber_cond_signal(&cond);
    fiber_cancel(victim); /* cond_waiter checks that it got the signal */
    rig_turns(2);
    CHECK(strcmp(order, "s") == 0);
}

static void test_a_signal_goes_before_a_cancel(void **state)
{
    (void)state;
    rig_run(signal_then_cancel, NULL);
}

/* ---- stacks ---- */

static void touch_stack(void *arg)
{
    volatile char deep[64 * 1024];

    (void)arg;
    deep[0] = 1; /* the lowest byte */
    fiber_stack_trim(fiber_self()); /* must not take what is in use */
    CHECK(deep[0] == 1);
    fiber_yield();
}

/* Wherever in a page the stack pointer is, the frames that trim are not trimmed themselves. */
static unsigned trim_at_each_depth(unsigned depth)
{
    volatile unsigned kept = depth;

    fiber_stack_trim(fiber_self());
    unsigned below = depth == 0 ? 0 : trim_at_each_depth(depth - 1);
    return below + kept; /* read after the call: no tail call, a frame each */
}

static void peak_main(void *arg)
{
    size_t before = fiber_stack_peak();

    (void)arg;
    CHECK(before > 0 && before < 64 * 1024);
    CHECK_INT(trim_at_each_depth(200), 200 * 201 / 2);
    struct fiber *f = fiber_spawn("deep", touch_stack, NULL);
    rig_turns(1);
    size_t after = fiber_stack_peak();
    CHECK(after >= 64 * 1024);
    CHECK(after < FIBER_STACK_BYTES);
    fiber_stack_trim(f);
    rig_turns(2);
    CHECK(fiber_stack_peak() >= after); /* remembered, though the pages are gone */
}

static void test_stack_peak_and_trim(void **state)
{
    (void)state;
    rig_run(peak_main, NULL);
}

static char *deep_page;

static unsigned char touch_deep(void)
{
    volatile unsigned char deep[128 * 1024];

    for (size_t i = 0; i < sizeof deep; i += 512)
        deep[i] = 1;
    deep_page = (char *)(((uintptr_t)deep + 65535) & ~(uintptr_t)65535); /* whole, whatever the page size */
    return deep[512];
}

static void go_deep_and_wait(void *arg)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &cond };

    (void)arg;
    CHECK_INT(touch_deep(), 1);
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(5000)), 1);
    CHECK_INT(touch_deep(), 1); /* the stack still serves */
}

static bool is_resident(char *page)
{
    unsigned char resident = 0;

    CHECK_INT(mincore(page, 1, &resident), 0);
    return resident & 1;
}

static void give_back_main(void *arg)
{
    (void)arg;
    struct fiber *f = fiber_spawn("deep", go_deep_and_wait, NULL);
    rig_turns(2);
    CHECK(is_resident(deep_page));
    fiber_stack_trim(f);
    CHECK(!is_resident(deep_page));
    fiber_cond_signal(&cond);
    rig_turns(2);
    CHECK(is_resident(deep_page));
}

static void test_a_waiting_fiber_gives_pages_back(void **state)
{
    (void)state;
    rig_run(give_back_main, NULL);
}

static void make_old(struct carrier *c)
{
    for (struct fiber *f = c->idle; f; f = f->next)
        f->died = 0;
    carrier_timer_set(&c->idle_sweep, fiber_now());
}

static void idle_main(void *arg)
{
    struct carrier *c = carrier_self();

    (void)arg;
    for (int i = 0; i < 100; i++)
        fiber_spawn("short", nothing, NULL);
    rig_turns(2);
    CHECK_INT(c->idle_count, 100);
    carrier_timer_set(&c->idle_sweep, fiber_now()); /* all of them young: none goes */
    fiber_sleep_until(fiber_deadline_ms(2));
    CHECK_INT(c->idle_count, 100);
    CHECK(c->idle_sweep.when > fiber_now() + 5 * NS_PER_S);
    make_old(c);
    fiber_sleep_until(fiber_deadline_ms(2));
    CHECK_INT(c->idle_count, 16);
    CHECK_INT(c->idle_sweep.when, 0);
}

static void test_old_idle_stacks_are_unmapped(void **state)
{
    (void)state;
    rig_run(idle_main, NULL);
}

static int recurse(int depth)
{
    volatile char frame[512];

    memset((char *)frame, depth, sizeof frame);
    return depth == 0 ? 0 : recurse(depth - 1) + frame[depth % 512];
}

static volatile int recursed;

static void overflow_main(unsigned index, void *arg)
{
    if (index != *(unsigned *)arg)
        return;
    fiber_set_label("GET /deep");
    recursed = recurse(1 << 20);
}

/* The child's standard error up to its end, and its wait status. */
static int run_child(unsigned overflow_on, char *text, size_t room)
{
    int pipe_fds[2], status;
    size_t n = 0;
    ssize_t got;

    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        struct carriers_options options = { .count = 2, .on_start = overflow_main, .arg = &overflow_on };
        dup2(pipe_fds[1], STDERR_FILENO);
        carriers_run(&options);
        _exit(0);
    }
    close(pipe_fds[1]);
    while (n < room - 1 && (got = read(pipe_fds[0], text + n, room - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    close(pipe_fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_overflow_names_the_fiber_and_aborts(void **state)
{
    char text[4096];

    (void)state;
    for (unsigned carrier = 0; carrier < 2; carrier++) {
        int status = run_child(carrier, text, sizeof text);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
        assert_non_null(strstr(text, "fiber start"));
        assert_non_null(strstr(text, "GET /deep"));
        assert_non_null(strstr(text, "overflowed its stack"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_names_the_fiber_and_aborts), /* first: it forks */
        cmocka_unit_test(test_100000_switches),
        cmocka_unit_test(test_thousand_fibers),
        cmocka_unit_test(test_stacks_are_reused_last_in_first_out),
        cmocka_unit_test(test_errno_is_kept),
        cmocka_unit_test(test_locals),
        cmocka_unit_test(test_sleeps_end_in_order),
        cmocka_unit_test(test_deadlines_of_one_fiber_do_not_mix),
        cmocka_unit_test(test_conditions_wake_first_come_first_served),
        cmocka_unit_test(test_cancel_in_a_wait),
        cmocka_unit_test(test_cancel_before_a_wait),
        cmocka_unit_test(test_cancel_is_kept_while_shielded),
        cmocka_unit_test(test_cleared_cancel_is_no_timeout),
        cmocka_unit_test(test_a_signal_goes_before_a_cancel),
        cmocka_unit_test(test_stack_peak_and_trim),
        cmocka_unit_test(test_a_waiting_fiber_gives_pages_back),
        cmocka_unit_test(test_old_idle_stacks_are_unmapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
