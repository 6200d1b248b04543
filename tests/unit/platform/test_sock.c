/* Sockets on fibers: level-kept flags, ends, events, waiting on several things, fairness, connect and
 * accept. */
#include "tests/unit/platform/fiber_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "platform/stream.h"

static void write_text(int fd, const char *text)
{
    CHECK_INT(write(fd, text, strlen(text)), (long)strlen(text));
}

/* ---- ends ---- */

static ssize_t reads[4];
static unsigned reads_n;

static void read_to_end(void *arg)
{
    struct sock *s = arg;
    char buf[100];

    for (reads_n = 0; reads_n < COUNT_OF(reads); reads_n++) {
        reads[reads_n] = sock_read(s, buf, sizeof buf, fiber_deadline_ms(1000));
        if (reads[reads_n] <= 0)
            break;
    }
}

static void data_and_fin_while_waiting(void *arg)
{
    int fds[2];
    struct sock s;

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    fiber_spawn("reader", read_to_end, &s);
    rig_turns(3);
    write_text(fds[1], "abc");
    close(fds[1]); /* before the next poll: one edge */
    uint64_t begin = fiber_now();
    fiber_sleep_until(fiber_deadline_ms(30));
    CHECK_INT(reads_n, 1);
    CHECK_INT(reads[0], 3);
    CHECK_INT(reads[1], 0);
    CHECK(fiber_now() - begin < 900 * NS_PER_MS);
    CHECK(s.flags & SOCK_RDHUP);
    char c;
    CHECK_INT(sock_read(&s, &c, 1, fiber_deadline_ms(100)), 0); /* the end stays */
    sock_close(&s);
    sock_close(&s);
}

static void test_data_and_fin_in_one_edge(void **state)
{
    (void)state;
    rig_run(data_and_fin_while_waiting, NULL);
}

static void data_and_fin_before_open(void *arg)
{
    int fds[2];
    struct sock s;

    (void)arg;
    rig_pair(fds);
    write_text(fds[1], "abc");
    close(fds[1]);
    CHECK(sock_open(&s, fds[0]));
    read_to_end(&s);
    CHECK_INT(reads_n, 1);
    CHECK_INT(reads[0], 3);
    CHECK_INT(reads[1], 0);
    sock_close(&s);
}

static void test_data_and_fin_before_registration(void **state)
{
    (void)state;
    rig_run(data_and_fin_before_open, NULL);
}

static void fin_after_short_read(void *arg)
{
    int fds[2];
    struct sock s;
    char buf[100];

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    write_text(fds[1], "abc");
    CHECK_INT(sock_read(&s, buf, sizeof buf, fiber_deadline_ms(1000)), 3);
    write_text(fds[1], "de");
    shutdown(fds[1], SHUT_WR);
    CHECK_INT(sock_read(&s, buf, 1, fiber_deadline_ms(1000)), 1);
    CHECK_INT(sock_read(&s, buf, sizeof buf, fiber_deadline_ms(1000)), 1);
    CHECK_INT(sock_read(&s, buf, sizeof buf, fiber_deadline_ms(1000)), 0);
    write_text(fds[0], "answer"); /* half-closed: the other way still works */
    CHECK_INT(read(fds[1], buf, sizeof buf), 6);
    sock_close(&s);
    close(fds[1]);
}

static void test_fin_after_a_short_read(void **state)
{
    (void)state;
    rig_run(fin_after_short_read, NULL);
}

/* ---- flags ---- */

