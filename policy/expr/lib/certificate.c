/* X509Certificate2. The certificate is taken apart when something of it is first asked for: a dictionary of
 * the gateway's certificates then costs little. */
#include "policy/expr/lib/certificate.h"

#include "platform/base/hash.h"
#include "platform/crypto.h"
#include "policy/expr/lib/keys.h"
#include "policy/expr/lib/string_int.h"

#define UNIX_TICKS INT64_C(621355968000000000)
#define KIND_LOCAL 2
#define PARSE_STEPS 1000u
#define PFX_STEPS 100000u /* some thousand rounds of a hash */

struct certificate_object {
    struct object head;
    struct slice der, key;
    struct crypto_certificate *parsed; /* NULL: not yet */
};

#define CERTIFICATE(v) OBJECT(v, certificate_object)
#define FIELD(v, i) OBJECT(v, tuple_object)->f[i]

struct expr_value certificate_make(struct vm *vm, const struct expr_certificate *c)
{
    struct certificate_object *o = vm_new(vm, struct certificate_object);

    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(X509CERTIFICATE2);
    o->der = c->der;
    o->key = c->key;
    return object_value(o);
}

/* The certificate's parts; NULL: exception. */
static const struct crypto_certificate *parts(struct vm *vm, struct expr_value v)
{
    struct certificate_object *o = CERTIFICATE(v);
    struct crypto_certificate *c;
    struct err err;

    if (o->parsed)
        return o->parsed;
    c = vm_charge(vm, PARSE_STEPS) ? vm_new(vm, struct crypto_certificate) : NULL;
    if (!c)
        return NULL;
    if (!crypto_certificate_read(vm->arena, o->der, c, &err)) {
        vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "%s", err.text);
        return NULL;
    }
    o->der = c->der;
    o->parsed = c;
    return c;
}

/* A PKCS#12 begins with its version, 3; a certificate, in its place, with a sequence. */
static bool is_pfx(struct slice s)
{
    ptrdiff_t at = slice_find(slice_first(s, s.n < 16 ? s.n : 16), SLICE("\x02\x01\x03\x30"));

    return s.n > 16 && s.p[0] == 0x30 && at >= 2 && at <= 6;
}

/* (data [, password [, flags]]): DER, PEM, or PKCS#12 with its key. */
NATIVE(certificate_new)
{
    struct expr_certificate c = { .der = SLICE_NONE };
    struct slice password = site->n > 1 ? text_slice(a[1]) : SLICE_NONE;
    struct expr_value v;
    struct err err;

    NEED(0, site->ret->id == TYPE_X509CERTIFICATE ? "data" : "rawData");
    c.der = arena_copy(vm->arena, slice_of(OBJECT(a[0], bytes_object)->p, OBJECT(a[0], bytes_object)->n));
    if (is_pfx(c.der)) {
        if (!vm_charge(vm, PFX_STEPS))
            return expr_value_null();
        vm_pause(vm);
        if (!crypto_pfx_read(vm->arena, c.der, password, &c.der, &c.key, &err))
            return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "%s", err.text);
    }
    v = certificate_make(vm, &c);
    if (!vm->thrown)
        CERTIFICATE(v)->head.type = &type_simple[site->ret->id];
    return !vm->thrown && parts(vm, v) ? v : expr_value_null();
}

NATIVE(certificate_copy)
{
    struct certificate_object *o;

    NEED(0, "certificate");
    o = vm_new(vm, struct certificate_object);
    if (!o)
        return expr_value_null();
    *o = *CERTIFICATE(a[0]);
    o->head.type = site->ret;
    return object_value(o);
}

/* ---- names ---- */

static const struct {
    const char *oid, *key;
} keys[] = {
    { "2.5.4.3", "CN" },
    { "2.5.4.6", "C" },
    { "2.5.4.10", "O" },
    { "2.5.4.11", "OU" },
    { "2.5.4.7", "L" },
    { "2.5.4.8", "S" },
    { "2.5.4.9", "STREET" },
    { "2.5.4.12", "T" },
    { "2.5.4.42", "G" },
    { "2.5.4.43", "I" },
    { "2.5.4.4", "SN" },
    { "2.5.4.5", "SERIALNUMBER" },
    { "0.9.2342.19200300.100.1.25", "DC" },
    { "1.2.840.113549.1.9.1", "E" },
    { "2.5.4.13", "Description" },
    { "2.5.4.17", "PostalCode" },
    { "2.5.4.46", "dnQualifier" },
};

