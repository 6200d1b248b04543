/* Name of the machine this binary is built for. */
#ifndef PLATFORM_TARGET_H
#define PLATFORM_TARGET_H

#if defined(__x86_64__)
#define PLATFORM_TARGET "linux-amd64"
#elif defined(__aarch64__)
#define PLATFORM_TARGET "linux-arm64"
#elif defined(__arm__)
#define PLATFORM_TARGET "linux-armv7"
#else
#error "no context switch for this architecture: see platform/fiber.h"
#endif

#endif
