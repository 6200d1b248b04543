/* The tolerant XML front. One pass over the source, copying, and changing only this:
 *
 *   expression in an attribute or at the start of a text    < & " and line ends escaped
 *   "&" that begins no reference, "<" that begins no tag    escaped
 *   inside of comments                                      blanked ("--" may stand there)
 *   processing instructions, XML declaration, BOM, text
 *   outside of all elements                                 blanked
 *
 * Grammar of what it accepts:
 *   document   = *( blank / comment / pi / element )
 *   element    = start-tag content end-tag / empty-tag
 *   content    = *( expression / text / comment / cdata / pi / element )
 *   attribute  = name *blank "=" *blank quote value quote
 *   value      = [ *blank expression *blank ] / *any-but-quote
 *
 * Invariants
 * 1. Lines stay lines but inside expressions of attributes, where line ends become &#10; (a comment ends with
 * its line).
 * 2. An expression's extent is tried first on the decoded text up to the quote (or "<"): complete there,
 * nothing raw can follow. Else it is raw, and the scanner runs over the source itself. Either way references
 * in it are decoded later.
 * 3. Tags are balanced here, so that an error can name the element that is open and its line. */
#include "policy/front.h"

#include <stdarg.h>
#include <stdio.h>

#include "platform/base/buf.h"
#include "platform/base/utf8.h"
#include "platform/xml.h"
#include "policy/expr/scan.h"

#define ROOT_OPEN "<document>"
#define ROOT_CLOSE "</document>"

struct open_tag {
    struct slice name;
    uint32_t at;
};

struct reader {
    struct front *f;
    struct front_error *err;
    struct arena *arena;
    struct buf out;
    size_t pos; /* in source */
    struct open_tag open[XML_DEPTH_MAX];
    unsigned depth;
    bool failed;
};

PRINTF_LIKE(3, 4)
static bool fail(struct reader *r, size_t offset, const char *fmt, ...)
{
    va_list args;

    if (!r->failed) {
        va_start(args, fmt);
        vsnprintf(r->err->message, sizeof r->err->message, fmt, args);
        va_end(args);
        r->err->offset = (uint32_t)offset;
    }
    r->failed = true;
    return false;
}

static unsigned line_of(const struct reader *r, size_t offset)
{
    unsigned line, column;

    xml_line_column(r->f->source, offset, &line, &column);
    return line;
}

/* ---- output ---- */

static void mark(struct reader *r)
{
    struct front *f = r->f;

    if (f->n_marks == f->room) {
        uint32_t room = f->room ? f->room * 2 : 64;
        struct front_mark *grown =
            arena_grow(r->arena, f->marks, f->room * sizeof *grown, room * sizeof *grown);
        if (!grown) {
            fail(r, r->pos, "document too large: no memory left");
            return;
        }
        f->marks = grown;
        f->room = room;
    }
    f->marks[f->n_marks++] = (struct front_mark){ (uint32_t)r->out.n, (uint32_t)r->pos };
}

/* Source bytes [pos, end) as they are. */
static void copy_to(struct reader *r, size_t end)
{
    buf_put(&r->out, slice_sub(r->f->source, r->pos, end));
    r->pos = end;
}

/* `used` source bytes as something else. */
static void replace(struct reader *r, size_t used, const char *with)
{
    mark(r);
    buf_puts(&r->out, with);
    r->pos += used;
    mark(r);
}

/* Source bytes [pos, end) as blanks; line ends stay. */
static void blank_to(struct reader *r, size_t end)
{
    for (; r->pos < end; r->pos++) {
        char c = r->f->source.p[r->pos];

        buf_putc(&r->out, c == '\n' || c == '\r' ? c : ' ');
    }
}

/* ---- looking at the source ---- */

static struct slice rest(const struct reader *r)
{
    return slice_skip(r->f->source, r->pos);
}