static void put_value(struct buf *b, struct slice v)
{
    bool quote = v.n == 0 || ascii_is_space(v.p[0]) || ascii_is_space(v.p[v.n - 1]);

    for (size_t i = 0; i < v.n; i++)
        quote |= strchr(",+=\"\n<>#;", v.p[i]) && v.p[i];
    if (!quote) {
        buf_put(b, v);
        return;
    }
    buf_putc(b, '"');
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"')
            buf_putc(b, '"');
        buf_putc(b, v.p[i]);
    }
    buf_putc(b, '"');
}

static void put_attribute(struct buf *b, const struct crypto_name *n)
{
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (slice_eq(n->oid, slice_from(keys[i].oid))) {
            buf_printf(b, "%s=", keys[i].key);
            put_value(b, n->value);
            return;
        }
    buf_printf(b, "OID.%.*s=", SLICE_ARG(n->oid));
    put_value(b, n->value);
}

/* The last set of attributes first, as .NET has it: "CN=a, O=b"; attributes of one set are joined by " + ".
 */
static struct expr_value name_text(struct vm *vm, const struct crypto_name *names, size_t n)
{
    struct buf b;

    buf_init(&b, vm->arena);
    for (size_t end = n; end > 0;) {
        size_t from = end - 1;

        while (from > 0 && names[from - 1].joined)
            from--;
        for (size_t i = from; i < end; i++) {
            if (b.n)
                buf_puts(&b, i == from ? ", " : " + ");
            put_attribute(&b, &names[i]);
        }
        end = from;
    }
    return b.failed ? vm_throw_budget(vm, "memory") : expr_value_from_text(vm->arena, buf_slice(&b));
}

NATIVE(certificate_subject)
{
    const struct crypto_certificate *c;

    NEED_THIS;
    c = parts(vm, a[0]);
    return c ? name_text(vm, c->subject, c->nsubject) : expr_value_null();
}

NATIVE(certificate_issuer)
{
    const struct crypto_certificate *c;

    NEED_THIS;
    c = parts(vm, a[0]);
    return c ? name_text(vm, c->issuer, c->nissuer) : expr_value_null();
}

NATIVE(x500_new)
{
    NEED(0, "distinguishedName");
    return tuple_make(vm, TYPE_OF(X500NAME), 1, a);
}

NATIVE(x500_name)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}

NATIVE(certificate_subject_name)
{
    struct expr_value text = net_certificate_subject(vm, site, a);

    return vm->thrown ? text : tuple_make(vm, TYPE_OF(X500NAME), 1, &text);
}

NATIVE(certificate_issuer_name)
{
    struct expr_value text = net_certificate_issuer(vm, site, a);

    return vm->thrown ? text : tuple_make(vm, TYPE_OF(X500NAME), 1, &text);
}

/* The last attribute of that kind. */
static struct slice attribute(const struct crypto_name *names, size_t n, const char *oid)
{
    for (size_t i = n; i > 0; i--)
        if (slice_eq(names[i - 1].oid, slice_from(oid)))
            return names[i - 1].value;
    return SLICE_NONE;
}

static struct slice simple_name(const struct crypto_name *names, size_t n)
{
    static const char *const oids[] = { "2.5.4.3", "2.5.4.11", "2.5.4.10", "1.2.840.113549.1.9.1" };

    for (size_t i = 0; i < COUNT_OF(oids); i++) {
        struct slice v = attribute(names, n, oids[i]);

        if (v.p)
            return v;
    }
    return SLICE_NONE;
}

