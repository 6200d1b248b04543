/* XLinq's tree: links, names in scope, copies, and writing as .NET's XmlWriter does. */
#include "policy/expr/lib/xml.h"

struct xobject *xml_new(struct vm *vm, unsigned type)
{
    struct xobject *x = vm_new(vm, struct xobject);

    if (x)
        x->head.type = &type_simple[type];
    return x;
}

bool xml_is(struct expr_value v)
{
    unsigned id = v.kind == EXPR_OBJECT ? OBJECT(v, object)->type->id : TYPE_COUNT;

    return id == TYPE_XELEMENT || id == TYPE_XATTRIBUTE || id == TYPE_XTEXT || id == TYPE_XCDATA || id == TYPE_XCOMMENT ||
           id == TYPE_XPROCESSINGINSTRUCTION || id == TYPE_XDOCUMENTTYPE || id == TYPE_XDOCUMENT;
}

bool xml_link(struct vm *vm, struct xobject *to, struct xobject *after, struct xobject *child)
{
    unsigned h = child->height + 1u;

    for (struct xobject *x = to; x && x->height < h; x = x->parent, h++) {
        if (h > 2 * XLINQ_DEPTH_MAX)
            return vm_throw_budget(vm, "depth"), false;
        x->height = (uint16_t)h;
    }
    child->parent = to;
    child->previous = after;
    child->next = after ? after->next : to->first;
    *(child->next ? &child->next->previous : &to->last) = child;
    *(after ? &after->next : &to->first) = child;
    return true;
}

void xml_unlink(struct xobject *x)
{
    bool attr = x->head.type->id == TYPE_XATTRIBUTE;
    struct xobject *p = x->parent;

    *(x->previous ? &x->previous->next : attr ? &p->first_attr : &p->first) = x->next;
    *(x->next ? &x->next->previous : attr ? &p->last_attr : &p->last) = x->previous;
    x->parent = x->next = x->previous = NULL;
    if (!p->first && !attr)
        p->open = false;
}

struct xobject *xml_clone(struct vm *vm, const struct xobject *x, unsigned depth)
{
    struct xobject *copy = depth ? xml_new(vm, x->head.type->id) : NULL, *child;

    if (!copy || !vm_charge(vm, 1))
        return depth ? NULL : (vm_throw_budget(vm, "depth"), NULL);
    copy->ns = x->ns;
    copy->name = x->name;
    copy->value = x->value;
    memcpy(copy->extra, x->extra, sizeof copy->extra);
    copy->open = x->open;
    for (const struct xobject *at = x->first_attr; at; at = at->next) {
        if (!(child = xml_clone(vm, at, depth - 1)))
            return NULL;
        child->parent = copy;
        child->previous = copy->last_attr;
        *(copy->last_attr ? &copy->last_attr->next : &copy->first_attr) = child;
        copy->last_attr = child;
    }
    for (const struct xobject *c = x->first; c; c = c->next)
        if (!(child = xml_clone(vm, c, depth - 1)) || !xml_link(vm, copy, copy->last, child))
            return NULL;
    return copy;
}

bool xml_is_declaration(const struct xobject *x)
{
    return x->ns.n ? slice_eq(text_slice(x->ns), SLICE(XMLNS_URI)) : slice_eq(text_slice(x->name), SLICE("xmlns"));
}

/* The prefix a declaration binds: "" for xmlns="...". */
static struct slice bound(const struct xobject *declaration)
{
    return declaration->ns.n ? text_slice(declaration->name) : SLICE("");
}

const struct expr_value *xml_uri_of(const struct xobject *x, struct slice prefix)
{
    static const struct expr_value xml = { .kind = EXPR_STRING, .flags = EXPR_ASCII, .n = sizeof XML_URI - 1, .s = XML_URI };

    if (slice_eq(prefix, SLICE("xml")))
        return &xml;
    for (; x; x = x->parent)
        for (const struct xobject *a = x->first_attr; a; a = a->next) {
            /* while reading, a declaration not yet resolved is still "xmlns" or "xmlns:p" */
            if (slice_starts(text_slice(a->name), SLICE("xmlns:")) && slice_eq(slice_skip(text_slice(a->name), 6), prefix))
                return &a->value;
            if (xml_is_declaration(a) && slice_eq(bound(a), prefix))
                return &a->value;
        }
    return NULL;
}

struct slice xml_name_text(struct vm *vm, struct expr_value ns, struct expr_value local)
{
    return ns.n ? arena_printf(vm->arena, "{%.*s}%.*s", (int)ns.n, ns.s, (int)local.n, local.s) : text_slice(local);
}

