/* Ciphertext on its way: between the socket and the library on the carrier, and the memory that
 * stands for the socket while a handshake step runs on a helper. Invariants: tls.c. */
#include "platform/tls_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ_AHEAD_BYTES (16u * 1024)

/* Per carrier, and empty whenever another connection may use it: no fiber switch happens between
 * filling and draining. */
static _Thread_local struct {
    unsigned char data[READ_AHEAD_BYTES];
    size_t at, n;
} read_ahead;
static _Thread_local unsigned char gathered[TLS_CONTENT_MAX];

static int serve(unsigned char *to, size_t n, const unsigned char *from, size_t *at, size_t end)
{
    if (n > end - *at)
        n = end - *at;
    memcpy(to, from + *at, n);
    *at += n;
    return (int)n;
}

/* ---- records ---- */

void tls_io_begin(struct tls_io *io)
{
    io->room = 0;
    io->dry = false;
    read_ahead.at = read_ahead.n = 0;
}

static int take_ahead(struct tls_io *io, unsigned char *buf, size_t n)
{
    int got = serve(buf, n, io->ahead, &io->ahead_at, io->ahead_n);

    if (io->ahead_at == io->ahead_n) {
        free(io->ahead);
        io->ahead = NULL;
        io->ahead_at = io->ahead_n = 0;
    }
    return got;
}

static int failed(struct tls_io *io)
{
    io->error = errno;
    return TLS_IO_FAILED;
}

int tls_io_recv(struct tls_io *io, unsigned char *buf, size_t n, size_t held)
{
    if (io->ahead)
        return take_ahead(io, buf, n);
    if (read_ahead.at < read_ahead.n)
        return serve(buf, n, read_ahead.data, &read_ahead.at, read_ahead.n);
    size_t more = io->room > held ? io->room - held : 0;
    if (more > READ_AHEAD_BYTES)
        more = READ_AHEAD_BYTES;
    ssize_t got =
        more > n ? sock_recv(io->sock, read_ahead.data, more) : sock_recv(io->sock, buf, n);
    io->dry = got < 0 && errno == EAGAIN;
    if (got < 0)
        return io->dry ? TLS_IO_WAIT : failed(io);
    if (got == 0 || more <= n)
        return (int)got;
    read_ahead.at = 0;
    read_ahead.n = (size_t)got;
    return serve(buf, n, read_ahead.data, &read_ahead.at, read_ahead.n);
}

int tls_io_send(struct tls_io *io, const unsigned char *buf, size_t n)
{
    if (io->rest_n)
        return (int)n;
    io->rest = buf;
    io->rest_n = n;
    return tls_io_flush(io) || errno == EAGAIN ? (int)n : failed(io);
}

bool tls_io_flush(struct tls_io *io)
{
    while (io->rest_n) {
        const struct iovec iov = { (void *)io->rest, io->rest_n };
        ssize_t sent = sock_send(io->sock, &iov, 1);
        if (sent < 0)
            return false;
        io->rest += sent;
        io->rest_n -= (size_t)sent;
    }
    return true;
}

bool tls_io_wait_writable(struct tls_io *io, uint64_t deadline)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_WRITE, .sock = io->sock };
    int ready = fiber_wait(&wait, 1, deadline);

    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

/* The library keeps counters at the front of each buffer; behind that an empty buffer holds
 * nothing. */
void tls_io_give_back(const unsigned char *buffer, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)buffer + 64 + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)buffer + n) & ~(page - 1);

    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* ---- what to send ---- */

void tls_cursor_skip(struct tls_cursor *c, size_t bytes)
{
    c->at += bytes;
    while (c->n > 0 && c->at >= c->iov->iov_len) {
        c->at -= c->iov->iov_len;
        c->iov++;
        c->n--;
    }
}

struct slice tls_cursor_content(const struct tls_cursor *from, size_t max)
{
    struct tls_cursor c = *from;
    size_t n = 0;

    tls_cursor_skip(&c, 0);
    if (c.n == 0)
        return SLICE_NONE;
    struct slice run = slice_of((char *)c.iov->iov_base + c.at, c.iov->iov_len - c.at);
    if (c.n == 1 || run.n >= max)
        return slice_first(run, max);
    if (max > TLS_CONTENT_MAX)
        max = TLS_CONTENT_MAX;
    while (c.n > 0 && n < max) {
        size_t part = c.iov->iov_len - c.at < max - n ? c.iov->iov_len - c.at : max - n;
        memcpy(gathered + n, (char *)c.iov->iov_base + c.at, part);
        n += part;
        tls_cursor_skip(&c, part);
    }
    return slice_of(gathered, n);
}

/* ---- a handshake's memory ---- */

int tls_memory_recv(struct tls_memory *m, unsigned char *buf, size_t n)
{
    if (m->in_at == m->in_n)
        return m->in_ended ? 0 : TLS_IO_WAIT;
    return serve(buf, n, m->in, &m->in_at, m->in_n);
}

int tls_memory_send(struct tls_memory *m, const unsigned char *buf, size_t n)
{
    if (n > sizeof m->out - m->out_n)
        n = sizeof m->out - m->out_n;
    if (n == 0)
        return TLS_IO_WAIT;
    memcpy(m->out + m->out_n, buf, n);
    m->out_n += n;
    return (int)n;
}

bool tls_memory_flush(struct tls_memory *m, struct tls_io *io, uint64_t deadline)
{
    for (size_t at = 0; at < m->out_n;) {
        struct iovec iov = { m->out + at, m->out_n - at };
        ssize_t sent = sock_send(io->sock, &iov, 1);
        if (sent > 0)
            at += (size_t)sent;
        else if (errno != EAGAIN || !tls_io_wait_writable(io, deadline))
            return false;
    }
    m->out_n = 0;
    return true;
}

bool tls_memory_feed(struct tls_memory *m, struct tls_io *io, uint64_t deadline)
{
    ssize_t got = sock_read(io->sock, m->in, sizeof m->in, deadline);

    if (got < 0)
        return false;
    if (!m->any_in && got > 0)
        m->peer_is_plain = m->in[0] < 20 || m->in[0] > 24; /* ContentType of RFC 8446 5.1 */
    m->any_in |= got > 0;
    m->in_at = 0;
    m->in_n = (size_t)got;
    m->in_ended = got == 0;
    return true;
}

int tls_memory_plain_alert(const struct tls_memory *m)
{
    static const unsigned char alert[] = { 21, 3, 3, 0, 2 }; /* RFC 8446 5.1, 6 */

    if (m->in_n < sizeof alert + 2 ||
        memcmp(m->in + m->in_n - sizeof alert - 2, alert, sizeof alert) != 0)
        return -1;
    return m->in[m->in_n - 1];
}

bool tls_memory_hand_over(struct tls_memory *m, struct tls_io *io)
{
    size_t left = m->in_n - m->in_at;

    if (left == 0)
        return true;
    io->ahead = malloc(left);
    if (!io->ahead) {
        errno = ENOMEM;
        return false;
    }
    memcpy(io->ahead, m->in + m->in_at, left);
    io->ahead_n = left;
    return true;
}
