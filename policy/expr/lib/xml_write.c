/* Writing XLinq's trees: the prefixes XLinq picks, and the declarations .NET's XmlWriter adds for them. */
#include "platform/base/utf8.h"
#include "policy/expr/lib/xml.h"

/* A prefix in the writer's scope. */
struct binding {
    struct binding *up;
    struct slice prefix, uri;
    unsigned index; /* .NET's place on its stack: generated prefixes count by it */
    bool written;   /* has a declaration, of its own or further out */
};

/* The prefixes bound before the first element: xmlns, xml and none. */
#define FIRST_INDEX 2u

struct writer {
    struct vm *vm;
    struct buf *b;
    const struct xobject *root;
    struct binding *scope, *spare;
    bool indented, omit_duplicates, mixed, any;
    unsigned level;
};

/* Character XML has no place for: an exception. Gives the bytes of the character at i. */
static size_t check_char(struct writer *w, struct slice s, size_t i)
{
    uint32_t cp = (unsigned char)s.p[i];
    size_t n = 1;

    if (cp >= 0x80)
        n = text_decode(s.p + i, s.p + s.n, &cp);
    if ((cp >= 32 || cp == '\n' || cp == '\t' || cp == '\r') && !(cp >= 0xD800 && cp < 0xE000) && cp != 0xFFFE && cp != 0xFFFF)
        return n;
    if (!w->vm->thrown)
        vm_throw(w->vm, TYPE_ARGUMENTEXCEPTION, "'%.*s', hexadecimal value 0x%02X, is an invalid character.", cp ? (int)n : 1, cp ? s.p + i : ".",
                 (unsigned)cp);
    return n;
}

static void put_text(struct writer *w, struct slice s, bool attr)
{
    struct buf *b = w->b;

    for (size_t i = 0, n = 1; i < s.n; i += n, n = 1)
        switch (s.p[i]) {
        case '&': buf_puts(b, "&amp;"); break;
        case '<': buf_puts(b, "&lt;"); break;
        case '>': buf_puts(b, "&gt;"); break;
        case '"': buf_puts(b, attr ? "&quot;" : "\""); break;
        case '\n': buf_puts(b, attr ? "&#xA;" : "\n"); break;
        case '\t': buf_puts(b, attr ? "&#x9;" : "\t"); break;
        case '\r': buf_puts(b, attr ? "&#xD;" : i + 1 < s.n && s.p[i + 1] == '\n' ? "" : "\n"); break;
        default:
            n = check_char(w, s, i);
            buf_put(b, slice_sub(s, i, i + n));
            break;
        }
}

/* Text in which `stop` may not stand: `instead` is put for it. */
static void put_raw(struct writer *w, struct slice s, const char *stop, const char *instead)
{
    size_t n = strlen(stop);

    for (size_t i = 0, step; i < s.n; i += step) {
        if (s.n - i >= n && memcmp(s.p + i, stop, n) == 0) {
            buf_puts(w->b, instead);
            step = n - 1;
            continue;
        }
        step = check_char(w, s, i);
        buf_put(w->b, slice_sub(s, i, i + step));
    }
}

static void indent(struct writer *w)
{
    if (!w->indented || w->mixed)
        return;
    if (w->any)
        buf_putc(w->b, '\n');
    for (unsigned i = 0; i < w->level && w->any; i++)
        buf_puts(w->b, "  ");
}

/* ---- prefixes ---- */

static struct binding *lookup(struct binding *scope, struct slice prefix)
{
    while (scope && !slice_eq(scope->prefix, prefix))
        scope = scope->up;
    return scope;
}

static bool bind(struct writer *w, struct slice prefix, struct slice uri, bool written)
{
    struct binding *b = w->spare ? w->spare : vm_new(w->vm, struct binding);

    if (!b)
        return false;
    if (b == w->spare)
        w->spare = b->up;
    *b = (struct binding){ w->scope, prefix, uri, (w->scope ? w->scope->index : FIRST_INDEX) + 1, written };
    w->scope = b;
    return true;
}

static void unbind(struct writer *w, struct binding *outer)
{
    while (w->scope != outer) {
        struct binding *b = w->scope;

        w->scope = b->up;
        b->up = w->spare;
        w->spare = b;
    }
}

/* The binding of a prefix made by the element whose outer scope that is; a second of another URI is an exception. */
static bool bound_here(struct writer *w, const struct binding *outer, struct slice prefix, struct slice uri, struct binding **out)
{
    struct binding *b = w->scope;

    while (b != outer && !slice_eq(b->prefix, prefix))
        b = b->up;
    *out = b == outer ? NULL : b;
    if (!*out || slice_eq(b->uri, uri))
        return true;
    vm_throw(w->vm, TYPE_XMLEXCEPTION, "The prefix '%.*s' cannot be redefined from '%.*s' to '%.*s' within the same start element tag.",
             SLICE_ARG(prefix), SLICE_ARG(b->uri), SLICE_ARG(uri));
    return false;
}

