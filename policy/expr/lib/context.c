/* The context tree: every member asks the host. */
#include "platform/base/hash.h"
#include "platform/clock.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/certificate.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/percent.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define UNIX_TICKS INT64_C(621355968000000000)
#define MESSAGE(v) ((const struct expr_message *)(v).p)

static struct expr_value host_value(unsigned type, const void *p)
{
    return (struct expr_value){ .kind = EXPR_HOST, .aux = (uint16_t)type, .p = p };
}

/* Text from outside: UTF-8, else ISO-8859-1. */
static struct expr_value outside_text(struct vm *vm, struct slice s)
{
    return s.p ? expr_value_from_text(vm->arena, s) : expr_value_null();
}

static struct expr_scalar get(struct vm *vm, enum expr_item item)
{
    return vm->host && vm->host->item ? vm->host->item(vm->run->data, item) : (struct expr_scalar){ .present = false };
}

static bool parse_guid(struct slice s, uint8_t out[16])
{
    static const uint8_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    unsigned n = 0;

    for (size_t i = 0; i + 1 < s.n && n < 16; i++) {
        if (s.p[i] == '-')
            continue;
        if (ascii_hex_value(s.p[i]) < 0 || ascii_hex_value(s.p[i + 1]) < 0)
            return false;
        out[order[n++]] = (uint8_t)(ascii_hex_value(s.p[i]) << 4 | ascii_hex_value(s.p[i + 1]));
        i++;
    }
    return n == 16;
}

enum form { FORM_TEXT, FORM_BOOL, FORM_INT, FORM_TIME, FORM_GUID };

static struct expr_value item_value(struct vm *vm, struct expr_value on, enum expr_item item, enum form form)
{
    struct expr_scalar s;
    uint8_t *guid;

    if (on.kind == EXPR_NULL)
        return vm_throw_null(vm);
    if (on.kind == EXPR_OBJECT) /* an element of Product.Apis: Id, Name, Path, Revision */
        return item - EXPR_API_ID < EXPR_LIST_FIELDS ? OBJECT(on, tuple_object)->f[item - EXPR_API_ID]
               : form == FORM_BOOL ? val_bool(true) : expr_value_null();
    s = get(vm, item);
    switch (form) {
    case FORM_BOOL: return val_bool(s.number != 0);
    case FORM_INT: return s.present ? val_int((int32_t)s.number) : item == EXPR_PRODUCT_SUBSCRIPTION_LIMIT ? expr_value_null() : val_int(0);
    case FORM_TIME: return s.present ? expr_value_from_unix_ns(s.ns) : expr_value_null();
    case FORM_GUID:
        guid = vm_alloc(vm, 16);
        if (!guid)
            return expr_value_null();
        parse_guid(s.text, guid);
        return (struct expr_value){ .kind = EXPR_GUID, .p = guid };
    default: return s.present ? outside_text(vm, s.text) : expr_value_null();
    }
}

