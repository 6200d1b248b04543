/* Run a shell command from a test and wait for it. */
#ifndef TESTS_UNIT_PLATFORM_COMMAND_RIG_H
#define TESTS_UNIT_PLATFORM_COMMAND_RIG_H

#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

#include "platform/base/compiler.h"

extern char **environ;

/* Start `sh -c command`; 0 when it cannot be. Signals that the carriers block are not blocked in
 * it. */
static inline pid_t command_start(const char *command)
{
    const char *const argv[] = { "sh", "-c", command, NULL };
    posix_spawnattr_t attr;
    sigset_t none;
    pid_t pid = 0;

    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    if (posix_spawnp(&pid, "sh", NULL, &attr, (char *const *)argv, environ) != 0)
        pid = 0;
    posix_spawnattr_destroy(&attr);
    return pid;
}

/* Its exit code, or -1. */
static inline int command_wait(pid_t pid)
{
    int status;

    if (pid <= 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static inline int command_run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static inline int command_run(const char *fmt, ...)
{
    char command[4096];
    va_list args;

    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    return command_wait(command_start(command));
}

/* Is there a program of that name? */
static inline bool command_exists(const char *name)
{
    return command_run("command -v %s >/dev/null", name) == 0;
}

#endif
