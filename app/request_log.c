/* Formatting the request log. One list of fields serves both forms. */
#include "app/request_log.h"

#include <time.h>

#include "platform/base/buf.h"
#include "platform/clock.h"
#include "platform/log.h"
#include "policy/facts.h"
#include "policy/uri.h"

struct line {
    struct buf b;
    bool json;
};

static void field_name(struct line *l, const char *name)
{
    if (l->json) {
        buf_puts(&l->b, ",\"");
        buf_puts(&l->b, name);
        buf_puts(&l->b, "\":");
        return;
    }
    buf_puts(&l->b, ", ");
    buf_puts(&l->b, name);
    buf_puts(&l->b, ": ");
}

static void put_text(struct line *l, const char *name, struct slice value)
{
    if (!value.n)
        return;
    field_name(l, name);
    if (l->json) {
        buf_put_json(&l->b, value);
        return;
    }
    for (size_t i = 0; i < value.n; i++)
        buf_putc(&l->b, (unsigned char)value.p[i] < ' ' ? ' ' : value.p[i]); /* a line stays a line */
}

static void put_number(struct line *l, const char *name, uint64_t value)
{
    field_name(l, name);
    buf_put_u64(&l->b, value);
}

static void put_bool(struct line *l, const char *name, bool value)
{
    field_name(l, name);
    if (l->json)
        buf_puts(&l->b, value ? "true" : "false");
    else
        buf_puts(&l->b, value ? "True" : "False");
}

/* 2024-01-19T07:39:54.666, with so many digits of the second. */
static struct slice timestamp(char out[40], uint64_t wall_ns, unsigned digits)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    uint64_t rest = wall_ns % NS_PER_S;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    out[n++] = '.';
    for (uint64_t scale = NS_PER_S / 10; digits--; scale /= 10)
        out[n++] = (char)('0' + rest / scale % 10);
    return slice_of(out, n);
}

struct slice request_log_mask(struct arena *a, struct slice url, struct slice name)
{
    struct slice path, query = url;
    struct uri_pair pair;
    struct buf b;
    bool found = false;

    if (!slice_cut(&query, '?', &path))
        return url;
    for (struct slice rest = query; !found && uri_query_next(&rest, &pair);)
        found = uri_name_is(pair.name, name);
    if (!found)
        return url;
    buf_init(&b, a);
    buf_put(&b, path);
    for (char mark = '?'; uri_query_next(&query, &pair); mark = '&') {
        buf_putc(&b, mark);
        bool secret = pair.value.n && uri_name_is(pair.name, name);
        buf_put(&b, secret ? pair.name : pair.whole);
        if (secret)
            buf_puts(&b, "=***");
    }
    return buf_slice(&b);
}

/* Without the subscription key, which the repository does not hold readable either. */
static struct slice without_key(struct line *l, const struct request_log *e, struct slice url)
{
    return request_log_mask(l->b.arena, url, e->key_query.n ? e->key_query : SLICE(DEFAULT_KEY_QUERY));
}

/* As the client meant it: https://host/path?query. */
static void put_url(struct line *l, const struct request_log *e)
{
    struct slice target = without_key(l, e, e->target);

    if (!slice_starts(target, SLICE("/")) || !e->host.n) {
        put_text(l, "url", target);
        return;
    }
    struct slice parts[] = { e->tls ? SLICE("https://") : SLICE("http://"), e->host, target };
    put_text(l, "url", arena_concat(l->b.arena, parts, COUNT_OF(parts)));
}

/* In JSON an object; in text its members one after the other. */
static void put_error(struct line *l, const struct request_log *e)
{
    if (!e->has_error)
        return;
    if (l->json) {
        field_name(l, "lastError");
        buf_puts(&l->b, "{\"elapsed\":");
        buf_put_u64(&l->b, e->total_ns / NS_PER_MS);
        put_text(l, "source", e->error_source);
        put_text(l, "reason", e->error_reason);
        put_text(l, "message", e->error_message);
        put_text(l, "section", e->error_section);
        buf_putc(&l->b, '}');
        return;
    }
    put_text(l, "errorSource", e->error_source);
    put_text(l, "errorReason", e->error_reason);
    put_text(l, "errorMessage", e->error_message);
    put_text(l, "errorSection", e->error_section);
    put_text(l, "errorDetail", e->not_found);
}

static void put_fields(struct line *l, const struct request_log *e)
{
    char when[40];

    put_bool(l, "isRequestSuccess", e->status < 400);
    put_number(l, "totalTime", e->total_ns / NS_PER_MS);
    put_text(l, "category", SLICE("GatewayLogs"));
    put_text(l, "callerIpAddress", e->caller_ip);
    put_text(l, "timeGenerated", timestamp(when, e->wall_ns, 7));
    put_text(l, "region", e->region);
    put_text(l, "correlationId", e->correlation_id);
    put_text(l, "method", e->method);
    put_url(l, e);
    put_number(l, "responseCode", (uint64_t)e->status);
    put_number(l, "responseSize", e->response_bytes);
    put_text(l, "cache", SLICE("none"));
    if (e->backend_called)
        put_number(l, "backendTime", e->backend_ns / NS_PER_MS);
    put_number(l, "requestSize", e->request_bytes);
    put_text(l, "apiId", e->api_id);
    put_text(l, "operationId", e->operation_id);
    put_text(l, "productId", e->product_id);
    put_text(l, "subscriptionId", e->subscription_id);
    put_text(l, "apiRevision", e->api_revision);
    put_text(l, "clientProtocol", SLICE("HTTP/1.1"));
    put_text(l, "clientTls", e->tls ? SLICE("yes") : SLICE_NONE);
    if (e->backend_called) {
        put_text(l, "backendProtocol", SLICE("HTTP/1.1"));
        put_text(l, "backendMethod", e->backend_method);
        put_text(l, "backendUrl", without_key(l, e, e->backend_url));
        put_number(l, "backendResponseCode", (uint64_t)e->backend_status);
    }
    put_error(l, e);
}

void request_log_write(struct arena *a, const struct request_log *entry)
{
    char when[40];
    struct line l = { .json = log_format() == LOG_FORMAT_JSON };
    const enum log_level level = LOG_INFO; /* as the original: a request that failed is no failure of the gateway */

    if (log_format() == LOG_FORMAT_NONE || !log_enabled(level))
        return;
    struct arena_mark mark = arena_mark(a);
    bool overflowed = a->overflow;
    buf_init(&l.b, a);
    if (l.json) {
        buf_puts(&l.b, "{\"level\":\"Info\",\"timestamp\":\"");
        buf_put(&l.b, timestamp(when, entry->wall_ns, 7));
        buf_puts(&l.b, "Z\",\"eventType\":\"GatewayLogs\"");
    } else {
        buf_puts(&l.b, "[Info] ");
        buf_put(&l.b, timestamp(when, entry->wall_ns, 3));
        buf_puts(&l.b, " [GatewayLogs]");
    }
    put_fields(&l, entry);
    if (l.json)
        buf_putc(&l.b, '}');
    struct slice text = buf_slice(&l.b);
    if (text.n)
        log_line(level, text);
    arena_reset(a, mark);
    a->overflow = overflowed;
}
