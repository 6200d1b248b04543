/* Reading XML 1.0 with namespaces into XLinq's tree. Entities that the document type declares in the text itself are put
 * in; nothing outside the text is ever looked at, and an external entity is empty, as without a resolver in .NET. */
#include <stdio.h>

#include "platform/base/utf8.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/xml.h"

/* What entities may add to a document, and how deep they may lie in one another: .NET's MaxCharactersFromEntities, less
 * because all of it is memory of one request. */
#define ENTITY_BYTES_MAX ((size_t)1 << 20)
#define ENTITY_NESTING_MAX 16u

struct entity {
    struct entity *next;
    struct slice name, text;
    bool open; /* being put in: a reference to it now is a circle */
};

struct xml_reader {
    struct vm *vm;
    const char *start, *p, *end; /* of the text or of the entity being read */
    struct xobject *doc, *open; /* the innermost open container */
    struct entity *entities;
    size_t entity_bytes;
    unsigned depth, entity_depth;
    const char *tags[XLINQ_DEPTH_MAX + 1]; /* where the names of the open elements stand */
    bool keep_space;
};

struct place {
    unsigned line, column;
};

/* Position 1-based, in UTF-16 units. */
static struct place place_of(const struct xml_reader *r, const char *at)
{
    struct place p = { 1, 1 };

    for (const char *q = r->start; q < at && q < r->end; q++) {
        if ((*q & 0xC0) != 0x80)
            p.column += (*q & 0xF8) == 0xF0 ? 2 : 1;
        if (*q == '\n')
            p = (struct place){ p.line + 1, 1 };
    }
    return p;
}

