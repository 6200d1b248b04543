/* Sockets of a carrier: the slot table, events, and the calls that read, write, connect, accept.
 *
 * Invariants (continued from fiber.c)
 *  3. One edge-triggered registration for life. SOCK_READABLE is cleared by EAGAIN, and by a read shorter
 *     than the buffer unless RDHUP, HUP or ERR was seen: data and FIN that arrive together are one edge, and
 *     the end has still to be read. SOCK_WRITABLE is cleared by EAGAIN alone (a short write is followed by
 *     one more call).
 *  5. An event's 64 bits are generation << 32 | slot. sock_close advances the generation, so that events of
 *     the same batch for the old owner are dropped; its slot is free for others only after the batch. */
#include "platform/fiber_int.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS_AT_FIRST 256u
#define GONE (SOCK_RDHUP | SOCK_ERR)

/* ---- slots ---- */

static void free_slots(struct carrier *c, uint32_t from, uint32_t to)
{
    for (uint32_t i = to; i-- > from;) {
        c->slots[i] = (struct slot){ .next = c->slot_free };
        c->slot_free = i;
    }
}

bool slots_open(struct carrier *c)
{
    c->slots = malloc(SLOTS_AT_FIRST * sizeof *c->slots);
    if (!c->slots)
        return false;
    c->slot_count = SLOTS_AT_FIRST;
    c->slot_free = c->slot_closed = SLOT_NONE;
    free_slots(c, 0, SLOTS_AT_FIRST);
    return true;
}

void slots_close(struct carrier *c)
{
    free(c->slots);
    c->slots = NULL;
    c->slot_count = 0;
}

static bool grow_slots(struct carrier *c)
{
    uint32_t count = c->slot_count * 2;
    struct slot *more = realloc(c->slots, count * sizeof *more);

    if (!more) {
        errno = ENOMEM;
        return false;
    }
    c->slots = more;
    free_slots(c, c->slot_count, count);
    c->slot_count = count;
    return true;
}

void slots_after_batch(struct carrier *c)
{
    while (c->slot_closed != SLOT_NONE) {
        uint32_t i = c->slot_closed;
        c->slot_closed = c->slots[i].next;
        c->slots[i].next = c->slot_free;
        c->slot_free = i;
    }
}

/* ---- events ---- */

static uint32_t flags_of(uint32_t events)
{
    uint32_t flags = 0;

    if (events & EPOLLIN)
        flags |= SOCK_READABLE;
    if (events & EPOLLOUT)
        flags |= SOCK_WRITABLE;
    if (events & EPOLLRDHUP)
        flags |= SOCK_RDHUP | SOCK_READABLE;
    if (events & (EPOLLERR | EPOLLHUP))
        flags |= SOCK_ERR | SOCK_READABLE | SOCK_WRITABLE;
    return flags;
}

void slots_event(struct carrier *c, uint64_t id, uint32_t events)
{
    uint32_t i = (uint32_t)id;

    if (i >= c->slot_count || c->slots[i].generation != (uint32_t)(id >> 32) || !c->slots[i].sock)
        return;
    struct sock *s = c->slots[i].sock;
    uint32_t flags = flags_of(events);
    uint32_t unheard = flags & ~s->flags;

    s->flags |= flags;
    if (s->reader && (flags & SOCK_READABLE)) {
        fiber_waiters_ready(s->reader);
        unheard &= ~(SOCK_READABLE | GONE);
    }
    if (s->writer && (flags & SOCK_WRITABLE)) {
        fiber_waiters_ready(s->writer);
        unheard &= ~(SOCK_WRITABLE | SOCK_ERR);
    }
    if (unheard && s->on_event)
        s->on_event(s); /* may have closed and freed s */
}

/* ---- open and close ---- */

bool sock_open(struct sock *s, int fd)
{
    struct carrier *c = carrier_mine;

    if (c->slot_free == SLOT_NONE && !grow_slots(c))
        return false;
    uint32_t i = c->slot_free;
    struct slot *slot = &c->slots[i];
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.u64 = (uint64_t)slot->generation << 32 | i,
    };
    if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return false;
    c->slot_free = slot->next;
    slot->sock = s;
    *s = (struct sock){ .fd = fd, .slot = i, .flags = SOCK_WRITABLE };
    return true;
}

