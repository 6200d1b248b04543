/* XElement, XDocument, XAttribute and relatives: names, content, making. The tree is in xml_tree.c, reading in xml_read.c,
 * queries in xml_query.c, changes in xml_edit.c. */
#include <stdio.h>

#include "policy/expr/format.h"
#include "policy/expr/lib/xml_int.h"

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

struct expr_value xml_make_namespace(struct vm *vm, struct expr_value uri)
{
    return tuple_make(vm, TYPE_OF(XNAMESPACE), 1, &uri);
}

NATIVE(xnamespace_get)
{
    if (a[0].kind == EXPR_NULL)
        return site && site->name && strcmp(site->name, "Get") == 0 ? vm_throw_arg_null(vm, "namespaceName") : a[0];
    return xml_make_namespace(vm, a[0]);
}

NATIVE(xnamespace_none)
{
    return xml_make_namespace(vm, TEXT(""));
}

NATIVE(xnamespace_xml)
{
    return xml_make_namespace(vm, TEXT(XML_URI));
}

NATIVE(xnamespace_xmlns)
{
    return xml_make_namespace(vm, TEXT(XMLNS_URI));
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
    return xml_make_namespace(vm, FIELD(a[0], 1));
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

bool xml_is_named(const struct xobject *x, struct expr_value name)
{
    return slice_eq(text_slice(x->name), text_slice(FIELD(name, 0))) && slice_eq(text_slice(x->ns), text_slice(FIELD(name, 1)));
}

/* ---- content ---- */

/* "P1DT2H3M4.5S" */
static struct expr_value duration_text(struct vm *vm, int64_t ticks)
{
    uint64_t t = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks, s = t / 10000000, f = t % 10000000;
    char digits[16];
    struct buf b;
    int n;

    buf_init(&b, vm->arena);
    buf_puts(&b, ticks < 0 ? "-P" : "P");
    if (s / 86400)
        buf_printf(&b, "%lluD", (unsigned long long)(s / 86400));
    if (s % 86400 || f || t == 0)
        buf_putc(&b, 'T');
    if (s / 3600 % 24)
        buf_printf(&b, "%lluH", (unsigned long long)(s / 3600 % 24));
    if (s / 60 % 60)
        buf_printf(&b, "%lluM", (unsigned long long)(s / 60 % 60));
    n = snprintf(digits, sizeof digits, "%07llu", (unsigned long long)f);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    if (f)
        buf_printf(&b, "%llu.%.*sS", (unsigned long long)(s % 60), n, digits);
    else if (s % 60 || t == 0)
        buf_printf(&b, "%lluS", (unsigned long long)(s % 60));
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* XContainer's text of a value: numbers, dates and bools as XML Schema writes them. */
struct expr_value xml_content_text(struct vm *vm, struct expr_value v)
{
    if (xml_is(v))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An XObject cannot be used as a value.");
    if (v.kind == EXPR_BOOL)
        return v.i ? TEXT("true") : TEXT("false");
    if (v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME)
        return format_time(vm, v, SLICE("json"));
    if (v.kind == EXPR_TIMESPAN)
        return duration_text(vm, v.i);
    if (v.kind == EXPR_F64 && v.d - v.d != 0 && v.d == v.d)
        return v.d > 0 ? TEXT("INF") : TEXT("-INF");
    return value_to_string(vm, v);
}

bool xml_add_attribute(struct vm *vm, struct xobject *e, struct xobject *x)
{
    uint32_t n = 0;

    if (!xml_is_element(e)) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An attribute cannot be added to content.");
        return false;
    }
    for (const struct xobject *y = e->first_attr; y; y = y->next) {
        if (slice_eq(text_slice(x->name), text_slice(y->name)) && slice_eq(text_slice(x->ns), text_slice(y->ns))) {
            vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Duplicate attribute.");
            return false;
        }
        if (++n % NODES_PER_STEP == 0 && !vm_charge(vm, 1))
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

static bool refuse(struct vm *vm, const char *what)
{
    vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "A node of type %s cannot be added to content.", what);
    return false;
}

/* A document holds one element, and one document type in front of it. */
static bool fits_document(struct vm *vm, const struct xobject *d, const struct xobject *after, const struct xobject *x)
{
    bool doctype = x->head.type->id == TYPE_XDOCUMENTTYPE, before = true;

    for (const struct xobject *c = d->first; c; c = c->next) {
        bool in_front = after && before;

        if (c == after)
            before = false;
        if ((xml_is_element(c) && !(doctype && !in_front)) || (c->head.type->id == TYPE_XDOCUMENTTYPE && !(!doctype && in_front))) {
            vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "This operation would create an incorrectly structured document.");
            return false;
        }
    }
    return true;
}

static bool is_white(struct slice s)
{
    return slice_trim(s).n == 0;
}

/* May x stand in `to`, behind `after`? */
static bool fits(struct vm *vm, const struct xobject *to, const struct xobject *after, const struct xobject *x)
{
    bool document = to->head.type->id == TYPE_XDOCUMENT;

    switch (x->head.type->id) {
    case TYPE_XDOCUMENT: return refuse(vm, "Document");
    case TYPE_XDOCUMENTTYPE: return document ? fits_document(vm, to, after, x) : refuse(vm, "DocumentType");
    case TYPE_XELEMENT: return !document || fits_document(vm, to, after, x);
    case TYPE_XCDATA: return !document || refuse(vm, "CDATA");
    case TYPE_XTEXT:
        if (!document || is_white(text_slice(x->value)))
            return true;
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Non-whitespace characters cannot be added to content.");
        return false;
    default: return true;
    }
}

static bool insert_node(struct vm *vm, struct xobject *to, struct xobject **after, struct xobject *x)
{
    if (!fits(vm, to, *after, x))
        return false;
    if ((x->parent || is_above(x, to)) && !(x = xml_clone(vm, x, XLINQ_DEPTH_MAX * 2)))
        return false;
    return xml_link(vm, to, *after, x) && (*after = x, vm_charge(vm, 1));
}

/* Put content behind *after, which moves; text next to text is joined. */
bool xml_insert(struct vm *vm, struct xobject *to, struct xobject **after, struct expr_value content)
{
    struct xobject *x;
    struct iter it;
    struct expr_value v;
    int got;

    if (content.kind == EXPR_NULL)
        return true;
    if (xml_is(content)) {
        if (NODE(content)->head.type->id != TYPE_XATTRIBUTE)
            return insert_node(vm, to, after, NODE(content));
        if (*after == to->last && xml_is_element(to))
            return xml_add_attribute(vm, to, NODE(content));
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An attribute cannot be added to content."), false;
    }
    if (content.kind == EXPR_OBJECT && type_element(vm->arena, type_of_value(content))) {
        if (!iter_open(vm, content, &it))
            return false;
        while ((got = iter_next(vm, &it, &v)) > 0)
            if (!xml_insert(vm, to, after, v) || !vm_charge(vm, 1))
                return false;
        return got == 0;
    }
    v = xml_content_text(vm, content);
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
    return fits(vm, to, *after, x) && xml_link(vm, to, *after, x) && (*after = x, true);
}

bool xml_append(struct vm *vm, struct xobject *to, struct expr_value content)
{
    struct xobject *after = to->last;

    return xml_insert(vm, to, &after, content);
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
    return site->n > 1 && !xml_append(vm, e, a[1]) ? expr_value_null() : object_value(e);
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
    x->value = xml_content_text(vm, a[1]);
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
    return xml_or_null(x);
}

NATIVE(xpi_new)
{
    struct xobject *x;

    if (a[0].kind == EXPR_NULL || a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, a[0].kind == EXPR_NULL ? "target" : "data");
    if (slice_eq_icase(text_slice(a[0]), SLICE("xml")))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "'%.*s' is an invalid name for a processing instruction.", (int)a[0].n, a[0].s);
    x = xml_new(vm, TYPE_XPROCESSINGINSTRUCTION);
    if (x) {
        x->name = a[0];
        x->value = a[1];
    }
    return xml_or_null(x);
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
    return xml_or_null(x);
}

