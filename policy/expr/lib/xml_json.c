/* JsonConvert.SerializeXNode and DeserializeXNode: attributes are "@name", mixed text "#text", names that repeat arrays. */
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"
#include "policy/expr/lib/xml.h"

/* "p:name" with the prefix that is bound to the namespace and not the default. */
static struct expr_value written_name(struct vm *vm, const struct xobject *x, const struct xobject *scope, const char *mark)
{
    const struct expr_value *standard = xml_uri_of(scope, SLICE(""));
    struct slice prefix = SLICE(""), local = text_slice(x->name);

    if (x->head.type->id == TYPE_XATTRIBUTE && xml_is_declaration(x) && x->ns.n)
        prefix = SLICE("xmlns");
    else if (x->ns.n && !(x->head.type->id == TYPE_XELEMENT && standard && slice_eq(text_slice(*standard), text_slice(x->ns))))
        for (const struct xobject *e = scope; e && prefix.n == 0; e = e->parent)
            for (const struct xobject *a = e->first_attr; a; a = a->next)
                if (a->ns.n && xml_is_declaration(a) && slice_eq(text_slice(a->value), text_slice(x->ns)))
                    prefix = text_slice(a->name);
    return str_printf(vm, "%s%.*s%s%.*s", mark, SLICE_ARG(prefix), prefix.n ? ":" : "", SLICE_ARG(local));
}

static struct jtoken *element_token(struct vm *vm, const struct xobject *e);

/* Add a member; the second of a name makes an array of it. */
static bool add_member(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value)
{
    struct jtoken *p = value ? json_property(o, text_slice(name)) : NULL, *array;

    if (!p)
        return value && json_set(vm, o, name, value);
    array = p->items[0];
    if (array->kind != JSON_K_ARRAY) {
        array = json_new(vm, TYPE_JARRAY, JSON_K_ARRAY);
        if (!array || !json_append(vm, array, p->items[0]) || !json_put(vm, p, 0, array))
            return false;
    }
    return json_append(vm, array, value);
}

static struct jtoken *doctype_token(struct vm *vm, const struct xobject *x)
{
    static const char *const names[] = { "@name", "@public", "@system", "@internalSubset" };
    const struct expr_value values[] = { x->name, x->extra[0], x->extra[1], x->value };
    struct jtoken *o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);

    for (unsigned i = 0; o && i < COUNT_OF(names); i++)
        if (values[i].kind == EXPR_STRING && values[i].n && !json_set(vm, o, text_value(slice_from(names[i])), json_value(vm, values[i])))
            return NULL;
    return o;
}

static bool node_member(struct vm *vm, struct jtoken *o, const struct xobject *x)
{
    switch (x->head.type->id) {
    case TYPE_XELEMENT: return add_member(vm, o, written_name(vm, x, x, ""), element_token(vm, x));
    case TYPE_XTEXT: return add_member(vm, o, TEXT("#text"), json_value(vm, x->value));
    case TYPE_XCDATA: return add_member(vm, o, TEXT("#cdata-section"), json_value(vm, x->value));
    case TYPE_XPROCESSINGINSTRUCTION:
        return add_member(vm, o, str_printf(vm, "?%.*s", (int)x->name.n, x->name.s), json_value(vm, x->value));
    case TYPE_XDOCUMENTTYPE: return add_member(vm, o, TEXT("!DOCTYPE"), doctype_token(vm, x));
    default: return true; /* comments are no JSON that can be read back */
    }
}

static struct jtoken *element_token(struct vm *vm, const struct xobject *e)
{
    struct jtoken *o;

    if (!e->first_attr && !e->first)
        return json_value(vm, e->open ? TEXT("") : expr_value_null());
    if (!e->first_attr && e->first == e->last && e->first->head.type->id == TYPE_XTEXT)
        return json_value(vm, e->first->value);
    o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
    for (const struct xobject *a = e->first_attr; o && a; a = a->next)
        if (!add_member(vm, o, written_name(vm, a, e, "@"), json_value(vm, a->value)))
            return NULL;
    for (const struct xobject *x = e->first; o && x; x = x->next)
        if (!node_member(vm, o, x))
            return NULL;
    return o;
}

