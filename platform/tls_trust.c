/* CA certificates from files and directories. Blocking: never on a carrier. */
#include "platform/tls.h"

#include <stdio.h>
#include <stdlib.h>

#include <cacerts.h>

#include "platform/file.h"
#include "platform/gzip.h"
#include "platform/tls_int.h"

/* /etc/ssl/certs/ca-certificates.crt is about 220 kB. */
#define PEM_MAX_BYTES (8u * 1024 * 1024)
#define NAMES_MAX_BYTES (1u * 1024 * 1024)

static const char *const bundles[] = { "/etc/ssl/certs/ca-certificates.crt" };

/* How many certificates were new, or -1. */
static int add_file(struct tls_trust *t, const char *path, struct err *err)
{
    struct arena a;
    struct slice text;
    int added = -1;

    arena_init_growing(&a, PEM_MAX_BYTES * 2);
    if (file_read(&a, path, PEM_MAX_BYTES, &text, err)) {
        added = tls_trust_text(t, text);
        if (added < 0)
            err_set(err, "%s: no certificate in it", path);
    }
    arena_free(&a);
    return added;
}

/* Files that hold no certificate are passed over. */
static int add_directory(struct tls_trust *t, const char *path, struct err *err)
{
    struct arena a;
    struct slice *names;
    size_t n;
    int total = -1;

    arena_init_growing(&a, NAMES_MAX_BYTES);
    if (file_list(&a, path, &names, &n, err)) {
        total = 0;
        for (size_t i = 0; i < n; i++) {
            const char *file = file_join(&a, path, names[i]);
            int added = file && !file_is_dir(file) ? add_file(t, file, NULL) : 0;
            total += added > 0 ? added : 0;
        }
    }
    arena_free(&a);
    return total;
}

static void note_source(struct tls_trust *t, const char *name, int added)
{
    char *source = tls_trust_source_room(t);
    size_t n = strlen(source);

    snprintf(source + n, TLS_SOURCE_MAX - n, "%s%s (%d certificates)", n ? ", " : "", name, added);
}

bool tls_trust_add(struct tls_trust *t, const char *path, struct err *err)
{
    int added = file_is_dir(path) ? add_directory(t, path, err) : add_file(t, path, err);

    if (added < 0) {
        err_wrap(err, "CA certificates");
        return false;
    }
    note_source(t, path, added);
    return true;
}

static const char *find_bundle(void)
{
    const char *given = getenv("SSL_CERT_FILE");

    if (given && *given && file_exists(given))
        return given;
    for (size_t i = 0; i < COUNT_OF(bundles); i++)
        if (file_exists(bundles[i]))
            return bundles[i];
    return NULL;
}

bool tls_trust_add_built_in(struct tls_trust *t, struct err *err)
{
    struct slice packed = slice_of(cacerts_gz, (size_t)(cacerts_gz_end - cacerts_gz)), text;
    struct arena a;

    arena_init_growing(&a, PEM_MAX_BYTES * 2);
    int added = gzip_inflate(&a, GZIP_GZIP, packed, PEM_MAX_BYTES, &text, NULL) == GZIP_DONE ? tls_trust_text(t, text) : -1;
    arena_free(&a);
    if (added < 0)
        return err_set(err, "CA certificates: the bundle built in cannot be read");
    note_source(t, "the bundle built in", added);
    return true;
}

bool tls_trust_open(struct tls_trust **out, const char *path, struct err *err)
{
    if (!tls_trust_new(out, err))
        return false;
    if (!path)
        path = find_bundle();
    if (path ? tls_trust_add(*out, path, err) : tls_trust_add_built_in(*out, err))
        return true;
    tls_trust_free(*out);
    *out = NULL;
    return false;
}

const char *tls_trust_source(const struct tls_trust *t)
{
    if (tls_trust_count(t))
        return tls_trust_source_room((struct tls_trust *)t);
    return "no CA certificates: no TLS server can be verified: set net.client.tls.ca.path to a PEM "
           "file or directory";
}
