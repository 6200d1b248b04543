/* XElement, XDocument, XAttribute and relatives: members. The tree is in xml_tree.c, reading in xml_read.c. */
#include <stdio.h>

#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/xml.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define NODE(v) OBJECT(v, xobject)

static struct expr_value object_or_null(const struct xobject *x)
{
    return x ? object_value(x) : expr_value_null();
}

/* ---- names ---- */

static struct expr_value make_name(struct vm *vm, struct expr_value ns, struct expr_value local)
{
    struct slice s = text_slice(local);

    if (s.n == 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The value cannot be an empty string. (Parameter 'localName')");
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] & 0x80) || ascii_is_alpha(s.p[i]) || s.p[i] == '_' || (i && (ascii_is_digit(s.p[i]) || s.p[i] == '-' || s.p[i] == '.'))))
            return vm_throw(vm, TYPE_XMLEXCEPTION, i ? "The '%c' character, hexadecimal value 0x%02X, cannot be included in a name."
                                                     : "Name cannot begin with the '%c' character, hexadecimal value 0x%02X.", s.p[i], (unsigned char)s.p[i]);
    return tuple_make2(vm, TYPE_OF(XNAME), local, ns);
}

static struct expr_value make_namespace(struct vm *vm, struct expr_value uri)
{
    return tuple_make(vm, TYPE_OF(XNAMESPACE), 1, &uri);
}

#define FIELD(v, i) (OBJECT(v, tuple_object)->f[i])

NATIVE(xnamespace_get)
{
    if (a[0].kind == EXPR_NULL)
        return site && site->name && strcmp(site->name, "Get") == 0 ? vm_throw_arg_null(vm, "namespaceName") : a[0];
    return make_namespace(vm, a[0]);
}

NATIVE(xnamespace_none)
{
    return make_namespace(vm, TEXT(""));
}

NATIVE(xnamespace_xml)
{
    return make_namespace(vm, TEXT(XML_URI));
}

NATIVE(xnamespace_xmlns)
{
    return make_namespace(vm, TEXT(XMLNS_URI));
}

NATIVE(xnamespace_name)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}

NATIVE(xnamespace_plus)
{
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[0].kind == EXPR_NULL ? "ns" : "localName");
    return make_name(vm, FIELD(a[0], 0), a[1]);
}

NATIVE(xname_get)
{
    struct slice s = text_slice(a[0]);
    ptrdiff_t close;

    if (a[0].kind == EXPR_NULL)
        return site && site->name && strcmp(site->name, "Get") == 0 ? vm_throw_arg_null(vm, "expandedName") : a[0];
    if (s.n == 0 || s.p[0] != '{')
        return make_name(vm, TEXT(""), a[0]);
    close = slice_rfind_byte(s, '}');
    if (close <= 1 || (size_t)close + 1 == s.n)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "'%.*s' is an invalid expanded name. (Parameter 'expandedName')", SLICE_ARG(s));
    return make_name(vm, text_value(slice_sub(s, 1, (size_t)close)), text_value(slice_skip(s, (size_t)close + 1)));
}

NATIVE(xname_get_parts)
{
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[0].kind == EXPR_NULL ? "localName" : "namespaceName");
    return make_name(vm, a[1], a[0]);
}

NATIVE(xname_local)
{
    NEED_THIS;
    return FIELD(a[0], 0);
}

NATIVE(xname_namespace)
{
    NEED_THIS;
    return make_namespace(vm, FIELD(a[0], 1));
}

NATIVE(xname_namespace_name)
{
    NEED_THIS;
    return FIELD(a[0], 1);
}

NATIVE(xname_to_string)
{
    NEED_THIS;
    return text_value(xml_name_text(vm, FIELD(a[0], 1), FIELD(a[0], 0)));
}

NATIVE(xname_equals)
{
    const struct tuple_object *x = a[0].p, *y = a[1].p;

    if (a[0].kind != EXPR_OBJECT || a[1].kind != EXPR_OBJECT || x->head.type->id != y->head.type->id)
        return val_bool(a[0].kind == EXPR_NULL && a[1].kind == EXPR_NULL);
    for (uint32_t i = 0; i < x->n; i++)
        if (!value_equals(vm, x->f[i], y->f[i]))
            return val_bool(false);
    return val_bool(true);
}

