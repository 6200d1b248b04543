/* Reading XML 1.0 with namespaces into XLinq's tree. A document type is kept as text: its entities are not known, so that a
 * reference to one is an error; nothing outside the text is ever looked at. */
#include <stdio.h>

#include "platform/base/utf8.h"
#include "policy/expr/lib/xml.h"

struct xml_reader {
    struct vm *vm;
    const char *start, *p, *end;
    struct xobject *doc, *open; /* the innermost open container */
    unsigned depth;
    bool keep_space;
};

/* Position 1-based, in UTF-16 units, `off` bytes from p. */
static void *fail(struct xml_reader *r, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void *fail(struct xml_reader *r, const char *at, const char *fmt, ...)
{
    unsigned line = 1, column = 1;
    struct slice what;
    va_list args;

    if (r->vm->thrown)
        return NULL;
    va_start(args, fmt);
    what = arena_vprintf(r->vm->arena, fmt, args);
    va_end(args);
    for (const char *q = r->start; q < at && q < r->end; q++) {
        if ((*q & 0xC0) != 0x80)
            column += (*q & 0xF8) == 0xF0 ? 2 : 1;
        if (*q == '\n') {
            line++;
            column = 1;
        }
    }
    vm_throw(r->vm, TYPE_XMLEXCEPTION, "%.*s Line %u, position %u.", SLICE_ARG(what), line, column);
    return NULL;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_white(struct xml_reader *r)
{
    while (r->p < r->end && is_white(*r->p))
        r->p++;
}

static bool starts(const struct xml_reader *r, const char *z)
{
    return slice_starts(slice_of(r->p, (size_t)(r->end - r->p)), slice_from(z));
}

/* Behind the next `mark`, or NULL. */
static const char *find(const struct xml_reader *r, const char *from, const char *z)
{
    ptrdiff_t at = from <= r->end ? slice_find(slice_of(from, (size_t)(r->end - from)), slice_from(z)) : -1;

    return at < 0 ? NULL : from + at;
}

static bool fail_end(struct xml_reader *r)
{
    struct buf b;

    if (r->open == r->doc)
        return fail(r, r->end, "Unexpected end of file has occurred.") != NULL;
    buf_init(&b, r->vm->arena);
    for (const struct xobject *x = r->open; x != r->doc; x = x->parent)
        buf_printf(&b, "%s%.*s", x == r->open ? "" : ", ", (int)x->name.n, x->name.s);
    return fail(r, r->end, "Unexpected end of file has occurred. The following elements are not closed: %.*s.", SLICE_ARG(buf_slice(&b))) != NULL;
}

static bool is_name_byte(char c, bool first)
{
    return (c & 0x80) || ascii_is_alpha(c) || c == '_' || c == ':' || (!first && (ascii_is_digit(c) || c == '-' || c == '.'));
}

static bool read_name(struct xml_reader *r, struct slice *out)
{
    const char *from = r->p;

    if (r->p >= r->end)
        return fail_end(r);
    if (!is_name_byte(*r->p, true))
        return fail(r, r->p, "Name cannot begin with the '%c' character, hexadecimal value 0x%02X.", *r->p, (unsigned char)*r->p) != NULL;
    while (r->p < r->end && is_name_byte(*r->p, false))
        r->p++;
    *out = slice_of(from, (size_t)(r->p - from));
    return true;
}

/* &#x41; &lt; */
static bool read_reference(struct xml_reader *r, struct buf *b)
{
    static const struct { const char *name; char c; } known[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
    const char *from = ++r->p;
    struct slice name;
    uint64_t cp = 0;
    char utf8[4];

    while (r->p < r->end && *r->p != ';' && r->p - from < 64 && (is_name_byte(*r->p, false) || *r->p == '#'))
        r->p++;
    name = slice_of(from, (size_t)(r->p - from));
    if (r->p >= r->end || *r->p != ';' || name.n == 0)
        return fail(r, r->p, "An error occurred while parsing EntityName.") != NULL;
    r->p++;
    if (name.p[0] == '#') {
        bool fine = name.n > 1 && name.p[1] == 'x' ? slice_hex_to_u64(slice_skip(name, 2), &cp) : slice_to_u64(slice_skip(name, 1), 0x10FFFF, &cp);

        if (!fine || cp > 0x10FFFF || (cp < 32 && cp != 9 && cp != 10 && cp != 13) || (cp >= 0xD800 && cp < 0xE000) || cp == 0xFFFE || cp == 0xFFFF)
            return fail(r, from, "'%.*s' is an invalid character.", SLICE_ARG(name)) != NULL;
        buf_put(b, slice_of(utf8, utf8_encode((uint32_t)cp, utf8)));
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq(name, slice_from(known[i].name))) {
            buf_putc(b, known[i].c);
            return true;
        }
    return fail(r, from, "Reference to undeclared entity '%.*s'.", SLICE_ARG(name)) != NULL;
}

static bool read_char(struct xml_reader *r, struct buf *b, bool attr)
{
    char c = *r->p;

    if (c == '&')
        return read_reference(r, b);
    if ((unsigned char)c < 32 && !is_white(c))
        return fail(r, r->p, "'%c', hexadecimal value 0x%02X, is an invalid character.", '.', (unsigned char)c) != NULL;
    r->p++;
    if (c == '\r') {
        if (r->p < r->end && *r->p == '\n')
            r->p++;
        c = '\n';
    }
    buf_putc(b, attr && (c == '\n' || c == '\t') ? ' ' : c);
    return true;
}

static bool append(struct xml_reader *r, struct xobject *x)
{
    return x && xml_link(r->vm, r->open, r->open->last, x) && vm_charge(r->vm, 1);
}

/* Character data up to the next '<'. */
static bool read_text(struct xml_reader *r)
{
    bool white = true;
    const char *from = r->p;
    struct xobject *x;
    struct buf b;

    buf_init(&b, r->vm->arena);
    while (r->p < r->end && *r->p != '<') {
        white &= is_white(*r->p);
        if (r->open == r->doc && !is_white(*r->p))
            return fail(r, r->p, "Data at the root level is invalid.") != NULL;
        if (r->end - r->p >= 3 && memcmp(r->p, "]]>", 3) == 0)
            return fail(r, r->p, "']]>' is not allowed in character data.") != NULL;
        if (!read_char(r, &b, false))
            return false;
    }
    if (r->p >= r->end && r->open != r->doc)
        return fail_end(r);
    if (r->open == r->doc || r->p == from || (white && !r->keep_space))
        return true;
    if (r->open->last && r->open->last->head.type->id == TYPE_XTEXT) /* behind a dropped comment there is none; kept apart otherwise */
        return true;
    x = xml_new(r->vm, TYPE_XTEXT);
    if (!x || b.failed)
        return vm_throw_budget(r->vm, "memory"), false;
    x->value = text_value(buf_slice(&b));
    return append(r, x);
}

static struct expr_value copy(struct xml_reader *r, struct slice s)
{
    return str_make(r->vm, s);
}

/* Text between an opening mark of n bytes and `close`, with line ends made \n. */
static bool read_marked(struct xml_reader *r, unsigned type, size_t n, const char *close)
{
    const char *from = r->p + n, *to = find(r, from, close);
    struct xobject *x = xml_new(r->vm, type);
    struct slice s;
    size_t target = 0;
    struct buf b;

    if (!x)
        return false;
    if (!to)
        return fail_end(r);
    r->p = to + strlen(close);
    if (type == TYPE_XCDATA && r->open == r->doc)
        return fail(r, from - 7, "Data at the root level is invalid.") != NULL;
    s = slice_of(from, (size_t)(to - from));
    if (type == TYPE_XCOMMENT && slice_find(s, SLICE("--")) >= 0)
        return fail(r, from, "An XML comment cannot contain '--', and '-' cannot be the last character.") != NULL;
    if (type == TYPE_XPROCESSINGINSTRUCTION) {
        while (target < s.n && !is_white(s.p[target]))
            target++;
        x->name = copy(r, slice_first(s, target));
        while (target < s.n && is_white(s.p[target]))
            target++;
        s = slice_skip(s, target);
        if (x->name.n == 0 || slice_eq_icase(text_slice(x->name), SLICE("xml")))
            return fail(r, from, "Unexpected XML declaration. The XML declaration must be the first node in the document, and no white space "
                                 "characters are allowed to appear before it.") != NULL;
    }
    buf_init(&b, r->vm->arena);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r')
            buf_putc(&b, s.p[i]);
        else if (i + 1 >= s.n || s.p[i + 1] != '\n')
            buf_putc(&b, '\n');
    if (b.failed)
        return vm_throw_budget(r->vm, "memory"), false;
    x->value = text_value(b.n ? buf_slice(&b) : SLICE(""));
    return append(r, x);
}

/* <!DOCTYPE name [PUBLIC "p"] ["s"] [ [subset] ]> */
static bool read_doctype(struct xml_reader *r)
{
    struct xobject *x = xml_new(r->vm, TYPE_XDOCUMENTTYPE);
    struct slice name;
    unsigned ids = 0;

    r->p += 9;
    skip_white(r);
    if (!x || !read_name(r, &name))
        return false;
    x->name = copy(r, name);
    x->value = TEXT("");
    while (r->p < r->end && *r->p != '>') {
        if (*r->p == '"' || *r->p == '\'') {
            const char *close = memchr(r->p + 1, *r->p, (size_t)(r->end - r->p - 1));

            if (!close || ids > 1)
                break;
            x->extra[ids++] = copy(r, slice_of(r->p + 1, (size_t)(close - r->p - 1)));
            r->p = close + 1;
        } else if (*r->p == '[') {
            const char *close = find(r, r->p, "]");

            if (!close)
                return fail_end(r);
            x->value = copy(r, slice_of(r->p + 1, (size_t)(close - r->p - 1)));
            r->p = close + 1;
        } else {
            r->p++;
        }
    }
    if (r->p >= r->end || *r->p != '>')
        return fail_end(r);
    r->p++;
    if (ids == 1) {
        x->extra[1] = x->extra[0];
        x->extra[0] = expr_value_null();
    }
    return append(r, x);
}

/* ---- elements ---- */

static bool read_attribute(struct xml_reader *r, struct xobject *e)
{
    struct xobject *x = xml_new(r->vm, TYPE_XATTRIBUTE);
    struct slice name;
    struct buf b;
    char quote;

    if (!x || !read_name(r, &name))
        return false;
    x->name = copy(r, name);
    skip_white(r);
    if (r->p >= r->end)
        return fail_end(r);
    if (*r->p != '=')
        return fail(r, r->p, "'%c' is an unexpected token. The expected token is '='.", *r->p) != NULL;
    r->p++;
    skip_white(r);
    if (r->p >= r->end)
        return fail_end(r);
    quote = *r->p;
    if (quote != '"' && quote != '\'')
        return fail(r, r->p, "'%c' is an unexpected token. The expected token is '\"' or '''.", quote) != NULL;
    buf_init(&b, r->vm->arena);
    for (r->p++; r->p < r->end && *r->p != quote;) {
        if (*r->p == '<')
            return fail(r, r->p, "'<', hexadecimal value 0x3C, is an invalid attribute character.") != NULL;
        if (!read_char(r, &b, true))
            return false;
    }
    if (r->p >= r->end)
        return fail_end(r);
    r->p++;
    x->value = text_value(b.n ? buf_slice(&b) : SLICE(""));
    x->parent = e;
    x->previous = e->last_attr;
    *(e->last_attr ? &e->last_attr->next : &e->first_attr) = x;
    e->last_attr = x;
    return !b.failed && vm_charge(r->vm, 1);
}

/* "p:name" into namespace and local name. */
static bool resolve(struct xml_reader *r, const char *at, struct xobject *x, const struct xobject *scope, bool attr)
{
    struct slice name = text_slice(x->name), prefix = { 0 };
    ptrdiff_t colon = slice_find_byte(name, ':');
    const struct expr_value *uri;

    x->ns = TEXT("");
    if (colon >= 0) {
        prefix = slice_first(name, (size_t)colon);
        x->name = text_value(slice_skip(name, (size_t)colon + 1));
        if (colon == 0 || x->name.n == 0)
            return fail(r, at, "The ':' character, hexadecimal value 0x3A, cannot be included in a name.") != NULL;
    } else if (attr) {
        return true;
    }
    if (attr && slice_eq(prefix, SLICE("xmlns"))) {
        x->ns = TEXT(XMLNS_URI);
        return true;
    }
    uri = xml_uri_of(scope, prefix);
    if (uri)
        x->ns = *uri;
    else if (prefix.n)
        return fail(r, at, "'%.*s' is an undeclared prefix.", SLICE_ARG(prefix)) != NULL;
    return true;
}

static bool resolve_all(struct xml_reader *r, const char *at, struct xobject *e)
{
    for (struct xobject *x = e->first_attr; x; x = x->next) /* declarations first: they hold for the element's own name */
        if (slice_starts(text_slice(x->name), SLICE("xmlns:")) && !resolve(r, at, x, e, true))
            return false;
        else if (x->ns.kind == EXPR_NULL)
            x->ns = TEXT("");
    for (struct xobject *x = e->first_attr; x; x = x->next) {
        if (x->ns.n == 0 && !resolve(r, at, x, e, true))
            return false;
        for (struct xobject *y = e->first_attr; y != x; y = y->next)
            if (slice_eq(text_slice(x->name), text_slice(y->name)) && slice_eq(text_slice(x->ns), text_slice(y->ns)))
                return fail(r, at, "'%.*s' is a duplicate attribute name.", (int)x->name.n, x->name.s) != NULL;
    }
    return resolve(r, at, e, e, false);
}

static bool read_start(struct xml_reader *r)
{
    const char *at = ++r->p;
    struct xobject *e = xml_new(r->vm, TYPE_XELEMENT);
    struct slice name;

    if (!e || !read_name(r, &name))
        return false;
    if (r->open == r->doc)
        for (struct xobject *x = r->doc->first; x; x = x->next)
            if (xml_is_element(x))
                return fail(r, at, "There are multiple root elements.") != NULL;
    if (++r->depth > XLINQ_DEPTH_MAX)
        return vm_throw_budget(r->vm, "depth"), false;
    e->name = copy(r, name);
    for (;;) {
        const char *before = r->p;

        skip_white(r);
        if (r->p >= r->end)
            return fail_end(r);
        if (*r->p == '>' || starts(r, "/>"))
            break;
        if (before == r->p || !is_name_byte(*r->p, true))
            return fail(r, r->p, "Name cannot begin with the '%c' character, hexadecimal value 0x%02X.", *r->p, (unsigned char)*r->p) != NULL;
        if (!read_attribute(r, e))
            return false;
    }
    e->parent = r->open;
    if (!resolve_all(r, at, e))
        return false;
    e->parent = NULL;
    if (!append(r, e))
        return false;
    e->open = *r->p == '>';
    r->p += e->open ? 1 : 2;
    if (e->open)
        r->open = e;
    else
        r->depth--;
    return true;
}

/* The name an element was written with: its prefix is gone, so that the start tag is compared by what it stands for. */
static bool read_end(struct xml_reader *r)
{
    const char *at = (r->p += 2);
    struct xobject end = { .ns = { .kind = EXPR_NULL } }, *e = r->open;
    struct slice name;

    if (!read_name(r, &name))
        return false;
    skip_white(r);
    if (r->p >= r->end)
        return fail_end(r);
    if (*r->p != '>')
        return fail(r, r->p, "'%c' is an unexpected token. The expected token is '>'.", *r->p) != NULL;
    r->p++;
    if (e == r->doc)
        return fail(r, at, "Unexpected end tag.") != NULL;
    end.name = text_value(name);
    if (!resolve(r, at, &end, e, false))
        return false;
    if (!slice_eq(text_slice(end.name), text_slice(e->name)) || !slice_eq(text_slice(end.ns), text_slice(e->ns)))
        return fail(r, at, "The '%.*s' start tag does not match the end tag of '%.*s'.", (int)e->name.n, e->name.s, SLICE_ARG(name)) != NULL;
    r->open = e->parent;
    r->depth--;
    return true;
}

/* version, encoding, standalone of <?xml ...?> */
static bool read_declaration(struct xml_reader *r)
{
    static const char *const names[] = { "version", "encoding", "standalone" };
    struct expr_value fields[3] = { 0 };
    struct xobject holder = { .head = { TYPE_OF(XELEMENT) } };

    for (r->p += 5; !starts(r, "?>");) {
        skip_white(r);
        if (r->p >= r->end)
            return fail_end(r);
        if (!starts(r, "?>") && !read_attribute(r, &holder))
            return false;
    }
    r->p += 2;
    for (struct xobject *x = holder.first_attr; x; x = x->next)
        for (unsigned i = 0; i < 3; i++)
            if (slice_eq(text_slice(x->name), slice_from(names[i])))
                fields[i] = x->value;
    r->doc->extra[0] = tuple_make(r->vm, TYPE_OF(XDECLARATION), 3, fields);
    return !r->vm->thrown;
}

static bool read_markup(struct xml_reader *r)
{
    if (starts(r, "<!--"))
        return read_marked(r, TYPE_XCOMMENT, 4, "-->");
    if (starts(r, "<![CDATA["))
        return read_marked(r, TYPE_XCDATA, 9, "]]>");
    if (starts(r, "<?"))
        return read_marked(r, TYPE_XPROCESSINGINSTRUCTION, 2, "?>");
    if (starts(r, "<!DOCTYPE") && r->open == r->doc)
        return read_doctype(r);
    return starts(r, "</") ? read_end(r) : read_start(r);
}

struct xobject *xml_read(struct vm *vm, struct slice text, bool keep_space)
{
    struct xml_reader r = { .vm = vm, .start = text.p, .p = text.p, .end = text.p + text.n, .keep_space = keep_space };
    bool root = false;

    r.doc = r.open = xml_new(vm, TYPE_XDOCUMENT);
    if (!r.doc || !vm_charge(vm, (uint32_t)(text.n / 64)))
        return NULL;
    if (starts(&r, "<?xml") && text.n > 5 && is_white(text.p[5]) && !read_declaration(&r))
        return NULL;
    while (r.p < r.end)
        if (*r.p == '<' ? !read_markup(&r) : !read_text(&r))
            return NULL;
    for (struct xobject *x = r.doc->first; x; x = x->next)
        root |= xml_is_element(x);
    if (r.open != r.doc)
        return fail_end(&r), NULL;
    if (!root)
        vm_throw(vm, TYPE_XMLEXCEPTION, "Root element is missing.");
    return root ? r.doc : NULL;
}
