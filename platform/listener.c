/* Listening sockets: bound before the carriers run, accepted on carrier 0, each connection
 * handed to the carrier with the fewest. */
#include "platform/conn_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/log.h"
#include "platform/tls.h"

#define PORTS_MAX 32u
#define BACKLOG 4096
/* Accepted in one turn of carrier 0 before its other work has a turn. */
#define ACCEPTS_PER_TURN 64
/* No descriptor or memory for another connection: try again after this time. */
#define RETRY_MS 100u

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

struct listening {
    struct http_port port;
    int fd; /* until it is registered */
    unsigned bound_port;
    struct sock sock;
    struct carrier_timer retry;
    struct inbox_item again;
    bool registered, unlink_at_end;
};

static struct listening ports[PORTS_MAX];
static unsigned port_count;

unsigned http_server_port(unsigned index)
{
    return index < port_count ? ports[index].bound_port : 0;
}

/* ---- binding ---- */

static bool is_path(const char *address)
{
    return address[0] == '/' || address[0] == '.';
}

static bool make_address(const struct http_port *p, union address *a, socklen_t *n)
{
    memset(a, 0, sizeof *a);
    if (is_path(p->address)) {
        a->local.sun_family = AF_UNIX;
        if (strlen(p->address) >= sizeof a->local.sun_path)
            return false;
        strcpy(a->local.sun_path, p->address); /* NOLINT: it fits */
        *n = sizeof a->local;
        return true;
    }
    if (inet_pton(AF_INET, p->address, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)p->port);
        *n = sizeof a->v4;
        return true;
    }
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons((uint16_t)p->port);
    *n = sizeof a->v6;
    return inet_pton(AF_INET6, p->address, &a->v6.sin6_addr) == 1;
}

/* A socket file that nobody listens on any more is in the way: a crash left it. */
static void remove_stale(const union address *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (connect(fd, &a->any, sizeof a->local) != 0 && errno == ECONNREFUSED)
        unlink(a->local.sun_path);
    close(fd);
}

static bool set_options(int fd, int family)
{
    int one = 1;

    if (family == AF_UNIX)
        return fchmod(fd, 0600) == 0; /* what bind will make is for its owner alone */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
        return false;
    /* Accepted sockets inherit it. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        return false;
    return family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
}

static int open_socket(const union address *a, socklen_t n)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (a->any.sa_family == AF_UNIX)
        remove_stale(a);
    if (set_options(fd, a->any.sa_family) && bind(fd, &a->any, n) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static unsigned port_of(int fd)
{
    union address a;
    socklen_t n = sizeof a;

    if (getsockname(fd, &a.any, &n) != 0 || a.any.sa_family == AF_UNIX)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static bool is_absent_family(const union address *a)
{
    return a->any.sa_family == AF_INET6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

static bool register_port(struct listening *l, struct err *err);

bool http_server_listen(const struct http_port *port, struct err *err)
{
    union address a;
    socklen_t n;

    if (port_count == PORTS_MAX)
        return err_set(err, "%s: %s: more than %u listening ports", port->setting, port->address,
                       PORTS_MAX);
    if (!make_address(port, &a, &n))
        return err_set(err, "%s: \"%s\": not a numeric address or a path that fits", port->setting,
                       port->address);
    int fd = open_socket(&a, n);
    if (fd < 0) {
        if (port->optional && is_absent_family(&a))
            return true;
        if (is_path(port->address))
            return err_errno(err, "%s: cannot listen on %s", port->setting, port->address);
        return err_errno(err, "%s: cannot listen on %s port %u", port->setting, port->address,
                         port->port);
    }
    struct listening *l = &ports[port_count];
    *l = (struct listening){ .port = *port, .fd = fd, .sock = { .fd = -1 } };
    l->bound_port = port_of(fd);
    l->unlink_at_end = is_path(port->address);
    if (carrier_self() && atomic_load(&serving_here()->started) && !register_port(l, err)) {
        close(fd);
        return false;
    }
    port_count++;
    return true;
}

/* ---- accepting ---- */

struct handover {
    struct inbox_item item;
    int fd;
    const struct listening *port;
    struct tls_server *tls;
    size_t peer_n;
    char peer[INET6_ADDRSTRLEN];
};

static void arrive(struct inbox_item *item)
{
    struct handover h = *CONTAINER_OF(item, struct handover, item);

    free(CONTAINER_OF(item, struct handover, item));
    conn_adopt(h.fd, &h.port->port, h.port->bound_port, h.tls, h.peer, h.peer_n);
}

static unsigned parked_on(const struct serving *s, bool tls)
{
    unsigned n = atomic_load_explicit(&s->counts.parked[1], memory_order_relaxed);

    return tls ? n : n + atomic_load_explicit(&s->counts.parked[0], memory_order_relaxed);
}

/* The carrier with the fewest connections; over a limit the one with the most that could make
 * room. */
static unsigned choose_carrier(bool tls)
{
    const struct http_server_options *o = &serving_at(0)->options;
    bool tls_full = tls && conn_open_total(true) >= o->max_tls_connections;
    bool full = tls_full || conn_open_total(false) >= o->max_connections;
    unsigned best = 0, least = UINT32_MAX, most = 0;

    for (unsigned i = 0; i < carriers_count(); i++) {
        struct serving *s = serving_at(i);
        unsigned open = atomic_load_explicit(&s->counts.open, memory_order_relaxed);
        unsigned parked = full ? parked_on(s, tls_full) : 0;
        if (!atomic_load_explicit(&s->started, memory_order_relaxed))
            continue;
        if (parked > most || (parked == most && open < least)) {
            most = parked;
            least = open;
            best = i;
        }
    }
    return best;
}

static size_t peer_text(const union address *a, char *out)
{
    static const char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff };
    const char *made = NULL;

    if (a->any.sa_family == AF_INET)
        made = inet_ntop(AF_INET, &a->v4.sin_addr, out, INET6_ADDRSTRLEN);
    else if (a->any.sa_family == AF_INET6 && memcmp(&a->v6.sin6_addr, mapped, sizeof mapped) == 0)
        made = inet_ntop(AF_INET, (const char *)&a->v6.sin6_addr + 12, out, INET6_ADDRSTRLEN);
    else if (a->any.sa_family == AF_INET6)
        made = inet_ntop(AF_INET6, &a->v6.sin6_addr, out, INET6_ADDRSTRLEN);
    return made ? strlen(out) : 0;
}

