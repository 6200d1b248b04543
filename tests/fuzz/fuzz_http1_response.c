/* Responses of a backend that says anything, in any pieces: the body that comes out does not depend on the
 * pieces, equals what a plain reading of the whole gives, and a response that fails never leaves its
 * connection in the pool.
 *
 * Input: one byte that seeds the sizes of the pieces, one byte for the method, then the response; then the
 * backend closes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "platform/http1_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a stream of the input's bytes ---- */

static struct slice rest;
static uint32_t piece_seed; /* 0: as much as fits */

static ssize_t fake_recv(struct stream *s, void *buf, size_t n)
{
    (void)s;
    if (piece_seed) {
        piece_seed = piece_seed * 1664525u + 1013904223u;
        size_t most = piece_seed >> 26;
        n = n < most + 1 ? n : most + 1;
    }
    n = n < rest.n ? n : rest.n;
    memcpy(buf, rest.p, n);
    rest = slice_skip(rest, n);
    return (ssize_t)n;
}

static ssize_t fake_send(struct stream *s, const struct iovec *iov, int n)
{
    (void)s;
    (void)iov;
    (void)n;
    errno = EPIPE;
    return -1;
}

static bool fake_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static void fake_free(struct stream *s)
{
    (void)s;
}

static const struct stream_ops fake_ops = { .recv = fake_recv, .send = fake_send, .pending = fake_pending,
                                            .free = fake_free, .shutdown = fake_free };

/* ---- one exchange ---- */

struct outcome {
    bool head, ok;
    int status;
    char *body;
    size_t n;
};

static void collect_body(struct http1_exchange *x, struct outcome *out)
{
    while (http1_fill(x, 1 + piece_seed % 5000, 1000)) {
        if (!x->body.n) {
            out->ok = x->body_ended;
            return;
        }
        out->body = realloc(out->body, out->n + x->body.n);
        memcpy(out->body + out->n, x->body.p, x->body.n);
        out->n += x->body.n;
        x->body.p += x->body.n;
        x->body.n = 0;
    }
}

static struct outcome read_response(struct slice response, struct slice method, uint32_t seed)
{
    static const struct http1_target target = { .host = SLICE_INIT("backend"), .port = 80 };
    struct http1_exchange x = { .target = &target, .method = method, .request_sent = true };
    struct outcome out = { 0 };
    struct arena arena;
    enum http1_step step;

    arena_init_growing(&arena, 4u << 20);
    x.arena = &arena;
    x.conn = http1_pool_new(&target);
    x.conn->stream.ops = &fake_ops;
    x.conn->open = true;
    rest = response;
    piece_seed = seed;
    while ((step = http1_poll_head(&x)) == HTTP1_MORE)
        ;
    if (step == HTTP1_HEAD) {
        out.head = true;
        out.status = x.head.status;
        collect_body(&x, &out);
    }
    assert(out.ok == !x.failure);
    assert(!x.failure || x.message[0]);
    http1_close(&x);
    assert(out.ok || !http1_counts().idle);
    assert(!http1_counts().active);
    http1_drop_idle();
    assert(!block_taken());
    arena_free(&arena);
    return out;
}

/* ---- what a plain reading gives ---- */

static void check_plainly(struct slice response, struct slice method, const struct outcome *seen)
{
    static const struct http_limits limits = { .head_bytes = 1u << 20, .target_bytes = 1u << 20, .fields = 400 };
    static struct http_field table[400];
    struct http_parse_result r;
    struct http_head head;
    char *body = malloc(response.n + 1);
    size_t scanned, n = 0;

    do {
        scanned = 0;
        r = http_parse_response(response.p, response.n, &scanned, &limits, method, table, COUNT_OF(table), &head);
        assert(r.outcome == HTTP_PARSE_DONE);
        response = slice_skip(response, r.head_bytes);
    } while (head.status < 200);
    assert(head.status == seen->status);
    struct http_chunked chunked = { 0 };
    int end = head.framing != HTTP_BODY_CHUNKED;
    if (head.framing == HTTP_BODY_LENGTH || head.framing == HTTP_BODY_TO_CLOSE) {
        n = head.framing == HTTP_BODY_LENGTH ? (size_t)head.length : response.n;
        assert(n <= response.n);
        memcpy(body, response.p, n);
    }
    while (!end) {
        size_t used = response.n;
        struct slice payload;
        end = http_chunked_next(&chunked, response.p, &used, &payload);
        assert(end >= 0);
        assert(end || used);
        memcpy(body + n, payload.p, payload.n);
        n += payload.n;
        response = slice_skip(response, used);
    }
    assert(n == seen->n);
    assert(!n || !memcmp(body, seen->body, n));
    free(body);
}

struct input {
    struct slice response, method;
    uint32_t seed;
};

static void compare(unsigned index, void *arg)
{
    const struct input *in = arg;
    struct outcome whole = read_response(in->response, in->method, 0);
    struct outcome pieces = read_response(in->response, in->method, in->seed);

    (void)index;
    /* Bytes beyond the end are seen, and are a fault, only when they come with the end. */
    assert(!whole.ok || pieces.ok);
    assert(!whole.head || pieces.head);
    if (whole.ok)
        check_plainly(in->response, in->method, &whole);
    if (pieces.ok)
        check_plainly(in->response, in->method, &pieces);
    free(whole.body);
    free(pieces.body);
    block_pool_drop();
    carriers_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 60000)
        return 0;
    struct input in = { .response = slice_of(data + 2, size - 2), .seed = 1u + data[0] * 7919u,
                        .method = data[1] % 4 == 3 ? SLICE("HEAD") : SLICE("GET") };
    const struct carriers_options options = { .count = 1, .on_start = compare, .arg = &in };

    assert(carriers_run(&options));
    return 0;
}