static char at(const struct reader *r, size_t offset)
{
    return offset < r->f->source.n ? r->f->source.p[offset] : '\0';
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_start(char c)
{
    return ascii_is_alpha(c) || c == '_' || c == ':' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c)
{
    return is_name_start(c) || ascii_is_digit(c) || c == '-' || c == '.';
}

static size_t name_end(const struct reader *r, size_t from)
{
    while (is_name_char(at(r, from)))
        from++;
    return from;
}

static size_t skip_white(const struct reader *r, size_t from)
{
    while (is_white(at(r, from)))
        from++;
    return from;
}

static bool begins_expression(const struct reader *r, size_t offset)
{
    return at(r, offset) == '@' && (at(r, offset + 1) == '(' || at(r, offset + 1) == '{');
}

/* reference = "&" ( "#" digits / "#x" hex / one of the five names ) ";" */
static bool begins_reference(const struct reader *r, size_t offset)
{
    static const char *const names[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" };
    struct slice s = slice_sub(r->f->source, offset, offset + 12);

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_starts(s, slice_from(names[i])))
            return true;
    }
    ptrdiff_t end = slice_find_byte(s, ';');
    if (end < 3 || s.p[1] != '#')
        return false;
    uint64_t cp;
    if ((s.p[2] | 0x20) == 'x')
        return slice_hex_to_u64(slice_sub(s, 3, (size_t)end), &cp);
    return slice_to_u64(slice_sub(s, 2, (size_t)end), UINT32_MAX, &cp);
}

/* ---- values ---- */

/* Copy [pos, end) of an expression or literal so that it is proper XML content. */
static void put_escaped(struct reader *r, size_t end, bool is_attr, bool is_expression)
{
    while (r->pos < end && !r->failed) {
        char c = at(r, r->pos);

        if (c == '<')
            replace(r, 1, "&lt;");
        else if (c == '&' && !begins_reference(r, r->pos))
            replace(r, 1, "&amp;");
        else if (c == '"' && is_attr && is_expression)
            replace(r, 1, "&quot;");
        else if (c == '\'' && is_attr && is_expression)
            replace(r, 1, "&apos;");
        else if (c == '>' && r->pos >= 2 && at(r, r->pos - 1) == ']' && at(r, r->pos - 2) == ']')
            replace(r, 1, "&gt;");
        else if (is_attr && is_expression && c == '\r' && at(r, r->pos + 1) == '\n')
            replace(r, 2, "&#10;");
        else if (is_attr && is_expression && (c == '\n' || c == '\r'))
            replace(r, 1, "&#10;");
        else if (is_attr && is_expression && c == '\t')
            replace(r, 1, "&#9;");
        else
            copy_to(r, r->pos + 1);
    }
}

/* Bytes of the expression at `from`, of which `limit` is the end if nothing raw stands in it (invariant 2).
 * 0: it never ends. */
static size_t expression_length(struct reader *r, size_t from, size_t limit)
{
    struct slice raw = slice_sub(r->f->source, from, limit);
    struct arena_mark m = arena_mark(r->arena);
    struct slice decoded = xml_decode(r->arena, raw, false);
    size_t span = expr_scan_span(decoded);
    size_t n = span == 0 ? 0 : span == decoded.n ? raw.n : xml_locate(raw, false, span);

    arena_reset(r->arena, m);
    return n ? n : expr_scan_span(slice_skip(r->f->source, from));
}

/* The expression at pos, `limit` as above. */
static bool read_expression(struct reader *r, size_t limit, bool is_attr)
{
    size_t from = r->pos;
    size_t n = expression_length(r, from, limit);

    if (n == 0)
        return fail(r, from, "expression does not end: no bracket closes its \"%.2s\"",
                    r->f->source.p + from);
    put_escaped(r, from + n, is_attr, true);
    return !r->failed;
}

static size_t find_byte(const struct reader *r, size_t from, char c)
{
    ptrdiff_t i = slice_find_byte(slice_skip(r->f->source, from), c);

    return i < 0 ? r->f->source.n : from + (size_t)i;
}

static bool read_value(struct reader *r, struct slice name, char quote)
{
    size_t begin = r->pos;
    size_t from = skip_white(r, begin);
    size_t end = find_byte(r, begin, quote);

    if (end == r->f->source.n)
        return fail(r, begin - 1, "attribute \"%.*s\": no closing quote", SLICE_ARG(name));
    if (!begins_expression(r, from)) {
        put_escaped(r, end, true, false);
        return !r->failed;
    }
    blank_to(r, from);
    if (!read_expression(r, end, true))
        return false;
    end = skip_white(r, r->pos);
    if (at(r, end) != quote) {
        struct slice found = slice_sub(r->f->source, end, end + 12);
        return fail(r, end, "attribute \"%.*s\": expected %c behind the expression, found \"%.*s\"",
                    SLICE_ARG(name), quote, SLICE_ARG(found));
    }
    blank_to(r, end);
    return true;
}

