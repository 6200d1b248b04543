/* TLS 1.2 and 1.3 on mbedTLS, for the listener and the lean client; the trust store that libcurl
 * shares. Handshake steps run on the helper pool; records on the carrier. One of the two files that
 * include mbedTLS.
 *
 * A TLS stream differs from a plain one in this:
 *  - a short recv says nothing about the socket: read until EAGAIN, or ask pending, before
 *    waiting for the socket;
 *  - the bytes behind a short count of send may be in a record that is under way: the next send
 *    must begin with them;
 *  - the end of the stream is 0 only after close_notify; a bare FIN is -1 with ECONNRESET (RFC
 *    9112 9.8), so that a body that ends with the connection cannot be cut unnoticed. */
#ifndef PLATFORM_TLS_H
#define PLATFORM_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/stream.h"

/* Before the first thread (psa_crypto_init); again does nothing. */
bool tls_global_init(struct err *err);

/* Only these suites from now on (IANA names, comma separated), of servers or of clients that are
 * made after this; names of suites that we never use are skipped. False: none is left, nothing is
 * limited. Before the first thread. */
bool tls_allow_suites(bool server, struct slice list);
/* Versions that clients offer. Before the first thread. */
void tls_allow_client_versions(bool tls12, bool tls13);

/* ---- server side ---- */
struct tls_server; /* certificate chain, key, tickets; reference counted, immutable after open */
/* From PEM texts, the server's own certificate first. err says which of the two is wrong:
 * unreadable, expired, not a pair. The caller holds one reference; every connection holds one, so
 * that a replaced one lives until its last ends. */
bool tls_server_open(struct tls_server **out, struct slice certificate_pem, struct slice key_pem,
                     struct err *err);
void tls_server_ref(struct tls_server *t);
void tls_server_unref(struct tls_server *t);
/* Handshake as server on an accepted, registered plain stream; on success s is a TLS stream. Waits
 * (fiber). On failure s is plain still, to be closed, and errno ETIMEDOUT, ECANCELED, ECONNRESET or
 * EPROTO. */
bool tls_accept(struct stream *s, struct tls_server *t, uint64_t deadline, struct err *err);

/* ---- client side ---- */
struct tls_trust; /* a parsed CA set, shared; immutable once it is used */
/* path: PEM file or directory; NULL: the first that exists of $SSL_CERT_FILE and the system's
 * bundle, else the bundle built in. Blocking. */
bool tls_trust_open(struct tls_trust **out, const char *path, struct err *err);
/* Mozilla's certificates of the date that `version` tells. */
bool tls_trust_add_built_in(struct tls_trust *t, struct err *err);
/* More certificates from a file or directory, before the first use. */
bool tls_trust_add(struct tls_trust *t, const char *path, struct err *err);
/* Where they came from and how many: "/etc/ssl/certs/ca-certificates.crt (142 certificates)"; says
 * what to set when there are none. */
const char *tls_trust_source(const struct tls_trust *t);
unsigned tls_trust_count(const struct tls_trust *t);
/* Drop the owner's reference; connections hold their own. */
void tls_trust_free(struct tls_trust *t);
/* The machine does not know the time (sync.md d7): certificates that are not valid yet are
 * accepted, expired ones and everything else not. Any thread. */
void tls_clock_unset(bool unset);

struct tls_identity; /* what a client shows of itself: certificate, chain, key; reference counted, immutable */
/* From certificates and key, PEM or DER, its own certificate first; an expired one is no error. */
bool tls_identity_open(struct tls_identity **out, const struct slice *certificates, size_t n, struct slice key, struct err *err);
/* Drop the owner's reference; connections hold their own. NULL is taken. */
void tls_identity_free(struct tls_identity *i);
/* Differs between identities, and is the same for one that is opened again. */
uint64_t tls_identity_hash(const struct tls_identity *i);

struct tls_client_options {
    struct tls_trust *trust;
    const char *name;       /* SNI and the name to verify; zero-terminated */
    bool skip_chain, skip_name; /* backend tls.validateCertificateChain / Name = false */
    struct tls_identity *identity; /* shown to a server that asks; NULL: none */
};
/* Handshake as client on a connected plain stream (fiber). Sessions are resumed per name where the
 * server allows it. err says what failed: "certificate: name mismatch: expected a.example, it is
 * for b.example". errno as tls_accept; ESTALE: a session that was offered is no longer to the
 * server's liking (mbedTLS then insists on that session's version) and is forgotten: connect anew,
 * once. */
bool tls_connect(struct stream *s, const struct tls_client_options *options, uint64_t deadline,
                 struct err *err);

/* ---- both ---- */
/* "TLSv1.3", of a TLS stream. */
const char *tls_version(const struct stream *s);
/* Give back the unused pages of an idle connection's buffers, all but each one's first; they come
 * back when used. Two system calls: for connections that are parked for a while. */
void tls_trim(struct stream *s);
/* Bytes of memory one TLS connection holds, measured at the latest handshake (for `inspect status`
 * and docs); 0 before. Small parts that only the library can see are not counted: about 2 kB, and
 * in a client some more for each certificate of the server. */
size_t tls_connection_bytes(void);
struct tls_counts { uint64_t server_full, server_resumed, client_full, client_resumed, failed; };
/* Handshakes so far; any thread. */
struct tls_counts tls_counts(void);

/* For libcurl: CURLOPT_SSL_CTX_FUNCTION's argument is an mbedtls_ssl_config; sets the shared CA
 * chain and our verification in it, which writes to note what is wrong with a certificate. note
 * lives as long as the handshake. */
struct tls_note {
    const char *name; /* that was asked for */
    char why[400];    /* "" when nothing is wrong */
};
void tls_trust_apply(struct tls_trust *t, void *mbedtls_ssl_config_ptr, struct tls_note *note);

#endif
