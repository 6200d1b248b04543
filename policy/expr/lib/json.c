/* JToken and its classes: members. The tree is in json_tree.c, reading in json_read.c. */
#include "policy/expr/format.h"
#include "policy/expr/lib/json.h"
#include "policy/expr/lib/lib.h"

#define NEED_THIS if (a[0].kind == EXPR_NULL) return vm_throw_null(vm)
#define TOKEN(v) OBJECT(v, jtoken)

static struct expr_value token_value(struct jtoken *t)
{
    return t ? object_value(t) : expr_value_null();
}

static struct expr_value parse(struct vm *vm, struct expr_value text, unsigned type)
{
    if (text.kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "s");
    return token_value(json_read(vm, text_slice(text), type));
}

NATIVE(jtoken_parse)
{
    return parse(vm, a[0], TYPE_JTOKEN);
}

NATIVE(jobject_parse)
{
    return parse(vm, a[0], TYPE_JOBJECT);
}

NATIVE(jarray_parse)
{
    return parse(vm, a[0], TYPE_JARRAY);
}

NATIVE(jtoken_type)
{
    NEED_THIS;
    return val_enum(TYPE_JTOKENTYPE, TOKEN(a[0])->kind);
}

NATIVE(jtoken_parent)
{
    NEED_THIS;
    return token_value(TOKEN(a[0])->parent);
}

NATIVE(jtoken_has_values)
{
    NEED_THIS;
    return val_bool(TOKEN(a[0])->n > 0);
}

static struct expr_value print(struct vm *vm, const struct jtoken *t, bool indented)
{
    struct buf b;

    buf_init(&b, vm->arena);
    json_print(vm, &b, t, indented);
    if (b.failed)
        return vm_throw_budget(vm, "memory");
    return text_value(buf_slice(&b));
}

NATIVE(jtoken_to_string)
{
    const struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (t->head.type->id == TYPE_JVALUE)
        return t->value.kind == EXPR_NULL ? TEXT("") : value_to_string(vm, t->value);
    return print(vm, t, true);
}

NATIVE(jtoken_to_string_formatting)
{
    NEED_THIS;
    return print(vm, TOKEN(a[0]), a[1].i == 1);
}

static struct expr_value object_item(struct jtoken *t, struct expr_value name)
{
    struct jtoken *p = name.kind == EXPR_STRING ? json_property(t, text_slice(name)) : NULL;

    return p ? object_value(p->items[0]) : expr_value_null();
}

static struct expr_value array_item(struct vm *vm, struct jtoken *t, int64_t i)
{
    return i < 0 || i >= t->n ? vm_throw_index(vm) : object_value(t->items[i]);
}

/* token[key]: by the token's own class. */
NATIVE(jtoken_item)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    switch (t->head.type->id) {
    case TYPE_JOBJECT:
        if (a[1].kind != EXPR_STRING)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Accessed JObject values with invalid key value: %.*s. Object property name expected.",
                            SLICE_ARG(value_text(vm, a[1])));
        return object_item(t, a[1]);
    case TYPE_JARRAY:
        if (a[1].kind != EXPR_I32)
            return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Accessed JArray values with invalid key value: \"%.*s\". Int32 array index expected.",
                            SLICE_ARG(value_text(vm, a[1])));
        return array_item(vm, t, a[1].i);
    default:
        return vm_throw(vm, TYPE_INVALIDOPERATIONEXCEPTION, "Cannot access child value on %s.%s.", type_defs[t->head.type->id].ns,
                        type_defs[t->head.type->id].name);
    }
}

NATIVE(jobject_item)
{
    NEED_THIS;
    return object_item(TOKEN(a[0]), a[1]);
}

NATIVE(jarray_item)
{
    NEED_THIS;
    return array_item(vm, TOKEN(a[0]), a[1].i);
}

static struct jtoken *or_null(struct vm *vm, struct expr_value v)
{
    return v.kind == EXPR_NULL ? json_value(vm, v) : TOKEN(v);
}

static struct expr_value set_array(struct vm *vm, struct jtoken *t, int64_t i, struct expr_value v)
{
    struct jtoken *item = or_null(vm, v);

    if (i < 0 || i >= t->n)
        return vm_throw_index(vm);
    if (item && item->parent)
        item = json_clone(vm, item);
    if (item) {
        t->items[i]->parent = NULL;
        t->items[i] = item;
        item->parent = t;
    }
    return expr_value_null();
}

NATIVE(jtoken_set_item)
{
    struct jtoken *t;

    NEED_THIS;
    t = TOKEN(a[0]);
    if (t->head.type->id == TYPE_JOBJECT && a[1].kind == EXPR_STRING)
        json_set(vm, t, a[1], or_null(vm, a[2]));
    else if (t->head.type->id == TYPE_JARRAY && a[1].kind == EXPR_I32)
        return set_array(vm, t, a[1].i, a[2]);
    else
        return net_jtoken_item(vm, site, a);
    return expr_value_null();
}

NATIVE(jobject_set_item)
{
    NEED_THIS;
    json_set(vm, TOKEN(a[0]), a[1], or_null(vm, a[2]));
    return expr_value_null();
}

NATIVE(jarray_set_item)
{
    NEED_THIS;
    return set_array(vm, TOKEN(a[0]), a[1].i, a[2]);
}