static void flags_are_kept(void *arg)
{
    int fds[2];
    struct sock s;
    char buf[8];

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    CHECK_INT(s.flags, SOCK_WRITABLE);
    write_text(fds[1], "12345678ab");
    rig_turns(1);
    CHECK(s.flags & SOCK_READABLE);
    CHECK_INT(sock_recv(&s, buf, 8), 8);
    CHECK(s.flags & SOCK_READABLE); /* a full buffer says nothing */
    CHECK_INT(sock_recv(&s, buf, 8), 2);
    CHECK(!(s.flags & SOCK_READABLE)); /* a short read means drained */
    write_text(fds[1], "x");           /* not yet polled: answered without a system call */
    errno = 0;
    CHECK_INT(sock_recv(&s, buf, 8), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(sock_read(&s, buf, 8, fiber_deadline_ms(1000)), 1);
    errno = 0;
    CHECK_INT(sock_read(&s, buf, 8, fiber_deadline_ms(5)), -1);
    CHECK_INT(errno, ETIMEDOUT);
    errno = 0;
    CHECK_INT(sock_read(&s, buf, 8, 0), -1); /* a deadline long past */
    CHECK_INT(errno, ETIMEDOUT);
    sock_close(&s);
    errno = 0;
    CHECK_INT(sock_recv(&s, buf, 8), -1);
    CHECK_INT(errno, ECANCELED);
    CHECK_INT(sock_read(&s, buf, 8, fiber_deadline_ms(5)), -1);
    close(fds[1]);
}

static void test_flags_are_level_kept(void **state)
{
    (void)state;
    rig_run(flags_are_kept, NULL);
}

/* ---- writing ---- */

#define BULK (4u * 1024 * 1024)

static void read_slowly(void *arg)
{
    struct sock *s = arg;
    static unsigned char buf[65536];
    size_t total = 0;
    ssize_t got;
    bool right = true;

    while ((got = sock_read(s, buf, sizeof buf, fiber_deadline_ms(5000))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            right &= buf[i] == (unsigned char)((total + (size_t)i) * 7 / 3);
        total += (size_t)got;
        if (total % 5 == 0)
            fiber_sleep_until(fiber_deadline_ms(1));
    }
    CHECK_INT(got, 0);
    CHECK_INT(total, BULK);
    CHECK(right);
    sock_close(s);
}

static void write_bulk(void *arg)
{
    int fds[2];
    struct sock in, out;
    unsigned char *bytes = malloc(BULK);
    struct iovec iov[40];

    (void)arg;
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (unsigned char)(i * 7 / 3);
    for (size_t i = 0, at = 0; i < 40; i++) { /* parts of all sizes, some empty */
        size_t n = i == 39 ? BULK - at : i % 3 == 0 ? 0 : i * 1000;
        iov[i] = (struct iovec){ bytes + at, n };
        at += n;
    }
    rig_pair(fds);
    CHECK(sock_open(&in, fds[0]));
    CHECK(sock_open(&out, fds[1]));
    fiber_spawn("slow reader", read_slowly, &in);
    CHECK(sock_write_all(&out, iov, 40, 5000));
    sock_close(&out);
    fiber_sleep_until(fiber_deadline_ms(200));
    CHECK_INT(in.fd, -1);
    free(bytes);
}

static void test_write_all_against_a_slow_reader(void **state)
{
    (void)state;
    rig_run(write_bulk, NULL);
}

static void write_to_nobody(void *arg)
{
    int fds[2];
    struct sock s;
    char *bytes = calloc(1, BULK);
    struct iovec iov = { bytes, BULK };

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    errno = 0;
    CHECK(!sock_write_all(&s, &iov, 1, 20));
    CHECK_INT(errno, ETIMEDOUT);
    CHECK(iov.iov_len > 0 && iov.iov_len < BULK);
    close(fds[1]);
    iov = (struct iovec){ bytes, 10 };
    errno = 0;
    CHECK(!sock_write_all(&s, &iov, 1, 1000)); /* no SIGPIPE either */
    CHECK_INT(errno, EPIPE);
    sock_close(&s);
    free(bytes);
}

static void test_write_all_times_out_and_fails(void **state)
{
    (void)state;
    rig_run(write_to_nobody, NULL);
}

/* ---- cancel and close under a waiter ---- */

static int seen_errno;

static void read_and_report(void *arg)
{
    char c;

    seen_errno = 0;
    CHECK_INT(sock_read(arg, &c, 1, fiber_deadline_ms(5000)), -1);
    seen_errno = errno;
}

static void cancel_and_close(void *arg)
{
    int fds[2];
    struct sock s;

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    struct fiber *reader = fiber_spawn("reader", read_and_report, &s);
    rig_turns(2);
    fiber_cancel(reader);
    rig_turns(2);
    CHECK_INT(seen_errno, ECANCELED);
    CHECK(s.reader == NULL);

    fiber_spawn("reader", read_and_report, &s);
    rig_turns(2);
    CHECK(s.reader != NULL);
    sock_close(&s);
    CHECK(s.reader == NULL);
    memset(&s, 0x55, sizeof s); /* the owner frees it before the waiter runs */
    rig_turns(2);
    CHECK_INT(seen_errno, ECANCELED);
    close(fds[1]);
}

static void test_cancel_and_close_under_a_waiter(void **state)
{
    (void)state;
    rig_run(cancel_and_close, NULL);
}

static void cancel_with_data_at_hand(void *arg)
{
    int fds[2];
    struct sock s;
    char c;

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    write_text(fds[1], "abc");
    rig_turns(2);
    fiber_cancel(fiber_self());
    errno = 0;
    CHECK_INT(sock_read(&s, &c, 1, fiber_deadline_ms(100)), -1);
    CHECK_INT(errno, ECANCELED);
    CHECK_INT(sock_read(&s, &c, 1, fiber_deadline_ms(100)), 1);
    fiber_cancel(fiber_self());
    struct iovec iov = { "x", 1 };
    CHECK(!sock_write_all(&s, &iov, 1, 100));
    CHECK(sock_write_all(&s, &iov, 1, 100));
    sock_close(&s);
    close(fds[1]);
}

static void test_cancel_reaches_a_fiber_that_never_waits(void **state)
{
    (void)state;
    rig_run(cancel_with_data_at_hand, NULL);
}

/* ---- several things ---- */

static struct fiber_cond cond = FIBER_COND_INIT;

static void signal_cond(void *arg)
{
    (void)arg;
    fiber_sleep_until(fiber_deadline_ms(5));
    fiber_cond_signal(&cond);
}

static void wait_on_several(void *arg)
{
    int a[2], b[2];
    struct sock s, t;
    char c;

    (void)arg;
    rig_pair(a);
    rig_pair(b);
    CHECK(sock_open(&s, a[0]));
    CHECK(sock_open(&t, b[0]));
    struct fiber_wait waits[3] = {
        { .kind = FIBER_WAIT_READ, .sock = &s },
        { .kind = FIBER_WAIT_READ, .sock = &t },
        { .kind = FIBER_WAIT_COND, .cond = &cond },
    };
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(5)), 0);
    CHECK(!waits[0].ready && !waits[1].ready && !waits[2].ready);

    write_text(b[1], "x");
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(1000)), 1);
    CHECK(!waits[0].ready && waits[1].ready && !waits[2].ready);
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(1000)), 1); /* level-kept: still */
    CHECK_INT(sock_recv(&t, &c, 1), 1);
    CHECK_INT(sock_recv(&t, &c, 1), -1);

    fiber_spawn("signaller", signal_cond, NULL);
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(1000)), 1);
    CHECK(!waits[0].ready && !waits[1].ready && waits[2].ready);

    write_text(a[1], "x");
    write_text(b[1], "x");
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(1000)), 2); /* both, of one poll */
    CHECK(waits[0].ready && waits[1].ready && !waits[2].ready);
    CHECK(s.reader == NULL && t.reader == NULL && cond.first == NULL && cond.last == NULL);

    struct fiber_wait both[2] = {
        { .kind = FIBER_WAIT_READ, .sock = &s },
        { .kind = FIBER_WAIT_WRITE, .sock = &s },
    };
    CHECK_INT(fiber_wait(both, 2, fiber_deadline_ms(1000)), 2);
    sock_close(&t);
    errno = 0;
    CHECK_INT(fiber_wait(waits, 3, fiber_deadline_ms(1000)), -1);
    CHECK_INT(errno, ECANCELED);
    sock_close(&s);
    close(a[1]);
    close(b[1]);
}