NATIVE(xname_not_equals)
{
    return val_bool(!net_xname_equals(vm, site, a).i);
}

NATIVE(xname_hash)
{
    NEED_THIS;
    return val_int((int32_t)(value_hash(vm, FIELD(a[0], 0)) & INT32_MAX));
}

static bool is_named(const struct xobject *x, struct expr_value name)
{
    return slice_eq(text_slice(x->name), text_slice(FIELD(name, 0))) && slice_eq(text_slice(x->ns), text_slice(FIELD(name, 1)));
}

/* ---- content ---- */

/* XContainer's text of a value: numbers, dates and bools as XML Schema writes them. */
static struct expr_value content_text(struct vm *vm, struct expr_value v)
{
    if (v.kind == EXPR_BOOL)
        return v.i ? TEXT("true") : TEXT("false");
    if (v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME)
        return format_time(vm, v, SLICE("json"));
    if (v.kind == EXPR_TIMESPAN) {
        struct buf b;
        uint64_t t = v.i < 0 ? 0 - (uint64_t)v.i : (uint64_t)v.i, s = t / 10000000, f = t % 10000000;

        buf_init(&b, vm->arena);
        buf_puts(&b, v.i < 0 ? "-P" : "P");
        if (s / 86400)
            buf_printf(&b, "%lluD", (unsigned long long)(s / 86400));
        if (s % 86400 || f || t == 0) {
            buf_putc(&b, 'T');
            if (s / 3600 % 24)
                buf_printf(&b, "%lluH", (unsigned long long)(s / 3600 % 24));
            if (s / 60 % 60)
                buf_printf(&b, "%lluM", (unsigned long long)(s / 60 % 60));
            if (f) {
                char digits[16];
                int n = snprintf(digits, sizeof digits, "%07llu", (unsigned long long)f);

                while (n > 0 && digits[n - 1] == '0')
                    n--;
                buf_printf(&b, "%llu.%.*sS", (unsigned long long)(s % 60), n, digits);
            } else if (s % 60 || t == 0) {
                buf_printf(&b, "%lluS", (unsigned long long)(s % 60));
            }
        }
        return text_value(buf_slice(&b));
    }
    if (v.kind == EXPR_F64 && v.d - v.d != 0 && v.d == v.d)
        return v.d > 0 ? TEXT("INF") : TEXT("-INF");
    return value_to_string(vm, v);
}

static bool add_attribute(struct vm *vm, struct xobject *e, struct xobject *x)
{
    if (!xml_is_element(e)) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An attribute cannot be added to content.");
        return false;
    }
    for (const struct xobject *y = e->first_attr; y; y = y->next)
        if (slice_eq(text_slice(x->name), text_slice(y->name)) && slice_eq(text_slice(x->ns), text_slice(y->ns))) {
            vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Duplicate attribute.");
            return false;
        }
    if (x->parent && !(x = xml_clone(vm, x, XLINQ_DEPTH_MAX)))
        return false;
    x->parent = e;
    x->previous = e->last_attr;
    *(e->last_attr ? &e->last_attr->next : &e->first_attr) = x;
    e->last_attr = x;
    return true;
}

static bool is_above(const struct xobject *maybe, const struct xobject *x)
{
    for (; x; x = x->parent)
        if (x == maybe)
            return true;
    return false;
}

/* Put content behind *after, which moves; text next to text is joined. */
static bool insert(struct vm *vm, struct xobject *to, struct xobject **after, struct expr_value content)
{
    struct xobject *x;
    struct iter it;
    struct expr_value v;
    int got;

    if (content.kind == EXPR_NULL)
        return true;
    if (xml_is(content) && NODE(content)->head.type->id != TYPE_XDOCUMENT) {
        x = NODE(content);
        if (x->head.type->id == TYPE_XATTRIBUTE)
            return add_attribute(vm, to, x);
        if (to->head.type->id == TYPE_XDOCUMENT && xml_is_element(x))
            for (const struct xobject *c = to->first; c; c = c->next)
                if (xml_is_element(c))
                    return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "This operation would create an incorrectly structured document."), false;
        if ((x->parent || is_above(x, to)) && !(x = xml_clone(vm, x, XLINQ_DEPTH_MAX * 2)))
            return false;
        return xml_link(vm, to, *after, x) && (*after = x, vm_charge(vm, 1));
    }
    if (content.kind == EXPR_OBJECT && !xml_is(content) && type_element(vm->arena, type_of_value(content))) {
        if (!iter_open(vm, content, &it))
            return false;
        while ((got = iter_next(vm, &it, &v)) > 0)
            if (!insert(vm, to, after, v) || !vm_charge(vm, 1))
                return false;
        return got == 0;
    }
    v = content_text(vm, content);
    if (vm->thrown)
        return false;
    if (v.n == 0) {
        to->open |= xml_is_element(to);
        return true;
    }
    if (*after && (*after)->head.type->id == TYPE_XTEXT) {
        (*after)->value = text_value(text_join(vm->arena, text_slice((*after)->value), text_slice(v)));
        return !vm->arena->overflow;
    }
    x = xml_new(vm, TYPE_XTEXT);
    if (!x)
        return false;
    x->value = v;
    return xml_link(vm, to, *after, x) && (*after = x, true);
}

