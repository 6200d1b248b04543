/* Names of resources: ids inside resource paths, revisions, hex digests. Shared by the publisher's side and the program. */
#ifndef APP_NAMES_H
#define APP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

/* "/subscriptions/…/apis/echo" -> "echo" */
struct slice name_last_segment(struct slice path);
/* "testapi;rev=2" -> "testapi": all revisions of an API share this. */
struct slice name_api_root(struct slice api_id);
/* Without slashes at both ends. */
struct slice name_trim_slashes(struct slice path);
/* Exactly 2 * n hex digits to n bytes. */
bool name_read_hex(struct slice hex, uint8_t *out, size_t n);

#endif
