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

/* json:Array="true" makes an array of an element that stands alone; the mark itself is not written. */
#define JSON_URI "http://james.newtonking.com/projects/json"

static bool is_mark(const struct xobject *a)
{
    return slice_eq(text_slice(xml_is_declaration(a) ? a->value : a->ns), SLICE(JSON_URI));
}

static bool is_marked(const struct xobject *x)
{
    const struct xobject *a = x->first_attr;

    while (a && !(is_mark(a) && slice_eq(text_slice(a->name), SLICE("Array")) && slice_eq(text_slice(a->value), SLICE("true"))))
        a = a->next;
    return a != NULL;
}

static struct jtoken *array_of(struct vm *vm, struct jtoken *value)
{
    struct jtoken *array = value ? json_new(vm, TYPE_JARRAY, JSON_K_ARRAY) : NULL;

    return array && json_append(vm, array, value) ? array : NULL;
}

/* Add a member; the second of a name makes an array of it. */
static bool add_member(struct vm *vm, struct jtoken *o, struct expr_value name, struct jtoken *value)
{
    struct jtoken *p = value ? json_property(o, text_slice(name)) : NULL, *array;

    if (!p)
        return value && json_set(vm, o, name, value);
    array = p->items[0];
    if (array->kind != JSON_K_ARRAY) {
        array = array_of(vm, p->items[0]);
        if (!array || !json_put(vm, p, 0, array))
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

static bool element_member(struct vm *vm, struct jtoken *o, const struct xobject *x)
{
    struct expr_value name = written_name(vm, x, x, "");
    struct jtoken *t = element_token(vm, x);

    if (is_marked(x) && !json_property(o, text_slice(name)))
        t = array_of(vm, t);
    return add_member(vm, o, name, t);
}

static bool node_member(struct vm *vm, struct jtoken *o, const struct xobject *x)
{
    switch (x->head.type->id) {
    case TYPE_XELEMENT: return element_member(vm, o, x);
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
    bool bare = true;
    struct jtoken *o;

    for (const struct xobject *a = e->first_attr; a; a = a->next)
        bare &= is_mark(a);
    if (!e->first_attr && !e->first)
        return json_value(vm, e->open ? TEXT("") : expr_value_null());
    if (bare && e->first && e->first == e->last && e->first->head.type->id == TYPE_XTEXT)
        return json_value(vm, e->first->value);
    o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
    for (const struct xobject *a = e->first_attr; o && a; a = a->next)
        if (!is_mark(a) && !add_member(vm, o, written_name(vm, a, e, "@"), json_value(vm, a->value)))
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
/* What is written, and whether an array of one item is marked as such. */
struct maker {
    struct vm *vm;
    struct buf b;
    bool marks;
};

static void put_element(struct maker *m, struct slice name, const struct jtoken *t, bool marked);

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

/* Is "_xHHHH_" at p? It would be read as an escape. */
static bool is_escape(struct slice s)
{
    if (s.n < 7 || s.p[0] != '_' || s.p[1] != 'x' || s.p[6] != '_')
        return false;
    for (size_t i = 2; i < 6; i++)
        if (ascii_hex_value(s.p[i]) < 0)
            return false;
    return true;
}

/* XmlConvert.EncodeName: what a name cannot have is written _xHHHH_, so that no key becomes markup. */
static void put_name(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool first = i == 0, fine = (c & 0x80) || ascii_is_alpha(c) || c == '_' || c == ':' || (!first && (ascii_is_digit(c) || c == '-' || c == '.'));

        if (fine && !is_escape(slice_skip(s, i)))
            buf_putc(b, c);
        else
            buf_printf(b, "_x%04X_", (unsigned char)c);
    }
}

static void put_member(struct maker *m, struct slice name, const struct jtoken *t, bool marked)
{
    struct vm *vm = m->vm;
    struct buf *b = &m->b;

    if (t->kind == JSON_K_ARRAY) {
        for (uint32_t i = 0; i < t->n; i++)
            put_member(m, name, t->items[i], m->marks && t->n == 1);
    } else if (slice_eq(name, SLICE("#text"))) {
        put_escaped(b, text_slice(scalar_text(vm, t->value)));
    } else if (slice_eq(name, SLICE("#cdata-section"))) {
        if (slice_find(value_text(vm, t->value), SLICE("]]>")) >= 0)
            vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Cannot have ']]>' inside an XML CDATA block.");
        buf_printf(b, "<![CDATA[%.*s]]>", SLICE_ARG(value_text(vm, t->value)));
    } else if (name.n && name.p[0] == '?') {
        if (slice_find(value_text(vm, t->value), SLICE("?>")) >= 0)
            return;
        buf_puts(b, "<?");
        put_name(b, slice_skip(name, 1));
        buf_printf(b, " %.*s?>", SLICE_ARG(value_text(vm, t->value)));
    } else {
        put_element(m, name, t, marked);
    }
}

static void put_element(struct maker *m, struct slice name, const struct jtoken *t, bool marked)
{
    struct vm *vm = m->vm;
    struct buf *b = &m->b;

    if (vm->thrown)
        return;
    buf_putc(b, '<');
    put_name(b, name);
    for (uint32_t i = 0; t->kind == JSON_K_OBJECT && i < t->n; i++) {
        struct slice key = text_slice(t->items[i]->value);

        if (key.n > 1 && key.p[0] == '@' && !json_is_container(t->items[i]->items[0])) {
            buf_putc(b, ' ');
            put_name(b, slice_skip(key, 1));
            buf_puts(b, "=\"");
            put_escaped(b, text_slice(scalar_text(vm, t->items[i]->items[0]->value)));
            buf_putc(b, '"');
        }
    }
    if (marked)
        buf_puts(b, " json:Array=\"true\" xmlns:json=\"" JSON_URI "\"");
    if (t->kind == JSON_K_NULL || (t->kind == JSON_K_OBJECT && t->n == 0)) {
        buf_puts(b, "/>");
        return;
    }
    buf_putc(b, '>');
    for (uint32_t i = 0; t->kind == JSON_K_OBJECT && i < t->n; i++)
        if (t->items[i]->value.n && t->items[i]->value.s[0] != '@')
            put_member(m, text_slice(t->items[i]->value), t->items[i]->items[0], false);
    if (!json_is_container(t))
        put_escaped(b, text_slice(scalar_text(vm, t->value)));
    buf_puts(b, "</");
    put_name(b, name);
    buf_putc(b, '>');
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

struct expr_value json_make_xml(struct vm *vm, const struct jtoken *t, struct expr_value root, bool marks)
{
    const struct jtoken *declaration = root.kind == EXPR_STRING ? NULL : json_property(t, SLICE("?xml")), *first = NULL;
    struct xobject *doc;
    unsigned elements = 0;
    struct maker m = { .vm = vm, .marks = marks };

    for (uint32_t i = 0; i < t->n; i++)
        if ((!declaration || t->items[i] != declaration) && ++elements == 1)
            first = t->items[i];
    buf_init(&m.b, vm->arena);
    if (root.kind == EXPR_STRING)
        put_element(&m, text_slice(root), t, false);
    else if (!first || elements != 1 || first->items[0]->kind == JSON_K_ARRAY)
        return vm_throw(vm, TYPE_JSONSERIALIZATIONEXCEPTION, "JSON root object has multiple properties. The root object must have a single property in "
                        "order to create a valid XML document. Consider specifying a DeserializeRootElementName. Path ''.");
    else
        put_member(&m, text_slice(first->value), first->items[0], false);
    if (m.b.failed || vm->thrown)
        return vm->thrown ? expr_value_null() : vm_throw_budget(vm, "memory");
    doc = xml_read(vm, buf_slice(&m.b), true);
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
    return json_make_xml(vm, t, site->n > 1 ? a[1] : expr_value_null(), site->n > 2 && a[2].i);
}
