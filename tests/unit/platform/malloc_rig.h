/* Counts allocations of the program, where no sanitizer has taken malloc over: for what must not allocate. Included by
 * one file of a program. */
#ifndef TESTS_UNIT_PLATFORM_MALLOC_RIG_H
#define TESTS_UNIT_PLATFORM_MALLOC_RIG_H

#include <stdatomic.h>
#include <stdlib.h>

#include "platform/base/compiler.h"

static atomic_ullong allocations;

#if !HOLDFAST_ASAN && !HOLDFAST_TSAN
void *__libc_malloc(size_t __size);
void *__libc_calloc(size_t __nmemb, size_t __size);
void *malloc(size_t __size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_malloc(__size);
}
void *calloc(size_t __nmemb, size_t __size)
{
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return __libc_calloc(__nmemb, __size);
}
#endif

#endif
