/* Symmetric ciphers with .NET's modes and paddings (CBC and PKCS7 unless set), over platform/crypto.h's
 * blocks. */
#include "platform/crypto.h"
#include "policy/expr/lib/string_int.h"

enum { MODE_CBC = 1, MODE_ECB = 2, MODE_CFB = 4 };
enum { PAD_NONE = 1, PAD_PKCS7 = 2, PAD_ZEROS = 3, PAD_ANSIX923 = 4, PAD_ISO10126 = 5 };

struct cipher_object {
    struct object head;
    enum crypto_cipher cipher;
    uint8_t mode, padding;
    uint16_t key_bits;
    struct expr_value key, iv; /* byte[], or null: made when first needed */
};

/* ICryptoTransform: the algorithm as it was when the transform was made. */
struct transform_object {
    struct object head;
    struct cipher_object cipher;
    bool encrypt;
};

#define CIPHER(v) OBJECT(v, cipher_object)

static struct slice bytes_of(struct expr_value v)
{
    return slice_of(OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
}

static size_t block_of(const struct cipher_object *c)
{
    return c->cipher == CRYPTO_AES ? 16 : 8;
}

/* ---- algorithms ---- */

static struct cipher_object *make(struct vm *vm, const struct type *type, enum crypto_cipher cipher)
{
    struct cipher_object *c = vm_new(vm, struct cipher_object);

    if (c)
        *c = (struct cipher_object){ .head = { type },
                                     .cipher = cipher,
                                     .mode = MODE_CBC,
                                     .padding = PAD_PKCS7,
                                     .key_bits = cipher == CRYPTO_AES   ? 256
                                                 : cipher == CRYPTO_DES ? 64
                                                                        : 192 };
    return c;
}

static struct expr_value made(struct cipher_object *c)
{
    return c ? object_value(c) : expr_value_null();
}

NATIVE(cipher_new_aes)
{
    return made(make(vm, site->ret, CRYPTO_AES));
}

NATIVE(cipher_new_des)
{
    return made(make(vm, site->ret, CRYPTO_DES));
}

NATIVE(cipher_new_3des)
{
    return made(make(vm, site->ret, CRYPTO_3DES));
}

/* SymmetricAlgorithm.Create's names; NULL without an exception: none of them. */
static struct cipher_object *named(struct vm *vm, struct slice name)
{
    static const struct {
        const char *name;
        enum crypto_cipher cipher;
    } known[] = {
        { "aes", CRYPTO_AES },
        { "aesmanaged", CRYPTO_AES },
        { "aescryptoserviceprovider", CRYPTO_AES },
        { "rijndael", CRYPTO_AES },
        { "rijndaelmanaged", CRYPTO_AES },
        { "des", CRYPTO_DES },
        { "tripledes", CRYPTO_3DES },
        { "triple des", CRYPTO_3DES },
        { "3des", CRYPTO_3DES },
    };

    if (slice_starts_icase(name, SLICE("System.Security.Cryptography.")))
        name = slice_skip(name, sizeof "System.Security.Cryptography." - 1);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq_icase(name, slice_from(known[i].name)))
            return make(vm,
                        known[i].cipher == CRYPTO_AES   ? TYPE_OF(AES)
                        : known[i].cipher == CRYPTO_DES ? TYPE_OF(DES)
                                                        : TYPE_OF(TRIPLEDES),
                        known[i].cipher);
    return NULL;
}

NATIVE(cipher_create_named)
{
    NEED(0, "algName");
    return made(named(vm, text_slice(a[0])));
}

static struct expr_value random_bytes(struct vm *vm, size_t n)
{
    struct expr_value v = bytes_make(vm, NULL, (uint32_t)n);

    if (!vm->thrown)
        crypto_random(OBJECT(v, bytes_object)->p, n);
    return v;
}