#define GET(name, item, form) NATIVE(context_##name) { return item_value(vm, a[0], EXPR_##item, FORM_##form); }
GET(api_id, API_ID, TEXT)
GET(api_name, API_NAME, TEXT)
GET(api_path, API_PATH, TEXT)
GET(api_revision, API_REVISION, TEXT)
GET(api_version, API_VERSION, TEXT)
GET(api_is_current, API_IS_CURRENT, BOOL)
GET(gateway_id, GATEWAY_ID, TEXT)
GET(gateway_instance_id, GATEWAY_INSTANCE_ID, TEXT)
GET(gateway_is_managed, GATEWAY_IS_MANAGED, BOOL)
GET(deployment_region, DEPLOYMENT_REGION, TEXT)
GET(service_id, SERVICE_ID, TEXT)
GET(service_name, SERVICE_NAME, TEXT)
GET(lasterror_source, LASTERROR_SOURCE, TEXT)
GET(lasterror_reason, LASTERROR_REASON, TEXT)
GET(lasterror_message, LASTERROR_MESSAGE, TEXT)
GET(lasterror_scope, LASTERROR_SCOPE, TEXT)
GET(lasterror_section, LASTERROR_SECTION, TEXT)
GET(lasterror_path, LASTERROR_PATH, TEXT)
GET(lasterror_policy_id, LASTERROR_POLICY_ID, TEXT)
GET(lasterror_http_code, LASTERROR_HTTP_CODE, INT)
GET(operation_id, OPERATION_ID, TEXT)
GET(operation_name, OPERATION_NAME, TEXT)
GET(operation_method, OPERATION_METHOD, TEXT)
GET(operation_url_template, OPERATION_URL_TEMPLATE, TEXT)
GET(product_id, PRODUCT_ID, TEXT)
GET(product_name, PRODUCT_NAME, TEXT)
GET(product_approval, PRODUCT_APPROVAL, BOOL)
GET(product_subscription_required, PRODUCT_SUBSCRIPTION_REQUIRED, BOOL)
GET(product_subscription_limit, PRODUCT_SUBSCRIPTION_LIMIT, INT)
GET(subscription_id, SUBSCRIPTION_ID, TEXT)
GET(subscription_name, SUBSCRIPTION_NAME, TEXT)
GET(subscription_key, SUBSCRIPTION_KEY, TEXT)
GET(subscription_primary, SUBSCRIPTION_PRIMARY, TEXT)
GET(subscription_secondary, SUBSCRIPTION_SECONDARY, TEXT)
GET(subscription_created, SUBSCRIPTION_CREATED, TIME)
GET(subscription_start, SUBSCRIPTION_START, TIME)
GET(subscription_end, SUBSCRIPTION_END, TIME)
GET(user_id, USER_ID, TEXT)
GET(user_email, USER_EMAIL, TEXT)
GET(user_first_name, USER_FIRST_NAME, TEXT)
GET(user_last_name, USER_LAST_NAME, TEXT)
GET(user_note, USER_NOTE, TEXT)
GET(user_registered, USER_REGISTERED, TIME)
GET(request_ip, REQUEST_IP, TEXT)
GET(request_id, REQUEST_ID, GUID)
GET(timestamp, TIMESTAMP, TIME)
GET(tracing, TRACING, BOOL)
GET(api_key_header, API_KEY_HEADER, TEXT)
GET(api_key_query, API_KEY_QUERY, TEXT)
GET(workspace_id, WORKSPACE_ID, TEXT)
GET(workspace_name, WORKSPACE_NAME, TEXT)

