/* The context of `eval`: a JSON document behind the table of host.h. What is left out reads as for a GET of
 * http://localhost/ that matched no API. Scalars need no code here: the path in host.def is the path in the document. */
#include "platform/base/buf.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "policy/expr/batch_int.h"

/* Longest name in a path of host.def. */
#define PATH_MAX_BYTES 64

struct sample_message {
    struct expr_message head; /* first: what the engine sees */
    const struct batch_context *context;
    const struct json *json;
    struct expr_url url, original;
    struct slice body;
    bool has_body, has_certificate;
    bool *consumed;
    struct expr_certificate certificate;
};

static const struct sample_message *sample(const struct expr_message *m)
{
    return (const struct sample_message *)m;
}

/* ---- reading the document ---- */

/* "context.Api.ServiceUrl" finds api.serviceUrl. *parent: is the object that should hold it there? */
static const struct json *at_path(const struct json *root, const char *path, bool *parent)
{
    struct slice rest = slice_skip(slice_from(path), sizeof "context." - 1), name;
    char key[PATH_MAX_BYTES];

    *parent = true;
    while (slice_cut(&rest, '.', &name) && name.n < sizeof key) {
        *parent = json_type(root) == JSON_OBJECT;
        memcpy(key, name.p, name.n);
        key[0] = ascii_lower(key[0]);
        root = json_get_slice(root, slice_of(key, name.n));
    }
    return root;
}

static unsigned digits(struct slice s, size_t *at, unsigned n)
{
    unsigned value = 0;

    for (; n && *at < s.n && ascii_is_digit(s.p[*at]); n--, ++*at)
        value = value * 10 + (unsigned)(s.p[*at] - '0');
    return value;
}

/* Days from 1970-01-01 (Howard Hinnant: "chrono-compatible low-level date algorithms"). */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
    int64_t era;
    unsigned yoe, doy;

    y -= m <= 2;
    era = y / 400;
    yoe = (unsigned)(y - era * 400);
    doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + (int64_t)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

/* n digits and the character behind them, unless that is 0. */
static bool part(struct slice s, size_t *at, unsigned n, char end, unsigned *out)
{
    size_t from = *at;

    *out = digits(s, at, n);
    if (*at != from + n || (end && (*at >= s.n || (s.p[*at] | 0x20) != (end | 0x20))))
        return false;
    *at += end != 0;
    return true;
}

/* ["." digits] ("Z" | ("+" | "-") hh ":" mm | "") at the end of a time. */
static bool fraction_and_zone(struct slice s, size_t at, int64_t *ns, int64_t *offset)
{
    int64_t scale = 100000000;
    unsigned h, m;
    bool west;

    if (at < s.n && s.p[at] == '.')
        for (at++; at < s.n && ascii_is_digit(s.p[at]); at++, scale /= 10)
            *ns += (s.p[at] - '0') * scale;
    if (at == s.n || (at + 1 == s.n && (s.p[at] | 0x20) == 'z'))
        return true;
    west = s.p[at] == '-';
    if (!west && s.p[at] != '+')
        return false;
    at++;
    if (!part(s, &at, 2, ':', &h) || !part(s, &at, 2, 0, &m) || at != s.n || h > 14 || m > 59)
        return false;
    *offset = (int64_t)(h * 3600 + m * 60) * (west ? -1 : 1);
    return true;
}

bool batch_time(struct slice s, uint64_t *out)
{
    unsigned y, mo, d, h, mi, se;
    int64_t ns = 0, offset = 0;
    size_t at = 0;

    if (!part(s, &at, 4, '-', &y) || !part(s, &at, 2, '-', &mo) || !part(s, &at, 2, 'T', &d) || !part(s, &at, 2, ':', &h) ||
        !part(s, &at, 2, ':', &mi) || !part(s, &at, 2, 0, &se) || !fraction_and_zone(s, at, &ns, &offset))
        return false;
    if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || se > 59)
        return false;
    ns += (days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - offset) * (int64_t)NS_PER_S;
    *out = (uint64_t)ns;
    return ns >= 0;
}

