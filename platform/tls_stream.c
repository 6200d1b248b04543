/* The operations of a TLS stream: whole calls made of single records, which tls.c reads and writes.
 * The invariants are those of tls.c. */
#include "platform/tls_int.h"

#include <errno.h>
#include <sys/socket.h>

/* One call of send encrypts no more than this, so that a large answer gives way like any other
 * (rule 4 of fiber.c). */
#define SEND_MAX_BYTES (64u * 1024)
/* Records without data (tickets, warnings) that one call of recv passes over. */
#define EMPTY_RECORDS_MAX 32

static ssize_t at_end(const struct tls_link *link)
{
    if (link->ended == TLS_ENDED_CLEAN)
        return 0;
    errno = link->ended == TLS_ENDED_CUT ? ECONNRESET : link->io.error;
    return -1;
}

static ssize_t tls_recv(struct stream *s, void *buf, size_t n)
{
    struct tls_link *link = s->tls;
    size_t got = 0;
    int empty = 0;

    tls_io_begin(&link->io);
    while (got < n && link->ended == TLS_OPEN && (empty < EMPTY_RECORDS_MAX || link->io.ahead)) {
        link->io.room = n - got;
        int bytes = tls_link_read(link, (char *)buf + got, n - got);
        got += (size_t)bytes;
        empty += bytes == 0;
        if (bytes == 0 && link->io.dry)
            break;
    }
    link->io.room = 0; /* a send must not read ahead */
    if (got > 0 || n == 0)
        return (ssize_t)got;
    if (link->ended != TLS_OPEN)
        return at_end(link);
    errno = EAGAIN;
    return -1;
}

/* The rest of the record before: true when it is out, and the record's content counts as sent. */
static bool finish_record(struct tls_link *link, struct tls_cursor *c, size_t *sent)
{
    if (!tls_io_flush(&link->io)) {
        if (errno != EAGAIN) {
            link->io.error = errno;
            link->ended = TLS_BROKEN;
        }
        return false;
    }
    tls_cursor_skip(c, link->under_way);
    *sent += link->under_way;
    link->under_way = 0;
    return true;
}

/* Bytes taken of c, which moves on; -1 and errno. */
static ssize_t send_from(struct tls_link *link, struct tls_cursor *c)
{
    size_t sent = 0;

    if (link->ended == TLS_BROKEN)
        return at_end(link);
    if (tls_cursor_content(c, link->under_way).n < link->under_way) {
        errno = EINVAL; /* not the bytes that were offered before */
        return -1;
    }
    while (finish_record(link, c, &sent)) {
        struct slice content = tls_cursor_content(c, tls_link_content_max(link));
        if (content.n == 0 || sent >= SEND_MAX_BYTES)
            return (ssize_t)sent;
        link->under_way = (size_t)tls_link_write(link, content);
        if (link->ended == TLS_BROKEN)
            return sent > 0 ? (ssize_t)sent : at_end(link);
    }
    return sent > 0 ? (ssize_t)sent : -1;
}

static ssize_t tls_send(struct stream *s, const struct iovec *iov, int n)
{
    struct tls_cursor c = { iov, n, 0 };

    return send_from(s->tls, &c);
}

static bool tls_write_all(struct stream *s, struct iovec *iov, int n, uint64_t idle_ms)
{
    struct tls_link *link = s->tls;
    struct tls_cursor c = { iov, n, 0 };

    for (;;) {
        tls_cursor_skip(&c, 0);
        if (c.n == 0)
            return true;
        fiber_yield_if_due();
        if (!fiber_check_cancel())
            return false;
        if (send_from(link, &c) < 0 &&
            (errno != EAGAIN || !tls_io_wait_writable(&link->io, fiber_deadline_ms(idle_ms))))
            return false;
    }
}

static bool tls_pending(const struct stream *s)
{
    const struct tls_link *link = s->tls;

    return link->io.ahead || tls_link_pending(link);
}

static void tls_shutdown(struct stream *s)
{
    struct tls_link *link = s->tls;

    if (s->sock.fd < 0)
        return;
    if (link->ended != TLS_BROKEN && tls_io_flush(&link->io))
        tls_link_close_notify(link);
    shutdown(s->sock.fd, SHUT_WR);
}

static void tls_free(struct stream *s)
{
    tls_link_free(s->tls);
    s->tls = NULL;
}

const struct stream_ops tls_stream_ops = {
    .recv = tls_recv,
    .send = tls_send,
    .write_all = tls_write_all,
    .pending = tls_pending,
    .shutdown = tls_shutdown,
    .free = tls_free,
};
