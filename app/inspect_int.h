/* inspect: what its files share. Output is collected in `out`: one JSON document, or lines of cells with tabs between, which become a
 * table on a terminal. */
#ifndef APP_INSPECT_INT_H
#define APP_INSPECT_INT_H

#include "app/cli.h"
#include "platform/base/buf.h"
#include "platform/json.h"
#include "store/store.h"

struct entity {
    struct slice kind, id;
    const struct json *json, *properties;
};

struct inspection {
    struct cli *cli;
    struct arena *arena;
    struct store *store;
    struct store_generation generation;
    struct entity *entities;
    bool reveal;
    const char *product; /* --product */
    const char *head;    /* names of columns, tabs between; NULL: `out` is no table with a head */
    bool is_text;        /* `out` is a document, not cells */
    struct buf out;
};

/* cmd_inspect.c */
bool inspect_parse_entities(struct inspection *x, struct err *err);
const struct entity *inspect_find(const struct inspection *x, const char *kind, struct slice id);
/* "no such KIND", with the nearest ones; exit code 1. */
int inspect_unknown(struct inspection *x, const char *kind, const char *id);
unsigned inspect_count(const struct inspection *x, const char *kind);

/* inspect_entities.c: lists and single ones, with as many arguments as the subject takes. */
int inspect_entities(struct inspection *x, const char *subject, char **args);
/* Is the subject a list of entities, like "apis"? */
bool inspect_is_list(const char *subject);

/* inspect_policy.c */
int inspect_policy(struct inspection *x, const char *scope);
int inspect_effective(struct inspection *x, const char *api, const char *operation);

/* inspect_cache.c */
int inspect_status(struct inspection *x, bool loaded, const struct err *why);
int inspect_generations(struct inspection *x);
int inspect_diff(struct inspection *x);
int inspect_usage(struct inspection *x);

#endif
