/* Subscription keys that were seen lately, per carrier: their HMAC need not be computed again (it is some 4 % of a proxied request).
 * An entry is good for one program only, by its serial number. */
#ifndef APP_KEY_CACHE_H
#define APP_KEY_CACHE_H

#include "app/program.h"

/* Entries per carrier, and the longest key that is kept. */
#define KEY_CACHE_ENTRIES 1024u
#define KEY_CACHE_KEY_MAX 64u

/* As program_find_key. Only keys that are found are kept: guessing fills nothing. */
const struct key_entry *key_cache_find(const struct program *p, struct slice key);

#endif
