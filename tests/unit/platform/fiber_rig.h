/* What the tests of fibers share: run a function as the first fiber, and checks that work on any stack and
 * thread (cmocka's asserts jump back to the test's own stack). */
#ifndef TESTS_UNIT_PLATFORM_FIBER_RIG_H
#define TESTS_UNIT_PLATFORM_FIBER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "platform/fiber.h"

static atomic_uint rig_failures;

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            atomic_fetch_add(&rig_failures, 1);                                       \
        }                                                                             \
    } while (0)

#define CHECK_INT(actual, expected) rig_check_int(actual, expected, #actual, __FILE__, __LINE__)

static inline void rig_check_int(long long actual, long long expected, const char *what, const char *file,
                                 int line)
{
    if (actual == expected)
        return;
    fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, what, actual, expected);
    atomic_fetch_add(&rig_failures, 1);
}

struct rig {
    void (*fn)(void *arg);
    void *arg;
};

static void rig_start(unsigned index, void *arg)
{
    const struct rig *rig = arg;

    if (index != 0)
        return;
    rig->fn(rig->arg);
    carriers_stop();
}

/* Run fn(arg) as the first fiber of carrier 0 of `count` carriers; the carriers end when it returns. */
static inline void rig_run_on(unsigned count, void (*fn)(void *arg), void *arg)
{
    struct rig rig = { fn, arg };
    struct carriers_options options = { .count = count, .on_start = rig_start, .arg = &rig };

    atomic_store(&rig_failures, 0);
    assert_true(carriers_run(&options));
    assert_int_equal(atomic_load(&rig_failures), 0);
}

static inline void rig_run(void (*fn)(void *arg), void *arg)
{
    rig_run_on(1, fn, arg);
}

/* A connected pair of non-blocking stream sockets. */
static inline void rig_pair(int fds[2])
{
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* Let every fiber that is ready run, some turns long. */
static inline void rig_turns(int n)
{
    while (n-- > 0)
        fiber_yield();
}

#endif