static struct jtoken *document_token(struct vm *vm, const struct xobject *x, bool omit_root)
{
    static const char *const names[] = { "@version", "@encoding", "@standalone" };
    struct jtoken *o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT), *d;

    if (!o)
        return NULL;
    if (x->head.type->id != TYPE_XDOCUMENT)
        return omit_root && xml_is_element(x) ? element_token(vm, x) : node_member(vm, o, x) ? o : NULL;
    if (x->extra[0].kind == EXPR_OBJECT && (d = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT)) && !omit_root) {
        for (unsigned i = 0; i < 3; i++) {
            struct expr_value v = OBJECT(x->extra[0], tuple_object)->f[i];

            if (v.kind != EXPR_NULL && !json_set(vm, d, text_value(slice_from(names[i])), json_value(vm, v)))
                return NULL;
        }
        if (!json_set(vm, o, TEXT("?xml"), d))
            return NULL;
    }
    for (const struct xobject *c = x->first; c; c = c->next)
        if (omit_root && xml_is_element(c))
            return element_token(vm, c);
        else if (!node_member(vm, o, c))
            return NULL;
    return o;
}

struct jtoken *json_from_xml(struct vm *vm, struct expr_value node, bool omit_root)
{
    return document_token(vm, OBJECT(node, xobject), omit_root);
}

NATIVE(json_from_xml_text)
{
    struct jtoken *t;
    struct buf b;

    if (a[0].kind == EXPR_NULL)
        return TEXT("null");
    t = json_from_xml(vm, a[0], site->n > 2 && a[2].i);
    if (!t)
        return expr_value_null();
    buf_init(&b, vm->arena);
    json_print(vm, &b, t, site->n > 1 && a[1].i == 1);
    return b.failed ? vm_throw_budget(vm, "memory") : text_value(buf_slice(&b));
}

/* ---- from JSON ---- */

/* An XML text is made of the tree and read again: prefixes and names are checked in one place. */
static void put_element(struct vm *vm, struct buf *b, struct slice name, const struct jtoken *t);

static struct expr_value scalar_text(struct vm *vm, struct expr_value v)
{
    if (v.kind == EXPR_BOOL)
        return v.i ? TEXT("true") : TEXT("false");
    if (v.kind == EXPR_DATETIME || v.kind == EXPR_OFFSETTIME)
        return format_time(vm, v, SLICE("json"));
    return value_to_string(vm, v);
}

static void put_escaped(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        switch (s.p[i]) {
        case '&': buf_puts(b, "&amp;"); break;
        case '<': buf_puts(b, "&lt;"); break;
        case '>': buf_puts(b, "&gt;"); break;
        case '"': buf_puts(b, "&quot;"); break;
        case '\t':
        case '\n':
        case '\r':
        case ' ': buf_printf(b, "&#%d;", s.p[i]); break;
        default: buf_putc(b, s.p[i]); break;
        }
}

/* Bytes a name cannot have would become markup: such a document is refused. */
static bool is_name(struct vm *vm, struct slice s)
{
    bool good = s.n > 0;

    for (size_t i = 0; i < s.n; i++)
        good &= (s.p[i] & 0x80) || ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]) || memchr("_-.:", s.p[i], 4) != NULL;
    if (!good)
        vm_throw(vm, TYPE_JSONSERIALIZATIONEXCEPTION, "'%.*s' is no name of an XML node.", SLICE_ARG(s));
    return good;
}

static void put_member(struct vm *vm, struct buf *b, struct slice name, const struct jtoken *t)
{
    if (t->kind == JSON_K_ARRAY) {
        for (uint32_t i = 0; i < t->n; i++)
            put_member(vm, b, name, t->items[i]);
    } else if (slice_eq(name, SLICE("#text"))) {
        put_escaped(b, text_slice(scalar_text(vm, t->value)));
    } else if (slice_eq(name, SLICE("#cdata-section"))) {
        if (slice_find(value_text(vm, t->value), SLICE("]]>")) >= 0)
            vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Cannot have ']]>' inside an XML CDATA block.");
        buf_printf(b, "<![CDATA[%.*s]]>", SLICE_ARG(value_text(vm, t->value)));
    } else if (name.n && name.p[0] == '?') {
        if (!is_name(vm, slice_skip(name, 1)) || slice_find(value_text(vm, t->value), SLICE("?>")) >= 0)
            return;
        buf_printf(b, "<%.*s %.*s?>", SLICE_ARG(name), SLICE_ARG(value_text(vm, t->value)));
    } else {
        put_element(vm, b, name, t);
    }
}

