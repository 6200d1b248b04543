/* Streams: the plain operations, and what plain and TLS streams share. TLS operations are in tls.c. */
#include "platform/stream.h"

#include <errno.h>
#include <sys/socket.h>

static ssize_t plain_recv(struct stream *s, void *buf, size_t n)
{
    return sock_recv(&s->sock, buf, n);
}

static ssize_t plain_send(struct stream *s, const struct iovec *iov, int n)
{
    return sock_send(&s->sock, iov, n);
}

static bool plain_write_all(struct stream *s, struct iovec *iov, int n, uint64_t idle_ms)
{
    return sock_write_all(&s->sock, iov, n, idle_ms);
}

static bool plain_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static void plain_shutdown(struct stream *s)
{
    if (s->sock.fd >= 0)
        shutdown(s->sock.fd, SHUT_WR);
}

static void plain_free(struct stream *s)
{
    (void)s;
}

const struct stream_ops stream_plain = {
    .recv = plain_recv,
    .send = plain_send,
    .write_all = plain_write_all,
    .pending = plain_pending,
    .shutdown = plain_shutdown,
    .free = plain_free,
};

bool stream_open_plain(struct stream *s, int fd)
{
    if (!sock_open(&s->sock, fd))
        return false;
    s->ops = &stream_plain;
    s->tls = NULL;
    return true;
}

void stream_close(struct stream *s)
{
    if (s->sock.fd < 0)
        return;
    s->ops->free(s);
    s->ops = &stream_plain;
    s->tls = NULL;
    sock_close(&s->sock);
}

ssize_t stream_read(struct stream *s, void *buf, size_t n, uint64_t deadline)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &s->sock };

    for (;;) {
        fiber_yield_if_due();
        if (!fiber_check_cancel())
            return -1;
        ssize_t got = stream_recv(s, buf, n);
        if (got >= 0 || errno != EAGAIN)
            return got;
        int ready = fiber_wait(&wait, 1, deadline);
        if (ready > 0)
            continue;
        if (ready == 0)
            errno = ETIMEDOUT;
        return -1;
    }
}
