/* The helper pool: a few OS threads for work that must not run on a carrier or on a fiber's stack (rule 8):
 * TLS handshakes, private-key operations, getaddrinfo, compiling a program, freeing one. Stacks of 2 MB. */
#ifndef PLATFORM_HELPER_H
#define PLATFORM_HELPER_H

#include <stdbool.h>

struct helper_job {
    struct helper_job *next;
    void (*run)(struct helper_job *job); /* on a helper thread */
};

/* Start the threads (2..8). False: errno. */
bool helpers_start(unsigned count);
/* Let running and queued jobs end, drop none, join. After carriers_run has returned. */
void helpers_stop(void);
/* Threads that run; 0 while there is no pool. Any thread. */
unsigned helpers_count(void);
/* Any thread: queue a job; it belongs to the pool until run() is called, then to run(). Without a pool it
 * runs at once in the caller. */
void helper_post(struct helper_job *job);
/* From a fiber: run fn(arg) on a helper thread and wait for its end (not cancellable: arg is on our stack).
 * From a plain thread, or before helpers_start: fn runs at once in the caller. */
void helper_call(void (*fn)(void *arg), void *arg);

#endif