static void test_wait_on_several_things(void **state)
{
    (void)state;
    rig_run(wait_on_several, NULL);
}

/* ---- on_event ---- */

static unsigned events_seen;

static void count_event(struct sock *s)
{
    (void)s;
    CHECK(fiber_self() == NULL);
    events_seen++;
}

static void events_main(void *arg)
{
    int fds[2];
    struct sock s;
    char buf[16];

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    s.on_event = count_event;
    rig_turns(2);
    CHECK_INT(events_seen, 0); /* writable is no gain */
    write_text(fds[1], "a");
    rig_turns(2);
    CHECK_INT(events_seen, 1);
    write_text(fds[1], "b");
    rig_turns(2);
    CHECK_INT(events_seen, 1); /* readable still: no gain */
    CHECK_INT(sock_recv(&s, buf, sizeof buf), 2);
    write_text(fds[1], "c");
    rig_turns(2);
    CHECK_INT(events_seen, 2);
    shutdown(fds[1], SHUT_WR); /* a FIN behind data nobody has read */
    rig_turns(2);
    CHECK_INT(events_seen, 3);
    CHECK(s.flags & SOCK_RDHUP);
    close(fds[1]);
    rig_turns(2);
    CHECK_INT(events_seen, 4);
    CHECK(s.flags & SOCK_ERR);
    sock_close(&s);
}

