/* AsJwt, AsBasic: decoded, never verified (validate-jwt does that). Anything malformed gives null. */
#include "platform/crypto.h"
#include "platform/json.h"
#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]
#define UNIX_TICKS INT64_C(621355968000000000)
#define UNIX_SECONDS_MAX 253402300799.0 /* 9999-12-31T23:59:59Z */

/* Fields of a Jwt object. */
enum { JWT_ALG, JWT_TYPE, JWT_ID, JWT_ISSUER, JWT_SUBJECT, JWT_AUDIENCES, JWT_CLAIMS, JWT_EXPIRES, JWT_NOT_BEFORE, JWT_ISSUED, JWT_FIELDS };

/* ---- claims ---- */

/* A claim's value as text: strings as they are, the rest as JSON. */
static struct expr_value claim_text(struct arena *a, const struct json *j)
{
    struct buf b;

    if (json_type(j) == JSON_STRING)
        return expr_value_from_text(a, json_str(j));
    if (json_type(j) == JSON_NULL)
        return TEXT("");
    buf_init(&b, a);
    json_write(&b, j);
    return expr_value_from_text(a, buf_slice(&b));
}

static struct expr_value text_member(struct arena *a, const struct json *j, const char *name)
{
    const struct json *v = json_get(j, name);

    return v && json_type(v) != JSON_NULL ? claim_text(a, v) : expr_value_null();
}

/* NumericDate of RFC 7519. */
static struct expr_value time_member(const struct json *j, const char *name)
{
    const struct json *v = json_get(j, name);
    double seconds = json_double(v, -1);

    if (json_type(v) != JSON_NUMBER || !(seconds >= 0 && seconds <= UNIX_SECONDS_MAX))
        return expr_value_null();
    return (struct expr_value){ .kind = EXPR_DATETIME, .aux = 1, .i = UNIX_TICKS + (int64_t)seconds * 10000000 };
}

static struct list_object *claim_values(struct vm *vm, const struct json *j, const struct type *type)
{
    struct list_object *l = list_make(vm, type, 1);
    struct json_iter it = json_iter(j);

    if (json_type(j) != JSON_ARRAY)
        return l && (!j || list_append(vm, l, claim_text(vm->arena, j))) ? l : NULL;
    while (l && json_next(&it))
        if (!list_append(vm, l, claim_text(vm->arena, it.value)))
            return NULL;
    return l;
}

static struct expr_value claims_of(struct vm *vm, const struct json *payload)
{
    struct dict_object *d = dict_make(vm, &type_dict_strings, expr_value_null());
    struct json_iter it = json_iter(payload);

    while (d && json_next(&it)) {
        struct list_object *l = claim_values(vm, it.value, &type_strings);

        if (!l || !dict_put(vm, d, expr_value_from_text(vm->arena, it.key), object_value(l)) || !vm_charge(vm, 1))
            return expr_value_null();
    }
    return d ? object_value(d) : expr_value_null();
}

/* ---- Jwt ---- */

static const struct json *decode_part(struct arena *a, struct slice part)
{
    struct slice text;
    const struct json *j;

    while (part.n && part.p[part.n - 1] == '=')
        part.n--;
    text = crypto_base64url_decode(a, part);
    if (!text.p)
        return NULL;
    j = json_parse(a, text, NULL);
    return json_type(j) == JSON_OBJECT ? j : NULL;
}

/* header "." payload "." [signature], or the five parts of an encrypted token, whose claims nobody can read. */
static struct expr_value jwt_make(struct vm *vm, struct slice token)
{
    static const struct type *const text[] = { TYPE_OF(STRING) };
    static const struct type texts = { .id = TYPE_LIST, .n = 1, .args = text };
    struct slice rest = token, head, body = SLICE_NONE, signature = SLICE_NONE;
    const struct json *header, *payload;
    struct expr_value f[JWT_FIELDS];
    struct list_object *audiences;

    if (!slice_cut(&rest, '.', &head) || !slice_cut(&rest, '.', &body))
        return expr_value_null();
    slice_cut(&rest, '.', &signature);
    if (rest.p && slice_find_byte(rest, '.') >= 0)
        return expr_value_null();
    header = decode_part(vm->arena, head);
    payload = header ? decode_part(vm->arena, body) : NULL;
    if (!payload)
        return expr_value_null();
    f[JWT_ALG] = text_member(vm->arena, header, "alg");
    f[JWT_TYPE] = text_member(vm->arena, header, "typ");
    f[JWT_ID] = text_member(vm->arena, payload, "jti");
    f[JWT_ISSUER] = text_member(vm->arena, payload, "iss");
    f[JWT_SUBJECT] = text_member(vm->arena, payload, "sub");
    audiences = claim_values(vm, json_get(payload, "aud"), &texts);
    f[JWT_AUDIENCES] = audiences ? object_value(audiences) : expr_value_null();
    f[JWT_CLAIMS] = claims_of(vm, payload);
    f[JWT_EXPIRES] = time_member(payload, "exp");
    f[JWT_NOT_BEFORE] = time_member(payload, "nbf");
    f[JWT_ISSUED] = time_member(payload, "iat");
    return vm->thrown ? expr_value_null() : tuple_make(vm, TYPE_OF(JWT), JWT_FIELDS, f);
}