/* attribute = name *blank "=" *blank quote value quote */
static bool read_attribute(struct reader *r)
{
    size_t begin = r->pos;
    size_t end = name_end(r, begin);
    struct slice name = slice_sub(r->f->source, begin, end);
    size_t eq = skip_white(r, end);
    size_t quote = skip_white(r, eq + 1);

    if (end == begin)
        return fail(r, begin, "expected an attribute, \"/>\" or \">\", found \"%.*s\"",
                    SLICE_ARG(slice_sub(r->f->source, begin, begin + 12)));
    if (at(r, eq) != '=')
        return fail(r, begin, "attribute \"%.*s\" has no value", SLICE_ARG(name));
    if (at(r, quote) != '"' && at(r, quote) != '\'')
        return fail(r, quote, "attribute \"%.*s\": its value must stand in quotes", SLICE_ARG(name));
    copy_to(r, quote + 1);
    if (!read_value(r, name, at(r, quote)))
        return false;
    copy_to(r, r->pos + 1);
    if (is_name_start(at(r, r->pos)))
        buf_putc(&r->out, ' '), mark(r); /* a="1"b="2" */
    return true;
}

/* ---- tags ---- */

static bool read_start_tag(struct reader *r)
{
    size_t begin = r->pos;
    size_t end = name_end(r, begin + 1);
    struct slice name = slice_sub(r->f->source, begin + 1, end);

    copy_to(r, end);
    for (;;) {
        copy_to(r, skip_white(r, r->pos));
        char c = at(r, r->pos);
        if (c == '\0')
            return fail(r, begin, "element <%.*s>: its tag does not end", SLICE_ARG(name));
        if (c == '/' && at(r, r->pos + 1) == '>') {
            copy_to(r, r->pos + 2);
            return true;
        }
        if (c == '>')
            break;
        if (!read_attribute(r))
            return false;
    }
    copy_to(r, r->pos + 1);
    if (r->depth == XML_DEPTH_MAX - 1)
        return fail(r, begin, "elements are nested too deep");
    r->open[r->depth++] = (struct open_tag){ name, (uint32_t)begin };
    return true;
}

static bool read_end_tag(struct reader *r)
{
    size_t begin = r->pos;
    size_t end = name_end(r, begin + 2);
    struct slice name = slice_sub(r->f->source, begin + 2, end);
    size_t close = skip_white(r, end);

    if (at(r, close) != '>')
        return fail(r, begin, "end tag </%.*s does not end", SLICE_ARG(name));
    if (r->depth == 0)
        return fail(r, begin, "</%.*s> closes nothing", SLICE_ARG(name));
    const struct open_tag *open = &r->open[--r->depth];
    if (!slice_eq(open->name, name))
        return fail(r, begin, "</%.*s> where <%.*s> of line %u is still open", SLICE_ARG(name),
                    SLICE_ARG(open->name), line_of(r, open->at));
    copy_to(r, close + 1);
    return true;
}

/* ---- content ---- */

/* Bytes up to and with `mark` behind pos + skip; 0: it is not there. */
static size_t length_to(const struct reader *r, size_t skip, struct slice end_mark)
{
    ptrdiff_t i = slice_find(slice_skip(rest(r), skip), end_mark);

    return i < 0 ? 0 : skip + (size_t)i + end_mark.n;
}

static bool read_comment(struct reader *r)
{
    size_t n = length_to(r, 4, SLICE("-->"));

    if (n == 0)
        return fail(r, r->pos, "comment does not end");
    size_t end = r->pos + n;
    copy_to(r, r->pos + 4);
    blank_to(r, end - 3);
    copy_to(r, end);
    return true;
}

static bool read_cdata(struct reader *r)
{
    size_t n = length_to(r, 9, SLICE("]]>"));

    if (n == 0)
        return fail(r, r->pos, "CDATA section does not end");
    if (r->depth == 0)
        return fail(r, r->pos, "CDATA section outside of any element");
    copy_to(r, r->pos + n);
    return true;
}

static bool read_instruction(struct reader *r)
{
    size_t n = length_to(r, 2, SLICE("?>"));

    if (n == 0)
        return fail(r, r->pos, "processing instruction does not end");
    blank_to(r, r->pos + n);
    return true;
}

/* "<" that begins markup, at the offset. */
static bool begins_markup(const struct reader *r, size_t offset)
{
    char c = at(r, offset + 1);

    return at(r, offset) == '<' && (is_name_start(c) || c == '/' || c == '!' || c == '?');
}

