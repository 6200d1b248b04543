/* The life of a request; the order of steps is reference/gateway.md 2.4. */
#include "app/request.h"

#include <stdio.h>
#include <string.h>

#include "app/gateway.h"
#include "app/metrics.h"
#include "app/ready.h"
#include "app/request_int.h"
#include "app/request_log.h"
#include "app/url.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/fiber.h"
#include "platform/log.h"

/* An answer body of more bytes than this is relayed after the program has been let go. */
#define LONG_BODY_BYTES (64u << 10)

/* ---- identities ---- */

/* A random (version 4) GUID out of a generator per carrier that is seeded once: request ids are no secrets. */
static void make_request_id(char out[36])
{
    static _Thread_local uint64_t state[2];
    static const char hex[] = "0123456789abcdef";
    uint64_t bits[2];

    if (!state[0])
        crypto_random(state, sizeof state);
    for (int i = 0; i < 2; i++) { /* xorshift128+ (Vigna 2014) */
        uint64_t x = state[0], y = state[1];
        state[0] = y;
        x ^= x << 23;
        state[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
        bits[i] = state[1] + y;
    }
    const uint8_t *b = (const uint8_t *)bits;
    char *to = out;
    for (int i = 0; i < 16; i++) {
        uint8_t byte = i == 6 ? (b[i] & 0x0f) | 0x40 : i == 8 ? (b[i] & 0x3f) | 0x80 : b[i];
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex[byte >> 4];
        *to++ = hex[byte & 15];
    }
}

/* ---- answers without policies ---- */

static bool answer_json(struct conn *c, int status, const struct http_fields *extra, struct slice body)
{
    struct arena *a = conn_arena(c);
    struct http_fields fields = { .arena = a };

    if (extra && !http_fields_own(&fields, a, extra))
        return false;
    return http_fields_add(&fields, SLICE("Content-Type"), SLICE("application/json")) &&
           conn_answer_text(c, status, SLICE_NONE, &fields, body);
}

static void answer_unavailable(struct conn *c)
{
    struct http_fields fields = { .arena = conn_arena(c) };

    if (!http_fields_add(&fields, SLICE("Retry-After"), SLICE("5")) ||
        !answer_json(c, 503, &fields, SLICE("{ \"statusCode\": 503, \"message\": \"Service unavailable\" }")))
        conn_abort(c);
}

/* NULL: ready. */
static const char *backends_not_ready(struct conn *c)
{
    struct live_hold *hold = live_enter();
    struct slice why = SLICE_NONE;

    if (!hold)
        return "no configuration yet";
    bool ready = ready_backends(conn_arena(c), (struct program *)hold, &why);
    live_leave(hold);
    return ready ? NULL : arena_cstr(conn_arena(c), why);
}

static void answer_probe(struct conn *c)
{
    const char *why = gateway_state();
    struct slice query = conn_head(c)->query, body = SLICE("{ \"status\": \"ok\" }");
    struct buf b;

    if (url_query_get(query, SLICE("live")).p)
        why = NULL;
    else if (!why && url_query_get(query, SLICE("ready")).p)
        why = backends_not_ready(c);
    if (why) {
        buf_init(&b, conn_arena(c));
        buf_puts(&b, "{ \"status\": \"unavailable\", \"reason\": ");
        buf_put_json(&b, slice_from(why));
        buf_puts(&b, " }");
        body = buf_slice(&b);
    }
    if (!answer_json(c, why ? 503 : 200, NULL, body))
        conn_abort(c);
}

static bool is_probe(const struct http_head *head)
{
    return slice_eq(head->path, SLICE(STATUS_PATH)) &&
           (slice_eq(head->method, SLICE("GET")) || slice_eq(head->method, SLICE("HEAD")));
}

void request_refuse(struct conn *c, int status, const char *why, void *arg)
{
    struct arena *a = conn_arena(c);
    struct slice reason = http_reason(status);
    struct http_fields fields = { .arena = a };

    (void)arg;
    log_event(LOG_DEBUG, "RequestRefused", "%d %s, callerIpAddress: %.*s", status, why, SLICE_ARG(conn_peer_ip(c)));
    metrics_request(0, SLICE(""), status, 1, 0);
    if (status == 503 && !http_fields_add(&fields, SLICE("Retry-After"), SLICE("1")))
        return;
    (void)answer_json(c, status, &fields, arena_printf(a, "{ \"statusCode\": %d, \"message\": \"%.*s\" }", status,
                                                       SLICE_ARG(status == 503 ? SLICE("Service unavailable") : reason)));
}

/* ---- setting up ---- */

static void set_up(struct request *r)
{
    struct rt *rt = &r->rt;
    const struct http_head *head = r->head;

    rt_init(rt, r->arena, &request_host, r);
    rt->request.present = true;
    rt->request.method = head->method;
    r->path = url_without_dots(r->arena, head->path);
    rt->request.url.path = r->path;
    rt->request.url.query = slice_skip(head->query, 1);
    if (head->framing == HTTP_BODY_CHUNKED || (head->framing == HTTP_BODY_LENGTH && head->length))
        rt->request.body.state = RT_BODY_STREAM;
    rt->client_ip = conn_peer_ip(r->conn);
    make_request_id(r->id_text);
    rt->request_id = slice_of(r->id_text, sizeof r->id_text);
    rt->started_ns = conn_started(r->conn);
    rt->timestamp_ns = conn_started_wall(r->conn);
    rt->expression_steps = gateway.expression_steps;
    rt->deployment = &r->program->deployment;
}

/* The client's fields, as policies see them. False: the answer is made. */
static bool take_fields(struct request *r)
{
    static const struct rt_fault too_many = { .status = 400, .reason = "BadRequest", .text = SLICE_INIT("Bad Request"),
                                              .message = SLICE_INIT("Connection names too many fields.") };
    struct http_fields *fields = &r->rt.request.fields;

    if (!http_fields_own(fields, r->arena, &r->head->fields) || !r->path.p) {
        rt_fail_memory(&r->rt);
        return false;
    }
    if (forward_strip_fields(fields))
        return true;
    rt_fail_fault(&r->rt, "gateway", &too_many);
    return false;
}

/* ---- answering ---- */

static void drop_framing_fields(struct http_fields *fields)
{
    static const struct slice names[] = { SLICE_INIT("Content-Length"), SLICE_INIT("Transfer-Encoding"), SLICE_INIT("Connection"),
                                          SLICE_INIT("Keep-Alive") };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        http_fields_remove(fields, names[i]);
}

static bool answer_with_slice(struct request *r, struct conn_answer *a)
{
    struct slice body = r->rt.response.body.data;

    a->framing = HTTP_BODY_LENGTH;
    a->length = body.n;
    return conn_answer_begin(r->conn, a) && (!body.n || conn_answer_write(r->conn, body.p, body.n)) && conn_answer_end(r->conn);
}

/* The backend's body, or for HEAD, 204, 304 its declared framing. */
static bool answer_from_backend(struct request *r, struct conn_answer *a)
{
    const struct forward_response *from = &r->forward.response;

    a->framing = from->framing;
    a->length = from->length;
    if (!conn_answer_begin(r->conn, a))
        return false;
    return from->has_body ? forward_relay_body(&r->forward, r->conn) : conn_answer_end(r->conn);
}

static bool is_backend_answer(const struct request *r)
{
    const struct rt_message *m = &r->rt.response;

    return m->app == &r->forward && r->forwarded && !r->rt.error.present && m->status == r->forward.response.status;
}

static bool send_answer(struct request *r)
{
    struct rt_message *m = &r->rt.response;
    struct conn_answer a = { .status = m->status, .reason = m->reason, .fields = &m->fields };

    drop_framing_fields(&m->fields);
    if (m->body.state == RT_BODY_STREAM)
        return answer_from_backend(r, &a);
    if (m->body.state == RT_BODY_SLICE)
        return answer_with_slice(r, &a);
    if (m->body.state == RT_BODY_NONE && is_backend_answer(r) && !r->forward.response.has_body)
        return answer_from_backend(r, &a);
    m->body.data = SLICE_NONE;
    return answer_with_slice(r, &a);
}

static void answer(struct request *r)
{
    struct rt *rt = &r->rt;

    if (r->arena->overflow || rt->over_budget) {
        metrics_event(METRICS_ARENA_OVERFLOW);
        r->arena->overflow = false;
    }
    if (conn_client_gone(r->conn)) {
        rt->response.status = 499;
        conn_abort(r->conn);
        return;
    }
    if (r->forwarded && r->forward.response.upgraded && rt->response.status == 101 && !rt->error.present) {
        forward_relay_upgrade(&r->forward, r->conn, &rt->response.fields);
        return;
    }
    if (rt->response.status < 200)
        rt_fail(rt, "gateway", "InvalidStatusCode", SLICE("A policy has set a status below 200, which ends no answer."));
    if (!send_answer(r) && !conn_answer_begun(r->conn))
        conn_abort(r->conn);
}

/* ---- the end ---- */

static void remember_names(struct request *r, bool copy)
{
    struct slice *names[] = { &r->api_id, &r->api_revision, &r->operation_id, &r->product_id, &r->subscription_id, &r->region,
                              &r->key_query };

    if (r->api) {
        r->api_id = r->api->fact.id;
        r->api_revision = r->api->fact.revision;
        r->key_query = r->api->fact.key_query;
    }
    if (r->operation)
        r->operation_id = r->operation->fact.id;
    if (r->product)
        r->product_id = r->product->fact.id;
    if (r->subscription)
        r->subscription_id = r->subscription->fact.id;
    r->region = r->program->deployment.region;
    for (size_t i = 0; copy && i < COUNT_OF(names); i++)
        *names[i] = arena_copy(r->arena, *names[i]);
}

/* Will sending this answer take long? Then the program is let go before (architecture.md decision 4). */
static bool is_long(const struct request *r)
{
    const struct forward_response *from = &r->forward.response;

    if (!r->forwarded || (r->rt.response.body.state != RT_BODY_STREAM && !from->upgraded))
        return false;
    return from->upgraded || from->framing != HTTP_BODY_LENGTH || from->length > LONG_BODY_BYTES;
}

/* The program is about to be let go: what the answer and the log still need of it moves to the request. False: no room. */
static bool keep_answer(struct request *r)
{
    struct rt *rt = &r->rt;
    struct http_fields *fields = &rt->response.fields;
    struct slice *texts[] = { &rt->response.reason, &rt->error.source, &rt->error.reason, &rt->error.message, &rt->error.section,
                              &r->backend_method };

    for (uint32_t i = 0; i < fields->n; i++) {
        fields->v[i].name = arena_copy(r->arena, fields->v[i].name);
        fields->v[i].value = arena_copy(r->arena, fields->v[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        *texts[i] = arena_copy(r->arena, *texts[i]);
    remember_names(r, true);
    return !r->arena->overflow;
}

static void log_request(struct request *r)
{
    const struct rt *rt = &r->rt;
    struct request_log e = {
        .wall_ns = rt->timestamp_ns,
        .total_ns = clock_mono_ns() - rt->started_ns, /* the turn's time stands still while a fast request runs */
        .backend_ns = r->backend_ns, .caller_ip = rt->client_ip, .region = r->region, .correlation_id = rt->request_id,
        .method = r->head->method, .host = http_fields_get(&r->head->fields, SLICE("Host")), .target = r->head->target,
        .status = rt->response.status, .request_bytes = conn_bytes_received(r->conn), .response_bytes = conn_bytes_sent(r->conn), .api_id = r->api_id, .api_revision = r->api_revision,
        .operation_id = r->operation_id, .product_id = r->product_id, .subscription_id = r->subscription_id,
        .tls = conn_is_tls(r->conn), .backend_called = r->forwarded, .backend_method = r->backend_method,
        .backend_url = r->backend_url, .backend_status = r->backend_status, .key_query = r->key_query,
        .has_error = rt->error.present,
        .error_source = rt->error.source, .error_reason = rt->error.reason, .error_message = rt->error.message,
        .error_section = rt->error.section, .not_found = slice_from(r->not_found),
    };

    metrics_request(r->metrics_id, r->head->method, e.status, e.total_ns, r->forwarded ? e.backend_ns + 1 : 0);
    request_log_write(r->arena, &e);
}

static void run(struct request *r)
{
    set_up(r);
    if (take_fields(r) && request_resolve(r) && request_authorize(r))
        policy_run(&r->rt);
}

void request_handle(struct conn *c, void *arg)
{
    const struct http_head *head = conn_head(c);

    (void)arg;
    if (is_probe(head)) {
        answer_probe(c);
        return;
    }
    struct request *r = arena_new(conn_arena(c), struct request);
    struct live_hold *hold = live_enter();
    if (!r || !hold) {
        answer_unavailable(c);
        if (hold)
            live_leave(hold);
        return;
    }
    r->conn = c;
    r->head = head;
    r->arena = conn_arena(c);
    r->program = (struct program *)hold;
    fiber_set_label(head->target.p ? "request" : NULL);
    run(r);
    remember_names(r, false);
    bool early = is_long(r) && keep_answer(r);
    if (early)
        live_leave(hold);
    answer(r);
    policy_run_sent(&r->rt);
    log_request(r);
    if (r->forwarded)
        forward_close(&r->forward);
    request_free_bodies(r);
    if (!early)
        live_leave(hold);
}
