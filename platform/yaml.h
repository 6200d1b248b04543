/* YAML reading by libyaml; the only file that includes it. A document becomes JSON text (YAML 1.2 core schema: plain scalars are typed,
 * quoted ones are strings), so that everything behind reads one kind of tree. */
#ifndef PLATFORM_YAML_H
#define PLATFORM_YAML_H

#include <stdbool.h>

#include "platform/base/arena.h"
#include "platform/base/err.h"
#include "platform/base/slice.h"

/* Nesting, and nodes after aliases are expanded, that one document may have: an alias bomb ends here. */
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 2000000u
/* Bytes of JSON after which no further node is written. */
#define YAML_BYTES_MAX (64u << 20)

/* The first document of text as JSON text in the arena; an empty text gives "null". What is not an alias stands on the same line
 * as in the YAML text, so that messages can name it.
 * err: "line 3 column 7: ...". Anchors, aliases and merge keys (<<) are resolved. */
bool yaml_to_json(struct arena *a, struct slice text, struct slice *json, struct err *err);

#endif
