/* `export`: a cache as a repository that other gateways can import or sync from. */
#ifndef SYNC_EXPORT_H
#define SYNC_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/base/err.h"
#include "store/store.h"

struct sync_exported {
    int64_t seq;       /* publish number */
    uint64_t entities, bytes;
    unsigned files;    /* written */
    bool unchanged;    /* it was there already */
};

/* Verify the active generation and write it into dir, with the roots that lead to it. A directory
 * that holds another repository, or a newer publish, is left alone. The store may be a reader's. */
bool sync_export(struct store *store, const char *dir, struct sync_exported *out, struct err *err)
    WARN_UNUSED;

#endif
