/* A client connection for the tests of forwarding: platform/conn.h over one end of a socket pair, as simple
 * as can be. The test plays the client on the other end. Included by one test program, whose definitions go
 * before those of the listener. */
#ifndef TESTS_UNIT_APP_FAKE_CONN_H
#define TESTS_UNIT_APP_FAKE_CONN_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/conn.h"
#include "platform/stream.h"

struct conn {
    struct stream stream;
    int client; /* the other end */
    struct http_head head;
    struct http_field fields[40];
    uint64_t left;
    struct http_chunked chunked;
    bool body_done, gone, aborted, begun, ended;
    struct conn_answer answer;
    uint64_t written;
    unsigned writes, flushes;
};

static void fake_open(struct conn *c, const char *method, enum http_framing framing, uint64_t length)
{
    int fds[2];

    memset(c, 0, sizeof *c);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    c->client = fds[1];
    int flags = fcntl(fds[0], F_GETFL);
    fcntl(fds[0], F_SETFL, flags | O_NONBLOCK);
    CHECK(stream_open_plain(&c->stream, fds[0]));
    c->head.method = slice_from(method);
    c->head.path = c->head.target = SLICE("/");
    c->head.framing = framing;
    c->head.length = c->left = length;
    c->head.fields = (struct http_fields){ .v = c->fields, .cap = COUNT_OF(c->fields) };
    c->body_done = framing == HTTP_BODY_NONE || (framing == HTTP_BODY_LENGTH && !length);
}

static void fake_close(struct conn *c)
{
    stream_close(&c->stream);
    if (c->client >= 0)
        close(c->client);
}

const struct http_head *conn_head(const struct conn *c)
{
    return &c->head;
}

struct sock *conn_sock(struct conn *c)
{
    return &c->stream.sock;
}

bool conn_client_gone(const struct conn *c)
{
    return c->gone;
}

bool conn_body_done(const struct conn *c)
{
    return c->body_done;
}

static ssize_t fake_decode(struct conn *c, char *buf, size_t n)
{
    size_t at = 0, out = 0;

    while (at < n && !c->body_done) {
        size_t used = n - at;
        struct slice payload;
        int end = http_chunked_next(&c->chunked, buf + at, &used, &payload);
        if (end < 0) {
            errno = EBADMSG;
            return -1;
        }
        memmove(buf + out, payload.p, payload.n);
        out += payload.n;
        at += used;
        c->body_done = end == 1;
    }
    if (out || c->body_done)
        return (ssize_t)out;
    errno = EAGAIN;
    return -1;
}

ssize_t conn_body_recv(struct conn *c, void *buf, size_t n)
{
    ssize_t got;

    if (c->body_done)
        return 0;
    if (c->head.framing == HTTP_BODY_LENGTH && n > c->left)
        n = c->left;
    do
        got = stream_recv(&c->stream, buf, n);
    while (got > 0 && c->head.framing == HTTP_BODY_CHUNKED && (got = fake_decode(c, buf, (size_t)got)) < 0 &&
           errno == EAGAIN);
    if (got == 0 && !c->body_done) {
        errno = ECONNRESET;
        return -1;
    }
    if (got > 0 && c->head.framing == HTTP_BODY_LENGTH) {
        c->left -= (uint64_t)got;
        c->body_done = !c->left;
    }
    return got;
}

ssize_t conn_body_read(struct conn *c, void *buf, size_t n)
{
    for (;;) {
        ssize_t got = conn_body_recv(c, buf, n);
        if (got >= 0 || errno != EAGAIN)
            return got;
        struct fiber_wait wait = { .kind = FIBER_WAIT_READ, .sock = &c->stream.sock };
        if (fiber_wait(&wait, 1, fiber_deadline_ms(2000)) <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

bool conn_answer_begin(struct conn *c, const struct conn_answer *a)
{
    c->answer = *a;
    c->begun = true;
    return true;
}

bool conn_answer_write(struct conn *c, const void *p, size_t n)
{
    struct iovec iov = { .iov_base = (void *)p, .iov_len = n };

    c->writes++;
    c->written += n;
    return stream_write_all(&c->stream, &iov, 1, 5000);
}

bool conn_answer_flush(struct conn *c)
{
    c->flushes++;
    return true;
}

bool conn_answer_end(struct conn *c)
{
    c->ended = true;
    return c->answer.framing != HTTP_BODY_LENGTH || c->written == c->answer.length;
}

void conn_abort(struct conn *c)
{
    c->aborted = true;
}

struct stream *conn_take_stream(struct conn *c, struct slice *buffered)
{
    *buffered = SLICE_NONE;
    return &c->stream;
}

#endif
