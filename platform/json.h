/* JSON reading (RFC 8259) by yyjson, behind our own names; the only file that includes it. Trees are immutable and live in an arena.
 * Writing is plain text: buf_put_json and friends (base/buf.h). */
#ifndef PLATFORM_JSON_H
#define PLATFORM_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

struct json; /* one value; NULL means "absent" and every reader takes it */

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parse one whole document; depth and size are bounded by the arena and JSON_DEPTH_MAX. err: "line 3 column 7: ...".
 * The tree and its strings are in the arena. A UTF-8 byte order mark is skipped. NULL on error. */
#define JSON_DEPTH_MAX 64
const struct json *json_parse(struct arena *a, struct slice text, struct err *err);
/* As json_parse; *origin is where the tree's copy of text begins: the key or string at p (json_iter, json_str) stands at byte
 * p - *origin of text (behind its byte order mark and the quote). */
const struct json *json_parse_from(struct arena *a, struct slice text, const char **origin, struct err *err);

enum json_type json_type(const struct json *j);
/* Member of an object by name (the last one of duplicates), or NULL. */
const struct json *json_get(const struct json *j, const char *name);
const struct json *json_get_slice(const struct json *j, struct slice name);
/* Member along names: json_path(j, "properties", "url", NULL). */
const struct json *json_path(const struct json *j, ...) __attribute__((sentinel));
/* Text of a string; any other type gives the empty slice with p == NULL. */
struct slice json_str(const struct json *j);
/* bool/number with a default for absent or another type. */
bool json_bool(const struct json *j, bool otherwise);
int64_t json_int(const struct json *j, int64_t otherwise);
double json_double(const struct json *j, double otherwise);
/* A number's source text ("1.50", "1e3"), so that no digit is lost; empty for others. */
struct slice json_number_text(const struct json *j);

/* Elements of an array, or members of an object (then key is set), in order:
 *   struct json_iter it = json_iter(j); while (json_next(&it)) use(it.key, it.value);          */
struct json_iter {
    const struct json *value;
    struct slice key;
    const struct json *container;
    size_t index, count;
    const void *cursor;
};
struct json_iter json_iter(const struct json *j);
bool json_next(struct json_iter *it);
size_t json_count(const struct json *j);

struct buf;
/* Write j back as compact JSON, members in order. */
void json_write(struct buf *b, const struct json *j);

#endif
