/* Getting files of a repository over HTTP (by the HTTP client) or out of a directory. */
#include "sync/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/base/buf.h"
#include "platform/http_client.h"
#include "sync/stream_int.h"

/* Slower than this for so long is a dead line (fault F9). */
#define LOW_SPEED_BYTES 64
#define LOW_SPEED_S 30
#define CONNECT_MS 10000
#define RETRY_AFTER_MAX_S 3600
/* A file source is read in blocks of this size. */
#define BLOCK_BYTES (64u << 10)

/* ---- endpoints ---- */

bool source_is_azure(struct slice endpoint)
{
    static const struct slice names[] = { SLICE_INIT(".configuration.azure-api.net"),
                                          SLICE_INIT(".configuration.azure-api.cn"),
                                          SLICE_INIT(".configuration.azure-api.us") };
    ptrdiff_t scheme = slice_find(endpoint, SLICE("://"));
    struct slice host = scheme < 0 ? endpoint : slice_skip(endpoint, (size_t)scheme + 3);

    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == '/' || host.p[i] == ':') {
            host = slice_first(host, i);
            break;
        }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (host.n > names[i].n && slice_eq_icase(slice_skip(host, host.n - names[i].n), names[i]))
            return true;
    return false;
}

static struct slice without_slashes(struct slice s)
{
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

static bool is_url_text(struct slice s)
{
    if (!s.n || s.p[0] == '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '?' || s.p[i] == '#')
            return false;
    return true;
}

bool source_parse(struct arena *a, struct slice endpoint, struct source *out, struct err *err)
{
    static const struct {
        struct slice prefix;
        enum source_scheme scheme;
    } schemes[] = {
        { SLICE_INIT("https://"), SOURCE_HTTPS },
        { SLICE_INIT("http://"), SOURCE_HTTP },
        { SLICE_INIT("file://"), SOURCE_FILE },
    };
    struct slice text = slice_trim(endpoint), rest = text;
    bool found = false;

    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < COUNT_OF(schemes) && !found; i++)
        if (slice_starts_icase(text, schemes[i].prefix)) {
            out->scheme = schemes[i].scheme;
            rest = slice_skip(text, schemes[i].prefix.n);
            found = true;
        }
    if (!found && slice_find(text, SLICE("://")) >= 0)
        return err_set(err, "config.service.endpoint: %.*s: only https, http and file are possible",
                       SLICE_ARG(text));
    rest = without_slashes(rest);
    text.n = (size_t)(rest.p - text.p) + rest.n;
    if (out->scheme == SOURCE_FILE) {
        if (!rest.n || rest.p[0] != '/')
            return err_set(err, "config.service.endpoint: %.*s: give file:///dir", SLICE_ARG(text));
        out->base = arena_cstr(a, rest);
        out->host = slice_from(out->base);
        return out->base || err_set(err, "out of memory");
    }
    if (!is_url_text(rest))
        return err_set(err, "config.service.endpoint: %.*s: give https://host/path",
                       SLICE_ARG(endpoint));
    out->base = found ? arena_cstr(a, text) : arena_printf(a, "https://%.*s", SLICE_ARG(text)).p;
    ptrdiff_t slash = slice_find_byte(rest, '/');
    out->host = arena_copy(a, slash < 0 ? rest : slice_first(rest, (size_t)slash));
    return out->base || err_set(err, "out of memory");
}

/* ---- the body, collected or passed on ---- */

static bool deliver(struct get *g, struct buf *body, struct slice bytes)
{
    g->received += bytes.n;
    if (g->bytes) {
        g->ended_by_caller = !g->bytes(g->arg, bytes);
        return !g->ended_by_caller;
    }
    if (body->n + bytes.n > g->max) {
        g->too_large = true;
        bytes = slice_first(bytes, g->max - body->n);
    }
    buf_put(body, bytes);
    return !g->too_large;
}

/* ---- directories ---- */

static bool read_range(struct exchange *x, struct get *g, int fd, uint64_t from, uint64_t to,
                       enum sync_reason *reason, struct err *err)
{
    char *block = arena_alloc_raw(x->arena, BLOCK_BYTES);
    struct buf body;

