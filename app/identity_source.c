/* How a token is asked for, one function a source. See identity.h. */
#include "app/identity.h"

#include <string.h>

#include "platform/clock.h"
#include "platform/file.h"
#include "platform/helper.h"
#include "platform/http.h"
#include "platform/http_client.h"
#include "platform/json.h"
#include "policy/uri.h"

#define FEDERATED_FILE_MAX (16u << 10)
#define ANSWER_BYTES_MAX (64u << 10)
/* Of a source's own words about an error, in messages. */
#define WORDS_MAX 200u
#define DEFAULT_SCOPE SLICE("/.default")
/* No token is good for longer: a larger number is a mistake, and must not overflow. */
#define LIFE_MAX_S (UINT64_C(366) * 86400)

/* One question. */
struct ask {
    struct slice resource, client;
    struct arena *a;
    struct identity_answer *out;
    struct err *err;
};

/* ---- answers ---- */

/* A number, or a string of digits. */
static bool read_seconds(const struct json *j, uint64_t *out)
{
    struct slice text = json_type(j) == JSON_STRING ? json_str(j) : json_number_text(j);

    return slice_to_u64(text, INT64_MAX, out);
}

/* expires_in goes before expires_on: it does not depend on this machine's clock. */
static bool read_life(const struct json *j, uint64_t now_s, uint64_t *seconds)
{
    uint64_t until;

    if (!read_seconds(json_get(j, "expires_in"), seconds)) {
        if (!read_seconds(json_get(j, "expires_on"), &until))
            return false;
        *seconds = until > now_s ? until - now_s : 0;
    }
    if (*seconds > LIFE_MAX_S)
        *seconds = LIFE_MAX_S;
    return true;
}

/* b64token of RFC 6750 2.1, as far as it matters: it becomes part of a header field. */
static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= IDENTITY_TOKEN_MAX;
}

bool identity_read_answer(struct slice body, uint64_t wall_ns, struct arena *a, struct identity_answer *out, struct err *err)
{
    const struct json *j = json_parse(a, body, err);

    if (!j)
        return err_wrap(err, "answer");
    out->token = json_str(json_get(j, "access_token"));
    if (!is_token(out->token))
        return err_set(err, "answer: no usable access_token");
    if (!read_life(j, wall_ns / NS_PER_S, &out->seconds))
        return err_set(err, "answer: neither expires_in nor expires_on");
    return out->seconds > 0 || err_set(err, "answer: the token has expired");
}

static struct slice first_line(struct slice s)
{
    size_t n = 0;

    while (n < s.n && n < WORDS_MAX && (unsigned char)s.p[n] >= ' ')
        n++;
    return slice_first(s, n);
}

/* What went wrong in the words of the source: {"error":"…","error_description":"…"}. */
static bool fail_status(struct ask *k, const struct http_client_result *r)
{
    const struct json *j = json_parse(k->a, r->body, NULL);
    struct slice code = first_line(json_str(json_get(j, "error")));
    struct slice words = first_line(json_str(json_get(j, "error_description")));

    return err_set(k->err, "status %d%s%.*s%s%.*s", r->status, code.n ? ": " : "", SLICE_ARG(code), words.n ? ": " : "",
                   SLICE_ARG(words));
}

static bool take_answer(struct ask *k, const struct http_client_result *r)
{
    if (r->status != 200)
        return fail_status(k, r);
    return identity_read_answer(r->body, clock_wall_ns(), k->a, k->out, k->err);
}

/* ---- exchanges ---- */

/* direct: never by way of a proxy, as the source is this machine or its host. */
static bool exchange(struct ask *k, struct http_client_request *q, bool direct, struct http_client_result *r)
{
    q->connect_ms = IDENTITY_CONNECT_MS;
    q->total_ms = IDENTITY_FETCH_MS;
    q->max_body = ANSWER_BYTES_MAX;
    q->no_proxy = direct;
    if (k->a->overflow || !q->url)
        return err_set(k->err, "no memory");
    return http_client_perform(q, k->a, r) || err_set(k->err, "%s", r->message);
}