/* An object that is null when its item is absent. */
#define PART(name, item, type) \
    NATIVE(context_##name) { return get(vm, EXPR_##item).present ? host_value(TYPE_##type, NULL) : expr_value_null(); }
PART(api, API_ID, IAPI)
PART(operation, OPERATION_ID, IOPERATION)
PART(product, PRODUCT_ID, IPRODUCT)
PART(subscription, SUBSCRIPTION_ID, ISUBSCRIPTION)
PART(user, USER_ID, IUSER)
PART(workspace, WORKSPACE_ID, IWORKSPACE)

NATIVE(context_last_error)
{
    return get(vm, EXPR_LASTERROR_SOURCE).present || get(vm, EXPR_LASTERROR_REASON).present || get(vm, EXPR_LASTERROR_MESSAGE).present
               ? host_value(TYPE_ILASTERROR, NULL) : expr_value_null();
}

NATIVE(context_deployment)
{
    return host_value(TYPE_IDEPLOYMENT, NULL);
}

NATIVE(context_gateway)
{
    return host_value(TYPE_IGATEWAY, NULL);
}

NATIVE(context_variables)
{
    return host_value(TYPE_IVARIABLES, NULL);
}

NATIVE(context_request)
{
    const struct expr_message *m = vm->host && vm->host->request ? vm->host->request(vm->run->data) : NULL;

    return m ? host_value(TYPE_IREQUEST, m) : expr_value_null();
}

NATIVE(context_response)
{
    const struct expr_message *m = vm->host && vm->host->response ? vm->host->response(vm->run->data) : NULL;

    return m ? host_value(TYPE_IRESPONSE, m) : expr_value_null();
}

NATIVE(context_api_key_names)
{
    NEED_THIS;
    return host_value(TYPE_IKEYNAMES, NULL);
}

NATIVE(context_api_service_url)
{
    NEED_THIS;
    return a[0].kind == EXPR_HOST && get(vm, EXPR_API_SERVICE_URL).present ? host_value(TYPE_ISERVICEURL, NULL) : expr_value_null();
}

NATIVE(context_elapsed)
{
    struct expr_scalar from = get(vm, EXPR_TIMESTAMP);
    uint64_t now = clock_wall_ns();

    return (struct expr_value){ .kind = EXPR_TIMESPAN, .i = from.present && now > from.ns ? (int64_t)((now - from.ns) / 100) : 0 };
}

NATIVE(context_product_state)
{
    struct expr_scalar s;

    NEED_THIS;
    s = get(vm, EXPR_PRODUCT_STATE);
    return val_enum(TYPE_PRODUCTSTATE, !slice_eq_icase(s.text, SLICE("notPublished")));
}

/* ---- lists ---- */

/* A list of the host's as List<element>; rows are objects of their fields, or the first field itself for text. */
static struct expr_value rows(struct vm *vm, struct expr_value on, enum expr_list which, const struct type *element, unsigned fields)
{
    struct list_object *l;
    struct slice text[EXPR_LIST_FIELDS] = { { 0 } };
    struct expr_value f[EXPR_LIST_FIELDS], row;

    if (on.kind == EXPR_NULL)
        return vm_throw_null(vm);
    l = list_make(vm, type_make1(vm->arena, TYPE_LIST, element), 0);
    if (!l)
        return expr_value_null();
    for (size_t i = 0; on.kind == EXPR_HOST && vm->host && vm->host->list && vm->host->list(vm->run->data, which, i, text); i++) {
        for (unsigned k = 0; k < fields; k++)
            f[k] = outside_text(vm, text[k]);
        row = type_is(element, TYPE_STRING) ? f[0] : tuple_make(vm, element, fields, f);
        if (vm->thrown || !list_append(vm, l, row) || !vm_charge(vm, 1))
            return expr_value_null();
    }
    return object_value(l);
}

#define ROWS(name, list, type, fields) NATIVE(context_##name) { return rows(vm, a[0], EXPR_##list, TYPE_OF(type), fields); }
ROWS(api_protocols, API_PROTOCOLS, STRING, 1)
ROWS(product_groups, PRODUCT_GROUPS, IGROUP, 2)
ROWS(product_apis, PRODUCT_APIS, IAPI, EXPR_LIST_FIELDS)
ROWS(user_groups, USER_GROUPS, IGROUP, 2)
ROWS(user_identities, USER_IDENTITIES, IUSERIDENTITY, 2)

/* context.Deployment.Certificates, by id. */
NATIVE(context_certificates)
{
    static const struct type *const args[] = { TYPE_OF(STRING), TYPE_OF(X509CERTIFICATE2) };
    static const struct type type = { .id = TYPE_DICTIONARY, .n = 2, .args = args };
    const struct expr_host *host = vm->host;
    struct dict_object *d = dict_make(vm, &type, val_bool(true));
    struct slice fields[EXPR_LIST_FIELDS];
    struct expr_certificate c;

    NEED_THIS;
    for (size_t i = 0; d && host && host->list && host->certificate && host->list(vm->run->data, EXPR_CERTIFICATES, i, fields); i++) {
        c = (struct expr_certificate){ .der = SLICE_NONE };
        if (host->certificate(vm->run->data, fields[0], &c) &&
            (!dict_put(vm, d, outside_text(vm, fields[0]), certificate_make(vm, &c)) || !vm_charge(vm, 1)))
            return expr_value_null();
    }
    return d ? object_value(d) : expr_value_null();
}

NATIVE(context_row_0)
{
    NEED_THIS;
    return OBJECT(a[0], tuple_object)->f[0];
}

NATIVE(context_row_1)
{
    NEED_THIS;
    return OBJECT(a[0], tuple_object)->f[1];
}

NATIVE(context_trace)
{
    if (vm->host && vm->host->trace)
        vm->host->trace(vm->run->data, a[1].kind == EXPR_STRING ? text_slice(a[1]) : SLICE_NONE);
    return expr_value_null();
}

/* ---- messages ---- */

NATIVE(message_method)
{
    NEED_THIS;
    return outside_text(vm, MESSAGE(a[0])->ops->method(MESSAGE(a[0])));
}

NATIVE(message_status)
{
    NEED_THIS;
    return val_int(MESSAGE(a[0])->ops->status(MESSAGE(a[0])));
}

NATIVE(message_reason)
{
    NEED_THIS;
    return outside_text(vm, MESSAGE(a[0])->ops->reason(MESSAGE(a[0])));
}

NATIVE(message_headers)
{
    NEED_THIS;
    return host_value(TYPE_IHEADERS, a[0].p);
}

/* context.Request.Headers in one step: gen.c puts the two together. */
NATIVE(context_request_headers)
{
    struct expr_value request = net_context_request(vm, site, a);

    return net_message_headers(vm, site, &request);
}

NATIVE(message_body)
{
    NEED_THIS;
    return MESSAGE(a[0])->ops->has_body(MESSAGE(a[0])) ? host_value(TYPE_IMESSAGEBODY, a[0].p) : expr_value_null();
}

NATIVE(message_certificate)
{
    const struct expr_message *m = MESSAGE(a[0]);
    struct expr_certificate c = { .der = SLICE_NONE };

    NEED_THIS;
    return m->ops->certificate && m->ops->certificate(m, &c) ? certificate_make(vm, &c) : expr_value_null();
}

NATIVE(message_url)
{
    NEED_THIS;
    return host_value(TYPE_IURL, a[0].p);
}

NATIVE(message_original_url)
{
    NEED_THIS;
    return host_value(TYPE_IORIGINALURL, a[0].p);
}

NATIVE(message_parameters)
{
    NEED_THIS;
    return host_value(TYPE_IMATCHEDPARAMETERS, a[0].p);
}

/* ---- headers ---- */

/* Is the key of a look-up there, and paid for? */
static bool has_key(struct vm *vm, struct expr_value key)
{
    if (key.kind == EXPR_NULL)
        vm_throw_arg_null(vm, "key");
    return key.kind != EXPR_NULL && vm_charge_bytes(vm, key.n);
}

static uint32_t name_of(const struct site *site, struct expr_value name)
{
    return site && site->hash ? site->hash : hash_name(text_slice(name));
}

/* Values joined with ",": GetValueOrDefault(name[, default]). */
NATIVE(headers_get)
{
    const struct expr_message *m = MESSAGE(a[0]);
    struct slice value, more;
    uint32_t hash;
    struct buf b;

    NEED_THIS;
    if (!has_key(vm, a[1]))
        return expr_value_null();
    hash = name_of(site, a[1]);
    if (!m->ops->header(m, text_slice(a[1]), hash, 0, &value))
        return site->n > 2 ? a[2] : expr_value_null();
    if (!m->ops->header(m, text_slice(a[1]), hash, 1, &more))
        return outside_text(vm, value.p ? value : SLICE(""));
    buf_init(&b, vm->arena);
    buf_put(&b, value);
    for (size_t i = 1; m->ops->header(m, text_slice(a[1]), hash, i, &more); i++) {
        buf_putc(&b, ',');
        buf_put(&b, more);
    }
    return outside_text(vm, buf_slice(&b));
}

NATIVE(headers_contains)
{
    struct slice value;

    NEED_THIS;
    if (!has_key(vm, a[1]))
        return expr_value_null();
    return val_bool(MESSAGE(a[0])->ops->header(MESSAGE(a[0]), text_slice(a[1]), name_of(site, a[1]), 0, &value));
}

/* The values of a field as string[]; empty when there is none. */
static struct list_object *header_values(struct vm *vm, const struct expr_message *m, struct slice name)
{
    struct list_object *l = list_make(vm, &type_strings, 1);
    uint32_t hash = hash_name(name);
    struct slice value;

    for (size_t i = 0; l && m->ops->header(m, name, hash, i, &value); i++)
        if (!list_append(vm, l, outside_text(vm, value.p ? value : SLICE(""))))
            return NULL;
    return l;
}

static struct expr_value no_such_key(struct vm *vm, struct expr_value key)
{
    return vm_throw(vm, TYPE_KEYNOTFOUNDEXCEPTION, "The given key '%.*s' was not present in the dictionary.", (int)key.n, key.s);
}

NATIVE(headers_item)
{
    struct list_object *l;

    NEED_THIS;
    if (!has_key(vm, a[1]))
        return expr_value_null();
    l = header_values(vm, MESSAGE(a[0]), text_slice(a[1]));
    if (l && l->n == 0)
        return no_such_key(vm, a[1]);
    return l ? object_value(l) : expr_value_null();
}

NATIVE(headers_try_get)
{
    struct list_object *l;

    NEED_THIS;
    if (!has_key(vm, a[1]))
        return expr_value_null();
    l = header_values(vm, MESSAGE(a[0]), text_slice(a[1]));
    a[2] = l && l->n ? object_value(l) : expr_value_null();
    return val_bool(l && l->n);
}

/* All fields as a dictionary: what foreach, Keys and Values walk. */
NATIVE(headers_iterate)
{
    const struct expr_message *m = MESSAGE(a[0]);
    struct dict_object *d = dict_make(vm, &type_dict_strings, val_bool(true));
    struct slice name, value;

    NEED_THIS;
    for (size_t i = 0; d && m->ops->header_at && m->ops->header_at(m, i, &name, &value); i++) {
        struct expr_value key = outside_text(vm, name);
        struct dict_entry *e = dict_find(vm, d, key);
        struct list_object *l = e ? OBJECT(e->value, list_object) : list_make(vm, &type_strings, 1);

        if (!l || !list_append(vm, l, outside_text(vm, value.p ? value : SLICE(""))) || (!e && !dict_put(vm, d, key, object_value(l))) ||
            !vm_charge(vm, 1))
            return expr_value_null();
    }
    return d ? object_value(d) : expr_value_null();
}

/* ---- body ---- */

/* The body's bytes. False: there is none (no exception), or it could not be read (exception). */
static bool body_bytes(struct vm *vm, struct expr_value on, bool preserve, struct slice *out)
{
    const struct expr_message *m = MESSAGE(on);
    struct slice error = { 0 };
    enum expr_body_state state;

    vm_pause(vm);
    *out = SLICE_NONE;
    state = m->ops->body(m, preserve, vm->arena, out, &error);
    if (!out->p)
        *out = SLICE("");
    if (state == EXPR_BODY_FAILED)
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The body could not be read: %.*s", SLICE_ARG(error));
    if (state == EXPR_BODY_CONSUMED)
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The body was read before without preserveContent.");
    return state == EXPR_BODY_OK && vm_charge(vm, (uint32_t)(out->n / 64));
}

static struct slice without_mark(struct slice s)
{
    return slice_starts(s, SLICE("\xef\xbb\xbf")) ? slice_skip(s, 3) : s;
}

static struct expr_value json_body(struct vm *vm, struct slice bytes, unsigned type)
{
    struct jtoken *j = json_read(vm, without_mark(bytes), type);

    return j ? object_value(j) : expr_value_null();
}

/* XNode, XElement, XDocument: by their own Parse(string). The original reads a body as nothing else (expressions.md 4). */
static struct expr_value parsed_body(struct vm *vm, const struct site *site, struct slice bytes, const struct type *t)
{
    struct expr_value args[4] = { outside_text(vm, without_mark(bytes)) };
    struct site call = { .ret = t, .on = t, .name = "Parse", .n = 1, .pos = site->pos };

    if (t->id == TYPE_XNODE)
        call.ret = call.on = t = TYPE_OF(XELEMENT);
    for (unsigned i = type_defs[t->id].first; i < type_defs[t->id].last && (t->id == TYPE_XELEMENT || t->id == TYPE_XDOCUMENT); i++)
        if (type_members[i].kind == M_STATIC && strcmp(type_members[i].name, "Parse") == 0)
            return type_members[i].fn(vm, &call, args);
    return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "A body cannot be read as %s.", type_defs[t->id].name);
}