static bool append(struct vm *vm, struct xobject *to, struct expr_value content)
{
    struct xobject *after = to->last;

    return insert(vm, to, &after, content);
}

NATIVE(xelement_new)
{
    struct xobject *e;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    e = xml_new(vm, TYPE_XELEMENT);
    if (!e)
        return expr_value_null();
    e->name = FIELD(a[0], 0);
    e->ns = FIELD(a[0], 1);
    return site->n > 1 && !append(vm, e, a[1]) ? expr_value_null() : object_value(e);
}

NATIVE(xattribute_new)
{
    struct xobject *x;

    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[0].kind == EXPR_NULL ? "name" : "value");
    x = xml_new(vm, TYPE_XATTRIBUTE);
    if (!x)
        return expr_value_null();
    x->name = FIELD(a[0], 0);
    x->ns = FIELD(a[0], 1);
    x->value = content_text(vm, a[1]);
    return object_value(x);
}

NATIVE(xtext_new)
{
    struct xobject *x;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    x = xml_new(vm, site->ret->id);
    if (x)
        x->value = a[0];
    return object_or_null(x);
}

NATIVE(xpi_new)
{
    struct xobject *x;

    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[0].kind == EXPR_NULL ? "target" : "data");
    x = xml_new(vm, TYPE_XPROCESSINGINSTRUCTION);
    if (x) {
        x->name = a[0];
        x->value = a[1];
    }
    return object_or_null(x);
}

NATIVE(xdoctype_new)
{
    struct xobject *x = xml_new(vm, TYPE_XDOCUMENTTYPE);

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    if (x) {
        x->name = a[0];
        x->extra[0] = a[1];
        x->extra[1] = a[2];
        x->value = a[3];
    }
    return object_or_null(x);
}

NATIVE(xdeclaration_new)
{
    return tuple_make(vm, TYPE_OF(XDECLARATION), 3, a);
}

NATIVE(xml_copy)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "other");
    return object_or_null(xml_clone(vm, NODE(a[0]), XLINQ_DEPTH_MAX * 2));
}

static struct expr_value new_document(struct vm *vm, struct expr_value declaration, struct expr_value content)
{
    struct xobject *d = xml_new(vm, TYPE_XDOCUMENT);

    if (!d)
        return expr_value_null();
    d->extra[0] = declaration;
    return append(vm, d, content) ? object_value(d) : expr_value_null();
}

NATIVE(xdocument_new)
{
    return new_document(vm, expr_value_null(), site->n ? a[0] : expr_value_null());
}

NATIVE(xdocument_new_declared)
{
    return new_document(vm, a[0], a[1]);
}

NATIVE(xdocument_parse)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s");
    return object_or_null(xml_read(vm, text_slice(a[0]), site->n > 1 && a[1].i & 1));
}

NATIVE(xelement_parse)
{
    struct expr_value doc = net_xdocument_parse(vm, site, a);

    if (vm->thrown)
        return doc;
    for (struct xobject *x = NODE(doc)->first; x; x = x->next)
        if (xml_is_element(x)) {
            xml_unlink(x);
            return object_value(x);
        }
    return expr_value_null();
}

/* ---- looking ---- */

NATIVE(xml_parent)
{
    NEED_THIS;
    return NODE(a[0])->parent && xml_is_element(NODE(a[0])->parent) ? object_value(NODE(a[0])->parent) : expr_value_null();
}