struct slice batch_text(const struct json *j)
{
    if (json_type(j) == JSON_BOOL)
        return json_bool(j, false) ? SLICE("true") : SLICE("false");
    return json_type(j) == JSON_NUMBER ? json_number_text(j) : json_str(j);
}

struct slice batch_bytes(struct arena *a, const struct json *j)
{
    struct buf b;

    if (json_type(j) == JSON_STRING)
        return json_str(j);
    if (json_type(json_get(j, "base64")) == JSON_STRING)
        return crypto_base64_decode(a, json_str(json_get(j, "base64")));
    buf_init(&b, a);
    json_write(&b, j);
    return buf_slice(&b);
}

/* DER of a certificate given as PEM, as base64 or as {"base64"}. */
static struct slice der_of(struct arena *a, const struct json *j)
{
    struct slice text = json_type(j) == JSON_STRING ? json_str(j) : json_str(json_get(j, "base64"));
    ptrdiff_t begin = slice_find(text, SLICE("-----BEGIN CERTIFICATE-----")), end = slice_find(text, SLICE("-----END CERTIFICATE-----"));

    if (begin >= 0 && end > begin)
        text = slice_sub(text, (size_t)begin + sizeof "-----BEGIN CERTIFICATE-----" - 1, (size_t)end);
    return crypto_base64_decode(a, text);
}

/* ---- scalars and lists ---- */

static const char *const item_paths[] = {
#define ITEM(name, path, type) path,
#include "policy/expr/host.def"
#undef ITEM
};

enum form { FORM_TEXT, FORM_BOOL, FORM_INT, FORM_TIME, FORM_GUID };

static const uint8_t item_forms[] = {
#define ITEM(name, path, type) FORM_##type,
#include "policy/expr/host.def"
#undef ITEM
};

static struct expr_scalar absent_item(const struct batch_context *c, enum expr_item item, bool parent)
{
    struct expr_scalar s = { .present = parent && item_forms[item] == FORM_TEXT };

    switch (item) {
    case EXPR_REQUEST_ID: s.text = c->request_id; break;
    case EXPR_REQUEST_IP: s.text = SLICE("127.0.0.1"); break;
    case EXPR_TIMESTAMP: s.ns = c->now; break;
    case EXPR_API_IS_CURRENT: s.number = 1; break;
    case EXPR_API_KEY_HEADER: s.text = SLICE("Ocp-Apim-Subscription-Key"); break;
    case EXPR_API_KEY_QUERY: s.text = SLICE("subscription-key"); break;
    case EXPR_GATEWAY_ID:
    case EXPR_GATEWAY_INSTANCE_ID: s.text = SLICE("localhost"); break;
    default: return s;
    }
    s.present = true;
    return s;
}

static struct expr_scalar item(void *data, enum expr_item which)
{
    const struct batch_context *c = data;
    bool parent;
    const struct json *j = at_path(c->json, item_paths[which], &parent);
    struct expr_scalar s = { .present = true };

    if (!j && which == EXPR_GATEWAY_ID)
        j = json_path(c->json, "deployment", "gatewayId", NULL);
    if (!j || json_type(j) == JSON_NULL)
        return absent_item(c, which, parent);
    switch (item_forms[which]) {
    case FORM_BOOL: s.number = json_bool(j, false); break;
    case FORM_INT: s.number = json_int(j, 0); break;
    case FORM_TIME: s.present = batch_time(json_str(j), &s.ns); break;
    default: s.text = batch_text(j); break;
    }
    return s;
}

static const struct {
    const char *path, *fields[EXPR_LIST_FIELDS];
} lists[] = {
    [EXPR_USER_GROUPS] = { "context.User.Groups", { "id", "name" } },
    [EXPR_USER_IDENTITIES] = { "context.User.Identities", { "id", "provider" } },
    [EXPR_PRODUCT_GROUPS] = { "context.Product.Groups", { "id", "name" } },
    [EXPR_PRODUCT_APIS] = { "context.Product.Apis", { "id", "name", "path", "revision" } },
    [EXPR_API_PROTOCOLS] = { "context.Api.Protocols", { "id" } },
    [EXPR_CERTIFICATES] = { "context.Deployment.Certificates", { "id" } },
};

