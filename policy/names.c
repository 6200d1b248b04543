/* Named values: {{name}} in attributes, texts and expressions is replaced by text before anything else looks
 * at it (policies.md 0.1). A value is not looked through again: one named value cannot refer to another
 * (gateway.md 8).
 *
 *   reference = "{{" 1*( letter / digit / "." / "-" / "_" ) "}}"        anything else stays as it is */
#include "platform/base/buf.h"
#include "policy/comp_int.h"

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

bool names_has(struct slice s)
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

static bool look_up(const struct policy_compiler *pc, struct slice name, struct slice *value)
{
    return pc->names.named_value && pc->names.named_value(pc->names.data, name, value);
}

struct slice names_did_you_mean(struct comp *c, enum policy_name kind, struct slice name)
{
    const struct policy_names *names = &c->pc->names;
    struct slice near = names->nearest ? names->nearest(names->data, kind, name) : SLICE_NONE;

    if (!near.n)
        return SLICE("");
    return arena_printf(&c->pc->scratch, ": did you mean '%.*s'?", SLICE_ARG(near));
}

bool names_substitute(struct comp *c, struct slice s, struct named *out, struct slice *bad)
{
    struct slice name, value;
    struct buf b;
    size_t done = 0;
    ptrdiff_t i;

    *out = (struct named){ .text = s };
    unsigned n = count_references(s);
    if (n == 0)
        return true;
    out->marks = arena_array(&c->pc->scratch, struct named_mark, n * 2);
    buf_init(&b, &c->pc->scratch);
    while (out->marks && (i = next_reference(s, done, &name)) >= 0) {
        size_t begin = (size_t)i, end = begin + name.n + 4;
        buf_put(&b, slice_sub(s, done, begin));
        out->marks[out->n_marks++] = (struct named_mark){ (uint32_t)b.n, (uint32_t)begin };
        if (look_up(c->pc, name, &value)) {
            buf_put(&b, value);
        } else if (c->pc->open) {
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
size_t names_offset(const struct named *n, size_t offset)
{
    size_t in = offset;

    for (uint32_t i = 0; i < n->n_marks && n->marks[i].out <= offset; i++)
        in = i % 2 == 0 ? n->marks[i].in : n->marks[i].in + (offset - n->marks[i].out);
    return in;
}