NATIVE(body_as)
{
    const struct type *t = site->targs[0];
    struct slice bytes;

    NEED_THIS;
    if (!body_bytes(vm, a[0], a[1].i, &bytes))
        return expr_value_null();
    if (t->id == TYPE_STRING)
        return outside_text(vm, without_mark(bytes));
    if (type_eq(t, &type_bytes))
        return bytes_make(vm, bytes.p, (uint32_t)bytes.n);
    if (type_as(vm->arena, t, TYPE_JTOKEN))
        return json_body(vm, bytes, t->id);
    return parsed_body(vm, site, bytes, t);
}

NATIVE(body_as_json)
{
    struct slice bytes;

    NEED_THIS;
    return body_bytes(vm, a[0], a[1].i, &bytes) ? json_body(vm, bytes, site->ret->id) : expr_value_null();
}

NATIVE(body_as_form)
{
    static const struct type *const text[] = { TYPE_OF(STRING) };
    static const struct type texts = { .id = TYPE_ILIST, .n = 1, .args = text };
    static const struct type *const args[] = { TYPE_OF(STRING), &texts };
    static const struct type dictionary = { .id = TYPE_DICTIONARY, .n = 2, .args = args };
    struct slice bytes;

    NEED_THIS;
    return body_bytes(vm, a[0], a[1].i, &bytes) ? percent_dictionary(vm, slice_trim(bytes), &dictionary) : expr_value_null();
}