NATIVE(xdeclaration_copy)
{
    NEED(0, "other");
    return tuple_make(vm, TYPE_OF(XDECLARATION), 3, OBJECT(a[0], tuple_object)->f);
}

NATIVE(xdeclaration_new)
{
    return tuple_make(vm, TYPE_OF(XDECLARATION), 3, a);
}

NATIVE(xml_copy)
{
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "other");
    return xml_or_null(xml_clone(vm, NODE(a[0]), XLINQ_DEPTH_MAX * 2));
}

static struct expr_value new_document(struct vm *vm, struct expr_value declaration, struct expr_value content)
{
    struct xobject *d = xml_new(vm, TYPE_XDOCUMENT);

    if (!d)
        return expr_value_null();
    d->extra[0] = declaration;
    return xml_append(vm, d, content) ? object_value(d) : expr_value_null();
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
    return xml_or_null(xml_read(vm, text_slice(a[0]), site->n > 1 && a[1].i & 1));
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
#define SET_NODE(set, field) \
    NATIVE(set) \
    { \
        NEED_THIS; \
        NODE(a[0])->field = a[1]; \
        return expr_value_null(); \
    }
SET_NODE(xdoctype_set_name, name)
SET_NODE(xdoctype_set_public, extra[0])
SET_NODE(xdoctype_set_system, extra[1])
SET_NODE(xdoctype_set_subset, value)
SET_NODE(xpi_set_target, name)
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