/* Alternative names are the subject's. */
NATIVE(certificate_name_info)
{
    const struct crypto_certificate *c;
    const struct crypto_name *names;
    struct slice found = SLICE_NONE;
    size_t n;

    NEED_THIS;
    c = parts(vm, a[0]);
    if (!c)
        return expr_value_null();
    names = a[2].i ? c->issuer : c->subject;
    n = a[2].i ? c->nissuer : c->nsubject;
    switch (a[1].i) {
    case 0: found = simple_name(names, n); break;
    case 1: found = attribute(names, n, "1.2.840.113549.1.9.1"); break;
    case 3:
    case 4:
        found = a[2].i ? SLICE_NONE : c->dns;
        if (!found.p && a[1].i == 3)
            found = attribute(names, n, "2.5.4.3");
        break;
    case 5: found = a[2].i ? SLICE_NONE : c->url; break;
    default: break;
    }
    if (a[1].i == 1 && !found.p && !a[2].i)
        found = c->email;
    return found.p ? expr_value_from_text(vm->arena, found) : TEXT("");
}

/* ---- bytes ---- */

static struct expr_value upper_hex(struct vm *vm, struct slice s)
{
    char *out = vm_alloc(vm, 2 * s.n + 1);

    if (!out)
        return expr_value_null();
    crypto_hex((const uint8_t *)s.p, s.n, out);
    for (size_t i = 0; i < 2 * s.n; i++)
        out[i] = ascii_upper(out[i]);
    return text_ascii(slice_of(out, 2 * s.n));
}

static struct expr_value as_bytes(struct vm *vm, struct slice s)
{
    return bytes_make(vm, s.p, (uint32_t)s.n);
}

/* SHA-1, or the hash named by argument 1. False: exception. */
static bool digest_of(struct vm *vm, const struct site *site, struct expr_value *a,
                      uint8_t out[CRYPTO_HASH_MAX], size_t *n)
{
    static const char *const names[] = { "MD5", "SHA1", "SHA256", "SHA384", "SHA512" };
    const struct crypto_certificate *c = parts(vm, a[0]);
    enum crypto_hash h = CRYPTO_SHA1;

    if (!c)
        return false;
    for (unsigned i = 0; site->n > 1 && a[1].kind != EXPR_NULL && i < COUNT_OF(names); i++)
        if (slice_eq(text_slice(FIELD(a[1], 0)), slice_from(names[i])))
            h = (enum crypto_hash)i;
    crypto_hash(h, c->der, out);
    *n = crypto_hash_size(h);
    return true;
}

NATIVE(certificate_hash)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    size_t n;

    NEED_THIS;
    return digest_of(vm, site, a, digest, &n) ? bytes_make(vm, digest, (uint32_t)n) : expr_value_null();
}

NATIVE(certificate_hash_text)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    size_t n;

    NEED_THIS;
    return digest_of(vm, site, a, digest, &n) ? upper_hex(vm, slice_of(digest, n)) : expr_value_null();
}

NATIVE(certificate_thumbprint)
{
    static const struct site plain = { .n = 1 };

    return net_certificate_hash_text(vm, &plain, a);
}

