/* XML reading: libxml2 decides whether the text is well-formed and says what is wrong, then a plain scanner
 * makes the tree. Two passes, because libxml2 gives no byte offsets of attribute values; without a document
 * type a well-formed text has only one reading, so that the two cannot differ. The only file that includes
 * libxml2.
 *
 *   document  = *misc element *misc              (XML 1.0, productions 1, 22, 27, 39-43; no doctypedecl)
 *   content   = *(element / text / reference / cdata / pi / comment)                                   */
#include "platform/xml.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdio.h>

#include "platform/base/buf.h"
#include "platform/base/utf8.h"

/* Offsets have 32 bits; anything near that is no document but an attack on memory. */
#define XML_BYTES_MAX (64u * 1024 * 1024)

/* ---- well-formedness ---- */

struct verdict {
    xmlParserCtxt *parser;
    struct xml_error *err;
    bool failed;
};

static void set_error(struct xml_error *err, struct slice text, size_t offset, const char *message)
{
    err->offset = (uint32_t)offset;
    xml_line_column(text, offset, &err->line, &err->column);
    snprintf(err->message, sizeof err->message, "%s", message);
    err->message[strcspn(err->message, "\n")] = '\0';
}

static void on_error(void *data, const xmlError *e)
{
    struct verdict *v = data;
    unsigned long at = 0;

    if (v->failed || e->level < XML_ERR_ERROR)
        return;
    v->failed = true;
    xmlCtxtGetInputPosition(v->parser, 0, NULL, NULL, NULL, &at);
    v->err->offset = (uint32_t)at;
    if (e->code == XML_ERR_TAG_NAME_MISMATCH && e->str1 && e->str2) /* its own text says "line 0" */
        snprintf(v->err->message, sizeof v->err->message, "element <%.99s> is closed by </%.99s>", e->str1,
                 e->str2);
    else
        snprintf(v->err->message, sizeof v->err->message, "%s", e->message ? e->message : "not well-formed");
}

static void on_doctype(void *data, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
    struct verdict *v = data;
    unsigned long at = 0;

    if (v->failed)
        return;
    v->failed = true;
    xmlCtxtGetInputPosition(v->parser, 0, NULL, NULL, NULL, &at);
    v->err->offset = (uint32_t)at;
    snprintf(v->err->message, sizeof v->err->message, "a document type declaration is not allowed");
    xmlStopParser(v->parser);
}

static bool is_well_formed(struct slice text, struct xml_error *err)
{
    const xmlSAXHandler sax = { .internalSubset = on_doctype, .initialized = 1 };
    struct verdict v = { .err = err };

    xmlInitParser();
    v.parser = xmlNewSAXParserCtxt(&sax, &v);
    if (!v.parser) {
        set_error(err, text, 0, "out of memory");
        return false;
    }
    xmlCtxtSetErrorHandler(v.parser, on_error, &v);
    xmlDoc *none =
        xmlCtxtReadMemory(v.parser, text.p, (int)text.n, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NO_XXE);
    if (none)
        xmlFreeDoc(none);
    if (!v.failed && !v.parser->wellFormed) {
        v.failed = true;
        snprintf(err->message, sizeof err->message, "not well-formed");
    }
    xmlFreeParserCtxt(v.parser);
    if (v.failed) {
        char message[sizeof err->message];

        memcpy(message, err->message, sizeof message);
        set_error(err, text, err->offset < text.n ? err->offset : text.n, message);
    }
    return !v.failed;
}

/* ---- decoding ---- */

static uint32_t char_reference(struct slice digits)
{
    uint64_t cp = 0;
    bool ok = digits.n > 1 && (digits.p[0] | 0x20) == 'x' ? slice_hex_to_u64(slice_skip(digits, 1), &cp)
                                                          : slice_to_u64(digits, 0x10FFFF, &cp);
    return ok && cp <= 0x10FFFF ? (uint32_t)cp : 0;
}

/* A reference at s: bytes written to out and *used, or 0 when it is none we know. */
static size_t decode_reference(struct slice s, size_t *used, char out[4])
{
    static const struct {
        struct slice name;
        char c;
    } known[] = {
        { SLICE_INIT("&amp;"), '&' },  { SLICE_INIT("&lt;"), '<' },    { SLICE_INIT("&gt;"), '>' },
        { SLICE_INIT("&quot;"), '"' }, { SLICE_INIT("&apos;"), '\'' },
    };

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (slice_starts(s, known[i].name)) {
            *used = known[i].name.n;
            out[0] = known[i].c;
            return 1;
        }
    }
    ptrdiff_t end = slice_find_byte(slice_first(s, 12), ';');
    if (end < 3 || s.p[1] != '#')
        return 0;
    uint32_t cp = char_reference(slice_sub(s, 2, (size_t)end));
    *used = (size_t)end + 1;
    return cp ? utf8_encode(cp, out) : 0;
}