NATIVE(xml_document)
{
    const struct xobject *x;

    NEED_THIS;
    for (x = NODE(a[0]); x->parent;)
        x = x->parent;
    return x->head.type->id == TYPE_XDOCUMENT ? object_value(x) : expr_value_null();
}

NATIVE(xml_node_type)
{
    unsigned id;

    NEED_THIS;
    id = NODE(a[0])->head.type->id;
    return val_enum(TYPE_XMLNODETYPE, id == TYPE_XELEMENT ? 1 : id == TYPE_XATTRIBUTE ? 2 : id == TYPE_XTEXT ? 3 : id == TYPE_XCDATA ? 4 :
                    id == TYPE_XPROCESSINGINSTRUCTION ? 7 : id == TYPE_XCOMMENT ? 8 : id == TYPE_XDOCUMENT ? 9 : 10);
}

NATIVE(xml_name)
{
    NEED_THIS;
    return tuple_make2(vm, TYPE_OF(XNAME), NODE(a[0])->name, NODE(a[0])->ns);
}

NATIVE(xml_local_name)
{
    NEED_THIS;
    return NODE(a[0])->name;
}

static void put_value(struct buf *b, const struct xobject *x)
{
    if (x->head.type->id == TYPE_XTEXT || x->head.type->id == TYPE_XCDATA)
        text_put(b, text_slice(x->value));
    for (const struct xobject *c = xml_is_element(x) ? x->first : NULL; c; c = c->next)
        put_value(b, c);
}

NATIVE(xml_value)
{
    struct buf b;

    NEED_THIS;
    if (!xml_is_element(NODE(a[0])))
        return NODE(a[0])->value;
    buf_init(&b, vm->arena);
    put_value(&b, NODE(a[0]));
    return b.failed ? vm_throw_budget(vm, "memory") : b.n ? text_value(buf_slice(&b)) : TEXT("");
}

#define LINK(name, field) \
    NATIVE(name) \
    { \
        NEED_THIS; \
        return object_or_null(NODE(a[0])->field); \
    }
LINK(xml_next, next)
LINK(xml_previous, previous)
LINK(xml_first, first)
LINK(xml_last, last)
LINK(xelement_first_attribute, first_attr)
LINK(xelement_last_attribute, last_attr)

static struct expr_value written(struct vm *vm, const struct xobject *x, bool indented)
{
    struct buf b;

    buf_init(&b, vm->arena);
    xml_write(vm, &b, x, indented);
    return b.failed ? vm_throw_budget(vm, "memory") : b.n ? text_value(buf_slice(&b)) : TEXT("");
}

NATIVE(xml_to_string)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), true);
}

NATIVE(xml_to_string_options)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), !(a[1].i & 1));
}

NATIVE(xml_print)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), false);
}

static bool deep_equals(struct vm *vm, const struct xobject *x, const struct xobject *y)
{
    const struct xobject *p, *q;

    if (x->head.type->id != y->head.type->id || x->open != y->open || !slice_eq(text_slice(x->name), text_slice(y->name)) ||
        !slice_eq(text_slice(x->ns), text_slice(y->ns)) || !slice_eq(text_slice(x->value), text_slice(y->value)) || !vm_charge(vm, 1))
        return x->head.type->id == y->head.type->id && x->open != y->open && x->first && y->first;
    for (p = x->first_attr, q = y->first_attr; p && q; p = p->next, q = q->next)
        if (!deep_equals(vm, p, q))
            return false;
    if (p || q)
        return false;
    for (p = x->first, q = y->first; p && q; p = p->next, q = q->next)
        if (!deep_equals(vm, p, q))
            return false;
    return !p && !q;
}

NATIVE(xml_deep_equals)
{
    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return val_bool(a[0].kind == a[1].kind);
    return val_bool(deep_equals(vm, NODE(a[0]), NODE(a[1])));
}

