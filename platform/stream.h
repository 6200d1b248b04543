/* A byte stream over a socket, plain or TLS: the seam between sockets and HTTP. One small table of
 * operations. */
#ifndef PLATFORM_STREAM_H
#define PLATFORM_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "platform/base/err.h"
#include "platform/fiber.h"

struct stream;
struct stream_ops {
    /* As sock_recv: never waits. EAGAIN when nothing is there. */
    ssize_t (*recv)(struct stream *s, void *buf, size_t n);
    /* As sock_send: never waits. Bytes taken (> 0, maybe not all), or -1 with EAGAIN: wait for writable, then
     * call again with the same bytes first (TLS has a record under way). For exchanges that read and write at
     * once. */
    ssize_t (*send)(struct stream *s, const struct iovec *iov, int n);
    /* Waits: all bytes or false with errno. idle_ms is the time allowed without progress. */
    bool (*write_all)(struct stream *s, struct iovec *iov, int n, uint64_t idle_ms);
    /* Bytes decoded but not yet read (TLS); recv would answer at once. */
    bool (*pending)(const struct stream *s);
    /* Send the end mark (close_notify, FIN) without waiting; the read side stays open. */
    void (*shutdown)(struct stream *s);
    /* Free what belongs to the operations (not the socket). */
    void (*free)(struct stream *s);
};

struct stream {
    struct sock sock;
    const struct stream_ops *ops;
    void *tls; /* tls.c's own state, NULL when plain */
};

extern const struct stream_ops stream_plain;

/* A plain stream over fd, registered on this carrier. False: errno, fd stays the caller's. */
bool stream_open_plain(struct stream *s, int fd);
/* Close at once: frees the TLS state, deregisters and closes the socket. A closed stream may be closed
 * again. */
void stream_close(struct stream *s);

static inline ssize_t stream_recv(struct stream *s, void *buf, size_t n)
{
    return s->ops->recv(s, buf, n);
}

/* Waits until the deadline: bytes, 0 at the end, -1 with ETIMEDOUT, ECANCELED or the socket's error. */
ssize_t stream_read(struct stream *s, void *buf, size_t n, uint64_t deadline);

static inline ssize_t stream_send(struct stream *s, const struct iovec *iov, int n)
{
    return s->ops->send(s, iov, n);
}

static inline bool stream_write_all(struct stream *s, struct iovec *iov, int n, uint64_t idle_ms)
{
    return s->ops->write_all(s, iov, n, idle_ms);
}

static inline bool stream_pending(const struct stream *s)
{
    return s->ops->pending(s);
}

#endif
