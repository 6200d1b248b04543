/* Hashes and HMACs of System.Security.Cryptography. */
#include "platform/crypto.h"
#include "policy/expr/lib/string_int.h"

#define BYTES_PER_STEP 64

/* Fields of a hash object: enum crypto_hash, the key of an HMAC, what TransformBlock took so far, the last digest. */
enum { HASH_ALG, HASH_KEY, HASH_PENDING, HASH_LAST, HASH_FIELDS };
#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]

static const char *const names[] = {
    [CRYPTO_MD5] = "MD5", [CRYPTO_SHA1] = "SHA1", [CRYPTO_SHA256] = "SHA256", [CRYPTO_SHA384] = "SHA384", [CRYPTO_SHA512] = "SHA512",
};

/* "SHA256Managed", "HMACSHA1": by the class's name. */
static enum crypto_hash hash_of_type(const struct type *t)
{
    unsigned h = CRYPTO_SHA512;

    while (h > 0 && !strstr(type_defs[t->id].name, names[h]))
        h--;
    return (enum crypto_hash)h;
}

static struct slice bytes_of(struct expr_value v)
{
    return slice_of(OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
}

/* key: null for a plain hash. */
static struct expr_value digest(struct vm *vm, enum crypto_hash h, struct expr_value key, struct slice data)
{
    uint8_t out[CRYPTO_HASH_MAX];

    if (!vm_charge(vm, (uint32_t)(data.n / BYTES_PER_STEP)))
        return expr_value_null();
    if (key.kind == EXPR_NULL)
        crypto_hash(h, data, out);
    else
        crypto_hmac(h, bytes_of(key), data, out);
    return bytes_make(vm, out, (uint32_t)crypto_hash_size(h));
}

static struct expr_value make(struct vm *vm, const struct type *t, struct expr_value key)
{
    struct expr_value f[HASH_FIELDS] = { val_int((int32_t)hash_of_type(t)), key };

    return tuple_make(vm, &type_simple[t->id], HASH_FIELDS, f);
}

NATIVE(hash_new)
{
    return make(vm, site->on, expr_value_null());
}

static struct expr_value make_hmac(struct vm *vm, const struct type *t);

/* HashAlgorithm.Create("SHA-256"), HMAC.Create("HMACSHA1"): null for a name nobody has. */
NATIVE(hash_create_named)
{
    static const struct { const char *name; unsigned type; } known[] = {
        { "MD5", TYPE_MD5 }, { "SHA", TYPE_SHA1 }, { "SHA1", TYPE_SHA1 }, { "SHA-1", TYPE_SHA1 }, { "SHA256", TYPE_SHA256 }, { "SHA-256", TYPE_SHA256 },
        { "SHA384", TYPE_SHA384 }, { "SHA-384", TYPE_SHA384 }, { "SHA512", TYPE_SHA512 }, { "SHA-512", TYPE_SHA512 }, { "HMACMD5", TYPE_HMACMD5 },
        { "HMACSHA1", TYPE_HMACSHA1 }, { "HMACSHA256", TYPE_HMACSHA256 }, { "HMACSHA384", TYPE_HMACSHA384 }, { "HMACSHA512", TYPE_HMACSHA512 } };
    struct slice name;

    NEED(0, "hashName");
    name = text_slice(a[0]);
    if (slice_starts_icase(name, SLICE("System.Security.Cryptography.")))
        name = slice_skip(name, sizeof "System.Security.Cryptography." - 1);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq_icase(name, slice_from(known[i].name))) {
            const struct type *t = &type_simple[known[i].type];

            if (!type_as(vm->arena, t, site->ret->id))
                return vm_throw_cast(vm);
            return type_as(vm->arena, t, TYPE_HMAC) ? make_hmac(vm, t) : make(vm, t, expr_value_null());
        }
    return expr_value_null();
}

NATIVE(hash_data)
{
    NEED(0, "source");
    return digest(vm, hash_of_type(site->on), expr_value_null(), bytes_of(a[0]));
}

/* Bytes [offset, offset + count) of a buffer. False: exception. */
static bool part_of(struct vm *vm, struct expr_value buffer, int64_t offset, int64_t count, struct slice *out)
{
    *out = bytes_of(buffer);
    if (offset < 0)
        vm_throw_range(vm, "offset");
    else if (count < 0 || count > (int64_t)out->n)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Value was invalid.");
    else if (offset > (int64_t)out->n - count)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset and length were out of bounds for the array or count is greater than the "
                                             "number of elements from index to the end of the source collection.");
    else
        *out = slice_of(out->p + offset, (size_t)count);
    return !vm->thrown;
}

/* The digest of data, kept for Hash; what was pending is gone. */
static struct expr_value finish(struct vm *vm, struct expr_value on, struct slice data)
{
    FIELD(on, HASH_PENDING) = expr_value_null();
    FIELD(on, HASH_LAST) = digest(vm, (enum crypto_hash)FIELD(on, HASH_ALG).i, FIELD(on, HASH_KEY), data);
    return FIELD(on, HASH_LAST);
}

NATIVE(hash_compute)
{
    struct slice data;

    NEED_THIS;
    NEED(1, "buffer");
    data = bytes_of(a[1]);
    return site->n > 2 && !part_of(vm, a[1], a[2].i, a[3].i, &data) ? expr_value_null() : finish(vm, a[0], data);
}