static bool ready(struct vm *vm, struct cipher_object *c)
{
    if (c->key.kind == EXPR_NULL)
        c->key = random_bytes(vm, c->key_bits / 8);
    if (c->iv.kind == EXPR_NULL && !vm->thrown)
        c->iv = random_bytes(vm, block_of(c));
    return !vm->thrown;
}

static struct expr_value copied(struct vm *vm, struct expr_value v)
{
    return bytes_make(vm, OBJECT(v, bytes_object)->p, OBJECT(v, bytes_object)->n);
}

static bool fits_key(const struct cipher_object *c, size_t n)
{
    return c->cipher == CRYPTO_AES   ? n == 16 || n == 24 || n == 32
           : c->cipher == CRYPTO_DES ? n == 8
                                     : n == 16 || n == 24;
}

static struct expr_value bad_key(struct vm *vm)
{
    return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "Specified key is not a valid size for this algorithm.");
}

static struct expr_value bad_iv(struct vm *vm)
{
    return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION,
                    "Specified initialization vector (IV) does not match the block size for this algorithm.");
}

NATIVE(cipher_key)
{
    NEED_THIS;
    return ready(vm, CIPHER(a[0])) ? copied(vm, CIPHER(a[0])->key) : expr_value_null();
}

NATIVE(cipher_set_key)
{
    NEED_THIS;
    NEED(1, "value");
    if (!fits_key(CIPHER(a[0]), bytes_of(a[1]).n))
        return bad_key(vm);
    CIPHER(a[0])->key = copied(vm, a[1]);
    CIPHER(a[0])->key_bits = (uint16_t)(8 * bytes_of(a[1]).n);
    return expr_value_null();
}

NATIVE(cipher_iv)
{
    NEED_THIS;
    return ready(vm, CIPHER(a[0])) ? copied(vm, CIPHER(a[0])->iv) : expr_value_null();
}

NATIVE(cipher_set_iv)
{
    NEED_THIS;
    NEED(1, "value");
    if (bytes_of(a[1]).n != block_of(CIPHER(a[0])))
        return bad_iv(vm);
    CIPHER(a[0])->iv = copied(vm, a[1]);
    return expr_value_null();
}

NATIVE(cipher_mode)
{
    NEED_THIS;
    return val_enum(TYPE_CIPHERMODE, CIPHER(a[0])->mode);
}

NATIVE(cipher_set_mode)
{
    NEED_THIS;
    if (a[1].i != MODE_CBC && a[1].i != MODE_ECB && a[1].i != MODE_CFB)
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION,
                        "Specified cipher mode is not valid for this algorithm.");
    CIPHER(a[0])->mode = (uint8_t)a[1].i;
    return expr_value_null();
}

NATIVE(cipher_padding)
{
    NEED_THIS;
    return val_enum(TYPE_PADDINGMODE, CIPHER(a[0])->padding);
}

NATIVE(cipher_set_padding)
{
    NEED_THIS;
    if (a[1].i < PAD_NONE || a[1].i > PAD_ISO10126)
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION,
                        "Specified padding mode is not valid for this algorithm.");
    CIPHER(a[0])->padding = (uint8_t)a[1].i;
    return expr_value_null();
}

NATIVE(cipher_key_size)
{
    NEED_THIS;
    return val_int(CIPHER(a[0])->key_bits);
}

NATIVE(cipher_set_key_size)
{
    NEED_THIS;
    if (a[1].i <= 0 || a[1].i % 8 || !fits_key(CIPHER(a[0]), (size_t)a[1].i / 8))
        return bad_key(vm);
    CIPHER(a[0])->key_bits = (uint16_t)a[1].i;
    CIPHER(a[0])->key = expr_value_null();
    return expr_value_null();
}

NATIVE(cipher_block_size)
{
    NEED_THIS;
    return val_int(8 * (int32_t)block_of(CIPHER(a[0])));
}