/* "endpoint?api-version=…&resource=…[&client_id=…]" */
static const char *local_url(struct ask *k, const char *endpoint, const char *version)
{
    struct slice resource = k->resource;

    if (slice_ends(resource, DEFAULT_SCOPE))
        resource.n -= DEFAULT_SCOPE.n;
    return arena_printf(k->a, "%s%capi-version=%s&resource=%.*s%s%.*s", endpoint, strchr(endpoint, '?') ? '&' : '?', version,
                        SLICE_ARG(uri_escape(k->a, resource)), k->client.n ? "&client_id=" : "",
                        SLICE_ARG(uri_escape(k->a, k->client))).p;
}

static bool ask_local(struct ask *k, const char *url, struct slice name, struct slice value, struct http_client_result *r)
{
    struct http_fields fields = { .arena = k->a };
    struct http_client_request q = { .url = url, .fields = &fields };

    if (!http_fields_add(&fields, name, value))
        return err_set(k->err, "no memory");
    return exchange(k, &q, true, r);
}

static bool from_imds(struct ask *k, const char *endpoint)
{
    struct http_client_result r;

    return ask_local(k, local_url(k, endpoint, "2018-02-01"), SLICE("Metadata"), SLICE("true"), &r) && take_answer(k, &r);
}

static bool from_app_service(struct ask *k, const char *endpoint, const char *header)
{
    struct http_client_result r;

    return ask_local(k, local_url(k, endpoint, "2019-08-01"), SLICE("X-IDENTITY-HEADER"), slice_from(header), &r) &&
           take_answer(k, &r);
}

/* ---- files: on a helper thread ---- */

struct reading {
    struct arena *a;
    const char *path;
    size_t max;
    struct slice text;
    struct err err;
    bool ok;
};

static void read_now(void *arg)
{
    struct reading *r = arg;

    r->ok = file_read(r->a, r->path, r->max, &r->text, &r->err);
}

static bool read_file(struct ask *k, const char *path, size_t max, struct slice *text)
{
    struct reading r = { .a = k->a, .path = path, .max = max };

    helper_call(read_now, &r);
    *text = slice_trim(r.text);
    if (!r.ok)
        return err_set(k->err, "%s", r.err.text);
    return text->n > 0 || err_set(k->err, "%s: empty", path);
}

/* ---- Azure Arc: the first answer is a challenge ---- */

const char *identity_arc_file(struct arena *a, struct slice challenge)
{
    static const struct slice begin = SLICE_INIT("Basic realm="), folder = SLICE_INIT(IDENTITY_ARC_FOLDER "/");
    struct slice path = slice_trim(slice_skip(challenge, begin.n));

    if (!slice_starts_icase(challenge, begin))
        return NULL;
    if (path.n > 2 && path.p[0] == '"' && path.p[path.n - 1] == '"')
        path = slice_sub(path, 1, path.n - 1);
    struct slice name = slice_skip(path, folder.n);
    if (!slice_starts(path, folder) || slice_find_byte(name, '/') >= 0 || slice_find_byte(name, '\0') >= 0 || name.n <= 4 ||
        !slice_ends(name, SLICE(".key")))
        return NULL;
    return arena_cstr(a, path);
}

static bool answer_challenge(struct ask *k, const char *url, struct slice challenge, struct http_client_result *r)
{
    const char *path = identity_arc_file(k->a, challenge);
    struct http_fields fields = { .arena = k->a };
    struct http_client_request q = { .url = url, .fields = &fields };
    struct slice key;

    if (!path)
        return err_set(k->err, "challenge \"%.*s\": names no .key file in %s", SLICE_ARG(first_line(challenge)),
                       IDENTITY_ARC_FOLDER);
    if (!read_file(k, path, IDENTITY_ARC_FILE_MAX, &key))
        return false;
    struct slice value = arena_printf(k->a, "Basic %.*s", SLICE_ARG(key));
    if (!http_is_field_value(value))
        return err_set(k->err, "%s: is no key", path);
    return http_fields_add(&fields, SLICE("Metadata"), SLICE("true")) && http_fields_add(&fields, SLICE("Authorization"), value) &&
           exchange(k, &q, true, r);
}

