/* zlib behind gzip.h. */
#include "platform/gzip.h"

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST /* input pointers are const */
#include <zlib.h>

/* zlib counts in unsigned int: larger pieces are handed over in parts. */
#define PART_MAX (1u << 30)
#define FIRST_OUT 4096u
/* Up to here all the room that may be needed is taken at once: most callers know the size. */
#define AT_ONCE_MAX (64u << 10)

struct gzip_stream {
    z_stream z;
    bool deflating;
};

static int window_bits(enum gzip_format format)
{
    return format == GZIP_GZIP ? 15 + 16 : 15;
}

static uInt part(size_t n)
{
    return n > PART_MAX ? PART_MAX : (uInt)n;
}

static bool start_deflate(z_stream *z, enum gzip_format format, int level)
{
    memset(z, 0, sizeof *z);
    return deflateInit2(z, level, Z_DEFLATED, window_bits(format), 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

struct slice gzip_deflate(struct arena *a, enum gzip_format format, struct slice data, int level)
{
    z_stream z;
    struct slice out = SLICE_NONE;

    if (data.n > PART_MAX || !start_deflate(&z, format, level))
        return SLICE_NONE;
    size_t room = deflateBound(&z, (uLong)data.n);
    char *p = arena_alloc_raw(a, room);
    if (p) {
        z.next_in = (const Bytef *)data.p;
        z.avail_in = (uInt)data.n;
        z.next_out = (Bytef *)p;
        z.avail_out = part(room);
        if (deflate(&z, Z_FINISH) == Z_STREAM_END)
            out = slice_of(p, room - z.avail_out);
    }
    deflateEnd(&z);
    return out;
}

/* Room for more output, at most max bytes and one (to see that it is exceeded). */
static bool grow(struct arena *a, char **p, size_t *room, size_t max)
{
    size_t wanted = *room ? *room * 2 : max <= AT_ONCE_MAX ? max + 1 : FIRST_OUT;

    if (wanted > max + 1)
        wanted = max + 1;
    char *grown = *room ? arena_grow(a, *p, *room, wanted) : arena_alloc_raw(a, wanted);
    if (!grown)
        return false;
    *p = grown;
    *room = wanted;
    return true;
}

static enum gzip_result inflate_all(z_stream *z, struct arena *a, struct slice data, size_t max,
                                    struct slice *out)
{
    char *p = NULL;
    size_t room = 0, taken = 0, given = 0;

    for (;;) {
        if (given > max)
            return GZIP_LARGE;
        if (given == room && !grow(a, &p, &room, max))
            return GZIP_MEMORY;
        uInt in = part(data.n - taken), to = part(room - given);
        z->next_in = (const Bytef *)data.p + taken;
        z->avail_in = in;
        z->next_out = (Bytef *)p + given;
        z->avail_out = to;
        int r = inflate(z, Z_NO_FLUSH);
        taken += in - z->avail_in;
        given += to - z->avail_out;
        *out = slice_of(p, given);
        if (r == Z_STREAM_END)
            return given > max ? GZIP_LARGE : GZIP_DONE;
        if (r == Z_MEM_ERROR)
            return GZIP_MEMORY;
        if (r != Z_OK && r != Z_BUF_ERROR)
            return GZIP_BAD;
        if (taken == data.n && given < room)
            return GZIP_SHORT;
    }
}

enum gzip_result gzip_inflate(struct arena *a, enum gzip_format format, struct slice data,
                              size_t max, struct slice *out, size_t *used)
{
    z_stream z = { 0 };

    *out = SLICE_NONE;
    if (inflateInit2(&z, window_bits(format)) != Z_OK)
        return GZIP_MEMORY;
    enum gzip_result r = inflate_all(&z, a, data, max, out);
    if (used)
        *used = (size_t)z.total_in;
    inflateEnd(&z);
    return r;
}

struct gzip_stream *gzip_stream_open(enum gzip_format format, int level)
{
    struct gzip_stream *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->deflating = level > 0;
    /* 15 + 32: inflate recognises zlib and gzip by their first bytes. */
    bool ok = s->deflating ? start_deflate(&s->z, format, level)
                           : inflateInit2(&s->z, format == GZIP_GZIP ? 15 + 32 : 15) == Z_OK;
    if (ok)
        return s;
    free(s);
    return NULL;
}

static voidpf alloc_in(voidpf arena, uInt items, uInt size)
{
    return arena_alloc_array(arena, items, size);
}

static void free_nothing(voidpf arena, voidpf p)
{
    (void)arena;
    (void)p;
}

struct gzip_stream *gzip_stream_open_in(struct arena *a, enum gzip_format format)
{
    struct gzip_stream *s = arena_new(a, struct gzip_stream);

    if (!s)
        return NULL;
    s->z = (z_stream){ .zalloc = alloc_in, .zfree = free_nothing, .opaque = a };
    return inflateInit2(&s->z, window_bits(format)) == Z_OK ? s : NULL;
}

void gzip_stream_close(struct gzip_stream *s)
{
    if (!s)
        return;
    if (s->deflating)
        deflateEnd(&s->z);
    else
        inflateEnd(&s->z);
    free(s);
}

enum gzip_step gzip_stream_step(struct gzip_stream *s, struct slice *in, bool finish, char *out,
                                size_t room, size_t *n)
{
    uInt give = part(in->n), take = part(room);

    s->z.next_in = (const Bytef *)in->p;
    s->z.avail_in = give;
    s->z.next_out = (Bytef *)out;
    s->z.avail_out = take;
    bool last = finish && give == in->n;
    int r =
        s->deflating ? deflate(&s->z, last ? Z_FINISH : Z_NO_FLUSH) : inflate(&s->z, Z_NO_FLUSH);
    *in = slice_skip(*in, give - s->z.avail_in);
    *n = take - s->z.avail_out;
    if (r == Z_STREAM_END)
        return GZIP_END;
    if (r != Z_OK && r != Z_BUF_ERROR)
        return GZIP_FAILED;
    /* An inflate that has no more input, and room left, will never end. */
    if (!s->deflating && finish && !in->n && *n < room)
        return GZIP_FAILED;
    return GZIP_MORE;
}