/* What is pending and data, as one. */
static struct slice joined(struct vm *vm, struct expr_value on, struct slice data)
{
    struct expr_value pending = FIELD(on, HASH_PENDING);

    if (pending.kind == EXPR_NULL)
        return data;
    return arena_concat(vm->arena, (struct slice[]){ bytes_of(pending), data }, 2);
}

NATIVE(hash_transform)
{
    struct slice data;

    NEED_THIS;
    NEED(1, "inputBuffer");
    if (!part_of(vm, a[1], a[2].i, a[3].i, &data))
        return expr_value_null();
    if (a[4].kind == EXPR_OBJECT && a[5].i >= 0 && a[5].i + (int64_t)data.n <= (int64_t)OBJECT(a[4], bytes_object)->n)
        memmove(OBJECT(a[4], bytes_object)->p + a[5].i, data.p, data.n);
    data = joined(vm, a[0], data);
    if (!data.p && data.n)
        return vm_throw_budget(vm, "memory");
    FIELD(a[0], HASH_PENDING) = bytes_make(vm, data.p, (uint32_t)data.n);
    return val_int((int32_t)a[3].i);
}

NATIVE(hash_transform_final)
{
    struct slice data;

    NEED_THIS;
    NEED(1, "inputBuffer");
    if (!part_of(vm, a[1], a[2].i, a[3].i, &data))
        return expr_value_null();
    finish(vm, a[0], joined(vm, a[0], data));
    return vm->thrown ? expr_value_null() : bytes_make(vm, data.p, (uint32_t)data.n);
}

NATIVE(hash_last)
{
    NEED_THIS;
    return FIELD(a[0], HASH_LAST);
}

NATIVE(hash_initialize)
{
    NEED_THIS;
    FIELD(a[0], HASH_PENDING) = FIELD(a[0], HASH_LAST) = expr_value_null();
    return expr_value_null();
}

NATIVE(hash_one)
{
    return val_int(1);
}

NATIVE(hash_true)
{
    return val_bool(true);
}

NATIVE(hash_size)
{
    NEED_THIS;
    return val_int(8 * (int32_t)crypto_hash_size((enum crypto_hash)FIELD(a[0], HASH_ALG).i));
}

NATIVE(hash_nothing)
{
    return expr_value_null();
}

/* ---- HMAC ---- */

static struct expr_value copy_bytes(struct vm *vm, struct expr_value v)
{
    return bytes_make(vm, OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
}

/* Without a key: a random one of the hash's block size. */
NATIVE(hmac_new)
{
    struct expr_value key;

    if (!site->n)
        return make_hmac(vm, site->on);
    NEED(0, "key");
    key = copy_bytes(vm, a[0]);
    return vm->thrown ? expr_value_null() : make(vm, site->on, key);
}

static struct expr_value make_hmac(struct vm *vm, const struct type *t)
{
    struct expr_value key = bytes_make(vm, NULL, hash_of_type(t) >= CRYPTO_SHA384 ? 128 : 64);

    if (vm->thrown)
        return expr_value_null();
    crypto_random(OBJECT(key, bytes_object)->p, OBJECT(key, bytes_object)->n);
    return make(vm, t, key);
}

NATIVE(hmac_data)
{
    NEED(0, "key");
    NEED(1, "source");
    return digest(vm, hash_of_type(site->on), a[0], bytes_of(a[1]));
}

NATIVE(hmac_key)
{
    NEED_THIS;
    return copy_bytes(vm, FIELD(a[0], HASH_KEY));
}

NATIVE(hmac_set_key)
{
    struct expr_value key;

    NEED_THIS;
    NEED(1, "value");
    key = copy_bytes(vm, a[1]);
    if (!vm->thrown)
        FIELD(a[0], HASH_KEY) = key;
    return expr_value_null();
}

NATIVE(hmac_name)
{
    NEED_THIS;
    return text_ascii(slice_from(names[FIELD(a[0], HASH_ALG).i]));
}

/* ---- HashAlgorithmName ---- */

NATIVE(hash_name_new)
{
    return tuple_make(vm, TYPE_OF(HASHALGORITHMNAME), 1, a);
}

#define HASH_NAME(fn, text) \
    NATIVE(fn) \
    { \
        return tuple_make(vm, TYPE_OF(HASHALGORITHMNAME), 1, (struct expr_value[]){ TEXT(text) }); \
    }
HASH_NAME(hash_name_md5, "MD5")
HASH_NAME(hash_name_sha1, "SHA1")
HASH_NAME(hash_name_sha256, "SHA256")
HASH_NAME(hash_name_sha384, "SHA384")
HASH_NAME(hash_name_sha512, "SHA512")

NATIVE(hash_name_equals)
{
    bool both = a[0].kind == EXPR_OBJECT && object_if(a[1], TYPE_HASHALGORITHMNAME);

    return val_bool(both ? value_equals(vm, FIELD(a[0], 0), FIELD(a[1], 0)) : a[0].kind == a[1].kind);
}

NATIVE(hash_name_differs)
{
    return val_bool(!net_hash_name_equals(vm, site, a).i);
}

NATIVE(hash_name_hash)
{
    NEED_THIS;
    return val_int((int32_t)(value_hash(vm, FIELD(a[0], 0)) & INT32_MAX));
}

NATIVE(hash_name)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}
