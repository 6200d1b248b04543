/* Heads of forwarded messages: what is taken out at this hop, and how the request to the backend is
 * written.
 *
 * Invariant: what forward_write_head returns is exactly one request head, whose framing is the one it was
 * given. Method, target, names and values are checked or escaped here although the listener has checked the
 * client's: policies write them, too. */
#include "app/forward_int.h"

#include <string.h>

/* ---- fields that end here ---- */

struct nominated {
    struct slice v[FORWARD_NOMINATED_MAX];
    unsigned n;
};

/* Connection = #connection-option (RFC 9110 7.6.1). close, keep-alive and upgrade name no field that is
 * still there. */
static bool collect_nominated(const struct http_fields *fields, struct nominated *out)
{
    out->n = 0;
    for (uint32_t i = 0; i < fields->n; i++) {
        if (!slice_eq_icase(fields->v[i].name, SLICE("Connection")))
            continue;
        struct slice rest = fields->v[i].value, name;
        while (slice_cut(&rest, ',', &name)) {
            name = slice_trim_ows(name);
            if (!name.n || slice_eq_icase(name, SLICE("close")) || slice_eq_icase(name, SLICE("keep-alive")))
                continue;
            if (out->n == FORWARD_NOMINATED_MAX)
                return false;
            out->v[out->n++] = name;
        }
    }
    return true;
}

static bool is_nominated(const struct nominated *list, struct slice name)
{
    for (unsigned i = 0; i < list->n; i++)
        if (slice_eq_icase(list->v[i], name))
            return true;
    return false;
}

bool forward_strip_fields(struct http_fields *fields)
{
    struct nominated nominated;
    uint32_t kept = 0;

    if (!collect_nominated(fields, &nominated))
        return false;
    for (uint32_t i = 0; i < fields->n; i++) {
        const struct http_field *field = &fields->v[i];
        if (!http_is_hop_by_hop(field) && !is_nominated(&nominated, field->name))
            fields->v[kept++] = *field;
    }
    fields->n = kept;
    return true;
}

/* ---- the request head ---- */

/* Fields that the head gets from elsewhere: the target, the framing, the listener, the address of the
 * client. */
static bool is_written_apart(const struct http_field *field)
{
    switch (field->name.n) {
    case 4:
        return slice_eq_icase(field->name, SLICE("Host"));
    case 6:
        return slice_eq_icase(field->name, SLICE("Expect"));
    case 14:
        return slice_eq_icase(field->name, SLICE("Content-Length"));
    case 15:
        return slice_eq_icase(field->name, SLICE("X-Forwarded-For"));
    default:
        return http_is_hop_by_hop(field);
    }
}

/* Bytes that would end the request line or the target, or are no part of a URI (RFC 9112 3.2.1: origin-form
 * has no fragment). */
static bool breaks_target(char c)
{
    return (unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f || c == '#';
}

static void put_target(struct buf *b, struct slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (LIKELY(!breaks_target(s.p[i])))
            continue;
        buf_put(b, slice_sub(s, from, i));
        buf_putc(b, '%');
        buf_putc(b, hex[(unsigned char)s.p[i] >> 4]);
        buf_putc(b, hex[s.p[i] & 15]);
        from = i + 1;
    }
    buf_put(b, slice_skip(s, from));
}

static void put_request_line(struct buf *b, const struct forward_request *rq)
{
    buf_put(b, rq->method);
    buf_putc(b, ' ');
    if (!rq->path.n || rq->path.p[0] != '/')
        buf_putc(b, '/');
    put_target(b, rq->path);
    if (rq->query.n && rq->query.p[0] != '?')
        buf_putc(b, '?');
    put_target(b, rq->query);
    buf_put(b, SLICE(" HTTP/1.1\r\n"));
}

