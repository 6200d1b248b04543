/* System.Xml.Linq: changing a tree. */
#include "policy/expr/lib/xml_int.h"

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
    return change(xml_append(vm, NODE(a[0]), a[1]));
}

NATIVE(xml_add_first)
{
    struct xobject *after = NULL;

    NEED_THIS;
    return change(xml_insert(vm, NODE(a[0]), &after, a[1]));
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
    return change(xml_insert(vm, NODE(a[0])->parent, &after, a[1]));
}

NATIVE(xml_add_after)
{
    struct xobject *after;

    NEED_THIS;
    if (!has_parent(vm, NODE(a[0])))
        return expr_value_null();
    after = NODE(a[0]);
    return change(xml_insert(vm, after->parent, &after, a[1]));
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
    return change(xml_insert(vm, parent, &after, a[1]));
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
    return change(xml_append(vm, NODE(a[0]), l ? object_value(l) : a[1]));
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
    return change(xml_append(vm, NODE(a[0]), a[1]));
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
    text = xml_content_text(vm, a[1]);
    if (vm->thrown)
        return text;
    clear_nodes(NODE(a[0]));
    return change(xml_append(vm, NODE(a[0]), text));
}

NATIVE(xattribute_set_value)
{
    NEED_THIS;
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "value");
    NODE(a[0])->value = xml_content_text(vm, a[1]);
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
    x = xml_find_attribute(vm, NODE(a[0]), a[1]);
    if (vm->thrown)
        return expr_value_null();
    if (a[2].kind == EXPR_NULL) {
        if (x)
            xml_unlink(x);
        return expr_value_null();
    }
    if (x) {
        x->value = xml_content_text(vm, a[2]);
        return expr_value_null();
    }
    struct expr_value made = net_xattribute_new(vm, site, a + 1);
    if (!vm->thrown)
        xml_add_attribute(vm, NODE(a[0]), NODE(made));
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
        return change(!vm->thrown && xml_append(vm, NODE(a[0]), e));
    }
    if (a[2].kind == EXPR_NULL)
        xml_unlink(NODE(e));
    else
        net_xelement_set_value(vm, site, pair);
    return expr_value_null();
}