static void put_element(struct vm *vm, struct buf *b, struct slice name, const struct jtoken *t)
{
    if (vm->thrown || !is_name(vm, name))
        return;
    buf_printf(b, "<%.*s", SLICE_ARG(name));
    for (uint32_t i = 0; t->kind == JSON_K_OBJECT && i < t->n; i++) {
        struct slice key = text_slice(t->items[i]->value);

        if (key.n > 1 && key.p[0] == '@' && is_name(vm, slice_skip(key, 1)) && !json_is_container(t->items[i]->items[0])) {
            buf_printf(b, " %.*s=\"", SLICE_ARG(slice_skip(key, 1)));
            put_escaped(b, text_slice(scalar_text(vm, t->items[i]->items[0]->value)));
            buf_putc(b, '"');
        }
    }
    if (t->kind == JSON_K_NULL || (t->kind == JSON_K_OBJECT && t->n == 0)) {
        buf_puts(b, "/>");
        return;
    }
    buf_putc(b, '>');
    for (uint32_t i = 0; t->kind == JSON_K_OBJECT && i < t->n; i++)
        if (t->items[i]->value.n && t->items[i]->value.s[0] != '@')
            put_member(vm, b, text_slice(t->items[i]->value), t->items[i]->items[0]);
    if (!json_is_container(t))
        put_escaped(b, text_slice(scalar_text(vm, t->value)));
    buf_printf(b, "</%.*s>", SLICE_ARG(name));
    vm_charge(vm, t->n);
}

/* "?xml" of a root object: the document's declaration. */
static struct expr_value declaration_of(struct vm *vm, const struct jtoken *t)
{
    static const char *const names[] = { "@version", "@encoding", "@standalone" };
    struct expr_value fields[3] = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        const struct jtoken *p = t->kind == JSON_K_OBJECT ? json_property(t, slice_from(names[i])) : NULL;

        if (p && !json_is_container(p->items[0]) && p->items[0]->value.kind != EXPR_NULL)
            fields[i] = scalar_text(vm, p->items[0]->value);
    }
    return tuple_make(vm, TYPE_OF(XDECLARATION), 3, fields);
}

struct expr_value json_make_xml(struct vm *vm, const struct jtoken *t, struct expr_value root)
{
    const struct jtoken *declaration = root.kind == EXPR_STRING ? NULL : json_property(t, SLICE("?xml")), *first = NULL;
    struct xobject *doc;
    unsigned elements = 0;
    struct buf b;

    for (uint32_t i = 0; i < t->n; i++)
        if (t->items[i] != declaration && ++elements == 1)
            first = t->items[i];
    buf_init(&b, vm->arena);
    if (root.kind == EXPR_STRING)
        put_element(vm, &b, text_slice(root), t);
    else if (elements != 1 || first->items[0]->kind == JSON_K_ARRAY)
        return vm_throw(vm, TYPE_JSONSERIALIZATIONEXCEPTION, "JSON root object has multiple properties. The root object must have a single property in "
                        "order to create a valid XML document. Consider specifying a DeserializeRootElementName. Path ''.");
    else
        put_member(vm, &b, text_slice(first->value), first->items[0]);
    if (b.failed || vm->thrown)
        return vm->thrown ? expr_value_null() : vm_throw_budget(vm, "memory");
    doc = xml_read(vm, buf_slice(&b), true);
    if (doc && declaration)
        doc->extra[0] = declaration_of(vm, declaration->items[0]);
    return doc && !vm->thrown ? object_value(doc) : expr_value_null();
}

NATIVE(json_to_xml)
{
    struct jtoken *t;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    t = json_read(vm, text_slice(a[0]), TYPE_JTOKEN);
    if (!t || t->kind == JSON_K_NULL)
        return expr_value_null();
    if (t->kind != JSON_K_OBJECT)
        return vm_throw(vm, TYPE_JSONSERIALIZATIONEXCEPTION, "XmlNodeConverter can only convert JSON that begins with an object. Path ''.");
    return json_make_xml(vm, t, site->n > 1 ? a[1] : expr_value_null());
}
