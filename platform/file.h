/* Files: whole reads, atomic durable writes, directories. Blocking: never on a carrier. */
#ifndef PLATFORM_FILE_H
#define PLATFORM_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

/* The whole file; larger than max is an error. A zero byte follows the slice. */
bool file_read(struct arena *a, const char *path, size_t max, struct slice *out, struct err *err) WARN_UNUSED;
/* Write to a temporary file beside path, fsync, rename over path, fsync the directory. */
bool file_write_atomic(const char *path, struct slice data, mode_t mode, struct err *err) WARN_UNUSED;
/* Create path, which must not exist (never overwrites). */
bool file_write_new(const char *path, struct slice data, mode_t mode, struct err *err) WARN_UNUSED;
/* mkdir -p; an existing directory is fine. */
bool file_make_dirs(const char *path, mode_t mode, struct err *err) WARN_UNUSED;
bool file_exists(const char *path);
/* There is something of that name, if only a link to nothing. */
bool file_is_there(const char *path);
bool file_is_dir(const char *path);
/* Names in a directory without "." and "..", sorted by bytes. */
bool file_list(struct arena *a, const char *path, struct slice **names, size_t *n,
               struct err *err) WARN_UNUSED;
/* path joined by one slash; zero-terminated in the arena. */
char *file_join(struct arena *a, const char *dir, struct slice name);

#endif
