/* RSA and ECDsa. A key object keeps its key as bytes and reads it for each operation: no library state in an
 * arena. */
#include "policy/expr/lib/keys.h"

#include "platform/crypto.h"
#include "policy/expr/lib/string_int.h"

/* Steps of the budget for one operation; a signature takes some milliseconds. */
#define VERIFY_STEPS 4000u
#define SIGN_STEPS 100000u

enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QI, RSA_FIELDS };

/* Fields of a key object: bytes of PEM or DER, or numbers as RSAParameters. */
enum { KEY_TEXT, KEY_NUMBERS, KEY_FIELDS };

#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]

static struct slice bytes_of(struct expr_value v)
{
    return v.kind == EXPR_NULL ? SLICE_NONE
                               : slice_of(OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
}

static struct expr_value failed(struct vm *vm, const char *why)
{
    return vm->thrown ? expr_value_null() : vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "%s", why);
}

/* ---- paddings, hashes ---- */

/* Field 0: 0 PKCS#1, 1 PSS or OAEP; field 1: the hash of OAEP. */
static struct expr_value padding(struct vm *vm, const struct type *t, int32_t kind, enum crypto_hash h)
{
    return tuple_make2(vm, t, val_int(kind), val_int((int32_t)h));
}

#define PADDING(name, type, kind, hash) NATIVE(keys_##name) { return padding(vm, TYPE_OF(type), kind, hash); }
PADDING(sign_pkcs1, RSASIGNATUREPADDING, 0, CRYPTO_SHA256)
PADDING(sign_pss, RSASIGNATUREPADDING, 1, CRYPTO_SHA256)
PADDING(crypt_pkcs1, RSAENCRYPTIONPADDING, 0, CRYPTO_SHA1)
PADDING(crypt_sha1, RSAENCRYPTIONPADDING, 1, CRYPTO_SHA1)
PADDING(crypt_sha256, RSAENCRYPTIONPADDING, 1, CRYPTO_SHA256)
PADDING(crypt_sha384, RSAENCRYPTIONPADDING, 1, CRYPTO_SHA384)
PADDING(crypt_sha512, RSAENCRYPTIONPADDING, 1, CRYPTO_SHA512)

static const char *const hash_names[] = {
    [CRYPTO_MD5] = "MD5",       [CRYPTO_SHA1] = "SHA1",     [CRYPTO_SHA256] = "SHA256",
    [CRYPTO_SHA384] = "SHA384", [CRYPTO_SHA512] = "SHA512",
};

/* A HashAlgorithmName. False: exception. */
static bool hash_named(struct vm *vm, struct expr_value name, enum crypto_hash *out)
{
    struct expr_value text = name.kind == EXPR_NULL ? name : FIELD(name, 0);

    if (text.kind != EXPR_STRING || text.n == 0) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                 "The hash algorithm name cannot be null or empty. (Parameter 'hashAlgorithm')");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(hash_names); i++)
        if (slice_eq(text_slice(text), slice_from(hash_names[i]))) {
            *out = (enum crypto_hash)i;
            return true;
        }
    vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "'%.*s' is not a known hash algorithm.", (int)text.n, text.s);
    return false;
}

NATIVE(keys_crypt_oaep)
{
    enum crypto_hash h;

    return hash_named(vm, a[0], &h) ? padding(vm, TYPE_OF(RSAENCRYPTIONPADDING), 1, h) : expr_value_null();
}

NATIVE(keys_padding_equals)
{
    bool both = a[0].kind == EXPR_OBJECT && a[1].kind == EXPR_OBJECT && type_of_value(a[0])->id == type_of_value(a[1])->id;

    if (!both)
        return val_bool(a[0].kind == EXPR_NULL && a[1].kind == EXPR_NULL);
    return val_bool(FIELD(a[0], 0).i == FIELD(a[1], 0).i && (FIELD(a[0], 0).i == 0 || FIELD(a[0], 1).i == FIELD(a[1], 1).i));
}

NATIVE(keys_padding_differs)
{
    return val_bool(!net_keys_padding_equals(vm, site, a).i);
}

NATIVE(keys_padding_hash)
{
    NEED_THIS;
    return val_int((int32_t)(FIELD(a[0], 0).i * 8 + FIELD(a[0], 1).i));
}