/* (int)element: XmlConvert's reading, white space around it allowed. */
NATIVE(xml_to)
{
    const struct type *want = type_strip(site->ret);
    struct expr_value text, date;
    struct slice s;

    if (a[0].kind == EXPR_NULL)
        return !type_is_value(site->ret) || type_is_nullable(site->ret) ? a[0] : vm_throw_arg_null(vm, xml_is(a[0]) ? "element" : "element");
    text = net_xml_value(vm, site, a);
    if (vm->thrown || want->id == TYPE_STRING)
        return text;
    s = slice_trim(text_slice(text));
    if (want->id == TYPE_BOOL) {
        if (slice_eq_icase(s, SLICE("true")) || slice_eq(s, SLICE("1")))
            return val_bool(true);
        if (slice_eq_icase(s, SLICE("false")) || slice_eq(s, SLICE("0")))
            return val_bool(false);
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "The string '%.*s' is not a valid Boolean value.", SLICE_ARG(s));
    }
    if (want->id == TYPE_DATETIME && json_read_date(s, &date))
        return date;
    struct jtoken *t = json_value(vm, text_value(s));
    return t ? json_convert(vm, object_value(t), site->ret) : expr_value_null();
}

/* ---- sequences ---- */

static struct list_object *new_list(struct vm *vm)
{
    return list_make(vm, &type_list_object, 0);
}

static struct expr_value finish(struct vm *vm, const struct site *site, bool good, struct list_object *l)
{
    const struct type *element = type_element(vm->arena, site->ret);

    return good ? json_sequence(vm, element ? element : TYPE_OF(XNODE), l) : expr_value_null();
}

enum { PICK_ELEMENTS, PICK_NODES };

/* Add x when it is an element (of that name, when one is given) or any node is wanted. A null name finds nothing. */
static bool pick(struct vm *vm, struct list_object *l, struct xobject *x, int what, const struct expr_value *name)
{
    if (what == PICK_ELEMENTS && !xml_is_element(x))
        return true;
    if (name && (name->kind == EXPR_NULL || !is_named(x, *name)))
        return true;
    return list_append(vm, l, object_value(x)) && vm_charge(vm, 1);
}

static bool pick_children(struct vm *vm, struct list_object *l, struct xobject *x, int what, const struct expr_value *name)
{
    for (struct xobject *c = x->first; c; c = c->next)
        if (!pick(vm, l, c, what, name))
            return false;
    return true;
}

static bool pick_below(struct vm *vm, struct list_object *l, struct xobject *x, int what, const struct expr_value *name, bool self)
{
    if (self && !pick(vm, l, x, what, name))
        return false;
    for (struct xobject *c = x->first; c; c = c->next)
        if (!pick_below(vm, l, c, what, name, true))
            return false;
    return true;
}

static bool pick_above(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    for (; x; x = x->parent)
        if (!pick(vm, l, x, PICK_ELEMENTS, name))
            return false;
    return true;
}

#define NAME_ARG (site->n > 1 ? &a[1] : NULL)
#define SEQUENCE(name, call) \
    NATIVE(name) \
    { \
        struct list_object *l = new_list(vm); \
        NEED_THIS; \
        return finish(vm, site, l && (call), l); \
    }
SEQUENCE(xml_nodes, pick_children(vm, l, NODE(a[0]), PICK_NODES, NULL))
SEQUENCE(xml_elements, pick_children(vm, l, NODE(a[0]), PICK_ELEMENTS, NAME_ARG))
SEQUENCE(xml_descendants, pick_below(vm, l, NODE(a[0]), PICK_ELEMENTS, NAME_ARG, false))
SEQUENCE(xml_descendants_and_self, pick_below(vm, l, NODE(a[0]), PICK_ELEMENTS, NAME_ARG, true))
SEQUENCE(xml_descendant_nodes, pick_below(vm, l, NODE(a[0]), PICK_NODES, NULL, false))
SEQUENCE(xml_descendant_nodes_and_self, pick_below(vm, l, NODE(a[0]), PICK_NODES, NULL, true))
SEQUENCE(xml_ancestors, pick_above(vm, l, NODE(a[0])->parent, NAME_ARG))
SEQUENCE(xml_ancestors_and_self, pick_above(vm, l, NODE(a[0]), NAME_ARG))

static bool pick_beside(struct vm *vm, struct list_object *l, struct xobject *self, bool after, int what, const struct expr_value *name)
{
    struct xobject *x = after ? self->next : self->parent ? self->parent->first : NULL;

    for (; x && x != self; x = x->next)
        if (!pick(vm, l, x, what, name))
            return false;
    return true;
}
SEQUENCE(xml_elements_before, pick_beside(vm, l, NODE(a[0]), false, PICK_ELEMENTS, NAME_ARG))
SEQUENCE(xml_elements_after, pick_beside(vm, l, NODE(a[0]), true, PICK_ELEMENTS, NAME_ARG))
SEQUENCE(xml_nodes_before, pick_beside(vm, l, NODE(a[0]), false, PICK_NODES, NULL))
SEQUENCE(xml_nodes_after, pick_beside(vm, l, NODE(a[0]), true, PICK_NODES, NULL))