/* One line, with what came before in it: the next hop's X-Forwarded-For. */
static void put_forwarded_for(struct buf *b, const struct forward_request *rq)
{
    bool begun = false;

    for (uint32_t i = 0; i <= rq->fields->n; i++) {
        struct slice value = rq->client_ip;
        if (i < rq->fields->n) {
            const struct http_field *field = &rq->fields->v[i];
            if (field->name.n != 15 || !slice_eq_icase(field->name, SLICE("X-Forwarded-For")))
                continue;
            value = field->value;
        }
        if (!value.n)
            continue;
        buf_put(b, begun ? SLICE(", ") : SLICE("X-Forwarded-For: "));
        buf_put(b, value);
        begun = true;
    }
    if (begun)
        buf_put(b, SLICE("\r\n"));
}

static bool defines_body(struct slice method)
{
    return slice_eq(method, SLICE("POST")) || slice_eq(method, SLICE("PUT")) ||
           slice_eq(method, SLICE("PATCH"));
}

static void put_framing(struct buf *b, struct slice method, enum http_framing framing, uint64_t length)
{
    if (framing == HTTP_BODY_CHUNKED) {
        buf_put(b, SLICE("Transfer-Encoding: chunked\r\n"));
        return;
    }
    /* RFC 9110 8.6: a length of 0 where a body could have been expected, none otherwise. */
    if (framing == HTTP_BODY_NONE && !defines_body(method))
        return;
    buf_put(b, SLICE("Content-Length: "));
    buf_put_u64(b, framing == HTTP_BODY_LENGTH ? length : 0);
    buf_put(b, SLICE("\r\n"));
}

/* uri-host [ ":" port ] (RFC 9110 7.2); a comma is not taken, because in practice it means two. */
static bool is_host(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && !memchr("-._~%!$&'()*+;=:[]", s.p[i], 18))
            return false;
    return true;
}

static const char *find_fault(const struct forward_request *rq)
{
    if (!http_is_token(rq->method) || slice_eq(rq->method, SLICE("CONNECT")))
        return "method";
    if (!is_host(rq->host))
        return "Host";
    if (!http_is_field_value(rq->client_ip))
        return "client address";
    for (uint32_t i = 0; i < rq->fields->n; i++) {
        if (!http_is_token(rq->fields->v[i].name))
            return "name of a header";
        if (!http_is_field_value(rq->fields->v[i].value))
            return "value of a header";
    }
    return NULL;
}

static size_t estimate(const struct http1_target *target, const struct forward_request *rq)
{
    size_t n = 160 + rq->method.n + rq->path.n + rq->query.n + rq->host.n + rq->client_ip.n;

    for (uint32_t i = 0; i < rq->fields->n; i++)
        n += rq->fields->v[i].name.n + rq->fields->v[i].value.n + 4;
    return n + target->authority.n;
}

struct slice forward_write_head(struct arena *a, const struct http1_target *target,
                                const struct forward_request *rq, enum http_framing framing, uint64_t length,
                                struct slice upgrade, const char **why)
{
    struct buf b;

    *why = find_fault(rq);
    if (*why)
        return SLICE_NONE;
    buf_init(&b, a);
    buf_reserve(&b, estimate(target, rq));
    put_request_line(&b, rq);
    http_put_field(&b, SLICE("Host"), rq->host.n ? rq->host : target->authority);
    for (uint32_t i = 0; i < rq->fields->n; i++)
        if (!is_written_apart(&rq->fields->v[i]))
            http_put_field(&b, rq->fields->v[i].name, rq->fields->v[i].value);
    put_forwarded_for(&b, rq);
    if (upgrade.n) {
        http_put_field(&b, SLICE("Connection"), SLICE("Upgrade"));
        http_put_field(&b, SLICE("Upgrade"), upgrade);
    }
    put_framing(&b, rq->method, framing, length);
    buf_put(&b, SLICE("\r\n"));
    return b.failed ? SLICE_NONE : slice_of(b.p, b.n);
}
