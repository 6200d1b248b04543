/* reference = "{{" 1*( letter / digit / "." / "-" / "_" ) "}}"        anything else stays as it is */
#include "policy/expr/named.h"

#include "platform/base/buf.h"

static bool is_name_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_';
}

/* The next reference at or after `from`: its offset, with its name; -1 when there is none. */
static ptrdiff_t next_reference(struct slice s, size_t from, struct slice *name)
{
    for (size_t i = from; i + 5 <= s.n; i++) {
        if (s.p[i] != '{' || s.p[i + 1] != '{')
            continue;
        size_t end = i + 2;
        while (end < s.n && is_name_char(s.p[end]))
            end++;
        if (end > i + 2 && end + 2 <= s.n && s.p[end] == '}' && s.p[end + 1] == '}') {
            *name = slice_sub(s, i + 2, end);
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

bool named_has(struct slice s)
{
    struct slice name;

    return next_reference(s, 0, &name) >= 0;
}

static unsigned count_references(struct slice s)
{
    struct slice name;
    unsigned n = 0;
    ptrdiff_t i = -1;

    while ((i = next_reference(s, (size_t)(i + 1), &name)) >= 0)
        n++;
    return n;
}

bool named_substitute(struct arena *a, const struct named_source *from, struct slice s, struct named *out, struct slice *bad)
{
    struct slice name, value;
    struct buf b;
    size_t done = 0;
    ptrdiff_t i;

    *out = (struct named){ .text = s };
    unsigned n = count_references(s);
    if (n == 0)
        return true;
    out->marks = arena_array(a, struct named_mark, n * 2);
    buf_init(&b, a);
    while (out->marks && (i = next_reference(s, done, &name)) >= 0) {
        size_t begin = (size_t)i, end = begin + name.n + 4;
        buf_put(&b, slice_sub(s, done, begin));
        out->marks[out->n_marks++] = (struct named_mark){ (uint32_t)b.n, (uint32_t)begin };
        if (from->look_up && from->look_up(from->data, name, &value)) {
            buf_put(&b, value);
        } else if (from->open) {
            out->unknown = true;
            buf_put(&b, slice_sub(s, begin, end));
        } else {
            *bad = name;
            return false;
        }
        out->marks[out->n_marks++] = (struct named_mark){ (uint32_t)b.n, (uint32_t)end };
        done = end;
    }
    buf_put(&b, slice_skip(s, done));
    out->text = buf_slice(&b);
    return true;
}

/* Inside of a substituted value every byte maps to the reference it came from. */
size_t named_offset(const struct named *n, size_t offset)
{
    size_t in = offset;

    for (uint32_t i = 0; i < n->n_marks && n->marks[i].out <= offset; i++)
        in = i % 2 == 0 ? n->marks[i].in : n->marks[i].in + (offset - n->marks[i].out);
    return in;
}