NATIVE(cipher_set_block_size)
{
    NEED_THIS;
    if (a[1].i != 8 * (int64_t)block_of(CIPHER(a[0])))
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION,
                        "Specified block size is not valid for this algorithm.");
    return expr_value_null();
}

/* ---- sizes ---- */

static struct expr_value key_sizes(struct vm *vm, int32_t min, int32_t max, int32_t skip)
{
    struct expr_value f[3] = { val_int(min), val_int(max), val_int(skip) };

    return tuple_make(vm, TYPE_OF(KEYSIZES), 3, f);
}

NATIVE(key_sizes_new)
{
    return key_sizes(vm, (int32_t)a[0].i, (int32_t)a[1].i, (int32_t)a[2].i);
}

#define SIZE(name, i) \
    NATIVE(key_sizes_##name) \
    { \
        NEED_THIS; \
        return OBJECT(a[0], tuple_object)->f[i]; \
    }
SIZE(min, 0)
SIZE(max, 1)
SIZE(skip, 2)

static struct expr_value one_size(struct vm *vm, struct expr_value sizes)
{
    static const struct type *const of[] = { TYPE_OF(KEYSIZES) };
    static const struct type array = { .id = TYPE_ARRAY, .n = 1, .args = of };

    return vm->thrown ? sizes : array_make(vm, &array, 1, &sizes);
}

NATIVE(cipher_legal_keys)
{
    enum crypto_cipher c;

    NEED_THIS;
    c = CIPHER(a[0])->cipher;
    return one_size(vm, c == CRYPTO_AES ? key_sizes(vm, 128, 256, 64) : c == CRYPTO_DES ? key_sizes(vm, 64, 64, 0) : key_sizes(vm, 128, 192, 64));
}

NATIVE(cipher_legal_blocks)
{
    int32_t bits;

    NEED_THIS;
    bits = 8 * (int32_t)block_of(CIPHER(a[0]));
    return one_size(vm, key_sizes(vm, bits, bits, 0));
}

NATIVE(cipher_valid_key)
{
    NEED_THIS;
    return val_bool(a[1].i > 0 && a[1].i % 8 == 0 && fits_key(CIPHER(a[0]), (size_t)a[1].i / 8));
}

NATIVE(cipher_feedback_size)
{
    return val_int(8);
}

NATIVE(cipher_generate_key)
{
    NEED_THIS;
    CIPHER(a[0])->key = random_bytes(vm, CIPHER(a[0])->key_bits / 8);
    return expr_value_null();
}

NATIVE(cipher_generate_iv)
{
    NEED_THIS;
    CIPHER(a[0])->iv = random_bytes(vm, block_of(CIPHER(a[0])));
    return expr_value_null();
}

/* ---- modes ---- */

static void run_blocks(struct crypto_cipher_ctx *x, const struct cipher_object *c, bool encrypt, uint8_t *reg,
                       uint8_t *p, size_t n)
{
    uint8_t before[CRYPTO_BLOCK_MAX];
    size_t block = block_of(c);
    bool chained = c->mode == MODE_CBC;

    for (; n >= block; p += block, n -= block) {
        memcpy(before, p, block);
        for (size_t i = 0; i < block && chained && encrypt; i++)
            p[i] ^= reg[i];
        crypto_cipher_block(x, p, p);
        for (size_t i = 0; i < block && chained && !encrypt; i++)
            p[i] ^= reg[i];
        memcpy(reg, encrypt ? p : before, block);
    }
}

/* CFB with a feedback of 8 bits, .NET's default: the register moves by one byte of cipher text for each byte.
 */
static void run_feedback(struct crypto_cipher_ctx *x, const struct cipher_object *c, bool encrypt,
                         uint8_t *reg, uint8_t *p, size_t n)
{
    uint8_t pad[CRYPTO_BLOCK_MAX];
    size_t block = block_of(c);

    for (size_t i = 0; i < n; i++) {
        uint8_t before = p[i];

        crypto_cipher_block(x, reg, pad);
        p[i] ^= pad[0];
        memmove(reg, reg + 1, block - 1);
        reg[block - 1] = encrypt ? p[i] : before;
    }
}

/* In place; n is a number of whole blocks, or of bytes for CFB. False: exception. */
static bool run(struct vm *vm, const struct cipher_object *c, bool encrypt, uint8_t *p, size_t n)
{
    struct crypto_cipher_ctx x;
    uint8_t reg[CRYPTO_BLOCK_MAX] = { 0 };
    bool ok;

    if (!vm_charge(vm, (uint32_t)(n / (c->cipher == CRYPTO_AES ? 32 : 8))))
        return false;
    if (c->mode != MODE_ECB)
        memcpy(reg, OBJECT(c->iv, bytes_object)->p, block_of(c));
    ok = crypto_cipher_begin(&x, c->cipher, encrypt || c->mode == MODE_CFB, bytes_of(c->key));
    if (ok && c->mode == MODE_CFB)
        run_feedback(&x, c, encrypt, reg, p, n);
    else if (ok)
        run_blocks(&x, c, encrypt, reg, p, n);
    crypto_cipher_end(&x);
    if (!ok)
        bad_key(vm);
    return ok;
}

/* ---- paddings ---- */

/* Bytes of padding behind n bytes; -1: n does not fit and nothing may be added. */
static int padding_of(const struct cipher_object *c, size_t n)
{
    size_t unit = c->mode == MODE_CFB ? 1 : block_of(c), rest = n % unit;

    if (c->padding == PAD_NONE)
        return rest ? -1 : 0;
    if (c->padding == PAD_ZEROS)
        return rest ? (int)(unit - rest) : 0;
    return (int)(unit - rest);
}

static void put_padding(const struct cipher_object *c, uint8_t *p, size_t n)
{
    if (n == 0 || c->padding == PAD_ZEROS)
        return;
    if (c->padding == PAD_ISO10126)
        crypto_random(p, n);
    for (size_t i = 0; i < n && c->padding == PAD_PKCS7; i++)
        p[i] = (uint8_t)n;
    p[n - 1] = (uint8_t)n;
}

/* Bytes without the padding, or -1 when it is none. */
static int64_t without_padding(const struct cipher_object *c, const uint8_t *p, size_t n)
{
    size_t unit = c->mode == MODE_CFB ? 1 : block_of(c), pad;
    bool bad = false;

    if (c->padding == PAD_NONE || c->padding == PAD_ZEROS)
        return (int64_t)n;
    pad = n ? p[n - 1] : 0;
    if (pad == 0 || pad > unit || pad > n)
        return -1;
    for (size_t i = n - pad; i < n - 1 && c->padding != PAD_ISO10126; i++)
        bad |= p[i] != (c->padding == PAD_PKCS7 ? pad : 0);
    return bad ? -1 : (int64_t)(n - pad);
}

static struct expr_value work(struct vm *vm, const struct cipher_object *c, bool encrypt, struct slice data)
{
    int pad = encrypt ? padding_of(c, data.n) : 0;
    struct expr_value out;
    struct bytes_object *o;
    int64_t n;

    if (pad < 0 || (!encrypt && c->mode != MODE_CFB && data.n % block_of(c)))
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "The input data is not a complete block.");
    if (!encrypt && data.n == 0)
        return bytes_make(vm, NULL, 0);
    out = bytes_make(vm, NULL, (uint32_t)(data.n + (size_t)pad));
    if (vm->thrown)
        return out;
    o = OBJECT(out, bytes_object);
    if (data.n)
        memcpy(o->p, data.p, data.n);
    put_padding(c, o->p + data.n, (size_t)pad);
    if (!run(vm, c, encrypt, o->p, o->n))
        return expr_value_null();
    if (encrypt)
        return out;
    n = without_padding(c, o->p, o->n);
    if (n < 0)
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "Padding is invalid and cannot be removed.");
    o->n = (uint32_t)n;
    return out;
}