static bool pick_attributes(struct vm *vm, struct list_object *l, struct xobject *e, const struct expr_value *name)
{
    for (struct xobject *x = e->first_attr; x; x = x->next)
        if (!pick(vm, l, x, PICK_NODES, name))
            return false;
    return true;
}
SEQUENCE(xelement_attributes, pick_attributes(vm, l, NODE(a[0]), NAME_ARG))

static struct expr_value each(struct vm *vm, const struct site *site, struct expr_value *a,
                              bool (*add)(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name))
{
    struct list_object *l = new_list(vm);
    struct expr_value x;
    struct iter it;
    int got;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source");
    if (!l || !iter_open(vm, a[0], &it))
        return expr_value_null();
    while ((got = iter_next(vm, &it, &x)) > 0)
        if ((xml_is(x) && !add(vm, l, NODE(x), NAME_ARG)) || !vm_charge(vm, 1))
            return expr_value_null();
    return finish(vm, site, got == 0, l);
}

static bool add_elements(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_children(vm, l, x, PICK_ELEMENTS, name);
}

static bool add_nodes(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_children(vm, l, x, PICK_NODES, name);
}

static bool add_below(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_below(vm, l, x, PICK_ELEMENTS, name, false);
}

static bool add_whole(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_below(vm, l, x, PICK_ELEMENTS, name, true);
}

static bool add_above(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_above(vm, l, x->parent, name);
}

#define EACH(name, add) \
    NATIVE(name) \
    { \
        return each(vm, site, a, add); \
    }
EACH(xmls_elements, add_elements)
EACH(xmls_nodes, add_nodes)
EACH(xmls_descendants, add_below)
EACH(xmls_descendants_and_self, add_whole)
EACH(xmls_ancestors, add_above)
EACH(xmls_attributes, pick_attributes)

NATIVE(xmls_same)
{
    return a[0];
}

NATIVE(xmls_remove)
{
    struct list_object *l;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "source");
    l = linq_collect(vm, a[0], &type_list_object);
    for (uint32_t i = 0; l && i < l->n; i++)
        if (xml_is(l->items[i]) && NODE(l->items[i])->parent)
            xml_unlink(NODE(l->items[i]));
    return expr_value_null();
}

NATIVE(xml_element)
{
    NEED_THIS;
    for (struct xobject *x = NODE(a[0])->first; x && a[1].kind != EXPR_NULL; x = x->next)
        if (xml_is_element(x) && is_named(x, a[1]))
            return object_value(x);
    return expr_value_null();
}

static struct xobject *find_attribute(struct xobject *e, struct expr_value name)
{
    struct xobject *x = name.kind == EXPR_NULL ? NULL : e->first_attr;

    while (x && !is_named(x, name))
        x = x->next;
    return x;
}

NATIVE(xelement_attribute)
{
    NEED_THIS;
    return object_or_null(find_attribute(NODE(a[0]), a[1]));
}

NATIVE(xelement_is_empty)
{
    NEED_THIS;
    return val_bool(!NODE(a[0])->first && !NODE(a[0])->open);
}

NATIVE(xelement_has_elements)
{
    NEED_THIS;
    for (const struct xobject *x = NODE(a[0])->first; x; x = x->next)
        if (xml_is_element(x))
            return val_bool(true);
    return val_bool(false);
}

NATIVE(xelement_has_attributes)
{
    NEED_THIS;
    return val_bool(NODE(a[0])->first_attr != NULL);
}

NATIVE(xattribute_is_namespace)
{
    NEED_THIS;
    return val_bool(xml_is_declaration(NODE(a[0])));
}

static bool comes_before(const struct xobject *x, const struct xobject *y)
{
    for (const struct xobject *p = y; p; p = p->parent)
        for (const struct xobject *q = x; q; q = q->parent)
            if (p->parent && p->parent == q->parent) {
                for (const struct xobject *s = q->next; s; s = s->next)
                    if (s == p)
                        return true;
                return q == p && y != p && x == q;
            }
    return false;
}

