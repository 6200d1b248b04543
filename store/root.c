/* The trust root: parsing, thresholds, succession. */
#include "store/root.h"

#include <stdio.h>

#include "platform/json.h"

const char *const root_role_names[ROLES] = { "root", "config", "fresh" };

static struct root_key *find_id(struct root *r, struct slice id)
{
    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(slice_from(r->keys[i].id), id))
            return &r->keys[i];
    return NULL;
}

/* key = {"id","alg","pub"}: pub is the SubjectPublicKeyInfo in base64url. */
static bool parse_key(struct arena *a, const struct json *j, struct root *r, struct err *err)
{
    struct slice id = json_str(json_get(j, "id")),
                 der = crypto_base64url_decode(a, json_str(json_get(j, "pub")));
    struct root_key *k = &r->keys[r->n];

    if (r->n == ROOT_KEYS_MAX)
        return err_set(err, "more than %u keys", ROOT_KEYS_MAX);
    if (!der.p || !crypto_key_read(&k->key, der, err))
        return err_set(err, "key %.*s: cannot be read", SLICE_ARG(id));
    r->n++;
    if (!envelope_keyid(k->key, k->id, k->hash, err))
        return err_wrap(err, "key %.*s", SLICE_ARG(id));
    if (!slice_eq(id, slice_from(k->id)))
        return err_set(err, "key %.*s: its id should be %s", SLICE_ARG(id), k->id);
    if (!slice_eq(json_str(json_get(j, "alg")), slice_from(crypto_key_alg(k->key))))
        return err_set(err, "key %s: its algorithm should be %s", k->id, crypto_key_alg(k->key));
    for (size_t i = 0; i + 1 < r->n; i++)
        if (slice_eq(slice_from(r->keys[i].id), id))
            return err_set(err, "key %s: listed twice", k->id);
    return true;
}

/* role = {"ids":[…],"min":N} */
static bool parse_role(const struct json *j, struct root *r, enum root_role role, struct err *err)
{
    int64_t min = json_int(json_get(j, "min"), 0);
    unsigned count = 0;

    struct json_iter it = json_iter(json_get(j, "ids"));
    while (json_next(&it)) {
        struct root_key *k = find_id(r, json_str(it.value));
        if (!k || k->roles[role])
            return err_set(err, "role %s: unknown or repeated key %.*s", root_role_names[role],
                           SLICE_ARG(json_str(it.value)));
        k->roles[role] = true;
        count++;
    }
    if (min < 1 || min > count)
        return err_set(err, "role %s: %lld signatures of %u keys", root_role_names[role],
                       (long long)min, count);
    r->min[role] = (unsigned)min;
    return true;
}

static bool parse_payload(struct arena *a, struct slice payload, struct root *r, struct err *err)
{
    const struct json *j = json_parse(a, payload, err);

    if (!j)
        return false;
    r->version = json_int(json_get(j, "n"), 0);
    if (r->version < 1 || r->version > UINT32_MAX)
        return err_set(err, "no version");
    struct json_iter it = json_iter(json_get(j, "keys"));
    while (json_next(&it))
        if (!parse_key(a, it.value, r, err))
            return false;
    for (enum root_role role = ROLE_ROOT; role < ROLES; role++)
        if (!parse_role(json_path(j, "roles", root_role_names[role], NULL), r, role, err))
            return false;
    return true;
}

static bool parse_envelope(struct arena *a, struct slice text, struct envelope *e, struct err *err)
{
    if (!envelope_parse(a, &text, e, err))
        return false;
    if (!slice_eq(e->type, SLICE("root")) || text.n)
        return err_set(err, "not a root envelope");
    return true;
}

bool root_parse(struct arena *a, struct slice text, struct root *out, struct err *err)
{
    struct envelope e;

    memset(out, 0, sizeof *out);
    out->whole = text;
    if (text.n > ROOT_BYTES_MAX)
        return err_set(err, "root: larger than %u bytes", ROOT_BYTES_MAX);
    if (!parse_envelope(a, text, &e, err) || !parse_payload(a, e.payload, out, err))
        return err_wrap(err, "root");
    return true;
}

