/* TLS on mbedTLS. Must never block a carrier, nor switch fibers inside the library.
 *
 * 1. A handshake is a loop of the fiber: step on the helper pool (mbedtls_ssl_handshake over memory
 *    buffers), flush what it wrote, feed what came. The helper touches struct tls and nothing of
 *    the carrier's.
 * 2. After the handshake records are read and written on the carrier. The library's callbacks never
 *    wait: they answer WANT_READ and WANT_WRITE, and the fiber waits outside of it.
 * 3. No ciphertext is left in the carrier's read-ahead buffer when recv returns. The callback reads
 *    at most as much as the caller has room for, less what the library holds of a record (in_left):
 *    that much ciphertext cannot fill the room, so the library asks on until all of it is its own,
 *    the tail of a cut record in its input buffer, which belongs to the connection. A record larger
 *    than the room is read to its exact end.
 * 4. What a peer sent together with the end of its handshake (`ahead`) belongs to the connection
 *    and is read first.
 * 5. The library never learns that the socket is full: a record that it did not take whole counts
 *    as sent, its rest is kept in the library's output buffer by us (io.rest), and nothing is
 *    written before that is out. Else a read that meets a ticket would want to write first, and a
 *    flush in there would let the record be encrypted twice. The caller learns of a record's
 *    content (`under_way`) when the last byte is out.
 * 6. One configuration serves all connections of a certificate (tls_server) or a trust store; both
 *    are immutable then and counted by atomic references. Ticket keys are the process's, so that
 *    sessions outlive a change of certificate.
 * 7. Nothing is allocated per record. */
#include "platform/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include "platform/base/hash.h"
#include "platform/crypto_int.h"
#include "platform/helper.h"
#include "platform/tls_int.h"

#define TICKET_LIFETIME_S 86400
/* Our certificates must fit one handshake message with its header and the extensions of each. */
#define CHAIN_MAX_BYTES (MBEDTLS_SSL_OUT_CONTENT_LEN - 64)
_Static_assert(TLS_CONTENT_MAX == MBEDTLS_SSL_OUT_CONTENT_LEN, "one size of records sent");

static const char *const alpn[] = { "http/1.1", NULL };

/* ---- the process ---- */

static mbedtls_ssl_ticket_context tickets;
static struct tls_trust *no_trust;
static _Atomic size_t connection_bytes;

bool tls_global_init(struct err *err)
{
    static bool done;

    if (done)
        return true;
    if (psa_crypto_init() != PSA_SUCCESS)
        return err_set(err, "TLS: no random source");
    mbedtls_ssl_ticket_init(&tickets);
    int code = mbedtls_ssl_ticket_setup(&tickets, crypto_random_source, NULL,
                                        MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFETIME_S);
    if (code)
        return crypto_library_error(err, "TLS: tickets", code);
    done = tls_trust_new(&no_trust, err);
    return done;
}

size_t tls_connection_bytes(void)
{
    return atomic_load_explicit(&connection_bytes, memory_order_relaxed);
}

/* ---- certificates ---- */

static void date_text(const mbedtls_x509_time *t, char out[16])
{
    snprintf(out, 16, "%04u-%02u-%02u", (unsigned)t->year % 10000, (unsigned)t->mon % 100,
             (unsigned)t->day % 100);
}

static void name_text(const mbedtls_x509_name *name, char *out, size_t cap)
{
    char text[256];
    int n = mbedtls_x509_dn_gets(text, sizeof text, name);

    tls_printable(out, cap, n > 0 ? slice_of(text, (size_t)n) : SLICE("(a long name)"));
}

/* PEM or DER. 0, the number of certificates that cannot be read, or a negative code. */
static int parse_certificates(mbedtls_x509_crt *chain, struct slice text)
{
    size_t n;
    unsigned char *copy = crypto_copy_text(text, &n);

    if (!copy)
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    int code = mbedtls_x509_crt_parse(chain, copy, n);
    free(copy);
    return code;
}