static void test_on_event_says_what_was_gained(void **state)
{
    (void)state;
    events_seen = 0;
    rig_run(events_main, NULL);
}

static void waiter_hears_first(void *arg)
{
    int fds[2];
    struct sock s;
    char c;

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    s.on_event = count_event;
    struct fiber *reader = fiber_spawn("reader", read_to_end, &s);
    rig_turns(2);
    write_text(fds[1], "a");
    rig_turns(3);
    CHECK_INT(events_seen, 0); /* the fiber got it */
    CHECK_INT(reads[0], 1);
    fiber_cancel(reader);
    rig_turns(2);
    struct fiber_wait wait = { .kind = FIBER_WAIT_WRITE, .sock = &s };
    s.flags &= ~SOCK_WRITABLE;
    shutdown(fds[1], SHUT_WR);
    CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(20)), 1); /* the edge tells of all that is so */
    CHECK_INT(events_seen, 1); /* a writer does not hear of the end */
    CHECK_INT(sock_read(&s, &c, 1, fiber_deadline_ms(100)), 0);
    sock_close(&s);
    close(fds[1]);
}

static void test_a_waiting_fiber_hears_before_on_event(void **state)
{
    (void)state;
    events_seen = 0;
    rig_run(waiter_hears_first, NULL);
}

/* Two sockets have events in one batch; the first to hear closes the other and opens a third in its place. */
static struct sock batch_socks[3];
static int batch_spare;
static unsigned batch_events[3];

static void close_the_other(struct sock *s)
{
    size_t me = (size_t)(s - batch_socks), other = 1 - me;

    batch_events[me]++;
    sock_close(&batch_socks[other]);
    CHECK(sock_open(&batch_socks[2], batch_spare));
}

static void count_third(struct sock *s)
{
    batch_events[s - batch_socks]++;
}