/* The next decoded bytes of raw from *in on; 0 at its end. */
static size_t decode_next(struct slice raw, bool is_attr, size_t *in, char out[4])
{
    if (*in >= raw.n)
        return 0;
    char c = raw.p[*in];
    size_t used = 0;
    if (c == '&') {
        size_t n = decode_reference(slice_skip(raw, *in), &used, out);
        if (n) {
            *in += used;
            return n;
        }
    }
    *in += 1;
    if (c == '\r') {
        if (*in < raw.n && raw.p[*in] == '\n')
            *in += 1;
        c = '\n';
    }
    out[0] = is_attr && (c == '\n' || c == '\t') ? ' ' : c;
    return 1;
}

static bool needs_decoding(struct slice raw, bool is_attr)
{
    if (memchr(raw.p, '&', raw.n) || memchr(raw.p, '\r', raw.n))
        return true;
    return is_attr && (memchr(raw.p, '\n', raw.n) || memchr(raw.p, '\t', raw.n));
}

struct slice xml_decode(struct arena *a, struct slice raw, bool is_attr)
{
    if (raw.n == 0 || !needs_decoding(raw, is_attr))
        return raw;
    char *p = arena_alloc_raw(a, raw.n); /* decoding never makes longer: the shortest reference has 4 bytes */
    if (!p)
        return SLICE_NONE;
    size_t in = 0, n = 0, k;
    char out[4];
    while ((k = decode_next(raw, is_attr, &in, out))) {
        memcpy(p + n, out, k);
        n += k;
    }
    return slice_of(p, n);
}

size_t xml_locate(struct slice raw, bool is_attr, size_t decoded)
{
    size_t in = 0, n = 0;
    char out[4];

    for (;;) {
        size_t before = in;
        size_t k = decode_next(raw, is_attr, &in, out);
        if (k == 0)
            return raw.n;
        n += k;
        if (n > decoded)
            return before;
    }
}

void xml_line_column(struct slice text, size_t offset, unsigned *line, unsigned *column)
{
    static const struct slice mark = SLICE_INIT("\xEF\xBB\xBF");

    *line = *column = 1;
    if (offset > text.n)
        offset = text.n;
    for (size_t i = slice_starts(text, mark) ? mark.n : 0; i < offset; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n') {
            ++*line;
            *column = 1;
        } else if ((c & 0xC0) != 0x80) { /* a character's first byte */
            ++*column;
        }
    }
}

/* ---- the tree ---- */

struct builder {
    struct arena *arena;
    struct slice text;
    const struct xml_options *options;
    struct xml_document *doc;
    size_t pos;
    unsigned depth;
    struct xml_node *parent; /* open element */
    const struct xml_node **link; /* where the next sibling hangs */
    struct xml_error *err;
    bool failed;
};

/* The tree is const for its users; while it is made the links are written through these. */
struct open_element {
    struct open_element *outer;
    struct xml_node *node;
    const struct xml_node **link;
};

static void fail(struct builder *b, size_t offset, const char *message)
{
    if (!b->failed)
        set_error(b->err, b->text, offset, message);
    b->failed = true;
}

static struct xml_node *add_node(struct builder *b, enum xml_type type, size_t at)
{
    struct xml_node *n = arena_new(b->arena, struct xml_node);

    if (!n) {
        fail(b, at, "document too large: no memory left for its tree");
        return NULL;
    }
    n->type = type;
    n->index = b->doc->nodes++;
    n->parent = b->parent;
    n->at = n->inner_at = (uint32_t)at;
    *b->link = n;
    b->link = &n->next;
    return n;
}