NATIVE(xml_is_before)
{
    NEED_THIS;
    return val_bool(a[1].kind != EXPR_NULL && comes_before(NODE(a[0]), NODE(a[1])));
}

NATIVE(xml_is_after)
{
    NEED_THIS;
    return val_bool(a[1].kind != EXPR_NULL && comes_before(NODE(a[1]), NODE(a[0])));
}

NATIVE(xelement_default_namespace)
{
    const struct expr_value *uri;

    NEED_THIS;
    uri = xml_uri_of(NODE(a[0]), SLICE(""));
    return make_namespace(vm, uri ? *uri : TEXT(""));
}

NATIVE(xelement_namespace_of)
{
    const struct expr_value *uri;

    NEED_THIS;
    uri = xml_uri_of(NODE(a[0]), text_slice(a[1]));
    return uri ? make_namespace(vm, *uri) : expr_value_null();
}

NATIVE(xelement_prefix_of)
{
    NEED_THIS;
    for (const struct xobject *e = NODE(a[0]); e && a[1].kind != EXPR_NULL; e = e->parent)
        for (const struct xobject *x = e->first_attr; x; x = x->next)
            if (x->ns.n && xml_is_declaration(x) && value_equals(vm, x->value, FIELD(a[1], 0)))
                return x->name;
    return expr_value_null();
}

NATIVE(xdocument_root)
{
    NEED_THIS;
    for (struct xobject *x = NODE(a[0])->first; x; x = x->next)
        if (xml_is_element(x))
            return object_value(x);
    return expr_value_null();
}

NATIVE(xdocument_doctype)
{
    NEED_THIS;
    for (struct xobject *x = NODE(a[0])->first; x; x = x->next)
        if (x->head.type->id == TYPE_XDOCUMENTTYPE)
            return object_value(x);
    return expr_value_null();
}

NATIVE(xdocument_declaration)
{
    NEED_THIS;
    return NODE(a[0])->extra[0];
}

NATIVE(xdocument_set_declaration)
{
    NEED_THIS;
    NODE(a[0])->extra[0] = a[1];
    return expr_value_null();
}

#define PART(get, expr) \
    NATIVE(get) \
    { \
        NEED_THIS; \
        return expr; \
    }
#define SET_PART(set, i) \
    NATIVE(set) \
    { \
        NEED_THIS; \
        FIELD(a[0], i) = a[1]; \
        return expr_value_null(); \
    }
PART(xdoctype_public, NODE(a[0])->extra[0])
PART(xdoctype_system, NODE(a[0])->extra[1])
PART(xdoctype_subset, NODE(a[0])->value)
PART(xdeclaration_version, FIELD(a[0], 0))
PART(xdeclaration_encoding, FIELD(a[0], 1))
PART(xdeclaration_standalone, FIELD(a[0], 2))
SET_PART(xdeclaration_set_version, 0)
SET_PART(xdeclaration_set_encoding, 1)
SET_PART(xdeclaration_set_standalone, 2)

NATIVE(xdeclaration_to_string)
{
    static const char *const names[] = { "version", "encoding", "standalone" };
    struct buf b;

    NEED_THIS;
    buf_init(&b, vm->arena);
    buf_puts(&b, "<?xml");
    for (unsigned i = 0; i < 3; i++)
        if (FIELD(a[0], i).kind == EXPR_STRING)
            buf_printf(&b, " %s=\"%.*s\"", names[i], (int)FIELD(a[0], i).n, FIELD(a[0], i).s);
    buf_puts(&b, "?>");
    return text_value(buf_slice(&b));
}

/* ---- changing ---- */

static void clear_nodes(struct xobject *x)
{
    while (x->first)
        xml_unlink(x->first);
}

static void clear_attributes(struct xobject *x)
{
    while (x->first_attr)
        xml_unlink(x->first_attr);
}

static struct expr_value change(bool good)
{
    (void)good;
    return expr_value_null();
}

NATIVE(xml_add)
{
    NEED_THIS;
    return change(append(vm, NODE(a[0]), a[1]));
}

NATIVE(xml_add_first)
{
    struct xobject *after = NULL;

    NEED_THIS;
    return change(insert(vm, NODE(a[0]), &after, a[1]));
}

static bool has_parent(struct vm *vm, const struct xobject *x)
{
    if (!x->parent)
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "The parent is missing.");
    return x->parent != NULL;
}