static void generations_main(void *arg)
{
    int a[2], b[2], spare[2];

    (void)arg;
    rig_pair(a);
    rig_pair(b);
    rig_pair(spare);
    batch_spare = spare[0];
    CHECK(sock_open(&batch_socks[0], a[0]));
    CHECK(sock_open(&batch_socks[1], b[0]));
    rig_turns(2);
    batch_socks[0].on_event = batch_socks[1].on_event = close_the_other;
    write_text(a[1], "x");
    write_text(b[1], "x");
    rig_turns(1);
    batch_socks[2].on_event = count_third;
    CHECK_INT(batch_events[0] + batch_events[1], 1);
    CHECK(!(batch_socks[2].flags & SOCK_READABLE)); /* the old event did not reach it */
    rig_turns(3);
    CHECK_INT(batch_events[2], 0);
    CHECK(batch_socks[2].slot != batch_socks[0].slot && batch_socks[2].slot != batch_socks[1].slot);
    uint32_t freed = batch_socks[batch_events[0] ? 1 : 0].slot;
    int again[2];
    struct sock s;
    rig_pair(again);
    CHECK(sock_open(&s, again[0]));
    CHECK_INT(s.slot, freed); /* after the batch it is free */
    sock_close(&s);
    for (int i = 0; i < 3; i++)
        sock_close(&batch_socks[i]);
    close(a[1]);
    close(b[1]);
    close(spare[1]);
    close(again[1]);
}

static void test_old_events_are_dropped(void **state)
{
    (void)state;
    rig_run(generations_main, NULL);
}

/* A registration outlives close when somebody holds a duplicate: only the generation tells such an event. */
static void duplicate_main(void *arg)
{
    int a[2], b[2];
    struct sock old, new;

    (void)arg;
    rig_pair(a);
    rig_pair(b);
    CHECK(sock_open(&old, a[0]));
    int duplicate = dup(a[0]);
    uint32_t slot = old.slot;
    sock_close(&old);
    rig_turns(2);
    CHECK(sock_open(&new, b[0]));
    CHECK_INT(new.slot, slot);
    write_text(a[1], "x");
    rig_turns(2);
    CHECK_INT(new.flags, SOCK_WRITABLE);
    sock_close(&new);
    close(duplicate);
    close(a[1]);
    close(b[1]);
}

static void test_events_of_an_old_generation_are_dropped(void **state)
{
    (void)state;
    rig_run(duplicate_main, NULL);
}

/* ---- fairness ---- */

static unsigned other_ran;
static bool fast_done;

static void count_runs(void *arg)
{
    (void)arg;
    while (!fast_done) {
        other_ran++;
        fiber_yield();
    }
}

static void many_small_reads(void *arg)
{
    int fds[2];
    struct sock s;
    char c;
    static char bytes[3200];

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    CHECK_INT(write(fds[1], bytes, sizeof bytes), sizeof bytes);
    rig_turns(2);
    fiber_spawn("other", count_runs, NULL);
    for (size_t i = 0; i < sizeof bytes; i++)
        CHECK_INT(sock_read(&s, &c, 1, fiber_deadline_ms(1000)), 1);
    fast_done = true;
    CHECK(other_ran >= 3200 / 32 - 1 && other_ran <= 3200 / 32 + 1);
    sock_close(&s);
    close(fds[1]);
    rig_turns(1);
}

static void test_gives_way_after_32_calls(void **state)
{
    (void)state;
    other_ran = 0;
    fast_done = false;
    rig_run(many_small_reads, NULL);
}

/* A relay made of the never-waiting calls and fiber_wait gives way too. */
static void relay_gives_way(void *arg)
{
    int fds[2];
    struct sock s;
    char c;
    static char bytes[3200];

    (void)arg;
    rig_pair(fds);
    CHECK(sock_open(&s, fds[0]));
    CHECK_INT(write(fds[1], bytes, sizeof bytes), sizeof bytes);
    rig_turns(2);
    fiber_spawn("other", count_runs, NULL);
    struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &s };
    for (size_t i = 0; i < sizeof bytes; i++) {
        CHECK_INT(fiber_wait(&wait, 1, fiber_deadline_ms(1000)), 1);
        CHECK_INT(sock_recv(&s, &c, 1), 1);
    }
    fast_done = true;
    CHECK(other_ran >= 3200 / 32 - 1);
    sock_close(&s);
    close(fds[1]);
    rig_turns(1);
}

static void test_fiber_wait_gives_way_too(void **state)
{
    (void)state;
    other_ran = 0;
    fast_done = false;
    rig_run(relay_gives_way, NULL);
}