/* "Bearer token", the scheme in any case, or the bare token. */
static struct expr_value jwt_parse(struct vm *vm, struct expr_value input)
{
    struct slice s;

    if (input.kind != EXPR_STRING)
        return expr_value_null();
    s = slice_trim(text_slice(input));
    if (slice_starts_icase(s, SLICE("Bearer ")))
        s = slice_trim(slice_skip(s, sizeof "Bearer " - 1));
    return vm_charge(vm, (uint32_t)(s.n / 16)) ? jwt_make(vm, s) : expr_value_null();
}

struct expr_value expr_value_from_jwt(struct arena *a, struct slice token)
{
    struct expr_run run = { .arena = a };
    struct vm vm;

    vm_begin(&vm, &run);
    return jwt_parse(&vm, text_value(token));
}

NATIVE(auth_as_jwt)
{
    return jwt_parse(vm, a[0]);
}

NATIVE(auth_try_parse_jwt)
{
    a[1] = jwt_parse(vm, a[0]);
    return val_bool(a[1].kind != EXPR_NULL);
}

#define GET_FIELD(name, i) NATIVE(name) { NEED_THIS; return FIELD(a[0], i); }
GET_FIELD(jwt_algorithm, JWT_ALG)
GET_FIELD(jwt_type, JWT_TYPE)
GET_FIELD(jwt_id, JWT_ID)
GET_FIELD(jwt_issuer, JWT_ISSUER)
GET_FIELD(jwt_subject, JWT_SUBJECT)
GET_FIELD(jwt_audiences, JWT_AUDIENCES)
GET_FIELD(jwt_claims, JWT_CLAIMS)
GET_FIELD(jwt_expires, JWT_EXPIRES)
GET_FIELD(jwt_not_before, JWT_NOT_BEFORE)
GET_FIELD(jwt_issued, JWT_ISSUED)

/* ---- Basic ---- */

/* The scheme exactly "Basic"; base64 of ISO-8859-1 text; the last colon divides; the user is not empty. */
static struct expr_value basic_parse(struct vm *vm, struct expr_value input)
{
    struct slice s, user, text;
    struct expr_value f[2];
    ptrdiff_t colon;
    struct buf b;

    if (input.kind != EXPR_STRING)
        return expr_value_null();
    s = slice_trim(text_slice(input));
    if (!slice_starts(s, SLICE("Basic ")))
        return expr_value_null();
    text = crypto_base64_decode(vm->arena, slice_trim(slice_skip(s, sizeof "Basic " - 1)));
    colon = text.p ? slice_rfind_byte(text, ':') : -1;
    if (colon <= 0)
        return expr_value_null();
    for (unsigned i = 0; i < 2; i++) {
        user = i == 0 ? slice_first(text, (size_t)colon) : slice_skip(text, (size_t)colon + 1);
        buf_init(&b, vm->arena);
        for (size_t k = 0; k < user.n; k++)
            text_put_unit(&b, (unsigned char)user.p[k]);
        f[i] = text_value(buf_slice(&b));
    }
    return tuple_make(vm, TYPE_OF(BASICAUTHCREDENTIALS), 2, f);
}

NATIVE(auth_as_basic)
{
    return basic_parse(vm, a[0]);
}

NATIVE(auth_try_parse_basic)
{
    a[1] = basic_parse(vm, a[0]);
    return val_bool(a[1].kind != EXPR_NULL);
}

GET_FIELD(basic_user, 0)
GET_FIELD(basic_password, 1)

/* ---- Authorization ---- */

struct expr_value expr_value_from_authorization(struct arena *a, struct slice access_token)
{
    struct expr_run run = { .arena = a };
    struct vm vm;
    struct expr_value f[2];
    struct dict_object *claims;

    vm_begin(&vm, &run);
    claims = dict_make(&vm, &type_dict_object, expr_value_null());
    f[0] = expr_value_from_text(a, access_token);
    f[1] = claims ? object_value(claims) : expr_value_null();
    return claims ? tuple_make(&vm, TYPE_OF(AUTHORIZATION), 2, f) : expr_value_null();
}

GET_FIELD(authorization_token, 0)
GET_FIELD(authorization_claims, 1)
