/* HTTP on libcurl's multi interface. The only file that includes curl.
 *
 * 1. One thread makes, uses and frees the multi handle and every easy handle: nothing of curl runs on a fiber.
 * Others hand it transfers through a list and wake it.
 * 2. A transfer lives on its caller's stack, which waits until it is done: a fiber on a condition
 * of its carrier, a plain thread on the client's. Between submitting and done it belongs to the
 * client's thread, with the caller's arena. A posted one lives in a struct posted of its own, which the thread
 * frees.
 * 3. A fiber that is cancelled asks for an end and waits for it: the thread must let go first.
 * 4. curl_multi_perform may swallow a wake-up (tried: a transfer handed over meanwhile then stood for POLL_MS). So who wakes
 * the thread sets `woken` first, and the thread polls only if nobody has since it looked.
 * 5. curl_global_cleanup is never called: it would end PSA for the whole process
 * (mbedtls_psa_crypto_free). */
#include "platform/http_client.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "platform/fiber.h"
#include "platform/tls.h"

#define STACK_BYTES (1024u * 1024)
#define CONNECT_MS 10000u
#define REDIRECTS_MAX 5L
/* Connections kept, and for how long: a device polls every 5 minutes, and a handshake costs more
 * than a delta. */
#define CONNECTIONS_KEPT 16L
#define KEPT_S 900L
/* A turn of the loop without any event; time-outs of curl shorten it. */
#define POLL_MS 60000
#define POLL_STOP_MS 500
/* Memory of one posted request: its body, which policies may have buffered, and the answer's head. */
#define POSTED_BYTES_MAX ((size_t)8 << 20)

struct transfer {
    struct transfer *next; /* in the list of new ones, then of running ones */
    const struct http_client_request *request;
    struct arena *arena;
    struct http_client_result *result;

    CURL *easy;
    struct curl_slist *lines;
    struct buf body;
    bool sink_refused, too_large, no_memory;
    bool in_body; /* what comes as a header now is a trailer; request.head was called */
    char error[CURL_ERROR_SIZE];
    struct tls_note note;
    char host[256]; /* "host:port", for messages */

    _Atomic bool cancel;
    struct posted *posted;   /* nobody waits */
    struct carrier *carrier; /* NULL: a plain thread waits */
    struct inbox_item back;
    struct fiber_cond fiber_done;
    bool done;
};

/* A transfer that nobody waits for, with a copy of all it needs. */
struct posted {
    struct transfer transfer;
    struct http_client_request request;
    struct http_client_result result;
    struct http_fields fields;
    struct arena arena;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t done;
    struct transfer *new_first;
    unsigned posted;
    bool running, stopping;
    _Atomic bool woken;
    pthread_t thread;
    /* of the thread */
    CURLM *multi;
    struct tls_trust *trust;
    struct transfer *first;
} client = { .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };

/* ---- what went wrong ---- */

/* The result's message: the host, and what is wrong. */
static void say(struct transfer *t, const char *what, const char *detail)
{
    struct err err;

    err_set(&err, "%s: %s%s", t->host, what, detail);
    memcpy(t->result->message, err.text, sizeof t->result->message - 1);
}

static enum http_client_failure failure_of(const struct transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_CLIENT_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_PROXY:
        return HTTP_CLIENT_CONNECT;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return t->result->status ? HTTP_CLIENT_CUT : HTTP_CLIENT_CONNECT;
    case CURLE_PARTIAL_FILE:
        return HTTP_CLIENT_CUT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_CLIENT_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return t->sink_refused || t->too_large ? HTTP_CLIENT_SINK : HTTP_CLIENT_OTHER;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_PEER_FAILED_VERIFICATION:
        return HTTP_CLIENT_TLS;
    default:
        return HTTP_CLIENT_OTHER;
    }
}

static const char *cause_of(const struct transfer *t, CURLcode code)
{
    long error = 0;

    if (atomic_load(&t->cancel))
        return "canceled";
    if (t->no_memory)
        return "the answer does not fit the memory given for it";
    if (t->too_large)
        return "the body is larger than allowed";
    if (t->sink_refused)
        return "the body was refused";
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "name not found";
    case CURLE_COULDNT_CONNECT:
        curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
        return error ? strerror((int)error) : "cannot connect";
    case CURLE_GOT_NOTHING:
        return "closed without an answer";
    case CURLE_PARTIAL_FILE:
        return "the body ended early";
    default:
        return t->error[0] ? t->error : curl_easy_strerror(code);
    }
}