/* ---- writing ---- */

/* A binding in the writer's scope. */
struct binding {
    const struct binding *up;
    struct slice prefix, uri;
    bool declared; /* written by an attribute of its own */
};

struct writer {
    struct vm *vm;
    struct buf *b;
    bool indented, mixed, any;
    unsigned level, made;
};

static void put_text(struct buf *b, struct slice s, bool attr)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&': buf_puts(b, "&amp;"); break;
        case '<': buf_puts(b, "&lt;"); break;
        case '>': buf_puts(b, "&gt;"); break;
        case '"': buf_puts(b, attr ? "&quot;" : "\""); break;
        case '\n': buf_puts(b, attr ? "&#xA;" : "\n"); break;
        case '\t': buf_puts(b, attr ? "&#x9;" : "\t"); break;
        case '\r':
            buf_puts(b, attr ? "&#xD;" : i + 1 < s.n && s.p[i + 1] == '\n' ? "" : "\n");
            break;
        default: buf_putc(b, s.p[i]); break;
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

/* The oldest declaration of a URI whose prefix is not bound anew further in: XLinq's choice. */
static bool find_prefix(const struct xobject *at, const struct xobject *from, struct slice uri, bool attr, struct slice *out)
{
    if (!at)
        return false;
    if (find_prefix(at->parent, from, uri, attr, out))
        return true;
    for (const struct xobject *a = at->first_attr; a; a = a->next) {
        const struct expr_value *now;

        if (!xml_is_declaration(a) || !slice_eq(text_slice(a->value), uri) || (attr && bound(a).n == 0))
            continue;
        now = xml_uri_of(from, bound(a));
        if (now && slice_eq(text_slice(*now), uri)) {
            *out = bound(a);
            return true;
        }
    }
    return false;
}

static const struct binding *lookup(const struct binding *scope, struct slice prefix)
{
    while (scope && !slice_eq(scope->prefix, prefix))
        scope = scope->up;
    return scope;
}

static void put_name(struct buf *b, struct slice prefix, struct expr_value local)
{
    if (prefix.n) {
        buf_put(b, prefix);
        buf_putc(b, ':');
    }
    buf_put(b, text_slice(local));
}

#define IMPLICIT_MAX 32
struct implied {
    struct binding v[IMPLICIT_MAX];
    unsigned n;
};

/* The prefix for a name; one that has to be declared is added to what the tag gets at its end. */
static struct slice prefix_for(struct writer *w, const struct xobject *e, struct slice uri, bool attr, const struct binding **scope, struct implied *more)
{
    struct slice prefix = SLICE("");
    const struct binding *b;

    if (uri.n == 0 && attr)
        return prefix;
    if (slice_eq(uri, SLICE(XML_URI)))
        return SLICE("xml");
    if (slice_eq(uri, SLICE(XMLNS_URI)))
        return SLICE("xmlns");
    if (uri.n && !find_prefix(e, e, uri, attr, &prefix)) {
        for (b = *scope; b; b = b->up)
            if (slice_eq(b->uri, uri) && (!attr || b->prefix.n) && lookup(*scope, b->prefix) == b)
                return b->prefix;
        if (attr)
            prefix = arena_printf(w->vm->arena, "p%u", w->level + 1 + w->made++);
    }
    b = lookup(*scope, prefix);
    if ((b && slice_eq(b->uri, uri)) || (!b && uri.n == 0 && prefix.n == 0) || more->n == IMPLICIT_MAX)
        return prefix;
    more->v[more->n] = (struct binding){ *scope, prefix, uri, false };
    *scope = &more->v[more->n++];
    return prefix;
}

static void write_node(struct writer *w, const struct xobject *x, const struct binding *scope);

static void write_attributes(struct writer *w, const struct xobject *e, const struct binding **scope, struct implied *more)
{
    for (const struct xobject *a = e->first_attr; a; a = a->next) {
        struct slice prefix = prefix_for(w, e, text_slice(a->ns), true, scope, more);

        buf_putc(w->b, ' ');
        put_name(w->b, prefix, a->name);
        buf_puts(w->b, "=\"");
        put_text(w->b, text_slice(a->value), true);
        buf_putc(w->b, '"');
    }
    for (unsigned i = more->n; i-- > 0;)
        if (!more->v[i].declared) {
            buf_puts(w->b, more->v[i].prefix.n ? " xmlns:" : " xmlns");
            buf_put(w->b, more->v[i].prefix);
            buf_puts(w->b, "=\"");
            put_text(w->b, more->v[i].uri, true);
            buf_putc(w->b, '"');
        }
}