NATIVE(xml_remove)
{
    NEED_THIS;
    if (has_parent(vm, NODE(a[0])))
        xml_unlink(NODE(a[0]));
    return expr_value_null();
}

NATIVE(xml_add_before)
{
    struct xobject *after;

    NEED_THIS;
    if (!has_parent(vm, NODE(a[0])))
        return expr_value_null();
    after = NODE(a[0])->previous;
    return change(insert(vm, NODE(a[0])->parent, &after, a[1]));
}

NATIVE(xml_add_after)
{
    struct xobject *after;

    NEED_THIS;
    if (!has_parent(vm, NODE(a[0])))
        return expr_value_null();
    after = NODE(a[0]);
    return change(insert(vm, after->parent, &after, a[1]));
}

NATIVE(xml_replace)
{
    struct xobject *after, *parent;

    NEED_THIS;
    if (!has_parent(vm, NODE(a[0])))
        return expr_value_null();
    after = NODE(a[0])->previous;
    parent = NODE(a[0])->parent;
    xml_unlink(NODE(a[0]));
    return change(insert(vm, parent, &after, a[1]));
}

NATIVE(xml_remove_nodes)
{
    NEED_THIS;
    clear_nodes(NODE(a[0]));
    NODE(a[0])->open = false;
    return expr_value_null();
}

NATIVE(xml_replace_nodes)
{
    struct list_object *l;

    NEED_THIS;
    l = a[1].kind == EXPR_OBJECT && !xml_is(a[1]) ? linq_collect(vm, a[1], &type_list_object) : NULL;
    if (vm->thrown)
        return expr_value_null();
    clear_nodes(NODE(a[0]));
    return change(append(vm, NODE(a[0]), l ? object_value(l) : a[1]));
}

NATIVE(xelement_remove_attributes)
{
    NEED_THIS;
    clear_attributes(NODE(a[0]));
    return expr_value_null();
}

NATIVE(xelement_remove_all)
{
    NEED_THIS;
    clear_attributes(NODE(a[0]));
    return net_xml_remove_nodes(vm, site, a);
}

NATIVE(xelement_replace_attributes)
{
    NEED_THIS;
    clear_attributes(NODE(a[0]));
    return change(append(vm, NODE(a[0]), a[1]));
}

NATIVE(xelement_replace_all)
{
    NEED_THIS;
    clear_attributes(NODE(a[0]));
    return net_xml_replace_nodes(vm, site, a);
}

NATIVE(xelement_set_name)
{
    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    NODE(a[0])->name = FIELD(a[1], 0);
    NODE(a[0])->ns = FIELD(a[1], 1);
    return expr_value_null();
}

NATIVE(xelement_set_value)
{
    struct expr_value text;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    text = content_text(vm, a[1]);
    if (vm->thrown)
        return text;
    clear_nodes(NODE(a[0]));
    return change(append(vm, NODE(a[0]), text));
}

NATIVE(xattribute_set_value)
{
    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    NODE(a[0])->value = content_text(vm, a[1]);
    return expr_value_null();
}

NATIVE(xtext_set_value)
{
    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    NODE(a[0])->value = a[1];
    return expr_value_null();
}

NATIVE(xelement_set_attribute)
{
    struct xobject *x;

    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    x = find_attribute(NODE(a[0]), a[1]);
    if (a[2].kind == EXPR_NULL) {
        if (x)
            xml_unlink(x);
        return expr_value_null();
    }
    if (x) {
        x->value = content_text(vm, a[2]);
        return expr_value_null();
    }
    struct expr_value made = net_xattribute_new(vm, site, a + 1);
    if (!vm->thrown)
        add_attribute(vm, NODE(a[0]), NODE(made));
    return expr_value_null();
}

NATIVE(xelement_set_element)
{
    struct expr_value e = net_xml_element(vm, site, a), pair[2] = { e, a[2] };

    if (vm->thrown || (e.kind == EXPR_NULL && a[2].kind == EXPR_NULL))
        return expr_value_null();
    if (e.kind == EXPR_NULL) {
        struct site call = { .n = 2 };

        e = net_xelement_new(vm, &call, a + 1);
        return change(!vm->thrown && append(vm, NODE(a[0]), e));
    }
    if (a[2].kind == EXPR_NULL)
        xml_unlink(NODE(e));
    else
        net_xelement_set_value(vm, site, pair);
    return expr_value_null();
}