/* ---- server ---- */

struct tls_server {
    _Atomic unsigned refs;
    mbedtls_ssl_config conf;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
};

static bool client_12 = true, client_13 = true;

void tls_allow_client_versions(bool tls12, bool tls13)
{
    client_12 = tls12;
    client_13 = tls13;
}

static bool read_chain(struct tls_server *t, struct slice pem, struct err *err)
{
    char text[128], date[16];
    size_t bytes = 0;
    int code = parse_certificates(&t->chain, pem);

    if (code < 0)
        return crypto_library_error(err, "certificate: cannot be read", code);
    if (code > 0)
        return err_set(err, "certificate: %d of the certificates in it cannot be read", code);
    name_text(&t->chain.subject, text, sizeof text);
    date_text(&t->chain.valid_to, date);
    if (mbedtls_x509_time_is_past(&t->chain.valid_to))
        return err_set(err, "certificate: of %s: expired on %s", text, date);
    for (const mbedtls_x509_crt *c = &t->chain; c; c = c->next)
        bytes += c->raw.len + 5;
    if (bytes > CHAIN_MAX_BYTES)
        return err_set(err, "certificate: the chain has %zu bytes, more than the %d that fit one "
                            "message: leave the root out", bytes, CHAIN_MAX_BYTES);
    return true;
}

static bool read_server_key(struct tls_server *t, struct slice pem, struct err *err)
{
    char text[128];

    if (!crypto_read_private_key(&t->key, pem, "private key", err))
        return false;
    name_text(&t->chain.subject, text, sizeof text);
    if (mbedtls_pk_check_pair(&t->chain.pk, &t->key, crypto_random_source, NULL) != 0)
        return err_set(err, "private key: does not fit the certificate of %s", text);
    return true;
}

/* Set by the step that this helper is in. */
static _Thread_local bool ticket_taken;

static int parse_ticket(void *ctx, mbedtls_ssl_session *session, unsigned char *buf, size_t n)
{
    int code = mbedtls_ssl_ticket_parse(ctx, session, buf, n);

    ticket_taken = code == 0;
    return code;
}

static int configure(mbedtls_ssl_config *conf, int endpoint)
{
    int code = mbedtls_ssl_config_defaults(conf, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                           MBEDTLS_SSL_PRESET_DEFAULT);

    if (code)
        return code;
    mbedtls_ssl_conf_rng(conf, crypto_random_source, NULL);
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf,
                                              MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
    return mbedtls_ssl_conf_alpn_protocols(conf, (const char **)alpn);
}

static bool configure_server(struct tls_server *t, struct err *err)
{
    int code = configure(&t->conf, MBEDTLS_SSL_IS_SERVER);

    if (!code)
        code = mbedtls_ssl_conf_own_cert(&t->conf, &t->chain, &t->key);
    if (code)
        return crypto_library_error(err, "TLS: set-up", code);
    mbedtls_ssl_conf_ciphersuites(&t->conf, tls_suites(true));
    mbedtls_ssl_conf_session_tickets_cb(&t->conf, mbedtls_ssl_ticket_write, parse_ticket, &tickets);
    mbedtls_ssl_conf_new_session_tickets(&t->conf, 1);
    return true;
}

bool tls_server_open(struct tls_server **out, struct slice certificate_pem, struct slice key_pem,
                     struct err *err)
{
    struct tls_server *t = calloc(1, sizeof *t);

    *out = NULL;
    if (!t)
        return err_set(err, "TLS: no memory");
    atomic_init(&t->refs, 1);
    mbedtls_ssl_config_init(&t->conf);
    mbedtls_x509_crt_init(&t->chain);
    mbedtls_pk_init(&t->key);
    if (!read_chain(t, certificate_pem, err) || !read_server_key(t, key_pem, err) ||
        !configure_server(t, err)) {
        tls_server_unref(t);
        return false;
    }
    *out = t;
    return true;
}