    buf_init(&body, x->arena);
    while (block && from < to) {
        size_t want = to - from < BLOCK_BYTES ? (size_t)(to - from) : BLOCK_BYTES;
        ssize_t n = pread(fd, block, want, (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *reason = SYNC_CONNECT;
            return err_errno(err, "%s/%.*s: cannot read", g->source->base, SLICE_ARG(g->path));
        }
        if (n == 0)
            break;
        x->bytes += (uint64_t)n;
        from += (uint64_t)n;
        if (!deliver(g, &body, slice_of(block, (size_t)n)))
            break;
    }
    g->body = buf_slice(&body);
    if (block && !body.failed)
        return true;
    *reason = SYNC_STORE;
    return err_set(err, "out of memory");
}

static bool get_open_file(struct exchange *x, struct get *g, int fd, enum sync_reason *reason,
                          struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        *reason = SYNC_HTTP;
        return err_set(err, "%s/%.*s: not a file", g->source->base, SLICE_ARG(g->path));
    }
    uint64_t size = (uint64_t)st.st_size, to = g->to && g->to < size ? g->to : size;
    if (g->from && g->from >= size) {
        g->status = 416;
        return true;
    }
    g->status = g->from || g->to ? 206 : 200;
    if (g->begin && !g->begin(g->arg, g->from, SLICE_NONE)) {
        g->ended_by_caller = true;
        return true;
    }
    return read_range(x, g, fd, g->from, to, reason, err);
}

static bool get_file(struct exchange *x, struct get *g, enum sync_reason *reason, struct err *err)
{
    struct slice path = arena_printf(x->arena, "%s/%.*s", g->source->base, SLICE_ARG(g->path));
    struct stat st;
    int fd = path.p ? open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && stat(g->source->base, &st) == 0) {
        g->status = 404;
        return true;
    }
    if (fd < 0) {
        *reason = SYNC_CONNECT;
        return err_errno(err, "%s", errno == ENOENT ? g->source->base : path.p);
    }
    x->requests++;
    bool ok = get_open_file(x, g, fd, reason, err);
    close(fd);
    return ok;
}

/* ---- HTTP ---- */

static void add_field(struct http_fields *f, const char *name, struct slice value)
{
    bool room =
        !value.n || !http_is_field_value(value) || http_fields_add(f, slice_from(name), value);

    (void)room; /* the table has room for all that make_fields adds */
}

static void make_fields(const struct exchange *x, const struct get *g, struct http_fields *f)
{
    add_field(f, "Accept-Encoding", SLICE("identity"));
    add_field(f, "User-Agent", SLICE("holdfast/" HOLDFAST_VERSION));
    if (x->authorization)
        add_field(f, "Authorization", slice_from(x->authorization));
    add_field(f, "If-None-Match", g->if_none_match);
    if (!g->from && !g->to)
        return;
    /* A range from the first to the last byte is no range. */
    add_field(f, "Range",
              g->to ? arena_printf(x->arena, "bytes=%llu-%llu", (unsigned long long)g->from,
                                   (unsigned long long)g->to - 1)
                    : arena_printf(x->arena, "bytes=%llu-", (unsigned long long)g->from));
    add_field(f, "If-Range", g->if_range);
}

/* Seconds, or a date, which is taken as an hour at most: half of one is a guess as good as any. */
static uint64_t retry_after(struct slice value)
{
    uint64_t seconds;

    if (!value.n)
        return 0;
    if (!slice_to_u64(value, UINT32_MAX, &seconds))
        seconds = RETRY_AFTER_MAX_S / 2;
    return (seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds) * 1000;
}

/* Only strong validators may be used with If-Range; If-None-Match takes weak ones, too. */
static void take_fields(struct exchange *x, struct get *g, const struct http_fields *f)
{
    g->etag = arena_copy(x->arena, slice_first(http_fields_get(f, SLICE("ETag")), 256));
    g->retry_after_ms = retry_after(http_fields_get(f, SLICE("Retry-After")));
}

struct collector {
    struct exchange *exchange;
    struct get *get;
    struct buf body;
};

static bool collect(void *arg, const char *p, size_t n)
{
    struct collector *c = arg;

    c->exchange->bytes += n;
    return !(c->exchange->stopping && atomic_load(c->exchange->stopping)) &&
           deliver(c->get, &c->body, slice_of(p, n));
}