static void hand_over(const struct listening *l, int fd, const union address *from)
{
    unsigned to = choose_carrier(l->port.tls != NULL);
    struct handover *h = malloc(sizeof *h);

    if (!h) {
        close(fd);
        return;
    }
    *h = (struct handover){ .item.run = arrive, .fd = fd, .port = l };
    h->peer_n = peer_text(from, h->peer);
    if (l->port.tls) {
        h->tls = *l->port.tls;
        tls_server_ref(h->tls);
    }
    atomic_fetch_add_explicit(&serving_at(to)->counts.open, 1, memory_order_relaxed);
    if (to == 0)
        arrive(&h->item);
    else
        carrier_post(carrier_at(to), &h->item);
}

static void accept_some(struct listening *l)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        union address from;
        unsigned n = sizeof from;
        from.any.sa_family = AF_UNSPEC;
        int fd = sock_accept(&l->sock, &from.any, &n);
        if (fd >= 0) {
            hand_over(l, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("AcceptFailed", "%s: %s: connections wait", l->port.setting, strerror(errno));
            carrier_timer_set(&l->retry, fiber_deadline_ms(RETRY_MS));
            return;
        }
        if (errno == EAGAIN || errno == ECANCELED)
            return;
        /* Else it was reset before it was accepted, or the network had a fault: the next one. */
    }
    carrier_post(carrier_self(), &l->again);
}

static void on_event(struct sock *s)
{
    accept_some(CONTAINER_OF(s, struct listening, sock));
}

static void on_retry(struct carrier_timer *t)
{
    accept_some(CONTAINER_OF(t, struct listening, retry));
}

static void on_again(struct inbox_item *item)
{
    accept_some(CONTAINER_OF(item, struct listening, again));
}

static bool register_port(struct listening *l, struct err *err)
{
    if (l->registered)
        return true;
    if (!sock_open(&l->sock, l->fd))
        return err_errno(err, "%s: cannot watch the listening socket", l->port.setting);
    l->fd = -1;
    l->registered = true;
    l->sock.on_event = on_event;
    l->retry.fire = on_retry;
    l->again.run = on_again;
    return true;
}

bool listener_start(struct err *err)
{
    for (unsigned i = 0; i < port_count; i++)
        if (!register_port(&ports[i], err))
            return false;
    return true;
}

void listener_stop(void)
{
    for (unsigned i = 0; i < port_count; i++) {
        struct listening *l = &ports[i];
        carrier_timer_clear(&l->retry);
        sock_close(&l->sock);
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
        if (l->unlink_at_end)
            unlink(l->port.address);
    }
    port_count = 0; /* the table stays: connections point to their ports */
}
