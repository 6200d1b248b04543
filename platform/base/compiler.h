/* What the compiler can do for us: attributes and a few macros used everywhere. */
#ifndef PLATFORM_BASE_COMPILER_H
#define PLATFORM_BASE_COMPILER_H

#include <stddef.h>

/* The result must be looked at. */
#define WARN_UNUSED __attribute__((warn_unused_result))
/* printf-like: argument fmt is the format, the variable part begins at argument first. */
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#if defined(__SANITIZE_ADDRESS__)
#define HOLDFAST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HOLDFAST_ASAN 1
#endif
#endif
#ifndef HOLDFAST_ASAN
#define HOLDFAST_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define HOLDFAST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDFAST_TSAN 1
#endif
#endif
#ifndef HOLDFAST_TSAN
#define HOLDFAST_TSAN 0
#endif

#endif