/* ---- URLs ---- */

void expr_url_split(struct slice s, struct expr_url *out)
{
    ptrdiff_t at = slice_find(s, SLICE("://"));
    struct slice authority = SLICE("localhost");
    uint64_t port = 0;

    *out = (struct expr_url){ .scheme = SLICE("http"), .path = SLICE("/") };
    if (at >= 0) {
        out->scheme = slice_first(s, (size_t)at);
        s = slice_skip(s, (size_t)at + 3);
        for (at = 0; (size_t)at < s.n && s.p[at] != '/' && s.p[at] != '?';)
            at++;
        authority = slice_first(s, (size_t)at);
        s = slice_skip(s, (size_t)at);
    }
    at = slice_rfind_byte(authority, ':');
    if (at >= 0 && slice_to_u64(slice_skip(authority, (size_t)at + 1), 65535, &port))
        authority = slice_first(authority, (size_t)at);
    out->host = authority;
    out->port = (unsigned)port;
    at = slice_find_byte(s, '#');
    s = at >= 0 ? slice_first(s, (size_t)at) : s;
    at = slice_find_byte(s, '?');
    out->query = at >= 0 ? slice_skip(s, (size_t)at + 1) : SLICE_NONE;
    s = at >= 0 ? slice_first(s, (size_t)at) : s;
    if (s.n)
        out->path = s;
}

