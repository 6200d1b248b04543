/* Commands that change a cache: they own it, or hand their work to the gateway that does, over CACHE/control.sock (architecture.md
 * decision 6). One line of JSON each way: {"verb":…,"argument":…} and {"exit":N,"out":"…","err":"…"}. */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include <stdbool.h>

#include "app/cli.h"
#include "platform/base/buf.h"
#include "store/store.h"
#include "sync/agent.h"

struct control_command {
    const char *verb;     /* "status", or one of control_work.h */
    const char *argument; /* as struct control_work has it; NULL: none */
    bool is_path;         /* the argument is a path: made absolute */
    bool dry_run;         /* on a copy of the cache in memory, beside whoever holds it */
};

/* Client side: run the command here under the owner lock, or in the gateway that holds the cache; print its output; its exit code. */
int control_run(struct cli *c, const char *cache, const struct control_command *command);
/* Ask a running gateway; false when none answers within 10 s. *answer: exit code, out, err of it. */
struct control_answer {
    int exit_code;
    struct slice out, err;
};
bool control_ask(struct arena *a, const char *cache, const struct control_command *command, struct control_answer *answer);

/* Server side: a thread of its own that answers on CACHE/control.sock. */
struct control_server;
struct control_context {
    const char *cache;
    struct sync_agent *agent; /* may be NULL: no endpoint is set; then nobody else uses the store */
    const struct sync_options *options;
    struct store *store;
    void (*status)(void *arg, struct buf *json); /* the document of /api/status */
    void *arg;
};
bool control_start(const struct control_context *context, struct control_server **out, struct err *err);
void control_stop(struct control_server *server);

#endif