static bool list(void *data, enum expr_list which, size_t index, struct slice fields[EXPR_LIST_FIELDS])
{
    const struct batch_context *c = data;
    bool parent;
    const struct json *j = at_path(c->json, lists[which].path, &parent);
    struct json_iter it = json_iter(j);

    memset(fields, 0, EXPR_LIST_FIELDS * sizeof *fields);
    for (size_t i = 0; json_next(&it); i++) {
        if (i < index)
            continue;
        if (json_type(j) == JSON_OBJECT || json_type(it.value) == JSON_STRING) {
            fields[0] = fields[1] = json_type(j) == JSON_OBJECT ? it.key : json_str(it.value);
            return true;
        }
        for (unsigned f = 0; f < EXPR_LIST_FIELDS && lists[which].fields[f]; f++)
            fields[f] = json_str(json_get(it.value, lists[which].fields[f]));
        return true;
    }
    return false;
}

/* ---- messages ---- */

static int status(const struct expr_message *m)
{
    return (int)json_int(json_get(sample(m)->json, "statusCode"), 200);
}

static struct slice reason(const struct expr_message *m)
{
    const struct json *j = json_get(sample(m)->json, "statusReason");

    return j ? json_str(j) : status(m) == 200 ? SLICE("OK") : SLICE("");
}

static struct slice method(const struct expr_message *m)
{
    const struct json *j = json_get(sample(m)->json, "method");

    return j ? json_str(j) : SLICE("GET");
}

static void url(const struct expr_message *m, bool original, struct expr_url *out)
{
    *out = original ? sample(m)->original : sample(m)->url;
}

/* Line i of all headers, a list of values counting as so many lines; with a name only its lines. */
static bool header_line(const struct expr_message *m, struct slice wanted, size_t i, struct slice *name, struct slice *value)
{
    struct json_iter it = json_iter(json_get(sample(m)->json, "headers"));

    while (json_next(&it)) {
        struct json_iter values = json_iter(it.value);
        const struct json *v = it.value;

        if (wanted.p && !slice_eq_icase(it.key, wanted))
            continue;
        do {
            if (json_type(it.value) == JSON_ARRAY) {
                if (!json_next(&values))
                    break;
                v = values.value;
            }
            if (i-- > 0)
                continue;
            *name = it.key;
            *value = batch_text(v);
            return true;
        } while (json_type(it.value) == JSON_ARRAY);
    }
    return false;
}

static bool header(const struct expr_message *m, struct slice name, uint32_t hash, size_t nth, struct slice *value)
{
    struct slice found;

    (void)hash;
    return header_line(m, name.p ? name : SLICE(""), nth, &found, value);
}

static bool header_at(const struct expr_message *m, size_t i, struct slice *name, struct slice *value)
{
    return header_line(m, SLICE_NONE, i, name, value);
}

static bool has_body(const struct expr_message *m)
{
    return sample(m)->has_body;
}

static enum expr_body_state body(const struct expr_message *m, bool preserve, struct arena *a, struct slice *out,
                                 struct slice *error)
{
    (void)a;
    (void)error;
    if (!sample(m)->has_body)
        return EXPR_BODY_NONE;
    if (*sample(m)->consumed)
        return EXPR_BODY_CONSUMED;
    *sample(m)->consumed = !preserve;
    *out = sample(m)->body;
    return EXPR_BODY_OK;
}

static bool certificate(const struct expr_message *m, struct expr_certificate *out)
{
    *out = sample(m)->certificate;
    return sample(m)->has_certificate;
}

static const struct expr_message_ops message_ops = {
    .status = status, .reason = reason, .method = method, .url = url, .header = header, .header_at = header_at,
    .has_body = has_body, .body = body, .certificate = certificate,
};

static struct sample_message *message_open(struct batch_context *c, const struct json *j)
{
    struct sample_message *m = arena_new(c->arena, struct sample_message);
    const struct json *content = json_get(j, "body"), *original = json_get(j, "originalUrl"), *cert = json_get(j, "certificate");