/* ---- transforms ---- */

/* The algorithm with a key and IV of its own (arguments 1 and 2 of the call), when given. False: exception.
 */
static bool with_key(struct vm *vm, struct cipher_object *c, bool given, const struct expr_value *key_iv)
{
    if (given) {
        if (key_iv[0].kind == EXPR_NULL)
            return vm_throw_arg_null(vm, "rgbKey"), false;
        if (!fits_key(c, bytes_of(key_iv[0]).n))
            return bad_key(vm), false;
        c->key = key_iv[0];
        c->iv = key_iv[1];
        if (c->iv.kind == EXPR_NULL && c->mode != MODE_ECB)
            return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION,
                            "The cipher mode specified requires that an initialization vector (IV) be used."),
                   false;
        if (c->iv.kind != EXPR_NULL && bytes_of(c->iv).n < block_of(c))
            return bad_iv(vm), false;
    }
    return ready(vm, c);
}

static struct expr_value transform(struct vm *vm, const struct site *site, struct expr_value *a, bool encrypt)
{
    struct transform_object *t;

    NEED_THIS;
    t = vm_new(vm, struct transform_object);
    if (!t || (site->n == 1 && !ready(vm, CIPHER(a[0]))))
        return expr_value_null();
    t->head.type = TYPE_OF(ICRYPTOTRANSFORM);
    t->cipher = *CIPHER(a[0]);
    t->encrypt = encrypt;
    return with_key(vm, &t->cipher, site->n > 1, a + 1) ? object_value(t) : expr_value_null();
}