static void url_of(struct vm *vm, struct expr_value v, struct expr_url *out)
{
    memset(out, 0, sizeof *out);
    if (v.aux == TYPE_ISERVICEURL)
        expr_url_split(get(vm, EXPR_API_SERVICE_URL).text, out);
    else
        MESSAGE(v)->ops->url(MESSAGE(v), v.aux == TYPE_IORIGINALURL, out);
}

static unsigned standard_port(const struct expr_url *u)
{
    return slice_eq_icase(u->scheme, SLICE("https")) ? 443 : 80;
}

NATIVE(url_scheme)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return outside_text(vm, u.scheme);
}

NATIVE(url_host)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return outside_text(vm, u.host);
}

NATIVE(url_path)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return outside_text(vm, u.path);
}

NATIVE(url_query_string)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return u.query.n ? outside_text(vm, arena_printf(vm->arena, "?%.*s", SLICE_ARG(u.query))) : TEXT("");
}

NATIVE(url_query)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return percent_dictionary(vm, u.query, &type_dict_strings);
}

NATIVE(url_port)
{
    struct expr_url u;

    NEED_THIS;
    url_of(vm, a[0], &u);
    return val_int((int32_t)(u.port ? u.port : standard_port(&u)));
}

NATIVE(url_to_string)
{
    struct expr_url u;
    struct buf b;

    NEED_THIS;
    url_of(vm, a[0], &u);
    buf_init(&b, vm->arena);
    buf_put(&b, u.scheme);
    buf_puts(&b, "://");
    buf_put(&b, u.host);
    if (u.port && u.port != standard_port(&u))
        buf_printf(&b, ":%u", u.port);
    buf_put(&b, u.path);
    if (u.query.n) {
        buf_putc(&b, '?');
        buf_put(&b, u.query);
    }
    return outside_text(vm, buf_slice(&b));
}