/* A name uses prefix for uri. */
static bool use(struct writer *w, const struct binding *outer, struct slice prefix, struct slice uri)
{
    struct binding *b;
    bool same;

    if (slice_eq(prefix, SLICE("xml")) || slice_eq(prefix, SLICE("xmlns")))
        return true;
    if (!bound_here(w, outer, prefix, uri, &b))
        return false;
    if (b)
        return true;
    b = lookup(w->scope, prefix);
    same = b ? slice_eq(b->uri, uri) : prefix.n == 0 && uri.n == 0;
    return bind(w, prefix, uri, same);
}

/* An attribute declares prefix; *drop: it says nothing new, and such ones are not wanted. */
static bool declare(struct writer *w, const struct binding *outer, struct slice prefix, struct slice uri, bool *drop)
{
    struct binding *b;

    if (!bound_here(w, outer, prefix, uri, &b))
        return false;
    if (b) {
        *drop = b->written && w->omit_duplicates;
        b->written = true;
        return true;
    }
    b = lookup(w->scope, prefix);
    *drop = w->omit_duplicates && b && slice_eq(b->uri, uri);
    return *drop || bind(w, prefix, uri, true);
}

static bool inside(const struct xobject *root, const struct xobject *x)
{
    while (x && x != root)
        x = x->parent;
    return x != NULL;
}

static bool redeclared(const struct xobject *from, const struct xobject *to, struct slice prefix)
{
    for (const struct xobject *e = from; e != to; e = e->parent)
        for (const struct xobject *a = e->first_attr; a; a = a->next)
            if (xml_is_declaration(a) && slice_eq(xml_declared_prefix(a), prefix))
                return true;
    return false;
}

/* XLinq's choice: the newest declaration of the URI that holds at e. Above the root of what is written the first of an
 * element's declarations counts as the newest, elsewhere the last. */
static bool declared(struct writer *w, const struct xobject *e, struct slice uri, bool attr, struct slice *out)
{
    for (const struct xobject *x = e; x; x = x->parent) {
        bool last_first = x->first_attr && inside(w->root, x);

        for (const struct xobject *a = last_first ? x->last_attr : x->first_attr; a; a = last_first ? a->previous : a->next) {
            if (!xml_is_declaration(a) || !slice_eq(text_slice(a->value), uri))
                continue;
            *out = xml_declared_prefix(a);
            if ((!attr || out->n) && !redeclared(e, x, *out))
                return true;
        }
    }
    return false;
}

/* A prefix nothing has: "p1", then "p10" and so on. */
static struct slice generate(struct writer *w)
{
    unsigned base = (w->scope ? w->scope->index : FIRST_INDEX) - FIRST_INDEX;
    struct slice prefix = arena_printf(w->vm->arena, "p%u", base);

    for (unsigned i = 0; lookup(w->scope, prefix) && vm_charge(w->vm, 1); i++)
        prefix = arena_printf(w->vm->arena, "p%u%u", base, i);
    return prefix;
}

static struct slice prefix_for(struct writer *w, const struct xobject *e, struct slice uri, bool attr)
{
    struct slice prefix = SLICE("");

    if (uri.n == 0)
        return prefix;
    if (declared(w, e, uri, attr, &prefix))
        return prefix;
    if (slice_eq(uri, SLICE(XML_URI)))
        return SLICE("xml");
    if (slice_eq(uri, SLICE(XMLNS_URI)))
        return SLICE("xmlns");
    for (struct binding *b = w->scope; b; b = b->up)
        if (slice_eq(b->uri, uri) && (!attr || b->prefix.n) && lookup(w->scope, b->prefix) == b)
            return b->prefix;
    return attr ? generate(w) : SLICE("");
}

/* ---- nodes ---- */

static void put_name(struct buf *b, struct slice prefix, struct expr_value local)
{
    if (prefix.n) {
        buf_put(b, prefix);
        buf_putc(b, ':');
    }
    buf_put(b, text_slice(local));
}

static void put_attribute(struct writer *w, struct slice prefix, struct expr_value local, struct slice value)
{
    put_name(w->b, prefix, local);
    buf_puts(w->b, "=\"");
    put_text(w, value, true);
    buf_putc(w->b, '"');
}

static bool write_attributes(struct writer *w, const struct xobject *e, const struct binding *outer)
{
    for (const struct xobject *a = e->first_attr; a; a = a->next) {
        struct slice uri = text_slice(a->ns), prefix = SLICE("");
        bool drop = false;

        if (xml_is_declaration(a)) {
            prefix = a->ns.n ? SLICE("xmlns") : SLICE("");
            if (!declare(w, outer, xml_declared_prefix(a), text_slice(a->value), &drop))
                return false;
        } else if (uri.n) {
            prefix = prefix_for(w, e, uri, true);
            if (!use(w, outer, prefix, uri))
                return false;
        }
        if (drop)
            continue;
        buf_putc(w->b, ' ');
        put_attribute(w, prefix, a->name, text_slice(a->value));
    }
    for (struct binding *b = w->scope; b != outer; b = b->up)
        if (!b->written) {
            buf_puts(w->b, b->prefix.n ? " xmlns:" : " ");
            put_attribute(w, SLICE(""), b->prefix.n ? text_value(b->prefix) : TEXT("xmlns"), b->uri);
        }
    return !w->vm->thrown;
}