NATIVE(cipher_encryptor)
{
    return transform(vm, site, a, true);
}

NATIVE(cipher_decryptor)
{
    return transform(vm, site, a, false);
}

NATIVE(cipher_final_block)
{
    const struct transform_object *t;
    struct slice data;

    NEED_THIS;
    NEED(1, "inputBuffer");
    t = OBJECT(a[0], transform_object);
    data = bytes_of(a[1]);
    if (a[2].i < 0)
        return vm_throw_range(vm, "inputOffset");
    if (a[3].i < 0 || a[2].i + a[3].i > (int64_t)data.n)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "Offset and length were out of bounds for the array or count is greater than the "
                        "number of elements from index to the end of the source collection.");
    return work(vm, &t->cipher, t->encrypt, slice_sub(data, (size_t)a[2].i, (size_t)(a[2].i + a[3].i)));
}

NATIVE(cipher_block_bytes)
{
    NEED_THIS;
    return val_int((int32_t)block_of(&OBJECT(a[0], transform_object)->cipher));
}

static struct expr_value one_shot(struct vm *vm, struct expr_value *a, unsigned mode, bool encrypt)
{
    struct cipher_object c;

    NEED_THIS;
    NEED(1, encrypt ? "plaintext" : "ciphertext");
    if (!ready(vm, CIPHER(a[0])))
        return expr_value_null();
    c = *CIPHER(a[0]);
    c.mode = (uint8_t)mode;
    c.padding = (uint8_t)a[mode == MODE_ECB ? 2 : 3].i;
    if (mode == MODE_CBC) {
        NEED(2, "iv");
        if (bytes_of(a[2]).n != block_of(&c))
            return bad_iv(vm);
        c.iv = a[2];
    }
    return work(vm, &c, encrypt, bytes_of(a[1]));
}

NATIVE(cipher_encrypt_cbc)
{
    return one_shot(vm, a, MODE_CBC, true);
}

NATIVE(cipher_decrypt_cbc)
{
    return one_shot(vm, a, MODE_CBC, false);
}

NATIVE(cipher_encrypt_ecb)
{
    return one_shot(vm, a, MODE_ECB, true);
}

NATIVE(cipher_decrypt_ecb)
{
    return one_shot(vm, a, MODE_ECB, false);
}

