/* Commands that change a cache: they own it, or hand their work to the gateway that does, over CACHE/control.sock (architecture.md
 * decision 6). One line of JSON each way: {"verb":…,"file":…} and {"exit":N,"out":"…","err":"…"}. */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include <stdbool.h>

#include "app/cli.h"
#include "platform/base/buf.h"
#include "store/store.h"
#include "sync/agent.h"

struct control_command {
    const char *verb; /* "sync", "trust", "status" */
    const char *file; /* trust pin: FILE.pub as an absolute path; NULL: forget */
};

/* Client side: run the command here under the owner lock, or in the gateway that holds the cache; print its output; its exit code. */
int control_run(struct cli *c, const char *cache, const struct control_command *command);
/* Ask a running gateway; false when none answers within 10 s. *answer: exit code, out, err of it. */
struct control_answer {
    int exit_code;
    struct slice out, err;
};
bool control_ask(struct arena *a, const char *cache, const struct control_command *command, struct control_answer *answer);

/* trust pin (file) or forget (NULL) on an owned store. */
int control_trust_change(struct store *store, const char *file, struct buf *out, struct err *err);

/* Server side: a thread of its own that answers on CACHE/control.sock. */
struct control_server;
struct control_context {
    const char *cache;
    struct sync_agent *agent; /* may be NULL: no endpoint is set */
    struct store *store;
    void (*status)(void *arg, struct buf *json); /* the document of /api/status */
    void *arg;
};
bool control_start(const struct control_context *context, struct control_server **out, struct err *err);
void control_stop(struct control_server *server);

#endif