NATIVE(jtoken_from)
{
    return a[0].kind == EXPR_NULL && site->ret->id != TYPE_JTOKEN ? expr_value_null() : token_value(json_value(vm, a[0]));
}

NATIVE(jtoken_to)
{
    return json_convert(vm, a[0], site->ret);
}

NATIVE(jtoken_value_of)
{
    struct expr_value item;

    NEED_THIS;
    item = net_jtoken_item(vm, site, a);
    return vm->thrown ? item : json_convert(vm, item, site->targs[0]);
}

/* Children as a list: what foreach over a token walks. */
NATIVE(jtoken_iterate)
{
    const struct jtoken *t;
    struct list_object *l;

    NEED_THIS;
    t = TOKEN(a[0]);
    l = list_make(vm, &type_list_object, t->n);
    for (uint32_t i = 0; l && i < t->n; i++)
        l->items[l->n++] = object_value(t->items[i]);
    return l ? object_value(l) : expr_value_null();
}

/* A JObject walks as KeyValuePair<string, JToken>. */
NATIVE(jobject_iterate)
{
    static const struct type *const args[] = { TYPE_OF(STRING), TYPE_OF(JTOKEN) };
    static const struct type pair = { .id = TYPE_KEYVALUEPAIR, .n = 2, .args = args };
    const struct jtoken *t;
    struct list_object *l;

    NEED_THIS;
    t = TOKEN(a[0]);
    l = list_make(vm, &type_list_object, t->n);
    for (uint32_t i = 0; l && i < t->n && !vm->thrown; i++)
        l->items[l->n++] = tuple_make2(vm, &pair, t->items[i]->value, object_value(t->items[i]->items[0]));
    return l ? object_value(l) : expr_value_null();
}

NATIVE(jcontainer_count)
{
    NEED_THIS;
    return val_int((int32_t)TOKEN(a[0])->n);
}

NATIVE(jcontainer_add)
{
    NEED_THIS;
    json_add_content(vm, TOKEN(a[0]), a[1]);
    return expr_value_null();
}

static struct expr_value with_content(struct vm *vm, unsigned type, enum json_kind kind, struct expr_value params)
{
    struct jtoken *t = json_new(vm, type, kind);
    const struct list_object *l = params.p;

    for (uint32_t i = 0; t && params.kind == EXPR_OBJECT && i < l->n; i++)
        if (!json_add_content(vm, t, l->items[i]))
            return expr_value_null();
    return token_value(t);
}

NATIVE(jobject_new)
{
    return with_content(vm, TYPE_JOBJECT, JSON_K_OBJECT, a[0]);
}

NATIVE(jarray_new)
{
    return with_content(vm, TYPE_JARRAY, JSON_K_ARRAY, a[0]);
}

NATIVE(jobject_contains_key)
{
    NEED_THIS;
    return val_bool(a[1].kind == EXPR_STRING && json_property(TOKEN(a[0]), text_slice(a[1])));
}

NATIVE(jobject_add)
{
    NEED_THIS;
    if (json_property(TOKEN(a[0]), text_slice(a[1])))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "Can not add property %.*s to Newtonsoft.Json.Linq.JObject. Property with the same name already exists on object.",
                        (int)a[1].n, a[1].s);
    json_set(vm, TOKEN(a[0]), a[1], or_null(vm, a[2]));
    return expr_value_null();
}

/* The value of a property: one token, or an array of several. */
static struct jtoken *property_content(struct vm *vm, struct expr_value content)
{
    struct jtoken *array;

    if (jtoken_is(content))
        return TOKEN(content)->parent ? json_clone(vm, TOKEN(content)) : TOKEN(content);
    if (content.kind == EXPR_OBJECT && type_element(vm->arena, type_of_value(content)) && !type_eq(type_of_value(content), &type_bytes)) {
        array = json_new(vm, TYPE_JARRAY, JSON_K_ARRAY);
        return array && json_add_content(vm, array, content) ? array : NULL;
    }
    return json_value(vm, content);
}

NATIVE(jproperty_new)
{
    struct jtoken *p, *value;

    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "name");
    p = json_new(vm, TYPE_JPROPERTY, JSON_K_PROPERTY);
    value = p ? property_content(vm, a[1]) : NULL;
    if (!value)
        return expr_value_null();
    p->value = a[0];
    json_append(vm, p, value);
    return object_value(p);
}

NATIVE(jproperty_name)
{
    NEED_THIS;
    return TOKEN(a[0])->value;
}

NATIVE(jproperty_value)
{
    NEED_THIS;
    return object_value(TOKEN(a[0])->items[0]);
}

NATIVE(jproperty_set_value)
{
    struct jtoken *v;

    NEED_THIS;
    v = or_null(vm, a[1]);
    if (v && v->parent)
        v = json_clone(vm, v);
    if (v) {
        TOKEN(a[0])->items[0]->parent = NULL;
        TOKEN(a[0])->items[0] = v;
        v->parent = TOKEN(a[0]);
    }
    return expr_value_null();
}

NATIVE(jvalue_new)
{
    return token_value(json_value(vm, a[0]));
}

NATIVE(jvalue_value)
{
    NEED_THIS;
    return TOKEN(a[0])->value;
}
