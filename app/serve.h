/* The running gateway: what `serve` puts together, and what its own ports answer. */
#ifndef APP_SERVE_H
#define APP_SERVE_H

#include "app/cli.h"
#include "app/control.h"
#include "app/sync_setup.h"
#include "platform/base/buf.h"
#include "platform/conn.h"
#include "platform/tls.h"
#include "store/store.h"
#include "sync/agent.h"

struct serve {
    struct cli *cli;
    const char *cache;
    struct store *store;
    struct sync_setup sync;
    bool has_endpoint;
    struct sync_agent *agent;
    struct control_server *control;
    struct tls_trust *trust;
    struct tls_server *tls; /* what new connections get; replaced on SIGHUP */
    struct slice admin_token;
    uint64_t started_wall_ns;
    unsigned carriers;
    unsigned max_connections; /* limits.connections, or what fits */
    char certificate_version[512]; /* of the files that were last looked at; helper threads, one at a time */
};

/* serve_config.c: generations to programs, certificates */
bool serve_boot(struct serve *s, struct err *err);            /* false: nothing to serve yet */
void serve_set_hooks(struct serve *s);
bool serve_has_pair(const struct serve *s);                   /* certificate and key are both set, or neither */
bool serve_load_certificate(struct serve *s, struct err *err);
void serve_status_json(struct serve *s, struct buf *b);

/* serve_reload.c: fibers of carrier 0 */
void serve_reload(void *serve); /* settings and certificates anew (SIGHUP) */
void serve_watch(void *serve);  /* follows certificates for ever */
/* Helper thread: load the certificate if its files changed, or because it was asked for. */
void serve_follow_certificate(struct serve *s, bool asked);

/* cmd_serve.c: what requests read of the settings */
void serve_apply_settings(const struct settings *s);

/* serve_ports.c: listening, metrics, admin */
bool serve_listen(struct serve *s, int *exit_code, struct err *err);
bool serve_start_server(struct serve *s, struct err *err);

#endif
