/* TLS 1.2 and 1.3 on mbedTLS, for the listener and the lean client; the trust store that libcurl shares.
 * Handshake steps run on the helper pool; records on the carrier. One of the two files that include mbedTLS. */
#ifndef PLATFORM_TLS_H
#define PLATFORM_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/stream.h"

/* Once, before the first thread (psa_crypto_init). */
bool tls_global_init(struct err *err);

/* ---- server side ---- */
struct tls_server; /* certificate chain, key, tickets; reference counted, immutable after open */
/* From PEM texts. err says which of the two is wrong: unreadable, expired, not a pair. */
bool tls_server_open(struct tls_server **out, struct slice certificate_pem, struct slice key_pem, struct err *err);
void tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server *t);
/* Handshake as server on an accepted, registered plain stream; on success s is a TLS stream. Waits (fiber). */
bool tls_accept(struct stream *s, struct tls_server *t, uint64_t deadline, struct err *err);

/* ---- client side ---- */
struct tls_trust; /* a parsed CA set, shared; immutable after open */
/* path: PEM file or directory; NULL: the first of the well-known places, then the bundle built in. */
bool tls_trust_open(struct tls_trust **out, const char *path, struct err *err);
void tls_trust_free(struct tls_trust *t);

struct tls_client_options {
    struct tls_trust *trust;
    const char *name;       /* SNI and the name to verify; zero-terminated */
    bool skip_chain, skip_name; /* backend tls.validateCertificateChain / Name = false */
};
/* Handshake as client on a connected plain stream (fiber). Sessions are resumed per name where the server allows it. */
bool tls_connect(struct stream *s, const struct tls_client_options *options, uint64_t deadline, struct err *err);

/* Bytes of memory one TLS connection holds, measured (for `inspect status` and docs). */
size_t tls_connection_bytes(void);

/* For libcurl: CURLOPT_SSL_CTX_FUNCTION's argument is an mbedtls_ssl_config; sets the shared CA chain in it. */
void tls_trust_apply(struct tls_trust *t, void *mbedtls_ssl_config_ptr);

#endif
