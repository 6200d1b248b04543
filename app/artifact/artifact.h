/* Artifact directories: what `publish` reads (interface.md section 4, reference/artifacts.md). A directory in apiops layout becomes
 * a list of entities, each one line of JSON; what cannot be served is skipped with a warning that names it, what is wrong is an error
 * with its file. Blocking file work: commands only. */
#ifndef APP_ARTIFACT_ARTIFACT_H
#define APP_ARTIFACT_ARTIFACT_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

/* One entity as it is published: {"kind":…,"id":…,"properties":{…}} on one line. */
struct artifact_entity {
    struct slice kind, id, line;
};

enum artifact_severity { ARTIFACT_ERROR, ARTIFACT_WARNING, ARTIFACT_SKIP };

/* Something to tell the user. `what` is a file or entity, `why` a sentence. */
struct artifact_problem {
    enum artifact_severity severity;
    struct slice what, why;
    unsigned line, column; /* in the file, from 1; 0: not known */
    struct artifact_problem *next;
};

struct artifact_options {
    const char *dir;
    const char *const *overrides; /* YAML files, later wins */
    size_t n_overrides;
    const char *gateway;          /* keep only what this gateway serves; NULL: everything */
    bool allow_plain_secrets;
    struct slice salt;            /* secret text that the salt of subscription keys is derived from */
};

struct artifacts {
    struct arena *arena;
    struct artifact_entity *entities;
    size_t n, room;
    struct artifact_problem *problems, **problems_end;
    unsigned errors, skips;
    bool unreadable; /* an error is one of the file system, not of what is written there */
};

/* Read and convert. Problems, errors too, are in out->problems; false when there is an error or memory ran out. */
bool artifact_load(struct arena *a, const struct artifact_options *options, struct artifacts *out);

/* Report a problem from outside (policies that do not compile). */
void artifact_report(struct artifacts *out, enum artifact_severity severity, struct slice what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same at a place of the file `what`. */
void artifact_report_at(struct artifacts *out, enum artifact_severity severity, struct slice what, unsigned line, unsigned column,
                        const char *fmt, ...) PRINTF_LIKE(6, 7);
/* "file", "file:3" or "file:3:7", as far as the place is known. */
struct slice artifact_place(struct arena *a, const struct artifact_problem *problem);

#endif