static void *fail(struct xml_reader *r, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void *fail(struct xml_reader *r, const char *at, const char *fmt, ...)
{
    struct place p = place_of(r, at);
    struct slice what;
    va_list args;

    if (r->vm->thrown)
        return NULL;
    va_start(args, fmt);
    what = arena_vprintf(r->vm->arena, fmt, args);
    va_end(args);
    vm_throw(r->vm, TYPE_XMLEXCEPTION, "%.*s Line %u, position %u.", SLICE_ARG(what), p.line, p.column);
    exception_set_place(r->vm, p.line, p.column, SLICE(""));
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

/* The character at p, for messages. */
static struct slice here(const struct xml_reader *r)
{
    uint32_t cp;

    return slice_of(r->p, text_decode(r->p, r->end, &cp));
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

static bool fail_end_in(struct xml_reader *r, const char *what)
{
    return fail(r, r->end, "Unexpected end of file while parsing %s has occurred.", what) != NULL;
}

static bool fail_token(struct xml_reader *r, const char *expected)
{
    return fail(r, r->p, "'%.*s' is an unexpected token. The expected token is '%s'.", SLICE_ARG(here(r)), expected) != NULL;
}

static bool is_name_byte(char c, bool first)
{
    return (c & 0x80) || ascii_is_alpha(c) || c == '_' || (!first && (ascii_is_digit(c) || c == '-' || c == '.'));
}

/* A name of one or two parts, "p:name". */
static bool read_name(struct xml_reader *r, struct slice *out)
{
    const char *from = r->p;
    unsigned colons = 0;

    do {
        if (r->p >= r->end)
            return fail_end_in(r, "Name");
        if (!is_name_byte(*r->p, true))
            return fail(r, r->p, "Name cannot begin with the '%c' character, hexadecimal value 0x%02X.", *r->p, (unsigned char)*r->p) != NULL;
        while (r->p < r->end && is_name_byte(*r->p, false))
            r->p++;
        if (r->p < r->end && *r->p == ':' && colons)
            return fail(r, r->p, "The ':' character, hexadecimal value 0x3A, cannot be included in a name.") != NULL;
    } while (r->p < r->end && *r->p == ':' && ++colons && r->p++);
    *out = slice_of(from, (size_t)(r->p - from));
    return true;
}

static bool fail_char(struct xml_reader *r, const char *at, uint32_t cp)
{
    char utf8[4] = ".";

    return fail(r, at, "'%.*s', hexadecimal value 0x%02X, is an invalid character.", cp ? (int)utf8_encode(cp, utf8) : 1, utf8, (unsigned)cp) != NULL;
}

/* "#x41" of &#x41; */
static bool read_number(struct xml_reader *r, const char *from, struct slice digits, struct buf *b)
{
    bool hex = digits.n && digits.p[0] == 'x';
    uint64_t cp = 0;
    char utf8[4];

    from += 1 + hex;
    if (!(hex ? slice_hex_to_u64(slice_skip(digits, 1), &cp) : slice_to_u64(digits, 0x10FFFF, &cp)) || cp > 0x10FFFF)
        return fail(r, from, "Invalid syntax for a %s numeric entity reference.", hex ? "hexadecimal" : "decimal") != NULL;
    if ((cp < 32 && cp != 9 && cp != 10 && cp != 13) || (cp >= 0xD800 && cp < 0xE000) || cp == 0xFFFE || cp == 0xFFFF)
        return fail_char(r, from, (uint32_t)cp);
    buf_put(b, slice_of(utf8, utf8_encode((uint32_t)cp, utf8)));
    return true;
}

static struct entity *find_entity(const struct xml_reader *r, struct slice name)
{
    struct entity *e = r->entities;
    uint32_t n = 0;

    while (e && !slice_eq(e->name, name) && (++n % 8 || vm_charge(r->vm, 1)))
        e = e->next;
    return e;
}

/* What reading goes on behind an entity. */
struct outside {
    const char *start, *p, *end;
    struct entity *entity;
};

/* Go on reading in the entity's text, within the limits. */
static bool enter(struct xml_reader *r, const char *at, struct entity *e, struct outside *o)
{
    *o = (struct outside){ r->start, r->p, r->end, e };
    if (e->open)
        return fail(r, at, "General entity '%.*s' references itself.", SLICE_ARG(e->name)) != NULL;
    r->entity_bytes += e->text.n;
    if (r->entity_depth == ENTITY_NESTING_MAX || r->entity_bytes > ENTITY_BYTES_MAX)
        return vm_throw_budget(r->vm, "memory"), false;
    e->open = true;
    r->entity_depth++;
    r->start = r->p = e->text.p;
    r->end = e->text.p + e->text.n;
    return vm_charge(r->vm, 1 + (uint32_t)(e->text.n / 64));
}

static void leave(struct xml_reader *r, const struct outside *o)
{
    o->entity->open = false;
    r->entity_depth--;
    r->start = o->start;
    r->p = o->p;
    r->end = o->end;
}

/* &#x41; &lt; or the name of an entity of the document, which is left in *entity. */
static bool read_reference(struct xml_reader *r, struct buf *b, struct entity **entity)
{
    static const struct { const char *name; char c; } known[] = { { "lt", '<' }, { "gt", '>' }, { "amp", '&' }, { "quot", '"' }, { "apos", '\'' } };
    const char *from = ++r->p;
    struct slice name;

    *entity = NULL;
    while (r->p < r->end && (is_name_byte(*r->p, r->p == from) || *r->p == ':' || (r->p == from && *r->p == '#')))
        r->p++;
    name = slice_of(from, (size_t)(r->p - from));
    if (r->p >= r->end || name.n == 0)
        return fail(r, r->p, "An error occurred while parsing EntityName.") != NULL;
    if (*r->p != ';')
        return fail_token(r, ";");
    r->p++;
    if (name.p[0] == '#')
        return read_number(r, from, slice_skip(name, 1), b);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq(name, slice_from(known[i].name))) {
            buf_putc(b, known[i].c);
            return true;
        }
    if (!(*entity = find_entity(r, name)) || r->vm->thrown)
        return fail(r, from, "Reference to undeclared entity '%.*s'.", SLICE_ARG(name)) != NULL;
    return true;
}

/* A character that is no markup; line ends become \n, in an attribute white space a blank. */
static bool read_char(struct xml_reader *r, struct buf *b, bool attr)
{
    char c = *r->p;

    if ((unsigned char)c < 32 && !is_white(c))
        return fail_char(r, r->p, (unsigned char)c);
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

/* What was read of a text so far becomes a node, or joins the one before it. */
static bool end_text(struct xml_reader *r, struct buf *b, bool white)
{
    struct xobject *last = r->open->last, *x;

    if (b->failed)
        return vm_throw_budget(r->vm, "memory"), false;
    if (b->n == 0 || r->open == r->doc || (white && !r->keep_space && !(last && last->head.type->id == TYPE_XTEXT)))
        return true;
    if (last && last->head.type->id == TYPE_XTEXT) {
        last->value = text_value(text_join(r->vm->arena, text_slice(last->value), buf_slice(b)));
        return !r->vm->arena->overflow || vm_throw_budget(r->vm, "memory").i;
    }
    x = xml_new(r->vm, TYPE_XTEXT);
    if (!x)
        return false;
    x->value = text_value(buf_slice(b));
    return append(r, x);
}

static bool read_all(struct xml_reader *r);

/* An entity in content: its text is read as content, and what it opens it must close. */
static bool read_entity(struct xml_reader *r, struct entity *e)
{
    const struct xobject *open = r->open;
    const char *at = r->p - e->name.n - 1;
    struct outside o;

    if (!enter(r, at, e, &o) || !read_all(r))
        return false;
    if (r->open != open)
        return fail_end(r);
    leave(r, &o);
    return true;
}

/* Character data up to the next '<', entities put in. */
static bool read_text(struct xml_reader *r)
{
    bool white = true;
    struct entity *e;
    struct buf b;

    buf_init(&b, r->vm->arena);
    while (r->p < r->end && *r->p != '<') {
        white &= is_white(*r->p);
        if (r->open == r->doc && !is_white(*r->p))
            return fail(r, r->p, "Data at the root level is invalid.") != NULL;
        if (r->end - r->p >= 3 && memcmp(r->p, "]]>", 3) == 0)
            return fail(r, r->p, "']]>' is not allowed in character data.") != NULL;
        if (*r->p != '&') {
            if (!read_char(r, &b, false))
                return false;
            continue;
        }
        if (!read_reference(r, &b, &e))
            return false;
        if (e && (!end_text(r, &b, white) || !read_entity(r, e)))
            return false;
        if (e)
            buf_init(&b, r->vm->arena);
    }
    if (r->p >= r->end && r->open != r->doc && r->entity_depth == 0)
        return fail_end(r);
    return end_text(r, &b, white);
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
        return fail_end_in(r, type == TYPE_XCDATA ? "CDATA" : type == TYPE_XCOMMENT ? "Comment" : "PI");
    r->p = to + strlen(close);
    if (type == TYPE_XCDATA && r->open == r->doc)
        return fail(r, from - 7, "Data at the root level is invalid.") != NULL;
    s = slice_of(from, (size_t)(to - from));
    if (type == TYPE_XCOMMENT && (slice_find(s, SLICE("--")) >= 0 || slice_ends(s, SLICE("-"))))
        return fail(r, slice_find(s, SLICE("--")) >= 0 ? from + slice_find(s, SLICE("--")) : to - 1, "An XML comment cannot contain '--', and '-' cannot be the last character.") != NULL;
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

/* A quoted literal behind white space, or nothing. */
static bool take_literal(struct xml_reader *r, struct slice *out)
{
    const char *close;

    skip_white(r);
    if (r->p >= r->end || (*r->p != '"' && *r->p != '\''))
        return false;
    close = memchr(r->p + 1, *r->p, (size_t)(r->end - r->p - 1));
    if (!close)
        return false;
    *out = slice_of(r->p + 1, (size_t)(close - r->p - 1));
    r->p = close + 1;
    return true;
}

/* Character references of an entity's value are put in where it is declared, all else where it is used. */
static bool declared_text(struct xml_reader *r, struct slice literal, struct slice *out)
{
    struct buf b;

    buf_init(&b, r->vm->arena);
    for (size_t i = 0; i < literal.n; i++) {
        ptrdiff_t end = literal.p[i] == '&' && i + 1 < literal.n && literal.p[i + 1] == '#' ? slice_find_byte(slice_skip(literal, i), ';') : -1;

        if (end < 0) {
            buf_putc(&b, literal.p[i]);
            continue;
        }
        if (!read_number(r, literal.p + i + 1, slice_sub(literal, i + 2, i + (size_t)end), &b))
            return false;
        i += (size_t)end;
    }
    *out = b.n ? buf_slice(&b) : SLICE("");
    return !b.failed || vm_throw_budget(r->vm, "memory").i;
}

/* <!ENTITY name "text"> or <!ENTITY name SYSTEM "...">; the first of a name holds. p is behind "<!ENTITY". */
static bool read_entity_declaration(struct xml_reader *r)
{
    struct entity *e = vm_new(r->vm, struct entity);
    struct slice literal;

    skip_white(r);
    if (!e || (r->p < r->end && *r->p == '%')) /* parameter entities have nothing to do with content */
        return e != NULL;
    if (!read_name(r, &e->name))
        return false;
    e->text = SLICE("");
    if (take_literal(r, &literal) && !declared_text(r, literal, &e->text))
        return false;
    if (!find_entity(r, e->name)) {
        e->next = r->entities;
        r->entities = e;
    }
    return vm_charge(r->vm, 1);
}

/* The internal subset up to its ']': entities are noted, all other declarations skipped. */
static bool read_subset(struct xml_reader *r)
{
    struct slice literal;

    while (r->p < r->end) {
        const char *close = starts(r, "<!--") ? find(r, r->p + 4, "-->") : starts(r, "<?") ? find(r, r->p, "?>") : NULL;

        if (*r->p == ']')
            return r->p++ != NULL;
        if (close)
            r->p = close;
        else if (!starts(r, "<!ENTITY"))
            r->p += *r->p == '"' || *r->p == '\'' ? take_literal(r, &literal) ? 0 : 1 : 1;
        else if (r->p += 8, !read_entity_declaration(r))
            return false;
    }
    return fail_end_in(r, "DTD");
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
            const char *from = ++r->p;

            if (!read_subset(r))
                return false;
            x->value = copy(r, slice_of(from, (size_t)(r->p - from - 1)));
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

/* The value up to the quote, or to the end of an entity. */
static bool read_value(struct xml_reader *r, struct buf *b, char quote)
{
    struct entity *e;
    struct outside o;

    while (r->p < r->end && !(quote && *r->p == quote)) {
        if (*r->p == '<')
            return fail(r, r->p, "'<', hexadecimal value 0x3C, is an invalid attribute character.") != NULL;
        if (*r->p != '&') {
            if (!read_char(r, b, true))
                return false;
            continue;
        }
        if (!read_reference(r, b, &e))
            return false;
        if (!e)
            continue;
        if (!enter(r, r->p - e->name.n - 1, e, &o) || !read_value(r, b, 0))
            return false;
        leave(r, &o);
    }
    return true;
}

static bool read_attribute(struct xml_reader *r, struct xobject *e)
{
    struct xobject *x = xml_new(r->vm, TYPE_XATTRIBUTE);
    struct slice name;
    struct buf b;
    char quote;

    if (!x || !read_name(r, &name))
        return false;
    x->name = copy(r, name);
    x->extra[0] = val_long(name.p - r->start); /* for messages, until the element's names are resolved */
    skip_white(r);
    if (r->p >= r->end)
        return fail_end(r);
    if (*r->p != '=')
        return fail_token(r, "=");
    r->p++;
    skip_white(r);
    if (r->p >= r->end)
        return fail_end(r);
    quote = *r->p;
    if (quote != '"' && quote != '\'')
        return fail_token(r, "\"' or ''");
    x->extra[1] = val_long(r->p - r->start);
    buf_init(&b, r->vm->arena);
    r->p++;
    if (!read_value(r, &b, quote))
        return false;
    if (r->p >= r->end)
        return fail(r, r->end, "There is an unclosed literal string.") != NULL;
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

/* xmlns:p="u": not every binding is allowed. */
static bool check_binding(struct xml_reader *r, const struct xobject *x)
{
    struct slice prefix = slice_skip(text_slice(x->name), 6), uri = text_slice(x->value);
    const char *at = r->start + x->extra[0].i;

    if (slice_eq(prefix, SLICE("xml")) ? !slice_eq(uri, SLICE(XML_URI)) : slice_eq(uri, SLICE(XML_URI)))
        return fail(r, at, "Prefix \"xml\" is reserved for use by XML and can be mapped only to namespace name \"" XML_URI "\".") != NULL;
    if (slice_eq(prefix, SLICE("xmlns")) || slice_eq(uri, SLICE(XMLNS_URI)))
        return fail(r, at, "Prefix \"xmlns\" is reserved for use by XML.") != NULL;
    return uri.n || fail(r, r->start + x->extra[1].i, "Invalid namespace declaration.") != NULL;
}

/* Is one of the attributes before x of the same name? */
static bool check_unique(struct xml_reader *r, const struct xobject *e, const struct xobject *x)
{
    const char *at = r->start + x->extra[0].i;
    uint32_t n = 0;

    for (const struct xobject *y = e->first_attr; y != x; y = y->next, n++)
        if (slice_eq(text_slice(x->name), text_slice(y->name)) && slice_eq(text_slice(x->ns), text_slice(y->ns))) {
            size_t name = 0;

            while (is_name_byte(at[name], name == 0) || at[name] == ':')
                name++;
            return fail(r, at, "'%.*s' is a duplicate attribute name.", (int)name, at) != NULL;
        }
    return vm_charge(r->vm, n / 4);
}

static bool resolve_all(struct xml_reader *r, const char *at, struct xobject *e)
{
    for (struct xobject *x = e->first_attr; x; x = x->next) /* declarations first: they hold for the element's own name */
        if (slice_starts(text_slice(x->name), SLICE("xmlns:")) && (!check_binding(r, x) || !resolve(r, at, x, e, true)))
            return false;
        else if (x->ns.kind == EXPR_NULL)
            x->ns = TEXT("");
    for (struct xobject *x = e->first_attr; x; x = x->next)
        if ((x->ns.n == 0 && !resolve(r, r->start + x->extra[0].i, x, e, true)) || !check_unique(r, e, x))
            return false;
    for (struct xobject *x = e->first_attr; x; x = x->next)
        x->extra[0] = x->extra[1] = expr_value_null();
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
        if (*r->p == '/')
            return r->p++, fail_token(r, ">");
        if (before == r->p)
            return fail(r, r->p, "'%.*s' is an unexpected token. Expecting white space.", SLICE_ARG(here(r))) != NULL;
        if (!is_name_byte(*r->p, true))
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
    if (e->open) {
        r->open = e;
        r->tags[r->depth] = at;
    } else {
        r->depth--;
    }
    return true;
}

/* </b> for the start tag on top. */
static bool fail_pair(struct xml_reader *r, const char *at, struct slice name)
{
    const char *tag = r->tags[r->depth];
    struct place p = place_of(r, tag);
    size_t n = 0;

    while (is_name_byte(tag[n], n == 0) || tag[n] == ':')
        n++;
    return fail(r, at, "The '%.*s' start tag on line %u position %u does not match the end tag of '%.*s'.", (int)n, tag, p.line, p.column,
                SLICE_ARG(name)) != NULL;
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
        return fail_token(r, ">");
    r->p++;
    if (e == r->doc)
        return fail(r, at, "Unexpected end tag.") != NULL;
    end.name = text_value(name);
    if (!resolve(r, at, &end, e, false))
        return false;
    if (!slice_eq(text_slice(end.name), text_slice(e->name)) || !slice_eq(text_slice(end.ns), text_slice(e->ns)))
        return fail_pair(r, at, name);
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
    if (!holder.first_attr || !slice_eq(text_slice(holder.first_attr->name), SLICE("version")))
        return fail(r, r->start + 5, "Syntax for an XML declaration is invalid.") != NULL;
    if (!slice_eq(text_slice(holder.first_attr->value), SLICE("1.0")))
        return fail(r, r->start + holder.first_attr->extra[1].i + 1, "Version number '%.*s' is invalid.", (int)holder.first_attr->value.n,
                    holder.first_attr->value.s) != NULL;
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

static bool read_all(struct xml_reader *r)
{
    while (r->p < r->end)
        if (*r->p == '<' ? !read_markup(r) : !read_text(r))
            return false;
    return true;
}

struct xobject *xml_read(struct vm *vm, struct slice text, bool keep_space)
{
    struct xml_reader *r = vm_new(vm, struct xml_reader);
    bool root = false;

    if (!r || !vm_charge(vm, (uint32_t)(text.n / 64)))
        return NULL;
    r->vm = vm;
    r->start = r->p = text.p;
    r->end = text.p + text.n;
    r->keep_space = keep_space;
    r->doc = r->open = xml_new(vm, TYPE_XDOCUMENT);
    if (!r->doc)
        return NULL;
    if (starts(r, "<?xml") && text.n > 5 && (is_white(text.p[5]) || text.p[5] == '?') && !read_declaration(r))
        return NULL;
    if (!read_all(r))
        return NULL;
    for (struct xobject *x = r->doc->first; x; x = x->next)
        root |= xml_is_element(x);
    if (r->open != r->doc)
        return fail_end(r), NULL;
    if (!root)
        vm_throw(vm, TYPE_XMLEXCEPTION, "Root element is missing.");
    return root ? r->doc : NULL;
}