static bool judge_failure(const struct get *g, const struct http_client_result *r,
                          enum sync_reason *reason, struct err *err)
{
    *reason = r->failure == HTTP_CLIENT_TLS ? SYNC_TLS : SYNC_CONNECT;
    if (r->message[0])
        return err_set(err, "%s", r->message); /* it names the host */
    return err_set(err, "%.*s: no answer", SLICE_ARG(g->source->host));
}

static bool get_collected(struct exchange *x, struct get *g, struct http_client_request *request,
                          enum sync_reason *reason, struct err *err)
{
    struct collector c = { .exchange = x, .get = g };
    struct http_client_result result = { 0 };

    buf_init(&c.body, x->arena);
    request->sink = collect;
    request->sink_arg = &c;
    bool whole = http_client_perform(request, x->arena, &result);
    g->status = result.status;
    take_fields(x, g, &result.fields);
    g->body = buf_slice(&c.body);
    if ((whole || g->too_large) && !c.body.failed)
        return true;
    g->cut = result.failure == HTTP_CLIENT_CUT;
    return judge_failure(g, &result, reason, err);
}

static bool get_streamed(struct exchange *x, struct get *g, struct http_client_request *request,
                         enum sync_reason *reason, struct err *err)
{
    struct http_client_result result = { 0 };
    struct stream_report report;

    bool whole = stream_perform(x, g, request, &result, &report);
    g->status = report.status;
    g->retry_after_ms = retry_after(report.retry_after);
    g->overrun = result.failure == HTTP_CLIENT_SINK && !report.refused;
    if (whole || g->ended_by_caller || report.refused || g->overrun)
        return true;
    g->cut = g->status == 200 || g->status == 206;
    return judge_failure(g, &result, reason, err);
}

bool source_get(struct exchange *x, struct get *g, enum sync_reason *reason, struct err *err)
{
    struct http_field table[12];
    struct http_fields fields = { .v = table, .cap = COUNT_OF(table) };

    if (x->stopping && atomic_load(x->stopping)) {
        *reason = SYNC_CONNECT;
        return err_set(err, "stopping");
    }
    if (g->source->scheme == SOURCE_FILE)
        return get_file(x, g, reason, err);
    struct slice url = arena_printf(x->arena, "%s/%.*s", g->source->base, SLICE_ARG(g->path));
    if (!url.p)
        return err_set(err, "out of memory");
    make_fields(x, g, &fields);
    uint64_t connect_ms =
        x->exchange_ms && x->exchange_ms < CONNECT_MS ? x->exchange_ms : CONNECT_MS;
    struct http_client_request request = { .url = url.p,
                                           .fields = &fields,
                                           .connect_ms = connect_ms,
                                           .total_ms = g->bytes ? 0 : x->exchange_ms,
                                           .low_speed_bytes = LOW_SPEED_BYTES,
                                           .low_speed_s = LOW_SPEED_S,
                                           .stop = x->stopping,
                                           .skip_verify = x->skip_verify };
    x->requests++;
    return g->bytes ? get_streamed(x, g, &request, reason, err)
                    : get_collected(x, g, &request, reason, err);
}

bool source_refuse(const struct get *g, enum sync_reason *reason, struct err *err)
{
    struct slice host = g->source->host;

    *reason = SYNC_HTTP;
    if (g->status == 401)
        *reason = SYNC_AUTH;
    if (g->status == 401)
        return err_set(err, "401 from %.*s: set config.service.auth", SLICE_ARG(host));
    if (g->status == 403) {
        *reason = SYNC_AUTH;
        return err_set(err,
                       "403 from %.*s: its token does not open %.*s: check config.service.auth",
                       SLICE_ARG(host), SLICE_ARG(g->path));
    }
    if ((g->status >= 300 && g->status < 400) || g->status == 511) {
        *reason = SYNC_PORTAL;
        return err_set(err, "%d from %.*s: a login page or proxy is in the way", g->status,
                       SLICE_ARG(host));
    }
    if (g->status == 404)
        return err_set(err, "404 from %.*s: no %.*s there", SLICE_ARG(host), SLICE_ARG(g->path));
    return err_set(err, "%d from %.*s for %.*s", g->status, SLICE_ARG(host), SLICE_ARG(g->path));
}