static void big_reads(void *arg)
{
    int fds[2], room = 1 << 20;
    struct sock s;
    static char bytes[128 * 1024];
    size_t total = 0;

    (void)arg;
    rig_pair(fds);
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    CHECK(sock_open(&s, fds[0]));
    fiber_spawn("other", count_runs, NULL);
    while (total < 64 * sizeof bytes) {
        ssize_t wrote = write(fds[1], bytes, sizeof bytes);
        CHECK(wrote > 0);
        for (ssize_t left = wrote; left > 0;) {
            ssize_t got = sock_read(&s, bytes, (size_t)left, fiber_deadline_ms(1000));
            CHECK(got > 0);
            left -= got;
            if (got <= 0)
                return;
        }
        total += (size_t)wrote;
    }
    fast_done = true;
    CHECK(other_ran >= total / (256 * 1024));
    sock_close(&s);
    close(fds[1]);
    rig_turns(1);
}

static void test_gives_way_after_256_kilobytes(void **state)
{
    (void)state;
    other_ran = 0;
    fast_done = false;
    rig_run(big_reads, NULL);
}

/* ---- connect and accept ---- */

static int listen_on_loopback(struct sockaddr_in *addr)
{
    socklen_t size = sizeof *addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *addr = (struct sockaddr_in){ .sin_family = AF_INET };
    addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
    CHECK_INT(listen(fd, 128), 0);
    CHECK_INT(getsockname(fd, (struct sockaddr *)addr, &size), 0);
    return fd;
}

static int tcp_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void echo(void *arg)
{
    struct stream s;
    char buf[512];
    ssize_t got;

    CHECK(stream_open_plain(&s, (int)(intptr_t)arg));
    while ((got = stream_read(&s, buf, sizeof buf, fiber_deadline_ms(5000))) > 0) {
        struct iovec iov = { buf, (size_t)got };
        CHECK(stream_write_all(&s, &iov, 1, 5000));
    }
    CHECK_INT(got, 0);
    stream_close(&s);
    stream_close(&s);
}

static void accept_all(struct sock *listener)
{
    int fd;

    while ((fd = sock_accept(listener, NULL, NULL)) >= 0)
        CHECK(fiber_spawn("echo", echo, (void *)(intptr_t)fd) != NULL);
    CHECK_INT(errno, EAGAIN);
}

#define CLIENTS 50
#define ROUNDS 200
static unsigned clients_done;

static void client(void *arg)
{
    struct stream s;
    char out[64], in[64];

    CHECK(stream_open_plain(&s, tcp_socket()));
    CHECK(sock_connect(&s.sock, arg, sizeof(struct sockaddr_in), fiber_deadline_ms(5000)));
    CHECK(!stream_pending(&s));
    for (int i = 0; i < ROUNDS; i++) {
        int n = snprintf(out, sizeof out, "round %d", i);
        struct iovec iov[2] = { { out, 3 }, { out + 3, (size_t)n - 3 } };
        CHECK(stream_write_all(&s, iov, 2, 1000));
        ssize_t got = 0;
        while (got < n) {
            ssize_t more = stream_read(&s, in + got, sizeof in - (size_t)got, fiber_deadline_ms(5000));
            CHECK(more > 0);
            if (more <= 0)
                break;
            got += more;
        }
        CHECK(got == n && memcmp(in, out, (size_t)n) == 0);
    }
    s.ops->shutdown(&s);
    CHECK_INT(stream_read(&s, in, sizeof in, fiber_deadline_ms(5000)), 0);
    stream_close(&s);
    clients_done++;
}

static void echo_main(void *arg)
{
    struct sockaddr_in addr;
    struct sock listener;

    (void)arg;
    clients_done = 0;
    CHECK(sock_open(&listener, listen_on_loopback(&addr)));
    listener.on_event = accept_all;
    for (int i = 0; i < CLIENTS; i++)
        fiber_spawn("client", client, &addr);
    uint64_t end = fiber_deadline_ms(30000);
    while (clients_done < CLIENTS && fiber_now() < end)
        fiber_sleep_until(fiber_deadline_ms(5));
    CHECK_INT(clients_done, CLIENTS);
    fiber_sleep_until(fiber_deadline_ms(20));
    CHECK_INT(fiber_count(), 1);
    sock_close(&listener);
}

