/* Names of resources: ids inside resource paths, revisions, hex digests. Shared by the publisher's side and the program. */
#ifndef APP_NAMES_H
#define APP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/slice.h"

/* "/subscriptions/…/apis/echo" -> "echo" */
struct slice name_last_segment(struct slice path);
/* What a subscription's scope names: "/products/x", "/apis/x", "/apis", or a full resource id with that tail; the id of a service
 * alone is all of its APIs, and so is no scope of the built-in subscription "master", which no extract tells of. Words in any
 * case; *id is x. */
enum name_scope { NAME_SCOPE_NONE, NAME_SCOPE_ALL, NAME_SCOPE_PRODUCT, NAME_SCOPE_API };
enum name_scope name_scope(struct slice scope, struct slice subscription, struct slice *id);
/* "testapi;rev=2" -> "testapi": all revisions of an API share this. */
struct slice name_api_root(struct slice api_id);
/* Without slashes at both ends. */
struct slice name_trim_slashes(struct slice path);
/* Exactly 2 * n hex digits to n bytes. */
bool name_read_hex(struct slice hex, uint8_t *out, size_t n);

#endif
