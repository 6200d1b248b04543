/* However a client writes a path, it must not get to another operation than the plain spelling of it does.
 *
 * Input: lines "METHOD template", an empty line, then "METHOD path?query" as in a request line. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/router.h"
#include "app/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OPERATIONS_MAX 16u

struct call {
    const struct route_table *table;
    struct slice method, query;
};

static unsigned add_operations(struct route_table *t, struct slice *input)
{
    struct slice line, method;
    struct err err;
    unsigned n = 0;

    while (slice_cut(input, '\n', &line) && line.n) {
        if (n == OPERATIONS_MAX || !slice_cut(&line, ' ', &method) || !line.p || slice_find(line, SLICE("//")) >= 0)
            continue; /* an empty segment in a template tells "/a" from "/a/" */
        n += route_table_add(t, method, line, (const struct operation *)(uintptr_t)(n + 1), &err);
    }
    return n;
}

static bool lies_in(struct slice part, struct slice whole)
{
    return !part.n || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Which operation takes this path; the path is copied, so that a read beyond it is seen. */
static const struct operation *match(const struct call *c, struct slice path)
{
    struct route_match m;
    char *copy = malloc(path.n + 1);

    assert(copy);
    memcpy(copy, path.p, path.n);
    struct slice own = slice_of(copy, path.n);
    bool found = route_table_match(c->table, c->method, own, c->query, &m);
    assert(found == (m.operation != NULL));
    for (unsigned i = 0; i < m.n_parameters; i++)
        assert(lies_in(m.parameters[i].raw, m.parameters[i].query ? c->query : own));
    free(copy);
    return m.operation;
}

static struct slice with_slashes(struct arena *a, struct slice path)
{
    return arena_printf(a, "%.*s//", SLICE_ARG(path));
}

static struct slice all_escaped(struct arena *a, struct slice path)
{
    char *to = arena_alloc_raw(a, path.n * 3 + 1);
    size_t n = 0;

    assert(to);
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '/') {
            to[n++] = '/';
            continue;
        }
        to[n++] = '%';
        to[n++] = "0123456789abcdef"[(unsigned char)path.p[i] >> 4];
        to[n++] = "0123456789ABCDEF"[path.p[i] & 15];
    }
    return slice_of(to, n);
}

/* No segment is left that is "." or ".." when it is decoded, and nothing was added. */
static void check_dots(struct arena *a, struct slice path, struct slice plain)
{
    struct slice rest = plain, segment;

    assert(plain.n <= path.n);
    while (slice_cut(&rest, '/', &segment)) {
        struct slice decoded = url_decode(a, segment);
        assert(!slice_eq(decoded, SLICE(".")) && !slice_eq(decoded, SLICE("..")));
    }
}

static void check_call(struct arena *a, const struct route_table *t, struct slice line)
{
    struct call c = { .table = t };
    struct slice path;

    if (!slice_cut(&line, ' ', &c.method) || !line.n || line.p[0] != '/')
        return;
    ptrdiff_t mark = slice_find_byte(line, '?');
    path = mark < 0 ? line : slice_first(line, (size_t)mark);
    c.query = mark < 0 ? SLICE_NONE : slice_skip(line, (size_t)mark);
    struct slice plain = url_without_dots(a, path);
    assert(plain.p);
    check_dots(a, path, plain);
    const struct operation *o = match(&c, plain);
    assert(match(&c, with_slashes(a, plain)) == o);
    if (slice_find_byte(plain, '%') < 0)
        assert(match(&c, all_escaped(a, plain)) == o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct route_table table;
    struct arena arena;

    if (size > 4096 || memchr(data, 0, size)) /* arena_printf ends at NUL */
        return 0;
    arena_init_growing(&arena, 1u << 22);
    route_table_init(&table, &arena);
    add_operations(&table, &input);
    check_call(&arena, &table, input);
    arena_free(&arena);
    return 0;
}