static void explain(struct transfer *t, CURLcode code)
{
    struct http_client_result *r = t->result;

    r->failure = atomic_load(&t->cancel) ? HTTP_CLIENT_CANCELED : failure_of(t, code);
    if (r->failure == HTTP_CLIENT_TLS && t->note.why[0])
        say(t, "certificate: ", t->note.why);
    else if (r->failure != HTTP_CLIENT_OK)
        say(t, cause_of(t, code), "");
}

/* ---- what comes ---- */

static void start_head(struct transfer *t, struct slice line)
{
    struct slice part;
    uint64_t status = 0;

    t->result->fields.n = 0;
    t->in_body = false;
    if (!slice_cut(&line, ' ', &part) || !slice_to_u64(slice_first(line, 3), 999, &status))
        return;
    t->result->status = (int)status;
    t->result->reason = arena_copy(t->arena, slice_trim(slice_skip(line, 3)));
}

static bool add_field(struct transfer *t, struct slice line)
{
    ptrdiff_t colon = slice_find_byte(line, ':');

    if (colon <= 0)
        return true; /* the empty line */
    struct slice name = arena_copy(t->arena, slice_first(line, (size_t)colon));
    struct slice value = slice_trim_ows(slice_skip(line, (size_t)colon + 1));
    struct slice copy = arena_copy(t->arena, value);
    return name.n > 0 && copy.n == value.n && http_fields_add(&t->result->fields, name, copy);
}

/* One line of a head. Of several heads (100, redirects) the last one counts; trailers do not. */
static size_t on_line(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct slice line = slice_trim(slice_of(p, n));

    (void)size; /* always 1 */
    if (slice_starts(line, SLICE("HTTP/")) && !t->in_body)
        start_head(t, line);
    else if (!t->in_body && !add_field(t, line))
        t->no_memory = true;
    return t->no_memory ? CURL_WRITEFUNC_ERROR : n;
}

/* Tell the caller the head, once. */
static bool end_head(struct transfer *t)
{
    const struct http_client_request *q = t->request;

    if (!t->in_body && q->head)
        t->sink_refused = !q->head(q->sink_arg, t->result->status, &t->result->fields);
    t->in_body = true;
    return !t->sink_refused;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    const struct http_client_request *q = t->request;

    (void)size; /* always 1 */
    if (!end_head(t))
        return CURL_WRITEFUNC_ERROR;
    t->result->body_bytes += n;
    if (q->sink) {
        t->sink_refused = !q->sink(q->sink_arg, p, n);
    } else if (q->max_body > 0) {
        t->too_large = n > q->max_body - t->body.n;
        if (!t->too_large)
            buf_put(&t->body, slice_of(p, n));
        t->no_memory = t->body.failed;
    }
    return t->sink_refused || t->too_large || t->no_memory ? CURL_WRITEFUNC_ERROR : n;
}

static CURLcode on_tls(CURL *easy, void *config, void *arg)
{
    struct transfer *t = arg;

    (void)easy;
    tls_trust_apply(client.trust, config, &t->note);
    return CURLE_OK;
}

/* ---- what goes ---- */

static bool add_line(struct transfer *t, const char *line)
{
    struct curl_slist *lines = curl_slist_append(t->lines, line);

    if (lines)
        t->lines = lines;
    return lines != NULL;
}

