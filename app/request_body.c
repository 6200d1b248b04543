/* Bodies that something asked for whole: read from client or backend into blocks, in one piece, decoded.
 *
 * A body with Content-Encoding gzip or deflate is decompressed for policies (the original does so for gzip), and goes
 * on without that field; any other coding stays as it is. What is only kept for a second call (buffer-request-body)
 * is not decoded. */
#include "app/request_int.h"

#include <stdio.h>
#include <sys/mman.h>

#include "app/gateway.h"
#include "platform/fiber.h"
#include "platform/gzip.h"

/* ---- memory ---- */

void request_free_bodies(struct request *r)
{
    for (struct body_pages *p = r->pages; p; p = p->next) {
        if (p->p)
            munmap(p->p, p->n);
        block_chain_free(&p->chain);
        block_total_release(p->charged);
    }
    r->pages = NULL;
}

bool request_keep_body(struct request *r, struct block_chain *chain, struct slice *out)
{
    struct body_pages *pages = arena_new(r->arena, struct body_pages);

    if (!pages) {
        block_chain_free(chain);
        return false;
    }
    pages->chain = *chain;
    pages->next = r->pages;
    r->pages = pages;
    if (block_chain_contiguous(&pages->chain, out))
        return true;
    if (chain->bytes <= BODY_IN_ARENA_MAX) {
        char *p = arena_alloc_raw(r->arena, chain->bytes);
        if (p) {
            block_chain_copy(&pages->chain, p);
            *out = slice_of(p, chain->bytes);
            block_chain_free(&pages->chain);
            return true;
        }
        r->arena->overflow = false; /* pages hold it then */
    }
    pages->n = chain->bytes;
    pages->p = mmap(NULL, pages->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages->p == MAP_FAILED) {
        pages->p = NULL;
        return false;
    }
    block_chain_copy(&pages->chain, pages->p);
    *out = slice_of(pages->p, pages->n);
    return true;
}

bool request_body_fault(struct request *r, const struct forward *f, struct rt_fault *fault)
{
    int status = f->client_status ? f->client_status : 500;
    const char *reason = f->failure == FORWARD_CLIENT_GONE ? "ClientConnectionFailure"
                       : f->failure == FORWARD_TIMEOUT     ? "Timeout"
                       : f->failure == FORWARD_OVERLOAD || f->failure == FORWARD_CLIENT_BODY ? "BodyNotRead"
                                                                                             : "BackendConnectionFailure";

    *fault = (struct rt_fault){ .status = status, .reason = reason, .internal = status == 500,
                                .message = arena_copy(r->arena, slice_from(f->message)),
                                .text = status == 413   ? SLICE("Request entity too large")
                                      : status == 503   ? SLICE("Service unavailable")
                                      : status == 408   ? SLICE("Request timeout")
                                                        : SLICE("Bad request") };
    return false;
}

/* ---- reading ---- */

static bool no_room(struct request *r, struct forward *f, struct rt_fault *fault)
{
    f->client_status = 503;
    f->failure = FORWARD_OVERLOAD;
    return request_body_fault(r, f, fault);
}

/* STREAM to NONE or SLICE. */
static bool read_whole(struct request *r, struct rt_message *m, struct rt_fault *fault)
{
    struct block_chain chain = { 0 };
    struct forward reading;
    struct forward *f = m->is_response ? m->app : &reading;
    bool ok = m->is_response ? forward_buffer_response(f, &chain, gateway.body_buffered_max)
                             : forward_buffer_request(f, r->conn, &chain, gateway.body_buffered_max);

    if (!ok) {
        block_chain_free(&chain);
        return request_body_fault(r, f, fault);
    }
    if (!request_keep_body(r, &chain, &m->body.data))
        return no_room(r, f, fault);
    m->body.state = m->body.data.n ? RT_BODY_SLICE : RT_BODY_NONE;
    return true;
}

/* ---- decoding ---- */

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE };

static enum coding coding_of(const struct rt_message *m)
{
    struct slice coding = slice_trim(http_fields_get(&m->fields, SLICE("Content-Encoding")));

    if (m->is_response && m->status == 206) /* a piece of the compressed bytes */
        return CODING_NONE;
    if (slice_eq_icase(coding, SLICE("gzip")) || slice_eq_icase(coding, SLICE("x-gzip")))
        return CODING_GZIP;
    return slice_eq_icase(coding, SLICE("deflate")) ? CODING_DEFLATE : CODING_NONE;
}