static bool read_text(struct reader *r)
{
    size_t from = skip_white(r, r->pos);

    if (r->depth == 0) {
        size_t end = find_byte(r, r->pos, '<');
        if (from < end && !r->f->has_stray) {
            r->f->has_stray = true;
            r->f->stray_at = (uint32_t)from;
        }
        blank_to(r, end);
        return true;
    }
    copy_to(r, from);
    if (begins_expression(r, from) && !read_expression(r, find_byte(r, from, '<'), false))
        return false;
    size_t end = r->pos;
    while (end < r->f->source.n && !begins_markup(r, end))
        end++;
    put_escaped(r, end, false, false);
    return !r->failed;
}

static bool read_markup(struct reader *r)
{
    struct slice s = rest(r);

    if (slice_starts(s, SLICE("<!--")))
        return read_comment(r);
    if (slice_starts(s, SLICE("<![CDATA[")))
        return read_cdata(r);
    if (slice_starts(s, SLICE("<?")))
        return read_instruction(r);
    if (slice_starts(s, SLICE("</")))
        return read_end_tag(r);
    if (slice_starts(s, SLICE("<!")))
        return fail(r, r->pos, "a document type declaration is not allowed");
    return read_start_tag(r);
}

static bool read_document(struct reader *r)
{
    while (r->pos < r->f->source.n) {
        bool ok = begins_markup(r, r->pos) ? read_markup(r) : read_text(r);
        if (!ok)
            return false;
        if (r->depth == 0 && r->pos < r->f->source.n && at(r, r->pos) == '<' && !begins_markup(r, r->pos))
            return fail(r, r->pos, "\"<\" begins no tag");
    }
    if (r->depth) {
        const struct open_tag *open = &r->open[r->depth - 1];
        return fail(r, open->at, "<%.*s> is never closed", SLICE_ARG(open->name));
    }
    return true;
}

static size_t bad_utf8_at(struct slice s)
{
    size_t i = 0;

    while (i < s.n) {
        size_t n = utf8_valid_length(slice_skip(s, i));
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

static bool check_bytes(struct reader *r, struct slice source)
{
    if (source.n > FRONT_BYTES_MAX)
        return fail(r, 0, "document has %zu bytes, more than %u", source.n, FRONT_BYTES_MAX);
    if (slice_starts(source, SLICE("\xFF\xFE")) || slice_starts(source, SLICE("\xFE\xFF")))
        return fail(r, 0, "document is UTF-16: save it as UTF-8");
    size_t bad = bad_utf8_at(source);
    if (bad < source.n)
        return fail(r, bad, "byte 0x%02x is not UTF-8: save the document as UTF-8",
                    (unsigned char)source.p[bad]);
    const char *nul = source.n ? memchr(source.p, 0, source.n) : NULL;
    if (nul)
        return fail(r, (size_t)(nul - source.p), "document holds a zero byte");
    return true;
}

bool front_read(struct arena *a, struct slice source, struct front *f, struct front_error *err)
{
    struct reader r = { .f = f, .err = err, .arena = a };

    *f = (struct front){ .source = source };
    if (!check_bytes(&r, source))
        return false;
    buf_init(&r.out, a);
    char *room = buf_reserve(&r.out, source.n + source.n / 4 + sizeof ROOT_OPEN ROOT_CLOSE);
    if (!room)
        return fail(&r, 0, "document too large: no memory left");
    mark(&r);
    buf_puts(&r.out, ROOT_OPEN);
    if (slice_starts(source, SLICE("\xEF\xBB\xBF")))
        r.pos = 3;
    mark(&r);
    if (!read_document(&r))
        return false;
    buf_puts(&r.out, ROOT_CLOSE);
    if (r.out.failed)
        return fail(&r, 0, "document too large: no memory left");
    f->text = buf_slice(&r.out);
    return true;
}

size_t front_offset(const struct front *f, size_t offset)
{
    size_t lo = 0, hi = f->n_marks;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->marks[mid].out <= offset)
            lo = mid;
        else
            hi = mid;
    }
    size_t in = f->marks[lo].in + (offset - f->marks[lo].out);
    size_t limit = hi < f->n_marks ? f->marks[hi].in : f->source.n;
    return in < limit ? in : limit > f->marks[lo].in ? limit - 1 : f->marks[lo].in;
}