static bool from_arc(struct ask *k, const char *endpoint)
{
    const char *url = local_url(k, endpoint, "2020-06-01");
    struct http_client_result r, challenge;

    if (k->client.n)
        return err_set(k->err, "client-id %.*s: an Arc machine has its own identity only: leave client-id out", SLICE_ARG(k->client));
    if (!ask_local(k, url, SLICE("Metadata"), SLICE("true"), &challenge))
        return false;
    if (challenge.status != 401)
        return take_answer(k, &challenge);
    return answer_challenge(k, url, http_fields_get(&challenge.fields, SLICE("WWW-Authenticate")), &r) && take_answer(k, &r);
}

/* ---- workload identity ---- */

static struct slice scope(struct ask *k)
{
    struct slice parts[] = { k->resource, DEFAULT_SCOPE };

    return slice_ends(k->resource, DEFAULT_SCOPE) ? k->resource : arena_concat(k->a, parts, 2);
}

static struct slice without_slash(struct slice s)
{
    while (s.n && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

static bool from_workload(struct ask *k, const struct identity_sources *from, struct slice client)
{
    struct slice host = without_slash(slice_from(from->authority ? from->authority : "https://login.microsoftonline.com"));
    struct http_fields fields = { .arena = k->a };
    struct http_client_request q = { .method = SLICE("POST"), .fields = &fields };
    struct http_client_result r;
    struct slice assertion;

    if (!slice_starts_icase(host, SLICE("http")))
        return err_set(k->err, "AZURE_AUTHORITY_HOST: %.*s: give https://host", SLICE_ARG(host));
    if (!read_file(k, from->federated_file, FEDERATED_FILE_MAX, &assertion))
        return false;
    q.url = arena_printf(k->a, "%.*s/%s/oauth2/v2.0/token", SLICE_ARG(host), from->tenant).p;
    q.body = arena_printf(k->a, "grant_type=client_credentials&client_id=%.*s&scope=%.*s&client_assertion_type="
                                "urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%.*s",
                          SLICE_ARG(uri_escape(k->a, client)), SLICE_ARG(uri_escape(k->a, scope(k))),
                          SLICE_ARG(uri_escape(k->a, assertion)));
    return http_fields_add(&fields, SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded")) &&
           http_fields_add(&fields, SLICE("Accept"), SLICE("application/json")) && exchange(k, &q, false, &r) && take_answer(k, &r);
}

/* ---- which one ---- */

bool identity_fetch(const struct identity_sources *from, struct slice resource, struct slice client, struct arena *a,
                    struct identity_answer *out, struct err *err)
{
    struct ask k = { .resource = resource, .client = client, .a = a, .out = out, .err = err };
    struct slice workload = client.n ? client : slice_from(from->client);

    err_set(err, "no memory");
    if (from->federated_file && from->tenant && workload.n)
        return from_workload(&k, from, workload) || err_wrap(err, "workload identity");
    if (from->endpoint && from->header)
        return from_app_service(&k, from->endpoint, from->header) || err_wrap(err, "IDENTITY_ENDPOINT %s", from->endpoint);
    if (from->endpoint && from->imds_of_arc)
        return from_arc(&k, from->endpoint) || err_wrap(err, "Azure Arc %s", from->endpoint);
    if (from->arc_agent)
        return from_arc(&k, IDENTITY_ARC_URL) || err_wrap(err, "Azure Arc %s", IDENTITY_ARC_URL);
    return from_imds(&k, from->imds) || err_wrap(err, "IMDS %s", from->imds);
}
