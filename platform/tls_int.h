/* Parts of the TLS module that need no mbedTLS: transport below the library, the client's session
 * cache, files of CA certificates, texts; and what only tests ask of it. */
#ifndef PLATFORM_TLS_INT_H
#define PLATFORM_TLS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"
#include "platform/stream.h"

struct tls_server;
struct tls_trust;

/* Longest content of a record that we send: MBEDTLS_SSL_OUT_CONTENT_LEN. */
#define TLS_CONTENT_MAX 8192u

/* ---- ciphertext between the library and the socket, on the carrier (tls_io.c) ---- */
struct tls_io {
    struct sock *sock;
    unsigned char *ahead; /* what came together with the end of the handshake: read first */
    size_t ahead_at, ahead_n;
    size_t room;          /* what the caller of recv still takes */
    const unsigned char *rest; /* of the record last sent, in the library's buffer */
    size_t rest_n;
    int error;            /* errno of TLS_IO_FAILED */
    bool dry;             /* the socket had nothing */
};
#define TLS_IO_WAIT (-1)
#define TLS_IO_FAILED (-2)
/* Bytes for the library, which wants n and holds `held` of a record; 0 at the end of the
 * connection, or TLS_IO_...; tls.c invariant 3. */
int tls_io_recv(struct tls_io *io, unsigned char *buf, size_t n, size_t held);
/* Send a record: n, or TLS_IO_FAILED; what the socket does not take becomes io->rest. A second one
 * behind a rest can only be the alert of a broken connection: dropped. */
int tls_io_send(struct tls_io *io, const unsigned char *buf, size_t n);
/* Send the rest. False: errno, EAGAIN when the socket takes no more. */
bool tls_io_flush(struct tls_io *io);
/* A recv begins: nothing is in the carrier's read-ahead buffer. Clears room and dry. */
void tls_io_begin(struct tls_io *io);
bool tls_io_wait_writable(struct tls_io *io, uint64_t deadline);
/* Give all pages of an empty buffer of the library but its first back to the system. */
void tls_io_give_back(const unsigned char *buffer, size_t n);

/* A place in a vector of bytes to send. */
struct tls_cursor {
    const struct iovec *iov;
    int n;
    size_t at; /* within *iov */
};
void tls_cursor_skip(struct tls_cursor *c, size_t bytes);
/* The next record's content, at most max bytes: a run of the vector itself, or small parts put
 * together in a buffer of the carrier. Empty at the end. */
struct slice tls_cursor_content(const struct tls_cursor *from, size_t max);

/* ---- a connection after its handshake: records by tls.c, whole calls by tls_stream.c ---- */
struct tls_link {
    struct tls_io io;
    size_t under_way; /* tls.c invariant 5: content of the record that is not out yet */
    enum { TLS_OPEN, TLS_ENDED_CLEAN, TLS_ENDED_CUT, TLS_BROKEN } ended;
};
extern const struct stream_ops tls_stream_ops;
/* Decrypted bytes; 0: nothing yet (io.dry: wait for the socket), or the stream has ended. */
int tls_link_read(struct tls_link *link, void *buf, size_t n);
/* Encrypt one record; bytes of it, 0: the link is broken. */
int tls_link_write(struct tls_link *link, struct slice content);
size_t tls_link_content_max(const struct tls_link *link);
bool tls_link_pending(const struct tls_link *link);
void tls_link_close_notify(struct tls_link *link);
void tls_link_free(struct tls_link *link);

/* ---- a handshake's memory: the library on the helper sees only this ---- */
struct tls_memory {
    unsigned char in[4096], out[TLS_CONTENT_MAX];
    size_t in_at, in_n, out_n;
    bool in_ended;
    bool any_in;        /* at least one byte came */
    bool peer_is_plain; /* the first one is no record type */
};
int tls_memory_recv(struct tls_memory *m, unsigned char *buf, size_t n);
int tls_memory_send(struct tls_memory *m, const unsigned char *buf, size_t n);
/* Send what the library wrote / read something for it. Wait (fiber). False: errno. */
bool tls_memory_flush(struct tls_memory *m, struct tls_io *io, uint64_t deadline);
bool tls_memory_feed(struct tls_memory *m, struct tls_io *io, uint64_t deadline);
/* The peer's alert when it came unencrypted where an encrypted record was due, else -1. mbedTLS
 * clients of TLS 1.3 send theirs so when they refuse the certificate. */
int tls_memory_plain_alert(const struct tls_memory *m);
/* The handshake is over: what was read too far goes to io->ahead. False: no memory. */
bool tls_memory_hand_over(struct tls_memory *m, struct tls_io *io);

/* ---- sessions that the client may resume; any thread (tls_cache.c) ----
 * A key says with which trust and which checks the session was made: a resumed one is not verified
 * again. */
#define TLS_CACHE_ENTRIES 64u
/* Longer ones are not kept: a session is some hundred bytes and the server's certificate. */
#define TLS_CACHE_SESSION_MAX 8192u
/* Keep a copy of the session, instead of an older one of that key; the one unused for longest makes
 * room. */
void tls_cache_put(const char *key, const void *session, size_t n);
/* A copy of the session to free, or NULL. It stays in the cache. */
unsigned char *tls_cache_get(const char *key, size_t *n);
void tls_cache_drop(const char *key);
/* Forget all (tests). */
void tls_cache_clear(void);
unsigned tls_cache_count(void);

/* ---- CA certificates from files (tls_trust.c; these two are in tls.c) ---- */
/* An empty store. */
bool tls_trust_new(struct tls_trust **out, struct err *err);
/* Add the certificates of a text that are not known yet; how many, or -1: there is none in it. */
int tls_trust_text(struct tls_trust *t, struct slice text);
/* Room for tls_trust_source. */
#define TLS_SOURCE_MAX 320u
char *tls_trust_source_room(struct tls_trust *t);

/* ---- texts (tls_text.c) ---- */
/* Name of an alert (RFC 8446 6), "unknown" for others. */
const char *tls_alert_name(unsigned alert);
/* Copy text to out with all but printable ASCII as '?': what a peer sent goes into messages. */
void tls_printable(char *out, size_t cap, struct slice text);
/* Add one of a certificate's names to a list with commas: DNS name, or bytes of an address. */
void tls_add_name(char *out, size_t cap, struct slice name, bool address);
/* What is wrong with a certificate. */
struct tls_flaw {
    enum {
        TLS_FLAW_EXPIRED,
        TLS_FLAW_FUTURE,
        TLS_FLAW_NAME,
        TLS_FLAW_UNTRUSTED,
        TLS_FLAW_OTHER
    } kind;
    const char *subject, *issuer;
    const char *date;     /* EXPIRED, FUTURE */
    const char *names;    /* NAME: what it is for */
    const char *expected; /* NAME */
    const char *other;    /* OTHER */
};
/* Append it to a message; several are separated by semicolons. */
void tls_explain_flaw(char *out, size_t cap, const struct tls_flaw *flaw);
/* A handshake that ended by errno; false. */
bool tls_explain_errno(struct err *err);
bool tls_explain_alert(struct err *err, int alert);

/* ---- for tests, before the first connection ---- */
void tls_server_limit_to_12(struct tls_server *t);

/* ---- the process (tls_state.c) ---- */
extern _Atomic uint64_t tls_handshakes[2][2], tls_failed; /* [server][resumed] */
bool tls_clock_is_unset(void);

/* ---- tls_suites.c ---- */
/* The numbers of the suites to offer, the best first; ends with 0. Called first before the first thread. */
const int *tls_suites(bool server);

#endif