    if (!m)
        return NULL;
    m->head.ops = &message_ops;
    m->context = c;
    m->json = j;
    expr_url_split(json_get(j, "url") ? json_str(json_get(j, "url")) : SLICE("http://localhost/"), &m->url);
    m->original = m->url;
    if (original)
        expr_url_split(json_str(original), &m->original);
    m->has_body = content && json_type(content) != JSON_NULL;
    if (m->has_body)
        m->body = batch_bytes(c->arena, content);
    m->has_certificate = cert && json_type(cert) != JSON_NULL;
    if (m->has_certificate)
        m->certificate.der = der_of(c->arena, cert);
    m->consumed = arena_new(c->arena, bool);
    return m->consumed ? m : NULL;
}

static const struct expr_message *request(void *data)
{
    return ((const struct batch_context *)data)->request;
}

static const struct expr_message *response(void *data)
{
    return ((const struct batch_context *)data)->response;
}

/* ---- variables, parameters, certificates ---- */

static bool variable_at(void *data, size_t i, struct slice *name, struct expr_value *out)
{
    const struct batch_context *c = data;

    if (i >= c->nvariables)
        return false;
    *name = c->variables[i].name;
    *out = c->variables[i].value;
    return true;
}

static bool variable(void *data, struct slice name, struct expr_value *out)
{
    struct slice found;

    for (size_t i = 0; variable_at(data, i, &found, out); i++)
        if (slice_eq(found, name))
            return true;
    return false;
}

static bool parameter_at(void *data, size_t i, struct slice *name, struct slice *value)
{
    const struct batch_context *c = data;
    struct json_iter it = json_iter(json_path(c->json, "request", "matchedParameters", NULL));

    while (json_next(&it))
        if (i-- == 0) {
            *name = it.key;
            *value = batch_text(it.value);
            return true;
        }
    return false;
}

static bool parameter(void *data, struct slice name, struct slice *value)
{
    struct slice found;

    for (size_t i = 0; parameter_at(data, i, &found, value); i++)
        if (slice_eq_icase(found, name))
            return true;
    return false;
}

static bool certificate_of(void *data, struct slice id, struct expr_certificate *out)
{
    const struct batch_context *c = data;
    const struct json *j = json_get_slice(json_path(c->json, "deployment", "certificates", NULL), id);

    *out = (struct expr_certificate){ .der = der_of(c->arena, j) };
    return j != NULL;
}

const struct expr_host batch_host = {
    .item = item, .list = list, .request = request, .response = response, .variable = variable, .variable_at = variable_at,
    .parameter = parameter, .parameter_at = parameter_at, .certificate = certificate_of,
};

static struct slice random_guid(struct arena *a)
{
    uint8_t r[16];
    char hex[32];

    crypto_random(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
    r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
    crypto_hex(r, sizeof r, hex);
    return arena_printf(a, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

bool batch_context_open(struct batch_context *c, struct arena *a, const struct json *json)
{
    const struct json *answer = json_get(json, "response"), *variables = json_get(json, "variables");
    struct json_iter it = json_iter(variables);
    struct sample_message *m;

    *c = (struct batch_context){ .arena = a, .json = json, .now = clock_wall_ns(), .request_id = random_guid(a) };
    if (!batch_check(c))
        return false;
    m = message_open(c, json_get(json, "request"));
    if (!m)
        return false;
    c->request = &m->head;
    if (answer && json_type(answer) != JSON_NULL) {
        m = message_open(c, answer);
        if (!m)
            return false;
        c->response = &m->head;
    }
    c->variables = arena_array(a, struct batch_variable, json_count(variables));
    if (!c->variables)
        return false;
    while (json_next(&it)) {
        struct expr_value v;

        if (!batch_value(c, it.value, &v)) {
            c->error = arena_printf(a, "variables.%.*s: %.*s", SLICE_ARG(it.key), SLICE_ARG(c->error));
            return false;
        }
        c->variables[c->nvariables].name = it.key;
        c->variables[c->nvariables++].value = v;
    }
    return true;
}
