/* Hashes and HMACs of System.Security.Cryptography. */
#include "platform/crypto.h"
#include "policy/expr/lib/string_int.h"

#define BYTES_PER_STEP 64

/* Fields of a hash object: enum crypto_hash, and the key of an HMAC. */
enum { HASH_ALG, HASH_KEY, HASH_FIELDS };
#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]

static enum crypto_hash hash_of_type(const struct type *t)
{
    switch (t->id) {
    case TYPE_MD5: case TYPE_MD5_CLASS: case TYPE_HMACMD5: return CRYPTO_MD5;
    case TYPE_SHA1: case TYPE_SHA1_CLASS: case TYPE_HMACSHA1: return CRYPTO_SHA1;
    case TYPE_SHA384: case TYPE_SHA384_CLASS: case TYPE_HMACSHA384: return CRYPTO_SHA384;
    case TYPE_SHA512: case TYPE_SHA512_CLASS: case TYPE_HMACSHA512: return CRYPTO_SHA512;
    default: return CRYPTO_SHA256;
    }
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

NATIVE(hash_new)
{
    return tuple_make2(vm, &type_simple[site->on->id], val_int((int32_t)hash_of_type(site->on)), expr_value_null());
}

NATIVE(hash_data)
{
    NEED(0, "source");
    return digest(vm, hash_of_type(site->on), expr_value_null(), bytes_of(a[0]));
}

NATIVE(hash_compute)
{
    struct slice data;

    NEED_THIS;
    NEED(1, "buffer");
    data = bytes_of(a[1]);
    if (site->n > 2) {
        if (a[2].i < 0)
            return vm_throw_range(vm, "offset");
        if (a[3].i < 0 || a[3].i > (int64_t)data.n)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Value was invalid.");
        if (a[2].i > (int64_t)data.n - a[3].i)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset and length were out of bounds for the array or count is greater than the "
                                                        "number of elements from index to the end of the source collection.");
        data = slice_of(data.p + a[2].i, (size_t)a[3].i);
    }
    return digest(vm, (enum crypto_hash)FIELD(a[0], HASH_ALG).i, FIELD(a[0], HASH_KEY), data);
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
    enum crypto_hash h = hash_of_type(site->on);
    struct expr_value key;

    if (site->n) {
        NEED(0, "key");
        key = copy_bytes(vm, a[0]);
    } else {
        key = bytes_make(vm, NULL, h >= CRYPTO_SHA384 ? 128 : 64);
        if (!vm->thrown)
            crypto_random(OBJECT(key, bytes_object)->p, OBJECT(key, bytes_object)->n);
    }
    if (vm->thrown)
        return expr_value_null();
    return tuple_make2(vm, &type_simple[site->on->id], val_int((int32_t)h), key);
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

static const char *const names[] = {
    [CRYPTO_MD5] = "MD5", [CRYPTO_SHA1] = "SHA1", [CRYPTO_SHA256] = "SHA256", [CRYPTO_SHA384] = "SHA384", [CRYPTO_SHA512] = "SHA512",
};

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

NATIVE(hash_name)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}