/* Position behind the next `mark` at or after `from`, or the end of the text. */
static size_t behind(const struct builder *b, size_t from, struct slice mark)
{
    ptrdiff_t i = slice_find(slice_skip(b->text, from), mark);

    return i < 0 ? b->text.n : from + (size_t)i + mark.n;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_white(struct builder *b)
{
    while (b->pos < b->text.n && is_white(b->text.p[b->pos]))
        b->pos++;
}

static char peek(const struct builder *b)
{
    return b->pos < b->text.n ? b->text.p[b->pos] : '\0';
}

static struct slice read_name(struct builder *b)
{
    size_t from = b->pos;

    while (b->pos < b->text.n && !is_white(peek(b)) && !strchr("=/>?<", peek(b)))
        b->pos++;
    return slice_sub(b->text, from, b->pos);
}

/* text = *(char / reference), up to the next "<" */
static void read_text(struct builder *b)
{
    size_t at = b->pos;
    const char *lt = memchr(b->text.p + at, '<', b->text.n - at);

    b->pos = lt ? (size_t)(lt - b->text.p) : b->text.n;
    if (!b->parent)
        return; /* white space around the root */
    struct xml_node *n = add_node(b, XML_TEXT, at);
    if (!n)
        return;
    n->end = n->inner_end = (uint32_t)b->pos;
    n->text = xml_decode(b->arena, slice_sub(b->text, at, b->pos), false);
    if (!n->text.p)
        fail(b, at, "document too large: no memory left for its text");
}

/* A comment, PI or CDATA section whose opening mark has `open` bytes and whose closing one is `close`. */
static void read_special(struct builder *b, enum xml_type type, size_t open, struct slice close)
{
    size_t at = b->pos;

    b->pos = behind(b, at + open, close);
    if (type != XML_CDATA && !(b->options && b->options->comments))
        return;
    struct xml_node *n = add_node(b, type, at);
    if (!n)
        return;
    n->end = (uint32_t)b->pos;
    n->inner_at = (uint32_t)(at + open);
    n->inner_end = (uint32_t)(b->pos - close.n);
    n->text = slice_sub(b->text, n->inner_at, n->inner_end);
    if (type != XML_PI)
        return;
    size_t target = 0;
    while (target < n->text.n && !is_white(n->text.p[target]))
        target++;
    n->name = slice_first(n->text, target);
    n->text = slice_trim(slice_skip(n->text, target));
}

/* attribute = name *white "=" *white quote value quote */
static bool read_attr(struct builder *b, const struct xml_attr ***link)
{
    struct xml_attr *attr = arena_new(b->arena, struct xml_attr);

    if (!attr) {
        fail(b, b->pos, "document too large: no memory left for its tree");
        return false;
    }
    attr->name_at = (uint32_t)b->pos;
    attr->name = read_name(b);
    skip_white(b);
    b->pos++; /* = */
    skip_white(b);
    char quote = peek(b);
    b->pos++;
    attr->value_at = (uint32_t)b->pos;
    size_t end = behind(b, b->pos, slice_of(&quote, 1));
    if (attr->name.n == 0 || b->pos >= b->text.n || end <= b->pos) {
        fail(b, attr->name_at, "attribute without a value");
        return false;
    }
    attr->value = xml_decode(b->arena, slice_sub(b->text, b->pos, end - 1), true);
    if (!attr->value.p)
        fail(b, b->pos, "document too large: no memory left for its text");
    attr->index = b->doc->attrs++;
    b->pos = end;
    **link = attr;
    *link = &attr->next;
    return !b->failed;
}

/* start-tag = "<" name *(white attribute) *white [ "/" ] ">" ; true when it stays open */
static bool read_start_tag(struct builder *b, struct xml_node *n)
{
    const struct xml_attr **link = &n->attrs;

    b->pos++;
    n->name = read_name(b);
    for (;;) {
        skip_white(b);
        char c = peek(b);
        if (c == '>') {
            b->pos++;
            n->inner_at = n->inner_end = (uint32_t)b->pos;
            return true;
        }
        if (c == '/' || c == '\0') {
            b->pos = behind(b, b->pos, SLICE(">"));
            n->inner_at = n->inner_end = n->end = (uint32_t)b->pos;
            return false;
        }
        if (!read_attr(b, &link))
            return false;
    }
}

static struct open_element *open_element(struct builder *b, struct open_element *outer)
{
    struct xml_node *n = add_node(b, XML_ELEMENT, b->pos);

    if (!n)
        return outer;
    if (!b->doc->root)
        b->doc->root = n;
    if (!read_start_tag(b, n))
        return outer;
    struct open_element *e = arena_new(b->arena, struct open_element);
    if (!e || ++b->depth > XML_DEPTH_MAX) {
        fail(b, n->at,
             e ? "elements are nested too deep" : "document too large: no memory left for its tree");
        return outer;
    }
    *e = (struct open_element){ .outer = outer, .node = n, .link = b->link };
    b->parent = n;
    b->link = &n->children;
    return e;
}

static struct open_element *close_element(struct builder *b, struct open_element *e)
{
    e->node->inner_end = (uint32_t)b->pos;
    b->pos = behind(b, b->pos, SLICE(">"));
    e->node->end = (uint32_t)b->pos;
    b->link = e->link;
    b->parent = e->outer ? e->outer->node : NULL;
    b->depth--;
    return e->outer;
}

static void build(struct builder *b)
{
    struct open_element *open = NULL;

    while (b->pos < b->text.n && !b->failed) {
        struct slice rest = slice_skip(b->text, b->pos);

        if (rest.p[0] != '<')
            read_text(b);
        else if (slice_starts(rest, SLICE("<!--")))
            read_special(b, XML_COMMENT, 4, SLICE("-->"));
        else if (slice_starts(rest, SLICE("<![CDATA[")))
            read_special(b, XML_CDATA, 9, SLICE("]]>"));
        else if (slice_starts(rest, SLICE("<?")))
            read_special(b, XML_PI, 2, SLICE("?>"));
        else if (!slice_starts(rest, SLICE("</")))
            open = open_element(b, open);
        else if (open)
            open = close_element(b, open);
        else
            fail(b, b->pos, "end tag without a start tag");
    }
}

/* The XML declaration looks like a PI and is none. */
static size_t declaration_end(struct slice text)
{
    size_t at = slice_starts(text, SLICE("\xEF\xBB\xBF")) ? 3 : 0;
    struct slice rest = slice_skip(text, at);

    if (!slice_starts(rest, SLICE("<?xml")) || rest.n < 6 || !is_white(rest.p[5]))
        return at;
    ptrdiff_t end = slice_find(rest, SLICE("?>"));
    return end < 0 ? at : at + (size_t)end + 2;
}

const struct xml_document *xml_parse(struct arena *a, struct slice text, const struct xml_options *options,
                                     struct xml_error *err)
{
    if (text.n == 0 || text.n > XML_BYTES_MAX) {
        set_error(err, text, 0, text.n ? "document too large" : "document is empty");
        return NULL;
    }
    if (!is_well_formed(text, err))
        return NULL;
    struct xml_document *doc = arena_new(a, struct xml_document);
    if (!doc) {
        set_error(err, text, 0, "document too large: no memory left for its tree");
        return NULL;
    }
    struct builder b = {
        .arena = a, .text = text, .options = options, .doc = doc, .err = err, .link = &doc->top
    };
    doc->text = text;
    b.pos = declaration_end(text);
    build(&b);
    if (!b.failed && !doc->root)
        fail(&b, text.n, "no element");
    return b.failed ? NULL : doc;
}

/* ---- looking around ---- */

static const struct xml_node *first_element(const struct xml_node *n, const char *name)
{
    for (; n; n = n->next) {
        if (n->type == XML_ELEMENT && (!name || slice_eq(n->name, slice_from(name))))
            return n;
    }
    return NULL;
}

const struct xml_node *xml_child(const struct xml_node *n, const char *name)
{
    return first_element(n->children, name);
}

const struct xml_node *xml_next(const struct xml_node *n, const char *name)
{
    return first_element(n->next, name);
}

const struct xml_attr *xml_attr(const struct xml_node *n, const char *name)
{
    for (const struct xml_attr *a = n->attrs; a; a = a->next) {
        if (slice_eq(a->name, slice_from(name)))
            return a;
    }
    return NULL;
}

static bool binds(struct slice attr, struct slice prefix)
{
    if (prefix.n == 0)
        return slice_eq(attr, SLICE("xmlns"));
    return slice_starts(attr, SLICE("xmlns:")) && slice_eq(slice_skip(attr, 6), prefix);
}

struct slice xml_namespace(const struct xml_node *n, struct slice prefix)
{
    if (slice_eq(prefix, SLICE("xml")))
        return SLICE("http://www.w3.org/XML/1998/namespace");
    for (; n; n = n->parent) {
        for (const struct xml_attr *a = n->attrs; a; a = a->next) {
            if (binds(a->name, prefix))
                return a->value;
        }
    }
    return SLICE_NONE;
}

struct slice xml_text(struct arena *a, const struct xml_node *n)
{
    struct slice one = SLICE_NONE;
    unsigned count = 0;

    for (const struct xml_node *k = n->children; k; k = k->next) {
        if (k->type == XML_TEXT || k->type == XML_CDATA) {
            one = k->text;
            count++;
        }
    }
    if (count < 2)
        return one;
    struct buf b;
    buf_init(&b, a);
    for (const struct xml_node *k = n->children; k; k = k->next) {
        if (k->type == XML_TEXT || k->type == XML_CDATA)
            buf_put(&b, k->text);
    }
    return b.failed ? SLICE_NONE : buf_slice(&b);
}

/* ---- writing ---- */

static void put_escaped(struct buf *b, struct slice s, bool is_attr)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '&')
            buf_puts(b, "&amp;");
        else if (c == '<')
            buf_puts(b, "&lt;");
        else if (c == '>')
            buf_puts(b, "&gt;");
        else if (c == '\r' || (is_attr && (c == '\n' || c == '\t')))
            buf_printf(b, "&#%d;", c);
        else if (c == '"' && is_attr)
            buf_puts(b, "&quot;");
        else
            buf_putc(b, c);
    }
}

void xml_put_text(struct buf *b, struct slice s)
{
    put_escaped(b, s, false);
}

void xml_put_attr(struct buf *b, struct slice s)
{
    put_escaped(b, s, true);
}
