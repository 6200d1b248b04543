/* After 101 Switching Protocols: bytes both ways, one block per direction, until one side closes
 * (policies.md, forward-request; gateway.md 6: either side closing closes both). */
#include "app/forward_int.h"

#include <errno.h>

struct leg {
    struct stream *from, *to;
    struct block *block;
    bool wants_read, wants_write;
    bool ended;
};

enum moved { MOVED_NOTHING, MOVED_SOME, MOVED_END };

static bool leg_has_bytes(const struct leg *l)
{
    return l->block->begin < l->block->end;
}

static enum moved send_leg(struct leg *l)
{
    struct block *b = l->block;
    const struct iovec iov = { .iov_base = b->data + b->begin, .iov_len = b->end - b->begin };
    ssize_t sent = stream_send(l->to, &iov, 1);

    if (sent < 0) {
        l->wants_write = errno == EAGAIN;
        return l->wants_write ? MOVED_NOTHING : MOVED_END;
    }
    b->begin += (uint32_t)sent;
    return MOVED_SOME;
}

static enum moved move_leg(struct leg *l)
{
    l->wants_read = l->wants_write = false;
    if (leg_has_bytes(l))
        return send_leg(l);
    if (l->ended)
        return MOVED_END;
    ssize_t got = stream_recv(l->from, l->block->data, BLOCK_BYTES);
    if (got < 0 && errno == EAGAIN) {
        l->wants_read = true;
        return MOVED_NOTHING;
    }
    if (got <= 0) {
        l->ended = true;
        return MOVED_END;
    }
    l->block->begin = 0;
    l->block->end = (uint32_t)got;
    return send_leg(l) == MOVED_END ? MOVED_END : MOVED_SOME;
}

static bool wait_for_legs(struct leg *legs, uint64_t idle_ms)
{
    struct fiber_wait waits[4];
    int n = 0;

    for (int i = 0; i < 2; i++) {
        if (legs[i].wants_read)
            waits[n++] = (struct fiber_wait){ .kind = FIBER_WAIT_READ, .sock = &legs[i].from->sock };
        if (legs[i].wants_write)
            waits[n++] = (struct fiber_wait){ .kind = FIBER_WAIT_WRITE, .sock = &legs[i].to->sock };
    }
    return fiber_wait(waits, n, fiber_deadline_ms(idle_ms)) > 0;
}

static void relay(struct leg *legs, uint64_t idle_ms)
{
    for (;;) {
        fiber_yield_if_due();
        enum moved up = move_leg(&legs[0]);
        enum moved down = move_leg(&legs[1]);
        if (up == MOVED_END || down == MOVED_END)
            return;
        if (up == MOVED_NOTHING && down == MOVED_NOTHING && !wait_for_legs(legs, idle_ms))
            return;
    }
}

static bool answer_upgrade(struct forward *f, struct stream *client, const struct http_fields *fields)
{
    struct buf b;

    buf_init(&b, f->x.arena);
    http_put_status_line(&b, 101, f->response.reason);
    http_put_field(&b, SLICE("Connection"), SLICE("Upgrade"));
    if (f->upgrade.n)
        http_put_field(&b, SLICE("Upgrade"), f->upgrade);
    for (uint32_t i = 0; i < fields->n; i++)
        http_put_field(&b, fields->v[i].name, fields->v[i].value);
    buf_put(&b, SLICE("\r\n"));
    struct iovec iov = { .iov_base = b.p, .iov_len = b.n };
    return !b.failed && stream_write_all(client, &iov, 1, f->options.send_ms);
}

static bool put_early_bytes(struct leg *l, struct slice early)
{
    if (early.n > BLOCK_BYTES)
        return false;
    if (early.n)
        memcpy(l->block->data, early.p, early.n);
    l->block->end = (uint32_t)early.n;
    return true;
}

void forward_relay_upgrade(struct forward *f, struct conn *c, const struct http_fields *fields)
{
    struct slice early;
    struct stream *client = conn_take_stream(c, &early);
    struct stream *backend = http1_stream(&f->x);
    struct leg legs[2] = {
        { .from = client, .to = backend, .block = block_take() },
        { .from = backend, .to = client, .block = block_take() },
    };

    if (client && backend && legs[0].block && legs[1].block && put_early_bytes(&legs[0], early) &&
        put_early_bytes(&legs[1], f->x.body) && answer_upgrade(f, client, fields))
        relay(legs, f->options.idle_ms);
    block_give(legs[0].block);
    block_give(legs[1].block);
    f->ended = fiber_now();
    forward_close(f);
}
