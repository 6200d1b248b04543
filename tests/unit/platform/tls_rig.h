/* What the tests of TLS share: certificates opened, two ends of a connection on one carrier, checks
 * of texts. */
#ifndef TESTS_UNIT_PLATFORM_TLS_RIG_H
#define TESTS_UNIT_PLATFORM_TLS_RIG_H

#include "tests/unit/platform/fiber_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/helper.h"
#include "platform/tls.h"
#include "platform/tls_int.h"
#include "tests/unit/platform/tls_fixtures.h"

#define RIG_WAIT_MS 20000u

/* `says` occurs in the message; "": there is none. */
static inline void check_says(const struct err *err, const char *says)
{
    if (!strstr(err->text, says) || (!*says && *err->text)) {
        fprintf(stderr, "\"%s\" does not say \"%s\"\n", err->text, says);
        atomic_fetch_add(&rig_failures, 1);
    }
}

static inline struct tls_server *rig_server(const char *certificate, const char *key)
{
    struct tls_server *t = NULL;
    struct err err = { "" };

    if (!tls_server_open(&t, slice_from(certificate), slice_from(key), &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return t;
}

static inline struct tls_trust *rig_trust(const char *pem)
{
    struct tls_trust *t = NULL;
    struct err err = { "" };

    if (!tls_trust_new(&t, &err) || (pem && tls_trust_text(t, slice_from(pem)) < 1))
        abort();
    return t;
}

/* ---- the two ends of one connection ---- */

struct ends {
    struct stream client, server;
    struct tls_server *tls;
    void (*serve)(struct ends *e); /* on a fiber of its own, after the handshake */
    void *arg;
    struct err server_err;
    bool accepted, ended;
    struct fiber_cond end;
};

static inline void ends_serve(void *arg)
{
    struct ends *e = arg;

    e->accepted = tls_accept(&e->server, e->tls, fiber_deadline_ms(RIG_WAIT_MS), &e->server_err);
    if (e->accepted && e->serve)
        e->serve(e);
    e->ended = true;
    fiber_cond_broadcast(&e->end);
}

/* Two plain streams over a socket pair, and the server's fiber started on one. */
static inline void ends_open(struct ends *e, struct tls_server *tls, void (*serve)(struct ends *e))
{
    int fds[2];

    *e = (struct ends){ .tls = tls, .serve = serve };
    rig_pair(fds);
    CHECK(stream_open_plain(&e->client, fds[0]));
    CHECK(stream_open_plain(&e->server, fds[1]));
    CHECK(fiber_spawn("tls server", ends_serve, e) != NULL);
}

static inline void ends_close(struct ends *e)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &e->end };

    stream_close(&e->client);
    while (!e->ended && fiber_wait(&wait, 1, fiber_deadline_ms(RIG_WAIT_MS)) > 0)
        ;
    CHECK(e->ended);
    stream_close(&e->server);
}

static inline bool ends_connect(struct ends *e, struct tls_trust *trust, const char *name,
                                struct err *err)
{
    const struct tls_client_options options = { .trust = trust, .name = name };

    return tls_connect(&e->client, &options, fiber_deadline_ms(RIG_WAIT_MS), err);
}

/* ---- data whose every byte is known ---- */

static inline unsigned char rig_byte(size_t i)
{
    return (unsigned char)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static inline void rig_fill(unsigned char *p, size_t n, size_t from)
{
    for (size_t i = 0; i < n; i++)
        p[i] = rig_byte(from + i);
}

/* Read exactly n bytes in steps of `step` and compare them with the data from `from`. */
static inline void rig_expect(struct stream *s, size_t n, size_t from, size_t step)
{
    static _Thread_local unsigned char buf[70000];

    for (size_t at = 0; at < n;) {
        ssize_t got =
            stream_read(s, buf, step < n - at ? step : n - at, fiber_deadline_ms(RIG_WAIT_MS));
        if (got <= 0) {
            CHECK_INT(got, n - at);
            return;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (buf[i] != rig_byte(from + at + (size_t)i)) {
                CHECK_INT(at + (size_t)i, -1);
                return;
            }
        }
        at += (size_t)got;
    }
}

static inline bool rig_write(struct stream *s, const void *p, size_t n)
{
    struct iovec iov = { (void *)p, n };

    return stream_write_all(s, &iov, 1, RIG_WAIT_MS);
}

/* Send back what comes until the end, then end too. */
static inline void serve_echo(struct ends *e)
{
    unsigned char buf[5000];
    ssize_t got;

    while ((got = stream_read(&e->server, buf, sizeof buf, fiber_deadline_ms(RIG_WAIT_MS))) > 0)
        if (!rig_write(&e->server, buf, (size_t)got))
            break;
    e->server.ops->shutdown(&e->server);
}

static inline int rig_set_up(void **state)
{
    struct err err;

    (void)state;
    return tls_global_init(&err) && helpers_start(4) ? 0 : -1;
}

static inline int rig_tear_down(void **state)
{
    (void)state;
    helpers_stop();
    tls_cache_clear();
    return 0;
}

#endif
