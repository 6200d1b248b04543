/* What `body` is in a template: JSON, text, or XML as members.
 *
 * An element is the text in it when it has neither attributes nor child elements, else an object of its attributes and child
 * elements by local name, text beside them as "#text"; elements of one name are a list. `body` of a document is an object with
 * the root element as its one member. Attributes and text beside elements are JRaw tokens, so that a loop over an element's
 * children knows what is none. */
#include "platform/xml.h"
#include "policy/expr/lib/json.h"
#include "policy/liquid/tree.h"

static struct slice local_name(struct slice name)
{
    return slice_skip(name, (size_t)(slice_find_byte(name, ':') + 1));
}

static bool is_declaration(struct slice name)
{
    return slice_eq(name, SLICE("xmlns")) || slice_starts(name, SLICE("xmlns:"));
}

/* xsi:nil, whatever the prefix. */
static const struct xml_attr *nil_of(const struct xml_node *n)
{
    const struct xml_attr *a = n->attrs;

    while (a && !(slice_ends(a->name, SLICE(":nil")) &&
                  slice_eq(xml_namespace(n, slice_first(a->name, a->name.n - 4)), SLICE("http://www.w3.org/2001/XMLSchema-instance"))))
        a = a->next;
    return a;
}

static bool has_members(const struct xml_node *n, const struct xml_attr *nil)
{
    for (const struct xml_attr *a = n->attrs; a; a = a->next)
        if (!is_declaration(a->name) && a != nil)
            return true;
    return xml_child(n, NULL) != NULL;
}

/* Add a member; a second one of the name makes a list of both. */
static bool add(struct vm *vm, struct jtoken *o, struct slice name, struct jtoken *value)
{
    struct jtoken *p = json_property(o, name), *list;

    if (!value || !vm_charge(vm, 1 + o->n / 32))
        return false;
    if (!p || !p->n)
        return json_set(vm, o, expr_value_from_text(vm->arena, name), value);
    list = p->items[0];
    if (list->kind != JSON_K_ARRAY) {
        struct jtoken *first = list;

        if (!(list = json_new(vm, TYPE_JARRAY, JSON_K_ARRAY)))
            return false;
        json_remove(p, 0);
        first->parent = NULL;
        if (!json_append(vm, list, first) || !json_insert(vm, p, 0, list))
            return false;
    }
    return json_append(vm, list, value);
}

static struct jtoken *text_token(struct vm *vm, struct slice text)
{
    return json_value(vm, expr_value_from_text(vm->arena, text.p ? text : SLICE("")));
}

/* What is no element. */
static struct jtoken *raw_token(struct vm *vm, struct slice text)
{
    struct jtoken *t = json_new(vm, TYPE_JRAW, JSON_K_RAW);

    if (t)
        t->value = expr_value_from_text(vm->arena, text.p ? text : SLICE(""));
    return t;
}

static struct jtoken *read_element(struct vm *vm, const struct xml_node *n, const struct liquid_body *body);

static struct jtoken *read_members(struct vm *vm, const struct xml_node *n, const struct xml_attr *nil, const struct liquid_body *body)
{
    struct jtoken *o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
    struct slice text = xml_text(vm->arena, n);

    for (const struct xml_attr *a = n->attrs; o && a; a = a->next)
        if (!is_declaration(a->name) && a != nil && !add(vm, o, local_name(a->name), raw_token(vm, a->value)))
            return NULL;
    for (const struct xml_node *k = xml_child(n, NULL); o && k; k = xml_next(k, NULL))
        if (!add(vm, o, local_name(k->name), read_element(vm, k, body)))
            return NULL;
    if (o && slice_trim(text).n && !add(vm, o, SLICE("#text"), raw_token(vm, text)))
        return NULL;
    return o;
}

static struct jtoken *read_element(struct vm *vm, const struct xml_node *n, const struct liquid_body *body)
{
    const struct xml_attr *nil = nil_of(n);
    struct jtoken *t;

    if (nil && (slice_eq(nil->value, SLICE("true")) || slice_eq(nil->value, SLICE("1"))))
        return body->nil_is_null ? json_value(vm, expr_value_null()) : text_token(vm, SLICE(""));
    if (!has_members(n, nil))
        return text_token(vm, xml_text(vm->arena, n));
    if (n->parent && !vm_enter(vm))
        return NULL;
    t = read_members(vm, n, nil, body);
    if (n->parent)
        vm_leave(vm);
    return t;
}

static struct expr_value read_xml(struct vm *vm, const struct liquid_body *body)
{
    struct xml_error err = { 0 };
    const struct xml_document *doc;
    struct jtoken *o;

    if (!vm_charge(vm, (uint32_t)(body->text.n / 64)))
        return expr_value_null();
    doc = xml_parse(vm->arena, body->text, NULL, &err);
    if (!doc)
        return vm_throw(vm, TYPE_XMLEXCEPTION, "The body is not XML: line %u, column %u: %s", err.line, err.column, err.message);
    o = json_new(vm, TYPE_JOBJECT, JSON_K_OBJECT);
    if (!o || !add(vm, o, local_name(doc->root->name), read_element(vm, doc->root, body)))
        return expr_value_null();
    return object_value(o);
}

struct expr_value liquid_read_body(struct vm *vm, const struct liquid_body *body)
{
    const struct jtoken *t;

    if (!body->text.p)
        return expr_value_null();
    if (body->format == LIQUID_TEXT)
        return expr_value_from_text(vm->arena, body->text);
    if (slice_trim(body->text).n == 0)
        return expr_value_null();
    if (body->format == LIQUID_XML)
        return read_xml(vm, body);
    t = json_read_from(vm, body->text, TYPE_JTOKEN, body->keep_dates ? 0 : JSON_DATES);
    return t ? liquid_plain(object_value(t)) : expr_value_null();
}
