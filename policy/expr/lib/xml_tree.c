/* XLinq's tree: links, names in scope, copies. */
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

struct slice xml_declared_prefix(const struct xobject *declaration)
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
            if (xml_is_declaration(a) && slice_eq(xml_declared_prefix(a), prefix))
                return &a->value;
        }
    return NULL;
}

struct slice xml_name_text(struct vm *vm, struct expr_value ns, struct expr_value local)
{
    return ns.n ? arena_printf(vm->arena, "{%.*s}%.*s", (int)ns.n, ns.s, (int)local.n, local.s) : text_slice(local);
}

bool xml_prefix_of(const struct xobject *x, struct slice uri, struct slice *out)
{
    for (const struct xobject *e = x; e; e = e->parent)
        for (const struct xobject *a = e->first_attr; a; a = a->next) {
            const struct expr_value *now;

            if (!a->ns.n || !xml_is_declaration(a) || !slice_eq(text_slice(a->value), uri))
                continue;
            now = xml_uri_of(x, text_slice(a->name));
            if (now != &a->value)
                continue; /* bound anew further in */
            *out = text_slice(a->name);
            return true;
        }
    *out = slice_eq(uri, SLICE(XML_URI)) ? SLICE("xml") : SLICE("xmlns");
    return slice_eq(uri, SLICE(XML_URI)) || slice_eq(uri, SLICE(XMLNS_URI));
}