static void write_element(struct writer *w, const struct xobject *e, const struct binding *scope)
{
    struct implied *more = vm_new(w->vm, struct implied);
    bool mixed = w->mixed;
    struct slice prefix;

    if (!more || w->level > XLINQ_DEPTH_MAX * 2 || !vm_charge(w->vm, 1))
        return;
    for (const struct xobject *a = e->first_attr; a && more->n < IMPLICIT_MAX / 2; a = a->next)
        if (xml_is_declaration(a)) {
            more->v[more->n] = (struct binding){ scope, bound(a), text_slice(a->value), true };
            scope = &more->v[more->n++];
        }
    prefix = prefix_for(w, e, text_slice(e->ns), false, &scope, more);
    indent(w);
    w->any = true;
    buf_putc(w->b, '<');
    put_name(w->b, prefix, e->name);
    write_attributes(w, e, &scope, more);
    if (!e->first && !e->open) {
        buf_puts(w->b, " />");
        return;
    }
    buf_putc(w->b, '>');
    w->level++;
    for (const struct xobject *x = e->first; x; x = x->next)
        write_node(w, x, scope);
    w->level--;
    if (e->first)
        indent(w);
    buf_puts(w->b, "</");
    put_name(w->b, prefix, e->name);
    buf_putc(w->b, '>');
    w->mixed = mixed;
}

static void write_doctype(struct buf *b, const struct xobject *x)
{
    buf_printf(b, "<!DOCTYPE %.*s", (int)x->name.n, x->name.s);
    if (x->extra[0].kind == EXPR_STRING)
        buf_printf(b, " PUBLIC \"%.*s\" \"%.*s\"", (int)x->extra[0].n, x->extra[0].s, (int)x->extra[1].n, x->extra[1].n ? x->extra[1].s : "");
    else if (x->extra[1].kind == EXPR_STRING)
        buf_printf(b, " SYSTEM \"%.*s\"", (int)x->extra[1].n, x->extra[1].s);
    if (x->value.kind == EXPR_STRING && x->value.n)
        buf_printf(b, "[%.*s]", (int)x->value.n, x->value.s);
    buf_putc(b, '>');
}

static void write_node(struct writer *w, const struct xobject *x, const struct binding *scope)
{
    switch (x->head.type->id) {
    case TYPE_XELEMENT:
        write_element(w, x, scope);
        return;
    case TYPE_XTEXT:
        w->mixed = true;
        put_text(w->b, text_slice(x->value), false);
        break;
    case TYPE_XCDATA:
        w->mixed = true;
        buf_printf(w->b, "<![CDATA[%.*s]]>", (int)x->value.n, x->value.s);
        break;
    case TYPE_XCOMMENT:
        indent(w);
        buf_printf(w->b, "<!--%.*s-->", (int)x->value.n, x->value.s);
        break;
    case TYPE_XPROCESSINGINSTRUCTION:
        indent(w);
        buf_printf(w->b, "<?%.*s%s%.*s?>", (int)x->name.n, x->name.s, x->value.n ? " " : "", (int)x->value.n, x->value.n ? x->value.s : "");
        break;
    case TYPE_XDOCUMENTTYPE:
        indent(w);
        write_doctype(w->b, x);
        break;
    case TYPE_XDOCUMENT:
        for (const struct xobject *c = x->first; c; c = c->next)
            write_node(w, c, scope);
        return;
    default: {
        struct slice prefix = SLICE("");

        if (x->ns.n && slice_eq(text_slice(x->ns), SLICE(XMLNS_URI)))
            prefix = SLICE("xmlns");
        else if (x->ns.n && !find_prefix(x->parent, x->parent, text_slice(x->ns), true, &prefix))
            prefix = slice_eq(text_slice(x->ns), SLICE(XML_URI)) ? SLICE("xml") : SLICE("p1");
        put_name(w->b, prefix, x->name);
        buf_puts(w->b, "=\"");
        put_text(w->b, text_slice(x->value), true);
        buf_putc(w->b, '"');
    }
    }
    w->any = true;
}

void xml_write(struct vm *vm, struct buf *b, const struct xobject *x, bool indented)
{
    struct writer w = { .vm = vm, .b = b, .indented = indented };

    write_node(&w, x, NULL);
}