/* curl's own forms: "Name;" is a field without value, "Name:" takes one of curl's own away. */
static bool add_lines(struct transfer *t)
{
    const struct http_fields *f = t->request->fields;
    static const char *const unwanted[] = { "Accept", "Content-Type", "Expect" };

    for (uint32_t i = 0; f && i < f->n; i++) {
        struct slice name = f->v[i].name, value = f->v[i].value;
        struct slice line = arena_printf(t->arena, value.n ? "%.*s: %.*s" : "%.*s;",
                                         SLICE_ARG(name), SLICE_ARG(value));
        if (!http_is_token(name) || !http_is_field_value(value) || !line.n || !add_line(t, line.p))
            return false;
    }
    for (size_t i = 0; i < COUNT_OF(unwanted); i++) {
        char line[32];
        snprintf(line, sizeof line, "%s:", unwanted[i]);
        if ((!f || !http_fields_find(f, slice_from(unwanted[i]))) && !add_line(t, line))
            return false;
    }
    return (f && http_fields_find(f, SLICE("Accept-Encoding"))) ||
           add_line(t, "Accept-Encoding: identity");
}

static bool has_body(const struct http_client_request *q)
{
    return q->body.n > 0 || slice_eq(q->method, SLICE("POST")) ||
           slice_eq(q->method, SLICE("PUT")) || slice_eq(q->method, SLICE("PATCH"));
}

#define SET(option, value) curl_easy_setopt(t->easy, option, value)

static bool set_method(struct transfer *t)
{
    const struct http_client_request *q = t->request;
    const char *method = q->method.n ? arena_cstr(t->arena, q->method) : "GET";

    if (!method || (q->method.n && !http_is_token(q->method)))
        return false;
    if (strcmp(method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0 || has_body(q))
        SET(CURLOPT_CUSTOMREQUEST, method);
    if (has_body(q)) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        SET(CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    }
    return true;
}

static void set_limits(struct transfer *t)
{
    const struct http_client_request *q = t->request;

    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(q->connect_ms ? q->connect_ms : CONNECT_MS));
    SET(CURLOPT_TIMEOUT_MS, (long)q->total_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)q->low_speed_bytes);
    SET(CURLOPT_LOW_SPEED_TIME, (long)q->low_speed_s);
    SET(CURLOPT_MAXAGE_CONN, KEPT_S);
    SET(CURLOPT_MAXLIFETIME_CONN, 0L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
}

static void set_tls(struct transfer *t)
{
    bool verify = !t->request->skip_verify;

    SET(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (verify && client.trust) {
        SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
        SET(CURLOPT_SSL_CTX_DATA, t);
    }
}

/* A redirect never leads from https to http. */
static void set_redirects(struct transfer *t)
{
    bool https = slice_starts_icase(slice_from(t->request->url), SLICE("https:"));

    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    SET(CURLOPT_FOLLOWLOCATION, t->request->follow_redirects ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
}

/* Everything that curl needs to know. */
static bool prepare(struct transfer *t)
{
    t->easy = curl_easy_init();
    if (!t->easy || !set_method(t) || !add_lines(t))
        return false;
    SET(CURLOPT_URL, t->request->url);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTPHEADER, t->lines);
    if (t->request->no_proxy)
        SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HEADERFUNCTION, on_line);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    set_limits(t);
    set_tls(t);
    set_redirects(t);
    return true;
}

/* "host:port" of the URL for messages, or the URL itself; the name that a certificate is for. */
static void name_host(struct transfer *t)
{
    CURLU *url = curl_url();
    char *host = NULL, *port = NULL;

    snprintf(t->host, sizeof t->host, "%.*s",
             SLICE_ARG(slice_first(slice_from(t->request->url), 200)));
    if (url &&
        curl_url_set(url, CURLUPART_URL, t->request->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        t->note.name = arena_cstr(t->arena, slice_from(host));
        snprintf(t->host, sizeof t->host, "%.200s:%.8s", host, port);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
}

/* ---- the thread ---- */

static void on_back(struct inbox_item *item)
{
    struct transfer *t = CONTAINER_OF(item, struct transfer, back);

    t->done = true;
    fiber_cond_signal(&t->fiber_done);
}

static void free_posted(struct posted *p)
{
    pthread_mutex_lock(&client.lock);
    client.posted--;
    pthread_mutex_unlock(&client.lock);
    arena_free(&p->arena);
    free(p);
}

/* The caller may go on; t is gone after this. */
static void give_back(struct transfer *t)
{
    if (t->easy)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->lines);
    if (t->posted) {
        free_posted(t->posted);
        return;
    }
    if (t->carrier) {
        carrier_post(t->carrier, &t->back);
        return;
    }
    pthread_mutex_lock(&client.lock);
    t->done = true;
    pthread_cond_broadcast(&client.done);
    pthread_mutex_unlock(&client.lock);
}

static void finish(struct transfer *t, CURLcode code)
{
    for (struct transfer **at = &client.first; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            break;
        }
    }
    if (code == CURLE_OK && !end_head(t))
        code = CURLE_WRITE_ERROR;
    explain(t, code);
    t->result->body = buf_slice(&t->body);
    curl_multi_remove_handle(client.multi, t->easy);
    give_back(t);
}

