/* The command line: one table of commands, options that all of them take, one line of error on stderr (interface.md section 1). */
#ifndef APP_CLI_H
#define APP_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "app/settings.h"
#include "platform/base/arena.h"
#include "platform/base/err.h"

/* Exit codes. */
enum {
    CLI_DONE = 0,
    CLI_NO = 1,     /* the answer is "no": check found errors, verify failed, unknown id */
    CLI_USAGE = 2,  /* usage or settings */
    CLI_FAILED = 3, /* it could not be done: I/O, network, store */
};

#define CLI_ARENA_BYTES (1024u << 20)
#define CLI_SETS_MAX 128

struct cli {
    const char *command;
    char **args; /* what no option took */
    int n_args;
    bool json, quiet, verbose;
    const char *config;             /* --config, or NULL */
    const char *sets[CLI_SETS_MAX]; /* --set and --cache as assignments, in order */
    size_t n_sets;
    struct settings settings;
    struct arena arena;
    bool failed; /* an option was wrong; the message is out */
};

/* Take "--name" from the arguments. */
bool cli_flag(struct cli *c, const char *name);
/* Take "--name VALUE" or "--name=VALUE"; NULL when absent. */
const char *cli_value(struct cli *c, const char *name);
/* Take every "--name VALUE"; how many there were, at most max. */
size_t cli_values(struct cli *c, const char *name, const char **out, size_t max);
/* After all options are taken: between min and max arguments are left and none begins with '-'; else says so. */
bool cli_check_args(struct cli *c, int min, int max);

/* "holdfast: text" on stderr; the code. */
int cli_fail(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* "holdfast: warning: text" on stderr unless -q. */
void cli_warn(const char *text);
void cli_set_quiet(bool quiet);

/* Read all sources of settings as the command line named them; again later, too (SIGHUP). */
bool cli_read_settings(const struct cli *c, struct settings *out, void (*warn)(const char *text), struct err *err);
/* The directory of the cache as settings name it (cache.path and its defaults); false: none can be used. */
bool cli_cache_path(struct cli *c, bool create, const char **path, struct err *err);

/* `keygen --use token`: a secret for gateway tokens in path (0600). */
int token_keygen(struct cli *c, const char *path);

#define COMMAND(fn, name, state, summary, usage, examples) int cmd_##fn(struct cli *c);
#include "app/commands.def"
#undef COMMAND

#endif