void tls_server_limit_to_12(struct tls_server *t)
{
    mbedtls_ssl_conf_max_tls_version(&t->conf, MBEDTLS_SSL_VERSION_TLS1_2);
}

void tls_server_ref(struct tls_server *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void tls_server_unref(struct tls_server *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_ssl_config_free(&t->conf);
    mbedtls_x509_crt_free(&t->chain);
    mbedtls_pk_free(&t->key);
    free(t);
}

/* ---- trust ---- */

struct tls_trust {
    _Atomic unsigned refs;
    uint64_t id; /* in keys of the session cache: an address may come again */
    mbedtls_x509_crt chain;
    unsigned count;
    mbedtls_ssl_config strict; /* the library refuses what check_certificate leaves flagged */
    mbedtls_ssl_config lax;    /* skip_chain: only check_certificate refuses */
    char source[TLS_SOURCE_MAX];
};

static int configure_client(mbedtls_ssl_config *conf, mbedtls_x509_crt *chain, int authmode)
{
    int code = configure(conf, MBEDTLS_SSL_IS_CLIENT);

    mbedtls_ssl_conf_authmode(conf, authmode);
    mbedtls_ssl_conf_ciphersuites(conf, tls_suites(false));
    if (!client_13)
        mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
    if (!client_12)
        mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_ca_chain(conf, chain, NULL);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    return code;
}

bool tls_trust_new(struct tls_trust **out, struct err *err)
{
    static _Atomic uint64_t ids;
    struct tls_trust *t = calloc(1, sizeof *t);
    int code;

    *out = NULL;
    if (!t)
        return err_set(err, "CA certificates: no memory");
    atomic_init(&t->refs, 1);
    t->id = atomic_fetch_add(&ids, 1);
    mbedtls_x509_crt_init(&t->chain);
    mbedtls_ssl_config_init(&t->strict);
    mbedtls_ssl_config_init(&t->lax);
    if ((code = configure_client(&t->strict, &t->chain, MBEDTLS_SSL_VERIFY_REQUIRED)) != 0 ||
        (code = configure_client(&t->lax, &t->chain, MBEDTLS_SSL_VERIFY_OPTIONAL)) != 0) {
        tls_trust_free(t);
        return crypto_library_error(err, "TLS: set-up", code);
    }
    *out = t;
    return true;
}

static bool is_known(const struct tls_trust *t, const mbedtls_x509_crt *crt)
{
    for (const mbedtls_x509_crt *c = &t->chain; c && c->raw.p; c = c->next)
        if (c->raw.len == crt->raw.len && memcmp(c->raw.p, crt->raw.p, c->raw.len) == 0)
            return true;
    return false;
}

/* Directories of CA certificates hold each of them several times: by name, by hash, in one file. */
int tls_trust_text(struct tls_trust *t, struct slice text)
{
    mbedtls_x509_crt read;
    unsigned before = t->count;

    mbedtls_x509_crt_init(&read);
    parse_certificates(&read, text);
    bool any = read.raw.p != NULL;
    for (const mbedtls_x509_crt *c = &read; any && c; c = c->next)
        if (!is_known(t, c) && mbedtls_x509_crt_parse_der(&t->chain, c->raw.p, c->raw.len) == 0)
            t->count++;
    mbedtls_x509_crt_free(&read);
    return any ? (int)(t->count - before) : -1;
}

char *tls_trust_source_room(struct tls_trust *t)
{
    return t->source;
}

unsigned tls_trust_count(const struct tls_trust *t)
{
    return t->count;
}

static struct tls_trust *trust_ref(struct tls_trust *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_trust_free(struct tls_trust *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_ssl_config_free(&t->strict);
    mbedtls_ssl_config_free(&t->lax);
    mbedtls_x509_crt_free(&t->chain);
    free(t);
}

/* Its configurations are as those of a trust but for the certificate; the CAs are given per handshake. */
struct tls_identity {
    _Atomic unsigned refs;
    uint64_t hash;
    mbedtls_ssl_config strict, lax;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
};

static bool read_identity(struct tls_identity *i, const struct slice *certificates, size_t n, struct slice key, struct err *err)
{
    int code = 0;

    for (size_t c = 0; !code && c < n; c++)
        code = parse_certificates(&i->chain, certificates[c]);
    if (code)
        return crypto_library_error(err, "certificate: cannot be read", code);
    if (!crypto_read_private_key(&i->key, key, "private key", err))
        return false;
    if ((code = configure_client(&i->strict, NULL, MBEDTLS_SSL_VERIFY_REQUIRED)) != 0 ||
        (code = configure_client(&i->lax, NULL, MBEDTLS_SSL_VERIFY_OPTIONAL)) != 0 ||
        (code = mbedtls_ssl_conf_own_cert(&i->strict, &i->chain, &i->key)) != 0 ||
        (code = mbedtls_ssl_conf_own_cert(&i->lax, &i->chain, &i->key)) != 0)
        return crypto_library_error(err, "certificate: set-up", code);
    return true;
}

bool tls_identity_open(struct tls_identity **out, const struct slice *certificates, size_t n, struct slice key, struct err *err)
{
    struct tls_identity *i = calloc(1, sizeof *i);

    *out = NULL;
    if (!i)
        return err_set(err, "certificate: no memory");
    atomic_init(&i->refs, 1);
    mbedtls_ssl_config_init(&i->strict);
    mbedtls_ssl_config_init(&i->lax);
    mbedtls_x509_crt_init(&i->chain);
    mbedtls_pk_init(&i->key);
    i->hash = n ? hash_bytes(certificates[0]) : 0;
    if (read_identity(i, certificates, n, key, err)) {
        *out = i;
        return true;
    }
    tls_identity_free(i);
    return false;
}

void tls_identity_free(struct tls_identity *i)
{
    if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_ssl_config_free(&i->strict);
    mbedtls_ssl_config_free(&i->lax);
    mbedtls_x509_crt_free(&i->chain);
    mbedtls_pk_free(&i->key);
    free(i);
}

uint64_t tls_identity_hash(const struct tls_identity *i)
{
    return i->hash;
}

static void forgive_future(uint32_t *flags)
{
    if (tls_clock_is_unset())
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_FUTURE;
}

/* ---- connections ---- */

/* What only the handshake needs. */
struct handshake {
    struct tls_memory memory;
    struct tls_client_options options;
    uint8_t address[16]; /* the name, when it is one */
    unsigned address_bytes;
    bool offered;  /* a session, by the client */
    bool resumed;  /* client: until a certificate is shown */
    int code;
    struct tls_note note;
};

struct tls {
    mbedtls_ssl_context ssl;
    struct tls_link link;      /* what stream.tls points to */
    struct tls_server *server; /* one of the two */
    struct tls_trust *trust;
    struct tls_identity *identity; /* of the client, or NULL */
    struct handshake *hs;      /* NULL when it is over */
    char *cache_key;           /* of the client's session */
};

static int record_recv(void *ctx, unsigned char *buf, size_t n)
{
    struct tls *t = ctx;
    int got = tls_io_recv(&t->link.io, buf, n, t->ssl.MBEDTLS_PRIVATE(in_left));

    if (got >= 0)
        return got;
    return got == TLS_IO_WAIT ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_NET_RECV_FAILED;
}

static int record_send(void *ctx, const unsigned char *buf, size_t n)
{
    struct tls *t = ctx;
    int sent = tls_io_send(&t->link.io, buf, n);

    return sent >= 0 ? sent : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int memory_recv(void *ctx, unsigned char *buf, size_t n)
{
    int got = tls_memory_recv(&((struct tls *)ctx)->hs->memory, buf, n);

    return got == TLS_IO_WAIT ? MBEDTLS_ERR_SSL_WANT_READ : got;
}

static int memory_send(void *ctx, const unsigned char *buf, size_t n)
{
    int sent = tls_memory_send(&((struct tls *)ctx)->hs->memory, buf, n);

    return sent == TLS_IO_WAIT ? MBEDTLS_ERR_SSL_WANT_WRITE : sent;
}

/* After a result that no retry mends; 0. */
static int break_link(struct tls_link *link, int code)
{
    if (code != MBEDTLS_ERR_NET_RECV_FAILED && code != MBEDTLS_ERR_NET_SEND_FAILED)
        link->io.error = code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? ECONNRESET : EPROTO;
    link->ended = TLS_BROKEN;
    return 0;
}

/* ---- sessions of the client ---- */

static void put_session(struct tls *t, const mbedtls_ssl_session *session)
{
    size_t n = 0;

    if (mbedtls_ssl_session_save(session, NULL, 0, &n) != MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL ||
        n > TLS_CACHE_SESSION_MAX)
        return;
    unsigned char *text = malloc(n);
    if (text && mbedtls_ssl_session_save(session, text, n, &n) == 0)
        tls_cache_put(t->cache_key, text, n);
    if (text)
        explicit_bzero(text, n);
    free(text);
}

static void save_session(struct tls *t)
{
    mbedtls_ssl_session session;

    mbedtls_ssl_session_init(&session);
    if (mbedtls_ssl_get_session(&t->ssl, &session) == 0)
        put_session(t, &session);
    mbedtls_ssl_session_free(&session);
}

static void offer_session(struct tls *t)
{
    mbedtls_ssl_session session;
    size_t n;
    unsigned char *text = tls_cache_get(t->cache_key, &n);

    if (!text)
        return;
    mbedtls_ssl_session_init(&session);
    t->hs->offered = mbedtls_ssl_session_load(&session, text, n) == 0 &&
                     mbedtls_ssl_set_session(&t->ssl, &session) == 0;
    mbedtls_ssl_session_free(&session);
    explicit_bzero(text, n);
    free(text);
}

/* ---- one record, for tls_stream.c ---- */

int tls_link_read(struct tls_link *link, void *buf, size_t n)
{
    struct tls *t = CONTAINER_OF(link, struct tls, link);
    int code = mbedtls_ssl_read(&t->ssl, buf, n);

    if (code > 0)
        return code;
    if (code == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        save_session(t);
    else if (code == 0)
        link->ended = TLS_ENDED_CUT;
    else if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        link->ended = TLS_ENDED_CLEAN;
    else if (code != MBEDTLS_ERR_SSL_WANT_READ)
        break_link(link, code);
    return 0;
}

int tls_link_write(struct tls_link *link, struct slice content)
{
    struct tls *t = CONTAINER_OF(link, struct tls, link);
    int code = mbedtls_ssl_write(&t->ssl, (const unsigned char *)content.p, content.n);

    return code > 0 ? code : break_link(link, code);
}

size_t tls_link_content_max(const struct tls_link *link)
{
    int max = mbedtls_ssl_get_max_out_record_payload(&CONTAINER_OF(link, struct tls, link)->ssl);

    return max > 0 ? (size_t)max : 0;
}

bool tls_link_pending(const struct tls_link *link)
{
    return mbedtls_ssl_get_bytes_avail(&CONTAINER_OF(link, struct tls, link)->ssl) > 0;
}

void tls_link_close_notify(struct tls_link *link)
{
    mbedtls_ssl_close_notify(&CONTAINER_OF(link, struct tls, link)->ssl);
}

void tls_link_free(struct tls_link *link)
{
    struct tls *t = CONTAINER_OF(link, struct tls, link);

    mbedtls_ssl_free(&t->ssl);
    tls_server_unref(t->server);
    tls_trust_free(t->trust);
    tls_identity_free(t->identity);
    free(link->io.ahead);
    free(t->hs);
    free(t->cache_key);
    free(t);
}

const char *tls_version(const struct stream *s)
{
    const struct tls_link *link = s->tls;

    return mbedtls_ssl_get_version(&CONTAINER_OF(link, struct tls, link)->ssl);
}

void tls_trim(struct stream *s)
{
    struct tls_link *link = s->tls;
    struct tls *t = CONTAINER_OF(link, struct tls, link);

    if (!tls_link_pending(link) && t->ssl.MBEDTLS_PRIVATE(in_left) == 0)
        tls_io_give_back(t->ssl.MBEDTLS_PRIVATE(in_buf), MBEDTLS_SSL_IN_CONTENT_LEN);
    if (t->link.io.rest_n == 0)
        tls_io_give_back(t->ssl.MBEDTLS_PRIVATE(out_buf), MBEDTLS_SSL_OUT_CONTENT_LEN);
}

/* ---- verification ---- */

/* Is there an address of the certificate's names that is hs->address? */
static bool has_address(const mbedtls_x509_crt *crt, const struct handshake *hs)
{
    for (const mbedtls_x509_sequence *name = &crt->subject_alt_names; name; name = name->next)
        if ((name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS &&
            name->buf.len == hs->address_bytes &&
            memcmp(name->buf.p, hs->address, name->buf.len) == 0)
            return true;
    return false;
}

static void names_text(const mbedtls_x509_crt *crt, char *out, size_t cap)
{
    for (const mbedtls_x509_sequence *name = &crt->subject_alt_names; name && name->buf.p;
         name = name->next) {
        int tag = name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;
        bool address =
            tag == MBEDTLS_X509_SAN_IP_ADDRESS && (name->buf.len == 4 || name->buf.len == 16);
        if (address || tag == MBEDTLS_X509_SAN_DNS_NAME)
            tls_add_name(out, cap, slice_of(name->buf.p, name->buf.len), address);
    }
    if (!*out)
        name_text(&crt->subject, out, cap);
}

static void explain(struct tls_note *note, const mbedtls_x509_crt *crt, uint32_t flags)
{
    char subject[96], issuer[96], date[16] = "", names[128] = "", other[160] = "";
    struct tls_flaw flaw = { TLS_FLAW_OTHER, subject, issuer, date, names, note->name, other };

    name_text(&crt->subject, subject, sizeof subject);
    name_text(&crt->issuer, issuer, sizeof issuer);
    if (flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) {
        flaw.kind = flags & MBEDTLS_X509_BADCERT_EXPIRED ? TLS_FLAW_EXPIRED : TLS_FLAW_FUTURE;
        date_text(flaw.kind == TLS_FLAW_EXPIRED ? &crt->valid_to : &crt->valid_from, date);
    } else if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) {
        flaw.kind = TLS_FLAW_NAME;
        names_text(crt, names, sizeof names);
    } else if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
        flaw.kind = TLS_FLAW_UNTRUSTED;
    } else if (mbedtls_x509_crt_verify_info(other, sizeof other, "", flags) > 0) {
        other[strcspn(other, "\n")] = 0;
    }
    tls_explain_flaw(note->why, sizeof note->why, &flaw);
}

/* Called from the CA down to the server's certificate (depth 0), on the helper. */
static int check_certificate(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct handshake *hs = arg;

    hs->resumed = false;
    forgive_future(flags);
    if (depth == 0 && hs->address_bytes && !has_address(crt, hs))
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    if (hs->options.skip_name)
        *flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH;
    if (hs->options.skip_chain)
        *flags &= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    if (*flags)
        explain(&hs->note, crt, *flags);
    return *flags && hs->options.skip_chain ? MBEDTLS_ERR_X509_FATAL_ERROR : 0;
}

static int check_for_curl(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    (void)depth;
    forgive_future(flags);
    if (*flags)
        explain(arg, crt, *flags);
    return 0;
}

void tls_trust_apply(struct tls_trust *t, void *mbedtls_ssl_config_ptr, struct tls_note *note)
{
    mbedtls_ssl_conf_ca_chain(mbedtls_ssl_config_ptr, &t->chain, NULL);
    mbedtls_ssl_conf_verify(mbedtls_ssl_config_ptr, check_for_curl, note);
}

/* ---- handshakes ---- */

/* On the helper: as far as the handshake gets with what is there. */
static void handshake_step(void *arg)
{
    struct tls *t = arg;

    if (t->trust && !t->hs->memory.any_in && !t->hs->memory.out_n)
        offer_session(t);
    ticket_taken = t->hs->resumed;
    t->hs->code = mbedtls_ssl_handshake(&t->ssl);
    if (t->server)
        t->hs->resumed = ticket_taken;
    if (t->hs->code == 0 && t->trust &&
        mbedtls_ssl_get_version_number(&t->ssl) == MBEDTLS_SSL_VERSION_TLS1_2)
        save_session(t);
}

static bool explain_failure(const struct tls *t, struct err *err)
{
    const struct handshake *hs = t->hs;

    errno = EPROTO;
    if (hs->note.why[0])
        return err_set(err, "certificate: %s", hs->note.why);
    switch (hs->code) {
    case MBEDTLS_ERR_SSL_CONN_EOF:
        errno = ECONNRESET;
        return err_set(err, "closed by the peer during the handshake");
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return tls_explain_alert(err, t->ssl.MBEDTLS_PRIVATE(in_msg)[1]);
    case MBEDTLS_ERR_SSL_INVALID_MAC:
        if (tls_memory_plain_alert(&hs->memory) >= 0)
            return tls_explain_alert(err, tls_memory_plain_alert(&hs->memory));
        break;
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
        if (hs->memory.peer_is_plain)
            return err_set(err, "the peer does not speak TLS");
        break;
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
        return err_set(err, "no protocol in common (ALPN): only http/1.1 is known");
    }
    return crypto_library_error(err, "handshake", hs->code);
}

static bool run_handshake(struct tls *t, uint64_t deadline, struct err *err)
{
    struct handshake *hs = t->hs;

    do {
        helper_call(handshake_step, t);
        bool fatal = hs->code && hs->code != MBEDTLS_ERR_SSL_WANT_READ &&
                     hs->code != MBEDTLS_ERR_SSL_WANT_WRITE;
        /* After a failure what is left to send is an alert: once, without waiting. */
        if (!tls_memory_flush(&hs->memory, &t->link.io, fatal ? 0 : deadline) && !fatal)
            return tls_explain_errno(err);
        if (fatal)
            return explain_failure(t, err);
        if (hs->code == MBEDTLS_ERR_SSL_WANT_READ &&
            !tls_memory_feed(&hs->memory, &t->link.io, deadline))
            return tls_explain_errno(err);
    } while (hs->code != 0);
    return true;
}

static size_t usable(void *p)
{
    return p ? malloc_usable_size(p) : 0;
}

/* What hangs off the transform and off parsed certificates is not seen: see tls.h. */
static size_t measure(struct tls *t)
{
    mbedtls_ssl_session *session = t->ssl.MBEDTLS_PRIVATE(session);
    mbedtls_x509_crt *peer = session ? session->MBEDTLS_PRIVATE(peer_cert) : NULL;

    return usable(t) + usable(t->ssl.MBEDTLS_PRIVATE(in_buf)) +
           usable(t->ssl.MBEDTLS_PRIVATE(out_buf)) + usable(t->ssl.MBEDTLS_PRIVATE(transform)) +
           usable(t->ssl.MBEDTLS_PRIVATE(transform_application)) + usable(session) + usable(peer) +
           (peer ? usable(peer->raw.p) : 0);
}

/* From memory buffers to the socket; what was read too far stays with the connection. */
static bool finish_handshake(struct tls *t, struct err *err)
{
    struct handshake *hs = t->hs;

    if (!tls_memory_hand_over(&hs->memory, &t->link.io))
        return err_set(err, "no memory");
    _Atomic uint64_t *count = &tls_handshakes[t->server != NULL][hs->resumed];
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
    free(hs);
    t->hs = NULL;
    mbedtls_ssl_set_bio(&t->ssl, t, record_send, record_recv, NULL);
    atomic_store_explicit(&connection_bytes, measure(t), memory_order_relaxed);
    return true;
}

static struct tls *tls_new(struct stream *s, const mbedtls_ssl_config *conf)
{
    struct tls *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    mbedtls_ssl_init(&t->ssl);
    t->hs = calloc(1, sizeof *t->hs);
    t->link.io.sock = &s->sock;
    if (!t->hs || mbedtls_ssl_setup(&t->ssl, conf) != 0) {
        tls_link_free(&t->link);
        return NULL;
    }
    mbedtls_ssl_set_bio(&t->ssl, t, memory_send, memory_recv, NULL);
    return t;
}

/* s becomes a TLS stream, or t is freed. */
static bool shake_hands(struct stream *s, struct tls *t, uint64_t deadline, struct err *err)
{
    if (run_handshake(t, deadline, err) && finish_handshake(t, err)) {
        s->tls = &t->link;
        s->ops = &tls_stream_ops;
        return true;
    }
    int saved = errno;
    atomic_fetch_add_explicit(&tls_failed, 1, memory_order_relaxed);
    if (t->hs->offered && !t->hs->note.why[0]) {
        tls_cache_drop(t->cache_key);
        saved = saved == EPROTO ? ESTALE : saved;
    }
    tls_link_free(&t->link);
    errno = saved;
    return false;
}

static bool no_memory(struct err *err)
{
    errno = ENOMEM;
    return err_set(err, "no memory");
}

bool tls_accept(struct stream *s, struct tls_server *server, uint64_t deadline, struct err *err)
{
    struct tls *t = tls_new(s, &server->conf);

    if (!t)
        return no_memory(err);
    tls_server_ref(server);
    t->server = server;
    return shake_hands(s, t, deadline, err);
}

/* An address is verified by check_certificate, and is no SNI (RFC 6066 3). */
static int set_name(struct tls *t, const char *name)
{
    struct handshake *hs = t->hs;

    if (name && inet_pton(AF_INET, name, hs->address) == 1)
        hs->address_bytes = 4;
    else if (name && inet_pton(AF_INET6, name, hs->address) == 1)
        hs->address_bytes = 16;
    return mbedtls_ssl_set_hostname(&t->ssl, hs->address_bytes ? NULL : name);
}

bool tls_connect(struct stream *s, const struct tls_client_options *options, uint64_t deadline,
                 struct err *err)
{
    struct tls_trust *trust = options->trust ? options->trust : no_trust;
    const char *name = options->name ? options->name : "";

    errno = EINVAL;
    if (!options->name && !options->skip_name)
        return err_set(err, "no name to verify the certificate by");
    struct tls_identity *own = options->identity;
    struct tls *t = tls_new(s, options->skip_chain ? (own ? &own->lax : &trust->lax) : own ? &own->strict : &trust->strict);
    if (!t)
        return no_memory(err);
    t->trust = trust_ref(trust);
    if (own) {
        atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
        t->identity = own;
        mbedtls_ssl_set_hs_ca_chain(&t->ssl, &trust->chain, NULL);
    }
    t->hs->options = *options;
    t->hs->note.name = name;
    t->hs->resumed = true;
    mbedtls_ssl_set_verify(&t->ssl, check_certificate, t->hs);
    if (set_name(t, options->name) != 0) {
        tls_link_free(&t->link);
        errno = EINVAL;
        return err_set(err, "\"%.80s...\": not a host name", name);
    }
    /* All that decided what was verified: a resumed session is not verified again, on either side. */
    if (asprintf(&t->cache_key, "%llu/%llx%s%s%s/%s", (unsigned long long)trust->id,
                 own ? (unsigned long long)own->hash : 0, options->skip_chain ? "c" : "", options->skip_name ? "n" : "",
                 tls_clock_is_unset() ? "f" : "", name) < 0) {
        t->cache_key = NULL;
        tls_link_free(&t->link);
        return no_memory(err);
    }
    return shake_hands(s, t, deadline, err);
}