NATIVE(keys_padding_text)
{
    bool signing;

    NEED_THIS;
    signing = type_of_value(a[0])->id == TYPE_RSASIGNATUREPADDING;
    if (FIELD(a[0], 0).i == 0)
        return TEXT("Pkcs1");
    return signing ? TEXT("Pss") : str_printf(vm, "Oaep%s", hash_names[FIELD(a[0], 1).i]);
}

/* ---- numbers ---- */

NATIVE(keys_parameters_new)
{
    struct expr_value none[RSA_FIELDS] = { expr_value_null() };

    return tuple_make(vm, TYPE_OF(RSAPARAMETERS), RSA_FIELDS, none);
}

#define NUMBER(name, i) \
    NATIVE(keys_get_##name) \
    { \
        NEED_THIS; \
        return FIELD(a[0], i); \
    } \
    NATIVE(keys_set_##name) \
    { \
        NEED_THIS; \
        FIELD(a[0], i) = a[1]; \
        return expr_value_null(); \
    }
NUMBER(n, RSA_N)
NUMBER(e, RSA_E)
NUMBER(d, RSA_D)
NUMBER(p, RSA_P)
NUMBER(q, RSA_Q)
NUMBER(dp, RSA_DP)
NUMBER(dq, RSA_DQ)
NUMBER(qi, RSA_QI)

/* ---- keys ---- */

struct expr_value keys_make(struct vm *vm, unsigned type, struct slice pem_or_der)
{
    struct expr_value f[KEY_FIELDS] = { bytes_make(vm, pem_or_der.p, (uint32_t)pem_or_der.n) };

    return vm->thrown ? expr_value_null() : tuple_make(vm, &type_simple[type], KEY_FIELDS, f);
}

static struct expr_value new_key(struct vm *vm, const struct type *t, struct expr_value numbers)
{
    struct expr_value f[KEY_FIELDS] = { expr_value_null(), numbers };

    return tuple_make(vm, t, KEY_FIELDS, f);
}

NATIVE(keys_new_rsa)
{
    return new_key(vm, site->ret, site->n ? a[0] : expr_value_null());
}

NATIVE(keys_new_ec)
{
    return new_key(vm, site->ret, expr_value_null());
}

/* The key, to be freed; NULL: exception. */
static struct crypto_key *open_key(struct vm *vm, struct expr_value v)
{
    struct expr_value numbers = FIELD(v, KEY_NUMBERS);
    struct crypto_key *k = NULL;
    struct crypto_rsa rsa;
    struct err err = { "the key is empty: import one" };
    bool ok = false;

    if (FIELD(v, KEY_TEXT).kind != EXPR_NULL) {
        ok = crypto_key_read_any(&k, bytes_of(FIELD(v, KEY_TEXT)), &err);
    } else if (numbers.kind != EXPR_NULL) {
        rsa = (struct crypto_rsa){ bytes_of(FIELD(numbers, RSA_N)), bytes_of(FIELD(numbers, RSA_E)),
                                   bytes_of(FIELD(numbers, RSA_D)), bytes_of(FIELD(numbers, RSA_P)),
                                   bytes_of(FIELD(numbers, RSA_Q)) };
        ok = crypto_key_from_rsa(&k, &rsa, &err);
    }
    if (ok && crypto_key_is_rsa(k) != (type_as(vm->arena, type_of_value(v), TYPE_RSA) != NULL)) {
        crypto_key_free(k);
        ok = false;
        err_set(&err, "The key is of another algorithm.");
    }
    if (!ok)
        failed(vm, err.text);
    return ok ? k : NULL;
}

static struct expr_value import(struct vm *vm, struct expr_value on, struct expr_value text)
{
    struct crypto_key *k;

    FIELD(on, KEY_TEXT) = text;
    FIELD(on, KEY_NUMBERS) = expr_value_null();
    k = vm_charge(vm, VERIFY_STEPS) ? open_key(vm, on) : NULL;
    crypto_key_free(k);
    return expr_value_null();
}

NATIVE(keys_import)
{
    NEED_THIS;
    NEED(1, "source");
    a[2] = val_int((int32_t)bytes_of(a[1]).n);
    return import(vm, a[0], bytes_make(vm, bytes_of(a[1]).p, (uint32_t)bytes_of(a[1]).n));
}

NATIVE(keys_import_text)
{
    NEED_THIS;
    NEED(1, "input");
    return import(vm, a[0], bytes_make(vm, a[1].s, a[1].n));
}

NATIVE(keys_import_parameters)
{
    struct crypto_key *k;

    NEED_THIS;
    FIELD(a[0], KEY_TEXT) = expr_value_null();
    FIELD(a[0], KEY_NUMBERS) = a[1];
    k = vm_charge(vm, VERIFY_STEPS) ? open_key(vm, a[0]) : NULL;
    crypto_key_free(k);
    return expr_value_null();
}

/* <RSAKeyValue><Modulus>base64</Modulus><Exponent>...</RSAKeyValue> */
NATIVE(keys_from_xml)
{
    static const char *const tags[] = { "<Modulus>", "<Exponent>", "<D>", "<P>", "<Q>" };
    struct expr_value numbers[3];
    struct slice text, value;

    NEED_THIS;
    NEED(1, "xmlString");
    numbers[0] = a[0];
    numbers[1] = net_keys_parameters_new(vm, site, a);
    text = text_slice(a[1]);
    for (unsigned i = 0; i < COUNT_OF(tags) && !vm->thrown; i++) {
        ptrdiff_t at = slice_find(text, slice_from(tags[i])), end;

        value = slice_skip(text, (size_t)(at < 0 ? 0 : at) + strlen(tags[i]));
        end = at < 0 ? -1 : slice_find_byte(value, '<');
        if (end < 0)
            continue;
        value = crypto_base64_decode(vm->arena, slice_first(value, (size_t)end));
        if (!value.p)
            return failed(vm, "Input string does not contain a valid encoding of the 'RSA' parameter.");
        FIELD(numbers[1], i) = bytes_make(vm, value.p, (uint32_t)value.n);
    }
    return vm->thrown ? expr_value_null() : net_keys_import_parameters(vm, site, numbers);
}

NATIVE(keys_size)
{
    struct crypto_key *k;
    struct expr_value bits = val_int(0);

    NEED_THIS;
    k = vm_charge(vm, VERIFY_STEPS) ? open_key(vm, a[0]) : NULL;
    if (k)
        bits = val_int((int32_t)crypto_key_bits(k));
    crypto_key_free(k);
    return bits;
}

/* ---- operations ---- */

/* What is signed: a digest, and by which hash and scheme. False: exception. */
struct signed_data {
    enum crypto_hash hash;
    enum crypto_scheme scheme;
    struct slice digest;
    uint8_t bytes[CRYPTO_HASH_MAX];
};

/* By the digest's length: VerifyHash of ECDsa gives no name. */
static bool hash_of_size(size_t n, enum crypto_hash *out)
{
    *out = n == 20 ? CRYPTO_SHA1 : n == 48 ? CRYPTO_SHA384 : n == 64 ? CRYPTO_SHA512 : CRYPTO_SHA256;
    return crypto_hash_size(*out) == n;
}

static bool prepare(struct vm *vm, struct expr_value key, struct expr_value data, bool is_hash,
                    const struct expr_value *name, const struct expr_value *pad, struct signed_data *out)
{
    bool rsa = type_as(vm->arena, type_of_value(key), TYPE_RSA) != NULL;

    if (data.kind == EXPR_NULL || (rsa && pad->kind == EXPR_NULL)) {
        vm_throw_arg_null(vm, data.kind == EXPR_NULL ? (is_hash ? "hash" : "data") : "padding");
        return false;
    }
    if (is_hash && !rsa) {
        if (!hash_of_size(bytes_of(data).n, &out->hash))
            return failed(vm, "The provided hash value has no known length."), false;
    } else if (!hash_named(vm, *name, &out->hash)) {
        return false;
    }
    out->scheme = !rsa ? CRYPTO_ECDSA : FIELD(*pad, 0).i ? CRYPTO_RSA_PSS : CRYPTO_RSA_PKCS1;
    out->digest = bytes_of(data);
    if (!is_hash) {
        crypto_hash(out->hash, out->digest, out->bytes);
        out->digest = slice_of(out->bytes, crypto_hash_size(out->hash));
    }
    return vm_charge(vm, (uint32_t)(bytes_of(data).n / 64));
}

/* (data, offset, count, ...): the part in data's place, what follows moved up. False: exception. */
static bool take_part(struct vm *vm, const struct site *site, struct expr_value *a, unsigned plain)
{
    struct slice data;

    if (site->n < plain + 2)
        return true;
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL) {
        if (a[0].kind == EXPR_NULL)
            vm_throw_null(vm);
        else
            vm_throw_arg_null(vm, "data");
        return false;
    }
    data = bytes_of(a[1]);
    if (a[2].i < 0 || a[2].i > (int64_t)data.n || a[3].i < 0 || a[3].i > (int64_t)data.n - a[2].i) {
        vm_throw_range(vm, a[2].i < 0 || a[2].i > (int64_t)data.n ? "offset" : "count");
        return false;
    }
    a[1] = bytes_make(vm, data.p + a[2].i, (uint32_t)a[3].i);
    for (unsigned i = 2; i + 2 < site->n; i++)
        a[i] = a[i + 2];
    return !vm->thrown;
}

static struct expr_value verify(struct vm *vm, struct expr_value *a, bool is_hash)
{
    struct signed_data s;
    struct crypto_key *k;
    bool ok;

    NEED_THIS;
    NEED(2, "signature");
    if (!prepare(vm, a[0], a[1], is_hash, &a[3], &a[4], &s) || !vm_charge(vm, VERIFY_STEPS))
        return expr_value_null();
    vm_pause(vm);
    k = open_key(vm, a[0]);
    ok = k && crypto_verify_digest(k, s.scheme, s.hash, s.digest, bytes_of(a[2]));
    crypto_key_free(k);
    return val_bool(ok);
}

NATIVE(keys_verify_data)
{
    bool ec = a[0].kind != EXPR_NULL && type_of_value(a[0])->id == TYPE_ECDSA;

    return take_part(vm, site, a, ec ? 4 : 5) ? verify(vm, a, false) : expr_value_null();
}

NATIVE(keys_verify_hash)
{
    return verify(vm, a, true);
}

static struct expr_value sign(struct vm *vm, struct expr_value *a, bool is_hash)
{
    struct signed_data s;
    struct crypto_key *k;
    struct slice out = SLICE_NONE;
    struct err err;

    NEED_THIS;
    if (!prepare(vm, a[0], a[1], is_hash, &a[2], &a[3], &s) || !vm_charge(vm, SIGN_STEPS))
        return expr_value_null();
    vm_pause(vm);
    k = open_key(vm, a[0]);
    if (k && !crypto_sign_digest(k, s.scheme, s.hash, s.digest, vm->arena, &out, &err))
        failed(vm, err.text);
    crypto_key_free(k);
    return vm->thrown ? expr_value_null() : bytes_make(vm, out.p, (uint32_t)out.n);
}

NATIVE(keys_sign_data)
{
    bool ec = a[0].kind != EXPR_NULL && type_of_value(a[0])->id == TYPE_ECDSA;

    return take_part(vm, site, a, ec ? 3 : 4) ? sign(vm, a, false) : expr_value_null();
}

NATIVE(keys_sign_hash)
{
    return sign(vm, a, true);
}

static struct expr_value crypt(struct vm *vm, struct expr_value *a, bool encrypt)
{
    enum crypto_hash h;
    struct crypto_key *k;
    struct slice out = SLICE_NONE;
    struct err err;

    NEED_THIS;
    NEED(1, "data");
    NEED(2, "padding");
    if (!vm_charge(vm, encrypt ? VERIFY_STEPS : SIGN_STEPS))
        return expr_value_null();
    vm_pause(vm);
    h = (enum crypto_hash)FIELD(a[2], 1).i;
    k = open_key(vm, a[0]);
    if (k &&
        !crypto_rsa_crypt(k, encrypt, FIELD(a[2], 0).i ? &h : NULL, bytes_of(a[1]), vm->arena, &out, &err))
        failed(vm, err.text);
    crypto_key_free(k);
    return vm->thrown ? expr_value_null() : bytes_make(vm, out.p, (uint32_t)out.n);
}

NATIVE(keys_encrypt)
{
    return crypt(vm, a, true);
}

NATIVE(keys_decrypt)
{
    return crypt(vm, a, false);
}
