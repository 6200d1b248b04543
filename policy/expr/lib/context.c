/* The context tree: every member asks the host. */
#include "platform/base/hash.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

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

/* An object that is null when its item is absent. */
#define PART(name, item, type) \
    NATIVE(context_##name) { return get(vm, EXPR_##item).present ? host_value(TYPE_##type, NULL) : expr_value_null(); }
PART(api, API_ID, IAPI)
PART(operation, OPERATION_ID, IOPERATION)
PART(product, PRODUCT_ID, IPRODUCT)
PART(subscription, SUBSCRIPTION_ID, ISUBSCRIPTION)
PART(user, USER_ID, IUSER)

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

NATIVE(message_body)
{
    NEED_THIS;
    return MESSAGE(a[0])->ops->has_body(MESSAGE(a[0])) ? host_value(TYPE_IMESSAGEBODY, a[0].p) : expr_value_null();
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
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
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
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    return val_bool(MESSAGE(a[0])->ops->header(MESSAGE(a[0]), text_slice(a[1]), hash_name(text_slice(a[1])), 0, &value));
}

NATIVE(headers_item)
{
    const struct expr_message *m = MESSAGE(a[0]);
    struct list_object *l;
    struct slice value;
    uint32_t hash;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "key");
    hash = hash_name(text_slice(a[1]));
    l = list_make(vm, &type_strings, 1);
    for (size_t i = 0; l && m->ops->header(m, text_slice(a[1]), hash, i, &value); i++)
        if (!list_append(vm, l, outside_text(vm, value.p ? value : SLICE(""))))
            return expr_value_null();
    if (l && l->n == 0)
        return vm_throw(vm, TYPE_KEYNOTFOUNDEXCEPTION, "The given key '%.*s' was not present in the dictionary.", (int)a[1].n, a[1].s);
    return l ? object_value(l) : expr_value_null();
}

/* ---- body ---- */

NATIVE(body_as)
{
    const struct expr_message *m = MESSAGE(a[0]);
    const struct type *t = site->targs[0];
    struct slice bytes = { 0 }, error = { 0 };
    enum expr_body_state state;

    NEED_THIS;
    vm_pause(vm);
    state = m->ops->body(m, a[1].i, vm->arena, &bytes, &error);
    if (state == EXPR_BODY_FAILED)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The body could not be read: %.*s", SLICE_ARG(error));
    if (state == EXPR_BODY_CONSUMED)
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The body was read before without preserveContent.");
    if (state == EXPR_BODY_NONE)
        return expr_value_null();
    if (t->id == TYPE_STRING)
        return expr_value_from_text(vm->arena, bytes.p ? bytes : SLICE(""));
    if (type_eq(t, &type_bytes))
        return bytes_make(vm, bytes.p, (uint32_t)bytes.n);
    if (type_as(vm->arena, t, TYPE_JTOKEN)) {
        struct jtoken *j = json_read(vm, bytes, t->id);

        return j ? object_value(j) : expr_value_null();
    }
    return vm_throw(vm, TYPE_NOTSUPPORTEDEXCEPTION, "A body cannot be read as %s.", type_defs[t->id].name);
}

/* ---- URLs ---- */

static void url_of(struct expr_value v, struct expr_url *out)
{
    memset(out, 0, sizeof *out);
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
    url_of(a[0], &u);
    return outside_text(vm, u.scheme);
}

NATIVE(url_host)
{
    struct expr_url u;

    NEED_THIS;
    url_of(a[0], &u);
    return outside_text(vm, u.host);
}

NATIVE(url_path)
{
    struct expr_url u;

    NEED_THIS;
    url_of(a[0], &u);
    return outside_text(vm, u.path);
}

NATIVE(url_query_string)
{
    struct expr_url u;

    NEED_THIS;
    url_of(a[0], &u);
    return u.query.n ? outside_text(vm, arena_printf(vm->arena, "?%.*s", SLICE_ARG(u.query))) : TEXT("");
}

NATIVE(url_port)
{
    struct expr_url u;

    NEED_THIS;
    url_of(a[0], &u);
    return val_int((int32_t)(u.port ? u.port : standard_port(&u)));
}

NATIVE(url_to_string)
{
    struct expr_url u;
    struct buf b;

    NEED_THIS;
    url_of(a[0], &u);
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
    return vm_throw(vm, TYPE_KEYNOTFOUNDEXCEPTION, "The given key '%.*s' was not present in the dictionary.", (int)a[1].n, a[1].s);
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
    return vm_throw(vm, TYPE_KEYNOTFOUNDEXCEPTION, "The given key '%.*s' was not present in the dictionary.", (int)a[1].n, a[1].s);
}