static void test_echo_over_tcp(void **state)
{
    (void)state;
    rig_run(echo_main, NULL);
}

static void connect_fails(void *arg)
{
    struct sockaddr_in addr;
    struct sock s;

    (void)arg;
    close(listen_on_loopback(&addr)); /* nobody listens there now */
    CHECK(sock_open(&s, tcp_socket()));
    rig_turns(2); /* an unconnected socket reports hang-up: it must not be taken for an answer */
    errno = 0;
    CHECK(!sock_connect(&s, (struct sockaddr *)&addr, sizeof addr, fiber_deadline_ms(1000)));
    CHECK_INT(errno, ECONNREFUSED);
    sock_close(&s);

    struct sock tried[8];
    int fd = listen_on_loopback(&addr);
    CHECK_INT(listen(fd, 0), 0); /* a queue of one: the next ones' SYN is dropped */
    unsigned late = 0;
    for (size_t i = 0; i < COUNT_OF(tried); i++) {
        CHECK(sock_open(&tried[i], tcp_socket()));
        rig_turns(2);
        if (!sock_connect(&tried[i], (struct sockaddr *)&addr, sizeof addr, fiber_deadline_ms(20))) {
            CHECK_INT(errno, ETIMEDOUT);
            late++;
        }
    }
    CHECK(late > 0 && late < COUNT_OF(tried));
    for (size_t i = 0; i < COUNT_OF(tried); i++)
        sock_close(&tried[i]);
    close(fd);
}

static void test_connect_refused_and_timed_out(void **state)
{
    (void)state;
    rig_run(connect_fails, NULL);
}

static void many_socks(void *arg)
{
    enum { N = 400 };
    static struct sock socks[N];
    static int others[N];

    (void)arg;
    for (int i = 0; i < N; i++) { /* more than the table has at first */
        int fds[2];
        rig_pair(fds);
        CHECK(sock_open(&socks[i], fds[0]));
        others[i] = fds[1];
    }
    for (int i = 0; i < N; i++)
        write_text(others[i], "x");
    rig_turns(4);
    char c;
    for (int i = 0; i < N; i++) {
        CHECK_INT(sock_recv(&socks[i], &c, 1), 1);
        sock_close(&socks[i]);
        close(others[i]);
    }
}

static void test_the_slot_table_grows(void **state)
{
    (void)state;
    rig_run(many_socks, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_and_fin_in_one_edge),
        cmocka_unit_test(test_data_and_fin_before_registration),
        cmocka_unit_test(test_fin_after_a_short_read),
        cmocka_unit_test(test_flags_are_level_kept),
        cmocka_unit_test(test_write_all_against_a_slow_reader),
        cmocka_unit_test(test_write_all_times_out_and_fails),
        cmocka_unit_test(test_cancel_and_close_under_a_waiter),
        cmocka_unit_test(test_cancel_reaches_a_fiber_that_never_waits),
        cmocka_unit_test(test_wait_on_several_things),
        cmocka_unit_test(test_on_event_says_what_was_gained),
        cmocka_unit_test(test_a_waiting_fiber_hears_before_on_event),
        cmocka_unit_test(test_old_events_are_dropped),
        cmocka_unit_test(test_events_of_an_old_generation_are_dropped),
        cmocka_unit_test(test_gives_way_after_32_calls),
        cmocka_unit_test(test_fiber_wait_gives_way_too),
        cmocka_unit_test(test_gives_way_after_256_kilobytes),
        cmocka_unit_test(test_echo_over_tcp),
        cmocka_unit_test(test_connect_refused_and_timed_out),
        cmocka_unit_test(test_the_slot_table_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
