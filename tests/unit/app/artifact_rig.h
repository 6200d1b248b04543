/* An artifact directory in a temporary folder, what loading it gives, and questions about that. */
#ifndef TESTS_ARTIFACT_RIG_H
#define TESTS_ARTIFACT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "app/artifact/artifact.h"
#include "platform/base/buf.h"
#include "platform/file.h"

struct world {
    struct arena arena;
    char dir[64];
    struct artifacts out;
    bool ok;
};

static inline void set_up(struct world *w)
{
    arena_init_growing(&w->arena, 64 << 20);
    strcpy(w->dir, "/tmp/holdfast-artifacts-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
}

static inline void put(struct world *w, const char *path, const char *text)
{
    char *whole = file_join(&w->arena, w->dir, slice_from(path));
    struct slice dir = slice_first(slice_from(whole), (size_t)slice_rfind_byte(slice_from(whole), '/'));
    struct err err;

    if (!file_make_dirs(arena_cstr(&w->arena, dir), 0755, &err) || !file_write_atomic(whole, slice_from(text), 0644, &err))
        fail_msg("%s", err.text);
}

static inline void load(struct world *w, const char *overrides, const char *gateway, bool plain)
{
    const char *files[] = { overrides };
    struct artifact_options o = { .dir = w->dir, .overrides = files, .n_overrides = overrides ? 1 : 0, .gateway = gateway,
                                  .allow_plain_secrets = plain, .salt = SLICE("test") };

    w->ok = artifact_load(&w->arena, &o, &w->out);
}

static inline void tear_down(struct world *w)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", w->dir);
    assert_int_equal(system(command), 0);
    arena_free(&w->arena);
}

static inline struct slice line_of(const struct world *w, const char *kind, const char *id)
{
    for (size_t i = 0; i < w->out.n; i++)
        if (slice_eq(w->out.entities[i].kind, slice_from(kind)) && slice_eq(w->out.entities[i].id, slice_from(id)))
            return w->out.entities[i].line;
    return SLICE_NONE;
}

static inline void has(const struct world *w, const char *kind, const char *id, const char *text)
{
    struct slice line = line_of(w, kind, id);

    if (!line.p)
        fail_msg("no %s %s", kind, id);
    if (slice_find(line, slice_from(text)) < 0)
        fail_msg("%s %s lacks %s: %.*s", kind, id, text, SLICE_ARG(line));
}

/* why may begin in the place: ":2:5: unexpected". */
static inline void says(struct world *w, enum artifact_severity severity, const char *what, const char *why)
{
    for (const struct artifact_problem *p = w->out.problems; p; p = p->next) {
        struct slice text = arena_printf(&w->arena, "%.*s: %.*s", SLICE_ARG(artifact_place(&w->arena, p)), SLICE_ARG(p->why));
        if (p->severity == severity && slice_find(p->what, slice_from(what)) >= 0 && slice_find(text, slice_from(why)) >= 0)
            return;
    }
    for (const struct artifact_problem *p = w->out.problems; p; p = p->next)
        print_message("%d %.*s: %.*s\n", p->severity, SLICE_ARG(artifact_place(&w->arena, p)), SLICE_ARG(p->why));
    fail_msg("nothing says %s: %s", what, why);
}

static const char an_api[] = "{\"properties\":{\"path\":\"a\",\"protocols\":[\"http\"],\"description\":\"long\"}}";

#endif