/* What became of decoding: 0, or the status of the refusal. */
static int inflate_into(struct request *r, enum coding coding, struct slice data, struct block_chain *chain)
{
    struct gzip_stream *z = gzip_stream_open_in(r->arena, coding == CODING_GZIP ? GZIP_GZIP : GZIP_ZLIB);
    enum gzip_step step = GZIP_MORE;
    size_t room, n;
    char *p;

    if (!z)
        return 503;
    while (step == GZIP_MORE) {
        if (block_chain_room(chain, &p, &room) != BLOCK_OK)
            return 503;
        step = gzip_stream_step(z, &data, true, p, room, &n);
        if (step == GZIP_FAILED)
            return 400;
        block_chain_filled(chain, n);
        if (chain->bytes > gateway.body_buffered_max)
            return 413;
        fiber_yield_if_due();
    }
    return 0;
}

static bool decode_fault(struct request *r, const struct rt_message *m, int status, struct rt_fault *fault)
{
    const char *what = m->is_response ? "response body" : "request body";
    struct forward f = { .failure = FORWARD_CLIENT_BODY, .client_status = status };

    if (m->is_response && status != 503)
        f.client_status = 500;
    if (status == 413)
        snprintf(f.message, sizeof f.message, "%s: decompressed more than limits.body.buffered, %llu bytes", what,
                 (unsigned long long)gateway.body_buffered_max);
    else
        snprintf(f.message, sizeof f.message, "%s: %s", what,
                 status == 400 ? "not what its Content-Encoding says" : "no memory to decompress it");
    return request_body_fault(r, &f, fault);
}

static bool decode(struct request *r, struct rt_message *m, struct rt_fault *fault)
{
    enum coding coding = coding_of(m);
    struct block_chain chain = { 0 };

    m->body.state = m->body.data.n ? RT_BODY_SLICE : RT_BODY_NONE;
    if (coding == CODING_NONE || !m->body.data.n)
        return true;
    int status = inflate_into(r, coding, m->body.data, &chain);
    if (status == 0 && !request_keep_body(r, &chain, &m->body.data))
        status = 503;
    if (status) {
        block_chain_free(&chain);
        m->body.state = RT_BODY_CODED;
        return decode_fault(r, m, status, fault);
    }
    m->body.state = m->body.data.n ? RT_BODY_SLICE : RT_BODY_NONE;
    struct slice length = arena_printf(r->arena, "%zu", m->body.data.n);
    http_fields_remove(&m->fields, SLICE("Content-Encoding"));
    return (length.p && http_fields_set(&m->fields, SLICE("Content-Length"), length)) || decode_fault(r, m, 503, fault);
}

/* ---- for policies ---- */

bool request_body_keep(struct request *r, struct rt_fault *fault)
{
    struct rt_message *m = &r->rt.request;

    if (!read_whole(r, m, fault))
        return false;
    if (m->body.state == RT_BODY_SLICE && coding_of(m) != CODING_NONE)
        m->body.state = RT_BODY_CODED;
    return true;
}

bool request_body_read(struct rt *rt, struct rt_message *m, struct rt_fault *fault)
{
    struct request *r = rt->app;

    if (m->body.state == RT_BODY_STREAM && !read_whole(r, m, fault))
        return false;
    return decode(r, m, fault);
}

/* Compressed JSON becomes some 3 to 8 times as long. */
#define CODED_GROWTH 8u

bool request_body_fits(struct rt *rt, const struct rt_message *m)
{
    const struct request *r = rt->app;
    const struct forward *f = m->app;
    enum http_framing framing = m->is_response ? f->response.framing : r->head->framing;
    uint64_t length = m->is_response ? f->response.length : r->head->length;

    if (m->is_response && f->options.unbuffered)
        return false;
    return framing != HTTP_BODY_LENGTH ||
           length <= gateway.body_buffered_max / (coding_of(m) == CODING_NONE ? 1 : CODED_GROWTH);
}

char *request_body_room(struct rt *rt, size_t n)
{
    struct request *r = rt->app;
    struct body_pages *pages = arena_new(r->arena, struct body_pages);

    if (!pages || n > gateway.body_buffered_max || !block_total_charge(n))
        return NULL;
    *pages = (struct body_pages){ .n = n, .charged = n, .next = r->pages };
    r->pages = pages;
    pages->p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages->p == MAP_FAILED)
        pages->p = NULL;
    return pages->p;
}