static void begin(struct transfer *t)
{
    name_host(t);
    if (!prepare(t)) {
        say(t, "a method or field is malformed, or no memory", "");
        give_back(t);
        return;
    }
    t->next = client.first;
    client.first = t;
    if (curl_multi_add_handle(client.multi, t->easy) != CURLM_OK)
        finish(t, CURLE_OUT_OF_MEMORY);
}

static bool take_new(void)
{
    pthread_mutex_lock(&client.lock);
    struct transfer *t = client.new_first;
    bool go_on = !client.stopping;
    client.new_first = NULL;
    pthread_mutex_unlock(&client.lock);

    while (t) {
        struct transfer *next = t->next;
        begin(t);
        t = next;
    }
    return go_on;
}

static bool is_stopped(const struct transfer *t)
{
    return t->request->stop && atomic_load(t->request->stop);
}

/* How long a turn may last: transfers with a flag of their caller's are looked at more often. */
static int poll_ms(void)
{
    for (const struct transfer *t = client.first; t; t = t->next)
        if (t->request->stop)
            return POLL_STOP_MS;
    return POLL_MS;
}

static void end_cancelled(bool all)
{
    for (struct transfer *t = client.first, *next; t; t = next) {
        next = t->next;
        if (is_stopped(t))
            atomic_store(&t->cancel, true);
        if (all)
            snprintf(t->error, sizeof t->error, "the HTTP client was stopped");
        if (all || atomic_load(&t->cancel))
            finish(t, CURLE_ABORTED_BY_CALLBACK);
    }
}

static void end_done(void)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client.multi, &left)) != NULL) {
        char *t = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK && t)
            finish((struct transfer *)t, code);
    }
}

/* After what it is to look at has been set. */
static void wake(void)
{
    atomic_store(&client.woken, true);
    curl_multi_wakeup(client.multi);
}

static void *client_main(void *arg)
{
    int running;

    (void)arg;
    while (take_new()) {
        end_cancelled(false);
        curl_multi_perform(client.multi, &running);
        end_done();
        if (!atomic_exchange(&client.woken, false))
            curl_multi_poll(client.multi, NULL, 0, poll_ms(), NULL);
    }
    end_cancelled(true);
    return NULL;
}

/* ---- starting and stopping ---- */

static bool start_thread(struct err *err)
{
    pthread_attr_t attr;
    sigset_t all, before;

    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    errno = pthread_create(&client.thread, &attr, client_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return errno ? err_errno(err, "HTTP client: thread") : true;
}

bool http_client_start(struct tls_trust *trust, struct err *err)
{
    if (client.running)
        return err_set(err, "HTTP client: it runs already");
    if (!tls_global_init(err))
        return false;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client.multi = curl_multi_init()))
        return err_set(err, "HTTP client: libcurl does not start");
    curl_multi_setopt(client.multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    client.trust = trust;
    client.stopping = false;
    client.running = start_thread(err);
    if (!client.running)
        curl_multi_cleanup(client.multi);
    return client.running;
}

void http_client_stop(void)
{
    pthread_mutex_lock(&client.lock);
    bool running = client.running;
    client.running = false;
    client.stopping = true;
    pthread_mutex_unlock(&client.lock);
    if (!running)
        return;
    wake();
    pthread_join(client.thread, NULL);
    curl_multi_cleanup(client.multi);
    client.multi = NULL;
}

/* ---- waiting ---- */