static void write_node(struct writer *w, const struct xobject *x);

static void write_element(struct writer *w, const struct xobject *e)
{
    struct binding *outer = w->scope;
    bool mixed = w->mixed;
    struct slice prefix;

    if (w->vm->thrown || w->level > XLINQ_DEPTH_MAX * 2 || !vm_charge(w->vm, 1 + w->level / 16))
        return;
    prefix = prefix_for(w, e, text_slice(e->ns), false);
    indent(w);
    w->any = true;
    buf_putc(w->b, '<');
    put_name(w->b, prefix, e->name);
    if (!use(w, outer, prefix, text_slice(e->ns)) || !write_attributes(w, e, outer))
        return;
    if (e->first || e->open) {
        buf_putc(w->b, '>');
        w->level++;
        for (const struct xobject *x = e->first; x; x = x->next)
            write_node(w, x);
        w->level--;
        if (e->first)
            indent(w);
        buf_puts(w->b, "</");
        put_name(w->b, prefix, e->name);
        buf_putc(w->b, '>');
        w->mixed = mixed;
    } else {
        buf_puts(w->b, " />");
    }
    unbind(w, outer);
}

static void write_doctype(struct buf *b, const struct xobject *x)
{
    buf_printf(b, "<!DOCTYPE %.*s ", (int)x->name.n, x->name.s);
    if (x->extra[0].kind == EXPR_STRING)
        buf_printf(b, "PUBLIC \"%.*s\" \"%.*s\"", (int)x->extra[0].n, x->extra[0].s, (int)x->extra[1].n, x->extra[1].n ? x->extra[1].s : "");
    else if (x->extra[1].kind == EXPR_STRING)
        buf_printf(b, "SYSTEM \"%.*s\"", (int)x->extra[1].n, x->extra[1].s);
    if (x->value.kind == EXPR_STRING)
        buf_printf(b, "[%.*s]", (int)x->value.n, x->value.n ? x->value.s : "");
    buf_putc(b, '>');
}

static void write_comment(struct writer *w, struct slice s)
{
    buf_puts(w->b, "<!--");
    put_raw(w, s, "--", "- ");
    buf_puts(w->b, slice_ends(s, SLICE("-")) ? " -->" : "-->");
}

static void write_instruction(struct writer *w, const struct xobject *x)
{
    buf_printf(w->b, "<?%.*s%s", (int)x->name.n, x->name.s, x->value.n ? " " : "");
    put_raw(w, text_slice(x->value), "?>", "? ");
    buf_puts(w->b, "?>");
}

static void write_cdata(struct writer *w, struct slice s)
{
    buf_puts(w->b, "<![CDATA[");
    put_raw(w, s, "]]>", "]]]]><![CDATA[");
    buf_puts(w->b, "]]>");
}

/* An attribute by itself. */
static void write_attribute(struct writer *w, const struct xobject *x)
{
    struct slice prefix = SLICE("");

    if (x->ns.n && !xml_prefix_of(x->parent, text_slice(x->ns), &prefix))
        prefix = SLICE("p0");
    put_attribute(w, prefix, x->name, text_slice(x->value));
}

static void write_node(struct writer *w, const struct xobject *x)
{
    switch (x->head.type->id) {
    case TYPE_XELEMENT: write_element(w, x); return;
    case TYPE_XDOCUMENT:
        for (const struct xobject *c = x->first; c; c = c->next)
            write_node(w, c);
        return;
    case TYPE_XTEXT:
        w->mixed = true;
        put_text(w, text_slice(x->value), false);
        break;
    case TYPE_XCDATA:
        w->mixed = true;
        write_cdata(w, text_slice(x->value));
        break;
    case TYPE_XCOMMENT:
        indent(w);
        write_comment(w, text_slice(x->value));
        break;
    case TYPE_XPROCESSINGINSTRUCTION:
        indent(w);
        write_instruction(w, x);
        break;
    case TYPE_XDOCUMENTTYPE:
        indent(w);
        write_doctype(w->b, x);
        break;
    default: write_attribute(w, x); break;
    }
    w->any = true;
}

void xml_write(struct vm *vm, struct buf *b, const struct xobject *x, unsigned options)
{
    struct writer w = { .vm = vm, .b = b, .root = x, .indented = !(options & XML_UNFORMATTED), .omit_duplicates = options & XML_OMIT_DUPLICATES };

    write_node(&w, x);
}