/* ---- byte[].Encrypt and Decrypt ---- */

static struct expr_value extension(struct vm *vm, const struct site *site, struct expr_value *a, bool encrypt)
{
    struct cipher_object c;

    NEED(0, "input");
    NEED(1, "alg");
    if (site->n < 3 && !ready(vm, CIPHER(a[1])))
        return expr_value_null();
    c = *CIPHER(a[1]);
    return with_key(vm, &c, site->n > 2, a + 2) ? work(vm, &c, encrypt, bytes_of(a[0])) : expr_value_null();
}

NATIVE(cipher_encrypt)
{
    return extension(vm, site, a, true);
}

NATIVE(cipher_decrypt)
{
    return extension(vm, site, a, false);
}

static struct expr_value by_name(struct vm *vm, const struct site *site, struct expr_value *a, bool encrypt)
{
    struct cipher_object *c;

    NEED(1, "alg");
    c = named(vm, text_slice(a[1]));
    if (!c)
        return vm->thrown ? expr_value_null()
                          : vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                                     "'%.*s' is no known algorithm. (Parameter 'alg')", (int)a[1].n, a[1].s);
    a[1] = object_value(c);
    return extension(vm, site, a, encrypt);
}

NATIVE(cipher_encrypt_named)
{
    return by_name(vm, site, a, true);
}

NATIVE(cipher_decrypt_named)
{
    return by_name(vm, site, a, false);
}

/* ---- random bytes ---- */

NATIVE(random_source_new)
{
    return tuple_make(vm, site->ret, 1, (struct expr_value[]){ expr_value_null() });
}

NATIVE(random_source_make)
{
    if (a[0].i < 0)
        return vm_throw_range(vm, "count");
    return vm_charge(vm, (uint32_t)a[0].i / 64) ? random_bytes(vm, (size_t)a[0].i) : expr_value_null();
}

NATIVE(random_source_fill)
{
    struct slice data;

    NEED_THIS;
    NEED(1, "data");
    data = bytes_of(a[1]);
    if (!vm_charge(vm, (uint32_t)(data.n / 16)))
        return expr_value_null();
    if (site->n > 2) {
        if (a[2].i < 0 || a[3].i < 0)
            return vm_throw_range(vm, a[2].i < 0 ? "offset" : "count");
        if (a[3].i > (int64_t)data.n - a[2].i)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset and length were out of bounds for the array or count is greater than the "
                                                        "number of elements from index to the end of the source collection.");
        crypto_random(OBJECT(a[1], bytes_object)->p + a[2].i, (size_t)a[3].i);
        return expr_value_null();
    }
    crypto_random(OBJECT(a[1], bytes_object)->p, data.n);
    return expr_value_null();
}

NATIVE(random_source_fill_non_zero)
{
    struct bytes_object *b;

    NEED_THIS;
    NEED(1, "data");
    b = OBJECT(a[1], bytes_object);
    if (!vm_charge(vm, b->n / 16))
        return expr_value_null();
    crypto_random(b->p, b->n);
    for (uint32_t i = 0; i < b->n; i++)
        while (b->p[i] == 0)
            crypto_random(b->p + i, 1);
    return expr_value_null();
}

/* Uniform: draws that would favour small results are thrown away. */
static struct expr_value between(struct vm *vm, int64_t from, int64_t to, const char *param)
{
    uint64_t range = (uint64_t)(to - from), draw;

    if (to <= from)
        return vm_throw_range(vm, param);
    do
        crypto_random(&draw, sizeof draw);
    while (draw >= UINT64_MAX - UINT64_MAX % range);
    return val_int((int32_t)(from + (int64_t)(draw % range)));
}

NATIVE(random_source_below)
{
    return between(vm, 0, a[0].i, "toExclusive");
}

NATIVE(random_source_between)
{
    return between(vm, a[0].i, a[1].i, "toExclusive");
}
