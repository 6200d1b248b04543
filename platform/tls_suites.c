/* The cipher suites that are offered, by their numbers of IANA's registry (RFC 8446 B.4, RFC 7905 2, RFC 5289 3, RFC 8422 6),
 * which are those of the library. */
#include "platform/tls.h"
#include "platform/tls_int.h"

/* Forward secrecy and AEAD only, but for old backends. ChaCha20 first: with this library it is faster than AES-GCM even where
 * the processor has AES (measured 327 against 251 MB/s), and far faster where it has not. In TLS 1.3 the client's order counts. */
static const struct suite {
    int id;
    bool server;
    struct slice name;
} suites[] = {
    { 0x1303, true, SLICE_INIT("TLS_CHACHA20_POLY1305_SHA256") },
    { 0x1301, true, SLICE_INIT("TLS_AES_128_GCM_SHA256") },
    { 0x1302, true, SLICE_INIT("TLS_AES_256_GCM_SHA384") },
    { 0xCCA9, true, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256") },
    { 0xCCA8, true, SLICE_INIT("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256") },
    { 0xC02B, true, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256") },
    { 0xC02F, true, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") },
    { 0xC02C, true, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384") },
    { 0xC030, true, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384") },
    { 0xC023, false, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256") },
    { 0xC027, false, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256") },
    { 0xC024, false, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384") },
    { 0xC028, false, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384") },
    { 0xC009, false, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA") },
    { 0xC013, false, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA") },
    { 0xC00A, false, SLICE_INIT("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA") },
    { 0xC014, false, SLICE_INIT("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA") },
};

/* What is offered, ends with 0; settings of the process, before the first connection. [server] */
static int offered[2][COUNT_OF(suites) + 1];

static bool is_listed(struct slice list, struct slice wanted)
{
    struct slice name;

    while (list.n && slice_cut(&list, ',', &name))
        if (slice_eq(slice_trim(name), wanted))
            return true;
    return false;
}

/* In our order, whatever the list's. */
static size_t offer(bool server, const struct slice *list)
{
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(suites); i++)
        if ((suites[i].server || !server) && (!list || is_listed(*list, suites[i].name)))
            offered[server][n++] = suites[i].id;
    offered[server][n] = 0;
    return n;
}

bool tls_allow_suites(bool server, struct slice list)
{
    return offer(server, &list) > 0;
}

const int *tls_suites(bool server)
{
    if (!offered[server][0])
        offer(server, NULL);
    return offered[server];
}
