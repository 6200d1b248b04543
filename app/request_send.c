/* Calls of send-request and send-one-way-request, by way of libcurl's thread. */
#include "app/request_int.h"

#include <string.h>
#include <sys/mman.h>

#include "app/gateway.h"
#include "platform/http_client.h"

/* First room for a body; doubled as it grows. */
#define ROOM_BYTES (64u << 10)

/* A body while it arrives, on the client's thread, which has no blocks. */
struct collected {
    char *p;
    size_t n, room;
};

static bool grow(struct collected *c, size_t need)
{
    size_t room = c->room ? c->room : ROOM_BYTES;

    while (room < need)
        room *= 2;
    void *p = c->p ? mremap(c->p, c->room, room, MREMAP_MAYMOVE)
                   : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    c->p = p;
    c->room = room;
    return true;
}

static bool collect(void *arg, const char *p, size_t n)
{
    struct collected *c = arg;

    if (n > gateway.body_buffered_max - c->n || (c->n + n > c->room && !grow(c, c->n + n)))
        return false;
    memcpy(c->p + c->n, p, n);
    c->n += n;
    return true;
}

/* What goes out: without the fields that curl writes itself and those of the client's hop. */
static bool fill_fields(struct arena *a, const struct rt_message *m, struct http_fields *out)
{
    *out = (struct http_fields){ .arena = a };
    for (uint32_t i = 0; i < m->fields.n; i++) {
        const struct http_field *f = &m->fields.v[i];
        if (http_is_hop_by_hop(f) || slice_eq_icase(f->name, SLICE("Content-Length")) ||
            (!m->host_set && slice_eq_icase(f->name, SLICE("Host"))))
            continue;
        if (!http_fields_add(out, f->name, f->value))
            return false;
    }
    return true;
}

static bool fill_request(struct rt *rt, const struct rt_send *s, struct http_fields *fields, struct http_client_request *out)
{
    *out = (struct http_client_request){
        .method = s->message->method,
        .url = arena_cstr(rt->arena, s->url),
        .fields = fields,
        .body = s->message->body.state == RT_BODY_SLICE ? s->message->body.data : SLICE_NONE,
        .total_ms = s->timeout_ms,
    };
    return out->url && fill_fields(rt->arena, s->message, fields);
}

static bool no_memory(struct rt_fault *fault)
{
    *fault = (struct rt_fault){ .status = 500, .internal = true, .reason = "BackendConnectionFailure",
                                .message = SLICE("No memory is left for the response.") };
    return false;
}

static bool fail(struct rt *rt, const struct http_client_result *result, struct rt_fault *fault)
{
    static const char *const reasons[] = { [HTTP_CLIENT_TIMEOUT] = "Timeout", [HTTP_CLIENT_CANCELED] = "ClientConnectionFailure" };
    const char *reason = result->failure < COUNT_OF(reasons) ? reasons[result->failure] : NULL;

    *fault = (struct rt_fault){ .status = 500, .internal = true, .reason = reason ? reason : "BackendConnectionFailure",
                                .message = result->failure == HTTP_CLIENT_SINK
                                               ? SLICE("The body of the response is larger than limits.body.buffered.")
                                               : arena_copy(rt->arena, slice_from(result->message)) };
    return false;
}

/* The body moves to memory of the request, counted against limits.body.total. */
static bool take_body(struct rt *rt, const struct collected *c, struct rt_message *response)
{
    struct block_chain chain = { 0 };

    if (!c->n)
        return true;
    if (block_chain_add(&chain, c->p, c->n) != BLOCK_OK) {
        block_chain_free(&chain);
        return false;
    }
    response->body.state = RT_BODY_CODED; /* what its Content-Encoding says is looked at when somebody reads it */
    return request_keep_body(rt->app, &chain, &response->body.data);
}

static bool take_response(struct rt *rt, const struct http_client_result *result, const struct collected *c,
                          struct rt_message *response)
{
    response->status = result->status;
    response->reason = result->reason;
    response->fields = result->fields;
    return take_body(rt, c, response);
}

bool request_send(struct rt *rt, const struct rt_send *s, struct rt_message *response, struct rt_fault *fault)
{
    struct collected body = { 0 };
    struct http_client_result result;
    struct http_client_request request;
    struct http_fields fields;

    if (!fill_request(rt, s, &fields, &request))
        return no_memory(fault);
    request.sink = collect;
    request.sink_arg = &body;
    bool ok = http_client_perform(&request, rt->arena, &result)
            ? take_response(rt, &result, &body, response) || no_memory(fault)
            : fail(rt, &result, fault);
    if (body.p)
        munmap(body.p, body.room);
    return ok;
}

bool request_send_one_way(struct rt *rt, const struct rt_send *s)
{
    struct http_client_request request;
    struct http_fields fields;

    return fill_request(rt, s, &fields, &request) && http_client_post(&request);
}
