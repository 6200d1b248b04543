/* RC2 decryption (RFC 2268): 40-bit RC2 is what Windows and older tools encrypt the certificates of a PFX file with. For reading
 * such files only. */
#ifndef PLATFORM_RC2_H
#define PLATFORM_RC2_H

#include <stddef.h>
#include <stdint.h>

struct rc2 {
    uint16_t k[64];
};
/* n key bytes (1 to 128), of which `bits` count. */
void rc2_key(struct rc2 *c, const uint8_t *key, size_t n, unsigned bits);
/* One block of 8 bytes; in and out may be the same. */
void rc2_decrypt(const struct rc2 *c, const uint8_t *in, uint8_t *out);

#endif