#define FROM_PARTS(name, expression) \
    NATIVE(certificate_##name) \
    { \
        const struct crypto_certificate *c; \
\
        NEED_THIS; \
        c = parts(vm, a[0]); \
        return c ? (expression) : expr_value_null(); \
    }
FROM_PARTS(serial, upper_hex(vm, c->serial))
FROM_PARTS(public_key, as_bytes(vm, c->key))
FROM_PARTS(public_key_text, upper_hex(vm, c->key))
FROM_PARTS(key_algorithm, text_ascii(c->key_oid))
FROM_PARTS(raw, as_bytes(vm, c->der))
FROM_PARTS(raw_text, upper_hex(vm, c->der))
FROM_PARTS(version, val_int((int32_t)c->version))

/* Little endian. */
NATIVE(certificate_serial_bytes)
{
    const struct crypto_certificate *c;
    struct expr_value out;

    NEED_THIS;
    c = parts(vm, a[0]);
    out = c ? as_bytes(vm, c->serial) : expr_value_null();
    for (size_t i = 0; c && !vm->thrown && i < c->serial.n; i++)
        OBJECT(out, bytes_object)->p[i] = (uint8_t)c->serial.p[c->serial.n - 1 - i];
    return out;
}

NATIVE(certificate_export)
{
    NEED_THIS;
    if (a[1].i != 1)
        return vm_throw(vm, TYPE_CRYPTOGRAPHICEXCEPTION, "Only X509ContentType.Cert can be exported.");
    return net_certificate_raw(vm, site, a);
}

/* ---- the rest ---- */

static struct expr_value time_value(int64_t seconds)
{
    return (
        struct expr_value){ .kind = EXPR_DATETIME, .aux = KIND_LOCAL, .i = UNIX_TICKS + seconds * 10000000 };
}

FROM_PARTS(not_before, time_value(c->not_before))
FROM_PARTS(not_after, time_value(c->not_after))
FROM_PARTS(from_text, value_to_string(vm, time_value(c->not_before)))
FROM_PARTS(to_text, value_to_string(vm, time_value(c->not_after)))

NATIVE(certificate_format)
{
    return TEXT("X509");
}

NATIVE(certificate_no_name)
{
    return TEXT("");
}

NATIVE(certificate_has_key)
{
    NEED_THIS;
    return val_bool(CERTIFICATE(a[0])->key.n > 0);
}

NATIVE(certificate_equals)
{
    const struct crypto_certificate *x, *y = NULL;

    NEED_THIS;
    x = parts(vm, a[0]);
    if (x && a[1].kind == EXPR_OBJECT && type_as(vm->arena, type_of_value(a[1]), TYPE_X509CERTIFICATE))
        y = parts(vm, a[1]);
    return val_bool(x && y && slice_eq(x->der, y->der));
}

NATIVE(certificate_hash_code)
{
    const struct crypto_certificate *c;

    NEED_THIS;
    c = parts(vm, a[0]);
    return c ? val_int((int32_t)hash_bytes(c->der)) : expr_value_null();
}

static struct expr_value check(struct vm *vm, struct expr_value v, bool revocation)
{
    const struct crypto_certificate *c = parts(vm, v);

    if (!c)
        return expr_value_null();
    vm_pause(vm);
    return val_bool(vm->host && vm->host->verify && vm->host->verify(vm->run->data, c->der, revocation));
}

NATIVE(certificate_verify)
{
    NEED_THIS;
    return check(vm, a[0], true);
}

NATIVE(certificate_verify_no_revocation)
{
    NEED(0, "certificate");
    return check(vm, a[0], false);
}

/* ---- Oid, PublicKey ---- */

static const struct {
    const char *oid, *name;
} oids[] = {
    { "1.2.840.113549.1.1.1", "RSA" },        { "1.2.840.10045.2.1", "ECC" },
    { "1.2.840.113549.1.1.4", "md5RSA" },     { "1.2.840.113549.1.1.5", "sha1RSA" },
    { "1.2.840.113549.1.1.11", "sha256RSA" }, { "1.2.840.113549.1.1.12", "sha384RSA" },
    { "1.2.840.113549.1.1.13", "sha512RSA" }, { "1.2.840.113549.1.1.10", "RSASSA-PSS" },
    { "1.2.840.10045.4.3.2", "sha256ECDSA" }, { "1.2.840.10045.4.3.3", "sha384ECDSA" },
    { "1.2.840.10045.4.3.4", "sha512ECDSA" }, { "1.3.14.3.2.26", "sha1" },
    { "2.16.840.1.101.3.4.2.1", "sha256" },   { "2.16.840.1.101.3.4.2.2", "sha384" },
    { "2.16.840.1.101.3.4.2.3", "sha512" },   { "1.2.840.113549.2.5", "md5" },
    { "2.5.4.3", "CN" },                      { "2.5.4.6", "C" },
    { "2.5.4.7", "L" },                       { "2.5.4.8", "S" },
    { "2.5.4.10", "O" },                      { "2.5.4.11", "OU" },
    { "1.2.840.113549.1.9.1", "E" },          { "0.9.2342.19200300.100.1.25", "DC" },
    { "2.5.29.17", "X509v3 Subject Alternative Name" },
    { "2.5.29.15", "X509v3 Key Usage" },      { "2.5.29.19", "X509v3 Basic Constraints" },
};

static struct expr_value oid_make(struct vm *vm, struct slice oid)
{
    return tuple_make2(vm, TYPE_OF(OID), text_ascii(oid), expr_value_null());
}

NATIVE(oid_new_empty)
{
    return tuple_make2(vm, TYPE_OF(OID), expr_value_null(), expr_value_null());
}

NATIVE(oid_new_named)
{
    return tuple_make2(vm, TYPE_OF(OID), a[0], a[1]);
}

NATIVE(oid_copy)
{
    NEED(0, "oid");
    return tuple_make2(vm, TYPE_OF(OID), FIELD(a[0], 0), FIELD(a[0], 1));
}

NATIVE(oid_set_value)
{
    NEED_THIS;
    FIELD(a[0], 0) = a[1];
    return expr_value_null();
}

NATIVE(oid_set_name)
{
    NEED_THIS;
    FIELD(a[0], 1) = a[1];
    return expr_value_null();
}

NATIVE(oid_new)
{
    NEED(0, "oid");
    for (size_t i = 0; i < COUNT_OF(oids); i++)
        if (slice_eq_icase(text_slice(a[0]), slice_from(oids[i].name)))
            return oid_make(vm, slice_from(oids[i].oid));
    return tuple_make2(vm, TYPE_OF(OID), a[0], expr_value_null());
}

NATIVE(oid_value)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}

