/* Texts of the TLS module: alerts, and what is wrong with a certificate. */
#include "platform/tls_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

const char *tls_alert_name(unsigned alert)
{
    static const struct {
        unsigned char alert;
        const char *name;
    } names[] = {
        { 0, "close notify" },
        { 10, "unexpected message" },
        { 20, "bad record MAC" },
        { 22, "record overflow" },
        { 40, "handshake failure" },
        { 42, "bad certificate" },
        { 43, "unsupported certificate" },
        { 44, "certificate revoked" },
        { 45, "certificate expired" },
        { 46, "certificate unknown" },
        { 47, "illegal parameter" },
        { 48, "unknown CA" },
        { 49, "access denied" },
        { 50, "decode error" },
        { 51, "decrypt error" },
        { 70, "protocol version" },
        { 71, "insufficient security" },
        { 80, "internal error" },
        { 90, "user canceled" },
        { 109, "missing extension" },
        { 110, "unsupported extension" },
        { 112, "unrecognized name" },
        { 116, "certificate required" },
        { 120, "no application protocol" },
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].alert == alert)
            return names[i].name;
    return "unknown";
}

void tls_printable(char *out, size_t cap, struct slice text)
{
    size_t n = text.n < cap - 1 ? text.n : cap - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
    out[n] = 0;
}

void tls_add_name(char *out, size_t cap, struct slice name, bool address)
{
    char text[80];
    size_t n = strlen(out);

    if (!address)
        tls_printable(text, sizeof text, name);
    else if (!inet_ntop(name.n == 4 ? AF_INET : AF_INET6, name.p, text, sizeof text))
        return;
    snprintf(out + n, cap - n, "%s%s", n ? ", " : "", text);
}

static void write_flaw(char *out, size_t cap, const struct tls_flaw *flaw)
{
    switch (flaw->kind) {
    case TLS_FLAW_EXPIRED:
        snprintf(out, cap, "that of %s expired on %s", flaw->subject, flaw->date);
        return;
    case TLS_FLAW_FUTURE:
        snprintf(out, cap, "that of %s is valid from %s: is the clock right?", flaw->subject,
                 flaw->date);
        return;
    case TLS_FLAW_NAME:
        snprintf(out, cap, "name mismatch: expected %s, it is for %s", flaw->expected, flaw->names);
        return;
    case TLS_FLAW_UNTRUSTED:
        if (strcmp(flaw->subject, flaw->issuer) == 0)
            snprintf(out, cap, "unknown CA: %s is self-signed", flaw->subject);
        else
            snprintf(out, cap, "unknown CA: %s, issued by %s", flaw->subject, flaw->issuer);
        return;
    case TLS_FLAW_OTHER:
        snprintf(out, cap, "that of %s: %s", flaw->subject, flaw->other);
        return;
    }
}

void tls_explain_flaw(char *out, size_t cap, const struct tls_flaw *flaw)
{
    size_t n = strlen(out);

    if (n > 0 && cap - n > 2) {
        memcpy(out + n, "; ", 3);
        n += 2;
    }
    write_flaw(out + n, cap - n, flaw);
}

bool tls_explain_errno(struct err *err)
{
    if (errno == ETIMEDOUT)
        return err_set(err, "timed out during the handshake");
    if (errno == ECANCELED)
        return err_set(err, "canceled during the handshake");
    return err_errno(err, "handshake");
}

bool tls_explain_alert(struct err *err, int alert)
{
    return err_set(err, "the peer ended the handshake: alert %d (%s)", alert,
                   tls_alert_name((unsigned)alert));
}