void sock_close(struct sock *s)
{
    struct carrier *c = carrier_mine;
    int saved = errno;

    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    if (c && s->slot < c->slot_count && c->slots[s->slot].sock == s) { /* else its carriers have ended */
        struct slot *slot = &c->slots[s->slot];
        slot->sock = NULL;
        slot->generation++;
        slot->next = c->slot_closed;
        c->slot_closed = s->slot;
        fiber_waiters_closed(&s->reader);
        fiber_waiters_closed(&s->writer);
    }
    errno = saved;
}

/* ---- calls that never wait ---- */

static bool is_closed(const struct sock *s)
{
    if (s->fd >= 0)
        return false;
    errno = ECANCELED;
    return true;
}

ssize_t sock_recv(struct sock *s, void *buf, size_t n)
{
    ssize_t got;

    if (is_closed(s))
        return -1;
    if (!(s->flags & SOCK_READABLE)) {
        errno = EAGAIN;
        return -1;
    }
    do
        got = recv(s->fd, buf, n, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno == EAGAIN)
            s->flags &= ~SOCK_READABLE;
        return -1;
    }
    if (got == 0 && n > 0)
        s->flags |= SOCK_RDHUP;
    else if ((size_t)got < n && !(s->flags & GONE))
        s->flags &= ~SOCK_READABLE;
    fiber_charge((size_t)got);
    return got;
}

static ssize_t send_iov(int fd, const struct iovec *iov, int n)
{
    if (n == 1)
        return send(fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    struct msghdr message = { 0 };
    message.msg_iov = (struct iovec *)iov;
    message.msg_iovlen = n < IOV_MAX ? (unsigned)n : IOV_MAX;
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t sock_send(struct sock *s, const struct iovec *iov, int n)
{
    ssize_t sent;

    if (is_closed(s))
        return -1;
    if (!(s->flags & SOCK_WRITABLE)) {
        errno = EAGAIN;
        return -1;
    }
    do
        sent = send_iov(s->fd, iov, n);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN)
            s->flags &= ~SOCK_WRITABLE;
        return -1;
    }
    fiber_charge((size_t)sent);
    return sent;
}

int sock_accept(struct sock *s, struct sockaddr *addr, unsigned *addr_len)
{
    int fd;

    if (is_closed(s))
        return -1;
    if (!(s->flags & SOCK_READABLE)) {
        errno = EAGAIN;
        return -1;
    }
    do
        fd = accept4(s->fd, addr, addr_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd >= 0)
        fiber_charge(0);
    else if (errno == EAGAIN)
        s->flags &= ~SOCK_READABLE;
    return fd;
}

/* ---- calls that wait ---- */

static bool wait_for(struct sock *s, enum fiber_wait_kind kind, uint64_t deadline)
{
    struct fiber_wait wait = { .kind = kind, .sock = s };
    int ready = fiber_wait(&wait, 1, deadline);

    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

ssize_t sock_read(struct sock *s, void *buf, size_t n, uint64_t deadline)
{
    for (;;) {
        fiber_yield_if_due();
        if (!fiber_check_cancel())
            return -1;
        ssize_t got = sock_recv(s, buf, n);
        if (got >= 0 || errno != EAGAIN)
            return got;
        if (!wait_for(s, FIBER_WAIT_READ, deadline))
            return -1;
    }
}

/* Skip n bytes of the vector, and empty parts. */
static void advance(struct iovec **iov, int *count, size_t n)
{
    while (*count > 0 && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        ++*iov;
        --*count;
    }
    if (*count > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

bool sock_write_all(struct sock *s, struct iovec *iov, int n, uint64_t idle_ms)
{
    advance(&iov, &n, 0);
    while (n > 0) {
        fiber_yield_if_due();
        if (!fiber_check_cancel())
            return false;
        ssize_t sent = sock_send(s, iov, n);
        if (sent >= 0)
            advance(&iov, &n, (size_t)sent);
        else if (errno != EAGAIN || !wait_for(s, FIBER_WAIT_WRITE, fiber_deadline_ms(idle_ms)))
            return false;
    }
    return true;
}

/* A socket that is not connected yet reports hang-up: flags seen before now mean nothing. */
bool sock_connect(struct sock *s, const struct sockaddr *addr, unsigned addr_len, uint64_t deadline)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (is_closed(s))
        return false;
    s->flags = 0;
    if (connect(s->fd, addr, addr_len) == 0) {
        s->flags |= SOCK_WRITABLE;
        return true;
    }
    if (errno != EINPROGRESS || !wait_for(s, FIBER_WAIT_WRITE, deadline))
        return false;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return false;
    if (error) {
        errno = error;
        return false;
    }
    return true;
}