static bool submit(struct transfer *t)
{
    pthread_mutex_lock(&client.lock);
    bool running = client.running;
    if (running) {
        t->next = client.new_first;
        client.new_first = t;
        wake();
    }
    pthread_mutex_unlock(&client.lock);
    return running;
}

static void wait_in_thread(const struct transfer *t)
{
    pthread_mutex_lock(&client.lock);
    while (!t->done)
        pthread_cond_wait(&client.done, &client.lock);
    pthread_mutex_unlock(&client.lock);
}

static void ask_for_end(struct transfer *t)
{
    atomic_store(&t->cancel, true);
    pthread_mutex_lock(&client.lock);
    if (client.running)
        wake();
    pthread_mutex_unlock(&client.lock);
}

static void wait_in_fiber(struct transfer *t)
{
    struct fiber_wait wait = { .kind = FIBER_WAIT_COND, .cond = &t->fiber_done };

    while (!t->done && fiber_wait(&wait, 1, UINT64_MAX) >= 0)
        ;
    if (t->done)
        return; /* a cancellation that comes now meets the next wait: a signal goes before it
                   (fiber.h) */
    ask_for_end(t);
    fiber_shield(true);
    while (!t->done)
        fiber_wait(&wait, 1, UINT64_MAX);
    fiber_shield(false);
}

bool http_client_perform(const struct http_client_request *request, struct arena *a,
                         struct http_client_result *result)
{
    struct transfer t = {
        .request = request,
        .arena = a,
        .result = result,
        .carrier = fiber_self() ? carrier_self() : NULL,
        .back.run = on_back,
        .fiber_done = FIBER_COND_INIT,
    };

    *result = (struct http_client_result){ .failure = HTTP_CLIENT_OTHER, .fields.arena = a };
    buf_init(&t.body, a);
    if (!submit(&t))
        snprintf(result->message, sizeof result->message, "the HTTP client does not run");
    else if (t.carrier)
        wait_in_fiber(&t);
    else
        wait_in_thread(&t);
    return result->failure == HTTP_CLIENT_OK;
}

/* ---- without waiting ---- */

static bool copy_fields(struct posted *p, const struct http_fields *from)
{
    p->fields.arena = &p->arena;
    for (uint32_t i = 0; i < from->n; i++) {
        struct slice name = arena_copy(&p->arena, from->v[i].name), value = arena_copy(&p->arena, from->v[i].value);
        if (!name.p || !value.p || !http_fields_add(&p->fields, name, value))
            return false;
    }
    return true;
}

static bool copy_request(struct posted *p, const struct http_client_request *q)
{
    struct arena *a = &p->arena;
    const char *url = arena_cstr(a, slice_from(q->url));

    p->request = *q;
    p->request.url = url;
    p->request.method = arena_copy(a, q->method);
    p->request.body = arena_copy(a, q->body);
    p->request.sink = NULL;
    p->request.head = NULL;
    p->request.stop = NULL;
    p->request.max_body = 0;
    p->request.fields = q->fields ? &p->fields : NULL;
    return url && p->request.method.n == q->method.n && p->request.body.n == q->body.n &&
           (!q->fields || copy_fields(p, q->fields));
}

static struct posted *make_posted(const struct http_client_request *request)
{
    struct posted *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    arena_init_growing(&p->arena, POSTED_BYTES_MAX);
    p->result.fields.arena = &p->arena;
    p->transfer.request = &p->request;
    p->transfer.arena = &p->arena;
    p->transfer.result = &p->result;
    p->transfer.posted = p;
    buf_init(&p->transfer.body, &p->arena);
    if (copy_request(p, request))
        return p;
    arena_free(&p->arena);
    free(p);
    return NULL;
}

bool http_client_post(const struct http_client_request *request)
{
    pthread_mutex_lock(&client.lock);
    bool room = client.running && client.posted < HTTP_CLIENT_POSTS_MAX;
    client.posted += room;
    pthread_mutex_unlock(&client.lock);
    if (!room)
        return false;
    struct posted *p = make_posted(request);
    if (p && submit(&p->transfer))
        return true;
    if (p) {
        free_posted(p);
        return false;
    }
    pthread_mutex_lock(&client.lock);
    client.posted--;
    pthread_mutex_unlock(&client.lock);
    return false;
}