void root_free(struct root *r)
{
    for (size_t i = 0; i < r->n; i++)
        crypto_key_free(r->keys[i].key);
    memset(r, 0, sizeof *r);
}

static bool refuse_unknown(const struct root *r, enum root_role role, const struct envelope *e,
                           unsigned good, struct err *err)
{
    char pinned[72];

    root_fingerprint(r, pinned);
    if (good)
        return err_set(err, "signature: %u of the %u signatures that the role %s needs", good,
                       r->min[role], root_role_names[role]);
    if (!e->n)
        return err_set(err, "signature: none");
    return err_set(
        err,
        "signature: key sha256:%.*s…: not in the pinned root (%.15s…): if the key was lost, "
        "`holdfast trust pin FILE.pub`",
        SLICE_ARG(e->signatures[0].keyid), pinned);
}

bool root_check(const struct root *r, enum root_role role, const struct envelope *e,
                struct err *err)
{
    unsigned good = 0;
    bool seen[ROOT_KEYS_MAX] = { false };

    for (size_t i = 0; i < e->n; i++) {
        const struct root_key *k = find_id((struct root *)(uintptr_t)r, e->signatures[i].keyid);
        if (!k || !k->roles[role])
            continue; /* another role's, or of a root we have not seen */
        if (seen[k - r->keys])
            return err_set(err, "signature: two by key %s", k->id);
        seen[k - r->keys] = true;
        if (!crypto_verify(k->key, e->signed_bytes, e->signatures[i].der))
            return err_set(err, "signature: wrong: key %s did not sign this %.*s", k->id,
                           SLICE_ARG(e->type));
        good++;
    }
    return good >= r->min[role] || refuse_unknown(r, role, e, good, err);
}

static bool check_root_by(const struct root *judge, const struct root *r, struct err *err)
{
    struct arena a;
    struct envelope e;

    arena_init_growing(&a, 4 * ROOT_BYTES_MAX);
    bool ok = parse_envelope(&a, r->whole, &e, err) && root_check(judge, ROLE_ROOT, &e, err);
    arena_free(&a);
    return ok || err_wrap(err, "root %lld", (long long)r->version);
}

bool root_check_self(const struct root *r, struct err *err)
{
    return check_root_by(r, r, err);
}

bool root_check_next(const struct root *r, const struct root *next, struct err *err)
{
    if (next->version != r->version + 1)
        return err_set(err, "root %lld: does not follow root %lld", (long long)next->version,
                       (long long)r->version);
    return check_root_by(r, next, err) && check_root_by(next, next, err);
}

const struct root_key *root_find(const struct root *r, enum root_role role,
                                 const uint8_t hash[CRYPTO_SHA256_BYTES])
{
    for (size_t i = 0; i < r->n; i++)
        if (r->keys[i].roles[role] && memcmp(r->keys[i].hash, hash, CRYPTO_SHA256_BYTES) == 0)
            return &r->keys[i];
    return NULL;
}

static bool covers_role(const struct root *x, const struct root *y, enum root_role role)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->keys[i].roles[role] && !root_find(y, role, x->keys[i].hash))
            return false;
    return true;
}

bool root_same_role(const struct root *x, const struct root *y, enum root_role role)
{
    return covers_role(x, y, role) && covers_role(y, x, role);
}

void root_put_fingerprint(const uint8_t hash[CRYPTO_SHA256_BYTES], char out[72])
{
    memcpy(out, "sha256:", 7);
    crypto_hex(hash, CRYPTO_SHA256_BYTES, out + 7);
    out[71] = 0;
}

void root_fingerprint(const struct root *r, char out[72])
{
    out[0] = 0;
    for (size_t i = 0; i < r->n && !out[0]; i++)
        if (r->keys[i].roles[ROLE_ROOT])
            root_put_fingerprint(r->keys[i].hash, out);
}
