/* System.Xml.Linq: properties, conversions and sequences of nodes. */
#include "policy/expr/lib/comparer.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/xml_int.h"

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
        return xml_or_null(NODE(a[0])->field); \
    }
LINK(xml_next, next)
LINK(xml_previous, previous)
LINK(xml_first, first)
LINK(xml_last, last)
LINK(xelement_first_attribute, first_attr)
LINK(xelement_last_attribute, last_attr)

static struct expr_value written(struct vm *vm, const struct xobject *x, unsigned options)
{
    struct buf b;

    buf_init(&b, vm->arena);
    xml_write(vm, &b, x, options);
    if (vm->thrown)
        return expr_value_null();
    return b.failed ? vm_throw_budget(vm, "memory") : b.n ? text_value(buf_slice(&b)) : TEXT("");
}

NATIVE(xml_to_string)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), 0);
}

NATIVE(xml_to_string_options)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), (unsigned)a[1].i);
}

NATIVE(xml_print)
{
    NEED_THIS;
    return written(vm, NODE(a[0]), XML_UNFORMATTED);
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

/* XML Schema's "-P1Y2M3DT4H5M6.7S" in ticks, a year of 365 and a month of 30 days as .NET counts them. */
static bool read_duration(struct slice s, int64_t *ticks)
{
    static const struct { char unit; bool time; int64_t seconds; } units[] = {
        { 'Y', false, 365 * 86400 }, { 'M', false, 30 * 86400 }, { 'D', false, 86400 }, { 'H', true, 3600 }, { 'M', true, 60 }, { 'S', true, 1 } };
    bool negative = s.n && s.p[0] == '-', time = false;
    size_t next = 0, i = negative + 1;
    int64_t sum = 0;

    if (s.n < 3u + negative || s.p[negative] != 'P')
        return false;
    while (i < s.n) {
        uint64_t n;
        int64_t fraction = 0, part = 1000000;
        size_t from;

        if (s.p[i] == 'T' && !time && i + 1 < s.n) {
            time = true;
            i++;
        }
        for (from = i; i < s.n && ascii_is_digit(s.p[i]);)
            i++;
        if (!slice_to_u64(slice_sub(s, from, i), UINT64_C(10000000000), &n))
            return false;
        if (i < s.n && s.p[i] == '.')
            for (i++; i < s.n && ascii_is_digit(s.p[i]); i++, part /= 10)
                fraction += (s.p[i] - '0') * part;
        while (next < COUNT_OF(units) && !(i < s.n && units[next].unit == s.p[i] && units[next].time == time))
            next++;
        if (next == COUNT_OF(units) || ((fraction || part != 1000000) && s.p[i] != 'S'))
            return false;
        if (n > (uint64_t)(INT64_MAX / 10000000 / units[next].seconds) ||
            __builtin_add_overflow(sum, (int64_t)n * units[next].seconds * 10000000 + fraction, &sum))
            return false;
        next++;
        i++;
    }
    *ticks = negative ? -sum : sum;
    return true;
}

/* What XmlConvert reads in other words than Parse does. */
static bool read_schema(struct slice s, const struct type *want, struct expr_value *out)
{
    bool infinite = slice_eq(s, SLICE("INF")) || slice_eq(s, SLICE("-INF"));
    double d = s.n && s.p[0] == '-' ? -__builtin_inf() : __builtin_inf();

    *out = (struct expr_value){ .kind = EXPR_TIMESPAN };
    if (want->id == TYPE_TIMESPAN)
        return read_duration(s, &out->i);
    *out = type_kind(want) == EXPR_F32 ? (struct expr_value){ .kind = EXPR_F32, .f = (float)d } : val_double(d);
    return infinite && (type_kind(want) == EXPR_F64 || type_kind(want) == EXPR_F32);
}

/* (int)element: XmlConvert's reading, white space around it allowed. */
NATIVE(xml_to)
{
    const struct type *want = type_strip(site->ret);
    struct expr_value text, date;
    struct slice s;

    if (a[0].kind == EXPR_NULL)
        return !type_is_value(site->ret) || type_is_nullable(site->ret) ? a[0] : vm_throw_arg_null(vm, site->on && site->on->id == TYPE_XATTRIBUTE ? "attribute" : "element");
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
    if (read_schema(s, want, &date))
        return date;
    if (want->id == TYPE_TIMESPAN)
        return vm_throw(vm, TYPE_FORMATEXCEPTION, "The string '%.*s' is not a valid TimeSpan value.", SLICE_ARG(s));
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
    if (name && (name->kind == EXPR_NULL || !xml_is_named(x, *name)))
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

static bool add_nodes_below(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_below(vm, l, x, PICK_NODES, name, false);
}

static bool add_whole_nodes(struct vm *vm, struct list_object *l, struct xobject *x, const struct expr_value *name)
{
    return pick_below(vm, l, x, PICK_NODES, name, true);
}
EACH(xmls_descendant_nodes, add_nodes_below)
EACH(xmls_descendant_nodes_and_self, add_whole_nodes)
EACH(xmls_ancestors_and_self, pick_above)

NATIVE(xmls_in_order)
{
    static const struct object order = { TYPE_OF(XNODEDOCUMENTORDERCOMPARER) };
    struct list_object *l;

    NEED(0, "source");
    l = linq_collect(vm, a[0], &type_list_object);
    return finish(vm, site, l && comparer_sort(vm, l->items, l->n, object_value(&order)), l);
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
    uint32_t n = 0;

    NEED_THIS;
    for (struct xobject *x = NODE(a[0])->first; x && a[1].kind != EXPR_NULL; x = x->next) {
        if (xml_is_element(x) && xml_is_named(x, a[1]))
            return object_value(x);
        if (++n % NODES_PER_STEP == 0 && !vm_charge(vm, 1))
            return expr_value_null();
    }
    return expr_value_null();
}

struct xobject *xml_find_attribute(struct vm *vm, struct xobject *e, struct expr_value name)
{
    struct xobject *x = name.kind == EXPR_NULL ? NULL : e->first_attr;
    uint32_t n = 0;

    while (x && !xml_is_named(x, name) && (++n % NODES_PER_STEP || vm_charge(vm, 1)))
        x = x->next;
    return vm->thrown ? NULL : x;
}

NATIVE(xelement_attribute)
{
    NEED_THIS;
    return xml_or_null(xml_find_attribute(vm, NODE(a[0]), a[1]));
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

static unsigned levels_above(const struct xobject *x)
{
    unsigned n = 0;

    while ((x = x->parent))
        n++;
    return n;
}

/* Order in the document: -1, 0, 1. Exception when the two have nothing in common. */
static int document_order(struct vm *vm, const struct xobject *x, const struct xobject *y)
{
    unsigned m = levels_above(x), n = levels_above(y);
    const struct xobject *p = x, *q = y;
    uint32_t steps = 0;

    if (x == y)
        return 0;
    for (unsigned i = n; i < m; i++)
        p = p->parent;
    for (unsigned i = m; i < n; i++)
        q = q->parent;
    if (p == q)
        return m < n ? -1 : 1;
    while (p->parent != q->parent) {
        p = p->parent;
        q = q->parent;
    }
    if (!p->parent) {
        vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "A common ancestor is missing.");
        return 0;
    }
    /* from p both ways at once: as many steps as the two are apart */
    for (const struct xobject *f = p, *b = p; f != q && b != q; steps++) {
        f = f ? f->next : NULL;
        b = b ? b->previous : NULL;
        if (f == q)
            return -1;
        if (steps % 16 == 15 && !vm_charge(vm, 1))
            return 0;
    }
    return 1;
}

int xml_document_order(struct vm *vm, struct expr_value x, struct expr_value y)
{
    if (x.kind == EXPR_NULL || y.kind == EXPR_NULL)
        return x.kind == y.kind ? 0 : x.kind == EXPR_NULL ? -1 : 1;
    if (!xml_is(x) || !xml_is(y)) { /* items of a sequence of any type */
        vm_throw_cast(vm);
        return 0;
    }
    return document_order(vm, NODE(x), NODE(y));
}

NATIVE(xml_compare_order)
{
    return val_int(xml_document_order(vm, a[0], a[1]));
}

NATIVE(xml_is_before)
{
    NEED_THIS;
    return val_bool(xml_document_order(vm, a[0], a[1]) < 0);
}

NATIVE(xml_is_after)
{
    NEED_THIS;
    return val_bool(xml_document_order(vm, a[0], a[1]) > 0);
}

/* XNode.EqualityComparer and DocumentOrderComparer have no state: one for all, which a collection may keep longer than
 * an evaluation. */
NATIVE(xml_comparer_new)
{
    static const struct object equality = { TYPE_OF(XNODEEQUALITYCOMPARER) }, order = { TYPE_OF(XNODEDOCUMENTORDERCOMPARER) };

    return object_value(site->ret->id == TYPE_XNODEEQUALITYCOMPARER ? &equality : &order);
}

NATIVE(xml_comparer_compare)
{
    return val_int(xml_document_order(vm, a[1], a[2]));
}

NATIVE(xml_comparer_equals)
{
    return net_xml_deep_equals(vm, site, a + 1);
}

static uint32_t deep_hash(struct vm *vm, const struct xobject *x)
{
    uint32_t h = x->head.type->id * 31u + value_hash(vm, x->name) * 17u + (uint32_t)value_hash(vm, x->value);

    for (const struct xobject *c = x->first; c; c = c->next)
        h = h * 31u + deep_hash(vm, c);
    return vm_charge(vm, 1) ? h : 0;
}

NATIVE(xml_comparer_hash)
{
    return val_int(a[1].kind == EXPR_NULL ? 0 : (int32_t)(deep_hash(vm, NODE(a[1])) & INT32_MAX));
}

NATIVE(xml_base_uri)
{
    NEED_THIS;
    return TEXT("");
}

NATIVE(xml_no_sequence)
{
    return finish(vm, site, true, new_list(vm));
}

NATIVE(xelement_default_namespace)
{
    const struct expr_value *uri;

    NEED_THIS;
    uri = xml_uri_of(NODE(a[0]), SLICE(""));
    return xml_make_namespace(vm, uri ? *uri : TEXT(""));
}

NATIVE(xelement_namespace_of)
{
    const struct expr_value *uri;

    NEED_THIS;
    uri = xml_uri_of(NODE(a[0]), text_slice(a[1]));
    return uri ? xml_make_namespace(vm, *uri) : expr_value_null();
}

NATIVE(xelement_prefix_of)
{
    struct slice prefix;

    NEED_THIS;
    NEED(1, "ns");
    return xml_prefix_of(NODE(a[0]), text_slice(FIELD(a[1], 0)), &prefix) ? text_value(prefix) : expr_value_null();
}

