/* What a command does to a cache, the same whether the command owns it or the running gateway does: only the hooks differ. */
#ifndef APP_CONTROL_WORK_H
#define APP_CONTROL_WORK_H

#include "platform/base/buf.h"
#include "platform/base/err.h"
#include "store/store.h"
#include "sync/agent.h"

/* One piece of work, done by the thread that uses the store. */
struct control_work {
    const char *verb;              /* "sync", "trust", "rollback", "release", "import" */
    const char *argument;          /* trust: FILE.pub or NULL (forget); rollback: generation; import: directory */
    const struct sync_options *options;
    struct buf *out;               /* for stdout */
    struct err err;                /* one line for stderr when the exit code is not 0 and there is something to say */
    int exit_code;
};

/* Do it; false: no such verb. */
bool control_work(struct control_work *w, struct store *store);

#endif
