/* Hashes for tables. Keyed, so that a client who chooses the keys cannot choose the collisions. */
#ifndef PLATFORM_BASE_HASH_H
#define PLATFORM_BASE_HASH_H

#include <stdint.h>

#include "platform/base/slice.h"

/* The process-wide key. hash_seed is called once, before the first thread, with random bytes;
 * tests leave the fixed default. */
void hash_seed(uint64_t k0, uint64_t k1);

/* SipHash-1-3 of the bytes under the process key (Aumasson, Bernstein: "SipHash", 2012). */
uint64_t hash_bytes(struct slice s);
/* The same over ASCII-lower-cased bytes. */
uint64_t hash_bytes_icase(struct slice s);

/* A short unkeyed hash of a field name, ASCII case folded: FNV-1a, 32 bits. For pre-hashed names in
 * compiled programs; never the only key of a table that clients fill. */
uint32_t hash_name(struct slice s);

#endif