/* ---- variables ---- */

static bool variable(struct vm *vm, struct expr_value name, struct expr_value *out)
{
    return vm->host && vm->host->variable && vm->host->variable(vm->run->data, text_slice(name), out);
}

static struct expr_value variable_as(struct vm *vm, const struct site *site, struct expr_value v)
{
    const struct type *t = site->ntargs ? site->targs[0] : TYPE_OF(OBJECT);

    if (v.kind == EXPR_NULL ? !type_is_value(t) || type_is_nullable(t) : type_holds(vm->arena, t, v))
        return v;
    return vm_throw_cast(vm);
}

NATIVE(variables_get)
{
    struct expr_value v;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return variable(vm, a[1], &v) ? variable_as(vm, site, v) : value_default(vm->arena, site->ntargs ? site->targs[0] : TYPE_OF(OBJECT));
}

NATIVE(variables_get_or)
{
    struct expr_value v;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return variable(vm, a[1], &v) ? variable_as(vm, site, v) : a[2];
}

NATIVE(variables_contains)
{
    struct expr_value v;

    return a[1].kind == EXPR_NULL ? vm_throw_arg_null(vm, "key") : val_bool(variable(vm, a[1], &v));
}

NATIVE(variables_try_get)
{
    struct expr_value v;
    bool ok;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    ok = variable(vm, a[1], &v);
    a[2] = ok ? v : expr_value_null();
    return val_bool(ok);
}

NATIVE(variables_item)
{
    struct expr_value v;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    if (variable(vm, a[1], &v))
        return v;
    return no_such_key(vm, a[1]);
}

NATIVE(variables_iterate)
{
    struct dict_object *d = dict_make(vm, &type_dict_object, expr_value_null());
    struct expr_value v;
    struct slice name;

    for (size_t i = 0; d && vm->host && vm->host->variable_at && vm->host->variable_at(vm->run->data, i, &name, &v); i++)
        if (!dict_put(vm, d, outside_text(vm, name), v) || !vm_charge(vm, 1))
            return expr_value_null();
    return d ? object_value(d) : expr_value_null();
}

/* ---- matched parameters ---- */

static bool parameter(struct vm *vm, struct expr_value name, struct slice *out)
{
    return vm->host && vm->host->parameter && vm->host->parameter(vm->run->data, text_slice(name), out);
}

NATIVE(parameters_get)
{
    struct slice s;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    if (parameter(vm, a[1], &s))
        return outside_text(vm, s.p ? s : SLICE(""));
    return site->n > 2 ? a[2] : expr_value_null();
}

NATIVE(parameters_contains)
{
    struct slice s;

    return a[1].kind == EXPR_NULL ? vm_throw_arg_null(vm, "key") : val_bool(parameter(vm, a[1], &s));
}