NATIVE(oid_name)
{
    NEED_THIS;
    if (FIELD(a[0], 1).kind != EXPR_NULL)
        return FIELD(a[0], 1);
    for (size_t i = 0; i < COUNT_OF(oids); i++)
        if (slice_eq(text_slice(FIELD(a[0], 0)), slice_from(oids[i].oid)))
            return text_ascii(slice_from(oids[i].name));
    return expr_value_null();
}

FROM_PARTS(signature, oid_make(vm, c->signature_oid))

static bool is_rsa(struct slice oid)
{
    return slice_eq(oid, SLICE("1.2.840.113549.1.1.1"));
}

static bool is_ec(struct slice oid)
{
    return slice_eq(oid, SLICE("1.2.840.10045.2.1"));
}

/* RSA or ECDsa over the public key, null when it is of the other kind. */
static struct expr_value public_key(struct vm *vm, const struct crypto_certificate *c, bool rsa)
{
    if (!(rsa ? is_rsa(c->key_oid) : is_ec(c->key_oid)))
        return expr_value_null();
    return keys_make(vm, rsa ? TYPE_RSA : TYPE_ECDSA, c->key_info);
}

static struct expr_value private_key(struct vm *vm, struct expr_value v, const struct crypto_certificate *c,
                                     bool rsa)
{
    if (CERTIFICATE(v)->key.n == 0 || !(rsa ? is_rsa(c->key_oid) : is_ec(c->key_oid)))
        return expr_value_null();
    return keys_make(vm, rsa ? TYPE_RSA : TYPE_ECDSA, CERTIFICATE(v)->key);
}

FROM_PARTS(rsa, public_key(vm, c, true))
FROM_PARTS(ec, public_key(vm, c, false))
FROM_PARTS(rsa_private, private_key(vm, a[0], c, true))
FROM_PARTS(ec_private, private_key(vm, a[0], c, false))
FROM_PARTS(private, private_key(vm, a[0], c, is_rsa(c->key_oid)))

NATIVE(certificate_archived)
{
    return val_bool(false);
}

/* A PublicKey holds its certificate. */
NATIVE(certificate_key)
{
    NEED_THIS;
    return parts(vm, a[0]) ? tuple_make(vm, TYPE_OF(PUBLICKEY), 1, a) : expr_value_null();
}

#define OF_KEY(name, expression) \
    NATIVE(publickey_##name) \
    { \
        const struct crypto_certificate *c; \
\
        NEED_THIS; \
        c = parts(vm, FIELD(a[0], 0)); \
        return c ? (expression) : expr_value_null(); \
    }
OF_KEY(oid, oid_make(vm, c->key_oid))
OF_KEY(info, as_bytes(vm, c->key_info))
OF_KEY(rsa, public_key(vm, c, true))
OF_KEY(ec, public_key(vm, c, false))
OF_KEY(key, public_key(vm, c, is_rsa(c->key_oid)))
