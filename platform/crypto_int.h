/* What crypto.c and tls.c share of mbedTLS. No type of the library here: keys pass as pointers. */
#ifndef PLATFORM_CRYPTO_INT_H
#define PLATFORM_CRYPTO_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/base/err.h"
#include "platform/base/slice.h"

/* crypto_random as mbedTLS wants its generator. */
int crypto_random_source(void *unused, unsigned char *out, size_t n);
/* "what: text of the library's code"; false. */
bool crypto_library_error(struct err *err, const char *what, int code);
/* A copy with the zero byte that the library wants behind PEM, to wipe and free; NULL: no memory.
 * *n is the length to give, which counts that byte if the text is PEM. */
unsigned char *crypto_copy_text(struct slice text, size_t *n);
/* Read a private key into an mbedtls_pk_context. Messages begin with "what: ". */
bool crypto_read_private_key(void *pk, struct slice text, const char *what, struct err *err);

#endif