NATIVE(parameters_item)
{
    struct slice s;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    if (parameter(vm, a[1], &s))
        return outside_text(vm, s.p ? s : SLICE(""));
    return no_such_key(vm, a[1]);
}

NATIVE(parameters_try_get)
{
    struct slice s;
    bool ok;

    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    ok = parameter(vm, a[1], &s);
    a[2] = ok ? outside_text(vm, s.p ? s : SLICE("")) : expr_value_null();
    return val_bool(ok);
}

NATIVE(parameters_iterate)
{
    struct dict_object *d = dict_make(vm, &type_dict_text, val_bool(true));
    struct slice name, value;

    for (size_t i = 0; d && vm->host && vm->host->parameter_at && vm->host->parameter_at(vm->run->data, i, &name, &value); i++)
        if (!dict_put(vm, d, outside_text(vm, name), outside_text(vm, value.p ? value : SLICE(""))) || !vm_charge(vm, 1))
            return expr_value_null();
    return d ? object_value(d) : expr_value_null();
}

/* ---- extension methods of any dictionary ---- */

static bool look_up(struct vm *vm, struct expr_value *a, struct expr_value *out)
{
    static const struct type *const args[] = { TYPE_OF(OBJECT), TYPE_OF(OBJECT) };
    static const struct type on = { .id = TYPE_IREADONLYDICTIONARY, .n = 2, .args = args };
    struct site site = { .on = &on, .ret = TYPE_OF(BOOL), .n = 3 };
    struct expr_value call[3] = { a[0], a[1] };

    if (a[0].kind == EXPR_NULL) {
        vm_throw_arg_null(vm, "dictionary");
        return false;
    }
    if (!net_dict_try_get(vm, &site, call).i || vm->thrown)
        return false;
    *out = call[2];
    return true;
}

/* string[] values joined with ",". */
NATIVE(dictionary_get_joined)
{
    struct expr_value found, args[2] = { TEXT(",") };

    if (look_up(vm, a, &found)) {
        args[1] = found;
        return net_string_join(vm, site, args);
    }
    return site->n > 2 ? a[2] : expr_value_null();
}

NATIVE(dictionary_get_as)
{
    struct expr_value found;

    if (look_up(vm, a, &found))
        return variable_as(vm, site, found);
    return vm->thrown ? expr_value_null() : site->n > 2 ? a[2] : value_default(vm->arena, site->targs[0]);
}

NATIVE(dictionary_get)
{
    struct expr_value found;

    if (look_up(vm, a, &found))
        return found;
    return vm->thrown ? expr_value_null() : site->n > 2 ? a[2] : value_default(vm->arena, site->ret);
}

/* name=value pairs of a dictionary of lists; null when there is none. */
static struct expr_value write_form(struct vm *vm, struct expr_value dictionary, const char *before)
{
    struct expr_value entry, value;
    struct iter outer, inner;
    struct buf b;

    if (dictionary.kind == EXPR_NULL)
        return expr_value_null();
    buf_init(&b, vm->arena);
    if (!iter_open(vm, dictionary, &outer))
        return expr_value_null();
    while (iter_next(vm, &outer, &entry) > 0) {
        if (!iter_open(vm, OBJECT(entry, tuple_object)->f[1], &inner))
            return expr_value_null();
        while (iter_next(vm, &inner, &value) > 0 && vm_charge(vm, 1)) {
            buf_puts(&b, b.n ? "&" : before);
            percent_put(&b, text_slice(OBJECT(entry, tuple_object)->f[0]), &percent_form);
            buf_putc(&b, '=');
            if (value.kind == EXPR_STRING)
                percent_put(&b, text_slice(value), &percent_form);
        }
    }
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return b.n ? text_value(buf_slice(&b)) : expr_value_null();
}

NATIVE(form_to_query)
{
    return write_form(vm, a[0], "?");
}

NATIVE(form_to_content)
{
    return write_form(vm, a[0], "");
}
