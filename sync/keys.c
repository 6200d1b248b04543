/* Signing keys in files. */
#include "sync/keys.h"

#include <stdio.h>
#include <unistd.h>

#include "platform/file.h"
#include "store/root.h"

/* A PEM file of one key; certificates and chains are no keys. */
#define KEY_FILE_MAX (64u << 10)

void sync_key_fingerprint(const struct crypto_key *key, char out[SYNC_FINGERPRINT_MAX])
{
    char id[ENVELOPE_KEYID_BYTES + 1];
    uint8_t hash[CRYPTO_SHA256_BYTES];

    out[0] = 0;
    if (envelope_keyid(key, id, hash, NULL))
        root_put_fingerprint(hash, out);
}

/* FILE.pub is made first: a private key without its public part is never left behind. */
static bool write_pair(struct arena *a, const struct crypto_key *key, const char *path,
                       struct err *err)
{
    struct slice secret, public;
    struct slice name = arena_printf(a, "%s.pub", path);

    if (!name.p)
        return err_set(err, "out of memory");
    if (file_exists(path))
        return err_set(err, "%s: exists: keys are never overwritten", path);
    if (!crypto_key_private_pem(key, a, &secret, err) ||
        !crypto_key_public_pem(key, a, &public, err))
        return false;
    if (!file_write_new(name.p, public, 0644, err))
        return false;
    if (file_write_new(path, secret, 0600, err))
        return true;
    unlink(name.p);
    return false;
}

bool sync_keygen(const char *path, char fingerprint[SYNC_FINGERPRINT_MAX], struct err *err)
{
    struct arena a;
    struct crypto_key *key;

    if (!crypto_key_generate(&key, err))
        return err_wrap(err, "keygen");
    arena_init_growing(&a, 1u << 20);
    bool ok = write_pair(&a, key, path, err);
    if (ok)
        sync_key_fingerprint(key, fingerprint);
    arena_free(&a);
    crypto_key_free(key);
    return ok;
}

static bool read_key(const char *path, struct crypto_key **out, struct err *err)
{
    struct arena a;
    struct slice text;

    *out = NULL;
    arena_init_growing(&a, 1u << 20);
    bool ok = file_read(&a, path, KEY_FILE_MAX, &text, err);
    if (ok && !crypto_key_read(out, text, err))
        ok = err_wrap(err, "%s", path);
    arena_free(&a);
    return ok;
}

bool sync_key_read_private(const char *path, struct crypto_key **out, struct err *err)
{
    if (!read_key(path, out, err))
        return false;
    if (crypto_key_is_private(*out))
        return true;
    crypto_key_free(*out);
    *out = NULL;
    return err_set(err, "%s: a public key: signing needs the private one", path);
}

bool sync_key_read_public(const char *path, struct crypto_key **out, struct err *err)
{
    return read_key(path, out, err);
}
