/* Compression by zlib, behind our own names; the only file that includes it. Whole pieces in
 * memory, and streams. Never on a carrier for large input: it costs about 5 ns a byte to inflate
 * and 60 to deflate. */
#ifndef PLATFORM_GZIP_H
#define PLATFORM_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/base/arena.h"
#include "platform/base/slice.h"

enum gzip_format {
    GZIP_ZLIB, /* RFC 1950: "deflate" in HTTP, objects of a configuration repository */
    GZIP_GZIP, /* RFC 1952 */
};

/* data compressed at level 1..9, in the arena; deterministic for one version of zlib. p == NULL:
 * the arena is full. */
struct slice gzip_deflate(struct arena *a, enum gzip_format format, struct slice data, int level);

/* The check sum of GZIP_ZLIB (Adler-32) misses some damage: what must be right is checked by a
 * SHA-256 of the output. */
enum gzip_result {
    GZIP_DONE,  /* the stream ended as it should */
    GZIP_SHORT, /* the input ends before the stream does */
    GZIP_BAD,   /* not this format, or its check sum is wrong */
    GZIP_LARGE, /* more output than allowed */
    GZIP_MEMORY,
};

/* Decompress one stream from the start of data; at most max bytes come out (a bomb ends here).
 * *used, if not NULL: bytes of data that the stream took, so that streams may stand one after the
 * other. Output in the arena. */
enum gzip_result gzip_inflate(struct arena *a, enum gzip_format format, struct slice data,
                              size_t max, struct slice *out, size_t *used);

/* A stream: input and output in pieces of any size. */
struct gzip_stream;
/* level 0: inflate (either format is recognised when format is GZIP_GZIP); 1..9: deflate. NULL: no
 * memory. gzip_stream_close frees. */
struct gzip_stream *gzip_stream_open(enum gzip_format format, int level);
void gzip_stream_close(struct gzip_stream *s);
/* An inflating stream whose memory, about 45 kB, is the arena's: never closed. */
struct gzip_stream *gzip_stream_open_in(struct arena *a, enum gzip_format format);
/* Take from *in (which is shortened by what was consumed) and write to out[0..room); *n is what was
 * written. With finish no more input will come. Call again while GZIP_MORE comes and there is input
 * left or the output was filled. */
enum gzip_step { GZIP_MORE, GZIP_END, GZIP_FAILED };
enum gzip_step gzip_stream_step(struct gzip_stream *s, struct slice *in, bool finish, char *out,
                                size_t room, size_t *n);

#endif
