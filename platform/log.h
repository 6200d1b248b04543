/* Logging: lines go to a ring of the calling thread (64 kB); one writer thread writes them; a full ring drops
 * and counts (architecture.md 1, rule 10). A stopped reader of stdout never stops traffic. */
#ifndef PLATFORM_LOG_H
#define PLATFORM_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/compiler.h"
#include "platform/base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_FATAL };
enum log_format { LOG_FORMAT_NONE, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Start the writer thread on fd (stdout). Before this, and in commands, lines go straight to stderr. */
bool log_start(int fd, enum log_format format, enum log_level least);
/* Any thread. */
void log_set_level(enum log_level least);
/* Write what is in the rings (at most ms), then end the writer; lines go to stderr again. A writer that is
 * stuck in a stopped reader is left behind, and later lines are dropped. */
void log_stop(uint64_t ms);
enum log_format log_format(void);
bool log_enabled(enum log_level level);

/* One event: `event` is its type ("ConfigurationActivated"), the rest a sentence. */
void log_event(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define log_info(event, ...) log_event(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
/* A complete line that the caller formatted (the request log), without its newline. */
void log_line(enum log_level level, struct slice line);

/* Lines logged, and those of them that were dropped (ring full, line over 16 kB, descriptor broken). Any
 * thread. */
struct log_counts { uint64_t lines, dropped; };
struct log_counts log_counts(void);

#endif
